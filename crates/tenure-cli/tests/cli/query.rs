//! Questions about behaviour: query, funnel, retention, lifecycle.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::Place;

fn fact(customer: &str, at: &str, kind: &str, channel: &str) -> String {
    let channel = if channel.is_empty() { String::new() } else { format!(",\"channel\":\"{channel}\"") };
    format!(
        "{{\"customer\":\"{customer}\",\"occurred_at\":\"2024-{at}:00Z\",\"kind\":\"{kind}\"{channel}}}\n"
    )
}

/// ann buys on the web, ben has not yet, cem came in and went.
fn shop() -> Place {
    let place = Place::new();
    let facts = [
        fact("ann", "05-01T10:00", "signed_up", "web"),
        fact("ann", "05-01T12:00", "order_placed", "app"),
        fact("ann", "06-03T12:00", "order_placed", "app"),
        fact("ben", "06-20T10:00", "signed_up", ""),
        fact("cem", "05-02T10:00", "signed_up", "app"),
        fact("cem", "06-10T10:00", "order_placed", "app"),
    ];
    place.write("f.jsonl", facts.concat());
    place
}

const FUNNEL: &str = "funnel --steps signed_up,order_placed --window 30d --events f.jsonl --as-of 2024-06-30";

#[test]
fn a_funnel_counts_those_who_go_on_and_those_who_still_may() {
    let answer = shop().json(FUNNEL);
    let expected = json!({
        "counts": [3, 1],
        "reached": {
            "1": ["default:ann", "default:ben", "default:cem"],
            "2": ["default:ann"],
        },
        "pending": ["default:ben"],
        "average_seconds": [null, 7200.0],
        "median_seconds": [null, 7200.0],
    });
    assert_eq!(answer["answer"], expected);
    assert_eq!(answer["query"]["ties"], "step_order", "every default is told");
    assert_eq!(answer["query"]["timezone"], "UTC");
    assert_eq!(answer["as_of"], "2024-06-30T23:59:59.999999Z");
}

#[test]
fn people_see_steps_shares_times_and_who_is_pending() {
    let shown = shop().line(FUNNEL);
    for part in ["signed_up", "order_placed", "33.3 %", "2.0 h", "Pending", "a window is still open"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let shown = shop().line(&format!("{FUNNEL} --lang zh-CN"));
    assert!(shown.contains("漏斗") && shown.contains("未决"), "{shown}");
}

#[test]
fn a_breakdown_names_a_missing_value() {
    let place = shop();
    let answer = place.json(&format!("{FUNNEL} --by channel"));
    let counts = |value: &str| answer["answer"]["by_value"][value]["counts"].clone();
    assert_eq!([counts("web"), counts("app"), counts("")], [json!([1, 1]), json!([1, 0]), json!([1, 0])]);
    assert!(place.line(&format!("{FUNNEL} --by channel")).contains("(none)"));
}

#[test]
fn the_customers_of_a_cell_are_listed_with_the_time_since_when() {
    let place = shop();
    let list = |cell: &str| place.line(&format!("{FUNNEL} --list {cell} --format csv"));
    assert_eq!(
        list("dropped:1"),
        "customer,value,reached,entered_at,since\n\
         default:cem,,1,2024-05-02T10:00:00Z,2024-06-01T10:00:00Z\n"
    );
    assert!(list("pending").contains("default:ben,,1,2024-06-20T10:00:00Z"), "{}", list("pending"));
    assert!(list("converted").contains("default:ann,,2,2024-05-01T10:00:00Z,2024-05-01T12:00:00Z"));
    assert_eq!(list("dropped:2").lines().count(), 1);
    let wrong = place.run(FUNNEL.split(' ').chain(["--list", "gone"]));
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.err.contains("there is no cell \"gone\""), "{}", wrong.err);
}

#[test]
fn store_and_file_and_specification_give_the_same_answer() {
    let place = shop();
    place.line("import f.jsonl --store s.db --quiet");
    let spec = r#"{"kind": "funnel", "steps": ["signed_up", "order_placed"], "as_of": "2024-06-30T23:59:59.999999Z"}"#;
    place.write("q.json", spec);
    let (from_file, from_store) =
        (place.json("query --spec q.json --events f.jsonl"), place.json("query --spec q.json --store s.db"));
    assert_eq!(from_file, from_store);
    let short = place.json(FUNNEL);
    assert_eq!(from_file["answer"], short["answer"]);

    let mut child = place
        .command("query --spec - --events f.jsonl --format json".split(' '))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(spec.as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap().stdout;
    assert_eq!(serde_json::from_slice::<Value>(&out).unwrap(), from_file);
}

#[test]
fn retention_is_a_triangle_whose_open_cells_are_marked() {
    let place = shop();
    let line = "retention --start order_placed --period month --events f.jsonl --as-of 2024-06-30";
    let answer = place.json(line);
    let rows = json!([
        {"bucket": "2024-05-01", "values": [1, 1], "complete": [true, true]},
        {"bucket": "2024-06-01", "values": [1], "complete": [true]},
    ]);
    assert_eq!(answer["answer"]["rows"], rows);
    assert!(place.line(line).contains("█ 100 "), "{}", place.line(line));
    let earlier = place.line(&line.replace("06-30", "06-29"));
    assert!(earlier.contains("█ 100…"), "{earlier}");
    let csv = place.line(&format!("{line} --format csv"));
    assert_eq!(csv.lines().nth(2), Some("2024-05-01,1,1,1,true"), "{csv}");
}

#[test]
fn lifecycle_tells_who_is_new_returning_and_gone() {
    let answer = shop().json("lifecycle --activity order_placed --events f.jsonl --as-of 2024-06-30");
    let answer = &answer["answer"];
    assert_eq!(answer["buckets"], json!(["2024-05-01", "2024-06-01"]));
    assert_eq!((&answer["new"], &answer["returning"]), (&json!([1, 1]), &json!([0, 1])));
}

#[test]
fn every_kind_is_drawn() {
    let place = shop();
    for (spec, part) in [
        (r#"{"kind": "paths", "anchor": "signed_up"}"#, "order_placed"),
        (
            r#"{"kind": "stickiness", "from": "2024-05-01T00:00:00", "to": "2024-07-01T00:00:00", "period": "month"}"#,
            "At least",
        ),
        (r#"{"kind": "repurchase"}"#, "first and second"),
        (r#"{"kind": "transitions", "period": "month"}"#, "at_risk"),
        (
            r#"{"kind": "funnel", "steps": ["signed_up", "order_placed"], "output": "trend", "period": "month"}"#,
            "2024-06-01",
        ),
        (
            r#"{"kind": "funnel", "steps": ["signed_up", "order_placed"], "output": "time_to_convert"}"#,
            "median 2.0 h",
        ),
        (r#"{"kind": "funnel", "steps": ["signed_up", "order_placed"], "count": "attempts"}"#, "Attempts"),
        (r#"{"kind": "retention", "output": "one_row", "brackets": [[1, 3], [4, 60]]}"#, "4–60"),
        (r#"{"kind": "lifecycle", "breakdown": {"scope": "stage"}}"#, "prospect"),
        (r#"{"kind": "lifecycle", "breakdown": {"scope": "segment"}}"#, "2024-05-02"),
    ] {
        place.write("q.json", spec);
        let shown = place.line("query --spec q.json --events f.jsonl --as-of 2024-08-30");
        assert!(shown.contains(part), "{spec}: {shown}");
    }
}

#[test]
fn a_wrong_specification_is_told_with_its_place_and_what_is_allowed() {
    let place = shop();
    for (spec, why) in [
        (r#"{"kind": "funnel", "steps": ["a", {}]}"#, "q.json: steps[1]: missing field `event`"),
        (r#"{"kind": "funnel", "steps": ["a"], "window_seconds": 0}"#, "window_seconds: 0"),
        (r#"{"kind": "retention", "timezone": "Asia/Shangahi"}"#, "timezone: "),
        (r#"{"kind": "retention", "version": 7}"#, "version 7"),
        (r#"{"kind": "transitions", "peroid": "day"}"#, "did you mean \"period\"?"),
        (
            r#"{"kind": "lifecycle", "as_of": "2024-01-01T00:00:00Z"}"#,
            "--as-of and the query's as_of are not the same",
        ),
        ("", "this is not JSON"),
    ] {
        place.write("q.json", spec);
        let ran = place.run("query --spec q.json --events f.jsonl --as-of 2024-06-30".split(' '));
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{spec}: {ran:?}");
        assert!(ran.err.contains(why), "{spec}: {}", ran.err);
    }
    let missing = place.run("query --spec none.json --events f.jsonl".split(' '));
    assert_eq!(missing.code, Some(2));
    assert!(missing.err.contains("cannot read none.json"), "{}", missing.err);
}

#[test]
fn a_name_that_is_nearly_a_kind_is_doubted() {
    let place = shop();
    let ran = place.run("funnel --steps signed_up,ordr_placed --events f.jsonl".split(' '));
    assert_eq!(ran.code, Some(0));
    assert!(ran.err.contains("did you mean order_placed?"), "{}", ran.err);
    let ran = place.run("funnel --steps signed_up,order_placed,lesson --events f.jsonl".split(' '));
    assert!(!ran.err.contains("did you mean"), "{}", ran.err);
}

#[test]
fn a_log_without_facts_has_no_instant() {
    let place = Place::new();
    place.write("f.jsonl", "");
    let answer = place.json("funnel --steps a,b --events f.jsonl");
    assert_eq!((&answer["as_of"], &answer["answer"]["counts"]), (&Value::Null, &json!([0, 0])));
}

#[test]
fn the_schema_is_json_without_a_source() {
    let schema: Value = serde_json::from_str(&Place::new().line("query --schema")).unwrap();
    assert_eq!(schema["oneOf"].as_array().unwrap().len(), 7);
    assert!(schema["$defs"]["Answer"].is_object());
}

#[test]
fn a_property_of_another_type_counts_as_not_equal() {
    let place = shop();
    place.write(
        "q.json",
        r#"{"kind": "funnel", "steps": [{"event": "signed_up", "where": [{"property": "channel", "op": "eq", "value": 5}]}]}"#,
    );
    let answer = place.json("query --spec q.json --events f.jsonl");
    assert_eq!(answer["answer"]["counts"], json!([0]));
}
