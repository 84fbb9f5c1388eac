//! Last contact: when somebody on our side last turned to a customer.

use crate::event::{EventView, Kind};
use crate::fold::{Fingerprint, Projection};
use crate::time::Timestamp;

/// The latest message, follow-up, answer to a ticket, offer or quote of ours.
///
/// # Example
/// ```
/// use tenure_core::fold::{fold, Projection};
/// use tenure_core::projection::contact::LastContact;
/// use tenure_core::{Customer, CustomerEvent, Event, EventId, Timestamp};
/// let at = Timestamp::parse("2024-05-01T10:00:00Z")?;
/// let sent = CustomerEvent::MessageSent { campaign: None };
/// let fact = Event::new(EventId::from_foreign("crm", "1"), Customer::parse("ann", "crm")?, at, sent)?;
/// assert_eq!(LastContact.view(&fold(&LastContact, [fact.view()]), at), Some(at));
/// assert_eq!(LastContact.view(&LastContact.init(), at), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastContact;

impl LastContact {
    /// The kinds that are contact by us. What is only planned is none.
    pub const KINDS: [Kind; 5] =
        [Kind::MessageSent, Kind::FollowUpLogged, Kind::TicketResponded, Kind::OfferMade, Kind::QuoteSent];
}

impl Projection for LastContact {
    type State = Option<Timestamp>;
    type View = Option<Timestamp>;

    fn init(&self) -> Option<Timestamp> {
        None
    }

    fn apply(&self, last: &mut Option<Timestamp>, fact: &EventView<'_>) {
        if Self::KINDS.contains(&fact.kind) {
            *last = (*last).max(Some(fact.occurred_at));
        }
    }

    fn view(&self, last: &Option<Timestamp>, _: Timestamp) -> Option<Timestamp> {
        *last
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of("last_contact", 1, &())
    }
}
