//! `tenure backtest`: scores judged on the past.

use std::process::ExitCode;

use serde_json::json;
use tenure::core::backtest::{
    Backtest, BacktestAnswer, BacktestError, Judged, Knowledge, Model, Plan, PlanError, Replay, Target,
};
use tenure::core::fold::{Projection, States};
use tenure::core::forecast::Learnt;
use tenure::core::log::{Cut, Read};
use tenure::core::{Duration, Timestamp};

use crate::args;
use crate::command::{Talk, fit, survival};
use crate::error::CliError;
use crate::lang::fill;
use crate::question::Question;
use crate::table::{Cell, Table, day_or_instant};

/// Runs the command.
///
/// # Errors
/// Wrong usage or input, cuts that leak, a population that no model fits, or a failing store.
pub fn run(args: &args::Backtest, talk: Talk) -> Result<ExitCode, CliError> {
    let question = Question::open(&args.question)?;
    let end = complete_until(&question)?;
    let plan = plan(args, &question, end)?;
    let target = target(args)?;
    let backtest = Backtest { policy: &question.policy, plan, target };
    let result = backtest.run(&Folded { question: &question, talk }, end).map_err(told)?;
    answer(&question, &result, talk).print(args.question.format)?;
    Ok(ExitCode::SUCCESS)
}

fn target(args: &args::Backtest) -> Result<Target, CliError> {
    match (args.of.as_str(), &args.model) {
        ("subscriptions", Some(model)) => Err(CliError::input(format!(
            "--model {model} is a model of repeat purchase, not of subscriptions"
        ))
        .hint("leave --model out: the ends of subscriptions have one model, a hazard by month of life")),
        ("subscriptions", None) => Ok(Target::Subscriptions),
        (_, model) => Ok(Target::Purchases(model.as_deref().map(fit::method).unwrap_or_default())),
    }
}

/// A question's source, folded at any cut.
pub struct Folded<'a> {
    /// The question.
    pub question: &'a Question,
    /// How its progress is told.
    pub talk: Talk,
}

impl Replay for Folded<'_> {
    type Error = CliError;

    fn replay<P>(&self, projection: &P, cut: Cut) -> Result<States<P>, CliError>
    where
        P: Projection + Clone + Send + Sync,
    {
        self.question.fold_under(projection, cut, self.talk)
    }
}

/// The end of the local day of the latest fact: dates without a time are their day's first instant.
fn complete_until(question: &Question) -> Result<Timestamp, CliError> {
    if let Some(asked) = question.asked() {
        return Ok(asked);
    }
    let mut latest = None;
    let mut read = Read::all();
    loop {
        let page = question.source.read(&read)?;
        latest = page.facts.iter().map(|fact| fact.event.occurred_at).chain(latest).max();
        if page.is_last(&read) {
            break;
        }
        read = read.from(page.scanned_to);
    }
    let latest = latest.ok_or_else(|| {
        CliError::input("there are no facts to judge anything by")
            .hint("import some: tenure import FILE --store S")
    })?;
    let zone = question.policy.zone;
    Ok(zone.end_of_day(zone.date(latest)).unwrap_or(latest))
}

fn plan(args: &args::Backtest, question: &Question, end: Timestamp) -> Result<Plan, CliError> {
    let horizon = duration("--horizon", &args.horizon)?;
    let knowledge = knowledge(&args.knowledge);
    let planned = if let Some(from) = &args.from {
        let from = question.instant("--from", from)?;
        Plan::steps(from, duration("--step", &args.step)?, horizon, end, knowledge)
    } else {
        let cuts = |option: &str, texts: &[String]| {
            texts.iter().map(|text| question.instant(option, text)).collect::<Result<Vec<_>, _>>()
        };
        let (train, test) = (cuts("--train", &args.train)?, cuts("--test", &args.test)?);
        let plan = Plan { train, test, horizon, knowledge };
        plan.check(end).map(|()| plan)
    };
    planned.map_err(|error| untenable(&error))
}

/// A duration as people write it.
///
/// # Errors
/// If it is none.
pub fn duration(option: &str, text: &str) -> Result<Duration, CliError> {
    text.parse().map_err(|error| {
        CliError::input(format!("{option}: {error}")).hint("write a whole number and a unit, such as 30d")
    })
}

/// The knowledge of a name that clap has let in.
pub fn knowledge(name: &str) -> Knowledge {
    if name == "recorded" { Knowledge::Recorded } else { Knowledge::AsOccurred }
}

fn untenable(error: &PlanError) -> CliError {
    let hint = "tenure backtest --train DATE --test DATE --horizon 90d, or --from DATE --step 30d";
    CliError::input(error).hint(hint)
}

/// What is wrong with a backtest, and what to do.
pub fn told(error: BacktestError<CliError>) -> CliError {
    match error {
        BacktestError::Replay(error) => error,
        BacktestError::Plan(error) => untenable(&error),
        BacktestError::Model { .. } => CliError::input(&error)
            .hint("begin later, or another --model: mbg_nbd and nbd ask less of the data"),
        BacktestError::Empty { .. } => {
            CliError::input(error).hint("a log that was imported afterwards: --knowledge as_occurred")
        }
        other => CliError::input(other),
    }
}

fn answer(question: &Question, result: &BacktestAnswer, talk: Talk) -> crate::answer::Answer {
    let w = talk.words();
    let plan = &result.plan;
    let (of, model) = match &result.model {
        Model::Purchases(fit) => ("purchases", fit.model.name()),
        Model::Subscriptions(_) => ("subscriptions", "hazard"),
    };
    let query =
        json!({"command": "backtest", "of": of, "plan": plan, "zone": question.policy.zone, "model": model});
    let mut answer = question.answer(query, question.asked(), json!(result), w.backtest, talk);
    let days = |cuts: &[Timestamp]| cuts.iter().map(|cut| day(question, *cut)).collect::<Vec<_>>().join(", ");
    let knowledge = match plan.knowledge {
        Knowledge::Recorded => "recorded",
        Knowledge::AsOccurred => "as_occurred",
    };
    let frame = fill(w.trained_at, &[&days(&plan.train), &days(&plan.test), &plan.horizon, &knowledge]);
    answer.tables.push(judged(result, frame, talk));
    answer.tables.push(cuts(question, result, talk));
    if let Some(best) = result.scores.first() {
        answer.tables.push(reliability(best, talk));
    }
    answer.tables.push(warnings(result, talk));
    if let Some(learnt) = &result.learnt {
        answer.tables.push(weights(learnt, talk));
    }
    if let Model::Subscriptions(hazard) = result.model {
        answer.notes.push(survival::hazard_note(hazard, talk));
    }
    answer.notes.extend(result.notes.iter().cloned());
    answer
}

/// What a learnt score makes of each feature.
pub fn weights(learnt: &Learnt, talk: Talk) -> Table {
    let w = talk.words();
    let mut table = Table::new(w.learnt, &[("feature", w.field), ("weight", w.weight), ("mean", w.mean)]);
    for feature in &learnt.features {
        table.push(vec![feature.name.as_str().into(), number(feature.weight), number(feature.mean)]);
    }
    table
}

fn number(number: f64) -> Cell {
    format!("{number:.4}").into()
}

fn some(value: Option<f64>) -> Cell {
    value.map_or(Cell::Empty, number)
}

fn judged(result: &BacktestAnswer, title: String, talk: Talk) -> Table {
    let w = talk.words();
    let mut table = Table::new(
        title,
        &[
            ("score", w.score),
            ("cases", w.cases),
            ("lapsed", w.lapsed),
            ("auc", "AUC"),
            ("pr_auc", "PR-AUC"),
            ("brier", w.brier),
            ("brier_skill", w.skill),
            ("log_loss", w.log_loss),
            ("ece", "ECE"),
            ("ece_interval", w.ece_interval),
            ("captured_10", w.captured_10),
            ("value_captured_10", w.value_10),
        ],
    );
    for of in &result.scores {
        let all = &of.pooled;
        let ten = all.top.iter().find(|top| (top.share - 0.1).abs() < 1e-9);
        let [low, high] = all.ece_interval;
        table.push(vec![
            of.score.into(),
            all.cases.into(),
            Cell::Percent(all.base_rate),
            some(all.auc),
            some(all.pr_auc),
            number(all.brier),
            some(all.brier_skill),
            number(all.log_loss),
            number(all.ece),
            format!("{low:.3} - {high:.3}").into(),
            ten.map_or(Cell::Empty, |top| Cell::Percent(top.captured)),
            ten.and_then(|top| top.value_captured).map_or(Cell::Empty, Cell::Percent),
        ]);
    }
    table
}

/// The local day of a cut that is its end, else the instant.
fn day(question: &Question, cut: Timestamp) -> String {
    let zone = question.policy.zone;
    let date = zone.date(cut);
    if zone.end_of_day(date) == Ok(cut) { date.to_string() } else { day_or_instant(cut) }
}

fn cuts(question: &Question, result: &BacktestAnswer, talk: Talk) -> Table {
    let w = talk.words();
    let mut table =
        Table::new(w.each_cut, &[("cut", w.at), ("customers", w.customers), ("lapsed", w.lapsed)]);
    for of in &result.scores {
        table = table.with_column(of.score, of.score);
    }
    for (place, cut) in result.plan.test.iter().enumerate() {
        let of_cut: Vec<_> = result.scores.iter().filter_map(|of| of.cuts.get(place)).collect();
        let Some(first) = of_cut.first() else { continue };
        let mut row =
            vec![day(question, *cut).into(), first.judgement.cases.into(), first.judgement.lapsed.into()];
        row.extend(of_cut.iter().map(|of| some(of.judgement.auc)));
        table.push(row);
    }
    table
}

fn reliability(of: &Judged, talk: Talk) -> Table {
    let w = talk.words();
    let mut table = Table::new(
        fill(w.reliability, &[&of.score]),
        &[("from", w.threshold), ("cases", w.cases), ("said", w.said), ("came", w.happened)],
    );
    for bin in of.pooled.reliability.iter().filter(|bin| bin.cases > 0) {
        table.push(vec![number(bin.from), bin.cases.into(), Cell::Percent(bin.said), Cell::Filled(bin.came)]);
    }
    table
}

fn warnings(result: &BacktestAnswer, talk: Talk) -> Table {
    let w = talk.words();
    let mut table = Table::new(
        w.warnings,
        &[
            ("score", w.score),
            ("from", w.threshold),
            ("true_alarms", w.true_alarms),
            ("false_alarms", w.false_alarms),
            ("false_for_each_true", w.false_each),
            ("warned", w.warned),
            ("lead_days", w.lead),
        ],
    );
    for of in &result.scores {
        let all = &of.warnings;
        let lead = all
            .lead_days
            .map_or(Cell::Empty, |lead| format!("{} / {} / {}", lead.lower, lead.median, lead.upper).into());
        table.push(vec![
            of.score.into(),
            number(all.from),
            all.true_alarms.into(),
            all.false_alarms.into(),
            some(all.false_for_each_true),
            all.warned.map_or(Cell::Empty, Cell::Percent),
            lead,
        ]);
    }
    table
}
