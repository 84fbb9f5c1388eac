//! What is kept beside the log: entries, compared and set together with facts.

use tenure_core::Position;
use tenure_core::log::{Append, Expected, Read};
use tenure_store::{Commit, Entries, EntryKey, EventStore, StoreError};

use super::facts::{customer, fact, facts, head, read_all};
use super::{AnyAdapter, Failure, Outcome, Verdict, ensure, fresh, same};

fn entry(key: &[u8]) -> EntryKey {
    EntryKey::new("kit", key)
}

fn stands<S: EventStore>(store: &S, key: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
    Ok(pollster::block_on(store.entries(&[entry(key)]))?.pop().flatten())
}

/// An entry is written where it is what was expected, and refused with what it is where it is not. Notes are entries.
///
/// # Errors
/// How it is broken.
pub fn entries_are_compared_and_set(adapter: &dyn AnyAdapter) -> Outcome {
    let store = fresh(adapter);
    let key = &[0, 1, 0xff];
    let put = |expected: Option<&[u8]>, value: &[u8]| {
        let commit = Commit::new().expect(entry(key), expected.map(<[u8]>::to_vec)).put(entry(key), value);
        pollster::block_on(store.commit(commit))
    };
    same("entry", &stands(&store, key)?, &None)?;
    let missing = put(Some(b"x"), b"y");
    ensure!(matches!(missing, Err(StoreError::EntryChanged { actual: None, .. })), "a missing entry changed");
    ensure!(put(None, b"")?.is_none(), "an append nobody asked for");
    same("empty entry", &stands(&store, key)?, &Some(Vec::new()))?;
    let error = put(None, b"two").err().ok_or("an existing entry was written as a new one")?;
    ensure!(error.is_conflict(), "{error:?} is no conflict");
    ensure!(put(Some(b"other"), b"two").is_err(), "an entry was overwritten by who expected another one");
    same("entry", &stands(&store, key)?, &Some(Vec::new()))?;
    put(Some(b""), &[0, 0xff, 0])?;
    same("entry", &stands(&store, key)?, &Some(vec![0, 0xff, 0]))?;
    // All or none, and each expectation counts.
    let both = Commit::new().expect(entry(key), Some(vec![0, 0xff, 0])).expect(entry(b"b"), Some(vec![1]));
    let refused = pollster::block_on(store.commit(both.put(entry(b"c"), *b"c").remove(entry(key))));
    ensure!(
        matches!(&refused, Err(StoreError::EntryChanged { key, .. }) if *key == entry(b"b")),
        "the second expectation was not checked: {refused:?}"
    );
    same("entry", &stands(&store, b"c")?, &None)?;
    let swap = Commit::new().remove(entry(key)).put(entry(b"c"), *b"c").put(entry(b"c"), *b"d");
    pollster::block_on(store.commit(swap))?;
    let read = pollster::block_on(store.entries(&[entry(key), entry(b"c"), entry(b"c")]))?;
    same("entries", &read, &vec![None, Some(b"d".to_vec()), Some(b"d".to_vec())])?;
    ensure!(pollster::block_on(store.entries(&[]))?.is_empty(), "nothing asked, something answered");
    pollster::block_on(store.put_note("a note", None, "一"))?;
    ensure!(pollster::block_on(store.put_note("a note", None, "二")).is_err(), "a note was overwritten");
    same("note", &pollster::block_on(store.note("a note"))?.as_deref(), &Some("一"))?;
    same("head", &head(&store)?, &0)?;
    Ok(Verdict::Held)
}

/// Facts and entries of a commit are stored together or not at all, and the head can be expected.
///
/// # Errors
/// How it is broken.
pub fn entries_and_facts_are_written_together(adapter: &dyn AnyAdapter) -> Outcome {
    let store = fresh(adapter);
    let commit = |commit: Commit| pollster::block_on(store.commit(commit));
    let both = |n: u64| -> Result<Commit, Failure> {
        Ok(Commit::from(Append::new(facts(n..n + 2, "ann")?)).put(entry(b"at"), n.to_be_bytes()))
    };
    let done = commit(both(0)?.expect_head(Position(0)))?.ok_or("the places of the facts are missing")?;
    same("stored", &(done.stored(), done.head), &(2, Position(2)))?;
    same("entry", &stands(&store, b"at")?, &Some(0_u64.to_be_bytes().to_vec()))?;
    // Who did not see those facts is refused, with both numbers.
    let behind = commit(both(2)?.expect_head(Position(0)));
    ensure!(
        matches!(behind, Err(StoreError::HeadMoved { expected: Position(0), actual: Position(2) })),
        "the head moved and nobody was told: {behind:?}"
    );
    let changed = commit(both(4)?.expect(entry(b"at"), None));
    ensure!(changed.is_err_and(|error| error.is_conflict()), "an expectation was not checked");
    let append = Append::new(vec![fact(6, "ann")?]).expect(customer("ann")?, Expected::NoStream);
    let refused = commit(Commit::from(append).put(entry(b"at"), *b"no"));
    ensure!(matches!(refused, Err(StoreError::Refused(_))), "a bad append was stored: {refused:?}");
    same("facts", &read_all(&store, Read::all())?.len(), &2)?;
    same("entry", &stands(&store, b"at")?, &Some(0_u64.to_be_bytes().to_vec()))?;
    // Known facts are stored facts: what is written with them is written.
    let again = commit(Commit::from(Append::new(facts(0..2, "ann")?)).put(entry(b"at"), *b"again"))?;
    ensure!(again.is_some_and(|again| again.already_stored()), "known facts were stored again");
    same("entry", &stands(&store, b"at")?, &Some(b"again".to_vec()))?;
    same("head", &head(&store)?, &2)?;
    Ok(Verdict::Held)
}

/// A scan gives the entries of one space under one prefix, each once, in the order of their bytes, for any limit.
///
/// # Errors
/// How it is broken.
pub fn entries_are_scanned_in_the_order_of_bytes(adapter: &dyn AnyAdapter) -> Outcome {
    let store = fresh(adapter);
    let keys: [&[u8]; 9] = [b"", b"a", b"a\0", b"a\0\xff", b"a\x01", b"ab", b"b", b"\xff", b"\xff\xff"];
    let mut commit =
        Commit::new().put(EntryKey::new("ki", *b"a"), *b"-").put(EntryKey::new("kits", *b"a"), *b"-");
    for key in keys.iter().rev() {
        commit = commit.put(entry(key), *key);
    }
    pollster::block_on(store.commit(commit))?;
    let prefixes: [&[u8]; 7] = [b"", b"a", b"a\0", b"b", b"c", b"\xff", b"\xff\xff"];
    for prefix in prefixes {
        let expected: Entries = keys
            .iter()
            .filter(|key| key.starts_with(prefix))
            .map(|key| (Box::from(*key), key.to_vec()))
            .collect();
        for limit in [1, 2, 3, 100] {
            let mut all = Entries::new();
            loop {
                let after = all.last().map(|(key, _)| key.clone());
                let page = pollster::block_on(store.scan("kit", prefix, after.as_deref(), limit))?;
                let last = page.len() < limit;
                all.extend(page);
                ensure!(all.len() <= keys.len(), "a scan does not end: {all:?}");
                if last {
                    break;
                }
            }
            same(&format!("entries under {prefix:?} by {limit}"), &all, &expected)?;
        }
    }
    let none = pollster::block_on(store.scan("nobody", b"", None, 0))?;
    ensure!(none.is_empty(), "a space nobody wrote: {none:?}");
    Ok(Verdict::Held)
}
