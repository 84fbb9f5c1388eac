//! A funnel made ready: steps as bits, durations in microseconds.

use serde::{Deserialize, Serialize};

use super::{Count, Entry, ExclusionEffect, FunnelOutput, FunnelQuery, FunnelRange, StepOrder, Ties};
use crate::event::FactKey;
use crate::id::EventId;
use crate::query::QueryError;
use crate::query::bucket::Buckets;
use crate::query::frame::{Frame, Range};
use crate::query::lens::Word;
use crate::time::Timestamp;

/// What a funnel asks, as the walks through a history need it.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// How many steps there are. Step k is bit k of what a fact meets; exclusions follow.
    pub steps: usize,
    /// The steps that are not optional, ascending; the first is 0.
    pub required: Vec<usize>,
    pub first_time: u64,
    pub order: StepOrder,
    pub strictly_later: bool,
    pub first_entry: bool,
    /// In microseconds, as all durations here.
    pub window: i64,
    pub tolerance: i64,
    pub range: Range,
    pub range_of_events: bool,
    pub exclusions: Vec<Taints>,
    pub effect: ExclusionEffect,
    pub attempts: bool,
    /// The buckets of a trend.
    pub trend: Option<Buckets>,
}

/// An exclusion: its bit, after which step, before which step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taints {
    pub bit: u64,
    pub from: usize,
    pub to: usize,
}

/// A fact that fills a step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Filled {
    /// When it happened.
    pub at: Timestamp,
    /// Which fact.
    pub id: EventId,
    /// The value that the answer is broken down by, as it says.
    pub value: Word,
}

impl Filled {
    pub(super) const fn key(&self) -> FactKey {
        FactKey { occurred_at: self.at, id: self.id }
    }
}

/// A fact of a history, and what it can be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Seen {
    pub fact: Filled,
    /// Steps and exclusions that it meets.
    pub met: u64,
    /// Whether it is an entry.
    pub entry: bool,
}

impl Seen {
    /// In microseconds.
    pub(super) const fn micros(&self) -> i64 {
        self.fact.at.as_micros()
    }

    pub(super) const fn meets(&self, step: usize) -> bool {
        self.met >> step & 1 == 1
    }
}

/// For each step the fact that fills it.
pub(super) type Chain = Vec<Option<Filled>>;

/// The places of the bits that are set, ascending.
pub(super) fn bits(mut set: u64) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        let place = (set != 0).then(|| set.trailing_zeros() as usize)?;
        set &= set - 1;
        Some(place)
    })
}

/// Seconds as microseconds; at most some 8,000 years, which is longer than any history.
fn micros(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000).min(Timestamp::MAX.as_micros())
}

impl Plan {
    pub(super) fn new(ask: &FunnelQuery, frame: &Frame) -> Result<Self, QueryError> {
        let steps = ask.steps.len();
        let mut range = frame.range().map_err(|error| QueryError::new("from", error.to_string()))?;
        let trend = (ask.output == FunnelOutput::Trend)
            .then(|| Buckets::new(ask.period, ask.week_start, frame.zone()));
        if let Some(buckets) = &trend {
            // A bound inside a bucket is rounded down to its start.
            let start = |at| buckets.start(buckets.number(at)).unwrap_or(Timestamp::MIN);
            range = Range { from: start(range.from), to: range.to.map(start) };
        }
        let last = steps.saturating_sub(1);
        let exclusions = ask.exclusions.iter().enumerate().map(|(place, exclusion)| Taints {
            bit: 1 << (steps + place),
            from: exclusion.from_step,
            to: exclusion.to_step.unwrap_or(last),
        });
        let attempts = ask.count == Count::Attempts;
        let set = |is: fn(&super::Step) -> bool| {
            ask.steps
                .iter()
                .enumerate()
                .filter(|(_, step)| is(step))
                .fold(0, |set, (step, _)| set | 1 << step)
        };
        Ok(Self {
            steps,
            required: bits(set(|step| !step.optional)).collect(),
            first_time: set(|step| step.first_time_only),
            order: ask.order,
            strictly_later: ask.ties == Ties::StrictlyLater,
            first_entry: ask.entry == Entry::FirstEntry,
            window: micros(ask.window_seconds),
            tolerance: micros(ask.tie_tolerance_seconds),
            range,
            range_of_events: ask.range == FunnelRange::Events,
            exclusions: exclusions.collect(),
            // An attempt is over at its first taint, and the steps before it stand.
            effect: if attempts { ExclusionEffect::DropOff } else { ask.exclusion_effect },
            attempts,
            trend,
        })
    }

    /// The bits of the steps.
    pub(super) const fn all_steps(&self) -> u64 {
        (1 << self.steps) - 1
    }

    /// Whether a step may be left out.
    pub(super) fn is_optional(&self, step: usize) -> bool {
        self.required.binary_search(&step).is_err()
    }

    /// The steps that may follow a step: the optional ones up to the next required one, and that.
    pub(super) fn next(&self, step: usize) -> u64 {
        let required = self.required.iter().copied().find(|next| *next > step).unwrap_or(self.steps);
        ((1 << (required + 1)) - 1) & self.all_steps() & !((1 << (step + 1)) - 1)
    }

    /// The last instant, in microseconds, at which a step counts for an entry.
    pub(super) fn deadline(&self, entry: Timestamp) -> i64 {
        let end = entry.as_micros().saturating_add(self.window);
        match self.range.to.filter(|_| self.range_of_events) {
            Some(to) => end.min(to.as_micros()),
            None => end,
        }
    }

    /// By how much a step may be earlier than the entry.
    pub(super) fn slack(&self) -> i64 {
        let steps = i64::try_from(self.steps.saturating_sub(1)).unwrap_or(0);
        self.tolerance.saturating_mul(steps)
    }

    /// How many required steps a chain has, up to the first that is missing.
    pub(super) fn depth(&self, chain: &[Option<Filled>]) -> usize {
        let has = |step: &&usize| chain.get(**step).is_some_and(Option::is_some);
        self.required.iter().take_while(has).count()
    }

    /// The last required step of a chain of some depth.
    pub(super) fn last(&self, chain: &[Option<Filled>], depth: usize) -> Option<Filled> {
        let step = self.required.get(depth.checked_sub(1)?)?;
        chain.get(*step).copied().flatten()
    }

    /// The order of chains of one entry, the best one first: deepest, last required step earliest, most optional steps,
    /// then from the last step to the first, the earlier fact, and a fact rather than none.
    pub(super) fn rank(&self, one: &[Option<Filled>], other: &[Option<Filled>]) -> core::cmp::Ordering {
        let (depth, other_depth) = (self.depth(one), self.depth(other));
        let last = |chain, depth| self.last(chain, depth).map(|fact| fact.at);
        let filled = |chain: &[Option<Filled>]| chain.iter().flatten().count();
        let keys = |chain: &[Option<Filled>]| {
            let keys = chain.iter().rev().map(|fact| (fact.is_none(), fact.map(|fact| fact.key())));
            keys.collect::<Vec<_>>()
        };
        other_depth
            .cmp(&depth)
            .then_with(|| last(one, depth).cmp(&last(other, other_depth)))
            .then_with(|| filled(other).cmp(&filled(one)))
            .then_with(|| keys(one).cmp(&keys(other)))
    }
}
