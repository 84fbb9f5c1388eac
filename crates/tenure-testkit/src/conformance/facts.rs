//! Facts for the rules, and ways to read a store.

use tenure_core::event::Line;
use tenure_core::log::{Append, Expected, FactBlock, Page, Read};
use tenure_core::{CustomerId, CustomerKey, Event, EventId, Version};
use tenure_store::{EventStore, StoreError};

use super::Failure;

/// Fact number `n` of a customer, a minute after number `n - 1`.
pub(super) fn fact(n: u64, customer: &str) -> Result<Event, Failure> {
    let (day, hour, minute) = (1 + n / 1_440 % 28, n / 60 % 24, n % 60);
    line(
        n,
        &format!(
            r#"{{"customer":"shop:{customer}","occurred_at":"2024-01-{day:02}T{hour:02}:{minute:02}:00Z",
                "kind":"points_earned","number":{n}}}"#
        ),
    )
}

/// Facts of these numbers, all of one customer.
pub(super) fn facts(numbers: core::ops::Range<u64>, customer: &str) -> Result<Vec<Event>, Failure> {
    numbers.map(|n| fact(n, customer)).collect()
}

/// A fact from a line of interchange JSON under id number `n`.
pub(super) fn line(n: u64, text: &str) -> Result<Event, Failure> {
    Ok(Line::parse(text, "shop")?.into_event(id(n))?)
}

/// Ids that sort by number.
pub(super) fn id(n: u64) -> EventId {
    let mut bytes = [0x80; 16];
    for (to, from) in bytes.iter_mut().zip(n.to_be_bytes()) {
        *to = from;
    }
    EventId::from_bytes(bytes)
}

pub(super) fn customer(name: &str) -> Result<CustomerId, Failure> {
    Ok(CustomerKey::new("shop", name)?.id())
}

/// Appends a batch and expects nothing.
pub(super) fn store_all<S: EventStore>(store: &S, events: Vec<Event>) -> Result<(), Failure> {
    pollster::block_on(store.append(Append::new(events)))?;
    Ok(())
}

/// Appends and gives the refusal; a success is a failure of the rule.
pub(super) fn refused<S: EventStore>(store: &S, append: Append) -> Result<StoreError, Failure> {
    match pollster::block_on(store.append(append)) {
        Err(error) => Ok(error),
        Ok(done) => Err(format!("the append was not refused: {done:?}").into()),
    }
}

pub(super) fn append_to(events: Vec<Event>, expected: &[(&str, Expected)]) -> Result<Append, Failure> {
    expected.iter().try_fold(Append::new(events), |append, (name, expected)| {
        Ok(append.expect(customer(name)?, *expected))
    })
}

/// All facts that a read finds, page by page. A store that makes no progress is a failure, not an endless loop.
pub(super) fn read_all<S: EventStore>(store: &S, read: Read) -> Result<FactBlock, Failure> {
    let mut all = FactBlock::new();
    for page in pages(store, read)? {
        page.facts.iter().for_each(|fact| all.push(&fact));
    }
    Ok(all)
}

pub(super) fn pages<S: EventStore>(store: &S, mut read: Read) -> Result<Vec<Page>, Failure> {
    let mut pages = Vec::new();
    loop {
        let page = pollster::block_on(store.read(&read))?;
        let last = page.is_last(&read);
        if !last && page.scanned_to == read.from {
            return Err(format!("a page from {} does not move and is not the last", read.from).into());
        }
        read.from = page.scanned_to;
        pages.push(page);
        if last {
            return Ok(pages);
        }
    }
}

/// A whole stream, in pages of `limit`.
pub(super) fn stream<S: EventStore>(store: &S, name: &str, limit: usize) -> Result<FactBlock, Failure> {
    let (mut all, mut after) = (FactBlock::new(), Version(0));
    loop {
        let page = pollster::block_on(store.read_stream(customer(name)?, after, limit))?;
        if page.facts.len() > limit {
            return Err(
                format!("a page of {} facts, at most {limit} were asked for", page.facts.len()).into()
            );
        }
        page.facts.iter().for_each(|fact| all.push(&fact));
        if page.is_last(after) {
            return Ok(all);
        }
        let last = page.facts.iter().next_back().map_or(after, |fact| fact.version);
        if last <= after {
            return Err(format!("a page of the stream after {after} does not move").into());
        }
        after = last;
    }
}

pub(super) fn head<S: EventStore>(store: &S) -> Result<u64, Failure> {
    Ok(pollster::block_on(store.head())?.position.0)
}
