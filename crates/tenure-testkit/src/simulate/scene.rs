//! Where a happening is played: the customer, the instant, and the facts that come of it.

use serde_json::{Map, Value};
use tenure_core::{Customer, CustomerEvent, Event, EventId, Money, Timestamp};

use super::Simulation;
use super::agenda::Agenda;
use super::happening::Happening;
use super::random::Random;
use super::season::{Rhythm, days};
use super::truth::Truth;
use super::words;

/// What the models of all archetypes know of a customer.
#[derive(Debug)]
pub(super) struct Core {
    pub number: u64,
    pub truth: Truth,
    pub random: Random,
    pub agenda: Agenda<Happening>,
    /// A second account, and until when the customer acts under it.
    pub account: Option<(Customer, Timestamp)>,
    /// The last number in a name of an order, ticket, contract.
    names: u32,
    /// Facts that will be taken back, and whom they are recorded on.
    mistakes: Vec<(EventId, Customer)>,
    channel: &'static str,
    pub consent: bool,
    pub last_seen: Timestamp,
}

impl Core {
    pub fn new(number: u64, truth: Truth, random: Random, begins: Timestamp) -> Self {
        Self {
            number,
            truth,
            random,
            agenda: Agenda::new(),
            account: None,
            names: 0,
            mistakes: Vec::new(),
            channel: "",
            consent: false,
            last_seen: begins,
        }
    }

    /// The channel that the customer prefers is one of these.
    pub fn prefer(&mut self, channels: &[&'static str]) {
        self.channel = self.random.word(channels);
    }
}

/// A happening of a customer at an instant.
pub(super) struct Scene<'a> {
    pub of: &'a Simulation,
    pub core: &'a mut Core,
    pub now: Timestamp,
    facts: &'a mut Vec<Event>,
}

impl<'a> Scene<'a> {
    pub const fn new(
        of: &'a Simulation,
        core: &'a mut Core,
        now: Timestamp,
        facts: &'a mut Vec<Event>,
    ) -> Self {
        Self { of, core, now, facts }
    }

    /// Whether the customer lives now.
    pub fn alive(&self) -> bool {
        self.core.truth.lived_at(self.now)
    }

    /// A number that no other order, ticket or contract of the customer has.
    pub fn number(&mut self) -> u32 {
        self.core.names += 1;
        self.core.names
    }

    /// The name of a numbered thing: `o-17-3` is the third thing of customer 17.
    pub fn name(&self, letter: char, number: u32) -> String {
        format!("{letter}-{}-{number}", self.core.number)
    }

    /// Puts a happening down for a number of days later, unless everything is over by then.
    pub fn after(&mut self, later: f64, what: Happening) {
        if let Some(at) = self.now.checked_add(days(later)) {
            self.at(at, what);
        }
    }

    /// The same after an exponential time with this mean.
    pub fn within(&mut self, mean: f64, what: Happening) {
        let later = self.core.random.exponential(mean);
        self.after(later, what);
    }

    /// The same at an instant.
    pub fn at(&mut self, at: Timestamp, what: Happening) {
        if at < self.of.end {
            self.core.agenda.put(at, what);
        }
    }

    /// The next of a process that follows the seasons.
    pub fn next(&mut self, rhythm: Rhythm, per_day: f64, what: Happening) {
        if let Some(at) = self.of.season.next(&mut self.core.random, rhythm, per_day, self.now) {
            self.core.agenda.put(at, what);
        }
    }

    /// True in so many of 1,000 cases.
    pub fn chance(&mut self, per_mille: u64) -> bool {
        self.core.random.chance(per_mille)
    }

    /// A reason, a city: one of some words.
    pub fn word(&mut self, words: &[&'static str]) -> String {
        self.core.random.word(words).to_owned()
    }

    /// An amount.
    pub fn money(minor: i64) -> Option<Money> {
        "USD".parse().ok().map(|usd| Money::from_minor(minor, usd))
    }

    /// A fact of this instant; four of a thousand are entered twice, and the second one is taken back later.
    pub fn say(&mut self, fact: CustomerEvent) {
        let on = self.account_used(&fact);
        self.record(on.clone(), fact.clone());
        if self.chance(4) {
            let doubled = self.record(on.clone(), fact);
            self.will_take_back(doubled, on, 0.01, 1.0);
        }
    }

    /// A fact on the customer's own name, with its id.
    pub fn say_as_self(&mut self, fact: CustomerEvent) -> EventId {
        let customer = self.core.truth.customer.clone();
        self.record(customer, fact)
    }

    /// A fact will turn out to be wrong after at least `least` days and on average `mean` more.
    pub fn will_take_back(&mut self, id: EventId, on: Customer, least: f64, mean: f64) {
        let place = u32::try_from(self.core.mistakes.len()).unwrap_or(u32::MAX);
        self.core.mistakes.push((id, on));
        let later = least + self.core.random.exponential(mean);
        self.after(later, Happening::TakeBack(place));
    }

    /// Takes back a mistake.
    pub fn take_back(&mut self, place: u32) {
        let mistake = usize::try_from(place).ok().and_then(|place| self.core.mistakes.get(place));
        if let Some((target, on)) = mistake.cloned() {
            let why = Some("entered by mistake".to_owned());
            self.record(on, CustomerEvent::EventVoided { target, why });
        }
    }

    /// Until the second account is known to be the same person everything is recorded there; later on a device that
    /// was forgotten still uses it now and then.
    fn account_used(&mut self, fact: &CustomerEvent) -> Customer {
        let forgetful = matches!(fact, CustomerEvent::SessionStarted {} | CustomerEvent::Tracked { .. });
        let slips = forgetful && self.core.account.is_some() && self.chance(50);
        match &self.core.account {
            Some((account, until)) if self.now < *until || slips => account.clone(),
            _ => self.core.truth.customer.clone(),
        }
    }

    fn record(&mut self, on: Customer, fact: CustomerEvent) -> EventId {
        let mut random = [0; 10];
        let bits =
            self.core.random.bits().to_be_bytes().into_iter().chain(self.core.random.bits().to_be_bytes());
        random.iter_mut().zip(bits).for_each(|(to, from)| *to = from);
        let id = EventId::from_instant(self.now, random);
        let by_customer = fact.kind().by() == tenure_core::By::Customer;
        let event = Event::new(id, on, self.now, fact)
            .and_then(|event| if by_customer { event.with_channel(self.core.channel) } else { Ok(event) });
        debug_assert!(event.is_ok(), "{event:?}");
        if let Ok(event) = event {
            self.facts.push(event);
            if by_customer {
                self.core.last_seen = self.now;
            }
        }
        id
    }
}

/// An object of one property.
pub(super) fn property(name: &str, value: impl Into<Value>) -> Map<String, Value> {
    Map::from_iter([(name.to_owned(), value.into())])
}

/// What something costs: lognormal around a median, in minor units, from one up to ten million.
pub(super) fn amount(random: &mut Random, median: f64, sigma: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "bounded before the cast")]
    let minor = random.lognormal(median, sigma).clamp(1.0, 1e9) as i64;
    minor
}

/// The campaign of a number.
pub(super) fn campaign(number: u32) -> Option<String> {
    let names = words::CAMPAIGNS;
    names.get(number as usize % names.len()).map(|name| format!("{name}-{}", number / 8))
}

/// The campaign that brought a customer.
pub(super) fn brought_by(number: u64) -> u32 {
    u32::try_from(number % 48).unwrap_or_default()
}
