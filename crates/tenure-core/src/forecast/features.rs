//! What a learnt score looks at.

use crate::projection::churn::ChurnView;
use crate::projection::purchases::PurchaseView;

/// The names of what a learnt score of purchases looks at, in order; signals of the policy follow.
pub const FEATURES: [&str; 8] = [
    "ln_purchases",
    "ln_recency",
    "ln_age",
    "purchases_30d",
    "purchases_90d",
    "recency_by_gap",
    "ln_mean_amount",
    "ln_p0",
];

/// The names of all features under a policy with these signals.
pub(crate) fn names<'a>(features: &[&str], signals: impl Iterator<Item = &'a str>) -> Vec<String> {
    let signals = signals.map(|code| format!("signal {code}"));
    features.iter().map(|name| (*name).to_owned()).chain(signals).collect()
}

/// What is known of a customer at an instant, as numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Features(Vec<f64>);

/// A probability of 0 would have no logarithm.
const LEAST: f64 = 1e-9;

impl Features {
    /// Of a history, and of the probability of no purchase that a model gives it.
    ///
    /// | name | is |
    /// |---|---|
    /// | `ln_purchases` | ln(1 + repeat purchase days) |
    /// | `ln_recency` | ln(1 + days since the last purchase day) |
    /// | `ln_age` | ln(1 + days since the first one) |
    /// | `purchases_30d`, `purchases_90d` | purchase days in so many days |
    /// | `recency_by_gap` | ln(1 + days since the last purchase day / mean gap between purchase days); of one purchase day ln 2, as if the gap were that very silence |
    /// | `ln_mean_amount` | ln(1 + mean amount of a purchase day), in units of the currency; 0 of an amount below 0 |
    /// | `ln_p0` | ln P0, the model's probability of no purchase |
    pub fn of(view: &PurchaseView, p0: f64) -> Self {
        let recency = f64::from(view.recency_days());
        let by_gap = match view.mean_gap_days() {
            Some(gap) => recency / gap,
            None => 1.0,
        };
        Self(vec![
            libm::log1p(f64::from(view.days().saturating_sub(1))),
            libm::log1p(recency),
            libm::log1p(f64::from(view.age_days())),
            f64::from(view.within(30)),
            f64::from(view.within(90)),
            libm::log1p(by_gap),
            libm::log1p(view.mean_amount().max(0.0)),
            libm::log(p0.max(LEAST)),
        ])
    }

    /// Numbers in the order of some names.
    pub(crate) const fn of_numbers(numbers: Vec<f64>) -> Self {
        Self(numbers)
    }

    /// The same and the points of every signal of a policy.
    #[must_use]
    pub fn and_signals(mut self, rules: Option<&ChurnView>) -> Self {
        let signals = rules.into_iter().flat_map(|rules| &rules.signals);
        self.0.extend(signals.map(|signal| f64::from(signal.points)));
        self
    }

    /// The numbers, in the order of their names.
    pub fn values(&self) -> &[f64] {
        &self.0
    }
}
