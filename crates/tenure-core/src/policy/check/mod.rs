//! The static check: what a policy gets wrong by itself, whatever the customers do.
//!
//! A policy that can be read may still hold rules that never fire, stages that nobody enters, and rules that undo each
//! other by silence alone. The check finds them without a history. What it calls an [`Severity::Error`] is proven for
//! every history; a [`Severity::Warning`] may be wrong or meant. It does not find everything: what it says nothing
//! about may still be wrong.
//!
//! ```text
//! conditions -> formulas over instants -> can this be?  --no--> dead, always true, shadowed
//!                                                       --yes-> rules that can fire -> stages reached, left, undone
//! ```
//!
//! # Laws
//! In no history does a rule fire that is called dead or surely shadowed, is a stage entered that is called
//! unreachable, or does silence alone make a change and its reverse that is not told here as flapping (unless
//! [`Code::TooLarge`] is told).

mod churn;
mod finding;
mod logic;
mod meaning;
mod names;
mod rfm;
mod stages;
mod values;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use finding::{Code, Finding, Severity};

use super::Policy;
use crate::Currency;
use crate::projection::stage::StagePolicy;

/// Everything that is found in a policy, in the order in which it is written.
pub fn check(policy: &Policy) -> Vec<Finding> {
    let mut findings = rates(policy);
    findings.extend(rfm::check(&policy.rfm));
    if let Ok(machine) = policy.stages() {
        findings.extend(check_stages(machine.policy()));
    }
    if let Some(churn) = &policy.churn {
        findings.extend(churn::check(churn));
        findings.extend(names::check_signals(churn));
    }
    findings
}

/// What is found in the stages and rules alone.
pub fn check_stages(policy: &StagePolicy) -> Vec<Finding> {
    let mut findings = stages::check(policy);
    findings.extend(names::check(policy));
    findings
}

/// What only the text of a policy shows: it is read in any order.
pub fn check_text(text: &str) -> Vec<Finding> {
    let Ok(table) = text.parse::<toml::Table>() else { return Vec::new() };
    let rates = table.get("rate").and_then(toml::Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let field = |rate: &toml::Value, name: &str| -> Option<String> {
        match rate.get(name)? {
            toml::Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    };
    let mut latest: BTreeMap<(String, String), String> = BTreeMap::new();
    let mut findings = Vec::new();
    for (place, rate) in rates.iter().enumerate() {
        let Some(((from, to), day)) = field(rate, "from").zip(field(rate, "to")).zip(field(rate, "day"))
        else {
            continue;
        };
        // Days are written so that their texts sort as they do.
        match latest.get(&(from.clone(), to.clone())) {
            Some(later) if *later > day => {
                let finding =
                    Finding::new(Code::RatesOutOfOrder, Severity::Warning, format!("rate[{place}].day"));
                findings
                    .push(finding.with("from", from).with("to", to).with("day", day).with("later", later));
            }
            _ => {
                latest.insert((from, to), day);
            }
        }
    }
    findings
}

fn rates(policy: &Policy) -> Vec<Finding> {
    let mut pairs: Vec<(Currency, Currency)> =
        policy.rates.as_slice().iter().map(|rate| (rate.from, rate.to)).collect();
    pairs.dedup();
    let unused = pairs.into_iter().filter(|(_, to)| policy.currency != Some(*to));
    let finding = |(from, to)| {
        let currency = policy.currency.map_or_else(|| "-".to_owned(), |currency| currency.to_string());
        let finding = Finding::new(Code::UnusedRate, Severity::Warning, "rate");
        finding.with("from", from).with("to", to).with("currency", currency)
    };
    unused.map(finding).collect()
}
