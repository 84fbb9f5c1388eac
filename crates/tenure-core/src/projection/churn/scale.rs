//! From a raw value to points: whole numbers alone.

use super::policy::Limit;

/// How the raw value of one signal becomes points: none on the good side of the threshold, `weight` at it, and `weight`
/// once more for each further `every` towards the bad side, up to `cap`.
///
/// # Laws
/// L6: points never fall as the raw value moves to the bad side where `weight` is positive, and never rise where it is
/// negative.
///
/// # Example
/// ```
/// use tenure_core::projection::churn::{Limit, Scale};
/// let scale = Scale { threshold: Limit::AtLeast(30), every: Some(10), weight: 15, cap: 40, or_never: false };
/// let points = |raw| scale.points(Some(raw));
/// assert_eq!([29, 30, 39, 40, 50, 900].map(points), [0, 15, 15, 30, 40, 40]);
/// assert_eq!(scale.points(None), 0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// From where it counts, and towards which side it gets worse.
    pub threshold: Limit<i64>,
    /// How far the next step is; none: there is one step.
    pub every: Option<i64>,
    /// Points a step; negative for a good signal.
    pub weight: i32,
    /// Where the points stop, of the sign of `weight`.
    pub cap: i32,
    /// Whether no raw value at all is as bad as can be.
    pub or_never: bool,
}

impl Scale {
    /// The points of a raw value; none is that of what never was.
    pub fn points(&self, raw: Option<i64>) -> i32 {
        self.points_of(self.steps(raw))
    }

    /// How many steps a raw value has reached.
    fn steps(&self, raw: Option<i64>) -> u64 {
        let Some(raw) = raw else { return if self.or_never { u64::MAX } else { 0 } };
        let over = match self.threshold {
            Limit::AtLeast(threshold) => i128::from(raw) - i128::from(threshold),
            Limit::AtMost(threshold) => i128::from(threshold) - i128::from(raw),
        };
        match (u64::try_from(over), self.every) {
            (Err(_), _) => 0,
            (Ok(_), None) => 1,
            (Ok(over), Some(every)) => 1 + over / every.max(1).unsigned_abs(),
        }
    }

    fn points_of(&self, steps: u64) -> i32 {
        let steps = i64::try_from(steps.min(self.last_step())).unwrap_or(i64::MAX);
        let points = i64::from(self.weight).saturating_mul(steps);
        let (low, high) = (self.cap.min(0), self.cap.max(0));
        i32::try_from(points.clamp(low.into(), high.into())).unwrap_or(self.cap)
    }

    /// The step from which on points stay.
    pub(super) fn last_step(&self) -> u64 {
        last_step(self.weight, self.cap, self.every.is_some())
    }

    /// The first instant after another at which what grows by itself since `from` reaches a step.
    pub(super) fn next_step(&self, from: i64, after: i64) -> Option<i64> {
        let Limit::AtLeast(threshold) = self.threshold else { return None };
        let reached = self.steps(Some(after.saturating_sub(from)));
        if reached >= self.last_step() {
            return None;
        }
        let further = self.every.unwrap_or(0).checked_mul(i64::try_from(reached).ok()?)?;
        from.checked_add(threshold)?.checked_add(further)
    }
}

/// The step from which on points stay.
pub(super) fn last_step(weight: i32, cap: i32, repeats: bool) -> u64 {
    if repeats { cap.unsigned_abs().div_ceil(weight.unsigned_abs().max(1)).max(1).into() } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale(threshold: Limit<i64>, every: Option<i64>, weight: i32, cap: i32) -> Scale {
        Scale { threshold, every, weight, cap, or_never: false }
    }

    #[test]
    fn the_bad_side_may_be_below_and_points_may_be_good() {
        let low = scale(Limit::AtMost(6), Some(2), 10, 25);
        assert_eq!([7, 6, 5, 4, 2, -900].map(|raw| low.points(Some(raw))), [0, 10, 10, 20, 25, 25]);
        let good = scale(Limit::AtLeast(4), Some(1), -5, -12);
        assert_eq!([3, 4, 5, 6, i64::MAX].map(|raw| good.points(Some(raw))), [0, -5, -10, -12, -12]);
    }

    #[test]
    fn one_step_without_every_and_what_never_was_is_the_last_step_where_asked() {
        let once = scale(Limit::AtLeast(0), None, 15, 15);
        assert_eq!([-1, 0, i64::MAX].map(|raw| once.points(Some(raw))), [0, 15, 15]);
        let never = Scale { or_never: true, every: Some(1), cap: 50, ..once };
        assert_eq!((once.points(None), never.points(None)), (0, 50));
    }

    #[test]
    fn the_next_step_is_the_instant_at_which_points_change() {
        let scale = scale(Limit::AtLeast(30), Some(10), 15, 40);
        let steps = [0, 29, 30, 39, 40, 49, 50].map(|after| scale.next_step(0, after));
        assert_eq!(steps, [Some(30), Some(30), Some(40), Some(40), Some(50), Some(50), None]);
    }
}
