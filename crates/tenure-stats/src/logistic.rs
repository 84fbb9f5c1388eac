//! Logistic regression with an L2 penalty.

use crate::error::{StatsError, finite, not_negative};
use crate::linear::{Cholesky, dot};
use crate::special::{ln, sigmoid, softplus};

/// What is known of one case, and what happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// Numbers, the same ones in the same order for every case.
    pub features: Vec<f64>,
    /// Whether it came true.
    pub positive: bool,
}

/// Cases that are alike, together.
#[derive(Clone, Debug, PartialEq)]
pub struct Trials {
    /// Numbers, the same ones in the same order for every group.
    pub features: Vec<f64>,
    /// How many cases.
    pub cases: u64,
    /// How many of them came true.
    pub positive: u64,
}

/// Log-odds that are linear in the features: ln(p / (1 − p)) = intercept + Σ weight · feature.
///
/// The weights maximise the log-likelihood less `l2` / 2 · Σ (weight · spread of the feature)²; the intercept goes free. So the
/// penalty does not depend on units. A feature that never differs gets no weight.
///
/// # Example
/// ```
/// use tenure_stats::{Example, Logistic};
/// let cases = [(1.0, false), (2.0, false), (3.0, true), (4.0, false), (5.0, true), (6.0, true)];
/// let examples = cases.map(|(x, positive)| Example { features: vec![x, 7.0], positive });
/// let model = Logistic::fit(&examples, 1.0)?;
/// assert!(model.p(&[1.0, 7.0])? < 0.4 && model.p(&[6.0, 7.0])? > 0.6);
/// // Why: log-odds are those of the average case and a contribution of each feature.
/// let because = model.contributions(&[6.0, 7.0])?;
/// assert!(because[0] > 0.0 && because[1] == 0.0);
/// let sum = model.baseline() + because.iter().sum::<f64>();
/// assert!((sum - model.log_odds(&[6.0, 7.0])?).abs() < 1e-12);
/// # Ok::<(), tenure_stats::StatsError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Logistic {
    /// The log-odds where all features are 0.
    pub intercept: f64,
    /// One for each feature.
    pub weights: Vec<f64>,
    /// The mean of each feature among the examples.
    pub means: Vec<f64>,
    /// The log-likelihood of the examples, without the penalty.
    pub log_likelihood: f64,
    /// Steps of the search.
    pub iterations: usize,
}

impl Logistic {
    const NAME: &'static str = "logistic regression";

    /// The best weights, by Newton's method (iteratively reweighted least squares), with steps halved where they overshoot.
    ///
    /// # Errors
    /// [`StatsError::TooFew`] for no examples, [`StatsError::OneClass`] if all labels are equal, [`StatsError::Length`] if
    /// examples differ in their number of features, [`StatsError::Overflow`] for a feature that is no number,
    /// [`StatsError::Domain`] for a penalty below 0, [`StatsError::NoOptimum`] without a penalty where features part the classes
    /// or depend on each other.
    pub fn fit(examples: &[Example], l2: f64) -> Result<Self, StatsError> {
        let one = |example: &Example| Trials {
            features: example.features.clone(),
            cases: 1,
            positive: u64::from(example.positive),
        };
        Self::fit_trials(&examples.iter().map(one).collect::<Vec<_>>(), l2)
    }

    /// The same of cases in groups: what takes place in a population of any size is as dear as it has distinct cases.
    ///
    /// # Errors
    /// As [`fit`](Self::fit); [`StatsError::Domain`] where more came true than there were.
    pub fn fit_trials(trials: &[Trials], l2: f64) -> Result<Self, StatsError> {
        let l2 = not_negative("l2", l2)?;
        let (cases, positives) = totals(trials)?;
        let Scaled { rows, means, spreads } = Scaled::of(trials, real(cases))?;
        if positives == 0 || positives == cases {
            let seen = usize::try_from(cases).unwrap_or(usize::MAX);
            return Err(StatsError::OneClass { seen, label: positives > 0 });
        }
        let labels: Vec<Label> = trials.iter().map(Label::of).collect();
        let odds = real(positives) / real(cases - positives);
        let mut at = vec![0.0; means.len() + 1];
        if let Some(intercept) = at.first_mut() {
            *intercept = ln(odds);
        }
        let mut value = loss(&rows, &labels, &at, l2);
        for iterations in 1..=100 {
            let (gradient, hessian) = slopes(&rows, &labels, &at, l2);
            let step = Cholesky::of(&hessian).map(|hessian| hessian.solve(&gradient));
            let furthest = at.iter().fold(0.0_f64, |most, x| x.abs().max(most));
            let Some(step) = step.filter(|_| furthest < 1e3) else {
                return Err(StatsError::NoOptimum {
                    model: Self::NAME,
                    parameter: "a weight",
                    value: furthest,
                });
            };
            let largest = step.iter().fold(0.0_f64, |most, x| x.abs().max(most));
            let mut part = 1.0;
            loop {
                let next: Vec<f64> = at.iter().zip(&step).map(|(x, s)| x - part * s).collect();
                let next_value = loss(&rows, &labels, &next, l2);
                // Rounding of a sum may hide that a tiny step goes down.
                if next_value <= value || largest * part < 1e-8 {
                    (at, value) = (next, next_value);
                    break;
                }
                part *= 0.5;
            }
            if largest < 1e-10 {
                return Self::unscaled(&at, means, &spreads, -loss(&rows, &labels, &at, 0.0), iterations);
            }
        }
        Err(StatsError::NotConverged { model: Self::NAME, iterations: 100 })
    }

    fn unscaled(
        at: &[f64],
        means: Vec<f64>,
        spreads: &[f64],
        log_likelihood: f64,
        iterations: usize,
    ) -> Result<Self, StatsError> {
        let (middle, scaled) = at.split_first().unwrap_or((&0.0, &[]));
        let weights: Vec<f64> =
            scaled.iter().zip(spreads).map(|(w, s)| if *s > 0.0 { w / s } else { 0.0 }).collect();
        let intercept = finite("the intercept", middle - dot(&weights, &means))?;
        for weight in &weights {
            finite("a weight", *weight)?;
        }
        Ok(Self { intercept, weights, means, log_likelihood, iterations })
    }

    /// The log-odds of a case.
    ///
    /// # Errors
    /// [`StatsError::Length`] for another number of features, [`StatsError::Overflow`] for one that is no number.
    pub fn log_odds(&self, features: &[f64]) -> Result<f64, StatsError> {
        let (seen, expected) = (features.len(), self.weights.len());
        if seen != expected {
            return Err(StatsError::Length { what: "features", seen, expected });
        }
        finite("the log-odds", self.intercept + dot(&self.weights, features))
    }

    /// The probability of a case, in `0.0..=1.0`.
    ///
    /// # Errors
    /// As [`log_odds`](Self::log_odds).
    pub fn p(&self, features: &[f64]) -> Result<f64, StatsError> {
        self.log_odds(features).map(sigmoid)
    }

    /// The log-odds of a case whose features are all average.
    pub fn baseline(&self) -> f64 {
        self.intercept + dot(&self.weights, &self.means)
    }

    /// What each feature adds to the [`baseline`](Self::baseline): weight · (feature − mean), in log-odds.
    ///
    /// # Errors
    /// As [`log_odds`](Self::log_odds).
    pub fn contributions(&self, features: &[f64]) -> Result<Vec<f64>, StatsError> {
        self.log_odds(features)?;
        let offsets = features.iter().zip(&self.means).map(|(feature, mean)| feature - mean);
        offsets.zip(&self.weights).map(|(offset, weight)| finite("a contribution", weight * offset)).collect()
    }
}

/// All cases and all that came true.
fn totals(trials: &[Trials]) -> Result<(u64, u64), StatsError> {
    let mut totals = (0_u64, 0_u64);
    for group in trials {
        if group.positive > group.cases {
            let expected = "no more than there were cases";
            return Err(StatsError::Domain { name: "positive", value: real(group.positive), expected });
        }
        totals = (totals.0.saturating_add(group.cases), totals.1.saturating_add(group.positive));
    }
    if totals.0 == 0 {
        return Err(StatsError::TooFew { what: "examples", seen: 0, needed: 1 });
    }
    Ok(totals)
}

/// What came of a group.
struct Label {
    cases: f64,
    positive: f64,
}

impl Label {
    fn of(group: &Trials) -> Self {
        Self { cases: real(group.cases), positive: real(group.positive) }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count of cases")]
fn real(count: u64) -> f64 {
    count as f64
}

/// Features with mean 0 and spread 1, and a 1 before them.
struct Scaled {
    rows: Vec<Vec<f64>>,
    means: Vec<f64>,
    spreads: Vec<f64>,
}

impl Scaled {
    fn of(trials: &[Trials], cases: f64) -> Result<Self, StatsError> {
        let Some(first) = trials.first() else {
            return Err(StatsError::TooFew { what: "examples", seen: 0, needed: 1 });
        };
        let expected = first.features.len();
        let mut means = vec![0.0; expected];
        for group in trials {
            let seen = group.features.len();
            if seen != expected {
                return Err(StatsError::Length { what: "features", seen, expected });
            }
            for (mean, feature) in means.iter_mut().zip(&group.features) {
                *mean += finite("a feature", *feature)? * real(group.cases) / cases;
            }
        }
        let mut spreads = vec![0.0; expected];
        for group in trials {
            for ((spread, feature), mean) in spreads.iter_mut().zip(&group.features).zip(&means) {
                *spread += (feature - mean) * (feature - mean) * real(group.cases) / cases;
            }
        }
        for (spread, mean) in spreads.iter_mut().zip(&means) {
            let root = libm::sqrt(finite("the spread of a feature", *spread)?);
            // What rounding leaves of a feature that never differs is no spread.
            *spread = if root > 1e-12 * mean.abs() { root } else { 0.0 };
        }
        let rows = trials
            .iter()
            .map(|group| {
                let scaled = group.features.iter().zip(&means).zip(&spreads);
                let scaled =
                    scaled.map(|((x, mean), spread)| if *spread > 0.0 { (x - mean) / spread } else { 0.0 });
                core::iter::once(1.0).chain(scaled).collect()
            })
            .collect();
        Ok(Self { rows, means, spreads })
    }
}

/// The negative log-likelihood and the penalty.
fn loss(rows: &[Vec<f64>], labels: &[Label], at: &[f64], l2: f64) -> f64 {
    let mut sum = 0.0;
    for (row, label) in rows.iter().zip(labels) {
        let log_odds = dot(row, at);
        sum += label.cases * softplus(log_odds) - label.positive * log_odds;
    }
    let (_, weights) = at.split_first().unwrap_or((&0.0, &[]));
    sum + 0.5 * l2 * dot(weights, weights)
}

/// Gradient and Hessian of the loss.
fn slopes(rows: &[Vec<f64>], labels: &[Label], at: &[f64], l2: f64) -> (Vec<f64>, Vec<Vec<f64>>) {
    let mut gradient = vec![0.0; at.len()];
    let mut hessian = vec![vec![0.0; at.len()]; at.len()];
    for (row, label) in rows.iter().zip(labels) {
        let p = sigmoid(dot(row, at));
        let weight = label.cases * p * (1.0 - p);
        for ((g, line), x) in gradient.iter_mut().zip(&mut hessian).zip(row) {
            *g += (label.cases * p - label.positive) * x;
            for (h, y) in line.iter_mut().zip(row) {
                *h += weight * x * y;
            }
        }
    }
    for (i, ((g, line), w)) in gradient.iter_mut().zip(&mut hessian).zip(at).enumerate() {
        let penalty = if i == 0 { 0.0 } else { l2 };
        *g += penalty * w;
        if let Some(h) = line.get_mut(i) {
            *h += penalty;
            // A feature that never differs has nothing to say: any curvature keeps its weight at 0.
            if *h == 0.0 {
                *h = 1.0;
            }
        }
    }
    (gradient, hessian)
}
