//! Analytic gradients beside finite differences of the likelihood of one history after another, which is other code.

use proptest::prelude::*;

use super::fit::{DropOut, Parametric};
use super::{BgBb, BgNbd, GammaGamma, MbgNbd, Nbd, ParetoNbd, PurchaseModel, Spend};
use crate::rows::{PurchaseSummary, Rows};

fn history() -> impl Strategy<Value = PurchaseSummary> {
    (0_u32..40, 0.0..1.0, 0.0..100.0).prop_map(|(frequency, part, age)| PurchaseSummary {
        frequency,
        recency: if frequency == 0 { 0.0 } else { part * age },
        age,
    })
}

fn opportunities() -> impl Strategy<Value = PurchaseSummary> {
    (1_u32..12, any::<u16>()).prop_map(|(n, bought)| {
        let bought = bought & ((1 << n) - 1);
        let last = 16 - bought.leading_zeros();
        PurchaseSummary { frequency: bought.count_ones(), recency: last.into(), age: n.into() }
    })
}

fn values() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec((-3.0..3.0_f64).prop_map(f64::exp), 4)
}

/// Central differences, relative to the parameter: the gradient is by its logarithm.
fn assert_gradient<M: Parametric>(values: &[f64], gradient: &[f64], likelihood: impl Fn(&M) -> f64) {
    for (i, (value, slope)) in values.iter().zip(gradient).enumerate() {
        let at = |factor: f64| {
            let moved: Vec<f64> =
                values.iter().enumerate().map(|(j, v)| if i == j { v * factor } else { *v }).collect();
            likelihood(&M::from_values(&moved).unwrap())
        };
        let apart = 1e-5;
        let difference = (at(1.0 + apart) - at(1.0 - apart)) / (2.0 * apart);
        let size = at(1.0).abs().max(1.0);
        let off = (slope * value - difference).abs();
        assert!(off < 1e-6 * size, "{} of {}: {}, {difference}", M::PARAMETERS[i], M::NAME, slope * value);
    }
}

fn check<M: DropOut>(values: &[f64], rows: &Rows) {
    let model = M::from_values(values).unwrap();
    let (value, gradient) = model.gradient(rows);
    let slow = model.log_likelihood_of(rows).unwrap();
    assert!((value - slow).abs() < 1e-10 * slow.abs().max(1.0), "{}: {value}, {slow}", M::NAME);
    assert_gradient::<M>(values, &gradient, |model| model.log_likelihood_of(rows).unwrap());
}

proptest! {
    #[test]
    fn gradients_are_those_of_the_likelihood(
        values in values(), customers in prop::collection::vec(history(), 1..20),
    ) {
        let rows = Rows::group(customers).unwrap();
        check::<BgNbd>(&values, &rows);
        check::<MbgNbd>(&values, &rows);
        check::<ParetoNbd>(&values, &rows);
        let nbd = &values[..2];
        let (_, gradient) = Nbd::from_values(nbd).unwrap().gradient(&rows);
        assert_gradient::<Nbd>(nbd, &gradient, |model| model.log_likelihood_of(&rows).unwrap());
    }

    #[test]
    fn the_gradient_of_bg_bb_is_that_of_its_likelihood(
        values in values(), customers in prop::collection::vec(opportunities(), 1..20),
    ) {
        let rows = Rows::group(customers).unwrap();
        let (_, gradient) = BgBb::from_values(&values).unwrap().gradient(&rows).unwrap();
        assert_gradient::<BgBb>(&values, &gradient, |model| model.log_likelihood_of(&rows).unwrap());
    }

    #[test]
    fn the_gradient_of_gamma_gamma_is_that_of_its_likelihood(
        values in values(), spends in prop::collection::vec((1_u32..30, 0.1..500.0), 1..20),
    ) {
        let values = [values[0], 1.001 + values[1], values[2]];
        let spends: Vec<_> =
            spends.into_iter().map(|(purchases, mean_amount)| Spend { purchases, mean_amount }).collect();
        let model = GammaGamma::from_values(&values).unwrap();
        let gradient = model.gradient(&spends);
        assert_gradient::<GammaGamma>(&values, &gradient, |model| {
            spends.iter().map(|spend| model.log_likelihood(*spend).unwrap()).sum()
        });
    }
}
