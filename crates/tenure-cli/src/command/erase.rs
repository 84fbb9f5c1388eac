//! `tenure erase`: a person's personal data, gone for good.

use std::process::ExitCode;

use pollster::block_on;
use serde_json::json;
use tenure::core::{Customer, CustomerId, CustomerKey, Version};
use tenure::sqlite::SqliteStore;
use tenure::store::seal::{Erased, erase};
use tenure::store::{Clock, EventStore, SystemClock};

use crate::answer::{Answer, Format, print_json};
use crate::args;
use crate::command::Talk;
use crate::error::CliError;
use crate::lang::fill;
use crate::source;
use crate::table::Table;

/// Runs the command. What is erased already is not erased again, so it can be repeated.
///
/// # Errors
/// Wrong usage, a customer of whom nothing is known, keys that are missing, or a failing store.
pub fn run(args: &args::Erase, talk: Talk) -> Result<ExitCode, CliError> {
    let customer = Customer::parse(&args.customer, &args.namespace).map_err(CliError::input)?;
    let store = source::open_existing(&args.store)?;
    let Erased { customers, destroyed, recorded } =
        block_on(erase(&store, customer.id(), SystemClock.now()))?;
    let names = customers.iter().map(|member| shown(&store, *member));
    let names: Vec<String> = names.collect::<Result<_, CliError>>()?;
    if recorded.is_empty() && destroyed.keys == 0 && !is_known(&store, &customers)? {
        return Err(CliError::input(format!("no facts are known of customer {customer}"))
            .hint("customers are named namespace:value; tenure log shows them"));
    }
    let w = talk.words();
    if matches!(args.format, Format::Json | Format::Jsonl) {
        let body = json!({
            "customers": names,
            "keys_destroyed": destroyed.keys,
            "identities_forgotten": destroyed.marks,
            "recorded": recorded.len(),
        });
        print_json(&format!("{body}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let columns = [
        ("customers", w.customer),
        ("keys_destroyed", w.keys_destroyed),
        ("identities_forgotten", w.identities_forgotten),
        ("recorded", w.erasures_recorded),
    ];
    let mut table = Table::new("", &columns);
    table.push(vec![
        names.join(", ").into(),
        (destroyed.keys as u64).into(),
        (destroyed.marks as u64).into(),
        (recorded.len() as u64).into(),
    ]);
    Answer::of_table(table).print(args.format)?;
    if destroyed.keys > 0 {
        talk.say(&fill(w.erase_next, &[&args.store.display().to_string()]));
    } else {
        talk.say(w.erased_before);
    }
    Ok(ExitCode::SUCCESS)
}

/// The external key of a customer, else the id.
fn shown(store: &SqliteStore, customer: CustomerId) -> Result<String, CliError> {
    let page = block_on(store.read_stream(customer, Version(0), 1))?;
    let key = page.facts.get(0).and_then(|fact| fact.customer_key?.parse::<CustomerKey>().ok());
    Ok(key.map_or_else(|| customer.to_string(), |key| key.as_str().to_owned()))
}

fn is_known(store: &SqliteStore, customers: &[CustomerId]) -> Result<bool, CliError> {
    for customer in customers {
        if block_on(store.read_stream(*customer, Version(0), 1))?.version > Version(0) {
            return Ok(true);
        }
    }
    Ok(false)
}
