//! Identities: under which names a customer is known, and which customers the person was recorded as.

use serde::{Deserialize, Serialize};

use super::said::Named;
use crate::event::{EventView, Kind};
use crate::fold::{Fingerprint, Projection};
use crate::id::CustomerId;
use crate::privacy::Personal;
use crate::time::Timestamp;

/// The identities that `identity_linked` made known, and the customers whose facts were folded.
///
/// Merges are resolved before the fold: a projection sees the facts of all members of a person, each recorded on its own
/// customer, and so knows who was merged in. A member without any fact leaves no trace here;
/// [`Corrections::members`](crate::log::Corrections::members) knows those, too. A void takes a link back as any other
/// fact. At most [`Identities::MOST`] of each are kept; further ones are left out, and the view says so.
///
/// # Example
/// ```
/// use tenure_core::fold::{fold, Projection};
/// use tenure_core::projection::identities::Identities;
/// use tenure_core::{Customer, CustomerEvent, Event, EventId, Timestamp};
/// let at = Timestamp::parse("2024-05-01T10:00:00Z")?;
/// let ann = Customer::parse("ann", "crm")?;
/// let linked = CustomerEvent::IdentityLinked { namespace: "email".into(), value: "ann@example.org".into() };
/// let fact = Event::new(EventId::from_foreign("crm", "1"), ann.clone(), at, linked)?;
/// let view = Identities.view(&fold(&Identities, [fact.view()]), at);
/// assert_eq!(view.linked[0].namespace, "email");
/// assert_eq!(view.customers[0].customer, ann.id());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identities;

impl Identities {
    /// The most identities, and the most customers, of one person.
    pub const MOST: usize = 256;
}

/// State of the identities: namespaces with values, and customers, each with its first instant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct IdentitiesState {
    linked: Named<(Box<str>, Personal<Box<str>>), ()>,
    customers: Named<CustomerId, ()>,
}

/// The identities of a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct IdentitiesView {
    /// What was linked, by namespace and value.
    pub linked: Vec<Identity>,
    /// The customers whom the person's facts are recorded on, by id: several where customers were merged.
    pub customers: Vec<Recorded>,
    /// Whether there were more than fit.
    pub full: bool,
}

/// One identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// Where it is valid: `email`, `phone`, `wechat`.
    pub namespace: String,
    /// The identity itself.
    pub value: Personal<String>,
    /// When it was linked first.
    pub since: Timestamp,
}

/// A customer whom facts are recorded on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Recorded {
    /// Which one.
    pub customer: CustomerId,
    /// When the first of its facts happened.
    pub since: Timestamp,
}

impl Projection for Identities {
    type State = IdentitiesState;
    type View = IdentitiesView;

    fn init(&self) -> IdentitiesState {
        IdentitiesState::default()
    }

    fn apply(&self, state: &mut IdentitiesState, fact: &EventView<'_>) {
        state.customers.note(Self::MOST, fact.customer, fact.occurred_at, ());
        if fact.kind != Kind::IdentityLinked {
            return;
        }
        let data = fact.properties();
        let text = |name| data.get(name).and_then(serde_json::Value::as_str);
        if let (Some(namespace), Some(value)) = (text("namespace"), text("value")) {
            let identity = (namespace.into(), Personal(value.into()));
            state.linked.note(Self::MOST, identity, fact.occurred_at, ());
        }
    }

    fn view(&self, state: &IdentitiesState, _: Timestamp) -> IdentitiesView {
        let linked = state.linked.iter().map(|((namespace, value), said)| Identity {
            namespace: namespace.as_ref().into(),
            value: Personal(value.0.as_ref().into()),
            since: said.since(),
        });
        let customers = state.customers.iter();
        let customers =
            customers.map(|(customer, said)| Recorded { customer: *customer, since: said.since() });
        IdentitiesView {
            linked: linked.collect(),
            customers: customers.collect(),
            full: state.linked.full() || state.customers.full(),
        }
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of("identities", 1, &())
    }

    fn fits(&self, state: &IdentitiesState) -> bool {
        state.linked.fits(Self::MOST) && state.customers.fits(Self::MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::States;
    use crate::log::{Append, Cut, Log};
    use crate::{Customer, CustomerEvent, Event, EventId};

    fn at(n: i64) -> Timestamp {
        Timestamp::from_micros(n).unwrap()
    }

    fn fact(n: u8, on: &str, when: i64, fact: CustomerEvent) -> Event {
        Event::new(EventId::from_bytes([n; 16]), Customer::parse(on, "crm").unwrap(), at(when), fact).unwrap()
    }

    fn email(value: &str) -> CustomerEvent {
        CustomerEvent::IdentityLinked { namespace: "email".into(), value: value.into() }
    }

    #[test]
    fn a_merged_person_has_the_identities_and_the_customers_of_all_members() {
        let facts = vec![
            fact(1, "ann", 1, email("a@example.org")),
            fact(2, "ann", 5, email("a@example.org")),
            fact(3, "anna", 3, email("anna@example.org")),
            fact(
                4,
                "ann",
                9,
                CustomerEvent::IdentityMerged { other: Customer::parse("anna", "crm").unwrap() },
            ),
        ];
        let mut log = Log::new();
        log.append(&Append::new(facts), at(10)).unwrap();
        let states = States::of_log(Identities, Cut::default(), &log);
        let ann = Customer::parse("ann", "crm").unwrap().id();
        let view = Identities.view(&states.get(ann).unwrap().state, at(10));
        let linked: Vec<_> = view.linked.iter().map(|one| (one.value.0.as_str(), one.since)).collect();
        assert_eq!(linked, [("a@example.org", at(1)), ("anna@example.org", at(3))]);
        assert_eq!((states.len(), view.customers.len()), (1, 2));
        assert!(!format!("{view:?}").contains("example.org"));
    }
}
