//! Facts whose personal properties are sealed: taken out of the body, and kept in it under one name as text that only
//! the holder of a key can read. How they are sealed is not this crate's business; where they stand is.

use serde_json::{Map, Value};

use super::{Event, EventView, Kind, data_text};
use crate::json;
use crate::privacy::Privacy;

/// The property that holds what is sealed. No fact can be given with a name that begins with `$`.
const SEALED: &str = "$sealed";

/// How the property stands in a body. Quotes are escaped within texts, so this is nowhere but before its value.
const SEALED_IN_TEXT: &str = "\"$sealed\":";

impl Kind {
    /// How private a property of its body is: as the typed field of that name, or as a profile's attributes are. Free
    /// text is known by its name in every kind, because people write names and numbers into it.
    ///
    /// # Example
    /// ```
    /// use tenure_core::{Kind, Privacy};
    /// assert_eq!(Kind::ProfileUpdated.property_privacy("city"), Privacy::Pii);
    /// assert_eq!(Kind::IdentityLinked.property_privacy("namespace"), Privacy::Plain);
    /// assert_eq!(Kind::Tracked.property_privacy("note"), Privacy::Sensitive);
    /// ```
    pub fn property_privacy(self, name: &str) -> Privacy {
        match self {
            // What is sealed says nothing any more.
            _ if name == SEALED => Privacy::Plain,
            Self::ProfileUpdated => Privacy::Pii,
            Self::IdentityLinked if name == "value" => Privacy::Pii,
            _ if matches!(name, "why" | "reason" | "outcome" | "note") => Privacy::Sensitive,
            _ => Privacy::Plain,
        }
    }
}

impl Event {
    /// The properties of its stored body that are to be sealed: those that are not [`Privacy::Plain`], except where
    /// `plain` says so of an attribute of a profile. Empty for most facts.
    ///
    /// # Example
    /// ```
    /// use tenure_core::{Customer, CustomerEvent, Event, EventId, Timestamp};
    /// let linked = CustomerEvent::IdentityLinked { namespace: "email".into(), value: "ann@example.org".into() };
    /// let ann = Customer::parse("ann", "shop")?;
    /// let fact = Event::new(EventId::from_foreign("shop", "1"), ann, Timestamp::MIN, linked)?;
    /// let personal = fact.personal(|_| false);
    /// assert_eq!(personal.len(), 1);
    /// let sealed = fact.sealed(&personal, "bm8gY2lwaGVyIGF0IGFsbA==");
    /// assert_eq!(sealed.stored_data(), r#"{"$sealed":"bm8gY2lwaGVyIGF0IGFsbA==","namespace":"email"}"#);
    /// assert_eq!(sealed.view().opened(None), r#"{"namespace":"email"}"#); // what is read when the key is gone
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn personal(&self, plain: impl Fn(&str) -> bool) -> Map<String, Value> {
        let kind = self.kind;
        let is_personal = |name: &str| match kind.property_privacy(name) {
            Privacy::Plain => false,
            // Only of attributes can anybody know beforehand what they hold.
            _ => kind != Kind::ProfileUpdated || !plain(name),
        };
        let personal = self.stored.data.iter().filter(|(name, _)| is_personal(name));
        personal.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// The same fact as it is kept: without these properties, and with what they were sealed as.
    #[must_use]
    pub fn sealed(mut self, personal: &Map<String, Value>, sealed: &str) -> Self {
        let seal = |data: &mut Map<String, Value>| {
            data.retain(|name, _| !personal.contains_key(name));
            data.insert(SEALED.into(), sealed.into());
            data_text(data)
        };
        self.stored_data = seal(&mut self.stored.data);
        if let Some(current) = self.upcast.as_deref_mut() {
            current.1 = seal(&mut current.0.data);
        }
        self
    }
}

impl EventView<'_> {
    /// Whether it may have sealed properties; if not, it has none. Much cheaper than [`Self::sealed`].
    #[inline]
    pub fn may_be_sealed(&self) -> bool {
        !self.data.is_empty() && self.data.contains(SEALED_IN_TEXT)
    }

    /// What the fact's personal properties were sealed as; none for a fact without sealed properties, as nearly all
    /// are.
    pub fn sealed(&self) -> Option<String> {
        if !self.may_be_sealed() {
            return None;
        }
        match self.properties().remove(SEALED) {
            Some(Value::String(sealed)) => Some(sealed),
            _ => None,
        }
    }

    /// The body with the properties that were sealed, or without them where their key is gone.
    pub fn opened(&self, personal: Option<Map<String, Value>>) -> String {
        let mut data = self.properties();
        data.remove(SEALED);
        data.extend(personal.into_iter().flatten());
        if data.is_empty() { String::new() } else { json::canonical_object(&data) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{CustomerEvent, Wire};
    use crate::id::{CustomerId, EventId};
    use crate::time::Timestamp;

    fn event(kind: Kind, data: &str) -> Event {
        let mut wire = Wire::new(kind);
        let Ok(Value::Object(data)) = json::parse(data) else { panic!("no object") };
        wire.data = data;
        let id = EventId::from_bytes([1; 16]);
        Event::from_wire(id, CustomerId::from_bytes([1; 16]).into(), Timestamp::MIN, wire).unwrap()
    }

    #[test]
    fn what_is_sealed_and_opened_again_is_what_it_was() {
        let bodies = [
            (Kind::ProfileUpdated, r#"{"city":"Xi'an","name":"a\"$sealed\":b","tier":null}"#),
            (Kind::IdentityLinked, r#"{"!":1,"namespace":"email","value":"ann@example.org"}"#),
            (Kind::ChurnConfirmed, r#"{"reason":"moved"}"#),
            (Kind::SignedUp, r#"{"note":{"$sealed":1},"plan":"a"}"#),
        ];
        for (kind, body) in bodies {
            let given = event(kind, body);
            let personal = given.personal(|name| name == "tier" || name == "reason");
            assert!(!personal.is_empty() && given.view().sealed().is_none(), "{body}");
            let sealed = given.clone().sealed(&personal, "text");
            assert_eq!(sealed.view().sealed().as_deref(), Some("text"), "{body}");
            assert!(personal.keys().all(|name| !sealed.view().properties().contains_key(name)));
            assert!(
                sealed.personal(|_| false).keys().all(|name| given.view().properties().contains_key(name))
            );
            assert_eq!(sealed.view().opened(Some(personal)), given.view().data, "{body}");
        }
        let plain = event(Kind::ProfileUpdated, r#"{"tier":"A"}"#);
        assert!(plain.personal(|name| name == "tier").is_empty());
        let reason = event(Kind::ChurnConfirmed, r#"{"reason":"a"}"#);
        assert_eq!(reason.personal(|_| true).len(), 1, "only an attribute can be declared plain");
    }

    /// The typed catalogue and the body must not come to different answers.
    #[test]
    fn a_property_is_as_private_as_the_field_it_is_typed_as() {
        for kind in Kind::ALL {
            for (slot, field) in kind.fields() {
                if matches!(*slot, "data" | "flag") {
                    assert_eq!(kind.property_privacy(field), kind.privacy(field), "{kind:?} {field}");
                }
            }
        }
        let attributes = CustomerEvent::ProfileUpdated { attributes: Map::new() };
        assert_eq!(attributes.kind().property_privacy("anything"), Privacy::Pii);
    }
}
