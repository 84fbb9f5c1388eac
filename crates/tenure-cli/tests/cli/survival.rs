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
    }
}
