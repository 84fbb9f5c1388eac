//! What a business takes for signs of leaving. Plain data: every default is written out.

use serde::{Deserialize, Serialize};

use super::scale::last_step;
use super::written::RawSignal;
use crate::projection::stage::Threshold;
use crate::select::Selector;
use crate::time::Duration;

/// The `[churn]` part of a policy: signals, what each is worth, and how scores are called.
///
/// # Example
/// ```
/// use tenure_core::projection::churn::{Band, ChurnPolicy};
/// let policy: ChurnPolicy = toml::from_str(
///     "[[signal]]\ncode = 'silent'\nsilence = 'order_placed'\nat_least = '60d'\npoints = 40",
/// )?;
/// assert_eq!((policy.base, policy.bands.of(40)), (0, Band::Medium));
/// // What is allowed where is told.
/// let wrong = "[[signal]]\ncode = 'silent'\nsilence = 'order_placed'\nwithin = '60d'\npoints = 40";
/// assert!(toml::from_str::<ChurnPolicy>(wrong).unwrap_err().message().contains("does not go with `silence`"));
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChurnPolicy {
    /// The points of everybody, 0 to 100.
    pub base: u8,
    /// From which scores on risk is called medium, high and critical.
    pub bands: Bands,
    /// The signals; at least one.
    #[serde(rename = "signal")]
    pub signals: Vec<SignalDef>,
}

/// The lowest score of each band; below medium it is low.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bands {
    /// From here on medium.
    pub medium: u8,
    /// From here on high.
    pub high: u8,
    /// From here on critical.
    pub critical: u8,
}

impl Default for Bands {
    fn default() -> Self {
        Self { medium: 25, high: 50, critical: 75 }
    }
}

impl Bands {
    /// The band of a score.
    pub const fn of(self, score: u8) -> Band {
        if score >= self.critical {
            Band::Critical
        } else if score >= self.high {
            Band::High
        } else if score >= self.medium {
            Band::Medium
        } else {
            Band::Low
        }
    }
}

/// How high a risk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Band {
    /// Nothing to do.
    Low,
    /// Worth a look.
    Medium,
    /// Worth a call.
    High,
    /// Nearly gone.
    Critical,
}

/// One sign of leaving, or of staying.
///
/// In a policy it is one table; which of its measures it is, the key says that names the facts: `silence`, `count`,
/// `falling`, `open` or `latest`.
///
/// | written | raw value | counts from |
/// |---|---|---|
/// | `silence = SELECTOR` | time since the last match; none without one, or with `or_never = true` as if for ever | `at_least`: a duration, or a multiple of the customer's own cadence |
/// | `count = SELECTOR, within = D` | matches with `t - D < at <= t` | `at_least = n`, or `at_most = n` (fewer are bad; nobody who never matched, unless `or_never = true`) |
/// | `falling = SELECTOR, within = D` | by how many percent they are fewer than in the D before | `at_least = percent`; `among = n`: with fewer than n before it is 0 |
/// | `open = SELECTOR, until = SELECTOR` | time since the oldest came due that is open; or how many are open and due | `at_least`: a duration, or a number |
/// | `latest = SELECTOR` | the `number` of the latest match, `within = D` forgotten later | `at_most = n` or `at_least = n` |
///
/// Each adds `points` there, and once more for each further `every`, up to `cap`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawSignal", into = "RawSignal")]
pub struct SignalDef {
    /// Stable code: `silent_against_own_cycle`.
    pub code: Box<str>,
    /// What is measured.
    pub measure: Measure,
    /// Points a step; negative for a sign of staying.
    pub points: i32,
    /// Where they stop. None: at 100 where there is `every`, else after the one step.
    pub cap: Option<i32>,
    /// What it proposes to do: a code of [`Action`](super::Action), or one of your own.
    pub action: Option<Box<str>>,
    /// Display name in English; empty: the code.
    pub en: Box<str>,
    /// Display name in Chinese; empty: the code.
    pub zh_cn: Box<str>,
}

/// On which side of a number it is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit<T> {
    /// This and more.
    AtLeast(T),
    /// This and less.
    AtMost(T),
}

impl<T> Limit<T> {
    /// The number.
    pub const fn bound(&self) -> &T {
        match self {
            Self::AtLeast(bound) | Self::AtMost(bound) => bound,
        }
    }
}

/// What a signal measures, and from where it counts.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Measure {
    /// Time since the last match.
    Silence {
        /// Which facts.
        of: Selector,
        /// From when on it is long.
        at_least: Threshold,
        /// How much more is a further step.
        every: Option<Threshold>,
        /// Whether it is endless where there never was one.
        or_never: bool,
    },
    /// How many match in a look-back window.
    Count {
        /// Which facts.
        of: Selector,
        /// The window.
        within: Duration,
        /// From which number on they are many, or few.
        limit: Limit<u32>,
        /// How many more (or fewer) are a further step.
        every: Option<u32>,
        /// Whether none at all is few where there never was one.
        or_never: bool,
    },
    /// By how many percent they are fewer than in the window before.
    Falling {
        /// Which facts.
        of: Selector,
        /// The window, and the one before it.
        within: Duration,
        /// From how many percent on.
        at_least: u8,
        /// How many percent more are a further step.
        every: Option<u8>,
        /// How many there must have been before.
        among: u32,
    },
    /// What was begun and is not done.
    Open {
        /// What begins something.
        of: Selector,
        /// What ends it.
        until: Selector,
        /// Whether an end is only one of what has the same subject.
        same_subject: bool,
        /// The property of the body that says when it is due; a fact without it begins nothing. None: at once.
        due: Option<Box<str>>,
        /// How long before that it counts as due.
        lead: Duration,
        /// From when on it is bad.
        limit: OpenLimit,
    },
    /// The number of the latest match.
    Latest {
        /// Which facts.
        of: Selector,
        /// How long it is remembered.
        within: Option<Duration>,
        /// From which number on it is bad.
        limit: Limit<i64>,
        /// How much more (or less) is a further step.
        every: Option<i64>,
    },
}

/// What is bad about open things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenLimit {
    /// That the oldest has been due for so long; may be zero.
    For {
        /// How long.
        at_least: Duration,
        /// How much longer is a further step.
        every: Option<Duration>,
    },
    /// That so many are due.
    Many {
        /// How many.
        at_least: u32,
        /// How many more are a further step.
        every: Option<u32>,
    },
}

impl Measure {
    /// The key that says which one it is.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Silence { .. } => "silence",
            Self::Count { .. } => "count",
            Self::Falling { .. } => "falling",
            Self::Open { .. } => "open",
            Self::Latest { .. } => "latest",
        }
    }

    /// Which facts it is about.
    pub const fn selector(&self) -> &Selector {
        match self {
            Self::Silence { of, .. }
            | Self::Count { of, .. }
            | Self::Falling { of, .. }
            | Self::Open { of, .. }
            | Self::Latest { of, .. } => of,
        }
    }

    /// Its selectors under their keys.
    pub fn selectors(&self) -> impl Iterator<Item = (&'static str, &Selector)> {
        let until = match self {
            Self::Open { until, .. } => Some(("until", until)),
            _ => None,
        };
        [(self.name(), self.selector())].into_iter().chain(until)
    }

    /// Whether further steps add points.
    pub const fn repeats(&self) -> bool {
        match self {
            Self::Silence { every, .. } => every.is_some(),
            Self::Count { every, .. } | Self::Open { limit: OpenLimit::Many { every, .. }, .. } => {
                every.is_some()
            }
            Self::Falling { every, .. } => every.is_some(),
            Self::Latest { every, .. } => every.is_some(),
            Self::Open { limit: OpenLimit::For { every, .. }, .. } => every.is_some(),
        }
    }
}

impl SignalDef {
    /// Where the points stop, of the sign of `points`.
    pub fn stops_at(&self) -> i32 {
        self.cap.unwrap_or(if self.measure.repeats() { self.points.signum() * 100 } else { self.points })
    }

    /// The most points that it can add (or take), of the sign of `points`.
    pub fn most(&self) -> i32 {
        let cap = self.stops_at();
        if self.measure.repeats() || cap.abs() < self.points.abs() { cap } else { self.points }
    }

    /// The step from which on points stay.
    fn last_step(&self) -> u64 {
        last_step(self.points, self.stops_at(), self.measure.repeats())
    }

    /// How many facts, or open things, have to be told apart: more change no points.
    pub(super) fn saturation(&self) -> usize {
        let reached = |at_least: u32, every: Option<u32>| {
            let further = u64::from(every.unwrap_or(0)).saturating_mul(self.last_step() - 1);
            usize::try_from(further.saturating_add(at_least.into())).unwrap_or(usize::MAX)
        };
        match &self.measure {
            Measure::Count { limit: Limit::AtLeast(n), every, .. } => reached(*n, *every),
            Measure::Count { limit: Limit::AtMost(n), .. } => reached(*n, None).saturating_add(1),
            Measure::Open { limit: OpenLimit::Many { at_least, every }, .. } => reached(*at_least, *every),
            _ => 1,
        }
    }
}

impl ChurnPolicy {
    /// The most signals.
    pub const MAX_SIGNALS: usize = 64;
    /// The most points of a signal, either way.
    pub const MAX_POINTS: i32 = 1_000;
    /// How many facts a count remembers at most, and how many open things a signal does.
    pub const MAX_KEPT: usize = 1_000;
}
