//! Messages of the Segment specification: one JSON object a line.
//!
//! # Source
//! Twilio Segment, "Spec: Common fields", "Spec: Identify, Track, Page, Screen, Group, Alias", "Spec: V2 Ecommerce
//! events", "Spec: B2B", "Spec: Email", at `https://www.twilio.com/docs/segment/connections/spec`.

use std::collections::HashSet;

use serde_json::{Map, Value};
use tenure_core::{
    Context, Currency, Customer, CustomerKey, EventId, FactError, Kind, Line, LineError, Money, OrderLine,
    Timestamp, Wire,
};

use crate::csv_row::pseudonym;
use crate::error::RowError;
use crate::jsonl;
use crate::row_id::{RowKey, Seen};
use crate::rows::{Draft, Told};

/// The names of `track` events that are more than `tracked`, and what they are.
const EVENTS: &[(&str, Kind)] = &[
    ("Order Completed", Kind::OrderPlaced),
    ("Order Refunded", Kind::OrderRefunded),
    ("Signed Up", Kind::SignedUp),
    ("Account Created", Kind::SignedUp),
    ("Signed In", Kind::SessionStarted),
    ("Trial Started", Kind::TrialStarted),
    ("Product Reviewed", Kind::ReviewPosted),
    ("Email Delivered", Kind::MessageSent),
    ("Email Opened", Kind::MessageOpened),
    ("Email Link Clicked", Kind::MessageClicked),
];

/// Fields of a message that say nothing of the customer's doing and may be personal: no id is made of them.
const NO_PART_OF_IDS: [&str; 7] =
    ["context", "traits", "integrations", "receivedAt", "sentAt", "originalTimestamp", "writeKey"];

/// Reads one line; `number` is its place in the file. `pairs` are the ids that earlier lines called one person.
pub(crate) fn read(
    bytes: &[u8],
    number: u64,
    namespace: &str,
    seen: &mut Seen,
    pairs: &mut HashSet<[u8; 16]>,
) -> Result<Draft, RowError> {
    let message = Message(jsonl::object(bytes, number)?);

    let id = message.text("messageId")?;
    let told = if id.is_some() {
        Told::Own
    } else {
        let open = message.0.iter().filter(|(name, _)| !NO_PART_OF_IDS.contains(&name.as_str()));
        let open: Map<_, _> = open.map(|(name, value)| (name.clone(), value.clone())).collect();
        let key = RowKey::of_object(&open);
        Told::Numbered { key, number: seen.number(&key) }
    };
    let time = |field| -> Result<Option<Timestamp>, RowError> {
        let read = message.text(field)?.map(Timestamp::parse).transpose();
        read.map_err(|source| LineError::Time { field, source }.into())
    };
    // `timestamp` is `originalTimestamp` set right by the clock of the server.
    let at = match time("timestamp")? {
        Some(at) => at,
        None => time("originalTimestamp")?.ok_or(LineError::Missing { field: "timestamp" })?,
    };
    let user = message.text("userId")?;
    let anonymous = message.text("anonymousId")?;
    let customer = |field, id: &str| customer(namespace, field, id);
    let who = match (user, anonymous) {
        (Some(user), _) => customer("userId", user)?,
        (None, Some(anonymous)) => customer("anonymousId", anonymous)?,
        (None, None) => return Err(LineError::Missing { field: "userId" }.into()),
    };
    let event_id = id.map(|id| EventId::from_foreign("segment", id));
    let context = Context { causation_id: id.map(|id| format!("segment:{id}")), ..Context::default() };
    let line = |id, wire| Line {
        id,
        customer: who.clone(),
        occurred_at: at,
        recorded_at: None,
        channel: message.channel(),
        context: context.clone(),
        wire,
    };
    let mut first = line(event_id, message.wire(namespace)?);
    first.recorded_at = time("receivedAt")?;
    let mut more = Vec::new();
    // Both ids in one message are one person; said once a file is enough.
    if let (Some(user), Some(anonymous)) = (user, anonymous)
        && user != anonymous
    {
        let pair = RowKey::of_chosen([user, anonymous].into_iter()).short();
        if pairs.insert(pair) {
            let merge_id = id.map(|id| EventId::from_foreign("segment", &format!("{id} anonymousId")));
            more.push(line(merge_id, merged(namespace, "anonymousId", anonymous)?));
        }
    }
    Ok(Draft { line: first, more, id_at: at, told })
}

/// Whose personal data a message holds that is no fact: any may.
pub(crate) fn owner(bytes: &[u8], namespace: &str) -> Option<Customer> {
    let message = Message(jsonl::object(bytes, 1).ok()?);
    let id = |field| Some((field, message.text(field).ok()??));
    let (field, id) = id("userId").or_else(|| id("anonymousId"))?;
    customer(namespace, field, id).ok()
}

/// The customer behind an id. All ids of a workspace are of one namespace, because `alias` does not say of which sort
/// its previous one is. An e-mail address is never a key: it becomes a pseudonym.
fn customer(namespace: &str, field: &'static str, id: &str) -> Result<Customer, RowError> {
    if id.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.')) {
        return Ok(pseudonym(namespace, id).into());
    }
    match CustomerKey::new(namespace, id) {
        Ok(key) => Ok(key.into()),
        Err(source) => Err(LineError::Id { field, source }.into()),
    }
}

fn merged(namespace: &str, field: &'static str, other: &str) -> Result<Wire, RowError> {
    let mut wire = Wire::new(Kind::IdentityMerged);
    wire.subject = Some(customer(namespace, field, other)?.to_string());
    Ok(wire)
}

/// One message.
struct Message(Map<String, Value>);

impl Message {
    /// A text; null and empty are absent.
    fn text(&self, field: &'static str) -> Result<Option<&str>, RowError> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(LineError::Type { field, expected: "a text" }.into()),
        }
    }

    fn object(&self, field: &'static str) -> Result<Map<String, Value>, RowError> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(Map::new()),
            Some(Value::Object(object)) => Ok(object.clone()),
            Some(_) => Err(LineError::Type { field, expected: "an object" }.into()),
        }
    }

    fn needed(&self, field: &'static str) -> Result<&str, RowError> {
        self.text(field)?.ok_or_else(|| LineError::Missing { field }.into())
    }

    /// `server`, `browser`, `mobile`.
    fn channel(&self) -> Option<String> {
        let channel = self.0.get("channel")?.as_str()?;
        (!channel.is_empty()).then(|| channel.to_owned())
    }

    /// What the message says, as a kind of fact.
    fn wire(&self, namespace: &str) -> Result<Wire, RowError> {
        match self.needed("type")? {
            "track" => self.track(),
            "identify" => {
                let mut wire = Wire::new(Kind::ProfileUpdated);
                wire.data = self.object("traits")?;
                Ok(wire)
            }
            "page" => self.viewed("Page Viewed"),
            "screen" => self.viewed("Screen Viewed"),
            "group" => {
                // The traits of a group are those of an account, not of the customer.
                let mut wire = Wire::new(Kind::ProfileUpdated);
                wire.data.insert("group_id".into(), self.needed("groupId")?.into());
                Ok(wire)
            }
            "alias" => {
                if self.text("userId")?.is_none() {
                    return Err(LineError::Missing { field: "userId" }.into());
                }
                merged(namespace, "previousId", self.needed("previousId")?)
            }
            _ => {
                let expected = "track, identify, page, screen, group or alias";
                Err(LineError::Type { field: "type", expected }.into())
            }
        }
    }

    fn viewed(&self, subject: &str) -> Result<Wire, RowError> {
        let mut wire = Wire::new(Kind::Tracked);
        wire.subject = Some(subject.into());
        wire.data = self.object("properties")?;
        if let Some(name) = self.text("name")? {
            wire.data.insert("name".into(), name.into());
        }
        Ok(wire)
    }

    fn track(&self) -> Result<Wire, RowError> {
        let name = self.needed("event")?;
        let mut data = self.object("properties")?;
        let kind = EVENTS.iter().find(|(event, _)| *event == name).map_or(Kind::Tracked, |(_, kind)| *kind);
        let mut wire = Wire::new(kind);
        let about: &[&str] = match kind {
            Kind::OrderPlaced | Kind::OrderRefunded => &["order_id", "orderId"],
            Kind::ReviewPosted => &["product_id", "sku"],
            Kind::TrialStarted => &["trial_plan_name", "plan"],
            Kind::MessageSent | Kind::MessageOpened | Kind::MessageClicked => &["campaign_id", "email_id"],
            Kind::Tracked => &[],
            // What signs up or in is the customer.
            _ => {
                wire.data = data;
                return Ok(wire);
            }
        };
        wire.subject = match kind {
            Kind::Tracked => Some(name.into()),
            _ => about.iter().find_map(|name| data.remove(*name)).and_then(|id| plain(&id)),
        };
        match kind {
            Kind::OrderPlaced | Kind::OrderRefunded => {
                wire.amount = money(kind, &mut data)?;
                let lines = lines(data.remove("products"));
                if !lines.is_empty() && kind == Kind::OrderPlaced {
                    data.insert("lines".into(), Value::Array(lines));
                }
            }
            Kind::ReviewPosted => {
                let rating = data.remove("rating");
                wire.number = rating.as_ref().and_then(plain).and_then(|text| text.parse().ok());
            }
            Kind::TrialStarted => {
                if let Some(end) = data.remove("trial_end") {
                    data.insert("end".into(), end);
                }
            }
            _ => {}
        }
        wire.data = data;
        Ok(wire)
    }
}

/// A text or a number as it is written.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// `total`, else `revenue`, else `value`, in `currency`. A JSON number is taken as the decimal it is written as; one with more
/// decimals than the currency has is refused, never rounded.
fn money(kind: Kind, data: &mut Map<String, Value>) -> Result<Option<Money>, RowError> {
    let refuse = |why: String| {
        let field = FactError::Field { kind: kind.name().into(), field: "amount".into(), why: why.into() };
        RowError::Line(LineError::Fact(field))
    };
    let Some((name, value)) = ["total", "revenue", "value"].iter().find_map(|name| {
        let value = data.get(*name).filter(|value| !value.is_null())?;
        Some((*name, plain(value)))
    }) else {
        return Ok(None);
    };
    let Some(value) = value else { return Err(refuse(format!("{name} is no number"))) };
    let Some(currency) = data.get("currency").and_then(plain) else {
        return Err(refuse(format!("{name} has no currency beside it")));
    };
    let currency: Currency = currency.parse().map_err(|error| refuse(format!("currency: {error}")))?;
    let money = Money::parse(&value, currency).map_err(|error| refuse(format!("{name}: {error}")))?;
    data.remove(name);
    data.remove("currency");
    Ok(Some(money))
}

/// The lines of an order: products that name an article; without a quantity there is one of it.
fn lines(products: Option<Value>) -> Vec<Value> {
    let Some(Value::Array(products)) = products else { return Vec::new() };
    let line = |product: &Value| {
        let article =
            ["sku", "product_id", "name"].iter().find_map(|name| product.get(*name).and_then(plain))?;
        let quantity = product.get("quantity").and_then(Value::as_i64).unwrap_or(1);
        serde_json::to_value(OrderLine::new(&article, quantity)).ok()
    };
    products.iter().filter_map(line).collect()
}
