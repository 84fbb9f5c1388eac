//! `tenure stages`: how many customers are in each stage, how they moved, who is about to slip away.

use std::process::ExitCode;

use serde_json::{Map, Value, json};
use tenure::core::fold::{Projection, UpTo};
use tenure::core::projection::stage::{StageMachine, StageOutlook, StagePolicy, Timeline};
use tenure::core::report::stages::{
    DwellRow, Entering, Entrant, Flow, MatrixCell, StageCounts, StageDwell, StageFlows, StageMatrix,
    StageTable,
};
use tenure::core::report::{Report, Shown, add_all};
use tenure::core::{Duration, Timestamp};

use crate::answer::Answer;
use crate::args;
use crate::command::Talk;
use crate::error::CliError;
use crate::lang::fill;
use crate::question::{CountFacts, Question};
use crate::table::{Cell, Table, day_or_instant};

/// Runs the command.
///
/// # Errors
/// Wrong usage or input, or a failing store.
pub fn run(args: &args::Stages, talk: Talk) -> Result<ExitCode, CliError> {
    let question = Question::open(&args.question)?;
    if args.within.is_some() && question.stages()?.policy().find(AT_RISK).is_none() {
        return Err(CliError::input(format!(
            "--within is about the stage {AT_RISK}, and policy \"{}\" has none",
            question.policy.name
        )));
    }
    let asked = Asked {
        since: args.since.as_deref().map(|text| question.instant("--since", text)).transpose()?,
        within: args.within.as_deref().map(within).transpose()?,
        dwell: args.dwell,
        flows: args.flows,
    };
    answer(&question, &asked, talk)?.print(args.question.format)?;
    Ok(ExitCode::SUCCESS)
}

/// What is wanted besides the counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked {
    /// Movements since then.
    pub since: Option<Timestamp>,
    /// Who enters `at_risk` within this time.
    pub within: Option<Duration>,
    /// How long stays last.
    pub dwell: bool,
    /// Changes per calendar month.
    pub flows: bool,
}

/// A duration as people write it.
///
/// # Errors
/// If it is none.
pub fn within(text: &str) -> Result<Duration, CliError> {
    text.parse().map_err(|error| {
        CliError::input(format!("--within: {error}")).hint("give a duration such as 30d or 12h")
    })
}

/// The stage that `--within` is about, in the presets and in policies that call it so.
pub const AT_RISK: &str = "at_risk";

/// The answer under the question's policy.
///
/// # Errors
/// Wrong input, or a failing store.
pub fn answer(question: &Question, asked: &Asked, talk: Talk) -> Result<Answer, CliError> {
    let machine = question.stages()?;
    let policy = machine.policy();
    let stood = UpTo { projection: &machine, at: asked.since.unwrap_or(Timestamp::MIN) };
    let outlook = StageOutlook { machine: &machine, horizon: asked.within.unwrap_or(Duration::ZERO) };
    let states = question.fold(&(stood, outlook, CountFacts), talk)?;
    let as_of = question.as_of(&states);
    if let Some(since) = asked.since {
        Question::check_since(since, as_of)?;
    }
    let at = as_of.unwrap_or(Timestamp::MIN);
    let mut facts = 0_u64;
    let counts = StageCounts { policy };
    let matrix = StageMatrix { policy };
    let entering = policy.find(AT_RISK).map(|stage| Entering { policy, stage });
    let (mut counted, mut moved, mut entered) = Default::default();
    for (id, folded) in states.iter() {
        let name = states.shown(id);
        let shown = Shown { id, name: &name };
        let (before, outlook, count) = states.projection().view(&folded.state, at);
        facts += count;
        counts.add(&mut counted, shown, &outlook.now);
        matrix.add(&mut moved, shown, &(before, outlook.now));
        if let Some(entering) = &entering {
            entering.add(&mut entered, shown, &outlook);
        }
    }
    let table = counts.finish(counted);
    let matrix = asked.since.map(|_| matrix.finish(moved));
    let soon = asked.within.map(|_| entering.map(|entering| entering.finish(entered)).unwrap_or_default());
    let (dwell, flows) = timelines(question, &machine, asked, at, talk)?;

    let mut body = Map::new();
    let mut insert = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(name.into(), value);
        }
    };
    insert("facts", Some(facts.into()));
    insert("customers", Some(table.customers.into()));
    insert("stages", Some(json!(table.stages)));
    insert("macro_stages", Some(json!(table.macro_stages)));
    insert("transitions", matrix.as_ref().map(|matrix| json!(matrix)));
    insert("soon_at_risk", soon.as_ref().map(|soon| json!(soon)));
    insert("dwell", dwell.as_ref().map(|dwell| json!(dwell)));
    insert("flows", flows.as_ref().map(|flows| json!(flows)));
    let query = json!({
        "command": "stages", "since": asked.since, "within": asked.within, "dwell": asked.dwell, "flows": asked.flows,
    });
    let w = talk.words();
    let mut answer = question.answer(query, as_of, Value::Object(body), w.stages, talk);
    answer.tables.push(stage_table(policy, &table, talk));
    if let (Some(since), Some(matrix)) = (asked.since, &matrix) {
        answer.tables.push(matrix_table(policy, since, matrix, talk));
    }
    if let (Some(within), Some(soon)) = (asked.within, &soon) {
        answer.tables.push(soon_table(policy, within, soon, talk));
    }
    answer.tables.extend(dwell.map(|dwell| dwell_table(policy, &dwell, talk)));
    answer.tables.extend(flows.map(|flows| flow_table(policy, &flows, talk)));
    if table.customers == 0 {
        answer.notes.push(w.nobody.into());
    }
    Ok(answer)
}

type FromTimelines = (Option<Vec<DwellRow>>, Option<Vec<Flow>>);

/// What only whole timelines can tell.
fn timelines(
    question: &Question,
    machine: &StageMachine,
    asked: &Asked,
    as_of: Timestamp,
    talk: Talk,
) -> Result<FromTimelines, CliError> {
    if !asked.dwell && !asked.flows {
        return Ok((None, None));
    }
    let states = question.fold(&Timeline::new(machine.clone()), talk)?;
    let dwell = StageDwell { policy: machine.policy() };
    let dwell = asked.dwell.then(|| dwell.finish(add_all(&dwell, &states, as_of)));
    let flows = StageFlows::new(machine.policy(), question.months(asked.since, as_of));
    let flows = asked.flows.then(|| flows.finish(add_all(&flows, &states, as_of)));
    Ok((dwell, flows))
}

/// A stage by its code, for people by its label.
pub fn label(policy: &StagePolicy, code: &str, talk: Talk) -> Cell {
    let label = policy.find(code).and_then(|stage| policy.stage(stage));
    let label = label.map_or(code, |stage| stage.labels.of(talk.language()));
    Cell::Code(code.to_owned(), label.to_owned())
}

fn from_label(policy: &StagePolicy, code: Option<&String>, talk: Talk) -> Cell {
    code.map_or_else(
        || Cell::Code(String::new(), talk.words().not_yet.into()),
        |code| label(policy, code, talk),
    )
}

/// How many customers are in each stage.
pub fn stage_table(policy: &StagePolicy, stages: &StageTable, talk: Talk) -> Table {
    let w = talk.words();
    let columns =
        [("stage", w.stage), ("macro", w.macro_stage), ("customers", w.customers), ("share", w.share)];
    let mut table = Table::new(format!("{} ({})", w.stages, stages.customers), &columns);
    for row in &stages.stages {
        let of = row.macro_stage;
        let macro_stage = Cell::Code(of.code().into(), of.label(talk.language()).into());
        table.push(vec![
            label(policy, &row.code, talk),
            macro_stage,
            row.customers.into(),
            Cell::Share(row.share),
        ]);
    }
    table
}

/// Who moved from which stage to which.
pub fn matrix_table(policy: &StagePolicy, since: Timestamp, matrix: &[MatrixCell], talk: Talk) -> Table {
    let w = talk.words();
    let columns = [("from", w.from), ("to", w.to), ("customers", w.customers)];
    let mut table = Table::new(fill(w.moves, &[&day_or_instant(since)]), &columns);
    for cell in matrix.iter().filter(|cell| cell.from.as_ref() != Some(&cell.to)) {
        let from = from_label(policy, cell.from.as_ref(), talk);
        table.push(vec![from, label(policy, &cell.to, talk), cell.customers.into()]);
    }
    table
}

/// Who enters `at_risk` soon: the first of them, and how many more there are.
pub fn soon_table(policy: &StagePolicy, within: Duration, soon: &[Entrant], talk: Talk) -> Table {
    const SHOWN: usize = 10;
    let w = talk.words();
    let columns = [("customer", w.customer), ("at", w.at), ("from", w.from)];
    let mut table = Table::new(format!("{} ({})", fill(w.soon_at_risk, &[&within]), soon.len()), &columns);
    let mut first: Vec<&Entrant> = soon.iter().collect();
    first.sort_by_key(|entrant| entrant.at);
    for entrant in first.into_iter().take(SHOWN) {
        let from = from_label(policy, entrant.from.as_ref(), talk);
        table.push(vec![entrant.customer.as_str().into(), Cell::At(entrant.at), from]);
    }
    let more = soon.len().saturating_sub(SHOWN);
    if more > 0 {
        table.push(vec![fill(w.plus_more, &[&more]).into(), Cell::Empty, Cell::Empty]);
    }
    table
}

fn dwell_table(policy: &StagePolicy, dwell: &[DwellRow], talk: Talk) -> Table {
    let w = talk.words();
    let columns = [
        ("stage", w.stage),
        ("completed", w.stays),
        ("median", w.median),
        ("p90", w.p90),
        ("open", w.open_stays),
    ];
    let mut table = Table::new(w.dwell, &columns);
    let days = |length: Option<Duration>| length.map_or(Cell::Empty, |length| length.as_days().into());
    for row in dwell {
        let (stage, completed) = (label(policy, &row.code, talk), row.completed.into());
        table.push(vec![stage, completed, days(row.median), days(row.p90), row.open.into()]);
    }
    table
}

/// The month that begins at an instant, which is midnight in some zone: half a month on it is the same one in all.
fn month(begins: Timestamp) -> String {
    let within = begins.checked_add(Duration::days(14)).unwrap_or(begins).to_string();
    within.get(..7).unwrap_or(&within).to_owned()
}

fn flow_table(policy: &StagePolicy, flows: &[Flow], talk: Talk) -> Table {
    let w = talk.words();
    let columns = [("period", w.month), ("from", w.from), ("to", w.to), ("changes", w.changes)];
    let mut table = Table::new(w.flows, &columns);
    for flow in flows {
        let from = from_label(policy, flow.from.as_ref(), talk);
        table.push(vec![month(flow.period).into(), from, label(policy, &flow.to, talk), flow.changes.into()]);
    }
    table
}
