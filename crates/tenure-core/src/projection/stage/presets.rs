//! The policies that come with the library.

use super::policy::{StagePolicy, StagePolicyError};

impl StagePolicy {
    /// For trade without a contract, where silence is the only sign.
    ///
    /// # Errors
    /// None: a test reads it.
    /// # Source
    /// `presets/retail.toml`, which gives the reasons for its numbers.
    pub fn retail() -> Result<Self, StagePolicyError> {
        read(include_str!("../../../presets/retail.toml"))
    }

    /// For software by subscription: trials, subscriptions, sessions.
    ///
    /// # Errors
    /// None: a test reads it.
    /// # Source
    /// `presets/saas.toml`, which gives the reasons for its numbers.
    pub fn saas() -> Result<Self, StagePolicyError> {
        read(include_str!("../../../presets/saas.toml"))
    }

    /// For business with businesses: opportunities, contracts, follow-up.
    ///
    /// # Errors
    /// None: a test reads it.
    /// # Source
    /// `presets/b2b.toml`, which gives the reasons for its numbers.
    pub fn b2b() -> Result<Self, StagePolicyError> {
        read(include_str!("../../../presets/b2b.toml"))
    }
}

/// Reads the parts of a policy file that are about stages, and leaves the others to those whom they concern.
fn read(text: &str) -> Result<StagePolicy, StagePolicyError> {
    let refuse = |error: toml::de::Error| StagePolicyError::Read { why: error.to_string().into() };
    let mut table: toml::Table = text.parse().map_err(refuse)?;
    table.retain(|name, _| matches!(name, "zone" | "cadence" | "stage" | "rule"));
    table.try_into().map_err(refuse)
}
