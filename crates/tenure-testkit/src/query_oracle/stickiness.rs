//! Stickiness: for each customer the number of buckets with activity.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tenure_core::query::StickinessQuery;

use super::calendar::Calendar;
use super::history::{Asking, Counting, Fact, meets};

pub(super) fn answer(asking: &Asking<'_, '_>, ask: &StickinessQuery) -> Value {
    let calendar = Calendar::new(asking.frame, ask.period, ask.week_start, asking.as_of);
    let buckets = calendar.range(None).len();
    let counting = Counting {
        selectors: vec![&ask.activity],
        breakdown: ask.breakdown.as_ref(),
        count_by: &ask.count_by,
        whole_buckets: None,
    };
    let outcome = |facts: &[Fact<'_>]| {
        let mut active = facts
            .iter()
            .filter(|fact| meets(&ask.activity, fact) && calendar.holds(calendar.bucket(fact.at)))
            .peekable();
        let first = active.peek().map(|fact| fact.value.clone())?;
        Some((active.map(|fact| calendar.bucket(fact.at)).collect::<BTreeSet<_>>().len(), Some(first)))
    };
    asking.answer(
        &counting,
        outcome,
        |one, _| one,
        |all| {
            let count = |test: &dyn Fn(usize) -> bool| all.iter().filter(|(_, days)| test(*days)).count();
            let exactly: Vec<_> = (1..=buckets).map(|k| count(&|days| days == k)).collect();
            let at_least: Vec<_> = (1..=buckets).map(|k| count(&|days| days >= k)).collect();
            json!({"buckets": buckets, "exactly": exactly, "at_least": at_least})
        },
    )
}
