//! Models fitted, scores judged, policies compared: fit, backtest, diff.

use serde_json::{Value, json};

use crate::Place;

const BACKTEST: &str =
    "backtest --store cdnow.db --train 1997-06-30 --test 1997-12-31 --horizon 181d --knowledge as_occurred";

fn parameters(fit: &Value) -> Vec<f64> {
    fit["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|parameter| parameter["value"].as_f64().unwrap())
        .collect()
}

fn close(seen: &[f64], expected: &[f64], by: f64) -> bool {
    seen.len() == expected.len()
        && seen.iter().zip(expected).all(|(seen, expected)| (seen / expected - 1.0).abs() < by)
}

/// Parameters and log-likelihoods as published: Fader, Hardie and Lee 2005; Fader and Hardie 2013.
#[test]
fn models_of_the_bundled_data_are_those_of_the_literature() {
    let place = Place::with_cdnow();
    for (model, expected, likelihood) in [
        ("bg_nbd", [0.242_594_5, 4.413_602, 0.792_922, 2.425_907], -9_582.429_2),
        ("mbg_nbd", [0.524_843, 6.183_085, 0.891_359, 1.614_002], -9_582.135_7),
        ("pareto_nbd", [0.553_277, 10.577_683, 0.606_240, 11.668_735], -9_594.976_2),
    ] {
        let fit =
            place.json(&format!("fit --store cdnow.db --as-of 1997-09-30 --model {model}"))["answer"].clone();
        assert!(close(&parameters(&fit), &expected, 1e-3), "{model}: {fit}");
        assert!((fit["log_likelihood"].as_f64().unwrap() - likelihood).abs() < 1e-3, "{model}: {fit}");
        assert_eq!(
            (&fit["model"], &fit["unit"], &fit["customers"]),
            (&json!(model), &json!("weeks"), &json!(2357))
        );
        let spend = &fit["spend"];
        assert!(close(&parameters(spend), &[6.249_57, 3.744_22, 15.443_52], 1e-4), "{spend}");
        assert!((spend["log_likelihood"].as_f64().unwrap() + 4_055.917_7).abs() < 1e-3, "{spend}");
    }
}

#[test]
fn the_best_model_is_the_most_likely_one() {
    let place = Place::with_cdnow();
    let fit = place.json("fit --store cdnow.db --as-of 1997-09-30 --model best")["answer"].clone();
    assert_eq!(fit["model"], "mbg_nbd");
    let said = "compared by log-likelihood: Pareto/NBD -9594.9762, BG/NBD -9582.4292, MBG/NBD -9582.1357";
    assert_eq!(fit["notes"], json!([said]));
}

#[test]
fn a_fit_is_a_file_of_the_same_bytes_each_time() {
    let place = Place::with_cdnow();
    let fit = "fit --store cdnow.db --as-of 1997-12-31 --horizon 90d --knowledge as_occurred --out";
    let shown = place.line(&format!("{fit} one.json"));
    assert!(shown.contains("written to one.json") && shown.contains("ln_p0"), "{shown}");
    place.line(&format!("{fit} two.json --threads 2"));
    let read = |name: &str| std::fs::read_to_string(place.path(name)).unwrap();
    assert_eq!(read("one.json"), read("two.json"));
    // The list says what the learnt score is made of, and it adds up.
    let listed =
        place.json("churn --store cdnow.db --as-of 1997-12-31 --top 3 --model one.json")["answer"].clone();
    for one in listed["customers"].as_array().unwrap() {
        let number = |value: &Value| value.as_f64().unwrap();
        let parts = one["learnt"]["contributions"].as_array().unwrap();
        let sum: f64 = parts.iter().map(|part| number(&part["log_odds"])).sum();
        let log_odds = number(&one["learnt"]["log_odds"]);
        assert!((number(&one["learnt"]["baseline"]) + sum - log_odds).abs() < 1e-9, "{one}");
        assert!((number(&one["p_no_purchase"]) - 1.0 / (1.0 + (-log_odds).exp())).abs() < 1e-9, "{one}");
    }
    // Of another horizon than it was learnt for it says nothing, and P0 does.
    let other = place.json("churn --store cdnow.db --top 1 --model one.json --horizon 30d")["answer"].clone();
    assert!(other["customers"][0]["learnt"].is_null() && other["customers"][0]["p_no_purchase"].is_number());
    let ran = place.run("churn --store cdnow.db --policy saas --model one.json".split(' '));
    assert!(ran.err.contains("learnt under other churn signals"), "{ran:?}");
    let kept: Value = serde_json::from_str(&read("one.json")).unwrap();
    assert_eq!((&kept["version"], &kept["learnt"]["horizon"]), (&json!(1), &json!("90d")));
    assert_eq!(kept["learnt"]["cut"], "1997-10-02T23:59:59.999999Z");
}

/// The scores that a stranger would judge the library by, on real purchases.
#[test]
fn a_learnt_score_beats_recency_alone_and_its_probabilities_are_no_worse_than_the_models() {
    let place = Place::with_cdnow();
    let answer = place.json(BACKTEST)["answer"].clone();
    let pooled = |score: &str| {
        let scores = answer["scores"].as_array().unwrap();
        scores.iter().find(|judged| judged["score"] == score).unwrap()["pooled"].clone()
    };
    let number = |score: &str, what: &str| pooled(score)[what].as_f64().unwrap();
    assert_eq!((pooled("p0")["cases"].as_u64(), pooled("p0")["lapsed"].as_u64()), (Some(2357), Some(1842)));
    assert!(
        number("learnt", "auc") >= 0.795 && number("learnt", "auc") > number("recency", "auc"),
        "{answer}"
    );
    assert!(number("learnt", "log_loss") <= number("p0", "log_loss"), "{answer}");
    for score in ["learnt", "p0", "rules", "recency", "rfm_sum"] {
        let pooled = pooled(score);
        let interval = pooled["ece_interval"].as_array().unwrap().clone();
        assert!(interval[0].as_f64().unwrap() < interval[1].as_f64().unwrap(), "{pooled}");
        assert_eq!(pooled["reliability"].as_array().unwrap().len(), 10);
        // Of one cut alone all is pooled.
        let scores = answer["scores"].as_array().unwrap();
        let mut cut = scores.iter().find(|judged| judged["score"] == score).unwrap()["cuts"][0].clone();
        assert_eq!(cut.as_object_mut().unwrap().remove("cut"), Some(json!("1997-12-31T23:59:59.999999Z")));
        assert_eq!(cut, pooled);
    }
    let shown = place.line(BACKTEST);
    for part in [
        "learnt at 1997-06-30; judged at 1997-12-31; horizon 181d",
        "recency",
        "AUC at each cut",
        "False for each true",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

#[test]
fn a_backtest_that_would_know_its_future_is_refused() {
    let place = Place::with_cdnow();
    for (args, said) in [
        ("--train 1997-06-30 --test 1997-08-31 --horizon 90d", "what is learnt would know its future"),
        (
            "--train 1997-06-30 --test 1998-05-31 --horizon 90d",
            "but the log ends at 1998-06-30T23:59:59.999999Z",
        ),
        ("--train 1997-06-30 --test 1997-12-31 --horizon soon", "--horizon: \"soon\" is not a duration"),
        ("--from 1998-03-31 --horizon 90d", "there is no room for a training cut"),
        ("--train 1997-06-30 --test 1997-12-31 --horizon 181d", "nobody was known to have bought"),
    ] {
        let ran = place.run(format!("backtest --store cdnow.db {args}").split(' '));
        assert_eq!(ran.code, Some(2), "{args}: {ran:?}");
        assert!(ran.err.contains(said) && ran.err.contains("hint: "), "{args}: {}", ran.err);
    }
    // Recorded long afterwards: the hint says how to ask.
    let ran =
        place.run("backtest --store cdnow.db --train 1997-06-30 --test 1997-12-31 --horizon 181d".split(' '));
    assert!(ran.err.contains("--knowledge as_occurred"), "{}", ran.err);
}

#[test]
fn too_few_customers_and_customers_who_never_return_are_told() {
    let place = Place::new();
    let order = |n: u32| {
        format!(
            "{{\"customer\":\"c{n}\",\"occurred_at\":\"2024-05-{:02}T10:00:00Z\",\"kind\":\"order_placed\"}}\n",
            n % 28 + 1
        )
    };
    place.write("none.jsonl", "");
    place.write("few.jsonl", (1..4).map(order).collect::<String>());
    place.write("once.jsonl", (1..28).map(order).collect::<String>());
    for (file, said) in [
        ("none", "0 customers given, at least 5 needed"),
        ("few", "3 customers given, at least 5 needed"),
        ("once", "none of 27 customers bought again"),
    ] {
        let ran = place.run(format!("fit --events {file}.jsonl").split(' '));
        assert_eq!((ran.code, ran.err.contains(said)), (Some(2), true), "{file}: {ran:?}");
    }
}

#[test]
fn two_policies_are_compared_with_counts_examples_and_reasons() {
    let place = Place::with_cdnow();
    let policy = place.line("policy show --policy retail");
    let slower = policy.replacen("\"45d\"", "\"90d\"", 1);
    assert_ne!(policy, slower);
    place.write("slower.toml", slower);
    let diff = "diff --store cdnow.db --as-of 1998-06-30 --policy retail --policy";
    let answer = place.json(&format!("{diff} slower.toml"))["answer"].clone();
    assert_eq!(answer["customers"], 2357);
    let flows = answer["flows"].as_array().unwrap();
    assert!(
        flows.iter().any(|flow| flow["aspect"] == "stage" && flow["examples"].as_array().unwrap().len() <= 3),
        "{answer}"
    );
    let same = place.json(&format!("{diff} retail"))["answer"].clone();
    assert_eq!((&same["differing"], &same["flows"]), (&json!(0), &json!([])));
    let ran = place.run("diff --store cdnow.db --policy retail".split(' '));
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("--policy is given 1 times, a comparison needs two"), "{}", ran.err);
}

/// Real purchases that may not be copied into the repository: the test says so where they are not beside it.
#[test]
fn the_online_shop_shows_no_drop_out_and_its_learnt_score_beats_recency_alone() {
    let data = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/uci-online-retail/lines.csv.gz");
    if !data.exists() {
        eprintln!("skipped: there is no {}", data.display());
        return;
    }
    let place = Place::new();
    let import =
        ["import", data.to_str().unwrap(), "--map", "uci_online_retail", "--store", "u.db", "--quiet"];
    // Rows without a customer are in quarantine, which is a finding.
    assert_eq!(place.run(import).code, Some(1));
    let fit = place.json("fit --store u.db --as-of 2011-06-30")["answer"].clone();
    assert_eq!(fit["model"], "nbd");
    assert!(close(&parameters(&fit), &[0.744_209, 9.047_415], 1e-4), "{fit}");
    assert!((fit["log_likelihood"].as_f64().unwrap() + 15_325.455_3).abs() < 1e-3, "{fit}");
    assert!(fit["notes"][0].as_str().unwrap().starts_with("no drop-out is visible in this window"), "{fit}");
    let backtest =
        "backtest --store u.db --train 2011-06-11 --test 2011-09-10 --horizon 90d --knowledge as_occurred";
    let answer = place.json(backtest)["answer"].clone();
    let number = |score: &str, what: &str| {
        let scores = answer["scores"].as_array().unwrap();
        scores.iter().find(|judged| judged["score"] == score).unwrap()["pooled"][what].as_f64().unwrap()
    };
    assert!(
        number("learnt", "auc") >= 0.735 && number("learnt", "auc") > number("recency", "auc"),
        "{answer}"
    );
    assert!(number("learnt", "log_loss") <= number("p0", "log_loss"), "{answer}");
}

/// Learnt in the first 39 weeks, held against the 39 weeks that came.
#[test]
fn what_customers_will_bring_is_about_what_they_brought_and_adds_up() {
    let place = Place::with_cdnow();
    place.line("fit --store cdnow.db --as-of 1997-09-30 --out m.json");
    let clv = "clv --store cdnow.db --as-of 1997-09-30 --model m.json --horizon 273d --discount";
    let said = place.json(&format!("{clv} 0 --by cohort"))["answer"]["predicted"].clone();
    let total = |as_of: &str| {
        let answer = place.json(&format!("rfm --store cdnow.db --as-of {as_of}"))["answer"].clone();
        let sum =
            |of: &dyn Fn(&Value) -> f64| answer["customers"].as_array().unwrap().iter().map(of).sum::<f64>();
        [
            sum(&|row| row["frequency"].as_f64().unwrap()),
            sum(&|row| row["monetary"]["minor"].as_f64().unwrap()),
        ]
    };
    let ([bought, paid], [bought_then, paid_then]) = (total("1998-06-30"), total("1997-09-30"));
    let near = |said: &Value, came: f64, by: f64| (said.as_f64().unwrap() / came - 1.0).abs() < by;
    // 1,882 purchase days and 70,976 USD came; the models said 1,666 and 60,450.
    assert!(near(&said["total"]["purchases"], bought - bought_then, 0.15), "{said}");
    assert!(near(&said["total"]["clv"]["minor"], paid - paid_then, 0.2), "{said}");
    let minor = |row: &Value| row["clv"]["minor"].as_i64().unwrap();
    assert_eq!(said["rows"].as_array().unwrap().iter().map(minor).sum::<i64>(), minor(&said["total"]));
    assert_eq!((said["rows"].as_array().unwrap().len(), &said["refused"]), (3, &json!(0)));
    // Later money counts less, and every customer is told.
    let discounted = place.json(&format!("{clv} 10"))["answer"]["predicted"].clone();
    assert!(minor(&discounted["total"]) < minor(&said["total"]));
    assert_eq!(
        discounted["rows"].as_array().unwrap().iter().map(minor).sum::<i64>(),
        minor(&discounted["total"])
    );
    // Asked about another log it refuses.
    place.write(
        "other.jsonl",
        "{\"customer\":\"a\",\"occurred_at\":\"2024-05-01T00:00:00Z\",\"kind\":\"order_placed\"}\n",
    );
    let ran = place.run("clv --events other.jsonl --model m.json".split(' '));
    assert_eq!(
        (ran.code, ran.err.contains("m.json: the model was fitted to another log")),
        (Some(2), true),
        "{ran:?}"
    );
}
