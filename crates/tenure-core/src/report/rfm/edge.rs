//! Exact edges: quantiles and means of whole numbers, without floats.

use core::fmt;
use core::str::FromStr;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::text::excerpt;

/// An edge between two scores: a whole number and fifths, which is all that a type-7 quantile at 0.2, 0.4, 0.6 or 0.8
/// of whole numbers can be.
///
/// In JSON it is a number with at most one decimal; beyond 2^49, where a float could not hold that, a text.
///
/// # Example
/// ```
/// use tenure_core::report::rfm::Edge;
/// let edge: Edge = "12.4".parse()?;
/// assert!(edge.is_below(13) && !edge.is_below(12));
/// assert_eq!(serde_json::to_string(&edge)?, "12.4");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// Rounded down.
    whole: i128,
    /// 0 to 4.
    fifths: u8,
}

impl Edge {
    /// An edge at a whole number.
    pub const fn whole(whole: i128) -> Self {
        Self { whole, fifths: 0 }
    }

    /// Whether the edge is less than a value.
    pub const fn is_below(self, value: i128) -> bool {
        // Less than a whole number iff rounded down it is.
        self.whole < value
    }

    /// Whether the edge is at most a value.
    pub const fn is_at_most(self, value: i128) -> bool {
        self.whole < value || (self.whole == value && self.fifths == 0)
    }

    /// The first whole number that it is below.
    pub(super) const fn first_above(self) -> i128 {
        self.whole.saturating_add(1)
    }

    /// The first whole number that it is at most.
    pub(super) const fn first_from(self) -> i128 {
        if self.fifths == 0 { self.whole } else { self.first_above() }
    }

    pub(super) const fn plus(self, more: i128) -> Self {
        Self { whole: self.whole.saturating_add(more), ..self }
    }

    /// Type-7 quantile at k/5 of values that are sorted: with `h = (n - 1) k / 5`, by linear interpolation between the
    /// values number `floor(h)` and the next. None without values.
    fn quantile(sorted: &[i128], k: usize) -> Option<Self> {
        let h = sorted.len().checked_sub(1)?.checked_mul(k)?;
        let low = *sorted.get(h / 5)?;
        let high = *sorted.get(h / 5 + 1).unwrap_or(&low);
        let fifths = u128::try_from(h % 5).ok()?;
        // distance * fifths / 5 in two steps, so that nothing overflows. It is at most the distance.
        let distance = high.abs_diff(low);
        let rest = distance % 5 * fifths;
        let step = distance / 5 * fifths + rest / 5;
        Some(Self { whole: low.saturating_add_unsigned(step), fifths: u8::try_from(rest % 5).ok()? })
    }

    /// The quantiles at 0.2, 0.4, 0.6 and 0.8. None without values.
    pub(super) fn quintiles(mut values: Vec<i128>) -> Option<[Self; 4]> {
        values.sort_unstable();
        let at = |k| Self::quantile(&values, k);
        Some([at(1)?, at(2)?, at(3)?, at(4)?])
    }
}

impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.whole, self.fifths) {
            (whole, 0) => write!(f, "{whole}"),
            (0.., fifths) => write!(f, "{}.{}", self.whole, fifths * 2),
            // Below zero, rounded down: -13 and three fifths is -12.4.
            (_, fifths) => write!(f, "-{}.{}", (self.whole + 1).unsigned_abs(), (5 - fifths) * 2),
        }
    }
}

impl FromStr for Edge {
    type Err = EdgeError;

    fn from_str(text: &str) -> Result<Self, EdgeError> {
        let refuse = || EdgeError { text: excerpt(text) };
        let (whole, tenths) = text.split_once('.').unwrap_or((text, "0"));
        let negative = whole.starts_with('-');
        let whole: i128 = whole.parse().map_err(|_| refuse())?;
        let fifths = match tenths {
            "0" => 0,
            "2" => 1,
            "4" => 2,
            "6" => 3,
            "8" => 4,
            _ => return Err(refuse()),
        };
        match (negative, fifths) {
            (_, 0) => Ok(Self { whole, fifths: 0 }),
            (false, fifths) => Ok(Self { whole, fifths }),
            (true, fifths) => {
                Ok(Self { whole: whole.checked_sub(1).ok_or_else(refuse)?, fifths: 5 - fifths })
            }
        }
    }
}

/// A text that is not a whole number with an optional even tenth.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not an edge: write a whole number with .0, .2, .4, .6 or .8, such as 12.4")]
pub struct EdgeError {
    text: Box<str>,
}

/// Up to here a float tells fifths apart.
const EXACT: u128 = 1 << 49;

impl Serialize for Edge {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return (self.whole, self.fifths).serialize(serializer);
        }
        match (i64::try_from(self.whole), self.to_string().parse::<f64>()) {
            (Ok(whole), _) if self.fifths == 0 => serializer.serialize_i64(whole),
            (_, Ok(number)) if self.whole.unsigned_abs() < EXACT => serializer.serialize_f64(number),
            _ => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Edge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return deserializer
                .deserialize_any(Number)
                .and_then(|text| text.parse().map_err(de::Error::custom));
        }
        let (whole, fifths) = Deserialize::deserialize(deserializer)?;
        if fifths < 5 {
            Ok(Self { whole, fifths })
        } else {
            Err(de::Error::custom("an edge has 0 to 4 fifths"))
        }
    }
}

/// A number or text, as text.
struct Number;

impl Visitor<'_> for Number {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<String, E> {
        Ok(text.into())
    }
}

/// A whole number of up to 128 bits: in JSON a number where it fits 64 bits, else a text.
pub(super) mod wide {
    use super::{Deserialize, Deserializer, Number, Serialize, Serializer, de};

    pub fn serialize<S: Serializer>(number: &i128, serializer: S) -> Result<S::Ok, S::Error> {
        match i64::try_from(*number) {
            _ if !serializer.is_human_readable() => number.serialize(serializer),
            Ok(number) => serializer.serialize_i64(number),
            Err(_) => serializer.collect_str(number),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i128, D::Error> {
        if deserializer.is_human_readable() {
            return deserializer
                .deserialize_any(Number)
                .and_then(|text| text.parse().map_err(de::Error::custom));
        }
        Deserialize::deserialize(deserializer)
    }
}

/// An arithmetic mean, kept as what it is the quotient of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mean {
    /// Sum over all customers.
    #[serde(with = "wide")]
    pub sum: i128,
    /// How many they are; above zero.
    pub customers: u64,
}

impl Mean {
    /// The mean of some values; none without any.
    pub(super) fn of(values: impl Iterator<Item = i128>) -> Option<Self> {
        let (sum, customers) =
            values.fold((0_i128, 0_u64), |(sum, n), value| (sum.saturating_add(value), n + 1));
        (customers > 0).then_some(Self { sum, customers })
    }

    /// The first whole number that it is below.
    pub(super) fn first_above(self) -> i128 {
        self.floor().saturating_add(1)
    }

    fn floor(self) -> i128 {
        self.sum.checked_div_euclid(self.customers.into()).unwrap_or(0)
    }

    /// Whether the mean is less than a value.
    pub fn is_below(self, value: i128) -> bool {
        self.floor() < value
    }

    /// Whether the mean is at least a value.
    pub fn is_at_least(self, value: i128) -> bool {
        value <= self.floor()
    }

    /// Whether the mean is at most a value.
    pub fn is_at_most(self, value: i128) -> bool {
        let exact = self.sum.checked_rem_euclid(self.customers.into()).is_none_or(|rest| rest == 0);
        self.is_below(value) || (exact && self.floor() == value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_ends_of_the_number_range_do_not_overflow() {
        let edges = Edge::quintiles(vec![i128::MAX, i128::MIN]).unwrap();
        assert!(edges.is_sorted() && edges[0] > Edge::whole(i128::MIN) && edges[3] < Edge::whole(i128::MAX));
        for edge in edges {
            assert_eq!(edge.to_string().parse(), Ok(edge));
        }
        assert_eq!(Edge::quintiles(vec![]), None);
        assert_eq!(Mean::of([].into_iter()), None);
    }

    #[test]
    fn what_is_not_an_edge_is_refused() {
        for bad in ["", "1.3", "1.20", "x", "1.", ".2", "1e3"] {
            assert!(bad.parse::<Edge>().is_err(), "{bad:?}");
        }
        assert!(serde_json::from_str::<Edge>("0.3").is_err());
    }

    proptest! {
        /// The quantile times five, by its definition.
        #[test]
        fn quantiles_are_exact(mut values in prop::collection::vec(-1_000_i128..1_000, 1..40)) {
            let edges = Edge::quintiles(values.clone()).unwrap();
            values.sort_unstable();
            for (k, edge) in (1..).zip(edges) {
                let h5 = (values.len() - 1) * k;
                let (low, high) = (values[h5 / 5], values[(h5 / 5 + 1).min(values.len() - 1)]);
                let five_times = low * 5 + (high - low) * (h5 % 5) as i128;
                prop_assert_eq!(edge.whole * 5 + i128::from(edge.fifths), five_times);
                for value in -1_000..1_000 {
                    prop_assert_eq!(edge.is_below(value), five_times < value * 5);
                    prop_assert_eq!(edge.is_at_most(value), five_times <= value * 5);
                }
            }
        }

        #[test]
        fn means_compare_as_fractions(values in prop::collection::vec(-50_i128..50, 1..12), value in -60_i128..60) {
            let (sum, n) = (values.iter().sum::<i128>(), values.len() as i128);
            let mean = Mean::of(values.into_iter()).unwrap();
            prop_assert_eq!(mean.is_below(value), sum < value * n);
            prop_assert_eq!(mean.is_at_most(value), sum <= value * n);
            prop_assert_eq!(mean.is_at_least(value), sum >= value * n);
        }

        #[test]
        fn edges_and_sums_round_trip_through_json_and_postcard(whole in prop_oneof![-99_i128..99, any::<i64>().prop_map(i128::from), any::<i128>()], fifths in 0_u8..5) {
            prop_assume!(whole > i128::MIN);
            let edge = Edge { whole, fifths };
            prop_assert_eq!(serde_json::from_str::<Edge>(&serde_json::to_string(&edge).unwrap()).unwrap(), edge);
            prop_assert_eq!(postcard::from_bytes::<Edge>(&postcard::to_allocvec(&edge).unwrap()).unwrap(), edge);
            let mean = Mean { sum: whole, customers: 3 };
            prop_assert_eq!(serde_json::from_str::<Mean>(&serde_json::to_string(&mean).unwrap()).unwrap(), mean);
            prop_assert_eq!(postcard::from_bytes::<Mean>(&postcard::to_allocvec(&mean).unwrap()).unwrap(), mean);
        }
    }
}
