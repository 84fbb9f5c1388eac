//! `tenure acquisition`: what it costs to win customers, by channel and by campaign, and when they have paid it back.

use std::process::ExitCode;

use serde_json::json;
use tenure::core::Timestamp;
use tenure::core::report::acquisition::{AcquisitionReport, AcquisitionRow};
use tenure::core::report::value::ValueReport;
use tenure::core::report::{Report, add_all};

use crate::args;
use crate::command::Talk;
use crate::command::clv::name;
use crate::error::CliError;
use crate::lang::fill;
use crate::question::Question;
use crate::table::{Cell, Table};

/// Runs the command.
///
/// # Errors
/// Wrong usage or input, or a failing store.
pub fn run(args: &args::Acquisition, talk: Talk) -> Result<ExitCode, CliError> {
    let question = Question::open(&args.question)?;
    let exchange = question.policy.exchange();
    let states = question.fold(&ValueReport::projection(&exchange), talk)?;
    let as_of = question.as_of(&states);
    let at = as_of.unwrap_or(Timestamp::MIN);
    let report = AcquisitionReport::new(&exchange, at);
    let acc = add_all(&report, &states, at);
    let result = report.finish(acc).map_err(|error| CliError::input(error).hint(error.hint()))?;
    let query = json!({
        "command": "acquisition",
        "zone": question.policy.zone,
        "currency": question.policy.currency,
    });
    let w = talk.words();
    let mut answer = question.answer(query, as_of, json!(result), w.acquisition, talk);
    let mut list = table("by", w.by, String::new(), talk);
    list.push(cells(
        vec![Cell::Code("all".into(), w.total.into()), Cell::Nothing(String::new())],
        &result.all,
        talk,
    ));
    for (code, label, rows) in
        [("channel", w.channel, &result.channels), ("campaign", w.campaign, &result.campaigns)]
    {
        let title = fill(w.amounts_in, &[&result.all.cost.currency]);
        let mut groups = table(code, label, title, talk);
        for row in rows {
            let named = name(row.name.as_deref(), talk);
            list.push(cells(vec![Cell::Code(code.into(), label.into()), named.clone()], row, talk));
            groups.push(cells(vec![named], row, talk));
        }
        groups.push(cells(vec![w.total.into()], &result.all, talk));
        if result.all.leads > 0 {
            answer.tables.push(groups);
        }
    }
    answer.list = Some(list);
    if states.is_empty() {
        answer.notes.push(w.nobody.into());
    } else if result.all.leads == 0 {
        answer.notes.push(w.no_leads.into());
    } else {
        answer.notes.push(w.payback_is.into());
    }
    let counts = [
        (result.all.without_order, w.won_without_order),
        (result.all.customers_before, w.customers_before),
        (result.without_lead, w.without_lead),
        (result.without_cost, w.without_cost),
        (result.without_amount, w.without_amount),
        (result.missing_rate, w.missing_rates),
    ];
    answer
        .notes
        .extend(counts.iter().filter(|(count, _)| *count > 0).map(|(count, phrase)| fill(phrase, &[count])));
    answer.print(args.question.format)?;
    Ok(ExitCode::SUCCESS)
}

/// A table of rows of one grouping, or of all for programs.
fn table(code: &'static str, label: &str, title: String, talk: Talk) -> Table {
    let w = talk.words();
    let mut columns = vec![(code, label)];
    if code == "by" {
        columns.push(("name", w.name));
    }
    columns.extend([
        ("leads", w.leads),
        ("prospects", w.prospects),
        ("customers", w.won_customers),
        ("conversion", w.rate),
        ("cost", w.cost),
        ("cac", w.cac),
        ("average", w.average_net),
        ("ltv_cac", w.ltv_cac),
        ("payback_months", w.payback),
    ]);
    Table::new(title, &columns)
}

fn cells(mut cells: Vec<Cell>, row: &AcquisitionRow, talk: Talk) -> Vec<Cell> {
    let payback = match row.payback_months {
        Some(months) => u64::from(months).into(),
        None if row.customers > 0 => Cell::Nothing(talk.words().not_paid_back.into()),
        None => Cell::Empty,
    };
    cells.extend([
        row.leads.into(),
        row.prospects.into(),
        row.customers.into(),
        Cell::Percent(row.conversion),
        Cell::Bare(row.cost),
        row.cac.map_or(Cell::Empty, Cell::Bare),
        row.average.map_or(Cell::Empty, Cell::Bare),
        row.ltv_cac.clone().map_or(Cell::Empty, Cell::Decimal),
        payback,
    ]);
    cells
}
