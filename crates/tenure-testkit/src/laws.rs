//! The laws that hold for every log and every projection, as functions to call from property tests.
//!
//! | law | function |
//! |---|---|
//! | L1 convergence | [`converges`] |
//! | L2 as-of | [`as_of_is_a_cut`], [`known_at_is_a_prefix`], [`incremental_equals_replay`] |
//! | L3 resume | [`resumes`] |
//! | L4 merge | [`parts_add_up`] |
//! | L5 silence | [`silence_is_foretold`] |
//! | L7 explained, L8 legal | [`changes_are_explained_and_legal`] |
//! | L9 void | [`voided_is_never_recorded`] |
//! | L10 erased | [`erased_leaves_what_is_plain`] |

use core::num::NonZeroUsize;
use core::ops::ControlFlow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use tenure_core::fold::{Folded, Partition, Projection, Snapshot, States};
use tenure_core::log::{Append, Cut, KnownAt, Log, Read};
use tenure_core::projection::stage::{Cause, StageChange, StageMachine, Timeline};
use tenure_core::report::{Report, Shown};
use tenure_core::{CustomerId, Duration, Event, EventId, EventView, Kind, Position, Timestamp, Version};
use tenure_store::seal::{Erase, erase};
use tenure_store::{AnyStore, EventStore, ManualClock, replay};

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

/// L3: a fold resumed from a snapshot, sent through its encoding, is the fold from the start. The facts before the
/// snapshot are the first `cut` ones in the order of time, so that the rest lie canonically after them.
///
/// # Errors
/// The case, where the law does not hold.
pub fn resumes<P, R>(projection: &P, recorder: &R, facts: &[Event], cut: usize) -> Outcome
where
    P: Projection + Clone + Send + Sync,
    R: Recorder,
{
    let mut facts: Vec<Event> = facts.iter().filter(|fact| !fact.view().kind.corrects()).cloned().collect();
    facts.sort_by_key(|fact| fact.view().key());
    let (before, after) = facts.split_at(cut % (facts.len() + 1));
    let kept = recorder.fold(projection.clone(), Cut::default(), &[before.to_vec()]);
    let whole = recorder.fold(projection.clone(), Cut::default(), &[facts.clone()]);
    let mut seen: BTreeMap<CustomerId, u64> = BTreeMap::new();
    for fact in before {
        *seen.entry(fact.customer().id()).or_default() += 1;
    }
    let mut later: BTreeMap<CustomerId, Vec<&Event>> = BTreeMap::new();
    for fact in after {
        later.entry(fact.customer().id()).or_default().push(fact);
    }
    for (customer, folded) in kept.iter() {
        let seen = seen.get(&customer).copied().unwrap_or_default();
        let snapshot = Snapshot::new(folded.clone(), vec![(customer, Version(seen))]);
        let bytes = snapshot.encode(projection).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let read =
            Snapshot::decode(&bytes, projection).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&read, &snapshot);
        let mut resumed = read.state;
        for fact in later.get(&customer).into_iter().flatten() {
            projection.apply(&mut resumed, &fact.view());
        }
        prop_assert_eq!(Some(&resumed), whole.get(customer).map(|folded| &folded.state));
    }
    Ok(())
}

/// L4: a report over parts of a population, merged in any grouping, is the report over all of it; and partitions folded
/// apart are the whole.
///
/// # Errors
/// The case, where the law does not hold.
pub fn parts_add_up<P, Q, R>(
    projection: &P,
    report: &Q,
    recorder: &R,
    batches: &[Vec<Event>],
    as_of: Timestamp,
) -> Outcome
where
    P: Projection + Clone + Send + Sync,
    Q: Report<View = P::View, Answer: PartialEq>,
    R: Recorder,
{
    let whole = recorder.fold(projection.clone(), Cut::as_of(as_of), batches);
    let sum = |part: Option<Partition>| {
        let mut acc = Q::Acc::default();
        for (id, folded) in whole.iter().filter(|(id, _)| part.is_none_or(|part| part.holds(*id))) {
            let name = whole.shown(id);
            report.add(&mut acc, Shown { id, name: &name }, &projection.view(&folded.state, as_of));
        }
        acc
    };
    let expected = report.finish(sum(None));
    let parts: Vec<Partition> = Partition::split(3).collect();
    for order in [[0, 1, 2], [2, 0, 1], [1, 2, 0]] {
        let mut left = Q::Acc::default();
        let mut right = Q::Acc::default();
        for index in order {
            report.merge(&mut left, sum(parts.get(index).copied()));
        }
        for index in order.iter().rev() {
            let mut first = sum(parts.get(*index).copied());
            report.merge(&mut first, right);
            right = first;
        }
        prop_assert!(report.finish(left) == expected, "merged from the left in the order {order:?}");
        prop_assert!(report.finish(right) == expected, "merged from the right in the order {order:?}");
    }
    let log = recorded(batches);
    let mut apart = States::new(projection.clone(), Cut::as_of(as_of));
    for partition in parts {
        let mut states = States::new(projection.clone(), Cut::as_of(as_of)).in_partition(partition);
        states.catch_up(&log);
        apart.union(states);
    }
    let states =
        |states: &States<P>| -> Vec<_> { states.iter().map(|(c, folded)| (c, folded.clone())).collect() };
    prop_assert_eq!(states(&apart), states(&whole));
    Ok(())
}

/// L5: after the last fact the stage is constant up to [`next_change`](Projection::next_change), and changes there.
/// Holds for the states of any recorder.
///
/// # Errors
/// The case, where the law does not hold.
pub fn silence_is_foretold<R>(
    machine: &StageMachine,
    recorder: &R,
    batches: &[Vec<Event>],
    wait: Duration,
) -> Outcome
where
    R: Recorder,
{
    let timeline = Timeline::new(machine.clone());
    let states = recorder.fold((machine.clone(), timeline.clone()), Cut::default(), batches);
    for (_, folded) in states.iter() {
        let (stage, changes) = &folded.state;
        let now = folded.last.occurred_at.checked_add(wait).unwrap_or(Timestamp::MAX);
        let at = |at: Timestamp| machine.view(stage, at).map(|view| (view.stage, view.since));
        let next = machine.next_change(stage, now);
        prop_assert!(next.is_none_or(|next| next > now));
        prop_assert_eq!(next, timeline.next_change(changes, now));
        let until = next.unwrap_or(Timestamp::MAX);
        // Constant up to the microsecond before, wherever one looks.
        let before = until.as_micros() - i64::from(next.is_some());
        for step in 0..=16 {
            let between = now.as_micros() + (before - now.as_micros()) / 16 * step;
            let between = Timestamp::from_micros(between).unwrap_or(now);
            prop_assert_eq!(at(between), at(now), "between {} and {:?}, at {}", now, next, between);
        }
        prop_assert_eq!(at(Timestamp::from_micros(before).unwrap_or(now)), at(now));
        if let Some(next) = next {
            prop_assert_ne!(at(next), at(now));
            let told = timeline.view(changes, next);
            let silent =
                |change: &StageChange| change.at == next && matches!(change.cause, Cause::Silence { .. });
            prop_assert!(told.iter().any(silent));
        }
    }
    Ok(())
}

/// L7 and L8: every change but the first entry names its rule and the facts or the silence that caused it, and follows
/// a transition of the policy from the stage before.
///
/// # Errors
/// The case, where the law does not hold.
pub fn changes_are_explained_and_legal<R>(
    machine: &StageMachine,
    recorder: &R,
    batches: &[Vec<Event>],
) -> Outcome
where
    R: Recorder,
{
    let policy = machine.policy();
    let legal = policy.transitions();
    let timeline = Timeline::new(machine.clone());
    let happened: BTreeMap<EventId, Timestamp> =
        batches.iter().flatten().map(|event| (event.id(), event.occurred_at())).collect();
    let states = recorder.fold(timeline.clone(), Cut::default(), batches);
    for (_, folded) in states.iter() {
        let changes = timeline.view(&folded.state, Timestamp::MAX);
        prop_assert_eq!(changes.first().map(|first| (first.from, first.to)), Some((None, policy.initial())));
        for (before, change) in changes.iter().zip(changes.iter().skip(1)) {
            prop_assert!(before.at <= change.at);
            prop_assert_eq!(change.from, Some(before.to));
            prop_assert!(legal.contains(&(before.to, change.to)), "{:?} is not legal", change);
            let rule = change.rule.and_then(|rule| policy.rule(rule));
            prop_assert!(rule.is_some_and(|rule| &*rule.to == policy.code(change.to)), "{:?}", change);
        }
        for change in &changes {
            match &change.cause {
                Cause::Facts(facts) => {
                    prop_assert!(!facts.is_empty());
                    prop_assert!(
                        facts.iter().all(|fact| happened.get(fact) == Some(&change.at)),
                        "{:?}",
                        change
                    );
                }
                Cause::Silence { since, condition } => {
                    prop_assert!(*since <= change.at && !machine.condition_text(*condition).is_empty());
                }
            }
        }
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

/// L10: once a person is erased, nothing that was sealed is read of the person, everything of everybody else is, and
/// the states of a projection that reads plain fields alone are as they were.
///
/// # Errors
/// The case, where the law does not hold.
pub fn erased_leaves_what_is_plain<P, S>(
    projection: &P,
    store: &S,
    batches: &[Vec<Event>],
    person: CustomerId,
) -> Outcome
where
    P: Projection + Clone + Send + Sync,
    S: Erase,
{
    let failed = |error: tenure_store::StoreError| TestCaseError::fail(error.to_string());
    for batch in batches.iter().filter(|batch| !batch.is_empty()) {
        pollster::block_on(store.append(Append::new(batch.clone()))).map_err(failed)?;
    }
    let read = || -> Result<Vec<(CustomerId, String)>, TestCaseError> {
        let page = pollster::block_on(store.read(&Read::all().limit(1 << 16))).map_err(failed)?;
        Ok(page.facts.iter().map(|fact| (fact.event.customer, fact.event.to_line())).collect())
    };
    let before = read()?;
    // What was recorded of the erasure itself is a fact of its own.
    let cut = Cut { as_of: None, known_at: KnownAt::Position(Position(before.len() as u64)) };
    let fold = || {
        let threads = NonZeroUsize::MIN.saturating_add(1);
        replay(store, projection.clone(), cut, threads, |_| ControlFlow::Continue(()))
            .map_err(|error| TestCaseError::fail(error.to_string()))
    };
    let states = compared(&fold()?);
    let erased = pollster::block_on(erase(store, person, Timestamp::MAX)).map_err(failed)?;
    let plain: BTreeMap<String, String> = batches
        .iter()
        .flatten()
        .map(|event| {
            let personal = event.personal(|_| false);
            let kept = if personal.is_empty() { event.clone() } else { event.clone().sealed(&personal, "") };
            let data = kept.view().opened(None);
            (event.view().to_line(), EventView { data: &data, ..event.view() }.to_line())
        })
        .collect();
    for ((customer, line), (_, after)) in before.iter().zip(read()?) {
        let expected = if erased.customers.contains(customer) { plain.get(line) } else { Some(line) };
        prop_assert_eq!(Some(&after), expected);
    }
    prop_assert_eq!(compared(&fold()?), states);
    Ok(())
}

/// Records in a fresh store and folds it on three threads: what holds for the log in memory has to hold there.
#[derive(Clone, Copy, Debug)]
pub struct InStore<F>(
    /// Makes an empty store under a clock.
    pub F,
);

impl<S: EventStore + 'static, F: Fn(Arc<ManualClock>) -> S> Recorder for InStore<F> {
    fn fold<P: Projection + Clone + Send + Sync>(
        &self,
        projection: P,
        cut: Cut,
        batches: &[Vec<Event>],
    ) -> States<P> {
        let clock = Arc::new(ManualClock::new(Timestamp::MIN));
        let store = AnyStore::new((self.0)(Arc::clone(&clock)));
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
