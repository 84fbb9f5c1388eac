//! Questions about one customer.

use core::pin::Pin;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use tenure_core::fold::{Folded, Projection, States};
use tenure_core::log::{Cut, FactBlock, KnownAt};
use tenure_core::projection::rfm::RfmView;
use tenure_core::projection::stage::{MacroStage, StageTail};
use tenure_core::report::rfm::SegmentTimeline;
use tenure_core::{Customer, CustomerId, Timestamp};

use super::change::{SegmentChanged, StageChanged};
use super::telling::Standing;
use super::{Engine, EngineError};
use crate::{EventStore, replay};

/// A question about one customer. Await it for the [`CustomerView`], none of whom no fact is known.
///
/// From memory where nothing happened after the instant asked about and everything known counts; else from the
/// customer's stream.
#[derive(Debug)]
#[must_use = "a question is asked by awaiting it"]
pub struct CustomerQuery<'e, S> {
    engine: &'e Engine<S>,
    customer: CustomerId,
    cut: Cut,
}

/// Where a customer stands, as of an instant and as known at one.
///
/// As JSON: the shown customer, codes, instants, money with its currency.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CustomerView {
    /// Who: of a merged person the representative.
    #[serde(serialize_with = "shown")]
    pub customer: Customer,
    /// All customers that are this person, by id.
    pub members: Vec<CustomerId>,
    /// The instant of the answer.
    pub as_of: Timestamp,
    /// What was known. In JSON null for everything, else a position or an instant.
    #[serde(serialize_with = "known")]
    pub known_at: KnownAt,
    /// Code of the stage.
    pub stage: Box<str>,
    /// The macro stage that it belongs to.
    #[serde(rename = "macro")]
    pub macro_stage: MacroStage,
    /// Since when the customer is in it.
    pub since: Timestamp,
    /// The rule that led there; none in the stage where the customer began.
    pub rule: Option<Box<str>>,
    /// The next change of stage if nothing more happens; none if silence changes nothing.
    pub next_change: Option<StageChanged>,
    /// When the last fact happened.
    pub last_fact_at: Timestamp,
    /// Recency, frequency and monetary.
    #[serde(serialize_with = "rfm")]
    pub rfm: RfmView,
    /// Code of the segment by the [edges of the engine](Engine::segment_by); none of an unscored customer, of one whose
    /// amounts are in another currency than the edges, and without edges.
    pub segment: Option<Box<str>>,
}

pub(super) fn shown<S: Serializer>(customer: &Customer, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(customer)
}

fn known<S: Serializer>(known_at: &KnownAt, to: S) -> Result<S::Ok, S::Error> {
    match known_at {
        KnownAt::Position(position) => position.serialize(to),
        KnownAt::Instant(at) | KnownAt::AsOccurred(at) => at.serialize(to),
        _ => to.serialize_none(),
    }
}

/// `{"recency_days", "frequency", "monetary"}`; null of an unscored customer.
fn rfm<S: Serializer>(view: &RfmView, to: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Values {
        recency_days: u32,
        frequency: u64,
        monetary: Option<tenure_core::money::MoneySum>,
    }
    let values = view.values.map(|values| Values {
        recency_days: values.recency_days,
        frequency: values.frequency,
        monetary: view.monetary(),
    });
    values.serialize(to)
}

impl<'e, S: EventStore> CustomerQuery<'e, S> {
    pub(super) fn new(engine: &'e Engine<S>, customer: CustomerId) -> Self {
        Self { engine, customer, cut: Cut::default() }
    }

    /// As of this instant: later facts are left out. Without it: the latest instant that the engine knows of, be it
    /// the customer's last fact or the one that time was advanced to.
    pub fn as_of(mut self, at: Timestamp) -> Self {
        self.cut.as_of = Some(at);
        self
    }

    /// As was known: facts and corrections recorded later are left out.
    pub fn known_at(mut self, known_at: KnownAt) -> Self {
        self.cut.known_at = known_at;
        self
    }

    /// All changes of stage, oldest first, up to and with the instant asked about. Empty of whom no fact is known.
    /// Reads the customer's stream.
    ///
    /// # Errors
    /// [`EngineError::Store`] if it cannot be read.
    pub async fn timeline(self) -> Result<Vec<StageChanged>, EngineError> {
        let tail = &self.engine.0.standing.0;
        let Some((customer, changes)) = self.shown_with(tail.timeline()).await? else {
            return Ok(Vec::new());
        };
        Ok(changes.iter().map(|change| StageChanged::new(tail, &customer, change)).collect())
    }

    /// All changes of segment by the [edges of the engine](Engine::segment_by), oldest first, up to and with the instant
    /// asked about: what would have been told had they been its edges always. Empty without edges, and of whom no fact is
    /// known. Reads the customer's stream.
    ///
    /// # Errors
    /// [`EngineError::Store`] if it cannot be read.
    pub async fn segments(self) -> Result<Vec<SegmentChanged>, EngineError> {
        let Some(segments) = self.engine.0.live().segments.clone() else { return Ok(Vec::new()) };
        let Some((customer, changes)) = self.shown_with(&*segments).await? else { return Ok(Vec::new()) };
        Ok(changes.iter().map(|change| SegmentChanged::new(&segments, &customer, change)).collect())
    }

    /// The view of any projection, none of whom no fact is known. Reads the customer's stream.
    ///
    /// # Errors
    /// [`EngineError::Store`] if it cannot be read.
    pub async fn view<P: Projection + Sync>(self, projection: &P) -> Result<Option<P::View>, EngineError>
    where
        P::View: Send,
    {
        Ok(self.shown_with(projection).await?.map(|(_, view)| view))
    }

    async fn shown_with<P: Projection + Sync>(
        &self,
        projection: &P,
    ) -> Result<Option<(Customer, P::View)>, EngineError> {
        let states = self.past(projection).await?;
        let (person, as_of) = (states.corrections().representative(self.customer), self.cut.as_of);
        Ok(states.get(person).map(|folded| {
            let as_of = as_of.unwrap_or_else(|| self.engine.0.live().horizon(folded.last.occurred_at));
            (self.name(&states, person), projection.view(&folded.state, as_of))
        }))
    }

    /// The state of this one person under the cut, from the streams of all members.
    async fn past<P: Projection>(&self, projection: P) -> Result<States<P>, EngineError> {
        let inner = &self.engine.0;
        let (corrections, scanned_to) = {
            let live = inner.live();
            (live.corrections(self.cut.known_at), live.states.scanned_to())
        };
        let person = corrections.representative(self.customer);
        let mut histories = Vec::new();
        for member in corrections.members(person) {
            histories.extend(replay::stream(&inner.store, member, crate::OnUnreadable::Stop).await?);
        }
        let mut states = States::new(projection, self.cut).with_corrections(corrections);
        states.scanned(scanned_to);
        states.refold(person, histories.iter().flat_map(FactBlock::iter));
        Ok(states)
    }

    async fn ask(self) -> Result<Option<CustomerView>, EngineError> {
        if self.cut.known_at == KnownAt::Latest {
            let live = self.engine.0.live();
            let Some(folded) = live.states.get(self.customer) else { return Ok(None) };
            let last = folded.last.occurred_at;
            let as_of = self.cut.as_of.unwrap_or_else(|| live.horizon(last));
            if as_of >= last {
                let person = live.states.corrections().representative(self.customer);
                let customer = live.states.customer(person);
                return Ok(self.standing(&live.states, folded, as_of, customer, live.segments.as_deref()));
            }
        }
        let states = self.past(Arc::clone(&self.engine.0.standing)).await?;
        let person = states.corrections().representative(self.customer);
        let Some(folded) = states.get(person) else { return Ok(None) };
        let as_of = self.cut.as_of.unwrap_or_else(|| self.engine.0.live().horizon(folded.last.occurred_at));
        let segments = self.engine.0.live().segments.clone();
        Ok(self.standing(&states, folded, as_of, self.name(&states, person), segments.as_deref()))
    }

    /// A key that only a fact beyond the cut tells names the customer all the same.
    fn name<P: Projection>(&self, states: &States<P>, person: CustomerId) -> Customer {
        match states.customer(person) {
            with_key if with_key.key().is_some() => with_key,
            _ => self.engine.0.live().states.customer(person),
        }
    }

    fn standing(
        &self,
        states: &States<Standing>,
        folded: &Folded<<Standing as Projection>::State>,
        as_of: Timestamp,
        customer: Customer,
        segments: Option<&SegmentTimeline>,
    ) -> Option<CustomerView> {
        let (tail, rfm) = &**states.projection();
        let (machine, state) = (tail.machine(), &folded.state);
        let now = machine.view(StageTail::stage(&state.0), as_of)?;
        let next = tail.next_change(&state.0, as_of).and_then(|at| {
            let after = tail.view(&state.0, at);
            after.into_iter().rfind(|change| change.at == at)
        });
        let policy = machine.policy();
        let values = rfm.view(&state.1, as_of);
        Some(CustomerView {
            members: states.corrections().members(customer.id()),
            as_of,
            known_at: self.cut.known_at,
            stage: policy.code(now.stage).into(),
            macro_stage: now.macro_stage,
            since: now.since,
            rule: now.rule.and_then(|rule| policy.rule(rule)).map(|rule| rule.name.clone()),
            next_change: next.map(|change| StageChanged::new(tail, &customer, &change)),
            last_fact_at: folded.last.occurred_at,
            rfm: values,
            segment: segments.and_then(|segments| segments.segment(&values)).map(Into::into),
            customer,
        })
    }
}

impl<'e, S: EventStore> IntoFuture for CustomerQuery<'e, S> {
    type Output = Result<Option<CustomerView>, EngineError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'e>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.ask())
    }
}
