//! Lifecycle stage.

mod compile;
mod condition;
mod machine;
mod memory;
mod policy;
mod presets;
mod test;
mod timeline;

pub use condition::{Compare, Condition, CountScope, Flag, Threshold, Times, Which};
pub use machine::{MAX_SILENT_CHANGES, StageMachine, StageState, StageView};
pub use policy::{
    CadencePolicy, Language, MacroStage, Placeholder, RuleDef, RuleIx, StageDef, StageIx, StagePolicy,
    StagePolicyError, Text,
};
pub use timeline::{Cause, ConditionIx, StageChange, Timeline, TimelineState};
