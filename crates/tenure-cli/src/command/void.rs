//! `tenure void`: take back one fact, or everything that came with an import.

use std::collections::BTreeSet;
use std::process::ExitCode;

use pollster::block_on;
use tenure::core::log::{Append, Corrections, KindSet, Read};
use tenure::core::{Customer, CustomerEvent, Event, EventId, RecordedView};
use tenure::sqlite::SqliteStore;
use tenure::store::{Clock, EventStore, SystemClock};

use crate::answer::print;
use crate::args;
use crate::command::Talk;
use crate::error::CliError;
use crate::source;

/// Voids a commit.
const CHUNK: usize = 1000;

/// Runs the command. What is taken back already is not taken back again, so it can be repeated.
///
/// # Errors
/// Wrong usage, nothing found, or a failing store.
pub fn run(args: &args::Void, talk: &Talk) -> Result<ExitCode, CliError> {
    let store = source::open_existing(&args.store)?;
    let wanted = args.event.as_deref().map(str::parse::<EventId>).transpose();
    let wanted = wanted.map_err(|error| CliError::input(format!("--event: {error}")))?;
    let mut corrections = Corrections::new();
    scan(&store, KindSet::CORRECTIONS, |fact| {
        corrections.add(&fact.event);
    })?;
    let mut targets: Vec<(EventId, Customer)> = Vec::new();
    let mut found = 0_u64;
    scan(&store, KindSet::ALL, |fact| {
        let meant = match (&wanted, &args.batch) {
            (Some(id), _) => fact.event.id == *id,
            (None, Some(batch)) => {
                // Most contexts name another batch, or none; decode those only that may name this one.
                fact.context.contains("\"batch\"") && fact.decode_context().batch.as_ref() == Some(batch)
            }
            (None, None) => false,
        };
        if meant {
            found += 1;
            if !corrections.is_voided(fact.event.id, fact.event.customer) {
                let key = fact.customer_key.and_then(|key| Customer::parse(key, "default").ok());
                targets.push((fact.event.id, key.unwrap_or_else(|| fact.event.customer.into())));
            }
        }
    })?;
    if found == 0 {
        let what = args.batch.as_ref().map_or_else(
            || format!("no fact has the id {}", args.event.as_deref().unwrap_or_default()),
            |batch| format!("no fact came with batch \"{batch}\""),
        );
        return Err(CliError::input(what).hint("tenure log --store FILE shows ids and batches"));
    }
    let distinct: BTreeSet<_> = targets.iter().map(|(id, _)| *id).collect();
    let now = SystemClock.now();
    for chunk in targets.chunks(CHUNK) {
        let voids: Result<Vec<Event>, _> = chunk
            .iter()
            .map(|(target, customer)| {
                let void = CustomerEvent::EventVoided { target: *target, why: args.why.clone() };
                Event::new(
                    EventId::from_foreign("tenure-void", &target.to_string()),
                    customer.clone(),
                    now,
                    void,
                )
            })
            .collect();
        block_on(store.append(Append::new(voids.map_err(CliError::input)?)))?;
    }
    let w = talk.words();
    print(&format!("{}: {} ({}: {})\n", w.voided, distinct.len(), w.known, found - distinct.len() as u64))
        .map_err(CliError::input)?;
    Ok(ExitCode::SUCCESS)
}

fn scan(store: &SqliteStore, kinds: KindSet, mut each: impl FnMut(RecordedView<'_>)) -> Result<(), CliError> {
    let mut read = Read::all().kinds(kinds);
    loop {
        let page = block_on(store.read(&read))?;
        page.facts.iter().for_each(&mut each);
        if page.is_last(&read) {
            return Ok(());
        }
        read = read.from(page.scanned_to);
    }
}
