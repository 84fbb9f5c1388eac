//! Identifiers: which fact, which customer, where in the log.

use core::fmt;
use core::str::FromStr;

use foldhash::fast::FixedState;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::text::{excerpt, is_hidden};
use crate::time::Timestamp;

/// What is looked up by id once a fact, which a tree of a million ids makes dear. Its hashes are keyed alike in every run,
/// and whoever goes through it sorts it first, so its own order shows nowhere.
pub(crate) type Table<K, V> = IndexMap<K, V, FixedState>;

/// Identity of a fact and its idempotency key: a fact delivered twice under one id is one fact.
///
/// Order of ids breaks ties between facts of one instant, so it is part of the canonical order.
///
/// # Example
/// ```
/// use tenure_core::EventId;
/// let a = EventId::from_foreign("shop", "message-17");
/// assert_eq!(a, EventId::from_foreign("shop", "message-17"));
/// assert_eq!(a.to_string().parse::<EventId>()?, a);
/// # Ok::<(), tenure_core::IdError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(Uuid);

impl EventId {
    /// The id made of these sixteen bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// The sixteen bytes of the id.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// A UUID version 7: 48 bits of milliseconds, then `random`. The clock and the randomness are the caller's.
    pub fn from_instant(at: Timestamp, random: [u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(at.as_millis(), &random).into_uuid())
    }

    /// The id of a fact that another system names by an opaque text: a UUID version 5 of `source:id`.
    pub fn from_foreign(source: &str, id: &str) -> Self {
        Self(Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("{source}:{id}").as_bytes()))
    }

    /// The id of a fact read from a row without one: a UUID version 8 that begins with the millisecond of the
    /// row's timestamp, so that ids sort by time and indexes over them stay local, and goes on with `hash`.
    pub fn from_row(at: Timestamp, hash: [u8; 10]) -> Self {
        let millis = at.as_millis().to_be_bytes();
        let mut bytes = [0; 16];
        for (to, from) in bytes.iter_mut().zip(millis.iter().skip(2).chain(&hash)) {
            *to = *from;
        }
        Self(Uuid::new_v8(bytes))
    }
}

/// Identity of a change of stage: whoever is told of it twice can see that it is one. Made by
/// [`StageTail::change_id`](crate::projection::stage::StageTail::change_id).
///
/// # Example
/// ```
/// use tenure_core::ChangeId;
/// let id = ChangeId::from_hash([7; 32]);
/// assert_eq!(id.to_string().parse::<ChangeId>()?, id);
/// # Ok::<(), tenure_core::IdError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChangeId(Uuid);

impl ChangeId {
    /// A UUID version 8 that begins as the hash does.
    pub fn from_hash(hash: [u8; 32]) -> Self {
        let mut bytes = [0; 16];
        for (to, from) in bytes.iter_mut().zip(hash) {
            *to = from;
        }
        Self(Uuid::new_v8(bytes))
    }
}

/// Identity of a customer and key of the customer's stream.
///
/// From an external key it is a UUID version 5 of the text `namespace:value`, so the same key gives the same
/// customer on every machine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CustomerId(Uuid);

impl CustomerId {
    /// The id made of these sixteen bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// The sixteen bytes of the id.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

/// The external key `namespace:value` that a [`CustomerId`] came from, such as `cdnow:0001`.
///
/// Customers are shown and sorted by it. It must never be an e-mail address or a telephone number: those are
/// personal data, and a key stays in the log for ever.
///
/// # Example
/// ```
/// use tenure_core::{CustomerId, CustomerKey};
/// let key: CustomerKey = "cdnow:0001".parse()?;
/// assert_eq!((key.namespace(), key.value()), ("cdnow", "0001"));
/// assert_eq!(key.id(), "cdnow:0001".parse::<CustomerKey>()?.id());
/// assert!("no-namespace".parse::<CustomerKey>().is_err());
/// assert!("mail:ann@example.org".parse::<CustomerKey>().is_err());
/// # Ok::<(), tenure_core::IdError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CustomerKey(Box<str>);

impl CustomerKey {
    /// The longest key in bytes, namespace and colon included.
    pub const MAX_BYTES: usize = 512;

    /// The key of `value` in `namespace`.
    ///
    /// # Errors
    /// [`IdError::Key`] when the namespace is empty or holds a character other than `a-z 0-9 _ - .`; when the
    /// value is empty, too long, has a control or invisible character anywhere or white space at an end, or looks
    /// like an e-mail address (`name@host.tld`) or a telephone number in its international form (`+86 138 ...`).
    /// The last two are not quoted. A telephone number written as digits alone cannot be told from any other number.
    pub fn new(namespace: &str, value: &str) -> Result<Self, IdError> {
        let refuse = |why| Err(IdError::Key { text: excerpt(&format!("{namespace}:{value}")), why });
        if namespace.is_empty()
            || !namespace.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.'))
        {
            return refuse("the namespace is one or more of a-z 0-9 _ - .");
        }
        if value.is_empty() {
            return refuse("the value is empty");
        }
        if value.trim() != value || value.chars().any(is_hidden) {
            return refuse("the value has a control or invisible character, or white space at an end");
        }
        // Not quoted: an error may end in a log, where it stays.
        let personal = |why| Err(IdError::Key { text: format!("{namespace}:***").into(), why });
        if is_email(value) {
            return personal(
                "it looks like an e-mail address; keep those in identity_linked, where they can be erased",
            );
        }
        if is_telephone(value) {
            return personal(
                "it looks like a telephone number; keep those in identity_linked, where they can be erased",
            );
        }
        let key = format!("{namespace}:{value}");
        if key.len() > Self::MAX_BYTES {
            return refuse("it is longer than 512 bytes");
        }
        Ok(Self(key.into()))
    }

    /// The part before the first colon.
    pub fn namespace(&self) -> &str {
        self.0.split_once(':').map_or("", |(namespace, _)| namespace)
    }

    /// The part after the first colon.
    pub fn value(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, value)| value)
    }

    /// The whole text `namespace:value`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The customer that this key names.
    pub fn id(&self) -> CustomerId {
        CustomerId(Uuid::new_v5(&Uuid::NAMESPACE_URL, self.0.as_bytes()))
    }
}

fn is_email(value: &str) -> bool {
    let parts = value.split_once(['@', '\u{ff20}']);
    parts.is_some_and(|(name, host)| !name.is_empty() && host.contains(['.', '\u{ff0e}']))
}

fn is_telephone(value: &str) -> bool {
    value.strip_prefix(['+', '\u{ff0b}']).is_some_and(|rest| {
        let digits = rest.chars().filter(char::is_ascii_digit).count();
        (7..=15).contains(&digits)
            && rest.chars().all(|c| matches!(c, '0'..='9' | ' ' | '-' | '.' | '(' | ')'))
    })
}

impl FromStr for CustomerKey {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        match text.split_once(':') {
            Some((namespace, value)) => Self::new(namespace, value),
            None => Err(IdError::Key { text: excerpt(text), why: "write it as namespace:value" }),
        }
    }
}

impl TryFrom<String> for CustomerKey {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<CustomerKey> for String {
    fn from(key: CustomerKey) -> Self {
        key.0.into()
    }
}

impl fmt::Display for CustomerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A customer as a fact names one: the id, and the external key it came from where there is one.
///
/// # Example
/// ```
/// use tenure_core::{Customer, CustomerKey};
/// let customer = Customer::parse("1001", "cdnow")?; // a plain value takes the namespace given
/// assert_eq!(customer, Customer::parse("cdnow:1001", "default")?);
/// assert_eq!(customer.to_string(), "cdnow:1001");
/// # Ok::<(), tenure_core::IdError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Customer {
    id: CustomerId,
    key: Option<CustomerKey>,
}

impl Customer {
    /// Reads a UUID, `namespace:value`, or a plain value, which is then of `namespace`.
    ///
    /// # Errors
    /// [`IdError::Key`] as [`CustomerKey::new`] says.
    pub fn parse(text: &str, namespace: &str) -> Result<Self, IdError> {
        if let Ok(id) = text.parse::<CustomerId>() {
            return Ok(id.into());
        }
        match text.split_once(':') {
            Some((namespace, value)) => CustomerKey::new(namespace, value),
            None => CustomerKey::new(namespace, text),
        }
        .map(Self::from)
    }

    /// The stream key.
    pub const fn id(&self) -> CustomerId {
        self.id
    }

    /// The external key, where the customer has one.
    pub const fn key(&self) -> Option<&CustomerKey> {
        self.key.as_ref()
    }
}

impl From<CustomerId> for Customer {
    fn from(id: CustomerId) -> Self {
        Self { id, key: None }
    }
}

impl From<CustomerKey> for Customer {
    fn from(key: CustomerKey) -> Self {
        Self { id: key.id(), key: Some(key) }
    }
}

impl fmt::Display for Customer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => key.fmt(f),
            None => self.id.fmt(f),
        }
    }
}

/// Place of a fact in the whole log: 1, 2, 3 ... without gaps, in commit order. Zero stands before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(pub u64);

impl Position {
    /// Before the first fact.
    pub const START: Self = Self(0);
}

/// Place of a fact in its customer's stream: 1, 2, 3 ... Zero is the version of a stream without facts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(pub u64);

/// Why a text is not an id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// Not a UUID. **What to do:** write it as `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`.
    #[error("\"{text}\" is not a UUID")]
    Uuid {
        /// What was read, cut to forty characters.
        text: Box<str>,
    },
    /// Not a customer key. **What to do:** see [`CustomerKey::new`].
    #[error("\"{text}\" is not a customer key: {why}")]
    Key {
        /// What was read, cut to forty characters.
        text: Box<str>,
        /// What is wrong with it.
        why: &'static str,
    },
}

macro_rules! uuid_text {
    ($($name:ident),*) => {$(
        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                // Only the hyphenated form: one id has one spelling (case apart).
                match Uuid::try_parse(text) {
                    Ok(uuid) if text.len() == 36 => Ok(Self(uuid)),
                    _ => Err(IdError::Uuid { text: excerpt(text) }),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
    )*};
}
uuid_text!(EventId, CustomerId, ChangeId);

macro_rules! number_text {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}
number_text!(Position, Version);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_ids_sort_by_the_time_of_the_row() {
        let early = EventId::from_row(Timestamp::parse("1997-01-01T00:00:00Z").unwrap(), [255; 10]);
        let late = EventId::from_row(Timestamp::parse("1997-01-01T00:00:00.001Z").unwrap(), [0; 10]);
        assert!(early < late);
        assert_eq!(early.to_string().as_bytes()[14], b'8');
    }

    #[test]
    fn a_uuid_has_one_spelling() {
        assert!("00000000000000000000000000000001".parse::<EventId>().is_err());
        assert!("{00000000-0000-0000-0000-000000000001}".parse::<EventId>().is_err());
        assert!("00000000-0000-0000-0000-000000000001".parse::<EventId>().is_ok());
    }

    #[test]
    fn a_customer_key_is_refused_with_its_reason() {
        for bad in [
            "",
            ":",
            "a:",
            ":b",
            "A:b",
            "a: b",
            "a:b\n",
            "a:\u{feff}b",
            "a:b\u{202e}c",
            "a:x@y.z",
            "a:x\u{ff20}y.z",
            "a:+8613800138000",
            "a:+1 (555) 010-9999",
        ] {
            assert!(bad.parse::<CustomerKey>().is_err(), "{bad:?}");
        }
        for good in ["a:1001", "a:b c", "a:@handle", "a:+1", "a:13800138000", "a:张三"] {
            assert!(good.parse::<CustomerKey>().is_ok(), "{good:?}");
        }
        for personal in ["a:ann@example.org", "a:+86 138-0013-8000"] {
            let error = personal.parse::<CustomerKey>().unwrap_err().to_string();
            assert!(error.contains("a:***") && !error.contains("ann@") && !error.contains("138"), "{error}");
        }
        assert_eq!("wx:o6_bmj:7".parse::<CustomerKey>().unwrap().value(), "o6_bmj:7");
    }
}
