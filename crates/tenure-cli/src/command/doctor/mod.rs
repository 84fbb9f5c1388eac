//! `tenure doctor`: what there is, what is wrong with it, and what to do.
//!
//! Every part looks at its things and tells a [`Line`] for each. Nothing here ends the command early: what cannot be
//! looked at is a line, too.

mod policy;
mod program;
mod store;
mod surroundings;

use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use comfy_table::presets::NOTHING;
use comfy_table::{ColumnConstraint, ContentArrangement, Width};
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

use crate::answer::{Answer, Format, print_json, print_styled, width};
use crate::args;
use crate::command::Talk;
use crate::error::CliError;
use crate::lang::{Lang, Words, fill};
use crate::table::{Cell, Table, bold, safe};

/// Runs the command: exit code 0 where nothing is wrong, 1 where something is.
///
/// # Errors
/// When stdout cannot be written.
pub fn run(args: &args::Doctor, chosen: Option<Lang>, talk: Talk) -> Result<ExitCode, CliError> {
    let people = matches!(args.format, Format::Table | Format::Markdown);
    // What programs read does not change with the language.
    let w = if people { talk.words() } else { Lang::En.words() };
    let mut lines = program::look(w);
    lines.extend(surroundings::look(chosen, w));
    lines.extend(args.policy.as_deref().map(|policy| policy::look(policy, w)));
    lines.extend(
        args.store.as_deref().map(|path| store::look(path, args.verify, talk, w)).unwrap_or_default(),
    );
    let count = |mark| lines.iter().filter(|line| line.mark == mark).count();
    let (wrong, look) = (count(Mark::Wrong), count(Mark::Look));
    match args.format {
        Format::Json => {
            let checks: Vec<Value> = lines.iter().map(Line::json).collect();
            print_json(&format!("{}\n", json!({"checks": checks, "wrong": wrong, "look": look})))?;
        }
        Format::Table => {
            let end = match (wrong, look) {
                (0, 0) => w.doctor_well.to_owned(),
                _ => fill(w.doctor_counts, &[&wrong, &look]),
            };
            print_styled(&format!("{}{end}\n", for_people(&lines, width(), w)))?;
        }
        format => Answer::of_table(table(&lines, people, w)).print(format)?,
    }
    Ok(if wrong > 0 { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    /// As it should be.
    Ok,
    /// Worth a look; nothing fails for it now.
    Look,
    /// Something does not work, or soon will not.
    Wrong,
}

impl Mark {
    const fn code(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Look => "look",
            Self::Wrong => "wrong",
        }
    }

    const fn word(self, w: &Words) -> &'static str {
        match self {
            Self::Ok => w.doctor_ok,
            Self::Look => w.doctor_look,
            Self::Wrong => w.doctor_wrong,
        }
    }

    fn style(self) -> Style {
        let color = match self {
            Self::Ok => AnsiColor::Green,
            Self::Look => AnsiColor::Yellow,
            Self::Wrong => AnsiColor::Red,
        };
        let style = Style::new().fg_color(Some(color.into()));
        if self == Self::Ok { style } else { style.bold() }
    }
}

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Program,
    Surroundings,
    Policy,
    Store,
}

impl Part {
    const fn code(self) -> &'static str {
        match self {
            Self::Program => "program",
            Self::Surroundings => "surroundings",
            Self::Policy => "policy",
            Self::Store => "store",
        }
    }

    const fn label(self, w: &Words) -> &'static str {
        match self {
            Self::Program => w.doctor_program,
            Self::Surroundings => w.doctor_surroundings,
            Self::Policy => w.doctor_policy,
            Self::Store => w.doctor_store,
        }
    }
}

/// One thing that was looked at.
#[derive(Debug)]
struct Line {
    part: Part,
    check: &'static str,
    label: &'static str,
    mark: Mark,
    says: String,
    advice: Option<String>,
    values: Value,
}

impl Line {
    /// Something that is as it should be.
    fn new(part: Part, (check, label): (&'static str, &'static str), says: String, values: Value) -> Self {
        Self { part, check, label, mark: Mark::Ok, says, advice: None, values }
    }

    /// The same where it is not, with what to do.
    fn but(self, mark: Mark, advice: impl Into<String>) -> Self {
        Self { mark, advice: Some(advice.into()), ..self }
    }

    fn json(&self) -> Value {
        json!({
            "part": self.part.code(),
            "check": self.check,
            "mark": self.mark.code(),
            "values": self.values,
            "says": self.says,
            "advice": self.advice,
        })
    }
}

fn table(lines: &[Line], people: bool, w: &Words) -> Table {
    let columns = [
        ("part", w.doctor_part),
        ("check", w.doctor_check),
        ("mark", w.doctor_mark),
        ("says", w.finding),
        ("advice", w.doctor_advice),
    ];
    let mut table = Table::new("", &columns);
    for line in lines {
        // A cell of Markdown is one line.
        let text = |text: &str| Cell::from(if people { text.replace('\n', " ") } else { text.to_owned() });
        table.push(vec![
            Cell::Code(line.part.code().into(), line.part.label(w).into()),
            Cell::Code(line.check.into(), line.label.into()),
            Cell::Code(line.mark.code().into(), line.mark.word(w).into()),
            text(&line.says),
            line.advice.as_deref().map_or(Cell::Empty, text),
        ]);
    }
    table
}

/// One block a part; marks, names and texts stand under each other in all of them.
fn for_people(lines: &[Line], width: u16, w: &Words) -> String {
    let widest = |text: fn(&Line, &Words) -> &'static str| {
        lines.iter().map(|line| text(line, w).width()).max().and_then(|width| u16::try_from(width).ok())
    };
    let mark = widest(|line, w| line.mark.word(w)).unwrap_or(1);
    let label = widest(|line, _| line.label).unwrap_or(1);
    let mut text = String::new();
    for block in lines.chunk_by(|a, b| a.part == b.part) {
        let mut table = comfy_table::Table::new();
        table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        for line in block {
            let advice = line.advice.as_ref().map(|advice| format!("→ {advice}"));
            let says = [Some(line.says.clone()), advice].into_iter().flatten().collect::<Vec<_>>().join("\n");
            let says: Vec<String> = says.lines().map(safe).collect();
            table.add_row([line.mark.word(w).to_owned(), line.label.to_owned(), says.join("\n")]);
        }
        for (index, most) in [mark, label].into_iter().enumerate() {
            if let Some(column) = table.column_mut(index) {
                // One cell of space on both sides.
                column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(most.saturating_add(2))));
            }
        }
        if let Some(first) = block.first() {
            text.extend([bold(first.part.label(w)).as_str(), "\n"]);
        }
        for line in table.to_string().lines() {
            text.extend([coloured(line.trim_end(), block, w).as_str(), "\n"]);
        }
        text.push('\n');
    }
    text
}

/// A line of a block with its mark in colour. Marks stand in the first column, which the further lines of a text leave
/// blank.
fn coloured(line: &str, block: &[Line], w: &Words) -> String {
    let Some(rest) = line.strip_prefix(' ') else { return line.to_owned() };
    let mark = block.iter().map(|line| line.mark).find(|mark| rest.starts_with(mark.word(w)));
    mark.map_or_else(
        || line.to_owned(),
        |mark| {
            let word = mark.word(w);
            let style = mark.style();
            format!(" {style}{word}{style:#}{}", rest.get(word.len()..).unwrap_or_default())
        },
    )
}
