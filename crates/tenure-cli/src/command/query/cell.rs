//! A cell of a funnel whose customers are listed: who converted, is pending, or dropped.

use core::fmt;
use core::str::FromStr;

use tenure::core::Timestamp;
use tenure::core::query::{FunnelOutcome, FunnelStanding};

use crate::error::CliError;

/// Whom to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Who reached the last step.
    Converted,
    /// Whose window is still open.
    Pending,
    /// Who can no longer go on: after a step counted from 1, or after any.
    Dropped(Option<usize>),
}

impl FromStr for Cell {
    type Err = CliError;

    fn from_str(text: &str) -> Result<Self, CliError> {
        let step = text.strip_prefix("dropped:").map(str::parse::<usize>);
        match (text, step) {
            ("converted", _) => Ok(Self::Converted),
            ("pending", _) => Ok(Self::Pending),
            ("dropped", _) => Ok(Self::Dropped(None)),
            (_, Some(Ok(step))) if step > 0 => Ok(Self::Dropped(Some(step))),
            _ => Err(CliError::input(format!("--list: there is no cell \"{text}\""))
                .hint("name converted, pending, dropped, or dropped:1 for who dropped after step 1")),
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Converted => f.write_str("converted"),
            Self::Pending => f.write_str("pending"),
            Self::Dropped(None) => f.write_str("dropped"),
            Self::Dropped(Some(step)) => write!(f, "dropped:{step}"),
        }
    }
}

impl Cell {
    /// Whether a customer is in it.
    pub fn holds(self, outcome: &FunnelOutcome) -> bool {
        match (self, outcome.standing) {
            (Self::Converted, FunnelStanding::Converted)
            | (Self::Pending, FunnelStanding::Pending)
            | (Self::Dropped(None), FunnelStanding::Dropped { .. }) => true,
            (Self::Dropped(Some(after)), FunnelStanding::Dropped { step, .. }) => step + 1 == after,
            _ => false,
        }
    }
}

/// What is told of a customer.
pub struct Row {
    /// The last step that was reached, from 1.
    pub reached: usize,
    /// When the funnel was entered.
    pub entered_at: Timestamp,
    /// Since when the customer stands so.
    pub since: Option<Timestamp>,
}

impl Row {
    /// Of one customer.
    pub fn of(outcome: &FunnelOutcome) -> Self {
        let steps = outcome.steps();
        let last = steps.iter().rposition(Option::is_some);
        let reached_at =
            last.and_then(|last| steps.get(last)).and_then(|step| step.as_ref()).map(|step| step.at);
        let since = match outcome.standing {
            FunnelStanding::Dropped { since, .. } => Some(since),
            _ => reached_at,
        };
        Self { reached: last.map_or(0, |last| last + 1), entered_at: outcome.entry().at, since }
    }
}
