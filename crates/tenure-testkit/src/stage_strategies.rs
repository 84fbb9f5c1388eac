//! Random stage policies, and random histories that hit their instants exactly.
//!
//! Both draw from one small pool of durations, names and kinds: distances between facts are sums of the policy's own
//! durations, so that what silence does often coincides with facts, with other silence, or misses it by a microsecond.

use proptest::prelude::*;
use serde_json::json;
use tenure_core::projection::stage::{
    CadencePolicy, Compare, Condition, CountScope, Flag, MacroStage, RuleDef, StageDef, StagePolicy, Text,
    Threshold, Times, Which,
};
use tenure_core::select::{Leaf, Op, Selector};
use tenure_core::{Customer, CustomerEvent, Duration, Event, EventId, Money, Survey, Timestamp, Zone};

const HOUR: i64 = 3_600_000_000;

/// The durations that policies ask for, in microseconds.
const POOL: [i64; 6] = [6 * HOUR, 24 * HOUR, 36 * HOUR, 48 * HOUR, 72 * HOUR, 168 * HOUR];

pub(crate) fn duration() -> impl Strategy<Value = Duration> {
    prop::sample::select(&POOL[..]).prop_filter_map("a duration", Duration::from_micros)
}

fn selector() -> impl Strategy<Value = Selector> {
    let name = prop::sample::select(
        &[
            "order_placed",
            "order_placed",
            "order_refunded",
            "session_started",
            "tracked",
            "lesson",
            "contract_signed",
            "message_sent",
        ][..],
    );
    let names = prop_oneof![
        1 => Just(None),
        6 => prop::collection::vec(name.prop_map(Box::from), 1..3).prop_map(Some),
    ];
    let leaf = prop_oneof![
        Just(("channel", Op::Eq, Some(json!("web")))),
        Just(("channel", Op::Ne, Some(json!("web")))),
        Just(("n", Op::Gt, Some(json!(1)))),
        Just(("n", Op::IsSet, None)),
        Just(("amount", Op::Le, Some(json!(100)))),
        Just(("subject", Op::In, Some(json!(["lesson", "a"])))),
        Just(("kind", Op::ContainsCi, Some(json!("ORDER")))),
    ]
    .prop_filter_map("a leaf", |(property, op, value)| Leaf::new(property, op, value).ok());
    let leaves = prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(leaf, 1..3)];
    (names, leaves).prop_filter_map("a selector", |(names, leaves)| Selector::new(names, leaves).ok())
}

fn compare<T: Clone + core::fmt::Debug>(
    bound: impl Strategy<Value = T>,
) -> impl Strategy<Value = Compare<T>> {
    (bound, prop::bool::weighted(0.7)).prop_map(|(bound, at_least)| {
        if at_least { Compare::AtLeast(bound) } else { Compare::LessThan(bound) }
    })
}

fn money() -> impl Strategy<Value = Option<Money>> {
    let amount =
        (prop::sample::select(&[0, 50, 100, 101, 200][..]), prop::sample::select(&["USD", "CNY"][..]));
    prop::option::weighted(0.8, amount).prop_map(|amount| {
        amount.and_then(|(minor, code)| Some(Money::from_minor(minor, code.parse().ok()?)))
    })
}

/// What a case is mostly about, so that rare facts meet often enough to contradict each other at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Theme {
    Everything,
    Contracts,
    Subscriptions,
    Tickets,
    Consent,
    Profile,
}

pub(crate) fn theme() -> impl Strategy<Value = Theme> {
    prop_oneof![
        5 => Just(Theme::Everything),
        1 => Just(Theme::Contracts),
        1 => Just(Theme::Subscriptions),
        1 => Just(Theme::Tickets),
        1 => Just(Theme::Consent),
        1 => Just(Theme::Profile),
    ]
}

fn leaf(theme: Theme) -> BoxedStrategy<Condition> {
    let of_flags = |flags: Vec<Flag>| prop::sample::select(flags).prop_map(Condition::Flag).boxed();
    let special = match theme {
        Theme::Everything => return any_leaf().boxed(),
        Theme::Contracts => of_flags(vec![Flag::ContractActive]),
        Theme::Subscriptions => {
            of_flags(vec![Flag::TrialActive, Flag::SubscriptionActive, Flag::ChurnConfirmed])
        }
        Theme::Tickets => of_flags(vec![Flag::TicketOpen, Flag::ComplaintOpen]),
        Theme::Consent => of_flags(vec![Flag::Consented("news".into())]),
        Theme::Profile => prop_oneof![
            Just(Condition::Tag("vip".into())),
            attribute(),
            (0..3_i64).prop_map(|at_most| Condition::Score { survey: Survey::Nps, at_most }),
        ]
        .boxed(),
    };
    prop_oneof![2 => special, 1 => any_leaf()].boxed()
}

fn attribute() -> impl Strategy<Value = Condition> {
    prop_oneof![
        Just((Op::Eq, Some(json!("A")))),
        Just((Op::Ne, Some(json!("A")))),
        Just((Op::IsSet, None)),
        Just((Op::Gt, Some(json!(1)))),
    ]
    .prop_filter_map("a leaf", |(op, value)| Leaf::new("tier", op, value).ok().map(Condition::Attribute))
}

fn any_leaf() -> impl Strategy<Value = Condition> {
    let scope = prop_oneof![
        Just(CountScope::Ever),
        Just(CountScope::SinceStage),
        duration().prop_map(CountScope::Within),
        duration().prop_map(CountScope::Within),
    ];
    let threshold = prop_oneof![
        duration().prop_map(Threshold::Fixed),
        (duration(), duration(), prop::sample::select(&[1_u32, 333, 500, 1_000, 1_500, 2_000][..]))
            .prop_filter_map("a threshold", |(a, b, times)| {
                let times = Times::from_thousandths(times)?;
                Some(Threshold::Cadence { times, min: a.min(b), max: a.max(b) })
            }),
    ];
    let flag = prop::sample::select(vec![
        Flag::ContractActive,
        Flag::ContractActive,
        Flag::TrialActive,
        Flag::SubscriptionActive,
        Flag::TicketOpen,
        Flag::ComplaintOpen,
        Flag::ChurnConfirmed,
        Flag::Consented("news".into()),
    ]);
    prop_oneof![
        4 => (selector(), scope, compare(1..4_u32))
            .prop_map(|(of, scope, compare)| Condition::Count { of, scope, compare }),
        1 => (selector(), money(), any::<bool>()).prop_filter_map("money", |(of, bound, at_least)| {
            let bound = bound?;
            let compare = if at_least { Compare::AtLeast(bound) } else { Compare::LessThan(bound) };
            Some(Condition::Sum { of, compare })
        }),
        2 => (selector(), any::<bool>(), compare(duration()), any::<bool>()).prop_map(
            |(of, first, compare, or_never)| {
                let which = if first { Which::First } else { Which::Last };
                Condition::Age { which, of, compare, or_never }
            }
        ),
        3 => (selector(), threshold, any::<bool>())
            .prop_map(|(of, at_least, or_never)| Condition::Silence { of, at_least, or_never }),
        3 => duration().prop_map(Condition::InStageFor),
        3 => flag.prop_map(Condition::Flag),
        1 => Just(Condition::Tag("vip".into())),
        1 => attribute(),
        1 => (0..3_i64).prop_map(|at_most| Condition::Score { survey: Survey::Nps, at_most }),
    ]
}

fn condition(theme: Theme) -> impl Strategy<Value = Condition> {
    leaf(theme).prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..3).prop_map(Condition::All),
            prop::collection::vec(inner.clone(), 1..3).prop_map(Condition::Any),
            inner.prop_map(|part| Condition::Not(Box::new(part))),
        ]
    })
}

/// A policy of two to five stages and up to nine rules, with every sort of condition, nested.
pub fn stage_policy() -> impl Strategy<Value = StagePolicy> {
    theme().prop_flat_map(policy_about)
}

/// A policy and a history that are mostly about the same.
pub fn stage_case() -> impl Strategy<Value = (StagePolicy, Vec<Event>)> {
    theme().prop_flat_map(|theme| (policy_about(theme), history_about(theme)))
}

fn policy_about(theme: Theme) -> impl Strategy<Value = StagePolicy> {
    let zone = prop_oneof![
        2 => Just("UTC"),
        1 => Just("Asia/Shanghai"),
        1 => Just("America/St_Johns"),
    ];
    let cadence = (prop::sample::select(&[3_u8, 4, 9][..]), duration());
    let rules = prop::collection::vec((1..31_u8, 0..5_usize, condition(theme)), 1..10);
    (2..6_usize, zone, cadence, rules).prop_filter_map(
        "a policy",
        |(stages, zone, (gaps, default), rules)| {
            let id = |place: usize| -> Box<str> { format!("s{place}").into() };
            let stage = |place: usize| StageDef {
                id: id(place),
                macro_stage: MacroStage::ALL.get(place).copied().unwrap_or(MacroStage::Growth),
                labels: Text { en: id(place), zh_cn: id(place) },
                initial: place == 0,
            };
            let rule = |(number, (from, to, when)): (usize, (u8, usize, Condition))| {
                let to = to % stages;
                // Most rules lead out of one or two stages.
                let from: Vec<_> =
                    (0..stages).filter(|place| *place != to && from >> place & 1 == 1).map(id).collect();
                let from = if from.is_empty() { vec![id((to + 1) % stages)] } else { from };
                RuleDef { name: format!("r{number}").into(), from, to: id(to), when, because: None }
            };
            StagePolicy::new(
                zone.parse::<Zone>().ok()?,
                CadencePolicy { gaps, default },
                (0..stages).map(stage).collect(),
                rules.into_iter().enumerate().map(rule).collect(),
            )
            .ok()
        },
    )
}

/// A fact's distance from the one before it: often none, else a duration of the pool, or a microsecond off.
fn distance() -> impl Strategy<Value = i64> {
    let off = prop::sample::select(&[-1, 0, 0, 0, 1][..]);
    prop_oneof![
        3 => Just(0),
        1 => Just(1),
        6 => (prop::sample::select(&POOL[..]), off.clone()).prop_map(|(distance, off)| distance + off),
        2 => (prop::sample::select(&POOL[..]), prop::sample::select(&POOL[..]), off)
            .prop_map(|(a, b, off)| a + b + off),
    ]
}

/// The facts that conditions of [`stage_policy`] look at, and some that none does; `at` is when it happens.
fn fact(at: Timestamp, theme: Theme) -> BoxedStrategy<CustomerEvent> {
    let all = prop_oneof![
        16 => trade(),
        2 => profile(),
        2 => consent(),
        5 => contract(at),
        6 => subscription(at),
        4 => ticket(),
        2 => opportunity_or_renewal(),
    ];
    let special = match theme {
        Theme::Everything => return all.boxed(),
        Theme::Contracts => contract(at).boxed(),
        Theme::Subscriptions => subscription(at).boxed(),
        Theme::Tickets => ticket().boxed(),
        Theme::Consent => consent().boxed(),
        Theme::Profile => profile().boxed(),
    };
    prop_oneof![3 => special, 1 => all].boxed()
}

fn properties(body: &serde_json::Value) -> serde_json::Map<String, serde_json::Value> {
    body.as_object().cloned().unwrap_or_default()
}

fn trade() -> impl Strategy<Value = CustomerEvent> {
    let tracked = |(lesson, n): (bool, i64)| CustomerEvent::Tracked {
        name: if lesson { "lesson" } else { "other" }.into(),
        properties: properties(&if n == 0 { json!({}) } else { json!({"n": n}) }),
    };
    prop_oneof![
        6 => money().prop_map(|total| CustomerEvent::OrderPlaced { order: None, total, lines: vec![] }),
        2 => money().prop_map(|refund| CustomerEvent::OrderRefunded { order: None, refund }),
        3 => Just(CustomerEvent::SessionStarted {}),
        2 => (any::<bool>(), 0..4_i64).prop_map(tracked),
        1 => Just(CustomerEvent::MessageSent { campaign: None }),
        1 => Just(CustomerEvent::Foreign { kind: "seen_on_moon".into(), properties: properties(&json!({})) }),
        1 => Just(CustomerEvent::ChurnConfirmed { reason: None }),
    ]
}

fn profile() -> impl Strategy<Value = CustomerEvent> {
    let tag = |on| {
        let tag = "vip".to_owned();
        if on { CustomerEvent::TagAdded { tag } } else { CustomerEvent::TagRemoved { tag } }
    };
    let tiers = vec![json!("A"), json!("B"), json!(1), json!(2), json!(null)];
    prop_oneof![
        any::<bool>().prop_map(tag),
        prop::sample::select(tiers).prop_map(|tier| CustomerEvent::ProfileUpdated {
            attributes: properties(&json!({"tier": tier}))
        }),
        (0..4_i64).prop_map(|score| CustomerEvent::SurveyAnswered { survey: Survey::Nps, score }),
    ]
}

fn consent() -> impl Strategy<Value = CustomerEvent> {
    any::<bool>().prop_map(|granted| CustomerEvent::ConsentChanged { purpose: "news".into(), granted })
}

fn name() -> impl Strategy<Value = Option<String>> {
    prop_oneof![1 => Just(None), 2 => Just(Some("a".to_owned())), 1 => Just(Some("b".to_owned()))]
}

/// An instant before, at or after the fact.
fn near(at: Timestamp) -> impl Strategy<Value = Option<Timestamp>> {
    prop::option::weighted(0.7, (-2..5_i64, prop::sample::select(&POOL[..]))).prop_map(move |near| {
        let (times, distance) = near?;
        Timestamp::from_micros(at.as_micros() + times * distance)
    })
}

fn contract(at: Timestamp) -> impl Strategy<Value = CustomerEvent> {
    let signed = |(contract, start, end): (_, Option<Timestamp>, Option<Timestamp>)| {
        let end = end.filter(|end| start.is_none_or(|start| *end > start));
        CustomerEvent::ContractSigned { contract, value: None, start, end }
    };
    prop_oneof![
        2 => (name(), near(at), near(at)).prop_map(signed),
        1 => name().prop_map(|contract| CustomerEvent::ContractEnded { contract, reason: None }),
    ]
}

fn subscription(at: Timestamp) -> impl Strategy<Value = CustomerEvent> {
    let started =
        |subscription| CustomerEvent::SubscriptionStarted { subscription, recurring: None, period: None };
    prop_oneof![
        3 => (name(), near(at)).prop_map(|(trial, end)| CustomerEvent::TrialStarted { trial, end }),
        2 => name().prop_map(started),
        2 => name().prop_map(|subscription| CustomerEvent::SubscriptionEnded { subscription }),
        1 => Just(CustomerEvent::ChurnConfirmed { reason: None }),
    ]
}

fn ticket() -> impl Strategy<Value = CustomerEvent> {
    let one = prop::sample::select(&["a", "b"][..]).prop_map(str::to_owned);
    (one, any::<bool>(), 0..3_u8).prop_map(|(ticket, complaint, what)| {
        let (category, severity) = (None, None);
        match what {
            0 => CustomerEvent::TicketOpened { ticket, category, severity, complaint },
            1 => CustomerEvent::TicketReopened { ticket, category, severity, complaint },
            _ => CustomerEvent::TicketResolved { ticket },
        }
    })
}

/// What only the presets look at.
fn opportunity_or_renewal() -> impl Strategy<Value = CustomerEvent> {
    let opportunity = || "a".to_owned();
    prop::sample::select(vec![
        CustomerEvent::OpportunityOpened { opportunity: opportunity(), value: None, stage: None },
        CustomerEvent::OpportunityLost { opportunity: opportunity(), value: None, reason: None },
        CustomerEvent::FollowUpLogged { who: None, outcome: None },
        CustomerEvent::PaymentFailed { what: None, due: None, reason: None },
        CustomerEvent::SubscriptionCancelled { subscription: None, reason: None },
        CustomerEvent::SubscriptionRenewed { subscription: None, recurring: None, period: None },
    ])
}

/// One customer's history of one to twenty-four facts in canonical order, many of them at one instant.
pub fn stage_history() -> impl Strategy<Value = Vec<Event>> {
    theme().prop_flat_map(history_about)
}

pub(crate) fn history_about(theme: Theme) -> impl Strategy<Value = Vec<Event>> {
    let start = Timestamp::parse("2024-10-20T00:00:00Z").map_or(0, Timestamp::as_micros);
    let distances = prop::collection::vec((distance(), any::<[u8; 16]>(), any::<bool>()), 1..25);
    distances
        .prop_flat_map(move |distances| {
            let mut at = start;
            let facts: Vec<_> = distances
                .into_iter()
                .map(|(distance, id, web)| {
                    at += distance;
                    let at = Timestamp::from_micros(at).unwrap_or(Timestamp::MAX);
                    fact(at, theme).prop_map(move |fact| (at, id, web, fact))
                })
                .collect();
            facts
        })
        .prop_filter_map("a history", |facts| {
            let event = |(at, id, web, fact)| {
                let customer = Customer::parse("1", "test").ok()?;
                let event = Event::new(EventId::from_bytes(id), customer, at, fact).ok()?;
                if web { event.with_channel("web").ok() } else { Some(event) }
            };
            let mut events = facts.into_iter().map(event).collect::<Option<Vec<_>>>()?;
            events.sort_by_key(|event| event.view().key());
            Some(events)
        })
}

/// The same facts with other ids, so that facts of one instant change places.
pub fn with_other_ids(history: &[Event], salt: u64) -> Vec<Event> {
    let other = |(place, event): (usize, &Event)| {
        let id = EventId::from_foreign("shuffled", &format!("{salt}:{place}"));
        let fact =
            Event::from_wire(id, event.customer().clone(), event.occurred_at(), event.stored().clone())
                .ok()?;
        match event.view().channel {
            Some(channel) => fact.with_channel(channel).ok(),
            None => Some(fact),
        }
    };
    let mut events: Vec<Event> = history.iter().enumerate().filter_map(other).collect();
    events.sort_by_key(|event| event.view().key());
    events
}

/// The same history with all distances so many times as long: for policies that think in weeks and months.
pub fn stretched(history: &[Event], times: i64) -> Vec<Event> {
    let start = history.first().map_or(0, |event| event.occurred_at().as_micros());
    let stretch = |event: &Event| {
        let at = start + (event.occurred_at().as_micros() - start) * times;
        let at = Timestamp::from_micros(at).unwrap_or(Timestamp::MAX);
        let fact = Event::from_wire(event.id(), event.customer().clone(), at, event.stored().clone()).ok()?;
        match event.view().channel {
            Some(channel) => fact.with_channel(channel).ok(),
            None => Some(fact),
        }
    };
    let mut events: Vec<Event> = history.iter().filter_map(stretch).collect();
    events.sort_by_key(|event| event.view().key());
    events
}
