//! What a store of customer facts promises, the store in memory, replay on several threads, and the engine for embedding.
//!
//! ```
//! use tenure_core::log::{Append, Expected, Read};
//! use tenure_core::{Customer, CustomerEvent, Event, EventId, Timestamp};
//! use tenure_store::{EventStore, MemoryStore};
//! # pollster::block_on(async {
//! let ann = Customer::parse("ann", "shop")?;
//! let at = Timestamp::parse("2024-05-01T10:00:00Z")?;
//! let fact = Event::new(EventId::from_foreign("shop", "1"), ann.clone(), at, CustomerEvent::SignedUp {})?;
//! let store = MemoryStore::new();
//! store.append(Append::new(vec![fact]).expect(ann.id(), Expected::NoStream)).await?;
//! let page = store.read(&Read::all()).await?;
//! assert_eq!((page.facts.len(), page.head.0), (1, 1));
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! ```
//!
//! - [`EventStore`] is the contract, [`StoreError`] what goes wrong and what to do about it.
//! - [`Engine`] is a store with the present states of all its customers: for services.
//! - [`Subscription`] follows a log; [`Commit`] writes facts and what is kept beside them in one transaction.
//! - [`MemoryStore`] is the executable reference; adapters to databases are crates of their own.
//! - [`replay`], [`replay_serial`] and [`catch_up`] fold what a store holds; one page of 4096 facts a thread is held
//!   at a time, and up to a million facts while customers with late facts are folded again.
//! - [`row`] is what adapters share: the columns of a fact, its checksums, the hash chain; and [`Groups`], who is committed
//!   together.
//! - [`seal`] keeps personal data under a key for each customer, and erases it by destroying the key.
//! - [`Follower`] follows the chain and says where a log is not what was written.
//! - [`Clock`] is handed to a store: here, and not in the core, is a [`SystemClock`].
//!
//! # What this crate does not do
//! It has no file format and no database, and it decides nothing about an append: that is
//! [`Append::decide`](tenure_core::log::Append::decide).
#![cfg_attr(docsrs, feature(doc_cfg))]

mod any;
mod around;
mod clock;
mod contract;
mod engine;
mod entry;
mod error;
mod groups;
mod kept;
mod memory;
mod replay;
pub mod row;
pub mod seal;
mod subscription;
#[cfg(feature = "tracing")]
mod traced;
mod verify;

pub use any::AnyStore;
pub use around::{Around, Call};
pub use clock::{Clock, ManualClock, SystemClock};
pub use contract::{EventStore, Head, LogHash, StreamPage};
pub use engine::{
    Advanced, ByEdges, Change, ChangeCause, Changes, Checkpoint, Compared, Comparison, CustomerQuery,
    CustomerView, DifferingCustomer, Done, Engine, EngineError, FieldCount, Keep, KeptView, NextStage,
    Notice, Observer, PolicyRebuild, PopulationQuery, Recorded, Run, SegmentChanged, StageChanged, Told,
    kept_policy,
};
pub use entry::{Commit, Committed, Entries, EntryKey};
pub use error::{Location, Source, StoreError, Unreadable};
pub use groups::Groups;
pub use kept::{
    Generation, KeptError, Lease, LeaseHeld, ProjectionName, Projector, Rebuild, Switched, generations,
    live_generation, prune_generations,
};
pub use memory::MemoryStore;
pub use replay::{OnUnreadable, Parked, Progress, ReplayError, catch_up, replay, replay_serial};
pub use subscription::{Item, Subscription};
#[cfg(feature = "tracing")]
pub use traced::Traced;
pub use verify::{Follower, Verified, VerifyError};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_types_can_be_shown_sent_and_shared() {
        fn whole<T: core::fmt::Debug + Send + Sync>() {}
        whole::<MemoryStore>();
        whole::<AnyStore>();
        whole::<Call>();
        whole::<StoreError>();
        whole::<Head>();
        whole::<StreamPage>();
        whole::<LogHash>();
        whole::<ReplayError>();
        whole::<Progress>();
        whole::<ManualClock>();
        whole::<SystemClock>();
        whole::<Unreadable>();
        whole::<Location>();
        whole::<Verified>();
        whole::<VerifyError>();
        whole::<Follower>();
    }
}
