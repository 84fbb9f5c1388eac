//! Profile: what is known of a customer, attribute by attribute.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::said::Named;
use crate::event::{EventView, Kind};
use crate::fold::{Fingerprint, Projection};
use crate::json;
use crate::privacy::Personal;
use crate::time::Timestamp;

/// The latest value of each attribute that `profile_updated` set; null removes one.
///
/// Of several values of one instant the greatest in canonical JSON text holds, and any value beats a removal. A customer
/// has at most [`Profile::MOST_ATTRIBUTES`]; further ones are left out, and the view says so. Every value is taken for
/// personal data.
///
/// # Example
/// ```
/// use tenure_core::fold::{fold, Projection};
/// use tenure_core::projection::profile::Profile;
/// use tenure_core::{Customer, CustomerEvent, Event, EventId, Timestamp};
/// let at = Timestamp::parse("2024-05-01T10:00:00Z")?;
/// let attributes = [("city".to_owned(), "Kyiv".into()), ("fax".to_owned(), serde_json::Value::Null)];
/// let fact = Event::new(
///     EventId::from_foreign("crm", "1"),
///     Customer::parse("ann", "crm")?,
///     at,
///     CustomerEvent::ProfileUpdated { attributes: attributes.into_iter().collect() },
/// )?;
/// let view = Profile.view(&fold(&Profile, [fact.view()]), at);
/// assert_eq!(view.value("city"), Some(&"Kyiv".into()));
/// assert_eq!((view.value("fax"), view.attributes.len()), (None, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Profile;

impl Profile {
    /// The most attributes that a customer has.
    pub const MOST_ATTRIBUTES: usize = json::MAX_NAMES;
}

/// State of the profile: for each attribute its canonical JSON text, or nothing where it was removed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProfileState(Named<Box<str>, Option<Personal<Box<str>>>>);

/// What is known of a customer.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ProfileView {
    /// The attributes that have a value, by name.
    pub attributes: Vec<Attribute>,
    /// Whether there were more than fit.
    pub full: bool,
}

/// One attribute.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Attribute {
    /// Its name.
    pub attribute: String,
    /// Its value; never null.
    pub value: Personal<Value>,
    /// Since when it has that value.
    pub since: Timestamp,
}

impl ProfileView {
    /// The value of an attribute.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.attributes
            .iter()
            .find(|attribute| attribute.attribute == name)
            .map(|attribute| &attribute.value.0)
    }
}

impl Projection for Profile {
    type State = ProfileState;
    type View = ProfileView;

    fn init(&self) -> ProfileState {
        ProfileState::default()
    }

    fn apply(&self, state: &mut ProfileState, fact: &EventView<'_>) {
        if fact.kind != Kind::ProfileUpdated {
            return;
        }
        for (name, value) in fact.properties() {
            if value.is_null() {
                state.0.say_of_known(name.as_str(), fact.occurred_at, None);
            } else {
                let text = Personal(json::canonical(&value).into());
                state.0.say(Self::MOST_ATTRIBUTES, name.into(), fact.occurred_at, Some(text));
            }
        }
    }

    fn view(&self, state: &ProfileState, _: Timestamp) -> ProfileView {
        let attributes = state.0.iter().filter_map(|(name, said)| {
            let value = serde_json::from_str(&said.value().as_ref()?.0).ok()?;
            Some(Attribute { attribute: name.as_ref().into(), value: Personal(value), since: said.since() })
        });
        ProfileView { attributes: attributes.collect(), full: state.0.full() }
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of("profile", 1, &())
    }

    fn fits(&self, state: &ProfileState) -> bool {
        let is_json = |text: &Personal<Box<str>>| json::parse(&text.0).is_ok();
        state.0.fits(Self::MOST_ATTRIBUTES)
            && state.0.iter().all(|(_, said)| said.value().as_ref().is_none_or(is_json))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::fold;
    use crate::{CustomerEvent, CustomerId, Event, EventId};

    fn update(n: u8, day: i64, attributes: &str) -> Event {
        let attributes = serde_json::from_str(attributes).unwrap();
        let at = Timestamp::from_micros(day * 86_400_000_000).unwrap();
        let customer = CustomerId::from_bytes([1; 16]).into();
        Event::new(EventId::from_bytes([n; 16]), customer, at, CustomerEvent::ProfileUpdated { attributes })
            .unwrap()
    }

    fn known(facts: &[Event]) -> Vec<(String, Value, i64)> {
        let state = fold(&Profile, facts.iter().map(Event::view));
        let view = Profile.view(&state, Timestamp::MAX);
        let day = |at: Timestamp| at.as_micros() / 86_400_000_000;
        view.attributes.into_iter().map(|a| (a.attribute, a.value.0, day(a.since))).collect()
    }

    #[test]
    fn the_latest_value_holds_and_null_removes() {
        let facts = [
            update(1, 1, r#"{"a":1,"b":"x"}"#),
            update(2, 2, r#"{"a":2,"b":"x"}"#),
            update(3, 3, r#"{"a":null}"#),
        ];
        assert_eq!(known(&facts[..2]), [("a".into(), 2.into(), 2), ("b".into(), "x".into(), 1)]);
        assert_eq!(known(&facts), [("b".into(), "x".into(), 1)]);
    }

    #[test]
    fn at_one_instant_a_value_beats_its_removal_and_the_greater_text_the_smaller() {
        let (one, two) = (r#"{"a":"x","b":null}"#, r#"{"a":"y","b":5}"#);
        let expected = [("a".to_owned(), "y".into(), 1), ("b".to_owned(), 5.into(), 1)];
        assert_eq!(known(&[update(1, 1, one), update(2, 1, two)]), expected);
        assert_eq!(known(&[update(1, 1, two), update(2, 1, one)]), expected);
    }

    #[test]
    fn no_value_shows_in_a_state_or_a_view() {
        let state = fold(&Profile, [update(1, 1, r#"{"name":"Ann Lee"}"#).view()]);
        let shown = format!("{state:?} {:?}", Profile.view(&state, Timestamp::MAX));
        assert!(shown.contains("name") && !shown.contains("Ann"), "{shown}");
    }
}
