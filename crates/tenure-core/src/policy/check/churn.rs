//! Signals of churn: points that nobody can get, steps that add nothing, bands that no score reaches.

use super::finding::{Code, Finding, Severity};
use super::meaning::matches_nothing;
use crate::event::{Kind, Survey};
use crate::near::nearest;
use crate::projection::churn::{Action, Band, ChurnPolicy, Limit, Measure, SignalDef};
use crate::projection::stage::Threshold;
use crate::select::{Op, Selector};
use crate::time::Duration;

/// Everything that is found out about the churn score, names apart.
pub(super) fn check(policy: &ChurnPolicy) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (place, signal) in policy.signals.iter().enumerate() {
        let path = |field: &str| format!("churn.signal[{place}].{field}");
        let finding = |code, severity, field: &str| {
            Finding::new(code, severity, path(field)).with("signal", &signal.code)
        };
        if policy.signals.iter().take(place).any(|other| other.code == signal.code) {
            findings.push(finding(Code::DuplicateSignal, Severity::Warning, "code"));
        }
        if let Some((field, why)) = dead(signal) {
            findings.push(finding(Code::DeadSignal, Severity::Error, field).with("why", why));
            continue;
        }
        if signal.most().abs() > 100 {
            let field = if signal.points.abs() > 100 { "points" } else { "cap" };
            findings
                .push(finding(Code::ExcessPoints, Severity::Warning, field).with("points", signal.most()));
        }
        let once = signal.most().abs() <= signal.points.abs();
        let idle = match (signal.measure.repeats(), signal.cap) {
            (true, _) if once => Some("every"),
            (false, Some(cap)) if cap.abs() >= signal.points.abs() => Some("cap"),
            _ => None,
        };
        if let Some(field) = idle {
            let finding = finding(Code::StepWithoutEffect, Severity::Warning, field);
            findings.push(finding.with("field", field).with("most", signal.most()));
        }
        if let Measure::Silence { at_least, every, .. } = &signal.measure {
            findings.extend(cadence(*at_least, &path("at_least")));
            findings.extend(every.and_then(|every| cadence(every, &path("every"))));
        }
        findings.extend(action(signal, &path("action")));
    }
    findings.extend(bands(policy));
    findings
}

/// The field because of which a signal never has points, and why.
fn dead(signal: &SignalDef) -> Option<(&'static str, String)> {
    let of = signal.measure.selector();
    // Few of nothing is few.
    let wants_none = matches!(
        &signal.measure,
        Measure::Silence { or_never: true, .. } | Measure::Count { or_never: true, .. }
    );
    if matches_nothing(of) && !wants_none {
        return Some((signal.measure.name(), format!("matches = 0: {of}")));
    }
    let Measure::Latest { limit, .. } = &signal.measure else { return None };
    let kinds: Option<Vec<Kind>> = of.names()?.iter().map(|name| Kind::named(name)).collect();
    let (mut low, mut high) = (i64::MAX, i64::MIN);
    for kind in kinds? {
        match numbers(kind, of) {
            Numbers::Never => {}
            Numbers::Between(least, most) => (low, high) = (low.min(least), high.max(most)),
            Numbers::Any => return None,
        }
    }
    match *limit {
        _ if low > high => Some(("latest", format!("number = null: {of}"))),
        Limit::AtLeast(bound) if bound > high => Some(("at_least", format!("{low} <= number <= {high}"))),
        Limit::AtMost(bound) if bound < low => Some(("at_most", format!("{low} <= number <= {high}"))),
        _ => None,
    }
}

/// Which numbers facts of a kind have.
enum Numbers {
    Never,
    Between(i64, i64),
    /// Or that is not known.
    Any,
}

fn numbers(kind: Kind, of: &Selector) -> Numbers {
    match kind {
        Kind::SurveyAnswered => {
            let asked = of.leaves().iter().find(|leaf| leaf.property() == "subject" && leaf.op() == Op::Eq);
            let asked = asked.and_then(|leaf| Survey::named(leaf.value()?.as_str()?));
            let range = asked.map_or(0..=10, Survey::range);
            Numbers::Between(*range.start(), *range.end())
        }
        Kind::ReviewPosted => Numbers::Between(1, 5),
        Kind::Tracked | Kind::Foreign => Numbers::Any,
        kind if kind.fields().iter().any(|(slot, _)| matches!(*slot, "number" | "all")) => Numbers::Any,
        _ => Numbers::Never,
    }
}

fn cadence(threshold: Threshold, path: &str) -> Option<Finding> {
    let Threshold::Cadence { times, min, max } = threshold else { return None };
    // At least a day: gaps are between distinct days.
    let day = Duration::days(1).as_micros() / 1_000 * i64::from(times.as_thousandths());
    let finding = || {
        let times = f64::from(times.as_thousandths()) / 1_000.0;
        Finding::new(Code::CadenceWithoutEffect, Severity::Warning, path)
            .with("times", times)
            .with("max", max)
    };
    (min < max && day >= max.as_micros()).then(finding)
}

/// An action of a policy's own whose code is nearly that of a known one.
fn action(signal: &SignalDef, path: &str) -> Option<Finding> {
    let own = signal.action.as_deref().filter(|code| Action::named(code).is_none())?;
    let known =
        nearest(own, Action::ALL.map(Action::code)).filter(|near| strsim::osa_distance(own, near) <= 2)?;
    let finding = Finding::new(Code::SimilarNames, Severity::Warning, path);
    Some(finding.with("what", "action").with("name", own).with("other", known))
}

/// The bands that no sum of points reaches.
fn bands(policy: &ChurnPolicy) -> Vec<Finding> {
    let alive = || policy.signals.iter().filter(|signal| dead(signal).is_none()).map(SignalDef::most);
    let base = i32::from(policy.base);
    let low = (base + alive().filter(|most| *most < 0).sum::<i32>()).clamp(0, 100);
    let high = (base + alive().filter(|most| *most > 0).sum::<i32>()).clamp(0, 100);
    let band = |score: i32| policy.bands.of(u8::try_from(score).unwrap_or(100));
    let missed = |one: &Band| *one < band(low) || *one > band(high);
    let finding = |one: Band| {
        let finding = Finding::new(Code::UnreachableBand, Severity::Warning, "churn.bands");
        finding.with("band", one.code()).with("low", low).with("high", high)
    };
    Band::ALL.into_iter().filter(missed).map(finding).collect()
}
