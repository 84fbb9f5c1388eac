//! The engine for embedding: a store, and where every customer of it stands now.
//!
//! ```text
//! record ──▶ store's writer ──▶ log ──▶ a page ──▶ taken in aside ──▶ adopted at once ──▶ notices
//!                                                    │ late, void, merge: the histories of those alone
//! advance(now) ─────────▶ due-time index ──▶ those alone whose time has come ──▶ notices
//! ```

mod change;
mod changes;
mod comparison;
mod customer;
mod due;
mod error;
mod keep;
mod live;
mod observer;
mod outbox;
mod policy;
mod population;
mod rebuild;
mod run;
mod telling;

use core::fmt;
use core::ops::ControlFlow;
use std::collections::BTreeSet;
use std::sync::{self, Arc, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use futures_util::lock::Mutex;
use serde::{Deserialize, Serialize};
use tenure_core::fold::States;
use tenure_core::log::{Append, Appended, Corrections, Cut, FactBlock, KnownAt, Read};
use tenure_core::projection::rfm::Rfm;
use tenure_core::projection::stage::StageMachine;
use tenure_core::report::rfm::{EdgeMoves, RfmEdges, SegmentTimeline};
use tenure_core::{CustomerId, Policy, Position, Timestamp};

pub use self::change::{ByEdges, Change, ChangeCause, Notice, SegmentChanged, StageChanged};
pub use self::changes::{Changes, Told};
pub use self::comparison::{Compared, Comparison, DifferingCustomer, FieldCount, KeptView, NextStage};
pub use self::customer::{CustomerQuery, CustomerView};
pub use self::error::EngineError;
pub use self::keep::Keep;
use self::keep::{Keeping, Step};
use self::live::{Live, Taken};
use self::observer::Observed;
pub use self::observer::{Done, Observer};
use self::outbox::{Outbox, Untold};
pub use self::policy::kept_policy;
use self::policy::{policy_of, standing_under};
pub use self::population::PopulationQuery;
pub use self::rebuild::PolicyRebuild;
pub use self::run::Run;
use self::telling::Standing;
use crate::kept::{KeptError, ProjectionName, live_generation};
use crate::replay::{self, OnUnreadable, Parked, catch_up_to};
use crate::{EventStore, StoreError, replay_serial};

/// A store with the present states of all its customers under one policy: record facts, ask where somebody stands, let
/// time pass, and be told what changed.
///
/// A handle is cheap to clone and shared by all tasks of a service. Appends go through the store's own writer, which
/// groups them. A page of facts is taken in aside and shown at once, so readers see all of it or nothing, and wait for
/// memory only. Questions about the past are answered from the log.
///
/// There is no clock in it: `now` is an argument of [`advance`](Self::advance), and the store has its own clock for what
/// it records.
///
/// # What is told
/// [`record`](Self::record), [`refresh`](Self::refresh) and [`advance`](Self::advance) return notices of changed stages and,
/// where there are [edges](Self::segment_by), of changed segments.
/// Each is returned once, by one of them, as long as this engine lives, and waits in memory until then; a notice of somebody for whom facts are being
/// recorded goes to a caller who records them. An engine that is opened anew tells nothing of what its
/// [`Checkpoint`] says was told. A change has the same [id](Change::id) always, so whoever acts on notices can act once
/// even where two engines tell of one change.
///
/// # Laws
/// - States and due times are at all times those of a fresh replay of the same log, bit for bit.
/// - Of every customer the changes told, less those retracted, are the timeline of a replay up to the instant advanced
///   to, or to the customer's last fact if that is later.
///
/// # Example
/// ```
/// use tenure_core::{Customer, CustomerEvent, Event, EventId, Policy, Timestamp};
/// use tenure_store::{Engine, MemoryStore, Notice};
/// # pollster::block_on(async {
/// let engine = Engine::open(MemoryStore::new(), Policy::preset("retail").ok_or("no such preset")?).await?;
/// let ann = Customer::parse("ann", "shop")?;
/// let order = CustomerEvent::OrderPlaced { order: Some("o-77".into()), total: None, lines: vec![] };
/// let at = Timestamp::parse("2024-05-01T10:00:00Z")?;
/// let fact = Event::new(EventId::from_foreign("shop", "o-77"), ann.clone(), at, order)?;
///
/// let recorded = engine.record([fact]).await?;
/// let to: Vec<_> = recorded.notices.iter().filter_map(|notice| notice.change().to()).collect();
/// assert_eq!(to, ["prospect", "new"]);
///
/// let passed = engine.advance(Timestamp::parse("2024-09-01T00:00:00Z")?).await?;
/// assert!(matches!(&passed.notices[..], [Notice::Changed(risk), Notice::Changed(lost)]
///     if risk.to() == Some("at_risk") && lost.to() == Some("churned")));
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
/// A policy without stages is refused:
/// ```
/// use tenure_core::Policy;
/// use tenure_store::{Engine, EngineError, MemoryStore};
/// let opened = pollster::block_on(Engine::open(MemoryStore::new(), Policy::default()));
/// assert!(matches!(opened, Err(EngineError::Policy(_))));
/// ```
pub struct Engine<S>(Arc<Inner<S>>);

struct Inner<S> {
    store: S,
    policy: Policy,
    standing: Standing,
    live: RwLock<Live>,
    outbox: sync::Mutex<Outbox>,
    /// Held by the one who takes facts in or lets time pass, with what is known of where that is kept; none where nothing
    /// is. Readers have nothing to do with it.
    turn: Mutex<Option<Keeping>>,
    on_unreadable: OnUnreadable,
    /// Whether facts are recorded together with what follows from them.
    inline: bool,
    kept_as: Option<ProjectionName>,
    observed: Observed,
}

/// Up to where an engine has told of changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The last fact taken in.
    pub position: Position,
    /// The latest instant that time was advanced to; none if it never was.
    pub advanced_to: Option<Timestamp>,
}

/// What came of recording facts.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Where each fact stands, and whether it is new.
    pub facts: Appended,
    /// What changed for the customers of these facts.
    pub notices: Vec<Notice>,
}

/// What came of letting time pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Advanced {
    /// What changed, in the order of time.
    pub notices: Vec<Notice>,
    /// How many customers were looked at: those alone whose time had come.
    pub visited: usize,
}

impl<S> Clone for Engine<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S> fmt::Debug for Engine<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let live = self.0.live();
        f.debug_struct("Engine")
            .field("policy", &self.0.policy.name)
            .field("customers", &live.states.len())
            .field("position", &live.states.scanned_to())
            .field("advanced_to", &live.advanced_to)
            .finish_non_exhaustive()
    }
}

impl<S> Inner<S> {
    fn live(&self) -> RwLockReadGuard<'_, Live> {
        // It changes in one step, and only after everything is computed, so whoever panicked left it whole.
        self.live.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn live_mut(&self) -> RwLockWriteGuard<'_, Live> {
        self.live.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows what a page does to everybody, and gives what is to be told of it.
    fn adopt(&self, taken: Taken) -> Vec<Untold> {
        let (facts, refolded) = (taken.page().len(), taken.refolded);
        let mut live = self.live_mut();
        let untold = live.adopt(taken);
        let position = live.states.scanned_to();
        drop(live);
        self.observed.tell(&Done::TookIn { facts, refolded, changes: untold.len(), position });
        untold
    }

    fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: EventStore> Engine<S> {
    /// Folds everything that the store holds. Nothing of it will be told: what changed up to each customer's last fact
    /// counts as known.
    ///
    /// # Errors
    /// [`EngineError::Policy`] without stages in the policy, [`EngineError::Store`] if the log cannot be read.
    pub async fn open(store: S, policy: Policy) -> Result<Self, EngineError> {
        let position = store.head().await?.position;
        Self::open_at(store, policy, Checkpoint { position, advanced_to: None }).await
    }

    /// As [`open`](Self::open), where an earlier engine had told of everything up to a checkpoint, under the same
    /// policy of stages. What came behind it is told by the next call that tells.
    ///
    /// # Errors
    /// [`EngineError::Checkpoint`] if the log ends before it; else as [`open`](Self::open).
    pub async fn open_at(store: S, policy: Policy, checkpoint: Checkpoint) -> Result<Self, EngineError> {
        let standing = standing_under(&policy)?;
        let head = store.head().await?.position;
        let Checkpoint { position, advanced_to } = checkpoint;
        if position > head {
            return Err(EngineError::Checkpoint { at: position, head });
        }
        let correcting = replay::correcting(&store, Cut::default(), position, OnUnreadable::Stop).await?;
        let corrections: Corrections = correcting.events().collect();
        let mut states = States::new(Arc::clone(&standing), Cut::default()).with_corrections(corrections);
        catch_up_to(&store, &mut states, position, OnUnreadable::Stop, |_| ControlFlow::Continue(()))
            .await
            .map_err(error::of_replay)?;
        let live = RwLock::new(Live::new(states, correcting, advanced_to, None));
        Ok(Self(Arc::new(Inner {
            store,
            policy,
            standing,
            live,
            outbox: sync::Mutex::default(),
            turn: Mutex::new(None),
            on_unreadable: OnUnreadable::Stop,
            inline: false,
            kept_as: None,
            observed: Observed::default(),
        })))
    }

    /// Opens an engine whose states stand in the store under a name: it begins where the last one ended, without a replay,
    /// and every change is told once, also across restarts and by several engines at once. What was told stands in the store,
    /// too, for [`Changes`].
    ///
    /// The first engine under a name folds everything that the log holds, and tells nothing of it: what changed up to each
    /// customer's last fact counts as known. What others have appended since the last one ended is told by the next call that
    /// tells.
    ///
    /// # Errors
    /// [`EngineError::Policy`] without stages in the policy; [`KeptError::Fingerprint`](crate::KeptError::Fingerprint) in
    /// [`EngineError::Kept`] if the states were made by another policy: [`PolicyRebuild`] them, or [`reopen`](Self::reopen)
    /// under the one that they were made by; [`EngineError::Store`] if the store fails.
    ///
    /// # Example
    /// ```
    /// use std::sync::Arc;
    /// use tenure_core::{Customer, CustomerEvent, Event, EventId, Policy, Timestamp};
    /// use tenure_store::{Engine, Keep, MemoryStore};
    /// # pollster::block_on(async {
    /// let store = Arc::new(MemoryStore::new());
    /// let policy = Policy::preset("retail").ok_or("no such preset")?;
    /// let open = || async { Engine::open_kept(store.clone(), policy.clone(), Keep::under("lifecycle")?).await };
    /// let engine = open().await?;
    /// let order = CustomerEvent::OrderPlaced { order: None, total: None, lines: vec![] };
    /// let at = Timestamp::parse("2024-05-01T10:00:00Z")?;
    /// let ann = Customer::parse("ann", "shop")?;
    /// engine.record([Event::new(EventId::from_foreign("shop", "1"), ann, at, order)?]).await?;
    ///
    /// let late = Timestamp::parse("2024-09-01T00:00:00Z")?;
    /// let (one, other) = (open().await?, open().await?);
    /// assert_eq!(one.advance(late).await?.notices.len(), 2); // at risk, churned
    /// assert!(other.advance(late).await?.notices.is_empty()); // told already, by one
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub async fn open_kept(store: S, policy: Policy, keep: Keep) -> Result<Self, EngineError> {
        let standing = standing_under(&policy)?;
        let kept = keep::open(&store, (&policy, &standing), &keep).await?;
        Ok(Self::of_kept(store, (policy, standing), keep, kept))
    }

    fn of_kept(
        store: S,
        (policy, standing): (Policy, Standing),
        keep: Keep,
        (keeping, live): (Keeping, Live),
    ) -> Self {
        Self(Arc::new(Inner {
            store,
            policy,
            standing,
            live: RwLock::new(live),
            outbox: sync::Mutex::default(),
            turn: Mutex::new(Some(keeping)),
            on_unreadable: keep.on_unreadable,
            inline: keep.inline,
            kept_as: Some(keep.name),
            observed: Observed::default(),
        }))
    }

    /// Opens the engine that is kept under a name, by the policy that is kept with it: after a [switch](PolicyRebuild::switch)
    /// this is the new one.
    ///
    /// # Errors
    /// In [`EngineError::Kept`]: [`KeptError::NothingKept`](crate::KeptError::NothingKept) if nothing is,
    /// [`NoPolicy`](crate::KeptError::NoPolicy) if that is not an engine's, and
    /// [`PolicyUnfit`](crate::KeptError::PolicyUnfit) if the states were made by another policy than the one that is kept with
    /// them. Else as [`open_kept`](Self::open_kept).
    ///
    /// # Example
    /// ```
    /// use std::sync::Arc;
    /// use tenure_core::Policy;
    /// use tenure_store::{Engine, EngineError, Keep, KeptError, MemoryStore};
    /// # pollster::block_on(async {
    /// let store = Arc::new(MemoryStore::new());
    /// let none = Engine::reopen(store.clone(), Keep::under("lifecycle")?).await;
    /// assert!(matches!(none, Err(EngineError::Kept(KeptError::NothingKept { .. }))));
    /// let saas = Policy::preset("saas").ok_or("no such preset")?;
    /// Engine::open_kept(store.clone(), saas.clone(), Keep::under("lifecycle")?).await?;
    /// assert_eq!(*Engine::reopen(store, Keep::under("lifecycle")?).await?.policy(), saas);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub async fn reopen(store: S, keep: Keep) -> Result<Self, EngineError> {
        loop {
            let live = live_generation(&store, &keep.name).await?;
            let live = live.ok_or_else(|| KeptError::NothingKept { name: keep.name.clone() })?;
            let (policy, standing) = policy_of(&store, &keep.name, &live).await?;
            match keep::open(&store, (&policy, &standing), &keep).await {
                Ok(kept) if kept.0.generation() == live.number => {
                    return Ok(Self::of_kept(store, (policy, standing), keep, kept));
                }
                // Another generation has become the live one meanwhile, under a policy of its own.
                Ok(_) | Err(KeptError::Fingerprint { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Begins to rebuild what this engine keeps, under another policy or the same: see [`PolicyRebuild`]. The engine works on
    /// meanwhile. After the switch it is not the live one any more: whoever takes facts in by it is told so by
    /// [`KeptError::Superseded`](crate::KeptError::Superseded), and [reopens](Self::reopen).
    ///
    /// # Errors
    /// [`EngineError::NotKept`] if it keeps nothing; else as [`PolicyRebuild::begin`].
    pub async fn rebuild(&self, policy: Policy) -> Result<PolicyRebuild<&S>, EngineError> {
        let name = self.kept_as().ok_or(EngineError::NotKept)?.clone();
        let keep = Keep { name, inline: self.0.inline, on_unreadable: self.0.on_unreadable };
        PolicyRebuild::begin(self.store(), policy, keep).await
    }

    /// Has somebody told what this engine does from now on, in numbers. Gives false, and changes nothing, if somebody is
    /// told already.
    ///
    /// # Example
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    /// use tenure_core::{Customer, CustomerEvent, Event, EventId, Policy, Timestamp};
    /// use tenure_store::{Done, Engine, MemoryStore};
    /// # pollster::block_on(async {
    /// let engine = Engine::open(MemoryStore::new(), Policy::preset("saas").ok_or("no such preset")?).await?;
    /// let facts = Arc::new(AtomicUsize::new(0)); // or a counter of the library that you measure with
    /// let counter = Arc::clone(&facts);
    /// engine.observe(move |done: &Done| {
    ///     if let Done::TookIn { facts, .. } = done {
    ///         counter.fetch_add(*facts, Ordering::Relaxed);
    ///     }
    /// });
    /// let ann = Customer::parse("ann", "app")?;
    /// engine.record([Event::new(EventId::from_foreign("app", "1"), ann, Timestamp::MIN, CustomerEvent::SignedUp {})?]).await?;
    /// assert_eq!(facts.load(Ordering::Relaxed), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn observe(&self, observer: impl Observer + 'static) -> bool {
        self.0.observed.set(Box::new(observer))
    }

    /// Records facts, all or none, and computes what follows from them. Durable, as far as the store promises, when the
    /// future is ready; from then on every answer of this engine rests on them.
    ///
    /// Takes facts, or an [`Append`] that expects streams to be at certain versions. A fact that is known already by its
    /// id is not stored again, so what may have been recorded can be sent again.
    ///
    /// # Errors
    /// [`EngineError::Store`]: refused, and nothing was written, or unknown (see there).
    /// [`EngineError::Behind`]: written, but not taken in.
    ///
    /// # Example
    /// ```
    /// use tenure_core::log::{Append, Expected};
    /// use tenure_core::{Customer, CustomerEvent, Event, EventId, Policy, Timestamp};
    /// use tenure_store::{Engine, MemoryStore};
    /// # pollster::block_on(async {
    /// let engine = Engine::open(MemoryStore::new(), Policy::preset("saas").ok_or("no such preset")?).await?;
    /// let ann = Customer::parse("ann", "app")?;
    /// let at = Timestamp::parse("2024-05-01T10:00:00Z")?;
    /// let fact = Event::new(EventId::from_foreign("app", "1"), ann.clone(), at, CustomerEvent::SignedUp {})?;
    /// let first = Append::new(vec![fact.clone()]).expect(ann.id(), Expected::NoStream);
    /// assert_eq!(engine.record(first.clone()).await?.facts.stored(), 1);
    /// assert!(engine.record(first).await?.facts.already_stored()); // sent again: known
    ///
    /// let other = Event::new(EventId::from_foreign("app", "2"), ann.clone(), at, CustomerEvent::SignedUp {})?;
    /// let refused = engine.record(Append::new(vec![other]).expect(ann.id(), Expected::NoStream)).await;
    /// assert!(refused.is_err_and(|error| error.is_conflict()));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub async fn record(&self, facts: impl Into<Append> + Send) -> Result<Recorded, EngineError> {
        let append: Append = facts.into();
        let claim = Claim::new(&self.0, append.events().iter().map(|fact| fact.customer().id()));
        if self.0.inline {
            let mut turn = self.0.turn.lock().await;
            loop {
                self.0.take_in(&mut turn, self.0.store.head().await?.position).await?;
                let Some(keeping) = &mut *turn else { break };
                if let Step::Kept(facts) = self.0.record_inline(keeping, &append).await? {
                    return Ok(Recorded { facts, notices: claim.take() });
                }
            }
        }
        let facts = self.0.store.append(append).await?;
        let to = facts.facts.iter().map(|placed| placed.position).max().unwrap_or(Position::START);
        let mut turn = self.0.turn.lock().await;
        if let Err(source) = self.0.take_in(&mut turn, to).await {
            return Err(EngineError::Behind { stored: facts, source: Box::new(source) });
        }
        drop(turn);
        Ok(Recorded { facts, notices: claim.take() })
    }

    /// Takes in what others have written to the same log, up to its end now, and tells what changed.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the log cannot be read; what was taken in before stays, and the next call goes on
    /// there.
    pub async fn refresh(&self) -> Result<Vec<Notice>, EngineError> {
        let mut turn = self.0.turn.lock().await;
        self.0.take_in(&mut turn, self.0.store.head().await?.position).await?;
        drop(turn);
        Ok(self.0.outbox().take_rest())
    }

    /// Lets time pass up to and with `now`, and tells what silence changed: nobody is looked at but those whose next
    /// change, of stage or of segment, has come. Facts of others are taken in before, so that nobody is told
    /// silent who is not.
    ///
    /// An instant before the latest one that time was advanced to moves nothing. The first time on a log that is not
    /// new, and without a [`Checkpoint`], this tells what silence did since each customer's last fact, however long ago.
    ///
    /// # Errors
    /// As [`refresh`](Self::refresh); then time has not passed.
    pub async fn advance(&self, now: Timestamp) -> Result<Advanced, EngineError> {
        let mut turn = self.0.turn.lock().await;
        let passed = loop {
            self.0.take_in(&mut turn, self.0.store.head().await?.position).await?;
            let passed = self.0.live().due_changes(now);
            if let Step::Kept(()) = self.0.keep_passed(&mut turn, &passed).await? {
                break passed;
            }
        };
        let (untold, visited) = self.0.live_mut().pass(passed);
        self.0.observed.tell(&Done::Passed { visited, changes: untold.len(), now });
        self.0.outbox().put(untold);
        drop(turn);
        Ok(Advanced { notices: self.0.outbox().take_rest(), visited })
    }

    /// Tells of segments relative to these edges from now on, instead of by others or not at all, and gives what they change
    /// at once as one report: nobody's move is told singly, so that new edges are no flood of changes.
    ///
    /// Under edges that stay as they are a segment changes by orders and refunds, by local midnights at which recency reaches
    /// the next one, and by what leaves the look-back window; each change is told once, late facts take changes back, and
    /// the changes told, less those retracted, and those that this report covers are the timeline by these edges. The report
    /// takes everybody at the instant up to which the customer's changes are told: whoever knew the segments before it, and
    /// applies it, knows them after it. A late fact may take back a change that lies before the edges were given, and was
    /// covered by the report.
    ///
    /// An engine that [keeps](Self::open_kept) its states keeps the edges with them: it tells by them when it is opened again,
    /// and so do all others. An engine that does not is given them again before it goes on. Edges that it has already
    /// change nothing.
    ///
    /// # Errors
    /// [`EngineError::Rfm`] if they are edges of another policy, or nobody can be placed by them alone, as under the scorings
    /// `rank`, `ntile`, `rank_average` and `nested`; else the store's.
    ///
    /// # Example
    /// ```
    /// use tenure_core::{Customer, CustomerEvent, Event, EventId, Policy, Timestamp};
    /// use tenure_store::{Change, Engine, MemoryStore, Notice};
    /// # pollster::block_on(async {
    /// let engine = Engine::open(MemoryStore::new(), Policy::preset("retail").ok_or("no such preset")?).await?;
    /// for (who, days) in [("ann", 1..9), ("ben", 1..5), ("cem", 1..3), ("dan", 1..2)] {
    ///     for day in days {
    ///         let order = CustomerEvent::OrderPlaced { order: None, total: None, lines: vec![] };
    ///         let id = EventId::from_foreign("shop", &format!("{who}-{day}"));
    ///         let at = Timestamp::parse(&format!("2024-05-0{day}T10:00:00Z"))?;
    ///         engine.record([Event::new(id, Customer::parse(who, "shop")?, at, order)?]).await?;
    ///     }
    /// }
    /// engine.advance(Timestamp::parse("2024-05-10T12:00:00Z")?).await?;
    ///
    /// let edges = engine.population().rfm().await?.edges; // as of now; or those of another day
    /// let moves = engine.segment_by(edges).await?;
    /// assert_eq!((moves.moves.len(), moves.moves[0].from.as_deref()), (4, None)); // there were no edges before
    ///
    /// let passed = engine.advance(Timestamp::parse("2024-05-14T00:00:00Z")?).await?;
    /// let changed = passed.notices.iter().find_map(|notice| match notice {
    ///     Notice::Changed(Change::SegmentChanged(change)) => Some((change.from.as_deref(), change.to.as_deref())),
    ///     _ => None,
    /// });
    /// assert_eq!(changed, Some((Some("about_to_sleep"), Some("hibernating")))); // cem, nine days after his last order
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub async fn segment_by(&self, edges: RfmEdges) -> Result<EdgeMoves, EngineError> {
        let segments = Arc::new(SegmentTimeline::new(self.rfm().clone(), edges)?);
        let mut turn = self.0.turn.lock().await;
        while let Step::Followed = self.0.keep_edges(&mut turn, segments.edges()).await? {}
        // Whoever has the turn is the only one who changes anything, so readers need not wait for the report.
        let (moves, due) = self.0.live().by_edges(&segments);
        self.0.live_mut().segment_by(Some(segments), Some(due));
        drop(turn);
        Ok(moves)
    }

    /// Goes to where another engine has brought what both keep, and tells nothing of it: to stand by. Where nothing is kept
    /// there is nobody to follow.
    ///
    /// # Errors
    /// As [`refresh`](Self::refresh), and [`KeptError::Superseded`](crate::KeptError::Superseded) in [`EngineError::Kept`] if
    /// another generation is live.
    pub async fn follow(&self) -> Result<(), EngineError> {
        let mut turn = self.0.turn.lock().await;
        match &mut *turn {
            Some(keeping) => self.0.follow(keeping).await,
            None => Ok(()),
        }
    }

    /// A question about one customer; of a merged person any of the customers will do.
    ///
    /// # Example
    /// ```
    /// use tenure_core::{Customer, CustomerEvent, Event, EventId, Policy, Timestamp};
    /// use tenure_store::{Engine, MemoryStore};
    /// # pollster::block_on(async {
    /// let engine = Engine::open(MemoryStore::new(), Policy::preset("retail").ok_or("no such preset")?).await?;
    /// let ann = Customer::parse("ann", "shop")?;
    /// for (id, at) in [("1", "2024-05-01T10:00:00Z"), ("2", "2024-05-20T10:00:00Z")] {
    ///     let order = CustomerEvent::OrderPlaced { order: None, total: None, lines: vec![] };
    ///     let id = EventId::from_foreign("shop", id);
    ///     engine.record([Event::new(id, ann.clone(), Timestamp::parse(at)?, order)?]).await?;
    /// }
    /// let now = engine.customer(ann.id()).await?.ok_or("nobody")?;
    /// assert_eq!(&*now.stage, "active");
    /// let before = engine.customer(ann.id()).as_of(Timestamp::parse("2024-05-10T00:00:00Z")?).await?;
    /// assert_eq!(&*before.ok_or("nobody yet")?.stage, "new");
    /// assert_eq!(engine.customer(ann.id()).timeline().await?.len(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn customer(&self, customer: CustomerId) -> CustomerQuery<'_, S> {
        CustomerQuery::new(self, customer)
    }

    /// A question about everybody.
    ///
    /// # Example
    /// ```
    /// use tenure_core::{Customer, CustomerEvent, Event, EventId, Policy, Timestamp};
    /// use tenure_store::{Engine, MemoryStore};
    /// # pollster::block_on(async {
    /// let engine = Engine::open(MemoryStore::new(), Policy::preset("retail").ok_or("no such preset")?).await?;
    /// let order = CustomerEvent::OrderPlaced { order: None, total: None, lines: vec![] };
    /// let at = Timestamp::parse("2024-05-01T10:00:00Z")?;
    /// engine.record([Event::new(EventId::from_foreign("shop", "1"), Customer::parse("ann", "shop")?, at, order)?]).await?;
    /// let stages = engine.population().stages().await?;
    /// assert!(stages.stages.iter().any(|row| row.code == "new" && row.customers == 1));
    /// let rfm = engine.population().rfm().await?;
    /// assert_eq!(rfm.customers[0].customer, "shop:ann");
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn population(&self) -> PopulationQuery<'_, S> {
        PopulationQuery::new(self)
    }

    /// Compares the states, names and due times of everybody with a fresh replay of the log, and gives the customers
    /// for whom they differ: none, by the law of this type. Costs a replay; nothing is taken in meanwhile.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the log cannot be read.
    pub async fn audit(&self) -> Result<BTreeSet<CustomerId>, EngineError> {
        let turn = self.0.turn.lock().await;
        let known_at = KnownAt::Position(self.0.live().states.scanned_to());
        let cut = Cut { as_of: None, known_at };
        let fresh =
            replay_serial(&self.0.store, Arc::clone(&self.0.standing), cut, |_| ControlFlow::Continue(()));
        let fresh = fresh.await.map_err(error::of_replay)?;
        let differing = self.0.live().differing(&fresh);
        drop(turn);
        Ok(differing)
    }
}

impl<S: EventStore> Inner<S> {
    /// Takes the log in up to a position, with whatever else the pages hold.
    async fn take_in(&self, turn: &mut Option<Keeping>, to: Position) -> Result<(), EngineError> {
        loop {
            let from = self.live().states.scanned_to();
            if from >= to {
                return Ok(());
            }
            let (page, upto, parked) = self.page(&Read::all().from(from), to).await?;
            let taken = self.taken(page, upto, None).await?;
            let parked_at = parked.as_ref().map(|parked| parked.position);
            if let Step::Kept(()) = self.keep_page(turn, &taken, parked).await? {
                let untold = self.adopt(taken);
                if let Some(position) = parked_at {
                    self.observed.tell(&Done::Parked { position });
                }
                self.outbox().put(untold);
            }
        }
    }

    /// The next page, up to where it leads, and the fact that was left out of it.
    async fn page(
        &self,
        read: &Read,
        to: Position,
    ) -> Result<(FactBlock, Position, Option<Parked>), StoreError> {
        match self.store.read(read).await {
            Ok(page) => {
                // A log does not shrink; a store that says so would make a loop over pages go on for ever.
                let upto = page.scanned_to.max(if page.facts.is_empty() { to } else { Position::START });
                Ok((page.facts, upto, None))
            }
            Err(StoreError::Undecodable { position, source, .. })
                if self.on_unreadable == OnUnreadable::Park && position > read.from =>
            {
                Ok((FactBlock::new(), position, Some(Parked { position, why: source.to_string() })))
            }
            Err(error) => Err(error),
        }
    }

    /// What a page of facts does. `beside` are facts that no stream holds yet.
    async fn taken(
        &self,
        page: FactBlock,
        upto: Position,
        beside: Option<&FactBlock>,
    ) -> Result<Taken, StoreError> {
        let mut taken = self.live().take_aside(page, upto);
        for group in core::mem::take(&mut taken.groups) {
            let mut histories: Vec<FactBlock> = beside.cloned().into_iter().collect();
            for customer in &group {
                histories.extend(replay::stream(&self.store, *customer, self.on_unreadable).await?);
            }
            taken.refold(&self.live(), &group, &histories);
        }
        Ok(taken)
    }
}

impl<S> Engine<S> {
    /// The store underneath: to read the log, to keep notes, to back it up. Facts that are appended to it directly are
    /// taken in by the next [`refresh`](Engine::refresh).
    pub fn store(&self) -> &S {
        &self.0.store
    }

    /// Under which name the states are kept; none if they are not.
    pub fn kept_as(&self) -> Option<&ProjectionName> {
        self.0.kept_as.as_ref()
    }

    /// The policy.
    pub fn policy(&self) -> &Policy {
        &self.0.policy
    }

    /// The stage machine of the policy, which has names and reasons in words.
    pub fn machine(&self) -> &StageMachine {
        self.0.standing.0.machine()
    }

    /// The RFM projection of the policy, to place a customer by edges that were kept:
    /// `edges.place(engine.rfm(), &values)`.
    pub fn rfm(&self) -> &Rfm {
        self.0.standing.1.rfm()
    }

    /// The edges that segments are told by; none if they are not.
    pub fn edges(&self) -> Option<RfmEdges> {
        self.0.live().segments.as_ref().map(|segments| segments.edges().clone())
    }

    /// Up to where this engine has computed changes. Keep it after the notices are dealt with, and the next engine
    /// goes on from there.
    pub fn checkpoint(&self) -> Checkpoint {
        let live = self.0.live();
        Checkpoint { position: live.states.scanned_to(), advanced_to: live.advanced_to }
    }

    /// The first instant at which silence changes somebody's stage or segment, if nothing happens: when to
    /// [`advance`](Engine::advance) next. None if silence changes nobody's.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.0.live().due.next()
    }
}

/// What is to be told of some customers belongs to whoever records facts of them. Given up, whatever happens to that
/// task.
struct Claim<'a, S> {
    inner: &'a Inner<S>,
    customers: Vec<CustomerId>,
}

impl<'a, S> Claim<'a, S> {
    fn new(inner: &'a Inner<S>, customers: impl Iterator<Item = CustomerId>) -> Self {
        let customers: Vec<CustomerId> = customers.collect::<BTreeSet<_>>().into_iter().collect();
        inner.outbox().claim(&customers);
        Self { inner, customers }
    }

    fn take(&self) -> Vec<Notice> {
        self.inner.outbox().take_of(&self.customers)
    }
}

impl<S> Drop for Claim<'_, S> {
    fn drop(&mut self) {
        self.inner.outbox().release(&self.customers);
    }
}
