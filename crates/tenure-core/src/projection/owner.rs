//! Owner: who on our side is responsible for a customer, now and before.

use serde::{Deserialize, Serialize};

use crate::event::{EventView, Kind};
use crate::fold::{Fingerprint, Projection};
use crate::time::Timestamp;

/// The owners that `owner_assigned` gave a customer.
///
/// Of several of one instant the greatest by text holds. Assigned again, an owner goes on. The last [`Owner::MOST`]
/// changes are kept.
///
/// # Example
/// ```
/// use tenure_core::fold::{fold, Projection};
/// use tenure_core::projection::owner::Owner;
/// use tenure_core::{Customer, CustomerEvent, Event, EventId, Timestamp};
/// let at = Timestamp::parse("2024-05-01T10:00:00Z")?;
/// let assigned = CustomerEvent::OwnerAssigned { owner: "kim".into() };
/// let fact = Event::new(EventId::from_foreign("crm", "1"), Customer::parse("ann", "crm")?, at, assigned)?;
/// let view = Owner.view(&fold(&Owner, [fact.view()]), at);
/// assert_eq!(view.current().map(|now| now.owner.as_str()), Some("kim"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Owner;

impl Owner {
    /// How many changes of owner are kept: the latest.
    pub const MOST: usize = 256;
}

/// State of the owner: the changes, and last the latest instant at which anybody was assigned, even where that changed
/// nothing: another owner may be said of it yet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OwnerState(Vec<Ownership>);

/// The owners of a customer, the earliest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OwnerView {
    /// Each owner and since when; the last is the present one.
    pub history: Vec<Ownership>,
}

/// Who took over, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ownership {
    /// Who.
    pub owner: String,
    /// From when on.
    pub since: Timestamp,
}

impl OwnerView {
    /// The present owner; none where nobody was ever assigned.
    pub fn current(&self) -> Option<&Ownership> {
        self.history.last()
    }
}

/// Whether the last entry assigns whom the one before assigned already.
fn repeats(entries: &[Ownership]) -> bool {
    matches!(entries, [.., before, last] if before.owner == last.owner)
}

impl Projection for Owner {
    type State = OwnerState;
    type View = OwnerView;

    fn init(&self) -> OwnerState {
        OwnerState::default()
    }

    fn apply(&self, OwnerState(entries): &mut OwnerState, fact: &EventView<'_>) {
        let (Kind::OwnerAssigned, Some(owner)) = (fact.kind, fact.actor) else { return };
        match entries.last_mut() {
            Some(last) if last.since == fact.occurred_at => {
                if owner > last.owner.as_str() {
                    owner.clone_into(&mut last.owner);
                }
            }
            _ => {
                if repeats(entries) {
                    entries.pop();
                }
                entries.push(Ownership { owner: owner.to_owned(), since: fact.occurred_at });
                // One more than is shown: the last may repeat the one before.
                if entries.len() > Self::MOST + 1 {
                    entries.remove(0);
                }
            }
        }
    }

    fn view(&self, OwnerState(entries): &OwnerState, _: Timestamp) -> OwnerView {
        let mut history = entries.clone();
        if repeats(&history) {
            history.pop();
        }
        let older = history.len().saturating_sub(Self::MOST);
        history.drain(..older);
        OwnerView { history }
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of("owner", 1, &())
    }

    fn fits(&self, OwnerState(entries): &OwnerState) -> bool {
        entries.len() <= Self::MOST + 1 && entries.is_sorted_by(|a, b| a.since < b.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::fold;
    use crate::{CustomerEvent, CustomerId, Event, EventId};

    fn owners(facts: &[(i64, &str)]) -> Vec<(String, i64)> {
        let events = facts.iter().zip(1_u32..).map(|((at, owner), n)| {
            let fact = CustomerEvent::OwnerAssigned { owner: (*owner).into() };
            let at = Timestamp::from_micros(*at).unwrap();
            let id = EventId::from_foreign("test", &n.to_string());
            Event::new(id, CustomerId::from_bytes([1; 16]).into(), at, fact).unwrap()
        });
        let events: Vec<Event> = events.collect();
        let view = Owner.view(&fold(&Owner, events.iter().map(Event::view)), Timestamp::MAX);
        view.history.into_iter().map(|one| (one.owner, one.since.as_micros())).collect()
    }

    #[test]
    fn an_owner_goes_on_when_assigned_again() {
        let facts = [(1, "kim"), (2, "kim"), (3, "lee"), (4, "lee"), (5, "lee"), (6, "kim"), (7, "kim")];
        assert_eq!(owners(&facts), [("kim".into(), 1), ("lee".into(), 3), ("kim".into(), 6)]);
    }

    #[test]
    fn of_several_at_one_instant_the_greatest_holds_whoever_comes_first() {
        for order in [["kim", "lee"], ["lee", "kim"]] {
            let facts = [(1, "lee"), (2, order[0]), (2, order[1]), (3, "kim")];
            assert_eq!(owners(&facts), [("lee".into(), 1), ("kim".into(), 3)], "{order:?}");
        }
    }

    #[test]
    fn the_latest_changes_are_kept() {
        let names: Vec<String> = (0..600).map(|n| format!("o{}", n % 3)).collect();
        let facts: Vec<(i64, &str)> = (0_i64..).zip(names.iter().map(String::as_str)).collect();
        let kept = owners(&facts);
        assert_eq!((kept.len(), kept[0].1, kept[255].1), (Owner::MOST, 344, 599));
    }
}
