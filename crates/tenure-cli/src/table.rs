//! Tables: for a terminal, for Markdown, for a spreadsheet, and as JSON lines.

use std::borrow::Cow;

use comfy_table::presets::{ASCII_MARKDOWN, UTF8_FULL_CONDENSED};
use comfy_table::{CellAlignment, ContentArrangement};
use serde_json::{Map, Value};
use tenure::core::text::is_hidden;
use tenure::core::{MoneySum, Timestamp};
use tenure::ingest::guarded;

/// Rows under a title.
#[derive(Clone, Debug)]
pub struct Table {
    title: String,
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

/// A column: how programs name it and how people do.
#[derive(Clone, Debug)]
struct Column {
    name: Cow<'static, str>,
    label: String,
}

/// One value of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// A text.
    Text(String),
    /// A code for programs with a label for people.
    Code(String, String),
    /// A whole number.
    Number(i128),
    /// A share in `0.0..=1.0`; percent and a bar where people read it.
    Share(f64),
    /// A share in `0.0..=1.0` that may be all; percent where people read it, and a bar that is full at all.
    Filled(f64),
    /// A share in `0.0..=1.0` that is not one of several parts of a whole; percent where people read it.
    Percent(f64),
    /// A whole number, and how much of the longest bar its bar is.
    Counted(u64, f64),
    /// A share in `0.0..=1.0`; percent on a shade where people read it, and marked where it may still grow.
    Shade(f64, bool),
    /// A time that passed, in seconds; in the greatest fitting unit where people read it.
    Elapsed(f64),
    /// An amount.
    Money(MoneySum),
    /// An amount; where people read it without the currency, which its heading names.
    Bare(MoneySum),
    /// A decimal that is no amount.
    Decimal(String),
    /// An amount; where people read it in whole units without the currency, and marked where it may still change.
    Whole(MoneySum, bool),
    /// An instant; the date alone where people read it and it is a midnight in UTC.
    At(Timestamp),
    /// An id; its beginning where people read it.
    Id(String),
    /// Nothing for programs, and what people read instead.
    Nothing(String),
    /// Nothing.
    Empty,
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Cell {
    fn from(number: u64) -> Self {
        Self::Number(number.into())
    }
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Self::Number(number.into())
    }
}

impl From<usize> for Cell {
    fn from(number: usize) -> Self {
        Self::Number(i128::try_from(number).unwrap_or(i128::MAX))
    }
}

impl Cell {
    /// For programs: codes, plain numbers.
    fn plain(&self) -> String {
        match self {
            Self::Text(text) | Self::Code(text, _) | Self::Id(text) | Self::Decimal(text) => text.clone(),
            Self::At(at) => at.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Counted(number, _) => number.to_string(),
            Self::Share(share) | Self::Filled(share) | Self::Percent(share) | Self::Shade(share, _) => {
                share.to_string()
            }
            Self::Elapsed(seconds) => seconds.to_string(),
            Self::Money(sum) | Self::Bare(sum) | Self::Whole(sum, _) => amount(*sum),
            Self::Nothing(_) | Self::Empty => String::new(),
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Text(text) | Self::Code(text, _) | Self::Id(text) | Self::Decimal(text) => {
                text.as_str().into()
            }
            Self::At(at) => at.to_string().into(),
            Self::Number(number) => {
                i64::try_from(*number).map_or_else(|_| number.to_string().into(), Value::from)
            }
            Self::Counted(number, _) => (*number).into(),
            Self::Share(share) | Self::Filled(share) | Self::Percent(share) | Self::Shade(share, _) => {
                (*share).into()
            }
            Self::Elapsed(seconds) => (*seconds).into(),
            Self::Money(money) | Self::Bare(money) | Self::Whole(money, _) => {
                serde_json::to_value(money).unwrap_or_default()
            }
            Self::Nothing(_) | Self::Empty => Value::Null,
        }
    }

    /// For people: labels, percent, thousands.
    pub fn shown(&self) -> String {
        match self {
            Self::Text(text) | Self::Code(_, text) | Self::Nothing(text) => safe(text),
            Self::At(at) => day_or_instant(*at),
            Self::Id(id) => short(id),
            Self::Number(number) => thousands(&number.to_string()),
            Self::Counted(number, _) => thousands(&number.to_string()),
            Self::Share(share) | Self::Filled(share) => format!("{:5.1} %", share * 100.0),
            Self::Percent(share) => format!("{:.1} %", share * 100.0),
            Self::Shade(share, open) => {
                format!("{} {:>2.0}{}", shade(*share), share * 100.0, if *open { "…" } else { "" })
            }
            Self::Elapsed(seconds) => elapsed(*seconds),
            Self::Money(sum) => format!("{} {}", thousands(&amount(*sum)), sum.currency),
            Self::Bare(sum) => thousands(&amount(*sum)),
            Self::Decimal(text) => text.clone(),
            Self::Whole(sum, open) => {
                let units = thousands(&tenure::core::money::whole_units(*sum).to_string());
                units + if *open { "…" } else { "" }
            }
            Self::Empty => String::new(),
        }
    }

    const fn is_text(&self) -> bool {
        matches!(
            self,
            Self::Text(_) | Self::Code(..) | Self::At(_) | Self::Id(_) | Self::Nothing(_) | Self::Empty
        )
    }
}

impl Table {
    /// An empty table.
    pub fn new(title: impl Into<String>, columns: &[(&'static str, &str)]) -> Self {
        let columns =
            columns.iter().map(|(name, label)| Column { name: (*name).into(), label: (*label).into() });
        Self { title: title.into(), columns: columns.collect(), rows: Vec::new() }
    }

    /// The same with one more column, before it has rows.
    #[must_use]
    pub fn with_column(mut self, name: impl Into<String>, label: impl Into<String>) -> Self {
        self.columns.push(Column { name: Cow::Owned(name.into()), label: label.into() });
        self
    }

    /// Adds a row with a cell for every column.
    pub fn push(&mut self, row: Vec<Cell>) {
        self.rows.push(row);
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// For a terminal `width` columns wide. Shares get a bar, the title a style.
    pub fn to_terminal(&self, width: u16) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        self.fill(&mut table, Some(usize::from(width / 6).min(LONGEST_BAR)));
        if self.title.is_empty() {
            table.to_string()
        } else {
            format!("{}\n{table}", bold(&safe(&self.title)))
        }
    }

    /// The same without columns in which there is nothing: for people, who need the room.
    #[must_use]
    pub fn without_empty_columns(mut self) -> Self {
        let empty = |index: usize, rows: &[Vec<Cell>]| {
            rows.iter().all(|row| row.get(index).is_none_or(|cell| *cell == Cell::Empty))
        };
        for index in (0..self.columns.len()).rev() {
            if !self.rows.is_empty() && empty(index, &self.rows) {
                self.columns.remove(index);
                self.rows.iter_mut().filter(|row| index < row.len()).for_each(|row| drop(row.remove(index)));
            }
        }
        self
    }

    /// As a Markdown table under its title.
    pub fn to_markdown(&self) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(ASCII_MARKDOWN);
        self.fill(&mut table, None);
        if self.title.is_empty() {
            table.to_string()
        } else {
            format!("**{}**\n\n{table}", safe(&self.title))
        }
    }

    /// Fills a table of the library, with bars of so many cells where there are any.
    fn fill(&self, table: &mut comfy_table::Table, bars: Option<usize>) {
        let most = self.rows.iter().flatten().filter_map(share).fold(0.0_f64, f64::max);
        table.set_header(self.columns.iter().map(|column| column.label.as_str()));
        for row in &self.rows {
            let cells = row.iter().map(|cell| match (bars, part(cell, most)) {
                (Some(cells), Some(part)) => format!("{} {}", cell.shown(), bar(part, cells)),
                (Some(_), _) => cell.shown(),
                (None, _) => cell.shown().replace('|', "\\|"),
            });
            table.add_row(cells);
        }
        for index in 0..self.columns.len() {
            let text = self.rows.iter().filter_map(|row| row.get(index)).all(Cell::is_text);
            let share =
                self.rows.iter().filter_map(|row| row.get(index)).any(|cell| part(cell, most).is_some());
            if !text
                && !share
                && let Some(column) = table.column_mut(index)
            {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
    }

    /// As CSV with a header of names. A text that a spreadsheet would take for a formula gets a leading apostrophe.
    pub fn to_csv(&self) -> String {
        let line =
            |cells: Vec<String>| cells.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(",") + "\n";
        let mut text = line(self.columns.iter().map(|column| column.name.clone().into_owned()).collect());
        for row in &self.rows {
            text += &line(
                row.iter()
                    .map(
                        |cell| {
                            if cell.is_text() { guarded(&cell.plain()).into_owned() } else { cell.plain() }
                        },
                    )
                    .collect(),
            );
        }
        text
    }

    /// One JSON object a row.
    pub fn to_jsonl(&self) -> String {
        let mut text = String::new();
        for row in &self.rows {
            let object: Map<String, Value> = self
                .columns
                .iter()
                .zip(row)
                .map(|(column, cell)| (column.name.clone().into_owned(), cell.json()))
                .collect();
            text += &Value::Object(object).to_string();
            text.push('\n');
        }
        text
    }
}

/// A text that stands out on a terminal.
pub fn bold(text: &str) -> String {
    const BOLD: anstyle::Style = anstyle::Style::new().bold();
    format!("{BOLD}{text}{BOLD:#}")
}

/// The decimal of a sum, without its currency.
fn amount(sum: MoneySum) -> String {
    tenure::core::money::decimal(sum.minor, sum.currency)
}

fn share(cell: &Cell) -> Option<f64> {
    match cell {
        Cell::Share(share) => Some(*share),
        _ => None,
    }
}

/// How much of the longest bar a cell's bar is, where it has one; `most` is the greatest share of its table.
fn part(cell: &Cell, most: f64) -> Option<f64> {
    match cell {
        Cell::Share(share) if most > 0.0 => Some(share / most),
        Cell::Share(share) | Cell::Filled(share) | Cell::Counted(_, share) => Some(*share),
        _ => None,
    }
}

/// How many cells the longest bar has where there is room: a table of a page fits a terminal of eighty columns with less.
const LONGEST_BAR: usize = 20;

/// A part of so many cells, in eighths of a cell.
fn bar(part: f64, cells: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "between 0 and 160 after the clamp"
    )]
    let eighths = (part.clamp(0.0, 1.0) * (8 * cells) as f64).round() as usize;
    let rest = EIGHTHS.get(eighths % 8).copied().unwrap_or_default();
    format!("{}{rest}", "█".repeat(eighths / 8))
}

/// A square, the darker the greater a share is; seen without colours, too.
fn shade(share: f64) -> &'static str {
    match share {
        _ if share <= 0.0 => " ",
        _ if share < 0.25 => "░",
        _ if share < 0.5 => "▒",
        _ if share < 0.75 => "▓",
        _ => "█",
    }
}

/// Seconds in the greatest unit of which there are at least two.
fn elapsed(seconds: f64) -> String {
    const UNITS: [(f64, &str); 3] = [(86_400.0, "d"), (3_600.0, "h"), (60.0, "min")];
    let fitting = UNITS.iter().find(|(length, _)| seconds >= 2.0 * length);
    fitting
        .map_or_else(|| format!("{seconds:.1} s"), |(length, unit)| format!("{:.1} {unit}", seconds / length))
}

/// The digits of a decimal in groups of three.
pub fn thousands(decimal: &str) -> String {
    let (sign, digits) = decimal.strip_prefix('-').map_or(("", decimal), |digits| ("-", digits));
    let (whole, fraction) =
        digits.split_once('.').map_or((digits, None), |(whole, part)| (whole, Some(part)));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let fraction = fraction.map(|part| format!(".{part}")).unwrap_or_default();
    format!("{sign}{grouped}{fraction}")
}

/// Control and direction-changing characters are escaped, so that data cannot move the cursor or hide text.
pub fn safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

/// JSON with its hidden characters escaped; it stays the same JSON, because these stand inside its texts only.
pub fn safe_json(json: &str) -> Cow<'_, str> {
    let hidden = |c: char| !c.is_ascii_whitespace() && is_hidden(c);
    if !json.contains(hidden) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if hidden(c) {
            out.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// An instant for people: the date alone at midnight UTC.
pub fn day_or_instant(at: Timestamp) -> String {
    let text = at.to_string();
    text.strip_suffix("T00:00:00Z").map_or_else(|| text.clone(), str::to_owned)
}

/// The first eight characters of an id, enough to find it again by eye.
pub fn short(id: &str) -> String {
    match id.char_indices().nth(8) {
        Some((end, _)) => format!("{}…", id.get(..end).unwrap_or(id)),
        None => id.to_owned(),
    }
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new("T", &[("who", "Who"), ("share", "Share"), ("n", "N")]);
        table.push(vec!["=a".into(), Cell::Share(0.5), Cell::Number(-1_234_567)]);
        table.push(vec!["b,\"c\"".into(), Cell::Share(0.25), Cell::Number(0)]);
        table
    }

    #[test]
    fn a_spreadsheet_takes_no_text_for_a_formula_and_numbers_stay_numbers() {
        assert_eq!(table().to_csv(), "who,share,n\n'=a,0.5,-1234567\n\"b,\"\"c\"\"\",0.25,0\n");
    }

    #[test]
    fn people_see_thousands_percent_and_bars() {
        let shown = table().to_terminal(120);
        assert!(shown.contains("-1,234,567") && shown.contains("50.0 % ████████████████████"), "{shown}");
    }

    #[test]
    fn what_may_be_all_has_a_bar_that_is_full_at_all() {
        let mut table = Table::new("", &[("share", "Share")]);
        table.push(vec![Cell::Filled(0.5)]);
        let shown = table.to_terminal(120);
        assert!(shown.contains("50.0 % ██████████ "), "{shown}");
        assert_eq!(table.to_csv(), "share\n0.5\n");
    }

    #[test]
    fn bars_are_shorter_where_there_is_less_room() {
        let length = |width| table().to_terminal(width).matches('█').count();
        // One of a half, the longest, and one of a quarter.
        assert_eq!((length(300), length(120), length(84), length(48)), (30, 30, 21, 12));
    }

    #[test]
    fn a_bar_in_a_text_does_not_end_a_cell_of_markdown() {
        let mut table = Table::new("", &[("who", "Who")]);
        table.push(vec!["a|b".into()]);
        assert!(table.to_markdown().contains("| a\\|b |"), "{}", table.to_markdown());
        assert!(table.to_terminal(120).contains("│ a|b │"));
    }

    #[test]
    fn json_lines_keep_types() {
        assert_eq!(table().to_jsonl().lines().next(), Some(r#"{"n":-1234567,"share":0.5,"who":"=a"}"#));
    }

    #[test]
    fn people_see_dates_and_short_ids_where_programs_get_all_of_them() {
        let midnight = Cell::At(Timestamp::parse("1998-06-30T00:00:00Z").unwrap());
        let noon = Cell::At(Timestamp::parse("1998-06-30T12:00:00Z").unwrap());
        let id = Cell::Id("00c663bc-2800-8d23-b5dc-a7bd8884a9db".into());
        assert_eq!((midnight.shown(), noon.shown()), ("1998-06-30".into(), "1998-06-30T12:00:00Z".into()));
        assert_eq!(id.shown(), "00c663bc…");
        assert_eq!((midnight.plain().as_str(), id.plain().len()), ("1998-06-30T00:00:00Z", 36));
    }

    #[test]
    fn a_table_is_never_wider_than_its_place() {
        let mut table = Table::new("", &[("a", "A"), ("b", "B")]);
        table.push(vec!["long words ".repeat(20).into(), "长的词 ".repeat(40).into()]);
        let shown = table.to_terminal(60);
        assert!(shown.lines().all(|line| line.chars().count() <= 60), "{shown}");
    }

    #[test]
    fn json_on_a_terminal_hides_nothing_and_stays_the_same_json() {
        let shown = safe_json("{\"a\":\"x\u{202e}y\u{7f}\u{9b}\u{e0001}\"}\n");
        assert_eq!(shown, "{\"a\":\"x\\u202ey\\u007f\\u009b\\udb40\\udc01\"}\n");
        let value: Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(value["a"], "x\u{202e}y\u{7f}\u{9b}\u{e0001}");
        assert!(matches!(safe_json("{\"a\":\"客 \"}\n"), Cow::Borrowed(_)));
    }

    #[test]
    fn control_characters_are_shown_escaped() {
        assert_eq!(safe("a\u{1b}[2J\u{202e}b"), "a\\u{1b}[2J\\u{202e}b");
    }
}
