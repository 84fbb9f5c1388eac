//! Where a population stands in the lifecycle, how it moves, and how long it stays.
//!
//! | question | report | over the views of |
//! |---|---|---|
//! | how many in each stage and macro stage | [`StageCounts`] | [`StageMachine`] |
//! | who stood where at one instant, and where at another | [`StageMatrix`] | two [`UpTo`]s in a tuple |
//! | how many changes of each sort per period | [`StageFlows`] | [`Timeline`] |
//! | how long a stay lasts | [`StageDwell`] | [`Timeline`] |
//! | who enters a stage soon, if nothing happens | [`Entering`] | [`StageOutlook`] |
//!
//! A customer before the first fact is in no stage and is counted in none.
//!
//! [`StageMachine`]: crate::projection::stage::StageMachine
//! [`UpTo`]: crate::fold::UpTo
//! [`Timeline`]: crate::projection::stage::Timeline
//! [`StageOutlook`]: crate::projection::stage::StageOutlook

use std::collections::BTreeMap;

use serde::Serialize;

pub use super::stays::Stays;
use super::{Report, Shown};
use crate::id::CustomerId;
use crate::projection::stage::{MacroStage, Outlook, StageChange, StageIx, StagePolicy, StageView};
use crate::time::{Duration, Timestamp};

/// How many customers are in each stage and macro stage.
#[derive(Clone, Copy, Debug)]
pub struct StageCounts<'p> {
    /// Names the stages.
    pub policy: &'p StagePolicy,
}

/// How many customers are in each stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageTable {
    /// All customers.
    pub customers: u64,
    /// All stages in the policy's order, also empty ones.
    pub stages: Vec<StageRow>,
    /// The macro stages that the policy has, in the order of a customer's life.
    pub macro_stages: Vec<MacroRow>,
}

/// One stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageRow {
    /// Its code.
    pub code: String,
    /// Its macro stage.
    #[serde(rename = "macro")]
    pub macro_stage: MacroStage,
    /// How many customers are in it.
    pub customers: u64,
    /// Their share of all, 0 to 1; 0 where there are none.
    pub share: f64,
}

/// One macro stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MacroRow {
    /// Which one.
    pub code: MacroStage,
    /// How many customers are in it.
    pub customers: u64,
    /// Their share of all, 0 to 1; 0 where there are none.
    pub share: f64,
}

/// A part of a whole, 0 to 1; 0 of nothing.
#[expect(clippy::cast_precision_loss, reason = "a share; counts beyond 2^53 do not occur")]
pub(crate) fn share(part: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { part as f64 / of as f64 }
}

/// Adds the counts of one map to another.
fn add_counts<K: Ord>(into: &mut BTreeMap<K, u64>, other: BTreeMap<K, u64>) {
    for (key, count) in other {
        *into.entry(key).or_default() += count;
    }
}

impl Report for StageCounts<'_> {
    type View = Option<StageView>;
    type Acc = BTreeMap<StageIx, u64>;
    type Answer = StageTable;

    fn add(&self, acc: &mut Self::Acc, _: Shown<'_>, view: &Self::View) {
        if let Some(view) = view {
            *acc.entry(view.stage).or_default() += 1;
        }
    }

    fn merge(&self, into: &mut Self::Acc, other: Self::Acc) {
        add_counts(into, other);
    }

    fn finish(&self, acc: Self::Acc) -> StageTable {
        let customers = acc.values().sum();
        let in_stage = |place: usize| {
            u8::try_from(place).ok().and_then(|place| acc.get(&StageIx(place))).copied().unwrap_or(0)
        };
        let stages: Vec<StageRow> = self
            .policy
            .stages()
            .iter()
            .enumerate()
            .map(|(place, stage)| StageRow {
                code: stage.id.as_ref().into(),
                macro_stage: stage.macro_stage,
                customers: in_stage(place),
                share: share(in_stage(place), customers),
            })
            .collect();
        let macro_stages = MacroStage::ALL
            .into_iter()
            .filter(|code| stages.iter().any(|row| row.macro_stage == *code))
            .map(|code| {
                let of_it = stages.iter().filter(|row| row.macro_stage == code);
                let part = of_it.map(|row| row.customers).sum();
                MacroRow { code, customers: part, share: share(part, customers) }
            })
            .collect();
        StageTable { customers, stages, macro_stages }
    }
}

/// How many customers stood in one stage at a first instant and in another at a second one.
#[derive(Clone, Copy, Debug)]
pub struct StageMatrix<'p> {
    /// Names the stages.
    pub policy: &'p StagePolicy,
}

/// One cell of the matrix that is not empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MatrixCell {
    /// The stage at the first instant; none for who came later.
    pub from: Option<String>,
    /// The stage at the second one.
    pub to: String,
    /// How many customers.
    pub customers: u64,
}

impl Report for StageMatrix<'_> {
    /// At the first instant and at the second one, which is not earlier.
    type View = (Option<StageView>, Option<StageView>);
    type Acc = BTreeMap<(Option<StageIx>, StageIx), u64>;
    /// In the policy's order of stages, newcomers first.
    type Answer = Vec<MatrixCell>;

    fn add(&self, acc: &mut Self::Acc, _: Shown<'_>, (first, second): &Self::View) {
        if let Some(second) = second {
            *acc.entry((first.map(|view| view.stage), second.stage)).or_default() += 1;
        }
    }

    fn merge(&self, into: &mut Self::Acc, other: Self::Acc) {
        add_counts(into, other);
    }

    fn finish(&self, acc: Self::Acc) -> Vec<MatrixCell> {
        let code = |stage| self.policy.code(stage).to_owned();
        acc.into_iter()
            .map(|((from, to), customers)| MatrixCell { from: from.map(code), to: code(to), customers })
            .collect()
    }
}

/// What a matrix says in three numbers: who came, who was lost, and who came back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Turnover {
    /// Customers at the second instant who were none at the first.
    pub new: u64,
    /// Customers who were in the stage of the lost at the first instant and are in another one.
    pub won_back: u64,
    /// Customers who were in another stage at the first instant and are in that of the lost.
    pub lost: u64,
}

impl Turnover {
    /// Compares where customers stood and stand; what they passed through in between does not count.
    ///
    /// # Example
    /// ```
    /// use tenure_core::report::stages::{MatrixCell, Turnover};
    /// let cell = |from: Option<&str>, to: &str, customers| MatrixCell {
    ///     from: from.map(str::to_owned),
    ///     to: to.to_owned(),
    ///     customers,
    /// };
    /// let matrix = [cell(None, "new", 3), cell(Some("loyal"), "churned", 2), cell(Some("churned"), "won_back", 1)];
    /// assert_eq!(Turnover::of(&matrix, "churned"), Turnover { new: 3, won_back: 1, lost: 2 });
    /// ```
    pub fn of(matrix: &[MatrixCell], lost: &str) -> Self {
        let mut all = Self::default();
        for cell in matrix {
            match (cell.from.as_deref(), cell.to == lost) {
                (None, _) => all.new += cell.customers,
                (Some(from), false) if from == lost => all.won_back += cell.customers,
                (Some(from), true) if from != lost => all.lost += cell.customers,
                _ => {}
            }
        }
        all
    }
}

/// How many changes of each sort fall into each period.
#[derive(Clone, Debug)]
pub struct StageFlows<'p> {
    policy: &'p StagePolicy,
    edges: Vec<Timestamp>,
}

impl<'p> StageFlows<'p> {
    /// Periods between instants: each from one (inclusive) to the next (exclusive), in any order given. Fewer than two
    /// instants bound no period.
    pub fn new(policy: &'p StagePolicy, mut edges: Vec<Timestamp>) -> Self {
        edges.sort_unstable();
        edges.dedup();
        Self { policy, edges }
    }
}

/// The changes of one sort in one period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Flow {
    /// Where the period begins.
    pub period: Timestamp,
    /// The stage left; none for new customers.
    pub from: Option<String>,
    /// The stage entered.
    pub to: String,
    /// How many changes.
    pub changes: u64,
}

impl Report for StageFlows<'_> {
    type View = Vec<StageChange>;
    type Acc = BTreeMap<(Timestamp, Option<StageIx>, StageIx), u64>;
    /// By period, then in the policy's order of stages; only what occurred.
    type Answer = Vec<Flow>;

    fn add(&self, acc: &mut Self::Acc, _: Shown<'_>, view: &Self::View) {
        for change in view {
            let place = self.edges.partition_point(|edge| *edge <= change.at);
            // After the first edge and before the last one.
            let period = place.checked_sub(1).and_then(|index| self.edges.get(index));
            if let Some(period) = period.filter(|_| place < self.edges.len()) {
                *acc.entry((*period, change.from, change.to)).or_default() += 1;
            }
        }
    }

    fn merge(&self, into: &mut Self::Acc, other: Self::Acc) {
        add_counts(into, other);
    }

    fn finish(&self, acc: Self::Acc) -> Vec<Flow> {
        let code = |stage| self.policy.code(stage).to_owned();
        acc.into_iter()
            .map(|((period, from, to), changes)| Flow { period, from: from.map(code), to: code(to), changes })
            .collect()
    }
}

/// How long stays in a stage last.
///
/// A stage that is entered and left at one instant is a stay of no time: a customer who begins with an order was never
/// seen as a prospect.
#[derive(Clone, Copy, Debug)]
pub struct StageDwell<'p> {
    /// Names the stages.
    pub policy: &'p StagePolicy,
}

/// How long stays in one stage last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DwellRow {
    /// The stage.
    pub code: String,
    /// How many stays are completed.
    pub completed: u64,
    /// How many go on: their length is not known yet, so it is in no quantile.
    pub open: u64,
    /// The median of the completed ones by the nearest-rank rule; none without one.
    pub median: Option<Duration>,
    /// The 90th percentile likewise.
    pub p90: Option<Duration>,
}

impl Report for StageDwell<'_> {
    type View = Vec<StageChange>;
    type Acc = BTreeMap<StageIx, Stays>;
    /// All stages in the policy's order.
    type Answer = Vec<DwellRow>;

    fn add(&self, acc: &mut Self::Acc, _: Shown<'_>, view: &Self::View) {
        for (entry, exit) in view.iter().zip(view.iter().skip(1)) {
            acc.entry(entry.to).or_default().end(exit.at.since(entry.at));
        }
        if let Some(last) = view.last() {
            acc.entry(last.to).or_default().go_on();
        }
    }

    fn merge(&self, into: &mut Self::Acc, other: Self::Acc) {
        for (stage, stays) in other {
            into.entry(stage).or_default().merge(stays);
        }
    }

    fn finish(&self, acc: Self::Acc) -> Vec<DwellRow> {
        let none = Stays::default();
        (0..=u8::MAX)
            .zip(self.policy.stages())
            .map(|(place, stage)| {
                let stays = acc.get(&StageIx(place)).unwrap_or(&none);
                DwellRow {
                    code: stage.id.as_ref().into(),
                    completed: stays.completed(),
                    open: stays.open(),
                    median: stays.nearest_rank(50),
                    p90: stays.nearest_rank(90),
                }
            })
            .collect()
    }
}

/// Who enters a stage within the horizon of an outlook, if nothing more happens.
#[derive(Clone, Copy, Debug)]
pub struct Entering<'p> {
    /// Names stages and rules.
    pub policy: &'p StagePolicy,
    /// The stage entered.
    pub stage: StageIx,
}

/// Somebody who enters the stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entrant {
    /// As the customer is shown.
    pub customer: String,
    /// When: the first time.
    pub at: Timestamp,
    /// The stage that the customer comes from.
    pub from: Option<String>,
    /// The rule that will fire.
    pub rule: Option<String>,
}

impl Report for Entering<'_> {
    type View = Outlook;
    /// By the name shown; the id tells apart who is shown alike.
    type Acc = BTreeMap<(String, CustomerId), StageChange>;
    /// Sorted as customers are shown.
    type Answer = Vec<Entrant>;

    fn add(&self, acc: &mut Self::Acc, customer: Shown<'_>, view: &Outlook) {
        if let Some(change) = view.ahead.iter().find(|change| change.to == self.stage) {
            acc.insert((customer.name.to_owned(), customer.id), change.clone());
        }
    }

    fn merge(&self, into: &mut Self::Acc, other: Self::Acc) {
        into.extend(other);
    }

    fn finish(&self, acc: Self::Acc) -> Vec<Entrant> {
        acc.into_iter()
            .map(|((customer, _), change)| Entrant {
                customer,
                at: change.at,
                from: change.from.map(|from| self.policy.code(from).to_owned()),
                rule: change
                    .rule
                    .and_then(|rule| self.policy.rule(rule))
                    .map(|rule| rule.name.as_ref().into()),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::{Projection, UpTo, fold};
    use crate::projection::stage::{StageMachine, StageOutlook, Timeline};
    use crate::{Customer, CustomerEvent, Event, EventId};

    fn at(day: u32) -> Timestamp {
        Timestamp::MIN.checked_add(Duration::days(day)).unwrap()
    }

    /// Customers of a shop and the days on which they ordered.
    const SHOP: [(&str, &[u32]); 4] =
        [("ann", &[10]), ("bob", &[10, 20, 30, 200]), ("cyd", &[150]), ("dan", &[1, 300])];

    fn history(name: &str, days: &[u32]) -> Vec<Event> {
        let order = |day: &u32| {
            let fact = CustomerEvent::OrderPlaced { order: None, total: None, lines: vec![] };
            let id = EventId::from_foreign(name, &day.to_string());
            Event::new(id, Customer::parse(name, "shop").unwrap(), at(*day), fact).unwrap()
        };
        days.iter().map(order).collect()
    }

    /// A report over the shop, merged from one report a customer in any rotation.
    fn report<P: Projection, R: Report<View = P::View>>(
        projection: &P,
        report: &R,
        as_of: Timestamp,
    ) -> R::Answer
    where
        R::Answer: PartialEq + core::fmt::Debug,
    {
        let answer = |rotation: usize| {
            let mut acc = R::Acc::default();
            for (name, days) in SHOP.iter().cycle().skip(rotation).take(SHOP.len()) {
                let events = history(name, days);
                let known = events.iter().map(Event::view).filter(|fact| fact.occurred_at <= as_of);
                let view = projection.view(&fold(projection, known), as_of);
                let mut one = R::Acc::default();
                let customer = Customer::parse(name, "shop").unwrap();
                report.add(&mut one, Shown { id: customer.id(), name }, &view);
                report.merge(&mut acc, one);
            }
            report.finish(acc)
        };
        assert_eq!(answer(0), answer(2), "the order of merging cannot matter");
        answer(0)
    }

    #[test]
    fn counts_are_of_those_who_are_there_and_shares_add_up() {
        let policy = StagePolicy::retail().unwrap();
        let machine = StageMachine::new(policy.clone());
        let table = report(&machine, &StageCounts { policy: &policy }, at(160));
        let found: Vec<_> = table.stages.iter().map(|row| (row.code.as_str(), row.customers)).collect();
        assert_eq!(
            found,
            [
                ("prospect", 0),
                ("new", 1),
                ("active", 0),
                ("loyal", 0),
                ("at_risk", 0),
                ("churned", 3),
                ("won_back", 0)
            ]
        );
        assert_eq!(table.customers, 4);
        let shares: f64 = table.macro_stages.iter().map(|row| row.share).sum();
        assert!((shares - 1.0).abs() < 1e-12);
        let empty = report(&machine, &StageCounts { policy: &policy }, at(0));
        assert_eq!((empty.customers, empty.stages[0].share), (0, 0.0));
    }

    #[test]
    fn a_matrix_holds_who_moved_and_who_came() {
        let policy = StagePolicy::retail().unwrap();
        let machine = StageMachine::new(policy.clone());
        let two = (UpTo { projection: &machine, at: at(40) }, UpTo { projection: &machine, at: at(210) });
        let cells = report(&two, &StageMatrix { policy: &policy }, at(400));
        let found: Vec<_> = cells.iter().map(|c| (c.from.as_deref(), c.to.as_str(), c.customers)).collect();
        assert_eq!(
            found,
            [(None, "at_risk", 1), (Some("new"), "churned", 2), (Some("active"), "won_back", 1),]
        );
    }

    #[test]
    fn flows_fall_into_half_open_periods() {
        let policy = StagePolicy::retail().unwrap();
        let timeline = Timeline::new(StageMachine::new(policy.clone()));
        let flows = report(&timeline, &StageFlows::new(&policy, vec![at(150), at(10), at(20)]), at(400));
        let found: Vec<_> = flows
            .iter()
            .map(|f| (f.period == at(10), f.from.as_deref().unwrap_or("-"), f.to.as_str(), f.changes))
            .collect();
        assert_eq!(
            found,
            [
                (true, "-", "prospect", 2),
                (true, "prospect", "new", 2),
                (false, "new", "active", 1),
                (false, "new", "at_risk", 2),
                (false, "active", "at_risk", 1),
                (false, "at_risk", "churned", 2),
            ]
        );
        assert!(report(&timeline, &StageFlows::new(&policy, vec![at(1)]), at(400)).is_empty());
    }

    #[test]
    fn dwell_is_of_completed_stays_and_open_ones_are_counted() {
        let policy = StagePolicy::retail().unwrap();
        let timeline = Timeline::new(StageMachine::new(policy.clone()));
        let rows = report(&timeline, &StageDwell { policy: &policy }, at(310));
        let new = &rows[1];
        assert_eq!((new.completed, new.open), (4, 0));
        assert_eq!((new.median, new.p90), (Some(Duration::days(60)), Some(Duration::days(60))));
        let churned = rows.iter().find(|row| row.code == "churned").unwrap();
        assert_eq!((churned.completed, churned.open), (2, 2));
        let loyal = rows.iter().find(|row| row.code == "loyal").unwrap();
        assert_eq!((loyal.completed, loyal.median), (0, None));
    }

    #[test]
    fn who_will_be_at_risk_is_known_beforehand() {
        let policy = StagePolicy::retail().unwrap();
        let machine = StageMachine::new(policy.clone());
        let outlook = StageOutlook { machine: &machine, horizon: Duration::days(30) };
        let entering = Entering { policy: &policy, stage: policy.find("at_risk").unwrap() };
        let found = report(&outlook, &entering, at(55));
        let found: Vec<_> =
            found.iter().map(|e| (e.customer.as_str(), e.at, e.rule.as_deref().unwrap())).collect();
        // Bob is late only after day 90.
        assert_eq!(found, [("ann", at(70), "silent"), ("dan", at(61), "silent")]);
    }
}
