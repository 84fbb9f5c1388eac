//! Conditions, rules and stages: what can never be, what is never left, what undoes itself.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::{Code, Finding, Severity};
use super::logic::{Budget, Formula};
use super::meaning::{Belief, Moment, Question, can_be};
use crate::projection::stage::{Condition, RuleDef, StagePolicy, Threshold};
use crate::time::Duration;

/// How often a question is put to the test in one check. The largest preset takes less than a hundredth of it.
const TRIES: u32 = 300_000;

/// Everything that is found out about a machine.
pub(super) fn check(policy: &StagePolicy) -> Vec<Finding> {
    let mut check = Check {
        policy,
        budget: Budget::new(TRIES),
        findings: Vec::new(),
        alive: policy.rules().iter().map(|_| true).collect(),
        shadowed: BTreeSet::new(),
    };
    check.conditions();
    let at_entry = check.at_entry();
    check.shadows(&at_entry);
    check.stages();
    check.flaps(&at_entry);
    if check.budget.is_spent() {
        check.findings.push(Finding::new(Code::TooLarge, Severity::Warning, "rule"));
    }
    check.findings
}

struct Check<'a> {
    policy: &'a StagePolicy,
    budget: Budget,
    findings: Vec<Finding>,
    /// The rules whose condition can hold, by place.
    alive: Vec<bool>,
    /// The rules that never fire in a stage, as (rule, stage).
    shadowed: BTreeSet<(usize, &'a str)>,
}

/// The pairs of stages of which one can be entered after the other at one instant.
type AtOnce<'a> = BTreeSet<(&'a str, &'a str)>;

impl<'a> Check<'a> {
    fn rules(&self) -> impl Iterator<Item = (usize, &'a RuleDef)> + use<'a> {
        self.policy.rules().iter().enumerate()
    }

    fn is_alive(&self, rule: usize) -> bool {
        self.alive.get(rule).copied().unwrap_or(false)
    }

    /// Whether some conditions cannot be so: the severity is how sure that is.
    fn excluded(&self, conditions: &[(&Condition, bool)]) -> Option<Severity> {
        if !can_be(conditions, &self.budget, Belief::Proven) {
            Some(Severity::Error)
        } else if !can_be(conditions, &self.budget, Belief::Likely) {
            Some(Severity::Warning)
        } else {
            None
        }
    }

    /// Conditions that never hold, always hold or decide nothing; the smallest that is at fault is named.
    fn conditions(&mut self) {
        for (place, rule) in self.rules() {
            let dead = self.excluded(&[(&rule.when, true)]);
            if dead == Some(Severity::Error)
                && let Some(alive) = self.alive.get_mut(place)
            {
                *alive = false;
            }
            self.condition(&rule.when, &format!("rule[{place}].when"));
        }
    }

    fn condition(&mut self, condition: &Condition, path: &str) {
        let parts: Vec<(String, &Condition)> = match condition {
            Condition::All(parts) => numbered(path, "all", parts),
            Condition::Any(parts) => numbered(path, "any", parts),
            Condition::Not(part) => vec![(format!("{path}.not"), part)],
            Condition::Silence { at_least: Threshold::Cadence { times, min, max }, .. } => {
                // At least a day: gaps are between distinct days.
                let day = Duration::days(1).as_micros() / 1_000 * i64::from(times.as_thousandths());
                if min < max && day >= max.as_micros() {
                    let times = f64::from(times.as_thousandths()) / 1_000.0;
                    let finding = Finding::new(Code::CadenceWithoutEffect, Severity::Warning, path);
                    self.findings.push(finding.with("times", times).with("max", max));
                }
                Vec::new()
            }
            _ => Vec::new(),
        };
        let fixed = |part: &Condition| {
            let never = self.excluded(&[(part, true)]).map(|severity| (Code::DeadCondition, severity));
            never.or_else(|| self.excluded(&[(part, false)]).map(|_| (Code::AlwaysTrue, Severity::Warning)))
        };
        let at_fault = parts.iter().any(|(_, part)| fixed(part).is_some());
        if !at_fault && let Some((code, severity)) = fixed(condition) {
            self.findings.push(Finding::new(code, severity, path).with("condition", condition));
            return;
        }
        let siblings: Vec<&Condition> = parts.iter().map(|(_, part)| *part).collect();
        let mut redundant = BTreeSet::new();
        for (index, (path, part)) in parts.iter().enumerate() {
            self.condition(part, path);
            // In `all` it decides nothing if the others imply it, in `any` if it implies one of the others.
            let conjoined = matches!(condition, Condition::All(_));
            let others = siblings
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != index && !redundant.contains(other));
            let mut question: Vec<(&Condition, bool)> =
                others.map(|(_, other)| (*other, conjoined)).collect();
            if at_fault || question.is_empty() {
                continue;
            }
            question.push((part, !conjoined));
            if self.excluded(&question).is_some() {
                redundant.insert(index);
                let finding = Finding::new(Code::RedundantCondition, Severity::Warning, path.as_str());
                self.findings.push(finding.with("condition", part));
            }
        }
    }

    /// Which stages can be entered one after the other at one instant.
    fn at_entry(&self) -> AtOnce<'a> {
        let mut steps: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (_, rule) in self.rules().filter(|(place, _)| self.is_alive(*place)) {
            let mut question = Question::new();
            let moment = question.moment(0);
            question.no_fact_after(moment.now, 0);
            question.suppose(Formula::within(moment.now, moment.entered, 0));
            let says = question.says(&rule.when, moment, true);
            question.suppose(says);
            if question.can_be(&self.budget, Belief::Proven) {
                rule.from.iter().for_each(|from| {
                    steps.entry(&**from).or_default().insert(&*rule.to);
                });
            }
        }
        let mut pairs = AtOnce::new();
        for start in steps.keys() {
            let mut reached = BTreeSet::new();
            let mut todo = vec![*start];
            while let Some(stage) = todo.pop() {
                todo.extend(
                    steps.get(stage).into_iter().flatten().filter(|to| reached.insert(**to)).copied(),
                );
            }
            pairs.extend(reached.into_iter().map(|to| (*start, to)));
        }
        pairs
    }

    /// Rules that never get their turn.
    fn shadows(&mut self, at_once: &AtOnce<'a>) {
        for (place, rule) in self.rules() {
            for stage in &rule.from {
                let earlier: Vec<&RuleDef> = self
                    .rules()
                    .filter(|(other, earlier)| {
                        *other < place && self.is_alive(*other) && earlier.from.contains(stage)
                    })
                    .map(|(_, earlier)| earlier)
                    .collect();
                if !self.is_alive(place) || earlier.is_empty() {
                    continue;
                }
                let Some((by, severity)) = self.shadow(rule, stage, &earlier, at_once) else { continue };
                if severity == Severity::Error {
                    self.shadowed.insert((place, &**stage));
                }
                let finding = Finding::new(Code::ShadowedRule, severity, format!("rule[{place}].when"));
                self.findings.push(
                    finding.with("rule", &rule.name).with("stage", stage).with("earlier", by.join(", ")),
                );
            }
        }
    }

    /// Which rules always hold where a rule does: one alone if there is such a one, else several together.
    fn shadow(
        &self,
        rule: &RuleDef,
        stage: &str,
        earlier: &[&'a RuleDef],
        at_once: &AtOnce<'a>,
    ) -> Option<(Vec<&'a str>, Severity)> {
        // A rule is passed over where its stage was entered at this instant already; then a later one has its turn.
        let passed_over = |other: &RuleDef| other.to != rule.to && at_once.contains(&(&*other.to, stage));
        let surely = |by: &[&RuleDef]| {
            let mut question = vec![(&rule.when, true)];
            question.extend(by.iter().map(|other| (&other.when, false)));
            self.excluded(&question).map(|severity| {
                if by.iter().any(|other| passed_over(other)) { Severity::Warning } else { severity }
            })
        };
        let named = |by: &[&'a RuleDef]| by.iter().map(|other| &*other.name).collect::<Vec<&str>>();
        let single = earlier.iter().filter_map(|other| {
            let by = [*other];
            surely(&by).map(|severity| (named(&by), severity))
        });
        single.min_by_key(|(_, severity)| *severity).or_else(|| {
            let mut by: Vec<&'a RuleDef> = earlier.to_vec();
            let mut severity = surely(&by)?;
            // Those without which it is true as well need not be named.
            for other in earlier {
                let rest: Vec<&RuleDef> = by.iter().copied().filter(|one| one.name != other.name).collect();
                if let Some(still) = surely(&rest).filter(|still| *still <= severity) {
                    (by, severity) = (rest, still);
                }
            }
            Some((named(&by), severity))
        })
    }

    /// Stages that are never entered, and stages that are never left.
    fn stages(&mut self) {
        let mut leads: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (place, rule) in self.rules().filter(|(place, _)| self.is_alive(*place)) {
            for from in rule.from.iter().filter(|from| !self.shadowed.contains(&(place, &***from))) {
                leads.entry(&**from).or_default().insert(&*rule.to);
            }
        }
        let initial = self.policy.code(self.policy.initial());
        let mut reached = BTreeSet::from([initial]);
        let mut todo = vec![initial];
        while let Some(stage) = todo.pop() {
            todo.extend(leads.get(stage).into_iter().flatten().filter(|to| reached.insert(**to)).copied());
        }
        for (place, stage) in self.policy.stages().iter().enumerate() {
            let path = format!("stage[{place}].id");
            if !reached.contains(&*stage.id) {
                let finding = Finding::new(Code::UnreachableStage, Severity::Error, path);
                self.findings.push(finding.with("stage", &stage.id));
            } else if !leads.contains_key(&*stage.id) && self.policy.stages().len() > 1 {
                let finding = Finding::new(Code::InescapableStage, Severity::Warning, path);
                self.findings.push(finding.with("stage", &stage.id));
            }
        }
    }

    /// Pairs of rules that undo each other by silence alone.
    fn flaps(&mut self, at_once: &AtOnce<'a>) {
        let alive: Vec<(usize, &RuleDef)> = self.rules().filter(|(place, _)| self.is_alive(*place)).collect();
        for (index, (place, rule)) in alive.iter().enumerate() {
            for (_, back) in alive.iter().skip(index + 1) {
                let undo = rule.from.contains(&back.to) && back.from.contains(&rule.to);
                let flaps = undo
                    && (self.may_flap(rule, back, &back.to, at_once)
                        || self.may_flap(back, rule, &rule.to, at_once));
                // What could not be thought through to its end proves nothing.
                if flaps && !self.budget.is_spent() {
                    let finding =
                        Finding::new(Code::Flapping, Severity::Warning, format!("rule[{place}].when"));
                    self.findings.push(
                        finding
                            .with("from", &back.to)
                            .with("to", &rule.to)
                            .with("rule", &rule.name)
                            .with("back", &back.name),
                    );
                }
            }
        }
    }

    /// Whether a rule can fire out of a stage by silence, and later the other one back into it with no fact since.
    fn may_flap(&self, rule: &RuleDef, back: &RuleDef, from: &str, at_once: &AtOnce<'a>) -> bool {
        let into: Vec<&RuleDef> = self
            .rules()
            .filter(|(place, other)| self.is_alive(*place) && *other.to == *from)
            .map(|(_, other)| other)
            .collect();
        let arrivals = into.iter().map(|other| Some(*other));
        // It has come to hold since the instant before; or the stage was entered at this very instant; or it held when
        // the stage was entered, and was passed over for its own stage had been entered at that instant as well.
        let mut ways = vec![Way::Turned];
        ways.extend(arrivals.clone().flatten().map(Way::Entered));
        if at_once.contains(&(&*rule.to, from)) {
            ways.extend(arrivals.flatten().map(Way::PassedOver));
        }
        ways.into_iter().any(|way| {
            let mut question = Question::new();
            // The moments in the order of time: entry, the instant before, the change, the reverse.
            let entry = question.moment(0);
            let before = question.moment(1);
            let change = question.moment(2);
            let reverse = question.moment(3);
            let same = |a, b| [Formula::within(a, b, 0), Formula::within(b, a, 0)];
            question.no_fact_after(change.now, 1);
            question.suppose(Formula::within(before.now, change.now, -1));
            question.suppose(Formula::within(change.now, before.now, 1));
            question.suppose(Formula::within(change.now, reverse.entered, 0));
            question.suppose(Formula::within(entry.now, change.now, 0));
            for formula in same(entry.now, change.entered) {
                question.suppose(formula);
            }
            let moment_says = match way {
                Way::Turned => {
                    for formula in same(before.entered, change.entered) {
                        question.suppose(formula);
                    }
                    vec![(&rule.when, before, false)]
                }
                Way::Entered(arrival) => {
                    question.suppose(Formula::within(change.now, change.entered, 0));
                    vec![(&arrival.when, Moment { phase: change.phase, ..entry }, true)]
                }
                Way::PassedOver(arrival) => {
                    question.no_fact_after(entry.now, 0);
                    let own = Moment { entered: entry.now, ..entry };
                    vec![(&arrival.when, entry, true), (&rule.when, own, true)]
                }
            };
            let turns = [(&rule.when, change, true), (&back.when, reverse, true)];
            for (condition, moment, want) in moment_says.into_iter().chain(turns) {
                let says = question.says(condition, moment, want);
                question.suppose(says);
            }
            question.can_be(&self.budget, Belief::Proven)
        })
    }
}

/// How silence gets a rule to fire.
#[derive(Clone, Copy)]
enum Way<'a> {
    Turned,
    Entered(&'a RuleDef),
    PassedOver(&'a RuleDef),
}

fn numbered<'c>(path: &str, list: &str, parts: &'c [Condition]) -> Vec<(String, &'c Condition)> {
    parts.iter().enumerate().map(|(index, part)| (format!("{path}.{list}[{index}]"), part)).collect()
}
