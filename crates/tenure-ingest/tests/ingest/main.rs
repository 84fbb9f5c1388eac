//! Files of people, to facts.

mod cdnow;
mod files;
mod mappings;
mod reading;
mod round_trip;
