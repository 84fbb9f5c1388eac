//! A log in a SQLite file. Tests whose processes are started again by themselves stand in files of their own.

mod backup;
mod conformance;
mod differential;
mod engine;
mod erase;
mod laws;
mod open;
mod verify;
