use serde_json::{Value, json};
use tenure::core::Policy;

use crate::{Place, order};

/// A policy with one finding of each severity.
const FLAWED: &str = r#"name = "flawed"
[[stage]]
id = "new"
macro = "activation"
labels = { en = "new", zh-CN = "新客" }
initial = true
[[stage]]
id = "gone"
macro = "churn_prevention"
labels = { en = "gone", zh-CN = "流失" }
[[rule]]
name = "silent"
from = ["new"]
to = "gone"
when = { silence = "order_placed", at_least = "90d" }
[[rule]]
name = "very_silent"
from = ["new"]
to = "gone"
when = { silence = "order_placed", at_least = "180d" }
"#;

#[test]
fn the_presets_are_clean_and_a_flawed_policy_ends_with_one() {
    let place = Place::new();
    for preset in Policy::PRESETS {
        assert!(place.line(&format!("check {preset}")).contains("nothing found"), "{preset}");
    }
    place.write("flawed.toml", FLAWED);
    let ran = place.run(["check", "flawed.toml"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), ""));
    for part in [
        "error[shadowed_rule]: whenever rule \"very_silent\" holds in stage \"new\"",
        "  --> flawed.toml:20:8: rule[1].when\n",
        " 20 | when = { silence = \"order_placed\", at_least = \"180d\" }\n    |        ^^^^^",
        "  = the first rule that holds fires",
        "warning[inescapable_stage]",
        "1 errors, 1 warnings, 0 allowed",
    ] {
        assert!(ran.out.contains(part), "{part}\n{}", ran.out);
    }
    let chinese = place.run(["check", "flawed.toml", "--lang", "zh-CN"]);
    assert!(chinese.out.contains("错误[shadowed_rule]：") || chinese.out.contains("错误[shadowed_rule]"));
    assert!(chinese.out.contains("先成立者先触发"), "{}", chinese.out);
}

#[test]
fn what_is_allowed_is_told_and_does_not_count() {
    let place = Place::new();
    place.write("flawed.toml", FLAWED);
    let allow = [
        "check",
        "flawed.toml",
        "--allow",
        "inescapable_stage",
        "--allow",
        "shadowed_rule",
        "--format",
        "json",
    ];
    let ran = place.run(allow);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let answer: Value = serde_json::from_str(&ran.out).unwrap();
    let findings = answer["findings"].as_array().unwrap();
    assert!(findings.iter().all(|finding| finding["allowed"] == json!(true)));
    let shadowed = &findings[0];
    assert_eq!(
        (&shadowed["code"], &shadowed["severity"], &shadowed["path"], &shadowed["line"], &shadowed["column"]),
        (&json!("shadowed_rule"), &json!("error"), &json!("rule[1].when"), &json!(20), &json!(8))
    );
    assert_eq!(shadowed["values"], json!({"rule": "very_silent", "stage": "new", "earlier": "silent"}));
    assert_eq!(answer["policy"]["hash"], Policy::parse(FLAWED, "").unwrap().hash());
    assert_eq!(place.run(["check", "flawed.toml", "--format", "csv"]).out.lines().count(), 3);
}

#[test]
fn a_file_from_a_preset_is_the_preset_and_none_is_written_over() {
    let place = Place::new();
    for lang in ["en", "zh-CN"] {
        for preset in Policy::PRESETS {
            let file = format!("{preset}-{lang}.toml");
            place.line(&format!("policy init --preset {preset} {file} --lang {lang} --quiet"));
            let text = place.read(&file);
            assert_eq!(Policy::parse(&text, "").unwrap().hash(), Policy::preset(preset).unwrap().hash());
            assert_eq!(text.contains("# 阶段"), lang == "zh-CN");
            place.line(&format!("check {file}"));
            let shown = place.line(&format!("policy show --policy {file} --lang {lang}"));
            assert_eq!(Policy::parse(&shown, "").unwrap().hash(), Policy::preset(preset).unwrap().hash());
            assert_eq!(place.line(&format!("policy show --preset {preset} --lang {lang}")), shown);
            let ran = place.run(["policy", "init", "--preset", preset, &file]);
            assert_eq!(ran.code, Some(2));
            assert!(ran.err.contains("none is written over"), "{}", ran.err);
            assert_eq!(place.read(&file), text);
        }
    }
}

/// Every command with a policy points into the file.
#[test]
fn a_policy_error_shows_the_line_with_a_caret_in_every_command() {
    let place = Place::new();
    place.write("a.jsonl", order("ann", "2024-01-05T00:00:00Z", 100));
    place.write("typo.toml", FLAWED.replace("to = \"gone\"", "to = \"gnoe\""));
    let source = "--events a.jsonl --policy typo.toml";
    for line in [
        format!("stages {source}"),
        format!("rfm {source}"),
        format!("customer ann {source}"),
        format!("report {source}"),
        format!("replay {source}"),
        "check typo.toml".into(),
        "policy show --policy typo.toml".into(),
    ] {
        let ran = place.run(line.split_whitespace());
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{line}");
        for part in [
            "typo.toml:14:6: rule[0].to: ",
            "only gone, new; did you mean \"gone\"?",
            " 14 | to = \"gnoe\"\n    |      ^^^^^^",
        ] {
            assert!(ran.err.contains(part), "{line}: {}", ran.err);
        }
    }
}

#[test]
fn every_answer_under_a_policy_has_its_hash() {
    let place = Place::new();
    place.write("a.jsonl", order("ann", "2024-01-05T00:00:00Z", 100));
    let hash = Policy::preset("saas").unwrap().hash();
    for question in ["stages", "rfm", "customer ann", "report", "replay"] {
        let line = format!("{question} --events a.jsonl --policy saas");
        assert_eq!(place.json(&line)["policy"]["hash"], hash, "{question}");
        assert!(place.line(&line).contains(hash.get(..12).unwrap()), "{question}");
    }
}

#[test]
fn the_table_of_currencies_tells_decimals() {
    let place = Place::new();
    let table = place.line("policy currencies --format csv");
    for row in ["code,decimals,name", "JPY,0,Japanese yen", "KWD,3,Kuwaiti dinar"] {
        assert!(table.lines().any(|line| line == row), "{row}");
    }
}

/// The guide shows what people will see.
#[test]
fn the_guide_has_every_code_and_the_real_output_of_its_example() {
    let guide = include_str!("../../../../docs/guides/policies.md");
    for code in tenure::core::policy::check::Code::ALL {
        assert!(guide.contains(&format!("| `{}` |", code.name())), "{}", code.name());
    }
    let block = |title: &str| {
        let after = guide.split_once(title).unwrap().1;
        let block = after.split_once("```").unwrap().1;
        let block = block.split_once('\n').unwrap().1;
        block.split_once("```").unwrap().0.to_owned()
    };
    let place = Place::new();
    place.write("club.toml", block("## A bad policy"));
    let ran = place.run(["check", "club.toml"]);
    assert_eq!(block("says, with exit code 1:"), ran.out, "{}", ran.out);
}
