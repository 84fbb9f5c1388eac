//! Rules 27 to 35: what a read gives; and old schemas, unknown kinds, ids and notes.

use std::thread;

use tenure_core::log::{Cut, Direction, FactBlock, KindSet, KnownAt, Read};
use tenure_core::{Duration, Kind, Position, RecordedView, Timestamp, Version};
use tenure_store::{EventStore, StoreError};

use super::facts::{customer, fact, facts, head, id, line, pages, read_all, store_all, stream};
use super::{AnyAdapter, Failure, Outcome, Verdict, ensure, fresh, same, standing, today};

const SIZES: [usize; 7] = [1, 2, 3, 7, 10, 30, 4096];

/// Whatever the size of a page, the facts are the same, in the log and in a stream, and no page is too long.
///
/// # Errors
/// How it is broken.
pub fn r27_any_size_of_page_gives_the_same_list(adapter: &dyn AnyAdapter) -> Outcome {
    let store = fresh(adapter);
    for (n, name) in (0..30).zip(["ann", "bob", "eve"].iter().cycle()) {
        store_all(&store, vec![fact(n, name)?])?;
    }
    let ids: Vec<_> = (0..30).map(id).collect();
    for size in SIZES {
        let pages = pages(&store, Read::all().limit(size))?;
        ensure!(pages.iter().all(|page| page.facts.len() <= size), "a page is longer than {size}");
        let read: Vec<_> =
            pages.iter().flat_map(|page| page.facts.iter().map(|fact| fact.event.id)).collect();
        same("facts", &read, &ids)?;
        let versions: Vec<_> = stream(&store, "bob", size)?.iter().map(|fact| fact.version.0).collect();
        same("versions of a stream", &versions, &(1..=10).collect())?;
    }
    let none = pages(&store, Read::all().limit(0))?;
    same(
        "facts in pages of size 0, which means 1",
        &none.iter().map(|page| page.facts.len()).sum(),
        &30_usize,
    )?;
    Ok(Verdict::Held)
}

/// A read begins behind its position, ends at the head, and says where it stands.
///
/// # Errors
/// How it is broken.
pub fn r28_bounds_are_exact(adapter: &dyn AnyAdapter) -> Outcome {
    let store = fresh(adapter);
    let empty = pollster::block_on(store.read(&Read::all()))?;
    ensure!(empty.facts.is_empty() && empty.is_last(&Read::all()), "an empty log has a page: {empty:?}");
    let backward = Read::backward();
    ensure!(
        pollster::block_on(store.read(&backward))?.is_last(&backward),
        "an empty log has no end backward"
    );
    store_all(&store, facts(0..5, "ann")?)?;
    let cases: [(Direction, u64, usize, &[u64], u64); 12] = [
        (Direction::Forward, 0, 2, &[1, 2], 2),
        (Direction::Forward, 2, 2, &[3, 4], 4),
        (Direction::Forward, 3, 2, &[4, 5], 5),
        (Direction::Forward, 4, 2, &[5], 5),
        (Direction::Forward, 5, 2, &[], 5),
        (Direction::Forward, 9, 2, &[], 9),
        (Direction::Backward, u64::MAX, 2, &[5, 4], 4),
        (Direction::Backward, 6, 9, &[5, 4, 3, 2, 1], 1),
        (Direction::Backward, 5, 2, &[4, 3], 3),
        (Direction::Backward, 2, 2, &[1], 1),
        (Direction::Backward, 1, 2, &[], 1),
        (Direction::Backward, 0, 2, &[], 0),
    ];
    for (direction, from, limit, positions, scanned_to) in cases {
        let read = Read { direction, ..Read::all().from(Position(from)).limit(limit) };
        let page = pollster::block_on(store.read(&read))?;
        let found: Vec<_> = page.facts.iter().map(|fact| fact.position.0).collect();
        let what = format!("{direction:?} from {from}, {limit} facts");
        same(&what, &(found.as_slice(), page.scanned_to.0, page.head.0), &(positions, scanned_to, 5))?;
    }
    for (after, versions) in [(0, vec![1, 2]), (3, vec![4, 5]), (4, vec![5]), (5, vec![]), (u64::MAX, vec![])]
    {
        let page = pollster::block_on(store.read_stream(customer("ann")?, Version(after), 2))?;
        let found: Vec<_> = page.facts.iter().map(|fact| fact.version.0).collect();
        same(&format!("stream after {after}"), &(found, page.version.0), &(versions, 5))?;
    }
    Ok(Verdict::Held)
}

/// Backward gives the same facts, last first, for every filter and size of page.
///
/// # Errors
/// How it is broken.
pub fn r29_backward_is_the_reverse_of_forward(adapter: &dyn AnyAdapter) -> Outcome {
    let store = fresh(adapter);
    some_history(&store)?;
    for read in some_reads() {
        for size in SIZES {
            let backward =
                Read { direction: Direction::Backward, from: Position(u64::MAX), ..read.limit(size) };
            let mut positions: Vec<_> =
                read_all(&store, backward)?.iter().map(|fact| fact.position.0).collect();
            positions.reverse();
            let forward: Vec<_> = read_all(&store, read)?.iter().map(|fact| fact.position.0).collect();
            same(&format!("{read:?} backward"), &positions, &forward)?;
        }
    }
    Ok(Verdict::Held)
}

/// A filter that matches nothing, or little, still brings the reader to the end; and again behind new facts.
///
/// # Errors
/// How it is broken.
pub fn r30_filters_move_scanned_to(adapter: &dyn AnyAdapter) -> Outcome {
    let store = fresh(adapter);
    store_all(&store, facts(0..20, "ann")?)?;
    let none = [
        Read::all().kinds(KindSet::NONE),
        Read::all().kinds(KindSet::CORRECTIONS),
        Read::all().kinds(KindSet::NONE.with(Kind::Foreign)),
        Read::all().cut(Cut::as_of(Timestamp::MIN)),
        Read::all().cut(Cut { known_at: KnownAt::Position(Position(0)), ..Cut::default() }),
    ];
    for read in none {
        let pages = pages(&store, read)?;
        ensure!(pages.iter().all(|page| page.facts.is_empty()), "{read:?} found something");
        same(&format!("{read:?} scanned to"), &pages.last().map(|page| page.scanned_to.0), &Some(20))?;
    }
    let void = line(
        50,
        &format!(
            r#"{{"customer":"ann","occurred_at":"2024-01-01T00:00:00Z","kind":"event_voided","subject":"{}"}}"#,
            id(3)
        ),
    )?;
    store_all(&store, vec![void])?;
    store_all(&store, facts(20..25, "ann")?)?;
    let corrections = Read::all().kinds(KindSet::CORRECTIONS).from(Position(20));
    let pages = pages(&store, corrections.limit(1))?;
    let found: Vec<_> = pages.iter().flat_map(|page| page.facts.iter().map(|fact| fact.position.0)).collect();
    same("corrections", &(found, pages.last().map(|page| page.scanned_to.0)), &(vec![21], Some(26)))?;
    Ok(Verdict::Held)
}

/// A customer without facts has an empty stream at version 0.
///
/// # Errors
/// How it is broken.
pub fn r31_a_missing_stream_is_empty(adapter: &dyn AnyAdapter) -> Outcome {
    let store = fresh(adapter);
    for _ in 0..2 {
        for after in [0, 7] {
            let page = pollster::block_on(store.read_stream(customer("bob")?, Version(after), 10))?;
            ensure!(page.facts.is_empty() && page.version == Version(0), "a missing stream has {page:?}");
        }
        store_all(&store, facts(0..2, "ann")?)?;
    }
    Ok(Verdict::Held)
}

/// Whatever a reader sees while others append is the beginning of the log, and no append half.
///
/// # Errors
/// How it is broken.
pub fn r32_a_read_during_appends_is_a_prefix(adapter: &dyn AnyAdapter) -> Outcome {
    const BATCH: u64 = 10;
    const BATCHES: u64 = 60;
    let store = &fresh(adapter);
    thread::scope(|scope| -> Result<(), Failure> {
        let writer = scope.spawn(move || -> Result<(), Failure> {
            for batch in 0..BATCHES {
                store_all(store, facts(batch * BATCH..(batch + 1) * BATCH, "ann")?)?;
            }
            Ok(())
        });
        loop {
            let over = writer.is_finished();
            let read = Read::all().limit(usize::MAX);
            let page = pollster::block_on(store.read(&read))?;
            if page.is_last(&read) {
                same("facts of a page to the end", &(page.facts.len() as u64), &page.head.0)?;
            }
            ensure!(page.head.0 % BATCH == 0, "half an append is seen: {} facts", page.head.0);
            ensure!(
                page.facts.iter().zip(0..).all(|(fact, n)| fact.event.id == id(n)),
                "what was read is no beginning of the log"
            );
            let stream = pollster::block_on(store.read_stream(customer("ann")?, Version(0), usize::MAX))?;
            ensure!(
                stream.version.0 % BATCH == 0,
                "half an append is seen in the stream: {}",
                stream.version
            );
            if over {
                break;
            }
        }
        writer.join().unwrap_or_else(|_| Err("the writer panicked".into()))
    })?;
    same("facts", &head(store)?, &(BATCH * BATCHES))?;
    Ok(Verdict::Held)
}

/// As of an instant, as known at an instant or a position, and both: what a filter over all facts says.
///
/// # Errors
/// How it is broken.
pub fn r33_cuts_in_time_are_those_of_a_naive_model(adapter: &dyn AnyAdapter) -> Outcome {
    let clock = standing();
    let store = adapter.open(std::sync::Arc::<tenure_store::ManualClock>::clone(&clock));
    for (days, n) in (0..6).zip([10_u64, 3, 7, 1, 12, 5]) {
        clock.set(today().checked_add(Duration::days(days)).unwrap_or(Timestamp::MAX));
        let at = format!("2024-05-{n:02}T00:00:00Z");
        let text = |rest: &str| format!(r#"{{"customer":"ann","occurred_at":"{at}",{rest}}}"#);
        store_all(
            &store,
            vec![
                line(n * 10, &text(r#""kind":"signed_up""#))?,
                line(n * 10 + 1, &text(r#""kind":"signed_up","context":{"known_lag":"2d"}"#))?,
                line(n * 10 + 2, &text(&format!(r#""kind":"event_voided","subject":"{}""#, id(n * 10))))?,
            ],
        )?;
    }
    let all = read_all(&store, Read::all())?;
    let instants: Vec<Option<Timestamp>> = (0..16)
        .map(|day| today().checked_add(Duration::days(day)))
        .chain([None, Some(Timestamp::MIN), Some(Timestamp::MAX)])
        .collect();
    for as_of in &instants {
        let instants_known = || instants.iter().flatten().copied();
        let known = instants_known().map(KnownAt::Instant).chain(instants_known().map(KnownAt::AsOccurred));
        let known = known.chain((0..20).map(|position| KnownAt::Position(Position(position))));
        for known_at in known.chain([KnownAt::Latest, KnownAt::Position(Position(u64::MAX))]) {
            let naive: Vec<_> = all.iter().filter(|fact| naive(fact, *as_of, known_at)).map(place).collect();
            let read = Read::all().cut(Cut { as_of: *as_of, known_at });
            for read in [
                read,
                read.limit(2),
                Read { direction: Direction::Backward, ..read.from(Position(u64::MAX)) },
            ] {
                let mut found: Vec<_> = read_all(&store, read)?.iter().map(place).collect();
                found.sort_unstable();
                same(&format!("{read:?}"), &found, &naive)?;
            }
        }
    }
    Ok(Verdict::Held)
}

fn place(fact: RecordedView<'_>) -> u64 {
    fact.position.0
}

/// The two axes, said again without the core's words for them.
fn naive(fact: &RecordedView<'_>, as_of: Option<Timestamp>, known_at: KnownAt) -> bool {
    let happened =
        as_of.is_none_or(|at| fact.event.occurred_at <= at || fact.event.kind_name == "event_voided");
    let known = match known_at {
        KnownAt::Position(position) => fact.position.0 <= position.0,
        KnownAt::Instant(at) => {
            let lag = fact.decode_context().known_lag.map_or(0, Duration::as_micros);
            let since = if lag == 0 {
                fact.recorded_at.as_micros()
            } else {
                fact.event.occurred_at.as_micros() + lag
            };
            since <= at.as_micros()
        }
        KnownAt::AsOccurred(at) => {
            let lag = fact.decode_context().known_lag.map_or(0, Duration::as_micros);
            fact.event.occurred_at.as_micros() + lag <= at.as_micros()
        }
        _ => true,
    };
    happened && known
}

/// A fact that cannot be read is an error that names it; what stands before and behind it can be read, in the log
/// both ways and in the stream, and nothing pretends that the log ends there.
///
/// # Errors
/// How it is broken.
pub fn r34_an_unreadable_fact_is_named_and_ends_nothing(adapter: &dyn AnyAdapter) -> Outcome {
    let store = fresh(adapter);
    store_all(&store, facts(0..9, "ann")?)?;
    let bad = Position(5);
    if !adapter.spoil(&store, bad) {
        return Ok(Verdict::Skipped("there is no way to make a fact unreadable"));
    }
    for limit in [1, 2, 3, 4096] {
        for read in [Read::all().limit(limit), Read::backward().limit(limit)] {
            let (mut read, mut seen, mut errors) = (read, Vec::new(), 0);
            for _ in 0..30 {
                match pollster::block_on(store.read(&read)) {
                    Ok(page) => {
                        seen.extend(page.facts.iter().map(place));
                        let last = page.is_last(&read);
                        read.from = page.scanned_to;
                        if last {
                            break;
                        }
                    }
                    Err(StoreError::Undecodable { position, version, .. }) => {
                        same("place told", &(position, version), &(bad, Version(5)))?;
                        errors += 1;
                        read.from = position;
                    }
                    Err(other) => return Err(other.into()),
                }
            }
            seen.sort_unstable();
            same("errors and facts around it", &(errors, seen), &(1, vec![1, 2, 3, 4, 6, 7, 8, 9]))?;
        }
        let (mut after, mut seen, mut errors) = (Version(0), Vec::new(), 0);
        for _ in 0..30 {
            match pollster::block_on(store.read_stream(customer("ann")?, after, limit)) {
                Ok(page) => {
                    seen.extend(page.facts.iter().map(|fact| fact.version.0));
                    let last = page.is_last(after);
                    after = page.facts.iter().next_back().map_or(after, |fact| fact.version);
                    if last {
                        break;
                    }
                }
                Err(StoreError::Undecodable { position, version, .. }) => {
                    same("place told in the stream", &(position, version), &(bad, Version(5)))?;
                    errors += 1;
                    after = version;
                }
                Err(other) => return Err(other.into()),
            }
        }
        same("errors and facts of the stream", &(errors, seen), &(1, vec![1, 2, 3, 4, 6, 7, 8, 9]))?;
    }
    // It is still an id that is taken, and the log goes on.
    store_all(&store, facts(9..10, "ann")?)?;
    same("head", &head(&store)?, &10)?;
    Ok(Verdict::Held)
}

/// Two logs in one database share neither positions nor ids nor streams nor notes.
///
/// # Errors
/// How it is broken.
pub fn r35_two_logs_never_see_each_other(adapter: &dyn AnyAdapter) -> Outcome {
    let clock = standing();
    let (left, right) = match adapter.twins(clock) {
        Some(twins) => twins,
        None => (fresh(adapter), fresh(adapter)),
    };
    store_all(&left, facts(0..3, "ann")?)?;
    store_all(&right, facts(1..2, "ann")?)?;
    pollster::block_on(left.put_note("a", None, "left"))?;
    same("heads", &(head(&left)?, head(&right)?), &(3, 1))?;
    same(
        "known to the other",
        &pollster::block_on(right.known(&[id(0), id(1)]))?,
        &vec![None, Some(Position(1))],
    )?;
    same("stream of the other", &stream(&right, "ann", 10)?.len(), &1)?;
    same("note of the other", &pollster::block_on(right.note("a"))?, &None)?;
    Ok(Verdict::Held)
}

/// A fact in an old schema is read in the current one, and says which one it is stored in.
///
/// # Errors
/// How it is broken.
pub fn r51_old_schemas_are_brought_forward(adapter: &dyn AnyAdapter) -> Outcome {
    let store = fresh(adapter);
    let old = line(
        1,
        r#"{"customer":"ann","occurred_at":"2024-01-01T00:00:00Z","kind":"survey_answered","schema":1,
            "channel":"web","data":{"survey":"nps","score":9,"more":"kept"},"context":{"source":"s"}}"#,
    )?;
    let new = line(
        1,
        r#"{"customer":"ann","occurred_at":"2024-01-01T00:00:00Z","kind":"survey_answered","channel":"web",
            "subject":"nps","number":9,"data":{"more":"kept"}}"#,
    )?;
    store_all(&store, vec![old.clone()])?;
    let context = old.context().to_text();
    let expected = old.recorded((Position(1), Version(1)), today(), &context);
    for read in [read_all(&store, Read::all())?, stream(&store, "ann", 1)?] {
        let found = read.get(0).ok_or("the fact is not there")?;
        same("fact", &found, &expected)?;
        same("content", &found.event, &new.view())?;
    }
    // The same fact in the new schema is the same fact.
    let done = pollster::block_on(store.append(tenure_core::log::Append::new(vec![new])))?;
    ensure!(done.already_stored(), "the fact was stored again in its new schema");
    Ok(Verdict::Held)
}

/// A kind that nobody knows keeps its name, its schema and its body.
///
/// # Errors
/// How it is broken.
pub fn r52_unknown_kinds_are_kept(adapter: &dyn AnyAdapter) -> Outcome {
    let store = fresh(adapter);
    let mut expected = FactBlock::new();
    let mut events = Vec::new();
    for n in 0..6 {
        events.push(line(
            n,
            &format!(
                r#"{{"customer":"ann","occurred_at":"2024-01-01T00:00:00Z","kind":"moon_phase_{}","schema":{},
                    "subject":"s","data":{{"x":{n}}}}}"#,
                n % 3,
                n + 1
            ),
        )?);
    }
    for (event, n) in events.iter().zip(1..) {
        expected.push(&event.recorded((Position(n), Version(n)), today(), ""));
        store_all(&store, vec![event.clone()])?;
    }
    let foreign = Read::all().kinds(KindSet::NONE.with(Kind::Foreign));
    same("facts", &read_all(&store, foreign)?, &expected)?;
    Ok(Verdict::Held)
}

/// Ids are looked up many at a time and answered in the order asked.
///
/// # Errors
/// How it is broken.
pub fn ids_are_found(adapter: &dyn AnyAdapter) -> Outcome {
    let store = fresh(adapter);
    store_all(&store, facts(0..5, "ann")?)?;
    let asked = [id(9), id(4), id(0), id(4)];
    let known = pollster::block_on(store.known(&asked))?;
    let expected = vec![None, Some(Position(5)), Some(Position(1)), Some(Position(5))];
    same("positions", &known, &expected)?;
    ensure!(pollster::block_on(store.known(&[]))?.is_empty(), "nothing asked, something answered");
    Ok(Verdict::Held)
}

/// Facts of several customers and kinds, early and late.
fn some_history<S: EventStore>(store: &S) -> Result<(), Failure> {
    let mut events = Vec::new();
    for (n, name) in (0..24_u64).zip(["ann", "bob", "eve"].iter().cycle()) {
        events.push(fact(n * 7 % 24, name)?);
        if n % 8 == 0 {
            let text = format!(
                r#"{{"customer":"{name}","occurred_at":"2024-01-01T00:00:00Z","kind":"event_voided","subject":"{}"}}"#,
                id(n)
            );
            events.push(line(100 + n, &text)?);
        }
    }
    store_all(store, events)
}

fn some_reads() -> Vec<Read> {
    let instant = Timestamp::parse("2024-01-01T00:11:00Z").unwrap_or(Timestamp::MIN);
    vec![
        Read::all(),
        Read::all().kinds(KindSet::CORRECTIONS),
        Read::all().kinds(KindSet::NONE.with(Kind::PointsEarned)),
        Read::all().cut(Cut::as_of(instant)),
        Read::all().cut(Cut { known_at: KnownAt::Position(Position(13)), ..Cut::default() }),
    ]
}
