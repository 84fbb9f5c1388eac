//! Data sets that published figures are about.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use tenure_stats::{PurchaseSummary, Spend};

/// One customer's purchase days, as days since 1970 with their amounts.
pub type Days = BTreeMap<i64, f64>;

/// The CDNOW sample of 2,357 customers.
pub fn cdnow() -> Vec<Days> {
    let text = include_str!("../../../tenure-ingest/data/cdnow-sample/transactions.csv");
    let mut customers: BTreeMap<&str, Days> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let [_, id, date, _, amount] = *line.split(',').collect::<Vec<_>>() else { panic!("{line}") };
        *customers.entry(id).or_default().entry(day(date)).or_default() += amount.parse::<f64>().unwrap();
    }
    customers.into_values().collect()
}

/// A file that lies beside the workspace; tells where it is absent.
fn shared(path: &str) -> Option<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = ["../../../shared/data", "../../../../shared/data"]
        .iter()
        .find_map(|shared| std::fs::read(root.join(shared).join(path)).ok());
    if found.is_none() {
        println!("skipped: {path} is not at hand");
    }
    found
}

/// Donors: histories of six yearly opportunities.
pub fn donations() -> Option<Vec<PurchaseSummary>> {
    let text = String::from_utf8(shared("donations-bgbb/recency_frequency.csv")?).unwrap();
    let mut donors = Vec::new();
    for line in text.lines().skip(1) {
        let cells: Vec<u32> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
        let [frequency, recency, age, customers] = cells[..] else { panic!("{line}") };
        let history = PurchaseSummary { frequency, recency: recency.into(), age: age.into() };
        donors.extend((0..customers).map(|_| history));
    }
    Some(donors)
}

/// UCI Online Retail: purchase days are those of invoices that are worth something.
pub fn uci() -> Option<Vec<Days>> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(&*shared("uci-online-retail/invoices.csv.gz")?)
        .read_to_string(&mut text)
        .unwrap();
    let mut customers: BTreeMap<&str, Days> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let cells: Vec<_> = line.split(',').collect();
        let amount: f64 = cells[5].parse().unwrap();
        if amount > 0.0 && !cells[1].starts_with('C') {
            *customers.entry(cells[0]).or_default().entry(day(&cells[2][..10])).or_default() += amount;
        }
    }
    Some(customers.into_values().collect())
}

/// Histories at the end of a day, in units of `unit` days; customers who came later are left out.
pub fn summaries(customers: &[Days], end: &str, unit: f64) -> Vec<PurchaseSummary> {
    let end = day(end);
    customers
        .iter()
        .filter_map(|days| {
            let first = *days.keys().next().filter(|first| **first <= end)?;
            let within = || days.keys().take_while(|day| **day <= end);
            let span = |days: i64| f64::from(u32::try_from(days).unwrap()) / unit;
            Some(PurchaseSummary {
                frequency: u32::try_from(within().count()).unwrap() - 1,
                recency: span(within().last()? - first),
                age: span(end - first),
            })
        })
        .collect()
}

/// What repeat buyers spent on their repeat days, up to the end of a day.
pub fn spends(customers: &[Days], end: &str) -> Vec<Spend> {
    let end = day(end);
    customers
        .iter()
        .filter_map(|days| {
            let amounts: Vec<f64> = days.range(..=end).skip(1).map(|(_, amount)| *amount).collect();
            let purchases = u32::try_from(amounts.len()).ok()?;
            let mean_amount = amounts.iter().sum::<f64>() / f64::from(purchases);
            (mean_amount > 0.0).then_some(Spend { purchases, mean_amount })
        })
        .collect()
}

/// Days since 1970 of a date as `1997-09-30`. Hinnant's algorithm.
pub fn day(date: &str) -> i64 {
    let [year, month, day] = date.split('-').map(|part| part.parse::<i64>().unwrap()).collect::<Vec<_>>()[..]
    else {
        panic!("{date}")
    };
    let year = if month <= 2 { year - 1 } else { year };
    let (era, month) = (year.div_euclid(400), (month + 9) % 12);
    let of_era = year - era * 400;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * month + 2) / 5 + day - 1 - 719_468
}
