//! From the cells of a record, or of a group of records, to a fact, as a mapping says.

use std::borrow::Cow;

use rust_decimal::Decimal;
use serde_json::{Map, Value};
use tenure_core::{
    Context, Currency, Customer, CustomerId, EventId, Kind, Line, LineError, Money, OrderLine, Wire, json,
};

use crate::csv::Cells;
use crate::error::{ReadError, RowError};
use crate::formula::unguarded;
use crate::mapping::amount::{Digits, exact, product, rounded};
use crate::mapping::{
    AmountFrom, Column, CurrencyFrom, DataFrom, DataType, KindFrom, LinesFrom, Mapping, Per, Rule, Source,
    ValueFrom,
};
use crate::row_id::{Content, RowKey, Seen};
use crate::rows::{Draft, Told};
use crate::time_format::{ReadTime, quoted};

/// A mapping whose columns have found their places in a header.
#[derive(Debug)]
pub(crate) struct Bound {
    mapping: Mapping,
    /// The names of the columns.
    header: Vec<Box<str>>,
    /// Which columns no id is made of.
    sealed: Vec<bool>,
    namespace: String,
}

/// Why records are no fact, and which of them is at fault, by its place among those given.
pub(crate) type Fault = (usize, RowError);

impl Bound {
    pub(crate) fn new(mapping: &Mapping, namespace: &str, header: &Cells) -> Result<Self, ReadError> {
        if header.len() > json::MAX_NAMES {
            return Err(ReadError::TooManyColumns { found: header.len() });
        }
        let mut mapping = mapping.clone();
        mapping.each_column(|path, column| {
            for name in &column.names {
                let mut places = header.iter().enumerate().filter(|(_, found)| *found == &**name);
                match (places.next(), places.next()) {
                    (Some((place, _)), None) => column.places.push(place),
                    (Some(_), Some(_)) => {
                        return Err(ReadError::ColumnTwice { path: path.into(), column: name.clone() });
                    }
                    (None, _) => {}
                }
            }
            if column.places.is_empty() && !column.optional {
                let names: Vec<_> = header.iter().map(quoted).collect();
                let name = column.name();
                return Err(ReadError::Column {
                    path: path.into(),
                    column: name.into(),
                    found: names.join(", ").into(),
                    nearest: nearest(name, header).into(),
                });
            }
            Ok(())
        })?;
        let sealed = header.iter().map(|name| mapping.sealed_as(name).is_some()).collect();
        let header = header.iter().map(Into::into).collect();
        Ok(Self { mapping, header, sealed, namespace: namespace.into() })
    }

    pub(crate) const fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// The column that a field comes from.
    pub(crate) fn column_of(&self, field: &str) -> Option<Box<str>> {
        self.mapping.column_of(field).map(Into::into)
    }

    /// Checks what holds for every record, mapped or not.
    pub(crate) fn check_count(&self, cells: &Cells) -> Result<(), RowError> {
        if cells.len() == self.header.len() {
            return Ok(());
        }
        Err(RowError::Cells { found: cells.len(), expected: self.header.len() })
    }

    /// Whose personal data a record holds.
    pub(crate) fn owner(&self, cells: &Cells) -> Option<Customer> {
        self.check_count(cells).ok()?;
        let personal = self.sealed.iter().zip(cells.iter()).any(|(sealed, cell)| *sealed && !cell.is_empty());
        if personal { self.customer(cells).ok() } else { None }
    }

    /// Checks every cell, mapped or not.
    pub(crate) fn check_cells(&self, cells: &Cells) -> Result<(), RowError> {
        for (name, cell) in self.header.iter().zip(cells.iter()) {
            if let Some(why) = unfit(cell) {
                return Err(RowError::Cell { column: name.clone(), field: "".into(), why: why.into() });
            }
        }
        Ok(())
    }

    /// The first rule that takes a record out; `whole` are those that are asked of a group.
    pub(crate) fn rule(&self, cells: &Cells, whole: bool) -> Option<&Rule> {
        let digits = self.mapping.amount.as_ref().map_or_else(Digits::default, |amount| amount.digits);
        let mut rules = self.mapping.rules.iter().filter(|rule| rule.whole == whole);
        rules.find(|rule| rule.matches(rule.column.cell(cells), digits))
    }

    /// Reads a record that is a fact by itself.
    pub(crate) fn read(&self, cells: &Cells, told: Told) -> Result<Draft, RowError> {
        self.draft(cells, &[cells], told).map_err(|(_, error)| error)
    }

    /// What tells the record from others. Counted before the record is understood, so that a row keeps its number
    /// when an equal one is mended.
    pub(crate) fn told(&self, cells: &Cells, seen: &mut Seen) -> Result<Told, RowError> {
        if self.mapping.id.as_ref().is_some_and(|id| !id.column.cell(cells).is_empty()) {
            return Ok(Told::Own);
        }
        if let Some(first) = self.mapping.id_from.first() {
            let chosen = || self.mapping.id_from.iter().map(|column| column.cell(cells));
            if chosen().all(str::is_empty) {
                let why = "it is empty, and so is every other column of id_from";
                return Err(refused(first, "id", why));
            }
            return Ok(Told::Chosen { key: RowKey::of_chosen(chosen()), content: Content::of_cells(cells) });
        }
        let key = RowKey::of_cells(cells, |index| self.sealed.get(index).copied().unwrap_or_default());
        Ok(Told::Numbered { key, number: seen.number(&key) })
    }

    /// What the rows of a group have in common.
    ///
    /// # Errors
    /// All its cells are empty.
    pub(crate) fn group(&self, cells: &Cells) -> Result<RowKey, RowError> {
        let common = || self.mapping.group_by.iter().map(|column| column.cell(cells));
        match self.mapping.group_by.first() {
            Some(first) if common().all(str::is_empty) => {
                Err(refused(first, "id", "it is empty, and so is every other column of group_by"))
            }
            _ => Ok(RowKey::of_group(common())),
        }
    }

    /// The columns of a group, for messages.
    pub(crate) fn group_name(&self) -> Box<str> {
        let names: Vec<_> = self.mapping.group_by.iter().map(Column::name).collect();
        names.join(" + ").into()
    }

    /// The record of a whole group: of each column the first cell that is not empty.
    pub(crate) fn head(&self, rows: &[&Cells]) -> Cells {
        let column = |place| rows.iter().map(move |row| row.cell(place)).find(|cell| !cell.is_empty());
        (0..self.header.len()).map(|place| column(place).unwrap_or_default()).collect()
    }

    /// Reads the records of a group as one fact.
    pub(crate) fn gather(&self, head: &Cells, rows: &[&Cells], key: RowKey) -> Result<Draft, Fault> {
        let mut common = vec![(&self.mapping.customer.column, "customer")];
        if let KindFrom::Column { column, .. } = &self.mapping.kind {
            common.push((column, "kind"));
        }
        for amount in self.mapping.amount.iter().chain(self.mapping.also.iter().map(|also| &also.amount)) {
            if let CurrencyFrom::Column(column) = &amount.currency {
                common.push((column, "amount"));
            }
            if amount.per == Per::Group {
                common.push((amount.column(), "amount"));
            }
        }
        for (column, field) in common {
            let first = column.cell(head);
            let differs =
                |row: &&Cells| !matches!(column.cell(row), cell if cell.is_empty() || cell == first);
            if let Some(index) = rows.iter().position(differs) {
                let why = format!("it differs from that of an earlier row of the same {}", self.group_name());
                return Err((index, refused(column, field, &why)));
            }
        }
        self.draft(head, rows, Told::Group { key })
    }

    /// `head` says what holds for all `rows`, which are one or those of a group.
    fn draft(&self, head: &Cells, rows: &[&Cells], told: Told) -> Result<Draft, Fault> {
        let of_all = |error: RowError| (0, error);
        let mapping = &self.mapping;
        let customer = self.customer(head).map_err(of_all)?;
        let column = &mapping.occurred_at.column;
        let mut time: Option<ReadTime> = None;
        for (index, row) in rows.iter().enumerate() {
            let cell = column.cell(row);
            if !cell.is_empty() {
                let read = mapping.occurred_at.format.read(cell);
                let read = read.map_err(|why| (index, refused(column, "occurred_at", &why)))?;
                // An order whose lines were booked over some minutes happened when it began.
                time = Some(time.filter(|first| first.as_utc <= read.as_utc).unwrap_or(read));
            }
        }
        let time = time.ok_or_else(|| of_all(refused(column, "occurred_at", "it is empty")))?;

        let mut wire = self.wire(head).map_err(of_all)?;
        wire.subject = text(head, mapping.subject.as_ref());
        let refund = wire.known_kind() == Kind::OrderRefunded;
        let mut shares = Vec::new();
        if let Some(from) = &mapping.amount {
            let turned = refund && from.refunds_negative;
            (wire.amount, shares) = amount(head, rows, from, turned)?;
        }
        wire.number = match &mapping.number {
            None => None,
            Some(source) => integer(head, source, "number").map_err(of_all)?,
        };
        wire.actor = text(head, mapping.actor.as_ref());
        wire.data = self.data(head).map_err(of_all)?;
        if let Some(lines) = &mapping.lines {
            let turned = refund && mapping.amount.as_ref().is_some_and(|amount| amount.refunds_negative);
            let mut made = Vec::new();
            for (index, row) in rows.iter().enumerate() {
                let share = shares.get(index).copied().flatten().filter(|_| lines.amount);
                made.extend(order_line(row, lines, share, turned).map_err(|error| (index, error))?);
            }
            if !made.is_empty() {
                wire.data.insert("lines".into(), Value::Array(made));
            }
        }
        let (id, cause) = self.own_id(head).map_err(of_all)?;
        let line = Line {
            id,
            customer,
            occurred_at: time.at,
            recorded_at: None,
            channel: text(head, mapping.channel.as_ref()),
            context: Context { causation_id: cause, ..Context::default() },
            wire,
        };
        let mut more = Vec::new();
        for also in &mapping.also {
            let (found, _) = amount(head, rows, &also.amount, false)?;
            let Some(amount) = found.filter(|amount| amount.minor != 0) else { continue };
            let mut wire = Wire::new(Kind::named(&also.kind.0).unwrap_or(Kind::Foreign));
            wire.kind.clone_from(&also.kind.0);
            wire.subject.clone_from(&line.wire.subject);
            wire.amount = Some(amount);
            let occurred_at = match &also.occurred_at {
                None => time.at,
                Some(from) => {
                    let cell = needed(head, &from.column, "occurred_at").map_err(of_all)?;
                    let read = from.format.read(cell);
                    read.map_err(|why| of_all(refused(&from.column, "occurred_at", &why)))?.at
                }
            };
            more.push(Line { id: None, occurred_at, wire, ..line.clone() });
        }
        Ok(Draft { line, more, id_at: time.as_utc, told })
    }

    fn customer(&self, cells: &Cells) -> Result<Customer, RowError> {
        let from = &self.mapping.customer;
        let cell = needed_text(cells, &from.column, "customer")?;
        if from.pseudonym {
            return Ok(pseudonym(&self.namespace, cell).into());
        }
        Customer::parse(cell, &self.namespace)
            .map_err(|error| refused(&from.column, "customer", &error.to_string()))
    }

    /// An empty form of the row's kind.
    fn wire(&self, cells: &Cells) -> Result<Wire, RowError> {
        let name = match &self.mapping.kind {
            KindFrom::Value(kind) => &*kind.0,
            KindFrom::Column { column, words } => {
                words.kind(column.cell(cells)).map_err(|why| refused(column, "kind", &why))?
            }
        };
        let mut wire = Wire::new(Kind::named(name).unwrap_or(Kind::Foreign));
        wire.kind = name.into();
        Ok(wire)
    }

    fn data(&self, cells: &Cells) -> Result<Map<String, Value>, RowError> {
        let mut data = Map::new();
        for (name, from) in &self.mapping.data {
            let cell = from.column.as_ref().map_or(&*from.value, |column| column.cell(cells));
            if cell.is_empty() {
                continue;
            }
            let value = property(cell, from).map_err(|why| {
                let column = from.column.as_ref().map(|column| column.name().into()).unwrap_or_default();
                RowError::Cell { column, field: format!("data.{name}").into(), why: why.into() }
            })?;
            data.insert(name.clone(), value);
        }
        Ok(data)
    }

    /// The id that the row has of its own; with it, where another system gave it, that system's name for it.
    fn own_id(&self, cells: &Cells) -> Result<(Option<EventId>, Option<String>), RowError> {
        let Some(from) = &self.mapping.id else { return Ok((None, None)) };
        let cell = from.column.cell(cells);
        if cell.is_empty() {
            return Ok((None, None));
        }
        match &from.source {
            Some(source) => {
                let foreign = unguarded(cell);
                Ok((Some(EventId::from_foreign(source, foreign)), Some(format!("{source}:{foreign}"))))
            }
            None => match cell.parse() {
                Ok(id) => Ok((Some(id), None)),
                Err(error) => Err(refused(
                    &from.column,
                    "id",
                    &format!("{error}; for ids of another system add source"),
                )),
            },
        }
    }

    /// Brings an error of the fact to the column it comes from.
    pub(crate) fn place(&self, error: LineError) -> RowError {
        match error {
            LineError::Fact(source) => {
                let column = match &source {
                    tenure_core::FactError::Field { field, .. } => self.column_of(field),
                    _ => None,
                };
                RowError::Fact { column, source }
            }
            other => RowError::Line(other),
        }
    }
}

/// Why a cell is none that a fact could keep, in whichever column it stands.
fn unfit(cell: &str) -> Option<&'static str> {
    if cell.contains('\0') {
        return Some("it holds a NUL character");
    }
    (cell.len() > json::MAX_TEXT_BYTES).then_some("it is longer than 65536 bytes")
}

fn refused(column: &Column, field: &str, why: &str) -> RowError {
    RowError::Cell { column: column.name().into(), field: field.into(), why: why.into() }
}

/// The names of a header that are spelt nearly like one, the nearest first, quoted.
fn nearest(name: &str, header: &Cells) -> String {
    let plain = |text: &str| text.trim().to_lowercase().replace([' ', '_', '-', '.'], "");
    let wanted = plain(name);
    let mut close: Vec<_> = header
        .iter()
        .map(|found| (strsim::osa_distance(&wanted, &plain(found)), found))
        .filter(|(distance, found)| *distance <= (wanted.chars().count() / 3).max(1) && !found.is_empty())
        .collect();
    close.sort_unstable();
    close.into_iter().take(3).map(|(_, found)| quoted(found)).collect::<Vec<_>>().join(", ")
}

/// The customer behind a personal text such as an e-mail address: a hash of it in the namespace, so that the same
/// person is the same customer in every file, while the text is kept nowhere. Case and white space at the ends play
/// no part.
pub(crate) fn pseudonym(namespace: &str, text: &str) -> CustomerId {
    let mut hasher = blake3::Hasher::new_derive_key("tenure pseudonym v1");
    hasher.update(namespace.as_bytes()).update(b":").update(text.trim().to_lowercase().as_bytes());
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(hasher.finalize().as_bytes()) {
        *to = *from;
    }
    // Version 8 and the variant of RFC 9562, so that it is a UUID like every other.
    let [.., sixth, _, eighth, _, _, _, _, _, _, _] = &mut bytes;
    *sixth = (*sixth & 0x0f) | 0x80;
    *eighth = (*eighth & 0x3f) | 0x80;
    CustomerId::from_bytes(bytes)
}

/// The amount of a record or of a group, and the share that each row has in it.
type Amounts = (Option<Money>, Vec<Option<Money>>);

fn amount(head: &Cells, rows: &[&Cells], from: &AmountFrom, turned: bool) -> Result<Amounts, Fault> {
    let currency = || match &from.currency {
        CurrencyFrom::Value(currency) => Ok(*currency),
        CurrencyFrom::Column(column) => needed(head, column, "amount")?
            .parse::<Currency>()
            .map_err(|error| refused(column, "amount", &error.to_string())),
    };
    match from.per {
        Per::Row => added_up(rows, from, currency, turned),
        Per::Group => added_up(&[head], from, currency, turned).map(|(amount, _)| (amount, Vec::new())),
    }
}

/// Adds the amounts of rows up exactly and rounds once.
fn added_up(
    rows: &[&Cells],
    from: &AmountFrom,
    currency: impl Fn() -> Result<Currency, RowError>,
    turned: bool,
) -> Result<Amounts, Fault> {
    let column = from.column();
    let mut sum: Option<Decimal> = None;
    let mut shares = Vec::new();
    let mut unit = None;
    for (index, row) in rows.iter().enumerate() {
        let refuse = |why: String| (index, refused(column, "amount", &why));
        let cell = column.cell(row);
        if cell.is_empty() {
            shares.push(None);
            continue;
        }
        let currency = match unit {
            Some(currency) => currency,
            None => currency().map_err(|error| (index, error))?,
        };
        unit = Some(currency);
        let value = match &from.value {
            ValueFrom::Column(_) => {
                let plain = if from.digits == Digits::default() {
                    Cow::Borrowed(cell)
                } else {
                    Cow::Owned(from.digits.plain(cell).map_err(refuse)?)
                };
                exact(Money::parse(&plain, currency).map_err(|error| refuse(error.to_string()))?)
            }
            ValueFrom::Product { quantity, .. } => {
                let pieces = needed(row, quantity, "amount").map_err(|error| (index, error))?;
                let pieces =
                    from.digits.plain(pieces).map_err(|why| (index, refused(quantity, "amount", &why)))?;
                let price = from.digits.plain(cell).map_err(refuse)?;
                product(&price, &pieces).map_err(refuse)?
            }
        };
        let value = if turned { -value } else { value };
        shares.push(rounded(value, currency).ok());
        let more = sum.unwrap_or_default().checked_add(value);
        sum = Some(more.ok_or_else(|| refuse("the sum has too many digits".into()))?);
    }
    let (Some(sum), Some(currency)) = (sum, unit) else { return Ok((None, shares)) };
    let total = rounded(sum, currency).map_err(|why| (0, refused(column, "amount", &why)))?;
    Ok((Some(total), shares))
}

fn needed<'a>(cells: &'a Cells, column: &Column, field: &str) -> Result<&'a str, RowError> {
    match column.cell(cells) {
        "" => Err(refused(column, field, "it is empty")),
        cell => Ok(cell),
    }
}

fn needed_text<'a>(cells: &'a Cells, column: &Column, field: &str) -> Result<&'a str, RowError> {
    needed(cells, column, field).map(unguarded)
}

/// The text of a field; none for an empty cell.
fn text(cells: &Cells, source: Option<&Source>) -> Option<String> {
    match source? {
        Source::Value(value) => Some(value.clone()),
        Source::Column(column) => match column.cell(cells) {
            "" => None,
            cell => Some(unguarded(cell).to_owned()),
        },
    }
}

fn integer(cells: &Cells, source: &Source, field: &str) -> Result<Option<i64>, RowError> {
    let (column, text) = match source {
        Source::Value(value) => ("", value.as_str()),
        Source::Column(column) => (column.name(), column.cell(cells)),
    };
    if text.is_empty() {
        return Ok(None);
    }
    match whole(text) {
        Ok(number) => Ok(Some(number)),
        Err(why) => Err(RowError::Cell { column: column.into(), field: field.into(), why: why.into() }),
    }
}

fn whole(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| format!("{} is not a whole number of 64 bits", quoted(text)))
}

/// The value of a property. The cell is not repeated in the reason: properties may be personal.
fn property(cell: &str, from: &DataFrom) -> Result<Value, String> {
    match &from.reads {
        DataType::Text => Ok(unguarded(cell).into()),
        DataType::Integer => {
            cell.parse::<i64>().map(Value::from).map_err(|_| "not a whole number of 64 bits".into())
        }
        DataType::Boolean => match cell {
            "true" | "1" => Ok(true.into()),
            "false" | "0" => Ok(false.into()),
            _ => Err("not one of true, false, 1, 0".into()),
        },
        DataType::Decimal => {
            let digits = cell.strip_prefix(['-', '+']).unwrap_or(cell);
            let (units, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
            let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            if plain(units) && plain(fraction) {
                Ok(cell.into())
            } else {
                Err("not a plain decimal such as 14.77".into())
            }
        }
        DataType::Json => {
            json::parse(cell).map_err(|error| format!("not JSON (column {} of the cell)", error.column))
        }
        DataType::Time(format) => match format.read(cell) {
            Ok(time) => Ok(time.at.to_string().into()),
            Err(_) => {
                Err(format!("not a time of the format \"{}\" in the years 1970 to 9999", format.text()))
            }
        },
    }
}

/// The order line of a row; none where both its cells are empty.
fn order_line(
    cells: &Cells,
    from: &LinesFrom,
    share: Option<Money>,
    turned: bool,
) -> Result<Option<Value>, RowError> {
    let field = "data.lines";
    let sku = text(cells, Some(&from.sku));
    let quantity = integer(cells, &from.quantity, field)?;
    let (sku, quantity) = match (sku, quantity) {
        (Some(sku), Some(quantity)) => (sku, quantity),
        (None, None) => return Ok(None),
        (None, Some(_)) => return Err(half_line(&from.sku, "it is empty, but the quantity is not")),
        // A constant article alone says nothing: the row has no line.
        (Some(_), None) if matches!(from.sku, Source::Value(_)) => return Ok(None),
        (Some(_), None) => return Err(half_line(&from.quantity, "it is empty, but the article is not")),
    };
    let quantity = if turned { quantity.saturating_neg() } else { quantity };
    let line = OrderLine { amount: share, ..OrderLine::new(&sku, quantity) };
    Ok(serde_json::to_value(line).ok())
}

fn half_line(source: &Source, why: &str) -> RowError {
    match source {
        Source::Column(column) => refused(column, "data.lines", why),
        Source::Value(_) => RowError::Cell { column: "".into(), field: "data.lines".into(), why: why.into() },
    }
}
