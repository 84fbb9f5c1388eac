//! What is refused, and how it is told.

use tenure_stats::{
    BgBb, BgNbd, Example, GammaGamma, Logistic, ParetoNbd, Platt, PurchaseModel, PurchaseSummary, Rows,
    Scored, Spend, StatsError, auc, brier, spend_correlation,
};

fn told<T: std::fmt::Debug>(result: Result<T, StatsError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn fits_say_what_was_seen_and_what_to_do() {
    let once = PurchaseSummary { frequency: 0, recency: 0.0, age: 10.0 };
    let twice = PurchaseSummary { frequency: 1, recency: 4.0, age: 10.0 };
    let rows = |customers: &[PurchaseSummary]| Rows::group(customers.iter().copied()).unwrap();
    assert_eq!(
        told(BgNbd::fit(&rows(&[once, twice]))),
        "2 customers given, at least 5 needed: use a longer window or more customers"
    );
    assert_eq!(
        told(ParetoNbd::fit(&rows(&[once; 9]))),
        "none of 9 customers bought again: no rate can be estimated; use a longer window"
    );
    assert!(matches!(ParetoNbd::fit(&rows(&[])), Err(StatsError::TooFew { seen: 0, .. })));
    // Everybody alike: there is no variety to describe.
    let alike = told(BgNbd::fit(&rows(&[twice; 50])));
    assert!(alike.contains("the data do not show the variety that it describes"), "{alike}");
    assert_eq!(
        told(BgBb::fit(&rows(&[twice; 9].map(|h| PurchaseSummary { age: 9.5, ..h })))),
        "age is 9.5, must be a whole number of opportunities, at most 10,000"
    );
}

#[test]
fn amounts_say_what_was_seen_and_what_to_do() {
    let spend = |purchases, mean_amount| Spend { purchases, mean_amount };
    assert_eq!(told(GammaGamma::fit([spend(1, 0.0)])), "mean_amount is 0, must be a finite number above 0");
    assert_eq!(
        told(GammaGamma::fit([spend(1, -3.5)])),
        "mean_amount is -3.5, must be a finite number above 0"
    );
    assert_eq!(told(GammaGamma::fit([spend(0, 3.5)])), "purchases is 0, must be 1 or more");
    assert_eq!(
        told(GammaGamma::fit([spend(2, 9.99); 12])),
        "all 12 mean amounts are 9.99: their spread cannot be estimated; use the value itself"
    );
    assert_eq!(told(GammaGamma::new(1.0, 1.0, 1.0)), "q is 1, must be a finite number above 1");
    assert!(matches!(spend_correlation(&[spend(2, 1.0), spend(2, 5.0)]), Err(StatsError::AllEqual { .. })));
}

#[test]
fn histories_and_horizons_out_of_range_are_refused() {
    let model = ParetoNbd::new(0.5, 10.0, 0.6, 11.0).unwrap();
    let fine = PurchaseSummary { frequency: 1, recency: 4.0, age: 10.0 };
    assert!(model.p_no_purchase(fine, -1.0).is_err());
    assert!(model.expected_purchases(fine, f64::INFINITY).is_err());
    assert!(model.dert(fine, 0.0).is_err());
    for history in [
        PurchaseSummary { recency: f64::NAN, ..fine },
        PurchaseSummary { recency: 10.5, ..fine },
        PurchaseSummary { age: f64::INFINITY, ..fine },
        PurchaseSummary { age: -1.0, ..fine },
        PurchaseSummary { frequency: 0, ..fine },
        PurchaseSummary { frequency: 1_000_001, ..fine },
    ] {
        assert!(model.p_alive(history).is_err(), "{history:?}");
        assert!(Rows::group([history]).is_err(), "{history:?}");
    }
}

#[test]
fn scores_say_what_was_seen_and_what_to_do() {
    let scored = |score, positive| Scored { score, positive };
    assert_eq!(
        told(auc(&[scored(0.1, true), scored(0.2, true)])),
        "all 2 labels are true: both classes are needed; choose another horizon or population"
    );
    assert_eq!(told(brier(&[scored(1.5, true)])), "a probability is 1.5, must be between 0 and 1");
    assert!(matches!(brier(&[]), Err(StatsError::TooFew { .. })));
    assert!(auc(&[scored(f64::NAN, true), scored(0.2, false)]).is_err());
    assert!(matches!(Platt::fit(&[scored(0.2, true), scored(0.2, false)]), Err(StatsError::AllEqual { .. })));
    let example = |x: f64, positive| Example { features: vec![x], positive };
    // Without a penalty a feature that parts the classes has no best weight.
    let parted = [example(1.0, false), example(2.0, false), example(3.0, true), example(4.0, true)];
    assert!(matches!(Logistic::fit(&parted, 0.0), Err(StatsError::NoOptimum { .. })));
    assert!(Logistic::fit(&parted, 0.1).is_ok());
    let ragged = [example(1.0, false), Example { features: vec![], positive: true }];
    assert_eq!(told(Logistic::fit(&ragged, 1.0)), "0 features given, 1 expected");
}
