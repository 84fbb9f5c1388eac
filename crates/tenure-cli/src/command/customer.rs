//! `tenure customer`: one customer's stage, timeline with reasons, and RFM values.

use std::process::ExitCode;

use serde_json::json;
use tenure::core::fold::{Projection, States};
use tenure::core::log::FactBlock;
use tenure::core::projection::stage::{Cause, StageChange, StageMachine, Timeline};
use tenure::core::{Customer, Timestamp};

use crate::answer::Answer;
use crate::args;
use crate::command::Talk;
use crate::error::CliError;
use crate::lang::fill;
use crate::log_pass::corrections;
use crate::question::{CountFacts, Question};
use crate::table::{Cell, Table, day_or_instant};

/// Runs the command.
///
/// # Errors
/// Wrong usage or input, an unknown customer, or a failing store.
pub fn run(args: &args::Customer, talk: Talk) -> Result<ExitCode, CliError> {
    let question = Question::open(&args.question)?;
    let customer =
        Customer::parse(&args.customer, &args.question.source.namespace).map_err(CliError::input)?;
    let as_of = match args.question.as_of {
        Some(_) => None,
        None => question.fold(&CountFacts, talk)?.latest(),
    };
    answer(&question, &customer, as_of, talk)?.print(args.question.format)?;
    Ok(ExitCode::SUCCESS)
}

/// What is known of one customer. `latest` is the instant to answer for where the question names none.
///
/// # Errors
/// An unknown customer, wrong input, or a failing store.
pub fn answer(
    question: &Question,
    customer: &Customer,
    latest: Option<Timestamp>,
    talk: Talk,
) -> Result<Answer, CliError> {
    let machine = question.stages()?;
    let rfm = question.policy.rfm().map_err(CliError::input)?;
    let corrections = corrections(&question.source, question.cut())?;
    let representative = corrections.representative(customer.id());
    let members = corrections.members(representative);
    let blocks = question.source.streams(&members)?;
    let timeline = Timeline::new(machine.clone());
    let projection = (&timeline, &rfm, CountFacts);
    let mut states = States::new(projection, question.cut()).with_corrections(corrections);
    states.scanned(question.source.head()?.position);
    states.refold(representative, blocks.iter().flat_map(FactBlock::iter));
    let Some(folded) = states.get(representative) else {
        return Err(CliError::input(format!("no facts are known of customer {customer}"))
            .hint("customers are named namespace:value; tenure log shows them"));
    };
    let as_of = question.asked().or(latest).unwrap_or(folded.last.occurred_at);
    let (changes, values, facts) = projection.view(&folded.state, as_of);
    let next = projection.0.next_change(&folded.state.0, as_of);
    let next = next.and_then(|at| {
        let after = timeline.view(&folded.state.0, at);
        after.into_iter().rfind(|change| change.at == at)
    });
    let shown = states.shown(representative);
    let policy = machine.policy();
    let stage = changes.last().map(|change| policy.code(change.to));
    let raw = values.values.map(|raw| {
        json!({
            "recency_days": raw.recency_days,
            "frequency": raw.frequency,
            "monetary": values.monetary(),
        })
    });
    let body = json!({
        "customer": shown,
        "members": members,
        "facts": facts,
        "stage": stage,
        "timeline": changes.iter().map(|change| machine.change_json(change)).collect::<Vec<_>>(),
        "next_change": next.as_ref().map(|change| machine.change_json(change)),
        "rfm": raw,
    });
    let w = talk.words();
    let query = json!({"command": "customer", "customer": customer.to_string()});
    let mut answer = question.answer(query, Some(as_of), body, &shown, talk);

    let mut about = Table::new("", &[("field", w.field), ("value", w.value)]);
    let label = |change: &StageChange| {
        policy.stage(change.to).map_or_else(String::new, |stage| stage.labels.of(talk.language()).to_owned())
    };
    if let Some(last) = changes.last() {
        about.push(vec![
            w.stage.into(),
            format!("{} ({} {})", label(last), w.since, day_or_instant(last.at)).into(),
        ]);
    }
    about.push(vec![w.facts.into(), facts.to_string().into()]);
    if let (Some(raw), Some(monetary)) = (values.values, values.monetary()) {
        about.push(vec![w.recency_days.into(), raw.recency_days.to_string().into()]);
        about.push(vec![w.frequency.into(), raw.frequency.to_string().into()]);
        about.push(vec![w.monetary.into(), monetary.to_string().into()]);
    }
    answer.tables.push(about);

    let (list, table) = timeline_tables(&machine, &changes, talk);
    answer.notes.push(next.map_or_else(
        || w.no_next_change.to_owned(),
        |change| fill(w.next_change, &[&format!("{} → {}", day_or_instant(change.at), label(&change))]),
    ));
    answer.list = Some(list);
    answer.tables.push(table);
    Ok(answer)
}

/// The timeline with all columns for programs, and as people read it: the reason tells what the rule's name does, so
/// that the table is no wider than a page.
fn timeline_tables(machine: &StageMachine, changes: &[StageChange], talk: Talk) -> (Table, Table) {
    let w = talk.words();
    let policy = machine.policy();
    let at = ("at", w.at);
    let (from, to) = (("from", w.from), ("to", w.to));
    let (facts, silence, condition) = (("facts", ""), ("silence_since", ""), ("condition", ""));
    let mut list = Table::new(w.timeline, &[at, from, to, ("rule", ""), facts, silence, condition]);
    let mut table = Table::new(w.timeline, &[at, from, to, ("reason", w.reason), ("cause", w.cause)]);
    let stage = |stage| {
        let label = policy.stage(stage).map_or("", |stage| stage.labels.of(talk.language()));
        Cell::Code(policy.code(stage).into(), label.into())
    };
    for change in changes {
        let rule = change.rule.and_then(|rule| policy.rule(rule)).map_or("", |rule| rule.name.as_ref());
        let (causes, cause) = match &change.cause {
            Cause::Facts(facts) => {
                let ids: Vec<String> = facts.iter().map(ToString::to_string).collect();
                let shown = match ids.as_slice() {
                    [one] => Cell::Id(one.clone()),
                    several => fill(w.several_facts, &[&several.len()]).into(),
                };
                ([ids.join(" ").into(), Cell::Empty, Cell::Empty], shown)
            }
            Cause::Silence { since, condition } => {
                let condition = machine.condition_text(*condition).into();
                let shown = fill(w.silence_since, &[&day_or_instant(*since)]).into();
                ([Cell::Empty, Cell::At(*since), condition], shown)
            }
        };
        let entry = [Cell::At(change.at), change.from.map_or(Cell::Empty, stage), stage(change.to)];
        let rule = if rule.is_empty() { Cell::Empty } else { rule.into() };
        list.push(entry.iter().cloned().chain([rule]).chain(causes).collect());
        let reason = machine.reason(change, talk.language()).into();
        table.push(entry.into_iter().chain([reason, cause]).collect());
    }
    (list, table)
}
