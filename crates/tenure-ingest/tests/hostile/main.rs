//! Hostile files: each gets the outcome that `docs/FORMATS.md` states, with its line, in bounded memory and time.
//!
//! The cases stand in `cases/*.txt`; `corpus.rs` says how they are written.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, outside the test functions")]

mod corpus;

use std::fs;
use std::io::{self, BufReader, Read as _};
use std::time::{Duration, Instant};

use corpus::{Case, Expected, cases, directory, rules};
use peak_alloc::PeakAlloc;
use tenure_core::log::{Append, Log};
use tenure_core::{EventView, Position, Timestamp};
use tenure_ingest::{
    Mapping, Options, Outcome, Quarantine, QuarantineRecord, ReadError, Row, Rows, SHOWN_BYTES, read_jsonl,
    shown,
};

/// What the issue of the corpus allows one file: memory of the process, and time.
const MOST_BYTES: usize = 256 << 20;
const MOST_TIME: Duration = Duration::from_secs(2);
/// How long a reason may be, whatever the file holds.
const MOST_REASON_BYTES: usize = 512;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

fn options() -> Options {
    Options { latest: Some(Timestamp::parse("2030-01-01T00:00:00Z").unwrap()), ..Options::default() }
}

fn read(case: &Case) -> Result<Vec<Row>, ReadError> {
    match &case.mapping {
        None => Rows::jsonl(&case.bytes[..], &options())?.collect(),
        Some(path) => {
            let text = fs::read_to_string(path).unwrap();
            let mapping = Mapping::parse(&path.display().to_string(), &text)?;
            Rows::csv(&case.bytes[..], &mapping, &options())?.collect()
        }
    }
}

/// One test, so that nothing else allocates while a case is measured.
#[test]
fn every_hostile_file_has_the_outcome_that_is_stated() {
    let cases = cases();
    assert!(cases.len() >= 300, "{} cases", cases.len());
    let mut wrong = Vec::new();
    let (mut peak, mut slowest) = (0, Duration::ZERO);
    for case in &cases {
        MEMORY.reset_peak_usage();
        let start = Instant::now();
        let read = read(case);
        let (took, used) = (start.elapsed(), MEMORY.peak_usage());
        if let Err(why) = check(case, &read) {
            wrong.push(format!("{}\n    {why}", case.name));
        }
        if took > MOST_TIME || used > MOST_BYTES {
            wrong.push(format!("{}\n    took {took:?} and {used} bytes", case.name));
        }
        (peak, slowest) = (peak.max(used), slowest.max(took));
    }
    for (name, byte) in [("blanks", b' '), ("brackets", b'['), ("commas", b','), ("quotes", b'"')] {
        for beginning in ["", "{\"customer\":\"", "who,at,total,note\n1001,\"x\n"] {
            MEMORY.reset_peak_usage();
            let start = Instant::now();
            let rows = endless(beginning, byte);
            let (took, used) = (start.elapsed(), MEMORY.peak_usage());
            if took > MOST_TIME || used > MOST_BYTES || rows == 0 {
                wrong.push(format!(
                    "{beginning:?} and {name}\n    {rows} rows took {took:?} and {used} bytes"
                ));
            }
            (peak, slowest) = (peak.max(used), slowest.max(took));
        }
    }
    println!("{} files; at most {} KiB and {slowest:?} for one", cases.len(), peak >> 10);
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// Reads a beginning and then one byte again and again, more often than memory is allowed, and counts the rows.
fn endless(beginning: &str, byte: u8) -> usize {
    let rest = io::repeat(byte).take(MOST_BYTES as u64 + 1);
    let input = BufReader::with_capacity(1 << 16, beginning.as_bytes().chain(rest));
    if beginning.starts_with("who") {
        let text = fs::read_to_string(directory().join("mappings/orders.toml")).unwrap();
        Rows::csv(input, &Mapping::parse("orders.toml", &text).unwrap(), &options()).unwrap().count()
    } else {
        Rows::jsonl(input, &options()).unwrap().count()
    }
}

fn check(case: &Case, read: &Result<Vec<Row>, ReadError>) -> Result<(), String> {
    let rows = match (read, &case.expected[..]) {
        (Err(error), [Expected::Refused { message }]) => {
            let text = chain(error);
            return if text.contains(message.as_str()) { Ok(()) } else { Err(format!("refused: {text}")) };
        }
        (Err(error), _) => return Err(format!("refused: {}", chain(error))),
        (Ok(rows), _) => rows,
    };
    let told = || rows.iter().map(tell).collect::<Vec<_>>().join(" · ");
    let fits = |(row, expected): (&Row, &Expected)| fits(row, expected);
    if rows.len() != case.expected.len() || !rows.iter().zip(&case.expected).all(fits) {
        return Err(told());
    }
    for fact in rows.iter().filter_map(Row::fact) {
        // What was accepted is printed by a log as a line that says the same.
        let mut log = Log::new();
        if log.append(&Append::new(vec![fact.event.clone()]), Timestamp::MAX).is_err() {
            continue; // such as a void of a fact that is not there
        }
        let stored = log.get(Position(1)).unwrap();
        let line = stored.to_line();
        let again = read_jsonl(line.as_bytes(), &Options::default()).unwrap();
        let again = again.first().and_then(Row::fact).ok_or_else(|| format!("its line is none: {line}"))?;
        if again.event.view() != fact.event.view() {
            return Err(format!("its line says something else: {line}"));
        }
    }
    for row in rows {
        let Outcome::Bad(error) = &row.outcome else { continue };
        let reason = error.to_string();
        if reason.len() > MOST_REASON_BYTES {
            return Err(format!("a reason of {} bytes: {reason}", reason.len()));
        }
        // Whatever the row holds, its screen line is short, and the quarantine gives every byte back.
        let most = SHOWN_BYTES * "\\u{e007f}".len() + "...".len();
        if shown(&row.bytes).len() > most {
            return Err(format!("{} bytes are shown", shown(&row.bytes).len()));
        }
        let mut quarantine = Quarantine::new(Vec::new(), "file");
        quarantine.write(row, error).unwrap();
        let line = String::from_utf8(quarantine.finish().unwrap()).unwrap();
        let record = QuarantineRecord::parse(&line).unwrap();
        if record.row_bytes().as_ref() != Some(&row.bytes) || record.line != row.line {
            return Err(format!("line {}: the quarantine does not give its bytes back", row.line));
        }
    }
    // Every byte stands in one row, but for line ends, the header, blank lines and what is over the limit.
    let kept: usize = rows.iter().map(|row| row.bytes.len()).sum();
    if kept > case.bytes.len() { Err(format!("{kept} bytes of {}", case.bytes.len())) } else { Ok(()) }
}

fn fits(row: &Row, expected: &Expected) -> bool {
    match (&row.outcome, expected) {
        (Outcome::Fact(fact), Expected::Fact { line, values }) => {
            let view = fact.event.view();
            row.line == *line
                && values.iter().all(|(name, value)| value_of(&view, fact.event.customer(), name) == *value)
        }
        (Outcome::Bad(error), Expected::Bad { line, place, reason }) => {
            let at = error.column().or_else(|| error.field()).unwrap_or_default();
            row.line == *line && at == place && error.to_string().contains(reason.as_str())
        }
        (Outcome::Duplicate { first: found }, Expected::Same { line, first }) => {
            row.line == *line && found == first
        }
        _ => false,
    }
}

fn value_of(view: &EventView<'_>, customer: &tenure_core::Customer, name: &str) -> String {
    let text = |text: Option<&str>| text.unwrap_or("absent").to_owned();
    match name {
        "customer" => customer.to_string(),
        "id" => view.id.to_string(),
        "at" => view.occurred_at.to_string(),
        "kind" => view.kind_name.to_owned(),
        "subject" => text(view.subject),
        "channel" => text(view.channel),
        "actor" => text(view.actor),
        "minor" => view.amount.map_or_else(|| "absent".into(), |amount| amount.minor.to_string()),
        "currency" => text(view.amount.as_ref().map(|amount| amount.currency.code())),
        "number" => view.number.map_or_else(|| "absent".into(), |number| number.to_string()),
        "data" => view.data.to_owned(),
        _ => panic!("a fact has no value \"{name}\""),
    }
}

/// A row as an outcome of the corpus is written, for the message of a failure.
fn tell(row: &Row) -> String {
    let line = row.line;
    match &row.outcome {
        Outcome::Fact(fact) => {
            let view = fact.event.view();
            let names = ["customer", "at", "subject", "minor", "number", "channel", "data"];
            let value = |name| value_of(&view, fact.event.customer(), name);
            let values = names.map(|name| format!("{name}={}", shown(value(name).as_bytes())));
            format!("{line} fact {}", values.join(" "))
        }
        Outcome::Bad(error) => {
            let place = error.column().or_else(|| error.field()).unwrap_or("-");
            format!("{line} bad {}: {}", shown(place.as_bytes()), error.to_string().escape_debug())
        }
        Outcome::Duplicate { first } => format!("{line} same as {first}"),
        other => format!("{line} {other:?}"),
    }
}

/// A message and what caused it, as the command line prints it.
fn chain(error: &ReadError) -> String {
    let source = std::error::Error::source(error).map(|source| format!(": {source}"));
    format!("{error}{}", source.unwrap_or_default())
}

/// Writes the corpus as seeds for the fuzz targets; see fuzz/Cargo.toml.
#[test]
#[ignore = "writes files into fuzz/corpus"]
fn write_fuzz_seeds() {
    let corpus = directory().join("../../../../fuzz/corpus");
    for (index, case) in cases().into_iter().enumerate() {
        // The CSV target reads a mapping, a NUL and a file.
        let (target, seed) = match &case.mapping {
            None => ("jsonl", case.bytes),
            Some(path) => ("csv_mapping", [&fs::read(path).unwrap()[..], b"\0", &case.bytes].concat()),
        };
        // What is long is slow to mutate, and limits are the corpus's own business.
        if seed.len() <= 4_096 {
            fs::create_dir_all(corpus.join(target)).unwrap();
            fs::write(corpus.join(target).join(format!("hostile-{index:03}")), seed).unwrap();
        }
    }
}

#[test]
fn every_rule_of_the_corpus_is_stated_and_every_stated_rule_has_cases() {
    let text = fs::read_to_string(directory().join("../../../../docs/FORMATS.md")).unwrap();
    let (_, section) = text.split_once("## What is refused, and what is read").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let mut stated: Vec<_> =
        section.lines().filter_map(|line| line.strip_prefix("### ")).map(str::to_lowercase).collect();
    stated.sort();
    assert_eq!(stated, rules());
}
