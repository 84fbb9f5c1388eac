//! How a customer stands as of a fact: profile, tags, owner, stage, segment, as far as a query asks for them.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;

use super::QueryError;
use super::breakdown::BreakdownScope;
use crate::event::EventView;
use crate::fold::{Fingerprint, Projection};
use crate::policy::Policy;
use crate::projection::owner::Owner;
use crate::projection::profile::{Profile, ProfileView};
use crate::projection::rfm::Rfm;
use crate::projection::stage::StageMachine;
use crate::projection::tags::Tags;
use crate::report::rfm::RfmEdges;
use crate::time::Timestamp;

/// What a query may need besides the facts: the policy that names stages and segments, and the edges of segments.
///
/// # Example
/// ```
/// use tenure_core::query::Terms;
/// let terms = Terms::default(); // for queries that ask for neither stages nor segments
/// assert!(terms.stages.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// The stages.
    pub stages: Option<Arc<StageMachine>>,
    /// The segments, relative to edges.
    pub segments: Option<(Arc<Rfm>, Arc<RfmEdges>)>,
}

impl Terms {
    /// The stages of a policy, where it has any; no segments, which need [edges](RfmEdges).
    pub fn of(policy: &Policy) -> Self {
        Self { stages: policy.stages().ok().map(Arc::new), segments: None }
    }
}

type Parts = (Option<Profile>, Option<Tags>, Option<Owner>, Option<Arc<StageMachine>>, Option<Arc<Rfm>>);

/// The projections that a query asks for.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    parts: Parts,
    edges: Option<Arc<RfmEdges>>,
}

pub(super) type StandingState = <Parts as Projection>::State;

impl Standing {
    /// What a query needs to know; nothing for most.
    pub(super) fn new(
        profile: bool,
        breakdown: Option<BreakdownScope>,
        terms: &Terms,
    ) -> Result<Option<Self>, QueryError> {
        let missing = |why: &str| QueryError::new("breakdown.scope", why);
        let mut standing = Self { parts: (None, None, None, None, None), edges: None };
        let parts = &mut standing.parts;
        if profile || breakdown == Some(BreakdownScope::Customer) {
            parts.0 = Some(Profile);
        }
        match breakdown {
            None | Some(BreakdownScope::Fact) if !profile => return Ok(None),
            Some(BreakdownScope::Tag) => parts.1 = Some(Tags),
            Some(BreakdownScope::Owner) => parts.2 = Some(Owner),
            Some(BreakdownScope::Stage) => {
                parts.3 =
                    Some(terms.stages.clone().ok_or_else(|| missing("stage: the policy has no stages"))?);
            }
            Some(BreakdownScope::Segment) => {
                let (rfm, edges) = terms
                    .segments
                    .clone()
                    .ok_or_else(|| missing("segment: no edges are given that cut segments"))?;
                (parts.4, standing.edges) = (Some(rfm), Some(edges));
            }
            _ => {}
        }
        Ok(Some(standing))
    }

    pub(super) fn init(&self) -> StandingState {
        self.parts.init()
    }

    pub(super) fn apply(&self, state: &mut StandingState, fact: &EventView<'_>) {
        self.parts.apply(state, fact);
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        self.parts.fingerprint()
    }

    pub(super) fn profile(&self, state: &StandingState, at: Timestamp) -> ProfileView {
        self.parts
            .0
            .as_ref()
            .zip(state.0.as_ref())
            .map(|(profile, state)| profile.view(state, at))
            .unwrap_or_default()
    }

    /// The value of a breakdown at an instant; none where there is none.
    pub(super) fn value(
        &self,
        state: &StandingState,
        profile: &ProfileView,
        scope: BreakdownScope,
        property: &str,
        at: Timestamp,
    ) -> Option<String> {
        match scope {
            BreakdownScope::Fact => None,
            BreakdownScope::Customer => profile.value(property).map(|value| text_of(value).into_owned()),
            BreakdownScope::Tag => {
                let tags = self.parts.1?.view(state.1.as_ref()?, at);
                tags.held.iter().any(|tag| tag.tag == property).then(|| "true".to_owned())
            }
            BreakdownScope::Owner => {
                let owners = self.parts.2?.view(state.2.as_ref()?, at);
                owners.current().map(|owner| owner.owner.clone())
            }
            BreakdownScope::Stage => {
                let machine = self.parts.3.as_ref()?;
                let view = machine.view(state.3.as_ref()?, at)?;
                Some(machine.policy().code(view.stage).to_owned())
            }
            BreakdownScope::Segment => {
                let rfm = self.parts.4.as_ref()?;
                let values = rfm.view(state.4.as_ref()?, at).values?;
                Some(self.edges.as_ref()?.place(rfm, &values).ok()?.segment.to_owned())
            }
        }
    }
}

/// A value as a breakdown names it: a text as it is, null as nothing, anything else as JSON.
pub(super) fn text_of(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null => "".into(),
        Value::String(text) => text.as_str().into(),
        other => crate::json::canonical(other).into(),
    }
}
