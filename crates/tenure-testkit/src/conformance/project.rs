//! Rules 42 to 50: projections that are kept in the store.

use core::ops::ControlFlow::{Break, Continue};
use core::sync::atomic::{AtomicBool, Ordering};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;

use tenure_core::fold::{Fingerprint, Folded, Projection, States};
use tenure_core::log::{Append, Cut, Expected, KnownAt};
use tenure_core::{CustomerId, Duration, Event, EventId, EventView, Policy, Position, Timestamp};
use tenure_store::{
    AnyStore, Around, Changes, Clock, Commit, Engine, EntryKey, EventStore, Keep, KeptError, Lease, Notice,
    OnUnreadable, PolicyRebuild, ProjectionName, Projector, Rebuild, live_generation, prune_generations,
    replay_serial,
};

use super::facts::{customer, fact, facts, id, line, store_all};
use super::failing::{Failing, When};
use super::{AnyAdapter, Failure, Outcome, Verdict, ensure, fresh, same, standing, today};

/// Every fact of a customer, in order; of one of two versions, so that there is something to rebuild.
#[derive(Clone, Copy, Debug)]
struct Seen(u32);

impl Projection for Seen {
    type State = Vec<EventId>;
    type View = usize;

    fn init(&self) -> Self::State {
        Vec::new()
    }

    fn apply(&self, seen: &mut Self::State, fact: &EventView<'_>) {
        seen.push(fact.id);
    }

    fn view(&self, seen: &Self::State, _: Timestamp) -> usize {
        seen.len()
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of("seen", self.0, &())
    }
}

fn name() -> Result<ProjectionName, Failure> {
    Ok("seen".parse()?)
}

pub(super) type Rows = Vec<(CustomerId, Folded<Vec<EventId>>, String)>;

fn rows(states: &States<Seen>) -> Rows {
    states.iter().map(|(id, folded)| (id, folded.clone(), states.shown(id))).collect()
}

/// What a replay up to a position says.
pub(super) fn replayed<S: EventStore>(store: &S, at: Position) -> Result<Rows, Failure> {
    let cut = Cut { as_of: None, known_at: KnownAt::Position(at) };
    Ok(rows(&pollster::block_on(replay_serial(store, Seen(1), cut, |_| Continue(())))?))
}

/// What is kept is what a replay up to the checkpoint says; gives the checkpoint.
fn is_sound<S: EventStore>(store: &S, version: u32) -> Result<Position, Failure> {
    let kept = pollster::block_on(Projector::open(store, name()?, Seen(version)))?;
    let at = kept.checkpoint().position;
    ensure!(kept.states().stale().is_empty(), "customers wait to be folded again behind a checkpoint");
    same(&format!("what is kept at {at}"), &rows(kept.states()), &replayed(store, at)?)?;
    Ok(at)
}

/// Facts of several customers: in order, late, taken back, and of two who turn out to be one.
pub(super) fn history(from: u64) -> Result<Vec<Vec<Event>>, Failure> {
    let on = "2024-01-09T00:00:00Z";
    let late = |n: u64, customer: &str| {
        let second = n % 60;
        line(
            from + n,
            &format!(
                r#"{{"customer":"shop:{customer}","occurred_at":"2023-12-31T00:00:{second:02}Z","kind":"signed_up"}}"#
            ),
        )
    };
    let void = line(
        from + 90,
        &format!(
            r#"{{"customer":"shop:ann","occurred_at":"{on}","kind":"event_voided","subject":"{}"}}"#,
            id(from + 1)
        ),
    )?;
    let merge = |n: u64| {
        line(
            from + n,
            &format!(
                r#"{{"customer":"shop:bob","occurred_at":"{on}","kind":"identity_merged","subject":"shop:eve"}}"#
            ),
        )
    };
    let undo = line(
        from + 92,
        &format!(
            r#"{{"customer":"shop:bob","occurred_at":"{on}","kind":"event_voided","subject":"{}"}}"#,
            id(from + 91)
        ),
    )?;
    Ok(vec![
        facts(from..from + 8, "ann")?,
        facts(from + 8..from + 20, "bob")?,
        vec![fact(from + 20, "eve")?, late(21, "ann")?, fact(from + 22, "ann")?],
        vec![merge(91)?, late(23, "eve")?],
        vec![void, fact(from + 24, "eve")?],
        facts(from + 30..from + 40, "joe")?,
        vec![undo, late(41, "bob")?],
    ])
}

/// Wherever the store fails, before or after it did what it was asked, states and checkpoint belong together; and whoever
/// tries again ends where a replay ends.
///
/// # Errors
/// How it is broken.
pub fn r42_states_and_checkpoint_are_written_together(adapter: &dyn AnyAdapter) -> Outcome {
    for when in [When::Before, When::After] {
        for inline in [false, true] {
            for k in 0.. {
                let store = Failing::new(fresh(adapter));
                let mut rest = history(0)?.into_iter();
                for batch in rest.by_ref().take(4) {
                    store_all(&store, batch)?;
                }
                store.fail(k, when);
                let mut failed = false;
                for batch in rest {
                    failed |= step(&store, &batch, inline).is_err();
                    let at = store.quietly(|inner| is_sound(inner, 1))?;
                    ensure!(
                        at <= pollster::block_on(store.inner().head())?.position,
                        "a checkpoint beyond the head"
                    );
                    // Sent again, it is stored once.
                    store.quietly(|_| step(&store, &batch, inline))?;
                }
                let at = store.quietly(|inner| is_sound(inner, 1))?;
                same("where it ends", &at.0, &u64::try_from(history(0)?.concat().len())?)?;
                if !failed {
                    ensure!(k > 5, "no call of the store failed");
                    break;
                }
            }
        }
    }
    Ok(Verdict::Held)
}

/// Records a batch and brings the projection up to date with it: in one transaction or one after the other.
fn step<S: EventStore>(store: &S, batch: &[Event], inline: bool) -> Result<(), Failure> {
    pollster::block_on(async {
        let mut projector = Projector::open(store, name()?, Seen(1)).await?;
        if inline {
            projector.record(batch.to_vec()).await?;
        } else {
            store.append(Append::new(batch.to_vec())).await?;
        }
        projector.catch_up(|_| Continue(())).await?;
        same(
            "states in memory",
            &rows(projector.states()),
            &replayed(store, projector.checkpoint().position)?,
        )
    })
}

/// Two that work on the same projection do not disturb each other: each step is kept once, whoever did it.
///
/// # Errors
/// How it is broken.
pub fn r43_of_two_runners_one_keeps_each_step(adapter: &dyn AnyAdapter) -> Outcome {
    let store = &fresh(adapter);
    let writing = &AtomicBool::new(true);
    let (written, runs) = thread::scope(|scope| {
        let run = |inline: bool| {
            scope.spawn(move || -> Result<(), Failure> {
                let mut projector = pollster::block_on(Projector::open(store, name()?, Seen(1)))?;
                let mut n = 0;
                loop {
                    let over = !writing.load(Ordering::SeqCst);
                    if inline && n < 20 {
                        pollster::block_on(projector.record([fact(5_000 + n, "joe")?]))?;
                        n += 1;
                    }
                    let at = pollster::block_on(projector.catch_up(|_| Continue(())))?;
                    same("states in memory", &rows(projector.states()), &replayed(store, at)?)?;
                    if over && !(inline && n < 20) {
                        return Ok(());
                    }
                }
            })
        };
        let runs = [run(false), run(false), run(true)];
        let written = (0..3).try_for_each(|round| {
            history(round * 200)?.into_iter().try_for_each(|batch| store_all(store, batch))
        });
        writing.store(false, Ordering::SeqCst);
        (written, runs.map(|run| run.join().unwrap_or_else(|_| Err("a runner panicked".into()))))
    });
    written?;
    for run in runs {
        run?;
    }
    is_sound(store, 1)?;
    // An expectation that does not hold is the caller's to know, with the numbers; nothing was kept of it.
    let mut projector = pollster::block_on(Projector::open(store, name()?, Seen(1)))?;
    let stale = Append::new(vec![fact(9_000, "joe")?]).expect(customer("joe")?, Expected::NoStream);
    let refused = pollster::block_on(projector.record(stale));
    ensure!(refused.is_err_and(|error| error.is_conflict()), "a wrong expectation was kept");
    is_sound(store, 1)?;
    Ok(Verdict::Held)
}

/// A fact that cannot be read stops the projection in front of it, or is parked and left out, as one likes.
///
/// # Errors
/// How it is broken.
pub fn r44_an_unreadable_fact_stops_or_is_parked(adapter: &dyn AnyAdapter) -> Outcome {
    let store = fresh(adapter);
    store_all(&store, facts(0..10, "ann")?)?;
    store_all(&store, facts(10..20, "bob")?)?;
    if !adapter.spoil(&store, Position(7)) {
        return Ok(Verdict::Skipped("facts of this store cannot be spoilt"));
    }
    let mut stops = pollster::block_on(Projector::open(&store, name()?, Seen(1)))?;
    for _ in 0..2 {
        let stopped = pollster::block_on(stops.catch_up(|_| Continue(())));
        let named = matches!(
            &stopped,
            Err(KeptError::Store(tenure_store::StoreError::Undecodable { position: Position(7), .. }))
        );
        ensure!(named, "a fact that cannot be read is not named: {stopped:?}");
    }
    let parking = Projector::open(&store, "parking".parse()?, Seen(1));
    let mut parks = pollster::block_on(parking)?.on_unreadable(OnUnreadable::Park);
    same("the end", &pollster::block_on(parks.catch_up(|_| Continue(())))?, &Position(20))?;
    // A late fact folds the customer again, and what cannot be read is left out again.
    store_all(
        &store,
        vec![line(50, r#"{"customer":"shop:ann","occurred_at":"2023-01-01T00:00:00Z","kind":"signed_up"}"#)?],
    )?;
    same("the end", &pollster::block_on(parks.catch_up(|_| Continue(())))?, &Position(21))?;
    let count = |name| Ok::<_, Failure>(parks.view(customer(name)?, today()));
    same("facts of ann", &count("ann")?, &Some(10))?;
    same("facts of bob", &count("bob")?, &Some(10))?;
    let parked = pollster::block_on(parks.parked())?;
    let places: Vec<_> = parked.iter().map(|parked| (parked.position, parked.why.is_empty())).collect();
    same("parked", &places, &vec![(Position(7), false)])?;
    // So does an engine, from the first time it is opened.
    let engine = |keep: Keep| {
        let policy = Policy::preset("retail").ok_or("no such preset")?;
        Ok::<_, Failure>(pollster::block_on(Engine::open_kept(&store, policy, keep)).map_err(Failure::from))
    };
    ensure!(engine(Keep::under("stops")?)?.is_err(), "an engine left out what cannot be read without a word");
    let parks = engine(Keep::under("parks")?.park_unreadable())??;
    same("where the engine stands", &parks.checkpoint().position, &Position(21))?;
    Ok(Verdict::Held)
}

/// A rebuild while facts arrive and the live generation goes on ends as a fold of the whole log ends.
///
/// # Errors
/// How it is broken.
pub fn r45_a_rebuild_during_appends_equals_an_offline_fold(adapter: &dyn AnyAdapter) -> Outcome {
    let store = &fresh(adapter);
    for batch in history(0)? {
        store_all(store, batch)?;
    }
    let mut live = pollster::block_on(Projector::open(store, name()?, Seen(1)))?;
    pollster::block_on(live.catch_up(|_| Continue(())))?;
    let (written, switched) = thread::scope(|scope| {
        let writer = scope.spawn(move || -> Result<(), Failure> {
            for round in 1..4 {
                for batch in history(round * 200)? {
                    store_all(store, batch)?;
                    match pollster::block_on(live.catch_up(|_| Continue(()))) {
                        Ok(_) | Err(KeptError::Superseded { .. }) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
            }
            Ok(())
        });
        let switched = (|| -> Result<_, Failure> {
            let mut rebuild = pollster::block_on(Rebuild::begin(store, name()?, Seen(2)))?;
            let mut told = Vec::new();
            pollster::block_on(rebuild.catch_up(|progress| {
                told.push(progress.position);
                Continue(())
            }))?;
            ensure!(told.is_sorted() && !told.is_empty(), "progress does not rise: {told:?}");
            Ok(pollster::block_on(rebuild.switch())?)
        })();
        (writer.join().unwrap_or_else(|_| Err("the writer panicked".into())), switched)
    });
    written?;
    same("switched", &(switched?.from), &Some(1))?;
    let mut live = pollster::block_on(Projector::open(store, name()?, Seen(2)))?;
    let at = pollster::block_on(live.catch_up(|_| Continue(())))?;
    same("what is live", &rows(live.states()), &replayed(store, at)?)?;
    same("what is kept", &is_sound(store, 2)?, &at)?;
    Ok(Verdict::Held)
}

/// A rebuild that is cancelled anywhere leaves the live generation alone, and goes on or begins anew.
///
/// # Errors
/// How it is broken.
pub fn r46_a_cancelled_rebuild_goes_on(adapter: &dyn AnyAdapter) -> Outcome {
    for when in [When::Before, When::After] {
        for k in 0.. {
            let store = Failing::new(fresh(adapter));
            for batch in history(0)? {
                store_all(&store, batch)?;
            }
            let live = step(store.inner(), &[fact(150, "ann")?], false);
            live?;
            store.fail(k, when);
            let failed = rebuilt(&store).is_err();
            store.quietly(|inner| -> Result<(), Failure> {
                let live = pollster::block_on(live_generation(inner, &name()?))?.ok_or("nothing is live")?;
                is_sound(inner, live.number)?;
                if live.number == 1 {
                    rebuilt(inner)?;
                }
                is_sound(inner, 2).map(drop)
            })?;
            if !failed {
                ensure!(k > 5, "no call of the store failed");
                break;
            }
        }
    }
    // Asked to stop, it stops, and what was done is not done again.
    let store = fresh(adapter);
    for batch in history(0)? {
        store_all(&store, batch)?;
    }
    let mut rebuild = pollster::block_on(Rebuild::begin(&store, name()?, Seen(2)))?;
    let stopped = pollster::block_on(rebuild.catch_up(|_| Break(())));
    let Err(KeptError::Stopped { at }) = stopped else { return Err("a rebuild did not stop".into()) };
    let again = pollster::block_on(Rebuild::begin(&store, name()?, Seen(2)))?;
    same("generation", &again.generation().number, &rebuild.generation().number)?;
    same("where it goes on", &again.generation().checkpoint.position, &at)?;
    Ok(Verdict::Held)
}

fn rebuilt<S: EventStore>(store: &S) -> Result<(), Failure> {
    pollster::block_on(async {
        let mut rebuild = Rebuild::begin(store, name()?, Seen(2)).await?;
        rebuild.catch_up(|_| Continue(())).await?;
        rebuild.switch().await?;
        Ok(())
    })
}

/// A switch is seen at once or not at all, who writes on the old generation is refused, and the way back is a switch.
///
/// # Errors
/// How it is broken.
pub fn r47_a_switch_is_atomic_and_can_be_taken_back(adapter: &dyn AnyAdapter) -> Outcome {
    let store = fresh(adapter);
    for batch in history(0)? {
        store_all(&store, batch)?;
    }
    let live =
        |version| pollster::block_on(Projector::open(&store, name()?, Seen(version))).map_err(Failure::from);
    let mut old = live(1)?;
    pollster::block_on(old.catch_up(|_| Continue(())))?;
    rebuilt(&store)?;
    ensure!(
        matches!(
            live(1).err().and_then(|error| error.downcast::<KeptError>().ok()).as_deref(),
            Some(KeptError::Fingerprint { generation: 2, .. })
        ),
        "the states of one policy were opened under another"
    );
    store_all(&store, vec![fact(300, "ann")?])?;
    let refused = pollster::block_on(old.catch_up(|_| Continue(())));
    ensure!(
        matches!(refused, Err(KeptError::Superseded { generation: 1, .. })),
        "a generation that is not live was written on: {refused:?}"
    );
    let refused = pollster::block_on(old.record([fact(301, "ann")?]));
    ensure!(matches!(refused, Err(KeptError::Superseded { .. })), "and facts with it: {refused:?}");
    let mut new = live(2)?;
    pollster::block_on(new.catch_up(|_| Continue(())))?;
    is_sound(&store, 2)?;
    // Back: the old one has missed a fact, and catches up before it is live again.
    let mut back = pollster::block_on(Rebuild::begin(&store, name()?, Seen(1)))?;
    same("the old generation", &back.generation().number, &1)?;
    same("switched", &pollster::block_on(back.switch())?.from, &Some(2))?;
    same("what is live", &is_sound(&store, 1)?, &pollster::block_on(store.head())?.position)?;
    same("removed", &pollster::block_on(prune_generations(&store, &name()?, 0))?, &vec![2])?;
    let gone = pollster::block_on(store.scan("row/seen/2", b"", None, 1))?;
    ensure!(gone.is_empty(), "rows of a removed generation stay");
    is_sound(&store, 1)?;
    a_policy_and_its_states_belong_together(adapter)?;
    Ok(Verdict::Held)
}

/// Wherever the store fails while an engine's states are rebuilt under another policy: whoever opens them by the policy that is
/// kept has the states of that policy, and nothing was told.
fn a_policy_and_its_states_belong_together(adapter: &dyn AnyAdapter) -> Result<(), Failure> {
    let preset = |name| Policy::preset(name).ok_or("no such preset");
    for when in [When::Before, When::After] {
        for k in 0.. {
            let store = Failing::new(fresh(adapter));
            let before = pollster::block_on(async {
                let keep = Keep::under("told")?;
                let engine = Engine::open_kept(store.inner(), preset("retail")?, keep).await?;
                for (batch, now) in purchases()? {
                    engine.record(batch).await?;
                    engine.advance(now).await?;
                }
                told(store.inner())
            })?;
            let policy = |inner: &AnyStore| -> Result<String, Failure> {
                let engine = pollster::block_on(Engine::reopen(inner, Keep::under("told")?))?;
                ensure!(pollster::block_on(engine.refresh())?.is_empty(), "a switch is told");
                let differing = pollster::block_on(engine.audit())?;
                ensure!(differing.is_empty(), "states are not of the policy kept with them: {differing:?}");
                same("told", &told(inner)?, &before)?;
                Ok(engine.policy().name.clone())
            };
            store.fail(k, when);
            let failed = rebuilt_under(&store, preset("saas")?).is_err();
            store.quietly(|inner| -> Result<(), Failure> {
                if policy(inner)? == "retail" {
                    ensure!(failed, "a rebuild that went well was not switched to");
                    rebuilt_under(inner, preset("saas")?)?;
                }
                same("policy", &policy(inner)?, &"saas".to_owned())
            })?;
            if !failed {
                ensure!(k > 15, "no call of the store failed");
                break;
            }
        }
    }
    Ok(())
}

fn rebuilt_under<S: EventStore>(store: &S, policy: Policy) -> Result<(), Failure> {
    pollster::block_on(async {
        let mut rebuild = PolicyRebuild::begin(store, policy, Keep::under("told")?).await?;
        rebuild.catch_up(|_| Continue(())).await?;
        let comparison = rebuild.compare(3).await?.ok_or("nothing is live")?;
        same("customers compared", &comparison.customers, &3)?;
        rebuild.switch().await?;
        Ok(())
    })
}

/// Whatever fails, and however often engines are opened again, two at a time, every change is told once.
///
/// # Errors
/// How it is broken.
pub fn r48_nothing_is_told_twice(adapter: &dyn AnyAdapter) -> Outcome {
    nothing_is_taken_back(&fresh(adapter))?;
    let expected = {
        let store = Failing::new(fresh(adapter));
        for batch in purchases()? {
            tell(&store, &batch, false)?;
        }
        told(store.inner())?
    };
    ensure!(expected.len() > 10, "too little is told: {expected:?}");
    for when in [When::Before, When::After] {
        for inline in [false, true] {
            for k in 0.. {
                let store = Failing::new(fresh(adapter));
                store.fail(k, when);
                let mut failed = false;
                for batch in purchases()? {
                    while tell(&store, &batch, inline).is_err() {
                        ensure!(!failed, "a store that failed once fails for ever");
                        failed = true;
                    }
                }
                same(&format!("told where call {k} fails, {when:?}"), &told(store.inner())?, &expected)?;
                if !failed {
                    ensure!(k > 20, "no call of the store failed");
                    break;
                }
            }
        }
    }
    Ok(Verdict::Held)
}

/// An engine that has missed what another one kept does not take it back.
fn nothing_is_taken_back<S: EventStore>(store: &S) -> Result<(), Failure> {
    pollster::block_on(async {
        let policy = || Policy::preset("retail").ok_or("no such preset");
        let one = Engine::open_kept(store, policy()?, Keep::under("told")?).await?;
        let other = Engine::open_kept(store, policy()?, Keep::under("told")?).await?;
        one.advance(today()).await?;
        other.record([fact(77, "joe")?]).await?;
        let live = live_generation(store, &"told".parse()?).await?.ok_or("nothing is live")?;
        same("what time was advanced to", &live.checkpoint.advanced_to, &Some(today()))
    })
}

/// Purchases and instants to advance to, so that people become customers, loyal, silent and lost.
fn purchases() -> Result<Vec<(Vec<Event>, Timestamp)>, Failure> {
    let order = |n: u64, who: &str, day: &str| {
        line(
            n,
            &format!(r#"{{"customer":"shop:{who}","occurred_at":"{day}T00:00:00Z","kind":"order_placed"}}"#),
        )
    };
    let at = |day: &str| Timestamp::parse(&format!("{day}T12:00:00Z")).map_err(Failure::from);
    Ok(vec![
        (vec![order(1, "ann", "2024-01-01")?, order(2, "bob", "2024-01-02")?], at("2024-01-03")?),
        (vec![order(3, "ann", "2024-01-20")?], at("2024-03-01")?),
        // Late, so that something that was told did not take place.
        (vec![order(4, "bob", "2024-02-10")?, order(5, "eve", "2024-02-01")?], at("2024-06-01")?),
        (vec![order(6, "ann", "2024-06-02")?], at("2025-01-01")?),
    ])
}

/// Records and advances through an engine that is opened for it, while another one is open that does the same.
fn tell<S: EventStore>(
    store: &S,
    (batch, now): &(Vec<Event>, Timestamp),
    inline: bool,
) -> Result<(), Failure> {
    let open = || async {
        let policy = Policy::preset("retail").ok_or("no such preset")?;
        let keep = Keep::under("told")?;
        let keep = if inline { keep.inline() } else { keep };
        Ok::<_, Failure>(Engine::open_kept(store, policy, keep).await?)
    };
    pollster::block_on(async {
        let (one, other) = (open().await?, open().await?);
        one.record(batch.clone()).await?;
        other.advance(*now).await?;
        one.advance(*now).await?;
        ensure!(one.audit().await?.is_empty(), "states are not those of a replay");
        Ok(())
    })
}

/// What is told in a store, in order of customers: each id once, less what was retracted.
fn told<S: EventStore>(store: &S) -> Result<Vec<String>, Failure> {
    let changes = pollster::block_on(async {
        let mut changes = Changes::of_reader(store, "told".parse()?, "kit").await?;
        Ok::<_, Failure>(changes.waiting().await?)
    })?;
    let numbers: Vec<u64> = changes.iter().map(|told| told.number).collect();
    same("numbers", &numbers, &(1..=numbers.len() as u64).collect())?;
    let mut standing = BTreeMap::new();
    for told in changes {
        let change = told.notice.change();
        match &told.notice {
            Notice::Changed(_) => {
                let again = standing
                    .insert(change.id(), format!("{} {} {:?}", change.customer(), change.at(), change.to()));
                ensure!(again.is_none(), "told twice: {change:?}");
            }
            Notice::Retracted(_) => {
                ensure!(standing.remove(&change.id()).is_some(), "retracted twice or never told: {change:?}");
            }
        }
    }
    let mut all: Vec<String> = standing.into_values().collect();
    all.sort();
    Ok(all)
}

/// A lease is held by one, renewed by its holder, given back, and taken over after its end, and then the one before is
/// refused.
///
/// # Errors
/// How it is broken.
pub fn r49_a_lease_ends_and_is_taken_over(adapter: &dyn AnyAdapter) -> Outcome {
    let store = fresh(adapter);
    let (name, length) = (name()?, "30s".parse::<Duration>()?);
    let at = |seconds: i64| {
        Timestamp::from_micros(today().as_micros() + seconds * 1_000_000).unwrap_or(Timestamp::MAX)
    };
    let take = |who, seconds| pollster::block_on(Lease::acquire(&store, &name, who, at(seconds), length));
    let one = take("one", 0)?;
    match take("other", 29) {
        Err(KeptError::Held(held)) => same("holder", &(&*held.holder, held.until), &("one", at(30)))?,
        other => return Err(format!("a held lease was given to somebody else: {other:?}").into()),
    }
    let one = pollster::block_on(one.renew(&store, at(20)))?;
    ensure!(take("other", 49).is_err(), "a renewed lease was given to somebody else");
    let other = take("other", 50)?;
    ensure!(
        pollster::block_on(one.renew(&store, at(50))).is_err(),
        "a lease that was taken over was renewed"
    );
    let key = EntryKey::new("kit", *b"guarded");
    let write =
        |lease: &Lease| pollster::block_on(store.commit(lease.guard(Commit::new().put(key.clone(), *b"x"))));
    ensure!(write(&one).is_err(), "who lost the lease wrote all the same");
    write(&other)?;
    pollster::block_on(one.release(&store))?;
    ensure!(take("one", 51).is_err(), "somebody else's lease was given back");
    pollster::block_on(other.release(&store))?;
    take("one", 51)?;
    // Of many who take it at once, one gets it.
    let (store, name) = (&store, &name);
    let taken = thread::scope(|scope| {
        let racers: Vec<_> = (0..6)
            .map(|n| {
                let who = format!("racer-{n}");
                scope.spawn(move || {
                    pollster::block_on(Lease::acquire(store, name, &who, at(500), length)).is_ok()
                })
            })
            .collect();
        racers.into_iter().filter_map(|racer| racer.join().ok()).filter(|got| *got).count()
    });
    same("who got it", &taken, &1)?;
    Ok(Verdict::Held)
}

/// Kept states and the tail of the log are a fold of all of it; a row that is damaged is folded again.
///
/// # Errors
/// How it is broken.
pub fn r50_kept_states_and_the_tail_are_the_whole_fold(adapter: &dyn AnyAdapter) -> Outcome {
    let clock: Arc<dyn Clock> = standing();
    let mut store = adapter.open(Arc::clone(&clock));
    let batches = history(0)?;
    for (n, batch) in batches.iter().enumerate() {
        store_all(&store, batch.clone())?;
        if n % 2 == 0 {
            let mut projector = pollster::block_on(Projector::open(&store, name()?, Seen(1)))?;
            let at = pollster::block_on(projector.catch_up(|_| Continue(())))?;
            same("kept states and tail", &rows(projector.states()), &replayed(&store, at)?)?;
        }
        store = match adapter.reopen(store, Arc::clone(&clock)) {
            Ok(store) | Err(store) => store,
        };
    }
    is_sound(&store, 1)?;
    // Rows of garbage, of nothing, and with one bit turned.
    let all = pollster::block_on(store.scan("row/seen/1", b"", None, 100))?;
    ensure!(all.len() >= 3, "rows are not where they are said to be");
    let mut spoil = Commit::new();
    for (n, (key, row)) in all.into_iter().enumerate() {
        let mut bad = row;
        match n % 3 {
            0 => bad = b"garbage".to_vec(),
            1 => bad.clear(),
            _ => bad.iter_mut().take(1).for_each(|byte| *byte ^= 1),
        }
        spoil = spoil.put(EntryKey::new("row/seen/1", key), bad);
    }
    pollster::block_on(store.commit(spoil))?;
    let mut projector = pollster::block_on(Projector::open(&store, name()?, Seen(1)))?;
    let at = pollster::block_on(projector.catch_up(|_| Continue(())))?;
    same("states after damage", &rows(projector.states()), &replayed(&store, at)?)?;
    is_sound(&store, 1)?;
    Ok(Verdict::Held)
}
