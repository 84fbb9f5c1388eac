//! A share of facts.

use core::fmt;
use core::str::FromStr;

use super::SimulateError;

/// A share from 0 to 1, exact to a millionth.
///
/// # Example
/// ```
/// use tenure_testkit::simulate::Share;
/// let tenth: Share = "0.1".parse()?;
/// assert_eq!(tenth, Share::from_millionths(100_000)?);
/// assert!("10%".parse::<Share>().is_err() && "1.5".parse::<Share>().is_err());
/// # Ok::<(), tenure_testkit::simulate::SimulateError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u32);

impl Share {
    /// None.
    pub const NONE: Self = Self(0);
    pub(super) const WHOLE: u32 = 1_000_000;

    /// So many of a million.
    ///
    /// # Errors
    /// [`SimulateError::Share`] above a million.
    pub fn from_millionths(millionths: u32) -> Result<Self, SimulateError> {
        if millionths > Self::WHOLE {
            return Err(SimulateError::Share { text: format!("{millionths} millionths").into() });
        }
        Ok(Self(millionths))
    }

    /// So many of a million.
    pub const fn as_millionths(self) -> u32 {
        self.0
    }

    pub(super) const fn per_mille(per_mille: u32) -> Self {
        Self(if per_mille > 1_000 { Self::WHOLE } else { per_mille * 1_000 })
    }
}

impl FromStr for Share {
    type Err = SimulateError;

    fn from_str(text: &str) -> Result<Self, SimulateError> {
        let refuse = || SimulateError::Share { text: text.chars().take(40).collect() };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || fraction.len() > 6 {
            return Err(refuse());
        }
        let whole: u32 = whole.parse().map_err(|_| refuse())?;
        let millionths: u32 = format!("{fraction:0<6}").parse().map_err(|_| refuse())?;
        let all = whole.checked_mul(Self::WHOLE).and_then(|whole| whole.checked_add(millionths));
        all.filter(|all| *all <= Self::WHOLE).map(Self).ok_or_else(refuse)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimal = format!("{}.{:06}", self.0 / Self::WHOLE, self.0 % Self::WHOLE);
        f.write_str(decimal.trim_end_matches('0').trim_end_matches('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_decimals_from_0_to_1_and_nothing_else() {
        for (text, millionths) in
            [("0", 0), ("0.1", 100_000), ("0.000001", 1), ("1", 1_000_000), ("1.0", 1_000_000)]
        {
            assert_eq!(text.parse::<Share>().unwrap().as_millionths(), millionths, "{text}");
        }
        for bad in
            ["", ".", ".5", "1.", "-0.1", "1.000001", "2", "0.0000001", "NaN", "1e-1", "5%", "99999999999"]
        {
            assert!(bad.parse::<Share>().is_err(), "{bad:?}");
        }
        assert_eq!(
            ["0.1", "0", "1"].map(|text| text.parse::<Share>().unwrap().to_string()),
            ["0.1", "0", "1"]
        );
    }
}
