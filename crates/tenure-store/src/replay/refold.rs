//! The second pass of a replay: customers for whom one pass in the order of the log was not enough.

use core::ops::ControlFlow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;

use tenure_core::fold::{Projection, States};
use tenure_core::log::FactBlock;
use tenure_core::{CustomerId, Position, Version};

use super::{OnUnreadable, Progress, ReplayError, Scan, broadcast};
use crate::{EventStore, StoreError};

/// What reading a fact through its customer's stream costs, in units of reading it in a scan (3.65 µs against 0.2 µs
/// bare, about 4 with the work that both share).
const STREAM_COST: u64 = 4;

/// Facts that are held in memory at most (about 200 MB) while one scan gathers histories.
/// Tests have logs of some dozens of facts and shall need several scans.
const GATHERED: u64 = if cfg!(test) { 8 } else { 1 << 20 };

/// How histories of stale customers are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    /// One customer after the other.
    Streams,
    /// In this many more scans.
    Scans(u64),
}

/// Few stale customers are read one by one, many in one more scan; where the histories do not fit into memory at
/// once, in several scans, as long as that is cheaper.
fn plan(head: Position, stale: usize, customers: usize, gathered: u64) -> Plan {
    let (stale, customers) = (stale as u64, (customers as u64).max(1));
    let facts = u64::try_from(u128::from(head.0) * u128::from(stale) / u128::from(customers));
    let facts = facts.unwrap_or(u64::MAX);
    let scans = facts.div_ceil(gathered).max(1);
    if facts.saturating_mul(STREAM_COST) <= scans.saturating_mul(head.0) {
        Plan::Streams
    } else {
        Plan::Scans(scans)
    }
}

/// Folds again who has to be.
pub(crate) async fn stale<S: EventStore, P: Projection>(
    store: &S,
    states: &mut States<P>,
    on_unreadable: OnUnreadable,
) -> Result<(), ReplayError> {
    serial(store, states, on_unreadable, |_| ControlFlow::Continue(())).await.map(drop)
}

pub(super) async fn serial<S: EventStore, P: Projection>(
    store: &S,
    states: &mut States<P>,
    on_unreadable: OnUnreadable,
    mut progress: impl FnMut(Progress) -> ControlFlow<()>,
) -> Result<usize, ReplayError> {
    let stale: Vec<CustomerId> = states.stale().iter().copied().collect();
    let head = states.scanned_to();
    let mut refolded = 0;
    let mut tell = |refolded| {
        let told = Progress { position: head, head, refolded, stale: stale.len() };
        if progress(told).is_break() { Err(ReplayError::Stopped { at: head }) } else { Ok(()) }
    };
    match plan(head, stale.len(), states.len() + stale.len(), GATHERED) {
        Plan::Streams => {
            for customer in &stale {
                from_streams(store, states, *customer, on_unreadable).await?;
                refolded += 1;
                tell(refolded)?;
            }
        }
        Plan::Scans(scans) => {
            for group in groups(&stale, scans) {
                let mut gathered = Gathered::new(group);
                let mut scan = Scan::new(states.cut(), Position::START, head).on_unreadable(on_unreadable);
                while let Some(facts) = scan.next(store).await? {
                    gathered.take(states, &facts);
                    tell(refolded)?;
                }
                refolded += gathered.refold(states);
            }
        }
    }
    Ok(stale.len())
}

pub(super) fn parallel<S: EventStore, P: Projection + Send>(
    store: &S,
    shares: &mut [States<P>],
    head: Position,
    progress: &mut impl FnMut(Progress) -> ControlFlow<()>,
) -> Result<(), ReplayError> {
    let stale: usize = shares.iter().map(|states| states.stale().len()).sum();
    let customers: usize = shares.iter().map(States::len).sum();
    let mut tell = |refolded| progress(Progress { position: head, head, refolded, stale });
    match plan(head, stale, customers + stale, GATHERED) {
        Plan::Streams => in_threads(store, shares, head, tell),
        Plan::Scans(scans) => {
            let of: Vec<Vec<CustomerId>> =
                shares.iter().map(|states| states.stale().iter().copied().collect()).collect();
            let mut groups: Vec<_> = of.iter().map(|stale| groups(stale, scans)).collect();
            let mut refolded = 0;
            for _ in 0..scans {
                let mut workers: Vec<(&mut States<P>, Gathered)> = shares
                    .iter_mut()
                    .zip(&mut groups)
                    .map(|(states, groups)| (states, Gathered::new(groups.next().unwrap_or_default())))
                    .collect();
                let Some(cut) = workers.first().map(|(states, _)| states.cut()) else { return Ok(()) };
                let scan = Scan::new(cut, Position::START, head);
                broadcast(
                    store,
                    scan,
                    &mut workers,
                    |(states, gathered), facts| gathered.take(states, facts),
                    |_| tell(refolded),
                )?;
                refolded += thread::scope(|scope| {
                    let threads: Vec<_> = workers
                        .into_iter()
                        .map(|(states, gathered)| scope.spawn(move || gathered.refold(states)))
                        .collect();
                    // A panic of a projection is passed on by the scope.
                    threads.into_iter().map(|thread| thread.join().unwrap_or_default()).sum::<usize>()
                });
            }
            Ok(())
        }
    }
}

/// Every thread reads the streams of its own customers.
fn in_threads<S: EventStore, P: Projection + Send>(
    store: &S,
    shares: &mut [States<P>],
    head: Position,
    mut tell: impl FnMut(usize) -> ControlFlow<()>,
) -> Result<(), ReplayError> {
    let stop = AtomicBool::new(false);
    let (done, one_more) = channel::<Result<(), StoreError>>();
    thread::scope(|scope| {
        for states in shares {
            let (done, stop) = (done.clone(), &stop);
            scope.spawn(move || {
                for customer in states.stale().clone() {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let refolded =
                        pollster::block_on(from_streams(store, states, customer, OnUnreadable::Stop));
                    // Nobody listens any more only after an error elsewhere, when `stop` is set.
                    let _ = done.send(refolded);
                }
            });
        }
        drop(done);
        let mut result = Ok(());
        for (before, refolded) in one_more.iter().enumerate() {
            let go_on = match refolded {
                Err(error) => Err(ReplayError::Store(error)),
                Ok(()) if tell(before + 1).is_break() => Err(ReplayError::Stopped { at: head }),
                Ok(()) => Ok(()),
            };
            if go_on.is_err() && result.is_ok() {
                stop.store(true, Ordering::Relaxed);
                result = go_on;
            }
        }
        result
    })
}

/// Folds one customer again from the streams of all who are one person with it.
async fn from_streams<S: EventStore, P: Projection>(
    store: &S,
    states: &mut States<P>,
    customer: CustomerId,
    on_unreadable: OnUnreadable,
) -> Result<(), StoreError> {
    let mut pages = Vec::new();
    for member in states.corrections().members(customer) {
        pages.extend(stream(store, member, on_unreadable).await?);
    }
    states.refold(customer, pages.iter().flat_map(FactBlock::iter));
    Ok(())
}

/// All facts of one customer as recorded, in pages.
pub(crate) async fn stream<S: EventStore>(
    store: &S,
    customer: CustomerId,
    on_unreadable: OnUnreadable,
) -> Result<Vec<FactBlock>, StoreError> {
    let mut pages = Vec::new();
    let mut after = Version(0);
    loop {
        let page = match store.read_stream(customer, after, 4096).await {
            Ok(page) => page,
            Err(StoreError::Undecodable { version, .. })
                if on_unreadable == OnUnreadable::Park && version > after =>
            {
                after = version;
                continue;
            }
            Err(error) => return Err(error),
        };
        let last = page.is_last(after);
        after = page.facts.iter().next_back().map_or(after, |fact| fact.version);
        pages.push(page.facts);
        if last {
            return Ok(pages);
        }
    }
}

/// The stale customers in as many groups, so that the histories of a group fit into memory.
fn groups(stale: &[CustomerId], scans: u64) -> std::slice::Chunks<'_, CustomerId> {
    let scans = usize::try_from(scans).unwrap_or(usize::MAX);
    stale.chunks(stale.len().div_ceil(scans).max(1))
}

/// The histories of some customers, packed in the order of the log.
struct Gathered {
    facts: FactBlock,
    of: BTreeMap<CustomerId, Vec<usize>>,
}

impl Gathered {
    fn new(customers: &[CustomerId]) -> Self {
        let of = customers.iter().map(|customer| (*customer, Vec::new())).collect();
        Self { facts: FactBlock::new(), of }
    }

    fn take<P: Projection>(&mut self, states: &States<P>, facts: &FactBlock) {
        for fact in facts.iter() {
            let customer = states.corrections().representative(fact.event.customer);
            if let Some(places) = self.of.get_mut(&customer) {
                places.push(self.facts.len());
                self.facts.push(&fact);
            }
        }
    }

    fn refold<P: Projection>(self, states: &mut States<P>) -> usize {
        for (customer, places) in &self.of {
            states.refold(*customer, places.iter().filter_map(|place| self.facts.get(*place)));
        }
        self.of.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_read_one_by_one_and_many_in_a_scan() {
        let plan = |facts, stale| plan(Position(facts), stale, 1_000, 1 << 20);
        assert_eq!(plan(1_000_000, 10), Plan::Streams);
        assert_eq!(plan(1_000_000, 500), Plan::Scans(1));
        assert_eq!(plan(1_000_000, 1_000), Plan::Scans(1));
        assert_eq!(plan(3_000_000, 1_000), Plan::Scans(3));
        // Twenty scans of a hundred million facts cost more than their streams.
        assert_eq!(plan(100_000_000, 200), Plan::Streams);
        assert_eq!(plan(0, 0), Plan::Streams);
    }
}
