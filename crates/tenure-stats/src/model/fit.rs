//! The most likely parameters, how sure they are, and the boundary at which a model becomes a simpler one.

use core::fmt;

use super::{Nbd, PurchaseModel};
use crate::error::StatsError;
use crate::optimise::{BOX, Minimum, minimise};
use crate::rows::Rows;
use crate::special::{exp, ln};

/// A fitted model: the parameters under which the data are most likely.
///
/// # Example
/// ```
/// use tenure_stats::{Nbd, PurchaseSummary, Rows};
/// // 3 customers bought once in 50 weeks, 2 twice, 1 eleven times.
/// let history = |frequency| PurchaseSummary { frequency, recency: f64::from(frequency) * 4.0, age: 50.0 };
/// let fit = Nbd::fit(&Rows::group([0, 0, 0, 1, 1, 10].map(history))?)?;
/// let [r, alpha] = fit.estimates[..] else { unreachable!() };
/// assert_eq!((r.name, alpha.name, fit.customers, fit.rows), ("r", "alpha", 6, 3));
/// assert!((r.value / alpha.value - 2.0 / 50.0).abs() < 1e-9); // the mean rate
/// assert!(r.standard_error > 0.1); // six customers tell little
/// # Ok::<(), tenure_stats::StatsError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Fit<M> {
    /// The model with the most likely parameters.
    pub model: M,
    /// Each parameter with its standard error.
    pub estimates: Vec<Estimate>,
    /// The logarithm of the likelihood of all customers.
    pub log_likelihood: f64,
    /// Steps of the search.
    pub iterations: usize,
    /// How many customers were fitted.
    pub customers: u32,
    /// How many distinct histories they had.
    pub rows: usize,
}

/// A parameter and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The parameter's name in the literature.
    pub name: &'static str,
    /// The most likely value.
    pub value: f64,
    /// Asymptotic standard error, from the curvature of the log-likelihood.
    pub standard_error: f64,
}

/// What came of fitting a model with drop-out: a fit, or the boundary at which nobody ever leaves.
///
/// # Example
/// ```
/// use tenure_stats::{BgNbd, Fitted, PurchaseSummary, Rows};
/// // Everybody bought in the last of 50 weeks: nothing shows that anybody ever leaves.
/// let history = |frequency| PurchaseSummary { frequency, recency: 50.0, age: 50.0 };
/// let rows = Rows::group([1, 1, 2, 3, 3, 5, 9, 14, 40].map(history))?;
/// let Fitted::Boundary { reason, nbd } = BgNbd::fit(&rows)? else { unreachable!() };
/// assert!(reason.to_string().starts_with("no drop-out is visible in this window"));
/// assert_eq!(nbd.customers, 9);
/// # Ok::<(), tenure_stats::StatsError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Fitted<M> {
    /// There is a best fit.
    Interior(Fit<M>),
    /// The model is most likely where it becomes NBD, which is given instead.
    Boundary {
        /// Why.
        reason: Boundary,
        /// The model that is left when nobody leaves.
        nbd: Fit<Nbd>,
    },
}

impl<M: PurchaseModel> Fitted<M> {
    /// The model to ask: the fitted one, or NBD at the boundary.
    pub fn model(&self) -> &dyn PurchaseModel {
        match self {
            Self::Interior(fit) => &fit.model,
            Self::Boundary { nbd, .. } => &nbd.model,
        }
    }

    /// The log-likelihood of the model to ask.
    pub const fn log_likelihood(&self) -> f64 {
        match self {
            Self::Interior(fit) => fit.log_likelihood,
            Self::Boundary { nbd, .. } => nbd.log_likelihood,
        }
    }

    /// The fit, if it is not at the boundary.
    pub fn interior(self) -> Option<Fit<M>> {
        match self {
            Self::Interior(fit) => Some(fit),
            Self::Boundary { .. } => None,
        }
    }
}

/// Why a model has no best fit inside of its range.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Boundary {
    /// The likelihood grows as the probability of leaving falls to 0.
    NobodyLeaves {
        /// The model that was fitted.
        model: &'static str,
        /// By how much the best log-likelihood that was found exceeds that of NBD; about 0, or below.
        gain: f64,
    },
}

impl fmt::Display for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NobodyLeaves { model, .. } => write!(
                f,
                "no drop-out is visible in this window: {model} is most likely where nobody ever leaves, and is NBD there"
            ),
        }
    }
}

/// A model whose parameters are exponentials of free numbers, possibly shifted.
pub(crate) trait Parametric: Sized {
    const NAME: &'static str;
    const PARAMETERS: &'static [&'static str];
    /// What is added to each exponential: parameters lie above it.
    const ABOVE: &'static [f64];

    fn from_values(values: &[f64]) -> Option<Self>;
}

/// The parameters at free numbers, and their derivatives there.
fn values_at<M: Parametric>(free: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let slopes: Vec<f64> = free.iter().map(|x| exp(*x)).collect();
    (slopes.iter().zip(M::ABOVE).map(|(slope, above)| slope + above).collect(), slopes)
}

/// What `maximise` has found.
pub(crate) struct Maximum<M> {
    pub(crate) fit: Fit<M>,
    pub(crate) settled: bool,
    /// The parameter that went furthest from its start, with its value.
    pub(crate) furthest: (&'static str, f64),
}

/// The most likely parameters, from `start`; `likelihood` gives the log-likelihood and its derivatives by the parameters.
pub(crate) fn maximise<M: Parametric>(
    start: &[f64],
    customers: u32,
    rows: usize,
    likelihood: impl Fn(&M) -> (f64, Vec<f64>),
) -> Result<Maximum<M>, StatsError> {
    let many = f64::from(customers.max(1));
    let free: Vec<f64> = start.iter().zip(M::ABOVE).map(|(value, above)| ln(value - above)).collect();
    let objective = |free: &[f64]| {
        let (values, slopes) = values_at::<M>(free);
        let (value, gradient) = likelihood(&M::from_values(&values)?);
        let gradient: Vec<f64> = gradient.iter().zip(&slopes).map(|(g, slope)| -g * slope / many).collect();
        let known = value.is_finite() && gradient.iter().all(|g| g.is_finite());
        known.then_some((-value / many, gradient))
    };
    let lost = || StatsError::NotConverged { model: M::NAME, iterations: 0 };
    let Minimum { at, value, hessian, iterations, settled } = minimise(&free, objective).ok_or_else(lost)?;
    let (values, slopes) = values_at::<M>(&at);
    let variances = hessian.map(|hessian| hessian.inverse_diagonal());
    let estimates = M::PARAMETERS
        .iter()
        .zip(&values)
        .zip(&slopes)
        .enumerate()
        .map(|(i, ((name, value), slope))| {
            let variance = variances.as_ref().and_then(|variances| variances.get(i));
            let standard_error =
                variance.map_or(f64::INFINITY, |variance| slope * libm::sqrt(variance / many));
            Estimate { name, value: *value, standard_error }
        })
        .collect();
    let moved = at.iter().zip(&free).map(|(end, start)| (end - start).abs());
    let furthest =
        M::PARAMETERS.iter().zip(&values).zip(moved).fold(("", 0.0, 0.0), |most, ((name, value), by)| {
            if by >= most.2 { (*name, *value, by) } else { most }
        });
    let model = M::from_values(&values).ok_or_else(lost)?;
    let fit = Fit { model, estimates, log_likelihood: -value * many, iterations, customers, rows };
    Ok(Maximum { fit, settled, furthest: (furthest.0, furthest.1) })
}

impl<M: Parametric> Maximum<M> {
    /// The fit, if it is a maximum; parameters beyond a factor of 10^`decades` have run away.
    pub(crate) fn settled(self, decades: f64) -> Result<Fit<M>, StatsError> {
        let (parameter, value) = self.furthest;
        // Flat in some direction, where e^±10 more or less are as likely: there is no top to stand on.
        let known =
            |(estimate, above): (&Estimate, &f64)| estimate.standard_error < 10.0 * (estimate.value - above);
        let flat = !self.fit.estimates.iter().zip(M::ABOVE).all(known);
        if flat || ln(value).abs() > (decades * core::f64::consts::LN_10).min(BOX - 0.1) {
            return Err(StatsError::NoOptimum { model: M::NAME, parameter, value });
        }
        if !self.settled {
            return Err(StatsError::NotConverged { model: M::NAME, iterations: self.fit.iterations });
        }
        Ok(self.fit)
    }
}

/// A model that is NBD where nobody leaves.
pub(crate) trait DropOut: Parametric + PurchaseModel {
    /// Where the search begins, given rate parameters and the mean age.
    fn start(r: f64, alpha: f64, age: f64) -> Vec<f64>;

    /// The log-likelihood and its derivatives by the parameters.
    fn gradient(&self, rows: &Rows) -> (f64, Vec<f64>);
}

/// A model must be more likely than NBD by this much, in log-likelihood of the whole population, to be more than NBD.
/// Searches that follow a ridge to infinity end a little below it.
const GAIN: f64 = 0.01;

/// Fits a model with drop-out, and NBD beside it.
pub(crate) fn fit_drop_out<M: DropOut>(rows: &Rows) -> Result<Fitted<M>, StatsError> {
    enough(rows, M::PARAMETERS.len())?;
    let nbd = Nbd::fit(rows);
    let (purchases, age) = rows.means();
    let (r, alpha) = match &nbd {
        Ok(fit) => (fit.model.r(), fit.model.alpha()),
        // As variable as an exponential distribution of rates.
        Err(_) => (1.0, age / purchases),
    };
    let found = maximise::<M>(&M::start(r, alpha, age), rows.customers(), rows.len(), |m| m.gradient(rows))?;
    match nbd {
        Ok(nbd) if found.fit.log_likelihood - nbd.log_likelihood < GAIN => {
            let gain = found.fit.log_likelihood - nbd.log_likelihood;
            Ok(Fitted::Boundary { reason: Boundary::NobodyLeaves { model: M::NAME, gain }, nbd })
        }
        _ => Ok(Fitted::Interior(found.settled(8.0)?)),
    }
}

/// Refuses a population that is too small for as many parameters, or in which nobody bought again.
pub(crate) fn enough(rows: &Rows, parameters: usize) -> Result<(), StatsError> {
    let customers = usize::try_from(rows.customers()).unwrap_or(usize::MAX);
    if customers <= parameters {
        return Err(StatsError::TooFew { what: "customers", seen: customers, needed: parameters + 1 });
    }
    if rows.repeat_buyers() == 0 {
        return Err(StatsError::NoRepeat { customers });
    }
    Ok(())
}

/// A sum over rows of numbers times the number of customers.
pub(crate) fn add(sums: &mut [f64], customers: f64, terms: &[f64]) {
    for (sum, term) in sums.iter_mut().zip(terms) {
        *sum += customers * term;
    }
}
