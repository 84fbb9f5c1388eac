//! From the cells of a record to a fact, as a mapping says.

use serde_json::{Map, Value};
use tenure_core::{
    Context, Currency, Customer, EventId, Kind, Line, LineError, Money, OrderLine, Wire, json,
};

use crate::csv::Cells;
use crate::error::{ReadError, RowError};
use crate::formula::unguarded;
use crate::mapping::{Column, CurrencyFrom, DataFrom, DataType, KindFrom, LinesFrom, Mapping, Source};
use crate::row_id::{Content, RowKey, Seen};
use crate::rows::{Draft, Told};
use crate::time_format::quoted;

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

impl Bound {
    pub(crate) fn new(mapping: &Mapping, namespace: &str, header: &Cells) -> Result<Self, ReadError> {
        if header.len() > json::MAX_NAMES {
            return Err(ReadError::TooManyColumns { found: header.len() });
        }
        let mut mapping = mapping.clone();
        mapping.each_column(|path, column| {
            let mut places = header.iter().enumerate().filter(|(_, name)| *name == &*column.name);
            match (places.next(), places.next()) {
                (Some((index, _)), None) => {
                    column.index = index;
                    Ok(())
                }
                (Some(_), Some(_)) => {
                    Err(ReadError::ColumnTwice { path: path.into(), column: column.name.clone() })
                }
                (None, _) => {
                    let names: Vec<_> = header.iter().map(quoted).collect();
                    let (path, column) = (path.into(), column.name.clone());
                    Err(ReadError::Column { path, column, found: names.join(", ").into() })
                }
            }
        })?;
        let sealed = header.iter().map(|name| mapping.sealed_as(name).is_some()).collect();
        let header = header.iter().map(Into::into).collect();
        Ok(Self { mapping, header, sealed, namespace: namespace.into() })
    }

    pub(crate) fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// The column that a field comes from.
    pub(crate) fn column_of(&self, field: &str) -> Option<Box<str>> {
        self.mapping.column_of(field).map(Into::into)
    }

    pub(crate) fn read(&self, cells: &Cells, seen: &mut Seen) -> Result<Draft, RowError> {
        if cells.len() != self.header.len() {
            return Err(RowError::Cells { found: cells.len(), expected: self.header.len() });
        }
        let told = self.told(cells, seen)?;
        for (name, cell) in self.header.iter().zip(cells.iter()) {
            if let Some(why) = unfit(cell) {
                return Err(RowError::Cell { column: name.clone(), field: "".into(), why: why.into() });
            }
        }
        self.draft(cells, told)
    }

    /// What tells the record from others. Counted before the record is understood, so that a row keeps its number
    /// when an equal one is mended.
    fn told(&self, cells: &Cells, seen: &mut Seen) -> Result<Told, RowError> {
        if self.mapping.id.as_ref().is_some_and(|id| !cells.cell(id.column.index).is_empty()) {
            return Ok(Told::Own);
        }
        if let Some(first) = self.mapping.id_from.first() {
            let chosen = || self.mapping.id_from.iter().map(|column| cells.cell(column.index));
            if chosen().all(str::is_empty) {
                let why = "it is empty, and so is every other column of id_from";
                return Err(refused(first, "id", why));
            }
            return Ok(Told::Chosen { key: RowKey::of_chosen(chosen()), content: Content::of_cells(cells) });
        }
        let key = RowKey::of_cells(cells, |index| self.sealed.get(index).copied().unwrap_or_default());
        Ok(Told::Numbered { key, number: seen.number(&key) })
    }

    fn draft(&self, cells: &Cells, told: Told) -> Result<Draft, RowError> {
        let mapping = &self.mapping;
        let column = &mapping.customer.column;
        let customer = Customer::parse(needed_text(cells, column, "customer")?, &self.namespace)
            .map_err(|error| refused(column, "customer", &error.to_string()))?;

        let column = &mapping.occurred_at.column;
        let time = needed(cells, column, "occurred_at")?;
        let time =
            mapping.occurred_at.format.read(time).map_err(|why| refused(column, "occurred_at", &why))?;

        let mut wire = self.wire(cells)?;
        wire.subject = text(cells, mapping.subject.as_ref());
        wire.amount = self.amount(cells)?;
        wire.number = match &mapping.number {
            None => None,
            Some(source) => integer(cells, source, "number")?,
        };
        wire.actor = text(cells, mapping.actor.as_ref());
        wire.data = self.data(cells)?;
        let (id, cause) = self.own_id(cells)?;
        let line = Line {
            id,
            customer,
            occurred_at: time.at,
            recorded_at: None,
            channel: text(cells, mapping.channel.as_ref()),
            context: Context { causation_id: cause, ..Context::default() },
            wire,
        };
        Ok(Draft { line, id_at: time.as_utc, told })
    }

    /// An empty form of the row's kind.
    fn wire(&self, cells: &Cells) -> Result<Wire, RowError> {
        let name = match &self.mapping.kind {
            KindFrom::Value(kind) => &*kind.0,
            KindFrom::Column { column, map } => {
                let cell = needed(cells, column, "kind")?;
                match map.as_ref().map(|map| map.get(cell).ok_or(map)) {
                    None => cell,
                    Some(Ok(kind)) => &kind.0,
                    Some(Err(map)) => {
                        let words: Vec<_> = map.keys().map(|word| quoted(word)).collect();
                        let why = format!("{} is not one of {}", quoted(cell), words.join(", "));
                        return Err(refused(column, "kind", &why));
                    }
                }
            }
        };
        let mut wire = Wire::new(Kind::named(name).unwrap_or(Kind::Foreign));
        wire.kind = name.into();
        Ok(wire)
    }

    fn amount(&self, cells: &Cells) -> Result<Option<Money>, RowError> {
        let Some(from) = &self.mapping.amount else { return Ok(None) };
        let cell = cells.cell(from.column.index);
        if cell.is_empty() {
            return Ok(None);
        }
        let currency = match &from.currency {
            CurrencyFrom::Value(currency) => *currency,
            CurrencyFrom::Column(column) => needed(cells, column, "amount")?
                .parse::<Currency>()
                .map_err(|error| refused(column, "amount", &error.to_string()))?,
        };
        let amount = Money::parse(cell, currency);
        amount.map(Some).map_err(|error| refused(&from.column, "amount", &error.to_string()))
    }

    fn data(&self, cells: &Cells) -> Result<Map<String, Value>, RowError> {
        let mut data = Map::new();
        for (name, from) in &self.mapping.data {
            let cell = from.column.as_ref().map_or(&*from.value, |column| cells.cell(column.index));
            if cell.is_empty() {
                continue;
            }
            let value = property(cell, from).map_err(|why| {
                let column = from.column.as_ref().map(|column| column.name.clone()).unwrap_or_default();
                RowError::Cell { column, field: format!("data.{name}").into(), why: why.into() }
            })?;
            data.insert(name.clone(), value);
        }
        if let Some(lines) = &self.mapping.lines
            && let Some(line) = order_line(cells, lines)?
        {
            data.insert("lines".into(), Value::Array(vec![line]));
        }
        Ok(data)
    }

    /// The id that the row has of its own; with it, where another system gave it, that system's name for it.
    fn own_id(&self, cells: &Cells) -> Result<(Option<EventId>, Option<String>), RowError> {
        let Some(from) = &self.mapping.id else { return Ok((None, None)) };
        let cell = cells.cell(from.column.index);
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
    RowError::Cell { column: column.name.clone(), field: field.into(), why: why.into() }
}

fn needed<'a>(cells: &'a Cells, column: &Column, field: &str) -> Result<&'a str, RowError> {
    match cells.cell(column.index) {
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
        Source::Column(column) => match cells.cell(column.index) {
            "" => None,
            cell => Some(unguarded(cell).to_owned()),
        },
    }
}

fn integer(cells: &Cells, source: &Source, field: &str) -> Result<Option<i64>, RowError> {
    let (column, text) = match source {
        Source::Value(value) => ("", value.as_str()),
        Source::Column(column) => (&*column.name, cells.cell(column.index)),
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
fn order_line(cells: &Cells, from: &LinesFrom) -> Result<Option<Value>, RowError> {
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
    Ok(serde_json::to_value(OrderLine::new(&sku, quantity)).ok())
}

fn half_line(source: &Source, why: &str) -> RowError {
    match source {
        Source::Column(column) => refused(column, "data.lines", why),
        Source::Value(_) => RowError::Cell { column: "".into(), field: "data.lines".into(), why: why.into() },
    }
}
