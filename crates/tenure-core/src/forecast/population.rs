//! The purchases of a population, grouped: what a model is fitted to.

use std::collections::BTreeMap;

use tenure_stats::{PurchaseSummary, Rows, Spend, StatsError};

use crate::money::Currency;
use crate::projection::purchases::{PurchaseView, TimeUnit};
use crate::report::{Report, Shown};

/// Collects histories of purchase over customers. Who has bought nothing is left out.
///
/// # Example
/// ```
/// use tenure_core::forecast::{PurchaseReport, PurchaseSum};
/// use tenure_core::projection::purchases::TimeUnit;
/// use tenure_core::report::Report;
/// assert_eq!(PurchaseReport.finish(PurchaseSum::default()).rows(TimeUnit::Weeks)?.customers(), 0);
/// # Ok::<(), tenure_stats::StatsError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PurchaseReport;

/// Distinct histories in days with the number of their customers, and what repeat purchases brought.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PurchaseSum {
    /// Repeat purchases, age and last purchase, both in days since the first.
    histories: BTreeMap<[u32; 3], u32>,
    /// Repeat purchases, and the bits of their mean amount, which is above 0.
    spends: BTreeMap<(u32, u64), u32>,
    /// The first and the last currency by code.
    currencies: Option<(Currency, Currency)>,
    /// Amounts left out for want of a rate.
    missing_rate: u64,
}

impl Report for PurchaseReport {
    type View = Option<PurchaseView>;
    type Acc = PurchaseSum;
    type Answer = PurchaseSum;

    fn add(&self, sum: &mut PurchaseSum, _: Shown<'_>, view: &Self::View) {
        if let Some(view) = view {
            sum.add(view);
        }
    }

    fn merge(&self, into: &mut PurchaseSum, other: PurchaseSum) {
        for (history, customers) in other.histories {
            *into.histories.entry(history).or_default() += customers;
        }
        for (spend, customers) in other.spends {
            *into.spends.entry(spend).or_default() += customers;
        }
        into.currencies = both(into.currencies, other.currencies);
        into.missing_rate = into.missing_rate.saturating_add(other.missing_rate);
    }

    fn finish(&self, sum: PurchaseSum) -> PurchaseSum {
        sum
    }
}

fn both(
    one: Option<(Currency, Currency)>,
    other: Option<(Currency, Currency)>,
) -> Option<(Currency, Currency)> {
    match (one, other) {
        (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
        (one, other) => one.or(other),
    }
}

impl PurchaseSum {
    /// Adds one customer.
    pub(crate) fn add(&mut self, view: &PurchaseView) {
        let repeats = view.days().saturating_sub(1);
        let last = view.age_days().saturating_sub(view.recency_days());
        *self.histories.entry([repeats, view.age_days(), last]).or_default() += 1;
        if let Some(spend) = view.repeat_spend() {
            *self.spends.entry((spend.purchases, spend.mean_amount.to_bits())).or_default() += 1;
        }
        self.currencies = both(self.currencies, view.currencies());
        self.missing_rate = self.missing_rate.saturating_add(view.missing_rate());
    }

    /// The histories in a unit of time.
    ///
    /// # Errors
    /// As [`Rows::group`].
    pub fn rows(&self, unit: TimeUnit) -> Result<Rows, StatsError> {
        Rows::group(self.histories.iter().flat_map(|([frequency, age, last], customers)| {
            let history = PurchaseSummary {
                frequency: (*frequency).min(PurchaseSummary::MOST_PURCHASES),
                recency: f64::from(*last) / unit.days(),
                age: f64::from(*age) / unit.days(),
            };
            core::iter::repeat_n(history, usize::try_from(*customers).unwrap_or(usize::MAX))
        }))
    }

    /// What each repeat buyer's purchases brought; those that brought nothing are left out.
    pub fn spends(&self) -> Vec<Spend> {
        let each = self.spends.iter().flat_map(|((purchases, bits), customers)| {
            let spend = Spend { purchases: *purchases, mean_amount: f64::from_bits(*bits) };
            core::iter::repeat_n(spend, usize::try_from(*customers).unwrap_or(usize::MAX))
        });
        each.collect()
    }

    /// The first and the last currency by code: equal if there is one; none without any amount.
    pub const fn currencies(&self) -> Option<(Currency, Currency)> {
        self.currencies
    }

    /// Amounts left out for want of a rate.
    pub const fn missing_rate(&self) -> u64 {
        self.missing_rate
    }

    /// Hash of all histories and spends, whatever the order of customers.
    pub fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for ([repeats, age, last], customers) in &self.histories {
            for number in [repeats, age, last, customers] {
                hasher.update(&number.to_le_bytes());
            }
        }
        for ((purchases, bits), customers) in &self.spends {
            hasher
                .update(&purchases.to_le_bytes())
                .update(&bits.to_le_bytes())
                .update(&customers.to_le_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }
}
