//! Early warning, on a log small enough to work out by hand.

use serde_json::{Value, json};

use crate::{Place, order};

fn fact(customer: &str, day: &str, kind: &str, more: &str) -> String {
    format!("{{\"customer\":\"{customer}\",\"occurred_at\":\"{day}T00:00:00Z\",\"kind\":\"{kind}\"{more}}}\n")
}

/// Ann buys every thirty days and has stopped; bob has complained; cat has just bought; dan is a lead.
fn log() -> String {
    let bought = |customer: &str, day: &str| {
        order(customer, &format!("{day}T00:00:00Z"), 10_000)
            .replace("\"o\"", &format!("\"{customer} {day}\""))
    };
    ["2024-01-01", "2024-01-31", "2024-03-01", "2024-03-31"].map(|day| bought("ann", day)).concat()
        + &fact("ann", "2024-04-15", "message_sent", "")
        + &fact("ann", "2024-02-01", "owner_assigned", ",\"actor\":\"kim\"")
        + &bought("bob", "2024-06-20")
        + &fact("bob", "2024-06-25", "ticket_opened", ",\"subject\":\"t-1\",\"data\":{\"complaint\":true}")
        + &bought("cat", "2024-06-28")
        + &fact("dan", "2024-06-01", "lead_captured", "")
}

const ASK: &str = "churn --events log.jsonl --as-of 2024-06-30";

fn place() -> Place {
    let place = Place::new();
    place.write("log.jsonl", log());
    place
}

#[test]
fn who_is_at_risk_why_what_they_are_worth_and_what_to_do() {
    let place = place();
    let answer = &place.json(ASK)["answer"];
    let customers = answer["customers"].as_array().unwrap();
    let told: Vec<_> = customers.iter().map(|one| (&one["customer"], &one["score"], &one["band"])).collect();
    let expected = json!([
        ["default:ann", 60, "high"],
        ["default:bob", 35, "medium"],
        ["default:cat", 0, "low"],
        ["default:dan", 0, "low"],
    ]);
    assert_eq!(json!(told), expected);
    let ann = &customers[0];
    assert_eq!(
        (&ann["stage"], &ann["owner"], &ann["action"]),
        (&json!("at_risk"), &json!("kim"), &json!("exclusive_offer"))
    );
    assert_eq!(ann["value_at_risk"], json!({"minor": 40_000, "currency": "USD"}));
    assert_eq!(ann["last_contact"], "2024-04-15T00:00:00Z");
    let silent = &ann["signals"][0];
    assert_eq!((&silent["code"], &silent["points"]), (&json!("silent_against_own_cycle"), &json!(60)));
    assert_eq!(silent["says"], "no order for 91 days; usually every 30 days");
    assert_eq!(
        (&silent["at_least"], &silent["every"]),
        (&json!(45 * 86_400_000_000_i64), &json!(15 * 86_400_000_000_i64))
    );
    assert_eq!(
        (silent["facts"].as_array().unwrap().len(), &silent["since"]),
        (1, &json!("2024-03-31T00:00:00Z"))
    );

    let bob = &customers[1];
    let signals: Vec<_> =
        bob["signals"].as_array().unwrap().iter().map(|one| (&one["code"], &one["points"])).collect();
    assert_eq!(json!(signals), json!([["complaint_open", 30], ["ticket_unresolved", 5]]));
    assert_eq!(
        (&bob["action"], &bob["owner"], &bob["last_contact"]),
        (&json!("problem_solving"), &Value::Null, &Value::Null)
    );
    for one in customers {
        let parts =
            one["signals"].as_array().unwrap().iter().map(|signal| signal["points"].as_i64().unwrap());
        let ends = one["base"].as_i64().unwrap() + one["bound"].as_i64().unwrap();
        assert_eq!(parts.sum::<i64>() + ends, one["score"].as_i64().unwrap(), "{one}");
    }
    let bands: Vec<_> =
        answer["bands"].as_array().unwrap().iter().map(|row| (&row["band"], &row["customers"])).collect();
    assert_eq!(json!(bands), json!([["critical", 0], ["high", 1], ["medium", 1], ["low", 2]]));
    assert_eq!(answer["bands"][3]["value_at_risk"], json!([{"minor": 10_000, "currency": "USD"}]));
}

#[test]
fn people_read_reasons_in_their_language_and_programs_codes() {
    let place = place();
    let english = place.line(&format!("{ASK} --format markdown"));
    for part in [
        "Customers: 4 of 4",
        "no order for 91 days; usually every 30 days",
        "exclusive offer",
        "2024-04-15",
        "value at risk: net revenue of the last 365 days, in USD",
    ] {
        assert!(english.contains(part), "{part}\n{english}");
    }
    let chinese = place.line(&format!("{ASK} --lang zh-CN --format markdown"));
    for part in ["已 91 天没有下单，平时每 30 天一次", "专属优惠", "高", "问题解决", "货币为 USD"]
    {
        assert!(chinese.contains(part), "{part}\n{chinese}");
    }
    assert_eq!(
        place.line(&format!("{ASK} --format csv --band high")),
        "customer,score,band,stage,signals,value_at_risk,last_contact,owner,action\n\
         default:ann,60,high,at_risk,silent_against_own_cycle:60,400.00,2024-04-15T00:00:00Z,kim,exclusive_offer\n"
    );
}

#[test]
fn stage_and_band_narrow_the_list_and_the_first_are_named() {
    let place = place();
    let named = |rest: &str| -> Vec<Value> {
        let answer = place.json(&format!("{ASK} {rest}"));
        answer["answer"]["customers"].as_array().unwrap().iter().map(|one| one["customer"].clone()).collect()
    };
    assert_eq!(named("--top 1"), ["default:ann"]);
    assert_eq!(named("--band low --band medium"), ["default:bob", "default:cat", "default:dan"]);
    assert_eq!(named("--stage new"), ["default:bob", "default:cat"]);
    let answer = &place.json(&format!("{ASK} --stage new --band high"))["answer"];
    assert_eq!((&answer["wanted"], &answer["bands"][3]["customers"]), (&json!(0), &json!(1)));
}

#[test]
fn a_customers_page_has_the_score_and_what_it_is_made_of() {
    let place = place();
    let churn = &place.json("customer ann --events log.jsonl --as-of 2024-06-30")["answer"]["churn"];
    assert_eq!(
        (&churn["score"], &churn["band"], &churn["action"]),
        (&json!(60), &json!("high"), &json!("exclusive_offer"))
    );
    assert_eq!(churn["signals"].as_array().unwrap().len(), 10);
    let page = place.line("customer ann --events log.jsonl --as-of 2024-06-30");
    for part in [
        "60 (high)",
        "exclusive offer",
        "long without an order",
        "no order for 91 days; usually every 30 days",
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    // Half a month before, silence was two steps shorter; when the next is due stands below.
    let page = place.line("customer ann --events log.jsonl --as-of 2024-06-01T00:00:00Z --lang zh-CN");
    assert!(page.contains("30 (中)"), "{page}");
    assert!(page.contains("下次分值变化：2024-06-14"), "{page}");
}

#[test]
fn what_is_wrong_is_told_and_nobody_is_no_error() {
    let place = place();
    place.write("plain.toml", "name = \"plain\"");
    place.write(
        "typo.toml",
        "[churn]\n[[churn.signal]]\ncode = 'a'\npoints = 5\nsilense = 'order_placed'\nat_least = '9d'",
    );
    for (rest, said, hint) in [
        (
            "--policy plain.toml",
            "policy \"plain\": churn: there is no [churn] with signals",
            "presets retail, saas and b2b",
        ),
        ("--stage actve", "has no such stage; did you mean active?", "its stages are prospect"),
        ("--policy typo.toml", "unknown field `silense`", "did you mean \"silence\"?"),
    ] {
        let ran = place.run(format!("{ASK} {rest}").split_whitespace());
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.err.contains(said) && ran.err.contains(hint), "{}", ran.err);
    }
    for wrong in ["--band urgent", "--top 0"] {
        assert_eq!(place.run(format!("{ASK} {wrong}").split_whitespace()).code, Some(2), "{wrong}");
    }
    place.write("empty.jsonl", "");
    let nobody = place.line("churn --events empty.jsonl");
    assert!(nobody.contains("no customers: no fact counts at that instant"), "{nobody}");
    // A customer's page goes without a score and says so.
    let page = place.line("customer ann --events log.jsonl --policy plain.toml");
    assert!(page.contains("the policy has no [churn]: there is no score"), "{page}");
    assert_eq!(
        place.json("customer ann --events log.jsonl --policy plain.toml")["answer"]["churn"],
        Value::Null
    );
}
