//! A funnel's walk through one history.

use serde::{Deserialize, Serialize};

use super::answer::{FunnelAnswer, FunnelSum, Telling};
use super::ordered::Ordered;
use super::outcome::{FunnelOutcome, FunnelStanding};
use super::plan::{Filled, Plan, Seen};
use super::strict::Strict;
use super::tally::{Best, Tally};
use super::trial::Trial;
use super::window::Window;
use super::{Entry, FunnelRange, StepOrder};
use crate::fold::Fingerprint;
use crate::query::asked::Asked;
use crate::query::breakdown::Attribution;
use crate::query::course::Course;
use crate::query::lens::{Besides, Glance, Word, Words};
use crate::query::selector::Selector;
use crate::query::standing::Terms;
use crate::query::{Ask, Query, QueryError};
use crate::time::Timestamp;

/// How a funnel walks through one history: without the history where that is possible, else with one window of it.
#[derive(Clone, Debug)]
pub struct FunnelCourse {
    plan: Plan,
    telling: Telling,
    /// The step whose fact gives the value.
    by_step: Option<usize>,
}

/// What a funnel remembers of a history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FunnelState {
    /// The steps that ask for a first time and have had theirs.
    met: u64,
    /// Whether there was an entry.
    entered: bool,
    road: Road,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Road {
    Ordered(Ordered),
    Strict(Strict),
    Window(Window),
}

impl Query {
    /// A funnel made ready, as of an instant; none for another kind.
    ///
    /// Who converted, may still convert, or dropped, where and since when, is in each customer's
    /// [`FunnelOutcome`], so that a list of them can be made customer by customer, however long it is.
    ///
    /// # Errors
    /// [`QueryError`] for a breakdown that the terms cannot give.
    ///
    /// # Example
    /// ```
    /// use tenure_core::fold::{Projection, States};
    /// use tenure_core::log::{Append, Log};
    /// use tenure_core::query::{FunnelStanding, Query, Terms};
    /// use tenure_core::report::{Report, add_all};
    /// use tenure_core::{Customer, CustomerEvent, Event, EventId, Timestamp};
    /// let at = Timestamp::parse("2024-05-01T10:00:00Z")?;
    /// let ann = Customer::parse("ann", "shop")?;
    /// let order = CustomerEvent::OrderPlaced { order: None, total: None, lines: vec![] };
    /// let order = Event::new(EventId::from_foreign("shop", "1"), ann, at, order)?;
    /// let mut log = Log::new();
    /// log.append(&Append::new(vec![order]), at)?;
    ///
    /// let query = Query::parse(r#"{"kind": "funnel", "steps": ["order_placed", "order_refunded"]}"#)?;
    /// let funnel = query.funnel(&Terms::default(), at)?.ok_or("no funnel")?;
    /// let states = States::of_log(&funnel, query.frame.cut(), &log);
    /// let report = funnel.report(at);
    /// let answer = serde_json::to_value(report.finish(add_all(&report, &states, at)))?;
    /// assert_eq!(answer["counts"], serde_json::json!([1, 0]));
    /// assert_eq!(answer["pending"], serde_json::json!(["shop:ann"]));
    ///
    /// for (_, folded) in states.iter() {
    ///     for (_, outcome) in funnel.view(&folded.state, at).outcomes() {
    ///         assert_eq!(outcome.standing, FunnelStanding::Pending);
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn funnel(&self, terms: &Terms, as_of: Timestamp) -> Result<Option<Asked<FunnelCourse>>, QueryError> {
        let Ask::Funnel(ask) = &self.ask else { return Ok(None) };
        let plan = Plan::new(ask, &self.frame)?;
        let range = plan.range;
        let telling = Telling::new(ask, &plan, &self.frame, as_of);
        let by_step = ask.breakdown.as_ref().filter(|by| by.attribution == Attribution::Step);
        let course = FunnelCourse { plan, telling, by_step: by_step.and_then(|by| by.step) };
        let steps = ask.steps.iter().map(|step| &step.selector);
        let exclusions = ask.exclusions.iter().map(|exclusion| &exclusion.selector);
        let selectors: Vec<&Selector> = steps.chain(exclusions).collect();
        // The customer's next fact must be the next step, so all are looked at.
        let besides = if ask.order == StepOrder::Strict { Besides::All } else { Besides::None };
        let asked =
            Asked::new(course, self, terms, &selectors, besides, ask.breakdown.as_ref(), &ask.count_by)?;
        Ok(Some(asked.in_range(range)))
    }
}

impl FunnelCourse {
    /// What a fact can be; none where it plays no part.
    #[inline]
    fn see(&self, state: &mut FunnelState, at: Timestamp, glance: &Glance) -> Option<Seen> {
        let plan = &self.plan;
        let met = glance.met & !(state.met & plan.first_time);
        state.met |= glance.met & plan.first_time;
        let in_range = plan.range.holds(at);
        if plan.range_of == FunnelRange::Events && !in_range || met == 0 && plan.order != StepOrder::Strict {
            return None;
        }
        let entries = if plan.order == StepOrder::Unordered { plan.all_steps() } else { 1 };
        let entry = in_range && met & entries != 0 && !(plan.entry == Entry::FirstEntry && state.entered);
        state.entered |= entry;
        Some(Seen { fact: Filled { at, id: glance.id, value: glance.value }, met, entry })
    }

    /// Takes in several facts of one instant.
    #[inline(never)]
    fn pass_tied(&self, state: &mut FunnelState, at: Timestamp, facts: &[Glance]) {
        let seen: Vec<Seen> = facts.iter().filter_map(|glance| self.see(state, at, glance)).collect();
        match &mut state.road {
            Road::Ordered(road) if self.plan.strictly_later => road.pass_each(&self.plan, &seen),
            Road::Ordered(road) => road.pass_any(&self.plan, &seen),
            Road::Strict(road) => road.pass(&self.plan, at, &seen),
            Road::Window(road) => road.pass(&self.plan, at, &seen),
        }
    }

    /// What entries came to and what is on its way, as an outcome.
    fn close(&self, mut tally: Tally, trials: Vec<Trial>, as_of: Timestamp) -> Option<FunnelOutcome> {
        let plan = &self.plan;
        let mut pending = false;
        for trial in trials {
            pending |= trial.taint.is_none()
                && trial.ended.is_none()
                && plan.deadline(trial.entry.at) > as_of.as_micros();
            tally.take(plan, trial);
        }
        pending &= plan.order != StepOrder::Unordered;
        let (over, buckets, attempts) = (tally.over, core::mem::take(&mut tally.buckets), tally.attempts);
        let best = tally.into_best()?;
        let standing = FunnelStanding::new(plan, best.depth, pending, over);
        Some(FunnelOutcome { best, standing, buckets, attempts })
    }
}

impl Course for FunnelCourse {
    type State = FunnelState;
    type Outcome = FunnelOutcome;
    type Sum = FunnelSum;
    type Answer = FunnelAnswer;

    const TOGETHER: bool = true;

    fn begin(&self) -> FunnelState {
        let plan = &self.plan;
        // Only the best entry counts, and nothing behind a chain can change it.
        let best_alone = !plan.attempts && plan.trend.is_none() && plan.exclusions.is_empty();
        // Of two entries in one state the earlier cannot win by a later fact: there is nothing to win but steps.
        let simple = plan.tolerance == 0 && plan.required.len() == plan.steps;
        let road = match plan.order {
            StepOrder::Ordered if best_alone && simple => Road::Ordered(Ordered::default()),
            StepOrder::Strict if best_alone && simple => Road::Strict(Strict::default()),
            _ => Road::Window(Window::default()),
        };
        FunnelState { met: 0, entered: false, road }
    }

    #[expect(clippy::inline_always, reason = "for every fact of a fold")]
    #[inline(always)]
    fn step(&self, state: &mut FunnelState, at: Timestamp, fact: Glance) {
        let Some(seen) = self.see(state, at, &fact) else { return };
        match &mut state.road {
            Road::Ordered(road) => road.pass_each(&self.plan, &[seen]),
            Road::Strict(road) => road.pass(&self.plan, at, &[seen]),
            Road::Window(road) => road.pass(&self.plan, at, &[seen]),
        }
    }

    #[expect(clippy::inline_always, reason = "for every fact of a fold")]
    #[inline(always)]
    fn pass(&self, state: &mut FunnelState, at: Timestamp, facts: &[Glance]) {
        match facts {
            [fact] => self.step(state, at, *fact),
            _ => self.pass_tied(state, at, facts),
        }
    }

    fn outcome(&self, state: &FunnelState, _: &Words, as_of: Timestamp) -> Option<FunnelOutcome> {
        let (tally, trials) = match &state.road {
            Road::Ordered(road) => {
                let entry = *road.best.first()?;
                let over = self.plan.deadline(road.last_entry().unwrap_or(entry.at));
                let mut chain: Vec<_> = road.best.iter().copied().map(Some).collect();
                chain.resize(self.plan.steps, None);
                let best = Best { entry, depth: road.best.len(), chain };
                let standing = FunnelStanding::new(&self.plan, best.depth, over > as_of.as_micros(), over);
                return Some(FunnelOutcome::new(best, standing));
            }
            Road::Strict(road) => road.so_far(),
            Road::Window(road) => road.so_far(&self.plan),
        };
        self.close(tally, trials, as_of)
    }

    fn keeps_values(&self) -> bool {
        self.by_step.is_some()
    }

    fn value(&self, outcome: &FunnelOutcome) -> Option<Word> {
        let step = self.by_step?;
        Some(outcome.steps().get(step).copied().flatten().map_or(Word::NONE, |fact| fact.value))
    }

    fn better(&self, one: FunnelOutcome, other: FunnelOutcome) -> FunnelOutcome {
        one.joined(other, &self.plan)
    }

    fn add(&self, sum: &mut FunnelSum, name: &str, outcome: &FunnelOutcome) {
        self.telling.add(sum, name, outcome);
    }

    fn merge(&self, into: &mut FunnelSum, other: FunnelSum) {
        into.merge(other);
    }

    fn finish(&self, sum: FunnelSum) -> FunnelAnswer {
        self.telling.finish(sum)
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of("funnel", 1, &())
    }
}
