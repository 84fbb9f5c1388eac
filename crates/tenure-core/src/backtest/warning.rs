//! How early a score warned, and how often in vain.

use std::collections::BTreeMap;

use serde::Serialize;

use super::cases::Case;
use super::judge::ratio;
use super::plan::Plan;

/// The share of training cases that a warning is raised for.
const WARNED: f64 = 0.2;

/// Warnings at the test cuts: whoever has a score that at the training cuts only a fifth had.
///
/// A silence is a lapse from the day on at which it is as long as the horizon; who has lapsed is warned of no more. A customer is
/// warned of once in a silence, at its first test cut with such a score. The warning is true if the customer bought nothing
/// within the horizon after it, and it came so many days before the day of the lapse.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Warnings {
    /// From which probability on there is a warning.
    pub from: f64,
    /// Warnings that came true.
    pub true_alarms: usize,
    /// Warnings that did not.
    pub false_alarms: usize,
    /// False ones for each true one; none without a true one.
    pub false_for_each_true: Option<f64>,
    /// Share of the silences that became lapses of which there was a warning in time; none without any.
    pub warned: Option<f64>,
    /// How many days before the lapse true warnings came; none without one.
    pub lead_days: Option<LeadDays>,
}

/// Quartiles of days, by nearest rank; above 0 and at most the horizon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LeadDays {
    /// A quarter came later than this.
    pub lower: i64,
    /// The median.
    pub median: i64,
    /// A quarter came earlier than this.
    pub upper: i64,
}

/// One silence of a customer, as the test cuts see it.
#[derive(Default)]
struct Silence {
    lapsed: bool,
    /// The recency in days and the outcome at the first warning.
    warned: Option<(u32, bool)>,
}

impl Warnings {
    pub(super) fn of(cases: &[Case], p: &[f64], plan: &Plan) -> Self {
        let first = plan.train.len();
        let both = || cases.iter().zip(p.iter().copied());
        let mut trained: Vec<f64> = both().filter(|(case, _)| case.cut < first).map(|(_, p)| p).collect();
        trained.sort_unstable_by(f64::total_cmp);
        let above = |from: f64| trained.len() - trained.partition_point(|p| *p < from);
        // The lowest score that no more than a fifth have; the highest where even that one is more common.
        let from = trained.iter().copied().find(|from| ratio(above(*from), trained.len()) <= WARNED);
        let from = from.or(trained.last().copied()).unwrap_or(1.0);
        let mut silences: BTreeMap<(crate::id::CustomerId, i32), Silence> = BTreeMap::new();
        let horizon = plan.horizon.as_days();
        let in_time = |case: &Case| case.cut >= first && i64::from(case.recency_days) < horizon;
        for (case, p) in both().filter(|(case, _)| in_time(case)) {
            let silence = silences.entry((case.id, case.last_day)).or_default();
            silence.lapsed |= case.lapsed;
            if p >= from && silence.warned.is_none() {
                silence.warned = Some((case.recency_days, case.lapsed));
            }
        }
        let warned: Vec<(u32, bool)> = silences.values().filter_map(|silence| silence.warned).collect();
        let true_alarms = warned.iter().filter(|(_, lapsed)| *lapsed).count();
        let false_alarms = warned.len() - true_alarms;
        let lapses = silences.values().filter(|silence| silence.lapsed).count();
        let seen = silences.values().filter(|silence| silence.lapsed && silence.warned.is_some()).count();
        let lead =
            warned.iter().filter(|(_, lapsed)| *lapsed).map(|(recency, _)| horizon - i64::from(*recency));
        let mut lead: Vec<i64> = lead.collect();
        lead.sort_unstable();
        let rank = |quarter: usize| lead.get((lead.len() * quarter).div_ceil(4).saturating_sub(1)).copied();
        Self {
            from,
            true_alarms,
            false_alarms,
            false_for_each_true: (true_alarms > 0).then(|| ratio(false_alarms, true_alarms)),
            warned: (lapses > 0).then(|| ratio(seen, lapses)),
            lead_days: rank(1).zip(rank(2)).zip(rank(3)).map(|((lower, median), upper)| LeadDays {
                lower,
                median,
                upper,
            }),
        }
    }
}
