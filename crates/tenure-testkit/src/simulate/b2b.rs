//! Businesses: leads, opportunities, contracts, follow-ups.

use tenure_core::CustomerEvent;

use super::happening::Happening;
use super::random::Random;
use super::scene::{Scene, amount, property};
use super::season::{Rhythm, days};
use super::{relation, retail, words};

/// A business. A deal is won by who lives and loses nothing in between; a contract of a year is renewed by who lives.
#[derive(Debug)]
pub(super) struct B2b {
    orders_per_day: f64,
    value: f64,
    /// The number of the contract in force.
    contract: Option<u32>,
}

impl B2b {
    pub fn new(random: &mut Random) -> Self {
        Self {
            orders_per_day: random.gamma(0.8, 0.05),
            value: random.lognormal(1_200_000.0, 0.9),
            contract: None,
        }
    }

    pub fn play(&mut self, scene: &mut Scene<'_>, what: Happening) {
        match what {
            Happening::Begin => {
                scene.core.prefer(&words::OFFICE_CHANNELS);
                let campaign = super::scene::campaign(super::scene::brought_by(scene.core.number));
                let cost = Scene::money(amount(&mut scene.core.random, 8_000.0, 0.6));
                scene.say(CustomerEvent::LeadCaptured { campaign, cost });
                let attributes = property("industry", scene.word(&words::INDUSTRIES));
                scene.say(CustomerEvent::ProfileUpdated { attributes });
                relation::begin(scene, 500);
                scene.within(1.0, Happening::Owner);
                scene.within(2.0, Happening::PlanFollowUp);
                scene.within(15.0, Happening::Deal);
            }
            Happening::Return => scene.within(5.0, Happening::Deal),
            Happening::Leave => {
                retail::leave(scene);
                if let Some(number) = self.contract
                    && scene.chance(150)
                {
                    scene.within(20.0, Happening::EndContract(number));
                }
            }
            Happening::Visit if scene.alive() && self.contract.is_some() => {
                let number = scene.number();
                let total = Scene::money(amount(&mut scene.core.random, self.value / 12.0, 0.5));
                let order = Some(scene.name('o', number));
                scene.say(CustomerEvent::OrderPlaced { order, total, lines: Vec::new() });
                scene.next(Rhythm::Office, self.orders_per_day, Happening::Visit);
            }
            Happening::PlanFollowUp => {
                // Nobody follows up for ever.
                if scene.now.since(scene.core.last_seen).as_days() < 400
                    && let Some(due_at) = scene.now.checked_add(days(7.0))
                {
                    let who = Some(scene.word(&words::OWNERS));
                    scene.say(CustomerEvent::FollowUpPlanned { who, due_at });
                    if scene.chance(850) {
                        scene.within(6.0, Happening::FollowUp);
                    }
                    scene.within(45.0, Happening::PlanFollowUp);
                }
            }
            Happening::FollowUp => {
                let who = Some(scene.word(&words::OWNERS));
                let outcome = Some(scene.word(&words::OUTCOMES));
                scene.say(CustomerEvent::FollowUpLogged { who, outcome });
            }
            Happening::Deal => self.open(scene),
            Happening::Advance { deal, stage } => self.advance(scene, deal, stage),
            Happening::RenewContract(number) if self.contract == Some(number) => self.renew(scene, number),
            Happening::EndContract(number) if self.contract == Some(number) && !scene.alive() => {
                self.end(scene, number);
            }
            _ => {}
        }
    }

    fn open(&mut self, scene: &mut Scene<'_>) {
        if self.contract.is_some() || !scene.alive() {
            return;
        }
        let deal = scene.number();
        let value = Scene::money(amount(&mut scene.core.random, self.value, 0.3));
        scene.say(CustomerEvent::OpportunityOpened {
            opportunity: scene.name('d', deal),
            value,
            stage: words::PIPELINE.first().map(ToString::to_string),
        });
        scene.within(10.0, Happening::Advance { deal, stage: 1 });
    }

    fn advance(&mut self, scene: &mut Scene<'_>, deal: u32, stage: u8) {
        let opportunity = scene.name('d', deal);
        let value = Scene::money(amount(&mut scene.core.random, self.value, 0.1));
        let lost = !scene.alive() || scene.chance(100);
        match words::PIPELINE.get(usize::from(stage)) {
            _ if lost => {
                let reason = Some(scene.word(&words::REASONS));
                scene.say(CustomerEvent::OpportunityLost { opportunity, value, reason });
                if scene.chance(500) {
                    scene.within(120.0, Happening::Deal);
                }
            }
            Some(name) => {
                let name = (*name).to_owned();
                if name == "quote" {
                    scene.say(CustomerEvent::QuoteSent { quote: Some(opportunity.clone()), value });
                }
                scene.say(CustomerEvent::OpportunityStageChanged { opportunity, value: None, stage: name });
                scene.within(12.0, Happening::Advance { deal, stage: stage + 1 });
            }
            None => {
                scene.say(CustomerEvent::OpportunityWon { opportunity, value });
                let number = scene.number();
                self.contract = Some(number);
                self.sign(scene, number);
                scene.next(Rhythm::Office, self.orders_per_day, Happening::Visit);
            }
        }
    }

    fn sign(&self, scene: &mut Scene<'_>, number: u32) {
        let value = Scene::money(amount(&mut scene.core.random, self.value, 0.05));
        scene.say(CustomerEvent::ContractSigned {
            contract: Some(scene.name('k', number)),
            value,
            start: Some(scene.now),
            end: scene.now.checked_add(days(365.0)),
        });
        scene.after(360.0, Happening::RenewContract(number));
    }

    fn renew(&mut self, scene: &mut Scene<'_>, number: u32) {
        if scene.alive() {
            self.sign(scene, number);
        } else {
            self.end(scene, number);
        }
    }

    fn end(&mut self, scene: &mut Scene<'_>, number: u32) {
        self.contract = None;
        let reason = Some(scene.word(&words::REASONS));
        scene.say(CustomerEvent::ContractEnded { contract: Some(scene.name('k', number)), reason });
        if scene.chance(600) {
            scene.within(5.0, Happening::ConfirmChurn);
        }
    }
}
