//! When facts arrive: most at once, some late, some twice.

use tenure_core::{Duration, Timestamp};

use super::random::Random;
use super::season::days;
use super::{Share, Simulation};

/// How long facts are late: the median in days, how it spreads, and the most.
const LATE: (f64, f64, f64) = (2.0, 1.2, 45.0);

/// Decides about the facts of one customer in their order. It draws from a stream of its own, and as often whatever the
/// shares are, so that they change nothing else.
#[derive(Clone, Debug)]
pub(super) struct Delivery(Random);

impl Delivery {
    pub fn of(simulation: &Simulation, number: u64) -> Self {
        Self(Random::of(simulation.seed, number, "delivery"))
    }

    /// When a fact of this instant arrives, and when once more.
    pub fn of_fact(&mut self, of: &Simulation, at: Timestamp) -> (Timestamp, Option<Timestamp>) {
        let hit = |random: &mut Random, share: Share| {
            random.below(Share::WHOLE.into()) < u64::from(share.as_millionths())
        };
        let late = hit(&mut self.0, of.late);
        let lag = self.0.lognormal(LATE.0, LATE.1).min(LATE.2);
        let twice = hit(&mut self.0, of.repeated);
        let again = self.0.exponential(1.0).min(LATE.2);
        let later = |at: Timestamp, lag: Duration| at.checked_add(lag).unwrap_or(Timestamp::MAX);
        let first = if late { later(at, days(lag)) } else { at };
        (first, twice.then(|| later(first, days(again))))
    }
}
