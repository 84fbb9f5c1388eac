//! Each measure on a history that can be worked out by hand, and what is said of it.

use super::*;
use crate::fold::{UpTo, fold};
use crate::text::Language;
use crate::{Customer, CustomerEvent, Event, EventId, Survey};

fn day(n: u32) -> Timestamp {
    Timestamp::MIN.checked_add(Duration::days(n)).unwrap()
}

fn churn(signal: &str) -> Churn {
    let text = format!("[[signal]]\ncode = 's'\npoints = 10\n{signal}");
    Churn::new(toml::from_str(&text).unwrap(), Zone::UTC, CadencePolicy::default()).unwrap()
}

/// Facts of one customer on their days.
fn facts(facts: impl IntoIterator<Item = (u32, CustomerEvent)>) -> Vec<Event> {
    let customer = Customer::parse("ann", "shop").unwrap();
    let event = |(n, (at, fact)): (usize, (u32, CustomerEvent))| {
        Event::new(EventId::from_foreign("t", &n.to_string()), customer.clone(), day(at), fact).unwrap()
    };
    let mut events: Vec<Event> = facts.into_iter().enumerate().map(event).collect();
    events.sort_by_key(|event| event.view().key());
    events
}

/// The signal of a day, and what it says in both languages.
fn said(churn: &Churn, facts: &[Event], at: u32) -> (Option<i64>, i32, String, String) {
    let at = day(at);
    let state = fold(&UpTo { projection: churn, at }, facts.iter().map(Event::view));
    let view = churn.view(&state, at);
    let signal = &view.signals[0];
    let reason = |language| churn.reason(signal, language);
    (signal.raw, signal.points, reason(Language::En), reason(Language::ZhCn))
}

const fn days(n: i64) -> i64 {
    n * 86_400_000_000
}

fn order() -> CustomerEvent {
    CustomerEvent::OrderPlaced { order: None, total: None, lines: vec![] }
}

fn opened(ticket: &str) -> CustomerEvent {
    CustomerEvent::TicketOpened { ticket: ticket.into(), category: None, severity: None, complaint: false }
}

fn signed(end: u32) -> CustomerEvent {
    CustomerEvent::ContractSigned { contract: None, value: None, start: None, end: Some(day(end)) }
}

fn told(raw: Option<i64>, points: i32, en: &str, zh_cn: &str) -> (Option<i64>, i32, String, String) {
    (raw, points, en.into(), zh_cn.into())
}

#[test]
fn silence_is_told_by_the_own_cadence() {
    let own = churn(
        "silence = 'order_placed'\nat_least = { cadence = 1.5, min = '3d', max = '90d' }\nevery = { cadence = 0.5, min = '3d', max = '90d' }\ncap = 30",
    );
    let orders = facts([0, 21, 42, 63].map(|at| (at, order())));
    assert_eq!(
        said(&own, &orders, 125),
        told(
            Some(days(62)),
            30,
            "no order for 62 days; usually every 21 days",
            "已 62 天没有下单，平时每 21 天一次"
        )
    );
    assert_eq!(said(&own, &orders, 94).1, 0, "31 days; 31.5 are one and a half turns");
    assert_eq!(said(&own, &orders, 95).1, 10);
    assert_eq!(said(&own, &[], 95), told(None, 0, "never any order", "从未下单"));
    let fixed = churn("silence = 'order_placed'\nat_least = '30d'\nor_never = true");
    assert_eq!(
        said(&fixed, &orders, 93),
        told(
            Some(days(30)),
            10,
            "no order for 30 days; from 30 days on that is long",
            "已 30 天没有下单，超过 30 天即偏长"
        )
    );
    assert_eq!(said(&fixed, &[], 0).1, 10, "as if silent for ever");
}

#[test]
fn counts_are_many_or_few() {
    let many = churn("count = 'order_refunded'\nwithin = '30d'\nat_least = 2\nevery = 1\ncap = 20");
    let refunds =
        facts([0, 10, 10, 20].map(|at| (at, CustomerEvent::OrderRefunded { order: None, refund: None })));
    assert_eq!(
        said(&many, &refunds, 20),
        told(
            Some(3),
            20,
            "order refunded: 3 or more within 30 days; from 2 on that is many",
            "近 30 天内退款至少 3 次，达到 2 次即计"
        )
    );
    assert_eq!(said(&many, &refunds, 40).0, Some(1), "two of day 10 have left");
    let few = churn("count = 'session_started'\nwithin = '14d'\nat_most = 0");
    let sessions = facts([(0, CustomerEvent::SessionStarted {})]);
    assert_eq!(
        said(&few, &sessions, 14),
        told(Some(0), 10, "no session within 14 days", "近 14 天内没有访问")
    );
    assert_eq!(said(&few, &sessions, 13).1, 0);
    assert_eq!(said(&few, &[], 13).0, None, "who never was there does not stay away");
}

#[test]
fn a_fall_is_between_two_windows() {
    let falling =
        churn("falling = 'order_placed'\nwithin = '30d'\nat_least = 30\nevery = 20\namong = 2\ncap = 20");
    let orders = facts([1, 5, 9, 35].map(|at| (at, order())));
    assert_eq!(
        said(&falling, &orders, 40),
        told(
            Some(66),
            20,
            "order: 66 % fewer in 30 days than in as many before; from 30 % on that counts",
            "近 30 天的下单比此前同期减少 66%，减少 30% 即计"
        ),
        "one after three"
    );
    assert_eq!(said(&falling, &orders, 30).0, Some(0), "all of them are recent");
    assert_eq!(said(&falling, &orders, 62).0, Some(50), "one after two: the first has left");
    assert_eq!(said(&falling, &orders, 70).0, Some(0), "one alone is too few");
}

#[test]
fn what_is_open_counts_from_when_it_is_due() {
    let ends = churn(
        "open = 'contract_signed'\nuntil = 'contract_signed'\ndue = 'end'\nlead = '30d'\nat_least = '0d'\nevery = '20d'",
    );
    let contracts = facts([(0, signed(100)), (90, signed(200))]);
    assert_eq!(said(&ends, &contracts, 69).0, None);
    assert_eq!(
        said(&ends, &contracts, 82),
        told(Some(days(12)), 10, "contract signed: due in 18 days", "签订合同：还有 18 天到期")
    );
    assert_eq!(said(&ends, &contracts, 90).0, None, "signed again");
    assert_eq!(said(&ends, &contracts, 207).2, "contract signed: overdue for 7 days");
    let tickets =
        churn("open = 'ticket_opened'\nuntil = 'ticket_resolved'\nsame_subject = true\nat_least = 2");
    let resolved = CustomerEvent::TicketResolved { ticket: "a".into() };
    let history = facts([(1, opened("a")), (2, opened("b")), (3, opened("c")), (4, resolved)]);
    assert_eq!(
        said(&tickets, &history, 3),
        told(
            Some(2),
            10,
            "ticket opened: 2 or more still open; from 2 on that counts",
            "创建工单：至少 2 项仍未了结，达到 2 项即计"
        ),
        "three, but the third changes no points"
    );
    assert_eq!(said(&tickets, &history, 4).0, Some(2));
}

#[test]
fn what_is_open_without_a_day_is_told_by_its_age() {
    let long =
        churn("open = 'ticket_opened'\nuntil = 'ticket_resolved'\nat_least = '3d'\nevery = '4d'\ncap = 20");
    let history = facts([(1, opened("a")), (5, opened("b"))]);
    assert_eq!(
        said(&long, &history, 9),
        told(
            Some(days(8)),
            20,
            "ticket opened 8 days ago, still open; from 3 days on that is long",
            "8 天前创建工单，仍未了结，超过 3 天即偏长"
        )
    );
    assert_eq!(said(&long, &history, 0).2, "ticket opened: nothing open");
}

#[test]
fn the_latest_number_is_forgotten_in_time() {
    let nps = churn("latest = 'survey_answered'\nwithin = '90d'\nat_most = 6\nevery = 3");
    let answers = facts(
        [(0, 9), (5, 2), (5, 3)]
            .map(|(at, score)| (at, CustomerEvent::SurveyAnswered { survey: Survey::Nps, score })),
    );
    assert_eq!(
        said(&nps, &answers, 5),
        told(
            Some(3),
            20,
            "survey answered: the latest is 3; 6 or less counts",
            "最近一次回答问卷为 3，不高于 6 即计"
        )
    );
    assert_eq!((said(&nps, &answers, 94).1, said(&nps, &answers, 95).1), (20, 0));
}

#[test]
fn what_is_remembered_has_a_bound() {
    let falling = churn("falling = 'order_placed'\nwithin = '300d'\nat_least = 30");
    let many = facts((0..5_000).map(|n| (n / 100, order())));
    let state = fold(&falling, many.iter().map(Event::view));
    assert!(falling.fits(&state));
    let bytes = postcard::to_allocvec(&state).unwrap().len();
    assert!(bytes < 4_096 * 10 + 16 * 32, "{bytes}");
    let open =
        churn("open = 'ticket_opened'\nuntil = 'ticket_resolved'\nsame_subject = true\nat_least = '3d'");
    let many = facts((0..1_500).map(|n| (n, opened(&n.to_string()))));
    let state = fold(&open, many.iter().map(Event::view));
    assert!(open.fits(&state));
    assert!(postcard::to_allocvec(&state).unwrap().len() < 1_000 * 48);
    assert_eq!(said(&open, &many, 1_499).0, Some(days(1_499)), "of too many the oldest are kept");
}

#[test]
fn a_state_of_another_policy_does_not_fit() {
    let (one, other) = (
        churn("latest = 'review_posted'\nat_most = 2"),
        churn("count = 'review_posted'\nwithin = '9d'\nat_least = 2"),
    );
    assert!(one.fits(&one.init()) && !one.fits(&other.init()) && !one.fits(&ChurnState(vec![])));
    assert_ne!(one.fingerprint(), other.fingerprint());
    // What scores are called, and what everybody has, changes no state.
    let mut policy = one.policy().clone();
    policy.base = 40;
    let based = Churn::new(policy, Zone::UTC, CadencePolicy::default()).unwrap();
    assert_eq!(based.fingerprint(), one.fingerprint());
    assert_eq!(based.view(&based.init(), day(9)).score, 40);
}

#[test]
fn the_strongest_signal_with_an_action_proposes() {
    let signal = |code: &str, points: i32, action: &str| {
        format!(
            "[[signal]]\ncode = '{code}'\nsilence = 'order_placed'\nat_least = '1d'\npoints = {points}\n{action}\n"
        )
    };
    let text = signal("a", 20, "action = 'care_call'")
        + &signal("b", 90, "")
        + &signal("c", 30, "action = 'own_thing'")
        + &signal("d", -10, "action = 'follow_up'");
    let churn = Churn::new(toml::from_str(&text).unwrap(), Zone::UTC, CadencePolicy::default()).unwrap();
    let orders = facts([(0, order())]);
    let view = churn.view(&fold(&churn, orders.iter().map(Event::view)), day(5));
    assert_eq!((churn.action(&view), view.score, view.bound), (Some("own_thing"), 100, -30));
    let codes: Vec<&str> = view.reasons().iter().map(|signal| &*signal.code).collect();
    assert_eq!((codes, &*view.reassurances()[0].code), (vec!["b", "c", "a"], "d"));
    assert_eq!(Action::label_of("own_thing", Language::ZhCn), "own_thing");
}
