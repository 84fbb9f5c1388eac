//! RFM of a population: scores, segments, edges, and who moved.

mod edge;
mod edges;
mod map;
mod moves;
mod population;
mod score;
mod timeline;

use std::collections::BTreeMap;

use serde::Serialize;

pub use edge::{Edge, EdgeError, Mean};
pub use edges::{CnEdges, Placed, RfmEdges, TierEdge, TierEdges};
pub(crate) use map::holds;
pub use map::{MAPS, Segment, SegmentMap, map, segments};
pub use moves::{BothPopulations, EdgeMoves, EdgeMovesReport, Flow, Move, RfmMoves, RfmMovesReport};
pub use population::Population;
pub use score::{ScoreEdges, Scores};
pub use timeline::{SegmentCause, SegmentChange, SegmentState, SegmentTimeline};

use self::population::Sorted;
use super::{Report, Shown};
use crate::money::{Currency, MoneySum};
use crate::projection::rfm::{Rfm, RfmPolicy, RfmView, Scoring};
use crate::time::Timestamp;

/// Scores and segments of a population at an instant, and the edges they are relative to.
///
/// # Example
/// ```
/// use tenure_core::id::CustomerId;
/// use tenure_core::projection::rfm::{Rfm, RfmPolicy, RfmValues, RfmView};
/// use tenure_core::report::rfm::RfmReport;
/// use tenure_core::report::{Report, Shown};
/// use tenure_core::{Rates, Timestamp, Zone};
/// let rfm = Rfm::new(RfmPolicy::default(), Zone::UTC, None, Rates::default())?;
/// let report = RfmReport::new(&rfm, Timestamp::parse("2024-06-30T23:59:59.999999Z")?);
/// let mut population = Default::default();
/// for (n, name) in (1_u8..).zip(["shop:ann", "shop:ben", "shop:cem"]) {
///     let values = RfmValues { recency_days: n.into(), frequency: n.into(), monetary_minor: n.into() };
///     let view = RfmView { values: Some(values), ..RfmView::default() };
///     report.add(&mut population, Shown { id: CustomerId::from_bytes([n; 16]), name }, &view);
/// }
/// let answer = report.finish(population)?;
/// assert_eq!(answer.customers[0].segment, "new_customers"); // ann: yesterday, once, little
/// assert_eq!(answer.edges.scores.map(|edges| edges.r[0].to_string()), Some("1.4".into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RfmReport {
    terms: Terms,
    as_of: Timestamp,
    edges: Option<RfmEdges>,
}

/// What a report takes of the projection.
#[derive(Clone, Debug, PartialEq)]
struct Terms {
    policy: RfmPolicy,
    policy_hash: String,
    currency: Option<Currency>,
}

impl Terms {
    fn of(rfm: &Rfm) -> Self {
        Self { policy: rfm.policy().clone(), policy_hash: rfm.policy_hash().into(), currency: rfm.currency() }
    }

    /// Edges in which nothing is known yet.
    fn no_edges(&self, as_of: Timestamp, currency: Currency) -> RfmEdges {
        let policy_hash = self.policy_hash.clone();
        RfmEdges { as_of, policy_hash, currency, scores: None, cn: None, tiers: None }
    }

    /// Scores a population relative to edges, or else to its own.
    fn place(
        &self,
        sorted: &Sorted,
        as_of: Timestamp,
        given: Option<&RfmEdges>,
    ) -> Result<(RfmEdges, Vec<Placed<'_>>), RfmError> {
        if let Some(edges) = given {
            let currency = (sorted.currency != Currency::NONE).then_some(sorted.currency);
            edges.check(&self.policy_hash, currency)?;
        }
        let own = || self.no_edges(as_of, sorted.currency);
        Ok(edges::place(&self.policy, &sorted.values, own, given))
    }
}

impl RfmReport {
    /// Scores relative to the population itself. The views must be of `rfm`, as of `as_of`.
    pub fn new(rfm: &Rfm, as_of: Timestamp) -> Self {
        Self { terms: Terms::of(rfm), as_of, edges: None }
    }

    /// Scores relative to edges that were kept. Where they lack some, because the scoring has none or nobody was
    /// scored then, the population is scored by itself.
    #[must_use]
    pub fn with_edges(self, edges: RfmEdges) -> Self {
        Self { edges: Some(edges), ..self }
    }
}

impl Report for RfmReport {
    type View = RfmView;
    type Acc = Population;
    type Answer = Result<RfmAnswer, RfmError>;

    fn add(&self, acc: &mut Population, customer: Shown<'_>, view: &RfmView) {
        acc.add(customer, view);
    }

    fn merge(&self, into: &mut Population, other: Population) {
        into.merge(other);
    }

    /// # Errors
    /// [`RfmError::MixedCurrencies`] if the policy names no currency and the amounts have several,
    /// [`RfmError::OtherPolicy`] if the edges given were made under another policy.
    fn finish(&self, acc: Population) -> Self::Answer {
        let sorted = acc.sort(self.terms.currency)?;
        let (edges, placed) = self.terms.place(&sorted, self.as_of, self.edges.as_ref())?;
        let segments = segment_counts(&self.terms.policy, placed.iter().map(|placed| placed.segment));
        let (currency, counts) = (sorted.currency, sorted.counts);
        let rows = sorted.names.into_iter().zip(sorted.values).zip(placed);
        let customers = rows.map(|((name, values), placed)| RfmRow {
            customer: name.into(),
            recency_days: values.recency_days,
            frequency: values.frequency,
            monetary: MoneySum { minor: values.monetary_minor, currency },
            scores: placed.scores,
            segment: placed.segment.into(),
        });
        let unscored = sorted.unscored.into_iter().map(String::from).collect();
        Ok(RfmAnswer { edges, customers: customers.collect(), segments, unscored, counts })
    }
}

/// The answer of `tenure rfm`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RfmAnswer {
    /// What scores and segments are relative to.
    pub edges: RfmEdges,
    /// The scored customers, by shown id.
    pub customers: Vec<RfmRow>,
    /// All segments of the map, in its order, also the empty ones. Each scored customer is in exactly one.
    pub segments: Vec<SegmentCount>,
    /// The customers without an order in the window, by shown id.
    pub unscored: Vec<String>,
    /// What was counted and what was left out.
    pub counts: RfmCounts,
}

/// One scored customer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RfmRow {
    /// The shown id.
    pub customer: String,
    /// Local calendar days since the last purchase day.
    pub recency_days: u32,
    /// Purchase days or orders.
    pub frequency: u64,
    /// Orders less refunds.
    pub monetary: MoneySum,
    /// In JSON they are `r`, `f` and `m`.
    #[serde(flatten)]
    pub scores: Scores,
    /// Code of the segment.
    pub segment: String,
}

/// How many customers are in a segment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SegmentCount {
    /// Code of the segment.
    pub code: String,
    /// How many.
    pub customers: u64,
    /// Share of the scored customers, in `0.0..=1.0`; 0 if there are none.
    pub share: f64,
}

/// What was counted and what was left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RfmCounts {
    /// Customers with an order in the window.
    pub scored: u64,
    /// Customers without one.
    pub unscored: u64,
    /// Orders and refunds in the window that came without an amount; they count as zero money.
    pub without_amount: u64,
    /// Amounts in the window left out of monetary for want of a rate on or before their day.
    pub missing_rate: u64,
    /// The first currency by code that lacked one.
    pub missing: Option<Currency>,
}

/// How many of those who have one are in each segment.
fn segment_counts<'a>(policy: &RfmPolicy, placed: impl IntoIterator<Item = &'a str>) -> Vec<SegmentCount> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for segment in placed {
        *counts.entry(segment).or_default() += 1;
    }
    let all = counts.values().sum();
    let count = |segment: Segment<'_>| {
        let customers = counts.get(segment.code).copied().unwrap_or(0);
        SegmentCount { code: segment.code.into(), customers, share: share(customers, all) }
    };
    segments(policy).into_iter().map(count).collect()
}

/// A part of a whole as a share; 0 of nothing. Beyond 2^32 both lose their lowest bits.
fn share(mut part: u64, mut whole: u64) -> f64 {
    loop {
        match (u32::try_from(part), u32::try_from(whole)) {
            (Ok(_), Ok(0)) => return 0.0,
            (Ok(part), Ok(whole)) => return f64::from(part) / f64::from(whole),
            _ => (part, whole) = (part >> 1, whole >> 1),
        }
    }
}

/// Why a population has no RFM answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RfmError {
    /// Amounts in several currencies cannot be compared. **What to do:** name one by `currency` in the policy, with a
    /// `[[rate]]` for each other one.
    #[error(
        "amounts in {first} and in {second} cannot be added up: the policy names no one currency for them"
    )]
    MixedCurrencies {
        /// One of them.
        first: Currency,
        /// Another one.
        second: Currency,
    },
    /// Edges of one policy say nothing under another. **What to do:** make edges anew.
    #[error("the edges were made under policy {edges}, asked is policy {policy}")]
    OtherPolicy {
        /// Hash that the edges carry.
        edges: String,
        /// Hash of the policy.
        policy: String,
    },
    /// One customer cannot be scored alone. **What to do:** ask for the population.
    #[error(
        "there are no edges to score one customer by: {scoring:?} scores a population as a whole, or nobody was scored"
    )]
    NoEdges {
        /// The scoring.
        scoring: Scoring,
    },
}

impl RfmError {
    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::MixedCurrencies { .. } => {
                "name one by `currency = \"...\"` in the policy, with a [[rate]] (day, from, to, rate) for each other one"
            }
            Self::OtherPolicy { .. } => "make edges anew under this policy",
            Self::NoEdges { .. } => "ask for the population, or score by value, r_package or fixed",
        }
    }
}
