//! Falling: by how many percent matches in a window are fewer than in the one before it.

use serde::{Deserialize, Serialize};

use super::{MOST_FACTS, Reading, first_change, number};
use crate::event::{EventView, FactKey};
use crate::projection::churn::scale::Scale;
use crate::select::Matcher;

/// How many matches are compared: of more in both windows together the latest.
pub(in crate::projection::churn) const MAX_FALLING: usize = 4_096;

#[derive(Clone, Debug, PartialEq)]
pub(in crate::projection::churn) struct Falling {
    pub of: Matcher,
    pub within: i64,
    /// How many there must have been before.
    pub among: u32,
    pub scale: Scale,
}

/// The matches in both windows before the last one: the instants of all, sorted, and the latest facts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::projection::churn) struct FallingMemory {
    instants: Vec<i64>,
    latest: Vec<FactKey>,
}

/// How many instants are not later than another.
fn up_to(instants: &[i64], at: i64) -> usize {
    instants.partition_point(|instant| *instant <= at)
}

impl Falling {
    pub(super) fn take(&self, memory: &mut FallingMemory, fact: &EventView<'_>) {
        if !self.of.matches(fact) {
            return;
        }
        let FallingMemory { instants, latest } = memory;
        let key = fact.key();
        let at = key.occurred_at.as_micros();
        instants.insert(up_to(instants, at), at);
        let gone = up_to(instants, self.before(at));
        instants.drain(..gone.max(instants.len().saturating_sub(MAX_FALLING)));
        if let Err(place) = latest.binary_search(&key) {
            latest.insert(place, key);
        }
        let (most, opens) = (latest.len().saturating_sub(MOST_FACTS), self.before(at));
        let gone = latest.partition_point(|key| key.occurred_at.as_micros() <= opens);
        latest.drain(..gone.max(most));
    }

    /// The instant after which the earlier window begins.
    const fn before(&self, at: i64) -> i64 {
        at.saturating_sub(self.within).saturating_sub(self.within)
    }

    fn raw(&self, instants: &[i64], at: i64) -> i64 {
        let gone = up_to(instants, self.before(at));
        let middle = up_to(instants, at.saturating_sub(self.within));
        let (earlier, recent) = (middle - gone, instants.len() - middle);
        if usize::try_from(self.among).is_ok_and(|among| earlier < among) || earlier == 0 {
            return 0;
        }
        number(earlier.saturating_sub(recent) * 100 / earlier)
    }

    pub(super) fn read(&self, FallingMemory { instants, latest }: &FallingMemory, at: i64) -> Reading {
        let opens = self.before(at);
        let within = instants.get(up_to(instants, opens)..).unwrap_or_default();
        let named = latest.iter().filter(|key| key.occurred_at.as_micros() > opens);
        Reading::of(
            self.raw(instants, at),
            within.first().copied(),
            named.map(|key| key.id).collect(),
            within.len(),
        )
    }

    pub(super) fn next_change(
        &self,
        FallingMemory { instants, .. }: &FallingMemory,
        after: i64,
    ) -> Option<i64> {
        let shifted =
            |instant: &i64, windows: i64| instant.saturating_add(self.within.saturating_mul(windows));
        let mut turns: Vec<i64> =
            instants.iter().flat_map(|instant| [shifted(instant, 1), shifted(instant, 2)]).collect();
        turns.retain(|turn| *turn > after);
        turns.sort_unstable();
        first_change(&self.scale, Some(self.raw(instants, after)), turns.into_iter(), |at| {
            Some(self.raw(instants, at))
        })
    }
}

impl FallingMemory {
    pub(super) fn fits(&self) -> bool {
        self.instants.len() <= MAX_FALLING
            && self.instants.is_sorted()
            && self.latest.len() == self.instants.len().min(MOST_FACTS)
            && self.latest.is_sorted_by(|a, b| a < b)
    }
}
