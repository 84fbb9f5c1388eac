//! `tenure-postgres`: one handle for all tasks.

use std::sync::Arc;

use async_trait::async_trait;
use tenure_core::log::{Append, Expected, Page, Read};
use tenure_core::{CustomerEvent, RecordedView, Wire};
use tenure_postgres::{Options, PostgresStore};
use tenure_store::EventStore;

use crate::contender::{History, Log, Seen, Writer};
use crate::facts::Fact;

#[derive(Clone)]
pub struct Tenure(Arc<PostgresStore>);

impl Tenure {
    pub async fn open(database: &str) -> Self {
        Self(Arc::new(PostgresStore::open(database, Options::new()).await.unwrap()))
    }

    pub async fn fill(&self, facts: &[Fact]) {
        for facts in facts.chunks(10_000) {
            self.0.append(Append::new(facts.iter().map(Fact::event).collect())).await.unwrap();
        }
    }

    async fn pages(&self, mut each: impl FnMut(&Page)) {
        let mut read = Read::all();
        loop {
            let page = self.0.read(&read).await.unwrap();
            each(&page);
            if page.is_last(&read) {
                return;
            }
            read = read.from(page.scanned_to);
        }
    }
}

#[async_trait]
impl Log for Tenure {
    async fn writer(&self) -> Box<dyn Writer> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Writer for Tenure {
    async fn append(&mut self, fact: Fact) -> u64 {
        let append = Append::new(vec![fact.event()]);
        self.0.append(append.expect(fact.customer.id(), Expected::Exact(fact.before))).await.unwrap();
        0
    }
}

/// Facts as a projection sees them: checked against their sums, bodies as text.
#[async_trait]
impl History for Tenure {
    async fn replay(&self) -> Seen {
        let mut seen = Seen::default();
        self.pages(|page| {
            for event in page.facts.events() {
                seen.see(event.amount.unwrap().minor);
            }
        })
        .await;
        seen
    }
}

/// Facts as an application writes them: bodies decoded as well, which is what the peers hand out.
pub struct Typed(pub Tenure);

#[async_trait]
impl History for Typed {
    async fn replay(&self) -> Seen {
        let mut seen = Seen::default();
        self.0
            .pages(|page| {
                for fact in page.facts.iter() {
                    match typed(&fact) {
                        CustomerEvent::OrderPlaced { total: Some(total), lines, .. } if lines.len() == 2 => {
                            seen.see(total.minor);
                        }
                        other => panic!("not an order of two lines: {other:?}"),
                    }
                }
            })
            .await;
        seen
    }
}

fn typed(fact: &RecordedView<'_>) -> CustomerEvent {
    let event = &fact.event;
    let wire = Wire {
        kind: event.kind_name.into(),
        schema: fact.schema,
        subject: event.subject.map(Into::into),
        amount: event.amount,
        number: event.number,
        actor: event.actor.map(Into::into),
        data: event.properties(),
    };
    CustomerEvent::from_wire(&wire).unwrap()
}
