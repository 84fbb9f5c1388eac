//! RFM: how recently, how often and for how much a customer bought.

mod policy;
mod state;
mod tail;

use core::hint::black_box;
use std::borrow::Cow;
use std::collections::VecDeque;

pub use policy::{
    CnCut, CnPolicy, FixedEdges, Frequency, MapName, OwnSegment, RfmPolicy, RfmPolicyError, ScoreRange,
    Scoring, TierBasis, TierPolicy, TierRule,
};
pub use state::RfmState;
pub use tail::{RfmTail, RfmTailState};
pub(crate) use tail::{Scored, just_before};

use self::state::{Kept, Part, Totals};
use crate::event::{EventView, Head, Kind, Lend};
use crate::fold::{Fingerprint, Projection};
use crate::json;
use crate::local_clock::LocalClock;
use crate::money::{Currency, MoneySum};
use crate::rates::Rates;
use crate::time::{Timestamp, Zone};
use serde::{Deserialize, Serialize};

/// The raw RFM values of one customer, within the look-back window of the policy.
///
/// Orders of amount zero count; orders without an amount count as zero money. Refunds lower monetary by their own
/// date and change neither recency nor frequency. Amounts of other currencies are converted one by one at the rate of
/// the local day of their fact; those without a rate are left out of monetary and counted.
///
/// Scores are a matter of the population: see [`crate::report::rfm`]. Recency grows by itself every local midnight, as
/// ages do, and so has no `next_change`; segments have one, by
/// [`SegmentTimeline`](crate::report::rfm::SegmentTimeline).
///
/// # Laws
/// Without a window the state has a constant size. With one it keeps an entry for each instant and currency.
///
/// # Example
/// ```
/// use tenure_core::fold::{fold, Projection};
/// use tenure_core::projection::rfm::{Rfm, RfmPolicy};
/// use tenure_core::{Customer, CustomerEvent, Event, EventId, Money, Rates, Timestamp, Zone};
/// let rfm = Rfm::new(RfmPolicy::default(), Zone::UTC, None, Rates::default())?;
/// let order = Event::new(
///     EventId::from_foreign("shop", "1"),
///     Customer::parse("ann", "shop")?,
///     Timestamp::parse("2024-05-01T23:00:00Z")?,
///     CustomerEvent::OrderPlaced { order: None, total: Some(Money::parse("14.77", "USD".parse()?)?), lines: vec![] },
/// )?;
/// let state = fold(&rfm, [order.view()]);
/// let view = rfm.view(&state, Timestamp::parse("2024-05-03T01:00:00Z")?);
/// let values = view.values.ok_or("unscored")?;
/// assert_eq!((values.recency_days, values.frequency, values.monetary_minor), (2, 1, 1_477));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Rfm {
    policy: RfmPolicy,
    zone: Zone,
    currency: Option<Currency>,
    rates: Rates,
    clock: LocalClock,
    hash: String,
    fingerprint: Fingerprint,
}

impl Rfm {
    /// RFM under a policy. Without a currency amounts stay as they are, and a population must have one currency.
    ///
    /// # Errors
    /// [`RfmPolicyError`] as [`RfmPolicy::check`] says.
    pub fn new(
        policy: RfmPolicy,
        zone: Zone,
        currency: Option<Currency>,
        rates: Rates,
    ) -> Result<Self, RfmPolicyError> {
        policy.check()?;
        let parts = serde_json::to_value((zone, currency, &rates, &policy));
        // Plain data always has a JSON form.
        let text = parts.map(|value| json::canonical(&value)).unwrap_or_default();
        let hash = blake3::hash(text.as_bytes()).to_hex().to_string();
        let RfmPolicy { lookback, frequency, .. } = &policy;
        let fingerprint = Fingerprint::of("rfm", 1, &(zone, currency, &rates, lookback, frequency));
        Ok(Self { policy, zone, currency, rates, clock: LocalClock::new(zone), hash, fingerprint })
    }

    /// The policy.
    pub const fn policy(&self) -> &RfmPolicy {
        &self.policy
    }

    /// The currency of monetary, where the policy says it.
    pub const fn currency(&self) -> Option<Currency> {
        self.currency
    }

    /// Hash of all that scores and segments depend on: zone, currency, rates and the `[rfm]` part, with every default
    /// filled in. Other parts of a policy may change without making edges useless.
    pub fn policy_hash(&self) -> &str {
        &self.hash
    }

    /// What an order or a refund adds.
    #[expect(
        clippy::inline_always,
        reason = "part of the fold's loop, or every fact would be written to memory to be read again"
    )]
    #[inline(always)]
    fn part(&self, fact: &Head) -> Option<Part> {
        let ordered = match fact.kind {
            Kind::OrderPlaced => true,
            Kind::OrderRefunded => false,
            _ => return None,
        };
        let mut part = Part {
            at: fact.occurred_at.as_micros(),
            day: if ordered { self.clock.day(fact.occurred_at) } else { 0 },
            orders: ordered.into(),
            without_amount: 0,
            missing_rate: 0,
            currency: None,
            minor: 0,
        };
        match fact.amount {
            None => part.without_amount = 1,
            Some(amount) => {
                let counted = match self.currency {
                    Some(to) if to != amount.currency => {
                        self.rates.convert_on(amount, to, self.clock.day(fact.occurred_at))
                    }
                    _ => Ok(amount),
                };
                if let Ok(counted) = counted {
                    let minor = i128::from(counted.minor);
                    part.minor = if ordered { minor } else { -minor };
                    part.currency = Some(counted.currency);
                } else {
                    part.missing_rate = 1;
                    part.currency = Some(amount.currency);
                }
            }
        }
        Some(part)
    }

    /// The instant after which the window at `at` begins; none where it holds everything.
    fn opens(&self, at: Timestamp) -> Option<i64> {
        let opens = at.checked_sub(self.policy.lookback?)?;
        Some(opens.as_micros())
    }

    /// What counts at an instant that is not earlier than the last fact.
    fn totals<'a>(&self, state: &'a RfmState, as_of: Timestamp) -> Cow<'a, Totals> {
        match &state.0 {
            Kept::All(totals) => Cow::Borrowed(totals),
            Kept::Window(parts) => {
                let opens = self.opens(as_of);
                let mut totals = Totals::default();
                for part in parts.iter().filter(|part| opens.is_none_or(|opens| part.at > opens)) {
                    totals.add(part, self.policy.frequency);
                }
                Cow::Owned(totals)
            }
        }
    }

    /// The first instant after another, not earlier than the last fact, at which silence alone turns something round:
    /// recency reaches one of these numbers of days, or something leaves the window. None if nothing ever does.
    pub(crate) fn turn_after(
        &self,
        state: &RfmState,
        after: Timestamp,
        recencies: &[u32],
    ) -> Option<(Timestamp, Turn)> {
        let totals = self.totals(state, after);
        let day = i64::from(totals.last_day);
        let instant = |micros: i64| Timestamp::from_micros(micros);
        let grown = recencies.iter().filter(|_| totals.frequency > 0).filter_map(|days| {
            let at = instant(self.clock.turn_after(day + i64::from(*days), after.as_micros())?)?;
            let since = self.clock.turn_after(day, -1).and_then(instant).unwrap_or(Timestamp::MIN);
            Some((at, Turn::Recency { days: *days, since }))
        });
        let left = match &state.0 {
            Kept::All(_) => None,
            Kept::Window(parts) => {
                let opens = self.opens(after);
                let first = parts.iter().find(|part| opens.is_none_or(|opens| part.at > opens));
                first.and_then(|first| instant(first.at)).and_then(|since| {
                    Some((since.checked_add(self.policy.lookback?)?, Turn::Window { since }))
                })
            }
        };
        left.into_iter().chain(grown).min_by_key(|(at, _)| *at)
    }
}

/// What silence turns round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Recency reaches, or leaves, a number of days, counted from the beginning of the last purchase day.
    Recency { days: u32, since: Timestamp },
    /// What happened at an instant leaves the window.
    Window { since: Timestamp },
}

impl Projection for Rfm {
    type State = RfmState;
    type View = RfmView;

    fn init(&self) -> RfmState {
        RfmState(match self.policy.lookback {
            None => Kept::All(Totals::default()),
            Some(_) => Kept::Window(VecDeque::new()),
        })
    }

    #[expect(
        clippy::inline_always,
        reason = "part of the fold's loop, or every fact would be written to memory to be read again"
    )]
    #[inline(always)]
    fn apply(&self, state: &mut RfmState, fact: &EventView<'_>) {
        self.apply_lent(state, fact);
    }

    #[expect(
        clippy::inline_always,
        reason = "part of the fold's loop, or every fact would be written to memory to be read again"
    )]
    #[inline(always)]
    fn apply_lent<'a>(&self, state: &mut RfmState, fact: &impl Lend<'a>) {
        let fact = fact.head();
        if let Some(part) = self.part(&fact) {
            match &mut state.0 {
                Kept::All(totals) => totals.add(&part, self.policy.frequency),
                Kept::Window(parts) => state::push(parts, part, self.opens(fact.occurred_at)),
            }
        }
    }

    #[inline]
    fn prefetch(&self, state: &RfmState) {
        if let Kept::All(totals) = &state.0 {
            black_box(totals.frequency);
        }
    }

    fn view(&self, state: &RfmState, as_of: Timestamp) -> RfmView {
        RfmView::of(&self.totals(state, as_of), self.clock.day(as_of))
    }

    fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    fn fits(&self, state: &RfmState) -> bool {
        matches!(&state.0, Kept::Window(_)) == self.policy.lookback.is_some()
    }
}

/// What is known of one customer in the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RfmView {
    /// Recency, frequency and monetary; none without an order: the customer is unscored.
    pub values: Option<RfmValues>,
    /// The first and the last currency by code among the amounts in monetary: equal if there is one; none without
    /// any. Without a currency in the policy they may differ, and then monetary means nothing.
    pub currencies: Option<(Currency, Currency)>,
    /// Orders and refunds that came without an amount.
    pub without_amount: u64,
    /// Amounts that are left out of monetary, because the policy has no rate on or before their day (or, absurdly,
    /// because the converted amount does not fit 64 bits).
    pub missing_rate: u64,
    /// The first currency by code that was left out.
    pub missing: Option<Currency>,
}

impl RfmView {
    fn of(totals: &Totals, today: i32) -> Self {
        Self {
            values: (totals.frequency > 0).then(|| RfmValues {
                recency_days: u32::try_from(today.saturating_sub(totals.last_day)).unwrap_or(0),
                frequency: totals.frequency,
                monetary_minor: totals.minor,
            }),
            currencies: totals.currencies,
            without_amount: totals.without_amount,
            missing_rate: totals.missing_rate,
            missing: totals.missing,
        }
    }

    /// What a customer is scored by; none for an unscored one.
    pub(crate) fn scored(&self) -> Option<Scored> {
        Some(Scored { values: self.values?, currencies: self.currencies })
    }

    /// Monetary with its currency, `XXX` without any amount; none for an unscored customer or for several currencies.
    pub fn monetary(&self) -> Option<MoneySum> {
        let minor = self.values?.monetary_minor;
        match self.currencies {
            None => Some(MoneySum { minor, currency: Currency::NONE }),
            Some((currency, last)) => (currency == last).then_some(MoneySum { minor, currency }),
        }
    }
}

/// Raw values of a customer who has ordered in the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RfmValues {
    /// Local calendar days from the last purchase day to the day asked about.
    pub recency_days: u32,
    /// Distinct purchase days, or orders; at least 1.
    pub frequency: u64,
    /// Orders less refunds in minor units.
    pub monetary_minor: i128,
}
