//! The guard before texts that a spreadsheet would take for a formula: put on by exports, taken off by imports.

use std::borrow::Cow;

/// What a formula begins with: `= + - @`, a tab, a carriage return, and the full-width forms of the first four.
const STARTS: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// A text as a cell of a table for spreadsheets: with a leading `'` where a spreadsheet would take it for a formula,
/// and where it looks as if it had such a guard already.
///
/// # Laws
/// A text column of a [`Mapping`](crate::Mapping) reads `guarded(text)` as `text`, for every text.
///
/// # Example
/// ```
/// use tenure_ingest::guarded;
/// assert_eq!(guarded("=HYPERLINK(\"http://a\")"), "'=HYPERLINK(\"http://a\")");
/// assert_eq!((guarded("'=1"), guarded("'tis")), ("''=1".into(), "'tis".into()));
/// ```
pub fn guarded(text: &str) -> Cow<'_, str> {
    if is_formula(text) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// A cell without the guard that [`guarded`] puts on.
pub(crate) fn unguarded(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|text| is_formula(text)).unwrap_or(cell)
}

/// Whether a formula begins here, guards apart.
fn is_formula(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(STARTS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_start_of_a_formula_is_guarded() {
        for start in STARTS {
            let text = format!("{start}1");
            assert_eq!(guarded(&text), format!("'{text}"));
            assert_eq!(unguarded(&guarded(&text)), text);
        }
        for plain in ["", "'", "'a", "a=1", " =1"] {
            assert_eq!((guarded(plain).as_ref(), unguarded(plain)), (plain, plain));
        }
    }

    proptest! {
        #[test]
        fn what_is_guarded_is_read_back_as_it_was_and_is_no_formula(text in "['=+@\t＝a-]{0,5}|\\PC{0,8}") {
            let cell = guarded(&text);
            prop_assert_eq!(unguarded(&cell), text.as_str());
            prop_assert!(!cell.starts_with(STARTS));
        }
    }
}
