//! Transitions: who moved from which stage to which, when, and how long stays last.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::bucket::{Buckets, Period, Span, WeekStart};
use super::frame::Range;
use super::lens::Sieve;
use super::standing::Terms;
use super::{Ask, Query, QueryError};
use crate::event::EventView;
use crate::fold::{Fingerprint, Projection};
use crate::projection::stage::{StageChange, StageIx, StagePolicy, StageView, Timeline, TimelineState};
use crate::report::stages::{MatrixCell, StageDwell, StageMatrix};
use crate::report::{Report, Shown};
use crate::time::{Duration, Timestamp};

/// A question about the stages of the policy between `from` and `to` (or `as_of`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TransitionsQuery {
    /// How long a bucket of the flows is; none: no flows.
    pub period: Option<Period>,
    /// On which day a week starts.
    pub week_start: WeekStart,
}

/// A question about transitions made ready to be asked: a [`Projection`] of one customer and a [`Report`] over all.
/// What is remembered of a customer grows with the changes of stage.
#[derive(Clone, Debug)]
pub struct AskedTransitions {
    timeline: Timeline,
    filter: Sieve,
    range: Range,
    /// The buckets of the flows, where these are asked for.
    span: Option<Span>,
    fingerprint: Fingerprint,
}

/// What a customer contributes.
#[derive(Clone, Debug, PartialEq)]
pub struct TransitionsView {
    /// Before the range, and at its end.
    ends: (Option<StageView>, Option<StageView>),
    /// Those between: the entry into the stage before the range, then all changes in it.
    stays: Vec<StageChange>,
    /// All, for the flows, whose first bucket may begin before the range.
    changes: Vec<StageChange>,
}

/// The sum of a question about transitions over customers.
#[derive(Clone, Debug)]
pub struct TransitionsReport<'q> {
    asked: &'q AskedTransitions,
}

/// The sum so far.
#[derive(Clone, Debug, Default)]
pub struct TransitionsSum<'q> {
    matrix: <StageMatrix<'q> as Report>::Acc,
    flows: BTreeMap<(i64, Option<StageIx>, StageIx), u64>,
    dwell: <StageDwell<'q> as Report>::Acc,
}

/// Who moved from which stage to which.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TransitionsAnswer {
    /// How many stood in one stage just before `from`, and in which just before `to` (or at `as_of`).
    pub matrix: Vec<MatrixCell>,
    /// How many changes of each sort fell into each bucket: only what occurred. Nothing without a period.
    pub flows: Vec<FlowRow>,
    /// How long stays last that ended in range, stage by stage.
    pub dwell: Vec<StayRow>,
}

/// The changes of one sort in one bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FlowRow {
    /// The bucket.
    pub bucket: String,
    /// The stage left; none for new customers.
    pub from: Option<String>,
    /// The stage entered.
    pub to: String,
    /// How many changes.
    pub changes: u64,
}

/// The stays in one stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StayRow {
    /// The stage.
    pub code: String,
    /// How many stays ended in range.
    pub completed: u64,
    /// How many go on at the end of the range; they are in no quantile.
    pub open: u64,
    /// The median of the completed ones by the nearest-rank rule; none without one.
    pub median_seconds: Option<f64>,
    /// The 90th percentile likewise.
    pub p90_seconds: Option<f64>,
}

impl Query {
    /// A question about transitions made ready, as of an instant; none for another kind.
    ///
    /// # Errors
    /// [`QueryError`] where the policy has no stages, or the filter asks about customers.
    pub fn transitions(
        &self,
        terms: &Terms,
        as_of: Timestamp,
    ) -> Result<Option<AskedTransitions>, QueryError> {
        let Ask::Transitions(ask) = &self.ask else { return Ok(None) };
        let Some(machine) = &terms.stages else {
            let why = "transitions: they are between the stages of a policy, and this one has none";
            return Err(QueryError::new("kind", why));
        };
        let filter = Sieve::new(&self.frame.filter, &mut 0);
        let timeline = Timeline::new(machine.as_ref().clone());
        let range = self.frame.range().map_err(|error| QueryError::new("from", error.to_string()))?;
        let buckets = ask.period.map(|period| Buckets::new(period, ask.week_start, self.frame.zone()));
        let span = buckets.map(|buckets| Span::new(buckets, &self.frame, as_of)).transpose()?;
        let fingerprint = Fingerprint::of("transitions", 1, &(self.to_json(), timeline.fingerprint().0));
        Ok(Some(AskedTransitions { timeline, filter, range, span, fingerprint }))
    }
}

impl AskedTransitions {
    /// The report that goes with the projection: it takes its views.
    pub const fn report(&self, as_of: Timestamp) -> TransitionsReport<'_> {
        // The views are as of it already.
        let _ = as_of;
        TransitionsReport { asked: self }
    }

    fn policy(&self) -> &StagePolicy {
        self.timeline.machine().policy()
    }

    fn standing(&self, change: &StageChange) -> Option<StageView> {
        let macro_stage = self.policy().stage(change.to)?.macro_stage;
        Some(StageView { stage: change.to, macro_stage, since: change.at, rule: change.rule })
    }
}

impl Projection for AskedTransitions {
    type State = TimelineState;
    type View = TransitionsView;

    fn init(&self) -> TimelineState {
        self.timeline.init()
    }

    fn apply(&self, state: &mut TimelineState, fact: &EventView<'_>) {
        if self.filter.passes_fact(fact) {
            self.timeline.apply(state, fact);
        }
    }

    fn view(&self, state: &TimelineState, as_of: Timestamp) -> TransitionsView {
        let changes = self.timeline.view(state, as_of);
        let first = changes.partition_point(|change| change.at < self.range.from);
        let end = changes.partition_point(|change| self.range.to.is_none_or(|to| change.at < to));
        let last_before = |place: usize| changes.get(place.checked_sub(1)?);
        let standing = |place| last_before(place).and_then(|change| self.standing(change));
        TransitionsView {
            ends: (standing(first), standing(end)),
            stays: changes.get(first.saturating_sub(1)..end).unwrap_or_default().to_vec(),
            changes,
        }
    }

    fn next_change(&self, state: &TimelineState, after: Timestamp) -> Option<Timestamp> {
        self.timeline.next_change(state, after)
    }

    fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    fn fits(&self, state: &TimelineState) -> bool {
        self.timeline.fits(state)
    }
}

impl<'q> Report for TransitionsReport<'q> {
    type View = TransitionsView;
    type Acc = TransitionsSum<'q>;
    type Answer = TransitionsAnswer;

    fn add(&self, acc: &mut Self::Acc, customer: Shown<'_>, view: &TransitionsView) {
        let policy = self.asked.policy();
        StageMatrix { policy }.add(&mut acc.matrix, customer, &view.ends);
        StageDwell { policy }.add(&mut acc.dwell, customer, &view.stays);
        if let Some(span) = &self.asked.span {
            for change in &view.changes {
                let bucket = span.buckets().number(change.at);
                if span.holds(bucket) {
                    *acc.flows.entry((bucket, change.from, change.to)).or_default() += 1;
                }
            }
        }
    }

    fn merge(&self, into: &mut Self::Acc, other: Self::Acc) {
        let policy = self.asked.policy();
        StageMatrix { policy }.merge(&mut into.matrix, other.matrix);
        StageDwell { policy }.merge(&mut into.dwell, other.dwell);
        for (key, changes) in other.flows {
            *into.flows.entry(key).or_default() += changes;
        }
    }

    fn finish(&self, acc: Self::Acc) -> TransitionsAnswer {
        let policy = self.asked.policy();
        let code = |stage| policy.code(stage).to_owned();
        let name = |bucket| self.asked.span.as_ref().map(|span| span.buckets().name(bucket));
        let flows = acc.flows.into_iter().map(|((bucket, from, to), changes)| FlowRow {
            bucket: name(bucket).unwrap_or_default(),
            from: from.map(code),
            to: code(to),
            changes,
        });
        let dwell = StageDwell { policy }.finish(acc.dwell).into_iter().map(|row| StayRow {
            code: row.code,
            completed: row.completed,
            open: row.open,
            median_seconds: row.median.map(Duration::as_seconds),
            p90_seconds: row.p90.map(Duration::as_seconds),
        });
        TransitionsAnswer {
            matrix: StageMatrix { policy }.finish(acc.matrix),
            flows: flows.collect(),
            dwell: dwell.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::Timestamp;
    use crate::query::worked::{answer, refused};
    use crate::query::{Query, Terms};

    fn ask(more: &Value, as_of: &str) -> Value {
        let mut query = json!({"kind": "transitions"});
        query.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let story = "
            ann 2024-01-01T00:00:00 order_placed
            bob 2024-01-01T00:00:00 order_placed
            bob 2024-01-08T00:00:00 order_placed channel=web
            cyd 2024-03-01T00:00:00 order_placed
        ";
        answer(&query, as_of, story)
    }

    fn dwell(answer: &Value, code: &str) -> Value {
        answer["dwell"].as_array().unwrap().iter().find(|row| row["code"] == code).unwrap().clone()
    }

    #[test]
    fn a_matrix_is_of_the_ends_and_a_flow_of_every_change() {
        let range = json!({"from": "2024-01-08T00:00:00", "to": "2024-03-01T00:00:00", "period": "month"});
        let found = ask(&range, "2024-12-31T00:00:00Z");
        // Just before the eighth Bob is new, and just before March Cyd is nobody; at its instant both change. Ann's 60
        // days are over on the first of March.
        let cell = |from: &str, to: &str| json!({"from": from, "to": to, "customers": 1});
        assert_eq!(found["matrix"], json!([cell("new", "new"), cell("new", "active")]));
        let flow = |from: Value, to: &str, changes| json!({"bucket": "2024-01-01", "from": from, "to": to, "changes": changes});
        // The first bucket is whole.
        let flows = [
            flow(json!(null), "prospect", 2),
            flow(json!("prospect"), "new", 2),
            flow(json!("new"), "active", 1),
        ];
        assert_eq!(found["flows"], json!(flows));
        let week = 7.0 * 86_400.0;
        let new =
            json!({"code": "new", "completed": 1, "open": 1, "median_seconds": week, "p90_seconds": week});
        assert_eq!(dwell(&found, "new"), new);
        let active =
            json!({"code": "active", "completed": 0, "open": 1, "median_seconds": null, "p90_seconds": null});
        assert_eq!(dwell(&found, "active"), active);
    }

    #[test]
    fn without_bounds_everybody_comes_from_nowhere_and_ends_at_the_instant() {
        let found = ask(&json!({}), "2024-03-01T00:00:00Z");
        let cell = |to: &str, customers| json!({"from": null, "to": to, "customers": customers});
        assert_eq!(found["matrix"], json!([cell("new", 1), cell("active", 1), cell("at_risk", 1)]));
        assert_eq!(found["flows"], json!([]));
        assert_eq!(dwell(&found, "new")["completed"], 2);
        // The facts of one channel alone make other stages.
        let web = ask(
            &json!({"filter": [{"property": "channel", "op": "eq", "value": "web"}]}),
            "2024-03-01T00:00:00Z",
        );
        assert_eq!(web["matrix"], json!([cell("new", 1)]));
    }

    #[test]
    fn it_needs_stages_and_tests_of_facts() {
        let query = Query::parse(r#"{"kind": "transitions"}"#).unwrap();
        let error = query.transitions(&Terms::default(), Timestamp::MAX).unwrap_err();
        assert_eq!(&*error.path, "kind");
        let of_customer = json!([{"property": "plan", "op": "is_set", "scope": "customer"}]);
        let error = refused(&json!({"kind": "transitions", "filter": of_customer}));
        assert!(error.starts_with("filter: a test of the customer"), "{error}");
    }
}
