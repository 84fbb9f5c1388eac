//! What was found, as people read it, and as rows for programs.

use core::cmp::Reverse;

use serde_json::json;
use tenure::core::contact::Channel;
use tenure::core::report::quality::{CustomerQualityAnswer, KindRow, LagTable, LogQualityAnswer};
use tenure::core::{Duration, Kind};

use super::data::{Data, Finding, Group, Sort};
use crate::answer::Answer;
use crate::command::Talk;
use crate::findings::{longest, out_of_range, same, share, unreadable};
use crate::lang::{Words, fill};
use crate::question::Question;
use crate::table::{Cell, Table, thousands};

/// How many groups of suspected duplicates people are shown.
const MOST_GROUPS: usize = 10;

/// How many customers of a group people are shown.
const MOST_NAMES: usize = 5;

/// The answer, for people and for programs.
pub fn answer(data: &Data, question: &Question, strict: bool, talk: Talk) -> Answer {
    let w = talk.words();
    let query = json!({"command": "quality", "strict": strict, "quality": question.policy.quality});
    let mut answer = question.answer(query, data.log.as_of, data.body(), w.data_quality, talk);
    answer.list = Some(list(data));
    answer.tables.extend([
        finding_table(data, w),
        completeness(&data.customers, w),
        duplicate_table(&data.duplicates, w),
        lag_table(w.quality_lags, &data.log.quality.late, w),
        lag_table(w.quality_skew, &data.log.quality.clock_skew, w),
        kind_table(&data.log.quality, talk),
    ]);
    if data.customers.customers == 0 {
        answer.notes.push(w.nobody.into());
        return answer;
    }
    if data.findings.is_empty() {
        answer.notes.push(w.quality_clean.into());
    }
    if let Some(more) = data.duplicates.len().checked_sub(MOST_GROUPS).filter(|more| *more > 0) {
        answer.notes.push(fill(w.quality_more_groups, &[&more]));
    }
    let unseen = data.log.quality.never_seen.len();
    answer.notes.push(fill(w.quality_never_seen, &[&unseen]));
    answer
}

/// One row a finding, for programs.
fn list(data: &Data) -> Table {
    let columns = ["finding", "about", "count", "of", "share", "strict", "examples"];
    let mut table = Table::new("", &columns.map(|name| (name, "")));
    for finding in &data.findings {
        table.push(vec![
            finding.sort.code().into(),
            finding.about.as_deref().map_or(Cell::Empty, Cell::from),
            finding.count.into(),
            finding.of.into(),
            Cell::Percent(share(finding.count, finding.of)),
            if finding.strict { "true" } else { "false" }.into(),
            finding.examples.join("; ").into(),
        ]);
    }
    table
}

fn finding_table(data: &Data, w: &Words) -> Table {
    let columns = [
        ("finding", w.finding),
        ("count", w.count),
        ("of", w.quality_of),
        ("share", w.share),
        ("strict", w.quality_strict),
        ("examples", w.example),
    ];
    let mut table = Table::new(w.quality_findings, &columns);
    for finding in &data.findings {
        table.push(vec![
            says(data, finding, w).into(),
            finding.count.into(),
            finding.of.into(),
            Cell::Percent(share(finding.count, finding.of)),
            if finding.strict { w.quality_yes } else { w.quality_no }.into(),
            finding.examples.first().map_or(Cell::Empty, |name| name.as_str().into()),
        ]);
    }
    table
}

fn says(data: &Data, finding: &Finding, w: &Words) -> String {
    let about = finding.about.as_deref().unwrap_or_default();
    let channel = if about == Channel::Phone.name() { Channel::Phone } else { Channel::Email };
    let up_to = |lags| longest(lags).unwrap_or(Duration::ZERO);
    let log = &data.log.quality;
    match finding.sort {
        Sort::MissingField => fill(w.required_missing, &[&about]),
        Sort::UnreadableContact => unreadable(channel, w).into(),
        Sort::SuspectedDuplicate => same(channel, w).into(),
        Sort::ClockSkew => fill(w.clock_ahead, &[&up_to(&log.clock_skew)]),
        Sort::OutOfRange => {
            let row = log.out_of_range.iter().find(|row| row.code.code() == about);
            row.map_or(about, |row| out_of_range(row.code, w)).into()
        }
        Sort::LateFact => fill(w.late_facts, &[&up_to(&log.late)]),
        Sort::UnknownKind => fill(w.quality_unknown_kind, &[&about]),
        Sort::OldSchema => fill(w.quality_old_schema, &[&about]),
        Sort::VoidedFact => w.quality_voided.into(),
        Sort::VoidOfVoid => w.quality_void_of_void.into(),
        Sort::MergedCustomer => fill(w.quality_merged, &[&data.log.corrections.merged().1]),
    }
}

fn completeness(known: &CustomerQualityAnswer, w: &Words) -> Table {
    let columns = [
        ("field", w.quality_field),
        ("required", w.quality_required),
        ("customers", w.quality_known),
        ("share", w.share),
    ];
    let title = fill(w.quality_completeness, &[&thousands(&known.customers.to_string())]);
    let mut table = Table::new(title, &columns);
    for row in &known.fields {
        let required = if row.required { w.quality_yes } else { w.quality_no };
        table.push(vec![
            row.field.as_str().into(),
            required.into(),
            row.customers.into(),
            Cell::Filled(row.share),
        ]);
    }
    table
}

fn duplicate_table(groups: &[Group], w: &Words) -> Table {
    let columns = [("field", w.quality_shares), ("customers", w.customers), ("names", w.customer)];
    let mut table = Table::new(w.quality_duplicates, &columns);
    for group in groups.iter().take(MOST_GROUPS) {
        let mut names = group.customers.iter().take(MOST_NAMES).cloned().collect::<Vec<_>>().join(", ");
        if let Some(more) = group.customers.len().checked_sub(MOST_NAMES).filter(|more| *more > 0) {
            names = names + " " + &fill(w.plus_more, &[&more]);
        }
        let field = match group.field {
            Channel::Phone => w.quality_phone,
            _ => w.quality_email,
        };
        table.push(vec![
            Cell::Code(group.field.name().into(), field.into()),
            group.customers.len().into(),
            names.into(),
        ]);
    }
    table
}

/// Lags by length; no rows where there are none.
fn lag_table(title: &str, lags: &LagTable, w: &Words) -> Table {
    let columns = [("up_to", w.quality_lag), ("facts", w.facts), ("share", w.share)];
    let mut table = Table::new(title, &columns);
    if lags.found.count == 0 {
        return table;
    }
    for row in &lags.classes {
        let label = match row.up_to {
            "minute" => w.quality_minute,
            "hour" => w.quality_hour,
            "day" => w.quality_day,
            "week" => w.quality_week,
            "month" => w.quality_month,
            _ => w.quality_longer,
        };
        table.push(vec![
            Cell::Code(row.up_to.into(), label.into()),
            row.facts.into(),
            Cell::Share(share(row.facts, lags.found.count)),
        ]);
    }
    table
}

/// How many facts of each kind: most facts first, then by name.
fn kind_table(log: &LogQualityAnswer, talk: Talk) -> Table {
    let w = talk.words();
    let columns = [("kind", w.quality_kind), ("facts", w.facts), ("share", w.share)];
    let mut table = Table::new(w.quality_kinds, &columns);
    let mut rows: Vec<&KindRow> = log.kinds.iter().collect();
    rows.sort_by_key(|row| Reverse(row.facts));
    for row in rows {
        let label = Kind::named(&row.kind).map_or(row.kind.as_str(), |kind| kind.label(talk.language()));
        table.push(vec![
            Cell::Code(row.kind.clone(), label.into()),
            row.facts.into(),
            Cell::Share(share(row.facts, log.facts)),
        ]);
    }
    table
}
