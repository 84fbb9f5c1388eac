//! What is appended: batches that follow from a seed and a number, so that a parent knows what its child tried.

use core::fmt;
use core::str::FromStr;

use tenure_core::{Customer, CustomerEvent, Event, EventId, Timestamp};

use super::Chance;
use crate::Failure;

/// Batches of facts in a fixed order. A batch is one append.
///
/// # Example
/// ```
/// use tenure_testkit::fault::Workload;
/// let workload = Workload::new(7, 50);
/// assert_eq!(workload.batch(3)?, Workload::new(7, 9).batch(3)?);
/// assert_ne!(workload.batch(3)?, workload.batch(4)?);
/// assert_eq!(workload.to_string().parse::<Workload>()?, workload);
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workload {
    /// Decides the facts.
    pub seed: u64,
    /// How many batches there are.
    pub appends: u64,
    /// After how many batches the store is closed and opened again; 0 for never.
    pub reopen_every: u64,
    /// After how many batches [`Subject::tidy`](super::Subject::tidy) runs; 0 for never.
    pub tidy_every: u64,
    /// Whether a batch is acknowledged *before* it is appended: a lie, which the checks must find.
    pub lies: bool,
}

impl Workload {
    /// As many batches; now and then the store is closed or tidied between two of them.
    pub const fn new(seed: u64, appends: u64) -> Self {
        Self { seed, appends, reopen_every: 17, tidy_every: 7, lies: false }
    }

    /// The facts of batch `n`, from 0: one to eight, of seven customers, with texts of nothing to several pages. Some
    /// ids rise and others stand anywhere, so that an index grows at its end and in its middle.
    ///
    /// # Errors
    /// None: a fact that the core refuses would be an error of this function.
    pub fn batch(&self, n: u64) -> Result<Vec<Event>, Failure> {
        let mut chance = Chance::of(self.seed, n, "fault batch");
        (0..=chance.below(7)).map(|i| fact(&mut chance, n, i)).collect()
    }

    /// The facts of the first `batches` batches, in the order of the log.
    ///
    /// # Errors
    /// As [`Self::batch`].
    pub fn facts(&self, batches: u64) -> Result<Vec<Event>, Failure> {
        (0..batches).try_fold(Vec::new(), |mut facts, n| {
            facts.extend(self.batch(n)?);
            Ok(facts)
        })
    }
}

fn fact(chance: &mut Chance, n: u64, i: u64) -> Result<Event, Failure> {
    let number = n * 16 + i;
    let front = if chance.chance(500) { chance.bits() } else { number };
    let mut id = [0; 16];
    for (to, from) in id.iter_mut().zip(front.to_be_bytes().into_iter().chain(number.to_be_bytes())) {
        *to = from;
    }
    let customer = Customer::parse(&format!("c{}", chance.below(7)), "fault")?;
    let at = i64::try_from(chance.below(1 << 50)).unwrap_or_default();
    let at = Timestamp::from_micros(at).unwrap_or(Timestamp::MIN);
    let length = match chance.below(10) {
        0 => chance.below(9_000),
        1..=3 => chance.below(500),
        _ => chance.below(40),
    };
    let text: String = (0..length)
        .map(|_| char::from_u32(0x4e00 + u32::try_from(chance.below(0x1000)).unwrap_or_default()))
        .map(|letter| letter.unwrap_or('x'))
        .collect();
    let properties = [("text".to_owned(), text.into())].into_iter().collect();
    let fact = CustomerEvent::Tracked { name: format!("batch {n}"), properties };
    Ok(Event::new(EventId::from_bytes(id), customer, at, fact)?)
}

/// In one line, as it is handed to a child.
impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, appends, reopen_every, tidy_every, lies } = self;
        write!(f, "{seed} {appends} {reopen_every} {tidy_every} {}", u8::from(*lies))
    }
}

impl FromStr for Workload {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let numbers: Vec<u64> = text.split(' ').map(str::parse).collect::<Result<_, _>>()?;
        match *numbers.as_slice() {
            [seed, appends, reopen_every, tidy_every, lies] => {
                Ok(Self { seed, appends, reopen_every, tidy_every, lies: lies != 0 })
            }
            _ => Err(format!("\"{text}\" is not a workload").into()),
        }
    }
}
