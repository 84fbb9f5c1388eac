//! The pure core of `tenure`: customer facts in an append-only log, folded into where each customer stands.
//!
//! > A customer's history is a set of facts. Everything else is a pure function of that set, a policy, and an instant.
//!
//! ```
//! use tenure_core::fold::{Projection, States};
//! use tenure_core::log::{Append, Cut, Log};
//! use tenure_core::{Customer, CustomerEvent, Event, EventId, Policy, Timestamp};
//!
//! let ann = Customer::parse("ann", "shop")?;
//! let at = Timestamp::parse("2024-05-01T10:00:00Z")?;
//! let order = CustomerEvent::OrderPlaced { order: None, total: None, lines: vec![] };
//! let mut log = Log::new();
//! log.append(&Append::new(vec![Event::new(EventId::from_foreign("shop", "1"), ann.clone(), at, order)?]), at)?;
//!
//! let machine = Policy::preset("retail").ok_or("no such preset")?.stages()?;
//! let states = States::of_log(&machine, Cut::default(), &log);
//! let later = Timestamp::parse("2024-07-01T00:00:00Z")?;
//! let view = machine.view(&states.get(ann.id()).ok_or("nobody")?.state, later).ok_or("nobody")?;
//! assert_eq!(machine.policy().code(view.stage), "at_risk"); // by silence alone
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The nouns, in the order in which data flows
//!
//! | module | nouns |
//! |---|---|
//! | [`text`] [`near`] [`id`] [`time`] [`money`] [`rates`] [`json`] [`privacy`] [`contact`] | what is shown, the nearest known name, ids, instants in microseconds, minor units, exact rates, canonical JSON, what is personal, addresses in one spelling |
//! | [`event`] | [`CustomerEvent`] (typed) ⇄ [`Wire`] → [`Event`] (checked) → [`EventView`] (borrowed); [`Line`] of interchange |
//! | [`select`] | [`Selector`]: which facts somebody means |
//! | [`log`] | [`log::Log`], [`log::Append`], [`log::Read`], [`log::Cut`], [`log::Corrections`] |
//! | [`fold`] | [`fold::Projection`], [`fold::States`], [`fold::Snapshot`], [`fold::UpTo`] |
//! | [`projection`] | per customer: [`projection::stage`], [`projection::rfm`], [`projection::churn`], [`projection::value`], [`projection::acquisition`], [`projection::recurring`], [`projection::profile`], [`projection::tags`], [`projection::owner`], [`projection::identities`], [`projection::consent`], [`projection::purchases`] |
//! | [`report`] | over customers: [`report::Report`], a commutative monoid |
//! | [`policy`] | [`Policy`]: what a business decides, as TOML |
//! | [`diff`] | [`diff::PolicyDiff`]: what another policy makes of everybody |
//! | [`query`] | [`query::Query`]: funnels, retention, movement and other questions about behaviour |
//! | [`forecast`] | [`forecast::PurchaseFit`], [`forecast::Forecast`]: how likely customers are to buy again, and for how much; [`forecast::Learnt`] |
//! | [`backtest`] | [`backtest::Backtest`]: what would have been said at past instants, judged by what came |
//!
//! # What this crate does not do
//!
//! No I/O, no async, no threads, no clock, no randomness, no environment, no logging: time is an argument, and equal facts
//! give equal bytes in any order of arrival. Stores, replay on threads and files are crates of their own.
//!
//! # Limits
//!
//! Instants from 1970 to 9999 in microseconds; a fact's body 512 KiB, a text 64 KiB, JSON 32 levels deep; a policy 255 stages,
//! 1,000 rules.
#![cfg_attr(docsrs, feature(doc_cfg))]

// In the order in which data flows: a module uses only those above it.
pub mod text;
pub mod near;
pub mod id;
pub mod time;
mod local_clock;
pub mod money;
pub mod rates;
pub mod json;
pub mod privacy;
pub mod contact;
pub mod event;
pub mod select;
pub mod log;
pub mod fold;
pub mod projection;
pub mod report;
pub mod policy;
pub mod diff;
pub mod query;
pub mod forecast;
pub mod backtest;

pub use event::{
    By, Context, CustomerEvent, Event, EventView, FactError, FactKey, Head, Kind, Lend, Line, LineError, Nps,
    OrderLine, Period, RecordedView, Survey, Upcaster, UpcasterError, Upcasters, Wire,
};
pub use id::{ChangeId, Customer, CustomerId, CustomerKey, EventId, IdError, Position, Version};
pub use money::{Currency, Money, MoneyError, MoneySum};
pub use policy::{Policy, PolicyError, Spot};
pub use privacy::{Personal, Privacy};
pub use rates::{Decimal, Rate, RateError, Rates};
pub use select::{Leaf, SelectError, Selector};
pub use time::{Duration, LocalTime, TimeError, Timestamp, Zone};
