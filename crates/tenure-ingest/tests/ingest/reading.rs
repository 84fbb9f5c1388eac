//! What files become: facts, duplicates, bad rows, errors.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, outside the test functions")]

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read};

use proptest::prelude::*;
use tenure_core::{CustomerEvent, Duration, EventId, Timestamp};
use tenure_ingest::{Options, Outcome, ReadError, Row, RowError, Rows, read_csv, read_jsonl};

const SHOP: &str = r#"
name = "shop"
kind = { column = "type", map = { buy = "order_placed", hello = "signed_up", ask = "ticket_opened", rate = "survey_answered" } }
customer = { column = "who" }
occurred_at = { column = "at", format = "%Y-%m-%d %H:%M", zone = "Asia/Shanghai" }
amount = { column = "total", currency_column = "currency" }
subject = { column = "about" }
number = { column = "score" }
channel = { value = "web" }
actor = { column = "agent" }
[data]
reason = { column = "why" }
gift = { column = "gift", type = "boolean" }
weight = { column = "weight", type = "decimal" }
pieces = { column = "pieces", type = "integer" }
more = { column = "more", type = "json" }
due = { column = "due", type = "time", format = "%Y-%m-%d", zone = "UTC" }
from = { value = "till" }
"#;
const HEADER: &str = "type,who,at,total,currency,about,score,agent,why,gift,weight,pieces,more,due";

fn shop(rows: &str) -> Vec<Row> {
    read_csv(SHOP, format!("{HEADER}\n{rows}").as_bytes(), &Options::default()).unwrap()
}

/// A mapping of customer, time and one order number.
fn plain(more: &str) -> String {
    format!(
        "name = \"m\"\nnamespace = \"n\"\nkind = \"order_placed\"\ncustomer = {{ column = \"c\" }}\n\
         occurred_at = {{ column = \"t\", format = \"%Y-%m-%d\", zone = \"UTC\" }}\n{more}"
    )
}

fn ids(rows: &[Row]) -> Vec<EventId> {
    rows.iter().filter_map(Row::fact).map(|fact| fact.event.id()).collect()
}

fn reason(row: &Row) -> String {
    row.error().unwrap_or_else(|| panic!("no bad row: {row:?}")).to_string()
}

#[test]
fn every_field_comes_from_its_column_and_an_empty_cell_is_an_absent_field() {
    let rows = shop(
        "ask,1001,2024-05-01 08:30,,,t-7,,ann,,1,1.50,3,\"{\"\"a\"\":[1]}\",2024-06-01\n\
         hello,wx:o6,2024-05-01 08:30,,,,,,,,,,,\n",
    );
    let event = &rows[0].fact().unwrap().event;
    let view = event.view();
    assert_eq!(event.occurred_at().to_string(), "2024-05-01T00:30:00Z");
    assert_eq!((view.subject, view.channel, view.actor), (Some("t-7"), Some("web"), Some("ann")));
    assert_eq!(
        view.data,
        r#"{"due":"2024-06-01T00:00:00Z","from":"till","gift":true,"more":{"a":[1]},"pieces":3,"weight":"1.50"}"#
    );
    let second = rows[1].fact().unwrap().event.view();
    assert_eq!((second.subject, second.amount, second.number, second.actor), (None, None, None, None));
    assert_eq!(second.data, r#"{"from":"till"}"#);
    assert_eq!(rows[1].fact().unwrap().event.customer().to_string(), "wx:o6");
}

#[test]
fn a_bad_cell_is_named_with_column_field_and_reason() {
    for (row, column, field, why) in [
        ("buy,,2024-05-01 08:30,1,USD,,,,,,,,,", "who", "customer", "it is empty"),
        ("buy,a@b.cn,2024-05-01 08:30,1,USD,,,,,,,,,", "who", "customer", "e-mail"),
        ("buy,1,,1,USD,,,,,,,,,", "at", "occurred_at", "it is empty"),
        (
            "buy,1,2024-05-01,1,USD,,,,,,,,,",
            "at",
            "occurred_at",
            "\"2024-05-01\" is not a time of the format",
        ),
        ("buy,1,2024-05-01 08:30,1e3,USD,,,,,,,,,", "total", "amount", "plain decimal"),
        ("buy,1,2024-05-01 08:30,1.005,USD,,,,,,,,,", "total", "amount", "more decimals"),
        ("buy,1,2024-05-01 08:30,-1,USD,,,,,,,,,", "total", "amount", "negative"),
        ("buy,1,2024-05-01 08:30,1,,,,,,,,,,", "currency", "amount", "it is empty"),
        ("buy,1,2024-05-01 08:30,1,usd,,,,,,,,,", "currency", "amount", "ISO 4217"),
        ("sell,1,2024-05-01 08:30,1,USD,,,,,,,,,", "type", "kind", "\"sell\" is not one of \"ask\", \"buy\""),
        (",1,2024-05-01 08:30,1,USD,,,,,,,,,", "type", "kind", "it is empty"),
        ("buy,1,2024-05-01 08:30,1,USD,,1.5,,,,,,,", "score", "number", "whole number"),
        ("rate,1,2024-05-01 08:30,,,nps,11,,,,,,,", "score", "number", "0 to 10"),
        ("ask,1,2024-05-01 08:30,,,,,,,,,,,", "about", "subject", "missing"),
        ("buy,1,2024-05-01 08:30,1,USD,,,,,yes,,,,", "gift", "data.gift", "true, false"),
        ("buy,1,2024-05-01 08:30,1,USD,,,,,,1e5,,,", "weight", "data.weight", "plain decimal"),
        ("buy,1,2024-05-01 08:30,1,USD,,,,,,,x,,", "pieces", "data.pieces", "whole number"),
        ("buy,1,2024-05-01 08:30,1,USD,,,,,,,,{,", "more", "data.more", "not JSON"),
        ("buy,1,2024-05-01 08:30,1,USD,,,,,,,,,x", "due", "data.due", "%Y-%m-%d"),
    ] {
        let rows = shop(&format!("{row}\n"));
        let error = rows[0].error().unwrap_or_else(|| panic!("{row} is no bad row"));
        assert_eq!(
            (rows[0].line, error.column(), error.field()),
            (2, Some(column), Some(field)),
            "{row}: {error}"
        );
        assert!(error.to_string().contains(why), "{row}: {error}");
        assert_eq!(rows[0].bytes, row.as_bytes());
    }
}

#[test]
fn a_row_with_nul_or_an_over_long_cell_is_bad_even_in_a_column_that_is_not_mapped() {
    let file = |cell: &str| format!("c,t,x\n1,2024-05-01,{cell}\n");
    let read = |cell: &str| read_csv(&plain(""), file(cell).as_bytes(), &Options::default()).unwrap();
    assert!(reason(&read("a\0")[0]).contains("column \"x\": it holds a NUL"));
    assert!(reason(&read(&"a".repeat(65_537))[0]).contains("longer than 65536"));
    assert!(read(&"a".repeat(65_536))[0].fact().is_some());
}

#[test]
fn a_row_with_more_or_fewer_cells_than_the_header_is_bad() {
    let rows = read_csv(&plain(""), b"c,t\n1,2024-05-01,x\n1\n1,2024-05-01\n", &Options::default()).unwrap();
    assert_eq!(reason(&rows[0]), "3 cells, the header has 2");
    assert_eq!(reason(&rows[1]), "1 cells, the header has 2");
    assert!(rows[2].fact().is_some());
}

#[test]
fn a_spreadsheet_guard_is_taken_off_texts_only() {
    let mapping = plain("subject = { column = \"s\" }\namount = { column = \"a\", currency = \"USD\" }");
    let read = |row: &str| {
        read_csv(&mapping, format!("c,t,s,a\n1,2024-05-01,{row}\n").as_bytes(), &Options::default())
    };
    for (cell, subject) in [("'=1+1", "=1+1"), ("'\u{ff1d}x", "\u{ff1d}x"), ("'tis", "'tis"), ("'", "'")] {
        let rows = read(&format!("{cell},1")).unwrap();
        assert_eq!(rows[0].fact().unwrap().event.view().subject, Some(subject));
    }
    assert!(reason(&read("x,'-1").unwrap()[0]).contains("plain decimal"));
}

#[test]
fn a_later_time_than_allowed_is_a_bad_row() {
    let latest = Timestamp::parse("2024-05-01T00:00:00Z");
    let options = Options { latest: Some(latest.unwrap()), ..Options::default() };
    let rows = read_csv(&plain(""), b"c,t\n1,2024-05-01\n1,2024-05-02\n", &options).unwrap();
    assert!(rows[0].fact().is_some());
    assert!(reason(&rows[1]).contains("occurred_at 2024-05-02T00:00:00Z is in the future"));
    let line = br#"{"customer":"a","occurred_at":"2024-05-01T00:00:00.000001Z","kind":"signed_up"}"#;
    assert!(matches!(read_jsonl(line, &options).unwrap()[0].error(), Some(RowError::Future { .. })));
}

#[test]
fn a_column_that_is_not_there_is_told_before_any_row_with_those_that_are() {
    let read = |file: &[u8]| read_csv(&plain("id_from = [\"no\"]"), file, &Options::default()).unwrap_err();
    assert_eq!(
        read(b"c,t,x\n").to_string(),
        "id_from[0]: there is no column \"no\"; the file has \"c\", \"t\", \"x\""
    );
    assert_eq!(read(b"c,c,t\n").to_string(), "customer.column: the file has more than one column \"c\"");
    assert!(matches!(read(b""), ReadError::NoHeader));
    assert!(matches!(read(b"\n\n"), ReadError::NoHeader));
    assert_eq!(
        read(b"\n\xff\xfec").to_string(),
        "line 2: the header cannot be read: not UTF-8 from byte 1 of the record on"
    );
    assert_eq!(
        read(b"c,\"t\n").to_string(),
        "line 1: the header cannot be read: the quote opened in line 1 is not closed"
    );
}

#[test]
fn a_mark_at_the_start_of_a_file_is_no_part_of_it() {
    let rows = read_csv(&plain(""), b"\xef\xbb\xbfc,t\n1,2024-05-01\n", &Options::default()).unwrap();
    assert!(rows[0].fact().is_some());
    let line =
        b"\xef\xbb\xbf{\"customer\":\"a\",\"occurred_at\":\"2024-05-01T00:00:00Z\",\"kind\":\"signed_up\"}";
    assert!(read_jsonl(line, &Options::default()).unwrap()[0].fact().is_some());
}

#[test]
fn options_that_cannot_be_used_are_refused() {
    for (options, option) in [
        (Options { namespace: Some("A b".into()), ..Options::default() }, "namespace"),
        (Options { batch: Some(String::new()), ..Options::default() }, "batch"),
        (Options { batch: Some("a\nb".into()), ..Options::default() }, "batch"),
    ] {
        assert!(read_jsonl(b"", &options).unwrap_err().to_string().starts_with(option));
        assert!(read_csv(&plain(""), b"c,t\n", &options).unwrap_err().to_string().starts_with(option));
    }
}

#[test]
fn a_jsonl_line_keeps_its_id_and_says_when_it_was_learnt() {
    let id = "018f3c6e-0000-7000-8000-000000000001";
    let line = format!(
        "{{\"id\":\"{id}\",\"customer\":\"a\",\"occurred_at\":\"2024-05-01T00:00:00Z\",\"kind\":\"signed_up\",\
         \"recorded_at\":\"2024-05-02T00:00:00Z\",\"context\":{{\"source\":\"crm\",\"batch\":\"old\"}},\"position\":3}}"
    );
    let options =
        Options { batch: Some("new".into()), backfill: Some(Duration::days(2)), ..Options::default() };
    let rows = read_jsonl(line.as_bytes(), &options).unwrap();
    let fact = rows[0].fact().unwrap();
    assert!(fact.own_id());
    assert_eq!((fact.event.id().to_string(), fact.id_under("other").to_string()), (id.into(), id.into()));
    assert_eq!(fact.recorded_at.unwrap().to_string(), "2024-05-02T00:00:00Z");
    let context = fact.event.context();
    assert_eq!((context.batch.as_deref(), context.source.as_deref()), (Some("new"), Some("crm")));
    assert_eq!(context.known_lag, Some(Duration::days(2)));
}

#[test]
fn two_lines_with_one_id_are_a_duplicate_if_they_say_the_same_and_bad_if_not() {
    let line = |spelling: &str| {
        format!("{{\"id\":\"018f3c6e-0000-7000-8000-000000000001\",{spelling},\"kind\":\"signed_up\"}}\n")
    };
    let file = line("\"customer\":\"a\",\"occurred_at\":\"2024-05-01T00:00:00Z\"")
        + &line(
            "\"context\":{\"source\":\"x\"},\"occurred_at\":\"2024-05-01T08:00:00+08:00\",\"customer\":\"default:a\"",
        )
        + &line("\"customer\":\"b\",\"occurred_at\":\"2024-05-01T00:00:00Z\"");
    let rows = read_jsonl(file.as_bytes(), &Options::default()).unwrap();
    assert!(rows[0].fact().is_some());
    assert_eq!(rows[1].outcome, Outcome::Duplicate { first: 1 });
    assert_eq!(reason(&rows[2]), "the same id as line 1, but another content");
}

#[test]
fn bad_lines_are_told_with_their_line_and_the_others_are_read() {
    let good = r#"{"customer":"a","occurred_at":"2024-05-01T00:00:00Z","kind":"signed_up"}"#;
    let long = format!("{{\"customer\":\"{}\"", "a".repeat(1 << 20));
    let file = format!(
        "{good}\n\n  \r\nnot json\n[1]\n{{\"kind\":\"a\",\"kind\":\"b\"}}\n{long}\n{good}\r\n{{\"cust\":1}}"
    );
    let rows = read_jsonl(file.as_bytes(), &Options::default()).unwrap();
    let told: Vec<_> = rows.iter().map(|row| (row.line, row.error().map(ToString::to_string))).collect();
    let lines: Vec<_> = told.iter().map(|(line, error)| (*line, error.is_none())).collect();
    assert_eq!(lines, [(1, true), (4, false), (5, false), (6, false), (7, false), (8, true), (9, false)]);
    assert!(told[1].1.as_deref().unwrap().contains("line 4, column"), "{told:?}");
    assert!(told[3].1.as_deref().unwrap().contains("twice in one object"));
    assert!(told[4].1.as_deref().unwrap().contains("at most 1048576"));
    assert_eq!(rows[5].bytes, good.as_bytes());
}

#[test]
fn two_equal_rows_stay_two_and_a_file_twice_adds_nothing() {
    let file = b"c,t\n1,2024-05-01\n1,2024-05-01\n2,2024-05-01\n";
    let read = || ids(&read_csv(&plain(""), file, &Options::default()).unwrap());
    let first = read();
    assert_eq!(first, read());
    assert!(first[0] != first[1] && first[1] != first[2]);
    // The same cells in another spelling are the same cells.
    let quoted = b"c,t\r\n\"1\",2024-05-01\r\n1,\"2024-05-01\"\r\n2,2024-05-01\r\n";
    assert_eq!(first, ids(&read_csv(&plain(""), quoted, &Options::default()).unwrap()));
}

#[test]
fn ids_are_of_the_cells_and_never_of_what_a_mapping_makes_of_them() {
    let file = b"c,t,a\n1,2024-05-01,5\n";
    let read = |mapping: String| ids(&read_csv(&mapping, file, &Options::default()).unwrap());
    let base = read(plain(""));
    assert_eq!(base, read(plain("amount = { column = \"a\", currency = \"CNY\" }")));
    assert_eq!(base, read(plain("").replace("\"UTC\"", "\"Asia/Shanghai\"")));
    assert_eq!(base, read(plain("").replace("order_placed", "signed_up")));
    assert_ne!(base, read(plain("").replace("namespace = \"n\"", "namespace = \"k\"")));
}

#[test]
fn a_mended_row_does_not_change_the_number_of_its_equal_ones() {
    // The reason is personal, so both rows are equal to the id; the first has a bad one.
    let mapping = plain("[data]\nreason = { column = \"r\", type = \"json\" }");
    let read = |first: &str| {
        read_csv(
            &mapping,
            format!("c,t,r\n1,2024-05-01,{first}\n1,2024-05-01,2\n").as_bytes(),
            &Options::default(),
        )
    };
    let (bad, mended) = (read("x").unwrap(), read("1").unwrap());
    assert!(bad[0].error().is_some());
    assert_eq!(ids(&bad)[..], ids(&mended)[1..]);
}

#[test]
fn id_from_makes_an_equal_row_a_duplicate_and_a_different_one_bad() {
    let file = b"c,t,o\n1,2024-05-01,7\n1,2024-05-01,7\n2,2024-05-01,7\n1,2024-06-01,7\n1,2024-05-01,8\n1,2024-05-01,\n";
    let rows = read_csv(&plain("id_from = [\"o\"]"), file, &Options::default()).unwrap();
    assert_eq!(rows[1].outcome, Outcome::Duplicate { first: 2 });
    for row in &rows[2..4] {
        assert_eq!(row.error(), Some(&RowError::SameId { first: 2, id: None }));
    }
    assert!(rows[4].fact().is_some());
    assert_eq!(
        (rows[5].error().unwrap().column(), rows[5].error().unwrap().field()),
        (Some("o"), Some("id"))
    );
    // Other columns play no part in the id.
    let other =
        read_csv(&plain("id_from = [\"o\"]"), b"x,o,t,c\nnew,7,2024-05-01,1\n", &Options::default()).unwrap();
    assert_eq!(ids(&other)[0], ids(&rows)[0]);
}

#[test]
fn a_row_may_have_an_id_of_its_own() {
    let uuid = "018f3c6e-0000-7000-8000-000000000001";
    let file = format!("c,t,i\n1,2024-05-01,{uuid}\n1,2024-05-01,\n1,2024-05-01,{uuid}\n1,2024-05-01,x\n");
    let rows = read_csv(&plain("id = { column = \"i\" }"), file.as_bytes(), &Options::default()).unwrap();
    assert_eq!(rows[0].fact().unwrap().event.id().to_string(), uuid);
    assert!(!rows[1].fact().unwrap().own_id());
    assert_eq!(rows[2].outcome, Outcome::Duplicate { first: 2 });
    assert!(reason(&rows[3]).contains("add source"));

    let foreign = plain("id = { column = \"i\", source = \"crm\" }");
    let rows = read_csv(&foreign, b"c,t,i\n1,2024-05-01,m-1\n", &Options::default()).unwrap();
    let event = &rows[0].fact().unwrap().event;
    assert_eq!(event.id(), EventId::from_foreign("crm", "m-1"));
    assert_eq!(event.context().causation_id.as_deref(), Some("crm:m-1"));
}

#[test]
fn personal_cells_leave_no_trace_in_ids() {
    let mapping = plain("[data]\nreason = { column = \"r\" }").replace("order_placed", "churn_confirmed");
    let read = |cell: &str| {
        ids(&read_csv(&mapping, format!("c,t,r\n1,2024-05-01,{cell}\n").as_bytes(), &Options::default())
            .unwrap())
    };
    assert_eq!(read("Ann moved"), read("Bea moved"));
}

#[test]
fn an_order_line_needs_both_its_cells_or_neither() {
    let mapping = plain("[lines]\nsku = { column = \"s\" }\nquantity = { column = \"q\" }");
    let file = b"c,t,s,q\n1,2024-05-01,cd,2\n1,2024-05-01,,\n1,2024-05-01,cd,\n1,2024-05-01,,2\n";
    let rows = read_csv(&mapping, file, &Options::default()).unwrap();
    let lines = |row: &Row| match row.fact().unwrap().event.typed().unwrap() {
        CustomerEvent::OrderPlaced { lines, .. } => lines.len(),
        other => panic!("{other:?}"),
    };
    assert_eq!((lines(&rows[0]), lines(&rows[1])), (1, 0));
    assert_eq!(
        (rows[2].error().unwrap().column(), rows[3].error().unwrap().column()),
        (Some("q"), Some("s"))
    );
}

/// Fails after its text.
struct Broken(&'static [u8]);

impl Read for Broken {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::other("the disk is gone")),
            read => Ok(read),
        }
    }
}

#[test]
fn a_failing_input_ends_the_rows_with_one_error_that_names_the_line() {
    let mut rows = Rows::jsonl(BufReader::new(Broken(b"x\ny")), &Options::default()).unwrap();
    assert!(rows.next().unwrap().unwrap().error().is_some());
    let error = rows.next().unwrap().unwrap_err();
    assert!(matches!(error, ReadError::Io { line: 2, .. }) && error.is_retryable());
    assert!(rows.next().is_none());
}

#[test]
fn public_types_can_cross_threads() {
    fn check<T: Send + Sync + std::fmt::Debug>() {}
    check::<Rows<&[u8]>>();
    check::<(Row, RowError, ReadError, tenure_ingest::Mapping, tenure_ingest::Quarantine<Vec<u8>>)>();
}

/// Rows of a small alphabet, so that equal ones are frequent.
fn some_rows() -> impl Strategy<Value = Vec<(u8, u8)>> {
    prop::collection::vec((0..4_u8, 1..4_u8), 0..12)
}

fn csv_of(rows: &[(u8, u8)]) -> Vec<u8> {
    let lines: Vec<_> = rows.iter().map(|(who, day)| format!("{who},2024-05-0{day}\n")).collect();
    format!("c,t\n{}", lines.concat()).into_bytes()
}

fn jsonl_of(rows: &[(u8, u8)]) -> Vec<u8> {
    let line = |(who, day): &(u8, u8)| {
        format!(
            "{{\"customer\":\"{who}\",\"occurred_at\":\"2024-05-0{day}T00:00:00Z\",\"kind\":\"signed_up\"}}\n"
        )
    };
    rows.iter().map(line).collect::<String>().into_bytes()
}

/// The ids that each distinct row was given, in order.
fn ids_by_row(file: &[u8]) -> BTreeMap<Vec<u8>, Vec<EventId>> {
    let rows = if file.starts_with(b"c,t") {
        read_csv(&plain(""), file, &Options::default())
    } else {
        read_jsonl(file, &Options::default())
    };
    let mut ids: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for row in rows.unwrap() {
        ids.entry(row.bytes.clone()).or_default().push(row.fact().unwrap().event.id());
    }
    ids
}

proptest! {
    #[test]
    fn a_file_read_twice_gives_the_same_ids_and_no_id_twice(rows in some_rows()) {
        for file in [csv_of(&rows), jsonl_of(&rows)] {
            let ids = ids_by_row(&file);
            prop_assert_eq!(&ids, &ids_by_row(&file));
            let all: std::collections::BTreeSet<_> = ids.values().flatten().collect();
            prop_assert_eq!(all.len(), rows.len());
        }
    }

    #[test]
    fn the_order_of_rows_does_not_change_their_ids((rows, mixed) in some_rows().prop_flat_map(|rows| {
        (Just(rows.clone()), Just(rows).prop_shuffle())
    })) {
        prop_assert_eq!(ids_by_row(&csv_of(&rows)), ids_by_row(&csv_of(&mixed)));
        prop_assert_eq!(ids_by_row(&jsonl_of(&rows)), ids_by_row(&jsonl_of(&mixed)));
    }

    #[test]
    fn unequal_rows_keep_their_ids_when_the_file_is_split(rows in some_rows(), cut in any::<prop::sample::Index>()) {
        let rows: Vec<_> = rows.into_iter().collect::<std::collections::BTreeSet<_>>().into_iter().collect();
        let (head, tail) = rows.split_at(cut.index(rows.len() + 1));
        for of in [csv_of, jsonl_of] {
            let mut parts = ids_by_row(&of(head));
            parts.extend(ids_by_row(&of(tail)));
            prop_assert_eq!(parts, ids_by_row(&of(&rows)));
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        bytes in prop_oneof![any::<Vec<u8>>(), "[{}\\[\\]\":,a1\n\r\\\\u]{0,80}".prop_map(String::into_bytes)]
    ) {
        let _ = read_jsonl(&bytes, &Options::default());
        let _ = read_csv(&plain(""), &bytes, &Options::default());
        let _ = read_csv(&String::from_utf8_lossy(&bytes), &bytes, &Options::default());
    }

    #[test]
    fn arbitrary_cells_never_panic(cells in prop::collection::vec(any::<String>(), 14)) {
        let quoted: Vec<_> = cells.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect();
        let rows = shop(&format!("{}\n", quoted.join(",")));
        prop_assert_eq!(rows.len(), 1);
    }

    #[test]
    fn arbitrary_times_never_panic(format in "[%YmdHMSjzfsIpTFDeyGVuq+:#.3 -]{0,12}", cell in "[0-9TZ:+. -]{0,30}") {
        let mapping = plain("").replace("%Y-%m-%d", &format);
        let _ = read_csv(&mapping, format!("c,t\n1,{cell}\n").as_bytes(), &Options::default());
    }
}
