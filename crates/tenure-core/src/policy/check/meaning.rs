//! What conditions say, as formulas over instants: the n-th latest fact that matches a selector, the first one, the
//! entry into the stage, now.
//!
//! A fact that never was lies before all instants by more than any duration, as in the machine's own memory. The
//! formulas leave out what they cannot express, so they allow too much and never too little: what they exclude cannot
//! happen.

use super::logic::{Bit, Budget, Formula, Var, ZERO, possible};
use super::values::may_hold;
use crate::event::Kind;
use crate::projection::stage::{Compare, Condition, CountScope, Flag, Threshold, Times, Which};
use crate::select::{Leaf, Selector};
use crate::time::{Duration, Timestamp};
use crate::{Currency, Survey};

/// Further from every instant than any duration.
const NEVER: i128 = 1 << 70;

/// How sure one has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Belief {
    /// It cannot be otherwise.
    Proven,
    /// It is otherwise only where facts of one instant contradict each other.
    Likely,
}

/// Where in time a condition is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub now: Var,
    pub entered: Var,
    /// Moments of one question in the order of time: contracts and trials begin and end in between.
    pub phase: usize,
}

/// A selector with the instants that are asked for.
struct Seen {
    selector: Selector,
    first: Var,
    /// By n, ascending; always with the first one.
    latest: Vec<(u32, Var)>,
    due: Vec<Due>,
}

/// The instant at which silence of a multiple of the cadence is long enough.
#[derive(Clone, Copy)]
struct Due {
    times: Times,
    min: Duration,
    max: Duration,
    at: Var,
}

/// What is on or off.
#[derive(Clone, PartialEq)]
enum Thing {
    Flag(Flag, usize),
    Tag(Box<str>),
    Attribute(Leaf),
}

/// A question about conditions at some moments between which no fact happens.
pub(super) struct Question {
    /// The latest instant that a fact can have.
    facts: Var,
    vars: usize,
    seen: Vec<Seen>,
    things: Vec<Thing>,
    sums: Vec<(usize, Currency, Var)>,
    scores: Vec<(Survey, Var)>,
    parts: Vec<Formula>,
}

fn micros(duration: Duration) -> i128 {
    duration.as_micros().into()
}

fn all(parts: impl IntoIterator<Item = Formula>) -> Formula {
    Formula::All(parts.into_iter().collect())
}

fn any(parts: impl IntoIterator<Item = Formula>) -> Formula {
    Formula::Any(parts.into_iter().collect())
}

/// It never was.
fn never(fact: Var) -> Formula {
    Formula::within(fact, ZERO, -NEVER)
}

/// At least so long before now, or never.
fn old(fact: Var, now: Var, length: i128) -> Formula {
    Formula::within(fact, now, -length)
}

impl Question {
    pub(super) fn new() -> Self {
        let mut question = Self {
            facts: ZERO,
            vars: 1,
            seen: Vec::new(),
            things: Vec::new(),
            sums: Vec::new(),
            scores: Vec::new(),
            parts: Vec::new(),
        };
        question.facts = question.instant();
        question
    }

    /// A new instant.
    pub(super) fn instant(&mut self) -> Var {
        let instant = self.var();
        self.parts.push(Formula::within(ZERO, instant, 0));
        self.parts.push(Formula::within(instant, ZERO, Timestamp::MAX.as_micros().into()));
        instant
    }

    /// A new moment, later than none of those before. Whoever asks says how it lies to others.
    pub(super) fn moment(&mut self, phase: usize) -> Moment {
        let (now, entered) = (self.instant(), self.instant());
        self.suppose(Formula::within(entered, now, 0));
        Moment { now, entered, phase }
    }

    /// No fact is later than this.
    pub(super) fn no_fact_after(&mut self, instant: Var, back: i128) {
        self.suppose(Formula::within(self.facts, instant, -back));
    }

    /// What is to be the case.
    pub(super) fn suppose(&mut self, formula: Formula) {
        self.parts.push(formula);
    }

    /// Whether all that was supposed can be.
    pub(super) fn can_be(mut self, budget: &Budget, belief: Belief) -> bool {
        self.add_axioms();
        let parts = core::mem::take(&mut self.parts);
        possible(&Formula::All(parts), budget, &|bits| self.bits_fit(bits, belief))
    }

    fn var(&mut self) -> Var {
        self.vars += 1;
        Var(self.vars - 1)
    }

    fn seen(&mut self, selector: &Selector) -> usize {
        if let Some(place) = self.seen.iter().position(|seen| seen.selector == *selector) {
            return place;
        }
        let (first, last) = (self.var(), self.var());
        self.seen.push(Seen { selector: selector.clone(), first, latest: vec![(1, last)], due: Vec::new() });
        self.seen.len() - 1
    }

    /// The n-th latest fact that matches.
    fn latest(&mut self, selector: &Selector, n: u32) -> Var {
        let place = self.seen(selector);
        let new = Var(self.vars);
        let Some(seen) = self.seen.get_mut(place) else { return ZERO };
        match seen.latest.binary_search_by_key(&n, |(n, _)| *n) {
            Ok(found) => seen.latest.get(found).map_or(ZERO, |(_, var)| *var),
            Err(gap) => {
                seen.latest.insert(gap, (n, new));
                self.vars += 1;
                new
            }
        }
    }

    fn first(&mut self, selector: &Selector) -> Var {
        let place = self.seen(selector);
        self.seen.get(place).map_or(ZERO, |seen| seen.first)
    }

    /// It was, and the first one is not later.
    fn was(&mut self, selector: &Selector, fact: Var) -> Formula {
        let first = self.first(selector);
        all([Formula::within(ZERO, first, 0), Formula::within(first, fact, 0)])
    }

    /// It was, less than so long before now.
    fn young(&mut self, selector: &Selector, fact: Var, now: Var, length: i128) -> Formula {
        all([Formula::within(now, fact, length - 1), self.was(selector, fact)])
    }

    fn due(&mut self, selector: &Selector, times: Times, min: Duration, max: Duration) -> Var {
        let place = self.seen(selector);
        let at = Var(self.vars);
        let Some(seen) = self.seen.get_mut(place) else { return ZERO };
        let same = |due: &&Due| due.times == times && due.min == min && due.max == max;
        if let Some(due) = seen.due.iter().find(same) {
            return due.at;
        }
        seen.due.push(Due { times, min, max, at });
        self.vars += 1;
        at
    }

    fn bit(&mut self, thing: Thing) -> Bit {
        Bit(self.things.iter().position(|known| *known == thing).unwrap_or_else(|| {
            self.things.push(thing);
            self.things.len() - 1
        }))
    }

    /// That a condition holds at a moment, or that it does not.
    pub(super) fn says(&mut self, condition: &Condition, at: Moment, want: bool) -> Formula {
        match condition {
            Condition::All(parts) | Condition::Any(parts) => {
                let formulas = parts.iter().map(|part| self.says(part, at, want)).collect();
                let conjoined = matches!(condition, Condition::All(_)) == want;
                if conjoined { Formula::All(formulas) } else { Formula::Any(formulas) }
            }
            Condition::Not(part) => self.says(part, at, !want),
            Condition::Count { of, scope, compare } => {
                let (n, more) = (*compare.bound(), compare.is_at_least() == want);
                let fact = self.latest(of, n);
                match (scope, more) {
                    (CountScope::Ever, true) => self.was(of, fact),
                    (CountScope::Ever, false) => never(fact),
                    (CountScope::Within(window), true) => self.young(of, fact, at.now, micros(*window)),
                    (CountScope::Within(window), false) => old(fact, at.now, micros(*window)),
                    (CountScope::SinceStage, true) => {
                        all([Formula::within(at.entered, fact, -1), self.was(of, fact)])
                    }
                    (CountScope::SinceStage, false) => Formula::within(fact, at.entered, 0),
                }
            }
            Condition::Sum { of, compare } => {
                let place = self.seen(of);
                let sum = self.sum(place, compare.bound().currency);
                let minor = i128::from(compare.bound().minor);
                if compare.is_at_least() == want {
                    Formula::within(ZERO, sum, -minor)
                } else {
                    Formula::within(sum, ZERO, minor - 1)
                }
            }
            Condition::Age { which, of, compare, or_never } => {
                let fact = match which {
                    Which::First => self.first(of),
                    Which::Last => self.latest(of, 1),
                };
                // Less is the opposite of this or more, but for what never was.
                let (length, less) = match compare {
                    Compare::AtLeast(length) => (*length, false),
                    Compare::LessThan(length) => (*length, true),
                };
                self.age(of, fact, at.now, (fact, micros(length)), *or_never != less, want != less)
            }
            Condition::Silence { of, at_least, or_never } => {
                let fact = self.latest(of, 1);
                let due = match at_least {
                    Threshold::Fixed(length) => (fact, micros(*length)),
                    Threshold::Cadence { times, min, max } => (self.due(of, *times, *min, *max), 0),
                };
                self.age(of, fact, at.now, due, *or_never, want)
            }
            Condition::InStageFor(length) if want => old(at.entered, at.now, micros(*length)),
            Condition::InStageFor(length) => Formula::within(at.now, at.entered, micros(*length) - 1),
            Condition::Flag(flag) => self.flag(flag, at, want),
            Condition::Tag(tag) => Formula::Is(self.bit(Thing::Tag(tag.clone())), want),
            Condition::Attribute(leaf) => Formula::Is(self.bit(Thing::Attribute(leaf.clone())), want),
            Condition::Score { survey, at_most } => {
                // One that was never given is higher than all.
                let score = self.score(*survey);
                if want {
                    Formula::within(score, ZERO, (*at_most).into())
                } else {
                    Formula::within(ZERO, score, -i128::from(*at_most) - 1)
                }
            }
        }
    }

    /// That a fact is so old that now is not before `from + length`, or never was where that counts; or the opposite.
    fn age(
        &mut self,
        of: &Selector,
        fact: Var,
        now: Var,
        (from, length): (Var, i128),
        or_never: bool,
        want: bool,
    ) -> Formula {
        let was = self.was(of, fact);
        let old = Formula::within(from, now, -length);
        let young = all([Formula::within(now, from, length - 1), was.clone()]);
        match (want, or_never) {
            (true, false) => all([was, old]),
            (true, true) => old,
            (false, false) => any([young, never(fact)]),
            (false, true) => young,
        }
    }

    fn flag(&mut self, flag: &Flag, at: Moment, want: bool) -> Formula {
        // Contracts begin and end, and trials end, without a fact.
        let phase = if matches!(flag, Flag::ContractActive | Flag::TrialActive) { at.phase } else { 0 };
        let is = Formula::Is(self.bit(Thing::Flag(flag.clone(), phase)), want);
        if !want {
            return is;
        }
        let kinds: &[Kind] = match flag {
            Flag::ContractActive => &[Kind::ContractSigned],
            Flag::SubscriptionActive => &[Kind::SubscriptionStarted],
            Flag::TrialActive => &[Kind::TrialStarted],
            Flag::TicketOpen | Flag::ComplaintOpen => &[Kind::TicketOpened, Kind::TicketReopened],
            Flag::ChurnConfirmed => &[Kind::ChurnConfirmed],
            Flag::Consented(_) => &[Kind::ConsentChanged],
        };
        let mut parts = vec![is];
        let Some(cause) = named(kinds) else { return all(parts) };
        let fact = self.latest(&cause, 1);
        parts.push(self.was(&cause, fact));
        if *flag == Flag::ComplaintOpen {
            parts.push(Formula::Is(self.bit(Thing::Flag(Flag::TicketOpen, 0)), true));
        }
        if *flag == Flag::ChurnConfirmed
            && let Some(back) = named(&[Kind::OrderPlaced, Kind::SubscriptionStarted])
        {
            // Whoever came back later is not lost.
            let back = self.latest(&back, 1);
            parts.push(Formula::within(back, fact, 0));
        }
        all(parts)
    }

    fn sum(&mut self, selector: usize, currency: Currency) -> Var {
        let same = |(of, known, _): &&(usize, Currency, Var)| *of == selector && *known == currency;
        if let Some((_, _, sum)) = self.sums.iter().find(same) {
            return *sum;
        }
        let sum = self.var();
        self.sums.push((selector, currency, sum));
        sum
    }

    fn score(&mut self, survey: Survey) -> Var {
        if let Some((_, score)) = self.scores.iter().find(|(known, _)| *known == survey) {
            return *score;
        }
        let score = self.var();
        self.scores.push((survey, score));
        self.parts.push(Formula::within(ZERO, score, -i128::from(*survey.range().start())));
        score
    }

    /// What holds of all histories.
    fn add_axioms(&mut self) {
        let mut axioms = Vec::new();
        for seen in &self.seen {
            let vars: Vec<Var> = seen.latest.iter().map(|(_, var)| *var).collect();
            axioms.extend(vars.windows(2).filter_map(|two| match two {
                [later, earlier] => Some(Formula::within(*earlier, *later, 0)),
                _ => None,
            }));
            if let Some(last) = vars.first() {
                axioms.push(Formula::within(*last, self.facts, 0));
                axioms.push(Formula::within(seen.first, *last, 0));
                if matches_nothing(&seen.selector) {
                    axioms.push(never(*last));
                }
                for due in &seen.due {
                    axioms.push(Formula::within(due.at, *last, micros(due.max)));
                    axioms.push(Formula::within(*last, due.at, -micros(due.min)));
                }
            }
            for (a, b) in seen.due.iter().flat_map(|a| seen.due.iter().map(move |b| (a, b))) {
                if a.at != b.at && a.times <= b.times && a.min <= b.min && a.max <= b.max {
                    axioms.push(Formula::within(a.at, b.at, 0));
                }
            }
        }
        for (narrow, wide) in self.seen.iter().flat_map(|a| self.seen.iter().map(move |b| (a, b))) {
            if narrow.first != wide.first && is_part_of(&narrow.selector, &wide.selector) {
                for (n, of_narrow) in &narrow.latest {
                    let of_wide = wide.latest.iter().rev().find(|(m, _)| m <= n);
                    axioms.extend(of_wide.map(|(_, of_wide)| Formula::within(*of_narrow, *of_wide, 0)));
                }
            }
        }
        // A trial that runs later has run before.
        for (later, thing) in self.things.iter().enumerate() {
            let Thing::Flag(Flag::TrialActive, phase) = thing else { continue };
            for (earlier, thing) in self.things.iter().enumerate() {
                if matches!(thing, Thing::Flag(Flag::TrialActive, before) if before < phase) {
                    axioms.push(any([Formula::Is(Bit(later), false), Formula::Is(Bit(earlier), true)]));
                }
            }
        }
        self.parts.extend(axioms);
    }

    /// Whether the tests of each attribute can come out like this together.
    fn bits_fit(&self, bits: &[(Bit, bool)], belief: Belief) -> bool {
        let leaf = |bit: &Bit| match self.things.get(bit.0) {
            Some(Thing::Attribute(leaf)) => Some(leaf),
            _ => None,
        };
        let of = |property: &str, set: bool| -> Vec<&Leaf> {
            let same = |leaf: &&Leaf| leaf.property() == property;
            bits.iter().filter(|(_, is)| *is == set).filter_map(|(bit, _)| leaf(bit)).filter(same).collect()
        };
        bits.iter().filter_map(|(bit, _)| leaf(bit)).all(|leaf| {
            let (yes, no) = (of(leaf.property(), true), of(leaf.property(), false));
            match belief {
                Belief::Likely => may_hold(&yes, &no),
                // Of several values at one instant each test takes the one that suits it.
                Belief::Proven => may_hold(&[], &no) && yes.iter().all(|one| may_hold(&[one], &no)),
            }
        })
    }
}

/// All facts of some kinds.
fn named(kinds: &[Kind]) -> Option<Selector> {
    Selector::new(Some(kinds.iter().map(|kind| kind.name().into()).collect()), Vec::new()).ok()
}

/// Whether no fact can match, for its leaves contradict each other or its names.
pub(super) fn matches_nothing(selector: &Selector) -> bool {
    let leaves = selector.leaves();
    let of =
        |property: &str| -> Vec<&Leaf> { leaves.iter().filter(|leaf| leaf.property() == property).collect() };
    let kinds = of("kind");
    let known = |kind: &Kind| {
        let name = kind.name().into();
        selector.admits(*kind) && kinds.iter().all(|leaf| leaf.holds_of(Some(&name)))
    };
    !leaves.iter().all(|leaf| may_hold(&of(leaf.property()), &[])) || !Kind::ALL.iter().any(known)
}

/// Whether every fact that matches the one matches the other.
fn is_part_of(narrow: &Selector, wide: &Selector) -> bool {
    let names = match (narrow.names(), wide.names()) {
        (None, None) => true,
        (None, Some(_)) => false,
        (Some(names), None) => names.iter().all(|name| {
            // What is no kind is tracked, which is by the customer.
            Kind::named(name).is_none_or(|kind| wide.admits(kind))
        }),
        (Some(names), Some(others)) => {
            let tracked = || others.iter().any(|other| &**other == Kind::Tracked.name());
            names.iter().all(|name| others.contains(name) || (Kind::named(name).is_none() && tracked()))
        }
    };
    names && wide.leaves().iter().all(|leaf| narrow.leaves().contains(leaf))
}

/// Whether some conditions can be so at one moment: each holds, or does not.
pub(super) fn can_be(conditions: &[(&Condition, bool)], budget: &Budget, belief: Belief) -> bool {
    let mut question = Question::new();
    let moment = question.moment(0);
    question.no_fact_after(moment.now, 0);
    for (condition, want) in conditions {
        let says = question.says(condition, moment, *want);
        question.suppose(says);
    }
    question.can_be(budget, belief)
}
