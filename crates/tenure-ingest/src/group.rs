//! Rows that are one fact together.

use std::collections::HashMap;
use std::io::BufRead;

use crate::csv::Cells;
use crate::csv_row::Bound;
use crate::error::{ReadError, RowError};
use crate::mapping::{EqualLines, Mapping, Rule, Then};
use crate::row_id::{Content, RowKey};
use crate::rows::{Draft, Fact, Options, Outcome, Row, header_of};

/// How many rows each group of a file has, so that a second reading knows when a group is complete.
///
/// Without it the rows of every group are kept until the file ends, because a row of any of them may still come; with it
/// only those of groups that are not complete: of one, in a file whose groups stand together. What is kept of the
/// first reading is about 40 bytes a group. The facts are the same either way.
///
/// # Example
/// ```
/// use tenure_ingest::{GroupSizes, Mapping, Options, Rows};
/// let mapping = Mapping::parse("orders.toml", r#"
///     name = "orders"
///     kind = "order_placed"
///     group_by = ["order"]
///     customer = { column = "buyer" }
///     occurred_at = { column = "day", format = "%Y-%m-%d", zone = "UTC" }
///     amount = { price = "price", quantity = "pieces", currency = "USD" }
/// "#)?;
/// let file = "order,buyer,day,price,pieces\n1,ann,2024-05-01,0.50,3\n2,ben,2024-05-01,9.99,1\n1,ann,2024-05-01,2,1\n";
/// let options = Options::default();
/// let sizes = GroupSizes::count(file.as_bytes(), &mapping, &options)?;
/// assert_eq!((sizes.groups(), sizes.rows()), (2, 3));
///
/// let rows = Rows::csv(file.as_bytes(), &mapping, &options)?.with_group_sizes(sizes);
/// let rows = rows.collect::<Result<Vec<_>, _>>()?;
/// assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [3, 2, 4]); // order 2 is complete first
/// assert_eq!(rows[1].fact().unwrap().event.view().amount.unwrap().to_string(), "3.50 USD");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct GroupSizes {
    left: HashMap<[u8; 16], u32>,
    rows: u64,
}

impl GroupSizes {
    /// Reads a file once and counts. The file, mapping and options must be those of the second reading.
    ///
    /// # Errors
    /// As [`Rows::csv`](crate::Rows::csv).
    pub fn count(input: impl BufRead, mapping: &Mapping, options: &Options) -> Result<Self, ReadError> {
        let (mut records, bound) = header_of(input, mapping, options)?;
        let mut sizes = Self::default();
        loop {
            let line = records.next_number();
            let Some(record) = records.next().map_err(|source| ReadError::Io { line, source })? else {
                return Ok(sizes);
            };
            sizes.rows = sizes.rows.saturating_add(1);
            if let Ok(cells) = record.cells
                && bound.check_count(&cells).is_ok()
                && let Ok(key) = bound.group(&cells)
            {
                let left = sizes.left.entry(key.short()).or_default();
                *left = left.saturating_add(1);
            }
        }
    }

    /// How many groups there are.
    pub fn groups(&self) -> usize {
        self.left.len()
    }

    /// How many rows were read, those that belong to no group too.
    pub const fn rows(&self) -> u64 {
        self.rows
    }
}

/// A row that waits for the others of its group.
#[derive(Debug)]
struct Member {
    line: u64,
    bytes: Vec<u8>,
    cells: Cells,
}

/// The groups that are not complete.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    /// By key; asked by key only.
    open: HashMap<[u8; 16], (RowKey, Vec<Member>)>,
    /// The keys in the order in which they were opened.
    order: Vec<[u8; 16]>,
    sizes: Option<HashMap<[u8; 16], u32>>,
}

/// A group that is complete.
#[derive(Debug)]
pub(crate) struct Group {
    key: RowKey,
    members: Vec<Member>,
}

impl Groups {
    pub(crate) fn expect(&mut self, sizes: GroupSizes) {
        self.sizes = Some(sizes.left);
    }

    /// Takes a row in; `wanted` is false for one that only counts towards the size of its group. Gives the group
    /// back if that was its last row.
    ///
    /// # Errors
    /// The row itself, if its group was complete before.
    pub(crate) fn take(
        &mut self,
        key: RowKey,
        wanted: bool,
        line: u64,
        bytes: Vec<u8>,
        cells: Cells,
    ) -> Result<Option<Group>, Vec<u8>> {
        let short = key.short();
        let complete = match &mut self.sizes {
            None => false,
            Some(sizes) => match sizes.get_mut(&short) {
                None | Some(0) => return Err(bytes),
                Some(left) => {
                    *left -= 1;
                    *left == 0
                }
            },
        };
        if wanted {
            let (_, members) = self.open.entry(short).or_insert_with(|| {
                // With sizes groups close one by one, and nobody asks for their order.
                if self.sizes.is_none() {
                    self.order.push(short);
                }
                (key, Vec::new())
            });
            members.push(Member { line, bytes, cells });
        }
        Ok(if complete { self.close(short) } else { None })
    }

    fn close(&mut self, short: [u8; 16]) -> Option<Group> {
        let (key, members) = self.open.remove(&short)?;
        Some(Group { key, members })
    }

    /// What is left at the end of the file, by the line of the first row.
    pub(crate) fn finish(&mut self) -> Vec<Group> {
        let mut order = core::mem::take(&mut self.order);
        if self.sizes.is_some() {
            // Groups whose rows became fewer while the file was read.
            order = self.open.keys().copied().collect();
        }
        let mut left: Vec<_> = order.into_iter().filter_map(|short| self.close(short)).collect();
        left.sort_by_key(|group| group.members.first().map(|member| member.line));
        left
    }
}

impl Group {
    /// The rows of a complete group, in their order, each with what it is; `finish` makes a fact of what was read.
    pub(crate) fn into_rows(
        self,
        bound: &Bound,
        finish: impl FnOnce(Draft) -> Result<(Outcome, Vec<Fact>), RowError>,
    ) -> Vec<Row> {
        let Self { key, members } = self;
        let mut seen: HashMap<Content, u64> = HashMap::new();
        // Which row each one equals, in the order of the rows.
        let equals: Vec<Option<u64>> = members
            .iter()
            .map(|member| {
                let first = *seen.entry(Content::of_cells(&member.cells)).or_insert(member.line);
                (first != member.line).then_some(first)
            })
            .collect();
        let drops = bound.mapping().equal_lines == EqualLines::Drop;
        let kept: Vec<usize> =
            (0..members.len()).filter(|at| !drops || equals.get(*at).is_none_or(Option::is_none)).collect();
        let rows: Vec<&Cells> =
            kept.iter().filter_map(|at| members.get(*at)).map(|member| &member.cells).collect();
        let head = bound.head(&rows);

        // Which row is at fault, and why none of the group counts; or what the first one is.
        let read = match bound.rule(&head, true) {
            Some(rule) => Err(Refusal::Rule(ruled(rule))),
            None => bound
                .gather(&head, &rows, key)
                .and_then(|draft| finish(draft).map_err(|error| (0, error)))
                .map_err(|(at, error)| Refusal::Row(kept.get(at).copied().unwrap_or_default(), error)),
        };
        let line_of = |at: usize| members.get(at).map_or(0, |member| member.line);
        let first_line = line_of(0);
        let outcomes: Vec<(Outcome, Vec<Fact>)> = match read {
            Ok((outcome, more)) => {
                let mut outcomes: Vec<_> = (0..members.len())
                    .map(|at| match equals.get(at).copied().flatten() {
                        Some(first) if drops => (Outcome::Duplicate { first }, Vec::new()),
                        equal => (Outcome::Joined { first: first_line, equal: equal.is_some() }, Vec::new()),
                    })
                    .collect();
                if let Some(first) = outcomes.first_mut() {
                    *first = (outcome, more);
                }
                outcomes
            }
            Err(Refusal::Rule(outcome)) => members.iter().map(|_| (outcome.clone(), Vec::new())).collect(),
            Err(Refusal::Row(faulty, error)) => {
                let group = bound.group_name();
                let other = RowError::Group { line: line_of(faulty), group };
                let error_of = |at| if at == faulty { error.clone() } else { other.clone() };
                (0..members.len()).map(|at| (Outcome::Bad(error_of(at)), Vec::new())).collect()
            }
        };
        let rows = members.into_iter().zip(outcomes);
        rows.map(|(Member { line, bytes, .. }, (outcome, more))| Row {
            line,
            bytes,
            outcome,
            more,
            owner: None,
        })
        .collect()
    }
}

enum Refusal {
    Rule(Outcome),
    Row(usize, RowError),
}

/// What a rule makes of a row.
pub(crate) fn ruled(rule: &Rule) -> Outcome {
    let (reason, column) = (rule.reason.clone(), rule.column.name());
    match rule.then {
        Then::LeaveOut => Outcome::LeftOut { reason },
        Then::Quarantine => {
            Outcome::Bad(RowError::Rule { reason, column: column.into(), why: rule.found().into() })
        }
    }
}
