//! What a business takes for signs of leaving. Plain data: every default is written out.

use serde::{Deserialize, Serialize};

use super::scale::last_step;
use super::written::RawSignal;
use crate::event::Kind;
use crate::projection::stage::{Threshold, is_code};
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

    /// Checks what one field alone cannot say.
    ///
    /// # Errors
    /// [`ChurnPolicyError`] with the path of the field and what is allowed.
    pub fn check(&self) -> Result<(), ChurnPolicyError> {
        let refuse = |path: &str, why: String| Err(ChurnPolicyError { path: path.into(), why: why.into() });
        if self.base > 100 {
            return refuse("churn.base", format!("base = {}: write 0 to 100", self.base));
        }
        let Bands { medium, high, critical } = self.bands;
        if medium == 0 || medium >= high || high >= critical || critical > 100 {
            return refuse(
                "churn.bands",
                "write scores that ascend, from 1 to 100, such as { medium = 25, high = 50, critical = 75 }"
                    .into(),
            );
        }
        if self.signals.is_empty() {
            return refuse(
                "churn",
                "a score needs signals: write [[churn.signal]] with code, measure and points".into(),
            );
        }
        if self.signals.len() > Self::MAX_SIGNALS {
            return refuse("churn.signal", format!("more than {} signals", Self::MAX_SIGNALS));
        }
        for (place, signal) in self.signals.iter().enumerate() {
            if let Err((field, why)) = check_signal(signal) {
                return refuse(&format!("churn.signal[{place}].{field}"), why);
            }
        }
        Ok(())
    }
}

type Refused = (&'static str, String);

fn check_signal(signal: &SignalDef) -> Result<(), Refused> {
    let code =
        |text: &str| format!("\"{text}\" is no code: write a-z, 0-9 and _, at most 64, a letter first");
    if !is_code(&signal.code) {
        return Err(("code", code(&signal.code)));
    }
    if let Some(action) = signal.action.as_ref().filter(|action| !is_code(action)) {
        return Err(("action", code(action)));
    }
    let most = ChurnPolicy::MAX_POINTS;
    if signal.points == 0 || signal.points.unsigned_abs() > most.unsigned_abs() {
        return Err((
            "points",
            format!("points = {}: write 1 to {most}, or as many below zero", signal.points),
        ));
    }
    if let Some(cap) = signal.cap
        && (cap.signum() != signal.points.signum() || cap.unsigned_abs() > most.unsigned_abs())
    {
        return Err(("cap", format!("cap = {cap}: write a number of the sign of `points`, at most {most}")));
    }
    for (key, selector) in signal.measure.selectors() {
        let names = selector.names().unwrap_or_default();
        if let Some(kind) = names.iter().filter_map(|name| Kind::named(name)).find(|kind| kind.corrects()) {
            return Err((key, format!("{} is a correction, which no signal ever sees", kind.name())));
        }
    }
    check_measure(&signal.measure)?;
    if signal.saturation() > ChurnPolicy::MAX_KEPT {
        let why = format!(
            "all its steps together need {}, and at most {} are counted: write a lower `cap`, or a greater number of points",
            signal.saturation(),
            ChurnPolicy::MAX_KEPT
        );
        return Err(("at_least", why));
    }
    Ok(())
}

fn check_measure(measure: &Measure) -> Result<(), Refused> {
    let none = |field| Err((field, "a duration of zero".to_owned()));
    let duration = |field, duration: Duration| if duration == Duration::ZERO { none(field) } else { Ok(()) };
    let threshold = |field, threshold: Threshold| match threshold {
        Threshold::Fixed(fixed) => duration(field, fixed),
        Threshold::Cadence { min, max, .. } if min > max => Err((field, "`min` is longer than `max`".into())),
        Threshold::Cadence { min, .. } => duration(field, min),
    };
    let zero = |field: &'static str, is_zero: bool| {
        if is_zero { Err((field, format!("{field} = 0: write a number from 1"))) } else { Ok(()) }
    };
    match measure {
        Measure::Silence { at_least, every, .. } => {
            threshold("at_least", *at_least)?;
            every.map_or(Ok(()), |every| threshold("every", every))
        }
        Measure::Count { within, limit, every, .. } => {
            duration("within", *within)?;
            zero("at_least", matches!(limit, Limit::AtLeast(0)))?;
            zero("every", *every == Some(0))
        }
        Measure::Falling { within, at_least, every, among, .. } => {
            duration("within", *within)?;
            for (field, percent) in [("at_least", Some(*at_least)), ("every", *every)] {
                if percent.is_some_and(|percent| !(1..=100).contains(&percent)) {
                    return Err((field, "write a number of percent from 1 to 100".into()));
                }
            }
            let most = super::measure::MAX_FALLING;
            if *among == 0 || usize::try_from(*among).is_ok_and(|among| among > most) {
                return Err(("among", format!("among = {among}: write a number from 1 to {most}")));
            }
            Ok(())
        }
        Measure::Open { due, lead, limit, .. } => {
            if due.as_ref().is_some_and(|due| due.is_empty()) {
                return Err(("due", "`due` names no property".into()));
            }
            if due.is_none() && *lead != Duration::ZERO {
                return Err(("lead", "`lead` is the time before `due`, which is not there".into()));
            }
            match limit {
                OpenLimit::For { every, .. } => every.map_or(Ok(()), |every| duration("every", every)),
                OpenLimit::Many { at_least, every } => {
                    zero("at_least", *at_least == 0)?;
                    zero("every", *every == Some(0))
                }
            }
        }
        Measure::Latest { within, every, .. } => {
            within.map_or(Ok(()), |within| duration("within", within))?;
            if every.is_some_and(|every| every < 1) {
                return Err(("every", "write a number from 1".into()));
            }
            Ok(())
        }
    }
}

/// Why a `[churn]` part cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {why}")]
pub struct ChurnPolicyError {
    /// The field, from the top of the policy.
    pub path: Box<str>,
    /// What is wrong, and what is allowed.
    pub why: Box<str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ChurnPolicy, String> {
        let policy: ChurnPolicy = toml::from_str(text).map_err(|error| error.to_string())?;
        policy.check().map_err(|error| error.to_string())?;
        Ok(policy)
    }

    fn signal(rest: &str) -> String {
        format!("[[signal]]\ncode = 's'\npoints = 10\n{rest}")
    }

    #[test]
    fn every_refusal_says_where_and_what_is_allowed() {
        let silence = "silence = 'order_placed'\nat_least = '30d'";
        let cases = [
            (format!("base = 101\n{}", signal(silence)), "churn.base: base = 101: write 0 to 100"),
            (
                format!("bands = {{ medium = 50, high = 50, critical = 75 }}\n{}", signal(silence)),
                "churn.bands: write scores that ascend",
            ),
            (
                format!("bands = {{ medium = 50, high = 60, critical = 101 }}\n{}", signal(silence)),
                "churn.bands",
            ),
            (String::new(), "churn: a score needs signals"),
            (signal(silence).replace("'s'", "'S'"), "churn.signal[0].code: \"S\" is no code"),
            (signal(&format!("{silence}\naction = 'call me'")), "churn.signal[0].action"),
            (signal(silence).replace("10", "0"), "churn.signal[0].points: points = 0: write 1 to 1000"),
            (signal(&format!("{silence}\ncap = -20")), "churn.signal[0].cap: cap = -20"),
            (
                signal("silence = 'event_voided'\nat_least = '30d'"),
                "churn.signal[0].silence: event_voided is a correction",
            ),
            (signal("silence = 'x'\nat_least = '0d'"), "churn.signal[0].at_least: a duration of zero"),
            (
                signal("silence = 'x'\nat_least = { cadence = 1, min = '3d', max = '2d' }"),
                "churn.signal[0].at_least: `min`",
            ),
            (signal("silence = 'x'\nat_least = '3d'\nevery = '0d'"), "churn.signal[0].every"),
            (signal("count = 'x'\nwithin = '0d'\nat_least = 1"), "churn.signal[0].within"),
            (
                signal("count = 'x'\nwithin = '1d'\nat_least = 1\nevery = 300\ncap = 100"),
                "all its steps together need 2701, and at most 1000",
            ),
            (signal("falling = 'x'\nwithin = '1d'\nat_least = 101"), "from 1 to 100"),
            (signal("falling = 'x'\nwithin = '1d'\nat_least = 10\namong = 5000"), "churn.signal[0].among"),
            (signal("open = 'x'\nuntil = 'y'\nat_least = '1d'\nlead = '2d'"), "churn.signal[0].lead"),
            (signal("latest = 'x'\nat_most = 6\nevery = 0"), "churn.signal[0].every"),
        ];
        for (text, why) in cases {
            let error = read(&text).unwrap_err();
            assert!(error.contains(why), "{text}\n{error}");
        }
    }

    #[test]
    fn points_stop_at_a_hundred_where_nothing_else_is_said() {
        let policy = read(&signal("count = 'x'\nwithin = '1d'\nat_least = 2\nevery = 3")).unwrap();
        let signal = &policy.signals[0];
        assert_eq!((signal.stops_at(), signal.most(), signal.saturation()), (100, 100, 2 + 9 * 3));
        let policy = read(&self::signal("count = 'x'\nwithin = '1d'\nat_most = 2")).unwrap();
        let signal = &policy.signals[0];
        assert_eq!((signal.stops_at(), signal.most(), signal.saturation()), (10, 10, 3));
    }
}
