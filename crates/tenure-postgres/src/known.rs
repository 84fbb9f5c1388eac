//! What a writer knows of its log, true as long as the head stands where it stood when it was learnt.

use core::mem;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use foldhash::fast::RandomState;
use futures_util::future::try_join;
use tenure_core::log::{FactBlock, Found};
use tenure_core::{CustomerId, Event, EventId, Version};
use tenure_store::row::Decoder;
use tenure_store::{StoreError, Unreadable};
use tokio_postgres::{Client, Error, Row};

use crate::row;
use crate::sql::Statements;
use crate::value::{Id, Link, Micros};

/// Customers whose place is remembered; beyond it all are forgotten and looked up again (about 12 MB).
const REMEMBERED_STREAMS: usize = 1 << 18;

/// The end of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) position: i64,
    pub(crate) link: [u8; 32],
    pub(crate) recorded_at: i64,
}

/// What is known of a log that ends at `end`.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) end: End,
    /// The greatest id; a greater one is new for certain, so that facts in order of time are not looked up.
    greatest: Option<EventId>,
    /// Version and last position; zeros for a customer without facts.
    streams: HashMap<CustomerId, (i64, i64), RandomState>,
    /// Ids that were looked up for the appends at hand.
    looked_up: HashMap<EventId, Option<Looked>, RandomState>,
    found: FactBlock,
    decoder: Decoder,
}

/// A stored fact of an id that was looked up.
#[derive(Clone, Debug)]
enum Looked {
    /// Its place in the block of those found.
    Found(usize),
    Unreadable {
        place: (i64, i64),
        why: Unreadable,
    },
}

/// What is to be looked up.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    ids: Vec<Id>,
    customers: Vec<Id>,
}

/// What was found of it.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    facts: Vec<Row>,
    streams: Vec<Row>,
}

impl Wanted {
    /// Looks it up, in one round trip.
    pub(crate) async fn look_up(
        &self,
        client: &Client,
        statements: &Statements,
        log: i32,
    ) -> Result<Stored, Error> {
        let facts = async {
            match &*self.ids {
                [] => Ok(Vec::new()),
                ids => client.query(&statements.stored, &[&log, &ids]).await,
            }
        };
        let streams = async {
            match &*self.customers {
                [] => Ok(Vec::new()),
                customers => client.query(&statements.streams, &[&log, &customers]).await,
            }
        };
        let (facts, streams) = try_join(facts, streams).await?;
        Ok(Stored { facts, streams })
    }
}

impl Known {
    /// All that is known of a log at first.
    pub(crate) async fn load(
        client: &Client,
        statements: &Statements,
        log: i32,
        end: End,
    ) -> Result<Self, Error> {
        let greatest = client.query_opt(&statements.greatest, &[&log]).await?;
        let greatest = greatest.map(|row| row.try_get(0)).transpose()?;
        Ok(Self {
            end,
            greatest: greatest.map(|Id(bytes)| EventId::from_bytes(bytes)),
            streams: HashMap::default(),
            looked_up: HashMap::default(),
            found: FactBlock::new(),
            decoder: Decoder::default(),
        })
    }

    /// What is to be looked up for these facts. Until it is [taken in](Self::take_in), it counts as looked up and not found.
    pub(crate) fn want<'a>(
        &mut self,
        events: impl Iterator<Item = &'a Event> + Clone,
        customers: impl Iterator<Item = CustomerId>,
    ) -> Wanted {
        let mut wanted = Wanted::default();
        for event in events.clone() {
            let id = event.id();
            if self.is_new(id) {
                continue;
            }
            if let Entry::Vacant(looked) = self.looked_up.entry(id) {
                looked.insert(None);
                wanted.ids.push(Id(*id.as_bytes()));
            }
        }
        for customer in events.map(|event| event.customer().id()).chain(customers) {
            if let Entry::Vacant(stream) = self.streams.entry(customer) {
                stream.insert((0, 0));
                wanted.customers.push(Id(*customer.as_bytes()));
            }
        }
        wanted
    }

    /// Takes in what was found of what was wanted.
    pub(crate) fn take_in(&mut self, Stored { facts, streams }: Stored) -> Result<(), Error> {
        for row in streams {
            let Id(customer) = row.try_get(0)?;
            self.streams.insert(CustomerId::from_bytes(customer), (row.try_get(1)?, row.try_get(2)?));
        }
        for stored in facts {
            let Id(id) = stored.try_get(3)?;
            let place = self.found.len();
            let looked = match row::take(&mut self.decoder, &stored, None, &mut self.found) {
                Ok(()) => Looked::Found(place),
                Err(why) => Looked::Unreadable { place: row::place(&stored), why },
            };
            self.looked_up.insert(EventId::from_bytes(id), Some(looked));
        }
        Ok(())
    }

    fn is_new(&self, id: EventId) -> bool {
        self.greatest.is_none_or(|greatest| id > greatest)
    }

    /// The stored fact that has the id of this one.
    pub(crate) fn find(&self, event: &Event) -> Result<Option<Found>, StoreError> {
        match self.looked_up.get(&event.id()) {
            None | Some(None) => Ok(None),
            Some(Some(Looked::Unreadable { place, why })) => Err(row::undecodable(*place, why.clone())),
            Some(Some(Looked::Found(index))) => Ok(self.found.get(*index).map(|stored| Found {
                position: stored.position,
                version: stored.version,
                same: stored.event.same_content(&event.view()),
            })),
        }
    }

    /// The version of a stream that was looked up.
    pub(crate) fn version(&self, customer: CustomerId) -> Version {
        let (version, _) = self.streams.get(&customer).copied().unwrap_or_default();
        Version(version.unsigned_abs())
    }

    /// The end of a stream that was looked up: version and last position.
    pub(crate) fn stream(&self, customer: CustomerId) -> (i64, i64) {
        self.streams.get(&customer).copied().unwrap_or_default()
    }

    /// Takes a fact in at the end of its stream and gives the position of the one before.
    pub(crate) fn add(&mut self, id: EventId, customer: CustomerId, end: (i64, i64)) -> i64 {
        self.greatest = self.greatest.max(Some(id));
        let (_, last) = mem::replace(self.streams.entry(customer).or_default(), end);
        last
    }

    /// Forgets what was looked up for appends that are done.
    pub(crate) fn rest(&mut self) {
        self.looked_up.clear();
        self.found.clear();
        if self.streams.len() > REMEMBERED_STREAMS {
            self.streams.clear();
        }
    }
}

impl End {
    pub(crate) fn of(row: &tokio_postgres::Row) -> Result<Self, Error> {
        let (Link(link), Micros(recorded_at)) = (row.try_get(1)?, row.try_get(2)?);
        Ok(Self { position: row.try_get(0)?, link, recorded_at })
    }
}
