//! How the lines of a file become facts, as the arguments say.

use std::fs;
use std::path::Path;

use tenure::ingest::Mapping;

use crate::args;
use crate::error::{CliError, chain};

/// What `--map` says of a file of interchange JSON that is not named so.
const JSONL: &str = "jsonl";
/// What `--map` says of a file of Segment messages.
const SEGMENT: &str = "segment_jsonl";

/// How the lines of a file become facts.
#[derive(Debug)]
pub enum Form {
    /// Interchange JSON.
    Jsonl,
    /// Messages of the Segment specification.
    Segment,
    /// Cells, by a mapping.
    Csv(Box<Mapping>),
}

/// What the arguments say of the file; none where they say nothing.
pub(super) fn form(args: &args::Import) -> Result<Option<Form>, CliError> {
    Ok(match args.map.as_deref() {
        Some(JSONL) => Some(Form::Jsonl),
        Some(SEGMENT) => Some(Form::Segment),
        Some(name) => Some(Form::Csv(Box::new(mapping(name)?))),
        None => named_jsonl(&args.file).then_some(Form::Jsonl),
    })
}

/// Whether a file is named as one of JSON lines, packed or not.
fn named_jsonl(path: &Path) -> bool {
    let is = |path: &Path, ends: &[&str]| {
        path.extension().and_then(|end| end.to_str()).is_some_and(|end| ends.contains(&end))
    };
    let bare = if is(path, &["gz", "zst"]) { path.with_extension("") } else { path.to_owned() };
    is(&bare, &["jsonl", "ndjson"])
}

/// The character between cells, as people type it.
pub(super) fn delimiter(text: &str) -> Result<u8, CliError> {
    match text {
        "tab" | "\\t" => Ok(b'\t'),
        _ => match text.as_bytes() {
            [byte] => Ok(*byte),
            _ => Err(CliError::input(format!("--delimiter: \"{text}\" is not one character"))
                .hint("such as --delimiter ';' or --delimiter tab")),
        },
    }
}

fn mapping(name: &str) -> Result<Mapping, CliError> {
    if let Some(mapping) = Mapping::builtin(name) {
        return Ok(mapping);
    }
    let text = fs::read_to_string(name).map_err(|error| {
        CliError::input(format!("--map {name}: {error}"))
            .hint(format!("name a TOML file or a built-in mapping: {}", builtin_names()))
    })?;
    Mapping::parse(name, &text).map_err(|error| CliError::input(chain(&error)))
}

pub(super) fn builtin_names() -> String {
    let names = Mapping::builtin_names().chain([SEGMENT, JSONL]);
    names.collect::<Vec<_>>().join(", ")
}
