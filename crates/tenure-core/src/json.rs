//! JSON with one spelling: strict reading, canonical writing.
//!
//! Two programs that read one line must read the same value, and equal values must be equal bytes. So duplicate
//! names, NUL characters, numbers that do not fit and deep nesting are refused, and what is written has sorted names
//! and no white space.

use core::fmt;

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::text::excerpt;

/// The deepest nesting of arrays and objects that is read.
pub const MAX_DEPTH: usize = 32;
/// The most names in one object.
pub const MAX_NAMES: usize = 1_000;
/// The longest text of one string in bytes.
pub const MAX_TEXT_BYTES: usize = 65_536;
/// The longest body of a fact in bytes, as canonical JSON: half of what one line of a file may have, so that the line
/// of a fact can be read again.
pub const MAX_BODY_BYTES: usize = 1 << 19;

/// Reads one JSON value strictly.
///
/// # Errors
/// [`JsonError`] with line and column: not JSON, a name twice in one object, nesting deeper than [`MAX_DEPTH`], more
/// than [`MAX_NAMES`] names, a string longer than [`MAX_TEXT_BYTES`], a NUL character, a lone surrogate, or a number
/// out of range: a whole one beyond 64 bits, a fraction beyond the 64-bit floats. A fraction is read as the nearest
/// 64-bit float; digits that must not change are written as text. Negative zero is read as zero.
///
/// # Example
/// ```
/// use tenure_core::json;
/// let value = json::parse(r#"{"b": 1, "a": [true]}"#)?;
/// assert_eq!(json::canonical(&value), r#"{"a":[true],"b":1}"#);
/// assert!(json::parse(r#"{"a": 1, "a": 2}"#).is_err());
/// # Ok::<(), json::JsonError>(())
/// ```
pub fn parse(text: &str) -> Result<Value, JsonError> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Strict { depth: 0 }.deserialize(&mut reader).map_err(|e| JsonError::new(&e))?;
    reader.end().map_err(|e| JsonError::new(&e))?;
    Ok(value)
}

/// Writes a value in its one canonical spelling: names sorted by their UTF-8 bytes, no white space.
///
/// # Laws
/// `parse(&canonical(v)) == Ok(v)` for every value that [`parse`] reads; equal values give equal bytes.
pub fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

/// Writes an object as [`canonical`] does.
pub fn canonical_object(map: &Map<String, Value>) -> String {
    let mut out = String::new();
    write_object(map, &mut out);
    out
}

/// Holds the body of a fact that a program made to what [`parse`] holds a line to, so that its line can be read again.
pub(crate) fn check_body(map: &Map<String, Value>) -> Result<(), Box<str>> {
    // The line around it is the first level.
    check_object(map, 2)
}

fn check_object(map: &Map<String, Value>, depth: usize) -> Result<(), Box<str>> {
    if map.len() > MAX_NAMES {
        return Err(TOO_MANY.into());
    }
    map.iter().try_for_each(|(name, value)| {
        check_text(name)?;
        check_value(value, depth)
    })
}

fn check_value(value: &Value, depth: usize) -> Result<(), Box<str>> {
    match value {
        Value::String(text) => check_text(text),
        Value::Array(_) | Value::Object(_) if depth == MAX_DEPTH => Err(TOO_DEEP.into()),
        Value::Array(items) => items.iter().try_for_each(|item| check_value(item, depth + 1)),
        Value::Object(map) => check_object(map, depth + 1),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

fn check_text(text: &str) -> Result<(), Box<str>> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(format!("a text of {} bytes, at most {MAX_TEXT_BYTES}", text.len()).into());
    }
    if text.contains('\0') {
        return Err("a text with a NUL character".into());
    }
    Ok(())
}

const TOO_DEEP: &str = "nested deeper than 32";
const TOO_MANY: &str = "more than 1000 names in one object";

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => write_object(map, out),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        leaf => out.push_str(&leaf.to_string()),
    }
}

fn write_object(map: &Map<String, Value>, out: &mut String) {
    // Sorted here and not by the map: another crate's feature may make it keep the order of insertion.
    let mut names: Vec<_> = map.iter().collect();
    names.sort_unstable_by_key(|(name, _)| name.as_bytes());
    out.push('{');
    for (index, (name, value)) in names.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push_str(&Value::from(name.as_str()).to_string());
        out.push(':');
        write(value, out);
    }
    out.push('}');
}

/// Why a text is not JSON as this library reads it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} (line {line}, column {column})")]
pub struct JsonError {
    /// What is wrong.
    pub message: Box<str>,
    /// Line, from 1.
    pub line: usize,
    /// Column in bytes, from 1.
    pub column: usize,
}

impl JsonError {
    fn new(error: &serde_json::Error) -> Self {
        let text = error.to_string();
        // The place is kept as numbers; serde_json repeats it in the text.
        let message = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message);
        Self { message: message.into(), line: error.line(), column: error.column() }
    }
}

/// Reads a value and checks on the way what `serde_json` lets through.
#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom(TOO_DEEP));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        // Whole numbers beyond 64 bits arrive here rounded; keeping them would lose digits silently.
        if value.fract() == 0.0 && value.abs() >= 9_007_199_254_740_992.0 {
            return Err(E::custom("a number that does not fit 64 bits; write it as text"));
        }
        // Zero has one sign: equal values are to be equal bytes.
        let value = if value == 0.0 { 0.0 } else { value };
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number out of range"))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        check_text(text).map_err(E::custom)?;
        Ok(text.into())
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Value, E> {
        check_text(&text).map_err(E::custom)?;
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let deeper = self.deeper()?;
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(deeper)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let deeper = self.deeper()?;
        let mut map = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            check_text(&name).map_err(de::Error::custom)?;
            if map.len() == MAX_NAMES {
                return Err(de::Error::custom(TOO_MANY));
            }
            if map.contains_key(&name) {
                return Err(de::Error::custom(format_args!(
                    "the name \"{}\" twice in one object",
                    excerpt(&name).escape_debug()
                )));
            }
            map.insert(name, access.next_value_seed(deeper)?);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_two_programs_could_read_differently_is_refused() {
        let deep = format!("{}1{}", "[".repeat(33), "]".repeat(33));
        for bad in [
            "",
            "{",
            r#"{"a":1,"a":1}"#,
            r#""\u0000""#,
            r#""\ud800""#,
            "1e400",
            "123456789012345678901",
            "NaN",
            "[1,]",
            "1 2",
            "\u{feff}1",
            deep.as_str(),
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
        assert!(parse(&format!("{}1{}", "[".repeat(32), "]".repeat(32))).is_ok());
    }

    #[test]
    fn an_error_names_line_and_column() {
        let error = parse("{\n \"a\": 1,\n \"a\": 2}").unwrap_err();
        assert_eq!((error.line, error.message.as_ref()), (3, "the name \"a\" twice in one object"));
    }

    #[test]
    fn zero_has_one_sign() {
        for zero in ["0.0", "-0", "-0.0", "-0e9", "1e-400", "-1e-400"] {
            assert_eq!(canonical(&parse(zero).unwrap()), "0.0", "{zero}");
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-1.0e6..1.0e6_f64).prop_map(Value::from),
            "[^\0]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("[^\0]{0,4}", inner, 0..5)
                    .prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn canonical_text_reads_back_as_itself(value in value()) {
            let text = canonical(&value);
            let read = parse(&text).unwrap();
            prop_assert_eq!(&read, &value);
            prop_assert_eq!(canonical(&read), text);
        }
    }
}
