//! The corpus of hostile files: what stands in `cases/*.txt`, as bytes and the outcome each file must have.
//!
//! A file of cases belongs to one rule of `docs/FORMATS.md`, section "What is refused, and what is read", and is named
//! after it. Its lines are
//!
//! ```text
//! # a comment
//! > jsonl {"customer":"a","amount":•}           the file that the cases below are put into, or
//! > orders who,at,total␊•                       a CSV file for mappings/orders.toml
//! what it tests │ what stands at the • │ outcome
//! ```
//!
//! In a file, a control picture stands for its control character (␊ line feed, ␍ carriage return, ␉ tab, ␀ NUL, ␛
//! escape), ␠ for a blank, and what is in ‹› for bytes that cannot be written:
//!
//! ```text
//! ‹ff fe›          bytes in hexadecimal
//! ‹U+202E›         a character
//! ‹70000 × x›      a text again and again
//! ‹1001 names›     as many properties, with commas between: "n0":0,"n1":0
//! ‹16le text›      the text in UTF-16, little-endian; ‹16be text› big-endian
//! ```
//!
//! Outcomes are parted by ` · `, one a record, each with its line:
//!
//! ```text
//! 2 fact minor=1477 at=2024-05-01T00:00:00Z     a fact, with these values among others
//! 3 bad amount: more decimals                   a bad row: the column or field (- for none), a part of the reason
//! 4 same as 2                                   a duplicate of an earlier line
//! no rows                                       a file without records
//! refused: there is no column                   no record is read at all: a part of the message
//! ```

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// One hostile file.
#[derive(Debug)]
pub struct Case {
    /// The rule, and what is tested.
    pub name: String,
    /// The mapping of a CSV file; none for JSONL.
    pub mapping: Option<PathBuf>,
    /// The file.
    pub bytes: Vec<u8>,
    /// What becomes of it.
    pub expected: Vec<Expected>,
}

/// What one record, or the file, becomes.
#[derive(Debug, PartialEq, Eq)]
pub enum Expected {
    /// A fact with these values.
    Fact { line: u64, values: Vec<(String, String)> },
    /// A bad row.
    Bad { line: u64, place: String, reason: String },
    /// The same as an earlier line.
    Same { line: u64, first: u64 },
    /// The whole file.
    Refused { message: String },
}

/// The directory of the corpus, from any crate of the workspace.
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tenure-ingest/tests/hostile")
}

/// The rules: the names of the files of cases, sorted.
pub fn rules() -> Vec<String> {
    let files = fs::read_dir(directory().join("cases")).unwrap();
    let mut names: Vec<_> =
        files.map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// All cases, rule by rule.
pub fn cases() -> Vec<Case> {
    let cases: Vec<Case> = rules().iter().flat_map(|rule| of_rule(rule)).collect();
    let names: BTreeSet<_> = cases.iter().map(|case| &case.name).collect();
    assert_eq!(names.len(), cases.len(), "two cases have one name");
    cases
}

fn of_rule(rule: &str) -> Vec<Case> {
    let text = fs::read_to_string(directory().join(format!("cases/{rule}.txt"))).unwrap();
    let mut frame = None;
    let mut cases = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let place = format!("{rule}.txt:{}", index + 1);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(header) = line.strip_prefix("> ") {
            let (format, file) = header.split_once(' ').unwrap_or_else(|| panic!("{place}: no file"));
            let mapping = (format != "jsonl").then(|| directory().join(format!("mappings/{format}.toml")));
            frame = Some((mapping, file.to_owned()));
            continue;
        }
        let [name, input, outcome] = *line.split('│').map(str::trim).collect::<Vec<_>>() else {
            panic!("{place}: a case is: name │ input │ outcome")
        };
        let (mapping, file) = frame.clone().unwrap_or_else(|| panic!("{place}: no file above"));
        cases.push(Case {
            name: format!("{rule}: {name}"),
            mapping,
            bytes: bytes(&file.replace('•', input)),
            expected: outcomes(outcome).unwrap_or_else(|| panic!("{place}: \"{outcome}\" is no outcome")),
        });
    }
    cases
}

fn outcomes(text: &str) -> Option<Vec<Expected>> {
    if text == "no rows" {
        return Some(Vec::new());
    }
    if let Some(message) = text.strip_prefix("refused: ") {
        return Some(vec![Expected::Refused { message: message.into() }]);
    }
    text.split(" · ").map(outcome).collect()
}

fn outcome(text: &str) -> Option<Expected> {
    let (line, what) = text.split_once(' ')?;
    let line = line.parse().ok()?;
    if let Some(values) = what.strip_prefix("fact") {
        // A blank in ‹› parts no values.
        let mut inside = false;
        let values = values.split(|c| {
            inside = (inside || c == '‹') && c != '›';
            c == ' ' && !inside
        });
        let values = values.filter(|value| !value.is_empty()).map(|value| {
            let (name, value) = value.split_once('=')?;
            Some((name.to_owned(), String::from_utf8(bytes(value)).ok()?))
        });
        return Some(Expected::Fact { line, values: values.collect::<Option<_>>()? });
    }
    if let Some(bad) = what.strip_prefix("bad ") {
        let (place, reason) = bad.split_once(": ")?;
        let place = String::from_utf8(bytes(if place == "-" { "" } else { place })).ok()?;
        return Some(Expected::Bad { line, place, reason: reason.into() });
    }
    let first = what.strip_prefix("same as ")?.parse().ok()?;
    Some(Expected::Same { line, first })
}

/// The bytes that a text of the corpus stands for.
fn bytes(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\u{2400}'..='\u{2420}' => out.push(u8::try_from(u32::from(c) - 0x2400).unwrap()),
            '\u{2421}' => out.push(0x7f),
            '‹' => {
                let inside: String = rest.by_ref().take_while(|c| *c != '›').collect();
                out.extend(special(&inside));
            }
            c => out.extend(c.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    out
}

fn special(text: &str) -> Vec<u8> {
    if let Some(code) = text.strip_prefix("U+") {
        let c = char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap();
        return c.to_string().into_bytes();
    }
    if let Some((times, what)) = text.split_once(" × ") {
        return bytes(what).repeat(times.parse().unwrap());
    }
    if let Some(count) = text.strip_suffix(" names") {
        let names: Vec<_> = (0..count.parse::<u32>().unwrap()).map(|n| format!("\"n{n}\":0")).collect();
        return names.join(",").into_bytes();
    }
    if let Some((order @ ("16le" | "16be"), what)) = text.split_once(' ') {
        let text = String::from_utf8(bytes(what)).unwrap();
        let unit = |unit: u16| if order == "16le" { unit.to_le_bytes() } else { unit.to_be_bytes() };
        return text.encode_utf16().flat_map(unit).collect();
    }
    text.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}
