//! Who moved between two instants, on the CDNOW sample.

use std::collections::BTreeMap;

use tenure_core::fold::{States, UpTo};
use tenure_core::log::{Cut, Log};
use tenure_core::report::rfm::{RfmAnswer, RfmMoves, RfmMovesReport, RfmReport};
use tenure_core::report::{Report, add_all};

use super::cdnow::{end_of, log, rfm};

const SINCE: &str = "1997-12-31";
const AS_OF: &str = "1998-06-30";

fn moves(log: &Log, policy: &str, since: &str, as_of: &str) -> RfmMoves {
    let (rfm, since, as_of) = (rfm(policy), end_of(since), end_of(as_of));
    let both = (UpTo { projection: rfm.clone(), at: since }, UpTo { projection: rfm.clone(), at: as_of });
    let states = States::of_log(both, Cut::default(), log);
    let report = RfmMovesReport::new(&rfm, since, as_of);
    report.finish(add_all(&report, &states, as_of)).unwrap()
}

/// The answer for one instant, by a replay of its own.
fn answer(log: &Log, policy: &str, at: &str) -> RfmAnswer {
    let (rfm, at) = (rfm(policy), end_of(at));
    let states = States::of_log(UpTo { projection: rfm.clone(), at }, Cut::default(), log);
    let report = RfmReport::new(&rfm, at);
    report.finish(add_all(&report, &states, at)).unwrap()
}

#[test]
fn customers_move_against_the_edges_of_the_earlier_instant() {
    let Some(log) = log() else { return };
    let got = moves(&log, "", SINCE, AS_OF);
    let flow = |from: &str, to: &str| {
        let found = got
            .matrix
            .iter()
            .find(|flow| flow.from.as_deref() == Some(from) && flow.to.as_deref() == Some(to));
        found.map_or(0, |flow| flow.customers)
    };
    let before = answer(&log, "", SINCE);
    assert_eq!(got.edges, before.edges);
    assert_eq!(got.before, before.segments);
    assert_eq!((flow("champions", "champions"), flow("hibernating", "hibernating")), GOLDEN.0);
    assert_eq!((flow("about_to_sleep", "hibernating"), got.moves.len()), GOLDEN.1);
}

/// From the same Python as in `cdnow.rs`, with the edges of the earlier instant at both.
const GOLDEN: ((u64, u64), (u64, usize)) = ((505, 218), (197, 1_310));

#[test]
fn moves_add_up_in_one_pass_as_in_two() {
    let Some(log) = log() else { return };
    for policy in ["", "scoring = 'nested'", "map = 'segments_cn_8'", "map = 'tiers_abc'", "lookback = '90d'"]
    {
        let got = moves(&log, policy, SINCE, AS_OF);
        assert_eq!(got.matrix.iter().map(|flow| flow.customers).sum::<u64>(), 2_357);
        let moved = got.matrix.iter().filter(|flow| flow.from != flow.to).map(|flow| flow.customers);
        assert_eq!(moved.sum::<u64>(), got.moves.len() as u64);
        let mut before: BTreeMap<String, String> = BTreeMap::new();
        before
            .extend(answer(&log, policy, SINCE).customers.into_iter().map(|row| (row.customer, row.segment)));
        for one in &got.moves {
            assert_eq!(before.get(&one.customer), one.from.as_ref());
        }
        for segment in &got.after {
            let into = got.matrix.iter().filter(|flow| flow.to.as_ref() == Some(&segment.code));
            assert_eq!(into.map(|flow| flow.customers).sum::<u64>(), segment.customers);
        }
    }
}

#[test]
fn without_edges_each_instant_is_scored_as_a_whole() {
    let Some(log) = log() else { return };
    let got = moves(&log, "scoring = 'rank'", SINCE, AS_OF);
    assert_eq!(got.after, answer(&log, "scoring = 'rank'", AS_OF).segments);
    assert_ne!(moves(&log, "", SINCE, AS_OF).after, answer(&log, "", AS_OF).segments);
}

#[test]
fn nobody_moves_in_no_time_and_newcomers_come_from_nowhere() {
    let Some(log) = log() else { return };
    assert!(moves(&log, "", AS_OF, AS_OF).moves.is_empty());
    let got = moves(&log, "", "1997-01-31", AS_OF);
    let newcomers = got.moves.iter().filter(|one| one.from.is_none()).count();
    assert_eq!(newcomers as u64, 2_357 - got.before.iter().map(|segment| segment.customers).sum::<u64>());
    assert!(newcomers > 1_000 && got.moves.iter().all(|one| one.to.is_some()));
    let left = moves(&log, "lookback = '90d'", "1997-03-31", AS_OF);
    assert!(left.moves.iter().any(|one| one.to.is_none()));
}
