//! `tenure quality`: what is missing, doubtful or late in the data, so that somebody can mend it where it comes from.

use core::cmp::Reverse;
use std::process::ExitCode;

use serde::Serialize;
use serde_json::{Value, json};
use tenure::core::contact::Channel;
use tenure::core::fold::{Projection, States};
use tenure::core::projection::identities::Identities;
use tenure::core::projection::profile::Profile;
use tenure::core::report::add_all;
use tenure::core::report::quality::{
    CustomerQuality, CustomerQualityAnswer, FieldRow, Found, KindRow, LagTable, LogQualityAnswer,
};
use tenure::core::{Duration, Kind, Timestamp};

use crate::answer::Answer;
use crate::args;
use crate::command::Talk;
use crate::error::CliError;
use crate::findings::{longest, out_of_range, same, share, unreadable};
use crate::lang::{Words, fill};
use crate::log_pass::{LogPass, log_pass};
use crate::question::Question;
use crate::table::{Cell, Table, thousands};

/// How many groups of suspected duplicates people are shown.
const MOST_GROUPS: usize = 10;

/// How many customers of a group people are shown.
const MOST_NAMES: usize = 5;

/// Runs the command: exit code 0, and 1 only with `--strict` where a finding counts.
///
/// # Errors
/// Wrong usage or input, or a failing store.
pub fn run(args: &args::Quality, talk: Talk) -> Result<ExitCode, CliError> {
    let question = Question::open(&args.question)?;
    let data = read(&question, talk)?;
    let counts = data.findings.iter().any(|finding| finding.strict);
    data.answer(&question, args.strict, talk).print(args.question.format)?;
    Ok(if args.strict && counts { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// What the data are like.
struct Data {
    log: LogPass,
    customers: CustomerQualityAnswer,
    duplicates: Vec<Group>,
    findings: Vec<Finding>,
}

/// Customers who share a contact, by name.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Group {
    field: Channel,
    customers: Vec<String>,
}

/// One sort of thing found, and how often.
#[derive(Debug, Serialize)]
struct Finding {
    finding: Sort,
    /// The field, the kind or the sort of value; none where there is but one.
    about: Option<String>,
    count: u64,
    /// Of how many customers or facts.
    of: u64,
    /// Whether it counts for `--strict`.
    strict: bool,
    /// The first customers by name.
    examples: Vec<String>,
}

/// The sorts of findings, in the order in which they are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Sort {
    MissingField,
    UnreadableContact,
    SuspectedDuplicate,
    ClockSkew,
    OutOfRange,
    LateFact,
    UnknownKind,
    OldSchema,
    VoidedFact,
    VoidOfVoid,
    MergedCustomer,
}

impl Sort {
    const fn code(self) -> &'static str {
        match self {
            Self::MissingField => "missing_field",
            Self::UnreadableContact => "unreadable_contact",
            Self::SuspectedDuplicate => "suspected_duplicate",
            Self::ClockSkew => "clock_skew",
            Self::OutOfRange => "out_of_range",
            Self::LateFact => "late_fact",
            Self::UnknownKind => "unknown_kind",
            Self::OldSchema => "old_schema",
            Self::VoidedFact => "voided_fact",
            Self::VoidOfVoid => "void_of_void",
            Self::MergedCustomer => "merged_customer",
        }
    }

    /// Whether it ought to be mended where the data come from. What the engine puts right by itself (late facts, old
    /// schemas), what somebody did on purpose (corrections) and what a newer build may know (unknown kinds) is told
    /// alone.
    const fn counts(self) -> bool {
        matches!(
            self,
            Self::MissingField
                | Self::UnreadableContact
                | Self::SuspectedDuplicate
                | Self::ClockSkew
                | Self::OutOfRange
        )
    }
}

fn read(question: &Question, talk: Talk) -> Result<Data, CliError> {
    let log = log_pass(question, talk)?;
    let report = CustomerQuality { policy: &question.policy.quality };
    let states = question.fold_under(&(Profile, Identities), log.cut, talk)?;
    let customers = {
        use tenure::core::report::Report as _;
        report.finish(add_all(&report, &states, log.as_of.unwrap_or(Timestamp::MIN)))
    };
    let duplicates = groups(&customers, &states);
    let findings = findings(&log, &customers, &duplicates);
    Ok(Data { log, customers, duplicates, findings })
}

/// Suspected duplicates with customers as they are shown: the largest groups first, then by name.
fn groups<P: Projection>(answer: &CustomerQualityAnswer, states: &States<P>) -> Vec<Group> {
    let named = answer.duplicates.iter().map(|group| {
        let mut customers: Vec<String> = group.customers.iter().map(|id| states.shown(*id)).collect();
        customers.sort_unstable();
        Group { field: group.field, customers }
    });
    let mut groups: Vec<Group> = named.collect();
    groups.sort_by(|a, b| {
        let key = |group: &Group| (Reverse(group.customers.len()), group.field);
        key(a).cmp(&key(b)).then_with(|| a.customers.cmp(&b.customers))
    });
    groups
}

fn findings(log: &LogPass, known: &CustomerQualityAnswer, duplicates: &[Group]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |finding: Sort, about: Option<&str>, count: u64, of: u64, examples: Vec<String>| {
        if count > 0 {
            let about = about.map(str::to_owned);
            findings.push(Finding { finding, about, count, of, strict: finding.counts(), examples });
        }
    };
    let names = |found: &Found| found.examples.iter().cloned().collect();
    let LogQualityAnswer { facts, kinds, late, clock_skew, out_of_range, .. } = &log.quality;
    let (customers, facts) = (known.customers, *facts);
    for FieldRow { field, missing, .. } in &known.fields {
        add(Sort::MissingField, Some(field), missing.count, customers, names(missing));
    }
    for row in &known.contacts {
        let found = &row.unreadable;
        add(Sort::UnreadableContact, Some(row.field.name()), found.count, customers, names(found));
    }
    for field in Channel::ALL {
        let groups = || duplicates.iter().filter(move |group| group.field == field);
        let mut concerned: Vec<&String> = groups().flat_map(|group| &group.customers).collect();
        concerned.sort_unstable();
        concerned.dedup();
        let first = groups().next().map(|group| group.customers.iter().take(MOST_NAMES).cloned().collect());
        let count = u64::try_from(concerned.len()).unwrap_or(u64::MAX);
        add(Sort::SuspectedDuplicate, Some(field.name()), count, customers, first.unwrap_or_default());
    }
    add(Sort::ClockSkew, None, clock_skew.found.count, facts, names(&clock_skew.found));
    for row in out_of_range {
        add(Sort::OutOfRange, Some(row.code.code()), row.found.count, facts, names(&row.found));
    }
    add(Sort::LateFact, None, late.found.count, facts, names(&late.found));
    for row in kinds.iter().filter(|row| !row.known) {
        add(Sort::UnknownKind, Some(&row.kind), row.facts, facts, Vec::new());
    }
    for row in kinds {
        add(Sort::OldSchema, Some(&row.kind), row.old, facts, Vec::new());
    }
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    add(Sort::VoidedFact, None, log.voided, facts.saturating_add(log.voided), Vec::new());
    let (idle, voids) = (log.corrections.voids_of_voids(), log.corrections.voids());
    add(Sort::VoidOfVoid, None, count(idle), count(voids), Vec::new());
    let (merged, persons) = log.corrections.merged();
    add(Sort::MergedCustomer, None, count(merged), customers + count(merged - persons), Vec::new());
    findings
}

impl Data {
    fn body(&self) -> Value {
        let LogPass { quality, voided, corrections, .. } = &self.log;
        let (merged, persons) = corrections.merged();
        json!({
            "customers": self.customers.customers,
            "facts": quality.facts,
            "findings": self.findings,
            "fields": self.customers.fields,
            "contacts": self.customers.contacts,
            "duplicates": self.duplicates,
            "late": quality.late,
            "clock_skew": quality.clock_skew,
            "out_of_range": quality.out_of_range,
            "kinds": quality.kinds,
            "never_seen": quality.never_seen,
            "corrections": {
                "voided_facts": voided,
                "voids_of_voids": corrections.voids_of_voids(),
                "merged_customers": merged,
                "merged_persons": persons,
            },
        })
    }

    fn answer(&self, question: &Question, strict: bool, talk: Talk) -> Answer {
        let w = talk.words();
        let query = json!({"command": "quality", "strict": strict, "quality": question.policy.quality});
        let mut answer = question.answer(query, self.log.as_of, self.body(), w.data_quality, talk);
        answer.list = Some(self.list());
        answer.tables.extend([
            self.finding_table(w),
            completeness(&self.customers, w),
            duplicate_table(&self.duplicates, w),
            lag_table(w.quality_lags, &self.log.quality.late, w),
            lag_table(w.quality_skew, &self.log.quality.clock_skew, w),
            kind_table(&self.log.quality, talk),
        ]);
        if self.customers.customers == 0 {
            answer.notes.push(w.nobody.into());
            return answer;
        }
        if self.findings.is_empty() {
            answer.notes.push(w.quality_clean.into());
        }
        if let Some(more) = self.duplicates.len().checked_sub(MOST_GROUPS).filter(|more| *more > 0) {
            answer.notes.push(fill(w.quality_more_groups, &[&more]));
        }
        let unseen = self.log.quality.never_seen.len();
        answer.notes.push(fill(w.quality_never_seen, &[&unseen]));
        answer
    }

    /// One row a finding, for programs.
    fn list(&self) -> Table {
        let columns = ["finding", "about", "count", "of", "share", "strict", "examples"];
        let mut table = Table::new("", &columns.map(|name| (name, "")));
        for finding in &self.findings {
            table.push(vec![
                finding.finding.code().into(),
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

    fn finding_table(&self, w: &Words) -> Table {
        let columns = [
            ("finding", w.finding),
            ("count", w.count),
            ("of", w.quality_of),
            ("share", w.share),
            ("strict", w.quality_strict),
            ("examples", w.example),
        ];
        let mut table = Table::new(w.quality_findings, &columns);
        for finding in &self.findings {
            table.push(vec![
                self.says(finding, w).into(),
                finding.count.into(),
                finding.of.into(),
                Cell::Percent(share(finding.count, finding.of)),
                if finding.strict { w.quality_yes } else { w.quality_no }.into(),
                finding.examples.first().map_or(Cell::Empty, |name| name.as_str().into()),
            ]);
        }
        table
    }

    fn says(&self, finding: &Finding, w: &Words) -> String {
        let about = finding.about.as_deref().unwrap_or_default();
        let channel = if about == Channel::Phone.name() { Channel::Phone } else { Channel::Email };
        let up_to = |lags| longest(lags).unwrap_or(Duration::ZERO);
        let log = &self.log.quality;
        match finding.finding {
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
            Sort::MergedCustomer => fill(w.quality_merged, &[&self.log.corrections.merged().1]),
        }
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
