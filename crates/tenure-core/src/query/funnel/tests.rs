//! A few facts for every decision that a funnel names.

use serde_json::{Value, json};

use super::*;
use crate::Line;
use crate::fold::{Projection, States};
use crate::id::EventId;
use crate::log::{Append, Log};
use crate::query::{AskedState, Query, Terms};
use crate::report::{Report, add_all};
use crate::time::Timestamp;

const START: i64 = 1_600_000_000;

fn at(second: &str) -> Timestamp {
    let (whole, part) = second.split_once('.').unwrap_or((second, "0"));
    let part: i64 = format!("{part:0<6}").parse().unwrap();
    Timestamp::from_micros((START + whole.parse::<i64>().unwrap()) * 1_000_000 + part).unwrap()
}

/// Tracked facts by name, second, and property `by`: `a@0 b@1.5 c@2/web`. Those of one second have ids in this order.
fn log(customers: &[(&str, &str)]) -> Log {
    let mut log = Log::new();
    let facts = customers
        .iter()
        .flat_map(|(customer, facts)| facts.split_whitespace().map(move |fact| (customer, fact)));
    for (serial, (customer, text)) in (0_u64..).zip(facts) {
        let (name, second, by) = parts(text);
        let mut random = [0; 10];
        random[2..].copy_from_slice(&serial.to_be_bytes());
        let id = EventId::from_instant(at(second), random);
        let by = by.map(|by| by.parse::<i64>().map_or(json!(by), |number| json!(number)));
        let line = json!({
            "id": id, "customer": customer, "occurred_at": at(second), "kind": "tracked", "subject": name,
            "data": { "by": by },
        });
        let event = Line::parse(&line.to_string(), "shop").unwrap().into_event(id).unwrap();
        log.append(&Append::new(vec![event]), Timestamp::MAX).unwrap();
    }
    log
}

fn parts(fact: &str) -> (&str, &str, Option<&str>) {
    let (fact, by) = fact.split_once('/').map_or((fact, None), |(fact, by)| (fact, Some(by)));
    let (name, second) = fact.split_once('@').unwrap();
    (name, second, by)
}

fn query(ask: &Value) -> Query {
    let mut all = json!({"kind": "funnel", "steps": ["a", "b", "c"], "window_seconds": 100});
    all.as_object_mut().unwrap().extend(ask.as_object().unwrap().clone());
    Query::parse(&all.to_string()).unwrap()
}

/// The answer as of a second.
fn answer_at(ask: &Value, customers: &[(&str, &str)], second: &str) -> Value {
    let asked = query(ask).funnel(&Terms::default(), at(second)).unwrap().unwrap();
    let states = States::of_log(&asked, query(ask).frame.cut(), &log(customers));
    for (_, folded) in states.iter() {
        let kept = postcard::to_allocvec(&folded.state).unwrap();
        let read: AskedState<FunnelState> = postcard::from_bytes(&kept).unwrap();
        assert_eq!(read, folded.state);
    }
    let report = asked.report(at(second));
    serde_json::to_value(report.finish(add_all(&report, &states, at(second)))).unwrap()
}

/// The answer long after the last fact.
fn answer(ask: &Value, customers: &[(&str, &str)]) -> Value {
    answer_at(ask, customers, "100000")
}

/// How many reached each step, of one customer.
fn counts(ask: &Value, facts: &str) -> Vec<u64> {
    serde_json::from_value(answer(ask, &[("ann", facts)])["counts"].clone()).unwrap()
}

/// The places, in the text, of the facts that fill the steps, of one customer.
fn chain(ask: &Value, facts: &str) -> Vec<Option<usize>> {
    let mut ask = ask.clone();
    ask["explain"] = true.into();
    let answer = answer(&ask, &[("ann", facts)]);
    let ids = answer["explain"]["shop:ann"].as_array().cloned().unwrap_or_default();
    let place = |id: &Value| {
        let id: EventId = id.as_str()?.parse().unwrap();
        Some(usize::from(id.as_bytes()[15]))
    };
    ids.iter().map(place).collect()
}

/// Two ways to walk: without a history, and with a window of it, which an exclusion that never happens asks for.
const WALKS: [&str; 2] = ["{}", r#"{"exclusions": ["never"]}"#];

fn with(walk: &str, ask: Value) -> Value {
    let mut all: Value = serde_json::from_str(walk).unwrap();
    if let Value::Object(ask) = ask {
        all.as_object_mut().unwrap().extend(ask);
    }
    all
}

#[test]
fn steps_come_one_after_the_other_and_other_facts_may_lie_between() {
    for walk in WALKS {
        assert_eq!(counts(&with(walk, json!({})), "a@0 x@1 b@2 x@3 c@4"), [1, 1, 1]);
        assert_eq!(counts(&with(walk, json!({})), "a@0 c@1 b@2"), [1, 1, 0]);
        assert_eq!(counts(&with(walk, json!({})), "b@0 c@1"), [0, 0, 0]);
    }
}

#[test]
fn a_window_is_inclusive_and_every_entry_has_its_own() {
    for walk in WALKS {
        assert_eq!(counts(&with(walk, json!({})), "a@0 b@50 c@100"), [1, 1, 1]);
        assert_eq!(counts(&with(walk, json!({})), "a@0 b@50 c@100.000001"), [1, 1, 0]);
        assert_eq!(chain(&with(walk, json!({})), "a@0 a@1 b@50 c@101"), [Some(1), Some(2), Some(3)]);
        assert_eq!(counts(&with(walk, json!({"entry": "first_entry"})), "a@0 a@1 b@50 c@101"), [1, 1, 0]);
    }
}

#[test]
fn the_best_entry_is_deepest_then_soonest_done_then_latest() {
    for walk in WALKS {
        let ask = with(walk, json!({}));
        assert_eq!(chain(&ask, "a@0 b@1 a@2 a@200 b@201 c@202"), [Some(3), Some(4), Some(5)]);
        assert_eq!(chain(&ask, "a@0 b@1 a@2 b@3"), [Some(0), Some(1), None]);
        // The same last step: the later entry. Of one entry, the earliest facts.
        assert_eq!(chain(&ask, "a@0 b@1 a@2 b@3 b@4 c@5"), [Some(2), Some(3), Some(5)]);
        assert_eq!(chain(&ask, "a@0 a@0"), [Some(1), None, None]);
    }
}

#[test]
fn facts_of_one_instant_may_be_taken_in_any_order_each_once() {
    for walk in WALKS {
        let ask = with(walk, json!({}));
        assert_eq!(chain(&ask, "c@0 b@0 a@0"), [Some(2), Some(1), Some(0)]);
        let later = with(walk, json!({"ties": "strictly_later"}));
        assert_eq!(counts(&later, "a@0 b@0 b@1 c@1"), [1, 1, 0]);
        assert_eq!(counts(&later, "a@0 b@1 c@2"), [1, 1, 1]);
        // One fact fills one step, and facts are shared out, not taken by list order.
        let twice = with(walk, json!({"steps": ["a", "a"]}));
        assert_eq!(counts(&twice, "a@0"), [1, 0]);
        assert_eq!(chain(&twice, "a@0 a@0"), [Some(1), Some(0)]);
        let either = with(walk, json!({"steps": ["a", {"event": ["b", "c"]}, "b"]}));
        assert_eq!(chain(&either, "a@0 b@0 c@0"), [Some(0), Some(2), Some(1)]);
        // A step that was done before the instant leaves its fact to the next one.
        assert_eq!(chain(&either, "a@0 b@1 b@5 b@5"), [Some(0), Some(1), Some(2)]);
    }
}

#[test]
fn a_tolerance_lets_a_step_be_a_little_earlier_than_the_one_before_it() {
    let ask = json!({"tie_tolerance_seconds": 2});
    assert_eq!(chain(&ask, "c@6 b@8 a@10"), [Some(2), Some(1), Some(0)]);
    assert_eq!(counts(&ask, "c@6 b@7.999999 a@10"), [1, 0, 0]);
    assert_eq!(counts(&ask, "c@5.999999 b@8 a@10"), [1, 1, 0]);
    // Distinct facts, also where time may run back.
    let thrice = json!({"tie_tolerance_seconds": 2, "steps": ["a", "b", "a"]});
    assert_eq!(counts(&thrice, "a@10 b@11"), [1, 1, 0]);
    assert_eq!(chain(&thrice, "a@9 a@10 b@11"), [Some(1), Some(2), Some(0)]);
    // What lies before the entry is kept as long as it can be needed.
    assert_eq!(counts(&ask, "x@0 x@1 b@98 x@98.5 a@99 x@100 c@101"), [1, 1, 1]);
}

#[test]
fn an_optional_step_counts_where_it_lies_on_the_best_chain() {
    let ask =
        json!({"steps": ["a", {"event": "o", "optional": true}, "b", {"event": "p", "optional": true}]});
    assert_eq!(counts(&ask, "a@0 b@1"), [1, 0, 1, 0]);
    assert_eq!(chain(&ask, "a@0 o@1 b@2 p@3"), [Some(0), Some(1), Some(2), Some(3)]);
    // The last required step is the earliest, then there are the most optional ones.
    assert_eq!(chain(&ask, "a@0 b@1 o@2 b@3 p@4"), [Some(0), None, Some(1), Some(4)]);
    // A step before the last one waits for an optional one.
    let ask = json!({"steps": ["a", {"event": "o", "optional": true}, "b", "c"]});
    assert_eq!(chain(&ask, "a@0 b@1 o@2 b@3 c@4"), [Some(0), Some(2), Some(3), Some(4)]);
    let answer = answer(&ask, &[("ann", "a@0 o@2 b@3 c@7")]);
    assert_eq!(answer["average_seconds"], json!([null, 2.0, 3.0, 4.0]));
}

#[test]
fn first_time_only_is_the_first_in_the_whole_history() {
    let ask = json!({"steps": [{"event": "a", "first_time_only": true}, "b"], "from": "2020-09-13T12:26:45"});
    assert_eq!(counts(&ask, "a@4 a@6 b@7"), [0, 0]); // 5 seconds after the start of these tests
    assert_eq!(counts(&ask, "a@6 b@7"), [1, 1]);
    // Also where facts outside of the range are not looked at else.
    let mut events = ask.clone();
    events["range"] = "events".into();
    assert_eq!(counts(&events, "a@4 a@6 b@7"), [0, 0]);
    assert_eq!(counts(&events, "a@6 b@7"), [1, 1]);
    let ask = json!({"steps": ["a", {"event": "b", "first_time_only": true}]});
    assert_eq!(counts(&ask, "b@0 a@1 b@2"), [1, 0]);
}

#[test]
fn a_range_is_of_entries_or_of_all_facts() {
    let entry = json!({"steps": ["a", "b"], "from": "2020-09-13T12:26:45", "to": "2020-09-13T12:26:50"});
    assert_eq!(counts(&entry, "a@9.999999 b@20"), [1, 1]);
    assert_eq!(counts(&entry, "a@10 b@20"), [0, 0]);
    let mut events = entry.clone();
    events["range"] = "events".into();
    assert_eq!(counts(&events, "a@9.999999 b@20"), [1, 0]);
    assert_eq!(counts(&events, "a@5 b@6"), [1, 1]);
    // Nobody is pending once the range is over.
    assert_eq!(answer_at(&events, &[("ann", "a@5")], "9.999999")["pending"], json!(["shop:ann"]));
    assert_eq!(answer_at(&events, &[("ann", "a@5")], "10")["pending"], json!([]));
    assert_eq!(answer_at(&entry, &[("ann", "a@5")], "10")["pending"], json!(["shop:ann"]));
}

#[test]
fn an_exclusion_lies_strictly_between_two_steps() {
    let ask = json!({"exclusions": [{"event": "x", "from_step": 0, "to_step": 2}]});
    assert_eq!(counts(&ask, "a@0 x@0 b@1 c@2 x@2"), [1, 1, 1]);
    assert_eq!(counts(&ask, "a@0 b@1 x@1 c@2"), [1, 1, 0]);
    assert_eq!(counts(&ask, "a@0 x@1 b@2 c@3"), [1, 0, 0]);
    let ask = json!({"exclusions": [{"event": "x", "from_step": 1, "to_step": 2}]});
    assert_eq!(counts(&ask, "a@0 x@1 b@2 c@3"), [1, 1, 1]);
    assert_eq!(counts(&ask, "a@0 b@1 x@2 c@3"), [1, 1, 0]);
    // Another entry may be clean.
    assert_eq!(chain(&ask, "a@0 b@1 x@2 a@3 b@4 c@5"), [Some(3), Some(4), Some(5)]);
}

#[test]
fn discard_leaves_out_whom_only_tainted_entries_took_deepest() {
    let ask = json!({"exclusions": ["x"], "exclusion_effect": "discard"});
    assert_eq!(counts(&ask, "a@0 x@1 b@2 c@3"), [0, 0, 0]);
    assert_eq!(counts(&ask, "a@0 x@1 b@2 c@3 a@300"), [0, 0, 0]);
    assert_eq!(chain(&ask, "a@0 x@1 b@2 c@3 a@300 b@301 c@302"), [Some(4), Some(5), Some(6)]);
    assert_eq!(answer_at(&ask, &[("ann", "a@0 x@1 b@2")], "3")["pending"], json!([]));
}

#[test]
fn unordered_takes_the_most_steps_in_one_window() {
    let ask = json!({"order": "unordered"});
    assert_eq!(chain(&ask, "c@0 a@1 b@2"), [Some(0), Some(1), Some(2)]);
    assert_eq!(counts(&ask, "c@0 a@1 b@101"), [1, 1, 0]);
    // Facts are shared out: the first one is for the step that nothing else fills.
    let either = json!({"order": "unordered", "steps": [{"event": ["a", "b"]}, "a"]});
    assert_eq!(counts(&either, "a@0 b@1"), [1, 1]);
    assert_eq!(counts(&either, "b@0 b@1"), [1, 0]);
    let answer = answer(&ask, &[("ann", "c@0 a@1 b@3")]);
    assert_eq!(answer["median_seconds"], json!([null, 1.0, 2.0]));
    assert_eq!(answer_at(&ask, &[("ann", "c@0")], "1")["pending"], json!([]));
}

#[test]
fn reset_loses_what_was_collected_before_the_last_exclusion() {
    let ask = json!({"order": "unordered", "exclusions": ["x"], "exclusion_effect": "reset"});
    assert_eq!(counts(&ask, "a@0 b@1 c@2 x@3"), [1, 1, 1]);
    assert_eq!(counts(&ask, "a@0 b@1 x@2 c@3"), [1, 0, 0]);
    assert_eq!(counts(&ask, "a@0 x@2 b@3 c@4"), [1, 1, 0]);
    assert_eq!(counts(&ask, "a@0 b@1 x@2 c@3 x@4 a@5 b@6"), [1, 1, 0]);
    let ask = json!({"order": "unordered", "exclusions": ["x"]});
    assert_eq!(counts(&ask, "a@0 b@1 x@2 c@3"), [1, 1, 0]);
}

#[test]
fn strict_lets_nothing_through_but_repeats() {
    for walk in WALKS {
        let ask = with(walk, json!({"order": "strict"}));
        assert_eq!(counts(&ask, "a@0 b@1 c@2"), [1, 1, 1]);
        assert_eq!(counts(&ask, "a@0 x@1 b@2"), [1, 0, 0]);
        assert_eq!(counts(&ask, "a@0 b@1 b@2 c@3"), [1, 1, 1]);
        assert_eq!(counts(&ask, "a@0 b@1 a@2 c@3"), [1, 1, 0]);
        assert_eq!(chain(&ask, "a@0 x@1 a@2 b@3"), [Some(2), Some(3), None]);
        assert_eq!(counts(&ask, "a@0 b@1 c@101"), [1, 1, 0]);
        // A fact that is both the next and the current step goes on.
        let twice = with(walk, json!({"order": "strict", "steps": ["a", "a", "b"]}));
        assert_eq!(chain(&twice, "a@0 a@1 a@2 b@3"), [Some(1), Some(2), Some(3)]);
        // Tied facts in any order, but all of them are there.
        assert_eq!(counts(&ask, "a@0 c@1 b@1"), [1, 1, 1]);
        assert_eq!(counts(&ask, "a@0 x@1 b@1 c@2"), [1, 1, 0]);
        assert_eq!(counts(&ask, "x@0 a@0 b@1 c@2"), [1, 1, 1]); // x before a
        assert_eq!(
            counts(&with(walk, json!({"order": "strict", "ties": "strictly_later"})), "a@0 b@1 c@1"),
            [1, 1, 0]
        );
        let optional = json!({"order": "strict", "steps": ["a", {"event": "o", "optional": true}, "b"]});
        let optional = with(walk, optional);
        assert_eq!(counts(&optional, "a@0 b@1"), [1, 0, 1]);
        assert_eq!(counts(&optional, "a@0 o@1 o@2 b@3"), [1, 1, 1]);
        assert_eq!(counts(&optional, "a@0 x@1 o@2 b@3"), [1, 0, 0]);
    }
}

#[test]
fn pending_is_who_may_still_go_on() {
    for walk in WALKS {
        let ask = with(walk, json!({}));
        let pending = |second| {
            answer_at(&ask, &[("ann", "a@0 b@1"), ("bob", "a@0 b@1 c@2")], second)["pending"].clone()
        };
        assert_eq!(pending("99.999999"), json!(["shop:ann"]));
        assert_eq!(pending("100"), json!([]));
        let strict = with(walk, json!({"order": "strict"}));
        let both = [("ann", "a@0 b@1"), ("bob", "a@0 b@1 x@2")];
        assert_eq!(answer_at(&strict, &both, "3")["pending"], json!(["shop:ann"]));
    }
    // Nobody goes on by an entry that is tainted, whatever becomes of its steps.
    for effect in ["drop_off", "discard"] {
        let ask = json!({"exclusions": ["x"], "exclusion_effect": effect});
        let both = [("ann", "a@0 x@1"), ("bob", "a@0 x@1 a@2"), ("cyd", "a@0 a@1 b@2 x@3")];
        assert_eq!(answer_at(&ask, &both, "3")["pending"], json!(["shop:bob"]), "{effect}");
    }
}

#[test]
fn an_outcome_tells_where_and_since_when_somebody_dropped() {
    let standing = |ask: &Value, facts: &str, second: &str| {
        let asked = query(ask).funnel(&Terms::default(), at(second)).unwrap().unwrap();
        let states = States::of_log(&asked, query(ask).frame.cut(), &log(&[("ann", facts)]));
        let (_, folded) = states.iter().next().unwrap();
        let view = asked.view(&folded.state, at(second));
        view.outcomes()[0].1.standing
    };
    let dropped = |step, since| FunnelStanding::Dropped { step, since: at(since) };
    for walk in WALKS {
        let ask = with(walk, json!({}));
        assert_eq!(standing(&ask, "a@0 b@1 a@50", "500"), dropped(1, "150"));
        assert_eq!(standing(&ask, "a@0 b@1 a@50", "149"), FunnelStanding::Pending);
        assert_eq!(standing(&ask, "a@0 b@1 c@2", "149"), FunnelStanding::Converted);
        assert_eq!(standing(&with(walk, json!({"order": "strict"})), "a@0 b@1 x@2", "3"), dropped(1, "2"));
    }
    assert_eq!(standing(&json!({"exclusions": ["x"]}), "a@0 x@1 b@2", "3"), dropped(0, "1"));
}

#[test]
fn counts_names_and_times_add_up() {
    let answer = answer_at(
        &json!({}),
        &[("cy", "a@0"), ("ann", "a@0 b@4 c@5"), ("bob", "a@0 b@2"), ("dan", "b@1")],
        "6",
    );
    let expected = json!({
        "counts": [3, 2, 1],
        "reached": {"1": ["shop:ann", "shop:bob", "shop:cy"], "2": ["shop:ann", "shop:bob"], "3": ["shop:ann"]},
        "pending": ["shop:bob", "shop:cy"],
        "average_seconds": [null, 3.0, 1.0],
        "median_seconds": [null, 3.0, 1.0],
    });
    assert_eq!(answer, expected);
}

#[test]
fn time_to_convert_is_sorted_and_drawn() {
    let customers = [("a1", "a@0 b@1 c@1"), ("a2", "a@0 b@2 c@3"), ("a3", "a@0 b@3 c@9"), ("a4", "a@0 b@4")];
    let answer = answer(&json!({"output": "time_to_convert"}), &customers);
    let expected = json!({
        "seconds": [1.0, 3.0, 9.0], "average_seconds": 13.0 / 3.0, "median_seconds": 3.0,
        "histogram": [[1.0, 2], [5.0, 1]], // 2 bars for 3 customers, each of 4 seconds
    });
    assert_eq!(answer, expected);
    let bars = |ask: Value| super::tests::answer(&ask, &customers)["histogram"].clone();
    let ask = json!({"output": "time_to_convert", "from_step": 0, "to_step": 1, "bins": 3});
    assert_eq!(bars(ask), json!([[1.0, 1], [2.0, 1], [3.0, 2]]));
    let ask = json!({"output": "time_to_convert", "steps": ["a", "never"], "bins": 3});
    assert_eq!(bars(ask), json!([]));
}

#[test]
fn a_trend_counts_a_customer_once_a_bucket_of_the_entry() {
    let ask = json!({"output": "trend", "period": "hour", "steps": ["a", "b"]});
    // 12:26:40, 14:26:40
    let customers = [("ann", "a@0 a@1 b@50 a@7200"), ("bob", "a@0"), ("cy", "a@5 b@105")];
    let rows = json!({"rows": [
        {"bucket": "2020-09-13T12:00", "entered": 3, "converted": 2, "rate": 66.67},
        {"bucket": "2020-09-13T13:00", "entered": 0, "converted": 0, "rate": 0.0},
        {"bucket": "2020-09-13T14:00", "entered": 1, "converted": 0, "rate": 0.0},
    ]});
    assert_eq!(answer(&ask, &customers), rows);
    let bounded = json!({
        "output": "trend", "period": "hour", "steps": ["a", "b"],
        "from": "2020-09-13T13:30:00", "to": "2020-09-13T15:30:00",
    });
    let shown: Vec<_> = answer(&bounded, &customers)["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["entered"].clone())
        .collect();
    assert_eq!(shown, [0, 1]); // a bound inside a bucket is rounded down
}

#[test]
fn an_attempt_begins_after_the_last_one_ended() {
    let attempts = |ask: Value, facts: &str| {
        let mut ask = ask;
        ask["count"] = "attempts".into();
        ask["steps"] = json!(["a", "b"]);
        let answer = answer(&ask, &[("ann", facts)]);
        (answer["entries"].as_u64().unwrap(), answer["conversions"].as_u64().unwrap())
    };
    assert_eq!(attempts(json!({}), "a@0 a@1 b@2 a@2 a@3 b@4"), (2, 2)); // not the one at 2
    assert_eq!(attempts(json!({}), "a@0 a@100 a@101"), (2, 0)); // at 100 the first window is open
    assert_eq!(attempts(json!({"exclusions": ["x"]}), "a@0 a@1 x@2 a@2 b@3"), (2, 1));
    assert_eq!(attempts(json!({"order": "strict"}), "a@0 a@1 x@2 a@3 b@4"), (2, 1));
}

#[test]
fn a_breakdown_tells_nothing_from_zero() {
    let by = |attribution: Value| {
        let mut by = json!({"property": "by"});
        by.as_object_mut().unwrap().extend(attribution.as_object().unwrap().clone());
        let ask = json!({"steps": ["a", "b"], "breakdown": by});
        let customers = [("ann", "a@0/0 b@1/web"), ("bob", "a@0 b@1/app"), ("cy", "a@0 b@1")];
        let answer = answer(&ask, &customers);
        let values = answer["by_value"].as_object().unwrap().iter();
        let counts = |value: &Value| {
            value["counts"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect::<Vec<_>>()
        };
        values.map(|(value, answer)| (value.clone(), counts(answer))).collect::<Vec<_>>()
    };
    let named = |all: &[(&str, [u64; 2])]| {
        all.iter().map(|(value, counts)| ((*value).to_owned(), counts.to_vec())).collect::<Vec<_>>()
    };
    assert_eq!(by(json!({})), named(&[("", [1, 1]), ("0", [1, 1]), ("app", [1, 1])]));
    assert_eq!(
        by(json!({"attribution": "last_touch"})),
        named(&[("", [1, 1]), ("app", [1, 1]), ("web", [1, 1])])
    );
    assert_eq!(by(json!({"attribution": "step", "step": 0})), named(&[("", [2, 2]), ("0", [1, 1])]));
    assert_eq!(by(json!({"attribution": "all_events"})), named(&[("", [2, 1]), ("0", [1, 0])]));
}

#[test]
fn a_property_may_be_held_constant_or_counted() {
    let customers = [("ann", "a@0/1 b@1/2 b@2/1 a@5/3 b@6/3"), ("bob", "a@0/2 b@9/1")];
    let held = answer(&json!({"steps": ["a", "b"], "count_by": {"customer_and": "by"}}), &customers);
    assert_eq!(held["counts"], json!([2, 1]));
    assert_eq!(held["average_seconds"], json!([null, 2.0])); // the one whose last step came first
    let counted = answer(&json!({"steps": ["a", "b"], "count_by": {"property": "by"}}), &customers);
    assert_eq!(counted["reached"], json!({"1": ["1", "2", "3"], "2": ["1", "2", "3"]}));
    // One customer, one value: that of the entry that counts.
    let by = json!({"property": "by", "attribution": "step", "step": 0});
    let held = json!({"steps": ["a", "b"], "count_by": {"customer_and": "by"}, "breakdown": by});
    let values = answer(&held, &customers[..1])["by_value"].clone();
    assert_eq!(values.as_object().unwrap().keys().collect::<Vec<_>>(), ["1"]);
}

#[test]
fn what_has_no_meaning_is_refused() {
    for (ask, why) in [
        (
            r#""order": "unordered", "steps": ["a", {"event": "b", "optional": true}]"#,
            "steps[1].optional: true",
        ),
        (r#""order": "unordered", "entry": "first_entry", "steps": ["a"]"#, "entry: first_entry"),
        (r#""order": "strict", "tie_tolerance_seconds": 1, "steps": ["a"]"#, "tie_tolerance_seconds: 1"),
        (r#""count": "attempts", "output": "trend", "steps": ["a"]"#, "count: attempts"),
        (r#""explain": true, "output": "trend", "steps": ["a"]"#, "explain: true"),
        (r#""bins": 10001, "steps": ["a"]"#, "bins: 10001"),
    ] {
        let error = Query::parse(&format!(r#"{{"kind": "funnel", {ask}}}"#)).unwrap_err().to_string();
        assert!(error.starts_with(why), "{error}");
    }
}

mod walks {
    use proptest::prelude::*;

    use super::*;

    fn step() -> impl Strategy<Value = Value> {
        let names = prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 1..3);
        (names, prop::bool::weighted(0.2))
            .prop_map(|(event, first)| json!({"event": event, "first_time_only": first}))
    }

    fn ask() -> impl Strategy<Value = Value> {
        let words = (
            prop::sample::select(vec!["ordered", "strict"]),
            prop::sample::select(vec!["step_order", "strictly_later"]),
            prop::sample::select(vec!["any_entry", "first_entry"]),
            prop::sample::select(vec!["entry", "events"]),
            prop::sample::select(vec!["steps", "time_to_convert"]),
        );
        let steps = prop::collection::vec(step(), 2..5);
        (words, steps, 1..6_u64, prop::option::of(1..5_i64), prop::bool::ANY, prop::bool::ANY).prop_map(
            |((order, ties, entry, range, output), steps, window, to, explain, optional)| {
                let mut steps = steps;
                if optional && order == "strict" && steps.len() > 2 {
                    steps[1]["optional"] = true.into();
                }
                json!({
                    "order": order, "ties": ties, "entry": entry, "range": range, "output": output, "steps": steps,
                    "window_seconds": window, "explain": explain,
                    "to": to.map(|to| format!("2020-09-13T12:26:4{to}")),
                })
            },
        )
    }

    fn facts() -> impl Strategy<Value = String> {
        let fact = (prop::sample::select(vec!["a", "a", "b", "b", "c", "x"]), 0..8_u32);
        prop::collection::vec(fact, 0..9).prop_map(|facts| {
            facts.iter().map(|(name, second)| format!("{name}@{second} ")).collect::<Vec<_>>().concat()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn a_walk_without_a_history_ends_where_one_with_a_window_does(
            ask in ask(), ann in facts(), bob in facts(), after in 0..6_u32,
        ) {
            let customers = [("ann", &*ann), ("bob", &*bob)];
            let as_of = (8 + after).to_string();
            let mut windowed = ask.clone();
            windowed["exclusions"] = json!(["never"]);
            prop_assert_eq!(answer_at(&ask, &customers, &as_of), answer_at(&windowed, &customers, &as_of));
        }
    }
}

/// All that the texts allow, tried one by one.
mod naive {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::plan::{Chain, Filled, Plan, Seen};
    use super::super::{search, strict};
    use super::*;
    use crate::query::Ask;
    use crate::query::lens::Word;

    fn plan(order: &str, ties: &str, optional: u64, steps: usize, tolerance: u64) -> Plan {
        let step = |step: usize| json!({"event": "a", "optional": step > 0 && optional >> step & 1 == 1});
        let query = query(&json!({
            "order": order, "ties": ties, "steps": (0..steps).map(step).collect::<Vec<_>>(), "window_seconds": 6,
            "tie_tolerance_seconds": if order == "ordered" && ties == "step_order" { tolerance } else { 0 },
        }));
        let Ask::Funnel(ask) = &query.ask else { unreachable!() };
        Plan::new(ask, &query.frame).unwrap()
    }

    fn history(facts: &[(i64, u64)], any: bool) -> Vec<Seen> {
        let mut facts = facts.to_vec();
        facts.sort_unstable();
        let facts = facts.iter().zip(0_u8..).filter(|((_, met), _)| any || *met != 0);
        let seen = facts.map(|((second, met), id)| Seen {
            fact: Filled {
                at: at(&second.to_string()),
                id: EventId::from_bytes([id; 16]),
                value: Word::NONE,
            },
            met: *met,
            entry: met & 1 == 1,
        });
        seen.collect()
    }

    fn best(plan: &Plan, chains: impl IntoIterator<Item = Chain>) -> Chain {
        chains.into_iter().min_by(|one, other| plan.rank(one, other)).unwrap()
    }

    /// Every chain of an entry.
    fn chains(plan: &Plan, facts: &[Seen], so_far: &[Option<usize>], all: &mut Vec<Chain>) {
        let step = so_far.len();
        if step == plan.steps {
            all.push(so_far.iter().map(|place| place.map(|place| facts[place].fact)).collect());
            return;
        }
        let before = so_far.iter().flatten().last().map_or(0, |place| facts[*place].micros());
        let first = facts[so_far[0].unwrap()].micros();
        let missing = plan.required.iter().any(|required| *required < step && so_far[*required].is_none());
        for (place, seen) in facts.iter().enumerate().filter(|_| !missing) {
            let follows = if plan.strictly_later {
                seen.micros() > before
            } else {
                seen.micros() >= before - plan.tolerance
            };
            let fits = seen.meets(step) && follows && seen.micros() <= first + plan.window;
            if fits && !so_far.contains(&Some(place)) {
                chains(plan, facts, &[so_far, &[Some(place)]].concat(), all);
            }
        }
        chains(plan, facts, &[so_far, &[None]].concat(), all);
    }

    /// Every order of some places.
    fn orders(places: &[usize]) -> Vec<Vec<usize>> {
        if places.is_empty() {
            return vec![Vec::new()];
        }
        let first = |place: &usize| {
            let others: Vec<usize> = places.iter().copied().filter(|other| other != place).collect();
            orders(&others).into_iter().map(|rest| [&[*place][..], &rest].concat()).collect::<Vec<_>>()
        };
        places.iter().flat_map(first).collect()
    }

    type States = BTreeSet<(usize, Vec<Option<usize>>)>;

    /// The states that one fact leads to.
    fn one(plan: &Plan, facts: &[Seen], place: usize, states: &States) -> States {
        let mut next = States::new();
        for (step, chain) in states {
            let required =
                (step + 1..plan.steps).find(|step| !plan.is_optional(*step)).unwrap_or(plan.steps - 1);
            let later = !plan.strictly_later || facts[place].fact.at > facts[chain[*step].unwrap()].fact.at;
            let steps: Vec<usize> =
                (step + 1..=required).filter(|step| later && facts[place].meets(*step)).collect();
            if steps.is_empty() && facts[place].meets(*step) {
                next.insert((*step, chain.clone()));
            }
            for step in steps {
                let mut chain = chain.clone();
                chain[step] = Some(place);
                next.insert((step, chain));
            }
        }
        next
    }

    /// All chains of a strict entry, and when it ended.
    fn follow(plan: &Plan, facts: &[Seen], entry: usize) -> (Vec<Chain>, Option<Timestamp>) {
        let mut chain = vec![None; plan.steps];
        chain[0] = Some(entry);
        let begin: States = [(0, chain)].into();
        let (mut alive, mut all, mut ended) = (begin.clone(), begin.clone(), None);
        let instants: BTreeSet<Timestamp> = facts.iter().map(|seen| seen.fact.at).collect();
        for instant in instants.range(facts[entry].fact.at..) {
            if instant.as_micros() > plan.deadline(facts[entry].fact.at) || alive.is_empty() {
                break;
            }
            let places: Vec<usize> =
                (0..facts.len()).filter(|place| facts[*place].fact.at == *instant).collect();
            let mut after = States::new();
            for order in if plan.strictly_later { vec![places] } else { orders(&places) } {
                let mut states = alive.clone();
                let behind = order.iter().position(|place| *place == entry).map_or(0, |place| place + 1);
                for place in &order[behind..] {
                    states = one(plan, facts, *place, &states);
                    all.extend(states.iter().cloned());
                }
                after.extend(states);
            }
            alive = after;
            if alive.is_empty() {
                ended = Some(*instant);
            }
        }
        let chain = |(_, chain): (usize, Vec<Option<usize>>)| {
            chain.into_iter().map(|place| place.map(|place| facts[place].fact)).collect()
        };
        (all.into_iter().map(chain).collect(), ended)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(600))]
        #[test]
        fn the_best_of_all_chains_is_found(
            facts in prop::collection::vec((0..9_i64, 0..16_u64), 1..8),
            ties in prop::sample::select(vec!["step_order", "strictly_later"]),
            optional in 0..16_u64, steps in 1..5_usize, tolerance in 0..4_u64,
        ) {
            let (plan, facts) = (plan("ordered", ties, optional, steps, tolerance), history(&facts, false));
            for place in (0..facts.len()).filter(|place| facts[*place].entry) {
                let end = facts.partition_point(|seen| seen.micros() <= plan.deadline(facts[place].fact.at));
                let mut all = Vec::new();
                chains(&plan, &facts[..end], &[Some(place)], &mut all);
                prop_assert_eq!(search::chain(&plan, place, &facts[..end]), best(&plan, all));
            }
        }

        #[test]
        fn the_best_of_all_strict_chains_is_found(
            facts in prop::collection::vec((0..4_i64, 0..8_u64), 1..7),
            ties in prop::sample::select(vec!["step_order", "strictly_later"]),
            optional in 0..8_u64, steps in 1..4_usize,
        ) {
            let (plan, facts) = (plan("strict", ties, optional, steps, 0), history(&facts, true));
            for place in (0..facts.len()).filter(|place| facts[*place].entry) {
                let run = strict::Run::of(&plan, facts[place].fact, place, &facts);
                let (all, ended) = follow(&plan, &facts, place);
                prop_assert_eq!((run.best, run.ended), (best(&plan, all), ended));
            }
        }
    }
}
