//! Subscribers: trial, sessions, renewals, failed payments, cancellation.

use tenure_core::{CustomerEvent, Period};

use super::happening::Happening;
use super::random::Random;
use super::scene::{Scene, property};
use super::season::{Rhythm, days};
use super::{relation, retail, words};

/// A subscriber. Who has died inside cancels, or lets a payment fail.
#[derive(Debug)]
pub(super) struct Saas {
    sessions_per_day: f64,
    yearly: bool,
    recurring: i64,
    /// The number of the subscription that runs, and whether it was cancelled.
    running: Option<(u32, bool)>,
}

const PRICES: [i64; 4] = [900, 2_900, 9_900, 29_900];

impl Saas {
    pub fn new(random: &mut Random) -> Self {
        Self {
            sessions_per_day: random.gamma(0.7, 0.075),
            yearly: random.chance(200),
            recurring: random.one_of(&PRICES).copied().unwrap_or(900),
            running: None,
        }
    }

    const fn period(&self) -> (Period, f64) {
        if self.yearly { (Period::Year, 365.0) } else { (Period::Month, 30.0) }
    }

    pub fn play(&mut self, scene: &mut Scene<'_>, what: Happening) {
        match what {
            Happening::Begin => {
                scene.core.prefer(&words::OFFICE_CHANNELS);
                if scene.chance(500) {
                    let campaign = super::scene::campaign(super::scene::brought_by(scene.core.number));
                    scene.say(CustomerEvent::LeadCaptured { campaign, cost: Scene::money(2_500) });
                }
                scene.say(CustomerEvent::SignedUp {});
                let end = scene.now.checked_add(days(14.0));
                scene.say(CustomerEvent::TrialStarted { trial: Some("team".to_owned()), end });
                relation::begin(scene, 700);
                scene.after(14.0, Happening::TrialOver);
                scene.next(Rhythm::Office, self.sessions_per_day, Happening::Visit);
            }
            Happening::TrialOver | Happening::Subscribe | Happening::Return if scene.alive() => {
                if what == Happening::Return {
                    scene.next(Rhythm::Office, self.sessions_per_day, Happening::Visit);
                }
                if self.running.is_none() && (what != Happening::TrialOver || scene.chance(800)) {
                    self.subscribe(scene);
                }
            }
            Happening::Leave => {
                retail::leave(scene);
                if let Some((number, false)) = self.running
                    && scene.chance(700)
                {
                    scene.within(3.0, Happening::Cancel(number));
                }
            }
            Happening::Visit if scene.alive() => {
                scene.say(CustomerEvent::SessionStarted {});
                if scene.chance(400) {
                    scene.after(0.003, Happening::Browse(0));
                }
                scene.next(Rhythm::Office, self.sessions_per_day, Happening::Visit);
            }
            Happening::Browse(_) => {
                let name = scene.word(&words::FEATURES);
                let properties = property("seconds", scene.core.random.below(600));
                scene.say(CustomerEvent::Tracked { name, properties });
            }
            Happening::Accept if scene.alive() => {
                scene.say(CustomerEvent::OfferAccepted { offer: Some("half-price".to_owned()) });
            }
            _ => self.bill(scene, what),
        }
    }

    fn subscribe(&mut self, scene: &mut Scene<'_>) {
        let number = scene.number();
        let (period, length) = self.period();
        self.running = Some((number, false));
        scene.say(CustomerEvent::SubscriptionStarted {
            subscription: Some(scene.name('s', number)),
            recurring: Scene::money(self.recurring),
            period: Some(period),
        });
        scene.after(length, Happening::Renew(number));
    }

    fn bill(&mut self, scene: &mut Scene<'_>, what: Happening) {
        let (Happening::Renew(number) | Happening::Retry(number) | Happening::Cancel(number)) = what else {
            return;
        };
        let Some((running, cancelled)) = self.running.filter(|(running, _)| *running == number) else {
            return;
        };
        let subscription = Some(scene.name('s', running));
        match what {
            Happening::Cancel(_) => {
                // Somebody may have come back before saying so.
                if !cancelled && !scene.alive() {
                    self.running = Some((running, true));
                    let reason = Some(scene.word(&words::REASONS));
                    scene.say(CustomerEvent::SubscriptionCancelled { subscription, reason });
                }
            }
            Happening::Renew(_) if cancelled => self.end(scene, subscription),
            Happening::Renew(_) if !scene.alive() || scene.chance(40) => {
                let reason = Some(scene.word(&words::PAYMENT_REASONS));
                let due = Scene::money(self.recurring);
                scene.say(CustomerEvent::PaymentFailed { what: subscription, due, reason });
                scene.after(3.0, Happening::Retry(running));
            }
            Happening::Retry(_) if !scene.alive() => {
                let reason = Some("card_expired".to_owned());
                let due = Scene::money(self.recurring);
                scene.say(CustomerEvent::PaymentFailed { what: subscription.clone(), due, reason });
                self.end(scene, subscription);
            }
            _ => self.renew(scene, running, subscription),
        }
    }

    fn renew(&mut self, scene: &mut Scene<'_>, running: u32, subscription: Option<String>) {
        let (period, length) = self.period();
        if scene.chance(50) {
            let up = scene.chance(650);
            self.recurring = if up { self.recurring * 3 / 2 } else { self.recurring * 2 / 3 };
            scene.say(CustomerEvent::SubscriptionChanged {
                subscription: subscription.clone(),
                recurring: Scene::money(self.recurring),
                period: Some(period),
            });
        }
        scene.say(CustomerEvent::SubscriptionRenewed {
            subscription,
            recurring: Scene::money(self.recurring),
            period: Some(period),
        });
        scene.after(length, Happening::Renew(running));
    }

    fn end(&mut self, scene: &mut Scene<'_>, subscription: Option<String>) {
        self.running = None;
        scene.say(CustomerEvent::SubscriptionEnded { subscription });
        if scene.alive() {
            scene.within(2.0, Happening::Subscribe);
            return;
        }
        let (offer, purpose) = (Some("half-price".to_owned()), Some("win_back".to_owned()));
        scene.say(CustomerEvent::OfferMade { offer, worth: Scene::money(self.recurring / 2), purpose });
        scene.within(60.0, Happening::Accept);
        if scene.chance(250) {
            scene.within(10.0, Happening::ConfirmChurn);
        }
    }
}
