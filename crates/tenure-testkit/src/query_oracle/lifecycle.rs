//! Movement: bucket by bucket, who is what, from the definitions.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tenure_core::Kind;
use tenure_core::query::{LifecycleQuery, NewBasis, Selector};

use super::calendar::{Bucket, Calendar};
use super::history::{Asking, Counting, Fact, meets};

/// What is needed of one history: the buckets with activity, and that of the birth.
struct Moves {
    active: BTreeSet<Bucket>,
    born: Option<Bucket>,
}

impl Moves {
    fn kind(&self, calendar: &Calendar, bucket: Bucket) -> Option<&'static str> {
        let before = self.active.iter().any(|active| calendar.next(*active) == bucket);
        match (self.active.contains(&bucket), before) {
            (true, _) if self.born == Some(bucket) => Some("new"),
            (true, true) => Some("returning"),
            (true, false) => Some("resurrecting"),
            (false, true) => Some("dormant"),
            (false, false) => None,
        }
    }
}

pub(super) fn answer(asking: &Asking<'_, '_>, ask: &LifecycleQuery) -> Value {
    let calendar = Calendar::new(asking.frame, ask.period, ask.week_start, asking.as_of);
    let births = [Kind::LeadCaptured, Kind::SignedUp, Kind::ProfileUpdated];
    let of_births = births.map(Selector::kind);
    let by_profile = ask.new_basis == NewBasis::ProfileCreated;
    let mut selectors = vec![&ask.activity];
    if by_profile {
        selectors.extend(&of_births);
    }
    let counting = Counting {
        selectors,
        breakdown: ask.breakdown.as_ref(),
        count_by: &ask.count_by,
        whole_buckets: None,
    };
    let outcome = |facts: &[Fact<'_>]| {
        let active = facts.iter().filter(|fact| meets(&ask.activity, fact));
        let active: BTreeSet<_> = active.map(|fact| calendar.bucket(fact.at)).collect();
        let born = if by_profile {
            facts
                .iter()
                .filter(|fact| births.contains(&fact.view.kind))
                .map(|fact| calendar.bucket(fact.at))
                .min()
        } else {
            active.first().copied()
        };
        let touched = active.iter().flat_map(|bucket| [*bucket, calendar.next(*bucket)]);
        let counts = touched.into_iter().any(|bucket| calendar.holds(bucket));
        counts.then_some((Moves { active, born }, None))
    };
    asking.answer(
        &counting,
        outcome,
        |one, _| one,
        |all| {
            let first = all
                .iter()
                .flat_map(|(_, moves)| &moves.active)
                .flat_map(|bucket| [*bucket, calendar.next(*bucket)])
                .filter(|bucket| calendar.holds(*bucket))
                .min();
            let buckets = calendar.range(first);
            let column = |kind: &str| -> Vec<usize> {
                let count = |bucket: &Bucket| {
                    all.iter().filter(|(_, moves)| moves.kind(&calendar, *bucket) == Some(kind)).count()
                };
                buckets.iter().map(count).collect()
            };
            json!({
                "buckets": buckets.iter().map(|bucket| calendar.name(*bucket)).collect::<Vec<_>>(),
                "complete": buckets.iter().map(|bucket| calendar.is_over(*bucket)).collect::<Vec<_>>(),
                "new_basis": ask.new_basis,
                "new": column("new"),
                "returning": column("returning"),
                "resurrecting": column("resurrecting"),
                "dormant": column("dormant"),
            })
        },
    )
}
