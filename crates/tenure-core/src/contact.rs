//! E-mail addresses and telephone numbers brought to one spelling, so that equal ones can be found.
//!
//! For comparing only: what was recorded stays as it was written, and an address is never sent to in this form.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};
use unicase::UniCase;
use unicode_normalization::UnicodeNormalization;

use crate::privacy::Personal;

/// Which sort of contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Channel {
    /// An e-mail address.
    Email,
    /// A telephone number.
    Phone,
}

impl Channel {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Email, Self::Phone];

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
        }
    }
}

/// A contact in its one spelling.
///
/// # Example
/// ```
/// use tenure_core::contact::Contact;
/// let written = Contact::email(" Ann.Lee@Example.ORG ").ok_or("no address")?;
/// assert_eq!(Some(&written), Contact::email("ann.lee@example.org").as_ref());
/// assert_eq!(format!("{written:?}"), "Contact { channel: Email, text: *** }");
///
/// let china = Some("86".parse()?);
/// assert_eq!(Contact::phone("+86 138-0013-8000", None), Contact::phone("138 0013 8000", china));
/// assert_eq!(Contact::phone("call me", china), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Contact {
    channel: Channel,
    text: Personal<Box<str>>,
}

impl Contact {
    /// An e-mail address: compatibility forms, case and zero-width characters do not count. None for a text that has no
    /// `@` between a name and a domain with a dot. What single providers ignore (dots, what follows a plus) counts.
    pub fn email(text: &str) -> Option<Self> {
        let text = folded(text);
        let text = text.strip_prefix("mailto:").unwrap_or(&text);
        let (name, domain) = text.rsplit_once('@')?;
        let labels = || domain.split('.');
        let fits = !name.is_empty()
            && !text.contains(char::is_whitespace)
            && !name.contains('@')
            && labels().count() > 1
            && labels().all(|label| !label.is_empty());
        fits.then(|| Self { channel: Channel::Email, text: Personal(text.into()) })
    }

    /// A telephone number as E.164 writes it, `+` and 7 to 15 digits. Blanks, dashes, dots, slashes and brackets do not
    /// count, `00` is `+`, and a `(0)` after the country is dropped. A number without a country gets the one given, less
    /// the `0` that it is dialled with inside; without one given it equals only numbers without a country. None for a text
    /// with anything else in it, such as an extension: two desks are not one person.
    pub fn phone(text: &str, country: Option<CallingCode>) -> Option<Self> {
        let text = folded(text);
        let text = text.strip_prefix("tel:").unwrap_or(&text).trim_start();
        let (abroad, rest) = match text.strip_prefix('+') {
            Some(rest) => (true, rest),
            None => text.strip_prefix("00").map_or((false, text), |rest| (true, rest)),
        };
        let rest = if abroad { rest.replacen("(0)", "", 1) } else { rest.to_owned() };
        let mut digits = String::new();
        for c in rest.chars() {
            match c {
                '0'..='9' => digits.push(c),
                '-' | '.' | '/' | '(' | ')' | '‐'..='―' | '−' => {}
                c if c.is_whitespace() => {}
                _ => return None,
            }
        }
        if !(7..=15).contains(&digits.len()) {
            return None;
        }
        let text = match (abroad, country) {
            (true, _) => format!("+{digits}"),
            (false, Some(country)) => {
                format!("+{country}{}", digits.strip_prefix('0').unwrap_or(&digits))
            }
            (false, None) => digits,
        };
        Some(Self { channel: Channel::Phone, text: Personal(text.into()) })
    }

    /// Which sort it is.
    pub const fn channel(&self) -> Channel {
        self.channel
    }

    /// Sixteen bytes that are equal for equal contacts, so that a report over millions of customers need hold no
    /// address. No secret: who can guess the address can compute them, so they are not for storing.
    pub fn fingerprint(&self) -> [u8; 16] {
        let hash = blake3::hash(self.text.0.as_bytes());
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(hash.as_bytes()).for_each(|(to, from)| *to = *from);
        bytes
    }
}

/// A text as identities are compared: compatibility forms unified (NFKC), case folded, without zero-width characters and
/// without white space around it.
///
/// # Example
/// ```
/// use tenure_core::contact::folded;
/// assert_eq!(folded(" Ａnn\u{200b}@STRASSE.example"), folded("ann@straße.example"));
/// ```
pub fn folded(text: &str) -> String {
    let seen = |c: &char| {
        !matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
    };
    let unified: String = text.chars().filter(seen).nfkc().collect();
    // Folding can bring out forms that are to be unified once more.
    let folded: String = UniCase::unicode(unified).to_folded_case().nfkc().collect();
    folded.trim().to_owned()
}

/// A country as telephones call it: 1 to 3 digits, such as 86.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CallingCode(u16);

/// A text is no calling code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not the calling code of a country: write 1 to 3 digits as text, such as \"86\"")]
pub struct CallingCodeError(Box<str>);

impl FromStr for CallingCode {
    type Err = CallingCodeError;

    fn from_str(text: &str) -> Result<Self, CallingCodeError> {
        let digits = text.strip_prefix('+').unwrap_or(text);
        let fits = matches!(digits.len(), 1..=3)
            && digits.bytes().all(|b| b.is_ascii_digit())
            && !digits.starts_with('0');
        digits.parse().ok().filter(|_| fits).map(Self).ok_or_else(|| CallingCodeError(text.into()))
    }
}

impl TryFrom<String> for CallingCode {
    type Error = CallingCodeError;

    fn try_from(text: String) -> Result<Self, CallingCodeError> {
        text.parse()
    }
}

impl From<CallingCode> for String {
    fn from(code: CallingCode) -> Self {
        code.to_string()
    }
}

impl fmt::Display for CallingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_address_are_one() {
        let ann = Contact::email("ann@example.org");
        for text in
            ["ANN@EXAMPLE.ORG", "\u{feff}ann@example.org ", "ａｎｎ＠example．org", "mailto:Ann@example.org"]
        {
            assert_eq!(Contact::email(text), ann, "{text}");
        }
        for other in ["ann+shop@example.org", "a.nn@example.org", "ann@example.com"] {
            assert!(Contact::email(other).is_some_and(|other| Some(other) != ann), "{other}");
        }
        for none in
            ["", "ann", "@example.org", "ann@", "ann@example", "ann@.org", "a b@example.org", "a@b@c.d"]
        {
            assert_eq!(Contact::email(none), None, "{none}");
        }
    }

    #[test]
    fn spellings_of_one_number_are_one() {
        let germany = "49".parse().ok();
        let number = Contact::phone("+493012345678", None);
        for text in [
            "0049 30 1234 5678",
            "+49 (0)30 12345678",
            "(030) 1234-5678",
            "tel:+49-30-1234-5678",
            "＋４９３０１２３４５６７８",
        ] {
            assert_eq!(Contact::phone(text, germany), number, "{text}");
        }
        assert_ne!(Contact::phone("030 1234 5678", None), number);
        assert_eq!(Contact::phone("030 1234 5678", None), Contact::phone("030-12345678", None));
        for none in ["", "12", "1234567 ext 3", "12345678901234567", "+", "ann@example.org"] {
            assert_eq!(Contact::phone(none, germany), None, "{none}");
        }
    }

    /// A compatibility form has no case before it is unified; a capital with marks has no composed form before it is
    /// folded. So both are unified before and after.
    #[test]
    fn case_and_form_are_folded_whichever_hides_the_other() {
        assert_eq!(folded("\u{3d2}"), folded("υ"));
        assert_eq!(folded("\u{3aa}\u{301}"), folded("\u{390}"));
    }

    #[test]
    fn a_calling_code_is_a_few_digits() {
        assert_eq!("+86".parse::<CallingCode>().map(|code| code.to_string()).as_deref(), Ok("86"));
        for bad in ["", "0", "049", "1234", "8a", "+", "++8"] {
            assert!(bad.parse::<CallingCode>().is_err(), "{bad}");
        }
    }

    #[test]
    fn no_address_shows() {
        let shown =
            format!("{:?} {:?}", Contact::email("ann@example.org"), Contact::phone("+4930123456", None));
        assert!(!shown.contains("ann@") && !shown.contains("4930"), "{shown}");
    }
}
