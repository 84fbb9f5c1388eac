//! Rebuilding what an engine keeps, under another policy: compared with what is live before anybody sees it.

use core::ops::ControlFlow;

use tenure_core::{Policy, Position};

use super::comparison::{Comparison, Side, compare};
use super::keep::Keep;
use super::policy::{policy_of, standing_under};
use super::telling::Standing;
use super::{Checkpoint, EngineError};
use crate::kept::{Generation, Kept, KeptError, Rebuild, Switched, generation_before, live_generation};
use crate::replay::{OnUnreadable, catch_up_to};
use crate::{EventStore, Progress};

/// A new generation of what engines keep under a name, made under a policy while the live one goes on.
///
/// ```text
/// begin ──▶ catch_up, resumed wherever it ended ──▶ compare ──▶ switch ──▶ back, if it was wrong
/// ```
///
/// Nobody sees the new generation before the [switch](Self::switch), which is one transaction. Nothing is told because of it:
/// under the new policy, as under the first one, what happened before the checkpoint is history, and the first change that is
/// told is the first one behind it. So nothing is told twice.
///
/// # Example
/// ```
/// use core::ops::ControlFlow::Continue;
/// use std::sync::Arc;
/// use tenure_core::{Customer, CustomerEvent, Event, EventId, Policy, Timestamp};
/// use tenure_store::{Engine, Keep, MemoryStore, PolicyRebuild};
/// # pollster::block_on(async {
/// let store = Arc::new(MemoryStore::new());
/// let preset = |name| Policy::preset(name).ok_or("no such preset");
/// let keep = || Keep::under("lifecycle");
/// let engine = Engine::open_kept(store.clone(), preset("retail")?, keep()?).await?;
/// let ann = Customer::parse("ann", "shop")?;
/// let order = CustomerEvent::OrderPlaced { order: None, total: None, lines: vec![] };
/// let at = Timestamp::parse("2024-05-01T10:00:00Z")?;
/// engine.record([Event::new(EventId::from_foreign("shop", "1"), ann.clone(), at, order)?]).await?;
///
/// let mut rebuild = engine.rebuild(preset("saas")?).await?;
/// rebuild.catch_up(|_| Continue(())).await?;
/// let comparison = rebuild.compare(10).await?.ok_or("nothing is live")?;
/// assert_eq!((comparison.customers, comparison.differing), (1, 1));
/// let first = &comparison.examples[0];
/// assert_eq!((first.customer.as_str(), first.fields[0]), ("shop:ann", "stage"));
/// assert_eq!(rebuild.switch().await?.from, Some(1));
///
/// assert_eq!(Engine::reopen(store.clone(), keep()?).await?.policy().name, "saas");
/// PolicyRebuild::back(&store, keep()?).await?.switch().await?;
/// assert_eq!(Engine::reopen(store, keep()?).await?.policy().name, "retail");
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct PolicyRebuild<S> {
    rebuild: Rebuild<S, Standing>,
    policy: Policy,
    on_unreadable: OnUnreadable,
}

impl<S: EventStore> PolicyRebuild<S> {
    /// Begins a new generation, or goes on with one of the same policy that is not live: one that was interrupted, or one
    /// that was live before. Where nothing is kept yet this is the first.
    ///
    /// # Errors
    /// [`EngineError::Policy`] without stages in the policy; else the store's.
    pub async fn begin(store: S, policy: Policy, keep: Keep) -> Result<Self, EngineError> {
        let standing = standing_under(&policy)?;
        let rebuild = Rebuild::begin_under(store, keep.name, standing, Some(policy.to_json())).await?;
        Ok(Self::of(rebuild, policy, keep.on_unreadable))
    }

    /// Goes back to the generation that was live before the present one, under the policy that is kept with it. To go back
    /// twice is to be where one was.
    ///
    /// # Errors
    /// In [`EngineError::Kept`]: [`KeptError::NothingKept`], [`KeptError::NothingBefore`], [`KeptError::NoGeneration`] if that
    /// one was [removed](crate::prune_generations), [`KeptError::NoPolicy`] and [`KeptError::PolicyUnfit`].
    pub async fn back(store: S, keep: Keep) -> Result<Self, EngineError> {
        let before = generation_before(&store, &keep.name).await?;
        let (policy, standing) = policy_of(&store, &keep.name, &before).await?;
        let rebuild = Rebuild::back(store, keep.name, standing).await?;
        Ok(Self::of(rebuild, policy, keep.on_unreadable))
    }

    fn of(rebuild: Rebuild<S, Standing>, policy: Policy, on_unreadable: OnUnreadable) -> Self {
        Self { rebuild: rebuild.on_unreadable(on_unreadable), policy, on_unreadable }
    }

    /// Keeps what was built after so many facts, at least 1: a rebuild that is killed goes on there. Without it: after 65,536
    /// facts, or as many as there are customers if that is more.
    #[must_use]
    pub fn keep_every(self, facts: usize) -> Self {
        Self { rebuild: self.rebuild.keep_every(facts), ..self }
    }

    /// Takes in the log as far as the live generation has; where nothing is live, to its end. It can be stopped or killed at
    /// any moment and goes on where it was kept last. Gives where it ended.
    ///
    /// `progress` is called after every page, and at the end, with where it is and where it will end;
    /// [`Progress::remaining`] makes a time of it.
    ///
    /// # Errors
    /// [`KeptError::Stopped`] in [`EngineError::Kept`] where `progress` breaks; else the store's.
    pub async fn catch_up(
        &mut self,
        progress: impl FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Position, EngineError> {
        Ok(self.rebuild.catch_up(progress).await?)
    }

    /// Compares the new generation with the live one at the checkpoint of the live one, with up to so many examples; none
    /// where nothing is live. Reads all rows of the live one and holds the states of both.
    ///
    /// # Errors
    /// [`KeptError::NoPolicy`] and [`KeptError::PolicyUnfit`] in [`EngineError::Kept`] if the live one cannot be read by its
    /// policy; else the store's.
    pub async fn compare(&mut self, examples: usize) -> Result<Option<Comparison>, EngineError> {
        let (store, name) = (self.rebuild.store(), self.rebuild.name());
        let Some(live) = live_generation(store, name).await? else { return Ok(None) };
        let (policy, standing) = policy_of(store, name, &live).await?;
        let mut kept = Kept { name: name.clone(), generation: live };
        let mut states = kept.load(store, standing, self.on_unreadable).await?;
        let Generation { number, checkpoint, .. } = kept.generation;
        // Neither goes back; whichever is behind goes on to the other.
        let position = self.rebuild.catch_up_to(checkpoint.position, |_| ControlFlow::Continue(())).await?;
        catch_up_to(self.rebuild.store(), &mut states, position, self.on_unreadable, |_| {
            ControlFlow::Continue(())
        })
        .await
        .map_err(KeptError::from)?;
        let checkpoint = Checkpoint { position, ..checkpoint };
        let before = Side::new(&states, checkpoint, (number, &policy));
        let after = Side::new(self.rebuild.states(), checkpoint, (self.generation().number, &self.policy));
        Ok(Some(compare(before, after, checkpoint, examples)))
    }

    /// Puts the new generation in the place of the live one, in one transaction, after it caught up with its checkpoint.
    /// Where both policies score alike, segments go on to be told by the same edges; else by those that the new one had
    /// before, if any.
    ///
    /// # Errors
    /// [`KeptError::Overtaken`] in [`EngineError::Kept`] if the live one moved on each time; else the store's.
    pub async fn switch(&mut self) -> Result<Switched, EngineError> {
        let scored = self.rebuild.states().projection().1.rfm().policy_hash().to_owned();
        Ok(self.rebuild.switch_with(|edges| edges.policy_hash == scored).await?)
    }

    /// The policy of the new generation.
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Which generation it is, and how far it is kept: above 0 right after the beginning, this is one that was begun before.
    pub const fn generation(&self) -> &Generation {
        self.rebuild.generation()
    }
}
