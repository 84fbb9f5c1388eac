//! Worked examples: facts in words, a query in JSON, its answer in JSON.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

use super::{Ask, Query, Terms};
use crate::fold::{Projection, States};
use crate::log::{Append, Log};
use crate::projection::stage::{StageMachine, StagePolicy};
use crate::report::{Report, Shown, add_all};
use crate::{Customer, CustomerEvent, Event, EventId, Money, Timestamp};

/// Facts in words, one a line, the ids in the order of the lines: who, when in UTC, what, and more of it, such as
/// `ann 2024-05-01T10:00:00 order_placed 10.00/USD channel=web` or `ann 2024-05-01T10:00:00 profile_updated plan=pro`.
/// What is no fact of the catalogue here is tracked.
fn facts(story: &str) -> Vec<Event> {
    let lines = story.lines().filter(|line| !line.trim().is_empty());
    let fact = |(place, line): (u64, &str)| {
        let mut words = line.split_whitespace();
        let mut next = || words.next().unwrap();
        let (who, at, what) = (next(), next(), next());
        let mut amount = None;
        let mut properties = Map::new();
        for word in words {
            match (word.split_once('='), word.split_once('/')) {
                (Some((name, value)), _) => {
                    let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
                    properties.insert(name.into(), value);
                }
                (_, Some((value, currency))) => {
                    amount = Some(Money::parse(value, currency.parse().unwrap()).unwrap());
                }
                _ => panic!("{word}"),
            }
        }
        let channel = properties.remove("channel");
        let fact = match what {
            "order_placed" => CustomerEvent::OrderPlaced { order: None, total: amount, lines: vec![] },
            "signed_up" => CustomerEvent::SignedUp {},
            "lead_captured" => CustomerEvent::LeadCaptured { campaign: None, cost: None },
            "profile_updated" => CustomerEvent::ProfileUpdated { attributes: properties },
            "tag_added" => CustomerEvent::TagAdded { tag: "vip".into() },
            name => CustomerEvent::Tracked { name: name.into(), properties },
        };
        let id = EventId::from_bytes(u128::from(place).to_be_bytes());
        let at = Timestamp::parse(&format!("{at}Z")).unwrap();
        let event = Event::new(id, Customer::parse(who, "shop").unwrap(), at, fact).unwrap();
        match channel {
            Some(Value::String(channel)) => event.with_channel(&channel).unwrap(),
            _ => event,
        }
    };
    (1..).zip(lines).map(fact).collect()
}

/// The answer to a query as of an instant, where the shop's stages are those of retail.
///
/// On the way it is seen that neither the order of arrival nor that of merging matters, and that states are written
/// and read back as they are.
pub(super) fn answer(query: &Value, as_of: &str, story: &str) -> Value {
    let query = Query::parse(&query.to_string()).unwrap_or_else(|error| panic!("{error}"));
    let terms =
        Terms { stages: Some(Arc::new(StageMachine::new(StagePolicy::retail().unwrap()))), segments: None };
    let as_of = Timestamp::parse(as_of).unwrap();
    macro_rules! told {
        ($kind:ident) => {{
            let asked = query.$kind(&terms, as_of).unwrap().unwrap();
            told(&asked, &asked.report(as_of), &query, &facts(story), as_of)
        }};
    }
    match query.ask {
        Ask::Retention(_) => told!(retention),
        Ask::Lifecycle(_) => told!(lifecycle),
        Ask::Paths(_) => told!(paths),
        Ask::Stickiness(_) => told!(stickiness),
        Ask::Transitions(_) => told!(transitions),
        Ask::Repurchase(_) => told!(repurchase),
        Ask::Funnel(_) => panic!("funnels have examples of their own"),
    }
}

/// Why a query is none.
pub(super) fn refused(query: &Value) -> String {
    Query::parse(&query.to_string()).map(|query| query.to_json()).unwrap_err().to_string()
}

fn told<P, R>(asked: &P, report: &R, query: &Query, facts: &[Event], as_of: Timestamp) -> Value
where
    P: Projection,
    R: Report<View = P::View>,
    R::Answer: Serialize,
{
    let states = |facts: Vec<Event>| {
        let mut log = Log::new();
        let now = facts.iter().map(Event::occurred_at).max().unwrap();
        for fact in facts {
            log.append(&Append::new(vec![fact]), now).unwrap();
        }
        let cut = crate::log::Cut { as_of: Some(as_of), ..query.frame.cut() };
        States::of_log(asked, cut, &log)
    };
    let forward = states(facts.to_vec());
    let backward = states(facts.iter().rev().cloned().collect());
    let mut merged = R::Acc::default();
    for (id, folded) in forward.iter() {
        assert_eq!(folded.state, backward.get(id).unwrap().state);
        let bytes = postcard::to_allocvec(&folded.state).unwrap();
        assert_eq!(postcard::from_bytes::<P::State>(&bytes).unwrap(), folded.state);
        let mut one = R::Acc::default();
        let shown = Shown { id, name: &forward.shown(id) };
        report.add(&mut one, shown, &asked.view(&folded.state, as_of));
        let before = core::mem::take(&mut merged);
        report.merge(&mut one, before);
        merged = one;
    }
    let json = |acc| serde_json::to_value(report.finish(acc)).unwrap();
    let answer = json(add_all(report, &forward, as_of));
    assert_eq!(json(merged), answer);
    answer
}
