//! A query made ready: a projection that follows each customer, and a report that adds them up.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::breakdown::{Attribution, Breakdown, BreakdownScope, CountBy};
use super::course::Course;
use super::frame::{Frame, Range};
use super::lens::{Besides, Glance, Lens, Word, Words};
use super::selector::{Filter, Selector};
use super::standing::{Standing, StandingState, Terms};
use super::{Query, QueryError};
use crate::event::{EventView, Lend};
use crate::fold::{Fingerprint, Projection};
use crate::report::{Report, Shown};
use crate::time::Timestamp;

/// A query made ready to be asked: a [`Projection`] of one customer and a [`Report`] over all. What is remembered of a
/// customer is bounded by the query, but where the kind says otherwise.
///
/// # Laws
/// Those of [`Projection`] and [`Report`]: order of arrival, batches and threads decide nothing.
#[derive(Clone, Debug)]
pub struct Asked<C> {
    course: C,
    lens: Lens,
    range: Range,
    standing: Option<Standing>,
    breakdown: Option<Breakdown>,
    /// Whether nothing but the first value in range is of use.
    first_value_alone: bool,
    /// Whether facts are held until all of their instant are there, though the course needs no more than one.
    holds: bool,
    units: UnitsOf,
    fingerprint: Fingerprint,
}

/// Whose history is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UnitsOf {
    /// The customer's.
    Customer,
    /// For each value of a property, or of the breakdown, the part of the customer's with that value.
    Parts,
    /// That of a value, whoever the customers are: facts are collected, and followed when all are known.
    Values,
}

/// What is remembered of a customer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AskedState<S> {
    /// The instant whose facts are held, until a later one comes: where the course takes facts of one instant together,
    /// or the customer is asked as of it.
    at: Timestamp,
    held: Vec<Glance>,
    words: Words,
    whole: S,
    parts: BTreeMap<(Word, Word), S>,
    /// Facts of whole histories of values.
    collected: Vec<(Timestamp, Glance)>,
    /// The first or the last value in range.
    touch: Word,
    standing: Option<Box<StandingState>>,
}

/// What a customer contributes.
#[derive(Clone, Debug, PartialEq)]
pub struct AskedView<O> {
    /// Outcomes, and the value that each is counted under.
    outcomes: Vec<(Box<str>, O)>,
    collected: Vec<Collected>,
}

impl<O> AskedView<O> {
    /// Outcomes, and the value that each is counted under; `""` without a breakdown.
    pub fn outcomes(&self) -> &[(Box<str>, O)] {
        &self.outcomes
    }
}

/// A fact of a value's history, apart from its customer.
#[derive(Clone, Debug, PartialEq)]
struct Collected {
    at: Timestamp,
    glance: Glance,
    key: Box<str>,
    value: Box<str>,
    name: Box<str>,
}

/// The sum over customers.
#[derive(Clone, Debug)]
pub struct AskedSum<S> {
    by_value: BTreeMap<Box<str>, S>,
    collected: BTreeMap<Box<str>, Vec<Collected>>,
}

impl<S> Default for AskedSum<S> {
    fn default() -> Self {
        Self { by_value: BTreeMap::new(), collected: BTreeMap::new() }
    }
}

/// An answer, whole or broken down.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Broken<A> {
    /// One answer.
    Whole(A),
    /// One for each value that occurs.
    ByValue {
        /// The answers by value; `""` for customers without one.
        by_value: BTreeMap<Box<str>, A>,
    },
}

impl<C: Course> Asked<C> {
    /// A query made ready; `as_of` of the view must not be earlier than its facts.
    pub(super) fn new(
        course: C,
        query: &Query,
        terms: &Terms,
        selectors: &[&Selector],
        besides: Besides,
        breakdown: Option<&Breakdown>,
        count_by: &CountBy,
    ) -> Result<Self, QueryError> {
        let Frame { filter, .. } = &query.frame;
        let key = match count_by {
            CountBy::Customer => None,
            CountBy::Property(name) | CountBy::CustomerAnd(name) => Some(&**name),
        };
        let all_events = breakdown.is_some_and(|by| by.attribution == Attribution::AllEvents);
        let units = match count_by {
            CountBy::Property(_) => UnitsOf::Values,
            CountBy::CustomerAnd(_) => UnitsOf::Parts,
            CountBy::Customer if all_events => UnitsOf::Parts,
            CountBy::Customer => UnitsOf::Customer,
        };
        let lens = Lens::new(selectors, filter, besides, breakdown, key);
        let standing = Standing::new(lens.asks_customer(), breakdown.map(|by| by.scope), terms)?;
        let of_standing = standing.as_ref().map_or(Fingerprint([0; 32]), Standing::fingerprint);
        let fingerprint =
            Fingerprint::of("query", 2, &(query.to_json(), of_standing.0, course.fingerprint().0));
        let range = query.frame.range().map_err(|error| QueryError::new("from", error.to_string()))?;
        let first_value_alone = breakdown.is_some_and(|by| by.attribution == Attribution::FirstTouch)
            && units == UnitsOf::Customer
            && !course.keeps_values();
        let breakdown = breakdown.cloned();
        let holds = standing.is_some() || units != UnitsOf::Customer;
        Ok(Self { course, lens, range, standing, breakdown, first_value_alone, holds, units, fingerprint })
    }

    /// The same, where another range decides whose values count: that of the buckets that are shown.
    pub(super) fn in_range(self, range: Range) -> Self {
        Self { range, ..self }
    }

    /// The same, where each fact has its name with it.
    pub(super) fn with_names(self) -> Self {
        Self { lens: self.lens.with_names(), ..self }
    }

    /// The same, where each fact has a bit for each of these filters that it passes, above those of the selectors.
    pub(super) fn with_filters(self, filters: &[&Filter], terms: &Terms) -> Result<Self, QueryError> {
        let lens = self.lens.with_filters(filters);
        let scope = self.breakdown.as_ref().map(|by| by.scope);
        let standing = Standing::new(lens.asks_customer(), scope, terms)?;
        let of_standing = standing.as_ref().map_or(Fingerprint([0; 32]), Standing::fingerprint);
        let fingerprint = Fingerprint::of("query", 1, &(self.fingerprint.0, of_standing.0));
        Ok(Self { lens, holds: self.holds || standing.is_some(), standing, fingerprint, ..self })
    }

    /// How one history is walked through.
    pub const fn course(&self) -> &C {
        &self.course
    }

    /// Takes in the facts that are held.
    fn close(&self, state: &mut AskedState<C::State>) {
        if let Some((standing, of_customer)) = self.standing.as_ref().zip(state.standing.as_ref()) {
            self.settle(standing, of_customer, state.at, &mut state.held, &mut state.words);
        }
        if self.breakdown.is_some() && self.wants_value(state) {
            self.touch(&mut state.touch, state.at, &state.held);
        }
        match self.units {
            _ if state.held.is_empty() => {}
            UnitsOf::Customer => self.course.pass(&mut state.whole, state.at, &state.held),
            UnitsOf::Values => state.collected.extend(state.held.iter().map(|glance| (state.at, *glance))),
            UnitsOf::Parts => self.part(state),
        }
        state.held.clear();
    }

    /// Takes in the facts that are held, each for the history that it is of.
    #[inline(never)]
    fn part(&self, state: &mut AskedState<C::State>) {
        let by_value = self.breakdown.as_ref().is_some_and(|by| by.attribution == Attribution::AllEvents);
        let mut parts: BTreeMap<(Word, Word), Vec<Glance>> = BTreeMap::new();
        for glance in &state.held {
            let value = if by_value { glance.value } else { Word::NONE };
            parts.entry((glance.key, value)).or_default().push(*glance);
        }
        for (part, facts) in parts {
            let state_of = state.parts.entry(part).or_insert_with(|| self.course.begin());
            self.course.pass(state_of, state.at, &facts);
        }
    }

    /// Looks at a fact, which is lent as a copy, so that the fold's loop need not have every fact in memory.
    #[inline(never)]
    fn look(&self, state: &mut AskedState<C::State>, fact: EventView<'_>) {
        if let Some(glance) = self.lens.look(&fact, self.wants_value(state), &mut state.words) {
            self.take(state, fact.occurred_at, glance);
        }
    }

    /// Takes in a fact, or holds it.
    #[expect(clippy::inline_always, reason = "part of the fold's loop")]
    #[inline(always)]
    fn take(&self, state: &mut AskedState<C::State>, at: Timestamp, glance: Glance) {
        if C::TOGETHER || self.holds {
            self.reach(state, at);
            state.held.push(glance);
            return;
        }
        if self.breakdown.is_some() && self.wants_value(state) {
            self.touch(&mut state.touch, at, &[glance]);
        }
        self.course.step(&mut state.whole, at, glance);
    }

    /// Whether the value of a fact may still be of use.
    #[inline]
    const fn wants_value(&self, state: &AskedState<C::State>) -> bool {
        !(self.first_value_alone && state.touch.is_some())
    }

    /// Asks the customer, as of the instant, what the facts could not tell.
    #[inline(never)]
    fn settle(
        &self,
        standing: &Standing,
        state: &StandingState,
        at: Timestamp,
        held: &mut Vec<Glance>,
        words: &mut Words,
    ) {
        let profile = standing.profile(state, at);
        if self.lens.asks_customer() {
            held.retain_mut(|glance| self.lens.settle(glance, &profile));
        }
        if let Some(by) = self.breakdown.as_ref().filter(|by| by.scope != BreakdownScope::Fact) {
            let value = standing.value(state, &profile, by.scope, by.property.as_deref().unwrap_or(""), at);
            let value = value.filter(|text| !text.is_empty()).map_or(Word::NONE, |text| words.keep(&text));
            for glance in held {
                glance.value = value;
            }
        }
    }

    /// Remembers the first or the last value in range.
    #[inline(never)]
    fn touch(&self, touch: &mut Word, at: Timestamp, facts: &[Glance]) {
        if !self.range.holds(at) {
            return;
        }
        let mut values =
            facts.iter().filter(|glance| glance.met != 0).map(|glance| glance.value).filter(|v| v.is_some());
        match self.breakdown.as_ref().map(|by| by.attribution) {
            Some(Attribution::FirstTouch) if !touch.is_some() => *touch = values.next().unwrap_or(*touch),
            Some(Attribution::LastTouch) => *touch = values.next_back().unwrap_or(*touch),
            _ => {}
        }
    }

    /// One outcome a value; of several histories of one customer under one value the better one.
    fn outcomes(&self, state: &AskedState<C::State>, as_of: Timestamp) -> Vec<(Box<str>, C::Outcome)> {
        let by_part = self.breakdown.as_ref().is_some_and(|by| by.attribution == Attribution::AllEvents);
        let one = |of: &C::State| self.course.outcome(of, &state.words, as_of);
        let mut best: BTreeMap<&str, C::Outcome> = BTreeMap::new();
        match self.units {
            UnitsOf::Values => {}
            UnitsOf::Customer => best.extend(one(&state.whole).map(|outcome| ("", outcome))),
            UnitsOf::Parts => {
                // In the order of texts: the order in which words were kept is that of ids.
                let mut parts: Vec<_> = state.parts.iter().collect();
                parts.sort_by_key(|((key, value), _)| (state.words.text(*key), state.words.text(*value)));
                for ((_, value), outcome) in parts.into_iter().filter_map(|(part, of)| Some((part, one(of)?)))
                {
                    let value = state.words.text(*value);
                    let outcome = match best.remove(value) {
                        Some(before) => self.course.better(before, outcome),
                        None => outcome,
                    };
                    best.insert(value, outcome);
                }
            }
        }
        let value = |outcome: &C::Outcome| self.course.value(outcome).unwrap_or(state.touch);
        let named = best.into_iter().map(|(part, outcome)| match &self.breakdown {
            Some(_) if !by_part => (state.words.text(value(&outcome)).into(), outcome),
            _ => (part.into(), outcome),
        });
        named.collect()
    }

    /// Follows the history of a value, whose facts may be of many customers.
    fn follow(&self, mut facts: Vec<Collected>, as_of: Timestamp) -> Vec<(Box<str>, C::Outcome)> {
        facts.sort_by_key(|fact| (fact.at, fact.glance.id));
        let units = match &self.breakdown {
            Some(by) if by.attribution == Attribution::AllEvents => UnitsOf::Parts,
            _ => UnitsOf::Customer,
        };
        let alone = Self { units, standing: None, ..self.clone() };
        let mut state = alone.init();
        for Collected { at, glance, value, name, .. } in facts {
            alone.reach(&mut state, at);
            let mut keep = |text: &str| if text.is_empty() { Word::NONE } else { state.words.keep(text) };
            state.held.push(glance.with_words(keep(&value), keep(&name)));
        }
        alone.close(&mut state);
        alone.outcomes(&state, as_of)
    }

    /// Follows the customer with a fact. What is held was seen before it.
    #[inline(never)]
    fn stand(&self, standing: &Standing, state: &mut AskedState<C::State>, fact: EventView<'_>) {
        self.reach(state, fact.occurred_at);
        if let Some(of_customer) = state.standing.as_mut() {
            standing.apply(of_customer, &fact);
        }
    }

    /// Goes on to an instant.
    #[inline]
    fn reach(&self, state: &mut AskedState<C::State>, at: Timestamp) {
        if at > state.at {
            if !state.held.is_empty() {
                self.close(state);
            }
            state.at = at;
        }
    }
}

impl<C: Course> Projection for Asked<C> {
    type State = AskedState<C::State>;
    type View = AskedView<C::Outcome>;

    fn init(&self) -> Self::State {
        AskedState {
            at: Timestamp::MIN,
            held: Vec::new(),
            words: Words::default(),
            whole: self.course.begin(),
            parts: BTreeMap::new(),
            collected: Vec::new(),
            touch: Word::NONE,
            standing: self.standing.as_ref().map(|standing| Box::new(standing.init())),
        }
    }

    #[expect(
        clippy::inline_always,
        reason = "part of the fold's loop, or every fact would be written to memory to be read again"
    )]
    #[inline(always)]
    fn apply(&self, state: &mut Self::State, fact: &EventView<'_>) {
        self.apply_lent(state, fact);
    }

    #[expect(
        clippy::inline_always,
        reason = "part of the fold's loop, or every fact would be copied once more"
    )]
    #[inline(always)]
    fn apply_lent<'a>(&self, state: &mut Self::State, fact: &impl Lend<'a>) {
        let head = fact.head();
        if let Some(standing) = &self.standing {
            self.stand(standing, state, fact.view());
        }
        let meant = self.lens.meant(head.kind);
        if meant.is_nothing() {
            return;
        }
        if meant.more || self.lens.has_value() && self.wants_value(state) {
            self.look(state, fact.view());
        } else {
            self.take(state, head.occurred_at, Glance::of(head, meant.sure));
        }
    }

    fn view(&self, state: &Self::State, as_of: Timestamp) -> Self::View {
        let mut state = Cow::Borrowed(state);
        if !state.held.is_empty() {
            self.close(state.to_mut());
        }
        let text = |word| Box::from(state.words.text(word));
        let collected = state.collected.iter().map(|(at, glance)| Collected {
            at: *at,
            glance: *glance,
            key: text(glance.key),
            value: text(glance.value),
            name: text(glance.name),
        });
        AskedView { outcomes: self.outcomes(&state, as_of), collected: collected.collect() }
    }

    fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

/// The sum of a query over customers, as of an instant.
#[derive(Clone, Debug)]
pub struct AskedReport<'q, C> {
    asked: &'q Asked<C>,
    as_of: Timestamp,
}

impl<C: Course> Asked<C> {
    /// The report that goes with the projection: it takes its views, as of the same instant.
    pub const fn report(&self, as_of: Timestamp) -> AskedReport<'_, C> {
        AskedReport { asked: self, as_of }
    }
}

impl<C: Course> Report for AskedReport<'_, C> {
    type View = AskedView<C::Outcome>;
    type Acc = AskedSum<C::Sum>;
    type Answer = Broken<C::Answer>;

    fn add(&self, acc: &mut Self::Acc, customer: Shown<'_>, view: &Self::View) {
        for (value, outcome) in &view.outcomes {
            let sum = acc.by_value.entry(value.clone()).or_default();
            self.asked.course.add(sum, customer.name, outcome);
        }
        for fact in &view.collected {
            acc.collected.entry(fact.key.clone()).or_default().push(fact.clone());
        }
    }

    fn merge(&self, into: &mut Self::Acc, other: Self::Acc) {
        for (value, sum) in other.by_value {
            self.asked.course.merge(into.by_value.entry(value).or_default(), sum);
        }
        for (key, facts) in other.collected {
            into.collected.entry(key).or_default().extend(facts);
        }
    }

    fn finish(&self, mut acc: Self::Acc) -> Broken<C::Answer> {
        let course = &self.asked.course;
        for (key, facts) in core::mem::take(&mut acc.collected) {
            for (value, outcome) in self.asked.follow(facts, self.as_of) {
                course.add(acc.by_value.entry(value).or_default(), &key, &outcome);
            }
        }
        if self.asked.breakdown.is_some() {
            let finish = |(value, sum)| (value, course.finish(sum));
            Broken::ByValue { by_value: acc.by_value.into_iter().map(finish).collect() }
        } else {
            Broken::Whole(course.finish(acc.by_value.into_values().next().unwrap_or_default()))
        }
    }
}
