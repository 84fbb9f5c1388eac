//! Personal data is in no file in plain text, and gone for good when its key is.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::path::Path;

use tenure_core::log::{Append, FactBlock, Read};
use tenure_core::{Customer, CustomerEvent, CustomerId, Event, EventId, Policy, Timestamp};
use tenure_sqlite::{Options, SqliteStore};
use tenure_store::seal::{Erase, erase};
use tenure_store::{Engine, EventStore, StoreError};
use tenure_testkit::conformance::{CANARIES, canary_facts, erased_is_gone};

fn at() -> Timestamp {
    Timestamp::parse("2024-05-01T00:00:00Z").unwrap()
}

fn ann() -> CustomerId {
    Customer::parse("shop:ann", "shop").unwrap().id()
}

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, Options::new()).unwrap()
}

fn append(store: &SqliteStore, facts: Vec<Event>) -> Result<(), StoreError> {
    pollster::block_on(store.append(Append::new(facts))).map(drop)
}

fn read(store: &SqliteStore) -> Result<FactBlock, StoreError> {
    pollster::block_on(store.read(&Read::all())).map(|page| page.facts)
}

/// A fact with personal data of customer number `n`.
fn named(n: u8) -> Event {
    let attributes = [("name".to_owned(), format!("number {n}").into())].into_iter().collect();
    let customer = Customer::parse(&format!("shop:c{n}"), "shop").unwrap();
    let id = EventId::from_foreign("named", &n.to_string());
    Event::new(id, customer, at(), CustomerEvent::ProfileUpdated { attributes }).unwrap()
}

/// Whether some bytes stand in any file of a directory.
fn stands(directory: &Path, bytes: &[u8]) -> bool {
    let files = fs::read_dir(directory).unwrap().map(|file| fs::read(file.unwrap().path()).unwrap());
    files.into_iter().any(|file| file.windows(bytes.len()).any(|window| window == bytes))
}

fn canary_in(directory: &Path) -> Option<&'static str> {
    CANARIES.into_iter().find(|canary| stands(directory, canary.as_bytes()))
}

fn secrets(keys: &Path) -> Vec<[u8; 32]> {
    let keys = rusqlite::Connection::open(keys).unwrap();
    let mut secrets = keys.prepare("SELECT secret FROM key WHERE secret IS NOT NULL").unwrap();
    secrets.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn what_was_erased_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("shop.db"));
    erased_is_gone(&store).unwrap();
    store.verify(|_, _| std::ops::ControlFlow::Continue(())).unwrap();
    erased_is_gone(&SqliteStore::open_in_memory(Options::new()).unwrap()).unwrap();
}

#[test]
fn no_file_ever_holds_plain_text_and_no_file_a_destroyed_key() {
    let directory = tempfile::tempdir().unwrap();
    let copies = tempfile::tempdir().unwrap();
    let (file, keys) = (directory.path().join("shop.db"), directory.path().join("shop.db-keys"));
    let store = open(&file);
    append(&store, canary_facts().unwrap()).unwrap();
    assert_eq!(canary_in(directory.path()), None);
    store.backup(copies.path().join("copy.db"), |_, _| std::ops::ControlFlow::Continue(())).unwrap();
    assert_eq!(canary_in(copies.path()), None);
    let before = secrets(&keys);
    assert_eq!(before.len(), 3);
    pollster::block_on(erase(&store, ann(), at())).unwrap();
    let left = secrets(&keys);
    assert_eq!(left.len(), 1, "somebody else's key");
    for secret in &before {
        assert_eq!(stands(directory.path(), secret), left.contains(secret));
    }
    drop(store);
    for secret in before.iter().filter(|secret| !left.contains(secret)) {
        assert!(!stands(directory.path(), secret));
    }
    assert_eq!(canary_in(directory.path()), None);
    // Of many as of one, also where their rows lie close together.
    let store = open(&file);
    append(&store, (0..200).map(named).collect()).unwrap();
    let before = secrets(&keys);
    for n in (0..200).filter(|n| n % 3 > 0) {
        pollster::block_on(erase(&store, named(n).customer().id(), at())).unwrap();
    }
    let left = secrets(&keys);
    assert_eq!((before.len(), left.len()), (201, 68));
    drop(store);
    for secret in before.iter().filter(|secret| !left.contains(secret)) {
        assert!(!stands(directory.path(), secret));
    }
    // A copy that was made before is of no more use.
    fs::copy(&keys, copies.path().join("copy.db-keys")).unwrap();
    let copy = read(&open(&copies.path().join("copy.db"))).unwrap();
    assert!(copy.iter().all(|fact| !CANARIES.iter().any(|canary| fact.to_line().contains(canary))));
}

/// A state that was folded of what is erased now is folded again: the engine shows what a replay shows.
#[test]
fn an_engine_forgets_what_its_states_knew() {
    const POLICY: &str = r#"
        name = "vip"
        [[stage]]
        id = "new"
        macro = "activation"
        labels = { en = "new", zh-CN = "新客" }
        initial = true
        [[stage]]
        id = "vip"
        macro = "retention"
        labels = { en = "VIP", zh-CN = "贵宾" }
        [[rule]]
        name = "tier"
        from = ["new"]
        to = "vip"
        when = { attribute = { name = "tier", op = "eq", value = "A" } }
        because = { en = "has tier A", zh-CN = "A 级" }
    "#;
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("shop.db"));
    let policy = Policy::parse(POLICY, "vip.toml").unwrap();
    let engine = pollster::block_on(Engine::open(store, policy)).unwrap();
    pollster::block_on(engine.record(canary_facts().unwrap())).unwrap();
    let stage = |engine: &Engine<SqliteStore>| {
        pollster::block_on(engine.customer(ann()).into_future()).unwrap().unwrap().stage
    };
    assert_eq!(&*stage(&engine), "vip");
    pollster::block_on(erase(engine.store(), ann(), at())).unwrap();
    pollster::block_on(engine.refresh()).unwrap();
    assert!(pollster::block_on(engine.audit()).unwrap().is_empty());
    assert_eq!(&*stage(&engine), "new");
}

#[test]
fn a_store_without_its_keys_says_so_and_can_be_read_without() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("shop.db");
    let keys = directory.path().join("shop.db-keys");
    append(&open(&file), canary_facts().unwrap()).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    fs::copy(&keys, elsewhere.path().join("keys")).unwrap();
    fs::remove_file(&keys).unwrap();

    let store = open(&file);
    let error = read(&store).unwrap_err();
    assert!(matches!(error, StoreError::KeysMissing { .. }), "{error:?}");
    assert!(error.to_string().contains("shop.db-keys") && error.hint().unwrap().contains("-keys"));
    let refused = pollster::block_on(erase(&store, ann(), at())).unwrap_err();
    assert!(
        matches!(refused, StoreError::KeysMissing { .. }),
        "called erased while the keys may be anywhere"
    );
    assert!(!keys.exists(), "an empty file would look like an answer");
    drop(store);

    let store = SqliteStore::open(&file, Options::new().without_keys()).unwrap();
    let facts = read(&store).unwrap();
    assert!(facts.iter().all(|fact| !CANARIES.iter().any(|canary| fact.to_line().contains(canary))));
    let name = CustomerEvent::ProfileUpdated { attributes: [("a".into(), 1.into())].into_iter().collect() };
    let customer = Customer::parse("shop:ann", "shop").unwrap();
    let fact =
        |n: &str, event| Event::new(EventId::from_foreign("t", n), customer.clone(), at(), event).unwrap();
    let refused = append(&store, vec![fact("1", name)]).unwrap_err();
    assert!(matches!(refused, StoreError::KeysMissing { .. }), "{refused:?}");
    append(&store, vec![fact("2", CustomerEvent::SignedUp {})]).unwrap();
    assert!(pollster::block_on(store.destroy_keys(&[ann()])).is_err());
    drop(store);

    // Another store's keys are none of this one's.
    let other = tempfile::tempdir().unwrap();
    append(&open(&other.path().join("o.db")), canary_facts().unwrap()).unwrap();
    fs::copy(other.path().join("o.db-keys"), &keys).unwrap();
    assert!(matches!(read(&open(&file)), Err(StoreError::KeysMissing { .. })));
    fs::copy(elsewhere.path().join("keys"), &keys).unwrap();
    assert!(read(&open(&file)).unwrap().iter().any(|fact| fact.to_line().contains(CANARIES[0])));
}

#[test]
fn a_file_of_something_else_in_the_place_of_the_keys_is_refused_and_left_alone() {
    for (what, bytes) in [("text", b"Dear Ann".to_vec()), ("database", Vec::new())] {
        let directory = tempfile::tempdir().unwrap();
        let keys = directory.path().join("shop.db-keys");
        fs::write(&keys, bytes).unwrap();
        if what == "database" {
            rusqlite::Connection::open(&keys).unwrap().execute_batch("CREATE TABLE a (b)").unwrap();
        }
        let before = fs::read(&keys).unwrap();
        let refused = append(&open(&directory.path().join("shop.db")), canary_facts().unwrap()).unwrap_err();
        assert!(matches!(refused, StoreError::NotAStore { .. }), "{what}: {refused:?}");
        assert_eq!(fs::read(&keys).unwrap(), before);
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("shop.db");
    append(&open(&file), canary_facts().unwrap()).unwrap();
    let keys = rusqlite::Connection::open(directory.path().join("shop.db-keys")).unwrap();
    keys.pragma_update(None, "user_version", 9).unwrap();
    drop(keys);
    assert!(matches!(read(&open(&file)), Err(StoreError::Format { format: 9, known: 1, .. })));
}

/// Killed between the keys and the fact, however often before: done again, the fact is recorded.
#[test]
fn an_erasure_that_was_broken_off_is_recorded_by_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("shop.db"));
    let asked = CustomerEvent::ErasureRequested {};
    let customer = Customer::parse("shop:c1", "shop").unwrap();
    let asked = Event::new(EventId::from_foreign("t", "asked"), customer.clone(), at(), asked).unwrap();
    append(&store, vec![named(1), asked]).unwrap();
    let recorded = || pollster::block_on(erase(&store, customer.id(), at())).unwrap().recorded.len();
    pollster::block_on(store.destroy_keys(&[customer.id()])).unwrap();
    assert_eq!(recorded(), 1, "what the customer asked for was not done yet");
    assert_eq!(recorded(), 0, "recorded already");
    let back = CustomerEvent::ProfileUpdated { attributes: [("a".into(), 1.into())].into_iter().collect() };
    append(
        &store,
        vec![Event::new(EventId::from_foreign("t", "back"), customer.clone(), at(), back).unwrap()],
    )
    .unwrap();
    pollster::block_on(store.destroy_keys(&[customer.id()])).unwrap();
    let later = Timestamp::from_micros(at().as_micros() + 1).unwrap();
    let again = pollster::block_on(erase(&store, customer.id(), later)).unwrap();
    assert_eq!(
        (again.destroyed.keys, again.recorded.len()),
        (0, 1),
        "who came back was erased without a record"
    );
}

#[test]
fn two_handles_seal_under_one_key() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("shop.db");
    let (one, two) = (open(&file), open(&file));
    append(&one, canary_facts().unwrap()).unwrap();
    let again = pollster::block_on(two.append(Append::new(canary_facts().unwrap()))).unwrap();
    assert!(again.already_stored());
    assert_eq!(read(&two).unwrap(), read(&one).unwrap());
    // What one destroys the other cannot open any more.
    pollster::block_on(erase(&two, ann(), at())).unwrap();
    assert!(read(&one).unwrap().iter().all(|fact| !fact.to_line().contains(CANARIES[1])));
}

#[test]
fn what_is_declared_plain_stays_and_changing_that_stores_nothing_twice() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("shop.db");
    let plain = |names: &[&'static str]| {
        SqliteStore::open(&file, Options::new().plain_attributes(names.iter().copied())).unwrap()
    };
    append(&plain(&["tier"]), canary_facts().unwrap()).unwrap();
    for names in [&[][..], &["tier", "name"], &["name"]] {
        let again = pollster::block_on(plain(names).append(Append::new(canary_facts().unwrap()))).unwrap();
        assert!(again.already_stored(), "{names:?}");
    }
    let store = plain(&[]);
    pollster::block_on(erase(&store, ann(), at())).unwrap();
    assert_eq!(read(&store).unwrap().get(0).unwrap().event.data, r#"{"tier":"A"}"#);
    assert!(pollster::block_on(store.append(Append::new(canary_facts().unwrap()))).unwrap().already_stored());
}

#[test]
fn keys_are_for_their_owner_alone_and_are_copied_only_when_asked() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("shop.db");
    let store = open(&file);
    assert!(!store.has_keys() && !store.backup_keys(directory.path().join("none")).unwrap());
    append(&store, canary_facts().unwrap()).unwrap();
    let (copy, keys) = (directory.path().join("copy.db"), directory.path().join("copy.db-keys"));
    store.backup(&copy, |_, _| std::ops::ControlFlow::Continue(())).unwrap();
    assert!(!keys.exists());
    assert!(store.backup_keys(&keys).unwrap() && store.backup_keys(&keys).is_err());
    assert_eq!(read(&open(&copy)).unwrap(), read(&store).unwrap());
    #[cfg(unix)]
    for keys in [keys, directory.path().join("shop.db-keys")] {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(keys).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
