//! One customer: the agenda, and who plays what is on it.

use tenure_core::{Event, Timestamp};

use super::agenda::Agenda;
use super::b2b::B2b;
use super::happening::Happening;
use super::random::Random;
use super::relation;
use super::retail::Retail;
use super::saas::Saas;
use super::scene::{Core, Scene};
use super::truth::lives;
use super::{Archetype, Simulation, Truth};

/// A customer who can be brought forward in time step by step.
#[derive(Debug)]
pub(super) struct Person {
    core: Core,
    model: Model,
}

/// What differs between archetypes.
#[derive(Debug)]
enum Model {
    Retail(Retail),
    Saas(Saas),
    B2b(B2b),
}

impl Person {
    /// The customer of a number before the first touch.
    pub fn new(of: &Simulation, number: u64) -> Self {
        let mut random = Random::of(of.seed, number, "person");
        let archetype = of.mix.pick(&mut random);
        let length = of.end.since(of.start).as_micros().unsigned_abs();
        let into = i64::try_from(random.below(length)).unwrap_or_default();
        let begins = Timestamp::from_micros(of.start.as_micros() + into).unwrap_or(of.start);
        let lives = lives(&mut random, archetype, begins, of.end);
        let model = match archetype {
            Archetype::Retail => Model::Retail(Retail::new(&mut random)),
            Archetype::Saas => Model::Saas(Saas::new(&mut random)),
            Archetype::B2b => Model::B2b(B2b::new(&mut random)),
        };
        let mut agenda = Agenda::new();
        agenda.put(begins, Happening::Begin);
        for (place, life) in lives.iter().enumerate() {
            if place > 0 {
                agenda.put(life.from, Happening::Return);
            }
            if let Some(to) = life.to {
                agenda.put(to, Happening::Leave);
            }
        }
        let truth = Truth { customer: of.customer(number), archetype, lives };
        let mut core = Core::new(number, truth, random, begins);
        core.agenda = agenda;
        Self { core, model }
    }

    /// When something is due next; none when nothing will ever be.
    pub fn next_at(&self) -> Option<Timestamp> {
        self.core.agenda.next_at()
    }

    /// Lets everything happen that is due before `end` and gives its facts, in the order of time.
    pub fn live_until(&mut self, of: &Simulation, end: Timestamp, facts: &mut Vec<Event>) {
        while self.next_at().is_some_and(|at| at < end) {
            let Some((now, what)) = self.core.agenda.take() else { return };
            let mut scene = Scene::new(of, &mut self.core, now, facts);
            if relation::play(&mut scene, what) {
                continue;
            }
            match &mut self.model {
                Model::Retail(model) => model.play(&mut scene, what),
                Model::Saas(model) => model.play(&mut scene, what),
                Model::B2b(model) => model.play(&mut scene, what),
            }
        }
    }

    /// The truth about the customer, whom nothing happens to any more.
    pub fn into_truth(self) -> Truth {
        self.core.truth
    }
}
