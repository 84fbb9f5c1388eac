//! Who is about to be lost by silence, and what they are worth.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;

use super::{Report, Shown};
use crate::id::CustomerId;
use crate::money::MoneySum;
use crate::projection::rfm::RfmView;
use crate::projection::stage::{Cause, Outlook, StageIx, StagePolicy};
use crate::time::Timestamp;

/// Customers who have spent half or more of the silence after which they enter a stage, the most valuable first.
///
/// The policy's rules say how long that silence is, mostly by the customer's own rhythm, so a weekly buyer is here after
/// weeks and a yearly one after months. Nothing about rhythm is defined a second time.
///
/// # Laws
/// As every [`Report`]; what is kept is bounded by `most`, whatever the population.
#[derive(Clone, Copy, Debug)]
pub struct Risks<'p> {
    /// Names the stages.
    pub policy: &'p StagePolicy,
    /// The stage that silence leads to: `churned` in the presets.
    pub stage: StageIx,
    /// The instant of the views.
    pub as_of: Timestamp,
    /// How many customers are named.
    pub most: usize,
}

/// The sum so far: how many, and the first of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RiskSum {
    customers: u64,
    first: BTreeMap<Rank, Risk>,
}

/// Most value first, then who is lost soonest, then by name; the id tells apart who is shown alike.
type Rank = (Reverse<i128>, Timestamp, String, CustomerId);

/// Who may be lost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RiskAnswer {
    /// How many have spent half of their silence.
    pub customers: u64,
    /// The first of them.
    pub first: Vec<Risk>,
}

/// One customer who may be lost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Risk {
    /// As the customer is shown.
    pub customer: String,
    /// The stage now.
    pub stage: String,
    /// Since when the customer is silent.
    pub silent_since: Timestamp,
    /// When the customer enters the stage if nothing happens.
    pub lost_at: Timestamp,
    /// The part of that silence which is over, 0.5 to 1.
    pub spent: f64,
    /// What the customer has spent; none without orders or with several currencies.
    pub monetary: Option<MoneySum>,
}

impl Risks<'_> {
    fn risk(&self, name: &str, outlook: &Outlook, values: &RfmView) -> Option<Risk> {
        let now = outlook.now.as_ref()?;
        let change = outlook.ahead.iter().find(|change| change.to == self.stage)?;
        let Cause::Silence { since, .. } = change.cause else { return None };
        let (over, all) = (self.as_of.since(since).as_micros(), change.at.since(since).as_micros());
        if over.saturating_mul(2) < all || all <= 0 {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "a share")]
        let spent = over as f64 / all as f64;
        Some(Risk {
            customer: name.to_owned(),
            stage: self.policy.code(now.stage).to_owned(),
            silent_since: since,
            lost_at: change.at,
            spent,
            monetary: values.monetary(),
        })
    }

    fn trim(&self, first: &mut BTreeMap<Rank, Risk>) {
        while first.len() > self.most {
            first.pop_last();
        }
    }
}

impl Report for Risks<'_> {
    type View = (Outlook, RfmView);
    type Acc = RiskSum;
    type Answer = RiskAnswer;

    fn add(&self, sum: &mut RiskSum, customer: Shown<'_>, (outlook, values): &Self::View) {
        let Some(risk) = self.risk(customer.name, outlook, values) else { return };
        sum.customers += 1;
        let value = risk.monetary.map_or(0, |money| money.minor);
        sum.first.insert((Reverse(value), risk.lost_at, risk.customer.clone(), customer.id), risk);
        self.trim(&mut sum.first);
    }

    fn merge(&self, into: &mut RiskSum, other: RiskSum) {
        into.customers += other.customers;
        into.first.extend(other.first);
        self.trim(&mut into.first);
    }

    fn finish(&self, sum: RiskSum) -> RiskAnswer {
        RiskAnswer { customers: sum.customers, first: sum.first.into_values().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::{Projection, fold};
    use crate::projection::rfm::Rfm;
    use crate::projection::stage::{StageMachine, StageOutlook};
    use crate::{Customer, CustomerEvent, Duration, Event, EventId, Money, Policy};

    /// Orders of one customer: days and minor units.
    fn answer(most: usize, as_of: u32, customers: &[(&str, &[u32], i64)]) -> RiskAnswer {
        let policy = Policy::preset("retail").unwrap();
        let (machine, rfm): (StageMachine, Rfm) = (policy.stages().unwrap(), policy.rfm().unwrap());
        let day = |n: u32| Timestamp::MIN.checked_add(Duration::days(n)).unwrap();
        let outlook = StageOutlook { machine: &machine, horizon: Duration::days(400) };
        let stages = machine.policy();
        let risks = Risks { policy: stages, stage: stages.find("churned").unwrap(), as_of: day(as_of), most };
        let mut sum = RiskSum::default();
        for (name, days, minor) in customers {
            let customer = Customer::parse(name, "shop").unwrap();
            let order = |n: &u32| {
                let total = Some(Money::from_minor(*minor, "USD".parse().unwrap()));
                let fact = CustomerEvent::OrderPlaced { order: None, total, lines: vec![] };
                let id = EventId::from_foreign(name, &n.to_string());
                Event::new(id, customer.clone(), day(*n), fact).unwrap()
            };
            let facts: Vec<Event> = days.iter().map(order).collect();
            let state = fold(&(outlook, &rfm), facts.iter().map(Event::view));
            let mut one = RiskSum::default();
            risks.add(&mut one, Shown { id: customer.id(), name }, &(outlook, &rfm).view(&state, day(as_of)));
            risks.merge(&mut sum, one);
        }
        risks.finish(sum)
    }

    #[test]
    fn half_of_ones_own_silence_counts_and_value_comes_first() {
        // One order each: lost after 120 days of silence.
        let customers: [(&str, &[u32], i64); 4] =
            [("early", &[141], 900), ("poor", &[100], 100), ("rich", &[140], 500), ("gone", &[10], 900)];
        let answer = answer(9, 200, &customers);
        let told: Vec<_> = answer.first.iter().map(|risk| (risk.customer.as_str(), risk.spent)).collect();
        assert_eq!((answer.customers, told), (2, vec![("rich", 0.5), ("poor", 100.0 / 120.0)]));
        let poor = &answer.first[1];
        let day = |n: u32| Timestamp::MIN.checked_add(Duration::days(n)).unwrap();
        assert_eq!((poor.stage.as_str(), poor.silent_since, poor.lost_at), ("at_risk", day(100), day(220)));
        assert_eq!(poor.monetary.map(|money| money.minor), Some(100));
    }

    #[test]
    fn of_equal_value_who_is_lost_first_comes_first_and_nobody_without_a_past() {
        let answer = answer(9, 200, &[("later", &[110], 100), ("sooner", &[105], 100), ("none", &[], 0)]);
        let told: Vec<_> = answer.first.iter().map(|risk| risk.customer.as_str()).collect();
        assert_eq!(told, ["sooner", "later"]);
    }

    #[test]
    fn all_are_counted_and_the_first_are_named() {
        let names: Vec<String> = (0..6).map(|n| format!("c{n}")).collect();
        let customers: Vec<_> = names.iter().map(|name| (name.as_str(), &[100_u32][..], 100)).collect();
        let answer = answer(2, 200, &customers);
        let told: Vec<_> = answer.first.iter().map(|risk| risk.customer.as_str()).collect();
        assert_eq!((answer.customers, told), (6, vec!["c0", "c1"]));
    }
}
