//! What an import did, for people and for programs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tenure::core::LineError;
use tenure::ingest::RowError;

use crate::answer::{Answer, Format, print_json};
use crate::args;
use crate::command::{Talk, warn};
use crate::error::CliError;
use crate::lang::{Words, fill};
use crate::table::{Cell, Table};

/// What an import did.
#[derive(Debug, Default)]
pub struct Summary {
    pub(super) rows: u64,
    /// Facts that were stored.
    pub imported: u64,
    /// Facts that were there already.
    pub known: u64,
    /// Facts among those of the file that were taken back before, and stay so.
    pub(super) taken_back: u64,
    pub(super) duplicates: u64,
    /// Rows that are lines of the fact of another row.
    pub(super) joined: u64,
    /// Those of them that equal an earlier one of the same fact.
    pub(super) equal_lines: u64,
    pub(super) left_out: u64,
    pub(super) bad: u64,
    /// Further facts of rows that were stored, were there already, or were refused.
    pub(super) further: [u64; 3],
    /// The rows left out by the reason of the mapping.
    pub(super) reasons: BTreeMap<String, Problem>,
    /// Rows that stand in other batches, too, by the batch.
    pub(super) elsewhere: BTreeMap<String, u64>,
    /// The bad rows by what is wrong and where.
    pub(super) problems: BTreeMap<(String, String), Problem>,
    pub(super) batch: String,
    pub(super) quarantine: Option<PathBuf>,
}

/// What is wrong with a row, without the particulars.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sort {
    TooLong,
    Encoding,
    Quotes,
    Cells,
    Cell,
    Json,
    Field,
    Future,
    SameId,
    Group,
    Other,
}

/// Rows of one sort that are no facts.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) rows: u64,
    pub(super) first_line: u64,
    /// What is wrong with the first one.
    pub(super) example: String,
}

impl Sort {
    pub(super) const fn of(error: &RowError) -> Self {
        match error {
            RowError::TooLong { .. } => Self::TooLong,
            RowError::Encoding { .. } | RowError::Undecodable { .. } => Self::Encoding,
            RowError::Group { .. } | RowError::Changed { .. } => Self::Group,
            RowError::OpenQuote { .. } | RowError::TextAfterQuote { .. } => Self::Quotes,
            RowError::Cells { .. } => Self::Cells,
            RowError::Cell { .. } => Self::Cell,
            RowError::Line(LineError::Json(_) | LineError::Object) => Self::Json,
            RowError::Fact { .. } | RowError::Line(_) => Self::Field,
            RowError::Future { .. } => Self::Future,
            RowError::SameId { .. } | RowError::Taken { .. } => Self::SameId,
            _ => Self::Other,
        }
    }

    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Encoding => "encoding",
            Self::Quotes => "quotes",
            Self::Cells => "cells",
            Self::Cell => "cell",
            Self::Json => "json",
            Self::Field => "field",
            Self::Future => "future",
            Self::SameId => "same_id",
            Self::Group => "group",
            Self::Other => "other",
        }
    }

    const fn label(self, w: &'static Words) -> &'static str {
        match self {
            Self::TooLong => w.too_long,
            Self::Encoding => w.not_text,
            Self::Quotes => w.bad_quote,
            Self::Cells => w.cell_count,
            Self::Cell => w.bad_cell,
            Self::Json => w.not_json,
            Self::Field => w.bad_field,
            Self::Future => w.in_future,
            Self::SameId => w.same_id,
            Self::Group => w.bad_group,
            Self::Other => w.other_problem,
        }
    }
}

/// A code of a problem or reason with the words for it; a reason of somebody's own mapping stands for itself.
fn label(code: &str, w: &'static Words) -> Cell {
    let known = SORTS_TOLD.iter().find(|sort| sort.code() == code).map(|sort| sort.label(w));
    let text = known.unwrap_or(match code {
        "missing_customer" => w.missing_customer,
        "missing_order" => w.missing_order,
        "zero_price" => w.zero_price,
        "negative_price" => w.negative_price,
        "not_paid" => w.not_paid,
        other => return Cell::Code(other.into(), other.into()),
    });
    Cell::Code(code.into(), text.into())
}

const SORTS_TOLD: [Sort; 11] = [
    Sort::TooLong,
    Sort::Encoding,
    Sort::Quotes,
    Sort::Cells,
    Sort::Cell,
    Sort::Json,
    Sort::Field,
    Sort::Future,
    Sort::SameId,
    Sort::Group,
    Sort::Other,
];

/// Shows what an import did.
///
/// # Errors
/// When stdout cannot be written.
pub(super) fn show(summary: &Summary, args: &args::Import, store: &Path, talk: Talk) -> Result<(), CliError> {
    let w = talk.words();
    if summary.taken_back > 0 {
        warn(&fill(w.still_void, &[&summary.taken_back]));
    }
    if !args.dry_run {
        for rows in summary.elsewhere.values() {
            warn(&fill(w.coincide, &[rows, &summary.batch, &store.display()]));
        }
    }
    if matches!(args.format, Format::Json | Format::Jsonl) {
        return print_json(&format!("{}\n", summary_json(summary, args)));
    }
    let mut counts = Table::new("", &[("outcome", w.outcome), ("rows", w.rows)]);
    for (code, label, rows) in [
        ("rows", w.read, summary.rows),
        ("imported", w.imported, summary.imported),
        ("known", w.known, summary.known),
        ("taken_back", w.taken_back, summary.taken_back),
        ("joined", w.joined, summary.joined),
        ("equal_lines", w.equal_lines, summary.equal_lines),
        ("duplicates", w.duplicates, summary.duplicates),
        ("left_out", w.left_out, summary.left_out),
        ("bad", w.bad_rows, summary.bad),
        ("elsewhere", w.elsewhere, summary.elsewhere.values().sum()),
        ("further_imported", w.further_imported, summary.further[0]),
        ("further_known", w.further_known, summary.further[1]),
        ("further_bad", w.further_bad, summary.further[2]),
    ] {
        // What most files have none of is told only where there is some.
        let seldom = !["rows", "imported", "known", "duplicates", "bad"].contains(&code);
        if seldom && rows == 0 && args.format == Format::Table {
            continue;
        }
        counts.push(vec![Cell::Code(code.into(), label.into()), rows.into()]);
    }
    let columns = [
        ("problem", w.problem),
        ("place", w.place),
        ("rows", w.rows),
        ("first_line", w.first_line),
        ("example", w.example),
    ];
    let mut problems = Table::new(w.bad_rows, &columns);
    for ((code, place), problem) in by_size(&summary.problems) {
        problems.push(vec![
            label(code, w),
            place.as_str().into(),
            problem.rows.into(),
            problem.first_line.into(),
            problem.example.as_str().into(),
        ]);
    }
    let mut answer = Answer::of_table(counts);
    answer.heading = crate::table::safe(&args.file.display().to_string());
    let columns = [("reason", w.reason), ("rows", w.rows), ("first_line", w.first_line)];
    let mut left_out = Table::new(w.left_out, &columns);
    for (reason, problem) in by_size(&summary.reasons) {
        left_out.push(vec![label(reason, w), problem.rows.into(), problem.first_line.into()]);
    }
    answer.tables.push(left_out);
    answer.tables.push(problems);
    if let Some(path) = &summary.quarantine {
        answer.notes.push(format!("{}: {}", w.quarantine, crate::table::safe(&path.display().to_string())));
    }
    if args.dry_run {
        answer.notes.push(w.dry_run.into());
    }
    answer.print(args.format)
}

fn summary_json(summary: &Summary, args: &args::Import) -> Value {
    let elsewhere: Vec<Value> =
        summary.elsewhere.iter().map(|(batch, rows)| json!({"batch": batch, "rows": rows})).collect();
    let reasons: Vec<Value> = by_size(&summary.reasons)
        .into_iter()
        .map(|(reason, rows)| json!({"reason": reason, "rows": rows.rows, "first_line": rows.first_line}))
        .collect();
    let problems: Vec<Value> = by_size(&summary.problems)
        .into_iter()
        .map(|((code, place), problem)| {
            json!({
                "problem": code,
                "place": (!place.is_empty()).then_some(place),
                "rows": problem.rows,
                "first_line": problem.first_line,
                "example": problem.example,
            })
        })
        .collect();
    json!({
        "file": args.file.display().to_string(),
        "batch": summary.batch,
        "dry_run": args.dry_run,
        "rows": summary.rows,
        "imported": summary.imported,
        "known": summary.known,
        "taken_back": summary.taken_back,
        "joined": summary.joined,
        "equal_lines": summary.equal_lines,
        "duplicates": summary.duplicates,
        "left_out": summary.left_out,
        "bad": summary.bad,
        "elsewhere": elsewhere,
        "further": {"imported": summary.further[0], "known": summary.further[1], "bad": summary.further[2]},
        "reasons": reasons,
        "problems": problems,
        "quarantine": summary.quarantine.as_ref().map(|path| path.display().to_string()),
    })
}

/// The most frequent sort first, of equal ones that which came first.
fn by_size<K: Ord>(problems: &BTreeMap<K, Problem>) -> Vec<(&K, &Problem)> {
    let mut problems: Vec<_> = problems.iter().collect();
    problems.sort_by_key(|(key, problem)| (core::cmp::Reverse(problem.rows), problem.first_line, *key));
    problems
}
