//! Whether probabilities are what happens.

use super::{Scored, probabilities};
use crate::error::{StatsError, not_negative};
use crate::special::{count, ln};

/// Brier score, in `0.0..=1.0`: the mean squared difference of probability and outcome; 0 is perfect.
///
/// # Errors
/// [`StatsError::TooFew`] for no items, [`StatsError::Domain`] for a score that is no probability.
///
/// # Source
/// Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78(1), 1950.
///
/// # Example
/// ```
/// use tenure_stats::{Scored, brier};
/// let scored = [Scored { score: 0.8, positive: true }, Scored { score: 0.4, positive: false }];
/// assert!((brier(&scored)? - (0.04 + 0.16) / 2.0).abs() < 1e-15);
/// assert!(brier(&[Scored { score: 1.2, positive: true }]).is_err());
/// # Ok::<(), tenure_stats::StatsError>(())
/// ```
pub fn brier(scored: &[Scored]) -> Result<f64, StatsError> {
    let items = probabilities(scored)?;
    let square = |item: &Scored| {
        let off = item.score - outcome(*item);
        off * off
    };
    Ok(items.iter().map(square).sum::<f64>() / count(items.len()))
}

/// By which part the Brier score is better than that of saying the base rate to everybody: 1 − Brier / (base (1 − base)).
/// 1 is perfect, 0 is no better; below 0 is worse.
///
/// # Errors
/// As [`brier`], and [`StatsError::OneClass`] if all labels are equal.
///
/// # Example
/// ```
/// use tenure_stats::{Scored, brier_skill};
/// let scored = [Scored { score: 0.75, positive: true }, Scored { score: 0.25, positive: false }];
/// assert_eq!(brier_skill(&scored)?, 0.75);
/// # Ok::<(), tenure_stats::StatsError>(())
/// ```
pub fn brier_skill(scored: &[Scored]) -> Result<f64, StatsError> {
    let brier = brier(scored)?;
    let positives = scored.iter().filter(|item| item.positive).count();
    if positives == 0 || positives == scored.len() {
        return Err(StatsError::OneClass { seen: scored.len(), label: positives > 0 });
    }
    let base = count(positives) / count(scored.len());
    Ok(1.0 - brier / (base * (1.0 - base)))
}

/// Logarithmic loss: the mean of −ln(probability given to what happened); 0 is perfect, ln 2 is a coin.
///
/// A probability of 0 or 1 that is wrong would cost infinitely much: it is taken as 10^−15 from there, so the loss is at most
/// 34.54.
///
/// # Errors
/// As [`brier`].
///
/// # Example
/// ```
/// use tenure_stats::{Scored, log_loss};
/// let coin = [Scored { score: 0.5, positive: true }, Scored { score: 0.5, positive: false }];
/// assert!((log_loss(&coin)? - 2.0_f64.ln()).abs() < 1e-15);
/// assert!(log_loss(&[Scored { score: 0.0, positive: true }])? < 34.54);
/// # Ok::<(), tenure_stats::StatsError>(())
/// ```
pub fn log_loss(scored: &[Scored]) -> Result<f64, StatsError> {
    let items = probabilities(scored)?;
    let loss = |item: &Scored| {
        let given = if item.positive { item.score } else { 1.0 - item.score };
        -ln(given.max(1e-15))
    };
    Ok(items.iter().map(loss).sum::<f64>() / count(items.len()))
}

/// Items whose probabilities lie in one of equally wide ranges.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReliabilityBin {
    /// Where the range begins; it ends before the next one begins, the last at 1, which belongs to it.
    pub from: f64,
    /// How many items there are.
    pub items: usize,
    /// Their mean probability; 0 for an empty bin.
    pub mean_score: f64,
    /// The share of positives among them; 0 for an empty bin.
    pub share_positive: f64,
}

/// What was said beside what happened, in `bins` equally wide ranges of probability (10 is usual). Equal probabilities are in
/// one bin.
///
/// # Errors
/// As [`brier`], and [`StatsError::Domain`] for no bins or more than 1,000.
///
/// # Example
/// ```
/// use tenure_stats::{Scored, reliability};
/// let bins = reliability(&[Scored { score: 0.5, positive: true }, Scored { score: 0.7, positive: false }], 2)?;
/// assert_eq!((bins[0].items, bins[1].items, bins[1].share_positive), (0, 2, 0.5));
/// # Ok::<(), tenure_stats::StatsError>(())
/// ```
pub fn reliability(scored: &[Scored], bins: u32) -> Result<Vec<ReliabilityBin>, StatsError> {
    check_bins(bins)?;
    let items = probabilities(scored)?;
    let mut rest = items.as_slice();
    let mut answer = Vec::new();
    for bin in 1..=bins {
        let to = f64::from(bin) / f64::from(bins);
        let end = if bin == bins { rest.len() } else { rest.partition_point(|item| item.score < to) };
        let (within, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        let size = count(within.len().max(1));
        answer.push(ReliabilityBin {
            from: f64::from(bin - 1) / f64::from(bins),
            items: within.len(),
            mean_score: within.iter().map(|item| item.score).sum::<f64>() / size,
            share_positive: within.iter().map(|item| outcome(*item)).sum::<f64>() / size,
        });
        rest = after;
    }
    Ok(answer)
}

/// Expected calibration error, in `0.0..=1.0`: the mean over items of how far their bin's mean probability is from its share
/// of positives. 0 is perfect. It depends on the number of bins (10 is usual): compare only with equal ones.
///
/// # Errors
/// As [`reliability`].
///
/// # Source
/// Naeini, Cooper and Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning", AAAI 2015.
///
/// # Example
/// ```
/// use tenure_stats::{Scored, ece};
/// let scored = [Scored { score: 0.1, positive: false }, Scored { score: 0.7, positive: true }];
/// assert!((ece(&scored, 10)? - (0.1 + 0.3) / 2.0).abs() < 1e-15);
/// # Ok::<(), tenure_stats::StatsError>(())
/// ```
pub fn ece(scored: &[Scored], bins: u32) -> Result<f64, StatsError> {
    let bins = reliability(scored, bins)?;
    let off = |bin: &ReliabilityBin| count(bin.items) * (bin.mean_score - bin.share_positive).abs();
    not_negative("ECE", bins.iter().map(off).sum::<f64>() / count(scored.len()))
}

pub(super) fn check_bins(bins: u32) -> Result<(), StatsError> {
    if bins == 0 || bins > 1_000 {
        return Err(StatsError::Domain { name: "bins", value: f64::from(bins), expected: "1 to 1,000" });
    }
    Ok(())
}

pub(super) fn outcome(item: Scored) -> f64 {
    f64::from(u8::from(item.positive))
}
