//! Paths: what customers did after something, or before it.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::asked::Asked;
use super::breakdown::CountBy;
use super::course::Course;
use super::frame::Range;
use super::lens::{Besides, Glance, Word, Words};
use super::selector::{Filter, Selector};
use super::standing::Terms;
use super::{Ask, Query, QueryError};
use crate::fold::Fingerprint;
use crate::report::stages::share;
use crate::time::{Duration, Timestamp};

/// A question about paths.
///
/// # Example
/// ```
/// use tenure_core::query::PathsQuery;
/// let paths: PathsQuery = serde_json::from_str(r#"{"anchor": "signed_up"}"#)?;
/// assert!(paths.collapse_repeats);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PathsQuery {
    /// Where a path begins, or ends.
    pub anchor: Selector,
    /// Each customer's first anchor, or each.
    #[serde(default)]
    pub anchors: Anchors,
    /// What comes after it, or what came before.
    #[serde(default)]
    pub direction: PathDirection,
    /// How many facts a path has at most, without its anchor: 1 to 100.
    #[serde(default = "five")]
    pub depth: usize,
    /// Whether equal names one after the other are one.
    #[serde(default = "yes")]
    pub collapse_repeats: bool,
    /// What must hold of the facts of a path.
    #[serde(default, rename = "where")]
    pub filter: Filter,
    /// How far from its anchor a path reaches, inclusive; at least 1.
    #[serde(default = "thirty_days")]
    pub window_seconds: u64,
    /// The smallest share of the paths that is shown, 0 to 1; what is left out is counted.
    #[serde(default)]
    pub min_share: f64,
    /// Two groups of customers to compare, by tests of their profile as of the anchor, whatever scope the tests name.
    #[serde(default)]
    pub compare: Option<[Filter; 2]>,
}

const fn five() -> usize {
    5
}

const fn yes() -> bool {
    true
}

const fn thirty_days() -> u64 {
    2_592_000
}

/// Each customer's first anchor, or each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Anchors {
    /// The first one in range.
    #[default]
    First,
    /// Every one in range.
    Each,
}

/// What comes after an anchor, or what came before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PathDirection {
    /// After it.
    #[default]
    After,
    /// Before it, the nearest first.
    Before,
}

impl PathsQuery {
    pub(super) fn check(&self) -> Result<(), QueryError> {
        if !(1..=100).contains(&self.depth) {
            return Err(QueryError::new("depth", format!("{}: a path has 1 to 100 facts", self.depth)));
        }
        if self.window_seconds == 0 {
            return Err(QueryError::new("window_seconds", "0: a window is at least 1 second"));
        }
        if !(0.0..=1.0).contains(&self.min_share) {
            return Err(QueryError::new(
                "min_share",
                format!("{}: a share is between 0 and 1", self.min_share),
            ));
        }
        Ok(())
    }
}

/// How paths are seen in one history.
#[derive(Clone, Debug)]
pub struct PathsCourse {
    range: Range,
    anchors: Anchors,
    direction: PathDirection,
    depth: usize,
    collapse: bool,
    window: Duration,
    min_share: f64,
    compares: bool,
    /// What the root of the tree is called.
    anchor: Option<Box<str>>,
}

/// What a fact is to a path: its bits.
const ANCHOR: u64 = 1;
const BY_CUSTOMER: u64 = 2;
const PASSES: u64 = 4;
/// The two groups to compare: the bits above.
const GROUPS: u32 = 3;

/// The paths of somebody, each once, and what may become one. Bounded by the depth and by how many different paths
/// there are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PathsState {
    /// Whether there was an anchor.
    anchored: bool,
    /// Before anchors: the latest names, each with the last of the instants that it stands for.
    latest: VecDeque<(Timestamp, Word)>,
    /// After anchors: paths that may grow.
    growing: Vec<Growing>,
    /// Paths by names and groups, and how many there are.
    done: BTreeMap<(Vec<Word>, u8), u64>,
}

/// A path that may grow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Growing {
    anchor: Timestamp,
    groups: u8,
    path: Vec<Word>,
}

/// What customers did after anchors, or before them.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PathsAnswer {
    /// How many paths there are, one an anchor.
    pub paths: u64,
    /// The different ones: the most frequent first, then by names. An anchor with nothing after it has the empty path.
    pub sequences: Vec<Sequence>,
    /// What is rarer than `min_share`.
    pub other: OtherPaths,
    /// All paths as a tree of their beginnings.
    pub tree: PathTree,
    /// How two groups differ, where that was asked.
    pub compare: Option<PathComparison>,
}

/// One sequence of names.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Sequence {
    /// From the anchor on.
    pub path: Vec<Box<str>>,
    /// How many paths are this one.
    pub count: u64,
    /// Their share of all paths, 0 to 1.
    pub share: f64,
}

/// What is not shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OtherPaths {
    /// How many different sequences.
    pub sequences: u64,
    /// How many paths.
    pub count: u64,
}

/// All paths with one beginning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PathTree {
    /// The last name of the beginning; of the root the name of the anchor, none where it may have several.
    pub name: Option<Box<str>>,
    /// How many paths; those that end here are the ones that no child has.
    pub count: u64,
    /// How they go on: the most frequent first, then by name.
    pub children: Vec<PathTree>,
}

/// How the paths of two groups differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PathComparison {
    /// How many paths each group has. Somebody may be in both or in neither.
    pub sizes: [u64; 2],
    /// All sequences of either: those that differ most first, then by names.
    pub differences: Vec<PathDifference>,
}

/// How one sequence differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PathDifference {
    /// From the anchor on.
    pub path: Vec<Box<str>>,
    /// Its share of each group's paths, 0 to 1.
    pub shares: [f64; 2],
    /// The first share less the second one.
    pub difference: f64,
}

impl Query {
    /// A question about paths made ready, as of an instant; none for another kind.
    ///
    /// # Errors
    /// [`QueryError`] for a bound that is no instant.
    pub fn paths(&self, terms: &Terms, as_of: Timestamp) -> Result<Option<Asked<PathsCourse>>, QueryError> {
        // No path waits for an end: what is known is what there is.
        let _ = as_of;
        let Ask::Paths(ask) = &self.ask else { return Ok(None) };
        let range = self.frame.range().map_err(|error| QueryError::new("from", error.to_string()))?;
        let micros =
            i64::try_from(ask.window_seconds).ok().and_then(|seconds| seconds.checked_mul(1_000_000));
        let course = PathsCourse {
            range,
            anchors: ask.anchors,
            direction: ask.direction,
            depth: ask.depth,
            collapse: ask.collapse_repeats,
            // What is longer than all time is all time.
            window: micros.and_then(Duration::from_micros).unwrap_or(Duration::days(u32::MAX)),
            min_share: ask.min_share,
            compares: ask.compare.is_some(),
            anchor: match ask.anchor.names() {
                Some([only]) => Some(only.clone()),
                _ => None,
            },
        };
        let groups = ask.compare.iter().flatten().map(Filter::of_customer).collect::<Vec<_>>();
        let filters: Vec<&Filter> = [&ask.filter].into_iter().chain(&groups).collect();
        Asked::new(
            course,
            self,
            terms,
            &[&ask.anchor, &Selector::ANY],
            Besides::None,
            None,
            &CountBy::Customer,
        )?
        .with_names()
        .with_filters(&filters, terms)
        .map(Some)
    }
}

impl PathsCourse {
    /// Takes the next fact of those that paths are made of.
    fn step(&self, state: &mut PathsState, at: Timestamp, name: Word) {
        let PathsState { latest, growing, done, .. } = state;
        match self.direction {
            PathDirection::Before => match latest.back_mut() {
                Some((last_at, last)) if self.collapse && *last == name => *last_at = at,
                _ => {
                    if latest.len() >= self.depth {
                        latest.pop_front();
                    }
                    latest.push_back((at, name));
                }
            },
            PathDirection::After => growing.retain_mut(|one| {
                let in_window = at.since(one.anchor) <= self.window;
                if in_window && !(self.collapse && one.path.last() == Some(&name)) {
                    one.path.push(name);
                }
                let grows = in_window && one.path.len() < self.depth;
                if !grows {
                    *done.entry((core::mem::take(&mut one.path), one.groups)).or_default() += 1;
                }
                grows
            }),
        }
    }

    /// Begins a path, or ends one.
    fn anchor(&self, state: &mut PathsState, at: Timestamp, groups: u8) {
        match self.direction {
            PathDirection::After => {
                state.growing.push(Growing { anchor: at, groups, path: Vec::new() });
            }
            PathDirection::Before => {
                let near = state.latest.iter().rev().take_while(|(then, _)| at.since(*then) <= self.window);
                let path = near.map(|(_, name)| *name).collect();
                *state.done.entry((path, groups)).or_default() += 1;
            }
        }
    }

    fn tree(&self, sum: &BTreeMap<Vec<Box<str>>, [u64; 3]>) -> PathTree {
        #[derive(Default)]
        struct Node<'a> {
            count: u64,
            children: BTreeMap<&'a str, Node<'a>>,
        }

        fn grown(name: Option<Box<str>>, node: Node<'_>) -> PathTree {
            let children = node.children.into_iter().map(|(name, child)| grown(Some(name.into()), child));
            let mut children: Vec<PathTree> = children.collect();
            // They are in the order of names already.
            children.sort_by_key(|child| core::cmp::Reverse(child.count));
            PathTree { name, count: node.count, children }
        }

        let mut root = Node::default();
        for (path, [count, ..]) in sum {
            root.count += count;
            let mut node = &mut root;
            for name in path {
                node = node.children.entry(name).or_default();
                node.count += count;
            }
        }
        grown(self.anchor.clone(), root)
    }
}

impl Course for PathsCourse {
    type State = PathsState;
    /// Paths, by which groups they are of, and how many.
    type Outcome = Vec<(Vec<Box<str>>, u8, u64)>;
    /// How many there are of each path: in all, of the first group, of the second one.
    type Sum = BTreeMap<Vec<Box<str>>, [u64; 3]>;
    type Answer = PathsAnswer;

    fn begin(&self) -> PathsState {
        PathsState::default()
    }

    fn pass(&self, state: &mut PathsState, at: Timestamp, facts: &[Glance]) {
        let first_alone = self.anchors == Anchors::First;
        for fact in facts {
            let waits = !(first_alone && state.anchored);
            let of_path = fact.met & (BY_CUSTOMER | PASSES) == BY_CUSTOMER | PASSES;
            // An anchor is no part of its own path: after it come later facts, before it earlier ones.
            if of_path && self.direction == PathDirection::After {
                self.step(state, at, fact.name);
            }
            if waits && fact.met & ANCHOR != 0 && self.range.holds(at) {
                state.anchored = true;
                self.anchor(state, at, u8::try_from(fact.met >> GROUPS).unwrap_or(0));
                if first_alone {
                    state.latest.clear();
                }
            } else if !waits {
                continue;
            }
            if of_path && self.direction == PathDirection::Before && !(first_alone && state.anchored) {
                self.step(state, at, fact.name);
            }
        }
    }

    fn outcome(&self, state: &PathsState, words: &Words, _: Timestamp) -> Option<Self::Outcome> {
        let names = |path: &[Word]| path.iter().map(|name| words.text(*name).into()).collect();
        let done = state.done.iter().map(|((path, groups), count)| (names(path), *groups, *count));
        let growing = state.growing.iter().map(|one| (names(&one.path), one.groups, 1));
        state.anchored.then(|| done.chain(growing).collect())
    }

    fn add(&self, sum: &mut Self::Sum, _: &str, outcome: &Self::Outcome) {
        for (path, groups, count) in outcome {
            let counts = sum.entry(path.clone()).or_default();
            for (place, of) in counts.iter_mut().enumerate() {
                if place == 0 || groups >> (place - 1) & 1 == 1 {
                    *of += count;
                }
            }
        }
    }

    fn merge(&self, into: &mut Self::Sum, other: Self::Sum) {
        for (path, counts) in other {
            let of = into.entry(path).or_default();
            of.iter_mut().zip(counts).for_each(|(count, more)| *count += more);
        }
    }

    fn finish(&self, sum: Self::Sum) -> PathsAnswer {
        let tree = self.tree(&sum);
        let size = |place: usize| sum.values().filter_map(|counts| counts.get(place)).sum();
        let (paths, sizes) = (tree.count, [size(1), size(2)]);
        let compare = self.compares.then(|| {
            let of_either = sum.iter().filter(|(_, [_, first, second])| first + second > 0);
            let mut differences: Vec<PathDifference> = of_either
                .map(|(path, [_, first, second])| {
                    let shares = [share(*first, sizes[0]), share(*second, sizes[1])];
                    PathDifference { path: path.clone(), shares, difference: shares[0] - shares[1] }
                })
                .collect();
            // They are in the order of paths already.
            differences.sort_by(|one, other| other.difference.abs().total_cmp(&one.difference.abs()));
            PathComparison { sizes, differences }
        });
        let mut sequences = Vec::new();
        let mut other = OtherPaths::default();
        for (path, [count, ..]) in sum {
            let share = share(count, paths);
            if share < self.min_share {
                other.sequences += 1;
                other.count += count;
            } else {
                sequences.push(Sequence { path, count, share });
            }
        }
        sequences.sort_by_key(|sequence| core::cmp::Reverse(sequence.count));
        PathsAnswer { paths, sequences, other, tree, compare }
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of("paths", 1, &())
    }
}
