//! What the ids of a batch depend on, so that a later import under the same key can be held against it.

use serde::{Deserialize, Serialize};

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Format {
    /// One JSON object a line.
    Jsonl,
    /// Cells, read by a [`Mapping`](crate::Mapping).
    Csv,
    /// One message of the Segment specification a line.
    Segment,
}

impl Format {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Segment => "segment",
        }
    }
}

/// How the ids of a batch are made, besides the rows themselves and the batch key.
///
/// A store keeps one for each batch key. An import under the same key with another recipe would give rows that are
/// there already other ids, and so add them a second time; it is refused.
///
/// # Example
/// ```
/// use tenure_ingest::{Mapping, Recipe};
/// let first = Recipe::jsonl();
/// let then = Mapping::builtin("cdnow").unwrap().recipe();
/// assert_eq!(first.conflicts_with(&first), None);
/// let why = first.conflicts_with(&then).unwrap();
/// assert!(why.contains("the batch was imported with format jsonl, this import has csv"));
/// assert!(why.ends_with("void the batch, import under a new key"));
/// assert_eq!(Recipe::from_json(&then.to_json())?, then);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The form of the file.
    pub format: Format,
    /// The column, or field of a line, that the time is read from.
    pub time_column: String,
    /// How it is written there: `rfc3339`, `unix`, `unix_ms` or a pattern.
    pub time_format: String,
    /// The zone of its wall clock, where it has no offset: an IANA name.
    pub zone: Option<String>,
    /// The columns that tell rows apart; empty: all cells and the number among equal rows.
    pub id_from: Vec<String>,
    /// The columns whose equal rows make one fact; empty: each row is one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub group_by: Vec<String>,
}

impl Recipe {
    /// The recipe of every JSONL file.
    pub fn jsonl() -> Self {
        Self {
            format: Format::Jsonl,
            time_column: "occurred_at".into(),
            time_format: "rfc3339".into(),
            zone: None,
            id_from: Vec::new(),
            group_by: Vec::new(),
        }
    }

    /// The recipe of every file of Segment messages.
    pub fn segment() -> Self {
        Self { format: Format::Segment, time_column: "timestamp".into(), ..Self::jsonl() }
    }

    /// What differs between this recipe, which a batch was imported with, and that of a new import under the same
    /// key; none if the import may go on. Codes, columns and formats are compared exactly; the order of `id_from`
    /// counts.
    pub fn conflicts_with(&self, other: &Self) -> Option<String> {
        let zone = |recipe: &Self| recipe.zone.clone().unwrap_or_else(|| "none".into());
        let columns = |columns: &[String]| {
            let quoted: Vec<_> = columns.iter().map(|column| format!("\"{column}\"")).collect();
            if quoted.is_empty() { "none".into() } else { quoted.join(", ") }
        };
        let parts = [
            ("format", self.format.name().to_owned(), other.format.name().to_owned()),
            ("time column", format!("\"{}\"", self.time_column), format!("\"{}\"", other.time_column)),
            ("time format", format!("\"{}\"", self.time_format), format!("\"{}\"", other.time_format)),
            ("zone", zone(self), zone(other)),
            ("id_from", columns(&self.id_from), columns(&other.id_from)),
            ("group_by", columns(&self.group_by), columns(&other.group_by)),
        ];
        let differ: Vec<_> = parts
            .into_iter()
            .filter(|(_, was, is)| was != is)
            .map(|(name, was, is)| format!("the batch was imported with {name} {was}, this import has {is}"))
            .collect();
        if differ.is_empty() {
            return None;
        }
        Some(format!("{}; void the batch, import under a new key", differ.join("; ")))
    }

    /// The stable JSON text that a store keeps: the fields in the order of the type.
    pub fn to_json(&self) -> String {
        // A struct of texts is always written.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads what [`Self::to_json`] wrote.
    ///
    /// # Errors
    /// The message of `serde_json`: not JSON, or a field missing, unknown or of another type.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn csv() -> Recipe {
        Recipe {
            format: Format::Csv,
            time_column: "date".into(),
            time_format: "%Y-%m-%d".into(),
            zone: Some("UTC".into()),
            id_from: vec![],
            group_by: vec![],
        }
    }

    #[test]
    fn its_json_is_stable() {
        let text =
            r#"{"format":"csv","time_column":"date","time_format":"%Y-%m-%d","zone":"UTC","id_from":[]}"#;
        assert_eq!(csv().to_json(), text);
        assert_eq!(Recipe::from_json(text).unwrap(), csv());
        assert!(Recipe::from_json("{}").is_err());
    }

    #[test]
    fn every_part_that_differs_is_told() {
        type Change = fn(&mut Recipe);
        let changes: [(&str, Change); 6] = [
            ("format csv, this import has jsonl", |r| r.format = Format::Jsonl),
            ("time column \"date\", this import has \"day\"", |r| r.time_column = "day".into()),
            ("time format \"%Y-%m-%d\", this import has \"%d.%m.%Y\"", |r| r.time_format = "%d.%m.%Y".into()),
            ("zone UTC, this import has none", |r| r.zone = None),
            ("id_from none, this import has \"order\", \"row\"", |r| {
                r.id_from = vec!["order".into(), "row".into()];
            }),
            ("group_by none, this import has \"order\"", |r| r.group_by = vec!["order".into()]),
        ];
        for (part, change) in changes {
            let mut other = csv();
            change(&mut other);
            let why = csv().conflicts_with(&other).unwrap();
            assert!(why.contains(part), "{why}");
            assert_eq!(why.matches("the batch was imported with").count(), 1, "{why}");
        }
    }
}
