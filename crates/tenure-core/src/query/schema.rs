//! The JSON Schema of queries and of their answers, made from the very types that read and write them.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use super::breakdown::Breakdown;
use super::funnel::{Exclusion, FunnelAnswer, FunnelQuery, RawExclusion, RawStep, Step};
use super::lifecycle::{LifecycleAnswer, LifecycleQuery};
use super::paths::{PathsAnswer, PathsQuery};
use super::repurchase::{RepurchaseAnswer, RepurchaseQuery};
use super::retention::{RetentionAnswer, RetentionQuery};
use super::selector::{Filter, RawWhere, Selector, Where};
use super::stickiness::{StickinessAnswer, StickinessQuery};
use super::transitions::{TransitionsAnswer, TransitionsQuery};
use super::{Broken, Frame, Query, Version};
use crate::id::EventId;
use crate::money::MoneySum;
use crate::select::{Fields, Names};
use crate::time::{LocalTime, Timestamp, Zone};

macro_rules! schema {
    ($type:ty, $name:literal, $generator:pat => $schema:expr) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema($generator: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

schema!(Timestamp, "Timestamp", _ => json_schema!({"type": "string", "format": "date-time"}));
schema!(LocalTime, "LocalTime", _ => json_schema!({
    "type": "string",
    "description": "A local date-time without an offset, in the query's zone, such as 2020-06-10T06:00:00.",
}));
schema!(Zone, "Zone", _ => json_schema!({
    "type": "string", "description": "An IANA name, such as Asia/Shanghai.",
}));
schema!(EventId, "EventId", _ => json_schema!({"type": "string", "format": "uuid"}));
schema!(Version, "Version", _ => json_schema!({"const": 1}));
schema!(MoneySum, "MoneySum", _ => json_schema!({
    "type": "object",
    "properties": {
        "minor": {"type": "integer", "description": "Minor units of the currency."},
        "value": {"type": "string", "description": "The decimal, where the minor units exceed 64 bits."},
        "currency": {"type": "string", "description": "A code of ISO 4217."},
    },
    "required": ["currency"],
}));
schema!(Where, "Where", generator => RawWhere::json_schema(generator));
schema!(Filter, "Filter", generator => {
    let (filter, test) = (generator.subschema_for::<Filter>(), generator.subschema_for::<Where>());
    let list = json_schema!({"type": "array", "items": filter});
    json_schema!({
        "description": "What must hold of a fact before the query looks at it. A list holds if all of it holds.",
        "anyOf": [
            list,
            {"type": "object", "properties": {"all": list}, "required": ["all"], "additionalProperties": false},
            {"type": "object", "properties": {"any": list}, "required": ["any"], "additionalProperties": false},
            test,
        ],
    })
});
schema!(Selector, "Selector", generator => named::<Fields<Where>>(generator));
schema!(Step, "Step", generator => named::<RawStep>(generator));
schema!(Exclusion, "Exclusion", generator => named::<RawExclusion>(generator));

/// A table that may be written as a plain name.
fn named<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    let (table, names) = (T::json_schema(generator), generator.subschema_for::<Names>());
    let _ = names;
    json_schema!({
        "description": "Facts by name: a kind, or the name of a tracked fact. A plain name is short for a table with `event` alone.",
        "anyOf": [{"type": "string", "minLength": 1}, table],
    })
}

impl Query {
    /// The JSON Schema (draft 2020-12) of queries, and under `$defs/Answer` that of their answers.
    ///
    /// # Example
    /// ```
    /// use tenure_core::query::Query;
    /// let schema = Query::schema();
    /// assert!(schema.pointer("/$defs/Step").is_some());
    /// ```
    pub fn schema() -> Value {
        let mut generator = SchemaSettings::draft2020_12().into_generator();
        let frame = Frame::json_schema(&mut generator);
        let kinds = [
            (
                "funnel",
                FunnelQuery::json_schema(&mut generator),
                generator.subschema_for::<Broken<FunnelAnswer>>(),
            ),
            (
                "retention",
                RetentionQuery::json_schema(&mut generator),
                generator.subschema_for::<Broken<RetentionAnswer>>(),
            ),
            (
                "lifecycle",
                LifecycleQuery::json_schema(&mut generator),
                generator.subschema_for::<Broken<LifecycleAnswer>>(),
            ),
            (
                "paths",
                PathsQuery::json_schema(&mut generator),
                generator.subschema_for::<Broken<PathsAnswer>>(),
            ),
            (
                "stickiness",
                StickinessQuery::json_schema(&mut generator),
                generator.subschema_for::<Broken<StickinessAnswer>>(),
            ),
            (
                "repurchase",
                RepurchaseQuery::json_schema(&mut generator),
                generator.subschema_for::<Broken<RepurchaseAnswer>>(),
            ),
            (
                "transitions",
                TransitionsQuery::json_schema(&mut generator),
                generator.subschema_for::<TransitionsAnswer>(),
            ),
        ];
        let _ = generator.subschema_for::<Breakdown>();
        let mut definitions = generator.take_definitions(true);
        let (mut queries, mut answers) = (Vec::new(), Vec::new());
        for (kind, query, answer) in kinds {
            queries.push(with_frame(kind, frame.as_value(), query.to_value()));
            answers.push(answer.to_value());
        }
        definitions.insert("Answer".into(), serde_json::json!({"anyOf": answers}));
        serde_json::json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "A query of tenure",
            "oneOf": queries,
            "$defs": definitions,
        })
    }
}

/// The fields of a kind, its name, and the fields that all kinds share: what is in none of them is refused.
fn with_frame(kind: &str, frame: &Value, mut query: Value) -> Value {
    let shared = frame.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    if let Some(own) = query.get_mut("properties").and_then(Value::as_object_mut) {
        own.extend(shared);
        own.insert("kind".into(), serde_json::json!({"const": kind}));
    }
    if let Some(query) = query.as_object_mut() {
        let mut required = vec![Value::from("kind")];
        required.extend(query.get("required").and_then(Value::as_array).cloned().unwrap_or_default());
        query.insert("required".into(), required.into());
        query.insert("title".into(), kind.into());
    }
    query
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_a_query_is_in_its_schema_and_nothing_else_is_allowed() {
        let schema = Query::schema();
        let kinds = schema["oneOf"].as_array().unwrap();
        assert_eq!(kinds.len(), Query::KINDS.len());
        for kind in kinds {
            let name = kind["title"].as_str().unwrap();
            let text = match name {
                "funnel" => r#"{"kind": "funnel", "steps": ["a"]}"#.to_owned(),
                "paths" => r#"{"kind": "paths", "anchor": "a"}"#.to_owned(),
                "stickiness" => {
                    r#"{"kind": "stickiness", "from": "2020-01-01T00:00:00", "to": "2020-02-01T00:00:00"}"#
                        .into()
                }
                other => format!(r#"{{"kind": "{other}"}}"#),
            };
            let query = Query::parse(&text).unwrap().to_json();
            let of = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
            let (mut fields, mut known) = (of(&query), of(&kind["properties"]));
            fields.sort_unstable();
            known.sort_unstable();
            assert_eq!(fields, known, "{name}");
            assert_eq!(kind["additionalProperties"], false, "{name}");
        }
        let text = schema.to_string();
        for reference in text.split("\"$ref\":\"#/$defs/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(schema["$defs"].get(name).is_some(), "{name}");
        }
    }
}
