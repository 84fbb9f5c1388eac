//! Discrete-time hazard: the probability to leave in a period, of one who was here at its beginning.

use crate::error::{StatsError, not_negative};
use crate::logistic::{Example, Logistic};
use crate::special::ln;

/// One customer's stay in whole periods.
#[derive(Clone, Debug, PartialEq)]
pub struct Spell {
    /// Periods that were begun; 1 to 10,000.
    pub periods: u32,
    /// Whether the customer left in the last of them.
    pub ended: bool,
    /// Numbers, the same ones in the same order for everybody.
    pub features: Vec<f64>,
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
/// let spell = |periods, ended, discount| Spell { periods, ended, features: vec![discount] };
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
    /// The best weights under a penalty, as [`Logistic::fit`] has it.
    ///
    /// # Errors
    /// As [`Logistic::fit`]; [`StatsError::Domain`] for no periods or more than 10,000.
    pub fn fit(spells: &[Spell], l2: f64) -> Result<Self, StatsError> {
        let l2 = not_negative("l2", l2)?;
        let mut examples = Vec::new();
        for spell in spells {
            for period in 1..=in_range(spell.periods)? {
                let positive = spell.ended && period == spell.periods;
                examples.push(Example { features: with_period(period, &spell.features), positive });
            }
        }
        Logistic::fit(&examples, l2).map(|logistic| Self { logistic })
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

fn in_range(periods: u32) -> Result<u32, StatsError> {
    if (1..=Spell::MOST_PERIODS).contains(&periods) {
        return Ok(periods);
    }
    Err(StatsError::Domain { name: "periods", value: f64::from(periods), expected: "1 to 10,000" })
}

fn with_period(period: u32, features: &[f64]) -> Vec<f64> {
    core::iter::once(ln(f64::from(period))).chain(features.iter().copied()).collect()
}
