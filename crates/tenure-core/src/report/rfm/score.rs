//! From values to scores: by edges, or by place in the whole population.

use core::cmp::Reverse;

use serde::{Deserialize, Serialize};

use super::edge::Edge;
use crate::money::Currency;
use crate::projection::rfm::{FixedEdges, RfmValues, ScoreRange, Scoring};

/// Scores from 1 to 5, of which 5 is best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Scores {
    /// Recency.
    pub r: u8,
    /// Frequency.
    pub f: u8,
    /// Monetary.
    pub m: u8,
}

impl Scores {
    /// Mean of the frequency and the monetary score, halves rounded up.
    pub const fn fm(self) -> u8 {
        (self.f + self.m).div_ceil(2)
    }

    /// Whether each is in its range; `fm` is that of [`Self::fm`].
    pub(super) const fn are_in(self, r: ScoreRange, f: ScoreRange, m: ScoreRange, fm: ScoreRange) -> bool {
        r.holds(self.r) && f.holds(self.f) && m.holds(self.m) && fm.holds(self.fm())
    }
}

/// The edges between the scores of a population.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoreEdges {
    /// In days.
    pub r: [Edge; 4],
    /// In purchase days or orders.
    pub f: [Edge; 4],
    /// In minor units.
    pub m: [Edge; 4],
}

impl ScoreEdges {
    /// The edges of a scoring over a population; none for a scoring without edges, or without anybody to take
    /// quantiles of.
    pub(super) fn of<'a>(
        scoring: Scoring,
        fixed: Option<&FixedEdges>,
        currency: Currency,
        population: &(impl Iterator<Item = &'a RfmValues> + Clone),
    ) -> Option<Self> {
        let quintiles =
            |axis: fn(&RfmValues) -> i128| Edge::quintiles(population.clone().map(axis).collect());
        let plus = |edges: [Edge; 4], more| edges.map(|edge| edge.plus(more));
        match scoring {
            Scoring::Value => {
                Some(Self { r: quintiles(recency)?, f: quintiles(frequency)?, m: quintiles(monetary)? })
            }
            Scoring::RPackage => Some(Self {
                r: plus(quintiles(recency)?, 1),
                f: plus(quintiles(frequency)?, 1),
                m: plus(quintiles(monetary)?, 10_i128.pow(currency.decimals().min(4))),
            }),
            Scoring::Fixed => fixed.map(|edges| Self {
                r: edges.r_days.map(|days| Edge::whole(days.into())),
                f: edges.f.map(|count| Edge::whole(count.into())),
                m: edges.m.map(|amount| Edge::whole(amount.ceil_minor(currency.decimals()))),
            }),
            _ => None,
        }
    }

    /// The numbers of days from which on the recency score is another one.
    pub(super) fn recencies(&self, scoring: Scoring) -> [i128; 4] {
        self.r.map(|edge| match scoring {
            Scoring::Value => edge.first_above(),
            _ => edge.first_from(),
        })
    }

    /// The scores of a customer.
    pub(super) fn scores(&self, scoring: Scoring, values: &RfmValues) -> Scores {
        let passed = |edges: &[Edge; 4], value| {
            let passed = edges.iter().filter(|edge| match scoring {
                Scoring::Value => edge.is_below(value),
                _ => edge.is_at_most(value),
            });
            u8::try_from(passed.count()).unwrap_or(4)
        };
        Scores {
            r: 5 - passed(&self.r, recency(values)),
            f: 1 + passed(&self.f, frequency(values)),
            m: 1 + passed(&self.m, monetary(values)),
        }
    }
}

pub(super) fn recency(values: &RfmValues) -> i128 {
    values.recency_days.into()
}

pub(super) fn frequency(values: &RfmValues) -> i128 {
    values.frequency.into()
}

pub(super) fn monetary(values: &RfmValues) -> i128 {
    values.monetary_minor
}

/// The scores of a population, in its order, which is that of the shown ids; none for a scoring with edges.
pub(super) fn of_population(scoring: Scoring, population: &[RfmValues]) -> Option<Vec<Scores>> {
    let place: fn(usize, usize) -> u8 = match scoring {
        Scoring::Rank => by_rank,
        Scoring::Ntile => by_tile,
        Scoring::RankAverage => return Some(by_average(population)),
        Scoring::Nested => return Some(nested(population)),
        _ => return None,
    };
    let r = placed(population.iter().map(|values| Reverse(values.recency_days)), place);
    let f = placed(population.iter().map(|values| values.frequency), place);
    let m = placed(population.iter().map(|values| values.monetary_minor), place);
    Some(zip(r, f, m))
}

fn zip(r: Vec<u8>, f: Vec<u8>, m: Vec<u8>) -> Vec<Scores> {
    r.into_iter().zip(f).zip(m).map(|((r, f), m)| Scores { r, f, m }).collect()
}

/// Place p of n, from 0, as a score: `floor(5 p / n) + 1`.
fn by_rank(place: usize, of: usize) -> u8 {
    score(place.saturating_mul(5).checked_div(of).unwrap_or(0) + 1)
}

/// Place p of n, from 0, in five tiles of which the first `n mod 5` hold one more.
fn by_tile(place: usize, of: usize) -> u8 {
    let (size, larger) = (of / 5, of % 5);
    let in_larger = larger * (size + 1);
    let tile = match place.checked_sub(in_larger) {
        None => place / (size + 1),
        // With fewer than five customers all are in larger tiles.
        Some(rest) => larger + rest.checked_div(size).unwrap_or(0),
    };
    score(tile + 1)
}

fn score(number: usize) -> u8 {
    u8::try_from(number).unwrap_or(5).clamp(1, 5)
}

/// Scores by place in the order of a key, worst first, and then of the population.
fn placed<K: Ord>(keys: impl Iterator<Item = K>, place: fn(usize, usize) -> u8) -> Vec<u8> {
    let mut order: Vec<(K, usize)> = keys.zip(0..).collect();
    order.sort_unstable();
    let mut scores = vec![1; order.len()];
    let of = order.len();
    for (at, (_, index)) in order.into_iter().enumerate() {
        if let Some(score) = scores.get_mut(index) {
            *score = place(at, of);
        }
    }
    scores
}

fn by_average(population: &[RfmValues]) -> Vec<Scores> {
    fn axis<K: Ord>(keys: impl Iterator<Item = K>) -> Vec<u8> {
        let mut order: Vec<(K, usize)> = keys.zip(0..).collect();
        order.sort_unstable();
        let of = order.len();
        let mut scores = vec![1; of];
        let mut before = 0;
        for ties in order.chunk_by(|(a, _), (b, _)| a == b) {
            // The ranks before + 1 to before + ties have this mean, twice.
            let twice_rank = 2 * before + ties.len() + 1;
            let average = score(twice_rank.saturating_mul(5).div_ceil(2 * of));
            for (_, index) in ties {
                if let Some(score) = scores.get_mut(*index) {
                    *score = average;
                }
            }
            before += ties.len();
        }
        scores
    }
    zip(
        axis(population.iter().map(|values| Reverse(values.recency_days))),
        axis(population.iter().map(|values| values.frequency)),
        axis(population.iter().map(|values| values.monetary_minor)),
    )
}

fn nested(population: &[RfmValues]) -> Vec<Scores> {
    let r = placed(population.iter().map(|values| Reverse(values.recency_days)), by_rank);
    let f = within(&r, population.iter().map(|values| values.frequency));
    let pairs: Vec<_> = r.iter().copied().zip(f.iter().copied()).collect();
    let m = within(&pairs, population.iter().map(|values| values.monetary_minor));
    zip(r, f, m)
}

/// Ranks by a key inside each group.
fn within<G: Ord + Copy, K: Ord>(groups: &[G], keys: impl Iterator<Item = K>) -> Vec<u8> {
    let mut order: Vec<(G, K, usize)> =
        groups.iter().zip(keys).zip(0..).map(|((group, key), index)| (*group, key, index)).collect();
    order.sort_unstable();
    let mut scores = vec![1; order.len()];
    for group in order.chunk_by(|(a, ..), (b, ..)| a == b) {
        for (at, (.., index)) in group.iter().enumerate() {
            if let Some(score) = scores.get_mut(*index) {
                *score = by_rank(at, group.len());
            }
        }
    }
    scores
}
