//! What a customer will be worth: purchases to come, discounted, times what each brings.

use crate::error::{StatsError, finite, not_negative, positive};
use crate::model::PurchaseModel;
use crate::rows::PurchaseSummary;

/// Periods to come, and the rate at which their money counts less.
///
/// # Example
/// ```
/// use tenure_stats::Periods;
/// // A year in months of a model in weeks, at 10 % a year.
/// let year = Periods { count: 12, length: 52.0 / 12.0, discount_rate: 1.1_f64.powf(1.0 / 12.0) - 1.0 };
/// assert!(year.check().is_ok());
/// assert!(Periods { length: 0.0, ..year }.check().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Periods {
    /// How many, 1 to 10,000.
    pub count: u32,
    /// How long each is, in the unit of the model's times; above 0.
    pub length: f64,
    /// Rate of discount for each period; 0 and more. What comes in the k-th period is divided by (1 + rate)^k.
    pub discount_rate: f64,
}

impl Periods {
    /// The most periods that are counted with.
    pub const MOST: u32 = 10_000;

    /// The months of a horizon, of equal length: as many as fit best, at least one. `horizon` and `year` are in the unit of
    /// the model's times; the rate is that of a year, compounded.
    ///
    /// # Errors
    /// [`StatsError::Domain`] for a horizon or a year that is not above 0, a rate below 0, or more than 10,000 months.
    ///
    /// # Example
    /// ```
    /// use tenure_stats::Periods;
    /// let two_years = Periods::monthly(730.0, 365.0, 0.21)?; // days
    /// assert_eq!((two_years.count, two_years.length), (24, 730.0 / 24.0));
    /// assert!(((1.0 + two_years.discount_rate).powi(12) - 1.21).abs() < 1e-12);
    /// assert!(Periods::monthly(0.0, 365.0, 0.1).is_err());
    /// # Ok::<(), tenure_stats::StatsError>(())
    /// ```
    pub fn monthly(horizon: f64, year: f64, annual_rate: f64) -> Result<Self, StatsError> {
        let (horizon, year) = (positive("horizon", horizon)?, positive("year", year)?);
        let annual_rate = not_negative("annual rate of discount", annual_rate)?;
        let months = libm::round(12.0 * horizon / year).max(1.0);
        if months > f64::from(Self::MOST) {
            return Err(StatsError::Domain {
                name: "horizon",
                value: horizon,
                expected: "at most 10,000 months",
            });
        }
        let length = horizon / months;
        let discount_rate = libm::expm1(libm::log1p(annual_rate) * length / year);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, 1 to 10,000")]
        Self { count: months as u32, length, discount_rate }.check()
    }

    /// The periods themselves, if they can be.
    ///
    /// # Errors
    /// [`StatsError::Domain`] outside of the ranges above.
    pub fn check(self) -> Result<Self, StatsError> {
        positive("length", self.length)?;
        not_negative("discount_rate", self.discount_rate)?;
        if self.count == 0 || self.count > Self::MOST {
            let value = f64::from(self.count);
            return Err(StatsError::Domain { name: "count", value, expected: "1 to 10,000" });
        }
        Ok(self)
    }
}

/// Expected purchases in the periods to come, each discounted to today as of the end of its period; 0 and more.
///
/// Σ (E[Y(kℓ)] − E[Y((k−1)ℓ)]) / (1 + d)^k over k = 1 … count.
///
/// # Errors
/// As the model's, and as [`Periods::check`] says.
pub fn discounted_purchases(
    model: &dyn PurchaseModel,
    history: PurchaseSummary,
    periods: Periods,
) -> Result<f64, StatsError> {
    let Periods { count, length, discount_rate } = periods.check()?;
    let (mut sum, mut before, mut worth) = (0.0, 0.0, 1.0);
    for k in 1..=count {
        let until = model.expected_purchases(history, f64::from(k) * length)?;
        worth /= 1.0 + discount_rate;
        sum += (until - before) * worth;
        before = until;
    }
    finite("discounted purchases", sum.max(0.0))
}

/// Customer lifetime value over periods to come, in the unit of `amount`: what the customer is expected to bring from now
/// on, discounted. What they brought before is no part of it.
///
/// `amount` is what a purchase brings, as [`GammaGamma::expected_spend`](crate::GammaGamma::expected_spend) tells it, times
/// the margin if value is to mean profit. Without end, multiply it by a DERT instead
/// ([`ParetoNbd::dert`](crate::ParetoNbd::dert), [`Nbd::dert`](crate::Nbd::dert), [`BgBb::dert`](crate::BgBb::dert)).
///
/// # Errors
/// As the model's, as [`Periods::check`] says, and [`StatsError::Domain`] for an amount below 0.
///
/// # Example
/// ```
/// use tenure_stats::{GammaGamma, ParetoNbd, Periods, PurchaseSummary, Spend, clv};
/// let purchases = ParetoNbd::new(0.55, 10.58, 0.61, 11.67)?; // weeks
/// let amounts = GammaGamma::new(6.24957, 3.74422, 15.44352)?;
/// let customer = PurchaseSummary { frequency: 2, recency: 30.43, age: 38.86 };
/// let amount = amounts.expected_spend(Some(Spend { purchases: 2, mean_amount: 22.35 }))?;
/// let year = Periods { count: 52, length: 1.0, discount_rate: 0.002 };
/// let value = clv(&purchases, customer, amount, year)?;
/// assert!(value > 30.0 && value < 50.0, "{value}");
/// assert!(value < clv(&purchases, customer, amount, Periods { discount_rate: 0.0, ..year })?);
/// assert!(clv(&purchases, customer, -1.0, year).is_err());
/// # Ok::<(), tenure_stats::StatsError>(())
/// ```
pub fn clv(
    model: &dyn PurchaseModel,
    history: PurchaseSummary,
    amount: f64,
    periods: Periods,
) -> Result<f64, StatsError> {
    let amount = not_negative("amount", amount)?;
    finite("lifetime value", amount * discounted_purchases(model, history, periods)?)
}
