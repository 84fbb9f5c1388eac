use std::fs;
use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::{Place, order};

/// Two good lines, a blank one, and three that are bad in three ways.
fn mixed() -> String {
    order("ann", "2024-01-05T00:00:00Z", 100)
        + "\nnot json\u{1b}[31m\n"
        + &order("bob", "2024-01-06T00:00:00Z", 100)
        + &order("zoe", "9998-01-06T00:00:00Z", 100)
        + &order("eve", "2024-01-06T00:00:00Z", 100).replace("\"minor\":100", "\"minor\":1.5")
}

/// Runs an import and gives exit code and summary, in which every row is one thing.
fn imported(place: &Place, line: &str) -> (Option<i32>, Value) {
    let ran = place.run(format!("import {line} --format json").split_whitespace());
    let summary: Value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    let sum: u64 = ["imported", "known", "joined", "duplicates", "left_out", "bad"]
        .iter()
        .map(|part| summary[part].as_u64().unwrap())
        .sum();
    assert_eq!(summary["rows"], sum, "{summary}");
    (ran.code, summary)
}

#[test]
fn a_file_twice_adds_nothing_and_two_equal_rows_stay_two() {
    let place = Place::new();
    let row = order("ann", "2024-01-05T00:00:00Z", 100);
    place.write("a.jsonl", row.repeat(2));
    place.write("a.csv", "buyer,day,total\nann,2024-01-05,1.00\nann,2024-01-05,1.00\n");
    place.write(
        "map.toml",
        "name = \"orders\"\nkind = \"order_placed\"\ncustomer = { column = \"buyer\" }\n\
         occurred_at = { column = \"day\", format = \"%Y-%m-%d\", zone = \"UTC\" }\n\
         amount = { column = \"total\", currency = \"USD\" }\n",
    );
    for (file, store) in [("a.jsonl", "a.db"), ("a.csv --map map.toml", "b.db")] {
        let line = format!("{file} --store {store}");
        let (code, first) = imported(&place, &line);
        assert_eq!((code, &first["imported"], &first["known"]), (Some(0), &json!(2), &json!(0)), "{line}");
        let (code, second) = imported(&place, &line);
        assert_eq!((code, &second["imported"], &second["known"]), (Some(0), &json!(0), &json!(2)), "{line}");
        let customer = place.json(&format!("customer ann --store {store}"));
        assert_eq!(customer["answer"]["rfm"]["monetary"]["minor"], 200, "{line}");
    }
}

#[test]
fn bad_rows_go_to_a_file_of_their_own_with_their_bytes() {
    let place = Place::new();
    place.write("m.jsonl", mixed());
    let (code, summary) = imported(&place, "m.jsonl --store s.db");
    assert_eq!(code, Some(1));
    assert_eq!((&summary["rows"], &summary["imported"], &summary["bad"]), (&json!(5), &json!(2), &json!(3)));
    assert_eq!(summary["quarantine"], "m.jsonl.quarantine.jsonl");
    let problems = summary["problems"].as_array().unwrap();
    let told: Vec<_> = problems
        .iter()
        .map(|p| (p["problem"].as_str().unwrap(), p["first_line"].as_u64().unwrap()))
        .collect();
    assert_eq!(told, [("json", 3), ("future", 5), ("field", 6)]);
    let file = place.read("m.jsonl.quarantine.jsonl");
    let rows: Vec<Value> = file.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let text = mixed();
    let lines: Vec<&str> = text.lines().collect();
    for row in &rows {
        let number = usize::try_from(row["line"].as_u64().unwrap()).unwrap();
        assert_eq!((row["bytes"].as_str().unwrap(), &row["encoding"]), (lines[number - 1], &json!("utf8")));
        assert!(!row["reason"].as_str().unwrap().is_empty());
    }
    // Corrected, what was in quarantine is imported.
    let mended: String =
        rows.iter().map(|row| row["bytes"].as_str().unwrap().replace("1.5", "150") + "\n").collect();
    place.write("mended.jsonl", mended);
    assert_eq!(imported(&place, "mended.jsonl --store s.db").1["imported"], 1);
}

#[test]
fn an_earlier_quarantine_file_is_never_written_over() {
    let place = Place::new();
    place.write("m.jsonl", mixed());
    place.write("m.jsonl.quarantine.jsonl", "the only copy");
    for name in ["m.jsonl.quarantine.2.jsonl", "m.jsonl.quarantine.3.jsonl"] {
        assert_eq!(imported(&place, "m.jsonl --store s.db").1["quarantine"], name);
        assert_eq!(place.read(name).lines().count(), 3);
    }
    assert_eq!(place.read("m.jsonl.quarantine.jsonl"), "the only copy");
    let before = fs::read(place.path("s.db")).unwrap();
    let ran =
        place.run("import m.jsonl --store s.db --quarantine m.jsonl.quarantine.jsonl".split_whitespace());
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("it exists already"), "{}", ran.err);
    assert_eq!(place.read("m.jsonl.quarantine.jsonl"), "the only copy");
    assert_eq!(fs::read(place.path("s.db")).unwrap(), before);
}

#[test]
fn strict_writes_all_or_nothing() {
    let place = Place::new();
    place.write("m.jsonl", mixed());
    let ran = place.run("import m.jsonl --store s.db --strict".split_whitespace());
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""));
    assert!(ran.err.contains("3 of 5 rows are bad; nothing was imported"), "{}", ran.err);
    assert_eq!(place.files(), ["m.jsonl"]);

    place.write("good.jsonl", order("ann", "2024-01-05T00:00:00Z", 100));
    place.line("import good.jsonl --store s.db --strict");
    let before = fs::read(place.path("s.db")).unwrap();
    let ran = place.run("import m.jsonl --store s.db --strict --batch other".split_whitespace());
    assert_eq!(ran.code, Some(2));
    assert_eq!(fs::read(place.path("s.db")).unwrap(), before);
}

/// A row whose id the store has with another content is found when it is appended; the rows before it stayed out,
/// but the batch key was left on the store's list.
#[test]
fn strict_leaves_no_trace_of_a_file_that_the_store_refuses() {
    let place = Place::new();
    let own = |minor| {
        order("ann", "2024-01-05T00:00:00Z", minor)
            .replace("{\"customer\"", "{\"id\":\"018cd6eb-6400-8c06-ac14-c4801f9e60b9\",\"customer\"")
    };
    place.write("a.jsonl", own(100));
    place.write("b.jsonl", order("bob", "2024-01-06T00:00:00Z", 1) + &own(200));
    place.line("import a.jsonl --store s.db");
    let ran = place.run("import b.jsonl --store s.db --strict --batch x".split_whitespace());
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("taken by a fact with another content"), "{}", ran.err);
    assert_eq!(place.line("log --store s.db --ids").lines().count(), 1);
    // The key is free for an import of another form.
    place.write("c.csv", "sample_id,date,cds,amount_usd\n");
    place.line("import c.csv --map cdnow --store s.db --batch x");
}

#[test]
fn a_dry_run_reports_and_writes_nothing() {
    let place = Place::new();
    place.write("m.jsonl", mixed());
    let (code, summary) = imported(&place, "m.jsonl --store s.db --dry-run");
    assert_eq!((code, &summary["imported"], &summary["bad"]), (Some(1), &json!(2), &json!(3)));
    assert_eq!((&summary["dry_run"], &summary["quarantine"]), (&json!(true), &Value::Null));
    assert_eq!(place.files(), ["m.jsonl"]);

    place.write("good.jsonl", order("ann", "2024-01-05T00:00:00Z", 100));
    place.line("import good.jsonl --store s.db");
    let before = fs::read(place.path("s.db")).unwrap();
    let (_, summary) = imported(&place, "m.jsonl --store s.db --dry-run");
    assert_eq!((&summary["imported"], &summary["known"]), (&json!(1), &json!(1)));
    imported(&place, "m.jsonl --store s.db --dry-run --batch other");
    assert_eq!(fs::read(place.path("s.db")).unwrap(), before);
}

/// A dry run once took a row whose id the store has with another content for known.
#[test]
fn a_dry_run_says_what_the_import_does() {
    let place = Place::new();
    let own = |id: u32, minor| {
        order("ann", "2024-01-05T00:00:00Z", minor)
            .replace("{\"customer\"", &format!("{{\"id\":\"018cd6eb-6400-8c06-ac14-{id:012}\",\"customer\""))
    };
    place.write("a.jsonl", (0..200).map(|id| own(id, 100)).collect::<String>());
    place.line("import a.jsonl --store s.db");
    place.write(
        "b.jsonl",
        (100..300).rev().map(|id| own(id, if id % 10 == 3 { 200 } else { 100 })).collect::<String>(),
    );
    let (_, foreseen) = imported(&place, "b.jsonl --store s.db --dry-run");
    let (_, done) = imported(&place, "b.jsonl --store s.db");
    for part in ["imported", "known", "bad"] {
        assert_eq!(foreseen[part], done[part], "{part}");
    }
    assert_eq!((&done["imported"], &done["known"], &done["bad"]), (&json!(100), &json!(90), &json!(10)));
    assert_eq!(done["problems"][0]["problem"], "same_id");
}

#[test]
fn a_batch_can_be_taken_back_and_comes_back_under_a_new_key_only() {
    let place = Place::with_cdnow();
    let voided = place.json("void --store cdnow.db --batch cdnow");
    assert_eq!((&voided["voided"], &voided["already"]), (&json!(6_919), &json!(0)));
    let rfm = place.json("rfm --store cdnow.db");
    assert_eq!((&rfm["answer"]["customers"], &rfm["as_of"]), (&json!([]), &Value::Null));
    let again = place.json("void --store cdnow.db --batch cdnow");
    assert_eq!((&again["voided"], &again["already"]), (&json!(0), &json!(6_919)));

    let place = Place::new();
    place.write("a.jsonl", order("ann", "2024-01-05T00:00:00Z", 100).repeat(2));
    place.line("import a.jsonl --store s.db --batch one");
    place.line("void --store s.db --batch one");
    let ran = place.run("import a.jsonl --store s.db --batch one".split_whitespace());
    assert!(ran.err.contains("2 rows are facts that were taken back, and stay so"), "{}", ran.err);
    let (_, summary) = imported(&place, "a.jsonl --store s.db --batch two");
    // Not counted twice: the others do not count any more.
    assert_eq!((&summary["imported"], &summary["elsewhere"]), (&json!(2), &json!([])));
    assert_eq!(place.json("rfm --store s.db")["answer"]["customers"][0]["monetary"]["minor"], 200);
}

#[test]
fn rows_of_another_batch_are_reported() {
    let place = Place::new();
    place.write("a.jsonl", order("ann", "2024-01-05T00:00:00Z", 100).repeat(2));
    place.line("import a.jsonl --store s.db --batch one");
    let ran = place.run("import a.jsonl --store s.db --batch two --lang zh-CN".split_whitespace());
    assert!(ran.out.contains("与其他批次重合的行") && ran.out.contains("已导入"), "{}", ran.out);
    assert!(ran.err.contains("2 行也存在于其他批次"), "{}", ran.err);
    let (_, summary) = imported(&place, "a.jsonl --store s.db --batch three");
    assert_eq!(summary["elsewhere"], json!([{"batch": "one", "rows": 2}, {"batch": "two", "rows": 2}]));
}

#[test]
fn one_key_is_imported_in_one_way() {
    let place = Place::with_cdnow();
    place.write("a.jsonl", order("ann", "2024-01-05T00:00:00Z", 100));
    let ran = place.run("import a.jsonl --store cdnow.db --batch cdnow".split_whitespace());
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("void the batch, import under a new key"), "{}", ran.err);
    assert_eq!(place.line("log --store cdnow.db --ids").lines().count(), 6_919);
}

#[test]
fn what_files_hold_cannot_move_the_cursor() {
    let place = Place::new();
    place.write("m\u{1b}[2J.jsonl", mixed());
    let ran = place.run(["import", "m\u{1b}[2J.jsonl", "--store", "s.db"]);
    assert!(ran.out.contains("m\\u{1b}[2J.jsonl") && ran.err.contains("not json\\u{1b}[31m"), "{ran:?}");
    assert!(!ran.out.contains('\u{1b}') && !ran.err.contains('\u{1b}'), "{ran:?}");
}

/// Killed in the middle, the store holds whole commits, and the same import completes it.
#[cfg(unix)]
#[test]
fn an_import_that_was_killed_is_completed_by_the_next() {
    const ROWS: usize = 6_000;
    let place = Place::new();
    let rows: String = (0..ROWS).map(|n| order(&format!("c{n}"), "2024-01-05T00:00:00Z", 100)).collect();
    let mut child = place
        .command("import /dev/stdin --map jsonl --store s.db".split_whitespace())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    // More than a pipe holds: when this returns, most rows were read, and the end of the file was not.
    input.write_all(rows.as_bytes()).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    drop(input);
    let facts = place.json("verify --store s.db")["facts"].as_u64().unwrap();
    assert!((1_000..6_000).contains(&facts) && facts.is_multiple_of(1_000), "{facts}");
    place.write("all.jsonl", rows);
    let (code, summary) = imported(&place, "all.jsonl --store s.db");
    assert_eq!(code, Some(0));
    assert_eq!((&summary["known"], &summary["imported"]), (&json!(facts), &json!(6_000 - facts)));
    assert_eq!(place.json("verify --store s.db")["facts"], 6_000);
}
