//! Personal data never reaches the server in plain text, and is gone for good when its key is.

use core::ops::ControlFlow::Continue;

use tenure_core::log::{Append, Read};
use tenure_postgres::{Options, PostgresStore};
use tenure_store::seal::erase;
use tenure_store::{EventStore, StoreError};
use tenure_testkit::conformance::{CANARIES, canary_facts, erased_is_gone};

use crate::common::{Raw, database, new_log, new_store, open};

#[test]
fn what_was_erased_is_gone() {
    let store = new_store();
    erased_is_gone(&store).unwrap();
    pollster::block_on(store.verify(|_, _| Continue(()))).unwrap();
}

fn lines(store: &PostgresStore) -> Result<Vec<String>, StoreError> {
    let page = pollster::block_on(store.read(&Read::all()))?;
    Ok(page.facts.iter().map(|fact| fact.to_line()).collect())
}

#[test]
fn a_log_without_its_keys_says_so_and_can_be_read_without() {
    let log = new_log();
    let store = open(database(), Options::new().log(log.clone()));
    pollster::block_on(store.append(Append::new(canary_facts().unwrap()))).unwrap();
    let before = lines(&store).unwrap();
    assert!(before.iter().any(|line| line.contains(CANARIES[0])));
    let keys_of_log = format!("SELECT log FROM tenure.log WHERE name = '{log}'");
    Raw::connect(database()).run(&format!("DELETE FROM tenure.key WHERE log = ({keys_of_log})"));
    let error = lines(&store).unwrap_err();
    assert!(matches!(error, StoreError::KeysMissing { .. }), "{error:?}");
    assert!(error.hint().is_some());
    let customer = canary_facts().unwrap()[0].customer().id();
    let at = canary_facts().unwrap()[0].occurred_at();
    assert!(pollster::block_on(erase(&store, customer, at)).is_err());
    let without = open(database(), Options::new().log(log).without_keys());
    let after = lines(&without).unwrap();
    assert_eq!(after.len(), before.len());
    assert!(!after.iter().any(|line| CANARIES.iter().any(|canary| line.contains(canary))));
    let refused = pollster::block_on(without.append(Append::new(canary_facts().unwrap())));
    assert!(refused.unwrap().already_stored(), "what is known needs no key");
}
