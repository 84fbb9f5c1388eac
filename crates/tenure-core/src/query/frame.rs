//! What every query says, whatever it asks: zone, bounds, instants, filter.

use serde::{Deserialize, Serialize};

use super::QueryError;
use super::selector::Filter;
use crate::id::Position;
use crate::log::{Cut, KnownAt};
use crate::time::{LocalTime, TimeError, Timestamp, Zone};

/// The words that all kinds of queries share.
///
/// `timezone` decides where days begin; without one it is the policy's. `from` (inclusive) and `to` (exclusive) are
/// local date-times without an offset in that zone; none is no bound. Facts after `as_of` are unknown, and those that
/// were not known at `known_at` as well. `filter` is applied to facts first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Frame {
    /// The version of this language, 1.
    pub version: Version,
    /// Where a day begins.
    pub timezone: Option<Zone>,
    /// The first instant in range.
    pub from: Option<LocalTime>,
    /// The first instant behind the range.
    pub to: Option<LocalTime>,
    /// What had happened.
    pub as_of: Option<Timestamp>,
    /// What was known.
    pub known_at: Option<Known>,
    /// Which facts are looked at.
    pub filter: Filter,
}

/// The version of the language of queries: 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Version;

impl TryFrom<u64> for Version {
    type Error = String;

    fn try_from(version: u64) -> Result<Self, String> {
        match version {
            1 => Ok(Self),
            newer => Err(format!(
                "version {newer} of the language of queries; this build knows version 1: use a newer build"
            )),
        }
    }
}

impl From<Version> for u64 {
    fn from(_: Version) -> Self {
        1
    }
}

/// Up to which point of the log something was known: a position as a number, or an instant as RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged, expecting = "a position such as 1200, or an instant such as 2024-05-01T00:00:00Z")]
pub enum Known {
    /// What was recorded up to and with a position.
    Position(u64),
    /// What was known at an instant.
    Instant(Timestamp),
}

impl From<Known> for KnownAt {
    fn from(known: Known) -> Self {
        match known {
            Known::Position(position) => Self::Position(Position(position)),
            Known::Instant(at) => Self::Instant(at),
        }
    }
}

/// A half-open range of instants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Inclusive.
    pub from: Timestamp,
    /// Exclusive; none is no bound.
    pub to: Option<Timestamp>,
}

impl Range {
    /// Whether an instant is in it.
    pub fn holds(self, at: Timestamp) -> bool {
        self.from <= at && self.to.is_none_or(|to| at < to)
    }
}

impl Frame {
    /// The zone: the query's, or UTC before a policy's is filled in.
    pub fn zone(&self) -> Zone {
        self.timezone.unwrap_or_default()
    }

    /// The cut of the log.
    pub fn cut(&self) -> Cut {
        Cut { as_of: self.as_of, known_at: self.known_at.map_or(KnownAt::Latest, KnownAt::from) }
    }

    /// The range of instants between `from` and `to`.
    ///
    /// # Errors
    /// [`TimeError`] for a local time that is no instant between 1970 and 9999.
    pub fn range(&self) -> Result<Range, TimeError> {
        let zone = self.zone();
        let from = self.from.map_or(Ok(Timestamp::MIN), |from| zone.instant(from))?;
        let to = self.to.map(|to| zone.instant(to)).transpose()?;
        Ok(Range { from, to })
    }
}

impl Frame {
    /// Whether the bounds are bounds.
    pub(super) fn check(&self) -> Result<(), QueryError> {
        let at = |name: &'static str| move |error: TimeError| QueryError::new(name, error.to_string());
        let zone = self.zone();
        let from = self.from.map(|from| zone.instant(from)).transpose().map_err(at("from"))?;
        let to = self.to.map(|to| zone.instant(to)).transpose().map_err(at("to"))?;
        if let (Some(from), Some(to), Some(given)) = (from, to, self.to)
            && to <= from
        {
            let first = self.from.map_or_else(String::new, |from| from.to_string());
            return Err(QueryError::new(
                "to",
                format!("{given} is not after from, {first}: `to` is exclusive"),
            ));
        }
        Ok(())
    }

    /// Whether both bounds are there.
    pub(super) fn check_bounded(&self, why: &str) -> Result<(), QueryError> {
        let missing = |name: &str| {
            Err(QueryError::new(
                name,
                format!("missing: {why}; write a local time such as 2020-06-01T00:00:00"),
            ))
        };
        match (self.from, self.to) {
            (None, _) => missing("from"),
            (_, None) => missing("to"),
            _ => Ok(()),
        }
    }
}
