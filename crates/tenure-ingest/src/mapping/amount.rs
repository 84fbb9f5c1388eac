//! The amount of a row: a cell, or a price times a quantity.

use rust_decimal::{Decimal, RoundingStrategy};
use serde::Deserialize;
use tenure_core::{Currency, Money};

use super::Column;
use crate::time_format::quoted;

/// Where an amount stands, what it is an amount of, and how its digits are written.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "RawAmount")]
pub(crate) struct AmountFrom {
    pub(crate) value: ValueFrom,
    pub(crate) currency: CurrencyFrom,
    pub(crate) digits: Digits,
    /// Whether rows of refunds carry the sign of what was paid back.
    pub(crate) refunds_negative: bool,
    pub(crate) per: Per,
}

/// What one cell of a group is the amount of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Per {
    /// Of its row: a group has the sum.
    #[default]
    Row,
    /// Of the whole group: it stands in one row, or equal in several.
    Group,
}

#[derive(Clone, Debug)]
pub(crate) enum ValueFrom {
    /// The amount itself.
    Column(Column),
    /// What one piece costs, and how many there are.
    Product { price: Column, quantity: Column },
}

#[derive(Clone, Debug)]
pub(crate) enum CurrencyFrom {
    Value(Currency),
    Column(Column),
}

/// How numbers are written in the file: the decimal mark, and the mark between groups of three digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digits {
    decimal: char,
    thousands: Option<char>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAmount {
    column: Option<Column>,
    price: Option<Column>,
    quantity: Option<Column>,
    currency: Option<Currency>,
    currency_column: Option<Column>,
    #[serde(default = "point")]
    decimal: char,
    thousands: Option<char>,
    #[serde(default)]
    refunds: Refunds,
    #[serde(default)]
    per: Per,
}

const fn point() -> char {
    '.'
}

/// The sign of the amounts of refunds in the file; in a fact they are never negative.
#[derive(Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Refunds {
    #[default]
    Positive,
    Negative,
}

impl TryFrom<RawAmount> for AmountFrom {
    type Error = &'static str;

    fn try_from(raw: RawAmount) -> Result<Self, Self::Error> {
        let value = match (raw.column, raw.price, raw.quantity) {
            (Some(column), None, None) => ValueFrom::Column(column),
            (None, Some(price), Some(quantity)) => ValueFrom::Product { price, quantity },
            _ => return Err("write either column = \"...\" or both price = \"...\" and quantity = \"...\""),
        };
        let currency = match (raw.currency, raw.currency_column) {
            (Some(currency), None) => CurrencyFrom::Value(currency),
            (None, Some(column)) => CurrencyFrom::Column(column),
            _ => return Err("write either currency = \"USD\" or currency_column = \"...\""),
        };
        if raw.per == Per::Group && matches!(value, ValueFrom::Product { .. }) {
            return Err("a price times a quantity is the amount of a row: leave per out");
        }
        let digits = Digits { decimal: raw.decimal, thousands: raw.thousands };
        if !matches!(digits.decimal, '.' | ',') {
            return Err("decimal is \".\" or \",\"");
        }
        if !matches!(digits.thousands, None | Some('.' | ',' | ' ' | '\'' | '\u{a0}' | '\u{202f}'))
            || digits.thousands == Some(digits.decimal)
        {
            return Err(
                "thousands is one of \".\", \",\", \"'\" and a space, and another character than decimal",
            );
        }
        Ok(Self { value, currency, digits, refunds_negative: raw.refunds == Refunds::Negative, per: raw.per })
    }
}

impl AmountFrom {
    /// The column whose cell is at fault where an amount is.
    pub(crate) fn name(&self) -> &str {
        self.column().name()
    }

    /// The column that says that there is an amount.
    pub(crate) const fn column(&self) -> &Column {
        match &self.value {
            ValueFrom::Column(column) | ValueFrom::Product { price: column, .. } => column,
        }
    }

    pub(super) fn each_column<E>(
        &mut self,
        path: &str,
        with: &mut impl FnMut(&str, &mut Column) -> Result<(), E>,
    ) -> Result<(), E> {
        match &mut self.value {
            ValueFrom::Column(column) => with(&format!("{path}.column"), column)?,
            ValueFrom::Product { price, quantity } => {
                with(&format!("{path}.price"), price)?;
                with(&format!("{path}.quantity"), quantity)?;
            }
        }
        match &mut self.currency {
            CurrencyFrom::Column(column) => with(&format!("{path}.currency_column"), column),
            CurrencyFrom::Value(_) => Ok(()),
        }
    }
}

impl Default for Digits {
    fn default() -> Self {
        Self { decimal: '.', thousands: None }
    }
}

impl Digits {
    pub(crate) const fn new(decimal: char, thousands: Option<char>) -> Self {
        Self { decimal, thousands }
    }

    /// The number in the plain spelling with a point that [`Money::parse`] reads. Groups are of three digits, or the
    /// number is refused: `1.234` is either a thousand or one and a bit, and a guess would be a thousandfold error.
    ///
    /// # Errors
    /// Why it is no number in this spelling.
    pub(crate) fn plain(self, cell: &str) -> Result<String, String> {
        let refuse = |why: &str| Err(format!("{} {why}", quoted(cell)));
        let (sign, digits) = match cell.strip_prefix('-') {
            Some(digits) => ("-", digits),
            None => ("", cell),
        };
        let (whole, fraction) = match digits.split_once(self.decimal) {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (digits, None),
        };
        let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let whole = match self.thousands {
            Some(mark) if whole.contains(mark) => {
                let groups: Vec<&str> = whole.split(mark).collect();
                let first = groups.first().is_some_and(|first| (1..=3).contains(&first.len()));
                if !first || groups.iter().skip(1).any(|group| group.len() != 3) {
                    return refuse("has groups that are not of three digits");
                }
                groups.concat()
            }
            _ => whole.to_owned(),
        };
        if !plain(&whole) || fraction.is_some_and(|fraction| !plain(fraction)) {
            let (decimal, example) = (self.decimal, if self.decimal == ',' { "14,77" } else { "14.77" });
            return refuse(&format!(
                "is not a plain number such as {example} (the decimal mark is \"{decimal}\")"
            ));
        }
        Ok(match fraction {
            Some(fraction) => format!("{sign}{whole}.{fraction}"),
            None => format!("{sign}{whole}"),
        })
    }
}

/// The exact product of a price and a quantity, both plain numbers.
///
/// # Errors
/// Why there is none.
pub(crate) fn product(price: &str, quantity: &str) -> Result<Decimal, String> {
    let number = |text: &str| {
        Decimal::from_str_exact(text).map_err(|_| format!("{} has too many digits", quoted(text)))
    };
    let product = number(price)?.checked_mul(number(quantity)?);
    product.ok_or_else(|| "price times quantity has too many digits".to_owned())
}

/// An amount as an exact number.
pub(crate) fn exact(money: Money) -> Decimal {
    Decimal::new(money.minor, money.currency.decimals())
}

/// An exact value in minor units, a half to the even neighbour: rounded once, when all is added up.
///
/// # Errors
/// Beyond 64 bits of minor units.
pub(crate) fn rounded(value: Decimal, currency: Currency) -> Result<Money, String> {
    let scaled = value.round_dp_with_strategy(currency.decimals(), RoundingStrategy::MidpointNearestEven);
    Money::parse(&scaled.normalize().to_string(), currency).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_the_file_writes_them_and_never_guessed() {
        let read = |decimal, thousands, cell| Digits { decimal, thousands }.plain(cell);
        assert_eq!(read('.', None, "-14.77").as_deref(), Ok("-14.77"));
        assert_eq!(read(',', Some('.'), "1.234.567,89").as_deref(), Ok("1234567.89"));
        assert_eq!(read(',', None, "14,7").as_deref(), Ok("14.7"));
        assert_eq!(read('.', Some(','), "1,234").as_deref(), Ok("1234"));
        for (decimal, thousands, cell) in [
            ('.', None, "14,77"),
            ('.', None, "1,234.00"),
            (',', None, "1.234"),
            (',', Some('.'), "1.23"),
            (',', Some('.'), ".234"),
            (',', Some('.'), "1234.567"),
            ('.', Some(','), "1,,234"),
            ('.', None, "１４.77"),
            ('.', None, "1e3"),
            ('.', None, "NaN"),
            ('.', None, "+1"),
            ('.', None, "."),
            ('.', None, ""),
        ] {
            assert!(read(decimal, thousands, cell).is_err(), "{cell:?}");
        }
    }

    #[test]
    fn what_is_added_up_is_rounded_once_and_a_half_to_the_even_neighbour() {
        let pounds: Currency = "GBP".parse().unwrap();
        let minor =
            |text: &str| rounded(Decimal::from_str_exact(text).unwrap(), pounds).map(|money| money.minor);
        assert_eq!((minor("0.005"), minor("0.015"), minor("-0.025")), (Ok(0), Ok(2), Ok(-2)));
        assert_eq!(product("0.005", "3").map(|sum| sum.to_string()), Ok("0.015".into()));
        assert!(product("79228162514264337593543950335", "2").is_err());
        assert!(minor("99999999999999999999").is_err());
    }
}
