//! The interchange form: one JSON object a line.

use serde_json::{Map, Value};

use super::{Context, Event, FactError, Kind, RecordedView, Wire};
use crate::id::{Customer, EventId, IdError};
use crate::json::{self, JsonError};
use crate::money::{Currency, Money, MoneyError};
use crate::text::{cut, excerpt};
use crate::time::{TimeError, Timestamp};

/// The names that a line may have; the last three are a store's and are read only by those who ask for them.
const NAMES: &str = "id, customer, occurred_at, kind, schema, subject, amount, number, channel, actor, data, context, \
                     position, version, recorded_at";

/// One line of interchange JSON, read and checked, whose id may still be absent.
///
/// # Example
/// ```
/// use tenure_core::Line;
/// let line = Line::parse(
///     r#"{"customer":"cdnow:1001","occurred_at":"1997-01-12T00:00:00Z","kind":"order_placed",
///         "amount":{"value":"14.77","currency":"USD"}}"#,
///     "default",
/// )?;
/// assert!(line.id.is_none());
/// assert!(Line::parse(r#"{"customer":"a","occurred_at":"yesterday","kind":"signed_up"}"#, "default").is_err());
/// # Ok::<(), tenure_core::LineError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Identity, where the line gives one.
    pub id: Option<EventId>,
    /// The customer.
    pub customer: Customer,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// When it was learnt, where the line says so.
    pub recorded_at: Option<Timestamp>,
    /// Through which channel.
    pub channel: Option<String>,
    /// Where it came from.
    pub context: Context,
    /// What the kind decides.
    pub wire: Wire,
}

impl Line {
    /// Reads a line. A plain `customer` is of `namespace`.
    ///
    /// # Errors
    /// [`LineError`] naming the field.
    pub fn parse(text: &str, namespace: &str) -> Result<Self, LineError> {
        match json::parse(text)? {
            Value::Object(map) => Self::from_object(map, namespace),
            _ => Err(LineError::Object),
        }
    }

    /// Reads a line from its object, as [`Self::parse`] does.
    ///
    /// # Errors
    /// [`LineError`] naming the field.
    pub fn from_object(mut map: Map<String, Value>, namespace: &str) -> Result<Self, LineError> {
        let mut take = |name: &'static str| map.remove(name).filter(|value| !value.is_null());
        let required =
            |name: &'static str, value: Option<String>| value.ok_or(LineError::Missing { field: name });

        let id = text("id", take("id"))?.map(|text| text.parse()).transpose().map_err(id_error("id"))?;
        let customer = required("customer", text("customer", take("customer"))?)?;
        let customer = Customer::parse(&customer, namespace).map_err(id_error("customer"))?;
        let occurred_at = required("occurred_at", text("occurred_at", take("occurred_at"))?)?;
        let occurred_at = Timestamp::parse(&occurred_at).map_err(time_error("occurred_at"))?;
        let recorded_at = text("recorded_at", take("recorded_at"))?;
        let recorded_at =
            recorded_at.map(|t| Timestamp::parse(&t)).transpose().map_err(time_error("recorded_at"))?;
        let kind = required("kind", text("kind", take("kind"))?)?;
        let mut wire = Wire::new(Kind::named(&kind).unwrap_or(Kind::Foreign));
        wire.kind = kind.into();
        if let Some(schema) = integer("schema", take("schema"))? {
            wire.schema = u16::try_from(schema)
                .map_err(|_| LineError::Type { field: "schema", expected: "1 to 65535" })?;
        }
        wire.subject = text("subject", take("subject"))?;
        wire.amount = take("amount").map(money).transpose()?;
        wire.number = integer("number", take("number"))?;
        wire.actor = text("actor", take("actor"))?;
        wire.data = match take("data") {
            None => Map::new(),
            Some(Value::Object(data)) => data,
            Some(_) => return Err(LineError::Type { field: "data", expected: "an object" }),
        };
        let channel = text("channel", take("channel"))?;
        let context = match take("context") {
            None => Context::default(),
            // Only an object: serde would also take a list for a context, by the order of its fields.
            Some(value) if !value.is_object() => {
                return Err(LineError::Type { field: "context", expected: "an object" });
            }
            Some(value) => serde_json::from_value(value)
                .map_err(|error| LineError::Context { why: cut(&error.to_string(), 120) })?,
        };
        // A log's own columns are allowed, so that what `tenure log` prints can be read again.
        let _ = (take("position"), take("version"));
        match map.keys().next() {
            Some(name) => Err(LineError::Unknown { name: excerpt(name) }),
            None => Ok(Self { id, customer, occurred_at, recorded_at, channel, context, wire }),
        }
    }

    /// The checked fact under its own id, else under `id`.
    ///
    /// # Errors
    /// [`LineError::Fact`] naming the kind and the field.
    pub fn into_event(self, id: EventId) -> Result<Event, LineError> {
        let event = Event::from_wire(self.id.unwrap_or(id), self.customer, self.occurred_at, self.wire)?;
        let event = match self.channel {
            Some(channel) => event.with_channel(&channel)?,
            None => event,
        };
        Ok(event.with_context(self.context))
    }
}

impl RecordedView<'_> {
    /// The fact as a line of interchange JSON with position, version and `recorded_at`.
    ///
    /// # Laws
    /// [`Line::parse`] reads it back as the same fact.
    pub fn to_line(&self) -> String {
        let mut line = self.line_without_place();
        line.insert("position".into(), self.position.0.into());
        line.insert("version".into(), self.version.0.into());
        json::canonical_object(&line)
    }

    /// The same line without position and version, of a fact that no log has given a place yet.
    pub fn to_unplaced_line(&self) -> String {
        json::canonical_object(&self.line_without_place())
    }

    fn line_without_place(&self) -> Map<String, Value> {
        let Value::Object(mut line) = self.event.to_json() else { return Map::new() };
        line.insert("customer".into(), self.shown_customer().into());
        // What is shown is the fact brought to the current schema.
        let current = if self.event.kind == Kind::Foreign { self.schema } else { self.event.kind.schema() };
        line.insert("schema".into(), current.into());
        if let Ok(context @ Value::Object(_)) = serde_json::from_str(self.context) {
            line.insert("context".into(), context);
        }
        line.insert("recorded_at".into(), self.recorded_at.to_string().into());
        line
    }
}

fn text(field: &'static str, value: Option<Value>) -> Result<Option<String>, LineError> {
    match value {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(LineError::Type { field, expected: "a text" }),
    }
}

fn integer(field: &'static str, value: Option<Value>) -> Result<Option<i64>, LineError> {
    value
        .map(|value| value.as_i64().ok_or(LineError::Type { field, expected: "a whole number of 64 bits" }))
        .transpose()
}

fn id_error(field: &'static str) -> impl Fn(IdError) -> LineError {
    move |source| LineError::Id { field, source }
}

fn time_error(field: &'static str) -> impl Fn(TimeError) -> LineError {
    move |source| LineError::Time { field, source }
}

/// Reads `{"minor": 1477, "currency": "USD"}` or `{"value": "14.77", "currency": "USD"}`.
fn money(value: Value) -> Result<Money, LineError> {
    let wrong = LineError::Type {
        field: "amount",
        expected: "{\"minor\": whole number of 64 bits, \"currency\": code} or {\"value\": \"decimal text\", \"currency\": code}",
    };
    let Value::Object(mut map) = value else { return Err(wrong) };
    let Some(Value::String(code)) = map.remove("currency") else { return Err(wrong) };
    let currency: Currency = code.parse().map_err(LineError::Money)?;
    let amount = match (map.remove("minor"), map.remove("value")) {
        (Some(minor), None) => match minor.as_i64() {
            Some(minor) => Money::from_minor(minor, currency),
            None => return Err(wrong),
        },
        // A JSON number has been a float somewhere; only text says exactly what was meant.
        (None, Some(Value::String(decimal))) => Money::parse(&decimal, currency).map_err(LineError::Money)?,
        _ => return Err(wrong),
    };
    if map.is_empty() { Ok(amount) } else { Err(wrong) }
}

/// Why a line is not a fact. Nothing of the line was taken.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// Not JSON as this library reads it.
    #[error("not JSON: {0}")]
    Json(#[from] JsonError),
    /// JSON, but no object.
    #[error("a line is one JSON object")]
    Object,
    /// A required field is absent.
    #[error("field \"{field}\": it is missing")]
    Missing {
        /// The field.
        field: &'static str,
    },
    /// A field of another type.
    #[error("field \"{field}\": expected {expected}")]
    Type {
        /// The field.
        field: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// A name that no line has.
    #[error("unknown field \"{name}\"; a line has {NAMES}; anything else goes into data")]
    Unknown {
        /// The name, cut to forty characters.
        name: Box<str>,
    },
    /// An id that is none.
    #[error("field \"{field}\": {source}")]
    Id {
        /// The field.
        field: &'static str,
        /// Why.
        source: IdError,
    },
    /// A time that is none.
    #[error("field \"{field}\": {source}")]
    Time {
        /// The field.
        field: &'static str,
        /// Why.
        source: TimeError,
    },
    /// An amount that is none.
    #[error("field \"amount\": {0}")]
    Money(MoneyError),
    /// A context that is none.
    #[error("field \"context\": {why}")]
    Context {
        /// Why.
        why: Box<str>,
    },
    /// The fields are there, but they are no fact of that kind.
    #[error(transparent)]
    Fact(#[from] FactError),
}
