//! What a funnel answers: counts, times between steps, time to convert, a trend, attempts.

use std::collections::BTreeMap;

use serde::Serialize;

use super::outcome::{FunnelOutcome, FunnelStanding};
use super::plan::Plan;
use super::{Count, FunnelOutput, FunnelQuery};
use crate::id::EventId;
use crate::query::bucket::Buckets;
use crate::query::frame::Frame;
use crate::time::Timestamp;

/// What a funnel answers, by `output` and `count`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum FunnelAnswer {
    /// Who reached what.
    Steps(FunnelSteps),
    /// How long it took.
    TimeToConvert(TimeToConvert),
    /// Entries and conversions by bucket of the entry.
    Trend {
        /// One row a bucket, ascending, none left out.
        rows: Vec<TrendRow>,
    },
    /// Attempts, each entry for itself.
    Attempts {
        /// How many.
        entries: u64,
        /// How many of them went all the way.
        conversions: u64,
    },
}

/// Who reached what, and how long it took from step to step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FunnelSteps {
    /// For each step, how many reached it; an optional one counts where it lies on the best chain.
    pub counts: Vec<u64>,
    /// For each step, counted from 1, who did, by name.
    pub reached: BTreeMap<usize, Vec<Box<str>>>,
    /// Who may still reach the next one, by name.
    pub pending: Vec<Box<str>>,
    /// From the required step before; none for the first, and where nobody has both.
    pub average_seconds: Vec<Option<f64>>,
    /// Likewise; of an even number, the mean of the middle two.
    pub median_seconds: Vec<Option<f64>>,
    /// With `explain`: by name, for each step the fact that fills it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explain: Option<BTreeMap<Box<str>, Vec<Option<EventId>>>>,
}

/// How long it took from one step to another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TimeToConvert {
    /// One for each who reached both, ascending.
    pub seconds: Vec<f64>,
    /// None where nobody did.
    pub average_seconds: Option<f64>,
    /// Likewise.
    pub median_seconds: Option<f64>,
    /// For each bar the seconds where it begins, and how many lie in it; the last one holds the longest.
    pub histogram: Vec<(f64, u64)>,
    /// With `explain`: by name, for each step the fact that fills it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explain: Option<BTreeMap<Box<str>, Vec<Option<EventId>>>>,
}

/// The entries of one bucket.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrendRow {
    /// How the bucket is called.
    pub bucket: String,
    /// Who entered in it.
    pub entered: u64,
    /// Who of them went all the way, by such an entry.
    pub converted: u64,
    /// How many percent that are, to 2 decimals; 0 where nobody entered.
    pub rate: f64,
}

/// The sum over customers.
#[derive(Clone, Debug, Default)]
pub struct FunnelSum {
    customers: Vec<Told>,
    /// For each step, the microseconds from the required step before.
    gaps: BTreeMap<usize, Vec<i64>>,
    /// Time to convert, in microseconds.
    times: Vec<i64>,
    buckets: BTreeMap<i64, (u64, u64)>,
    attempts: (u64, u64),
}

/// What is told of a customer by name.
#[derive(Clone, Debug)]
struct Told {
    name: Box<str>,
    /// One bit a step.
    reached: u64,
    pending: bool,
    /// Where chains are explained.
    chain: Vec<Option<EventId>>,
}

impl FunnelSum {
    pub(super) fn merge(&mut self, other: Self) {
        self.customers.extend(other.customers);
        for (step, gaps) in other.gaps {
            self.gaps.entry(step).or_default().extend(gaps);
        }
        self.times.extend(other.times);
        for (bucket, (entered, converted)) in other.buckets {
            let of = self.buckets.entry(bucket).or_default();
            *of = (of.0 + entered, of.1 + converted);
        }
        self.attempts = (self.attempts.0 + other.attempts.0, self.attempts.1 + other.attempts.1);
    }
}

/// What of a funnel is told.
#[derive(Clone, Debug)]
pub(super) struct Telling {
    steps: usize,
    required: Vec<usize>,
    output: FunnelOutput,
    attempts: bool,
    explain: bool,
    from_step: usize,
    to_step: usize,
    bins: usize,
    trend: Option<Rows>,
}

/// The buckets of a trend, from one on, and up to one.
#[derive(Clone, Debug)]
struct Rows {
    buckets: Buckets,
    from: Option<i64>,
    to: Option<i64>,
}

impl Telling {
    pub(super) fn new(ask: &FunnelQuery, plan: &Plan, frame: &Frame, as_of: Timestamp) -> Self {
        let rows = |buckets: Buckets| Rows {
            from: frame.from.map(|_| buckets.number(plan.range.from)),
            // What is later than `as_of` is not known, and not shown.
            to: plan.range.to.map(|to| buckets.number(to).min(buckets.number(as_of) + 1)),
            buckets,
        };
        Self {
            steps: plan.steps,
            required: plan.required.clone(),
            output: ask.output,
            attempts: ask.count == Count::Attempts,
            explain: ask.explain,
            from_step: ask.from_step,
            to_step: ask.to_step.unwrap_or(plan.steps.saturating_sub(1)),
            bins: ask.bins,
            trend: plan.trend.clone().map(rows),
        }
    }

    pub(super) fn add(&self, sum: &mut FunnelSum, name: &str, outcome: &FunnelOutcome) {
        if self.attempts {
            let (entries, conversions) = outcome.attempts;
            sum.attempts = (sum.attempts.0 + entries, sum.attempts.1 + conversions);
            return;
        }
        for (bucket, converted) in &outcome.buckets {
            let of = sum.buckets.entry(*bucket).or_default();
            *of = (of.0 + 1, of.1 + u64::from(*converted));
        }
        let micros = |step: usize| Some(outcome.steps().get(step).copied().flatten()?.at.as_micros());
        let between = |from: usize, to: usize| Some(micros(to)? - micros(from)?);
        match self.output {
            FunnelOutput::Trend => return,
            FunnelOutput::TimeToConvert => sum.times.extend(between(self.from_step, self.to_step)),
            FunnelOutput::Steps => {
                for step in 1..self.steps {
                    let before = self.required.iter().rfind(|required| **required < step);
                    if let Some(gap) = before.and_then(|before| between(*before, step)) {
                        sum.gaps.entry(step).or_default().push(gap);
                    }
                }
            }
        }
        let steps = outcome.steps().iter();
        let ids = || steps.clone().map(|fact| fact.map(|fact| fact.id)).collect();
        sum.customers.push(Told {
            name: name.into(),
            reached: steps.clone().rev().fold(0, |set, fact| set << 1 | u64::from(fact.is_some())),
            pending: outcome.standing == FunnelStanding::Pending,
            chain: if self.explain { ids() } else { Vec::new() },
        });
    }

    pub(super) fn finish(&self, mut sum: FunnelSum) -> FunnelAnswer {
        if self.attempts {
            let (entries, conversions) = sum.attempts;
            return FunnelAnswer::Attempts { entries, conversions };
        }
        let chains = |customers: Vec<Told>| {
            self.explain.then(|| customers.into_iter().map(|told| (told.name, told.chain)).collect())
        };
        match self.output {
            FunnelOutput::Trend => FunnelAnswer::Trend { rows: self.rows(&sum.buckets) },
            FunnelOutput::TimeToConvert => {
                sum.times.sort_unstable();
                FunnelAnswer::TimeToConvert(TimeToConvert {
                    seconds: sum.times.iter().map(|micros| seconds((*micros).into(), 1)).collect(),
                    average_seconds: average(&sum.times),
                    median_seconds: median(&sum.times),
                    histogram: histogram(&sum.times, self.bins),
                    explain: chains(sum.customers),
                })
            }
            FunnelOutput::Steps => {
                sum.customers.sort_by(|one, other| one.name.cmp(&other.name));
                let names = |is: &dyn Fn(&&Told) -> bool| {
                    sum.customers.iter().filter(is).map(|told| told.name.clone()).collect::<Vec<_>>()
                };
                let reached: BTreeMap<usize, Vec<Box<str>>> = (0..self.steps)
                    .map(|step| (step + 1, names(&|told| told.reached >> step & 1 == 1)))
                    .collect();
                let pending = names(&|told| told.pending);
                let mut gaps: Vec<Vec<i64>> =
                    (0..self.steps).map(|step| sum.gaps.remove(&step).unwrap_or_default()).collect();
                gaps.iter_mut().for_each(|gaps| gaps.sort_unstable());
                FunnelAnswer::Steps(FunnelSteps {
                    counts: reached.values().map(|names| names.len() as u64).collect(),
                    reached,
                    pending,
                    average_seconds: gaps.iter().map(|gaps| average(gaps)).collect(),
                    median_seconds: gaps.iter().map(|gaps| median(gaps)).collect(),
                    explain: chains(sum.customers),
                })
            }
        }
    }

    fn rows(&self, buckets: &BTreeMap<i64, (u64, u64)>) -> Vec<TrendRow> {
        let Some(rows) = &self.trend else { return Vec::new() };
        let ends = buckets.first_key_value().zip(buckets.last_key_value());
        let from = rows.from.or_else(|| ends.map(|((first, _), _)| *first));
        let to = rows.to.or_else(|| ends.map(|(_, (last, _))| last + 1));
        let (Some(from), Some(to)) = (from, to) else { return Vec::new() };
        (from..to)
            .map(|bucket| {
                let (entered, converted) = buckets.get(&bucket).copied().unwrap_or_default();
                let rate = percent(converted, entered);
                TrendRow { bucket: rows.buckets.name(bucket), entered, converted, rate }
            })
            .collect()
    }
}

/// Percent to 2 decimals, half up.
#[expect(clippy::cast_precision_loss, reason = "at most 10,000 hundredths")]
fn percent(part: u64, whole: u64) -> f64 {
    let hundredths = (u128::from(part) * 20_000 + u128::from(whole)).checked_div(u128::from(whole) * 2);
    hundredths.unwrap_or(0) as f64 / 100.0
}

/// A sum of microseconds, divided at last.
#[expect(clippy::cast_precision_loss, reason = "exact up to 285 years; then the nearest")]
fn seconds(micros: i128, by: u64) -> f64 {
    micros as f64 / (u128::from(by) * 1_000_000) as f64
}

/// None of nothing.
fn average(micros: &[i64]) -> Option<f64> {
    let sum = micros.iter().map(|micros| i128::from(*micros)).sum();
    (!micros.is_empty()).then(|| seconds(sum, micros.len() as u64))
}

/// Of what is sorted; none of nothing.
fn median(micros: &[i64]) -> Option<f64> {
    let (low, high) = (micros.get(micros.len().checked_sub(1)? / 2)?, micros.get(micros.len() / 2)?);
    Some(seconds(i128::from(*low) + i128::from(*high), 2))
}

/// So many bars over what is sorted, or the cube root of how many there are.
fn histogram(micros: &[i64], bins: usize) -> Vec<(f64, u64)> {
    let (Some(least), Some(most)) = (micros.first(), micros.last()) else { return Vec::new() };
    let count = micros.len();
    let bins = if bins > 0 { bins } else { (1..).find(|n: &usize| n.pow(3) >= count).unwrap_or(1) };
    let over = |bins: usize| i64::try_from(bins).unwrap_or(i64::MAX).saturating_mul(1_000_000);
    let width = ((most - least + over(bins) - 1) / over(bins)).max(1) * 1_000_000;
    let mut bars: Vec<(f64, u64)> = (0..bins)
        .map(|bar| i128::try_from(bar).unwrap_or(0) * i128::from(width) + i128::from(*least))
        .map(|edge| (seconds(edge, 1), 0))
        .collect();
    for micros in micros {
        let bar = usize::try_from((micros - least) / width).unwrap_or(0).min(bins - 1);
        bars.get_mut(bar).into_iter().for_each(|(_, count)| *count += 1);
    }
    bars
}
