//! A score that is learnt from what came: logistic regression on features, calibrated on other cases.

use serde::{Deserialize, Serialize};
use tenure_stats::{Example, Logistic, Platt, Scored, StatsError};

use super::Features;

/// How strongly weights are held to 0 while learning, for features of spread 1: a weight is worth its while only if it
/// explains more than this.
const L2: f64 = 1.0;

/// Cases of either kind without which nothing can be learnt.
const LEAST_OF_A_CLASS: usize = 20;

/// One case to learn from: what was known, and what came.
#[derive(Clone, Debug, PartialEq)]
pub struct Lesson {
    /// What was known.
    pub features: Features,
    /// Whether the customer lapsed.
    pub lapsed: bool,
}

/// A learnt score: the probability that a customer lapses, as a sum of what each feature adds to the log-odds.
///
/// # Laws
/// The contributions and the baseline add up to the log-odds before calibration, but for rounding.
///
/// # Example
/// ```
/// use tenure_core::forecast::{Learnt, LearntError};
/// let nothing = Learnt::of(&[], &[], &[]);
/// assert_eq!(nothing, Err(LearntError::TooFewOfAClass { cases: 0, lapsed: 0, least: 20 }));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Learnt {
    /// Weights, in the order of the features.
    pub features: Vec<LearntFeature>,
    /// The log-odds of a case that is average in every feature.
    pub baseline: f64,
    /// Slope and intercept by which log-odds are made honest; none where there were no other cases to learn them from.
    pub calibration: Option<[f64; 2]>,
    /// How many cases it was learnt from.
    pub cases: usize,
    /// How many of them lapsed.
    pub lapsed: usize,
}

/// What a feature weighs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LearntFeature {
    /// Its name.
    pub name: String,
    /// Log-odds for each unit.
    pub weight: f64,
    /// Its mean among the cases.
    pub mean: f64,
}

/// The learnt score of one customer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LearntView {
    /// The probability that the customer lapses, calibrated.
    pub p: f64,
    /// The log-odds before calibration.
    pub log_odds: f64,
    /// What each feature adds to the baseline, in log-odds, in the order of the features.
    pub contributions: Vec<f64>,
}

/// Why nothing was learnt.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LearntError {
    /// **What to do:** choose a longer horizon or more cuts; until then P0 and the rules are what there is.
    #[error(
        "{lapsed} of {cases} cases lapsed: at least {least} of either kind are needed to learn from; take more cuts or another horizon"
    )]
    TooFewOfAClass {
        /// How many cases there are.
        cases: usize,
        /// How many of them lapsed.
        lapsed: usize,
        /// How many are needed of either kind.
        least: usize,
    },
    /// The regression, or a feature that is no number.
    #[error(transparent)]
    Stats(#[from] StatsError),
}

impl Learnt {
    /// Learns from cases, and calibrates on others, which must be later ones or other customers.
    ///
    /// # Errors
    /// [`LearntError::TooFewOfAClass`] among the cases to learn from; too few others only mean that nothing is calibrated.
    pub fn of(names: &[String], lessons: &[Lesson], others: &[Lesson]) -> Result<Self, LearntError> {
        let enough = |lessons: &[Lesson]| {
            let lapsed = lessons.iter().filter(|lesson| lesson.lapsed).count();
            (lapsed, lapsed >= LEAST_OF_A_CLASS && lessons.len() - lapsed >= LEAST_OF_A_CLASS)
        };
        let (cases, (lapsed, true)) = (lessons.len(), enough(lessons)) else {
            let lapsed = enough(lessons).0;
            return Err(LearntError::TooFewOfAClass {
                cases: lessons.len(),
                lapsed,
                least: LEAST_OF_A_CLASS,
            });
        };
        let example =
            |lesson: &Lesson| Example { features: lesson.features.values().into(), positive: lesson.lapsed };
        let logistic = Logistic::fit(&lessons.iter().map(example).collect::<Vec<_>>(), L2)?;
        let weights = logistic.weights.iter().zip(&logistic.means).zip(names);
        let mut learnt = Self {
            features: weights
                .map(|((weight, mean), name)| LearntFeature {
                    name: name.clone(),
                    weight: *weight,
                    mean: *mean,
                })
                .collect(),
            baseline: logistic.baseline(),
            calibration: None,
            cases,
            lapsed,
        };
        if enough(others).1 {
            let scored = others.iter().map(|lesson| {
                let score = learnt.score(&lesson.features)?.log_odds;
                Ok(Scored { score, positive: lesson.lapsed })
            });
            let platt = Platt::fit(&scored.collect::<Result<Vec<_>, LearntError>>()?)?;
            learnt.calibration = Some([platt.slope, platt.intercept]);
        }
        Ok(learnt)
    }

    /// The score of one customer.
    ///
    /// # Errors
    /// [`LearntError::Stats`] for another number of features, or one that is no number.
    pub fn score(&self, features: &Features) -> Result<LearntView, LearntError> {
        let values = features.values();
        let (seen, expected) = (values.len(), self.features.len());
        if seen != expected {
            return Err(StatsError::Length { what: "features", seen, expected }.into());
        }
        let off = |(value, of): (&f64, &LearntFeature)| of.weight * (value - of.mean);
        let contributions: Vec<f64> = values.iter().zip(&self.features).map(off).collect();
        let log_odds = self.baseline + contributions.iter().sum::<f64>();
        let [slope, intercept] = self.calibration.unwrap_or([1.0, 0.0]);
        let p = Platt { slope, intercept }.p(log_odds)?;
        Ok(LearntView { p, log_odds, contributions })
    }
}
