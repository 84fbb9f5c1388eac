//! Every preset survives simulated customers: all laws, and the same bytes in any order of arrival.
//!
//! A thousand customers by default; the hundred thousand of the acceptance with
//!
//! ```console
//! $ TENURE_CUSTOMERS=100000 cargo test --release -p tenure-testkit --test testkit simulated
//! ```
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tenure_core::fold::{Partition, Projection, Snapshot, States};
use tenure_core::log::{Append, Corrections, Cut, Log};
use tenure_core::projection::rfm::Rfm;
use tenure_core::projection::stage::{StageMachine, Timeline};
use tenure_core::report::rfm::{Population, RfmReport};
use tenure_core::report::stages::{StageCounts, StageDwell};
use tenure_core::report::{Report, Shown};
use tenure_core::{Duration, Event, Kind, Policy, Timestamp, Version};
use tenure_testkit::laws::{self, InMemory};
use tenure_testkit::simulate::{Archetype, Mix, Share, Simulation};
use tenure_testkit::{Everybody, Everything};

const SEED: u64 = 7;

fn customers() -> u64 {
    std::env::var("TENURE_CUSTOMERS").ok().map_or(1_000, |number| number.parse().unwrap())
}

fn standard(preset: &str) -> Preset {
    let policy = Policy::preset(preset).unwrap();
    let machine = policy.stages().unwrap();
    (machine.clone(), Timeline::new(machine), policy.rfm().unwrap())
}

/// A small generator for the orders of arrival (splitmix64).
struct Order(u64);

impl Order {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % n as u64).unwrap()
    }

    fn shuffle<T>(&mut self, things: &mut [T]) {
        for place in (1..things.len()).rev() {
            things.swap(place, self.below(place + 1));
        }
    }
}

/// Groups of customers one after the other, so that memory does not grow with their number.
#[test]
fn every_preset_keeps_all_laws() {
    let simulation = Simulation::new(SEED, customers());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let simulation = &simulation;
            scope.spawn(move || {
                let groups = (1..=simulation.customers()).step_by(500).skip(thread).step_by(threads);
                for first in groups {
                    let last = simulation.customers().min(first + 499);
                    let facts: Vec<Event> =
                        (first..=last).flat_map(|n| simulation.history(n).facts).collect();
                    keep_all_laws(&facts, first);
                }
            });
        }
    });
}

fn keep_all_laws(facts: &[Event], seed: u64) {
    let mut order = Order(seed);
    let mut delivered = facts.to_vec();
    delivered.extend(facts.iter().step_by(10).cloned());
    order.shuffle(&mut delivered);
    let batches: Vec<Vec<Event>> =
        delivered.chunks(delivered.len().div_ceil(4).max(1)).map(<[Event]>::to_vec).collect();
    let at = facts.get(order.below(facts.len())).unwrap().occurred_at();
    let holds =
        |outcome: laws::Outcome| assert_eq!(outcome.map_err(|why| why.to_string()), Ok(()), "from {seed}");
    holds(laws::converges(&Everything, &InMemory, facts, &batches));
    holds(laws::as_of_is_a_cut(&Everything, &InMemory, &batches, at));
    holds(laws::parts_add_up(&Everything, &Everybody, &InMemory, &batches, at));
    holds(laws::voided_is_never_recorded(&Everything, &InMemory, &batches));
    for preset in Policy::PRESETS {
        let standard = standard(preset);
        let (machine, timeline, rfm) = &standard;
        holds(laws::converges(&standard, &InMemory, facts, &batches));
        holds(laws::as_of_is_a_cut(&standard, &InMemory, &batches, at));
        holds(laws::known_at_is_a_prefix(&standard, &InMemory, &batches, 2));
        holds(laws::incremental_equals_replay(&standard, &batches));
        holds(laws::resumes(&standard, &InMemory, facts, facts.len() / 2));
        holds(laws::parts_add_up(
            timeline,
            &StageDwell { policy: machine.policy() },
            &InMemory,
            &batches,
            at,
        ));
        holds(laws::parts_add_up(rfm, &RfmReport::new(rfm, at), &InMemory, &batches, at));
        holds(laws::silence_is_foretold(machine, &InMemory, &batches, Duration::days(20)));
        holds(laws::changes_are_explained_and_legal(machine, &InMemory, &batches));
        holds(laws::voided_is_never_recorded(&standard, &InMemory, &batches));
    }
}

type Preset = (StageMachine, Timeline, Rfm);
type PresetView<'a> = &'a <Preset as Projection>::View;

/// The reports under one preset.
struct Page<'p> {
    counts: StageCounts<'p>,
    dwell: StageDwell<'p>,
    rfm: RfmReport,
    counted: <StageCounts<'p> as Report>::Acc,
    dwelt: <StageDwell<'p> as Report>::Acc,
    scored: <RfmReport as Report>::Acc,
}

impl<'p> Page<'p> {
    fn new((machine, _, rfm): &'p Preset, at: Timestamp) -> Self {
        let policy = machine.policy();
        let (counts, dwell, rfm) = (StageCounts { policy }, StageDwell { policy }, RfmReport::new(rfm, at));
        Self {
            counts,
            dwell,
            rfm,
            counted: BTreeMap::default(),
            dwelt: BTreeMap::default(),
            scored: Population::default(),
        }
    }

    fn add(&mut self, customer: Shown<'_>, (stage, timeline, values): PresetView<'_>) {
        self.counts.add(&mut self.counted, customer, stage);
        self.dwell.add(&mut self.dwelt, customer, timeline);
        self.rfm.add(&mut self.scored, customer, values);
    }

    fn json(self) -> [String; 3] {
        [
            serde_json::to_string(&self.counts.finish(self.counted)).unwrap(),
            serde_json::to_string(&self.dwell.finish(self.dwelt)).unwrap(),
            serde_json::to_string(&self.rfm.finish(self.scored).unwrap()).unwrap(),
        ]
    }
}

/// The states of a log, folded on all threads there are.
fn states_of<P: Projection + Clone + Send + Sync>(projection: &P, log: &Log) -> States<P> {
    let correcting = log.facts().filter(|fact| fact.event.kind.corrects());
    let corrections: Arc<Corrections> = Arc::new(correcting.map(|fact| fact.event).collect());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let share = |partition| {
            let states = States::new(projection.clone(), Cut::default()).in_partition(partition);
            let mut states = states.with_corrections(Arc::clone(&corrections));
            scope.spawn(move || {
                states.catch_up(log);
                states
            })
        };
        let workers: Vec<_> = Partition::split(u32::try_from(threads).unwrap()).map(share).collect();
        let shares = workers.into_iter().map(|worker| worker.join().unwrap());
        shares
            .reduce(|mut all, share| {
                all.union(share);
                all
            })
            .unwrap()
    })
}

/// The state of everybody under every preset and the JSON of the reports, as bytes: what two logs have to agree on.
/// Hashed, as there are many.
fn bytes(log: &Log) -> (usize, blake3::Hash) {
    let [retail, saas, b2b] = Policy::PRESETS.map(standard);
    let projection = (retail, saas, b2b);
    let states = states_of(&projection, log);
    let at = states.latest().unwrap();
    let mut hash = blake3::Hasher::new();
    let mut pages = [&projection.0, &projection.1, &projection.2].map(|preset| Page::new(preset, at));
    for (id, folded) in states.iter() {
        let snapshot = Snapshot::new(folded.clone(), vec![(id, Version(0))]);
        hash.update(&snapshot.encode(&projection).unwrap());
        let name = states.shown(id);
        hash.update(name.as_bytes());
        let views = projection.view(&folded.state, at);
        for (page, view) in pages.iter_mut().zip([&views.0, &views.1, &views.2]) {
            page.add(Shown { id, name: &name }, view);
        }
    }
    for json in pages.into_iter().flat_map(Page::json) {
        hash.update(json.as_bytes());
    }
    (states.len(), hash.finalize())
}

fn log_of<'a>(events: impl Iterator<Item = &'a Event>) -> Log {
    let mut log = Log::new();
    let mut batch = Vec::new();
    for event in events {
        batch.push(event.clone());
        if batch.len() == 1_000 {
            log.append(&Append::new(core::mem::take(&mut batch)), Timestamp::MIN).unwrap();
        }
    }
    if !batch.is_empty() {
        log.append(&Append::new(batch), Timestamp::MIN).unwrap();
    }
    log
}

#[test]
fn five_orders_of_arrival_with_late_and_repeated_facts_give_the_same_bytes() {
    let tenth = Share::from_millionths(100_000).unwrap();
    let simulation = Simulation::new(SEED, customers()).late(tenth).repeated(tenth);
    let mut arrived: Vec<Event> = simulation.arrivals().map(|arrival| arrival.event).collect();
    let count = arrived.len();
    let log = log_of(arrived.iter());
    let facts = log.head().0;
    assert!(facts * 109 < count as u64 * 100 && facts * 111 > count as u64 * 100, "{facts} of {count}");
    let expected = bytes(&log);
    drop(log);
    for order in 1..=5 {
        Order(order).shuffle(&mut arrived);
        let log = log_of(arrived.iter());
        assert_eq!(log.head().0, facts);
        assert_eq!(bytes(&log), expected, "order {order}");
    }
    println!("{} customers, {facts} facts, {count} deliveries", simulation.customers());
}

#[test]
fn all_kinds_of_the_catalogue_appear_and_there_are_about_thirty_facts_each() {
    let simulation = Simulation::new(SEED, 3_000);
    let mut kinds: BTreeMap<Kind, u32> = BTreeMap::new();
    let mut per: BTreeMap<Archetype, (usize, usize)> = BTreeMap::new();
    for number in 1..=simulation.customers() {
        let history = simulation.history(number);
        let sums = per.entry(history.truth.archetype).or_default();
        *sums = (sums.0 + 1, sums.1 + history.facts.len());
        history.facts.iter().for_each(|fact| *kinds.entry(fact.view().kind).or_default() += 1);
    }
    println!("{per:?} {kinds:?}");
    for kind in Kind::ALL {
        assert!(kinds.contains_key(kind), "no {} among {kinds:?}", kind.name());
    }
    let mean = kinds.values().sum::<u32>() / 3_000;
    assert!((25..=36).contains(&mean), "{mean} facts a customer");
}

#[test]
fn arrivals_are_the_facts_of_all_histories_and_shares_change_only_when() {
    let shares = [("0", "0"), ("0.1", "0"), ("0.3", "0.2")];
    let mut all = Vec::new();
    for (late, repeated) in shares {
        let simulation =
            Simulation::new(SEED, 200).late(late.parse().unwrap()).repeated(repeated.parse().unwrap());
        let arrivals: Vec<_> = simulation.arrivals().collect();
        assert!(arrivals.is_sorted_by_key(|arrival| arrival.recorded_at));
        let facts: BTreeMap<_, _> = arrivals.iter().map(|one| (one.event.id(), one.event.clone())).collect();
        let is_late = arrivals.iter().filter(|one| one.recorded_at > one.event.occurred_at()).count();
        all.push((arrivals.len() - facts.len(), is_late, facts));
    }
    let alone: BTreeMap<_, _> = (1..=200)
        .flat_map(|number| Simulation::new(SEED, 1_000_000).history(number).facts)
        .map(|event| (event.id(), event))
        .collect();
    assert!(all.iter().all(|(_, _, facts)| *facts == alone));
    assert_eq!((all[0].0, all[0].1, all[1].0), (0, 0, 0));
    let count = alone.len();
    assert!(all[1].1.abs_diff(count / 10) < count / 40 && all[2].0.abs_diff(count / 5) < count / 30);
}

#[test]
fn truth_agrees_with_what_customers_do() {
    let simulation = Simulation::new(SEED, 2_000);
    let (start, end) = simulation.window();
    let (mut dead, mut returned) = (0, 0);
    for number in 1..=simulation.customers() {
        let history = simulation.history(number);
        assert_eq!(history.truth, simulation.truth(number));
        assert!(history.facts.is_sorted_by_key(Event::occurred_at));
        for fact in &history.facts {
            assert!(start <= fact.occurred_at() && fact.occurred_at() < end);
            let bought = matches!(
                fact.view().kind,
                Kind::OrderPlaced | Kind::SubscriptionStarted | Kind::ContractSigned
            );
            assert!(!bought || history.truth.lived_at(fact.occurred_at()), "{fact:?} {:?}", history.truth);
        }
        dead += u32::from(history.truth.died_at().is_some());
        returned += u32::from(history.truth.returned());
    }
    assert!(dead > 600 && returned > 50, "{dead} dead, {returned} returned");
}

#[test]
fn seeds_and_windows_decide() {
    let one = |seed| Simulation::new(seed, 1).history(1).facts;
    assert_ne!(one(1), one(2));
    let at = |text| Timestamp::parse(text).unwrap();
    let simulation = Simulation::new(1, 0);
    assert_eq!(simulation.arrivals().count(), 0);
    assert!(simulation.clone().between(at("2024-01-01T00:00:00Z"), at("2024-01-01T12:00:00Z")).is_err());
    assert!(simulation.between(at("1970-01-01T00:00:00Z"), at("2100-01-01T00:00:00Z")).is_err());
    let retail = Simulation::new(1, 50).of(Mix::only(Archetype::Retail));
    let kinds: BTreeSet<_> = (1..=50).map(|number| retail.truth(number).archetype).collect();
    assert_eq!(kinds, BTreeSet::from([Archetype::Retail]));
}

/// Simulates and folds group by group and keeps every state: memory grows with customers and not with facts.
///
/// ```console
/// $ TENURE_CUSTOMERS=1000000 cargo test --release -p tenure-testkit --test testkit simulated -- --ignored --nocapture
/// ```
#[test]
#[ignore = "a measurement; /usr/bin/time -v tells the memory"]
fn simulating_and_folding_in_bounded_memory() {
    let simulation = Simulation::new(SEED, customers());
    let policy = Policy::preset("retail").unwrap();
    let projection = (policy.stages().unwrap(), policy.rfm().unwrap());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let fold = |thread: usize| {
        let (mut facts, mut kept) = (0, Vec::new());
        for first in (1..=simulation.customers()).step_by(1_000).skip(thread).step_by(threads) {
            let group = first..=simulation.customers().min(first + 999);
            let events: Vec<Event> = group.flat_map(|number| simulation.history(number).facts).collect();
            let log = log_of(events.iter());
            facts += log.head().0;
            let states = States::of_log(projection.clone(), Cut::default(), &log);
            kept.extend(states.iter().map(|(customer, folded)| (customer, folded.clone())));
        }
        (facts, kept)
    };
    let (facts, states) = std::thread::scope(|scope| {
        let fold = &fold;
        let workers: Vec<_> = (0..threads).map(|thread| scope.spawn(move || fold(thread))).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap())
            .fold((0, 0), |(facts, states), (more, kept)| (facts + more, states + kept.len()))
    });
    println!("{} customers, {facts} facts, {states} states", simulation.customers());
}
