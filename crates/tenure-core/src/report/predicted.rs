//! What customers are expected to bring, by a purchase model and a model of what they spend.

use std::collections::BTreeMap;

use serde::Serialize;
use tenure_stats::{
    GammaGamma, Periods, PurchaseModel, PurchaseSummary, Spend, StatsError, discounted_purchases,
};

use super::spread::quotient;
use super::{Report, Shown};
use crate::money::{Currency, MoneySum};
use crate::projection::acquisition::Origin;
use crate::projection::revenue::Month;
use crate::time::Duration;

/// What a purchase brings.
#[derive(Clone, Debug, PartialEq)]
pub enum Spending {
    /// A mean of each customer's own, drawn towards that of all.
    GammaGamma(GammaGamma),
    /// The mean of all purchases, for everybody alike: Gamma-Gamma could not be estimated.
    Mean {
        /// In major units of the currency; 0 and more.
        amount: f64,
        /// Why there is no better one: to be told.
        why: StatsError,
    },
}

impl Spending {
    /// Gamma-Gamma of repeat purchases, or, where that refuses, the mean amount of all purchases.
    ///
    /// # Errors
    /// What Gamma-Gamma refused for, if there is no mean either, as where nobody has bought.
    ///
    /// # Example
    /// ```
    /// use tenure_core::report::predicted::Spending;
    /// let nobody_came_back = Spending::fit([], Some(12.5))?;
    /// assert!(matches!(nobody_came_back, Spending::Mean { amount: 12.5, .. }));
    /// assert!(Spending::fit([], None).is_err());
    /// # Ok::<(), tenure_stats::StatsError>(())
    /// ```
    pub fn fit(
        repeats: impl IntoIterator<Item = Spend>,
        mean_of_all: Option<f64>,
    ) -> Result<Self, StatsError> {
        match (GammaGamma::fit(repeats), mean_of_all) {
            (Ok(fit), _) => Ok(Self::GammaGamma(fit.model)),
            (Err(why), Some(amount)) if amount >= 0.0 && amount.is_finite() => Ok(Self::Mean { amount, why }),
            (Err(why), _) => Err(why),
        }
    }

    /// Expected amount of the next purchase, in major units. Of whom no repeat purchase, or none above 0, is known: that of
    /// anybody.
    ///
    /// # Errors
    /// As [`GammaGamma::expected_spend`].
    pub fn expected(&self, past: &Past) -> Result<f64, StatsError> {
        match self {
            Self::GammaGamma(model) => model.expected_spend(past.spend()),
            Self::Mean { amount, .. } => Ok(*amount),
        }
    }
}

/// What a customer is predicted from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Past {
    /// Purchases, in the unit of the model.
    pub purchases: PurchaseSummary,
    /// Mean amount of the repeat purchases, in major units; none without one.
    pub mean_repeat_spend: Option<f64>,
}

impl Past {
    fn spend(&self) -> Option<Spend> {
        let mean_amount = self.mean_repeat_spend.filter(|mean| *mean > 0.0)?;
        Some(Spend { purchases: self.purchases.frequency, mean_amount }).filter(|spend| spend.purchases > 0)
    }
}

/// How far ahead, and how much less later money counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ahead {
    /// The unit of the model's times, such as 7 days.
    pub unit: Duration,
    /// How far ahead.
    pub horizon: Duration,
    /// Annual rate of discount, such as 0.1; 0 and more. A year has 365 days.
    pub annual_discount: f64,
}

/// Predicts what customers will bring.
///
/// # Example
/// ```
/// use tenure_core::report::predicted::{Ahead, Past, Spending, Valuation};
/// use tenure_core::Duration;
/// use tenure_stats::{GammaGamma, ParetoNbd, PurchaseSummary};
/// let model = ParetoNbd::new(0.55, 10.58, 0.61, 11.67)?; // weeks
/// let spending = Spending::GammaGamma(GammaGamma::new(6.24957, 3.74422, 15.44352)?);
/// let year = Ahead { unit: Duration::days(7), horizon: Duration::days(365), annual_discount: 0.1 };
/// let valuation = Valuation::new(&model, &spending, year, "USD".parse()?)?;
/// let purchases = PurchaseSummary { frequency: 2, recency: 30.43, age: 38.86 };
/// let ahead = valuation.of(&Past { purchases, mean_repeat_spend: Some(22.35) })?;
/// assert!(ahead.purchases > 1.5 && ahead.purchases < 2.0, "{ahead:?}");
/// assert!(ahead.clv_minor > 3_000 && ahead.clv_minor < 5_000, "{ahead:?}"); // 30 to 50 dollars
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Valuation<'m> {
    model: &'m dyn PurchaseModel,
    spending: &'m Spending,
    horizon: f64,
    periods: Periods,
    currency: Currency,
}

impl<'m> Valuation<'m> {
    /// By a purchase model, what purchases bring, and how far to look ahead.
    ///
    /// # Errors
    /// [`StatsError::Domain`] for a unit or horizon of no time, or a discount below 0.
    pub fn new(
        model: &'m dyn PurchaseModel,
        spending: &'m Spending,
        ahead: Ahead,
        currency: Currency,
    ) -> Result<Self, StatsError> {
        let unit = ahead.unit.as_seconds();
        if unit <= 0.0 {
            return Err(StatsError::Domain { name: "unit", value: unit, expected: "more than no time" });
        }
        let (horizon, year) = (ahead.horizon.as_seconds() / unit, Duration::days(365).as_seconds() / unit);
        let periods = Periods::monthly(horizon, year, ahead.annual_discount)?;
        Ok(Self { model, spending, horizon, periods, currency })
    }

    /// The currency of what is predicted.
    pub const fn currency(&self) -> Currency {
        self.currency
    }

    /// What one customer will bring within the horizon.
    ///
    /// # Errors
    /// As the models', for a history that cannot be, and [`StatsError::Overflow`] beyond what minor units can hold.
    pub fn of(&self, past: &Past) -> Result<Prediction, StatsError> {
        let purchases = self.model.expected_purchases(past.purchases, self.horizon)?;
        let spend = self.spending.expected(past)?;
        let value = spend * discounted_purchases(self.model, past.purchases, self.periods)?;
        Ok(Prediction { purchases, spend, clv_minor: self.minor(value)? })
    }

    fn minor(&self, major: f64) -> Result<i128, StatsError> {
        let minor = (major * f64::from(10_u32.pow(self.currency.decimals()))).round_ties_even();
        // Far from the ends of i128, and whole.
        if minor.abs() < 1e36 {
            #[expect(clippy::cast_possible_truncation, reason = "whole, and in range")]
            Ok(minor as i128)
        } else {
            Err(StatsError::Overflow { what: "lifetime value" })
        }
    }
}

/// What a customer is expected to bring.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// Expected purchases within the horizon; 0 and more.
    pub purchases: f64,
    /// Expected amount of one, in major units.
    pub spend: f64,
    /// Discounted value within the horizon, in minor units, rounded half-even once; nothing of the past is in it.
    pub clv_minor: i128,
}

/// Predictions of a population: by cohort, channel and campaign.
///
/// # Laws
/// As every [`Report`]: values are added up in minor units and purchases in millionths, so every grouping gives the same
/// sums.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PredictedReport {
    /// The currency of the predictions.
    pub currency: Currency,
}

/// One customer's prediction and groups.
#[derive(Clone, Debug, PartialEq)]
pub struct Predicted {
    /// The month of the first order.
    pub cohort: Month,
    /// The first touch.
    pub origin: Origin,
    /// The prediction; none where the model refused the history.
    pub prediction: Option<Prediction>,
}

/// The sum so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PredictedSum {
    cells: BTreeMap<(Month, Origin), PredictedCell>,
    refused: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct PredictedCell {
    customers: u64,
    purchase_millionths: i128,
    clv_minor: i128,
}

impl PredictedCell {
    const fn add(&mut self, other: Self) {
        self.customers = self.customers.saturating_add(other.customers);
        self.purchase_millionths = self.purchase_millionths.saturating_add(other.purchase_millionths);
        self.clv_minor = self.clv_minor.saturating_add(other.clv_minor);
    }
}

impl Report for PredictedReport {
    type View = Predicted;
    type Acc = PredictedSum;
    type Answer = PredictedAnswer;

    fn add(&self, sum: &mut PredictedSum, _: Shown<'_>, view: &Predicted) {
        let Some(Prediction { purchases, clv_minor, .. }) = view.prediction else {
            sum.refused = sum.refused.saturating_add(1);
            return;
        };
        #[expect(clippy::cast_possible_truncation, reason = "a model expects no such number of purchases")]
        let purchase_millionths = (purchases * 1e6).round_ties_even() as i128;
        let cell = PredictedCell { customers: 1, purchase_millionths, clv_minor };
        sum.cells.entry((view.cohort, view.origin.clone())).or_default().add(cell);
    }

    fn merge(&self, into: &mut PredictedSum, other: PredictedSum) {
        for (key, cell) in other.cells {
            into.cells.entry(key).or_default().add(cell);
        }
        into.refused = into.refused.saturating_add(other.refused);
    }

    fn finish(&self, sum: PredictedSum) -> PredictedAnswer {
        let rows = |name: fn(&Month, &Origin) -> Option<String>| {
            let mut groups: BTreeMap<Option<String>, PredictedCell> = BTreeMap::new();
            for ((cohort, origin), cell) in &sum.cells {
                groups.entry(name(cohort, origin)).or_default().add(*cell);
            }
            groups.into_iter().map(|(name, cell)| self.row(name, cell)).collect::<Vec<_>>()
        };
        let mut total = PredictedCell::default();
        sum.cells.values().for_each(|cell| total.add(*cell));
        PredictedAnswer {
            total: self.row(None, total),
            cohorts: rows(|cohort, _| Some(cohort.to_string())),
            channels: rows(|_, origin| origin.channel.clone()),
            campaigns: rows(|_, origin| origin.campaign.clone()),
            refused: sum.refused,
        }
    }
}

impl PredictedReport {
    fn row(self, name: Option<String>, cell: PredictedCell) -> PredictedRow {
        let money = |minor| MoneySum { minor, currency: self.currency };
        #[expect(clippy::cast_precision_loss, reason = "a number for people; sums stay exact")]
        let purchases = cell.purchase_millionths as f64 / 1e6;
        PredictedRow {
            name,
            customers: cell.customers,
            purchases,
            clv: money(cell.clv_minor),
            average: quotient(cell.clv_minor, cell.customers).map(money),
        }
    }
}

/// What a population is expected to bring.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PredictedAnswer {
    /// Everybody.
    pub total: PredictedRow,
    /// By the month of the first order, in order of time.
    pub cohorts: Vec<PredictedRow>,
    /// By the channel of the first touch, by name.
    pub channels: Vec<PredictedRow>,
    /// By its campaign.
    pub campaigns: Vec<PredictedRow>,
    /// Customers whose history the model refused: in nothing above.
    pub refused: u64,
}

/// A group of customers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PredictedRow {
    /// The month, channel or campaign; none for all, and for those of whom none is known.
    pub name: Option<String>,
    /// How many.
    pub customers: u64,
    /// Expected purchases, to the millionth.
    pub purchases: f64,
    /// Discounted value.
    pub clv: MoneySum,
    /// The same of a customer, half-even; none of nobody.
    pub average: Option<MoneySum>,
}
