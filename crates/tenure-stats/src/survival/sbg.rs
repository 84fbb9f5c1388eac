//! sBG: customers of a contract leave at each renewal with a probability of their own.

use crate::error::{StatsError, finite, positive};
use crate::model::{Fit, Parametric, maximise};
use crate::special::{Rising, exp, ln, ln_1p};

/// Shifted-beta-geometric (α, β): at each renewal a customer leaves with a probability that is Beta(α, β) distributed over
/// customers. Retention rises with time because those who leave easily have left, though nobody changes.
///
/// S(t) = B(α, β + t) / B(α, β) = Π (β + i) / (α + β + i) over i < t; retention at t is (β + t − 1) / (α + β + t − 1).
///
/// # Source
/// Fader and Hardie, "How to Project Customer Retention", Journal of Interactive Marketing 21(1), 2007.
///
/// # Example
/// ```
/// use tenure_stats::Sbg;
/// // The paper's regular customers, per mille, of whom 7 renewals were seen: table 1.
/// let fit = Sbg::fit(&[1000, 631, 468, 382, 326, 289, 262, 241])?;
/// let [alpha, beta] = fit.estimates[..] else { unreachable!() };
/// assert!((alpha.value - 0.704).abs() < 5e-4 && (beta.value - 1.182).abs() < 5e-4);
/// // After 12 there were 17.3 % left.
/// assert!((fit.model.survival(12)? - 0.173).abs() < 0.005);
/// assert!(Sbg::fit(&[10, 12]).is_err());
/// # Ok::<(), tenure_stats::StatsError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sbg {
    alpha: f64,
    beta: f64,
}

impl Sbg {
    /// The most renewals that are counted with.
    pub const MOST_RENEWALS: u32 = 10_000;

    /// A model with these parameters.
    ///
    /// # Errors
    /// [`StatsError::Domain`] for a parameter that is not above 0.
    pub fn new(alpha: f64, beta: f64) -> Result<Self, StatsError> {
        Ok(Self { alpha: positive("alpha", alpha)?, beta: positive("beta", beta)? })
    }

    /// The most likely parameters, given how many of a cohort were there at first and after each renewal.
    ///
    /// # Errors
    /// [`StatsError::Domain`] for a number that rises, for nobody, or for more than 10,000 renewals; [`StatsError::TooFew`]
    /// with fewer than two renewals; [`StatsError::AllEqual`] if nobody left; [`StatsError::NoOptimum`] if customers do not
    /// differ.
    pub fn fit(survivors: &[u32]) -> Result<Fit<Self>, StatsError> {
        let (seen, needed) = (survivors.len(), 3);
        let (Some(first), Some(last), true) = (survivors.first(), survivors.last(), seen >= needed) else {
            return Err(StatsError::TooFew { what: "numbers of survivors", seen, needed });
        };
        let renewals = u32::try_from(seen - 1).unwrap_or(u32::MAX);
        in_range(renewals)?;
        positive("the size of the cohort", f64::from(*first))?;
        let mut left = Vec::new();
        for (before, after) in survivors.iter().zip(survivors.iter().skip(1)) {
            let expected = "at most the number before it";
            let rises = StatsError::Domain { name: "survivors", value: f64::from(*after), expected };
            left.push(f64::from(before.checked_sub(*after).ok_or(rises)?));
        }
        if first == last {
            let value = f64::from(*first);
            return Err(StatsError::AllEqual { what: "numbers of survivors", seen, value });
        }
        let likelihood = |model: &Self| {
            let Self { alpha, beta } = *model;
            let stays = Rising::new(beta, renewals);
            let all = Rising::new(alpha + beta, renewals);
            let mut sums = [0.0; 3];
            let mut add = |customers: f64, stayed: u32, leaves: u32| {
                let gone = f64::from(leaves);
                let over = all.slope(stayed + leaves);
                sums[0] += customers * (stays.ln(stayed) - all.ln(stayed + leaves) + gone * ln(alpha));
                sums[1] += customers * (gone / alpha - over);
                sums[2] += customers * (stays.slope(stayed) - over);
            };
            for (stayed, customers) in (0..).zip(&left) {
                add(*customers, stayed, 1);
            }
            add(f64::from(*last), renewals, 0);
            let [value, alpha, beta] = sums;
            (value, vec![alpha, beta])
        };
        maximise(&[1.0, 1.0], *first, seen, likelihood)?.settled(5.0)
    }

    /// Share that is still here after so many renewals, in `0.0..=1.0`; 1 after none.
    ///
    /// # Errors
    /// [`StatsError::Domain`] for more than 10,000 renewals.
    pub fn survival(&self, renewals: u32) -> Result<f64, StatsError> {
        let logs = (0..in_range(renewals)?).map(|i| -ln_1p(self.alpha / (self.beta + f64::from(i))));
        finite("the share", exp(logs.sum::<f64>()))
    }

    /// Share of those who were here before a renewal, the first being 1, that is still here after it.
    ///
    /// # Errors
    /// [`StatsError::Domain`] for renewal 0 or above 10,000.
    pub fn retention(&self, renewal: u32) -> Result<f64, StatsError> {
        let before = in_range(renewal)?.checked_sub(1).ok_or(StatsError::Domain {
            name: "renewal",
            value: 0.0,
            expected: "1 or more",
        })?;
        let stays = self.beta + f64::from(before);
        finite("retention", stays / (self.alpha + stays))
    }

    /// Discounted expected residual lifetime, in periods, of a customer who was here after so many renewals and is about to face
    /// the next: Σ (probability to be there after k more) / (1 + d)^(k−1) over k = 1, 2, …
    ///
    /// # Errors
    /// [`StatsError::Domain`] for more than 10,000 renewals or a rate below 0.000,001.
    ///
    /// # Source
    /// Fader and Hardie, "Customer-Base Valuation in a Contractual Setting", Marketing Science 29(1), 2010, equation 6.
    ///
    /// # Example
    /// ```
    /// use tenure_stats::Sbg;
    /// let model = Sbg::new(0.704, 1.182)?;
    /// assert!(model.residual_lifetime(5, 0.1)? > model.residual_lifetime(0, 0.1)?);
    /// # Ok::<(), tenure_stats::StatsError>(())
    /// ```
    pub fn residual_lifetime(&self, renewals: u32, discount_rate: f64) -> Result<f64, StatsError> {
        if !(discount_rate >= 1e-6 && discount_rate.is_finite()) {
            let expected = "a finite number, 0.000001 or more";
            return Err(StatsError::Domain { name: "discount_rate", value: discount_rate, expected });
        }
        let mut stays = self.beta + f64::from(in_range(renewals)?);
        let (mut sum, mut worth) = (0.0, 1.0 + discount_rate);
        // Each term is less than 1 / (1 + d) of the one before.
        while worth > 1e-18 * sum {
            worth *= stays / (self.alpha + stays) / (1.0 + discount_rate);
            stays += 1.0;
            sum += worth;
        }
        finite("the lifetime", sum)
    }
}

impl Parametric for Sbg {
    const NAME: &'static str = "sBG";
    const PARAMETERS: &'static [&'static str] = &["alpha", "beta"];
    const ABOVE: &'static [f64] = &[0.0; 2];

    fn from_values(values: &[f64]) -> Option<Self> {
        let [alpha, beta] = *values else { return None };
        Self::new(alpha, beta).ok()
    }
}

fn in_range(renewals: u32) -> Result<u32, StatsError> {
    if renewals <= Sbg::MOST_RENEWALS {
        return Ok(renewals);
    }
    Err(StatsError::Domain { name: "renewals", value: f64::from(renewals), expected: "at most 10,000" })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Table 1 and section 3 of the paper: regular customers −1680.3, high-end customers (.668, 3.806) −1611.2.
    #[test]
    fn the_two_cohorts_of_the_paper() {
        let regular = Sbg::fit(&[1000, 631, 468, 382, 326, 289, 262, 241]).unwrap();
        let high_end = Sbg::fit(&[1000, 869, 743, 653, 593, 551, 517, 491]).unwrap();
        for (fit, alpha, beta, log_likelihood) in
            [(regular, 0.704, 1.182, -1680.3), (high_end, 0.668, 3.806, -1611.2)]
        {
            let Sbg { alpha: a, beta: b } = fit.model;
            assert!((a - alpha).abs() < 5e-4 && (b - beta).abs() < 5e-4, "{fit:?}");
            assert!((fit.log_likelihood - log_likelihood).abs() < 0.05, "{fit:?}");
        }
    }
}
