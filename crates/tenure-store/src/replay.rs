//! Folding a whole store: serially, on several threads, and onward from where states stand.
//!
//! ```text
//! corrections -> one scan in order of positions -> pages -> a partition of the states per thread
//!             -> customers with late facts, each folded again once -> union
//! ```
//!
//! One reader scans, so the store is read once whatever the number of threads, and every thread sees every page: who
//! works on a customer depends on the customer alone. So the answer is the same bit for bit on any number of threads.

mod refold;
mod scan;

use core::num::NonZeroUsize;
use core::ops::ControlFlow;
use core::time;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;

use tenure_core::Position;
use tenure_core::fold::{Partition, Projection, States};
use tenure_core::log::{Corrections, Cut, FactBlock, KindSet};

pub(crate) use self::refold::{stale as refold_stale, stream};
pub(crate) use self::scan::Scan;
pub use self::scan::{OnUnreadable, Parked};
use crate::{EventStore, StoreError};

/// Pages that wait for each thread at most, so that memory stays bounded behind a fast reader.
const WAITING: usize = 4;

/// How far a replay is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The last position taken in.
    pub position: Position,
    /// Where the replay ends: the head when it began.
    pub head: Position,
    /// Customers with late facts that were folded again so far.
    pub refolded: usize,
    /// Customers to be folded again; 0 until the log is scanned.
    pub stale: usize,
}

impl Progress {
    /// How long it still takes at the pace so far, where it began at a position some time ago; none before anything is taken
    /// in.
    ///
    /// # Example
    /// ```
    /// use core::time::Duration;
    /// use tenure_core::Position;
    /// use tenure_store::Progress;
    /// let progress = Progress { position: Position(300), head: Position(900), refolded: 0, stale: 0 };
    /// let ten = Duration::from_secs(10);
    /// assert_eq!(progress.remaining(Position(100), ten), Some(Duration::from_secs(30)));
    /// assert_eq!(progress.remaining(Position(300), ten), None);
    /// ```
    pub fn remaining(&self, from: Position, elapsed: time::Duration) -> Option<time::Duration> {
        let done = u128::from(self.position.0.saturating_sub(from.0));
        let open = u128::from(self.head.0.saturating_sub(self.position.0));
        let nanos = elapsed.as_nanos().saturating_mul(open).checked_div(done)?;
        Some(time::Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
    }
}

/// Why a replay did not end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The store failed or holds a fact that cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The caller asked to stop.
    #[error("the replay was stopped at position {at}")]
    Stopped {
        /// The last position taken in.
        at: Position,
    },
}

/// Folds a whole store on one thread, without blocking beyond what the store does. The log is read as far as it goes
/// when the replay begins.
///
/// `progress` is called after every page and every customer folded again; [`ControlFlow::Break`] stops.
///
/// # Errors
/// [`ReplayError`].
pub async fn replay_serial<S: EventStore, P: Projection>(
    store: &S,
    projection: P,
    cut: Cut,
    progress: impl FnMut(Progress) -> ControlFlow<()>,
) -> Result<States<P>, ReplayError> {
    let head = store.head().await?.position;
    let corrections = corrections(store, cut, head).await?;
    let mut states = States::new(projection, cut).with_corrections(corrections);
    catch_up_to(store, &mut states, head, OnUnreadable::Stop, progress).await?;
    Ok(states)
}

/// Brings states up to date with a store and gives the number of customers that had to be folded again.
///
/// After an error or a stop the states are consistent but not complete: customers in [`States::stale`] have no state
/// until the next catch-up, which goes on where this one ended.
///
/// # Errors
/// [`ReplayError`].
///
/// # Example
/// ```
/// # use tenure_core::fold::{Fingerprint, Projection, States};
/// # use tenure_core::{EventView, Timestamp};
/// # struct Facts;
/// # impl Projection for Facts {
/// #     type State = u32;
/// #     type View = u32;
/// #     fn init(&self) -> u32 { 0 }
/// #     fn apply(&self, facts: &mut u32, _: &EventView<'_>) { *facts += 1; }
/// #     fn view(&self, facts: &u32, _: Timestamp) -> u32 { *facts }
/// #     fn fingerprint(&self) -> Fingerprint { Fingerprint::of("facts", 1, &()) }
/// # }
/// use core::ops::ControlFlow::Continue;
/// use tenure_core::log::Cut;
/// use tenure_store::{MemoryStore, catch_up};
/// let store = MemoryStore::new();
/// let mut states = States::new(Facts, Cut::default());
/// let refolded = pollster::block_on(catch_up(&store, &mut states, |_| Continue(())))?;
/// assert_eq!((refolded, states.len()), (0, 0));
/// # Ok::<(), tenure_store::ReplayError>(())
/// ```
pub async fn catch_up<S: EventStore, P: Projection>(
    store: &S,
    states: &mut States<P>,
    progress: impl FnMut(Progress) -> ControlFlow<()>,
) -> Result<usize, ReplayError> {
    let head = store.head().await?.position;
    catch_up_to(store, states, head, OnUnreadable::Stop, progress).await
}

pub(crate) async fn catch_up_to<S: EventStore, P: Projection>(
    store: &S,
    states: &mut States<P>,
    head: Position,
    on_unreadable: OnUnreadable,
    mut progress: impl FnMut(Progress) -> ControlFlow<()>,
) -> Result<usize, ReplayError> {
    let mut scan = Scan::new(states.cut(), states.scanned_to(), head).on_unreadable(on_unreadable);
    while let Some(facts) = scan.next(store).await? {
        states.absorb(&facts, head);
        states.scanned(scan.at());
        if progress(Progress { position: scan.at(), head, refolded: 0, stale: 0 }).is_break() {
            return Err(ReplayError::Stopped { at: scan.at() });
        }
    }
    refold::serial(store, states, on_unreadable, progress).await
}

/// Folds a whole store on `threads` threads. Blocks the caller; one thread means the caller's alone.
///
/// # Laws
/// The states are those of [`replay_serial`], bit for bit, whatever the number of threads.
///
/// # Errors
/// [`ReplayError`].
///
/// # Example
/// ```
/// # use tenure_core::fold::{Fingerprint, Projection};
/// # use tenure_core::{EventView, Timestamp};
/// # #[derive(Clone)]
/// # struct Facts;
/// # impl Projection for Facts {
/// #     type State = u32;
/// #     type View = u32;
/// #     fn init(&self) -> u32 { 0 }
/// #     fn apply(&self, facts: &mut u32, _: &EventView<'_>) { *facts += 1; }
/// #     fn view(&self, facts: &u32, _: Timestamp) -> u32 { *facts }
/// #     fn fingerprint(&self) -> Fingerprint { Fingerprint::of("facts", 1, &()) }
/// # }
/// use core::num::NonZeroUsize;
/// use core::ops::ControlFlow::Continue;
/// use tenure_core::log::Cut;
/// use tenure_store::{MemoryStore, replay};
/// let store = MemoryStore::new();
/// let two = NonZeroUsize::MIN.saturating_add(1);
/// let states = replay(&store, &Facts, Cut::default(), two, |_| Continue(()))?;
/// assert!(states.is_empty());
/// # Ok::<(), tenure_store::ReplayError>(())
/// ```
pub fn replay<S: EventStore, P: Projection + Clone + Send>(
    store: &S,
    projection: P,
    cut: Cut,
    threads: NonZeroUsize,
    mut progress: impl FnMut(Progress) -> ControlFlow<()>,
) -> Result<States<P>, ReplayError> {
    if threads == NonZeroUsize::MIN {
        return pollster::block_on(replay_serial(store, projection, cut, progress));
    }
    let head = pollster::block_on(store.head())?.position;
    let known = pollster::block_on(corrections(store, cut, head))?;
    let shares = u32::try_from(threads.get()).unwrap_or(u32::MAX);
    let new = || States::new(projection.clone(), cut).with_corrections(known.clone());
    let mut shares: Vec<States<P>> =
        Partition::split(shares).map(|partition| new().in_partition(partition)).collect();
    let scan = Scan::new(cut, Position::START, head);
    let absorb = |states: &mut States<P>, facts: &FactBlock| states.absorb(facts, head);
    broadcast(store, scan, &mut shares, absorb, |position| {
        progress(Progress { position, head, refolded: 0, stale: 0 })
    })?;
    refold::parallel(store, &mut shares, head, &mut progress)?;
    let mut all = new();
    all.scanned(head);
    for share in shares {
        all.union(share);
    }
    Ok(all)
}

async fn corrections<S: EventStore>(store: &S, cut: Cut, head: Position) -> Result<Corrections, StoreError> {
    Ok(correcting(store, cut, head, OnUnreadable::Stop).await?.events().collect())
}

/// The facts that correct something, up to a position.
pub(crate) async fn correcting<S: EventStore>(
    store: &S,
    cut: Cut,
    head: Position,
    on_unreadable: OnUnreadable,
) -> Result<FactBlock, StoreError> {
    let mut known = FactBlock::new();
    let mut scan = Scan::new(cut, Position::START, head).on_unreadable(on_unreadable);
    scan.read = scan.read.kinds(KindSet::CORRECTIONS);
    while let Some(facts) = scan.next(store).await? {
        for fact in facts.iter().filter(|fact| fact.position <= head) {
            known.push(&fact);
        }
    }
    Ok(known)
}

/// Reads once and shows every page to every worker, each on a thread of its own (one worker: on this one).
fn broadcast<S: EventStore, W: Send>(
    store: &S,
    mut scan: Scan,
    workers: &mut [W],
    work: impl Fn(&mut W, &FactBlock) + Sync,
    mut progress: impl FnMut(Position) -> ControlFlow<()>,
) -> Result<(), ReplayError> {
    if let [only] = workers {
        while let Some(facts) = pollster::block_on(scan.next(store))? {
            work(only, &facts);
            if progress(scan.at()).is_break() {
                return Err(ReplayError::Stopped { at: scan.at() });
            }
        }
        return Ok(());
    }
    thread::scope(|scope| {
        let work = &work;
        let mut threads = Vec::with_capacity(workers.len());
        for worker in workers {
            let (pages, waiting) = sync_channel::<Arc<FactBlock>>(WAITING);
            scope.spawn(move || {
                for facts in waiting {
                    work(worker, &facts);
                }
            });
            threads.push(pages);
        }
        while let Some(facts) = pollster::block_on(scan.next(store))? {
            let facts = Arc::new(facts);
            for pages in &threads {
                // Only a worker that panicked does not take its page; the scope passes the panic on.
                if pages.send(Arc::clone(&facts)).is_err() {
                    return Ok(());
                }
            }
            if progress(scan.at()).is_break() {
                return Err(ReplayError::Stopped { at: scan.at() });
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use core::ops::ControlFlow::{Break, Continue};

    use proptest::prelude::*;
    use tenure_core::fold::{Fingerprint, Folded};
    use tenure_core::log::{Append, KnownAt};
    use tenure_core::{CustomerEvent, CustomerId, CustomerKey, Event, EventId, EventView, Timestamp};

    use super::*;
    use crate::{ManualClock, MemoryStore};

    /// Remembers the ids in the order in which they came: any other order is another state.
    #[derive(Clone)]
    struct Trace;

    impl Projection for Trace {
        type State = Vec<EventId>;
        type View = usize;
        fn init(&self) -> Self::State {
            Vec::new()
        }
        fn apply(&self, ids: &mut Self::State, fact: &EventView<'_>) {
            ids.push(fact.id);
        }
        fn view(&self, ids: &Self::State, _: Timestamp) -> usize {
            ids.len()
        }
        fn fingerprint(&self) -> Fingerprint {
            Fingerprint::of("trace", 1, &())
        }
    }

    fn event(n: usize, on: u8, at: i64, what: u8, target: u8) -> Event {
        let customer = |n: u8| CustomerKey::new("shop", &format!("c{n}")).unwrap();
        let id = |n: u8| EventId::from_bytes([n; 16]);
        let fact = match what {
            0 => CustomerEvent::EventVoided { target: id(target), why: None },
            1 if target % 6 != on => CustomerEvent::IdentityMerged { other: customer(target % 6).into() },
            _ => CustomerEvent::SignedUp {},
        };
        let at = Timestamp::from_micros(at).unwrap();
        Event::new(id(u8::try_from(n).unwrap()), customer(on).into(), at, fact).unwrap()
    }

    /// Facts of six customers in any order of time, some taken back, some customers merged.
    fn histories() -> impl Strategy<Value = Vec<Event>> {
        prop::collection::vec((0..6_u8, 0..30_i64, 0..12_u8, 0..60_u8), 0..60).prop_map(|facts| {
            let facts = facts.into_iter().enumerate();
            facts.map(|(n, (on, at, what, target))| event(n, on, at, what, target)).collect()
        })
    }

    fn cuts() -> impl Strategy<Value = Cut> {
        let at = prop::option::of((0..30_i64).prop_map(|at| Timestamp::from_micros(at).unwrap()));
        let known = prop_oneof![
            Just(KnownAt::Latest),
            (0..70_u64).prop_map(|position| KnownAt::Position(Position(position)))
        ];
        (at, known).prop_map(|(as_of, known_at)| Cut { as_of, known_at })
    }

    fn store_of(events: &[Event]) -> MemoryStore {
        let store = MemoryStore::with_clock(Arc::new(ManualClock::new(Timestamp::MIN)));
        for event in events {
            pollster::block_on(store.append(Append::new(vec![event.clone()]))).unwrap();
        }
        store
    }

    type All = (Vec<(CustomerId, Folded<Vec<EventId>>, String)>, Position, Option<Timestamp>);

    fn all(states: &States<Trace>) -> All {
        assert!(states.stale().is_empty());
        let customers = states.iter().map(|(id, folded)| (id, folded.clone(), states.shown(id))).collect();
        (customers, states.scanned_to(), states.latest())
    }

    proptest! {
        #[test]
        fn any_number_of_threads_gives_the_states_of_the_log(events in histories(), cut in cuts()) {
            let store = store_of(&events);
            let expected = all(&States::of_log(Trace, cut, &store.log()));
            for threads in 1..=4 {
                let threads = NonZeroUsize::new(threads).unwrap();
                let states = replay(&store, Trace, cut, threads, |_| Continue(())).unwrap();
                prop_assert_eq!(&all(&states), &expected);
            }
        }

        #[test]
        fn states_that_are_kept_up_to_date_are_those_of_a_replay(
            events in histories(),
            cut in cuts(),
            stops in prop::collection::vec(0..60_usize, 0..4),
        ) {
            let mut states = States::new(Trace, cut);
            for stop in stops.into_iter().chain([events.len()]) {
                let store = store_of(&events[..stop.min(events.len())]);
                pollster::block_on(catch_up(&store, &mut states, |_| Continue(()))).unwrap();
            }
            // A void may leave the latest instant too late, so it is no part of the comparison.
            let replayed = States::of_log(Trace, cut, &store_of(&events).log());
            prop_assert_eq!(all(&states).0, all(&replayed).0);
        }

        #[test]
        fn a_stopped_catch_up_goes_on_where_it_was(events in histories(), patience in 0..12_u32) {
            let store = store_of(&events);
            let mut states = States::new(Trace, Cut::default());
            let mut left = patience;
            for _ in 0..100 {
                let result = pollster::block_on(catch_up(&store, &mut states, |_| {
                    left = left.saturating_sub(1);
                    if left == 0 { Break(()) } else { Continue(()) }
                }));
                left = patience + 100;
                if result.is_ok() {
                    break;
                }
            }
            let replayed = States::of_log(Trace, Cut::default(), &store.log());
            prop_assert_eq!(all(&states).0, all(&replayed).0);
        }
    }

    #[test]
    fn progress_ends_at_the_head_and_can_stop() {
        let events: Vec<_> = (0..50).map(|n| event(n, 0, i64::try_from(n).unwrap(), 9, 0)).collect();
        let store = store_of(&events);
        for threads in [1, 3] {
            let threads = NonZeroUsize::new(threads).unwrap();
            let mut last = None;
            replay(&store, Trace, Cut::default(), threads, |progress| {
                last = Some(progress);
                Continue(())
            })
            .unwrap();
            assert_eq!(last.map(|progress| (progress.position.0, progress.head.0)), Some((50, 50)));
            let stopped = replay(&store, Trace, Cut::default(), threads, |_| Break(()));
            assert!(matches!(stopped, Err(ReplayError::Stopped { at: Position(50) })));
        }
    }
}
