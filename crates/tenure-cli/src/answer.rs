//! What a query command answers, in every format: one envelope for programs, tables for people.

use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use serde_json::{Value, json};

use crate::error::CliError;
use crate::table::{Table, safe_json};

/// How an answer is written to stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables for people.
    #[default]
    Table,
    /// One JSON object with the query, the policy and the whole answer.
    Json,
    /// One JSON object a row of the list.
    Jsonl,
    /// The list as comma-separated values.
    Csv,
    /// Tables for a document.
    Markdown,
}

/// An answer before it is written.
#[derive(Debug)]
pub struct Answer {
    /// Every choice the answer depends on, defaults filled in.
    pub query: Value,
    /// The instant it is about.
    pub as_of: Value,
    /// What was known: null for everything.
    pub known_at: Value,
    /// Name and hash of the policy.
    pub policy: Value,
    /// The answer in its documented shape.
    pub body: Value,
    /// Lines above the tables.
    pub heading: String,
    /// For people.
    pub tables: Vec<Table>,
    /// Lines below the tables.
    pub notes: Vec<String>,
    /// The rows that `jsonl` and `csv` print; the first table if none.
    pub list: Option<Table>,
}

impl Answer {
    /// A table alone, without a question.
    pub fn of_table(table: Table) -> Self {
        Self {
            query: Value::Null,
            as_of: Value::Null,
            known_at: Value::Null,
            policy: Value::Null,
            body: Value::Null,
            heading: String::new(),
            tables: vec![table],
            notes: Vec::new(),
            list: None,
        }
    }

    /// Writes it to stdout.
    ///
    /// # Errors
    /// When stdout cannot be written; a closed pipe is no error.
    pub fn print(&self, format: Format) -> Result<(), CliError> {
        let list = self.list.as_ref().or_else(|| self.tables.first());
        match format {
            Format::Json => print_json(&format!("{}\n", self.envelope())),
            Format::Jsonl => print_json(&list.map(Table::to_jsonl).unwrap_or_default()),
            Format::Csv => print(&list.map(Table::to_csv).unwrap_or_default()),
            Format::Table => print_styled(&self.text(|table| table.to_terminal(width()))),
            Format::Markdown => {
                print(&anstream::adapter::strip_str(&self.text(Table::to_markdown)).to_string())
            }
        }
    }

    fn envelope(&self) -> Value {
        json!({
            "query": self.query,
            "as_of": self.as_of,
            "known_at": self.known_at,
            "policy": self.policy,
            "answer": self.body,
        })
    }

    /// Heading, tables and notes, with styles.
    pub fn text(&self, table: impl Fn(&Table) -> String) -> String {
        let mut parts = vec![self.heading.clone()];
        parts.extend(self.tables.iter().filter(|table| !table.is_empty()).map(table));
        if !self.notes.is_empty() {
            parts.push(self.notes.join("\n"));
        }
        parts.retain(|part| !part.is_empty());
        parts.join("\n\n") + "\n"
    }
}

/// How wide tables are in files and pipes.
const PIPE_WIDTH: u16 = 120;

/// The width of the terminal; a fixed one where stdout is something else, so that files and pipes always get the same
/// bytes, and where a terminal says that it has no columns, as one without a screen does.
pub fn width() -> u16 {
    let terminal = io::stdout().is_terminal().then(|| comfy_table::Table::new().width()).flatten();
    terminal.filter(|columns| *columns > 0).unwrap_or(PIPE_WIDTH)
}

/// Writes JSON to stdout; on a terminal with its hidden characters escaped.
///
/// # Errors
/// As [`print`].
pub fn print_json(json: &str) -> Result<(), CliError> {
    if io::stdout().is_terminal() { print(&safe_json(json)) } else { print(json) }
}

/// Writes data to stdout, byte for byte. A reader that has gone away, such as `head`, ends the writing without an error.
///
/// # Errors
/// When stdout cannot be written for another reason.
pub fn print(text: &str) -> Result<(), CliError> {
    write(&mut io::stdout().lock(), text)
}

/// Writes a text for people to stdout: with its styles on a terminal, unless `NO_COLOR` is set, and without them
/// elsewhere.
///
/// # Errors
/// As [`print`].
pub fn print_styled(text: &str) -> Result<(), CliError> {
    write(&mut anstream::stdout().lock(), text)
}

fn write(out: &mut impl Write, text: &str) -> Result<(), CliError> {
    match out.write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|error| CliError::output(&error)),
    }
}
