//! How findings about data are called and counted, on the page and in `tenure quality` alike.

use tenure::core::Duration;
use tenure::core::contact::Channel;
use tenure::core::report::quality::{LagTable, OutOfRange};

use crate::lang::Words;

/// A part of a whole, 0 to 1; 0 of nothing.
#[expect(clippy::cast_precision_loss, reason = "a share; counts beyond 2^53 do not occur")]
pub fn share(part: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { part as f64 / of as f64 }
}

/// The largest lag in the largest unit that it fills, begun ones counted; none without lags.
pub fn longest(lags: &LagTable) -> Option<Duration> {
    const UNITS: [i64; 4] = [86_400, 3_600, 60, 1];
    let seconds = lags.largest_seconds?;
    let unit = UNITS.into_iter().find(|unit| *unit <= seconds).unwrap_or(1);
    // Rounded up by hand: there is no such division of signed numbers yet.
    let whole = seconds / unit * unit + if seconds % unit > 0 { unit } else { 0 };
    Duration::from_micros(whole.checked_mul(1_000_000)?)
}

/// A text that is no contact.
pub const fn unreadable(channel: Channel, w: &Words) -> &'static str {
    match channel {
        Channel::Phone => w.unreadable_phone,
        _ => w.unreadable_email,
    }
}

/// A contact of several customers.
pub const fn same(channel: Channel, w: &Words) -> &'static str {
    match channel {
        Channel::Phone => w.same_phone,
        _ => w.same_email,
    }
}

/// A value out of range.
pub const fn out_of_range(code: OutOfRange, w: &Words) -> &'static str {
    match code {
        OutOfRange::OrderOfZero => w.order_of_zero,
        OutOfRange::OrderWithoutAmount => w.order_without_amount,
        OutOfRange::RefundOfNothing => w.refund_of_nothing,
        OutOfRange::NegativeAmount => w.negative_amount,
        OutOfRange::ScoreOffScale => w.score_off_scale,
        OutOfRange::StarsOffScale => w.stars_off_scale,
        OutOfRange::FirstInstant => w.first_instant,
        other => other.code(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenure::core::report::quality::Found;

    #[test]
    fn the_longest_lag_is_told_in_one_unit_and_never_too_short() {
        let told = |seconds: Option<i64>| {
            let lags = LagTable {
                found: Found::default(),
                share: 0.0,
                largest_seconds: seconds,
                classes: Vec::new(),
            };
            longest(&lags).map(|lag| lag.to_string())
        };
        for (seconds, expected) in [
            (1, "1s"),
            (59, "59s"),
            (61, "2m"),
            (3_600, "1h"),
            (5_400, "2h"),
            (86_401, "2d"),
            (259_200, "3d"),
        ] {
            assert_eq!(told(Some(seconds)).as_deref(), Some(expected), "{seconds}");
        }
        assert_eq!(told(None), None);
    }
}
