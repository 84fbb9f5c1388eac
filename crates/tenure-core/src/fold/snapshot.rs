//! A kept state: a cache that is used when everything fits, and else ignored.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::{Fingerprint, Folded, Projection};
use crate::event::FactKey;
use crate::id::{CustomerId, Version};

/// The version of the encoding of snapshots.
pub const SNAPSHOT_VERSION: u8 = 1;

/// Begins every encoded snapshot: a name and the version of the encoding.
const MAGIC: [u8; 5] = [b'T', b'N', b'R', b'S', SNAPSHOT_VERSION];

/// A customer's state with what is needed to decide whether it can be used.
///
/// # Laws
/// `Snapshot::decode(&s.encode(p), p) == Ok(s)`. Folding on from a snapshot gives what a fold from the start gives, if
/// every fact that it has not seen has a greater key and no correction touches it.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot<S> {
    /// The state.
    pub state: S,
    /// The last fact in it.
    pub last: FactKey,
    /// The streams it has read and how far, by customer: several where customers are one person.
    pub streams: Vec<(CustomerId, Version)>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    last: FactKey,
    streams: Vec<(CustomerId, Version)>,
}

impl<S> Snapshot<S> {
    /// A snapshot of a folded state that has read these streams.
    pub fn new(folded: Folded<S>, streams: Vec<(CustomerId, Version)>) -> Self {
        Self { state: folded.state, last: folded.last, streams }
    }

    /// As bytes: magic and version of the encoding, fingerprint, payload, checksum.
    ///
    /// # Errors
    /// [`SnapshotError::Payload`] if the state has no encoding, which no state of this crate lacks.
    pub fn encode<P: Projection<State = S>>(&self, projection: &P) -> Result<Vec<u8>, SnapshotError>
    where
        S: Serialize,
    {
        let head = Head { last: self.last, streams: self.streams.clone() };
        let payload = postcard::to_allocvec(&(&head, &self.state)).map_err(SnapshotError::payload)?;
        let mut bytes = Vec::with_capacity(MAGIC.len() + 32 + payload.len() + 8);
        bytes.extend(MAGIC);
        bytes.extend(projection.fingerprint().0);
        bytes.extend(payload);
        bytes.extend(xxh3_64(&bytes).to_le_bytes());
        Ok(bytes)
    }

    /// Reads a snapshot that this projection made. No bytes make it panic or allocate beyond their own length.
    ///
    /// # Errors
    /// [`SnapshotError`] says why it cannot be used. **What to do:** fold again from the facts.
    pub fn decode<P: Projection<State = S>>(bytes: &[u8], projection: &P) -> Result<Self, SnapshotError>
    where
        S: serde::de::DeserializeOwned,
    {
        let (body, checksum) = bytes.split_last_chunk::<8>().ok_or(SnapshotError::Foreign)?;
        let rest = body.strip_prefix(&MAGIC).ok_or(SnapshotError::Foreign)?;
        if u64::from_le_bytes(*checksum) != xxh3_64(body) {
            return Err(SnapshotError::Checksum);
        }
        let (fingerprint, payload) = rest.split_first_chunk::<32>().ok_or(SnapshotError::Foreign)?;
        if Fingerprint(*fingerprint) != projection.fingerprint() {
            return Err(SnapshotError::Fingerprint);
        }
        let ((head, state), rest): ((Head, S), _) =
            postcard::take_from_bytes(payload).map_err(SnapshotError::payload)?;
        if !rest.is_empty() || !projection.fits(&state) {
            return Err(SnapshotError::Shape);
        }
        Ok(Self { state, last: head.last, streams: head.streams })
    }
}

/// Why a snapshot cannot be used. It is never fatal: fold again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The bytes are no snapshot, or one of another encoding.
    #[error("not a snapshot of encoding 1")]
    Foreign,
    /// The bytes were changed.
    #[error("the checksum of the snapshot does not fit")]
    Checksum,
    /// Another projection, another shape of its state, or another policy made it.
    #[error("the snapshot was made by another projection or policy")]
    Fingerprint,
    /// The payload cannot be read.
    #[error("the payload of the snapshot cannot be read: {why}")]
    Payload {
        /// Why.
        why: Box<str>,
    },
    /// The state has another shape than the projection makes.
    #[error("the state in the snapshot has another shape than the projection makes")]
    Shape,
}

impl SnapshotError {
    fn payload(error: impl core::fmt::Display) -> Self {
        Self::Payload { why: error.to_string().into() }
    }
}
