//! Stores that are broken on purpose, each in one way that real ones are: they show that the rules see it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tenure_core::log::{Append, AppendError, Appended, Direction, Expected, FactBlock, Log, Page, Read};
use tenure_core::{CustomerId, CustomerKey, EventId, Position, RecordedView, Timestamp, Version};
use tenure_store::{
    Clock, Commit, Committed, Entries, EntryKey, EventStore, Head, MemoryStore, StoreError, StreamPage,
    Unreadable,
};

use super::Adapter;

/// What is wrong with a [`Flawed`] store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Flaw {
    /// Nothing: the wrapper itself keeps every rule.
    Sound,
    /// Expectations are checked before ids, so a retried append is refused.
    VersionsBeforeIds,
    /// Facts are stored first and the expectation is checked then: a conflict for what was committed.
    CommitThenCheck,
    /// Of a refused batch, the part whose expectations hold is stored.
    PartOfABatch,
    /// A refused append consumes positions, as a database sequence does.
    HolesAfterRefusal,
    /// A fact that cannot be read looks like the end of the log.
    ErrorIsTheEnd,
    /// A fact that cannot be read is left out in silence.
    ErrorIsSkipped,
    /// `scanned_to` is the last fact that passed the filter.
    FilterStandsStill,
    /// `recorded_at` follows the clock back.
    ClockGoesBack,
    /// A read begins at its position and not behind it.
    InclusiveBounds,
    /// A backward read gives the last page forward.
    BackwardForward,
    /// As-of cuts drop corrections too.
    AsOfCutsCorrections,
    /// The conflict tells the version that was expected, not the one that is.
    WrongNumbers,
    /// Instants are kept in milliseconds.
    Milliseconds,
    /// The key of a customer is kept once a customer, not once a fact.
    KeyOfTheCustomer,
    /// The same id with other content counts as known.
    ContentIsNotCompared,
    /// The last fact of a full page is lost.
    OffByOnePage,
    /// Two logs share one table.
    SharedTable,
    /// Entries are overwritten whatever is expected.
    EntriesAreOverwritten,
    /// Entries are written in a transaction of their own, before the facts.
    EntriesWithoutFacts,
    /// A scan goes on behind its prefix.
    PrefixIsForgotten,
    /// Each fact of a batch is committed alone.
    FactByFact,
    /// A fact that happened before one that is stored already of the same customer is acknowledged and never seen again.
    LateFactIsLost,
    /// What was read of an entry once is trusted ever after, as a snapshot in a cache is that nobody looks after.
    SnapshotIsTrusted,
}

impl Flaw {
    /// All flaws and, for each, a rule that must see it.
    pub const CAUGHT_BY: &'static [(Self, &'static str)] = &[
        (Self::VersionsBeforeIds, "r10_the_same_batch_twice_is_stored_once"),
        (Self::CommitThenCheck, "r04_no_stream_is_refused_on_an_existing_one"),
        (Self::PartOfABatch, "r03_one_bad_expectation_rolls_all_back"),
        (Self::HolesAfterRefusal, "r18_a_failed_append_consumes_no_position"),
        (Self::ErrorIsTheEnd, "r34_an_unreadable_fact_is_named_and_ends_nothing"),
        (Self::ErrorIsSkipped, "r34_an_unreadable_fact_is_named_and_ends_nothing"),
        (Self::FilterStandsStill, "r30_filters_move_scanned_to"),
        (Self::ClockGoesBack, "r21_recorded_at_never_decreases"),
        (Self::InclusiveBounds, "r28_bounds_are_exact"),
        (Self::BackwardForward, "r29_backward_is_the_reverse_of_forward"),
        (Self::AsOfCutsCorrections, "r33_cuts_in_time_are_those_of_a_naive_model"),
        (Self::WrongNumbers, "r06_a_wrong_version_is_told_in_exact_numbers"),
        (Self::Milliseconds, "r17_header_fields_come_back_as_they_were"),
        (Self::KeyOfTheCustomer, "r17_header_fields_come_back_as_they_were"),
        (Self::ContentIsNotCompared, "r13_an_id_with_other_content_is_refused"),
        (Self::OffByOnePage, "r27_any_size_of_page_gives_the_same_list"),
        (Self::SharedTable, "r35_two_logs_never_see_each_other"),
        (Self::EntriesAreOverwritten, "entries_are_compared_and_set"),
        (Self::EntriesWithoutFacts, "entries_and_facts_are_written_together"),
        (Self::PrefixIsForgotten, "entries_are_scanned_in_the_order_of_bytes"),
        (Self::FactByFact, "r32_a_read_during_appends_is_a_prefix"),
        (Self::LateFactIsLost, "r59_any_order_of_commits_folds_to_the_same"),
        (Self::SnapshotIsTrusted, "entries_are_compared_and_set"),
    ];
}

/// A store in memory with one flaw.
///
/// # Example
/// ```
/// use tenure_testkit::conformance::{Flaw, r10_the_same_batch_twice_is_stored_once};
/// assert!(r10_the_same_batch_twice_is_stored_once(&Flaw::Sound).is_ok());
/// assert!(r10_the_same_batch_twice_is_stored_once(&Flaw::VersionsBeforeIds).is_err());
/// ```
#[derive(Clone, Debug)]
pub struct Flawed {
    flaw: Flaw,
    inner: Arc<MemoryStore>,
    clock: Arc<dyn Clock>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// Facts that cannot be read.
    spoilt: BTreeSet<Position>,
    /// What the clock showed when a position was written.
    shown: BTreeMap<Position, Timestamp>,
    /// Positions that were consumed, as (first position behind the hole, size of all holes so far).
    holes: BTreeMap<Position, u64>,
    reads: usize,
    /// Entries as they were read first.
    remembered: BTreeMap<EntryKey, Vec<u8>>,
}

impl Adapter for Flaw {
    type Store = Flawed;

    fn open(&self, clock: Arc<dyn Clock>) -> Flawed {
        let inner = Arc::new(MemoryStore::with_clock(Arc::clone(&clock)));
        Flawed { flaw: *self, inner, clock, state: Arc::default() }
    }

    fn spoil(&self, store: &Flawed, position: Position) -> bool {
        store.state().spoilt.insert(position)
    }

    fn twins(&self, clock: Arc<dyn Clock>) -> Option<(Flawed, Flawed)> {
        let one = self.open(Arc::clone(&clock));
        let other = if *self == Self::SharedTable { one.clone() } else { self.open(clock) };
        Some((one, other))
    }
}

impl Flawed {
    fn is(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    fn looks_before(&self) -> bool {
        matches!(
            self.flaw,
            Flaw::VersionsBeforeIds
                | Flaw::CommitThenCheck
                | Flaw::PartOfABatch
                | Flaw::ContentIsNotCompared
                | Flaw::HolesAfterRefusal
                | Flaw::FactByFact
        )
    }

    /// Gives a reader the time to see what is half done, if there is a reader.
    fn let_somebody_read(&self) {
        let before = self.state().reads;
        for _ in 0..1_000 {
            if self.state().reads != before {
                return;
            }
            std::thread::yield_now();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn outside(&self, position: Position) -> Position {
        let holes = self.state().holes.range(..=position).next_back().map_or(0, |(_, size)| *size);
        Position(position.0 + holes)
    }

    /// Facts as this store would give them out.
    fn bent(&self, facts: &FactBlock) -> FactBlock {
        let mut bent = FactBlock::new();
        for fact in facts.iter() {
            let mut fact = RecordedView { position: self.outside(fact.position), ..fact };
            if self.is(Flaw::ClockGoesBack) {
                fact.recorded_at =
                    self.state().shown.get(&fact.position).copied().unwrap_or(fact.recorded_at);
            }
            if self.is(Flaw::Milliseconds) {
                let micros = fact.event.occurred_at.as_micros();
                fact.event.occurred_at =
                    Timestamp::from_micros(micros - micros % 1000).unwrap_or(Timestamp::MIN);
            }
            if self.is(Flaw::KeyOfTheCustomer) {
                let log = self.inner.log();
                fact.customer_key = log.key(fact.event.customer).map(CustomerKey::as_str);
                bent.push(&fact);
                continue;
            }
            if self.is(Flaw::LateFactIsLost) {
                let log = self.inner.log();
                let earlier = |other: &RecordedView<'_>| other.version < fact.version;
                if log
                    .stream(fact.event.customer)
                    .any(|other| earlier(&other) && other.event.occurred_at > fact.event.occurred_at)
                {
                    continue;
                }
            }
            bent.push(&fact);
        }
        bent
    }

    /// Ends a page before a fact that cannot be read, or fails if that is the first.
    fn stop_at_spoilt(&self, facts: FactBlock) -> Result<(FactBlock, Option<Position>), StoreError> {
        let spoilt = self.state().spoilt.clone();
        let Some((index, fact)) = facts.iter().enumerate().find(|(_, fact)| spoilt.contains(&fact.position))
        else {
            return Ok((facts, None));
        };
        if index == 0 {
            let source = Unreadable::Checksum { part: "body" };
            return Err(StoreError::Undecodable { position: fact.position, version: fact.version, source });
        }
        Ok((facts.iter().take(index).collect(), Some(fact.position)))
    }
}

impl EventStore for Flawed {
    async fn append(&self, append: Append) -> Result<Appended, StoreError> {
        // A copy costs as much as the log is long, so the sound ones do without.
        let before = if self.looks_before() { self.inner.log() } else { Log::new() };
        let now = self.clock.now();
        // Whether the expectations hold, asked as if no id were known.
        let verdict =
            append.decide::<core::convert::Infallible>(|_| Ok(None), |customer| Ok(before.version(customer)));
        let unmet = match verdict {
            Ok(Err(error @ AppendError::Version { .. })) => Some(error),
            _ => None,
        };
        let mut append = append;
        if let Some(unmet) = unmet.clone() {
            if self.is(Flaw::VersionsBeforeIds) {
                return Err(unmet.into());
            }
            if self.is(Flaw::CommitThenCheck) {
                self.inner.append(Append::new(append.events().to_vec())).await?;
                return Err(unmet.into());
            }
            if self.is(Flaw::PartOfABatch)
                && let AppendError::Version { customer, .. } = unmet
            {
                let others = append.events().iter().filter(|event| event.customer().id() != customer);
                let _ = self.inner.append(Append::new(others.cloned().collect())).await;
            }
        }
        if self.is(Flaw::ContentIsNotCompared) {
            let known = append.events().iter().filter(|event| before.find(event.id()).is_none());
            append = Append::new(known.cloned().collect());
        }
        if self.is(Flaw::FactByFact) && append.events().len() > 1 && unmet.is_none() {
            let mut done = Vec::new();
            let mut head = Position::START;
            for event in append.events() {
                let one = self.inner.append(Append::new(vec![event.clone()])).await?;
                head = one.head;
                done.extend(one.facts);
                self.let_somebody_read();
            }
            return Ok(Appended { facts: done, head });
        }
        let size = append.events().len() as u64;
        match self.inner.append(append).await {
            Ok(mut done) => {
                for placed in &mut done.facts {
                    if placed.new {
                        self.state().shown.insert(placed.position, now);
                    }
                    placed.position = self.outside(placed.position);
                }
                done.head = self.outside(done.head);
                Ok(done)
            }
            Err(error) => {
                if self.is(Flaw::HolesAfterRefusal) {
                    let next = Position(before.head().0 + 1);
                    let mut state = self.state();
                    let holes = state.holes.values().next_back().copied().unwrap_or(0);
                    state.holes.insert(next, holes + size);
                }
                match error {
                    StoreError::Refused(AppendError::Version {
                        customer,
                        expected: expected @ Expected::Exact(told),
                        ..
                    }) if self.is(Flaw::WrongNumbers) => {
                        Err(AppendError::Version { customer, expected, actual: told }.into())
                    }
                    error => Err(error),
                }
            }
        }
    }

    async fn read(&self, read: &Read) -> Result<Page, StoreError> {
        self.state().reads += 1;
        let mut asked = *read;
        if self.is(Flaw::InclusiveBounds) && read.direction == Direction::Forward {
            asked.from = Position(read.from.0.saturating_sub(1));
        }
        let backward_forward = self.is(Flaw::BackwardForward) && read.direction == Direction::Backward;
        let mut page = self.inner.read(&asked).await?;
        if backward_forward {
            page.facts = page.facts.iter().rev().collect();
        }
        if self.is(Flaw::ErrorIsSkipped) {
            let spoilt = self.state().spoilt.clone();
            page.facts = page.facts.iter().filter(|fact| !spoilt.contains(&fact.position)).collect();
        }
        match self.stop_at_spoilt(page.facts) {
            Ok((facts, stopped)) => {
                page.facts = facts;
                if let Some(bad) = stopped {
                    page.scanned_to = match read.direction {
                        Direction::Forward => Position(bad.0 - 1),
                        Direction::Backward => Position(bad.0 + 1),
                    };
                }
            }
            Err(_) if self.is(Flaw::ErrorIsTheEnd) => {
                let scanned_to = if read.direction == Direction::Forward { page.head } else { Position(1) };
                return Ok(Page { facts: FactBlock::new(), scanned_to, head: page.head });
            }
            Err(error) => return Err(error),
        }
        if self.is(Flaw::OffByOnePage) && page.facts.len() == read.limit && read.limit > 1 {
            page.facts = page.facts.iter().take(read.limit - 1).collect();
        }
        if self.is(Flaw::AsOfCutsCorrections)
            && let Some(as_of) = read.cut.as_of
        {
            page.facts = page.facts.iter().filter(|fact| fact.event.occurred_at <= as_of).collect();
        }
        if self.is(Flaw::FilterStandsStill) && page.facts.len() < read.limit {
            page.scanned_to = page.facts.iter().next_back().map_or(read.from, |fact| fact.position);
        }
        page.facts = self.bent(&page.facts);
        page.scanned_to = self.outside(page.scanned_to);
        page.head = self.outside(page.head);
        Ok(page)
    }

    async fn read_stream(
        &self,
        customer: CustomerId,
        after: Version,
        limit: usize,
    ) -> Result<StreamPage, StoreError> {
        let mut page = self.inner.read_stream(customer, after, limit).await?;
        if !self.is(Flaw::ErrorIsSkipped) && !self.is(Flaw::ErrorIsTheEnd) {
            page.facts = self.stop_at_spoilt(page.facts)?.0;
        }
        page.facts = self.bent(&page.facts);
        Ok(page)
    }

    async fn head(&self) -> Result<Head, StoreError> {
        let head = self.inner.head().await?;
        Ok(Head { position: self.outside(head.position), ..head })
    }

    async fn known(&self, ids: &[EventId]) -> Result<Vec<Option<Position>>, StoreError> {
        let known = self.inner.known(ids).await?;
        Ok(known.into_iter().map(|known| known.map(|position| self.outside(position))).collect())
    }

    async fn entries(&self, keys: &[EntryKey]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let mut entries = self.inner.entries(keys).await?;
        if self.is(Flaw::SnapshotIsTrusted) {
            let remembered = &mut self.state().remembered;
            for (key, entry) in keys.iter().zip(&mut entries) {
                if let Some(known) = remembered.get(key) {
                    *entry = Some(known.clone());
                } else if let Some(read) = entry {
                    remembered.insert(key.clone(), read.clone());
                }
            }
        }
        Ok(entries)
    }

    async fn scan(
        &self,
        space: &str,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Entries, StoreError> {
        if self.is(Flaw::PrefixIsForgotten) && after.is_some() {
            return self.inner.scan(space, &[], after, limit).await;
        }
        self.inner.scan(space, prefix, after, limit).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        if self.is(Flaw::EntriesAreOverwritten) {
            return self.inner.commit(entries_of(&commit)).await;
        }
        if self.is(Flaw::EntriesWithoutFacts)
            && let Some(append) = commit.facts()
        {
            self.inner.commit(entries_of(&commit)).await?;
            return self.inner.append(append.clone()).await.map(Some);
        }
        self.inner.commit(commit).await
    }

    fn committed(&self) -> impl Future<Output = ()> + Send {
        self.inner.committed()
    }
}

/// What a commit writes beside the log, whatever it expects.
fn entries_of(commit: &Commit) -> Commit {
    commit.writes().iter().fold(Commit::new(), |entries, (key, value)| match value {
        Some(value) => entries.put(key.clone(), value.clone()),
        None => entries.remove(key.clone()),
    })
}
