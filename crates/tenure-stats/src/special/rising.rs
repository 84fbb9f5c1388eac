//! Products c (c + 1) … (c + n − 1) = Γ(c + n) / Γ(c) for all n at once.

use super::ln;

/// Logarithms of rising factorials of one number, with their derivatives.
///
/// Sums of logarithms over whole numbers cost one logarithm for each, are shared by all customers, and lose no digits
/// where lnΓ(c + n) − lnΓ(c) would.
pub(crate) struct Rising {
    ln: Vec<f64>,
    slope: Vec<f64>,
}

impl Rising {
    /// For n from 0 to `most`: Σ ln(c + i) and Σ 1/(c + i) over i < n.
    pub(crate) fn new(c: f64, most: u32) -> Self {
        Self::of(most, |i| (ln(c + i), 1.0 / (c + i)))
    }

    /// For n from 0 to `most`, the sums over i < n of a term and of its derivative.
    pub(crate) fn of(most: u32, term: impl Fn(f64) -> (f64, f64)) -> Self {
        let (mut sum, mut slopes) = (0.0, 0.0);
        let (mut ln, mut slope) = (vec![0.0], vec![0.0]);
        for i in 0..most {
            let (t, s) = term(f64::from(i));
            sum += t;
            slopes += s;
            ln.push(sum);
            slope.push(slopes);
        }
        Self { ln, slope }
    }

    /// The sum of n terms; n is at most what the table was made for.
    pub(crate) fn ln(&self, n: u32) -> f64 {
        at(&self.ln, n)
    }

    /// The derivative of the sum of n terms.
    pub(crate) fn slope(&self, n: u32) -> f64 {
        at(&self.slope, n)
    }
}

fn at(table: &[f64], n: u32) -> f64 {
    // Tables are made for the largest n that is asked for.
    usize::try_from(n).ok().and_then(|n| table.get(n)).copied().unwrap_or(f64::NAN)
}
