//! The laws of an engine: whatever is recorded, by whom and in whatever order, and however time passes in between, it
//! shows and tells what a fresh replay of its log shows.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestCaseError;
use tenure_core::fold::{Folded, Projection, States};
use tenure_core::log::{Append, Cut, KnownAt, Log};
use tenure_core::projection::rfm::Rfm;
use tenure_core::projection::stage::{StageChange, StagePolicy, StageTail, Timeline};
use tenure_core::report::rfm::{
    EdgeMoves, Population, RfmEdges, RfmReport, SegmentCause, SegmentChange, SegmentTimeline,
};
use tenure_core::report::stages::StageCounts;
use tenure_core::report::{Report, Shown};
use tenure_core::{ChangeId, CustomerId, Event, Policy, Position, Timestamp, Zone};
use tenure_store::{AnyStore, Change, Changes, CustomerView, Engine, EventStore, Keep, Notice};

use crate::laws::Outcome;
use crate::segment_oracle::{SegmentOracle, around};
use crate::strategies::{delivered, delivery, instant};

/// Something that happens to an engine.
#[derive(Clone, Debug)]
pub enum Step {
    /// Facts are recorded through it.
    Record(Vec<Event>),
    /// Another writer appends facts to the same log.
    Elsewhere(Vec<Event>),
    /// What others wrote is taken in.
    Refresh,
    /// Time passes, or is said to go back.
    Advance(Timestamp),
    /// Somebody asks about the past: as of an instant, as known at a share of the log.
    Ask(Timestamp, Index),
    /// The engine is closed, and another goes on from its checkpoint.
    Reopen,
    /// Segments are told by these edges from now on.
    Edges(Box<RfmEdges>),
}

/// Facts that arrive in these batches, through the engine or past it, while time passes.
pub fn steps(batches: Vec<Vec<Event>>) -> impl Strategy<Value = Vec<Step>> {
    steps_at(batches, instant())
}

/// The same, where time passes to other instants.
pub fn steps_at(
    batches: Vec<Vec<Event>>,
    instant: impl Strategy<Value = Timestamp> + Clone,
) -> impl Strategy<Value = Vec<Step>> {
    let between = prop_oneof![
        2 => Just(Vec::new()),
        3 => instant.clone().prop_map(|now| vec![Step::Advance(now)]),
        1 => Just(vec![Step::Refresh]),
        2 => (instant, any::<Index>()).prop_map(|(at, known)| vec![Step::Ask(at, known)]),
        1 => Just(vec![Step::Reopen]),
    ];
    let one = (0_u8..4, between);
    prop::collection::vec(one, batches.len()).prop_map(move |between| {
        let steps = batches.iter().zip(between).flat_map(|(batch, (elsewhere, between))| {
            let facts = batch.clone();
            let first = if elsewhere == 0 { Step::Elsewhere(facts) } else { Step::Record(facts) };
            [first].into_iter().chain(between)
        });
        steps.chain([Step::Refresh]).collect()
    })
}

/// Random facts of a few customers, with corrections, late and repeated, in random batches, as time passes.
pub fn any_steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    delivered(most).prop_flat_map(|(_, batches)| steps(batches))
}

/// One customer's history about the themes of a stage policy, in any order, as time passes.
pub fn stage_steps() -> impl Strategy<Value = Vec<Step>> {
    crate::stage_strategies::stage_history().prop_flat_map(delivery).prop_flat_map(steps)
}

/// A policy file of these stages.
pub fn policy_of(stages: &StagePolicy) -> Policy {
    Policy {
        zone: stages.zone(),
        cadence: stages.cadence(),
        stages: stages.stages().to_vec(),
        rules: stages.rules().to_vec(),
        ..Policy::default()
    }
}

fn fail(error: impl core::fmt::Display) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}

/// The model: the facts in memory, and all that the engine has told.
struct Model {
    tail: StageTail,
    rfm: Rfm,
    zone: Zone,
    /// Between which instants everything lies.
    span: (Timestamp, Timestamp),
    segments: Option<SegmentOracle>,
    log: Log,
    told: AllTold,
    advanced_to: Option<Timestamp>,
}

/// A change: whether it is one of segment, when, from what, to what.
type Told = (bool, Timestamp, Option<Box<str>>, Option<Box<str>>);
type AllTold = BTreeMap<(CustomerId, ChangeId), Told>;

fn told(change: &Change) -> Told {
    let code = |code: Option<&str>| code.map(Into::into);
    let of_segment = matches!(change, Change::SegmentChanged(_));
    (of_segment, change.at(), code(change.from()), code(change.to()))
}

type Standard = (Timeline, Rfm);

impl Model {
    fn new(policy: &Policy, steps: &[Step]) -> Result<Self, TestCaseError> {
        let facts = facts_of(steps).map(Event::occurred_at);
        let instants = facts.chain(steps.iter().filter_map(|step| match step {
            Step::Advance(at) | Step::Ask(at, _) => Some(*at),
            _ => None,
        }));
        Ok(Self {
            tail: StageTail::new(policy.stages().map_err(fail)?),
            rfm: policy.rfm().map_err(fail)?,
            zone: policy.zone,
            span: around(instants.collect::<Vec<_>>().into_iter(), 60),
            segments: None,
            log: Log::new(),
            told: BTreeMap::new(),
            advanced_to: None,
        })
    }

    fn fold(&self, cut: Cut) -> States<Standard> {
        States::of_log((self.tail.timeline().clone(), self.rfm.clone()), cut, &self.log)
    }

    fn horizon(&self, last: Timestamp) -> Timestamp {
        self.advanced_to.map_or(last, |advanced| advanced.max(last))
    }

    /// A change is told when it is not known, and retracted when it is.
    fn hear(&mut self, notices: Vec<Notice>) -> Outcome {
        for notice in notices {
            let key = (notice.change().customer().id(), notice.change().id());
            match notice {
                Notice::Changed(change) => {
                    if let Change::SegmentChanged(change) = &change {
                        let edges = self.segments.as_ref().map(|by| (by.edges.as_of, by.edges.hash()));
                        prop_assert_eq!(edges, Some((change.edges.as_of, change.edges.hash.to_string())));
                    }
                    let again = self.told.insert(key, told(&change));
                    prop_assert!(again.is_none(), "told twice: {:?}", again);
                }
                Notice::Retracted(change) => {
                    let known = self.told.remove(&key);
                    prop_assert!(known.is_some(), "retracted, but never told: {:?}", change);
                }
            }
        }
        Ok(())
    }

    /// What was told is the timeline, and the index knows the next instant.
    fn check_told(&self, engine: &Engine<AnyStore>) -> Outcome {
        let states = self.fold(Cut::default());
        let mut expected = BTreeMap::new();
        let mut due = None;
        for (person, folded) in states.iter() {
            let horizon = self.horizon(folded.last.occurred_at);
            for change in self.tail.timeline().view(&folded.state.0, horizon) {
                let (at, from, to) = self.codes(&change);
                expected.insert((person, self.tail.change_id(person, &change)), (false, at, from, Some(to)));
            }
            let next = self.tail.timeline().next_change(&folded.state.0, horizon);
            due = [due, next].into_iter().flatten().min();
        }
        let (segments, next) = self.segments_told(&states)?;
        expected.extend(segments);
        due = [due, next].into_iter().flatten().min();
        prop_assert_eq!(&self.told, &expected);
        prop_assert_eq!(engine.next_due(), due);
        Ok(())
    }

    /// What should have been told of segments, or counts as told; and when the first one will be that silence changes.
    fn segments_told(
        &self,
        states: &States<Standard>,
    ) -> Result<(AllTold, Option<Timestamp>), TestCaseError> {
        let mut told = BTreeMap::new();
        let mut due = None;
        let Some(oracle) = &self.segments else { return Ok((told, due)) };
        let ids = SegmentTimeline::new(self.rfm.clone(), oracle.edges.clone()).map_err(fail)?;
        for (person, folded) in states.iter() {
            let horizon = self.horizon(folded.last.occurred_at);
            for (at, from, to) in oracle.timeline(&self.log, states, Cut::default(), person) {
                if at > horizon {
                    due = [due, Some(at)].into_iter().flatten().min();
                } else {
                    let cause = SegmentCause::Facts(Vec::new());
                    let change = SegmentChange { at, from: from.clone(), to: to.clone(), cause };
                    told.insert((person, ids.change_id(person, &change)), (true, at, from, to));
                }
            }
        }
        Ok((told, due))
    }

    /// Other edges: what they change at once is in the report and counts as told.
    fn adopt(&mut self, edges: &RfmEdges, moves: &EdgeMoves) -> Outcome {
        let states = self.fold(Cut::default());
        let before = self.segments.take();
        let edges_before = before.as_ref().map(|before| before.edges.clone());
        let after = match before {
            Some(before) => before.by(edges.clone()),
            None => SegmentOracle::new(self.rfm.clone(), edges.clone(), self.zone, self.span),
        };
        let mut expected = Vec::new();
        for (person, folded) in states.iter() {
            let view = self.rfm.view(&folded.state.1, self.horizon(folded.last.occurred_at));
            let from = edges_before.as_ref().and_then(|edges| {
                SegmentTimeline::new(self.rfm.clone(), edges.clone()).ok()?.segment(&view).map(String::from)
            });
            let to = after.segment(&view).map(String::from);
            expected.push((states.shown(person), from, to));
        }
        expected.sort();
        let counted: u64 = moves.matrix.iter().map(|flow| flow.customers).sum();
        prop_assert_eq!(counted, expected.len() as u64);
        expected.retain(|(_, from, to)| from != to);
        let told: Vec<_> =
            moves.moves.iter().map(|one| (one.customer.clone(), one.from.clone(), one.to.clone())).collect();
        prop_assert_eq!(told, expected);
        prop_assert_eq!(&moves.edges_before, &edges_before);
        prop_assert_eq!(&moves.edges, edges);
        self.segments = Some(after);
        self.told.retain(|_, (of_segment, ..)| !*of_segment);
        let (known, _) = self.segments_told(&states)?;
        self.told.extend(known);
        Ok(())
    }

    fn edges(&self) -> Option<RfmEdges> {
        self.segments.as_ref().map(|by| by.edges.clone())
    }

    fn codes(&self, change: &StageChange) -> (Timestamp, Option<Box<str>>, Box<str>) {
        let code = |stage| Box::from(self.tail.machine().policy().code(stage));
        (change.at, change.from.map(code), code(change.to))
    }

    fn check_view(
        &self,
        states: &States<Standard>,
        view: Option<&CustomerView>,
        customer: CustomerId,
        as_of: Option<Timestamp>,
    ) -> Outcome {
        let expected = states.get(customer);
        prop_assert_eq!(view.is_some(), expected.is_some());
        let (Some(view), Some(Folded { state, last })) = (view, expected) else { return Ok(()) };
        let as_of = as_of.unwrap_or_else(|| self.horizon(last.occurred_at));
        let changes = self.tail.timeline().view(&state.0, as_of);
        let Some(stands) = changes.last() else { return Err(fail("nobody stands nowhere")) };
        prop_assert_eq!(view.as_of, as_of);
        prop_assert_eq!(&*view.stage, self.tail.machine().policy().code(stands.to));
        prop_assert_eq!(view.since, stands.at);
        prop_assert_eq!(view.last_fact_at, last.occurred_at);
        let values = self.rfm.view(&state.1, as_of);
        prop_assert_eq!(&view.rfm, &values);
        prop_assert_eq!(&view.segment, &self.segments.as_ref().and_then(|by| by.segment(&values)));
        let next = self.tail.timeline().next_change(&state.0, as_of);
        prop_assert_eq!(view.next_change.as_ref().map(|change| change.at), next);
        let person = states.corrections().representative(customer);
        prop_assert_eq!(view.customer.id(), person);
        prop_assert_eq!(&view.members, &states.corrections().members(customer));
        Ok(())
    }
}

fn facts_of(steps: &[Step]) -> impl Iterator<Item = &Event> {
    let facts = steps.iter().filter_map(|step| match step {
        Step::Record(facts) | Step::Elsewhere(facts) => Some(facts),
        _ => None,
    });
    facts.flatten()
}

/// Everybody of these facts, and somebody of whom nothing is known.
fn everybody(steps: &[Step]) -> Vec<CustomerId> {
    let mut all: Vec<CustomerId> = facts_of(steps).map(|fact| fact.customer().id()).collect();
    all.push(CustomerId::from_bytes([0xee; 16]));
    all.sort_unstable();
    all.dedup();
    all
}

/// Whatever happens to an engine over an empty store, it shows and tells what a fresh replay shows:
///
/// - states, names and due times are those of a replay, bit for bit, after every step;
/// - the changes told, less those retracted, are the timelines of a replay, and each is told once; those of segments are what
///   is found at every local midnight and every fact, from scratch, by the edges given last, whose report counts as told;
/// - views and reports of the present and of the past are those of a replay under the same cut.
///
/// # Errors
/// The case, where one of them does not hold.
pub fn is_a_replay<S: EventStore + 'static>(store: S, policy: &Policy, steps: &[Step]) -> Outcome {
    pollster::block_on(run(AnyStore::new(store), policy, steps))
}

async fn run(store: AnyStore, policy: &Policy, steps: &[Step]) -> Outcome {
    let open = || Engine::open(store.clone(), policy.clone());
    let mut engine = open().await.map_err(fail)?;
    let mut model = Model::new(policy, steps)?;
    let customers = everybody(steps);
    for step in steps {
        match step {
            Step::Record(facts) => {
                let stored = model.log.append(&Append::new(facts.clone()), Timestamp::MIN).map_err(fail)?;
                let recorded = engine.record(facts.clone()).await.map_err(fail)?;
                prop_assert_eq!(&recorded.facts, &stored);
                model.hear(recorded.notices)?;
                // What another writer's facts brought about is told by whoever asks.
                model.hear(engine.refresh().await.map_err(fail)?)?;
            }
            Step::Elsewhere(facts) => {
                model.log.append(&Append::new(facts.clone()), Timestamp::MIN).map_err(fail)?;
                store.append(Append::new(facts.clone())).await.map_err(fail)?;
                continue;
            }
            Step::Refresh => model.hear(engine.refresh().await.map_err(fail)?)?,
            Step::Advance(now) => {
                model.advanced_to = model.advanced_to.max(Some(*now));
                model.hear(engine.advance(*now).await.map_err(fail)?.notices)?;
            }
            Step::Ask(at, known) => {
                model.hear(engine.refresh().await.map_err(fail)?)?;
                check_past(&engine, &model, &customers, *at, *known).await?;
            }
            Step::Reopen => {
                let checkpoint = engine.checkpoint();
                engine = Engine::open_at(store.clone(), policy.clone(), checkpoint).await.map_err(fail)?;
                if let Some(edges) = model.edges() {
                    engine.segment_by(edges).await.map_err(fail)?;
                }
                model.hear(engine.refresh().await.map_err(fail)?)?;
            }
            Step::Edges(edges) => {
                model.hear(engine.refresh().await.map_err(fail)?)?;
                let moves = engine.segment_by(RfmEdges::clone(edges)).await.map_err(fail)?;
                model.adopt(edges, &moves)?;
                model.hear(engine.refresh().await.map_err(fail)?)?;
            }
        }
        prop_assert_eq!(engine.checkpoint().position, model.log.head());
        prop_assert_eq!(engine.checkpoint().advanced_to, model.advanced_to);
        let differing = engine.audit().await.map_err(fail)?;
        prop_assert!(differing.is_empty(), "differ from a replay: {:?}", differing);
        model.check_told(&engine)?;
        let states = model.fold(Cut::default());
        for customer in &customers {
            let view = engine.customer(*customer).await.map_err(fail)?;
            model.check_view(&states, view.as_ref(), *customer, None)?;
        }
    }
    Ok(())
}

/// How an engine keeps what it computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// In transactions that follow those of the facts.
    Behind,
    /// In the transactions of the facts.
    Inline,
}

/// Two engines over one empty store that keep their states under one name, and take turns: whatever happens, and however
/// often they are closed and opened,
///
/// - states, names and due times of whoever did the last step are those of a replay, bit for bit;
/// - the changes that stand in the store, less those retracted, are the timelines of a replay, and each stands there once;
/// - each was returned by one call of one engine.
///
/// # Errors
/// The case, where one of them does not hold.
pub fn two_that_keep_are_a_replay<S: EventStore + 'static>(
    store: S,
    policy: &Policy,
    steps: &[Step],
    keeping: Keeping,
) -> Outcome {
    pollster::block_on(run_kept(AnyStore::new(store), policy, steps, keeping))
}

async fn run_kept(store: AnyStore, policy: &Policy, steps: &[Step], keeping: Keeping) -> Outcome {
    let open = || async {
        let keep = Keep::under("kept").map_err(fail)?;
        let keep = if keeping == Keeping::Inline { keep.inline() } else { keep };
        Engine::open_kept(store.clone(), policy.clone(), keep).await.map_err(fail)
    };
    let mut engines = [open().await?, open().await?];
    let name = "kept".parse().map_err(fail)?;
    let mut feed = Changes::of_reader(store.clone(), name, "law").await.map_err(fail)?;
    let mut model = Model::new(policy, steps)?;
    let mut returned = Vec::new();
    let mut told = Vec::new();
    for (n, step) in steps.iter().enumerate() {
        let Some(engine) = engines.get_mut(n % 2) else { continue };
        match step {
            Step::Record(facts) => {
                let stored = model.log.append(&Append::new(facts.clone()), Timestamp::MIN).map_err(fail)?;
                let recorded = engine.record(facts.clone()).await.map_err(fail)?;
                prop_assert_eq!(&recorded.facts, &stored);
                returned.extend(recorded.notices);
                returned.extend(engine.refresh().await.map_err(fail)?);
            }
            Step::Elsewhere(facts) => {
                model.log.append(&Append::new(facts.clone()), Timestamp::MIN).map_err(fail)?;
                store.append(Append::new(facts.clone())).await.map_err(fail)?;
                continue;
            }
            Step::Refresh | Step::Ask(..) => returned.extend(engine.refresh().await.map_err(fail)?),
            Step::Advance(now) => {
                model.advanced_to = model.advanced_to.max(Some(*now));
                returned.extend(engine.advance(*now).await.map_err(fail)?.notices);
            }
            Step::Reopen => {
                *engine = open().await?;
                prop_assert_eq!(engine.edges(), model.edges());
                returned.extend(engine.refresh().await.map_err(fail)?);
            }
            Step::Edges(edges) => {
                returned.extend(engine.refresh().await.map_err(fail)?);
                hear_of(&mut feed, &mut model, &mut told).await?;
                let moves = engine.segment_by(RfmEdges::clone(edges)).await.map_err(fail)?;
                model.adopt(edges, &moves)?;
                returned.extend(engine.refresh().await.map_err(fail)?);
            }
        }
        hear_of(&mut feed, &mut model, &mut told).await?;
        prop_assert_eq!(engine.checkpoint().position, model.log.head());
        let differing = engine.audit().await.map_err(fail)?;
        prop_assert!(differing.is_empty(), "differ from a replay: {:?}", differing);
        // An engine hears of time that another one let pass, and of edges, when it next takes something in.
        if engine.checkpoint().advanced_to == model.advanced_to && engine.edges() == model.edges() {
            model.check_told(engine)?;
        }
    }
    let sorted = |mut notices: Vec<Notice>| {
        notices.sort_by_key(|notice| {
            (notice.change().id(), notice.change().customer().id(), matches!(notice, Notice::Changed(_)))
        });
        notices
    };
    prop_assert_eq!(sorted(returned), sorted(told));
    Ok(())
}

/// Hears what stands in the store and was not heard yet.
async fn hear_of(feed: &mut Changes<AnyStore>, model: &mut Model, told: &mut Vec<Notice>) -> Outcome {
    loop {
        let page = feed.waiting().await.map_err(fail)?;
        if page.is_empty() {
            return Ok(());
        }
        let notices: Vec<Notice> = page.into_iter().map(|told| told.notice).collect();
        told.extend(notices.iter().cloned());
        model.hear(notices)?;
    }
}

async fn check_past(
    engine: &Engine<AnyStore>,
    model: &Model,
    customers: &[CustomerId],
    at: Timestamp,
    known: Index,
) -> Outcome {
    let known = Position(known.index(usize::try_from(model.log.head().0).unwrap_or(0) + 1) as u64);
    for known_at in [KnownAt::Latest, KnownAt::Position(known)] {
        let cut = Cut { as_of: Some(at), known_at };
        let states = model.fold(cut);
        for customer in customers {
            let ask = || engine.customer(*customer).as_of(at).known_at(known_at);
            model.check_view(&states, ask().await.map_err(fail)?.as_ref(), *customer, Some(at))?;
            let timeline = ask().timeline().await.map_err(fail)?;
            let told: Vec<_> =
                timeline.iter().map(|change| (change.at, change.from.clone(), change.to.clone())).collect();
            let replayed = states.get(*customer).map(|folded| {
                let changes = model.tail.timeline().view(&folded.state.0, at);
                changes.iter().map(|change| model.codes(change)).collect::<Vec<_>>()
            });
            prop_assert_eq!(told, replayed.unwrap_or_default());
            let segments = ask().segments().await.map_err(fail)?;
            let told: Vec<_> =
                segments.iter().map(|change| (change.at, change.from.clone(), change.to.clone())).collect();
            let expected =
                model.segments.as_ref().filter(|_| states.get(*customer).is_some()).map(|oracle| {
                    let person = states.corrections().representative(*customer);
                    let mut timeline = oracle.timeline(&model.log, &states, cut, person);
                    timeline.retain(|(on, ..)| *on <= at);
                    timeline
                });
            prop_assert_eq!(told, expected.unwrap_or_default());
        }
        let machine = model.tail.machine();
        let counts = StageCounts { policy: machine.policy() };
        let rfm_report = RfmReport::new(&model.rfm, at);
        let mut counted = BTreeMap::new();
        let mut scored = Population::default();
        for (id, folded) in states.iter() {
            let name = states.shown(id);
            let shown = Shown { id, name: &name };
            let view = model.tail.timeline().view(&folded.state.0, at);
            if let Some(stands) = view.last() {
                *counted.entry(stands.to).or_default() += 1;
            }
            rfm_report.add(&mut scored, shown, &model.rfm.view(&folded.state.1, at));
        }
        let ask = || engine.population().as_of(at).known_at(known_at);
        prop_assert_eq!(ask().stages().await.map_err(fail)?, counts.finish(counted));
        let rfm = ask().rfm().await;
        match rfm_report.finish(scored) {
            Ok(expected) => prop_assert_eq!(rfm.map_err(fail)?, expected),
            // Amounts of two currencies are refused alike.
            Err(refused) => {
                prop_assert_eq!(rfm.err().map(|error| error.to_string()), Some(refused.to_string()));
            }
        }
    }
    Ok(())
}
