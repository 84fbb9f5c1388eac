//! Arbitrary bytes as a JSONL file: rows or bad rows, never a panic; what is a fact survives its own line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tenure_core::log::{Append, Log};
use tenure_core::{Line, Timestamp};
use tenure_ingest::{Options, read_jsonl};

fuzz_target!(|bytes: &[u8]| {
    let Ok(rows) = read_jsonl(bytes, &Options::default()) else { return };
    for fact in rows.iter().filter_map(|row| row.fact()) {
        let mut log = Log::new();
        if log.append(&Append::new(vec![fact.event.clone()]), Timestamp::MIN).is_err() {
            continue;
        }
        let stored = log.get(tenure_core::Position(1)).expect("one fact was stored");
        let line = Line::parse(&stored.to_line(), "default").expect("a log's line can be read");
        let again = line.into_event(stored.event.id).expect("a log's line is a fact");
        assert_eq!(again.view(), stored.event);
    }
});
