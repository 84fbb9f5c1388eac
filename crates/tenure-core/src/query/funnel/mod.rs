//! Funnels: how many customers go through steps in order, where they stop, and how long it takes.

mod answer;
mod course;
mod matching;
mod ordered;
mod outcome;
mod plan;
mod search;
mod strict;
mod tally;
#[cfg(test)]
mod tests;
mod trial;
mod unordered;
mod window;

pub use answer::{FunnelAnswer, FunnelSteps, FunnelSum, TimeToConvert, TrendRow};
pub use course::{FunnelCourse, FunnelState};
pub use outcome::{FunnelOutcome, FunnelStanding};
pub use plan::Filled;

use serde::{Deserialize, Serialize};

use super::QueryError;
use super::breakdown::{Attribution, Breakdown, CountBy};
use super::bucket::Period;
use super::selector::{Selector, Where};
use crate::select::{Names, name_or_table};

/// A funnel.
///
/// # Example
/// ```
/// use tenure_core::query::FunnelQuery;
/// let funnel: FunnelQuery = serde_json::from_str(r#"{"steps": ["signed_up", "order_placed"]}"#)?;
/// assert_eq!(funnel.window_seconds, 30 * 86_400);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FunnelQuery {
    /// The steps, at least one. Every fact that meets the first one is an entry.
    pub steps: Vec<Step>,
    /// Whether other facts may lie between, and whether order matters.
    #[serde(default)]
    pub order: StepOrder,
    /// How long after its entry a step counts, inclusive; at least 1.
    #[serde(default = "thirty_days")]
    pub window_seconds: u64,
    /// What facts of one instant mean.
    #[serde(default)]
    pub ties: Ties,
    /// By how much a step may be earlier than the one that it follows.
    #[serde(default)]
    pub tie_tolerance_seconds: u64,
    /// Which entries are tried.
    #[serde(default)]
    pub entry: Entry,
    /// What must not happen on the way.
    #[serde(default)]
    pub exclusions: Vec<Exclusion>,
    /// What happens to an entry on whose way it did.
    #[serde(default)]
    pub exclusion_effect: ExclusionEffect,
    /// By what the answer is broken down.
    #[serde(default)]
    pub breakdown: Option<Breakdown>,
    /// What is counted.
    #[serde(default)]
    pub count_by: CountBy,
    /// Customers, each once, or attempts.
    #[serde(default)]
    pub count: Count,
    /// What must lie between `from` and `to`.
    #[serde(default)]
    pub range: FunnelRange,
    /// What is answered.
    #[serde(default)]
    pub output: FunnelOutput,
    /// Time to convert: from which step, from 0.
    #[serde(default)]
    pub from_step: usize,
    /// Time to convert: to which step; none is the last.
    #[serde(default)]
    pub to_step: Option<usize>,
    /// Time to convert: how many bars the histogram has; 0 chooses by how many there are.
    #[serde(default)]
    pub bins: usize,
    /// Trend: how long a bucket is.
    #[serde(default)]
    pub period: Period,
    /// Trend: on which day a week starts.
    #[serde(default)]
    pub week_start: super::bucket::WeekStart,
    /// Whether each customer's chain of facts is told.
    #[serde(default)]
    pub explain: bool,
}

const fn thirty_days() -> u64 {
    2_592_000
}

/// One step of a funnel: a selector, and whether it may be left out.
///
/// Written as a selector, also as a plain name, with two more fields: `{"event": "order_placed", "optional": true}`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(into = "RawStep")]
pub struct Step {
    /// Which facts fill it.
    pub selector: Selector,
    /// Whether the funnel goes on without it.
    pub optional: bool,
    /// Whether only the customer's first matching fact in the whole history fills it.
    pub first_time_only: bool,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RawStep {
    /// Must be there: null is any fact by the customer.
    #[serde(deserialize_with = "Option::deserialize")]
    event: Option<Names>,
    #[serde(default, rename = "where")]
    leaves: Vec<Where>,
    #[serde(default)]
    optional: bool,
    #[serde(default)]
    first_time_only: bool,
}

impl From<Names> for RawStep {
    fn from(names: Names) -> Self {
        Self { event: Some(names), leaves: Vec::new(), optional: false, first_time_only: false }
    }
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let RawStep { event, leaves, optional, first_time_only } = name_or_table(deserializer)?;
        let selector = Selector::of_fields(event, leaves).map_err(serde::de::Error::custom)?;
        Ok(Self { selector, optional, first_time_only })
    }
}

impl From<Step> for RawStep {
    fn from(Step { selector, optional, first_time_only }: Step) -> Self {
        let (event, leaves) = selector.into_fields();
        Self { event, leaves, optional, first_time_only }
    }
}

impl From<Selector> for Step {
    fn from(selector: Selector) -> Self {
        Self { selector, optional: false, first_time_only: false }
    }
}

/// Whether other facts may lie between steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum StepOrder {
    /// One after the other; other facts may lie between.
    #[default]
    Ordered,
    /// The customer's next fact must be the next step.
    Strict,
    /// In any order inside one window.
    Unordered,
}

/// What facts of one instant mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Ties {
    /// They may be taken in any order.
    #[default]
    StepOrder,
    /// A step is later than the one before it.
    StrictlyLater,
}

/// Which entries are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// Every fact that meets the first step.
    #[default]
    AnyEntry,
    /// The first one alone.
    FirstEntry,
}

/// What must not happen after one step and before another.
///
/// Written as a selector, also as a plain name, with two more fields.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(into = "RawExclusion")]
pub struct Exclusion {
    /// Which facts.
    pub selector: Selector,
    /// After which step, from 0.
    pub from_step: usize,
    /// Before which step; none is the last.
    pub to_step: Option<usize>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RawExclusion {
    #[serde(deserialize_with = "Option::deserialize")]
    event: Option<Names>,
    #[serde(default, rename = "where")]
    leaves: Vec<Where>,
    #[serde(default)]
    from_step: usize,
    #[serde(default)]
    to_step: Option<usize>,
}

impl From<Names> for RawExclusion {
    fn from(names: Names) -> Self {
        Self { event: Some(names), leaves: Vec::new(), from_step: 0, to_step: None }
    }
}

impl<'de> Deserialize<'de> for Exclusion {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let RawExclusion { event, leaves, from_step, to_step } = name_or_table(deserializer)?;
        let selector = Selector::of_fields(event, leaves).map_err(serde::de::Error::custom)?;
        Ok(Self { selector, from_step, to_step })
    }
}

impl From<Exclusion> for RawExclusion {
    fn from(Exclusion { selector, from_step, to_step }: Exclusion) -> Self {
        let (event, leaves) = selector.into_fields();
        Self { event, leaves, from_step, to_step }
    }
}

/// What an exclusion does to an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ExclusionEffect {
    /// The steps before it stand, and no further one is reached.
    #[default]
    DropOff,
    /// A customer whose deepest entries are all tainted is not in the funnel.
    Discard,
    /// Unordered alone: what was collected before it is lost, unless all was.
    Reset,
}

/// Customers or attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Count {
    /// Each customer once, by the best entry.
    #[default]
    Customers,
    /// Each entry; a new one only after the last one ended.
    Attempts,
}

/// What must lie in range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FunnelRange {
    /// The entry; later steps up to the end of its window.
    #[default]
    Entry,
    /// All facts.
    Events,
}

/// What a funnel answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FunnelOutput {
    /// How many reached each step.
    #[default]
    Steps,
    /// How long it took between two steps.
    TimeToConvert,
    /// Entries and conversions by bucket of the entry.
    Trend,
}

impl FunnelQuery {
    pub(super) fn check(&self) -> Result<(), QueryError> {
        let steps = self.steps.len();
        let step = |path: String, step: usize| {
            let why = format!("{step}: there are {steps} steps, counted from 0");
            if step < steps { Ok(()) } else { Err(QueryError::new(path, why)) }
        };
        if !(1..=Self::MOST_STEPS).contains(&steps) {
            let why = if steps == 0 { "[] has no step".into() } else { format!("{steps} steps") };
            return Err(QueryError::new("steps", format!("{why}: write 1 to {}", Self::MOST_STEPS)));
        }
        if self.steps.first().is_some_and(|first| first.optional) {
            return Err(QueryError::new("steps[0].optional", "true: the first step is the entry"));
        }
        if self.window_seconds == 0 {
            return Err(QueryError::new("window_seconds", "0: a window is at least 1 second"));
        }
        if self.exclusions.len() > Self::MOST_EXCLUSIONS {
            let why = format!("{} exclusions: at most {}", self.exclusions.len(), Self::MOST_EXCLUSIONS);
            return Err(QueryError::new("exclusions", why));
        }
        for (index, exclusion) in self.exclusions.iter().enumerate() {
            let at = |field| format!("exclusions[{index}].{field}");
            let to = exclusion.to_step.unwrap_or(steps - 1);
            step(at("from_step"), exclusion.from_step)?;
            step(at("to_step"), to)?;
            if self.order != StepOrder::Unordered && exclusion.from_step >= to {
                return Err(QueryError::new(
                    at("to_step"),
                    format!("{to} is not after from_step, {}", exclusion.from_step),
                ));
            }
        }
        step("from_step".into(), self.from_step)?;
        let to = self.to_step.unwrap_or(steps - 1);
        step("to_step".into(), to)?;
        if self.output == FunnelOutput::TimeToConvert && self.from_step >= to {
            return Err(QueryError::new(
                "to_step",
                format!("{to} is not after from_step, {}", self.from_step),
            ));
        }
        match &self.breakdown {
            Some(Breakdown { attribution: Attribution::Step, step: Some(of), .. }) => {
                step("breakdown.step".into(), *of)?;
            }
            Some(Breakdown { attribution: Attribution::Step, step: None, .. }) => {
                return Err(QueryError::new(
                    "breakdown.step",
                    "missing: the step whose fact gives the value",
                ));
            }
            _ => {}
        }
        if self.exclusion_effect == ExclusionEffect::Reset && self.order != StepOrder::Unordered {
            return Err(QueryError::new(
                "exclusion_effect",
                "reset: it is for the order \"unordered\" alone",
            ));
        }
        if self.bins > Self::MOST_BINS {
            return Err(QueryError::new("bins", format!("{}: at most {}", self.bins, Self::MOST_BINS)));
        }
        self.check_order()?;
        self.check_output()
    }

    /// What has no meaning in an order.
    fn check_order(&self) -> Result<(), QueryError> {
        if self.tie_tolerance_seconds > 0
            && (self.order != StepOrder::Ordered || self.ties == Ties::StrictlyLater)
        {
            let why = format!(
                "{}: it is for the order \"ordered\" and ties in \"step_order\" alone",
                self.tie_tolerance_seconds
            );
            return Err(QueryError::new("tie_tolerance_seconds", why));
        }
        if self.order != StepOrder::Unordered {
            return Ok(());
        }
        if let Some(step) = self.steps.iter().position(|step| step.optional) {
            let why =
                "true: without an order, no step is left out; write \"ordered\" or \"strict\" as `order`";
            return Err(QueryError::new(format!("steps[{step}].optional"), why));
        }
        if self.entry == Entry::FirstEntry {
            let why = "first_entry: without an order, any step begins a window; write \"any_entry\"";
            return Err(QueryError::new("entry", why));
        }
        Ok(())
    }

    /// What an output does not tell.
    fn check_output(&self) -> Result<(), QueryError> {
        let attempts = self.count == Count::Attempts;
        if attempts && self.breakdown.as_ref().is_some_and(|by| by.attribution == Attribution::Step) {
            let why =
                "step: attempts have no one chain a customer; write first_touch, last_touch or all_events";
            return Err(QueryError::new("breakdown.attribution", why));
        }
        if attempts && self.output != FunnelOutput::Steps {
            let why = "attempts: they are told as entries and conversions; leave `output` out";
            return Err(QueryError::new("count", why));
        }
        if self.explain && (attempts || self.output == FunnelOutput::Trend) {
            let why = "true: attempts and trends have no one chain a customer; leave it out";
            return Err(QueryError::new("explain", why));
        }
        Ok(())
    }

    /// The most bars of a histogram.
    pub const MOST_BINS: usize = 10_000;

    /// The most steps of a funnel.
    pub const MOST_STEPS: usize = 24;

    /// The most exclusions of a funnel.
    pub const MOST_EXCLUSIONS: usize = 16;
}
