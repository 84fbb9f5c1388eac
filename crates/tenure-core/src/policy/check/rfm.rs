//! Cuts and segments of RFM: scores that nobody gets, tiers that are empty, segments that hide each other.

use super::finding::{Code, Finding, Severity};
use crate::projection::rfm::{FixedEdges, OwnSegment, RfmPolicy, TierBasis, TierPolicy, TierRule};
use crate::rates::Decimal;
use crate::report::rfm::{Scores, holds};

/// Everything that is found out about RFM. What is written counts, also where it is not chosen: it can be by a flag.
pub(super) fn check(policy: &RfmPolicy) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(policy.fixed.iter().flat_map(edges));
    findings.extend(tiers(&policy.tiers));
    if !policy.segments.is_empty() {
        segments(&policy.segments, &mut findings);
    }
    findings
}

fn edges(fixed: &FixedEdges) -> Vec<Finding> {
    let empty = |of: &str, score: usize, why: String| {
        let finding = Finding::new(Code::EmptyScore, Severity::Error, format!("rfm.fixed.{of}"));
        finding.with("score", score).with("of", of).with("why", why)
    };
    let mut findings = Vec::new();
    // Nobody bought in the future, and nobody who is scored bought never.
    findings.extend(
        fixed.r_days.first().filter(|edge| **edge == 0).map(|_| empty("r_days", 5, "r_days < 0".into())),
    );
    findings
        .extend(fixed.f.first().filter(|edge| **edge <= 1).map(|edge| empty("f", 1, format!("f < {edge}"))));
    let mut coincide = |of: &str, edges: [String; 4], falling: bool| {
        for (place, (a, b)) in edges.iter().zip(edges.iter().skip(1)).enumerate().filter(|(_, (a, b))| a == b)
        {
            let score = if falling { 4 - place } else { place + 2 };
            findings.push(empty(of, score, format!("{a} <= {of} < {b}")));
        }
    };
    coincide("r_days", fixed.r_days.map(|edge| edge.to_string()), true);
    coincide("f", fixed.f.map(|edge| edge.to_string()), false);
    coincide("m", fixed.m.map(|edge| edge.to_string()), false);
    findings
}

/// Exact: a decimal has at most fifteen digits behind the point.
const UNIT: u64 = 1_000_000_000_000_000;

fn tiers(policy: &TierPolicy) -> Vec<Finding> {
    let (none, all) = (Decimal::whole(0), Decimal::whole(1));
    let mut found: Vec<(&str, String)> = Vec::new();
    let path = match (policy.by, policy.cuts) {
        (TierRule::Shares, _) => {
            let [a, b] = policy.shares;
            let full = a.ceil_sum_times(b, UNIT) >= UNIT.into();
            if a == none {
                found.push(("A", "A = 0".into()));
            }
            if b == none || a >= all {
                found.push(("B", format!("A = {a}, B = {b}")));
            }
            if full {
                found.push(("C", format!("A + B = {a} + {b}")));
            }
            "rfm.tiers.shares"
        }
        (TierRule::Cuts, Some([a, b])) => {
            let fewer_is_better = policy.of == TierBasis::RecencyDays;
            let (least, most) = match policy.of {
                TierBasis::Sum => (Some(3), Some(15)),
                TierBasis::R | TierBasis::F | TierBasis::M => (Some(1), Some(5)),
                TierBasis::Frequency => (Some(1), None),
                _ => (None, None),
            };
            let above = |cut: Decimal| most.is_some_and(|most| cut > Decimal::whole(most));
            let below = |cut: Decimal| least.is_some_and(|least| cut <= Decimal::whole(least));
            if above(a) || (fewer_is_better && a < none) {
                found.push(("A", format!("A = {a}")));
            }
            if a == b || above(b) || below(a) || (fewer_is_better && b < none) {
                found.push(("B", format!("A = {a}, B = {b}")));
            }
            if below(b) {
                found.push(("C", format!("B = {b}")));
            }
            "rfm.tiers.cuts"
        }
        _ => return Vec::new(),
    };
    let finding = |(tier, why)| {
        Finding::new(Code::EmptyTier, Severity::Warning, path).with("tier", tier).with("why", why)
    };
    found.into_iter().map(finding).collect()
}

fn every_score() -> impl Iterator<Item = Scores> {
    (0..125).map(|n| Scores { r: n / 25 + 1, f: n / 5 % 5 + 1, m: n % 5 + 1 })
}

fn shown(scores: Scores) -> String {
    format!("r{} f{} m{}", scores.r, scores.f, scores.m)
}

fn segments(segments: &[OwnSegment], findings: &mut Vec<Finding>) {
    let cells =
        |segment: &OwnSegment| -> Vec<Scores> { every_score().filter(|s| holds(segment, *s)).collect() };
    let of: Vec<Vec<Scores>> = segments.iter().map(cells).collect();
    for (place, (segment, own)) in segments.iter().zip(&of).enumerate() {
        let path = format!("rfm.segment[{place}]");
        if own.is_empty() {
            let finding = Finding::new(Code::DeadSegment, Severity::Error, path);
            findings.push(finding.with("segment", &segment.code));
            continue;
        }
        let earlier = || segments.iter().zip(&of).take(place);
        let taken = |s: &Scores| earlier().any(|(_, theirs)| theirs.contains(s));
        if own.iter().all(taken) {
            let by = earlier().filter(|(_, theirs)| own.iter().any(|s| theirs.contains(s)));
            let by: Vec<&str> = by.map(|(other, _)| other.code.as_str()).collect();
            let finding = Finding::new(Code::ShadowedSegment, Severity::Error, path);
            findings.push(finding.with("segment", &segment.code).with("earlier", by.join(", ")));
            continue;
        }
        for (other, theirs) in earlier().filter(|(other, _)| other.code != segment.code) {
            let shared: Vec<&Scores> = own.iter().filter(|s| theirs.contains(s)).collect();
            // A narrow segment before a wide one is an order that says itself.
            if let Some(example) = shared.first().filter(|_| shared.len() < theirs.len()) {
                let finding = Finding::new(Code::OverlappingSegments, Severity::Warning, path.as_str());
                findings.push(
                    finding
                        .with("segment", &segment.code)
                        .with("earlier", &other.code)
                        .with("cells", shared.len())
                        .with("example", shown(**example)),
                );
            }
        }
    }
    let missing: Vec<Scores> = every_score().filter(|s| !of.iter().any(|own| own.contains(s))).collect();
    if let Some(example) = missing.first() {
        let finding = Finding::new(Code::UncoveredScores, Severity::Warning, "rfm.segment");
        findings.push(finding.with("cells", missing.len()).with("example", shown(*example)));
    }
}
