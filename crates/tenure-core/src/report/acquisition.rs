//! What it costs to win customers, by channel and by campaign, and whether they are worth it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::spread::quotient;
use super::stages::share;
use super::{Report, Shown};
use crate::money::{Currency, MoneySum, half_even};
use crate::projection::acquisition::{AcquisitionView, LeadSums, Origin};
use crate::projection::exchange::{Counted, Exchange, MixedCurrencies};
use crate::projection::revenue::Month;
use crate::projection::value::ValueView;
use crate::time::{Timestamp, Zone};

/// Leads, their cost, and the customers whom they won.
///
/// A lead's cost counts under the channel and campaign that it names. A customer counts under those of the first lead, if
/// the first order, start of a subscription or signing of a contract is not earlier than it. Customers without a lead, and
/// those who were customers before their first lead, were not won by leads: they are told apart.
///
/// Value is that of [`HistoricValue`](crate::projection::value::HistoricValue): orders less refunds, so customers who are
/// billed for subscriptions or contracts alone have none.
///
/// # Laws
/// As every [`Report`]. Channels add up to all, and so do campaigns.
///
/// # Example
/// ```
/// use tenure_core::report::Report;
/// use tenure_core::report::acquisition::AcquisitionReport;
/// use tenure_core::{Policy, Timestamp};
/// let report = AcquisitionReport::new(&Policy::default().exchange(), Timestamp::MAX);
/// let all = report.finish(Default::default())?.all;
/// assert_eq!((all.leads, all.cac, all.ltv_cac), (0, None, None)); // nobody: nothing to divide by
/// # Ok::<(), tenure_core::projection::exchange::MixedCurrencies>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct AcquisitionReport {
    zone: Zone,
    currency: Option<Currency>,
    as_of: Timestamp,
}

impl AcquisitionReport {
    /// The report over views of [`ValueReport::projection`](super::value::ValueReport::projection) as of an instant.
    pub const fn new(exchange: &Exchange, as_of: Timestamp) -> Self {
        Self { zone: exchange.zone(), currency: exchange.currency(), as_of }
    }
}

/// The sum so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AcquisitionSum {
    origins: BTreeMap<Origin, Campaign>,
    without_lead: u64,
    counted: Counted,
    value: Counted,
}

/// What is known of one channel and campaign, or of several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Campaign {
    leads: LeadSums,
    prospects: u64,
    customers_before: u64,
    without_order: u64,
    /// Those who were won, by the month in which they were.
    won: BTreeMap<Month, Won>,
}

/// Those who were won in one month.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Won {
    customers: u64,
    /// Net in the n-th month after that.
    by_age: BTreeMap<u32, i128>,
}

impl Campaign {
    fn merge(&mut self, other: &Self) {
        self.leads.add(other.leads);
        self.prospects = self.prospects.saturating_add(other.prospects);
        self.customers_before = self.customers_before.saturating_add(other.customers_before);
        self.without_order = self.without_order.saturating_add(other.without_order);
        for (month, theirs) in &other.won {
            let won = self.won.entry(*month).or_default();
            won.customers = won.customers.saturating_add(theirs.customers);
            for (age, minor) in &theirs.by_age {
                let net = won.by_age.entry(*age).or_default();
                *net = net.saturating_add(*minor);
            }
        }
    }

    fn customers(&self) -> u64 {
        self.won.values().map(|won| won.customers).sum()
    }

    fn net(&self) -> i128 {
        self.won.values().flat_map(|won| won.by_age.values()).fold(0, |sum, minor| sum.saturating_add(*minor))
    }

    /// The first n such that the customers whose n-th month after that in which they were won is over (`last` is the last
    /// month that is) have brought, on average, what a customer costs; none if there is none yet.
    fn payback_months(&self, last: Month) -> Option<u32> {
        let (cost, customers) = (self.leads.cost_minor, i128::from(self.customers()));
        let mut so_far: BTreeMap<Month, i128> = BTreeMap::new();
        for age in 0_u32.. {
            let over = |month: Month| month.plus(i32::try_from(age).unwrap_or(i32::MAX)) <= last;
            let (mut seen, mut net) = (0_i128, 0_i128);
            for (month, won) in self.won.iter().filter(|(month, _)| over(**month)) {
                let brought = so_far.entry(*month).or_default();
                *brought = brought.saturating_add(won.by_age.get(&age).copied().unwrap_or_default());
                net = net.saturating_add(*brought);
                seen += i128::from(won.customers);
            }
            if seen == 0 {
                return None;
            }
            // net / seen >= cost / customers
            if net.saturating_mul(customers) >= cost.saturating_mul(seen) {
                return Some(age);
            }
        }
        None
    }
}

impl Report for AcquisitionReport {
    type View = (ValueView, AcquisitionView);
    type Acc = AcquisitionSum;
    type Answer = Result<AcquisitionAnswer, MixedCurrencies>;

    fn add(&self, sum: &mut AcquisitionSum, _: Shown<'_>, (value, acquisition): &Self::View) {
        sum.counted.add(&acquisition.counted);
        for (origin, leads) in &acquisition.leads {
            sum.origins.entry(origin.clone()).or_default().leads.add(*leads);
        }
        if acquisition.lead_at().is_none() {
            sum.without_lead = sum.without_lead.saturating_add(acquisition.converted_at.is_some().into());
            return;
        }
        let campaign = sum.origins.entry(acquisition.origin()).or_default();
        campaign.prospects = campaign.prospects.saturating_add(1);
        let Some(won_at) = acquisition.won_at() else {
            let before = acquisition.converted_at.is_some();
            campaign.customers_before = campaign.customers_before.saturating_add(before.into());
            return;
        };
        sum.value.add(&value.counted);
        campaign.without_order = campaign.without_order.saturating_add((value.orders == 0).into());
        let month = Month::of(self.zone, won_at);
        let won = campaign.won.entry(month).or_default();
        won.customers = won.customers.saturating_add(1);
        for (when, minor) in &value.months {
            // A refund that came before counts in the month itself.
            let net = won.by_age.entry(when.since(month)).or_default();
            *net = net.saturating_add(*minor);
        }
    }

    fn merge(&self, into: &mut AcquisitionSum, other: AcquisitionSum) {
        for (origin, campaign) in other.origins {
            into.origins.entry(origin).or_default().merge(&campaign);
        }
        into.without_lead = into.without_lead.saturating_add(other.without_lead);
        into.counted.add(&other.counted);
        into.value.add(&other.value);
    }

    /// # Errors
    /// [`MixedCurrencies`] if the policy names no currency and costs and values have several.
    fn finish(&self, sum: AcquisitionSum) -> Self::Answer {
        let mut both = sum.counted.clone();
        both.add(&sum.value);
        let currency = both.currency(self.currency)?;
        let now = Month::of(self.zone, self.as_of);
        let last = if now.is_over(self.zone, self.as_of) { now } else { now.plus(-1) };
        let row = |name, campaign: &Campaign| AcquisitionRow::new(name, campaign, last, currency);
        let rows = |name: fn(&Origin) -> &Option<String>| {
            let mut groups: BTreeMap<&Option<String>, Campaign> = BTreeMap::new();
            for (origin, campaign) in &sum.origins {
                groups.entry(name(origin)).or_default().merge(campaign);
            }
            let rows = groups.iter().map(|(name, campaign)| row((*name).clone(), campaign));
            let mut rows: Vec<AcquisitionRow> = rows.collect();
            // Groups are in order of names, and stay so where they cost alike.
            rows.sort_by_key(|row| core::cmp::Reverse(row.cost.minor));
            rows
        };
        let mut all = Campaign::default();
        for campaign in sum.origins.values() {
            all.merge(campaign);
        }
        Ok(AcquisitionAnswer {
            all: row(None, &all),
            channels: rows(|origin| &origin.channel),
            campaigns: rows(|origin| &origin.campaign),
            without_lead: sum.without_lead,
            without_cost: sum.counted.without_amount,
            without_amount: sum.value.without_amount,
            missing_rate: both.missing_rate,
        })
    }
}

/// What it costs to win customers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AcquisitionAnswer {
    /// All leads.
    pub all: AcquisitionRow,
    /// By channel, the one that cost most first.
    pub channels: Vec<AcquisitionRow>,
    /// By campaign likewise.
    pub campaigns: Vec<AcquisitionRow>,
    /// Customers without a lead: in nothing above.
    pub without_lead: u64,
    /// Leads without a cost: counted, with zero money.
    pub without_cost: u64,
    /// Orders and refunds, of those who were won, without an amount: zero money.
    pub without_amount: u64,
    /// Costs and amounts left out for want of a rate.
    pub missing_rate: u64,
}

/// All leads, or those of one channel or campaign.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AcquisitionRow {
    /// The channel or campaign; none for all, and for leads that name none.
    pub name: Option<String>,
    /// Leads, each of which may have cost something.
    pub leads: u64,
    /// Customers and prospects whose first lead is one of them.
    pub prospects: u64,
    /// Of these, who were customers already.
    pub customers_before: u64,
    /// Of these, who became customers.
    pub customers: u64,
    /// Their share of the prospects, 0 to 1; 0 of nobody.
    pub conversion: f64,
    /// Of those who became customers, who have no order: they bring nothing that counts here.
    pub without_order: u64,
    /// What the leads cost.
    pub cost: MoneySum,
    /// Customer acquisition cost: the cost for each who became a customer, half-even to the minor unit; none without one.
    pub cac: Option<MoneySum>,
    /// What those who became customers have brought: orders less refunds.
    pub net: MoneySum,
    /// The same for each of them, half-even; none without one.
    pub average: Option<MoneySum>,
    /// What they have brought for each unit of cost, as a decimal with two places, half-even; none without customers or
    /// without cost.
    pub ltv_cac: Option<String>,
    /// How many calendar months after the one in which they became customers they have brought what they cost, on average
    /// over those for whom that month is over; none while that is not so.
    pub payback_months: Option<u32>,
}

impl AcquisitionRow {
    fn new(name: Option<String>, campaign: &Campaign, last: Month, currency: Currency) -> Self {
        let money = |minor| MoneySum { minor, currency };
        let (customers, net, cost) = (campaign.customers(), campaign.net(), campaign.leads.cost_minor);
        Self {
            name,
            leads: campaign.leads.leads,
            prospects: campaign.prospects,
            customers_before: campaign.customers_before,
            customers,
            conversion: share(customers, campaign.prospects),
            without_order: campaign.without_order,
            cost: money(cost),
            cac: quotient(cost, customers).map(money),
            net: money(net),
            average: quotient(net, customers).map(money),
            ltv_cac: (customers > 0 && cost > 0)
                .then(|| hundredths(half_even(net.saturating_mul(100), cost))),
            payback_months: campaign.payback_months(last),
        }
    }
}

/// A number of hundredths as a decimal with two places.
fn hundredths(number: i128) -> String {
    let sign = if number < 0 { "-" } else { "" };
    let size = number.unsigned_abs();
    format!("{sign}{}.{:02}", size / 100, size % 100)
}
