//! Conversion between currencies by rates that a policy lists, exact to the half-even minor unit.

use core::cmp::Ordering;
use core::fmt;
use core::str::FromStr;

use chrono::NaiveDate;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::money::{Currency, Money, MoneyError, half_even};
use crate::text::excerpt;
use crate::time::date_of;

/// A plain decimal number, exact: at most fifteen digits that matter, no exponent, never a float.
///
/// It has one spelling: `7.10` reads as `7.1`. In a policy it is a text, or a whole number.
///
/// # Example
/// ```
/// use tenure_core::Decimal;
/// let rate: Decimal = "7.10".parse()?;
/// assert_eq!(rate.to_string(), "7.1");
/// assert!("0.125".parse::<Decimal>()? < rate);
/// assert!("1e3".parse::<Decimal>().is_err());
/// # Ok::<(), tenure_core::RateError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Decimal {
    /// Magnitude below 10^15, without trailing zeros behind the point.
    mantissa: i64,
    /// How many of the digits stand behind the point: 0 to 15.
    scale: u8,
}

impl Decimal {
    const DIGITS: usize = 15;

    /// A whole number.
    pub const fn whole(number: i32) -> Self {
        Self { mantissa: number as i64, scale: 0 }
    }

    /// `digits` thousandths, for the defaults of a policy: `per_mille(200)` is 0.2.
    pub(crate) const fn per_mille(mut digits: u16) -> Self {
        let mut scale = 3;
        while scale > 0 && digits.is_multiple_of(10) {
            digits /= 10;
            scale -= 1;
        }
        Self { mantissa: digits as i64, scale }
    }

    const fn power(exponent: u8) -> i128 {
        10_i128.pow(exponent as u32)
    }

    /// The least whole number of minor units of a currency with this many decimals that is not below the number.
    pub(crate) fn ceil_minor(self, decimals: u32) -> i128 {
        self.ceil_times(Self::power(u8::try_from(decimals).unwrap_or(4).min(4)))
    }

    /// The least whole number that is not below the number times `factor`; at the ends of `i128` it stays there.
    pub(crate) fn ceil_times(self, factor: i128) -> i128 {
        let product = i128::from(self.mantissa).saturating_mul(factor);
        let unit = Self::power(self.scale);
        let floor = product.div_euclid(unit);
        if product.rem_euclid(unit) == 0 { floor } else { floor.saturating_add(1) }
    }

    /// The least whole number that is not below the sum of two numbers times `factor`, for a factor below 2^64.
    pub(crate) fn ceil_sum_times(self, other: Self, factor: u64) -> i128 {
        // Below 2^64 * 10^15 each; the rests below 10^30.
        let split = |number: Self| {
            let product = i128::from(number.mantissa) * i128::from(factor);
            (product.div_euclid(Self::power(number.scale)), product.rem_euclid(Self::power(number.scale)))
        };
        let ((whole, rest), (other_whole, other_rest)) = (split(self), split(other));
        let rests = rest * Self::power(other.scale) + other_rest * Self::power(self.scale);
        let unit = Self::power(self.scale) * Self::power(other.scale);
        whole + other_whole + rests / unit + i128::from(rests % unit > 0)
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        // Below 10^15 times at most 10^15: fits.
        let left = i128::from(self.mantissa) * Self::power(other.scale);
        left.cmp(&(i128::from(other.mantissa) * Self::power(self.scale)))
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl FromStr for Decimal {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let refuse = || RateError::Decimal { text: excerpt(text) };
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !is_digits(whole) || !is_digits(fraction) {
            return Err(refuse());
        }
        let whole = whole.trim_start_matches('0');
        let fraction = fraction.trim_end_matches('0');
        if whole.len() + fraction.len() > Self::DIGITS {
            return Err(refuse());
        }
        let scale = u8::try_from(fraction.len()).map_err(|_| refuse())?;
        let magnitude = whole.bytes().chain(fraction.bytes()).fold(0, |m, b| m * 10 + i64::from(b - b'0'));
        Ok(Self { mantissa: if negative { -magnitude } else { magnitude }, scale })
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = usize::from(self.scale);
        let digits = format!("{:0>width$}", self.mantissa.unsigned_abs(), width = scale + 1);
        let sign = if self.mantissa < 0 { "-" } else { "" };
        match digits.split_at_checked(digits.len() - scale) {
            Some((whole, fraction)) if scale > 0 => write!(f, "{sign}{whole}.{fraction}"),
            _ => write!(f, "{sign}{digits}"),
        }
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Decimal;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a decimal as text, such as \"7.25\", or a whole number")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Decimal, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Decimal, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Decimal, E> {
                self.visit_str(&number.to_string())
            }
        }
        deserializer.deserialize_any(Text)
    }
}

/// What one unit of a currency cost in another one from a day on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// The local day from which on it holds, until a later rate for the same pair.
    #[serde(deserialize_with = "day")]
    pub day: NaiveDate,
    /// The currency that is converted.
    pub from: Currency,
    /// The currency that it becomes.
    pub to: Currency,
    /// How many units of `to` one unit of `from` is: above zero.
    pub rate: Decimal,
}

/// A day as text, or as the date that TOML has of its own.
fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NaiveDate, D::Error> {
    struct Day;
    impl<'de> Visitor<'de> for Day {
        type Value = NaiveDate;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a day such as \"2024-05-01\"")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<NaiveDate, E> {
            let refuse = || E::custom(format_args!("\"{text}\" is not a day: write it as 2024-05-01"));
            let date = text.parse::<NaiveDate>().map_err(|_| refuse())?;
            if date.to_string() == text { Ok(date) } else { Err(refuse()) }
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<NaiveDate, A::Error> {
            let date = toml::value::Datetime::deserialize(de::value::MapAccessDeserializer::new(map))?;
            self.visit_str(&date.to_string())
        }
    }
    deserializer.deserialize_any(Day)
}

/// The rates of a policy. One spelling: sorted by pair and day.
///
/// # Example
/// ```
/// use tenure_core::{Money, Rates, Timestamp, Zone};
/// let rates: Rates = serde_json::from_str(
///     r#"[{"day": "2024-05-01", "from": "USD", "to": "CNY", "rate": "7.25"}]"#,
/// )?;
/// let (price, cny) = (Money::parse("14.78", "USD".parse()?)?, "CNY".parse()?);
/// let june = Zone::UTC.date(Timestamp::parse("2024-06-30T00:00:00Z")?);
/// assert_eq!(rates.convert(price, cny, june)?.to_string(), "107.16 CNY"); // 107.155, half to even
/// let april = Zone::UTC.date(Timestamp::parse("2024-04-30T00:00:00Z")?);
/// assert!(rates.convert(price, cny, april).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Rate>", into = "Vec<Rate>")]
pub struct Rates {
    rates: Vec<Rate>,
    /// One for each of them, in their order.
    factors: Vec<Factor>,
}

/// A rate as the two whole numbers that minor units are multiplied with and divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Factor {
    from: Currency,
    to: Currency,
    day: i32,
    /// Below 10^15 * 10^4.
    times: i128,
    /// At most 10^15 * 10^4.
    over: i128,
}

impl Factor {
    fn of(rate: &Rate) -> Self {
        let (from, to) = (rate.from.decimals(), rate.to.decimals());
        let shift = |decimals: u32| 10_i128.pow(decimals.min(4));
        Self {
            from: rate.from,
            to: rate.to,
            day: rate.day.to_epoch_days(),
            times: i128::from(rate.rate.mantissa) * shift(to.saturating_sub(from)),
            over: Decimal::power(rate.rate.scale) * shift(from.saturating_sub(to)),
        }
    }
}

impl Rates {
    /// A table of these rates, in any order.
    ///
    /// # Errors
    /// [`RateError`] for a rate that is not above zero, from a currency to itself, or a second one for a pair and day.
    pub fn new(mut rates: Vec<Rate>) -> Result<Self, RateError> {
        rates.sort_by_key(Self::key);
        for rate in &rates {
            if rate.rate <= Decimal::whole(0) || rate.from == rate.to {
                return Err(RateError::Rate { rate: *rate });
            }
        }
        let twice = rates.iter().zip(rates.iter().skip(1)).find(|(a, b)| Self::key(a) == Self::key(b));
        match twice {
            Some((rate, _)) => Err(RateError::Twice { day: rate.day, from: rate.from, to: rate.to }),
            None => Ok(Self { factors: rates.iter().map(Factor::of).collect(), rates }),
        }
    }

    fn key(rate: &Rate) -> (Currency, Currency, NaiveDate) {
        (rate.from, rate.to, rate.day)
    }

    /// The rates, by pair and day.
    pub fn as_slice(&self) -> &[Rate] {
        &self.rates
    }

    /// An amount in another currency by the latest rate on or before a local day, rounded half to even to the minor
    /// unit. An amount in that currency already is given back as it is, without any rate.
    ///
    /// Only the pair itself is looked up: no inverse and no third currency, so what was paid is what the policy says.
    ///
    /// # Errors
    /// [`MoneyError::MissingRate`] without a rate on or before the day, [`MoneyError::Overflow`] beyond ±2^63 minor
    /// units.
    pub fn convert(&self, money: Money, to: Currency, day: NaiveDate) -> Result<Money, MoneyError> {
        self.convert_on(money, to, day.to_epoch_days())
    }

    /// The same with the day as a number, counted from 1970-01-01.
    pub(crate) fn convert_on(&self, money: Money, to: Currency, day: i32) -> Result<Money, MoneyError> {
        let from = money.currency;
        if from == to {
            return Ok(money);
        }
        let after =
            self.factors.partition_point(|factor| (factor.from, factor.to, factor.day) <= (from, to, day));
        let latest = after.checked_sub(1).and_then(|index| self.factors.get(index));
        let Factor { times, over, .. } = latest
            .filter(|factor| factor.from == from && factor.to == to)
            .ok_or_else(|| MoneyError::MissingRate { from, to, date: date_of(day) })?;
        // At most 2^63 * 10^15 * 10^4 < 2^127.
        let minor = half_even(i128::from(money.minor) * times, *over);
        match i64::try_from(minor) {
            Ok(minor) => Ok(Money { minor, currency: to }),
            Err(_) => Err(MoneyError::Overflow { text: minor.to_string().into(), currency: to }),
        }
    }
}

impl TryFrom<Vec<Rate>> for Rates {
    type Error = RateError;

    fn try_from(rates: Vec<Rate>) -> Result<Self, RateError> {
        Self::new(rates)
    }
}

impl From<Rates> for Vec<Rate> {
    fn from(rates: Rates) -> Self {
        rates.rates
    }
}

/// Why a text is not a decimal, or a rate is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RateError {
    /// Not a plain decimal.
    #[error("\"{text}\" is not a decimal: write one such as 7.25, with at most 15 digits and no exponent")]
    Decimal {
        /// What was read, cut to forty characters.
        text: Box<str>,
    },
    /// Not above zero, or from a currency to itself.
    #[error("the rate {} from {} to {} is not one: it is above zero, between two currencies", rate.rate, rate.from, rate.to)]
    Rate {
        /// The rate.
        rate: Rate,
    },
    /// A second rate for the same pair and day.
    #[error("two rates from {from} to {to} on {day}")]
    Twice {
        /// The day.
        day: NaiveDate,
        /// The currency that is converted.
        from: Currency,
        /// The currency that it becomes.
        to: Currency,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one_rate(from: &str, to: &str, rate: &str) -> Rates {
        let day = "2000-01-01".parse().unwrap();
        let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
        Rates::new(vec![Rate { day, from, to, rate: rate.parse().unwrap() }]).unwrap()
    }

    fn converted(minor: i64, from: &str, to: &str, rate: &str) -> i64 {
        let money = Money::from_minor(minor, from.parse().unwrap());
        let day = "2001-01-01".parse().unwrap();
        one_rate(from, to, rate).convert(money, to.parse().unwrap(), day).unwrap().minor
    }

    #[test]
    fn halves_go_to_the_even_minor_unit_and_decimals_follow_the_currency() {
        assert_eq!(converted(1, "USD", "CNY", "0.5"), 0);
        assert_eq!(converted(3, "USD", "CNY", "0.5"), 2);
        assert_eq!(converted(-1, "USD", "CNY", "0.5"), 0);
        assert_eq!(converted(-3, "USD", "CNY", "0.5"), -2);
        assert_eq!(converted(150, "USD", "JPY", "1"), 2); // 1.50 dollars at one yen a dollar
        assert_eq!(converted(250, "USD", "JPY", "1"), 2);
        assert_eq!(converted(7, "JPY", "KWD", "0.002"), 14); // 0.014 dinar
    }

    #[test]
    fn the_largest_amount_and_rate_do_not_overflow_on_the_way() {
        let money = Money::from_minor(i64::MIN, "JPY".parse().unwrap());
        let day = "2001-01-01".parse().unwrap();
        let wide = one_rate("JPY", "KWD", "999999999999999").convert(money, "KWD".parse().unwrap(), day);
        assert!(matches!(wide, Err(MoneyError::Overflow { .. })));
        assert_eq!(converted(i64::MIN, "KWD", "JPY", "0.000000000000001"), -9);
    }

    #[test]
    fn the_latest_rate_on_or_before_the_day_holds() {
        let rates: Rates = toml::from_str::<std::collections::BTreeMap<String, Rates>>(
            "rate = [{day = '2024-02-01', from = 'USD', to = 'CNY', rate = '3'},
                     {day = 2024-01-01, from = 'USD', to = 'CNY', rate = 2},
                     {day = '2024-01-01', from = 'USD', to = 'EUR', rate = '9'}]",
        )
        .unwrap()["rate"]
            .clone();
        let at = |day: &str| {
            rates
                .convert(
                    Money::from_minor(1, "USD".parse().unwrap()),
                    "CNY".parse().unwrap(),
                    day.parse().unwrap(),
                )
                .map(|money| money.minor)
        };
        assert_eq!((at("2024-01-01"), at("2024-01-31"), at("2024-02-01")), (Ok(2), Ok(2), Ok(3)));
        assert!(matches!(at("2023-12-31"), Err(MoneyError::MissingRate { .. })));
        let missing = |from: &str, to: &str| {
            let money = Money::from_minor(1, from.parse().unwrap());
            rates.convert(money, to.parse().unwrap(), "2024-06-30".parse().unwrap()).is_err()
        };
        // Neither a neighbour in the table, nor the inverse, nor through a third currency.
        assert!(
            missing("USD", "JPY") && missing("USD", "GBP") && missing("EUR", "CNY") && missing("CNY", "USD")
        );
        assert!(!missing("USD", "EUR") && !missing("JPY", "JPY"));
    }

    #[test]
    fn what_is_no_rate_is_refused_with_its_reason() {
        let read = |text: &str| toml::from_str::<Rate>(text).unwrap_err().to_string();
        assert!(read("day = '2024-1-1'\nfrom='USD'\nto='CNY'\nrate='1'").contains("write it as 2024-05-01"));
        assert!(read("day = '2024-01-01'\nfrom='USD'\nto='CNY'\nrate=7.1").contains("a decimal as text"));
        assert!(
            read("day = '2024-01-01'\nfrom='USD'\nto='CNY'\nrate='7,1'").contains("\"7,1\" is not a decimal")
        );
        let (usd, cny) = ("USD".parse().unwrap(), "CNY".parse().unwrap());
        let rate =
            |to, rate| Rate { day: "2024-01-01".parse().unwrap(), from: usd, to, rate: Decimal::whole(rate) };
        assert!(matches!(Rates::new(vec![rate(cny, 0)]), Err(RateError::Rate { .. })));
        assert!(matches!(Rates::new(vec![rate(usd, 1)]), Err(RateError::Rate { .. })));
        assert!(matches!(Rates::new(vec![rate(cny, 1), rate(cny, 2)]), Err(RateError::Twice { .. })));
    }

    #[test]
    fn defaults_in_thousandths_have_the_one_spelling() {
        assert_eq!(Decimal::per_mille(200), "0.2".parse().unwrap());
        assert_eq!(Decimal::per_mille(1_000), "1".parse().unwrap());
        assert_eq!(Decimal::per_mille(0), "0".parse().unwrap());
    }

    proptest! {
        #[test]
        fn decimals_round_trip_and_compare_as_numbers(a in -999_999_i64..999_999, b in -999_999_i64..999_999, places in 0_usize..6) {
            let text = |n: i64| {
                let digits = format!("{:0>width$}", n.unsigned_abs(), width = places + 1);
                let (whole, fraction) = digits.split_at(digits.len() - places);
                format!("{}{whole}.{fraction}0", if n < 0 { "-" } else { "" })
            };
            let (x, y): (Decimal, Decimal) = (text(a).parse().unwrap(), text(b).parse().unwrap());
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
            prop_assert_eq!(x.to_string().parse::<Decimal>().unwrap(), x);
        }

        #[test]
        fn conversion_is_within_half_a_minor_unit(minor in any::<i32>(), mantissa in 1_i64..1_000_000, scale in 0_u8..6) {
            let money = Money::from_minor(minor.into(), "USD".parse().unwrap());
            let mut text = mantissa.to_string();
            if scale > 0 {
                text = format!("{:0>width$}", text, width = usize::from(scale) + 1);
                text.insert(text.len() - usize::from(scale), '.');
            }
            let rates = one_rate("USD", "CNY", &text);
            let got = rates.convert(money, "CNY".parse().unwrap(), "2001-01-01".parse().unwrap()).unwrap();
            let unit = 10_i128.pow(scale.into());
            let error = i128::from(got.minor) * unit - i128::from(minor) * i128::from(mantissa);
            prop_assert!(error.abs() * 2 <= unit);
            prop_assert!(error.abs() * 2 < unit || got.minor % 2 == 0);
        }
    }
}
