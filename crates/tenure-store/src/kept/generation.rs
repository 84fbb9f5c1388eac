//! What a store says of a named projection: which generation of it is live, and how far each one is.
//!
//! ```text
//! projection     name               -> the generation that is live
//! generation     name, number       -> fingerprint, checkpoint, changes told, which was live before, edges
//! policy         name, number       -> by which policy it is made, as canonical JSON
//! row/NAME/N     customer           -> state, last fact, external key
//! parked/NAME    position           -> why a fact was left out
//! change/NAME    number             -> a change to be told
//! reader/NAME    who                -> the last change that was dealt with
//! lease          name               -> who works on it, and until when
//! ```

use core::fmt;

use serde::{Deserialize, Serialize};
use tenure_core::fold::Fingerprint;
use tenure_core::report::rfm::RfmEdges;
use tenure_core::{CustomerId, Position};

use super::KeptError;
use crate::{Checkpoint, EntryKey, EventStore, StoreError};

/// The name of a kept projection: 1 to 40 of `a` to `z`, `0` to `9`, `_` and `-`.
///
/// # Example
/// ```
/// use tenure_store::ProjectionName;
/// assert!("lifecycle".parse::<ProjectionName>().is_ok());
/// assert!("Life cycle".parse::<ProjectionName>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProjectionName(Box<str>);

impl core::str::FromStr for ProjectionName {
    type Err = KeptError;

    fn from_str(text: &str) -> Result<Self, KeptError> {
        let fits =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
        if (1..=40).contains(&text.len()) && text.bytes().all(fits) {
            Ok(Self(text.into()))
        } else {
            Err(KeptError::Name { name: text.chars().take(40).collect() })
        }
    }
}

impl fmt::Display for ProjectionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One generation of a named projection: all its states under one policy, as far as its checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    /// Which one, from 1.
    pub number: u32,
    /// What its states depend on, in hex: the shape of the states and the policy.
    pub fingerprint: String,
    /// How far the log and time are taken in.
    pub checkpoint: Checkpoint,
    /// The number of the last change that was told under this name.
    pub changes: u64,
    /// Which generation was live before this one; none if it is the first or never was live.
    #[serde(default)]
    pub before: Option<u32>,
    /// Of an engine the edges by which segments are told; none where they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edges: Option<Box<RfmEdges>>,
}

impl Generation {
    pub(crate) fn new(number: u32, fingerprint: Fingerprint) -> Self {
        let fingerprint = fingerprint.0.iter().fold(String::new(), |mut hex, byte| {
            use fmt::Write as _;
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        Self { number, fingerprint, checkpoint: Checkpoint::default(), changes: 0, before: None, edges: None }
    }

    pub(crate) fn is_of(&self, fingerprint: Fingerprint) -> bool {
        self.fingerprint == Self::new(0, fingerprint).fingerprint
    }

    /// As it is kept, in JSON, so that people can look at it.
    pub(crate) fn encode(&self) -> Vec<u8> {
        // Numbers and texts always have a JSON form.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl ProjectionName {
    /// Where it is said which generation is live.
    pub(crate) fn live(&self) -> EntryKey {
        EntryKey::new("projection", self.0.as_bytes())
    }

    pub(crate) fn generation(&self, number: u32) -> EntryKey {
        EntryKey::new("generation", self.numbered(number))
    }

    /// Where it is said by which policy a generation is made.
    pub(crate) fn policy(&self, number: u32) -> EntryKey {
        EntryKey::new("policy", self.numbered(number))
    }

    fn numbered(&self, number: u32) -> Vec<u8> {
        [self.generations().as_slice(), &number.to_be_bytes()].concat()
    }

    /// What the keys of all generations begin with.
    fn generations(&self) -> Vec<u8> {
        [self.0.as_bytes(), b"\0"].concat()
    }

    pub(crate) fn rows(&self, generation: u32) -> String {
        format!("row/{self}/{generation}")
    }

    pub(crate) fn row(&self, generation: u32, customer: CustomerId) -> EntryKey {
        EntryKey::new(self.rows(generation), *customer.as_bytes())
    }

    pub(crate) fn parked(&self) -> String {
        format!("parked/{self}")
    }

    pub(crate) fn changes(&self) -> String {
        format!("change/{self}")
    }

    pub(crate) fn change(&self, number: u64) -> EntryKey {
        EntryKey::new(self.changes(), number.to_be_bytes())
    }

    pub(crate) fn parked_at(&self, position: Position) -> EntryKey {
        EntryKey::new(self.parked(), position.0.to_be_bytes())
    }

    pub(crate) fn reader(&self, reader: &str) -> EntryKey {
        EntryKey::new(format!("reader/{self}"), reader.as_bytes())
    }

    pub(crate) fn lease(&self) -> EntryKey {
        EntryKey::new("lease", self.0.as_bytes())
    }
}

/// All generations of a named projection, by number.
///
/// # Errors
/// If the store fails, or holds something else in their place.
pub async fn generations<S: EventStore>(
    store: &S,
    name: &ProjectionName,
) -> Result<Vec<Generation>, KeptError> {
    let entries = store.scan("generation", &name.generations(), None, usize::MAX >> 1).await?;
    entries.iter().map(|(_, value)| read(name, value)).collect()
}

/// The generation of a named projection that is live; none if there is no such projection.
///
/// # Errors
/// As [`generations`].
pub async fn live_generation<S: EventStore>(
    store: &S,
    name: &ProjectionName,
) -> Result<Option<Generation>, KeptError> {
    let Some(number) = live_number(store, name).await? else { return Ok(None) };
    generation(store, name, number).await.map(Some)
}

pub(crate) async fn live_number<S: EventStore>(
    store: &S,
    name: &ProjectionName,
) -> Result<Option<u32>, KeptError> {
    let number = one(store, name.live()).await?;
    number.map(|number| read(name, &number)).transpose()
}

pub(crate) async fn generation<S: EventStore>(
    store: &S,
    name: &ProjectionName,
    number: u32,
) -> Result<Generation, KeptError> {
    match one(store, name.generation(number)).await? {
        Some(value) => read(name, &value),
        None => Err(KeptError::NoGeneration { name: name.clone(), number }),
    }
}

pub(crate) async fn one<S: EventStore>(store: &S, key: EntryKey) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(store.entries(&[key]).await?.pop().flatten())
}

/// Reads what this module wrote.
pub(crate) fn read<T: serde::de::DeserializeOwned>(
    name: &ProjectionName,
    value: &[u8],
) -> Result<T, KeptError> {
    serde_json::from_slice(value).map_err(|source| KeptError::Foreign { name: name.clone(), source })
}
