//! The page as people read it, and as one list for programs that want rows.

use core::cmp::Reverse;
use std::path::Path;

use anstyle::{AnsiColor, Style};
use tenure::core::projection::stage::StagePolicy;
use tenure::core::report::quality::{FieldRow, Found};
use tenure::core::report::rfm::{Segment, segments};
use tenure::core::report::stages::{MatrixCell, StageRow};
use tenure::core::{Timestamp, Zone};

use super::page::{LeftOut, Page, Quality, Rfm, Risky};
use crate::answer::Answer;
use crate::args;
use crate::command::{Talk, stages};
use crate::error::CliError;
use crate::findings::{longest, out_of_range, same, share, unreadable};
use crate::lang::fill;
use crate::question::Question;
use crate::table::{Cell, Table, bold, day_or_instant, safe, thousands};

/// How many fields that somebody lacks are told, the required ones apart.
const MOST_FIELDS: usize = 4;
/// How many customers a finding names.
const MOST_EXAMPLES: usize = 2;

/// Puts the page into an answer.
///
/// # Errors
/// If the policy of stages cannot be read, which the page did already.
pub fn show(
    answer: &mut Answer,
    page: &Page,
    question: &Question,
    source: &args::Source,
    talk: Talk,
) -> Result<(), CliError> {
    let w = talk.words();
    let file = source.store.as_deref().or(source.events.as_deref()).map(Path::display);
    let file = file.map(|file| safe(&file.to_string())).unwrap_or_default();
    let zone = question.policy.zone;
    let count = |n: u64| thousands(&n.to_string());
    answer.heading = bold(&answer.heading);
    answer.heading += "\n";
    answer.heading += &fill(w.page_counts, &[&file, &count(page.customers), &count(page.facts)]);
    answer.list = Some(list(page));
    if page.facts == 0 {
        answer.notes.push(w.nobody.into());
        return Ok(());
    }
    answer.heading.extend(turnover(page, zone, talk).map(|line| format!("\n{line}")));

    let machine = question.stages_if_any()?;
    if let (Some(machine), Some(rows)) = (&machine, &page.stages) {
        let moves = page.transitions.as_deref().unwrap_or_default();
        let since = page.since.map(|since| day(since, zone));
        answer.tables.push(stage_table(machine.policy(), rows, moves, since.as_deref(), talk));
    }
    if let Some(rfm) = &page.rfm {
        if rfm.counts.scored > 0 {
            answer.tables.push(segment_table(question, rfm, talk));
        }
        for (count, phrase) in [(rfm.counts.unscored, w.unscored), (rfm.counts.missing_rate, w.missing_rates)]
        {
            if count > 0 {
                answer.notes.push(fill(phrase, &[&count]));
            }
        }
    }
    if let (Some(machine), Some(risks)) = (&machine, &page.risks) {
        answer.tables.push(risk_table(machine.policy(), risks, zone, talk));
    }
    answer.tables.push(quality_table(&page.quality, page.customers, talk));
    answer.notes.extend(page.left_out.iter().map(|left_out| match left_out {
        LeftOut::NoStages => w.no_stages.to_owned(),
        LeftOut::NoLostStage { stage } => fill(w.no_lost_stage, &[stage]),
        LeftOut::MixedCurrencies { first, second } => fill(w.mixed_currencies, &[first, second]),
    }));
    Ok(())
}

/// Who came, came back and was lost, in one line.
fn turnover(page: &Page, zone: Zone, talk: Talk) -> Option<String> {
    let w = talk.words();
    let (moved, since) = (page.turnover.as_ref()?, day(page.since?, zone));
    let colored = |n: u64, color: AnsiColor| {
        let style = if n > 0 { Style::new().fg_color(Some(color.into())) } else { Style::new() };
        format!("{style}{}{style:#}", thousands(&n.to_string()))
    };
    let new = colored(moved.new, AnsiColor::Green);
    Some(match (moved.won_back, moved.lost) {
        (Some(back), Some(lost)) => {
            let (back, lost) = (colored(back, AnsiColor::Green), colored(lost, AnsiColor::Red));
            fill(w.turnover, &[&since, &new, &back, &lost])
        }
        _ => fill(w.newcomers, &[&since, &new]),
    })
}

/// The local date of an instant that begins or ends a local day, else the instant.
fn day(at: Timestamp, zone: Zone) -> String {
    let date = zone.date(at);
    if zone.end_of_day(date) == Ok(at) { date.to_string() } else { day_or_instant(at) }
}

fn stage_table(
    policy: &StagePolicy,
    rows: &[StageRow],
    moves: &[MatrixCell],
    since: Option<&str>,
    talk: Talk,
) -> Table {
    let w = talk.words();
    let columns = [
        ("stage", w.stage),
        ("macro", w.macro_stage),
        ("customers", w.customers),
        ("share", w.share),
        ("came", w.came),
        ("left", w.left),
    ];
    let title = since.map_or_else(|| w.stages.to_owned(), |since| fill(w.stages_and_moves, &[&since]));
    let mut table = Table::new(title, &columns);
    for row in rows {
        let sum = |fits: &dyn Fn(&MatrixCell) -> bool| -> u64 {
            moves.iter().filter(|cell| fits(cell)).map(|cell| cell.customers).sum()
        };
        let code = Some(&row.code);
        let came = sum(&|cell| cell.to == row.code && cell.from.as_ref() != code);
        let left = sum(&|cell| cell.to != row.code && cell.from.as_ref() == code);
        let of = row.macro_stage;
        table.push(vec![
            stages::label(policy, &row.code, talk),
            Cell::Code(of.code().into(), of.label(talk.language()).into()),
            row.customers.into(),
            Cell::Share(row.share),
            came.into(),
            left.into(),
        ]);
    }
    table
}

fn segment_table(question: &Question, rfm: &Rfm, talk: Talk) -> Table {
    let w = talk.words();
    let columns =
        [("segment", w.segment), ("customers", w.customers), ("share", w.share), ("monetary", w.monetary)];
    let mut table = Table::new(w.segments, &columns);
    let known = segments(&question.policy.rfm);
    for row in &rfm.segments {
        let label = known.iter().find(|segment| segment.code == row.code);
        let label = label.map_or(row.code.as_str(), |Segment { en, zh_cn, .. }| talk.lang.pick(en, zh_cn));
        table.push(vec![
            Cell::Code(row.code.clone(), label.into()),
            row.customers.into(),
            Cell::Share(row.share),
            Cell::Money(row.monetary),
        ]);
    }
    table
}

fn risk_table(policy: &StagePolicy, risks: &Risky, zone: Zone, talk: Talk) -> Table {
    let w = talk.words();
    let columns = [
        ("customer", w.customer),
        ("stage", w.stage),
        ("monetary", w.worth),
        ("silent_since", w.silent_since),
        ("lost_at", w.lost_on),
        ("spent", w.silence_spent),
    ];
    let all = thousands(&risks.answer.customers.to_string());
    let mut table = Table::new(fill(w.risks, &[&all]), &columns);
    let date = |at: Timestamp| Cell::Code(at.to_string(), zone.date(at).to_string());
    for risk in &risks.answer.first {
        table.push(vec![
            risk.customer.as_str().into(),
            stages::label(policy, &risk.stage, talk),
            risk.monetary.map_or(Cell::Empty, Cell::Money),
            date(risk.silent_since),
            date(risk.lost_at),
            Cell::Percent(risk.spent),
        ]);
    }
    table
}

fn quality_table(quality: &Quality, customers: u64, talk: Talk) -> Table {
    let w = talk.words();
    let columns = [
        ("finding", w.finding),
        ("count", w.count),
        ("of", w.of),
        ("share", w.share),
        ("example", w.example),
    ];
    let mut table = Table::new(w.data_quality, &columns);
    field_rows(&mut table, &quality.fields, customers, talk);
    for row in quality.contacts.iter().filter(|row| row.unreadable.count > 0) {
        let finding = unreadable(row.field, w);
        let count = row.unreadable.count;
        table.push(finding_row(
            finding,
            count,
            w.of_customers,
            share(count, customers),
            examples(&row.unreadable),
        ));
    }
    for row in &quality.duplicates {
        let finding = same(row.field, w);
        let groups = row.first.iter().take(MOST_EXAMPLES).map(|names| names.join(" + "));
        let groups = groups.collect::<Vec<_>>().join(", ");
        table.push(finding_row(finding, row.customers, w.of_customers, row.share, groups));
    }
    for (lags, some, none) in [
        (&quality.late, w.late_facts, w.no_late_facts),
        (&quality.clock_skew, w.clock_ahead, w.no_clock_ahead),
    ] {
        let finding = longest(lags).map_or_else(|| none.to_owned(), |longest| fill(some, &[&longest]));
        table.push(finding_row(&finding, lags.found.count, w.of_facts, lags.share, examples(&lags.found)));
    }
    for row in &quality.out_of_range {
        let finding = out_of_range(row.code, w);
        table.push(finding_row(finding, row.found.count, w.of_facts, row.share, examples(&row.found)));
    }
    table
}

/// What is not known of customers: all required fields, then the fullest of those that somebody lacks. A gap in what nearly
/// everybody has is likelier a fault than one in what hardly anybody has.
fn field_rows(table: &mut Table, fields: &[FieldRow], customers: u64, talk: Talk) {
    let w = talk.words();
    for row in fields.iter().filter(|row| row.required) {
        let (finding, count) = (fill(w.required_missing, &[&row.field]), row.missing.count);
        let share = share(count, customers);
        table.push(finding_row(&finding, count, w.of_customers, share, examples(&row.missing)));
    }
    let mut gaps: Vec<_> = fields.iter().filter(|row| !row.required && row.customers < customers).collect();
    gaps.sort_by_key(|row| Reverse(row.customers));
    for row in gaps.iter().take(MOST_FIELDS) {
        let (finding, count) = (fill(w.missing, &[&row.field]), customers.saturating_sub(row.customers));
        table.push(finding_row(&finding, count, w.of_customers, share(count, customers), String::new()));
    }
    let more = gaps.len().saturating_sub(MOST_FIELDS);
    if more > 0 {
        table.push(vec![
            fill(w.more_fields, &[&more]).into(),
            Cell::Empty,
            Cell::Empty,
            Cell::Empty,
            Cell::Empty,
        ]);
    }
}

fn finding_row(finding: &str, count: u64, of: &str, share: f64, example: String) -> Vec<Cell> {
    vec![finding.into(), count.into(), of.into(), Cell::Percent(share), example.into()]
}

fn examples(found: &Found) -> String {
    let names: Vec<&str> = found.examples.iter().take(MOST_EXAMPLES).map(String::as_str).collect();
    names.join(", ")
}

/// Everything on the page as rows of one shape.
fn list(page: &Page) -> Table {
    let columns = ["section", "item", "from", "count", "share", "monetary", "at"].map(|name| (name, ""));
    let mut table = Table::new("", &columns);
    let mut push = |section: &str, item: &str, from: Option<&str>, rest: [Cell; 4]| {
        let from = from.map_or(Cell::Empty, Cell::from);
        table.push([section.into(), item.into(), from].into_iter().chain(rest).collect());
    };
    let counted = |count: u64, share: Option<f64>| {
        [count.into(), share.map_or(Cell::Empty, Cell::Percent), Cell::Empty, Cell::Empty]
    };
    for row in page.stages.iter().flatten() {
        push("stages", &row.code, None, counted(row.customers, Some(row.share)));
    }
    if let Some(moved) = &page.turnover {
        for (item, count) in [("new", Some(moved.new)), ("won_back", moved.won_back), ("lost", moved.lost)] {
            if let Some(count) = count {
                push("turnover", item, None, counted(count, None));
            }
        }
    }
    for cell in page.transitions.iter().flatten() {
        push("transitions", &cell.to, cell.from.as_deref(), counted(cell.customers, None));
    }
    for row in page.rfm.iter().flat_map(|rfm| &rfm.segments) {
        let rest = [row.customers.into(), Cell::Percent(row.share), Cell::Money(row.monetary), Cell::Empty];
        push("segments", &row.code, None, rest);
    }
    for risk in page.risks.iter().flat_map(|risks| &risks.answer.first) {
        let money = risk.monetary.map_or(Cell::Empty, Cell::Money);
        let rest = [Cell::Empty, Cell::Percent(risk.spent), money, Cell::At(risk.lost_at)];
        push("risks", &risk.customer, Some(&risk.stage), rest);
    }
    let quality = &page.quality;
    for row in quality.fields.iter().filter(|row| row.required) {
        push("missing", &row.field, None, counted(row.missing.count, None));
    }
    for row in &quality.contacts {
        push("unreadable", row.field.name(), None, counted(row.unreadable.count, None));
    }
    for row in &quality.duplicates {
        push("duplicates", row.field.name(), None, counted(row.customers, Some(row.share)));
    }
    for (item, lags) in [("late", &quality.late), ("clock_skew", &quality.clock_skew)] {
        push("facts", item, None, counted(lags.found.count, Some(lags.share)));
    }
    for row in &quality.out_of_range {
        push("facts", row.code.code(), None, counted(row.found.count, Some(row.share)));
    }
    table
}
