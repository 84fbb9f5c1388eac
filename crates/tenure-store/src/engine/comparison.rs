//! What another policy makes of everybody: the views of two generations side by side, at one checkpoint.

use std::collections::BTreeMap;

use serde::Serialize;
use tenure_core::fold::{Projection, States};
use tenure_core::money::MoneySum;
use tenure_core::projection::rfm::RfmTail;
use tenure_core::projection::stage::{StageMachine, StageTail};
use tenure_core::report::rfm::{RfmAnswer, RfmReport};
use tenure_core::report::{Report, Shown};
use tenure_core::{CustomerId, Policy, Position, Timestamp};

use super::Checkpoint;
use super::telling::Standing;

/// Two generations at one checkpoint.
///
/// As JSON: codes, instants, money with its currency.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// How far the log is taken in by both.
    pub position: Position,
    /// The instant of both views: the latest that time was advanced to, or the latest fact if that is later. None in a log
    /// without facts that count.
    pub as_of: Option<Timestamp>,
    /// The live generation.
    pub before: Compared,
    /// The new one.
    pub after: Compared,
    /// How many customers were compared: all.
    pub customers: u64,
    /// How many of them differ in any field.
    pub differing: u64,
    /// In which fields, in the order of [`KeptView`]; also those in which nobody differs.
    pub fields: Vec<FieldCount>,
    /// The first customers that differ, by the name shown; as many as were asked for.
    pub examples: Vec<DifferingCustomer>,
}

/// One side of a comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// The number of the generation.
    pub generation: u32,
    /// What its policy is called.
    pub policy: String,
    /// The policy's hash.
    pub hash: String,
    /// Why nobody has a segment; none where they have.
    pub unsegmented: Option<String>,
}

/// How many customers differ in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FieldCount {
    /// The field of [`KeptView`].
    pub field: &'static str,
    /// How many.
    pub customers: u64,
}

/// A customer with another view.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DifferingCustomer {
    /// Who, as shown.
    pub customer: String,
    /// The fields that differ.
    pub fields: Vec<&'static str>,
    /// The view of the live generation; none of somebody it does not know.
    pub before: Option<KeptView>,
    /// The view of the new one.
    pub after: Option<KeptView>,
}

/// What a generation says of a customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeptView {
    /// Code of the stage.
    pub stage: Option<Box<str>>,
    /// Since when.
    pub since: Option<Timestamp>,
    /// The rule that led there; none in the stage where the customer began.
    pub rule: Option<Box<str>>,
    /// The next change if nothing more happens; none if silence changes nothing.
    pub next_change: Option<NextStage>,
    /// Local calendar days since the last purchase day; none of the unscored.
    pub recency_days: Option<u32>,
    /// Purchase days or orders.
    pub frequency: Option<u64>,
    /// Orders less refunds.
    pub monetary: Option<MoneySum>,
    /// Code of the RFM segment, relative to everybody in the same generation.
    pub segment: Option<Box<str>>,
}

/// A change that silence alone will bring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NextStage {
    /// When.
    pub at: Timestamp,
    /// Code of the stage.
    pub to: Box<str>,
}

impl KeptView {
    /// The names of the fields, in order.
    pub const FIELDS: [&'static str; 8] =
        ["stage", "since", "rule", "next_change", "recency_days", "frequency", "monetary", "segment"];

    /// Which fields of two views differ; every one where there is but one view.
    fn differing(before: Option<&Self>, after: Option<&Self>) -> [bool; 8] {
        let (Some(one), Some(other)) = (before, after) else { return [before != after; 8] };
        [
            one.stage != other.stage,
            one.since != other.since,
            one.rule != other.rule,
            one.next_change != other.next_change,
            one.recency_days != other.recency_days,
            one.frequency != other.frequency,
            one.monetary != other.monetary,
            one.segment != other.segment,
        ]
    }
}

/// One side, to be asked for views: states under a policy.
pub(super) struct Side<'a> {
    states: &'a States<Standing>,
    as_of: Timestamp,
    /// By the name shown.
    scored: Option<RfmAnswer>,
    compared: Compared,
}

impl<'a> Side<'a> {
    pub(super) fn new(
        states: &'a States<Standing>,
        checkpoint: Checkpoint,
        (generation, policy): (u32, &Policy),
    ) -> Self {
        let as_of = as_of(states, checkpoint).unwrap_or(Timestamp::MIN);
        let rfm = &states.projection().1;
        let report = RfmReport::new(rfm.rfm(), as_of);
        let mut population = <RfmReport as Report>::Acc::default();
        for (id, folded) in states.iter() {
            let shown = Shown { id, name: &states.shown(id) };
            report.add(&mut population, shown, &rfm.view(&folded.state.1, as_of));
        }
        let (scored, unsegmented) = match report.finish(population) {
            Ok(answer) => (Some(answer), None),
            Err(error) => (None, Some(error.to_string())),
        };
        let compared = Compared { generation, policy: policy.name.clone(), hash: policy.hash(), unsegmented };
        Self { states, as_of, scored, compared }
    }

    fn view(&self, customer: CustomerId, shown: &str) -> Option<KeptView> {
        let folded = self.states.get(customer)?;
        let (tail, rfm): &(StageTail, RfmTail) = self.states.projection();
        let machine: &StageMachine = tail.machine();
        let policy = machine.policy();
        let now = machine.view(StageTail::stage(&folded.state.0), self.as_of);
        let next = tail.next_change(&folded.state.0, self.as_of).and_then(|at| {
            let change = tail.view(&folded.state.0, at).into_iter().rfind(|change| change.at == at)?;
            Some(NextStage { at, to: policy.code(change.to).into() })
        });
        let raw = rfm.view(&folded.state.1, self.as_of);
        let rows = self.scored.as_ref().map_or(&[][..], |scored| &scored.customers);
        let row = rows.binary_search_by(|row| row.customer.as_str().cmp(shown)).ok();
        Some(KeptView {
            stage: now.as_ref().map(|now| policy.code(now.stage).into()),
            since: now.as_ref().map(|now| now.since),
            rule: now
                .and_then(|now| now.rule)
                .and_then(|rule| policy.rule(rule))
                .map(|rule| rule.name.clone()),
            next_change: next,
            recency_days: raw.values.map(|values| values.recency_days),
            frequency: raw.values.map(|values| values.frequency),
            monetary: raw.monetary(),
            segment: row.and_then(|row| rows.get(row)).map(|row| row.segment.as_str().into()),
        })
    }
}

fn as_of(states: &States<Standing>, checkpoint: Checkpoint) -> Option<Timestamp> {
    states.latest().max(checkpoint.advanced_to)
}

/// Puts two sides side by side that have taken in the same facts.
pub(super) fn compare(
    before: Side<'_>,
    after: Side<'_>,
    checkpoint: Checkpoint,
    examples: usize,
) -> Comparison {
    let mut counts = [0_u64; 8];
    let (mut customers, mut differing) = (0, 0);
    let mut first: BTreeMap<String, DifferingCustomer> = BTreeMap::new();
    let new = after.states.iter().filter(|(id, _)| before.states.known(*id).folded.is_none());
    for (id, _) in before.states.iter().chain(new) {
        customers += 1;
        let shown = after.states.shown(id);
        let (one, other) = (before.view(id, &shown), after.view(id, &shown));
        let differs = KeptView::differing(one.as_ref(), other.as_ref());
        if !differs.contains(&true) {
            continue;
        }
        differing += 1;
        for (count, differs) in counts.iter_mut().zip(differs) {
            *count += u64::from(differs);
        }
        let named = KeptView::FIELDS.into_iter().zip(differs);
        let fields = named.filter_map(|(field, differs)| differs.then_some(field)).collect();
        let customer = DifferingCustomer { customer: shown.clone(), fields, before: one, after: other };
        first.insert(shown, customer);
        if first.len() > examples {
            first.pop_last();
        }
    }
    let counts = KeptView::FIELDS.into_iter().zip(counts);
    Comparison {
        position: checkpoint.position,
        as_of: as_of(after.states, checkpoint),
        before: before.compared,
        after: after.compared,
        customers,
        differing,
        fields: counts.map(|(field, customers)| FieldCount { field, customers }).collect(),
        examples: first.into_values().collect(),
    }
}
