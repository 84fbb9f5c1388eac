//! `tenure demo`: real purchases, imported, folded and shown.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use pollster::block_on;
use tenure::core::Customer;
use tenure::core::projection::rfm::MapName;
use tenure::ingest::{CDNOW_SAMPLE, Mapping, Options};
use tenure::store::EventStore;

use crate::answer::{Answer, Format, print_styled};
use crate::args;
use crate::command::import::{Form, Input, QuarantineAt, batches, import};
use crate::command::{Talk, customer, rfm, stages};
use crate::error::CliError;
use crate::lang::fill;
use crate::question::Question;
use crate::source;

/// The last day of the sample.
const AS_OF: &str = "1998-06-30";
/// Customers whose timelines tell a story: lost and won back; gone after one order; nearly lost and loyal again.
const CUSTOMERS: [&str; 3] = ["cdnow:1906", "cdnow:0004", "cdnow:1129"];

/// Runs the command. What it writes to stdout is the same each time; what was imported is told on stderr.
///
/// # Errors
/// If the store cannot be written.
pub fn run(args: &args::Demo, talk: Talk) -> Result<ExitCode, CliError> {
    let w = talk.words();
    mine(&args.store)?;
    let mapping = Mapping::builtin("cdnow").ok_or_else(|| CliError::input("the mapping cdnow is missing"))?;
    let file = Input {
        path: Path::new("CDNOW sample"),
        quarantine: QuarantineAt::Beside(args.store.clone()),
        strict: true,
        dry_run: false,
        plain: &[],
    };
    let summary =
        import(&file, CDNOW_SAMPLE, &Form::Csv(Box::new(mapping)), &Options::default(), &args.store, talk)?;
    talk.say(&format!(
        "{}: {} {}, {} {}",
        args.store.display(),
        w.imported,
        summary.imported,
        w.known,
        summary.known
    ));
    let mut question = Question::open(&args::Question {
        source: args::Source {
            without_keys: false,
            store: Some(args.store.clone()),
            events: None,
            namespace: "cdnow".into(),
            known_at: None,
            threads: 1,
        },
        as_of: Some(AS_OF.into()),
        policy: "retail".into(),
        format: Format::Table,
    })?;
    let stood = stages::answer(&question, &stages::Asked::default(), talk)?;
    let mut parts = vec![w.demo_title.to_owned(), shown(&stood)];
    for map in [MapName::Segments11, MapName::SegmentsCn8] {
        question.policy.rfm.map = map;
        parts.push(shown(&rfm::answer(&question, None, talk)?));
    }
    for name in CUSTOMERS {
        let who = Customer::parse(name, "cdnow").map_err(CliError::input)?;
        parts.push(shown(&customer::answer(&question, &who, None, talk)?));
    }
    parts.push(fill(w.demo_next, &[&args.store.display()]));
    print_styled(&(parts.join("\n\n") + "\n"))?;
    Ok(ExitCode::SUCCESS)
}

fn shown(answer: &Answer) -> String {
    answer.text(|table| table.to_terminal(crate::answer::width())).trim_end().to_owned()
}

/// Refuses a store of something else: a demo is not to be mixed with somebody's customers.
fn mine(path: &Path) -> Result<(), CliError> {
    if fs::metadata(path).map_or(0, |found| found.len()) == 0 {
        return Ok(());
    }
    let store = source::open_existing(path)?;
    let (_, batches) = batches(&store)?;
    let empty = block_on(store.head())?.position.0 == 0;
    if empty || batches.keys().eq(["cdnow"]) {
        return Ok(());
    }
    Err(CliError::input(format!("{} holds other facts than those of the demo", path.display()))
        .hint("name another file: tenure demo --store FILE.db"))
}
