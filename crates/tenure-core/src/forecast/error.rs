//! Why there is no forecast.

use tenure_stats::StatsError;

use super::Method;
use crate::money::Currency;
use crate::projection::purchases::TimeUnit;

/// Why a model cannot be fitted, read or asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ForecastError {
    /// The fit. **What to do:** as the error says; mostly more customers, or a longer window.
    #[error("{why}")]
    Fit {
        /// Which model.
        method: Method,
        /// Why.
        why: StatsError,
    },
    /// The learnt score of one customer.
    #[error(transparent)]
    Learnt(#[from] super::LearntError),
    /// A number of one customer. **What to do:** as the error says.
    #[error("{0}")]
    Stats(#[from] StatsError),
    /// Amounts have several currencies. **What to do:** name a currency in the policy, and rates.
    #[error("amounts are in {first} and in {second}: name a currency and rates in the policy")]
    MixedCurrencies {
        /// The first by code.
        first: Currency,
        /// Another.
        second: Currency,
    },
    /// The learnt score looks at other signals than the policy has. **What to do:** learn again under this policy.
    #[error(
        "the learnt score was learnt under other churn signals than the policy has: fit again under this policy"
    )]
    Features,
    /// A model file is no JSON of the shape that is documented. **What to do:** fit again.
    #[error("{path}: {why}")]
    Shape {
        /// The field, from the top of the file; `the file` for all of it.
        path: Box<str>,
        /// What is wrong.
        why: Box<str>,
    },
    /// A model file of a version that this build does not know. **What to do:** use a newer build, or fit again.
    #[error(
        "the model file has version {seen}, this build reads version {known}: use a newer build, or fit again"
    )]
    Version {
        /// The file's.
        seen: u32,
        /// The one known.
        known: u32,
    },
    /// A parameter is missing, or one too many. **What to do:** fit again.
    #[error("{} has the parameters {expected}, the file gives {seen}: fit again", method.label())]
    Parameters {
        /// Which model.
        method: Method,
        /// The names that it has.
        expected: String,
        /// The names in the file.
        seen: String,
    },
    /// The model counts in another currency than the amounts asked about. **What to do:** fit again under this policy.
    #[error("the model was fitted to amounts in {fitted}, these are in {asked}: fit again under this policy")]
    Currency {
        /// The model's.
        fitted: Currency,
        /// That of the amounts.
        asked: Currency,
    },
    /// The model counts days of another zone. **What to do:** fit again under this policy.
    #[error(
        "the model was fitted to purchase days of the zone {fitted}, the policy's is {asked}: fit again under this policy"
    )]
    Zone {
        /// The model's.
        fitted: String,
        /// The policy's.
        asked: String,
    },
    /// The model counts in another unit of time. **What to do:** fit again in this one.
    #[error("the model was fitted in {}, not in {}: fit again", fitted.name(), asked.name())]
    Unit {
        /// The model's.
        fitted: TimeUnit,
        /// The one asked for.
        asked: TimeUnit,
    },
    /// The model was fitted to another log. **What to do:** fit it to this one.
    #[error("the model was fitted to another log ({fitted}, this one is {asked}): fit it to this one")]
    Log {
        /// The model's log.
        fitted: Box<str>,
        /// The log asked about.
        asked: Box<str>,
    },
}
