//! Extreme histories and parameters, beside what `tests/reference/stress.py` computed with 120 digits.

use tenure_stats::{BgNbd, MbgNbd, ParetoNbd, PurchaseModel, PurchaseSummary};

/// A line of the file.
struct Point {
    line: &'static str,
    model: Box<dyn PurchaseModel>,
    history: PurchaseSummary,
    horizon: f64,
    expected: [f64; 4],
}

fn points() -> Vec<Point> {
    let text = include_str!("../reference/stress.csv");
    let point = |line: &'static str| {
        let (name, cells) = line.split_once(',').unwrap();
        let cells: Vec<f64> = cells.split(',').map(|cell| cell.parse().unwrap()).collect();
        let [p1, p2, p3, p4, _, recency, age, horizon, rest @ ..] = cells.as_slice() else {
            panic!("{line}")
        };
        let model: Box<dyn PurchaseModel> = match name {
            "BG/NBD" => Box::new(BgNbd::new(*p1, *p2, *p3, *p4).unwrap()),
            "MBG/NBD" => Box::new(MbgNbd::new(*p1, *p2, *p3, *p4).unwrap()),
            "Pareto/NBD" => Box::new(ParetoNbd::new(*p1, *p2, *p3, *p4).unwrap()),
            _ => panic!("{line}"),
        };
        let frequency = line.split(',').nth(5).unwrap().parse().unwrap();
        let history = PurchaseSummary { frequency, recency: *recency, age: *age };
        Point { line, model, history, horizon: *horizon, expected: rest.try_into().unwrap() }
    };
    text.lines().skip(1).map(point).collect()
}

/// Probabilities to 12 digits behind the point and expected purchases to 10 in all; likelihoods to 12.
#[test]
fn stress_points_are_what_120_digits_give() {
    let points = points();
    assert_eq!(points.len(), 312);
    let mut worst = [0.0_f64; 4];
    for Point { line, model, history, horizon, expected } in points {
        let got = [
            model.log_likelihood(history).unwrap(),
            model.p_alive(history).unwrap(),
            model.expected_purchases(history, horizon).unwrap(),
            model.p_no_purchase(history, horizon).unwrap(),
        ];
        let scales = [expected[0].abs().max(1.0), 1.0, expected[2].abs(), 1.0];
        for (i, tolerance) in [1e-12, 1e-12, 1e-10, 1e-12].into_iter().enumerate() {
            let off = (got[i] - expected[i]).abs();
            worst[i] = worst[i].max(if off > 0.0 { off / scales[i] } else { 0.0 });
            if off > tolerance * scales[i] {
                println!("{line}\n answer {i}: {}, expected {}", got[i], expected[i]);
            }
        }
    }
    println!(
        "furthest off: log-likelihood {:e}, p_alive {:e}, expected purchases {:e}, P0 {:e}",
        worst[0], worst[1], worst[2], worst[3]
    );
    assert!(worst[0] < 1e-12 && worst[1] < 1e-12 && worst[2] < 1e-10 && worst[3] < 1e-12);
}
