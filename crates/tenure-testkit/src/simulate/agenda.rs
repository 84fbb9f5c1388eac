//! What is due for a customer, in the order of time.

use tenure_core::Timestamp;

/// What will happen, and when. What is due at one instant happens in the order in which it was put down.
#[derive(Clone, Debug)]
pub(super) struct Agenda<H>(
    /// The next one last. A customer has about ten, so that a sorted list is the fastest queue.
    Vec<(Timestamp, H)>,
);

impl<H> Agenda<H> {
    /// Nothing is due.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Puts something down.
    pub fn put(&mut self, at: Timestamp, what: H) {
        let place = self.0.partition_point(|(other, _)| *other > at);
        self.0.insert(place, (at, what));
    }

    /// When the next thing is due; none without one.
    pub fn next_at(&self) -> Option<Timestamp> {
        self.0.last().map(|(at, _)| *at)
    }

    /// Takes the next thing.
    pub fn take(&mut self) -> Option<(Timestamp, H)> {
        self.0.pop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_out_in_the_order_of_time_and_then_of_arrival() {
        let at = |micros| Timestamp::from_micros(micros).unwrap();
        let mut agenda = Agenda::new();
        for (micros, what) in [(5, 'c'), (1, 'a'), (5, 'd'), (3, 'b'), (5, 'e')] {
            agenda.put(at(micros), what);
        }
        assert_eq!(agenda.next_at(), Some(at(1)));
        let out: String = core::iter::from_fn(|| agenda.take()).map(|(_, what)| what).collect();
        assert_eq!(out, "abcde");
    }
}
