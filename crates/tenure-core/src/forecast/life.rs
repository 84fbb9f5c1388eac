//! How long customers pay, and how likely it is that they end it.

use std::collections::BTreeMap;

use serde::Serialize;
use tenure_stats::{DiscreteHazard, Spell, StatsError};

use crate::projection::recurring::RecurringView;
use crate::time::{Duration, Timestamp};

/// A month of a life: a twelfth of 365 days, in microseconds.
pub(crate) const MONTH: i64 = 365 * 86_400_000_000 / 12;

/// How strongly the weights of the hazard are held to 0, for features of spread 1.
const L2: f64 = 1.0;

/// The life of a paying customer: from the instant at which something is due a month until nothing is any more.
///
/// All subscriptions of a customer count together, those for nothing do not; who pays again has another life. A life that
/// goes on is known as far as it went.
///
/// # Example
/// ```
/// use tenure_core::forecast::Life;
/// use tenure_core::projection::recurring::{RecurringView, Step};
/// use tenure_core::Timestamp;
/// let at = |text| Timestamp::parse(text);
/// let steps = vec![
///     Step { at: at("2024-01-01T00:00:00Z")?, minor: 1_000 },
///     Step { at: at("2024-03-01T00:00:00Z")?, minor: 0 },
///     Step { at: at("2024-06-01T00:00:00Z")?, minor: 500 },
/// ];
/// let lives = Life::all(&RecurringView { steps, ..RecurringView::default() }, at("2024-06-15T00:00:00Z")?);
/// let days: Vec<i64> = lives.iter().map(|life| life.lasts.as_days()).collect();
/// assert_eq!((days, lives[0].ended, lives[1].ended, lives[1].again), (vec![60, 14], true, false, true));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Life {
    /// How long it is.
    pub lasts: Duration,
    /// Whether it is over.
    pub ended: bool,
    /// Whether it is not the first one of its customer.
    pub again: bool,
}

impl Life {
    /// The lives of a customer up to an instant, in order of time.
    pub fn all(view: &RecurringView, as_of: Timestamp) -> Vec<Self> {
        let mut lives = Vec::new();
        let mut began: Option<Timestamp> = None;
        let life = |began: Timestamp, until: Timestamp, ended, before: &[Self]| Self {
            lasts: until.since(began),
            ended,
            again: !before.is_empty(),
        };
        for step in view.steps.iter().take_while(|step| step.at <= as_of) {
            match began {
                None if step.minor > 0 => began = Some(step.at),
                Some(since) if step.minor <= 0 => {
                    lives.push(life(since, step.at, true, &lives));
                    began = None;
                }
                _ => {}
            }
        }
        lives.extend(began.map(|since| life(since, as_of, false, &lives)));
        lives
    }

    /// Months that were lived to their end; the one in which a life ended counts.
    pub fn months(self) -> u32 {
        let micros = self.lasts.as_micros();
        let whole = if self.ended { (micros - 1).div_euclid(MONTH) + 1 } else { micros / MONTH };
        u32::try_from(whole.max(i64::from(self.ended))).unwrap_or(u32::MAX).min(Spell::MOST_PERIODS)
    }

    fn again(self) -> f64 {
        f64::from(u8::from(self.again))
    }
}

/// How likely paying ends in a month of life, of a life that has begun it: log-odds `intercept + ln_month · ln(month) + again`
/// for who has come back.
///
/// It is learnt from all months that were lived to their end (logistic regression on person-periods, as
/// [`DiscreteHazard`] has it). It is smooth: that yearly contracts end after twelve months is not in it.
///
/// # Example
/// ```
/// use std::collections::BTreeMap;
/// use tenure_core::forecast::Hazard;
/// assert!(Hazard::of(&BTreeMap::new()).is_err()); // nobody to learn from
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Hazard {
    /// Of the first month.
    pub intercept: f64,
    /// For the logarithm of the month: below 0 where the danger passes.
    pub ln_month: f64,
    /// For who has come back.
    pub again: f64,
}

impl Hazard {
    /// Learns it from lives, each with the number of customers who had it.
    ///
    /// # Errors
    /// [`StatsError::TooFew`] without a month that was lived to its end, [`StatsError::OneClass`] where no life ended, or
    /// each in its first month.
    pub fn of(lives: &BTreeMap<Life, u64>) -> Result<Self, StatsError> {
        let counted = lives.iter().filter(|(life, _)| life.months() > 0);
        let spells: Vec<Spell> = counted
            .map(|(life, customers)| Spell {
                periods: life.months(),
                ended: life.ended,
                features: vec![life.again()],
                customers: *customers,
            })
            .collect();
        let logistic = DiscreteHazard::fit(&spells, L2)?.logistic;
        match *logistic.weights.as_slice() {
            [ln_month, again] => Ok(Self { intercept: logistic.intercept, ln_month, again }),
            _ => Err(StatsError::Length { what: "weights", seen: logistic.weights.len(), expected: 2 }),
        }
    }

    /// Probability that a life that goes on ends within a time; 0 to 1. Within a month of life the danger is the same at
    /// every instant, so a part of a month counts as a part.
    pub fn p_end(&self, life: Life, within: Duration) -> f64 {
        let mut from = life.lasts.as_micros().max(0);
        let to = from.saturating_add(within.as_micros());
        let mut ln_stays = 0.0;
        while from < to {
            let month = from / MONTH + 1;
            // The months after the last one that is told apart are as that one.
            let over = if month < i64::from(Spell::MOST_PERIODS) { to.min(month * MONTH) } else { to };
            #[expect(clippy::cast_precision_loss, reason = "a part of a month")]
            let months = (over - from) as f64 / MONTH as f64;
            ln_stays -= months * self.danger(month, life);
            from = over;
        }
        -libm::expm1(ln_stays)
    }

    /// −ln(1 − hazard) of a month.
    fn danger(&self, month: i64, life: Life) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "at most 10,000")]
        let month = month.min(i64::from(Spell::MOST_PERIODS)) as f64;
        let log_odds = self.intercept + self.ln_month * libm::log(month) + self.again * life.again();
        // ln(1 + e^z), where e^z may not fit.
        log_odds.max(0.0) + libm::log1p(libm::exp(-log_odds.abs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::projection::recurring::Step;

    fn day(day: i64) -> Timestamp {
        Timestamp::from_micros(day * 86_400_000_000).unwrap()
    }

    #[test]
    fn what_happens_later_is_not_seen_yet() {
        let steps = [(10, 900), (40, 0), (60, 500), (90, 0)];
        let steps = steps.map(|(at, minor)| Step { at: day(at), minor }).to_vec();
        let view = RecurringView { steps, ..RecurringView::default() };
        let life = |days, ended, again| Life { lasts: Duration::days(days), ended, again };
        assert_eq!(Life::all(&view, day(9)), []);
        assert_eq!(Life::all(&view, day(39)), [life(29, false, false)]);
        assert_eq!(Life::all(&view, day(59)), [life(30, true, false)]);
        assert_eq!(Life::all(&view, day(80)), [life(30, true, false), life(20, false, true)]);
    }

    #[test]
    fn who_has_come_back_is_told_apart() {
        let life = |days, ended, again| Life { lasts: Duration::days(days), ended, again };
        let lives = [
            (life(50, true, false), 5),
            (life(400, false, false), 20),
            (life(50, true, true), 20),
            (life(400, false, true), 5),
        ];
        let hazard = Hazard::of(&BTreeMap::from(lives)).unwrap();
        let p_end = |again| hazard.p_end(life(30, false, again), Duration::days(90));
        assert!(hazard.again > 0.5 && p_end(true) > 1.5 * p_end(false), "{hazard:?}");
        assert!(hazard.p_end(life(30, false, true), Duration::ZERO).abs() < f64::EPSILON);
    }
}
