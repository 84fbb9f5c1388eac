//! Erasing a person.

use tenure_core::log::{Append, Corrections, KindSet, Read};
use tenure_core::{
    Context, Customer, CustomerEvent, CustomerId, CustomerKey, Event, EventId, Kind, Timestamp, Version,
};

use super::Sealed;
use super::cipher::{self, Closed};
use super::keys::{Destroyed, Keys};
use crate::{Around, EventStore, StoreError};

/// A store from which personal data can be erased, and in which identities can be found.
pub trait Erase: EventStore {
    /// Destroys the keys of customers as they are recorded, and by what their identities are found. To erase a person
    /// use [`erase`], which does it for all that were merged and records it.
    ///
    /// # Errors
    /// If the keys cannot be written; nothing was destroyed then.
    fn destroy_keys(
        &self,
        customers: &[CustomerId],
    ) -> impl Future<Output = Result<Destroyed, StoreError>> + Send;

    /// Seals bytes that hold personal data of a customer and are kept beside the log, such as a row that could not be
    /// read: erasing the customer reaches them, too.
    ///
    /// # Errors
    /// If the keys cannot be read or written.
    fn seal_beside(
        &self,
        customer: CustomerId,
        bytes: &[u8],
    ) -> impl Future<Output = Result<String, StoreError>> + Send;

    /// What was sealed by [`Self::seal_beside`]; none where the customer was erased.
    ///
    /// # Errors
    /// [`StoreError::NotSealedHere`] for a text that was altered or is none; [`StoreError::KeysMissing`].
    fn open_beside(&self, sealed: &str) -> impl Future<Output = Result<Option<Vec<u8>>, StoreError>> + Send;

    /// The customers on whom this identity was recorded, in order: `email` and an address, `phone` and a number. Upper
    /// and lower case, compatibility forms and invisible characters do not count. A customer whose append was refused or
    /// voided may be among them: look at the facts before relying on it.
    ///
    /// # Errors
    /// If the keys cannot be read.
    fn matching(
        &self,
        namespace: &str,
        value: &str,
    ) -> impl Future<Output = Result<Vec<CustomerId>, StoreError>> + Send;
}

impl<S: EventStore, K: Keys> Erase for Sealed<S, K> {
    async fn destroy_keys(&self, customers: &[CustomerId]) -> Result<Destroyed, StoreError> {
        self.keys.destroy(customers).await
    }

    async fn seal_beside(&self, customer: CustomerId, bytes: &[u8]) -> Result<String, StoreError> {
        let keys = self.keys.keys_of(&[customer]).await?;
        let (id, key) = keys.first().ok_or(StoreError::NotSealedHere)?;
        Ok(cipher::seal_beside(bytes, *id, key))
    }

    async fn open_beside(&self, sealed: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let closed = Closed::parse(sealed).map_err(|_| StoreError::NotSealedHere)?;
        let keys = self.keys.named(&[closed.key]).await?;
        let opened = keys.into_iter().flatten().next().map(|key| closed.open_beside(&key));
        opened.transpose().map_err(|_| StoreError::NotSealedHere)
    }

    async fn matching(&self, namespace: &str, value: &str) -> Result<Vec<CustomerId>, StoreError> {
        let key = self.keys.marking_key().await?;
        self.keys.marked(cipher::mark(&key, namespace, value)).await
    }
}

/// A store around one that erases does so, too.
#[diagnostic::do_not_recommend]
impl<W: Around<Inner: Erase>> Erase for W {
    fn destroy_keys(
        &self,
        customers: &[CustomerId],
    ) -> impl Future<Output = Result<Destroyed, StoreError>> + Send {
        self.inner().destroy_keys(customers)
    }

    fn seal_beside(
        &self,
        customer: CustomerId,
        bytes: &[u8],
    ) -> impl Future<Output = Result<String, StoreError>> + Send {
        self.inner().seal_beside(customer, bytes)
    }

    fn open_beside(&self, sealed: &str) -> impl Future<Output = Result<Option<Vec<u8>>, StoreError>> + Send {
        self.inner().open_beside(sealed)
    }

    fn matching(
        &self,
        namespace: &str,
        value: &str,
    ) -> impl Future<Output = Result<Vec<CustomerId>, StoreError>> + Send {
        self.inner().matching(namespace, value)
    }
}

/// What was erased.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// The customers that are the person: all that were merged, in order.
    pub customers: Vec<CustomerId>,
    /// What was destroyed of them.
    pub destroyed: Destroyed,
    /// Those on whom it was recorded now: those with facts, unless it stands there already and nothing was left.
    pub recorded: Vec<CustomerId>,
}

/// Erases a person: destroys the keys under which the personal data of the customer, and of all customers who are one
/// person with this one, is sealed; then records [`CustomerEvent::ErasureRequested`] on each that has facts.
///
/// Positions, the hash chain and everything that is made of plain fields stay as they are; personal properties read as
/// missing from now on, in every copy of the store. It cannot be undone, except by an old copy of the keys.
///
/// The keys go first: if the process ends before the fact is recorded, do it again. Done again it destroys nothing, and
/// records nothing where that is the last fact already. What is recorded of the person later is sealed under a new key.
///
/// # Errors
/// If keys or store fail; it may be done again.
pub async fn erase<S: Erase>(store: &S, customer: CustomerId, at: Timestamp) -> Result<Erased, StoreError> {
    let mut corrections = Corrections::new();
    let mut read = Read::all().kinds(KindSet::CORRECTIONS);
    loop {
        let page = store.read(&read).await?;
        page.facts.iter().for_each(|fact| drop(corrections.add(&fact.event)));
        if page.is_last(&read) {
            break;
        }
        read = read.from(page.scanned_to);
    }
    let customers: Vec<CustomerId> = corrections.members(customer);
    let mut known = Vec::new();
    for &member in &customers {
        // This also reads everything that is sealed, so nothing is called erased while its keys lie somewhere else.
        known.extend(look(store, member).await?.map(|known| (member, known)));
    }
    let destroyed = store.destroy_keys(&customers).await?;
    let mut recorded = Vec::new();
    for (member, known) in known {
        if known.recorded && destroyed.keys == 0 {
            continue;
        }
        let id = EventId::from_foreign("tenure-erase", &format!("{member} {}", at.as_micros()));
        let fact = Event::new(id, known.customer, at, CustomerEvent::ErasureRequested {});
        let context = Context { source: Some(SOURCE.into()), ..Context::default() };
        let fact = fact.map_err(StoreError::backend)?.with_context(context);
        store.append(Append::new(vec![fact])).await?;
        recorded.push(member);
    }
    Ok(Erased { customers, destroyed, recorded })
}

/// Where a recorded erasure comes from: one that was done, and not only asked for.
const SOURCE: &str = "tenure-erase";

/// What the stream of a customer says who is to be erased.
struct Known {
    customer: Customer,
    /// Whether an erasure is recorded, and nothing after it.
    recorded: bool,
}

/// None without facts.
async fn look(store: &impl EventStore, member: CustomerId) -> Result<Option<Known>, StoreError> {
    let mut known: Option<Known> = None;
    let mut after = Version(0);
    loop {
        let page = match store.read_stream(member, after, 4096).await {
            Ok(page) => page,
            // A fact that cannot be read keeps nobody from being erased.
            Err(StoreError::Undecodable { version, .. }) if version > after => {
                after = version;
                continue;
            }
            Err(error) => return Err(error),
        };
        for fact in page.facts.iter() {
            let known = known.get_or_insert_with(|| Known { customer: member.into(), recorded: false });
            known.recorded = fact.event.kind == Kind::ErasureRequested
                && fact.decode_context().source.as_deref() == Some(SOURCE);
            if let Some(Ok(key)) = fact.customer_key.map(str::parse::<CustomerKey>) {
                known.customer = key.into();
            }
        }
        if page.is_last(after) {
            return Ok(known);
        }
        after = page.facts.iter().next_back().map_or(after, |fact| fact.version);
    }
}
