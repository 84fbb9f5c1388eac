use serde_json::{Value, json};

use crate::Place;

/// Thirteen lines. Corrections apart, and without the order of dan that was taken back, they are ten facts of four
/// customers: ann, bob, cat, and eve whom eva was merged into.
pub const LOG: &str = r#"{"customer":"ann","occurred_at":"2024-01-01T00:00:00Z","kind":"profile_updated","data":{"name":"Ann","email":"Ann@Example.org"},"recorded_at":"2024-01-10T00:00:00Z"}
{"customer":"ann","occurred_at":"2024-01-05T00:00:00Z","kind":"order_placed","amount":{"minor":1000,"currency":"USD"},"recorded_at":"2024-01-10T00:00:00Z"}
{"customer":"bob","occurred_at":"2024-01-02T00:00:00Z","kind":"identity_linked","data":{"namespace":"email","value":"ann@example.ORG "},"recorded_at":"2024-01-10T00:00:00Z"}
{"customer":"cat","occurred_at":"2024-01-03T00:00:00Z","kind":"profile_updated","data":{"email":"none","phone":"call me"},"recorded_at":"2024-01-10T00:00:00Z"}
{"customer":"ann","occurred_at":"2024-01-02T00:00:00Z","kind":"order_placed","amount":{"minor":1000,"currency":"USD"},"recorded_at":"2024-01-10T00:00:00Z"}
{"customer":"ann","occurred_at":"2024-01-04T23:30:00Z","kind":"order_placed","amount":{"minor":1000,"currency":"USD"},"recorded_at":"2024-01-10T00:00:00Z"}
{"customer":"bob","occurred_at":"2024-01-12T00:00:00Z","kind":"order_placed","amount":{"minor":0,"currency":"USD"},"recorded_at":"2024-01-11T00:00:00Z"}
{"customer":"cat","occurred_at":"2024-01-04T00:00:00Z","kind":"dreamt","recorded_at":"2024-01-11T00:00:00Z"}
{"id":"00000000-0000-4000-8000-000000000009","customer":"dan","occurred_at":"2024-01-06T00:00:00Z","kind":"order_placed","recorded_at":"2024-01-11T00:00:00Z"}
{"customer":"dan","occurred_at":"2024-01-07T00:00:00Z","kind":"event_voided","subject":"00000000-0000-4000-8000-000000000009","recorded_at":"2024-01-11T00:00:00Z"}
{"customer":"eve","occurred_at":"2024-01-08T00:00:00Z","kind":"signed_up","recorded_at":"2024-01-11T00:00:00Z"}
{"customer":"eva","occurred_at":"2024-01-08T00:00:00Z","kind":"signed_up","recorded_at":"2024-01-11T00:00:00Z"}
{"customer":"eve","occurred_at":"2024-01-09T00:00:00Z","kind":"identity_merged","subject":"default:eva","recorded_at":"2024-01-11T00:00:00Z"}
"#;

pub const POLICY: &str = "name = \"shop\"\n[quality]\nrequired = [\"name\", \"email\"]\n";

fn shop() -> Place {
    let place = Place::new();
    place.write("a.jsonl", LOG);
    place.write("shop.toml", POLICY);
    place
}

/// `finding about count of strict`, one a finding.
fn told(answer: &Value) -> Vec<String> {
    let findings = answer["answer"]["findings"].as_array().unwrap();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let row = |finding: &Value| {
        ["finding", "about", "count", "of", "strict"].map(|name| text(&finding[name])).join(" ")
    };
    findings.iter().map(row).collect()
}

#[test]
fn a_small_log_is_told_as_it_was_written() {
    let place = shop();
    let answer = place.json("quality --events a.jsonl --policy shop.toml");
    assert_eq!(answer["as_of"], "2024-01-12T00:00:00Z");
    assert_eq!(answer["policy"]["name"], "shop");
    assert_eq!((&answer["answer"]["customers"], &answer["answer"]["facts"]), (&json!(4), &json!(10)));
    let expected = [
        // bob, cat and eve have no name, eve has no address.
        "missing_field name 3 4 true",
        "missing_field email 1 4 true",
        // cat: "none" and "call me".
        "unreadable_contact email 1 4 true",
        "unreadable_contact phone 1 4 true",
        // ann and bob, written in two ways.
        "suspected_duplicate email 2 4 true",
        // The order of 12 January was recorded on the 11th, and is of zero.
        "clock_skew null 1 10 true",
        "out_of_range order_of_zero 1 10 true",
        // After ann's order of 5 January came those of the 2nd and of half an hour before.
        "late_fact null 2 10 false",
        "unknown_kind dreamt 1 10 false",
        // Of eleven facts with that of dan.
        "voided_fact null 1 11 false",
        // eve and eva, of five with eva.
        "merged_customer null 2 5 false",
    ];
    assert_eq!(told(&answer), expected);
    let body = &answer["answer"];
    let field = |name: &str| {
        let rows = body["fields"].as_array().unwrap();
        let row = rows.iter().find(|row| row["field"] == name).unwrap();
        (
            row["customers"].as_u64().unwrap(),
            row["share"].as_f64().unwrap(),
            row["required"].as_bool().unwrap(),
        )
    };
    // "none" is no address, and still it is something in the field.
    assert_eq!(
        (field("name"), field("email"), field("phone")),
        ((1, 0.25, true), (3, 0.75, true), (1, 0.25, false))
    );
    assert_eq!(body["duplicates"], json!([{"field": "email", "customers": ["default:ann", "default:bob"]}]));
    let classes = |table: &str| -> Vec<u64> {
        body[table]["classes"].as_array().unwrap().iter().map(|row| row["facts"].as_u64().unwrap()).collect()
    };
    // Half an hour, and three days; a day ahead.
    assert_eq!(classes("late"), [0, 1, 0, 1, 0, 0]);
    assert_eq!(body["late"]["largest_seconds"], 3 * 86_400);
    assert_eq!(classes("clock_skew"), [0, 0, 1, 0, 0, 0]);
    let kinds = body["kinds"].as_array().unwrap();
    let kinds: Vec<_> =
        kinds.iter().map(|row| (row["kind"].as_str().unwrap(), row["facts"].as_u64().unwrap())).collect();
    let expected = [
        ("dreamt", 1),
        ("identity_linked", 1),
        ("order_placed", 4),
        ("profile_updated", 2),
        ("signed_up", 2),
    ];
    assert_eq!(kinds, expected);
    assert_eq!(
        body["corrections"],
        json!({"voided_facts": 1, "voids_of_voids": 0, "merged_customers": 2, "merged_persons": 1})
    );
    // What is personal stays where it is.
    let text = answer.to_string().to_lowercase();
    assert!(!text.contains("example.org") && !text.contains("call me"), "{text}");
}

#[test]
fn people_see_tables_with_bars() {
    let place = shop();
    let shown = place.line("quality --events a.jsonl --policy shop.toml");
    for part in [
        "Data quality · as of 2024-01-12 · shop ",
        "│ required and unknown: name    ┆     3 ┆  4 ┆ 75.0 % ┆ yes                 ┆ default:bob",
        "│ late facts, by up to 3d       ┆     2 ┆ 10 ┆ 20.0 % ┆ no                  ┆ default:ann",
        "│ clocks ahead, by up to 1d     ┆     1 ┆ 10 ┆ 10.0 % ┆ yes ",
        "│ orders of amount zero         ┆     1 ┆ 10 ┆ 10.0 % ┆ yes ",
        "│ customers merged (persons: 1) ┆     2 ┆  5 ┆ 40.0 % ┆ no ",
        "What is known of 4 customers",
        "│ email ┆ yes      ┆        3 ┆  75.0 % ███████████████ │",
        "│ name  ┆ yes      ┆        1 ┆  25.0 % █████           │",
        "│ e-mail     ┆         2 ┆ default:ann, default:bob │",
        "│ up to an hour  ┆     1 ┆  50.0 % ████████████████████ │",
        "│ order placed    ┆     4 ┆  40.0 % ████████████████████ │",
        // 48 kinds less the four of the catalogue that were seen and the two that correct.
        "kinds never seen: 42 ",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    // Most facts first, then by code.
    let kinds = ["│ order placed ", "│ profile updated ", "│ signed up ", "│ dreamt ", "│ identity linked "];
    let places = kinds.map(|kind| shown.find(kind).unwrap());
    assert!(places.is_sorted(), "{shown}");
}

#[test]
fn only_strict_makes_a_finding_count_and_only_what_can_be_mended() {
    let place = shop();
    let run = |line: &str| place.run(line.split_whitespace()).code;
    assert_eq!(run("quality --events a.jsonl --policy shop.toml"), Some(0));
    assert_eq!(run("quality --events a.jsonl --policy shop.toml --strict"), Some(1));
    // Up to line 2 and with nothing required there is nothing; line 3 brings the second address.
    assert_eq!(run("quality --events a.jsonl --known-at 2 --strict"), Some(0));
    assert_eq!(run("quality --events a.jsonl --known-at 3 --strict"), Some(1));
    // Late facts, unknown kinds and corrections are told and do not count.
    let lines: Vec<&str> = LOG.lines().collect();
    let harmless: Vec<&str> = [0, 1, 4, 5, 7, 8, 9, 10, 11, 12].map(|index| lines[index]).into();
    place.write("b.jsonl", harmless.join("\n"));
    let answer = place.json("quality --events b.jsonl --strict");
    let sorts: Vec<String> =
        told(&answer).iter().map(|row| row.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(sorts, ["late_fact", "unknown_kind", "voided_fact", "merged_customer"]);
}

#[test]
fn each_sort_that_counts_counts_alone() {
    let lines: Vec<&str> = LOG.lines().collect();
    let place = shop();
    for (index, sort, policy) in [
        (10, "missing_field", "shop.toml"),
        (3, "unreadable_contact", "retail"),
        (6, "clock_skew", "retail"),
        (8, "out_of_range", "retail"),
    ] {
        // The order whose clock is ahead is one of something here.
        let line = if sort == "clock_skew" {
            lines[index].replace("\"minor\":0", "\"minor\":1")
        } else {
            lines[index].into()
        };
        place.write("one.jsonl", line);
        let line = format!("quality --events one.jsonl --policy {policy} --strict --format csv");
        let ran = place.run(line.split_whitespace());
        assert_eq!(ran.code, Some(1), "{sort}: {ran:?}");
        assert!(ran.out.lines().skip(1).all(|row| row.starts_with(sort)), "{sort}: {}", ran.out);
    }
}

#[test]
fn a_question_about_the_past_sees_the_past() {
    let place = shop();
    // By the end of 3 January: a line of bob and of cat each and two of ann, in order.
    let then = place.json("quality --events a.jsonl --as-of 2024-01-03");
    assert_eq!((&then["answer"]["customers"], &then["answer"]["facts"]), (&json!(3), &json!(4)));
    let expected = [
        "unreadable_contact email 1 3 true",
        "unreadable_contact phone 1 3 true",
        "suspected_duplicate email 2 3 true",
        // A merge is about what we know, which no instant of business cuts.
        "merged_customer null 2 4 false",
    ];
    assert_eq!(told(&then), expected);
    // As known at line 9 nothing of dan was taken back.
    let known = place.json("quality --events a.jsonl --known-at 9");
    assert_eq!((&known["known_at"], &known["answer"]["facts"]), (&json!(9), &json!(9)));
    assert!(told(&known).contains(&"out_of_range order_without_amount 1 9 true".to_owned()), "{known}");
}

#[test]
fn rows_for_programs_are_the_same_in_every_language() {
    let place = shop();
    let csv = place.line("quality --events a.jsonl --policy shop.toml --format csv");
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!((lines[0], lines.len()), ("finding,about,count,of,share,strict,examples", 12));
    assert_eq!(lines[1], "missing_field,name,3,4,0.75,true,default:bob; default:cat; default:eve");
    assert_eq!(lines[8], "late_fact,,2,10,0.2,false,default:ann");
    let chinese = place.line("quality --events a.jsonl --policy shop.toml --format csv --lang zh-CN");
    assert_eq!(csv, chinese);
    let json = place.line("quality --events a.jsonl --policy shop.toml --format json");
    assert_eq!(json, place.line("quality --events a.jsonl --policy shop.toml --format json --lang zh-CN"));
    let jsonl = place.line("quality --events a.jsonl --policy shop.toml --format jsonl");
    let first: Value = serde_json::from_str(jsonl.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&first["finding"], &first["count"], &first["share"]),
        (&json!("missing_field"), &json!(3), &json!(0.75))
    );
}

#[test]
fn in_chinese_the_page_is_chinese() {
    let place = shop();
    let shown = place.line("quality --events a.jsonl --policy shop.toml --lang zh-CN");
    for part in [
        "数据质量 · 截至 2024-01-12",
        "必填而缺失：name",
        "迟到的事实，最长 3d",
        "4 位客户的资料完整度",
        "从未出现的种类：42 种",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
}

#[test]
fn a_store_and_its_lines_say_the_same_and_an_empty_store_says_so() {
    let place = shop();
    place.line("import a.jsonl --store s.db --quiet");
    place.write("log.jsonl", place.line("log --store s.db"));
    let of = |source: &str| place.json(&format!("quality {source} --policy shop.toml"))["answer"].clone();
    assert_eq!(of("--store s.db"), of("--events log.jsonl"));
    place.write("nothing.jsonl", "\n");
    place.line("import nothing.jsonl --store empty.db --quiet");
    let ran = place.run("quality --store empty.db --strict".split_whitespace());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("no customers: no fact counts at that instant"), "{}", ran.out);
    assert_eq!(place.json("quality --store empty.db")["answer"]["facts"], 0);
}

/// The guide shows what people will see.
#[test]
fn the_guide_shows_the_real_output_of_its_commands() {
    let guide = include_str!("../../../../docs/guides/quality.md");
    let block = |after: &str| {
        let block = guide.split_once(after).unwrap().1.split_once("```").unwrap().1;
        block.split_once('\n').unwrap().1.split_once("```").unwrap().0.to_owned()
    };
    let place = Place::new();
    place.write("shop.jsonl", block("when the shop's system learnt them:"));
    place.write("shop.toml", block("no other but its own spelling:"));
    place.write("letter.txt", "Dear Ann\n");
    place.line("demo --quiet");
    for line in [
        "quality --events shop.jsonl --policy shop.toml",
        "quality --events shop.jsonl --policy shop.toml --format csv",
    ] {
        let shown = place.line(line);
        assert_eq!(block(&format!("$ tenure {line}\n```")), shown, "{shown}");
    }
    // What is not of this machine or this moment.
    for (store, lines) in [
        (
            "tenure-demo.db",
            &[" ok  file  ", " ok  settings  ", " ok  integrity  ", " ok  size  ", "all is well"][..],
        ),
        ("letter.txt", &[" wrong  file  ", " ok     size  ", "1 wrong, 0 worth a look"]),
    ] {
        let line = format!("doctor --store {store}");
        let (shown, written) =
            (place.run(line.split_whitespace()).out, block(&format!("$ tenure {line}\n```")));
        for begin in lines {
            let of = |text: &str| text.lines().find(|line| line.starts_with(begin)).map(str::to_owned);
            assert!(of(&shown).is_some() && of(&shown) == of(&written), "{begin}\n{shown}");
        }
    }
}

#[test]
fn of_many_suspicions_the_largest_are_shown_and_all_are_in_json() {
    let place = Place::new();
    let fact = |customer: String, field: &str, value: String| {
        format!(
            "{{\"customer\":\"{customer}\",\"occurred_at\":\"2024-01-01T00:00:00Z\",\"kind\":\"profile_updated\",\
             \"data\":{{\"{field}\":\"{value}\"}}}}\n"
        )
    };
    // Eleven pairs with an address, and seven who share a telephone.
    let pairs = (10..21)
        .flat_map(|n| ["a", "b"].map(|one| fact(format!("{one}{n}"), "email", format!("{n}@example.org"))));
    let seven = (1..8).map(|n| fact(format!("p{n}"), "phone", "+49 30 123456".into()));
    place.write("many.jsonl", pairs.chain(seven).collect::<String>());
    let shown = place.line("quality --events many.jsonl");
    for part in [
        "│ phone      ┆         7 ┆ default:p1, default:p2, default:p3, default:p4, default:p5 … and 2 more │",
        "│ e-mail     ┆         2 ┆ default:a10, default:b10 ",
        "│ e-mail     ┆         2 ┆ default:a18, default:b18 ",
        "… and 2 more groups (--format json names all)",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    // Ten rows: the seven, and nine pairs.
    assert!(!shown.contains("default:a19"), "{shown}");
    let answer = place.json("quality --events many.jsonl");
    let groups = answer["answer"]["duplicates"].as_array().unwrap();
    assert_eq!((groups.len(), groups[0]["customers"].as_array().unwrap().len()), (12, 7));
    assert_eq!(
        told(&answer),
        ["suspected_duplicate email 22 29 true", "suspected_duplicate phone 7 29 true"]
    );
}
