//! `tenure revenue`: orders, refunds and net per calendar month.

use std::process::ExitCode;

use serde_json::json;
use tenure::core::Timestamp;
use tenure::core::projection::revenue::Revenue;
use tenure::core::report::revenue::{RevenueReport, RevenueRow};
use tenure::core::report::{Report, add_all};

use crate::args;
use crate::command::Talk;
use crate::error::CliError;
use crate::lang::fill;
use crate::question::Question;
use crate::table::{Cell, Table};

/// Runs the command.
///
/// # Errors
/// Wrong usage or input, or a failing store.
pub fn run(args: &args::Revenue, talk: Talk) -> Result<ExitCode, CliError> {
    let question = Question::open(&args.question)?;
    let policy = &question.policy;
    let revenue = Revenue::new(policy.zone, policy.currency, policy.rates.clone());
    let states = question.fold(&revenue, talk)?;
    let as_of = question.as_of(&states);
    let report = RevenueReport::new(&revenue);
    let acc = add_all(&report, &states, as_of.unwrap_or(Timestamp::MIN));
    let result = report.finish(acc).map_err(|error| CliError::input(&error).hint(error.hint()))?;
    let query = json!({
        "command": "revenue",
        "period": args.period,
        "zone": policy.zone,
        "currency": policy.currency,
    });
    let w = talk.words();
    let mut answer = question.answer(query, as_of, json!(result), w.revenue, talk);
    let columns = [
        ("month", w.month),
        ("orders", w.orders),
        ("customers", w.customers),
        ("gross", w.gross),
        ("refunds", w.refund_count),
        ("refunded", w.refunds),
        ("net", w.net),
    ];
    let mut months = Table::new("", &columns);
    for month in &result.months {
        months.push(cells(month, ""));
    }
    answer.list = Some(months.clone());
    if !result.months.is_empty() {
        months.push(cells(&result.total, w.total));
    }
    answer.tables.push(months);
    if result.months.is_empty() {
        answer.notes.push(w.nobody.into());
    }
    for (count, phrase) in [(result.without_amount, w.without_amount), (result.missing_rate, w.missing_rates)]
    {
        if count > 0 {
            answer.notes.push(fill(phrase, &[&count]));
        }
    }
    answer.print(args.question.format)?;
    Ok(ExitCode::SUCCESS)
}

fn cells(row: &RevenueRow, total: &str) -> Vec<Cell> {
    vec![
        row.month.as_deref().unwrap_or(total).into(),
        row.orders.into(),
        row.customers.into(),
        Cell::Money(row.gross),
        row.refunds.into(),
        Cell::Money(row.refunded),
        Cell::Money(row.net),
    ]
}
