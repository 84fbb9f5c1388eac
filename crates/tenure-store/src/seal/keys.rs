//! Keys, and who keeps them.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tenure_core::CustomerId;
use zeroize::Zeroizing;

use crate::{Location, StoreError};

/// Names a key, for as long as something is sealed under it: longer than the key itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 16]);

impl KeyId {
    /// A new one.
    ///
    /// # Errors
    /// [`StoreError::Backend`] if the system has no randomness to give.
    pub fn random() -> Result<Self, StoreError> {
        random().map(Self)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A secret key of 256 bits. `Debug` does not show it, and its memory is overwritten when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Zeroizing<[u8; 32]>);

impl Key {
    /// A new one.
    ///
    /// # Errors
    /// [`StoreError::Backend`] if the system has no randomness to give.
    pub fn random() -> Result<Self, StoreError> {
        random().map(Self::from_bytes)
    }

    /// The key that was kept as these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Its bytes, for whoever keeps it.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(StoreError::backend)?;
    Ok(bytes)
}

/// What an identity of a customer is found again by: a hash under a secret of the log, so that who reads it learns
/// nothing of the identity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark(pub [u8; 32]);

impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What was destroyed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Destroyed {
    /// Keys.
    pub keys: usize,
    /// Marks of identities.
    pub marks: usize,
}

/// Keeps the keys of the customers of one log, apart from the log and from whatever is copied with it.
///
/// An adapter for a database implements this for a table or file of its own; [`MemoryKeys`] is the executable
/// reference. What is destroyed must be overwritten where it stood; what is made must be on disk when the future is
/// ready, because facts are sealed under it next.
pub trait Keys: Send + Sync {
    /// The newest key of each customer, in their order; made where there is none, or only a destroyed one. Whoever asks
    /// at the same time gets the same.
    ///
    /// # Errors
    /// If the keys cannot be read or written.
    fn keys_of(
        &self,
        customers: &[CustomerId],
    ) -> impl Future<Output = Result<Vec<(KeyId, Key)>, StoreError>> + Send;

    /// The keys of these names, in their order; none for one that was destroyed.
    ///
    /// # Errors
    /// [`StoreError::KeysMissing`] for a name that was never given out here: the keys are another log's or an old copy.
    fn named(&self, ids: &[KeyId]) -> impl Future<Output = Result<Vec<Option<Key>>, StoreError>> + Send;

    /// The secret under which marks are made; the same for ever, and made when it is asked for first.
    ///
    /// # Errors
    /// If the keys cannot be read or written.
    fn marking_key(&self) -> impl Future<Output = Result<Key, StoreError>> + Send;

    /// Keeps under which marks customers are found.
    ///
    /// # Errors
    /// If the keys cannot be written.
    fn mark(&self, marks: &[(Mark, CustomerId)]) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The customers of a mark, in order.
    ///
    /// # Errors
    /// If the keys cannot be read.
    fn marked(&self, mark: Mark) -> impl Future<Output = Result<Vec<CustomerId>, StoreError>> + Send;

    /// Destroys all keys and marks of these customers, for good: all or none.
    ///
    /// # Errors
    /// If the keys cannot be written.
    fn destroy(&self, customers: &[CustomerId])
    -> impl Future<Output = Result<Destroyed, StoreError>> + Send;
}

/// Keys that live as long as the process: for tests, and for logs that do.
#[derive(Debug, Default)]
pub struct MemoryKeys(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// None for a key that was destroyed.
    keys: BTreeMap<KeyId, Option<Key>>,
    newest: BTreeMap<CustomerId, Vec<KeyId>>,
    marking: Option<Key>,
    marks: BTreeSet<(Mark, CustomerId)>,
}

impl MemoryKeys {
    /// No keys yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Each change is one insertion or removal, so whoever panicked left it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keys for MemoryKeys {
    async fn keys_of(&self, customers: &[CustomerId]) -> Result<Vec<(KeyId, Key)>, StoreError> {
        let mut inner = self.inner();
        let Inner { keys, newest, .. } = &mut *inner;
        let mut found = Vec::with_capacity(customers.len());
        for customer in customers {
            let ids = newest.entry(*customer).or_default();
            let id = if let Some(id) = ids.last() {
                *id
            } else {
                let id = KeyId::random()?;
                keys.insert(id, Some(Key::random()?));
                ids.push(id);
                id
            };
            // The newest key of a customer is never a destroyed one.
            found.extend(keys.get(&id).cloned().flatten().map(|key| (id, key)));
        }
        Ok(found)
    }

    async fn named(&self, ids: &[KeyId]) -> Result<Vec<Option<Key>>, StoreError> {
        let inner = self.inner();
        let named = ids.iter().map(|id| inner.keys.get(id).cloned());
        named
            .collect::<Option<_>>()
            .ok_or_else(|| StoreError::KeysMissing { location: Location::Database("memory".into()) })
    }

    async fn marking_key(&self) -> Result<Key, StoreError> {
        let mut inner = self.inner();
        if let Some(key) = &inner.marking {
            return Ok(key.clone());
        }
        Ok(inner.marking.insert(Key::random()?).clone())
    }

    async fn mark(&self, marks: &[(Mark, CustomerId)]) -> Result<(), StoreError> {
        self.inner().marks.extend(marks);
        Ok(())
    }

    async fn marked(&self, mark: Mark) -> Result<Vec<CustomerId>, StoreError> {
        let inner = self.inner();
        let range = (mark, CustomerId::from_bytes([0; 16]))..=(mark, CustomerId::from_bytes([0xff; 16]));
        Ok(inner.marks.range(range).map(|(_, customer)| *customer).collect())
    }

    async fn destroy(&self, customers: &[CustomerId]) -> Result<Destroyed, StoreError> {
        let mut inner = self.inner();
        let Inner { keys, newest, marks, .. } = &mut *inner;
        let mut destroyed = Destroyed::default();
        for customer in customers {
            for id in newest.remove(customer).into_iter().flatten() {
                destroyed.keys += usize::from(keys.insert(id, None).flatten().is_some());
            }
            let before = marks.len();
            marks.retain(|(_, of)| of != customer);
            destroyed.marks += before - marks.len();
        }
        Ok(destroyed)
    }
}
