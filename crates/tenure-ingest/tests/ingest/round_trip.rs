//! What a log prints is read back as the same facts, and no line of any file is lost or counted twice.
#![expect(clippy::unwrap_used, reason = "helpers of tests, outside the test functions")]

use proptest::prelude::*;
use serde_json::Value;
use tenure_core::log::{Append, Log, Read};
use tenure_core::{Customer, CustomerEvent, Event, EventId, Money, OrderLine, Timestamp};
use tenure_ingest::{Mapping, Options, Outcome, Row, Rows, guarded, read_csv, read_jsonl};
use tenure_testkit::strategies;

/// Texts as people would not write them: control and bidirectional characters, escapes, quotes, blanks.
fn nasty() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        "[^\0]{1,12}",
        "[\u{1}-\u{1f}\u{7f}-\u{9f}\u{200b}-\u{202e}\u{feff}\"\\\\/u0 =+@'\r\n]{1,8}",
        "[客户𠮷😀e\u{301}]{1,6}",
    ];
    text.prop_filter("no text is empty", |text| !text.is_empty())
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1.0e6..1.0e6_f64).prop_map(Value::from),
        nasty().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(nasty(), inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// Facts whose texts, numbers and amounts are anything that a fact may hold.
fn wild() -> impl Strategy<Value = Event> {
    let money = (any::<i64>(), prop_oneof![Just("CNY"), Just("JPY"), Just("KWD"), Just("CLF")]);
    let properties = prop::collection::btree_map(nasty(), value(), 0..4);
    let at = (0..=Timestamp::MAX.as_micros()).prop_map(|micros| Timestamp::from_micros(micros).unwrap());
    (any::<[u8; 16]>(), 0_u8..4, at, nasty(), prop::option::of(nasty()), properties, money).prop_filter_map(
        "such a fact is refused",
        |(id, kind, at, text, channel, properties, (minor, currency))| {
            let amount = Some(Money::from_minor(minor, currency.parse().ok()?));
            let fact = match kind {
                0 => CustomerEvent::Tracked { name: text, properties: properties.into_iter().collect() },
                1 => CustomerEvent::QuoteSent { quote: Some(text), value: amount },
                2 => CustomerEvent::OwnerAssigned { owner: text },
                _ => {
                    let mut line = OrderLine::new(&text, minor);
                    line.amount = amount;
                    CustomerEvent::OrderPlaced { order: None, total: None, lines: vec![line] }
                }
            };
            let customer = Customer::parse("ann", "test").ok()?;
            let event = Event::new(EventId::from_bytes(id), customer, at, fact).ok()?;
            channel.map_or(Some(event.clone()), |channel| event.with_channel(&channel).ok())
        },
    )
}

fn log_of(facts: &[Event]) -> Log {
    let mut log = Log::new();
    for fact in facts {
        // Two facts with one id by chance: the log keeps the first.
        let _ = log.append(&Append::new(vec![fact.clone()]), Timestamp::MAX);
    }
    log
}

fn printed(log: &Log) -> String {
    let page = log.read(&Read::all().limit(usize::MAX));
    page.facts.iter().map(|fact| fact.to_line() + "\n").collect()
}

fn rows_of(text: &[u8]) -> Vec<Row> {
    read_jsonl(text, &Options::default()).unwrap()
}

/// The physical lines that a row takes, from its first one.
fn lines_of(row: &Row) -> impl Iterator<Item = u64> + use<> {
    let more = row.bytes.split(|byte| *byte == b'\n').count() as u64 - 1;
    // A bad row with an open quote is its first line alone, and holds no line end.
    row.line..=row.line + more
}

const MAPPING: &str = "name = \"m\"\nkind = \"signed_up\"\ncustomer = { column = \"c\" }\nactor = { column = \"a\" }\n\
                       occurred_at = { column = \"t\", format = \"%Y-%m-%d\", zone = \"UTC\" }\n";

proptest! {
    #[test]
    fn what_a_log_prints_is_read_back_as_the_same_facts(
        history in strategies::history(12), wild in prop::collection::vec(wild(), 0..6)
    ) {
        let log = log_of(&[history, wild].concat());
        let text = printed(&log);
        let rows = rows_of(text.as_bytes());
        let facts: Vec<Event> = rows.iter().map(|row| match &row.outcome {
            Outcome::Fact(fact) => fact.event.clone(),
            other => panic!("{other:?} {}", String::from_utf8_lossy(&row.bytes)),
        }).collect();
        let page = log.read(&Read::all().limit(usize::MAX));
        prop_assert_eq!(facts.len(), page.facts.len());
        for (stored, read) in page.facts.iter().zip(&facts) {
            prop_assert_eq!(stored.event, read.view());
            prop_assert_eq!(stored.shown_customer(), read.customer().to_string());
        }
    }

    #[test]
    fn every_line_of_jsonl_is_one_row_or_blank(
        parts in prop::collection::vec(prop_oneof![
            any::<Vec<u8>>(),
            Just(b"\n".to_vec()),
            Just(b"\r\n \n".to_vec()),
            Just(b"{\"customer\":\"a\",\"occurred_at\":\"2024-05-01T00:00:00Z\",\"kind\":\"signed_up\"}\n".to_vec()),
            Just(b"{\"id\":\"018f3c6e-0000-7000-8000-000000000001\",\"customer\":\"a\",\"occurred_at\":\"2024-05-01T00:00:00Z\",\"kind\":\"signed_up\"}\n".to_vec()),
            "[{}\\[\\]\":,a1\n\r\\\\u]{0,40}".prop_map(String::into_bytes),
        ], 0..12)
    ) {
        let file = parts.concat();
        // A file that begins as UTF-16 does is refused as a whole.
        prop_assume!(!file.starts_with(b"\xff\xfe") && !file.starts_with(b"\xfe\xff"));
        let rows = rows_of(&file);
        let text = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&file);
        let lines = text.split(|byte| *byte == b'\n').zip(1_u64..);
        let full: Vec<(u64, &[u8])> = lines
            .filter(|(line, _)| !line.trim_ascii().is_empty())
            .map(|(line, number)| (number, line.strip_suffix(b"\r").unwrap_or(line)))
            .collect();
        prop_assert_eq!(rows.iter().map(|row| (row.line, &row.bytes[..])).collect::<Vec<_>>(), full);
    }

    #[test]
    fn every_line_of_csv_is_in_one_row_or_empty(
        file in prop_oneof!["[a1,\"\n\r 0-9-]{0,80}".prop_map(String::into_bytes), any::<Vec<u8>>()]
    ) {
        let file = [b"c,t,a\n", &file[..]].concat();
        let mapping = Mapping::parse("m", MAPPING).unwrap();
        let rows: Vec<Row> =
            Rows::csv(&file[..], &mapping, &Options::default()).unwrap().map(Result::unwrap).collect();
        let mut taken: Vec<u64> = rows.iter().flat_map(lines_of).collect();
        prop_assert!(taken.is_sorted_by(|a, b| a < b), "{taken:?}");
        // Lines that no row holds are empty.
        let lines = file.split(|byte| *byte == b'\n').zip(1_u64..).skip(1);
        taken.extend(lines.filter(|(line, _)| matches!(line, [] | [b'\r'])).map(|(_, number)| number));
        taken.sort_unstable();
        taken.dedup();
        let all = file.split(|byte| *byte == b'\n').count() as u64;
        prop_assert_eq!(taken, (2..=all).collect::<Vec<_>>());
    }

    #[test]
    fn a_guarded_cell_is_read_as_the_text_it_was(text in nasty()) {
        let cell = guarded(&text).replace('"', "\"\"");
        let file = format!("c,t,a\nann,2024-05-01,\"{cell}\"\n");
        let rows = read_csv(MAPPING, file.as_bytes(), &Options::default()).unwrap();
        prop_assert_eq!(rows[0].fact().unwrap().event.view().actor, Some(text.as_str()));
    }
}
