//! MBG/NBD: customers buy at rates of their own and may leave after each purchase, the first one included.

use super::beta_geometric::BetaGeometric;
use super::fit::{DropOut, Fitted, Parametric, fit_drop_out};
use super::{PurchaseModel, ahead, probability};
use crate::error::{StatsError, finite, not_negative, positive};
use crate::rows::{PurchaseSummary, Rows};

/// MBG/NBD (r, α, a, b): as [`BgNbd`](crate::BgNbd), but a customer may leave after the first purchase, too.
///
/// With D = lnΓ(r+x) − lnΓ(r) + lnΓ(a+b) + lnΓ(b+x+1) − lnΓ(b) − lnΓ(a+b+x+1) + r ln α, l1 = −(r+x) ln(α+T) and
/// l2 = ln a − ln(b+x) − (r+x) ln(α+`t_x`): LL = D + ln(e^l1 + e^l2), P(alive) = 1 / (1 + e^(l2−l1)),
/// P0(t) = 1 − P(alive) (1 − ((α+T)/(α+T+t))^(r+x)).
///
/// # Source
/// Batislam, Denizel and Filiztekin, "Empirical validation and comparison of models for customer base analysis",
/// International Journal of Research in Marketing 24(3), 2007.
///
/// # Example
/// ```
/// use tenure_stats::{MbgNbd, PurchaseModel, PurchaseSummary};
/// let cdnow = MbgNbd::new(0.524843, 6.183085, 0.891359, 1.614002)?;
/// let once = PurchaseSummary { frequency: 0, recency: 0.0, age: 38.86 }; // weeks
/// assert!(cdnow.p_alive(once)? < 0.5);
/// assert!(cdnow.expected_purchases(once, 39.0)? < 0.3);
/// # Ok::<(), tenure_stats::StatsError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MbgNbd(BetaGeometric);

impl MbgNbd {
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
        history.frequency + 1
    }
}

impl Parametric for MbgNbd {
    const NAME: &'static str = "MBG/NBD";
    const PARAMETERS: &'static [&'static str] = &["r", "alpha", "a", "b"];
    const ABOVE: &'static [f64] = &[0.0; 4];

    fn from_values(values: &[f64]) -> Option<Self> {
        let [r, alpha, a, b] = *values else { return None };
        Self::new(r, alpha, a, b).ok()
    }
}

impl DropOut for MbgNbd {
    fn start(r: f64, alpha: f64, _: f64) -> Vec<f64> {
        vec![r, alpha, 1.0, 3.0]
    }

    fn gradient(&self, rows: &Rows) -> (f64, Vec<f64>) {
        self.0.gradient(rows, 1)
    }
}

impl PurchaseModel for MbgNbd {
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

    /// Below 1 without a repeat purchase, too.
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
        let BetaGeometric { a, b, .. } = self.0;
        let start = PurchaseSummary { frequency: 0, recency: 0.0, age: 0.0 };
        // Of those who did not leave at once.
        finite("expected purchases", b / (a + b) * self.0.after(start, 1).expected(t))
    }
}
