//! Where the program runs: language, characters, terminal.

use std::env;
use std::io::{self, IsTerminal};

use serde_json::json;

use super::{Line, Mark, Part};
use crate::answer::width;
use crate::lang::{Lang, Words, fill};

/// Language, characters and terminal.
pub fn look(chosen: Option<Lang>, w: &Words) -> Vec<Line> {
    let variable = |name: &str| env::var(name).ok();
    vec![language(chosen, variable, w), characters(variable, w), terminal(w)]
}

/// The first of some variables that is set and not empty, as POSIX looks them up.
fn first_of(
    names: [&'static str; 3],
    variable: impl Fn(&str) -> Option<String>,
) -> Option<(&'static str, String)> {
    names.into_iter().find_map(|name| Some((name, variable(name).filter(|value| !value.is_empty())?)))
}

/// The language of tables. It is that of `--lang`, never that of a variable: an answer is the same wherever it is made.
fn language(chosen: Option<Lang>, variable: impl Fn(&str) -> Option<String>, w: &Words) -> Line {
    let lang = chosen.unwrap_or_default();
    let locale = first_of(["LC_ALL", "LC_MESSAGES", "LANG"], variable);
    let code = lang.pick("en", "zh-CN");
    let source = if chosen.is_some() { "--lang" } else { "default" };
    let mut says = match chosen {
        Some(_) => fill(w.doctor_language_chosen, &[&code]),
        None => fill(w.doctor_language_default, &[&code]),
    };
    let wants_chinese =
        locale.as_ref().is_some_and(|(_, value)| value.to_ascii_lowercase().starts_with("zh"));
    let asks = match &locale {
        Some((name, value)) => fill(w.doctor_locale, &[name, value]),
        None => w.doctor_no_locale.to_owned(),
    };
    says += &asks;
    let (name, value) = locale.unzip();
    let values = json!({"lang": code, "source": source, "variable": name, "locale": value});
    let line = Line::new(Part::Surroundings, ("language", w.doctor_language), says, values);
    if chosen.is_none() && wants_chinese { line.but(Mark::Look, w.doctor_choose_chinese) } else { line }
}

/// Which characters the terminal shows, as far as a variable says so.
fn characters(variable: impl Fn(&str) -> Option<String>, w: &Words) -> Line {
    let locale = first_of(["LC_ALL", "LC_CTYPE", "LANG"], variable);
    let set = locale.as_ref().and_then(|(_, value)| value.split_once('.'));
    // A modifier may follow, as in de_DE.UTF-8@euro.
    let set = set.map(|(_, set)| set.split('@').next().unwrap_or_default().to_owned());
    let name = locale.map(|(name, _)| name);
    let says = match (&set, name) {
        (Some(set), Some(name)) => fill(w.doctor_characters_are, &[set, &name]),
        _ => w.doctor_characters_unknown.to_owned(),
    };
    let values = json!({"characters": set, "variable": name});
    let line = Line::new(Part::Surroundings, ("characters", w.doctor_characters), says, values);
    let utf8 = |set: &String| set.replace('-', "").eq_ignore_ascii_case("utf8");
    if set.as_ref().is_none_or(utf8) { line } else { line.but(Mark::Look, w.doctor_use_utf8) }
}

/// Where the answer goes.
fn terminal(w: &Words) -> Line {
    let stdout = io::stdout();
    let (terminal, columns) = (stdout.is_terminal(), width());
    let colours = anstream::AutoStream::choice(&stdout) != anstream::ColorChoice::Never;
    let phrase = if terminal { w.doctor_terminal_is } else { w.doctor_no_terminal };
    let says = fill(phrase, &[&columns, &if colours { w.doctor_colours } else { w.doctor_no_colours }]);
    let values = json!({"terminal": terminal, "columns": columns, "colours": colours});
    Line::new(Part::Surroundings, ("terminal", w.doctor_terminal), says, values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<'a>(set: &'a [(&str, &str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn the_language_is_told_with_the_variable_that_asks_for_another() {
        let w = Lang::En.words();
        let chinese = [("LC_ALL", ""), ("LC_MESSAGES", "zh_CN.UTF-8"), ("LANG", "de_DE.UTF-8")];
        let line = language(None, with(&chinese), w);
        assert_eq!((line.mark, line.values["variable"].as_str()), (Mark::Look, Some("LC_MESSAGES")));
        assert_eq!(language(Some(Lang::En), with(&chinese), w).mark, Mark::Ok);
        assert_eq!(language(None, with(&[("LANG", "de_DE.UTF-8")]), w).mark, Mark::Ok);
        let none = language(None, with(&[]), w);
        assert_eq!((none.mark, &none.values["locale"]), (Mark::Ok, &serde_json::Value::Null));
    }

    #[test]
    fn characters_other_than_utf_8_are_worth_a_look() {
        let w = Lang::En.words();
        for (locale, mark) in [
            ("en_US.UTF-8", Mark::Ok),
            ("C.utf8", Mark::Ok),
            ("de_DE.UTF-8@euro", Mark::Ok),
            ("C", Mark::Ok),
            ("zh_CN.GB18030", Mark::Look),
            ("de_DE.ISO-8859-1", Mark::Look),
        ] {
            assert_eq!(characters(with(&[("LC_CTYPE", locale), ("LANG", "x.x")]), w).mark, mark, "{locale}");
        }
    }
}
