//! What an engine keeps, rebuilt under another policy: compared, put in its place, taken back; and nothing told because of it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use core::ops::ControlFlow::{Break, Continue};
use std::sync::Arc;

use pollster::block_on;
use tenure_core::log::Append;
use tenure_core::{Customer, CustomerEvent, Event, EventId, Money, Policy, Position, Timestamp};
use tenure_store::{
    Changes, Commit, Engine, EngineError, EntryKey, EventStore, Generation, Keep, KeptError, KeptView,
    MemoryStore, PolicyRebuild, Projector, generations, kept_policy, live_generation, prune_generations,
};

type Store = Arc<MemoryStore>;

fn at(day: &str) -> Timestamp {
    Timestamp::parse(&format!("{day}T00:00:00Z")).unwrap()
}

fn order(id: &str, by: &str, day: &str) -> Event {
    let total = Money::parse("10.00", "USD".parse().unwrap()).unwrap();
    let what = CustomerEvent::OrderPlaced { order: None, total: Some(total), lines: vec![] };
    Event::new(EventId::from_foreign("shop", id), Customer::parse(by, "shop").unwrap(), at(day), what)
        .unwrap()
}

fn keep() -> Keep {
    Keep::under("lifecycle").unwrap()
}

fn retail() -> Policy {
    Policy::preset("retail").unwrap()
}

/// Retail with less patience for who bought once, and a window for RFM.
fn impatient() -> Policy {
    let text = Policy::preset_text("retail").unwrap();
    let text = text.replace("default = \"30d\"", "default = \"10d\"") + "\n[rfm]\nlookback = \"30d\"\n";
    let policy = Policy { name: "impatient".into(), ..Policy::parse(&text, "impatient").unwrap() };
    assert_ne!(policy.cadence, retail().cadence);
    policy
}

/// Some customers who bought on one day, one who bought again, and an engine that keeps them.
fn shop() -> (Store, Engine<Store>) {
    let store = Store::default();
    let engine = block_on(Engine::open_kept(Arc::clone(&store), retail(), keep())).unwrap();
    let mut orders: Vec<Event> =
        (0..5).map(|n| order(&n.to_string(), &format!("c{n}"), "2024-01-01")).collect();
    orders.push(order("again", "c0", "2024-02-20"));
    block_on(engine.record(orders)).unwrap();
    block_on(engine.advance(at("2024-02-25"))).unwrap();
    (store, engine)
}

fn rebuilt(store: &Store, policy: Policy) -> PolicyRebuild<&Store> {
    let mut rebuild = block_on(PolicyRebuild::begin(store, policy, keep())).unwrap();
    block_on(rebuild.catch_up(|_| Continue(()))).unwrap();
    rebuild
}

fn live(store: &Store) -> Generation {
    block_on(live_generation(store, &"lifecycle".parse().unwrap())).unwrap().unwrap()
}

fn told(store: &Store) -> u64 {
    block_on(async { Changes::of_reader(store, "lifecycle".parse().unwrap(), "test").await?.told().await })
        .unwrap()
}

#[test]
fn the_policy_is_kept_with_each_generation_and_opens_it() {
    let (store, _) = shop();
    let name = "lifecycle".parse().unwrap();
    assert_eq!(block_on(kept_policy(&store, &name)).unwrap(), Some(retail()));
    assert_eq!(*block_on(Engine::reopen(Arc::clone(&store), keep())).unwrap().policy(), retail());
    // What stands in the store is what the hash is of.
    let kept = |number: u32| {
        let key = EntryKey::new("policy", [b"lifecycle\0".as_slice(), &number.to_be_bytes()].concat());
        block_on(store.entries(&[key])).unwrap().pop().flatten()
    };
    assert_eq!(kept(1), Some(retail().to_json().into_bytes()));
    block_on(rebuilt(&store, impatient()).switch()).unwrap();
    assert_eq!(*block_on(Engine::reopen(Arc::clone(&store), keep())).unwrap().policy(), impatient());
    assert_eq!(kept(1), Some(retail().to_json().into_bytes()), "of both, as long as both are there");
    assert_eq!(block_on(prune_generations(&store, &name, 0)).unwrap(), [1]);
    assert_eq!((kept(1), kept(2)), (None, Some(impatient().to_json().into_bytes())));
}

#[test]
fn a_kept_policy_that_is_not_the_one_of_the_states_is_told_as_such() {
    let (store, _) = shop();
    let key = EntryKey::new("policy", [b"lifecycle\0".as_slice(), &1_u32.to_be_bytes()].concat());
    let reopened = |commit: Commit| {
        block_on(store.commit(commit)).unwrap();
        let kept = block_on(kept_policy(&store, &"lifecycle".parse().unwrap()));
        let reopened = block_on(Engine::reopen(Arc::clone(&store), keep())).unwrap_err();
        let mut rebuild = rebuilt(&store, impatient());
        // It cannot be compared with, and that keeps nobody from replacing it.
        assert!(block_on(rebuild.compare(1)).is_err_and(|error| error.to_string() == reopened.to_string()));
        assert_eq!(kept.unwrap_err().to_string(), reopened.to_string());
        reopened
    };
    for (value, why) in [
        (impatient().to_json(), "does not fit: the states were made by another one"),
        ("{\"zone\":\"Mars\"}".into(), "does not fit: zone: \"Mars\" is not an IANA time zone"),
        ("garbage".into(), "does not fit"),
    ] {
        let error = reopened(Commit::new().put(key.clone(), value));
        assert!(error.to_string().contains(why), "{error}");
        assert!(matches!(error, EngineError::Kept(KeptError::PolicyUnfit { generation: 1, .. })));
    }
    let error = reopened(Commit::new().remove(key));
    assert!(matches!(error, EngineError::Kept(KeptError::NoPolicy { generation: 1, .. })));
    assert_eq!(block_on(rebuilt(&store, retail()).switch()).unwrap().generation.number, 3);
}

#[test]
fn a_comparison_counts_customers_and_names_the_fields_that_differ() {
    let (store, _) = shop();
    let mut rebuild = rebuilt(&store, impatient());
    let comparison = block_on(rebuild.compare(2)).unwrap().unwrap();
    assert_eq!((comparison.position, comparison.as_of), (Position(6), Some(at("2024-02-25"))));
    assert_eq!((comparison.before.generation, comparison.after.generation), (1, 2));
    assert_eq!(
        (comparison.after.policy.as_str(), &comparison.after.hash),
        ("impatient", &impatient().hash())
    );
    // The four who were silent differ in stage and in what a window of 30 days leaves of them; c0 by the way it took and in what the window holds.
    assert_eq!((comparison.customers, comparison.differing), (5, 5));
    let count = |field: &str| comparison.fields.iter().find(|of| of.field == field).unwrap().customers;
    assert_eq!(KeptView::FIELDS.map(count), [4, 4, 5, 5, 4, 5, 5, 5]);
    let shown: Vec<_> = comparison.examples.iter().map(|example| example.customer.as_str()).collect();
    assert_eq!(shown, ["shop:c0", "shop:c1"], "as many as were asked for, by name");
    let one = &comparison.examples[1];
    let (before, after) = (one.before.as_ref().unwrap(), one.after.as_ref().unwrap());
    assert_eq!((before.stage.as_deref(), before.frequency), (Some("new"), Some(1)));
    assert_eq!((after.frequency, after.segment.as_deref()), (None, None));
    // Each side is what an engine under its policy shows.
    block_on(rebuild.switch()).unwrap();
    let engine = block_on(Engine::reopen(Arc::clone(&store), keep())).unwrap();
    let shown = block_on(engine.customer(Customer::parse("c1", "shop").unwrap().id()).into_future())
        .unwrap()
        .unwrap();
    assert_eq!((Some(shown.stage), Some(shown.since)), (after.stage.clone(), after.since));
    // Under the same policy nobody differs.
    let mut same = rebuilt(&store, impatient());
    let comparison = block_on(same.compare(10)).unwrap().unwrap();
    assert_eq!((comparison.customers, comparison.differing, comparison.examples.len()), (5, 0, 0));
    assert!(comparison.fields.iter().all(|of| of.customers == 0));
}

#[test]
fn a_comparison_is_at_the_checkpoint_of_the_live_one_however_it_moves() {
    let (store, engine) = shop();
    let mut rebuild = block_on(engine.rebuild(retail())).unwrap();
    block_on(rebuild.catch_up(|_| Continue(()))).unwrap();
    block_on(store.append(Append::new(vec![order("x", "c9", "2024-02-26")]))).unwrap();
    let behind = block_on(rebuild.compare(1)).unwrap().unwrap();
    assert_eq!((behind.position, behind.customers, behind.differing), (Position(6), 5, 0));
    block_on(engine.refresh()).unwrap();
    let there = block_on(rebuild.compare(1)).unwrap().unwrap();
    assert_eq!((there.position, there.customers, there.differing), (Position(7), 6, 0));
    assert_eq!(there.as_of, Some(at("2024-02-26")));
}

#[test]
fn a_switch_tells_nothing_and_what_comes_after_it_is_told_once() {
    let (store, engine) = shop();
    let before = told(&store);
    assert!(before > 5);
    let switched = block_on(rebuilt(&store, impatient()).switch()).unwrap();
    assert_eq!((switched.from, switched.generation.before), (Some(1), Some(1)));
    assert_eq!((told(&store), live(&store).number), (before, 2));
    // The old engine is told so, and its facts are stored all the same.
    let late = block_on(engine.record([order("late", "c1", "2024-02-26")])).unwrap_err();
    assert!(matches!(
        late,
        EngineError::Behind { source, .. } if matches!(*source, EngineError::Kept(KeptError::Superseded { .. }))
    ));
    let new = block_on(Engine::reopen(Arc::clone(&store), keep())).unwrap();
    let notices = block_on(new.refresh()).unwrap();
    let to: Vec<_> =
        notices.iter().map(|notice| (notice.change().to().unwrap(), notice.change().at())).collect();
    assert_eq!(to.last().map(|(_, at)| *at), Some(at("2024-02-26")), "{to:?}");
    assert!(to.iter().all(|(_, when)| *when == at("2024-02-26")), "history was told: {to:?}");
    assert_eq!(told(&store), before + notices.len() as u64);
    assert!(block_on(new.audit()).unwrap().is_empty());
}

#[test]
fn the_way_back_is_a_switch_to_the_one_before_and_there_is_none_from_the_first() {
    let (store, _) = shop();
    let back = |store| block_on(PolicyRebuild::back(store, keep()));
    let none = back(&store).unwrap_err();
    assert!(matches!(none, EngineError::Kept(KeptError::NothingBefore { .. })), "{none}");
    block_on(rebuilt(&store, impatient()).switch()).unwrap();
    block_on(store.append(Append::new(vec![order("x", "c9", "2024-02-26")]))).unwrap();
    block_on(block_on(Engine::reopen(Arc::clone(&store), keep())).unwrap().refresh()).unwrap();
    let before = told(&store);
    let mut one = back(&store).unwrap();
    assert_eq!((one.policy().name.as_str(), one.generation().number), ("retail", 1));
    let switched = block_on(one.switch()).unwrap();
    assert_eq!((switched.from, switched.generation.checkpoint.position), (Some(2), Position(7)));
    let engine = block_on(Engine::reopen(Arc::clone(&store), keep())).unwrap();
    assert_eq!(engine.policy().name, "retail");
    assert!(block_on(engine.audit()).unwrap().is_empty());
    assert!(block_on(engine.refresh()).unwrap().is_empty());
    assert_eq!(told(&store), before);
    // And to and fro.
    assert_eq!(block_on(back(&store).unwrap().switch()).unwrap().generation.number, 2);
    block_on(prune_generations(&store, &"lifecycle".parse().unwrap(), 0)).unwrap();
    let gone = back(&store).unwrap_err();
    assert!(matches!(gone, EngineError::Kept(KeptError::NoGeneration { number: 1, .. })), "{gone}");
}

#[test]
fn a_policy_that_differs_only_in_what_no_state_rests_on_is_a_generation_of_its_own() {
    let (store, _) = shop();
    let mut renamed = retail();
    renamed.name = "renamed".into();
    let mut rebuild = rebuilt(&store, renamed.clone());
    assert_eq!(
        (rebuild.generation().number, block_on(rebuild.compare(1)).unwrap().unwrap().differing),
        (2, 0)
    );
    block_on(rebuild.switch()).unwrap();
    assert_eq!(*block_on(Engine::reopen(Arc::clone(&store), keep())).unwrap().policy(), renamed);
    // The same is gone on with, and no other.
    assert_eq!(rebuilt(&store, retail()).generation().number, 1);
    let third = Policy { name: "third".into(), ..retail() };
    assert_eq!(rebuilt(&store, third).generation().number, 3);
    assert_eq!(rebuilt(&store, impatient()).generation().number, 4);
}

#[test]
fn a_rebuild_goes_on_where_it_was_stopped_and_says_exactly_where_it_is() {
    let store = Store::default();
    // More than two pages of the log.
    let orders = |from: usize| {
        (from..from + 5_000).map(|n| order(&n.to_string(), &format!("c{}", n % 700), "2024-01-01")).collect()
    };
    block_on(store.append(Append::new(orders(0)))).unwrap();
    block_on(store.append(Append::new(orders(5_000)))).unwrap();
    let mut rebuild = block_on(PolicyRebuild::begin(&store, retail(), keep())).unwrap();
    let stopped = block_on(rebuild.catch_up(|_| Break(())));
    let Err(EngineError::Kept(KeptError::Stopped { at: there })) = stopped else { panic!("not stopped") };
    assert!(Position(0) < there && there < Position(10_000));
    let mut again = block_on(PolicyRebuild::begin(&store, retail(), keep())).unwrap();
    assert_eq!((again.generation().number, again.generation().checkpoint.position), (1, there));
    let mut told = Vec::new();
    block_on(again.catch_up(|progress| {
        told.push((progress.position, progress.head));
        Continue(())
    }))
    .unwrap();
    assert!(told.is_sorted() && told.iter().all(|(at, head)| *at > there && *head == Position(10_000)));
    assert_eq!(told.last().unwrap().0, Position(10_000));
    assert_eq!(block_on(again.compare(1)).unwrap(), None, "nothing is live");
    assert_eq!(block_on(again.switch()).unwrap().from, None);
    let engine = block_on(Engine::reopen(Arc::clone(&store), keep())).unwrap();
    assert!(block_on(engine.audit()).unwrap().is_empty());
    assert_eq!(block_on(generations(&store, &"lifecycle".parse().unwrap())).unwrap().len(), 1);
}

#[test]
fn what_keeps_nothing_or_is_no_engines_is_not_rebuilt() {
    let store = Store::default();
    let engine = block_on(Engine::open(Arc::clone(&store), retail())).unwrap();
    assert!(matches!(block_on(engine.rebuild(retail())), Err(EngineError::NotKept)));
    let none = block_on(PolicyRebuild::back(&store, keep())).unwrap_err();
    assert!(matches!(none, EngineError::Kept(KeptError::NothingKept { .. })), "{none}");
    assert!(matches!(
        block_on(PolicyRebuild::begin(&store, Policy::default(), keep())),
        Err(EngineError::Policy(_))
    ));
    assert_eq!(block_on(generations(&store, &"lifecycle".parse().unwrap())).unwrap(), []);
    let tags = Projector::open(&store, "lifecycle".parse().unwrap(), tenure_core::projection::tags::Tags);
    block_on(tags).unwrap();
    let foreign = block_on(kept_policy(&store, &"lifecycle".parse().unwrap())).unwrap_err();
    assert!(matches!(foreign, KeptError::NoPolicy { generation: 1, .. }), "{foreign}");
}
