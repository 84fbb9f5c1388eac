//! Maps from scores to segments: data, versioned, first match wins.

use serde::Serialize;

use super::score::Scores;
use crate::projection::rfm::{MapName, OwnSegment, RfmPolicy, ScoreRange};

/// A segment: stable code and display names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Segment<'a> {
    /// Stable code.
    pub code: &'a str,
    /// Display name in English.
    pub en: &'a str,
    /// Display name in Chinese.
    pub zh_cn: &'a str,
}

/// A map that comes with the library.
#[derive(Clone, Copy, Debug)]
pub struct SegmentMap {
    /// The name in a policy.
    pub name: MapName,
    /// Grows when a rule changes, so that an answer can be compared with an old one.
    pub version: u16,
    /// The segments, in the order in which they are listed.
    pub segments: &'static [Segment<'static>],
    /// The first rule that matches gives the segment.
    rules: &'static [Rule],
}

/// The scores of a segment.
#[derive(Clone, Copy, Debug)]
struct Rule {
    code: &'static str,
    r: ScoreRange,
    f: ScoreRange,
    m: ScoreRange,
    fm: ScoreRange,
}

const ANY: (u8, u8) = (1, 5);

const fn segment(code: &'static str, en: &'static str, zh_cn: &'static str) -> Segment<'static> {
    Segment { code, en, zh_cn }
}

const fn range((lo, hi): (u8, u8)) -> ScoreRange {
    ScoreRange::new(lo, hi)
}

const fn by_fm(code: &'static str, r: (u8, u8), fm: (u8, u8)) -> Rule {
    Rule { code, r: range(r), f: range(ANY), m: range(ANY), fm: range(fm) }
}

const fn by_all(code: &'static str, r: (u8, u8), f: (u8, u8), m: (u8, u8)) -> Rule {
    Rule { code, r: range(r), f: range(f), m: range(m), fm: range(ANY) }
}

/// Whom no rule of a map names.
pub(super) const OTHERS: Segment<'static> = segment("others", "Others", "其他客户");

/// The maps that come with the library. The Chinese map and the tiers are cut elsewhere and have no rules.
pub const MAPS: [SegmentMap; 4] = [
    SegmentMap {
        name: MapName::Segments11,
        version: 1,
        segments: &[
            segment("champions", "Champions", "冠军客户"),
            segment("cant_lose_them", "Can't Lose Them", "不能流失客户"),
            segment("new_customers", "New Customers", "新客户"),
            segment("promising", "Promising", "有希望客户"),
            segment("loyal_customers", "Loyal Customers", "忠诚客户"),
            segment("potential_loyalist", "Potential Loyalist", "潜在忠诚客户"),
            segment("at_risk", "At Risk", "流失风险客户"),
            segment("needs_attention", "Needs Attention", "需要关注客户"),
            segment("about_to_sleep", "About To Sleep", "即将沉睡客户"),
            segment("hibernating", "Hibernating", "沉睡客户"),
            segment("lost", "Lost", "流失客户"),
        ],
        rules: &[
            by_fm("champions", (4, 5), (4, 5)),
            by_fm("cant_lose_them", (1, 1), (4, 5)),
            by_fm("new_customers", (5, 5), (1, 1)),
            by_fm("promising", (3, 4), (1, 1)),
            by_fm("loyal_customers", (3, 5), (3, 5)),
            by_fm("potential_loyalist", (4, 5), (1, 3)),
            by_fm("at_risk", (1, 2), (3, 5)),
            by_fm("needs_attention", (3, 3), (2, 3)),
            by_fm("about_to_sleep", (2, 2), (2, 2)),
            by_fm("hibernating", (2, 2), (1, 1)),
            by_fm("hibernating", (1, 1), (2, 2)),
            by_fm("lost", (1, 1), (1, 1)),
        ],
    },
    SegmentMap {
        name: MapName::SegmentsRPackage10,
        version: 1,
        segments: &[
            segment("champions", "Champions", "冠军客户"),
            segment("potential_loyalist", "Potential Loyalist", "潜在忠诚客户"),
            segment("loyal_customers", "Loyal Customers", "忠诚客户"),
            segment("promising", "Promising", "有希望客户"),
            segment("new_customers", "New Customers", "新客户"),
            segment("cant_lose_them", "Can't Lose Them", "不能流失客户"),
            segment("at_risk", "At Risk", "流失风险客户"),
            segment("need_attention", "Need Attention", "需要关注客户"),
            segment("about_to_sleep", "About To Sleep", "即将沉睡客户"),
            segment("lost", "Lost", "流失客户"),
            OTHERS,
        ],
        rules: &[
            by_all("champions", (5, 5), (5, 5), (5, 5)),
            by_all("potential_loyalist", (3, 5), (3, 5), (2, 5)),
            by_all("loyal_customers", (2, 4), (2, 4), (2, 4)),
            by_all("promising", (3, 4), (1, 3), (3, 5)),
            by_all("new_customers", (4, 5), (1, 3), (1, 5)),
            by_all("cant_lose_them", (1, 2), (3, 4), (4, 5)),
            by_all("at_risk", (1, 2), (2, 5), (4, 5)),
            by_all("need_attention", (1, 3), (3, 5), (3, 5)),
            by_all("about_to_sleep", (2, 3), (1, 3), (1, 4)),
            by_all("lost", (1, 1), (1, 5), (1, 5)),
        ],
    },
    SegmentMap {
        name: MapName::SegmentsCn8,
        version: 1,
        segments: &[
            segment("important_value", "Important, value", "重要价值客户"),
            segment("important_keep", "Important, keep", "重要保持客户"),
            segment("important_develop", "Important, develop", "重要发展客户"),
            segment("important_retain", "Important, retain", "重要挽留客户"),
            segment("general_value", "General, value", "一般价值客户"),
            segment("general_keep", "General, keep", "一般保持客户"),
            segment("general_develop", "General, develop", "一般发展客户"),
            segment("general_retain", "General, retain", "一般挽留客户"),
        ],
        rules: &[],
    },
    SegmentMap {
        name: MapName::TiersAbc,
        version: 1,
        segments: &[
            segment("a", "A: high value", "A 高价值客户"),
            segment("b", "B: potential", "B 潜力客户"),
            segment("c", "C: ordinary", "C 普通客户"),
        ],
        rules: &[],
    },
];

/// The map that comes with the library under this name; none for one's own.
pub fn map(name: MapName) -> Option<&'static SegmentMap> {
    MAPS.iter().find(|map| map.name == name)
}

/// The segments that a policy can give, each once, in the order in which they are listed.
pub fn segments(policy: &RfmPolicy) -> Vec<Segment<'_>> {
    if let Some(map) = map(policy.map) {
        return map.segments.to_vec();
    }
    let mut segments: Vec<Segment<'_>> = Vec::new();
    for own in &policy.segments {
        let en = if own.en.is_empty() { &own.code } else { &own.en };
        let zh_cn = if own.zh_cn.is_empty() { &own.code } else { &own.zh_cn };
        if !segments.iter().any(|known| known.code == own.code) {
            segments.push(Segment { code: &own.code, en, zh_cn });
        }
    }
    if !segments.iter().any(|known| known.code == OTHERS.code) {
        segments.push(OTHERS);
    }
    segments
}

/// The code of the first rule that matches.
pub(super) fn by_rules(policy: &RfmPolicy, scores: Scores) -> &str {
    let found = match map(policy.map) {
        Some(map) => {
            let holds = |rule: &&Rule| scores.are_in(rule.r, rule.f, rule.m, rule.fm);
            map.rules.iter().find(holds).map(|rule| rule.code)
        }
        None => policy.segments.iter().find(|own| holds(own, scores)).map(|own| own.code.as_str()),
    };
    found.unwrap_or(OTHERS.code)
}

/// Whether scores are in all ranges of a segment of one's own.
pub(crate) const fn holds(segment: &OwnSegment, scores: Scores) -> bool {
    scores.are_in(segment.r, segment.f, segment.m, segment.fm)
}

/// The Chinese segment of three bits.
pub(super) const fn chinese(near: bool, frequent: bool, rich: bool) -> &'static str {
    match (near, frequent, rich) {
        (true, true, true) => "important_value",
        (false, true, true) => "important_keep",
        (true, false, true) => "important_develop",
        (false, false, true) => "important_retain",
        (true, true, false) => "general_value",
        (false, true, false) => "general_keep",
        (true, false, false) => "general_develop",
        (false, false, false) => "general_retain",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn every_score() -> impl Iterator<Item = Scores> {
        (0..125).map(|n| Scores { r: n / 25 + 1, f: n / 5 % 5 + 1, m: n % 5 + 1 })
    }

    #[test]
    fn the_eleven_segments_cover_every_score_and_each_is_reached() {
        let policy = RfmPolicy::default();
        let reached: BTreeSet<_> = every_score().map(|scores| by_rules(&policy, scores)).collect();
        let listed: BTreeSet<_> = segments(&policy).iter().map(|segment| segment.code).collect();
        assert_eq!(reached, listed);
    }

    #[test]
    fn every_rule_names_a_listed_segment_and_codes_are_listed_once() {
        for map in MAPS {
            let listed: BTreeSet<_> = map.segments.iter().map(|segment| segment.code).collect();
            assert_eq!(listed.len(), map.segments.len());
            assert!(map.rules.iter().all(|rule| listed.contains(rule.code)));
        }
        let chinese: BTreeSet<_> =
            (0..8).map(|bits| super::chinese(bits & 1 > 0, bits & 2 > 0, bits & 4 > 0)).collect();
        assert_eq!(chinese, MAPS[2].segments.iter().map(|segment| segment.code).collect());
    }

    /// By hand from the published lists.
    #[test]
    fn some_scores_by_hand() {
        let code = |map, r, f, m| {
            let policy = RfmPolicy { map, ..RfmPolicy::default() };
            by_rules(&policy, Scores { r, f, m }).to_owned()
        };
        let eleven = |r, f, m| code(MapName::Segments11, r, f, m);
        assert_eq!(eleven(5, 4, 3), "champions"); // 3.5 rounds up
        assert_eq!(eleven(1, 5, 3), "cant_lose_them");
        assert_eq!(eleven(4, 1, 1), "promising");
        assert_eq!(eleven(5, 1, 2), "potential_loyalist");
        assert_eq!(eleven(3, 3, 3), "loyal_customers");
        assert_eq!(eleven(3, 2, 2), "needs_attention");
        assert_eq!(eleven(2, 1, 1), "hibernating");
        assert_eq!(eleven(1, 2, 2), "hibernating");
        let ten = |r, f, m| code(MapName::SegmentsRPackage10, r, f, m);
        assert_eq!(ten(5, 5, 5), "champions");
        assert_eq!(ten(5, 5, 1), "others");
        assert_eq!(ten(1, 3, 4), "cant_lose_them");
        assert_eq!(ten(2, 1, 1), "about_to_sleep");
    }
}
