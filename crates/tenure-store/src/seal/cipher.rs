//! From personal properties to sealed text and back.
//!
//! ```text
//! text = base64(1 | key id, 16 bytes | nonce, 24 bytes | XChaCha20-Poly1305(key, nonce, properties))
//! associated data = event id | "data"
//! ```
//! The nonce is a hash of key, event and properties, so that a fact sealed twice is the same text: an append can be sent
//! again, and two writers of one fact do not contradict each other.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use serde_json::{Map, Value};
use tenure_core::contact::folded;
use tenure_core::{EventId, json};
use zeroize::Zeroizing;

use super::keys::{Key, KeyId, Mark};
use crate::Unreadable;

const VERSION: u8 = 1;
const NONCE: usize = 24;

/// What is bound to bytes that are no part of a fact. No event id with a field behind it is as short.
const BESIDE: &[u8] = b"beside";

/// Seals the personal properties of a fact.
pub(super) fn seal(event: EventId, personal: &Map<String, Value>, id: KeyId, key: &Key) -> String {
    let properties = Zeroizing::new(json::canonical_object(personal));
    seal_bytes(&bound(event), properties.as_bytes(), id, key)
}

/// Seals bytes that are no part of a fact.
pub(super) fn seal_beside(bytes: &[u8], id: KeyId, key: &Key) -> String {
    seal_bytes(BESIDE, bytes, id, key)
}

fn seal_bytes(bound: &[u8], bytes: &[u8], id: KeyId, key: &Key) -> String {
    let mut hasher = blake3::Hasher::new_keyed(&blake3::derive_key("tenure seal nonce v1", key.as_bytes()));
    hasher.update(bound).update(bytes);
    let mut nonce = [0; NONCE];
    hasher.finalize_xof().fill(&mut nonce);
    let payload = Payload { msg: bytes, aad: bound };
    let sealed = cipher(key).encrypt(&XNonce::from(nonce), payload);
    // The cipher refuses nothing below 256 GiB.
    let sealed = sealed.unwrap_or_default();
    BASE64.encode([&[VERSION][..], &id.0, &nonce, &sealed].concat())
}

/// What is sealed, taken apart but not opened.
pub(super) struct Closed {
    /// Under which key.
    pub(super) key: KeyId,
    nonce: [u8; NONCE],
    sealed: Vec<u8>,
}

impl Closed {
    pub(super) fn parse(text: &str) -> Result<Self, Unreadable> {
        let bytes = BASE64.decode(text).map_err(|_| Unreadable::Sealed)?;
        let parts = bytes.split_first_chunk::<1>().and_then(|([version], rest)| {
            let (key, rest) = rest.split_first_chunk()?;
            let (nonce, sealed) = rest.split_first_chunk()?;
            (*version == VERSION).then(|| Self { key: KeyId(*key), nonce: *nonce, sealed: sealed.into() })
        });
        parts.ok_or(Unreadable::Sealed)
    }

    /// The properties of the fact that they were sealed for.
    pub(super) fn open(&self, event: EventId, key: &Key) -> Result<Map<String, Value>, Unreadable> {
        let opened = Zeroizing::new(self.open_bytes(&bound(event), key)?);
        serde_json::from_slice(&opened).map_err(|_| Unreadable::Sealed)
    }

    /// Bytes that are no part of a fact.
    pub(super) fn open_beside(&self, key: &Key) -> Result<Vec<u8>, Unreadable> {
        self.open_bytes(BESIDE, key)
    }

    fn open_bytes(&self, bound: &[u8], key: &Key) -> Result<Vec<u8>, Unreadable> {
        let payload = Payload { msg: &self.sealed, aad: bound };
        cipher(key).decrypt(&XNonce::from(self.nonce), payload).map_err(|_| Unreadable::Sealed)
    }
}

/// By what a fact with this identity is found. `namespace` says what kind of identity it is; the value is compared as
/// identities are: compatibility forms, case and invisible characters do not count.
pub(super) fn mark(key: &Key, namespace: &str, value: &str) -> Mark {
    let mut hasher = blake3::Hasher::new_keyed(key.as_bytes());
    let namespace = folded(namespace);
    hasher.update(&(namespace.len() as u64).to_le_bytes()).update(namespace.as_bytes());
    hasher.update(folded(value).as_bytes());
    Mark(hasher.finalize().into())
}

fn cipher(key: &Key) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.as_bytes().into())
}

/// What sealed bytes are bound to: they cannot be moved to another fact or another field.
fn bound(event: EventId) -> [u8; 20] {
    let mut bound = [0; 20];
    for (to, from) in bound.iter_mut().zip(event.as_bytes().iter().chain(b"data")) {
        *to = *from;
    }
    bound
}

#[cfg(test)]
mod tests {
    use super::*;

    fn personal() -> Map<String, Value> {
        [("mail".to_owned(), Value::from("ann@example.org"))].into_iter().collect()
    }

    #[test]
    fn only_the_key_and_the_fact_open_what_was_sealed() {
        let (event, other) = (EventId::from_bytes([1; 16]), EventId::from_bytes([2; 16]));
        let (key, wrong) = (Key::random().unwrap(), Key::random().unwrap());
        let id = KeyId([7; 16]);
        let text = seal(event, &personal(), id, &key);
        assert!(!text.contains("ann"));
        let closed = Closed::parse(&text).unwrap();
        assert_eq!(closed.key, id);
        assert_eq!(closed.open(event, &key), Ok(personal()));
        assert_eq!(closed.open(other, &key), Err(Unreadable::Sealed), "moved to another fact");
        assert_eq!(closed.open(event, &wrong), Err(Unreadable::Sealed));
        assert_eq!(seal(event, &personal(), id, &key), text, "sealed again");
        assert_ne!(seal(other, &personal(), id, &key), text);
    }

    #[test]
    fn every_changed_bit_is_seen() {
        let event = EventId::from_bytes([1; 16]);
        let key = Key::random().unwrap();
        let text = seal(event, &personal(), KeyId([7; 16]), &key);
        let bytes = BASE64.decode(&text).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            // The name of the key says which key to ask for, and this one opens it all the same.
            if (8..17 * 8).contains(&bit) {
                continue;
            }
            let opened = Closed::parse(&BASE64.encode(&bytes)).and_then(|closed| closed.open(event, &key));
            assert_eq!(opened, Err(Unreadable::Sealed), "bit {bit}");
        }
        for cut in 0..text.len() {
            let opened = Closed::parse(&text[..cut]).and_then(|closed| closed.open(event, &key));
            assert_eq!(opened, Err(Unreadable::Sealed), "cut at {cut}");
        }
    }

    #[test]
    fn one_identity_has_one_mark_however_it_is_written() {
        let key = Key::random().unwrap();
        assert_eq!(mark(&key, "email", " Ann@Example.org"), mark(&key, "Email", "ann@example.org\u{200b}"));
        assert_ne!(mark(&key, "email", "ann@example.org"), mark(&key, "phone", "ann@example.org"));
        assert_ne!(mark(&key, "a", "bc"), mark(&key, "ab", "c"));
        assert_ne!(mark(&key, "a", "b"), mark(&Key::random().unwrap(), "a", "b"));
    }
}
