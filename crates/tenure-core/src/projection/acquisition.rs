//! How a customer was won: the first touch, what leads cost, and when the prospect became a customer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::exchange::{Counted, Exchange};
use crate::event::{By, EventView, Kind};
use crate::fold::{Fingerprint, Projection};
use crate::time::Timestamp;

/// Where one customer came from, and at what cost.
///
/// The first `lead_captured` is the first touch, with the channel and the campaign that it names. Without a lead the channel
/// is that of the customer's first fact that has one, and there is no campaign. Of several at one instant the first by name
/// counts, one that has a name before one that has none. A prospect becomes a customer by the first order, start of a
/// subscription or signing of a contract.
///
/// # Example
/// ```
/// use tenure_core::fold::{fold, Projection};
/// use tenure_core::projection::acquisition::Acquisition;
/// use tenure_core::{Customer, CustomerEvent, Event, EventId, Money, Policy, Timestamp};
/// let acquisition = Acquisition::new(Policy::default().exchange());
/// let cost = Some(Money::parse("2.50", "USD".parse()?)?);
/// let lead = Event::new(
///     EventId::from_foreign("ads", "1"),
///     Customer::parse("ann", "shop")?,
///     Timestamp::parse("2024-05-01T00:00:00Z")?,
///     CustomerEvent::LeadCaptured { campaign: Some("spring".into()), cost },
/// )?
/// .with_channel("search")?;
/// let view = acquisition.view(&fold(&acquisition, [lead.view()]), Timestamp::MAX);
/// let origin = view.origin();
/// assert_eq!((origin.channel.as_deref(), origin.campaign.as_deref()), (Some("search"), Some("spring")));
/// assert_eq!((view.leads[&origin].cost_minor, view.converted_at), (250, None));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Acquisition {
    exchange: Exchange,
    fingerprint: Fingerprint,
}

/// A channel and a campaign, where they have names.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Origin {
    /// As the fact names it: `web`, `search`.
    pub channel: Option<String>,
    /// As the lead names it.
    pub campaign: Option<String>,
}

impl Origin {
    /// By name, what has one before what has none.
    fn key(&self) -> (bool, &Option<String>, bool, &Option<String>) {
        (self.channel.is_none(), &self.channel, self.campaign.is_none(), &self.campaign)
    }
}

/// The leads of one origin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeadSums {
    /// How many.
    pub leads: u64,
    /// What they cost together, in minor units.
    pub cost_minor: i128,
}

impl LeadSums {
    /// Adds others.
    pub(crate) const fn add(&mut self, other: Self) {
        self.leads = self.leads.saturating_add(other.leads);
        self.cost_minor = self.cost_minor.saturating_add(other.cost_minor);
    }
}

/// How a customer was won.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcquisitionView {
    /// The first lead.
    lead: Option<(Timestamp, Origin)>,
    /// The first channel of a fact by the customer.
    channel: Option<(Timestamp, String)>,
    /// All leads by the origin that each names.
    pub leads: BTreeMap<Origin, LeadSums>,
    /// When the prospect became a customer; none before.
    pub converted_at: Option<Timestamp>,
    /// What was counted of the costs.
    pub counted: Counted,
}

impl AcquisitionView {
    /// The first touch.
    pub fn origin(&self) -> Origin {
        match (&self.lead, &self.channel) {
            (Some((_, origin)), _) => origin.clone(),
            (None, channel) => {
                Origin { channel: channel.as_ref().map(|(_, name)| name.clone()), campaign: None }
            }
        }
    }

    /// When the first lead came; none without one.
    pub fn lead_at(&self) -> Option<Timestamp> {
        self.lead.as_ref().map(|(at, _)| *at)
    }

    /// When the leads won a customer: the conversion, if it is not earlier than the first lead. Who was a customer before
    /// was not won by leads.
    pub fn won_at(&self) -> Option<Timestamp> {
        self.converted_at.filter(|at| self.lead_at().is_some_and(|lead| lead <= *at))
    }
}

impl Acquisition {
    /// Acquisition with costs in what an exchange makes of amounts.
    pub fn new(exchange: Exchange) -> Self {
        let fingerprint = Fingerprint::of("acquisition", 1, &exchange);
        Self { exchange, fingerprint }
    }

    /// How costs are counted.
    pub const fn exchange(&self) -> &Exchange {
        &self.exchange
    }
}

impl Projection for Acquisition {
    type State = AcquisitionView;
    type View = AcquisitionView;

    fn init(&self) -> AcquisitionView {
        AcquisitionView::default()
    }

    fn apply(&self, state: &mut AcquisitionView, fact: &EventView<'_>) {
        let at = fact.occurred_at;
        if let Some(channel) = fact.channel.filter(|_| fact.kind.by() == By::Customer) {
            let first = state.channel.as_ref().is_none_or(|(first, name)| (at, channel) < (*first, name));
            if first {
                state.channel = Some((at, channel.to_owned()));
            }
        }
        match fact.kind {
            Kind::LeadCaptured => {
                let name = |text: Option<&str>| text.map(str::to_owned);
                let origin = Origin { channel: name(fact.channel), campaign: name(fact.subject) };
                let cost_minor = state.counted.take(&self.exchange, fact.amount, at).unwrap_or_default();
                state.leads.entry(origin.clone()).or_default().add(LeadSums { leads: 1, cost_minor });
                let first = state.lead.as_ref();
                if first.is_none_or(|(first, named)| (at, origin.key()) < (*first, named.key())) {
                    state.lead = Some((at, origin));
                }
            }
            Kind::OrderPlaced | Kind::SubscriptionStarted | Kind::ContractSigned => {
                state.converted_at.get_or_insert(at);
            }
            _ => {}
        }
    }

    fn view(&self, state: &AcquisitionView, _: Timestamp) -> AcquisitionView {
        state.clone()
    }

    fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}
