//! Which facts fill which steps, where order does not decide: the most steps that distinct facts can fill.

use core::ops::RangeInclusive;

use super::FunnelQuery;
use super::plan::bits;

/// Steps filled by distinct facts, as many as the facts so far allow (a maximum matching, one augmenting path a fact).
#[derive(Clone, Debug)]
pub(super) struct Matching {
    /// For each step that is filled, the steps that its fact could fill.
    filled: [u64; FunnelQuery::MOST_STEPS],
    count: usize,
}

impl Matching {
    pub(super) fn new() -> Self {
        Self { filled: [0; FunnelQuery::MOST_STEPS], count: 0 }
    }

    /// Adds a fact by the steps that it could fill. Gives whether one more step is filled now.
    pub(super) fn add(&mut self, met: u64) -> bool {
        let more = self.place(met, &mut 0);
        self.count += usize::from(more);
        more
    }

    /// How many steps are filled.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    fn place(&mut self, met: u64, tried: &mut u64) -> bool {
        for step in bits(met) {
            if *tried >> step & 1 == 1 {
                continue;
            }
            *tried |= 1 << step;
            let before = self.filled.get(step).copied().unwrap_or(0);
            if before == 0 || self.place(before, tried) {
                if let Some(place) = self.filled.get_mut(step) {
                    *place = met;
                }
                return true;
            }
        }
        false
    }
}

/// Whether distinct facts can fill all of some steps.
pub(super) fn fills(steps: u64, facts: impl Iterator<Item = u64>) -> bool {
    let wanted = steps.count_ones() as usize;
    let mut matching = Matching::new();
    wanted == 0
        || facts.map(|met| met & steps).filter(|met| *met != 0).any(|met| {
            matching.add(met);
            matching.count() == wanted
        })
}

/// For each of some steps, the last one first, the place of a fact that fills it; the earliest fact that leaves the rest
/// possible. All of `must` are to be used. None if there is no way.
///
/// That all steps can be filled and that all of `must` can be used is enough for both at once (Mendelsohn and Dulmage).
pub(super) fn choose(steps: u64, facts: &[u64], must: &[usize]) -> Option<Vec<(usize, usize)>> {
    let possible = |steps: u64, used: &[(usize, usize)]| {
        let free = |place: &usize| !used.iter().any(|(_, taken)| taken == place);
        let met = |place: usize| facts.get(place).copied().unwrap_or(0);
        let mut of_must = Matching::new();
        must.iter().filter(|place| free(place)).all(|place| of_must.add(met(*place) & steps))
            && fills(steps, (0..facts.len()).filter(free).map(met))
    };
    let mut chosen = Vec::new();
    if !possible(steps, &chosen) {
        return None;
    }
    let mut left = steps;
    while left != 0 {
        let step = left.ilog2() as usize;
        left &= !(1 << step);
        let taken =
            facts.iter().enumerate().filter(|(_, met)| **met >> step & 1 == 1).find_map(|(place, _)| {
                if chosen.iter().any(|(_, taken)| *taken == place) {
                    return None;
                }
                chosen.push((step, place));
                possible(left, &chosen).then_some(()).or_else(|| {
                    chosen.pop();
                    None
                })
            });
        taken?;
    }
    Some(chosen)
}

/// The bits of some steps.
pub(super) fn span(steps: RangeInclusive<usize>) -> u64 {
    steps.fold(0, |bits, step| bits | 1 << step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every way to give each step a fact of its own.
    fn ways(steps: u64, facts: &[u64], used: u64) -> Vec<Vec<(usize, usize)>> {
        if steps == 0 {
            return vec![Vec::new()];
        }
        let step = steps.ilog2() as usize;
        let mut all = Vec::new();
        for (place, met) in facts.iter().enumerate() {
            if met >> step & 1 == 1 && used >> place & 1 == 0 {
                for mut rest in ways(steps & !(1 << step), facts, used | 1 << place) {
                    rest.insert(0, (step, place));
                    all.push(rest);
                }
            }
        }
        all
    }

    proptest! {
        #[test]
        fn the_first_of_all_ways_is_chosen(
            facts in prop::collection::vec(0_u64..32, 0..6),
            steps in 0_u64..32,
            must in prop::collection::btree_set(0_usize..6, 0..3),
        ) {
            let must: Vec<usize> = must.into_iter().filter(|place| *place < facts.len()).collect();
            let uses = |way: &Vec<(usize, usize)>| must.iter().all(|place| way.iter().any(|(_, p)| p == place));
            let expected = ways(steps, &facts, 0).into_iter().find(uses);
            prop_assert_eq!(choose(steps, &facts, &must), expected);
        }

        #[test]
        fn a_matching_is_the_most_that_can_be(facts in prop::collection::vec(0_u64..32, 0..6)) {
            let mut matching = Matching::new();
            facts.iter().for_each(|met| { matching.add(*met); });
            let most = (0_u64..32).filter(|steps| !ways(*steps, &facts, 0).is_empty()).map(u64::count_ones).max();
            prop_assert_eq!(u32::try_from(matching.count()).ok(), most);
        }
    }
}
