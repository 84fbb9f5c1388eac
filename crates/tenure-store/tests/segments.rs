//! Segments as an engine tells them: by edges that stay, at midnights of the zone, once, and taken back by late facts.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use core::future::Future;
use core::ops::ControlFlow::Continue;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use pollster::block_on;
use tenure_core::report::rfm::RfmEdges;
use tenure_core::{Customer, CustomerEvent, Event, EventId, Money, Policy, Timestamp};
use tenure_store::{
    Around, Call, Change, Changes, Engine, EngineError, EventStore, Keep, KeptError, MemoryStore, Notice,
    PolicyRebuild, SegmentChanged, StoreError,
};

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn order(id: &str, by: &str, when: &str) -> Event {
    let total = Money::parse("5.00", "USD".parse().unwrap()).unwrap();
    let what = CustomerEvent::OrderPlaced { order: None, total: Some(total), lines: vec![] };
    Event::new(EventId::from_foreign("shop", id), Customer::parse(by, "shop").unwrap(), at(when), what)
        .unwrap()
}

/// Retail in New York, with edges of ten days each, and more of `[rfm]`.
fn policy(rfm: &str) -> Policy {
    let text = Policy::preset_text("retail").unwrap();
    let rfm = format!(
        "\n[rfm]\nscoring = \"fixed\"\n{rfm}\n[rfm.fixed]\nr_days = [10, 20, 30, 40]\nf = [2, 3, 4, 5]\n\
         m = [\"10\", \"20\", \"30\", \"40\"]\n"
    );
    Policy {
        zone: "America/New_York".parse().unwrap(),
        ..Policy::parse(&(text.to_owned() + &rfm), "").unwrap()
    }
}

fn edges<S: EventStore>(engine: &Engine<S>) -> RfmEdges {
    block_on(engine.population().rfm()).unwrap().edges
}

/// The segments among the notices: `+segment instant`, or `-` for one that is taken back.
fn told(notices: &[Notice]) -> Vec<String> {
    let one = |notice: &Notice| {
        let sign = if matches!(notice, Notice::Changed(_)) { '+' } else { '-' };
        let Change::SegmentChanged(SegmentChanged { at, to, .. }) = notice.change() else { return None };
        Some(format!("{sign}{} {at}", to.as_deref().unwrap_or("none")))
    };
    notices.iter().filter_map(one).collect()
}

/// Ann bought at noon of the fifth of March, five days before clocks are put forward.
fn shop<S: EventStore>(store: S, policy: &Policy) -> Engine<S> {
    let engine = block_on(Engine::open_kept(store, policy.clone(), keep())).unwrap();
    block_on(engine.record([order("1", "ann", "2024-03-05T17:00:00Z")])).unwrap();
    engine
}

fn keep() -> Keep {
    Keep::under("lifecycle").unwrap()
}

#[test]
fn silence_moves_a_customer_at_the_midnights_of_the_zone() {
    let engine = shop(MemoryStore::new(), &policy(""));
    let moves = block_on(engine.segment_by(edges(&engine))).unwrap();
    assert_eq!((moves.moves.len(), moves.moves[0].to.as_deref()), (1, Some("new_customers")));
    assert_eq!(engine.next_due(), Some(at("2024-03-15T04:00:00Z")), "summer time has begun");
    let before = block_on(engine.advance(at("2024-03-15T03:59:59.999999Z"))).unwrap();
    assert_eq!((told(&before.notices), before.visited), (vec![], 0));
    let passed = block_on(engine.advance(at("2024-06-01T00:00:00Z"))).unwrap();
    assert_eq!(
        told(&passed.notices),
        [
            "+promising 2024-03-15T04:00:00Z",
            "+hibernating 2024-04-04T04:00:00Z",
            "+lost 2024-04-14T04:00:00Z"
        ]
    );
    let ask = || engine.customer(Customer::parse("ann", "shop").unwrap().id());
    assert_eq!(block_on(ask().into_future()).unwrap().unwrap().segment.as_deref(), Some("lost"));
    let then = block_on(ask().as_of(at("2024-03-20T00:00:00Z")).into_future()).unwrap().unwrap();
    assert_eq!(then.segment.as_deref(), Some("promising"));
    assert_eq!(block_on(ask().segments()).unwrap().len(), 4);
    assert!(block_on(engine.audit()).unwrap().is_empty());
}

#[test]
fn what_leaves_the_window_leaves_the_segment() {
    let engine = shop(MemoryStore::new(), &policy("lookback = \"12d\""));
    block_on(engine.segment_by(edges(&engine))).unwrap();
    block_on(engine.record([order("2", "ann", "2024-03-07T17:00:00Z")])).unwrap();
    let passed = block_on(engine.advance(at("2024-06-01T00:00:00Z"))).unwrap();
    // Two orders make more of her until the first one leaves, twelve days after it; then the second one does, too.
    assert_eq!(told(&passed.notices), ["+promising 2024-03-17T17:00:00Z", "+none 2024-03-19T17:00:00Z"],);
    let last = passed.notices.iter().rfind(|notice| matches!(notice.change(), Change::SegmentChanged(_)));
    let json = serde_json::to_value(last.unwrap()).unwrap();
    assert_eq!(json["changed"]["cause"]["silence"]["condition"], "lookback = 12d");
    assert_eq!(json["changed"]["cause"]["silence"]["since"], "2024-03-07T17:00:00Z");
    assert_eq!(json["changed"]["to"], serde_json::Value::Null);
}

#[test]
fn a_change_of_segment_has_a_json_form() {
    let engine = shop(MemoryStore::new(), &policy(""));
    let edges = edges(&engine);
    block_on(engine.segment_by(edges.clone())).unwrap();
    let recorded = block_on(engine.record([order("2", "ben", "2024-03-07T17:00:00Z")])).unwrap();
    let notice =
        recorded.notices.iter().find(|notice| matches!(notice.change(), Change::SegmentChanged(_))).unwrap();
    let json = serde_json::to_value(notice).unwrap();
    let changed = &json["changed"];
    assert_eq!((&changed["what"], &changed["customer"]), (&"segment_changed".into(), &"shop:ben".into()));
    assert_eq!((&changed["from"], &changed["to"]), (&serde_json::Value::Null, &"new_customers".into()));
    assert_eq!(changed["edges"]["as_of"], serde_json::to_value(edges.as_of).unwrap());
    assert_eq!(changed["edges"]["hash"], edges.hash());
    assert_eq!(changed["cause"]["facts"][0], EventId::from_foreign("shop", "2").to_string());
    assert_eq!(&serde_json::from_value::<Notice>(json).unwrap(), notice);
}

#[test]
fn a_late_order_takes_back_what_silence_had_been_told_to_do() {
    let engine = shop(MemoryStore::new(), &policy(""));
    block_on(engine.segment_by(edges(&engine))).unwrap();
    block_on(engine.advance(at("2024-03-20T00:00:00Z"))).unwrap();
    let late = block_on(engine.record([order("2", "ann", "2024-03-12T17:00:00Z")])).unwrap();
    // Two days with an order.
    assert_eq!(
        told(&late.notices),
        ["-promising 2024-03-15T04:00:00Z", "+potential_loyalist 2024-03-12T17:00:00Z"]
    );
    let void = CustomerEvent::EventVoided { target: EventId::from_foreign("shop", "2"), why: None };
    let ann = Customer::parse("ann", "shop").unwrap();
    let void = Event::new(EventId::from_foreign("shop", "v"), ann, at("2024-03-20T00:00:00Z"), void).unwrap();
    let voided = block_on(engine.record([void])).unwrap();
    assert_eq!(
        told(&voided.notices),
        ["-potential_loyalist 2024-03-12T17:00:00Z", "+promising 2024-03-15T04:00:00Z"]
    );
}

#[test]
fn two_engines_and_a_restart_tell_by_the_same_edges_and_once() {
    let store = Arc::new(MemoryStore::new());
    let policy = policy("");
    let one = shop(Arc::clone(&store), &policy);
    let other = block_on(Engine::reopen(Arc::clone(&store), keep())).unwrap();
    let edges = edges(&one);
    block_on(one.segment_by(edges.clone())).unwrap();
    assert_eq!(other.edges(), None, "it has not heard of them");
    let ticks = ["2024-03-15T04:00:00Z", "2024-03-20T00:00:00Z", "2024-04-04T04:00:00Z"].map(at);
    let first = block_on(other.advance(ticks[0])).unwrap();
    assert_eq!(told(&first.notices), ["+promising 2024-03-15T04:00:00Z"]);
    assert_eq!(other.edges(), Some(edges.clone()));
    for now in ticks {
        assert_eq!(told(&block_on(one.advance(now.min(ticks[1]))).unwrap().notices), [""; 0]);
    }
    drop((one, other));
    let again = block_on(Engine::open_kept(Arc::clone(&store), policy.clone(), keep())).unwrap();
    assert_eq!(again.edges(), Some(edges));
    let passed = block_on(again.advance(ticks[2])).unwrap();
    assert_eq!(told(&passed.notices), ["+hibernating 2024-04-04T04:00:00Z"]);
    let told =
        block_on(async { Changes::of_reader(store, "lifecycle".parse()?, "test").await?.waiting().await });
    let told =
        told.unwrap().into_iter().filter(|told| matches!(told.notice.change(), Change::SegmentChanged(_)));
    assert_eq!(told.count(), 2);
}

#[test]
fn new_edges_are_one_report_and_no_flood() {
    let engine = shop(MemoryStore::new(), &policy(""));
    block_on(
        engine.record(
            (0..20)
                .map(|n| order(&format!("b{n}"), &format!("b{n}"), "2024-03-06T17:00:00Z"))
                .collect::<Vec<_>>(),
        ),
    )
    .unwrap();
    let first = edges(&engine);
    block_on(engine.segment_by(first.clone())).unwrap();
    block_on(engine.advance(at("2024-03-12T00:00:00Z"))).unwrap();
    let mut stricter = first.clone();
    stricter.scores.as_mut().unwrap().r = ["5", "10", "20", "30"].map(|edge| edge.parse().unwrap());
    let moves = block_on(engine.segment_by(stricter.clone())).unwrap();
    let flows: Vec<_> =
        moves.matrix.iter().map(|flow| (flow.from.as_deref(), flow.to.as_deref(), flow.customers)).collect();
    assert_eq!(flows, [(Some("new_customers"), Some("promising"), 21)]);
    assert_eq!(moves.edges_before, Some(first));
    assert_eq!(told(&block_on(engine.refresh()).unwrap()), [""; 0]);
    assert_eq!(told(&block_on(engine.advance(at("2024-03-13T00:00:00Z"))).unwrap().notices), [""; 0]);
    assert!(block_on(engine.segment_by(stricter)).unwrap().moves.is_empty(), "nothing is new");
    // From then on by the new ones.
    let passed = block_on(engine.advance(at("2024-03-25T04:00:00Z"))).unwrap();
    assert_eq!(told(&passed.notices), ["+hibernating 2024-03-25T04:00:00Z"]);
}

#[test]
fn edges_of_another_policy_or_of_none_are_refused() {
    let store = Arc::new(MemoryStore::new());
    let engine = shop(Arc::clone(&store), &policy(""));
    let edges = edges(&engine);
    let others = RfmEdges { policy_hash: "another".into(), ..edges.clone() };
    assert!(matches!(block_on(engine.segment_by(others)).unwrap_err(), EngineError::Rfm(_)));
    let none = RfmEdges { scores: None, ..edges.clone() };
    assert!(matches!(block_on(engine.segment_by(none)).unwrap_err(), EngineError::Rfm(_)));
    assert_eq!(engine.edges(), None);
    block_on(engine.segment_by(edges)).unwrap();
    // The states are the same, but others would be told.
    let other =
        block_on(Engine::open_kept(store, policy("map = \"segments_r_package_10\""), keep())).unwrap_err();
    assert!(matches!(&other, EngineError::Kept(KeptError::EdgesUnfit { generation: 1, .. })), "{other}");
    assert!(other.hint().is_some());
}

#[test]
fn a_rebuild_goes_on_by_the_edges_where_it_scores_alike() {
    let store = Arc::new(MemoryStore::new());
    let engine = shop(Arc::clone(&store), &policy(""));
    let edges = edges(&engine);
    block_on(engine.segment_by(edges.clone())).unwrap();
    let switched = |policy: Policy| {
        let mut rebuild = block_on(PolicyRebuild::begin(&store, policy, keep())).unwrap();
        block_on(rebuild.catch_up(|_| Continue(()))).unwrap();
        block_on(rebuild.switch()).unwrap();
        block_on(Engine::reopen(Arc::clone(&store), keep())).unwrap()
    };
    let renamed = switched(Policy { name: "renamed".into(), ..policy("") });
    assert_eq!(renamed.edges(), Some(edges.clone()));
    let passed = block_on(renamed.advance(at("2024-03-15T04:00:00Z"))).unwrap();
    assert_eq!(told(&passed.notices), ["+promising 2024-03-15T04:00:00Z"]);
    let windowed = switched(policy("lookback = \"90d\""));
    assert_eq!(windowed.edges(), None, "they say nothing of a window");
    block_on(async { PolicyRebuild::back(&store, keep()).await?.switch().await }).unwrap();
    let back = block_on(Engine::reopen(Arc::clone(&store), keep())).unwrap();
    assert_eq!(back.edges(), Some(edges));
    assert!(block_on(back.audit()).unwrap().is_empty());
}

/// Counts the streams that are read.
#[derive(Debug, Default)]
struct Counting {
    inner: MemoryStore,
    streams: AtomicUsize,
}

impl Around for Counting {
    type Inner = MemoryStore;

    fn inner(&self) -> &MemoryStore {
        &self.inner
    }

    async fn call<T: Send>(
        &self,
        call: Call,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        if matches!(call, Call::ReadStream) {
            self.streams.fetch_add(1, Ordering::SeqCst);
        }
        work.await
    }
}

#[test]
fn facts_in_order_read_no_history() {
    for rfm in ["", "lookback = \"12d\""] {
        let engine = shop(Counting::default(), &policy(rfm));
        block_on(engine.segment_by(edges(&engine))).unwrap();
        for day in 10..20 {
            block_on(engine.record([order(&day.to_string(), "ann", &format!("2024-03-{day}T17:00:00Z"))]))
                .unwrap();
            block_on(engine.advance(at(&format!("2024-03-{day}T20:00:00Z")))).unwrap();
        }
        assert_eq!(engine.store().streams.load(Ordering::SeqCst), 0);
        let late = block_on(engine.record([order("late", "ann", "2024-03-09T17:00:00Z")])).unwrap();
        assert!(!told(&late.notices).is_empty());
        assert!(engine.store().streams.load(Ordering::SeqCst) > 0);
    }
}
