//! The built-in mappings and what they are made of: groups, rules, further facts, encodings.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, outside the test functions")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use proptest::prelude::*;
use tenure_core::{Event, EventId, Money};
use tenure_ingest::{
    Encoding, GroupSizes, Mapping, Options, Outcome, ReadError, Row, Rows, read_csv, unpacked,
};

const GROUPED: &str = r#"
name = "orders"
namespace = "shop"
group_by = ["order"]
kind = { column = "order", prefix = { C = "order_refunded" }, other = "order_placed" }
customer = { column = "buyer" }
occurred_at = { column = "at", format = "%Y-%m-%d", zone = "UTC" }
amount = { price = "price", quantity = "pieces", currency = "GBP", refunds = "negative" }
subject = { column = "order" }
lines = { sku = { column = "sku" }, quantity = { column = "pieces" }, amount = true }
[[rule]]
reason = "zero_price"
column = "price"
is = "zero"
then = "leave_out"
"#;
const HEADER: &str = "order,buyer,at,sku,pieces,price\n";

fn grouped(rows: &str) -> Vec<Row> {
    read_csv(GROUPED, format!("{HEADER}{rows}").as_bytes(), &Options::default()).unwrap()
}

fn builtin(name: &str, file: &str) -> Vec<Row> {
    let mapping = Mapping::builtin(name).unwrap();
    Rows::csv(file.as_bytes(), &mapping, &Options::default()).unwrap().map(Result::unwrap).collect()
}

fn segment(file: &str) -> Vec<Row> {
    Rows::segment(file.as_bytes(), &Options::default()).unwrap().map(Result::unwrap).collect()
}

/// The facts of some rows by their subject.
fn facts(rows: &[Row]) -> BTreeMap<String, Event> {
    let all = rows.iter().filter_map(Row::fact).map(|fact| fact.event.clone());
    all.map(|event| (event.view().subject.unwrap_or_default().to_owned(), event)).collect()
}

fn amount(event: &Event) -> String {
    event.view().amount.map(|money: Money| money.to_string()).unwrap_or_default()
}

/// What the row of a line is, in a word.
fn outcome(rows: &[Row], line: u64) -> String {
    let row = rows.iter().find(|row| row.line == line).unwrap_or_else(|| panic!("no row of line {line}"));
    match &row.outcome {
        Outcome::Fact(_) => "fact".into(),
        Outcome::Joined { first, equal } => format!("joined {first}{}", if *equal { " equal" } else { "" }),
        Outcome::Duplicate { first } => format!("duplicate {first}"),
        Outcome::LeftOut { reason } => format!("left out: {reason}"),
        Outcome::Bad(error) => format!("bad: {error}"),
        other => format!("{other:?}"),
    }
}

#[test]
fn rows_of_an_order_are_one_fact_wherever_they_stand_and_are_rounded_once() {
    let rows = grouped(
        "1,ann,2024-05-02,a,1,0.005\n2,ben,2024-05-03,b,2,3\n1,ann,2024-05-01,b,2,0.005\n1,,2024-05-02,c,5,0\n\
         1,ann,2024-05-02,a,1,0.005\nC3,ann,2024-05-04,b,-1,2.50\n",
    );
    let facts = facts(&rows);
    assert_eq!(facts.len(), 3);
    // 0.005 + 0.010 + 0.005, not 0.00 + 0.01 + 0.00.
    assert_eq!(amount(&facts["1"]), "0.02 GBP");
    assert_eq!(facts["1"].occurred_at().to_string(), "2024-05-01T00:00:00Z");
    assert_eq!(facts["1"].view().properties()["lines"].as_array().unwrap().len(), 3);
    assert_eq!((amount(&facts["C3"]), facts["C3"].view().kind.name()), ("2.50 GBP".into(), "order_refunded"));
    let told: Vec<_> = (2..=7).map(|line| outcome(&rows, line)).collect();
    assert_eq!(told, ["fact", "fact", "joined 2", "left out: zero_price", "joined 2 equal", "fact"]);
}

#[test]
fn equal_lines_are_duplicates_where_the_mapping_says_so() {
    let mapping = GROUPED.replacen("group_by", "equal_lines = \"drop\"\ngroup_by", 1);
    let file = format!("{HEADER}1,ann,2024-05-01,a,1,2\n1,ann,2024-05-01,a,1,2\n1,ann,2024-05-01,b,1,2\n");
    let rows = read_csv(&mapping, file.as_bytes(), &Options::default()).unwrap();
    assert_eq!(amount(&facts(&rows)["1"]), "4.00 GBP");
    assert_eq!([3, 4].map(|line| outcome(&rows, line)), ["duplicate 2", "joined 2"]);
}

#[test]
fn an_order_with_a_bad_line_counts_as_a_whole_or_not_at_all() {
    for (line, why) in [
        ("1,ann,2024-05-01,b,1,x", "is not a plain number"),
        ("1,ben,2024-05-01,b,1,1", "differs from that of an earlier row of the same order"),
        ("1,ann,yesterday,b,1,1", "not a time"),
        ("1,ann,2024-05-01,b,1.5,1", "not a whole number"),
    ] {
        let rows = grouped(&format!("1,ann,2024-05-01,a,1,1\n{line}\n2,ben,2024-05-01,a,1,1\n"));
        assert_eq!(outcome(&rows, 2), "bad: line 3, of the same order, is bad");
        assert!(outcome(&rows, 3).contains(why), "{}", outcome(&rows, 3));
        assert_eq!(outcome(&rows, 4), "fact");
    }
    assert!(outcome(&grouped("1,ann,2024-05-01,a,-1,1\n"), 2).contains("negative"));
}

#[test]
fn a_grown_file_gives_the_old_orders_the_old_ids() {
    let old = "1,ann,2024-05-01,a,1,1\n1,ann,2024-05-01,b,1,1\n";
    let id = |rows: &[Row]| facts(rows)["1"].id();
    let first = grouped(old);
    assert_eq!(id(&first), id(&grouped(&format!("0,ben,2024-04-01,a,1,1\n{old}2,ben,2024-05-01,a,1,1\n"))));
    assert_eq!(facts(&first)["1"], facts(&grouped(&format!("{old}2,ben,2024-05-01,a,1,1\n")))["1"]);
}

#[test]
fn a_file_that_changes_between_the_two_readings_is_found_out() {
    let mapping = Mapping::parse("m", GROUPED).unwrap();
    let before = format!("{HEADER}1,ann,2024-05-01,a,1,1\n");
    let after = format!("{before}1,ann,2024-05-01,b,1,1\n");
    let sizes = GroupSizes::count(before.as_bytes(), &mapping, &Options::default()).unwrap();
    let rows = Rows::csv(after.as_bytes(), &mapping, &Options::default()).unwrap().with_group_sizes(sizes);
    let rows: Vec<_> = rows.map(Result::unwrap).collect();
    assert!(outcome(&rows, 3).contains("the file was changed while it was read"));
}

proptest! {
    #[test]
    fn every_row_is_told_once_and_the_facts_are_the_same_with_sizes_or_without(
        rows in prop::collection::vec(("[1-4]", "(ann|ben)?", "[ab]", -2_i64..4, "(0|1|0.005|x)"), 0..14)
    ) {
        let line = |(order, who, sku, pieces, price): &(String, String, String, i64, String)| {
            format!("{order},{who},2024-05-01,{sku},{pieces},{price}\n")
        };
        let text = rows.iter().map(line).collect::<Vec<_>>().concat();
        let file = format!("{HEADER}{text}");
        let mapping = Mapping::parse("m", GROUPED).unwrap();
        let options = Options::default();
        let sort = |mut rows: Vec<Row>| { rows.sort_by_key(|row| row.line); rows };
        let held = sort(grouped(&text));
        let sizes = GroupSizes::count(file.as_bytes(), &mapping, &options).unwrap();
        let streamed = Rows::csv(file.as_bytes(), &mapping, &options).unwrap().with_group_sizes(sizes);
        let streamed = sort(streamed.map(Result::unwrap).collect());
        prop_assert_eq!(held.iter().map(|row| row.line).collect::<Vec<_>>(), (2..2 + rows.len() as u64).collect::<Vec<_>>());
        prop_assert_eq!(held, streamed);
    }
}

#[test]
fn a_column_that_is_misspelt_is_told_with_the_nearest_ones() {
    let file = "order_id,custommer_id,type,order_date,amout,currency\n";
    let error = Rows::csv(file.as_bytes(), &Mapping::builtin("generic_orders").unwrap(), &Options::default());
    let text = error.unwrap_err().to_string();
    assert!(
        text.contains("there is no column \"customer_id\"; the file has \"order_id\", \"custommer_id\""),
        "{text}"
    );
    assert!(text.ends_with("; nearest: \"custommer_id\""), "{text}");
}

#[test]
fn generic_orders_finds_its_columns_by_name_and_takes_equal_rows_for_duplicates() {
    let rows = builtin(
        "generic_orders",
        "note,currency,amount,order_date,type,customer_id,order_id\n,USD,14.77,2024-05-01,order,7,o1\n\
         late,USD,4.77,2024-05-03 10:00:00,refund,7,o1\n,USD,14.77,2024-05-01,order,7,o1\n\
         ,USD,15.00,2024-05-01,order,7,o1\n,JPY,14.5,2024-05-01,order,8,o2\n,USD,1,2024-05-01,order,,o3\n\
         ,USD,1,2024-05-01,gift,7,o4\n,CNY,1,2024/05/01,下单,9,o5\n",
    );
    let told: Vec<_> = (2..=9).map(|line| outcome(&rows, line)).collect();
    assert_eq!((told[0].as_str(), told[1].as_str(), told[2].as_str()), ("fact", "fact", "duplicate 2"));
    assert!(told[3].contains("the same id as line 2"), "{}", told[3]);
    assert!(told[4].contains("more decimals") && told[5].contains("missing_customer"), "{told:?}");
    assert!(told[6].contains("\"gift\" is not one of") && told[7] == "fact", "{told:?}");
}

const SHOPIFY: &str = "Name,Email,Financial Status,Paid at,Currency,Subtotal,Total,Refunded Amount,Created at,\
                       Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Cancelled at,Id\n";

#[test]
fn shopify_orders_are_one_order_each_with_its_refund_and_no_address() {
    let file = format!(
        "{SHOPIFY}#1,Ann@Example.org,partially_refunded,2024-05-01 10:00:00 +0200,EUR,50.00,53.91,3.91,\
         2024-05-01 09:50:26 +0200,3,Mask,10,M-1,,74\n#1,Ann@Example.org,,,,,,,2024-05-01 09:50:26 +0200,1,Cup,20,,,\n\
         #2,ann@example.org,paid,2024-05-02 10:00:00 +0200,EUR,5,5.00,0.00,2024-05-02 09:50:26 +0200,1,Cup,5,C,,75\n\
         #3,ben@example.org,pending,,EUR,5,5.00,0.00,2024-05-02 09:50:26 +0200,1,Cup,5,C,,76\n\
         #4,,paid,2024-05-02 10:00:00 +0200,EUR,5,5.00,0.00,2024-05-02 09:50:26 +0200,1,Cup,5,C,,77\n#4,,,,,,,,2024-05-02 09:50:26 +0200,1,Cup,5,C,,\n"
    );
    let rows = builtin("shopify_orders", &file);
    let told: Vec<_> = (2..=7).map(|line| outcome(&rows, line)).collect();
    assert_eq!(told[..4], ["fact", "joined 2", "fact", "left out: not_paid"]);
    assert!(told[4..].iter().all(|told| told.contains("missing_customer")), "{told:?}");
    let facts = facts(&rows);
    let (one, two) = (&facts["#1"], &facts["#2"]);
    assert_eq!(
        (amount(one), one.occurred_at().to_string()),
        ("53.91 EUR".into(), "2024-05-01T07:50:26Z".into())
    );
    assert_eq!(one.view().data, r#"{"lines":[{"quantity":3,"sku":"M-1"},{"quantity":1,"sku":"Cup"}]}"#);
    // The same person whatever the case of the address, and the address nowhere.
    assert_eq!(one.customer(), two.customer());
    let more = &rows.iter().find(|row| row.line == 2).unwrap().more;
    assert_eq!(more.len(), 1);
    assert_eq!(
        (more[0].event.view().kind.name(), amount(&more[0].event)),
        ("order_refunded", "3.91 EUR".into())
    );
    for event in facts.values().chain([&more[0].event]) {
        assert!(!event.view().to_line().to_lowercase().contains("example"));
    }
    // A later export with a greater refund is no second refund beside the first.
    let later = builtin("shopify_orders", &file.replace(",3.91,", ",9.00,"));
    assert_eq!(later.iter().find(|row| row.line == 2).unwrap().more[0].event.id(), more[0].event.id());
}

#[test]
fn segment_messages_become_the_facts_that_the_documentation_says() {
    let message = |n: u32, rest: &str| {
        format!("{{\"messageId\":\"m{n}\",\"timestamp\":\"2024-05-01T10:00:0{n}Z\",{rest}}}\n")
    };
    let file = [
        message(0, r#""type":"page","anonymousId":"a1","name":"Home","properties":{"path":"/"}"#),
        message(1, r#""type":"identify","userId":"u1","anonymousId":"a1","traits":{"plan":"pro"}"#),
        message(2, r#""type":"track","userId":"u1","anonymousId":"a1","event":"Order Completed","properties":{"order_id":"o1","total":27.5,"currency":"USD","products":[{"sku":"s","quantity":2},{"product_id":9}]}"#),
        message(3, r#""type":"track","userId":"u1","event":"Signed Up""#),
        message(4, r#""type":"track","userId":"u1","event":"Song Played","properties":{"bpm":90}"#),
        message(5, r#""type":"group","userId":"u1","groupId":"g1","traits":{"name":"Initech"}"#),
        message(6, r#""type":"alias","userId":"u1","previousId":"old""#),
        message(7, r#""type":"track","userId":"ann@example.org","event":"Order Refunded","properties":{"order_id":"o1","total":"5.00","currency":"USD"}"#),
        message(8, r#""type":"track","userId":"u1","event":"Order Completed","properties":{"order_id":"o1","total":0.1234,"currency":"USD"}"#),
        message(9, r#""type":"delete","userId":"u1""#),
        message(3, r#""type":"track","userId":"u1","event":"Signed Up""#),
    ]
    .concat();
    let rows = segment(&file);
    let told: Vec<_> = rows
        .iter()
        .map(|row| match row.fact() {
            Some(fact) => {
                let view = fact.event.view();
                format!("{} {} {}", view.kind.name(), view.subject.unwrap_or("-"), amount(&fact.event))
            }
            None => outcome(&rows[..], row.line),
        })
        .collect();
    assert_eq!(
        told[..8],
        [
            "tracked Page Viewed ",
            "profile_updated - ",
            "order_placed o1 27.50 USD",
            "signed_up - ",
            "tracked Song Played ",
            "profile_updated - ",
            "identity_merged segment:old ",
            "order_refunded o1 5.00 USD"
        ]
    );
    assert!(told[8].contains("total: ") && told[8].contains("more decimals"), "{}", told[8]);
    assert!(
        told[9].contains("track, identify")
            && told[10].starts_with("bad") != told[10].starts_with("duplicate")
    );
    let event = |at: usize| &rows[at].fact().unwrap().event;
    assert_eq!(event(0).id(), EventId::from_foreign("segment", "m0"));
    assert_eq!(event(2).view().data, r#"{"lines":[{"quantity":2,"sku":"s"},{"quantity":1,"sku":"9"}]}"#);
    assert_eq!(event(5).view().data, r#"{"group_id":"g1"}"#);
    assert!(event(7).customer().key().is_none() && !event(7).view().to_line().contains("ann@"));
    // The two ids of one person are merged once a file.
    let merges: Vec<_> = rows.iter().flat_map(|row| &row.more).map(|fact| &fact.event).collect();
    assert_eq!(merges.len(), 1);
    assert_eq!(
        (merges[0].customer().to_string().as_str(), merges[0].view().subject),
        ("segment:u1", Some("segment:a1"))
    );
}

#[test]
fn the_same_text_gives_the_same_facts_in_either_encoding() {
    let text =
        "order_id,customer_id,type,order_date,amount,currency,note\no1,客户7,订单,2024-05-01,1,CNY,好\n";
    // 客户 订单 好 in GBK.
    let gbk: Vec<u8> = text
        .chars()
        .flat_map(|c| match c {
            '客' => vec![0xbf, 0xcd],
            '户' => vec![0xbb, 0xa7],
            '订' => vec![0xb6, 0xa9],
            '单' => vec![0xb5, 0xa5],
            '好' => vec![0xba, 0xc3],
            ascii => vec![u8::try_from(ascii).unwrap()],
        })
        .collect();
    let mapping = Mapping::builtin("generic_orders").unwrap();
    let read = |bytes: &[u8], encoding| {
        let options = Options { encoding, ..Options::default() };
        let rows = Rows::csv(bytes, &mapping, &options).unwrap();
        rows.map(Result::unwrap).collect::<Vec<_>>()
    };
    let utf8 = read(text.as_bytes(), None);
    assert!(utf8[0].fact().is_some());
    assert_eq!(utf8, read(&gbk, Some(Encoding::Gb18030)));
    assert!(outcome(&read(&gbk, None), 2).contains("not UTF-8"));
    let mut broken = gbk;
    broken.extend(b"o2,\xff\xff,order,2024-05-01,1,CNY,\n");
    assert!(
        outcome(&read(&broken, Some(Encoding::Gb18030)), 3).contains("not gb18030 from byte 4 of the line")
    );
    let error = Rows::csv(&b"\xff\xfeo\0r\0"[..], &mapping, &Options::default()).unwrap_err();
    assert!(
        matches!(error, ReadError::Foreign { what: "UTF-16" }) && error.hint().unwrap().contains("UTF-8")
    );
}

#[test]
fn a_packed_line_of_many_megabytes_is_one_bad_row() {
    use std::io::Write;
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(HEADER.as_bytes()).unwrap();
    out.write_all(&vec![b'x'; 32 << 20]).unwrap();
    out.write_all(b"\n1,ann,2024-05-01,a,1,1\n").unwrap();
    let packed = out.finish().unwrap();
    assert!(packed.len() < 1 << 18);
    let mapping = Mapping::parse("m", GROUPED).unwrap();
    let rows = Rows::csv(unpacked(packed.as_slice()).unwrap(), &mapping, &Options::default()).unwrap();
    let rows: Vec<_> = rows.map(Result::unwrap).collect();
    assert_eq!(rows.len(), 2);
    assert!(outcome(&rows, 2).contains("33554432 bytes long") && outcome(&rows, 3) == "fact");
}

/// The first lines of the file, where it is there: every order is worth what the table of invoices beside it says.
#[test]
fn invoices_of_uci_online_retail_are_worth_what_their_own_table_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/uci-online-retail");
    let open = |name: &str| {
        let file = std::fs::File::open(folder.join(name)).ok()?;
        Some(unpacked(BufReader::new(file)).unwrap())
    };
    let (Some(lines), Some(invoices)) = (open("lines.csv.gz"), open("invoices.csv.gz")) else { return };
    let slice: Vec<String> = lines.lines().take(12_001).map(Result::unwrap).collect();
    let rows = builtin("uci_online_retail", &slice.join("\n"));
    assert_eq!(rows.len(), 12_000);
    let found = facts(&rows);
    let mut table = String::new();
    let mut invoices = invoices;
    invoices.read_to_string(&mut table).unwrap();
    let last = slice.last().and_then(|line| line.split(',').next()).unwrap().to_owned();
    let mut compared = 0;
    for line in table.lines().skip(1) {
        let cells: Vec<_> = line.split(',').collect();
        // The last invoice may be cut in two.
        if let Some(event) = found.get(cells[1]).filter(|_| cells[1] != last) {
            let expected = Money::parse(cells[5].trim_start_matches('-'), "GBP".parse().unwrap()).unwrap();
            assert_eq!(event.view().amount, Some(expected), "{line}");
            assert_eq!(event.customer().to_string(), format!("uci:{}", cells[0]));
            assert_eq!(event.view().kind.name() == "order_refunded", cells[1].starts_with('C'));
            compared += 1;
        }
    }
    assert!(compared > 400 && compared + 1 >= found.len(), "{compared} of {}", found.len());
}
