//! `tenure fit`: a model of repeat purchase, fitted and kept.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use serde_json::json;
use tenure::core::Timestamp;
use tenure::core::backtest::learn_at;
use tenure::core::forecast::{ForecastError, Method, Origin, Parameter, PurchaseFit, PurchaseReport};
use tenure::core::log::{KnownAt, Read};
use tenure::core::projection::purchases::{Purchases, TimeUnit};
use tenure::core::report::add_all;

use crate::answer::Answer;
use crate::args;
use crate::command::{Talk, backtest};
use crate::error::CliError;
use crate::lang::fill;
use crate::question::Question;
use crate::source::Source;
use crate::table::{Cell, Table};

/// Runs the command.
///
/// # Errors
/// Wrong usage or input, a population that no model fits, or a failing store.
pub fn run(args: &args::Fit, talk: Talk) -> Result<ExitCode, CliError> {
    let question = Question::open(&args.question)?;
    let policy = &question.policy;
    let states = question.fold(&Purchases::new(policy.exchange()), talk)?;
    let as_of = question.as_of(&states).unwrap_or(Timestamp::MIN);
    let population = add_all(&PurchaseReport, &states, as_of);
    let known_at = match question.cut().known_at {
        KnownAt::Instant(at) => Some(at),
        _ => None,
    };
    let origin = Origin {
        zone: policy.zone,
        as_of,
        known_at,
        policy: policy.name.clone(),
        policy_hash: policy.hash(),
        log: log_of(&question.source)?,
        histories: population.digest(),
    };
    let unit = if args.unit == "days" { TimeUnit::Days } else { TimeUnit::Weeks };
    let fitted = if args.model == "best" {
        PurchaseFit::best(&population, unit, &origin)
    } else {
        PurchaseFit::of(&population, method(&args.model), unit, origin)
    };
    let mut fit = fitted.map_err(|error| told(&error))?;
    if let Some(horizon) = &args.horizon {
        let horizon = backtest::duration("--horizon", horizon)?;
        let cut = as_of.checked_sub(horizon).unwrap_or(Timestamp::MIN);
        let by = (cut, horizon, backtest::knowledge(&args.knowledge));
        let folded = backtest::Folded { question: &question, talk };
        fit.learnt = Some(learn_at(policy, fit.model, by, &folded).map_err(backtest::told)?);
    }
    if let Some(path) = &args.out {
        fs::write(path, fit.to_json()).map_err(|error| {
            CliError::input(format!("cannot write {}: {error}", path.display())).hint("name another file")
        })?;
    }
    let mut answer = shown(&question, &fit, as_of, talk);
    if let Some(path) = &args.out {
        answer.notes.push(fill(talk.words().written_to, &[&path.display()]));
    }
    answer.print(args.question.format)?;
    Ok(ExitCode::SUCCESS)
}

/// The model of a name that clap has let in.
pub fn method(name: &str) -> Method {
    Method::ALL.into_iter().find(|method| method.name() == name).unwrap_or_default()
}

/// Which log it is: a hash of its first fact's id.
///
/// # Errors
/// If the store fails.
pub fn log_of(source: &Source) -> Result<Box<str>, CliError> {
    let page = source.read(&Read::all().limit(1))?;
    let first = page.facts.iter().next().map(|fact| fact.event.id.to_string());
    Ok(first.unwrap_or_default().into())
}

/// A model file that fits what it is asked about: zone, currency and log.
///
/// # Errors
/// A file that cannot be read or is no model, or one of other data.
pub fn read(path: &Path, question: &Question) -> Result<PurchaseFit, CliError> {
    let text = fs::read_to_string(path).map_err(|error| {
        CliError::input(format!("cannot read {}: {error}", path.display()))
            .hint("make one: tenure fit --store S --out model.json")
    })?;
    let wrong = |error: ForecastError| told(&error).of(path);
    let fit = PurchaseFit::from_json(&text).map_err(wrong)?;
    fit.fits(question.policy.zone, question.policy.currency, &log_of(&question.source)?).map_err(wrong)?;
    Ok(fit)
}

/// What is wrong with a model, and what to do.
pub fn told(error: &ForecastError) -> CliError {
    let hint = match error {
        ForecastError::MixedCurrencies { .. } => {
            "tenure policy show > shop.toml, then add currency and [[rate]]"
        }
        ForecastError::Fit { .. } => {
            "a later --as-of, or another --model: mbg_nbd and nbd ask less of the data"
        }
        _ => "fit again: tenure fit --store S --out model.json",
    };
    CliError::input(error).hint(hint)
}

fn shown(question: &Question, fit: &PurchaseFit, as_of: Timestamp, talk: Talk) -> Answer {
    let w = talk.words();
    let query = json!({"command": "fit", "model": fit.model, "unit": fit.unit, "zone": question.policy.zone});
    let mut answer = question.answer(query, Some(as_of), json!(fit), w.fitted, talk);
    let columns = [("parameter", w.parameter), ("value", w.value), ("standard_error", w.standard_error)];
    let table = |title: String, parameters: &[Parameter]| {
        let mut table = Table::new(title, &columns);
        for parameter in parameters {
            let error = parameter.standard_error.map_or(Cell::Empty, |error| format!("{error:.6}").into());
            table.push(vec![parameter.name.as_str().into(), format!("{:.6}", parameter.value).into(), error]);
        }
        table
    };
    let likelihood = format!("{:.4}", fit.log_likelihood);
    let title = fill(w.fit_of, &[&fit.model.label(), &fit.customers, &fit.distinct, &likelihood]);
    answer.tables.push(table(format!("{title} ({})", fit.unit.name()), &fit.parameters));
    if let Some(spend) = &fit.spend {
        let correlation = spend.correlation.map_or_else(|| "-".to_owned(), |r| format!("{r:.3}"));
        let likelihood = format!("{:.4}", spend.log_likelihood);
        let title = fill(w.spend_of, &[&spend.customers, &likelihood, &correlation]);
        answer.tables.push(table(format!("{title} ({})", spend.currency), &spend.parameters));
    }
    if let Some(learnt) = &fit.learnt {
        answer.tables.push(backtest::weights(&learnt.score, talk));
    }
    answer.notes.extend(fit.notes.iter().cloned());
    answer
}
