//! The store in memory keeps every rule, and the kit sees every flaw it knows of.

use tenure_testkit::conformance::{Flaw, RULES};

mod memory {
    tenure_testkit::store_conformance!(|clock| tenure_store::MemoryStore::with_clock(clock));
}

fn broken_rules(flaw: Flaw) -> Vec<&'static str> {
    RULES.iter().filter(|rule| (rule.check)(&flaw).is_err()).map(|rule| rule.name).collect()
}

#[test]
fn the_wrapper_of_the_flaws_is_sound_itself() {
    assert_eq!(broken_rules(Flaw::Sound), Vec::<&str>::new());
}

#[test]
fn every_flaw_is_caught_by_name() {
    for (flaw, name) in Flaw::CAUGHT_BY {
        let rule = RULES.iter().find(|rule| rule.name == *name).unwrap();
        let seen = (rule.check)(flaw).is_err();
        assert!(seen, "{flaw:?} is not seen by {name}, but by {:?}", broken_rules(*flaw));
    }
}
