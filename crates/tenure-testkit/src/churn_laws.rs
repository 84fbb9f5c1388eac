//! The laws that hold for every churn score, as functions to call from property tests.
//!
//! | law | function |
//! |---|---|
//! | L5 silence | [`points_are_foretold`] |
//! | L6 monotone | [`worse_is_never_better`] |
//! | L7 explained | [`contributions_add_up`] |
//!
//! Those that hold for every projection are in [`laws`](crate::laws).

use proptest::prelude::*;
use tenure_core::fold::Projection;
use tenure_core::log::Cut;
use tenure_core::projection::churn::{Churn, ChurnView, Limit};
use tenure_core::text::Language;
use tenure_core::{Duration, Event, Timestamp};

use crate::laws::{Outcome, Recorder};

fn points(view: &ChurnView) -> Vec<i32> {
    view.signals.iter().map(|signal| signal.points).collect()
}

/// L5: after the last fact the points of every signal are constant up to [`next_change`](Projection::next_change), and
/// change there; and so on, change after change.
///
/// # Errors
/// The case, where the law does not hold.
pub fn points_are_foretold<R: Recorder>(
    churn: &Churn,
    recorder: &R,
    batches: &[Vec<Event>],
    wait: Duration,
) -> Outcome {
    let states = recorder.fold(churn.clone(), Cut::default(), batches);
    for (_, folded) in states.iter() {
        let at = |at: Timestamp| points(&churn.view(&folded.state, at));
        let mut now = folded.last.occurred_at.checked_add(wait).unwrap_or(Timestamp::MAX);
        for _ in 0..4 {
            let next = churn.next_change(&folded.state, now);
            prop_assert!(next.is_none_or(|next| next > now));
            // Constant up to the microsecond before, wherever one looks.
            let until = next.unwrap_or(Timestamp::MAX);
            let before = until.as_micros() - i64::from(next.is_some());
            for step in 0..=16 {
                let between = now.as_micros() + (before - now.as_micros()) / 16 * step;
                let between = Timestamp::from_micros(between).unwrap_or(now);
                prop_assert_eq!(at(between), at(now), "between {} and {:?}, at {}", now, next, between);
            }
            prop_assert_eq!(at(Timestamp::from_micros(before).unwrap_or(now)), at(now));
            let Some(next) = next else { break };
            prop_assert_ne!(at(next), at(now), "at {}", next);
            now = next;
        }
    }
    Ok(())
}

/// L6: where the raw value of one signal gets worse and the others stay, the score never falls if the signal is bad, and
/// never rises if it is good. `worse` is by how much.
///
/// # Errors
/// The case, where the law does not hold.
pub fn worse_is_never_better<R: Recorder>(
    churn: &Churn,
    recorder: &R,
    batches: &[Vec<Event>],
    worse: i64,
) -> Outcome {
    let states = recorder.fold(churn.clone(), Cut::default(), batches);
    for (_, folded) in states.iter() {
        let view = churn.view(&folded.state, folded.last.occurred_at);
        for signal in &view.signals {
            // Put back where it was, it says the same.
            prop_assert_eq!(&churn.with_raw(&view, signal.place, signal.raw), &view);
            let Some(raw) = signal.raw else { continue };
            let steps = [1, worse / 1_000, worse];
            let mut before = view.score;
            for step in steps {
                let raw = match signal.scale.threshold {
                    Limit::AtLeast(_) => raw.saturating_add(step),
                    Limit::AtMost(_) => raw.saturating_sub(step),
                };
                let then = churn.with_raw(&view, signal.place, Some(raw));
                let holds = if signal.scale.weight > 0 { then.score >= before } else { then.score <= before };
                prop_assert!(holds, "{} -> {} for {:?} at {}", before, then.score, signal, raw);
                before = then.score;
            }
        }
    }
    Ok(())
}

/// L7: the contributions add up to the score, the score is in its band, no signal is worth more than it can be, every
/// signal with points has a reason in both languages, and one that rests on facts names them.
///
/// # Errors
/// The case, where the law does not hold.
pub fn contributions_add_up<R: Recorder>(
    churn: &Churn,
    recorder: &R,
    batches: &[Vec<Event>],
    wait: Duration,
) -> Outcome {
    let states = recorder.fold(churn.clone(), Cut::default(), batches);
    for (_, folded) in states.iter() {
        let as_of = folded.last.occurred_at.checked_add(wait).unwrap_or(Timestamp::MAX);
        let view = churn.view(&folded.state, as_of);
        let sum: i32 = view.contributions().map(|part| part.points).sum();
        prop_assert_eq!(sum, i32::from(view.score));
        prop_assert!(view.score <= 100 && churn.policy().bands.of(view.score) == view.band);
        prop_assert!(view.bound == 0 || view.score == 0 || view.score == 100);
        for (signal, def) in view.signals.iter().zip(&churn.policy().signals) {
            prop_assert!(signal.points.abs() <= def.most().abs() && signal.points * def.points >= 0);
            prop_assert!(signal.facts.len() <= 16 && (signal.more == 0 || signal.facts.len() == 16));
            for language in [Language::En, Language::ZhCn] {
                let reason = churn.reason(signal, language);
                prop_assert!(!reason.is_empty(), "{:?}", signal);
            }
        }
    }
    Ok(())
}
