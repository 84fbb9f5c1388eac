//! Models of repeat purchase: how often customers buy, and when they leave without saying so.

mod beta_geometric;
mod bg_bb;
mod bg_nbd;
mod fit;
mod gamma_gamma;
mod mbg_nbd;
mod nbd;
mod pareto_nbd;
#[cfg(test)]
mod tests;

use core::fmt;

pub use bg_bb::BgBb;
pub use bg_nbd::BgNbd;
pub use fit::{Boundary, Estimate, Fit, Fitted};
pub(crate) use fit::{Parametric, maximise};
pub use gamma_gamma::{GammaGamma, Spend, spend_correlation};
pub use mbg_nbd::MbgNbd;
pub use nbd::Nbd;
pub use pareto_nbd::ParetoNbd;

use crate::error::{StatsError, finite, not_negative};
use crate::rows::{PurchaseSummary, Rows};

/// What every model of repeat purchase answers.
///
/// A model is a handful of parameters that describe a population, and its answers about one customer follow from them
/// and from that customer's history. Times are in the unit of the parameters. Answers are never NaN or infinite.
///
/// The probability to look at is [`p_no_purchase`](Self::p_no_purchase): it says something that can be seen to come true.
/// [`p_alive`](Self::p_alive) never can.
///
/// # Laws
/// Probabilities lie in `0.0..=1.0`. Expected purchases are 0 for a horizon of 0 and never fall as it grows;
/// `p_no_purchase` is 1 for a horizon of 0 and never rises.
///
/// # Errors
/// All methods: [`StatsError::Domain`] for a history that cannot be ([`PurchaseSummary::check`]) or a horizon below 0,
/// [`StatsError::Overflow`] where a number is too large to be represented.
///
/// # Example
/// ```
/// use tenure_stats::{BgNbd, Nbd, PurchaseModel, PurchaseSummary};
/// let models: [Box<dyn PurchaseModel>; 2] =
///     [Box::new(BgNbd::new(0.243, 4.414, 0.793, 2.426)?), Box::new(Nbd::new(0.385, 12.07)?)];
/// let customer = PurchaseSummary { frequency: 2, recency: 30.43, age: 38.86 }; // weeks
/// for model in &models {
///     let silent = model.p_no_purchase(customer, 13.0)?;
///     assert!(silent > 0.5 && silent < 0.8, "{}: {silent}", model.name());
/// }
/// # Ok::<(), tenure_stats::StatsError>(())
/// ```
pub trait PurchaseModel: fmt::Debug + Send + Sync {
    /// The name in the literature, as `BG/NBD`.
    fn name(&self) -> &'static str;

    /// The parameters with their names.
    fn parameters(&self) -> Vec<(&'static str, f64)>;

    /// Logarithm of the likelihood of one history. Terms that depend on no parameter are left out where the literature
    /// does, so compare it only between models of one kind of data.
    ///
    /// # Errors
    /// As the trait says.
    fn log_likelihood(&self, history: PurchaseSummary) -> Result<f64, StatsError>;

    /// Probability that the customer has not left for good by the end of the window.
    ///
    /// # Errors
    /// As the trait says.
    fn p_alive(&self, history: PurchaseSummary) -> Result<f64, StatsError>;

    /// Probability of no purchase in the next `horizon`, P0(H): because the customer has left, or for now.
    ///
    /// # Errors
    /// As the trait says.
    fn p_no_purchase(&self, history: PurchaseSummary, horizon: f64) -> Result<f64, StatsError>;

    /// Expected number of purchases in the next `horizon`, E[Y(t) | x, `t_x`, T].
    ///
    /// # Errors
    /// As the trait says.
    fn expected_purchases(&self, history: PurchaseSummary, horizon: f64) -> Result<f64, StatsError>;

    /// Expected number of repeat purchases of a customer of whom nothing is known but the first one, within `horizon` of
    /// it, E[X(t)].
    ///
    /// # Errors
    /// As the trait says.
    fn expected_purchases_of_new(&self, horizon: f64) -> Result<f64, StatsError>;

    /// Logarithm of the likelihood of a population; 0 for nobody.
    ///
    /// # Errors
    /// As the trait says.
    fn log_likelihood_of(&self, rows: &Rows) -> Result<f64, StatsError> {
        let mut sum = 0.0;
        for (history, customers) in rows.iter() {
            sum += f64::from(customers) * self.log_likelihood(history)?;
        }
        finite("the log-likelihood", sum)
    }
}

/// A checked history and horizon.
fn ahead(history: PurchaseSummary, horizon: f64) -> Result<(PurchaseSummary, f64), StatsError> {
    Ok((history.check()?, not_negative("horizon", horizon)?))
}

/// A probability computed with rounding, as one.
fn probability(what: &'static str, value: f64) -> Result<f64, StatsError> {
    Ok(finite(what, value)?.clamp(0.0, 1.0))
}
