//! What a signal says, in words.

use super::policy::{Band, Limit, Measure, OpenLimit};
use super::view::SignalView;
use super::{Churn, SignalDef};
use crate::event::Kind;
use crate::select::Selector;
use crate::text::Language;
use crate::time::Duration;

impl Band {
    /// All of them, the lowest first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// How it is called.
    pub const fn label(self, language: Language) -> &'static str {
        match (self, language) {
            (Self::Low, Language::En) => "low",
            (Self::Medium, Language::En) => "medium",
            (Self::High, Language::En) => "high",
            (Self::Critical, Language::En) => "critical",
            (Self::Low, Language::ZhCn) => "低",
            (Self::Medium, Language::ZhCn) => "中",
            (Self::High, Language::ZhCn) => "高",
            (Self::Critical, Language::ZhCn) => "严重",
        }
    }
}

impl SignalDef {
    /// How the signal is called; its code where the policy gives it no name.
    pub fn label(&self, language: Language) -> &str {
        let name = match language {
            Language::En => &self.en,
            Language::ZhCn => &self.zh_cn,
        };
        if name.is_empty() { &self.code } else { name }
    }
}

impl Churn {
    /// What a signal of a view says, as a sentence without its end: the raw value and from where it counts. Empty for a
    /// signal of another policy.
    pub fn reason(&self, signal: &SignalView, language: Language) -> String {
        let Some(def) = self.policy().signals.get(signal.place) else { return String::new() };
        let what = noun(def.measure.selector(), language);
        let raw = signal.raw;
        let bound = *signal.scale.threshold.bound();
        let time = |micros: i64| span(micros, language);
        match (&def.measure, language) {
            (Measure::Silence { .. }, Language::En) => {
                let Some(raw) = raw else { return format!("never any {what}") };
                let usual = match signal.cadence {
                    Some(cadence) => format!("usually every {}", every(cadence, language)),
                    None => format!("from {} on that is long", time(bound)),
                };
                format!("no {what} for {}; {usual}", time(raw))
            }
            (Measure::Silence { .. }, Language::ZhCn) => {
                let Some(raw) = raw else { return format!("从未{what}") };
                let usual = match signal.cadence {
                    Some(cadence) => format!("平时每 {}一次", every(cadence, language)),
                    None => format!("超过 {}即偏长", time(bound)),
                };
                format!("已 {}没有{what}，{usual}", time(raw))
            }
            (Measure::Count { within, limit, .. }, language) => {
                count(&what, raw, *within, *limit, full(def, raw), language)
            }
            (Measure::Falling { within, .. }, Language::En) => format!(
                "{what}: {} % fewer in {} than in as many before; from {bound} % on that counts",
                raw.unwrap_or(0),
                time(within.as_micros())
            ),
            (Measure::Falling { within, .. }, Language::ZhCn) => format!(
                "近 {}的{what}比此前同期减少 {}%，减少 {bound}% 即计",
                time(within.as_micros()),
                raw.unwrap_or(0)
            ),
            (Measure::Open { limit: OpenLimit::Many { .. }, due, .. }, language) => {
                many(&what, raw.unwrap_or(0), full(def, raw), due.is_some(), bound, language)
            }
            (Measure::Open { due, lead, .. }, language) => {
                open(&what, raw, due.is_some().then_some(*lead), bound, language)
            }
            (Measure::Latest { limit, .. }, Language::En) => match (raw, limit) {
                (None, _) => format!("{what}: none known"),
                (Some(raw), Limit::AtMost(_)) => {
                    format!("{what}: the latest is {raw}; {bound} or less counts")
                }
                (Some(raw), Limit::AtLeast(_)) => {
                    format!("{what}: the latest is {raw}; {bound} or more counts")
                }
            },
            (Measure::Latest { limit, .. }, Language::ZhCn) => match (raw, limit) {
                (None, _) => format!("{what}：暂无"),
                (Some(raw), Limit::AtMost(_)) => format!("最近一次{what}为 {raw}，不高于 {bound} 即计"),
                (Some(raw), Limit::AtLeast(_)) => format!("最近一次{what}为 {raw}，不低于 {bound} 即计"),
            },
        }
    }
}

/// Whether a number has reached what is told apart: there may be more.
fn full(def: &SignalDef, raw: Option<i64>) -> bool {
    usize::try_from(raw.unwrap_or(0)).is_ok_and(|raw| raw >= def.saturation())
}

fn count(
    what: &str,
    raw: Option<i64>,
    within: Duration,
    limit: Limit<u32>,
    full: bool,
    language: Language,
) -> String {
    let within = span(within.as_micros(), language);
    let raw = raw.unwrap_or(0);
    match (language, limit) {
        (Language::En, Limit::AtLeast(bound)) => {
            let more = if full { " or more" } else { "" };
            format!("{what}: {raw}{more} within {within}; from {bound} on that is many")
        }
        (Language::En, Limit::AtMost(bound)) => match (raw, bound) {
            (0, _) => format!("no {what} within {within}"),
            (raw, bound) => format!("{what}: only {raw} within {within}; {bound} or fewer are few"),
        },
        (Language::ZhCn, Limit::AtLeast(bound)) => {
            let more = if full { "至少 " } else { " " };
            format!("近 {within}内{what}{more}{raw} 次，达到 {bound} 次即计")
        }
        (Language::ZhCn, Limit::AtMost(bound)) => match (raw, bound) {
            (0, _) => format!("近 {within}内没有{what}"),
            (raw, bound) => format!("近 {within}内{what}仅 {raw} 次，不超过 {bound} 次即计"),
        },
    }
}

fn many(what: &str, raw: i64, full: bool, due: bool, bound: i64, language: Language) -> String {
    match language {
        Language::En => {
            let (more, due) = (if full { " or more" } else { "" }, if due { "due and " } else { "" });
            format!("{what}: {raw}{more} {due}still open; from {bound} on that counts")
        }
        Language::ZhCn => {
            let (more, due) = (if full { "至少 " } else { "" }, if due { "已到期而" } else { "" });
            format!("{what}：{more}{raw} 项{due}仍未了结，达到 {bound} 项即计")
        }
    }
}

/// `lead` is there where something has an instant at which it is due.
fn open(what: &str, raw: Option<i64>, lead: Option<Duration>, bound: i64, language: Language) -> String {
    let time = |micros: i64| span(micros, language);
    match (language, raw, lead) {
        (Language::En, None, _) => format!("{what}: nothing open"),
        (Language::ZhCn, None, _) => format!("{what}：均已了结"),
        (Language::En, Some(raw), None) => {
            let from =
                if bound == 0 { String::new() } else { format!("; from {} on that is long", time(bound)) };
            format!("{what} {} ago, still open{from}", time(raw))
        }
        (Language::ZhCn, Some(raw), None) => {
            let from = if bound == 0 { String::new() } else { format!("，超过 {}即偏长", time(bound)) };
            format!("{}前{what}，仍未了结{from}", time(raw))
        }
        (Language::En, Some(raw), Some(lead)) => match lead.as_micros() - raw {
            left @ 1.. => format!("{what}: due in {}", time(left)),
            over => format!("{what}: overdue for {}", time(-over)),
        },
        (Language::ZhCn, Some(raw), Some(lead)) => match lead.as_micros() - raw {
            left @ 1.. => format!("{what}：还有 {}到期", time(left)),
            over => format!("{what}：已逾期 {}", time(-over)),
        },
    }
}

/// How the facts of a selector are called: kinds by their labels, tracked ones by their names.
fn noun(selector: &Selector, language: Language) -> String {
    const MOST: usize = 3;
    let (any, or, more) = match language {
        Language::En => ("sign of life", " or ", " or other activity"),
        Language::ZhCn => ("任何活动", "、", "等"),
    };
    let Some(names) = selector.names() else { return any.into() };
    let name = |name: &str| match (Kind::named(name), language) {
        (Some(Kind::OrderPlaced), Language::En) => "order".to_owned(),
        (Some(Kind::SessionStarted), Language::En) => "session".to_owned(),
        (Some(kind), language) => kind.label(language).to_owned(),
        (None, _) => name.to_owned(),
    };
    let shown: Vec<String> = names.iter().take(MOST).map(|one| name(one)).collect();
    shown.join(or) + if names.len() > MOST { more } else { "" }
}

/// A time in its greatest unit of which it has two or more, rounded down: 62 days, 36 hours.
fn span(micros: i64, language: Language) -> String {
    let (number, en, zh_cn) = unit(micros);
    match language {
        Language::En => format!("{number} {en}{}", if number == 1 { "" } else { "s" }),
        Language::ZhCn => format!("{number} {zh_cn}"),
    }
}

/// How often: `day` rather than `1 day`.
fn every(cadence: Duration, language: Language) -> String {
    match (cadence.as_days(), language) {
        (1, Language::En) => "day".into(),
        (days, Language::En) => format!("{days} days"),
        (days, Language::ZhCn) => format!("{days} 天"),
    }
}

const fn unit(micros: i64) -> (i64, &'static str, &'static str) {
    let seconds = micros / 1_000_000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    if days >= 2 || seconds == 86_400 {
        (days, "day", "天")
    } else if hours >= 2 || seconds == 3_600 {
        (hours, "hour", "小时")
    } else if minutes >= 2 || seconds == 60 {
        (minutes, "minute", "分钟")
    } else {
        (seconds, "second", "秒")
    }
}
