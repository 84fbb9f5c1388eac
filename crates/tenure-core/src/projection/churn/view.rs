//! A score with everything that it is made of.

use core::cmp::Reverse;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::policy::{Band, Limit};
use super::scale::Scale;
use crate::id::EventId;
use crate::time::{Duration, Timestamp};

/// How likely a customer is to leave, by the policy's signals, and why.
///
/// # Laws
/// L7: [`contributions`](Self::contributions) add up to the score exactly.
#[derive(Clone, Debug, PartialEq)]
pub struct ChurnView {
    /// 0 to 100.
    pub score: u8,
    /// How that is called.
    pub band: Band,
    /// The points of everybody.
    pub base: i32,
    /// Every signal of the policy, in its order, also those without points.
    pub signals: Vec<SignalView>,
    /// What brings the sum into 0 to 100: 0, or with the sign that it takes.
    pub bound: i32,
}

/// What one signal says of a customer.
#[derive(Clone, Debug, PartialEq)]
pub struct SignalView {
    /// Which signal.
    pub code: Arc<str>,
    /// Its place in the policy.
    pub place: usize,
    /// What was measured, in its unit. None: that never was. A number of facts or of open things is told as far as it
    /// changes points, and then stays.
    pub raw: Option<i64>,
    /// In what it is measured.
    pub unit: Unit,
    /// How it becomes points.
    pub scale: Scale,
    /// What it adds to the score.
    pub points: i32,
    /// Since when: the last match of silence, the first fact that counts, the oldest that is due. None where nothing is.
    pub since: Option<Timestamp>,
    /// The facts behind it, at most 16: of silence and of the latest number those of that instant, of a count and a fall
    /// the latest, of open things those due first.
    pub facts: Vec<EventId>,
    /// How many more there are.
    pub more: u64,
    /// The customer's own cadence; none with fewer than three gaps, or where nothing depends on it.
    pub cadence: Option<Duration>,
}

/// In what a raw value is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Elapsed time.
    Microseconds,
    /// Facts, or open things.
    Facts,
    /// Of what was before, 0 to 100.
    Percent,
    /// The number that a fact has.
    Number,
}

/// A part of a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contribution<'v> {
    /// `base`, the code of a signal, or `bound`.
    pub code: &'v str,
    /// Points.
    pub points: i32,
}

impl ChurnView {
    /// What the score is made of: `base`, each signal, and `bound`.
    pub fn contributions(&self) -> impl Iterator<Item = Contribution<'_>> {
        let one = |code, points| Contribution { code, points };
        let signals = self.signals.iter().map(move |signal| one(&signal.code, signal.points));
        [one("base", self.base)].into_iter().chain(signals).chain([one("bound", self.bound)])
    }

    /// The signals that add points, the strongest first; of equals the one written first.
    pub fn reasons(&self) -> Vec<&SignalView> {
        let mut bad: Vec<_> = self.signals.iter().filter(|signal| signal.points > 0).collect();
        bad.sort_by_key(|signal| Reverse(signal.points));
        bad
    }

    /// The signals that take points off, the strongest first; of equals the one written first.
    pub fn reassurances(&self) -> Vec<&SignalView> {
        let mut good: Vec<_> = self.signals.iter().filter(|signal| signal.points < 0).collect();
        good.sort_by_key(|signal| signal.points);
        good
    }
}

impl SignalView {
    /// As JSON, without words.
    pub fn to_json(&self) -> Value {
        let (side, threshold) = match self.scale.threshold {
            Limit::AtLeast(bound) => ("at_least", bound),
            Limit::AtMost(bound) => ("at_most", bound),
        };
        json!({
            "code": &*self.code,
            "raw": self.raw,
            "unit": self.unit,
            side: threshold,
            "every": self.scale.every,
            "weight": self.scale.weight,
            "cap": self.scale.cap,
            "points": self.points,
            "since": self.since,
            "facts": self.facts,
            "more": self.more,
        })
    }
}
