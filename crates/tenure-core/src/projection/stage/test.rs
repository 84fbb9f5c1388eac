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
    /// The n-th latest instant, in `slot`, lies in the window.
    Window {
        slot: usize,
        window: i64,
        less: bool,
    },
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
    Age {
        slot: usize,
        bound: i64,
        less: bool,
        or_never: bool,
    },
    /// Silence of so many thousandths of the cadence in `rhythm`.
    Rhythm {
        slot: usize,
        rhythm: usize,
        words: usize,
        /// The cadence of a customer with too few gaps.
        default: i64,
        thousandths: i64,
        min: i64,
        max: i64,
        or_never: bool,
    },
    InStage(i64),
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

impl Memory<'_> {
    fn word(&self, slot: usize) -> i64 {
        self.words.get(slot).copied().unwrap_or(NEVER)
    }

    /// The cadence kept in so many words; none with too few gaps.
    fn cadence(&self, rhythm: usize, words: usize) -> Option<i64> {
        let found = match self.found.get() {
            Some((place, found)) if place == rhythm => found,
            _ => {
                let words = self.words.get(rhythm..rhythm + words).unwrap_or_default();
                let found = memory::cadence(words).unwrap_or(NEVER);
                self.found.set(Some((rhythm, found)));
                found
            }
        };
        (found != NEVER).then_some(found)
    }

    fn active(&self, class: Class, complaint: bool, at: i64) -> bool {
        let on = |one: &Keyed| one.class == class && one.begin <= at && at < one.end;
        self.keyed.iter().any(|one| on(one) && (one.complaint || !complaint))
    }
}

impl Test {
    /// Holds for nobody.
    pub(super) const NO: Self = Self::InStage(NONE);

    /// Whether silence can turn it round.
    pub(super) const fn is_timed(&self) -> bool {
        matches!(
            self,
            Self::Window { .. }
                | Self::Age { .. }
                | Self::Rhythm { .. }
                | Self::InStage(_)
                | Self::Active(Class::Contract | Class::Trial)
        )
    }

    /// Whether it holds.
    #[inline]
    pub(super) fn holds(&self, memory: Memory<'_>, spot: Spot, at: i64) -> bool {
        match *self {
            // An instant that never was lies before every window: no sum with it reaches the present.
            Self::Window { slot, window, less } => (at < memory.word(slot).saturating_add(window)) != less,
            Self::Total { slot, n, less } => (memory.word(slot) >= n) != less,
            Self::SinceStage { slot, n, less } => (!spot.moved && memory.word(slot) >= n) != less,
            Self::Sum { slot, minor, less } => {
                let sum = memory::wide(memory.word(slot), memory.word(slot + 1));
                (sum >= i128::from(minor)) != less
            }
            Self::Age { slot, bound, less, or_never } => match memory.word(slot) {
                NEVER => or_never,
                from => (at >= from.saturating_add(bound)) != less,
            },
            // The cadence itself is only looked at between the bounds.
            Self::Rhythm { slot, min, or_never, .. } => match memory.word(slot) {
                NEVER => or_never,
                from => at >= from.saturating_add(min) && at >= from.saturating_add(self.threshold(memory)),
            },
            Self::InStage(bound) => at >= spot.since.saturating_add(bound),
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

    /// How long silence must last, by the customer's cadence.
    #[inline(never)]
    fn threshold(&self, memory: Memory<'_>) -> i64 {
        let Self::Rhythm { rhythm, words, default, thousandths, min, max, .. } = *self else { return NONE };
        let cadence = memory.cadence(rhythm, words).unwrap_or(default);
        memory::scaled(cadence, thousandths, min, max)
    }

    /// The first instant after `at` at which silence alone turns it round; [`NONE`] if it never does.
    #[inline]
    pub(super) fn flip_after(&self, memory: Memory<'_>, spot: Spot, at: i64) -> i64 {
        let flip = match *self {
            Self::Window { slot, window, .. } => memory.word(slot).saturating_add(window),
            Self::Age { slot, bound, .. } => match memory.word(slot) {
                NEVER => NONE,
                from => from.saturating_add(bound),
            },
            Self::Rhythm { slot, .. } => match memory.word(slot) {
                NEVER => NONE,
                from => from.saturating_add(self.threshold(memory)),
            },
            Self::InStage(bound) => spot.since.saturating_add(bound),
            Self::Active(class @ (Class::Contract | Class::Trial)) => next_edge(memory, class, at),
            _ => NONE,
        };
        if flip > at && flip <= Timestamp::MAX.as_micros() { flip } else { NONE }
    }

    /// Not later than the first instant after `at` at which silence alone turns it round, and later than `at`: what
    /// is cheap to know of [`Self::flip_after`]. Most customers act again before their cadence has to be looked at.
    #[inline]
    pub(super) fn probe_after(&self, memory: Memory<'_>, spot: Spot, at: i64) -> i64 {
        if let Self::Rhythm { slot, min, .. } = *self
            && let earliest = memory.word(slot).saturating_add(min)
            && at < earliest
        {
            return earliest;
        }
        self.flip_after(memory, spot, at)
    }

    /// Whether silence alone turns it round at this instant.
    pub(super) fn flips_at(&self, memory: Memory<'_>, spot: Spot, at: i64) -> bool {
        self.is_timed() && self.flip_after(memory, spot, at.saturating_sub(1)) == at
    }

    /// The instant from which the time counts that turns it round at `at`.
    pub(super) fn counts_from(&self, memory: Memory<'_>, spot: Spot, at: i64) -> i64 {
        match *self {
            Self::Window { slot, .. } | Self::Age { slot, .. } | Self::Rhythm { slot, .. } => {
                memory.word(slot)
            }
            Self::InStage(_) => spot.since,
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
