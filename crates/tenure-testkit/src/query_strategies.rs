//! Random behavioural queries, and random logs that hit their windows and buckets exactly.
//!
//! A case has a scale: hours, days or months. Instants, windows, bounds and buckets are all of that scale and drawn from
//! a few distances, so that facts of one instant, steps at the very end of a window and facts at the edge of a bucket
//! are common.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};
use tenure_core::log::{Append, Log};
use tenure_core::projection::stage::StagePolicy;
use tenure_core::query::Query;
use tenure_core::{Context, Customer, CustomerEvent, CustomerId, Duration, Event, EventId, Money, Timestamp};

use crate::stage_strategies::stage_policy;

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3_600 * SECOND;
const DAY: i64 = 24 * HOUR;

/// A log, a question about it, and what it is asked with.
#[derive(Clone, Debug)]
pub struct QueryCase {
    /// Facts with the instants at which they were recorded, in the order of arrival.
    pub facts: Vec<(Event, Timestamp)>,
    /// The question.
    pub query: Query,
    /// The stages that it may ask about.
    pub stages: StagePolicy,
    /// As of when: that of the query, or an instant behind all facts.
    pub as_of: Timestamp,
}

impl QueryCase {
    /// The log with all facts.
    pub fn log(&self) -> Log {
        log_of(&self.facts)
    }

    /// The same log with another question.
    #[must_use]
    pub fn asking(&self, query: Query) -> Self {
        let as_of = query.frame.as_of.unwrap_or(self.as_of);
        Self { query, as_of, ..self.clone() }
    }
}

/// A log of facts, each recorded when it says so. A fact that the log does not take is left out.
pub fn log_of(facts: &[(Event, Timestamp)]) -> Log {
    let mut log = Log::new();
    for (event, recorded_at) in facts {
        // What cannot be recorded is no part of a log.
        let _ = log.restore(&Append::new(vec![event.clone()]), *recorded_at);
    }
    log
}

/// How far things are apart.
#[derive(Clone, Copy, Debug)]
struct Scale {
    /// In microseconds.
    start: i64,
    distances: [i64; 4],
    periods: &'static [&'static str],
    zone: &'static str,
}

impl Scale {
    fn at(self, micros: i64) -> Timestamp {
        Timestamp::from_micros(self.start + micros).unwrap_or(Timestamp::MAX)
    }

    /// An instant behind all facts.
    fn behind(self, facts: &[(Event, Timestamp)]) -> Timestamp {
        let last = facts.iter().map(|(event, _)| event.occurred_at()).max();
        let [_, _, distance, _] = self.distances;
        let distance = Duration::from_micros(distance);
        last.zip(distance).and_then(|(last, distance)| last.checked_add(distance)).unwrap_or(self.at(0))
    }
}

fn scale() -> impl Strategy<Value = Scale> {
    let sizes: [([i64; 4], &'static [&'static str]); 3] = [
        ([HOUR / 2, HOUR, 2 * HOUR, 3 * HOUR], &["hour", "day"]),
        ([6 * HOUR, DAY, 2 * DAY, 7 * DAY], &["day", "week", "month"]),
        ([20 * DAY, 31 * DAY, 92 * DAY, 366 * DAY], &["week", "month", "quarter", "year"]),
    ];
    // Clocks go forward or back near some of these.
    let starts = [
        ("UTC", 1_714_953_600),              // 2024-05-06, a Monday
        ("Asia/Shanghai", 1_709_222_400),    // the eve of a first of March
        ("America/New_York", 1_710_046_800), // an hour and more before clocks go forward
        ("America/New_York", 1_730_606_400), // as long before they go back
        ("Australia/Lord_Howe", 1_712_411_999),
    ];
    (select(sizes.to_vec()), select(starts.to_vec())).prop_map(|((distances, periods), (zone, start))| {
        Scale { start: start * SECOND, distances, periods, zone }
    })
}

/// The few instants of a log, relative to the start of the scale.
fn instants(scale: Scale) -> impl Strategy<Value = Vec<i64>> {
    let distance = (select(scale.distances.to_vec()), select(vec![-1_i64, 0, 0, 0, 0, 0, 0, 1]));
    vec(option::weighted(0.8, distance), 1..7).prop_map(|distances| {
        let mut at = 0;
        let next = |distance: Option<(i64, i64)>| {
            at += distance.map_or(0, |(distance, off)| distance + off);
            at
        };
        distances.into_iter().map(next).collect()
    })
}

fn customer(number: u8) -> Customer {
    let keyed = Customer::parse(&format!("c{number}"), "test").ok().filter(|_| number != 2);
    keyed.unwrap_or_else(|| CustomerId::from_bytes([number; 16]).into())
}

/// Something small to tell apart by, of every JSON type; now and then nothing.
fn small() -> impl Strategy<Value = Option<Value>> {
    option::weighted(
        0.7,
        prop_oneof![
            3 => select(vec![json!(0), json!(1), json!(2)]),
            3 => select(vec![json!("a"), json!("b")]),
            1 => select(vec![json!(""), json!(null), json!(true)]),
        ],
    )
}

fn with(name: &str, value: Option<Value>) -> Map<String, Value> {
    value.map(|value| (name.to_owned(), value)).into_iter().collect()
}

fn fact() -> impl Strategy<Value = CustomerEvent> {
    let tracked = |name: &'static str| {
        small().prop_map(move |n| CustomerEvent::Tracked { name: name.into(), properties: with("n", n) })
    };
    let money = option::of((0..4_i64, select(vec!["USD", "CNY"])));
    prop_oneof![
        5 => money.prop_map(|money| {
            let money = money.and_then(|(minor, code)| Some(Money::from_minor(minor * 50, code.parse().ok()?)));
            CustomerEvent::OrderPlaced { order: None, total: money, lines: vec![] }
        }),
        4 => Just(CustomerEvent::SessionStarted {}),
        4 => tracked("lesson"),
        3 => tracked("quiz"),
        2 => Just(CustomerEvent::SignedUp {}),
        2 => Just(CustomerEvent::MessageSent { campaign: None }),
        2 => small().prop_map(|plan| CustomerEvent::ProfileUpdated { attributes: with("plan", plan) }),
        1 => any::<bool>().prop_map(|on| {
            let tag = "vip".to_owned();
            if on { CustomerEvent::TagAdded { tag } } else { CustomerEvent::TagRemoved { tag } }
        }),
        1 => select(vec!["kim", "lee"]).prop_map(|owner| CustomerEvent::OwnerAssigned { owner: owner.into() }),
        1 => Just(CustomerEvent::Foreign { kind: "seen_on_moon".into(), properties: Map::new() }),
    ]
}

/// Up to fourteen facts of up to four customers, with merges and voids among them, in any order of arrival.
fn facts(scale: Scale) -> impl Strategy<Value = Vec<(Event, Timestamp)>> {
    let channel = option::of(select(vec!["web", "app"]));
    let one = (any::<[u8; 16]>(), 1..5_u8, any::<Index>(), channel, fact());
    let merges = vec((any::<[u8; 16]>(), 1..5_u8, 1..5_u8, any::<Index>()), 0..3);
    let voids = vec((any::<[u8; 16]>(), any::<Index>(), any::<Index>()), 0..3);
    let drawn = (instants(scale), 1..5_u8, vec(one, 0..15), merges, voids);
    drawn
        .prop_map(move |(instants, customers, facts, merges, voids)| {
            let at = |index: Index| scale.at(instants.get(index.index(instants.len())).copied().unwrap_or(0));
            let who = |number: u8| customer((number - 1) % customers + 1);
            let event = |id: [u8; 16], who, at, fact| Event::new(EventId::from_bytes(id), who, at, fact).ok();
            let mut events: Vec<Event> = Vec::new();
            for (id, number, index, channel, fact) in facts {
                let event = event(id, who(number), at(index), fact);
                events.extend(event.and_then(|event| match channel {
                    Some(channel) => event.with_channel(channel).ok(),
                    None => Some(event),
                }));
            }
            for (id, survivor, other, index) in merges {
                let merge = CustomerEvent::IdentityMerged { other: who(other) };
                events.extend(event(id, who(survivor), at(index), merge));
            }
            for (id, target, index) in voids {
                let Some(target) = events.get(target.index(events.len().max(1))).cloned() else { continue };
                let void = CustomerEvent::EventVoided { target: target.id(), why: None };
                events.extend(event(id, target.customer().clone(), at(index), void));
            }
            events
        })
        .prop_shuffle()
        .prop_flat_map(move |events| {
            let late =
                vec((0..4_i64, select(scale.distances.to_vec()), prop::bool::weighted(0.1)), events.len());
            (Just(events), late)
        })
        .prop_map(|(events, late)| {
            let recorded = |(event, (times, distance, lagged)): (Event, (i64, i64, bool))| {
                let at = Timestamp::from_micros(event.occurred_at().as_micros() + times * distance);
                let known_lag = Duration::from_micros(distance).filter(|_| lagged);
                (
                    event.with_context(Context { known_lag, ..Context::default() }),
                    at.unwrap_or(Timestamp::MAX),
                )
            };
            events.into_iter().zip(late).map(recorded).collect()
        })
}

fn leaf() -> impl Strategy<Value = Value> {
    let customer =
        |op: &str, value: Value| json!({"property": "plan", "op": op, "value": value, "scope": "customer"});
    select(vec![
        json!({"property": "channel", "op": "eq", "value": "web"}),
        json!({"property": "channel", "op": "ne", "value": "web"}),
        json!({"property": "channel", "op": "is_set"}),
        json!({"property": "n", "op": "ge", "value": 1}),
        json!({"property": "n", "op": "in", "value": ["a", 0]}),
        json!({"property": "amount", "op": "lt", "value": 100}),
        json!({"property": "kind", "op": "contains_ci", "value": "S"}),
        customer("eq", json!("a")),
        customer("ne", json!(1)),
        json!({"property": "plan", "op": "is_set", "scope": "customer"}),
    ])
}

fn leaves() -> impl Strategy<Value = Value> {
    prop_oneof![4 => Just(json!([])), 1 => vec(leaf(), 1..3).prop_map(Value::from)]
}

fn filter() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(2, 4, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 1..3).prop_map(|all| json!({ "all": all })),
            vec(inner, 1..3).prop_map(|any| json!({ "any": any })),
        ]
    })
}

const NAMES: [&str; 9] = [
    "order_placed",
    "order_placed",
    "session_started",
    "session_started",
    "lesson",
    "lesson",
    "quiz",
    "signed_up",
    "message_sent",
];

fn selector() -> impl Strategy<Value = Map<String, Value>> {
    let event = prop_oneof![
        8 => select(NAMES.to_vec()).prop_map(Value::from),
        2 => vec(select(NAMES.to_vec()), 2..4).prop_map(Value::from),
        1 => Just(Value::Null),
        1 => Just(json!("tracked")),
        1 => Just(json!("profile_updated")),
    ];
    (event, leaves()).prop_map(|(event, leaves)| {
        let mut fields = Map::new();
        fields.insert("event".into(), event);
        fields.insert("where".into(), leaves);
        fields
    })
}

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// What all kinds share; `bounded` where the kind needs both bounds.
fn frame(scale: Scale, bounded: bool, filtered: bool) -> impl Strategy<Value = Map<String, Value>> {
    let near = move || {
        let off = select(vec![0, 0, 0, HOUR, 1, -1]);
        (select(scale.distances.to_vec()), 0..4_i64, off)
            .prop_map(|(distance, times, off)| distance * times + off)
    };
    // Both bounds are local, at most a day off: they need only be near.
    let local = move |micros: i64| {
        let text = scale.at(micros).to_string();
        text.trim_end_matches('Z').to_owned()
    };
    let bound = move |micros: BoxedStrategy<i64>| {
        let open = prop_oneof![3 => Just(None), 2 => micros.clone().prop_map(Some)];
        if bounded { micros.prop_map(Some).boxed() } else { open.boxed() }
    };
    let from = bound(near().prop_map(|micros| micros - 2 * HOUR).boxed());
    let to = bound((near(), near()).prop_map(|(a, b)| a + b).boxed());
    let as_of = option::weighted(0.4, (near(), near()).prop_map(|(a, b)| a + b));
    let known_at = option::weighted(
        0.2,
        prop_oneof![
            (0..16_u64).prop_map(Value::from),
            (near(), near()).prop_map(move |(a, b)| json!(scale.at(a + b))),
        ],
    );
    let filter = option::weighted(if filtered { 0.2 } else { 0.0 }, filter());
    (from, to, as_of, known_at, filter).prop_map(move |(from, to, as_of, known_at, filter)| {
        let to = match (from, to) {
            (Some(from), Some(to)) if to <= from => Some(from + to.abs() + DAY),
            _ => to,
        };
        fields(json!({
            "timezone": scale.zone,
            "from": from.map(local),
            "to": to.map(local),
            "as_of": as_of.map(|micros| scale.at(micros)),
            "known_at": known_at,
            "filter": filter.unwrap_or_else(|| json!([])),
        }))
    })
}

fn count_by(customer_and: bool) -> impl Strategy<Value = Value> {
    let property = || select(vec!["n", "channel", "kind"]);
    let held = property().prop_map(|name| json!({ "customer_and": name }));
    prop_oneof![
        6 => Just(json!("customer")),
        1 => property().prop_map(|name| json!({ "property": name })),
        u32::from(customer_and) => held,
    ]
}

fn breakdown(attributions: &'static [&'static str], steps: usize) -> impl Strategy<Value = Value> {
    let scope = select(vec![
        (json!("n"), "fact"),
        (json!("channel"), "fact"),
        (json!("plan"), "customer"),
        (json!("plan"), "customer"),
        (json!("vip"), "tag"),
        (Value::Null, "owner"),
        (Value::Null, "stage"),
    ]);
    let by = (scope, select(attributions.to_vec()), 0..steps.max(1)).prop_map(
        |((property, scope), attribution, step)| {
            let step = if attribution == "step" { json!(step) } else { Value::Null };
            json!({"property": property, "scope": scope, "attribution": attribution, "step": step})
        },
    );
    prop_oneof![3 => Just(Value::Null), 1 => by]
}

const TOUCHES: &[&str] = &["first_touch", "last_touch"];
const WITHOUT_STEPS: &[&str] = &["first_touch", "last_touch", "all_events"];
const ALL: &[&str] = &["first_touch", "last_touch", "all_events", "step"];

fn period(scale: Scale) -> impl Strategy<Value = Value> {
    (select(scale.periods.to_vec()), select(vec!["monday", "sunday"]))
        .prop_map(|(period, start)| json!({"period": period, "week_start": start}))
}

/// A window that is one distance, or two, or a second off.
fn window(scale: Scale) -> impl Strategy<Value = i64> {
    let distance = || select(scale.distances.to_vec());
    (distance(), option::of(distance()), select(vec![0, 0, 0, -1, 1]))
        .prop_map(|(a, b, off)| (a + b.unwrap_or(0)) / SECOND + off)
}

fn together(kind: &str, parts: impl IntoIterator<Item = Value>) -> Map<String, Value> {
    let mut all: Map<String, Value> = parts.into_iter().flat_map(fields).collect();
    all.insert("kind".into(), kind.into());
    all
}

/// A step: its selector, and whether it is optional and for a first time only.
type Written = (Map<String, Value>, (bool, bool));

type Fields = BoxedStrategy<Map<String, Value>>;

fn lifecycle(scale: Scale) -> Fields {
    let basis = select(vec!["first_event", "profile_created"]);
    (selector(), period(scale), basis, breakdown(WITHOUT_STEPS, 0), count_by(false))
        .prop_map(|(activity, period, basis, breakdown, count_by)| {
            let own = json!({
                "activity": activity, "new_basis": basis, "breakdown": breakdown, "count_by": count_by,
            });
            together("lifecycle", [own, period])
        })
        .boxed()
}

fn stickiness(scale: Scale) -> Fields {
    (selector(), period(scale), breakdown(WITHOUT_STEPS, 0), count_by(false))
        .prop_map(|(activity, period, breakdown, count_by)| {
            let own = json!({"activity": activity, "breakdown": breakdown, "count_by": count_by});
            together("stickiness", [own, period])
        })
        .boxed()
}

fn repurchase(scale: Scale) -> Fields {
    (selector(), period(scale), breakdown(WITHOUT_STEPS, 0), count_by(false), 2..5_u32)
        .prop_map(|(activity, period, breakdown, count_by, nth)| {
            let own = json!({"activity": activity, "breakdown": breakdown, "count_by": count_by, "nth": nth});
            together("repurchase", [own, period])
        })
        .boxed()
}

fn transitions(scale: Scale) -> Fields {
    (period(scale), any::<bool>())
        .prop_map(|(period, flows)| {
            let without = json!({"period": null});
            together("transitions", [period, if flows { json!({}) } else { without }])
        })
        .boxed()
}

fn paths(scale: Scale) -> Fields {
    let filter = option::weighted(0.3, filter()).prop_map(|filter| filter.unwrap_or_else(|| json!([])));
    let compare = option::weighted(0.3, [self::filter(), self::filter()]);
    let choices = (any::<bool>(), any::<bool>(), any::<bool>(), 1..6_usize);
    let share = select(vec![0.0, 0.0, 0.2, 0.25, 0.5, 1.0]);
    (selector(), choices, filter, window(scale), share, compare)
        .prop_map(|(anchor, (each, after, collapse, depth), filter, window, share, compare)| {
            let own = json!({
                "anchor": anchor,
                "anchors": if each { "each" } else { "first" },
                "direction": if after { "after" } else { "before" },
                "depth": depth,
                "collapse_repeats": collapse,
                "where": filter,
                "window_seconds": window,
                "min_share": share,
                "compare": compare,
            });
            together("paths", [own])
        })
        .boxed()
}

fn retention(scale: Scale) -> Fields {
    // Mostly the same fact starts and returns, or anything does.
    let ends = prop_oneof![
        2 => selector().prop_map(|both| (both.clone(), both)),
        2 => (selector(), selector()),
    ];
    let choices = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let numbers = (1..3_u32, option::weighted(0.4, 1..6_usize), vec((0..3_u32, 0..3_u32), 0..3));
    let measure = select(vec!["customers", "customers", "customers", "sum", "count"]);
    let shared = (period(scale), breakdown(WITHOUT_STEPS, 0), breakdown(TOUCHES, 0), count_by(false));
    (ends, choices, numbers, measure, shared, prop::bool::weighted(0.3))
        .prop_map(|((start, back), choices, (least, columns, brackets), measure, shared, one_row)| {
            let (recurring, later, rectangular, rolling, truncate) = choices;
            let (period, breakdown, touches, count_by) = shared;
            let brackets: Vec<_> = brackets.into_iter().map(|(first, more)| (first, first + more)).collect();
            let own = if one_row {
                json!({
                    "output": "one_row",
                    "clock": if rolling { "rolling" } else { "calendar" },
                    "truncate_start_to_hour": rolling && truncate,
                    "columns": columns.filter(|_| brackets.is_empty()),
                    "brackets": brackets,
                    "breakdown": breakdown,
                })
            } else {
                json!({
                    "mode": if recurring { "recurring" } else { "first_time" },
                    "return_rule": if later { "on_or_after" } else { "on" },
                    "shape": if rectangular { "rectangular" } else { "triangle" },
                    "columns": columns.filter(|_| rectangular),
                    "measure": measure,
                    "breakdown": if recurring { touches } else { breakdown },
                })
            };
            let shared =
                json!({"start": start, "return": back, "min_occurrences": least, "count_by": count_by});
            together("retention", [own, shared, period])
        })
        .boxed()
}

fn funnel(scale: Scale) -> Fields {
    let steps = prop_oneof![1 => Just(1_usize), 4 => Just(2), 6 => Just(3), 3 => Just(4)];
    (steps, select(vec!["ordered", "ordered", "strict", "unordered"]))
        .prop_flat_map(move |(steps, order)| funnel_of(scale, steps, order))
        .boxed()
}

fn funnel_of(scale: Scale, steps: usize, order: &'static str) -> impl Strategy<Value = Map<String, Value>> {
    let unordered = order == "unordered";
    let flags = (prop::bool::weighted(0.25), prop::bool::weighted(0.1));
    let step = (selector(), flags);
    let of_steps = vec(step, steps).prop_map(move |all| {
        let written = |(place, (selector, (optional, first))): (usize, Written)| {
            let mut fields = selector;
            fields.insert("optional".into(), (optional && place > 0 && !unordered).into());
            fields.insert("first_time_only".into(), first.into());
            Value::from(fields)
        };
        all.into_iter().enumerate().map(written).collect::<Vec<_>>()
    });
    let ends = move || (0..steps, 0..steps).prop_map(|(a, b)| (a.min(b), a.max(b)));
    let excluded = (selector(), ends(), any::<bool>()).prop_map(move |(selector, (from, to), whole)| {
        let mut fields = selector;
        // A span needs two ends.
        let (from, to) = if from == to { (0, steps - 1) } else { (from, to) };
        fields.insert("from_step".into(), if whole { 0 } else { from }.into());
        fields.insert("to_step".into(), if whole { Value::Null } else { to.into() });
        Value::from(fields)
    });
    let exclusions = prop_oneof![2 => Just(Vec::new()), 1 => vec(excluded, 1..3)];
    let effect = select(vec!["drop_off", "discard", "reset"]);
    let tolerance = prop_oneof![
        5 => Just(0),
        1 => select(scale.distances.to_vec()).prop_map(|distance| distance / SECOND),
    ];
    let choices = (any::<bool>(), prop::bool::weighted(0.3), prop::bool::weighted(0.3), any::<bool>());
    let output = select(vec!["steps", "steps", "steps", "time_to_convert", "trend"]);
    let counting = (count_by(true), prop::bool::weighted(0.15), breakdown(ALL, steps), output);
    let histogram = (ends(), 0..4_usize);
    (of_steps, exclusions, effect, (window(scale), tolerance), choices, counting, histogram, period(scale))
        .prop_map(
            move |(
                of_steps,
                exclusions,
                effect,
                (window, tolerance),
                choices,
                counting,
                histogram,
                period,
            )| {
                let (later, first, events, explain) = choices;
                let (count_by, attempts, breakdown, output) = counting;
                // Refused: attempts have no one chain that gives a value.
                let by_step = breakdown.get("attribution").is_some_and(|by| by == "step");
                let attempts = attempts && !by_step;
                let ((from, to), bins) = histogram;
                let output = if steps == 1 && output == "time_to_convert" { "steps" } else { output };
                let (from, to) = if from == to { (0, steps - 1) } else { (from, to) };
                let own = json!({
                    "steps": of_steps,
                    "order": order,
                    "window_seconds": window,
                    "ties": if later { "strictly_later" } else { "step_order" },
                    "tie_tolerance_seconds": if order == "ordered" && !later { tolerance } else { 0 },
                    "entry": if first && !unordered { "first_entry" } else { "any_entry" },
                    "exclusions": if steps == 1 { Vec::new() } else { exclusions },
                    "exclusion_effect": if effect == "reset" && !unordered { "drop_off" } else { effect },
                    "breakdown": breakdown,
                    "count_by": count_by,
                    "count": if attempts { "attempts" } else { "customers" },
                    "range": if events { "events" } else { "entry" },
                    "output": if attempts { "steps" } else { output },
                    "from_step": from,
                    "to_step": to,
                    "bins": bins,
                    "explain": explain && !attempts && output != "trend",
                });
                together("funnel", [own, period])
            },
        )
}

/// A log and a question of one kind about it, with every option of the kind.
///
/// Kinds are those of [`Query::KINDS`].
pub fn query_case(kind: &'static str) -> impl Strategy<Value = QueryCase> {
    scale().prop_flat_map(move |scale| {
        let own = match kind {
            "funnel" => funnel(scale),
            "retention" => retention(scale),
            "lifecycle" => lifecycle(scale),
            "paths" => paths(scale),
            "stickiness" => stickiness(scale),
            "transitions" => transitions(scale),
            _ => repurchase(scale),
        };
        let frame = frame(scale, kind == "stickiness", true);
        (facts(scale), own, frame, stage_policy()).prop_filter_map(
            "a query",
            move |(facts, own, frame, stages)| {
                let mut all = own;
                all.extend(frame);
                let query = Query::parse(&Value::from(all).to_string()).ok()?;
                let as_of = query.frame.as_of.unwrap_or_else(|| scale.behind(&facts));
                Some(QueryCase { facts, query, stages, as_of })
            },
        )
    })
}
