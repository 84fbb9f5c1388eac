//! A minimal bad policy for every code, and none for the presets.

use std::collections::BTreeSet;

use super::*;
use crate::projection::stage::Language;

/// Stages by name, the first one initial, then whatever follows.
fn policy(stages: &[&str], rest: &str) -> String {
    let stage = |(place, id): (usize, &&str)| {
        format!(
            "[[stage]]\nid = \"{id}\"\nmacro = \"growth\"\ninitial = {}\nlabels = {{ en = \"{id}\", zh-CN = \"{id}\" }}\n",
            place == 0
        )
    };
    stages.iter().enumerate().map(stage).collect::<String>() + rest
}

fn rule(name: &str, from: &str, to: &str, when: &str) -> String {
    let from: Vec<String> = from.split(' ').map(|from| format!("\"{from}\"")).collect();
    let from = from.join(", ");
    format!("[[rule]]\nname = \"{name}\"\nfrom = [{from}]\nto = \"{to}\"\nwhen = {when}\n")
}

/// Two stages with a way to and fro, the way there under a condition of one's own.
fn there_and_back(when: &str) -> String {
    policy(
        &["a", "b"],
        &(rule("there", "a", "b", when)
            + &rule("back", "b", "a", r#"{ count = "order_placed", since = "stage", at_least = 1 }"#)),
    )
}

/// Two stages, a way there that is beyond doubt, and another one before it.
fn beside(when: &str) -> String {
    policy(
        &["a", "b"],
        &(rule("own", "a", "b", when)
            + &rule("there", "a", "b", r#"{ tag = "beyond_doubt" }"#)
            + &rule("back", "b", "a", r#"{ count = "order_placed", since = "stage", at_least = 1 }"#)),
    )
}

/// A churn score of two signals, each worth everything.
fn signals(first: &str, second: &str) -> String {
    let signal =
        |code: &str, rest: &str| format!("[[churn.signal]]\ncode = '{code}'\npoints = 100\n{rest}\n");
    format!("[churn]\nbase = 0\n{}{}", signal("first", first), signal("second", second))
}

#[test]
fn signals_that_say_nothing_are_told_by_their_field() {
    let week = "silence = 'order_placed'\nat_least = '7d'";
    let nps = "{ event = 'survey_answered', where = [{ property = 'subject', op = 'eq', value = 'nps' }] }";
    for (signal, code, field) in [
        (format!("latest = {nps}\nat_least = 11"), Code::DeadSignal, "at_least"),
        ("latest = 'review_posted'\nat_most = 0".into(), Code::DeadSignal, "at_most"),
        (format!("{week}\ncap = 100"), Code::StepWithoutEffect, "cap"),
        ("silence = 'order_place'\nat_least = '7d'".into(), Code::UnknownKind, "silence"),
        ("open = 'trial_started'\nuntil = 'order_place'\nat_least = '0d'".into(), Code::UnknownKind, "until"),
        (
            "open = 'follow_up_planned'\nuntil = 'follow_up_logged'\ndue = 'due_on'\nat_least = '0d'".into(),
            Code::UnknownProperty,
            "due",
        ),
        (format!("{week}\naction = 'care_cal'"), Code::SimilarNames, "action"),
        (
            "silence = 'x'\nat_least = { cadence = 30, min = '7d', max = '20d' }".into(),
            Code::CadenceWithoutEffect,
            "at_least",
        ),
    ] {
        let told = told(&signals(&signal, week));
        let told: Vec<_> = told.iter().map(|(code, _, path)| (*code, path.as_str())).collect();
        assert_eq!(told, [(code, format!("churn.signal[0].{field}").as_str())], "{signal}");
    }
    // What anybody can have is not dead.
    assert_eq!(told(&signals("latest = 'tracked'\nat_least = 900", week)), []);
    assert_eq!(told(&signals(&format!("latest = {nps}\nat_least = 10"), week)), []);
}

fn found(text: &str) -> Vec<Finding> {
    let policy = Policy::parse(text, "p.toml").unwrap();
    let mut findings = check_text(text);
    findings.extend(check(&policy));
    findings
}

/// Codes and paths, for comparison.
fn told(text: &str) -> Vec<(Code, Severity, String)> {
    found(text).iter().map(|finding| (finding.code, finding.severity, finding.path.to_string())).collect()
}

#[test]
fn the_presets_are_clean() {
    for name in Policy::PRESETS {
        let policy = Policy::preset(name).unwrap();
        assert_eq!(check(&policy), [], "{name}");
    }
    assert_eq!(check(&Policy::default()), []);
}

use Severity::{Error, Warning};

/// Of each code the smallest policy that has this finding and no other.
#[expect(clippy::too_many_lines, reason = "a table")]
fn minimal() -> Vec<(Code, Severity, &'static str, String)> {
    let order = r#"{ count = "order_placed", at_least = 1 }"#;
    let since = r#"{ count = "order_placed", since = "stage", at_least = 1 }"#;
    let week_signal = "silence = 'order_placed'\nat_least = '7d'";
    let week = r#"{ silence = "order_placed", at_least = "7d" }"#;
    let own = |segments: &str| format!("[rfm]\nmap = \"own\"\n{segments}");
    let rest = "[[rfm.segment]]\ncode = \"rest\"\n";
    vec![
        (
            Code::UnreachableStage,
            Error,
            "stage[2].id",
            policy(
                &["a", "b", "c"],
                &(rule("there", "a", "b", order) + &rule("back", "b c", "a", since)),
            ),
        ),
        (Code::InescapableStage, Warning, "stage[1].id", policy(&["a", "b"], &rule("there", "a", "b", order))),
        (
            Code::DeadCondition,
            Error,
            "rule[0].when",
            beside(r#"{ all = [{ count = "order_placed", within = "30d", at_least = 3 }, { count = "order_placed", less_than = 3 }] }"#),
        ),
        (
            Code::AlwaysTrue,
            Warning,
            "rule[0].when.any[1]",
            there_and_back(
                r#"{ any = [{ tag = "t" }, { count = { event = "order_placed", where = [{ property = "kind", op = "eq", value = "tracked" }] }, less_than = 1 }] }"#,
            ),
        ),
        (
            Code::RedundantCondition,
            Warning,
            "rule[0].when.all[0]",
            there_and_back(r#"{ all = [{ count = "order_placed", at_least = 2 }, { count = "order_placed", within = "30d", at_least = 3 }] }"#),
        ),
        (
            Code::ShadowedRule,
            Error,
            "rule[1].when",
            policy(
                &["a", "b", "c"],
                &(rule("wide", "a", "b", order)
                    + &rule("narrow", "a", "c", r#"{ count = "order_placed", at_least = 2 }"#)
                    + &rule("other", "a", "c", r#"{ tag = "t" }"#)
                    + &rule("back", "b c", "a", since)),
            ),
        ),
        (
            Code::Flapping,
            Warning,
            "rule[0].when",
            policy(&["a", "b"], &(rule("there", "a", "b", week) + &rule("back", "b", "a", r#"{ in_stage_for = "7d" }"#))),
        ),
        (
            Code::DeadSignal,
            Error,
            "churn.signal[0].latest",
            signals("latest = 'order_placed'\nat_most = 6", "silence = 'order_placed'\nat_least = '9d'"),
        ),
        (
            Code::DuplicateSignal,
            Warning,
            "churn.signal[1].code",
            signals(week_signal, week_signal).replace("second", "first"),
        ),
        (
            Code::ExcessPoints,
            Warning,
            "churn.signal[0].cap",
            signals(&format!("{week_signal}\nevery = '7d'\ncap = 200"), week_signal),
        ),
        (
            Code::StepWithoutEffect,
            Warning,
            "churn.signal[0].every",
            signals(&format!("{week_signal}\nevery = '7d'\ncap = 100"), week_signal),
        ),
        (
            Code::UnreachableBand,
            Warning,
            "churn.bands",
            signals(week_signal, week_signal).replace("base = 0", "base = 30"),
        ),
        (Code::UnknownKind, Warning, "rule[0].when.count", there_and_back(&order.replace("placed", "place"))),
        (
            Code::UnknownProperty,
            Warning,
            "rule[0].when.count.where[0].property",
            there_and_back(
                r#"{ count = { event = "order_placed", where = [{ property = "chanel", op = "eq", value = "web" }] }, at_least = 1 }"#,
            ),
        ),
        (
            Code::SimilarNames,
            Warning,
            "rule[0].when.any[1].attribute.name",
            there_and_back(
                r#"{ any = [{ attribute = { name = "tier", op = "eq", value = "A" } }, { attribute = { name = "tire", op = "eq", value = "B" } }] }"#,
            ),
        ),
        (
            Code::CadenceWithoutEffect,
            Warning,
            "rule[0].when",
            there_and_back(
                r#"{ silence = "order_placed", at_least = { cadence = 8, min = "1d", max = "7d" } }"#,
            ),
        ),
        (Code::EmptyScore, Error, "rfm.fixed.m", "[rfm.fixed]\nr_days = [1,2,3,4]\nf = [2,3,4,5]\nm = [1,2,2,4]".into()),
        (Code::EmptyTier, Warning, "rfm.tiers.shares", "[rfm.tiers]\nshares = [\"0.5\", \"0.5\"]".into()),
        (
            Code::DeadSegment,
            Error,
            "rfm.segment[0]",
            own(&("[[rfm.segment]]\ncode = \"no\"\nf = [1, 2]\nm = [1, 2]\nfm = [4, 5]\n".to_owned() + rest)),
        ),
        (
            Code::ShadowedSegment,
            Error,
            "rfm.segment[1]",
            own(&(rest.to_owned() + "[[rfm.segment]]\ncode = \"vip\"\nr = [5, 5]\n")),
        ),
        (
            Code::OverlappingSegments,
            Warning,
            "rfm.segment[1]",
            own(&("[[rfm.segment]]\ncode = \"near\"\nr = [4, 5]\n[[rfm.segment]]\ncode = \"rich\"\nm = [4, 5]\n".to_owned() + rest)),
        ),
        (Code::UncoveredScores, Warning, "rfm.segment", own("[[rfm.segment]]\ncode = \"near\"\nr = [2, 5]\n")),
        (
            Code::UnusedRate,
            Warning,
            "rate",
            "currency = \"CNY\"\n[[rate]]\nday = 2024-01-01\nfrom = \"CNY\"\nto = \"USD\"\nrate = \"0.14\"".into(),
        ),
        (
            Code::RatesOutOfOrder,
            Warning,
            "rate[1].day",
            "currency = \"CNY\"\n[[rate]]\nday = 2024-02-01\nfrom = \"USD\"\nto = \"CNY\"\nrate = 7\n\
             [[rate]]\nday = \"2024-01-01\"\nfrom = \"USD\"\nto = \"CNY\"\nrate = 7"
                .into(),
        ),
        (Code::TooLarge, Warning, "rule", too_large()),
    ]
}

/// Twenty choices of which no two neighbours may be made alike: none can be told without trying them all.
fn too_large() -> String {
    let either = |n: usize| format!("{{ any = [{{ tag = \"left_{n}\" }}, {{ tag = \"right_{n}\" }}] }}");
    let not_both = |n: usize| {
        format!("{{ not = {{ all = [{{ tag = \"left_{n}\" }}, {{ tag = \"left_{}\" }}] }} }}", n + 1)
    };
    let parts: Vec<String> = (0..20).map(either).chain((0..20).map(not_both)).collect();
    there_and_back(&format!("{{ all = [{}] }}", parts.join(", ")))
}

#[test]
fn every_code_has_a_minimal_policy_that_triggers_exactly_it() {
    let minimal = minimal();
    for (code, severity, path, text) in &minimal {
        assert_eq!(
            told(text),
            [(*code, *severity, (*path).to_owned())],
            "{}\n{:?}",
            code.name(),
            found(text)
        );
        for finding in found(text) {
            for language in [Language::En, Language::ZhCn] {
                let says = finding.says(language) + &finding.advice(language);
                assert!(
                    !says.contains("{stage}") && !says.contains("“”") && !says.contains("\"\""),
                    "{says}"
                );
            }
        }
    }
    let codes: BTreeSet<Code> = minimal.iter().map(|(code, ..)| *code).collect();
    assert_eq!(codes, Code::ALL.iter().copied().collect());
}

/// Conditions that never hold, each for a reason of its own.
#[test]
fn contradictions_are_found() {
    for when in [
        r#"{ all = [{ count = "order_placed", within = "7d", at_least = 1 }, { silence = "order_placed", at_least = "7d" }] }"#,
        r#"{ all = [{ age = "first", of = "order_placed", less_than = "30d" }, { silence = "order_placed", at_least = "30d" }] }"#,
        r#"{ all = [{ age = "last", of = "order_placed", at_least = "30d" }, { age = "last", of = "order_placed", less_than = "20d" }] }"#,
        r#"{ all = [{ silence = "order_placed", at_least = "1d" }, { count = "order_placed", less_than = 1 }] }"#,
        r#"{ all = [{ count = "order_placed", at_least = 1 }, { count = {}, less_than = 1 }] }"#,
        r#"{ all = [{ count = { event = ["order_placed", "lesson"] }, less_than = 2 }, { count = "lesson", within = "9d", at_least = 2 }] }"#,
        r#"{ all = [{ count = "order_placed", since = "stage", at_least = 1 }, { silence = "order_placed", at_least = "9d" }, { not = { in_stage_for = "9d" } }] }"#,
        r#"{ all = [{ sum = "order_placed", at_least = { value = "5", currency = "CNY" } }, { sum = "order_placed", less_than = { value = "5", currency = "CNY" } }] }"#,
        r#"{ all = [{ score = { survey = "nps", at_most = 6 } }, { not = { score = { survey = "nps", at_most = 7 } } }] }"#,
        r#"{ all = [{ flag = "complaint_open" }, { not = { flag = "ticket_open" } }] }"#,
        r#"{ all = [{ flag = "contract_active" }, { count = "contract_signed", less_than = 1 }] }"#,
        r#"{ all = [{ tag = "a" }, { not = { tag = "a" } }] }"#,
        r#"{ all = [{ silence = "x", at_least = { cadence = 2, min = "9d", max = "90d" } }, { count = "x", within = "8d", at_least = 1 }] }"#,
        r#"{ all = [{ silence = "x", at_least = { cadence = 4, min = "9d", max = "90d" } }, { not = { silence = "x", at_least = { cadence = 2, min = "8d", max = "90d" } } }] }"#,
        r#"{ count = { event = "order_placed", where = [{ property = "amount", op = "gt", value = 9 }, { property = "amount", op = "lt", value = 9 }] }, at_least = 1 }"#,
        r#"{ all = [{ not = { attribute = { name = "tier", op = "eq", value = "A" } } }, { not = { attribute = { name = "tier", op = "ne", value = "A" } } }] }"#,
    ] {
        assert_eq!(told(&beside(when)), [(Code::DeadCondition, Error, "rule[0].when".into())], "{when}");
    }
    // Two updates at one instant may say both.
    let twice = r#"{ all = [{ attribute = { name = "tier", op = "eq", value = "A" } }, { attribute = { name = "tier", op = "eq", value = "B" } }] }"#;
    assert_eq!(told(&beside(twice)), [(Code::DeadCondition, Warning, "rule[0].when".into())]);
}

#[test]
fn what_can_hold_is_left_alone() {
    for when in [
        r#"{ all = [{ count = "order_placed", within = "8d", at_least = 1 }, { silence = "order_placed", at_least = "7d" }] }"#,
        r#"{ all = [{ count = "order_placed", less_than = 2 }, { silence = "order_placed", at_least = "1d", or_never = true }] }"#,
        r#"{ all = [{ sum = "order_placed", at_least = { value = "5", currency = "CNY" } }, { sum = "order_placed", less_than = { value = "5", currency = "USD" } }] }"#,
        r#"{ all = [{ attribute = { name = "tier", op = "gt", value = 3 } }, { attribute = { name = "tier", op = "lt", value = 4 } }] }"#,
        r#"{ all = [{ count = {}, less_than = 1 }, { count = "message_sent", at_least = 1 }] }"#,
    ] {
        assert_eq!(told(&beside(when)), [], "{when}");
    }
}

#[test]
fn several_rules_together_hide_one_and_those_that_matter_are_named() {
    let text = policy(
        &["a", "b", "c"],
        &(rule("vip", "a", "b", r#"{ tag = "vip" }"#)
            + &rule(
                "plain",
                "a",
                "b",
                r#"{ all = [{ not = { tag = "vip" } }, { count = "x", at_least = 1 }] }"#,
            )
            + &rule("other", "a", "b", r#"{ tag = "other" }"#)
            + &rule("late", "a", "c", r#"{ count = "x", at_least = 2 }"#)
            + &rule("way", "a", "c", r#"{ tag = "c" }"#)
            + &rule("back", "b c", "a", r#"{ count = "x", since = "stage", at_least = 1 }"#)),
    );
    let findings = found(&text);
    assert_eq!(told(&text), [(Code::ShadowedRule, Error, "rule[3].when".into())]);
    assert_eq!(findings[0].value("earlier"), "vip, plain");
}

/// Where the earlier rule's stage may have been entered at the instant already, the later rule has its turn then.
#[test]
fn a_rule_that_may_be_passed_over_hides_others_mostly() {
    let order = r#"{ count = "order_placed", at_least = 1 }"#;
    let text = policy(
        &["a", "b", "c"],
        &(rule("wide", "b", "a", order)
            + &rule("narrow", "b", "c", r#"{ count = "order_placed", at_least = 2 }"#)
            + &rule("start", "a", "b", order)
            + &rule("back", "c", "b", r#"{ count = "order_placed", since = "stage", at_least = 1 }"#)),
    );
    let shadowed: Vec<_> = told(&text).into_iter().filter(|(code, ..)| *code == Code::ShadowedRule).collect();
    assert_eq!(shadowed, [(Code::ShadowedRule, Warning, "rule[1].when".into())]);
}
