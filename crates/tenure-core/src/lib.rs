//! The pure core of `tenure`: customer facts in an append-only log, folded into where each customer stands.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod id;
pub mod json;
pub mod money;
pub mod time;

pub mod event;
pub mod fold;
pub mod log;
pub mod projection;
pub mod report;
pub mod select;

pub use event::{
    By, Context, CustomerEvent, Event, EventView, FactError, FactKey, Kind, Line, LineError, Nps, OrderLine,
    Period, RecordedView, Survey, Upcaster, UpcasterError, Upcasters, Wire,
};
pub use id::{Customer, CustomerId, CustomerKey, EventId, IdError, Position, Version};
pub use money::{Currency, Money, MoneyError};
pub use select::{Leaf, SelectError, Selector};
pub use time::{Duration, LocalTime, TimeError, Timestamp, Zone};
