//! The laws of behavioural queries.
//!
//! ```console
//! $ TENURE_QUERY_CASES=10000 cargo test --release -p tenure-testkit --test testkit query_laws
//! ```
#![expect(clippy::default_trait_access, reason = "one law for the sums of every kind")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};
use tenure_core::fold::{Folded, Partition, Projection, Snapshot, States};
use tenure_core::log::{Append, Log};
use tenure_core::query::Query;
use tenure_core::report::{Report, add_all};
use tenure_core::{Customer, CustomerEvent, Event, EventId, Timestamp};
use tenure_testkit::query_strategies::{QueryCase, log_of, query_case};

use crate::query_oracle::{cases, engine, shown, with_asked};

type Facts = Vec<(Event, Timestamp)>;

/// A case of any kind.
fn any_case() -> impl Strategy<Value = QueryCase> {
    select(Query::KINDS.to_vec()).prop_flat_map(query_case)
}

fn answer_over(case: &QueryCase, facts: &[(Event, Timestamp)]) -> Value {
    engine(&case.query, &log_of(facts), &case.stages, case.as_of).unwrap()
}

fn answer(case: &QueryCase) -> Value {
    answer_over(case, &case.facts)
}

/// The same case with some fields of its query written anew.
#[expect(clippy::needless_pass_by_value, reason = "they are written where they are used")]
fn with(case: &QueryCase, fields: Value) -> QueryCase {
    let mut all = case.query.to_json();
    all.as_object_mut().unwrap().extend(fields.as_object().cloned().unwrap());
    case.asking(Query::parse(&all.to_string()).unwrap())
}

/// Positions change where facts come, go or change places.
fn without_positions(case: QueryCase) -> QueryCase {
    if case.query.to_json()["known_at"].is_u64() { with(&case, json!({"known_at": null})) } else { case }
}

fn bytes(value: &Value) -> String {
    value.to_string()
}

fn facts_of_others(numbers: &[Index], case: &QueryCase) -> Facts {
    let at = |index: &Index| match case.facts.len() {
        0 => case.as_of,
        facts => case.facts[index.index(facts)].0.occurred_at(),
    };
    let fact = |(place, index): (usize, &Index)| {
        let who = Customer::parse(&format!("other{}", place % 2), "test").unwrap();
        let id = EventId::from_foreign("others", &place.to_string());
        let follow_up = CustomerEvent::FollowUpLogged { who: None, outcome: None };
        (Event::new(id, who, at(index), follow_up).unwrap(), at(index))
    };
    numbers.iter().enumerate().map(fact).collect()
}

/// Everything in time, so many weeks later.
fn shifted(case: &QueryCase, weeks: i64) -> QueryCase {
    let by = weeks * 7 * 86_400_000_000;
    let later = |at: Timestamp| Timestamp::from_micros(at.as_micros() + by).unwrap();
    let zone = case.query.frame.zone();
    let local = |bound: Option<tenure_core::LocalTime>| {
        let at = bound.map(|bound| later(zone.instant(bound).unwrap()).to_string());
        at.map(|text| text.trim_end_matches('Z').to_owned())
    };
    let mut known_at = case.query.to_json()["known_at"].clone();
    if let Some(text) = known_at.as_str() {
        known_at = json!(later(Timestamp::parse(text).unwrap()));
    }
    let frame = &case.query.frame;
    let asked = json!({
        "from": local(frame.from),
        "to": local(frame.to),
        "as_of": frame.as_of.map(later),
        "known_at": known_at,
    });
    let facts = case.facts.iter().map(|(event, recorded_at)| {
        let at = later(event.occurred_at());
        let wire = event.stored().clone();
        let mut fact = Event::from_wire(event.id(), event.customer().clone(), at, wire).unwrap();
        if let Some(channel) = event.view().channel {
            fact = fact.with_channel(channel).unwrap();
        }
        (fact.with_context(event.context().clone()), later(*recorded_at))
    });
    let case = QueryCase { facts: facts.collect(), as_of: later(case.as_of), ..case.clone() };
    with(&case, asked)
}

/// An answer without the names of its buckets, which tell the time.
fn without_names(mut answer: Value) -> Value {
    match &mut answer {
        Value::Array(values) => values.iter_mut().for_each(|value| *value = without_names(value.take())),
        Value::Object(fields) => {
            fields.remove("bucket");
            if fields.get("buckets").is_some_and(Value::is_array) {
                fields.remove("buckets");
            }
            fields.values_mut().for_each(|value| *value = without_names(value.take()));
        }
        _ => {}
    }
    answer
}

/// The counts of a funnel whose answer is not broken down.
fn counts(case: &QueryCase) -> Vec<u64> {
    answer(case)["counts"].as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).collect()
}

/// A funnel that is counted in customers and steps, none of them optional.
fn plain_funnel() -> impl Strategy<Value = QueryCase> {
    query_case("funnel").prop_map(|case| {
        let mut steps = case.query.to_json()["steps"].clone();
        for step in steps.as_array_mut().unwrap() {
            step["optional"] = false.into();
        }
        with(
            &case,
            json!({
                "steps": steps,
                "breakdown": null,
                "count": "customers",
                "output": "steps",
                "tie_tolerance_seconds": 0,
            }),
        )
    })
}

fn each_at_least(more: &[u64], less: &[u64]) -> bool {
    more.len() == less.len() && more.iter().zip(less).all(|(more, less)| more >= less)
}

/// The answer where states are kept up batch by batch, shared out, and merged again.
fn in_parts(case: &QueryCase, batches: &[Vec<(Event, Timestamp)>], parts: u32) -> Value {
    let QueryCase { query, as_of, .. } = case;
    with_asked!(query, &case.stages, *as_of, asked => {
        let report = asked.report(*as_of);
        let mut log = Log::new();
        let mut all: Vec<_> = Partition::split(parts)
            .map(|part| States::new(&asked, query.frame.cut()).in_partition(part))
            .collect();
        for batch in batches {
            for (event, recorded_at) in batch {
                log.restore(&Append::new(vec![event.clone()]), *recorded_at).unwrap();
            }
            for states in &mut all {
                states.catch_up(&log);
            }
        }
        // From the last one to the first, since the order must not matter.
        let mut sum = Default::default();
        for states in all.iter().rev() {
            report.merge(&mut sum, add_all(&report, states, *as_of));
        }
        serde_json::to_value(report.finish(sum)).unwrap()
    })
    .unwrap()
}

/// Whether each customer's state, kept and read again at a cut of the history, goes on as if nothing had been.
fn survives_being_kept<P: Projection>(projection: &P, case: &QueryCase, cut: Index) {
    let log = case.log();
    let states = States::of_log(projection, case.query.frame.cut(), &log);
    for (person, folded) in states.iter() {
        let corrections = states.corrections();
        let cut_of_log = case.query.frame.cut();
        let mut facts: Vec<_> = corrections
            .members(person)
            .into_iter()
            .flat_map(|member| log.stream(member))
            .filter(|fact| cut_of_log.holds(fact) && corrections.admits(&fact.event))
            .map(|fact| fact.event)
            .collect();
        facts.sort_by_key(tenure_core::EventView::key);
        let (known, rest) = facts.split_at(cut.index(facts.len()) + 1);
        let state = tenure_core::fold::fold(projection, known.to_vec());
        let kept = Snapshot::new(Folded { state, last: known.last().unwrap().key() }, Vec::new());
        let mut state = Snapshot::decode(&kept.encode(projection).unwrap(), projection).unwrap().state;
        for fact in rest {
            projection.apply(&mut state, fact);
        }
        assert_eq!(&state, &folded.state);
    }
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn steps_never_rise(case in plain_funnel()) {
        prop_assert!(counts(&case).is_sorted_by(|one, next| one >= next), "{}", shown(&case));
    }

    #[test]
    fn a_wider_window_never_lowers_a_count(case in plain_funnel(), more in select(vec![1_u64, 1_800, 21_600, 86_400])) {
        prop_assume!(case.query.to_json()["order"] != "strict");
        let case = with(&case, json!({"exclusion_effect": "drop_off"}));
        let seconds = case.query.to_json()["window_seconds"].as_u64().unwrap();
        let wider = with(&case, json!({"window_seconds": seconds + more}));
        prop_assert!(each_at_least(&counts(&wider), &counts(&case)), "{more} more: {}", shown(&case));
    }

    #[test]
    fn less_order_is_not_fewer_customers(case in plain_funnel()) {
        let free = json!({"entry": "any_entry", "exclusions": [], "exclusion_effect": "drop_off"});
        let case = with(&case, free);
        let by = |order: &str| counts(&with(&case, json!({"order": order})));
        let (unordered, ordered, strict) = (by("unordered"), by("ordered"), by("strict"));
        prop_assert!(each_at_least(&unordered, &ordered), "{unordered:?} {ordered:?} {}", shown(&case));
        prop_assert!(each_at_least(&ordered, &strict), "{ordered:?} {strict:?} {}", shown(&case));
    }

    #[test]
    fn the_first_entry_is_not_more_than_any(case in plain_funnel()) {
        prop_assume!(case.query.to_json()["order"] != "unordered");
        let case = with(&case, json!({"exclusion_effect": "drop_off"}));
        let by = |entry: &str| counts(&with(&case, json!({"entry": entry})));
        prop_assert!(each_at_least(&by("any_entry"), &by("first_entry")), "{}", shown(&case));
    }

    #[test]
    fn on_or_after_is_not_less_than_on(case in query_case("retention")) {
        prop_assume!(case.query.to_json()["output"] == "rows");
        let case = with(&case, json!({"measure": "customers", "breakdown": null}));
        let by = |rule: &str| answer(&with(&case, json!({"return_rule": rule})));
        let (on, after) = (by("on"), by("on_or_after"));
        for (on, after) in on["rows"].as_array().unwrap().iter().zip(after["rows"].as_array().unwrap()) {
            let values = |row: &Value| -> Vec<u64> {
                row["values"].as_array().unwrap().iter().map(|value| value.as_u64().unwrap()).collect()
            };
            prop_assert!(each_at_least(&values(after), &values(on)), "{}", shown(&case));
        }
    }

    #[test]
    fn movement_adds_up(case in query_case("lifecycle")) {
        let case = with(&case, json!({"breakdown": null, "new_basis": "first_event"}));
        let moved = answer(&case);
        let of = |name: &str| -> Vec<i64> {
            moved[name].as_array().unwrap().iter().map(|count| count.as_i64().unwrap()).collect()
        };
        let (new, back, again, gone) = (of("new"), of("returning"), of("resurrecting"), of("dormant"));
        // Who is active in a bucket is who starts in it, where everybody starts in every bucket.
        let mut cohorts: Map<String, Value> = case.query.to_json().as_object().cloned().unwrap();
        let activity = cohorts.remove("activity").unwrap();
        cohorts.remove("new_basis");
        cohorts.insert("kind".into(), "retention".into());
        cohorts.insert("mode".into(), "recurring".into());
        cohorts.insert("start".into(), activity);
        let cohorts = Query::parse(&Value::from(cohorts).to_string()).unwrap();
        let cohorts = answer(&case.asking(cohorts));
        let active: Vec<i64> =
            cohorts["rows"].as_array().unwrap().iter().map(|row| row["values"][0].as_i64().unwrap()).collect();
        // Without a bound the first row is of the first start, and so is the first movement.
        prop_assert_eq!(active.len(), new.len());
        for bucket in 0..active.len() {
            prop_assert_eq!(new[bucket] + back[bucket] + again[bucket], active[bucket], "{}", shown(&case));
            if bucket > 0 {
                prop_assert_eq!(gone[bucket], active[bucket - 1] - back[bucket], "{}", shown(&case));
            }
        }
    }

    #[test]
    fn merge_then_undo_is_nothing(
        case in any_case(),
        pairs in vec((any::<Index>(), any::<Index>()), 1..3),
        order in any::<[Index; 6]>(),
        again in any::<bool>(),
    ) {
        let case = without_positions(case);
        prop_assume!(!case.facts.is_empty());
        let who = |index: &Index| case.facts[index.index(case.facts.len())].0.customer().clone();
        let at = case.facts[0].0.occurred_at();
        let id = |text: String| EventId::from_foreign("merges", &text);
        let mut merges = Vec::new();
        let mut undone = Vec::new();
        for (place, (survivor, other)) in pairs.iter().enumerate() {
            let merge = CustomerEvent::IdentityMerged { other: who(other) };
            let Ok(merge) = Event::new(id(format!("merge {place}")), who(survivor), at, merge) else { continue };
            let void = CustomerEvent::EventVoided { target: merge.id(), why: None };
            undone.push((Event::new(id(format!("void {place}")), who(survivor), at, void).unwrap(), at));
            if again {
                let merge = CustomerEvent::IdentityMerged { other: who(other) };
                merges.push((Event::new(id(format!("again {place}")), who(survivor), at, merge).unwrap(), at));
            }
            undone.push((merge, at));
        }
        // Known from the beginning, so that a cut of what is known has all of them or none.
        let early = Timestamp::MIN;
        let put = |facts: &Facts, more: &Facts| {
            let mut all = facts.clone();
            for ((event, _), place) in more.iter().zip(order.iter().cycle()) {
                all.insert(place.index(all.len() + 1), (event.clone(), early));
            }
            all
        };
        let plain = put(&case.facts, &merges);
        let whole = put(&plain, &undone);
        prop_assert_eq!(bytes(&answer_over(&case, &whole)), bytes(&answer_over(&case, &plain)), "{}", shown(&case));
    }

    #[test]
    fn order_of_arrival_batches_and_parts_decide_nothing(
        (case, facts) in any_case().prop_map(without_positions)
            .prop_flat_map(|case| (Just(case.clone()), Just(case.facts).prop_shuffle())),
        sizes in vec(1_usize..6, 32),
        parts in 1..4_u32,
    ) {
        let mut rest = facts.into_iter();
        let batches: Vec<Facts> = sizes.into_iter().map(|size| rest.by_ref().take(size).collect()).collect();
        let kept = in_parts(&case, &batches, parts);
        prop_assert_eq!(bytes(&kept), bytes(&answer(&case)), "{}", shown(&case));
    }

    #[test]
    fn a_state_survives_being_kept(case in any_case(), cut in any::<Index>()) {
        let kept = with_asked!(&case.query, &case.stages, case.as_of, asked => survives_being_kept(&asked, &case, cut));
        kept.unwrap();
    }

    #[test]
    fn whole_weeks_later_the_answer_is_the_same(case in any_case(), weeks in 1..80_i64) {
        let asked = case.query.to_json();
        let of_stages = asked["kind"] == "transitions" || asked["breakdown"]["scope"] == "stage";
        // Stages have days of their own.
        prop_assume!(!of_stages || case.stages.zone() == tenure_core::Zone::UTC);
        let mut fields = json!({"timezone": "UTC"});
        if matches!(asked["period"].as_str(), Some("month" | "quarter" | "year")) {
            fields["period"] = "week".into();
        }
        let case = with(&case, fields);
        let later = shifted(&case, weeks);
        let (now, then) = (without_names(answer(&case)), without_names(answer(&later)));
        prop_assert_eq!(bytes(&now), bytes(&then), "{} weeks: {}", weeks, shown(&case));
    }

    #[test]
    fn others_without_matching_facts_change_nothing(case in any_case(), others in vec(any::<Index>(), 1..5)) {
        // Every fact begins a timeline of stages, and a path may be of all kinds.
        prop_assume!(case.query.kind() != "transitions");
        let all = [&case.facts[..], &facts_of_others(&others, &case)[..]].concat();
        prop_assert_eq!(bytes(&answer_over(&case, &all)), bytes(&answer(&case)), "{}", shown(&case));
    }

    #[test]
    fn what_is_later_or_not_known_decides_nothing(case in any_case()) {
        let case = without_positions(case);
        let cut = case.query.frame.cut();
        let log = case.log();
        let holds: Facts = case
            .facts
            .iter()
            .zip(log.facts())
            .filter(|(_, fact)| cut.holds(fact))
            .map(|(fact, _)| fact.clone())
            .collect();
        prop_assert_eq!(bytes(&answer_over(&case, &holds)), bytes(&answer(&case)), "{}", shown(&case));
        // An answer as of an instant is that of a log that ended there.
        if case.query.frame.as_of.is_some() {
            let until: Facts = holds
                .iter()
                .filter(|(event, _)| event.view().kind.corrects() || event.occurred_at() <= case.as_of)
                .cloned()
                .collect();
            let open = QueryCase { as_of: case.as_of, ..with(&case, json!({"as_of": null})) };
            prop_assert_eq!(bytes(&answer_over(&open, &until)), bytes(&answer(&case)), "{}", shown(&case));
        }
    }
}
