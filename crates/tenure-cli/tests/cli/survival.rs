//! How long subscriptions last, and who is likely to end theirs.

use crate::Place;

#[test]
fn made_up_subscribers_have_a_curve_a_hazard_and_a_list() {
    let place = Place::new();
    place.line("simulate --kind saas --customers 300 --seed 7 --store s.db --quiet");
    let answer = place.json("survival --store s.db --top 5")["answer"].clone();
    let curve = answer["curve"].as_array().unwrap();
    let survival: Vec<f64> = curve.iter().map(|row| row["survival"].as_f64().unwrap()).collect();
    assert!(survival.len() > 6 && survival.is_sorted_by(|one, other| one >= other), "{survival:?}");
    assert_eq!(curve[0]["at_risk"], answer["lives"]);
    let ended: u64 = curve.iter().map(|row| row["ended"].as_u64().unwrap()).sum();
    assert_eq!(Some(ended), answer["ended"].as_u64());
    let listed = answer["customers"].as_array().unwrap();
    let p: Vec<f64> = listed.iter().map(|one| one["p_end"].as_f64().unwrap()).collect();
    assert!(
        p.len() == 5 && p.is_sorted_by(|one, other| one >= other) && p.iter().all(|p| *p > 0.0 && *p < 1.0),
        "{p:?}"
    );
    // Further ahead more end, and who pays is who has recurring revenue.
    let further = place.json("survival --store s.db --top 5 --horizon 365d")["answer"].clone();
    assert!(further["customers"][0]["p_end"].as_f64().unwrap() > p[0]);
    let mrr = place.json("mrr --store s.db")["answer"].clone();
    assert_eq!(answer["paying"], mrr["customers"], "{mrr}");
    let shown = place.line("survival --store s.db --lang zh-CN");
    assert!(shown.contains("订阅持续多久") && shown.contains("每月流失的对数几率"), "{shown}");
}

#[test]
fn a_shop_without_subscriptions_and_a_horizon_of_nothing_are_told() {
    let place = Place::with_cdnow();
    let shown = place.line("survival --store cdnow.db");
    assert!(shown.contains("no subscriptions") || shown.contains("No subscriptions"), "{shown}");
    for wrong in ["0d", "soon"] {
        let ran = place.run(format!("survival --store cdnow.db --horizon {wrong}").split(' '));
        assert_eq!((ran.code, ran.err.contains("--horizon")), (Some(2), true), "{ran:?}");
        let ran = place.run(format!("churn --store cdnow.db --horizon {wrong}").split(' '));
        assert_eq!((ran.code, ran.err.contains("--horizon")), (Some(2), true), "{ran:?}");
    }
}

#[test]
fn the_warning_list_says_how_likely_each_payer_is_to_end_it() {
    let place = Place::new();
    place.line("simulate --kind saas --customers 300 --seed 7 --store s.db --quiet");
    let answer = place.json("churn --store s.db --policy saas --top 5 --horizon 60d");
    assert_eq!(answer["query"]["horizon"], "60d");
    let survival = place.json("survival --store s.db --top 1000 --horizon 60d")["answer"].clone();
    let p_end = |customer: &serde_json::Value| {
        let all = survival["customers"].as_array().unwrap();
        all.iter().find(|one| one["customer"] == *customer).map(|one| one["p_end"].clone())
    };
    let all = place.json("churn --store s.db --policy saas --top 1000 --horizon 60d");
    let listed = all["answer"]["customers"].as_array().unwrap();
    let paying = listed.iter().filter(|row| !row["p_end"].is_null()).count() as u64;
    assert_eq!(Some(paying), survival["paying"].as_u64());
    for row in listed {
        assert_eq!(row["p_end"], p_end(&row["customer"]).unwrap_or_default(), "{row}");
    }
    let shown = place.line("churn --store s.db --policy saas --top 1000 --horizon 60d");
    assert!(shown.contains("Ends within 60d"), "{shown}");
    // A shop has no such column.
    let shop = Place::with_cdnow();
    let row = shop.json("churn --store cdnow.db --top 1")["answer"]["customers"][0].clone();
    assert_eq!(row.get("p_end"), None, "{row}");
}

#[test]
fn the_ends_of_subscriptions_are_judged_on_the_past() {
    let place = Place::new();
    place.line("simulate --kind saas --customers 600 --seed 7 --store s.db --quiet");
    let survival = place.json("survival --store s.db");
    let end = survival["as_of"].as_str().unwrap()[..10].parse::<chrono::NaiveDate>().unwrap();
    let before = |days| end.checked_sub_days(chrono::Days::new(days)).unwrap();
    let cuts = format!("--train {} --test {},{} --horizon 60d", before(250), before(150), before(100));
    let line =
        format!("backtest --store s.db --policy saas --of subscriptions --knowledge as_occurred {cuts}");
    let answer = place.json(&line);
    assert_eq!(
        (&answer["query"]["of"], &answer["query"]["model"]),
        (&"subscriptions".into(), &"hazard".into())
    );
    let scores = answer["answer"]["scores"].as_array().unwrap();
    let names: Vec<&str> = scores.iter().map(|judged| judged["score"].as_str().unwrap()).collect();
    assert!(["p_end", "rules", "recency", "age"].iter().all(|name| names.contains(name)), "{names:?}");
    // Whoever is judged at a cut paid at it.
    for (place_of, days) in [(0, 150), (1, 100)] {
        let at = format!("mrr --store s.db --as-of {}", before(days));
        let paying = place.json(&at)["answer"]["customers"].clone();
        assert_eq!(scores[0]["cuts"][place_of]["cases"], paying);
    }
    let shown = place.line(&line);
    assert!(shown.contains("log-odds to leave in a month"), "{shown}");
    let ran = place.run(format!("{line} --model nbd").split(' '));
    assert!(ran.code == Some(2) && ran.err.contains("--model nbd is a model of repeat purchase"), "{ran:?}");
    let shop = Place::with_cdnow();
    let args =
        "backtest --store cdnow.db --of subscriptions --train 1997-06-30 --test 1997-12-31 --horizon 90d";
    let ran = shop.run(args.split(' '));
    assert!(ran.code == Some(2) && ran.err.contains("nobody was known to pay"), "{ran:?}");
}
