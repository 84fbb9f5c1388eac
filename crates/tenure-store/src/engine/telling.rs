//! What is told of a customer: the timeline of stages and, where there are edges, that of segments, as one.

use std::sync::Arc;

use tenure_core::fold::Projection;
use tenure_core::projection::rfm::RfmTail;
use tenure_core::projection::stage::{StageChange, StageTail, Timeline};
use tenure_core::report::rfm::{SegmentChange, SegmentTimeline};
use tenure_core::{Customer, Timestamp};

use super::change::{Change, SegmentChanged, StageChanged};

/// What an engine keeps of a customer. Edges are no part of it, so new ones fold nobody again.
pub(super) type Standing = Arc<(StageTail, RfmTail)>;
pub(super) type State = <Standing as Projection>::State;

/// The whole timelines of a customer.
pub(super) type History<'a> = (&'a Timeline, Option<&'a SegmentTimeline>);

/// By what changes are told.
#[derive(Clone, Copy)]
pub(super) struct Telling<'a> {
    pub stages: &'a StageTail,
    pub segments: Option<&'a SegmentTimeline>,
}

/// A change of either timeline.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Stage(StageChange),
    Segment(SegmentChange),
}

impl Step {
    pub(super) const fn at(&self) -> Timestamp {
        match self {
            Self::Stage(change) => change.at,
            Self::Segment(change) => change.at,
        }
    }

    /// Whether it is the same change, whatever its cause: at one instant none is entered twice.
    pub(super) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Stage(one), Self::Stage(other)) => {
                (one.at, one.from, one.to) == (other.at, other.from, other.to)
            }
            (Self::Segment(one), Self::Segment(other)) => {
                (one.at, &one.from, &one.to) == (other.at, &other.from, &other.to)
            }
            _ => false,
        }
    }
}

impl<'a> Telling<'a> {
    /// The projection whose views are the whole timelines.
    pub(super) const fn history(self) -> History<'a> {
        (self.stages.timeline(), self.segments)
    }

    /// Goes on where a customer's state ends; from the beginning of one of whom nothing is known.
    pub(super) fn going_on(self, known: Option<&State>) -> <History<'a> as Projection>::State {
        known.map_or_else(
            || self.history().init(),
            |(stages, rfm)| (stages.clone(), self.segments.map(|_| rfm.clone().into())),
        )
    }

    /// The changes of a history, in the order of time; at one instant stages come first.
    pub(super) fn steps((stages, segments): <History<'a> as Projection>::View) -> Vec<Step> {
        let stages = stages.into_iter().map(Step::Stage);
        let mut steps: Vec<Step> = stages.chain(segments.into_iter().flatten().map(Step::Segment)).collect();
        steps.sort_by_key(Step::at);
        steps
    }

    /// The changes from the end of a state on, up to and with an instant.
    pub(super) fn ahead(self, (stages, rfm): &State, until: Timestamp) -> Vec<Step> {
        let segments = self.segments.map(|segments| segments.of_tail(rfm, until));
        Self::steps((self.stages.view(stages, until), segments))
    }

    /// The first instant after another at which silence alone changes something.
    pub(super) fn next_change(self, (stages, rfm): &State, after: Timestamp) -> Option<Timestamp> {
        let segment = self.segments.and_then(|segments| segments.next_of_tail(rfm, after));
        self.stages.next_change(stages, after).into_iter().chain(segment).min()
    }

    /// A change to tell. None of segments where there are no edges; but then there is no such step.
    pub(super) fn change(self, customer: &Customer, step: &Step) -> Option<Change> {
        match step {
            Step::Stage(change) => Some(StageChanged::new(self.stages, customer, change).into()),
            Step::Segment(change) => Some(SegmentChanged::new(self.segments?, customer, change).into()),
        }
    }
}
