//! The ids of rows that have none of their own.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde_json::{Map, Value};
use tenure_core::{EventId, Timestamp, json};

use crate::csv::Cells;
use crate::mapping::sealed_property;

/// What the id of a row without one is made of, except the batch key.
///
/// It is a hash of the row as it stands in the file, before any mapping: the texts of its cells, or its JSON object
/// in canonical spelling, and how many equal rows came before it in the file. So a file read twice gives the same
/// ids, two equal purchases stay two, and the order of unequal rows plays no part. Where the mapping names `id_from`
/// columns, these cells alone are hashed, without the number: an equal second row is then a duplicate. A group of rows
/// (`group_by`) is hashed by the cells that its rows have in common.
///
/// Personal fields are left out, because an id stays after they are erased: attributes of `profile_updated`, the
/// value of `identity_linked`, free text (`why`, `reason`, `outcome`). Rows that differ in these only are told
/// apart by their number.
///
/// The id begins with the millisecond of the row's timestamp, its digits read as UTC where the mapping names the
/// zone; so a row with the same `id_from` cells and another time is another fact.
///
/// # Example
/// ```
/// use tenure_ingest::{Options, read_jsonl};
/// let line = br#"{"customer":"a","occurred_at":"2024-05-01T10:00:00Z","kind":"signed_up"}"#;
/// let rows = read_jsonl(line, &Options::default())?;
/// let fact = rows[0].fact().unwrap();
/// let digest = fact.digest.unwrap();
/// assert_eq!(digest.id_under("default"), fact.event.id()); // the batch key is the namespace unless one is given
/// assert_ne!(digest.id_under("another"), fact.event.id());
/// # Ok::<(), tenure_ingest::ReadError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowDigest {
    at: Timestamp,
    key: [u8; 32],
    /// How many equal rows came before; none with `id_from`.
    number: Option<u64>,
}

impl RowDigest {
    pub(crate) const fn new(at: Timestamp, key: &RowKey, number: Option<u64>) -> Self {
        Self { at, key: key.0, number }
    }

    /// The id of the row in an import under this batch key.
    pub fn id_under(&self, batch: &str) -> EventId {
        let mut hasher = blake3::Hasher::new_derive_key("tenure row id v1");
        part(&mut hasher, batch.as_bytes());
        hasher.update(&self.key);
        match self.number {
            Some(number) => hasher.update(&[1]).update(&number.to_le_bytes()),
            None => hasher.update(&[0]),
        };
        let mut hash = [0; 10];
        for (to, from) in hash.iter_mut().zip(hasher.finalize().as_bytes()) {
            *to = *from;
        }
        EventId::from_row(self.at, hash)
    }
}

/// The hash of a row, or of its `id_from` cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowKey([u8; 32]);

impl RowKey {
    /// Of all cells but the sealed ones, which leave a mark.
    pub(crate) fn of_cells(cells: &Cells, is_sealed: impl Fn(usize) -> bool) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("tenure csv cells v1");
        for (index, cell) in cells.iter().enumerate() {
            if is_sealed(index) {
                hasher.update(&u64::MAX.to_le_bytes());
            } else {
                part(&mut hasher, cell.as_bytes());
            }
        }
        Self(hasher.finalize().into())
    }

    /// Of the cells that make a group.
    pub(crate) fn of_group<'a>(cells: impl Iterator<Item = &'a str>) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("tenure group cells v1");
        for cell in cells {
            part(&mut hasher, cell.as_bytes());
        }
        Self(hasher.finalize().into())
    }

    /// Of a further fact of the record with this key.
    pub(crate) fn further(&self, index: usize) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("tenure further fact v1");
        hasher.update(&self.0).update(&(index as u64).to_le_bytes());
        Self(hasher.finalize().into())
    }

    /// Short, for tables in memory.
    pub(crate) fn short(&self) -> [u8; 16] {
        short(self.0)
    }

    /// Of the `id_from` cells.
    pub(crate) fn of_chosen<'a>(chosen: impl Iterator<Item = &'a str>) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("tenure id_from cells v1");
        for cell in chosen {
            part(&mut hasher, cell.as_bytes());
        }
        Self(hasher.finalize().into())
    }

    /// Of the object of a line, the values of sealed properties taken out.
    pub(crate) fn of_object(object: &Map<String, Value>) -> Self {
        let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
        let text = match object.get("data") {
            Some(Value::Object(data)) if data.keys().any(|name| sealed_property(kind, name)) => {
                let mut open = object.clone();
                if let Some(Value::Object(data)) = open.get_mut("data") {
                    for (name, value) in data.iter_mut() {
                        if sealed_property(kind, name) {
                            *value = Value::Null;
                        }
                    }
                }
                json::canonical_object(&open)
            }
            _ => json::canonical_object(object),
        };
        let mut hasher = blake3::Hasher::new_derive_key("tenure jsonl line v1");
        part(&mut hasher, text.as_bytes());
        Self(hasher.finalize().into())
    }
}

/// A hash of everything that a record says, to compare two with the same id. It is never stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Content([u8; 16]);

impl Content {
    pub(crate) fn of_cells(cells: &Cells) -> Self {
        Self(short(RowKey::of_cells(cells, |_| false).0))
    }

    pub(crate) fn of_text(text: &str) -> Self {
        Self(short(blake3::hash(text.as_bytes()).into()))
    }
}

/// Hashes a text with its length before it, so that no two lists of texts are one stream of bytes.
fn part(hasher: &mut blake3::Hasher, bytes: &[u8]) {
    hasher.update(&(bytes.len() as u64).to_le_bytes());
    hasher.update(bytes);
}

fn short(hash: [u8; 32]) -> [u8; 16] {
    let mut short = [0; 16];
    for (to, from) in short.iter_mut().zip(hash) {
        *to = from;
    }
    short
}

/// What a file has said so far: some dozens of bytes a row. It is asked by key only and never walked through, so the
/// order of a hash map cannot show.
#[derive(Default)]
pub(crate) struct Seen {
    /// How often each row came.
    numbers: HashMap<[u8; 16], u64>,
    /// What each id said first, and in which line.
    first: HashMap<Identity, (Content, u64)>,
}

/// What makes two records of a file the same one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Identity {
    Own(EventId),
    Chosen([u8; 16]),
}

impl Identity {
    pub(crate) fn chosen(key: &RowKey) -> Self {
        Self::Chosen(short(key.0))
    }
}

/// How a record stands to those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Earlier {
    /// None has its id.
    None,
    /// The one in this line says the same.
    Equal(u64),
    /// The one in this line says something else.
    Different(u64),
}

impl Seen {
    /// How many rows with this key came before; counts this one.
    pub(crate) fn number(&mut self, key: &RowKey) -> u64 {
        let count = self.numbers.entry(short(key.0)).or_default();
        let number = *count;
        *count = count.saturating_add(1);
        number
    }

    /// Compares with the first record of this identity; the first one is kept.
    pub(crate) fn earlier(&mut self, identity: Identity, content: Content, line: u64) -> Earlier {
        match self.first.entry(identity) {
            Entry::Vacant(entry) => {
                entry.insert((content, line));
                Earlier::None
            }
            Entry::Occupied(entry) => {
                let (first, at) = *entry.get();
                if first == content { Earlier::Equal(at) } else { Earlier::Different(at) }
            }
        }
    }
}

impl core::fmt::Debug for Seen {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Seen").field("rows", &self.numbers.len()).field("ids", &self.first.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn key(line: &str) -> RowKey {
        let Value::Object(object) = json::parse(line).unwrap() else { panic!("no object") };
        RowKey::of_object(&object)
    }

    #[test]
    fn where_one_cell_ends_is_part_of_the_hash() {
        let chosen = |cells: &[&'static str]| RowKey::of_chosen(cells.iter().copied()).0;
        assert_ne!(chosen(&["ab", "c"]), chosen(&["a", "bc"]));
        assert_ne!(chosen(&["a", ""]), chosen(&["a"]));
    }

    #[test]
    fn an_id_sorts_by_the_time_of_its_row_and_depends_on_batch_row_and_number() {
        let digest = |time, number| RowDigest::new(at(time), &key(r#"{"kind":"a"}"#), number);
        let one = digest("1997-01-01T00:00:00Z", Some(0));
        assert!(one.id_under("z") < digest("1997-01-01T00:00:01Z", Some(0)).id_under("a"));
        let ids = [
            one.id_under("a"),
            one.id_under("b"),
            digest("1997-01-01T00:00:00Z", Some(1)).id_under("a"),
            digest("1997-01-01T00:00:00Z", None).id_under("a"),
            RowDigest::new(at("1997-01-01T00:00:00Z"), &key(r#"{"kind":"b"}"#), Some(0)).id_under("a"),
        ];
        for (index, id) in ids.iter().enumerate() {
            assert!(!ids[..index].contains(id));
            assert_eq!(&id.to_string()[..18], "00c663bc-2800-8".to_owned() + &id.to_string()[15..18]);
        }
    }

    #[test]
    fn an_id_has_no_trace_of_personal_data() {
        let same = |a: &str, b: &str| key(a) == key(b);
        assert!(same(
            r#"{"kind":"profile_updated","data":{"name":"Ann"}}"#,
            r#"{"kind":"profile_updated","data":{"name":"Bea"}}"#
        ));
        assert!(!same(
            r#"{"kind":"profile_updated","data":{"name":"Ann"}}"#,
            r#"{"kind":"profile_updated","data":{"city":"Ann"}}"#
        ));
        assert!(same(
            r#"{"kind":"identity_linked","data":{"namespace":"email","value":"a@b.c"}}"#,
            r#"{"kind":"identity_linked","data":{"namespace":"email","value":"x@y.z"}}"#
        ));
        assert!(same(
            r#"{"kind":"churn_confirmed","data":{"reason":"a"}}"#,
            r#"{"kind":"churn_confirmed","data":{"reason":"b"}}"#
        ));
        assert!(!same(
            r#"{"kind":"tracked","data":{"page":"a"}}"#,
            r#"{"kind":"tracked","data":{"page":"b"}}"#
        ));
    }
}
