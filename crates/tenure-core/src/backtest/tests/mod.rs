mod subscriptions;

use super::cases::{Case, Cases};
use super::*;
use crate::log::{Append, Log};
use crate::{Customer, CustomerEvent, Duration, Event, EventId, Money};

const DAY: i64 = 86_400_000_000;

fn day(day: i64) -> Timestamp {
    Timestamp::from_micros(day * DAY).unwrap()
}

/// The last microsecond of a day.
fn end_of(n: i64) -> Timestamp {
    Timestamp::from_micros((n + 1) * DAY - 1).unwrap()
}

fn customer(n: u64) -> Customer {
    Customer::parse(&format!("{n:03}"), "shop").unwrap()
}

fn order(n: u64, at: Timestamp, minor: i64) -> Event {
    let total = Some(Money::from_minor(minor, "USD".parse().unwrap()));
    let fact = CustomerEvent::OrderPlaced { order: None, total, lines: vec![] };
    Event::new(EventId::from_foreign("shop", &format!("{n} {at}")), customer(n), at, fact).unwrap()
}

/// Numbers that look random and follow from a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// Customers who buy at rates of their own, in the first ten days for the first time, and leave one day.
fn population(customers: u64) -> Vec<Event> {
    let mut random = Random(7);
    let mut facts = Vec::new();
    for n in 0..customers {
        let rhythm = 4 + random.below(40);
        let leaves = 20 + random.below(400);
        let mut at = random.below(10);
        while at < leaves.min(360) {
            facts.push(order(
                n,
                day(1_000 + i64::try_from(at).unwrap()),
                500 + i64::try_from(random.below(5_000)).unwrap(),
            ));
            at += 1 + random.below(2 * rhythm);
        }
    }
    facts
}

/// Each fact recorded when it happened.
fn log(facts: Vec<Event>) -> Log {
    recorded(facts.into_iter().map(|fact| (fact.occurred_at(), fact)).collect())
}

/// Facts with the instants at which they were recorded.
fn recorded(mut facts: Vec<(Timestamp, Event)>) -> Log {
    facts.sort_by_key(|(at, _)| *at);
    let mut log = Log::new();
    for (at, fact) in facts {
        log.append(&Append::new(vec![fact]), at).unwrap();
    }
    log
}

fn plan() -> Plan {
    Plan {
        train: vec![end_of(1_060), end_of(1_090)],
        test: vec![end_of(1_150), end_of(1_180)],
        horizon: Duration::days(60),
        knowledge: Knowledge::Recorded,
    }
}

fn backtest(policy: &Policy) -> Backtest<'_> {
    Backtest { policy, plan: plan(), target: Target::Purchases(Method::BgNbd) }
}

/// What was said at the cuts, without what came.
fn said(log: &Log) -> Vec<Case> {
    let policy = Policy::default();
    let cases = backtest(&policy).cases(log).unwrap().all;
    cases.into_iter().map(|case| Case { lapsed: false, ..case }).collect()
}

fn up_to(cases: Vec<Case>, cuts: usize) -> Vec<Case> {
    cases.into_iter().filter(|case| case.cut < cuts).collect()
}

#[test]
fn a_fact_after_a_cut_changes_no_score_at_it() {
    let facts = population(120);
    let whole = said(&log(facts.clone()));
    assert!(whole.iter().any(|case| case.cut == 3));
    for cuts in 1..=4 {
        let last = plan().cuts().nth(cuts - 1).unwrap();
        let known: Vec<Event> = facts.iter().filter(|fact| fact.occurred_at() <= last).cloned().collect();
        assert!(up_to(said(&log(known)), cuts) == up_to(whole.clone(), cuts), "{cuts} cuts");
    }
}

#[test]
fn a_fact_that_was_recorded_late_and_a_merge_and_a_void_change_no_score_before_they_were_known() {
    let facts = population(120);
    let before = said(&log(facts.clone()));
    let known = end_of(1_160);
    let happened = day(1_050);
    let late = order(3, day(1_049), 99_999);
    let merge = CustomerEvent::IdentityMerged { other: customer(5) };
    let merge = Event::new(EventId::from_foreign("crm", "merge"), customer(4), happened, merge).unwrap();
    let voided = facts.iter().find(|fact| fact.occurred_at() < happened).unwrap();
    let void = CustomerEvent::EventVoided { target: voided.id(), why: None };
    let void =
        Event::new(EventId::from_foreign("crm", "void"), voided.customer().clone(), happened, void).unwrap();
    let at_once = facts.iter().map(|fact| (fact.occurred_at(), fact.clone()));
    let later = recorded(at_once.chain([late, merge, void].map(|fact| (known, fact))).collect());
    let after = said(&later);
    // The first three cuts lie before, the last one behind.
    assert!(up_to(after.clone(), 3) == up_to(before.clone(), 3));
    assert!(after != before);
    // By when things happened they were known at once.
    let policy = Policy::default();
    let as_occurred = Plan { knowledge: Knowledge::AsOccurred, ..plan() };
    let cases = Backtest { plan: as_occurred, ..backtest(&policy) }.cases(&later).unwrap().all;
    let first = |cases: &[Case]| cases.iter().filter(|case| case.cut == 0).count();
    assert_eq!(first(&cases) + 1, first(&before), "two are one");
}

#[test]
fn shuffled_labels_teach_nothing() {
    let policy = Policy::default();
    let log = log(population(400));
    let all = backtest(&policy).cases(&log).unwrap();
    let auc = |cases: &Cases| {
        let answer: Result<_, BacktestError<core::convert::Infallible>> = backtest(&policy).judge(cases);
        let answer = answer.unwrap();
        // Of two training cuts the first teaches; the second calibrates, and nothing that is judged is learnt from.
        let taught = answer.learnt.as_ref().unwrap();
        assert_eq!(taught.cases, cases.all.iter().filter(|case| case.cut == 0).count());
        assert!(taught.calibration.is_some());
        let learnt = answer.scores.iter().find(|judged| judged.score == "learnt").unwrap();
        (learnt.pooled.auc.unwrap(), learnt.pooled.cases)
    };
    let (honest, cases) = auc(&all);
    assert!(honest > 0.75, "{honest}");
    let mut shuffled = all.clone();
    let mut random = Random(11);
    for place in (1..shuffled.all.len()).rev() {
        let other = usize::try_from(random.below(place as u64 + 1)).unwrap();
        let (one, two) = (shuffled.all[place].lapsed, shuffled.all[other].lapsed);
        (shuffled.all[place].lapsed, shuffled.all[other].lapsed) = (two, one);
    }
    let (found, _) = auc(&shuffled);
    // Four standard errors of an AUC of noise: √(1 / 12 · (1/n₁ + 1/n₂)), with at least a fifth of either kind.
    let error =
        ((1.0 / 12.0) * (1.0 / (0.2 * judge::count(cases)) + 1.0 / (0.8 * judge::count(cases)))).sqrt();
    assert!((found - 0.5).abs() < 4.0 * error, "{found} ± {error}");
}

#[test]
fn a_label_is_what_comes_after_the_cut_and_within_the_horizon() {
    let mut facts = population(40);
    let (cut, horizon) = (end_of(1_150), Duration::days(60));
    let over = cut.checked_add(horizon).unwrap();
    let micros = |at: Timestamp, by: i64| Timestamp::from_micros(at.as_micros() + by).unwrap();
    for (n, at) in [(900, cut), (901, micros(cut, 1)), (902, over), (903, micros(over, 1))] {
        facts.extend([order(n, day(1_001), 1), order(n, at, 1)]);
    }
    let policy = Policy::default();
    let cases = backtest(&policy).cases(&log(facts)).unwrap().all;
    let lapsed = |n: u64| {
        let name = customer(n).to_string();
        cases.iter().find(|case| case.customer == name && case.cut == 2).map(|case| case.lapsed)
    };
    assert_eq!([900, 901, 902, 903].map(lapsed), [Some(true), Some(false), Some(false), Some(true)]);
}

#[test]
fn the_order_of_arrival_changes_nothing() {
    let mut facts = population(60);
    let plan = Plan { knowledge: Knowledge::AsOccurred, ..plan() };
    let policy = Policy::default();
    let backtest = Backtest { plan, ..backtest(&policy) };
    let one = backtest.run(&log(facts.clone()), end_of(1_360)).unwrap();
    facts.reverse();
    let mut other = Log::new();
    other.append(&Append::new(facts), end_of(2_000)).unwrap();
    assert_eq!(
        serde_json::to_string(&backtest.run(&other, end_of(1_360)).unwrap()).unwrap(),
        serde_json::to_string(&one).unwrap()
    );
}

#[test]
fn a_plan_that_leaks_or_ends_in_the_open_is_refused() {
    let refused = |plan: Plan| plan.check(end_of(1_250)).unwrap_err();
    assert!(plan().check(end_of(1_240)).is_ok());
    assert!(matches!(refused(Plan { test: vec![end_of(1_149)], ..plan() }), PlanError::Leak { .. }));
    assert!(matches!(refused(Plan { test: vec![end_of(1_191)], ..plan() }), PlanError::Open { .. }));
    assert!(matches!(refused(Plan { test: vec![], ..plan() }), PlanError::NoCut { what: "test" }));
    assert!(matches!(refused(Plan { train: vec![], ..plan() }), PlanError::NoCut { what: "training" }));
    assert!(matches!(refused(Plan { horizon: Duration::ZERO, ..plan() }), PlanError::NoHorizon));
    let twice = vec![end_of(1_090), end_of(1_090)];
    assert!(matches!(refused(Plan { train: twice, ..plan() }), PlanError::Order { .. }));
}

#[test]
fn steps_leave_a_horizon_between_what_is_learnt_and_what_is_judged() {
    let steps = |from, step, horizon| {
        Plan::steps(
            end_of(from),
            Duration::days(step),
            Duration::days(horizon),
            end_of(400),
            Knowledge::Recorded,
        )
    };
    let days = |cuts: &[Timestamp]| cuts.iter().map(|at| at.as_micros() / DAY).collect::<Vec<_>>();
    let plan = steps(100, 30, 90).unwrap();
    assert_eq!((days(&plan.train), days(&plan.test)), (vec![100, 130, 160], vec![250, 280, 310]));
    // Fewer to learn from rather than nothing to judge.
    let plan = steps(100, 10, 140).unwrap();
    assert_eq!((days(&plan.train).len(), days(&plan.test)), (3, vec![260]));
    assert!(matches!(steps(300, 30, 90), Err(PlanError::TooShort { .. })));
    assert!(matches!(steps(100, 0, 90), Err(PlanError::NoStep)));
}

#[test]
fn a_cut_before_anybody_bought_is_named() {
    let policy = Policy::default();
    let early = Plan { train: vec![end_of(900), end_of(1_090)], ..plan() };
    let error =
        Backtest { plan: early, ..backtest(&policy) }.run(&log(population(60)), end_of(1_360)).unwrap_err();
    assert_eq!(error, BacktestError::Empty { cut: end_of(900), of: "to have bought" });
}

#[test]
fn a_warning_is_told_once_a_silence_and_judged_by_what_came() {
    let case = |n: u64, cut: usize, recency_days: i64, since: i32, lapsed: bool| Case {
        id: customer(n).id(),
        customer: customer(n).to_string(),
        cut,
        features: crate::forecast::Features::of_numbers(vec![]),
        p: 0.0,
        baselines: [0.0; 2],
        value_minor: 0,
        rules: None,
        since,
        lead_days: Some(60 - recency_days),
        lapsed,
    };
    let training = [0.1, 0.2, 0.3, 0.4, 0.9];
    let mut cases: Vec<Case> = (0..5).map(|n| case(n, 0, 1, 1, false)).collect();
    let mut p = training.to_vec();
    // Cuts 2 and 3 are judged. One silence, warned of at its second cut, which lapses 60 − 40 days later.
    cases.extend([case(10, 2, 10, 50, false), case(10, 3, 40, 50, true)]);
    p.extend([0.5, 0.95]);
    // Warned of twice in a silence that lapses: the first one counts, 60 − 20 days before.
    cases.extend([case(14, 2, 20, 40, true), case(14, 3, 50, 40, true)]);
    p.extend([0.95, 0.95]);
    // Warned of twice in one silence, which counts once, and in vain: an order came.
    cases.extend([case(11, 2, 5, 55, false), case(11, 3, 35, 55, false)]);
    p.extend([0.9, 0.9]);
    // Lapsed long ago: nobody to warn of.
    cases.push(case(13, 2, 60, 0, true));
    p.push(1.0);
    // A lapse that nobody warned of.
    cases.extend([case(12, 2, 5, 55, true)]);
    p.extend([0.89]);
    let warnings = Warnings::of(&cases, &p, &plan());
    assert_eq!((warnings.from, warnings.true_alarms, warnings.false_alarms), (0.9, 2, 1));
    assert_eq!((warnings.false_for_each_true, warnings.warned), (Some(0.5), Some(2.0 / 3.0)));
    assert_eq!(warnings.lead_days, Some(LeadDays { lower: 20, median: 20, upper: 40 }));
}
