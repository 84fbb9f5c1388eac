//! Lines of interchange JSON.

use serde_json::{Map, Value};
use tenure_core::{Customer, Kind, Line, LineError, json};

use crate::error::RowError;
use crate::mapping::sealed_property;
use crate::row_id::{RowKey, Seen};
use crate::rows::{Draft, Told};

/// The object that a line holds; `number` is its place in the file.
pub(crate) fn object(bytes: &[u8], number: u64) -> Result<Map<String, Value>, RowError> {
    let text = core::str::from_utf8(bytes)
        .map_err(|error| RowError::Encoding { byte: (error.valid_up_to() as u64).saturating_add(1) })?;
    let value = json::parse(text).map_err(|mut error| {
        // The text was one line to the parser; to the reader of the message it stands in a file.
        error.line = usize::try_from(number).unwrap_or(usize::MAX);
        LineError::Json(error)
    })?;
    let Value::Object(object) = value else { return Err(LineError::Object.into()) };
    Ok(object)
}

/// Reads one line; `number` is its place in the file.
pub(crate) fn read(bytes: &[u8], number: u64, namespace: &str, seen: &mut Seen) -> Result<Draft, RowError> {
    let object = object(bytes, number)?;
    // A null is as an absent field, as the interchange form says.
    let told = if object.get("id").is_some_and(|id| !id.is_null()) {
        Told::Own
    } else {
        // Counted before the line is understood, so that a line keeps its number when an equal one is mended.
        let key = RowKey::of_object(&object);
        Told::Numbered { key, number: seen.number(&key) }
    };
    let line = Line::from_object(object, namespace)?;
    Ok(Draft { id_at: line.occurred_at, line, more: Vec::new(), told })
}

/// Whose personal data a line holds that is no fact.
pub(crate) fn owner(bytes: &[u8], namespace: &str) -> Option<Customer> {
    let object = object(bytes, 1).ok()?;
    let customer = Customer::parse(object.get("customer")?.as_str()?, namespace).ok()?;
    let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
    // Of a kind that nobody knows, anything may be.
    let unknown = Kind::named(kind).is_none();
    let personal = match object.get("data")? {
        Value::Object(data) => data.keys().any(|name| unknown || sealed_property(kind, name)),
        _ => true,
    };
    personal.then_some(customer)
}
