//! Sets of kinds: one bit each.

use super::Kind;

/// A set of kinds, by default none; every unknown kind counts as [`Kind::Foreign`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct KindSet(u64);

impl KindSet {
    /// No kind.
    pub const NONE: Self = Self(0);
    /// Every kind.
    pub const ALL: Self = Self(u64::MAX);

    /// The same set with one more kind.
    #[must_use]
    pub const fn with(self, kind: Kind) -> Self {
        Self(self.0 | 1 << kind as u8)
    }

    /// Whether the kind is in it.
    #[inline]
    pub const fn contains(self, kind: Kind) -> bool {
        self.0 & 1 << kind as u8 != 0
    }

    /// The kinds that correct what we know.
    pub const CORRECTIONS: Self = Self::NONE.with(Kind::EventVoided).with(Kind::IdentityMerged);
}

impl FromIterator<Kind> for KindSet {
    fn from_iter<I: IntoIterator<Item = Kind>>(kinds: I) -> Self {
        kinds.into_iter().fold(Self::NONE, Self::with)
    }
}

// One bit a kind.
const _: () = assert!(Kind::ALL.len() < 64);
