//! A line of a file with a caret under what is wrong in it.

use tenure::core::Spot;
use unicode_width::UnicodeWidthStr;

use crate::table::safe;

/// How much of a line is shown.
const WIDTH: usize = 96;

/// The line of a spot, with carets under it:
///
/// ```text
///    |
///  3 | scoring = 'ranc'
///    |           ^^^^^^
/// ```
///
/// Tabs and other characters that move the cursor are escaped in the line, and counted so; a line that is longer than
/// a page is cut on both sides of the spot.
pub fn excerpt(spot: &Spot) -> String {
    let chars: Vec<char> = spot.text.chars().collect();
    let begin = spot.column.saturating_sub(1).min(chars.len());
    let end = (begin + spot.length).min(chars.len());
    let from = if end > WIDTH { begin.saturating_sub(WIDTH / 4) } else { 0 };
    let to = chars.len().min(from + WIDTH).max(begin);
    let part = |from: usize, to: usize| -> String {
        safe(&chars.get(from..to.max(from)).unwrap_or_default().iter().collect::<String>())
    };
    let cut = |yes: bool| if yes { "…" } else { "" };
    let before = cut(from > 0).to_owned() + &part(from, begin);
    let about = part(begin, end.min(to));
    let line = format!("{before}{}{}", part(begin, to), cut(to < chars.len()));
    let number = spot.line.to_string();
    let margin = " ".repeat(number.len());
    let carets = "^".repeat(about.width().max(1));
    format!(" {margin} |\n {number} | {line}\n {margin} | {}{carets}", " ".repeat(before.width()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spot(text: &str, column: usize, length: usize) -> String {
        excerpt(&Spot { line: 12, column, length, text: text.into() })
    }

    #[test]
    fn carets_stand_under_what_is_wrong_also_after_wide_characters_and_tabs() {
        assert_eq!(spot("a = 'x'", 5, 3), "    |\n 12 | a = 'x'\n    |     ^^^");
        assert_eq!(spot("店 = 'x'", 5, 3), "    |\n 12 | 店 = 'x'\n    |      ^^^");
        assert_eq!(spot("\ta", 2, 1), "    |\n 12 | \\ta\n    |   ^");
        assert_eq!(spot("", 1, 1), "    |\n 12 | \n    | ^");
        assert_eq!(spot("a", 9, 9), "    |\n 12 | a\n    |  ^");
    }

    #[test]
    fn a_long_line_is_cut_around_the_spot() {
        let shown = spot(&format!("{}WRONG{}", "x".repeat(500), "y".repeat(500)), 501, 5);
        assert!(shown.lines().all(|line| line.chars().count() < 110), "{shown}");
        let [_, line, carets] = *shown.lines().collect::<Vec<_>>() else { panic!("{shown}") };
        let at = carets.chars().position(|c| c == '^').unwrap();
        assert!(line.chars().skip(at).collect::<String>().starts_with("WRONG"), "{shown}");
        assert!(line.contains("…x") && line.ends_with('…'));
    }
}
