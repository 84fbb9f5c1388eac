//! What do the small steps cost that every fact goes through? Nanoseconds each, by criterion; the floor of reading a line
//! is `serde_json` reading the same text without checks.
//!
//! ```console
//! $ cargo bench -p tenure-benches --bench vocabulary
//! ```
#![expect(clippy::unwrap_used, reason = "a bench may fail loudly")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use tenure_benches::standard;
use tenure_core::fold::{Folded, Projection, Snapshot, fold};
use tenure_core::{Event, EventId, Line, Money, Timestamp, Version};

const LINE: &str = r#"{"customer":"cdnow:1001","occurred_at":"1997-01-12T00:00:00Z","kind":"order_placed","subject":"o-77","amount":{"value":"14.77","currency":"USD"},"channel":"web","data":{"lines":[{"sku":"cd","quantity":2}]}}"#;

fn event() -> Event {
    Line::parse(LINE, "default").unwrap().into_event(EventId::from_bytes([1; 16])).unwrap()
}

fn reading(c: &mut Criterion) {
    let mut group = c.benchmark_group("reading");
    group.bench_function("floor: a line by serde_json", |b| {
        b.iter(|| serde_json::from_str::<serde_json::Value>(black_box(LINE)).unwrap());
    });
    group.bench_function("a line, strictly", |b| b.iter(|| Line::parse(black_box(LINE), "default").unwrap()));
    group.bench_function("a line as a checked fact", |b| {
        b.iter(|| {
            let line = Line::parse(black_box(LINE), "default").unwrap();
            line.into_event(EventId::from_bytes([1; 16])).unwrap()
        });
    });
    group.bench_function("an instant", |b| {
        b.iter(|| Timestamp::parse(black_box("1997-01-12T00:00:00Z")).unwrap());
    });
    let usd = "USD".parse().unwrap();
    group.bench_function("an amount", |b| b.iter(|| Money::parse(black_box("14.77"), usd).unwrap()));
    group.finish();
}

fn snapshots(c: &mut Criterion) {
    let projection = standard();
    let event = event();
    let state = fold(&projection, [event.view()]);
    let streams = vec![(event.customer().id(), Version(1))];
    let snapshot = Snapshot::new(Folded { state, last: event.view().key() }, streams);
    let bytes = snapshot.encode(&projection).unwrap();
    let mut group = c.benchmark_group("snapshots");
    group.bench_function("encode stage and RFM", |b| b.iter(|| snapshot.encode(&projection).unwrap()));
    group.bench_function("decode stage and RFM", |b| {
        b.iter(|| Snapshot::decode(black_box(&bytes), &projection).unwrap());
    });
    group.bench_function("view stage and RFM", |b| {
        b.iter(|| projection.view(black_box(&snapshot.state), Timestamp::MAX));
    });
    group.finish();
}

criterion_group!(benches, reading, snapshots);
criterion_main!(benches);
