//! Lifecycle stage: where a customer stands, by a policy that is data.
//!
//! ```text
//! StagePolicy (stages, rules, conditions) -> StageMachine (compiled) -> StageState -> StageView
//!                                                                  \-> Timeline: every change and its cause
//! ```
//!
//! All facts of one instant are taken in together, then the rules are tried in the order written: the first one out of
//! the current stage whose condition holds fires, and so on until none does. A rule into a stage that was entered at
//! this instant already is passed over. Between facts the rules are tried at every *critical instant*: one at which
//! time turns round a single condition of a rule out of the current stage. Facts that coincide with one are tried with
//! it and are its cause.
//!
//! # Where facts of one instant contradict each other
//! Their order cannot matter, so one side wins, always the same:
//!
//! - a tag is on, an attribute passes its test, churn is confirmed, and of several scores the greatest counts;
//! - a contract, subscription or trial that begins at an instant is not ended by a fact of that instant;
//! - consent is withdrawn and a ticket is resolved.
//!
//! # What the facts mean
//! - Every fact lets a customer exist, also one of a kind that this build does not know; what happened at an instant is
//!   every fact of it.
//! - From its own start on (its fact, if that is later) the latest signing of a contract's name decides about that
//!   name, so a renewal signed early leaves no gap. A trial begun again replaces the one of its name. Every start of a
//!   subscription ends the trials begun before it. An ending without a name ends all.
//! - A reopened ticket is a complaint if its opening or reopening says so.
//! - A sum counts one currency, the one that it is compared with.
//! - For cadence a local day counts where it is later than the last one that did.
//!
//! # Limits
//! Between two facts silence makes at most [`MAX_SILENT_CHANGES`] changes: a policy that goes in circles by time alone
//! stops there. An instant after the year 9999 never comes.
//!
//! # What is remembered
//! One word for each instant, counter and latch that a condition needs, and a short list of contracts, subscriptions,
//! trials and tickets that are or may become active; no text of a fact. The rules are only tried when they might fire:
//! when a fact came that a condition looks at, or when the next instant is due that was computed beforehand.

mod compile;
mod condition;
mod machine;
mod memory;
mod outlook;
mod policy;
mod presets;
mod quiet;
mod tail;
mod test;
mod timeline;

pub use crate::text::Language;
pub use condition::{Compare, Condition, CountScope, Flag, Threshold, Times, Which};
pub(in crate::projection) use condition::{read_count, read_duration, read_threshold, write_threshold};
pub use machine::{MAX_SILENT_CHANGES, StageMachine, StageState, StageView};
pub use outlook::{Outlook, StageOutlook};
pub use policy::{
    CadencePolicy, MacroStage, Placeholder, RuleDef, RuleIx, StageDef, StageIx, StagePolicy,
    StagePolicyError, Text,
};
pub(in crate::projection) use policy::{check_cadence, is_code};
pub use tail::StageTail;
pub use timeline::{Cause, ConditionIx, StageChange, Timeline, TimelineState};
