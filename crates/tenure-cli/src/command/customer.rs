//! `tenure customer`: what is known of one customer: stage and RFM values, profile, identities, tags, owner and consents,
//! the timeline with reasons, the churn score and what it is made of.
//!
//! Whoever asks for a customer by name gets what is recorded of that customer, personal data included. Besides it only
//! `tenure log`, which prints the facts themselves, shows it.

use std::process::ExitCode;

use serde_json::{Value, json};
use tenure::core::fold::{Projection, States};
use tenure::core::log::{Cut, FactBlock};
use tenure::core::projection::consent::{Consents, ConsentsView};
use tenure::core::projection::identities::{Identities, IdentitiesView};
use tenure::core::projection::owner::{Owner, OwnerView};
use tenure::core::projection::profile::{Profile, ProfileView};
use tenure::core::projection::rfm::RfmView;
use tenure::core::projection::stage::{Cause, StageChange, StageMachine, Timeline};
use tenure::core::projection::tags::{Tags, TagsView};
use tenure::core::{Customer, Timestamp};

use crate::answer::Answer;
use crate::args;
use crate::command::{Talk, churn};
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
    let machine = question.stages_if_any()?;
    let rfm = question.policy.rfm().map_err(CliError::input)?;
    let corrections = corrections(&question.source, question.cut())?;
    let representative = corrections.representative(customer.id());
    let members = corrections.members(representative);
    let blocks = question.source.streams(&members)?;
    let timeline = machine.clone().map(Timeline::new);
    let relation = (Profile, Identities, Tags, Owner, Consents);
    let churn = question.churn_if_any()?;
    let projection = (timeline.as_ref(), &rfm, CountFacts, relation, churn.as_ref());
    let mut states = States::new(projection, question.cut()).with_corrections(corrections);
    states.scanned(question.source.head()?.position);
    states.refold(representative, blocks.iter().flat_map(FactBlock::iter));
    let Some(folded) = states.get(representative) else {
        return Err(CliError::input(format!("no facts are known of customer {customer}")).hint(
            if question.cut() == Cut::default() {
                "customers are named namespace:value; tenure log shows them"
            } else {
                "customers are named namespace:value; what came after --as-of or --known-at does not count"
            },
        ));
    };
    let as_of = question.asked().or(latest).unwrap_or(folded.last.occurred_at);
    let (changes, values, facts, relation, score) = projection.view(&folded.state, as_of);
    let score = churn.as_ref().zip(score);
    let next_score = projection.4.next_change(&folded.state.4, as_of);
    let changes = changes.unwrap_or_default();
    let next = projection.0.next_change(&folded.state.0, as_of);
    let next = next.and_then(|at| {
        let after = projection.0.view(&folded.state.0, at)?;
        after.into_iter().rfind(|change| change.at == at)
    });
    let shown = states.shown(representative);
    let machine = machine.as_ref();
    let told = |change| machine.map(|machine: &StageMachine| machine.change_json(change));
    let stage = changes.last().zip(machine).map(|(change, machine)| machine.policy().code(change.to));
    let body = json!({
        "customer": shown,
        "members": members,
        "facts": facts,
        "stage": stage,
        "timeline": changes.iter().map(told).collect::<Vec<_>>(),
        "next_change": next.as_ref().and_then(told),
        "rfm": rfm_json(&values),
        "profile": relation.0,
        "identities": relation.1,
        "tags": relation.2,
        "owner": relation.3,
        "consents": relation.4,
        "churn": score.as_ref().map(|(churn, view)| churn::view_json(churn, view, next_score)),
    });
    let w = talk.words();
    let mut answer = question.answer(query(customer), Some(as_of), body, &shown, talk);

    let mut about = Table::new("", &[("field", w.field), ("value", w.value)]);
    let label = |change: &StageChange| {
        let stage = machine.and_then(|machine| machine.policy().stage(change.to));
        stage.map_or_else(String::new, |stage| stage.labels.of(talk.language()).to_owned())
    };
    if let Some(last) = changes.last() {
        about.push(vec![
            w.stage.into(),
            format!("{} ({} {})", label(last), w.since, day_or_instant(last.at)).into(),
        ]);
    }
    about.push(vec![w.facts.into(), facts.to_string().into()]);
    if let Some(raw) = values.values {
        about.push(vec![w.recency_days.into(), raw.recency_days.to_string().into()]);
        about.push(vec![w.frequency.into(), raw.frequency.to_string().into()]);
    }
    if let Some(monetary) = values.monetary() {
        about.push(vec![w.monetary.into(), monetary.to_string().into()]);
    }
    if let Some((churn, view)) = &score {
        for row in churn::about(churn, view, talk) {
            about.push(row);
        }
    }
    let mut recorded_as: Vec<String> = members.iter().map(|member| states.shown(*member)).collect();
    recorded_as.sort_unstable();
    if recorded_as.len() > 1 {
        about.push(vec![w.recorded_as.into(), recorded_as.join(", ").into()]);
    }
    answer.tables.push(about);
    answer.tables.extend(score.as_ref().map(|(churn, view)| churn::view_table(churn, view, talk)));
    answer.tables.extend(relation_tables(&relation, talk));
    if relation.0.full || relation.1.full || relation.2.full {
        answer.notes.push(w.more_than_fits.into());
    }

    let (list, table) = timeline_tables(machine, &changes, talk);
    answer.notes.push(match next {
        _ if machine.is_none() => w.no_stages.to_owned(),
        Some(change) => {
            fill(w.next_change, &[&format!("{} → {}", day_or_instant(change.at), label(&change))])
        }
        None => w.no_next_change.to_owned(),
    });
    answer.notes.extend(churn::next_note(score.is_some(), next_score, talk));
    answer.list = Some(list);
    answer.tables.push(table);
    Ok(answer)
}

fn query(customer: &Customer) -> Value {
    json!({"command": "customer", "customer": customer.to_string()})
}

fn rfm_json(view: &RfmView) -> Option<Value> {
    let raw = view.values?;
    let (recency_days, frequency) = (raw.recency_days, raw.frequency);
    Some(json!({"recency_days": recency_days, "frequency": frequency, "monetary": view.monetary()}))
}

type Relation = (ProfileView, IdentitiesView, TagsView, OwnerView, ConsentsView);

/// What is known of the relation with a customer, a table each; one without anything in it is not shown.
fn relation_tables((profile, identities, tags, owner, consents): &Relation, talk: Talk) -> [Table; 5] {
    let w = talk.words();
    let since = ("since", w.held_since);
    let mut attributes = Table::new(w.profile, &[("attribute", w.attribute), ("value", w.value), since]);
    for one in &profile.attributes {
        // A text as it is, anything else as JSON.
        let value = match &one.value.0 {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        attributes.push(vec![one.attribute.as_str().into(), value.into(), Cell::At(one.since)]);
    }
    let mut linked = Table::new(w.identities, &[("namespace", w.namespace), ("value", w.value), since]);
    for one in &identities.linked {
        linked.push(vec![one.namespace.as_str().into(), one.value.0.as_str().into(), Cell::At(one.since)]);
    }
    let state = ("state", w.state);
    let mut labels = Table::new(w.tags, &[("tag", w.tag), state, since]);
    for (some, word) in [(&tags.held, w.tag_held), (&tags.removed, w.tag_removed)] {
        for one in some {
            labels.push(vec![one.tag.as_str().into(), word.into(), Cell::At(one.since)]);
        }
    }
    let mut owners = Table::new(w.owners, &[("owner", w.owner), since]);
    for one in &owner.history {
        owners.push(vec![one.owner.as_str().into(), Cell::At(one.since)]);
    }
    let mut purposes = Table::new(w.consents, &[("purpose", w.purpose), state, since]);
    for one in &consents.purposes {
        let word = if one.granted { w.granted } else { w.withdrawn };
        purposes.push(vec![one.purpose.as_str().into(), word.into(), Cell::At(one.since)]);
    }
    [attributes, linked, labels, owners, purposes]
}

/// The timeline with all columns for programs, and as people read it: the reason tells what the rule's name does, so
/// that the table is no wider than a page.
fn timeline_tables(machine: Option<&StageMachine>, changes: &[StageChange], talk: Talk) -> (Table, Table) {
    let w = talk.words();
    let at = ("at", w.at);
    let (from, to) = (("from", w.from), ("to", w.to));
    let (facts, silence, condition) = (("facts", ""), ("silence_since", ""), ("condition", ""));
    let mut list = Table::new(w.timeline, &[at, from, to, ("rule", ""), facts, silence, condition]);
    let mut table = Table::new(w.timeline, &[at, from, to, ("reason", w.reason), ("cause", w.cause)]);
    let Some(machine) = machine else { return (list, table) };
    let policy = machine.policy();
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
