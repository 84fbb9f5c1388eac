//! How good scores were.

use serde::Serialize;
use tenure_stats::{
    Platt, ReliabilityBin, Resampling, Scored, StatsError, auc, brier, brier_skill, capture, ece,
    ece_interval, log_loss, pr_auc, reliability,
};

use super::cases::Case;
use super::plan::Plan;
use super::warning::Warnings;
use crate::time::Timestamp;

/// Bins of the expected calibration error and of the reliability table.
const BINS: u32 = 10;

/// A score, judged.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judged {
    /// `learnt`, `rules` and `recency`; of purchases also `p0` and `rfm_sum`, of subscriptions `p_end` and `age`.
    pub score: &'static str,
    /// All test cuts together.
    pub pooled: Judgement,
    /// Each test cut.
    pub cuts: Vec<OfCut>,
    /// How early it warned, and how often in vain.
    pub warnings: Warnings,
}

/// One test cut.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OfCut {
    /// Which one.
    pub cut: Timestamp,
    /// Its cases alone. In JSON its fields are those of the cut.
    #[serde(flatten)]
    pub judgement: Judgement,
}

/// How good a score was. What needs both classes is none where all or none lapsed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judgement {
    /// Cases.
    pub cases: usize,
    /// Those in which the customer lapsed.
    pub lapsed: usize,
    /// Their share.
    pub base_rate: f64,
    /// Area under the ROC curve: how often somebody who lapsed has the higher score than somebody who did not.
    pub auc: Option<f64>,
    /// Area under the curve of precision by recall.
    pub pr_auc: Option<f64>,
    /// Mean squared error of the probability.
    pub brier: f64,
    /// By which part that is better than saying the base rate to everybody.
    pub brier_skill: Option<f64>,
    /// Logarithmic loss of the probability.
    pub log_loss: f64,
    /// Expected calibration error, in ten bins.
    pub ece: f64,
    /// Its bootstrap interval of 95 %.
    pub ece_interval: [f64; 2],
    /// Among the 5, 10 and 20 % with the highest scores.
    pub top: Vec<Share>,
    /// What was said beside what came.
    pub reliability: Vec<Bin>,
}

/// What is found among those with the highest scores.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Share {
    /// Share of all cases.
    pub share: f64,
    /// Share of those who lapsed that is among them.
    pub captured: f64,
    /// How many times more than by chance.
    pub lift: f64,
    /// Share of the money of those who lapsed that is among them; none where they had brought nothing.
    pub value_captured: Option<f64>,
}

/// One bin of the reliability table.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bin {
    /// Where it begins.
    pub from: f64,
    /// Cases.
    pub cases: usize,
    /// Mean probability.
    pub said: f64,
    /// Share that lapsed.
    pub came: f64,
}

/// A score with its probability for each case.
pub(super) struct Scores {
    pub name: &'static str,
    /// Of every case, training cuts too, in their order.
    pub p: Vec<f64>,
}

impl Scores {
    /// Probabilities out of any number, by a logistic curve that is learnt at the training cuts.
    pub(super) fn calibrated(
        (name, raw): (&'static str, &[f64]),
        cases: &[Case],
        plan: &Plan,
    ) -> Result<Self, StatsError> {
        let training = cases.iter().zip(raw).filter(|(case, _)| case.cut < plan.train.len());
        let scored = |(case, raw): (&Case, &f64)| Scored { score: *raw, positive: case.lapsed };
        let platt = Platt::fit(&training.map(scored).collect::<Vec<_>>())?;
        let p = raw.iter().map(|raw| platt.p(*raw)).collect::<Result<_, _>>()?;
        Ok(Self { name, p })
    }

    /// Judges it at the test cuts.
    pub(super) fn judge(&self, cases: &[Case], plan: &Plan) -> Result<Judged, StatsError> {
        let first = plan.train.len();
        let both: Vec<(&Case, f64)> =
            cases.iter().zip(self.p.iter().copied()).filter(|(case, _)| case.cut >= first).collect();
        let mut cuts = Vec::new();
        for (cut, at) in plan.test.iter().enumerate() {
            let of_cut: Vec<_> = both.iter().filter(|(case, _)| case.cut == first + cut).copied().collect();
            cuts.push(OfCut { cut: *at, judgement: Judgement::of(&of_cut)? });
        }
        Ok(Judged {
            score: self.name,
            pooled: Judgement::of(&both)?,
            cuts,
            warnings: Warnings::of(cases, &self.p, plan),
        })
    }
}

fn scored((case, p): &(&Case, f64)) -> Scored {
    Scored { score: *p, positive: case.lapsed }
}

impl Judgement {
    fn of(both: &[(&Case, f64)]) -> Result<Self, StatsError> {
        let items: Vec<Scored> = both.iter().map(scored).collect();
        let lapsed = items.iter().filter(|item| item.positive).count();
        let mut top = Vec::new();
        for share in [0.05, 0.1, 0.2] {
            if let Ok(found) = capture(&items, share) {
                let value_captured = value_captured(both, share);
                top.push(Share { share, captured: found.captured, lift: found.lift, value_captured });
            }
        }
        let bin = |bin: ReliabilityBin| Bin {
            from: bin.from,
            cases: bin.items,
            said: bin.mean_score,
            came: bin.share_positive,
        };
        Ok(Self {
            cases: items.len(),
            lapsed,
            base_rate: ratio(lapsed, items.len()),
            auc: auc(&items).ok(),
            pr_auc: pr_auc(&items).ok(),
            brier: brier(&items)?,
            brier_skill: brier_skill(&items).ok(),
            log_loss: log_loss(&items)?,
            ece: ece(&items, BINS)?,
            ece_interval: ece_interval(&items, BINS, Resampling::default())?,
            top,
            reliability: reliability(&items, BINS)?.into_iter().map(bin).collect(),
        })
    }
}

/// The share of the money of those who lapsed that is among the cases with the highest scores; of tied ones as many count as
/// fit, with their mean.
fn value_captured(both: &[(&Case, f64)], share: f64) -> Option<f64> {
    let mut sorted: Vec<(f64, f64)> = both
        .iter()
        .map(|(case, p)| (*p, if case.lapsed { money(case.value_minor.max(0)) } else { 0.0 }))
        .collect();
    // By value, too, so that sums go in one order.
    sorted.sort_unstable_by(|one, other| other.0.total_cmp(&one.0).then(other.1.total_cmp(&one.1)));
    let all: f64 = sorted.iter().map(|(_, value)| value).sum();
    let mut left = share * count(sorted.len());
    let mut found = 0.0;
    for tie in sorted.chunk_by(|one, other| one.0.to_bits() == other.0.to_bits()) {
        let taken = count(tie.len()).min(left);
        found += tie.iter().map(|(_, value)| value).sum::<f64>() * (taken / count(tie.len()));
        left -= taken;
    }
    (all > 0.0).then(|| (found / all).min(1.0))
}

#[expect(clippy::cast_precision_loss, reason = "a share")]
fn money(minor: i128) -> f64 {
    minor as f64
}

#[expect(clippy::cast_precision_loss, reason = "a share")]
pub(super) fn count(number: usize) -> f64 {
    number as f64
}

pub(super) fn ratio(part: usize, all: usize) -> f64 {
    if all == 0 { 0.0 } else { count(part) / count(all) }
}
