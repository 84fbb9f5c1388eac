//! A projection that is kept in the store under a name, and brought up to date with the log.

use core::ops::ControlFlow;
use std::collections::BTreeSet;

use tenure_core::fold::{Projection, States};
use tenure_core::log::{Append, Appended, Cut, FactBlock};
use tenure_core::{CustomerId, Position, Timestamp};

use super::generation::{Generation, read};
use super::{Kept, KeptError, ProjectionName};
use crate::replay::{self, OnUnreadable, Parked, Scan};
use crate::{Commit, EventStore, Progress, StoreError};

/// Facts that are taken in before what became of them is kept; more where there are more customers, so that nobody's
/// row is written for every few facts.
const BATCH: usize = if cfg!(test) { 8 } else { 1 << 16 };

/// A projection of one's own, kept in the store under a name.
///
/// States of all customers are in memory for reading, and their rows stand in the store with the checkpoint up to which
/// they go, both written in one transaction. So a projector that is opened again begins where the last one ended, and of two
/// that work at once one keeps each step and the other takes it over.
///
/// Two ways to bring it up to date: [`catch_up`](Self::catch_up) with the log, as often as one likes; or
/// [`record`](Self::record), which appends facts and keeps what follows from them in the *same* transaction.
///
/// # Laws
/// What is kept is at every moment what a replay up to the checkpoint gives, bit for bit, whoever is killed, wherever.
///
/// # Example
/// ```
/// use core::ops::ControlFlow::Continue;
/// use tenure_core::projection::tags::Tags;
/// use tenure_core::{Customer, CustomerEvent, Event, EventId, Timestamp};
/// use tenure_store::{MemoryStore, Projector};
/// # pollster::block_on(async {
/// let store = MemoryStore::new();
/// let mut tags = Projector::open(&store, "tags".parse()?, Tags).await?;
/// let ann = Customer::parse("ann", "shop")?;
/// let at = Timestamp::parse("2024-05-01T10:00:00Z")?;
/// let vip = CustomerEvent::TagAdded { tag: "vip".into() };
/// tags.record([Event::new(EventId::from_foreign("shop", "1"), ann.clone(), at, vip)?]).await?;
///
/// // Another process has it at once, without a look at the log.
/// let again = Projector::open(&store, "tags".parse()?, Tags).await?;
/// assert_eq!(again.states().get(ann.id()), tags.states().get(ann.id()));
/// assert_eq!(again.checkpoint().position.0, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct Projector<S, P: Projection> {
    store: S,
    kept: Kept,
    states: States<P>,
    /// Whose rows do not say yet what the states say.
    unsaved: BTreeSet<CustomerId>,
    /// Facts that were left out and are not in the store's list yet.
    parked: Vec<Parked>,
    on_unreadable: OnUnreadable,
    /// After how many facts to keep; none: as many as are worth it.
    keep_every: Option<usize>,
    /// Whether only a live generation may be written on.
    is_live: bool,
}

impl<S: EventStore, P: Projection + Clone> Projector<S, P> {
    /// The live generation of a projection; where there is none, the first one begins, empty.
    ///
    /// # Errors
    /// [`KeptError::Fingerprint`] if the states were made by another policy: then [`Rebuild`](super::Rebuild).
    pub async fn open(store: S, name: ProjectionName, projection: P) -> Result<Self, KeptError> {
        let kept = Kept::live(&store, name, projection.fingerprint()).await?;
        Self::of(store, kept, projection, true).await
    }

    pub(super) async fn of(
        store: S,
        mut kept: Kept,
        projection: P,
        is_live: bool,
    ) -> Result<Self, KeptError> {
        let on_unreadable = OnUnreadable::default();
        let states = kept.load(&store, projection, on_unreadable).await?;
        let (unsaved, parked) = (BTreeSet::new(), Vec::new());
        Ok(Self { store, kept, states, unsaved, parked, on_unreadable, keep_every: None, is_live })
    }

    /// What to do about facts that cannot be read.
    #[must_use]
    pub fn on_unreadable(self, on_unreadable: OnUnreadable) -> Self {
        Self { on_unreadable, ..self }
    }

    /// Keeps what became of the log after so many facts, at least 1: what is stopped goes on there. Without it: after 65,536
    /// facts, or as many as there are customers if that is more.
    #[must_use]
    pub fn keep_every(self, facts: usize) -> Self {
        Self { keep_every: Some(facts), ..self }
    }

    /// Takes in what the log has gained, and keeps it. Gives where it ended.
    ///
    /// `progress` is called after every page and at the end; [`ControlFlow::Break`] stops, and what is kept so far stays.
    ///
    /// # Errors
    /// [`KeptError::Superseded`] if another generation is live; [`KeptError::Stopped`]; else the store's.
    pub async fn catch_up(
        &mut self,
        progress: impl FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Position, KeptError> {
        let head = self.store.head().await?.position;
        self.catch_up_to(head, progress).await?;
        Ok(self.states.scanned_to())
    }

    pub(super) async fn catch_up_to(
        &mut self,
        to: Position,
        mut progress: impl FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<(), KeptError> {
        loop {
            match self.take_in(to, &mut progress).await {
                Err(error) => self.after(error).await?,
                Ok(()) => return Ok(()),
            }
        }
    }

    /// Appends facts and keeps what follows from them, in one transaction: all of it or nothing. Costs a commit for each
    /// call, where [`catch_up`](Self::catch_up) shares one among thousands of facts.
    ///
    /// # Errors
    /// As [`EventStore::append`] and [`catch_up`](Self::catch_up); nothing was written.
    pub async fn record(&mut self, facts: impl Into<Append>) -> Result<Appended, KeptError> {
        let append: Append = facts.into();
        loop {
            self.catch_up(|_| ControlFlow::Continue(())).await?;
            let at = self.states.scanned_to();
            let page = new_facts(&self.store, &append, at).await?;
            let Some(last) = page.iter().next_back().map(|fact| fact.position) else {
                // All are known, and nothing follows.
                return Ok(self.store.append(append).await?);
            };
            let touched = self.states.touched_by(&page, last);
            let mut aside = self.states.aside(&page);
            aside.states.absorb(&page, last);
            for person in aside.states.stale().clone() {
                let members = aside.states.corrections().members(person);
                let mut facts = vec![page.clone()];
                for member in &members {
                    facts.extend(replay::stream(&self.store, *member, self.on_unreadable).await?);
                }
                let of_person = facts.iter().flat_map(FactBlock::iter);
                let of_person = of_person.filter(|fact| members.contains(&fact.event.customer));
                aside.states.refold(person, of_person);
            }
            let to = self.kept.at(last);
            let commit = self.guarded(self.kept.commit(&to, &touched, &aside.states));
            match self.store.commit(commit.append(append.clone()).expect_head(at)).await {
                Ok(Some(appended)) => {
                    self.states.adopt(aside);
                    self.kept.generation = to;
                    return Ok(appended);
                }
                // What has facts is answered with their places; and a head that moved is taken in by the next try.
                Ok(None) | Err(StoreError::HeadMoved { .. }) => {}
                Err(error) => self.after(error.into()).await?,
            }
        }
    }

    /// Takes in the log up to a position, and keeps it now and then.
    async fn take_in(
        &mut self,
        to: Position,
        progress: &mut impl FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<(), KeptError> {
        let mut taken = 0;
        let mut scan =
            Scan::new(Cut::default(), self.states.scanned_to(), to).on_unreadable(self.on_unreadable);
        while let Some(page) = scan.next(&self.store).await? {
            self.parked.append(&mut scan.parked);
            self.unsaved.extend(self.states.touched_by(&page, to));
            self.states.absorb(&page, to);
            self.states.scanned(scan.at().min(to));
            taken += page.len();
            if taken >= self.keep_every.unwrap_or_else(|| BATCH.max(self.states.len())) {
                self.keep().await?;
                taken = 0;
            }
            let at = self.states.scanned_to();
            if progress(Progress { position: at, head: to, refolded: 0, stale: 0 }).is_break() {
                self.keep().await?;
                return Err(KeptError::Stopped { at });
            }
        }
        self.parked.append(&mut scan.parked);
        self.states.scanned(to);
        self.keep().await?;
        // All of it is kept: there is nothing left to stop.
        let at = self.states.scanned_to();
        let _ = progress(Progress { position: at, head: to, refolded: 0, stale: 0 });
        Ok(())
    }

    /// Folds again who has to be, and writes what changed with the checkpoint.
    async fn keep(&mut self) -> Result<(), KeptError> {
        self.unsaved.extend(self.states.stale());
        replay::refold_stale(&self.store, &mut self.states, self.on_unreadable).await?;
        let to = self.kept.at(self.states.scanned_to());
        if to == self.kept.generation && self.unsaved.is_empty() {
            return Ok(());
        }
        let mut commit = self.guarded(self.kept.commit(&to, &self.unsaved, &self.states));
        for parked in &self.parked {
            commit = commit.put(self.kept.name.parked_at(parked.position), parked.encode());
        }
        self.store.commit(commit).await?;
        self.kept.generation = to;
        self.unsaved.clear();
        self.parked.clear();
        Ok(())
    }

    /// Goes on from what somebody else kept; any other error is the caller's.
    async fn after(&mut self, error: KeptError) -> Result<(), KeptError> {
        let KeptError::Store(StoreError::EntryChanged { key, .. }) = &error else { return Err(error) };
        let Kept { name, generation } = &self.kept;
        if *key == name.live() {
            return Err(KeptError::Superseded { name: name.clone(), generation: generation.number });
        }
        self.kept.generation = super::generation::generation(&self.store, name, generation.number).await?;
        let projection = self.states.projection().clone();
        self.states = self.kept.load(&self.store, projection, self.on_unreadable).await?;
        self.unsaved.clear();
        self.parked.clear();
        Ok(())
    }

    fn guarded(&self, commit: Commit) -> Commit {
        if self.is_live { self.kept.if_live(commit) } else { commit }
    }

    /// The view of a customer as of an instant; none for nobody.
    pub fn view(&self, customer: CustomerId, as_of: Timestamp) -> Option<P::View> {
        let folded = self.states.get(customer)?;
        Some(self.states.projection().view(&folded.state, as_of.max(folded.last.occurred_at)))
    }

    /// Facts that were left out because they could not be read, in the order of the log.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn parked(&self) -> Result<Vec<Parked>, KeptError> {
        let name = &self.kept.name;
        let entries = self.store.scan(&name.parked(), &[], None, usize::MAX >> 1).await?;
        entries.iter().map(|(_, value)| read(name, value)).collect()
    }
}

impl<S, P: Projection> Projector<S, P> {
    /// The states of all customers, as far as they were taken in.
    pub const fn states(&self) -> &States<P> {
        &self.states
    }

    /// How far what is kept goes.
    pub const fn checkpoint(&self) -> crate::Checkpoint {
        self.kept.generation.checkpoint
    }

    /// Which generation it is.
    pub const fn generation(&self) -> &Generation {
        &self.kept.generation
    }

    /// Says that this generation has become the live one.
    pub(super) fn now_live(&mut self, generation: Generation) {
        self.kept.generation = generation;
        self.is_live = true;
    }

    pub(super) const fn kept(&self) -> &Kept {
        &self.kept
    }

    pub(super) const fn store(&self) -> &S {
        &self.store
    }
}

/// What would be new to the log of these facts, as it would stand behind a position.
pub(crate) async fn new_facts<S: EventStore>(
    store: &S,
    append: &Append,
    at: Position,
) -> Result<FactBlock, StoreError> {
    let ids: Vec<_> = append.events().iter().map(tenure_core::Event::id).collect();
    let known = store.known(&ids).await?;
    let mut seen = BTreeSet::new();
    let mut page = FactBlock::new();
    let mut position = at;
    for (event, known) in append.events().iter().zip(known) {
        if known.is_none() && seen.insert(event.id()) {
            position = Position(position.0.saturating_add(1));
            let context = event.context().to_text();
            // The store gives version and time of recording; a present state depends on neither.
            let place = (position, tenure_core::Version(0));
            page.push(&event.recorded(place, event.view().occurred_at, &context));
        }
    }
    Ok(page)
}
