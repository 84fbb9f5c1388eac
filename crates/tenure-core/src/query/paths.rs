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
    fn prolong(&self, state: &mut PathsState, at: Timestamp, name: Word) {
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

    fn step(&self, state: &mut PathsState, at: Timestamp, fact: Glance) {
        let first_alone = self.anchors == Anchors::First;
        let waits = !(first_alone && state.anchored);
        let of_path = fact.met & (BY_CUSTOMER | PASSES) == BY_CUSTOMER | PASSES;
        // An anchor is no part of its own path: after it come later facts, before it earlier ones.
        if of_path && self.direction == PathDirection::After {
            self.prolong(state, at, fact.name);
        }
        if waits && fact.met & ANCHOR != 0 && self.range.holds(at) {
            state.anchored = true;
            self.anchor(state, at, u8::try_from(fact.met >> GROUPS).unwrap_or(0));
            if first_alone {
                state.latest.clear();
            }
        } else if !waits {
            return;
        }
        if of_path && self.direction == PathDirection::Before && !(first_alone && state.anchored) {
            self.prolong(state, at, fact.name);
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::query::worked::{answer, refused};

    fn ask(more: &Value, story: &str) -> Value {
        let mut query = json!({"kind": "paths", "anchor": "signed_up"});
        query.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        answer(&query, "2024-06-01T00:00:00Z", story)
    }

    /// Sequences as text, with their counts.
    fn told(answer: &Value) -> Vec<(String, u64)> {
        let names = |path: &Value| {
            path.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect::<Vec<_>>().join(" ")
        };
        let sequences = answer["sequences"].as_array().unwrap();
        sequences.iter().map(|one| (names(&one["path"]), one["count"].as_u64().unwrap())).collect()
    }

    fn expect(found: &[(String, u64)], expected: &[(&str, u64)]) {
        let found: Vec<_> = found.iter().map(|(path, count)| (path.as_str(), *count)).collect();
        assert_eq!(found, expected);
    }

    const ANN: &str = "
        ann 2024-05-01T09:00:00 home
        ann 2024-05-01T09:30:00 home
        ann 2024-05-01T10:00:00 plans
        ann 2024-05-01T10:00:00 signed_up
        ann 2024-05-01T10:00:00 signed_up
        ann 2024-05-01T10:00:00 cart
        ann 2024-05-01T11:00:00 tag_added
        ann 2024-05-01T12:00:00 cart
        ann 2024-05-01T13:00:00 order_placed
        ann 2024-05-02T10:00:00 cart
        ann 2024-05-02T10:00:00.000001 home
    ";

    #[test]
    fn a_path_is_what_the_customer_did_after_the_anchor_inside_the_window() {
        let day = |more: Value| {
            let mut all = json!({"window_seconds": 86_400});
            all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            told(&ask(&all, ANN))
        };
        // The second sign-up is no repeat of the anchor, which is in no path; the tag was ours.
        expect(&day(json!({})), &[("signed_up cart order_placed cart", 1)]);
        expect(&day(json!({"collapse_repeats": false})), &[("signed_up cart cart order_placed cart", 1)]);
        expect(&day(json!({"depth": 2})), &[("signed_up cart", 1)]);
        expect(&day(json!({"depth": 3, "collapse_repeats": false})), &[("signed_up cart cart", 1)]);
        let each = [("cart order_placed cart", 1), ("signed_up cart order_placed cart", 1)];
        expect(&day(json!({"anchors": "each"})), &each);
        expect(&told(&ask(&json!({}), ANN)), &[("signed_up cart order_placed cart home", 1)]);
    }

    #[test]
    fn a_path_before_the_anchor_begins_with_the_nearest_fact() {
        let before = |more: Value| {
            let mut all = json!({"direction": "before"});
            all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            told(&ask(&all, ANN))
        };
        expect(&before(json!({})), &[("plans home", 1)]);
        expect(&before(json!({"collapse_repeats": false})), &[("plans home home", 1)]);
        // Of the visits of the home page the later one is inside the window.
        expect(&before(json!({"window_seconds": 1_800})), &[("plans home", 1)]);
        expect(&before(json!({"window_seconds": 1_799})), &[("plans", 1)]);
        expect(&before(json!({"anchors": "each"})), &[("plans home", 1), ("signed_up plans home", 1)]);
        expect(&before(json!({"anchors": "each", "depth": 1})), &[("plans", 1), ("signed_up", 1)]);
        let orders = json!({"anchor": "order_placed", "depth": 2});
        expect(&before(orders), &[("cart signed_up", 1)]);
    }

    #[test]
    fn an_anchor_is_in_range_and_its_path_need_not_be() {
        let story = "
            ann 2024-05-01T10:00:00 signed_up
            ann 2024-05-01T11:00:00 home
            ann 2024-05-02T00:00:00 signed_up
            ann 2024-05-03T10:00:00 cart
            bob 2024-05-03T00:00:00 signed_up
            cyd 2024-05-02T00:00:00 signed_up
            dan 2024-05-02T00:00:00 home
        ";
        let range = json!({"from": "2024-05-02T00:00:00", "to": "2024-05-03T00:00:00"});
        // Nothing after it is a path, too.
        expect(&told(&ask(&range, story)), &[("", 1), ("cart", 1)]);
        let mut before = range;
        before["direction"] = "before".into();
        expect(&told(&ask(&before, story)), &[("", 1), ("home signed_up", 1)]);
    }

    const FOUR: &str = "
        ann 2024-05-01T09:00:00 profile_updated plan=pro
        ann 2024-05-01T10:00:00 signed_up
        ann 2024-05-01T11:00:00 home page=1
        ann 2024-05-01T12:00:00 cart page=2
        bob 2024-05-01T10:00:00 signed_up
        bob 2024-05-01T10:00:00 profile_updated plan=pro
        bob 2024-05-01T11:00:00 home page=1
        bob 2024-05-01T11:30:00 profile_updated plan=free
        cyd 2024-05-01T10:00:00 signed_up
        cyd 2024-05-01T11:00:00 home page=2
        cyd 2024-05-01T12:00:00 profile_updated plan=pro
        dan 2024-05-01T09:00:00 profile_updated plan=free
        dan 2024-05-01T10:00:00 signed_up
        dan 2024-05-01T11:00:00 cart page=1
    ";

    #[test]
    fn what_is_rare_is_counted_and_the_tree_holds_all() {
        let answer = ask(&json!({"min_share": 0.5}), FOUR);
        assert_eq!(answer["paths"], 4);
        assert_eq!(answer["sequences"], json!([{"path": ["home"], "count": 2, "share": 0.5}]));
        assert_eq!(answer["other"], json!({"sequences": 2, "count": 2}));
        let leaf = |name: &str, count| json!({"name": name, "count": count, "children": []});
        let home = json!({"name": "home", "count": 3, "children": [leaf("cart", 1)]});
        let tree = json!({"name": "signed_up", "count": 4, "children": [home, leaf("cart", 1)]});
        assert_eq!(answer["tree"], tree);
        assert_eq!(answer["compare"], json!(null));
        expect(&told(&ask(&json!({}), FOUR)), &[("home", 2), ("cart", 1), ("home cart", 1)]);
    }

    #[test]
    fn a_test_leaves_facts_out_of_paths() {
        let first = json!({"property": "page", "op": "eq", "value": 1});
        let page = ask(&json!({"where": [first]}), FOUR);
        expect(&told(&page), &[("home", 2), ("", 1), ("cart", 1)]);
        let pro = json!({"property": "plan", "op": "eq", "value": "pro", "scope": "customer"});
        let both = ask(
            &json!({"where": {"any": [{"all": [first, pro]}, {"property": "page", "op": "eq", "value": 2}]}}),
            FOUR,
        );
        // Ann and Bob were on the plan when they saw page 1; Dan was not.
        expect(&told(&both), &[("home", 2), ("", 1), ("home cart", 1)]);
        // Tests of the filter and of `where` are told apart where both ask the customer, too.
        let filter = json!({"any": [first, pro]});
        let second = json!({"any": [{"all": [{"property": "page", "op": "eq", "value": 2}, pro]}]});
        expect(&told(&ask(&json!({"filter": filter, "where": second}), FOUR)), &[("", 1), ("cart", 1)]);
        let crowd = vec![first; 65];
        let error = refused(&json!({"kind": "paths", "anchor": "signed_up", "where": crowd}));
        assert!(error.starts_with("where: 65 tests"), "{error}");
    }

    #[test]
    fn groups_are_by_the_profile_as_of_the_anchor() {
        let plan = |plan: &str| json!([{"property": "plan", "op": "eq", "value": plan}]);
        let answer = ask(&json!({"compare": [plan("pro"), plan("free")]}), FOUR);
        // Bob's profile is of the instant of his sign-up; Cyd's came later.
        let expected = json!({
            "sizes": [2, 1],
            "differences": [
                {"path": ["cart"], "shares": [0.0, 1.0], "difference": -1.0},
                {"path": ["home"], "shares": [0.5, 0.0], "difference": 0.5},
                {"path": ["home", "cart"], "shares": [0.5, 0.0], "difference": 0.5},
            ],
        });
        assert_eq!(answer["compare"], expected);
        assert_eq!(answer["paths"], 4);
    }
}
