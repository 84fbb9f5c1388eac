//! How long subscriptions last, and who is likely to end theirs.

use std::collections::BTreeMap;

use serde::Serialize;
use tenure_stats::{KaplanMeier, Lifetime};

use super::{Report, Shown};
use crate::forecast::{Hazard, Life, MONTH};
use crate::id::CustomerId;
use crate::projection::recurring::RecurringView;
use crate::time::{Duration, Timestamp};

/// The lives of paying customers: from the instant at which something is due a month until nothing is any more.
///
/// A contract says when it ends, so unlike in a shop it can be seen who has left. All subscriptions of a customer count
/// together, those for nothing do not; who pays again has another life. A life that goes on is used as far as it went.
///
/// The curve is that of Kaplan and Meier; who is likely to leave is told by a [`Hazard`].
///
/// # Laws
/// As every [`Report`]. Survival never rises from month to month and lies in `0.0..=1.0`.
///
/// # Example
/// ```
/// use tenure_core::id::CustomerId;
/// use tenure_core::projection::recurring::{RecurringView, Step};
/// use tenure_core::report::survival::{SurvivalReport, SurvivalSum};
/// use tenure_core::report::{Report, Shown};
/// use tenure_core::{Duration, Timestamp};
/// let at = |text| Timestamp::parse(text);
/// let report = SurvivalReport { as_of: at("2024-12-31T00:00:00Z")?, horizon: Duration::days(90), most: 10 };
/// let steps = vec![
///     Step { at: at("2024-01-01T00:00:00Z")?, minor: 1_000 },
///     Step { at: at("2024-03-01T00:00:00Z")?, minor: 0 },
/// ];
/// let mut sum = SurvivalSum::default();
/// let view = RecurringView { steps, ..RecurringView::default() };
/// report.add(&mut sum, Shown { id: CustomerId::from_bytes([1; 16]), name: "saas:ann" }, &view);
/// let answer = report.finish(sum);
/// assert_eq!((answer.lives, answer.ended, answer.median_days), (1, 1, Some(60.0)));
/// assert_eq!((answer.curve[0].survival, answer.curve[1].survival), (1.0, 0.0)); // in the second month
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SurvivalReport {
    /// The instant of the views.
    pub as_of: Timestamp,
    /// How far ahead it is asked who leaves.
    pub horizon: Duration,
    /// How many customers are named.
    pub most: usize,
}

/// The sum so far: how many lives of which kind, and those that go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SurvivalSum {
    lives: BTreeMap<Life, u64>,
    /// By the name shown.
    going_on: BTreeMap<(String, CustomerId), Life>,
}

/// How long subscriptions last.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SurvivalAnswer {
    /// Lives, ended and going on.
    pub lives: u64,
    /// Those that ended.
    pub ended: u64,
    /// After how many days half have ended; none if more than half go on.
    pub median_days: Option<f64>,
    /// Month by month, to the longest life.
    pub curve: Vec<SurvivalRow>,
    /// What the probability to leave in a month depends on; none where there is too little to learn from.
    pub hazard: Option<Hazard>,
    /// How many customers pay.
    pub paying: u64,
    /// The likeliest to end first, of equal ones by name; as many as were asked for.
    pub customers: Vec<Ending>,
    /// Why there is no hazard.
    pub notes: Vec<String>,
}

/// A month of life.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SurvivalRow {
    /// Which one, from 1 on.
    pub month: u32,
    /// Lives that were seen to reach its beginning.
    pub at_risk: u64,
    /// Those that ended in it.
    pub ended: u64,
    /// Share that is still there after it.
    pub survival: f64,
    /// Its interval of 95 %; none where nobody is left, and before anybody left.
    pub interval: Option<(f64, f64)>,
}

/// A customer who pays, and how likely that ends.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ending {
    /// As the customer is shown.
    pub customer: String,
    /// Since when the customer pays.
    pub since: Timestamp,
    /// Months lived to their end.
    pub months: u32,
    /// Probability that nothing is due any more within the horizon.
    pub p_end: f64,
}

impl SurvivalReport {
    fn endings(&self, sum: &SurvivalSum, hazard: &Hazard) -> Vec<Ending> {
        let ending = |((customer, _), life): (&(String, CustomerId), &Life)| Ending {
            customer: customer.clone(),
            since: self.as_of.checked_sub(life.lasts).unwrap_or(Timestamp::MIN),
            months: life.months(),
            p_end: hazard.p_end(*life, self.horizon),
        };
        let mut endings: Vec<Ending> = sum.going_on.iter().map(ending).collect();
        // Stable: those of equal probability stay in the order of their names.
        endings.sort_by(|one, other| other.p_end.total_cmp(&one.p_end));
        endings.truncate(self.most);
        endings
    }
}

impl Report for SurvivalReport {
    type View = RecurringView;
    type Acc = SurvivalSum;
    type Answer = SurvivalAnswer;

    fn add(&self, sum: &mut SurvivalSum, customer: Shown<'_>, view: &RecurringView) {
        for life in Life::all(view, self.as_of) {
            *sum.lives.entry(life).or_default() += 1;
            if !life.ended {
                sum.going_on.insert((customer.name.to_owned(), customer.id), life);
            }
        }
    }

    fn merge(&self, into: &mut SurvivalSum, other: SurvivalSum) {
        for (life, many) in other.lives {
            *into.lives.entry(life).or_default() += many;
        }
        into.going_on.extend(other.going_on);
    }

    fn finish(&self, sum: SurvivalSum) -> SurvivalAnswer {
        let each = || sum.lives.iter().flat_map(|(life, many)| (0..*many).map(|_| *life));
        let mut notes = Vec::new();
        let lifetimes: Vec<Lifetime> = each()
            .map(|life| Lifetime { duration: days(life.lasts.as_micros()), ended: life.ended })
            .collect();
        let curve = KaplanMeier::fit(&lifetimes, 0.95).ok();
        let hazard = match Hazard::of(&sum.lives) {
            Ok(hazard) => Some(hazard),
            Err(why) => {
                if !sum.lives.is_empty() {
                    notes.push(format!("no hazard: {why}"));
                }
                None
            }
        };
        SurvivalAnswer {
            lives: sum.lives.values().sum(),
            ended: sum.lives.iter().filter(|(life, _)| life.ended).map(|(_, many)| many).sum(),
            median_days: curve.as_ref().and_then(KaplanMeier::median),
            curve: curve.map(|curve| rows(&curve, &sum)).unwrap_or_default(),
            hazard,
            paying: sum.going_on.len() as u64,
            customers: hazard.map(|hazard| self.endings(&sum, &hazard)).unwrap_or_default(),
            notes,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a duration for people")]
fn days(micros: i64) -> f64 {
    micros as f64 / 86_400_000_000.0
}

/// The curve at the end of each month of life, as far as anybody has lived.
fn rows(curve: &KaplanMeier, sum: &SurvivalSum) -> Vec<SurvivalRow> {
    let longest = sum.lives.keys().map(|life| life.lasts.as_micros()).max().unwrap_or(0);
    let months = u32::try_from((longest - 1).max(0).div_euclid(MONTH) + 1).unwrap_or(u32::MAX);
    let count = |holds: &dyn Fn(&Life) -> bool| {
        sum.lives.iter().filter(|(life, _)| holds(life)).map(|(_, many)| many).sum::<u64>()
    };
    (1..=months)
        .map(|month| {
            let (begins, ends) = (i64::from(month - 1) * MONTH, i64::from(month) * MONTH);
            let passed = curve.steps().partition_point(|step| step.time <= days(ends));
            let step = passed.checked_sub(1).and_then(|index| curve.steps().get(index));
            SurvivalRow {
                month,
                at_risk: count(&|life| life.lasts.as_micros() > begins || begins == 0),
                ended: count(&|life| life.ended && (begins + 1..=ends).contains(&life.lasts.as_micros())),
                survival: step.map_or(1.0, |step| step.survival),
                interval: step.and_then(|step| step.interval),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::projection::recurring::Step;

    fn day(day: i64) -> Timestamp {
        Timestamp::from_micros(day * 86_400_000_000).unwrap()
    }

    fn report(most: usize) -> SurvivalReport {
        SurvivalReport { as_of: day(1_000), horizon: Duration::days(60), most }
    }

    /// Customers by the days at which they began and ended to pay, in turns.
    fn sum(report: &SurvivalReport, customers: &[(&str, &[i64])]) -> SurvivalSum {
        let mut sum = SurvivalSum::default();
        for (place, (name, turns)) in (0_u8..).zip(customers) {
            let steps = turns.iter().zip([900, 0].into_iter().cycle());
            let steps = steps.map(|(at, minor)| Step { at: day(*at), minor }).collect();
            let view = RecurringView { steps, ..RecurringView::default() };
            let id = CustomerId::from_bytes([place; 16]);
            report.add(&mut sum, Shown { id, name }, &view);
        }
        sum
    }

    #[test]
    fn the_curve_is_that_of_the_lives_by_hand() {
        let customers: [(&str, &[i64]); 5] = [
            ("ann", &[0, 20]),      // ends on day 20, in the first month
            ("ben", &[100, 140]),   // ends on day 40, in the second
            ("cem", &[960]),        // goes on, 40 days
            ("dan", &[0, 20, 500]), // ends on day 20, and comes back: 500 days, going on
            ("eve", &[]),
        ];
        let answer = report(9).finish(sum(&report(9), &customers));
        assert_eq!((answer.lives, answer.ended, answer.paying), (5, 3, 2));
        let [first, second, third] = [0, 1, 2].map(|month| answer.curve[month]);
        // 2 of 5 leave on day 20; on day 40 one of the 3 who are left.
        assert_eq!((first.at_risk, first.ended, first.survival), (5, 2, 0.6));
        assert_eq!((second.at_risk, second.ended), (3, 1));
        assert!((second.survival - 0.4).abs() < 1e-12, "{second:?}");
        assert_eq!((third.at_risk, third.ended), (1, 0));
        assert_eq!((answer.median_days, answer.curve.len()), (Some(40.0), 17));
    }

    #[test]
    fn who_leaves_early_is_told_apart_from_who_has_stayed() {
        let mut customers: Vec<(String, Vec<i64>)> = Vec::new();
        // Of 40 a month 20 leave in the first, then ever fewer.
        for n in 0..40_i64 {
            let turns = match n {
                0..20 => vec![0, 15 + n % 10],
                20..25 => vec![0, 45],
                25 => vec![0, 100],
                _ => vec![1_000 - 30 * (n - 25)],
            };
            customers.push((format!("c{n:02}"), turns));
        }
        let customers: Vec<(&str, &[i64])> =
            customers.iter().map(|(name, turns)| (name.as_str(), turns.as_slice())).collect();
        let answer = report(5).finish(sum(&report(5), &customers));
        let hazard = answer.hazard.unwrap();
        assert!(hazard.ln_month < -0.5, "{hazard:?}");
        let names: Vec<&str> = answer.customers.iter().map(|one| one.customer.as_str()).collect();
        // 30, 60, 90 ... days: the youngest first.
        assert_eq!(names, ["c26", "c27", "c28", "c29", "c30"]);
        assert_eq!((answer.customers[0].months, answer.customers[1].months), (0, 1));
        assert!(answer.customers.is_sorted_by(|one, other| one.p_end >= other.p_end));
        // 60 days ahead of day 90: what is left of the third month, the fourth, and a part of the fifth, by hand.
        let stays =
            |month: f64| 1.0 - 1.0 / (1.0 + (-(hazard.intercept + hazard.ln_month * month.ln())).exp());
        let month = 365.0 / 12.0;
        let (rest, part) = (3.0 - 90.0 / month, 150.0 / month - 4.0);
        let by_hand = 1.0 - stays(3.0).powf(rest) * stays(4.0) * stays(5.0).powf(part);
        let third = &answer.customers[2];
        assert!(third.months == 2 && (third.p_end - by_hand).abs() < 1e-12, "{third:?} {by_hand}");
    }

    #[test]
    fn every_split_of_the_population_gives_the_same() {
        let customers: [(&str, &[i64]); 6] = [
            ("a", &[0, 20]),
            ("b", &[100, 140, 300]),
            ("c", &[960]),
            ("d", &[0, 20, 500]),
            ("e", &[1, 400]),
            ("f", &[2, 3, 4, 5]),
        ];
        let report = report(9);
        let whole = report.finish(sum(&report, &customers));
        for split in 0..=6 {
            let (some, others) = customers.split_at(split);
            let mut all = sum(&report, others);
            report.merge(&mut all, sum(&report, some));
            assert_eq!(report.finish(all), whole);
        }
    }

    #[test]
    fn nobody_has_no_curve_and_needs_no_note() {
        let answer = report(9).finish(SurvivalSum::default());
        assert_eq!((answer.lives, answer.curve.len(), answer.hazard, answer.notes.len()), (0, 0, None, 0));
        let all_go_on = report(9).finish(sum(&report(9), &[("a", &[100]), ("b", &[200])]));
        assert_eq!((all_go_on.median_days, all_go_on.paying), (None, 2));
        assert!(
            all_go_on.notes[0].starts_with("no hazard: all 55 labels are false"),
            "{:?}",
            all_go_on.notes
        );
    }
}
