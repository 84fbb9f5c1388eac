//! NBD: customers buy at rates of their own and never leave.

use super::fit::{Fit, Parametric, add, enough, maximise};
use super::{PurchaseModel, ahead, probability};
use crate::error::{StatsError, finite, not_negative, positive};
use crate::rows::{PurchaseSummary, Rows, time};
use crate::special::{Rising, expm1, ln, ln_1p};

/// NBD (r, α): purchases are a Poisson process whose rate is Gamma distributed over customers, and nobody ever leaves.
///
/// What the models with drop-out become where none is visible. Recency plays no part.
///
/// LL = lnΓ(r + x) − lnΓ(r) + r ln α − (r + x) ln(α + T); E[Y(t)] = (r + x) t / (α + T);
/// P0(t) = ((α + T) / (α + T + t))^(r + x).
///
/// # Source
/// Ehrenberg, "The Pattern of Consumer Purchases", Applied Statistics 8(1), 1959.
///
/// # Example
/// ```
/// use tenure_stats::{Nbd, PurchaseModel, PurchaseSummary};
/// let model = Nbd::new(0.744209, 9.047415)?;
/// let customer = PurchaseSummary { frequency: 3, recency: 20.0, age: 30.0 };
/// let expected = model.expected_purchases(customer, 10.0)?;
/// assert!((expected - 3.744209 * 10.0 / 39.047415).abs() < 1e-12);
/// assert_eq!(model.p_alive(customer)?, 1.0);
/// assert_eq!(Nbd::new(0.0, 1.0).unwrap_err().to_string(), "r is 0, must be a finite number above 0");
/// # Ok::<(), tenure_stats::StatsError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nbd {
    r: f64,
    alpha: f64,
}

impl Nbd {
    /// A model with these parameters; α in the unit of time.
    ///
    /// # Errors
    /// [`StatsError::Domain`] for a parameter that is not above 0.
    pub const fn new(r: f64, alpha: f64) -> Result<Self, StatsError> {
        match (positive("r", r), positive("alpha", alpha)) {
            (Ok(r), Ok(alpha)) => Ok(Self { r, alpha }),
            (Err(error), _) | (_, Err(error)) => Err(error),
        }
    }

    /// Shape of the rates.
    pub const fn r(&self) -> f64 {
        self.r
    }

    /// Scale of the rates: their mean is r / α.
    pub const fn alpha(&self) -> f64 {
        self.alpha
    }

    /// The most likely parameters.
    ///
    /// # Errors
    /// [`StatsError::TooFew`] with fewer than three customers, [`StatsError::NoRepeat`] if none bought again,
    /// [`StatsError::NoOptimum`] if rates do not differ between customers.
    pub fn fit(rows: &Rows) -> Result<Fit<Self>, StatsError> {
        enough(rows, 2)?;
        let (purchases, age) = rows.means();
        let likelihood = |model: &Self| model.gradient(rows);
        // As variable as an exponential distribution of rates.
        maximise(&[1.0, age / purchases], rows.customers(), rows.len(), likelihood)?.settled(6.0)
    }

    /// The log-likelihood and its derivatives by the parameters.
    pub(super) fn gradient(&self, rows: &Rows) -> (f64, Vec<f64>) {
        let Self { r, alpha } = *self;
        let rises = Rising::new(r, rows.most_purchases());
        let ln_alpha = ln(alpha);
        let logs = rows.at_times(|t| ln(alpha + t));
        let inverses = rows.at_times(|t| 1.0 / (alpha + t));
        let mut sums = [0.0; 3];
        // What customers with equally many purchases share is computed once.
        for group in rows.rows().chunk_by(|a, b| a.frequency == b.frequency) {
            let Some(first) = group.first() else { continue };
            let (mut all, mut log, mut inverse) = (0.0, 0.0, 0.0);
            for row in group {
                let customers = f64::from(row.customers);
                all += customers;
                log += customers * time(&logs, row.age);
                inverse += customers * time(&inverses, row.age);
            }
            let x = first.frequency;
            let shape = r + f64::from(x);
            let terms = [
                all * (rises.ln(x) + r * ln_alpha) - shape * log,
                all * (rises.slope(x) + ln_alpha) - log,
                all * r / alpha - shape * inverse,
            ];
            add(&mut sums, 1.0, &terms);
        }
        let [value, r, alpha] = sums;
        (value, vec![r, alpha])
    }

    /// Discounted expected purchases without end at a continuous rate of discount per unit of time:
    /// (r + x) / (α + T) / δ.
    ///
    /// # Errors
    /// [`StatsError::Domain`] for a history that cannot be or a rate that is not above 0.
    pub fn dert(&self, history: PurchaseSummary, discount_rate: f64) -> Result<f64, StatsError> {
        let PurchaseSummary { frequency, age, .. } = history.check()?;
        let rate = positive("discount_rate", discount_rate)?;
        finite("DERT", (self.r + f64::from(frequency)) / (self.alpha + age) / rate)
    }
}

impl Parametric for Nbd {
    const NAME: &'static str = "NBD";
    const PARAMETERS: &'static [&'static str] = &["r", "alpha"];
    const ABOVE: &'static [f64] = &[0.0; 2];

    fn from_values(values: &[f64]) -> Option<Self> {
        let [r, alpha] = *values else { return None };
        Self::new(r, alpha).ok()
    }
}

impl PurchaseModel for Nbd {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn parameters(&self) -> Vec<(&'static str, f64)> {
        vec![("r", self.r), ("alpha", self.alpha)]
    }

    fn log_likelihood(&self, history: PurchaseSummary) -> Result<f64, StatsError> {
        let PurchaseSummary { frequency, age, .. } = history.check()?;
        let Self { r, alpha } = *self;
        let rises = Rising::new(r, frequency).ln(frequency);
        finite("the log-likelihood", rises - r * ln_1p(age / alpha) - f64::from(frequency) * ln(alpha + age))
    }

    /// Always 1: nobody leaves.
    fn p_alive(&self, history: PurchaseSummary) -> Result<f64, StatsError> {
        history.check().map(|_| 1.0)
    }

    fn p_no_purchase(&self, history: PurchaseSummary, horizon: f64) -> Result<f64, StatsError> {
        let (PurchaseSummary { frequency, age, .. }, t) = ahead(history, horizon)?;
        probability("P0", 1.0 - p_purchase(self.r + f64::from(frequency), self.alpha + age, t))
    }

    fn expected_purchases(&self, history: PurchaseSummary, horizon: f64) -> Result<f64, StatsError> {
        let (PurchaseSummary { frequency, age, .. }, t) = ahead(history, horizon)?;
        finite("expected purchases", (self.r + f64::from(frequency)) / (self.alpha + age) * t)
    }

    fn expected_purchases_of_new(&self, horizon: f64) -> Result<f64, StatsError> {
        finite("expected purchases", self.r / self.alpha * not_negative("horizon", horizon)?)
    }
}

/// Probability of a purchase within t while the rate is Gamma(shape, scale) distributed: 1 − (scale / (scale + t))^shape.
pub(super) fn p_purchase(shape: f64, scale: f64, t: f64) -> f64 {
    -expm1(-shape * ln_1p(t / scale))
}
