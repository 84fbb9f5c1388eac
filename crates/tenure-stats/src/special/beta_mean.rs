//! The mean of a function of a probability that is distributed as Beta(a, b).

use super::{exp, expm1, sigmoid, softplus};

/// The mean of `g(p)` for p ~ Beta(a, b), by the trapezoidal rule in v = ln(p / (1 − p)).
///
/// On the whole line that rule converges exponentially for functions that are analytic near it, and the weight is divided
/// by its own sum, so no beta function is needed. `g` must be bounded and smooth in v, and constant below
/// p = e^(−37) / `steepness` to all digits. Tails are geometric series.
#[expect(clippy::many_single_char_names, reason = "as in the formula")]
pub(crate) fn beta_mean(a: f64, b: f64, steepness: f64, g: impl Fn(f64) -> f64) -> f64 {
    let mode = super::ln(a / b);
    // Analytic in a strip of π/2; and narrower than that where both shapes are large.
    let h = (0.5 * libm::sqrt(1.0 / a + 1.0 / b)).min(0.25);
    // Beyond, e^v and e^(−v) times whatever they are multiplied by are nothing beside 1.
    let lowest = mode.min(-37.0 - super::ln(1.0 + a + b) - super::ln(steepness.clamp(1.0, f64::MAX)));
    let highest = mode.max(37.0 + super::ln(1.0 + a + b));
    let phase = |v: f64| -a * softplus(-v) - b * softplus(v);
    let top = phase(mode);
    let (mut mass, mut sum) = (1.0, g(sigmoid(mode)));
    for (direction, end, decay) in [(-h, lowest, a), (h, highest, b)] {
        let mut v = mode;
        for _ in 0..MOST_NODES {
            v += direction;
            let (weight, value) = (exp(phase(v) - top), g(sigmoid(v)));
            let (weight, last) = if (v - end) * direction > 0.0 {
                // From here on the weight is multiplied by e^(−decay h) at each step: 1 / (1 − e^(−decay h)) in all.
                (weight / -expm1(-decay * h), true)
            } else {
                (weight, weight < 1e-20 && weight * value <= 1e-20 * sum)
            };
            mass += weight;
            sum += weight * value;
            if last {
                break;
            }
        }
    }
    sum / mass
}

/// More than any pair of shapes needs whose ratio is a number.
const MOST_NODES: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_of_powers_are_known() {
        for (a, b) in
            [(0.8, 2.4), (1e-6, 1.0), (1e-3, 1e-3), (2.0, 10_000.0), (5_000.0, 3.0), (4e4, 9e4), (1.0, 1e7)]
        {
            let mean = beta_mean(a, b, 1.0, |p| 1.0 - p);
            assert!((mean / (b / (a + b)) - 1.0).abs() < 1e-11, "{a} {b}: {mean}");
            let square = beta_mean(a, b, 1.0, |p| (1.0 - p) * (1.0 - p));
            let expected = b / (a + b) * (b + 1.0) / (a + b + 1.0);
            assert!((square / expected - 1.0).abs() < 1e-11, "{a} {b}: {square}");
        }
    }
}
