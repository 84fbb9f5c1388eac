//! Behavioural queries by the book: slow, and sharing no algorithm with the engine.
//!
//! Only the words of a query, the tests of single facts and [`StageOracle`](crate::oracle::StageOracle) are borrowed.
//! Corrections, identities, profiles, buckets and everything that is asked are worked out again from the whole history:
//! chains by listing them all, strict order by every permutation of an instant, unordered steps by every assignment.
//! Segments, which need edges, are not answered.

mod calendar;
mod chain;
mod funnel;
mod history;
mod known;
mod lifecycle;
mod paths;
mod repurchase;
mod retention;
mod stickiness;
mod transitions;
mod unordered;

use serde_json::Value;
use tenure_core::projection::stage::StagePolicy;
use tenure_core::query::{Ask, Query};
use tenure_core::{RecordedView, Timestamp};

use history::Asking;

/// The answer to a query over recorded facts in any order, in the JSON of the engine; null for a kind of query that
/// this kit does not know.
///
/// `stages` names lifecycle stages where a query asks for them. `as_of` is not earlier than any fact that the query's
/// own cut leaves.
///
/// # Example
/// ```
/// use tenure_core::query::Query;
/// use tenure_core::{Timestamp, log::Log};
/// let query = Query::parse(r#"{"kind": "lifecycle"}"#)?;
/// let log = Log::new();
/// let facts: Vec<_> = log.facts().collect();
/// let answer = tenure_testkit::query_oracle::answer(&facts, &query, None, Timestamp::MIN);
/// assert_eq!(answer["new"], serde_json::json!([]));
/// # Ok::<(), tenure_core::query::QueryError>(())
/// ```
pub fn answer(
    log: &[RecordedView<'_>],
    query: &Query,
    stages: Option<&StagePolicy>,
    as_of: Timestamp,
) -> Value {
    let persons = known::persons(log, &query.frame);
    let asking = Asking { persons: &persons, frame: &query.frame, stages, as_of };
    match &query.ask {
        Ask::Funnel(ask) => funnel::answer(&asking, ask),
        Ask::Retention(ask) => retention::answer(&asking, ask),
        Ask::Lifecycle(ask) => lifecycle::answer(&asking, ask),
        Ask::Paths(ask) => paths::answer(&asking, ask),
        Ask::Stickiness(ask) => stickiness::answer(&asking, ask),
        Ask::Transitions(ask) => transitions::answer(&asking, ask),
        Ask::Repurchase(ask) => repurchase::answer(&asking, ask),
        _ => Value::Null,
    }
}

/// Microseconds as seconds.
#[expect(clippy::cast_precision_loss, reason = "far fewer microseconds than a float counts exactly")]
fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

/// How many, as a float.
#[expect(clippy::cast_precision_loss, reason = "a handful")]
const fn float(count: usize) -> f64 {
    count as f64
}
