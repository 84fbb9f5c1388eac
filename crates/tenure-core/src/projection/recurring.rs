//! What a customer's subscriptions are worth a month, at every instant.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::exchange::{Counted, Exchange};
use crate::event::{EventView, Kind, Period};
use crate::fold::{Fingerprint, Projection};
use crate::money::half_even;
use crate::time::Timestamp;

/// Monthly recurring revenue (MRR) of one customer: what is due for the subscriptions that run, brought to a month.
///
/// A subscription runs from its `subscription_started` until its `subscription_ended`; an ending without a name ends all.
/// A cancelled one runs on until it has ended. A start, change or renewal with an amount sets what is due; without a
/// period, for the one that it had, or a month. A change or renewal of a subscription that does not run says nothing, and is
/// counted: `subscription_active` of a policy's stages means the same.
///
/// A month is a twelfth of a year, a quarter three months, and a year has 365 days: a week is 7/365 of it. What several
/// subscriptions are worth is added up exactly (in 84ths of a minor unit) and then rounded, half-even, once for a customer
/// and an instant. So sums over customers are sums of whole minor units.
///
/// Facts of one instant act together: a subscription that starts at an instant is not ended by it, one that ends is not
/// kept by a renewal, and of several amounts the greatest a month counts.
///
/// # Example
/// ```
/// use tenure_core::fold::{fold, Projection};
/// use tenure_core::projection::recurring::Recurring;
/// use tenure_core::{Customer, CustomerEvent, Event, EventId, Money, Period, Policy, Timestamp};
/// let recurring = Recurring::new(Policy::default().exchange());
/// let started = Event::new(
///     EventId::from_foreign("billing", "1"),
///     Customer::parse("ann", "shop")?,
///     Timestamp::parse("2024-05-01T00:00:00Z")?,
///     CustomerEvent::SubscriptionStarted {
///         subscription: Some("s-1".into()),
///         recurring: Some(Money::parse("100.00", "USD".parse()?)?),
///         period: Some(Period::Year),
///     },
/// )?;
/// let view = recurring.view(&fold(&recurring, [started.view()]), Timestamp::MAX);
/// assert_eq!(view.at(Timestamp::parse("2024-04-30T00:00:00Z")?), 0);
/// assert_eq!(view.at(Timestamp::parse("2024-05-01T00:00:00Z")?), 833); // 8.33 a month
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Recurring {
    exchange: Exchange,
    fingerprint: Fingerprint,
}

/// What is remembered of a customer's subscriptions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecurringState {
    /// What runs just before `at`, by the hash of its name.
    running: BTreeMap<u64, Price>,
    /// The last instant with a fact about subscriptions.
    at: Timestamp,
    /// What was said at it, sorted: taken in when a later fact comes, because it has no order.
    said: Vec<Said>,
    /// Up to just before `at`.
    steps: Vec<Step>,
    starts: u64,
    not_running: u64,
    counted: Counted,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Price {
    /// For a month, in 84ths of a minor unit.
    parts: i128,
    /// How often it is paid.
    period: Period,
}

/// What a fact says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Said {
    /// One subscription, or all, are over.
    End(Option<u64>),
    /// One begins.
    Start(u64, Due),
    /// One goes on, perhaps for another amount.
    GoOn(u64, Due),
}

/// An amount and a period, as far as a fact has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Due {
    minor: Option<i128>,
    period: Option<Period>,
}

/// From an instant on, so much a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// From when on, inclusive.
    pub at: Timestamp,
    /// Minor units a month; 0 and more.
    pub minor: i128,
}

/// What a customer's subscriptions are worth a month.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecurringView {
    /// Every change, in order of time; before the first it is 0.
    pub steps: Vec<Step>,
    /// How many subscriptions run, those for nothing among them.
    pub running: u64,
    /// How many were ever started.
    pub starts: u64,
    /// Changes and renewals of subscriptions that did not run.
    pub not_running: u64,
    /// What was counted of the amounts; `without_amount` are starts.
    pub counted: Counted,
}

impl RecurringView {
    /// Minor units a month as of an instant, what happens at it included.
    pub fn at(&self, at: Timestamp) -> i128 {
        let after = self.steps.partition_point(|step| step.at <= at);
        after.checked_sub(1).and_then(|index| self.steps.get(index)).map_or(0, |step| step.minor)
    }

    /// Whether it was ever above 0, up to and with an instant.
    pub fn ever_by(&self, at: Timestamp) -> bool {
        self.steps.iter().any(|step| step.at <= at && step.minor > 0)
    }
}

/// Of a minor unit a month.
const PARTS: i128 = 84;

/// How many 84ths of an amount a month gets of it.
const fn parts(period: Period) -> i128 {
    match period {
        // 365 / 12, and a seventh of that.
        Period::Day => 2_555,
        Period::Week => 365,
        Period::Month => PARTS,
        Period::Quarter => PARTS / 3,
        Period::Year => PARTS / 12,
    }
}

fn key_of(name: Option<&str>) -> u64 {
    xxhash_rust::xxh3::xxh3_64(name.unwrap_or_default().as_bytes())
}

/// What runs after an instant, and how many facts of it were about what does not run.
fn settle(running: &BTreeMap<u64, Price>, said: &[Said]) -> (BTreeMap<u64, Price>, u64) {
    let mut after = running.clone();
    let mut started = BTreeSet::new();
    for fact in said {
        match fact {
            Said::End(Some(key)) => {
                after.remove(key);
            }
            Said::End(None) => after.clear(),
            Said::Start(key, _) => {
                started.insert(*key);
            }
            Said::GoOn(..) => {}
        }
    }
    let mut prices: BTreeMap<u64, Price> = BTreeMap::new();
    let mut not_running = 0;
    for fact in said {
        let (Said::Start(key, due) | Said::GoOn(key, due)) = fact else { continue };
        let before = after.get(key);
        if before.is_none() && !started.contains(key) {
            not_running += 1;
            continue;
        }
        if let Some(minor) = due.minor {
            let period = due.period.or(before.map(|price| price.period)).unwrap_or(Period::Month);
            let price = Price { parts: minor.saturating_mul(parts(period)), period };
            let greatest = prices.entry(*key).or_insert(price);
            *greatest = price.max(*greatest);
        }
    }
    for key in started {
        after.entry(key).or_insert(Price { parts: 0, period: Period::Month });
    }
    after.extend(prices);
    (after, not_running)
}

fn monthly(running: &BTreeMap<u64, Price>) -> i128 {
    half_even(running.values().fold(0, |sum, price| sum.saturating_add(price.parts)), PARTS)
}

impl RecurringState {
    /// Takes in what was said at the last instant.
    fn settled(&self) -> (BTreeMap<u64, Price>, u64, Option<Step>) {
        let (running, not_running) = settle(&self.running, &self.said);
        let step = Step { at: self.at, minor: monthly(&running) };
        let changed = step.minor != self.steps.last().map_or(0, |last| last.minor);
        (running, not_running, changed.then_some(step))
    }
}

impl Recurring {
    /// MRR in what an exchange makes of amounts.
    pub fn new(exchange: Exchange) -> Self {
        let fingerprint = Fingerprint::of("recurring", 1, &exchange);
        Self { exchange, fingerprint }
    }

    /// How amounts are counted.
    pub const fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    fn due(&self, state: &mut RecurringState, fact: &EventView<'_>) -> Due {
        // A change or a renewal without an amount leaves what is due as it is: nothing is missing.
        let minor = (fact.amount.is_some() || fact.kind == Kind::SubscriptionStarted)
            .then(|| state.counted.take(&self.exchange, fact.amount, fact.occurred_at))
            .flatten();
        let period = fact.value("period").and_then(|period| serde_json::from_value(period).ok());
        Due { minor, period }
    }
}

impl Projection for Recurring {
    type State = RecurringState;
    type View = RecurringView;

    fn init(&self) -> RecurringState {
        RecurringState {
            running: BTreeMap::new(),
            at: Timestamp::MIN,
            said: Vec::new(),
            steps: Vec::new(),
            starts: 0,
            not_running: 0,
            counted: Counted::default(),
        }
    }

    fn apply(&self, state: &mut RecurringState, fact: &EventView<'_>) {
        let said = match fact.kind {
            Kind::SubscriptionStarted => {
                state.starts = state.starts.saturating_add(1);
                Said::Start(key_of(fact.subject), self.due(state, fact))
            }
            Kind::SubscriptionChanged | Kind::SubscriptionRenewed => {
                Said::GoOn(key_of(fact.subject), self.due(state, fact))
            }
            Kind::SubscriptionEnded => Said::End(fact.subject.map(|name| key_of(Some(name)))),
            _ => return,
        };
        if fact.occurred_at != state.at {
            let (running, not_running, step) = state.settled();
            state.running = running;
            state.not_running = state.not_running.saturating_add(not_running);
            state.steps.extend(step);
            state.said.clear();
            state.at = fact.occurred_at;
        }
        let place = state.said.partition_point(|other| *other < said);
        state.said.insert(place, said);
    }

    fn view(&self, state: &RecurringState, _: Timestamp) -> RecurringView {
        let (running, not_running, step) = state.settled();
        RecurringView {
            steps: state.steps.iter().copied().chain(step).collect(),
            running: u64::try_from(running.len()).unwrap_or(u64::MAX),
            starts: state.starts,
            not_running: state.not_running.saturating_add(not_running),
            counted: state.counted.clone(),
        }
    }

    fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    fn fits(&self, state: &RecurringState) -> bool {
        state.said.is_sorted() && state.steps.is_sorted_by(|a, b| a.at < b.at)
    }
}
