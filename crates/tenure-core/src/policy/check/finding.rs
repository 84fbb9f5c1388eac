//! What the check finds: a code, a place in the policy, values, and what to do, in words of both languages.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::projection::stage::Language;

/// How sure a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Proven: it is so for every history.
    Error,
    /// It may be wrong, or may be meant.
    Warning,
}

/// A text of both languages with `{name}` for a value.
type Template = [&'static str; 2];

macro_rules! codes {
    ($( $(#[$doc:meta])* $code:ident $name:literal { says: $says:expr, advice: $advice:expr $(,)? } )*) => {
        /// What is wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $( $(#[$doc])* $code, )*
        }

        impl Code {
            /// All of them.
            pub const ALL: &'static [Self] = &[$( Self::$code ),*];

            /// The stable name.
            pub const fn name(self) -> &'static str {
                match self { $( Self::$code => $name ),* }
            }

            const fn says(self) -> Template {
                match self { $( Self::$code => $says ),* }
            }

            const fn advice(self) -> Template {
                match self { $( Self::$code => $advice ),* }
            }
        }
    };
}

codes! {
    /// A stage that no customer can ever be in.
    UnreachableStage "unreachable_stage" {
        says: [
            "no customer can ever be in stage \"{stage}\": no rule that can fire leads to it from where customers begin",
            "没有客户能进入阶段“{stage}”：从初始阶段出发，没有可触发的规则通向它",
        ],
        advice: [
            "write a rule that leads there, correct those that cannot fire, or remove the stage",
            "请编写通向它的规则，修正无法触发的规则，或删除该阶段",
        ],
    }
    /// A stage that customers enter and never leave.
    InescapableStage "inescapable_stage" {
        says: ["no rule that can fire leads out of stage \"{stage}\": who is there stays for ever", "没有可触发的规则离开阶段“{stage}”：进入的客户将永远停留"],
        advice: [
            "write a rule that leads out; where the end of a life is meant, allow it",
            "请编写离开它的规则；如确为生命周期终点，可允许此项",
        ],
    }
    /// A condition that never holds.
    DeadCondition "dead_condition" {
        says: ["`{condition}` can never hold", "条件 `{condition}` 永远不成立"],
        advice: [
            "correct the bounds or names that contradict each other, or remove it",
            "请修正相互矛盾的界限或名称，或删除该条件",
        ],
    }
    /// A condition that always holds.
    AlwaysTrue "always_true" {
        says: ["`{condition}` always holds", "条件 `{condition}` 恒成立"],
        advice: [
            "it decides nothing: remove it, or write the bound that was meant",
            "它不起任何作用：请删除，或写明真正想要的界限",
        ],
    }
    /// A part of `all` or `any` that the other parts decide already.
    RedundantCondition "redundant_condition" {
        says: ["`{condition}` decides nothing beside the other parts", "与其余部分相比，条件 `{condition}` 不起作用"],
        advice: ["remove it, or write the bound that was meant", "请删除，或写明真正想要的界限"],
    }
    /// A rule before which an earlier one always fires.
    ShadowedRule "shadowed_rule" {
        says: [
            "whenever rule \"{rule}\" holds in stage \"{stage}\", a rule written before it holds as well: {earlier}",
            "在阶段“{stage}”中，凡规则“{rule}”成立时，写在它之前的规则也成立：{earlier}",
        ],
        advice: [
            "the first rule that holds fires: write the narrower rule before the wider one",
            "先成立者先触发：请把更严格的规则写在更宽泛的规则之前",
        ],
    }
    /// A change and its reverse with no fact between them.
    Flapping "flapping" {
        says: [
            "silence alone may move a customer from \"{from}\" to \"{to}\" by rule \"{rule}\" and back by rule \"{back}\"",
            "仅凭沉默，客户可能经规则“{rule}”从“{from}”到“{to}”，又经规则“{back}”返回",
        ],
        advice: [
            "let a fact undo what silence does: count facts `since = \"stage\"` in one of the two rules",
            "沉默造成的变化应由事实来撤销：请在其中一条规则中以 `since = \"stage\"` 计数",
        ],
    }
    /// A name of facts that is nearly a kind.
    UnknownKind "unknown_kind" {
        says: [
            "\"{name}\" is no kind of facts, so it means tracked events of that name; did you mean \"{nearest}\"?",
            "“{name}”不是事实种类，将被视为同名的埋点事件；是否想写“{nearest}”？",
        ],
        advice: ["write the kind as the catalogue names it", "请按目录中的名称书写事实种类"],
    }
    /// A property that facts of this kind do not have under that name.
    UnknownProperty "unknown_property" {
        says: [
            "facts of \"{kind}\" have no property \"{name}\"; did you mean \"{nearest}\"?",
            "“{kind}”的事实没有属性“{name}”；是否想写“{nearest}”？",
        ],
        advice: [
            "write the property as the interchange format names it",
            "请按交换格式中的名称书写属性",
        ],
    }
    /// Two names that differ by one letter.
    SimilarNames "similar_names" {
        says: [
            "the {what} \"{name}\" differs by one letter from \"{other}\", which the policy names as well",
            "{what}“{name}”与本策略中的“{other}”仅一字之差",
        ],
        advice: ["if one is meant, write it in one way", "若指同一个，请统一写法"],
    }
    /// Bounds that the cadence never gets between.
    CadenceWithoutEffect "cadence_without_effect" {
        says: [
            "a cadence is never shorter than a day, so {times} times the cadence is never shorter than `max = {max}`",
            "节奏不会短于一天，因此其 {times} 倍不会短于 `max = {max}`",
        ],
        advice: [
            "write the duration alone (`at_least = \"{max}\"`), or bounds that the cadence can lie between",
            "请直接写时长（`at_least = \"{max}\"`），或写节奏能落入其间的界限",
        ],
    }
    /// A score that nobody can get.
    EmptyScore "empty_score" {
        says: ["nobody can get score {score} of {of}: {why}", "没有客户能得到 {of} 的 {score} 分：{why}"],
        advice: ["write four edges of which each is greater than the one before", "请写四个依次递增的分界值"],
    }
    /// A tier that nobody is in.
    EmptyTier "empty_tier" {
        says: ["nobody can be in tier {tier}: {why}", "没有客户能进入 {tier} 层：{why}"],
        advice: ["write shares or cuts that leave room for A, B and C", "请写出给 A、B、C 三层都留有余地的比例或分界"],
    }
    /// A segment that no scores lead to.
    DeadSegment "dead_segment" {
        says: ["no scores are in all ranges of segment \"{segment}\"", "没有任何得分落入分群“{segment}”的全部范围"],
        advice: [
            "`fm` is the mean of `f` and `m`: widen the ranges that exclude each other",
            "`fm` 是 `f` 与 `m` 的均值：请放宽相互排斥的范围",
        ],
    }
    /// A segment whose scores earlier segments take.
    ShadowedSegment "shadowed_segment" {
        says: [
            "all scores of segment \"{segment}\" are taken by segments written before it: {earlier}",
            "分群“{segment}”的全部得分已被写在它之前的分群占用：{earlier}",
        ],
        advice: [
            "the first segment that matches wins: write the narrower one before the wider one",
            "先匹配者优先：请把更窄的分群写在更宽的分群之前",
        ],
    }
    /// Two segments that share scores, where neither is part of the other.
    OverlappingSegments "overlapping_segments" {
        says: [
            "{cells} scores are in \"{earlier}\" and in \"{segment}\", such as {example}; the one written first takes them",
            "有 {cells} 个得分同时属于“{earlier}”与“{segment}”，例如 {example}；由先写者取得",
        ],
        advice: ["narrow one of them, so that no order is needed", "请收窄其中之一，使结果不依赖书写顺序"],
    }
    /// Scores in no segment.
    UncoveredScores "uncovered_scores" {
        says: [
            "{cells} of 125 scores are in no segment, such as {example}; they become \"others\"",
            "125 个得分中有 {cells} 个不属于任何分群，例如 {example}；它们将归入“others”",
        ],
        advice: [
            "widen a segment, or end with one that takes the rest",
            "请放宽某个分群，或在最后写一个容纳其余得分的分群",
        ],
    }
    /// A signal of churn that nobody ever has points of.
    DeadSignal "dead_signal" {
        says: ["signal \"{signal}\" can never reach a point: {why}", "信号“{signal}”永远不会得分：{why}"],
        advice: [
            "correct the names or the bound that exclude every fact, or remove the signal",
            "请修正排除了所有事实的名称或界限，或删除该信号",
        ],
    }
    /// Two signals under one code.
    DuplicateSignal "duplicate_signal" {
        says: [
            "signal \"{signal}\" stands there twice: what each adds to a score cannot be told apart",
            "信号“{signal}”出现了两次：无法区分各自的分值",
        ],
        advice: ["give each a code of its own", "请为每个信号取不同的代码"],
    }
    /// A signal that is worth more than a score has.
    ExcessPoints "excess_points" {
        says: [
            "signal \"{signal}\" alone may come to {points} points, and a score ends at 100",
            "信号“{signal}”单独即可达到 {points} 分，而评分上限为 100",
        ],
        advice: ["write a lower `cap`, so that other signs still count", "请写更低的 `cap`，使其他信号仍能起作用"],
    }
    /// A further step or a cap that changes no points.
    StepWithoutEffect "step_without_effect" {
        says: [
            "`{field}` of signal \"{signal}\" changes nothing: its points stop at {most} after one step",
            "信号“{signal}”的 `{field}` 不起作用：一步之后分值即停在 {most}",
        ],
        advice: [
            "write `every` and a `cap` of several steps, or neither",
            "请同时写 `every` 与容纳多步的 `cap`，或都不写",
        ],
    }
    /// A band that no score lies in.
    UnreachableBand "unreachable_band" {
        says: [
            "nobody's risk can be \"{band}\": scores lie between {low} and {high}",
            "没有客户的风险会是“{band}”：评分介于 {low} 与 {high} 之间",
        ],
        advice: [
            "write other `bands`, or points that reach them",
            "请改写 `bands`，或写出能达到它们的分值",
        ],
    }
    /// A rate that no conversion looks up.
    UnusedRate "unused_rate" {
        says: [
            "the rates from {from} to {to} are never used: amounts are converted to {currency}",
            "从 {from} 到 {to} 的汇率不会被使用：金额换算为 {currency}",
        ],
        advice: [
            "write the rate to the policy's `currency`; no inverse and no third currency is looked up",
            "请写到策略 `currency` 的汇率；不会反算，也不会经第三种货币换算",
        ],
    }
    /// Rates written in another order than that of their days.
    RatesOutOfOrder "rates_out_of_order" {
        says: [
            "the rate from {from} to {to} of {day} stands after that of {later}",
            "从 {from} 到 {to} 的 {day} 汇率写在 {later} 的汇率之后",
        ],
        advice: ["write the rates of a pair by day, so that a gap shows", "请按日期书写每对货币的汇率，以便发现缺漏"],
    }
    /// Not everything could be checked.
    TooLarge "too_large" {
        says: [
            "the rules are too many or too intricate to check all of them against each other",
            "规则过多或过于复杂，无法全部相互检查",
        ],
        advice: ["split long `any` and `all` lists, or write fewer rules", "请拆分过长的 `any`、`all` 列表，或减少规则"],
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Something that the check found.
///
/// # Example
/// ```
/// use tenure_core::policy::check::{Code, Severity};
/// use tenure_core::projection::stage::Language;
/// use tenure_core::Policy;
///
/// let policy = Policy::parse("currency = \"CNY\"\n[[rate]]\nday = 2024-01-01\nfrom = \"CNY\"\nto = \"USD\"\nrate = \"0.14\"", "")?;
/// let findings = tenure_core::policy::check::check(&policy);
/// assert_eq!((findings[0].code, findings[0].severity, &*findings[0].path), (Code::UnusedRate, Severity::Warning, "rate"));
/// assert_eq!(
///     findings[0].says(Language::En),
///     "the rates from CNY to USD are never used: amounts are converted to CNY"
/// );
/// # Ok::<(), tenure_core::PolicyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What is wrong.
    pub code: Code,
    /// How sure it is.
    pub severity: Severity,
    /// The field that it is about, from the top of the policy: `rule[2].when.all[0]`.
    pub path: Box<str>,
    /// Names and numbers that it is about.
    #[serde(serialize_with = "as_map")]
    pub values: Vec<(&'static str, Box<str>)>,
}

fn as_map<S: Serializer>(values: &[(&'static str, Box<str>)], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(values.len()))?;
    for (name, value) in values {
        map.serialize_entry(name, value)?;
    }
    map.end()
}

impl Finding {
    pub(super) fn new(code: Code, severity: Severity, path: impl Into<Box<str>>) -> Self {
        Self { code, severity, path: path.into(), values: Vec::new() }
    }

    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "names, numbers and decimals as they come")]
    pub(super) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.values.push((name, value.to_string().into()));
        self
    }

    /// A value by its name; empty where the finding has none.
    pub fn value(&self, name: &str) -> &str {
        self.values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }

    /// What is wrong.
    pub fn says(&self, language: Language) -> String {
        self.fill(self.code.says(), language)
    }

    /// What to do.
    pub fn advice(&self, language: Language) -> String {
        self.fill(self.code.advice(), language)
    }

    fn fill(&self, [en, zh_cn]: Template, language: Language) -> String {
        let template = match language {
            Language::En => en,
            Language::ZhCn => zh_cn,
        };
        let mut text = String::new();
        let mut rest = template;
        // Once from left to right: a value may hold braces of its own.
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            text = text + before + self.value(name);
            rest = after;
        }
        text + rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn names(template: &str) -> BTreeSet<&str> {
        template.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(name, _)| name).collect()
    }

    #[test]
    fn both_languages_tell_the_same_values_and_every_name_is_a_code() {
        let mut known = BTreeSet::new();
        for code in Code::ALL {
            for [en, zh_cn] in [code.says(), code.advice()] {
                assert_eq!(names(en), names(zh_cn), "{}", code.name());
                assert!(!en.is_empty() && !zh_cn.is_ascii());
            }
            assert!(
                known.insert(code.name()) && code.name().bytes().all(|b| b == b'_' || b.is_ascii_lowercase())
            );
        }
    }

    #[test]
    fn a_value_with_braces_is_told_as_it_is() {
        let finding =
            Finding::new(Code::AlwaysTrue, Severity::Warning, "").with("condition", "not = { {condition} }");
        assert_eq!(finding.says(Language::En), "`not = { {condition} }` always holds");
    }
}
