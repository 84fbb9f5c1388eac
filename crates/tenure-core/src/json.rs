//! JSON with one spelling: strict reading, canonical writing.
//!
//! Two programs that read one line must read the same value, and equal values must be equal bytes. So duplicate
//! names, NUL characters, numbers that do not fit and deep nesting are refused, and what is written has sorted names
//! and no white space.

use core::fmt;

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// The deepest nesting of arrays and objects that is read.
pub const MAX_DEPTH: usize = 32;
/// The most names in one object.
pub const MAX_NAMES: usize = 1_000;
/// The longest text of one string in bytes.
pub const MAX_TEXT_BYTES: usize = 65_536;
/// The longest body of a fact in bytes, as canonical JSON.
pub const MAX_BODY_BYTES: usize = 1 << 20;

/// Reads one JSON value strictly.
///
/// # Errors
/// [`JsonError`] with line and column: not JSON, a name twice in one object, nesting deeper than [`MAX_DEPTH`], more
/// than [`MAX_NAMES`] names, a string longer than [`MAX_TEXT_BYTES`], a NUL character, or a number that neither fits
/// 64 bits nor survives as a decimal fraction of 17 digits.
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
            return Err(E::custom(format_args!("nested deeper than {MAX_DEPTH}")));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

fn check_text<E: de::Error>(text: &str) -> Result<(), E> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(E::custom(format_args!("a text of {} bytes, at most {MAX_TEXT_BYTES}", text.len())));
    }
    if text.contains('\0') {
        return Err(E::custom("a text with a NUL character"));
    }
    Ok(())
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
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number out of range"))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        check_text(text)?;
        Ok(text.into())
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Value, E> {
        check_text(&text)?;
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
            check_text(&name)?;
            if map.len() == MAX_NAMES {
                return Err(de::Error::custom(format_args!("more than {MAX_NAMES} names in one object")));
            }
            if map.contains_key(&name) {
                return Err(de::Error::custom(format_args!(
                    "the name \"{}\" twice in one object",
                    name.escape_debug()
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
