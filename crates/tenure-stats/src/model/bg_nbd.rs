//! BG/NBD: customers buy at rates of their own and may leave after each repeat purchase.

use super::beta_geometric::BetaGeometric;
use super::fit::{DropOut, Fitted, Parametric, fit_drop_out};
use super::{PurchaseModel, ahead, probability};
use crate::error::{StatsError, finite, not_negative, positive};
use crate::rows::{PurchaseSummary, Rows};

/// BG/NBD (r, α, a, b): purchases are a Poisson process whose rate is Gamma(r, α) distributed over customers, and after
/// each repeat purchase a customer leaves with a probability that is Beta(a, b) distributed.
///
/// **What `p_alive` is not**: a churn score. It is exactly 1 for everybody without a repeat purchase, because this model lets
/// nobody leave after the first one. Use [`p_no_purchase`](PurchaseModel::p_no_purchase), or [`MbgNbd`](crate::MbgNbd).
///
/// With D = lnΓ(r+x) − lnΓ(r) + lnΓ(a+b) + lnΓ(b+x) − lnΓ(b) − lnΓ(a+b+x) + r ln α, l1 = −(r+x) ln(α+T) and
/// l2 = ln a − ln(b+x−1) − (r+x) ln(α+`t_x`) for x > 0: LL = D + ln(e^l1 + e^l2), P(alive) = 1 / (1 + e^(l2−l1)),
/// P0(t) = 1 − P(alive) (1 − ((α+T)/(α+T+t))^(r+x)). Expected purchases are the closed form with ₂F₁ that the paper gives,
/// without its poles at a = 1 and a + b = 1, and finite for any number of purchases.
///
/// # Source
/// Fader, Hardie and Lee, "Counting Your Customers the Easy Way", Marketing Science 24(2), 2005.
///
/// # Example
/// ```
/// use tenure_stats::{BgNbd, PurchaseModel, PurchaseSummary};
/// let cdnow = BgNbd::new(0.243, 4.414, 0.793, 2.426)?;
/// let customer = PurchaseSummary { frequency: 2, recency: 30.43, age: 38.86 }; // weeks
/// assert!((cdnow.p_alive(customer)? - 0.726).abs() < 1e-3);
/// assert!((cdnow.expected_purchases(customer, 39.0)? - 1.226).abs() < 1e-3);
/// let never_again = PurchaseSummary { frequency: 0, recency: 0.0, age: 500.0 };
/// assert_eq!(cdnow.p_alive(never_again)?, 1.0); // no news of the customer at all
/// assert!(cdnow.p_no_purchase(never_again, 26.0)? > 0.98);
/// assert!(BgNbd::new(0.243, 4.414, -1.0, 2.426).is_err());
/// # Ok::<(), tenure_stats::StatsError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BgNbd(BetaGeometric);

impl BgNbd {
    /// A model with these parameters; α in the unit of time.
    ///
    /// # Errors
    /// [`StatsError::Domain`] for a parameter that is not above 0.
    pub fn new(r: f64, alpha: f64, a: f64, b: f64) -> Result<Self, StatsError> {
        let (r, alpha) = (positive("r", r)?, positive("alpha", alpha)?);
        Ok(Self(BetaGeometric { r, alpha, a: positive("a", a)?, b: positive("b", b)? }))
    }

    /// The most likely parameters, or NBD where nobody is seen to leave.
    ///
    /// # Errors
    /// [`StatsError::TooFew`] with fewer than five customers, [`StatsError::NoRepeat`] if none bought again,
    /// [`StatsError::NoOptimum`] if customers do not differ, [`StatsError::NotConverged`] for extreme values.
    pub fn fit(rows: &Rows) -> Result<Fitted<Self>, StatsError> {
        fit_drop_out(rows)
    }

    /// How often a customer with this history could have left.
    const fn chances(history: PurchaseSummary) -> u32 {
        history.frequency
    }
}

impl Parametric for BgNbd {
    const NAME: &'static str = "BG/NBD";
    const PARAMETERS: &'static [&'static str] = &["r", "alpha", "a", "b"];
    const ABOVE: &'static [f64] = &[0.0; 4];

    fn from_values(values: &[f64]) -> Option<Self> {
        let [r, alpha, a, b] = *values else { return None };
        Self::new(r, alpha, a, b).ok()
    }
}

impl DropOut for BgNbd {
    fn start(r: f64, alpha: f64, _: f64) -> Vec<f64> {
        vec![r, alpha, 1.0, 3.0]
    }

    fn gradient(&self, rows: &Rows) -> (f64, Vec<f64>) {
        self.0.gradient(rows, 0)
    }
}

impl PurchaseModel for BgNbd {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn parameters(&self) -> Vec<(&'static str, f64)> {
        let BetaGeometric { r, alpha, a, b } = self.0;
        vec![("r", r), ("alpha", alpha), ("a", a), ("b", b)]
    }

    fn log_likelihood(&self, history: PurchaseSummary) -> Result<f64, StatsError> {
        let history = history.check()?;
        finite("the log-likelihood", self.0.log_likelihood(history, Self::chances(history)))
    }

    /// Exactly 1 without a repeat purchase: this model lets a customer leave only right after one.
    fn p_alive(&self, history: PurchaseSummary) -> Result<f64, StatsError> {
        let history = history.check()?;
        probability("the probability to be alive", self.0.p_alive(history, Self::chances(history)))
    }

    fn p_no_purchase(&self, history: PurchaseSummary, horizon: f64) -> Result<f64, StatsError> {
        let (history, t) = ahead(history, horizon)?;
        probability("P0", 1.0 - self.p_alive(history)? * self.0.p_purchase_if_alive(history, t))
    }

    fn expected_purchases(&self, history: PurchaseSummary, horizon: f64) -> Result<f64, StatsError> {
        let (history, t) = ahead(history, horizon)?;
        let alive = self.p_alive(history)?;
        finite("expected purchases", alive * self.0.after(history, Self::chances(history)).expected(t))
    }

    fn expected_purchases_of_new(&self, horizon: f64) -> Result<f64, StatsError> {
        let t = not_negative("horizon", horizon)?;
        finite("expected purchases", self.0.expected(t))
    }
}
