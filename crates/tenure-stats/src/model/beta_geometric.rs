//! What BG/NBD and MBG/NBD have in common: a customer leaves with a probability p of their own, after a purchase.
//!
//! The two differ in whether the first purchase is one of those: then there is one more chance to leave, here `chances`
//! = x + 1, else x.

use super::fit::add;
use super::nbd::p_purchase;
use crate::rows::{PurchaseSummary, Rows, time};
use crate::special::{Rising, beta_mean, exp, expm1_ratio, ln, ln_1p, ln_add_exp, sigmoid};

/// r and α of the rates, a and b of the probability to leave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct BetaGeometric {
    pub(super) r: f64,
    pub(super) alpha: f64,
    pub(super) a: f64,
    pub(super) b: f64,
}

impl BetaGeometric {
    /// ln of the two ways to a history, less what they share: still here, and left after the last purchase.
    fn ways(&self, history: PurchaseSummary, chances: u32) -> (f64, f64) {
        let PurchaseSummary { frequency, recency, age } = history;
        let shape = self.r + f64::from(frequency);
        let left = if chances == 0 {
            f64::NEG_INFINITY
        } else {
            ln(self.a / (self.b + f64::from(chances - 1))) - shape * ln(self.alpha + recency)
        };
        (-shape * ln(self.alpha + age), left)
    }

    pub(super) fn log_likelihood(&self, history: PurchaseSummary, chances: u32) -> f64 {
        let (here, left) = self.ways(history, chances);
        let rises = Rising::new(self.r, history.frequency).ln(history.frequency);
        let stays = Rising::of(chances, |i| (-ln_1p(self.a / (self.b + i)), 0.0)).ln(chances);
        rises + stays + self.r * ln(self.alpha) + ln_add_exp(here, left)
    }

    pub(super) fn p_alive(&self, history: PurchaseSummary, chances: u32) -> f64 {
        let (here, left) = self.ways(history, chances);
        sigmoid(here - left)
    }

    /// Probability of a purchase within t of a customer who is still here.
    pub(super) fn p_purchase_if_alive(&self, history: PurchaseSummary, t: f64) -> f64 {
        p_purchase(self.r + f64::from(history.frequency), self.alpha + history.age, t)
    }

    /// The model as it stands for a customer who is still here after this history.
    pub(super) fn after(&self, history: PurchaseSummary, chances: u32) -> Self {
        Self {
            r: self.r + f64::from(history.frequency),
            alpha: self.alpha + history.age,
            a: self.a,
            b: self.b + f64::from(chances),
        }
    }

    /// Expected purchases within t of a customer who is here and leaves with probability p after each:
    /// the mean of (1 − (α / (α + p t))^r) / p over p ~ Beta(a, b).
    ///
    /// In the literature (a + b − 1) / (a − 1) · (1 − (α / (α + t))^r F(r, b; a + b − 1; t / (α + t))), which has poles at
    /// a = 1 and at a + b = 1 that cancel. Here they have cancelled.
    pub(super) fn expected(&self, t: f64) -> f64 {
        if t <= 0.0 { 0.0 } else { self.series(t).unwrap_or_else(|| self.mean(t)) }
    }

    /// With k = a − 1, c = a + b − 1 and z = t / (α + t), Euler's transformation makes (1 − z)^k F(c − r, k; c; z) of the
    /// power and F, and (k)ₙ = k (a)ₙ₋₁ takes k out of each term but the first, which is 1:
    /// −c ((1 − z)^k − 1) / k − (1 − z)^k Σ (c − r)ₙ (a)ₙ₋₁ / ((c + 1)ₙ₋₁ n!) zⁿ.
    ///
    /// Nothing where the sum is long or digits are lost.
    #[expect(clippy::many_single_char_names, reason = "as in the formula")]
    fn series(&self, t: f64) -> Option<f64> {
        let (k, c) = (self.a - 1.0, self.a + self.b - 1.0);
        let log = -ln_1p(t / self.alpha);
        let z = t / (self.alpha + t);
        let first = -c * log * expm1_ratio(k * log);
        let mut term = (c - self.r) * z;
        let (mut sum, mut largest, mut n) = (0.0, term.abs(), 1.0);
        while n < LONGEST_SUM {
            sum += term;
            let ratio = (c - self.r + n) * (self.a + n - 1.0) / ((c + n) * (n + 1.0)) * z;
            term *= ratio;
            largest = largest.max(term.abs());
            n += 1.0;
            // What follows is less than a geometric series in its ratio, once that falls.
            if ratio.abs() < 0.95 && term.abs() < 1e-17 * sum.abs() {
                let power = exp(k * log);
                let value = first - power * sum;
                let lost = (first.abs() + power * largest) / value;
                return (lost > 0.0 && lost < 1e3).then_some(value);
            }
            if term == 0.0 && sum == 0.0 {
                return (first > 0.0).then_some(first);
            }
        }
        None
    }

    fn mean(&self, t: f64) -> f64 {
        let reach = t / self.alpha;
        beta_mean(self.a, self.b, (1.0 + self.r) * reach, |p| {
            let log = ln_1p(p * reach);
            // (1 − e^(−r log)) / p; log / p tends to `reach` for small p.
            let per = if p * reach < 1e-18 { reach } else { log / p };
            self.r * per * expm1_ratio(-self.r * log)
        })
    }

    /// The log-likelihood of a population and its derivatives by r, α, a, b; `first` is 1 if the first purchase is a
    /// chance to leave, else 0.
    pub(super) fn gradient(&self, rows: &Rows, first: u32) -> (f64, Vec<f64>) {
        let Self { r, alpha, a, b } = *self;
        let most = rows.most_purchases();
        let rises = Rising::new(r, most);
        // ln((b + i) / (a + b + i)) and its derivative by b; that by a is −1 / (a + b + i).
        let stays = Rising::of(most + first, |i| (-ln_1p(a / (b + i)), a / ((b + i) * (a + b + i))));
        let stays_a = Rising::new(a + b, most + first);
        let ln_alpha = ln(alpha);
        let logs = rows.at_times(|t| ln(alpha + t));
        let inverses = rows.at_times(|t| 1.0 / (alpha + t));
        let mut sums = [0.0; 5];
        // What customers with equally many purchases share is computed once.
        for group in rows.rows().chunk_by(|a, b| a.frequency == b.frequency) {
            let Some(first_row) = group.first() else { continue };
            let x = first_row.frequency;
            let chances = x + first;
            let shape = r + f64::from(x);
            let before = b + f64::from(chances) - 1.0;
            let leaving = if chances == 0 { f64::NEG_INFINITY } else { ln(a / before) };
            let (mut all, mut both, mut gone_all, mut log, mut inverse) = (0.0, 0.0, 0.0, 0.0, 0.0);
            for row in group {
                let customers = f64::from(row.customers);
                let here = -shape * time(&logs, row.age);
                let left = leaving - shape * time(&logs, row.recency);
                // The weight of having left, and the likelihood of either.
                let odds = exp(-(left - here).abs());
                let larger = 1.0 / (1.0 + odds);
                let gone = if left > here { larger } else { odds * larger };
                let (gone, alive) = (customers * gone, customers * (1.0 - gone));
                all += customers;
                both += customers * (left.max(here) + ln(1.0 + odds));
                gone_all += gone;
                log += alive * time(&logs, row.age) + gone * time(&logs, row.recency);
                inverse += alive * time(&inverses, row.age) + gone * time(&inverses, row.recency);
            }
            let by_b = if chances == 0 { 0.0 } else { gone_all / before };
            let terms = [
                all * (rises.ln(x) + stays.ln(chances) + r * ln_alpha) + both,
                all * (rises.slope(x) + ln_alpha) - log,
                all * r / alpha - shape * inverse,
                gone_all / a - all * stays_a.slope(chances),
                all * stays.slope(chances) - by_b,
            ];
            add(&mut sums, 1.0, &terms);
        }
        let [value, rest @ ..] = sums;
        (value, rest.to_vec())
    }
}

/// Longer sums are left to the integral.
const LONGEST_SUM: f64 = 600.0;

#[cfg(test)]
mod tests {
    use super::*;

    /// Wherever the series is trusted, the integral says the same.
    #[test]
    fn series_and_integral_agree() {
        let mut compared = 0;
        for a in [0.05, 0.8, 1.0, 1.0 + 1e-9, 4.0] {
            for b in [0.2, 2.4, 60.0] {
                for r in [0.05, 0.24, 3.0, 40.0, 2_000.0] {
                    for t in [1e-6, 0.1, 1.0, 8.0, 1e3] {
                        let model = BetaGeometric { r, alpha: 1.0, a, b };
                        let Some(series) = model.series(t) else { continue };
                        let mean = model.mean(t);
                        assert!((series / mean - 1.0).abs() < 1e-12, "{model:?} {t}: {series} {mean}");
                        compared += 1;
                    }
                }
            }
        }
        assert!(compared > 150, "{compared}");
    }
}
