//! Repurchase: the first, the second, the n-th and the next purchase of each customer.

use serde_json::{Value, json};
use tenure_core::query::RepurchaseQuery;

use super::calendar::{Bucket, Calendar};
use super::history::{Asking, Counting, Fact, meets};
use super::{float, seconds};

pub(super) fn answer(asking: &Asking<'_, '_>, ask: &RepurchaseQuery) -> Value {
    let calendar = Calendar::new(asking.frame, ask.period, ask.week_start, asking.as_of);
    let counting = Counting {
        selectors: vec![&ask.activity],
        breakdown: ask.breakdown.as_ref(),
        count_by: &ask.count_by,
        whole_buckets: None,
    };
    let nth = usize::try_from(ask.nth).unwrap_or(usize::MAX);
    let outcome = |facts: &[Fact<'_>]| {
        let purchases: Vec<&Fact<'_>> = facts.iter().filter(|fact| meets(&ask.activity, fact)).collect();
        let first = purchases.first()?;
        let bucket = calendar.bucket(first.at);
        let times: Vec<i64> = purchases.iter().map(|fact| fact.at).collect();
        calendar.holds(bucket).then(|| ((bucket, times), Some(first.value.clone())))
    };
    asking.answer(
        &counting,
        outcome,
        |one, _| one,
        |all| {
            let rows = calendar.range(all.iter().map(|(_, (first, _))| *first).min());
            let row = |bucket: &Bucket| {
                let of: Vec<_> = all.iter().filter(|(_, (first, _))| first == bucket).collect();
                let repeated = of.iter().filter(|(_, (_, purchases))| purchases.len() >= nth).count();
                json!({
                    "bucket": calendar.name(*bucket),
                    "customers": of.len(),
                    "repeated": repeated,
                    "share": if of.is_empty() { 0.0 } else { float(repeated) / float(of.len()) },
                })
            };
            // From the purchase of that number, from 1, to the one after it.
            let quantiles = |from: usize| {
                let have = all.iter().map(|(_, (_, purchases))| purchases).filter(|p| p.len() >= from);
                let mut times = Vec::new();
                let mut censored = 0;
                for purchases in have {
                    match (purchases.get(from - 1), purchases.get(from)) {
                        (Some(one), Some(next)) => times.push(next - one),
                        _ => censored += 1,
                    }
                }
                json!({
                    "count": times.len(),
                    "censored": censored,
                    "median_seconds": nearest_rank(&times, 50).map(seconds),
                    "p90_seconds": nearest_rank(&times, 90).map(seconds),
                })
            };
            json!({
                "rows": rows.iter().map(row).collect::<Vec<_>>(),
                "first_to_second": quantiles(1),
                "nth_to_next": quantiles(nth),
            })
        },
    )
}

/// The smallest value that at least so many percent do not exceed.
pub(super) fn nearest_rank(values: &[i64], percent: usize) -> Option<i64> {
    let enough =
        |value: &i64| values.iter().filter(|other| *other <= value).count() * 100 >= percent * values.len();
    values.iter().copied().filter(enough).min()
}
