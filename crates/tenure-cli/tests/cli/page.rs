//! The page of one customer and the page of all, on a log small enough to work out by hand.

use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

use crate::{Place, order};

/// A fact as an interchange line; `more` holds further fields.
fn fact(customer: &str, day: &str, kind: &str, more: &str) -> String {
    let at = format!("{day}T00:00:00Z");
    format!("{{\"customer\":\"shop:{customer}\",\"occurred_at\":\"{at}\",\"kind\":\"{kind}\",{more}}}\n")
}

fn bought(customer: &str, day: &str, minor: i64) -> String {
    let order = order(&format!("shop:{customer}"), &format!("{day}T00:00:00Z"), minor);
    order.replace("\"o\"", &format!("\"{customer} {day}\""))
}

const MISTAKE: &str = "00000000-0000-8000-8000-000000000001";

/// Five people, under the preset retail. Everybody has fewer than three gaps between orders, so the cadence is its default of
/// 30 days: at risk after 60 days of silence, churned after 120.
///
/// | who | ordered | on 2024-05-30 | on 2024-06-30 |
/// |---|---|---|---|
/// | ann | 01-10, 06-01 | churned since 05-09 | won back |
/// | bob | 02-01 | at risk since 04-01 | churned since 05-31 |
/// | cyd | 2023-12-01, 06-10 | churned since 03-30 | won back |
/// | dan | 06-20; is also dan2 | nobody yet | new |
/// | eve | 04-01 | new | at risk since 05-31, lost on 07-30 |
///
/// New: dan. Won back: ann, cyd. Lost: bob. Half of their silence or more has only eve spent: 91 of 120 days. An order of fred's
/// was a mistake, and he is nobody without it.
fn shop() -> String {
    let fred =
        bought("fred", "2024-02-02", 0).replace("{\"customer", &format!("{{\"id\":\"{MISTAKE}\",\"customer"));
    [
        // Happened an hour after it was recorded.
        bought("bob", "2024-02-01", 3_000)
            .replace("\"kind\"", "\"recorded_at\":\"2024-01-31T23:00:00Z\",\"kind\""),
        // The address of ann.
        fact(
            "bob",
            "2024-02-01",
            "identity_linked",
            r#""data":{"namespace":"email","value":"ann@example.org"}"#,
        ),
        bought("ann", "2024-01-10", 5_000),
        fact("ann", "2024-02-01", "tag_added", r#""subject":"vip""#),
        fact("ann", "2024-02-01", "tag_added", r#""subject":"eu""#),
        fact("ann", "2024-02-01", "owner_assigned", r#""actor":"kim""#),
        fact("ann", "2024-02-01", "consent_changed", r#""subject":"newsletter","data":{"granted":true}"#),
        fact("ann", "2024-02-01", "identity_linked", r#""data":{"namespace":"wechat","value":"wx-ann"}"#),
        fact("ann", "2024-03-01", "tag_removed", r#""subject":"eu""#),
        fact("ann", "2024-03-01", "owner_assigned", r#""actor":"lee""#),
        // Line 11.
        fact("ann", "2024-05-01", "consent_changed", r#""subject":"newsletter","data":{"granted":false}"#),
        bought("ann", "2024-06-01", 10_000),
        // Late by 143 days, from 01-10 to 06-01.
        fact(
            "ann",
            "2024-01-10",
            "profile_updated",
            r#""data":{"email":"Ann@Example.org","city":"Kyiv","age":34}"#,
        ),
        bought("cyd", "2023-12-01", 8_000),
        // No address.
        fact("cyd", "2023-12-01", "profile_updated", r#""data":{"email":"none"}"#),
        bought("cyd", "2024-06-10", 2_000),
        bought("eve", "2024-04-01", 7_000),
        fact("eve", "2024-04-01", "profile_updated", r#""data":{"phone":"+86 138 0013 8000"}"#),
        bought("dan", "2024-06-20", 1_000),
        // The number of eve.
        fact(
            "dan2",
            "2024-06-20",
            "identity_linked",
            r#""data":{"namespace":"phone","value":"0086-138-0013-8000"}"#,
        ),
        fact("dan", "2024-06-20", "identity_merged", r#""subject":"shop:dan2""#),
        fred,
        fact("fred", "2024-02-03", "event_voided", &format!("\"subject\":\"{MISTAKE}\"")),
    ]
    .concat()
}

fn place() -> Place {
    let place = Place::new();
    place.write("shop.jsonl", shop());
    let retail = include_str!("../../../tenure-core/presets/retail.toml");
    place.write("shop.toml", format!("{retail}\n[quality]\nrequired = [\"email\"]\n"));
    place
}

const REPORT: &str = "report --events shop.jsonl --policy shop.toml --as-of 2024-06-30";

#[test]
fn the_page_says_what_was_worked_out_by_hand() {
    let answer = &place().json(REPORT)["answer"];
    // Two corrections and the mistake do not count.
    assert_eq!((&answer["facts"], &answer["customers"]), (&json!(20), &json!(5)));
    let counts: Vec<_> =
        answer["stages"].as_array().unwrap().iter().map(|row| row["customers"].as_u64().unwrap()).collect();
    // prospect, new, active, loyal, at risk, churned, won back
    assert_eq!(counts, [0, 1, 0, 0, 1, 1, 2]);
    assert_eq!(answer["since"], "2024-05-30T23:59:59.999999Z");
    assert_eq!(answer["turnover"], json!({"new": 1, "won_back": 2, "lost": 1}));
    assert_eq!(
        answer["transitions"],
        json!([
            {"from": null, "to": "new", "customers": 1},
            {"from": "new", "to": "at_risk", "customers": 1},
            {"from": "at_risk", "to": "churned", "customers": 1},
            {"from": "churned", "to": "won_back", "customers": 2},
        ])
    );
    let risks = &answer["risks"];
    assert_eq!((&risks["stage"], &risks["customers"]), (&json!("churned"), &json!(1)));
    let eve = &risks["first"][0];
    assert_eq!((&eve["customer"], &eve["stage"]), (&json!("shop:eve"), &json!("at_risk")));
    assert_eq!(eve["silent_since"], "2024-04-01T00:00:00Z");
    assert_eq!(eve["lost_at"], "2024-07-30T00:00:00Z");
    assert_eq!(eve["monetary"], json!({"minor": 7_000, "currency": "USD"}));
    assert!((eve["spent"].as_f64().unwrap() - 91.0 / 120.0).abs() < 1e-9, "{eve}");
    let money = |row: &Value| row["monetary"]["minor"].as_i64().unwrap();
    assert_eq!(answer["rfm"]["segments"].as_array().unwrap().iter().map(money).sum::<i64>(), 36_000);
    assert_eq!(answer["left_out"], json!([]));
}

#[test]
fn the_page_tells_what_the_data_lack_and_who_may_be_recorded_twice() {
    let answer = &place().json(REPORT)["answer"];
    let quality = &answer["quality"];
    // dan and eve; a text that is no address is there, too.
    assert_eq!(
        (&quality["fields"][0]["field"], &quality["fields"][0]["missing"]["count"]),
        (&json!("email"), &json!(2))
    );
    assert_eq!(quality["fields"][0]["missing"]["examples"], json!(["shop:dan", "shop:eve"]));
    assert_eq!(quality["contacts"][0]["unreadable"], json!({"count": 1, "examples": ["shop:cyd"]}));
    assert_eq!(
        quality["duplicates"],
        json!([
            {"field": "email", "groups": 1, "customers": 2, "share": 0.4, "first": [["shop:ann", "shop:bob"]]},
            // The number is recorded on dan2, who is dan.
            {"field": "phone", "groups": 1, "customers": 2, "share": 0.4, "first": [["shop:dan", "shop:eve"]]},
        ])
    );
    assert_eq!(
        (&quality["late"]["count"], &quality["late"]["largest_seconds"]),
        (&json!(1), &json!(143 * 86_400))
    );
    assert_eq!(quality["late"]["examples"], json!(["shop:ann"]));
    assert_eq!(
        (&quality["clock_skew"]["count"], &quality["clock_skew"]["largest_seconds"]),
        (&json!(1), &json!(3_600))
    );
    // The order of zero was a mistake.
    assert_eq!(quality["out_of_range"], json!([]));
}

#[test]
fn the_page_is_the_same_from_a_store_on_any_number_of_threads() {
    let place = place();
    place.line("import shop.jsonl --store shop.db --namespace shop --quiet");
    let of = |source: &str| place.json(&REPORT.replace("--events shop.jsonl", source))["answer"].clone();
    // When facts were recorded is another matter: an import records them all today.
    let mut expected = of("--events shop.jsonl");
    for source in ["--store shop.db --threads 1", "--store shop.db --threads 3"] {
        let mut answer = of(source);
        for answer in [&mut expected, &mut answer] {
            answer["quality"]["clock_skew"].take();
        }
        assert_eq!(answer, expected, "{source}");
    }
}

#[test]
fn movements_count_from_the_instant_that_is_asked_for() {
    let place = place();
    let turnover =
        |since: &str| place.json(&format!("{REPORT} --since {since}"))["answer"]["turnover"].clone();
    // Then cyd was churned, ann and bob were new, eve was not there yet.
    assert_eq!(turnover("2024-03-31"), json!({"new": 2, "won_back": 1, "lost": 1}));
    assert_eq!(turnover("2024-06-30"), json!({"new": 0, "won_back": 0, "lost": 0}));
    let ran = place.run(format!("{REPORT} --since 2024-07-01").split_whitespace());
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""));
    assert!(ran.err.contains("lies after --as-of"), "{}", ran.err);
    // The last day of February has no 30 or 31.
    let march = place.json(&REPORT.replace("2024-06-30", "2024-03-31"));
    assert_eq!(march["answer"]["since"], "2024-02-29T23:59:59.999999Z");
    // A month is one of the policy's calendar: 16:00 UTC is midnight there.
    place.write("two.toml", crate::answers::SHANGHAI);
    let shanghai = place.json("report --events shop.jsonl --policy two.toml --as-of 2024-03-31T16:00:00Z");
    assert_eq!(shanghai["answer"]["since"], "2024-03-01T15:59:59.999999Z");
}

#[test]
fn the_page_of_the_past_and_of_what_was_known_sees_no_more() {
    let place = place();
    let then = &place.json(&REPORT.replace("2024-06-30", "2024-03-31"))["answer"];
    // ann, bob and cyd, with eleven facts but for the consent of May, the orders of June and all of dan and eve.
    assert_eq!((&then["facts"], &then["customers"]), (&json!(13), &json!(3)));
    // Line 12 is the second order of ann: late facts and cyd come after it.
    let known = &place.json(&format!("{REPORT} --known-at 12"))["answer"];
    assert_eq!((&known["facts"], &known["customers"]), (&json!(12), &json!(2)));
    assert_eq!(known["quality"]["late"]["count"], 0);
    assert_eq!(known["turnover"], json!({"new": 0, "won_back": 1, "lost": 1}));
    // Without the merge of line 21 dan2 is a customer, and the one with the number.
    let parted = &place.json(&format!("{REPORT} --known-at 20"))["answer"];
    assert_eq!(parted["customers"], 6);
    assert_eq!(parted["quality"]["duplicates"][1]["first"], json!([["shop:dan2", "shop:eve"]]));
    // Before line 23 nobody knew that line 22 is a mistake: fred was a customer, with an order of zero.
    let mistaken = &place.json(&format!("{REPORT} --known-at 22"))["answer"];
    assert_eq!((&mistaken["facts"], &mistaken["customers"]), (&json!(21), &json!(6)));
    assert_eq!(mistaken["quality"]["out_of_range"][0]["code"], "order_of_zero");
}

#[test]
fn no_page_of_everybody_shows_personal_data() {
    let place = place();
    for format in ["table", "json", "jsonl", "csv", "markdown"] {
        let shown = place.line(&format!("{REPORT} --format {format}"));
        for value in ["xample.org", "0013", "8000\"", "Kyiv", "wx-ann"] {
            assert!(!shown.contains(value), "{value} in {format}: {shown}");
        }
    }
}

#[test]
fn people_read_the_page_in_a_terminal() {
    let page = place().line(REPORT);
    for text in [
        "shop.jsonl · customers: 5 · facts: 20",
        "since 2024-05-30: 1 new · 2 won back · 1 lost",
        "│ won back ┆ churn prevention ┆         2 ┆  40.0 % ████████████████████ ┆    2 ┆    0 │",
        "Lost next if they stay silent (1)",
        "│ shop:eve ┆ at risk ┆ 70.00 USD ┆ 2024-04-01   ┆ 2024-07-30 ┆        75.8 % │",
        "required and unknown: email",
        "shop:ann + shop:bob",
        "late facts, by up to 143d",
        "clocks ahead, by up to 1h",
    ] {
        assert!(page.contains(text), "{text} in {page}");
    }
    assert!(page.lines().count() <= 70, "{page}");
    assert!(!page.contains('\u{1b}'), "no styles but on a terminal");
    // Bars are for people.
    for format in ["json", "jsonl", "csv", "markdown"] {
        assert!(!place().line(&format!("{REPORT} --format {format}")).contains('█'), "{format}");
    }
}

#[test]
fn styles_are_for_terminals_and_for_those_who_want_them() {
    let place = place();
    let shown = |line: &str, name: &str| {
        let output = place.command(line.split_whitespace()).env(name, "1").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let forced = shown(REPORT, "CLICOLOR_FORCE");
    assert!(
        forced.contains("\u{1b}[1mData quality\u{1b}[0m") && forced.contains("\u{1b}[31m1\u{1b}[0m lost"),
        "{forced}"
    );
    let mut plain = vec![shown(REPORT, "NO_COLOR")];
    for format in ["json", "jsonl", "csv", "markdown"] {
        plain.push(shown(&format!("{REPORT} --format {format}"), "CLICOLOR_FORCE"));
    }
    assert!(plain.iter().all(|text| !text.contains('\u{1b}')), "{plain:?}");
}

/// All lines of a table are as wide as its first one.
fn assert_aligned(page: &str) {
    let mut width = 0;
    for line in page.lines() {
        if line.starts_with('┌') {
            width = line.width();
        }
        if line.starts_with(['┌', '│', '╞', '└']) {
            assert_eq!(line.width(), width, "{line} in {page}");
        }
    }
    assert!(width > 0 && width <= 120, "{page}");
}

#[test]
fn both_pages_are_aligned_in_chinese_and_in_english() {
    let place = place();
    for line in [REPORT, "customer shop:ann --events shop.jsonl --as-of 2024-06-30"] {
        for lang in ["en", "zh-CN"] {
            assert_aligned(&place.line(&format!("{line} --lang {lang}")));
        }
    }
    let page = place.line(&format!("{REPORT} --lang zh-CN"));
    for text in [
        "自 2024-05-30 以来：新增 1 位 · 挽回 2 位 · 流失 1 位",
        "共用邮箱地址",
        "必填而缺失：email",
        "│ shop:eve ┆ 流失风险客户 ┆ 70.00 USD",
    ] {
        assert!(page.contains(text), "{text} in {page}");
    }
}

#[test]
fn the_list_has_one_shape_of_row() {
    let csv = place().line(&format!("{REPORT} --format csv"));
    for row in [
        "section,item,from,count,share,monetary,at\n",
        "stages,won_back,,2,0.4,,\n",
        "turnover,lost,,1,,,\n",
        "transitions,won_back,churned,2,,,\n",
        "missing,email,,2,,,\n",
        "duplicates,phone,,2,0.4,,\n",
        "facts,late,,1,0.05,,\n",
    ] {
        assert!(csv.contains(row), "{row} in {csv}");
    }
    assert!(
        csv.contains("\nrisks,shop:eve,at_risk,,0.758") && csv.contains(",70.00,2024-07-30T00:00:00Z\n"),
        "{csv}"
    );
}

#[test]
fn what_a_policy_lacks_is_said_and_no_zero_is_made_up() {
    let place = place();
    place.write("plain.toml", "name = \"plain\"\n");
    let line = "report --events shop.jsonl --as-of 2024-06-30 --policy";
    let plain = &place.json(&format!("{line} plain.toml"))["answer"];
    for part in ["stages", "macro_stages", "transitions", "turnover", "risks"] {
        assert_eq!(plain[part], Value::Null, "{part}");
    }
    assert_eq!((&plain["customers"], &plain["left_out"]), (&json!(5), &json!([{"why": "no_stages"}])));
    assert_eq!(plain["rfm"]["counts"]["scored"], 5);
    let page = place.line(&format!("{line} plain.toml"));
    assert!(page.contains("the policy has no stages") && !page.contains("since 2024"), "{page}");
    let ann = &place.json(&format!("{ANN} --policy plain.toml"))["answer"];
    assert_eq!(
        (&ann["stage"], &ann["timeline"], &ann["next_change"]),
        (&Value::Null, &json!([]), &Value::Null)
    );
    assert_eq!((&ann["rfm"]["frequency"], &ann["tags"]["held"][0]["tag"]), (&json!(2), &json!("vip")));
    assert!(place.line(&format!("{ANN} --policy plain.toml")).contains("the policy has no stages"));

    place.write("two.toml", crate::answers::SHANGHAI);
    let two = &place.json(&format!("{line} two.toml"))["answer"];
    assert_eq!(two["turnover"], json!({"new": 1, "won_back": null, "lost": null}));
    assert_eq!(
        (&two["risks"], &two["left_out"]),
        (&Value::Null, &json!([{"why": "no_lost_stage", "stage": "churned"}]))
    );
    let page = place.line(&format!("{line} two.toml"));
    assert!(
        page.contains("since 2024-05-30: 1 new\n") && page.contains("the policy has no stage churned"),
        "{page}"
    );
    assert!(!place.line(&format!("{line} two.toml --format csv")).contains("turnover,lost"));

    let euros = bought("eve", "2024-06-01", 100).replace("USD", "EUR");
    place.write("mixed.jsonl", shop() + &euros);
    let mixed = &place.json("report --events mixed.jsonl")["answer"];
    assert_eq!(mixed["rfm"], Value::Null);
    assert_eq!(mixed["left_out"], json!([{"why": "mixed_currencies", "first": "EUR", "second": "USD"}]));
    assert!(place.line("report --events mixed.jsonl").contains("amounts are in EUR and in USD"));
}

#[test]
fn an_empty_log_gives_a_page_that_says_so() {
    let place = Place::new();
    place.write("none.jsonl", "");
    place.line("import none.jsonl --store none.db --quiet");
    for source in ["--events none.jsonl", "--store none.db"] {
        for rest in ["", "--as-of 2024-06-30 --since 2024-01-01"] {
            let page = place.line(&format!("report {source} {rest}"));
            assert!(page.contains("customers: 0 · facts: 0") && page.contains("no customers"), "{page}");
            assert!(!page.contains('│'), "{page}");
            let answer = &place.json(&format!("report {source} {rest}"))["answer"];
            assert_eq!((&answer["facts"], &answer["customers"]), (&json!(0), &json!(0)));
        }
        let ran = place.run(format!("customer shop:ann {source}").split_whitespace());
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""));
        assert!(ran.err.contains("no facts are known of customer shop:ann"), "{}", ran.err);
    }
    assert_eq!(place.json("report --events none.jsonl")["answer"]["since"], Value::Null);
}

/// The page is about the same customers as the commands that it sums up.
#[test]
fn the_page_of_the_demo_says_what_stages_and_rfm_say() {
    let place = Place::with_cdnow();
    let at = "--store cdnow.db --as-of 1998-06-30";
    let page = &place.json(&format!("report {at}"))["answer"];
    let stages = &place.json(&format!("stages {at} --since 1998-05-30"))["answer"];
    for part in ["facts", "customers", "stages", "macro_stages", "transitions"] {
        assert_eq!(page[part], stages[part], "{part}");
    }
    let rfm = &place.json(&format!("rfm {at}"))["answer"];
    for part in ["edges", "counts"] {
        assert_eq!(page["rfm"][part], rfm[part], "{part}");
    }
    let customers = rfm["customers"].as_array().unwrap();
    for (segment, counted) in
        page["rfm"]["segments"].as_array().unwrap().iter().zip(rfm["segments"].as_array().unwrap())
    {
        for part in ["code", "customers", "share"] {
            assert_eq!(segment[part], counted[part]);
        }
        let members = customers.iter().filter(|row| row["segment"] == segment["code"]);
        let spent: i64 = members.map(|row| row["monetary"]["minor"].as_i64().unwrap()).sum();
        assert_eq!(segment["monetary"], json!({"minor": spent, "currency": "USD"}));
    }
    // Whoever may be lost is told so by the customer's own page, on the same day.
    let first = page["risks"]["first"].as_array().unwrap();
    assert_eq!((first.len(), &page["risks"]["customers"]), (10, &json!(165)));
    for risk in first.iter().take(3) {
        let who = risk["customer"].as_str().unwrap();
        let next = &place.json(&format!("customer {who} {at}"))["answer"]["next_change"];
        assert_eq!((&next["to"], &next["at"]), (&json!("churned"), &risk["lost_at"]), "{who}");
    }
}

const ANN: &str = "customer shop:ann --events shop.jsonl";

#[test]
fn the_page_of_a_customer_shows_what_is_known_of_the_relation() {
    let answer = &place().json(&format!("{ANN} --as-of 2024-06-30"))["answer"];
    let since = |day: &str| format!("{day}T00:00:00Z");
    assert_eq!(
        answer["profile"],
        json!({"attributes": [
            {"attribute": "age", "value": 34, "since": since("2024-01-10")},
            {"attribute": "city", "value": "Kyiv", "since": since("2024-01-10")},
            {"attribute": "email", "value": "Ann@Example.org", "since": since("2024-01-10")},
        ], "full": false})
    );
    assert_eq!(
        answer["identities"]["linked"],
        json!([{"namespace": "wechat", "value": "wx-ann", "since": since("2024-02-01")}])
    );
    assert_eq!(
        answer["tags"],
        json!({
            "held": [{"tag": "vip", "since": since("2024-02-01")}],
            "removed": [{"tag": "eu", "since": since("2024-03-01")}],
            "full": false,
        })
    );
    assert_eq!(
        answer["owner"],
        json!({"history": [{"owner": "kim", "since": since("2024-02-01")}, {"owner": "lee", "since": since("2024-03-01")}]})
    );
    assert_eq!(
        answer["consents"],
        json!({"purposes": [{"purpose": "newsletter", "granted": false, "since": since("2024-05-01")}]})
    );
}

#[test]
fn the_page_of_a_customer_holds_as_of_and_as_known_at_an_instant() {
    let place = place();
    let then = &place.json(&format!("{ANN} --as-of 2024-02-15"))["answer"];
    assert_eq!(then["tags"]["held"].as_array().unwrap().len(), 2);
    assert_eq!(then["owner"]["history"].as_array().unwrap().len(), 1);
    assert_eq!(then["consents"]["purposes"][0]["granted"], true);
    // Line 11 withdraws the consent, line 13 is the profile of January.
    let known = |line: u8| {
        let answer = &place.json(&format!("{ANN} --known-at {line}"))["answer"];
        let attributes = answer["profile"]["attributes"].as_array().unwrap().len();
        (answer["consents"]["purposes"][0]["granted"].as_bool().unwrap(), attributes)
    };
    assert_eq!([known(10), known(11), known(12), known(13)], [(true, 0), (false, 0), (false, 0), (false, 3)]);
}

#[test]
fn a_customer_is_shown_with_every_member_and_without_empty_sections() {
    let place = place();
    let dan = place.line("customer shop:dan2 --events shop.jsonl");
    assert!(dan.contains("shop:dan, shop:dan2"), "{dan}");
    assert!(dan.contains("0086-138-0013-8000") && dan.contains("Identities"), "{dan}");
    for empty in ["Profile", "Tags", "Owners", "Consents"] {
        assert!(!dan.contains(empty), "{empty} in {dan}");
    }
    let ann = place.line(ANN);
    for text in [
        "│ email     ┆ Ann@Example.org ┆ 2024-01-10 │",
        "│ eu  ┆ taken off ┆ 2024-03-01 │",
        "│ lee   ┆ 2024-03-01 │",
        "│ newsletter ┆ withdrawn ┆ 2024-05-01 │",
    ] {
        assert!(ann.contains(text), "{text} in {ann}");
    }
    let chinese = place.line(&format!("{ANN} --lang zh-CN"));
    for text in ["客户档案", "身份标识", "负责人", "授权同意", "已撤回", "已移除"] {
        assert!(chinese.contains(text), "{text} in {chinese}");
    }
    // The list stays the timeline.
    assert!(
        place
            .line(&format!("{ANN} --format csv"))
            .starts_with("at,from,to,rule,facts,silence_since,condition\n")
    );
}

/// The guide shows what people will see.
#[test]
fn the_guide_shows_the_real_output_of_its_commands() {
    let guide = include_str!("../../../../docs/guides/relationship.md");
    let block = |after: &str| {
        let block = guide.split_once(after).unwrap().1.split_once("```").unwrap().1;
        block.split_once('\n').unwrap().1.split_once("```").unwrap().0.to_owned()
    };
    let place = Place::new();
    place.line("demo --quiet");
    let log = block("in `shop.jsonl`:");
    place.write("shop.jsonl", &log);
    for line in [
        "customer shop:ann --events shop.jsonl --as-of 2024-05-31",
        "report --store tenure-demo.db --as-of 1998-06-30",
    ] {
        let shown = place.line(line);
        assert_eq!(block(&format!("$ tenure {line}\n```")), shown, "{shown}");
    }
    let suspected = block("$ tenure report --events shop.jsonl\n```");
    assert!(place.line("report --events shop.jsonl").ends_with(&suspected));
    // The line that says who is who clears the suspicion.
    place.write("shop.jsonl", log + &block("a void of that line parts them again:"));
    let merged = place.json("report --events shop.jsonl");
    assert_eq!(
        (&merged["answer"]["customers"], &merged["answer"]["quality"]["duplicates"][0]["groups"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(place.json("customer web:4711 --events shop.jsonl")["answer"]["rfm"]["frequency"], 3);
}
