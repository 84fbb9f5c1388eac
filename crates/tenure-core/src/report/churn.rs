//! Early warning: how many customers are at which risk, and whom to turn to first.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::{Report, Shown};
use crate::id::CustomerId;
use crate::money::{Currency, MoneySum};
use crate::projection::churn::{Band, Churn, ChurnView, SignalView};
use crate::projection::contact::LastContact;
use crate::projection::owner::{Owner, OwnerView};
use crate::projection::rfm::{Rfm, RfmView};
use crate::projection::stage::{StageIx, StageMachine, StageView};
use crate::time::Timestamp;

/// What is folded for the report: score, stage (where the policy has stages), net revenue in a look-back window, last
/// contact by us, owner. `Policy::value_at_risk` gives the window of 365 days.
pub type Watched = (Churn, Option<StageMachine>, Rfm, LastContact, Owner);

type View = (ChurnView, Option<Option<StageView>>, RfmView, Option<Timestamp>, OwnerView);

/// Customers by band, and those of the wanted bands by name: the highest score first, of equal ones the most valuable.
///
/// Value at risk is the net revenue of the look-back window; none without an order in it, or where a customer has paid in
/// several currencies and the policy names none.
///
/// # Laws
/// As every [`Report`]; what is kept is bounded by `most`, whatever the population.
#[derive(Clone, Copy, Debug)]
pub struct Warnings<'p> {
    /// Names the actions.
    pub churn: &'p Churn,
    /// Names the stages; none where the policy has none.
    pub stages: Option<&'p StageMachine>,
    /// Only customers in this stage count; none: all.
    pub stage: Option<StageIx>,
    /// Only customers of these bands are named; none of them: all.
    pub bands: &'p [Band],
    /// How many customers are named.
    pub most: usize,
}

/// The sum so far: how many of which band, what they are worth, and the first of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WarningSum {
    bands: [BandSum; 4],
    wanted: u64,
    first: BTreeMap<Rank, Warning>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct BandSum {
    customers: u64,
    value: BTreeMap<Currency, i128>,
    unvalued: u64,
}

/// Highest score, then most value, then by name; the id tells apart who is shown alike.
type Rank = (Reverse<u8>, Reverse<i128>, String, CustomerId);

/// Who is at risk.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WarningAnswer {
    /// Every band, the highest first.
    pub bands: Vec<BandRow>,
    /// How many customers are of the wanted bands.
    pub wanted: u64,
    /// The first of them.
    pub customers: Vec<Warning>,
}

/// The customers of a band.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BandRow {
    /// Which.
    pub band: Band,
    /// How many.
    pub customers: u64,
    /// Of all, `0.0..=1.0`; 0 of nobody.
    pub share: f64,
    /// Their value at risk, a sum for each currency: one where the policy names it, none of nothing.
    pub value_at_risk: Vec<MoneySum>,
    /// Customers who have ordered in the window and whose value is left out: they have paid in several currencies.
    pub unvalued: u64,
}

/// One customer at risk.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Warning {
    /// As the customer is shown.
    pub customer: String,
    /// 0 to 100.
    pub score: u8,
    /// How that is called.
    pub band: Band,
    /// The stage; none where the policy has no stages.
    pub stage: Option<String>,
    /// The points of everybody.
    pub base: i32,
    /// The signals with points, the bad ones first, the strongest of each first.
    #[serde(serialize_with = "as_json")]
    pub signals: Vec<SignalView>,
    /// What brings the sum into 0 to 100.
    pub bound: i32,
    /// Net revenue in the window.
    pub value_at_risk: Option<MoneySum>,
    /// When somebody on our side last turned to them.
    pub last_contact: Option<Timestamp>,
    /// Who is responsible.
    pub owner: Option<String>,
    /// What the strongest signal with an action proposes.
    pub action: Option<String>,
}

fn as_json<S: Serializer>(signals: &[SignalView], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(signals.iter().map(SignalView::to_json))
}

/// Net revenue as one sum; none without an order, without an amount, or in several currencies.
fn value(values: &RfmView) -> Option<MoneySum> {
    values.monetary().filter(|money| money.currency != Currency::NONE)
}

impl Warnings<'_> {
    fn warning(&self, name: &str, view: &View) -> Warning {
        let (churn, stage, values, contact, owner) = view;
        let code =
            |stage: &StageView| self.stages.map(|machine| machine.policy().code(stage.stage).to_owned());
        Warning {
            customer: name.to_owned(),
            score: churn.score,
            band: churn.band,
            stage: stage.as_ref().and_then(Option::as_ref).and_then(code),
            base: churn.base,
            signals: churn.reasons().into_iter().chain(churn.reassurances()).cloned().collect(),
            bound: churn.bound,
            value_at_risk: value(values),
            last_contact: *contact,
            owner: owner.current().map(|now| now.owner.clone()),
            action: self.churn.action(churn).map(str::to_owned),
        }
    }

    fn trim(&self, first: &mut BTreeMap<Rank, Warning>) {
        while first.len() > self.most {
            first.pop_last();
        }
    }
}

const fn place(band: Band) -> usize {
    match band {
        Band::Low => 0,
        Band::Medium => 1,
        Band::High => 2,
        Band::Critical => 3,
    }
}

impl Report for Warnings<'_> {
    type View = View;
    type Acc = WarningSum;
    type Answer = WarningAnswer;

    fn add(&self, sum: &mut WarningSum, customer: Shown<'_>, view: &View) {
        let (churn, stage, values, ..) = view;
        if self
            .stage
            .is_some_and(|wanted| stage.as_ref().and_then(|now| now.map(|now| now.stage)) != Some(wanted))
        {
            return;
        }
        let money = value(values);
        if let Some(band) = sum.bands.get_mut(place(churn.band)) {
            band.customers += 1;
            match money {
                Some(money) => *band.value.entry(money.currency).or_default() += money.minor,
                None => band.unvalued += u64::from(values.values.is_some() && values.monetary().is_none()),
            }
        }
        if !self.bands.is_empty() && !self.bands.contains(&churn.band) {
            return;
        }
        sum.wanted += 1;
        let worth = money.map_or(0, |money| money.minor);
        let rank = (Reverse(churn.score), Reverse(worth), customer.name.to_owned(), customer.id);
        // Nothing is made ready of those who are not named.
        let named =
            sum.first.len() < self.most || sum.first.last_key_value().is_some_and(|(last, _)| rank < *last);
        if named {
            sum.first.insert(rank, self.warning(customer.name, view));
            self.trim(&mut sum.first);
        }
    }

    fn merge(&self, into: &mut WarningSum, other: WarningSum) {
        for (into, other) in into.bands.iter_mut().zip(other.bands) {
            into.customers += other.customers;
            into.unvalued += other.unvalued;
            for (currency, minor) in other.value {
                *into.value.entry(currency).or_default() += minor;
            }
        }
        into.wanted += other.wanted;
        into.first.extend(other.first);
        self.trim(&mut into.first);
    }

    fn finish(&self, sum: WarningSum) -> WarningAnswer {
        let all: u64 = sum.bands.iter().map(|band| band.customers).sum();
        let row = |(band, sum): (Band, BandSum)| BandRow {
            band,
            customers: sum.customers,
            share: share(sum.customers, all),
            value_at_risk: sum
                .value
                .into_iter()
                .map(|(currency, minor)| MoneySum { minor, currency })
                .collect(),
            unvalued: sum.unvalued,
        };
        let bands = Band::ALL.into_iter().zip(sum.bands).rev().map(row).collect();
        WarningAnswer { bands, wanted: sum.wanted, customers: sum.first.into_values().collect() }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share")]
fn share(part: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { part as f64 / all as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::{Projection, fold};
    use crate::{Customer, CustomerEvent, Duration, Event, EventId, Money, Policy};

    fn day(n: u32) -> Timestamp {
        Timestamp::MIN.checked_add(Duration::days(n)).unwrap()
    }

    /// Last orders of customers, in days and minor units.
    fn answer(bands: &[Band], most: usize, customers: &[(&str, u32, i64)]) -> WarningAnswer {
        let policy = Policy::preset("retail").unwrap();
        let watched: Watched = (
            policy.churn().unwrap(),
            Some(policy.stages().unwrap()),
            policy.value_at_risk().unwrap(),
            LastContact,
            Owner,
        );
        let warnings = Warnings { churn: &watched.0, stages: watched.1.as_ref(), stage: None, bands, most };
        let mut sum = WarningSum::default();
        for (name, at, minor) in customers {
            let customer = Customer::parse(name, "shop").unwrap();
            let total = Some(Money::from_minor(*minor, "USD".parse().unwrap()));
            let order = CustomerEvent::OrderPlaced { order: None, total, lines: vec![] };
            let sent = CustomerEvent::MessageSent { campaign: None };
            let owner = CustomerEvent::OwnerAssigned { owner: "kim".into() };
            let facts = [(order, *at), (sent, at + 1), (owner, at + 1)].map(|(fact, at)| {
                Event::new(
                    EventId::from_foreign(name, &format!("{at}{}", fact.kind().name())),
                    customer.clone(),
                    day(at),
                    fact,
                )
                .unwrap()
            });
            let mut facts: Vec<_> = facts.iter().map(Event::view).collect();
            facts.sort_by_key(crate::EventView::key);
            let state = fold(&watched, facts);
            let mut one = WarningSum::default();
            warnings.add(&mut one, Shown { id: customer.id(), name }, &watched.view(&state, day(400)));
            warnings.merge(&mut sum, one);
        }
        warnings.finish(sum)
    }

    const CUSTOMERS: [(&str, u32, i64); 4] =
        [("fresh", 390, 100), ("poor", 300, 100), ("rich", 300, 900), ("late", 352, 500)];

    #[test]
    fn the_highest_score_comes_first_and_of_equals_the_most_valuable() {
        let answer = answer(&[], 9, &CUSTOMERS);
        let told: Vec<_> = answer.customers.iter().map(|one| (one.customer.as_str(), one.score)).collect();
        assert_eq!(told, [("rich", 60), ("poor", 60), ("late", 15), ("fresh", 0)]);
        let rich = &answer.customers[0];
        assert_eq!((rich.band, rich.stage.as_deref()), (Band::High, Some("at_risk")));
        assert_eq!((rich.owner.as_deref(), rich.action.as_deref()), (Some("kim"), Some("exclusive_offer")));
        assert_eq!(
            (rich.last_contact, rich.value_at_risk.map(|money| money.minor)),
            (Some(day(301)), Some(900))
        );
        assert_eq!(&*rich.signals[0].code, "silent_against_own_cycle");
        let bands: Vec<_> = answer.bands.iter().map(|row| (row.band, row.customers, row.share)).collect();
        let expected =
            [(Band::Critical, 0, 0.0), (Band::High, 2, 0.5), (Band::Medium, 0, 0.0), (Band::Low, 2, 0.5)];
        assert_eq!(bands, expected);
        assert_eq!(answer.bands[1].value_at_risk[0].minor, 1_000);
    }

    #[test]
    fn all_are_counted_and_the_first_of_the_wanted_bands_are_named() {
        let answer = answer(&[Band::High], 1, &CUSTOMERS);
        let told: Vec<_> = answer.customers.iter().map(|one| one.customer.as_str()).collect();
        assert_eq!((answer.wanted, told), (2, vec!["rich"]));
        assert_eq!(answer.bands.iter().map(|row| row.customers).sum::<u64>(), 4);
    }
}
