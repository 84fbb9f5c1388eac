//! Metrics, calibration, regression and survival beside slow versions of themselves.

use proptest::prelude::*;
use tenure_stats::{
    Example, Isotonic, KaplanMeier, Lifetime, Logistic, Platt, Scored, auc, brier, capture, ece, log_loss,
    pr_auc, reliability,
};

/// Scores with many ties, and with both classes.
fn scored() -> impl Strategy<Value = Vec<Scored>> {
    let item = (0_u8..12, any::<bool>())
        .prop_map(|(score, positive)| Scored { score: f64::from(score) / 11.0, positive });
    let items = prop::collection::vec(item, 0..40);
    items.prop_map(|mut items| {
        items.extend([true, false].map(|positive| Scored { score: 0.5, positive }));
        items
    })
}

fn one(positive: bool) -> f64 {
    f64::from(u8::from(positive))
}

fn number(items: usize) -> f64 {
    f64::from(u32::try_from(items).unwrap())
}

proptest! {
    #[test]
    fn auc_is_the_share_of_pairs_in_order(items in scored()) {
        let (mut pairs, mut in_order) = (0.0, 0.0);
        for positive in items.iter().filter(|item| item.positive) {
            for negative in items.iter().filter(|item| !item.positive) {
                pairs += 1.0;
                in_order += one(positive.score > negative.score) + 0.5 * one(positive.score.to_bits() == negative.score.to_bits());
            }
        }
        prop_assert!((auc(&items)? - in_order / pairs).abs() < 1e-14);
    }

    #[test]
    fn pr_auc_is_a_sum_over_thresholds(items in scored()) {
        let mut thresholds: Vec<f64> = items.iter().map(|item| item.score).collect();
        thresholds.sort_by(|a, b| b.total_cmp(a));
        thresholds.dedup();
        let positives = number(items.iter().filter(|item| item.positive).count());
        let (mut area, mut recall) = (0.0, 0.0);
        for threshold in thresholds {
            let taken: Vec<_> = items.iter().filter(|item| item.score >= threshold).collect();
            let found = number(taken.iter().filter(|item| item.positive).count());
            area += (found / positives - recall) * found / number(taken.len());
            recall = found / positives;
        }
        prop_assert!((pr_auc(&items)? - area).abs() < 1e-14);
    }

    /// The mean over which of the tied items come first.
    #[test]
    fn capture_treats_ties_alike(items in scored(), top in 1_usize..42) {
        let top = top.min(items.len());
        let above = |item: &Scored| items.iter().filter(|other| other.score > item.score).count();
        let tied = |item: &Scored| items.iter().filter(|other| other.score.to_bits() == item.score.to_bits()).count();
        let chance = |item: &Scored| {
            number(top.saturating_sub(above(item)).min(tied(item))) / number(tied(item))
        };
        let found: f64 = items.iter().filter(|item| item.positive).map(chance).sum();
        let positives = number(items.iter().filter(|item| item.positive).count());
        let share = number(top) / number(items.len());
        let got = capture(&items, share)?;
        prop_assert!((got.captured - found / positives).abs() < 1e-12);
        prop_assert!((got.lift - got.captured / share).abs() < 1e-12);
    }

    #[test]
    fn losses_are_means_over_items(items in scored()) {
        let n = number(items.len());
        let squares: f64 = items.iter().map(|item| (item.score - one(item.positive)).powi(2)).sum();
        prop_assert!((brier(&items)? - squares / n).abs() < 1e-14);
        let logs: f64 = items.iter().map(|item| {
            let p = item.score.clamp(1e-15, 1.0 - 1e-15);
            -(if item.positive { p.ln() } else { (1.0 - p).ln() })
        }).sum();
        prop_assert!((log_loss(&items)? - logs / n).abs() < 1e-1 * f64::from(u8::from(logs > 30.0)) + 1e-12);
    }

    #[test]
    fn ece_is_a_mean_over_bins(items in scored(), bins in 1_u32..15) {
        let of = |bin: u32| {
            items.iter().filter(move |item| {
                let own = (0..bins).rev().find(|b| item.score >= f64::from(*b) / f64::from(bins));
                own == Some(bin)
            })
        };
        let mut sum = 0.0;
        for bin in 0..bins {
            sum += of(bin).map(|item| item.score - one(item.positive)).sum::<f64>().abs();
        }
        prop_assert!((ece(&items, bins)? - sum / number(items.len())).abs() < 1e-13);
        let table = reliability(&items, bins)?;
        prop_assert_eq!(table.iter().map(|bin| bin.items).sum::<usize>(), items.len());
    }

    /// Not even the last bit.
    #[test]
    fn the_order_of_items_decides_nothing(items in scored(), by in 0_usize..40) {
        let mut turned = items.clone();
        turned.rotate_left(by % items.len());
        for metric in [auc, pr_auc, brier, log_loss] {
            prop_assert_eq!(metric(&items)?.to_bits(), metric(&turned)?.to_bits());
        }
        prop_assert_eq!(ece(&items, 10)?.to_bits(), ece(&turned, 10)?.to_bits());
        prop_assert_eq!(Isotonic::fit(&items)?, Isotonic::fit(&turned)?);
        prop_assert_eq!(Platt::fit(&items).ok(), Platt::fit(&turned).ok());
    }

    /// Isotonic regression is the largest, over beginnings up to here, of the smallest, over ends from here, mean.
    #[test]
    fn isotonic_is_max_of_min_of_means(items in scored()) {
        let curve = Isotonic::fit(&items)?;
        let mean = |from: f64, to: f64| {
            let within: Vec<_> = items.iter().filter(|item| (from..=to).contains(&item.score)).collect();
            within.iter().map(|item| one(item.positive)).sum::<f64>() / number(within.len())
        };
        for Scored { score, .. } in &items {
            let smallest = |from: f64| {
                let ends = items.iter().filter(|item| item.score >= *score);
                ends.map(|end| mean(from, end.score)).fold(f64::INFINITY, f64::min)
            };
            let begins = items.iter().filter(|item| item.score <= *score);
            let expected = begins.map(|begin| smallest(begin.score)).fold(f64::NEG_INFINITY, f64::max);
            prop_assert!((curve.p(*score)? - expected).abs() < 1e-14);
        }
    }

    /// At the most likely curve the mean probability is the mean (smoothed) label.
    #[test]
    fn platt_is_right_on_average(items in scored()) {
        let Ok(platt) = Platt::fit(&items) else {
            // All scores are equal.
            prop_assert!(items.iter().all(|item| item.score.to_bits() == items[0].score.to_bits()));
            return Ok(());
        };
        let positives = number(items.iter().filter(|item| item.positive).count());
        let negatives = number(items.len()) - positives;
        let labels = positives * (positives + 1.0) / (positives + 2.0) + negatives / (negatives + 2.0);
        let sum: f64 = items.iter().map(|item| platt.p(item.score).unwrap()).sum();
        prop_assert!((sum - labels).abs() < 1e-6, "{} {}", sum, labels);
    }

    /// At the best weights the gradient of the likelihood is the penalty's; and more penalty makes shorter weights.
    #[test]
    fn logistic_regression_is_at_its_optimum(
        cases in prop::collection::vec((-5.0..5.0, 0.0..100.0, any::<bool>()), 2..40), l2 in 0.1..10.0,
    ) {
        let mut examples: Vec<Example> =
            cases.iter().map(|(a, b, positive)| Example { features: vec![*a, *b], positive: *positive }).collect();
        examples.extend([true, false].map(|positive| Example { features: vec![0.3, 30.0], positive }));
        let model = Logistic::fit(&examples, l2)?;
        let n = number(examples.len());
        let off = |example: &Example| one(example.positive) - model.p(&example.features).unwrap();
        prop_assert!(examples.iter().map(off).sum::<f64>().abs() < 1e-8 * n);
        for i in 0..2 {
            let spread = (examples.iter().map(|e| (e.features[i] - model.means[i]).powi(2)).sum::<f64>() / n).sqrt();
            let gradient: f64 = examples.iter().map(|e| off(e) * (e.features[i] - model.means[i]) / spread).sum();
            prop_assert!((gradient - l2 * model.weights[i] * spread).abs() < 1e-8 * n, "{} {}", gradient, model.weights[i]);
        }
        for example in &examples {
            let because = model.contributions(&example.features)?;
            let sum = model.baseline() + because.iter().sum::<f64>();
            prop_assert!((sum - model.log_odds(&example.features)?).abs() < 1e-9);
        }
    }

    #[test]
    fn kaplan_meier_is_a_product_over_times(
        lives in prop::collection::vec((0_u8..10, any::<bool>()), 1..30), at in 0_u8..12,
    ) {
        let lives: Vec<_> =
            lives.iter().map(|(duration, ended)| Lifetime { duration: f64::from(*duration), ended: *ended }).collect();
        let curve = KaplanMeier::fit(&lives, 0.9)?;
        let mut share = 1.0;
        for time in 0..=at {
            let time = f64::from(time);
            let at_risk = lives.iter().filter(|life| life.duration >= time).count();
            let ended = lives.iter().filter(|life| life.duration.to_bits() == time.to_bits() && life.ended).count();
            if at_risk > 0 {
                share *= 1.0 - number(ended) / number(at_risk);
            }
        }
        prop_assert!((curve.survival(f64::from(at))? - share).abs() < 1e-14);
        for step in curve.steps() {
            prop_assert_eq!(step.interval.is_none(), step.survival.to_bits() == 0);
            if let Some((low, high)) = step.interval {
                prop_assert!(0.0 <= low && low <= step.survival && step.survival <= high && high <= 1.0, "{:?}", step);
            }
        }
    }
}
