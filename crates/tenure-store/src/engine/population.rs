//! Questions about everybody.

use core::ops::ControlFlow;
use std::sync::Arc;

use tenure_core::fold::{Projection, States};
use tenure_core::log::{Cut, KnownAt};
use tenure_core::projection::stage::{StageOutlook, StageTail};
use tenure_core::report::rfm::{RfmAnswer, RfmEdges, RfmReport};
use tenure_core::report::stages::{Entering, Entrant, StageCounts, StageTable};
use tenure_core::report::{Report, Shown, add_all};
use tenure_core::{Duration, Timestamp};

use super::error::of_replay;
use super::telling::{Standing, State};
use super::{Engine, EngineError};
use crate::{EventStore, replay_serial};

/// A question about everybody, as of an instant and as known at one.
///
/// From memory where nothing happened after the instant asked about and everything known counts; else by a replay of
/// the log. While memory is gone through, what was recorded waits to be shown.
#[derive(Debug)]
#[must_use = "a question is asked by one of its answers"]
pub struct PopulationQuery<'e, S> {
    engine: &'e Engine<S>,
    cut: Cut,
}

impl<'e, S: EventStore> PopulationQuery<'e, S> {
    pub(super) fn new(engine: &'e Engine<S>) -> Self {
        Self { engine, cut: Cut::default() }
    }

    /// As of this instant: later facts are left out. Without it: the latest instant that the engine knows of, be it
    /// the last fact or the one that time was advanced to.
    pub fn as_of(mut self, at: Timestamp) -> Self {
        self.cut.as_of = Some(at);
        self
    }

    /// As was known: facts and corrections recorded later are left out.
    pub fn known_at(mut self, known_at: KnownAt) -> Self {
        self.cut.known_at = known_at;
        self
    }

    /// How many customers are in each stage and macro stage.
    ///
    /// # Errors
    /// [`EngineError::Store`] where the log has to be read and cannot be.
    pub async fn stages(self) -> Result<StageTable, EngineError> {
        let machine = self.engine.machine();
        let counts = StageCounts { policy: machine.policy() };
        let sum = |states: &States<Standing>, as_of| {
            sum(&counts, states, |state| machine.view(StageTail::stage(&state.0), as_of))
        };
        Ok(counts.finish(self.over_states(sum).await?))
    }

    /// Recency, frequency and monetary of everybody, scored relative to each other. The answer has the edges: keep them
    /// to score by them later.
    ///
    /// # Errors
    /// [`EngineError::Rfm`] where amounts cannot be compared; [`EngineError::Store`] where the log has to be read and
    /// cannot be.
    pub async fn rfm(self) -> Result<RfmAnswer, EngineError> {
        self.scored(None).await
    }

    /// The same, scored relative to edges that were kept.
    ///
    /// # Errors
    /// [`EngineError::Rfm`] also where the edges were made under another policy.
    pub async fn rfm_by(self, edges: RfmEdges) -> Result<RfmAnswer, EngineError> {
        self.scored(Some(edges)).await
    }

    async fn scored(self, edges: Option<RfmEdges>) -> Result<RfmAnswer, EngineError> {
        let rfm = self.engine.rfm();
        let ask = |states: &States<Standing>, as_of| {
            let mut report = RfmReport::new(rfm, as_of);
            if let Some(edges) = &edges {
                report = report.with_edges(edges.clone());
            }
            let tail = &states.projection().1;
            let population = sum(&report, states, |state| tail.view(&state.1, as_of));
            report.finish(population)
        };
        Ok(self.over_states(ask).await??)
    }

    /// Who enters a stage within a time, if nothing more happens.
    ///
    /// # Errors
    /// [`EngineError::Stage`] if the policy has no such stage; [`EngineError::Store`] where the log has to be read and
    /// cannot be.
    pub async fn entering(self, stage: &str, within: Duration) -> Result<Vec<Entrant>, EngineError> {
        let machine = self.engine.machine();
        let policy = machine.policy();
        let Some(found) = policy.find(stage) else {
            let known: Vec<&str> = policy.stages().iter().map(|stage| &*stage.id).collect();
            return Err(EngineError::Stage { code: stage.into(), known: known.join(", ").into() });
        };
        let outlook = StageOutlook { machine, horizon: within };
        let entering = Entering { policy, stage: found };
        let sum = |states: &States<Standing>, as_of| {
            sum(&entering, states, |state| outlook.view(StageTail::stage(&state.0), as_of))
        };
        Ok(entering.finish(self.over_states(sum).await?))
    }

    /// Any report over any projection, by a replay of the log.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the log cannot be read.
    ///
    /// # Example
    /// ```
    /// use tenure_core::Policy;
    /// use tenure_core::projection::stage::Timeline;
    /// use tenure_core::report::stages::StageDwell;
    /// use tenure_store::{Engine, MemoryStore};
    /// # pollster::block_on(async {
    /// let engine = Engine::open(MemoryStore::new(), Policy::preset("retail").ok_or("no such preset")?).await?;
    /// let machine = engine.machine();
    /// let dwell = StageDwell { policy: machine.policy() };
    /// let stays = engine.population().report(&Timeline::new(machine.clone()), &dwell).await?;
    /// assert!(stays.iter().all(|row| row.completed == 0)); // nobody yet
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub async fn report<P, R>(self, projection: &P, report: &R) -> Result<R::Answer, EngineError>
    where
        P: Projection + Sync,
        R: Report<View = P::View>,
    {
        let (as_of, states) = self.replay(projection).await?;
        Ok(report.finish(add_all(report, &states, as_of)))
    }

    async fn over_states<A>(
        &self,
        ask: impl Fn(&States<Standing>, Timestamp) -> A,
    ) -> Result<A, EngineError> {
        if let Some(answer) = self.present(&ask) {
            return Ok(answer);
        }
        let (as_of, states) = self.replay(Arc::clone(&self.engine.0.standing)).await?;
        Ok(ask(&states, as_of))
    }

    fn present<A>(&self, ask: impl Fn(&States<Standing>, Timestamp) -> A) -> Option<A> {
        if self.cut.known_at != KnownAt::Latest {
            return None;
        }
        let live = self.engine.0.live();
        let latest = live.states.latest().unwrap_or(Timestamp::MIN);
        let as_of = self.cut.as_of.unwrap_or_else(|| live.horizon(latest));
        (as_of >= latest).then(|| ask(&live.states, as_of))
    }

    async fn replay<P: Projection>(&self, projection: P) -> Result<(Timestamp, States<P>), EngineError> {
        let states = replay_serial(&self.engine.0.store, projection, self.cut, |_| ControlFlow::Continue(()))
            .await
            .map_err(of_replay)?;
        let latest = || self.engine.0.live().horizon(states.latest().unwrap_or(Timestamp::MIN));
        Ok((self.cut.as_of.unwrap_or_else(latest), states))
    }
}

/// The sum of a report over a part of each state.
fn sum<R: Report>(report: &R, states: &States<Standing>, view: impl Fn(&State) -> R::View) -> R::Acc {
    let mut acc = R::Acc::default();
    for (id, folded) in states.iter() {
        report.add(&mut acc, Shown { id, name: &states.shown(id) }, &view(&folded.state));
    }
    acc
}
