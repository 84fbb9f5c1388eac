//! `tenure churn`: who is likely to leave, why, what they are worth, and what to do.

use std::process::ExitCode;

use serde_json::{Value, json};
use tenure::core::fold::Projection as _;
use tenure::core::near::nearest;
use tenure::core::projection::churn::{Action, Band, Churn, ChurnView, SignalView};
use tenure::core::projection::contact::LastContact;
use tenure::core::projection::owner::Owner;
use tenure::core::projection::purchases::Purchases;
use tenure::core::projection::recurring::Recurring;
use tenure::core::projection::stage::{StageIx, StageMachine};
use tenure::core::report::churn::{BandRow, WarningAnswer, WarningSum, Warnings, Watched};
use tenure::core::report::{Report, Shown};
use tenure::core::text::Language;
use tenure::core::{Policy, Timestamp};

use crate::answer::Answer;
use crate::args;
use crate::command::churn_ahead::{Ahead, Folded, Model, Outlook};
use crate::command::{Talk, stages, survival};
use crate::error::CliError;
use crate::lang::fill;
use crate::question::Question;
use crate::table::{Cell, Table, day_or_instant};

/// How many reasons people are told.
const MOST_REASONS: usize = 3;

/// Runs the command.
///
/// # Errors
/// Wrong usage or input, or a failing store.
pub fn run(args: &args::Churn, talk: Talk) -> Result<ExitCode, CliError> {
    let question = Question::open(&args.question)?;
    let bands: Vec<Band> =
        Band::ALL.into_iter().filter(|band| args.band.iter().any(|name| name == band.code())).collect();
    let horizon = args.horizon.as_deref().map(survival::horizon).transpose()?;
    let model = args.model.as_deref().map(|path| Model::open(path, horizon, &question)).transpose()?;
    let outlook = Outlook { model, horizon };
    let asked = Asked { most: args.top, stage: args.stage.as_deref(), bands, outlook };
    answer(&question, &asked, talk)?.print(args.question.format)?;
    Ok(ExitCode::SUCCESS)
}

/// Whom the list is about.
#[derive(Debug)]
pub struct Asked<'a> {
    /// How many are named.
    pub most: u32,
    /// In which stage; none: in any.
    pub stage: Option<&'a str>,
    /// Of which bands; none of them: of all.
    pub bands: Vec<Band>,
    /// What says how likely they are to leave.
    pub outlook: Outlook,
}

/// The answer under the question's policy.
///
/// # Errors
/// Wrong input, or a failing store.
pub fn answer(question: &Question, asked: &Asked<'_>, talk: Talk) -> Result<Answer, CliError> {
    let churn = question.churn()?;
    let machine = question.stages_if_any()?;
    let stage = asked.stage.map(|name| in_stage(question, machine.as_ref(), name)).transpose()?;
    let value = question.policy.value_at_risk().map_err(CliError::input)?;
    let watched: Watched = (churn.clone(), machine.clone(), value, LastContact, Owner);
    let policy = &question.policy;
    let purchases = asked.outlook.model.as_ref().map(|_| Purchases::new(policy.exchange()));
    let folded: Folded = (watched, purchases, Recurring::new(policy.exchange()));
    let states = question.fold(&folded, talk)?;
    let as_of = question.as_of(&states);
    let at = as_of.unwrap_or(Timestamp::MIN);
    let most = usize::try_from(asked.most).unwrap_or(usize::MAX);
    let warnings = Warnings { churn: &churn, stages: machine.as_ref(), stage, bands: &asked.bands, most };
    let mut sum = WarningSum::default();
    for (id, folded) in states.iter() {
        let view = states.projection().0.view(&folded.state.0, at);
        warnings.add(&mut sum, Shown { id, name: &states.shown(id) }, &view);
    }
    let result = warnings.finish(sum);
    let ahead = asked.outlook.look(&states, &result, at)?;

    let mut body = json!(result);
    let rows = body.get_mut("customers").and_then(Value::as_array_mut).into_iter().flatten();
    for (row, one) in rows.zip(&result.customers) {
        says(&churn, row, &one.signals);
        if let Value::Object(row) = row {
            ahead.tell(&one.customer, row);
        }
    }
    let (model, horizon) = asked.outlook.query();
    let query = json!({
        "command": "churn",
        "top": asked.most,
        "stage": asked.stage,
        "band": asked.bands,
        "model": model,
        "horizon": horizon,
    });
    let w = talk.words();
    let mut answer = question.answer(query, as_of, body, w.churn, talk);
    answer.tables.push(band_table(&result.bands, talk));
    answer.tables.push(shown_table(&churn, machine.as_ref(), (&result, &ahead), talk));
    answer.list = Some(plain_table((&result, &ahead), talk));
    if result.bands.iter().all(|row| row.customers == 0) {
        answer.notes.push(w.nobody.into());
        return Ok(answer);
    }
    answer.notes.extend(value_notes(&question.policy, &result, talk));
    answer.notes.extend(ahead.notes);
    Ok(answer)
}

/// The stage of a name.
fn in_stage(question: &Question, machine: Option<&StageMachine>, name: &str) -> Result<StageIx, CliError> {
    let Some(machine) = machine else {
        return Err(CliError::input(format!(
            "--stage {name}: policy \"{}\" has no stages",
            question.policy.name
        ))
        .hint("leave --stage out, or name a policy with [[stage]] and [[rule]] tables"));
    };
    let policy = machine.policy();
    policy.find(name).ok_or_else(|| {
        let known: Vec<&str> = policy.stages().iter().map(|stage| stage.id.as_ref()).collect();
        let near = nearest(name, known.iter().copied());
        let near = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
        CliError::input(format!(
            "--stage {name}: policy \"{}\" has no such stage{near}",
            question.policy.name
        ))
        .hint(format!("its stages are {}", known.join(", ")))
    })
}

/// Adds to each signal of a customer what it says, in English whatever the language.
fn says(churn: &Churn, row: &mut Value, signals: &[SignalView]) {
    let rows = row.get_mut("signals").and_then(Value::as_array_mut).into_iter().flatten();
    for (row, signal) in rows.zip(signals) {
        if let Value::Object(row) = row {
            row.insert("says".into(), english(churn, signal).into());
        }
    }
}

fn english(churn: &Churn, signal: &SignalView) -> String {
    churn.reason(signal, Language::En)
}

/// What the score of one customer is made of, as JSON: `says` is English whatever the language.
pub fn view_json(churn: &Churn, view: &ChurnView, next: Option<Timestamp>) -> Value {
    let mut json = json!({
        "score": view.score,
        "band": view.band,
        "base": view.base,
        "signals": view.signals.iter().map(SignalView::to_json).collect::<Vec<_>>(),
        "bound": view.bound,
        "action": churn.action(view),
        "next_change": next,
    });
    says(churn, &mut json, &view.signals);
    json
}

/// A band by its code, for people by its label.
pub fn band(band: Band, talk: Talk) -> Cell {
    Cell::Code(band.code().into(), band.label(talk.language()).into())
}

/// The score of one customer and what to do, as rows of a field and a value.
pub fn about(churn: &Churn, view: &ChurnView, talk: Talk) -> Vec<Vec<Cell>> {
    let w = talk.words();
    let score = format!("{} ({})", view.score, view.band.label(talk.language()));
    let proposed = churn.action(view).map(|code| vec![w.action.into(), action(code, talk)]);
    [vec![w.churn.into(), score.into()]].into_iter().chain(proposed).collect()
}

/// When silence changes the score next; or that there is none.
pub fn next_note(scored: bool, next: Option<Timestamp>, talk: Talk) -> Option<String> {
    let w = talk.words();
    if scored { next.map(|at| fill(w.next_score, &[&day_or_instant(at)])) } else { Some(w.no_churn.into()) }
}

/// What the score of one customer is made of, for people: every part with points.
pub fn view_table(churn: &Churn, view: &ChurnView, talk: Talk) -> Table {
    let w = talk.words();
    let columns = [("signal", w.signal), ("reason", w.reason), ("points", w.points)];
    let mut table = Table::new(w.signals, &columns);
    let ends = |label: &str, code: &str, points: i32, table: &mut Table| {
        if points != 0 {
            table.push(vec![Cell::Code(code.into(), label.into()), Cell::Empty, i64::from(points).into()]);
        }
    };
    ends(w.churn_base, "base", view.base, &mut table);
    for signal in view.reasons().into_iter().chain(view.reassurances()) {
        let def = churn.policy().signals.get(signal.place);
        let label = def.map_or("", |def| def.label(talk.language()));
        let name = Cell::Code(signal.code.to_string(), label.into());
        table.push(vec![name, churn.reason(signal, talk.language()).into(), i64::from(signal.points).into()]);
    }
    ends(w.churn_bound, "bound", view.bound, &mut table);
    table
}

fn band_table(rows: &[BandRow], talk: Talk) -> Table {
    let w = talk.words();
    let columns = [
        ("band", w.band),
        ("customers", w.customers),
        ("share", w.share),
        ("value_at_risk", w.value_at_risk),
    ];
    let mut table = Table::new(w.churn, &columns);
    for row in rows {
        let value = match row.value_at_risk.as_slice() {
            [] => Cell::Empty,
            [one] => Cell::Money(*one),
            several => {
                several.iter().map(|money| Cell::Money(*money).shown()).collect::<Vec<_>>().join(" + ").into()
            }
        };
        table.push(vec![band(row.band, talk), row.customers.into(), Cell::Share(row.share), value]);
    }
    table
}

/// What is listed: customers, and what is said of each.
type Listed<'a> = (&'a WarningAnswer, &'a Ahead<'a>);

/// The list for people.
fn shown_table(
    churn: &Churn,
    machine: Option<&StageMachine>,
    (result, ahead): Listed<'_>,
    talk: Talk,
) -> Table {
    let w = talk.words();
    let columns = [
        ("customer", w.customer),
        ("score", w.score),
        ("band", w.band),
        ("stage", w.stage),
        ("reasons", w.reasons),
        ("value_at_risk", w.value_at_risk),
        ("last_contact", w.last_contact),
        ("owner", w.owner),
        ("action", w.action),
    ];
    let title = fill(w.customers_at_risk, &[&result.customers.len(), &result.wanted]);
    let mut table = ahead.columns(Table::new(title, &columns), talk);
    for one in &result.customers {
        let bad = one.signals.iter().filter(|signal| signal.points > 0).take(MOST_REASONS);
        let reasons: Vec<String> = bad.map(|signal| churn.reason(signal, talk.language())).collect();
        let stage = one.stage.as_deref().zip(machine);
        let mut row = vec![
            one.customer.as_str().into(),
            u64::from(one.score).into(),
            band(one.band, talk),
            stage.map_or(Cell::Empty, |(stage, machine)| stages::label(machine.policy(), stage, talk)),
            reasons.join(" · ").into(),
            one.value_at_risk.map_or(Cell::Empty, Cell::Money),
            // The day is enough where somebody wants to know whom to call.
            one.last_contact
                .map_or(Cell::Empty, |at| day_or_instant(at).chars().take(10).collect::<String>().into()),
            one.owner.as_deref().map_or(Cell::Empty, Cell::from),
            one.action.as_deref().map_or(Cell::Empty, |code| action(code, talk)),
        ];
        row.extend(ahead.cells(&one.customer));
        table.push(row);
    }
    table.without_empty_columns()
}

fn action(code: &str, talk: Talk) -> Cell {
    Cell::Code(code.into(), Action::label_of(code, talk.language()).into())
}

/// The list for programs: signals by code with their points.
fn plain_table((result, ahead): Listed<'_>, talk: Talk) -> Table {
    let w = talk.words();
    let columns = [
        ("customer", w.customer),
        ("score", w.score),
        ("band", w.band),
        ("stage", w.stage),
        ("signals", w.signals),
        ("value_at_risk", w.value_at_risk),
        ("last_contact", w.last_contact),
        ("owner", w.owner),
        ("action", w.action),
    ];
    let mut table = ahead.columns(Table::new("", &columns), talk);
    for one in &result.customers {
        let signals: Vec<String> =
            one.signals.iter().map(|signal| format!("{}:{}", signal.code, signal.points)).collect();
        let text = |text: &Option<String>| text.as_deref().map_or(Cell::Empty, Cell::from);
        let mut row = vec![
            one.customer.as_str().into(),
            u64::from(one.score).into(),
            band(one.band, talk),
            text(&one.stage),
            signals.join(" ").into(),
            one.value_at_risk.map_or(Cell::Empty, Cell::Money),
            one.last_contact.map_or(Cell::Empty, Cell::At),
            text(&one.owner),
            text(&one.action),
        ];
        row.extend(ahead.cells(&one.customer));
        table.push(row);
    }
    table
}

/// What value at risk is, and in which currency.
fn value_notes(policy: &Policy, result: &WarningAnswer, talk: Talk) -> Vec<String> {
    let w = talk.words();
    let mut seen: Vec<_> =
        result.bands.iter().flat_map(|row| &row.value_at_risk).map(|money| money.currency).collect();
    seen.sort_unstable();
    seen.dedup();
    let unvalued: u64 = result.bands.iter().map(|row| row.unvalued).sum();
    let mut notes = match (policy.currency, seen.as_slice()) {
        (None, []) => Vec::new(),
        (Some(currency), _) => vec![fill(w.value_is, &[&currency])],
        (None, [currency]) => vec![fill(w.value_is, &[currency])],
        (None, _) => vec![w.value_unconverted.to_owned()],
    };
    if unvalued > 0 {
        notes.push(fill(w.unvalued, &[&unvalued]));
    }
    notes
}
