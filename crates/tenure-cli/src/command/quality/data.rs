//! What the data are like: one pass over the log, one fold over the customers, and what both found.

use core::cmp::Reverse;

use serde::Serialize;
use serde_json::{Value, json};
use tenure::core::Timestamp;
use tenure::core::contact::Channel;
use tenure::core::fold::{Projection, States};
use tenure::core::projection::identities::Identities;
use tenure::core::projection::profile::Profile;
use tenure::core::report::quality::{
    CustomerQuality, CustomerQualityAnswer, FieldRow, Found, LogQualityAnswer,
};
use tenure::core::report::{Report, add_all};

use crate::command::Talk;
use crate::error::CliError;
use crate::log_pass::{LogPass, log_pass};
use crate::question::Question;

/// How many customers of the first group a finding names.
const MOST_EXAMPLES: usize = 5;

/// What the data are like.
#[derive(Debug)]
pub struct Data {
    pub log: LogPass,
    pub customers: CustomerQualityAnswer,
    pub duplicates: Vec<Group>,
    pub findings: Vec<Finding>,
}

/// Customers who share a contact, by name.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    pub field: Channel,
    pub customers: Vec<String>,
}

/// One sort of thing found, and how often.
#[derive(Debug, Serialize)]
pub struct Finding {
    #[serde(rename = "finding")]
    pub sort: Sort,
    /// The field, the kind or the sort of value; none where there is but one.
    pub about: Option<String>,
    pub count: u64,
    /// Of how many customers or facts.
    pub of: u64,
    /// Whether it counts for `--strict`.
    pub strict: bool,
    /// The first customers by name.
    pub examples: Vec<String>,
}

/// The sorts of findings, in the order in which they are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
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
    /// The stable name.
    pub const fn code(self) -> &'static str {
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

/// Reads the data of a question.
///
/// # Errors
/// If the store fails.
pub fn read(question: &Question, talk: Talk) -> Result<Data, CliError> {
    let log = log_pass(question, talk)?;
    let report = CustomerQuality { policy: &question.policy.quality };
    let states = question.fold_under(&(Profile, Identities), log.cut, talk)?;
    let at = log.as_of.unwrap_or(Timestamp::MIN);
    let customers = report.finish(add_all(&report, &states, at));
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
    let mut add = |sort: Sort, about: Option<&str>, count: u64, of: u64, examples: Vec<String>| {
        if count > 0 {
            let about = about.map(str::to_owned);
            findings.push(Finding { sort, about, count, of, strict: sort.counts(), examples });
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
        let first =
            groups().next().map(|group| group.customers.iter().take(MOST_EXAMPLES).cloned().collect());
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
    /// The answer in its documented shape.
    pub fn body(&self) -> Value {
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
}
