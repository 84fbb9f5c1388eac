//! Shoppers: visits until they silently leave.

use tenure_core::{CustomerEvent, OrderLine};

use super::happening::Happening;
use super::random::Random;
use super::relation;
use super::scene::{Scene, amount, property};
use super::season::Rhythm;
use super::words;

/// A shopper. Visits are Poisson, and each leads to an order with the same chance, so orders are Poisson, too: with the
/// gamma of rates and the lifetimes of `truth.rs` this is the Pareto/NBD model under seasons.
#[derive(Debug)]
pub(super) struct Retail {
    visits_per_day: f64,
    /// How many of 1,000 visits lead to an order.
    converts: u64,
    /// The median of a line, in minor units.
    spend: f64,
    member: bool,
    points: i64,
    orders: u32,
}

impl Retail {
    pub fn new(random: &mut Random) -> Self {
        Self {
            visits_per_day: random.gamma(0.8, 0.038),
            converts: 250 + random.below(300),
            spend: random.lognormal(1_800.0, 0.6),
            member: random.chance(500),
            points: 0,
            orders: 0,
        }
    }

    pub fn play(&mut self, scene: &mut Scene<'_>, what: Happening) {
        match what {
            Happening::Begin => {
                scene.core.prefer(&words::CHANNELS);
                if scene.chance(350) {
                    let campaign = super::scene::campaign(super::scene::brought_by(scene.core.number));
                    let cost = Scene::money(amount(&mut scene.core.random, 400.0, 0.5));
                    scene.say(CustomerEvent::LeadCaptured { campaign, cost });
                }
                if self.member {
                    scene.say(CustomerEvent::SignedUp {});
                }
                relation::begin(scene, 600);
                if scene.chance(850) {
                    scene.after(0.01, Happening::Order);
                }
                scene.next(Rhythm::Shopping, self.visits_per_day, Happening::Visit);
            }
            Happening::Return => {
                scene.after(0.005, Happening::Order);
                scene.next(Rhythm::Shopping, self.visits_per_day, Happening::Visit);
            }
            Happening::Leave => leave(scene),
            Happening::Visit if scene.alive() => {
                if scene.chance(600) {
                    scene.say(CustomerEvent::SessionStarted {});
                    scene.after(0.002, Happening::Browse(1));
                } else if scene.chance(self.converts) {
                    scene.after(0.004, Happening::Order);
                }
                scene.next(Rhythm::Shopping, self.visits_per_day, Happening::Visit);
            }
            Happening::Browse(more) if scene.alive() => {
                let name = scene.word(&words::PAGES);
                let sku = scene.word(&words::SKUS);
                scene.say(CustomerEvent::Tracked { name, properties: property("sku", sku) });
                if more > 0 && scene.chance(500) {
                    scene.after(0.002, Happening::Browse(more - 1));
                } else if scene.chance(self.converts) {
                    scene.after(0.004, Happening::Order);
                }
            }
            Happening::Order if scene.alive() => self.order(scene),
            Happening::Refund { order, minor } => {
                let (order, refund) = (Some(scene.name('o', order)), Scene::money(minor.into()));
                scene.say(CustomerEvent::OrderRefunded { order, refund });
            }
            Happening::Review(order) if scene.alive() => {
                let stars = i64::try_from(5 - scene.core.random.below(5).min(scene.core.random.below(5)));
                let about = Some(scene.name('o', order));
                scene.say(CustomerEvent::ReviewPosted { about, stars: stars.unwrap_or(5) });
            }
            Happening::Miss(orders) if orders == self.orders && scene.core.consent => {
                let offer = Some("come-back".to_owned());
                let purpose = Some("win_back".to_owned());
                scene.say(CustomerEvent::OfferMade { offer, worth: Scene::money(1_000), purpose });
                if scene.alive() && scene.chance(300) {
                    scene.within(4.0, Happening::Accept);
                }
            }
            Happening::Accept if scene.alive() => {
                scene.say(CustomerEvent::OfferAccepted { offer: Some("come-back".to_owned()) });
                scene.after(0.01, Happening::Order);
            }
            _ => {}
        }
    }

    fn order(&mut self, scene: &mut Scene<'_>) {
        let number = scene.number();
        let mut total = 0;
        let mut lines = Vec::new();
        for _ in 0..=scene.core.random.below(3) {
            let quantity = i64::try_from(1 + scene.core.random.below(2)).unwrap_or(1);
            let minor = amount(&mut scene.core.random, self.spend, 0.7) * quantity;
            let sku = scene.word(&words::SKUS);
            lines.push(OrderLine { amount: Scene::money(minor), ..OrderLine::new(&sku, quantity) });
            total += minor;
        }
        let order = Some(scene.name('o', number));
        scene.say(CustomerEvent::OrderPlaced { order: order.clone(), total: Scene::money(total), lines });
        self.orders += 1;
        scene.after(75.0 + f64::from(self.orders.min(3)) * 5.0, Happening::Miss(self.orders));
        if self.member {
            let points = total / 100;
            self.points += points;
            scene.say(CustomerEvent::PointsEarned { reason: order, points });
            if self.points > 200 && scene.chance(300) {
                let points = self.points / 2;
                self.points -= points;
                scene.say(CustomerEvent::PointsRedeemed { reason: Some("voucher".to_owned()), points });
            }
        }
        if scene.chance(60) {
            let part = i64::from(scene.chance(400)) + 1;
            let minor = u32::try_from(total / part).unwrap_or(u32::MAX);
            let later = 1.0 + scene.core.random.exponential(6.0);
            scene.after(later, Happening::Refund { order: number, minor });
        }
        if scene.chance(80) {
            scene.within(9.0, Happening::Review(number));
        }
        if scene.chance(40) {
            scene.within(4.0, Happening::Ticket);
        }
    }
}

/// A few say that they leave; of most nothing is heard.
pub(super) fn leave(scene: &mut Scene<'_>) {
    if scene.chance(40) {
        scene.within(20.0, Happening::ConfirmChurn);
    }
    if scene.chance(50) && scene.core.consent {
        scene.within(30.0, Happening::Consent(false));
    }
    // Whoever asks to be forgotten does not come back.
    if scene.chance(10) && scene.core.truth.died_at() == Some(scene.now) {
        scene.say(CustomerEvent::ErasureRequested {});
        scene.core.consent = false;
    }
}
