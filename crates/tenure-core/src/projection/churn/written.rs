//! A signal as it is written: flat, so that a wrong one gets a message about what it is.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::policy::{Limit, Measure, OpenLimit, SignalDef};
use crate::projection::stage::{read_count, read_duration, read_threshold, write_threshold};
use crate::select::Selector;
use crate::time::Duration;

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawSignal {
    code: Box<str>,
    // What it measures: one of five.
    #[serde(skip_serializing_if = "Option::is_none")]
    silence: Option<Selector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<Selector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    falling: Option<Selector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    open: Option<Selector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    latest: Option<Selector>,
    // What goes with them.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Selector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    same_subject: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lead: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    within: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    among: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_least: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_most: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    every: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    or_never: Option<bool>,
    // What it is worth, and what it is called.
    points: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cap: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<Box<str>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    en: Box<str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    zh_cn: Box<str>,
}

const MEASURES: &str = "silence, count, falling, open, latest";

impl RawSignal {
    /// The keys that are there: those that say what it measures, and those that go with them.
    fn keys(&self) -> (Vec<&'static str>, Vec<&'static str>) {
        let pick = |all: &[(&'static str, bool)]| {
            all.iter().filter(|(_, there)| *there).map(|(key, _)| *key).collect()
        };
        let main = [
            ("silence", self.silence.is_some()),
            ("count", self.count.is_some()),
            ("falling", self.falling.is_some()),
            ("open", self.open.is_some()),
            ("latest", self.latest.is_some()),
        ];
        let with = [
            ("until", self.until.is_some()),
            ("same_subject", self.same_subject.is_some()),
            ("due", self.due.is_some()),
            ("lead", self.lead.is_some()),
            ("within", self.within.is_some()),
            ("among", self.among.is_some()),
            ("at_least", self.at_least.is_some()),
            ("at_most", self.at_most.is_some()),
            ("every", self.every.is_some()),
            ("or_never", self.or_never.is_some()),
        ];
        (pick(&main), pick(&with))
    }

    fn limit<T>(&self, what: &str, read: impl Fn(&Value) -> Result<T, String>) -> Result<Limit<T>, String> {
        match (&self.at_least, &self.at_most) {
            (Some(bound), None) => read(bound).map(Limit::AtLeast),
            (None, Some(bound)) => read(bound).map(Limit::AtMost),
            _ => Err(format!("`{what}` needs one of `at_least` and `at_most`")),
        }
    }

    fn every<T>(&self, read: impl Fn(&Value) -> Result<T, String>) -> Result<Option<T>, String> {
        self.every.as_ref().map(read).transpose()
    }

    fn measure(&mut self) -> Result<Measure, String> {
        let (main, with) = self.keys();
        let [what] = *main else {
            return Err(if main.is_empty() {
                format!("a signal says what it measures by one of {MEASURES}")
            } else {
                format!("a signal measures one of {}: write two signals", main.join(", "))
            });
        };
        let allowed: &[&str] = match what {
            "silence" => &["at_least", "every", "or_never"],
            "count" => &["within", "at_least", "at_most", "every", "or_never"],
            "falling" => &["within", "at_least", "every", "among"],
            "open" => &["until", "same_subject", "due", "lead", "at_least", "every"],
            _ => &["within", "at_least", "at_most", "every"],
        };
        if let Some(stray) = with.iter().find(|key| !allowed.contains(key)) {
            return Err(format!("`{stray}` does not go with `{what}`, only {}", allowed.join(", ")));
        }
        let within = || self.within.ok_or_else(|| format!("`{what}` needs `within`, a duration"));
        let at_least = || self.at_least.as_ref().ok_or_else(|| format!("`{what}` needs `at_least`"));
        let or_never = self.or_never.unwrap_or(false);
        if let Some(of) = self.silence.clone() {
            let (at_least, every) = (read_threshold(at_least()?)?, self.every(read_threshold)?);
            return Ok(Measure::Silence { of, at_least, every, or_never });
        }
        if let Some(of) = self.count.clone() {
            let limit = match self.limit(what, read_number)? {
                Limit::AtLeast(n) => Limit::AtLeast(whole(n)?),
                Limit::AtMost(n) => Limit::AtMost(whole(n)?),
            };
            if self.or_never.is_some() && matches!(limit, Limit::AtLeast(_)) {
                return Err("`or_never` is about too few, so it goes with `at_most`".into());
            }
            return Ok(Measure::Count {
                of,
                within: within()?,
                limit,
                every: self.every(read_count)?,
                or_never,
            });
        }
        if let Some(of) = self.falling.clone() {
            return Ok(Measure::Falling {
                of,
                within: within()?,
                at_least: read_percent(at_least()?)?,
                every: self.every(read_percent)?,
                among: self.among.unwrap_or(1),
            });
        }
        if let Some(of) = self.open.clone() {
            let limit = match at_least()? {
                number @ Value::Number(_) => {
                    OpenLimit::Many { at_least: read_count(number)?, every: self.every(read_count)? }
                }
                text => OpenLimit::For {
                    at_least: read_duration(text)
                        .map_err(|why| format!("{why}; `open` takes a duration or a number"))?,
                    every: self.every(read_duration)?,
                },
            };
            return Ok(Measure::Open {
                of,
                until: self.until.take().ok_or("`open` needs `until`, a selector")?,
                same_subject: self.same_subject.unwrap_or(false),
                due: self.due.take(),
                lead: self.lead.unwrap_or(Duration::ZERO),
                limit,
            });
        }
        let of = self.latest.take().ok_or("`latest` needs a selector")?;
        let (limit, every) = (self.limit(what, read_number)?, self.every(read_number)?);
        Ok(Measure::Latest { of, within: self.within, limit, every })
    }
}

fn read_number(value: &Value) -> Result<i64, String> {
    value.as_i64().ok_or_else(|| format!("{value} is not a whole number"))
}

fn whole(number: i64) -> Result<u32, String> {
    u32::try_from(number)
        .map_err(|_| format!("{number} is not a number of facts: write a whole number from 0"))
}

fn read_percent(value: &Value) -> Result<u8, String> {
    let percent = value.as_u64().and_then(|percent| u8::try_from(percent).ok());
    percent.ok_or_else(|| format!("{value} is not a number of percent: write a whole number from 1 to 100"))
}

impl TryFrom<RawSignal> for SignalDef {
    type Error = String;

    fn try_from(mut raw: RawSignal) -> Result<Self, String> {
        if raw.code.is_empty() {
            return Err("a signal needs a `code`, such as silent_against_own_cycle".into());
        }
        let measure = raw.measure()?;
        let points = raw.points.ok_or_else(|| format!("signal \"{}\" needs `points`", raw.code))?;
        let RawSignal { code, cap, action, en, zh_cn, .. } = raw;
        Ok(Self { code, measure, points, cap, action, en, zh_cn })
    }
}

impl From<SignalDef> for RawSignal {
    fn from(signal: SignalDef) -> Self {
        let SignalDef { code, measure, points, cap, action, en, zh_cn } = signal;
        let mut raw = Self { code, points: Some(points), cap, action, en, zh_cn, ..Self::default() };
        let text = |duration: Duration| Value::from(duration.to_string());
        match measure {
            Measure::Silence { of, at_least, every, or_never } => {
                raw.silence = Some(of);
                raw.at_least = Some(write_threshold(at_least));
                raw.every = every.map(write_threshold);
                raw.or_never = Some(or_never);
            }
            Measure::Count { of, within, limit, every, or_never } => {
                raw.count = Some(of);
                raw.within = Some(within);
                match limit {
                    Limit::AtLeast(n) => raw.at_least = Some(json!(n)),
                    Limit::AtMost(n) => {
                        raw.at_most = Some(json!(n));
                        raw.or_never = Some(or_never);
                    }
                }
                raw.every = every.map(Value::from);
            }
            Measure::Falling { of, within, at_least, every, among } => {
                raw.falling = Some(of);
                raw.within = Some(within);
                raw.at_least = Some(json!(at_least));
                raw.every = every.map(Value::from);
                raw.among = Some(among);
            }
            Measure::Open { of, until, same_subject, due, lead, limit } => {
                raw.open = Some(of);
                raw.until = Some(until);
                raw.same_subject = Some(same_subject);
                raw.lead = due.is_some().then_some(lead);
                raw.due = due;
                (raw.at_least, raw.every) = match limit {
                    OpenLimit::For { at_least, every } => (Some(text(at_least)), every.map(text)),
                    OpenLimit::Many { at_least, every } => (Some(json!(at_least)), every.map(Value::from)),
                };
            }
            Measure::Latest { of, within, limit, every } => {
                raw.latest = Some(of);
                raw.within = within;
                match limit {
                    Limit::AtLeast(n) => raw.at_least = Some(json!(n)),
                    Limit::AtMost(n) => raw.at_most = Some(json!(n)),
                }
                raw.every = every.map(Value::from);
            }
        }
        raw
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct File {
        signal: Vec<SignalDef>,
    }

    fn read(text: &str) -> Result<SignalDef, String> {
        let file = format!("[[signal]]\ncode = 's'\npoints = 10\n{text}");
        toml::from_str::<File>(&file).map(|mut file| file.signal.remove(0)).map_err(|e| e.to_string())
    }

    #[test]
    fn every_measure_reads_from_toml_and_round_trips_through_json_and_toml() {
        for text in [
            "silence = 'order_placed'\nat_least = { cadence = 1.5, min = '30d', max = '120d' }\nevery = { cadence = 0.5, min = '15d', max = '60d' }\ncap = 60\naction = 'care_call'",
            "silence = 'x'\nat_least = '36h'\nor_never = true\nen = 'quiet'\nzh_cn = '沉默'",
            "count = 'x'\nwithin = '30d'\nat_least = 2\nevery = 3",
            "count = 'x'\nwithin = '30d'\nat_most = 0\nor_never = true",
            "falling = { event = ['a', 'b'] }\nwithin = '30d'\nat_least = 30\nevery = 20\namong = 3",
            "open = 'ticket_opened'\nuntil = 'ticket_resolved'\nsame_subject = true\nat_least = '3d'\nevery = '2d'",
            "open = 'contract_signed'\nuntil = 'contract_signed'\ndue = 'end'\nlead = '30d'\nat_least = '0d'",
            "open = 'x'\nuntil = 'y'\nat_least = 3\nevery = 2",
            "latest = 'survey_answered'\nwithin = '90d'\nat_most = 6\nevery = 2",
            "latest = 'review_posted'\nat_least = 5",
        ] {
            let signal = read(text).unwrap();
            let json = serde_json::to_value(&signal).unwrap();
            assert_eq!(serde_json::from_value::<SignalDef>(json).unwrap(), signal, "{text}");
            let toml = toml::to_string(&signal).unwrap();
            assert_eq!(toml::from_str::<SignalDef>(&toml).unwrap(), signal, "{toml}");
        }
    }

    #[test]
    fn a_wrong_signal_says_what_is_allowed() {
        for (text, why) in [
            ("", "a signal says what it measures by one of silence, count"),
            ("silence = 'a'\ncount = 'b'\nat_least = '1d'", "measures one of silence, count: write two"),
            ("silence = 'a'\nat_most = '1d'", "`at_most` does not go with `silence`, only at_least, every"),
            ("silence = 'a'", "`silence` needs `at_least`"),
            ("silence = 'a'\nat_least = 3", "not a duration"),
            ("count = 'a'\nat_least = 3", "`count` needs `within`"),
            ("count = 'a'\nwithin = '1d'", "needs one of `at_least` and `at_most`"),
            ("count = 'a'\nwithin = '1d'\nat_least = 1\nat_most = 3", "needs one of"),
            ("count = 'a'\nwithin = '1d'\nat_most = -1", "whole number from 0"),
            ("count = 'a'\nwithin = '1d'\nat_least = 1\nor_never = true", "goes with `at_most`"),
            ("falling = 'a'\nwithin = '1d'\nat_least = 'x'", "a number of percent"),
            ("open = 'a'\nat_least = '1d'", "`open` needs `until`"),
            (
                "open = 'a'\nuntil = 'b'\nat_least = { cadence = 1, min = '1d', max = '2d' }",
                "a duration or a number",
            ),
            ("latest = 'a'\nat_most = 0.5", "not a whole number"),
            ("latest = 'a'\nat_most = 6\nof = 'b'", "unknown field `of`"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
