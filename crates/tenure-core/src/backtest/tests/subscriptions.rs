use super::*;
use crate::Period;

fn started(n: u64, at: Timestamp, minor: i64) -> Event {
    let fact = CustomerEvent::SubscriptionStarted {
        subscription: Some("s".into()),
        recurring: Some(Money::from_minor(minor, "USD".parse().unwrap())),
        period: Some(Period::Month),
    };
    Event::new(EventId::from_foreign("billing", &format!("start {n} {at}")), customer(n), at, fact).unwrap()
}

fn ended(n: u64, at: Timestamp) -> Event {
    let fact = CustomerEvent::SubscriptionEnded { subscription: Some("s".into()) };
    Event::new(EventId::from_foreign("billing", &format!("end {n} {at}")), customer(n), at, fact).unwrap()
}

fn session(n: u64, at: Timestamp) -> Event {
    let fact = CustomerEvent::SessionStarted {};
    Event::new(EventId::from_foreign("app", &format!("session {n} {at}")), customer(n), at, fact).unwrap()
}

/// Customers who pay from some day on; whoever ends it has fallen silent three weeks before, and many do so early.
fn payers(customers: u64) -> Vec<Event> {
    let mut random = Random(3);
    let mut facts = Vec::new();
    for n in 0..customers {
        let from = 1_000 + i64::try_from(random.below(90)).unwrap();
        let lasts = 25 + i64::try_from(random.below(20) * random.below(25)).unwrap();
        let until = from + lasts;
        facts.push(started(n, day(from), 900 + 100 * i64::try_from(random.below(9)).unwrap()));
        let mut at = from;
        while at < until.min(1_360) - 21 {
            facts.push(session(n, day(at)));
            at += 1 + i64::try_from(random.below(6)).unwrap();
        }
        if until < 1_360 {
            facts.push(ended(n, day(until)));
        }
    }
    facts
}

fn of_subscriptions(policy: &Policy) -> Backtest<'_> {
    Backtest { policy, plan: plan(), target: Target::Subscriptions }
}

/// What was said at the cuts, without what came.
fn told(log: &Log) -> Vec<Case> {
    let policy = Policy::default();
    let cases = of_subscriptions(&policy).cases(log).unwrap().all;
    cases.into_iter().map(|case| Case { lapsed: false, lead_days: None, ..case }).collect()
}

#[test]
fn a_fact_after_a_cut_changes_nothing_that_is_said_at_it() {
    let facts = payers(120);
    let whole = told(&log(facts.clone()));
    assert!(whole.iter().any(|case| case.cut == 3));
    for cuts in 1..=4 {
        let last = plan().cuts().nth(cuts - 1).unwrap();
        let known: Vec<Event> = facts.iter().filter(|fact| fact.occurred_at() <= last).cloned().collect();
        assert!(up_to(told(&log(known)), cuts) == up_to(whole.clone(), cuts), "{cuts} cuts");
    }
}

#[test]
fn an_end_that_was_recorded_late_and_a_merge_change_nothing_before_they_were_known() {
    let facts = payers(120);
    let before = told(&log(facts.clone()));
    let paying = before.iter().find(|case| case.cut == 2).unwrap().customer.clone();
    let n = (0..120).find(|n| customer(*n).to_string() == paying).unwrap();
    let (happened, known) = (day(1_100), end_of(1_160));
    let merge = CustomerEvent::IdentityMerged { other: customer((n + 1) % 120) };
    let merge = Event::new(EventId::from_foreign("crm", "merge"), customer(n), happened, merge).unwrap();
    let at_once = facts.iter().map(|fact| (fact.occurred_at(), fact.clone()));
    let later = recorded(at_once.chain([ended(n, happened), merge].map(|fact| (known, fact))).collect());
    let after = told(&later);
    assert!(up_to(after.clone(), 3) == up_to(before.clone(), 3));
    assert!(after != before);
}

#[test]
fn a_label_is_whether_nothing_is_due_at_an_instant_after_the_cut_and_within_the_horizon() {
    let (cut, horizon) = (end_of(1_150), Duration::days(60));
    let over = cut.checked_add(horizon).unwrap();
    let micros = |at: Timestamp, by: i64| Timestamp::from_micros(at.as_micros() + by).unwrap();
    let mut facts = payers(60);
    let ends = [(900, cut), (901, micros(cut, 1)), (902, day(1_161)), (903, over), (904, micros(over, 1))];
    for (n, at) in ends {
        facts.extend([started(n, day(1_001), 900), ended(n, at)]);
    }
    // Who begins anew the next day has lapsed nonetheless.
    facts.extend([started(905, day(1_001), 900), ended(905, day(1_155)), started(905, day(1_156), 900)]);
    let policy = Policy::default();
    let mut facts: Vec<_> = facts.into_iter().map(|fact| (fact.occurred_at(), fact)).collect();
    // Ended before the cut, and known after it: still paid for all that was known, and nobody to warn of.
    facts.extend([(day(1_002), started(906, day(1_001), 900)), (day(1_170), ended(906, day(1_140)))]);
    let cases = of_subscriptions(&policy).cases(&recorded(facts)).unwrap().all;
    let of = |n: u64| {
        let name = customer(n).to_string();
        let case = cases.iter().find(|case| case.customer == name && case.cut == 2)?;
        Some((case.lapsed, case.lead_days))
    };
    assert_eq!(of(900), None, "does not pay any more");
    assert_eq!(
        [901, 902, 903, 904].map(of),
        [Some((true, Some(1))), Some((true, Some(11))), Some((true, Some(60))), Some((false, None)),]
    );
    assert_eq!((of(905), of(906)), (Some((true, Some(5))), Some((true, Some(0)))));
}

#[test]
fn who_falls_silent_is_found_and_the_warning_comes_before_the_end() {
    let policy = Policy::preset("saas").unwrap();
    let answer = of_subscriptions(&policy).run(&log(payers(600)), end_of(1_360)).unwrap();
    let names: Vec<_> = answer.scores.iter().map(|judged| judged.score).collect();
    assert_eq!(names, ["learnt", "p_end", "rules", "recency", "age"]);
    let auc = |name: &str| {
        let judged = answer.scores.iter().find(|judged| judged.score == name).unwrap();
        judged.pooled.auc.unwrap()
    };
    // Silence says it, and age alone does not.
    assert!(auc("learnt") > 0.65 && auc("learnt") > auc("age"), "{} {}", auc("learnt"), auc("age"));
    let Model::Subscriptions(hazard) = answer.model else { panic!("{:?}", answer.model) };
    assert!(hazard.ln_month.abs() > 0.0, "{hazard:?}");
    let learnt = answer.learnt.unwrap();
    assert_eq!(learnt.features[5].name, "ln_p_end");
    let warnings = &answer.scores[0].warnings;
    let lead = warnings.lead_days.unwrap();
    assert!(warnings.true_alarms > 0 && (1..=60).contains(&lead.median), "{warnings:?}");
}

#[test]
fn nobody_pays_is_said_with_the_cut() {
    let policy = Policy::default();
    let error = of_subscriptions(&policy).run(&log(population(60)), end_of(1_360)).unwrap_err();
    assert_eq!(error, BacktestError::Empty { cut: end_of(1_060), of: "to pay" });
}

#[test]
fn a_smaller_amount_is_seen_and_what_we_do_is_no_activity() {
    let mut facts = payers(60);
    let changed = |n: u64, at: Timestamp, minor: i64| {
        let fact = CustomerEvent::SubscriptionChanged {
            subscription: Some("s".into()),
            recurring: Some(Money::from_minor(minor, "USD".parse().unwrap())),
            period: Some(Period::Month),
        };
        Event::new(EventId::from_foreign("billing", &format!("change {n} {at}")), customer(n), at, fact)
    };
    for (n, minor) in [(900, 800), (901, 1_000)] {
        facts.extend([
            started(n, day(1_001), 900),
            session(n, day(1_141)),
            changed(n, day(1_100), minor).unwrap(),
        ]);
        let sent = CustomerEvent::MessageSent { campaign: None };
        let id = EventId::from_foreign("crm", &n.to_string());
        facts.push(Event::new(id, customer(n), day(1_149), sent).unwrap());
    }
    let policy = Policy::default();
    let cases = of_subscriptions(&policy).cases(&log(facts)).unwrap();
    let feature = |n: u64, name: &str| {
        let shown = customer(n).to_string();
        let case = cases.all.iter().find(|case| case.customer == shown && case.cut == 2).unwrap();
        case.features.values()[cases.features.iter().position(|feature| *feature == name).unwrap()]
    };
    assert_eq!([900, 901].map(|n| feature(n, "shrunk") > 0.5), [true, false]);
    // From the session on day 1141 to the end of day 1150.
    for n in [900, 901] {
        assert!((feature(n, "ln_silence") - 11.0_f64.ln()).abs() < 1e-9, "{}", feature(n, "ln_silence"));
    }
}
