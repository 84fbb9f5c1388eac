//! `tenure void`: take back one fact, or everything that came with an import.

use std::process::ExitCode;

use pollster::block_on;
use serde_json::json;
use tenure::core::log::{Append, KindSet};
use tenure::core::{Customer, CustomerEvent, Event, EventId, Kind};
use tenure::store::{Clock, EventStore, SystemClock};

use crate::answer::{Answer, Format, print_json};
use crate::args;
use crate::command::Talk;
use crate::error::CliError;
use crate::source;
use crate::table::Table;

/// Voids a commit.
const CHUNK: usize = 1000;

/// Runs the command. What is taken back already is not taken back again, so it can be repeated.
///
/// # Errors
/// Wrong usage, nothing found, or a failing store.
pub fn run(args: &args::Void, talk: Talk) -> Result<ExitCode, CliError> {
    let wanted = args.event.as_deref().map(str::parse::<EventId>).transpose();
    let wanted = wanted.map_err(|error| {
        CliError::input(format!("--event: {error}")).hint("tenure log --ids --store FILE shows the ids")
    })?;
    let store = source::open_existing(&args.store)?;
    let corrections = source::corrections(&store)?;
    let mut targets: Vec<(EventId, Customer)> = Vec::new();
    let (mut before, mut voids) = (0_u64, 0_u64);
    source::scan(&store, KindSet::ALL, |fact| {
        let meant = match (&wanted, &args.batch) {
            (Some(id), _) => fact.event.id == *id,
            (None, Some(batch)) => {
                // Most contexts name another batch, or none; decode those only that may name this one.
                fact.context.contains("\"batch\"") && fact.decode_context().batch.as_ref() == Some(batch)
            }
            (None, None) => false,
        };
        if !meant {
            return;
        }
        if fact.event.kind == Kind::EventVoided {
            voids += 1;
        } else if corrections.is_voided(fact.event.id, fact.event.customer) {
            before += 1;
        } else {
            let key = fact.customer_key.and_then(|key| Customer::parse(key, "default").ok());
            targets.push((fact.event.id, key.unwrap_or_else(|| fact.event.customer.into())));
        }
    })?;
    if targets.is_empty() && before == 0 {
        if voids > 0 {
            return Err(CliError::input("a void cannot be taken back")
                .hint("import the fact again under a new --batch, or under a new id"));
        }
        let what = args.batch.as_ref().map_or_else(
            || format!("no fact has the id {}", args.event.as_deref().unwrap_or_default()),
            |batch| format!("no fact came with batch \"{batch}\""),
        );
        return Err(CliError::input(what).hint("tenure log --store FILE shows ids and batches"));
    }
    let now = SystemClock.now();
    for chunk in targets.chunks(CHUNK) {
        let voids: Result<Vec<Event>, _> = chunk
            .iter()
            .map(|(target, customer)| {
                let void = CustomerEvent::EventVoided { target: *target, why: args.why.clone() };
                let id = EventId::from_foreign("tenure-void", &target.to_string());
                Event::new(id, customer.clone(), now, void)
            })
            .collect();
        block_on(store.append(Append::new(voids.map_err(CliError::input)?)))?;
    }
    let w = talk.words();
    let voided = targets.len();
    if matches!(args.format, Format::Json | Format::Jsonl) {
        let summary = json!({"event": args.event, "batch": args.batch, "voided": voided, "already": before});
        print_json(&format!("{summary}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new("", &[("voided", w.voided), ("already", w.already_void)]);
    table.push(vec![voided.into(), before.into()]);
    Answer::of_table(table).print(args.format)?;
    Ok(ExitCode::SUCCESS)
}
