//! Personal data sealed under a key for each customer, so that destroying the key erases it everywhere: in the log, its
//! copies, backups and whatever else holds the stored bytes.
//!
//! ```text
//! append: Event -> personal properties sealed under the customer's key -> the store
//! read:   the store -> opened where the key is there, missing where it was destroyed -> reader
//! ```

mod cipher;
mod erase;
mod keys;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use tenure_core::log::{Append, Appended, FactBlock, Page, Read};
use tenure_core::{CustomerId, Event, EventId, EventView, Kind, Position, RecordedView, Version};

use self::cipher::Closed;
pub use self::erase::{Erase, Erased, erase};
pub use self::keys::{Destroyed, Key, KeyId, Keys, Mark, MemoryKeys};
use crate::entry::{Commit, Committed, Entries, EntryKey};
use crate::{EventStore, Head, StoreError, StreamPage, Unreadable};

/// Stored facts that lie farther apart than this are read one by one.
const NEAR: u64 = 16;

/// A store that sees no personal data: what it is given to keep is sealed, and opened again for whoever reads.
///
/// Adapters have it inside, so that nothing they write is ever in plain text; put it around any other store. What is
/// personal, the catalogue says ([`Event::personal`]): attributes of profiles, values of identities, free text.
///
/// # Laws
/// - What is read is what was given, until the customer is erased; after that the same without personal properties.
/// - An append that was stored is answered as stored when it is sent again, also after the customer was erased.
///
/// # Example
/// ```
/// use tenure_core::log::{Append, Read};
/// use tenure_core::{Customer, CustomerEvent, Event, EventId, Timestamp};
/// use tenure_store::seal::{MemoryKeys, Sealed, erase};
/// use tenure_store::{EventStore, MemoryStore};
/// # pollster::block_on(async {
/// let store = Sealed::new(MemoryStore::new(), MemoryKeys::new());
/// let (ann, at) = (Customer::parse("ann", "shop")?, Timestamp::parse("2024-05-01T10:00:00Z")?);
/// let linked = CustomerEvent::IdentityLinked { namespace: "email".into(), value: "ann@example.org".into() };
/// let fact = Event::new(EventId::from_foreign("shop", "1"), ann.clone(), at, linked)?;
/// store.append(Append::new(vec![fact.clone()])).await?;
/// assert_eq!(store.matching("email", "Ann@Example.org").await?, [ann.id()]);
///
/// erase(&store, ann.id(), at).await?;
/// assert!(store.matching("email", "ann@example.org").await?.is_empty());
/// let page = store.read(&Read::all()).await?;
/// assert_eq!(page.facts.get(0).map(|fact| fact.event.data), Some(r#"{"namespace":"email"}"#));
/// assert!(store.append(Append::new(vec![fact])).await?.already_stored());
/// # use tenure_store::seal::Erase;
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct Sealed<S, K> {
    store: S,
    keys: K,
    plain: BTreeSet<Box<str>>,
}

impl<S: EventStore, K: Keys> Sealed<S, K> {
    /// Seals what goes into a store under these keys.
    pub const fn new(store: S, keys: K) -> Self {
        Self { store, keys, plain: BTreeSet::new() }
    }

    /// Attributes of profiles that are no personal data, such as `tier`: they stay readable when a customer is erased.
    /// It says how facts are stored from now on, and changes nothing that is.
    #[must_use]
    pub fn with_plain(self, attributes: impl IntoIterator<Item = impl Into<Box<str>>>) -> Self {
        Self { plain: attributes.into_iter().map(Into::into).collect(), ..self }
    }

    /// The store as it is: what is personal is sealed.
    pub const fn inner(&self) -> &S {
        &self.store
    }

    /// The keys.
    pub const fn keys(&self) -> &K {
        &self.keys
    }

    /// The same append with everything personal sealed.
    ///
    /// # Errors
    /// If keys or store fail.
    pub async fn close(&self, append: Append) -> Result<Append, StoreError> {
        let personal = |event: &Event| event.personal(|name| self.plain.contains(name));
        // A fact that is stored already may be so from a time when nothing of it was declared plain.
        let concerned: Vec<&Event> =
            append.events().iter().filter(|event| !event.personal(|_| false).is_empty()).collect();
        if concerned.is_empty() {
            return Ok(append);
        }
        let ids: Vec<EventId> = concerned.iter().map(|event| event.id()).collect();
        let stored = self.stored(&ids).await?;
        let new = || {
            let unknown = concerned.iter().filter(|event| !stored.contains_key(&event.id()));
            unknown.filter(|event| !personal(event).is_empty()).copied()
        };
        let customers: BTreeSet<CustomerId> = new().map(|event| event.customer().id()).collect();
        let customers: Vec<_> = customers.into_iter().collect();
        self.mark_identities(new()).await?;
        let keys = if customers.is_empty() { Vec::new() } else { self.keys.keys_of(&customers).await? };
        if keys.len() != customers.len() {
            let why = format!("{} keys for {} customers: nothing was written", keys.len(), customers.len());
            return Err(StoreError::backend(why));
        }
        let keys: BTreeMap<_, _> = customers.into_iter().zip(keys).collect();
        Ok(append.map(|event| {
            if let Some(stored) = stored.get(&event.id()) {
                return stored.put_on(event);
            }
            let personal = personal(&event);
            match keys.get(&event.customer().id()) {
                _ if personal.is_empty() => event,
                Some((id, key)) => {
                    let text = cipher::seal(event.id(), &personal, *id, key);
                    event.sealed(&personal, &text)
                }
                // There is a key for each customer.
                None => event.sealed(&personal, ""),
            }
        }))
    }

    /// How the facts of these ids are stored, where they are.
    async fn stored(&self, ids: &[EventId]) -> Result<BTreeMap<EventId, Stored>, StoreError> {
        let mut stored = BTreeMap::new();
        let known = self.store.known(ids).await?;
        let positions: BTreeSet<u64> = known.into_iter().flatten().map(|position| position.0).collect();
        let mut left = positions.iter().copied().peekable();
        while let Some(first) = left.next() {
            let mut last = first;
            while let Some(next) = left.next_if(|next| next - last <= NEAR && next - first < 4096) {
                last = next;
            }
            let limit = usize::try_from(last - first + 1).unwrap_or(usize::MAX);
            let mut read = Read::all().from(Position(first - 1)).limit(limit);
            while read.from.0 < last {
                let page = match self.store.read(&read).await {
                    Ok(page) => page,
                    // One that lies in between and cannot be read is none of this append's.
                    Err(StoreError::Undecodable { position, .. }) if !positions.contains(&position.0) => {
                        read = read.from(position);
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                let wanted = page.facts.iter().filter(|fact| positions.contains(&fact.position.0));
                let sealed: FactBlock = wanted.collect();
                for (fact, personal) in sealed.iter().zip(self.unsealed(&sealed).await?) {
                    stored.insert(fact.event.id, Stored::of(&fact.event, personal));
                }
                if page.is_last(&read) {
                    break;
                }
                read = read.from(page.scanned_to);
            }
        }
        Ok(stored)
    }

    /// Keeps by what the identities in these facts are found.
    async fn mark_identities(&self, events: impl Iterator<Item = &Event>) -> Result<(), StoreError> {
        let text = |event: &Event, name: &str| event.stored().data.get(name)?.as_str().map(str::to_owned);
        let identities: Vec<_> = events
            .filter(|event| event.view().kind == Kind::IdentityLinked)
            .filter_map(|event| {
                Some((event.customer().id(), text(event, "namespace")?, text(event, "value")?))
            })
            .collect();
        if identities.is_empty() {
            return Ok(());
        }
        let key = self.keys.marking_key().await?;
        let marks = identities.iter().map(|(id, space, value)| (cipher::mark(&key, space, value), *id));
        self.keys.mark(&marks.collect::<Vec<_>>()).await
    }

    /// What was sealed in each of these facts.
    async fn unsealed(&self, facts: &FactBlock) -> Result<Vec<Result<Personal, Unreadable>>, StoreError> {
        let closed: Vec<_> = facts
            .iter()
            .map(|fact| fact.event.sealed().map(|text| Closed::parse(&text)).transpose())
            .collect();
        let ids: BTreeSet<KeyId> =
            closed.iter().filter_map(|c| Some(c.as_ref().ok()?.as_ref()?.key)).collect();
        if ids.is_empty() {
            return Ok(closed.into_iter().map(|closed| closed.map(|_| Personal::Plain)).collect());
        }
        let ids: Vec<KeyId> = ids.into_iter().collect();
        let keys = self.keys.named(&ids).await?;
        let keys: BTreeMap<KeyId, _> = ids.into_iter().zip(keys).collect();
        let unsealed = facts.iter().zip(closed).map(|(fact, closed)| {
            let Some(closed) = closed? else { return Ok(Personal::Plain) };
            match keys.get(&closed.key).and_then(Option::as_ref) {
                Some(key) => closed.open(fact.event.id, key).map(Personal::Opened),
                None => Ok(Personal::Gone),
            }
        });
        Ok(unsealed.collect())
    }

    /// These facts with what was sealed in them, up to the first that cannot be opened; and what is wrong with that one.
    async fn open(&self, facts: FactBlock) -> Result<(FactBlock, Option<StoreError>), StoreError> {
        if !facts.iter().any(|fact| fact.event.may_be_sealed()) {
            return Ok((facts, None));
        }
        let mut opened = FactBlock::new();
        for (fact, personal) in facts.iter().zip(self.unsealed(&facts).await?) {
            let personal = match personal {
                Ok(Personal::Plain) => {
                    opened.push(&fact);
                    continue;
                }
                Ok(Personal::Opened(personal)) => Some(personal),
                Ok(Personal::Gone) => None,
                Err(source) => {
                    let RecordedView { position, version, .. } = fact;
                    return Ok((opened, Some(StoreError::Undecodable { position, version, source })));
                }
            };
            let data = fact.event.opened(personal);
            opened.push(&RecordedView { event: EventView { data: &data, ..fact.event }, ..fact });
        }
        Ok((opened, None))
    }
}

/// What was sealed in a fact.
enum Personal {
    /// Nothing.
    Plain,
    /// These properties.
    Opened(Map<String, Value>),
    /// Nobody knows any more.
    Gone,
}

/// How a fact is stored that is appended once more.
struct Stored {
    sealed: Option<String>,
    /// The names of the properties that everybody can read.
    plain: BTreeSet<String>,
    personal: Result<Personal, Unreadable>,
}

impl Stored {
    fn of(event: &EventView<'_>, personal: Result<Personal, Unreadable>) -> Self {
        let names = serde_json::from_str::<Map<String, Value>>(&event.opened(None)).unwrap_or_default();
        Self { sealed: event.sealed(), plain: names.into_iter().map(|(name, _)| name).collect(), personal }
    }

    /// The fact in the way in which the stored one is, so that a store finds them equal if they are: as far as anybody can
    /// still tell.
    fn put_on(&self, event: Event) -> Event {
        let Some(sealed) = &self.sealed else { return event };
        let data = event.stored().data.iter().filter(|(name, _)| !self.plain.contains(*name));
        let personal: Map<String, Value> = data.map(|(name, value)| (name.clone(), value.clone())).collect();
        match &self.personal {
            Ok(Personal::Opened(stored)) if *stored != personal => event.sealed(&personal, ""),
            _ => event.sealed(&personal, sealed),
        }
    }
}

impl<S: EventStore, K: Keys> EventStore for Sealed<S, K> {
    async fn append(&self, append: Append) -> Result<Appended, StoreError> {
        self.store.append(self.close(append).await?).await
    }

    async fn read(&self, read: &Read) -> Result<Page, StoreError> {
        let mut page = self.store.read(read).await?;
        let (facts, failed) = self.open(page.facts).await?;
        if let Some(error) = failed {
            // What could be opened is a page of its own.
            let Some(last) = facts.iter().next_back() else { return Err(error) };
            page.scanned_to = last.position;
        }
        page.facts = facts;
        Ok(page)
    }

    async fn read_stream(
        &self,
        customer: CustomerId,
        after: Version,
        limit: usize,
    ) -> Result<StreamPage, StoreError> {
        let page = self.store.read_stream(customer, after, limit).await?;
        match self.open(page.facts).await? {
            (facts, Some(error)) if facts.is_empty() => Err(error),
            (facts, _) => Ok(StreamPage { facts, ..page }),
        }
    }

    fn head(&self) -> impl Future<Output = Result<Head, StoreError>> + Send {
        self.store.head()
    }

    fn known(
        &self,
        ids: &[EventId],
    ) -> impl Future<Output = Result<Vec<Option<Position>>, StoreError>> + Send {
        self.store.known(ids)
    }

    fn entries(
        &self,
        keys: &[EntryKey],
    ) -> impl Future<Output = Result<Vec<Option<Vec<u8>>>, StoreError>> + Send {
        self.store.entries(keys)
    }

    fn scan(
        &self,
        space: &str,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> impl Future<Output = Result<Entries, StoreError>> + Send {
        self.store.scan(space, prefix, after, limit)
    }

    async fn commit(&self, mut commit: Commit) -> Result<Committed, StoreError> {
        if let Some(append) = commit.append.take() {
            commit.append = Some(self.close(append).await?);
        }
        self.store.commit(commit).await
    }

    fn committed(&self) -> impl Future<Output = ()> + Send {
        self.store.committed()
    }
}
