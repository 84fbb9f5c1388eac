//! One kept state as bytes. A row that does not read is no error: its customer is folded again.

use serde::Serialize;
use serde::de::DeserializeOwned;
use tenure_core::fold::{Folded, Known, Projection};
use tenure_core::{CustomerKey, FactKey};
use xxhash_rust::xxh3::xxh3_64;

/// The bytes of what is known of a customer; none where nothing is. One who has to be folded again is empty.
pub(super) fn encode<S: Serialize>(known: Known<'_, S>) -> Option<Vec<u8>> {
    match known {
        Known::Nothing => None,
        Known::Stale => Some(Vec::new()),
        Known::Folded(folded, key) => {
            let row = (folded.last, key.map(CustomerKey::as_str), &folded.state);
            // Without an encoding the customer is folded again, which costs time and is right.
            let mut bytes = postcard::to_allocvec(&row).ok().unwrap_or_default();
            if !bytes.is_empty() {
                bytes.extend(xxh3_64(&bytes).to_le_bytes());
            }
            Some(bytes)
        }
    }
}

/// What stands in a row: state and key, or none for one who has to be folded again.
pub(super) fn decode<P: Projection>(
    bytes: &[u8],
    projection: &P,
) -> Option<(Folded<P::State>, Option<CustomerKey>)> {
    let (body, checksum) = bytes.split_last_chunk::<8>()?;
    if u64::from_le_bytes(*checksum) != xxh3_64(body) {
        return None;
    }
    read(body).filter(|(folded, _)| projection.fits(&folded.state))
}

fn read<S: DeserializeOwned>(body: &[u8]) -> Option<(Folded<S>, Option<CustomerKey>)> {
    let ((last, key, state), rest): ((FactKey, Option<&str>, S), _) = postcard::take_from_bytes(body).ok()?;
    let key = key.map(str::parse).transpose().ok()?;
    rest.is_empty().then_some((Folded { state, last }, key))
}
