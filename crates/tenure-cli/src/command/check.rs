//! `tenure check`: what a policy gets wrong by itself.

use std::process::ExitCode;

use serde_json::{Value, json};
use tenure::core::Policy;
use tenure::core::policy::check::{Finding, Severity, check, check_text};
use tenure::core::projection::stage::Language;

use crate::answer::{Answer, Format, print};
use crate::args;
use crate::command::Talk;
use crate::error::CliError;
use crate::excerpt::excerpt;
use crate::lang::fill;
use crate::question::read_policy;
use crate::table::{Cell, Table, safe};

/// Runs the command: exit code 0 where nothing counts, 1 where something does.
///
/// # Errors
/// A policy that cannot be read.
pub fn run(args: &args::Check, talk: Talk) -> Result<ExitCode, CliError> {
    let (policy, text) = read_policy("", &args.policy)?;
    let mut findings = check_text(&text);
    findings.extend(check(&policy));
    let report = Report { file: &args.policy, policy: &policy, text: &text, findings, allow: &args.allow };
    match args.format {
        Format::Table => print(&report.for_people(talk))?,
        Format::Json => print(&format!("{}\n", report.json()))?,
        format => Answer::of_table(report.table()).print(format)?,
    }
    let counts = report.findings.iter().any(|finding| !report.is_allowed(finding));
    Ok(if counts { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

struct Report<'a> {
    file: &'a str,
    policy: &'a Policy,
    text: &'a str,
    findings: Vec<Finding>,
    allow: &'a [String],
}

impl Report<'_> {
    fn is_allowed(&self, finding: &Finding) -> bool {
        self.allow.iter().any(|code| code == finding.code.name())
    }

    fn for_people(&self, talk: Talk) -> String {
        let w = talk.words();
        let hash = self.policy.hash();
        let title = format!("{} {}", safe(&self.policy.name), hash.get(..12).unwrap_or(&hash));
        if self.findings.is_empty() {
            return fill(w.check_clean, &[&title]) + "\n";
        }
        let mut text = String::new();
        let (mut errors, mut warnings, mut allowed) = (0, 0, 0);
        for finding in &self.findings {
            let (severity, count) = if self.is_allowed(finding) {
                (w.check_allowed, &mut allowed)
            } else if finding.severity == Severity::Error {
                (w.check_error, &mut errors)
            } else {
                (w.check_warning, &mut warnings)
            };
            *count += 1;
            let says = safe(&finding.says(talk.language()));
            text.extend([severity, "[", finding.code.name(), "]: ", &says, "\n"]);
            let spot = Policy::spot(self.text, &finding.path);
            let place =
                spot.as_ref().map_or_else(String::new, |spot| format!(":{}:{}", spot.line, spot.column));
            text.extend(["  --> ", &safe(self.file), &place, ": ", &finding.path, "\n"]);
            if let Some(spot) = &spot {
                text.extend([&excerpt(spot), "\n"]);
            }
            text.extend(["  = ", &safe(&finding.advice(talk.language())), "\n\n"]);
        }
        text + &fill(w.check_found, &[&title, &errors, &warnings, &allowed]) + "\n"
    }

    fn json(&self) -> Value {
        let findings: Vec<Value> = self
            .findings
            .iter()
            .map(|finding| {
                let spot = Policy::spot(self.text, &finding.path);
                json!({
                    "code": finding.code,
                    "severity": finding.severity,
                    "allowed": self.is_allowed(finding),
                    "path": finding.path,
                    "line": spot.as_ref().map(|spot| spot.line),
                    "column": spot.as_ref().map(|spot| spot.column),
                    "values": json!(finding).get("values"),
                    "says": finding.says(Language::En),
                    "advice": finding.advice(Language::En),
                })
            })
            .collect();
        json!({
            "file": self.file,
            "policy": {"name": self.policy.name, "hash": self.policy.hash()},
            "findings": findings,
        })
    }

    /// For programs: codes and English, whatever the language.
    fn table(&self) -> Table {
        let columns = [
            ("code", "code"),
            ("severity", "severity"),
            ("allowed", "allowed"),
            ("line", "line"),
            ("path", "path"),
            ("says", "says"),
        ];
        let mut table = Table::new("", &columns);
        for finding in &self.findings {
            let spot = Policy::spot(self.text, &finding.path);
            let severity = if finding.severity == Severity::Error { "error" } else { "warning" };
            let allowed = if self.is_allowed(finding) { "true" } else { "false" };
            table.push(vec![
                finding.code.name().into(),
                severity.into(),
                allowed.into(),
                spot.map_or(Cell::Empty, |spot| spot.line.into()),
                finding.path.to_string().into(),
                finding.says(Language::En).into(),
            ]);
        }
        table
    }
}
