//! Answers as tables, drawn from the very JSON that programs get: so the two cannot disagree.

use serde_json::{Map, Value};

use crate::answer::width;
use crate::command::Talk;
use crate::lang::fill;
use crate::table::{Cell, Table};

/// What people see of an answer.
pub struct Drawn {
    /// For a terminal.
    pub tables: Vec<Table>,
    /// For a spreadsheet: one row a value; none where the first table is that.
    pub list: Option<Table>,
    /// Lines below.
    pub notes: Vec<String>,
}

/// An answer of a kind of query. `query` is the query with every default.
pub fn drawn(query: &Value, answer: &Value, talk: Talk) -> Drawn {
    let parts: Vec<(Option<&str>, &Value)> = match answer.get("by_value").and_then(Value::as_object) {
        Some(parts) => parts.iter().map(|(value, part)| (Some(value.as_str()), part)).collect(),
        None => vec![(None, answer)],
    };
    match (text(query, "kind"), text(query, "output")) {
        ("funnel", _) if answer_has(&parts, "entries") => attempts(&parts, talk),
        ("funnel", "trend") => trend(&parts, talk),
        ("funnel", "time_to_convert") => time_to_convert(&parts, talk),
        ("funnel", _) => funnel(query, &parts, talk),
        ("retention", "one_row") => one_row(query, &parts, talk),
        ("retention", _) => retention(query, &parts, talk),
        ("lifecycle", _) => lifecycle(&parts, talk),
        ("stickiness", _) => stickiness(&parts, talk),
        ("repurchase", _) => repurchase(&parts, talk),
        ("paths", _) => paths(answer, talk),
        _ => transitions(answer, talk),
    }
}

type Parts<'a> = [(Option<&'a str>, &'a Value)];

fn answer_has(parts: &Parts<'_>, field: &str) -> bool {
    parts.iter().any(|(_, part)| part.get(field).is_some())
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or("")
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn at(values: &[Value], place: usize) -> &Value {
    values.get(place).unwrap_or(&Value::Null)
}

#[expect(clippy::cast_precision_loss, reason = "a share")]
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn elapsed(value: &Value) -> Cell {
    value.as_f64().map_or(Cell::Empty, Cell::Elapsed)
}

fn percent(share: Option<f64>) -> Cell {
    share.map_or(Cell::Empty, Cell::Percent)
}

/// A table with a first column for the value that an answer is broken down by, where it is.
fn broken(title: &str, parts: &Parts<'_>, columns: &[(&'static str, &str)], talk: Talk) -> Table {
    let by_value = parts.iter().any(|(value, _)| value.is_some());
    let mut all: Vec<(&'static str, &str)> = Vec::new();
    all.extend(by_value.then_some(("value", talk.words().value)));
    all.extend_from_slice(columns);
    Table::new(title, &all)
}

fn push(table: &mut Table, value: Option<&str>, cells: Vec<Cell>, talk: Talk) {
    let mut row = Vec::new();
    row.extend(value.map(|value| named(value, talk)));
    row.extend(cells);
    table.push(row);
}

/// A value that is missing is named so.
fn named(value: &str, talk: Talk) -> Cell {
    if value.is_empty() { Cell::Code(String::new(), talk.words().no_value.into()) } else { value.into() }
}

fn funnel(query: &Value, parts: &Parts<'_>, talk: Talk) -> Drawn {
    let w = talk.words();
    let shown = [
        ("step", w.step),
        ("event", w.event),
        ("customers", w.customers),
        ("of_entered", w.of_entered),
        ("of_previous", w.of_previous),
        ("median_seconds", w.median),
        ("pending", w.pending),
    ];
    let mut table = broken(w.funnel, parts, &shown, talk);
    let mut all = broken(w.funnel, parts, &shown, talk).with_column("average_seconds", w.average);
    let steps = list(query, "steps");
    for (value, part) in parts {
        let counts = list(part, "counts");
        let entered = counts.first().map_or(0, count);
        let mut before = entered;
        for (place, counted) in counts.iter().enumerate() {
            let counted = count(counted);
            let step = at(steps, place);
            let optional = step.get("optional").and_then(Value::as_bool).unwrap_or(false);
            let name = if optional { format!("({})", selector(step)) } else { selector(step) };
            let mut cells = vec![
                (place + 1).into(),
                name.into(),
                counted.into(),
                match share(counted, entered) {
                    // A bar for each of many values leaves no room for the rest.
                    Some(share) if parts.len() > 1 => Cell::Percent(share),
                    share => share.map_or(Cell::Empty, Cell::Filled),
                },
                if place == 0 { Cell::Empty } else { percent(share(counted, before)) },
                elapsed(at(list(part, "median_seconds"), place)),
                // Whoever is pending entered, and is told there.
                if place == 0 { list(part, "pending").len().into() } else { Cell::Empty },
            ];
            push(&mut table, *value, cells.clone(), talk);
            cells.push(elapsed(at(list(part, "average_seconds"), place)));
            push(&mut all, *value, cells, talk);
            if !optional {
                before = counted;
            }
        }
    }
    Drawn { tables: vec![table], list: Some(all), notes: vec![w.pending_are.to_owned()] }
}

/// A selector in short: names, and how many tests there are.
fn selector(step: &Value) -> String {
    let names = match step.get("event") {
        Some(Value::String(name)) => name.clone(),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" | "),
        _ => "*".into(),
    };
    let tests: Vec<String> = list(step, "where")
        .iter()
        .map(|test| {
            let value = test.get("value").map_or_else(String::new, |value| format!(" {value}"));
            format!("{} {}{value}", text(test, "property"), text(test, "op"))
        })
        .collect();
    if tests.is_empty() { names } else { format!("{names} [{}]", tests.join(", ")) }
}

fn attempts(parts: &Parts<'_>, talk: Talk) -> Drawn {
    let w = talk.words();
    let columns = [("entries", w.attempts), ("conversions", w.conversions), ("rate", w.rate)];
    let mut table = broken(w.funnel, parts, &columns, talk);
    for (value, part) in parts {
        let of = |field| count(part.get(field).unwrap_or(&Value::Null));
        let (entries, conversions) = (of("entries"), of("conversions"));
        let cells = vec![entries.into(), conversions.into(), percent(share(conversions, entries))];
        push(&mut table, *value, cells, talk);
    }
    Drawn { tables: vec![table], list: None, notes: Vec::new() }
}

fn trend(parts: &Parts<'_>, talk: Talk) -> Drawn {
    let w = talk.words();
    let columns =
        [("bucket", w.bucket), ("entered", w.entered), ("converted", w.converted), ("rate", w.rate)];
    let mut table = broken(w.funnel, parts, &columns, talk);
    for (value, part) in parts {
        for row in list(part, "rows") {
            let of = |field| count(row.get(field).unwrap_or(&Value::Null));
            let rate = row.get("rate").and_then(Value::as_f64).unwrap_or(0.0) / 100.0;
            let cells = vec![
                text(row, "bucket").into(),
                of("entered").into(),
                of("converted").into(),
                Cell::Filled(rate),
            ];
            push(&mut table, *value, cells, talk);
        }
    }
    Drawn { tables: vec![table], list: None, notes: Vec::new() }
}

fn time_to_convert(parts: &Parts<'_>, talk: Talk) -> Drawn {
    let w = talk.words();
    let columns = [("seconds", w.from_time_on), ("customers", w.customers), ("share", w.share)];
    let mut table = broken(w.time_to_convert, parts, &columns, talk);
    let mut notes = Vec::new();
    for (value, part) in parts {
        let bins = list(part, "histogram");
        let of = |bin: &Value, place| bin.get(place).cloned().unwrap_or_default();
        let all: u64 = bins.iter().map(|bin| count(&of(bin, 1))).sum();
        for bin in bins {
            let many = count(&of(bin, 1));
            let part = share(many, all).map_or(Cell::Empty, Cell::Share);
            push(&mut table, *value, vec![elapsed(&of(bin, 0)), many.into(), part], talk);
        }
        let (median, average) = (part.get("median_seconds"), part.get("average_seconds"));
        if let Some((median, average)) = median.zip(average).filter(|(median, _)| !median.is_null()) {
            let note = fill(w.median_and_average, &[&elapsed(median).shown(), &elapsed(average).shown()]);
            notes.push(value.map_or_else(|| note.clone(), |value| format!("{value}: {note}")));
        }
    }
    Drawn { tables: vec![table], list: None, notes }
}

/// A value of a retention table: a number, or sums of money.
fn measured(value: &Value) -> Cell {
    match value {
        Value::Array(sums) => sums
            .iter()
            .map(|sum| {
                format!(
                    "{} {}",
                    sum.get("minor").or(sum.get("value")).unwrap_or(&Value::Null),
                    text(sum, "currency")
                )
            })
            .collect::<Vec<_>>()
            .join(" + ")
            .into(),
        other => other.as_u64().map_or(Cell::Empty, Cell::from),
    }
}

/// How wide a cell of a triangle is with its border, and the columns before the first one.
const CELL: usize = 8;
const NARROW: usize = 25;

fn retention(query: &Value, parts: &Parts<'_>, talk: Talk) -> Drawn {
    let w = talk.words();
    let customers = text(query, "measure") == "customers";
    let months = ["month", "quarter", "year"].contains(&text(query, "period"));
    let mut tables = Vec::new();
    let mut hidden = 0;
    let long = [
        ("bucket", w.bucket),
        ("offset", w.offset),
        ("value", w.customers),
        ("share", w.share),
        ("complete", w.complete),
    ];
    let mut all = Table::new(w.retention, &[]);
    if parts.iter().any(|(value, _)| value.is_some()) {
        all = all.with_column("by", w.value);
    }
    let mut all = long.iter().fold(all, |table, (name, label)| table.with_column(*name, *label));
    for (by, part) in parts {
        let title = by.map_or_else(
            || w.retention.to_owned(),
            |by| format!("{} · {}", w.retention, named(by, talk).shown()),
        );
        let rows = list(part, "rows");
        let most = rows.iter().map(|row| list(row, "values").len()).max().unwrap_or(0);
        // What does not fit would be broken up; the list has all of it.
        let fitting = most.min(usize::from(width()).saturating_sub(NARROW) / CELL + 1);
        hidden = hidden.max(most - fitting);
        let most = fitting;
        let start = Table::new(
            title,
            &[("bucket", w.bucket), ("size", if customers { w.customers } else { w.value })],
        );
        let mut table =
            (1..most).fold(start, |table, offset| table.with_column(offset.to_string(), offset.to_string()));
        for row in rows {
            let (values, complete) = (list(row, "values"), list(row, "complete"));
            let size = values.first().map_or(0, count);
            let bucket = text(row, "bucket");
            let shown = bucket.strip_suffix("-01").filter(|_| months).unwrap_or(bucket);
            let mut cells = vec![Cell::Code(bucket.into(), shown.into()), measured(at(values, 0))];
            for offset in 1..most {
                let open = complete.get(offset) != Some(&Value::Bool(true));
                cells.push(match values.get(offset) {
                    None => Cell::Empty,
                    Some(value) if customers => {
                        share(count(value), size).map_or(Cell::Empty, |share| Cell::Shade(share, open))
                    }
                    Some(value) => measured(value),
                });
            }
            table.push(cells);
            for (offset, value) in values.iter().enumerate() {
                let complete = complete.get(offset).and_then(Value::as_bool).unwrap_or(false);
                let of_start = share(count(value), size).filter(|_| customers);
                let mut cells = Vec::new();
                cells.extend(by.map(Cell::from));
                cells.extend([
                    text(row, "bucket").into(),
                    offset.into(),
                    measured(value),
                    of_start.map_or(Cell::Empty, Cell::Percent),
                    if complete { "true" } else { "false" }.into(),
                ]);
                all.push(cells);
            }
        }
        let averages = list(part, "average");
        if customers && averages.len() > 1 {
            let mut cells = vec![w.average.into(), Cell::Empty];
            for offset in 1..most {
                let average = averages.get(offset).and_then(Value::as_f64);
                cells.push(average.map_or(Cell::Empty, |average| Cell::Shade(average, false)));
            }
            table.push(cells);
        }
        tables.push(table);
    }
    let mut notes = vec![w.open_cells.to_owned()];
    if hidden > 0 {
        notes.push(fill(w.more_offsets, &[&hidden]));
    }
    Drawn { tables, list: Some(all), notes }
}

fn one_row(query: &Value, parts: &Parts<'_>, talk: Talk) -> Drawn {
    let w = talk.words();
    let columns =
        [("offset", w.offset), ("value", w.customers), ("share", w.share), ("complete", w.complete)];
    let mut table = broken(w.retention, parts, &columns, talk);
    let brackets = list(query, "brackets");
    for (value, part) in parts {
        let size = part.get("size").map_or(0, count);
        for (place, many) in list(part, "values").iter().enumerate() {
            let offset: Cell = match brackets.get(place).and_then(Value::as_array).map(Vec::as_slice) {
                Some([first, last]) => format!("{first}–{last}").into(),
                _ => place.into(),
            };
            let complete = at(list(part, "complete"), place) == &Value::Bool(true);
            let cells = vec![
                offset,
                measured(many),
                share(count(many), size).map_or(Cell::Empty, Cell::Filled),
                if complete { "true" } else { "false" }.into(),
            ];
            push(&mut table, *value, cells, talk);
        }
    }
    Drawn { tables: vec![table], list: None, notes: Vec::new() }
}

fn lifecycle(parts: &Parts<'_>, talk: Talk) -> Drawn {
    let w = talk.words();
    let columns = [
        ("bucket", w.bucket),
        ("new", w.new),
        ("returning", w.returning),
        ("resurrecting", w.resurrecting),
        ("dormant", w.dormant),
        ("active", w.active),
    ];
    let mut table = broken(w.movement, parts, &columns, talk);
    let most = |part: &Value| {
        let active = |place| {
            ["new", "returning", "resurrecting"]
                .iter()
                .map(|of| count(at(list(part, of), place)))
                .sum::<u64>()
        };
        (0..list(part, "buckets").len()).map(active).max().unwrap_or(0)
    };
    let most = parts.iter().map(|(_, part)| most(part)).max().unwrap_or(0);
    for (value, part) in parts {
        for (place, bucket) in list(part, "buckets").iter().enumerate() {
            let of = |field| count(at(list(part, field), place));
            let active = of("new") + of("returning") + of("resurrecting");
            let open = at(list(part, "complete"), place) != &Value::Bool(true);
            let bucket = bucket.as_str().unwrap_or("");
            let cells = vec![
                if open { Cell::Code(bucket.into(), format!("{bucket} …")) } else { bucket.into() },
                of("new").into(),
                of("returning").into(),
                of("resurrecting").into(),
                of("dormant").into(),
                Cell::Counted(active, share(active, most).unwrap_or(0.0)),
            ];
            push(&mut table, *value, cells, talk);
        }
    }
    Drawn { tables: vec![table], list: None, notes: Vec::new() }
}

fn stickiness(parts: &Parts<'_>, talk: Talk) -> Drawn {
    let w = talk.words();
    let columns =
        [("buckets", w.buckets_active), ("exactly", w.exactly), ("at_least", w.at_least), ("share", w.share)];
    let mut table = broken(w.stickiness, parts, &columns, talk);
    for (value, part) in parts {
        let at_least = list(part, "at_least");
        let all = at_least.first().map_or(0, count);
        for (place, exactly) in list(part, "exactly").iter().enumerate() {
            let many = count(at(at_least, place));
            let cells = vec![
                (place + 1).into(),
                count(exactly).into(),
                many.into(),
                share(many, all).map_or(Cell::Empty, Cell::Filled),
            ];
            push(&mut table, *value, cells, talk);
        }
    }
    Drawn { tables: vec![table], list: None, notes: Vec::new() }
}

fn repurchase(parts: &Parts<'_>, talk: Talk) -> Drawn {
    let w = talk.words();
    let columns =
        [("bucket", w.bucket), ("customers", w.customers), ("repeated", w.repeated), ("share", w.share)];
    let mut table = broken(w.repurchase, parts, &columns, talk);
    let times = [
        ("between", w.between),
        ("count", w.customers),
        ("median_seconds", w.median),
        ("p90_seconds", w.p90),
        ("censored", w.censored),
    ];
    let mut waits = broken(w.until_next, parts, &times, talk);
    for (value, part) in parts {
        for row in list(part, "rows") {
            let of = |field| count(row.get(field).unwrap_or(&Value::Null));
            let of_all = share(of("repeated"), of("customers"));
            let cells = vec![
                text(row, "bucket").into(),
                of("customers").into(),
                of("repeated").into(),
                of_all.map_or(Cell::Empty, Cell::Filled),
            ];
            push(&mut table, *value, cells, talk);
        }
        for (field, label) in [("first_to_second", w.first_to_second), ("nth_to_next", w.nth_to_next)] {
            let Some(times) = part.get(field) else { continue };
            let of = |field| times.get(field).unwrap_or(&Value::Null);
            let cells = vec![
                Cell::Code(field.into(), label.into()),
                count(of("count")).into(),
                elapsed(of("median_seconds")),
                elapsed(of("p90_seconds")),
                count(of("censored")).into(),
            ];
            push(&mut waits, *value, cells, talk);
        }
    }
    Drawn { tables: vec![table, waits], list: None, notes: Vec::new() }
}

fn paths(answer: &Value, talk: Talk) -> Drawn {
    const SHOWN: usize = 20;
    let w = talk.words();
    let columns = [("path", w.path), ("count", w.paths), ("share", w.share)];
    let mut table = Table::new(w.paths, &columns);
    let mut all = Table::new(w.paths, &columns);
    for (place, row) in list(answer, "sequences").iter().enumerate() {
        let names: Vec<&str> = list(row, "path").iter().filter_map(Value::as_str).collect();
        let shown = if names.is_empty() { w.nothing.to_owned() } else { names.join(" → ") };
        let part = row.get("share").and_then(Value::as_f64).unwrap_or(0.0);
        let cells = |path: Cell, share: Cell| {
            vec![path, count(row.get("count").unwrap_or(&Value::Null)).into(), share]
        };
        if place < SHOWN {
            table.push(cells(shown.clone().into(), Cell::Share(part)));
        }
        all.push(cells(names.join(" > ").into(), Cell::Percent(part)));
    }
    let mut notes = Vec::new();
    let more = list(answer, "sequences").len().saturating_sub(SHOWN);
    if more > 0 {
        notes.push(fill(w.plus_more, &[&more]));
    }
    let other = answer.get("other").cloned().unwrap_or_default();
    if other.get("sequences").map_or(0, count) > 0 {
        let of = |field| count(other.get(field).unwrap_or(&Value::Null));
        notes.push(fill(w.rarer_paths, &[&of("sequences"), &of("count")]));
    }
    let mut tables = vec![table];
    if let Some(tree) = answer.get("tree").filter(|tree| tree.is_object()) {
        let mut table = Table::new(w.tree, &[("name", w.event), ("count", w.paths), ("share", w.share)]);
        let whole = count(tree.get("count").unwrap_or(&Value::Null));
        branch(&mut table, tree, 0, whole);
        tables.push(table);
    }
    if let Some(compare) = answer.get("compare").filter(|compare| compare.is_object()) {
        let columns = [("path", w.path), ("first", "1"), ("second", "2"), ("difference", w.difference)];
        let mut table = Table::new(w.compared, &columns);
        for row in list(compare, "differences").iter().take(SHOWN) {
            let names: Vec<&str> = list(row, "path").iter().filter_map(Value::as_str).collect();
            let of = |value: Option<&Value>| percent(value.and_then(Value::as_f64));
            let shares = list(row, "shares");
            table.push(vec![
                names.join(" → ").into(),
                of(shares.first()),
                of(shares.get(1)),
                of(row.get("difference")),
            ]);
        }
        tables.push(table);
    }
    Drawn { tables, list: Some(all), notes }
}

/// A branch of the tree of paths, with what is thick enough of its own branches below it.
fn branch(table: &mut Table, node: &Value, depth: usize, whole: u64) {
    const DEEPEST: usize = 6;
    const THINNEST: f64 = 0.02;
    let many = count(node.get("count").unwrap_or(&Value::Null));
    let part = share(many, whole).unwrap_or(0.0);
    if depth > DEEPEST || (depth > 0 && part < THINNEST) {
        return;
    }
    let name = format!("{}{}", "  ".repeat(depth), text(node, "name"));
    table.push(vec![name.into(), many.into(), Cell::Filled(part)]);
    for child in list(node, "children") {
        branch(table, child, depth + 1, whole);
    }
}

fn transitions(answer: &Value, talk: Talk) -> Drawn {
    let w = talk.words();
    let stage = |value: &Value| value.as_str().map_or(Cell::Empty, Cell::from);
    let field = |row: &Map<String, Value>, name: &str| row.get(name).cloned().unwrap_or_default();
    let rows = |name| list(answer, name).iter().filter_map(Value::as_object);
    let mut matrix = Table::new(w.transitions, &[("from", w.from), ("to", w.to), ("customers", w.customers)]);
    for row in rows("matrix") {
        matrix.push(vec![
            stage(&field(row, "from")),
            stage(&field(row, "to")),
            count(&field(row, "customers")).into(),
        ]);
    }
    let columns = [("bucket", w.bucket), ("from", w.from), ("to", w.to), ("changes", w.changes)];
    let mut flows = Table::new(w.flows, &columns);
    for row in rows("flows") {
        flows.push(vec![
            stage(&field(row, "bucket")),
            stage(&field(row, "from")),
            stage(&field(row, "to")),
            count(&field(row, "changes")).into(),
        ]);
    }
    let columns = [
        ("stage", w.stage),
        ("completed", w.stays),
        ("median_seconds", w.median),
        ("p90_seconds", w.p90),
        ("open", w.open_stays),
    ];
    let mut dwell = Table::new(w.dwell, &columns);
    for row in rows("dwell") {
        dwell.push(vec![
            stage(&field(row, "code")),
            count(&field(row, "completed")).into(),
            elapsed(&field(row, "median_seconds")),
            elapsed(&field(row, "p90_seconds")),
            count(&field(row, "open")).into(),
        ]);
    }
    Drawn { tables: vec![matrix, flows, dwell], list: None, notes: Vec::new() }
}
