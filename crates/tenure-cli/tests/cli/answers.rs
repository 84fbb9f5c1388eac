use std::collections::BTreeSet;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::{Place, digest, order};

/// The sums of the published sample, as of 1998-06-30: any scoring and map is about the same customers and values.
#[test]
fn rfm_values_add_up_under_every_scoring_and_map_and_everybody_is_in_one_segment() {
    let place = Place::with_cdnow();
    for scoring in ["value", "rank", "ntile", "rank_average", "nested", "r_package"] {
        for map in ["segments_11", "segments_r_package_10", "segments_cn_8"] {
            let line = format!(
                "rfm --store cdnow.db --as-of 1998-06-30 --scoring {scoring} --map {map} --threads 1"
            );
            let answer = &place.json(&line)["answer"];
            let customers = answer["customers"].as_array().unwrap();
            let sum = |value: &dyn Fn(&Value) -> &Value| -> i64 {
                customers.iter().map(|row| value(row).as_i64().unwrap()).sum()
            };
            let sums = (
                customers.len(),
                sum(&|row| &row["recency_days"]),
                sum(&|row| &row["frequency"]),
                sum(&|row| &row["monetary"]["minor"]),
            );
            assert_eq!(sums, (2_357, 875_776, 6_696, 24_409_194), "{scoring} {map}");
            let names: BTreeSet<&str> =
                customers.iter().map(|row| row["customer"].as_str().unwrap()).collect();
            assert_eq!(names.len(), 2_357);
            let mut counted = 0;
            for segment in answer["segments"].as_array().unwrap() {
                let members = customers.iter().filter(|row| row["segment"] == segment["code"]).count();
                assert_eq!(json!(members), segment["customers"], "{scoring} {map} {segment}");
                counted += members;
            }
            assert_eq!(counted, 2_357, "{scoring} {map}");
        }
    }
}

const QUESTIONS: [&str; 7] = [
    "stages",
    "stages --as-of 1998-03-31 --since 1998-01-01 --within 30d --dwell --flows",
    "rfm --since 1998-01-01",
    "churn --as-of 1998-03-31 --band high --top 7",
    "customer cdnow:0001",
    "customer 1906 --namespace cdnow --as-of 1997-12-31 --known-at 6500",
    "report --as-of 1998-06-30",
];

#[test]
fn a_file_of_events_answers_as_the_store_does_byte_for_byte() {
    let place = Place::with_cdnow();
    place.write("log.jsonl", place.line("log --store cdnow.db"));
    for question in QUESTIONS {
        for format in ["table", "json", "jsonl", "csv", "markdown"] {
            let ask = |source: &str| place.line(&format!("{question} {source} --format {format}"));
            let (store, file) = (ask("--store cdnow.db"), ask("--events log.jsonl"));
            // A page is headed by the name of what it is about.
            let file = file.replace("log.jsonl · ", "cdnow.db · ");
            assert_eq!(store, file, "{question} {format}");
            assert!(!store.is_empty());
        }
    }
    let ids = |source: &str| place.line(&format!("log {source} --ids"));
    assert_eq!(ids("--events log.jsonl"), ids("--store cdnow.db"));
}

#[test]
fn the_digest_does_not_depend_on_threads_order_or_store() {
    let place = Place::with_cdnow();
    let log = place.line("log --store cdnow.db");
    place.write("log.jsonl", &log);
    // A shuffle that needs no randomness: every line by the BLAKE3 hash of its text.
    let mut lines: Vec<&str> = log.lines().collect();
    lines.sort_by_key(|line| *blake3::hash(line.as_bytes()).as_bytes());
    place.write("shuffled.jsonl", lines.join("\n"));
    place.line("import log.jsonl --store second.db");
    place.line("import shuffled.jsonl --store third.db");
    let one = digest(&place, "--store cdnow.db --threads 1");
    for source in [
        "--store cdnow.db --threads 2",
        "--store cdnow.db --threads 3",
        "--events log.jsonl",
        "--events shuffled.jsonl",
        "--store second.db",
        "--store third.db",
    ] {
        assert_eq!(digest(&place, source), one, "{source}");
    }
    assert_ne!(digest(&place, "--store cdnow.db --as-of 1998-05-01"), one);
}

#[test]
fn json_answers_echo_the_instant_and_tell_codes_whatever_the_language() {
    let place = Place::with_cdnow();
    let answer = place.json("stages --store cdnow.db");
    assert_eq!(answer["as_of"], "1998-06-30T00:00:00Z");
    assert_eq!((&answer["known_at"], &answer["policy"]["name"]), (&Value::Null, &json!("retail")));
    assert_eq!(
        place.json("stages --store cdnow.db --as-of 1998-06-30")["as_of"],
        "1998-06-30T23:59:59.999999Z"
    );
    for question in QUESTIONS {
        for format in ["json", "jsonl", "csv"] {
            let ask = |lang: &str| {
                place.line(&format!("{question} --store cdnow.db --format {format} --lang {lang}"))
            };
            assert_eq!(ask("en"), ask("zh-CN"), "{question} {format}");
        }
    }
    let customer = &place.json("customer cdnow:1906 --store cdnow.db")["answer"];
    assert_eq!((&customer["customer"], &customer["stage"]), (&json!("cdnow:1906"), &json!("won_back")));
    let first = &customer["timeline"][0];
    assert_eq!(
        (&first["from"], &first["rule"], &first["to"]),
        (&Value::Null, &Value::Null, &json!("prospect"))
    );
    assert_eq!(customer["timeline"][4]["cause"]["silence"]["since"], "1997-07-26T00:00:00Z");
    let rfm = place.json("rfm --store cdnow.db --since 1998-01-01");
    let names: Vec<&str> = rfm["answer"]["customers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["customer"].as_str().unwrap())
        .collect();
    assert!(names.is_sorted());
    assert!(rfm["answer"]["moves"].is_object());
}

/// The count of facts of a report and of a customer once told how many there are today, also when the question was
/// about a day before them.
#[test]
fn an_answer_about_the_past_does_not_see_what_came_after() {
    let place = Place::new();
    let before = order("ann", "2024-01-05T00:00:00Z", 100);
    place.write("then.jsonl", &before);
    place.write("now.jsonl", before + &order("ann", "2024-02-05T00:00:00Z", 200));
    for question in ["report", "customer ann", "stages --flows --dwell", "rfm"] {
        let ask = |file: &str| place.json(&format!("{question} --events {file} --as-of 2024-01-31"));
        assert_eq!(ask("then.jsonl"), ask("now.jsonl"), "{question}");
    }
}

#[test]
fn a_position_of_a_file_is_the_number_of_its_line() {
    let place = Place::new();
    let (a, b) = (order("ann", "2024-01-05T00:00:00Z", 100), order("bob", "2024-01-06T00:00:00Z", 100));
    let late = b.replace("\"kind\"", "\"recorded_at\":\"2024-03-01T00:00:00Z\",\"kind\"");
    place.write("gaps.jsonl", format!("\n\n{a}\n{late}"));
    let positions = place.line("log --events gaps.jsonl");
    let positions: Vec<Value> = positions.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let positions: Vec<&Value> = positions.iter().map(|fact| &fact["position"]).collect();
    assert_eq!(positions, [&json!(3), &json!(5)]);
    let customers = |known_at: &str| {
        let answer = place.json(&format!("stages --events gaps.jsonl --known-at {known_at}"));
        (answer["answer"]["customers"].as_u64().unwrap(), answer["known_at"].clone())
    };
    assert_eq!(customers("2"), (0, json!(2)));
    assert_eq!(customers("3"), (1, json!(3)));
    assert_eq!(customers("4"), (1, json!(4)));
    assert_eq!(customers("5"), (2, json!(5)));
    // Known when it is said to have been recorded, else when it happened.
    assert_eq!(customers("2024-01-05T00:00:00Z").0, 1);
    assert_eq!(customers("2024-02-29T23:59:59Z").0, 1);
    assert_eq!(customers("2024-03-01T00:00:00Z").0, 2);
}

/// Two stages and a zone; no stage `at_risk`.
pub const SHANGHAI: &str = r#"
name = "two"
zone = "Asia/Shanghai"

[[stage]]
id = "lead"
macro = "acquisition"
labels = { en = "lead", zh-CN = "线索" }
initial = true

[[stage]]
id = "buyer"
macro = "growth"
labels = { en = "buyer", zh-CN = "买家" }

[[rule]]
name = "bought"
from = ["lead"]
to = "buyer"
when = { count = "order_placed", at_least = 1 }
because = { en = "bought", zh-CN = "已购买" }
"#;

#[test]
fn a_policy_of_ones_own_brings_its_stages_labels_and_zone() {
    let place = Place::new();
    place.write("two.toml", SHANGHAI);
    let at = "2024-01-31T16:00:00Z"; // The first instant of February in Shanghai.
    place.write("a.jsonl", order("ann", at, 100));
    let ask = |rest: &str| format!("stages --events a.jsonl --policy two.toml {rest}");
    let january = place.json(&ask("--as-of 2024-01-31"));
    assert_eq!(january["as_of"], "2024-01-31T15:59:59.999999Z");
    assert_eq!((&january["answer"]["customers"], &january["policy"]["name"]), (&json!(0), &json!("two")));
    let february = place.json(&ask("--flows"));
    assert_eq!(february["answer"]["stages"][1]["customers"], 1);
    // The month is that of the zone.
    let table = place.line(&ask("--flows --lang zh-CN"));
    assert!(table.contains("买家") && table.contains("2024-02"), "{table}");
    assert_eq!(
        place.line(&ask("--format csv")),
        "stage,macro,customers,share\nlead,acquisition,0,0\nbuyer,growth,1,1\n"
    );
    let ran = place.run(ask("--within 30d").split_whitespace());
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("policy \"two\" has none"), "{}", ran.err);
    assert!(place.line("report --events a.jsonl --policy two.toml").contains("buyer"));
}

#[test]
fn without_facts_there_is_no_instant_and_nobody() {
    let place = Place::new();
    place.write("none.jsonl", "");
    let answer = place.json("report --events none.jsonl");
    assert_eq!((&answer["as_of"], &answer["answer"]["customers"]), (&Value::Null, &json!(0)));
    assert!(place.line("rfm --events none.jsonl").contains("no customers"));
    assert_eq!(place.line("log --events none.jsonl"), "");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = Place::with_cdnow();
    for line in ["log --store cdnow.db", "rfm --store cdnow.db --format csv", "completions bash"] {
        let mut child = place
            .command(line.split_whitespace())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]), "{line}");
    }
}

#[test]
fn shells_get_completions() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = place.line(&format!("completions {shell}"));
        assert!(script.contains("tenure") && script.contains("known-at"), "{shell}");
    }
}
