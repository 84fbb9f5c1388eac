//! All changes of stage of a customer, each with its cause, and the reasons in words.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::machine::{self, Change, StageMachine, StageState};
use super::policy::{Placeholder, RuleIx, StageIx};
use crate::event::EventView;
use crate::fold::{Fingerprint, Projection};
use crate::id::EventId;
use crate::text::Language;
use crate::time::{Timestamp, Zone};

/// Which single condition of its policy, by place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConditionIx(pub u16);

/// A change of stage, or the first entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageChange {
    /// When.
    pub at: Timestamp,
    /// The stage left; none at the first entry.
    pub from: Option<StageIx>,
    /// The stage entered.
    pub to: StageIx,
    /// The rule that fired; none at the first entry.
    pub rule: Option<RuleIx>,
    /// What brought it about.
    pub cause: Cause,
}

/// What brought a change about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// The facts of that instant, all of them, sorted.
    Facts(Vec<EventId>),
    /// Nothing happened, for long enough.
    Silence {
        /// The instant from which the deciding time counts: the fact that a window, an age or a silence counts from,
        /// the entry into the stage, or the instant itself where a contract or trial begins or ends.
        since: Timestamp,
        /// The first condition of the rule that time turned round at that instant.
        condition: ConditionIx,
    },
}

/// The whole timeline of a customer's stages: for those who ask for it, as it grows with the history.
///
/// # Laws
/// Its last entry is what [`StageMachine`] sees; every entry but the first follows a transition of the policy.
#[derive(Clone, Debug)]
pub struct Timeline {
    machine: StageMachine,
    fingerprint: Fingerprint,
}

/// A machine's state, the changes before its last instant, and the facts of the last instant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimelineState {
    pub(super) machine: StageState,
    pub(super) changes: Vec<StageChange>,
    latest: Timestamp,
    /// Sorted.
    facts: Vec<EventId>,
}

impl Timeline {
    /// The timeline under a machine's policy.
    pub fn new(machine: StageMachine) -> Self {
        let fingerprint = Fingerprint::of("stage_timeline", 1, machine.policy());
        Self { machine, fingerprint }
    }

    /// The machine, which names stages and rules.
    pub const fn machine(&self) -> &StageMachine {
        &self.machine
    }
}

fn explain(change: Change, facts: &[EventId]) -> StageChange {
    let cause = match change.silence {
        None => Cause::Facts(facts.to_vec()),
        Some((since, condition)) => Cause::Silence { since: machine::instant(since), condition },
    };
    StageChange {
        at: machine::instant(change.at),
        from: change.from,
        to: change.to,
        rule: change.rule,
        cause,
    }
}

impl Projection for Timeline {
    type State = TimelineState;
    /// In the order of time; at one instant in the order in which the rules fired.
    type View = Vec<StageChange>;

    fn init(&self) -> TimelineState {
        TimelineState {
            machine: self.machine.init(),
            changes: Vec::new(),
            latest: Timestamp::MIN,
            facts: Vec::new(),
        }
    }

    fn apply(&self, state: &mut TimelineState, fact: &EventView<'_>) {
        let mut changes = Vec::new();
        self.machine.take(&mut state.machine, fact, &mut changes);
        state.changes.extend(changes.into_iter().map(|change| explain(change, &state.facts)));
        if fact.occurred_at != state.latest {
            state.facts.clear();
            state.latest = fact.occurred_at;
        }
        if let Err(place) = state.facts.binary_search(&fact.id) {
            state.facts.insert(place, fact.id);
        }
    }

    fn view(&self, state: &TimelineState, as_of: Timestamp) -> Vec<StageChange> {
        let mut changes = Vec::new();
        self.machine.changes_until(&state.machine, as_of, &mut changes);
        let ahead = changes.into_iter().map(|change| explain(change, &state.facts));
        state.changes.iter().cloned().chain(ahead).collect()
    }

    fn next_change(&self, state: &TimelineState, after: Timestamp) -> Option<Timestamp> {
        self.machine.next_change(&state.machine, after)
    }

    fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    fn fits(&self, state: &TimelineState) -> bool {
        let policy = self.machine.policy();
        let known = |stage: StageIx| policy.stage(stage).is_some();
        self.machine.fits(&state.machine)
            && state.facts.is_sorted_by(|a, b| a < b)
            && state.changes.is_sorted_by_key(|change| change.at)
            && state.changes.iter().all(|change| {
                let condition = match &change.cause {
                    Cause::Silence { condition, .. } => usize::from(condition.0) < self.machine.conditions(),
                    Cause::Facts(_) => true,
                };
                known(change.to)
                    && change.from.is_none_or(known)
                    && change.rule.is_none_or(|rule| policy.rule(rule).is_some())
                    && condition
            })
    }
}

impl StageMachine {
    /// The changes that silence makes after an instant and up to and with another, if nothing more happens.
    pub fn ahead(&self, state: &StageState, after: Timestamp, until: Timestamp) -> Vec<StageChange> {
        let mut changes = Vec::new();
        self.changes_until(state, until, &mut changes);
        changes.retain(|change| change.silence.is_some() && change.at > after.as_micros());
        changes.into_iter().map(|change| explain(change, &[])).collect()
    }

    /// A change as JSON:
    /// `{"at", "from", "to", "rule", "cause": {"facts": [...]} or {"silence": {"since", "condition"}}}`, in codes.
    pub fn change_json(&self, change: &StageChange) -> Value {
        let code = |stage| self.policy().code(stage);
        let cause = match &change.cause {
            Cause::Facts(facts) => json!({"facts": facts}),
            Cause::Silence { since, condition } => {
                json!({"silence": {"since": since, "condition": self.condition_text(*condition)}})
            }
        };
        let rule = change.rule.and_then(|rule| self.policy().rule(rule)).map(|rule| &rule.name);
        json!({
            "at": change.at,
            "from": change.from.map(code),
            "to": code(change.to),
            "rule": rule,
            "cause": cause,
        })
    }

    /// Why a change happened, in words: the rule's template, else a sentence that says the same of every rule.
    ///
    /// A template that names what a change does not have (days of silence, where facts brought it about) gives way to
    /// that sentence.
    pub fn reason(&self, change: &StageChange, language: Language) -> String {
        let rule = change.rule.and_then(|rule| self.policy().rule(rule));
        let template = rule.and_then(|rule| rule.because.as_ref()).map(|because| because.of(language));
        template
            .and_then(|template| self.fill(template, change, language))
            .unwrap_or_else(|| self.plain_reason(change, language))
    }

    fn label(&self, stage: Option<StageIx>, language: Language) -> &str {
        stage.and_then(|stage| self.policy().stage(stage)).map_or("", |stage| stage.labels.of(language))
    }

    fn fill(&self, template: &str, change: &StageChange, language: Language) -> Option<String> {
        let mut filled = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}')?;
            filled.push_str(before);
            let value = match (Placeholder::named(name)?, &change.cause) {
                (Placeholder::Days, Cause::Silence { since, .. }) => {
                    change.at.since(*since).as_days().to_string()
                }
                (Placeholder::Since, Cause::Silence { since, .. }) => Zone::UTC.date(*since).to_string(),
                (Placeholder::Days | Placeholder::Since, Cause::Facts(_)) => return None,
                (Placeholder::Count, _) => {
                    let rule = self.policy().rule(change.rule?)?;
                    super::policy::first_count(&rule.when)?.to_string()
                }
                (Placeholder::From, _) => self.label(change.from, language).to_owned(),
                (Placeholder::To, _) => self.label(Some(change.to), language).to_owned(),
            };
            filled.push_str(&value);
            rest = after;
        }
        filled.push_str(rest);
        Some(filled)
    }

    fn plain_reason(&self, change: &StageChange, language: Language) -> String {
        let to = self.label(Some(change.to), language);
        let Some(rule) = change.rule.and_then(|rule| self.policy().rule(rule)) else {
            return match language {
                Language::En => format!("first fact: begins as {to}"),
                Language::ZhCn => format!("首个事实：进入“{to}”"),
            };
        };
        let (name, from) = (&rule.name, self.label(change.from, language));
        match (&change.cause, language) {
            (Cause::Facts(_), Language::En) => format!("from {from} to {to} by rule {name}"),
            (Cause::Facts(_), Language::ZhCn) => format!("按规则 {name} 由“{from}”变为“{to}”"),
            (Cause::Silence { since, condition }, language) => {
                let (since, text) = (Zone::UTC.date(*since), self.condition_text(*condition));
                match language {
                    Language::En => {
                        format!("from {from} to {to} by rule {name}: {text}, counted from {since}")
                    }
                    Language::ZhCn => {
                        format!("按规则 {name} 由“{from}”变为“{to}”：{text}，自 {since} 起计")
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::fold;
    use crate::projection::stage::StagePolicy;
    use crate::{Customer, CustomerEvent, Event};

    /// Orders of a customer of a shop: two in a week, a long silence, three more.
    fn story() -> (Timeline, Vec<Event>) {
        let order = |day: &str| {
            let fact = CustomerEvent::OrderPlaced { order: None, total: None, lines: vec![] };
            let at = Timestamp::parse(&format!("{day}T12:00:00Z")).unwrap();
            let customer = Customer::parse("1", "shop").unwrap();
            Event::new(EventId::from_foreign("shop", day), customer, at, fact).unwrap()
        };
        let days = ["2024-01-01", "2024-01-08", "2024-07-01", "2024-07-02", "2024-07-03"];
        let machine = StageMachine::new(StagePolicy::retail().unwrap());
        (Timeline::new(machine), days.iter().map(|day| order(day)).collect())
    }

    #[test]
    fn every_change_names_its_cause_and_its_reason() {
        let (timeline, events) = story();
        let machine = timeline.machine();
        let state = fold(&timeline, events.iter().map(Event::view));
        let changes = timeline.view(&state, Timestamp::parse("2024-07-31T00:00:00Z").unwrap());
        let told: Vec<_> = changes
            .iter()
            .map(|change| {
                let day = change.at.to_string();
                format!("{} {}", day.get(..10).unwrap(), machine.reason(change, Language::En))
            })
            .collect();
        assert_eq!(
            told,
            [
                "2024-01-01 first fact: begins as prospect",
                "2024-01-01 placed the first order",
                "2024-01-08 placed the second order",
                "2024-03-08 no order for 60 days, long for this customer",
                "2024-05-07 no order for 120 days",
                "2024-07-01 ordered again after having churned",
                "2024-07-02 the return has lasted",
                "2024-07-02 4 orders within a year",
            ]
        );
        assert_eq!(machine.reason(&changes[3], Language::ZhCn), "已60天未下单，超出其正常购买周期");
        assert_eq!(machine.reason(&changes[0], Language::ZhCn), "首个事实：进入“潜在客户”");
    }

    #[test]
    fn a_template_that_does_not_suit_the_cause_gives_way() {
        let (timeline, _) = story();
        let machine = timeline.machine();
        let silent = machine.policy().rules().iter().position(|rule| &*rule.name == "silent").unwrap();
        let change = StageChange {
            at: Timestamp::MIN,
            from: Some(StageIx(1)),
            to: StageIx(4),
            rule: Some(RuleIx(u16::try_from(silent).unwrap())),
            cause: Cause::Facts(vec![]),
        };
        assert_eq!(machine.reason(&change, Language::En), "from new to at risk by rule silent");
        assert_eq!(machine.reason(&change, Language::ZhCn), "按规则 silent 由“新客”变为“流失风险客户”");
        let silence = Cause::Silence { since: Timestamp::MIN, condition: ConditionIx(0) };
        let unnamed = StageChange { rule: Some(RuleIx(999)), cause: silence, ..change };
        assert_eq!(machine.reason(&unnamed, Language::En), "first fact: begins as at risk");
    }

    #[test]
    fn the_json_of_a_change_is_in_codes() {
        let (timeline, events) = story();
        let state = fold(&timeline, events.iter().map(Event::view));
        let changes = timeline.view(&state, Timestamp::MAX);
        let json = |place: usize| timeline.machine().change_json(&changes[place]);
        assert_eq!(
            json(0),
            json!({
                "at": "2024-01-01T12:00:00Z", "from": null, "to": "prospect", "rule": null,
                "cause": {"facts": [events[0].id()]},
            })
        );
        assert_eq!(
            json(3),
            json!({
                "at": "2024-03-08T12:00:00Z", "from": "active", "to": "at_risk", "rule": "silent",
                "cause": {"silence": {
                    "since": "2024-01-08T12:00:00Z",
                    "condition": "silence = order_placed, at_least = { cadence = 2, min = 45d, max = 120d }",
                }},
            })
        );
    }
}
