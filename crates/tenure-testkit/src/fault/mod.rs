//! Faults: what becomes of a store when its process is killed, its disk fails, the power goes or its files rot.
//!
//! A store passes when nothing that it acknowledged is lost, nothing is doubled or invented, nothing is silently wrong,
//! and every refusal says what and where. Random kills alone do not show that: they leave the page cache alive and miss
//! narrow windows. So there are four ways to hurt a store, and one to look at it afterwards:
//!
//! | part | does |
//! |---|---|
//! | [`Workload`], [`Subject`] | what is appended, and how to get at the store: the two things to write for a store of your own |
//! | [`Child`] | runs the workload in a process of its own, kills it at a random moment, and keeps what it acknowledged |
//! | [`Shim`], [`Fault`] | a kill, an error, a full disk or a lying sync at exactly the k-th operation on a file |
//! | [`Trace`], [`Disk`] | every write and sync of a run, and from it what a disk may hold after a power loss |
//! | [`Damage`], [`examine`] | flipped bits, lost sectors, swapped pages, truncated, missing and stale files |
//! | [`check`] | what must be in the store afterwards, by what was tried and acknowledged |
//!
//! The child is the test binary itself, run again, so nothing but the test ships:
//!
//! ```no_run
//! use std::path::Path;
//! use tenure_store::StoreError;
//! use tenure_testkit::Failure;
//! use tenure_testkit::fault::{self, Asked, Child, Kill, Subject, Workload};
//!
//! struct Mine;
//! impl Subject for Mine {
//! #   type Store = tenure_store::MemoryStore;
//!     fn open(&self, directory: &Path) -> Result<Self::Store, StoreError> {
//! #       let _ = directory;
//! #       /*
//!         MyStore::open(directory.join("store"))
//! #       */
//! #       Ok(tenure_store::MemoryStore::new())
//!     }
//!     fn verify(&self, store: &Self::Store) -> Result<(), Failure> {
//! #       let _ = store;
//! #       /*
//!         Ok(store.verify()?)
//! #       */
//! #       Ok(())
//!     }
//! }
//!
//! #[test]
//! fn child() -> Result<(), Failure> {
//!     Asked::by_the_parent()?.map_or(Ok(()), |asked| asked.run(&Mine))
//! }
//!
//! #[test]
//! fn killed() -> Result<(), Failure> {
//! #   /*
//!     let directory = tempfile::tempdir()?;
//! #   */
//! #   struct Directory; impl Directory { fn path(&self) -> &Path { Path::new("d") } } let directory = Directory;
//!     let workload = Workload::new(7, 50);
//!     let run = Child::again("child", directory.path(), &workload)?.run(Some(&Kill::at_random(7, 50)))?;
//!     fault::check(&Mine, directory.path(), &workload, &run.told)?;
//!     Ok(())
//! }
//! ```
//! Everything that chance decides has a seed, and every failure names its seed or its k: the same again shows it again.
//!
//! # What it does not do
//! Kills and damage work everywhere. The shim needs 64-bit Linux with the GNU C library and a C compiler; where it cannot be built,
//! [`Shim::build`] says why. Files that are mapped into memory are seen only when they are created, extended or
//! synced by a call.

mod check;
mod child;
mod damage;
mod disk;
mod examine;
mod shim;
mod told;
mod trace;
mod workload;

use std::path::Path;

use tenure_store::{EventStore, StoreError};

pub use crate::simulate::random::Random as Chance;
pub use check::{Checked, Lost, check};
pub use child::{Asked, Child, Kill, Run};
pub use damage::{Damage, Damaged};
pub use disk::Disk;
pub use examine::{Seen, examine};
pub use shim::{Fault, Shim, Unavailable, What};
pub use told::{Refusal, Told};
pub use trace::{Operation, Record, Trace};
pub use workload::Workload;

use crate::Failure;

/// How the harness gets at a store that is kept in files.
pub trait Subject: Sync {
    /// The store.
    type Store: EventStore;

    /// Opens the store in a directory, or makes it where there is none. Dropping it closes it.
    ///
    /// # Errors
    /// As the store says.
    fn open(&self, directory: &Path) -> Result<Self::Store, StoreError>;

    /// Checks everything that the store can check about itself.
    ///
    /// # Errors
    /// What is wrong, naming a position or a file.
    fn verify(&self, store: &Self::Store) -> Result<(), Failure>;

    /// What the store does beside appends now and then, such as a checkpoint or a compaction.
    ///
    /// # Errors
    /// As the store says.
    fn tidy(&self, directory: &Path) -> Result<(), Failure> {
        let _ = directory;
        Ok(())
    }

    /// Whether a file of this name means nothing once every process is gone, such as shared memory. After a power loss
    /// it may hold anything.
    fn is_volatile(&self, file: &Path) -> bool {
        let _ = file;
        false
    }
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &(dyn core::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
