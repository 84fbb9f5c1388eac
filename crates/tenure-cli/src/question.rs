//! What every query command has in common: facts, policy, instant; and the frame of its answer.

use std::fs;

use chrono::{Datelike, Months};
use serde_json::{Value, json};
use tenure::core::fold::{Fingerprint, Projection, States};
use tenure::core::log::{Cut, KnownAt};
use tenure::core::near::nearest;
use tenure::core::projection::churn::Churn;
use tenure::core::projection::stage::StageMachine;
use tenure::core::query::{Frame, Known};
use tenure::core::{EventView, LocalTime, Policy, Timestamp, Zone};

use crate::answer::Answer;
use crate::args;
use crate::command::Talk;
use crate::error::CliError;
use crate::excerpt::excerpt;
use crate::lang::fill;
use crate::source::Source;
use crate::table::{Table, day_or_instant, safe};

/// A question whose parts were read and found right.
pub struct Question {
    /// Where the facts are.
    pub source: Source,
    /// The policy.
    pub policy: Policy,
    /// The instant asked for; none: the latest fact.
    asked: Option<Timestamp>,
    known_at: KnownAt,
    known_text: Option<String>,
    threads: u32,
}

impl Question {
    /// Reads policy and instants and opens the source, in this order: what costs nothing is refused first.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn open(args: &args::Question) -> Result<Self, CliError> {
        let (policy, _) = read_policy("--policy ", &args.policy)?;
        let asked = args.as_of.as_deref().map(|text| instant("--as-of", text, policy.zone)).transpose()?;
        let source = Source::open(&args.source)?;
        let known_at = source.known_at(args.source.known_at.as_deref())?;
        let known_text = args.source.known_at.clone();
        Ok(Self { source, policy, asked, known_at, known_text, threads: args.source.threads })
    }

    /// The same question within what a query says of instants.
    ///
    /// # Errors
    /// If command line and query both name an instant, and not the same one.
    pub fn within(mut self, frame: &Frame) -> Result<Self, CliError> {
        let twice = |what: &str, option: &str| {
            CliError::input(format!("{option} and the query's {what} are not the same"))
                .hint("give one of them")
        };
        if let Some(as_of) = frame.as_of {
            if self.asked.is_some_and(|asked| asked != as_of) {
                return Err(twice("as_of", "--as-of"));
            }
            self.asked = Some(as_of);
        }
        if let Some(known) = frame.known_at {
            let (text, known_at) = match known {
                Known::Position(position) => {
                    (position.to_string(), self.source.known_at(Some(&position.to_string()))?)
                }
                Known::Instant(at) => (at.to_string(), KnownAt::Instant(at)),
            };
            if self.known_at != KnownAt::Latest && self.known_at != known_at {
                return Err(twice("known_at", "--known-at"));
            }
            (self.known_at, self.known_text) = (known_at, Some(text));
        }
        Ok(self)
    }

    /// Which facts count.
    pub const fn cut(&self) -> Cut {
        Cut { as_of: self.asked, known_at: self.known_at }
    }

    /// An instant as people write it, in the policy's zone.
    ///
    /// # Errors
    /// If it is none.
    pub fn instant(&self, option: &str, text: &str) -> Result<Timestamp, CliError> {
        instant(option, text, self.policy.zone)
    }

    /// Folds everything that counts.
    ///
    /// # Errors
    /// If the store fails.
    pub fn fold<P>(&self, projection: &P, talk: Talk) -> Result<States<P>, CliError>
    where
        P: Projection + Clone + Send + Sync,
    {
        self.fold_under(projection, self.cut(), talk)
    }

    /// Folds everything under a narrower cut than that of the question.
    ///
    /// # Errors
    /// If the store fails.
    pub fn fold_under<P>(&self, projection: &P, cut: Cut, talk: Talk) -> Result<States<P>, CliError>
    where
        P: Projection + Clone + Send + Sync,
    {
        self.source.fold(projection, cut, self.threads, talk)
    }

    /// The instant to answer for: what was asked, else the latest fact; none without facts.
    pub fn as_of<P: Projection>(&self, states: &States<P>) -> Option<Timestamp> {
        self.asked.or_else(|| states.latest())
    }

    /// The instant asked for, where one was.
    pub const fn asked(&self) -> Option<Timestamp> {
        self.asked
    }

    /// Refuses a comparison that starts after the instant of the answer.
    ///
    /// # Errors
    /// If it does.
    pub fn check_since(since: Timestamp, as_of: Option<Timestamp>) -> Result<(), CliError> {
        match as_of {
            Some(as_of) if since > as_of => {
                Err(CliError::input(format!("--since {since} lies after --as-of {as_of}"))
                    .hint("without --as-of the question is about the latest fact"))
            }
            _ => Ok(()),
        }
    }

    /// The stage machine of the policy.
    ///
    /// # Errors
    /// If the policy has no stages.
    pub fn stages(&self) -> Result<StageMachine, CliError> {
        self.policy.stages().map_err(|error| {
            CliError::input(format!("policy \"{}\": {error}", self.policy.name))
                .hint("a policy of stages has [[stage]] and [[rule]] tables; the presets retail, saas and b2b have them")
        })
    }

    /// The same, or nothing of a policy without stages: what needs none is answered under it all the same.
    ///
    /// # Errors
    /// As [`Self::stages`].
    pub fn stages_if_any(&self) -> Result<Option<StageMachine>, CliError> {
        if self.policy.stages.is_empty() { Ok(None) } else { self.stages().map(Some) }
    }

    /// The churn score of the policy.
    ///
    /// # Errors
    /// If the policy has none.
    pub fn churn(&self) -> Result<Churn, CliError> {
        self.policy.churn().map_err(|error| {
            CliError::input(format!("policy \"{}\": {error}", self.policy.name))
                .hint("a churn score is a [churn] part with [[churn.signal]] tables; the presets retail, saas and b2b have one")
        })
    }

    /// The same, or nothing of a policy without a churn score.
    ///
    /// # Errors
    /// As [`Self::churn`].
    pub fn churn_if_any(&self) -> Result<Option<Churn>, CliError> {
        if self.policy.churn.is_none() { Ok(None) } else { self.churn().map(Some) }
    }

    /// The first instants of the calendar months from the one of `since` (or eleven before that of `as_of`) on, and the
    /// first after `as_of`.
    pub fn months(&self, since: Option<Timestamp>, as_of: Timestamp) -> Vec<Timestamp> {
        let zone = self.policy.zone;
        let first_of = |at: Timestamp| zone.date(at).with_day(1);
        let start = match since {
            Some(since) => first_of(since),
            None => first_of(as_of).and_then(|month| month.checked_sub_months(Months::new(11))),
        };
        let mut edges = Vec::new();
        let mut month = start;
        while let Some(first) = month {
            let Ok(edge) = zone.instant(LocalTime::midnight(first)) else { break };
            edges.push(edge);
            if edge > as_of {
                break;
            }
            month = first.checked_add_months(Months::new(1));
        }
        edges
    }

    /// The end of the local day one calendar month before that of an instant (31 March: 28 or 29 February), which is
    /// what its date given as an instant would mean.
    pub fn month_before(&self, at: Timestamp) -> Timestamp {
        let zone = self.policy.zone;
        let day = zone.date(at).checked_sub_months(Months::new(1));
        day.and_then(|day| zone.end_of_day(day).ok()).unwrap_or(Timestamp::MIN)
    }

    /// The frame of an answer.
    pub fn answer(
        &self,
        query: Value,
        as_of: Option<Timestamp>,
        body: Value,
        title: &str,
        talk: Talk,
    ) -> Answer {
        let known_at = match self.known_at {
            KnownAt::Instant(at) | KnownAt::AsOccurred(at) => json!(at),
            KnownAt::Latest => Value::Null,
            _ => self
                .known_text
                .as_deref()
                .and_then(|text| text.parse::<u64>().ok())
                .map_or(Value::Null, Value::from),
        };
        let hash = self.policy.hash();
        let known = known_at.as_str().map(str::to_owned).or_else(|| known_at.as_u64().map(|n| n.to_string()));
        let mut heading = safe(title);
        if let Some(as_of) = as_of {
            heading = heading + " · " + talk.words().as_of + " " + &day_or_instant(as_of);
        }
        if let Some(known) = known {
            heading += &fill(talk.words().known_at, &[&known]);
        }
        heading = heading + " · " + &safe(&self.policy.name) + " " + hash.get(..12).unwrap_or(&hash);
        Answer {
            query,
            as_of: json!(as_of),
            known_at,
            policy: json!({"name": self.policy.name, "hash": hash}),
            body,
            heading,
            tables: Vec::<Table>::new(),
            notes: Vec::new(),
            list: None,
        }
    }
}

/// Counts facts, so that an answer can say how many it rests on.
#[derive(Clone, Copy, Debug)]
pub struct CountFacts;

impl Projection for CountFacts {
    type State = u64;
    type View = u64;

    fn init(&self) -> u64 {
        0
    }

    fn apply(&self, facts: &mut u64, _: &EventView<'_>) {
        *facts += 1;
    }

    fn view(&self, facts: &u64, _: Timestamp) -> u64 {
        *facts
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of("facts", 1, &())
    }
}

/// A preset by name, else a file; with its text. `option` stands before the name in messages.
///
/// # Errors
/// A file that cannot be read, or a text that is no policy: with its line and a caret under what is wrong.
pub fn read_policy(option: &str, name: &str) -> Result<(Policy, String), CliError> {
    if let Some((policy, text)) = Policy::preset(name).zip(Policy::preset_text(name)) {
        return Ok((policy, text.to_owned()));
    }
    let bytes = fs::read(name).map_err(|error| {
        let near =
            nearest(name, Policy::PRESETS).map_or_else(String::new, |near| format!("; did you mean {near}?"));
        CliError::input(format!("{option}{name}: {error}{near}"))
            .hint(format!("name a TOML file or a preset: {}", Policy::PRESETS.join(", ")))
    })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = error.as_bytes().get(..good).unwrap_or_default().split(|byte| *byte == b'\n').count();
        CliError::input(format!("{option}{name}: line {line} is not UTF-8")).hint("save the file as UTF-8")
    })?;
    // Some editors begin a file with a mark of its encoding.
    let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
    match Policy::parse(&text, name) {
        Ok(policy) => Ok((policy, text)),
        Err(error) => {
            let shown = error.spot.as_ref().map_or_else(String::new, |spot| format!("\n{}", excerpt(spot)));
            Err(CliError::input(format!("{error}{shown}"))
                .hint("docs/guides/policies.md explains a policy; tenure policy show prints a whole one"))
        }
    }
}

/// RFC 3339, or a date: then the last microsecond of that local day.
fn instant(option: &str, text: &str, zone: Zone) -> Result<Timestamp, CliError> {
    // A date that does not exist is told as such, not as something that is no time.
    let is_date = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let read = match text.parse::<chrono::NaiveDate>() {
        Ok(date) if is_date => zone.end_of_day(date),
        Err(_) if is_date => Timestamp::parse(&format!("{text}T00:00:00Z")),
        _ => Timestamp::parse(text),
    };
    read.map_err(|error| {
        CliError::input(format!("{option}: {error}"))
            .hint("give a date such as 2024-05-01 (its last microsecond, local) or an instant such as 2024-05-01T10:00:00Z")
    })
}
