//! How sure a metric is: the same metric of samples drawn from the items, again and again.

use super::probability::{check_bins, outcome};
use super::{Scored, probabilities};
use crate::error::StatsError;
use crate::special::count;

/// How samples are drawn: equal ones are equal to the last bit.
///
/// # Example
/// ```
/// use tenure_stats::Resampling;
/// assert_eq!(Resampling::default(), Resampling { samples: 1_000, level: 0.95, seed: 1 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resampling {
    /// How many samples, 1 to 100,000.
    pub samples: u32,
    /// The share of samples inside of the interval, above 0 and below 1.
    pub level: f64,
    /// What the pseudo-random numbers follow from.
    pub seed: u64,
}

impl Default for Resampling {
    fn default() -> Self {
        Self { samples: 1_000, level: 0.95, seed: 1 }
    }
}

/// The bootstrap interval of the [`ece`](crate::ece): its percentiles over samples of as many items, drawn with replacement.
///
/// ECE is never below 0 and grows with noise, so the interval lies mostly above what a perfectly calibrated score would have
/// with endless data; it may lie above the ECE itself.
///
/// # Errors
/// As [`ece`](crate::ece), and [`StatsError::Domain`] outside of the ranges of [`Resampling`].
///
/// # Source
/// Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13 (percentile intervals); the numbers drawn are
/// `SplitMix64`: Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014.
///
/// # Example
/// ```
/// use tenure_stats::{Resampling, Scored, ece, ece_interval};
/// let scored: Vec<Scored> =
///     (0..200).map(|n| Scored { score: f64::from(n % 10) / 10.0, positive: n % 10 > n / 10 % 10 }).collect();
/// let [low, high] = ece_interval(&scored, 10, Resampling::default())?;
/// assert!(ece(&scored, 10)? < 0.1 && low > 0.0 && low < high && high < 0.2, "{low} {high}");
/// # Ok::<(), tenure_stats::StatsError>(())
/// ```
pub fn ece_interval(scored: &[Scored], bins: u32, resampling: Resampling) -> Result<[f64; 2], StatsError> {
    check_bins(bins)?;
    let Resampling { samples, level, seed } = resampling;
    if samples == 0 || samples > 100_000 {
        return Err(StatsError::Domain {
            name: "samples",
            value: f64::from(samples),
            expected: "1 to 100,000",
        });
    }
    if !(level > 0.0 && level < 1.0) {
        return Err(StatsError::Domain { name: "level", value: level, expected: "above 0 and below 1" });
    }
    let items: Vec<(usize, f64)> = probabilities(scored)?
        .into_iter()
        .map(|item| (bin_of(item.score, bins), item.score - outcome(item)))
        .collect();
    let mut random = SplitMix(seed);
    let mut found: Vec<f64> = (0..samples)
        .map(|_| {
            // What is said less what happens, summed in each bin; the mean over items is that of the absolute sums.
            let mut off = vec![0.0; usize::try_from(bins).unwrap_or(0)];
            for _ in 0..items.len() {
                let drawn = items.get(random.below(items.len()));
                if let Some((bin, by)) = drawn
                    && let Some(off) = off.get_mut(*bin)
                {
                    *off += by;
                }
            }
            off.iter().map(|off| off.abs()).sum::<f64>() / count(items.len())
        })
        .collect();
    found.sort_unstable_by(f64::total_cmp);
    let tail = (1.0 - level) / 2.0;
    let at = |share: f64| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a list")]
        let place = (share * count(found.len())) as usize;
        found.get(place.min(found.len() - 1)).copied().unwrap_or(0.0)
    };
    Ok([at(tail), at(1.0 - tail)])
}

/// The bin of a probability, as [`reliability`](crate::reliability) has it.
fn bin_of(score: f64, bins: u32) -> usize {
    let ends = (1..bins).take_while(|bin| score >= f64::from(*bin) / f64::from(bins));
    ends.count()
}

/// Pseudo-random numbers that follow from a seed.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// Below a number above 0. Numbers of 64 bits make the bias of the product nothing to speak of.
    fn below(&mut self, end: usize) -> usize {
        let wide = u128::from(self.next()) * end as u128;
        usize::try_from(wide >> 64).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::ece;

    #[test]
    fn an_item_is_in_the_bin_that_reliability_puts_it_in() {
        let scored: Vec<Scored> =
            (0..=100).map(|n| Scored { score: f64::from(n) / 100.0, positive: n % 3 == 0 }).collect();
        for bins in [1, 2, 3, 7, 10, 100] {
            let mut counts = vec![0; bins as usize];
            for item in &scored {
                counts[bin_of(item.score, bins)] += 1;
            }
            let told: Vec<usize> =
                crate::reliability(&scored, bins).unwrap().iter().map(|bin| bin.items).collect();
            assert_eq!(counts, told, "{bins}");
        }
    }

    #[test]
    fn a_sample_of_equal_items_has_the_metric_itself() {
        let scored = [Scored { score: 0.7, positive: true }; 40];
        let [low, high] = ece_interval(&scored, 10, Resampling::default()).unwrap();
        let whole = ece(&scored, 10).unwrap();
        assert!((low - whole).abs() < 1e-12 && (high - whole).abs() < 1e-12, "{low} {whole} {high}");
    }

    #[test]
    fn the_interval_narrows_with_the_root_of_the_items_and_widens_with_the_level() {
        let items = |n: u32| -> Vec<Scored> {
            (0..n).map(|n| Scored { score: 0.45, positive: n % 2 == 0 }).collect()
        };
        let width = |n: u32, level: f64| {
            let [low, high] =
                ece_interval(&items(n), 10, Resampling { level, ..Resampling::default() }).unwrap();
            high - low
        };
        let ratio = width(400, 0.9) / width(6_400, 0.9);
        assert!(ratio > 2.5 && ratio < 5.0, "{ratio}");
        assert!(width(400, 0.5) < width(400, 0.99));
    }

    #[test]
    fn what_has_no_meaning_is_refused() {
        let scored = [Scored { score: 0.5, positive: true }];
        let with = |resampling| ece_interval(&scored, 10, resampling).unwrap_err().to_string();
        assert!(with(Resampling { samples: 0, ..Resampling::default() }).starts_with("samples is 0"));
        assert!(with(Resampling { level: 1.0, ..Resampling::default() }).starts_with("level is 1"));
        assert!(ece_interval(&[], 10, Resampling::default()).is_err());
    }
}
