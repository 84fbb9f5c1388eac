//! Which facts a query means: a test may ask about the fact, or about the customer as of the fact.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::select::{self, Leaf, Op, SelectError};

/// Which facts a query means: by name, and by tests of the fact or of the customer.
pub type Selector = select::Selector<Where>;

/// Of what a property is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Of the fact: its header, else its body.
    #[default]
    Fact,
    /// Of the customer's profile as of the fact: what `profile_updated` had said up to and with its instant.
    Customer,
}

/// One test of a property of the fact, or of the customer as of the fact.
///
/// # Example
/// ```
/// use tenure_core::query::{Scope, Where};
/// let pro: Where = serde_json::from_str(r#"{"property": "plan", "op": "eq", "value": "pro", "scope": "customer"}"#)?;
/// assert_eq!(pro.scope, Scope::Customer);
/// assert!(serde_json::from_str::<Where>(r#"{"property": "plan", "op": "eq"}"#).is_err()); // to what?
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawWhere", into = "RawWhere")]
pub struct Where {
    /// What is tested.
    pub leaf: Leaf,
    /// Of what it is a property.
    pub scope: Scope,
}

impl From<Leaf> for Where {
    fn from(leaf: Leaf) -> Self {
        Self { leaf, scope: Scope::Fact }
    }
}

impl fmt::Display for Where {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scope {
            Scope::Fact => write!(f, "{}", self.leaf),
            Scope::Customer => write!(f, "customer's {}", self.leaf),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RawWhere {
    property: Box<str>,
    op: Op,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<serde_json::Value>,
    #[serde(default)]
    scope: Scope,
}

impl TryFrom<RawWhere> for Where {
    type Error = SelectError;

    fn try_from(raw: RawWhere) -> Result<Self, SelectError> {
        Ok(Self { leaf: Leaf::new(&raw.property, raw.op, raw.value)?, scope: raw.scope })
    }
}

impl From<Where> for RawWhere {
    fn from(Where { leaf, scope }: Where) -> Self {
        Self { op: leaf.op(), value: leaf.value(), property: leaf.property().into(), scope }
    }
}

/// What must hold of a fact before a query looks at it: tests joined by *all* and *any*, nested at will.
///
/// Written as a list of tests that must all hold, or as `{"all": [...]}` or `{"any": [...]}`.
///
/// # Example
/// ```
/// use tenure_core::query::Filter;
/// let web_or_app: Filter = serde_json::from_str(
///     r#"{"any": [{"property": "channel", "op": "eq", "value": "web"}, {"property": "channel", "op": "eq", "value": "app"}]}"#,
/// )?;
/// assert_ne!(web_or_app, Filter::default()); // which lets everything through
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// All must hold; of none, everything passes.
    All(Vec<Filter>),
    /// At least one must hold; of none, nothing passes.
    Any(Vec<Filter>),
    /// One test.
    #[serde(untagged)]
    Leaf(Where),
}

impl Default for Filter {
    fn default() -> Self {
        Self::All(Vec::new())
    }
}

impl<'de> Deserialize<'de> for Filter {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Joined;

        impl<'de> serde::de::Visitor<'de> for Joined {
            type Value = Filter;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of tests, a test, {\"all\": [...]} or {\"any\": [...]}")
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, seq: A) -> Result<Filter, A::Error> {
                Vec::deserialize(serde::de::value::SeqAccessDeserializer::new(seq)).map(Filter::All)
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Filter, A::Error> {
                // A test, or a table of one field: told apart by the field, so that each is refused in its own words.
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                struct Fields {
                    all: Option<Vec<Filter>>,
                    any: Option<Vec<Filter>>,
                    property: Option<Box<str>>,
                    op: Option<Op>,
                    value: Option<serde_json::Value>,
                    scope: Option<Scope>,
                }
                use serde::de::Error as _;
                let fields = Fields::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                match fields {
                    Fields {
                        all: Some(all),
                        any: None,
                        property: None,
                        op: None,
                        value: None,
                        scope: None,
                    } => Ok(Filter::All(all)),
                    Fields {
                        any: Some(any),
                        all: None,
                        property: None,
                        op: None,
                        value: None,
                        scope: None,
                    } => Ok(Filter::Any(any)),
                    Fields { all: None, any: None, property: Some(property), op: Some(op), value, scope } => {
                        let leaf = Leaf::new(&property, op, value).map_err(A::Error::custom)?;
                        Ok(Filter::Leaf(Where { leaf, scope: scope.unwrap_or_default() }))
                    }
                    Fields { all: None, any: None, property: None, .. } => {
                        Err(A::Error::missing_field("property"))
                    }
                    Fields { all: None, any: None, op: None, .. } => Err(A::Error::missing_field("op")),
                    _ => Err(A::Error::custom("`all` and `any` stand alone: nest one in the other")),
                }
            }
        }

        deserializer.deserialize_any(Joined)
    }
}
