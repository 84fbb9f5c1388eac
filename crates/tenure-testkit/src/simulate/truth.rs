//! What really was: when a customer was ours and when not. Facts only hint at it.

use tenure_core::{Customer, Timestamp};

use super::Archetype;
use super::random::Random;
use super::season::days;

/// A time in which somebody was our customer, or could have become one: from the first touch to the true death, the
/// instant at which interest ended for good and which no fact tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// When it began.
    pub from: Timestamp,
    /// The true death; none while the customer lives on beyond the end of the simulation.
    pub to: Option<Timestamp>,
}

/// The ground truth about one customer, to judge models of churn by.
#[derive(Clone, Debug, PartialEq)]
pub struct Truth {
    /// Who, as the facts name the customer.
    pub customer: Customer,
    /// What kind of customer.
    pub archetype: Archetype,
    /// One life, or several for customers who left and came back; in the order of time, apart from each other.
    pub lives: Vec<Life>,
}

impl Truth {
    /// Whether the customer lived at an instant.
    pub fn lived_at(&self, at: Timestamp) -> bool {
        self.lives.iter().any(|life| life.from <= at && life.to.is_none_or(|to| at < to))
    }

    /// Whether the customer came back after a death.
    pub const fn returned(&self) -> bool {
        self.lives.len() > 1
    }

    /// The last death, of a customer who is dead at the end.
    pub fn died_at(&self) -> Option<Timestamp> {
        self.lives.last().and_then(|life| life.to)
    }
}

/// How lives of an archetype come and go.
///
/// A life is exponential with a hazard of its own for each customer, and hazards are gamma over customers: the death
/// process of the Pareto/NBD model. So lifetimes have a heavy tail: many leave soon, and a few stay for ever.
///
/// # Source
/// Schmittlein, Morrison and Colombo, "Counting Your Customers", Management Science 33(1), 1987.
struct Mortality {
    /// Shape of the gamma of hazards.
    shape: f64,
    /// Mean hazard, a day.
    hazard: f64,
    /// How many of 1,000 dead come back.
    returning: u64,
    /// Mean days until they do.
    away: f64,
}

/// More lives than nearly anybody has in the longest window.
const MOST_LIVES: usize = 4;

/// Draws the lives of a customer who was first touched at `from`, as far as they begin before `end`.
pub(super) fn lives(random: &mut Random, archetype: Archetype, from: Timestamp, end: Timestamp) -> Vec<Life> {
    let mortality = match archetype {
        Archetype::Retail => Mortality { shape: 1.1, hazard: 1.0 / 260.0, returning: 120, away: 150.0 },
        Archetype::Saas => Mortality { shape: 0.7, hazard: 1.0 / 120.0, returning: 100, away: 120.0 },
        Archetype::B2b => Mortality { shape: 0.9, hazard: 1.0 / 400.0, returning: 80, away: 250.0 },
    };
    let hazard = random.gamma(mortality.shape, mortality.hazard);
    let mut lives = Vec::with_capacity(1);
    let mut from = from;
    while lives.len() < MOST_LIVES {
        // The customer is there for the first touch at least.
        let days_lived = random.exponential(1.0 / hazard) + 0.05;
        let to = from.checked_add(days(days_lived)).filter(|to| *to < end);
        lives.push(Life { from, to });
        let back = random.chance(mortality.returning).then(|| 20.0 + random.exponential(mortality.away));
        match to.zip(back).and_then(|(to, away)| to.checked_add(days(away))).filter(|back| *back < end) {
            Some(back) => from = back,
            None => break,
        }
    }
    lives
}
