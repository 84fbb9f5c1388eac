//! Histories of purchase, summed up: one customer, and a population grouped.

use crate::error::{StatsError, finite, not_negative};
use crate::special::count;

/// What purchase models need to know of one customer's history.
///
/// All times are in one unit, which the parameters of a model share: weeks in the literature. Purchases of one day are
/// usually one purchase.
///
/// | field | is | range |
/// |---|---|---|
/// | `frequency` | x: purchases after the first | 0 to 1,000,000 |
/// | `recency` | `t_x`: from the first purchase to the last one | 0 to `age`; 0 without a repeat purchase |
/// | `age` | T: from the first purchase to the end of the window | 0 and more |
///
/// For [`BgBb`](crate::BgBb) `age` and `recency` are whole numbers of opportunities.
///
/// # Example
/// ```
/// use tenure_stats::PurchaseSummary;
/// let two_repeats = PurchaseSummary { frequency: 2, recency: 30.43, age: 38.86 }; // weeks
/// assert!(two_repeats.check().is_ok());
/// let impossible = PurchaseSummary { recency: 40.0, ..two_repeats };
/// assert_eq!(impossible.check().unwrap_err().to_string(), "recency is 40, must be between 0 and age");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PurchaseSummary {
    /// Purchases after the first, x.
    pub frequency: u32,
    /// From the first purchase to the last, `t_x`.
    pub recency: f64,
    /// From the first purchase to the end of the window, T.
    pub age: f64,
}

impl PurchaseSummary {
    /// The most repeat purchases that are counted with.
    pub const MOST_PURCHASES: u32 = 1_000_000;

    /// The summary itself, if it is one of a history that can be.
    ///
    /// # Errors
    /// [`StatsError::Domain`] outside of the ranges above.
    pub fn check(self) -> Result<Self, StatsError> {
        let Self { frequency, recency, age } = self;
        not_negative("age", age)?;
        finite("recency", recency).and_then(|_| {
            let refuse = |expected| Err(StatsError::Domain { name: "recency", value: recency, expected });
            if !(0.0..=age).contains(&recency) {
                refuse("between 0 and age")
            } else if frequency == 0 && recency > 0.0 {
                refuse("0 for a customer without a repeat purchase")
            } else if frequency > Self::MOST_PURCHASES {
                let value = f64::from(frequency);
                Err(StatsError::Domain { name: "frequency", value, expected: "at most 1,000,000" })
            } else {
                Ok(self)
            }
        })
    }
}

/// A population of customers, grouped: equal histories are one row with a count.
///
/// Rows are in one order whatever the order of the customers, so everything that is summed over them has the same bits.
/// A fit costs time for each row and not for each customer: with ages in days a million customers are about 100,000 rows.
///
/// # Example
/// ```
/// use tenure_stats::{PurchaseSummary, Rows};
/// let once = PurchaseSummary { frequency: 0, recency: 0.0, age: 38.0 };
/// let twice = PurchaseSummary { frequency: 1, recency: 4.0, age: 38.0 };
/// let rows = Rows::group([once, twice, once])?;
/// assert_eq!((rows.len(), rows.customers(), rows.repeat_buyers()), (2, 3, 1));
/// # Ok::<(), tenure_stats::StatsError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    groups: Vec<Row>,
    /// Distinct recencies and ages, ascending.
    times: Vec<f64>,
    customers: u32,
    repeat_buyers: u32,
}

/// Customers with one history.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) frequency: u32,
    /// Places of recency and age in the table of times.
    pub(crate) recency: u32,
    pub(crate) age: u32,
    pub(crate) customers: u32,
}

impl Rows {
    /// Groups customers with equal histories. No customers at all are no error; a fit of none is.
    ///
    /// # Errors
    /// [`StatsError::Domain`] as [`PurchaseSummary::check`] says, or with more than `u32::MAX` customers.
    pub fn group(customers: impl IntoIterator<Item = PurchaseSummary>) -> Result<Self, StatsError> {
        let mut keys = Vec::new();
        for customer in customers {
            let PurchaseSummary { frequency, recency, age } = customer.check()?;
            // The bits of numbers from 0 up are in the order of the numbers; adding 0 makes −0 into 0.
            keys.push((frequency, (age + 0.0).to_bits(), (recency + 0.0).to_bits()));
        }
        let total = u32::try_from(keys.len()).map_err(|_| StatsError::Domain {
            name: "the number of customers",
            value: count(keys.len()),
            expected: "below 2^32",
        })?;
        keys.sort_unstable();
        let mut repeat_buyers = 0;
        let mut groups: Vec<((u32, u64, u64), u32)> = Vec::new();
        for key in keys {
            repeat_buyers += u32::from(key.0 > 0);
            match groups.last_mut() {
                Some((last, customers)) if *last == key => *customers += 1,
                _ => groups.push((key, 1)),
            }
        }
        let mut bits: Vec<u64> = groups.iter().flat_map(|((_, age, recency), _)| [*age, *recency]).collect();
        bits.sort_unstable();
        bits.dedup();
        // At most two for each of 2^32 customers; a place that does not fit would need 64 GiB of keys first.
        let place = |time: u64| u32::try_from(bits.partition_point(|t| *t < time)).unwrap_or(u32::MAX);
        let groups = groups
            .iter()
            .map(|((frequency, age, recency), customers)| Row {
                frequency: *frequency,
                recency: place(*recency),
                age: place(*age),
                customers: *customers,
            })
            .collect();
        let times = bits.into_iter().map(f64::from_bits).collect();
        Ok(Self { groups, times, customers: total, repeat_buyers })
    }

    /// How many rows there are.
    pub const fn len(&self) -> usize {
        self.groups.len()
    }

    /// Whether there are no customers.
    pub const fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// How many customers there are.
    pub const fn customers(&self) -> u32 {
        self.customers
    }

    /// How many of them bought again.
    pub const fn repeat_buyers(&self) -> u32 {
        self.repeat_buyers
    }

    /// Each distinct history with the number of its customers, by frequency, age and recency.
    pub fn iter(&self) -> impl Iterator<Item = (PurchaseSummary, u32)> {
        self.groups.iter().map(|row| {
            let (recency, age) = (time(&self.times, row.recency), time(&self.times, row.age));
            (PurchaseSummary { frequency: row.frequency, recency, age }, row.customers)
        })
    }

    pub(crate) fn rows(&self) -> &[Row] {
        &self.groups
    }

    /// A function of each distinct time, to be looked up by a row's places.
    pub(crate) fn at_times(&self, f: impl Fn(f64) -> f64) -> Vec<f64> {
        self.times.iter().map(|time| f(*time)).collect()
    }

    /// The largest number of repeat purchases.
    pub(crate) fn most_purchases(&self) -> u32 {
        self.groups.last().map_or(0, |row| row.frequency)
    }

    /// Mean number of repeat purchases, and mean age.
    pub(crate) fn means(&self) -> (f64, f64) {
        let (mut purchases, mut ages) = (0.0, 0.0);
        for (history, customers) in self.iter() {
            purchases += f64::from(customers) * f64::from(history.frequency);
            ages += f64::from(customers) * history.age;
        }
        let customers = f64::from(self.customers.max(1));
        (purchases / customers, ages / customers)
    }
}

/// An entry of a table made by [`Rows::at_times`].
pub(crate) fn time(table: &[f64], place: u32) -> f64 {
    // Places are of this very table.
    usize::try_from(place).ok().and_then(|place| table.get(place)).copied().unwrap_or(f64::NAN)
}
