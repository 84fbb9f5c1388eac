//! What came: who bought within the horizon after which cut.

use serde::{Deserialize, Serialize};

use crate::event::{EventView, Kind};
use crate::fold::{Fingerprint, Projection};
use crate::time::{Duration, Timestamp};

/// For each cut, whether a customer has an order later than the cut and not later than the horizon after it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bought {
    /// Later than, and not later than; in microseconds.
    windows: Vec<(i64, i64)>,
}

impl Bought {
    pub(super) fn after(cuts: impl Iterator<Item = Timestamp>, horizon: Duration) -> Self {
        let window = |cut: Timestamp| (cut.as_micros(), cut.as_micros().saturating_add(horizon.as_micros()));
        Self { windows: cuts.map(window).collect() }
    }
}

/// One bit for each cut.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct BoughtState(Vec<bool>);

impl BoughtState {
    pub(super) fn bought(&self, cut: usize) -> bool {
        self.0.get(cut).copied().unwrap_or(false)
    }
}

impl Projection for Bought {
    type State = BoughtState;
    type View = BoughtState;

    fn init(&self) -> BoughtState {
        BoughtState::default()
    }

    fn apply(&self, state: &mut BoughtState, fact: &EventView<'_>) {
        if fact.kind != Kind::OrderPlaced {
            return;
        }
        let at = fact.occurred_at.as_micros();
        for (cut, (after, until)) in self.windows.iter().enumerate() {
            if *after < at && at <= *until {
                if state.0.len() <= cut {
                    state.0.resize(cut + 1, false);
                }
                state.0.iter_mut().skip(cut).take(1).for_each(|bought| *bought = true);
            }
        }
    }

    fn view(&self, state: &BoughtState, _: Timestamp) -> BoughtState {
        state.clone()
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of("bought", 1, &self.windows)
    }
}
