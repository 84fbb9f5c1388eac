//! Following the chain: whether a log is what was written, and where it first is not.

use tenure_core::Position;

use crate::row::{Body, Column, Decoder, Header};
use crate::{Location, LogHash, StoreError, Unreadable};

/// What a check found to be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many facts were followed.
    pub facts: u64,
    /// The last link: logs with one hash hold the same facts in the same order.
    pub head_hash: LogHash,
}

/// Where a log is not what was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The fact at this position was changed. **What to do:** restore a backup.
    #[error("the fact at position {position} was altered: {what}")]
    Altered {
        /// The first bad position.
        position: Position,
        /// How that shows.
        what: Box<str>,
    },
    /// There is no fact at this position. **What to do:** restore a backup.
    #[error("the fact at position {position} was removed")]
    Removed {
        /// The first bad position.
        position: Position,
    },
    /// The fact at this position was written at another one. **What to do:** restore a backup.
    #[error("the fact at position {position} was moved there from position {written_at}")]
    Moved {
        /// The first bad position.
        position: Position,
        /// Where it belongs.
        written_at: Position,
    },
    /// The facts are right, and what the store keeps about them is not. **What to do:** restore a backup.
    #[error("the facts in {location} are whole, but {what}")]
    Index {
        /// Where.
        location: Location,
        /// What is not right.
        what: Box<str>,
    },
    /// The caller asked to stop.
    #[error("the check was stopped at position {at}")]
    Stopped {
        /// The last position that was found right.
        at: Position,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Follows the chain of a log, for an adapter that reads its rows in order. It stands at the start of the log at first.
#[derive(Debug, Default)]
pub struct Follower {
    decoder: Decoder,
    at: i64,
    link: [u8; 32],
}

impl Follower {
    /// The last position that was found right; 0 at the start.
    pub const fn at(&self) -> i64 {
        self.at
    }

    /// What was found right so far.
    pub const fn verified(&self) -> Verified {
        Verified { facts: self.at.unsigned_abs(), head_hash: LogHash(self.link) }
    }

    /// Goes on to the next row, which says that it stands at `position`, in a log that ends at `head`.
    ///
    /// # Errors
    /// [`VerifyError::Removed`], [`VerifyError::Altered`] or [`VerifyError::Moved`] for the next position.
    pub fn step<'a>(
        &mut self,
        position: i64,
        head: i64,
        header: Result<Header<'_>, Column>,
        body: impl FnOnce() -> Result<Body<'a>, Column>,
        stored: Result<[u8; 32], Column>,
    ) -> Result<(), VerifyError> {
        let expected = self.at.saturating_add(1);
        if position != expected {
            return Err(VerifyError::Removed { position: at(expected) });
        }
        let altered = |what: &str| VerifyError::Altered { position: at(position), what: what.into() };
        let unreadable = |why: Unreadable| altered(&why.to_string());
        let header = header.map_err(|column| unreadable(column.into()))?;
        let computed = match self.decoder.link(&header, body, &self.link) {
            Ok(link) => link,
            Err(why @ Unreadable::Checksum { part: "header" }) => {
                return Err(match self.decoder.belongs_at(&header, head) {
                    Some(written_at) => {
                        VerifyError::Moved { position: at(position), written_at: at(written_at) }
                    }
                    None => unreadable(why),
                });
            }
            Err(why) => return Err(unreadable(why)),
        };
        if stored.map_err(|column| unreadable(column.into()))? != computed {
            return Err(altered("it does not fit the chain"));
        }
        let place = header.place;
        if place.previous >= position || (place.previous == 0) != (place.version == 1) {
            return Err(altered("its place in the stream is impossible"));
        }
        (self.at, self.link) = (position, computed);
        Ok(())
    }

    /// Compares the end of what was followed with the head that vouches for it. `whole` says whether there were no
    /// more rows.
    ///
    /// # Errors
    /// [`VerifyError::Removed`] for facts missing at the end, [`VerifyError::Index`] for a head that is not theirs.
    pub fn arrive(
        &self,
        location: &Location,
        head: i64,
        head_link: &[u8; 32],
        whole: bool,
    ) -> Result<(), VerifyError> {
        let index = |what: String| Err(VerifyError::Index { location: location.clone(), what: what.into() });
        if whole && self.at < head {
            return Err(VerifyError::Removed { position: at(self.at.saturating_add(1)) });
        }
        if self.at > head {
            return index(format!("the head counts {head} facts and there are more"));
        }
        if self.at == head && self.link != *head_link {
            return index("the head does not vouch for the last of them".to_owned());
        }
        Ok(())
    }
}

const fn at(position: i64) -> Position {
    Position(position.unsigned_abs())
}
