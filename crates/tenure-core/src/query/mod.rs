//! Questions about behaviour: funnels, retention, movement, paths, stickiness, transitions, repurchase.
//!
//! A query is a value. It names every decision, fills in the default where a field is left out, and stands whole in its
//! answer. Each kind is a projection of one customer and a report over all of them, so one replay answers several.

mod asked;
mod breakdown;
mod bucket;
mod bucket_set;
mod course;
mod frame;
mod funnel;
mod lens;
mod lifecycle;
mod paths;
mod repurchase;
mod retention;
#[cfg(feature = "schema")]
mod schema;
mod selector;
mod standing;
mod stickiness;
mod transitions;
#[cfg(test)]
mod worked;

pub use asked::{Asked, AskedReport, AskedState, AskedSum, AskedView, Broken};
pub use breakdown::{Attribution, Breakdown, BreakdownScope, CountBy};
pub use bucket::{Buckets, Period, Span, WeekStart};
pub use course::Course;
pub use frame::{Frame, Known, Range, Version};
pub use funnel::{
    Count, Entry, Exclusion, ExclusionEffect, Filled, FunnelAnswer, FunnelCourse, FunnelOutcome,
    FunnelOutput, FunnelQuery, FunnelRange, FunnelStanding, FunnelState, FunnelSteps, FunnelSum, Step,
    StepOrder, Ties, TimeToConvert, TrendRow,
};
pub use lens::{Glance, Word, Words};
pub use lifecycle::{LifecycleAnswer, LifecycleCourse, LifecycleQuery, LifecycleState, Movement, NewBasis};
pub use paths::{
    Anchors, OtherPaths, PathComparison, PathDifference, PathDirection, PathTree, PathsAnswer, PathsCourse,
    PathsQuery, PathsState, Sequence,
};
pub use repurchase::{
    RepurchaseAnswer, RepurchaseCourse, RepurchaseQuery, RepurchaseRow, RepurchaseState, RepurchaseSum, Waits,
};
pub use retention::{
    Clock, CohortRow, Measure, OneRowState, OneRowSum, RetentionAnswer, RetentionCourse, RetentionMode,
    RetentionOutput, RetentionQuery, RetentionRow, RetentionState, RetentionTable, ReturnRule, RowsState,
    RowsSum, Shape, Tallied,
};
pub use selector::{Filter, Scope, Selector, Where};
pub use standing::Terms;
pub use stickiness::{StickinessAnswer, StickinessCourse, StickinessQuery, StickinessState};
pub use transitions::{
    AskedTransitions, FlowRow, StayRow, TransitionsAnswer, TransitionsQuery, TransitionsReport,
    TransitionsSum, TransitionsView,
};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::json;
use crate::near::did_you_mean;
use crate::time::Zone;

/// A query: what is asked, within what all kinds share.
///
/// # Example
/// ```
/// use tenure_core::query::Query;
/// let query = Query::parse(r#"{"kind": "funnel", "steps": ["signed_up", "order_placed"], "timezone": "Asia/Shanghai"}"#)?;
/// assert_eq!(query.to_json()["order"], "ordered"); // every default is filled in
///
/// let error = Query::parse(r#"{"kind": "funnel", "steps": ["signed_up"], "ordr": "strict"}"#).unwrap_err();
/// assert!(error.to_string().starts_with("ordr: unknown field `ordr`, expected one of"));
/// assert!(error.to_string().ends_with("did you mean \"order\"?"));
/// # Ok::<(), tenure_core::query::QueryError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// What all kinds share.
    pub frame: Frame,
    /// What is asked.
    pub ask: Ask,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Ask {
    /// How many go through steps.
    Funnel(FunnelQuery),
    /// How many come back.
    Retention(RetentionQuery),
    /// Who is new, returning, resurrecting, dormant.
    Lifecycle(LifecycleQuery),
    /// What was done after something, or before it.
    Paths(PathsQuery),
    /// In how many buckets customers are active.
    Stickiness(StickinessQuery),
    /// Who moved from stage to stage.
    Transitions(TransitionsQuery),
    /// How many buy again, and when.
    Repurchase(RepurchaseQuery),
}

/// Why something is not a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError {
    /// The place in the JSON, such as `steps[1].where[0].op`; empty for the whole.
    pub path: Box<str>,
    /// What is wrong with what stands there, and what is allowed.
    pub why: Box<str>,
}

impl core::error::Error for QueryError {}

impl core::fmt::Display for QueryError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.why)
    }
}

impl QueryError {
    fn new(path: impl Into<Box<str>>, why: impl Into<Box<str>>) -> Self {
        Self { path: path.into(), why: why.into() }
    }
}

impl Query {
    /// The kinds of queries.
    pub const KINDS: [&'static str; 7] =
        ["funnel", "retention", "lifecycle", "paths", "stickiness", "transitions", "repurchase"];

    /// Reads a query from JSON text.
    ///
    /// # Errors
    /// [`QueryError`] with the place, what stands there and what is allowed.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        match json::parse(text) {
            Ok(Value::Object(fields)) => Self::from_fields(fields),
            Ok(other) => {
                Err(QueryError::new("", format!("{other} is no query: write an object with a `kind`")))
            }
            Err(error) => Err(QueryError::new("", format!("this is not JSON: {error}"))),
        }
    }

    fn from_fields(mut fields: Map<String, Value>) -> Result<Self, QueryError> {
        let kind = fields.remove("kind");
        let allowed = || format!("one of {}", Self::KINDS.join(", "));
        let kind = match &kind {
            Some(Value::String(kind)) => kind.as_str(),
            Some(other) => {
                return Err(QueryError::new(
                    "kind",
                    format!("{other} is no kind of query: write {}", allowed()),
                ));
            }
            None => return Err(QueryError::new("kind", format!("missing: write {}", allowed()))),
        };
        let of_frame = Self::names(&Frame::default());
        let (frame, own): (Map<_, _>, Map<_, _>) =
            fields.into_iter().partition(|(name, _)| of_frame.contains(name));
        let frame: Frame = read(frame, &[])?;
        let ask = match kind {
            "funnel" => Ask::Funnel(read(own, &of_frame)?),
            "retention" => Ask::Retention(read(own, &of_frame)?),
            "lifecycle" => Ask::Lifecycle(read(own, &of_frame)?),
            "paths" => Ask::Paths(read(own, &of_frame)?),
            "stickiness" => Ask::Stickiness(read(own, &of_frame)?),
            "transitions" => Ask::Transitions(read(own, &of_frame)?),
            "repurchase" => Ask::Repurchase(read(own, &of_frame)?),
            other => {
                let near = did_you_mean(other, Self::KINDS);
                return Err(QueryError::new(
                    "kind",
                    format!("unknown kind \"{other}\": write {}{near}", allowed()),
                ));
            }
        };
        let query = Self { frame, ask };
        query.check()?;
        Ok(query)
    }

    /// The names of the fields of a value.
    fn names(fields: &impl Serialize) -> Vec<String> {
        match serde_json::to_value(fields) {
            Ok(Value::Object(fields)) => fields.into_iter().map(|(name, _)| name).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether all values make sense together.
    ///
    /// # Errors
    /// [`QueryError`] with the place, what stands there and what is allowed.
    pub fn check(&self) -> Result<(), QueryError> {
        self.frame.check()?;
        let most = |path: &str, tests: usize| {
            let why = format!("{tests} tests of facts: at most {}", Filter::MOST_TESTS);
            if tests > Filter::MOST_TESTS { Err(QueryError::new(path, why)) } else { Ok(()) }
        };
        most("filter", self.frame.filter.tests())?;
        match &self.ask {
            Ask::Funnel(funnel) => funnel.check(),
            Ask::Retention(retention) => retention.check(),
            Ask::Lifecycle(lifecycle) => lifecycle.check(),
            Ask::Paths(paths) => {
                // They share their bits with those of the filter.
                most("where", self.frame.filter.tests() + paths.filter.tests())?;
                paths.check()
            }
            Ask::Repurchase(repurchase) => repurchase.check(),
            Ask::Stickiness(stickiness) => {
                self.frame.check_bounded("stickiness counts the buckets of a range")?;
                stickiness.check()
            }
            Ask::Transitions(_) if self.frame.filter.asks_customer() => {
                let why = "a test of the customer: stages are of facts, so write tests of facts alone";
                Err(QueryError::new("filter", why))
            }
            Ask::Transitions(_) => Ok(()),
        }
    }

    /// The same query with a zone where it names none.
    #[must_use]
    pub fn in_zone(mut self, zone: Zone) -> Self {
        self.frame.timezone.get_or_insert(zone);
        self
    }

    /// By what the answer is broken down, where it is.
    pub const fn breakdown(&self) -> Option<&Breakdown> {
        match &self.ask {
            Ask::Funnel(ask) => ask.breakdown.as_ref(),
            Ask::Retention(ask) => ask.breakdown.as_ref(),
            Ask::Lifecycle(ask) => ask.breakdown.as_ref(),
            Ask::Stickiness(ask) => ask.breakdown.as_ref(),
            Ask::Repurchase(ask) => ask.breakdown.as_ref(),
            Ask::Paths(_) | Ask::Transitions(_) => None,
        }
    }

    /// What kind of query it is.
    pub const fn kind(&self) -> &'static str {
        match self.ask {
            Ask::Funnel(_) => "funnel",
            Ask::Retention(_) => "retention",
            Ask::Lifecycle(_) => "lifecycle",
            Ask::Paths(_) => "paths",
            Ask::Stickiness(_) => "stickiness",
            Ask::Transitions(_) => "transitions",
            Ask::Repurchase(_) => "repurchase",
        }
    }

    /// The query as JSON with every default filled in. It reads back as the same query.
    pub fn to_json(&self) -> Value {
        let fields = |value: Result<Value, _>| match value {
            Ok(Value::Object(fields)) => fields,
            // Plain data always has a JSON form.
            Ok(_) | Err::<_, serde_json::Error>(_) => Map::new(),
        };
        let mut all = Map::new();
        all.insert("kind".into(), self.kind().into());
        all.extend(fields(serde_json::to_value(&self.frame)));
        all.extend(fields(match &self.ask {
            Ask::Funnel(query) => serde_json::to_value(query),
            Ask::Retention(query) => serde_json::to_value(query),
            Ask::Lifecycle(query) => serde_json::to_value(query),
            Ask::Paths(query) => serde_json::to_value(query),
            Ask::Stickiness(query) => serde_json::to_value(query),
            Ask::Transitions(query) => serde_json::to_value(query),
            Ask::Repurchase(query) => serde_json::to_value(query),
        }));
        all.into()
    }
}

/// Reads fields into a value. `others` are names that are allowed beside its own.
fn read<T: DeserializeOwned>(fields: Map<String, Value>, others: &[String]) -> Result<T, QueryError> {
    serde_path_to_error::deserialize(Value::Object(fields)).map_err(|error| {
        let path = error.path().to_string();
        let why = error.inner().to_string();
        // The only messages with a list of names end in it.
        let is_top = !path.contains(['.', '[']);
        let more = if is_top && why.starts_with("unknown field") && !others.is_empty() {
            format!(", `{}`", others.join("`, `"))
        } else {
            String::new()
        };
        let why = why + &more;
        // `unknown x `wrong`, expected one of `a`, `b``: odd pieces are names.
        let mut names = why.split('`').skip(1).step_by(2);
        let near = match names.next() {
            Some(wrong) if why.starts_with("unknown") => did_you_mean(wrong, names),
            _ => String::new(),
        };
        let path = if path == "." { "" } else { &path };
        QueryError::new(path, format!("{why}{near}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_reads_back_from_its_own_json_with_every_default() {
        for text in [
            r#"{"kind": "funnel", "steps": ["signed_up", {"event": ["a", "b"], "optional": true}], "exclusions": ["order_refunded"]}"#,
            r#"{"kind": "retention", "from": "2020-01-01T00:00:00", "known_at": 17, "period": "week"}"#,
            r#"{"kind": "lifecycle", "filter": {"any": [{"property": "channel", "op": "is_set"}, {"all": []}]}}"#,
            r#"{"kind": "paths", "anchor": "signed_up", "known_at": "2020-01-01T00:00:00Z", "as_of": "2020-01-01T00:00:00Z"}"#,
            r#"{"kind": "stickiness", "from": "2020-01-01T00:00:00", "to": "2020-02-01T00:00:00"}"#,
            r#"{"kind": "transitions", "period": "month"}"#,
            r#"{"kind": "repurchase"}"#,
        ] {
            let query = Query::parse(text).unwrap();
            let written = query.to_json().to_string();
            assert_eq!(Query::parse(&written).unwrap(), query, "{written}");
            assert!(text.contains(query.kind()));
        }
    }

    #[test]
    fn what_is_no_query_is_refused_with_its_place_and_what_is_allowed() {
        for (bad, why) in [
            ("[]", "[] is no query"),
            ("{", "this is not JSON"),
            ("{}", "kind: missing: write one of funnel"),
            (
                r#"{"kind": "funel"}"#,
                "kind: unknown kind \"funel\": write one of funnel, retention, lifecycle, paths, stickiness, transitions, repurchase; did you mean \"funnel\"?",
            ),
            (r#"{"kind": "funnel", "steps": []}"#, "steps: [] has no step"),
            (r#"{"kind": "funnel", "steps": [{}]}"#, "steps[0]: missing field `event`"),
            (r#"{"kind": "funnel", "steps": ["a"], "window_seconds": 0}"#, "window_seconds: 0"),
            (r#"{"kind": "funnel", "steps": ["a"], "order": "loose"}"#, "order: unknown variant `loose`"),
            (
                r#"{"kind": "funnel", "steps": [{"event": "a", "where": [{"property": "x", "op": "like", "value": 1}]}]}"#,
                "steps[0].where[0].op: unknown variant `like`",
            ),
            (
                r#"{"kind": "funnel", "steps": ["a", "b"], "exclusions": [{"event": "c", "from_step": 2}]}"#,
                "exclusions[0].from_step: 2",
            ),
            (r#"{"kind": "retention", "timezone": "Mars/Base"}"#, "timezone: "),
            (r#"{"kind": "retention", "version": 2}"#, "version: version 2 of the language"),
            (
                r#"{"kind": "retention", "from": "2020-02-01T00:00:00", "to": "2020-01-01T00:00:00"}"#,
                "to: 2020-01-01T00:00:00 is not after from",
            ),
            (r#"{"kind": "retention", "min_occurrences": 0}"#, "min_occurrences: 0"),
            (r#"{"kind": "lifecycle", "tz": "UTC"}"#, "did you mean"),
            (r#"{"kind": "stickiness"}"#, "from: missing"),
            (r#"{"kind": "paths", "anchor": "a", "depth": 0}"#, "depth: 0"),
            (r#"{"kind": "repurchase", "nth": 1}"#, "nth: 1"),
        ] {
            let error = Query::parse(bad).map(|query| query.to_json()).unwrap_err().to_string();
            assert!(error.contains(why), "{bad}: {error}");
        }
    }
}
