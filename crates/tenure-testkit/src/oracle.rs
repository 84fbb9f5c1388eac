//! The lifecycle stage by the book: slow, and sharing no code with the machine beyond the policy's types.
//!
//! Every condition is recomputed from the whole history at every candidate instant: at all facts, at all sums of a
//! fact's instant (or the entry into the stage) and a duration of the policy, and at the microsecond before each.

use std::collections::BTreeSet;

use serde_json::Value;
use tenure_core::projection::stage::{
    Compare, Condition, CountScope, Flag, MAX_SILENT_CHANGES, RuleDef, StagePolicy, Threshold, Which,
};
use tenure_core::select::{Leaf, Op, Selector};
use tenure_core::{By, EventId, EventView, Kind, Timestamp};

/// A change of stage as the oracle sees it, in codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OracleChange {
    /// When.
    pub at: Timestamp,
    /// The stage left; none at the first entry.
    pub from: Option<String>,
    /// The stage entered.
    pub to: String,
    /// The rule that fired; none at the first entry.
    pub rule: Option<String>,
    /// What brought it about.
    pub cause: OracleCause,
}

/// What brought a change about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OracleCause {
    /// The facts of that instant, sorted.
    Facts(Vec<EventId>),
    /// Nothing happened for long enough.
    Silence {
        /// From when the deciding time counts.
        since: Timestamp,
        /// The deciding condition, as a text.
        condition: String,
    },
}

/// A customer's whole history under a policy.
#[derive(Clone, Debug)]
pub struct StageOracle<'a> {
    policy: &'a StagePolicy,
    facts: Vec<EventView<'a>>,
}

/// A customer in a stage that was entered at an instant, in microseconds.
#[derive(Clone, Copy)]
struct Stay<'a> {
    stage: &'a str,
    entered: i64,
}

impl<'a> StageOracle<'a> {
    /// The history of one customer, in any order.
    pub fn new(policy: &'a StagePolicy, facts: impl IntoIterator<Item = EventView<'a>>) -> Self {
        let mut facts: Vec<_> = facts.into_iter().collect();
        facts.sort_by_key(EventView::key);
        Self { policy, facts }
    }

    /// All changes up to and with an instant.
    pub fn changes_until(&self, until: Timestamp) -> Vec<OracleChange> {
        self.run(until.as_micros(), |_| false)
    }

    /// The code of the stage at an instant; none before the first fact.
    pub fn stage_at(&self, at: Timestamp) -> Option<String> {
        self.changes_until(at).pop().map(|change| change.to)
    }

    /// The first instant after `after` at which silence alone changes the stage, no fact lying later.
    pub fn next_change(&self, after: Timestamp) -> Option<Timestamp> {
        let found =
            |change: &OracleChange| change.at > after && matches!(change.cause, OracleCause::Silence { .. });
        self.run(Timestamp::MAX.as_micros(), found).pop().filter(found).map(|change| change.at)
    }

    /// Runs up to an instant or to the first change that somebody waits for.
    fn run(&self, until: i64, enough: impl Fn(&OracleChange) -> bool) -> Vec<OracleChange> {
        let mut changes: Vec<OracleChange> = Vec::new();
        let Some(first) = self.facts.first().map(micros).filter(|first| *first <= until) else {
            return changes;
        };
        let initial = self.policy.code(self.policy.initial());
        changes.push(OracleChange {
            at: instant(first),
            from: None,
            to: initial.into(),
            rule: None,
            cause: OracleCause::Facts(self.ids_at(first)),
        });
        let mut stay = Stay { stage: initial, entered: first };
        self.settle(&mut stay, first, &mut changes);
        let (mut at, mut silent) = (first, 0);
        while !changes.last().is_some_and(&enough) {
            let fact = self.facts.iter().map(micros).find(|fact| *fact > at);
            let critical =
                if silent < MAX_SILENT_CHANGES { self.next_critical(stay, at, fact) } else { None };
            let next = match (fact, critical) {
                (Some(fact), Some(critical)) => fact.min(critical),
                (Some(only), None) | (None, Some(only)) => only,
                (None, None) => break,
            };
            if next > until {
                break;
            }
            let before = changes.len();
            self.settle(&mut stay, next, &mut changes);
            let fired = u32::try_from(changes.len() - before).unwrap_or(u32::MAX);
            silent = if fact == Some(next) { 0 } else { silent + fired };
            at = next;
        }
        if let Some(found) = changes.iter().position(enough) {
            changes.truncate(found + 1);
        }
        changes
    }

    fn ids_at(&self, at: i64) -> Vec<EventId> {
        let ids: BTreeSet<_> =
            self.facts.iter().filter(|fact| micros(fact) == at).map(|fact| fact.id).collect();
        ids.into_iter().collect()
    }

    fn rules_out_of(&self, stage: &str) -> impl Iterator<Item = &'a RuleDef> {
        self.policy.rules().iter().filter(move |rule| rule.from.iter().any(|from| **from == *stage))
    }

    /// Tries the rules at an instant until none fires.
    fn settle(&self, stay: &mut Stay<'a>, at: i64, changes: &mut Vec<OracleChange>) {
        let facts = self.ids_at(at);
        let arrival = *stay;
        let mut entered = BTreeSet::new();
        if stay.entered == at {
            // The customer's first instant: all others begin in a stage entered before.
            entered.insert(stay.stage);
        }
        let mut decided = None;
        while let Some(rule) = self
            .rules_out_of(stay.stage)
            .find(|rule| !entered.contains(&*rule.to) && self.holds(&rule.when, *stay, at))
        {
            let cause = if facts.is_empty() {
                let of_rule = self.turned(rule, *stay, at);
                let of_stage =
                    || self.rules_out_of(arrival.stage).find_map(|rule| self.turned(rule, arrival, at));
                decided = of_rule.or(decided).or_else(of_stage);
                match &decided {
                    Some((since, condition)) => {
                        OracleCause::Silence { since: instant(*since), condition: condition.clone() }
                    }
                    None => OracleCause::Facts(Vec::new()),
                }
            } else {
                OracleCause::Facts(facts.clone())
            };
            changes.push(OracleChange {
                at: instant(at),
                from: Some(stay.stage.into()),
                to: rule.to.as_ref().into(),
                rule: Some(rule.name.as_ref().into()),
                cause,
            });
            *stay = Stay { stage: &rule.to, entered: at };
            entered.insert(&rule.to);
        }
    }

    /// The first single condition of a rule whose truth differs from that of the microsecond before: from when it
    /// counts, and its text.
    fn turned(&self, rule: &RuleDef, stay: Stay<'_>, at: i64) -> Option<(i64, String)> {
        let turns = |leaf: &&Condition| self.holds(leaf, stay, at) != self.holds(leaf, stay, at - 1);
        let leaf = rule.when.leaves().into_iter().find(turns)?;
        let mut matching: Vec<i64> = leaf.selector().map(|of| self.matching(of, at)).unwrap_or_default();
        let since = match leaf {
            Condition::Count { compare, .. } => {
                matching.reverse();
                matching.get(usize::try_from(compare.bound() - 1).ok()?).copied()?
            }
            Condition::Age { which: Which::First, .. } => *matching.first()?,
            Condition::Age { .. } | Condition::Silence { .. } => *matching.last()?,
            Condition::InStageFor(_) => stay.entered,
            _ => at,
        };
        Some((since, leaf.to_string()))
    }

    /// The first instant after `at` and before the next fact at which a single condition of a rule out of the stage
    /// turns round.
    fn next_critical(&self, stay: Stay<'_>, at: i64, before: Option<i64>) -> Option<i64> {
        let leaves: Vec<&Condition> =
            self.rules_out_of(stay.stage).flat_map(|rule| rule.when.leaves()).collect();
        let mut durations = BTreeSet::new();
        for leaf in &leaves {
            match leaf {
                Condition::Count { scope: CountScope::Within(duration), .. }
                | Condition::Silence { at_least: Threshold::Fixed(duration), .. }
                | Condition::Age {
                    compare: Compare::AtLeast(duration) | Compare::LessThan(duration), ..
                }
                | Condition::InStageFor(duration) => {
                    durations.insert(duration.as_micros());
                }
                Condition::Silence { of, at_least, .. } => {
                    durations.insert(self.threshold(of, *at_least, at));
                }
                _ => {}
            }
        }
        let anchors: BTreeSet<i64> = self.facts.iter().map(micros).chain([stay.entered]).collect();
        let mut candidates: BTreeSet<i64> = anchors
            .iter()
            .flat_map(|anchor| durations.iter().map(move |duration| anchor + duration))
            .collect();
        for fact in &self.facts {
            candidates.extend(["start", "end"].into_iter().filter_map(|name| stated(fact, name)));
        }
        let turns = |candidate: &i64| {
            leaves
                .iter()
                .any(|leaf| self.holds(leaf, stay, *candidate) != self.holds(leaf, stay, candidate - 1))
        };
        let last = Timestamp::MAX.as_micros();
        candidates
            .into_iter()
            .filter(|candidate| *candidate > at && *candidate <= last)
            .filter(|candidate| before.is_none_or(|before| *candidate < before))
            .find(turns)
    }

    /// Instants of the facts that match up to `at`, in order.
    fn matching(&self, of: &Selector, at: i64) -> Vec<i64> {
        self.up_to(at).filter(|fact| matches(of, fact)).map(micros).collect()
    }

    fn up_to(&self, at: i64) -> impl DoubleEndedIterator<Item = &EventView<'a>> {
        self.facts.iter().filter(move |fact| micros(fact) <= at)
    }

    fn threshold(&self, of: &Selector, at_least: Threshold, at: i64) -> i64 {
        let (times, min, max) = match at_least {
            Threshold::Fixed(duration) => return duration.as_micros(),
            Threshold::Cadence { times, min, max } => (times, min, max),
        };
        let mut days: Vec<i64> = Vec::new();
        for fact in self.up_to(at).filter(|fact| matches(of, fact)) {
            let day = i64::from(self.policy.zone().day(fact.occurred_at));
            if days.last().is_none_or(|last| day > *last) {
                days.push(day);
            }
        }
        let mut gaps: Vec<i64> = days.iter().zip(days.iter().skip(1)).map(|(a, b)| b - a).rev().collect();
        gaps.truncate(self.policy.cadence().gaps.into());
        gaps.sort_unstable();
        let cadence = if gaps.len() < 3 {
            self.policy.cadence().default.as_micros()
        } else {
            gaps.get((gaps.len() - 1) / 2).map_or(0, |days| days * 86_400_000_000)
        };
        let threshold = i128::from(cadence) * i128::from(times.as_thousandths()) / 1_000;
        let threshold = threshold.clamp(min.as_micros().into(), max.as_micros().into());
        i64::try_from(threshold).unwrap_or(i64::MAX)
    }

    /// Whether a condition holds at an instant of a stay.
    fn holds(&self, condition: &Condition, stay: Stay<'_>, at: i64) -> bool {
        let count = |of: &Selector, after: i64| {
            u32::try_from(self.matching(of, at).into_iter().filter(|fact| *fact > after).count())
                .unwrap_or(u32::MAX)
        };
        match condition {
            Condition::All(parts) => parts.iter().all(|part| self.holds(part, stay, at)),
            Condition::Any(parts) => parts.iter().any(|part| self.holds(part, stay, at)),
            Condition::Not(part) => !self.holds(part, stay, at),
            Condition::Count { of, scope, compare } => {
                let after = match scope {
                    CountScope::Ever => i64::MIN,
                    CountScope::Within(window) => at - window.as_micros(),
                    CountScope::SinceStage => stay.entered,
                };
                compares(*compare, count(of, after))
            }
            Condition::Sum { of, compare } => self.sum_holds(of, *compare, at),
            Condition::Age { which, of, compare, or_never } => {
                let matching = self.matching(of, at);
                let from = if *which == Which::First { matching.first() } else { matching.last() };
                from.map_or(*or_never, |from| match compare {
                    Compare::AtLeast(bound) => at - from >= bound.as_micros(),
                    Compare::LessThan(bound) => at - from < bound.as_micros(),
                })
            }
            Condition::Silence { of, at_least, or_never } => self
                .matching(of, at)
                .last()
                .map_or(*or_never, |last| at - last >= self.threshold(of, *at_least, at)),
            Condition::InStageFor(duration) => at - stay.entered >= duration.as_micros(),
            Condition::Flag(flag) => self.flag(flag, at),
            Condition::Tag(tag) => self.latest(at, |fact| {
                let on = match fact.kind {
                    Kind::TagAdded => true,
                    Kind::TagRemoved => false,
                    _ => return None,
                };
                (fact.subject == Some(&**tag)).then_some(on)
            }),
            Condition::Attribute(leaf) => {
                let said = |fact: &EventView<'_>| {
                    let body = (fact.kind == Kind::ProfileUpdated).then(|| fact.properties())?;
                    body.get(leaf.property()).map(|value| passes(leaf, Some(value)))
                };
                if self.up_to(at).any(|fact| said(fact).is_some()) {
                    self.latest(at, said)
                } else {
                    passes(leaf, None)
                }
            }
            Condition::Score { survey, at_most } => {
                let score = |fact: &EventView<'_>| {
                    let answers = fact.kind == Kind::SurveyAnswered && fact.subject == Some(survey.name());
                    fact.number.filter(|_| answers)
                };
                // At one instant the greatest counts.
                let answers =
                    self.up_to(at).filter_map(|fact| score(fact).map(|score| (micros(fact), score)));
                answers.max().is_some_and(|(_, score)| score <= *at_most)
            }
            _ => false,
        }
    }

    /// Of the facts that say something, the latest instant decides, and at one instant true wins.
    fn latest(&self, at: i64, said: impl Fn(&EventView<'_>) -> Option<bool>) -> bool {
        self.up_to(at)
            .filter_map(|fact| said(fact).map(|on| (micros(fact), on)))
            .max()
            .is_some_and(|(_, on)| on)
    }

    fn sum_holds(&self, of: &Selector, compare: Compare<tenure_core::Money>, at: i64) -> bool {
        let bound = *compare.bound();
        let orders = names(of, Kind::OrderPlaced, None);
        let sum: i128 = self
            .up_to(at)
            .filter_map(|fact| {
                let money = fact.amount.filter(|money| money.currency == bound.currency)?;
                let refund = fact.kind == Kind::OrderRefunded;
                let minor = i128::from(money.minor);
                if orders && refund && leaves_pass(of, fact) {
                    Some(-minor)
                } else {
                    matches(of, fact).then_some(minor)
                }
            })
            .sum();
        match compare {
            Compare::AtLeast(bound) => sum >= bound.minor.into(),
            Compare::LessThan(bound) => sum < bound.minor.into(),
        }
    }

    fn flag(&self, flag: &Flag, at: i64) -> bool {
        match flag {
            Flag::ContractActive => self.active(Kind::ContractSigned, at, |fact, ended| {
                fact.kind == Kind::ContractEnded && (fact.subject.is_none() || fact.subject == ended.subject)
            }),
            Flag::TrialActive => {
                self.active(Kind::TrialStarted, at, |fact, _| fact.kind == Kind::SubscriptionStarted)
            }
            Flag::SubscriptionActive => self.active(Kind::SubscriptionStarted, at, |fact, ended| {
                fact.kind == Kind::SubscriptionEnded
                    && (fact.subject.is_none() || fact.subject == ended.subject)
            }),
            Flag::TicketOpen => self.ticket_open(false, at),
            Flag::ComplaintOpen => self.ticket_open(true, at),
            Flag::ChurnConfirmed => self.latest(at, |fact| match fact.kind {
                Kind::ChurnConfirmed => Some(true),
                Kind::OrderPlaced | Kind::SubscriptionStarted => Some(false),
                _ => None,
            }),
            // At one instant the withdrawal wins.
            Flag::Consented(purpose) => {
                let withdrawn = |fact: &EventView<'_>| {
                    let about = fact.kind == Kind::ConsentChanged && fact.subject == Some(&**purpose);
                    about.then(|| fact.value("granted") != Some(Value::Bool(true)))
                };
                self.up_to(at).any(|fact| withdrawn(fact).is_some()) && !self.latest(at, withdrawn)
            }
            _ => false,
        }
    }

    /// Whether something that facts of `kind` begin runs: from its own start (not before its fact) until its end, a
    /// later fact that ends it, or the start of what a later fact says of the same name.
    fn active(&self, kind: Kind, at: i64, ends: impl Fn(&EventView<'_>, &EventView<'_>) -> bool) -> bool {
        let span = |fact: &EventView<'_>| {
            let start = stated(fact, "start").filter(|_| fact.kind == Kind::ContractSigned);
            let end = stated(fact, "end").filter(|_| fact.kind != Kind::SubscriptionStarted);
            (start.unwrap_or(i64::MIN).max(micros(fact)), end.unwrap_or(i64::MAX))
        };
        self.up_to(at).filter(|fact| fact.kind == kind).any(|fact| {
            let (begin, end) = span(fact);
            let later = || self.up_to(at).filter(|later| micros(later) > micros(fact));
            let replaced = later()
                .filter(|later| later.kind == kind && later.subject == fact.subject)
                .any(|later| span(later).0 <= at);
            begin <= at && at < end && !replaced && !later().any(|later| ends(later, fact))
        })
    }

    /// Whether a ticket (that is a complaint) is open: opened or reopened later than it was last resolved.
    fn ticket_open(&self, complaint: bool, at: i64) -> bool {
        self.up_to(at).any(|fact| {
            let opens = matches!(fact.kind, Kind::TicketOpened | Kind::TicketReopened);
            let resolved = |later: &EventView<'_>| {
                later.kind == Kind::TicketResolved
                    && later.subject == fact.subject
                    && micros(later) >= micros(fact)
            };
            let meant = !complaint || fact.value("complaint") == Some(Value::Bool(true));
            opens && meant && !self.up_to(at).any(resolved)
        })
    }
}

pub(crate) fn micros(fact: &EventView<'_>) -> i64 {
    fact.occurred_at.as_micros()
}

fn instant(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros).unwrap_or(Timestamp::MAX)
}

pub(crate) fn stated(fact: &EventView<'_>, name: &str) -> Option<i64> {
    Timestamp::parse(fact.value(name)?.as_str()?).ok().map(Timestamp::as_micros)
}

fn compares(compare: Compare<u32>, count: u32) -> bool {
    match compare {
        Compare::AtLeast(bound) => count >= bound,
        Compare::LessThan(bound) => count < bound,
    }
}

/// Whether a selector names facts of a kind, and of a name where the kind is `tracked`.
fn names(of: &Selector, kind: Kind, tracked: Option<&str>) -> bool {
    of.names().map_or(kind.by() == By::Customer, |names| {
        names.iter().any(|name| match Kind::named(name) {
            Some(meant) => meant == kind,
            None => kind == Kind::Tracked && tracked == Some(&**name),
        })
    })
}

pub(crate) fn matches(of: &Selector, fact: &EventView<'_>) -> bool {
    names(of, fact.kind, fact.subject) && leaves_pass(of, fact)
}

fn leaves_pass(of: &Selector, fact: &EventView<'_>) -> bool {
    of.leaves().iter().all(|leaf| passes(leaf, fact.value(leaf.property()).as_ref()))
}

/// The tests of a property that the strategies of this kit make.
fn passes(leaf: &Leaf, value: Option<&Value>) -> bool {
    let wanted = leaf.value();
    let Some(value) = value.filter(|value| !value.is_null()) else { return leaf.op() == Op::Ne };
    let number = |value: &Value| value.as_f64();
    let order = wanted.as_ref().and_then(|wanted| number(value)?.partial_cmp(&number(wanted)?));
    match leaf.op() {
        Op::Eq => wanted.as_ref() == Some(value),
        Op::Ne => wanted.as_ref() != Some(value),
        Op::In => wanted.as_ref().and_then(Value::as_array).is_some_and(|list| list.contains(value)),
        Op::ContainsCi => {
            let text = |value: &Value| value.as_str().map(str::to_lowercase);
            text(value).zip(wanted.as_ref().and_then(text)).is_some_and(|(text, part)| text.contains(&part))
        }
        Op::IsSet => true,
        Op::Gt => order.is_some_and(std::cmp::Ordering::is_gt),
        Op::Ge => order.is_some_and(std::cmp::Ordering::is_ge),
        Op::Lt => order.is_some_and(std::cmp::Ordering::is_lt),
        Op::Le => order.is_some_and(std::cmp::Ordering::is_le),
    }
}
