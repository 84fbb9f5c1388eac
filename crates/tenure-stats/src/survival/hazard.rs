//! Discrete-time hazard: the probability to leave in a period, of one who was here at its beginning.

use std::collections::BTreeMap;

use crate::error::StatsError;
use crate::logistic::{Logistic, Trials};
use crate::special::ln;

/// A stay in whole periods, of one customer or of many alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Spell {
    /// Periods that were begun; 1 to 10,000.
    pub periods: u32,
    /// Whether the customer left in the last of them.
    pub ended: bool,
    /// Numbers, the same ones in the same order for everybody.
    pub features: Vec<f64>,
    /// How many customers it is that of.
    pub customers: u64,
}

impl Spell {
    /// The most periods that are counted with.
    pub const MOST_PERIODS: u32 = 10_000;
}

/// Hazard by logistic regression on person-periods: ln(h / (1 − h)) = intercept + w₀ ln(period) + Σ weight · feature.
///
/// Each period that a customer began is one example, positive if they left in it. So hazards lie in `0.0..=1.0`, they may fall
/// or rise with time, and stays that go on are used as far as they went.
///
/// # Source
/// Singer and Willett, "It's About Time: Using Discrete-Time Survival Analysis", Journal of Educational Statistics 18(2), 1993.
///
/// # Example
/// ```
/// use tenure_stats::{DiscreteHazard, Spell};
/// let spell = |periods, ended, discount| Spell { periods, ended, features: vec![discount], customers: 1 };
/// let spells = [spell(1, true, 1.0), spell(2, true, 1.0), spell(1, true, 0.0), spell(6, false, 0.0), spell(5, true, 0.0), spell(6, false, 1.0)];
/// let model = DiscreteHazard::fit(&spells, 1.0)?;
/// assert!(model.hazard(1, &[1.0])? > model.hazard(1, &[0.0])?);
/// assert!(model.survival(6, &[0.0])? > model.survival(6, &[1.0])?);
/// assert_eq!(model.survival(0, &[0.0])?, 1.0);
/// # Ok::<(), tenure_stats::StatsError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct DiscreteHazard {
    /// The regression; its first feature is the logarithm of the period, from 1 on.
    pub logistic: Logistic,
}

impl DiscreteHazard {
    /// The best weights under a penalty, as [`Logistic::fit`] has it. Its cost is that of the distinct features and periods.
    ///
    /// # Errors
    /// As [`Logistic::fit_trials`]; [`StatsError::Domain`] for no periods or more than 10,000.
    pub fn fit(spells: &[Spell], l2: f64) -> Result<Self, StatsError> {
        // Of each set of features, how many stays ended, or were lost from sight, after so many periods.
        let mut alike: BTreeMap<Vec<u64>, Alike<'_>> = BTreeMap::new();
        for spell in spells {
            let bits = spell.features.iter().map(|feature| feature.to_bits()).collect();
            let stays = alike
                .entry(bits)
                .or_insert_with(|| Alike { features: &spell.features, lasts: BTreeMap::new() });
            let last = stays.lasts.entry(in_range(spell.periods)?).or_default();
            last.customers = last.customers.saturating_add(spell.customers);
            if spell.ended {
                last.ended = last.ended.saturating_add(spell.customers);
            }
        }
        let mut trials = Vec::new();
        for Alike { features, lasts } in alike.into_values() {
            let mut here = lasts.values().fold(0_u64, |sum, last| sum.saturating_add(last.customers));
            for period in 1..=lasts.keys().last().copied().unwrap_or(0) {
                let last = lasts.get(&period).copied().unwrap_or_default();
                let features = with_period(period, features);
                trials.push(Trials { features, cases: here, positive: last.ended });
                here = here.saturating_sub(last.customers);
            }
        }
        Logistic::fit_trials(&trials, l2).map(|logistic| Self { logistic })
    }

    /// Probability to leave in a period, the first being 1, of a customer who was here at its beginning.
    ///
    /// # Errors
    /// [`StatsError::Domain`] for period 0 or above 10,000, [`StatsError::Length`] for another number of features.
    pub fn hazard(&self, period: u32, features: &[f64]) -> Result<f64, StatsError> {
        self.logistic.p(&with_period(in_range(period)?, features))
    }

    /// Share of customers with these features that is still here after so many periods: Π (1 − hazard); 1 after none.
    ///
    /// # Errors
    /// As [`hazard`](Self::hazard).
    pub fn survival(&self, periods: u32, features: &[f64]) -> Result<f64, StatsError> {
        let mut share = 1.0;
        for period in 1..=in_range(periods.max(1))?.min(periods) {
            share *= 1.0 - self.hazard(period, features)?;
        }
        Ok(share)
    }
}

/// Stays with the same features, by their last period.
struct Alike<'s> {
    features: &'s [f64],
    lasts: BTreeMap<u32, Last>,
}

/// Those whose last period it was.
#[derive(Clone, Copy, Default)]
struct Last {
    customers: u64,
    ended: u64,
}

fn in_range(periods: u32) -> Result<u32, StatsError> {
    if (1..=Spell::MOST_PERIODS).contains(&periods) {
        return Ok(periods);
    }
    Err(StatsError::Domain { name: "periods", value: f64::from(periods), expected: "1 to 10,000" })
}

fn with_period(period: u32, features: &[f64]) -> Vec<f64> {
    core::iter::once(ln(f64::from(period))).chain(features.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logistic::Example;

    #[test]
    fn stays_that_are_alike_are_learnt_from_as_one_by_one() {
        let spell =
            |periods, ended, feature, customers| Spell { periods, ended, features: vec![feature], customers };
        let spells = [
            spell(1, true, 0.0, 7),
            spell(3, true, 0.0, 2),
            spell(9, false, 0.0, 11),
            spell(2, true, 1.0, 1),
            spell(5, false, 1.0, 3),
            spell(4, true, 0.0, 0),
        ];
        let mut examples = Vec::new();
        for spell in &spells {
            for period in (0..spell.customers).flat_map(|_| 1..=spell.periods) {
                let positive = spell.ended && period == spell.periods;
                examples.push(Example { features: with_period(period, &spell.features), positive });
            }
        }
        let (together, apart) =
            (DiscreteHazard::fit(&spells, 1.0).unwrap().logistic, Logistic::fit(&examples, 1.0).unwrap());
        let pairs = together
            .weights
            .iter()
            .zip(&apart.weights)
            .chain([(&together.log_likelihood, &apart.log_likelihood)]);
        for (one, other) in pairs.chain([(&together.intercept, &apart.intercept)]) {
            assert!((one - other).abs() < 1e-9, "{together:?} {apart:?}");
        }
        // Nobody's stay has nothing to say.
        assert_eq!(DiscreteHazard::fit(&spells[..5], 1.0).unwrap().logistic.weights, together.weights);
    }
}
