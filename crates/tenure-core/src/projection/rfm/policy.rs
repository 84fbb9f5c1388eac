//! What a business decides about RFM. Plain data: every default is written out.

use serde::{Deserialize, Serialize};

use crate::rates::Decimal;
use crate::time::Duration;

/// The `[rfm]` part of a policy.
///
/// # Example
/// ```
/// use tenure_core::projection::rfm::{Frequency, RfmPolicy, Scoring};
/// let policy: RfmPolicy = toml::from_str("lookback = '365d'\nscoring = 'rank'")?;
/// assert_eq!((policy.scoring, policy.frequency), (Scoring::Rank, Frequency::Days));
/// assert!(toml::from_str::<RfmPolicy>("scorring = 'rank'").is_err());
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RfmPolicy {
    /// How far back the look-back window reaches: at `t` it holds `t - lookback < at <= t`. None: all history.
    pub lookback: Option<Duration>,
    /// What frequency counts.
    pub frequency: Frequency,
    /// How values become scores.
    pub scoring: Scoring,
    /// How scores become segments.
    pub map: MapName,
    /// The edges of the scoring [`Scoring::Fixed`].
    pub fixed: Option<FixedEdges>,
    /// The cut of the map [`MapName::SegmentsCn8`].
    pub cn: CnPolicy,
    /// The tiers of the map [`MapName::TiersAbc`].
    pub tiers: TierPolicy,
    /// The segments of the map [`MapName::Own`]: the first that matches wins, none gives `others`.
    #[serde(rename = "segment")]
    pub segments: Vec<OwnSegment>,
}

impl RfmPolicy {
    /// Checks what one field alone cannot say.
    ///
    /// # Errors
    /// [`RfmPolicyError`] with the path of the field and what is allowed.
    pub fn check(&self) -> Result<(), RfmPolicyError> {
        let refuse = |path: &str, why: &str| Err(RfmPolicyError { path: path.into(), why: why.into() });
        if self.lookback == Some(Duration::ZERO) {
            return refuse(
                "rfm.lookback",
                "a look-back window of no length holds nothing: leave it out for all history",
            );
        }
        match &self.fixed {
            None if self.scoring == Scoring::Fixed => {
                return refuse(
                    "rfm.scoring",
                    "the scoring \"fixed\" needs the edges r_days, f and m in [rfm.fixed]",
                );
            }
            Some(edges) if !edges.ascend() => {
                return refuse("rfm.fixed", "each of r_days, f and m holds four edges that do not descend");
            }
            _ => {}
        }
        let TierPolicy { of, by, shares: [a, b], cuts } = &self.tiers;
        let (none, all) = (Decimal::whole(0), Decimal::whole(1));
        if *a < none || *b < none || *a > all || *b > all {
            return refuse(
                "rfm.tiers.shares",
                "the shares of A and of B are between 0 and 1, such as [\"0.2\", \"0.3\"]",
            );
        }
        match cuts {
            None if self.map == MapName::TiersAbc && *by == TierRule::Cuts => {
                return refuse(
                    "rfm.tiers.by",
                    "tiers by \"cuts\" need rfm.tiers.cuts: the worst value of A and of B",
                );
            }
            Some([a, b])
                if (*of == TierBasis::RecencyDays && a > b) || (*of != TierBasis::RecencyDays && a < b) =>
            {
                return refuse("rfm.tiers.cuts", "the cut of A is at least as good as the cut of B");
            }
            _ => {}
        }
        if self.map == MapName::Own && self.segments.is_empty() {
            return refuse("rfm.map", "the map \"own\" needs segments: [[rfm.segment]] with code and ranges");
        }
        for (index, segment) in self.segments.iter().enumerate() {
            if !segment.code.starts_with(|c: char| c.is_ascii_lowercase())
                || !segment.code.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
            {
                let path = format!("rfm.segment[{index}].code");
                return refuse(&path, "a code begins with a-z and goes on with a-z 0-9 _, such as at_risk");
            }
        }
        Ok(())
    }
}

/// What frequency counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Frequency {
    /// Distinct local days with an order.
    #[default]
    Days,
    /// Orders.
    Orders,
}

/// How values become scores from 1 to 5, of which 5 is best.
///
/// `value`, `r_package` and `fixed` have edges, so that one customer's scores do not depend on who else is asked
/// about; the others score a population as a whole and may part equal customers (but `rank_average`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Scoring {
    /// By exact type-7 quantiles at 0.2, 0.4, 0.6, 0.8 of the values: f and m score 1 and one for each edge below
    /// the value, r scores 5 less one for each edge below. Equal values get equal scores.
    #[default]
    Value,
    /// By place p of n, counted from 0 and ordered by value and then id: `floor(5 p / n) + 1`.
    Rank,
    /// The same order in five tiles as SQL's `NTILE(5)` makes them: the first `n mod 5` hold one more.
    Ntile,
    /// By average rank k of equal values: `ceil(5 k / n)`.
    RankAverage,
    /// By rank of r; within each r score by rank of f; within each pair by rank of m.
    Nested,
    /// As the R package `rfm` does: the quantiles each plus one (one day, one purchase, one currency unit), bins
    /// closed below. The scores change with the currency unit.
    RPackage,
    /// By edges of the policy, bins closed below.
    Fixed,
}

/// How scores become segments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MapName {
    /// Eleven segments, Champions to Lost.
    #[default]
    #[serde(rename = "segments_11")]
    Segments11,
    /// The ten segments of the R package `rfm`, and others.
    #[serde(rename = "segments_r_package_10")]
    SegmentsRPackage10,
    /// The eight Chinese segments: recency near or far, frequency and monetary high or low.
    #[serde(rename = "segments_cn_8")]
    SegmentsCn8,
    /// Tiers A, B and C.
    TiersAbc,
    /// The segments of the policy.
    Own,
}

/// Four edges a score for [`Scoring::Fixed`]. A value that equals an edge is in the bin above it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixedEdges {
    /// In days; below the first edge the score is 5, from the last one on 1.
    pub r_days: [u32; 4],
    /// In purchase days or orders; below the first edge the score is 1, from the last one on 5.
    pub f: [u32; 4],
    /// In units of the currency (not minor units); below the first edge the score is 1, from the last one on 5.
    pub m: [Decimal; 4],
}

impl FixedEdges {
    fn ascend(&self) -> bool {
        self.r_days.is_sorted() && self.f.is_sorted() && self.m.is_sorted()
    }
}

/// Where the eight Chinese segments are cut.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CnPolicy {
    /// By what.
    pub cut: CnCut,
    /// For [`CnCut::Fixed`]: near is at most this many days ago.
    pub r_days: u32,
    /// For [`CnCut::Fixed`]: high is at least this frequency.
    pub f: u32,
    /// For [`CnCut::Fixed`]: high is at least this much per purchase (monetary / frequency), in units of the currency.
    pub average: Decimal,
}

impl Default for CnPolicy {
    fn default() -> Self {
        Self { cut: CnCut::Mean, r_days: 10, f: 3, average: Decimal::whole(200) }
    }
}

/// By what the eight Chinese segments are cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CnCut {
    /// By the arithmetic means over all customers: near iff r <= mean, high iff f or m >= mean.
    #[default]
    Mean,
    /// By the means of the scores: near or high iff the score is above its mean.
    ScoreMean,
    /// By values of the policy.
    Fixed,
}

/// How customers are parted into tiers A, B and C.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TierPolicy {
    /// Of which score or value.
    pub of: TierBasis,
    /// By shares of the customers, or by cuts of the score or value.
    pub by: TierRule,
    /// The shares of A and of B; C is the rest. Of n customers ordered from the best, A reaches down to the value of
    /// number `ceil(n * A)` and B to that of number `ceil(n * (A + B))`: equal values share the better tier.
    pub shares: [Decimal; 2],
    /// The worst value that is still A, and that is still B; money in units of the currency.
    pub cuts: Option<[Decimal; 2]>,
}

impl Default for TierPolicy {
    fn default() -> Self {
        let shares = [Decimal::per_mille(200), Decimal::per_mille(300)];
        Self { of: TierBasis::Sum, by: TierRule::Shares, shares, cuts: None }
    }
}

/// Which score or value tiers are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TierBasis {
    /// `r + f + m`, from 3 to 15.
    #[default]
    Sum,
    /// The recency score.
    R,
    /// The frequency score.
    F,
    /// The monetary score.
    M,
    /// Days since the last purchase: fewer are better.
    RecencyDays,
    /// Purchase days or orders.
    Frequency,
    /// Money.
    Monetary,
}

/// What parts the tiers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TierRule {
    /// Shares of the customers.
    #[default]
    Shares,
    /// Cuts of the score or value.
    Cuts,
}

/// A segment of one's own: the customers whose scores are in all of these ranges.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnSegment {
    /// Stable code.
    pub code: String,
    /// Recency scores.
    #[serde(default)]
    pub r: ScoreRange,
    /// Frequency scores.
    #[serde(default)]
    pub f: ScoreRange,
    /// Monetary scores.
    #[serde(default)]
    pub m: ScoreRange,
    /// Mean of the frequency and monetary scores, halves rounded up.
    #[serde(default)]
    pub fm: ScoreRange,
    /// Display name in English; empty: the code.
    #[serde(default)]
    pub en: String,
    /// Display name in Chinese; empty: the code.
    #[serde(default)]
    pub zh_cn: String,
}

/// Scores from one to another, both included; 1 to 5 unless given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "[u8; 2]", into = "[u8; 2]")]
pub struct ScoreRange {
    lo: u8,
    hi: u8,
}

impl ScoreRange {
    pub(crate) const fn new(lo: u8, hi: u8) -> Self {
        Self { lo, hi }
    }

    /// Whether a score is in it.
    pub const fn holds(self, score: u8) -> bool {
        self.lo <= score && score <= self.hi
    }
}

impl Default for ScoreRange {
    fn default() -> Self {
        Self { lo: 1, hi: 5 }
    }
}

impl TryFrom<[u8; 2]> for ScoreRange {
    type Error = &'static str;

    fn try_from([lo, hi]: [u8; 2]) -> Result<Self, Self::Error> {
        if 1 <= lo && lo <= hi && hi <= 5 {
            Ok(Self { lo, hi })
        } else {
            Err("write [low, high] with 1 <= low <= high <= 5")
        }
    }
}

impl From<ScoreRange> for [u8; 2] {
    fn from(range: ScoreRange) -> Self {
        [range.lo, range.hi]
    }
}

/// Why an RFM policy cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {why}")]
pub struct RfmPolicyError {
    /// The field, from the top of the policy.
    pub path: Box<str>,
    /// What is wrong, and what is allowed.
    pub why: Box<str>,
}
