//! Erasure: what was sealed is gone, and nothing else is.

use tenure_core::log::{Append, Cut, KindSet, KnownAt, Read};
use tenure_core::{Event, Kind, Position, Version};
use tenure_store::seal::{Erase, MemoryKeys, Sealed, erase};
use tenure_store::{EventStore, MemoryStore};

use super::facts::{customer, id, line, read_all, refused};
use super::{AnyAdapter, Failure, Outcome, Verdict, ensure, fresh, same, today};

/// Texts that must be found nowhere once Ann is erased.
pub const CANARIES: [&str; 5] = [
    "canary-yellow",
    "canary@example.org",
    "canary, so she said",
    "canary on the phone",
    "canary in between",
];

/// A person of two customers with every sort of personal data, and somebody else with the same sorts. The last fact says
/// that the two are one.
///
/// # Errors
/// None but of the kit itself.
pub fn canary_facts() -> Result<Vec<Event>, Failure> {
    let [name, mail, reason, outcome, why] = CANARIES;
    let lines = [
        format!(
            r#"{{"customer":"shop:ann","kind":"profile_updated","data":{{"name":"{name}","tier":"A","more":{{"of":["{name}"]}}}}}}"#
        ),
        format!(
            r#"{{"customer":"shop:ann","kind":"identity_linked","data":{{"namespace":"email","value":"{mail}","from":"form"}}}}"#
        ),
        r#"{"customer":"shop:ann","kind":"order_placed","subject":"o-1","amount":{"value":"14.77","currency":"USD"}}"#
            .into(),
        format!(
            r#"{{"customer":"shop:carl","kind":"churn_confirmed","data":{{"reason":"{reason}","code":7}}}}"#
        ),
        format!(
            r#"{{"customer":"shop:carl","kind":"follow_up_logged","actor":"zoe","data":{{"outcome":"{outcome}"}}}}"#
        ),
        format!(
            r#"{{"customer":"shop:ann","kind":"event_voided","subject":"00000000-0000-0002-8080-808080808080","data":{{"why":"{why}"}}}}"#
        ),
        r#"{"customer":"shop:bob","kind":"profile_updated","data":{"name":"Bob","tier":"B"}}"#.into(),
        r#"{"customer":"shop:bob","kind":"identity_linked","data":{"namespace":"email","value":"bob@example.org"}}"#.into(),
        r#"{"customer":"shop:ann","kind":"identity_merged","subject":"shop:carl"}"#.into(),
    ];
    let with_time = |(n, text): (usize, String)| {
        let text = text.replacen('{', &format!(r#"{{"occurred_at":"2024-01-01T00:{n:02}:00Z","#), 1);
        line(n as u64, &text)
    };
    lines.into_iter().enumerate().map(with_time).collect()
}

/// Everything that can be read of a store, as text.
fn everything<S: EventStore>(store: &S) -> Result<String, Failure> {
    let mut text = String::new();
    let cut = Cut { known_at: KnownAt::Position(Position(u64::MAX)), ..Cut::as_of(today()) };
    let mut kinds = KindSet::NONE;
    for kind in [Kind::ProfileUpdated, Kind::IdentityLinked, Kind::ChurnConfirmed] {
        kinds = kinds.with(kind);
    }
    for read in
        [Read::all(), Read::all().limit(1), Read::backward(), Read::all().cut(cut), Read::all().kinds(kinds)]
    {
        read_all(store, read)?.iter().for_each(|fact| text.push_str(&fact.to_line()));
    }
    for name in ["ann", "bob", "carl"] {
        let page = pollster::block_on(store.read_stream(customer(name)?, Version(0), 100))?;
        page.facts.iter().for_each(|fact| text.push_str(&fact.to_line()));
    }
    Ok(text)
}

fn canary_in(text: &str) -> Option<&'static str> {
    CANARIES.into_iter().find(|canary| text.contains(canary))
}

/// A store that seals keeps nothing personal in plain text, gives it back as it was, and forgets a person for good: no
/// plain text by any read path, everything else as it was, known facts still known.
///
/// # Errors
/// How it is broken.
pub fn r54_what_was_erased_is_gone(adapter: &dyn AnyAdapter) -> Outcome {
    let store = fresh(adapter);
    if let Some(gone) = adapter.erased_is_gone(&store) {
        return gone.map(|()| Verdict::Held);
    }
    let store = Sealed::new(store, MemoryKeys::new());
    erased_is_gone(&store)?;
    // What the store itself holds was never plain text.
    let kept = everything(store.inner())?;
    if let Some(canary) = canary_in(&kept) {
        return Err(format!("the store was given {canary:?} in plain text").into());
    }
    ensure!(kept.contains("$sealed"), "nothing was sealed");
    Ok(Verdict::Held)
}

/// The same of a new, empty store that seals by itself.
///
/// # Errors
/// How it is broken.
pub fn erased_is_gone<S: Erase>(store: &S) -> Result<(), Failure> {
    let facts = canary_facts()?;
    let plain = MemoryStore::new();
    pollster::block_on(plain.append(Append::new(facts.clone())))?;
    pollster::block_on(store.append(Append::new(facts.clone())))?;
    let given = |read: Read| -> Result<Vec<String>, Failure> {
        Ok(read_all(&plain, read)?.iter().map(|fact| fact.event.to_line()).collect())
    };
    let read = |read: Read| -> Result<Vec<String>, Failure> {
        Ok(read_all(store, read)?.iter().map(|fact| fact.event.to_line()).collect())
    };
    same("what is read of sealed facts", &read(Read::all())?, &given(Read::all())?)?;
    same("the same, backward", &read(Read::backward().limit(2))?, &given(Read::backward())?)?;
    let (ann, bob, carl) = (customer("ann")?, customer("bob")?, customer("carl")?);
    let matching = |value| pollster::block_on(store.matching("email", value));
    same("who has the address", &matching("Canary@Example.ORG")?, &vec![ann])?;
    same("who has an unknown address", &matching("nobody@example.org")?, &vec![])?;
    sent_again(store, &facts)?;
    let other = line(
        1,
        r#"{"occurred_at":"2024-01-01T00:01:00Z","customer":"shop:ann","kind":"identity_linked","data":{"namespace":"email","value":"x","from":"form"}}"#,
    )?;
    refused(store, Append::new(vec![other]))?;

    let erased = pollster::block_on(erase(store, carl, today()))?;
    let mut persons = vec![ann, carl];
    persons.sort_unstable();
    same("who was erased", &erased.customers, &persons)?;
    same("on whom it was recorded", &erased.recorded, &persons)?;
    same("keys destroyed", &(erased.destroyed.keys, erased.destroyed.marks), &(2, 1))?;
    if let Some(canary) = canary_in(&everything(store)?) {
        return Err(format!("{canary:?} is still read").into());
    }
    ensure!(matching("canary@example.org")?.is_empty(), "an erased address is still found");
    same("who has the other address", &matching("bob@example.org")?, &vec![bob])?;
    // Everything plain, and everybody else, is as it was.
    let after = read(Read::all())?;
    let expected: Vec<String> = facts.iter().map(|fact| without_personal(fact, bob)).collect();
    same("facts but what was erased", &after.get(..facts.len()).map(<[_]>::to_vec), &Some(expected))?;
    same("facts", &after.len(), &(facts.len() + 2))?;
    let recorded = read_all(store, Read::backward().limit(2))?;
    let kinds: Vec<Kind> = recorded.iter().take(2).map(|fact| fact.event.kind).collect();
    same("what was recorded", &kinds, &vec![Kind::ErasureRequested; 2])?;
    sent_again(store, &facts)?;
    let again = pollster::block_on(erase(store, ann, today()))?;
    same("erased once more", &(again.destroyed.keys, again.recorded.len()), &(0, 0))?;

    // Who comes back is somebody new.
    let back = line(
        100,
        r#"{"occurred_at":"2024-02-01T00:00:00Z","customer":"shop:ann","kind":"profile_updated","data":{"name":"canary-yellow"}}"#,
    )?;
    pollster::block_on(store.append(Append::new(vec![back])))?;
    ensure!(everything(store)?.contains("canary-yellow"), "what was recorded later cannot be read");
    let later = tenure_core::Timestamp::parse("2024-06-01T00:00:00Z")?;
    pollster::block_on(erase(store, ann, later))?;
    ensure!(canary_in(&everything(store)?).is_none(), "what was recorded later is still read");
    Ok(())
}

/// Sent again, each append is known, in one and alone.
fn sent_again<S: Erase>(store: &S, facts: &[Event]) -> Result<(), Failure> {
    let all = pollster::block_on(store.append(Append::new(facts.to_vec())))?;
    ensure!(all.already_stored(), "what is stored is stored again: {all:?}");
    for fact in facts {
        let one = pollster::block_on(store.append(Append::new(vec![fact.clone(), fact.clone()])))?;
        ensure!(one.already_stored(), "{} is stored again", fact.id());
    }
    ensure!(pollster::block_on(store.known(&[id(0)]))? == [Some(Position(1))], "the first fact is not known");
    Ok(())
}

/// The line of a fact as it is read when everybody but one customer is erased.
fn without_personal(fact: &Event, but: tenure_core::CustomerId) -> String {
    let view = fact.view();
    if view.customer == but {
        return view.to_line();
    }
    let personal = fact.personal(|_| false);
    let sealed = if personal.is_empty() { fact.clone() } else { fact.clone().sealed(&personal, "gone") };
    let data = sealed.view().opened(None);
    tenure_core::EventView { data: &data, ..view }.to_line()
}
