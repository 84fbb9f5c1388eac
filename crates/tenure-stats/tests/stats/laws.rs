//! What holds for every model, history and horizon.

use proptest::prelude::*;
use tenure_stats::{
    BgBb, BgNbd, Fit, GammaGamma, MbgNbd, Nbd, ParetoNbd, Periods, PurchaseModel, PurchaseSummary, Rows,
    Spend, discounted_purchases,
};

fn parameter() -> impl Strategy<Value = f64> {
    (-7.0..7.0_f64).prop_map(f64::exp)
}

fn model() -> impl Strategy<Value = Box<dyn PurchaseModel>> {
    (0..4, prop::collection::vec(parameter(), 4)).prop_map(|(kind, p)| -> Box<dyn PurchaseModel> {
        match kind {
            0 => Box::new(BgNbd::new(p[0], p[1], p[2], p[3]).unwrap()),
            1 => Box::new(MbgNbd::new(p[0], p[1], p[2], p[3]).unwrap()),
            2 => Box::new(ParetoNbd::new(p[0], p[1], p[2], p[3]).unwrap()),
            _ => Box::new(Nbd::new(p[0], p[1]).unwrap()),
        }
    })
}

fn history() -> impl Strategy<Value = PurchaseSummary> {
    let frequency = prop_oneof![3 => Just(0_u32), 5 => 1_u32..20, 2 => 1_u32..10_000];
    (frequency, 0.0..=1.0, (-14.0..14.0_f64).prop_map(f64::exp)).prop_map(|(frequency, part, age)| {
        PurchaseSummary { frequency, recency: if frequency == 0 { 0.0 } else { part * age }, age }
    })
}

proptest! {
    #[test]
    fn answers_lie_in_their_ranges_and_move_the_right_way(
        model in model(), history in history(), t in (-14.0..14.0_f64).prop_map(f64::exp), more in 1.001..10.0,
    ) {
        let near = 1e-12;
        let alive = model.p_alive(history)?;
        prop_assert!((0.0..=1.0).contains(&alive));
        prop_assert!(model.expected_purchases(history, 0.0)? <= 0.0);
        prop_assert!(model.p_no_purchase(history, 0.0)? > 1.0 - near);
        let (expected, longer) = (model.expected_purchases(history, t)?, model.expected_purchases(history, t * more)?);
        prop_assert!(expected >= 0.0 && longer >= expected * (1.0 - near), "{} {}", expected, longer);
        let (silent, later) = (model.p_no_purchase(history, t)?, model.p_no_purchase(history, t * more)?);
        prop_assert!(later <= silent + near, "{} {}", silent, later);
        // Who has left is silent; one purchase or more is expected at most as often as purchases are.
        prop_assert!(silent >= 1.0 - alive - near);
        prop_assert!(1.0 - silent <= expected * (1.0 + near) + near, "{} {}", silent, expected);
        let new = model.expected_purchases_of_new(t)?;
        let begins = model.expected_purchases(PurchaseSummary { frequency: 0, recency: 0.0, age: 0.0 }, t)?;
        prop_assert!((new - begins).abs() <= 1e-10 * new || model.name() == "MBG/NBD", "{} {}", new, begins);
        model.log_likelihood(history)?;
    }

    #[test]
    fn a_more_recent_purchase_is_a_better_sign(model in model(), history in history(), part in 0.0..1.0) {
        let earlier = PurchaseSummary { recency: history.recency * part, ..history };
        prop_assert!(model.p_alive(earlier)? <= model.p_alive(history)? + 1e-12);
    }

    /// Whatever bits are given: a number comes out, or an error that says something.
    #[test]
    fn anything_at_all_gives_a_number_or_an_error(
        p in prop::collection::vec(any::<f64>(), 4), frequency in prop_oneof![Just(0), 0_u32..20_000], recency in any::<f64>(),
        age in any::<f64>(), t in any::<f64>(),
    ) {
        let absolute: Vec<f64> = p.iter().map(|p| p.abs()).collect();
        let history = PurchaseSummary { frequency, recency, age };
        let mirrored = PurchaseSummary { frequency, recency: if frequency == 0 { 0.0 } else { recency.abs().min(age.abs()) }, age: age.abs() };
        for (p, history, t) in [(&p, history, t), (&absolute, mirrored, t.abs())] {
            let [a, b, c, d] = p[..] else { unreachable!() };
            let models: [Option<Box<dyn PurchaseModel>>; 5] = [
                BgNbd::new(a, b, c, d).ok().map(|m| Box::new(m) as _),
                MbgNbd::new(a, b, c, d).ok().map(|m| Box::new(m) as _),
                ParetoNbd::new(a, b, c, d).ok().map(|m| Box::new(m) as _),
                BgBb::new(a, b, c, d).ok().map(|m| Box::new(m) as _),
                Nbd::new(a, b).ok().map(|m| Box::new(m) as _),
            ];
            for model in models.into_iter().flatten() {
                for answer in [
                    model.log_likelihood(history),
                    model.p_alive(history),
                    model.p_no_purchase(history, t),
                    model.expected_purchases(history, t),
                    model.expected_purchases_of_new(t),
                ] {
                    match answer {
                        Ok(number) => prop_assert!(number.is_finite(), "{:?} {:?} {}", model, history, t),
                        Err(error) => prop_assert!(error.to_string().len() > 10),
                    }
                }
            }
            if let Ok(model) = ParetoNbd::new(a, b, c, d)
                && let Ok(dert) = model.dert(history, t)
            {
                prop_assert!(dert.is_finite() && dert >= 0.0);
            }
            if let Ok(model) = GammaGamma::new(a, b, c)
                && let Ok(amount) = model.expected_spend(Some(Spend { purchases: frequency, mean_amount: t }))
            {
                prop_assert!(amount.is_finite() && amount >= 0.0);
            }
        }
    }

    /// Over all that a customer may do at n opportunities, probabilities add up to 1 and purchases to their expectation.
    #[test]
    fn bg_bb_is_a_distribution(p in prop::collection::vec(parameter(), 4), n in 1_u32..9) {
        let model = BgBb::new(p[0], p[1], p[2], p[3])?;
        let (mut sum, mut purchases, mut silent) = (0.0, 0.0, 0.0);
        for bought in 0..1_u32 << n {
            let last = 32 - bought.leading_zeros();
            let history = PurchaseSummary { frequency: bought.count_ones(), recency: last.into(), age: n.into() };
            let likelihood = model.log_likelihood(history)?.exp();
            sum += likelihood;
            purchases += likelihood * f64::from(bought.count_ones());
            silent += if bought == 0 { likelihood } else { 0.0 };
        }
        prop_assert!((sum - 1.0).abs() < 1e-12);
        let expected = model.expected_purchases_of_new(n.into())?;
        prop_assert!((purchases - expected).abs() < 1e-12 * f64::from(n), "{} {}", purchases, expected);
        let new = PurchaseSummary { frequency: 0, recency: 0.0, age: 0.0 };
        prop_assert!((silent - model.p_no_purchase(new, n.into())?).abs() < 1e-12);
    }

    /// A discounted sum over very many short periods is nearly DERT, and the formula is between sums with payment at the
    /// beginning and at the end of each.
    #[test]
    fn dert_is_the_limit_of_discounted_purchases(
        p in prop::collection::vec((-1.5..1.5_f64).prop_map(f64::exp), 4), frequency in 1_u32..20, rate in 0.05..1.0_f64,
    ) {
        let model = ParetoNbd::new(p[0], p[1], p[2], p[3])?;
        let history = PurchaseSummary { frequency, recency: 3.0, age: 4.0 };
        let length = 0.1 / rate;
        let periods = Periods { count: 600, length, discount_rate: (rate * length).exp_m1() };
        let at_the_end = discounted_purchases(&model, history, periods)?;
        let dert = model.dert(history, rate)?;
        prop_assert!(at_the_end <= dert && dert <= at_the_end * (rate * length).exp() * (1.0 + 1e-9), "{} {}", at_the_end, dert);
        let nbd = Nbd::new(p[0], p[1])?;
        let bound = nbd.dert(history, rate)?;
        prop_assert!(dert <= bound * (1.0 + 1e-9), "{} {}", dert, bound);
    }
}

fn bits<M>(fit: &Fit<M>) -> Vec<u64> {
    let estimates = fit.estimates.iter().flat_map(|e| [e.value, e.standard_error]);
    estimates.chain([fit.log_likelihood]).map(f64::to_bits).collect()
}

/// In any order of customers and on any number of threads, a fit has the same bits.
#[test]
fn fits_have_the_same_bits_in_any_order_and_on_any_thread() {
    let customers = crate::data::summaries(&crate::data::cdnow(), "1997-09-30", 7.0);
    let fit = |step: usize| {
        let n = customers.len();
        let rows = Rows::group((0..n).map(|i| customers[i * step % n])).unwrap();
        (
            bits(&BgNbd::fit(&rows).unwrap().interior().unwrap()),
            bits(&ParetoNbd::fit(&rows).unwrap().interior().unwrap()),
        )
    };
    let once = fit(1);
    let again = std::thread::scope(|scope| {
        // Steps without a common divisor with 2,357 are permutations.
        let threads = [2, 1_009, 2_356].map(|step| scope.spawn(move || fit(step)));
        threads.map(|thread| thread.join().unwrap())
    });
    assert!(again.iter().all(|other| *other == once));
}

/// The numbers of the fit themselves, so that another machine or version that moves a bit is seen.
#[test]
fn a_fit_has_known_bits() {
    let rows = Rows::group(crate::data::summaries(&crate::data::cdnow(), "1997-09-30", 7.0)).unwrap();
    let fit = ParetoNbd::fit(&rows).unwrap().interior().unwrap();
    let values: Vec<String> = fit.estimates.iter().map(|e| format!("{:016x}", e.value.to_bits())).collect();
    assert_eq!(values, ["3fe1b47210bb95f4", "402527c6207ca690", "3fe3665167da906c", "4027566478c689c2"]);
}

#[test]
fn public_types_can_be_shown_and_sent() {
    fn check<T: std::fmt::Debug + Send + Sync>() {}
    check::<Rows>();
    check::<tenure_stats::Fitted<BgNbd>>();
    check::<tenure_stats::StatsError>();
    check::<tenure_stats::Isotonic>();
    check::<tenure_stats::KaplanMeier>();
    check::<Box<dyn PurchaseModel>>();
}
