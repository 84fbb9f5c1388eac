//! Chains of ordered and strict funnels: of one entry all are listed, then the best is taken.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use tenure_core::query::{FunnelQuery, StepOrder, Ties};

use super::funnel::{Looked, Tried, Words as _};

/// A fact for each step, by place in the history; none for a step that is left out or was not reached.
type Chain = Vec<Option<usize>>;

/// One entry of a history, tried.
pub(super) struct Entry<'a, 'f> {
    pub ask: &'a FunnelQuery,
    pub facts: &'a [Looked<'f>],
    pub place: usize,
}

impl Entry<'_, '_> {
    pub fn tried(&self) -> Tried {
        let (mut chains, ended) = if self.ask.order == StepOrder::Strict {
            self.strict()
        } else {
            let mut chains = Vec::new();
            self.extend(&vec![Some(self.place)], &mut chains);
            (chains, None)
        };
        chains.sort_by_cached_key(|chain| self.rank(chain));
        let best = chains.into_iter().next().unwrap_or_default();
        Tried { ended, taint: self.taint(&best), ..Tried::of(self.facts, self.place, self.ask, &best) }
    }

    fn at(&self, fact: usize) -> i64 {
        self.facts.get(fact).map_or(i64::MAX, |fact| fact.fact.at)
    }

    fn meets(&self, fact: usize, step: usize) -> bool {
        self.facts.get(fact).and_then(|fact| fact.met.get(step)).copied().unwrap_or_default()
    }

    fn is_optional(&self, step: usize) -> bool {
        self.ask.steps.get(step).is_some_and(|step| step.optional)
    }

    fn window_end(&self) -> i64 {
        self.ask.window_end(self.at(self.place))
    }

    /// Whether a fact may follow another one.
    fn follows(&self, fact: usize, before: usize) -> bool {
        let tolerance = i64::try_from(self.ask.tie_tolerance_seconds).unwrap_or(i64::MAX);
        match self.ask.ties {
            Ties::StepOrder => self.at(fact) >= self.at(before) - tolerance.saturating_mul(1_000_000),
            Ties::StrictlyLater => self.at(fact) > self.at(before),
        }
    }

    /// All chains that begin like this one.
    fn extend(&self, chain: &Chain, all: &mut Vec<Chain>) {
        let step = chain.len();
        if step == self.ask.steps.len() {
            all.push(chain.clone());
            return;
        }
        let mut without = chain.clone();
        if self.is_optional(step) {
            without.push(None);
            self.extend(&without, all);
        } else {
            without.resize(self.ask.steps.len(), None);
            all.push(without);
        }
        let before = chain.iter().rev().flatten().next().copied().unwrap_or(self.place);
        for fact in 0..self.facts.len() {
            let fits = self.meets(fact, step)
                && !chain.contains(&Some(fact))
                && self.follows(fact, before)
                && self.at(fact) <= self.window_end();
            if fits {
                let mut with = chain.clone();
                with.push(Some(fact));
                self.extend(&with, all);
            }
        }
    }

    /// The best chain has the smallest: deepest; last required step earliest; most optional steps; then, from the last
    /// step to the first, one that is there before one that is not, and the earlier fact.
    fn rank(&self, chain: &Chain) -> impl Ord + use<> {
        let required = |filled: bool| {
            let steps = chain.iter().enumerate();
            let steps = steps.filter(move |(step, _)| self.is_optional(*step) != filled);
            steps.filter_map(|(_, fact)| *fact).collect::<Vec<_>>()
        };
        let last = required(true).last().map(|fact| self.at(*fact));
        // Facts lie in canonical order, so their places compare as they do.
        let back: Vec<(bool, Option<usize>)> =
            chain.iter().rev().map(|fact| (fact.is_none(), *fact)).collect();
        (Reverse(required(true).len()), last, Reverse(required(false).len()), back)
    }

    /// The instant of the first fact on the way of a chain that must not be there.
    fn taint(&self, chain: &Chain) -> Option<i64> {
        let step_at = |step: usize| chain.get(step).copied().flatten().map(|fact| self.at(fact));
        let mut taints = Vec::new();
        for (number, exclusion) in self.ask.exclusions.iter().enumerate() {
            let Some(after) = step_at(exclusion.from_step) else { continue };
            let before = step_at(exclusion.to_step.unwrap_or(self.ask.steps.len() - 1));
            let on_the_way = self.facts.iter().filter(|fact| fact.excluded(number)).map(|fact| fact.fact.at);
            taints.extend(
                on_the_way
                    .filter(|at| *at > after && before.is_none_or(|before| *at < before))
                    .filter(|at| *at <= self.window_end()),
            );
        }
        taints.into_iter().min()
    }

    /// All chains that a strict walk reaches, and the instant at which it ended, if anything else did that.
    fn strict(&self) -> (Vec<Chain>, Option<i64>) {
        let entered = self.at(self.place);
        let instants: BTreeSet<i64> =
            self.facts.iter().map(|fact| fact.fact.at).filter(|at| *at >= entered).collect();
        let mut reached = BTreeSet::new();
        let mut alive = BTreeSet::from([vec![Some(self.place)]]);
        let mut ended = None;
        for at in instants.into_iter().filter(|at| *at <= self.window_end()) {
            let here: Vec<usize> = (0..self.facts.len())
                .filter(|fact| self.at(*fact) == at && *fact != self.place)
                // In the order of time alone, what comes before the entry is not looked at.
                .filter(|fact| self.ask.ties == Ties::StepOrder || at != entered || *fact > self.place)
                .collect();
            let mut walk = Walk {
                entry: self,
                at,
                reached: &mut reached,
                seen: BTreeSet::new(),
                after: BTreeSet::new(),
            };
            for chain in &alive {
                walk.go(chain, &here);
            }
            alive = walk.after;
            if alive.is_empty() {
                ended = Some(at);
                break;
            }
        }
        let steps = self.ask.steps.len();
        let whole = |mut chain: Chain| {
            chain.resize(steps, None);
            chain
        };
        (reached.into_iter().map(whole).collect(), ended)
    }

    /// What becomes of a strict chain with the next fact.
    fn strict_next(&self, chain: &Chain, fact: usize) -> Vec<Chain> {
        let before = chain.last().copied().flatten().unwrap_or(self.place);
        let later = self.ask.ties == Ties::StepOrder || self.at(fact) > self.at(before);
        let mut next = Vec::new();
        for step in chain.len()..self.ask.steps.len() {
            if later && self.meets(fact, step) {
                let mut chain = chain.clone();
                chain.resize(step, None);
                chain.push(Some(fact));
                next.push(chain);
            }
            if !self.is_optional(step) {
                break;
            }
        }
        if next.is_empty() && self.meets(fact, chain.len() - 1) {
            next.push(chain.clone());
        }
        next
    }
}

/// The facts of one instant, taken in every order.
struct Walk<'w, 'a, 'f> {
    entry: &'w Entry<'a, 'f>,
    at: i64,
    reached: &'w mut BTreeSet<Chain>,
    seen: BTreeSet<(Chain, Vec<usize>)>,
    /// What is left when all were taken.
    after: BTreeSet<Chain>,
}

impl Walk<'_, '_, '_> {
    fn go(&mut self, chain: &Chain, rest: &[usize]) {
        if !self.seen.insert((chain.clone(), rest.to_vec())) {
            return;
        }
        self.reached.insert(chain.clone());
        let entry = self.entry;
        let any_order = entry.ask.ties == Ties::StepOrder;
        // In the instant of the entry the others may all have come before it.
        if rest.is_empty() || (any_order && self.at == entry.at(entry.place)) {
            self.after.insert(chain.clone());
        }
        for (place, fact) in rest.iter().enumerate().take(if any_order { rest.len() } else { 1 }) {
            let others: Vec<usize> =
                rest.iter().enumerate().filter(|(other, _)| *other != place).map(|(_, fact)| *fact).collect();
            for next in entry.strict_next(chain, *fact) {
                self.go(&next, &others);
            }
        }
    }
}
