//! Random histories: every kind of fact, few customers, few instants, so that ties, late facts and corrections are
//! common and every failure shrinks to something that can be read.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use tenure_core::{
    Customer, CustomerEvent, Duration, Event, EventId, Money, OrderLine, Period, Survey, Timestamp,
};

/// The first instant of every history: 2020-01-01T00:00:00Z.
pub const START: i64 = 1_577_836_800_000_000;
const HOUR: i64 = 3_600_000_000;

/// A customer out of four, three with a key and one without.
pub fn customer() -> impl Strategy<Value = Customer> {
    (0_u8..4).prop_map(numbered_customer)
}

fn numbered_customer(n: u8) -> Customer {
    match n {
        0 => tenure_core::CustomerId::from_bytes([7; 16]).into(),
        n => Customer::parse(&format!("c{n}"), "test").unwrap_or_else(|_| numbered_customer(0)),
    }
}

/// An instant within 400 days of [`START`], on a grid of six hours so that ties are common; now and then one off it.
pub fn instant() -> impl Strategy<Value = Timestamp> + Clone {
    let at = |micros: i64| Timestamp::from_micros(START + micros).unwrap_or(Timestamp::MAX);
    prop_oneof![
        6 => (0_i64..1600).prop_map(move |n| at(n * 6 * HOUR)),
        1 => (0_i64..400 * 24 * HOUR).prop_map(at),
    ]
}

/// An amount in dollars, zero included; now and then in yuan.
pub fn amount() -> impl Strategy<Value = Money> {
    (prop_oneof![Just(0), 1_i64..20_000], prop_oneof![9 => Just("USD"), 1 => Just("CNY")])
        .prop_filter_map("a currency of the list", |(minor, code)| {
            Some(Money::from_minor(minor, code.parse().ok()?))
        })
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![Just("a".to_owned()), Just("b".to_owned()), Just("丙".to_owned())]
}

/// Any fact of the catalogue but the corrections, those that stages and RFM look at more often.
pub fn fact() -> impl Strategy<Value = CustomerEvent> {
    prop_oneof![
        8 => commerce(),
        3 => contracts(),
        3 => relationship(),
        3 => engagement(),
        2 => service_and_voice(),
        1 => foreign(),
    ]
}

fn commerce() -> impl Strategy<Value = CustomerEvent> {
    let lines = vec((name(), 1_i64..5).prop_map(|(sku, quantity)| OrderLine::new(&sku, quantity)), 0..3);
    let period = || option::of(prop_oneof![Just(Period::Month), Just(Period::Year)]);
    prop_oneof![
        6 => (option::of(name()), option::of(amount()), lines)
            .prop_map(|(order, total, lines)| CustomerEvent::OrderPlaced { order, total, lines }),
        2 => (option::of(name()), option::of(amount()))
            .prop_map(|(order, refund)| CustomerEvent::OrderRefunded { order, refund }),
        1 => (option::of(name()), option::of(amount()), period()).prop_map(|(subscription, recurring, period)| {
            CustomerEvent::SubscriptionStarted { subscription, recurring, period }
        }),
        1 => (option::of(name()), option::of(amount()), period()).prop_map(|(subscription, recurring, period)| {
            CustomerEvent::SubscriptionChanged { subscription, recurring, period }
        }),
        1 => option::of(name()).prop_map(|subscription| CustomerEvent::SubscriptionEnded { subscription }),
        1 => (option::of(name()), option::of(name())).prop_map(|(subscription, reason)| {
            CustomerEvent::SubscriptionCancelled { subscription, reason }
        }),
        1 => (option::of(name()), option::of(amount())).prop_map(|(what, due)| {
            CustomerEvent::PaymentFailed { what, due, reason: None }
        }),
    ]
}

fn contracts() -> impl Strategy<Value = CustomerEvent> {
    prop_oneof![
        (option::of(name()), option::of(instant()), 1_u32..200).prop_map(|(contract, start, days)| {
            let end = start.and_then(|start| start.checked_add(Duration::days(days)));
            CustomerEvent::ContractSigned { contract, value: None, start, end }
        }),
        (option::of(name()), option::of(name()))
            .prop_map(|(contract, reason)| CustomerEvent::ContractEnded { contract, reason }),
        (option::of(name()), option::of(instant()))
            .prop_map(|(trial, end)| CustomerEvent::TrialStarted { trial, end }),
        option::of(name()).prop_map(|reason| CustomerEvent::ChurnConfirmed { reason }),
        (name(), option::of(amount())).prop_map(|(opportunity, value)| CustomerEvent::OpportunityOpened {
            opportunity,
            value,
            stage: Some("first".into())
        }),
        (name(), option::of(amount()))
            .prop_map(|(opportunity, value)| CustomerEvent::OpportunityWon { opportunity, value }),
    ]
}

fn relationship() -> impl Strategy<Value = CustomerEvent> {
    prop_oneof![
        name().prop_map(|tag| CustomerEvent::TagAdded { tag }),
        name().prop_map(|tag| CustomerEvent::TagRemoved { tag }),
        (name(), any::<bool>())
            .prop_map(|(purpose, granted)| CustomerEvent::ConsentChanged { purpose, granted }),
        (name(), option::of(-3_i64..3)).prop_map(|(name, value)| {
            let value = value.map_or(serde_json::Value::Null, Into::into);
            CustomerEvent::ProfileUpdated { attributes: [(name, value)].into_iter().collect() }
        }),
        name().prop_map(|owner| CustomerEvent::OwnerAssigned { owner }),
        (prop_oneof![Just("email"), Just("phone")], name()).prop_map(|(namespace, value)| {
            CustomerEvent::IdentityLinked {
                namespace: namespace.into(),
                value: format!("{value}@example.org"),
            }
        }),
        option::of(name()).prop_map(|campaign| CustomerEvent::LeadCaptured { campaign, cost: None }),
    ]
}

fn engagement() -> impl Strategy<Value = CustomerEvent> {
    prop_oneof![
        Just(CustomerEvent::SignedUp {}),
        Just(CustomerEvent::SessionStarted {}),
        (name(), any::<bool>()).prop_map(|(name, yes)| CustomerEvent::Tracked {
            name,
            properties: [("yes".to_owned(), yes.into())].into_iter().collect()
        }),
        option::of(name()).prop_map(|campaign| CustomerEvent::MessageSent { campaign }),
        option::of(name()).prop_map(|who| CustomerEvent::FollowUpLogged { who, outcome: None }),
        option::of(name()).prop_map(|offer| CustomerEvent::OfferAccepted { offer }),
    ]
}

fn service_and_voice() -> impl Strategy<Value = CustomerEvent> {
    prop_oneof![
        (name(), any::<bool>()).prop_map(|(ticket, complaint)| CustomerEvent::TicketOpened {
            ticket,
            category: None,
            severity: None,
            complaint
        }),
        name().prop_map(|ticket| CustomerEvent::TicketResolved { ticket }),
        (name(), any::<bool>()).prop_map(|(ticket, complaint)| CustomerEvent::TicketReopened {
            ticket,
            category: None,
            severity: None,
            complaint
        }),
        (1_i64..=5).prop_map(|score| CustomerEvent::SurveyAnswered { survey: Survey::Csat, score }),
        (0_i64..=10).prop_map(|score| CustomerEvent::SurveyAnswered { survey: Survey::Nps, score }),
        (1_i64..=5).prop_map(|stars| CustomerEvent::ReviewPosted { about: None, stars }),
    ]
}

fn foreign() -> impl Strategy<Value = CustomerEvent> {
    name().prop_map(|value| CustomerEvent::Foreign {
        kind: "of_another_time".into(),
        properties: [("value".to_owned(), value.into())].into_iter().collect(),
    })
}

fn event_id() -> impl Strategy<Value = EventId> {
    any::<[u8; 16]>().prop_map(EventId::from_bytes)
}

/// Up to `most` facts of four customers with ids of their own, without corrections, in no order.
pub fn facts(most: usize) -> impl Strategy<Value = Vec<Event>> {
    let one = (event_id(), customer(), instant(), fact());
    vec(one, 0..=most).prop_map(|facts| {
        let unique: std::collections::BTreeMap<EventId, Event> = facts
            .into_iter()
            .filter_map(|(id, customer, at, fact)| Some((id, Event::new(id, customer, at, fact).ok()?)))
            .collect();
        unique.into_values().collect()
    })
}

/// As [`facts`], with voids (of facts, of merges, of voids, of nothing) and merges among them.
pub fn history(most: usize) -> impl Strategy<Value = Vec<Event>> {
    let merges = vec((event_id(), customer(), customer(), instant()), 0..3);
    let voids = vec((event_id(), any::<prop::sample::Index>(), customer(), instant()), 0..5);
    (facts(most), merges, voids).prop_map(|(mut facts, merges, voids)| {
        for (id, survivor, other, at) in merges {
            // A merge with oneself is refused, and is none.
            facts.extend(Event::new(id, survivor, at, CustomerEvent::IdentityMerged { other }).ok());
        }
        for (id, target, stranger, at) in voids {
            let target = facts.get(target.index(facts.len().max(1))).cloned();
            let void = |target| CustomerEvent::EventVoided { target, why: None };
            facts.extend(match target {
                Some(target) => Event::new(id, target.customer().clone(), at, void(target.id())).ok(),
                None => Event::new(id, stranger, at, void(id)).ok(),
            });
        }
        facts
    })
}

/// The same facts as they may arrive: in any order, some of them more than once, in batches of any size.
pub fn delivery(facts: Vec<Event>) -> impl Strategy<Value = Vec<Vec<Event>>> {
    let again = vec(any::<prop::sample::Index>(), 0..4);
    let sizes = vec(1_usize..8, facts.len() + 8);
    (Just(facts).prop_shuffle(), again, sizes).prop_map(|(mut facts, again, sizes)| {
        for index in again
            .iter()
            .filter(|_| !facts.is_empty())
            .map(|index| index.index(facts.len()))
            .collect::<Vec<_>>()
        {
            facts.extend(facts.get(index).cloned());
        }
        let mut rest = facts.into_iter();
        sizes
            .into_iter()
            .map(|size| rest.by_ref().take(size).collect())
            .filter(|batch: &Vec<_>| !batch.is_empty())
            .collect()
    })
}

/// A history and one way in which it may arrive.
pub fn delivered(most: usize) -> impl Strategy<Value = (Vec<Event>, Vec<Vec<Event>>)> {
    history(most).prop_flat_map(|facts| (Just(facts.clone()), delivery(facts)))
}
