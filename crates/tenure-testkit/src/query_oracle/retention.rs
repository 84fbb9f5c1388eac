//! Retention: for each row and each bucket after it, who came back.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tenure_core::query::{
    Clock, Measure, Period, RetentionMode, RetentionOutput, RetentionQuery, ReturnRule, Shape,
};

use super::calendar::{Bucket, Calendar};
use super::float;
use super::history::{Asking, Counting, Fact, meets};

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

/// One history: its start facts and its return facts, each with its bucket.
struct History<'f> {
    starts: Vec<(Bucket, Fact<'f>)>,
    returns: Vec<(Bucket, Fact<'f>)>,
}

pub(super) fn answer<'f>(asking: &Asking<'_, 'f>, ask: &RetentionQuery) -> Value {
    let calendar = Calendar::new(asking.frame, ask.period, ask.week_start, asking.as_of);
    let counting = Counting {
        selectors: vec![&ask.start, &ask.returning],
        breakdown: ask.breakdown.as_ref(),
        count_by: &ask.count_by,
        whole_buckets: None,
    };
    // Where everybody starts once, the value is that of the start.
    let by_start = ask.output == RetentionOutput::OneRow || ask.mode == RetentionMode::FirstTime;
    let outcome = |facts: &[Fact<'f>]| {
        let those = |selector| {
            let those = facts.iter().filter(move |fact| meets(selector, fact));
            those.map(|fact| (calendar.bucket(fact.at), fact.clone()))
        };
        let history =
            History { starts: those(&ask.start).collect(), returns: those(&ask.returning).collect() };
        let (bucket, first) = history.starts.first()?;
        let counts = if by_start {
            calendar.holds(*bucket)
        } else {
            history.starts.iter().any(|(bucket, _)| calendar.holds(*bucket))
        };
        let value = first.value.clone();
        counts.then_some((history, by_start.then_some(value)))
    };
    asking.answer(
        &counting,
        outcome,
        |one, _| one,
        |all| {
            let all: Vec<&History<'_>> = all.iter().map(|(_, history)| history).collect();
            match ask.output {
                RetentionOutput::Rows => rows(&calendar, ask, &all),
                RetentionOutput::OneRow => one_row(&calendar, ask, &all),
            }
        },
    )
}

/// The buckets of a history in which it starts.
fn starts(calendar: &Calendar, ask: &RetentionQuery, history: &History<'_>) -> BTreeSet<Bucket> {
    let buckets = history.starts.iter().map(|(bucket, _)| *bucket);
    let buckets: BTreeSet<_> = match ask.mode {
        RetentionMode::FirstTime => buckets.take(1).collect(),
        RetentionMode::Recurring => buckets.collect(),
    };
    buckets.into_iter().filter(|bucket| calendar.holds(*bucket)).collect()
}

fn rows(calendar: &Calendar, ask: &RetentionQuery, all: &[&History<'_>]) -> Value {
    let enough = usize::try_from(ask.min_occurrences).unwrap_or(usize::MAX);
    let first = all.iter().flat_map(|history| starts(calendar, ask, history)).min();
    let buckets = calendar.range(first);
    let length = |row: usize| match ask.shape {
        Shape::Triangle => buckets.len() - row,
        Shape::Rectangular => ask.columns.map_or(buckets.len(), |columns| columns + 1),
    };
    let mut rows = Vec::new();
    let mut pooled: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
    for (row, bucket) in buckets.iter().enumerate() {
        let here: Vec<&History<'_>> =
            all.iter().copied().filter(|history| starts(calendar, ask, history).contains(bucket)).collect();
        let later: Vec<Bucket> = (0..length(row)).map(|j| calendar.after(*bucket, j)).collect();
        let mut values = Vec::new();
        let mut complete = Vec::new();
        for (j, column) in later.iter().enumerate() {
            let in_bucket = |facts: &[(Bucket, Fact<'_>)], of: &Bucket| {
                facts.iter().filter(|(bucket, _)| bucket == of).count()
            };
            let came = |history: &&History<'_>| {
                let until = if ask.return_rule == ReturnRule::On { j + 1 } else { later.len() };
                let columns = later.get(j..until).unwrap_or_default();
                let returns: usize = columns.iter().map(|of| in_bucket(&history.returns, of)).sum();
                j == 0 || returns >= enough
            };
            let counted: Vec<&History<'_>> = here.iter().copied().filter(came).collect();
            let amounts: Vec<Vec<(i64, String)>> = counted
                .iter()
                .map(|history| if j == 0 { &history.starts } else { &history.returns })
                .map(|facts| {
                    facts
                        .iter()
                        .filter(|(bucket, _)| bucket == column)
                        .filter_map(|(_, fact)| amount(fact))
                        .collect()
                })
                .collect();
            let number: usize = counted
                .iter()
                .map(|history| if j == 0 { &history.starts } else { &history.returns })
                .map(|facts| in_bucket(facts, column))
                .sum();
            values.push(measured(ask.measure, counted.len(), number, &amounts.concat()));
            complete.push(calendar.is_over(*column));
            if calendar.is_over(*column) {
                let (back, began) = pooled.entry(j).or_default();
                *back += counted.len();
                *began += here.len();
            }
        }
        rows.push(json!({"bucket": calendar.name(*bucket), "values": values, "complete": complete}));
    }
    let columns = (0..buckets.len()).map(length).max().unwrap_or(0);
    let average = |j: usize| {
        let (back, began) = pooled.get(&j).copied().unwrap_or_default();
        (began > 0 && ask.measure == Measure::Customers).then(|| float(back) / float(began))
    };
    let average: Vec<_> = (0..columns).map(average).collect();
    json!({"rows": rows, "average": average})
}

fn amount(fact: &Fact<'_>) -> Option<(i64, String)> {
    fact.view.amount.map(|money| (money.minor, money.currency.code().to_owned()))
}

fn measured(measure: Measure, customers: usize, facts: usize, amounts: &[(i64, String)]) -> Value {
    match measure {
        Measure::Customers => json!(customers),
        Measure::Count => json!(facts),
        Measure::Sum => {
            let currencies: BTreeSet<&str> = amounts.iter().map(|(_, code)| code.as_str()).collect();
            let sum = |code: &str| -> i64 {
                amounts.iter().filter(|(_, of)| of == code).map(|(minor, _)| minor).sum()
            };
            currencies.into_iter().map(|code| json!({"minor": sum(code), "currency": code})).collect()
        }
    }
}

/// How long an offset of the rolling clock is.
const fn length(period: Period) -> i64 {
    match period {
        Period::Hour => HOUR,
        Period::Day => DAY,
        Period::Week => 7 * DAY,
        Period::Month => 30 * DAY,
        Period::Quarter => 90 * DAY,
        Period::Year => 365 * DAY,
    }
}

fn one_row<'f>(calendar: &Calendar, ask: &RetentionQuery, all: &[&History<'f>]) -> Value {
    let enough = usize::try_from(ask.min_occurrences).unwrap_or(usize::MAX);
    let starts = || all.iter().filter_map(|history| Some((*history, &history.starts.first()?.1)));
    let first = calendar.first.or_else(|| starts().map(|(_, start)| calendar.bucket(start.at)).min());
    let from = |start: &Fact<'_>| {
        if ask.truncate_start_to_hour { calendar.hour_start(start.at) } else { start.at }
    };
    let offset = |start: &Fact<'_>, at: i64| match ask.clock {
        Clock::Calendar => calendar.distance(calendar.bucket(start.at), calendar.bucket(at)),
        Clock::Rolling => usize::try_from((at - from(start)).div_euclid(length(ask.period))).ok(),
    };
    let is_over = |start: &Fact<'_>, offset: usize| match ask.clock {
        Clock::Calendar => calendar.is_over(calendar.after(calendar.bucket(start.at), offset)),
        Clock::Rolling => {
            let offsets = i64::try_from(offset + 1).unwrap_or(i64::MAX);
            from(start) + offsets * length(ask.period) <= calendar.as_of() + 1
        }
    };
    let fit = || match first {
        None => 0,
        Some(first) if ask.clock == Clock::Calendar => {
            calendar.between(first, calendar.next(calendar.bucket(calendar.as_of()))).len()
        }
        Some(first) => {
            let elapsed = calendar.as_of() - calendar.start(first);
            usize::try_from(elapsed.div_euclid(length(ask.period)) + 1).unwrap_or(0)
        }
    };
    let small = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
    let cells: Vec<(usize, usize)> = if ask.brackets.is_empty() {
        (0..ask.columns.unwrap_or_else(fit)).map(|k| (k, k)).collect()
    } else {
        ask.brackets.iter().map(|(first, last)| (small(*first), small(*last))).collect()
    };
    let mut values = Vec::new();
    let mut complete = Vec::new();
    for (low, high) in cells {
        let back = |(history, start): (&History<'f>, &Fact<'f>)| {
            let returns = history
                .returns
                .iter()
                .map(|(_, fact)| fact)
                .filter(|fact| fact.view.key() > start.view.key());
            let here = returns.filter(|fact| offset(start, fact.at).is_some_and(|k| low <= k && k <= high));
            here.count() >= enough
        };
        values.push(starts().filter(|start| back(*start)).count());
        complete.push(starts().all(|(_, start)| is_over(start, high)));
    }
    json!({"size": all.len(), "values": values, "complete": complete})
}
