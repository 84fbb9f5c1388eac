//! How early a score warned, and how often in vain.

use std::collections::BTreeMap;

use serde::Serialize;

use super::cases::Case;
use super::judge::ratio;
use super::plan::Plan;
use crate::id::CustomerId;

/// The share of training cases that a warning is raised for.
const WARNED: f64 = 0.2;

/// Warnings at the test cuts: whoever has a score that at the training cuts only a fifth had.
///
/// Of purchases a silence is a lapse from the day on at which it is as long as the horizon, of subscriptions a life that ends is
/// one on that day; who has lapsed is warned of no more. A customer is warned of once in a silence or a life, at its first test
/// cut with such a score. The warning is true if the customer lapsed within the horizon after it, and it came so many days
/// before the day of the lapse.
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
    /// Share of the silences and lives that became lapses of which there was a warning in time; none without any.
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

/// One silence or life of a customer, as the test cuts see it.
#[derive(Default)]
struct Spell {
    lapsed: bool,
    /// The days to the lapse and the outcome at the first warning.
    warned: Option<(Option<i64>, bool)>,
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
        let mut spells: BTreeMap<(CustomerId, i32), Spell> = BTreeMap::new();
        let in_time = |case: &Case| case.cut >= first && case.lead_days.is_none_or(|days| days > 0);
        for (case, p) in both().filter(|(case, _)| in_time(case)) {
            let spell = spells.entry((case.id, case.since)).or_default();
            spell.lapsed |= case.lapsed;
            if p >= from && spell.warned.is_none() {
                spell.warned = Some((case.lead_days, case.lapsed));
            }
        }
        let warned: Vec<(Option<i64>, bool)> = spells.values().filter_map(|spell| spell.warned).collect();
        let true_alarms = warned.iter().filter(|(_, lapsed)| *lapsed).count();
        let false_alarms = warned.len() - true_alarms;
        let lapses = spells.values().filter(|spell| spell.lapsed).count();
        let seen = spells.values().filter(|spell| spell.lapsed && spell.warned.is_some()).count();
        let mut lead: Vec<i64> =
            warned.iter().filter(|(_, lapsed)| *lapsed).filter_map(|(days, _)| *days).collect();
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
