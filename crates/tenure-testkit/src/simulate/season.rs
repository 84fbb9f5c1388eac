//! When things happen: the year, the week and the hour of the day, as weights of a rate.

use chrono::Datelike;
use tenure_core::{Timestamp, Zone};

use super::random::Random;

/// Microseconds of a day.
pub(super) const DAY: i64 = 86_400_000_000;
const HOUR: i64 = 3_600_000_000;

/// Whose rhythm. Weights are per mille with the mean 1,000; instants are read as UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rhythm {
    /// Evenings, weekends, November and December.
    Shopping,
    /// Working hours.
    Office,
}

const SHOPPING: Weights = Weights {
    months: [1000, 800, 900, 900, 950, 1100, 900, 900, 950, 1000, 1350, 1250],
    weekdays: [900, 900, 900, 950, 1050, 1200, 1100],
    hours: [
        300, 150, 80, 50, 50, 100, 250, 500, 800, 1000, 1200, 1250, 1300, 1150, 1100, 1150, 1200, 1450, 1700,
        2000, 2300, 2300, 1500, 1120,
    ],
};
const OFFICE: Weights = Weights {
    months: [950, 900, 1100, 1050, 1000, 1050, 900, 850, 1100, 1050, 1100, 950],
    weekdays: [1350, 1350, 1350, 1300, 1150, 250, 250],
    hours: [
        20, 20, 20, 20, 20, 20, 100, 400, 1600, 2900, 3000, 2600, 1300, 1900, 2700, 2700, 2300, 1300, 500,
        250, 150, 100, 50, 30,
    ],
};

/// What the weights multiply to on average.
const MEAN: f64 = 1e9;

struct Weights {
    months: [u64; 12],
    weekdays: [u64; 7],
    hours: [u64; 24],
}

impl Weights {
    const fn of(rhythm: Rhythm) -> &'static Self {
        match rhythm {
            Rhythm::Shopping => &SHOPPING,
            Rhythm::Office => &OFFICE,
        }
    }

    fn peak(&self) -> u64 {
        let most = |weights: &[u64]| weights.iter().copied().max().unwrap_or_default();
        most(&self.months) * most(&self.weekdays) * most(&self.hours)
    }
}

/// The weights of every day of a window, worked out once.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Season {
    first_day: i64,
    /// Month times weekday, for shopping and for the office.
    days: Vec<[u64; 2]>,
    peaks: [u64; 2],
    end: Timestamp,
}

impl Season {
    /// The seasons from `start` to `end`.
    pub fn between(start: Timestamp, end: Timestamp) -> Self {
        let first_day = start.as_micros().div_euclid(DAY);
        let weight = |rhythm, day: i64| {
            let at = Timestamp::from_micros(day * DAY).unwrap_or(Timestamp::MAX);
            let date = Zone::UTC.date(at);
            let (month, weekday) = (date.month0(), date.weekday().num_days_from_monday());
            let weights = Weights::of(rhythm);
            let of = |weights: &[u64], place: u32| weights.get(place as usize).copied().unwrap_or_default();
            of(&weights.months, month) * of(&weights.weekdays, weekday)
        };
        let days = (first_day..=end.as_micros().div_euclid(DAY))
            .map(|day| [weight(Rhythm::Shopping, day), weight(Rhythm::Office, day)])
            .collect();
        let peaks = [SHOPPING.peak(), OFFICE.peak()];
        Self { first_day, days, peaks, end }
    }

    fn weight(&self, rhythm: Rhythm, at: i64) -> u64 {
        let day = usize::try_from(at.div_euclid(DAY) - self.first_day).ok();
        let hour = usize::try_from(at.rem_euclid(DAY) / HOUR).ok();
        let hours = &Weights::of(rhythm).hours;
        let of_day = day.and_then(|day| self.days.get(day)?.get(rhythm as usize)).copied();
        let of_hour = hour.and_then(|hour| hours.get(hour)).copied();
        of_day.unwrap_or_default() * of_hour.unwrap_or_default()
    }

    /// The next event after an instant of a Poisson process whose rate is `per_day` on average and follows the
    /// rhythm; none before the end. (By thinning: candidates come at the peak rate and are kept by their weight.)
    pub fn next(
        &self,
        random: &mut Random,
        rhythm: Rhythm,
        per_day: f64,
        after: Timestamp,
    ) -> Option<Timestamp> {
        let peak = self.peaks.get(rhythm as usize).copied().unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "the weights are far below 2^53")]
        let mean_gap = MEAN / (per_day * peak as f64);
        let mut at = after;
        loop {
            at = at.checked_add(days(random.exponential(mean_gap))).filter(|at| *at < self.end)?;
            if random.below(peak) < self.weight(rhythm, at.as_micros()) {
                return Some(at);
            }
        }
    }
}

/// A length of time from a number of days; at least a microsecond, at most the range of instants.
pub(super) fn days(days: f64) -> tenure_core::Duration {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "bounded before the cast"
    )]
    let micros = (days * DAY as f64).clamp(1.0, Timestamp::MAX.as_micros() as f64) as i64;
    tenure_core::Duration::from_micros(micros).unwrap_or(tenure_core::Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_have_the_mean_one() {
        for weights in [SHOPPING, OFFICE] {
            assert_eq!(weights.months.iter().sum::<u64>(), 12_000);
            assert_eq!(weights.weekdays.iter().sum::<u64>(), 7_000);
            assert_eq!(weights.hours.iter().sum::<u64>(), 24_000);
        }
    }

    #[test]
    fn the_rate_holds_on_average_and_follows_the_week() {
        let start = Timestamp::parse("2023-01-01T00:00:00Z").unwrap();
        let end = Timestamp::parse("2025-01-01T00:00:00Z").unwrap();
        let season = Season::between(start, end);
        let mut random = Random::of(1, 1, "season");
        for (rhythm, weekend) in [(Rhythm::Shopping, 2_300.0 / 7_000.0), (Rhythm::Office, 500.0 / 7_000.0)] {
            let mut at = start;
            let (mut all, mut on_weekend) = (0_u32, 0_u32);
            while let Some(next) = season.next(&mut random, rhythm, 40.0, at) {
                at = next;
                all += 1;
                let weekday = Zone::UTC.date(at).weekday().num_days_from_monday();
                on_weekend += u32::from(weekday >= 5);
            }
            assert!((f64::from(all) / 731.0 - 40.0).abs() < 1.0, "{all}");
            assert!((f64::from(on_weekend) / f64::from(all) - weekend).abs() < 0.01, "{on_weekend}");
        }
    }
}
