//! Goldens on real data: the CDNOW sample of 2,357 customers. The numbers were computed apart from this library, in
//! Python with exact fractions.

use std::collections::BTreeMap;
use std::path::Path;

use tenure_core::fold::{Partition, Projection, States};
use tenure_core::log::{Append, Cut, Log};
use tenure_core::projection::rfm::{Rfm, RfmPolicy};
use tenure_core::report::rfm::{Population, RfmAnswer, RfmReport};
use tenure_core::report::{Report, add_all};
use tenure_core::{Customer, CustomerEvent, Event, EventId, LocalTime, Money, Rates, Timestamp, Zone};

/// The sample as a log, or nothing where the data is not at hand.
pub fn log() -> Option<Log> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let paths = [
        "../tenure-ingest/data/cdnow-sample/transactions.csv",
        "../../../shared/data/cdnow-sample/transactions.csv",
        "../../../../shared/data/cdnow-sample/transactions.csv",
    ];
    let Some(text) = paths.iter().find_map(|path| std::fs::read_to_string(root.join(path)).ok()) else {
        println!("skipped: transactions.csv of the CDNOW sample is at none of {paths:?}");
        return None;
    };
    let usd = "USD".parse().unwrap();
    let orders = text.lines().skip(1).enumerate().map(|(row, line)| {
        let [_, sample_id, date, _, amount] = *line.split(',').collect::<Vec<_>>() else { panic!("{line}") };
        let at = Zone::UTC.instant(LocalTime::midnight(date.parse().unwrap())).unwrap();
        let total = Some(Money::parse(amount, usd).unwrap());
        Event::new(
            EventId::from_foreign("cdnow", &row.to_string()),
            Customer::parse(sample_id, "cdnow").unwrap(),
            at,
            CustomerEvent::OrderPlaced { order: None, total, lines: vec![] },
        )
        .unwrap()
    });
    let mut log = Log::new();
    log.append(&Append::new(orders.collect()), Timestamp::MAX).unwrap();
    Some(log)
}

pub fn end_of(date: &str) -> Timestamp {
    Zone::UTC.end_of_day(date.parse().unwrap()).unwrap()
}

pub fn rfm(policy: &str) -> Rfm {
    let policy: RfmPolicy = toml::from_str(policy).unwrap();
    Rfm::new(policy, Zone::UTC, None, Rates::default()).unwrap()
}

fn answer(log: &Log, policy: &str) -> RfmAnswer {
    let (rfm, as_of) = (rfm(policy), end_of("1998-06-30"));
    let states = States::of_log(rfm.clone(), Cut::default(), log);
    let report = RfmReport::new(&rfm, as_of);
    report.finish(add_all(&report, &states, as_of)).unwrap()
}

fn counts(answer: &RfmAnswer) -> BTreeMap<&str, u64> {
    answer.segments.iter().map(|segment| (segment.code.as_str(), segment.customers)).collect()
}

#[test]
fn sums_over_all_customers() {
    let Some(log) = log() else { return };
    let all = answer(&log, "");
    assert_eq!((all.customers.len(), all.unscored.len()), (2_357, 0));
    assert_eq!(all.customers.iter().map(|row| u64::from(row.recency_days)).sum::<u64>(), 875_776);
    assert_eq!(all.customers.iter().map(|row| row.frequency).sum::<u64>(), 6_696);
    assert_eq!(all.customers.iter().map(|row| row.monetary.minor).sum::<i128>(), 24_409_194);
    let orders = answer(&log, "frequency = 'orders'");
    assert_eq!(orders.customers.iter().map(|row| row.frequency).sum::<u64>(), 6_919);
}

#[test]
fn quintiles_and_eleven_segments() {
    let Some(log) = log() else { return };
    let all = answer(&log, "");
    let edges = serde_json::to_value(all.edges.scores.unwrap()).unwrap();
    let published = serde_json::json!({
        "r": [152, 442, 486, 512], "f": [1, 1, 2, 4], "m": [1536, 3195.8, 5925, 13043.6]
    });
    assert_eq!(edges, published);
    let expected = [
        ("about_to_sleep", 219),
        ("at_risk", 158),
        ("cant_lose_them", 7),
        ("champions", 799),
        ("hibernating", 386),
        ("lost", 167),
        ("loyal_customers", 287),
        ("needs_attention", 183),
        ("new_customers", 0),
        ("potential_loyalist", 1),
        ("promising", 150),
    ];
    assert_eq!(counts(&all), BTreeMap::from(expected));
    let ranked = answer(&log, "scoring = 'rank'");
    assert_eq!((counts(&ranked)["champions"], counts(&ranked)["cant_lose_them"]), (847, 9));
}

#[test]
fn eight_chinese_segments_by_each_cut() {
    let Some(log) = log() else { return };
    let codes = ["important_value", "important_keep", "important_develop", "important_retain"];
    let general = ["general_value", "general_keep", "general_develop", "general_retain"];
    let by = |cut: &str| {
        let all = answer(&log, &format!("map = 'segments_cn_8'\ncn.cut = '{cut}'"));
        let counts = counts(&all);
        codes.iter().chain(&general).map(|code| counts[code]).collect::<Vec<_>>()
    };
    assert_eq!(by("mean"), [464, 37, 30, 62, 188, 47, 161, 1_368]);
    assert_eq!(by("score_mean"), [890, 164, 0, 360, 55, 30, 0, 858]);
    assert_eq!(by("fixed"), [0, 1, 0, 5, 41, 694, 2, 1_614]);
}

#[test]
fn the_convention_of_the_r_package() {
    let Some(log) = log() else { return };
    let all = answer(&log, "frequency = 'orders'\nscoring = 'r_package'\nmap = 'segments_r_package_10'");
    let edges = serde_json::to_value(all.edges.scores.unwrap()).unwrap();
    let published = serde_json::json!({
        "r": [153, 443, 487, 513], "f": [2, 2, 3, 5], "m": [1636, 3295.8, 6025, 13143.6]
    });
    assert_eq!(edges, published);
    let expected = [
        ("about_to_sleep", 669),
        ("at_risk", 2),
        ("cant_lose_them", 16),
        ("champions", 232),
        ("lost", 442),
        ("loyal_customers", 57),
        ("need_attention", 10),
        ("new_customers", 2),
        ("others", 7),
        ("potential_loyalist", 826),
        ("promising", 94),
    ];
    assert_eq!(counts(&all), BTreeMap::from(expected));
}

#[test]
fn partitions_of_the_log_merge_into_the_whole() {
    let Some(log) = log() else { return };
    let (rfm, as_of) = (rfm(""), end_of("1998-06-30"));
    let report = RfmReport::new(&rfm, as_of);
    let mut merged = Population::default();
    for part in Partition::split(7) {
        let mut states = States::new(&rfm, Cut::default()).in_partition(part);
        states.catch_up(&log);
        assert!(states.len() < 500);
        let mut sum = Population::default();
        for (id, folded) in states.iter() {
            let view = rfm.view(&folded.state, as_of);
            let name = states.shown(id);
            report.add(&mut sum, tenure_core::report::Shown { id, name: &name }, &view);
        }
        report.merge(&mut merged, sum);
    }
    assert_eq!(report.finish(merged).unwrap(), answer(&log, ""));
}
