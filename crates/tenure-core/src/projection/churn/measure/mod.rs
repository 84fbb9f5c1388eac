//! The five measures: what each remembers of a customer, what it reads there at an instant, and when silence alone
//! changes that.

mod count;
mod falling;
mod latest;
mod open;
mod silence;
mod witnesses;

use serde::{Deserialize, Serialize};

pub(super) use falling::MAX_FALLING;

use self::count::{Count, CountMemory};
use self::falling::{Falling, FallingMemory};
use self::latest::{Latest, LatestMemory};
use self::open::{Open, OpenMemory};
use self::silence::{Silence, SilenceMemory};
use self::witnesses::Witnesses;
use super::policy::{Limit, Measure, SignalDef};
use super::scale::Scale;
use super::view::Unit;
use crate::event::{EventView, KindSet};
use crate::id::EventId;
use crate::projection::stage::CadencePolicy;
use crate::time::Zone;

/// How many facts a signal names.
pub(super) const MOST_FACTS: usize = 16;

/// A measure made ready for many facts.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Meter {
    Silence(Silence),
    Count(Count),
    Falling(Falling),
    Open(Open),
    Latest(Latest),
}

/// What one signal remembers of a customer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Memory {
    Silence(SilenceMemory),
    Count(CountMemory),
    Falling(FallingMemory),
    Open(OpenMemory),
    Latest(LatestMemory),
}

/// What a signal reads at an instant.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Reading {
    /// None: that never was.
    pub raw: Option<i64>,
    /// From when on it counts, in microseconds since 1970.
    pub since: Option<i64>,
    /// The facts behind it, at most [`MOST_FACTS`].
    pub facts: Vec<EventId>,
    /// How many more there are.
    pub more: u64,
    /// The customer's own cadence, where the threshold is a multiple of it.
    pub cadence: Option<i64>,
}

impl Reading {
    /// With the facts that are named, and all that there are.
    fn of(raw: i64, since: Option<i64>, facts: Vec<EventId>, all: usize) -> Self {
        let more = u64::try_from(all.saturating_sub(facts.len())).unwrap_or(u64::MAX);
        Self { raw: Some(raw), since, facts, more, cadence: None }
    }
}

/// What is worth how many points beside what the measure itself says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Worth {
    pub weight: i32,
    pub cap: i32,
}

impl Worth {
    fn scale(self, threshold: Limit<i64>, every: Option<i64>) -> Scale {
        Scale { threshold, every, weight: self.weight, cap: self.cap, or_never: false }
    }
}

impl Meter {
    pub(super) fn new(signal: &SignalDef, zone: Zone, cadence: CadencePolicy) -> Self {
        let worth = Worth { weight: signal.points, cap: signal.stops_at() };
        let most = signal.saturation();
        match &signal.measure {
            Measure::Silence { of, at_least, every, or_never } => {
                Self::Silence(Silence::new(of, *at_least, *every, *or_never, worth, zone, cadence))
            }
            Measure::Count { of, within, limit, every, or_never } => {
                let limit = match limit {
                    Limit::AtLeast(n) => Limit::AtLeast((*n).into()),
                    Limit::AtMost(n) => Limit::AtMost((*n).into()),
                };
                let scale = worth.scale(limit, every.map(i64::from));
                Self::Count(Count {
                    of: of.compile(),
                    within: within.as_micros(),
                    scale,
                    most,
                    or_never: *or_never,
                })
            }
            Measure::Falling { of, within, at_least, every, among } => Self::Falling(Falling {
                of: of.compile(),
                within: within.as_micros(),
                among: *among,
                scale: worth.scale(Limit::AtLeast((*at_least).into()), every.map(i64::from)),
            }),
            Measure::Open { of, until, same_subject, due, lead, limit } => {
                Self::Open(Open::new(of, until, *same_subject, due.clone(), *lead, *limit, most, worth))
            }
            Measure::Latest { of, within, limit, every } => Self::Latest(Latest {
                of: of.compile(),
                within: within.map(crate::time::Duration::as_micros),
                scale: worth.scale(*limit, *every),
            }),
        }
    }

    /// The kinds whose facts can change what it remembers.
    pub(super) fn kinds(&self) -> KindSet {
        match self {
            Self::Silence(meter) => meter.of.kinds(),
            Self::Count(meter) => meter.of.kinds(),
            Self::Falling(meter) => meter.of.kinds(),
            Self::Open(meter) => meter.kinds(),
            Self::Latest(meter) => meter.of.kinds(),
        }
    }

    pub(super) const fn unit(&self) -> Unit {
        match self {
            Self::Silence(_) => Unit::Microseconds,
            Self::Count(_) => Unit::Facts,
            Self::Falling(_) => Unit::Percent,
            Self::Open(meter) => meter.unit(),
            Self::Latest(_) => Unit::Number,
        }
    }

    pub(super) fn init(&self) -> Memory {
        match self {
            Self::Silence(meter) => Memory::Silence(meter.init()),
            Self::Count(_) => Memory::Count(CountMemory::default()),
            Self::Falling(_) => Memory::Falling(FallingMemory::default()),
            Self::Open(_) => Memory::Open(OpenMemory::default()),
            Self::Latest(_) => Memory::Latest(LatestMemory::default()),
        }
    }

    pub(super) fn take(&self, memory: &mut Memory, fact: &EventView<'_>) {
        match (self, memory) {
            (Self::Silence(meter), Memory::Silence(memory)) => meter.take(memory, fact),
            (Self::Count(meter), Memory::Count(memory)) => meter.take(memory, fact),
            (Self::Falling(meter), Memory::Falling(memory)) => meter.take(memory, fact),
            (Self::Open(meter), Memory::Open(memory)) => meter.take(memory, fact),
            (Self::Latest(meter), Memory::Latest(memory)) => meter.take(memory, fact),
            // What does not fit is never folded: `fits`.
            _ => {}
        }
    }

    /// What it reads at an instant that is not earlier than the last fact, and what that is worth.
    pub(super) fn read(&self, memory: &Memory, at: i64) -> (Reading, Scale) {
        match (self, memory) {
            (Self::Silence(meter), Memory::Silence(memory)) => {
                (Silence::read(memory, at), meter.scale(memory))
            }
            (Self::Count(meter), Memory::Count(memory)) => (meter.read(memory, at), meter.scale),
            (Self::Falling(meter), Memory::Falling(memory)) => (meter.read(memory, at), meter.scale),
            (Self::Open(meter), Memory::Open(memory)) => (meter.read(memory, at), meter.scale),
            (Self::Latest(meter), Memory::Latest(memory)) => (meter.read(memory, at), meter.scale),
            _ => (Reading::default(), Worth { weight: 0, cap: 0 }.scale(Limit::AtLeast(0), None)),
        }
    }

    /// The first instant after another, not earlier than the last fact, at which silence alone changes the points.
    pub(super) fn next_change(&self, memory: &Memory, after: i64) -> Option<i64> {
        match (self, memory) {
            (Self::Silence(meter), Memory::Silence(memory)) => meter.next_change(memory, after),
            (Self::Count(meter), Memory::Count(memory)) => meter.next_change(memory, after),
            (Self::Falling(meter), Memory::Falling(memory)) => meter.next_change(memory, after),
            (Self::Open(meter), Memory::Open(memory)) => meter.next_change(memory, after),
            (Self::Latest(meter), Memory::Latest(memory)) => meter.next_change(memory, after),
            _ => None,
        }
    }

    /// Whether what was read from outside has the shape that this measure makes.
    pub(super) fn fits(&self, memory: &Memory) -> bool {
        match (self, memory) {
            (Self::Silence(meter), Memory::Silence(memory)) => meter.fits(memory),
            (Self::Count(meter), Memory::Count(memory)) => meter.fits(memory),
            (Self::Falling(_), Memory::Falling(memory)) => memory.fits(),
            (Self::Open(_), Memory::Open(memory)) => memory.fits(),
            (Self::Latest(_), Memory::Latest(memory)) => memory.fits(),
            _ => false,
        }
    }
}

/// The first of some instants, in order, at which points are others than those now.
fn first_change(
    scale: &Scale,
    now: Option<i64>,
    instants: impl Iterator<Item = i64>,
    raw: impl Fn(i64) -> Option<i64>,
) -> Option<i64> {
    let points = scale.points(now);
    instants.into_iter().find(|at| scale.points(raw(*at)) != points)
}

/// A number of things as a raw value.
fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
