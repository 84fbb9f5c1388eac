//! The bundled sample, read by the built-in mapping.
#![expect(clippy::unwrap_used, reason = "helpers of tests, outside the test functions")]

use std::collections::BTreeSet;

use tenure_core::{CustomerEvent, OrderLine, Timestamp};
use tenure_ingest::{CDNOW_SAMPLE, Fact, Mapping, Options, Rows};

fn facts(options: &Options) -> Vec<Fact> {
    let mapping = Mapping::builtin("cdnow").unwrap();
    let rows = Rows::csv(CDNOW_SAMPLE, &mapping, options).unwrap();
    rows.map(|row| row.unwrap().fact().unwrap().clone()).collect()
}

#[test]
fn every_row_of_the_sample_is_a_fact_of_its_own() {
    let facts = facts(&Options {
        latest: Some(Timestamp::parse("1998-07-01T00:00:00Z").unwrap()),
        ..Options::default()
    });
    assert_eq!(facts.len(), 6_919);
    assert_eq!(facts.iter().map(|fact| fact.event.customer().id()).collect::<BTreeSet<_>>().len(), 2_357);
    assert_eq!(facts.iter().map(|fact| fact.event.id()).collect::<BTreeSet<_>>().len(), 6_919);
    let first = &facts[0].event;
    assert_eq!(first.customer().to_string(), "cdnow:0001");
    assert_eq!(first.occurred_at().to_string(), "1997-01-01T00:00:00Z");
    let CustomerEvent::OrderPlaced { order, total, lines } = first.typed().unwrap() else {
        panic!("no order")
    };
    assert_eq!((order, total.unwrap().to_string()), (None, "29.33 USD".into()));
    assert_eq!(lines, [OrderLine::new("cd", 2)]);
    assert_eq!(first.context().source.as_deref(), Some("cdnow"));
    assert_eq!(first.context().batch.as_deref(), Some("cdnow"));
}

#[test]
fn the_ids_of_the_sample_do_not_change_from_version_to_version() {
    // A changed id adds every row of every shop's next import a second time. If this fails, the change is wrong.
    let facts = facts(&Options::default());
    assert_eq!(facts[0].event.id().to_string(), "00c663bc-2800-884f-86f6-23d9a33049fa");
    assert_eq!(facts[6_918].event.id().to_string(), "00c80f2b-fc00-85ba-b9f1-3c40af04c261");
}

#[test]
fn an_id_under_another_batch_key_is_the_one_an_import_under_that_key_gives() {
    let (one, other) =
        (facts(&Options::default()), facts(&Options { batch: Some("b".into()), ..Options::default() }));
    for (one, other) in one.iter().zip(&other) {
        assert_ne!(one.event.id(), other.event.id());
        assert_eq!(one.id_under("b"), other.event.id());
        assert_eq!(other.id_under("cdnow"), one.event.id());
    }
}
