//! Leases: who works on a projection, so that two do not do the same work. Never what keeps it right: that is the
//! checkpoint, which is compared and set.

use serde::{Deserialize, Serialize};
use tenure_core::{Duration, Timestamp};

use super::generation::{one, read};
use super::{KeptError, ProjectionName};
use crate::{Commit, EventStore, StoreError};

/// The right to work on a projection, until an instant.
///
/// There is no clock in it: `now` is an argument, and whoever comes after the end may take it over. Clocks that differ cost
/// work done twice at worst, since whoever is second is refused by the checkpoint.
///
/// # Example
/// ```
/// use tenure_core::{Duration, Timestamp};
/// use tenure_store::{KeptError, Lease, MemoryStore};
/// # pollster::block_on(async {
/// let store = MemoryStore::new();
/// let name = "lifecycle".parse()?;
/// let long = "30s".parse::<Duration>()?;
/// let noon = Timestamp::parse("2024-05-01T12:00:00Z")?;
/// let one = Lease::acquire(&store, &name, "worker-1", noon, long).await?;
/// let other = Lease::acquire(&store, &name, "worker-2", noon, long).await;
/// assert!(matches!(other, Err(KeptError::Held(held)) if &*held.holder == "worker-1"));
/// let later = Timestamp::parse("2024-05-01T12:01:00Z")?;
/// assert!(Lease::acquire(&store, &name, "worker-2", later, long).await.is_ok());
/// assert!(one.renew(&store, later).await.is_err()); // taken over
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    name: ProjectionName,
    held: LeaseHeld,
    length: Duration,
}

/// Who holds a lease, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{holder} works on it until {until}")]
pub struct LeaseHeld {
    /// Who, as they call themselves.
    pub holder: Box<str>,
    /// The first instant at which somebody else may take over.
    pub until: Timestamp,
}

impl Lease {
    /// Takes the lease of a projection, if nobody holds it at this instant, or the same holder does.
    ///
    /// # Errors
    /// [`KeptError::Held`] tells by whom and until when.
    pub async fn acquire<S: EventStore>(
        store: &S,
        name: &ProjectionName,
        holder: &str,
        now: Timestamp,
        length: Duration,
    ) -> Result<Self, KeptError> {
        let before = one(store, name.lease()).await?;
        if let Some(value) = &before {
            let held: LeaseHeld = read(name, value)?;
            if held.until > now && *held.holder != *holder {
                return Err(held.into());
            }
        }
        let until = now.checked_add(length).unwrap_or(Timestamp::MAX);
        let lease = Self { name: name.clone(), held: LeaseHeld { holder: holder.into(), until }, length };
        lease.put(store, before).await?;
        Ok(lease)
    }

    /// Holds it on, from this instant for as long as it was taken for.
    ///
    /// # Errors
    /// [`KeptError::Held`] if somebody took it over meanwhile.
    pub async fn renew<S: EventStore>(&self, store: &S, now: Timestamp) -> Result<Self, KeptError> {
        let until = now.checked_add(self.length).unwrap_or(Timestamp::MAX);
        let renewed = Self { held: LeaseHeld { until, ..self.held.clone() }, ..self.clone() };
        renewed.put(store, Some(self.encode())).await?;
        Ok(renewed)
    }

    /// Gives it back, so that nobody has to wait for its end. Somebody else's is left alone.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn release<S: EventStore>(self, store: &S) -> Result<(), KeptError> {
        let release = Commit::new().expect(self.name.lease(), Some(self.encode())).remove(self.name.lease());
        match store.commit(release).await {
            Ok(_) | Err(StoreError::EntryChanged { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Until when it holds.
    pub const fn until(&self) -> Timestamp {
        self.held.until
    }

    /// A commit that is refused if somebody took the lease over.
    #[must_use]
    pub fn guard(&self, commit: Commit) -> Commit {
        commit.expect(self.name.lease(), Some(self.encode()))
    }

    async fn put<S: EventStore>(&self, store: &S, before: Option<Vec<u8>>) -> Result<(), KeptError> {
        let put = Commit::new().expect(self.name.lease(), before).put(self.name.lease(), self.encode());
        match store.commit(put).await {
            Ok(_) => Ok(()),
            Err(StoreError::EntryChanged { actual: Some(actual), .. }) => {
                Err(read::<LeaseHeld>(&self.name, &actual)?.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn encode(&self) -> Vec<u8> {
        // Two texts always have a JSON form.
        serde_json::to_vec(&self.held).unwrap_or_default()
    }
}
