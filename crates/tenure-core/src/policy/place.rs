//! Where in its text a policy is wrong.

use core::fmt;

use crate::near::did_you_mean;

/// A place in a text: what a caret points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// How many characters it is about, at least one, all in this line.
    pub length: usize,
    /// The text of the line.
    pub text: Box<str>,
}

/// Why a text is not a policy: `shop.toml:2:11: rfm.scoring: unknown variant ...`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    /// The file, as the caller names it.
    pub file: Box<str>,
    /// Where it is; none where the text has no place for it.
    pub spot: Option<Spot>,
    /// The field; empty where the text is not TOML.
    pub path: Box<str>,
    /// What is wrong, what is allowed, and the nearest name.
    pub why: Box<str>,
}

impl core::error::Error for PolicyError {}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(Spot { line, column, .. }) = &self.spot {
            write!(f, ":{line}:{column}")?;
        }
        if !self.path.is_empty() {
            write!(f, ": {}", self.path)?;
        }
        write!(f, ": {}", self.why)
    }
}

/// A text that errors point into.
pub(super) struct Place<'a> {
    pub text: &'a str,
    pub file: &'a str,
}

impl Place<'_> {
    pub(super) fn refuse(&self, error: &toml::de::Error, path: &str) -> PolicyError {
        let why = error.message().trim_end();
        PolicyError {
            file: self.file.into(),
            spot: error.span().map(|span| self.spot(span)),
            path: if path == "." { "".into() } else { path.into() },
            why: (why.to_owned() + &nearest_of(why)).into(),
        }
    }

    fn spot(&self, span: core::ops::Range<usize>) -> Spot {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let head = before.rsplit_once('\n').map_or(before, |(_, line)| line);
        let from = self.text.get(span.start..).unwrap_or("");
        let tail = from.split_once('\n').map_or(from, |(line, _)| line).trim_end_matches('\r');
        let about = self.text.get(span).unwrap_or("");
        let about = about.split_once('\n').map_or(about, |(line, _)| line).trim_end();
        Spot {
            line: before.matches('\n').count() + 1,
            column: head.chars().count() + 1,
            length: about.chars().count().max(1),
            text: (head.to_owned() + tail).into(),
        }
    }

    /// Where a field such as `rfm.segment[2].code` stands, or else the nearest thing around it that is written down.
    pub(super) fn find(&self, path: &str) -> Option<Spot> {
        let table = toml::de::DeTable::parse(self.text).ok()?;
        let mut table = table.get_ref();
        let mut found = None;
        for step in path.split('.') {
            let (name, index) = match step.trim_end_matches(']').split_once('[') {
                Some((name, index)) => (name, index.parse::<usize>().ok()),
                None => (step, None),
            };
            let Some((_, mut value)) = table.iter().find(|(key, _)| key.get_ref().as_ref() == name) else {
                break;
            };
            if let (Some(index), Some(array)) = (index, value.get_ref().as_array()) {
                let Some(item) = array.get(index) else { break };
                value = item;
            }
            found = Some(value.span());
            let Some(inner) = value.get_ref().as_table() else { break };
            table = inner;
        }
        found.map(|span| self.spot(span))
    }
}

/// The nearest of the names that a message of the form "unknown field `x`, expected one of `a`, `b`" allows.
fn nearest_of(message: &str) -> String {
    let Some((before, expected)) = message.split_once(", expected ") else { return String::new() };
    let quoted = |text| str::split(text, '`').skip(1).step_by(2);
    let unknown = before.starts_with("unknown field") || before.starts_with("unknown variant");
    match quoted(before).next().filter(|_| unknown) {
        Some(name) => did_you_mean(name, quoted(expected)),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use crate::Policy;

    #[test]
    fn a_spot_has_the_line_and_what_is_wrong_in_it() {
        let error =
            Policy::parse("name = \"店\"\r\n[rfm]\r\nscoring = 'ranc' # 名\r\n", "p.toml").unwrap_err();
        let spot = error.spot.clone().unwrap();
        assert_eq!((spot.line, spot.column, spot.length), (3, 11, 6));
        assert_eq!(&*spot.text, "scoring = 'ranc' # 名");
        assert!(error.to_string().ends_with("; did you mean \"rank\"?"), "{error}");
    }

    #[test]
    fn the_nearest_name_is_told_for_fields_variants_stages_flags_zones_and_currencies() {
        let stages = "[[stage]]\nid = 'at_risk'\nmacro = 'growth'\ninitial = true\nlabels = { en = '', zh-CN = '' }\n\
                      [[stage]]\nid = 'b'\nmacro = 'growth'\nlabels = { en = '', zh-CN = '' }\n\
                      [[rule]]\nname = 'r'\n";
        let rule = |rest: &str| format!("{stages}{rest}");
        for (text, near, spot) in [
            ("nmae = 'x'".to_owned(), "name", (1, 1)),
            ("zone = 'Asia/Shangai'".into(), "Asia/Shanghai", (1, 8)),
            ("zone = 'Shanghai'".into(), "Asia/Shanghai", (1, 8)),
            ("currency = 'usd'".into(), "USD", (1, 12)),
            ("currency = 'RMB'".into(), "CNY", (1, 12)),
            (rule("from = ['atrisk']\nto = 'b'\nwhen = { tag = 't' }"), "at_risk", (12, 9)),
            (rule("from = ['b']\nto = 'atrisk'\nwhen = { tag = 't' }"), "at_risk", (13, 6)),
            (
                rule("from = ['b']\nto = 'at_risk'\nwhen = { flag = 'contract_activ' }"),
                "contract_active",
                (14, 8),
            ),
            (
                rule("from = ['b']\nto = 'at_risk'\nwhen = { silense = 'x', at_least = '3d' }"),
                "silence",
                (14, 10),
            ),
            (
                rule("from = ['b']\nto = 'at_risk'\nwhen = { score = { survey = 'npc', at_most = 3 } }"),
                "nps",
                (14, 29),
            ),
        ] {
            let error = Policy::parse(&text, "p.toml").unwrap_err();
            assert!(error.why.ends_with(&format!("did you mean \"{near}\"?")), "{error}");
            let found = error.spot.as_ref().map(|spot| (spot.line, spot.column));
            assert_eq!(found, Some(spot), "{error}");
        }
    }
}
