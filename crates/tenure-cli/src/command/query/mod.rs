//! `tenure query` and its shortcuts: questions about behaviour.

mod cell;
mod drawn;
mod spec;

use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};
use tenure::core::Timestamp;
use tenure::core::fold::Projection;
use tenure::core::query::{Ask, Asked, BreakdownScope, FunnelCourse, Query, QueryError, Terms};
use tenure::core::report::rfm::RfmReport;
use tenure::core::report::{Report, add_all};

use crate::answer::{Answer, Format, print_json};
use crate::args;
use crate::command::Talk;
use crate::error::CliError;
use crate::lang::fill;
use crate::question::{CountFacts, Question};
use crate::table::{self, Table};

use self::cell::Cell;
use self::drawn::{Drawn, drawn};

/// Runs `tenure query`.
///
/// # Errors
/// A spec that is no query, wrong usage, or a failing store.
pub fn run(args: &args::Query, talk: Talk) -> Result<ExitCode, CliError> {
    if args.schema {
        print_json(&format!("{:#}\n", Query::schema()))?;
        return Ok(ExitCode::SUCCESS);
    }
    ask(spec::read(args.spec.as_deref())?, &args.question, args.list.as_deref(), talk)
}

/// Runs `tenure funnel`.
///
/// # Errors
/// As [`run`].
pub fn funnel(args: &args::Funnel, talk: Talk) -> Result<ExitCode, CliError> {
    ask(spec::funnel(args)?, &args.question, args.list.as_deref(), talk)
}

/// Runs `tenure retention`.
///
/// # Errors
/// As [`run`].
pub fn retention(args: &args::Retention, talk: Talk) -> Result<ExitCode, CliError> {
    ask(spec::retention(args)?, &args.question, None, talk)
}

/// Runs `tenure lifecycle`.
///
/// # Errors
/// As [`run`].
pub fn lifecycle(args: &args::Lifecycle, talk: Talk) -> Result<ExitCode, CliError> {
    ask(spec::lifecycle(args)?, &args.question, None, talk)
}

fn ask(query: Query, args: &args::Question, list: Option<&str>, talk: Talk) -> Result<ExitCode, CliError> {
    let list = list.map(str::parse::<Cell>).transpose()?;
    if list.is_some() && !matches!(query.ask, Ask::Funnel(_)) {
        let why = format!("--list is about funnels, and this is a query of kind {}", query.kind());
        return Err(CliError::input(why));
    }
    spec::doubt(&query.to_json(), talk);
    let question = Question::open(args)?.within(&query.frame)?;
    let query = query.in_zone(question.policy.zone);
    // Without an instant it is that of the latest fact, which only a pass over the facts can tell.
    let shown = match question.asked() {
        Some(asked) => Some(asked),
        None => question.as_of(&question.fold(&CountFacts, talk)?),
    };
    let as_of = shown.unwrap_or(Timestamp::MIN);
    let terms = terms(&query, &question, as_of, talk)?;
    let asking = Asking { query: &query, question: &question, shown, as_of, talk };
    let funnel = made(query.funnel(&terms, as_of))?;
    if let (Some(cell), Some(funnel)) = (list, &funnel) {
        return asking.list(funnel, cell, args.format);
    }
    let answers = [
        asking.answer(funnel.as_ref().map(|asked| (asked, asked.report(as_of))))?,
        asking.answer(
            made(query.retention(&terms, as_of))?.as_ref().map(|asked| (asked, asked.report(as_of))),
        )?,
        asking.answer(
            made(query.lifecycle(&terms, as_of))?.as_ref().map(|asked| (asked, asked.report(as_of))),
        )?,
        asking
            .answer(made(query.paths(&terms, as_of))?.as_ref().map(|asked| (asked, asked.report(as_of))))?,
        asking.answer(
            made(query.stickiness(&terms, as_of))?.as_ref().map(|asked| (asked, asked.report(as_of))),
        )?,
        asking.answer(
            made(query.repurchase(&terms, as_of))?.as_ref().map(|asked| (asked, asked.report(as_of))),
        )?,
        asking.answer(
            made(query.transitions(&terms, as_of))?.as_ref().map(|asked| (asked, asked.report(as_of))),
        )?,
    ];
    // A query is of one kind.
    asking.show(answers.into_iter().flatten().next().unwrap_or_default(), args.format)
}

/// A query that was made ready, or why it was not.
fn made<C>(made: Result<C, QueryError>) -> Result<C, CliError> {
    made.map_err(|error| CliError::input(error.to_string()))
}

/// What a query needs besides the facts. Segments are those of the edges as of the instant of the answer.
fn terms(query: &Query, question: &Question, as_of: Timestamp, talk: Talk) -> Result<Terms, CliError> {
    let mut terms = Terms { stages: question.stages_if_any()?.map(Arc::new), segments: None };
    if query.breakdown().is_some_and(|by| by.scope == BreakdownScope::Segment) {
        let rfm = question.policy.rfm().map_err(CliError::input)?;
        let states = question.fold(&rfm, talk)?;
        let report = RfmReport::new(&rfm, as_of);
        let answer = report.finish(add_all(&report, &states, as_of)).map_err(CliError::input)?;
        terms.segments = Some((Arc::new(rfm), Arc::new(answer.edges)));
    }
    Ok(terms)
}

/// A query of somebody's facts.
struct Asking<'a> {
    query: &'a Query,
    question: &'a Question,
    /// The instant as the answer tells it; none of a log without facts.
    shown: Option<Timestamp>,
    as_of: Timestamp,
    talk: Talk,
}

impl Asking<'_> {
    /// Folds the facts and adds all customers up, where the query is of that kind.
    fn answer<P, R>(&self, asked: Option<(&P, R)>) -> Result<Option<Value>, CliError>
    where
        P: Projection + Clone + Send + Sync,
        R: Report<View = P::View>,
        R::Answer: Serialize,
    {
        let Some((asked, report)) = asked else { return Ok(None) };
        let states = self.question.fold(asked, self.talk)?;
        let answer = report.finish(add_all(&report, &states, self.as_of));
        serde_json::to_value(answer).map(Some).map_err(|error| CliError::store(&error))
    }

    fn show(&self, answer: Value, format: Format) -> Result<ExitCode, CliError> {
        let query = self.query.to_json();
        let Drawn { tables, list, notes } = drawn(&query, &answer, self.talk);
        let mut told = self.frame(query, answer);
        (told.tables, told.list, told.notes) = (tables, list, notes);
        told.print(format)?;
        Ok(ExitCode::SUCCESS)
    }

    fn frame(&self, query: Value, answer: Value) -> Answer {
        let title = self.talk.words().query;
        self.question.answer(query, self.shown, answer, title, self.talk)
    }

    /// The customers in one cell of a funnel, one by one: as many as there are.
    fn list(&self, funnel: &Asked<FunnelCourse>, cell: Cell, format: Format) -> Result<ExitCode, CliError> {
        let states = self.question.fold(funnel, self.talk)?;
        let w = self.talk.words();
        let columns = [
            ("customer", w.customer),
            ("value", w.value),
            ("reached", w.reached_step),
            ("entered_at", w.entered),
            ("since", w.since_when),
        ];
        let mut table = Table::new(fill(w.listed, &[&cell]), &columns);
        let mut rows = Vec::new();
        for (id, folded) in states.iter() {
            let view = funnel.view(&folded.state, self.as_of);
            for (value, outcome) in view.outcomes().iter().filter(|(_, outcome)| cell.holds(outcome)) {
                rows.push((states.shown(id), value.clone(), cell::Row::of(outcome)));
            }
        }
        rows.sort_by(|one, other| (&one.0, &one.1).cmp(&(&other.0, &other.1)));
        let body: Vec<Value> = rows
            .iter()
            .map(|(customer, value, row)| {
                json!({"customer": customer, "value": value, "reached": row.reached, "entered_at": row.entered_at, "since": row.since})
            })
            .collect();
        for (customer, value, row) in rows {
            let value = if value.is_empty() { table::Cell::Empty } else { table::Cell::from(&*value) };
            table.push(vec![
                customer.into(),
                value,
                row.reached.into(),
                table::Cell::At(row.entered_at),
                row.since.map_or(table::Cell::Empty, table::Cell::At),
            ]);
        }
        let mut told = self.frame(self.query.to_json(), json!({"cell": cell.to_string(), "customers": body}));
        told.tables = vec![table];
        told.print(format)?;
        Ok(ExitCode::SUCCESS)
    }
}
