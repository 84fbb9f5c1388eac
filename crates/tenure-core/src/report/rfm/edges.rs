//! What scores and segments of one customer are relative to: edges and cuts taken from a population.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::edge::{Mean, wide};
use super::score::{self, ScoreEdges, Scores};
use super::{RfmError, map};
use crate::json;
use crate::money::Currency;
use crate::projection::rfm::{
    CnCut, CnPolicy, MapName, Rfm, RfmPolicy, RfmValues, TierBasis, TierPolicy, TierRule,
};
use crate::rates::Decimal;
use crate::time::Timestamp;

/// The edges of a population at an instant. Keep them, and a customer's segment changes when the customer does, not
/// when the others do.
///
/// Made by [`super::RfmReport`]. The scorings `value`, `r_package` and `fixed` have edges, and so do the cuts of the
/// Chinese segments and of the tiers; the other scorings have none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RfmEdges {
    /// The instant whose values they are of.
    pub as_of: Timestamp,
    /// What they were made under: [`Rfm::policy_hash`].
    pub policy_hash: String,
    /// The currency of all money in them.
    pub currency: Currency,
    /// Between the scores.
    pub scores: Option<ScoreEdges>,
    /// Between the Chinese segments.
    pub cn: Option<CnEdges>,
    /// Between the tiers.
    pub tiers: Option<TierEdges>,
}

/// Where the Chinese segments are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum CnEdges {
    /// At the means of the values.
    Mean {
        /// Of days.
        r: Mean,
        /// Of frequency.
        f: Mean,
        /// Of minor units.
        m: Mean,
    },
    /// At the means of the scores.
    ScoreMean {
        /// Of recency.
        r: Mean,
        /// Of frequency.
        f: Mean,
        /// Of monetary.
        m: Mean,
    },
    /// At values of the policy.
    Fixed {
        /// Near is at most this many days ago.
        r_days: u32,
        /// High is at least this frequency.
        f: u32,
        /// High is at least this much per purchase, in units of the currency.
        average: Decimal,
    },
}

/// Where the tiers are cut: the worst value in A and in B; none where nobody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierEdges {
    /// Of A.
    pub a: Option<TierEdge>,
    /// Of A or B.
    pub b: Option<TierEdge>,
}

/// The worst value of a tier: a score, a sum of scores, days, purchases or minor units, as the policy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TierEdge(#[serde(with = "wide")] pub i128);

/// A customer's scores and segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed<'p> {
    /// The scores.
    pub scores: Scores,
    /// Code of the segment.
    pub segment: &'p str,
}

impl RfmEdges {
    /// Scores and segment of one customer relative to these edges.
    ///
    /// # Errors
    /// [`RfmError::OtherPolicy`] if the edges were made under another policy, [`RfmError::NoEdges`] if the scoring has
    /// none or nobody was scored: ask for the population, with [`super::RfmReport`].
    pub fn place<'p>(&self, rfm: &'p Rfm, values: &RfmValues) -> Result<Placed<'p>, RfmError> {
        self.check(rfm.policy_hash(), None)?;
        let policy = rfm.policy();
        let none = || RfmError::NoEdges { scoring: policy.scoring };
        let scores = self.scores.ok_or_else(none)?.scores(policy.scoring, values);
        Ok(Placed { scores, segment: self.segment(policy, values, scores).ok_or_else(none)? })
    }

    /// Hash of the edges: BLAKE3 of their canonical JSON, in hexadecimal.
    pub fn hash(&self) -> String {
        // Numbers and texts always have a JSON form.
        let text = serde_json::to_value(self).map(|value| json::canonical(&value)).unwrap_or_default();
        blake3::hash(text.as_bytes()).to_hex().to_string()
    }

    /// The numbers of days at which recency alone may change a segment, ascending.
    pub(super) fn recencies(&self, policy: &RfmPolicy) -> Vec<u32> {
        let scores = self.scores.map(|scores| scores.recencies(policy.scoring));
        let cn = self.cn.and_then(|cn| match cn {
            CnEdges::Mean { r, .. } => Some(r.first_above()),
            CnEdges::Fixed { r_days, .. } => Some(i128::from(r_days) + 1),
            CnEdges::ScoreMean { .. } => None,
        });
        let tiers = self.tiers.filter(|_| policy.tiers.of == TierBasis::RecencyDays);
        let tiers = tiers.into_iter().flat_map(|tiers| [tiers.a, tiers.b]).flatten();
        let tiers = tiers.map(|TierEdge(worst)| worst.saturating_add(1));
        let all = scores.into_iter().flatten().chain(cn).chain(tiers);
        // Recency is 0 days at least.
        let days: BTreeSet<u32> =
            all.filter_map(|days| u32::try_from(days).ok()).filter(|days| *days > 0).collect();
        days.into_iter().collect()
    }

    /// Whether they fit a policy and a population.
    pub(super) fn check(&self, policy_hash: &str, currency: Option<Currency>) -> Result<(), RfmError> {
        if self.policy_hash != policy_hash {
            return Err(RfmError::OtherPolicy {
                edges: self.policy_hash.clone(),
                policy: policy_hash.into(),
            });
        }
        match currency {
            Some(currency) if currency != self.currency && self.currency != Currency::NONE => {
                Err(RfmError::MixedCurrencies { first: self.currency, second: currency })
            }
            _ => Ok(()),
        }
    }

    /// The segment, where there are the edges that the map needs.
    fn segment<'p>(&self, policy: &'p RfmPolicy, values: &RfmValues, scores: Scores) -> Option<&'p str> {
        match policy.map {
            MapName::SegmentsCn8 => self.cn.map(|cn| cn.segment(self.currency, values, scores)),
            MapName::TiersAbc => self.tiers.map(|tiers| tiers.tier(policy.tiers.of, values, scores)),
            _ => Some(map::by_rules(policy, scores)),
        }
    }
}

/// Scores and places a population that is sorted by shown id, relative to given edges or else to its own. Where the
/// scoring has no edges the population is scored as a whole.
pub(super) fn place<'p>(
    policy: &'p RfmPolicy,
    population: &[RfmValues],
    own: impl FnOnce() -> RfmEdges,
    given: Option<&RfmEdges>,
) -> (RfmEdges, Vec<Placed<'p>>) {
    let mut edges = given.cloned().unwrap_or_else(own);
    if edges.scores.is_none() {
        edges.scores =
            ScoreEdges::of(policy.scoring, policy.fixed.as_ref(), edges.currency, &population.iter());
    }
    let scores = match edges.scores {
        Some(edges) => population.iter().map(|values| edges.scores(policy.scoring, values)).collect(),
        None => score::of_population(policy.scoring, population).unwrap_or_default(),
    };
    let with_scores = || population.iter().zip(scores.iter().copied());
    if edges.cn.is_none() && policy.map == MapName::SegmentsCn8 {
        edges.cn = CnEdges::of(&policy.cn, &with_scores());
    }
    if edges.tiers.is_none() && policy.map == MapName::TiersAbc {
        edges.tiers = TierEdges::of(&policy.tiers, edges.currency, with_scores());
    }
    let placed = with_scores().map(|(values, scores)| Placed {
        scores,
        // There are edges wherever there is a customer to place.
        segment: edges.segment(policy, values, scores).unwrap_or(map::OTHERS.code),
    });
    let placed = placed.collect();
    (edges, placed)
}

impl CnEdges {
    fn of<'a>(
        policy: &CnPolicy,
        all: &(impl Iterator<Item = (&'a RfmValues, Scores)> + Clone),
    ) -> Option<Self> {
        let of_values = |axis: fn(&RfmValues) -> i128| Mean::of(all.clone().map(|(values, _)| axis(values)));
        let of_scores = |axis: fn(Scores) -> u8| Mean::of(all.clone().map(|(_, scores)| axis(scores).into()));
        match policy.cut {
            CnCut::Mean => Some(Self::Mean {
                r: of_values(score::recency)?,
                f: of_values(score::frequency)?,
                m: of_values(score::monetary)?,
            }),
            CnCut::ScoreMean => Some(Self::ScoreMean {
                r: of_scores(|s| s.r)?,
                f: of_scores(|s| s.f)?,
                m: of_scores(|s| s.m)?,
            }),
            CnCut::Fixed => Some(Self::Fixed { r_days: policy.r_days, f: policy.f, average: policy.average }),
        }
    }

    fn segment(&self, currency: Currency, values: &RfmValues, scores: Scores) -> &'static str {
        match self {
            Self::Mean { r, f, m } => map::chinese(
                r.is_at_least(score::recency(values)),
                f.is_at_most(score::frequency(values)),
                m.is_at_most(values.monetary_minor),
            ),
            Self::ScoreMean { r, f, m } => map::chinese(
                r.is_below(scores.r.into()),
                f.is_below(scores.f.into()),
                m.is_below(scores.m.into()),
            ),
            Self::Fixed { r_days, f, average } => {
                // monetary / frequency >= average, without the division.
                let unit = 10_i128.pow(currency.decimals().min(4));
                let rich = average.ceil_times(unit.saturating_mul(score::frequency(values)));
                map::chinese(
                    values.recency_days <= *r_days,
                    values.frequency >= u64::from(*f),
                    values.monetary_minor >= rich,
                )
            }
        }
    }
}

impl TierEdges {
    fn of<'a>(
        policy: &TierPolicy,
        currency: Currency,
        all: impl Iterator<Item = (&'a RfmValues, Scores)>,
    ) -> Option<Self> {
        if let (TierRule::Cuts, Some(cuts)) = (policy.by, policy.cuts) {
            let cut = |cut: Decimal| {
                TierEdge(match policy.of {
                    TierBasis::Monetary => cut.ceil_minor(currency.decimals()),
                    // At most so many days: rounded down.
                    TierBasis::RecencyDays => cut.ceil_times(-1).saturating_neg(),
                    _ => cut.ceil_times(1),
                })
            };
            let [a, b] = cuts.map(cut);
            return Some(Self { a: Some(a), b: Some(b) });
        }
        let mut values: Vec<_> = all.map(|(values, scores)| basis(policy.of, values, scores)).collect();
        values.sort_unstable();
        if policy.of != TierBasis::RecencyDays {
            values.reverse();
        }
        let n = u64::try_from(values.len()).ok()?;
        let worst = |number: i128| {
            let index = usize::try_from(number.min(n.into()).checked_sub(1)?).ok()?;
            values.get(index).copied().map(TierEdge)
        };
        let ([a, b], none) = (policy.shares, Decimal::whole(0));
        Some(Self { a: worst(a.ceil_sum_times(none, n)), b: worst(a.ceil_sum_times(b, n)) })
    }

    fn tier(&self, of: TierBasis, values: &RfmValues, scores: Scores) -> &'static str {
        let value = basis(of, values, scores);
        let reaches = |edge: Option<TierEdge>| {
            edge.is_some_and(|TierEdge(worst)| match of {
                TierBasis::RecencyDays => value <= worst,
                _ => value >= worst,
            })
        };
        match (reaches(self.a), reaches(self.b)) {
            (true, _) => "a",
            (false, true) => "b",
            (false, false) => "c",
        }
    }
}

fn basis(of: TierBasis, values: &RfmValues, scores: Scores) -> i128 {
    match of {
        TierBasis::Sum => i128::from(scores.r) + i128::from(scores.f) + i128::from(scores.m),
        TierBasis::R => scores.r.into(),
        TierBasis::F => scores.f.into(),
        TierBasis::M => scores.m.into(),
        TierBasis::RecencyDays => score::recency(values),
        TierBasis::Frequency => score::frequency(values),
        TierBasis::Monetary => values.monetary_minor,
    }
}
