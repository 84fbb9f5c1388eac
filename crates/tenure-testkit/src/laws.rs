//! The laws that hold for every log and every projection, as functions to call from property tests.
//!
//! | law | function |
//! |---|---|
//! | L1 convergence | [`converges`] |
//! | L2 as-of | [`as_of_is_a_cut`], [`known_at_is_a_prefix`], [`incremental_equals_replay`] |
//! | L3 resume | [`resumes`] |
//! | L4 merge | [`partitions_add_up`] |
//! | L9 void | [`voided_is_never_recorded`] |
//!
//! L5, L7 and L8 speak of stages and stand beside the stage projection's oracle.

use core::num::NonZeroUsize;
use core::ops::ControlFlow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use tenure_core::fold::{Folded, Partition, Projection, Snapshot, States, fold};
use tenure_core::log::{Append, Cut, KnownAt, Log};
use tenure_core::report::{Report, Shown};
use tenure_core::{CustomerId, Event, Kind, Timestamp};
use tenure_store::{EventStore, ManualClock, replay};

/// What a law says of a case: it holds, or it does not and why.
pub type Outcome = Result<(), TestCaseError>;

/// Something that records facts in a fresh log and folds it: a log in memory, or a store.
pub trait Recorder {
    /// Records the batches one after the other, then folds everything under the cut.
    fn fold<P: Projection + Clone + Send + Sync>(
        &self,
        projection: P,
        cut: Cut,
        batches: &[Vec<Event>],
    ) -> States<P>;
}

/// Records in memory and folds at the end.
#[derive(Clone, Copy, Debug)]
pub struct InMemory;

impl Recorder for InMemory {
    fn fold<P: Projection + Clone + Send + Sync>(
        &self,
        projection: P,
        cut: Cut,
        batches: &[Vec<Event>],
    ) -> States<P> {
        States::of_log(projection, cut, &recorded(batches))
    }
}

/// The log that holds these batches, recorded a second apart from the year 2030 on.
pub fn recorded(batches: &[Vec<Event>]) -> Log {
    let mut log = Log::new();
    for (batch, now) in batches.iter().zip(recording_times()).filter(|(batch, _)| !batch.is_empty()) {
        let appended = log.append(&Append::new(batch.clone()), now);
        debug_assert!(appended.is_ok(), "{appended:?}");
    }
    log
}

/// When the batches of a test are recorded: each a second after the one before, all after every fact happened.
pub fn recording_times() -> impl Iterator<Item = Timestamp> {
    (0..).filter_map(|n| Timestamp::from_micros(1_893_456_000_000_000 + n * 1_000_000))
}

type Compared<S> = Vec<(CustomerId, String, Folded<S>)>;

fn compared<P: Projection>(states: &States<P>) -> Compared<P::State> {
    states.iter().map(|(customer, folded)| (customer, states.shown(customer), folded.clone())).collect()
}

/// L1: any permutation, duplication or batching of the same facts folds to the same states.
///
/// # Errors
/// The case, where the law does not hold.
pub fn converges<P, R>(projection: &P, recorder: &R, facts: &[Event], batches: &[Vec<Event>]) -> Outcome
where
    P: Projection + Clone + Send + Sync,
    R: Recorder,
{
    let once = recorder.fold(projection.clone(), Cut::default(), &[facts.to_vec()]);
    let arrived = recorder.fold(projection.clone(), Cut::default(), batches);
    prop_assert_eq!(compared(&once), compared(&arrived));
    Ok(())
}

/// L2: what is seen as of an instant is what a log shows whose facts (not corrections) end there.
///
/// # Errors
/// The case, where the law does not hold.
pub fn as_of_is_a_cut<P, R>(projection: &P, recorder: &R, batches: &[Vec<Event>], at: Timestamp) -> Outcome
where
    P: Projection + Clone + Send + Sync,
    R: Recorder,
{
    let seen = recorder.fold(projection.clone(), Cut::as_of(at), batches);
    let ended: Vec<Vec<Event>> = batches
        .iter()
        .map(|batch| {
            let stays = |event: &&Event| event.view().kind.corrects() || event.occurred_at() <= at;
            batch.iter().filter(stays).cloned().collect()
        })
        .filter(|batch: &Vec<Event>| !batch.is_empty())
        .collect();
    let short = recorder.fold(projection.clone(), Cut::default(), &ended);
    prop_assert_eq!(compared(&seen), compared(&short));
    Ok(())
}

/// L2 on the other axis: what was known at a position, or at the instant it was recorded, is what a log shows that
/// ends there.
///
/// # Errors
/// The case, where the law does not hold.
pub fn known_at_is_a_prefix<P, R>(
    projection: &P,
    recorder: &R,
    batches: &[Vec<Event>],
    count: usize,
) -> Outcome
where
    P: Projection + Clone + Send + Sync,
    R: Recorder,
{
    let Some(prefix) = batches.get(..count) else { return Ok(()) };
    let short = recorder.fold(projection.clone(), Cut::default(), prefix);
    let position = recorded(prefix).head();
    let cut = Cut { as_of: None, known_at: KnownAt::Position(position) };
    let seen = recorder.fold(projection.clone(), cut, batches);
    prop_assert_eq!(compared(&seen), compared(&short));
    let Some(last) = count.checked_sub(1).and_then(|n| recording_times().nth(n)) else { return Ok(()) };
    let cut = Cut { as_of: None, known_at: KnownAt::Instant(last) };
    let seen = recorder.fold(projection.clone(), cut, batches);
    prop_assert_eq!(compared(&seen), compared(&short));
    Ok(())
}

/// L2: states kept up to date batch by batch are the states of one replay, and a late fact costs one refold.
///
/// # Errors
/// The case, where the law does not hold.
pub fn incremental_equals_replay<P: Projection + Clone>(projection: &P, batches: &[Vec<Event>]) -> Outcome {
    let mut log = Log::new();
    let mut live = States::new(projection.clone(), Cut::default());
    for (batch, now) in batches.iter().zip(recording_times()) {
        prop_assert!(log.append(&Append::new(batch.clone()), now).is_ok());
        let touched: BTreeSet<CustomerId> = batch.iter().map(|event| event.customer().id()).collect();
        let corrects = batch.iter().any(|event| event.view().kind.corrects());
        let refolds = live.catch_up(&log);
        prop_assert!(
            corrects || refolds <= touched.len(),
            "{refolds} refolds for {} customers",
            touched.len()
        );
        let replay = States::of_log(projection.clone(), Cut::default(), &log);
        prop_assert_eq!(compared(&live), compared(&replay));
    }
    Ok(())
}

/// L3: a fold resumed from a snapshot, sent through its encoding, is the fold from the start.
///
/// # Errors
/// The case, where the law does not hold.
pub fn resumes<P: Projection>(projection: &P, facts: &[Event], cut: usize) -> Outcome {
    let mut history: BTreeMap<CustomerId, Vec<&Event>> = BTreeMap::new();
    for fact in facts.iter().filter(|fact| !fact.view().kind.corrects()) {
        history.entry(fact.customer().id()).or_default().push(fact);
    }
    for (customer, mut facts) in history {
        facts.sort_by_key(|fact| fact.view().key());
        let (before, after) = facts.split_at(cut % (facts.len() + 1));
        let Some(last) = before.last() else { continue };
        let state = fold(projection, before.iter().map(|fact| fact.view()));
        let streams = vec![(customer, tenure_core::Version(before.len() as u64))];
        let snapshot = Snapshot::new(Folded { state, last: last.view().key() }, streams);
        let bytes = snapshot.encode(projection).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let read =
            Snapshot::decode(&bytes, projection).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&read, &snapshot);
        let mut resumed = read.state;
        for fact in after {
            projection.apply(&mut resumed, &fact.view());
        }
        prop_assert_eq!(resumed, fold(projection, facts.iter().map(|fact| fact.view())));
    }
    Ok(())
}

/// L4: a report over partitions, merged in any grouping, is the report over all; partitioned states are all states.
///
/// # Errors
/// The case, where the law does not hold.
pub fn partitions_add_up<P, R>(
    projection: &P,
    report: &R,
    batches: &[Vec<Event>],
    as_of: Timestamp,
) -> Outcome
where
    P: Projection + Clone,
    R: Report<View = P::View, Answer: PartialEq + core::fmt::Debug>,
{
    let log = recorded(batches);
    let whole = States::of_log(projection.clone(), Cut::as_of(as_of), &log);
    let parts: Vec<States<P>> = Partition::split(3)
        .map(|partition| {
            let mut states = States::new(projection.clone(), Cut::as_of(as_of)).in_partition(partition);
            states.catch_up(&log);
            states
        })
        .collect();
    let customers: usize = parts.iter().map(States::len).sum();
    prop_assert_eq!(customers, whole.len());
    let sum = |states: &States<P>| {
        let mut acc = R::Acc::default();
        for (id, folded) in states.iter() {
            // Shown as the whole log shows them.
            let name = whole.shown(id);
            report.add(&mut acc, Shown { id, name: &name }, &projection.view(&folded.state, as_of));
        }
        acc
    };
    let expected = report.finish(sum(&whole));
    for order in [[0, 1, 2], [2, 0, 1], [1, 2, 0]] {
        let mut left = R::Acc::default();
        for part in order.iter().filter_map(|index| parts.get(*index)) {
            report.merge(&mut left, sum(part));
        }
        prop_assert!(report.finish(left) == expected);
        let mut right = R::Acc::default();
        for part in order.iter().rev().filter_map(|index| parts.get(*index)) {
            let mut first = sum(part);
            report.merge(&mut first, right);
            right = first;
        }
        prop_assert!(report.finish(right) == expected);
    }
    Ok(())
}

/// L9: a fact that is taken back leaves every state as if it had never been recorded.
///
/// # Errors
/// The case, where the law does not hold.
pub fn voided_is_never_recorded<P, R>(projection: &P, recorder: &R, batches: &[Vec<Event>]) -> Outcome
where
    P: Projection + Clone + Send + Sync,
    R: Recorder,
{
    let all = || batches.iter().flatten();
    let voids: BTreeSet<(tenure_core::EventId, CustomerId)> = all()
        .filter(|event| event.view().kind == Kind::EventVoided)
        .filter_map(|event| Some((event.view().subject?.parse().ok()?, event.customer().id())))
        .collect();
    let never: Vec<Vec<Event>> = batches
        .iter()
        .map(|batch| {
            let stays = |event: &&Event| {
                let taken_back = voids.contains(&(event.id(), event.customer().id()));
                event.view().kind != Kind::EventVoided && !taken_back
            };
            batch.iter().filter(stays).cloned().collect()
        })
        .filter(|batch: &Vec<Event>| !batch.is_empty())
        .collect();
    let with = recorder.fold(projection.clone(), Cut::default(), batches);
    let without = recorder.fold(projection.clone(), Cut::default(), &never);
    let states =
        |states: &States<P>| -> Vec<_> { states.iter().map(|(c, folded)| (c, folded.clone())).collect() };
    prop_assert_eq!(states(&with), states(&without));
    Ok(())
}

/// Records in a fresh store and folds it on three threads: what holds for the log in memory has to hold there.
#[derive(Clone, Copy, Debug)]
pub struct InStore<F>(
    /// Makes an empty store under a clock.
    pub F,
);

impl<S: EventStore, F: Fn(Arc<ManualClock>) -> S> Recorder for InStore<F> {
    fn fold<P: Projection + Clone + Send + Sync>(
        &self,
        projection: P,
        cut: Cut,
        batches: &[Vec<Event>],
    ) -> States<P> {
        let clock = Arc::new(ManualClock::new(Timestamp::MIN));
        let store = (self.0)(Arc::clone(&clock));
        for (batch, now) in batches.iter().zip(recording_times()).filter(|(batch, _)| !batch.is_empty()) {
            clock.set(now);
            let appended = pollster::block_on(store.append(Append::new(batch.clone())));
            debug_assert!(appended.is_ok(), "{appended:?}");
        }
        let threads = NonZeroUsize::MIN.saturating_add(2);
        match replay(&store, projection.clone(), cut, threads, |_| ControlFlow::Continue(())) {
            Ok(states) => states,
            Err(error) => {
                debug_assert!(false, "{error}");
                States::new(projection, cut)
            }
        }
    }
}
