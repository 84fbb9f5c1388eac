//! From PostgreSQL's errors to those of a store.

use core::fmt;
use std::sync::Arc;

use deadpool_postgres::PoolError;
use tenure_store::{Location, StoreError};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Config, Error, config::Host};

use crate::options::Options;

/// The name of a log in errors.
#[derive(Clone, Debug)]
pub(crate) struct Name(pub(crate) Location);

impl Name {
    /// Database, server, schema and log. No password and no user.
    pub(crate) fn of(config: &Config, options: &Options) -> Self {
        let database = config.get_dbname().or(config.get_user()).unwrap_or("?");
        let server = match config.get_hosts().first() {
            Some(Host::Tcp(host)) => host.clone(),
            #[cfg(unix)]
            Some(Host::Unix(path)) => path.display().to_string(),
            None => "no server".to_owned(),
        };
        let port = config.get_ports().first().map(|port| format!(":{port}")).unwrap_or_default();
        let Options { schema, log, .. } = options;
        Self(Location::Database(
            format!("log \"{log}\" in schema \"{schema}\" of database \"{database}\" on {server}{port}")
                .into(),
        ))
    }

    pub(crate) fn error(&self, error: Error) -> StoreError {
        self.shared(&Arc::new(error))
    }

    /// One error that several callers get: those whose appends shared a transaction.
    pub(crate) fn shared(&self, error: &Arc<Error>) -> StoreError {
        let says = |error: &Error| match error.as_db_error() {
            Some(database) => database.message().to_owned(),
            None => chain(error),
        };
        match error.code() {
            Some(
                &SqlState::LOCK_NOT_AVAILABLE
                | &SqlState::T_R_SERIALIZATION_FAILURE
                | &SqlState::T_R_DEADLOCK_DETECTED,
            ) => self.locked(),
            Some(&SqlState::DATA_CORRUPTED | &SqlState::INDEX_CORRUPTED) => self.damaged(&says(error)),
            Some(code) if is_in_the_way(code) => self.unreachable(&says(error)),
            None if is_lost(error) => self.unreachable(&says(error)),
            _ => StoreError::Backend(Box::new(Shared(Arc::clone(error)))),
        }
    }

    /// Why there is no connection.
    pub(crate) fn connecting(&self, error: Error) -> StoreError {
        if error.as_db_error().is_some() { self.error(error) } else { self.unreachable(&chain(&error)) }
    }

    pub(crate) fn pool(&self, error: PoolError) -> StoreError {
        match error {
            PoolError::Backend(error) => self.connecting(error),
            PoolError::Timeout(_) => self.unreachable("all connections for reading are in use"),
            error => StoreError::backend(error),
        }
    }

    pub(crate) fn locked(&self) -> StoreError {
        StoreError::Locked { location: self.0.clone() }
    }

    pub(crate) fn damaged(&self, what: &str) -> StoreError {
        StoreError::Damaged { location: self.0.clone(), what: what.into() }
    }

    pub(crate) fn unreachable(&self, what: &str) -> StoreError {
        StoreError::Unreachable { location: self.0.clone(), what: what.into() }
    }

    pub(crate) fn not_a_store(&self, what: &str) -> StoreError {
        StoreError::NotAStore { location: self.0.clone(), what: what.into() }
    }

    pub(crate) fn not_safe(&self, what: &str) -> StoreError {
        StoreError::Unsafe { location: self.0.clone(), what: what.into() }
    }

    pub(crate) fn format(&self, format: i64, known: i64) -> StoreError {
        StoreError::Format { location: self.0.clone(), format, known }
    }
}

/// Whether the server does not let us in, or goes away: who asks again later may be served.
fn is_in_the_way(code: &SqlState) -> bool {
    let class = code.code().get(..2).unwrap_or_default();
    // Connections; authorisation; no such database; too few connections; the operator.
    matches!(class, "08" | "28" | "3D" | "57")
        || [
            SqlState::INSUFFICIENT_PRIVILEGE,
            SqlState::TOO_MANY_CONNECTIONS,
            SqlState::READ_ONLY_SQL_TRANSACTION,
        ]
        .contains(code)
}

/// Whether it is the connection that failed.
fn is_lost(error: &Error) -> bool {
    error.is_closed()
        || core::error::Error::source(error).is_some_and(<dyn core::error::Error>::is::<std::io::Error>)
}

fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = core::error::Error::source(error);
    while let Some(error) = source {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = error.source();
    }
    text
}

/// Turns a result of the database into one of a store.
pub(crate) trait InStore<T> {
    fn of(self, name: &Name) -> Result<T, StoreError>;
}

impl<T> InStore<T> for Result<T, Error> {
    fn of(self, name: &Name) -> Result<T, StoreError> {
        self.map_err(|error| name.error(error))
    }
}

/// An error that several have.
#[derive(Clone, Debug)]
pub(crate) struct Shared(pub(crate) Arc<Error>);

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_db_error() {
            Some(error) => f.write_str(error.message()),
            None => self.0.fmt(f),
        }
    }
}

impl core::error::Error for Shared {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.0.source()
    }
}
