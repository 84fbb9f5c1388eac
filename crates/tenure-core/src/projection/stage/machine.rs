//! The machine: takes facts in, tries the rules when something may have changed, and looks ahead into silence.

use core::cell::Cell;
use core::hint::black_box;

use serde::{Deserialize, Serialize};

use super::compile::{Keep, Op, Program, Rule};
use super::memory::{self, Class, Keyed, KeyedList, NEVER, NONE};
use super::policy::{MacroStage, RuleIx, StageIx, StagePolicy};
use super::test::{Memory, Spot};
use super::timeline::ConditionIx;
use crate::event::{EventView, Head, KindSet, Lend};
use crate::fold::{Fingerprint, Projection};
use crate::time::Timestamp;

/// How often silence can move a customer between two facts. A policy that goes round in circles by time alone stops
/// there, until the next fact.
pub const MAX_SILENT_CHANGES: u32 = 1_000;

/// The lifecycle stage of a customer, by a policy.
///
/// # Laws
/// The stage is a pure function of the set of facts up to an instant: facts of one instant may have any ids, a fact
/// twice is no business of it (the log sees to that), and it moves along the policy's transitions alone. Between facts
/// it is piecewise constant, and [`next_change`](Projection::next_change) names the next step exactly.
///
/// # Example
/// ```
/// use tenure_core::fold::{Projection, fold};
/// use tenure_core::projection::stage::{StageMachine, StagePolicy};
/// use tenure_core::{Customer, CustomerEvent, Event, EventId, Timestamp};
///
/// let shop = StageMachine::new(StagePolicy::retail()?);
/// let order = Event::new(
///     EventId::from_foreign("shop", "order-1"),
///     Customer::parse("1001", "shop")?,
///     Timestamp::parse("2024-05-01T10:00:00Z")?,
///     CustomerEvent::OrderPlaced { order: None, total: None, lines: vec![] },
/// )?;
/// let state = fold(&shop, [order.view()]);
/// let stage = |at: &str| {
///     let view = shop.view(&state, Timestamp::parse(at)?).ok_or("nobody")?;
///     Ok::<_, Box<dyn std::error::Error>>(shop.policy().code(view.stage).to_owned())
/// };
/// assert_eq!(stage("2024-05-02T00:00:00Z")?, "new");
/// assert_eq!(stage("2024-12-31T00:00:00Z")?, "churned");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct StageMachine {
    policy: StagePolicy,
    program: Program,
    macros: Box<[MacroStage]>,
    /// Made once: a state is written for every customer.
    fingerprint: Fingerprint,
}

/// The stage of a customer at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageView {
    /// Which stage.
    pub stage: StageIx,
    /// Which macro stage it belongs to.
    pub macro_stage: MacroStage,
    /// Since when.
    pub since: Timestamp,
    /// The rule that led there; none in the stage where the customer began.
    pub rule: Option<RuleIx>,
}

/// What is remembered of a customer: bounded by the policy, but for the things with names that are open.
///
/// Facts of one instant are taken in and *pending* until a later one comes; only then are the rules tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageState {
    /// Instant of the last fact that did something or woke the rules.
    at: i64,
    /// Entry into the current stage.
    since: i64,
    /// Before this instant no fact can change the stage but one that a condition looks at.
    wake: i64,
    words: Box<[i64]>,
    keyed: KeyedList,
    /// The last rule that fired; [`NO_RULE`] before.
    rule: u16,
    stage: u8,
    flags: u8,
}

const NO_RULE: u16 = u16::MAX;
/// There has been a fact.
const STARTED: u8 = 1;
/// Facts of the instant `at` wait for the rules.
const PENDING: u8 = 2;
/// That instant is the customer's first.
const FIRST: u8 = 4;

/// A change as the machine sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Change {
    pub at: i64,
    pub from: Option<StageIx>,
    pub to: StageIx,
    pub rule: Option<RuleIx>,
    /// Without facts: from when the deciding time counts, and which condition that is.
    pub silence: Option<(i64, ConditionIx)>,
}

/// Who wants to know of changes.
pub(super) trait Sink {
    /// Whether silence has to be explained.
    const EXPLAIN: bool;

    fn change(&mut self, change: Change);
}

/// Nobody.
impl Sink for () {
    const EXPLAIN: bool = false;

    #[inline]
    fn change(&mut self, _: Change) {}
}

impl Sink for Vec<Change> {
    const EXPLAIN: bool = true;

    fn change(&mut self, change: Change) {
        self.push(change);
    }
}

/// A set of stages.
#[derive(Clone, Copy, Default)]
struct Entered([u64; 4]);

impl Entered {
    fn insert(&mut self, stage: u8) {
        if let Some(word) = self.0.get_mut(usize::from(stage >> 6)) {
            *word |= 1 << (stage & 63);
        }
    }

    fn holds(self, stage: u8) -> bool {
        self.0.get(usize::from(stage >> 6)).is_some_and(|word| word >> (stage & 63) & 1 == 1)
    }
}

/// Why the rules are tried at the next instant.
#[derive(Clone, Copy, PartialEq)]
enum Due {
    /// Facts of that instant wait for them.
    Facts,
    /// It is critical.
    Critical,
    /// It may be critical: the next critical instant is not earlier.
    Perhaps,
}

/// A customer going on through time from what is remembered, which silence does not change.
#[derive(Clone, Copy)]
pub(super) struct Walk<'a> {
    program: &'a Program,
    memory: Memory<'a>,
    spot: Spot,
    /// The next instant to go to, and why.
    due: i64,
    why: Due,
    /// Whether the facts that wait are the customer's first.
    first: bool,
    /// Whether a rule holds that could not fire because its stage had been entered at that instant already, or the
    /// limit of silent changes was reached: then the rules are tried with the next fact, whatever it is.
    retry: bool,
    silent: u32,
}

impl<'a> Walk<'a> {
    /// Settles everything up to and with an instant.
    fn advance<S: Sink>(&mut self, limit: i64, sink: &mut S) {
        while self.step(limit, sink).is_some() {}
    }

    /// Goes to the next instant at which the rules have to be tried, if that is not later than the limit, and tries
    /// them. Gives the instant and whether one fired by silence.
    #[expect(clippy::inline_always, reason = "so that a walk stays in registers")]
    #[inline(always)]
    fn step<S: Sink>(&mut self, limit: i64, sink: &mut S) -> Option<(i64, bool)> {
        if self.why == Due::Perhaps && self.due <= limit && self.due != NONE {
            // Mostly the exact instant lies later.
            (self.due, self.why) = (self.next_critical(self.due - 1), Due::Critical);
        }
        let at = self.due;
        if at > limit || at == NONE {
            return None;
        }
        let fired = self.settle(at, sink);
        let by_silence = self.why != Due::Facts;
        self.first = false;
        (self.due, self.why) = (next_probe(self.program, self.memory, self.spot, at), Due::Perhaps);
        if by_silence {
            self.silent += fired;
            if self.silent >= MAX_SILENT_CHANGES {
                (self.due, self.retry) = (NONE, true);
            }
        }
        Some((at, by_silence && fired > 0))
    }

    /// Tries the rules at an instant until none fires. Gives how many fired.
    #[expect(clippy::inline_always, reason = "so that a walk stays in registers")]
    #[inline(always)]
    fn settle<S: Sink>(&mut self, at: i64, sink: &mut S) -> u32 {
        let mut entered = Entered::default();
        if self.first {
            entered.insert(self.spot.stage);
            let to = StageIx(self.spot.stage);
            sink.change(Change { at, from: None, to, rule: None, silence: None });
        }
        let arrival = self.spot;
        let mut decided = None;
        let mut fired = 0;
        loop {
            let (rule, blocked) = self.choose(entered, at);
            let Some(rule) = rule else {
                self.retry = blocked;
                return fired;
            };
            if S::EXPLAIN && self.why != Due::Facts {
                decided = self.deciding(rule.tests.iter().copied(), self.spot, at).or(decided);
                if decided.is_none() {
                    // What made the instant critical.
                    let timed = self.program.timed(arrival.stage).iter().map(|(place, _)| *place);
                    decided = self.deciding(timed, arrival, at);
                }
            }
            sink.change(Change {
                at,
                from: Some(StageIx(self.spot.stage)),
                to: StageIx(rule.to),
                rule: Some(RuleIx(rule.place)),
                silence: decided,
            });
            self.spot = Spot { since: at, rule: rule.place, stage: rule.to, moved: true };
            entered.insert(rule.to);
            fired += 1;
        }
    }

    /// The first rule that holds and may fire, and whether one holds that may not.
    #[inline]
    fn choose(&self, entered: Entered, at: i64) -> (Option<&'a Rule>, bool) {
        let mut blocked = false;
        let rules =
            self.program.stages.get(usize::from(self.spot.stage)).map_or(&[][..], |stage| &stage.rules);
        for rule in rules {
            if rule.when.holds(self.memory, self.spot, at) {
                if !entered.holds(rule.to) {
                    return (Some(rule), false);
                }
                blocked = true;
            }
        }
        (None, blocked)
    }

    /// The first of some tests that silence turned round at this instant.
    fn deciding(
        &self,
        mut tests: impl Iterator<Item = u16>,
        spot: Spot,
        at: i64,
    ) -> Option<(i64, ConditionIx)> {
        tests.find_map(|place| {
            let test = self.program.tests.get(usize::from(place))?;
            test.flips_at(self.memory, spot, at)
                .then(|| (test.counts_from(self.memory, spot, at), ConditionIx(place)))
        })
    }

    /// The first critical instant after `at`.
    #[inline(never)]
    fn next_critical(&self, at: i64) -> i64 {
        let timed = self.program.timed(self.spot.stage).iter();
        timed.fold(NONE, |next, (_, test)| next.min(test.flip_after(self.memory, self.spot, at)))
    }
}

/// Not later than the next critical instant after `at`.
#[inline]
fn next_probe(program: &Program, memory: Memory<'_>, spot: Spot, at: i64) -> i64 {
    let timed = program.timed(spot.stage).iter();
    timed.fold(NONE, |next, (_, test)| next.min(test.probe_after(memory, spot, at)))
}

impl StageMachine {
    /// Makes a policy ready for many facts.
    pub fn new(policy: StagePolicy) -> Self {
        let program = Program::new(&policy);
        let macros = policy.stages().iter().map(|stage| stage.macro_stage).collect();
        let fingerprint = Fingerprint::of("stage", 1, &policy);
        Self { policy, program, macros, fingerprint }
    }

    /// The policy.
    pub const fn policy(&self) -> &StagePolicy {
        &self.policy
    }

    /// A single condition of the policy as a text; empty for a place that it does not have.
    pub fn condition_text(&self, condition: ConditionIx) -> &str {
        self.program.texts.get(usize::from(condition.0)).map_or("", |text| text)
    }

    /// The kinds whose facts cannot make a rule out of a stage hold.
    #[inline]
    pub(super) fn quiet(&self, stage: StageIx) -> KindSet {
        self.program.stages.get(usize::from(stage.0)).map_or(KindSet::NONE, |out_of| out_of.quiet)
    }

    pub(super) fn conditions(&self) -> usize {
        self.program.texts.len()
    }

    pub(super) fn walk<'a>(
        &'a self,
        state: &'a StageState,
        found: &'a Cell<Option<(usize, i64)>>,
    ) -> Walk<'a> {
        // Where facts wait, what is due is their instant.
        let why = if state.flags & PENDING != 0 { Due::Facts } else { Due::Perhaps };
        Walk {
            program: &self.program,
            memory: Memory { words: &state.words, keyed: &state.keyed, found },
            spot: state.spot(),
            due: state.wake,
            why,
            first: state.flags & FIRST != 0,
            retry: false,
            silent: 0,
        }
    }

    /// All changes up to and with an instant that a state does not hold yet: at its last instant, and by silence.
    pub(super) fn changes_until<S: Sink>(&self, state: &StageState, until: Timestamp, sink: &mut S) {
        if state.started() {
            self.walk(state, &Cell::new(None)).advance(until.as_micros(), sink);
        }
    }

    /// Takes the next fact in and tells the sink of the changes before it.
    #[expect(
        clippy::inline_always,
        reason = "part of the fold's loop, or every fact would be written to memory to be read again"
    )]
    #[inline(always)]
    pub(super) fn take<'a, S: Sink>(&self, state: &mut StageState, fact: &impl Lend<'a>, sink: &mut S) {
        let Head { kind, occurred_at, .. } = fact.head();
        let (at, relevant) = (occurred_at.as_micros(), self.program.relevant.contains(kind));
        if at < state.wake {
            // Nothing waits and nothing was due before it.
            if !relevant {
                return;
            }
            state.at = at;
        } else if at > state.at {
            self.arrive(state, at, sink);
        }
        if relevant && self.record(state, fact) {
            let waits = state.flags & PENDING != 0;
            if !waits && self.quiet(StageIx(state.stage)).contains(kind) {
                // No rule need be tried for it; it may have put off what was due.
                let memory = Memory { words: &state.words, keyed: &state.keyed, found: &Cell::new(None) };
                state.wake = next_probe(&self.program, memory, state.spot(), state.at);
            } else {
                state.flags |= PENDING;
                state.wake = state.at;
            }
        }
    }

    /// Settles all that lies before an instant and makes it the current one.
    #[inline(never)]
    fn arrive<S: Sink>(&self, state: &mut StageState, at: i64, sink: &mut S) {
        if !state.started() {
            state.flags = STARTED | PENDING | FIRST;
            (state.at, state.since, state.wake) = (at, at, at);
            return;
        }
        let found = Cell::new(None);
        let mut walk = self.walk(state, &found);
        walk.advance(at - 1, sink);
        let Walk { spot, due, retry, .. } = walk;
        (state.since, state.rule, state.stage) = (spot.since, spot.rule, spot.stage);
        if spot.moved {
            for slot in &self.program.stage_counts {
                if let Some(word) = state.words.get_mut(*slot) {
                    *word = 0;
                }
            }
        }
        state.at = at;
        // One that coincides with a critical instant is tried with it.
        let pending = retry || due == at;
        state.flags = if pending { STARTED | PENDING } else { STARTED };
        state.wake = if pending { at } else { due };
    }

    /// Takes a fact into memory; whether a condition looks at it.
    #[expect(
        clippy::inline_always,
        reason = "part of the fold's loop, or every fact would be written to memory to be read again"
    )]
    #[inline(always)]
    fn record<'a>(&self, state: &mut StageState, fact: &impl Lend<'a>) -> bool {
        let head = fact.head();
        let ops = self.program.ops.get(head.kind as usize).map_or(&[][..], |ops| ops);
        let mut touched = false;
        for op in ops {
            touched |= match op {
                Op::Select { matcher: None, keep } => {
                    self.keep(keep, &mut state.words, &head);
                    true
                }
                Op::Churn { slot, on } => {
                    let at = head.occurred_at.as_micros();
                    raise(&mut state.words, *slot, |word| memory::raise(word, at, *on))
                }
                op => self.perform(op, &mut state.words, &mut state.keyed, &fact.view()),
            };
        }
        touched
    }

    /// What is less common than an order, out of the way of what is.
    #[inline(never)]
    fn perform(&self, op: &Op, words: &mut [i64], keyed: &mut KeyedList, fact: &EventView<'_>) -> bool {
        let at = fact.occurred_at.as_micros();
        let matcher = |place: u16| self.program.matchers.get(usize::from(place));
        let subject = |wanted: &str| fact.subject == Some(wanted);
        match op {
            Op::Select { matcher: place, keep } => {
                let meant = place.is_none_or(|place| matcher(place).is_some_and(|m| m.matches(fact)));
                if meant {
                    self.keep(keep, words, &fact.head());
                }
                meant
            }
            Op::Refund { matcher: place, slot, currency } => {
                let subtracts = matcher(*place).is_some_and(|m| m.leaves_hold(fact));
                if let Some(money) = fact.amount.filter(|money| subtracts && money.currency == *currency) {
                    memory::add(
                        words.get_mut(*slot..*slot + 2).unwrap_or_default(),
                        -i128::from(money.minor),
                    );
                }
                subtracts
            }
            Op::Tag { slot, tag, on } => {
                subject(tag) && raise(words, *slot, |word| memory::raise(word, at, *on))
            }
            // The set bit wins at one instant, so it is the one that says no.
            Op::Consent { slot, purpose } => {
                subject(purpose)
                    && raise(words, *slot, |word| memory::raise(word, at, !memory::said(fact, "granted")))
            }
            Op::Attribute { slot, leaf } => {
                let body = fact.properties();
                body.get(leaf.property()).is_some_and(|value| {
                    raise(words, *slot, |word| memory::raise(word, at, leaf.holds_of(Some(value))))
                })
            }
            Op::Score { slot, survey } => {
                let score = fact.number.filter(|_| subject(survey.name()));
                score.is_some_and(|score| raise(words, *slot, |word| memory::raise_score(word, at, score)))
            }
            Op::Churn { slot, on } => raise(words, *slot, |word| memory::raise(word, at, *on)),
            Op::Begin(class) => {
                // The body is read only where a flag asks for it.
                let body = fact.properties();
                let begin = memory::instant(&body, "start").filter(|_| *class == Class::Contract);
                let end = memory::instant(&body, "end").filter(|_| *class != Class::Subscription);
                let new = Keyed {
                    class: *class,
                    key: memory::key_of(fact.subject),
                    on_at: at,
                    begin: begin.map_or(at, |begin| begin.max(at)),
                    end: end.unwrap_or(NONE),
                    complaint: false,
                };
                memory::begin(keyed, new);
                true
            }
            Op::End(class) => {
                let key = fact.subject.map(|name| memory::key_of(Some(name)));
                memory::end(keyed, *class, key, at);
                true
            }
            Op::EndTrials => {
                memory::end(keyed, Class::Trial, None, at);
                true
            }
            Op::Open => {
                memory::open(keyed, memory::key_of(fact.subject), memory::said(fact, "complaint"), at);
                true
            }
            Op::Resolve => {
                memory::resolve(keyed, memory::key_of(fact.subject), at);
                true
            }
        }
    }

    #[expect(
        clippy::inline_always,
        reason = "part of the fold's loop, or every fact would be written to memory to be read again"
    )]
    #[inline(always)]
    fn keep(&self, keep: &Keep, words: &mut [i64], fact: &Head) {
        let at = fact.occurred_at.as_micros();
        if let Some(first) = keep.first.and_then(|slot| words.get_mut(slot)).filter(|word| **word == NEVER) {
            *first = at;
        }
        memory::remember(words.get_mut(keep.latest.clone()).unwrap_or_default(), at);
        for (slot, most) in &keep.counts {
            if let Some(count) = words.get_mut(*slot) {
                *count += i64::from(*count < *most);
            }
        }
        if let Some(rhythm @ [_, ..]) = words.get_mut(keep.rhythm.clone()) {
            memory::beat(rhythm, self.program.gaps, self.program.zone, fact.occurred_at);
        }
        for (slot, currency) in &keep.sums {
            if let Some(money) = fact.amount.filter(|money| money.currency == *currency) {
                memory::add(words.get_mut(*slot..*slot + 2).unwrap_or_default(), money.minor.into());
            }
        }
    }

    fn stage_view(&self, spot: Spot) -> Option<StageView> {
        Some(StageView {
            stage: StageIx(spot.stage),
            macro_stage: self.macros.get(usize::from(spot.stage)).copied()?,
            since: instant(spot.since),
            rule: (spot.rule != NO_RULE).then_some(RuleIx(spot.rule)),
        })
    }
}

fn raise(words: &mut [i64], slot: usize, to: impl Fn(&mut i64)) -> bool {
    words.get_mut(slot).map(to);
    true
}

/// The instant of a word, brought into range where a state from outside holds nonsense.
pub(super) fn instant(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros).unwrap_or(if micros < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

impl StageState {
    /// Whether there has been a fact.
    pub(super) const fn started(&self) -> bool {
        self.flags & STARTED != 0
    }

    const fn spot(&self) -> Spot {
        // The facts of the first instant are not later than the entry into the first stage.
        let moved = self.flags & FIRST != 0;
        Spot { since: self.since, rule: self.rule, stage: self.stage, moved }
    }
}

impl Projection for StageMachine {
    type State = StageState;
    /// None before the first fact.
    type View = Option<StageView>;

    fn init(&self) -> StageState {
        StageState {
            at: NEVER,
            since: NEVER,
            wake: NEVER,
            words: self.program.init.clone(),
            keyed: Vec::new(),
            rule: NO_RULE,
            stage: self.policy.initial().0,
            flags: 0,
        }
    }

    #[expect(
        clippy::inline_always,
        reason = "part of the fold's loop, or every fact would be written to memory to be read again"
    )]
    #[inline(always)]
    fn apply(&self, state: &mut StageState, fact: &EventView<'_>) {
        self.take(state, fact, &mut ());
    }

    #[expect(
        clippy::inline_always,
        reason = "part of the fold's loop, or every fact would be written to memory to be read again"
    )]
    #[inline(always)]
    fn apply_lent<'a>(&self, state: &mut StageState, fact: &impl Lend<'a>) {
        self.take(state, fact, &mut ());
    }

    #[inline]
    fn prefetch(&self, state: &StageState) {
        // Eight words lie in a line of the cache.
        black_box((state.flags, state.words.first().copied(), state.words.get(8).copied()));
    }

    fn view(&self, state: &StageState, as_of: Timestamp) -> Option<StageView> {
        if !state.started() {
            return None;
        }
        let found = Cell::new(None);
        let mut walk = self.walk(state, &found);
        walk.advance(as_of.as_micros(), &mut ());
        self.stage_view(walk.spot)
    }

    fn next_change(&self, state: &StageState, after: Timestamp) -> Option<Timestamp> {
        if !state.started() {
            return None;
        }
        let found = Cell::new(None);
        let mut walk = self.walk(state, &found);
        while let Some((at, fired)) = walk.step(NONE, &mut ()) {
            if fired && at > after.as_micros() {
                return Timestamp::from_micros(at);
            }
        }
        None
    }

    fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    fn fits(&self, state: &StageState) -> bool {
        if !state.started() {
            return *state == self.init();
        }
        let known = |micros: i64| Timestamp::from_micros(micros).is_some();
        let pending = state.flags & PENDING != 0;
        state.words.len() == self.program.init.len()
            && usize::from(state.stage) < self.policy.stages().len()
            && (state.rule == NO_RULE || usize::from(state.rule) < self.policy.rules().len())
            && state.flags & !(STARTED | PENDING | FIRST) == 0
            && (pending || state.flags & FIRST == 0)
            && known(state.at)
            && known(state.since)
            && state.since <= state.at
            && if pending { state.wake == state.at } else { state.wake == NONE || state.wake > state.at }
            && state.keyed.is_sorted_by(|a, b| a < b)
            && state.keyed.iter().all(|one| known(one.on_at) && one.begin <= one.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::fold;
    use crate::{Customer, CustomerEvent, Duration, Event, EventId};

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros).unwrap()
    }

    fn policy(rules: &str) -> StagePolicy {
        let stage = |id: &str, initial: bool| {
            format!(
                "[[stage]]\nid = \"{id}\"\nmacro = \"growth\"\ninitial = {initial}\n\
                 labels = {{ en = \"{id}\", zh-CN = \"{id}\" }}\n"
            )
        };
        let stages = stage("a", true) + &stage("b", false) + &stage("c", false);
        toml::from_str(&(stages + rules)).unwrap()
    }

    fn rule(name: &str, from: &str, to: &str, when: &str) -> String {
        format!("[[rule]]\nname = \"{name}\"\nfrom = [\"{from}\"]\nto = \"{to}\"\nwhen = {when}\n")
    }

    fn session(micros: i64) -> Event {
        let id = EventId::from_foreign("test", &micros.to_string());
        let customer = Customer::parse("1", "test").unwrap();
        Event::new(id, customer, at(micros), CustomerEvent::SessionStarted {}).unwrap()
    }

    #[test]
    fn a_policy_that_goes_in_circles_by_time_alone_stops_until_the_next_fact() {
        let machine = StageMachine::new(policy(
            &(rule("there", "a", "b", r#"{ in_stage_for = "1us" }"#)
                + &rule("back", "b", "a", r#"{ in_stage_for = "1us" }"#)),
        ));
        let mut state = fold(&machine, [session(10).view()]);
        let since = |state: &StageState, micros| machine.view(state, at(micros)).unwrap().since.as_micros();
        assert_eq!(since(&state, 500), 500);
        assert_eq!(since(&state, 5_000_000), 1_010, "1,000 changes after the fact");
        assert_eq!(machine.next_change(&state, at(1_009)), Some(at(1_010)));
        assert_eq!(machine.next_change(&state, at(1_010)), None);
        machine.apply(&mut state, &session(9_000_000).view());
        assert_eq!(since(&state, 9_000_000), 9_000_000, "tried with the fact");
        assert_eq!(since(&state, 9_000_007), 9_000_007, "and by silence again");
    }

    #[test]
    fn no_stage_is_entered_twice_at_one_instant() {
        let machine = StageMachine::new(policy(
            &(rule("there", "a", "b", "{ count = {}, at_least = 1 }")
                + &rule("back", "b", "a", "{ count = {}, at_least = 1 }")),
        ));
        let (first, second) = (session(10), session(20));
        let mut state = fold(&machine, [first.view()]);
        let place = |state: &StageState, micros| machine.view(state, at(micros)).unwrap().stage;
        assert_eq!(place(&state, 10), StageIx(1), "a was entered with the first fact");
        assert_eq!(place(&state, 19), StageIx(1), "and the rule back waits for the next fact");
        machine.apply(&mut state, &second.view());
        assert_eq!(place(&state, 20), StageIx(1), "to a and to b again, each once");
        assert_eq!(machine.view(&state, at(20)).unwrap().since, at(20));
    }

    #[test]
    fn before_the_first_fact_there_is_no_stage() {
        let machine = StageMachine::new(StagePolicy::retail().unwrap());
        assert_eq!(machine.view(&machine.init(), Timestamp::MAX), None);
        assert_eq!(machine.next_change(&machine.init(), Timestamp::MIN), None);
        assert!(machine.ahead(&machine.init(), Timestamp::MIN, Timestamp::MAX).is_empty());
    }

    #[test]
    fn a_state_of_another_shape_does_not_fit() {
        let machine = StageMachine::new(StagePolicy::retail().unwrap());
        let good = fold(&machine, [session(10).view(), session(20).view()]);
        assert!(machine.fits(&good) && machine.fits(&machine.init()));
        let breaks: [fn(&mut StageState); 9] = [
            |s| s.words = Box::default(),
            |s| s.stage = 200,
            |s| s.rule = 999,
            |s| s.flags = 0xff,
            |s| s.flags = 0,
            |s| s.at = -1,
            |s| s.since = s.at + 1,
            |s| s.wake = s.at - 1,
            |s| {
                let one = Keyed { class: Class::Trial, key: 1, on_at: 1, begin: 1, end: 2, complaint: false };
                s.keyed = vec![one, one];
            },
        ];
        for (place, make_worse) in breaks.iter().enumerate() {
            let mut bad = good.clone();
            make_worse(&mut bad);
            assert!(!machine.fits(&bad), "{place}");
            // And whatever it is, nothing panics.
            machine.apply(&mut bad, &session(i64::from(u32::MAX)).view());
            machine.view(&bad, Timestamp::MAX);
            machine.next_change(&bad, Timestamp::MIN);
        }
    }

    #[test]
    fn what_is_remembered_of_a_customer_is_small() {
        for policy in [StagePolicy::retail(), StagePolicy::saas(), StagePolicy::b2b()] {
            let machine = StageMachine::new(policy.unwrap());
            let day = Duration::days(1).as_micros();
            let events: Vec<Event> = (1..=30).map(|n| session(n * n * day)).collect();
            let state = fold(&machine, events.iter().map(Event::view));
            let bytes = size_of_val(&state)
                + size_of_val(&*state.words)
                + state.keyed.capacity() * size_of::<Keyed>();
            assert!(bytes <= 300, "{bytes} bytes");
        }
    }
}
