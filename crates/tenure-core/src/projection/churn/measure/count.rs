//! Count: how many match in a look-back window, as far as their number matters.

use serde::{Deserialize, Serialize};

use super::{MOST_FACTS, Reading, first_change, number};
use crate::event::{EventView, FactKey};
use crate::projection::churn::policy::Limit;
use crate::projection::churn::scale::Scale;
use crate::select::Matcher;

#[derive(Clone, Debug, PartialEq)]
pub(in crate::projection::churn) struct Count {
    pub of: Matcher,
    pub within: i64,
    pub scale: Scale,
    /// How many have to be told apart: more change no points.
    pub most: usize,
    /// Whether none is none where there never was one.
    pub or_never: bool,
}

/// The latest matches in the window before the last one, sorted; none before the first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::projection::churn) struct CountMemory(Vec<FactKey>);

impl Count {
    pub(super) fn take(&self, CountMemory(kept): &mut CountMemory, fact: &EventView<'_>) {
        if !self.of.matches(fact) {
            return;
        }
        let key = fact.key();
        if let Err(place) = kept.binary_search(&key) {
            kept.insert(place, key);
        }
        let gone = self.gone(kept, key.occurred_at.as_micros());
        kept.drain(..gone.max(kept.len().saturating_sub(self.most)));
    }

    /// How many have left the window.
    fn gone(&self, kept: &[FactKey], at: i64) -> usize {
        let opens = at.saturating_sub(self.within);
        kept.partition_point(|key| key.occurred_at.as_micros() <= opens)
    }

    fn raw(&self, kept: &[FactKey], at: i64) -> Option<i64> {
        if kept.is_empty() && !self.or_never && matches!(self.scale.threshold, Limit::AtMost(_)) {
            return None;
        }
        Some(number(kept.len() - self.gone(kept, at)))
    }

    pub(super) fn read(&self, CountMemory(kept): &CountMemory, at: i64) -> Reading {
        let within = kept.get(self.gone(kept, at)..).unwrap_or_default();
        let since = within.first().map(|key| key.occurred_at.as_micros());
        let named = within.get(within.len().saturating_sub(MOST_FACTS)..).unwrap_or_default();
        let reading = Reading::of(0, since, named.iter().map(|key| key.id).collect(), within.len());
        Reading { raw: self.raw(kept, at), ..reading }
    }

    pub(super) fn next_change(&self, CountMemory(kept): &CountMemory, after: i64) -> Option<i64> {
        let left = kept.get(self.gone(kept, after)..).unwrap_or_default();
        let leaves = left.iter().map(|key| key.occurred_at.as_micros().saturating_add(self.within));
        first_change(&self.scale, self.raw(kept, after), leaves, |at| self.raw(kept, at))
    }

    pub(super) fn fits(&self, CountMemory(kept): &CountMemory) -> bool {
        kept.len() <= self.most && kept.is_sorted_by(|a, b| a < b)
    }
}
