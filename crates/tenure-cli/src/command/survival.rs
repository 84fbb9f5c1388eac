//! `tenure survival`: how long subscriptions last, and who is likely to end theirs.

use std::process::ExitCode;

use serde_json::json;
use tenure::core::forecast::Hazard;
use tenure::core::projection::recurring::Recurring;
use tenure::core::report::survival::{SurvivalAnswer, SurvivalReport};
use tenure::core::report::{Report, add_all};
use tenure::core::{Duration, Timestamp};

use crate::args;
use crate::command::{Talk, backtest};
use crate::error::CliError;
use crate::lang::fill;
use crate::question::Question;
use crate::table::{Cell, Table, day_or_instant};

/// Runs the command.
///
/// # Errors
/// Wrong usage or input, or a failing store.
pub fn run(args: &args::Survival, talk: Talk) -> Result<ExitCode, CliError> {
    let horizon = horizon(&args.horizon)?;
    let question = Question::open(&args.question)?;
    let states = question.fold(&Recurring::new(question.policy.exchange()), talk)?;
    let as_of = question.as_of(&states);
    let at = as_of.unwrap_or(Timestamp::MIN);
    let report = SurvivalReport { as_of: at, horizon, most: usize::try_from(args.top).unwrap_or(usize::MAX) };
    let result = report.finish(add_all(&report, &states, at));
    let query = json!({"command": "survival", "horizon": horizon, "top": args.top});
    let w = talk.words();
    let mut answer = question.answer(query, as_of, json!(result), w.survival, talk);
    answer.list = Some(endings(&result, horizon, talk));
    if result.lives > 0 {
        answer.tables.push(curve(&result, talk));
        answer.tables.push(endings(&result, horizon, talk));
    } else {
        answer.notes.push(w.no_subscriptions.into());
    }
    answer.notes.extend(result.hazard.map(|hazard| hazard_note(hazard, talk)));
    answer.notes.extend(result.notes.iter().cloned());
    answer.print(args.question.format)?;
    Ok(ExitCode::SUCCESS)
}

/// A time ahead.
///
/// # Errors
/// If it is none.
pub fn horizon(text: &str) -> Result<Duration, CliError> {
    match backtest::duration("--horizon", text)? {
        Duration::ZERO => Err(CliError::input("--horizon 0 is no time ahead")
            .hint("write a whole number and a unit, such as 90d")),
        horizon => Ok(horizon),
    }
}

/// What the probability to leave in a month depends on.
pub fn hazard_note(hazard: Hazard, talk: Talk) -> String {
    let [first, month, again] =
        [hazard.intercept, hazard.ln_month, hazard.again].map(|number| format!("{number:.3}"));
    fill(talk.words().hazard_of, &[&first, &month, &again])
}

fn curve(result: &SurvivalAnswer, talk: Talk) -> Table {
    let w = talk.words();
    let title = match result.median_days {
        Some(days) => fill(w.survival_of, &[&result.lives, &result.ended, &days.round()]),
        None => fill(w.survival_of_most, &[&result.lives, &result.ended]),
    };
    let columns = [
        ("month", w.month_of_life),
        ("at_risk", w.at_risk_then),
        ("ended", w.ended_then),
        ("survival", w.survival_share),
        ("interval", w.interval_95),
    ];
    let mut table = Table::new(title, &columns);
    for row in &result.curve {
        let interval = row
            .interval
            .map_or(Cell::Empty, |(low, high)| format!("{:.1} - {:.1} %", low * 100.0, high * 100.0).into());
        table.push(vec![
            u64::from(row.month).into(),
            row.at_risk.into(),
            row.ended.into(),
            Cell::Filled(row.survival),
            interval,
        ]);
    }
    table
}

fn endings(result: &SurvivalAnswer, horizon: Duration, talk: Talk) -> Table {
    let w = talk.words();
    let title = fill(w.endings, &[&horizon, &result.customers.len(), &result.paying]);
    let columns = [("customer", w.customer), ("since", w.since), ("months", w.months_lived)];
    let mut table = Table::new(title, &columns).with_column("p_end", fill(w.p_end, &[&horizon]));
    for one in &result.customers {
        table.push(vec![
            one.customer.as_str().into(),
            day_or_instant(one.since).chars().take(10).collect::<String>().into(),
            u64::from(one.months).into(),
            Cell::Percent(one.p_end),
        ]);
    }
    table
}
