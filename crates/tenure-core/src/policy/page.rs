//! A page of TOML under construction: fields in the order in which people read them, with comments.

use core::fmt::Write as _;

use serde::Serialize;
use toml::Value;

use crate::projection::stage::Language;

/// A comment in both languages.
pub(super) type Note = [&'static str; 2];

/// A text under construction.
pub(super) struct Page {
    pub text: String,
    pub language: Language,
}

impl Page {
    pub(super) fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    pub(super) fn gap(&mut self) {
        self.text.push('\n');
    }

    pub(super) fn note(&mut self, [en, zh_cn]: Note) {
        let note = match self.language {
            Language::En => en,
            Language::ZhCn => zh_cn,
        };
        note.lines().for_each(|line| self.line(&format!("# {line}")));
    }

    pub(super) fn field(&mut self, name: &str, value: &impl Serialize) {
        // Plain data always has a TOML form.
        if let Ok(value) = Value::try_from(value) {
            let value = tidy(value);
            let shown = inline(&value, name == "when");
            // Formatting into a string cannot fail.
            let _ = writeln!(self.text, "{} = {shown}", key(name));
        }
    }

    /// A field that may be undecided: then an example stands in a comment.
    pub(super) fn optional(&mut self, name: &str, value: Option<&impl Serialize>, example: &str) {
        match value {
            Some(value) => self.field(name, value),
            None => self.line(&format!("# {name} = {example}")),
        }
    }

    /// The fields of a table.
    pub(super) fn fields(&mut self, table: &impl Serialize) {
        if let Ok(Value::Table(table)) = Value::try_from(table) {
            for (name, value) in in_order(&table) {
                self.field(name, value);
            }
        }
    }
}

/// Selectors in their shortest spelling: a name alone where nothing else is asked.
fn tidy(value: Value) -> Value {
    match value {
        Value::Array(values) => Value::Array(values.into_iter().map(tidy).collect()),
        Value::Table(table) => {
            let selector = table.len() == 2 && table.contains_key("event") && table.contains_key("where");
            let plain = table.get("where").and_then(Value::as_array).is_some_and(Vec::is_empty);
            match table.get("event") {
                Some(Value::String(name)) if selector && plain => Value::String(name.clone()),
                _ => Value::Table(table.into_iter().map(|(name, value)| (name, tidy(value))).collect()),
            }
        }
        other => other,
    }
}

fn key(name: &str) -> String {
    let bare =
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    if bare { name.into() } else { Value::String(name.into()).to_string() }
}

/// The order in which people read fields: what it is, what it is about, when it holds, what it says. Others follow by name.
const ORDER: [&str; 58] = [
    "name",
    "id",
    "code",
    "macro",
    "labels",
    "initial",
    "from",
    "to",
    "when",
    "because",
    "count",
    "sum",
    "age",
    "silence",
    "in_stage_for",
    "flag",
    "tag",
    "attribute",
    "score",
    "falling",
    "open",
    "latest",
    "until",
    "same_subject",
    "due",
    "lead",
    "all",
    "any",
    "not",
    "event",
    "where",
    "property",
    "survey",
    "op",
    "value",
    "currency",
    "of",
    "within",
    "since",
    "at_least",
    "less_than",
    "at_most",
    "among",
    "every",
    "or_never",
    "cadence",
    "min",
    "max",
    "points",
    "cap",
    "action",
    "medium",
    "high",
    "critical",
    "r",
    "f",
    "m",
    "fm",
];

fn in_order(table: &toml::Table) -> Vec<(&String, &Value)> {
    let mut fields: Vec<_> = table.iter().collect();
    fields.sort_by_key(|(name, _)| ORDER.iter().position(|known| known == name).unwrap_or(ORDER.len()));
    fields
}

/// A value in one line; the parts of an outermost `all` or `any` in lines of their own.
fn inline(value: &Value, outermost: bool) -> String {
    match value {
        Value::Array(values) => {
            let parts: Vec<String> = values.iter().map(|value| inline(value, false)).collect();
            format!("[{}]", parts.join(", "))
        }
        Value::Table(table) => {
            let field = |(name, value): (&String, &Value)| {
                let parts = value.as_array().filter(|parts| outermost && parts.len() > 1);
                let shown = match parts.filter(|_| matches!(name.as_str(), "all" | "any")) {
                    Some(parts) => {
                        let parts = parts.iter().map(|part| format!("\n    {},", inline(part, false)));
                        format!("[{}\n]", parts.collect::<String>())
                    }
                    None => inline(value, false),
                };
                format!("{} = {shown}", key(name))
            };
            let fields: Vec<String> = in_order(table).into_iter().map(field).collect();
            if fields.is_empty() { "{}".into() } else { format!("{{ {} }}", fields.join(", ")) }
        }
        other => other.to_string(),
    }
}
