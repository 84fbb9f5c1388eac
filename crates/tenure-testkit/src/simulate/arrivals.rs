//! The facts of all customers in the order in which they arrive, a day at a time.

use std::collections::BTreeMap;
use std::vec::IntoIter;

use tenure_core::{Event, EventId, Timestamp};

use super::Simulation;
use super::delivery::Delivery;
use super::person::Person;
use super::season::DAY;

/// A fact as it arrives.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrival {
    /// When it is recorded: at once, or late.
    pub recorded_at: Timestamp,
    /// The fact.
    pub event: Event,
}

/// All facts of a [`Simulation`] in the order of [`Arrival::recorded_at`], then of ids.
///
/// Only customers in the middle of their history are held, with what is due for them, and facts that are on their way.
#[derive(Debug)]
pub struct Arrivals<'a> {
    of: &'a Simulation,
    /// Who has something due on a day.
    calendar: BTreeMap<i64, Due>,
    /// Facts on their way, by when they arrive.
    waiting: BTreeMap<(Timestamp, EventId, bool), Event>,
    /// Those of the day.
    today: IntoIter<Arrival>,
    scratch: Vec<Event>,
}

/// Who has something due.
#[derive(Debug, Default)]
struct Due {
    /// Customers who begin.
    new: Vec<u64>,
    /// Customers who have begun.
    known: Vec<Active>,
}

#[derive(Debug)]
struct Active {
    person: Person,
    delivery: Delivery,
}

fn day(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(DAY)
}

impl<'a> Arrivals<'a> {
    pub(super) fn new(of: &'a Simulation) -> Self {
        let mut calendar: BTreeMap<i64, Due> = BTreeMap::new();
        for number in 1..=of.customers {
            if let Some(at) = Person::new(of, number).next_at() {
                calendar.entry(day(at)).or_default().new.push(number);
            }
        }
        Self { of, calendar, waiting: BTreeMap::new(), today: Vec::new().into_iter(), scratch: Vec::new() }
    }

    /// Lets a day pass on which something happens, or facts arrive; false when there is none.
    fn pass(&mut self) -> bool {
        let due = self.calendar.first_key_value().map(|(day, _)| *day);
        let arriving = self.waiting.first_key_value().map(|((at, ..), _)| day(*at));
        let Some(today) = due.into_iter().chain(arriving).min() else { return false };
        let tomorrow = Timestamp::from_micros((today + 1).saturating_mul(DAY)).unwrap_or(Timestamp::MAX);
        let due = self.calendar.remove(&today).unwrap_or_default();
        let begin = |number| {
            let person = Person::new(self.of, number);
            Active { person, delivery: Delivery::of(self.of, number) }
        };
        for mut active in due.known.into_iter().chain(due.new.into_iter().map(begin)) {
            active.person.live_until(self.of, tomorrow, &mut self.scratch);
            for event in self.scratch.drain(..) {
                let (first, again) = active.delivery.of_fact(self.of, event.occurred_at());
                if let Some(again) = again {
                    self.waiting.insert((again, event.id(), true), event.clone());
                }
                self.waiting.insert((first, event.id(), false), event);
            }
            if let Some(at) = active.person.next_at() {
                self.calendar.entry(day(at)).or_default().known.push(active);
            }
        }
        let mut arrived = Vec::new();
        while let Some(first) = self.waiting.first_entry().filter(|first| first.key().0 < tomorrow) {
            let recorded_at = first.key().0;
            arrived.push(Arrival { recorded_at, event: first.remove() });
        }
        self.today = arrived.into_iter();
        true
    }
}

impl Iterator for Arrivals<'_> {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        loop {
            if let Some(arrival) = self.today.next() {
                return Some(arrival);
            }
            if !self.pass() {
                return None;
            }
        }
    }
}
