//! A policy made ready for many facts: selectors and conditions once each, words in fixed places, a table by kind.

use core::ops::Range;

use super::condition::{Condition, CountScope, Flag, Threshold, Which};
use super::memory::{self, Class, NEVER};
use super::policy::{CadencePolicy, StagePolicy};
use super::quiet::quiet;
use super::test::{Elapsed, Memory, Pace, Spot, Test};
use crate::event::{Kind, KindSet, Survey};
use crate::money::Currency;
use crate::select::{Leaf, Matcher, Selector};
use crate::time::Zone;

/// A policy, compiled.
#[derive(Clone, Debug)]
pub(super) struct Program {
    /// The words before the first fact.
    pub init: Box<[i64]>,
    /// What facts of a kind do, by kind.
    pub ops: Box<[Box<[Op]>]>,
    /// The kinds for which there is something to do.
    pub relevant: KindSet,
    pub matchers: Box<[Matcher]>,
    pub tests: Box<[Test]>,
    /// The single conditions, as texts.
    pub texts: Box<[Box<str>]>,
    pub stages: Box<[OutOf]>,
    /// The words that count in the current stage.
    pub stage_counts: Box<[usize]>,
    pub zone: Zone,
    pub gaps: u8,
}

/// The rules out of a stage.
#[derive(Clone, Debug, Default)]
pub(super) struct OutOf {
    pub rules: Vec<Rule>,
    /// The tests in them that silence can turn round, each once, with their places.
    pub timed: Vec<(u16, Test)>,
    /// The kinds whose facts cannot make one of them hold.
    pub quiet: KindSet,
}

/// A rule as one stage sees it.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    /// Its place in the policy.
    pub place: u16,
    pub to: u8,
    pub when: Expr,
    /// The tests in it in the order written.
    pub tests: Vec<u16>,
}

/// A condition over tests.
#[derive(Clone, Debug)]
pub(super) enum Expr {
    Test(Test),
    All(Box<[Expr]>),
    Any(Box<[Expr]>),
    Not(Box<Expr>),
}

/// What a fact of a kind does.
#[derive(Clone, Debug)]
pub(super) enum Op {
    /// What to keep of facts that match a selector; all facts of the kind do without a matcher.
    Select {
        matcher: Option<u16>,
        keep: Keep,
    },
    /// A refund that a selector of orders subtracts: its leaves must hold.
    Refund {
        matcher: u16,
        slot: usize,
        currency: Currency,
    },
    Tag {
        slot: usize,
        tag: Box<str>,
        on: bool,
    },
    Consent {
        slot: usize,
        purpose: Box<str>,
    },
    Attribute {
        slot: usize,
        leaf: Leaf,
    },
    Score {
        slot: usize,
        survey: Survey,
    },
    Churn {
        slot: usize,
        on: bool,
    },
    Begin(Class),
    End(Class),
    /// A subscription that ends trials.
    EndTrials,
    Open,
    Resolve,
}

/// The words that a fact that matches a selector changes: none of a sort that no condition asks for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Keep {
    /// The earliest instant.
    pub first: Option<usize>,
    /// The latest instants, the latest first.
    pub latest: Range<usize>,
    /// Numbers of facts, each with the number beyond which nobody counts.
    pub counts: Vec<(usize, i64)>,
    /// The gaps between days.
    pub rhythm: Range<usize>,
    /// Sums of amounts by currency, two words each.
    pub sums: Vec<(usize, Currency)>,
}

impl Keep {
    /// All words that it changes.
    pub(super) fn slots(&self) -> impl Iterator<Item = usize> {
        let counts = self.counts.iter().map(|(slot, _)| *slot);
        let sums = self.sums.iter().flat_map(|(slot, _)| [*slot, *slot + 1]);
        let ranges = self.latest.clone().chain(self.rhythm.clone());
        self.first.into_iter().chain(ranges).chain(counts).chain(sums)
    }
}

/// What all conditions together want to know of one selector.
struct Wants {
    selector: Selector,
    first: Option<usize>,
    latest: usize,
    latest_slot: usize,
    total: u32,
    total_slot: usize,
    since_stage: u32,
    since_stage_slot: usize,
    rhythm: Option<usize>,
    sums: Vec<(Currency, usize)>,
}

/// Latches for which one word each is enough.
#[derive(PartialEq)]
enum Latch {
    Tag(Box<str>),
    Consent(Box<str>),
    Attribute(Leaf),
    Score(Survey),
    Churn,
}

impl Program {
    pub(super) fn new(policy: &StagePolicy) -> Self {
        let all = || policy.rules().iter().flat_map(|rule| rule.when.leaves());
        let mut init = Vec::new();
        let wants = wants_of(all(), policy, &mut init);
        let latches = latches_of(all(), &mut init);
        let mut leaves: Vec<&Condition> = Vec::new();
        let mut tests = Vec::new();
        for leaf in all() {
            if !leaves.contains(&leaf) {
                leaves.push(leaf);
                tests.push(test_of(leaf, &wants, &latches, policy.cadence()));
            }
        }
        let matchers: Vec<Matcher> = wants.iter().map(|want| want.selector.compile()).collect();
        let classes: Vec<&Flag> = leaves
            .iter()
            .filter_map(|leaf| if let Condition::Flag(flag) = leaf { Some(flag) } else { None })
            .collect();
        let kinds = Kind::ALL.iter().copied().chain([Kind::Foreign]);
        let ops: Vec<Box<[Op]>> = kinds
            .clone()
            .map(|kind| {
                let mut ops = select_ops(kind, &wants, &matchers, policy.cadence().gaps);
                ops.extend(latch_ops(kind, &latches));
                ops.extend(keyed_ops(kind, &classes));
                ops.into()
            })
            .collect();
        let mut relevant = KindSet::NONE;
        for (kind, _) in kinds.clone().zip(&ops).filter(|(_, ops)| !ops.is_empty()) {
            relevant = relevant.with(kind);
        }
        let by_kind: Vec<(Kind, &[Op])> = kinds.zip(ops.iter().map(|ops| &**ops)).collect();
        let stages = (0..policy.stages().len())
            .map(|place| {
                let mut out_of = stage_of(policy, place, &leaves, &tests);
                out_of.quiet = quiet(&out_of.rules, &tests, &by_kind);
                out_of
            })
            .collect();
        Self {
            init: init.into(),
            ops: ops.into(),
            relevant,
            matchers: matchers.into(),
            texts: leaves.iter().map(|leaf| leaf.to_string().into()).collect(),
            stages,
            stage_counts: wants.iter().filter(|w| w.since_stage > 0).map(|w| w.since_stage_slot).collect(),
            tests: tests.into(),
            zone: policy.zone(),
            gaps: policy.cadence().gaps,
        }
    }

    /// The tests that silence can turn round in rules out of a stage, with their places.
    #[inline]
    pub(super) fn timed(&self, stage: u8) -> &[(u16, Test)] {
        self.stages.get(usize::from(stage)).map_or(&[], |out_of| &out_of.timed)
    }
}

fn place(index: usize) -> u16 {
    // Always fits: `StagePolicy::new` allows 1,000 rules and 4,096 single conditions, and a selector is in one.
    u16::try_from(index).unwrap_or(u16::MAX)
}

/// Puts words in and says where.
fn put(init: &mut Vec<i64>, words: usize, word: i64) -> usize {
    let slot = init.len();
    init.resize(slot + words, word);
    slot
}

fn wants_of<'a>(
    leaves: impl Iterator<Item = &'a Condition>,
    policy: &StagePolicy,
    init: &mut Vec<i64>,
) -> Vec<Wants> {
    let mut all: Vec<Wants> = Vec::new();
    for leaf in leaves {
        let Some(selector) = leaf.selector() else { continue };
        let index = all.iter().position(|want| want.selector == *selector).unwrap_or_else(|| {
            all.push(Wants {
                selector: selector.clone(),
                first: None,
                latest: 0,
                latest_slot: 0,
                total: 0,
                total_slot: 0,
                since_stage: 0,
                since_stage_slot: 0,
                rhythm: None,
                sums: Vec::new(),
            });
            all.len() - 1
        });
        let Some(want) = all.get_mut(index) else { continue };
        match leaf {
            Condition::Count { scope, compare, .. } => {
                let n = *compare.bound();
                match scope {
                    CountScope::Ever => want.total = want.total.max(n),
                    CountScope::SinceStage => want.since_stage = want.since_stage.max(n),
                    CountScope::Within(_) => {
                        want.latest = want.latest.max(usize::try_from(n).unwrap_or(usize::MAX));
                    }
                }
            }
            Condition::Sum { compare, .. } => {
                let currency = compare.bound().currency;
                if !want.sums.iter().any(|(known, _)| *known == currency) {
                    want.sums.push((currency, 0));
                }
            }
            Condition::Age { which: Which::First, .. } => want.first = Some(0),
            Condition::Age { which: Which::Last, .. } => want.latest = want.latest.max(1),
            Condition::Silence { at_least, .. } => {
                want.latest = want.latest.max(1);
                if matches!(at_least, Threshold::Cadence { .. }) {
                    want.rhythm = Some(0);
                }
            }
            _ => {}
        }
    }
    for want in &mut all {
        want.first = want.first.map(|_| put(init, 1, NEVER));
        want.latest_slot = put(init, want.latest, NEVER);
        want.total_slot = put(init, usize::from(want.total > 0), 0);
        want.since_stage_slot = put(init, usize::from(want.since_stage > 0), 0);
        if want.rhythm.is_some() {
            let slot = put(init, 1, NEVER);
            put(init, memory::rhythm_words(policy.cadence().gaps) - 1, 0);
            want.rhythm = Some(slot);
        }
        for (_, slot) in &mut want.sums {
            *slot = put(init, 2, 0);
        }
    }
    all
}

fn latches_of<'a>(leaves: impl Iterator<Item = &'a Condition>, init: &mut Vec<i64>) -> Vec<(Latch, usize)> {
    let mut latches: Vec<(Latch, usize)> = Vec::new();
    for leaf in leaves {
        let Some(latch) = latch_of(leaf) else { continue };
        if latches.iter().any(|(known, _)| *known == latch) {
            continue;
        }
        let before = match &latch {
            // What a test says of a missing attribute, before all instants.
            Latch::Attribute(leaf) => -2 | i64::from(leaf.holds_of(None)),
            _ => NEVER,
        };
        let slot = put(init, 1, before);
        latches.push((latch, slot));
    }
    latches
}

fn latch_of(leaf: &Condition) -> Option<Latch> {
    Some(match leaf {
        Condition::Tag(tag) => Latch::Tag(tag.clone()),
        Condition::Attribute(leaf) => Latch::Attribute(leaf.clone()),
        Condition::Score { survey, .. } => Latch::Score(*survey),
        Condition::Flag(Flag::ChurnConfirmed) => Latch::Churn,
        Condition::Flag(Flag::Consented(purpose)) => Latch::Consent(purpose.clone()),
        _ => return None,
    })
}

fn test_of(leaf: &Condition, wants: &[Wants], latches: &[(Latch, usize)], cadence: CadencePolicy) -> Test {
    let want = leaf.selector().and_then(|of| wants.iter().find(|want| want.selector == *of));
    let latch = latch_of(leaf);
    let slot = latches.iter().find(|(known, _)| Some(known) == latch.as_ref()).map_or(0, |(_, slot)| *slot);
    match (leaf, want) {
        (Condition::Count { scope, compare, .. }, Some(want)) => {
            let (n, less) = (*compare.bound(), !compare.is_at_least());
            match scope {
                CountScope::Ever => Test::Total { slot: want.total_slot, n: n.into(), less },
                CountScope::SinceStage => Test::SinceStage { slot: want.since_stage_slot, n: n.into(), less },
                CountScope::Within(window) => {
                    let back = usize::try_from(n.saturating_sub(1)).unwrap_or(usize::MAX);
                    Test::Elapsed(Elapsed {
                        slot: Some(want.latest_slot + back),
                        bound: window.as_micros(),
                        once: less,
                        never: less,
                        pace: None,
                    })
                }
            }
        }
        (Condition::Sum { compare, .. }, Some(want)) => {
            let currency = compare.bound().currency;
            let slot = want.sums.iter().find(|(known, _)| *known == currency).map_or(0, |(_, slot)| *slot);
            Test::Sum { slot, minor: compare.bound().minor, less: !compare.is_at_least() }
        }
        (Condition::Age { which, compare, or_never, .. }, Some(want)) => Test::Elapsed(Elapsed {
            slot: if *which == Which::First { want.first } else { Some(want.latest_slot) },
            bound: compare.bound().as_micros(),
            once: compare.is_at_least(),
            never: *or_never,
            pace: None,
        }),
        (Condition::Silence { at_least, or_never, .. }, Some(want)) => {
            let (bound, pace) = match at_least {
                Threshold::Fixed(bound) => (bound, None),
                Threshold::Cadence { times, min, max } => {
                    let scaled = |cadence| {
                        let thousandths = times.as_thousandths().into();
                        memory::scaled(cadence, thousandths, min.as_micros(), max.as_micros())
                    };
                    let pace = Pace {
                        rhythm: want.rhythm.unwrap_or(0),
                        words: memory::rhythm_words(cadence.gaps),
                        // A day has thousands of microseconds.
                        a_day: memory::MICROS_PER_DAY / 1_000 * i64::from(times.as_thousandths()),
                        max: max.as_micros(),
                        default: scaled(cadence.default.as_micros()),
                    };
                    (min, Some(pace))
                }
            };
            let slot = Some(want.latest_slot);
            Test::Elapsed(Elapsed { slot, bound: bound.as_micros(), once: true, never: *or_never, pace })
        }
        (Condition::InStageFor(bound), _) => {
            let bound = bound.as_micros();
            Test::Elapsed(Elapsed { slot: None, bound, once: true, never: false, pace: None })
        }
        (Condition::Flag(Flag::ContractActive), _) => Test::Active(Class::Contract),
        (Condition::Flag(Flag::SubscriptionActive), _) => Test::Active(Class::Subscription),
        (Condition::Flag(Flag::TrialActive), _) => Test::Active(Class::Trial),
        (Condition::Flag(Flag::TicketOpen), _) => Test::Active(Class::Ticket),
        (Condition::Flag(Flag::ComplaintOpen), _) => Test::Complaint,
        (Condition::Flag(Flag::Consented(_)), _) => Test::Latch { slot, inverted: true },
        (Condition::Score { at_most, .. }, _) => Test::Score { slot, at_most: *at_most },
        // Tags, attributes, confirmed churn; no other is single.
        _ => Test::Latch { slot, inverted: false },
    }
}

fn select_ops(kind: Kind, wants: &[Wants], matchers: &[Matcher], gaps: u8) -> Vec<Op> {
    let mut ops = Vec::new();
    for (index, (want, matcher)) in wants.iter().zip(matchers).enumerate() {
        let subtracts = kind == Kind::OrderRefunded && want.selector.admits(Kind::OrderPlaced);
        if subtracts {
            for (currency, slot) in &want.sums {
                ops.push(Op::Refund { matcher: place(index), slot: *slot, currency: *currency });
            }
        }
        if !want.selector.admits(kind) {
            continue;
        }
        let total = (want.total > 0).then_some((want.total_slot, want.total.into()));
        let since_stage = (want.since_stage > 0).then_some((want.since_stage_slot, want.since_stage.into()));
        let sums = want.sums.iter().map(|(currency, slot)| (*slot, *currency));
        let keep = Keep {
            first: want.first,
            latest: want.latest_slot..want.latest_slot + want.latest,
            counts: total.into_iter().chain(since_stage).collect(),
            rhythm: want.rhythm.map_or(0..0, |slot| slot..slot + memory::rhythm_words(gaps)),
            sums: if subtracts { Vec::new() } else { sums.collect() },
        };
        let matcher = (!matcher.takes_all_of(kind)).then_some(place(index));
        ops.push(Op::Select { matcher, keep });
    }
    ops
}

fn latch_ops(kind: Kind, latches: &[(Latch, usize)]) -> impl Iterator<Item = Op> {
    latches.iter().filter_map(move |(latch, slot)| {
        let slot = *slot;
        Some(match (kind, latch) {
            (Kind::TagAdded | Kind::TagRemoved, Latch::Tag(tag)) => {
                Op::Tag { slot, tag: tag.clone(), on: kind == Kind::TagAdded }
            }
            (Kind::ConsentChanged, Latch::Consent(purpose)) => Op::Consent { slot, purpose: purpose.clone() },
            (Kind::ProfileUpdated, Latch::Attribute(leaf)) => Op::Attribute { slot, leaf: leaf.clone() },
            (Kind::SurveyAnswered, Latch::Score(survey)) => Op::Score { slot, survey: *survey },
            (Kind::ChurnConfirmed | Kind::OrderPlaced | Kind::SubscriptionStarted, Latch::Churn) => {
                Op::Churn { slot, on: kind == Kind::ChurnConfirmed }
            }
            _ => return None,
        })
    })
}

fn keyed_ops(kind: Kind, flags: &[&Flag]) -> Vec<Op> {
    let has = |flag: Flag| flags.contains(&&flag);
    let (contract, trial) = (has(Flag::ContractActive), has(Flag::TrialActive));
    let subscription = has(Flag::SubscriptionActive);
    let ticket = has(Flag::TicketOpen) || has(Flag::ComplaintOpen);
    match kind {
        Kind::ContractSigned if contract => vec![Op::Begin(Class::Contract)],
        Kind::ContractEnded if contract => vec![Op::End(Class::Contract)],
        Kind::TrialStarted if trial => vec![Op::Begin(Class::Trial)],
        Kind::SubscriptionStarted => {
            let begins = subscription.then_some(Op::Begin(Class::Subscription));
            begins.into_iter().chain(trial.then_some(Op::EndTrials)).collect()
        }
        Kind::SubscriptionEnded if subscription => vec![Op::End(Class::Subscription)],
        Kind::TicketOpened | Kind::TicketReopened if ticket => vec![Op::Open],
        Kind::TicketResolved if ticket => vec![Op::Resolve],
        _ => Vec::new(),
    }
}

fn stage_of(policy: &StagePolicy, stage: usize, leaves: &[&Condition], tests: &[Test]) -> OutOf {
    let mut compiled = OutOf::default();
    let Some(id) = policy.stages().get(stage).map(|stage| &stage.id) else { return compiled };
    for (index, rule) in policy.rules().iter().enumerate().filter(|(_, rule)| rule.from.contains(id)) {
        let Some(to) = policy.find(&rule.to) else { continue };
        let test_place =
            |leaf: &Condition| place(leaves.iter().position(|known| *known == leaf).unwrap_or(0));
        let places: Vec<u16> = rule.when.leaves().into_iter().map(test_place).collect();
        for place in &places {
            let known = compiled.timed.iter().any(|(known, _)| known == place);
            let test = tests.get(usize::from(*place)).filter(|test| test.is_timed() && !known);
            compiled.timed.extend(test.map(|test| (*place, test.clone())));
        }
        let test = |leaf: &Condition| tests.get(usize::from(test_place(leaf))).cloned().unwrap_or(Test::NO);
        let when = expr_of(&rule.when, &test);
        compiled.rules.push(Rule { place: place(index), to: to.0, when, tests: places });
    }
    compiled
}

fn expr_of(condition: &Condition, test: &impl Fn(&Condition) -> Test) -> Expr {
    let parts = || condition.parts().iter().map(|part| expr_of(part, test));
    match condition {
        Condition::All(_) => Expr::All(parts().collect()),
        Condition::Any(_) => Expr::Any(parts().collect()),
        Condition::Not(part) => Expr::Not(Box::new(expr_of(part, test))),
        leaf => Expr::Test(test(leaf)),
    }
}

impl Expr {
    /// Whether it holds. Most conditions are a single test, which is tried on the spot.
    #[inline]
    pub(super) fn holds(&self, memory: Memory<'_>, spot: Spot, at: i64) -> bool {
        match self {
            Self::Test(test) => test.holds(memory, spot, at),
            composed => composed.holds_composed(memory, spot, at),
        }
    }

    fn holds_composed(&self, memory: Memory<'_>, spot: Spot, at: i64) -> bool {
        match self {
            Self::Test(_) => self.holds(memory, spot, at),
            Self::All(parts) => parts.iter().all(|part| part.holds(memory, spot, at)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(memory, spot, at)),
            Self::Not(part) => !part.holds(memory, spot, at),
        }
    }
}
