//! The wire form of a fact: the header fields that depend on the kind, and the body as a JSON object.

use serde_json::{Map, Value};

use super::Kind;
use crate::json;
use crate::money::Money;
use crate::privacy::{Masked, Privacy};
use crate::text::{cut, excerpt};

/// The most items of a list `data.tags`: one fact tells at most so many tags of a customer.
pub const MAX_TAGS: usize = 256;

/// The part of a fact that its kind decides, untyped: what a store keeps in columns and JSON, what an upcaster
/// changes, and what [`CustomerEvent`](super::CustomerEvent) is read from.
#[derive(Clone, PartialEq)]
pub struct Wire {
    /// Stable name of the kind.
    pub kind: Box<str>,
    /// Schema version of the body, from 1.
    pub schema: u16,
    /// What the fact is about.
    pub subject: Option<String>,
    /// The money in it.
    pub amount: Option<Money>,
    /// The number in it: a score, points, a quantity.
    pub number: Option<i64>,
    /// Who acted on our side.
    pub actor: Option<String>,
    /// Its properties.
    pub data: Map<String, Value>,
}

/// Personal data shows as `***`.
impl core::fmt::Debug for Wire {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Wire")
            .field("kind", &self.kind)
            .field("schema", &self.schema)
            .field("subject", &self.subject)
            .field("amount", &self.amount)
            .field("number", &self.number)
            .field("actor", &self.actor)
            .field("data", &Masked(self.known_kind().body_privacy(), &self.data))
            .finish()
    }
}

impl Wire {
    /// An empty form of a kind in its current schema.
    pub fn new(kind: Kind) -> Self {
        let schema = if kind == Kind::Foreign { 1 } else { kind.schema() };
        Self {
            kind: kind.name().into(),
            schema,
            subject: None,
            amount: None,
            number: None,
            actor: None,
            data: Map::new(),
        }
    }

    /// The kind, as far as this build knows it.
    pub fn known_kind(&self) -> Kind {
        Kind::named(&self.kind).unwrap_or(Kind::Foreign)
    }

    pub(super) fn missing(&self, field: &str) -> FactError {
        self.refuse(field, "it is missing")
    }

    /// A refusal that quotes what was given, unless that is personal data.
    pub(super) fn refuse_quoting(&self, field: &str, why: &str) -> FactError {
        match self.known_kind().body_privacy() {
            Privacy::Pii => self.refuse(field, "it is not of the type that it has to be"),
            _ => self.refuse(field, why),
        }
    }

    pub(super) fn refuse(&self, field: &str, why: &str) -> FactError {
        // A kind has 64 characters; what is no kind may be longer. What serde says quotes whole values.
        FactError::Field { kind: cut(&self.kind, 64), field: field.into(), why: cut(why, 160) }
    }

    /// Checks what holds for every kind: the shape of the kind's name, text lengths, no NUL, reserved names.
    pub(super) fn check(&self) -> Result<(), FactError> {
        let name_is_plain = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_');
        if self.kind.is_empty() || self.kind.len() > 64 || !self.kind.bytes().all(name_is_plain) {
            return Err(self.refuse("kind", "a kind is 1 to 64 of a-z 0-9 _"));
        }
        if self.schema == 0 {
            return Err(self.refuse("schema", "schema versions count from 1"));
        }
        let texts = [("subject", self.subject.as_deref()), ("actor", self.actor.as_deref())];
        for (field, text) in texts {
            check_text(text).map_err(|why| self.refuse(field, why))?;
        }
        json::check_body(&self.data).map_err(|why| self.refuse("data", &why))?;
        if let Some(name) = self.data.keys().find(|name| name.starts_with('$')) {
            let why = "names that begin with $ are reserved for sealed fields";
            return Err(self.refuse(&format!("data.{}", excerpt(name)), why));
        }
        if self.data.get("tags").and_then(Value::as_array).is_some_and(|tags| tags.len() > MAX_TAGS) {
            return Err(self.refuse("data.tags", "more than 256 tags"));
        }
        Ok(())
    }
}

/// Checks one header text.
pub(super) fn check_text(text: Option<&str>) -> Result<(), &'static str> {
    match text {
        Some("") => Err("it is empty; leave it out instead"),
        Some(text) if text.len() > json::MAX_TEXT_BYTES => Err("it is longer than 65536 bytes"),
        Some(text) if text.contains('\0') => Err("it holds a NUL character"),
        _ => Ok(()),
    }
}

/// Why something is not a fact.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FactError {
    /// A field is missing, of another type, or out of range. **What to do:** correct the field named.
    #[error("{kind}: field \"{field}\": {why}")]
    Field {
        /// The kind of fact.
        kind: Box<str>,
        /// The header field, or `data.` and the property.
        field: Box<str>,
        /// What is wrong.
        why: Box<str>,
    },
    /// Written by a later build. **What to do:** read it with a build that knows the schema named.
    #[error("{kind} has schema {schema}, this build reads up to {known}: use a newer build")]
    NewerSchema {
        /// The kind of fact.
        kind: Box<str>,
        /// The schema version needed.
        schema: u16,
        /// The newest schema version that this build knows.
        known: u16,
    },
    /// The body is not JSON as this library reads it.
    #[error("the body is not JSON")]
    Json(#[from] json::JsonError),
}

impl FactError {
    pub(super) fn field(kind: Kind, field: &str, why: &str) -> Self {
        Self::Field { kind: kind.name().into(), field: field.into(), why: why.into() }
    }
}
