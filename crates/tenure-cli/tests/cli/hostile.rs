//! Every hostile file of the corpus through the built binary, as it is and with `--strict`.

use std::fs;
use std::thread;

use serde_json::Value;
use tenure::sqlite::{Options, SqliteStore};
use tenure::store::seal::Erase;

use crate::corpus::{Case, Expected, cases};
use crate::{Place, Ran};

/// Bad rows that are told one by one, and a line with the total.
const TOLD_LINES: usize = 11;

#[test]
fn hostile_files_are_counted_told_and_kept_and_strict_writes_nothing() {
    let cases = cases();
    let wrong: Vec<String> = thread::scope(|scope| {
        let parts: Vec<_> = cases
            .chunks(cases.len().div_ceil(4))
            .map(|part| scope.spawn(|| part.iter().filter_map(|case| check(case).err()).collect::<Vec<_>>()))
            .collect();
        parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

fn check(case: &Case) -> Result<(), String> {
    let wrong = |what: &str, ran: &Ran| {
        let short = |text: &str| text.chars().take(600).collect::<String>();
        Err(format!("{}\n    {what}: {:?} {} {}", case.name, ran.code, short(&ran.out), short(&ran.err)))
    };
    let place = Place::new();
    let name = if case.mapping.is_some() { "case.csv" } else { "case.jsonl" };
    place.write(name, &case.bytes);
    let import = |more: &[&str]| {
        let mut args = vec!["import", name, "--store", "s.db", "--format", "json", "--quiet"];
        if let Some(mapping) = &case.mapping {
            args.extend(["--map", mapping.to_str().unwrap()]);
        }
        args.extend(more);
        place.run(args)
    };
    let refused = matches!(case.expected[..], [Expected::Refused { .. }]);
    let count = |which: fn(&Expected) -> bool| case.expected.iter().filter(|e| which(e)).count();
    let bad = count(|e| matches!(e, Expected::Bad { .. }));

    let strict = import(&["--strict"]);
    if refused || bad > 0 {
        if strict.code != Some(2) || !strict.out.is_empty() || place.files() != [name] {
            return wrong("strict", &strict);
        }
    } else if strict.code != Some(0) {
        return wrong("strict", &strict);
    }
    if !refused && bad > 0 {
        let told = format!("{bad} of {} rows are bad; nothing was imported", case.expected.len());
        if !strict.err.contains(&told) {
            return wrong("strict", &strict);
        }
        fs::remove_file(place.path("s.db")).ok();
    }

    let ran = import(&["--batch", "again"]);
    for ran in [&strict, &ran] {
        let lines = ran.err.lines().count();
        if ran.err.contains("panicked")
            || lines > TOLD_LINES + 2
            || ran.err.lines().any(|line| line.len() > 2048)
        {
            return wrong("what is told", ran);
        }
        if ran.err.chars().any(|c| c != '\n' && tenure::core::text::is_hidden(c)) {
            return wrong("what is told moves the cursor", ran);
        }
    }
    if refused {
        let fine = ran.code == Some(2) && ran.out.is_empty() && place.files() == [name];
        return if fine { Ok(()) } else { wrong("refused", &ran) };
    }
    if ran.code != Some(i32::from(bad > 0)) {
        return wrong("exit code", &ran);
    }
    let Ok(summary) = serde_json::from_str::<Value>(&ran.out) else { return wrong("no summary", &ran) };
    let number = |part: &str| usize::try_from(summary[part].as_u64().unwrap()).unwrap();
    let same = count(|e| matches!(e, Expected::Same { .. }));
    let facts = count(|e| matches!(e, Expected::Fact { .. }));
    let found = (number("rows"), number("imported") + number("known"), number("duplicates"), number("bad"));
    if found != (case.expected.len(), facts, same, bad) {
        return wrong("counts", &ran);
    }
    kept(case, &place, &summary).or_else(|why| wrong(&why, &ran))
}

/// A row that holds personal data is sealed in the quarantine.
fn opened(place: &Place, sealed: &str) -> Vec<u8> {
    let store = SqliteStore::open(place.path("s.db"), Options::new().existing()).unwrap();
    pollster::block_on(store.open_beside(sealed)).unwrap().unwrap()
}

/// The quarantine file holds the bytes of every bad row, as they stand in the file.
fn kept(case: &Case, place: &Place, summary: &Value) -> Result<(), String> {
    let lines = case.expected.iter().filter_map(|expected| match expected {
        Expected::Bad { line, .. } => Some(*line),
        _ => None,
    });
    let lines: Vec<u64> = lines.collect();
    let text = summary["quarantine"].as_str().map(|name| place.read(name)).unwrap_or_default();
    let records: Vec<_> =
        text.lines().map(|line| tenure::ingest::QuarantineRecord::parse(line).unwrap()).collect();
    if records.iter().map(|record| record.line).collect::<Vec<_>>() != lines {
        return Err(format!("lines of the quarantine, not {lines:?}"));
    }
    for record in records {
        let row = record.row_bytes().unwrap_or_else(|| opened(place, &record.bytes));
        let mut rest = &case.bytes[..];
        for _ in 1..record.line {
            let end = rest.iter().position(|byte| *byte == b'\n').unwrap();
            rest = &rest[end + 1..];
        }
        if record.line == 1 {
            rest = rest.strip_prefix(b"\xef\xbb\xbf").unwrap_or(rest);
        }
        let after = rest.strip_prefix(&row[..]).ok_or(format!("bytes of line {}", record.line))?;
        let whole = after.is_empty() || after.starts_with(b"\n") || after.starts_with(b"\r\n");
        if !whole && record.cut_from.is_none() {
            return Err(format!("not all bytes of line {}", record.line));
        }
    }
    Ok(())
}

/// What is told does not grow with what is wrong, and what is kept does.
#[test]
fn a_thousand_bad_rows_are_told_in_eleven_lines_and_all_kept() {
    let place = Place::new();
    place.write("a.jsonl", "not json\u{1b}[2J\n".repeat(1_000));
    for (lang, total) in [("en", "... 1000 bad rows in all"), ("zh-CN", "……共 1000 行错误")] {
        let file = format!("{lang}.quarantine");
        let ran = place.run(["import", "a.jsonl", "--store", "s.db", "--lang", lang, "--quarantine", &file]);
        assert_eq!((ran.code, ran.err.lines().count()), (Some(1), TOLD_LINES), "{}", ran.err);
        assert!(ran.err.ends_with(&format!("{total}\n")), "{}", ran.err);
        assert_eq!(place.read(&file).lines().count(), 1_000);
    }
}
