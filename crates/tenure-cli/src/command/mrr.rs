//! `tenure mrr`: monthly recurring revenue, how it moves, and how much of it stays.

use std::process::ExitCode;

use serde_json::json;
use tenure::core::projection::recurring::Recurring;
use tenure::core::projection::revenue::Month;
use tenure::core::report::recurring::{Movements, RecurringAnswer, RecurringReport, Retention};
use tenure::core::report::{Report, add_all};
use tenure::core::{MoneySum, Timestamp};

use crate::args;
use crate::command::Talk;
use crate::error::CliError;
use crate::lang::fill;
use crate::question::Question;
use crate::table::{Cell, Table};

/// How many months are shown where nobody says how many.
const MONTHS: u32 = 12;

/// Runs the command.
///
/// # Errors
/// Wrong usage or input, or a failing store.
pub fn run(args: &args::Mrr, talk: Talk) -> Result<ExitCode, CliError> {
    let question = Question::open(&args.question)?;
    let since = args.since.as_deref().map(|text| question.instant("--since", text)).transpose()?;
    let recurring = Recurring::new(question.policy.exchange());
    let states = question.fold(&recurring, talk)?;
    let as_of = question.as_of(&states);
    if let Some(since) = since {
        Question::check_since(since, as_of)?;
    }
    let at = as_of.unwrap_or(Timestamp::MIN);
    let zone = question.policy.zone;
    let back = 1 - i32::try_from(args.months.unwrap_or(MONTHS)).unwrap_or(i32::MAX);
    let first = match since {
        Some(since) => Month::of(zone, since),
        // Nothing happens before 1970.
        None => Month::of(zone, at).plus(back).max(Month::of(zone, Timestamp::MIN)),
    };
    let report = RecurringReport::new(recurring.exchange(), first, at);
    let acc = add_all(&report, &states, at);
    let mut result = report.finish(acc).map_err(|error| CliError::input(error).hint(error.hint()))?;
    if as_of.is_none() {
        result.months.clear();
    }
    let query = json!({
        "command": "mrr",
        "since": since,
        "months": args.months.or(since.is_none().then_some(MONTHS)),
        "zone": zone,
        "currency": question.policy.currency,
    });
    let w = talk.words();
    let mut answer = question.answer(query, as_of, json!(result), w.mrr, talk);
    answer.list = Some(list(&result, talk));
    if result.subscribers > 0 {
        answer.tables.push(now(&result, talk));
        answer.tables.push(movements(&result, talk));
        answer.tables.push(retention(&result, talk));
    }
    if states.is_empty() {
        answer.notes.push(w.nobody.into());
    } else if result.subscribers == 0 {
        answer.notes.push(w.no_subscriptions.into());
    }
    if result.subscribers > 0 && result.months.iter().any(|row| !row.complete) {
        answer.notes.push(w.open_months.into());
    }
    let counts = [
        (result.not_running, w.not_running),
        (result.without_amount, w.starts_without_amount),
        (result.missing_rate, w.missing_rates),
    ];
    answer
        .notes
        .extend(counts.iter().filter(|(count, _)| *count > 0).map(|(count, phrase)| fill(phrase, &[count])));
    answer.print(args.question.format)?;
    Ok(ExitCode::SUCCESS)
}

fn now(result: &RecurringAnswer, talk: Talk) -> Table {
    let w = talk.words();
    let columns = [("mrr", w.mrr), ("customers", w.paying_customers), ("subscriptions", w.subscriptions)];
    let mut table = Table::new("", &columns);
    table.push(vec![Cell::Money(result.mrr), result.customers.into(), result.subscriptions.into()]);
    table
}

/// The month for programs, and with a mark where it is not over for people.
fn month(month: &str, complete: bool) -> Cell {
    Cell::Code(month.into(), if complete { month.into() } else { format!("{month}…") })
}

fn signed(sum: MoneySum, sign: i128) -> Cell {
    Cell::Bare(MoneySum { minor: sum.minor.saturating_mul(sign), ..sum })
}

fn movements(result: &RecurringAnswer, talk: Talk) -> Table {
    let w = talk.words();
    let columns = [
        ("month", w.month),
        ("opening", w.opening),
        ("new", w.new),
        ("expansion", w.expansion),
        ("reactivated", w.reactivated),
        ("contraction", w.contraction),
        ("churned", w.churned_mrr),
        ("closing", w.closing),
    ];
    let mut table = Table::new(fill(w.mrr_movements, &[&result.mrr.currency]), &columns);
    for row in &result.months {
        let Movements { opening, new, expansion, reactivated, contraction, churned, closing } = row.mrr;
        table.push(vec![
            month(&row.month, row.complete),
            signed(opening, 1),
            signed(new, 1),
            signed(expansion, 1),
            signed(reactivated, 1),
            signed(contraction, -1),
            signed(churned, -1),
            signed(closing, 1),
        ]);
    }
    table
}

fn ratio(ratio: Option<f64>) -> Cell {
    ratio.map_or(Cell::Empty, Cell::Percent)
}

fn retention(result: &RecurringAnswer, talk: Talk) -> Table {
    let w = talk.words();
    let columns = [
        ("month", w.month),
        ("customers", w.paying_customers),
        ("new", w.new),
        ("reactivated", w.reactivated),
        ("churned", w.churned_customers),
        ("gross", w.gross_retention),
        ("net", w.net_retention),
        ("logo_churn", w.logo_churn),
        ("year_gross", w.year_gross),
        ("year_net", w.year_net),
    ];
    let mut table = Table::new(w.retention_of_revenue, &columns);
    for row in &result.months {
        let Retention { gross, net, logo_churn } = row.retention;
        table.push(vec![
            month(&row.month, row.complete),
            row.customers.closing.into(),
            row.customers.new.into(),
            row.customers.reactivated.into(),
            row.customers.churned.into(),
            ratio(gross),
            ratio(net),
            ratio(logo_churn),
            ratio(row.trailing_year.gross),
            ratio(row.trailing_year.net),
        ]);
    }
    table
}

/// Everything of a month in one row, for programs.
fn list(result: &RecurringAnswer, talk: Talk) -> Table {
    let w = talk.words();
    let columns = [
        ("month", w.month),
        ("opening", w.opening),
        ("new", w.new),
        ("expansion", w.expansion),
        ("reactivated", w.reactivated),
        ("contraction", w.contraction),
        ("churned", w.churned_mrr),
        ("closing", w.closing),
        ("customers_opening", w.opening),
        ("customers_new", w.new),
        ("customers_reactivated", w.reactivated),
        ("customers_churned", w.churned_customers),
        ("customers_closing", w.closing),
        ("gross_retention", w.gross_retention),
        ("net_retention", w.net_retention),
        ("logo_churn", w.logo_churn),
        ("year_gross_retention", w.year_gross),
        ("year_net_retention", w.year_net),
        ("year_logo_churn", w.logo_churn),
        ("complete", w.complete),
    ];
    let mut table = Table::new("", &columns);
    for row in &result.months {
        let Movements { opening, new, expansion, reactivated, contraction, churned, closing } = row.mrr;
        let mut cells = vec![row.month.as_str().into()];
        cells.extend([opening, new, expansion, reactivated, contraction, churned, closing].map(Cell::Money));
        let of = row.customers;
        cells.extend([of.opening, of.new, of.reactivated, of.churned, of.closing].map(Cell::from));
        for Retention { gross, net, logo_churn } in [row.retention, row.trailing_year] {
            cells.extend([gross, net, logo_churn].map(ratio));
        }
        cells.push(if row.complete { "true" } else { "false" }.into());
        table.push(cells);
    }
    table
}
