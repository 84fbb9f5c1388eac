use tenure_core::Zone;
use tenure_core::id::CustomerId;
use tenure_core::projection::acquisition::Origin;
use tenure_core::projection::revenue::Month;
use tenure_core::report::predicted::{
    Ahead, Past, Predicted, PredictedReport, PredictedSum, Prediction, Spending, Valuation,
};
use tenure_core::report::{Report, Shown};
use tenure_stats::{GammaGamma, Nbd, Periods, PurchaseModel, PurchaseSummary, Spend, StatsError};

use crate::facts::{at, currency, days};

/// Nobody leaves, and each buys (r + x) / (α + T) times a week.
fn nbd() -> Nbd {
    Nbd::new(0.5, 10.0).unwrap()
}

fn past(frequency: u32, recency: f64, age: f64, mean_repeat_spend: Option<f64>) -> Past {
    Past { purchases: PurchaseSummary { frequency, recency, age }, mean_repeat_spend }
}

fn year(annual_discount: f64) -> Ahead {
    Ahead { unit: days(7), horizon: days(364), annual_discount }
}

fn mean(amount: f64) -> Spending {
    Spending::Mean { amount, why: StatsError::NoRepeat { customers: 1 } }
}

/// By hand: (0.5 + 4) / (10 + 35) = 0.1 a week, so 5.2 in 52 weeks, at 20.00 each.
#[test]
fn without_a_discount_value_is_purchases_times_what_each_brings() {
    let (model, spending) = (nbd(), mean(20.0));
    let valuation = Valuation::new(&model, &spending, year(0.0), currency("USD")).unwrap();
    let ahead = valuation.of(&past(4, 30.0, 35.0, Some(99.0))).unwrap();
    assert!((ahead.purchases - 5.2).abs() < 1e-12, "{ahead:?}");
    assert_eq!((ahead.spend, ahead.clv_minor), (20.0, 10_400));
    let yen = Valuation::new(&model, &spending, year(0.0), currency("JPY")).unwrap();
    assert_eq!(yen.of(&past(4, 30.0, 35.0, None)).unwrap().clv_minor, 104);
}

/// By hand: twelve months of 5.2 / 12 purchases; month k is worth 1.21^(-k · 364 / 365 / 12) of today.
#[test]
fn a_discount_counts_by_the_month() {
    let (model, spending) = (nbd(), mean(20.0));
    let valuation = Valuation::new(&model, &spending, year(0.21), currency("USD")).unwrap();
    let monthly = |k: i32| 5.2 / 12.0 * 20.0 / 1.21_f64.powf(f64::from(k) * 364.0 / 365.0 / 12.0);
    let expected = ((1..=12).map(monthly).sum::<f64>() * 100.0).round_ties_even();
    let ahead = valuation.of(&past(4, 30.0, 35.0, None)).unwrap();
    assert_eq!(ahead.clv_minor, expected as i128);
    assert!(ahead.clv_minor > 9_200 && ahead.clv_minor < 9_500, "{ahead:?}");
}

#[test]
fn value_is_rounded_once_half_to_even() {
    // 0.1 a week, and one week ahead: 0.1 purchases of 0.25 and of 0.75 are 2.5 and 7.5 cents.
    let model = nbd();
    let week = Ahead { unit: days(7), horizon: days(7), annual_discount: 0.0 };
    for (amount, minor) in [(0.2501, 3), (0.2499, 2), (0.75, 8), (0.7499, 7)] {
        let spending = mean(amount);
        let valuation = Valuation::new(&model, &spending, week, currency("USD")).unwrap();
        assert_eq!(valuation.of(&past(4, 30.0, 35.0, None)).unwrap().clv_minor, minor, "{amount}");
    }
}

#[test]
fn spending_is_drawn_from_repeat_purchases_and_that_of_anybody_without_them() {
    let gamma = GammaGamma::new(6.24957, 3.74422, 15.44352).unwrap();
    let spending = Spending::GammaGamma(gamma);
    let expected = |spend| gamma.expected_spend(spend).unwrap();
    let of = |past: Past| spending.expected(&past).unwrap();
    let known = Some(Spend { purchases: 4, mean_amount: 22.35 });
    assert_eq!(of(past(4, 30.0, 35.0, Some(22.35))), expected(known));
    for nothing in [past(4, 30.0, 35.0, None), past(4, 30.0, 35.0, Some(0.0)), past(0, 0.0, 35.0, Some(9.0))]
    {
        assert_eq!(of(nothing), expected(None));
    }
}

#[test]
fn where_nobody_came_back_the_mean_of_all_is_taken_and_the_reason_is_told() {
    let Spending::Mean { amount, why } = Spending::fit([], Some(35.0)).unwrap() else { unreachable!() };
    assert_eq!(amount, 35.0);
    assert!(matches!(why, StatsError::TooFew { seen: 0, .. }), "{why}");
    assert!(Spending::fit([], None).is_err());
    assert!(Spending::fit([], Some(f64::NAN)).is_err());
    let same = vec![Spend { purchases: 2, mean_amount: 10.0 }; 9];
    assert!(matches!(
        Spending::fit(same, Some(11.0)).unwrap(),
        Spending::Mean { why: StatsError::AllEqual { .. }, .. }
    ));
    let spread = (1..30_u32).map(|n| Spend { purchases: 1 + n % 4, mean_amount: f64::from(n * n % 31 + 3) });
    assert!(matches!(Spending::fit(spread, Some(11.0)).unwrap(), Spending::GammaGamma(_)));
}

#[test]
fn what_cannot_be_is_refused() {
    let (model, spending) = (nbd(), mean(20.0));
    let usd = currency("USD");
    let refused = |ahead| Valuation::new(&model, &spending, ahead, usd).unwrap_err().to_string();
    assert!(refused(Ahead { horizon: days(0), ..year(0.1) }).contains("horizon"));
    assert!(refused(Ahead { unit: days(0), ..year(0.1) }).contains("unit"));
    assert!(refused(year(-0.1)).contains("discount"));
    assert!(refused(year(f64::NAN)).contains("discount"));
    let valuation = Valuation::new(&model, &spending, year(0.1), usd).unwrap();
    assert!(valuation.of(&past(4, 36.0, 35.0, None)).is_err());
}

#[test]
fn months_of_a_horizon_fit_it() {
    for (horizon, months) in [(7.0, 1), (45.0, 1), (46.0, 2), (365.0, 12), (3_650.0, 120)] {
        let periods = Periods::monthly(horizon, 365.0, 0.1).unwrap();
        assert_eq!(periods.count, months, "{horizon}");
        assert!((f64::from(periods.count) * periods.length - horizon).abs() < 1e-9);
    }
    assert!(Periods::monthly(365.0 * 900.0, 365.0, 0.1).is_err());
}

fn predicted(month: &str, channel: Option<&str>, purchases: f64, clv_minor: i128) -> Predicted {
    Predicted {
        cohort: Month::of(Zone::UTC, at(month)),
        origin: Origin { channel: channel.map(str::to_owned), campaign: None },
        prediction: Some(Prediction { purchases, spend: 1.0, clv_minor }),
    }
}

#[test]
fn predictions_add_up_by_cohort_and_channel_in_any_grouping() {
    let (may, june) = ("2024-05-31T23:59:59Z", "2024-06-01T00:00:00Z");
    let mut views = vec![
        predicted(may, Some("web"), 0.1, 101),
        predicted(june, Some("web"), 0.2, 202),
        predicted(june, None, 0.3, 301),
        predicted(may, Some("web"), 1.0 / 3.0, 1),
    ];
    views.push(Predicted { prediction: None, ..predicted(may, None, 0.0, 0) });
    let report = PredictedReport { currency: currency("USD") };
    let shown = Shown { id: CustomerId::from_bytes([1; 16]), name: "test:c1" };
    let add = |sum: &mut PredictedSum, view: &Predicted| report.add(sum, shown, view);
    let mut whole = PredictedSum::default();
    for view in &views {
        add(&mut whole, view);
    }
    let mut merged = PredictedSum::default();
    for view in views.iter().rev() {
        let mut one = PredictedSum::default();
        add(&mut one, view);
        report.merge(&mut one, merged);
        merged = one;
    }
    assert_eq!(whole, merged);
    let answer = report.finish(whole);
    let told = |row: &tenure_core::report::predicted::PredictedRow| {
        (row.name.clone(), row.customers, row.purchases, row.clv.minor, row.average.map(|sum| sum.minor))
    };
    let named = |text: &str| Some(text.to_owned());
    assert_eq!(told(&answer.total), (None, 4, 0.933_333, 605, Some(151)));
    let cohorts: Vec<_> = answer.cohorts.iter().map(told).collect();
    assert_eq!(
        cohorts,
        [
            (named("2024-05"), 2, 0.433_333, 102, Some(51)),
            // 251.5, half to even.
            (named("2024-06"), 2, 0.5, 503, Some(252)),
        ]
    );
    let channels: Vec<_> = answer.channels.iter().map(told).collect();
    assert_eq!(channels[0], (None, 1, 0.3, 301, Some(301)));
    assert_eq!(channels[1].0, named("web"));
    assert_eq!((answer.campaigns.len(), answer.refused), (1, 1));
    let nobody = report.finish(PredictedSum::default());
    assert_eq!((nobody.total.customers, nobody.total.average, nobody.cohorts.len()), (0, None, 0));
}

/// Value grows with the horizon and falls with the discount.
#[test]
fn value_grows_with_the_horizon_and_falls_with_the_discount() {
    let model = tenure_stats::ParetoNbd::new(0.55, 10.58, 0.61, 11.67).unwrap();
    let spending = mean(30.0);
    let past = past(2, 30.43, 38.86, None);
    let value = |weeks: u32, annual_discount: f64| {
        let ahead = Ahead { unit: days(7), horizon: days(7 * weeks), annual_discount };
        let valuation = Valuation::new(&model, &spending, ahead, currency("USD")).unwrap();
        valuation.of(&past).unwrap().clv_minor
    };
    let by_horizon: Vec<i128> = (1..40).map(|weeks| value(weeks * 4, 0.1)).collect();
    assert!(by_horizon.is_sorted_by(|a, b| a < b), "{by_horizon:?}");
    let by_discount: Vec<i128> = [0.0, 0.05, 0.1, 0.5, 2.0].iter().map(|rate| value(104, *rate)).collect();
    assert!(by_discount.is_sorted_by(|a, b| a > b), "{by_discount:?}");
    let undiscounted = model.expected_purchases(past.purchases, 104.0).unwrap() * 30.0 * 100.0;
    assert!((value(104, 0.0) as f64 - undiscounted).abs() <= 0.51);
}
