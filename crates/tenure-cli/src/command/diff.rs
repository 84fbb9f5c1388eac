//! `tenure diff`: what another policy makes of everybody.

use std::process::ExitCode;

use serde_json::json;
use tenure::core::diff::{Aspect, DiffAnswer, PolicyDiff, Side};
use tenure::core::report::{Report, add_all};
use tenure::core::{Policy, Timestamp};

use crate::args;
use crate::command::Talk;
use crate::error::CliError;
use crate::lang::fill;
use crate::question::{Question, read_policy};
use crate::table::{Cell, Table};

/// Runs the command.
///
/// # Errors
/// Wrong usage or input, or a failing store.
pub fn run(args: &args::Diff, talk: Talk) -> Result<ExitCode, CliError> {
    let [first, second] = args.policy.as_slice() else {
        let given = args.policy.len();
        return Err(CliError::input(format!("--policy is given {given} times, a comparison needs two"))
            .hint("tenure diff --policy retail --policy new.toml --store S"));
    };
    let (other, _) = read_policy("--policy ", second)?;
    let question = Question::open(&args::Question {
        source: args.source.clone(),
        as_of: args.as_of.clone(),
        policy: first.clone(),
        format: args.format,
    })?;
    let side = |policy: &Policy| {
        Side::new(policy, talk.language())
            .map_err(|error| CliError::input(format!("policy \"{}\": {error}", policy.name)))
    };
    let sides = (side(&question.policy)?, side(&other)?);
    let states = question.fold(&sides, talk)?;
    let as_of = question.as_of(&states);
    let at = as_of.unwrap_or(Timestamp::MIN);
    let diff = PolicyDiff::new(&sides, at, args.examples);
    let result = diff.finish(add_all(&diff, &states, at));
    let policies =
        [&question.policy, &other].map(|policy| json!({"name": policy.name, "hash": policy.hash()}));
    let query = json!({"command": "diff", "policies": policies, "examples": args.examples});
    let w = talk.words();
    let title = fill(w.diff, &[&first, &second]);
    let mut answer = question.answer(query, as_of, json!(result), &title, talk);
    answer.tables.push(flows(&result, [first, second], false, talk));
    answer.list = Some(flows(&result, [first, second], true, talk));
    answer.notes.push(fill(w.differing, &[&result.differing, &result.customers]));
    answer.notes.extend(result.notes.iter().cloned());
    answer.print(args.format)?;
    Ok(ExitCode::SUCCESS)
}

/// A row for each example; what a flow is stands in its first row, or in every one.
fn flows(result: &DiffAnswer, [first, second]: [&str; 2], repeat: bool, talk: Talk) -> Table {
    let w = talk.words();
    let mut table = Table::new(
        "",
        &[
            ("aspect", w.aspect),
            ("from", w.from),
            ("to", w.to),
            ("customers", w.customers),
            ("customer", w.examples),
            ("before", &fill(w.by_first, &[&first])),
            ("after", &fill(w.by_first, &[&second])),
        ],
    );
    for flow in &result.flows {
        let (aspect, label) = match flow.aspect {
            Aspect::Stage => ("stage", w.aspect_stage),
            Aspect::Segment => ("segment", w.aspect_segment),
            Aspect::Band => ("band", w.aspect_band),
        };
        let code = |code: &Option<String>| code.as_deref().map_or(Cell::Empty, Cell::from);
        let mut head = vec![
            Cell::Code(aspect.into(), label.into()),
            code(&flow.from),
            code(&flow.to),
            Cell::Number(flow.customers.into()),
        ];
        if flow.examples.is_empty() {
            head.extend([Cell::Empty, Cell::Empty, Cell::Empty]);
            table.push(head);
            continue;
        }
        for example in &flow.examples {
            let again = if repeat { head.clone() } else { vec![Cell::Empty; 4] };
            let mut row = core::mem::replace(&mut head, again);
            row.extend(
                [&example.customer, &example.before, &example.after].map(|text| Cell::from(text.as_str())),
            );
            table.push(row);
        }
    }
    table
}
