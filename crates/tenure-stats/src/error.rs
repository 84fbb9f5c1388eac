//! Why a number cannot be given.

/// Why a number cannot be given. Nothing here returns a NaN or an infinity: where one would come out, this does.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StatsError {
    /// An argument lies outside of what the formula is defined for. **What to do:** correct the value; check its unit.
    #[error("{name} is {value}, must be {expected}")]
    Domain {
        /// Which argument.
        name: &'static str,
        /// What was given.
        value: f64,
        /// What is allowed.
        expected: &'static str,
    },
    /// There is less than the estimate needs. **What to do:** give more: a longer window, a larger population.
    #[error("{seen} {what} given, at least {needed} needed: use a longer window or more customers")]
    TooFew {
        /// What there is too little of.
        what: &'static str,
        /// How many there are.
        seen: usize,
        /// How many are needed.
        needed: usize,
    },
    /// Nobody came back, so nothing tells how often customers do. **What to do:** end the window later.
    #[error("none of {customers} customers bought again: no rate can be estimated; use a longer window")]
    NoRepeat {
        /// How many customers were given.
        customers: usize,
    },
    /// All values are equal, so nothing tells how far they spread. **What to do:** use the value itself.
    #[error("all {seen} {what} are {value}: their spread cannot be estimated; use the value itself")]
    AllEqual {
        /// What is equal.
        what: &'static str,
        /// How many there are.
        seen: usize,
        /// What they are.
        value: f64,
    },
    /// All labels are of one class. **What to do:** choose a horizon or a population in which both happen.
    #[error("all {seen} labels are {label}: both classes are needed; choose another horizon or population")]
    OneClass {
        /// How many there are.
        seen: usize,
        /// Which class it is.
        label: bool,
    },
    /// Two lists that belong together differ in length. **What to do:** give one per item.
    #[error("{seen} {what} given, {expected} expected")]
    Length {
        /// Of what.
        what: &'static str,
        /// How many were given.
        seen: usize,
        /// How many were expected.
        expected: usize,
    },
    /// The likelihood grows for as long as a parameter does, so it has no best value. **What to do:** use a simpler
    /// model; the data do not show the variety that this one describes.
    #[error(
        "{model} has no best fit: {parameter} ran to {value:e}; the data do not show the variety that it describes, use a simpler model"
    )]
    NoOptimum {
        /// Which model.
        model: &'static str,
        /// Which parameter ran away.
        parameter: &'static str,
        /// How far it was followed.
        value: f64,
    },
    /// The search did not settle. **What to do:** look for values that differ by many orders of magnitude; change the unit.
    #[error(
        "the fit of {model} did not settle within {iterations} steps: look for extreme values, or change the unit"
    )]
    NotConverged {
        /// Which model.
        model: &'static str,
        /// How many steps were taken.
        iterations: usize,
    },
    /// The answer is too large, or too extreme to compute. **What to do:** bring the arguments into an ordinary range.
    #[error("{what} cannot be represented for these arguments: bring them into an ordinary range")]
    Overflow {
        /// What was asked for.
        what: &'static str,
    },
}

/// `value`, if it is a number.
pub(crate) const fn finite(what: &'static str, value: f64) -> Result<f64, StatsError> {
    if value.is_finite() { Ok(value) } else { Err(StatsError::Overflow { what }) }
}

/// `value`, if it is a number above zero.
pub(crate) const fn positive(name: &'static str, value: f64) -> Result<f64, StatsError> {
    if value > 0.0 && value.is_finite() {
        Ok(value)
    } else {
        Err(StatsError::Domain { name, value, expected: "a finite number above 0" })
    }
}

/// `value`, if it is a number that is not below zero.
pub(crate) const fn not_negative(name: &'static str, value: f64) -> Result<f64, StatsError> {
    if value >= 0.0 && value.is_finite() {
        Ok(value)
    } else {
        Err(StatsError::Domain { name, value, expected: "a finite number, 0 or more" })
    }
}
