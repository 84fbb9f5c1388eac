//! What another policy makes of everybody: who changes stage, segment or risk band, and why.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::event::EventView;
use crate::fold::{Fingerprint, Projection};
use crate::id::CustomerId;
use crate::policy::{Policy, Unfit};
use crate::projection::churn::Churn;
use crate::projection::rfm::{Rfm, RfmView};
use crate::projection::stage::Timeline;
use crate::report::rfm::{Population, RfmAnswer, RfmReport, RfmRow};
use crate::report::{Report, Shown};
use crate::text::Language;
use crate::time::Timestamp;

/// Everything that one policy says of a customer. What it has no part for is not asked.
#[derive(Clone, Debug)]
pub struct Side {
    stages: Option<Timeline>,
    rfm: Rfm,
    churn: Option<Churn>,
    language: Language,
}

/// What a policy says of a customer.
#[derive(Clone, Debug, PartialEq)]
pub struct SideView {
    /// Code of the stage, and why in words; none before the first fact, and without stages.
    stage: Option<Said>,
    rfm: RfmView,
    /// Code of the risk band, and why.
    band: Option<Said>,
}

/// A code, and why it is that one.
#[derive(Clone, Debug, PartialEq)]
struct Said {
    code: String,
    why: String,
}

impl Side {
    /// A policy made ready, with reasons in a language.
    ///
    /// # Errors
    /// As [`Policy::check`].
    pub fn new(policy: &Policy, language: Language) -> Result<Self, Unfit> {
        let stages = if policy.stages.is_empty() { None } else { Some(Timeline::new(policy.stages()?)) };
        let churn = if policy.churn.is_some() { Some(policy.churn()?) } else { None };
        let rfm = policy.rfm().map_err(|error| Unfit { path: error.path, why: error.why })?;
        Ok(Self { stages, rfm, churn, language })
    }
}

impl Projection for Side {
    type State = (
        <Option<Timeline> as Projection>::State,
        <Rfm as Projection>::State,
        <Option<Churn> as Projection>::State,
    );
    type View = SideView;

    fn init(&self) -> Self::State {
        (self.stages.init(), self.rfm.init(), self.churn.init())
    }

    fn apply(&self, state: &mut Self::State, fact: &EventView<'_>) {
        self.stages.apply(&mut state.0, fact);
        self.rfm.apply(&mut state.1, fact);
        self.churn.apply(&mut state.2, fact);
    }

    fn view(&self, state: &Self::State, as_of: Timestamp) -> SideView {
        let last = self.stages.view(&state.0, as_of).and_then(|changes| changes.into_iter().next_back());
        let stands = self.stages.as_ref().zip(last).map(|(timeline, change)| {
            let machine = timeline.machine();
            Said {
                code: machine.policy().code(change.to).to_owned(),
                why: machine.reason(&change, self.language),
            }
        });
        let risk = self.churn.as_ref().zip(self.churn.view(&state.2, as_of));
        let band = risk.map(|(churn, view)| {
            let reasons =
                view.reasons().into_iter().take(3).map(|signal| churn.reason(signal, self.language));
            let reasons: Vec<String> = reasons.collect();
            Said {
                code: view.band.code().to_owned(),
                why: format!("{} {}", view.score, reasons.join("; ")).trim().into(),
            }
        });
        SideView { stage: stands, rfm: self.rfm.view(&state.1, as_of), band }
    }

    fn fingerprint(&self) -> Fingerprint {
        (self.stages.as_ref(), &self.rfm, self.churn.as_ref()).fingerprint()
    }

    fn fits(&self, state: &Self::State) -> bool {
        self.stages.fits(&state.0) && self.rfm.fits(&state.1) && self.churn.fits(&state.2)
    }
}

/// Two policies side by side, over a population folded once under both.
///
/// Segments are relative to the edges of each policy's own population.
///
/// # Laws
/// As every [`Report`]; what is kept of stages and bands is bounded by `examples`. A policy differs from itself in nothing.
///
/// # Example
/// ```
/// use tenure_core::fold::States;
/// use tenure_core::log::{Cut, Log};
/// use tenure_core::diff::{PolicyDiff, Side};
/// use tenure_core::report::{Report, add_all};
/// use tenure_core::text::Language;
/// use tenure_core::{Policy, Timestamp};
/// let retail = Policy::preset("retail").ok_or("no such preset")?;
/// let sides = (Side::new(&retail, Language::En)?, Side::new(&Policy::default(), Language::En)?);
/// let diff = PolicyDiff::new(&sides, Timestamp::MIN, 3);
/// let states = States::of_log(sides, Cut::default(), &Log::new());
/// let answer = diff.finish(add_all(&diff, &states, Timestamp::MIN));
/// assert_eq!((answer.customers, answer.differing), (0, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct PolicyDiff {
    rfm: [RfmReport; 2],
    examples: usize,
}

/// The sum so far.
#[derive(Clone, Debug, Default)]
pub struct DiffSum {
    customers: u64,
    /// Who differs in stage or band.
    differing: BTreeSet<(String, CustomerId)>,
    flows: BTreeMap<(Aspect, Codes), FlowSum>,
    populations: [Population; 2],
}

type Codes = (Option<String>, Option<String>);

#[derive(Clone, Debug, Default)]
struct FlowSum {
    customers: u64,
    /// By the name shown.
    examples: BTreeMap<(String, CustomerId), Example>,
}

/// In what customers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Aspect {
    /// The lifecycle stage.
    Stage,
    /// The RFM segment.
    Segment,
    /// The risk band.
    Band,
}

/// The answer of `tenure diff`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DiffAnswer {
    /// How many customers were compared: all.
    pub customers: u64,
    /// How many of them differ in anything.
    pub differing: u64,
    /// From what to what, the most customers first within stages, segments and bands.
    pub flows: Vec<DiffFlow>,
    /// Why there are no segments to compare.
    pub notes: Vec<String>,
}

/// Customers whom the second policy puts elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DiffFlow {
    /// In what they differ.
    pub aspect: Aspect,
    /// Code under the first policy; none where it has none for them.
    pub from: Option<String>,
    /// Code under the second.
    pub to: Option<String>,
    /// How many.
    pub customers: u64,
    /// The first of them, by the name shown.
    pub examples: Vec<Example>,
}

/// One customer, and why each policy says what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Example {
    /// Who, as shown.
    pub customer: String,
    /// Why the first policy says so; empty where it says nothing.
    pub before: String,
    /// Why the second does.
    pub after: String,
}

impl PolicyDiff {
    /// The report over two sides at an instant, with so many examples of each flow.
    pub fn new(sides: &(Side, Side), as_of: Timestamp, examples: usize) -> Self {
        Self { rfm: [RfmReport::new(&sides.0.rfm, as_of), RfmReport::new(&sides.1.rfm, as_of)], examples }
    }

    fn differ(
        &self,
        sum: &mut DiffSum,
        aspect: Aspect,
        customer: (String, CustomerId),
        said: [Option<Said>; 2],
    ) {
        let [before, after] = said;
        let code = |said: &Option<Said>| said.as_ref().map(|said| said.code.clone());
        let codes = (code(&before), code(&after));
        if codes.0 == codes.1 {
            return;
        }
        let why = |said: Option<Said>| said.map(|said| said.why).unwrap_or_default();
        let example = Example { customer: customer.0.clone(), before: why(before), after: why(after) };
        sum.differing.insert(customer.clone());
        let flow = sum.flows.entry((aspect, codes)).or_default();
        flow.customers += 1;
        flow.examples.insert(customer, example);
        self.trim(flow);
    }

    fn trim(&self, flow: &mut FlowSum) {
        while flow.examples.len() > self.examples {
            flow.examples.pop_last();
        }
    }
}

impl Report for PolicyDiff {
    type View = (SideView, SideView);
    type Acc = DiffSum;
    type Answer = DiffAnswer;

    fn add(&self, sum: &mut DiffSum, customer: Shown<'_>, (before, after): &Self::View) {
        sum.customers += 1;
        let who = || (customer.name.to_owned(), customer.id);
        self.differ(sum, Aspect::Stage, who(), [before.stage.clone(), after.stage.clone()]);
        self.differ(sum, Aspect::Band, who(), [before.band.clone(), after.band.clone()]);
        let [one, other] = &mut sum.populations;
        let [first, second] = &self.rfm;
        first.add(one, customer, &before.rfm);
        second.add(other, customer, &after.rfm);
    }

    fn merge(&self, into: &mut DiffSum, other: DiffSum) {
        into.customers += other.customers;
        into.differing.extend(other.differing);
        for (flow, more) in other.flows {
            let flow = into.flows.entry(flow).or_default();
            flow.customers += more.customers;
            flow.examples.extend(more.examples);
            self.trim(flow);
        }
        for ((report, into), other) in self.rfm.iter().zip(&mut into.populations).zip(other.populations) {
            report.merge(into, other);
        }
    }

    fn finish(&self, mut sum: DiffSum) -> DiffAnswer {
        let mut notes = Vec::new();
        let [one, other] = core::mem::take(&mut sum.populations);
        let [first, second] = &self.rfm;
        match (first.finish(one), second.finish(other)) {
            (Ok(before), Ok(after)) => self.segments(&mut sum, before, after),
            (Err(error), _) | (_, Err(error)) => notes.push(format!("no segments: {error}")),
        }
        let mut flows: Vec<DiffFlow> = sum
            .flows
            .into_iter()
            .map(|((aspect, (from, to)), flow)| {
                let examples = flow.examples.into_values().collect();
                DiffFlow { aspect, from, to, customers: flow.customers, examples }
            })
            .collect();
        // Stable: of equally many the codes decide.
        flows.sort_by_key(|flow| (flow.aspect, core::cmp::Reverse(flow.customers)));
        DiffAnswer { customers: sum.customers, differing: sum.differing.len() as u64, flows, notes }
    }
}

impl PolicyDiff {
    /// Both answers are by the name shown.
    fn segments(&self, sum: &mut DiffSum, before: RfmAnswer, after: RfmAnswer) {
        let by_name = |answer: RfmAnswer| -> BTreeMap<String, RfmRow> {
            answer.customers.into_iter().map(|row| (row.customer.clone(), row)).collect()
        };
        let (before, mut after) = (by_name(before), by_name(after));
        let said = |row: RfmRow| Said {
            code: row.segment,
            why: format!("R{} F{} M{}", row.scores.r, row.scores.f, row.scores.m),
        };
        // Names are one a customer but for absurd cases, in which they are compared as one.
        let nobody = CustomerId::from_bytes([0; 16]);
        let known: Vec<(String, CustomerId)> = sum.differing.iter().cloned().collect();
        let id = |name: &str| {
            let place = known.partition_point(|(known, _)| known.as_str() < name);
            known.get(place).filter(|(known, _)| known == name).map_or(nobody, |(_, id)| *id)
        };
        for (name, row) in before {
            let other = after.remove(&name).map(said);
            self.differ(sum, Aspect::Segment, (name.clone(), id(&name)), [Some(said(row)), other]);
        }
        for (name, row) in after {
            self.differ(sum, Aspect::Segment, (name.clone(), id(&name)), [None, Some(said(row))]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::fold;
    use crate::{Customer, CustomerEvent, Duration, Event, EventId, Money};

    /// Orders of some customers, by days; seen 100 days after 1970.
    fn answer(old: &str, new: &str, customers: &[(&str, &[u32])], split: usize) -> DiffAnswer {
        let policy = |text: &str| Policy::parse(text, "p.toml").unwrap();
        let sides =
            (Side::new(&policy(old), Language::En).unwrap(), Side::new(&policy(new), Language::En).unwrap());
        let day = |n: u32| Timestamp::MIN.checked_add(Duration::days(n)).unwrap();
        let diff = PolicyDiff::new(&sides, day(100), 2);
        let sum = |customers: &[(&str, &[u32])]| {
            let mut sum = DiffSum::default();
            for (name, days) in customers {
                let customer = Customer::parse(name, "shop").unwrap();
                let order = |n: &u32| {
                    let total = Some(Money::from_minor(1_000, "USD".parse().unwrap()));
                    let fact = CustomerEvent::OrderPlaced { order: None, total, lines: vec![] };
                    let id = EventId::from_foreign(name, &n.to_string());
                    Event::new(id, customer.clone(), day(*n), fact).unwrap()
                };
                let facts: Vec<Event> = days.iter().map(order).collect();
                let state = fold(&sides, facts.iter().map(Event::view));
                diff.add(&mut sum, Shown { id: customer.id(), name }, &sides.view(&state, day(100)));
            }
            sum
        };
        let (some, others) = customers.split_at(split);
        let mut all = sum(others);
        diff.merge(&mut all, sum(some));
        diff.finish(all)
    }

    const CUSTOMERS: [(&str, &[u32]); 4] = [("ann", &[10]), ("ben", &[20]), ("cem", &[60]), ("dan", &[95])];

    fn quiet(days: u32) -> String {
        format!(
            "[[stage]]\nid = 'on'\nmacro = 'growth'\ninitial = true\nlabels = {{ en = 'On', zh-CN = '在' }}\n\
             [[stage]]\nid = 'off'\nmacro = 'churn_prevention'\nlabels = {{ en = 'Off', zh-CN = '离' }}\n\
             [[rule]]\nname = 'silent'\nfrom = ['on']\nto = 'off'\nwhen = {{ silence = 'order_placed', at_least = '{days}d' }}\n\
             [churn]\n[[churn.signal]]\ncode = 'silent'\nsilence = 'order_placed'\nat_least = '{days}d'\npoints = 60\n"
        )
    }

    #[test]
    fn who_moves_is_counted_with_examples_and_reasons_from_both_sides() {
        let answer = answer(&quiet(30), &quiet(60), &CUSTOMERS, 1);
        // Silent for 90, 80, 40 and 5 days: only cem lies between.
        assert_eq!((answer.customers, answer.differing), (4, 1));
        let told: Vec<_> = answer
            .flows
            .iter()
            .map(|flow| {
                (flow.aspect, flow.from.as_deref().unwrap(), flow.to.as_deref().unwrap(), flow.customers)
            })
            .collect();
        assert_eq!(told, [(Aspect::Stage, "off", "on", 1), (Aspect::Band, "high", "low", 1)]);
        let [stage, band] = [&answer.flows[0].examples[0], &answer.flows[1].examples[0]];
        assert_eq!((&*stage.customer, stage.before.is_empty()), ("cem", false), "{stage:?}");
        assert!(band.before.starts_with("60 no order") && band.after == "0", "{band:?}");
    }

    #[test]
    fn every_split_of_the_population_gives_the_same_and_a_policy_differs_from_itself_in_nothing() {
        let whole = answer(&quiet(1), &quiet(85), &CUSTOMERS, 0);
        assert_eq!(whole.flows[0].customers, 3);
        assert_eq!(whole.flows[0].examples.len(), 2, "as many as were asked for");
        for split in 1..=4 {
            assert_eq!(answer(&quiet(1), &quiet(85), &CUSTOMERS, split), whole);
        }
        assert_eq!(answer(&quiet(30), &quiet(30), &CUSTOMERS, 2).differing, 0);
    }

    #[test]
    fn segments_are_relative_to_each_policys_own_population() {
        let own = |r: &str| format!("[rfm]\nmap = 'own'\n[[rfm.segment]]\ncode = 'near'\nr = {r}\n");
        let answer = answer(&own("[5, 5]"), &own("[4, 5]"), &CUSTOMERS, 2);
        let flow = &answer.flows[0];
        assert_eq!(
            (flow.aspect, flow.from.as_deref(), flow.to.as_deref()),
            (Aspect::Segment, Some("others"), Some("near"))
        );
        assert_eq!(flow.examples[0].before, flow.examples[0].after, "the same scores, another map");
    }
}
