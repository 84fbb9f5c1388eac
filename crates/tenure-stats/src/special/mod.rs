//! Special functions. Elementary ones come from `libm`, not from the platform, so that results have the same bits everywhere.

mod beta_mean;
mod gamma;
mod quadrature;
mod rising;

pub(crate) use beta_mean::beta_mean;
pub(crate) use gamma::{digamma, ln_gamma};
pub(crate) use libm::{exp, expm1, log as ln, log1p as ln_1p};
pub(crate) use quadrature::panels;
pub(crate) use rising::Rising;

/// ln(eᵃ + eᵇ).
pub(crate) fn ln_add_exp(a: f64, b: f64) -> f64 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY { high } else { high + ln_1p(exp(low - high)) }
}

/// 1 / (1 + e⁻ˣ).
pub(crate) fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + exp(-x))
    } else {
        let e = exp(x);
        e / (1.0 + e)
    }
}

/// ln(1 + eˣ).
pub(crate) fn softplus(x: f64) -> f64 {
    x.max(0.0) + ln_1p(exp(-x.abs()))
}

/// (eˣ − 1) / x, which is 1 at 0.
pub(crate) fn expm1_ratio(x: f64) -> f64 {
    // Below, the next term is less than half a unit in the last place.
    if x.abs() < 1e-16 { 1.0 } else { expm1(x) / x }
}

/// A count as a number; exact below 2^53.
#[expect(clippy::cast_precision_loss, reason = "no slice holds 2^53 items")]
pub(crate) const fn count(items: usize) -> f64 {
    items as f64
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "exact to the bit")]
mod tests {
    use super::*;

    #[test]
    fn small_helpers_keep_their_digits_at_the_ends() {
        assert_eq!(ln_add_exp(f64::NEG_INFINITY, -3.0), -3.0);
        assert_eq!(ln_add_exp(-1e4, -1e4), -1e4 + core::f64::consts::LN_2);
        assert_eq!(sigmoid(-800.0), 0.0);
        assert_eq!(sigmoid(800.0), 1.0);
        assert_eq!(softplus(800.0), 800.0);
        assert!((expm1_ratio(1e-9) - 1.000_000_000_5).abs() < 1e-15);
        assert_eq!(expm1_ratio(0.0), 1.0);
    }
}
