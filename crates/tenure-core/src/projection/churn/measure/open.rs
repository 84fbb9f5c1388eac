//! Open: what was begun and is not done, from when it is due.
//!
//! Facts of one instant act together: an end closes what began at its instant, whichever comes first, so the subjects
//! that were closed at the latest such instant stay remembered. A fact that both begins and ends closes only what is
//! older, or it would close itself.

use serde::{Deserialize, Serialize};

use super::{MOST_FACTS, Reading, Worth, first_change, number};
use crate::event::{EventView, KindSet};
use crate::id::EventId;
use crate::projection::churn::policy::{ChurnPolicy, Limit, OpenLimit};
use crate::projection::churn::scale::Scale;
use crate::projection::churn::view::Unit;
use crate::projection::rhythm::NEVER;
use crate::select::{Matcher, Selector};
use crate::time::{Duration, Timestamp};

#[derive(Clone, Debug, PartialEq)]
pub(in crate::projection::churn) struct Open {
    of: Matcher,
    until: Matcher,
    same_subject: bool,
    due: Option<Box<str>>,
    lead: i64,
    /// How many due things of one subject have to be told apart.
    most: usize,
    /// Whether time counts, or the number of things.
    timed: bool,
    pub scale: Scale,
}

/// Something that was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Begun {
    /// From when on it counts as due.
    due: i64,
    /// When it began.
    at: i64,
    id: EventId,
    /// Hash of its subject; 0 where subjects do not matter.
    subject: u64,
}

/// What is open, sorted, and the subjects that were closed at the latest instant at which any were.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::projection::churn) struct OpenMemory {
    open: Vec<Begun>,
    closed_at: i64,
    closed: Vec<u64>,
}

impl Default for OpenMemory {
    fn default() -> Self {
        Self { open: Vec::new(), closed_at: NEVER, closed: Vec::new() }
    }
}

impl Open {
    #[expect(clippy::too_many_arguments, reason = "the fields of the measure, once")]
    pub(super) fn new(
        of: &Selector,
        until: &Selector,
        same_subject: bool,
        due: Option<Box<str>>,
        lead: Duration,
        limit: OpenLimit,
        most: usize,
        worth: Worth,
    ) -> Self {
        let (timed, at_least, every) = match limit {
            OpenLimit::For { at_least, every } => {
                (true, at_least.as_micros(), every.map(Duration::as_micros))
            }
            OpenLimit::Many { at_least, every } => (false, at_least.into(), every.map(i64::from)),
        };
        let scale = worth.scale(Limit::AtLeast(at_least), every);
        let (of, until) = (of.compile(), until.compile());
        Self { of, until, same_subject, due, lead: lead.as_micros(), most, timed, scale }
    }

    pub(super) fn kinds(&self) -> KindSet {
        crate::event::Kind::ALL
            .iter()
            .copied()
            .filter(|kind| self.of.kinds().contains(*kind) || self.until.kinds().contains(*kind))
            .collect()
    }

    pub(super) const fn unit(&self) -> Unit {
        if self.timed { Unit::Microseconds } else { Unit::Facts }
    }

    pub(super) fn take(&self, memory: &mut OpenMemory, fact: &EventView<'_>) {
        let (begins, ends) = (self.of.matches(fact), self.until.matches(fact));
        if !begins && !ends {
            return;
        }
        let at = fact.occurred_at.as_micros();
        let subject = if self.same_subject {
            xxhash_rust::xxh3::xxh3_64(fact.subject.unwrap_or("").as_bytes())
        } else {
            0
        };
        if ends {
            memory.close(at, subject, !begins);
        }
        if begins && let Some(due) = self.due(fact) {
            memory.begin(Begun { due: due.saturating_sub(self.lead), at, id: fact.id, subject }, self.most);
        }
    }

    /// When what a fact begins is due; none if it does not say so.
    fn due(&self, fact: &EventView<'_>) -> Option<i64> {
        match &self.due {
            None => Some(fact.occurred_at.as_micros()),
            Some(name) => {
                let due = fact.value(name)?;
                Timestamp::parse(due.as_str()?).ok().map(Timestamp::as_micros)
            }
        }
    }

    /// What is due.
    fn due_by(memory: &OpenMemory, at: i64) -> &[Begun] {
        let due = memory.open.partition_point(|one| one.due <= at);
        memory.open.get(..due).unwrap_or_default()
    }

    fn raw(&self, memory: &OpenMemory, at: i64) -> Option<i64> {
        let due = Self::due_by(memory, at);
        if self.timed {
            due.first().map(|oldest| at.saturating_sub(oldest.due))
        } else {
            Some(number(due.len().min(self.most)))
        }
    }

    pub(super) fn read(&self, memory: &OpenMemory, at: i64) -> Reading {
        let due = Self::due_by(memory, at);
        let all = due.len().min(self.most);
        let facts = due.iter().take(all.min(MOST_FACTS)).map(|one| one.id).collect();
        let reading = Reading::of(0, due.first().map(|oldest| oldest.due), facts, all);
        Reading { raw: self.raw(memory, at), ..reading }
    }

    pub(super) fn next_change(&self, memory: &OpenMemory, after: i64) -> Option<i64> {
        if self.timed {
            return self.scale.next_step(memory.open.first()?.due, after);
        }
        let ahead = memory.open.iter().map(|one| one.due).filter(|due| *due > after);
        first_change(&self.scale, self.raw(memory, after), ahead, |at| self.raw(memory, at))
    }
}

impl OpenMemory {
    /// What began before an instant is done, and with it what begins at that instant where `also_now`.
    fn close(&mut self, at: i64, subject: u64, also_now: bool) {
        self.open.retain(|one| one.subject != subject || one.at > at || (one.at == at && !also_now));
        if also_now {
            if self.closed_at != at {
                self.closed_at = at;
                self.closed.clear();
            }
            if let Err(place) = self.closed.binary_search(&subject) {
                self.closed.insert(place, subject);
                self.closed.truncate(ChurnPolicy::MAX_KEPT);
            }
        }
    }

    fn begin(&mut self, begun: Begun, most: usize) {
        if self.closed_at == begun.at && self.closed.binary_search(&begun.subject).is_ok() {
            return;
        }
        if let Err(place) = self.open.binary_search(&begun) {
            self.open.insert(place, begun);
        }
        // All that began before are closed together, and so are all that begin now: of each the first ones due do.
        let (mut before, mut now) = (0, 0);
        self.open.retain(|one| {
            if one.subject != begun.subject {
                return true;
            }
            let place = if one.at < begun.at { &mut before } else { &mut now };
            *place += 1;
            *place <= most
        });
        if self.open.len() > ChurnPolicy::MAX_KEPT
            && let Some(newest) = self.open.iter().enumerate().max_by_key(|(_, one)| (one.at, **one))
        {
            let (place, _) = newest;
            self.open.remove(place);
        }
    }

    pub(super) fn fits(&self) -> bool {
        self.open.len() <= ChurnPolicy::MAX_KEPT
            && self.open.is_sorted_by(|a, b| a < b)
            && self.closed.len() <= ChurnPolicy::MAX_KEPT
            && self.closed.is_sorted_by(|a, b| a < b)
    }
}
