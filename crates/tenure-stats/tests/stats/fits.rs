//! Fits of any population: a maximum, a boundary or an error.

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use tenure_stats::{
    BgBb, BgNbd, Fit, Fitted, GammaGamma, MbgNbd, Nbd, ParetoNbd, PurchaseModel, PurchaseSummary, Rows, Sbg,
    Spend, StatsError,
};

/// Somebody who buys at a steady rate, for a part of the time or all of it.
fn history() -> impl Strategy<Value = PurchaseSummary> {
    (-5.0..0.5_f64, prop_oneof![0.0..1.0_f64, Just(1.0)], 20.0..80.0_f64).prop_map(|(rate, part, age)| {
        let purchases = (rate.exp() * part * age).floor();
        let frequency = (0..200).find(|x| f64::from(*x) >= purchases).unwrap();
        let recency = if frequency == 0 { 0.0 } else { part * age * purchases / (purchases + 0.5) };
        PurchaseSummary { frequency, recency, age }
    })
}

/// At a maximum, the neighbours are less likely.
fn check<M: PurchaseModel>(
    fit: &Fit<M>,
    rows: &Rows,
    at: impl Fn(&[f64]) -> Result<M, StatsError>,
) -> Result<(), TestCaseError> {
    let again = fit.model.log_likelihood_of(rows)?;
    prop_assert!((again - fit.log_likelihood).abs() < 1e-9 * again.abs().max(1.0), "{} {:?}", again, fit);
    let values: Vec<f64> = fit.estimates.iter().map(|estimate| estimate.value).collect();
    for (i, estimate) in fit.estimates.iter().enumerate() {
        prop_assert!(
            estimate.standard_error.is_finite() && estimate.standard_error > 0.0,
            "{:?}",
            fit.estimates
        );
        for factor in [0.98, 1.02] {
            let mut moved = values.clone();
            moved[i] *= factor;
            let there = at(&moved)?.log_likelihood_of(rows)?;
            prop_assert!(there <= fit.log_likelihood + 1e-9, "{} {:?}", there, fit.estimates);
        }
    }
    Ok(())
}

fn check_drop_out<M: PurchaseModel>(
    fitted: Result<Fitted<M>, StatsError>,
    rows: &Rows,
    at: impl Fn(&[f64]) -> Result<M, StatsError>,
) -> Result<&'static str, TestCaseError> {
    match fitted {
        Ok(Fitted::Interior(fit)) => {
            check(&fit, rows, at)?;
            if let Ok(nbd) = Nbd::fit(rows) {
                prop_assert!(fit.log_likelihood > nbd.log_likelihood);
            }
            Ok("interior")
        }
        Ok(Fitted::Boundary { nbd, .. }) => {
            check(&nbd, rows, |p| Nbd::new(p[0], p[1]))?;
            Ok("boundary")
        }
        Err(StatsError::NoOptimum { .. }) => Ok("no optimum"),
        Err(StatsError::NoRepeat { .. } | StatsError::TooFew { .. }) => Ok("too little"),
        Err(error) => Err(TestCaseError::fail(format!("{error:?}"))),
    }
}

/// All three ways to end are met.
#[test]
fn fits_of_any_population_are_maxima() {
    let ends = RefCell::new(BTreeMap::<&str, usize>::new());
    let mut runner = TestRunner::new_with_rng(
        ProptestConfig { cases: 80, failure_persistence: None, ..ProptestConfig::default() },
        TestRng::deterministic_rng(RngAlgorithm::ChaCha),
    );
    let populations = prop::collection::vec(history(), 1..80);
    let outcome = runner.run(&populations, |customers| {
        let rows = Rows::group(customers)?;
        let ended = [
            check_drop_out(BgNbd::fit(&rows), &rows, |p| BgNbd::new(p[0], p[1], p[2], p[3]))?,
            check_drop_out(MbgNbd::fit(&rows), &rows, |p| MbgNbd::new(p[0], p[1], p[2], p[3]))?,
            check_drop_out(ParetoNbd::fit(&rows), &rows, |p| ParetoNbd::new(p[0], p[1], p[2], p[3]))?,
        ];
        for end in ended {
            *ends.borrow_mut().entry(end).or_default() += 1;
        }
        Ok(())
    });
    println!("{ends:?}");
    outcome.unwrap();
    let ends = ends.into_inner();
    assert!(
        ["interior", "boundary", "no optimum"].iter().all(|end| ends.get(end).is_some_and(|n| *n >= 5)),
        "{ends:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn fits_of_any_donors_are_maxima(bought in prop::collection::vec(0_u32..64, 1..60)) {
        let donor = |bought: u32| PurchaseSummary {
            frequency: bought.count_ones(), recency: f64::from(32 - bought.leading_zeros()), age: 6.0,
        };
        let rows = Rows::group(bought.into_iter().map(donor))?;
        match BgBb::fit(&rows) {
            Ok(fit) => check(&fit, &rows, |p| BgBb::new(p[0], p[1], p[2], p[3]))?,
            Err(StatsError::NoOptimum { .. } | StatsError::NoRepeat { .. } | StatsError::TooFew { .. }) => {}
            Err(error) => return Err(TestCaseError::fail(format!("{error:?}"))),
        }
    }

    #[test]
    fn fits_of_any_amounts_are_maxima_or_refused(spends in prop::collection::vec((1_u32..20, 0.5..300.0), 1..60)) {
        let spends: Vec<_> = spends.into_iter().map(|(purchases, mean_amount)| Spend { purchases, mean_amount }).collect();
        match GammaGamma::fit(spends.iter().copied()) {
            Ok(fit) => {
                let total = |model: GammaGamma| spends.iter().map(|spend| model.log_likelihood(*spend).unwrap()).sum::<f64>();
                let [p, q, v] = [0, 1, 2].map(|i| fit.estimates[i].value);
                for (dp, dq, dv) in [(0.98, 1.0, 1.0), (1.02, 1.0, 1.0), (1.0, 1.02, 1.0), (1.0, 1.0, 0.98), (1.0, 1.0, 1.02)] {
                    prop_assert!(total(GammaGamma::new(p * dp, q * dq, v * dv)?) <= fit.log_likelihood + 1e-9);
                }
            }
            Err(StatsError::NoOptimum { .. } | StatsError::TooFew { .. }) => {}
            Err(error) => return Err(TestCaseError::fail(format!("{error:?}"))),
        }
    }

    #[test]
    fn fits_of_any_cohort_are_maxima_or_refused(mut survivors in prop::collection::vec(0_u32..500, 3..12)) {
        survivors.sort_unstable_by(|a, b| b.cmp(a));
        match Sbg::fit(&survivors) {
            Ok(fit) => prop_assert!(fit.estimates.iter().all(|e| e.value > 0.0 && e.standard_error > 0.0)),
            Err(StatsError::NoOptimum { .. } | StatsError::AllEqual { .. } | StatsError::Domain { .. }) => {}
            Err(error) => return Err(TestCaseError::fail(format!("{error:?}"))),
        }
    }
}
