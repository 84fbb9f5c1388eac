//! What an engine tells: changes of stage, and that one it told of did not take place.

use serde::{Deserialize, Deserializer, Serialize};
use tenure_core::projection::stage::{Cause, StageChange, StageTail};
use tenure_core::{ChangeId, Customer, EventId, Timestamp};

/// A change of a customer's stage, in the policy's codes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
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

/// What brought a change about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeCause {
    /// The facts of that instant, all of them, sorted.
    Facts(Vec<EventId>),
    /// Nothing happened, for long enough.
    Silence {
        /// From when the deciding time counts.
        since: Timestamp,
        /// The condition that time turned round, as the policy writes it.
        condition: Box<str>,
    },
}

/// A customer as shown: a UUID, or the external key that the UUID comes from.
fn from_shown<'de, D: Deserializer<'de>>(from: D) -> Result<Customer, D::Error> {
    let shown = String::deserialize(from)?;
    Customer::parse(&shown, "default").map_err(serde::de::Error::custom)
}

impl Change {
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

/// What an engine has to tell.
///
/// Whoever keeps the set of changes, adds what [`Changed`](Self::Changed) tells and removes what
/// [`Retracted`](Self::Retracted) takes back, has the timeline of every customer, as a replay shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// A stage changed.
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
    tail: &StageTail,
    customer: &Customer,
    told: &[StageChange],
    now: &[StageChange],
    mut tell: impl FnMut(Notice),
) {
    // What a change is: at one instant no stage is entered twice. Most of the time there is nothing to compare.
    let key = |change: &StageChange| (change.at, change.from, change.to);
    let missing = |change: &StageChange, from: &[StageChange]| {
        let near = from.partition_point(|other| other.at < change.at);
        let at_once = from.iter().skip(near).take_while(|other| other.at == change.at);
        !at_once.map(key).any(|other| other == key(change))
    };
    for change in told.iter().filter(|change| missing(change, now)) {
        tell(Notice::Retracted(Change::new(tail, customer, change)));
    }
    for change in now.iter().filter(|change| missing(change, told)) {
        tell(Notice::Changed(Change::new(tail, customer, change)));
    }
}
