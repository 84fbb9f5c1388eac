//! Kaplan-Meier: how many are still here after a time, when some are only known to have stayed until now.

use crate::error::{StatsError, not_negative};
use crate::special::{count, exp, ln};

/// How long somebody stayed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lifetime {
    /// From the beginning to the end, or until now; 0 and more.
    pub duration: f64,
    /// Whether it ended; else it goes on.
    pub ended: bool,
}

/// The state at a time at which somebody left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SurvivalStep {
    /// The time.
    pub time: f64,
    /// How many were here right before.
    pub at_risk: usize,
    /// How many of them left.
    pub ended: usize,
    /// Share that is still here after it, in `0.0..=1.0`.
    pub survival: f64,
    /// Greenwood's standard error of the share; nothing where nobody is left.
    pub standard_error: Option<f64>,
    /// Confidence interval of the share, by the logarithm of its logarithm, so inside of `0.0..=1.0`; nothing where nobody is
    /// left.
    pub interval: Option<(f64, f64)>,
}

/// The share of customers that is still here after a time.
///
/// S(t) = Π (1 − dᵢ / nᵢ) over times tᵢ ≤ t. Who leaves at a time and who is last seen at it: the former come first.
///
/// # Source
/// Kaplan and Meier, Journal of the American Statistical Association 53, 1958; Greenwood, 1926; Kalbfleisch and Prentice, The
/// Statistical Analysis of Failure Time Data, section 1.4.
///
/// # Example
/// ```
/// use tenure_stats::{KaplanMeier, Lifetime};
/// let lives = [(1.0, true), (2.0, false), (3.0, true), (4.0, false)];
/// let curve = KaplanMeier::fit(&lives.map(|(duration, ended)| Lifetime { duration, ended }), 0.95)?;
/// assert_eq!((curve.survival(0.5)?, curve.survival(1.0)?, curve.survival(3.5)?), (1.0, 0.75, 0.375));
/// assert_eq!(curve.median(), Some(3.0));
/// let step = curve.steps()[0];
/// assert!(step.standard_error.is_some_and(|error| (error - 0.2165).abs() < 1e-4));
/// assert!(KaplanMeier::fit(&[], 0.95).is_err());
/// # Ok::<(), tenure_stats::StatsError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct KaplanMeier {
    steps: Vec<SurvivalStep>,
    longest: f64,
}

impl KaplanMeier {
    /// The curve, with confidence intervals of a level as 0.95.
    ///
    /// # Errors
    /// [`StatsError::TooFew`] for nobody, [`StatsError::Domain`] for a duration below 0 or a level that is not between 0 and 1.
    pub fn fit(lifetimes: &[Lifetime], level: f64) -> Result<Self, StatsError> {
        if lifetimes.is_empty() {
            return Err(StatsError::TooFew { what: "lifetimes", seen: 0, needed: 1 });
        }
        if !(level > 0.0 && level < 1.0) {
            return Err(StatsError::Domain { name: "level", value: level, expected: "between 0 and 1" });
        }
        let z = normal_quantile(level);
        let mut sorted = Vec::with_capacity(lifetimes.len());
        for life in lifetimes {
            sorted.push((not_negative("duration", life.duration)? + 0.0, life.ended));
        }
        sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let longest = sorted.last().map_or(0.0, |(duration, _)| *duration);
        let (mut survival, mut greenwood, mut at_risk) = (1.0, 0.0, sorted.len());
        let mut steps = Vec::new();
        for group in sorted.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
            let ended = group.iter().filter(|(_, ended)| *ended).count();
            if let (Some((time, _)), true) = (group.first(), ended > 0) {
                let (d, n) = (count(ended), count(at_risk));
                survival *= 1.0 - d / n;
                greenwood += d / (n * (n - d));
                let some_left = ended < at_risk;
                steps.push(SurvivalStep {
                    time: *time,
                    at_risk,
                    ended,
                    survival,
                    standard_error: some_left.then(|| survival * libm::sqrt(greenwood)),
                    interval: some_left.then(|| interval(survival, greenwood, z)),
                });
            }
            at_risk -= group.len();
        }
        Ok(Self { steps, longest })
    }

    /// Each time at which somebody left, ascending; none if nobody did.
    pub fn steps(&self) -> &[SurvivalStep] {
        &self.steps
    }

    /// The share that is still here after a time. Beyond the longest lifetime nothing is known: the last share stands.
    ///
    /// # Errors
    /// [`StatsError::Domain`] for a time below 0.
    pub fn survival(&self, time: f64) -> Result<f64, StatsError> {
        let time = not_negative("time", time)?;
        let passed = self.steps.partition_point(|step| step.time <= time);
        Ok(passed.checked_sub(1).and_then(|i| self.steps.get(i)).map_or(1.0, |step| step.survival))
    }

    /// The first time after which at most half are still here; nothing if more than half always are.
    pub fn median(&self) -> Option<f64> {
        self.steps.iter().find(|step| step.survival <= 0.5).map(|step| step.time)
    }

    /// The longest lifetime, ended or not.
    pub const fn longest(&self) -> f64 {
        self.longest
    }
}

/// S^e^(±z σ / ln S), where σ² is Greenwood's sum.
fn interval(survival: f64, greenwood: f64, z: f64) -> (f64, f64) {
    let log = ln(survival);
    let wide = exp(z * libm::sqrt(greenwood) / -log);
    (exp(log * wide), exp(log / wide))
}

/// The z between −z and z of which a standard normal lies with a probability of `level`, by bisection.
fn normal_quantile(level: f64) -> f64 {
    let (mut low, mut high) = (0.0, 40.0);
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if libm::erfc(middle * core::f64::consts::FRAC_1_SQRT_2) > 1.0 - level {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_level_is_1_96() {
        assert!((normal_quantile(0.95) - 1.959_963_984_540_054).abs() < 1e-13);
        assert!((normal_quantile(0.5) - 0.674_489_750_196_081_7).abs() < 1e-13);
    }

    /// Freireich's leukaemia trial, 21 patients under 6-MP: Kalbfleisch and Prentice, table 1.2. After 10 weeks .7529 with a
    /// standard error of .0963, and by log-log .5032 to .8894.
    #[test]
    fn freireichs_patients() {
        let ended = [6.0, 6.0, 6.0, 7.0, 10.0, 13.0, 16.0, 22.0, 23.0].map(|duration| (duration, true));
        let going_on =
            [6.0, 9.0, 10.0, 11.0, 17.0, 19.0, 20.0, 25.0, 32.0, 32.0, 34.0, 35.0].map(|d| (d, false));
        let lives: Vec<_> =
            ended.into_iter().chain(going_on).map(|(duration, ended)| Lifetime { duration, ended }).collect();
        let curve = KaplanMeier::fit(&lives, 0.95).unwrap();
        let shares: Vec<String> = curve.steps().iter().map(|step| format!("{:.4}", step.survival)).collect();
        assert_eq!(shares, ["0.8571", "0.8067", "0.7529", "0.6902", "0.6275", "0.5378", "0.4482"]);
        let ten = curve.steps()[2];
        let (low, high) = ten.interval.unwrap();
        assert_eq!(format!("{:.4} {low:.4} {high:.4}", ten.standard_error.unwrap()), "0.0963 0.5032 0.8894");
        assert_eq!((curve.median(), curve.longest()), (Some(23.0), 35.0));
    }
}
