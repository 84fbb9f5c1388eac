//! The policy of a business: everything that it may decide, in one TOML file. Plain data without hidden defaults.

pub mod check;
mod page;
mod place;
mod written;

pub use place::{PolicyError, Spot};

use place::Place;
use serde::{Deserialize, Serialize};

use crate::json;
use crate::money::Currency;
use crate::projection::churn::{Churn, ChurnPolicy, ChurnPolicyError};
use crate::projection::exchange::Exchange;
use crate::projection::rfm::{Rfm, RfmPolicy, RfmPolicyError};
use crate::projection::stage::{
    CadencePolicy, RuleDef, StageDef, StageMachine, StagePolicy, StagePolicyError,
};
use crate::rates::Rates;
use crate::report::quality::{QualityPolicy, QualityPolicyError};
use crate::time::{Duration, Zone};

/// All decisions of a business.
///
/// # Example
/// ```
/// use tenure_core::Policy;
/// let policy = Policy::parse("name = \"shop\"\n[rfm]\nlookback = \"365d\"\n", "shop.toml")?;
/// assert_eq!((policy.name.as_str(), policy.zone.to_string()), ("shop", "UTC".into()));
///
/// let error = Policy::parse("[rfm]\nscoring = \"ranks\"\n", "shop.toml").unwrap_err();
/// assert!(error.to_string().starts_with("shop.toml:2:11: rfm.scoring: unknown variant `ranks`, expected one of `value`"));
/// # Ok::<(), tenure_core::PolicyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// What it is called in answers.
    pub name: String,
    /// Where one day ends and the next begins.
    pub zone: Zone,
    /// The currency that amounts are converted to. None: the one that all amounts have.
    pub currency: Option<Currency>,
    /// Rates of other currencies: `[[rate]]` with `day`, `from`, `to` and `rate`.
    #[serde(rename = "rate")]
    pub rates: Rates,
    /// How a customer's own rhythm is measured.
    pub cadence: CadencePolicy,
    /// Recency, frequency, monetary.
    pub rfm: RfmPolicy,
    /// The lifecycle stages: `[[stage]]`; none where a policy is about RFM alone.
    #[serde(rename = "stage")]
    pub stages: Vec<StageDef>,
    /// How customers move between them: `[[rule]]`, in the order in which they are tried.
    #[serde(rename = "rule")]
    pub rules: Vec<RuleDef>,
    /// What is expected of the data.
    pub quality: QualityPolicy,
    /// Signs of leaving and what they are worth; none where a policy has no churn score.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub churn: Option<ChurnPolicy>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            name: "default".into(),
            zone: Zone::UTC,
            currency: None,
            rates: Rates::default(),
            cadence: CadencePolicy::default(),
            rfm: RfmPolicy::default(),
            stages: Vec::new(),
            rules: Vec::new(),
            quality: QualityPolicy::default(),
            churn: None,
        }
    }
}

impl Policy {
    /// The names of the policies that come with the library.
    pub const PRESETS: [&str; 3] = ["retail", "saas", "b2b"];

    /// A policy that comes with the library; none of another name.
    ///
    /// # Example
    /// ```
    /// use tenure_core::Policy;
    /// assert!(Policy::PRESETS.iter().all(|name| Policy::preset(name).is_some()));
    /// assert!(Policy::preset("wholesale").is_none());
    /// ```
    pub fn preset(name: &str) -> Option<Self> {
        // A test reads every one of them.
        Self::parse(written::preset(name)?, name).ok()
    }

    /// The file of a policy that comes with the library, as [`Self::preset`] reads it; none of another name.
    pub fn preset_text(name: &str) -> Option<&'static str> {
        written::preset(name)
    }

    /// Reads a policy. `file` is only for the message.
    ///
    /// # Errors
    /// [`PolicyError`] with line and column, the path of the field, and what is allowed there.
    pub fn parse(text: &str, file: &str) -> Result<Self, PolicyError> {
        let place = Place { text, file };
        let reader = toml::Deserializer::parse(text).map_err(|error| place.refuse(&error, ""))?;
        let policy: Self = serde_path_to_error::deserialize(reader)
            .map_err(|error| place.refuse(error.inner(), &error.path().to_string()))?;
        policy.check().map_err(|Unfit { path, why }| PolicyError {
            file: file.into(),
            spot: place.find(&path),
            path,
            why,
        })?;
        Ok(policy)
    }

    /// Where a field such as `rule[2].when` stands in the text of a policy, or else the nearest thing around it that
    /// is written down.
    pub fn spot(text: &str, path: &str) -> Option<Spot> {
        Place { text, file: "" }.find(path)
    }

    /// Checks what one field alone cannot say. [`Self::parse`] has done so.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn check(&self) -> Result<(), Unfit> {
        self.rfm.check().map_err(|RfmPolicyError { path, why }| Unfit { path, why })?;
        self.quality.check().map_err(|QualityPolicyError { path, why }| Unfit { path, why })?;
        if !self.stages.is_empty() || !self.rules.is_empty() {
            self.stages()?;
        }
        if self.churn.is_some() {
            self.churn()?;
        }
        Ok(())
    }

    /// The machine that computes lifecycle stages under this policy.
    ///
    /// # Errors
    /// As [`Self::check`]; also if the policy has no stages.
    pub fn stages(&self) -> Result<StageMachine, Unfit> {
        StagePolicy::new(self.zone, self.cadence, self.stages.clone(), self.rules.clone())
            .map(StageMachine::new)
            .map_err(|error| Unfit { path: self.path_of(&error).into(), why: error.to_string().into() })
    }

    /// The field that a refusal is about.
    fn path_of(&self, error: &StagePolicyError) -> String {
        let stage = |name: &str| {
            self.stages.iter().rposition(|stage| &*stage.id == name).map(|n| format!("stage[{n}].id"))
        };
        let rule = |name: &str, field: &str| {
            self.rules.iter().rposition(|rule| &*rule.name == name).map(|n| format!("rule[{n}].{field}"))
        };
        match error {
            StagePolicyError::Cadence { .. } => Some("cadence".into()),
            StagePolicyError::Initial { .. } => Some("stage".into()),
            StagePolicyError::Code { what: "stage", name }
            | StagePolicyError::Twice { what: "stage", name } => stage(name),
            StagePolicyError::Code { name, .. } | StagePolicyError::Twice { name, .. } => rule(name, "name"),
            StagePolicyError::Rule { rule: name, field, .. } => rule(name, field),
            _ => None,
        }
        .unwrap_or_default()
    }

    /// The projection that computes the churn score under this policy.
    ///
    /// # Errors
    /// As [`Self::check`]; also if the policy has no `[churn]`.
    pub fn churn(&self) -> Result<Churn, Unfit> {
        let missing = || Unfit { path: "churn".into(), why: "there is no [churn] with signals".into() };
        let policy = self.churn.clone().ok_or_else(missing)?;
        Churn::new(policy, self.zone, self.cadence)
            .map_err(|ChurnPolicyError { path, why }| Unfit { path, why })
    }

    /// What a customer is worth who may leave: net revenue of the last 365 days, in the policy's currency, or in that of
    /// the amounts where the policy names none.
    ///
    /// # Errors
    /// As [`Self::rfm`].
    pub fn value_at_risk(&self) -> Result<Rfm, RfmPolicyError> {
        let year = RfmPolicy { lookback: Some(Duration::days(365)), ..RfmPolicy::default() };
        Rfm::new(year, self.zone, self.currency, self.rates.clone())
    }

    /// The projection that computes RFM under this policy.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn rfm(&self) -> Result<Rfm, RfmPolicyError> {
        Rfm::new(self.rfm.clone(), self.zone, self.currency, self.rates.clone())
    }

    /// How amounts become comparable under this policy.
    pub fn exchange(&self) -> Exchange {
        Exchange::new(self.zone, self.currency, self.rates.clone())
    }

    /// Hash of every decision, defaults filled in: BLAKE3 of the canonical JSON, in hexadecimal.
    ///
    /// # Laws
    /// Policies that decide alike have one hash, however they are written down.
    pub fn hash(&self) -> String {
        blake3::hash(self.to_json().as_bytes()).to_hex().to_string()
    }

    /// The policy as canonical JSON with every default filled in: the text that [`Self::hash`] is of, and by which a policy
    /// is kept beside what was made under it.
    ///
    /// # Laws
    /// `Policy::from_json(&p.to_json()) == Ok(p)` for every policy that passes [`Self::check`].
    pub fn to_json(&self) -> String {
        // Plain data always has a JSON form.
        serde_json::to_value(self).map(|value| json::canonical(&value)).unwrap_or_default()
    }

    /// Reads what [`Self::to_json`] wrote. What people write is read by [`Self::parse`].
    ///
    /// # Errors
    /// The first field that is wrong; the path is empty where the text is no JSON.
    ///
    /// # Example
    /// ```
    /// use tenure_core::Policy;
    /// let retail = Policy::preset("retail").ok_or("no such preset")?;
    /// assert_eq!(Policy::from_json(&retail.to_json())?, retail);
    /// assert_eq!(&*Policy::from_json(r#"{"zone":"Mars"}"#).unwrap_err().path, "zone");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_json(text: &str) -> Result<Self, Unfit> {
        let mut reader = serde_json::Deserializer::from_str(text);
        let policy: Self = serde_path_to_error::deserialize(&mut reader).map_err(|error| Unfit {
            path: error.path().to_string().into(),
            why: error.inner().to_string().into(),
        })?;
        reader.end().map_err(|error| Unfit { path: "".into(), why: error.to_string().into() })?;
        policy.check()?;
        Ok(policy)
    }

    /// The policy as TOML with every default filled in. What is not decided (no currency, no look-back window, no
    /// edges) has no spelling in TOML and is left out.
    ///
    /// # Laws
    /// `Policy::parse(&p.to_toml(), "") == Ok(p)` for every policy that passes [`Self::check`].
    pub fn to_toml(&self) -> String {
        // Plain data always has a TOML form.
        toml::to_string_pretty(self).unwrap_or_default()
    }
}

/// What is wrong with a policy beyond the form of its text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {why}")]
pub struct Unfit {
    /// The field, from the top of the policy.
    pub path: Box<str>,
    /// What is wrong, and what is allowed.
    pub why: Box<str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        Policy::parse(text, "p.toml").unwrap_err().to_string()
    }

    #[test]
    fn every_error_says_where_and_what_is_allowed() {
        let cases = [
            (
                "nmae = 'x'",
                "p.toml:1:1: nmae: unknown field `nmae`, expected one of `name`, `zone`, `currency`, `rate`, `cadence`, `rfm`, `stage`, `rule`, `quality`, `churn`",
            ),
            (
                "\n[rfm]\nlookbak = '1d'",
                "p.toml:3:1: rfm.lookbak: unknown field `lookbak`, expected one of `lookback`, `frequency`",
            ),
            (
                "[rfm]\nscoring = 'x'",
                "p.toml:2:11: rfm.scoring: unknown variant `x`, expected one of `value`, `rank`, `ntile`",
            ),
            (
                "[rfm]\nmap = 'segments_12'",
                "expected one of `segments_11`, `segments_r_package_10`, `segments_cn_8`",
            ),
            ("[rfm]\nlookback = 365", "p.toml:2:12: rfm.lookback: invalid type: integer `365`, expected"),
            (
                "[rfm]\nlookback = 'a year'",
                "rfm.lookback: \"a year\" is not a duration: write a whole number and",
            ),
            ("zone = 'Mars'", "p.toml:1:8: zone: \"Mars\" is not an IANA time zone"),
            ("currency = 'usd'", "p.toml:1:12: currency: \"usd\" is not an ISO 4217"),
            ("name = 'a'\nname = 'b'", "p.toml:2:1: duplicate key"),
            (
                "[[rate]]\nday = 2024-01-01\nfrom = 'USD'\nto = 'CNY'\nrate = 7.1",
                "rate[0].rate: invalid type: floating point `7.1`, expected a decimal as text",
            ),
            ("[[rate]]\nday = 2024-01-01\nfrom = 'USD'\nto = 'CNY'", "missing field `rate`"),
            (
                "[rfm]\nscoring = 'fixed'",
                "p.toml:2:11: rfm.scoring: the scoring \"fixed\" needs the edges r_days, f and m",
            ),
            (
                "name = 'x'\n[rfm]\nfrequency = 'days'\nscoring = 'fixed'",
                "p.toml:4:11: rfm.scoring: the scoring",
            ),
            (
                "[rfm.fixed]\nr_days = [9,2,3,4]\nf = [1,2,3,4]\nm = [1,2,3,4]",
                "p.toml:1:1: rfm.fixed: each of",
            ),
            (
                "[rfm.fixed]\nr_days = [2,3,4]",
                "rfm.fixed.r_days: invalid length 3, expected an array of length 4",
            ),
            ("[rfm]\nmap = 'own'", "p.toml:2:7: rfm.map: the map \"own\" needs segments"),
            ("[rfm]\nlookback = '0d'", "p.toml:2:12: rfm.lookback: a look-back window of no length"),
            ("[rfm.tiers]\nshares = ['0.2', '1.3']", "p.toml:2:10: rfm.tiers.shares: the shares of A"),
            ("[rfm.tiers]\ncuts = ['1', '2']", "p.toml:2:8: rfm.tiers.cuts: the cut of A is"),
            ("[rfm]\nmap = 'tiers_abc'\ntiers.by = 'cuts'", "rfm.tiers.by: tiers by \"cuts\" need"),
            (
                "[[rfm.segment]]\ncode = 'a'\n[[rfm.segment]]\ncode = 'Vip'",
                "p.toml:4:8: rfm.segment[1].code: a code begins",
            ),
            ("[[rfm.segment]]\ncode = 'a'\nr = [0, 5]", "rfm.segment[0].r: write [low, high] with 1 <= low"),
        ];
        for (text, said) in cases {
            let error = refused(text);
            assert!(
                error.starts_with("p.toml:") && error.contains(said),
                "{text:?}\n  said {error}\n  not  {said}"
            );
        }
    }

    #[test]
    fn a_policy_written_out_reads_back_as_itself_with_every_default_in_sight() {
        let full = "
            currency = 'CNY'
            rate = [{day = 2024-01-02, from = 'USD', to = 'CNY', rate = '7.10'}, {day = '2024-01-01', from = 'USD', to = 'CNY', rate = 7}]
            [rfm]
            lookback = '2w'
            map = 'own'
            [rfm.fixed]
            r_days = [7, 30, 90, 365]
            f = [2, 3, 5, 9]
            m = ['0.50', 1, 2, 3]
            [[rfm.segment]]
            code = 'vip'
            r = [4, 5]";
        for text in ["", full] {
            let policy = Policy::parse(text, "").unwrap();
            let written = policy.to_toml();
            assert_eq!(Policy::parse(&written, "").unwrap(), policy, "{written}");
            assert_eq!(Policy::from_json(&policy.to_json()).unwrap(), policy, "{}", policy.to_json());
        }
        for preset in Policy::PRESETS.map(|name| Policy::preset(name).unwrap()) {
            assert_eq!(Policy::from_json(&preset.to_json()).unwrap(), preset);
        }
        let written = Policy::default().to_toml();
        for default in [
            "zone = \"UTC\"",
            "scoring = \"value\"",
            "map = \"segments_11\"",
            "average = \"200\"",
            "cut = \"mean\"",
        ] {
            assert!(written.contains(default), "{written}");
        }
    }

    #[test]
    fn the_hash_is_of_what_is_decided_and_not_of_how_it_is_written() {
        let hash = |text: &str| Policy::parse(text, "").unwrap().hash();
        assert_eq!(
            hash(""),
            hash("name = 'default'\nzone = 'UTC'\n[rfm]\nscoring = 'value'\nfrequency = 'days'")
        );
        assert_eq!(hash("[rfm]\nlookback = '2w'"), hash("[rfm]\nlookback = '14d'"));
        assert_ne!(hash(""), hash("zone = 'Asia/Shanghai'"));
        assert_eq!(hash("").len(), 64);
    }

    #[test]
    fn edges_outlive_a_change_of_name_but_not_of_anything_that_scores_depend_on() {
        let hash = |text: &str| Policy::parse(text, "").unwrap().rfm().unwrap().policy_hash().to_owned();
        assert_eq!(hash(""), hash("name = 'other'"));
        assert_ne!(hash(""), hash("zone = 'Asia/Shanghai'"));
        assert_ne!(hash(""), hash("[rfm]\nlookback = '1d'"));
    }
}
