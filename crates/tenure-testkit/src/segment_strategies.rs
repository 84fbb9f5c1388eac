//! Random policies of RFM, edges and histories of buying: few days, few amounts, so that segments change often and every
//! failure shrinks to something that can be read.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use tenure_core::projection::rfm::{
    CnCut, CnPolicy, FixedEdges, Frequency, MapName, RfmPolicy, Scoring, TierBasis, TierPolicy,
};
use tenure_core::rates::Decimal;
use tenure_core::report::rfm::{CnEdges, Edge, Mean, RfmEdges, ScoreEdges, TierEdge, TierEdges};
use tenure_core::{Customer, CustomerEvent, Duration, Event, EventId, Money, Policy, Timestamp, Zone};

use crate::engine::{Step, steps_at};
use crate::strategies::{customer, delivery};

const DAY: i64 = 86_400_000_000;

/// How long histories are, and how far time passes, in days.
pub const SPAN: i64 = 70;

/// A zone and the day on which histories begin: clocks are put forward at midnight and at two, and back over midnight, before
/// it and after it.
fn place() -> impl Strategy<Value = (Zone, i64)> {
    let places = [
        ("UTC", 18_262),
        ("Asia/Shanghai", 18_262),
        ("America/New_York", 18_315),
        ("Asia/Beirut", 18_340),
        ("Asia/Beirut", 18_540),
        ("America/St_Johns", 14_905),
    ];
    select(places.to_vec()).prop_filter_map("a zone", |(zone, day)| Some((zone.parse().ok()?, day)))
}

fn rfm_policy() -> impl Strategy<Value = RfmPolicy> {
    let tiers = select(vec![
        TierBasis::Sum,
        TierBasis::R,
        TierBasis::M,
        TierBasis::RecencyDays,
        TierBasis::Frequency,
        TierBasis::Monetary,
    ]);
    let maps =
        vec![MapName::Segments11, MapName::SegmentsRPackage10, MapName::SegmentsCn8, MapName::TiersAbc];
    (
        option::of(6_u32..30 * 24),
        select(vec![Frequency::Days, Frequency::Orders]),
        select(vec![Scoring::Value, Scoring::RPackage, Scoring::Fixed]),
        select(maps),
        select(vec![CnCut::Mean, CnCut::ScoreMean, CnCut::Fixed]),
        tiers,
    )
        .prop_map(|(hours, frequency, scoring, map, cut, of)| {
            let hour = |hours| Duration::from_micros(i64::from(hours) * DAY / 24).unwrap_or(Duration::ZERO);
            let fixed = FixedEdges { r_days: [1, 2, 3, 4], f: [1, 2, 3, 4], m: [Decimal::whole(1); 4] };
            RfmPolicy {
                lookback: hours.map(hour),
                frequency,
                scoring,
                map,
                fixed: (scoring == Scoring::Fixed).then_some(fixed),
                cn: CnPolicy { cut, ..CnPolicy::default() },
                tiers: TierPolicy { of, ..TierPolicy::default() },
                ..RfmPolicy::default()
            }
        })
}

fn ascending(most: i64) -> impl Strategy<Value = [Edge; 4]> {
    let tenths = select(vec!["0", "0", "2", "4", "6", "8"]);
    vec((0..=most, tenths), 4).prop_filter_map("four edges", |mut edges| {
        edges.sort_unstable();
        let edges: Option<Vec<Edge>> =
            edges.into_iter().map(|(whole, tenths)| format!("{whole}.{tenths}").parse().ok()).collect();
        edges?.try_into().ok()
    })
}

fn mean(most: i128) -> impl Strategy<Value = Mean> {
    (0..=most * 3, 1_u64..4).prop_map(|(sum, customers)| Mean { sum, customers })
}

/// Edges that fit the RFM of a policy.
pub fn edges(policy: &Policy) -> impl Strategy<Value = RfmEdges> + use<> {
    let rfm = policy.rfm.clone();
    let policy_hash = policy.rfm().map_or_else(|_| String::new(), |rfm| rfm.policy_hash().to_owned());
    let scores = (ascending(20), ascending(5), ascending(2_000));
    let means = (mean(10), mean(3), mean(1_000), 0_u32..12, 1_u32..4);
    let tiers = (option::of(0_i128..15), option::of(0_i128..15));
    (scores, means, tiers, 0_i64..SPAN).prop_filter_map(
        "a currency of the list",
        move |((r, f, m), (mr, mf, mm, r_days, times), (a, b), day)| {
            let cn = match rfm.cn.cut {
                CnCut::Mean => CnEdges::Mean { r: mr, f: mf, m: mm },
                CnCut::Fixed => CnEdges::Fixed { r_days, f: times, average: Decimal::whole(5) },
                _ => CnEdges::ScoreMean { r: mf, f: mf, m: mf },
            };
            let tier =
                |worst: i128| TierEdge(if rfm.tiers.of == TierBasis::Monetary { worst * 100 } else { worst });
            Some(RfmEdges {
                as_of: Timestamp::from_micros(day * DAY).unwrap_or(Timestamp::MIN),
                policy_hash: policy_hash.clone(),
                currency: "USD".parse().ok()?,
                scores: Some(ScoreEdges { r, f, m }),
                cn: (rfm.map == MapName::SegmentsCn8).then_some(cn),
                tiers: (rfm.map == MapName::TiersAbc).then_some(TierEdges { a: a.map(tier), b: b.map(tier) }),
            })
        },
    )
}

/// On a grid of six hours so that ties are common, or off it.
fn instant(start: i64) -> impl Strategy<Value = Timestamp> + Clone {
    let at = move |micros: i64| Timestamp::from_micros(start + micros).unwrap_or(Timestamp::MAX);
    prop_oneof![
        3 => (0..SPAN * 4).prop_map(move |n| at(n * DAY / 4)),
        1 => (0..SPAN * DAY).prop_map(at),
    ]
}

fn fact() -> impl Strategy<Value = CustomerEvent> {
    let amount = || {
        let money = (0_i64..2_000, prop_oneof![40 => Just("USD"), 1 => Just("CNY")]);
        option::weighted(
            0.9,
            money.prop_filter_map("a currency of the list", |(minor, code)| {
                Some(Money::from_minor(minor, code.parse().ok()?))
            }),
        )
    };
    prop_oneof![
        6 => amount().prop_map(|total| CustomerEvent::OrderPlaced { order: None, total, lines: vec![] }),
        2 => amount().prop_map(|refund| CustomerEvent::OrderRefunded { order: None, refund }),
        2 => Just(CustomerEvent::SessionStarted {}),
    ]
}

/// Orders and refunds of four customers, with merges and voids among them, in no order.
fn history(start: i64) -> impl Strategy<Value = Vec<Event>> {
    let id = || any::<[u8; 16]>().prop_map(EventId::from_bytes);
    let facts = vec((id(), customer(), instant(start), fact()), 0..16);
    let merges = vec((id(), customer(), customer(), instant(start)), 0..2);
    let voids = vec((id(), any::<prop::sample::Index>(), instant(start)), 0..3);
    (facts, merges, voids).prop_map(|(facts, merges, voids)| {
        let event = |id, customer: Customer, at, what| Event::new(id, customer, at, what).ok();
        let mut all: Vec<Event> =
            facts.into_iter().filter_map(|(id, customer, at, fact)| event(id, customer, at, fact)).collect();
        for (id, survivor, other, at) in merges {
            // A merge with oneself is refused, and is none.
            all.extend(event(id, survivor, at, CustomerEvent::IdentityMerged { other }));
        }
        for (id, target, at) in voids {
            if let Some(target) = all.get(target.index(all.len().max(1))).cloned() {
                let void = CustomerEvent::EventVoided { target: target.id(), why: None };
                all.extend(event(id, target.customer().clone(), at, void));
            }
        }
        all
    })
}

/// A policy, and what happens under it: buying in any order, as time passes, with edges that are given now and then.
pub fn segment_steps() -> impl Strategy<Value = (Policy, Vec<Step>)> {
    (place(), rfm_policy()).prop_flat_map(|((zone, day), rfm)| {
        let retail = Policy::preset("retail").unwrap_or_default();
        let policy = Policy { zone, rfm, ..retail };
        let start = day * DAY;
        let given = vec(edges(&policy), 1..4);
        let steps = history(start)
            .prop_flat_map(delivery)
            .prop_flat_map(move |batches| steps_at(batches, instant(start)));
        let places = vec(any::<prop::sample::Index>(), 3);
        (Just(policy), steps, given, places).prop_map(|(policy, mut steps, given, places)| {
            let mut given = given.into_iter().map(|edges| Step::Edges(Box::new(edges)));
            // The first ones early, so that there is something to tell.
            let first = given.next();
            for (edges, place) in given.zip(places) {
                steps.insert(place.index(steps.len() + 1), edges);
            }
            steps.splice(0..0, first);
            (policy, steps)
        })
    })
}
