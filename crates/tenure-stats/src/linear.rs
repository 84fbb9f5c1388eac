//! Small symmetric systems of equations.

/// A lower triangle L with L Lᵀ = A for a symmetric positive definite A, by rows.
pub(crate) struct Cholesky {
    rows: Vec<Vec<f64>>,
}

impl Cholesky {
    /// Nothing for a matrix that is not positive definite to working precision.
    pub(crate) fn of(matrix: &[Vec<f64>]) -> Option<Self> {
        let mut rows: Vec<Vec<f64>> = Vec::with_capacity(matrix.len());
        for (i, source) in matrix.iter().enumerate() {
            let mut row: Vec<f64> = Vec::with_capacity(i + 1);
            for (a, above) in source.iter().zip(&rows) {
                let pivot = above.last()?;
                row.push((a - dot(&row, above)) / pivot);
            }
            let diagonal = source.get(i)?;
            let rest = diagonal - dot(&row, &row);
            // A NaN is refused, too.
            if !(rest > diagonal * 1e-14 && rest.is_finite()) {
                return None;
            }
            row.push(libm::sqrt(rest));
            rows.push(row);
        }
        Some(Self { rows })
    }

    /// The solution of A x = b.
    pub(crate) fn solve(&self, b: &[f64]) -> Vec<f64> {
        let mut x: Vec<f64> = Vec::with_capacity(b.len());
        for (row, value) in self.rows.iter().zip(b) {
            let pivot = row.last().copied().unwrap_or(1.0);
            x.push((value - dot(row, &x)) / pivot);
        }
        for (i, row) in self.rows.iter().enumerate().rev() {
            let pivot = row.last().copied().unwrap_or(1.0);
            let solved = x.get(i).map_or(0.0, |value| value / pivot);
            for (value, l) in x.iter_mut().zip(row.iter().take(i)) {
                *value -= l * solved;
            }
            if let Some(value) = x.get_mut(i) {
                *value = solved;
            }
        }
        x
    }

    /// The diagonal of the inverse of A.
    pub(crate) fn inverse_diagonal(&self) -> Vec<f64> {
        (0..self.rows.len())
            .map(|i| {
                let unit: Vec<f64> = (0..self.rows.len()).map(|j| f64::from(u8::from(i == j))).collect();
                self.solve(&unit).get(i).copied().unwrap_or(f64::NAN)
            })
            .collect()
    }
}

/// The sum of products, over the shorter of two.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_solved_and_inverted() {
        let matrix = vec![vec![4.0, 2.0, 0.6], vec![2.0, 5.0, 1.0], vec![0.6, 1.0, 3.0]];
        let cholesky = Cholesky::of(&matrix).unwrap();
        let x = cholesky.solve(&[1.0, -2.0, 3.0]);
        for (row, b) in matrix.iter().zip([1.0, -2.0, 3.0]) {
            assert!((dot(row, &x) - b).abs() < 1e-14);
        }
        // By the adjugate: 14 / det, (12 - 0.36) / det, 16 / det.
        let det = 60.0 + 2.0 * 2.0 * 0.6 - 5.0 * 0.36 - 4.0 - 12.0;
        let expected = [14.0 / det, 11.64 / det, 16.0 / det];
        for (got, expected) in cholesky.inverse_diagonal().iter().zip(expected) {
            assert!((got - expected).abs() < 1e-14);
        }
        assert!(Cholesky::of(&[vec![1.0, 2.0], vec![2.0, 1.0]]).is_none());
    }
}
