//! The kind of a row's fact: one for all rows, or read from a cell.

use core::fmt;
use core::marker::PhantomData;
use std::collections::BTreeMap;

use serde::de::{self, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer};
use tenure_core::Kind;

use super::Column;
use crate::time_format::quoted;

/// The kind: one for all rows, or from a column.
#[derive(Clone, Debug)]
pub(crate) enum KindFrom {
    Value(KindName),
    Column { column: Column, words: Words },
}

/// What the cells of a column of kinds say. Without any words they are the names of kinds.
#[derive(Clone, Debug)]
pub(crate) struct Words {
    /// A whole cell.
    map: BTreeMap<String, KindName>,
    /// The beginning of a cell.
    prefix: BTreeMap<String, KindName>,
    /// All other cells, empty ones too.
    other: Option<KindName>,
}

impl Words {
    fn is_empty(&self) -> bool {
        self.map.is_empty() && self.prefix.is_empty() && self.other.is_none()
    }

    fn kinds(&self) -> impl Iterator<Item = &KindName> {
        self.map.values().chain(self.prefix.values()).chain(&self.other)
    }

    /// The kind that a cell stands for: the whole cell counts before its longest known beginning, and that before
    /// `other`.
    ///
    /// # Errors
    /// The words that are known, quoted.
    pub(crate) fn kind<'a>(&'a self, cell: &'a str) -> Result<&'a str, String> {
        if self.is_empty() && !cell.is_empty() {
            return Ok(cell);
        }
        let longest = || {
            let begins = self.prefix.iter().filter(|(prefix, _)| cell.starts_with(prefix.as_str()));
            begins.max_by_key(|(prefix, _)| prefix.len()).map(|(_, kind)| kind)
        };
        match self.map.get(cell).or_else(longest).or(self.other.as_ref()) {
            Some(kind) => Ok(&kind.0),
            None if cell.is_empty() => Err("it is empty".into()),
            None => {
                let whole = self.map.keys().map(|word| quoted(word));
                let words: Vec<_> =
                    whole.chain(self.prefix.keys().map(|word| quoted(word) + "...")).collect();
                Err(format!("{} is not one of {}", quoted(cell), words.join(", ")))
            }
        }
    }
}

impl KindFrom {
    /// Whether a possible kind is as `is` says. Without a list of words every kind is possible.
    pub(super) fn possible(&self, is: impl Fn(&str) -> bool) -> bool {
        match self {
            Self::Value(kind) => is(&kind.0),
            Self::Column { words, .. } if words.is_empty() => Kind::ALL.iter().any(|kind| is(kind.name())),
            Self::Column { words, .. } => words.kinds().any(|kind| is(&kind.0)),
        }
    }
}

impl<'de> Deserialize<'de> for KindFrom {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Raw {
            column: Column,
            #[serde(default)]
            map: BTreeMap<String, KindName>,
            #[serde(default)]
            prefix: BTreeMap<String, KindName>,
            other: Option<KindName>,
        }
        let from = TextOr::<KindName, Raw>(PhantomData, "the name of a kind or { column = \"...\" }");
        Ok(match deserializer.deserialize_any(from)? {
            Either::Text(kind) => Self::Value(kind),
            Either::Table(Raw { column, map, prefix, other }) => {
                Self::Column { column, words: Words { map, prefix, other } }
            }
        })
    }
}

enum Either<T, M> {
    Text(T),
    Table(M),
}

/// Reads a text as `T` or a table as `M`; unlike an untagged enum it keeps the message of the one that fits.
struct TextOr<T, M>(PhantomData<(T, M)>, &'static str);

impl<'de, T: TryFrom<String, Error = String>, M: Deserialize<'de>> Visitor<'de> for TextOr<T, M> {
    type Value = Either<T, M>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.1)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        T::try_from(text.to_owned()).map(Either::Text).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        M::deserialize(MapAccessDeserializer::new(map)).map(Either::Table)
    }
}

/// The name of a kind in its plain shape; it need not be in the catalogue.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct KindName(pub(crate) Box<str>);

impl TryFrom<String> for KindName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        let plain = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_');
        if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
            return Err(format!("{name:?} is not a kind: 1 to 64 of a-z 0-9 _, such as order_placed"));
        }
        Ok(Self(name.into()))
    }
}
