//! Where `recorded_at` comes from: a clock is handed to a store, so a test can hold it.

use core::fmt::Debug;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use tenure_core::Timestamp;

/// Tells a store what time it is.
///
/// A clock may jump and go back; a store never lets `recorded_at` go back with it.
pub trait Clock: Debug + Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// The clock of the machine. It lives here and not in the core, which has no clock.
///
/// # Example
/// ```
/// use tenure_core::Timestamp;
/// use tenure_store::{Clock, SystemClock};
/// assert!(SystemClock.now() > Timestamp::parse("2024-01-01T00:00:00Z")?);
/// # Ok::<(), tenure_core::TimeError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // A machine whose clock stands before 1970 records 1970, one beyond the year 9999 the last instant of it.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_micros()).ok().and_then(Timestamp::from_micros).unwrap_or(Timestamp::MAX)
    }
}

/// A clock that stands still until it is set, also backward: for tests and for replays of old imports.
///
/// # Example
/// ```
/// use tenure_core::Timestamp;
/// use tenure_store::{Clock, ManualClock};
/// let noon = Timestamp::parse("2024-05-01T12:00:00Z")?;
/// let clock = ManualClock::new(Timestamp::MIN);
/// clock.set(noon);
/// assert_eq!(clock.now(), noon);
/// # Ok::<(), tenure_core::TimeError>(())
/// ```
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `at`.
    pub const fn new(at: Timestamp) -> Self {
        Self(AtomicI64::new(at.as_micros()))
    }

    /// Sets the clock, forward or backward.
    pub fn set(&self, at: Timestamp) {
        self.0.store(at.as_micros(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        // What is in it was taken out of a `Timestamp`.
        Timestamp::from_micros(self.0.load(Ordering::SeqCst)).unwrap_or(Timestamp::MIN)
    }
}
