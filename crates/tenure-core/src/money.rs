//! Money in integer minor units, read from decimal text, never from floats.

use core::cmp::Ordering;
use core::fmt;
use core::str::FromStr;

use crate::near::did_you_mean;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

use crate::text::excerpt;

/// An ISO 4217 currency, such as `USD`, `CNY`, `JPY` or `KWD`.
///
/// # Example
/// ```
/// use tenure_core::Currency;
/// let yen: Currency = "JPY".parse()?;
/// assert_eq!((yen.code(), yen.decimals()), ("JPY", 0));
/// assert!("usd".parse::<Currency>().is_err());
/// # Ok::<(), tenure_core::MoneyError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

impl Currency {
    /// `XXX`: no currency.
    pub(crate) const NONE: Self = Self(*b"XXX");

    /// The three-letter code.
    pub fn code(&self) -> &str {
        // The three bytes are ASCII capitals: `from_str` lets no others in.
        core::str::from_utf8(&self.0).unwrap_or("XXX")
    }

    /// How many decimals its amounts have: 0 (JPY) to 4.
    pub fn decimals(self) -> u32 {
        iso_currency::Currency::from_code(self.code())
            .and_then(iso_currency::Currency::exponent)
            .unwrap_or(0)
            .into()
    }

    /// A sum of minor units in units of the currency, as a model reads it.
    #[expect(clippy::cast_precision_loss, reason = "a number of a model")]
    pub(crate) fn units(self, minor: i128) -> f64 {
        minor as f64 / f64::from(10_u32.pow(self.decimals()))
    }
}

impl Currency {
    /// Every currency of ISO 4217, by code, with its English name: funds and metals among them.
    ///
    /// # Example
    /// ```
    /// use tenure_core::Currency;
    /// let yen = Currency::table().find(|(currency, _)| currency.code() == "JPY");
    /// assert_eq!(yen.map(|(yen, name)| (yen.decimals(), name)), Some((0, "Japanese yen".into())));
    /// ```
    pub fn table() -> impl Iterator<Item = (Self, String)> {
        let letters = || b'A'..=b'Z';
        let codes =
            letters().flat_map(move |a| letters().flat_map(move |b| letters().map(move |c| [a, b, c])));
        codes.filter_map(|code| {
            let known = iso_currency::Currency::from_code(core::str::from_utf8(&code).ok()?)?;
            Some((Self(code), known.name().to_owned()))
        })
    }
}

/// A question about the currency that was likely meant.
fn near(code: &str) -> String {
    if code.eq_ignore_ascii_case("RMB") {
        // The name of the money, not the code of its unit.
        return did_you_mean("CNY", ["CNY"]);
    }
    let codes: Vec<Currency> = Currency::table().map(|(currency, _)| currency).collect();
    did_you_mean(code, codes.iter().map(Currency::code))
}

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(code: &str) -> Result<Self, MoneyError> {
        let known = iso_currency::Currency::from_code(code).is_some();
        match <[u8; 3]>::try_from(code.as_bytes()) {
            Ok(bytes) if known => Ok(Self(bytes)),
            _ => Err(MoneyError::Currency { code: excerpt(code) }),
        }
    }
}

impl TryFrom<String> for Currency {
    type Error = MoneyError;

    fn try_from(code: String) -> Result<Self, MoneyError> {
        code.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code().into()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// An amount of one currency in its minor units (cents, fen, fils): exact, `i64`, may be negative.
///
/// # Example
/// ```
/// use tenure_core::Money;
/// let price = Money::parse("14.77", "USD".parse()?)?;
/// assert_eq!(price.minor, 1_477);
/// assert_eq!(price.to_string(), "14.77 USD");
/// assert!(Money::parse("14.777", "USD".parse()?).is_err()); // a cent has no tenths
/// assert!(Money::parse("NaN", "USD".parse()?).is_err());
/// # Ok::<(), tenure_core::MoneyError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// The amount in minor units of `currency`.
    pub minor: i64,
    /// What it is an amount of.
    pub currency: Currency,
}

impl Money {
    /// `minor` units of `currency`.
    pub const fn from_minor(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Reads a plain decimal such as `-14.77`: an optional sign, digits, and at most as many decimals as the
    /// currency has (further ones may only be zeros).
    ///
    /// # Errors
    /// [`MoneyError::Decimal`] for anything else (an exponent, a thousands separator, `NaN`, too many decimals),
    /// [`MoneyError::Overflow`] beyond ±2^63 minor units.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let refuse = |why| MoneyError::Decimal { text: excerpt(text), currency, why };
        let overflow = || MoneyError::Overflow { text: excerpt(text), currency };
        let (negative, digits) = match text.as_bytes().first() {
            Some(b'-') => (true, text.get(1..).unwrap_or("")),
            Some(b'+') => (false, text.get(1..).unwrap_or("")),
            _ => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !is_digits(whole) || !is_digits(fraction) {
            return Err(refuse("write a plain decimal such as 14.77"));
        }
        let decimals = currency.decimals() as usize;
        if fraction.bytes().skip(decimals).any(|b| b != b'0') {
            return Err(refuse("it has more decimals than the currency"));
        }
        let padded = fraction.bytes().chain(core::iter::repeat(b'0')).take(decimals);
        let mut minor: i64 = 0;
        for digit in whole.bytes().chain(padded) {
            let digit = i64::from(digit - b'0');
            minor = minor
                .checked_mul(10)
                .and_then(|m| if negative { m.checked_sub(digit) } else { m.checked_add(digit) })
                .ok_or_else(overflow)?;
        }
        Ok(Self { minor, currency })
    }

    /// The amount as a plain decimal without the currency: `-14.77`.
    ///
    /// # Laws
    /// `Money::parse(&m.to_decimal(), m.currency) == Ok(m)` for every amount.
    pub fn to_decimal(self) -> String {
        decimal(i128::from(self.minor), self.currency)
    }
}

/// A sum of minor units, which may be wider than one amount, as a plain decimal of its currency.
pub fn decimal(minor: i128, currency: Currency) -> String {
    let decimals = currency.decimals() as usize;
    let sign = if minor < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", minor.unsigned_abs(), width = decimals + 1);
    match digits.split_at_checked(digits.len() - decimals) {
        Some((whole, fraction)) if decimals > 0 => format!("{sign}{whole}.{fraction}"),
        _ => format!("{sign}{digits}"),
    }
}

/// A sum in whole units of its currency, half-even, for tables with little room.
///
/// # Example
/// ```
/// use tenure_core::MoneySum;
/// use tenure_core::money::whole_units;
/// assert_eq!(whole_units(MoneySum { minor: -1_250_50, currency: "USD".parse()? }), -1_250);
/// # Ok::<(), tenure_core::MoneyError>(())
/// ```
pub fn whole_units(sum: MoneySum) -> i128 {
    half_even(sum.minor, 10_i128.pow(sum.currency.decimals()))
}

/// The whole number nearest to a fraction, the even one of two; the denominator is above zero and far from the ends.
pub(crate) fn half_even(numerator: i128, denominator: i128) -> i128 {
    let toward_zero = numerator / denominator;
    let rest = numerator - toward_zero * denominator;
    let away = match (rest.abs() * 2).cmp(&denominator) {
        Ordering::Less => false,
        Ordering::Equal => toward_zero % 2 != 0,
        Ordering::Greater => true,
    };
    if away { toward_zero + rest.signum() } else { toward_zero }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.to_decimal(), self.currency)
    }
}

/// A sum of amounts: as many minor units as 2^64 amounts can add up to, so adding never overflows.
///
/// In JSON it is `{"minor", "currency"}` like one amount; beyond 64 bits `{"value", "currency"}` with the decimal as
/// text, the other form that an amount of the interchange has.
///
/// # Example
/// ```
/// use tenure_core::MoneySum;
/// let sum = MoneySum { minor: 24_409_194, currency: "USD".parse()? };
/// assert_eq!(sum.to_string(), "244091.94 USD");
/// assert_eq!(serde_json::to_string(&sum).unwrap(), r#"{"minor":24409194,"currency":"USD"}"#);
/// # Ok::<(), tenure_core::MoneyError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MoneySum {
    /// The sum in minor units of `currency`.
    pub minor: i128,
    /// What it is a sum of; `XXX`, the code of no currency, where nothing was summed.
    pub currency: Currency,
}

impl Serialize for MoneySum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("MoneySum", 2)?;
        match i64::try_from(self.minor) {
            Ok(minor) => fields.serialize_field("minor", &minor)?,
            Err(_) => fields.serialize_field("value", &decimal(self.minor, self.currency))?,
        }
        fields.serialize_field("currency", &self.currency)?;
        fields.end()
    }
}

impl fmt::Display for MoneySum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", decimal(self.minor, self.currency), self.currency)
    }
}

/// Why a text is not an amount of money.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MoneyError {
    /// Not an ISO 4217 code. **What to do:** write three capitals, such as `USD` or `CNY`.
    #[error("\"{code}\" is not an ISO 4217 currency code{}", near(code))]
    Currency {
        /// What was read, cut to forty characters.
        code: Box<str>,
    },
    /// Not a plain decimal of this currency.
    #[error("\"{text}\" is not an amount in {currency}: {why}")]
    Decimal {
        /// What was read, cut to forty characters.
        text: Box<str>,
        /// The currency it was read for.
        currency: Currency,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Too large for 64 bits of minor units.
    #[error("\"{text}\" {currency} does not fit: at most ±9223372036854775807 minor units")]
    Overflow {
        /// What was read, cut to forty characters.
        text: Box<str>,
        /// The currency it was read for.
        currency: Currency,
    },
    /// No rate on or before the day. **What to do:** add a `[[rate]]` to the policy.
    #[error("no rate from {from} to {to} on or before {date}")]
    MissingRate {
        /// The currency of the amount.
        from: Currency,
        /// The currency asked for.
        to: Currency,
        /// The local day of the fact.
        date: chrono::NaiveDate,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn currency(code: &str) -> Currency {
        code.parse().unwrap()
    }

    #[test]
    fn decimals_follow_the_currency() {
        assert_eq!(Money::parse("12", currency("JPY")).unwrap().minor, 12);
        assert_eq!(Money::parse("0.5", currency("CNY")).unwrap().minor, 50);
        assert_eq!(Money::parse("1.234", currency("KWD")).unwrap().minor, 1_234);
        assert_eq!(Money::parse("12.000", currency("JPY")).unwrap().minor, 12);
        assert_eq!(Money::from_minor(-5, currency("USD")).to_decimal(), "-0.05");
    }

    #[test]
    fn a_sum_wider_than_an_amount_is_shown_as_a_decimal() {
        let sum = MoneySum { minor: i128::from(i64::MAX) + 1, currency: currency("USD") };
        let json = serde_json::to_string(&sum).unwrap();
        assert_eq!(json, r#"{"value":"92233720368547758.08","currency":"USD"}"#);
    }

    #[test]
    fn what_is_not_a_plain_decimal_is_refused() {
        for bad in
            ["", "-", ".", "1.", ".5", "1e3", "inf", "NaN", "1,000.00", "1.005", "--1", " 1", "１", "0x10"]
        {
            assert!(Money::parse(bad, currency("USD")).is_err(), "{bad:?}");
        }
        assert!(matches!(
            Money::parse("92233720368547758.08", currency("USD")),
            Err(MoneyError::Overflow { .. })
        ));
        assert_eq!(Money::parse("-92233720368547758.08", currency("USD")).unwrap().minor, i64::MIN);
    }

    proptest! {
        #[test]
        fn text_round_trips(minor in any::<i64>(), code in prop_oneof![Just("USD"), Just("JPY"), Just("KWD")]) {
            let money = Money::from_minor(minor, currency(code));
            prop_assert_eq!(Money::parse(&money.to_decimal(), money.currency).unwrap(), money);
        }
    }
}
