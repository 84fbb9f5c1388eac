//! The logarithm of the gamma function and its derivative.

use super::ln;

/// lnΓ(x) for x > 0.
pub(crate) fn ln_gamma(x: f64) -> f64 {
    libm::lgamma(x)
}

/// ψ(x) = d lnΓ(x) / dx for x > 0: upwards to 10 by ψ(x) = ψ(x + 1) − 1/x, and there the asymptotic series.
///
/// # Source
/// Abramowitz and Stegun, Handbook of Mathematical Functions, 6.3.5 and 6.3.18.
pub(crate) fn digamma(mut x: f64) -> f64 {
    let mut shift = 0.0;
    while x < 10.0 {
        shift -= 1.0 / x;
        x += 1.0;
    }
    let z = 1.0 / (x * x);
    let series = z
        * (1.0 / 12.0
            - z * (1.0 / 120.0
                - z * (1.0 / 252.0
                    - z * (1.0 / 240.0 - z * (1.0 / 132.0 - z * (691.0 / 32_760.0 - z / 12.0))))));
    shift + ln(x) - 0.5 / x - series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digamma_has_its_known_values() {
        let euler = 0.577_215_664_901_532_9;
        for (x, expected) in [
            (1.0, -euler),
            (0.5, -euler - 2.0 * core::f64::consts::LN_2),
            (10.0, 2.251_752_589_066_721),
            (1e-6, -1_000_000.577_214_02),
            (1e8, 18.420_680_738_952_366),
        ] {
            assert!((digamma(x) - expected).abs() <= 1e-14 * expected.abs().max(1.0), "{x}: {}", digamma(x));
        }
    }

    #[test]
    fn ln_gamma_has_its_known_values() {
        assert!((ln_gamma(0.5) - 0.572_364_942_924_700_1).abs() < 1e-15);
        assert!((ln_gamma(10_000.5) - 82_104.322_654_128_37).abs() < 1e-8);
    }
}
