//! Where a typed field stands on the wire: one small type per place, one rule per field type.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::Survey;
use super::wire::{FactError, Wire};
use crate::id::{Customer, EventId};
use crate::money::Money;
use crate::text::excerpt;

/// A type that can be read from the place `P` of a wire form.
pub(super) trait Slot<P>: Sized {
    fn take(wire: &Wire, name: &'static str) -> Result<Self, FactError>;
}

/// A text in `subject` or `actor`.
pub(super) trait Text: Sized {
    fn read(text: &str) -> Result<Self, String>;
    fn write(&self) -> String;
}

impl Text for String {
    fn read(text: &str) -> Result<Self, String> {
        if text.is_empty() { Err("it is empty".into()) } else { Ok(text.into()) }
    }

    fn write(&self) -> String {
        self.clone()
    }
}

impl Text for EventId {
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: crate::id::IdError| error.to_string())
    }

    fn write(&self) -> String {
        self.to_string()
    }
}

impl Text for Customer {
    fn read(text: &str) -> Result<Self, String> {
        Self::parse(text, "default").map_err(|error| error.to_string())
    }

    fn write(&self) -> String {
        self.to_string()
    }
}

impl Text for Survey {
    fn read(text: &str) -> Result<Self, String> {
        Self::named(text).ok_or_else(|| format!("\"{}\" is not one of nps, csat, ces", excerpt(text)))
    }

    fn write(&self) -> String {
        self.name().into()
    }
}

/// A value that may be absent, and how it is put into an optional place.
pub(super) trait Place<T> {
    fn place(&self) -> Option<T>;
}

impl<T: Text> Place<String> for T {
    fn place(&self) -> Option<String> {
        Some(self.write())
    }
}

impl<T: Text> Place<String> for Option<T> {
    fn place(&self) -> Option<String> {
        self.as_ref().map(Text::write)
    }
}

macro_rules! text_place {
    ($place:ident) => {
        #[expect(non_camel_case_types, reason = "named as the place is in the catalogue")]
        pub(super) struct $place;

        impl $place {
            pub(super) fn put(value: &impl Place<String>, wire: &mut Wire, _: &str) {
                wire.$place = value.place();
            }
        }

        impl<T: Text> Slot<$place> for T {
            fn take(wire: &Wire, _: &'static str) -> Result<Self, FactError> {
                let text = wire.$place.as_deref().ok_or_else(|| wire.missing(stringify!($place)))?;
                T::read(text).map_err(|why| wire.refuse(stringify!($place), &why))
            }
        }

        impl<T: Text> Slot<$place> for Option<T> {
            fn take(wire: &Wire, _: &'static str) -> Result<Self, FactError> {
                let read = |text| T::read(text).map_err(|why| wire.refuse(stringify!($place), &why));
                wire.$place.as_deref().map(read).transpose()
            }
        }
    };
}
text_place!(subject);
text_place!(actor);

/// The header field `amount`; always optional.
#[expect(non_camel_case_types, reason = "named as the place is in the catalogue")]
pub(super) struct amount;

impl amount {
    #[expect(clippy::ref_option, reason = "the catalogue puts every field by reference")]
    pub(super) fn put(value: &Option<Money>, wire: &mut Wire, _: &str) {
        wire.amount = *value;
    }
}

impl Slot<amount> for Option<Money> {
    fn take(wire: &Wire, _: &'static str) -> Result<Self, FactError> {
        Ok(wire.amount)
    }
}

/// The header field `number`; always required.
#[expect(non_camel_case_types, reason = "named as the place is in the catalogue")]
pub(super) struct number;

impl number {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the catalogue puts every field by reference")]
    pub(super) fn put(value: &i64, wire: &mut Wire, _: &str) {
        wire.number = Some(*value);
    }
}

impl Slot<number> for i64 {
    fn take(wire: &Wire, _: &'static str) -> Result<Self, FactError> {
        wire.number.ok_or_else(|| wire.missing("number"))
    }
}

/// One property of `data`, under the name of the field.
#[expect(non_camel_case_types, reason = "named as the place is in the catalogue")]
pub(super) struct data;

impl data {
    pub(super) fn put<T: Serialize>(value: &T, wire: &mut Wire, name: &str) {
        match serde_json::to_value(value) {
            // The absent values of optional types are not written.
            Ok(Value::Null) | Err(_) => drop(wire.data.remove(name)),
            Ok(Value::Array(items)) if items.is_empty() => drop(wire.data.remove(name)),
            Ok(value) => drop(wire.data.insert(name.into(), value)),
        }
    }
}

impl<T: DeserializeOwned + Absent> Slot<data> for T {
    fn take(wire: &Wire, name: &'static str) -> Result<Self, FactError> {
        match wire.data.get(name) {
            None | Some(Value::Null) => T::absent().ok_or_else(|| wire.missing(&format!("data.{name}"))),
            Some(value) => T::deserialize(value)
                .map_err(|error| wire.refuse_quoting(&format!("data.{name}"), &error.to_string())),
        }
    }
}

/// What an absent property reads as; none where the property is required.
pub(super) trait Absent: Sized {
    fn absent() -> Option<Self> {
        None
    }
}

impl<T> Absent for Option<T> {
    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<T> Absent for Vec<T> {
    fn absent() -> Option<Self> {
        Some(Self::new())
    }
}

impl Absent for bool {}
impl Absent for String {}
impl Absent for crate::time::Timestamp {}

/// One property of `data` that is false unless somebody says otherwise.
#[expect(non_camel_case_types, reason = "named as the place is in the catalogue")]
pub(super) struct flag;

impl flag {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the catalogue puts every field by reference")]
    pub(super) fn put(value: &bool, wire: &mut Wire, name: &str) {
        if *value {
            wire.data.insert(name.into(), Value::Bool(true));
        } else {
            wire.data.remove(name);
        }
    }
}

impl Slot<flag> for bool {
    fn take(wire: &Wire, name: &'static str) -> Result<Self, FactError> {
        match wire.data.get(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(value)) => Ok(*value),
            Some(_) => Err(wire.refuse(&format!("data.{name}"), "it is neither true nor false")),
        }
    }
}

/// The whole of `data`.
#[expect(non_camel_case_types, reason = "named as the place is in the catalogue")]
pub(super) struct all;

impl all {
    pub(super) fn put(value: &Map<String, Value>, wire: &mut Wire, _: &str) {
        wire.data.clone_from(value);
    }
}

impl Slot<all> for Map<String, Value> {
    fn take(wire: &Wire, _: &'static str) -> Result<Self, FactError> {
        Ok(wire.data.clone())
    }
}
