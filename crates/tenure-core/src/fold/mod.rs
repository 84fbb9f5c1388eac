//! Folding: a customer's state is a pure function of the customer's facts, taken in canonical order.

mod snapshot;
mod states;
mod up_to;

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use snapshot::{SNAPSHOT_VERSION, Snapshot, SnapshotError};
pub use states::{Aside, Folded, Known, Partition, States};
pub use up_to::UpTo;

use crate::event::{EventView, Lend};
use crate::id::CustomerId;
use crate::time::Timestamp;

/// A pure left fold over one customer's history.
///
/// `apply` cannot fail: what the log accepted is a fact. Facts come in canonical order, each once; corrections never
/// come. Time enters `view` alone, as an argument, and is never earlier than the last fact applied: to ask about the
/// past, fold the history cut at `as_of`, or wrap the projection in [`UpTo`].
///
/// A tuple of projections is a projection, so one pass computes everything that was asked for.
///
/// # Laws
/// The state depends on the *set* of facts: facts of one instant may have any ids.
///
/// # Example
/// ```
/// use tenure_core::fold::{Fingerprint, Projection};
/// use tenure_core::{EventView, Kind, Timestamp};
///
/// /// How many orders a customer has placed.
/// struct Orders;
///
/// impl Projection for Orders {
///     type State = u32;
///     type View = u32;
///     fn init(&self) -> u32 { 0 }
///     fn apply(&self, orders: &mut u32, fact: &EventView<'_>) {
///         *orders += u32::from(fact.kind == Kind::OrderPlaced);
///     }
///     fn view(&self, orders: &u32, _as_of: Timestamp) -> u32 { *orders }
///     fn fingerprint(&self) -> Fingerprint { Fingerprint::of("orders", 1, &()) }
/// }
/// assert_eq!(Orders.view(&Orders.init(), Timestamp::MIN), 0);
/// ```
pub trait Projection {
    /// What is remembered of a customer: compact, and equal for equal histories.
    type State: Clone + PartialEq + core::fmt::Debug + Serialize + DeserializeOwned + Send + Sync;
    /// What a caller reads.
    type View;

    /// The state before the first fact.
    fn init(&self) -> Self::State;

    /// Takes the next fact in.
    fn apply(&self, state: &mut Self::State, fact: &EventView<'_>);

    /// The same for a fact that is lent, where its head is mostly enough.
    #[expect(
        clippy::inline_always,
        reason = "part of the fold's loop, or every fact would be copied once more"
    )]
    #[inline(always)]
    fn apply_lent<'a>(&self, state: &mut Self::State, fact: &impl Lend<'a>) {
        self.apply(state, &fact.view());
    }

    /// What the state means at an instant that is not earlier than its last fact.
    fn view(&self, state: &Self::State, as_of: Timestamp) -> Self::View;

    /// Reads what [`apply`](Self::apply) will look at first, and changes nothing. A log in order of time jumps from
    /// customer to customer, and the memory of several states comes sooner when it is asked for at once. Small states
    /// need not say anything.
    #[inline]
    fn prefetch(&self, state: &Self::State) {
        let _ = state;
    }

    /// The first instant after `after` at which silence alone changes the view; none if nothing does.
    fn next_change(&self, state: &Self::State, after: Timestamp) -> Option<Timestamp> {
        let _ = (state, after);
        None
    }

    /// What a kept state depends on: the shape of the state and the policy. Another one, another state.
    fn fingerprint(&self) -> Fingerprint;

    /// Whether a state read from outside has the shape that this projection makes.
    fn fits(&self, state: &Self::State) -> bool {
        let _ = state;
        true
    }
}

/// Hash of what a state depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// The fingerprint of a projection by name, version of its state's shape, and policy.
    pub fn of(name: &str, schema: u32, policy: &impl Serialize) -> Self {
        // A policy of plain data always has a JSON form; one that has none falls back to its name alone.
        let policy =
            serde_json::to_value(policy).map(|value| crate::json::canonical(&value)).unwrap_or_default();
        Self(*blake3::hash(format!("{name}\0{schema}\0{policy}").as_bytes()).as_bytes())
    }

    fn and(self, other: Self) -> Self {
        Self(*blake3::hash(&[self.0, other.0].concat()).as_bytes())
    }
}

macro_rules! pointer {
    ($pointer:ty) => {
        impl<P: Projection + ?Sized> Projection for $pointer {
            type State = P::State;
            type View = P::View;

            fn init(&self) -> Self::State {
                (**self).init()
            }

            fn apply(&self, state: &mut Self::State, fact: &EventView<'_>) {
                (**self).apply(state, fact);
            }

            #[inline]
            fn apply_lent<'a>(&self, state: &mut Self::State, fact: &impl Lend<'a>) {
                (**self).apply_lent(state, fact);
            }

            fn view(&self, state: &Self::State, as_of: Timestamp) -> Self::View {
                (**self).view(state, as_of)
            }

            #[inline]
            fn prefetch(&self, state: &Self::State) {
                (**self).prefetch(state);
            }

            fn next_change(&self, state: &Self::State, after: Timestamp) -> Option<Timestamp> {
                (**self).next_change(state, after)
            }

            fn fingerprint(&self) -> Fingerprint {
                (**self).fingerprint()
            }

            fn fits(&self, state: &Self::State) -> bool {
                (**self).fits(state)
            }
        }
    };
}
pointer!(&P);
pointer!(Arc<P>);

/// A projection that is there or not, such as the stages of a policy that may have none. Without one a state is nothing
/// and costs nothing.
///
/// # Example
/// ```
/// use tenure_core::fold::{Projection, fold};
/// use tenure_core::projection::tags::Tags;
/// use tenure_core::Timestamp;
/// let (wanted, unwanted) = (Some(Tags), None::<Tags>);
/// let both = (wanted, unwanted);
/// let state = fold(&both, []);
/// let (tags, nothing) = both.view(&state, Timestamp::MIN);
/// assert!(tags.is_some() && nothing.is_none());
/// // A state that was kept with tags is no state without them.
/// assert!(wanted.fits(&state.0) && !unwanted.fits(&state.0));
/// assert_ne!(wanted.fingerprint(), unwanted.fingerprint());
/// ```
impl<P: Projection> Projection for Option<P> {
    type State = Option<P::State>;
    type View = Option<P::View>;

    fn init(&self) -> Self::State {
        self.as_ref().map(P::init)
    }

    #[inline]
    fn apply(&self, state: &mut Self::State, fact: &EventView<'_>) {
        if let (Some(projection), Some(state)) = (self, state) {
            projection.apply(state, fact);
        }
    }

    #[inline]
    fn apply_lent<'a>(&self, state: &mut Self::State, fact: &impl Lend<'a>) {
        if let (Some(projection), Some(state)) = (self, state) {
            projection.apply_lent(state, fact);
        }
    }

    fn view(&self, state: &Self::State, as_of: Timestamp) -> Self::View {
        self.as_ref().zip(state.as_ref()).map(|(projection, state)| projection.view(state, as_of))
    }

    #[inline]
    fn prefetch(&self, state: &Self::State) {
        if let (Some(projection), Some(state)) = (self, state) {
            projection.prefetch(state);
        }
    }

    fn next_change(&self, state: &Self::State, after: Timestamp) -> Option<Timestamp> {
        self.as_ref()?.next_change(state.as_ref()?, after)
    }

    fn fingerprint(&self) -> Fingerprint {
        let is_there = Fingerprint::of("option", 1, &self.is_some());
        self.as_ref().map_or(is_there, |projection| is_there.and(projection.fingerprint()))
    }

    fn fits(&self, state: &Self::State) -> bool {
        match (self, state) {
            (Some(projection), Some(state)) => projection.fits(state),
            (here, there) => here.is_none() && there.is_none(),
        }
    }
}

macro_rules! compose {
    ($($projection:ident $place:tt),+) => {
        impl<$($projection: Projection),+> Projection for ($($projection,)+) {
            type State = ($($projection::State,)+);
            type View = ($($projection::View,)+);

            fn init(&self) -> Self::State {
                ($(self.$place.init(),)+)
            }

            // Part of the fold's loop, or every fact would be written to memory to be read again.
            #[inline(always)]
            fn apply(&self, state: &mut Self::State, fact: &EventView<'_>) {
                $(self.$place.apply(&mut state.$place, fact);)+
            }

            #[inline(always)]
            fn apply_lent<'a>(&self, state: &mut Self::State, fact: &impl Lend<'a>) {
                $(self.$place.apply_lent(&mut state.$place, fact);)+
            }

            fn view(&self, state: &Self::State, as_of: Timestamp) -> Self::View {
                ($(self.$place.view(&state.$place, as_of),)+)
            }

            #[inline]
            fn prefetch(&self, state: &Self::State) {
                $(self.$place.prefetch(&state.$place);)+
            }

            fn next_change(&self, state: &Self::State, after: Timestamp) -> Option<Timestamp> {
                [$(self.$place.next_change(&state.$place, after)),+].into_iter().flatten().min()
            }

            fn fingerprint(&self) -> Fingerprint {
                let all = [$(self.$place.fingerprint()),+];
                all.into_iter().fold(Fingerprint([0; 32]), Fingerprint::and)
            }

            fn fits(&self, state: &Self::State) -> bool {
                $(self.$place.fits(&state.$place))&&+
            }
        }
    };
}
compose!(A 0);
compose!(A 0, B 1);
compose!(A 0, B 1, C 2);
compose!(A 0, B 1, C 2, D 3);
compose!(A 0, B 1, C 2, D 3, E 4);
compose!(A 0, B 1, C 2, D 3, E 4, F 5);

/// Folds facts that are in canonical order already.
///
/// # Example
/// ```
/// use tenure_core::fold::fold;
/// # use tenure_core::fold::{Fingerprint, Projection};
/// # struct Facts;
/// # impl Projection for Facts {
/// #     type State = u32;
/// #     type View = u32;
/// #     fn init(&self) -> u32 { 0 }
/// #     fn apply(&self, n: &mut u32, _: &tenure_core::EventView<'_>) { *n += 1 }
/// #     fn view(&self, n: &u32, _: tenure_core::Timestamp) -> u32 { *n }
/// #     fn fingerprint(&self) -> Fingerprint { Fingerprint::of("facts", 1, &()) }
/// # }
/// assert_eq!(fold(&Facts, []), 0);
/// ```
pub fn fold<'a, P: Projection>(projection: &P, facts: impl IntoIterator<Item = EventView<'a>>) -> P::State {
    let mut state = projection.init();
    for fact in facts {
        projection.apply(&mut state, &fact);
    }
    state
}

/// Folds facts that lie together by customer, each customer's in canonical order, and hands each state out when it is done. Nothing is looked up, so this is the cheapest way to fold what is sorted already.
///
/// A customer whose facts lie apart gets a state for each run; merges and voids are the caller's to resolve.
pub fn fold_sorted<'a, P: Projection>(
    projection: &P,
    facts: impl IntoIterator<Item = impl Lend<'a>>,
    mut each: impl FnMut(CustomerId, P::State),
) {
    let mut current: Option<(CustomerId, P::State)> = None;
    for fact in facts {
        let whose = fact.head().customer;
        if current.as_ref().is_none_or(|(customer, _)| *customer != whose)
            && let Some((customer, done)) = current.replace((whose, projection.init()))
        {
            each(customer, done);
        }
        // The only place that applies, so that a projection can become part of this loop.
        if let Some((_, state)) = &mut current {
            projection.apply_lent(state, &fact);
        }
    }
    if let Some((customer, done)) = current {
        each(customer, done);
    }
}
