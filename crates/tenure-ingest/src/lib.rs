//! Files to customer facts: JSONL lines, CSV rows and Segment messages become checked [`Event`](tenure_core::Event)s with stable ids,
//! and what cannot be read goes to a quarantine with its reason.
//!
//! ```
//! use tenure_ingest::{CDNOW_SAMPLE, Mapping, Options, Outcome, Quarantine, Rows};
//!
//! let mapping = Mapping::builtin("cdnow").unwrap();
//! let mut quarantine = Quarantine::new(std::io::sink(), "transactions.csv");
//! let mut facts = Vec::new();
//! for row in Rows::csv(CDNOW_SAMPLE, &mapping, &Options::default())? {
//!     let row = row?;
//!     match &row.outcome {
//!         Outcome::Fact(fact) => facts.push(fact.event.clone()), // append them to a store
//!         Outcome::Bad(error) => quarantine.write(&row, error)?,
//!         _ => {} // said before
//!     }
//! }
//! assert_eq!((facts.len(), quarantine.count()), (6_919, 0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - [`Rows`] reads a file record by record: from JSONL, or from CSV by a [`Mapping`]. [`Options`] hold the
//!   namespace, the batch key and the limits.
//! - A [`Row`] is a [`Fact`], a line of another row's fact, left out by a rule, a duplicate, or bad with a [`RowError`]; [`Quarantine`] writes bad rows to a file and
//!   [`shown`] shows one on a screen.
//! - A row without an id gets one by what it says ([`RowDigest`]), so that a file imported twice adds nothing. A
//!   [`Recipe`] tells what these ids depend on besides.
//!
//! # What this crate does not do
//!
//! It appends nothing and opens no file: bytes come in by a [`BufRead`](std::io::BufRead), facts go out, and a store
//! is the caller's. It has no clock: the latest instant allowed is an option. It reads UTF-8 and GB 18030,
//! packed by gzip or Zstandard ([`unpacked`]) or not, and refuses everything else. [`Guess`] proposes a mapping; nothing is
//! guessed while rows are read.
//!
//! # Limits
//!
//! A record is at most 1 MiB ([`MAX_RECORD_BYTES`]), a cell or JSON text 64 KiB, JSON 32 levels deep and 1,000 names
//! an object; times lie in the years 1970 to 9999. Memory: one record, and about 50 bytes for each row read;
//! where a mapping groups rows, the rows of groups that are not complete ([`GroupSizes`]).

mod csv;
mod csv_row;
mod encoding;
mod error;
mod formula;
mod group;
mod guess;
mod jsonl;
mod lines;
mod mapping;
mod quarantine;
mod recipe;
mod row_id;
mod rows;
mod sample;
mod segment;
mod time_format;

pub use encoding::{Encoding, Packing, unpacked};
pub use error::{MappingError, ReadError, RowError};
pub use formula::guarded;
pub use group::GroupSizes;
pub use guess::Guess;
pub use lines::MAX_RECORD_BYTES;
pub use mapping::Mapping;
pub use quarantine::{BytesAs, Quarantine, QuarantineRecord, SHOWN_BYTES, shown};
pub use recipe::{Format, Recipe};
pub use row_id::RowDigest;
pub use rows::{Fact, Options, Outcome, Row, Rows, read_csv, read_jsonl};
pub use sample::CDNOW_SAMPLE;
