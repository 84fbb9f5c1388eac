//! What one field of a `[churn]` part alone cannot say.

use super::measure::MAX_FALLING;
use super::policy::{Bands, ChurnPolicy, Limit, Measure, OpenLimit, SignalDef};
use crate::event::Kind;
use crate::projection::stage::{Threshold, is_code};
use crate::time::Duration;

/// Why a `[churn]` part cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {why}")]
pub struct ChurnPolicyError {
    /// The field, from the top of the policy.
    pub path: Box<str>,
    /// What is wrong, and what is allowed.
    pub why: Box<str>,
}

impl ChurnPolicy {
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
            let most = MAX_FALLING;
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
