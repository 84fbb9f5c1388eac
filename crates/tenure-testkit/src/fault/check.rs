//! What must be in a store, by what was tried and what was acknowledged.

use std::collections::BTreeMap;
use std::path::Path;

use tenure_core::log::{Append, FactBlock, Read};
use tenure_core::{CustomerId, Event, EventId, Position, Version};
use tenure_store::{EventStore, StoreError};

use super::{Subject, Told, Workload, chain};
use crate::Failure;

/// What was acknowledged is not there: the one failure that a store may have which says that it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{acknowledged} batches were acknowledged and {stored} are there")]
pub struct Lost {
    /// How many batches were acknowledged.
    pub acknowledged: u64,
    /// How many are there.
    pub stored: u64,
}

/// What a check found to be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// How many batches the store holds.
    pub batches: u64,
}

/// Opens the store in a directory and holds it to what a child said:
///
/// - it opens; it holds whole batches, those that were tried first, in order and once each, with every field as it was;
/// - every acknowledged batch is there, and none of which the store said that it was not stored;
/// - streams and ids say the same as the log; the store finds nothing wrong with itself;
/// - it takes the next batch, and knows the last one.
///
/// # Errors
/// What does not hold.
pub fn check<S: Subject>(
    subject: &S,
    directory: &Path,
    workload: &Workload,
    told: &Told,
) -> Result<Checked, Failure> {
    if let Some(bare) = told.refused.iter().find(|refusal| !refusal.named) {
        return Err(format!("a refusal that does not name its file: {bare:?}").into());
    }
    let store =
        subject.open(directory).map_err(|error| format!("the store does not open: {}", chain(&error)))?;
    let stored = read_all(&store)?;
    let batches = whole_batches(&stored, workload, told)?;
    if batches < told.acknowledged {
        return Err(Box::new(Lost { acknowledged: told.acknowledged, stored: batches }));
    }
    if let Some(denied) = (0..batches).find(|batch| *batch >= told.acknowledged && told.denies(*batch)) {
        return Err(format!("batch {denied} is there, and the store said that nothing was written").into());
    }
    beside(&store, &workload.facts(batches)?)?;
    subject.verify(&store).map_err(|error| format!("what was stored does not verify: {}", chain(&*error)))?;
    // It goes on.
    let append = |n| -> Result<bool, Failure> {
        let appended = pollster::block_on(store.append(Append::new(workload.batch(n)?)));
        Ok(appended
            .map_err(|error| format!("it does not take batch {n}: {}", chain(&error)))?
            .already_stored())
    };
    if batches > 0 && !append(batches - 1)? {
        return Err(format!("batch {} was there and was stored again", batches - 1).into());
    }
    if append(batches)? {
        return Err(format!("batch {batches} was not there and is known").into());
    }
    same(&read_all(&store)?, &workload.facts(batches + 1)?)?;
    drop(store);
    let again =
        subject.open(directory).map_err(|error| format!("it does not open again: {}", chain(&error)))?;
    same(&read_all(&again)?, &workload.facts(batches + 1)?)?;
    Ok(Checked { batches })
}

/// Whether an error names a file of the directory, or a position. A handle that is closed has named it before.
pub(super) fn names(text: &str, directory: &Path) -> bool {
    let directory = std::fs::canonicalize(directory).unwrap_or_else(|_| directory.to_owned());
    text.contains(&*directory.to_string_lossy())
        || text.contains("position")
        || text.contains("closed after a failed write")
}

/// How many whole batches these facts are.
fn whole_batches(stored: &FactBlock, workload: &Workload, told: &Told) -> Result<u64, Failure> {
    let (mut batches, mut facts) = (0, 0);
    while facts < stored.len() {
        if batches >= told.tried {
            return Err(format!("{} facts are there beyond what was tried", stored.len() - facts).into());
        }
        facts += workload.batch(batches)?.len();
        batches += 1;
    }
    if facts > stored.len() {
        return Err(format!("batch {} is there in part", batches - 1).into());
    }
    same(stored, &workload.facts(batches)?)?;
    Ok(batches)
}

/// Whether these are the facts, in order, at positions from 1.
pub(super) fn same(stored: &FactBlock, expected: &[Event]) -> Result<(), Failure> {
    if stored.len() != expected.len() {
        return Err(format!("{} facts are there, not {}", stored.len(), expected.len()).into());
    }
    for ((stored, expected), position) in stored.iter().zip(expected).zip(1..) {
        if stored.position != Position(position) || !stored.event.same_content(&expected.view()) {
            return Err(format!(
                "at position {position} there is another fact: {stored:?}, not {expected:?}"
            )
            .into());
        }
    }
    Ok(())
}

/// Streams and ids, against the log that they are of.
pub(super) fn beside<S: EventStore>(store: &S, facts: &[Event]) -> Result<(), Failure> {
    let mut streams: BTreeMap<CustomerId, Vec<EventId>> = BTreeMap::new();
    for fact in facts {
        streams.entry(fact.customer().id()).or_default().push(fact.id());
    }
    for (customer, ids) in &streams {
        let stream = read_stream(store, *customer)?;
        let read: Vec<EventId> = stream.iter().map(|fact| fact.event.id).collect();
        if read != *ids || !stream.iter().zip(1..).all(|(fact, version)| fact.version == Version(version)) {
            return Err(format!("the stream of {customer} is not that of the log").into());
        }
    }
    let ids: Vec<EventId> = facts.iter().map(Event::id).collect();
    let known = pollster::block_on(store.known(&ids)).map_err(failed)?;
    if !known.iter().zip(1..).all(|(known, position)| *known == Some(Position(position))) {
        return Err("an id is not found where its fact is".into());
    }
    Ok(())
}

/// The whole log.
pub(super) fn read_all<S: EventStore>(store: &S) -> Result<FactBlock, Failure> {
    let (mut all, mut read) = (FactBlock::new(), Read::all().limit(97));
    loop {
        let page = pollster::block_on(store.read(&read)).map_err(failed)?;
        page.facts.iter().for_each(|fact| all.push(&fact));
        if page.is_last(&read) {
            return Ok(all);
        }
        if page.scanned_to <= read.from {
            return Err(format!("a page from {} does not move", read.from).into());
        }
        read.from = page.scanned_to;
    }
}

fn read_stream<S: EventStore>(store: &S, customer: CustomerId) -> Result<FactBlock, Failure> {
    let (mut all, mut after) = (FactBlock::new(), Version(0));
    loop {
        let page = pollster::block_on(store.read_stream(customer, after, 61)).map_err(failed)?;
        page.facts.iter().for_each(|fact| all.push(&fact));
        if page.is_last(after) {
            return Ok(all);
        }
        let last = page.facts.iter().next_back().map_or(after, |fact| fact.version);
        if last <= after {
            return Err(format!("a page of a stream after {after} does not move").into());
        }
        after = last;
    }
}

/// A store's error as it is, so that whoever looks can tell it from a wrong answer.
fn failed(error: StoreError) -> Failure {
    Box::new(error)
}
