//! Conditions of rules: what must hold of a customer's history at an instant.

use core::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::event::Survey;
use crate::money::{Currency, Money};
use crate::near::did_you_mean;
use crate::select::{Leaf, Op, Selector};
use crate::time::Duration;

/// What must hold for a rule to fire.
///
/// In a policy it is one table whose first key says what it is:
///
/// | written | holds at `t` when |
/// |---|---|
/// | `{ count = SELECTOR, at_least = n }` or `less_than` | so many facts match in all history |
/// | `{ count = SELECTOR, within = "30d", at_least = n }` or `less_than` | so many with `t - 30d < at <= t` |
/// | `{ count = SELECTOR, since = "stage", at_least = n }` or `less_than` | so many strictly later than the entry into the current stage |
/// | `{ sum = SELECTOR, at_least = { value = "500.00", currency = "CNY" } }` or `less_than` | their net amount in that currency compares so |
/// | `{ age = "first", of = SELECTOR, at_least = "30d" }`, `"last"`, `less_than` | the time since the first or last one compares so; without one `or_never` (false) |
/// | `{ silence = SELECTOR, at_least = "30d" }` | the last one is so long ago; without one `or_never` (false) |
/// | `{ silence = SELECTOR, at_least = { cadence = 2, min = "45d", max = "120d" } }` | the last one is twice the customer's own cadence ago, at least 45 and at most 120 days |
/// | `{ in_stage_for = "90d" }` | the current stage was entered so long ago |
/// | `{ flag = "contract_active" }` | see [`Flag`] |
/// | `{ tag = "vip" }` | the customer has the tag |
/// | `{ attribute = { name = "tier", op = "eq", value = "A" } }` | the attribute's latest value passes the test of a [`Leaf`] |
/// | `{ score = { survey = "nps", at_most = 6 } }` | the latest answer is so low; false without one |
/// | `{ all = [...] }`, `{ any = [...] }`, `{ not = {...} }` | all, one, not |
///
/// `sum` is net: where the selector admits `order_placed`, refunds for which its leaves hold are subtracted; one that
/// names `order_refunded` alone counts refunds as positive amounts. Money of another currency is not counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawCondition", into = "RawCondition")]
#[non_exhaustive]
pub enum Condition {
    /// How many facts match.
    Count {
        /// Which facts.
        of: Selector,
        /// Where they are counted.
        scope: CountScope,
        /// With what the count compares.
        compare: Compare<u32>,
    },
    /// The net amount of the facts that match.
    Sum {
        /// Which facts.
        of: Selector,
        /// With what the sum compares.
        compare: Compare<Money>,
    },
    /// Time since the first or the last fact that matches.
    Age {
        /// Which one.
        which: Which,
        /// Which facts.
        of: Selector,
        /// With what the age compares.
        compare: Compare<Duration>,
        /// Whether it holds without such a fact.
        or_never: bool,
    },
    /// Nothing that matches for so long.
    Silence {
        /// Which facts.
        of: Selector,
        /// How long.
        at_least: Threshold,
        /// Whether it holds without such a fact.
        or_never: bool,
    },
    /// In the current stage for so long.
    InStageFor(Duration),
    /// Something that is on or off.
    Flag(Flag),
    /// The customer has a tag.
    Tag(Box<str>),
    /// A test of an attribute of the profile.
    Attribute(Leaf),
    /// The latest answer to a survey is at most this.
    Score {
        /// Which survey.
        survey: Survey,
        /// The highest score that counts.
        at_most: i64,
    },
    /// All of them.
    All(Vec<Condition>),
    /// At least one of them.
    Any(Vec<Condition>),
    /// Not so.
    Not(Box<Condition>),
}

/// Where facts are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CountScope {
    /// In all history.
    Ever,
    /// In a look-back window: `t - window < at <= t`.
    Within(Duration),
    /// Strictly later than the entry into the current stage.
    SinceStage,
}

/// How a quantity compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compare<T> {
    /// It is this or more.
    AtLeast(T),
    /// It is less.
    LessThan(T),
}

impl<T> Compare<T> {
    /// What it compares with.
    pub const fn bound(&self) -> &T {
        match self {
            Self::AtLeast(bound) | Self::LessThan(bound) => bound,
        }
    }

    /// Whether it asks for this or more.
    pub const fn is_at_least(&self) -> bool {
        matches!(self, Self::AtLeast(_))
    }
}

/// Which of the facts that match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// The earliest.
    First,
    /// The latest.
    Last,
}

/// How long silence must last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Threshold {
    /// So long.
    Fixed(Duration),
    /// So many times the customer's own cadence, within bounds.
    Cadence {
        /// How many times.
        times: Times,
        /// Not shorter than this.
        min: Duration,
        /// Not longer than this.
        max: Duration,
    },
}

/// A positive factor in thousandths, so that it is exact: 2, 1.5, 0.125.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Times(u32);

impl Times {
    /// This many thousandths; none for zero or above a million times.
    pub const fn from_thousandths(thousandths: u32) -> Option<Self> {
        if thousandths > 0 && thousandths <= 1_000_000_000 { Some(Self(thousandths)) } else { None }
    }

    /// The factor in thousandths.
    pub const fn as_thousandths(self) -> u32 {
        self.0
    }

    fn read(value: &Value) -> Option<Self> {
        // Through text: a float is only ever a spelling of a decimal here.
        let text = value.is_number().then(|| value.to_string())?;
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let fraction = fraction.trim_end_matches('0');
        let thousandths: u32 = format!("{fraction:0<3}").parse().ok().filter(|_| fraction.len() <= 3)?;
        Self::from_thousandths(whole.parse::<u32>().ok()?.checked_mul(1_000)?.checked_add(thousandths)?)
    }

    fn write(self) -> Value {
        if self.0.is_multiple_of(1_000) { json!(self.0 / 1_000) } else { json!(f64::from(self.0) / 1_000.0) }
    }
}

/// Something that is on or off, derived from its facts.
///
/// Written `contract_active`, `subscription_active`, `trial_active`, `ticket_open`, `complaint_open`,
/// `churn_confirmed` or `consented(purpose)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Flag {
    /// A contract runs: from its start (or its fact, if later) until its end, or until `contract_ended` of its name or
    /// of no name. From its own start on, the latest signing of a name decides.
    ContractActive,
    /// A subscription was started and has not ended. A cancelled one runs on until it has ended.
    SubscriptionActive,
    /// A trial runs: until its end, or until a subscription starts.
    TrialActive,
    /// A ticket was opened or reopened and is not resolved.
    TicketOpen,
    /// Such a ticket whose opening or reopening said that it is a complaint.
    ComplaintOpen,
    /// Churn was confirmed, and no order or start of a subscription came later.
    ChurnConfirmed,
    /// The latest word on consent for this purpose was yes.
    Consented(Box<str>),
}

impl Flag {
    /// Reads the spelling of a policy.
    pub fn named(text: &str) -> Option<Self> {
        Some(match text {
            "contract_active" => Self::ContractActive,
            "subscription_active" => Self::SubscriptionActive,
            "trial_active" => Self::TrialActive,
            "ticket_open" => Self::TicketOpen,
            "complaint_open" => Self::ComplaintOpen,
            "churn_confirmed" => Self::ChurnConfirmed,
            _ => {
                let purpose = text.strip_prefix("consented(")?.strip_suffix(')')?;
                Self::Consented((!purpose.is_empty()).then_some(purpose)?.into())
            }
        })
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ContractActive => "contract_active",
            Self::SubscriptionActive => "subscription_active",
            Self::TrialActive => "trial_active",
            Self::TicketOpen => "ticket_open",
            Self::ComplaintOpen => "complaint_open",
            Self::ChurnConfirmed => "churn_confirmed",
            Self::Consented(purpose) => return write!(f, "consented({purpose})"),
        })
    }
}

impl Condition {
    /// The conditions that it is made of directly; none if it is a single one.
    pub fn parts(&self) -> &[Self] {
        match self {
            Self::All(parts) | Self::Any(parts) => parts,
            Self::Not(part) => core::slice::from_ref(&**part),
            _ => &[],
        }
    }

    /// The single conditions in it, in the order written.
    pub fn leaves(&self) -> Vec<&Self> {
        let mut leaves = Vec::new();
        self.collect(&mut leaves);
        leaves
    }

    fn collect<'a>(&'a self, leaves: &mut Vec<&'a Self>) {
        match self {
            Self::All(_) | Self::Any(_) | Self::Not(_) => {
                self.parts().iter().for_each(|part| part.collect(leaves));
            }
            leaf => leaves.push(leaf),
        }
    }

    /// Which facts it looks at, where a selector says so.
    pub const fn selector(&self) -> Option<&Selector> {
        match self {
            Self::Count { of, .. }
            | Self::Sum { of, .. }
            | Self::Age { of, .. }
            | Self::Silence { of, .. } => Some(of),
            _ => None,
        }
    }
}

impl<T: fmt::Display> fmt::Display for Compare<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(bound) => write!(f, "at_least = {bound}"),
            Self::LessThan(bound) => write!(f, "less_than = {bound}"),
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(duration) => write!(f, "{duration}"),
            Self::Cadence { times, min, max } => {
                write!(f, "{{ cadence = {}, min = {min}, max = {max} }}", times.write())
            }
        }
    }
}

impl fmt::Display for Condition {
    /// One line, close to how a policy spells it and without quotes: `silence = order_placed, at_least = 30d`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_never = |f: &mut fmt::Formatter<'_>, yes: bool| {
            if yes { f.write_str(", or_never = true") } else { Ok(()) }
        };
        let list = |f: &mut fmt::Formatter<'_>, name: &str, parts: &[Self]| {
            write!(f, "{name} = [")?;
            for (index, part) in parts.iter().enumerate() {
                write!(f, "{}{{ {part} }}", if index == 0 { "" } else { ", " })?;
            }
            f.write_str("]")
        };
        match self {
            Self::Count { of, scope, compare } => {
                write!(f, "count = {of}, ")?;
                match scope {
                    CountScope::Ever => {}
                    CountScope::Within(window) => write!(f, "within = {window}, ")?,
                    CountScope::SinceStage => f.write_str("since = stage, ")?,
                }
                write!(f, "{compare}")
            }
            Self::Sum { of, compare } => write!(f, "sum = {of}, {compare}"),
            Self::Age { which, of, compare, or_never: never } => {
                let which = if *which == Which::First { "first" } else { "last" };
                write!(f, "age = {which}, of = {of}, {compare}")?;
                or_never(f, *never)
            }
            Self::Silence { of, at_least, or_never: never } => {
                write!(f, "silence = {of}, at_least = {at_least}")?;
                or_never(f, *never)
            }
            Self::InStageFor(duration) => write!(f, "in_stage_for = {duration}"),
            Self::Flag(flag) => write!(f, "flag = {flag}"),
            Self::Tag(tag) => write!(f, "tag = {tag}"),
            Self::Attribute(leaf) => write!(f, "attribute = {leaf}"),
            Self::Score { survey, at_most } => write!(f, "score = {}, at_most = {at_most}", survey.name()),
            Self::All(parts) => list(f, "all", parts),
            Self::Any(parts) => list(f, "any", parts),
            Self::Not(part) => write!(f, "not = {{ {part} }}"),
        }
    }
}

/// A condition as it is written: flat, so that a wrong one gets a message about what it is.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawCondition {
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<Selector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sum: Option<Selector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    age: Option<Which>,
    #[serde(skip_serializing_if = "Option::is_none")]
    silence: Option<Selector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_stage_for: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flag: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attribute: Option<RawAttribute>,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<RawScore>,
    #[serde(skip_serializing_if = "Option::is_none")]
    all: Option<Vec<Condition>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    any: Option<Vec<Condition>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not: Option<Box<Condition>>,
    // What goes with them.
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<Selector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    within: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_least: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    less_than: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    or_never: Option<bool>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAttribute {
    name: Box<str>,
    op: Op,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<Value>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScore {
    survey: Survey,
    at_most: i64,
}

const WHAT: &str = "count, sum, age, silence, in_stage_for, flag, tag, attribute, score, all, any, not";
const FLAGS: &str = "contract_active, subscription_active, trial_active, ticket_open, complaint_open, \
                     churn_confirmed, consented(purpose)";

impl RawCondition {
    /// The keys that are there: those that say what it is, and those that go with them.
    fn keys(&self) -> (Vec<&'static str>, Vec<&'static str>) {
        let pick = |all: &[(&'static str, bool)]| {
            all.iter().filter(|(_, there)| *there).map(|(key, _)| *key).collect()
        };
        let main = [
            ("count", self.count.is_some()),
            ("sum", self.sum.is_some()),
            ("age", self.age.is_some()),
            ("silence", self.silence.is_some()),
            ("in_stage_for", self.in_stage_for.is_some()),
            ("flag", self.flag.is_some()),
            ("tag", self.tag.is_some()),
            ("attribute", self.attribute.is_some()),
            ("score", self.score.is_some()),
            ("all", self.all.is_some()),
            ("any", self.any.is_some()),
            ("not", self.not.is_some()),
        ];
        let with = [
            ("of", self.of.is_some()),
            ("within", self.within.is_some()),
            ("since", self.since.is_some()),
            ("at_least", self.at_least.is_some()),
            ("less_than", self.less_than.is_some()),
            ("or_never", self.or_never.is_some()),
        ];
        (pick(&main), pick(&with))
    }

    fn compare<T>(
        &mut self,
        what: &str,
        read: impl Fn(&Value) -> Result<T, String>,
    ) -> Result<Compare<T>, String> {
        match (self.at_least.take(), self.less_than.take()) {
            (Some(bound), None) => read(&bound).map(Compare::AtLeast),
            (None, Some(bound)) => read(&bound).map(Compare::LessThan),
            _ => Err(format!("`{what}` needs one of `at_least` and `less_than`")),
        }
    }
}

pub(in crate::projection) fn read_count(value: &Value) -> Result<u32, String> {
    let count = value.as_u64().and_then(|count| u32::try_from(count).ok()).filter(|count| *count > 0);
    count.ok_or_else(|| format!("{value} is not a number of facts: write a whole number from 1"))
}

pub(in crate::projection) fn read_duration(value: &Value) -> Result<Duration, String> {
    let text =
        value.as_str().ok_or_else(|| format!("{value} is not a duration: write a text such as \"30d\""))?;
    text.parse().map_err(|error: crate::time::TimeError| error.to_string())
}

fn read_money(value: &Value) -> Result<Money, String> {
    let how = || {
        format!(
            "{value} is not an amount of money: write {{ value = \"500.00\", currency = \"CNY\" }} or give `minor` units"
        )
    };
    let table = value.as_object().filter(|table| table.len() == 2).ok_or_else(how)?;
    let currency = table.get("currency").and_then(Value::as_str).ok_or_else(how)?;
    let currency: Currency = currency.parse().map_err(|error: crate::money::MoneyError| error.to_string())?;
    match (table.get("minor"), table.get("value").and_then(Value::as_str)) {
        (Some(minor), _) => Ok(Money::from_minor(minor.as_i64().ok_or_else(how)?, currency)),
        (None, Some(text)) => Money::parse(text, currency).map_err(|error| error.to_string()),
        (None, None) => Err(how()),
    }
}

pub(in crate::projection) fn read_threshold(value: &Value) -> Result<Threshold, String> {
    let Value::Object(table) = value else { return read_duration(value).map(Threshold::Fixed) };
    let how = || {
        format!(
            "{value} is not a multiple of the cadence: write {{ cadence = 2, min = \"45d\", max = \"120d\" }}"
        )
    };
    match (table.get("cadence"), table.get("min"), table.get("max"), table.len()) {
        (Some(times), Some(min), Some(max), 3) => Ok(Threshold::Cadence {
            times: Times::read(times).ok_or_else(|| {
                format!("cadence = {times}: write a positive number with at most 3 decimals")
            })?,
            min: read_duration(min)?,
            max: read_duration(max)?,
        }),
        _ => Err(how()),
    }
}

pub(in crate::projection) fn write_threshold(threshold: Threshold) -> Value {
    match threshold {
        Threshold::Fixed(duration) => duration.to_string().into(),
        Threshold::Cadence { times, min, max } => {
            json!({"cadence": times.write(), "min": min.to_string(), "max": max.to_string()})
        }
    }
}

impl TryFrom<RawCondition> for Condition {
    type Error = String;

    fn try_from(mut raw: RawCondition) -> Result<Self, String> {
        let (main, with) = raw.keys();
        let [what] = *main else {
            return Err(if main.is_empty() {
                format!("a condition says what it is by one of {WHAT}")
            } else {
                format!("a condition is one of {}; join several by `all` or `any`", main.join(", "))
            });
        };
        let allowed: &[&str] = match what {
            "count" => &["within", "since", "at_least", "less_than"],
            "sum" => &["at_least", "less_than"],
            "age" => &["of", "at_least", "less_than", "or_never"],
            "silence" => &["at_least", "or_never"],
            _ => &[],
        };
        if let Some(stray) = with.iter().find(|key| !allowed.contains(key)) {
            return Err(if allowed.is_empty() {
                format!("`{stray}` does not go with `{what}`, which stands alone")
            } else {
                format!("`{stray}` does not go with `{what}`, only {}", allowed.join(", "))
            });
        }
        let or_never = raw.or_never.unwrap_or(false);
        if let Some(of) = raw.count.take() {
            let scope = match (raw.within, raw.since.take().as_deref()) {
                (None, None) => CountScope::Ever,
                (Some(window), None) => CountScope::Within(window),
                (None, Some("stage")) => CountScope::SinceStage,
                (None, Some(other)) => {
                    return Err(format!("since = \"{other}\": `count` knows only since = \"stage\""));
                }
                (Some(_), Some(_)) => return Err("`count` takes `within` or `since`, not both".into()),
            };
            return Ok(Self::Count { of, scope, compare: raw.compare(what, read_count)? });
        }
        if let Some(of) = raw.sum.take() {
            return Ok(Self::Sum { of, compare: raw.compare(what, read_money)? });
        }
        if let Some(which) = raw.age {
            let of = raw.of.take().ok_or("`age` needs `of`, a selector")?;
            return Ok(Self::Age { which, of, compare: raw.compare(what, read_duration)?, or_never });
        }
        if let Some(of) = raw.silence.take() {
            let at_least = raw.at_least.take().ok_or("`silence` needs `at_least`")?;
            return Ok(Self::Silence { of, at_least: read_threshold(&at_least)?, or_never });
        }
        if let Some(duration) = raw.in_stage_for {
            return Ok(Self::InStageFor(duration));
        }
        if let Some(name) = raw.flag {
            let flag = Flag::named(&name).ok_or_else(|| {
                let near = did_you_mean(&name, FLAGS.split(", "));
                format!("flag = \"{name}\": write one of {FLAGS}{near}")
            })?;
            return Ok(Self::Flag(flag));
        }
        if let Some(tag) = raw.tag {
            return if tag.is_empty() { Err("`tag` is empty".into()) } else { Ok(Self::Tag(tag)) };
        }
        if let Some(RawAttribute { name, op, value }) = raw.attribute {
            return Leaf::new(&name, op, value).map(Self::Attribute).map_err(|error| error.to_string());
        }
        if let Some(RawScore { survey, at_most }) = raw.score {
            return Ok(Self::Score { survey, at_most });
        }
        if let Some(part) = raw.not {
            return Ok(Self::Not(part));
        }
        match (raw.all, raw.any) {
            (Some(parts), _) if !parts.is_empty() => Ok(Self::All(parts)),
            (None, Some(parts)) if !parts.is_empty() => Ok(Self::Any(parts)),
            _ => Err(format!("`{what}` is an empty list")),
        }
    }
}

impl From<Condition> for RawCondition {
    fn from(condition: Condition) -> Self {
        fn compare<T>(raw: &mut RawCondition, compare: &Compare<T>, write: impl Fn(&T) -> Value) {
            match compare {
                Compare::AtLeast(bound) => raw.at_least = Some(write(bound)),
                Compare::LessThan(bound) => raw.less_than = Some(write(bound)),
            }
        }
        let mut raw = Self::default();
        match condition {
            Condition::Count { of, scope, compare: with } => {
                raw.count = Some(of);
                match scope {
                    CountScope::Ever => {}
                    CountScope::Within(window) => raw.within = Some(window),
                    CountScope::SinceStage => raw.since = Some("stage".into()),
                }
                compare(&mut raw, &with, |n| json!(n));
            }
            Condition::Sum { of, compare: with } => {
                raw.sum = Some(of);
                compare(&mut raw, &with, |m| json!({"minor": m.minor, "currency": m.currency.code()}));
            }
            Condition::Age { which, of, compare: with, or_never } => {
                raw.age = Some(which);
                raw.of = Some(of);
                raw.or_never = Some(or_never);
                compare(&mut raw, &with, |d| d.to_string().into());
            }
            Condition::Silence { of, at_least, or_never } => {
                raw.silence = Some(of);
                raw.or_never = Some(or_never);
                raw.at_least = Some(write_threshold(at_least));
            }
            Condition::InStageFor(duration) => raw.in_stage_for = Some(duration),
            Condition::Flag(flag) => raw.flag = Some(flag.to_string().into()),
            Condition::Tag(tag) => raw.tag = Some(tag),
            Condition::Attribute(leaf) => {
                raw.attribute =
                    Some(RawAttribute { name: leaf.property().into(), op: leaf.op(), value: leaf.value() });
            }
            Condition::Score { survey, at_most } => raw.score = Some(RawScore { survey, at_most }),
            Condition::All(parts) => raw.all = Some(parts),
            Condition::Any(parts) => raw.any = Some(parts),
            Condition::Not(part) => raw.not = Some(part),
        }
        raw
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct File {
        when: Condition,
    }

    fn read(text: &str) -> Result<Condition, String> {
        toml::from_str::<File>(&format!("when = {text}")).map(|file| file.when).map_err(|e| e.to_string())
    }

    #[test]
    fn every_condition_reads_from_toml_and_round_trips_through_json() {
        for (text, shown) in [
            (r#"{ count = "order_placed", at_least = 2 }"#, "count = order_placed, at_least = 2"),
            (
                r#"{ count = { event = ["b", "a"] }, within = "30d", less_than = 2 }"#,
                "count = a|b, within = 30d, less_than = 2",
            ),
            (r#"{ count = {}, since = "stage", at_least = 1 }"#, "count = any, since = stage, at_least = 1"),
            (
                r#"{ sum = "order_placed", at_least = { value = "5.5", currency = "CNY" } }"#,
                "sum = order_placed, at_least = 5.50 CNY",
            ),
            (
                r#"{ age = "first", of = "order_placed", less_than = "30d", or_never = true }"#,
                "age = first, of = order_placed, less_than = 30d, or_never = true",
            ),
            (r#"{ silence = "order_placed", at_least = "36h" }"#, "silence = order_placed, at_least = 36h"),
            (
                r#"{ silence = "x", at_least = { cadence = 1.5, min = "1w", max = "90d" } }"#,
                "silence = x, at_least = { cadence = 1.5, min = 7d, max = 90d }",
            ),
            (r#"{ in_stage_for = "90d" }"#, "in_stage_for = 90d"),
            (r#"{ flag = "consented(news)" }"#, "flag = consented(news)"),
            (r#"{ tag = "vip" }"#, "tag = vip"),
            (
                r#"{ attribute = { name = "tier", op = "in", value = ["A", 1] } }"#,
                r#"attribute = tier in ["A",1]"#,
            ),
            (r#"{ score = { survey = "nps", at_most = 6 } }"#, "score = nps, at_most = 6"),
            (
                r#"{ all = [{ not = { tag = "a" } }, { any = [{ flag = "ticket_open" }] }] }"#,
                "all = [{ not = { tag = a } }, { any = [{ flag = ticket_open }] }]",
            ),
        ] {
            let condition = read(text).unwrap();
            assert_eq!(condition.to_string(), shown);
            let written = serde_json::to_value(&condition).unwrap();
            assert_eq!(serde_json::from_value::<Condition>(written).unwrap(), condition, "{text}");
        }
    }

    #[test]
    fn a_wrong_condition_says_what_is_allowed() {
        for (text, why) in [
            ("{}", "one of count, sum"),
            (r#"{ tag = "a", flag = "ticket_open" }"#, "join several by `all` or `any`"),
            (r#"{ tag = "a", within = "3d" }"#, "`within` does not go with `tag`, which stands alone"),
            (
                r#"{ silence = "a", less_than = "3d" }"#,
                "`less_than` does not go with `silence`, only at_least",
            ),
            (r#"{ count = "a" }"#, "needs one of `at_least` and `less_than`"),
            (r#"{ count = "a", at_least = 1, less_than = 3 }"#, "needs one of"),
            (r#"{ count = "a", at_least = 0 }"#, "a whole number from 1"),
            (r#"{ count = "a", at_least = 1, since = "birth" }"#, "only since = \"stage\""),
            (r#"{ count = "a", at_least = 1, since = "stage", within = "3d" }"#, "not both"),
            (r#"{ sum = "a", at_least = 3 }"#, "currency = \"CNY\""),
            (r#"{ age = "first", at_least = "3d" }"#, "needs `of`"),
            (r#"{ age = "first", of = "a", at_least = 3 }"#, "such as \"30d\""),
            (r#"{ silence = "a", at_least = "1 month" }"#, "not a duration"),
            (r#"{ silence = "a", at_least = { cadence = 2, min = "3d" } }"#, "max = \"120d\""),
            (r#"{ silence = "a", at_least = { cadence = 0, min = "3d", max = "4d" } }"#, "positive number"),
            (r#"{ silence = "a", at_least = { cadence = 1.2345, min = "3d", max = "4d" } }"#, "3 decimals"),
            (r#"{ flag = "happy" }"#, "contract_active"),
            (r#"{ flag = "consented()" }"#, "consented(purpose)"),
            (r#"{ attribute = { name = "a", op = "in", value = 1 } }"#, "a list"),
            (r#"{ score = { survey = "nps" } }"#, "at_most"),
            ("{ all = [] }", "empty list"),
            (r#"{ cout = "a" }"#, "unknown field `cout`"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
