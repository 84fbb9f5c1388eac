//! `tenure log`: every fact in log order.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::process::ExitCode;

use tenure::core::log::{Cut, Read};
use tenure::store::StoreError;

use crate::args;
use crate::command::warn;
use crate::error::{CliError, chain};
use crate::source::Source;
use crate::table::safe_json;

/// Runs the command. A fact that cannot be read is told and does not end the log; then the exit code is 1.
///
/// # Errors
/// Wrong usage, or a failing store.
pub fn run(args: &args::Log) -> Result<ExitCode, CliError> {
    let source = Source::open(&args.source)?;
    let known_at = source.known_at(args.source.known_at.as_deref())?;
    let mut read = Read::all().cut(Cut { as_of: None, known_at });
    let shown = io::stdout().is_terminal();
    let mut out = BufWriter::new(io::stdout().lock());
    let mut code = ExitCode::SUCCESS;
    loop {
        let page = match source.read(&read) {
            Ok(page) => page,
            Err(StoreError::Undecodable { position, source, .. }) => {
                warn(&format!("the fact at position {position} cannot be read: {}", chain(&source)));
                code = ExitCode::from(1);
                read = read.from(position);
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        for fact in page.facts.iter() {
            let line = if args.ids { fact.event.id.to_string() } else { source.shown(fact).to_line() };
            // On a terminal nothing that facts hold moves the cursor; files get the line as it is.
            let line = if shown { safe_json(&line) } else { line.into() };
            match writeln!(out, "{line}") {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(code),
                other => other.map_err(|error| CliError::output(&error))?,
            }
        }
        if page.is_last(&read) {
            break;
        }
        read = read.from(page.scanned_to);
    }
    match out.flush() {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CliError::output(&error)),
        _ => Ok(code),
    }
}
