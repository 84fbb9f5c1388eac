//! The embedded default store: one SQLite file, one log.
