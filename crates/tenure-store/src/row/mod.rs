//! The row of a fact: what every database keeps of one, how that is summed up and chained, and how it is read back.
//!
//! This is for adapters. Each lays the fields of [`Content`] and [`Place`], the body and the sums into columns of its
//! own, and all take the sums and links over the same bytes, whatever the columns look like. So two logs with one
//! head hash hold the same facts in the same order, whatever the database.
//!
//! - [`Encoded`] is all of a row that does not depend on its place: make it before a lock is taken. [`Content::of`]
//!   gives the columns, and [`Place`] the rest once the place is known.
//! - [`Decoder`] checks rows and copies facts into blocks; old schemas are brought forward on the way.
//!
//! # Example
//! ```
//! use tenure_core::log::FactBlock;
//! use tenure_core::{Customer, CustomerEvent, Event, EventId, Timestamp};
//! use tenure_store::row::{Body, Content, Decoder, Encoded, Header, Place};
//! let ann = Customer::parse("ann", "shop")?;
//! let event = Event::new(EventId::from_foreign("shop", "1"), ann, Timestamp::MIN, CustomerEvent::SignedUp {})?;
//!
//! let encoded = Encoded::all(core::slice::from_ref(&event)).remove(0);
//! let place = Place { position: 1, version: 1, previous: 0, recorded_at: 0 };
//! let (content, sum) = (Content::of(&event), place.header_sum(encoded.content_sum));
//! let link = place.link(&[0; 32], &encoded.digest);
//!
//! let header = Header { kind: event.view().kind, content, place, sum };
//! let body = Body { data: event.stored_data(), context: &encoded.context, sum: encoded.body_sum };
//! let (mut decoder, mut block) = (Decoder::default(), FactBlock::new());
//! decoder.take(&header, || Ok(body), None, &mut block)?;
//! assert_eq!(block.get(0).map(|fact| fact.event), Some(event.view()));
//! assert_eq!(decoder.link(&header, || Ok(body), &[0; 32])?, link);
//!
//! let moved = Header { place: Place { position: 2, ..place }, ..header };
//! assert!(decoder.take(&moved, || Ok(body), None, &mut block).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod column;
mod decode;
mod encode;

pub use column::Column;
pub use decode::{Body, Decoder, Header};
pub use encode::{Content, Encoded, Place};
