//! How an engine keeps what it computes: states, checkpoint and changes in one transaction, page by page.
//!
//! Nothing is shown or told before it is kept, so an engine always stands at a checkpoint that is or was in the store. Of
//! two engines that compute the same step one keeps it; the other follows: it takes in the same facts and the same time and
//! tells nothing, because that is told.

use core::ops::ControlFlow;
use std::sync::Arc;

use tenure_core::fold::Projection;
use tenure_core::log::{Append, Appended, Cut, KnownAt, Read};
use tenure_core::report::rfm::{RfmEdges, SegmentTimeline};
use tenure_core::{Policy, Position};

use super::live::{Live, Passed, Taken};
use super::outbox::Untold;
use super::telling::Standing;
use super::{Checkpoint, EngineError, Inner};
use crate::kept::{Generation, Kept, KeptError, ProjectionName, Rebuild, live_generation, new_facts};
use crate::replay::{self, OnUnreadable, Parked};
use crate::{Commit, EventStore, StoreError};

/// How an engine keeps its states in the store.
///
/// # Example
/// ```
/// use tenure_core::Policy;
/// use tenure_store::{Engine, Keep, MemoryStore};
/// # pollster::block_on(async {
/// let keep = Keep::under("lifecycle")?.inline();
/// let policy = Policy::preset("retail").ok_or("no such preset")?;
/// let engine = Engine::open_kept(MemoryStore::new(), policy, keep).await?;
/// assert_eq!(engine.checkpoint().position.0, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Keep {
    pub(super) name: ProjectionName,
    pub(super) inline: bool,
    pub(super) on_unreadable: OnUnreadable,
}

impl Keep {
    /// Under a name, in transactions of their own that follow those of the facts: appends of several tasks share a commit,
    /// and so does what follows from them.
    ///
    /// # Errors
    /// [`KeptError::Name`] if nothing can be called so.
    pub fn under(name: &str) -> Result<Self, KeptError> {
        Ok(Self { name: name.parse()?, inline: false, on_unreadable: OnUnreadable::Stop })
    }

    /// In the same transaction as the facts that are recorded: there is no moment at which a fact is stored and what
    /// follows from it is not. Each call of [`record`](crate::Engine::record) is a commit then, one after the other.
    #[must_use]
    pub fn inline(self) -> Self {
        Self { inline: true, ..self }
    }

    /// Leaves out facts that cannot be read and writes down which, instead of stopping in front of them.
    #[must_use]
    pub fn park_unreadable(self) -> Self {
        Self { on_unreadable: OnUnreadable::Park, ..self }
    }
}

/// What an engine knows of what it keeps. Whoever holds the turn holds it.
#[derive(Debug)]
pub(super) struct Keeping {
    kept: Kept,
}

/// Opens the live generation of a name, or makes the first one of everything that the log holds.
pub(super) async fn open<S: EventStore>(
    store: &S,
    (policy, standing): (&Policy, &Standing),
    keep: &Keep,
) -> Result<(Keeping, Live), KeptError> {
    if live_generation(store, &keep.name).await?.is_none() {
        // What happened before anybody kept anything is history: it is folded, and not told.
        let (name, policy) = (keep.name.clone(), Some(policy.to_json()));
        let first = Rebuild::begin_under(store, name, Arc::clone(standing), policy).await?;
        let mut first = first.on_unreadable(keep.on_unreadable);
        first.catch_up(|_| ControlFlow::Continue(())).await?;
        match first.switch().await {
            // Whoever was first made the generation that is opened next.
            Ok(_) | Err(KeptError::Overtaken { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    let mut kept = Kept::live(store, keep.name.clone(), standing.fingerprint()).await?;
    let states = kept.load(store, Arc::clone(standing), keep.on_unreadable).await?;
    let Checkpoint { position, advanced_to } = kept.generation.checkpoint;
    let correcting = replay::correcting(store, Cut::default(), position, keep.on_unreadable).await?;
    let segments = segments_of(&keep.name, &kept.generation, standing)?;
    Ok((Keeping { kept }, Live::new(states, correcting, advanced_to, segments)))
}

/// By which edges a generation tells of segments.
fn segments_of(
    name: &ProjectionName,
    generation: &Generation,
    standing: &Standing,
) -> Result<Option<Arc<SegmentTimeline>>, KeptError> {
    let Some(edges) = &generation.edges else { return Ok(None) };
    let segments = SegmentTimeline::new(standing.1.rfm().clone(), RfmEdges::clone(edges));
    segments.map(Arc::new).map(Some).map_err(|source| KeptError::EdgesUnfit {
        name: name.clone(),
        generation: generation.number,
        source,
    })
}

impl Keeping {
    /// The number of the generation.
    pub(super) const fn generation(&self) -> u32 {
        self.kept.generation.number
    }

    /// The transaction of a page, and the generation after it.
    fn page(&self, live: &Live, taken: &Taken) -> (Commit, Generation) {
        let upto = taken.states().scanned_to();
        let touched = live.states.touched_by(taken.page(), upto);
        let next = self.told(Checkpoint { position: upto, advanced_to: live.advanced_to }, taken.untold());
        (self.telling(self.kept.commit(&next, &touched, taken.states()), taken.untold()), next)
    }

    /// The generation after these were told.
    fn told(&self, checkpoint: Checkpoint, untold: &[Untold]) -> Generation {
        let changes = self.kept.generation.changes.saturating_add(untold.len() as u64);
        Generation { checkpoint, changes, ..self.kept.generation.clone() }
    }

    /// Writes down what is to be told, behind what was told before.
    fn telling(&self, commit: Commit, untold: &[Untold]) -> Commit {
        let Kept { name, generation } = &self.kept;
        let numbered = (generation.changes.saturating_add(1)..).zip(untold);
        let commit = numbered.fold(commit, |commit, (number, untold)| {
            // Codes, ids and instants always have a JSON form.
            commit.put(name.change(number), serde_json::to_vec(&untold.notice).unwrap_or_default())
        });
        self.kept.if_live(commit)
    }
}

/// What became of a step.
#[derive(Debug)]
pub(super) enum Step<T> {
    /// It is kept, or nothing has to be.
    Kept(T),
    /// Somebody else was first; this engine has followed, and the step is to be computed anew.
    Followed,
}

/// All of it under the turn.
impl<S: EventStore> Inner<S> {
    /// Keeps what became of a page before anybody sees it.
    pub(super) async fn keep_page(
        &self,
        turn: &mut Option<Keeping>,
        taken: &Taken,
        parked: Option<Parked>,
    ) -> Result<Step<()>, EngineError> {
        let Some(keeping) = turn else { return Ok(Step::Kept(())) };
        let (mut commit, next) = keeping.page(&self.live(), taken);
        if let Some(parked) = parked {
            commit = commit.put(keeping.kept.name.parked_at(parked.position), parked.encode());
        }
        self.keep(keeping, commit, next).await
    }

    /// Keeps how far time has passed and what that changed, before anybody sees it.
    pub(super) async fn keep_passed(
        &self,
        turn: &mut Option<Keeping>,
        passed: &Passed,
    ) -> Result<Step<()>, EngineError> {
        let Some(keeping) = turn else { return Ok(Step::Kept(())) };
        let position = keeping.kept.generation.checkpoint.position;
        let advanced_to = keeping.kept.generation.checkpoint.advanced_to.max(Some(passed.now()));
        let next = keeping.told(Checkpoint { position, advanced_to }, passed.untold());
        if next == keeping.kept.generation {
            return Ok(Step::Kept(()));
        }
        let commit = keeping.telling(keeping.kept.commit_checkpoint(&next), passed.untold());
        self.keep(keeping, commit, next).await
    }

    /// Keeps by which edges segments are told, before anybody is told of one.
    pub(super) async fn keep_edges(
        &self,
        turn: &mut Option<Keeping>,
        edges: &RfmEdges,
    ) -> Result<Step<()>, EngineError> {
        let Some(keeping) = turn else { return Ok(Step::Kept(())) };
        let next = Generation { edges: Some(Box::new(edges.clone())), ..keeping.kept.generation.clone() };
        if next == keeping.kept.generation {
            return Ok(Step::Kept(()));
        }
        let commit = keeping.kept.if_live(keeping.kept.commit_checkpoint(&next));
        self.keep(keeping, commit, next).await
    }

    async fn keep(
        &self,
        keeping: &mut Keeping,
        commit: Commit,
        next: Generation,
    ) -> Result<Step<()>, EngineError> {
        match self.store.commit(commit).await {
            Ok(_) => {
                keeping.kept.generation = next;
                Ok(Step::Kept(()))
            }
            Err(error) => self.after(keeping, error).await.map(|()| Step::Followed),
        }
    }

    /// Appends facts and keeps what follows from them in one transaction. The log is taken in as far as it goes.
    pub(super) async fn record_inline(
        &self,
        keeping: &mut Keeping,
        append: &Append,
    ) -> Result<Step<Appended>, EngineError> {
        let at = self.live().states.scanned_to();
        let page = new_facts(&self.store, append, at).await?;
        let Some(last) = page.iter().next_back().map(|fact| fact.position) else {
            // All are known, and nothing follows from them.
            return Ok(Step::Kept(self.store.append(append.clone()).await?));
        };
        let taken = self.taken(page.clone(), last, Some(&page)).await?;
        let (commit, next) = keeping.page(&self.live(), &taken);
        match self.store.commit(commit.append(append.clone()).expect_head(at)).await {
            Ok(Some(appended)) => {
                keeping.kept.generation = next;
                // As the store has them: with the time of recording, which questions about what was known need.
                let page = self.store.read(&up_to(at, last)).await;
                let page = page.map_err(|source| EngineError::Behind {
                    stored: appended.clone(),
                    source: Box::new(source.into()),
                })?;
                let untold = self.adopt(taken.of_recorded(page.facts));
                self.outbox().put(untold);
                Ok(Step::Kept(appended))
            }
            // What has facts is answered with their places; and a head that moved is taken in by the next try.
            Ok(None) | Err(StoreError::HeadMoved { .. }) => Ok(Step::Followed),
            Err(error) => self.after(keeping, error).await.map(|()| Step::Followed),
        }
    }

    /// Follows whoever was first; any other error is the caller's.
    async fn after(&self, keeping: &mut Keeping, error: StoreError) -> Result<(), EngineError> {
        match error {
            StoreError::EntryChanged { .. } => self.follow(keeping).await,
            error => Err(error.into()),
        }
    }

    /// Goes to where somebody else has brought the generation, and tells nothing of it.
    pub(super) async fn follow(&self, keeping: &mut Keeping) -> Result<(), EngineError> {
        let Kept { name, generation } = &keeping.kept;
        let superseded = || KeptError::Superseded { name: name.clone(), generation: generation.number };
        let there = live_generation(&self.store, name).await?;
        let there = there.filter(|there| there.number == generation.number).ok_or_else(superseded)?;
        let Checkpoint { position, advanced_to } = there.checkpoint;
        loop {
            let at = self.live().states.scanned_to();
            if at >= position {
                break;
            }
            let (page, upto, _) = self.page(&up_to(at, position), position).await?;
            // A page that ends at the cut has looked through the log behind it, too.
            let taken = self.taken(page, upto.min(position), None).await?;
            drop(self.adopt(taken));
        }
        if let Some(advanced_to) = advanced_to {
            let passed = self.live().due_changes(advanced_to);
            drop(self.live_mut().pass(passed));
        }
        if there.edges != generation.edges {
            let segments = segments_of(name, &there, &self.standing)?;
            self.live_mut().segment_by(segments, None);
        }
        keeping.kept.generation = there;
        Ok(())
    }
}

/// Facts behind one position, up to and with another.
fn up_to(from: Position, to: Position) -> Read {
    Read::all().from(from).cut(Cut { as_of: None, known_at: KnownAt::Position(to) })
}
