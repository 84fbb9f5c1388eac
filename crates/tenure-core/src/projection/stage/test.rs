//! Single conditions, compiled: whether one holds at an instant, and when silence alone turns it round.

use core::cell::Cell;

use super::memory::{self, Class, Keyed, NEVER, NONE};
use crate::time::Timestamp;

/// What conditions are tested against.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory<'a> {
    pub words: &'a [i64],
    pub keyed: &'a [Keyed],
    /// The cadence found last: what is remembered does not change while one looks, so it is found once.
    pub found: &'a Cell<Option<(usize, i64)>>,
}

/// Where a customer stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    pub since: i64,
    pub rule: u16,
    pub stage: u8,
    /// Whether the stage was entered with the last facts or after them, so that nothing has been counted in it.
    pub moved: bool,
}

/// A single condition with the places of the words that it reads.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Test {
    /// So long has passed since an instant.
    Elapsed(Elapsed),
    Total {
        slot: usize,
        n: i64,
        less: bool,
    },
    SinceStage {
        slot: usize,
        n: i64,
        less: bool,
    },
    Sum {
        slot: usize,
        minor: i64,
        less: bool,
    },
    Active(Class),
    Complaint,
    /// The bit of a latch is set; or, `inverted`, there is a latch and it is not.
    Latch {
        slot: usize,
        inverted: bool,
    },
    Score {
        slot: usize,
        at_most: i64,
    },
}

/// A length of time since an instant, of which something holds from its end on, or until then.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Elapsed {
    /// The word of the instant; none for the entry into the stage.
    pub slot: Option<usize>,
    /// The length; of a pace the shortest.
    pub bound: i64,
    /// Whether it holds once the time has passed, rather than before.
    pub once: bool,
    /// Whether it holds where there was no such instant.
    pub never: bool,
    /// Where the length depends on the customer's own cadence.
    pub pace: Option<Pace>,
}

/// A multiple of a cadence as a length of time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pace {
    /// The words of the rhythm.
    pub rhythm: usize,
    pub words: usize,
    /// The length for each day of the cadence.
    pub a_day: i64,
    pub max: i64,
    /// The length for a customer with too few gaps.
    pub default: i64,
}

impl Memory<'_> {
    fn word(&self, slot: usize) -> i64 {
        self.words.get(slot).copied().unwrap_or(NEVER)
    }

    /// The cadence in days; [`NEVER`] with too few gaps.
    fn cadence(&self, pace: &Pace) -> i64 {
        if let Some((_, found)) = self.found.get().filter(|(place, _)| *place == pace.rhythm) {
            return found;
        }
        let words = self.words.get(pace.rhythm..pace.rhythm + pace.words).unwrap_or_default();
        let found = memory::cadence_days(words).unwrap_or(NEVER);
        self.found.set(Some((pace.rhythm, found)));
        found
    }

    fn active(&self, class: Class, complaint: bool, at: i64) -> bool {
        let on = |one: &Keyed| one.class == class && one.begin <= at && at < one.end;
        self.keyed.iter().any(|one| on(one) && (one.complaint || !complaint))
    }
}

impl Elapsed {
    #[inline]
    fn from(&self, memory: Memory<'_>, spot: Spot) -> i64 {
        self.slot.map_or(spot.since, |slot| memory.word(slot))
    }

    /// How long it takes.
    #[inline(never)]
    fn length(&self, memory: Memory<'_>) -> i64 {
        let Some(pace) = &self.pace else { return self.bound };
        match memory.cadence(pace) {
            NEVER => pace.default,
            // Not `clamp`, which panics where bounds are not in order.
            days => days.saturating_mul(pace.a_day).min(pace.max).max(self.bound),
        }
    }

    #[inline]
    fn holds(&self, memory: Memory<'_>, spot: Spot, at: i64) -> bool {
        let from = self.from(memory, spot);
        if from == NEVER {
            return self.never;
        }
        // The cadence itself is only looked at between the bounds.
        let passed = at >= from.saturating_add(self.bound)
            && (self.pace.is_none() || at >= from.saturating_add(self.length(memory)));
        passed == self.once
    }

    /// Not later than the instant after `at` at which the time has passed, and later than `at`: what is cheap to know of
    /// [`Test::flip_after`]. Most customers act again before their cadence has to be looked at.
    #[inline]
    pub(super) fn probe_after(&self, memory: Memory<'_>, spot: Spot, at: i64) -> i64 {
        let earliest = self.from(memory, spot).saturating_add(self.bound);
        if earliest > at {
            return earliest;
        }
        if self.pace.is_some() { self.flip_after(memory, spot, at) } else { NONE }
    }

    fn flip_after(&self, memory: Memory<'_>, spot: Spot, at: i64) -> i64 {
        let from = self.from(memory, spot);
        let flip = from.saturating_add(if from == NEVER { 0 } else { self.length(memory) });
        if flip > at { flip } else { NONE }
    }
}

impl Test {
    /// Holds for nobody.
    pub(super) const NO: Self =
        Self::Elapsed(Elapsed { slot: None, bound: NONE, once: true, never: false, pace: None });

    /// Whether silence can turn it round.
    pub(super) const fn is_timed(&self) -> bool {
        matches!(self, Self::Elapsed(_) | Self::Active(Class::Contract | Class::Trial))
    }

    /// Whether it holds.
    #[inline]
    pub(super) fn holds(&self, memory: Memory<'_>, spot: Spot, at: i64) -> bool {
        match *self {
            Self::Elapsed(ref elapsed) => elapsed.holds(memory, spot, at),
            Self::Total { slot, n, less } => (memory.word(slot) >= n) != less,
            Self::SinceStage { slot, n, less } => (!spot.moved && memory.word(slot) >= n) != less,
            Self::Sum { slot, minor, less } => {
                let sum = memory::wide(memory.word(slot), memory.word(slot + 1));
                (sum >= i128::from(minor)) != less
            }
            Self::Active(class) => memory.active(class, false, at),
            Self::Complaint => memory.active(Class::Ticket, true, at),
            Self::Latch { slot, inverted } => match memory.word(slot) {
                NEVER => false,
                word => memory::bit(word) != inverted,
            },
            Self::Score { slot, at_most } => {
                memory::score(memory.word(slot)).is_some_and(|score| score <= at_most)
            }
        }
    }

    /// The first instant after `at` at which silence alone turns it round; [`NONE`] if it never does.
    pub(super) fn flip_after(&self, memory: Memory<'_>, spot: Spot, at: i64) -> i64 {
        let flip = match self {
            Self::Elapsed(elapsed) => elapsed.flip_after(memory, spot, at),
            Self::Active(class @ (Class::Contract | Class::Trial)) => next_edge(memory, *class, at),
            _ => NONE,
        };
        if flip <= Timestamp::MAX.as_micros() { flip } else { NONE }
    }

    /// Not later than [`Self::flip_after`], and later than `at`.
    #[inline]
    pub(super) fn probe_after(&self, memory: Memory<'_>, spot: Spot, at: i64) -> i64 {
        match self {
            Self::Elapsed(elapsed) => elapsed.probe_after(memory, spot, at),
            _ => self.flip_after(memory, spot, at),
        }
    }

    /// Whether silence alone turns it round at this instant.
    pub(super) fn flips_at(&self, memory: Memory<'_>, spot: Spot, at: i64) -> bool {
        self.is_timed() && self.flip_after(memory, spot, at.saturating_sub(1)) == at
    }

    /// The instant from which the time counts that turns it round at `at`.
    pub(super) fn counts_from(&self, memory: Memory<'_>, spot: Spot, at: i64) -> i64 {
        match self {
            Self::Elapsed(elapsed) => elapsed.from(memory, spot),
            // It began or ended at this instant.
            _ => at,
        }
    }
}

/// The first begin or end after `at` that is not made up for by another of the class.
fn next_edge(memory: Memory<'_>, class: Class, at: i64) -> i64 {
    let now = memory.active(class, false, at);
    let mut from = at;
    loop {
        let edges = memory.keyed.iter().filter(|one| one.class == class).flat_map(|one| [one.begin, one.end]);
        match edges.filter(|edge| *edge > from).min() {
            Some(edge) if memory.active(class, false, edge) == now => from = edge,
            Some(edge) => return edge,
            None => return NONE,
        }
    }
}
