//! What is kept of one customer as bytes. A row that does not read is no error: its customer is folded again.

use serde::Serialize;
use serde::de::DeserializeOwned;
use tenure_core::fold::{Folded, Known, Projection};
use tenure_core::{CustomerKey, FactKey};
use xxhash_rust::xxh3::xxh3_64;

/// The bytes of what is known; none where nothing is. Of one who has to be folded again there are none to trust, so the
/// row is empty.
pub(super) fn encode<S: Serialize>(known: Known<&Folded<S>, &CustomerKey>) -> Option<Vec<u8>> {
    if known.is_nothing() {
        return None;
    }
    if known.stale {
        return Some(Vec::new());
    }
    let folded = known.folded.map(|folded| (folded.last, &folded.state));
    let row = (known.key.map(CustomerKey::as_str), folded);
    // Without an encoding the customer is folded again, which costs time and is right.
    let mut bytes = postcard::to_allocvec(&row).unwrap_or_default();
    if !bytes.is_empty() {
        bytes.extend(xxh3_64(&bytes).to_le_bytes());
    }
    Some(bytes)
}

/// A row as it is encoded: external key, last fact and state.
type Row<'a, S> = (Option<&'a str>, Option<(FactKey, S)>);

/// What stands in a row.
pub(super) fn decode<P: Projection>(bytes: &[u8], projection: &P) -> Known<Folded<P::State>, CustomerKey> {
    let known = whole(bytes).filter(|known: &Known<Folded<P::State>, _>| {
        known.folded.as_ref().is_none_or(|folded| projection.fits(&folded.state))
    });
    known.unwrap_or(Known { folded: None, key: None, stale: true })
}

fn whole<S: DeserializeOwned>(bytes: &[u8]) -> Option<Known<Folded<S>, CustomerKey>> {
    let (body, checksum) = bytes.split_last_chunk::<8>()?;
    if u64::from_le_bytes(*checksum) != xxh3_64(body) {
        return None;
    }
    let ((key, folded), rest): (Row<'_, S>, _) = postcard::take_from_bytes(body).ok()?;
    let key = key.map(str::parse).transpose().ok()?;
    let folded = folded.map(|(last, state)| Folded { state, last });
    rest.is_empty().then_some(Known { folded, key, stale: false })
}
