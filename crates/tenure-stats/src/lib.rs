//! Statistics of repeat purchase, loyalty and churn: numbers in, numbers out.
//!
//! ```
//! use tenure_stats::{Fitted, ParetoNbd, PurchaseModel, PurchaseSummary, Rows};
//! // How often, how recently and since when each customer has bought, in weeks.
//! let history = |frequency, recency, age| PurchaseSummary { frequency, recency, age };
//! let customers = [
//!     history(0, 0.0, 38.9), history(0, 0.0, 38.7), history(0, 0.0, 32.1), history(0, 0.0, 30.0), history(1, 1.7, 38.9),
//!     history(2, 30.4, 38.9), history(7, 29.4, 38.9), history(1, 5.0, 38.9), history(12, 3.0, 36.0), history(4, 9.0, 30.0),
//! ];
//! let fitted = ParetoNbd::fit(&Rows::group(customers)?)?;
//! if let Fitted::Boundary { reason, .. } = &fitted {
//!     println!("{reason}");
//! }
//! // The probability of no purchase in the next quarter: who bought often and long ago, and who bought lately.
//! let model = fitted.model();
//! let (long_ago, lately) = (model.p_no_purchase(customers[8], 13.0)?, model.p_no_purchase(customers[6], 13.0)?);
//! assert!(long_ago > 0.9 && lately < 0.6, "{long_ago} {lately}");
//! # Ok::<(), tenure_stats::StatsError>(())
//! ```
//!
//! # The nouns
//!
//! | for | nouns |
//! |---|---|
//! | histories | [`PurchaseSummary`], [`Rows`] |
//! | when customers buy and silently leave | [`PurchaseModel`]: [`ParetoNbd`], [`BgNbd`], [`MbgNbd`], [`BgBb`] for opportunities, [`Nbd`] where nobody leaves; [`Fitted`], [`Fit`], [`Boundary`] |
//! | what they spend, and are worth | [`GammaGamma`], [`clv`], [`ParetoNbd::dert`] |
//! | how long contracts last | [`KaplanMeier`], [`DiscreteHazard`], [`Sbg`] |
//! | scores that are learnt | [`Logistic`], and to make probabilities of them [`Platt`] and [`Isotonic`] |
//! | how good scores are | [`auc`], [`pr_auc`], [`capture`], [`brier`], [`brier_skill`], [`log_loss`], [`ece`], [`ece_interval`], [`reliability`] |
//!
//! # What this crate does not do
//!
//! It knows no customer, no fact and no currency, reads nothing, has no threads and no clock. It neither panics nor returns NaN
//! or infinity: [`StatsError`] says what was wrong and what to do. Everything is a pure function, sums go in one order, and
//! elementary functions come from the crate `libm` and not from the platform, so equal arguments give equal bits on every
//! machine and from any number of threads.
//!
//! # Limits
//!
//! 1,000,000 repeat purchases of one customer, 2^32 customers, 10,000 opportunities, periods or renewals.

// In the order in which data flows: a module uses only those above it.
mod error;
mod special;
mod linear;
mod optimise;
mod rows;
mod model;
mod value;
mod logistic;
mod survival;
mod metric;
mod calibrate;

pub use calibrate::{Isotonic, Platt};
pub use error::StatsError;
pub use logistic::{Example, Logistic, Trials};
pub use metric::{
    Capture, ReliabilityBin, Resampling, Scored, auc, brier, brier_skill, capture, ece, ece_interval,
    log_loss, pr_auc, reliability,
};
pub use model::{
    BgBb, BgNbd, Boundary, Estimate, Fit, Fitted, GammaGamma, MbgNbd, Nbd, ParetoNbd, PurchaseModel, Spend,
    spend_correlation,
};
pub use rows::{PurchaseSummary, Rows};
pub use survival::{DiscreteHazard, KaplanMeier, Lifetime, Sbg, Spell, SurvivalStep};
pub use value::{Periods, clv, discounted_purchases};
