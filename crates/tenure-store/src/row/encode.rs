//! From a fact to its row: canonical bytes, checksums, the link of the chain.

use tenure_core::{CustomerId, CustomerKey, Event, EventId};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// What a fact says in its header, as it is stored: as it was given, in its own schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content<'a> {
    /// Its id.
    pub id: EventId,
    /// Whose it is.
    pub customer: CustomerId,
    /// The customer's key, where it was given with one.
    pub customer_key: Option<&'a str>,
    /// When it happened, in microseconds since 1970.
    pub occurred_at: i64,
    /// What happened.
    pub kind: &'a str,
    /// The schema of the kind.
    pub schema: i64,
    /// What it is about.
    pub subject: Option<&'a str>,
    /// Minor units of its amount; none without a currency.
    pub minor: Option<i64>,
    /// Currency of its amount.
    pub currency: Option<&'a str>,
    /// Its number.
    pub number: Option<i64>,
    /// Channel it came by.
    pub channel: Option<&'a str>,
    /// Who did it.
    pub actor: Option<&'a str>,
}

impl<'a> Content<'a> {
    /// The header of a fact as it is to be stored.
    #[inline]
    pub fn of(event: &'a Event) -> Self {
        let (view, stored) = (event.view(), event.stored());
        Self {
            id: event.id(),
            customer: event.customer().id(),
            customer_key: event.customer().key().map(CustomerKey::as_str),
            occurred_at: view.occurred_at.as_micros(),
            kind: &stored.kind,
            schema: i64::from(stored.schema),
            subject: stored.subject.as_deref(),
            minor: stored.amount.map(|amount| amount.minor),
            currency: stored.amount.as_ref().map(|amount| amount.currency.code()),
            number: stored.number,
            channel: view.channel,
            actor: stored.actor.as_deref(),
        }
    }
}

impl Content<'_> {
    /// The bytes that checksum and chain are taken over: fields of fixed size, the lengths of the texts, the texts.
    /// No two headers share their bytes.
    #[inline]
    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        let texts =
            [self.customer_key, Some(self.kind), self.subject, self.currency, self.channel, self.actor];
        let mut fixed = [0; 16 + 16 + 4 * 8 + 1 + 6 * 4];
        let mut rest = put(&mut fixed, self.id.as_bytes());
        rest = put(rest, self.customer.as_bytes());
        rest = put(rest, &self.occurred_at.to_le_bytes());
        rest = put(rest, &self.schema.to_le_bytes());
        rest = put(rest, &self.minor.unwrap_or_default().to_le_bytes());
        rest = put(rest, &self.number.unwrap_or_default().to_le_bytes());
        rest = put(rest, &[u8::from(self.minor.is_some()) | u8::from(self.number.is_some()) << 1]);
        for text in texts {
            // No text of a fact is as long as 4 GiB.
            let length = text.map_or(u32::MAX, |text| u32::try_from(text.len()).unwrap_or(u32::MAX - 1));
            rest = put(rest, &length.to_le_bytes());
        }
        bytes.extend_from_slice(&fixed);
        for text in texts.into_iter().flatten() {
            bytes.extend_from_slice(text.as_bytes());
        }
    }
}

/// Copies bytes to the front and gives what is left behind them.
#[inline]
fn put<'a>(to: &'a mut [u8], bytes: &[u8]) -> &'a mut [u8] {
    match to.split_at_mut_checked(bytes.len()) {
        Some((front, rest)) => {
            front.copy_from_slice(bytes);
            rest
        }
        // The sizes of the fields add up to the size of the array.
        None => &mut [],
    }
}

/// Where a fact stands, which only the writer knows. Signed, as databases count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Place in the log, from 1.
    pub position: i64,
    /// Place in the stream, from 1.
    pub version: i64,
    /// The position of the customer's previous fact; 0 for the first.
    pub previous: i64,
    /// When it was recorded, in microseconds since 1970.
    pub recorded_at: i64,
}

impl Place {
    #[inline]
    fn bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        let numbers = [self.position, self.version, self.previous, self.recorded_at];
        for (to, number) in bytes.chunks_exact_mut(8).zip(numbers) {
            to.copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    /// The checksum over content ([`Encoded::content_sum`]) and place.
    #[inline]
    pub fn header_sum(self, content_sum: u64) -> i64 {
        xxh3_64_with_seed(&self.bytes(), content_sum).cast_signed()
    }

    /// The next link of the chain: a hash over the link before (zeros before the first fact), the place, and
    /// [`Encoded::digest`].
    #[inline]
    pub fn link(self, before: &[u8; 32], digest: &[u8; 32]) -> [u8; 32] {
        let mut bytes = [0; 96];
        let (first, rest) = bytes.split_at_mut(32);
        let (second, third) = rest.split_at_mut(32);
        first.copy_from_slice(before);
        second.copy_from_slice(&self.bytes());
        third.copy_from_slice(digest);
        *blake3::hash(&bytes).as_bytes()
    }
}

#[inline]
pub(super) fn body_sum(data: &str, context: &str) -> i64 {
    xxh3_64_with_seed(context.as_bytes(), xxh3_64(data.as_bytes())).cast_signed()
}

/// The hash of all content: header, body and context with their lengths. `header` holds the header's bytes and is
/// written on, because hashing one run of bytes is twice as fast as hashing four.
#[inline]
pub(super) fn digest(header: &mut Vec<u8>, data: &str, context: &str) -> [u8; 32] {
    for text in [data, context] {
        header.extend_from_slice(&(text.len() as u64).to_le_bytes());
        header.extend_from_slice(text.as_bytes());
    }
    *blake3::hash(header).as_bytes()
}

/// All of a fact's row that does not depend on its place; made before the writer is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// The checksum over the header's content, for [`Place::header_sum`].
    pub content_sum: u64,
    /// The checksum over data and context.
    pub body_sum: i64,
    /// The hash over all content, for [`Place::link`].
    pub digest: [u8; 32],
    /// The fact's origin as text; empty where it says nothing.
    pub context: String,
}

impl Encoded {
    /// One for each fact, in their order.
    pub fn all(events: &[Event]) -> Vec<Self> {
        let mut bytes = Vec::new();
        events
            .iter()
            .map(|event| {
                bytes.clear();
                Content::of(event).write(&mut bytes);
                let (data, context) = (event.stored_data(), event.context().to_text());
                let content_sum = xxh3_64(&bytes);
                let digest = digest(&mut bytes, data, &context);
                Self { content_sum, body_sum: body_sum(data, &context), digest, context }
            })
            .collect()
    }
}
