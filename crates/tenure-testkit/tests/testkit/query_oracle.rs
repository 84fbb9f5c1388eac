//! Behavioural queries against the book.
//!
//! ```console
//! $ TENURE_QUERY_CASES=20000 cargo test --release -p tenure-testkit --test testkit query_oracle
//! ```
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;
use tenure_core::fold::States;
use tenure_core::log::Log;
use tenure_core::projection::stage::{StageMachine, StagePolicy};
use tenure_core::query::{Query, QueryError, Terms};
use tenure_core::report::{Report, add_all};
use tenure_core::{RecordedView, Timestamp};
use tenure_testkit::query_oracle;
use tenure_testkit::query_strategies::{QueryCase, query_case};

/// So many cases as the environment says, else a few.
pub fn cases(few: u32) -> Config {
    let cases = std::env::var("TENURE_QUERY_CASES").ok().map_or(few, |cases| cases.parse().unwrap());
    Config { cases, failure_persistence: None, max_shrink_iters: 3_000, ..Config::default() }
}

pub fn terms(stages: &StagePolicy) -> Terms {
    Terms { stages: Some(Arc::new(StageMachine::new(stages.clone()))), segments: None }
}

/// Does something with a query made ready, whatever its kind.
macro_rules! with_asked {
    ($query:expr, $stages:expr, $as_of:expr, $asked:ident => $body:expr) => {{
        let (query, as_of): (&Query, Timestamp) = ($query, $as_of);
        let terms = crate::query_oracle::terms($stages);
        match query.kind() {
            "funnel" => query.funnel(&terms, as_of).map(|asked| asked.map(|$asked| $body)),
            "retention" => query.retention(&terms, as_of).map(|asked| asked.map(|$asked| $body)),
            "lifecycle" => query.lifecycle(&terms, as_of).map(|asked| asked.map(|$asked| $body)),
            "paths" => query.paths(&terms, as_of).map(|asked| asked.map(|$asked| $body)),
            "stickiness" => query.stickiness(&terms, as_of).map(|asked| asked.map(|$asked| $body)),
            "transitions" => query.transitions(&terms, as_of).map(|asked| asked.map(|$asked| $body)),
            _ => query.repurchase(&terms, as_of).map(|asked| asked.map(|$asked| $body)),
        }
        .map(Option::unwrap)
    }};
}
pub(crate) use with_asked;

/// What the engine answers.
pub fn engine(query: &Query, log: &Log, stages: &StagePolicy, as_of: Timestamp) -> Result<Value, QueryError> {
    with_asked!(query, stages, as_of, asked => {
        let followed = States::of_log(&asked, query.frame.cut(), log);
        let report = asked.report(as_of);
        serde_json::to_value(report.finish(add_all(&report, &followed, as_of))).unwrap()
    })
}

/// Whether two answers are one; floats may differ in their last digits, since sums of floats depend on how they are
/// taken.
fn agree(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| agree(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, one)| other.get(name).is_some_and(|other| agree(one, other)))
        }
        (Value::Number(a), Value::Number(b)) if a.is_f64() || b.is_f64() => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
        }
        (one, other) => one == other,
    }
}

/// A case as people read it.
pub fn shown(case: &QueryCase) -> String {
    let facts: Vec<String> = case
        .log()
        .facts()
        .map(|fact| {
            let (at, known) = (fact.recorded_at, fact.known_at());
            format!("{} {} recorded {at}, known {known}", fact.position.0, fact.event.to_line())
        })
        .collect();
    format!("{}\nas of {}\n{}", case.query.to_json(), case.as_of, facts.join("\n"))
}

fn compare(kind: &'static str, few: u32) {
    let result = TestRunner::new(cases(few)).run(&query_case(kind), |case| {
        let log = case.log();
        let facts: Vec<RecordedView<'_>> = log.facts().collect();
        let of_engine = match engine(&case.query, &log, &case.stages, case.as_of) {
            Ok(answer) => answer,
            Err(error) => return Err(TestCaseError::fail(format!("{error}\n{}", shown(&case)))),
        };
        let of_oracle = query_oracle::answer(&facts, &case.query, Some(&case.stages), case.as_of);
        prop_assert!(
            agree(&of_engine, &of_oracle),
            "engine {}\noracle {}\n{}",
            of_engine,
            of_oracle,
            shown(&case)
        );
        Ok(())
    });
    if let Err(proptest::test_runner::TestError::Fail(why, _)) = &result {
        panic!("{why}");
    }
    result.unwrap();
}

#[test]
fn funnels_are_by_the_book() {
    compare("funnel", 300);
}

#[test]
fn lifecycle_is_by_the_book() {
    compare("lifecycle", 300);
}

#[test]
fn stickiness_is_by_the_book() {
    compare("stickiness", 300);
}

#[test]
fn repurchase_is_by_the_book() {
    compare("repurchase", 300);
}

#[test]
fn retention_is_by_the_book() {
    compare("retention", 300);
}

#[test]
fn paths_are_by_the_book() {
    compare("paths", 300);
}

#[test]
fn transitions_are_by_the_book() {
    compare("transitions", 200);
}
