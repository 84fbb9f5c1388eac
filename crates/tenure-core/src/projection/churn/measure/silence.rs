//! Silence: how long the last match is ago.

use serde::{Deserialize, Serialize};

use super::{Reading, Witnesses, Worth};
use crate::event::EventView;
use crate::projection::churn::policy::Limit;
use crate::projection::churn::scale::Scale;
use crate::projection::rhythm::{self, NEVER};
use crate::projection::stage::{CadencePolicy, Threshold};
use crate::select::{Matcher, Selector};
use crate::time::Zone;

#[derive(Clone, Debug, PartialEq)]
pub(in crate::projection::churn) struct Silence {
    pub of: Matcher,
    at_least: Threshold,
    every: Option<Threshold>,
    or_never: bool,
    weight: i32,
    cap: i32,
    /// How cadence is measured, where it is asked for.
    cadence: Option<CadencePolicy>,
    zone: Zone,
}

/// The last match, and the rhythm where it is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::projection::churn) struct SilenceMemory {
    last: i64,
    facts: Witnesses,
    rhythm: Box<[i64]>,
}

impl Silence {
    pub(super) fn new(
        of: &Selector,
        at_least: Threshold,
        every: Option<Threshold>,
        or_never: bool,
        Worth { weight, cap }: Worth,
        zone: Zone,
        cadence: CadencePolicy,
    ) -> Self {
        let asks = |threshold: Threshold| matches!(threshold, Threshold::Cadence { .. });
        let cadence = (asks(at_least) || every.is_some_and(asks)).then_some(cadence);
        Self { of: of.compile(), at_least, every, or_never, weight, cap, cadence, zone }
    }

    pub(super) fn init(&self) -> SilenceMemory {
        let words = self.cadence.map_or(0, |cadence| rhythm::rhythm_words(cadence.gaps));
        let mut rhythm = vec![0; words];
        if let Some(last_day) = rhythm.first_mut() {
            *last_day = NEVER;
        }
        SilenceMemory { last: NEVER, facts: Witnesses::default(), rhythm: rhythm.into() }
    }

    pub(super) fn take(&self, memory: &mut SilenceMemory, fact: &EventView<'_>) {
        if !self.of.matches(fact) {
            return;
        }
        let at = fact.occurred_at.as_micros();
        if at != memory.last {
            memory.last = at;
            memory.facts.clear();
        }
        memory.facts.add(fact.id);
        if let Some(cadence) = self.cadence {
            rhythm::beat(&mut memory.rhythm, cadence.gaps, self.zone, fact.occurred_at);
        }
    }

    /// How long that is by the customer's own cadence.
    fn length(&self, threshold: Threshold, memory: &SilenceMemory) -> i64 {
        match threshold {
            Threshold::Fixed(fixed) => fixed.as_micros(),
            Threshold::Cadence { times, min, max } => {
                let default = self.cadence.map_or(0, |cadence| cadence.default.as_micros());
                let cadence = rhythm::cadence(&memory.rhythm).unwrap_or(default);
                rhythm::scaled(cadence, times.as_thousandths().into(), min.as_micros(), max.as_micros())
            }
        }
    }

    pub(super) fn scale(&self, memory: &SilenceMemory) -> Scale {
        Scale {
            threshold: Limit::AtLeast(self.length(self.at_least, memory)),
            every: self.every.map(|every| self.length(every, memory)),
            weight: self.weight,
            cap: self.cap,
            or_never: self.or_never,
        }
    }

    pub(super) fn read(memory: &SilenceMemory, at: i64) -> Reading {
        if memory.last == NEVER {
            return Reading::default();
        }
        let (facts, all) = memory.facts.facts();
        let reading = Reading::of(at.saturating_sub(memory.last), Some(memory.last), facts, all);
        Reading { cadence: rhythm::cadence(&memory.rhythm), ..reading }
    }

    pub(super) fn next_change(&self, memory: &SilenceMemory, after: i64) -> Option<i64> {
        if memory.last == NEVER { None } else { self.scale(memory).next_step(memory.last, after) }
    }

    pub(super) fn fits(&self, memory: &SilenceMemory) -> bool {
        let words = self.init().rhythm.len();
        memory.rhythm.len() == words && memory.facts.fits() && rhythm::fits(&memory.rhythm)
    }
}
