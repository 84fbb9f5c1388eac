//! Which rows are no facts, and why.

use serde::Deserialize;

use super::Column;
use super::amount::Digits;

/// Rows that match do not become facts; the summary of an import counts them under the reason.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "RawRule")]
pub(crate) struct Rule {
    pub(crate) reason: Box<str>,
    pub(crate) column: Column,
    condition: Condition,
    pub(crate) then: Then,
    /// Whether it is asked of a group as a whole, by the first cell of the column that is not empty.
    pub(crate) whole: bool,
}

/// What becomes of a row that matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Then {
    /// It is counted and dropped: there is nothing to mend.
    LeaveOut,
    /// It goes to the quarantine: somebody may mend it.
    Quarantine,
}

#[derive(Clone, Debug)]
enum Condition {
    Is(Is),
    OneOf(Vec<String>),
    Begins(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Is {
    Empty,
    Zero,
    Negative,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    reason: String,
    column: Column,
    is: Option<Is>,
    one_of: Option<Vec<String>>,
    begins: Option<String>,
    then: Then,
    #[serde(default)]
    whole: bool,
}

impl TryFrom<RawRule> for Rule {
    type Error = String;

    fn try_from(raw: RawRule) -> Result<Self, String> {
        let plain = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_');
        if raw.reason.is_empty() || raw.reason.len() > 64 || !raw.reason.bytes().all(plain) {
            return Err(format!(
                "{:?} is not a reason: 1 to 64 of a-z 0-9 _, such as missing_customer",
                raw.reason
            ));
        }
        let condition = match (raw.is, raw.one_of.clone(), raw.begins.clone()) {
            (Some(is), None, None) => Condition::Is(is),
            (None, Some(words), None) if !words.is_empty() => Condition::OneOf(words),
            (None, None, Some(begin)) if !begin.is_empty() => Condition::Begins(begin),
            _ => {
                return Err(
                    "write one of is = \"empty\" (or zero, negative), one_of = [...], begins = \"...\""
                        .into(),
                );
            }
        };
        let RawRule { reason, column, then, whole, .. } = raw;
        Ok(Self { reason: reason.into(), column, condition, then, whole })
    }
}

impl Rule {
    /// Whether the rule takes a cell of its column.
    pub(crate) fn matches(&self, cell: &str, digits: Digits) -> bool {
        match &self.condition {
            Condition::Is(Is::Empty) => cell.trim().is_empty(),
            Condition::OneOf(words) => words.iter().any(|word| word == cell),
            Condition::Begins(begin) => cell.starts_with(begin.as_str()),
            // What is no number is left to the field that the column is mapped to.
            Condition::Is(is) => digits.plain(cell).is_ok_and(|number| {
                let zero = number.bytes().all(|byte| matches!(byte, b'0' | b'.' | b'-'));
                if *is == Is::Zero { zero } else { !zero && number.starts_with('-') }
            }),
        }
    }

    /// What the rule found, for people.
    pub(crate) const fn found(&self) -> &'static str {
        match &self.condition {
            Condition::Is(Is::Empty) => "it is empty",
            Condition::Is(Is::Zero) => "it is zero",
            Condition::Is(Is::Negative) => "it is negative",
            Condition::OneOf(_) | Condition::Begins(_) => "it is one of those that the mapping leaves out",
        }
    }
}
