//! Which column of a CSV file is which field of a fact: a TOML file.

pub(crate) mod amount;
mod column;
mod kind;
mod rule;

use core::fmt;
use std::collections::BTreeMap;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer};
use tenure_core::{CustomerKey, Kind, Privacy, Zone};

pub(crate) use self::amount::{AmountFrom, CurrencyFrom, Per, ValueFrom};
pub(crate) use self::column::Column;
pub(crate) use self::kind::{KindFrom, KindName};
pub(crate) use self::rule::{Rule, Then};

use crate::encoding::Encoding;
use crate::error::MappingError;
use crate::recipe::{Format, Recipe};
use crate::time_format::TimeFormat;

/// How the rows of a CSV file become facts, one row one fact unless `group_by` says otherwise.
///
/// Columns are named as the header names them, exactly. An empty cell means that the field is absent, except where a
/// fact cannot be without it.
///
/// ```toml
/// name = "shop"                    # required: becomes context.source
/// namespace = "shop"               # of plain customers and, unless a batch key is given, of the import; default "default"
/// delimiter = ";"                  # one ASCII character, default ","
///
/// kind = "order_placed"            # required: one kind for all rows, or
/// # kind = { column = "type" }                                      # the kind stands in a cell
/// # kind = { column = "type", map = { buy = "order_placed", bye = "churn_confirmed" } }   # or the shop's word for it
/// # kind = { column = "no", prefix = { C = "order_refunded" }, other = "order_placed" }   # or how the cell begins
///
/// [customer]                       # required: a UUID, namespace:value or a plain value of the namespace
/// column = "buyer"
///
/// [occurred_at]                    # required
/// column = "paid"
/// format = "%Y-%m-%d %H:%M"        # as chrono's strftime; or rfc3339, unix (seconds), unix_ms
/// zone = "Asia/Shanghai"           # required unless the format has an offset (%z) or is one of the three words
///
/// [amount]                         # a plain decimal such as 14.77; never a float
/// column = "total"
/// currency = "CNY"                 # or: currency_column = "currency"
/// # price = "unit_price"           # instead of column: the exact product of the two, rounded once, half to even
/// # quantity = "pieces"
/// # decimal = ","                  # default "."
/// # thousands = "."                # default none: groups of three digits are refused, never guessed
/// # refunds = "negative"           # rows of order_refunded carry the sign; amounts and quantities are turned round
///
/// [subject]                        # subject, number (whole), channel, actor: a column, or one value for all rows
/// column = "order_no"
///
/// [channel]
/// value = "web"
///
/// [data]                           # properties; type: text (default), integer, boolean, decimal, json, time
/// gift = { column = "is_gift", type = "boolean" }
/// due_at = { column = "due", type = "time", format = "%Y-%m-%d", zone = "Asia/Shanghai" }
///
/// [lines]                          # one order line a row, for data.lines
/// sku = { column = "article" }
/// quantity = { column = "pieces" }
///
/// [id]                             # where rows have an id of their own; an empty cell is as no id
/// column = "event_id"              # a UUID, or, with source, any text: the UUIDv5 of source:text
/// # source = "crm"
/// ```
///
/// `id_from = ["order_no"]` at the top names the columns that tell rows apart for rows without an id of their own:
/// see [`RowDigest`](crate::RowDigest).
///
/// `group_by = ["order_no"]` makes one fact of the rows that are equal in these columns, wherever they stand in the file,
/// as in an export with a row for each line of an order. Amounts and `[lines]` are gathered (an amount `per = "group"` is
/// that of the whole), the time is the earliest, of every other column the first cell that is not empty counts. Rows
/// that name another customer, kind or currency, and rows that cannot be read, refuse the whole group.
/// `equal_lines = "drop"` takes a row that equals an earlier one of its group for a duplicate.
///
/// ```toml
/// encoding = "gb18030"             # at the top; default "utf8"
///
/// [[rule]]                         # rows that are no facts; the first rule that fits decides
/// reason = "zero_price"            # what the summary of an import counts them under
/// column = "price"
/// is = "zero"                      # or empty, negative; or one_of = ["a", "b"]; or begins = "T"
/// then = "leave_out"               # or quarantine
/// # whole = true                   # asked of a group: by its first cell that is not empty
///
/// [[also]]                         # a further fact of the same row, where its amount is there and not zero
/// kind = "order_refunded"
/// amount = { column = "refunded", currency = "EUR" }
/// # occurred_at = { ... }          # default: when the first fact happened
/// ```
///
/// Wherever a column is named, several may be, as in `column = ["sku", "name"]`: the first cell that is not empty counts. So
/// may several time formats, tried in order. `customer.pseudonym = true` is for a personal column, such as e-mail
/// addresses: the customer is a hash of it, and the text is kept nowhere. `data.x.optional = true` is for a column that may
/// be missing.
///
/// A date without a time of day is midnight at its start. A time that the clock of the zone shows twice is the first
/// of the two; one that it skips is as long after the gap began as it is in the gap. `boolean` reads `true`, `false`,
/// `1` and `0`; `decimal` stays text, so that no digit is lost. A leading `'` before one of `= + - @`, a tab or a
/// carriage return is taken off text cells: spreadsheet exports put it there.
///
/// # Example
/// ```
/// use tenure_ingest::Mapping;
/// let mapping = Mapping::parse("shop.toml", r#"
///     name = "shop"
///     kind = "signed_up"
///     customer = { column = "user" }
///     occurred_at = { column = "at", format = "rfc3339" }
/// "#)?;
/// assert_eq!((mapping.name(), mapping.namespace()), ("shop", "default"));
///
/// let error = Mapping::parse("shop.toml", "name = \"shop\"\nkinds = 1").unwrap_err();
/// assert!(error.to_string().starts_with("shop.toml: line 2: kinds: unknown field `kinds`, expected one of"));
/// # Ok::<(), tenure_ingest::MappingError>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    name: String,
    #[serde(default = "default_namespace")]
    namespace: String,
    #[serde(default)]
    delimiter: Delimiter,
    #[serde(default)]
    encoding: Encoding,
    pub(crate) kind: KindFrom,
    pub(crate) customer: CustomerFrom,
    pub(crate) occurred_at: TimeFrom,
    pub(crate) amount: Option<AmountFrom>,
    pub(crate) subject: Option<Source>,
    pub(crate) number: Option<Source>,
    pub(crate) channel: Option<Source>,
    pub(crate) actor: Option<Source>,
    #[serde(default)]
    pub(crate) data: BTreeMap<String, DataFrom>,
    pub(crate) lines: Option<LinesFrom>,
    pub(crate) id: Option<IdFrom>,
    #[serde(default)]
    pub(crate) id_from: Vec<Column>,
    #[serde(default)]
    pub(crate) group_by: Vec<Column>,
    #[serde(default)]
    pub(crate) equal_lines: EqualLines,
    #[serde(default, rename = "rule")]
    pub(crate) rules: Vec<Rule>,
    #[serde(default)]
    pub(crate) also: Vec<Also>,
}

/// The mappings that come with the crate: name and text.
const BUILTIN: &[(&str, &str)] = &[
    ("cdnow", include_str!("../../mappings/cdnow.toml")),
    ("generic_orders", include_str!("../../mappings/generic_orders.toml")),
    ("shopify_orders", include_str!("../../mappings/shopify_orders.toml")),
    ("uci_online_retail", include_str!("../../mappings/uci_online_retail.toml")),
];

impl Mapping {
    /// The names of the mappings that come with the crate.
    pub fn builtin_names() -> impl Iterator<Item = &'static str> {
        BUILTIN.iter().map(|(name, _)| *name)
    }

    /// A mapping that comes with the crate; none of that name: see [`Self::builtin_names`].
    ///
    /// # Example
    /// ```
    /// use tenure_ingest::Mapping;
    /// assert_eq!(Mapping::builtin("cdnow").unwrap().namespace(), "cdnow");
    /// assert!(Mapping::builtin("unheard-of").is_none());
    /// ```
    pub fn builtin(name: &str) -> Option<Self> {
        let (name, text) = BUILTIN.iter().find(|(builtin, _)| *builtin == name)?;
        // A test reads every one of them.
        Self::parse(name, text).ok()
    }

    /// Reads a mapping; `file` is named in errors and not opened.
    ///
    /// # Errors
    /// [`MappingError`] with file, line, place, and what is allowed there.
    pub fn parse(file: &str, text: &str) -> Result<Self, MappingError> {
        let syntax = |error: &toml::de::Error, path: &str| MappingError::Text {
            file: file.into(),
            line: line_of(text, error.span().map_or(0, |span| span.start)),
            path: if path == "." || path.is_empty() { "".into() } else { format!("{path}: ").into() },
            why: error.message().trim_end().into(),
        };
        let reader = toml::Deserializer::parse(text).map_err(|error| syntax(&error, ""))?;
        let mapping: Self = serde_path_to_error::deserialize(reader)
            .map_err(|error| syntax(error.inner(), &error.path().to_string()))?;
        match mapping.check() {
            Ok(()) => Ok(mapping),
            Err((path, why)) => {
                Err(MappingError::Unfit { file: file.into(), path: path.into(), why: why.into() })
            }
        }
    }

    /// The name of the mapping: `context.source` of its facts.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The namespace of plain customers.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// What the ids of rows depend on under this mapping.
    pub fn recipe(&self) -> Recipe {
        Recipe {
            format: Format::Csv,
            time_column: self.occurred_at.column.shown(),
            time_format: self.occurred_at.format.text(),
            zone: self.occurred_at.format.zone().map(|zone| zone.to_string()),
            id_from: self.id_from.iter().map(Column::shown).collect(),
            group_by: self.group_by.iter().map(Column::shown).collect(),
        }
    }

    /// Whether several rows make one fact, so that reading in bounded memory needs [`GroupSizes`](crate::GroupSizes).
    pub const fn is_grouped(&self) -> bool {
        !self.group_by.is_empty()
    }

    /// The same mapping for a file with another separator, encoding or zone; what is none stays as it is.
    pub(crate) fn adjusted(
        &self,
        delimiter: Option<u8>,
        encoding: Option<Encoding>,
        zone: Option<Zone>,
    ) -> Self {
        let mut mapping = self.clone();
        if let Some(delimiter) = delimiter {
            mapping.delimiter = Delimiter(delimiter);
        }
        if let Some(encoding) = encoding {
            mapping.encoding = encoding;
        }
        if let Some(zone) = zone {
            mapping.occurred_at.format.set_zone(zone);
            for from in mapping.data.values_mut() {
                if let DataType::Time(format) = &mut from.reads {
                    format.set_zone(zone);
                }
            }
            for also in &mut mapping.also {
                if let Some(time) = &mut also.occurred_at {
                    time.format.set_zone(zone);
                }
            }
        }
        mapping
    }

    pub(crate) const fn delimiter(&self) -> u8 {
        self.delimiter.0
    }

    pub(crate) const fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// What holds between the parts.
    fn check(&self) -> Result<(), (String, String)> {
        let refuse = |path: &str, why: String| Err((path.to_owned(), why));
        if self.name.is_empty() || self.name.len() > 64 || self.name.chars().any(char::is_control) {
            return refuse("name", "a name is 1 to 64 bytes without control characters".into());
        }
        if let Err(error) = CustomerKey::new(&self.namespace, "x") {
            return refuse("namespace", error.to_string());
        }
        if let Some(name) = self.data.keys().find(|name| name.starts_with('$')) {
            return refuse(
                &format!("data.{name}"),
                "names that begin with $ are reserved for sealed fields".into(),
            );
        }
        if self.lines.is_some() && self.data.contains_key("lines") {
            return refuse("data.lines", "it is made by [lines] already; keep one of the two".into());
        }
        if self.is_grouped() && !self.id_from.is_empty() {
            let why = "the columns of group_by tell facts apart already; leave id_from out";
            return refuse("id_from", why.into());
        }
        if self.is_grouped() && self.id.is_some() {
            return refuse("id", "the columns of group_by give the id of a group; leave [id] out".into());
        }
        if !self.is_grouped() {
            let why = "it goes with group_by only";
            if self.equal_lines == EqualLines::Drop {
                return refuse("equal_lines", why.into());
            }
            if let Some(index) = self.rules.iter().position(|rule| rule.whole) {
                return refuse(&format!("rule[{index}].whole"), why.into());
            }
            if self.amount.as_ref().is_some_and(|amount| amount.per == Per::Group) {
                return refuse("amount.per", why.into());
            }
        }
        for (list, columns) in [("id_from", &self.id_from), ("group_by", &self.group_by)] {
            for (index, column) in columns.iter().enumerate() {
                let path = format!("{list}[{index}]");
                let name = column.name();
                if columns.iter().take(index).any(|other| other.name() == name) {
                    return refuse(&path, format!("\"{name}\" is named twice"));
                }
                if let Some(field) = self.sealed_as(name) {
                    let why = format!(
                        "\"{name}\" is mapped to {field}, which is personal: ids are never made of that"
                    );
                    return refuse(&path, why);
                }
            }
        }
        Ok(())
    }

    /// The personal field that a column is mapped to, so that no id is made of the cell.
    ///
    /// It must not depend on the row, or the ids of a file would change with what its rows mean. So where the kind
    /// stands in a column, what is personal in one possible kind is left out for all.
    pub(crate) fn sealed_as(&self, column: &str) -> Option<String> {
        if self.customer.pseudonym && self.customer.column.is_named(column) {
            return Some("customer, under a pseudonym".into());
        }
        let of_column = |from: &DataFrom| from.column.as_ref().is_some_and(|named| named.is_named(column));
        let personal = |name: &str| self.kind.possible(|kind| sealed_property(kind, name));
        let found = self.data.iter().find(|(name, from)| of_column(from) && personal(name));
        found.map(|(name, _)| format!("data.{name}"))
    }

    /// Every column named, with its place in the mapping.
    pub(crate) fn each_column<E>(
        &mut self,
        mut with: impl FnMut(&str, &mut Column) -> Result<(), E>,
    ) -> Result<(), E> {
        if let KindFrom::Column { column, .. } = &mut self.kind {
            with("kind.column", column)?;
        }
        with("customer.column", &mut self.customer.column)?;
        with("occurred_at.column", &mut self.occurred_at.column)?;
        if let Some(amount) = &mut self.amount {
            amount.each_column("amount", &mut with)?;
        }
        let sources = [
            ("subject.column", &mut self.subject),
            ("number.column", &mut self.number),
            ("channel.column", &mut self.channel),
            ("actor.column", &mut self.actor),
        ];
        for (path, source) in sources {
            if let Some(Source::Column(column)) = source {
                with(path, column)?;
            }
        }
        for (name, from) in &mut self.data {
            if let Some(column) = &mut from.column {
                with(&format!("data.{name}.column"), column)?;
            }
        }
        if let Some(lines) = &mut self.lines {
            for (path, source) in
                [("lines.sku.column", &mut lines.sku), ("lines.quantity.column", &mut lines.quantity)]
            {
                if let Source::Column(column) = source {
                    with(path, column)?;
                }
            }
        }
        if let Some(id) = &mut self.id {
            with("id.column", &mut id.column)?;
        }
        for (path, columns) in [("id_from", &mut self.id_from), ("group_by", &mut self.group_by)] {
            for (index, column) in columns.iter_mut().enumerate() {
                with(&format!("{path}[{index}]"), column)?;
            }
        }
        for (index, rule) in self.rules.iter_mut().enumerate() {
            with(&format!("rule[{index}].column"), &mut rule.column)?;
        }
        for (index, also) in self.also.iter_mut().enumerate() {
            if let Some(time) = &mut also.occurred_at {
                with(&format!("also[{index}].occurred_at.column"), &mut time.column)?;
            }
            also.amount.each_column(&format!("also[{index}].amount"), &mut with)?;
        }
        Ok(())
    }

    /// The column that a field of a fact comes from; none for a constant or an absent one.
    pub(crate) fn column_of(&self, field: &str) -> Option<&str> {
        let source = match field {
            "kind" => match &self.kind {
                KindFrom::Column { column, .. } => return Some(column.name()),
                KindFrom::Value(_) => return None,
            },
            "customer" => return Some(self.customer.column.name()),
            "occurred_at" => return Some(self.occurred_at.column.name()),
            "amount" => return self.amount.as_ref().map(AmountFrom::name),
            "subject" => &self.subject,
            "number" => &self.number,
            "channel" => &self.channel,
            "actor" => &self.actor,
            _ => {
                let name = field.strip_prefix("data.")?;
                return self.data.get(name)?.column.as_ref().map(Column::name);
            }
        };
        match source {
            Some(Source::Column(column)) => Some(column.name()),
            _ => None,
        }
    }
}

/// Whether a property of a kind is personal: sealed in stores, and so no part of what an id is made of.
pub(crate) fn sealed_property(kind: &str, name: &str) -> bool {
    Kind::named(kind).unwrap_or(Kind::Foreign).property_privacy(name) != Privacy::Plain
}

fn default_namespace() -> String {
    "default".into()
}

/// The line, from 1, of a place in a text.
fn line_of(text: &str, byte: usize) -> usize {
    1 + text.bytes().take(byte).filter(|b| *b == b'\n').count()
}

/// The byte between cells.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Delimiter(u8);

impl Default for Delimiter {
    fn default() -> Self {
        Self(b',')
    }
}

impl TryFrom<String> for Delimiter {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_bytes() {
            [b'"' | b'\r' | b'\n' | 0] => Err("the delimiter cannot be a quote, a line end or NUL"),
            [byte] if byte.is_ascii() => Ok(Self(*byte)),
            _ => Err("the delimiter is one ASCII character, such as \",\", \";\" or \"\\t\""),
        }
    }
}

/// A value written in the mapping; numbers and booleans as the text they are written as.
#[derive(Clone, Debug)]
pub(crate) struct Constant(String);

impl<'de> Deserialize<'de> for Constant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Scalar;
        impl Visitor<'_> for Scalar {
            type Value = Constant;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a whole number or a boolean (write decimals as text)")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Constant, E> {
                if text.is_empty() {
                    return Err(E::custom("the value is empty; leave the field out instead"));
                }
                Ok(Constant(text.into()))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Constant, E> {
                Ok(Constant(number.to_string()))
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Constant, E> {
                Ok(Constant(value.to_string()))
            }
        }
        deserializer.deserialize_any(Scalar)
    }
}

/// A field from a column, or the same in all rows.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "RawSource")]
pub(crate) enum Source {
    Column(Column),
    Value(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSource {
    column: Option<Column>,
    value: Option<Constant>,
}

impl TryFrom<RawSource> for Source {
    type Error = &'static str;

    fn try_from(raw: RawSource) -> Result<Self, Self::Error> {
        match (raw.column, raw.value) {
            (Some(column), None) => Ok(Self::Column(column)),
            (None, Some(value)) => Ok(Self::Value(value.0)),
            _ => Err("write either column = \"...\" or value = \"...\""),
        }
    }
}

/// Who it is about.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CustomerFrom {
    pub(crate) column: Column,
    /// Whether the cell is personal, such as an e-mail address: then the customer is known by a hash of it, and the
    /// cell itself is kept nowhere.
    #[serde(default)]
    pub(crate) pseudonym: bool,
}

/// What becomes of a line of a group that equals an earlier one in every cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EqualLines {
    /// It is a line as any other: an article that went over the till twice.
    #[default]
    Keep,
    /// It is a duplicate.
    Drop,
}

/// A further fact of the same record, for the same customer and about the same subject, where its amount is there and
/// not zero.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Also {
    pub(crate) kind: KindName,
    pub(crate) amount: AmountFrom,
    /// When, where it is not when the first fact happened.
    pub(crate) occurred_at: Option<TimeFrom>,
}

/// A column of times.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "RawTime")]
pub(crate) struct TimeFrom {
    pub(crate) column: Column,
    pub(crate) format: TimeFormat,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTime {
    column: Column,
    format: OneOrMore,
    zone: Option<Zone>,
}

/// One text, or several.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a text or a list of texts")]
pub(crate) enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    pub(crate) fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::More(texts) => texts,
        }
    }
}

impl TryFrom<RawTime> for TimeFrom {
    type Error = String;

    fn try_from(raw: RawTime) -> Result<Self, Self::Error> {
        Ok(Self { column: raw.column, format: TimeFormat::any_of(&raw.format.into_vec(), raw.zone)? })
    }
}

/// How a property is read.
#[derive(Clone, Debug)]
pub(crate) enum DataType {
    Text,
    Integer,
    Boolean,
    Decimal,
    Json,
    Time(Box<TimeFormat>),
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TypeName {
    #[default]
    Text,
    Integer,
    Boolean,
    Decimal,
    Json,
    Time,
}

/// A property of `data`.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "RawData")]
pub(crate) struct DataFrom {
    /// Absent for a constant.
    pub(crate) column: Option<Column>,
    /// The constant; empty for a column.
    pub(crate) value: String,
    pub(crate) reads: DataType,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawData {
    column: Option<Column>,
    value: Option<Constant>,
    #[serde(default, rename = "type")]
    reads: TypeName,
    format: Option<OneOrMore>,
    zone: Option<Zone>,
    #[serde(default)]
    optional: bool,
}

impl TryFrom<RawData> for DataFrom {
    type Error = String;

    fn try_from(raw: RawData) -> Result<Self, Self::Error> {
        let (column, value) = match Source::try_from(RawSource { column: raw.column, value: raw.value })? {
            Source::Column(column) => (Some(Column { optional: raw.optional, ..column }), String::new()),
            Source::Value(_) if raw.optional => return Err("optional goes with a column only".into()),
            Source::Value(value) => (None, value),
        };
        let reads = match raw.reads {
            TypeName::Time => {
                let format =
                    raw.format.ok_or("a property of type time needs a format, such as \"%Y-%m-%d\"")?;
                DataType::Time(Box::new(TimeFormat::any_of(&format.into_vec(), raw.zone)?))
            }
            _ if raw.format.is_some() || raw.zone.is_some() => {
                return Err("format and zone go with type = \"time\" only".into());
            }
            TypeName::Text => DataType::Text,
            TypeName::Integer => DataType::Integer,
            TypeName::Boolean => DataType::Boolean,
            TypeName::Decimal => DataType::Decimal,
            TypeName::Json => DataType::Json,
        };
        Ok(Self { column, value, reads })
    }
}

/// The one order line of a row.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinesFrom {
    pub(crate) sku: Source,
    pub(crate) quantity: Source,
    /// Whether a line says its share of the amount, too: rounded for itself.
    #[serde(default)]
    pub(crate) amount: bool,
}

/// The id that a row has of its own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IdFrom {
    pub(crate) column: Column,
    /// The system whose id it is, where it is no UUID.
    pub(crate) source: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "name = \"shop\"\nkind = \"signed_up\"\ncustomer = { column = \"user\" }\n\
                         occurred_at = { column = \"at\", format = \"rfc3339\" }\n";

    #[test]
    fn every_builtin_mapping_can_be_read_and_is_named_as_it_is() {
        for name in Mapping::builtin_names() {
            assert_eq!(Mapping::builtin(name).unwrap().name(), name);
        }
    }

    #[test]
    fn an_error_names_file_line_place_and_what_is_allowed() {
        for (more, line, parts) in [
            ("kindd = 1", 5, &["kindd", "unknown field `kindd`", "`kind`"][..]),
            ("[amount]\ncolumn = \"x\"", 5, &["amount: ", "currency_column"]),
            (
                "[amount]\ncolumn = \"x\"\ncurrency = \"usd\"",
                7,
                &["amount.currency: ", "\"usd\" is not an ISO 4217"],
            ),
            ("[subject]\ncolum = \"x\"", 6, &["subject.colum: ", "`column`", "`value`"]),
            ("delimiter = \"ab\"", 5, &["delimiter: ", "one ASCII character"]),
            ("[data]\nx = { column = \"x\", type = \"float\" }", 6, &["data.x.type: ", "`decimal`"]),
            ("[data]\nx = { column = \"x\", type = \"time\" }", 6, &["data.x: ", "needs a format"]),
            ("[data]\nx = { column = \"x\", zone = \"UTC\" }", 6, &["data.x: ", "type = \"time\" only"]),
            ("[number]\nvalue = 1.5", 6, &["number.value: ", "whole number"]),
            ("[lines]\nsku = { value = \"a\" }", 5, &["lines: ", "missing field `quantity`"]),
            ("id_from = [\"\"]", 5, &["id_from", "not empty"]),
            ("x", 5, &["expected"]),
        ] {
            let error = Mapping::parse("shop.toml", &format!("{PLAIN}{more}")).unwrap_err();
            let text = error.to_string();
            assert!(text.starts_with(&format!("shop.toml: line {line}: ")), "{more:?}: {text}");
            for part in parts {
                assert!(text.contains(part), "{more:?}: {text} has no {part:?}");
            }
        }
    }

    #[test]
    fn a_missing_part_is_named() {
        let text = PLAIN.replace("customer = { column = \"user\" }\n", "");
        let error = Mapping::parse("shop.toml", &text).unwrap_err().to_string();
        assert!(error.contains("missing field `customer`"), "{error}");
    }

    #[test]
    fn a_time_without_zone_or_offset_is_refused_at_its_place() {
        let text = PLAIN.replace("rfc3339", "%Y-%m-%d");
        let error = Mapping::parse("shop.toml", &text).unwrap_err().to_string();
        assert!(
            error.starts_with("shop.toml: line 4: occurred_at: ") && error.contains("add zone"),
            "{error}"
        );
    }

    #[test]
    fn a_kind_is_a_name_or_a_column_with_words() {
        let with = |kind: &str| Mapping::parse("m", &PLAIN.replace("\"signed_up\"", kind));
        assert!(with("{ column = \"type\" }").is_ok());
        assert!(with("{ column = \"type\", map = { buy = \"order_placed\" } }").is_ok());
        for (bad, part) in [
            ("\"Order placed\"", "not a kind"),
            ("5", "the name of a kind or"),
            ("{ colum = \"type\" }", "`column`"),
            ("{ column = \"type\", map = { buy = \"Order\" } }", "not a kind"),
        ] {
            let error = with(bad).unwrap_err().to_string();
            assert!(error.starts_with("m: line 2: kind") && error.contains(part), "{error}");
        }
    }

    #[test]
    fn parts_that_do_not_fit_together_are_refused() {
        for (more, path) in [
            ("namespace = \"Shop\"", "namespace"),
            ("id_from = [\"a\", \"a\"]", "id_from[1]"),
            ("id_from = [\"a\"]\n[data]\nwhy = { column = \"a\" }", "id_from[0]"),
            ("[data]\n\"$x\" = { column = \"a\" }", "data.$x"),
            (
                "[data]\nlines = { column = \"a\" }\n[lines]\nsku = { value = 1 }\nquantity = { value = 1 }",
                "data.lines",
            ),
        ] {
            let error = Mapping::parse("m", &format!("{PLAIN}{more}")).unwrap_err().to_string();
            assert!(error.starts_with(&format!("m: {path}: ")), "{more:?}: {error}");
        }
    }

    #[test]
    fn what_is_personal_in_a_possible_kind_is_sealed() {
        let data =
            "[data]\nname = { column = \"n\" }\nvalue = { column = \"v\" }\nreason = { column = \"r\" }\n";
        let sealed = |kind: &str| {
            let mapping =
                Mapping::parse("m", &format!("{}{data}", PLAIN.replace("\"signed_up\"", kind))).unwrap();
            ["n", "v", "r"].map(|column| mapping.sealed_as(column).is_some())
        };
        assert_eq!(sealed("\"signed_up\""), [false, false, true]);
        assert_eq!(sealed("\"profile_updated\""), [true, true, true]);
        assert_eq!(sealed("\"identity_linked\""), [false, true, true]);
        assert_eq!(sealed("{ column = \"k\", map = { a = \"signed_up\" } }"), [false, false, true]);
        assert_eq!(sealed("{ column = \"k\" }"), [true, true, true]);
    }
}
