//! What stands on the page, as data: read from the log once, folded once.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tenure::core::contact::Channel;
use tenure::core::fold::{Projection, States, UpTo};
use tenure::core::money::Currency;
use tenure::core::projection::identities::Identities;
use tenure::core::projection::profile::Profile;
use tenure::core::projection::stage::{StageMachine, StageOutlook};
use tenure::core::report::quality::{
    ContactRow, CustomerQuality, Duplicate, FieldRow, LagTable, OutOfRangeRow,
};
use tenure::core::report::rfm::{RfmAnswer, RfmCounts, RfmEdges, RfmError, RfmReport};
use tenure::core::report::risk::{RiskAnswer, Risks};
use tenure::core::report::stages::{MacroRow, MatrixCell, StageCounts, StageMatrix, StageRow, Turnover};
use tenure::core::report::{Report, Shown};
use tenure::core::{MoneySum, Timestamp};

use crate::command::Talk;
use crate::error::CliError;
use crate::findings::share;
use crate::log_pass::log_pass;
use crate::question::Question;

/// The stage of the lost, in the presets and in policies that call it so.
pub const LOST: &str = "churned";
/// How many of those who may be lost are named: as many as somebody can call within a day.
const MOST_RISKS: usize = 10;
/// How many groups of suspected duplicates are named, and how many customers of each: to see what they look like.
const MOST_DUPLICATES: usize = 3;

/// The page. What the policy lacks is null, and `left_out` says why.
#[derive(Debug, Serialize)]
pub struct Page {
    /// The instant it is about; none without facts. The frame of the answer has it.
    #[serde(skip)]
    pub as_of: Option<Timestamp>,
    /// From when on movements count; none without facts.
    pub since: Option<Timestamp>,
    /// How many facts count, corrections apart.
    pub facts: u64,
    /// How many persons they are about.
    pub customers: u64,
    /// How many customers are in each stage.
    pub stages: Option<Vec<StageRow>>,
    /// How many customers are in each macro stage.
    pub macro_stages: Option<Vec<MacroRow>>,
    /// Who stood where at `since`, and stands where now.
    pub transitions: Option<Vec<MatrixCell>>,
    /// The same in three numbers.
    pub turnover: Option<Moved>,
    /// Segments.
    pub rfm: Option<Rfm>,
    /// Who may be lost by silence.
    pub risks: Option<Risky>,
    /// What the data are like.
    pub quality: Quality,
    /// What is null, and why.
    pub left_out: Vec<LeftOut>,
}

/// Who came, came back and was lost; the last two are null without a stage of the lost.
#[derive(Debug, Serialize)]
pub struct Moved {
    /// Customers who were none at `since`.
    pub new: u64,
    /// Customers who were lost at `since` and are not.
    pub won_back: Option<u64>,
    /// Customers who are lost and were not at `since`.
    pub lost: Option<u64>,
}

/// Segments, without the customers one by one: those are an answer of their own.
#[derive(Debug, Serialize)]
pub struct Rfm {
    /// What scores and segments are relative to.
    pub edges: RfmEdges,
    /// All segments of the map, in its order.
    pub segments: Vec<SegmentRow>,
    /// What was counted and what was left out.
    pub counts: RfmCounts,
}

/// A segment with what its customers have spent.
#[derive(Debug, Serialize)]
pub struct SegmentRow {
    /// Its code.
    pub code: String,
    /// How many customers.
    pub customers: u64,
    /// Their share of the scored ones.
    pub share: f64,
    /// What they have spent together, refunds taken off.
    pub monetary: MoneySum,
}

/// Who may be lost by silence.
#[derive(Debug, Serialize)]
pub struct Risky {
    /// The stage that silence leads to.
    pub stage: &'static str,
    /// How many, and the first of them.
    #[serde(flatten)]
    pub answer: RiskAnswer,
}

/// What the data are like: the answers of `tenure::core::report::quality`, with customers named.
#[derive(Debug, Serialize)]
pub struct Quality {
    /// What is known of customers.
    pub fields: Vec<FieldRow>,
    /// Who can be reached.
    pub contacts: Vec<ContactRow>,
    /// Who may be recorded twice.
    pub duplicates: Vec<DuplicateRow>,
    /// Facts that came after a later one.
    pub late: LagTable,
    /// Facts that happened after they were recorded.
    pub clock_skew: LagTable,
    /// Values that are hardly meant.
    pub out_of_range: Vec<OutOfRangeRow>,
}

/// Customers who share a contact of one sort.
#[derive(Debug, Serialize)]
pub struct DuplicateRow {
    /// Which sort.
    pub field: Channel,
    /// How many contacts are shared.
    pub groups: u64,
    /// How many customers share one.
    pub customers: u64,
    /// Their share of all customers.
    pub share: f64,
    /// The first customers of each of the largest groups, as they are shown.
    pub first: Vec<Vec<String>>,
}

/// A part of the page that could not be told.
#[derive(Debug, Serialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum LeftOut {
    /// The policy has no stages.
    NoStages,
    /// The policy has stages, and none for the lost.
    NoLostStage { stage: &'static str },
    /// Amounts in several currencies, and no word of the policy which one to use.
    MixedCurrencies { first: Currency, second: Currency },
}

/// Reads the page of a question. Without `since` movements count from the day one calendar month before.
///
/// # Errors
/// Wrong input, or a failing store.
pub fn read(question: &Question, since: Option<Timestamp>, talk: Talk) -> Result<Page, CliError> {
    let machine = question.stages_if_any()?;
    let rfm = question.policy.rfm().map_err(CliError::input)?;
    let log = log_pass(question, talk)?;
    if let Some(since) = since {
        Question::check_since(since, log.as_of)?;
    }
    let since = since.or_else(|| log.as_of.map(|as_of| question.month_before(as_of)));
    let at = log.as_of.unwrap_or(Timestamp::MIN);
    let standing = machine.as_ref().map(|machine| standing(machine, since.unwrap_or(at), at));
    let states = question.fold_under(&(standing, &rfm, (Profile, Identities)), log.cut, talk)?;

    let policy = machine.as_ref().map(StageMachine::policy);
    let lost = policy.and_then(|policy| Some((policy, policy.find(LOST)?)));
    let risks = lost.map(|(policy, stage)| Risks { policy, stage, as_of: at, most: MOST_RISKS });
    let counts = policy.map(|policy| StageCounts { policy });
    let matrix = policy.map(|policy| StageMatrix { policy });
    let scored = RfmReport::new(&rfm, at);
    let quality = CustomerQuality { policy: &question.policy.quality };
    let (mut in_stages, mut moves, mut at_risk, mut values, mut known) = Default::default();
    for (id, folded) in states.iter() {
        let name = states.shown(id);
        let customer = Shown { id, name: &name };
        let (stood, rfm, profile) = states.projection().view(&folded.state, at);
        scored.add(&mut values, customer, &rfm);
        quality.add(&mut known, customer, &profile);
        let Some((before, outlook)) = stood else { continue };
        if let (Some(counts), Some(matrix)) = (&counts, &matrix) {
            counts.add(&mut in_stages, customer, &outlook.now);
            matrix.add(&mut moves, customer, &(before, outlook.now));
        }
        if let Some(risks) = &risks {
            risks.add(&mut at_risk, customer, &(outlook, rfm));
        }
    }

    let mut left_out = Vec::new();
    match (policy, lost) {
        (None, _) => left_out.push(LeftOut::NoStages),
        (_, None) => left_out.push(LeftOut::NoLostStage { stage: LOST }),
        _ => {}
    }
    let rfm = match scored.finish(values) {
        Ok(answer) => Some(with_money(answer)),
        Err(RfmError::MixedCurrencies { first, second }) => {
            left_out.push(LeftOut::MixedCurrencies { first, second });
            None
        }
        Err(error) => return Err(CliError::input(&error).hint(error.hint())),
    };
    let (rows, macro_rows) =
        counts.map(|counts| counts.finish(in_stages)).map(|t| (t.stages, t.macro_stages)).unzip();
    let transitions = matrix.map(|matrix| matrix.finish(moves));
    let known = quality.finish(known);
    Ok(Page {
        as_of: log.as_of,
        since,
        facts: log.quality.facts,
        customers: known.customers,
        turnover: transitions.as_deref().map(|matrix| moved(matrix, lost.is_some())),
        stages: rows,
        macro_stages: macro_rows,
        transitions,
        rfm,
        risks: risks.map(|risks| Risky { stage: LOST, answer: risks.finish(at_risk) }),
        quality: Quality {
            duplicates: duplicates(&known.duplicates, known.customers, &states),
            fields: known.fields,
            contacts: known.contacts,
            late: log.quality.late,
            clock_skew: log.quality.clock_skew,
            out_of_range: log.quality.out_of_range,
        },
        left_out,
    })
}

/// Where customers stood and stand, and what silence will do.
///
/// Whoever may be lost has spent half of the silence that leads there, so the loss comes at the latest as long after the
/// instant as the silence began before it. No silence is longer than the time since the first instant that a fact may
/// have, so a look ahead over that time sees every such loss.
fn standing(
    machine: &StageMachine,
    since: Timestamp,
    at: Timestamp,
) -> (UpTo<&StageMachine>, StageOutlook<'_>) {
    let horizon = at.since(Timestamp::MIN);
    (UpTo { projection: machine, at: since }, StageOutlook { machine, horizon })
}

/// Without a stage of the lost the matrix says who is new and nothing about losses: an invented zero would be a claim.
fn moved(matrix: &[MatrixCell], knows_lost: bool) -> Moved {
    let Turnover { new, won_back, lost } = Turnover::of(matrix, LOST);
    Moved { new, won_back: knows_lost.then_some(won_back), lost: knows_lost.then_some(lost) }
}

fn with_money(answer: RfmAnswer) -> Rfm {
    let mut spent: BTreeMap<&str, i128> = BTreeMap::new();
    for row in &answer.customers {
        *spent.entry(&row.segment).or_default() += row.monetary.minor;
    }
    let currency = answer.edges.currency;
    let segments = answer.segments.iter().map(|segment| SegmentRow {
        code: segment.code.clone(),
        customers: segment.customers,
        share: segment.share,
        monetary: MoneySum { minor: spent.get(segment.code.as_str()).copied().unwrap_or(0), currency },
    });
    Rfm { segments: segments.collect(), counts: answer.counts, edges: answer.edges }
}

/// One row for each sort of contact. Customers are named as everywhere, merges and external keys included.
fn duplicates<P: Projection>(found: &[Duplicate], customers: u64, states: &States<P>) -> Vec<DuplicateRow> {
    let row = |field: Channel| {
        let groups = || found.iter().filter(move |group| group.field == field);
        let concerned: BTreeSet<_> = groups().flat_map(|group| &group.customers).collect();
        let concerned = concerned.len() as u64;
        let names = |group: &Duplicate| {
            let mut names: Vec<String> = group.customers.iter().map(|id| states.shown(*id)).collect();
            names.sort_unstable();
            names.truncate(MOST_DUPLICATES);
            names
        };
        DuplicateRow {
            field,
            groups: groups().count() as u64,
            customers: concerned,
            share: share(concerned, customers),
            first: groups().take(MOST_DUPLICATES).map(names).collect(),
        }
    };
    Channel::ALL.map(row).into()
}
