//! Whether one value can pass some tests and fail others.

use serde_json::{Number, Value};

use crate::select::{Leaf, Op};
use crate::time::Timestamp;

/// Above this numbers have no others between them, and nothing is said.
const WIDE: f64 = 1e15;

/// Whether one value of a property, or its absence, can pass all of some tests and none of others. False is proven;
/// true also where there are too many values to try.
pub(super) fn may_hold(yes: &[&Leaf], no: &[&Leaf]) -> bool {
    match candidates(yes, no) {
        None => true,
        Some(values) => values.iter().any(|value| {
            let value = value.as_ref();
            yes.iter().all(|leaf| leaf.holds_of(value)) && !no.iter().any(|leaf| leaf.holds_of(value))
        }),
    }
}

/// Values such that one of them does if any does; none where they cannot be listed.
fn candidates(yes: &[&Leaf], no: &[&Leaf]) -> Option<Vec<Option<Value>>> {
    if let Some(leaf) =
        yes.iter().find(|leaf| leaf.op() == Op::Eq).or_else(|| no.iter().find(|leaf| leaf.op() == Op::Ne))
    {
        return Some(vec![leaf.value()]);
    }
    if let Some(Value::Array(values)) =
        yes.iter().find(|leaf| leaf.op() == Op::In).and_then(|leaf| leaf.value())
    {
        return Some(values.into_iter().map(Some).collect());
    }
    if no.iter().any(|leaf| leaf.op() == Op::IsSet) {
        return Some(vec![None]);
    }
    let all = || yes.iter().chain(no).filter_map(|leaf| leaf.value());
    let compared = |leaf: &&&Leaf| matches!(leaf.op(), Op::Gt | Op::Ge | Op::Lt | Op::Le);
    match yes.iter().find(compared)?.value()? {
        Value::Number(_) => numbers(all()),
        _ if yes.iter().chain(no).all(|leaf| compared(&leaf)) => Some(times(all())),
        _ => None,
    }
}

/// The numbers that are compared with, one between each two, one below and one above.
fn numbers(values: impl Iterator<Item = Value>) -> Option<Vec<Option<Value>>> {
    let flat = values.flat_map(|value| match value {
        Value::Array(values) => values,
        one => vec![one],
    });
    let exact: Vec<Value> = flat.filter(Value::is_number).collect();
    let mut edges: Vec<f64> = exact.iter().filter_map(Value::as_f64).collect();
    edges.sort_by(f64::total_cmp);
    if edges.iter().any(|edge| edge.abs() > WIDE) {
        return None;
    }
    let between = edges.iter().zip(edges.iter().skip(1)).map(|(a, b)| f64::midpoint(*a, *b));
    let ends = edges.first().map(|edge| edge - 1.0).into_iter().chain(edges.last().map(|edge| edge + 1.0));
    let others = between.chain(ends).filter_map(|number| Number::from_f64(number).map(Value::Number));
    Some(others.collect::<Vec<_>>().into_iter().chain(exact).map(Some).collect())
}

/// The times that are compared with, and their neighbours.
fn times(values: impl Iterator<Item = Value>) -> Vec<Option<Value>> {
    let edges = values.filter_map(|value| value.as_str().and_then(|text| Timestamp::parse(text).ok()));
    edges
        .flat_map(|edge| [-1, 0, 1].map(|step| Timestamp::from_micros(edge.as_micros() + step)))
        .flatten()
        .map(|at| Some(at.to_string().into()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn leaf(op: &str, value: Value) -> Leaf {
        let mut leaf = json!({"property": "p", "op": op});
        if op != "is_set" {
            leaf["value"] = value;
        }
        serde_json::from_value(leaf).unwrap()
    }

    #[test]
    fn bounds_that_cross_leave_no_value() {
        let between = |low: &str, high: &str, low_value: Value, high_value: Value| {
            may_hold(&[&leaf(low, low_value), &leaf(high, high_value)], &[])
        };
        assert!(between("gt", "lt", json!(3), json!(4)), "3.5");
        assert!(!between("ge", "lt", json!(4), json!(4)));
        assert!(between("ge", "le", json!(4), json!(4)));
        assert!(!between("gt", "le", json!("2024-01-02T00:00:00Z"), json!("2024-01-02T00:00:00Z")));
        assert!(between("ge", "le", json!("2024-01-02T00:00:00Z"), json!("2024-01-02T00:00:00Z")));
        assert!(!between("ge", "le", json!(1), json!("2024-01-02T00:00:00Z")), "a number is no time");
        assert!(!may_hold(&[&leaf("ge", json!(4)), &leaf("le", json!(4))], &[&leaf("eq", json!(4.0))]));
        assert!(!may_hold(&[&leaf("eq", json!("A"))], &[&leaf("is_set", json!(null))]));
        assert!(!may_hold(&[], &[&leaf("eq", json!("A")), &leaf("ne", json!("A"))]));
    }

    fn any_leaf() -> impl Strategy<Value = Leaf> {
        let op =
            prop::sample::select(&["eq", "ne", "in", "gt", "ge", "lt", "le", "is_set", "contains_ci"][..]);
        (op, 0..4_i64, any::<bool>()).prop_map(|(op, number, text)| {
            let value = if text { json!(format!("{number}")) } else { json!(number) };
            match op {
                "in" => leaf(op, json!([value, 2])),
                "contains_ci" => leaf(op, json!(number.to_string())),
                "gt" | "ge" | "lt" | "le" => leaf(op, json!(number)),
                op => leaf(op, value),
            }
        })
    }

    proptest! {
        #[test]
        fn what_is_excluded_no_value_does(
            yes in prop::collection::vec(any_leaf(), 0..4), no in prop::collection::vec(any_leaf(), 0..4)
        ) {
            let (yes, no): (Vec<_>, Vec<_>) = (yes.iter().collect(), no.iter().collect());
            if !may_hold(&yes, &no) {
                let numbers = (-2..10).map(|n| json!(f64::from(n) / 2.0)).chain((0..4).map(|n| json!(n)));
                let texts = ["0", "1", "2", "3", "01", ""].map(|text| json!(text));
                for value in numbers.chain(texts).map(Some).chain([None, Some(json!([1])), Some(json!(true))]) {
                    let does = yes.iter().all(|leaf| leaf.holds_of(value.as_ref()))
                        && !no.iter().any(|leaf| leaf.holds_of(value.as_ref()));
                    prop_assert!(!does, "{:?}", value);
                }
            }
        }
    }
}
