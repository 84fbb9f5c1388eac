//! A projection that forgets nothing, and a report that names everybody: the strictest judges of a log.

use tenure_core::fold::{Fingerprint, Projection};
use tenure_core::report::{Report, Shown};
use tenure_core::{EventView, Timestamp};

/// Keeps every fact that it is shown, as text, in the order in which it came.
#[derive(Clone, Copy, Debug)]
pub struct Everything;

impl Projection for Everything {
    type State = Vec<String>;
    type View = usize;

    fn init(&self) -> Vec<String> {
        Vec::new()
    }

    fn apply(&self, facts: &mut Vec<String>, fact: &EventView<'_>) {
        facts.push(fact.to_line());
    }

    fn view(&self, facts: &Vec<String>, _as_of: Timestamp) -> usize {
        facts.len()
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of("everything", 1, &())
    }
}

/// Everybody with the number of facts, by name.
#[derive(Clone, Copy, Debug)]
pub struct Everybody;

impl Report for Everybody {
    type View = usize;
    type Acc = Vec<(String, usize)>;
    type Answer = Vec<(String, usize)>;

    fn add(&self, acc: &mut Self::Acc, customer: Shown<'_>, facts: &usize) {
        acc.push((customer.name.to_owned(), *facts));
    }

    fn merge(&self, into: &mut Self::Acc, other: Self::Acc) {
        into.extend(other);
    }

    fn finish(&self, mut acc: Self::Acc) -> Self::Answer {
        acc.sort();
        acc
    }
}
