//! Rebuilding: a new generation beside the live one, compared with it, put in its place at once, and taken back.

use core::ops::ControlFlow;

use tenure_core::Position;
use tenure_core::fold::{Projection, States};
use tenure_core::report::rfm::RfmEdges;

use super::generation::{self, Generation, generations, live_generation};
use super::projector::Projector;
use super::{Kept, KeptError, ProjectionName, number};
use crate::{Commit, EventStore, OnUnreadable, Progress, StoreError};

/// How often a switch is tried again while the live generation moves on.
const TRIES: u32 = 100;

/// Entries that one transaction removes at most.
const REMOVED: usize = 4096;

/// A new generation of a kept projection, built while the live one goes on.
///
/// It is written beside the live one, so nobody sees it before it is [put in its place](Self::switch), in one transaction.
/// What was built when it was interrupted is found again by its policy, and goes on. The generation that was live stays; to
/// [go back](Self::back) finds it, catches up what it has missed, and switches.
///
/// # Laws
/// At every moment one generation is live, whole. A change that the one before has told is not told again, and none is left
/// out: the new one takes over at exactly its checkpoint.
///
/// # Example
/// ```
/// use core::ops::ControlFlow::Continue;
/// use tenure_core::projection::tags::Tags;
/// use tenure_store::{MemoryStore, Projector, Rebuild, live_generation};
/// # pollster::block_on(async {
/// let (store, name) = (MemoryStore::new(), "tags".parse()?);
/// Projector::open(&store, "tags".parse()?, Tags).await?.catch_up(|_| Continue(())).await?;
/// let mut rebuild = Rebuild::begin(&store, "tags".parse()?, Tags).await?;
/// rebuild.catch_up(|_| Continue(())).await?;
/// let switched = rebuild.switch().await?;
/// assert_eq!((switched.from, switched.generation.number), (Some(1), 2));
/// assert_eq!(live_generation(&store, &name).await?.map(|live| live.number), Some(2));
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct Rebuild<S, P: Projection> {
    new: Projector<S, P>,
}

/// What a switch did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switched {
    /// The generation that was live before; none if this is the first.
    pub from: Option<u32>,
    /// The generation that is live now.
    pub generation: Generation,
}

impl<S: EventStore, P: Projection + Clone> Rebuild<S, P> {
    /// Goes on with the latest generation of this policy that is not live, or begins a new one. To build anew what is live
    /// under the same policy, too, is to begin a new one.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn begin(store: S, name: ProjectionName, projection: P) -> Result<Self, KeptError> {
        Self::begin_under(store, name, projection, None).await
    }

    /// The same, with the policy written down beside the generation. Only a generation with the same one is gone on with.
    pub(crate) async fn begin_under(
        store: S,
        name: ProjectionName,
        projection: P,
        policy: Option<String>,
    ) -> Result<Self, KeptError> {
        let fingerprint = projection.fingerprint();
        let policy = policy.map(String::into_bytes);
        loop {
            let all = generations(&store, &name).await?;
            let live = generation::live_number(&store, &name).await?;
            for generation in all.iter().rev() {
                if generation.is_of(fingerprint)
                    && Some(generation.number) != live
                    && generation::one(&store, name.policy(generation.number)).await? == policy
                {
                    let kept = Kept { name, generation: generation.clone() };
                    return Ok(Self { new: Projector::of(store, kept, projection, false).await? });
                }
            }
            let next = all.last().map_or(1, |last| last.number.saturating_add(1));
            let kept = Kept { generation: Generation::new(next, fingerprint), name: name.clone() };
            let key = name.generation(next);
            let mut create = Commit::new().expect(key.clone(), None).put(key, kept.generation.encode());
            if let Some(policy) = &policy {
                create = create.put(name.policy(next), policy.clone());
            }
            match store.commit(create).await {
                Ok(_) => return Ok(Self { new: Projector::of(store, kept, projection, false).await? }),
                // Somebody else began one at the same time.
                Err(StoreError::EntryChanged { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Goes back to the generation that was live before the present one, under the projection that it was made by. It has
    /// missed what came since: [`switch`](Self::switch) catches up with it. To go back twice is to be where one was.
    ///
    /// # Errors
    /// [`KeptError::NothingKept`]; [`KeptError::NothingBefore`] of the first generation; [`KeptError::NoGeneration`] if that
    /// one was [removed](prune_generations); [`KeptError::Fingerprint`] if it was made by another policy.
    ///
    /// # Example
    /// ```
    /// use core::ops::ControlFlow::Continue;
    /// use tenure_core::projection::tags::Tags;
    /// use tenure_store::{KeptError, MemoryStore, Projector, Rebuild};
    /// # pollster::block_on(async {
    /// let store = MemoryStore::new();
    /// let name = || "tags".parse();
    /// Projector::open(&store, name()?, Tags).await?.catch_up(|_| Continue(())).await?;
    /// let back = Rebuild::back(&store, name()?, Tags).await;
    /// assert!(matches!(back, Err(KeptError::NothingBefore { .. })));
    /// Rebuild::begin(&store, name()?, Tags).await?.switch().await?;
    /// let back = Rebuild::back(&store, name()?, Tags).await?.switch().await?;
    /// assert_eq!((back.from, back.generation.number), (Some(2), 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub async fn back(store: S, name: ProjectionName, projection: P) -> Result<Self, KeptError> {
        let generation = generation_before(&store, &name).await?;
        if !generation.is_of(projection.fingerprint()) {
            return Err(KeptError::Fingerprint { name, generation: generation.number });
        }
        let kept = Kept { name, generation };
        Ok(Self { new: Projector::of(store, kept, projection, false).await? })
    }

    /// What to do about facts that cannot be read.
    #[must_use]
    pub fn on_unreadable(self, on_unreadable: OnUnreadable) -> Self {
        Self { new: self.new.on_unreadable(on_unreadable) }
    }

    /// Keeps what was built after so many facts: as [`Projector::keep_every`].
    #[must_use]
    pub fn keep_every(self, facts: usize) -> Self {
        Self { new: self.new.keep_every(facts) }
    }

    /// Takes in the log as far as the live generation has, and keeps it now and then, so that it can be stopped at any
    /// moment and goes on there. Gives where it ended.
    ///
    /// `progress` is called after every page, and at the end, with where it is and where it will end.
    ///
    /// # Errors
    /// [`KeptError::Stopped`]; else the store's.
    pub async fn catch_up(
        &mut self,
        progress: impl FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Position, KeptError> {
        let to = self.target().await?.1;
        self.catch_up_to(to, progress).await
    }

    pub(crate) async fn catch_up_to(
        &mut self,
        to: Position,
        progress: impl FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Position, KeptError> {
        self.new.catch_up_to(to, progress).await?;
        Ok(self.new.states().scanned_to())
    }

    /// The live generation, and how far the new one may go: no further, or what the live one has not told yet would never
    /// be told.
    async fn target(&self) -> Result<(Option<Generation>, Position), KeptError> {
        let live = live_generation(self.new.store(), &self.new.kept().name).await?;
        let head = self.new.store().head().await?.position;
        let to = live.as_ref().map_or(head, |live| live.checkpoint.position);
        Ok((live, to))
    }

    /// Puts the new generation in the place of the live one, after it caught up with its checkpoint.
    ///
    /// # Errors
    /// [`KeptError::Overtaken`] if the live one moved on each time.
    pub async fn switch(&mut self) -> Result<Switched, KeptError> {
        self.switch_with(|_| false).await
    }

    /// The same, where segments go on to be told by the edges of the live one if they fit the new one.
    pub(crate) async fn switch_with(
        &mut self,
        fits: impl Fn(&RfmEdges) -> bool,
    ) -> Result<Switched, KeptError> {
        for _ in 0..TRIES {
            let (live, to) = self.target().await?;
            self.new.catch_up_to(to, |_| ControlFlow::Continue(())).await?;
            let Kept { name, generation } = self.new.kept();
            let mut next = generation.clone();
            let mut commit = Commit::new();
            if let Some(live) = &live {
                next.checkpoint = live.checkpoint;
                next.changes = live.changes;
                next.before = Some(live.number);
                if let Some(edges) = live.edges.as_ref().filter(|edges| fits(edges)) {
                    next.edges = Some(edges.clone());
                }
                commit = commit.expect(name.generation(live.number), Some(live.encode()));
            }
            let from = live.map(|live| live.number);
            let commit = commit
                .expect(name.live(), from.map(number))
                .expect(name.generation(generation.number), Some(generation.encode()))
                .put(name.generation(generation.number), next.encode())
                .put(name.live(), number(generation.number));
            match self.new.store().commit(commit).await {
                Ok(_) => {
                    self.new.now_live(next.clone());
                    return Ok(Switched { from, generation: next });
                }
                Err(StoreError::EntryChanged { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(KeptError::Overtaken { name: self.new.kept().name.clone(), times: TRIES })
    }

    /// The states of the new generation, to be compared with those of the live one before the switch.
    pub const fn states(&self) -> &States<P> {
        self.new.states()
    }

    pub(crate) const fn store(&self) -> &S {
        self.new.store()
    }

    pub(crate) const fn name(&self) -> &ProjectionName {
        &self.new.kept().name
    }

    /// Which generation it is, and how far.
    pub const fn generation(&self) -> &Generation {
        self.new.generation()
    }

    /// The projector of the generation, to go on with after the switch.
    pub fn into_projector(self) -> Projector<S, P> {
        self.new
    }
}

/// The generation that was live before the one that is.
pub(crate) async fn generation_before<S: EventStore>(
    store: &S,
    name: &ProjectionName,
) -> Result<Generation, KeptError> {
    let live = live_generation(store, name).await?;
    let live = live.ok_or_else(|| KeptError::NothingKept { name: name.clone() })?;
    let before = live.before.ok_or_else(|| KeptError::NothingBefore { name: name.clone() })?;
    generation::generation(store, name, before).await
}

/// Removes generations that are not live, all but the `keep` newest of them. Gives the numbers of those removed.
///
/// # Errors
/// If the store fails. What is half removed is removed by the next call.
pub async fn prune_generations<S: EventStore>(
    store: &S,
    name: &ProjectionName,
    keep: usize,
) -> Result<Vec<u32>, KeptError> {
    let live = generation::live_number(store, name).await?;
    let others = generations(store, name).await?.into_iter().filter(|one| Some(one.number) != live);
    let mut others: Vec<u32> = others.map(|one| one.number).collect();
    others.truncate(others.len().saturating_sub(keep));
    for number in &others {
        let space = name.rows(*number);
        loop {
            let page = store.scan(&space, &[], None, REMOVED).await?;
            let removed = page.iter().fold(Commit::new(), |commit, (key, _)| {
                commit.remove(crate::EntryKey::new(space.as_str(), key.clone()))
            });
            let done = page.len() < REMOVED;
            // The generation goes with its last rows, so that whoever reads it meanwhile finds out.
            let removed = if done {
                removed.remove(name.generation(*number)).remove(name.policy(*number))
            } else {
                removed
            };
            store.commit(removed.expect(name.live(), live.map(self::number))).await?;
            if done {
                break;
            }
        }
    }
    Ok(others)
}
