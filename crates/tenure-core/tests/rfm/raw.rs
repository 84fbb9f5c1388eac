//! Raw values against their definition, over all facts at once.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use proptest::prelude::*;
use proptest::sample::select;
use tenure_core::fold::{Fingerprint, Folded, Projection, Snapshot, UpTo, fold};
use tenure_core::projection::rfm::{Frequency, Rfm, RfmPolicy, RfmState, RfmView};
use tenure_core::{
    Currency, Customer, CustomerEvent, Duration, Event, EventId, Money, Rates, Timestamp, Version, Zone,
};

/// 01:30 UTC on 2010-11-07. At 02:30 it was midnight in Newfoundland, and a minute later 23:01 of the day before.
const START: i64 = 1_289_093_400_000_000;

fn currency(code: &str) -> Currency {
    code.parse().unwrap()
}

fn rates() -> Rates {
    serde_json::from_str(
        r#"[{"day":"2010-11-06","from":"EUR","to":"USD","rate":"1.395"},
            {"day":"2010-11-08","from":"EUR","to":"USD","rate":"1.405"},
            {"day":"2010-11-01","from":"JPY","to":"USD","rate":"0.0125"}]"#,
    )
    .unwrap()
}

#[derive(Clone, Copy, Debug)]
enum What {
    Order(Option<Money>),
    Refund(Option<Money>),
    Session,
}

#[derive(Clone, Copy, Debug)]
struct Fact {
    at: Timestamp,
    what: What,
}

fn money(codes: &'static [&'static str]) -> impl Strategy<Value = Option<Money>> {
    let amount = prop_oneof![4 => 0..20_000_i64, 1 => Just(i64::MAX)];
    prop::option::weighted(
        0.8,
        (amount, select(codes)).prop_map(|(minor, code)| Money::from_minor(minor, currency(code))),
    )
}

fn facts(codes: &'static [&'static str]) -> impl Strategy<Value = Vec<Fact>> {
    let what = prop_oneof![
        4 => money(codes).prop_map(What::Order),
        2 => money(codes).prop_map(What::Refund),
        1 => Just(What::Session),
    ];
    // Steps of ten minutes over five days: several of one instant, several of one day, clocks put back.
    let step = prop_oneof![0..12_i64, 0..720_i64];
    let fact = (step, what).prop_map(|(step, what)| Fact {
        at: Timestamp::from_micros(START + step * 600_000_000).unwrap(),
        what,
    });
    prop::collection::vec(fact, 0..30)
}

fn rfm() -> impl Strategy<Value = Rfm> {
    let policy = (
        prop::option::of(select(vec!["10m", "1h", "1d", "30h", "400d", "90000d"])),
        select(vec![Frequency::Days, Frequency::Orders]),
    )
        .prop_map(|(lookback, frequency)| RfmPolicy {
            lookback: lookback.map(|text| text.parse::<Duration>().unwrap()),
            frequency,
            ..RfmPolicy::default()
        });
    let zone = select(vec!["UTC", "America/St_Johns", "Asia/Shanghai", "Pacific/Apia"]);
    (policy, zone, any::<bool>()).prop_map(|(policy, zone, convert)| {
        let to = convert.then(|| currency("USD"));
        Rfm::new(policy, zone.parse().unwrap(), to, rates()).unwrap()
    })
}

/// The facts as events in canonical order, under ids that `salt` makes.
fn events(facts: &[Fact], salt: u32) -> Vec<Event> {
    let mut events: Vec<_> = (0..)
        .zip(facts)
        .map(|(n, fact): (u32, _)| {
            let typed = match fact.what {
                What::Order(total) => CustomerEvent::OrderPlaced { order: None, total, lines: vec![] },
                What::Refund(refund) => CustomerEvent::OrderRefunded { order: None, refund },
                What::Session => CustomerEvent::SessionStarted {},
            };
            let id = EventId::from_foreign("test", &format!("{salt}-{n}"));
            Event::new(id, Customer::parse("ann", "test").unwrap(), fact.at, typed).unwrap()
        })
        .collect();
    events.sort_by_key(|event| event.view().key());
    events
}

fn folded(rfm: &Rfm, events: &[Event]) -> RfmState {
    fold(rfm, events.iter().map(Event::view))
}

/// Every rule as it is stated, with a pass over all facts for each.
fn naive(facts: &[Fact], rfm: &Rfm, zone: Zone, as_of: Timestamp) -> RfmView {
    let day = |at| zone.date(at);
    let window: Vec<_> = facts
        .iter()
        .filter(|fact| fact.at <= as_of)
        .filter(|fact| {
            let opens = rfm.policy().lookback.map(|window| as_of.as_micros() - window.as_micros());
            opens.is_none_or(|opens| fact.at.as_micros() > opens)
        })
        .collect();
    let orders: Vec<_> = window.iter().filter(|fact| matches!(fact.what, What::Order(_))).collect();
    let mut minor = 0_i128;
    let (mut counted, mut missing) = (BTreeSet::new(), BTreeSet::new());
    let (mut without_amount, mut missing_rate) = (0, 0);
    for fact in &window {
        let (sign, amount) = match fact.what {
            What::Order(amount) => (1, amount),
            What::Refund(amount) => (-1, amount),
            What::Session => continue,
        };
        let Some(amount) = amount else {
            without_amount += 1;
            continue;
        };
        let converted = rfm.currency().map_or(Ok(amount), |to| rates().convert(amount, to, day(fact.at)));
        if let Ok(money) = converted {
            minor += sign * i128::from(money.minor);
            counted.insert(money.currency);
        } else {
            missing_rate += 1;
            missing.insert(amount.currency);
        }
    }
    let days: BTreeSet<NaiveDate> = orders.iter().map(|fact| day(fact.at)).collect();
    RfmView {
        values: days.last().map(|last| tenure_core::projection::rfm::RfmValues {
            recency_days: u32::try_from((day(as_of) - *last).num_days()).unwrap_or(0),
            frequency: match rfm.policy().frequency {
                Frequency::Orders => orders.len() as u64,
                _ => days.len() as u64,
            },
            monetary_minor: minor,
        }),
        currencies: counted.first().copied().zip(counted.last().copied()),
        without_amount,
        missing_rate,
        missing: missing.first().copied(),
    }
}

const MANY: &[&str] = &["USD", "EUR", "JPY", "GBP"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn values_are_those_of_the_definition(facts in facts(MANY), rfm in rfm(), zone in select(vec!["UTC", "America/St_Johns"]), later in 0..500_i64) {
        let zone: Zone = zone.parse().unwrap();
        let rfm = Rfm::new(rfm.policy().clone(), zone, rfm.currency(), rates()).unwrap();
        let last = facts.iter().map(|fact| fact.at.as_micros()).max().unwrap_or(START);
        let as_of = Timestamp::from_micros(last + later * 3_600_000_000).unwrap();
        let state = folded(&rfm, &events(&facts, 0));
        prop_assert_eq!(rfm.view(&state, as_of), naive(&facts, &rfm, zone, as_of));
    }

    #[test]
    fn the_order_of_simultaneous_facts_does_not_matter(facts in facts(MANY), rfm in rfm(), salt in 1..9_u32) {
        prop_assert_eq!(folded(&rfm, &events(&facts, 0)), folded(&rfm, &events(&facts, salt)));
    }

    #[test]
    fn up_to_an_instant_is_the_history_cut_there(facts in facts(MANY), rfm in rfm(), step in 0..720_i64) {
        let at = Timestamp::from_micros(START + step * 600_000_000).unwrap();
        let up_to = UpTo { projection: rfm.clone(), at };
        let all = fold(&up_to, events(&facts, 0).iter().map(Event::view));
        let cut: Vec<_> = facts.iter().copied().filter(|fact| fact.at <= at).collect();
        prop_assert_eq!(&all, &folded(&rfm, &events(&cut, 0)));
        prop_assert_eq!(up_to.view(&all, Timestamp::MAX), rfm.view(&all, at));
    }

    #[test]
    fn a_snapshot_goes_on_like_the_whole(facts in facts(MANY), rfm in rfm(), cut in 0..30_usize) {
        let events = events(&facts, 0);
        let (before, after) = events.split_at(cut.min(events.len()));
        let last = events.first().map(|event| event.view().key());
        prop_assume!(last.is_some());
        let kept = Folded { state: folded(&rfm, before), last: last.unwrap() };
        let kept = Snapshot::new(kept, vec![(events[0].customer().id(), Version(1))]);
        let mut state = Snapshot::decode(&kept.encode(&rfm).unwrap(), &rfm).unwrap().state;
        for event in after {
            rfm.apply(&mut state, &event.view());
        }
        prop_assert_eq!(state, folded(&rfm, &events));
    }

    /// Sums wider than 64 bits, and all of them exact.
    #[test]
    fn large_amounts_add_up_without_overflow(n in 1..50_u32) {
        let amount = Money::from_minor(i64::MAX, currency("USD"));
        let at = Timestamp::from_micros(START).unwrap();
        let facts = vec![Fact { at, what: What::Order(Some(amount)) }; n as usize];
        let rfm = Rfm::new(RfmPolicy::default(), Zone::UTC, None, Rates::default()).unwrap();
        let view = rfm.view(&folded(&rfm, &events(&facts, 0)), at);
        prop_assert_eq!(view.monetary().unwrap().minor, i128::from(i64::MAX) * i128::from(n));
    }
}

/// The midnight between them was shown twice, and so was the minute after: two days, not three.
#[test]
fn a_day_that_the_clock_shows_again_is_one_day() {
    let rfm =
        Rfm::new(RfmPolicy::default(), "America/St_Johns".parse().unwrap(), None, Rates::default()).unwrap();
    let order = |minute: i64| Fact {
        at: Timestamp::from_micros(START + minute * 60_000_000).unwrap(),
        what: What::Order(None),
    };
    let frequency = |minutes: &[i64]| {
        let facts: Vec<_> = minutes.iter().copied().map(order).collect();
        rfm.view(&folded(&rfm, &events(&facts, 0)), facts[facts.len() - 1].at).values.unwrap().frequency
    };
    assert_eq!(frequency(&[59, 60, 61, 130]), 2); // 23:59, 00:00, 23:01 again, 00:10
    assert_eq!(frequency(&[60, 61, 62]), 2); // 00:00, 23:01 and 23:02 of the day before
}

#[test]
fn a_state_of_all_history_is_small_and_has_no_heap() {
    assert!(size_of::<RfmState>() <= 112, "{}", size_of::<RfmState>());
}

#[test]
fn a_window_forgets_what_has_left_it() {
    let policy = RfmPolicy { lookback: Some(Duration::days(1)), ..RfmPolicy::default() };
    let rfm = Rfm::new(policy, Zone::UTC, None, Rates::default()).unwrap();
    let order = |hour: i64| Fact {
        at: Timestamp::from_micros(START + hour * 3_600_000_000).unwrap(),
        what: What::Order(None),
    };
    let many: Vec<_> = (0..1_000).map(order).collect();
    let last: Vec<_> = (976..1_000).map(order).collect();
    assert_eq!(folded(&rfm, &events(&many, 0)), folded(&rfm, &events(&last, 0)));
}

#[test]
fn a_window_is_open_at_its_beginning_and_closed_at_its_end() {
    let policy = RfmPolicy { lookback: Some(Duration::days(1)), ..RfmPolicy::default() };
    let rfm = Rfm::new(policy, Zone::UTC, None, Rates::default()).unwrap();
    let at = Timestamp::from_micros(START).unwrap();
    let state = folded(&rfm, &events(&[Fact { at, what: What::Order(None) }], 0));
    let scored = |micros| rfm.view(&state, Timestamp::from_micros(START + micros).unwrap()).values.is_some();
    assert!(scored(0) && scored(86_400_000_000 - 1));
    assert!(!scored(86_400_000_000));
}

#[test]
fn a_kept_state_depends_on_what_it_holds_and_not_on_how_it_is_scored() {
    let print = |policy: &str, zone: Zone| -> Fingerprint {
        Rfm::new(toml::from_str(policy).unwrap(), zone, None, Rates::default()).unwrap().fingerprint()
    };
    let plain = print("", Zone::UTC);
    assert_eq!(plain, print("scoring = 'rank'\nmap = 'segments_cn_8'", Zone::UTC));
    assert_ne!(plain, print("lookback = '1d'", Zone::UTC));
    assert_ne!(plain, print("frequency = 'orders'", Zone::UTC));
    assert_ne!(plain, print("", "Asia/Shanghai".parse().unwrap()));
}
