//! The kit itself is tested: that it sees what it is for, and that what it makes up is what it says.

mod churn_oracle;
mod conformance;
mod engine;
mod policy_check;
mod query_laws;
mod query_oracle;
mod simulated;
mod stage_oracle;
mod stage_presets;
mod text_store;
