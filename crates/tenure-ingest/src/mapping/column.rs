//! A column of the file: its name in the mapping, its place in the header.

use serde::Deserialize;

use super::OneOrMore;
use crate::csv::Cells;

/// A column by its name, or several of which the first that is not empty counts.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "OneOrMore")]
pub(crate) struct Column {
    pub(crate) names: Vec<Box<str>>,
    /// Where they stand, once the header is known; those that are not there are left out.
    pub(crate) places: Vec<usize>,
    /// Whether a file without it is read all the same, as if every cell were empty.
    pub(crate) optional: bool,
}

impl TryFrom<OneOrMore> for Column {
    type Error = &'static str;

    fn try_from(names: OneOrMore) -> Result<Self, Self::Error> {
        let names = names.into_vec();
        if names.is_empty() || names.iter().any(String::is_empty) {
            return Err("the name of a column is not empty");
        }
        Ok(Self { names: names.into_iter().map(Into::into).collect(), places: Vec::new(), optional: false })
    }
}

impl Column {
    /// How messages name it: the first name.
    pub(crate) fn name(&self) -> &str {
        self.names.first().map_or("", |name| name)
    }

    /// All names.
    pub(crate) fn shown(&self) -> String {
        self.names.join(" | ")
    }

    pub(crate) fn is_named(&self, name: &str) -> bool {
        self.names.iter().any(|known| &**known == name)
    }

    /// The first cell of a record that is not empty; empty if there is none.
    pub(crate) fn cell<'a>(&self, cells: &'a Cells) -> &'a str {
        let mut found = self.places.iter().map(|place| cells.cell(*place));
        found.find(|cell| !cell.is_empty()).unwrap_or_default()
    }
}
