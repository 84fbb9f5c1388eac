//! Rules 36 to 41: subscriptions.

use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::Arc;
use std::thread;

use tenure_core::log::{FactBlock, KindSet, Read};
use tenure_core::{Kind, Position};
use tenure_store::{AnyStore, Around, Call, EventStore, Item, StoreError, Subscription};

use super::facts::{fact, facts, line, read_all, store_all};
use super::{AnyAdapter, Failure, Outcome, Verdict, ensure, fresh, same, standing};

/// Positions that a subscription gives up to and with one, and how often it said that it had caught up.
fn follow<S: EventStore>(subscription: &mut Subscription<S>, to: u64) -> Result<(Vec<u64>, usize), Failure> {
    let (mut seen, mut caught_up) = (Vec::new(), 0);
    loop {
        match pollster::block_on(subscription.next())? {
            Item::Facts(page) => seen.extend(positions(&page)),
            Item::CaughtUp { head } => {
                caught_up += 1;
                same("caught up at", &head, &subscription.scanned_to())?;
                if head.0 >= to {
                    return Ok((seen, caught_up));
                }
            }
            _ => {}
        }
    }
}

fn positions(page: &FactBlock) -> impl Iterator<Item = u64> {
    page.iter().map(|fact| fact.position.0)
}

fn up_to(last: u64) -> Vec<u64> {
    (1..=last).collect()
}

/// Facts that come while a subscription goes from the past to the present are given once, and so are those after it.
///
/// # Errors
/// How it is broken.
pub fn r36_a_subscription_goes_from_the_past_to_the_present_without_a_seam(
    adapter: &dyn AnyAdapter,
) -> Outcome {
    const BEFORE: u64 = 60;
    const AFTER: u64 = 240;
    let store = &fresh(adapter);
    store_all(store, facts(0..BEFORE, "ann")?)?;
    let (written, seen) = thread::scope(|scope| {
        let writers: Vec<_> = (0..2)
            .map(|writer| {
                scope.spawn(move || -> Result<(), Failure> {
                    for n in (BEFORE + writer..BEFORE + AFTER).step_by(2) {
                        store_all(store, vec![fact(n, if writer == 0 { "ann" } else { "bob" })?])?;
                    }
                    Ok(())
                })
            })
            .collect();
        // Two that begin at different places, and one that is made anew after every item.
        let one = scope.spawn(move || {
            follow(&mut Subscription::new(store, Position::START).limit(7), BEFORE + AFTER)
                .map(|(seen, _)| seen)
        });
        let other = scope.spawn(move || -> Result<Vec<u64>, Failure> {
            let (mut seen, mut at) = (Vec::new(), Position::START);
            while at.0 < BEFORE + AFTER {
                let mut subscription = Subscription::new(store, at).limit(5);
                if let Item::Facts(page) = pollster::block_on(subscription.next())? {
                    seen.extend(positions(&page));
                }
                at = subscription.scanned_to();
            }
            Ok(seen)
        });
        let written = writers
            .into_iter()
            .try_for_each(|writer| writer.join().unwrap_or_else(|_| Err("a writer panicked".into())));
        let read = |reader: thread::ScopedJoinHandle<'_, Result<Vec<u64>, Failure>>| {
            reader.join().unwrap_or_else(|_| Err("a reader panicked".into()))
        };
        (written, [read(one), read(other)])
    });
    written?;
    for seen in seen {
        same("what a subscription gave", &seen?, &up_to(BEFORE + AFTER))?;
    }
    Ok(Verdict::Held)
}

/// That the end is reached is told once, and once more after each gap; a filter that lets nothing pass moves on.
///
/// # Errors
/// How it is broken.
pub fn r37_each_catch_up_is_told_once(adapter: &dyn AnyAdapter) -> Outcome {
    let store = fresh(adapter);
    let mut all = Subscription::new(&store, Position::START).limit(4);
    same("of an empty log", &follow(&mut all, 0)?, &(vec![], 1))?;
    store_all(&store, facts(0..10, "ann")?)?;
    same("after ten", &follow(&mut all, 10)?, &(up_to(10), 1))?;
    let is_told_again = is_ready(&mut all);
    ensure!(!is_told_again, "a subscription at the end did not wait");
    store_all(&store, vec![fact(10, "ann")?])?;
    same("after one more", &follow(&mut all, 11)?, &(vec![11], 1))?;
    let mut tags = Subscription::new(&store, Position::START).kinds(KindSet::NONE.with(Kind::TagAdded));
    let mut items = Vec::new();
    while !matches!(items.last(), Some(Item::CaughtUp { .. })) {
        items.push(pollster::block_on(tags.next())?);
    }
    same("where a filtered subscription stands", &tags.scanned_to(), &Position(11))?;
    ensure!(!items.iter().any(|item| matches!(item, Item::Facts(_))), "a fact passed the filter: {items:?}");
    store_all(
        &store,
        vec![line(
            20,
            r#"{"customer":"shop:ann","occurred_at":"2024-01-01T00:00:00Z","kind":"tag_added","subject":"vip"}"#,
        )?],
    )?;
    same("after a tag", &follow(&mut tags, 12)?, &(vec![12], 1))?;
    Ok(Verdict::Held)
}

/// Whether the next item is there without waiting.
fn is_ready<S: EventStore>(subscription: &mut Subscription<S>) -> bool {
    use core::task::{Context, Waker};
    let next = core::pin::pin!(subscription.next());
    next.poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

/// Where no wake-up comes, a subscription sees everything all the same.
///
/// # Errors
/// How it is broken.
pub fn r38_a_subscription_needs_no_notification(adapter: &dyn AnyAdapter) -> Outcome {
    let store = &Quiet { inner: fresh(adapter), asked: AtomicUsize::new(0) };
    let seen = thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let subscription = Subscription::new(store, Position::START);
            follow(&mut subscription.poll_every(Duration::from_millis(5)), 9).map(|(seen, _)| seen)
        });
        for n in 0..9 {
            store_all(store, vec![fact(n, "ann")?])?;
        }
        reader.join().unwrap_or_else(|_| Err("the reader panicked".into()))
    });
    same("what the subscription gave", &seen?, &up_to(9))?;
    Ok(Verdict::Held)
}

/// Nothing is read before it is asked for, so a slow consumer holds one page, however long the log.
///
/// # Errors
/// How it is broken.
pub fn r39_a_slow_consumer_holds_one_page(adapter: &dyn AnyAdapter) -> Outcome {
    let store = Quiet { inner: fresh(adapter), asked: AtomicUsize::new(0) };
    for start in (0..500).step_by(100) {
        store_all(&store, facts(start..start + 100, "ann")?)?;
    }
    let mut subscription = Subscription::new(&store, Position::START).limit(10);
    for n in 1..=20 {
        let item = pollster::block_on(subscription.next())?;
        ensure!(matches!(&item, Item::Facts(page) if page.len() <= 10), "a page of another size: {item:?}");
        same("reads", &store.asked.load(Ordering::SeqCst), &n)?;
    }
    Ok(Verdict::Held)
}

/// A subscription goes on where it was after its store was closed and opened again.
///
/// # Errors
/// How it is broken.
pub fn r40_a_subscription_outlives_its_store(adapter: &dyn AnyAdapter) -> Outcome {
    let clock = standing();
    let store = adapter.open(Arc::<_>::clone(&clock) as Arc<dyn tenure_store::Clock>);
    store_all(&store, facts(0..20, "ann")?)?;
    let mut subscription = Subscription::new(&store, Position::START).limit(6);
    let Item::Facts(page) = pollster::block_on(subscription.next())? else {
        return Err("a log with facts began with something else".into());
    };
    let mut seen: Vec<u64> = positions(&page).collect();
    let at = subscription.scanned_to();
    let Ok(store) = adapter.reopen(store, clock) else {
        return Ok(Verdict::Skipped("the store does not outlive its handle"));
    };
    store_all(&store, facts(20..30, "ann")?)?;
    seen.extend(follow(&mut Subscription::new(&store, at), 30)?.0);
    same("what both gave", &seen, &up_to(30))?;
    same("facts", &read_all(&store, Read::all())?.len(), &30)?;
    Ok(Verdict::Held)
}

/// A checkpoint behind the end of the log is an error with both numbers, and not waited for.
///
/// # Errors
/// How it is broken.
pub fn r41_a_checkpoint_beyond_the_head_is_refused(adapter: &dyn AnyAdapter) -> Outcome {
    let store = fresh(adapter);
    store_all(&store, facts(0..3, "ann")?)?;
    for at in [4, 1_000, u64::MAX] {
        let refused = pollster::block_on(Subscription::new(&store, Position(at)).next());
        ensure!(
            matches!(&refused, Err(StoreError::BeyondHead { at: told, head: Position(3) }) if told.0 == at),
            "a subscription behind {at} of 3: {refused:?}"
        );
    }
    same("at the end", &follow(&mut Subscription::new(&store, Position(3)), 3)?, &(vec![], 1))?;
    Ok(Verdict::Held)
}

/// A store that wakes nobody and counts its reads.
struct Quiet {
    inner: AnyStore,
    asked: AtomicUsize,
}

impl Around for Quiet {
    type Inner = AnyStore;

    fn inner(&self) -> &AnyStore {
        &self.inner
    }

    fn call<T: Send>(
        &self,
        call: Call,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> impl Future<Output = Result<T, StoreError>> + Send {
        self.asked.fetch_add(usize::from(call == Call::Read), Ordering::SeqCst);
        work
    }

    fn woken(&self) -> impl Future<Output = ()> + Send {
        core::future::pending()
    }
}
