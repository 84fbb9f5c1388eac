//! Transitions: the stage timelines of all persons, by the stage oracle.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tenure_core::query::TransitionsQuery;
use tenure_core::{EventView, Timestamp};

use super::calendar::Calendar;
use super::history::Asking;
use super::repurchase::nearest_rank;
use super::seconds;
use crate::oracle::{OracleChange, StageOracle};

pub(super) fn answer(asking: &Asking<'_, '_>, ask: &TransitionsQuery) -> Value {
    let Some(policy) = asking.stages else { return Value::Null };
    let bound = |bound: Option<tenure_core::LocalTime>| {
        bound.and_then(|bound| asking.frame.zone().instant(bound).ok()).map(Timestamp::as_micros)
    };
    let (from, to) = (bound(asking.frame.from), bound(asking.frame.to));
    let timelines: Vec<Vec<OracleChange>> = asking
        .persons
        .iter()
        .map(|person| {
            let facts: Vec<EventView<'_>> =
                asking.facts_of(person, None).into_iter().map(|fact| fact.view).collect();
            StageOracle::new(policy, facts).changes_until(asking.as_of)
        })
        .filter(|changes| !changes.is_empty())
        .collect();
    // The last instant that is looked at.
    let last = to.map_or(asking.as_of.as_micros(), |to| (to - 1).min(asking.as_of.as_micros()));
    let stage_at = |changes: &[OracleChange], at: Option<i64>| {
        let at = at?;
        changes.iter().rfind(|change| change.at.as_micros() <= at).map(|change| change.to.clone())
    };

    let mut matrix: BTreeMap<(Option<String>, String), usize> = BTreeMap::new();
    for changes in &timelines {
        if let Some(now) = stage_at(changes, Some(last)) {
            let before = stage_at(changes, from.map(|from| from - 1));
            *matrix.entry((before, now)).or_default() += 1;
        }
    }
    let within = |change: &&OracleChange| {
        let at = change.at.as_micros();
        from.is_none_or(|from| from <= at) && at <= last
    };

    let mut flows: BTreeMap<(String, Option<String>, String), usize> = BTreeMap::new();
    if let Some(period) = ask.period {
        let calendar = Calendar::new(asking.frame, period, ask.week_start, asking.as_of);
        for change in timelines.iter().flatten() {
            let bucket = calendar.bucket(change.at.as_micros());
            if calendar.holds(bucket) {
                let flow = (calendar.name(bucket), change.from.clone(), change.to.clone());
                *flows.entry(flow).or_default() += 1;
            }
        }
    }

    let mut stays: BTreeMap<String, (Vec<i64>, usize)> =
        policy.stages().iter().map(|stage| (stage.id.to_string(), (Vec::new(), 0))).collect();
    for changes in &timelines {
        let known: Vec<_> = changes.iter().filter(|change| change.at.as_micros() <= last).collect();
        for (place, entry) in known.iter().enumerate() {
            let (completed, open) = stays.entry(entry.to.clone()).or_default();
            match known.get(place + 1) {
                Some(exit) if within(exit) => {
                    completed.push(exit.at.as_micros() - entry.at.as_micros());
                }
                Some(_) => {}
                None => *open += 1,
            }
        }
    }
    let dwell = |(code, (completed, open)): (&String, &(Vec<i64>, usize))| {
        json!({
            "code": code,
            "completed": completed.len(),
            "open": open,
            "median_seconds": nearest_rank(completed, 50).map(seconds),
            "p90_seconds": nearest_rank(completed, 90).map(seconds),
        })
    };
    let cell = |((from, to), customers): (&(Option<String>, String), &usize)| json!({"from": from, "to": to, "customers": customers});
    let flow = |((bucket, from, to), changes): (&(String, Option<String>, String), &usize)| json!({"bucket": bucket, "from": from, "to": to, "changes": changes});
    json!({
        "matrix": matrix.iter().map(cell).collect::<Vec<_>>(),
        "flows": flows.iter().map(flow).collect::<Vec<_>>(),
        "dwell": stays.iter().map(dwell).collect::<Vec<_>>(),
    })
}
