//! What every customer has to do with, whatever the archetype: identity, messages, service, voice.

use tenure_core::{CustomerEvent, Survey};

use super::happening::Happening;
use super::scene::{Scene, campaign, property};
use super::words;

/// How long messages go on to somebody who is not seen any more, in days.
const PATIENCE: i64 = 300;

/// Begins a relation at the first touch: consent, profile, and who turns out to be somebody else.
pub(super) fn begin(scene: &mut Scene<'_>, consenting: u64) {
    if scene.chance(40) {
        let later = 2.0 + scene.core.random.exponential(20.0);
        let until = scene.now.checked_add(super::season::days(later)).filter(|until| *until < scene.of.end);
        if let Some(until) = until {
            let account = scene.of.customer(scene.core.number);
            let key = account.key().map(ToString::to_string).unwrap_or_default() + "-guest";
            if let Ok(guest) = tenure_core::Customer::parse(&key, "sim") {
                scene.core.account = Some((guest, until));
                scene.at(until, Happening::Merge);
            }
        }
    }
    if scene.core.number > 1 && scene.chance(10) {
        scene.within(60.0, Happening::MergeWrongly);
    }
    if scene.chance(consenting) {
        scene.after(0.002, Happening::Consent(true));
    }
    if scene.chance(700) {
        scene.after(0.003, Happening::Profile);
    }
    if scene.chance(150) {
        scene.within(40.0, Happening::Tag);
    }
    if scene.chance(60) {
        scene.within(90.0, Happening::Join);
    }
    if scene.chance(20) {
        scene.within(200.0, Happening::Create);
    }
    if scene.chance(60) {
        scene.within(150.0, Happening::Refer);
    }
    scene.within(120.0, Happening::AskNps);
    scene.within(200.0, Happening::Ticket);
}

/// Plays a happening that every archetype has in common; false if it is the model's.
pub(super) fn play(scene: &mut Scene<'_>, what: Happening) -> bool {
    match what {
        Happening::TakeBack(place) => scene.take_back(place),
        Happening::Merge | Happening::MergeWrongly => merge(scene, what),
        Happening::Profile => {
            let attributes = if scene.chance(40) {
                property("city", serde_json::Value::Null)
            } else {
                property("city", scene.word(&words::CITIES))
            };
            scene.say(CustomerEvent::ProfileUpdated { attributes });
            if scene.chance(500) {
                let value = format!("c{}@mail.example", scene.core.number);
                scene.say(CustomerEvent::IdentityLinked { namespace: "email".into(), value });
            }
            scene.within(500.0, Happening::Profile);
        }
        Happening::Tag => {
            let tag = scene.word(&words::TAGS);
            if scene.chance(300) {
                scene.say(CustomerEvent::TagRemoved { tag });
            } else {
                scene.say(CustomerEvent::TagAdded { tag });
            }
            scene.within(250.0, Happening::Tag);
        }
        Happening::Owner => {
            let owner = scene.word(&words::OWNERS);
            scene.say(CustomerEvent::OwnerAssigned { owner });
            scene.within(400.0, Happening::Owner);
        }
        Happening::Join | Happening::Create | Happening::Refer if !scene.alive() => {}
        Happening::Join => {
            let community = Some(scene.word(&words::COMMUNITIES));
            scene.say(CustomerEvent::CommunityJoined { community });
        }
        Happening::Create => {
            let what = Some(scene.word(&words::CREATIONS));
            scene.say(CustomerEvent::CoCreated { what });
        }
        Happening::Refer => {
            let who = Some(format!("friend-of-{}", scene.core.number));
            scene.say(CustomerEvent::Referred { who });
            scene.within(300.0, Happening::Refer);
        }
        Happening::ConfirmChurn => {
            if !scene.alive() {
                let reason = Some(scene.word(&words::REASONS));
                scene.say(CustomerEvent::ChurnConfirmed { reason });
            }
        }
        Happening::Consent(_) | Happening::Message | Happening::Open(_) | Happening::Click(_) => {
            return messages(scene, what);
        }
        Happening::Ticket
        | Happening::Respond(_)
        | Happening::Resolve { .. }
        | Happening::Reopen(_)
        | Happening::AskAfterTicket
        | Happening::AskNps => service(scene, what),
        _ => return false,
    }
    true
}

fn merge(scene: &mut Scene<'_>, what: Happening) {
    if what == Happening::Merge {
        if let Some((other, _)) = scene.core.account.clone() {
            scene.say_as_self(CustomerEvent::IdentityMerged { other });
        }
        return;
    }
    // Taken for the neighbour; found out within days, and always before the end.
    let found_out = scene.now.checked_add(super::season::days(10.0));
    if found_out.is_some_and(|at| at < scene.of.end) {
        let other = scene.of.customer(scene.core.number - 1);
        let id = scene.say_as_self(CustomerEvent::IdentityMerged { other });
        let later = 1.0 + 9.0 * scene.core.random.unit();
        let own = scene.core.truth.customer.clone();
        scene.will_take_back(id, own, later, 1e-9);
    }
}

fn messages(scene: &mut Scene<'_>, what: Happening) -> bool {
    match what {
        Happening::Consent(granted) => {
            scene.core.consent = granted;
            scene.say(CustomerEvent::ConsentChanged { purpose: "marketing_email".into(), granted });
            if granted {
                scene.within(20.0, Happening::Message);
            }
        }
        Happening::Message => {
            let quiet = scene.now.since(scene.core.last_seen).as_days();
            if !scene.core.consent || quiet > PATIENCE {
                return true;
            }
            let number = u32::try_from(scene.core.random.below(64)).unwrap_or_default();
            scene.say(CustomerEvent::MessageSent { campaign: campaign(number) });
            if scene.alive() && scene.chance(300) {
                scene.within(0.5, Happening::Open(number));
            } else if scene.chance(5) {
                scene.within(0.5, Happening::Consent(false));
            }
            scene.within(50.0, Happening::Message);
        }
        Happening::Open(number) => {
            scene.say(CustomerEvent::MessageOpened { campaign: campaign(number) });
            if scene.chance(250) {
                scene.after(0.001, Happening::Click(number));
            }
        }
        Happening::Click(number) => scene.say(CustomerEvent::MessageClicked { campaign: campaign(number) }),
        _ => return false,
    }
    true
}

fn service(scene: &mut Scene<'_>, what: Happening) {
    let ticket_of = |scene: &Scene<'_>, number| scene.name('t', number);
    match what {
        Happening::Ticket if scene.alive() => {
            let number = scene.number();
            let ticket = ticket_of(scene, number);
            let category = Some(scene.word(&words::CATEGORIES));
            let severity = Some(scene.word(&words::SEVERITIES));
            let complaint = scene.chance(250);
            scene.say(CustomerEvent::TicketOpened { ticket, category, severity, complaint });
            scene.within(0.3, Happening::Respond(number));
            scene.within(250.0, Happening::Ticket);
        }
        Happening::Respond(number) => {
            let ticket = ticket_of(scene, number);
            scene.say(CustomerEvent::TicketResponded { ticket });
            // A few are never solved.
            if scene.chance(950) {
                scene.within(2.0, Happening::Resolve { ticket: number, may_return: true });
            }
        }
        Happening::Resolve { ticket: number, may_return } => {
            let ticket = ticket_of(scene, number);
            scene.say(CustomerEvent::TicketResolved { ticket });
            if may_return && scene.alive() && scene.chance(120) {
                scene.within(3.0, Happening::Reopen(number));
            } else if scene.chance(300) {
                scene.within(1.0, Happening::AskAfterTicket);
            }
        }
        Happening::Reopen(number) => {
            let ticket = ticket_of(scene, number);
            scene.say(CustomerEvent::TicketReopened {
                ticket,
                category: None,
                severity: None,
                complaint: true,
            });
            scene.within(1.5, Happening::Resolve { ticket: number, may_return: false });
        }
        Happening::AskAfterTicket if scene.alive() => {
            let ces = scene.chance(300);
            let (survey, most) = if ces { (Survey::Ces, 7) } else { (Survey::Csat, 5) };
            let score = score(scene, most);
            scene.say(CustomerEvent::SurveyAnswered { survey, score: score.max(1) });
        }
        Happening::AskNps if scene.alive() => {
            if scene.chance(300) {
                let score = score(scene, 10);
                scene.say(CustomerEvent::SurveyAnswered { survey: Survey::Nps, score });
            }
            scene.within(180.0, Happening::AskNps);
        }
        _ => {}
    }
}

/// The better of two answers: most people are content.
fn score(scene: &mut Scene<'_>, most: u64) -> i64 {
    let random = &mut scene.core.random;
    i64::try_from(random.below(most + 1).max(random.below(most + 1))).unwrap_or_default()
}
