//! Whether a formula over differences of whole numbers can be true. Instants, amounts and scores are such numbers.
//!
//! # Source
//! Differences: a set of constraints `a - b <= c` has a solution iff the graph with an edge of length c from b to a
//! for each of them has no circle of negative length (Pratt, "Two Easy Theories Whose Combination is Hard", 1977).
//! Alternatives are tried one after the other, each as soon as all that is certain has been found possible (the
//! method of tableaux).

use std::cell::Cell;

/// A whole number that is not known, by place; the one at place 0 is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Var(pub usize);

/// Zero.
pub(super) const ZERO: Var = Var(0);

/// Something that is so or not, by place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Bit(pub usize);

/// What may be true.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Formula {
    /// `a - b <= most`.
    Within { a: Var, b: Var, most: i128 },
    /// A bit is set, or not.
    Is(Bit, bool),
    /// All of them; true if there are none.
    All(Vec<Formula>),
    /// One of them; false if there are none.
    Any(Vec<Formula>),
}

impl Formula {
    /// `a <= b + most`.
    pub(super) const fn within(a: Var, b: Var, most: i128) -> Self {
        Self::Within { a, b, most }
    }
}

/// How much may still be tried. It runs out so that no policy, however written, takes long to check.
#[derive(Debug)]
pub(super) struct Budget(Cell<u32>);

impl Budget {
    pub(super) const fn new(tries: u32) -> Self {
        Self(Cell::new(tries))
    }

    pub(super) const fn is_spent(&self) -> bool {
        self.0.get() == 0
    }

    fn spend(&self) -> bool {
        let left = self.0.get();
        self.0.set(left.saturating_sub(1));
        left > 0
    }
}

/// A way in which part of a formula is true.
#[derive(Clone, Default)]
struct Branch {
    edges: Vec<(Var, Var, i128)>,
    bits: Vec<(Bit, bool)>,
}

/// Whether bits that belong together can be so.
pub(super) type Together<'a> = dyn Fn(&[(Bit, bool)]) -> bool + 'a;

/// Whether a formula can be true. `bits` has the last word on bits that belong together; it may only refuse what
/// cannot be. False is proven; true also where the budget is spent.
pub(super) fn possible(formula: &Formula, budget: &Budget, bits: &Together<'_>) -> bool {
    open(vec![formula], Vec::new(), Branch::default(), budget, bits)
}

fn open<'a>(
    mut todo: Vec<&'a Formula>,
    mut choices: Vec<&'a [Formula]>,
    mut branch: Branch,
    budget: &Budget,
    bits: &Together<'_>,
) -> bool {
    while let Some(next) = todo.pop() {
        match next {
            Formula::Within { a, b, most } => branch.edges.push((*a, *b, *most)),
            Formula::Is(bit, set) => {
                if branch.bits.contains(&(*bit, !*set)) {
                    return false;
                }
                if !branch.bits.contains(&(*bit, *set)) {
                    branch.bits.push((*bit, *set));
                }
            }
            Formula::All(parts) => todo.extend(parts),
            Formula::Any(parts) => match &**parts {
                [] => return false,
                [only] => todo.push(only),
                several => choices.push(several),
            },
        }
    }
    if !budget.spend() {
        return true;
    }
    if !have_solution(&branch.edges) || !bits(&branch.bits) {
        return false;
    }
    // The narrowest choice first: it is the soonest to fail.
    let narrowest = choices.iter().enumerate().min_by_key(|(_, parts)| parts.len()).map(|(place, _)| place);
    let Some(parts) = narrowest.map(|place| choices.swap_remove(place)) else { return true };
    parts.iter().any(|part| open(vec![part], choices.clone(), branch.clone(), budget, bits))
}

/// Whether there is no circle of negative length: distances from a place that reaches all others settle.
fn have_solution(edges: &[(Var, Var, i128)]) -> bool {
    let vars = edges.iter().map(|(a, b, _)| a.0.max(b.0) + 1).max().unwrap_or(0);
    let mut distance = vec![0_i128; vars];
    for _ in 0..=vars {
        let mut settled = true;
        for (a, b, most) in edges {
            let through = distance.get(b.0).copied().unwrap_or(0) + most;
            if let Some(to) = distance.get_mut(a.0).filter(|to| **to > through) {
                *to = through;
                settled = false;
            }
        }
        if settled {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn can_be(formula: &Formula) -> bool {
        possible(formula, &Budget::new(100_000), &|_| true)
    }

    const LEAST: i128 = -3;
    const MOST: i128 = 3;

    fn formula() -> impl Strategy<Value = Formula> {
        let within = (0..3_usize, 0..3_usize, -3..4_i128)
            .prop_map(|(a, b, most)| Formula::within(Var(a), Var(b), most));
        let bit = (0..2_usize, any::<bool>()).prop_map(|(bit, set)| Formula::Is(Bit(bit), set));
        prop_oneof![3 => within, 1 => bit].prop_recursive(3, 12, 3, |inner| {
            let parts = prop::collection::vec(inner, 0..4);
            prop_oneof![parts.clone().prop_map(Formula::All), parts.prop_map(Formula::Any)]
        })
    }

    fn holds(formula: &Formula, numbers: [i128; 3], bits: [bool; 2]) -> bool {
        match formula {
            Formula::Within { a, b, most } => numbers[a.0] - numbers[b.0] <= *most,
            Formula::Is(bit, set) => bits[bit.0] == *set,
            Formula::All(parts) => parts.iter().all(|part| holds(part, numbers, bits)),
            Formula::Any(parts) => parts.iter().any(|part| holds(part, numbers, bits)),
        }
    }

    proptest! {
        /// Against all small numbers, where the formula keeps the numbers small.
        #[test]
        fn what_can_be_is_what_some_numbers_make_true(inner in formula()) {
            let mut parts = vec![inner];
            for var in [Var(1), Var(2)] {
                parts.push(Formula::within(var, ZERO, MOST));
                parts.push(Formula::within(ZERO, var, -LEAST));
            }
            let formula = Formula::All(parts);
            let mut found = false;
            for b in LEAST..=MOST {
                for c in LEAST..=MOST {
                    for bits in 0..4 {
                        found |= holds(&formula, [0, b, c], [bits & 1 > 0, bits & 2 > 0]);
                    }
                }
            }
            prop_assert_eq!(can_be(&formula), found);
        }
    }

    #[test]
    fn a_spent_budget_proves_nothing() {
        let never = Formula::within(ZERO, ZERO, -1);
        assert!(!can_be(&never));
        assert!(possible(&never, &Budget::new(0), &|_| true));
    }
}
