//! Who moved from which segment to which between two instants.

use std::collections::BTreeMap;

use serde::Serialize;

use super::edges::{Placed, RfmEdges};
use super::population::{Population, Sorted};
use super::timeline::SegmentTimeline;
use super::{RfmError, SegmentCount, Terms, segment_counts};
use crate::projection::rfm::{Rfm, RfmView};
use crate::report::{Report, Shown};
use crate::time::Timestamp;

/// Segments at two instants, both relative to the edges of the first, so that a customer moves by what the customer
/// did or left undone and not because others changed.
///
/// The scorings without edges (`rank`, `ntile`, `rank_average`, `nested`) score each instant as a whole population, so
/// there a move may also come from others. The same holds where nobody was scored at the first instant.
///
/// It reads the views of `(UpTo { projection: rfm, at: since }, rfm)`: one pass for both instants.
///
/// # Example
/// ```
/// use tenure_core::fold::{States, UpTo};
/// use tenure_core::log::{Cut, Log};
/// use tenure_core::projection::rfm::{Rfm, RfmPolicy};
/// use tenure_core::report::rfm::RfmMovesReport;
/// use tenure_core::report::{Report, add_all};
/// use tenure_core::{Rates, Timestamp, Zone};
/// let rfm = Rfm::new(RfmPolicy::default(), Zone::UTC, None, Rates::default())?;
/// let (since, as_of) = (Timestamp::parse("2024-01-01T00:00:00Z")?, Timestamp::parse("2024-06-30T00:00:00Z")?);
/// let both = (UpTo { projection: rfm.clone(), at: since }, UpTo { projection: rfm.clone(), at: as_of });
/// let states = States::of_log(both, Cut::default(), &Log::new());
/// let report = RfmMovesReport::new(&rfm, since, as_of);
/// let moves = report.finish(add_all(&report, &states, as_of))?;
/// assert!(moves.moves.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RfmMovesReport {
    terms: Terms,
    since: Timestamp,
    as_of: Timestamp,
}

impl RfmMovesReport {
    /// Moves from `since` to `as_of` under one policy.
    pub fn new(rfm: &Rfm, since: Timestamp, as_of: Timestamp) -> Self {
        Self { terms: Terms::of(rfm), since, as_of }
    }
}

/// The customers collected so far, at both instants.
#[derive(Clone, Debug, Default)]
pub struct BothPopulations {
    before: Population,
    after: Population,
}

impl Report for RfmMovesReport {
    type View = (RfmView, RfmView);
    type Acc = BothPopulations;
    type Answer = Result<RfmMoves, RfmError>;

    fn add(&self, acc: &mut BothPopulations, customer: Shown<'_>, (before, after): &Self::View) {
        acc.before.add(customer, before);
        acc.after.add(customer, after);
    }

    fn merge(&self, into: &mut BothPopulations, other: BothPopulations) {
        into.before.merge(other.before);
        into.after.merge(other.after);
    }

    /// # Errors
    /// As [`super::RfmReport`] at each of the instants.
    fn finish(&self, acc: BothPopulations) -> Self::Answer {
        let before = acc.before.sort(self.terms.currency)?;
        let after = acc.after.sort(self.terms.currency)?;
        let (edges, placed_before) = self.terms.place(&before, self.since, None)?;
        let (_, placed_after) = self.terms.place(&after, self.as_of, Some(&edges))?;
        let mut of_both: BTreeMap<&str, (Option<&str>, Option<&str>)> = BTreeMap::new();
        for (name, segment) in by_name(&before, &placed_before) {
            of_both.entry(name).or_default().0 = segment;
        }
        for (name, segment) in by_name(&after, &placed_after) {
            of_both.entry(name).or_default().1 = segment;
        }
        let (moves, matrix) = moves_and_matrix(&of_both);
        let counts = |placed: &[Placed<'_>]| {
            segment_counts(&self.terms.policy, placed.iter().map(|placed| placed.segment))
        };
        Ok(RfmMoves {
            since: self.since,
            before: counts(&placed_before),
            after: counts(&placed_after),
            moves,
            matrix,
            edges,
        })
    }
}

/// Segments before and after, by shown id.
type Both<'a, N> = BTreeMap<N, (Option<&'a str>, Option<&'a str>)>;

/// Those who moved, and how many went from where to where.
fn moves_and_matrix<N: AsRef<str>>(of_both: &Both<'_, N>) -> (Vec<Move>, Vec<Flow>) {
    let mut matrix: BTreeMap<(Option<&str>, Option<&str>), u64> = BTreeMap::new();
    let mut moves = Vec::new();
    for (name, (from, to)) in of_both {
        *matrix.entry((*from, *to)).or_default() += 1;
        if from != to {
            let (from, to) = (from.map(Into::into), to.map(Into::into));
            moves.push(Move { customer: name.as_ref().into(), from, to });
        }
    }
    let flow = |((from, to), customers): ((Option<&str>, Option<&str>), u64)| Flow {
        from: from.map(Into::into),
        to: to.map(Into::into),
        customers,
    };
    (moves, matrix.into_iter().map(flow).collect())
}

/// Who is in another segment by other edges, at the same instant: what new edges change at once, told as one report.
///
/// It reads the views of [`RfmTail`](crate::projection::rfm::RfmTail) or of [`Rfm`].
#[derive(Clone, Copy, Debug)]
pub struct EdgeMovesReport<'a> {
    /// By the edges before; none where there were none.
    pub before: Option<&'a SegmentTimeline>,
    /// By the edges that are new.
    pub after: &'a SegmentTimeline,
}

impl<'a> Report for EdgeMovesReport<'a> {
    type View = RfmView;
    type Acc = Both<'a, Box<str>>;
    type Answer = EdgeMoves;

    fn add(&self, acc: &mut Self::Acc, customer: Shown<'_>, view: &RfmView) {
        let before = self.before.and_then(|before| before.segment(view));
        acc.insert(customer.name.into(), (before, self.after.segment(view)));
    }

    fn merge(&self, into: &mut Self::Acc, other: Self::Acc) {
        into.extend(other);
    }

    fn finish(&self, acc: Self::Acc) -> EdgeMoves {
        let (moves, matrix) = moves_and_matrix(&acc);
        EdgeMoves {
            edges_before: self.before.map(|before| before.edges().clone()),
            edges: self.after.edges().clone(),
            before: self.before.map_or_else(Vec::new, |by| {
                segment_counts(by.rfm().policy(), acc.values().filter_map(|(from, _)| *from))
            }),
            after: segment_counts(self.after.rfm().policy(), acc.values().filter_map(|(_, to)| *to)),
            moves,
            matrix,
        }
    }
}

/// All customers of a population with their segments; none for an unscored one.
fn by_name<'a>(
    sorted: &'a Sorted,
    placed: &'a [Placed<'a>],
) -> impl Iterator<Item = (&'a str, Option<&'a str>)> {
    let scored = sorted.names.iter().zip(placed).map(|(name, placed)| (&**name, Some(placed.segment)));
    scored.chain(sorted.unscored.iter().map(|name| (&**name, None)))
}

/// Who moved between two instants. A segment of null is that of an unscored customer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RfmMoves {
    /// The earlier instant.
    pub since: Timestamp,
    /// The edges of the earlier instant.
    pub edges: RfmEdges,
    /// The segments at the earlier instant.
    pub before: Vec<SegmentCount>,
    /// The segments at the later instant.
    pub after: Vec<SegmentCount>,
    /// The customers whose segment differs, by shown id.
    pub moves: Vec<Move>,
    /// How many went from where to where, also those who stayed, by code; adds up to all customers.
    pub matrix: Vec<Flow>,
}

/// A customer who moved, between two instants or by other edges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Move {
    /// The shown id.
    pub customer: String,
    /// Code of the segment before.
    pub from: Option<String>,
    /// Code of the segment after.
    pub to: Option<String>,
}

/// How many customers went from one segment to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Flow {
    /// Code of the segment before.
    pub from: Option<String>,
    /// Code of the segment after.
    pub to: Option<String>,
    /// How many.
    pub customers: u64,
}

/// What new edges change at once. A segment of null is that of a customer who is unscored, or whose amounts are in another
/// currency than the edges; without edges before, everybody's before is null.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EdgeMoves {
    /// The edges before; none if there were none.
    pub edges_before: Option<RfmEdges>,
    /// The new ones.
    pub edges: RfmEdges,
    /// The segments by the edges before; empty without.
    pub before: Vec<SegmentCount>,
    /// The segments by the new ones.
    pub after: Vec<SegmentCount>,
    /// The customers whose segment differs, by shown id.
    pub moves: Vec<Move>,
    /// How many went from where to where, also those who stayed, by code; adds up to all customers.
    pub matrix: Vec<Flow>,
}
