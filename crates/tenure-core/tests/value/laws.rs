//! The laws of every projection and report, on histories full of money, with merges and voids among them.

use proptest::prelude::*;
use proptest::sample::Index;
use tenure_core::log::Cut;
use tenure_core::projection::acquisition::Acquisition;
use tenure_core::projection::exchange::Exchange;
use tenure_core::projection::recurring::Recurring;
use tenure_core::projection::revenue::Month;
use tenure_core::projection::value::HistoricValue;
use tenure_core::report::acquisition::AcquisitionReport;
use tenure_core::report::recurring::RecurringReport;
use tenure_core::report::value::ValueReport;
use tenure_core::{Customer, CustomerEvent, Event, EventId};
use tenure_testkit::laws::{self, InMemory, Recorder};
use tenure_testkit::strategies::delivery;

use crate::facts::{exchange, facts, instant};

fn all(exchange: &Exchange) -> (HistoricValue, Acquisition, Recurring) {
    let (value, acquisition) = ValueReport::projection(exchange);
    (value, acquisition, Recurring::new(exchange.clone()))
}

/// Facts with up to four voids and a merge.
fn history() -> impl Strategy<Value = Vec<Event>> {
    let voids = prop::collection::vec((any::<[u8; 16]>(), any::<Index>(), instant()), 0..4);
    let merge = prop::option::of((any::<[u8; 16]>(), 0..4_u8, 0..4_u8, instant()));
    (facts(), voids, merge).prop_map(|(mut facts, voids, merge)| {
        let customer = |n: u8| Customer::parse(&format!("c{n}"), "test").unwrap();
        let plain = facts.clone();
        for (id, target, at) in voids.into_iter().filter(|_| !plain.is_empty()) {
            let target = &plain[target.index(plain.len())];
            let void = CustomerEvent::EventVoided { target: target.id(), why: None };
            facts.push(Event::new(EventId::from_bytes(id), target.customer().clone(), at, void).unwrap());
        }
        if let Some((id, survivor, other, at)) = merge {
            let merge = CustomerEvent::IdentityMerged { other: customer(other) };
            // A merge with oneself is refused, and is none.
            facts.extend(Event::new(EventId::from_bytes(id), customer(survivor), at, merge).ok());
        }
        facts
    })
}

fn delivered() -> impl Strategy<Value = (Vec<Event>, Vec<Vec<Event>>)> {
    history().prop_flat_map(|facts| (Just(facts.clone()), delivery(facts)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn l1_any_order_of_arrival_folds_to_the_same_states((facts, batches) in delivered(), exchange in exchange()) {
        laws::converges(&all(&exchange), &InMemory, &facts, &batches)?;
    }

    #[test]
    fn l2_as_of_is_a_cut_of_the_facts((_, batches) in delivered(), exchange in exchange(), at in instant()) {
        laws::as_of_is_a_cut(&all(&exchange), &InMemory, &batches, at)?;
    }

    #[test]
    fn l2_incremental_states_are_those_of_a_replay((_, batches) in delivered(), exchange in exchange()) {
        laws::incremental_equals_replay(&all(&exchange), &batches)?;
    }

    #[test]
    fn l3_a_fold_resumes_from_a_snapshot(facts in facts(), exchange in exchange(), cut in 0_usize..40) {
        laws::resumes(&all(&exchange), &InMemory, &facts, cut)?;
    }

    #[test]
    fn l4_reports_of_partitions_add_up((_, batches) in delivered(), exchange in exchange(), at in instant(), most in 0..4_usize) {
        let both = ValueReport::projection(&exchange);
        laws::parts_add_up(&both, &ValueReport::new(&exchange, at, most), &InMemory, &batches, at)?;
        laws::parts_add_up(&both, &AcquisitionReport::new(&exchange, at), &InMemory, &batches, at)?;
        let first = Month::of(exchange.zone(), at).plus(-5);
        let recurring = RecurringReport::new(&exchange, first, at);
        laws::parts_add_up(&Recurring::new(exchange.clone()), &recurring, &InMemory, &batches, at)?;
    }

    #[test]
    fn l9_a_voided_fact_was_never_there((_, batches) in delivered(), exchange in exchange()) {
        laws::voided_is_never_recorded(&all(&exchange), &InMemory, &batches)?;
    }

    /// Facts of one instant may have any ids: the same facts under other ids fold to the same states.
    #[test]
    fn ids_of_one_instant_do_not_matter(facts in facts(), exchange in exchange(), salt in any::<u8>()) {
        let renamed = |fact: &Event, n: u32| {
            let id = EventId::from_foreign("other", &format!("{salt}-{n}"));
            let again = Event::from_wire(id, fact.customer().clone(), fact.occurred_at(), fact.stored().clone());
            match fact.view().channel {
                Some(channel) => again.unwrap().with_channel(channel).unwrap(),
                None => again.unwrap(),
            }
        };
        let other: Vec<Event> = facts.iter().zip(0..).map(|(fact, n)| renamed(fact, n)).collect();
        let states = |facts: &[Event]| {
            let states = InMemory.fold(all(&exchange), Cut::default(), &[facts.to_vec()]);
            states.iter().map(|(id, folded)| (id, folded.state.clone())).collect::<Vec<_>>()
        };
        prop_assert_eq!(states(&facts), states(&other));
    }
}
