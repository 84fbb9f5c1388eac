//! The server-grade store: many logs in one PostgreSQL database.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod append_in;
mod chain;
mod commits;
mod connect;
mod error;
mod known;
mod options;
mod read;
mod row;
mod schema;
mod sql;
mod store;
mod transaction;
mod value;
mod verify;
mod writer;

pub use options::Options;
pub use store::PostgresStore;
pub use tenure_store::{Verified, VerifyError};
