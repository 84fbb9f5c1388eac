//! Funnels: every entry is tried, the best one is each customer's.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tenure_core::event::FactKey;
use tenure_core::query::{
    Attribution, Count, Entry as Entries, ExclusionEffect, FunnelOutput, FunnelQuery, FunnelRange, StepOrder,
};
use tenure_core::{EventId, Kind, Timestamp};

use super::calendar::{Bucket, Calendar};
use super::chain::Entry;
use super::history::{Asking, Counting, Fact, meets};
use super::unordered::Window;
use super::{float, seconds};

/// A fact, and which steps and exclusions it meets.
pub(super) struct Looked<'f> {
    pub fact: Fact<'f>,
    pub met: Vec<bool>,
    excluded: Vec<bool>,
}

impl Looked<'_> {
    pub fn excluded(&self, exclusion: usize) -> bool {
        self.excluded.get(exclusion).copied().unwrap_or_default()
    }
}

/// What one entry comes to.
#[derive(Clone, Default)]
pub(super) struct Tried {
    pub entry: Option<FactKey>,
    /// How many required steps were reached.
    pub depth: usize,
    /// When each step was.
    pub times: Vec<Option<i64>>,
    /// Which fact was each step, and its value; nothing where facts have no steps of their own.
    pub facts: Vec<Option<(EventId, String)>>,
    /// The first fact on the way that must not be there.
    pub taint: Option<i64>,
    /// When a strict entry ended by a fact that does not go on with it.
    pub ended: Option<i64>,
}

impl Tried {
    /// By the facts of a chain.
    pub fn of(facts: &[Looked<'_>], entry: usize, ask: &FunnelQuery, chain: &[Option<usize>]) -> Self {
        let of = |place: &Option<usize>| place.and_then(|place| facts.get(place));
        let times = chain.iter().map(|place| of(place).map(|fact| fact.fact.at)).collect();
        let known = |fact: &Looked<'_>| (fact.fact.view.id, fact.fact.value.clone());
        let named = chain.iter().map(|place| of(place).map(known)).collect();
        facts
            .get(entry)
            .map_or_else(Self::default, |entry| Self { facts: named, ..Self::at_times(entry, ask, times) })
    }

    /// By the times of the steps.
    pub fn at_times(entry: &Looked<'_>, ask: &FunnelQuery, times: Vec<Option<i64>>) -> Self {
        let entry = Some(entry.fact.view.key());
        Self { entry, depth: ask.depth_of(&times), times, ..Self::default() }
    }

    fn at(&self) -> i64 {
        self.entry.map_or(i64::MAX, |entry| entry.occurred_at.as_micros())
    }

    /// Without the steps after the taint.
    fn dropped_off(mut self, ask: &FunnelQuery) -> Self {
        if let Some(taint) = self.taint {
            let steps = ask.steps.iter().enumerate().zip(&self.times);
            // Without a required step there is none after it.
            let stand = steps
                .filter(|((_, step), at)| !step.optional && at.is_none_or(|at| at > taint))
                .map(|((place, _), _)| place)
                .next()
                .unwrap_or(self.times.len());
            for (place, at) in self.times.iter_mut().enumerate() {
                *at = at.filter(|at| *at <= taint && place < stand);
            }
            let stands = self.facts.iter_mut().zip(&self.times);
            stands.filter(|(_, at)| at.is_none()).for_each(|(fact, _)| *fact = None);
            self.depth = ask.depth_of(&self.times);
        }
        self
    }

    /// When the last required step was that was reached.
    fn last_at(&self, ask: &FunnelQuery) -> Option<i64> {
        let required = self.times.iter().zip(&ask.steps).filter(|(_, step)| !step.optional);
        required.filter_map(|(at, _)| *at).nth(self.depth.checked_sub(1)?)
    }

    fn rank(&self, ask: &FunnelQuery) -> impl Ord + use<> {
        (Reverse(self.depth), self.last_at(ask), Reverse(self.entry))
    }
}

/// What the oracle reads of the words of a funnel.
pub(super) trait Words {
    /// The last instant of a window.
    fn window_end(&self, entry: i64) -> i64;
    /// How many required steps there are.
    fn required(&self) -> usize;
    /// How many required steps were reached.
    fn depth_of(&self, times: &[Option<i64>]) -> usize;
}

impl Words for FunnelQuery {
    fn window_end(&self, entry: i64) -> i64 {
        let window = i64::try_from(self.window_seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        entry.saturating_add(window)
    }

    fn required(&self) -> usize {
        self.steps.iter().filter(|step| !step.optional).count()
    }

    fn depth_of(&self, times: &[Option<i64>]) -> usize {
        let required = times.iter().zip(&self.steps).filter(|(_, step)| !step.optional);
        required.take_while(|(at, _)| at.is_some()).count()
    }
}

/// What one history comes to.
struct Outcome {
    best: Tried,
    pending: bool,
    /// Of each bucket with an entry, whether one of them converts.
    trend: BTreeMap<Bucket, bool>,
    entries: usize,
    conversions: usize,
}

pub(super) fn answer(asking: &Asking<'_, '_>, ask: &FunnelQuery) -> Value {
    let calendar = Calendar::new(asking.frame, ask.period, ask.week_start, asking.as_of);
    let steps = ask.steps.iter().map(|step| &step.selector);
    let counting = Counting {
        selectors: steps.chain(ask.exclusions.iter().map(|exclusion| &exclusion.selector)).collect(),
        breakdown: ask.breakdown.as_ref(),
        count_by: &ask.count_by,
        whole_buckets: (ask.output == FunnelOutput::Trend).then_some(&calendar),
    };
    let step_of = ask.breakdown.as_ref().filter(|by| by.attribution == Attribution::Step);
    let step_of = step_of.and_then(|by| by.step);
    let outcome = |facts: &[Fact<'_>]| {
        let outcome = followed(asking, ask, &calendar, facts)?;
        let at_step = |step: usize| {
            let fact = outcome.best.facts.get(step).cloned().flatten();
            fact.map_or_else(String::new, |(_, value)| value)
        };
        let value = step_of.map(at_step);
        Some((outcome, value))
    };
    let better = |one: (Outcome, Option<String>), other: (Outcome, Option<String>)| {
        let ((mut first, value), (second, _)) =
            if one.0.best.rank(ask) <= other.0.best.rank(ask) { (one, other) } else { (other, one) };
        for (bucket, converts) in second.trend {
            *first.trend.entry(bucket).or_default() |= converts;
        }
        first.entries += second.entries;
        first.conversions += second.conversions;
        first.pending = first.best.depth < ask.required() && (first.pending || second.pending);
        (first, value)
    };
    asking.answer(&counting, outcome, better, |all| {
        if ask.count == Count::Attempts {
            let sum = |of: fn(&Outcome) -> usize| all.iter().map(|(_, one)| of(one)).sum::<usize>();
            return json!({"entries": sum(|one| one.entries), "conversions": sum(|one| one.conversions)});
        }
        match ask.output {
            FunnelOutput::Steps => steps_of(ask, all),
            FunnelOutput::TimeToConvert => time_to_convert(ask, all),
            FunnelOutput::Trend => trend(asking, &calendar, all),
        }
    })
}

fn followed(
    asking: &Asking<'_, '_>,
    ask: &FunnelQuery,
    calendar: &Calendar,
    facts: &[Fact<'_>],
) -> Option<Outcome> {
    let step_met = |step: &tenure_core::query::Step, fact: &Fact<'_>| {
        let first = || facts.iter().find(|fact| meets(&step.selector, fact));
        meets(&step.selector, fact)
            && (!step.first_time_only || first().is_some_and(|first| first.view.id == fact.view.id))
    };
    // The rows of a trend are whole buckets.
    let in_range = |at: i64| match ask.output {
        FunnelOutput::Trend => calendar.holds(calendar.bucket(at)),
        FunnelOutput::Steps | FunnelOutput::TimeToConvert => asking.in_range(at),
    };
    let looked: Vec<Looked<'_>> = facts
        .iter()
        .filter(|fact| ask.range == FunnelRange::Entry || in_range(fact.at))
        // What a build does not know it does not see: it is in nobody's way.
        .filter(|fact| fact.view.kind != Kind::Foreign)
        .map(|fact| Looked {
            met: ask.steps.iter().map(|step| step_met(step, fact)).collect(),
            excluded: ask.exclusions.iter().map(|exclusion| meets(&exclusion.selector, fact)).collect(),
            fact: fact.clone(),
        })
        .collect();
    let is_entry = |fact: &Looked<'_>| {
        let first = if ask.order == StepOrder::Unordered { fact.met.len() } else { 1 };
        fact.met.iter().take(first).any(|met| *met) && in_range(fact.fact.at)
    };
    let entries = looked.iter().enumerate().filter(|(_, fact)| is_entry(fact)).map(|(place, _)| place);
    let entries = entries.take(if ask.entry == Entries::FirstEntry { 1 } else { usize::MAX });
    let all: Vec<Tried> = entries
        .map(|entry| match ask.order {
            StepOrder::Unordered => Window { ask, facts: &looked, entry }.tried(),
            StepOrder::Ordered | StepOrder::Strict => Entry { ask, facts: &looked, place: entry }.tried(),
        })
        .collect();

    let attempts = ask.count == Count::Attempts;
    let candidates: Vec<Tried> = match ask.exclusion_effect {
        _ if attempts => all.clone(),
        ExclusionEffect::DropOff => all.iter().cloned().map(|tried| tried.dropped_off(ask)).collect(),
        ExclusionEffect::Reset => all.clone(),
        ExclusionEffect::Discard => {
            let deepest = all.iter().map(|tried| tried.depth).max();
            let deepest = all.iter().filter(|tried| Some(tried.depth) == deepest);
            deepest.filter(|tried| tried.taint.is_none()).cloned().collect()
        }
    };
    let best = candidates.into_iter().min_by_key(|tried| tried.rank(ask))?;
    if best.depth == 0 {
        return None;
    }

    let as_of = asking.as_of.as_micros();
    let to = asking.frame.to.and_then(|to| asking.frame.zone().instant(to).ok()).map(Timestamp::as_micros);
    let more_may_come = ask.range == FunnelRange::Entry || to.is_none_or(|to| to > as_of);
    let waits = |tried: &Tried| {
        tried.taint.is_none() && tried.ended.is_none() && ask.window_end(tried.at()) > as_of && more_may_come
    };
    let pending = ask.order != StepOrder::Unordered && best.depth < ask.required() && all.iter().any(waits);

    let mut trend: BTreeMap<Bucket, bool> = BTreeMap::new();
    for tried in &all {
        let discarded = ask.exclusion_effect == ExclusionEffect::Discard && tried.taint.is_some();
        let converts = !discarded && tried.clone().dropped_off(ask).depth == ask.required();
        *trend.entry(calendar.bucket(tried.at())).or_default() |= converts;
    }

    // The next entry is later than the last conversion, or the end of the window, and not before a taint.
    let (mut entries, mut conversions, mut not_before) = (0, 0, i64::MIN);
    for tried in &all {
        if tried.at() < not_before {
            continue;
        }
        entries += 1;
        let kept = tried.clone().dropped_off(ask);
        let expired = ask.window_end(tried.at()).saturating_add(1);
        not_before = if kept.depth == ask.required() {
            conversions += 1;
            kept.last_at(ask).unwrap_or(i64::MAX) + 1
        } else {
            [tried.taint, tried.ended].into_iter().flatten().fold(expired, i64::min)
        };
    }
    Some(Outcome { best, pending, trend, entries, conversions })
}

fn steps_of(ask: &FunnelQuery, all: &[(String, Outcome)]) -> Value {
    let mut reached = Map::new();
    let mut counts = Vec::new();
    let mut averages = vec![Value::Null];
    let mut medians = vec![Value::Null];
    for step in 0..ask.steps.len() {
        let time = |tried: &Tried, step: usize| tried.times.get(step).copied().flatten();
        let mut names: Vec<&str> = all
            .iter()
            .filter(|(_, one)| time(&one.best, step).is_some())
            .map(|(name, _)| name.as_str())
            .collect();
        names.sort_unstable();
        counts.push(names.len());
        reached.insert((step + 1).to_string(), names.into());
        let before = (0..step).rfind(|step| ask.steps.get(*step).is_some_and(|step| !step.optional));
        let Some(before) = before else { continue };
        let between = |one: &Outcome| Some(time(&one.best, step)? - time(&one.best, before)?);
        let times: Vec<i64> = all.iter().filter_map(|(_, one)| between(one)).collect();
        averages.push(average(&times).into());
        medians.push(median(&times).into());
    }
    let mut pending: Vec<&str> =
        all.iter().filter(|(_, one)| one.pending).map(|(name, _)| name.as_str()).collect();
    pending.sort_unstable();
    let mut answer = json!({
        "counts": counts,
        "reached": reached,
        "pending": pending,
        "average_seconds": averages,
        "median_seconds": medians,
    });
    explained(ask, all, &mut answer);
    answer
}

fn explained(ask: &FunnelQuery, all: &[(String, Outcome)], answer: &mut Value) {
    if ask.explain
        && let Some(fields) = answer.as_object_mut()
    {
        let ids = |one: &Outcome| {
            let ids = one.best.facts.iter();
            ids.map(|fact| fact.as_ref().map(|(id, _)| id.to_string())).collect::<Vec<_>>()
        };
        let explain: Map<String, Value> =
            all.iter().map(|(name, one)| (name.clone(), ids(one).into())).collect();
        fields.insert("explain".into(), explain.into());
    }
}

fn time_to_convert(ask: &FunnelQuery, all: &[(String, Outcome)]) -> Value {
    let time = |one: &Outcome, step: usize| one.best.times.get(step).copied().flatten();
    let to = ask.to_step.unwrap_or(ask.steps.len() - 1);
    let between = |one: &Outcome| Some(time(one, to)? - time(one, ask.from_step)?);
    let mut times: Vec<i64> = all.iter().filter_map(|(_, one)| between(one)).collect();
    times.sort_unstable();
    let mut answer = json!({
        "seconds": times.iter().map(|time| seconds(*time)).collect::<Vec<_>>(),
        "average_seconds": average(&times),
        "median_seconds": median(&times),
        "histogram": histogram(&times, ask.bins),
    });
    explained(ask, all, &mut answer);
    answer
}

fn histogram(sorted: &[i64], bins: usize) -> Value {
    let (Some(least), Some(most)) = (sorted.first(), sorted.last()) else { return json!([]) };
    let by_count = || (1..=sorted.len()).find(|n| n * n * n >= sorted.len()).unwrap_or(1);
    let bins = if bins == 0 { by_count() } else { bins };
    let count = i64::try_from(bins).unwrap_or(i64::MAX);
    let over = count.saturating_mul(1_000_000);
    let width = ((most - least + over - 1) / over).max(1) * 1_000_000;
    let bin = |number: i64| {
        let edge = least + number * width;
        let inside = |time: &&i64| **time >= edge && (**time < edge + width || number == count - 1);
        json!([seconds(edge), sorted.iter().filter(inside).count()])
    };
    (0..count).map(bin).collect()
}

fn trend(asking: &Asking<'_, '_>, calendar: &Calendar, all: &[(String, Outcome)]) -> Value {
    let with_entries = || all.iter().flat_map(|(_, one)| one.trend.keys().copied());
    let first = calendar.first.or_else(|| with_entries().min());
    let end = match asking.frame.to {
        Some(_) => Some(calendar.end),
        None => with_entries().max().map(|last| calendar.next(last)),
    };
    let rows = first.zip(end).map(|(first, end)| calendar.between(first, end));
    let row = |bucket: Bucket| {
        let here: Vec<bool> = all.iter().filter_map(|(_, one)| one.trend.get(&bucket).copied()).collect();
        let (entered, converted) = (here.len(), here.iter().filter(|converts| **converts).count());
        // Hundredths of a percent, half up.
        let hundredths = (converted * 20_000 + entered).checked_div(2 * entered).unwrap_or(0);
        json!({
            "bucket": calendar.name(bucket),
            "entered": entered,
            "converted": converted,
            "rate": float(hundredths) / 100.0,
        })
    };
    json!({"rows": rows.unwrap_or_default().into_iter().map(row).collect::<Vec<_>>()})
}

fn average(times: &[i64]) -> Option<f64> {
    (!times.is_empty()).then(|| seconds(times.iter().sum()) / float(times.len()))
}

fn median(times: &[i64]) -> Option<f64> {
    let mut times = times.to_vec();
    times.sort_unstable();
    let middle = times.len() / 2;
    let (low, high) = (times.get(times.len().checked_sub(1)? / 2)?, times.get(middle)?);
    Some(seconds(low + high) / 2.0)
}
