//! Tags: which labels a customer carries, and since when.

use serde::{Deserialize, Serialize};

use super::said::Named;
use crate::event::{EventView, Kind};
use crate::fold::{Fingerprint, Projection};
use crate::time::Timestamp;

/// The tags that `tag_added` put on a customer and `tag_removed` took off.
///
/// Put on and taken off at one instant, a tag is on. A customer has at most [`Tags::MOST`], those taken off included;
/// further ones are left out, and the view says so.
///
/// # Example
/// ```
/// use tenure_core::fold::{fold, Projection};
/// use tenure_core::projection::tags::Tags;
/// use tenure_core::{Customer, CustomerEvent, Event, EventId, Timestamp};
/// let at = Timestamp::parse("2024-05-01T10:00:00Z")?;
/// let tag = CustomerEvent::TagAdded { tag: "vip".into() };
/// let fact = Event::new(EventId::from_foreign("crm", "1"), Customer::parse("ann", "crm")?, at, tag)?;
/// let view = Tags.view(&fold(&Tags, [fact.view()]), at);
/// assert_eq!((view.held[0].tag.as_str(), view.held[0].since), ("vip", at));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tags;

impl Tags {
    /// The most tags that a customer has.
    pub const MOST: usize = 256;
}

/// State of the tags: whether each is on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TagsState(Named<Box<str>, bool>);

/// The tags of a customer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TagsView {
    /// Those that the customer carries, by name.
    pub held: Vec<Tag>,
    /// Those that were taken off, by name.
    pub removed: Vec<Tag>,
    /// Whether there were more than fit.
    pub full: bool,
}

/// One tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tag {
    /// Its name.
    pub tag: String,
    /// Since when it is on, or off, without a break.
    pub since: Timestamp,
}

impl Projection for Tags {
    type State = TagsState;
    type View = TagsView;

    fn init(&self) -> TagsState {
        TagsState::default()
    }

    fn apply(&self, state: &mut TagsState, fact: &EventView<'_>) {
        match (fact.kind, fact.subject) {
            (Kind::TagAdded, Some(tag)) => state.0.say(Self::MOST, tag.into(), fact.occurred_at, true),
            (Kind::TagRemoved, Some(tag)) => state.0.say_of_known(tag, fact.occurred_at, false),
            _ => {}
        }
    }

    fn view(&self, state: &TagsState, _: Timestamp) -> TagsView {
        let of = |on: bool| {
            let tags = state.0.iter().filter(move |(_, said)| *said.value() == on);
            tags.map(|(tag, said)| Tag { tag: tag.as_ref().into(), since: said.since() }).collect()
        };
        TagsView { held: of(true), removed: of(false), full: state.0.full() }
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of("tags", 1, &())
    }

    fn fits(&self, state: &TagsState) -> bool {
        state.0.fits(Self::MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::fold;
    use crate::{CustomerEvent, CustomerId, Event, EventId};

    fn tags(facts: &[(i64, &str, bool)]) -> TagsView {
        let events = facts.iter().zip(1_u32..).map(|((at, tag, on), n)| {
            let tag = (*tag).to_owned();
            let fact = if *on { CustomerEvent::TagAdded { tag } } else { CustomerEvent::TagRemoved { tag } };
            let at = Timestamp::from_micros(*at).unwrap();
            let id = EventId::from_foreign("test", &n.to_string());
            Event::new(id, CustomerId::from_bytes([1; 16]).into(), at, fact).unwrap()
        });
        let events: Vec<Event> = events.collect();
        Tags.view(&fold(&Tags, events.iter().map(Event::view)), Timestamp::MAX)
    }

    fn tag(tag: &str, since: i64) -> Tag {
        Tag { tag: tag.into(), since: Timestamp::from_micros(since).unwrap() }
    }

    #[test]
    fn a_tag_is_on_since_it_was_put_on_and_off_since_it_was_taken_off() {
        let view = tags(&[(1, "vip", true), (2, "vip", true), (3, "eu", true), (4, "eu", false)]);
        assert_eq!((view.held, view.removed), (vec![tag("vip", 1)], vec![tag("eu", 4)]));
    }

    #[test]
    fn put_on_and_taken_off_at_one_instant_it_is_on() {
        for order in [[true, false], [false, true]] {
            let view = tags(&order.map(|on| (5, "vip", on)));
            assert_eq!((view.held, view.removed), (vec![tag("vip", 5)], vec![]), "{order:?}");
        }
    }

    #[test]
    fn what_was_never_on_is_not_off() {
        assert_eq!(tags(&[(1, "vip", false)]), TagsView::default());
    }

    #[test]
    fn a_customer_has_no_more_tags_than_fit() {
        let names: Vec<String> = (0..300).map(|n| format!("t{n:03}")).collect();
        let view = tags(&names.iter().map(|name| (1, name.as_str(), true)).collect::<Vec<_>>());
        assert_eq!((view.held.len(), view.full), (Tags::MOST, true));
        assert_eq!(view.held.last().map(|tag| tag.tag.as_str()), Some("t255"));
    }
}
