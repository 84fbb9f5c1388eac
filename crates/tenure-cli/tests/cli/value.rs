//! `tenure clv`, `tenure acquisition` and `tenure mrr`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{Place, order};

/// Leads, orders, a refund and subscriptions of four customers.
pub const LOG: &str = r#"{"customer":"ann","occurred_at":"2024-01-05T00:00:00Z","kind":"lead_captured","subject":"春","channel":"搜索","amount":{"minor":3000,"currency":"USD"}}
{"customer":"ann","occurred_at":"2024-01-20T00:00:00Z","kind":"order_placed","amount":{"minor":5000,"currency":"USD"}}
{"customer":"ann","occurred_at":"2024-03-09T00:00:00Z","kind":"order_refunded","amount":{"minor":1000,"currency":"USD"}}
{"customer":"bob","occurred_at":"2024-02-01T00:00:00Z","kind":"lead_captured"}
{"customer":"bob","occurred_at":"2024-02-02T00:00:00Z","kind":"subscription_started","subject":"s1","amount":{"minor":12000,"currency":"USD"},"data":{"period":"year"}}
{"customer":"bob","occurred_at":"2024-03-02T00:00:00Z","kind":"subscription_changed","subject":"s1","amount":{"minor":1500,"currency":"USD"},"data":{"period":"month"}}
{"customer":"cat","occurred_at":"2024-02-03T00:00:00Z","kind":"subscription_started","subject":"s1"}
{"customer":"cat","occurred_at":"2024-02-04T00:00:00Z","kind":"subscription_renewed","subject":"s2","amount":{"minor":900,"currency":"USD"}}
{"customer":"eve","occurred_at":"2024-03-05T00:00:00Z","kind":"order_refunded","amount":{"minor":700,"currency":"USD"}}
"#;

fn place() -> Place {
    let place = Place::new();
    place.write("a.jsonl", LOG);
    place
}

#[test]
fn value_is_told_by_customer_cohort_channel_and_campaign() {
    let place = place();
    let ask = |by: &str| place.json(&format!("clv --events a.jsonl --by {by}"))["answer"].clone();
    let customers = ask("customer");
    assert_eq!(customers["total"]["net"], json!({"minor": 4_000, "currency": "USD"}));
    assert_eq!(
        customers["without_order"],
        json!({"customers": 1, "net": {"minor": -700, "currency": "USD"}})
    );
    let ann = &customers["customers"][0];
    assert_eq!(
        (&ann["customer"], &ann["channel"], &ann["campaign"]),
        (&json!("default:ann"), &json!("搜索"), &json!("春"))
    );
    let cohort = &ask("cohort")["cohorts"][0];
    assert_eq!((&cohort["cohort"], &cohort["complete"]), (&json!("2024-01"), &json!([true, true, false])));
    let sums: Vec<&Value> =
        cohort["cumulative"].as_array().unwrap().iter().map(|sum| &sum["minor"]).collect();
    assert_eq!(sums, [&json!(5_000), &json!(5_000), &json!(4_000)]);
    assert_eq!(ask("channel")["channels"][0]["name"], "搜索");
    assert_eq!(ask("campaign")["campaigns"][0]["median"]["minor"], 4_000);
    let csv = place.line("clv --events a.jsonl --by cohort --format csv");
    assert!(csv.starts_with("cohort,months,customers,net,complete\n2024-01,0,1,50.00,true\n"), "{csv}");
    let table = place.line("clv --events a.jsonl --by cohort");
    assert!(table.contains("40…") && table.contains("the month is not over"), "{table}");
    assert!(table.contains("refunds of customers without an order"), "{table}");
}

#[test]
fn what_customers_cost_is_told_by_channel_and_campaign() {
    let place = place();
    let answer = &place.json("acquisition --events a.jsonl")["answer"];
    let all = &answer["all"];
    assert_eq!(
        (&all["leads"], &all["customers"], &all["cac"]["minor"]),
        (&json!(2), &json!(2), &json!(1_500))
    );
    assert_eq!((&all["average"]["minor"], &all["ltv_cac"]), (&json!(2_000), &json!("1.33")));
    assert_eq!((&all["payback_months"], &all["without_order"]), (&json!(0), &json!(1)));
    assert_eq!((&answer["without_lead"], &answer["without_cost"]), (&json!(1), &json!(1)));
    // What costs most comes first, and nobody's name is no name.
    let names: Vec<&Value> = answer["channels"].as_array().unwrap().iter().map(|row| &row["name"]).collect();
    assert_eq!(names, [&json!("搜索"), &Value::Null]);
    let csv = place.line("acquisition --events a.jsonl --format csv");
    assert_eq!(csv.lines().nth(1), Some("all,,2,2,2,1,30.00,15.00,20.00,1.33,0"), "{csv}");
    let jsonl = place.line("acquisition --events a.jsonl --format jsonl");
    assert!(
        jsonl.lines().any(|line| line.contains(r#""by":"channel""#) && line.contains(r#""name":null"#)),
        "{jsonl}"
    );
    let early = place.line("acquisition --events a.jsonl --as-of 2024-01-30");
    assert!(early.contains("not yet"), "{early}");
}

#[test]
fn recurring_revenue_is_told_month_by_month() {
    let place = place();
    let told = place.json("mrr --events a.jsonl --months 2");
    let answer = &told["answer"];
    assert_eq!((&answer["mrr"]["minor"], &answer["subscriptions"]), (&json!(1_500), &json!(2)));
    assert_eq!((&answer["not_running"], &answer["without_amount"]), (&json!(1), &json!(1)));
    let march = &answer["months"][1];
    assert_eq!((&march["month"], &march["complete"]), (&json!("2024-03"), &json!(false)));
    assert_eq!(
        (&march["mrr"]["opening"]["minor"], &march["mrr"]["expansion"]["minor"]),
        (&json!(1_000), &json!(500))
    );
    assert_eq!((&march["retention"]["gross"], &march["retention"]["net"]), (&json!(1.0), &json!(1.5)));
    assert_eq!((&told["query"]["months"], &told["query"]["since"]), (&json!(2), &Value::Null));
    let since = place.json("mrr --events a.jsonl --since 2024-02-10");
    assert_eq!(since["answer"]["months"], answer["months"]);
    assert_eq!(since["query"]["months"], Value::Null);
    let csv = place.line("mrr --events a.jsonl --months 2 --format csv");
    assert!(
        csv.lines()
            .nth(2)
            .unwrap()
            .starts_with("2024-03,10.00,0.00,5.00,0.00,0.00,0.00,15.00,1,0,0,0,1,1,1.5,0,"),
        "{csv}"
    );
    let table = place.line("mrr --events a.jsonl");
    assert!(
        table.contains("2024-03…") && table.contains("they say nothing: 1")
            || table.contains(": 1; they say nothing"),
        "{table}"
    );
}

#[test]
fn where_there_is_nothing_it_is_said() {
    let place = Place::new();
    place.write("none.jsonl", "");
    place.write("orders.jsonl", order("ann", "2024-01-05T00:00:00Z", 100));
    place.write(
        "signed.jsonl",
        r#"{"customer":"ann","occurred_at":"2024-01-05T00:00:00Z","kind":"signed_up"}"#,
    );
    for (line, said) in [
        ("clv --events none.jsonl", "nobody has ordered"),
        ("clv --events none.jsonl --by cohort", "nobody has ordered"),
        ("clv --events signed.jsonl --by channel", "nobody has ordered"),
        ("acquisition --events none.jsonl", "no customers"),
        ("acquisition --events orders.jsonl", "no leads"),
        ("mrr --events none.jsonl", "no customers"),
        ("mrr --events orders.jsonl", "no subscriptions"),
    ] {
        let shown = place.line(line);
        assert!(shown.contains(said), "tenure {line}: {shown}");
    }
    assert_eq!(place.json("mrr --events none.jsonl")["answer"]["months"], json!([]));
    assert_eq!(place.json("acquisition --events none.jsonl")["answer"]["all"]["cac"], Value::Null);
    assert_eq!(place.line("clv --events none.jsonl --format csv").lines().count(), 1);
    let mixed = order("ann", "2024-01-05T00:00:00Z", 100)
        + &order("ann", "2024-01-06T00:00:00Z", 9).replace("USD", "EUR");
    place.write("mixed.jsonl", mixed);
    let ran = place.run("clv --events mixed.jsonl".split_whitespace());
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("EUR") && ran.err.contains("[[rate]]"), "{ran:?}");
}

fn minor(value: &Value) -> i64 {
    value["minor"].as_i64().unwrap()
}

fn rows<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().unwrap()
}

/// What is known of simulated customers fits together, and with what other commands and the log itself say.
#[test]
fn simulated_customers_add_up() {
    let place = Place::new();
    for kind in ["retail", "saas", "b2b"] {
        place.line(&format!("simulate --customers 120 --seed 7 --kind {kind} --store {kind}.db --quiet"));
        let ask = |line: &str| place.json(&format!("{line} --store {kind}.db"))["answer"].clone();
        let by = |by: &str| ask(&format!("clv --by {by}"));
        let (cohorts, channels) = (by("cohort"), by("channel"));
        let net = minor(&cohorts["total"]["net"]);
        let lost = minor(&cohorts["without_order"]["net"]);
        assert_eq!(net + lost, minor(&ask("revenue")["total"]["net"]), "{kind}");
        let sum = |rows: &[Value]| rows.iter().map(|row| minor(&row["net"])).sum::<i64>();
        assert_eq!((sum(rows(&cohorts, "cohorts")), sum(rows(&channels, "channels"))), (net, net), "{kind}");
        assert_eq!(sum(rows(&by("customer"), "customers")), net, "{kind}");
        assert_eq!(rows(&ask("clv --top 3"), "customers").len().min(3), if kind == "saas" { 0 } else { 3 });

        // Leads and their cost, straight from the log.
        let log = place.line(&format!("log --store {kind}.db"));
        let facts: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let voided: Vec<&Value> =
            facts.iter().filter(|fact| fact["kind"] == "event_voided").map(|fact| &fact["subject"]).collect();
        let leads =
            facts.iter().filter(|fact| fact["kind"] == "lead_captured" && !voided.contains(&&fact["id"]));
        let costs: Vec<i64> = leads.map(|fact| minor(&fact["amount"])).collect();
        let acquisition = ask("acquisition");
        let all = &acquisition["all"];
        assert_eq!(
            (all["leads"].as_u64(), minor(&all["cost"])),
            (Some(costs.len() as u64), costs.iter().sum()),
            "{kind}"
        );
        assert!(!costs.is_empty() && all["customers"].as_u64() > Some(0), "{kind}: {all}");
        for name in ["channels", "campaigns"] {
            let parts: i64 = rows(&acquisition, name).iter().map(|row| minor(&row["cost"])).sum();
            assert_eq!(parts, minor(&all["cost"]), "{kind} {name}");
        }

        let mrr = ask("mrr --months 24");
        assert_eq!(mrr["subscribers"].as_u64() > Some(0), kind == "saas", "{kind}");
        let mut closing = 0;
        for row in rows(&mrr, "months") {
            let of = |name: &str| minor(&row["mrr"][name]);
            assert_eq!(of("opening"), closing, "{kind} {row}");
            closing = of("closing");
            let more = of("new") + of("expansion") + of("reactivated");
            assert_eq!(of("opening") + more - of("contraction") - of("churned"), closing, "{kind} {row}");
        }
        assert_eq!(minor(&mrr["mrr"]), closing, "{kind}");
    }
}

#[test]
fn programs_get_the_same_in_both_languages() {
    let place = place();
    let lines =
        ["clv", "clv --by cohort", "clv --by campaign --as-of 2024-02-15", "acquisition", "mrr --months 3"];
    for line in lines {
        for format in ["json", "jsonl", "csv"] {
            let ask =
                |lang: &str| place.line(&format!("{line} --events a.jsonl --format {format} --lang {lang}"));
            assert_eq!(ask("en"), ask("zh-CN"), "{line} {format}");
        }
        let titles: BTreeMap<&str, String> = ["en", "zh-CN"]
            .into_iter()
            .map(|lang| (lang, place.line(&format!("{line} --events a.jsonl --lang {lang}"))))
            .collect();
        assert_ne!(titles["en"], titles["zh-CN"]);
    }
}
