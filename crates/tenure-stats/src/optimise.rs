//! The minimum of a smooth function of a few numbers whose gradient is known.
//!
//! Quasi-Newton steps (BFGS) come near, and Newton steps with a Hessian from differences of the gradient, which standard
//! errors need anyway, get the last digits.

use crate::linear::{Cholesky, dot};

/// A value and its gradient.
pub(crate) type Slope = (f64, Vec<f64>);

pub(crate) struct Minimum {
    pub(crate) at: Vec<f64>,
    pub(crate) value: f64,
    /// Of the value at the minimum; nothing where it is not positive definite.
    pub(crate) hessian: Option<Cholesky>,
    pub(crate) iterations: usize,
    /// Whether the gradient vanished, and inside of the box.
    pub(crate) settled: bool,
}

/// Coordinates are logarithms of parameters: nothing is looked for beyond e^±23, a factor of 10^10.
pub(crate) const BOX: f64 = 23.0;
const MOST_STEPS: usize = 500;
/// BFGS ends here; values are about 1, so a decrease can still be told from rounding.
const NEAR: f64 = 1e-7;
/// Rounding of the sums is all that is left of a gradient.
const NOTHING: f64 = 1e-13;
/// No coordinate moves further in one step.
const LONGEST: f64 = 2.0;

/// Nothing if the function has no value at `start`. Where it has none (`None`) elsewhere, steps are shortened.
pub(crate) fn minimise(start: &[f64], f: impl Fn(&[f64]) -> Option<Slope>) -> Option<Minimum> {
    let mut at = start.to_vec();
    let (mut value, mut gradient) = f(&at)?;
    let mut inverse = initial(&at, &gradient, &f);
    let mut iterations = 0;
    while iterations < MOST_STEPS && size(&gradient) > NEAR && size(&at) < BOX {
        iterations += 1;
        let mut direction: Vec<f64> = inverse.iter().map(|row| -dot(row, &gradient)).collect();
        let mut descent = dot(&direction, &gradient);
        if !(descent < 0.0 && descent.is_finite()) {
            inverse = identity(at.len());
            direction = gradient.iter().map(|g| -g).collect();
            descent = -dot(&gradient, &gradient);
        }
        let scale = (LONGEST / size(&direction)).min(1.0);
        let Some((step, (next_value, next_gradient))) = search(&at, value, &direction, descent, scale, &f)
        else {
            // Nothing lower is found along the way down: rounding is all that is left.
            break;
        };
        let moved: Vec<f64> = direction.iter().map(|d| d * step).collect();
        let turned: Vec<f64> = next_gradient.iter().zip(&gradient).map(|(next, now)| next - now).collect();
        update(&mut inverse, &moved, &turned);
        at.iter_mut().zip(&moved).for_each(|(x, m)| *x += m);
        (value, gradient) = (next_value, next_gradient);
    }
    let hessian = Cholesky::of(&differences(&at, &f));
    if let Some(hessian) = &hessian {
        for _ in 0..8 {
            if size(&gradient) < NOTHING {
                break;
            }
            let step = hessian.solve(&gradient);
            let next: Vec<f64> = at.iter().zip(&step).map(|(x, s)| x - s).collect();
            let Some((next_value, next_gradient)) = f(&next) else { break };
            if size(&step) > 1.0 || size(&next_gradient) >= size(&gradient) {
                break;
            }
            (at, value, gradient) = (next, next_value, next_gradient);
        }
    }
    let settled = size(&gradient) < 1e-6 && size(&at) < BOX;
    Some(Minimum { at, value, hessian, iterations, settled })
}

/// A step along `direction` that lowers the value enough (Armijo), halved or interpolated until it does.
fn search(
    at: &[f64],
    value: f64,
    direction: &[f64],
    descent: f64,
    mut step: f64,
    f: &impl Fn(&[f64]) -> Option<Slope>,
) -> Option<(f64, Slope)> {
    for _ in 0..40 {
        let next: Vec<f64> = at.iter().zip(direction).map(|(x, d)| x + d * step).collect();
        match f(&next).filter(|(next_value, _)| next_value.is_finite()) {
            Some(found) if found.0 <= value + 1e-4 * step * descent => return Some((step, found)),
            Some((above, _)) => {
                let parabola = -descent * step * step / (2.0 * (above - value - descent * step));
                step = parabola.clamp(0.1 * step, 0.5 * step);
            }
            None => step *= 0.25,
        }
    }
    None
}

/// BFGS: the inverse of the Hessian after a step and the turn of the gradient along it.
fn update(inverse: &mut [Vec<f64>], moved: &[f64], turned: &[f64]) {
    let curvature = dot(moved, turned);
    let enough = curvature > 1e-12 * libm::sqrt(dot(moved, moved) * dot(turned, turned));
    if !enough {
        return;
    }
    let seen: Vec<f64> = inverse.iter().map(|row| dot(row, turned)).collect();
    let stretch = (1.0 + dot(&seen, turned) / curvature) / curvature;
    for ((row, m), s) in inverse.iter_mut().zip(moved).zip(&seen) {
        for ((entry, n), t) in row.iter_mut().zip(moved).zip(&seen) {
            *entry += stretch * m * n - (s * n + m * t) / curvature;
        }
    }
}

/// The inverse of the Hessian at the start where it is positive definite.
fn initial(at: &[f64], gradient: &[f64], f: &impl Fn(&[f64]) -> Option<Slope>) -> Vec<Vec<f64>> {
    const APART: f64 = 1e-4;
    let rows: Option<Vec<Vec<f64>>> = (0..at.len())
        .map(|i| {
            let (_, there) = f(&shifted(at, i, APART))?;
            Some(there.iter().zip(gradient).map(|(there, here)| (there - here) / APART).collect())
        })
        .collect();
    match rows.and_then(|rows| Cholesky::of(&symmetric(&rows))) {
        Some(hessian) => identity(at.len()).iter().map(|unit| hessian.solve(unit)).collect(),
        None => identity(at.len()),
    }
}

/// The Hessian, from central differences of the gradient.
fn differences(at: &[f64], f: &impl Fn(&[f64]) -> Option<Slope>) -> Vec<Vec<f64>> {
    const APART: f64 = 1e-4;
    let rows: Vec<Vec<f64>> = (0..at.len())
        .map(|i| match (f(&shifted(at, i, APART)), f(&shifted(at, i, -APART))) {
            (Some((_, up)), Some((_, down))) => {
                up.iter().zip(&down).map(|(up, down)| (up - down) / (2.0 * APART)).collect()
            }
            _ => vec![f64::NAN; at.len()],
        })
        .collect();
    symmetric(&rows)
}

fn symmetric(rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let column = |i: usize| rows.iter().map(move |row| row.get(i).copied().unwrap_or(f64::NAN));
    rows.iter()
        .enumerate()
        .map(|(i, row)| row.iter().zip(column(i)).map(|(a, b)| 0.5 * (a + b)).collect())
        .collect()
}

fn shifted(at: &[f64], place: usize, by: f64) -> Vec<f64> {
    at.iter().enumerate().map(|(i, x)| if i == place { x + by } else { *x }).collect()
}

fn identity(size: usize) -> Vec<Vec<f64>> {
    (0..size).map(|i| (0..size).map(|j| f64::from(u8::from(i == j))).collect()).collect()
}

/// The largest magnitude.
fn size(vector: &[f64]) -> f64 {
    vector.iter().fold(0.0, |most, x| x.abs().max(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_banana_valley_is_followed_to_its_end() {
        let rosenbrock = |x: &[f64]| {
            let [a, b] = *x else { return None };
            let valley = b - a * a;
            let value = (1.0 - a) * (1.0 - a) + 100.0 * valley * valley;
            Some((value, vec![-2.0 * (1.0 - a) - 400.0 * a * valley, 200.0 * valley]))
        };
        let minimum = minimise(&[-1.2, 1.0], rosenbrock).unwrap();
        assert!(minimum.settled && minimum.iterations < 60, "{}", minimum.iterations);
        assert!(minimum.at.iter().all(|x| (x - 1.0).abs() < 1e-12));
        // The inverse of the Hessian [[802, -400], [-400, 200]].
        let inverse = minimum.hessian.unwrap().inverse_diagonal();
        assert!((inverse[0] - 0.5).abs() < 1e-5 && (inverse[1] - 2.005).abs() < 1e-5, "{inverse:?}");
    }

    #[test]
    fn a_function_without_a_minimum_does_not_settle_far_away() {
        let minimum = minimise(&[0.0], |x| Some((-x[0], vec![-1.0]))).unwrap();
        assert!(!minimum.settled && minimum.at[0] >= BOX);
    }
}
