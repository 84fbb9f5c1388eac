//! Simulated customers: histories that look like those of a business, of any number of customers, with the truth beside
//! them.
//!
//! ```
//! use tenure_testkit::simulate::Simulation;
//! let simulation = Simulation::new(7, 1_000);
//! // One customer alone: facts in the order of time, and when the customer really was ours.
//! let history = simulation.history(42);
//! assert_eq!(history.facts, Simulation::new(7, 1_000_000).history(42).facts);
//! assert!(history.truth.lived_at(history.facts[0].occurred_at()));
//! // All customers together, as their facts arrive: late ones late, some of them twice.
//! let arrived: Vec<_> = simulation.arrivals().take(500).collect();
//! assert!(arrived.is_sorted_by_key(|arrival| arrival.recorded_at));
//! ```
//!
//! | part | is |
//! |---|---|
//! | [`Simulation`] | seed, number of customers, window, [`Mix`] and [`Share`]s: everything that decides |
//! | [`History`], [`Truth`], [`Life`] | one customer: facts, and the true deaths, which no fact tells |
//! | [`Arrivals`], [`Arrival`] | the stream of facts as a log would have got them |
//!
//! Customers are small discrete-event simulations: an agenda of what is due for each, taken in the order of time, where
//! every happening gives facts and puts further happenings down. Purchases and sessions are Poisson processes whose rates
//! are gamma over customers and follow the year, the week and the hour; lifetimes are exponential with gamma hazards (so
//! retail is the Pareto/NBD model, with seasons); amounts are lognormal within and over customers.
//!
//! # Laws
//! - Pure: equal parameters give equal bytes, on any machine (`random.rs` says how).
//! - A customer depends on the seed and the own number alone, except for who is wrongly merged: the neighbour's name.
//! - [`Arrivals`] has exactly the facts of all histories, and some of them twice. The shares of late and repeated facts
//!   change when facts arrive and never which facts there are.
//!
//! # Limits
//! Memory of [`Arrivals`] grows with the customers who are active at a time (about a kilobyte each) and the facts of some
//! days, not with all facts. A window is a day to a hundred years long.

mod agenda;
mod arrivals;
mod b2b;
mod delivery;
mod happening;
mod mix;
mod person;
pub(crate) mod random;
mod relation;
mod retail;
mod saas;
mod scene;
mod season;
mod share;
mod truth;
mod words;

pub use arrivals::{Arrival, Arrivals};
pub use mix::{Archetype, Mix};
pub use share::Share;
use tenure_core::{Customer, CustomerId, CustomerKey, Duration, Event, Timestamp};
pub use truth::{Life, Truth};

use person::Person;
use season::Season;

/// A population to simulate: everything that decides about its facts.
///
/// # Example
/// ```
/// use tenure_core::Timestamp;
/// use tenure_testkit::simulate::{Archetype, Mix, Simulation};
/// let at = Timestamp::parse;
/// let shop = Simulation::new(7, 100)
///     .between(at("2024-01-01T00:00:00Z")?, at("2024-07-01T00:00:00Z")?)?
///     .of(Mix::only(Archetype::Retail))
///     .late("0.1".parse()?);
/// assert_eq!(shop.arrivals().map(|arrival| arrival.event.customer().id()).collect::<std::collections::BTreeSet<_>>().len() >= 100, true);
/// assert!(Simulation::new(7, 100).between(at("2024-01-01T00:00:00Z")?, at("2023-01-01T00:00:00Z")?).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Simulation {
    seed: u64,
    customers: u64,
    start: Timestamp,
    end: Timestamp,
    mix: Mix,
    late: Share,
    repeated: Share,
    season: Season,
}

impl Simulation {
    /// 2023-01-01 to 2025-01-01.
    const WINDOW: (i64, i64) = (1_672_531_200_000_000, 1_735_689_600_000_000);
    /// The longest window.
    const LONGEST: Duration = Duration::days(36_525);

    /// `customers` customers of the default [`Mix`] in the years 2023 and 2024; of their facts 2 % arrive late and
    /// 1 % twice.
    pub fn new(seed: u64, customers: u64) -> Self {
        let at = |micros| Timestamp::from_micros(micros).unwrap_or(Timestamp::MIN);
        let (start, end) = (at(Self::WINDOW.0), at(Self::WINDOW.1));
        let (late, repeated) = (Share::per_mille(20), Share::per_mille(10));
        let season = Season::between(start, end);
        Self { seed, customers, start, end, mix: Mix::default(), late, repeated, season }
    }

    /// The same in another window: nothing happens before `start`, nor at `end` or after.
    ///
    /// # Errors
    /// [`SimulateError::Window`] for a window shorter than a day or longer than a hundred years.
    pub fn between(self, start: Timestamp, end: Timestamp) -> Result<Self, SimulateError> {
        let length = end.since(start);
        if end < start || length < Duration::days(1) || length > Self::LONGEST {
            return Err(SimulateError::Window { start, end });
        }
        Ok(Self { start, end, season: Season::between(start, end), ..self })
    }

    /// The same with other kinds of customers.
    #[must_use]
    pub fn of(self, mix: Mix) -> Self {
        Self { mix, ..self }
    }

    /// The same with this share of facts arriving late, by hours to weeks.
    #[must_use]
    pub fn late(self, late: Share) -> Self {
        Self { late, ..self }
    }

    /// The same with this share of facts arriving once more, up to some days after the first time.
    #[must_use]
    pub fn repeated(self, repeated: Share) -> Self {
        Self { repeated, ..self }
    }

    /// How many customers there are; they have the numbers 1 to this.
    pub const fn customers(&self) -> u64 {
        self.customers
    }

    /// The first instant and the one before which everything ends.
    pub const fn window(&self) -> (Timestamp, Timestamp) {
        (self.start, self.end)
    }

    /// How facts name the customer of a number: `sim:SEED-NUMBER`.
    pub fn customer(&self, number: u64) -> Customer {
        match CustomerKey::new("sim", &format!("{}-{number:07}", self.seed)) {
            Ok(key) => key.into(),
            // Not reached: digits and a hyphen are a key.
            Err(_) => CustomerId::from_bytes(u128::from(number).to_be_bytes()).into(),
        }
    }

    /// Everything about one customer, from the seed and the number alone.
    pub fn history(&self, number: u64) -> History {
        let mut person = Person::new(self, number);
        let mut facts = Vec::new();
        person.live_until(self, self.end, &mut facts);
        History { truth: person.into_truth(), facts }
    }

    /// The truth about one customer: that of [`Self::history`], without its facts.
    pub fn truth(&self, number: u64) -> Truth {
        Person::new(self, number).into_truth()
    }

    /// The facts of all customers as they arrive.
    pub fn arrivals(&self) -> Arrivals<'_> {
        Arrivals::new(self)
    }
}

/// One customer.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// What really was.
    pub truth: Truth,
    /// The facts in the order of time. A few are recorded on a second account of the customer.
    pub facts: Vec<Event>,
}

/// Why there is no such simulation.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SimulateError {
    /// Not a window. **What to do:** give an end at least a day and at most a hundred years after the start.
    #[error("{start} to {end} is no window to simulate: it has to be a day to a hundred years long")]
    Window {
        /// Where it would begin.
        start: Timestamp,
        /// Where it would end.
        end: Timestamp,
    },
    /// Not a share. **What to do:** write a decimal such as `0.1`.
    #[error("\"{text}\" is not a share: write 0 to 1 with up to six decimals, such as 0.1")]
    Share {
        /// What was read.
        text: Box<str>,
    },
    /// Not a mix. **What to do:** write a kind, or kinds with weights.
    #[error(
        "\"{text}\" is no kind of customers: {why}; write one, such as retail, or a mix, such as retail=6,saas=3,b2b=1"
    )]
    Mix {
        /// What was read.
        text: Box<str>,
        /// What is wrong with it.
        why: &'static str,
    },
}
