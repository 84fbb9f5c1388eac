//! By which policy an engine's states are made: kept beside each generation, so that anybody can see it and go on by it.

use std::sync::Arc;

use tenure_core::Policy;
use tenure_core::fold::Projection;
use tenure_core::projection::rfm::RfmTail;
use tenure_core::projection::stage::StageTail;

use super::EngineError;
use super::telling::Standing;
use crate::EventStore;
use crate::kept::{Generation, KeptError, ProjectionName, entry_of, live_generation};

/// What an engine keeps of a customer under a policy.
pub(super) fn standing_under(policy: &Policy) -> Result<Standing, EngineError> {
    Ok(Arc::new((StageTail::new(policy.stages()?), RfmTail::new(policy.rfm()?))))
}

/// The policy by which the live states of a name are made; none where nothing is kept under it.
///
/// # Errors
/// [`KeptError::NoPolicy`] if what is kept is no engine's; [`KeptError::PolicyUnfit`] if the states were made by another
/// policy than the one that is kept with them; else the store's.
///
/// # Example
/// ```
/// use tenure_core::Policy;
/// use tenure_store::{Engine, Keep, MemoryStore, kept_policy};
/// # pollster::block_on(async {
/// let store = MemoryStore::new();
/// assert!(kept_policy(&store, &"lifecycle".parse()?).await?.is_none());
/// Engine::open_kept(&store, Policy::preset("retail").ok_or("no such preset")?, Keep::under("lifecycle")?).await?;
/// let policy = kept_policy(&store, &"lifecycle".parse()?).await?;
/// assert_eq!(policy, Policy::preset("retail"));
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
pub async fn kept_policy<S: EventStore>(
    store: &S,
    name: &ProjectionName,
) -> Result<Option<Policy>, KeptError> {
    let Some(live) = live_generation(store, name).await? else { return Ok(None) };
    Ok(Some(policy_of(store, name, &live).await?.0))
}

/// The policy of a generation, and what is kept under it.
pub(super) async fn policy_of<S: EventStore>(
    store: &S,
    name: &ProjectionName,
    generation: &Generation,
) -> Result<(Policy, Standing), KeptError> {
    let number = generation.number;
    let Some(bytes) = entry_of(store, name.policy(number)).await? else {
        return Err(KeptError::NoPolicy { name: name.clone(), generation: number });
    };
    let unfit =
        |why: String| KeptError::PolicyUnfit { name: name.clone(), generation: number, why: why.into() };
    let text = String::from_utf8(bytes).map_err(|error| unfit(error.to_string()))?;
    let policy = Policy::from_json(&text).map_err(|error| unfit(error.to_string()))?;
    let standing = standing_under(&policy).map_err(|error| unfit(error.to_string()))?;
    if generation.is_of(standing.fingerprint()) {
        Ok((policy, standing))
    } else {
        Err(unfit("the states were made by another one".into()))
    }
}
