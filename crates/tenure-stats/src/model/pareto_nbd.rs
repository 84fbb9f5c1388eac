//! Pareto/NBD: customers buy at rates of their own and may leave at any time.

use super::fit::{DropOut, Fitted, Parametric, add, fit_drop_out};
use super::{PurchaseModel, ahead, probability};
use crate::error::{StatsError, finite, not_negative, positive};
use crate::rows::{PurchaseSummary, Row, Rows, time};
use crate::special::{Rising, exp, expm1, expm1_ratio, ln, ln_1p, ln_add_exp, panels, sigmoid};

/// Pareto/NBD (r, α, s, β): purchases are a Poisson process whose rate is Gamma(r, α) distributed over customers, and
/// customers leave at a rate that is Gamma(s, β) distributed.
///
/// A history is likely because the customer is still here, or because they left at some time τ between the last purchase
/// and the end: L = Γ(r+x)/Γ(r) α^r β^s ((α+T)^−(r+x) (β+T)^−s + s ∫ (α+τ)^−(r+x) (β+τ)^−(s+1) dτ). In the literature
/// that integral is a difference of two ₂F₁, which loses digits and overflows; here it is an integral of a positive
/// function, good for any number of purchases.
///
/// P(alive) = 1 / (1 + (integral part) / (first part));
/// E[Y(t)] = (r+x)(β+T) / ((α+T)(s−1)) · (1 − ((β+T)/(β+T+t))^(s−1)) · P(alive), continued through s = 1;
/// P0(t) = 1 − P(alive) (1 − q), where q has the same two parts for the time from T to T + t.
///
/// # Source
/// Schmittlein, Morrison and Colombo, "Counting Your Customers: Who Are They and What Will They Do Next?", Management
/// Science 33(1), 1987; Fader and Hardie, "A Note on Deriving the Pareto/NBD Model", 2005.
///
/// # Example
/// ```
/// use tenure_stats::{ParetoNbd, PurchaseModel, PurchaseSummary};
/// let cdnow = ParetoNbd::new(0.553277, 10.577683, 0.606240, 11.668735)?;
/// let best = PurchaseSummary { frequency: 26, recency: 30.86, age: 31.0 }; // weeks
/// assert!((cdnow.expected_purchases(best, 52.0)? - 25.457).abs() < 1e-2);
/// assert!((cdnow.p_alive(best)? - 0.9979).abs() < 1e-4);
/// let once = PurchaseSummary { frequency: 0, recency: 0.0, age: 39.0 };
/// let (quarter, year) = (cdnow.p_no_purchase(once, 13.0)?, cdnow.p_no_purchase(once, 52.0)?);
/// assert!(0.7 < year && year < quarter && quarter < 1.0);
/// assert!(cdnow.p_alive(PurchaseSummary { recency: 1.0, ..once }).is_err());
/// # Ok::<(), tenure_stats::StatsError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ParetoNbd {
    r: f64,
    alpha: f64,
    s: f64,
    beta: f64,
}

impl ParetoNbd {
    /// A model with these parameters; α and β in the unit of time.
    ///
    /// # Errors
    /// [`StatsError::Domain`] for a parameter that is not above 0.
    pub fn new(r: f64, alpha: f64, s: f64, beta: f64) -> Result<Self, StatsError> {
        let (r, alpha) = (positive("r", r)?, positive("alpha", alpha)?);
        Ok(Self { r, alpha, s: positive("s", s)?, beta: positive("beta", beta)? })
    }

    /// The most likely parameters, or NBD where nobody is seen to leave.
    ///
    /// # Errors
    /// [`StatsError::TooFew`] with fewer than five customers, [`StatsError::NoRepeat`] if none bought again,
    /// [`StatsError::NoOptimum`] if customers do not differ, [`StatsError::NotConverged`] for extreme values.
    pub fn fit(rows: &Rows) -> Result<Fitted<Self>, StatsError> {
        fit_drop_out(rows)
    }

    /// Discounted expected purchases without end, DERT, at a continuous rate of discount per unit of time; 0 and more.
    ///
    /// The mean of ∫ e^(−δt) (rate of purchase at t) dt: (r+x)/(α+T) · P(alive) · ∫ e^(−δt) ((β+T)/(β+T+t))^s dt, which is
    /// the confluent hypergeometric expression of the paper.
    ///
    /// # Errors
    /// [`StatsError::Domain`] for a history that cannot be or a rate that is not above 0.
    ///
    /// # Source
    /// Fader, Hardie and Lee, "RFM and CLV: Using Iso-Value Curves for Customer Base Analysis", Journal of Marketing
    /// Research 42(4), 2005, equation 3.
    ///
    /// # Example
    /// ```
    /// use tenure_stats::{ParetoNbd, PurchaseSummary};
    /// let cdnow = ParetoNbd::new(0.55, 10.58, 0.61, 11.67)?;
    /// let customer = PurchaseSummary { frequency: 7, recency: 70.0, age: 77.86 }; // weeks
    /// // 15 % a year, compounded continuously: ln 1.15 / 52 a week.
    /// let dert = cdnow.dert(customer, 1.15_f64.ln() / 52.0)?;
    /// assert!(dert > 12.0 && dert < 15.0, "{dert}");
    /// # Ok::<(), tenure_stats::StatsError>(())
    /// ```
    pub fn dert(&self, history: PurchaseSummary, discount_rate: f64) -> Result<f64, StatsError> {
        let alive = self.p_alive(history)?;
        let rate = positive("discount_rate", discount_rate)?;
        let (shape, span) = (self.r + f64::from(history.frequency), self.beta + history.age);
        finite("DERT", alive * shape / (self.alpha + history.age) * span * discounted(self.s, rate * span))
    }

    /// ln of the two parts of the likelihood of a history, divided by (α+`t_x`)^−(r+x) (β+`t_x`)^−s: still here, and left.
    fn ways(&self, history: PurchaseSummary) -> (f64, f64) {
        let PurchaseSummary { frequency, recency, age } = history;
        let shape = self.r + f64::from(frequency);
        let passed = age - recency;
        let here =
            -shape * ln_1p(passed / (self.alpha + recency)) - self.s * ln_1p(passed / (self.beta + recency));
        let left = Leaving { alpha: self.alpha + recency, beta: self.beta + recency, shape, s: self.s };
        (here, ln(left.within(passed).mass))
    }

    /// Expected purchases within t of a customer who is here, given shape and scales of the rates of purchase and leaving.
    fn expected(&self, shape: f64, alpha: f64, beta: f64, t: f64) -> f64 {
        let log = ln_1p(t / beta);
        shape / alpha * beta * log * expm1_ratio(-(self.s - 1.0) * log)
    }

    /// The likelihood and its derivatives for rows that differ in recency alone, ascending.
    ///
    /// From the end backwards: of two recencies the earlier one has the integral of the later one, and that between the two.
    /// Where customers are many, the pieces are short and cost little.
    fn add_rows(&self, rows: &[Row], rises: &Rising, tables: &Tables, sums: &mut [f64; 5]) {
        let Self { r, alpha, s, beta } = *self;
        let Some(first) = rows.first() else { return };
        let shape = r + f64::from(first.frequency);
        let age = time(&tables.time, first.age);
        let (end_alpha, end_beta) = (time(&tables.ln_alpha, first.age), time(&tables.ln_beta, first.age));
        // Relative to the likelihood of no purchase until `from`, by one who is here.
        let (mut stays, mut left) = (1.0, Left::default());
        let (mut from, mut from_alpha, mut from_beta) = (age, end_alpha, end_beta);
        for row in rows.iter().rev() {
            let recency = time(&tables.time, row.recency);
            let (log_alpha, log_beta) =
                (time(&tables.ln_alpha, row.recency), time(&tables.ln_beta, row.recency));
            let piece =
                Leaving { alpha: alpha + recency, beta: beta + recency, shape, s }.within(from - recency);
            let scale = exp(-shape * (from_alpha - log_alpha) - s * (from_beta - log_beta));
            left = left.after(&piece, scale, log_alpha, log_beta);
            stays *= scale;
            (from, from_alpha, from_beta) = (recency, log_alpha, log_beta);
            // The weights of being here and of having left; the latter in each mean over the time of leaving.
            let both = stays + left.mass;
            let alive = stays / both;
            let terms = [
                rises.ln(row.frequency) + r * tables.alpha + s * tables.beta
                    - shape * log_alpha
                    - s * log_beta
                    + ln(both),
                rises.slope(row.frequency) + tables.alpha - alive * end_alpha - left.ln_alpha / both,
                r / alpha - shape * (alive / (alpha + age) + left.inverse_alpha / both),
                tables.beta + left.mass / (both * s) - alive * end_beta - left.ln_beta / both,
                s / beta - s * alive / (beta + age) - (s + 1.0) * left.inverse_beta / both,
            ];
            add(sums, f64::from(row.customers), &terms);
        }
    }
}

/// Logarithms that rows share.
struct Tables {
    time: Vec<f64>,
    ln_alpha: Vec<f64>,
    ln_beta: Vec<f64>,
    /// ln α and ln β.
    alpha: f64,
    beta: f64,
}

impl Parametric for ParetoNbd {
    const NAME: &'static str = "Pareto/NBD";
    const PARAMETERS: &'static [&'static str] = &["r", "alpha", "s", "beta"];
    const ABOVE: &'static [f64] = &[0.0; 4];

    fn from_values(values: &[f64]) -> Option<Self> {
        let [r, alpha, s, beta] = *values else { return None };
        Self::new(r, alpha, s, beta).ok()
    }
}

impl DropOut for ParetoNbd {
    fn start(r: f64, alpha: f64, age: f64) -> Vec<f64> {
        vec![r, alpha, 0.5, 0.5 * age]
    }

    fn gradient(&self, rows: &Rows) -> (f64, Vec<f64>) {
        let Self { r, alpha, s: _, beta } = *self;
        let rises = Rising::new(r, rows.most_purchases());
        let tables = Tables {
            time: rows.at_times(|t| t),
            ln_alpha: rows.at_times(|t| ln(alpha + t)),
            ln_beta: rows.at_times(|t| ln(beta + t)),
            alpha: ln(alpha),
            beta: ln(beta),
        };
        let mut sums = [0.0; 5];
        for group in rows.rows().chunk_by(|a, b| (a.frequency, a.age) == (b.frequency, b.age)) {
            self.add_rows(group, &rises, &tables, &mut sums);
        }
        let [value, rest @ ..] = sums;
        (value, rest.to_vec())
    }
}

impl PurchaseModel for ParetoNbd {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn parameters(&self) -> Vec<(&'static str, f64)> {
        vec![("r", self.r), ("alpha", self.alpha), ("s", self.s), ("beta", self.beta)]
    }

    fn log_likelihood(&self, history: PurchaseSummary) -> Result<f64, StatsError> {
        let history = history.check()?;
        let Self { r, alpha, s, beta } = *self;
        let PurchaseSummary { frequency, recency, .. } = history;
        let (here, left) = self.ways(history);
        let rises = Rising::new(r, frequency).ln(frequency);
        let scales = -r * ln_1p(recency / alpha) - s * ln_1p(recency / beta);
        let purchases = f64::from(frequency) * ln(alpha + recency);
        finite("the log-likelihood", rises + scales - purchases + ln_add_exp(here, left))
    }

    fn p_alive(&self, history: PurchaseSummary) -> Result<f64, StatsError> {
        let (here, left) = self.ways(history.check()?);
        probability("the probability to be alive", sigmoid(here - left))
    }

    fn p_no_purchase(&self, history: PurchaseSummary, horizon: f64) -> Result<f64, StatsError> {
        let (history, t) = ahead(history, horizon)?;
        let PurchaseSummary { frequency, age, .. } = history;
        let (alpha, beta, shape) = (self.alpha + age, self.beta + age, self.r + f64::from(frequency));
        let here = exp(-shape * ln_1p(t / alpha) - self.s * ln_1p(t / beta));
        let left = Leaving { alpha, beta, shape, s: self.s }.within(t).mass;
        probability("P0", 1.0 - self.p_alive(history)? * (1.0 - here - left))
    }

    fn expected_purchases(&self, history: PurchaseSummary, horizon: f64) -> Result<f64, StatsError> {
        let (history, t) = ahead(history, horizon)?;
        let shape = self.r + f64::from(history.frequency);
        let alive = self.p_alive(history)?;
        let expected = self.expected(shape, self.alpha + history.age, self.beta + history.age, t);
        finite("expected purchases", alive * expected)
    }

    fn expected_purchases_of_new(&self, horizon: f64) -> Result<f64, StatsError> {
        let t = not_negative("horizon", horizon)?;
        finite("expected purchases", self.expected(self.r, self.alpha, self.beta, t))
    }
}

/// Leaving without another purchase, by a customer who is here and whose rates of purchase and of leaving are
/// Gamma(shape, α) and Gamma(s, β) distributed.
struct Leaving {
    alpha: f64,
    beta: f64,
    shape: f64,
    s: f64,
}

/// The probability of leaving within a time, and integrals over the time τ of leaving with the same weight.
#[derive(Default)]
struct Left {
    mass: f64,
    /// ln((α + τ) / α), ln((β + τ) / β).
    ln_alpha: f64,
    ln_beta: f64,
    /// 1 / (α + τ), 1 / (β + τ).
    inverse_alpha: f64,
    inverse_beta: f64,
}

impl Left {
    /// The integrals from an earlier time on: those of the piece until now, and these, which count `scale` as much. The
    /// piece's logarithms are relative to its beginning, those of the sum are not.
    fn after(&self, piece: &Self, scale: f64, ln_alpha: f64, ln_beta: f64) -> Self {
        Self {
            mass: piece.mass + scale * self.mass,
            ln_alpha: piece.ln_alpha + piece.mass * ln_alpha + scale * self.ln_alpha,
            ln_beta: piece.ln_beta + piece.mass * ln_beta + scale * self.ln_beta,
            inverse_alpha: piece.inverse_alpha + scale * self.inverse_alpha,
            inverse_beta: piece.inverse_beta + scale * self.inverse_beta,
        }
    }
}

impl Leaving {
    /// Integrates s/β (1 + τ/β)^−(s+1) (1 + τ/α)^−shape over τ from 0 to t, in y = ln(1 + τ/m) with m the smaller of α
    /// and β: the integrand is analytic within π of the real line in y.
    fn within(&self, t: f64) -> Left {
        let Self { alpha, beta, shape, s } = *self;
        let smaller = alpha.min(beta);
        let larger = alpha.max(beta);
        let (of_smaller, of_larger) = if alpha <= beta { (shape, s + 1.0) } else { (s + 1.0, shape) };
        let ratio = smaller / larger;
        // (smaller + τ) / (larger + τ) at y + h, bounded from above: e^y grows faster than it.
        let share = |grown: f64| {
            let scaled = ratio * grown;
            scaled / (1.0 - ratio + scaled)
        };
        let factor = s / beta * smaller;
        let mut left = Left::default();
        panels(
            ln_1p(t / smaller),
            |y, h| h * ((of_smaller - 1.0).abs() + of_larger * share(exp(y + h))),
            |y| {
                let grown = exp(y);
                let falls = of_smaller - 1.0 + of_larger * share(grown);
                falls > 1.0 && (of_smaller - 1.0) * y + of_larger * ln_1p(ratio * (grown - 1.0)) > 45.0
            },
            |y, weight| {
                let passed = expm1(y);
                let log_larger = ln_1p(ratio * passed);
                let w = weight * factor * exp((1.0 - of_smaller) * y - of_larger * log_larger);
                let (inverse_smaller, inverse_larger) =
                    (1.0 / (smaller * (1.0 + passed)), 1.0 / (larger + smaller * passed));
                let (log_alpha, log_beta, inverse_alpha, inverse_beta) = if alpha <= beta {
                    (y, log_larger, inverse_smaller, inverse_larger)
                } else {
                    (log_larger, y, inverse_larger, inverse_smaller)
                };
                left.mass += w;
                left.ln_alpha += w * log_alpha;
                left.ln_beta += w * log_beta;
                left.inverse_alpha += w * inverse_alpha;
                left.inverse_beta += w * inverse_beta;
            },
        );
        left
    }
}

/// ∫ e^(−zu) (1 + u)^−s du over u from 0 to infinity, in v = ln(1 + u).
fn discounted(s: f64, z: f64) -> f64 {
    // Where it ends: e^−z(e^v − 1) is nothing beside 1, or beside the largest value, e^((1−s)v) at e^v = (1 − s) / z.
    let end = ln_1p(50.0 / z) + ln_1p(50.0);
    let mut sum = 0.0;
    panels(
        end,
        // Half of the strip of other integrands here: half of the longest panel.
        |v, h| if h > 2.0 { f64::INFINITY } else { h * (z * exp(v + h) + (1.0 - s).abs()) },
        |v| z * exp(v) + s > 2.0 && z * expm1(v) + (s - 1.0) * v > 45.0,
        |v, weight| sum += weight * exp((1.0 - s) * v - z * expm1(v)),
    );
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// e^z E₁(z) for s = 1, and 1/z for s = 0 in the limit.
    #[test]
    fn discounted_time_is_the_exponential_integral_for_s_of_1() {
        for (z, expected) in [
            (1e-6, 13.238_309_131_365_004),
            (0.1, 2.014_642_544_708_45),
            (1.0, 0.596_347_362_323_194_1),
            (50.0, 0.019_615_109_930_114_87),
        ] {
            assert!((discounted(1.0, z) / expected - 1.0).abs() < 1e-12, "{z}: {}", discounted(1.0, z));
        }
        assert!((discounted(1e-12, 0.25) - 4.0).abs() < 1e-9);
    }

    /// Over any time, leaving and never buying again is one part of a whole: with shape → 0 it is the Pareto distribution.
    #[test]
    fn leaving_alone_is_pareto_distributed() {
        for (alpha, beta) in [(10.0, 11.0), (1e-6, 12.0), (12.0, 1e-6), (1.0, 1e9)] {
            for t in [1e-9, 0.3, 7.0, 1e12] {
                let left = Leaving { alpha, beta, shape: 1e-15, s: 0.6 }.within(t).mass;
                let expected = -expm1(-0.6 * ln_1p(t / beta));
                assert!((left / expected - 1.0).abs() < 1e-12, "{alpha} {beta} {t}: {left} {expected}");
            }
        }
    }
}
