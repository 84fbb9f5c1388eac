//! The query that somebody means: a file, or the words of a shortcut.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use serde_json::{Map, Value, json};
use tenure::core::near::nearest;
use tenure::core::query::Query;
use tenure::core::{Duration, Kind};

use crate::args;
use crate::command::{Talk, warn};
use crate::error::CliError;
use crate::lang::fill;

/// A query from a file, or from stdin.
///
/// # Errors
/// A file that cannot be read, or what is no query: with the place in it and what is allowed there.
pub fn read(path: Option<&Path>) -> Result<Query, CliError> {
    let path = path.ok_or_else(|| CliError::input("name the query: --spec FILE, or - for stdin"))?;
    let name = if path == Path::new("-") { "stdin".into() } else { path.display().to_string() };
    let bytes = if path == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        fs::read(path)
    };
    let bytes = bytes.map_err(|error| CliError::input(format!("cannot read {name}: {error}")))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| CliError::input(format!("{name} is not UTF-8")).hint("save the query as UTF-8"))?;
    Query::parse(text.trim_start_matches('\u{feff}')).map_err(|error| {
        CliError::input(format!("{name}: {error}"))
            .hint("docs/guides/queries.md explains queries; tenure query --schema prints the whole language")
    })
}

/// What `tenure funnel` asks.
///
/// # Errors
/// What is no step, no window or no bound.
pub fn funnel(args: &args::Funnel) -> Result<Query, CliError> {
    let window: Duration = args.window.parse().map_err(|error| {
        CliError::input(format!("--window: {error}")).hint("give a duration such as 30d, 12h or 90m")
    })?;
    if window.as_micros() % 1_000_000 != 0 {
        return Err(CliError::input(format!("--window: {window} is no whole number of seconds")));
    }
    let mut query = json!({
        "kind": "funnel", "steps": args.steps, "order": args.order, "window_seconds": window.as_micros() / 1_000_000,
    });
    finish(&mut query, &args.range, args.by.as_deref())
}

/// What `tenure retention` asks.
///
/// # Errors
/// What is no name or no bound.
pub fn retention(args: &args::Retention) -> Result<Query, CliError> {
    let start = json!({"event": args.start});
    let returning = args.returning.as_ref().or(args.start.as_ref());
    let mut query =
        json!({"kind": "retention", "period": args.period, "start": start, "return": {"event": returning}});
    finish(&mut query, &args.range, args.by.as_deref())
}

/// What `tenure lifecycle` asks.
///
/// # Errors
/// What is no name or no bound.
pub fn lifecycle(args: &args::Lifecycle) -> Result<Query, CliError> {
    let mut query = json!({"kind": "lifecycle", "period": args.period, "activity": {"event": args.activity}});
    finish(&mut query, &args.range, args.by.as_deref())
}

fn finish(query: &mut Value, range: &args::Range, by: Option<&str>) -> Result<Query, CliError> {
    if let Value::Object(fields) = query {
        bound(fields, "from", range.from.as_deref());
        bound(fields, "to", range.to.as_deref());
        if let Some(property) = by {
            fields.insert("breakdown".into(), json!({"property": property}));
        }
    }
    Query::parse(&query.to_string()).map_err(|error| {
        CliError::input(error.to_string()).hint("tenure query takes everything that a query can say")
    })
}

/// A bound; a date alone is its midnight.
fn bound(fields: &mut Map<String, Value>, name: &str, text: Option<&str>) {
    if let Some(text) = text {
        let text =
            if text.len() == "2020-06-10".len() { format!("{text}T00:00:00") } else { text.to_owned() };
        fields.insert(name.into(), text.into());
    }
}

/// Warns of names that are no kind of fact but nearly one: they mean tracked facts, of which there may be none.
pub fn doubt(query: &Value, talk: Talk) {
    match query {
        Value::Array(parts) => {
            for part in parts {
                doubt(part, talk);
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                match (name.as_str(), value) {
                    ("event", Value::String(event)) => doubt_name(event, talk),
                    ("event", Value::Array(events)) => {
                        for event in events.iter().filter_map(Value::as_str) {
                            doubt_name(event, talk);
                        }
                    }
                    _ => doubt(value, talk),
                }
            }
        }
        _ => {}
    }
}

fn doubt_name(event: &str, talk: Talk) {
    let kinds = || Kind::ALL.iter().map(|kind| kind.name());
    if let Some(near) = nearest(event, kinds()).filter(|_| kinds().all(|kind| kind != event)) {
        warn(&fill(talk.words().no_such_kind, &[&event, &near]));
    }
}
