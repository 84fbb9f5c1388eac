//! Groups of what waits for one writer, so that all of a group wait for the disk once.

use core::time::Duration;
use std::collections::VecDeque;
use std::time::Instant;

/// The size of a group at most; what is larger alone is a group alone.
const LARGEST: usize = 16_384;

/// The longest that others are waited for, also where commits take long.
const MOST_PATIENCE: Duration = Duration::from_millis(2);

/// Groups at most for which nobody is waited after waits in vain.
const LONGEST_PAUSE: u32 = 63;

/// What waits for a writer, and how long it is to wait for more before it commits. For adapters, whatever their channels
/// and threads.
///
/// Whoever is answered after a commit is back with the next fact within microseconds, and still too late: the writer has
/// gone on with the first who came, and the others wait for that commit and their own. So of eight tasks one and seven are
/// committed in turns. This is why a writer waits for as many as there were, those of the last group and those
/// who came during its commit, at most half of the time that the commit took (as is advised for PostgreSQL's
/// `commit_delay`) and never longer than 2 ms. Who is alone is never made to wait. After a wait in vain some groups go
/// without, twice as many after each further one, so that who comes at random does not pay for company that does not come.
///
/// # Example
/// ```
/// use std::sync::mpsc::channel;
/// use std::time::{Duration, Instant};
/// use tenure_store::Groups;
/// let (jobs, waiting) = channel();
/// ["a", "b", "c"].map(|job| jobs.send(job)).into_iter().collect::<Result<(), _>>()?;
///
/// let mut groups = Groups::new(|job: &&str| job.len());
/// groups.add(waiting.recv()?);
/// while let Some(patience) = groups.patience(Instant::now()) {
///     match waiting.recv_timeout(patience) {
///         Ok(job) => groups.add(job),
///         Err(_) => break,
///     }
/// }
/// assert_eq!(groups.take(), ["a", "b", "c"]);
/// // Committed, and before anybody is answered:
/// groups.committed(Duration::from_millis(1), waiting.try_iter(), Instant::now());
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Groups<T> {
    size_of: fn(&T) -> usize,
    waiting: VecDeque<T>,
    /// Of all that wait.
    size: usize,
    /// How many were in the last group.
    last: usize,
    /// How many are waited for, and until when.
    expected: usize,
    until: Option<Instant>,
    /// Groups for which nobody is waited, and how many there were after the last wait in vain.
    paused: u32,
    pause: u32,
}

impl<T> Groups<T> {
    /// Nothing waits. The size of a job is that of what it writes: facts and entries.
    pub const fn new(size_of: fn(&T) -> usize) -> Self {
        let waiting = VecDeque::new();
        Self { size_of, waiting, size: 0, last: 0, expected: 0, until: None, paused: 0, pause: 0 }
    }

    /// Takes in what arrived.
    pub fn add(&mut self, job: T) {
        self.size = self.size.saturating_add((self.size_of)(&job));
        self.waiting.push_back(job);
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How long to wait for one more; zero to take only what has arrived; none if the group is as large as it may be.
    pub fn patience(&self, now: Instant) -> Option<Duration> {
        if self.size >= LARGEST {
            return None;
        }
        let until = self.until.filter(|_| self.waiting.len() < self.expected);
        Some(until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now)))
    }

    /// The next group, in the order of arrival; empty if nothing waits.
    pub fn take(&mut self) -> Vec<T> {
        if self.until.take().is_some() {
            let in_vain = self.waiting.len() < self.expected && self.size < LARGEST;
            self.pause = if in_vain { (self.pause * 2 + 1).min(LONGEST_PAUSE) } else { 0 };
            self.paused = self.pause;
        }
        let (mut group, mut size) = (Vec::new(), 0_usize);
        while let Some(job) = self.waiting.pop_front() {
            let more = size.saturating_add((self.size_of)(&job));
            if more > LARGEST && !group.is_empty() {
                self.waiting.push_front(job);
                break;
            }
            size = more;
            group.push(job);
        }
        self.size = self.size.saturating_sub(size);
        self.last = group.len();
        group
    }

    /// Takes in who came while the last group was committed, which took so long. To be called before anybody is answered,
    /// or who is back already is counted twice.
    pub fn committed(&mut self, took: Duration, came: impl Iterator<Item = T>, now: Instant) {
        came.for_each(|job| self.add(job));
        if let Some(paused) = self.paused.checked_sub(1) {
            self.paused = paused;
            return;
        }
        self.expected = self.last.saturating_add(self.waiting.len());
        let alone = self.expected <= 1;
        self.until = now.checked_add((took / 2).min(MOST_PATIENCE)).filter(|_| !alone);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: Duration = Duration::from_millis(1);

    /// A group of so many, whose commit others come during.
    fn committed(groups: &mut Groups<usize>, now: Instant, others: usize) -> usize {
        let group = groups.take().len();
        groups.committed(COMMIT, core::iter::repeat_n(1, others), now);
        group
    }

    fn groups(jobs: usize) -> Groups<usize> {
        let mut groups = Groups::new(|size| *size);
        (0..jobs).for_each(|_| groups.add(1));
        groups
    }

    #[test]
    fn who_is_alone_is_never_made_to_wait() {
        let now = Instant::now();
        let mut groups = groups(1);
        for _ in 0..3 {
            assert_eq!(groups.patience(now), Some(Duration::ZERO));
            assert_eq!(committed(&mut groups, now, 0), 1);
            groups.add(1);
        }
    }

    /// One and seven in turns, and from then on eight at a time.
    #[test]
    fn as_many_as_there_were_are_waited_for() {
        let now = Instant::now();
        let mut groups = groups(1);
        assert_eq!(committed(&mut groups, now, 7), 1);
        for _ in 0..3 {
            assert_eq!(groups.patience(now), Some(COMMIT / 2));
            assert_eq!(groups.patience(now + COMMIT / 4), Some(COMMIT / 4));
            while groups.waiting.len() < 8 {
                groups.add(1);
            }
            assert_eq!(groups.patience(now), Some(Duration::ZERO));
            assert_eq!(committed(&mut groups, now, 0), 8);
        }
    }

    #[test]
    fn waits_in_vain_become_seldom_and_one_that_was_not_makes_up_for_them() {
        let now = Instant::now();
        let mut groups = groups(2);
        let mut waits = Vec::new();
        for n in 0..64 {
            if groups.patience(now) > Some(Duration::ZERO) {
                waits.push(n);
            }
            assert_eq!(groups.patience(now + COMMIT), Some(Duration::ZERO));
            // Others, and never as many.
            assert_eq!(committed(&mut groups, now, 2), 2);
        }
        assert_eq!(waits, [1, 3, 7, 15, 31, 63]);
        groups.paused = 0;
        for _ in 0..2 {
            committed(&mut groups, now, 2);
            assert!(groups.patience(now) > Some(Duration::ZERO));
            (0..2).for_each(|_| groups.add(1));
        }
    }

    #[test]
    fn a_slow_commit_is_no_reason_to_wait_long() {
        let now = Instant::now();
        let mut groups = groups(2);
        groups.take();
        groups.committed(Duration::from_secs(1), core::iter::empty(), now);
        assert_eq!(groups.patience(now), Some(MOST_PATIENCE));
    }

    #[test]
    fn a_group_is_no_larger_than_it_may_be_and_what_is_larger_goes_alone() {
        let now = Instant::now();
        let mut groups = Groups::new(|size: &usize| *size);
        for size in [LARGEST - 1, 1, 1, LARGEST + 1, 1] {
            groups.add(size);
        }
        assert_eq!(groups.patience(now), None);
        assert_eq!(groups.take(), [LARGEST - 1, 1]);
        assert_eq!(groups.take(), [1]);
        assert_eq!(groups.take(), [LARGEST + 1]);
        assert_eq!(groups.take(), [1]);
        assert!(groups.take().is_empty() && groups.is_empty());
    }
}
