//! A policy written out: every decision with its default, and with comments that say what each is for.

use super::Policy;
use super::page::{Note, Page};
use crate::projection::stage::Language;

const HEAD: Note = [
    "A policy: everything that a business decides about its customers. Change it, then run: tenure check FILE\nDurations are elapsed time: 30d, 12h, 2w. Days begin and end in the zone.",
    "策略：企业对其客户所做的全部决定。修改后请运行：tenure check 文件\n时长为实际经过的时间：30d、12h、2w。每天的起止以时区为准。",
];
const NAME: Note = ["What the policy is called in answers.", "策略在结果中的名称。"];
const ZONE: Note =
    ["Where one day ends and the next begins: an IANA name.", "一天的起止所依据的时区：IANA 名称。"];
const CURRENCY: Note = [
    "The currency that amounts are converted to; left out, all amounts must have one. tenure policy currencies lists the codes.",
    "金额换算成的货币；省略时要求所有金额同一货币。tenure policy currencies 可列出代码。",
];
const RATE: Note = [
    "Rates of other currencies: one unit of `from` is `rate` units of `to`, from the day on.",
    "其他货币的汇率：自该日起，一单位 `from` 等于 `rate` 单位 `to`。",
];
const CADENCE: Note = [
    "A customer's own rhythm: the lower median of the last gaps between days with matching facts.",
    "客户自身的节奏：最近若干次间隔（以有匹配事实的日子计）的下中位数。",
];
const GAPS: Note = ["How many gaps at most are looked at: 3 to 33.", "最多考察的间隔数：3 至 33。"];
const CADENCE_DEFAULT: Note =
    ["The rhythm of a customer with fewer than three gaps.", "间隔不足三次的客户所用的节奏。"];
const RFM: Note = ["Recency, frequency, monetary.", "RFM：最近一次购买、购买频次、消费金额。"];
const LOOKBACK: Note =
    ["How far back orders count; left out, all history does.", "订单计入的回看时长；省略则计全部历史。"];
const FREQUENCY: Note =
    ["What frequency counts: days or orders.", "频次计什么：days（购买天数）或 orders（订单数）。"];
const SCORING: Note = [
    "How values become scores from 1 to 5: value, rank, ntile, rank_average, nested, r_package, fixed.",
    "数值如何变为 1 至 5 分：value、rank、ntile、rank_average、nested、r_package、fixed。",
];
const MAP: Note = [
    "How scores become segments: segments_11, segments_r_package_10, segments_cn_8, tiers_abc, own.",
    "得分如何变为分群：segments_11、segments_r_package_10、segments_cn_8、tiers_abc、own。",
];
const FIXED: Note = [
    "The edges of the scoring \"fixed\": four each, ascending.",
    "scoring 为 fixed 时的分界：各四个，递增。",
];
const CN: Note = [
    "The eight Chinese segments: cut by mean, score_mean, or fixed (the three values below).",
    "八类客户的切分：mean（均值）、score_mean（得分均值）或 fixed（用下面三个值）。",
];
const TIERS: Note = [
    "Tiers A, B, C: of sum, r, f, m, recency_days, frequency or monetary; by shares (of A and B) or cuts.",
    "A、B、C 分层：of 为 sum、r、f、m、recency_days、frequency 或 monetary；by 为 shares（A、B 的比例）或 cuts。",
];
const SEGMENT: Note = [
    "Segments of one's own for the map \"own\": the first whose ranges all match wins.",
    "map 为 own 时的自定义分群：所有范围都匹配的第一个生效。",
];
const STAGE: Note = [
    "Stages: a customer is in exactly one. Customers begin where `initial = true`.",
    "阶段：每位客户恰处于一个阶段。客户从 `initial = true` 的阶段开始。",
];
const RULE: Note = [
    "Rules: tried in this order, the first that holds fires. `when` is what must hold, `because` is told as the reason.",
    "规则：按此顺序尝试，先成立者触发。`when` 为条件，`because` 为告知的原因。",
];

const CHURN: Note = [
    "Signs of leaving: `base` for everybody, plus the points of each signal, brought into 0 to 100. `bands` says from which scores on risk is called so.",
    "流失信号：人人都有的 `base` 加上各信号的分值，限于 0 至 100。`bands` 为各风险等级的起始分。",
];
const SIGNAL: Note = [
    "A signal measures one of silence, count, falling, open, latest; from `at_least` (or `at_most`) on it adds `points`, and once more for each further `every`, up to `cap`.",
    "每个信号度量 silence、count、falling、open、latest 之一；达到 `at_least`（或 `at_most`）即加 `points` 分，每再多一个 `every` 再加一次，至 `cap` 为止。",
];

impl Policy {
    /// The policy as TOML with every default filled in and a comment for every decision. What is not decided (no
    /// currency, no look-back window, no edges) has no spelling in TOML and stands in a comment.
    ///
    /// # Laws
    /// It reads back as the same policy, with the same hash, in either language.
    ///
    /// # Example
    /// ```
    /// use tenure_core::Policy;
    /// use tenure_core::projection::stage::Language;
    /// let shop = Policy::preset("retail").ok_or("no such preset")?;
    /// let text = shop.to_commented(Language::ZhCn);
    /// assert!(text.contains("# 阶段：每位客户恰处于一个阶段。"));
    /// assert_eq!(Policy::parse(&text, "shop.toml")?.hash(), shop.hash());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_commented(&self, language: Language) -> String {
        let mut page = Page { text: String::new(), language };
        page.note(HEAD);
        page.gap();
        self.write_top(&mut page);
        self.write_rfm(&mut page);
        self.write_stages(&mut page, &|_| Vec::new());
        self.write_churn(&mut page, &|_| Vec::new());
        page.text
    }

    /// A policy that comes with the library as a file to start from: as [`Self::to_commented`], with the reasons for its
    /// numbers. None of another name.
    ///
    /// # Laws
    /// It reads as the policy that [`Self::preset`] gives.
    pub fn preset_commented(name: &str, language: Language) -> Option<String> {
        let (policy, text) = (Self::preset(name)?, preset(name)?);
        let of_language = |line: &&str| line.is_ascii() == (language == Language::En);
        let notes = |block: &str| -> Vec<String> {
            let lines = block.lines().filter(|line| line.starts_with("# "));
            lines.filter(of_language).map(str::to_owned).collect()
        };
        let mut page = Page { text: String::new(), language };
        let head = text.split_once("\n\nname").map_or("", |(head, _)| head);
        for line in notes(head) {
            page.line(&line);
        }
        page.line("#");
        page.note(HEAD);
        page.gap();
        policy.write_top(&mut page);
        policy.write_rfm(&mut page);
        // The comments in the block of a rule or signal: before it, or beside its condition.
        let why = |line: &str| {
            let block = text.split("\n\n").find(|block| block.contains(line));
            block.map(notes).unwrap_or_default()
        };
        policy.write_stages(&mut page, &|rule| why(&format!("name = \"{rule}\"\n")));
        policy.write_churn(&mut page, &why);
        Some(page.text)
    }

    fn write_top(&self, page: &mut Page) {
        page.note(NAME);
        page.field("name", &self.name);
        page.gap();
        page.note(ZONE);
        page.field("zone", &self.zone);
        page.gap();
        page.note(CURRENCY);
        page.optional("currency", self.currency.as_ref(), "\"CNY\"");
        for (place, rate) in self.rates.as_slice().iter().enumerate() {
            page.gap();
            if place == 0 {
                page.note(RATE);
            }
            page.line("[[rate]]");
            page.field("day", &rate.day.to_string());
            page.field("from", &rate.from);
            page.field("to", &rate.to);
            page.field("rate", &rate.rate);
        }
        page.gap();
        page.note(CADENCE);
        page.line("[cadence]");
        page.note(GAPS);
        page.field("gaps", &self.cadence.gaps);
        page.note(CADENCE_DEFAULT);
        page.field("default", &self.cadence.default);
    }

    fn write_rfm(&self, page: &mut Page) {
        let rfm = &self.rfm;
        page.gap();
        page.note(RFM);
        page.line("[rfm]");
        page.note(LOOKBACK);
        page.optional("lookback", rfm.lookback.as_ref(), "\"365d\"");
        page.note(FREQUENCY);
        page.field("frequency", &rfm.frequency);
        page.note(SCORING);
        page.field("scoring", &rfm.scoring);
        page.note(MAP);
        page.field("map", &rfm.map);
        page.gap();
        page.note(FIXED);
        match &rfm.fixed {
            Some(fixed) => {
                page.line("[rfm.fixed]");
                page.field("r_days", &fixed.r_days);
                page.field("f", &fixed.f);
                page.field("m", &fixed.m);
            }
            None => {
                page.line("# [rfm.fixed]\n# r_days = [30, 90, 180, 365]\n# f = [2, 3, 5, 9]\n# m = [\"100\", \"200\", \"500\", \"1000\"]");
            }
        }
        page.gap();
        page.note(CN);
        page.line("[rfm.cn]");
        page.field("cut", &rfm.cn.cut);
        page.field("r_days", &rfm.cn.r_days);
        page.field("f", &rfm.cn.f);
        page.field("average", &rfm.cn.average);
        page.gap();
        page.note(TIERS);
        page.line("[rfm.tiers]");
        page.field("of", &rfm.tiers.of);
        page.field("by", &rfm.tiers.by);
        page.field("shares", &rfm.tiers.shares);
        page.optional("cuts", rfm.tiers.cuts.as_ref(), "[\"12\", \"8\"]");
        page.gap();
        page.note(SEGMENT);
        if rfm.segments.is_empty() {
            page.line("# [[rfm.segment]]\n# code = \"vip\"\n# r = [4, 5]\n# fm = [4, 5]");
        }
        for (place, segment) in rfm.segments.iter().enumerate() {
            if place > 0 {
                page.gap();
            }
            page.line("[[rfm.segment]]");
            page.fields(segment);
        }
    }

    fn write_stages(&self, page: &mut Page, why: &dyn Fn(&str) -> Vec<String>) {
        for (place, stage) in self.stages.iter().enumerate() {
            page.gap();
            if place == 0 {
                page.note(STAGE);
            }
            page.line("[[stage]]");
            page.fields(stage);
        }
        for (place, rule) in self.rules.iter().enumerate() {
            page.gap();
            if place == 0 {
                page.note(RULE);
                page.gap();
            }
            for line in why(&rule.name) {
                page.line(&line);
            }
            page.line("[[rule]]");
            page.fields(rule);
        }
    }
}

impl Policy {
    /// `why` gives the comments of the block in which a line stands.
    fn write_churn(&self, page: &mut Page, why: &dyn Fn(&str) -> Vec<String>) {
        page.gap();
        page.note(CHURN);
        let Some(churn) = &self.churn else {
            page.line("# [churn]\n# base = 0\n# bands = { medium = 25, high = 50, critical = 75 }\n");
            page.note(SIGNAL);
            return page.line("# [[churn.signal]]\n# code = \"silent\"\n# silence = \"order_placed\"\n# at_least = \"60d\"\n# points = 40\n# action = \"care_call\"");
        };
        for line in why("[churn]\n") {
            page.line(&line);
        }
        page.line("[churn]");
        page.field("base", &churn.base);
        page.field("bands", &churn.bands);
        page.gap();
        page.note(SIGNAL);
        for signal in &churn.signals {
            page.gap();
            for line in why(&format!("code = \"{}\"\n", signal.code)) {
                page.line(&line);
            }
            page.line("[[churn.signal]]");
            page.fields(signal);
        }
    }
}

/// The files that come with the library. Their comments are in both languages: an English one is ASCII, a Chinese one
/// is not.
pub(super) fn preset(name: &str) -> Option<&'static str> {
    Some(match name {
        "retail" => include_str!("../../presets/retail.toml"),
        "saas" => include_str!("../../presets/saas.toml"),
        "b2b" => include_str!("../../presets/b2b.toml"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_with_the_same_hash_in_both_languages() {
        let full = "
            name = 'a \"quoted\" name'
            currency = 'CNY'
            rate = [{day = 2024-01-02, from = 'USD', to = 'CNY', rate = '7.10'}]
            [rfm]
            lookback = '2w'
            map = 'own'
            tiers = { cuts = ['12', '8'] }
            [rfm.fixed]
            r_days = [7, 30, 90, 365]
            f = [2, 3, 5, 9]
            m = ['0.50', 1, 2, 3]
            [[rfm.segment]]
            code = 'vip'
            r = [4, 5]";
        let presets = Policy::PRESETS.iter().filter_map(|name| Policy::preset(name));
        let mut policies: Vec<Policy> = presets.collect();
        policies.extend([full, ""].map(|text| Policy::parse(text, "").unwrap()));
        for policy in policies {
            for language in [Language::En, Language::ZhCn] {
                let text = policy.to_commented(language);
                let again =
                    Policy::parse(&text, "again.toml").unwrap_or_else(|error| panic!("{error}\n{text}"));
                assert_eq!((again.hash(), again), (policy.hash(), policy.clone()), "{text}");
            }
        }
    }

    #[test]
    fn a_preset_to_start_from_is_the_preset_with_its_reasons() {
        for name in Policy::PRESETS {
            for (language, reason) in [(Language::En, "flaps"), (Language::ZhCn, "没有规则来回摆动")]
            {
                let text = Policy::preset_commented(name, language).unwrap();
                let policy = Policy::parse(&text, name).unwrap();
                assert_eq!(policy.hash(), Policy::preset(name).unwrap().hash());
                assert!(text.contains(reason), "{text}");
                let comments = || text.lines().filter(|line| line.starts_with("# "));
                let reasons = preset(name).unwrap().lines().filter(|line| line.starts_with("# "));
                let reasons = reasons.filter(|line| line.is_ascii() == (language == Language::En));
                for reason in reasons {
                    assert!(comments().any(|line| line == reason), "{reason}");
                }
            }
        }
        assert!(Policy::preset_commented("wholesale", Language::En).is_none());
    }
}
