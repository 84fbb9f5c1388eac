//! Selectors: which facts somebody means, by name and by what they say.
//!
//! A [`Selector`] is a value of a policy or query; [`Selector::compile`] makes a [`Matcher`] of it, whose first test is
//! one bit, so a fact of a kind that nobody asked for costs next to nothing. The body is decoded only if a leaf asks
//! for a property of it.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::event::{By, EventView, Kind, KindSet};
use crate::time::Timestamp;

/// Which facts are meant: by name, and by leaves that must all hold.
///
/// A name is a kind of the catalogue, else the name of a `tracked` fact (its `subject`): where a tracked fact is named
/// like a kind, the name means the kind. Without names it is any fact that the catalogue marks as by the customer.
/// Facts of kinds that this build does not know match nothing.
///
/// Written as `{"event": name | [names] | null, "where": [leaf...]}`, or as a plain name.
///
/// # Example
/// ```
/// use tenure_core::select::Selector;
/// let web: Selector = serde_json::from_str(
///     r#"{"event": "order_placed", "where": [{"property": "channel", "op": "eq", "value": "web"}]}"#,
/// )?;
/// assert_eq!(web.names(), Some(&["order_placed".into()][..]));
/// assert!(serde_json::from_str::<Selector>(r#"{"event": []}"#).is_err()); // which facts?
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// Its leaves ask about the fact; those of a [query](crate::query) may ask about the customer as well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawSelector<L>", into = "RawSelector<L>")]
#[serde(bound(serialize = "L: Clone + Serialize", deserialize = "L: Deserialize<'de>"))]
pub struct Selector<L = Leaf> {
    /// Sorted, each once.
    names: Option<Vec<Box<str>>>,
    leaves: Vec<L>,
}

impl<L> Selector<L> {
    /// Any fact by the customer.
    pub const ANY: Self = Self { names: None, leaves: Vec::new() };

    /// Facts of these names for which all leaves hold; any fact by the customer without names.
    ///
    /// # Errors
    /// [`SelectError`] for an empty list of names or an empty name.
    pub fn new(names: Option<Vec<Box<str>>>, leaves: Vec<L>) -> Result<Self, SelectError> {
        let names = names.map(|mut names| {
            names.sort_unstable();
            names.dedup();
            names
        });
        match &names {
            Some(names) if names.is_empty() => Err(SelectError::NoName),
            Some(names) if names.iter().any(|name| name.is_empty()) => Err(SelectError::EmptyName),
            _ => Ok(Self { names, leaves }),
        }
    }

    /// All facts of one kind.
    pub fn kind(kind: Kind) -> Self {
        Self { names: Some(vec![kind.name().into()]), leaves: Vec::new() }
    }

    /// The names, sorted, each once; none for any fact by the customer.
    pub fn names(&self) -> Option<&[Box<str>]> {
        self.names.as_deref()
    }

    /// What must hold of a fact besides.
    pub fn leaves(&self) -> &[L] {
        &self.leaves
    }

    /// The same names with other leaves.
    #[must_use]
    pub fn with_leaves<M>(&self, leaves: Vec<M>) -> Selector<M> {
        Selector { names: self.names.clone(), leaves }
    }

    /// Whether facts of a kind can match, whatever they say.
    pub fn admits(&self, kind: Kind) -> bool {
        match &self.names {
            None => kind.by() == By::Customer,
            Some(names) => names.iter().any(|name| match Kind::named(name) {
                Some(meant) => meant == kind,
                None => kind == Kind::Tracked,
            }),
        }
    }
}

impl Selector {
    /// The selector made ready for many facts.
    pub fn compile(&self) -> Matcher {
        let mut kinds = KindSet::NONE;
        for kind in Kind::ALL {
            if self.admits(*kind) {
                kinds = kinds.with(*kind);
            }
        }
        let all_tracked = match &self.names {
            None => true,
            Some(names) => names.iter().any(|name| Kind::named(name) == Some(Kind::Tracked)),
        };
        let tracked = match &self.names {
            Some(names) if !all_tracked => {
                names.iter().filter(|name| Kind::named(name).is_none()).cloned().collect()
            }
            _ => Box::default(),
        };
        Matcher { kinds, all_tracked, tracked, leaves: self.leaves.clone().into() }
    }
}

impl<L: core::fmt::Display> core::fmt::Display for Selector<L> {
    /// Names and leaves in short: `order_placed`, `order_placed|lesson where channel eq "web"`.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match &self.names {
            None => f.write_str("any")?,
            Some(names) => f.write_str(&names.join("|"))?,
        }
        for (index, leaf) in self.leaves.iter().enumerate() {
            write!(f, " {} {leaf}", if index == 0 { "where" } else { "and" })?;
        }
        Ok(())
    }
}

/// Names as they are written: one, or a list.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub(crate) enum Names {
    One(Box<str>),
    Many(Vec<Box<str>>),
}

impl Names {
    /// One name where there is one, else a list.
    fn of(names: &[Box<str>]) -> Self {
        match names {
            [only] => Self::One(only.clone()),
            many => Self::Many(many.into()),
        }
    }

    fn into_list(self) -> Vec<Box<str>> {
        match self {
            Self::One(name) => vec![name],
            Self::Many(names) => names,
        }
    }
}

impl<L> Selector<L> {
    /// From the fields as they are written.
    pub(crate) fn of_fields(event: Option<Names>, leaves: Vec<L>) -> Result<Self, SelectError> {
        Self::new(event.map(Names::into_list), leaves)
    }

    /// The fields as they are written.
    pub(crate) fn into_fields(self) -> (Option<Names>, Vec<L>) {
        (self.names.as_deref().map(Names::of), self.leaves)
    }
}

/// Reads a table that may be written as a plain name. By hand, for an untagged enum would hide which field of the table
/// is wrong.
pub(crate) fn name_or_table<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + From<Names>,
{
    struct Either<T>(core::marker::PhantomData<T>);

    impl<'de, T: Deserialize<'de> + From<Names>> serde::de::Visitor<'de> for Either<T> {
        type Value = T;

        fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
            f.write_str("a name, or a table with `event` and `where`")
        }

        fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<T, E> {
            Ok(Names::One(name.into()).into())
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(serde::de::value::MapAccessDeserializer::new(map))
        }
    }

    deserializer.deserialize_any(Either(core::marker::PhantomData))
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[serde(bound(serialize = "L: Serialize", deserialize = "L: Deserialize<'de>"))]
pub(crate) struct Fields<L> {
    #[serde(default)]
    event: Option<Names>,
    #[serde(default = "Vec::<L>::new", rename = "where")]
    leaves: Vec<L>,
}

impl<L> From<Names> for Fields<L> {
    fn from(names: Names) -> Self {
        Self { event: Some(names), leaves: Vec::new() }
    }
}

/// A name, or a table of both fields.
#[derive(Serialize)]
#[serde(transparent, bound(serialize = "L: Serialize"))]
struct RawSelector<L>(Fields<L>);

impl<'de, L: Deserialize<'de>> Deserialize<'de> for RawSelector<L> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        name_or_table(deserializer).map(Self)
    }
}

impl<L> TryFrom<RawSelector<L>> for Selector<L> {
    type Error = SelectError;

    fn try_from(raw: RawSelector<L>) -> Result<Self, SelectError> {
        Self::of_fields(raw.0.event, raw.0.leaves)
    }
}

impl<L> From<Selector<L>> for RawSelector<L> {
    fn from(selector: Selector<L>) -> Self {
        let (event, leaves) = selector.into_fields();
        Self(Fields { event, leaves })
    }
}

/// One test of one property of a fact: of its header, or else of its body.
///
/// A missing property is false for every test but `ne`. `eq`, `ne` and `in` ask for the same JSON type and value, where
/// 1 and 1.0 are one number; `gt`, `ge`, `lt` and `le` compare numbers with a number and times with a time.
///
/// # Example
/// ```
/// use tenure_core::select::Leaf;
/// let leaf: Leaf = serde_json::from_str(r#"{"property": "seats", "op": "ge", "value": 10}"#)?;
/// assert_eq!(leaf.property(), "seats");
/// assert!(serde_json::from_str::<Leaf>(r#"{"property": "seats", "op": "ge"}"#).is_err()); // than what?
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawLeaf", into = "RawLeaf")]
pub struct Leaf {
    property: Box<str>,
    test: Test,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    Eq(Value),
    Ne(Value),
    In(Vec<Value>),
    ContainsCi { text: Box<str>, lower: Box<str> },
    IsSet,
    Than { op: Op, value: Value, bound: Bound },
}

/// What a comparison compares with.
#[derive(Clone, Debug, PartialEq)]
enum Bound {
    Number(serde_json::Number),
    Time(Timestamp),
}

/// A test of a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// Same JSON type and value.
    Eq,
    /// Not so, or missing.
    Ne,
    /// Equal to one of a list.
    In,
    /// A text that contains another, whatever the case of their letters.
    ContainsCi,
    /// There, whatever its value.
    IsSet,
    /// Greater, or later.
    Gt,
    /// Greater, later or equal.
    Ge,
    /// Less, or earlier.
    Lt,
    /// Less, earlier or equal.
    Le,
}

impl Op {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::In => "in",
            Self::ContainsCi => "contains_ci",
            Self::IsSet => "is_set",
            Self::Gt => "gt",
            Self::Ge => "ge",
            Self::Lt => "lt",
            Self::Le => "le",
        }
    }
}

impl Leaf {
    /// The test `op` of a property against a value; `is_set` takes none.
    ///
    /// # Errors
    /// [`SelectError`] for an empty property, or a value that does not suit the test.
    pub fn new(property: &str, op: Op, value: Option<Value>) -> Result<Self, SelectError> {
        let refuse = |why| SelectError::Leaf { property: property.into(), op: op.name(), why };
        if property.is_empty() {
            return Err(refuse("the property has no name"));
        }
        let test = match (op, value) {
            (Op::IsSet, None) => Test::IsSet,
            (Op::IsSet, Some(_)) => return Err(refuse("it takes no value")),
            (_, None) => return Err(refuse("it needs a value")),
            (Op::Eq | Op::Ne, Some(Value::Null)) => {
                return Err(refuse("null equals nothing; ask with is_set"));
            }
            (Op::Eq, Some(value)) => Test::Eq(value),
            (Op::Ne, Some(value)) => Test::Ne(value),
            (Op::In, Some(Value::Array(values))) => Test::In(values),
            (Op::In, Some(_)) => return Err(refuse("the value is a list")),
            (Op::ContainsCi, Some(Value::String(text))) => {
                Test::ContainsCi { lower: text.to_lowercase().into(), text: text.into() }
            }
            (Op::ContainsCi, Some(_)) => return Err(refuse("the value is a text")),
            (Op::Gt | Op::Ge | Op::Lt | Op::Le, Some(value)) => {
                let bound = match &value {
                    Value::Number(number) => Some(Bound::Number(number.clone())),
                    Value::String(text) => Timestamp::parse(text).ok().map(Bound::Time),
                    _ => None,
                };
                let bound =
                    bound.ok_or_else(|| refuse("the value is a number or a time as 2020-06-10T06:00:00Z"))?;
                Test::Than { op, value, bound }
            }
        };
        Ok(Self { property: property.into(), test })
    }

    /// The property that is tested.
    pub fn property(&self) -> &str {
        &self.property
    }

    /// Which test it is.
    pub const fn op(&self) -> Op {
        match &self.test {
            Test::Eq(_) => Op::Eq,
            Test::Ne(_) => Op::Ne,
            Test::In(_) => Op::In,
            Test::ContainsCi { .. } => Op::ContainsCi,
            Test::IsSet => Op::IsSet,
            Test::Than { op, .. } => *op,
        }
    }

    /// What it is tested against; none for `is_set`.
    pub fn value(&self) -> Option<Value> {
        match &self.test {
            Test::Eq(value) | Test::Ne(value) | Test::Than { value, .. } => Some(value.clone()),
            Test::In(values) => Some(values.clone().into()),
            Test::ContainsCi { text, .. } => Some(text.as_ref().into()),
            Test::IsSet => None,
        }
    }

    /// Whether it holds of a fact.
    pub fn holds(&self, fact: &EventView<'_>) -> bool {
        self.holds_in(fact, &mut None)
    }

    /// Whether it holds of a bare value; null and none are a missing one.
    pub fn holds_of(&self, value: Option<&Value>) -> bool {
        self.test.holds(&value.map_or(Seen::Missing, Seen::of))
    }

    fn holds_in(&self, fact: &EventView<'_>, body: &mut Option<Map<String, Value>>) -> bool {
        let text = |text: Option<&str>| self.test.holds(&text.map_or(Seen::Missing, Seen::Text));
        let number = |number: Option<i64>| {
            self.test.holds(&number.map_or(Seen::Missing, |number| Seen::Number(Cow::Owned(number.into()))))
        };
        // The header as `EventView::value` names it, without an allocation.
        match &*self.property {
            "kind" => text(Some(fact.kind_name)),
            "subject" => text(fact.subject),
            "channel" => text(fact.channel),
            "actor" => text(fact.actor),
            "number" => number(fact.number),
            "amount" => number(fact.amount.map(|money| money.minor)),
            "currency" => text(fact.amount.as_ref().map(|money| money.currency.code())),
            "occurred_at" => {
                self.test.holds(&fact.value("occurred_at").as_ref().map_or(Seen::Missing, Seen::of))
            }
            _ if fact.data.is_empty() => self.test.holds(&Seen::Missing),
            name => self.holds_of(body.get_or_insert_with(|| fact.properties()).get(name)),
        }
    }
}

impl core::fmt::Display for Leaf {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} {}", self.property, self.op().name())?;
        self.value().map_or(Ok(()), |value| write!(f, " {}", crate::json::canonical(&value)))
    }
}

/// A property as a fact shows it.
enum Seen<'a> {
    Missing,
    Text(&'a str),
    Number(Cow<'a, serde_json::Number>),
    Other(&'a Value),
}

impl<'a> Seen<'a> {
    fn of(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Missing,
            Value::String(text) => Self::Text(text),
            Value::Number(number) => Self::Number(Cow::Borrowed(number)),
            other => Self::Other(other),
        }
    }

    fn equals(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Text(seen), Value::String(text)) => seen == text,
            (Self::Number(seen), Value::Number(number)) => compare(seen, number) == Some(Ordering::Equal),
            (Self::Other(seen), value) => same(seen, value),
            _ => false,
        }
    }
}

impl Test {
    fn holds(&self, seen: &Seen<'_>) -> bool {
        if matches!(seen, Seen::Missing) {
            return matches!(self, Self::Ne(_));
        }
        match self {
            Self::Eq(value) => seen.equals(value),
            Self::Ne(value) => !seen.equals(value),
            Self::In(values) => values.iter().any(|value| seen.equals(value)),
            Self::ContainsCi { lower, .. } => {
                matches!(seen, Seen::Text(text) if text.to_lowercase().contains(&**lower))
            }
            Self::IsSet => true,
            Self::Than { op, bound, .. } => {
                let order = match (seen, bound) {
                    (Seen::Number(seen), Bound::Number(bound)) => compare(seen, bound),
                    (Seen::Text(text), Bound::Time(bound)) => {
                        Timestamp::parse(text).ok().map(|at| at.cmp(bound))
                    }
                    _ => None,
                };
                order.is_some_and(|order| match op {
                    Op::Gt => order.is_gt(),
                    Op::Ge => order.is_ge(),
                    Op::Lt => order.is_lt(),
                    _ => order.is_le(),
                })
            }
        }
    }
}

/// Two JSON values of the same type and value, where 1 and 1.0 are one number.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => compare(a, b) == Some(Ordering::Equal),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

/// Numbers by value; whole ones exactly.
fn compare(a: &serde_json::Number, b: &serde_json::Number) -> Option<Ordering> {
    let whole = |number: &serde_json::Number| {
        number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
    };
    match (whole(a), whole(b)) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLeaf {
    property: Box<str>,
    op: Op,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<Value>,
}

impl TryFrom<RawLeaf> for Leaf {
    type Error = SelectError;

    fn try_from(raw: RawLeaf) -> Result<Self, SelectError> {
        Self::new(&raw.property, raw.op, raw.value)
    }
}

impl From<Leaf> for RawLeaf {
    fn from(leaf: Leaf) -> Self {
        Self { op: leaf.op(), value: leaf.value(), property: leaf.property }
    }
}

/// A [`Selector`] ready for many facts.
#[derive(Clone, Debug, PartialEq)]
pub struct Matcher {
    kinds: KindSet,
    all_tracked: bool,
    tracked: Box<[Box<str>]>,
    leaves: Box<[Leaf]>,
}

impl Matcher {
    /// The kinds whose facts can match.
    pub const fn kinds(&self) -> KindSet {
        self.kinds
    }

    /// Whether every fact of a kind in [`Self::kinds`] matches, whatever it says.
    pub fn takes_all_of(&self, kind: Kind) -> bool {
        self.leaves.is_empty() && (kind != Kind::Tracked || self.all_tracked)
    }

    /// Whether a fact matches.
    #[inline]
    pub fn matches(&self, fact: &EventView<'_>) -> bool {
        self.kinds.contains(fact.kind) && self.named(fact) && self.leaves_hold(fact)
    }

    /// Whether all leaves hold of a fact, whatever its name.
    pub fn leaves_hold(&self, fact: &EventView<'_>) -> bool {
        let mut body = None;
        self.leaves.iter().all(|leaf| leaf.holds_in(fact, &mut body))
    }

    fn named(&self, fact: &EventView<'_>) -> bool {
        fact.kind != Kind::Tracked
            || self.all_tracked
            || fact.subject.is_some_and(|name| self.tracked.iter().any(|tracked| **tracked == *name))
    }
}

/// Why something is not a selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SelectError {
    /// An empty list of names. **What to do:** leave `event` out to mean any fact by the customer.
    #[error(
        "`event` is an empty list: name a kind or a tracked event, or leave it out for any fact by the customer"
    )]
    NoName,
    /// A name without letters.
    #[error("`event` holds an empty name")]
    EmptyName,
    /// A leaf whose value does not suit its test.
    #[error("the test \"{op}\" of property \"{property}\": {why}")]
    Leaf {
        /// The property.
        property: Box<str>,
        /// The test.
        op: &'static str,
        /// What is wrong.
        why: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Customer, CustomerEvent, Event, EventId};
    use serde_json::json;

    fn tracked(name: &str, properties: Value) -> Event {
        let Value::Object(properties) = properties else { panic!("an object") };
        Event::new(
            EventId::from_foreign("test", name),
            Customer::parse("1", "test").unwrap(),
            Timestamp::MIN,
            CustomerEvent::Tracked { name: name.into(), properties },
        )
        .unwrap()
        .with_channel("Web")
        .unwrap()
    }

    fn leaf(property: &str, op: &str, value: impl Into<Value>) -> Leaf {
        let value: Value = value.into();
        serde_json::from_value(json!({"property": property, "op": op, "value": value})).unwrap()
    }

    #[test]
    fn a_missing_property_is_false_for_all_tests_but_ne() {
        let fact = tracked("lesson", json!({"gone": null}));
        for property in ["none", "gone", "actor", "number", "amount", "currency"] {
            assert!(leaf(property, "ne", json!(1)).holds(&fact.view()), "{property}");
            let others =
                [("eq", json!(1)), ("in", json!([1])), ("gt", json!(1)), ("contains_ci", json!("1"))];
            for (op, value) in others {
                assert!(!leaf(property, op, value).holds(&fact.view()), "{property} {op}");
            }
            assert!(!Leaf::new(property, Op::IsSet, None).unwrap().holds(&fact.view()), "{property}");
        }
    }

    #[test]
    fn equality_asks_for_type_and_value() {
        let fact = tracked("lesson", json!({"n": 1, "text": "1", "list": [1, {"a": 2.0}], "ok": true}));
        for (property, value, expected) in [
            ("n", json!(1), true),
            ("n", json!(1.0), true),
            ("n", json!("1"), false),
            ("n", json!(true), false),
            ("text", json!("1"), true),
            ("text", json!(1), false),
            ("list", json!([1.0, {"a": 2}]), true),
            ("list", json!([1]), false),
            ("ok", json!(true), true),
            ("channel", json!("Web"), true),
            ("channel", json!("web"), false),
            ("kind", json!("tracked"), true),
            ("subject", json!("lesson"), true),
        ] {
            let view = fact.view();
            assert_eq!(leaf(property, "eq", value.clone()).holds(&view), expected, "{property} {value}");
            assert_eq!(leaf(property, "ne", value.clone()).holds(&view), !expected, "{property} {value}");
            assert_eq!(leaf(property, "in", json!([0, value])).holds(&view), expected, "{property}");
        }
    }

    #[test]
    fn comparisons_are_of_numbers_and_of_times() {
        let fact =
            tracked("lesson", json!({"n": 9_007_199_254_740_993_i64, "at": "2020-01-01T08:00:00+08:00"}));
        let view = fact.view();
        assert!(leaf("n", "gt", json!(9_007_199_254_740_992_i64)).holds(&view), "whole numbers are exact");
        assert!(leaf("n", "le", json!(1e16)).holds(&view));
        assert!(leaf("at", "ge", json!("2020-01-01T00:00:00Z")).holds(&view));
        assert!(!leaf("at", "lt", json!("2020-01-01T00:00:00Z")).holds(&view));
        assert!(!leaf("at", "lt", json!(5)).holds(&view), "a time is no number");
        assert!(leaf("occurred_at", "le", json!("1970-01-01T00:00:00Z")).holds(&view));
        assert!(leaf("channel", "contains_ci", json!("EB")).holds(&view));
    }

    #[test]
    fn names_mean_kinds_first_and_tracked_facts_else() {
        let matcher = |spec: Value| serde_json::from_value::<Selector>(spec).unwrap().compile();
        let (lesson, order) = (tracked("lesson", json!({})), tracked("order_placed", json!({})));
        assert!(matcher(json!("lesson")).matches(&lesson.view()));
        assert!(!matcher(json!("lesson")).matches(&order.view()));
        assert!(!matcher(json!("order_placed")).matches(&order.view()), "the kind is meant");
        assert!(matcher(json!({"event": ["tracked", "x"]})).matches(&order.view()));
        assert!(matcher(json!({"event": null})).matches(&lesson.view()), "by the customer");
        assert!(!Selector::ANY.compile().kinds().contains(Kind::MessageSent), "by us");
        assert!(!Selector::ANY.compile().kinds().contains(Kind::Foreign), "unknown");
        let with_leaf = json!({"event": "lesson", "where": [{"property": "n", "op": "is_set"}]});
        assert!(!matcher(with_leaf).matches(&lesson.view()));
    }

    #[test]
    fn what_is_no_selector_is_refused_with_its_reason() {
        for (bad, why) in [
            (json!({"event": []}), "empty list"),
            (json!(""), "empty name"),
            (json!({"events": "x"}), "unknown field `events`"),
            (json!({"where": [{"property": "", "op": "is_set"}]}), "no name"),
            (json!({"where": [{"property": "a", "op": "is_set", "value": 1}]}), "takes no value"),
            (json!({"where": [{"property": "a", "op": "in", "value": 1}]}), "a list"),
            (json!({"where": [{"property": "a", "op": "gt", "value": "soon"}]}), "a number or a time"),
            (json!({"where": [{"property": "a", "op": "eq", "value": null}]}), "needs a value"),
            (json!({"where": [{"property": "a", "op": "eq", "value": 1, "scope": "customer"}]}), "scope"),
        ] {
            let error = serde_json::from_value::<Selector>(bad.clone()).unwrap_err().to_string();
            assert!(error.contains(why), "{bad}: {error}");
        }
    }

    #[test]
    fn a_selector_is_written_as_it_is_read() {
        let leaves = json!([{"property": "n", "op": "gt", "value": 1}, {"property": "n", "op": "is_set"}]);
        for (given, written) in [
            (json!("a"), json!({"event": "a", "where": []})),
            (json!({"event": ["b", "a", "b"]}), json!({"event": ["a", "b"], "where": []})),
            (json!({"where": leaves}), json!({"event": null, "where": leaves})),
        ] {
            let selector: Selector = serde_json::from_value(given).unwrap();
            assert_eq!(serde_json::to_value(&selector).unwrap(), written);
            assert_eq!(serde_json::from_value::<Selector>(written).unwrap(), selector);
        }
    }
}
