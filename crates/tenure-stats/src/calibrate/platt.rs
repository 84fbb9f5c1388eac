//! Platt's calibration: a logistic curve.

use crate::error::{StatsError, finite};
use crate::metric::{Scored, Ties};
use crate::optimise::minimise;
use crate::special::{sigmoid, softplus};

/// Probability = 1 / (1 + e^−(slope · score + intercept)).
///
/// Two numbers, so a few hundred items are enough; where there are thousands, [`Isotonic`](crate::Isotonic) fits curves of
/// other shapes. Labels are pulled a little towards the middle, as the paper has it, so there is a best curve even where a score
/// parts the classes.
///
/// # Source
/// Platt, "Probabilistic Outputs for Support Vector Machines", 1999; Lin, Lin and Weng, Machine Learning 68(3), 2007.
///
/// # Example
/// ```
/// use tenure_stats::{Platt, Scored};
/// let scored = [(-2.0, false), (-1.0, false), (-0.5, true), (0.5, false), (1.0, true), (2.0, true)]
///     .map(|(score, positive)| Scored { score, positive });
/// let platt = Platt::fit(&scored)?;
/// assert!(platt.p(-3.0)? < 0.3 && platt.p(3.0)? > 0.7);
/// assert!(platt.p(f64::NAN).is_err());
/// # Ok::<(), tenure_stats::StatsError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Platt {
    /// Of the score; below 0 where high scores go with negatives.
    pub slope: f64,
    /// The log-odds at a score of 0.
    pub intercept: f64,
}

impl Platt {
    /// The most likely curve.
    ///
    /// # Errors
    /// [`StatsError::TooFew`] for no items, [`StatsError::OneClass`] if all labels are equal, [`StatsError::AllEqual`] if all
    /// scores are, [`StatsError::Overflow`] for a score that is no number.
    pub fn fit(scored: &[Scored]) -> Result<Self, StatsError> {
        let ties = Ties::of(scored)?.both_classes()?;
        let mean = ties.groups.iter().map(|tie| tie.items * tie.score).sum::<f64>() / ties.items;
        let square = |score: f64| (score - mean) * (score - mean);
        let spread =
            libm::sqrt(ties.groups.iter().map(|tie| tie.items * square(tie.score)).sum::<f64>() / ties.items);
        if let [tie] = ties.groups.as_slice() {
            return Err(StatsError::AllEqual { what: "scores", seen: scored.len(), value: tie.score });
        }
        finite("the spread of scores", 1.0 / spread)?;
        let negatives = ties.items - ties.positives;
        let (high, low) = ((ties.positives + 1.0) / (ties.positives + 2.0), 1.0 / (negatives + 2.0));
        let loss = |at: &[f64]| {
            let [slope, intercept] = *at else { return None };
            let (mut value, mut by_slope, mut by_intercept) = (0.0, 0.0, 0.0);
            for tie in &ties.groups {
                let x = (tie.score - mean) / spread;
                let log_odds = slope * x + intercept;
                let target = tie.positives * high + (tie.items - tie.positives) * low;
                value += tie.items * softplus(log_odds) - target * log_odds;
                let off = tie.items * sigmoid(log_odds) - target;
                by_slope += off * x;
                by_intercept += off;
            }
            Some((value / ties.items, vec![by_slope / ties.items, by_intercept / ties.items]))
        };
        let unsettled = StatsError::NotConverged { model: "Platt calibration", iterations: 0 };
        let minimum = minimise(&[0.0, 0.0], loss).filter(|minimum| minimum.settled).ok_or(unsettled)?;
        let [slope, intercept] = *minimum.at.as_slice() else {
            return Err(StatsError::Overflow { what: "the curve" });
        };
        let slope = finite("the slope", slope / spread)?;
        Ok(Self { slope, intercept: finite("the intercept", intercept - slope * mean)? })
    }

    /// The probability of a score, in `0.0..=1.0`.
    ///
    /// # Errors
    /// [`StatsError::Overflow`] for a score that is no number.
    pub fn p(&self, score: f64) -> Result<f64, StatsError> {
        finite("a probability", sigmoid(self.slope * finite("a score", score)? + self.intercept))
    }
}
