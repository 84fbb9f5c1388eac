//! Gamma-Gamma: how much a customer spends at a time.

use super::fit::{Fit, Parametric, add, maximise};
use crate::error::{StatsError, finite, positive};
use crate::special::{count, digamma, ln, ln_gamma};

/// What a customer has spent: the number of repeat purchases and their mean amount, in the major unit of one currency.
///
/// Take the amounts of repeat purchases alone, and leave out customers without any, and those whose mean is 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spend {
    /// How many purchases, x; 1 or more.
    pub purchases: u32,
    /// Their mean amount, z̄; above 0.
    pub mean_amount: f64,
}

impl Spend {
    fn check(self) -> Result<Self, StatsError> {
        positive("mean_amount", self.mean_amount)?;
        if self.purchases == 0 {
            return Err(StatsError::Domain { name: "purchases", value: 0.0, expected: "1 or more" });
        }
        Ok(self)
    }
}

/// Gamma-Gamma (p, q, v): amounts are Gamma(p, ν) distributed around a mean of each customer's own, and ν is Gamma(q, v)
/// distributed over customers. How much and how often must have little to do with each other: see [`spend_correlation`].
///
/// LL = −ln B(px, q) + q ln v + (px−1) ln z + px ln x − (px+q) ln(v+xz);
/// E[M | x, z] = (q−1)/(px+q−1) · pv/(q−1) + px/(px+q−1) · z, a mean of what all spend and what this one spent.
///
/// q is above 1: at or below it the mean is infinite, and the formula gives negative amounts.
///
/// # Source
/// Fader and Hardie, "The Gamma-Gamma Model of Monetary Value", 2013.
///
/// # Example
/// ```
/// use tenure_stats::{GammaGamma, Spend};
/// let cdnow = GammaGamma::new(6.24957, 3.74422, 15.44352)?;
/// let spend = cdnow.expected_spend(Some(Spend { purchases: 2, mean_amount: 22.35 }))?;
/// assert!((spend - 24.65).abs() < 0.01);
/// assert!((cdnow.expected_spend(None)? - 35.17).abs() < 0.01); // of whom nothing is known
/// assert!(cdnow.expected_spend(Some(Spend { purchases: 2, mean_amount: -1.0 })).is_err());
/// # Ok::<(), tenure_stats::StatsError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GammaGamma {
    p: f64,
    q: f64,
    v: f64,
}

impl GammaGamma {
    /// A model with these parameters; v in the unit of amounts.
    ///
    /// # Errors
    /// [`StatsError::Domain`] for p or v that is not above 0, or q that is not above 1.
    pub fn new(p: f64, q: f64, v: f64) -> Result<Self, StatsError> {
        if !(q > 1.0 && q.is_finite()) {
            return Err(StatsError::Domain { name: "q", value: q, expected: "a finite number above 1" });
        }
        Ok(Self { p: positive("p", p)?, q, v: positive("v", v)? })
    }

    /// Names and values of the parameters.
    pub fn parameters(&self) -> Vec<(&'static str, f64)> {
        vec![("p", self.p), ("q", self.q), ("v", self.v)]
    }

    /// Logarithm of the likelihood of one customer's mean amount.
    ///
    /// # Errors
    /// [`StatsError::Domain`] for no purchases or an amount that is not above 0.
    pub fn log_likelihood(&self, spend: Spend) -> Result<f64, StatsError> {
        let Spend { purchases, mean_amount } = spend.check()?;
        let [value, ..] = Shape::of(self, purchases).terms(self, mean_amount);
        finite("the log-likelihood", value)
    }

    /// Expected amount of the customer's next purchase; without purchases to go by, that of anybody.
    ///
    /// # Errors
    /// [`StatsError::Domain`] for no purchases or an amount that is not above 0.
    pub fn expected_spend(&self, spend: Option<Spend>) -> Result<f64, StatsError> {
        let (weight, seen) = match spend {
            Some(spend) => {
                let Spend { purchases, mean_amount } = spend.check()?;
                (self.p * f64::from(purchases), mean_amount)
            }
            None => (0.0, 0.0),
        };
        finite("expected spend", (self.p * self.v + weight * seen) / (weight + self.q - 1.0))
    }

    /// The most likely parameters.
    ///
    /// # Errors
    /// [`StatsError::Domain`] for a customer without purchases or an amount that is not above 0: leave them out;
    /// [`StatsError::TooFew`] with fewer than four customers, [`StatsError::AllEqual`] if all spend the same,
    /// [`StatsError::NoOptimum`] if the spread of amounts is not of this kind.
    ///
    /// # Example
    /// ```
    /// use tenure_stats::{GammaGamma, Spend, StatsError};
    /// let spend = |(purchases, mean_amount)| Spend { purchases, mean_amount };
    /// let ones = [(1, 3.0), (1, 130.0), (1, 8.0), (1, 60.0), (1, 17.0), (2, 90.0), (3, 12.0)];
    /// let more = [(5, 40.0), (8, 150.0), (9, 21.0), (9, 9.0), (9, 33.0)];
    /// let fit = GammaGamma::fit(ones.into_iter().chain(more).map(spend))?;
    /// assert!(fit.model.expected_spend(None)? > 9.0);
    /// let same = vec![Spend { purchases: 2, mean_amount: 10.0 }; 5];
    /// assert!(matches!(GammaGamma::fit(same), Err(StatsError::AllEqual { seen: 5, .. })));
    /// # Ok::<(), tenure_stats::StatsError>(())
    /// ```
    pub fn fit(spends: impl IntoIterator<Item = Spend>) -> Result<Fit<Self>, StatsError> {
        let mut groups: Vec<(u32, u64)> = Vec::new();
        for spend in spends {
            let Spend { purchases, mean_amount } = spend.check()?;
            groups.push((purchases, mean_amount.to_bits()));
        }
        // One order, so one sum, whatever order they came in.
        groups.sort_unstable();
        let (seen, needed) = (groups.len(), Self::PARAMETERS.len() + 1);
        if seen < needed {
            return Err(StatsError::TooFew { what: "customers with amounts", seen, needed });
        }
        let first = groups.first().map_or(0, |(_, bits)| *bits);
        if groups.iter().all(|(_, bits)| *bits == first) {
            return Err(StatsError::AllEqual { what: "mean amounts", seen, value: f64::from_bits(first) });
        }
        let mean = groups.iter().map(|(_, bits)| f64::from_bits(*bits)).sum::<f64>() / count(seen);
        let groups: Vec<Spend> = groups
            .into_iter()
            .map(|(purchases, bits)| Spend { purchases, mean_amount: f64::from_bits(bits) })
            .collect();
        let likelihood = |model: &Self| {
            let [value, rest @ ..] = model.sums(&groups);
            (value, rest.to_vec())
        };
        let customers = u32::try_from(seen).unwrap_or(u32::MAX);
        // A spread like the mean's, within customers and between them.
        maximise(&[2.0, 3.0, mean], customers, seen, likelihood)?.settled(6.0)
    }
}

impl GammaGamma {
    /// The log-likelihood and its derivatives by p, q, v; what customers with equally many purchases share is computed once
    /// where they stand together.
    fn sums(&self, spends: &[Spend]) -> [f64; 4] {
        let mut sums = [0.0; 4];
        for group in spends.chunk_by(|a, b| a.purchases == b.purchases) {
            let Some(first) = group.first() else { continue };
            let shape = Shape::of(self, first.purchases);
            for spend in group {
                add(&mut sums, 1.0, &shape.terms(self, spend.mean_amount));
            }
        }
        sums
    }

    #[cfg(test)]
    pub(super) fn gradient(&self, spends: &[Spend]) -> Vec<f64> {
        let [_, rest @ ..] = self.sums(spends);
        rest.to_vec()
    }
}

/// What customers with equally many purchases share.
struct Shape {
    x: f64,
    px: f64,
    /// lnΓ(px + q) − lnΓ(px) − lnΓ(q) and its derivatives by px and q.
    ln_beta: f64,
    by_px: f64,
    by_q: f64,
}

impl Shape {
    fn of(model: &GammaGamma, purchases: u32) -> Self {
        let (x, q) = (f64::from(purchases), model.q);
        let px = model.p * x;
        let both = digamma(px + q);
        Self {
            x,
            px,
            ln_beta: ln_gamma(px + q) - ln_gamma(px) - ln_gamma(q),
            by_px: both - digamma(px),
            by_q: both - digamma(q),
        }
    }

    /// The log-likelihood of a mean amount z and its derivatives by p, q, v.
    fn terms(&self, model: &GammaGamma, z: f64) -> [f64; 4] {
        let (&Self { x, px, .. }, &GammaGamma { q, v, .. }) = (self, model);
        let sum = v + x * z;
        // ln(xz / (v + xz)) and ln(v / (v + xz)).
        let (of_own, of_all) = (ln(x * z / sum), ln(v / sum));
        [
            self.ln_beta + px * of_own + q * of_all - ln(z),
            x * (self.by_px + of_own),
            self.by_q + of_all,
            q / v - (px + q) / sum,
        ]
    }
}

impl Parametric for GammaGamma {
    const NAME: &'static str = "Gamma-Gamma";
    const PARAMETERS: &'static [&'static str] = &["p", "q", "v"];
    const ABOVE: &'static [f64] = &[0.0, 1.0, 0.0];

    fn from_values(values: &[f64]) -> Option<Self> {
        let [p, q, v] = *values else { return None };
        Self::new(p, q, v).ok()
    }
}

/// Pearson's correlation of the number of purchases with their mean amount, in `-1.0..=1.0`: [`GammaGamma`] takes it to be
/// about 0, and answers too little or too much for good customers where it is not.
///
/// # Errors
/// [`StatsError::TooFew`] with fewer than two customers, [`StatsError::AllEqual`] if either never differs,
/// [`StatsError::Domain`] for no purchases or an amount that is not above 0.
///
/// # Example
/// ```
/// use tenure_stats::{Spend, spend_correlation};
/// let spend = |purchases, mean_amount| Spend { purchases, mean_amount };
/// let r = spend_correlation(&[spend(1, 10.0), spend(2, 30.0), spend(3, 20.0)])?;
/// assert!((r - 0.5).abs() < 1e-12);
/// # Ok::<(), tenure_stats::StatsError>(())
/// ```
pub fn spend_correlation(spends: &[Spend]) -> Result<f64, StatsError> {
    let seen = spends.len();
    let (Some(first), true) = (spends.first(), seen >= 2) else {
        return Err(StatsError::TooFew { what: "customers with amounts", seen, needed: 2 });
    };
    for spend in spends {
        spend.check()?;
    }
    if spends.iter().all(|spend| spend.purchases == first.purchases) {
        let value = f64::from(first.purchases);
        return Err(StatsError::AllEqual { what: "numbers of purchases", seen, value });
    }
    if spends.iter().all(|spend| spend.mean_amount.to_bits() == first.mean_amount.to_bits()) {
        return Err(StatsError::AllEqual { what: "mean amounts", seen, value: first.mean_amount });
    }
    let mean = |f: &dyn Fn(&Spend) -> f64| spends.iter().map(f).sum::<f64>() / count(seen);
    let (x, z) = (mean(&|s| f64::from(s.purchases)), mean(&|s| s.mean_amount));
    let product = mean(&|s| (f64::from(s.purchases) - x) * (s.mean_amount - z));
    let squares = (
        mean(&|s| (f64::from(s.purchases) - x) * (f64::from(s.purchases) - x)),
        mean(&|s| (s.mean_amount - z) * (s.mean_amount - z)),
    );
    finite("the correlation", (product / (libm::sqrt(squares.0) * libm::sqrt(squares.1))).clamp(-1.0, 1.0))
}
