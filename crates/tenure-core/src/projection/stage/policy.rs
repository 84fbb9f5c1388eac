//! The stages of a business and the rules that move a customer between them: plain, checked values.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::condition::{Compare, Condition, CountScope, Flag, Threshold};
use crate::event::Kind;
use crate::near::did_you_mean;
use crate::text::Language;
use crate::time::{Duration, Zone};

/// Stages, rules, and what the rules need to know besides: a machine that is data.
///
/// # Laws
/// The pairs (`from`, `to`) of the rules are exactly the transitions that can occur. It is written back with all
/// defaults filled in, and reads again as itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StagePolicy {
    zone: Zone,
    cadence: CadencePolicy,
    #[serde(rename = "stage")]
    stages: Vec<StageDef>,
    #[serde(rename = "rule")]
    rules: Vec<RuleDef>,
    #[serde(skip)]
    initial: StageIx,
}

/// Which stage of its policy, by place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StageIx(pub u8);

/// Which rule of its policy, by place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RuleIx(pub u16);

/// How a customer's own rhythm is measured: the lower median of the last gaps between distinct days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CadencePolicy {
    /// How many gaps at most are looked at, 3 to 33.
    pub gaps: u8,
    /// The cadence of a customer with fewer than three gaps.
    pub default: Duration,
}

impl Default for CadencePolicy {
    /// Nine gaps, and thirty days where there are too few of them.
    fn default() -> Self {
        Self { gaps: 9, default: Duration::days(30) }
    }
}

/// Where in the life of a customer a stage lies, coarsely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MacroStage {
    /// Becoming known.
    Acquisition,
    /// First value.
    Activation,
    /// Second and later purchases, wider use.
    Growth,
    /// Keep and please.
    Retention,
    /// Warn early, win back.
    ChurnPrevention,
}

impl MacroStage {
    /// All of them, in the order of a customer's life.
    pub const ALL: [Self; 5] =
        [Self::Acquisition, Self::Activation, Self::Growth, Self::Retention, Self::ChurnPrevention];

    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Acquisition => "acquisition",
            Self::Activation => "activation",
            Self::Growth => "growth",
            Self::Retention => "retention",
            Self::ChurnPrevention => "churn_prevention",
        }
    }

    /// How it is called.
    pub const fn label(self, language: Language) -> &'static str {
        match (self, language) {
            (Self::Acquisition, Language::En) => "acquisition",
            (Self::Activation, Language::En) => "activation",
            (Self::Growth, Language::En) => "growth",
            (Self::Retention, Language::En) => "retention",
            (Self::ChurnPrevention, Language::En) => "churn prevention",
            (Self::Acquisition, Language::ZhCn) => "获取",
            (Self::Activation, Language::ZhCn) => "激活",
            (Self::Growth, Language::ZhCn) => "成长",
            (Self::Retention, Language::ZhCn) => "维护",
            (Self::ChurnPrevention, Language::ZhCn) => "流失防控",
        }
    }
}

/// A text in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// In English.
    pub en: Box<str>,
    /// In simplified Chinese.
    #[serde(rename = "zh-CN")]
    pub zh_cn: Box<str>,
}

impl Text {
    /// The text in a language.
    pub fn of(&self, language: Language) -> &str {
        match language {
            Language::En => &self.en,
            Language::ZhCn => &self.zh_cn,
        }
    }
}

/// A stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageDef {
    /// The stable code: `at_risk`.
    pub id: Box<str>,
    /// Where in the life of a customer it lies.
    #[serde(rename = "macro")]
    pub macro_stage: MacroStage,
    /// How it is called.
    pub labels: Text,
    /// Whether a customer begins here.
    #[serde(default)]
    pub initial: bool,
}

/// A rule: from which stages to which one, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleDef {
    /// The stable name that explains a change.
    pub name: Box<str>,
    /// The stages that it leads out of.
    pub from: Vec<Box<str>>,
    /// The stage that it leads to.
    pub to: Box<str>,
    /// What must hold.
    pub when: Condition,
    /// Template of the reason in words; see [`Placeholder`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<Text>,
}

/// What a template of a reason can name in braces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placeholder {
    /// `{days}`: whole days of silence before the change.
    Days,
    /// `{since}`: the UTC date from which the silence counts.
    Since,
    /// `{count}`: the number that the first count in the rule compares with.
    Count,
    /// `{from}`: the label of the stage left.
    From,
    /// `{to}`: the label of the stage entered.
    To,
}

impl Placeholder {
    /// The placeholder of this name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "days" => Self::Days,
            "since" => Self::Since,
            "count" => Self::Count,
            "from" => Self::From,
            "to" => Self::To,
            _ => return None,
        })
    }
}

impl StagePolicy {
    /// The most stages.
    pub const MAX_STAGES: usize = 255;
    /// The most rules.
    pub const MAX_RULES: usize = 1_000;
    /// The deepest nesting of conditions.
    pub const MAX_DEPTH: usize = 16;
    /// The most single conditions in all rules together.
    pub const MAX_LEAVES: usize = 4_096;
    /// The largest number that a count in a window compares with: so many instants are remembered.
    pub const MAX_WINDOW_COUNT: u32 = 1_000;

    /// Checks the parts against each other. `zone` decides where one day of a cadence ends and the next begins.
    ///
    /// # Errors
    /// [`StagePolicyError`] naming the stage or the rule: not exactly one initial stage, two of one name, a stage that
    /// does not exist, a rule from a stage to itself or without `from`, a duration of zero, a cadence whose bounds are
    /// the wrong way round, a template with an unknown placeholder, or more of something than the limits here allow.
    pub fn new(
        zone: Zone,
        cadence: CadencePolicy,
        stages: Vec<StageDef>,
        rules: Vec<RuleDef>,
    ) -> Result<Self, StagePolicyError> {
        check_cadence(cadence)?;
        let initial = check_stages(&stages)?;
        if rules.len() > Self::MAX_RULES {
            return Err(StagePolicyError::TooMany { what: "rules", most: Self::MAX_RULES });
        }
        let ids: BTreeSet<&str> = stages.iter().map(|stage| &*stage.id).collect();
        let mut names = BTreeSet::new();
        let mut leaves = 0;
        for rule in &rules {
            if !names.insert(&*rule.name) {
                return Err(StagePolicyError::Twice { what: "rule", name: rule.name.clone() });
            }
            check_rule(rule, &ids, &mut leaves).map_err(|Refused { field, why }| StagePolicyError::Rule {
                rule: rule.name.clone(),
                field: field.into(),
                why: why.into(),
            })?;
        }
        Ok(Self { zone, cadence, stages, rules, initial })
    }

    /// In which zone days are counted.
    pub const fn zone(&self) -> Zone {
        self.zone
    }

    /// How cadence is measured.
    pub const fn cadence(&self) -> CadencePolicy {
        self.cadence
    }

    /// The stages in the order written.
    pub fn stages(&self) -> &[StageDef] {
        &self.stages
    }

    /// The rules in the order written, which is the order in which they are tried.
    pub fn rules(&self) -> &[RuleDef] {
        &self.rules
    }

    /// Where a customer begins.
    pub const fn initial(&self) -> StageIx {
        self.initial
    }

    /// A stage by place; none for a place that the policy does not have.
    pub fn stage(&self, stage: StageIx) -> Option<&StageDef> {
        self.stages.get(usize::from(stage.0))
    }

    /// A rule by place; none for a place that the policy does not have.
    pub fn rule(&self, rule: RuleIx) -> Option<&RuleDef> {
        self.rules.get(usize::from(rule.0))
    }

    /// The place of a stage; none if there is no such stage.
    pub fn find(&self, id: &str) -> Option<StageIx> {
        let place = self.stages.iter().position(|stage| &*stage.id == id)?;
        u8::try_from(place).ok().map(StageIx)
    }

    /// The code of a stage; empty for a place that the policy does not have.
    pub fn code(&self, stage: StageIx) -> &str {
        self.stage(stage).map_or("", |stage| &stage.id)
    }

    /// The legal transitions, each once, as (from, to).
    pub fn transitions(&self) -> BTreeSet<(StageIx, StageIx)> {
        let of = |rule: &RuleDef| {
            let to = self.find(&rule.to);
            let from: Vec<_> = rule.from.iter().filter_map(|from| self.find(from)).collect();
            from.into_iter().filter_map(move |from| Some((from, to?)))
        };
        self.rules.iter().flat_map(of).collect()
    }
}

pub(in crate::projection) fn check_cadence(cadence: CadencePolicy) -> Result<(), StagePolicyError> {
    if !(3..=33).contains(&cadence.gaps) {
        return Err(StagePolicyError::Cadence {
            why: format!("gaps = {}: write 3 to 33", cadence.gaps).into(),
        });
    }
    if cadence.default == Duration::ZERO {
        return Err(StagePolicyError::Cadence { why: "default = \"0d\": write a positive duration".into() });
    }
    Ok(())
}

fn check_stages(stages: &[StageDef]) -> Result<StageIx, StagePolicyError> {
    if stages.len() > StagePolicy::MAX_STAGES {
        return Err(StagePolicyError::TooMany { what: "stages", most: StagePolicy::MAX_STAGES });
    }
    let mut ids = BTreeSet::new();
    let mut initial = Vec::new();
    for (place, stage) in (0..=u8::MAX).zip(stages) {
        if !is_code(&stage.id) {
            return Err(StagePolicyError::Code { what: "stage", name: stage.id.clone() });
        }
        if !ids.insert(&*stage.id) {
            return Err(StagePolicyError::Twice { what: "stage", name: stage.id.clone() });
        }
        if stage.initial {
            initial.push((StageIx(place), stage.id.clone()));
        }
    }
    match &*initial {
        [(only, _)] => Ok(*only),
        several => {
            let found: Vec<&str> = several.iter().map(|(_, id)| &**id).collect();
            Err(StagePolicyError::Initial { found: found.join(", ").into() })
        }
    }
}

pub(in crate::projection) fn is_code(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.len() <= 64
        && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

/// A field of a rule, and what is wrong with it.
struct Refused {
    field: String,
    why: String,
}

fn refuse<T>(field: impl Into<String>, why: impl Into<String>) -> Result<T, Refused> {
    Err(Refused { field: field.into(), why: why.into() })
}

fn check_rule(rule: &RuleDef, stages: &BTreeSet<&str>, leaves: &mut usize) -> Result<(), Refused> {
    if !is_code(&rule.name) {
        return refuse("name", "its name is not a code: write a-z, 0-9 and _, at most 64, a letter first");
    }
    if rule.from.is_empty() {
        return refuse("from", "`from` is empty: name the stages that it leads out of");
    }
    let from = rule.from.iter().enumerate().map(|(place, stage)| (format!("from[{place}]"), stage));
    for (field, stage) in from.chain([("to".to_owned(), &rule.to)]) {
        if !stages.contains(&**stage) {
            let known = stages.iter().copied().collect::<Vec<_>>().join(", ");
            let near = did_you_mean(stage, stages.iter().copied());
            return refuse(field, format!("there is no stage \"{stage}\", only {known}{near}"));
        }
    }
    let mut seen = BTreeSet::new();
    for (place, from) in rule.from.iter().enumerate() {
        if !seen.insert(from) {
            return refuse(format!("from[{place}]"), format!("`from` names \"{from}\" twice"));
        }
    }
    if rule.from.contains(&rule.to) {
        return refuse("to", format!("it leads from \"{}\" to itself", rule.to));
    }
    check_condition(&rule.when, 1, leaves).or_else(|why| refuse("when", why))?;
    let count = first_count(&rule.when).is_some();
    for text in rule.because.iter().flat_map(|because| [&because.en, &because.zh_cn]) {
        check_template(text, count).or_else(|why| refuse("because", why))?;
    }
    Ok(())
}

/// The number that the first count in a condition compares with.
pub(super) fn first_count(condition: &Condition) -> Option<u32> {
    condition.leaves().into_iter().find_map(|leaf| match leaf {
        Condition::Count { compare, .. } => Some(*compare.bound()),
        _ => None,
    })
}

fn check_template(text: &str, count: bool) -> Result<(), String> {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('{') {
        let (name, after) =
            after.split_once('}').ok_or_else(|| format!("`because` has an open {{ in \"{text}\""))?;
        match Placeholder::named(name) {
            None => {
                return Err(format!(
                    "`because` has {{{name}}}, which is none of {{days}}, {{since}}, {{count}}, {{from}}, {{to}}"
                ));
            }
            Some(Placeholder::Count) if !count => {
                return Err("`because` has {count}, but `when` counts nothing".into());
            }
            Some(_) => rest = after,
        }
    }
    Ok(())
}

fn check_condition(condition: &Condition, depth: usize, leaves: &mut usize) -> Result<(), String> {
    if depth > StagePolicy::MAX_DEPTH {
        return Err(format!("`when` is nested deeper than {}", StagePolicy::MAX_DEPTH));
    }
    let parts = condition.parts();
    if parts.is_empty() {
        *leaves += 1;
        if *leaves > StagePolicy::MAX_LEAVES {
            return Err(format!("the rules have more than {} conditions", StagePolicy::MAX_LEAVES));
        }
        if let Some(names) = condition.selector().and_then(|of| of.names())
            && let Some(kind) = names.iter().filter_map(|name| Kind::named(name)).find(|kind| kind.corrects())
        {
            return Err(format!("`{condition}`: {} is a correction, which no rule ever sees", kind.name()));
        }
    }
    let positive = |duration: Duration| {
        if duration == Duration::ZERO { Err(format!("`{condition}`: a duration of zero")) } else { Ok(()) }
    };
    match condition {
        Condition::Count { scope: CountScope::Within(window), compare, .. } => {
            positive(*window)?;
            if *compare.bound() > StagePolicy::MAX_WINDOW_COUNT {
                return Err(format!("`{condition}`: at most {} in a window", StagePolicy::MAX_WINDOW_COUNT));
            }
        }
        Condition::Count { compare: Compare::AtLeast(0) | Compare::LessThan(0), .. } => {
            return Err(format!("`{condition}`: write a number from 1"));
        }
        Condition::Age { compare, .. } => positive(*compare.bound())?,
        Condition::Silence { at_least: Threshold::Fixed(duration), .. } | Condition::InStageFor(duration) => {
            positive(*duration)?;
        }
        Condition::Silence { at_least: Threshold::Cadence { min, max, .. }, .. } => {
            positive(*min)?;
            if min > max {
                return Err(format!("`{condition}`: `min` is longer than `max`"));
            }
        }
        Condition::Score { survey, at_most } if !survey.range().contains(at_most) => {
            let range = survey.range();
            return Err(format!("`{condition}`: {} is {} to {}", survey.name(), range.start(), range.end()));
        }
        Condition::Flag(Flag::Consented(purpose)) if purpose.is_empty() => {
            return Err(format!("`{condition}`: consent to what?"));
        }
        Condition::Tag(tag) if tag.is_empty() => return Err("`tag` is empty".into()),
        Condition::All(_) | Condition::Any(_) if parts.is_empty() => {
            return Err("`all` or `any` is an empty list".into());
        }
        _ => {}
    }
    parts.iter().try_for_each(|part| check_condition(part, depth + 1, leaves))
}

/// Why a stage policy cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StagePolicyError {
    /// A number of `[cadence]` is out of range.
    #[error("[cadence] {why}")]
    Cadence {
        /// Which one, and what is allowed.
        why: Box<str>,
    },
    /// Not exactly one stage is where customers begin. **What to do:** write `initial = true` in one `[[stage]]`.
    #[error("exactly one [[stage]] has `initial = true`, here: {}", if .found.is_empty() { "none" } else { .found })]
    Initial {
        /// Those that have it.
        found: Box<str>,
    },
    /// A code is spelt otherwise than codes are.
    #[error("the {what} \"{name}\" is not named by a code: write a-z, 0-9 and _, at most 64, a letter first")]
    Code {
        /// Stage or rule.
        what: &'static str,
        /// Its name.
        name: Box<str>,
    },
    /// Two have one name.
    #[error("two of the {what}s are named \"{name}\"")]
    Twice {
        /// Stage or rule.
        what: &'static str,
        /// The name.
        name: Box<str>,
    },
    /// Too many of something.
    #[error("more than {most} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are allowed.
        most: usize,
    },
    /// A rule is wrong.
    #[error("rule \"{rule}\": {why}")]
    Rule {
        /// Its name.
        rule: Box<str>,
        /// The field of it: `from[1]`, `to`, `when`.
        field: Box<str>,
        /// What is wrong and what is allowed.
        why: Box<str>,
    },
    /// The text of a policy cannot be read.
    #[error("{why}")]
    Read {
        /// What is wrong, and where.
        why: Box<str>,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPolicy {
    #[serde(default)]
    zone: Zone,
    #[serde(default)]
    cadence: CadencePolicy,
    #[serde(default, rename = "stage")]
    stages: Vec<StageDef>,
    #[serde(default, rename = "rule")]
    rules: Vec<RuleDef>,
}

impl<'de> Deserialize<'de> for StagePolicy {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = RawPolicy::deserialize(deserializer)?;
        Self::new(raw.zone, raw.cadence, raw.stages, raw.rules).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAGES: &str = r#"
        [[stage]]
        id = "a"
        macro = "acquisition"
        labels = { en = "A", zh-CN = "甲" }
        initial = true
        [[stage]]
        id = "b"
        macro = "churn_prevention"
        labels = { en = "B", zh-CN = "乙" }
    "#;

    fn read(rest: &str) -> Result<StagePolicy, String> {
        toml::from_str(&format!("{STAGES}\n{rest}")).map_err(|error| error.to_string())
    }

    fn rule(rest: &str) -> String {
        let mut rule = r#"[[rule]]
            name = "r"
            from = ["a"]
            to = "b"
            when = { tag = "t" }
        "#
        .to_owned();
        for line in rest.lines() {
            let key = line.split('=').next().unwrap().trim();
            let kept: Vec<_> =
                rule.lines().filter(|old| !old.trim().starts_with(&format!("{key} ="))).collect();
            rule = format!("{}\n{line}\n", kept.join("\n"));
        }
        rule
    }

    #[test]
    fn a_policy_is_written_with_its_defaults_and_reads_as_itself() {
        let policy = read(&rule(r#"because = { en = "{days} days", zh-CN = "{days}天" }"#)).unwrap();
        let written = serde_json::to_value(&policy).unwrap();
        assert_eq!(written["cadence"], serde_json::json!({"gaps": 9, "default": "30d"}));
        assert_eq!(written["stage"][1]["initial"], serde_json::json!(false));
        assert_eq!(written["zone"], "UTC");
        assert_eq!(serde_json::from_value::<StagePolicy>(written).unwrap(), policy);
        let text = toml::to_string(&policy).unwrap();
        assert_eq!(toml::from_str::<StagePolicy>(&text).unwrap(), policy);
        assert_eq!(policy.transitions(), BTreeSet::from([(StageIx(0), StageIx(1))]));
    }

    #[test]
    fn a_wrong_policy_names_the_stage_or_the_rule() {
        let twice = format!("{}\n{}", rule(""), rule(""));
        let count = r#"when = { count = "x", within = "3d", at_least = 1001 }"#;
        let deep = format!("when = {}{{ tag = \"t\" }}{}", "{ not = ".repeat(16), " }".repeat(16));
        for (text, why) in [
            ("[cadence]\ngaps = 34", "gaps = 34: write 3 to 33"),
            ("[cadence]\ndefault = \"0d\"", "positive duration"),
            ("[cadence]\ngap = 3", "unknown field `gap`"),
            (&STAGES.replace("\"a\"", "\"c\"").replace("\"b\"", "\"d\""), "here: a, c"),
            (&STAGES.replace("initial = true", ""), "two of the stages are named \"a\""),
            (&twice, "two of the rules are named \"r\""),
            (&rule("name = \"Big\""), "its name is not a code"),
            (&rule("from = []"), "rule \"r\": `from` is empty"),
            (&rule("from = [\"z\"]"), "there is no stage \"z\", only a, b"),
            (&rule("from = [\"a\", \"a\"]"), "`from` names \"a\" twice"),
            (&rule("to = \"a\""), "from \"a\" to itself"),
            (&rule("when = { in_stage_for = \"0d\" }"), "`in_stage_for = 0d`: a duration of zero"),
            (
                &rule("when = { silence = \"x\", at_least = { cadence = 2, min = \"3d\", max = \"2d\" } }"),
                "longer",
            ),
            (&rule(count), "at most 1000 in a window"),
            (&rule("when = { score = { survey = \"nps\", at_most = 11 } }"), "nps is 0 to 10"),
            (&rule("when = { count = \"event_voided\", at_least = 1 }"), "is a correction"),
            (&rule(&deep), "nested deeper than 16"),
            (&rule("because = { en = \"{count}\", zh-CN = \"\" }"), "counts nothing"),
            (&rule("because = { en = \"{day}\", zh-CN = \"\" }"), "none of {days}"),
            (&rule("because = { en = \"{days\", zh-CN = \"\" }"), "open {"),
            (&rule("because = { en = \"x\" }"), "zh-CN"),
            (&rule("unless = 1"), "unknown field `unless`"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(why), "{text}\n{error}");
        }
        let none = toml::from_str::<StagePolicy>("").unwrap_err().to_string();
        assert!(none.contains("here: none"), "{none}");
    }
}
