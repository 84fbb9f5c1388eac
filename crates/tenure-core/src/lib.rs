//! The pure core of `tenure`: customer facts in an append-only log, folded into where each customer stands.
#![cfg_attr(docsrs, feature(doc_cfg))]

// In the order in which data flows: a module uses only those above it.
pub mod id;
pub mod time;
pub mod money;
pub mod rates;
pub mod json;
pub mod event;
pub mod select;
pub mod log;
pub mod fold;
pub mod projection;
pub mod report;
pub mod policy;

pub use event::{
    By, Context, CustomerEvent, Event, EventView, FactError, FactKey, Kind, Line, LineError, Nps, OrderLine,
    Period, RecordedView, Survey, Upcaster, UpcasterError, Upcasters, Wire,
};
pub use id::{Customer, CustomerId, CustomerKey, EventId, IdError, Position, Version};
pub use money::{Currency, Money, MoneyError, MoneySum};
pub use policy::{Policy, PolicyError};
pub use rates::{Decimal, Rate, RateError, Rates};
pub use select::{Leaf, SelectError, Selector};
pub use time::{Duration, LocalTime, TimeError, Timestamp, Zone};
