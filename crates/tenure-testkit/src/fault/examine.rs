//! Looking at a store whose files were damaged: right, refused or reported, and nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use tenure_core::Event;
use tenure_store::{EventStore, StoreError};

use super::check::{beside, names, read_all, same};
use super::{Subject, chain};
use crate::Failure;

/// What a damaged store showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Everything was read back right, and the store finds nothing wrong: the damage hit what nobody needs.
    Right,
    /// Everything was read back right, and the store says all the same what is wrong.
    Reported(String),
    /// An answer from what stands beside the facts was wrong, such as where an id is, and the store says what is wrong when
    /// it is asked to verify.
    Found(String),
    /// It did not open, or a read was refused, with an error that names the file or the position.
    Refused(String),
}

/// Opens and reads a store whose files were damaged, and holds every answer against the facts that were in it and a
/// note: name and value.
///
/// # Errors
/// A panic; a fact that is not as it was written; another answer that is wrong while the store finds nothing wrong; an error
/// that names neither file nor position.
pub fn examine<S: Subject>(
    subject: &S,
    directory: &Path,
    facts: &[Event],
    note: (&str, &str),
) -> Result<Seen, Failure> {
    catch_unwind(AssertUnwindSafe(|| look(subject, directory, facts, note)))
        .unwrap_or_else(|_| Err("a panic".into()))
}

fn look<S: Subject>(
    subject: &S,
    directory: &Path,
    facts: &[Event],
    (name, value): (&str, &str),
) -> Result<Seen, Failure> {
    let told = |text: String| {
        if names(&text, directory) { Ok(text) } else { Err(format!("an error that names nothing: {text}")) }
    };
    let store = match subject.open(directory) {
        Ok(store) => store,
        Err(error) => return Ok(Seen::Refused(told(chain(&error))?)),
    };
    let log = read_all(&store);
    if let Ok(Err(wrong)) = log.as_ref().map(|stored| same(stored, facts)) {
        return Err(format!("a fact was read that is not as it was written: {wrong}").into());
    }
    let read =
        log.and_then(|_| beside(&store, facts)).and_then(|()| match pollster::block_on(store.note(name)) {
            Ok(read) if read.as_deref() == Some(value) => Ok(()),
            Ok(read) => Err(format!("the note is {read:?}").into()),
            Err(error) => Err(Box::new(error)),
        });
    let verified = subject.verify(&store).map_err(|error| chain(&*error));
    match (read, verified) {
        (Ok(()), Ok(())) => Ok(Seen::Right),
        (Ok(()), Err(found)) => Ok(Seen::Reported(told(found)?)),
        (Err(error), verified) if error.is::<StoreError>() => {
            let refused = told(chain(&*error))?;
            match verified {
                Ok(()) => Err(format!("it verifies, and does not read: {refused}").into()),
                Err(found) => told(found).map(|_| Seen::Refused(refused)).map_err(Into::into),
            }
        }
        (Err(wrong), Err(found)) => Ok(Seen::Found(format!("{wrong}; {}", told(found)?))),
        (Err(wrong), Ok(())) => Err(format!("silently wrong: {wrong}").into()),
    }
}
