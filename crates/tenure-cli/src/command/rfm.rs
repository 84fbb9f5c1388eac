//! `tenure rfm`: scores, segments, edges, and who moved.

use std::process::ExitCode;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tenure::core::Timestamp;
use tenure::core::fold::{Projection as _, UpTo};
use tenure::core::projection::rfm::{MapName, RfmPolicy, Scoring};
use tenure::core::report::rfm::{
    Population, RfmAnswer, RfmError, RfmMoves, RfmMovesReport, RfmReport, Segment, segments,
};
use tenure::core::report::{Report, Shown, add_all};

use crate::answer::Answer;
use crate::args;
use crate::command::Talk;
use crate::error::CliError;
use crate::lang::fill;
use crate::question::Question;
use crate::table::{Cell, Table, day_or_instant};

/// Runs the command.
///
/// # Errors
/// Wrong usage or input, or a failing store.
pub fn run(args: &args::Rfm, talk: Talk) -> Result<ExitCode, CliError> {
    let mut question = Question::open(&args.question)?;
    if let Some(scoring) = &args.scoring {
        question.policy.rfm.scoring = named::<Scoring>("--scoring", scoring)?;
    }
    if let Some(map) = &args.map {
        question.policy.rfm.map = named::<MapName>("--map", map)?;
    }
    answer(&question, args.since.as_deref(), talk)?.print(args.question.format)?;
    Ok(ExitCode::SUCCESS)
}

/// The answer under the question's policy.
///
/// # Errors
/// Wrong input, or a failing store.
pub fn answer(question: &Question, since: Option<&str>, talk: Talk) -> Result<Answer, CliError> {
    let rfm = question.policy.rfm().map_err(CliError::input)?;
    let since = since.map(|text| question.instant("--since", text)).transpose()?;
    let (as_of, result, moves) = match since {
        None => {
            let states = question.fold(&rfm, talk)?;
            let as_of = question.as_of(&states);
            let at = as_of.unwrap_or(Timestamp::MIN);
            let report = RfmReport::new(&rfm, at);
            (as_of, report.finish(add_all(&report, &states, at)), None)
        }
        Some(since) => {
            let states = question.fold(&(UpTo { projection: rfm.clone(), at: since }, rfm.clone()), talk)?;
            let as_of = question.as_of(&states);
            Question::check_since(since, as_of)?;
            let at = as_of.unwrap_or(since);
            let report = RfmMovesReport::new(&rfm, since, at);
            let moves = report.finish(add_all(&report, &states, at)).map_err(|error| told(&error))?;
            // Both instants are seen relative to the edges of the first.
            let after = RfmReport::new(&rfm, at).with_edges(moves.edges.clone());
            let mut population = Population::default();
            for (id, folded) in states.iter() {
                let (_, view) = states.projection().view(&folded.state, at);
                after.add(&mut population, Shown { id, name: &states.shown(id) }, &view);
            }
            (as_of, after.finish(population), Some(moves))
        }
    };
    let result = result.map_err(|error| told(&error))?;
    let mut body = json!(result);
    if let (Some(moves), Value::Object(body)) = (&moves, &mut body) {
        body.insert("moves".into(), json!(moves));
    }
    let query =
        json!({"command": "rfm", "zone": question.policy.zone, "rfm": question.policy.rfm, "since": since});
    let w = talk.words();
    let mut answer = question.answer(query, as_of, body, w.rfm, talk);
    answer.tables.push(segment_table(&question.policy.rfm, &result, talk));
    answer.list = Some(customer_table(&question.policy.rfm, &result, talk));
    if let Some(moves) = &moves {
        answer.tables.push(moves_table(&question.policy.rfm, moves, talk));
    }
    if result.counts.scored + result.counts.unscored == 0 {
        answer.notes.push(w.nobody.into());
    }
    if result.counts.unscored > 0 {
        answer.notes.push(fill(w.unscored, &[&result.counts.unscored]));
    }
    if result.counts.missing_rate > 0 {
        answer.notes.push(fill(w.missing_rates, &[&result.counts.missing_rate]));
    }
    Ok(answer)
}

fn told(error: &RfmError) -> CliError {
    CliError::input(error).hint(error.hint())
}

/// A name of a list, or what the list is.
fn named<T: DeserializeOwned>(option: &str, name: &str) -> Result<T, CliError> {
    serde_json::from_value(name.into()).map_err(|error| CliError::input(format!("{option}: {error}")))
}

/// A segment for programs and for people.
pub fn label(policy: &RfmPolicy, code: &str, talk: Talk) -> Cell {
    let known = segments(policy).into_iter().find(|segment| segment.code == code);
    let label = known
        .map_or_else(|| code.to_owned(), |Segment { en, zh_cn, .. }| talk.lang.pick(en, zh_cn).to_owned());
    Cell::Code(code.to_owned(), label)
}

fn segment_table(policy: &RfmPolicy, answer: &RfmAnswer, talk: Talk) -> Table {
    let w = talk.words();
    let name = json!(policy.map);
    let title = format!("{} ({})", w.segments, name.as_str().unwrap_or_default());
    let mut table =
        Table::new(title, &[("segment", w.segment), ("customers", w.customers), ("share", w.share)]);
    for segment in &answer.segments {
        let share = Cell::Share(segment.share);
        table.push(vec![label(policy, &segment.code, talk), segment.customers.into(), share]);
    }
    table
}

fn customer_table(policy: &RfmPolicy, answer: &RfmAnswer, talk: Talk) -> Table {
    let w = talk.words();
    let columns = [
        ("customer", w.customer),
        ("recency_days", w.recency_days),
        ("frequency", w.frequency),
        ("monetary", w.monetary),
        ("r", "R"),
        ("f", "F"),
        ("m", "M"),
        ("segment", w.segment),
    ];
    let mut table = Table::new(w.customers, &columns);
    for row in &answer.customers {
        table.push(vec![
            row.customer.as_str().into(),
            u64::from(row.recency_days).into(),
            row.frequency.into(),
            Cell::Money(row.monetary),
            u64::from(row.scores.r).into(),
            u64::from(row.scores.f).into(),
            u64::from(row.scores.m).into(),
            label(policy, &row.segment, talk),
        ]);
    }
    table
}

fn moves_table(policy: &RfmPolicy, moves: &RfmMoves, talk: Talk) -> Table {
    let w = talk.words();
    let columns = [("from", w.from), ("to", w.to), ("customers", w.customers)];
    let mut table = Table::new(fill(w.moves, &[&day_or_instant(moves.since)]), &columns);
    let cell = |code: &Option<String>| code.as_ref().map_or(Cell::Empty, |code| label(policy, code, talk));
    for flow in moves.matrix.iter().filter(|flow| flow.from != flow.to) {
        table.push(vec![cell(&flow.from), cell(&flow.to), flow.customers.into()]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_that_is_offered_is_one() {
        for name in args::SCORINGS {
            assert!(named::<Scoring>("--scoring", name).is_ok(), "{name}");
        }
        for name in args::MAPS {
            assert!(named::<MapName>("--map", name).is_ok(), "{name}");
        }
    }
}
