//! Whether high scores come before low ones.

use super::{Scored, Ties};
use crate::error::StatsError;

/// Area under the ROC curve, in `0.0..=1.0`: the probability that a positive has a higher score than a negative, where equal
/// scores count one half. 0.5 is chance.
///
/// # Errors
/// [`StatsError::TooFew`] for no items, [`StatsError::OneClass`] if all labels are equal, [`StatsError::Overflow`] for a score
/// that is no number.
///
/// # Source
/// Mann and Whitney, "On a Test of Whether one of Two Random Variables is Stochastically Larger than the Other", Annals of
/// Mathematical Statistics 18(1), 1947.
///
/// # Example
/// ```
/// use tenure_stats::{Scored, auc};
/// let scored = [(0.9, true), (0.5, true), (0.5, false), (0.1, false)].map(|(score, positive)| Scored { score, positive });
/// assert_eq!(auc(&scored)?, 0.875); // 3 pairs of 4 in order, 1 tied
/// assert!(auc(&scored[..2]).is_err()); // nobody to compare with
/// # Ok::<(), tenure_stats::StatsError>(())
/// ```
pub fn auc(scored: &[Scored]) -> Result<f64, StatsError> {
    let ties = Ties::of(scored)?.both_classes()?;
    let (mut below, mut halves) = (0.0, 0.0);
    for tie in &ties.groups {
        let negatives = tie.items - tie.positives;
        // Twice the pairs in order, to count in whole numbers.
        halves += tie.positives * (2.0 * below + negatives);
        below += negatives;
    }
    Ok(0.5 * halves / (ties.positives * (ties.items - ties.positives)))
}

/// Area under the curve of precision over recall, in `0.0..=1.0`, as average precision: Σ (recall gained) · precision over
/// the distinct scores from the highest down. Chance is the share of positives.
///
/// # Errors
/// As [`auc`].
///
/// # Example
/// ```
/// use tenure_stats::{Scored, pr_auc};
/// let scored = [(0.9, true), (0.8, false), (0.7, true)].map(|(score, positive)| Scored { score, positive });
/// assert!((pr_auc(&scored)? - (0.5 * 1.0 + 0.5 * 2.0 / 3.0)).abs() < 1e-15);
/// # Ok::<(), tenure_stats::StatsError>(())
/// ```
pub fn pr_auc(scored: &[Scored]) -> Result<f64, StatsError> {
    let ties = Ties::of(scored)?.both_classes()?;
    let (mut taken, mut found, mut area) = (0.0, 0.0, 0.0);
    for tie in ties.groups.iter().rev() {
        taken += tie.items;
        found += tie.positives;
        area += tie.positives * (found / taken);
    }
    Ok((area / ties.positives).min(1.0))
}

/// What is found among those with the highest scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Capture {
    /// Share of all positives that is among them, in `0.0..=1.0`.
    pub captured: f64,
    /// How many times more positives there are among them than in as many chosen by chance; 0 and more, 1 is chance.
    pub lift: f64,
}

/// Capture and lift of the `share` of items with the highest scores. Of items tied at the cut, as many count as fit, with
/// their mean number of positives.
///
/// # Errors
/// As [`auc`], and [`StatsError::Domain`] for a share that is not above 0 and at most 1.
///
/// # Example
/// ```
/// use tenure_stats::{Scored, capture};
/// let scored = [(0.9, true), (0.5, true), (0.5, false), (0.1, false)].map(|(score, positive)| Scored { score, positive });
/// let half = capture(&scored, 0.5)?; // the first, and half of the two that are tied
/// assert_eq!((half.captured, half.lift), (0.75, 1.5));
/// # Ok::<(), tenure_stats::StatsError>(())
/// ```
pub fn capture(scored: &[Scored], share: f64) -> Result<Capture, StatsError> {
    if !(share > 0.0 && share <= 1.0) {
        return Err(StatsError::Domain { name: "share", value: share, expected: "above 0 and at most 1" });
    }
    let ties = Ties::of(scored)?.both_classes()?;
    let mut left = share * ties.items;
    let mut found = 0.0;
    for tie in ties.groups.iter().rev() {
        let taken = tie.items.min(left);
        found += tie.positives * (taken / tie.items);
        left -= taken;
    }
    let captured = (found / ties.positives).min(1.0);
    Ok(Capture { captured, lift: captured / share })
}
