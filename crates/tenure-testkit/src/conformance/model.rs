//! Rules 58 to 60: against the store in memory, in any order, and between stores.

use std::sync::Arc;

use tenure_core::event::Line;
use tenure_core::log::{Append, Cut, Expected, KindSet, KnownAt, Read};
use tenure_core::{Kind, Policy, Position, RecordedView, Timestamp, Version};
use tenure_store::{Clock, Commit, Engine, EntryKey, EventStore, Keep, MemoryStore, StoreError};

use super::facts::{customer, fact, id, read_all, store_all};
use super::project::{history, replayed};
use super::{AnyAdapter, Failure, Outcome, Verdict, fresh, same, standing, today};
use crate::simulate::random::Random;

/// Seeds of the random runs; a failure names its seed and step.
const SEEDS: core::ops::Range<u64> = 0..6;

/// Operations of a random run.
const STEPS: usize = 80;

const NAMES: [&str; 4] = ["ann", "bob", "eve", "joe"];

fn name(random: &mut Random) -> &'static str {
    let index = usize::try_from(random.below(NAMES.len() as u64)).unwrap_or(0);
    NAMES.get(index).copied().unwrap_or("ann")
}

/// Something that is asked of two stores alike.
#[derive(Clone, Debug)]
enum Op {
    Commit(Box<Commit>),
    Read(Read),
    Stream(&'static str, u64, usize),
    Known(Vec<u64>),
    Entries(Vec<u8>, usize),
    Reopen,
}

fn any_op(random: &mut Random) -> Result<Op, Failure> {
    Ok(match random.below(8) {
        0..=2 => {
            let count = 1 + random.below(4);
            let events =
                (0..count).map(|_| fact(random.below(60), name(random))).collect::<Result<_, _>>()?;
            let mut append = Append::new(events);
            if random.below(3) == 0 {
                let version = Version(random.below(6));
                let expected =
                    [Expected::Any, Expected::NoStream, Expected::Exists, Expected::Exact(version)];
                let expected = expected.get(usize::try_from(random.below(4))?).copied().unwrap_or_default();
                append = append.expect(customer(name(random))?, expected);
            }
            let mut commit = Commit::from(append);
            if random.below(3) == 0 {
                commit = commit.expect_head(Position(random.below(12)));
            }
            Op::Commit(Box::new(entries(commit, random)))
        }
        3 => Op::Commit(Box::new(entries(Commit::new(), random))),
        4 => {
            let mut read =
                Read::all().from(Position(random.below(40))).limit(usize::try_from(random.below(9))?);
            match random.below(3) {
                0 => read = read.kinds(KindSet::NONE.with(Kind::PointsEarned)),
                1 => read = read.kinds(KindSet::CORRECTIONS),
                _ => {}
            }
            if random.below(3) == 0 {
                let as_of = Timestamp::from_micros(today().as_micros() - 1).filter(|_| random.below(2) == 0);
                let known_at = KnownAt::Position(Position(random.below(40)));
                read = read.cut(Cut { as_of, known_at });
            }
            Op::Read(read)
        }
        5 => Op::Stream(name(random), random.below(9), usize::try_from(random.below(5))?),
        6 => Op::Known((0..random.below(5)).map(|_| random.below(60)).collect()),
        _ if random.below(3) == 0 => Op::Reopen,
        _ => Op::Entries(vec![u8::try_from(random.below(3))?], 1 + usize::try_from(random.below(3))?),
    })
}

fn entries(mut commit: Commit, random: &mut Random) -> Commit {
    let mut key = || {
        EntryKey::new(
            "kit",
            [u8::try_from(random.below(3)).unwrap_or(0), u8::try_from(random.below(3)).unwrap_or(0)],
        )
    };
    let keys = [key(), key(), key()];
    for key in keys {
        let value = vec![u8::try_from(random.below(3)).unwrap_or(0)];
        commit = match random.below(6) {
            0 => commit.expect(key, Some(value)),
            1 => commit.expect(key, None),
            2 => commit.remove(key),
            3 => commit.put(key, value),
            _ => commit,
        };
    }
    commit
}

/// What a store says, errors included, as far as stores agree on words.
fn answer<S: EventStore>(store: &S, op: &Op) -> Result<String, Failure> {
    fn text<T: core::fmt::Debug>(result: Result<T, StoreError>) -> String {
        match result {
            Ok(answer) => format!("{answer:?}"),
            Err(error) => format!("{error:?}"),
        }
    }
    pollster::block_on(async {
        Ok(match op {
            Op::Commit(commit) => text(store.commit((**commit).clone()).await),
            Op::Read(read) => text(store.read(read).await),
            Op::Stream(of, after, limit) => {
                text(store.read_stream(customer(of)?, Version(*after), *limit).await)
            }
            Op::Known(ids) => {
                let ids: Vec<_> = ids.iter().map(|n| id(*n)).collect();
                text(store.known(&ids).await)
            }
            Op::Entries(prefix, limit) => text(store.scan("kit", prefix, None, *limit).await),
            Op::Reopen => text(store.head().await.map(|head| head.position)),
        })
    })
}

/// Whatever is asked of it, in whatever order, a store answers what the store in memory answers, also after it was closed
/// and opened.
///
/// # Errors
/// How it is broken.
pub fn r58_a_store_answers_as_memory_does(adapter: &dyn AnyAdapter) -> Outcome {
    for seed in SEEDS {
        let mut random = Random::of(seed, 0, "kit");
        let clock: Arc<dyn Clock> = standing();
        let model = MemoryStore::with_clock(Arc::clone(&clock));
        let mut store = adapter.open(Arc::clone(&clock));
        for step in 0..STEPS {
            let op = any_op(&mut random)?;
            if matches!(op, Op::Reopen) {
                store = match adapter.reopen(store, Arc::clone(&clock)) {
                    Ok(store) | Err(store) => store,
                };
            }
            same(&format!("seed {seed}, step {step}, {op:?}"), &answer(&store, &op)?, &answer(&model, &op)?)?;
        }
    }
    Ok(Verdict::Held)
}

/// In whatever order the same facts are committed, they fold to the same states.
///
/// # Errors
/// How it is broken.
pub fn r59_any_order_of_commits_folds_to_the_same(adapter: &dyn AnyAdapter) -> Outcome {
    let mut expected = None;
    for seed in SEEDS {
        let mut random = Random::of(seed, 0, "kit");
        let mut batches = history(0)?;
        for n in (1..batches.len()).rev() {
            batches.swap(n, usize::try_from(random.below(n as u64 + 1))?);
        }
        let store = fresh(adapter);
        for batch in batches {
            store_all(&store, batch)?;
        }
        let states = replayed(&store, pollster::block_on(store.head())?.position)?;
        same(&format!("states of seed {seed}"), &states, expected.get_or_insert_with(|| states.clone()))?;
    }
    Ok(Verdict::Held)
}

/// What is kept of a log in this store and of the same log in memory is the same, byte for byte: states, checkpoint and
/// changes.
///
/// # Errors
/// How it is broken.
pub fn r60_two_stores_keep_the_same_bytes(adapter: &dyn AnyAdapter) -> Outcome {
    let store = fresh(adapter);
    for batch in history(0)? {
        store_all(&store, batch)?;
    }
    let memory = MemoryStore::with_clock(standing());
    for fact in read_all(&store, Read::all())?.iter() {
        memory_append(&memory, &fact)?;
    }
    let (here, there) = (kept(&store)?, kept(&memory)?);
    same("entries", &here.len(), &there.len())?;
    same("what is kept", &here, &there)?;
    Ok(Verdict::Held)
}

/// Copies a fact by its interchange line, as another process would.
fn memory_append(memory: &MemoryStore, fact: &RecordedView<'_>) -> Result<(), Failure> {
    let line = Line::parse(&fact.to_unplaced_line(), "shop")?;
    store_all(memory, vec![line.into_event(fact.event.id)?])
}

/// All that an engine keeps after it took in a log and let a year pass.
fn kept<S: EventStore>(store: &S) -> Result<Vec<(String, tenure_store::Entries)>, Failure> {
    pollster::block_on(async {
        let policy = Policy::preset("retail").ok_or("no such preset")?;
        let engine = Engine::open_kept(store, policy, Keep::under("kit")?).await?;
        let year = Timestamp::parse("2025-05-01T00:00:00Z")?;
        engine.advance(year).await?;
        let mut kept = Vec::new();
        for space in ["projection", "generation", "row/kit/1", "change/kit"] {
            kept.push((space.to_owned(), store.scan(space, b"", None, 10_000).await?));
        }
        Ok(kept)
    })
}
