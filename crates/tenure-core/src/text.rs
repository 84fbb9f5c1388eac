//! Texts as people see them: in which language, what must not reach a screen as it is, and how much of a text a message
//! quotes.

use serde::{Deserialize, Serialize};

/// A language that labels and reasons are in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Language {
    /// English.
    #[default]
    #[serde(rename = "en")]
    En,
    /// Simplified Chinese.
    #[serde(rename = "zh-CN")]
    ZhCn,
}

/// Whether a character could move the cursor, hide text or turn its direction: control, bidirectional, invisible and
/// line-parting characters. Such ones are escaped wherever a text is shown, and no customer key holds one.
///
/// # Example
/// ```
/// use tenure_core::text::is_hidden;
/// assert!(['\u{1b}', '\u{202e}', '\u{200b}', '\u{feff}'].into_iter().all(is_hidden));
/// assert!(!['a', '客', ' ', '\u{3000}'].into_iter().any(is_hidden));
/// ```
pub fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// As much of a text as a message quotes: forty characters, and `...` where it goes on. What a file holds may be
/// long, and a message is for people.
///
/// # Example
/// ```
/// use tenure_core::text::excerpt;
/// assert_eq!(&*excerpt("short"), "short");
/// assert_eq!(excerpt(&"客".repeat(41)).chars().count(), 43);
/// ```
pub fn excerpt(text: &str) -> Box<str> {
    cut(text, 40)
}

/// The first `most` characters, and `...` where the text goes on.
pub(crate) fn cut(text: &str, most: usize) -> Box<str> {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or(text)).into(),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters_and_says_so() {
        assert_eq!(&*excerpt(&"客".repeat(41)), format!("{}...", "客".repeat(40)));
        assert_eq!(&*excerpt(&"客".repeat(40)), "客".repeat(40));
        assert_eq!(&*excerpt(""), "");
    }
}
