//! The policy that was named: whether it can be read, and what the check finds in it.

use serde_json::json;
use tenure::core::policy::check::{Severity, check, check_text};

use super::{Line, Mark, Part};
use crate::lang::{Words, fill};
use crate::question::read_policy;

/// The policy.
pub fn look(name: &str, w: &Words) -> Line {
    let about = ("policy", w.doctor_policy_read);
    let (policy, text) = match read_policy("--policy ", name) {
        Ok(read) => read,
        Err(error) => {
            let (message, hint) = error.parts();
            return Line::new(Part::Policy, about, message.to_owned(), json!({"policy": name}))
                .but(Mark::Wrong, hint.unwrap_or_default());
        }
    };
    let mut findings = check_text(&text);
    findings.extend(check(&policy));
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let warnings = findings.len() - errors;
    let hash = policy.hash();
    let shown = hash.get(..12).unwrap_or(&hash);
    let says = fill(w.doctor_policy_is, &[&policy.name, &shown, &errors, &warnings]);
    let values =
        json!({"policy": name, "name": policy.name, "hash": hash, "errors": errors, "warnings": warnings});
    let line = Line::new(Part::Policy, about, says, values);
    let advice = || fill(w.doctor_check_policy, &[&name]);
    match (errors, warnings) {
        (0, 0) => line,
        (0, _) => line.but(Mark::Look, advice()),
        _ => line.but(Mark::Wrong, advice()),
    }
}
