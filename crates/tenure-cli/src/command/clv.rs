//! `tenure clv`: what customers have brought, one by one, by cohort, by channel and by campaign.

use std::process::ExitCode;

use serde_json::json;
use tenure::core::fold::Projection as _;
use tenure::core::projection::purchases::Purchases;
use tenure::core::report::value::{CohortRow, CustomerValue, ValueAnswer, ValueReport, ValueRow, ValueSum};
use tenure::core::report::{Report, Shown};
use tenure::core::{MoneySum, Timestamp};

use crate::answer::width;
use crate::args::{self, ValueBy};
use crate::command::Talk;
use crate::command::clv_ahead::Model;
use crate::error::CliError;
use crate::lang::fill;
use crate::question::Question;
use crate::table::{Cell, Table};

/// How many customers people see who did not say how many; programs get all of them.
const SHOWN: usize = 20;

/// Runs the command.
///
/// # Errors
/// Wrong usage or input, or a failing store.
pub fn run(args: &args::Clv, talk: Talk) -> Result<ExitCode, CliError> {
    if args.top.is_some() && args.by != ValueBy::Customer {
        return Err(CliError::input("--top is about customers, and --by asks for groups")
            .hint("leave one of them out: all groups are shown"));
    }
    let question = Question::open(&args.question)?;
    let exchange = question.policy.exchange();
    let model = Model::asked(args, &question)?;
    let (value, acquisition) = ValueReport::projection(&exchange);
    let purchases = model.as_ref().map(|_| Purchases::new(exchange.clone()));
    let states = question.fold(&(value, acquisition, purchases), talk)?;
    let as_of = question.as_of(&states);
    let at = as_of.unwrap_or(Timestamp::MIN);
    let top = args.top.map(|top| usize::try_from(top).unwrap_or(usize::MAX));
    let most = match args.by {
        ValueBy::Customer => top.unwrap_or(usize::MAX),
        _ => 0,
    };
    let report = ValueReport::new(&exchange, at, most);
    let mut acc = ValueSum::default();
    for (id, folded) in states.iter() {
        let (value, origin, _) = states.projection().view(&folded.state, at);
        report.add(&mut acc, Shown { id, name: &states.shown(id) }, &(value, origin));
    }
    let result = report.finish(acc).map_err(|error| CliError::input(error).hint(error.hint()))?;
    let outlook =
        model.as_ref().map(|model| model.outlook(&states, question.policy.zone, at, talk)).transpose()?;
    let query = json!({
        "command": "clv",
        "by": args.by.code(),
        "top": args.top,
        "zone": question.policy.zone,
        "currency": question.policy.currency,
        "model": model.as_ref().map(Model::query),
    });
    let w = talk.words();
    let mut body = json!({
        "total": result.total,
        "without_order": result.without_order,
        "without_amount": result.without_amount,
        "missing_rate": result.missing_rate,
    });
    let (code, rows) = match args.by {
        ValueBy::Customer => ("customers", json!(result.customers)),
        ValueBy::Cohort => ("cohorts", json!(result.cohorts)),
        ValueBy::Channel => ("channels", json!(result.channels)),
        ValueBy::Campaign => ("campaigns", json!(result.campaigns)),
    };
    if let Some(body) = body.as_object_mut() {
        body.insert(code.into(), rows);
        let listed: Vec<&str> = result.customers.iter().map(|one| one.customer.as_str()).collect();
        body.extend(outlook.as_ref().map(|outlook| ("predicted".into(), outlook.json(args.by, &listed))));
    }
    let mut answer = question.answer(query, as_of, body, w.historic_value, talk);
    if result.total.customers > 0 {
        answer.tables.push(total(&result.total, talk));
    } else {
        answer.notes.push(w.no_orders.into());
    }
    match args.by {
        ValueBy::Customer => {
            answer.list = Some(customers(&result.customers, talk));
            let shown = result.customers.get(..top.unwrap_or(SHOWN)).unwrap_or(&result.customers);
            answer.tables.push(customers(shown, talk));
            let more = result.total.customers.saturating_sub(shown.len() as u64);
            if more > 0 {
                answer.notes.push(fill(w.more_customers, &[&more]));
            }
        }
        ValueBy::Cohort => {
            answer.list = Some(ages(&result.cohorts, talk));
            let (table, hidden) = triangle(&result.cohorts, talk);
            answer.tables.push(table);
            if result.cohorts.iter().any(|row| row.complete.contains(&false)) {
                answer.notes.push(w.open_sums.into());
            }
            if hidden > 0 {
                answer.notes.push(fill(w.more_offsets, &[&hidden]));
            }
        }
        ValueBy::Channel => answer.tables.push(groups("channel", w.channel, &result.channels, talk)),
        ValueBy::Campaign => answer.tables.push(groups("campaign", w.campaign, &result.campaigns, talk)),
    }
    if args.by != ValueBy::Customer && args.by != ValueBy::Cohort {
        answer.list = answer.tables.last().cloned();
    }
    answer.notes.extend(notes(&result, talk));
    if let Some(outlook) = outlook {
        let listed: Vec<&str> =
            result.customers.iter().take(top.unwrap_or(SHOWN)).map(|one| one.customer.as_str()).collect();
        answer.tables.push(outlook.table(args.by, &listed, talk));
        answer.notes.extend(outlook.notes);
    }
    answer.print(args.question.format)?;
    Ok(ExitCode::SUCCESS)
}

fn notes(result: &ValueAnswer, talk: Talk) -> Vec<String> {
    let w = talk.words();
    let mut notes = Vec::new();
    if result.without_order.customers > 0 {
        let lost = Cell::Money(result.without_order.net).shown();
        notes.push(fill(w.refunds_without_order, &[&result.without_order.customers, &lost]));
    }
    for (count, phrase) in [(result.without_amount, w.without_amount), (result.missing_rate, w.missing_rates)]
    {
        if count > 0 {
            notes.push(fill(phrase, &[&count]));
        }
    }
    notes
}

/// An amount where there is one.
fn money(amount: Option<MoneySum>) -> Cell {
    amount.map_or(Cell::Empty, Cell::Money)
}

/// A name, or for people that there is none.
pub fn name(name: Option<&str>, talk: Talk) -> Cell {
    name.map_or_else(|| Cell::Nothing(talk.words().no_value.into()), Cell::from)
}

fn measures(row: &ValueRow) -> [Cell; 5] {
    [row.customers.into(), row.orders.into(), Cell::Money(row.net), money(row.average), money(row.median)]
}

fn total(row: &ValueRow, talk: Talk) -> Table {
    let w = talk.words();
    let columns = [
        ("customers", w.customers),
        ("orders", w.orders),
        ("net", w.net_value),
        ("average", w.average),
        ("median", w.median),
    ];
    let mut table = Table::new(w.everybody, &columns);
    table.push(measures(row).into());
    table
}

fn groups(code: &'static str, label: &str, rows: &[ValueRow], talk: Talk) -> Table {
    let w = talk.words();
    let columns = [
        (code, label),
        ("customers", w.customers),
        ("orders", w.orders),
        ("net", w.net_value),
        ("average", w.average),
        ("median", w.median),
    ];
    let mut table = Table::new(w.by_first_touch, &columns);
    for row in rows {
        let mut cells = vec![name(row.name.as_deref(), talk)];
        cells.extend(measures(row));
        table.push(cells);
    }
    table
}

fn customers(rows: &[CustomerValue], talk: Talk) -> Table {
    let w = talk.words();
    let columns = [
        ("customer", w.customer),
        ("net", w.net_value),
        ("orders", w.orders),
        ("refunds", w.refund_count),
        ("first_order", w.first_order),
        ("channel", w.channel),
        ("campaign", w.campaign),
    ];
    let mut table = Table::new(w.best_customers, &columns);
    for row in rows {
        table.push(vec![
            row.customer.as_str().into(),
            Cell::Money(row.net),
            row.orders.into(),
            row.refunds.into(),
            Cell::At(row.first_order),
            row.channel.as_deref().map_or(Cell::Empty, Cell::from),
            row.campaign.as_deref().map_or(Cell::Empty, Cell::from),
        ]);
    }
    table
}

/// Cumulative net by age for people, as far as it fits, and how many ages do not.
fn triangle(cohorts: &[CohortRow], talk: Talk) -> (Table, usize) {
    let w = talk.words();
    let cells = |row: &CohortRow| -> Vec<Cell> {
        let open = row.complete.iter().map(|complete| !complete);
        row.cumulative.iter().zip(open).map(|(sum, open)| Cell::Whole(*sum, open)).collect()
    };
    let ages = cohorts.iter().map(|row| row.cumulative.len()).max().unwrap_or(0);
    let columns = [("cohort", w.cohort), ("customers", w.customers), ("average", w.average)];
    // What does not fit would be broken up; the list has all of it.
    let longest = |age: usize| {
        let shown =
            cohorts.iter().filter_map(|row| cells(row).get(age).map(|cell| cell.shown().chars().count()));
        shown.max().unwrap_or(0).max(2) + 3
    };
    let mut left = usize::from(width()).saturating_sub(NARROW);
    let fits = |age: &usize| {
        let fits = longest(*age) <= left;
        left = left.saturating_sub(longest(*age));
        fits
    };
    let fitting = (0..ages).take_while(fits).count().max(1).min(ages);
    let currency = cohorts.iter().flat_map(|row| &row.cumulative).map(|sum| sum.currency).next();
    let title =
        fill(w.cumulative_net, &[&currency.map_or_else(String::new, |currency| currency.to_string())]);
    let mut table = (0..fitting)
        .fold(Table::new(title, &columns), |table, age| table.with_column(age.to_string(), age.to_string()));
    for row in cohorts {
        let mut line = vec![row.cohort.as_str().into(), row.value.customers.into(), money(row.value.average)];
        let cells = cells(row);
        line.extend((0..fitting).map(|age| cells.get(age).cloned().unwrap_or(Cell::Empty)));
        table.push(line);
    }
    (table, ages - fitting)
}

/// What the columns before the ages take.
const NARROW: usize = 40;

/// Cumulative net by age for programs, one row each.
fn ages(cohorts: &[CohortRow], talk: Talk) -> Table {
    let w = talk.words();
    let columns = [
        ("cohort", w.cohort),
        ("months", w.offset),
        ("customers", w.customers),
        ("net", w.net_value),
        ("complete", w.complete),
    ];
    let mut table = Table::new("", &columns);
    for row in cohorts {
        for (age, (sum, complete)) in row.cumulative.iter().zip(&row.complete).enumerate() {
            table.push(vec![
                row.cohort.as_str().into(),
                age.into(),
                row.value.customers.into(),
                Cell::Money(*sum),
                if *complete { "true" } else { "false" }.into(),
            ]);
        }
    }
    table
}
