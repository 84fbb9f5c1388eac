//! What engines keep, rebuilt under one policy after another by processes that are killed, while facts arrive and somebody
//! reads.
//!
//! ```console
//! $ TENURE_FAULTS=long cargo test --release -p tenure-sqlite --test rebuild -- --nocapture
//! ```
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeSet;
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pollster::block_on;
use tempfile::TempDir;
use tenure_core::log::Append;
use tenure_core::{Customer, CustomerEvent, Event, EventId, Money, Policy, Timestamp};
use tenure_sqlite::{Options, SqliteStore};
use tenure_store::{
    Changes, Engine, EngineError, EventStore, Keep, KeptError, Notice, PolicyRebuild, live_generation,
};
use tenure_testkit::fault::Chance;

/// Policy and file of a child that rebuilds.
const VARIABLE: &str = "TENURE_REBUILD";
const KILLS: u32 = 20;
/// Facts of a page, after each of which a child says where it is.
const PAGE: u64 = 4_096;
/// How many facts arrive each time, and how long after the last ones: 500 a second.
const ARRIVE: (u64, Duration) = (10, Duration::from_millis(20));

fn is_long() -> bool {
    env::var("TENURE_FAULTS").is_ok_and(|form| form == "long")
}

/// Facts before the first rebuild, and how many customers they are of.
fn size() -> (u64, u64) {
    if is_long() { (1_000_000, 20_000) } else { (20_000, 400) }
}

/// Two that have little in common.
fn policy(name: &str) -> Policy {
    Policy::preset(name).unwrap()
}

fn other(name: &str) -> &'static str {
    if name == "retail" { "saas" } else { "retail" }
}

fn keep() -> Keep {
    Keep::under("lifecycle").unwrap()
}

/// Fact number `n`: orders for the most part, one of a hundred late, one of ten of somebody new.
fn fact(n: u64, customers: u64, chance: &mut Chance) -> Event {
    let number = if chance.chance(100) { n } else { chance.below(customers) };
    let customer = Customer::parse(&format!("c{number}"), "shop").unwrap();
    let late = if chance.chance(10) { chance.below(5 * 86_400) } else { 0 };
    let second = 1_600_000_000 + n * 30 - late;
    let at = Timestamp::from_micros(i64::try_from(second * 1_000_000).unwrap()).unwrap();
    let total = Money::parse(&format!("{}.00", 1 + chance.below(90)), "USD".parse().unwrap()).unwrap();
    let what = match chance.below(4) {
        0 => CustomerEvent::SignedUp {},
        _ => CustomerEvent::OrderPlaced { order: None, total: Some(total), lines: vec![] },
    };
    Event::new(EventId::from_foreign("shop", &n.to_string()), customer, at, what).unwrap()
}

fn is_superseded(error: &EngineError) -> bool {
    match error {
        EngineError::Kept(KeptError::Superseded { .. }) => true,
        EngineError::Behind { source, .. } => is_superseded(source),
        _ => false,
    }
}

/// A process that rebuilds and switches; nothing unless the other test asks for it.
#[test]
fn child() {
    let Ok(asked) = env::var(VARIABLE) else { return };
    let (name, path) = asked.split_once(' ').unwrap();
    let store = SqliteStore::open(Path::new(path), Options::new()).unwrap();
    let mut rebuild = block_on(PolicyRebuild::begin(&store, policy(name), keep())).unwrap();
    if !is_long() {
        // After every page.
        rebuild = rebuild.keep_every(1);
    }
    let mut out = std::io::stdout();
    let mut say = |line: String| {
        writeln!(out, "{line}").unwrap();
        out.flush().unwrap();
    };
    let from = rebuild.generation().checkpoint.position;
    say(format!("\nFROM {from} {}", block_on(store.head()).unwrap().position));
    block_on(rebuild.catch_up(|progress| {
        say(format!("AT {}", progress.position));
        ControlFlow::Continue(())
    }))
    .unwrap();
    say("SWITCH".into());
    block_on(rebuild.switch()).unwrap();
    say("DONE".into());
}

/// How a child ended.
#[derive(Debug, Default)]
struct Run {
    from: u64,
    killed: bool,
    done: bool,
}

/// Runs a child, which is killed at a random place of its way where asked for.
fn run(path: &Path, name: &str, chance: Option<&mut Chance>) -> Run {
    let mut child: Child = Command::new(env::current_exe().unwrap())
        .args(["child", "--exact", "--nocapture"])
        .env(VARIABLE, format!("{name} {}", path.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut run, mut lines) = (Run::default(), 0);
    let mut kill: Option<(u64, Duration)> = None;
    let mut chance = chance;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let Ok(line) = line else { break };
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["FROM", from, head] => {
                run.from = from.parse().unwrap();
                let open = head.parse::<u64>().unwrap() - run.from;
                kill = chance.take().map(|chance| {
                    // Up to the switch, and a little more.
                    (chance.below(open / PAGE + 4), Duration::from_micros(chance.below(8_000)))
                });
            }
            ["AT", _] | ["SWITCH"] => lines += 1,
            ["DONE"] => run.done = true,
            _ => continue,
        }
        if let Some((_, then)) = kill.filter(|(after, _)| *after == lines) {
            thread::sleep(then);
            child.kill().unwrap();
            kill = None;
        }
    }
    let status = child.wait().unwrap();
    run.killed = status.code().is_none();
    assert!(run.killed || (status.success() && run.done), "a rebuild failed: {status:?}");
    run
}

/// Facts arrive through an engine, which is opened again when another generation has taken its place; time passes, too.
fn arrive(path: &Path, over: &AtomicBool, (mut n, customers): (u64, u64)) -> u64 {
    let store = || SqliteStore::open(path, Options::new()).unwrap();
    let mut engine = block_on(Engine::reopen(store(), keep())).unwrap();
    let mut chance = Chance::of(7, 0, "arrivals");
    let mut next = Instant::now();
    while !over.load(Ordering::SeqCst) {
        let facts: Vec<Event> = (n..n + ARRIVE.0).map(|n| fact(n, customers, &mut chance)).collect();
        let now = facts.last().unwrap().occurred_at();
        n += ARRIVE.0;
        let mut done = block_on(engine.record(facts)).map(drop);
        if done.is_ok() && n % 100 == 0 {
            done = block_on(engine.advance(now)).map(drop);
        }
        while let Err(error) = done {
            assert!(is_superseded(&error), "{error:?}");
            engine = block_on(Engine::reopen(store(), keep())).unwrap();
            done = block_on(engine.refresh()).map(drop);
        }
        next += ARRIVE.1;
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    n
}

/// Everything that is kept is that of one policy, whoever is at work: what a fresh fold under it says.
fn read(path: &Path) -> String {
    let store = SqliteStore::open(path, Options::new()).unwrap();
    let engine = block_on(Engine::reopen(store, keep())).unwrap();
    let differing = block_on(engine.audit()).unwrap();
    assert!(differing.is_empty(), "under {} of {differing:?}", engine.policy().name);
    engine.policy().name.clone()
}

/// Each change once, whatever generation was live; less those that were taken back.
fn told(store: &SqliteStore) -> u64 {
    let mut changes = block_on(Changes::of_reader(store, "lifecycle".parse().unwrap(), "test")).unwrap();
    let (mut standing, mut count) = (BTreeSet::new(), 0);
    loop {
        let page = block_on(changes.waiting()).unwrap();
        if page.is_empty() {
            assert_eq!(count, block_on(changes.told()).unwrap());
            return count;
        }
        for told in page {
            count += 1;
            assert_eq!(told.number, count);
            match told.notice {
                Notice::Changed(change) => assert!(standing.insert(change.id()), "told twice: {change:?}"),
                Notice::Retracted(change) => {
                    standing.remove(&change.id());
                }
            }
        }
    }
}

#[test]
fn a_killed_rebuild_goes_on_and_nobody_ever_sees_half_of_it() {
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.unwrap();
    let path = place.path().join("shop.db");
    let (facts, customers) = size();
    let store = SqliteStore::open(&path, Options::new()).unwrap();
    let mut chance = Chance::of(1, 0, "log");
    for from in (0..facts).step_by(5_000) {
        let batch = (from..from + 5_000).map(|n| fact(n, customers, &mut chance)).collect();
        block_on(store.append(Append::new(batch))).unwrap();
    }
    drop(block_on(Engine::open_kept(&store, policy("retail"), keep())).unwrap());

    let begun = Instant::now();
    let over = AtomicBool::new(false);
    let reads = [AtomicU64::new(0), AtomicU64::new(0)];
    let look = || {
        let [retail, saas] = &reads;
        let seen = read(&path);
        if seen == "retail" { retail } else { saas }.fetch_add(1, Ordering::SeqCst);
        seen
    };
    let (mut kills, mut switches, mut resumed, mut live) = (0, 0, 0, "retail");
    let mut was_killed = false;
    let arrived = thread::scope(|scope| {
        let writer = scope.spawn(|| arrive(&path, &over, (facts, customers)));
        let reader = scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                look();
            }
        });
        let rebuilt = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut chance = Chance::of(3, 0, "kills");
            loop {
                let last = kills == KILLS;
                let run = run(&path, other(live), (!last).then_some(&mut chance));
                kills += u32::from(run.killed);
                resumed += u32::from(was_killed && run.from > 0);
                // Killed after the switch, it may have done all of it.
                let now = block_on(live_generation(&store, &"lifecycle".parse().unwrap())).unwrap().unwrap();
                let policy = block_on(tenure_store::kept_policy(&store, &"lifecycle".parse().unwrap()));
                let policy = policy.unwrap().unwrap().name;
                assert!(run.killed || policy != live, "{run:?} and {now:?}");
                was_killed = policy == live;
                if policy != live {
                    switches += 1;
                    live = other(live);
                    // At once, and nobody switches meanwhile.
                    assert_eq!(look(), live);
                }
                if last {
                    return;
                }
            }
        }));
        over.store(true, Ordering::SeqCst);
        reader.join().unwrap();
        let arrived = writer.join().unwrap();
        rebuilt.unwrap();
        arrived
    });
    let [retail, saas] = reads.map(AtomicU64::into_inner);
    assert!(resumed > 0 && switches > 0 && saas > 0, "{resumed} {switches} {saas}");
    let seconds = begun.elapsed().as_secs_f64();

    // In the end: what an offline fold of the whole log says, and each change told once.
    let kept = block_on(Engine::reopen(&store, keep())).unwrap();
    block_on(kept.refresh()).unwrap();
    assert_eq!((kept.policy().name.as_str(), kept.checkpoint().position.0), (live, arrived));
    assert!(block_on(kept.audit()).unwrap().is_empty());
    let offline = block_on(Engine::open(&store, policy(live))).unwrap();
    let at = kept.checkpoint().advanced_to;
    let ask = |engine: &Engine<&SqliteStore>| {
        let population = || at.map_or(engine.population(), |at| engine.population().as_of(at));
        (block_on(population().stages()).unwrap(), block_on(population().rfm()).unwrap())
    };
    assert_eq!(ask(&kept), ask(&offline));
    let told = told(&store);
    assert!(told > 0);
    eprintln!(
        "{facts} facts and {} that arrived in {seconds:.1} s; {kills} kills, {resumed} rebuilds went on where one was \
         killed, {switches} switches; {retail} readers saw one policy and {saas} the other, whole; {told} changes told, \
         each once",
        arrived - facts,
    );
}
