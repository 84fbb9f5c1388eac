//! `tenure quarantine`: the rows that an import could not take, with what is wrong with each.

use std::io::{BufRead, Read};
use std::process::ExitCode;

use pollster::block_on;
use tenure::ingest::{BytesAs, MAX_RECORD_BYTES, QuarantineRecord, shown};
use tenure::sqlite::SqliteStore;
use tenure::store::seal::Erase;

use crate::answer::{Answer, Format};
use crate::args;
use crate::command::Talk;
use crate::error::CliError;
use crate::source;
use crate::table::Table;

/// A line of a quarantine file: a record whose bytes may be escaped or sealed.
const LONGEST: u64 = 8 * MAX_RECORD_BYTES as u64;

/// Runs the command.
///
/// # Errors
/// Wrong usage, a file that is none of quarantined rows, keys that are missing, or a failing store.
pub fn run(args: &args::Quarantine, talk: Talk) -> Result<ExitCode, CliError> {
    let store = args.store.as_deref().map(source::open_existing).transpose()?;
    let w = talk.words();
    let columns = [
        ("file", w.quarantine_file),
        ("line", w.quarantine_line),
        ("column", w.quarantine_column),
        ("reason", w.reason),
        ("row", w.quarantine_row),
    ];
    let mut table = Table::new("", &columns);
    let mut file = source::open_file(&args.file)?;
    let unreadable = |why: String| CliError::input(format!("cannot read {}: {why}", args.file.display()));
    for number in 1_u64.. {
        let mut line = Vec::new();
        let read = file.by_ref().take(LONGEST).read_until(b'\n', &mut line);
        if read.map_err(|error| unreadable(error.to_string()))? == 0 {
            break;
        }
        let text = String::from_utf8_lossy(&line);
        if text.trim().is_empty() {
            continue;
        }
        let record = QuarantineRecord::parse(&text).map_err(|error| {
            CliError::input(format!("{}:{number}: no quarantined row: {error}", args.file.display()))
                .hint("name the file that tenure import said the bad rows are in")
        })?;
        let row = match (record.encoding, &store) {
            (BytesAs::Sealed, None) => w.quarantine_sealed.to_owned(),
            (BytesAs::Sealed, Some(store)) => opened(store, &record.bytes, talk)?,
            // Whole on paper, cut on a screen.
            _ => text_of(&record.row_bytes().unwrap_or_default(), args.format),
        };
        table.push(vec![
            record.file.into(),
            record.line.into(),
            record.column.or(record.field).unwrap_or_default().into(),
            record.reason.into(),
            row.into(),
        ]);
    }
    Answer::of_table(table).print(args.format)?;
    Ok(ExitCode::SUCCESS)
}

fn text_of(bytes: &[u8], format: Format) -> String {
    match format {
        Format::Table => shown(bytes),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

fn opened(store: &SqliteStore, sealed: &str, talk: Talk) -> Result<String, CliError> {
    Ok(match block_on(store.open_beside(sealed))? {
        Some(row) => String::from_utf8_lossy(&row).into_owned(),
        None => talk.words().quarantine_erased.to_owned(),
    })
}
