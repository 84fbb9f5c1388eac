//! Names that are nearly others: kinds, properties, attributes, tags, tracked events.

use std::collections::BTreeSet;

use super::finding::{Code, Finding, Severity};
use crate::event::{EventView, Kind};
use crate::near::nearest;
use crate::projection::churn::{ChurnPolicy, Measure};
use crate::projection::stage::{Condition, StagePolicy};
use crate::select::Selector;

/// The slots of the catalogue whose fields stand in the body under their own names.
const IN_BODY: [&str; 2] = ["data", "flag"];

/// Names of open lists that the policy uses, with the first place where each stands.
#[derive(Default)]
struct Open<'a> {
    names: Vec<(&'static str, &'a str, String)>,
}

impl<'a> Open<'a> {
    fn add(&mut self, what: &'static str, name: &'a str, path: String) {
        if !self.names.iter().any(|(known, other, _)| *known == what && *other == name) {
            self.names.push((what, name, path));
        }
    }

    fn findings(&self) -> impl Iterator<Item = Finding> {
        self.names.iter().enumerate().filter_map(|(place, (what, name, path))| {
            let before = self.names.iter().take(place);
            let (_, other, _) = before.rev().find(|(kind, other, _)| kind == what && is_slip(name, other))?;
            let finding = Finding::new(Code::SimilarNames, Severity::Warning, path.as_str());
            Some(finding.with("what", what).with("name", name).with("other", other))
        })
    }
}

/// Whether two names differ by one letter, so that one is likely a slip for the other. `plan_1` and `plan_2` are two
/// names, and in short names one letter is much.
fn is_slip(a: &str, b: &str) -> bool {
    let letters = |text: &str| text.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    let long = a.chars().count().min(b.chars().count()) >= 4;
    long && letters(a) != letters(b) && strsim::osa_distance(a, b) == 1
}

/// All names of a machine.
pub(super) fn check(policy: &StagePolicy) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut open = Open::default();
    for (place, rule) in policy.rules().iter().enumerate() {
        condition(&rule.when, &format!("rule[{place}].when"), &mut open, &mut findings);
    }
    findings.extend(open.findings());
    findings
}

/// All names of a churn score.
pub(super) fn check_signals(policy: &ChurnPolicy) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut open = Open::default();
    for (place, signal) in policy.signals.iter().enumerate() {
        let path = |field: &str| format!("churn.signal[{place}].{field}");
        for (key, of) in signal.measure.selectors() {
            selector(of, &path(key), &mut open, &mut findings);
        }
        if let Measure::Open { of, due: Some(due), .. } = &signal.measure
            && let Some(kinds) = typed_kinds(of.names().unwrap_or_default())
            && let Some(near) = meant(due, &kinds)
        {
            findings.push(unknown_property(&path("due"), &kinds, due, near));
        }
    }
    findings.extend(open.findings());
    findings
}

fn unknown_property(path: &str, kinds: &[Kind], name: &str, near: &str) -> Finding {
    let kind = kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join("|");
    let finding = Finding::new(Code::UnknownProperty, Severity::Warning, path);
    finding.with("kind", kind).with("name", name).with("nearest", near)
}

fn condition<'a>(condition: &'a Condition, path: &str, open: &mut Open<'a>, findings: &mut Vec<Finding>) {
    let list = match condition {
        Condition::All(_) => "all",
        Condition::Any(_) => "any",
        Condition::Not(part) => return self::condition(part, &format!("{path}.not"), open, findings),
        Condition::Tag(tag) => return open.add("tag", tag, format!("{path}.tag")),
        Condition::Attribute(leaf) => {
            return open.add("attribute", leaf.property(), format!("{path}.attribute.name"));
        }
        leaf => {
            let key = match leaf {
                Condition::Count { .. } => "count",
                Condition::Sum { .. } => "sum",
                Condition::Age { .. } => "of",
                _ => "silence",
            };
            if let Some(of) = leaf.selector() {
                selector(of, &format!("{path}.{key}"), open, findings);
            }
            return;
        }
    };
    for (index, part) in condition.parts().iter().enumerate() {
        self::condition(part, &format!("{path}.{list}[{index}]"), open, findings);
    }
}

fn selector<'a>(selector: &'a Selector, path: &str, open: &mut Open<'a>, findings: &mut Vec<Finding>) {
    let names = selector.names().unwrap_or_default();
    for name in names.iter().filter(|name| Kind::named(name).is_none()) {
        let kinds = Kind::ALL.iter().filter(|kind| !kind.corrects()).map(|kind| kind.name());
        // A slip or two; what is further off is a name of its own.
        match nearest(name, kinds).filter(|near| strsim::osa_distance(name, near) <= 2) {
            Some(near) => {
                let finding = Finding::new(Code::UnknownKind, Severity::Warning, path);
                findings.push(finding.with("name", name).with("nearest", near));
            }
            None => open.add("tracked event", name, path.to_owned()),
        }
    }
    let Some(kinds) = typed_kinds(names) else { return };
    for (index, leaf) in selector.leaves().iter().enumerate() {
        if let Some(near) = meant(leaf.property(), &kinds) {
            let path = format!("{path}.where[{index}].property");
            findings.push(unknown_property(&path, &kinds, leaf.property(), near));
        }
    }
}

/// The kinds of some names, where all are kinds whose properties the catalogue lists.
fn typed_kinds(names: &[Box<str>]) -> Option<Vec<Kind>> {
    let typed = |kind: &Kind| !kind.fields().iter().any(|(slot, _)| *slot == "all");
    let kinds: Option<Vec<Kind>> = names.iter().map(|name| Kind::named(name).filter(typed)).collect();
    kinds.filter(|kinds| !kinds.is_empty())
}

/// The property that was likely meant by one that none of the kinds has.
fn meant<'k>(property: &str, kinds: &'k [Kind]) -> Option<&'k str> {
    let fields = || kinds.iter().flat_map(|kind| kind.fields());
    let in_body = |slot: &str| IN_BODY.contains(&slot);
    let known: BTreeSet<&str> = EventView::HEADER
        .into_iter()
        .chain(fields().filter(|(slot, _)| in_body(slot)).map(|(_, field)| *field))
        .collect();
    if known.contains(property) {
        return None;
    }
    // The typed name of what the wire keeps in the header: the `order` of an order is its `subject`.
    let renamed = fields().find(|(slot, field)| !in_body(slot) && *field == property).map(|(slot, _)| *slot);
    renamed.or_else(|| nearest(property, known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_letter_is_a_slip_in_a_long_name_and_a_digit_is_none() {
        assert!(is_slip("tier", "tire") && is_slip("lesson", "lessons"));
        assert!(!is_slip("plan_1", "plan_2") && !is_slip("vip", "vop") && !is_slip("tier", "tier"));
    }

    #[test]
    fn a_property_is_named_as_the_wire_names_it() {
        assert_eq!(meant("order", &[Kind::OrderPlaced]), Some("subject"));
        assert_eq!(meant("complain", &[Kind::TicketOpened]), Some("complaint"));
        assert_eq!(meant("complaint", &[Kind::TicketOpened, Kind::TicketResolved]), None);
        assert_eq!(meant("colour_of_the_box", &[Kind::TicketOpened]), None, "a body may hold more");
    }
}
