//! Facts: the catalogue, the wire form, schema evolution, and the view that folds read.
//!
//! ```text
//! CustomerEvent (typed) <-> Wire (header fields + JSON body) -> Event (checked, owned) -> EventView (borrowed)
//! ```

mod catalogue;
mod field;
mod interchange;
mod kind_set;
mod label;
mod seal;
mod upcast;
mod view;
mod wire;

use core::ops::RangeInclusive;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

pub use catalogue::{By, CustomerEvent, Kind};
pub use interchange::{Line, LineError};
pub use kind_set::KindSet;
pub use upcast::{Upcaster, UpcasterError, Upcasters};
pub use view::{EventView, FactKey, Head, Lend};
pub use wire::{FactError, Wire};

use crate::id::{Customer, CustomerId, CustomerKey, EventId, Position, Version};
use crate::json;
use crate::money::Money;
use crate::time::{Duration, Timestamp};

/// One fact about one customer: checked, canonical, ready to be appended.
///
/// # Example
/// ```
/// use tenure_core::{Customer, CustomerEvent, Event, EventId, Money, Timestamp};
/// let placed = Event::new(
///     EventId::from_foreign("shop", "order-77"),
///     Customer::parse("1001", "shop")?,
///     Timestamp::parse("2024-05-01T10:00:00Z")?,
///     CustomerEvent::OrderPlaced {
///         order: Some("o-77".into()),
///         total: Some(Money::parse("14.77", "USD".parse()?)?),
///         lines: vec![],
///     },
/// )?
/// .with_channel("web")?;
/// assert_eq!(placed.view().channel, Some("web"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Event {
    id: EventId,
    customer: Customer,
    occurred_at: Timestamp,
    kind: Kind,
    channel: Option<String>,
    context: Context,
    /// As it was given, in the schema it was given in: what a store keeps.
    stored: Wire,
    /// The canonical text of `stored.data`, empty without properties.
    stored_data: String,
    /// In the current schema, where that differs from what was given.
    upcast: Option<Box<(Wire, String)>>,
}

/// Personal data shows as `***`.
impl core::fmt::Debug for Event {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Event")
            .field("id", &self.id)
            .field("customer", &self.customer)
            .field("occurred_at", &self.occurred_at)
            .field("channel", &self.channel)
            .field("stored", &self.stored)
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}

impl Event {
    /// A fact of the catalogue.
    ///
    /// # Errors
    /// [`FactError`] as [`CustomerEvent::check`] says, or for a text that is empty, too long or holds a NUL.
    #[expect(clippy::needless_pass_by_value, reason = "a fact is handed over, as its parts are")]
    pub fn new(
        id: EventId,
        customer: Customer,
        occurred_at: Timestamp,
        fact: CustomerEvent,
    ) -> Result<Self, FactError> {
        Self::from_wire(id, customer, occurred_at, fact.to_wire())
    }

    /// A fact from its wire form in any schema that this build knows. The typed fields are brought to their one
    /// canonical spelling; other header fields and properties are kept as they are.
    ///
    /// # Errors
    /// [`FactError`] naming the kind and the field, or the schema needed.
    pub fn from_wire(
        id: EventId,
        customer: Customer,
        occurred_at: Timestamp,
        mut wire: Wire,
    ) -> Result<Self, FactError> {
        wire.check()?;
        let kind = wire.known_kind();
        let current = kind == Kind::Foreign || wire.schema == kind.schema();
        let mut upcast = None;
        if current {
            CustomerEvent::from_wire(&wire)?.write(&mut wire);
        } else {
            let mut new = Upcasters::builtin().upcast(wire.clone())?;
            CustomerEvent::from_wire(&new)?.write(&mut new);
            let data = data_text(&new.data);
            upcast = Some(Box::new((new, data)));
        }
        if kind == Kind::IdentityMerged && merged_customer(&wire).is_some_and(|other| other == customer.id())
        {
            return Err(wire.refuse("subject", "a customer cannot be merged with itself"));
        }
        let stored_data = data_text(&wire.data);
        if stored_data.len() > json::MAX_BODY_BYTES {
            return Err(wire.refuse("data", "the body is longer than 512 KiB"));
        }
        let context = Context::default();
        Ok(Self {
            id,
            customer,
            occurred_at,
            kind,
            channel: None,
            context,
            stored: wire,
            stored_data,
            upcast,
        })
    }

    /// The same fact through a channel: `web`, `store`, `phone`.
    ///
    /// # Errors
    /// [`FactError`] if the text is empty, too long or holds a NUL.
    pub fn with_channel(mut self, channel: &str) -> Result<Self, FactError> {
        wire::check_text(Some(channel)).map_err(|why| self.stored.refuse("channel", why))?;
        self.channel = Some(channel.into());
        Ok(self)
    }

    /// The same fact with its origin; no part of its equality.
    #[must_use]
    pub fn with_context(mut self, context: Context) -> Self {
        self.context = context;
        self
    }

    /// Identity and idempotency key.
    pub const fn id(&self) -> EventId {
        self.id
    }

    /// The customer whom it is recorded on.
    pub const fn customer(&self) -> &Customer {
        &self.customer
    }

    /// When it happened.
    pub const fn occurred_at(&self) -> Timestamp {
        self.occurred_at
    }

    /// Where it came from.
    pub const fn context(&self) -> &Context {
        &self.context
    }

    /// The wire form as it was given, in its own schema version: what a store keeps.
    pub const fn stored(&self) -> &Wire {
        &self.stored
    }

    /// The canonical text of the stored body; empty without properties.
    pub fn stored_data(&self) -> &str {
        &self.stored_data
    }

    /// The borrowed fact at the place that a store gave it. `context` is [`Context::to_text`] of its context.
    pub fn recorded<'a>(
        &'a self,
        (position, version): (Position, Version),
        recorded_at: Timestamp,
        context: &'a str,
    ) -> RecordedView<'a> {
        RecordedView {
            event: self.view(),
            position,
            version,
            recorded_at,
            schema: self.stored.schema,
            customer_key: self.customer.key().map(CustomerKey::as_str),
            context,
        }
    }

    /// The fact, typed, in the current schema.
    ///
    /// # Errors
    /// None for an event that was made by this build: it was read once already.
    pub fn typed(&self) -> Result<CustomerEvent, FactError> {
        CustomerEvent::from_wire(self.current().0)
    }

    /// The borrowed fact in the current schema.
    pub fn view(&self) -> EventView<'_> {
        let (wire, data) = self.current();
        EventView {
            id: self.id,
            customer: self.customer.id(),
            occurred_at: self.occurred_at,
            kind: self.kind,
            kind_name: &wire.kind,
            subject: wire.subject.as_deref(),
            amount: wire.amount,
            number: wire.number,
            channel: self.channel.as_deref(),
            actor: wire.actor.as_deref(),
            data,
        }
    }

    fn current(&self) -> (&Wire, &str) {
        match self.upcast.as_deref() {
            Some((wire, data)) => (wire, data),
            None => (&self.stored, &self.stored_data),
        }
    }
}

fn data_text(data: &Map<String, Value>) -> String {
    if data.is_empty() { String::new() } else { json::canonical_object(data) }
}

fn merged_customer(wire: &Wire) -> Option<CustomerId> {
    Customer::parse(wire.subject.as_deref()?, "default").ok().map(|other| other.id())
}

/// Where a fact came from: for tracing, imports and upcasting. No part of a fact's equality.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Context {
    /// The conversation or request it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// The fact or message that caused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<String>,
    /// The system it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The import it came with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<String>,
    /// How long after it happened it was known where it came from, where that is not when it was recorded here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known_lag: Option<Duration>,
}

impl Context {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// As stores keep it: a JSON object, or nothing where nothing is known.
    pub fn to_text(&self) -> String {
        if self.is_empty() { String::new() } else { serde_json::to_string(self).unwrap_or_default() }
    }
}

/// Which question a survey asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Survey {
    /// Net promoter score: would you recommend us? 0 to 10.
    Nps,
    /// Customer satisfaction: how satisfied are you? 1 to 5.
    Csat,
    /// Customer effort: how easy was it? 1 to 7.
    Ces,
}

impl Survey {
    /// The survey of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Nps, Self::Csat, Self::Ces].into_iter().find(|survey| survey.name() == name)
    }

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nps => "nps",
            Self::Csat => "csat",
            Self::Ces => "ces",
        }
    }

    /// The scores it allows.
    pub const fn range(self) -> RangeInclusive<i64> {
        match self {
            Self::Nps => 0..=10,
            Self::Csat => 1..=5,
            Self::Ces => 1..=7,
        }
    }
}

/// The three groups of the net promoter score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Nps {
    /// 0 to 6.
    Detractor,
    /// 7 or 8.
    Passive,
    /// 9 or 10.
    Promoter,
}

impl Nps {
    /// The group of a score.
    pub const fn of(score: i64) -> Self {
        match score {
            ..=6 => Self::Detractor,
            7 | 8 => Self::Passive,
            9.. => Self::Promoter,
        }
    }
}

/// How often a subscription is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// Every day.
    Day,
    /// Every week.
    Week,
    /// Every month.
    Month,
    /// Every quarter.
    Quarter,
    /// Every year.
    Year,
}

/// One line of an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrderLine {
    /// The article.
    pub sku: String,
    /// How many.
    pub quantity: i64,
    /// What they cost together.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "amount_object")]
    pub amount: Option<Money>,
    /// Whatever else the shop says of the line.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// Reads an amount that is an object or null; serde alone would also take a list, by the order of the fields.
fn amount_object<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Money>, D::Error> {
    let object = Option::<Map<String, Value>>::deserialize(from)?;
    object.map(|object| serde_json::from_value(object.into()).map_err(D::Error::custom)).transpose()
}

impl OrderLine {
    /// A line of `quantity` pieces of an article.
    pub fn new(sku: &str, quantity: i64) -> Self {
        Self { sku: sku.into(), quantity, amount: None, more: Map::new() }
    }
}

/// A borrowed fact with the place a store gave it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecordedView<'a> {
    /// The fact.
    pub event: EventView<'a>,
    /// Place in the log.
    pub position: Position,
    /// Place in the customer's stream.
    pub version: Version,
    /// When the store learnt it.
    pub recorded_at: Timestamp,
    /// The schema version that the body is stored in.
    pub schema: u16,
    /// The customer's external key.
    pub customer_key: Option<&'a str>,
    /// Where it came from: a JSON object as [`Context`] writes it, or nothing.
    pub context: &'a str,
}

impl RecordedView<'_> {
    /// Where the fact came from, decoded now.
    pub fn decode_context(&self) -> Context {
        serde_json::from_str(self.context).unwrap_or_default()
    }

    /// When it was known: `occurred_at` plus the source's lag where that is given, else `recorded_at`.
    pub fn known_at(&self) -> Timestamp {
        self.lagged().unwrap_or(self.recorded_at)
    }

    /// When it would have been known had it been recorded at once: `occurred_at`, plus the source's lag where that is given.
    pub fn known_as_occurred(&self) -> Timestamp {
        self.lagged().unwrap_or(self.event.occurred_at)
    }

    /// `occurred_at` plus the source's lag; none without one.
    fn lagged(&self) -> Option<Timestamp> {
        // Nearly every fact has no lag; do not decode a context for it.
        let lag = if self.context.contains("\"known_lag\"") { self.decode_context().known_lag } else { None };
        lag.map(|lag| self.event.occurred_at.checked_add(lag).unwrap_or(Timestamp::MAX))
    }

    /// How the customer is shown: the external key, else the UUID.
    pub fn shown_customer(&self) -> String {
        self.customer_key.map_or_else(|| self.event.customer.to_string(), Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a caller may log without thinking.
    #[test]
    fn no_personal_data_shows_in_debug_output_or_errors() {
        let canary = "ann@example.org";
        let at = Timestamp::MIN;
        let id = EventId::from_bytes([1; 16]);
        let customer: Customer = CustomerId::from_bytes([1; 16]).into();
        let profile = CustomerEvent::ProfileUpdated {
            attributes: [("mail".to_owned(), canary.into())].into_iter().collect(),
        };
        let linked = CustomerEvent::IdentityLinked { namespace: "email".into(), value: canary.into() };
        for fact in [profile, linked] {
            let event = Event::new(id, customer.clone(), at, fact.clone()).unwrap();
            let mut log = crate::log::Log::new();
            log.append(&crate::log::Append::new(vec![event.clone()]), at).unwrap();
            let page = log.read(&crate::log::Read::all());
            let shown =
                format!("{fact:?} {event:?} {:?} {:?} {page:?} {log:?}", event.stored(), event.view());
            assert!(shown.contains("***") && !shown.contains(canary), "{shown}");
        }
        let mut wire = Wire::new(Kind::IdentityLinked);
        wire.data.insert("namespace".into(), "phone".into());
        wire.data.insert("value".into(), 13_800_138_000_i64.into());
        let error = Event::from_wire(id, customer, at, wire).unwrap_err().to_string();
        assert!(error.contains("data.value") && !error.contains("138"), "{error}");
    }
}
