//! Published figures.

use tenure_stats::{
    BgBb, BgNbd, Boundary, Fit, Fitted, GammaGamma, MbgNbd, Nbd, ParetoNbd, PurchaseModel, PurchaseSummary,
    Rows,
};

use crate::data;

fn cdnow() -> Rows {
    Rows::group(data::summaries(&data::cdnow(), "1997-09-30", 7.0)).unwrap()
}

/// Likelihood to 1e-3, and parameters as far as the likelihood tells: it is flat along r/α and a/b.
fn assert_fit<M: std::fmt::Debug>(fit: &Fit<M>, log_likelihood: f64, values: &[f64]) {
    println!("{fit:?}");
    assert!((fit.log_likelihood - log_likelihood).abs() < 1e-3, "{}", fit.log_likelihood);
    for (estimate, value) in fit.estimates.iter().zip(values) {
        assert!((estimate.value / value - 1.0).abs() < 1e-3, "{estimate:?}, published {value}");
        assert!(estimate.standard_error > 0.0 && estimate.standard_error < estimate.value, "{estimate:?}");
    }
}

fn assert_near(value: f64, expected: f64, tolerance: f64) {
    assert!((value - expected).abs() < tolerance, "{value}, expected {expected}");
}

#[test]
fn bg_nbd_on_the_cdnow_sample() {
    let fit = BgNbd::fit(&cdnow()).unwrap().interior().unwrap();
    assert_fit(&fit, -9582.4292, &[0.2425945, 4.413602, 0.792922, 2.425907]);
    let customer = PurchaseSummary { frequency: 2, recency: 30.43, age: 38.86 };
    assert_near(fit.model.expected_purchases(customer, 39.0).unwrap(), 1.2259, 1e-4);
}

#[test]
fn mbg_nbd_on_the_cdnow_sample() {
    let fit = MbgNbd::fit(&cdnow()).unwrap().interior().unwrap();
    assert_fit(&fit, -9582.1357, &[0.524843, 6.183085, 0.891359, 1.614002]);
}

#[test]
fn pareto_nbd_on_the_cdnow_sample() {
    let fit = ParetoNbd::fit(&cdnow()).unwrap().interior().unwrap();
    assert_fit(&fit, -9594.9762, &[0.553277, 10.577683, 0.606240, 11.668735]);
    let customer = PurchaseSummary { frequency: 26, recency: 30.86, age: 31.0 };
    assert_near(fit.model.expected_purchases(customer, 52.0).unwrap(), 25.457, 1e-3);
    assert_near(fit.model.p_alive(customer).unwrap(), 0.9979, 1e-4);
}

#[test]
fn gamma_gamma_on_the_cdnow_sample() {
    let fit = GammaGamma::fit(data::spends(&data::cdnow(), "1997-09-30")).unwrap();
    assert_fit(&fit, -4055.9177, &[6.24957, 3.74422, 15.44352]);
}

#[test]
fn bg_bb_on_donations() {
    let Some(donors) = data::donations() else { return };
    let fit = BgBb::fit(&Rows::group(donors).unwrap()).unwrap();
    assert_fit(&fit, -33225.5813, &[1.203522, 0.749716, 0.656718, 2.783442]);
}

/// What a fit predicts for each customer is what the published parameters do.
#[test]
fn predictions_of_fits_are_those_of_the_published_parameters() {
    let rows = cdnow();
    let pairs: [[Box<dyn PurchaseModel>; 2]; 3] = [
        [
            Box::new(BgNbd::fit(&rows).unwrap().interior().unwrap().model),
            Box::new(BgNbd::new(0.2425945, 4.413602, 0.792922, 2.425907).unwrap()),
        ],
        [
            Box::new(MbgNbd::fit(&rows).unwrap().interior().unwrap().model),
            Box::new(MbgNbd::new(0.524843, 6.183085, 0.891359, 1.614002).unwrap()),
        ],
        [
            Box::new(ParetoNbd::fit(&rows).unwrap().interior().unwrap().model),
            Box::new(ParetoNbd::new(0.553277, 10.577683, 0.606240, 11.668735).unwrap()),
        ],
    ];
    for [fitted, published] in pairs {
        let mut furthest = 0.0_f64;
        for (history, _) in rows.iter() {
            for answer in [
                |model: &dyn PurchaseModel, history| model.expected_purchases(history, 39.0).unwrap(),
                |model: &dyn PurchaseModel, history| model.p_alive(history).unwrap(),
                |model: &dyn PurchaseModel, history| model.p_no_purchase(history, 39.0).unwrap(),
            ] {
                let (got, expected) = (answer(&*fitted, history), answer(&*published, history));
                // Published with six digits: expectations of many purchases have no more.
                furthest = furthest.max((got - expected).abs() / expected.max(1.0));
            }
        }
        println!("{}: {furthest:e}", fitted.name());
        assert!(furthest < 1e-6, "{}: {furthest:e}", fitted.name());
    }
}

fn assert_boundary<M: PurchaseModel>(fitted: Fitted<M>) {
    let Fitted::Boundary { reason, nbd } = fitted else { panic!("{fitted:?}") };
    println!("{reason:?}");
    let Boundary::NobodyLeaves { model, .. } = reason else { panic!("{reason:?}") };
    assert_eq!(
        reason.to_string(),
        format!(
            "no drop-out is visible in this window: {model} is most likely where nobody ever leaves, and is NBD there"
        )
    );
    assert_fit(&nbd, -15_325.4553, &[0.744209, 9.047415]);
}

/// BG/NBD, MBG/NBD and Pareto/NBD all run to the boundary at which nobody leaves.
#[test]
fn uci_online_retail_to_june_shows_no_drop_out() {
    let Some(customers) = data::uci() else { return };
    let rows = Rows::group(data::summaries(&customers, "2011-06-30", 7.0)).unwrap();
    assert_boundary::<BgNbd>(BgNbd::fit(&rows).unwrap());
    assert_boundary::<MbgNbd>(MbgNbd::fit(&rows).unwrap());
    assert_boundary::<ParetoNbd>(ParetoNbd::fit(&rows).unwrap());
}

/// Cumulative repeat purchases of the whole sample at the end of weeks 40 to 78, against what models expect that were
/// fitted to the first 39: mean absolute percentage error.
#[test]
fn tracking_of_the_cdnow_sample() {
    let customers = data::cdnow();
    let rows = cdnow();
    let (start, sample) = (data::day("1997-01-01"), &customers);
    let mape = |model: &dyn PurchaseModel| {
        let errors = (40..=78_i64).map(|week| {
            let end = start + 7 * week - 1;
            let (mut actual, mut expected) = (0.0, 0.0);
            for days in sample {
                let first = *days.keys().next().unwrap();
                actual += f64::from(u32::try_from(days.range(..=end).count()).unwrap()) - 1.0;
                let weeks = f64::from(u32::try_from(end - first).unwrap()) / 7.0;
                expected += model.expected_purchases_of_new(weeks).unwrap();
            }
            (expected / actual - 1.0_f64).abs()
        });
        errors.sum::<f64>() / 39.0 * 100.0
    };
    let (bg, pareto) = (BgNbd::fit(&rows).unwrap(), ParetoNbd::fit(&rows).unwrap());
    let (bg, pareto) = (mape(bg.model()), mape(pareto.model()));
    println!("MAPE: BG/NBD {bg:.3} %, Pareto/NBD {pareto:.3} %");
    assert_near(bg, 2.59, 0.05);
    assert_near(pareto, 1.30, 0.05);
    let nbd = Nbd::fit(&rows).unwrap();
    assert!(mape(&nbd.model) > 10.0);
}
