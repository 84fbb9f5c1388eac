//! A fact as a fold sees it: borrowed, with the body left undecoded.

use serde_json::{Map, Value};

use super::Kind;
use crate::id::{CustomerId, EventId};
use crate::json;
use crate::money::Money;
use crate::privacy::Masked;
use crate::time::Timestamp;

/// A borrowed fact in its current schema. The same fold runs over facts in memory, rows of a store and columns of an
/// archive, because all of them can lend this.
///
/// `Debug` prints `***` for a body with personal data.
#[derive(Clone, Copy, PartialEq)]
pub struct EventView<'a> {
    /// Identity and idempotency key.
    pub id: EventId,
    /// The customer whom it is recorded on.
    pub customer: CustomerId,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Which fact.
    pub kind: Kind,
    /// The stable name of the kind, also of one that this build does not know.
    pub kind_name: &'a str,
    /// What it is about.
    pub subject: Option<&'a str>,
    /// The money in it.
    pub amount: Option<Money>,
    /// The number in it.
    pub number: Option<i64>,
    /// Through which channel.
    pub channel: Option<&'a str>,
    /// Who acted on our side.
    pub actor: Option<&'a str>,
    /// The body: a canonical JSON object, or nothing.
    pub data: &'a str,
}

/// What of a fact has a fixed size, to be read without its texts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Head {
    /// Identity and idempotency key.
    pub id: EventId,
    /// The customer whom it is recorded on.
    pub customer: CustomerId,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Which fact.
    pub kind: Kind,
    /// The money in it.
    pub amount: Option<Money>,
    /// The number in it.
    pub number: Option<i64>,
}

/// A fact that is lent: its head at once, all of it to who asks. Most folds of most facts need no text, and to find the
/// texts of a packed fact costs more than to fold it.
///
/// # Example
/// ```
/// use tenure_core::log::FactBlock;
/// use tenure_core::{Kind, Lend};
/// let block = FactBlock::new();
/// let orders = block.events().filter(|fact| fact.kind == Kind::OrderPlaced);
/// assert_eq!(orders.filter_map(|order| order.view().subject).count(), 0);
/// ```
pub trait Lend<'a> {
    /// What has a fixed size.
    fn head(&self) -> Head;

    /// All of it.
    fn view(&self) -> EventView<'a>;
}

impl<'a> Lend<'a> for EventView<'a> {
    #[inline]
    fn head(&self) -> Head {
        let Self { id, customer, occurred_at, kind, amount, number, .. } = *self;
        Head { id, customer, occurred_at, kind, amount, number }
    }

    #[inline]
    fn view(&self) -> Self {
        *self
    }
}

impl core::fmt::Debug for EventView<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("EventView")
            .field("id", &self.id)
            .field("customer", &self.customer)
            .field("occurred_at", &self.occurred_at)
            .field("kind", &self.kind)
            .field("kind_name", &self.kind_name)
            .field("subject", &self.subject)
            .field("amount", &self.amount)
            .field("number", &self.number)
            .field("channel", &self.channel)
            .field("actor", &self.actor)
            .field("data", &Masked(self.kind.body_privacy(), self.data))
            .finish()
    }
}

/// Place of a fact in its customer's canonical order: by instant, then by id. Never by position, so the order of
/// arrival cannot matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct FactKey {
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Identity.
    pub id: EventId,
}

impl EventView<'_> {
    /// Place in the customer's canonical order.
    pub const fn key(&self) -> FactKey {
        FactKey { occurred_at: self.occurred_at, id: self.id }
    }

    /// The properties of the body, decoded now.
    pub fn properties(&self) -> Map<String, Value> {
        // What is stored was checked at the border; an unreadable body has no properties.
        match serde_json::from_str(self.data) {
            Ok(Value::Object(map)) => map,
            _ => Map::new(),
        }
    }

    /// The names of the header's values, as [`Self::value`] knows them.
    pub(crate) const HEADER: [&'static str; 8] =
        ["kind", "subject", "channel", "actor", "number", "currency", "amount", "occurred_at"];

    /// One value of the fact by name: a header field (`kind`, `subject`, `number`, `channel`, `actor`, `currency`,
    /// `amount` in minor units, `occurred_at`), else a property of the body. None if the fact does not have it.
    pub fn value(&self, name: &str) -> Option<Value> {
        match name {
            "kind" => Some(self.kind_name.into()),
            "subject" => self.subject.map(Value::from),
            "channel" => self.channel.map(Value::from),
            "actor" => self.actor.map(Value::from),
            "number" => self.number.map(Value::from),
            "amount" => self.amount.map(|money| money.minor.into()),
            "currency" => self.amount.map(|money| money.currency.code().into()),
            "occurred_at" => Some(self.occurred_at.to_string().into()),
            _ if self.data.is_empty() => None,
            _ => self.properties().remove(name).filter(|value| !value.is_null()),
        }
    }

    /// Whether two facts say the same. The context plays no part in it.
    pub fn same_content(&self, other: &Self) -> bool {
        self == other
    }

    /// Text and fields as one canonical JSON line, for hashes and messages.
    pub fn to_line(&self) -> String {
        json::canonical(&self.to_json())
    }

    /// The fact as interchange JSON with the customer as a UUID.
    pub fn to_json(&self) -> Value {
        let mut line = Map::new();
        line.insert("id".into(), self.id.to_string().into());
        line.insert("customer".into(), self.customer.to_string().into());
        line.insert("occurred_at".into(), self.occurred_at.to_string().into());
        line.insert("kind".into(), self.kind_name.into());
        let texts = [("subject", self.subject), ("channel", self.channel), ("actor", self.actor)];
        for (name, text) in texts {
            if let Some(text) = text {
                line.insert(name.into(), text.into());
            }
        }
        if let Some(money) = self.amount {
            let mut amount = Map::new();
            amount.insert("minor".into(), money.minor.into());
            amount.insert("currency".into(), money.currency.code().into());
            line.insert("amount".into(), amount.into());
        }
        if let Some(number) = self.number {
            line.insert("number".into(), number.into());
        }
        if !self.data.is_empty() {
            line.insert("data".into(), self.properties().into());
        }
        line.into()
    }
}
