//! An engine among tasks, readers, other writers and failing stores.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll, Waker};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;

use pollster::block_on;
use tenure_core::log::{Append, KnownAt};
use tenure_core::{ChangeId, Customer, CustomerEvent, Duration, Event, EventId, Policy, Position, Timestamp};
use tenure_store::{
    Around, Call, ChangeCause, Checkpoint, Engine, EngineError, EventStore, ManualClock, MemoryStore, Notice,
    StoreError,
};

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn who(name: &str) -> Customer {
    Customer::parse(name, "shop").unwrap()
}

fn fact(id: &str, on: &str, when: &str, what: CustomerEvent) -> Event {
    Event::new(EventId::from_foreign("shop", id), who(on), at(when), what).unwrap()
}

fn order(id: &str, by: &str, when: &str) -> Event {
    fact(id, by, when, CustomerEvent::OrderPlaced { order: None, total: None, lines: vec![] })
}

fn open<S: EventStore>(store: S) -> Engine<S> {
    block_on(Engine::open(store, Policy::preset("retail").unwrap())).unwrap()
}

/// `+stage` for a change, `-stage` for one taken back.
fn told(notices: &[Notice]) -> Vec<String> {
    let sign = |notice: &Notice| if matches!(notice, Notice::Changed(_)) { '+' } else { '-' };
    notices
        .iter()
        .map(|notice| format!("{}{}", sign(notice), notice.change().to().unwrap_or("none")))
        .collect()
}

fn stage<S: EventStore>(engine: &Engine<S>, name: &str) -> Option<String> {
    let view = block_on(async { engine.customer(who(name).id()).await }).unwrap();
    view.map(|view| view.stage.into())
}

/// A store in memory whose doors can be shut, and which can fail to read.
#[derive(Debug, Default)]
struct Doors {
    inner: MemoryStore,
    append: AtomicBool,
    answers: AtomicBool,
    streams: AtomicBool,
    broken: AtomicBool,
}

impl Doors {
    async fn through(shut: &AtomicBool) {
        poll_fn(|_| if shut.load(Ordering::SeqCst) { Poll::Pending } else { Poll::Ready(()) }).await;
    }
}

impl Around for Doors {
    type Inner = MemoryStore;

    fn inner(&self) -> &MemoryStore {
        &self.inner
    }

    async fn call<T: Send>(
        &self,
        call: Call,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        match call {
            Call::Append => {
                Self::through(&self.append).await;
                let appended = work.await;
                Self::through(&self.answers).await;
                appended
            }
            Call::Read if self.broken.load(Ordering::SeqCst) => Err(StoreError::backend("the disk is gone")),
            Call::ReadStream => {
                Self::through(&self.streams).await;
                work.await
            }
            _ => work.await,
        }
    }
}

/// Polls once: ready, or it waits.
fn poll_once<F: Future>(future: core::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn what_is_public_can_be_shown_sent_and_shared_and_so_can_its_futures() {
    fn whole<T: core::fmt::Debug + Send + Sync>() {}
    fn sent<T: Send>(_: &T) {}
    whole::<Engine<MemoryStore>>();
    whole::<EngineError>();
    whole::<Checkpoint>();
    whole::<tenure_store::CustomerView>();
    whole::<tenure_store::CustomerQuery<'_, MemoryStore>>();
    whole::<tenure_store::PopulationQuery<'_, MemoryStore>>();
    whole::<tenure_store::Recorded>();
    whole::<tenure_store::Advanced>();
    let engine = open(MemoryStore::new());
    let now = at("2024-05-01T00:00:00Z");
    sent(&engine.record([order("1", "ann", "2024-05-01T00:00:00Z")]));
    sent(&engine.refresh());
    sent(&engine.advance(now));
    sent(&engine.audit());
    sent(&engine.customer(who("ann").id()).as_of(now).timeline());
    sent(&engine.population().as_of(now).stages());
    sent(&engine.population().as_of(now).rfm());
    sent(&engine.population().as_of(now).entering("at_risk", Duration::days(30)));
}

#[test]
fn a_late_order_takes_back_what_silence_had_been_told_to_do() {
    let engine = open(MemoryStore::new());
    block_on(engine.record([order("1", "ann", "2024-01-01T00:00:00Z")])).unwrap();
    let passed = block_on(engine.advance(at("2024-06-01T00:00:00Z"))).unwrap();
    assert_eq!((told(&passed.notices), passed.visited), (vec!["+at_risk".into(), "+churned".into()], 1));
    assert_eq!(stage(&engine, "ann").as_deref(), Some("churned"));

    let late = block_on(engine.record([order("2", "ann", "2024-04-01T00:00:00Z")])).unwrap();
    assert_eq!(told(&late.notices), ["-churned", "+active", "+at_risk"]);
    assert_eq!(stage(&engine, "ann").as_deref(), Some("at_risk"));
    assert!(block_on(engine.audit()).unwrap().is_empty());
}

#[test]
fn a_merge_makes_one_timeline_of_two_and_its_void_makes_two_again() {
    let engine = open(MemoryStore::new());
    let orders = [order("1", "ann", "2024-01-01T00:00:00Z"), order("2", "ann2", "2024-01-20T00:00:00Z")];
    block_on(engine.record(orders)).unwrap();
    let other = who("ann2");
    let merge = fact("m", "ann", "2024-01-21T00:00:00Z", CustomerEvent::IdentityMerged { other });
    let id = merge.id();
    let merged = block_on(engine.record([merge])).unwrap();
    assert_eq!(told(&merged.notices).iter().filter(|told| *told == "+active").count(), 1);
    assert_eq!(stage(&engine, "ann2").as_deref(), Some("active"));
    let before =
        block_on(async { engine.customer(who("ann2").id()).known_at(KnownAt::Position(Position(2))).await });
    assert_eq!(&*before.unwrap().unwrap().stage, "new");

    let void = CustomerEvent::EventVoided { target: id, why: None };
    let parted = block_on(engine.record([fact("v", "ann", "2024-01-22T00:00:00Z", void)])).unwrap();
    assert!(told(&parted.notices).contains(&"-active".into()));
    assert_eq!(stage(&engine, "ann2").as_deref(), Some("new"));
    assert!(block_on(engine.audit()).unwrap().is_empty());
}

#[test]
fn the_cause_of_a_change_is_every_fact_of_its_instant_also_those_recorded_before() {
    let engine = open(MemoryStore::new());
    // In the order of ids, so that the second follows the first and nobody is folded again.
    let mut facts = ["1", "2", "3"].map(|id| order(id, "ann", "2024-03-01T00:00:00Z"));
    facts.sort_by_key(Event::id);
    for (n, fact) in facts.iter().enumerate() {
        let recorded = block_on(engine.record([fact.clone()])).unwrap();
        if let Some(active) = recorded.notices.iter().find(|notice| notice.change().to() == Some("active")) {
            let ids = facts[..=n].iter().map(Event::id).collect::<Vec<_>>();
            assert_eq!(*active.change().cause(), ChangeCause::Facts(ids));
            return;
        }
    }
    panic!("two orders of one instant make nobody active");
}

#[test]
fn time_visits_those_alone_who_are_due() {
    let engine = open(MemoryStore::new());
    // More than one page of the log.
    let facts = (0..5_000).map(|n| {
        let day = if n < 7 { "2024-01-01T00:00:00Z" } else { "2024-05-01T00:00:00Z" };
        order(&n.to_string(), &format!("c{n}"), day)
    });
    block_on(engine.record(facts.collect::<Vec<_>>())).unwrap();
    assert_eq!(engine.checkpoint().position, Position(5_000));
    let due = engine.next_due().unwrap();
    let before = Timestamp::from_micros(due.as_micros() - 1).unwrap();
    assert_eq!(block_on(engine.advance(before)).unwrap().visited, 0);
    let passed = block_on(engine.advance(due)).unwrap();
    assert_eq!((passed.visited, passed.notices.len()), (7, 7));
    assert_eq!(block_on(engine.advance(due)).unwrap().visited, 0);
    assert_eq!(block_on(engine.advance(before)).unwrap().visited, 0);
    assert_eq!(engine.checkpoint().advanced_to, Some(due));
}

#[test]
fn many_tasks_record_read_and_let_time_pass_and_each_change_is_told_once_to_whom_it_belongs() {
    let engine = open(MemoryStore::new());
    let (tasks, each) = (8, 40);
    let instant =
        |n: usize| at("2024-01-01T00:00:00Z").checked_add(Duration::days(u32::try_from(n).unwrap())).unwrap();
    let all: Vec<Vec<ChangeId>> = thread::scope(|scope| {
        let mut threads = Vec::new();
        for task in 0..tasks {
            let engine = engine.clone();
            threads.push(scope.spawn(move || {
                let mut ids = Vec::new();
                for n in 0..each {
                    let name = format!("t{task}-{n}");
                    let order = order(&name, &name, "2024-01-01T00:00:00Z");
                    let recorded = block_on(engine.record([order])).unwrap();
                    // Whoever took the fact in, its changes are told to the one who recorded it.
                    let mine: Vec<_> = recorded.notices.iter().map(Notice::change).collect();
                    assert!(mine.iter().all(|change| *change.customer() == who(&name)));
                    assert!(mine.iter().any(|change| change.to() == Some("new")), "{name}: {mine:?}");
                    assert!(stage(&engine, &name).is_some());
                    ids.extend(mine.iter().map(|change| change.id()));
                }
                ids
            }));
        }
        let ticker = engine.clone();
        threads.push(scope.spawn(move || {
            let passed = (0..60).map(|n| block_on(ticker.advance(instant(n))).unwrap().notices);
            passed.flatten().map(|notice| notice.change().id()).collect()
        }));
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let rest = block_on(engine.advance(instant(400))).unwrap().notices;
    let ids: Vec<ChangeId> =
        all.into_iter().flatten().chain(rest.iter().map(|notice| notice.change().id())).collect();
    // prospect, new, at_risk, churned of each.
    assert_eq!(ids.len(), tasks * each * 4);
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    assert!(block_on(engine.audit()).unwrap().is_empty());
}

#[test]
fn reads_wait_neither_for_a_commit_nor_for_histories() {
    let engine = open(Doors::default());
    block_on(engine.record([order("1", "ann", "2024-03-01T00:00:00Z")])).unwrap();

    engine.store().append.store(true, Ordering::SeqCst);
    let mut waiting = pin!(engine.record([order("2", "ann", "2024-02-01T00:00:00Z")]));
    assert!(poll_once(waiting.as_mut()).is_pending());
    assert_eq!(stage(&engine, "ann").as_deref(), Some("new"));

    // Committed; now the histories of those with late facts are waited for, and the old answer stands meanwhile.
    engine.store().streams.store(true, Ordering::SeqCst);
    engine.store().append.store(false, Ordering::SeqCst);
    assert!(poll_once(waiting.as_mut()).is_pending());
    assert_eq!(engine.store().inner.log().head(), Position(2));
    assert_eq!(stage(&engine, "ann").as_deref(), Some("new"));
    assert_eq!(block_on(engine.population().stages()).unwrap().customers, 1);

    engine.store().streams.store(false, Ordering::SeqCst);
    let Poll::Ready(recorded) = poll_once(waiting.as_mut()) else { panic!("nothing is waited for any more") };
    assert!(told(&recorded.unwrap().notices).contains(&"+active".into()));
    assert_eq!(stage(&engine, "ann").as_deref(), Some("active"));
}

#[test]
fn one_page_is_taken_in_after_the_other() {
    let engine = open(Doors::default());
    block_on(engine.record([order("1", "ann", "2024-03-01T00:00:00Z")])).unwrap();
    engine.store().streams.store(true, Ordering::SeqCst);
    let late = [order("2", "ann", "2024-02-01T00:00:00Z"), order("3", "ben", "2024-03-01T00:00:00Z")];
    let mut first = pin!(engine.record(late));
    assert!(poll_once(first.as_mut()).is_pending());
    let mut second = pin!(engine.record([order("4", "cem", "2024-03-01T00:00:00Z")]));
    assert!(poll_once(second.as_mut()).is_pending());
    engine.store().streams.store(false, Ordering::SeqCst);
    assert!(poll_once(first.as_mut()).is_ready());
    let Poll::Ready(second) = poll_once(second.as_mut()) else { panic!("it is its turn") };
    assert_eq!(told(&second.unwrap().notices), ["+prospect", "+new"]);
    // Nothing was told twice.
    assert_eq!(told(&block_on(engine.refresh()).unwrap()), [""; 0]);
    assert_eq!(engine.checkpoint().position, Position(4));
    assert!(block_on(engine.audit()).unwrap().is_empty());
}

#[test]
fn what_is_taken_in_by_others_is_told_to_the_one_who_recorded_it() {
    let engine = open(Doors::default());
    engine.store().answers.store(true, Ordering::SeqCst);
    let mut waiting = pin!(engine.record([order("1", "ann", "2024-03-01T00:00:00Z")]));
    assert!(poll_once(waiting.as_mut()).is_pending());
    // Committed, but the recorder does not know yet; somebody else takes it in and shows it.
    assert_eq!(told(&block_on(engine.refresh()).unwrap()), [""; 0]);
    assert_eq!(told(&block_on(engine.advance(at("2024-03-02T00:00:00Z"))).unwrap().notices), [""; 0]);
    assert_eq!(stage(&engine, "ann").as_deref(), Some("new"));
    engine.store().answers.store(false, Ordering::SeqCst);
    let Poll::Ready(recorded) = poll_once(waiting.as_mut()) else { panic!("nothing is waited for any more") };
    assert_eq!(told(&recorded.unwrap().notices), ["+prospect", "+new"]);
    assert_eq!(told(&block_on(engine.refresh()).unwrap()), [""; 0]);
}

#[test]
fn what_a_dropped_task_would_have_been_told_is_told_to_another() {
    let engine = open(Doors::default());
    block_on(engine.record([order("1", "ann", "2024-03-01T00:00:00Z")])).unwrap();
    // Dropped before its answer came, taken in by another meanwhile; and dropped in the middle of taking in.
    let late = [("2", "2024-03-02T00:00:00Z", true), ("3", "2024-02-01T00:00:00Z", false)];
    for (id, when, answer) in late {
        let door = if answer { &engine.store().answers } else { &engine.store().streams };
        door.store(true, Ordering::SeqCst);
        {
            let mut waiting = pin!(engine.record([order(id, "ann", when)]));
            assert!(poll_once(waiting.as_mut()).is_pending());
            if answer {
                assert_eq!(told(&block_on(engine.refresh()).unwrap()), [""; 0]);
            }
        }
        door.store(false, Ordering::SeqCst);
        assert!(told(&block_on(engine.refresh()).unwrap()).contains(&"+active".into()), "{id}");
        assert!(block_on(engine.audit()).unwrap().is_empty());
    }
}

#[test]
fn facts_that_are_stored_but_not_taken_in_are_told_apart_from_facts_that_are_not_stored() {
    let engine = open(Doors::default());
    engine.store().broken.store(true, Ordering::SeqCst);
    let error = block_on(engine.record([order("1", "ann", "2024-03-01T00:00:00Z")])).unwrap_err();
    assert!(matches!(&error, EngineError::Behind { stored, .. } if stored.stored() == 1), "{error}");
    assert!(error.hint().is_some());
    engine.store().broken.store(false, Ordering::SeqCst);
    assert_eq!(told(&block_on(engine.refresh()).unwrap()), ["+prospect", "+new"]);

    let refused = block_on(engine.record(vec![])).unwrap_err();
    assert!(matches!(refused, EngineError::Store(StoreError::Refused(_))));
}

#[test]
fn an_engine_goes_on_from_a_checkpoint_and_tells_what_came_since() {
    let store = Arc::new(MemoryStore::new());
    let first = open(Arc::clone(&store));
    block_on(first.record([order("1", "ann", "2024-01-01T00:00:00Z")])).unwrap();
    block_on(first.advance(at("2024-03-15T00:00:00Z"))).unwrap();
    let checkpoint = first.checkpoint();
    drop(first);
    block_on(store.append(Append::new(vec![order("2", "ben", "2024-03-01T00:00:00Z")]))).unwrap();

    let policy = || Policy::preset("retail").unwrap();
    let second = block_on(Engine::open_at(Arc::clone(&store), policy(), checkpoint)).unwrap();
    assert_eq!(told(&block_on(second.refresh()).unwrap()), ["+prospect", "+new"]);
    let passed = block_on(second.advance(at("2024-05-02T00:00:00Z"))).unwrap();
    assert_eq!(told(&passed.notices), ["+at_risk", "+churned"]);

    let ahead = Checkpoint { position: Position(9), advanced_to: None };
    let refused = block_on(Engine::open_at(store, policy(), ahead)).unwrap_err();
    assert!(matches!(refused, EngineError::Checkpoint { at: Position(9), head: Position(2) }));
}

#[test]
fn a_question_as_known_at_an_instant_leaves_out_what_was_recorded_later() {
    let clock = Arc::new(ManualClock::new(at("2024-03-02T00:00:00Z")));
    let engine = open(MemoryStore::with_clock(Arc::clone(&clock) as Arc<dyn tenure_store::Clock>));
    block_on(engine.record([order("1", "ann", "2024-03-01T00:00:00Z")])).unwrap();
    clock.set(at("2024-04-01T00:00:00Z"));
    let void = CustomerEvent::EventVoided { target: EventId::from_foreign("shop", "1"), why: None };
    block_on(engine.record([fact("v", "ann", "2024-04-01T00:00:00Z", void)])).unwrap();
    assert_eq!(stage(&engine, "ann"), None);
    let then = KnownAt::Instant(at("2024-03-15T00:00:00Z"));
    let view = block_on(async { engine.customer(who("ann").id()).known_at(then).await }).unwrap();
    assert_eq!(view.map(|view| view.stage).as_deref(), Some("new"));
    let stages = block_on(engine.population().known_at(then).stages()).unwrap();
    assert_eq!(stages.customers, 1);
}

#[test]
fn a_view_and_a_notice_have_a_json_form() {
    let engine = open(MemoryStore::new());
    let recorded = block_on(engine.record([order("1", "ann", "2024-03-01T00:00:00Z")])).unwrap();
    let view = block_on(async { engine.customer(who("ann").id()).await }).unwrap().unwrap();
    let json = serde_json::to_value(&view).unwrap();
    assert_eq!((&json["customer"], &json["stage"]), (&"shop:ann".into(), &"new".into()));
    assert_eq!(json["next_change"]["to"], "at_risk");
    assert!(json["next_change"]["cause"]["silence"]["since"].is_string());
    assert_eq!(json["rfm"]["frequency"], 1);
    let notice = serde_json::to_value(&recorded.notices[1]).unwrap();
    assert_eq!(
        (&notice["changed"]["what"], &notice["changed"]["to"]),
        (&"stage_changed".into(), &"new".into())
    );
    assert_eq!(notice["changed"]["cause"]["facts"][0], EventId::from_foreign("shop", "1").to_string());
}

#[test]
fn an_unknown_stage_is_refused_with_those_that_there_are() {
    let engine = open(MemoryStore::new());
    let error = block_on(engine.population().entering("lost", Duration::days(30))).unwrap_err();
    assert!(error.to_string().contains("no stage \"lost\"; it has prospect, new"), "{error}");
}

/// A clock that is never asked twice within one microsecond.
#[derive(Debug, Default)]
struct Ticking(std::sync::atomic::AtomicI64);

impl tenure_store::Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_714_557_600_000_000 + self.0.fetch_add(1, Ordering::SeqCst)).unwrap()
    }
}

/// Keeping how far time has passed is a commit, and a commit wakes whoever waits for one: a running engine woke itself for
/// ever.
#[test]
fn a_running_engine_that_keeps_does_not_wake_itself() {
    let clock = Arc::new(Ticking::default());
    let policy = Policy::preset("retail").unwrap();
    let keep = tenure_store::Keep::under("lifecycle").unwrap();
    let engine = pollster::block_on(Engine::open_kept(MemoryStore::new(), policy, keep)).unwrap();
    let run = tenure_store::Run::new(Arc::<Ticking>::clone(&clock)).every(std::time::Duration::from_mins(1));
    // Time enough for some turns of the loop, and for ten thousands if it does not wait.
    let mut turns = 0;
    let stop = poll_fn(|context| {
        turns += 1;
        if turns > 200 {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    });
    pollster::block_on(engine.run(&run, stop, |_| {})).unwrap();
    let asked = clock.0.load(Ordering::SeqCst);
    assert!(asked < 20, "the clock was asked {asked} times within one turn of a minute");
}
