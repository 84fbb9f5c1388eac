//! BG/BB: opportunities come one after another, and at each a customer buys or does not.

use super::fit::{Fit, Parametric, add, enough, maximise};
use super::{PurchaseModel, ahead, probability};
use crate::error::{StatsError, finite, not_negative, positive};
use crate::rows::{PurchaseSummary, Rows};
use crate::special::{Rising, exp, ln, ln_add_exp};

/// BG/BB (α, β, γ, δ): at each of n opportunities (a year's campaign, a conference, a cruise) a customer who is still here
/// buys with a probability that is Beta(α, β) distributed over customers; before each one they leave with a probability
/// that is Beta(γ, δ) distributed.
///
/// Times are whole numbers of opportunities: `age` is n, `recency` the last opportunity with a purchase (0 for none), and
/// `frequency` the number of opportunities with one. The purchase that made the customer one is not counted.
///
/// L = B(α+x, β+n−x)/B(α, β) · B(γ, δ+n)/B(γ, δ) + Σ B(α+x, β+m−x)/B(α, β) · B(γ+1, δ+m)/B(γ, δ) over the last opportunity
/// m = `t_x` … n−1 of a customer who has left; P(alive) is the first term's part of it.
///
/// # Source
/// Fader, Hardie and Shang, "Customer-Base Analysis in a Discrete-Time Noncontractual Setting", Marketing Science 29(6),
/// 2010.
///
/// # Example
/// ```
/// use tenure_stats::{BgBb, PurchaseModel, PurchaseSummary};
/// let donations = BgBb::new(1.203522, 0.749716, 0.656718, 2.783442)?;
/// let donor = PurchaseSummary { frequency: 6, recency: 6.0, age: 6.0 };
/// assert!((donations.expected_purchases(donor, 5.0)? - 3.75).abs() < 0.01); // table 5 of the paper
/// assert_eq!(donations.p_alive(donor)?, 1.0);
/// assert!(donations.expected_purchases(donor, 2.5).is_err()); // no half opportunities
/// # Ok::<(), tenure_stats::StatsError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BgBb {
    alpha: f64,
    beta: f64,
    gamma: f64,
    delta: f64,
}

/// A history in whole numbers.
struct Counts {
    x: u32,
    last: u32,
    n: u32,
}

/// A population in whole numbers.
struct Counted {
    rows: Vec<(Counts, f64)>,
    /// The largest number of opportunities.
    most: u32,
}

impl Counted {
    fn of(rows: &Rows) -> Result<Self, StatsError> {
        let mut counted = Self { rows: Vec::with_capacity(rows.len()), most: 0 };
        for (history, customers) in rows.iter() {
            let counts = Counts::of(history)?;
            counted.most = counted.most.max(counts.n);
            counted.rows.push((counts, f64::from(customers)));
        }
        Ok(counted)
    }
}

impl BgBb {
    /// The most opportunities that are counted with, past or to come.
    pub const MOST_OPPORTUNITIES: u32 = 10_000;

    /// A model with these parameters.
    ///
    /// # Errors
    /// [`StatsError::Domain`] for a parameter that is not above 0.
    pub fn new(alpha: f64, beta: f64, gamma: f64, delta: f64) -> Result<Self, StatsError> {
        let (alpha, beta) = (positive("alpha", alpha)?, positive("beta", beta)?);
        Ok(Self { alpha, beta, gamma: positive("gamma", gamma)?, delta: positive("delta", delta)? })
    }

    /// The most likely parameters.
    ///
    /// # Errors
    /// [`StatsError::Domain`] for times that are no whole numbers, [`StatsError::TooFew`] with fewer than five customers,
    /// [`StatsError::NoRepeat`] if none bought, [`StatsError::NoOptimum`] if customers do not differ, or nobody is seen to
    /// leave.
    ///
    /// # Example
    /// ```
    /// use tenure_stats::{BgBb, PurchaseSummary, Rows};
    /// let donor = |x, recency| PurchaseSummary { frequency: x, recency, age: 6.0 };
    /// let none = vec![donor(0, 0.0); 50];
    /// let some = [donor(1, 1.0), donor(1, 2.0), donor(2, 2.0), donor(3, 6.0), donor(6, 6.0), donor(5, 6.0), donor(4, 4.0)];
    /// let fit = BgBb::fit(&Rows::group(none.into_iter().chain(some))?)?;
    /// assert!(fit.log_likelihood < 0.0);
    /// # Ok::<(), tenure_stats::StatsError>(())
    /// ```
    pub fn fit(rows: &Rows) -> Result<Fit<Self>, StatsError> {
        enough(rows, Self::PARAMETERS.len())?;
        let counted = Counted::of(rows)?;
        let likelihood = |model: &Self| model.gradient_of(&counted);
        maximise(&[1.0, 1.0, 1.0, 3.0], rows.customers(), rows.len(), likelihood)?.settled(5.0)
    }

    /// Discounted expected purchases at all opportunities to come, DERT, at a rate of discount per opportunity: the next
    /// one is worth 1 / (1 + d).
    ///
    /// # Errors
    /// [`StatsError::Domain`] for a history that cannot be or a rate below 0.000,001.
    ///
    /// # Example
    /// ```
    /// use tenure_stats::{BgBb, PurchaseSummary};
    /// let donations = BgBb::new(1.203522, 0.749716, 0.656718, 2.783442)?;
    /// let dert = donations.dert(PurchaseSummary { frequency: 6, recency: 6.0, age: 6.0 }, 0.1)?;
    /// assert!(dert > 5.0 && dert < 7.0, "{dert}");
    /// # Ok::<(), tenure_stats::StatsError>(())
    /// ```
    pub fn dert(&self, history: PurchaseSummary, discount_rate: f64) -> Result<f64, StatsError> {
        let counts = Counts::of(history)?;
        if !(discount_rate >= 1e-6 && discount_rate.is_finite()) {
            let expected = "a finite number, 0.000001 or more";
            return Err(StatsError::Domain { name: "discount_rate", value: discount_rate, expected });
        }
        let mut worth = self.p_alive(history)? * self.p_buys(&counts);
        let (mut sum, mut opportunity) = (0.0, f64::from(counts.n));
        // Each term is less than 1 / (1 + d) of the one before.
        while worth > 1e-18 * sum {
            worth *= self.stays(opportunity) / (1.0 + discount_rate);
            opportunity += 1.0;
            sum += worth;
        }
        finite("DERT", sum)
    }

    /// The log-likelihood and its derivatives by the parameters.
    fn gradient_of(&self, counted: &Counted) -> (f64, Vec<f64>) {
        let tables = self.tables(counted.most);
        let mut sums = [0.0; 5];
        for (counts, customers) in &counted.rows {
            add(&mut sums, *customers, &self.terms(counts, &tables));
        }
        let [value, rest @ ..] = sums;
        (value, rest.to_vec())
    }

    #[cfg(test)]
    pub(super) fn gradient(&self, rows: &Rows) -> Result<(f64, Vec<f64>), StatsError> {
        Counted::of(rows).map(|counted| self.gradient_of(&counted))
    }

    /// Probability of still being here at an opportunity, of one who was there at the one before: (δ + m) / (γ + δ + m).
    fn stays(&self, before: f64) -> f64 {
        (self.delta + before) / (self.gamma + self.delta + before)
    }

    /// Probability of a purchase at an opportunity, of one who is still here.
    fn p_buys(&self, counts: &Counts) -> f64 {
        (self.alpha + f64::from(counts.x)) / (self.alpha + self.beta + f64::from(counts.n))
    }

    fn tables(&self, most: u32) -> Tables {
        Tables {
            alpha: Rising::new(self.alpha, most),
            beta: Rising::new(self.beta, most),
            both: Rising::new(self.alpha + self.beta, most),
            delta: Rising::new(self.delta, most),
            gamma_delta: Rising::new(self.gamma + self.delta, most),
        }
    }

    /// ln of the probability of the history of one who is still here, and of one who left after each opportunity.
    fn ways<'a>(&self, counts: &Counts, tables: &'a Tables) -> (f64, impl Iterator<Item = (u32, f64)> + 'a) {
        let Counts { x, last, n } = *counts;
        let ln_gamma = ln(self.gamma);
        let buys = move |m: u32| tables.alpha.ln(x) + tables.beta.ln(m - x) - tables.both.ln(m);
        let here = buys(n) + tables.delta.ln(n) - tables.gamma_delta.ln(n);
        let left = (last..n)
            .map(move |m| (m, buys(m) + ln_gamma + tables.delta.ln(m) - tables.gamma_delta.ln(m + 1)));
        (here, left)
    }

    /// The log-likelihood of one history and its derivatives by α, β, γ, δ.
    fn terms(&self, counts: &Counts, tables: &Tables) -> [f64; 5] {
        let Counts { x, n, .. } = *counts;
        let slopes = |m: u32, ended: u32| {
            let both = tables.both.slope(m);
            let gamma = -tables.gamma_delta.slope(m + ended);
            let by_gamma = gamma + f64::from(ended) / self.gamma;
            [
                tables.alpha.slope(x) - both,
                tables.beta.slope(m - x) - both,
                by_gamma,
                tables.delta.slope(m) + gamma,
            ]
        };
        let (here, left) = self.ways(counts, tables);
        let left: Vec<_> = left.collect();
        let total = left.iter().fold(here, |sum, (_, way)| ln_add_exp(sum, *way));
        let mut gradient = [0.0; 4];
        add(&mut gradient, exp(here - total), &slopes(n, 0));
        for (m, way) in left {
            add(&mut gradient, exp(way - total), &slopes(m, 1));
        }
        let [alpha, beta, gamma, delta] = gradient;
        [total, alpha, beta, gamma, delta]
    }
}

/// Products that rows share.
struct Tables {
    alpha: Rising,
    beta: Rising,
    /// Of α + β.
    both: Rising,
    delta: Rising,
    gamma_delta: Rising,
}

impl Counts {
    fn of(history: PurchaseSummary) -> Result<Self, StatsError> {
        let PurchaseSummary { frequency: x, recency, age } = history.check()?;
        let (last, n) = (whole("recency", recency)?, whole("age", age)?);
        if x > last || (x == 0 && last > 0) {
            let expected = "at most one purchase an opportunity, up to recency";
            return Err(StatsError::Domain { name: "frequency", value: f64::from(x), expected });
        }
        Ok(Self { x, last, n })
    }
}

/// A number of opportunities.
fn whole(name: &'static str, value: f64) -> Result<u32, StatsError> {
    let most = f64::from(BgBb::MOST_OPPORTUNITIES);
    if !(0.0..=most).contains(&value) || value.fract() != 0.0 {
        let expected = "a whole number of opportunities, at most 10,000";
        return Err(StatsError::Domain { name, value, expected });
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number from 0 to 10,000"
    )]
    Ok(value as u32)
}

impl Parametric for BgBb {
    const NAME: &'static str = "BG/BB";
    const PARAMETERS: &'static [&'static str] = &["alpha", "beta", "gamma", "delta"];
    const ABOVE: &'static [f64] = &[0.0; 4];

    fn from_values(values: &[f64]) -> Option<Self> {
        let [alpha, beta, gamma, delta] = *values else { return None };
        Self::new(alpha, beta, gamma, delta).ok()
    }
}

impl PurchaseModel for BgBb {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn parameters(&self) -> Vec<(&'static str, f64)> {
        vec![("alpha", self.alpha), ("beta", self.beta), ("gamma", self.gamma), ("delta", self.delta)]
    }

    fn log_likelihood(&self, history: PurchaseSummary) -> Result<f64, StatsError> {
        let counts = Counts::of(history)?;
        let tables = self.tables(counts.n);
        let (here, left) = self.ways(&counts, &tables);
        finite("the log-likelihood", left.fold(here, |sum, (_, way)| ln_add_exp(sum, way)))
    }

    /// Still here at the last opportunity of the window, n; whether at the next one too is another question.
    fn p_alive(&self, history: PurchaseSummary) -> Result<f64, StatsError> {
        let counts = Counts::of(history)?;
        let tables = self.tables(counts.n);
        let (here, left) = self.ways(&counts, &tables);
        let total = left.fold(here, |sum, (_, way)| ln_add_exp(sum, way));
        probability("the probability to be alive", exp(here - total))
    }

    fn p_no_purchase(&self, history: PurchaseSummary, horizon: f64) -> Result<f64, StatsError> {
        let (_, horizon) = ahead(history, horizon)?;
        let counts = Counts::of(history)?;
        let (mut opportunity, mut refusals) =
            (f64::from(counts.n), self.beta + f64::from(counts.n - counts.x));
        // Nothing bought so far, and still here.
        let (mut here, mut gone) = (1.0, 0.0);
        for _ in 0..whole("horizon", horizon)? {
            let stays = self.stays(opportunity);
            gone += here * (1.0 - stays);
            here *= stays * refusals / (self.alpha + self.beta + opportunity);
            opportunity += 1.0;
            refusals += 1.0;
        }
        probability("P0", 1.0 - self.p_alive(history)? * (1.0 - here - gone))
    }

    fn expected_purchases(&self, history: PurchaseSummary, horizon: f64) -> Result<f64, StatsError> {
        let (_, horizon) = ahead(history, horizon)?;
        let counts = Counts::of(history)?;
        let mut here = self.p_alive(history)? * self.p_buys(&counts);
        let (mut sum, mut opportunity) = (0.0, f64::from(counts.n));
        for _ in 0..whole("horizon", horizon)? {
            here *= self.stays(opportunity);
            opportunity += 1.0;
            sum += here;
        }
        finite("expected purchases", sum)
    }

    fn expected_purchases_of_new(&self, horizon: f64) -> Result<f64, StatsError> {
        let new = PurchaseSummary { frequency: 0, recency: 0.0, age: 0.0 };
        self.expected_purchases(new, not_negative("horizon", horizon)?)
    }
}
