//! Paths: what follows each anchor, or goes before it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tenure_core::By;
use tenure_core::query::{Anchors, CountBy, PathDirection, PathsQuery};

use super::float;
use super::history::{Asking, Counting, Fact, meets, passes, passes_as_customer};

type Path = Vec<String>;

/// A path, and in which of the two groups its customer is.
type Found = (Path, [bool; 2]);

pub(super) fn answer(asking: &Asking<'_, '_>, ask: &PathsQuery) -> Value {
    let counting = Counting {
        selectors: vec![&ask.anchor],
        breakdown: None,
        count_by: &CountBy::Customer,
        whole_buckets: None,
    };
    let outcome = |facts: &[Fact<'_>]| {
        let anchors = facts.iter().filter(|fact| meets(&ask.anchor, fact) && asking.in_range(fact.at));
        let anchors: Vec<_> = match ask.anchors {
            Anchors::First => anchors.take(1).collect(),
            Anchors::Each => anchors.collect(),
        };
        let found = |anchor: &Fact<'_>| {
            let groups = ask.compare.as_ref().map_or([false; 2], |groups| {
                groups.each_ref().map(|group| passes_as_customer(group, &anchor.profile))
            });
            (path(ask, facts, anchor), groups)
        };
        let paths: Vec<Found> = anchors.into_iter().map(found).collect();
        (!paths.is_empty()).then_some((paths, None))
    };
    asking.answer(
        &counting,
        outcome,
        |one, _| one,
        |all| told(ask, &all.iter().flat_map(|(_, paths)| paths.clone()).collect::<Vec<_>>()),
    )
}

fn path(ask: &PathsQuery, facts: &[Fact<'_>], anchor: &Fact<'_>) -> Path {
    let window = i64::try_from(ask.window_seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000);
    let after = ask.direction == PathDirection::After;
    let mut beyond: Vec<&Fact<'_>> =
        facts
            .iter()
            .filter(|fact| {
                if after { fact.view.key() > anchor.view.key() } else { fact.view.key() < anchor.view.key() }
            })
            .filter(|fact| (fact.at - anchor.at).abs() <= window)
            .filter(|fact| fact.view.kind.by() == By::Customer && passes(&ask.filter, fact))
            .collect();
    if !after {
        beyond.reverse();
    }
    let mut names: Path = beyond.into_iter().map(Fact::name).collect();
    if ask.collapse_repeats {
        names.dedup();
    }
    names.truncate(ask.depth);
    names
}

fn told(ask: &PathsQuery, found: &[Found]) -> Value {
    let paths: Vec<&Path> = found.iter().map(|(path, _)| path).collect();
    let distinct: BTreeSet<&Path> = paths.iter().copied().collect();
    let count = |path: &Path| paths.iter().filter(|other| **other == path).count();
    let share = |path: &Path| float(count(path)) / float(paths.len());
    let (shown, hidden): (Vec<&Path>, Vec<&Path>) =
        distinct.iter().copied().partition(|path| share(path) >= ask.min_share);
    let mut shown = shown;
    shown.sort_by_key(|path| (core::cmp::Reverse(count(path)), (*path).clone()));
    let sequence = |path: &&Path| json!({"path": path, "count": count(path), "share": share(path)});
    let compare = ask.compare.as_ref().map(|_| {
        let [a, b] = [0, 1].map(|group| compared(found, group));
        let size = |group: &Vec<&Path>| group.len();
        let share_in = |group: &Vec<&Path>, path: &Path| {
            let count = group.iter().filter(|other| **other == path).count();
            if group.is_empty() { 0.0 } else { float(count) / float(group.len()) }
        };
        let both: BTreeSet<&Path> = a.iter().chain(&b).copied().collect();
        let mut differences: Vec<(f64, &Path)> =
            both.into_iter().map(|path| (share_in(&a, path) - share_in(&b, path), path)).collect();
        differences.sort_by(|(one, p), (other, q)| other.abs().total_cmp(&one.abs()).then(p.cmp(q)));
        let told = |(difference, path): &(f64, &Path)| {
            json!({"path": path, "shares": [share_in(&a, path), share_in(&b, path)], "difference": difference})
        };
        json!({"sizes": [size(&a), size(&b)], "differences": differences.iter().map(told).collect::<Vec<_>>()})
    });
    let root = match ask.anchor.names() {
        Some([name]) => name.as_ref().into(),
        _ => Value::Null,
    };
    json!({
        "paths": paths.len(),
        "sequences": shown.iter().map(sequence).collect::<Vec<_>>(),
        "other": {
            "sequences": hidden.len(),
            "count": hidden.iter().map(|path| count(path)).sum::<usize>(),
        },
        "tree": tree(&root, &paths.iter().map(|path| path.as_slice()).collect::<Vec<_>>()),
        "compare": compare,
    })
}

fn compared(found: &[Found], group: usize) -> Vec<&Path> {
    let within = |(_, groups): &&Found| groups.get(group).copied().unwrap_or_default();
    found.iter().filter(within).map(|(path, _)| path).collect()
}

/// Paths by their first name, each with what follows it.
fn tree(name: &Value, paths: &[&[String]]) -> Value {
    let mut children: BTreeMap<&String, Vec<&[String]>> = BTreeMap::new();
    for path in paths {
        if let [first, rest @ ..] = path {
            children.entry(first).or_default().push(rest);
        }
    }
    let mut children: Vec<_> = children.into_iter().collect();
    children.sort_by_key(|(name, paths)| (core::cmp::Reverse(paths.len()), (*name).clone()));
    let children: Vec<_> =
        children.into_iter().map(|(name, paths)| tree(&name.clone().into(), &paths)).collect();
    json!({"name": name, "count": paths.len(), "children": children})
}
