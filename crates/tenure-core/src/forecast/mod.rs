//! What is likely to come: models of repeat purchase, fitted to a population and asked about each customer, and a score that
//! is learnt from what came.
//!
//! The mathematics is that of [`tenure_stats`]; here it meets histories. A fit is plain data, [`PurchaseFit`], which is kept as
//! a file; [`PurchaseFit::open`] makes a [`Forecast`] of it. The probability to look at is that of no purchase in the next days,
//! [`Forecast::p_no_purchase`]; where customers pay by subscription, that to end it, [`Hazard::p_end`].

mod error;
mod features;
mod fit;
mod learnt;
mod life;
mod population;

pub use error::ForecastError;
pub(crate) use features::names;
pub use features::{FEATURES, Features};
pub use fit::{Forecast, LearntFit, Method, Origin, Parameter, PurchaseFit, SpendFit};
pub use learnt::{Learnt, LearntError, LearntFeature, LearntView, Lesson};
pub(crate) use life::MONTH;
pub use life::{Hazard, Life};
pub use population::{PurchaseReport, PurchaseSum};
