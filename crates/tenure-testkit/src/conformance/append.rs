//! Rules 01 to 18: what an append does, and that a refused one does nothing.

use core::pin::pin;
use core::task::{Context, Waker};
use std::thread;

use tenure_core::log::{Append, AppendError, Expected, FactBlock, Read};
use tenure_core::{CustomerEvent, Event, Position, Version};
use tenure_store::{EventStore, StoreError};

use super::facts::{append_to, customer, fact, facts, head, id, line, read_all, refused, store_all, stream};
use super::{AnyAdapter, Failure, Outcome, Verdict, ensure, fresh, same, standing, today};

/// The first facts of a customer get versions 1, 2, 3 and so do those of the next.
///
/// # Errors
/// How it is broken; so for every rule.
pub fn r01_new_streams_count_versions_from_one(adapter: &dyn AnyAdapter) -> Outcome {
    let store = fresh(adapter);
    for (numbers, name) in [(0..3, "ann"), (3..5, "bob")] {
        let append = append_to(facts(numbers.clone(), name)?, &[(name, Expected::NoStream)])?;
        let done = pollster::block_on(store.append(append))?;
        let placed: Vec<_> =
            done.facts.iter().map(|fact| (fact.position.0, fact.version.0, fact.new)).collect();
        let expected: Vec<_> = numbers.clone().map(|n| (n + 1, n + 1 - numbers.start, true)).collect();
        same("places", &placed, &expected)?;
        same("head", &done.head, &Position(numbers.end))?;
    }
    let versions: Vec<_> = stream(&store, "bob", 10)?.iter().map(|fact| fact.version.0).collect();
    same("versions of the second stream", &versions, &vec![1, 2])?;
    Ok(Verdict::Held)
}

/// Facts of several customers in one append are stored in its order.
///
/// # Errors
/// How it is broken.
pub fn r02_an_append_over_several_streams_is_one(adapter: &dyn AnyAdapter) -> Outcome {
    let store = fresh(adapter);
    store_all(&store, vec![fact(0, "bob")?])?;
    let events = vec![fact(1, "ann")?, fact(2, "bob")?, fact(3, "ann")?, fact(4, "eve")?];
    let expected =
        [("ann", Expected::NoStream), ("bob", Expected::Exact(Version(1))), ("eve", Expected::NoStream)];
    let done = pollster::block_on(store.append(append_to(events, &expected)?))?;
    let placed: Vec<_> = done.facts.iter().map(|fact| (fact.position.0, fact.version.0)).collect();
    same("places", &placed, &vec![(2, 1), (3, 2), (4, 2), (5, 1)])?;
    let read: Vec<_> = read_all(&store, Read::all())?.iter().map(|fact| fact.event.id).collect();
    same("facts in the log", &read, &(0..5).map(id).collect())?;
    Ok(Verdict::Held)
}

/// One stream's wrong expectation leaves all streams as they were.
///
/// # Errors
/// How it is broken.
pub fn r03_one_bad_expectation_rolls_all_back(adapter: &dyn AnyAdapter) -> Outcome {
    let store = fresh(adapter);
    store_all(&store, facts(0..3, "ann")?)?;
    let events = vec![fact(10, "bob")?, fact(11, "ann")?, fact(12, "eve")?];
    let expected =
        [("bob", Expected::NoStream), ("ann", Expected::Exact(Version(2))), ("eve", Expected::NoStream)];
    let error = refused(&store, append_to(events, &expected)?)?;
    ensure!(error.is_conflict(), "{error:?} is no conflict");
    untouched(&store, 3, &[10, 11, 12])?;
    ensure!(stream(&store, "bob", 10)?.is_empty(), "the other stream was begun");
    Ok(Verdict::Held)
}

/// The log has `facts` facts and knows none of these ids.
fn untouched<S: EventStore>(store: &S, facts: u64, unknown: &[u64]) -> Result<(), Failure> {
    same("head", &head(store)?, &facts)?;
    same("facts to be read", &(read_all(store, Read::all())?.len() as u64), &facts)?;
    let ids: Vec<_> = unknown.iter().map(|n| id(*n)).collect();
    let known = pollster::block_on(store.known(&ids))?;
    ensure!(known.iter().all(Option::is_none), "ids of a refused append are known: {known:?}");
    Ok(())
}

fn conflict<S: EventStore>(
    store: &S,
    n: u64,
    name: &str,
    expected: Expected,
    actual: u64,
) -> Result<(), Failure> {
    let before = head(store)?;
    let error = refused(store, append_to(vec![fact(n, name)?], &[(name, expected)])?)?;
    match error {
        StoreError::Refused(AppendError::Version { customer: of, expected: told, actual: found }) => {
            same("customer of the conflict", &of, &customer(name)?)?;
            same("expectation told", &told, &expected)?;
            same("version told", &found, &Version(actual))?;
        }
        other => return Err(format!("expected {expected}: {other:?} is no conflict of versions").into()),
    }
    untouched(store, before, &[n])
}

/// `NoStream` on a stream with facts is a conflict that tells its version.
///
/// # Errors
/// How it is broken.
pub fn r04_no_stream_is_refused_on_an_existing_one(adapter: &dyn AnyAdapter) -> Outcome {
    let store = fresh(adapter);
    store_all(&store, facts(0..2, "ann")?)?;
    conflict(&store, 9, "ann", Expected::NoStream, 2)?;
    Ok(Verdict::Held)
}

/// `Exists` on a stream without facts is a conflict at version 0.
///
/// # Errors
/// How it is broken.
pub fn r05_exists_is_refused_on_a_missing_one(adapter: &dyn AnyAdapter) -> Outcome {
    let store = fresh(adapter);
    conflict(&store, 9, "ann", Expected::Exists, 0)?;
    store_all(&store, facts(0..1, "ann")?)?;
    let append = append_to(vec![fact(1, "ann")?], &[("ann", Expected::Exists)])?;
    pollster::block_on(store.append(append))?;
    Ok(Verdict::Held)
}

/// Stale and ahead, with numbers of several digits and of more than 31 and 63 bits.
///
/// # Errors
/// How it is broken.
pub fn r06_a_wrong_version_is_told_in_exact_numbers(adapter: &dyn AnyAdapter) -> Outcome {
    let store = fresh(adapter);
    store_all(&store, facts(0..12, "ann")?)?;
    for expected in [0, 1, 11, 13, 120, 1 << 31, (1 << 31) + 12, (1 << 53) + 1, u64::MAX] {
        conflict(&store, 99, "ann", Expected::Exact(Version(expected)), 12)?;
    }
    let append = append_to(vec![fact(12, "ann")?], &[("ann", Expected::Exact(Version(12)))])?;
    let done = pollster::block_on(store.append(append))?;
    same("version", &done.facts.first().map(|fact| fact.version), &Some(Version(13)))?;
    Ok(Verdict::Held)
}

/// Writers that expect nothing do not get in each other's way, on one stream and on several.
///
/// # Errors
/// How it is broken.
pub fn r07_concurrent_appends_without_expectation_are_all_stored(adapter: &dyn AnyAdapter) -> Outcome {
    const WRITERS: u64 = 4;
    const EACH: u64 = 25;
    let store = &fresh(adapter);
    thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                scope.spawn(move || -> Result<(), Failure> {
                    for n in writer * EACH..(writer + 1) * EACH {
                        store_all(store, vec![fact(n, if n % 2 == 0 { "ann" } else { "bob" })?])?;
                    }
                    Ok(())
                })
            })
            .collect();
        writers.into_iter().try_for_each(|writer| writer.join().unwrap_or_else(|_| Err("it panicked".into())))
    })?;
    same("facts", &head(store)?, &(WRITERS * EACH))?;
    for name in ["ann", "bob"] {
        let versions: Vec<_> = stream(store, name, 7)?.iter().map(|fact| fact.version.0).collect();
        same("versions", &versions, &(1..=WRITERS * EACH / 2).collect())?;
    }
    Ok(Verdict::Held)
}

/// Of writers that expect one version, one is served and the others are told, every time.
///
/// # Errors
/// How it is broken.
pub fn r08_of_racers_for_one_version_one_wins(adapter: &dyn AnyAdapter) -> Outcome {
    const RACERS: u64 = 4;
    let store = &fresh(adapter);
    for round in 0..10_u64 {
        let results: Vec<Result<bool, Failure>> = thread::scope(|scope| {
            let racers: Vec<_> = (0..RACERS)
                .map(|racer| {
                    scope.spawn(move || -> Result<bool, Failure> {
                        let events = vec![fact(round * RACERS + racer, "ann")?];
                        let append = append_to(events, &[("ann", Expected::Exact(Version(round)))])?;
                        match pollster::block_on(store.append(append)) {
                            Ok(_) => Ok(true),
                            Err(error) if error.is_conflict() => Ok(false),
                            Err(error) => Err(error.into()),
                        }
                    })
                })
                .collect();
            racers
                .into_iter()
                .map(|racer| racer.join().unwrap_or_else(|_| Err("it panicked".into())))
                .collect()
        });
        let won: Vec<bool> = results.into_iter().collect::<Result<_, _>>()?;
        same("winners", &won.iter().filter(|won| **won).count(), &1)?;
        same("facts", &head(store)?, &(round + 1))?;
    }
    Ok(Verdict::Held)
}

/// Nothing to append is a typed error.
///
/// # Errors
/// How it is broken.
pub fn r09_an_empty_batch_is_refused(adapter: &dyn AnyAdapter) -> Outcome {
    let store = fresh(adapter);
    let error = refused(&store, Append::new(vec![]))?;
    ensure!(matches!(error, StoreError::Refused(AppendError::Empty)), "{error:?} is not the typed refusal");
    same("head", &head(&store)?, &0)?;
    Ok(Verdict::Held)
}

/// A batch that is stored already is answered with its old places, whatever was expected: ids come before versions.
///
/// # Errors
/// How it is broken.
pub fn r10_the_same_batch_twice_is_stored_once(adapter: &dyn AnyAdapter) -> Outcome {
    let store = fresh(adapter);
    store_all(&store, facts(0..2, "ann")?)?;
    let append = append_to(facts(2..5, "ann")?, &[("ann", Expected::Exact(Version(2)))])?;
    let first = pollster::block_on(store.append(append.clone()))?;
    store_all(&store, facts(5..6, "ann")?)?;
    let again = pollster::block_on(store.append(append))?;
    ensure!(again.already_stored(), "the second time something was stored: {again:?}");
    let places = |facts: &[tenure_core::log::Placed]| -> Vec<_> {
        facts.iter().map(|fact| (fact.position, fact.version)).collect()
    };
    same("places", &places(&again.facts), &places(&first.facts))?;
    same("head", &head(&store)?, &6)?;
    let reversed: Vec<_> = facts(0..6, "ann")?.into_iter().rev().collect();
    let reversed = pollster::block_on(store.append(Append::new(reversed)))?;
    ensure!(reversed.already_stored(), "known facts in another order were stored: {reversed:?}");
    Ok(Verdict::Held)
}

/// An append whose caller went away, or whose answer was lost after the commit, is stored once when it is sent again.
///
/// # Errors
/// How it is broken.
pub fn r11_an_append_whose_answer_was_lost_can_be_sent_again(adapter: &dyn AnyAdapter) -> Outcome {
    let store = fresh(adapter);
    let append = append_to(facts(0..3, "ann")?, &[("ann", Expected::NoStream)])?;
    if adapter.cut_next_answer(&store) {
        // Whatever the answer was, if there was one.
        let _ = pollster::block_on(store.append(append.clone()));
    } else {
        let mut abandoned = pin!(store.append(append.clone()));
        let _ = abandoned.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }
    let done = pollster::block_on(store.append(append))?;
    same("places", &done.facts.iter().map(|fact| fact.position.0).collect::<Vec<_>>(), &vec![1, 2, 3])?;
    same("head", &head(&store)?, &3)?;
    same("facts", &stream(&store, "ann", 10)?.len(), &3)?;
    Ok(Verdict::Held)
}

/// Known facts are skipped where nothing is expected, and a typed conflict where something is.
///
/// # Errors
/// How it is broken.
pub fn r12_partly_known_batches(adapter: &dyn AnyAdapter) -> Outcome {
    let store = fresh(adapter);
    store_all(&store, facts(0..3, "ann")?)?;
    for expected in [Expected::Exact(Version(3)), Expected::Exists, Expected::NoStream] {
        let error = refused(&store, append_to(facts(1..5, "ann")?, &[("ann", expected)])?)?;
        match &error {
            StoreError::Refused(AppendError::PartlyKnown { id: first, known: 2, facts: 4 }) => {
                same("first known id", first, &id(1))?;
            }
            other => return Err(format!("{other:?} is not the typed conflict").into()),
        }
        ensure!(error.is_conflict(), "{error:?} is no conflict");
        untouched(&store, 3, &[3, 4])?;
    }
    let done = pollster::block_on(store.append(Append::new(facts(1..5, "ann")?)))?;
    let placed: Vec<_> = done.facts.iter().map(|fact| (fact.position.0, fact.version.0, fact.new)).collect();
    same("places", &placed, &vec![(2, 2, false), (3, 3, false), (4, 4, true), (5, 5, true)])?;
    same("head", &head(&store)?, &5)?;
    Ok(Verdict::Held)
}

/// An id that names another fact is a conflict that says where that one stands; the whole batch is refused.
///
/// # Errors
/// How it is broken.
pub fn r13_an_id_with_other_content_is_refused(adapter: &dyn AnyAdapter) -> Outcome {
    let store = fresh(adapter);
    store_all(&store, facts(0..3, "ann")?)?;
    let others = [
        fact(1, "bob")?,
        line(
            1,
            r#"{"customer":"ann","occurred_at":"2024-01-01T00:01:00Z","kind":"points_earned","number":7}"#,
        )?,
        line(
            1,
            r#"{"customer":"ann","occurred_at":"2024-01-01T00:01:01Z","kind":"points_earned","number":1}"#,
        )?,
        fact(1, "ann")?.with_channel("web")?,
        line(
            1,
            r#"{"customer":"ann","occurred_at":"2024-01-01T00:01:00Z","kind":"points_earned","number":1,
                "data":{"a":1}}"#,
        )?,
    ];
    for other in others {
        let error = refused(&store, Append::new(vec![fact(7, "eve")?, other]))?;
        match &error {
            StoreError::Refused(AppendError::IdTaken { id: taken, position }) => {
                same("id and position told", &(*taken, *position), &(id(1), Some(Position(2))))?;
            }
            other => return Err(format!("{other:?} is not the typed refusal").into()),
        }
        untouched(&store, 3, &[7])?;
    }
    // The origin is no part of a fact's equality.
    let again = line(
        1,
        r#"{"customer":"ann","occurred_at":"2024-01-01T00:01:00Z","kind":"points_earned","number":1,
            "context":{"source":"elsewhere"}}"#,
    )?;
    let done = pollster::block_on(store.append(Append::new(vec![again])))?;
    ensure!(done.already_stored(), "the same fact from elsewhere was stored again");
    Ok(Verdict::Held)
}

/// A fact twice in a batch is one fact; two facts of one id are refused.
///
/// # Errors
/// How it is broken.
pub fn r14_an_id_twice_in_a_batch(adapter: &dyn AnyAdapter) -> Outcome {
    let store = fresh(adapter);
    let error = refused(&store, Append::new(vec![fact(0, "ann")?, fact(1, "ann")?, fact(0, "bob")?]))?;
    match error {
        StoreError::Refused(AppendError::IdTaken { id: taken, position: None }) => {
            same("id", &taken, &id(0))?;
        }
        other => return Err(format!("{other:?} is not the typed refusal").into()),
    }
    untouched(&store, 0, &[0, 1])?;
    let batch = vec![fact(0, "ann")?, fact(1, "ann")?, fact(0, "ann")?];
    let done = pollster::block_on(store.append(Append::new(batch)))?;
    let placed: Vec<_> = done.facts.iter().map(|fact| (fact.position.0, fact.version.0, fact.new)).collect();
    same("places", &placed, &vec![(1, 1, true), (2, 2, true), (1, 1, false)])?;
    same("head", &head(&store)?, &2)?;
    Ok(Verdict::Held)
}

/// One fact, a thousand, ten thousand.
///
/// # Errors
/// How it is broken.
pub fn r15_batches_of_any_size(adapter: &dyn AnyAdapter) -> Outcome {
    let store = fresh(adapter);
    let mut next = 0;
    for size in [1, 1_000, 10_000] {
        let batch = (next..next + size)
            .map(|n| fact(n, ["ann", "bob", "eve"].get(usize::from(n % 7 == 0)).copied().unwrap_or("eve")))
            .collect::<Result<Vec<_>, _>>()?;
        let done = pollster::block_on(store.append(Append::new(batch)))?;
        next += size;
        same("stored", &(done.stored() as u64), &size)?;
        same("head", &done.head, &Position(next))?;
    }
    let read = read_all(&store, Read::all())?;
    ensure!(
        read.iter().zip(0..).all(|(fact, n)| fact.event.id == id(n) && fact.position.0 == n + 1),
        "the facts are not in the order of the appends"
    );
    same("facts", &(read.len() as u64), &next)?;
    Ok(Verdict::Held)
}

/// Unicode, long texts, extreme numbers, null, empty; and NUL, which no fact can hold.
///
/// # Errors
/// How it is broken.
pub fn r16_payloads_come_back_as_they_were(adapter: &dyn AnyAdapter) -> Outcome {
    let store = fresh(adapter);
    let long = "ü".repeat(32_768);
    let head_line = r#""customer":"ann","occurred_at":"2024-01-01T00:00:00Z","kind":"tracked""#;
    let bodies = [
        r#""data":{}"#.to_owned(),
        r#""data":{"n":null,"e":"","a":[],"o":{}}"#.to_owned(),
        format!(r#""data":{{"min":{},"max":{},"more":{}}}"#, i64::MIN, i64::MAX, u64::MAX),
        r#""data":{"f":0.1,"tiny":5e-324,"pi":3.141592653589793,"less":-0.5}"#.to_owned(),
        "\"data\":{\"名\":\"客户\u{1f600}\u{301}\u{202e}\\\"\\n\\t\\u001f'; DROP TABLE fact; --\"}"
            .to_owned(),
        format!(r#""data":{{"long":"{long}"}}"#),
        format!(r#""number":{}"#, i64::MIN),
        format!(r#""amount":{{"minor":{},"currency":"JPY"}}"#, i64::MAX),
        format!(r#""amount":{{"minor":{},"currency":"KWD"}}"#, i64::MIN),
    ];
    let mut events = Vec::new();
    for (body, n) in bodies.iter().zip(0..) {
        events.push(line(n, &format!(r#"{{{head_line},"subject":"s\t{n}","actor":"销售",{body}}}"#))?);
    }
    events.push(line(99, &format!(r#"{{{head_line},"subject":"{long}"}}"#))?);
    round_trip(&store, &events)?;
    let nul = CustomerEvent::TagAdded { tag: "a\0b".into() };
    ensure!(
        Event::new(id(100), customer("ann")?.into(), today(), nul).is_err(),
        "a text with a NUL character became a fact"
    );
    Ok(Verdict::Held)
}

/// Every field of the header, to the microsecond, and what a store adds.
///
/// # Errors
/// How it is broken.
pub fn r17_header_fields_come_back_as_they_were(adapter: &dyn AnyAdapter) -> Outcome {
    let store = fresh(adapter);
    let events = [
        line(
            3,
            r#"{"customer":"crm:7","occurred_at":"1999-12-31T23:59:59.999999Z","kind":"order_placed",
                "subject":"o-1","amount":{"minor":1,"currency":"USD"},"channel":"web","actor":"a","number":-5,
                "data":{"lines":[{"sku":"x","quantity":2}],"z":1},
                "context":{"correlation_id":"c","causation_id":"d","source":"s","batch":"b","known_lag":"1d"}}"#,
        ),
        line(1, r#"{"customer":"ann","occurred_at":"1970-01-01T00:00:00Z","kind":"signed_up"}"#),
        line(2, r#"{"customer":"ann","occurred_at":"9999-12-31T23:59:59.999999Z","kind":"signed_up"}"#),
        line(
            0,
            r#"{"customer":"6ba7b811-9dad-11d1-80b4-00c04fd430c8","occurred_at":"2024-01-01T00:00:00.000001Z",
                "kind":"signed_up"}"#,
        ),
    ]
    .into_iter()
    .collect::<Result<Vec<_>, _>>()?;
    round_trip(&store, &events)?;
    // A customer is named by key in one fact and by id alone in the next; both come back as they were given.
    let bare = Event::new(id(9), customer("ann")?.into(), today(), CustomerEvent::SignedUp {})?;
    store_all(&store, vec![bare])?;
    let keys: Vec<_> =
        stream(&store, "ann", 10)?.iter().map(|fact| fact.customer_key.map(ToOwned::to_owned)).collect();
    same("keys", &keys, &vec![Some("shop:ann".into()), Some("shop:ann".into()), None])?;
    Ok(Verdict::Held)
}

/// What is read, by log and by stream, is what was appended, under the clock's instant.
fn round_trip<S: EventStore>(store: &S, events: &[Event]) -> Result<(), Failure> {
    let done = pollster::block_on(store.append(Append::new(events.to_vec())))?;
    let mut expected = FactBlock::new();
    for (event, placed) in events.iter().zip(&done.facts) {
        let context = event.context().to_text();
        expected.push(&event.recorded((placed.position, placed.version), today(), &context));
    }
    let read = read_all(store, Read::all())?;
    for (read, expected) in read.iter().zip(expected.iter()) {
        same("fact", &read, &expected)?;
        let of = pollster::block_on(store.read_stream(
            expected.event.customer,
            Version(expected.version.0 - 1),
            1,
        ))?;
        same("fact of the stream", &of.facts.get(0), &Some(expected))?;
    }
    same("facts", &read.len(), &expected.len())
}

/// Refused appends of every kind leave no hole.
///
/// # Errors
/// How it is broken.
pub fn r18_a_failed_append_consumes_no_position(adapter: &dyn AnyAdapter) -> Outcome {
    let store = adapter.open(standing());
    store_all(&store, facts(0..2, "ann")?)?;
    refused(&store, append_to(facts(2..4, "ann")?, &[("ann", Expected::NoStream)])?)?;
    refused(&store, Append::new(vec![fact(4, "ann")?, fact(0, "bob")?]))?;
    refused(&store, append_to(facts(1..3, "ann")?, &[("ann", Expected::Exists)])?)?;
    let done = pollster::block_on(store.append(Append::new(facts(5..6, "ann")?)))?;
    let placed: Vec<_> = done.facts.iter().map(|fact| (fact.position.0, fact.version.0)).collect();
    same("place after refusals", &placed, &vec![(3, 3)])?;
    let positions: Vec<_> = read_all(&store, Read::all())?.iter().map(|fact| fact.position.0).collect();
    same("positions", &positions, &vec![1, 2, 3])?;
    Ok(Verdict::Held)
}
