//! The states of everybody as they are now, and how a page of facts changes them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tenure_core::fold::{Aside, Folded, Projection, States, fold};
use tenure_core::log::{Corrections, Cut, FactBlock, KnownAt};
use tenure_core::report::rfm::{EdgeMoves, EdgeMovesReport, SegmentTimeline};
use tenure_core::report::{Report, Shown};
use tenure_core::{CustomerId, EventView, Timestamp};

use super::change::{Notice, differences};
use super::due::Due;
use super::outbox::Untold;
use super::telling::{Standing, State, Step, Telling};

/// The states of everybody, as far as the log was taken in.
///
/// # Laws
/// What was told of a customer is the timeline up to the *horizon*: the latest instant that the engine was advanced to,
/// or the customer's last fact if that is later. So it need not be kept: it is a function of facts and an instant.
#[derive(Debug)]
pub(super) struct Live {
    pub states: States<Standing>,
    pub due: Due,
    pub advanced_to: Option<Timestamp>,
    /// By which edges segments are told, if they are.
    pub segments: Option<Arc<SegmentTimeline>>,
    /// All facts that correct something: what was known of them at an instant decides about a question as known then.
    correcting: FactBlock,
}

impl Live {
    pub(super) fn new(
        states: States<Standing>,
        correcting: FactBlock,
        advanced_to: Option<Timestamp>,
        segments: Option<Arc<SegmentTimeline>>,
    ) -> Self {
        let mut live = Self { states, due: Due::default(), advanced_to, segments, correcting };
        live.due = live.due_by(live.telling());
        live
    }

    pub(super) fn telling(&self) -> Telling<'_> {
        Telling { stages: &self.states.projection().0, segments: self.segments.as_deref() }
    }

    /// When everybody is due.
    fn due_by(&self, telling: Telling<'_>) -> Due {
        let mut due = Due::default();
        for (person, folded) in self.states.iter() {
            due.set(person, telling.next_change(&folded.state, self.horizon(folded.last.occurred_at)));
        }
        due
    }

    /// Up to when a customer's changes were told.
    pub(super) fn horizon(&self, last: Timestamp) -> Timestamp {
        self.advanced_to.map_or(last, |advanced| advanced.max(last))
    }

    fn next_of(&self, folded: &Folded<State>) -> Option<Timestamp> {
        self.telling().next_change(&folded.state, self.horizon(folded.last.occurred_at))
    }

    /// What other edges change: who moves, each at the instant up to which the customer's changes are told, and who is due
    /// when from then on.
    pub(super) fn by_edges(&self, segments: &SegmentTimeline) -> (EdgeMoves, Due) {
        let report = EdgeMovesReport { before: self.segments.as_deref(), after: segments };
        let mut moves = <EdgeMovesReport<'_> as Report>::Acc::default();
        let rfm = &self.states.projection().1;
        for (id, folded) in self.states.iter() {
            let view = rfm.view(&folded.state.1, self.horizon(folded.last.occurred_at));
            report.add(&mut moves, Shown { id, name: &self.states.shown(id) }, &view);
        }
        let telling = Telling { segments: Some(segments), ..self.telling() };
        (report.finish(moves), self.due_by(telling))
    }

    /// Tells segments by other edges from now on, or not any more. What they change at once is not told.
    pub(super) fn segment_by(&mut self, segments: Option<Arc<SegmentTimeline>>, due: Option<Due>) {
        self.segments = segments;
        self.due = due.unwrap_or_else(|| self.due_by(self.telling()));
    }

    /// The corrections that were known, without a look at the store.
    pub(super) fn corrections(&self, known_at: KnownAt) -> Arc<Corrections> {
        if known_at == KnownAt::Latest {
            return self.states.shared_corrections();
        }
        let cut = Cut { as_of: None, known_at };
        let known = self.correcting.iter().filter(|fact| cut.holds(fact)).map(|fact| fact.event);
        Arc::new(known.collect())
    }

    /// What a page of facts does, as far as it can be told without the histories of those for whom it is not enough.
    pub(super) fn take_aside(&self, page: FactBlock, to: tenure_core::Position) -> Taken {
        let mut aside = self.states.aside(&page);
        aside.states.absorb(&page, to);
        aside.states.scanned(to);
        let refolded = aside.states.stale().len();
        let mut taken = Taken { groups: Vec::new(), refolded, aside, untold: Vec::new(), page };
        taken.groups = taken.stale_groups(self);
        taken.in_order(self);
        taken
    }

    /// Whose state, name or due time is not what other states of the same log say.
    pub(super) fn differing(&self, fresh: &States<Standing>) -> BTreeSet<CustomerId> {
        let either = || self.states.iter().chain(fresh.iter()).map(|(person, _)| person);
        let of = |states: &States<Standing>, person| {
            let folded = states.get(person)?;
            Some((folded.clone(), states.customer(person), states.corrections().members(person)))
        };
        let differs = |person: &CustomerId| {
            of(&self.states, *person) != of(fresh, *person)
                || self.due.of(*person) != fresh.get(*person).and_then(|folded| self.next_of(folded))
        };
        either().chain(self.due.customers()).filter(differs).collect()
    }

    /// Lets everybody see what became of a page. Gives what there is to tell of it.
    pub(super) fn adopt(&mut self, taken: Taken) -> Vec<Untold> {
        let Taken { aside, untold, page, .. } = taken;
        for fact in page.iter() {
            let new = fact.position > self.states.scanned_to();
            if new && fact.event.kind.corrects() {
                self.correcting.push(&fact);
            }
        }
        for person in aside.persons() {
            self.due.set(*person, None);
        }
        let due: Vec<_> =
            aside.states.iter().map(|(person, folded)| (person, self.next_of(folded))).collect();
        self.states.adopt(aside);
        for (person, at) in due {
            self.due.set(person, at);
        }
        untold
    }

    /// What silence changes up to and with an instant, for those alone who are due.
    pub(super) fn due_changes(&self, now: Timestamp) -> Passed {
        let mut passed = Passed { now, due: Vec::new(), untold: Vec::new() };
        for person in self.due.until(now) {
            let Some(folded) = self.states.get(person) else { continue };
            let last = folded.last.occurred_at;
            let (told, until) = (self.horizon(last), now.max(last));
            let telling = self.telling();
            let changes = telling.ahead(&folded.state, until);
            let about: Arc<[CustomerId]> = self.states.corrections().members(person).into();
            let customer = self.states.customer(person);
            let new = changes.iter().filter(|change| change.at() > told);
            passed.untold.extend(
                new.filter_map(|change| telling.change(&customer, change))
                    .map(|change| Untold { notice: Notice::Changed(change), about: Arc::clone(&about) }),
            );
            passed.due.push((person, telling.next_change(&folded.state, until)));
        }
        // One customer's changes stay in their order.
        passed.untold.sort_by_key(|untold| untold.notice.change().at());
        passed
    }

    /// Moves on to an instant. Gives what there is to tell, and how many customers were visited.
    pub(super) fn pass(&mut self, passed: Passed) -> (Vec<Untold>, usize) {
        let visited = passed.due.len();
        for (person, at) in passed.due {
            self.due.set(person, at);
        }
        self.advanced_to = self.advanced_to.max(Some(passed.now));
        (passed.untold, visited)
    }
}

/// What time does, before anybody sees it.
#[derive(Debug)]
pub(super) struct Passed {
    now: Timestamp,
    due: Vec<(CustomerId, Option<Timestamp>)>,
    untold: Vec<Untold>,
}

impl Passed {
    pub(super) const fn now(&self) -> Timestamp {
        self.now
    }

    pub(super) fn untold(&self) -> &[Untold] {
        &self.untold
    }
}

/// What a page of facts does, before anybody sees it.
#[derive(Debug)]
pub(super) struct Taken {
    /// Customers whose histories are needed, together where they are or were one person.
    pub groups: Vec<BTreeSet<CustomerId>>,
    /// How many persons they are.
    pub refolded: usize,
    aside: Aside<Standing>,
    untold: Vec<Untold>,
    page: FactBlock,
}

impl Taken {
    pub(super) const fn states(&self) -> &States<Standing> {
        &self.aside.states
    }

    pub(super) const fn page(&self) -> &FactBlock {
        &self.page
    }

    pub(super) fn untold(&self) -> &[Untold] {
        &self.untold
    }

    /// The same of the same facts as the store has them.
    pub(super) fn of_recorded(self, page: FactBlock) -> Self {
        Self { page, ..self }
    }

    /// The customers of all who must be folded again; in one group who is or was one person, so that what was told
    /// of a person can be computed again from the histories of one group.
    fn stale_groups(&self, live: &Live) -> Vec<BTreeSet<CustomerId>> {
        let (before, after) = (live.states.corrections(), self.aside.states.corrections());
        let mut seen = BTreeSet::new();
        let mut groups = Vec::new();
        for person in self.aside.states.stale() {
            let mut group = BTreeSet::new();
            let mut open = vec![*person];
            while let Some(customer) = open.pop() {
                if seen.insert(customer) {
                    group.insert(customer);
                    open.extend(before.members(customer));
                    open.extend(after.members(customer));
                }
            }
            if !group.is_empty() {
                groups.push(group);
            }
        }
        groups
    }

    /// Tells what changed for those whose facts came in order.
    fn in_order(&mut self, live: &Live) {
        let states = &self.aside.states;
        let mut facts: BTreeMap<CustomerId, Vec<EventView<'_>>> = BTreeMap::new();
        for fact in self.page.iter().filter(|fact| fact.position > live.states.scanned_to()) {
            let person = states.corrections().representative(fact.event.customer);
            if states.corrections().admits(&fact.event) && !states.stale().contains(&person) {
                facts.entry(person).or_default().push(fact.event);
            }
        }
        let telling = live.telling();
        let history = telling.history();
        for (person, facts) in facts {
            let Some(last) = facts.last().map(|fact| fact.occurred_at) else { continue };
            let known = live.states.get(person);
            let told = known.map_or_else(Vec::new, |known| {
                telling.ahead(&known.state, live.horizon(known.last.occurred_at))
            });
            let mut state = telling.going_on(known.map(|known| &known.state));
            for fact in &facts {
                history.apply(&mut state, fact);
            }
            let now = Telling::steps(history.view(&state, live.horizon(last)));
            let about: Arc<[CustomerId]> = states.corrections().members(person).into();
            tell(&mut self.untold, live, &self.aside, person, &about, (&told, &now));
        }
    }

    /// Folds the persons of a group again from all facts of its customers, and tells what changed.
    pub(super) fn refold(&mut self, live: &Live, group: &BTreeSet<CustomerId>, histories: &[FactBlock]) {
        let facts = || histories.iter().flat_map(FactBlock::iter);
        let told = persons(live, &live.states, group, histories);
        let stale: Vec<CustomerId> =
            self.aside.states.stale().iter().filter(|person| group.contains(person)).copied().collect();
        for person in stale {
            let members = self.aside.states.corrections().members(person);
            let of_person = facts().filter(|fact| members.contains(&fact.event.customer));
            self.aside.states.refold(person, of_person);
        }
        let now = persons(live, &self.aside.states, group, histories);
        let about: Arc<[CustomerId]> = group.iter().copied().collect();
        let either: BTreeSet<CustomerId> = told.keys().chain(now.keys()).copied().collect();
        for person in either {
            let of = |timelines: &BTreeMap<_, Vec<Step>>| timelines.get(&person).cloned();
            let (told, now) = (of(&told).unwrap_or_default(), of(&now).unwrap_or_default());
            tell(&mut self.untold, live, &self.aside, person, &about, (&told, &now));
        }
    }
}

/// The timelines, up to their horizons, of the persons that these customers are by some states' corrections.
fn persons(
    live: &Live,
    by: &States<Standing>,
    group: &BTreeSet<CustomerId>,
    histories: &[FactBlock],
) -> BTreeMap<CustomerId, Vec<Step>> {
    let corrections = by.corrections();
    let mut facts: BTreeMap<CustomerId, Vec<EventView<'_>>> = BTreeMap::new();
    for fact in histories.iter().flat_map(FactBlock::iter) {
        let customer = fact.event.customer;
        if fact.position <= by.scanned_to() && corrections.admits(&fact.event) && group.contains(&customer) {
            facts.entry(corrections.representative(customer)).or_default().push(fact.event);
        }
    }
    let history = live.telling().history();
    let timelines = facts.into_iter().filter_map(|(person, mut facts)| {
        facts.sort_unstable_by_key(EventView::key);
        let last = facts.last()?.occurred_at;
        Some((person, Telling::steps(history.view(&fold(&history, facts), live.horizon(last)))))
    });
    timelines.collect()
}

fn tell(
    untold: &mut Vec<Untold>,
    live: &Live,
    aside: &Aside<Standing>,
    person: CustomerId,
    about: &Arc<[CustomerId]>,
    (told, now): (&[Step], &[Step]),
) {
    if told == now {
        return;
    }
    // Whichever of the two has seen a key.
    let customer = match aside.states.customer(person) {
        with_key if with_key.key().is_some() => with_key,
        _ => live.states.customer(person),
    };
    differences(live.telling(), &customer, told, now, |notice| {
        untold.push(Untold { notice, about: Arc::clone(about) });
    });
}
