//! One fact as a query sees it: which selectors it meets, and the few values of it that the query asks for.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::breakdown::{Breakdown, BreakdownScope};
use super::selector::{Filter, Scope, Selector, Where};
use super::standing::text_of;
use crate::event::{EventView, Head, Kind};
use crate::id::EventId;
use crate::money::Money;
use crate::projection::profile::ProfileView;
use crate::select::{Leaf, Matcher};

/// A text of a customer's [`Words`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Word(u32);

impl Word {
    /// No text.
    pub const NONE: Self = Self(u32::MAX);

    /// Whether it is a text at all.
    pub const fn is_some(self) -> bool {
        self.0 != u32::MAX
    }
}

/// The texts that occur in one customer's history, each once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Words(Vec<Box<str>>);

impl Words {
    /// The word for a text, which is kept if it is new.
    pub(super) fn keep(&mut self, text: &str) -> Word {
        // The last ones are the likeliest.
        let place = self.0.iter().rposition(|known| **known == *text).unwrap_or_else(|| {
            self.0.push(text.into());
            self.0.len() - 1
        });
        u32::try_from(place).map_or(Word::NONE, Word)
    }

    /// The text of a word; empty for none.
    pub fn text(&self, word: Word) -> &str {
        usize::try_from(word.0).ok().and_then(|place| self.0.get(place)).map_or("", |text| text)
    }
}

/// One fact as a query sees it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Glance {
    /// Which fact.
    pub id: EventId,
    /// One bit for each selector of the query that it meets, the first one lowest.
    pub met: u64,
    /// Which tests of the filter hold of the fact, where tests of the customer are to follow.
    tests: u64,
    /// The value that the answer is broken down by.
    pub value: Word,
    /// The value that `count_by` names.
    pub key: Word,
    /// How it is called: its kind, or the name of a tracked fact.
    pub name: Word,
    /// The money in it.
    pub amount: Option<Money>,
}

impl Glance {
    /// A fact of which nothing but the selectors is asked.
    #[inline]
    pub(super) const fn of(fact: Head, met: u64) -> Self {
        let (value, key, name) = (Word::NONE, Word::NONE, Word::NONE);
        Self { id: fact.id, met, tests: 0, value, key, name, amount: fact.amount }
    }

    /// The same with the words of another history, in which nothing is held constant.
    pub(super) const fn with_words(self, value: Word, name: Word) -> Self {
        Self { value, name, key: Word::NONE, ..self }
    }
}

/// Which facts are handed on, besides those that meet a selector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Besides {
    None,
    /// All whose kind is known.
    All,
}

/// What a query looks for in a fact.
#[derive(Clone, Debug)]
pub(super) struct Lens {
    /// What each kind means to the selectors, by its number: most facts are settled by it.
    by_kind: Vec<Meant>,
    besides: Besides,
    selectors: Vec<Sight>,
    filter: Sieve,
    /// Filters that keep nothing out: each has a bit, above those of the selectors.
    more: Vec<Sieve>,
    /// How many tests of facts have a bit.
    tests: u32,
    /// The property of the fact that the answer is broken down by.
    value: Option<Box<str>>,
    key: Option<Box<str>>,
    names: bool,
}

/// What a kind means to the selectors, one bit each.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Meant {
    /// Those that take every fact of it.
    pub sure: u64,
    /// Those that have to look at the fact.
    perhaps: u64,
    /// Whether there is more to see than the kind, but for the value that the answer is broken down by.
    pub more: bool,
}

impl Meant {
    /// Whether facts of the kind are of no use at all.
    #[inline]
    pub(super) const fn is_nothing(self) -> bool {
        self.sure == 0 && !self.more
    }
}

/// A selector: what can be seen in the fact, and what is to be asked of the customer.
#[derive(Clone, Debug)]
struct Sight {
    fact: Matcher,
    customer: Vec<Leaf>,
}

/// A filter, made ready.
#[derive(Clone, Debug)]
pub(super) enum Sieve {
    All(Vec<Sieve>),
    Any(Vec<Sieve>),
    /// A test of the fact, with its bit.
    Fact(Leaf, u64),
    Customer(Leaf),
}

impl Sieve {
    /// Tests beyond the 64th have no bit of their own: see [`Filter::MOST_TESTS`].
    pub(super) fn new(filter: &Filter, next: &mut u32) -> Self {
        match filter {
            Filter::All(all) => Self::All(all.iter().map(|filter| Self::new(filter, next)).collect()),
            Filter::Any(any) => Self::Any(any.iter().map(|filter| Self::new(filter, next)).collect()),
            Filter::Leaf(test) if test.scope == Scope::Customer => Self::Customer(test.leaf.clone()),
            Filter::Leaf(test) => {
                let bit = 1_u64.checked_shl(*next).unwrap_or(0);
                *next += 1;
                Self::Fact(test.leaf.clone(), bit)
            }
        }
    }

    fn passes_all(&self) -> bool {
        matches!(self, Self::All(all) if all.is_empty())
    }

    fn asks_customer(&self) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::asks_customer),
            Self::Fact(..) => false,
            Self::Customer(_) => true,
        }
    }

    /// Whether the fact passes, by tests of the fact and of the customer.
    fn passes(&self, fact: &dyn Fn(&Leaf, u64) -> bool, customer: &dyn Fn(&Leaf) -> bool) -> bool {
        match self {
            Self::All(all) => all.iter().all(|part| part.passes(fact, customer)),
            Self::Any(any) => any.iter().any(|part| part.passes(fact, customer)),
            Self::Fact(leaf, bit) => fact(leaf, *bit),
            Self::Customer(leaf) => customer(leaf),
        }
    }

    /// Whether a fact passes, where nothing is asked of the customer.
    pub(super) fn passes_fact(&self, fact: &EventView<'_>) -> bool {
        self.passes(&|leaf, _| leaf.holds(fact), &|_| false)
    }

    /// The bits of the tests that hold of a fact.
    fn tests(&self, fact: &EventView<'_>) -> u64 {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().fold(0, |bits, part| bits | part.tests(fact)),
            Self::Fact(leaf, bit) if leaf.holds(fact) => *bit,
            Self::Fact(..) | Self::Customer(_) => 0,
        }
    }
}

impl Lens {
    /// For the selectors of a query, at most 64.
    pub(super) fn new(
        selectors: &[&Selector],
        filter: &Filter,
        besides: Besides,
        breakdown: Option<&Breakdown>,
        key: Option<&str>,
    ) -> Self {
        let selectors: Vec<Sight> = selectors
            .iter()
            .map(|selector| {
                let of = |scope| {
                    let leaves = selector.leaves().iter().filter(move |test| test.scope == scope);
                    leaves.map(|test| test.leaf.clone()).collect::<Vec<_>>()
                };
                Sight { fact: selector.with_leaves(of(Scope::Fact)).compile(), customer: of(Scope::Customer) }
            })
            .collect();
        let mut by_kind = vec![Meant::default(); Kind::ALL.len() + 1];
        for kind in Kind::ALL {
            let Some(meant) = by_kind.get_mut(*kind as usize) else { continue };
            for (place, sight) in
                selectors.iter().enumerate().filter(|(_, of)| of.fact.kinds().contains(*kind))
            {
                let bits = if sight.fact.takes_all_of(*kind) { &mut meant.sure } else { &mut meant.perhaps };
                *bits |= 1 << place;
            }
        }
        let value = breakdown
            .filter(|breakdown| breakdown.scope == BreakdownScope::Fact)
            .map(|breakdown| breakdown.property.clone().unwrap_or_default());
        let mut tests = 0;
        Self {
            by_kind,
            besides,
            filter: Sieve::new(filter, &mut tests),
            more: Vec::new(),
            tests,
            value,
            key: key.map(Into::into),
            names: false,
            selectors,
        }
        .ready()
    }

    /// The same, where each kind says whether there is more to see.
    fn ready(mut self) -> Self {
        let all = self.besides == Besides::All;
        let more = !self.filter.passes_all() || !self.more.is_empty() || self.key.is_some() || self.names;
        for kind in Kind::ALL {
            if let Some(meant) = self.by_kind.get_mut(*kind as usize) {
                let is_met = meant.sure != 0 || meant.perhaps != 0;
                meant.more = meant.perhaps != 0 || all || is_met && more;
            }
        }
        self
    }

    /// The same, where each fact has its name with it.
    pub(super) fn with_names(self) -> Self {
        Self { names: true, ..self }.ready()
    }

    /// The same, where each fact has a bit for each of these filters that it passes, above those of the selectors.
    pub(super) fn with_filters(mut self, filters: &[&Filter]) -> Self {
        self.more = filters.iter().map(|filter| Sieve::new(filter, &mut self.tests)).collect();
        self.ready()
    }

    /// Whether anything is asked of the customer's profile.
    pub(super) fn asks_customer(&self) -> bool {
        self.filter.asks_customer()
            || self.more.iter().any(Sieve::asks_customer)
            || self.selectors.iter().any(|sight| !sight.customer.is_empty())
    }

    /// What its kind says of a fact, before anybody looks at it.
    #[inline]
    pub(super) fn meant(&self, kind: Kind) -> Meant {
        self.by_kind.get(kind as usize).copied().unwrap_or_default()
    }

    /// Whether an answer is broken down by a value of facts.
    #[inline]
    pub(super) const fn has_value(&self) -> bool {
        self.value.is_some()
    }

    /// What a fact shows, with the value that the answer is broken down by where that is wanted; none if it is of no use.
    /// What is to be asked of the customer is [asked later](Self::settle).
    pub(super) fn look(&self, fact: &EventView<'_>, wants_value: bool, words: &mut Words) -> Option<Glance> {
        let Meant { sure: mut met, mut perhaps, .. } = self.meant(fact.kind);
        while perhaps != 0 {
            let place = perhaps.trailing_zeros();
            let matches = self.selectors.get(place as usize).is_some_and(|sight| sight.fact.matches(fact));
            met |= u64::from(matches) << place;
            perhaps &= perhaps - 1;
        }
        if met == 0 && self.besides == Besides::None {
            return None;
        }
        let mut tests = 0;
        if !self.filter.passes_all() {
            if self.filter.asks_customer() {
                tests = self.filter.tests(fact);
            } else if !self.filter.passes_fact(fact) {
                return None;
            }
        }
        for (place, sieve) in (self.selectors.len()..).zip(&self.more) {
            if sieve.asks_customer() {
                tests |= sieve.tests(fact);
            } else {
                met |= u64::from(sieve.passes_fact(fact)) << place;
            }
        }
        let value = match &self.value {
            Some(name) if wants_value => value_of(fact, name, words),
            _ => Word::NONE,
        };
        let key = match &self.key {
            None => Word::NONE,
            Some(name) => Some(value_of(fact, name, words)).filter(|key| key.is_some())?,
        };
        let name = match (self.names, fact.kind, fact.subject) {
            (false, ..) => Word::NONE,
            (true, Kind::Tracked, Some(name)) => words.keep(name),
            (true, ..) => words.keep(fact.kind_name),
        };
        Some(Glance { id: fact.id, met, tests, value, key, name, amount: fact.amount })
    }

    /// Asks the customer what a fact could not tell. Gives whether the fact counts.
    pub(super) fn settle(&self, glance: &mut Glance, profile: &ProfileView) -> bool {
        let customer = |leaf: &Leaf| leaf.holds_of(profile.value(leaf.property()));
        let tests = core::mem::take(&mut glance.tests);
        let fact = |_: &Leaf, bit| tests & bit != 0;
        if self.filter.asks_customer() && !self.filter.passes(&fact, &customer) {
            return false;
        }
        for (place, sieve) in (self.selectors.len()..).zip(&self.more) {
            if sieve.asks_customer() && sieve.passes(&fact, &customer) {
                glance.met |= 1 << place;
            }
        }
        for (place, sight) in self.selectors.iter().enumerate() {
            if glance.met >> place & 1 == 1 && !sight.customer.iter().all(customer) {
                glance.met &= !(1 << place);
            }
        }
        glance.met != 0 || self.besides != Besides::None
    }
}

/// A value of a fact as a word; none for a missing one, null and an empty text.
fn value_of(fact: &EventView<'_>, name: &str, words: &mut Words) -> Word {
    let keep = |text: &str, words: &mut Words| if text.is_empty() { Word::NONE } else { words.keep(text) };
    let text = match name {
        "kind" => Some(fact.kind_name),
        "subject" => fact.subject,
        "channel" => fact.channel,
        "actor" => fact.actor,
        _ => {
            let value = fact.value(name).unwrap_or(Value::Null);
            return keep(&text_of(&value), words);
        }
    };
    text.map_or(Word::NONE, |text| keep(text, words))
}

impl Filter {
    /// The most tests of a fact in a filter.
    pub const MOST_TESTS: usize = 64;

    /// How many tests of the fact there are in it.
    pub(super) fn tests(&self) -> usize {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().map(Self::tests).sum(),
            Self::Leaf(test) => usize::from(test.scope == Scope::Fact),
        }
    }

    /// Whether a test in it is of the customer.
    pub(super) fn asks_customer(&self) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::asks_customer),
            Self::Leaf(test) => test.scope == Scope::Customer,
        }
    }

    /// The same tests, all of the customer.
    pub(super) fn of_customer(&self) -> Self {
        let of_customer = |parts: &[Self]| parts.iter().map(Self::of_customer).collect();
        match self {
            Self::All(parts) => Self::All(of_customer(parts)),
            Self::Any(parts) => Self::Any(of_customer(parts)),
            Self::Leaf(test) => Self::Leaf(Where { leaf: test.leaf.clone(), scope: Scope::Customer }),
        }
    }
}
