//! The churn score by the book: slow, and sharing no code with the engine beyond the policy's types.
//!
//! Every signal is recomputed from the whole history at every instant that is asked about. Points are added step by step,
//! and the next change is looked for at every instant that a fact and a duration of the policy add up to.

use std::collections::BTreeSet;

use tenure_core::projection::churn::{ChurnPolicy, Limit, Measure, OpenLimit, SignalDef};
use tenure_core::projection::stage::{CadencePolicy, Threshold};
use tenure_core::select::Selector;
use tenure_core::{Duration, EventId, EventView, Timestamp, Zone};

use crate::oracle::{matches, micros, stated};

/// How many facts a signal names, and of how many matches a fall is one.
const NAMED: usize = 16;
const COMPARED: usize = 4_096;

/// A customer's whole history under a policy.
#[derive(Clone, Debug)]
pub struct ChurnOracle<'a> {
    policy: &'a ChurnPolicy,
    zone: Zone,
    cadence: CadencePolicy,
    facts: Vec<EventView<'a>>,
}

/// What the oracle says of one signal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OracleSignal {
    /// What was measured.
    pub raw: Option<i64>,
    /// What it adds.
    pub points: i32,
    /// Since when it counts, in microseconds.
    pub since: Option<i64>,
    /// The facts that are named.
    pub facts: Vec<EventId>,
    /// How many more there are.
    pub more: u64,
}

impl<'a> ChurnOracle<'a> {
    /// The history of one customer, in any order.
    pub fn new(
        policy: &'a ChurnPolicy,
        zone: Zone,
        cadence: CadencePolicy,
        facts: impl IntoIterator<Item = EventView<'a>>,
    ) -> Self {
        let mut facts: Vec<_> = facts.into_iter().collect();
        facts.sort_by_key(EventView::key);
        Self { policy, zone, cadence, facts }
    }

    /// The score at an instant.
    pub fn score_at(&self, at: Timestamp) -> i64 {
        let sum: i64 = self.signals_at(at).iter().map(|signal| i64::from(signal.points)).sum();
        (i64::from(self.policy.base) + sum).clamp(0, 100)
    }

    /// Every signal at an instant.
    pub fn signals_at(&self, at: Timestamp) -> Vec<OracleSignal> {
        self.policy.signals.iter().map(|signal| self.signal(signal, at.as_micros())).collect()
    }

    /// The first instant after `after` at which silence alone changes the points of a signal, no fact lying later.
    pub fn next_change(&self, after: Timestamp) -> Option<Timestamp> {
        let points = |at: i64| -> Vec<i32> {
            self.policy.signals.iter().map(|signal| self.signal(signal, at).points).collect()
        };
        let now = points(after.as_micros());
        let last = Timestamp::MAX.as_micros();
        let instants = self.instants();
        let mut ahead = instants.into_iter().filter(|at| *at > after.as_micros() && *at <= last);
        ahead.find(|at| points(*at) != now).and_then(Timestamp::from_micros)
    }

    /// Every instant at which time alone might change something.
    fn instants(&self) -> BTreeSet<i64> {
        let mut instants = BTreeSet::new();
        for signal in &self.policy.signals {
            let (mut lengths, mut anchors) = (vec![0], self.facts.iter().map(micros).collect::<Vec<_>>());
            let mut steps = |first: i64, every: Option<i64>| {
                let further = every.map_or(0, |_| ceiling(signal).unsigned_abs());
                lengths.extend((0..=i64::from(further)).map(|n| first + n * every.unwrap_or(0)));
            };
            match &signal.measure {
                Measure::Silence { of, at_least, every, .. } => {
                    let end = i64::MAX;
                    steps(self.length(of, *at_least, end), every.map(|every| self.length(of, every, end)));
                }
                Measure::Count { within, .. } => lengths.push(within.as_micros()),
                Measure::Falling { within, .. } => {
                    lengths.extend([within.as_micros(), 2 * within.as_micros()]);
                }
                Measure::Latest { within, .. } => lengths.extend(within.map(Duration::as_micros)),
                Measure::Open { due, lead, limit, .. } => {
                    if let OpenLimit::For { at_least, every } = limit {
                        steps(at_least.as_micros(), every.map(Duration::as_micros));
                    }
                    if let Some(due) = due {
                        let stated = self.facts.iter().filter_map(|fact| stated(fact, due));
                        anchors.extend(stated.map(|due| due - lead.as_micros()));
                    }
                }
                _ => {}
            }
            instants
                .extend(anchors.iter().flat_map(|anchor| lengths.iter().map(move |length| anchor + length)));
        }
        instants
    }

    fn matching(&self, of: &Selector, at: i64) -> Vec<&EventView<'a>> {
        self.facts.iter().filter(|fact| micros(fact) <= at && matches(of, fact)).collect()
    }

    /// A threshold by the cadence at an instant.
    fn length(&self, of: &Selector, threshold: Threshold, at: i64) -> i64 {
        let (times, min, max) = match threshold {
            Threshold::Fixed(fixed) => return fixed.as_micros(),
            Threshold::Cadence { times, min, max } => (times, min.as_micros(), max.as_micros()),
        };
        let mut days: Vec<i64> = Vec::new();
        for fact in self.matching(of, at) {
            let day = i64::from(self.zone.day(fact.occurred_at));
            if days.iter().all(|known| *known < day) {
                days.push(day);
            }
        }
        let mut gaps: Vec<i64> =
            days.windows(2).filter_map(|pair| Some(pair.last()? - pair.first()?)).collect();
        gaps.reverse();
        gaps.truncate(self.cadence.gaps.into());
        gaps.sort_unstable();
        let cadence = match gaps.len() {
            0..3 => self.cadence.default.as_micros(),
            some => gaps.get((some - 1) / 2).map_or(0, |days| days * 86_400_000_000),
        };
        let scaled = i128::from(cadence) * i128::from(times.as_thousandths()) / 1_000;
        i64::try_from(scaled).unwrap_or(i64::MAX).min(max).max(min)
    }

    fn signal(&self, signal: &SignalDef, at: i64) -> OracleSignal {
        match &signal.measure {
            Measure::Silence { of, at_least, every, or_never } => {
                let matching = self.matching(of, at);
                let Some(last) = matching.last().map(|fact| micros(fact)) else {
                    let points = match (or_never, every) {
                        (false, _) => 0,
                        (true, None) => steps(signal, 1),
                        (true, Some(_)) => ceiling(signal),
                    };
                    return OracleSignal { points, ..OracleSignal::default() };
                };
                let together: Vec<_> =
                    matching.iter().filter(|fact| micros(fact) == last).map(|fact| fact.id).collect();
                let threshold = Limit::AtLeast(self.length(of, *at_least, at));
                let every = every.map(|every| self.length(of, every, at));
                let points = points(signal, at - last, threshold, every);
                seen(Some(at - last), points, Some(last), &together, false)
            }
            Measure::Count { of, within, limit, every, or_never } => {
                let (limit, every) = (wide(*limit), every.map(i64::from));
                let matching = self.matching(of, at);
                let inside: Vec<_> =
                    matching.iter().filter(|fact| micros(fact) > at - within.as_micros()).collect();
                let most = told_apart(signal, limit, every);
                let kept = inside.get(inside.len().saturating_sub(most)..).unwrap_or_default();
                let never = matching.is_empty() && matches!(limit, Limit::AtMost(_)) && !or_never;
                let raw = i64::try_from(kept.len()).unwrap_or(i64::MAX);
                let points = if never { 0 } else { points(signal, raw, limit, every) };
                let ids: Vec<_> = kept.iter().map(|fact| fact.id).collect();
                seen((!never).then_some(raw), points, kept.first().map(|fact| micros(fact)), &ids, true)
            }
            Measure::Falling { of, within, at_least, every, among } => {
                let matching = self.matching(of, at);
                let both = matching.iter().filter(|fact| micros(fact) > at - 2 * within.as_micros());
                let both: Vec<_> = both.collect();
                let both = both.get(both.len().saturating_sub(COMPARED)..).unwrap_or_default();
                let recent = both.iter().filter(|fact| micros(fact) > at - within.as_micros()).count();
                let (recent, earlier) = (recent as u64, (both.len() - recent) as u64);
                let mut raw = 0;
                if earlier >= u64::from(*among) {
                    // The greatest whole percent by which they can be called fewer.
                    raw = (0..=100)
                        .rev()
                        .find(|percent| earlier * (100 - percent) >= recent * 100)
                        .unwrap_or(0);
                }
                let raw = i64::try_from(raw).unwrap_or(0);
                let threshold = Limit::AtLeast(i64::from(*at_least));
                let points = points(signal, raw, threshold, every.map(i64::from));
                let ids: Vec<_> = both.iter().map(|fact| fact.id).collect();
                seen(Some(raw), points, both.first().map(|fact| micros(fact)), &ids, true)
            }
            Measure::Open { of, until, same_subject, due, lead, limit } => {
                let closes = |begun: &EventView<'_>, end: &EventView<'_>| {
                    matches(until, end)
                        && (!same_subject || end.subject == begun.subject)
                        && (micros(end) > micros(begun)
                            || (micros(end) == micros(begun) && !matches(of, end)))
                };
                let mut open: Vec<(i64, i64, EventId)> = self
                    .matching(of, at)
                    .into_iter()
                    .filter(|begun| !self.facts.iter().any(|end| micros(end) <= at && closes(begun, end)))
                    .filter_map(|begun| {
                        let due = due.as_ref().map_or(Some(micros(begun)), |due| stated(begun, due))?;
                        Some((due - lead.as_micros(), micros(begun), begun.id))
                    })
                    .filter(|(due, _, _)| *due <= at)
                    .collect();
                open.sort_unstable();
                let since = open.first().map(|(due, _, _)| *due);
                let (raw, limit, every, most) = match limit {
                    OpenLimit::For { at_least, every } => {
                        let every = every.map(Duration::as_micros);
                        (since.map(|since| at - since), at_least.as_micros(), every, 1)
                    }
                    OpenLimit::Many { at_least, every } => {
                        let (limit, every) = (i64::from(*at_least), every.map(i64::from));
                        let most = told_apart(signal, Limit::AtLeast(limit), every);
                        (i64::try_from(open.len().min(most)).ok(), limit, every, most)
                    }
                };
                open.truncate(most);
                let points = raw.map_or(0, |raw| points(signal, raw, Limit::AtLeast(limit), every));
                let ids: Vec<_> = open.iter().map(|(_, _, id)| *id).collect();
                seen(raw, points, since, &ids, false)
            }
            Measure::Latest { of, within, limit, every } => {
                let numbered: Vec<_> =
                    self.matching(of, at).into_iter().filter(|fact| fact.number.is_some()).collect();
                let latest = numbered.iter().map(|fact| (micros(fact), fact.number)).max();
                let Some((last, Some(raw))) = latest else { return OracleSignal::default() };
                if within.is_some_and(|within| last <= at - within.as_micros()) {
                    return OracleSignal::default();
                }
                let said = numbered.iter().filter(|fact| (micros(fact), fact.number) == (last, Some(raw)));
                let ids: Vec<_> = said.map(|fact| fact.id).collect();
                seen(Some(raw), points(signal, raw, *limit, *every), Some(last), &ids, false)
            }
            _ => OracleSignal::default(),
        }
    }
}

/// With the facts that are named: of more than those the last ones, or the first.
fn seen(raw: Option<i64>, points: i32, since: Option<i64>, ids: &[EventId], last: bool) -> OracleSignal {
    let from = if last { ids.len().saturating_sub(NAMED) } else { 0 };
    let facts: Vec<EventId> = ids.iter().copied().skip(from).take(NAMED).collect();
    let more = (ids.len() - facts.len()) as u64;
    OracleSignal { raw, points, since, facts, more }
}

fn wide(limit: Limit<u32>) -> Limit<i64> {
    match limit {
        Limit::AtLeast(n) => Limit::AtLeast(n.into()),
        Limit::AtMost(n) => Limit::AtMost(n.into()),
    }
}

/// Where the points of a signal stop.
fn ceiling(signal: &SignalDef) -> i32 {
    let repeats = match &signal.measure {
        Measure::Silence { every, .. } => every.is_some(),
        Measure::Count { every, .. } | Measure::Open { limit: OpenLimit::Many { every, .. }, .. } => {
            every.is_some()
        }
        Measure::Falling { every, .. } => every.is_some(),
        Measure::Open { limit: OpenLimit::For { every, .. }, .. } => every.is_some(),
        Measure::Latest { every, .. } => every.is_some(),
        _ => false,
    };
    match (signal.cap, repeats, signal.points > 0) {
        (Some(cap), _, _) => cap,
        (None, false, _) => signal.points,
        (None, true, true) => 100,
        (None, true, false) => -100,
    }
}

/// So many steps, added one by one.
fn steps(signal: &SignalDef, count: u64) -> i32 {
    let stop = ceiling(signal);
    let mut points = 0;
    for _ in 0..count {
        if points == stop {
            break;
        }
        points += signal.points;
        if points.abs() > stop.abs() {
            points = stop;
        }
    }
    points
}

/// The points of a raw value: a step for each level that it has reached.
fn points(signal: &SignalDef, raw: i64, limit: Limit<i64>, every: Option<i64>) -> i32 {
    let (mut level, stop) = (*limit.bound(), ceiling(signal));
    let (mut reached, mut points) = (0, 0);
    loop {
        let beyond = match limit {
            Limit::AtLeast(_) => raw >= level,
            Limit::AtMost(_) => raw <= level,
        };
        if !beyond || points == stop {
            return points;
        }
        reached += 1;
        points = steps(signal, reached);
        let Some(every) = every else { return points };
        level += if matches!(limit, Limit::AtLeast(_)) { every } else { -every };
    }
}

/// The least number above which points stay.
fn told_apart(signal: &SignalDef, limit: Limit<i64>, every: Option<i64>) -> usize {
    let far = points(signal, 1_000_000, limit, every);
    let least = (0..1_000_000).find(|n| points(signal, *n, limit, every) == far);
    least.and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX)
}
