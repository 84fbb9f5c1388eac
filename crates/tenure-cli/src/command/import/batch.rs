//! The store's list of batches: what each was imported with, so that none is imported in two ways.

use std::collections::BTreeMap;

use pollster::block_on;
use serde_json::json;
use tenure::ingest::Recipe;
use tenure::sqlite::SqliteStore;
use tenure::store::{EventStore, StoreError};

use crate::error::CliError;

/// The note that keeps what each batch was imported with.
pub(super) const BATCHES: &str = "batches";

/// The other batches of a store; and its list of batches before and with this one, where it was not in it.
pub(super) type Registered = (Vec<String>, Option<(Option<String>, String)>);

/// The store's list of batches, as it is written and read.
///
/// # Errors
/// If it cannot be read.
pub fn batches(store: &SqliteStore) -> Result<(Option<String>, BTreeMap<String, Recipe>), CliError> {
    let note = block_on(store.note(BATCHES))?;
    let read = note.as_deref().map_or(Ok(BTreeMap::new()), serde_json::from_str);
    let batches = read
        .map_err(|error| CliError::input(format!("the store's list of batches cannot be read: {error}")))?;
    Ok((note, batches))
}

/// Registers the batch; refuses one that was imported in another way before.
pub(super) fn register(
    store: &SqliteStore,
    batch: &str,
    recipe: &Recipe,
    dry_run: bool,
) -> Result<Registered, CliError> {
    loop {
        let (note, mut batches) = batches(store)?;
        if let Some(why) = batches.get(batch).and_then(|earlier| earlier.conflicts_with(recipe)) {
            return Err(CliError::input(format!("batch \"{batch}\": {why}"))
                .hint(format!("tenure void --batch {batch} --store ...; then import with --batch NEW")));
        }
        let others = batches.keys().filter(|key| *key != batch).cloned().collect();
        if dry_run || batches.contains_key(batch) {
            return Ok((others, None));
        }
        batches.insert(batch.to_owned(), recipe.clone());
        let with = json!(batches).to_string();
        match block_on(store.put_note(BATCHES, note.as_deref(), &with)) {
            Ok(()) => return Ok((others, Some((note, with)))),
            // Another import registered its batch meanwhile.
            Err(StoreError::EntryChanged { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
