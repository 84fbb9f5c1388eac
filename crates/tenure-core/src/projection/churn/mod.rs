//! Churn by rules: signals of leaving, each with its points, and a score that they add up to.
//!
//! ```text
//! ChurnPolicy (signals, base, bands) -> Churn (compiled) -> ChurnState -> ChurnView: score, band, and each signal's part
//!                                                                     \-> reason: the same in words
//! ```
//!
//! The score is `clamp(base + sum of points, 0, 100)`, whole numbers alone. What the clamp takes or gives is told as
//! `bound`, so that the parts add up exactly.
//!
//! # What is measured
//! Each signal measures one of five things ([`SignalDef`]); a raw value becomes points by a [`Scale`]: none on the good
//! side of a threshold, and a step for each further `every` on the bad side. All facts of one instant act together,
//! whatever their ids. A customer of whom no fact concerns any signal has the score `base`, unless a signal says
//! `or_never`.
//!
//! - A window of D at t holds `t - D < at <= t`.
//! - Something open counts from the instant at which it is due, less `lead`. A fact that lacks the property named by
//!   `due` begins nothing. An end closes what began at or before its instant (with the same subject, if asked); a fact that
//!   matches both selectors closes only what began strictly earlier. Without a subject is a subject of its own.
//! - Of several latest numbers of one instant the greatest counts; a match without a number is none.
//!
//! # Limits
//! A policy has at most [`ChurnPolicy::MAX_SIGNALS`] signals. A count remembers as many facts as change points, at most
//! [`ChurnPolicy::MAX_KEPT`]; of more things that are open at once the earliest as many are remembered. A fall compares the
//! latest 4,096 matches of both its windows.

mod action;
mod check;
mod measure;
mod policy;
mod reason;
mod scale;
#[cfg(test)]
mod tests;
mod view;
mod written;

use serde::{Deserialize, Serialize};
use std::sync::Arc;

pub use action::Action;
pub use check::ChurnPolicyError;
pub use policy::{Band, Bands, ChurnPolicy, Limit, Measure, OpenLimit, SignalDef};
pub use scale::Scale;
pub use view::{ChurnView, Contribution, SignalView, Unit};

use self::measure::{Memory, Meter};
use crate::event::{EventView, KindSet};
use crate::fold::{Fingerprint, Projection};
use crate::projection::stage::{CadencePolicy, check_cadence};
use crate::time::{Duration, Timestamp, Zone};

/// The rule score under a policy.
///
/// # Laws
/// L5: between [`next_change`](Projection::next_change) and the instant before it the points of every signal are
/// constant. L6: a score never falls as the raw value of a bad signal gets worse, the others fixed, and never rises as that
/// of a good one does. L7: the contributions add up to the score.
///
/// # Example
/// ```
/// use tenure_core::fold::{fold, Projection};
/// use tenure_core::projection::churn::Band;
/// use tenure_core::text::Language;
/// use tenure_core::{Customer, CustomerEvent, Event, EventId, Policy, Timestamp};
/// let churn = Policy::preset("retail").ok_or("no such preset")?.churn()?;
/// let order = Event::new(
///     EventId::from_foreign("shop", "1"),
///     Customer::parse("ann", "shop")?,
///     Timestamp::parse("2024-05-01T10:00:00Z")?,
///     CustomerEvent::OrderPlaced { order: None, total: None, lines: vec![] },
/// )?;
/// let state = fold(&churn, [order.view()]);
/// let view = churn.view(&state, Timestamp::parse("2024-07-02T10:00:00Z")?);
/// assert_eq!((view.score, view.band), (30, Band::Medium));
/// assert_eq!(view.contributions().map(|part| part.points).sum::<i32>(), 30);
/// let reason = churn.reason(view.reasons()[0], Language::En);
/// assert_eq!(reason, "no order for 62 days; from 45 days on that is long");
/// assert_eq!(churn.next_change(&state, order.occurred_at()), Some(Timestamp::parse("2024-06-15T10:00:00Z")?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Churn {
    policy: ChurnPolicy,
    meters: Vec<(Arc<str>, Meter)>,
    kinds: KindSet,
    fingerprint: Fingerprint,
}

/// State of [`Churn`]: what each signal remembers, in the order of the policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChurnState(Vec<Memory>);

impl Churn {
    /// The score under a policy. `zone` and `cadence` say how a customer's own rhythm is measured.
    ///
    /// # Errors
    /// [`ChurnPolicyError`] as [`ChurnPolicy::check`] says, or for a cadence out of range.
    pub fn new(policy: ChurnPolicy, zone: Zone, cadence: CadencePolicy) -> Result<Self, ChurnPolicyError> {
        policy.check()?;
        check_cadence(cadence)
            .map_err(|error| ChurnPolicyError { path: "cadence".into(), why: error.to_string().into() })?;
        let meter = |signal: &SignalDef| (signal.code.as_ref().into(), Meter::new(signal, zone, cadence));
        let meters: Vec<(Arc<str>, Meter)> = policy.signals.iter().map(meter).collect();
        let of_kinds =
            |kind: &crate::event::Kind| meters.iter().any(|(_, meter)| meter.kinds().contains(*kind));
        let kinds = crate::event::Kind::ALL.iter().copied().filter(of_kinds).collect();
        let fingerprint = Fingerprint::of("churn", 1, &(zone, cadence, &policy.signals));
        Ok(Self { policy, meters, kinds, fingerprint })
    }

    /// The policy.
    pub const fn policy(&self) -> &ChurnPolicy {
        &self.policy
    }

    /// The action that the strongest signal with one proposes; none where no bad signal has any.
    pub fn action(&self, view: &ChurnView) -> Option<&str> {
        view.reasons().into_iter().find_map(|signal| self.policy.signals.get(signal.place)?.action.as_deref())
    }

    /// What a view would be if the raw value of one signal were another, the others fixed: "and if they ordered today?"
    #[must_use]
    pub fn with_raw(&self, view: &ChurnView, place: usize, raw: Option<i64>) -> ChurnView {
        let mut signals = view.signals.clone();
        if let Some(signal) = signals.get_mut(place) {
            signal.raw = raw;
            signal.points = signal.scale.points(raw);
        }
        self.sum(signals)
    }

    fn sum(&self, signals: Vec<SignalView>) -> ChurnView {
        let base = i32::from(self.policy.base);
        // At most 64 signals of at most 1,000 points.
        let sum = base + signals.iter().map(|signal| signal.points).sum::<i32>();
        let score = sum.clamp(0, 100);
        let bound = score - sum;
        let score = u8::try_from(score).unwrap_or(100);
        ChurnView { score, band: self.policy.bands.of(score), base, signals, bound }
    }
}

impl Projection for Churn {
    type State = ChurnState;
    type View = ChurnView;

    fn init(&self) -> ChurnState {
        ChurnState(self.meters.iter().map(|(_, meter)| meter.init()).collect())
    }

    #[inline]
    fn apply(&self, ChurnState(memories): &mut ChurnState, fact: &EventView<'_>) {
        if self.kinds.contains(fact.kind) {
            self.meters.iter().zip(memories).for_each(|((_, meter), memory)| meter.take(memory, fact));
        }
    }

    fn view(&self, ChurnState(memories): &ChurnState, as_of: Timestamp) -> ChurnView {
        let at = as_of.as_micros();
        let signal = |(place, ((code, meter), memory)): (usize, (&(Arc<str>, Meter), &Memory))| {
            let (reading, scale) = meter.read(memory, at);
            SignalView {
                code: Arc::clone(code),
                place,
                raw: reading.raw,
                unit: meter.unit(),
                scale,
                points: scale.points(reading.raw),
                since: reading.since.map(|since| Timestamp::from_micros(since).unwrap_or(Timestamp::MIN)),
                facts: reading.facts,
                more: reading.more,
                cadence: reading.cadence.and_then(Duration::from_micros),
            }
        };
        self.sum(self.meters.iter().zip(memories).enumerate().map(signal).collect())
    }

    /// The first instant at which silence alone changes the points of a signal. Raw values grow all the time.
    fn next_change(&self, ChurnState(memories): &ChurnState, after: Timestamp) -> Option<Timestamp> {
        let meters = self.meters.iter().zip(memories);
        let next = meters.filter_map(|((_, meter), memory)| meter.next_change(memory, after.as_micros()));
        Timestamp::from_micros(next.min()?)
    }

    fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    fn fits(&self, ChurnState(memories): &ChurnState) -> bool {
        memories.len() == self.meters.len()
            && self.meters.iter().zip(memories).all(|((_, meter), memory)| meter.fits(memory))
    }
}
