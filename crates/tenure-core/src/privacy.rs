//! How private a value is, and a wrapper that keeps it out of logs.

use core::fmt;

use serde::{Deserialize, Serialize};

/// How private a field is. The catalogue says it of every field: [`Kind::privacy`](crate::Kind::privacy).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Privacy {
    /// Says nothing of a person by itself: a stage, an amount, a tag.
    Plain,
    /// Free text that may say anything: a reason, the outcome of a call.
    Sensitive,
    /// Personal data: names, addresses, numbers that reach or identify a person. Never in kinds, ids, keys, errors or
    /// `Debug` output.
    Pii,
}

/// Personal data. `Debug` prints `***`, so that no log, panic or failed assertion of a caller shows it; who wants the
/// value says so by reading the field.
///
/// # Example
/// ```
/// use tenure_core::Personal;
/// let address = Personal("ann@example.org");
/// assert_eq!(format!("{address:?}"), "***");
/// assert_eq!(address.0.len(), 15);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Personal<T>(
    /// The value itself.
    pub T,
);

impl<T> fmt::Debug for Personal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Shows a value, or `***` where it is personal.
pub(crate) struct Masked<'a, T: ?Sized>(pub Privacy, pub &'a T);

impl<T: fmt::Debug + ?Sized> fmt::Debug for Masked<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == Privacy::Pii { f.write_str("***") } else { self.1.fmt(f) }
    }
}
