//! By what an answer is broken down, and what is counted.

use serde::{Deserialize, Serialize};

use super::QueryError;

/// By what an answer is broken down: one answer for each value.
///
/// A missing value and null are `""`; 0 is `"0"`, which is not missing. A text stands as it is, anything else as its
/// JSON text.
///
/// # Example
/// ```
/// use tenure_core::query::{Attribution, Breakdown};
/// let by: Breakdown = serde_json::from_str(r#"{"property": "channel"}"#)?;
/// assert_eq!(by.attribution, Attribution::FirstTouch);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Breakdown {
    /// The property, or the tag; none for the scopes that have one value alone.
    #[serde(default)]
    pub property: Option<Box<str>>,
    /// Of what it is.
    #[serde(default)]
    pub scope: BreakdownScope,
    /// Whose value counts, where there are several.
    #[serde(default)]
    pub attribution: Attribution,
    /// The step whose fact gives the value, from 0; for the attribution `step` alone.
    #[serde(default)]
    pub step: Option<usize>,
}

/// Of what the values of a breakdown are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakdownScope {
    /// A property of the fact: header, else body.
    #[default]
    Fact,
    /// An attribute of the profile as of the fact.
    Customer,
    /// Whether the customer has the tag `property` as of the fact: `"true"` or `""`.
    Tag,
    /// The owner as of the fact.
    Owner,
    /// The lifecycle stage as of the fact, by the policy.
    Stage,
    /// The RFM segment as of the fact, by the policy and the edges given.
    Segment,
}

/// Whose value counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attribution {
    /// The first value that is not null on the customer's matching facts in range.
    #[default]
    FirstTouch,
    /// The last one.
    LastTouch,
    /// That of the fact which filled a step.
    Step,
    /// Each value has a separate answer, of the facts with that value alone.
    AllEvents,
}

/// What is counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CountBy {
    /// Customers.
    #[default]
    Customer,
    /// Distinct values of a property, whoever the customers are: the facts of one value are one history. Facts without
    /// it are left out.
    Property(Box<str>),
    /// Customers, whose facts must agree in a property through all steps. Facts without it are left out.
    CustomerAnd(Box<str>),
}

/// Whether a kind of query that has no steps can be broken down and counted so.
pub(super) fn check_without_steps(
    breakdown: Option<&Breakdown>,
    count_by: &CountBy,
) -> Result<(), QueryError> {
    if let CountBy::CustomerAnd(property) = count_by {
        let why = format!(
            "\"{property}\": it is for funnels alone, whose steps must agree; write {{\"property\": ...}}"
        );
        return Err(QueryError::new("count_by.customer_and", why));
    }
    let Some(by) = breakdown else { return Ok(()) };
    if by.attribution == Attribution::Step {
        let why = "step: it is for funnels alone; write first_touch, last_touch or all_events";
        return Err(QueryError::new("breakdown.attribution", why));
    }
    if let Some(step) = by.step {
        return Err(QueryError::new("breakdown.step", format!("{step}: it is for funnels alone")));
    }
    by.check()
}

impl Breakdown {
    /// Whether there is a property where the scope needs one.
    fn check(&self) -> Result<(), QueryError> {
        let needs = match self.scope {
            BreakdownScope::Fact | BreakdownScope::Customer | BreakdownScope::Tag => true,
            BreakdownScope::Owner | BreakdownScope::Stage | BreakdownScope::Segment => false,
        };
        match &self.property {
            None if needs => {
                let why = "missing: the name of the property (or tag) whose values part the answer";
                Err(QueryError::new("breakdown.property", why))
            }
            Some(name) if !needs => {
                let why = format!("\"{name}\": owner, stage and segment have one value alone; leave it out");
                Err(QueryError::new("breakdown.property", why))
            }
            _ => Ok(()),
        }
    }
}
