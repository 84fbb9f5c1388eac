//! What an engine tells: changes of stage and of segment, and that one it told of did not take place.

use serde::{Deserialize, Deserializer, Serialize};
use tenure_core::projection::stage::{Cause, StageChange, StageTail};
use tenure_core::report::rfm::{SegmentCause, SegmentChange, SegmentTimeline};
use tenure_core::{ChangeId, Customer, Duration, EventId, Timestamp};

use super::telling::{Step, Telling};

/// What changed. In JSON `what` says which of the two it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Change {
    /// A customer's stage.
    StageChanged(StageChanged),
    /// A customer's segment, relative to the edges of the [engine](super::Engine::segment_by).
    SegmentChanged(SegmentChanged),
}

impl Change {
    /// The same change has the same id wherever and however often it is computed.
    pub const fn id(&self) -> ChangeId {
        match self {
            Self::StageChanged(change) => change.id,
            Self::SegmentChanged(change) => change.id,
        }
    }

    /// Who: of a merged person the representative.
    pub const fn customer(&self) -> &Customer {
        match self {
            Self::StageChanged(change) => &change.customer,
            Self::SegmentChanged(change) => &change.customer,
        }
    }

    /// When.
    pub const fn at(&self) -> Timestamp {
        match self {
            Self::StageChanged(change) => change.at,
            Self::SegmentChanged(change) => change.at,
        }
    }

    /// Code of the stage or segment left; none where there was none.
    pub fn from(&self) -> Option<&str> {
        match self {
            Self::StageChanged(change) => change.from.as_deref(),
            Self::SegmentChanged(change) => change.from.as_deref(),
        }
    }

    /// Code of the stage or segment entered; none of a customer who is in no segment any more.
    pub fn to(&self) -> Option<&str> {
        match self {
            Self::StageChanged(change) => Some(&change.to),
            Self::SegmentChanged(change) => change.to.as_deref(),
        }
    }

    /// What brought it about.
    pub const fn cause(&self) -> &ChangeCause {
        match self {
            Self::StageChanged(change) => &change.cause,
            Self::SegmentChanged(change) => &change.cause,
        }
    }
}

impl From<StageChanged> for Change {
    fn from(change: StageChanged) -> Self {
        Self::StageChanged(change)
    }
}

impl From<SegmentChanged> for Change {
    fn from(change: SegmentChanged) -> Self {
        Self::SegmentChanged(change)
    }
}

/// A change of a customer's stage, in the policy's codes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageChanged {
    /// The same change has the same id wherever and however often it is computed.
    pub id: ChangeId,
    /// Who: of a merged person the representative.
    #[serde(serialize_with = "super::customer::shown", deserialize_with = "from_shown")]
    pub customer: Customer,
    /// When.
    pub at: Timestamp,
    /// The stage left; none at the first entry.
    pub from: Option<Box<str>>,
    /// The stage entered.
    pub to: Box<str>,
    /// The rule that fired; none at the first entry.
    pub rule: Option<Box<str>>,
    /// What brought it about.
    pub cause: ChangeCause,
}

/// A change of a customer's segment, in codes of the map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentChanged {
    /// The same change has the same id wherever and however often it is computed.
    pub id: ChangeId,
    /// Who: of a merged person the representative.
    #[serde(serialize_with = "super::customer::shown", deserialize_with = "from_shown")]
    pub customer: Customer,
    /// When.
    pub at: Timestamp,
    /// The segment left; none of a customer who was unscored, or whose amounts were in another currency than the edges.
    pub from: Option<Box<str>>,
    /// The segment entered; none of a customer who is so now.
    pub to: Option<Box<str>>,
    /// The edges that both are relative to.
    pub edges: ByEdges,
    /// What brought it about.
    pub cause: ChangeCause,
}

/// Which edges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByEdges {
    /// The instant whose population they are of.
    pub as_of: Timestamp,
    /// Their hash: [`RfmEdges::hash`](tenure_core::report::rfm::RfmEdges::hash).
    pub hash: Box<str>,
}

/// What brought a change about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeCause {
    /// The facts of that instant, sorted: of a stage all of them, of a segment the orders and refunds.
    Facts(Vec<EventId>),
    /// Nothing happened, for long enough.
    Silence {
        /// From when the deciding time counts.
        since: Timestamp,
        /// The condition that time turned round, as the policy writes it; of a segment `recency_days >= 30` or
        /// `lookback = 365d`.
        condition: Box<str>,
    },
}

/// A customer as shown: a UUID, or the external key that the UUID comes from.
fn from_shown<'de, D: Deserializer<'de>>(from: D) -> Result<Customer, D::Error> {
    let shown = String::deserialize(from)?;
    Customer::parse(&shown, "default").map_err(serde::de::Error::custom)
}

impl StageChanged {
    pub(super) fn new(tail: &StageTail, customer: &Customer, change: &StageChange) -> Self {
        let policy = tail.machine().policy();
        let code = |stage| Box::from(policy.code(stage));
        Self {
            id: tail.change_id(customer.id(), change),
            customer: customer.clone(),
            at: change.at,
            from: change.from.map(code),
            to: code(change.to),
            rule: change.rule.and_then(|rule| policy.rule(rule)).map(|rule| rule.name.clone()),
            cause: match &change.cause {
                Cause::Facts(facts) => ChangeCause::Facts(facts.clone()),
                Cause::Silence { since, condition } => ChangeCause::Silence {
                    since: *since,
                    condition: tail.machine().condition_text(*condition).into(),
                },
            },
        }
    }
}

impl SegmentChanged {
    pub(super) fn new(segments: &SegmentTimeline, customer: &Customer, change: &SegmentChange) -> Self {
        let silence =
            |since: Timestamp, condition: String| ChangeCause::Silence { since, condition: condition.into() };
        let lookback = segments.rfm().policy().lookback.unwrap_or(Duration::ZERO);
        Self {
            id: segments.change_id(customer.id(), change),
            customer: customer.clone(),
            at: change.at,
            from: change.from.clone(),
            to: change.to.clone(),
            edges: ByEdges { as_of: segments.edges().as_of, hash: segments.edges_hash().into() },
            cause: match &change.cause {
                SegmentCause::Facts(facts) => ChangeCause::Facts(facts.clone()),
                SegmentCause::Recency { days, since } => silence(*since, format!("recency_days >= {days}")),
                SegmentCause::Window { since } => silence(*since, format!("lookback = {lookback}")),
            },
        }
    }
}

/// What an engine has to tell.
///
/// Whoever keeps the set of changes, adds what [`Changed`](Self::Changed) tells and removes what
/// [`Retracted`](Self::Retracted) takes back, has the timeline of every customer, as a replay shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// A stage or a segment changed.
    Changed(Change),
    /// A change that was told of did not take place, as is known now: a fact came late, or was taken back, or two
    /// customers are one person.
    Retracted(Change),
}

impl Notice {
    /// The change that it is about.
    pub const fn change(&self) -> &Change {
        match self {
            Self::Changed(change) | Self::Retracted(change) => change,
        }
    }
}

/// Of what was told and what should have been, the differences: first what is retracted, then what is new, both in the
/// order of time.
pub(super) fn differences(
    telling: Telling<'_>,
    customer: &Customer,
    told: &[Step],
    now: &[Step],
    tell: impl FnMut(Notice),
) {
    // Most of the time there is nothing to compare.
    let missing = |step: &Step, from: &[Step]| {
        let near = from.partition_point(|other| other.at() < step.at());
        !from.iter().skip(near).take_while(|other| other.at() == step.at()).any(|other| other.is(step))
    };
    let change = |step| telling.change(customer, step);
    let gone = told.iter().filter(|step| missing(step, now)).filter_map(change).map(Notice::Retracted);
    let new = now.iter().filter(|step| missing(step, told)).filter_map(change).map(Notice::Changed);
    gone.chain(new).for_each(tell);
}
