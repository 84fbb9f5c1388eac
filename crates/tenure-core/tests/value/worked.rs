//! Examples with numbers done by hand.

use tenure_core::projection::exchange::Exchange;
use tenure_core::projection::recurring::Recurring;
use tenure_core::projection::revenue::Month;
use tenure_core::report::acquisition::AcquisitionReport;
use tenure_core::report::recurring::{RecurringAnswer, RecurringReport, Retention};
use tenure_core::report::value::ValueReport;
use tenure_core::{Customer, CustomerEvent, Event, EventId, Period, Rates, Zone};

use crate::facts::{at, reported, usd};

fn exchange() -> Exchange {
    Exchange::new(Zone::UTC, None, Rates::default())
}

/// `customer day fact`, where a fact is `+50`, `-20`, `lead channel campaign cost`, `start|change|renew name amount period`,
/// `cancel name`, `end name`.
fn facts(lines: &str) -> Vec<Event> {
    let lines = lines.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(fact).collect()
}

fn fact(line: &str) -> Event {
    let words: Vec<&str> = line.split_whitespace().collect();
    let money = |text: &str| Some(usd(text.parse::<i64>().unwrap() * 100));
    let name = || Some(words[3].to_owned());
    let period = || match words[5] {
        "month" => Some(Period::Month),
        "quarter" => Some(Period::Quarter),
        _ => Some(Period::Year),
    };
    let typed = match words[2] {
        "lead" => CustomerEvent::LeadCaptured { campaign: Some(words[4].to_owned()), cost: money(words[5]) },
        "start" => CustomerEvent::SubscriptionStarted {
            subscription: name(),
            recurring: money(words[4]),
            period: period(),
        },
        "change" => CustomerEvent::SubscriptionChanged {
            subscription: name(),
            recurring: money(words[4]),
            period: period(),
        },
        "renew" => CustomerEvent::SubscriptionRenewed {
            subscription: name(),
            recurring: money(words[4]),
            period: period(),
        },
        "cancel" => CustomerEvent::SubscriptionCancelled { subscription: name(), reason: None },
        "end" => CustomerEvent::SubscriptionEnded { subscription: name() },
        amount if amount.starts_with('-') => {
            CustomerEvent::OrderRefunded { order: None, refund: money(&amount[1..]) }
        }
        amount => CustomerEvent::OrderPlaced { order: None, total: money(amount), lines: vec![] },
    };
    let customer = Customer::parse(words[0], "shop").unwrap();
    let event =
        Event::new(EventId::from_foreign("t", line), customer, at(&format!("{}T12:00:00Z", words[1])), typed);
    match words[2] {
        "lead" => event.unwrap().with_channel(words[3]).unwrap(),
        _ => event.unwrap(),
    }
}

const SHOP: &str = "
    ann 2024-01-05 lead ads spring 30
    ann 2024-01-20 50
    ann 2024-03-02 40
    ann 2024-03-09 -20
    ben 2024-01-06 lead ads spring 30
    ben 2024-02-10 25
    cid 2024-01-07 lead ads autumn 30
    dan 2024-02-01 lead fair hall 100
    dan 2024-02-01 300
    eve 2024-01-03 80
    eve 2024-02-03 lead ads spring 10
    fay 2024-02-04 7
    gus 2024-02-05 -9
";

#[test]
fn a_small_shop() {
    let as_of = at("2024-03-31T23:59:59.999999Z");
    let exchange = exchange();
    let told = reported(
        &ValueReport::projection(&exchange),
        &ValueReport::new(&exchange, as_of, 2),
        &facts(SHOP),
        as_of,
    );
    let told = told.unwrap();
    // ann 70, ben 25, dan 300, eve 80, fay 7: 482 of five, 96.40 each; the middle one is ann.
    let total = &told.total;
    assert_eq!((total.customers, total.orders, total.net.minor), (5, 6, 48_200));
    assert_eq!((total.average.unwrap().minor, total.median.unwrap().minor), (9_640, 7_000));
    // gus was paid back and never ordered.
    assert_eq!((told.without_order.customers, told.without_order.net.minor), (1, -900));
    let best: Vec<_> = told.customers.iter().map(|row| (row.customer.as_str(), row.net.minor)).collect();
    assert_eq!(best, [("shop:dan", 30_000), ("shop:eve", 8_000)]);
    // January: ann and eve; 130 in January, nothing in February, 20 in March.
    let minors = |n: usize| told.cohorts[n].cumulative.iter().map(|sum| sum.minor).collect::<Vec<_>>();
    assert_eq!((told.cohorts[0].cohort.as_str(), minors(0)), ("2024-01", vec![13_000, 13_000, 15_000]));
    assert_eq!((told.cohorts[1].cohort.as_str(), minors(1)), ("2024-02", vec![33_200, 33_200]));
    assert_eq!(told.cohorts[1].complete, [true, true]);
    let channels: Vec<_> =
        told.channels.iter().map(|row| (row.name.as_deref(), row.customers, row.net.minor)).collect();
    assert_eq!(channels, [(Some("fair"), 1, 30_000), (Some("ads"), 3, 17_500), (None, 1, 700)]);
}

#[test]
fn what_leads_cost_and_bring_back() {
    let as_of = at("2024-03-31T23:59:59.999999Z");
    let exchange = exchange();
    let report = AcquisitionReport::new(&exchange, as_of);
    let told = reported(&ValueReport::projection(&exchange), &report, &facts(SHOP), as_of).unwrap();
    // ads: four leads, 100 in all; of ann, ben, cid and eve, who was a customer before, ann and ben were won.
    let ads = &told.channels[0];
    assert_eq!((ads.name.as_deref(), ads.leads, ads.prospects), (Some("ads"), 4, 4));
    assert_eq!((ads.customers_before, ads.customers, ads.conversion), (1, 2, 0.5));
    assert_eq!((ads.cost.minor, ads.cac.unwrap().minor), (10_000, 5_000));
    // They brought 70 + 25, so 47.50 each, and 0.95 for each dollar.
    assert_eq!((ads.average.unwrap().minor, ads.ltv_cac.as_deref()), (4_750, Some("0.95")));
    // Month 0: 50 + 25; month 1: the same; month 2 is over for ann alone: 70, which is more than 50.
    assert_eq!(ads.payback_months, Some(2));
    let fair = &told.channels[1];
    assert_eq!(
        (fair.cac.unwrap().minor, fair.ltv_cac.as_deref(), fair.payback_months),
        (10_000, Some("3.00"), Some(0))
    );
    // autumn won nobody: nothing to divide by.
    let autumn = told.campaigns.iter().find(|row| row.name.as_deref() == Some("autumn")).unwrap();
    assert_eq!(
        (autumn.cost.minor, autumn.cac, autumn.ltv_cac.as_deref(), autumn.payback_months),
        (3_000, None, None, None)
    );
    assert_eq!((told.all.customers, told.all.cost.minor, told.all.cac.unwrap().minor), (3, 20_000, 6_667));
    assert_eq!(told.without_lead, 1); // fay
    // Before March is over ben's month 1 is not, and ann alone is looked at: 50, which is what she cost.
    let payback = |as_of: &str| {
        let report = AcquisitionReport::new(&exchange, at(as_of));
        let told = reported(&ValueReport::projection(&exchange), &report, &facts(SHOP), at(as_of));
        told.unwrap().channels[0].payback_months
    };
    assert_eq!(payback("2024-03-31T00:00:00Z"), Some(1));
    // Before January is over there is no month to look at.
    assert_eq!(payback("2024-01-31T00:00:00Z"), None);
}

#[test]
fn of_leads_of_one_instant_the_first_by_name_is_the_first_touch() {
    let names = ["ads", "fair", "mail", "web"];
    for (n, first) in names.iter().enumerate() {
        for second in &names[n + 1..] {
            let lines = format!(
                "ann 2024-01-05 lead {second} a 1\nann 2024-01-05 lead {first} z 1\nann 2024-01-06 9"
            );
            let as_of = at("2024-01-31T00:00:00Z");
            let exchange = exchange();
            let report = ValueReport::new(&exchange, as_of, 1);
            let told = reported(&ValueReport::projection(&exchange), &report, &facts(&lines), as_of).unwrap();
            let ann = &told.customers[0];
            assert_eq!((ann.channel.as_deref(), ann.campaign.as_deref()), (Some(*first), Some("z")));
        }
    }
}

fn mrr(lines: &str, months: i32, as_of: &str) -> RecurringAnswer {
    let (exchange, as_of) = (exchange(), at(as_of));
    let first = Month::of(Zone::UTC, as_of).plus(1 - months);
    let report = RecurringReport::new(&exchange, first, as_of);
    reported(&Recurring::new(exchange.clone()), &report, &facts(lines), as_of).unwrap()
}

#[test]
fn a_small_service() {
    let told = mrr(
        "
        ann 2024-01-10 start a 30 month
        ann 2024-02-10 change a 45 month
        ben 2024-01-15 start b 120 year
        ben 2024-02-20 cancel b
        ben 2024-03-15 end b
        cid 2024-01-20 start c 60 quarter
        cid 2024-01-25 start d 10 month
        cid 2024-02-15 end c
        cid 2024-02-28 end d
        cid 2024-03-20 start e 15 month
        dan 2024-03-01 start f 99 month
        dan 2024-03-10 end f
        ",
        3,
        "2024-03-31T23:59:59.999999Z",
    );
    let rows: Vec<_> = told
        .months
        .iter()
        .map(|row| {
            let m = row.mrr;
            [m.opening, m.new, m.expansion, m.reactivated, m.contraction, m.churned, m.closing]
                .map(|sum| sum.minor / 100)
        })
        .collect();
    // January: ann 30, ben 10, cid 20 + 10. February: ann 15 more, cid is gone with 30, and ben, who has cancelled, is not.
    // March: ben is gone with 10, cid is back with 15, dan came and went in between.
    assert_eq!(rows, [[0, 70, 0, 0, 0, 0, 70], [70, 0, 15, 0, 0, 30, 55], [55, 0, 0, 15, 0, 10, 60]]);
    let february = told.months[1].retention;
    let third = 1.0 / 3.0;
    assert_eq!(
        february,
        Retention { gross: Some(40.0 / 70.0), net: Some(55.0 / 70.0), logo_churn: Some(third) }
    );
    assert_eq!(told.months[0].retention, Retention::default());
    assert_eq!((told.customers, told.subscriptions, told.subscribers, told.mrr.minor), (2, 2, 4, 6_000));
}

#[test]
fn a_year_later() {
    let lines = "
        ann 2023-01-10 start a 100 month
        ben 2023-01-10 start b 50 month
        cid 2023-01-10 start c 50 month
        ann 2023-06-10 change a 150 month
        ben 2023-07-10 end b
        ben 2023-09-10 start b 20 month
        cid 2023-12-10 end c
        dan 2023-08-10 start d 500 month
    ";
    let told = mrr(lines, 1, "2024-01-31T23:59:59.999999Z");
    // Of 200 at the end of January 2023: ann 100 and 50 more, ben 20 of 50, cid nothing. dan was not there.
    let year = told.months[0].trailing_year;
    assert_eq!(year, Retention { gross: Some(0.6), net: Some(0.85), logo_churn: Some(1.0 / 3.0) });
}

#[test]
fn what_one_instant_says() {
    let at_end = "2024-01-31T23:59:59.999999Z";
    let minor = |lines: &str| mrr(lines, 1, at_end).mrr.minor;
    // A start is not ended by its instant, a renewal is.
    assert_eq!(minor("ann 2024-01-10 start a 30 month\nann 2024-01-10 end a"), 3_000);
    assert_eq!(
        minor("ann 2024-01-09 start a 30 month\nann 2024-01-10 end a\nann 2024-01-10 renew a 30 month"),
        0
    );
    // Of several amounts the greatest a month counts: 120 a year is less than 30 a month.
    assert_eq!(minor("ann 2024-01-10 start a 120 year\nann 2024-01-10 change a 30 month"), 3_000);
    // What does not run is not renewed.
    let told = mrr("ann 2024-01-10 renew a 30 month", 1, at_end);
    assert_eq!((told.mrr.minor, told.not_running, told.subscribers), (0, 1, 0));
    // A third of a cent is rounded once for a customer: 3 · 33⅓.
    let thirds = "ann 2024-01-10 start a 1 quarter\nann 2024-01-10 start b 1 quarter\nann 2024-01-10 start c 1 quarter";
    assert_eq!(minor(thirds), 100);
}
