//! A model of repeat purchase fitted to a population: plain data to keep, and the model made ready to be asked.

use serde::{Deserialize, Serialize};
use tenure_stats::{
    BgNbd, Estimate, Fit, Fitted, GammaGamma, MbgNbd, Nbd, ParetoNbd, PurchaseModel, Rows, StatsError,
    spend_correlation,
};

use super::{FEATURES, Features, ForecastError, Learnt, LearntView, PurchaseSum, names};
use crate::money::Currency;
use crate::projection::churn::ChurnView;
use crate::projection::purchases::{PurchaseView, TimeUnit};
use crate::report::predicted::Past;
use crate::time::{Duration, Timestamp, Zone};

/// Which model of repeat purchase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Method {
    /// Pareto/NBD: customers leave at any time.
    #[default]
    ParetoNbd,
    /// BG/NBD: customers leave right after a repeat purchase.
    BgNbd,
    /// MBG/NBD: customers leave right after any purchase.
    MbgNbd,
    /// NBD: nobody leaves.
    Nbd,
}

impl Method {
    /// All of them, the default first.
    pub const ALL: [Self; 4] = [Self::ParetoNbd, Self::BgNbd, Self::MbgNbd, Self::Nbd];

    /// The stable code.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ParetoNbd => "pareto_nbd",
            Self::BgNbd => "bg_nbd",
            Self::MbgNbd => "mbg_nbd",
            Self::Nbd => "nbd",
        }
    }

    /// The name in the literature.
    pub const fn label(self) -> &'static str {
        match self {
            Self::ParetoNbd => "Pareto/NBD",
            Self::BgNbd => "BG/NBD",
            Self::MbgNbd => "MBG/NBD",
            Self::Nbd => "NBD",
        }
    }

    const fn parameters(self) -> &'static [&'static str] {
        match self {
            Self::ParetoNbd => &["r", "alpha", "s", "beta"],
            Self::BgNbd | Self::MbgNbd => &["r", "alpha", "a", "b"],
            Self::Nbd => &["r", "alpha"],
        }
    }

    fn model(self, parameters: &[f64]) -> Result<Box<dyn PurchaseModel>, StatsError> {
        let [r, alpha, ..] = *parameters else {
            return Err(StatsError::Length { what: "parameters", seen: parameters.len(), expected: 2 });
        };
        let (a, b) = match *parameters {
            [_, _, a, b] => (a, b),
            _ => (0.0, 0.0),
        };
        Ok(match self {
            Self::ParetoNbd => Box::new(ParetoNbd::new(r, alpha, a, b)?),
            Self::BgNbd => Box::new(BgNbd::new(r, alpha, a, b)?),
            Self::MbgNbd => Box::new(MbgNbd::new(r, alpha, a, b)?),
            Self::Nbd => Box::new(Nbd::new(r, alpha)?),
        })
    }
}

/// A parameter as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// Its name in the literature.
    pub name: String,
    /// The most likely value.
    pub value: f64,
    /// Asymptotic standard error; none where the likelihood is flat.
    pub standard_error: Option<f64>,
}

impl Parameter {
    fn all(estimates: &[Estimate]) -> Vec<Self> {
        let one = |estimate: &Estimate| Self {
            name: estimate.name.into(),
            value: estimate.value,
            standard_error: Some(estimate.standard_error).filter(|error| error.is_finite()),
        };
        estimates.iter().map(one).collect()
    }
}

/// What a model was fitted to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// Whose local days purchases are counted in.
    pub zone: Zone,
    /// The end of the window.
    pub as_of: Timestamp,
    /// What was known: null for everything.
    pub known_at: Option<Timestamp>,
    /// Name of the policy.
    pub policy: String,
    /// Hash of the policy.
    pub policy_hash: String,
    /// Which log it is: a hash of its first fact.
    pub log: Box<str>,
    /// Hash of the histories fitted: equal ones were fitted to equal data.
    pub histories: String,
}

/// How much a purchase brings, by Gamma-Gamma.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpendFit {
    /// The currency of amounts, in whose units the parameter v is.
    pub currency: Currency,
    /// p, q and v.
    pub parameters: Vec<Parameter>,
    /// Of all repeat buyers.
    pub log_likelihood: f64,
    /// Repeat buyers with an amount.
    pub customers: u32,
    /// Correlation of the number of purchases with their mean amount: the model takes it to be about 0.
    pub correlation: Option<f64>,
}

/// A fitted model of repeat purchase, and of what purchases bring: what a model file holds.
///
/// # Laws
/// `PurchaseFit::from_json(&fit.to_json()) == Ok(fit)`; equal populations give equal bytes.
///
/// # Example
/// ```
/// use tenure_core::forecast::{Method, Origin, PurchaseFit, PurchaseSum};
/// use tenure_core::projection::purchases::TimeUnit;
/// use tenure_core::{Timestamp, Zone};
/// let origin = Origin {
///     zone: Zone::UTC,
///     as_of: Timestamp::MIN,
///     known_at: None,
///     policy: "shop".into(),
///     policy_hash: String::new(),
///     log: "".into(),
///     histories: String::new(),
/// };
/// let nobody = PurchaseFit::of(&PurchaseSum::default(), Method::ParetoNbd, TimeUnit::Weeks, origin);
/// assert!(nobody.unwrap_err().to_string().contains("0 customers given, at least 5 needed"));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PurchaseFit {
    /// Of the file's shape.
    pub version: u32,
    /// Which model: NBD where another was asked for and showed no drop-out.
    pub model: Method,
    /// The unit of its times.
    pub unit: TimeUnit,
    /// The parameters.
    pub parameters: Vec<Parameter>,
    /// Of all customers.
    pub log_likelihood: f64,
    /// Customers with a purchase.
    pub customers: u32,
    /// Distinct histories among them.
    pub distinct: u64,
    /// What there is to know about the fit: that no drop-out was visible, or why there is no model of spend.
    pub notes: Vec<String>,
    /// How much a purchase brings; none where that cannot be fitted.
    pub spend: Option<SpendFit>,
    /// The score learnt beside it; none where none was asked for, or there was too little to learn from.
    #[serde(default)]
    pub learnt: Option<LearntFit>,
    /// What it was fitted to.
    pub origin: Origin,
}

/// A learnt score as it is kept: it looks at the probabilities of the model beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LearntFit {
    /// Of what it is the probability: that nothing is bought within this time.
    pub horizon: Duration,
    /// Where it was learnt; what came was known a horizon later.
    pub cut: Timestamp,
    /// What was learnt.
    pub score: Learnt,
}

impl PurchaseFit {
    /// The version of the file's shape.
    pub const VERSION: u32 = 1;

    /// The most likely model of a population.
    ///
    /// # Errors
    /// [`ForecastError::Fit`] with too few customers, without repeat purchases, or where there is no best fit;
    /// [`ForecastError::MixedCurrencies`].
    pub fn of(
        population: &PurchaseSum,
        method: Method,
        unit: TimeUnit,
        origin: Origin,
    ) -> Result<Self, ForecastError> {
        let refuse = |why| ForecastError::Fit { method, why };
        let rows = population.rows(unit).map_err(refuse)?;
        let mut notes = Vec::new();
        let Best { model, estimates, log_likelihood } =
            Best::of(method, &rows, &mut notes).map_err(refuse)?;
        let currency = match population.currencies() {
            Some((first, second)) if first != second => {
                return Err(ForecastError::MixedCurrencies { first, second });
            }
            other => other.map(|(only, _)| only),
        };
        let spend = currency.and_then(|currency| match spend(population, currency) {
            Ok(spend) => Some(spend),
            Err(why) => {
                notes.push(format!("no model of spend: {why}"));
                None
            }
        });
        Ok(Self {
            version: Self::VERSION,
            model,
            unit,
            parameters: Parameter::all(&estimates),
            log_likelihood,
            customers: rows.customers(),
            distinct: rows.len() as u64,
            notes,
            spend,
            learnt: None,
            origin,
        })
    }
}

impl PurchaseFit {
    /// The most likely of all models with drop-out, by the log-likelihood of one population: they have equally many
    /// parameters. NBD where none of them has a best fit, or none shows drop-out. The notes say what was compared.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn best(population: &PurchaseSum, unit: TimeUnit, origin: &Origin) -> Result<Self, ForecastError> {
        let mut compared = Vec::new();
        let mut best: Option<Self> = None;
        for method in Method::ALL.into_iter().filter(|method| *method != Method::Nbd) {
            let told = match Self::of(population, method, unit, origin.clone()) {
                Ok(fit) => {
                    let told = format!("{} {:.4}", method.label(), fit.log_likelihood);
                    if best.as_ref().is_none_or(|best| fit.log_likelihood > best.log_likelihood) {
                        best = Some(fit);
                    }
                    told
                }
                Err(ForecastError::Fit {
                    why: StatsError::NoOptimum { .. } | StatsError::NotConverged { .. },
                    ..
                }) => format!("{} has no best fit", method.label()),
                Err(other) => return Err(other),
            };
            compared.push(told);
        }
        let mut best = match best {
            Some(best) => best,
            None => Self::of(population, Method::Nbd, unit, origin.clone())?,
        };
        best.notes.push(format!("compared by log-likelihood: {}", compared.join(", ")));
        Ok(best)
    }
}

/// The best fit of a model.
struct Best {
    model: Method,
    estimates: Vec<Estimate>,
    log_likelihood: f64,
}

impl Best {
    fn of(method: Method, rows: &Rows, notes: &mut Vec<String>) -> Result<Self, StatsError> {
        match method {
            Method::ParetoNbd => Ok(Self::or_boundary(method, ParetoNbd::fit(rows)?, notes)),
            Method::BgNbd => Ok(Self::or_boundary(method, BgNbd::fit(rows)?, notes)),
            Method::MbgNbd => Ok(Self::or_boundary(method, MbgNbd::fit(rows)?, notes)),
            Method::Nbd => Nbd::fit(rows).map(|fit| Self::new(method, fit)),
        }
    }

    fn new<M>(model: Method, fit: Fit<M>) -> Self {
        Self { model, estimates: fit.estimates, log_likelihood: fit.log_likelihood }
    }

    fn or_boundary<M>(method: Method, fitted: Fitted<M>, notes: &mut Vec<String>) -> Self {
        match fitted {
            Fitted::Interior(fit) => Self::new(method, fit),
            Fitted::Boundary { reason, nbd } => {
                notes.push(reason.to_string());
                Self::new(Method::Nbd, nbd)
            }
        }
    }
}

fn spend(population: &PurchaseSum, currency: Currency) -> Result<SpendFit, StatsError> {
    let spends = population.spends();
    // Of equal amounts or numbers there is no correlation.
    let correlation = spend_correlation(&spends).ok();
    let fit = GammaGamma::fit(spends)?;
    Ok(SpendFit {
        currency,
        parameters: Parameter::all(&fit.estimates),
        log_likelihood: fit.log_likelihood,
        customers: fit.customers,
        correlation,
    })
}

/// What of a file is read first.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

impl PurchaseFit {
    /// Reads a model file.
    ///
    /// # Errors
    /// [`ForecastError::Shape`] with the path of what is wrong, [`ForecastError::Version`], and as [`Self::open`].
    pub fn from_json(text: &str) -> Result<Self, ForecastError> {
        let shape = |path: String, why: &dyn core::fmt::Display| ForecastError::Shape {
            path: path.into(),
            why: why.to_string().into(),
        };
        // Told before anything that a newer version may have changed.
        if let Ok(Versioned { version: seen }) = serde_json::from_str(text)
            && seen != Self::VERSION
        {
            return Err(ForecastError::Version { seen, known: Self::VERSION });
        }
        let mut reader = serde_json::Deserializer::from_str(text);
        let fit: Self = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            match error.path().to_string() {
                // The path of the whole.
                root if root == "." => shape("the file".into(), error.inner()),
                path => shape(path, error.inner()),
            }
        })?;
        reader.end().map_err(|error| shape("the file".into(), &error))?;
        fit.open()?;
        Ok(fit)
    }

    /// The file's text: indented JSON, the same bytes for the same fit.
    pub fn to_json(&self) -> String {
        // Plain data always has a JSON form.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// The model made ready.
    ///
    /// # Errors
    /// [`ForecastError::Parameters`] for missing ones, [`ForecastError::Stats`] for one out of its range.
    pub fn open(&self) -> Result<Forecast, ForecastError> {
        let values = |given: &[Parameter], expected: &[&str]| {
            if given.iter().map(|parameter| parameter.name.as_str()).eq(expected.iter().copied()) {
                return Ok(given.iter().map(|parameter| parameter.value).collect::<Vec<_>>());
            }
            let seen: Vec<&str> = given.iter().map(|parameter| &*parameter.name).collect();
            let (expected, seen) = (expected.join(", "), seen.join(", "));
            Err(ForecastError::Parameters { method: self.model, expected, seen })
        };
        let model = self.model.model(&values(&self.parameters, self.model.parameters())?)?;
        let spend = match &self.spend {
            None => None,
            Some(spend) => match *values(&spend.parameters, &["p", "q", "v"])? {
                [p, q, v] => Some(GammaGamma::new(p, q, v)?),
                _ => None,
            },
        };
        Ok(Forecast {
            unit: self.unit,
            currency: self.spend.as_ref().map(|spend| spend.currency),
            model,
            spend,
        })
    }

    /// The probability that a customer buys nothing within the horizon of the learnt score, and what it is made of; none
    /// without a learnt score. `rules` is what the policy's churn signals say, where it has any.
    ///
    /// # Errors
    /// [`ForecastError::Features`] for a score that was learnt under other signals; as [`Forecast::p_no_purchase`].
    pub fn learnt_of(
        &self,
        forecast: &Forecast,
        view: &PurchaseView,
        rules: Option<&ChurnView>,
    ) -> Result<Option<LearntView>, ForecastError> {
        let Some(LearntFit { horizon, score, .. }) = &self.learnt else { return Ok(None) };
        let asked =
            names(&FEATURES, rules.into_iter().flat_map(|rules| &rules.signals).map(|signal| &*signal.code));
        if !score.features.iter().map(|feature| &feature.name).eq(&asked) {
            return Err(ForecastError::Features);
        }
        let p0 = forecast.p_no_purchase(view, horizon.as_seconds() / 86_400.0)?;
        Ok(Some(score.score(&Features::of(view, p0).and_signals(rules))?))
    }

    /// Whether the model speaks of these data: purchase days of this zone, amounts of this currency (none: there are none
    /// to speak of), this log.
    ///
    /// # Errors
    /// [`ForecastError::Zone`], [`ForecastError::Currency`], [`ForecastError::Log`].
    pub fn fits(&self, zone: Zone, currency: Option<Currency>, log: &str) -> Result<(), ForecastError> {
        if zone != self.origin.zone {
            let (fitted, asked) = (self.origin.zone.to_string(), zone.to_string());
            return Err(ForecastError::Zone { fitted, asked });
        }
        if let Some((fitted, asked)) = self.spend.as_ref().map(|spend| spend.currency).zip(currency)
            && fitted != asked
        {
            return Err(ForecastError::Currency { fitted, asked });
        }
        if *self.origin.log != *log {
            return Err(ForecastError::Log { fitted: self.origin.log.clone(), asked: log.into() });
        }
        Ok(())
    }
}

/// A model that can be asked about customers.
#[derive(Debug)]
pub struct Forecast {
    unit: TimeUnit,
    currency: Option<Currency>,
    model: Box<dyn PurchaseModel>,
    spend: Option<GammaGamma>,
}

impl Forecast {
    /// The model itself.
    pub fn model(&self) -> &dyn PurchaseModel {
        &*self.model
    }

    /// The model of spend; none where it could not be fitted.
    pub const fn spend(&self) -> Option<&GammaGamma> {
        self.spend.as_ref()
    }

    /// The unit of the model's times.
    pub const fn unit(&self) -> TimeUnit {
        self.unit
    }

    /// The currency of [`Self::expected_spend`].
    pub const fn currency(&self) -> Option<Currency> {
        self.currency
    }

    /// P0: the probability that the customer buys nothing in the next days, `0.0..=1.0`.
    ///
    /// # Errors
    /// [`ForecastError::Stats`] for a history that is too long to be represented.
    pub fn p_no_purchase(&self, view: &PurchaseView, days: f64) -> Result<f64, ForecastError> {
        Ok(self.model.p_no_purchase(view.summary(self.unit), days / self.unit.days())?)
    }

    /// The probability that the customer has not left for good, `0.0..=1.0`. It can never be seen to come true, and BG/NBD
    /// gives 1 to everybody who bought once: look at [`Self::p_no_purchase`].
    ///
    /// # Errors
    /// As [`Self::p_no_purchase`].
    pub fn p_alive(&self, view: &PurchaseView) -> Result<f64, ForecastError> {
        Ok(self.model.p_alive(view.summary(self.unit))?)
    }

    /// The expected number of purchase days in the next days; 0 and more.
    ///
    /// # Errors
    /// As [`Self::p_no_purchase`].
    pub fn expected_purchases(&self, view: &PurchaseView, days: f64) -> Result<f64, ForecastError> {
        Ok(self.model.expected_purchases(view.summary(self.unit), days / self.unit.days())?)
    }

    /// What the customer's next purchase day brings, in units of the currency; none without a model of spend. Somebody
    /// without a repeat purchase, or whose repeat purchases brought nothing, is expected to spend like anybody.
    ///
    /// # Errors
    /// As [`Self::p_no_purchase`].
    pub fn expected_spend(&self, view: &PurchaseView) -> Result<Option<f64>, ForecastError> {
        let own = view.repeat_spend();
        Ok(self.spend.as_ref().map(|spend| spend.expected_spend(own)).transpose()?)
    }

    /// What a customer's value is predicted from.
    pub fn past(&self, view: &PurchaseView) -> Past {
        let mean_repeat_spend = view.repeat_spend().map(|spend| spend.mean_amount);
        Past { purchases: view.summary(self.unit), mean_repeat_spend }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::{Projection, fold};
    use crate::projection::exchange::Exchange;
    use crate::projection::purchases::Purchases;
    use crate::{Customer, CustomerEvent, Event, EventId, Money, Rates};

    const DAY: i64 = 86_400_000_000;

    fn origin() -> Origin {
        Origin {
            zone: Zone::UTC,
            as_of: Timestamp::from_micros(400 * DAY).unwrap(),
            known_at: None,
            policy: "shop".into(),
            policy_hash: "abc".into(),
            log: "log".into(),
            histories: "def".into(),
        }
    }

    fn view(days: &[i64], mut minor: impl FnMut(i64) -> i64) -> PurchaseView {
        let order = |day: &i64| {
            let total = Some(Money::from_minor(minor(*day), "USD".parse().unwrap()));
            let fact = CustomerEvent::OrderPlaced { order: None, total, lines: vec![] };
            let id = EventId::from_foreign("shop", &day.to_string());
            let ann = Customer::parse("ann", "shop").unwrap();
            Event::new(id, ann, Timestamp::from_micros(day * DAY).unwrap(), fact).unwrap()
        };
        let facts: Vec<Event> = days.iter().map(order).collect();
        let purchases = Purchases::new(Exchange::new(Zone::UTC, None, Rates::default()));
        purchases.view(&fold(&purchases, facts.iter().map(Event::view)), origin().as_of).unwrap()
    }

    /// Customers who buy at rates of their own for amounts of their own, and leave one day.
    fn population(amounts: bool) -> PurchaseSum {
        let mut random = 7_u64;
        let mut below = |end: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            i64::try_from((random >> 33) % end).unwrap()
        };
        let mut sum = PurchaseSum::default();
        for _ in 0..200 {
            let (rhythm, leaves, amount) = (4 + below(80), 20 + below(600), 500 + below(20) * below(20) * 50);
            let mut days = vec![1 + below(60)];
            while let Some(next) =
                days.last().map(|last| last + 1 + below(u64::try_from(2 * rhythm).unwrap()))
                && next < leaves.min(400)
            {
                days.push(next);
            }
            let view = view(&days, |_| amount * (50 + below(100)) / 100);
            sum.add(&if amounts { view } else { view.without_amounts() });
        }
        sum
    }

    fn fit(method: Method) -> PurchaseFit {
        PurchaseFit::of(&population(true), method, TimeUnit::Weeks, origin()).unwrap()
    }

    #[test]
    fn a_fit_is_kept_as_text_and_reads_back_as_itself() {
        for method in [Method::BgNbd, Method::Nbd] {
            let fit = fit(method);
            assert_eq!(PurchaseFit::from_json(&fit.to_json()).unwrap(), fit, "{}", fit.to_json());
            assert!(fit.spend.is_some() && fit.customers == 200 && fit.distinct > 100, "{fit:?}");
        }
    }

    #[test]
    fn the_best_model_is_the_most_likely_one_and_says_what_it_was_compared_with() {
        let best = PurchaseFit::best(&population(true), TimeUnit::Weeks, &origin()).unwrap();
        let others = [Method::BgNbd, Method::MbgNbd].map(|method| {
            PurchaseFit::of(&population(true), method, TimeUnit::Weeks, origin())
                .map(|fit| fit.log_likelihood)
        });
        assert!(others.into_iter().flatten().all(|other| other <= best.log_likelihood), "{best:?}");
        let note = best.notes.last().unwrap();
        // Leaving dates that are uniform are beyond Pareto/NBD.
        assert!(
            note.starts_with("compared by log-likelihood: Pareto/NBD has no best fit, BG/NBD -"),
            "{note}"
        );
        let nobody = PurchaseFit::best(&PurchaseSum::default(), TimeUnit::Weeks, &origin());
        assert!(nobody.unwrap_err().to_string().starts_with("0 customers given"));
    }

    #[test]
    fn a_file_that_does_not_fit_says_why() {
        let text = fit(Method::BgNbd).to_json();
        let refused = |from: &str, to: &str| {
            assert!(text.contains(from), "{text}");
            PurchaseFit::from_json(&text.replacen(from, to, 1)).unwrap_err().to_string()
        };
        assert!(refused("\"version\": 1", "\"version\": 2").starts_with("the model file has version 2"));
        assert!(
            refused("\"name\": \"alpha\"", "\"name\": \"beta\"")
                .contains("has the parameters r, alpha, a, b")
        );
        assert!(
            refused("\"unit\": \"weeks\"", "\"unit\": \"moons\"")
                .starts_with("unit: unknown variant `moons`")
        );
        assert!(
            refused("\"bg_nbd\"", "\"nbd\"")
                .contains("NBD has the parameters r, alpha, the file gives r, alpha, a, b")
        );
        assert!(
            PurchaseFit::from_json("hello").unwrap_err().to_string().starts_with("the file: expected value")
        );
        assert!(PurchaseFit::from_json("{").unwrap_err().to_string().contains("EOF"));
        let negative = fit(Method::BgNbd);
        let mut negative = PurchaseFit { parameters: negative.parameters.clone(), ..negative };
        negative.parameters[0].value = -1.0;
        assert!(PurchaseFit::from_json(&negative.to_json()).unwrap_err().to_string().starts_with("r is -1"));
    }

    #[test]
    fn a_model_is_asked_about_its_own_data_alone() {
        let fit = fit(Method::BgNbd);
        let usd: Currency = "USD".parse().unwrap();
        assert_eq!(fit.fits(Zone::UTC, Some(usd), "log"), Ok(()));
        assert_eq!(fit.fits(Zone::UTC, None, "log"), Ok(()));
        let told = |zone: &str, currency: &str, log: &str| {
            let refused = fit.fits(zone.parse().unwrap(), Some(currency.parse().unwrap()), log);
            refused.unwrap_err().to_string()
        };
        assert!(
            told("Asia/Shanghai", "USD", "log")
                .contains("days of the zone UTC, the policy's is Asia/Shanghai")
        );
        assert!(told("UTC", "CNY", "log").contains("amounts in USD, these are in CNY"));
        assert!(told("UTC", "USD", "other").contains("another log"));
    }

    #[test]
    fn what_is_expected_of_a_customer_follows_from_the_history() {
        let forecast = fit(Method::BgNbd).open().unwrap();
        let amount = |_| 1_000;
        let (lately, long_ago) = (view(&[100, 200, 300, 395], amount), view(&[100, 110, 120], amount));
        let p0 = |view| forecast.p_no_purchase(view, 30.0).unwrap();
        assert!(p0(&lately) < p0(&long_ago));
        assert!((forecast.p_no_purchase(&lately, 0.0).unwrap() - 1.0).abs() < 1e-12);
        let past = forecast.past(&lately);
        assert_eq!((past.purchases, past.mean_repeat_spend), (lately.summary(TimeUnit::Weeks), Some(10.0)));
        // Drawn from one's own mean towards that of all.
        let (own, all) = (
            forecast.expected_spend(&lately).unwrap().unwrap(),
            forecast.spend().unwrap().expected_spend(None).unwrap(),
        );
        assert!(10.0 < own && own < all, "{own} {all}");
        assert!(
            forecast.expected_purchases(&lately, 365.0).unwrap()
                > forecast.expected_purchases(&long_ago, 365.0).unwrap()
        );
    }

    #[test]
    fn without_amounts_there_is_a_model_of_purchases_all_the_same() {
        let fit = PurchaseFit::of(&population(false), Method::Nbd, TimeUnit::Days, origin()).unwrap();
        assert_eq!(fit.spend, None);
        assert_eq!(fit.open().unwrap().expected_spend(&view(&[10], |_| 0)), Ok(None));
    }
}
