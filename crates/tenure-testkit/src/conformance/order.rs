//! Rules 19 to 22: the order of the log, and readers that follow it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tenure_core::log::Read;
use tenure_core::{Duration, Position, Timestamp};
use tenure_store::{AnyStore, Clock, EventStore, ManualClock};

use super::facts::{fact, facts, read_all, store_all};
use super::{AnyAdapter, Failure, Outcome, Verdict, ensure, fresh, same, standing, today};

/// Positions are 1, 2, 3 ... over batches, customers and duplicates.
///
/// # Errors
/// How it is broken.
pub fn r19_positions_are_contiguous_from_one(adapter: &dyn AnyAdapter) -> Outcome {
    let store = fresh(adapter);
    for start in [0, 3, 5, 40, 41] {
        store_all(&store, facts(start..start + 10, "ann")?)?;
        store_all(&store, vec![fact(100 + start, "bob")?])?;
    }
    let positions: Vec<_> = read_all(&store, Read::all())?.iter().map(|fact| fact.position.0).collect();
    same("positions", &positions, &(1..=positions.len() as u64).collect())?;
    same("facts", &positions.len(), &31)?;
    Ok(Verdict::Held)
}

/// Within a customer, a later version has a later position.
///
/// # Errors
/// How it is broken.
pub fn r20_the_order_of_versions_is_that_of_positions(adapter: &dyn AnyAdapter) -> Outcome {
    let store = fresh(adapter);
    let names = ["ann", "bob", "eve"];
    for (n, name) in (0..90).zip(names.iter().cycle()) {
        // Ids and instants run backward: neither decides.
        store_all(&store, vec![fact(100 - n, name)?])?;
    }
    for name in names {
        let stream = super::facts::stream(&store, name, 4)?;
        let places: Vec<_> = stream.iter().map(|fact| (fact.position, fact.version.0)).collect();
        ensure!(places.is_sorted(), "the positions of a stream do not rise: {places:?}");
        same(
            "versions",
            &places.iter().map(|(_, version)| *version).collect(),
            &(1..=30).collect::<Vec<u64>>(),
        )?;
    }
    Ok(Verdict::Held)
}

/// The clock goes back, `recorded_at` does not; and it is the clock's word otherwise.
///
/// # Errors
/// How it is broken.
pub fn r21_recorded_at_never_decreases(adapter: &dyn AnyAdapter) -> Outcome {
    let clock = standing();
    let store = adapter.open(Arc::<ManualClock>::clone(&clock));
    let day = |days: u32| today().checked_add(Duration::days(days)).unwrap_or(Timestamp::MAX);
    let mut expected = Vec::new();
    for (n, (shown, recorded)) in
        [(3, 3), (1, 3), (0, 3), (4, 4), (2, 4)].into_iter().enumerate().map(|(n, days)| (n as u64, days))
    {
        clock.set(day(shown));
        store_all(&store, vec![fact(n, "ann")?])?;
        expected.push(day(recorded));
    }
    let read = |store: &AnyStore| -> Result<Vec<_>, Failure> {
        Ok(read_all(store, Read::all())?.iter().map(|fact| fact.recorded_at).collect())
    };
    same("recorded_at", &read(&store)?, &expected)?;
    // What was recorded last is remembered by the store and not by the handle.
    clock.set(day(0));
    if let Ok(store) = adapter.reopen(store, clock) {
        store_all(&store, vec![fact(9, "ann")?])?;
        expected.push(day(4));
        same("recorded_at after opening again", &read(&store)?, &expected)?;
    }
    Ok(Verdict::Held)
}

/// A reader that polls `position > checkpoint` while several write sees everything once, in order.
///
/// # Errors
/// How it is broken.
pub fn r22_a_polling_reader_misses_nothing(adapter: &dyn AnyAdapter) -> Outcome {
    const WRITERS: u64 = 3;
    const EACH: u64 = 40;
    let store = &fresh(adapter);
    let writing = &AtomicUsize::new(usize::try_from(WRITERS).unwrap_or(usize::MAX));
    let (written, seen) = thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                scope.spawn(move || -> Result<(), Failure> {
                    let all = (0..EACH).try_for_each(|n| {
                        let first = writer * 1_000 + n * 3;
                        store_all(store, facts(first..first + 1 + n % 3, &format!("c{}", n % 5))?)
                    });
                    writing.fetch_sub(1, Ordering::SeqCst);
                    all
                })
            })
            .collect();
        let reader = scope.spawn(move || -> Result<Vec<Position>, Failure> {
            let (mut seen, mut read) = (Vec::new(), Read::all().limit(7));
            loop {
                let over = writing.load(Ordering::SeqCst) == 0;
                let page = pollster::block_on(store.read(&read))?;
                seen.extend(page.facts.iter().map(|fact| fact.position));
                let last = page.is_last(&read);
                read.from = page.scanned_to;
                if over && last {
                    return Ok(seen);
                }
            }
        });
        let written: Result<(), Failure> = writers
            .into_iter()
            .try_for_each(|writer| writer.join().unwrap_or_else(|_| Err("a writer panicked".into())));
        (written, reader.join().unwrap_or_else(|_| Err("the reader panicked".into())))
    });
    written?;
    let stored: Vec<_> = read_all(store, Read::all())?.iter().map(|fact| fact.position).collect();
    same("what the reader saw", &seen?, &stored)?;
    Ok(Verdict::Held)
}

/// A log outlives its handle: facts, versions, ids and notes.
///
/// # Errors
/// How it is broken.
pub fn a_store_that_is_opened_again_is_the_same(adapter: &dyn AnyAdapter) -> Outcome {
    let clock: Arc<dyn Clock> = standing();
    let store = adapter.open(Arc::clone(&clock));
    store_all(&store, facts(0..50, "ann")?)?;
    pollster::block_on(store.put_note("batch", None, "a"))?;
    let (before, head) = (read_all(&store, Read::all())?, pollster::block_on(store.head())?);
    let Ok(store) = adapter.reopen(store, clock) else {
        return Ok(Verdict::Skipped("it does not outlive its handle"));
    };
    same("facts", &read_all(&store, Read::all())?, &before)?;
    same("head", &pollster::block_on(store.head())?, &head)?;
    same("note", &pollster::block_on(store.note("batch"))?.as_deref(), &Some("a"))?;
    store_all(&store, facts(49..51, "ann")?)?;
    same(
        "versions",
        &super::facts::stream(&store, "ann", 9)?.iter().next_back().map(|fact| fact.version.0),
        &Some(51),
    )?;
    Ok(Verdict::Held)
}
