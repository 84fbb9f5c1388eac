//! Arbitrary bytes as a snapshot of stage, timeline, RFM and churn score, once as they are and once as the payload of a
//! frame whose checksum and fingerprint fit: a snapshot or an error, never a panic; and what is accepted can be folded
//! on and viewed.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tenure_core::fold::{Projection, Snapshot};
use tenure_core::projection::churn::Churn;
use tenure_core::projection::rfm::Rfm;
use tenure_core::projection::stage::{StageMachine, Timeline};
use tenure_core::{CustomerEvent, CustomerId, Event, EventId, Policy, Timestamp};
use xxhash_rust::xxh3::xxh3_64;

type Standard = (StageMachine, Timeline, Rfm, Churn);

static STANDARD: LazyLock<[Standard; 3]> = LazyLock::new(|| {
    Policy::PRESETS.map(|name| {
        let policy = Policy::preset(name).expect("a preset");
        let machine = policy.stages().expect("a preset has stages");
        (machine.clone(), Timeline::new(machine), policy.rfm().expect("a preset has RFM"), policy.churn().expect("a preset has a score"))
    })
});

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, bytes)) = bytes.split_first() else { return };
    let standard = &STANDARD[usize::from(*choice) % STANDARD.len()];
    go_on(standard, bytes);
    let mut framed = b"TNRS\x01".to_vec();
    framed.extend(standard.fingerprint().0);
    framed.extend(bytes);
    framed.extend(xxh3_64(&framed).to_le_bytes());
    go_on(standard, &framed);
});

fn go_on(standard: &Standard, bytes: &[u8]) {
    let Ok(snapshot) = Snapshot::decode(bytes, standard) else { return };
    assert_eq!(Snapshot::decode(&snapshot.encode(standard).expect("it was decoded"), standard), Ok(snapshot.clone()));
    let mut state = snapshot.state;
    let customer = CustomerId::from_bytes([1; 16]);
    for at in [snapshot.last.occurred_at, Timestamp::MAX] {
        let order = CustomerEvent::OrderPlaced { order: None, total: None, lines: vec![] };
        if let Ok(event) = Event::new(EventId::from_bytes([2; 16]), customer.into(), at, order) {
            standard.apply(&mut state, &event.view());
        }
        let _ = standard.view(&state, Timestamp::MAX);
        let _ = standard.next_change(&state, at);
    }
}
