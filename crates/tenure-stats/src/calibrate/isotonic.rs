//! Isotonic calibration: any curve that never falls.

use crate::error::{StatsError, finite};
use crate::metric::{Scored, Ties};

/// The curve that never falls and is nearest to what happened, by least squares: level on blocks of scores, straight between
/// them, level beyond the ends.
///
/// # Source
/// Ayer, Brunk, Ewing, Reid and Silverman, Annals of Mathematical Statistics 26(4), 1955 (pool adjacent violators); Zadrozny and
/// Elkan, KDD 2002.
///
/// # Example
/// ```
/// use tenure_stats::{Isotonic, Scored};
/// let scored = [(1.0, false), (2.0, true), (3.0, false), (4.0, true)].map(|(score, positive)| Scored { score, positive });
/// let curve = Isotonic::fit(&scored)?;
/// assert_eq!((curve.p(0.0)?, curve.p(2.5)?, curve.p(3.5)?, curve.p(9.0)?), (0.0, 0.5, 0.75, 1.0));
/// # Ok::<(), tenure_stats::StatsError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Isotonic {
    blocks: Vec<Block>,
}

/// Scores with one level.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Block {
    from: f64,
    to: f64,
    items: f64,
    positives: f64,
}

impl Block {
    fn level(self) -> f64 {
        self.positives / self.items
    }
}

impl Isotonic {
    /// The nearest curve.
    ///
    /// # Errors
    /// [`StatsError::TooFew`] for no items, [`StatsError::Overflow`] for a score that is no number.
    pub fn fit(scored: &[Scored]) -> Result<Self, StatsError> {
        let mut blocks: Vec<Block> = Vec::new();
        for tie in Ties::of(scored)?.groups {
            let mut block =
                Block { from: tie.score, to: tie.score, items: tie.items, positives: tie.positives };
            // Whole numbers below 2^53, so the comparison is exact for up to 90 million items.
            while let Some(before) =
                blocks.pop_if(|before| before.positives * block.items >= block.positives * before.items)
            {
                block = Block {
                    from: before.from,
                    to: block.to,
                    items: before.items + block.items,
                    positives: before.positives + block.positives,
                };
            }
            blocks.push(block);
        }
        Ok(Self { blocks })
    }

    /// The probability of a score, in `0.0..=1.0`.
    ///
    /// # Errors
    /// [`StatsError::Overflow`] for a score that is no number.
    pub fn p(&self, score: f64) -> Result<f64, StatsError> {
        let score = finite("a score", score)?;
        let next = self.blocks.partition_point(|block| block.to < score);
        let (before, after) = (next.checked_sub(1).and_then(|i| self.blocks.get(i)), self.blocks.get(next));
        let level = match (before, after) {
            (_, Some(block)) if score >= block.from => block.level(),
            (Some(before), Some(after)) => {
                // Halves, so that the width of the widest gap is a number.
                let part = (0.5 * score - 0.5 * before.to) / (0.5 * after.from - 0.5 * before.to);
                before.level() + (after.level() - before.level()) * part
            }
            (Some(block), None) | (None, Some(block)) => block.level(),
            (None, None) => f64::NAN,
        };
        finite("a probability", level.clamp(0.0, 1.0))
    }
}
