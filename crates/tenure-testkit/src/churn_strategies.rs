//! Random churn policies, and random histories that hit their instants exactly.
//!
//! Histories are those of [`stage_strategies`](crate::stage_strategies), and durations come from the same small pool, so
//! that steps, windows and due instants often coincide with facts, with each other, or miss by a microsecond.

use proptest::prelude::*;
use serde_json::json;
use tenure_core::projection::churn::{Bands, Churn, ChurnPolicy, Limit, Measure, OpenLimit, SignalDef};
use tenure_core::projection::stage::{CadencePolicy, Threshold, Times};
use tenure_core::select::{Leaf, Op, Selector};
use tenure_core::{Duration, Event, Zone};

use crate::stage_strategies::{Theme, duration, history_about, theme};

/// A policy with the zone and the cadence that it is measured by.
#[derive(Clone, Debug)]
pub struct ChurnCase {
    /// Signals, base and bands.
    pub policy: ChurnPolicy,
    /// Where one day of a cadence ends.
    pub zone: Zone,
    /// How cadence is measured.
    pub cadence: CadencePolicy,
    /// The same, compiled.
    pub churn: Churn,
}

/// The names that a case is about, of which selectors are made.
const fn names(theme: Theme) -> &'static [&'static str] {
    match theme {
        Theme::Contracts => &["contract_signed", "contract_signed", "contract_ended"],
        Theme::Subscriptions => {
            &["trial_started", "trial_started", "subscription_started", "subscription_ended"]
        }
        Theme::Tickets => &["ticket_opened", "ticket_reopened", "ticket_resolved"],
        Theme::Profile => &["survey_answered", "survey_answered", "tag_added"],
        _ => &[
            "order_placed",
            "order_placed",
            "order_refunded",
            "session_started",
            "tracked",
            "lesson",
            "message_sent",
        ],
    }
}

fn selector(theme: Theme) -> impl Strategy<Value = Selector> {
    let name = prop::sample::select(names(theme)).prop_map(Box::from);
    let names = prop_oneof![
        1 => Just(None),
        9 => prop::collection::vec(name, 1..3).prop_map(Some),
    ];
    let leaf = prop_oneof![
        Just(("channel", Op::Eq, json!("web"))),
        Just(("channel", Op::Ne, json!("web"))),
        Just(("complaint", Op::Eq, json!(true))),
        Just(("number", Op::Gt, json!(1))),
    ]
    .prop_filter_map("a leaf", |(property, op, value)| Leaf::new(property, op, Some(value)).ok());
    let leaves = prop_oneof![4 => Just(Vec::new()), 1 => prop::collection::vec(leaf, 1..2)];
    (names, leaves).prop_filter_map("a selector", |(names, leaves)| Selector::new(names, leaves).ok())
}

fn threshold() -> impl Strategy<Value = Threshold> {
    let times = prop::sample::select(&[1_u32, 333, 500, 1_000, 1_500, 2_000][..]);
    prop_oneof![
        duration().prop_map(Threshold::Fixed),
        (duration(), duration(), times).prop_filter_map("a threshold", |(a, b, times)| {
            let times = Times::from_thousandths(times)?;
            Some(Threshold::Cadence { times, min: a.min(b), max: a.max(b) })
        }),
    ]
}

fn limit(numbers: core::ops::Range<u32>) -> impl Strategy<Value = Limit<u32>> {
    (numbers, any::<bool>())
        .prop_map(|(number, least)| if least { Limit::AtLeast(number.max(1)) } else { Limit::AtMost(number) })
}

fn maybe<T: core::fmt::Debug + Clone>(one: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    prop::option::weighted(0.6, one)
}

fn silence(theme: Theme) -> impl Strategy<Value = Measure> {
    (selector(theme), threshold(), maybe(threshold()), any::<bool>())
        .prop_map(|(of, at_least, every, or_never)| Measure::Silence { of, at_least, every, or_never })
}

fn count(theme: Theme) -> impl Strategy<Value = Measure> {
    (selector(theme), duration(), limit(0..4), maybe(1..3_u32), any::<bool>()).prop_map(
        |(of, within, limit, every, or_never)| {
            let or_never = or_never && matches!(limit, Limit::AtMost(_));
            Measure::Count { of, within, limit, every, or_never }
        },
    )
}

fn falling(theme: Theme) -> impl Strategy<Value = Measure> {
    let percent = || prop::sample::select(&[1_u8, 20, 33, 34, 50, 67, 100][..]);
    (selector(theme), duration(), percent(), maybe(percent()), 1..3_u32).prop_map(
        |(of, within, at_least, every, among)| Measure::Falling { of, within, at_least, every, among },
    )
}

fn open(theme: Theme) -> impl Strategy<Value = Measure> {
    let zero_or = || prop_oneof![1 => Just(Duration::ZERO), 2 => duration()];
    let for_so_long =
        (zero_or(), maybe(duration())).prop_map(|(at_least, every)| OpenLimit::For { at_least, every });
    let so_many =
        (1..4_u32, maybe(1..3_u32)).prop_map(|(at_least, every)| OpenLimit::Many { at_least, every });
    let limit = prop_oneof![for_so_long, so_many];
    let due = prop_oneof![
        2 => Just(None),
        2 => Just(Some("end")),
        1 => Just(Some("start")),
    ];
    (selector(theme), selector(theme), any::<bool>(), due, zero_or(), limit).prop_map(
        |(of, until, same_subject, due, lead, limit)| {
            let lead = if due.is_some() { lead } else { Duration::ZERO };
            Measure::Open { of, until, same_subject, due: due.map(Box::from), lead, limit }
        },
    )
}

fn latest(theme: Theme) -> impl Strategy<Value = Measure> {
    (selector(theme), maybe(duration()), -1..5_i64, any::<bool>(), maybe(1..3_i64)).prop_map(
        |(of, within, number, least, every)| {
            let limit = if least { Limit::AtLeast(number) } else { Limit::AtMost(number) };
            Measure::Latest { of, within, limit, every }
        },
    )
}

fn measure(theme: Theme) -> BoxedStrategy<Measure> {
    let any = prop_oneof![silence(theme), count(theme), falling(theme), open(theme), latest(theme),];
    match theme {
        Theme::Contracts | Theme::Subscriptions | Theme::Tickets => {
            prop_oneof![1 => open(theme), 1 => any].boxed()
        }
        Theme::Profile => prop_oneof![1 => latest(theme), 1 => any].boxed(),
        _ => any.boxed(),
    }
}

fn signal(theme: Theme) -> impl Strategy<Value = (Measure, i32, Option<i32>)> {
    let weight = (prop::sample::select(&[1, 7, 15, 40][..]), prop::bool::weighted(0.75));
    let cap = maybe((1..5_i32, -1..2_i32));
    (measure(theme), weight, cap).prop_map(|(measure, (points, bad), cap)| {
        let sign = if bad { 1 } else { -1 };
        // A whole number of steps, or one point off.
        let cap = cap.map(|(steps, off)| (points * steps + off).max(1) * sign);
        // Without a cap a point a step is a hundred steps.
        let cap = if points == 1 { Some(cap.unwrap_or(4 * sign)) } else { cap };
        (measure, points * sign, cap)
    })
}

fn case_about(theme: Theme) -> impl Strategy<Value = ChurnCase> {
    let zone = prop_oneof![2 => Just("UTC"), 1 => Just("Asia/Shanghai"), 1 => Just("America/St_Johns")];
    let cadence = (prop::sample::select(&[3_u8, 4, 9][..]), duration());
    let base = prop::sample::select(&[0_u8, 0, 10, 90, 100][..]);
    let signals = prop::collection::vec(signal(theme), 1..5);
    (zone, cadence, base, signals).prop_filter_map("a policy", |(zone, (gaps, default), base, signals)| {
        let signal = |(place, (measure, points, cap)): (usize, (Measure, i32, Option<i32>))| SignalDef {
            code: format!("s{place}").into(),
            measure,
            points,
            cap,
            action: (place % 2 == 1).then(|| "care_call".into()),
            en: "".into(),
            zh_cn: "".into(),
        };
        let signals = signals.into_iter().enumerate().map(signal).collect();
        let policy = ChurnPolicy { base, bands: Bands::default(), signals };
        let (zone, cadence) = (zone.parse::<Zone>().ok()?, CadencePolicy { gaps, default });
        let churn = Churn::new(policy.clone(), zone, cadence).ok()?;
        Some(ChurnCase { policy, zone, cadence, churn })
    })
}

/// A policy of one to four signals, of every measure.
pub fn churn_policy() -> impl Strategy<Value = ChurnCase> {
    theme().prop_flat_map(case_about)
}

/// A policy and one customer's history that are mostly about the same.
pub fn churn_case() -> impl Strategy<Value = (ChurnCase, Vec<Event>)> {
    theme().prop_flat_map(|theme| (case_about(theme), history_about(theme)))
}
