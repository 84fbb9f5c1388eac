//! Consent: for which purposes a customer has given it, and since when.

use core::cmp::Reverse;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::said::Named;
use crate::event::{EventView, Kind};
use crate::fold::{Fingerprint, Projection};
use crate::time::Timestamp;

/// What `consent_changed` says last of each purpose.
///
/// Given and withdrawn at one instant, consent is withdrawn: in doubt nobody is written to. A purpose that was never
/// asked about has no entry, and that is no consent. At most [`Consents::MOST`] purposes are kept; further ones are left
/// out, which is no consent either.
///
/// # Example
/// ```
/// use tenure_core::fold::{fold, Projection};
/// use tenure_core::projection::consent::Consents;
/// use tenure_core::{Customer, CustomerEvent, Event, EventId, Timestamp};
/// let at = Timestamp::parse("2024-05-01T10:00:00Z")?;
/// let given = CustomerEvent::ConsentChanged { purpose: "newsletter".into(), granted: true };
/// let fact = Event::new(EventId::from_foreign("crm", "1"), Customer::parse("ann", "crm")?, at, given)?;
/// let view = Consents.view(&fold(&Consents, [fact.view()]), at);
/// assert!(view.granted("newsletter") && !view.granted("profiling"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Consents;

impl Consents {
    /// The most purposes.
    pub const MOST: usize = 256;
}

/// State of the consents: whether each is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ConsentsState(Named<Box<str>, Reverse<bool>>);

/// The consents of a customer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ConsentsView {
    /// By purpose.
    pub purposes: Vec<Consent>,
}

/// What a customer said of one purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Consent {
    /// What for.
    pub purpose: String,
    /// Given, or withdrawn.
    pub granted: bool,
    /// Since when, without a break.
    pub since: Timestamp,
}

impl ConsentsView {
    /// Whether the customer may be addressed for this purpose.
    pub fn granted(&self, purpose: &str) -> bool {
        self.purposes.iter().any(|one| one.purpose == purpose && one.granted)
    }
}

impl Projection for Consents {
    type State = ConsentsState;
    type View = ConsentsView;

    fn init(&self) -> ConsentsState {
        ConsentsState::default()
    }

    fn apply(&self, state: &mut ConsentsState, fact: &EventView<'_>) {
        let (Kind::ConsentChanged, Some(purpose)) = (fact.kind, fact.subject) else { return };
        let granted = fact.value("granted").as_ref().and_then(Value::as_bool).unwrap_or(false);
        state.0.say(Self::MOST, purpose.into(), fact.occurred_at, Reverse(granted));
    }

    fn view(&self, state: &ConsentsState, _: Timestamp) -> ConsentsView {
        let purposes = state.0.iter().map(|(purpose, said)| Consent {
            purpose: purpose.as_ref().into(),
            granted: said.value().0,
            since: said.since(),
        });
        ConsentsView { purposes: purposes.collect() }
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of("consents", 1, &())
    }

    fn fits(&self, state: &ConsentsState) -> bool {
        state.0.fits(Self::MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::fold;
    use crate::{CustomerEvent, CustomerId, Event, EventId};

    fn consents(facts: &[(i64, bool)]) -> Vec<(bool, i64)> {
        let events = facts.iter().zip(1_u32..).map(|((at, granted), n)| {
            let fact = CustomerEvent::ConsentChanged { purpose: "news".into(), granted: *granted };
            let at = Timestamp::from_micros(*at).unwrap();
            let id = EventId::from_foreign("test", &n.to_string());
            Event::new(id, CustomerId::from_bytes([1; 16]).into(), at, fact).unwrap()
        });
        let events: Vec<Event> = events.collect();
        let view = Consents.view(&fold(&Consents, events.iter().map(Event::view)), Timestamp::MAX);
        view.purposes.iter().map(|one| (one.granted, one.since.as_micros())).collect()
    }

    #[test]
    fn the_last_word_holds_since_it_changed() {
        assert_eq!(consents(&[(1, true), (2, true)]), [(true, 1)]);
        assert_eq!(consents(&[(1, true), (2, false), (3, false)]), [(false, 2)]);
    }

    #[test]
    fn given_and_withdrawn_at_one_instant_it_is_withdrawn() {
        for order in [[true, false], [false, true]] {
            assert_eq!(consents(&order.map(|granted| (4, granted))), [(false, 4)], "{order:?}");
        }
    }
}
