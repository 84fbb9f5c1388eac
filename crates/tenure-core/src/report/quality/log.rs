//! What facts as recorded are like: late ones, clocks that are ahead, values out of range, unknown kinds, old schemas.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Found, share};
use crate::event::{EventView, Kind, RecordedView, Survey};
use crate::id::{CustomerId, Table};
use crate::time::{Duration, Timestamp};

/// The quality of facts as they were recorded.
///
/// Unlike a [`Projection`](crate::fold::Projection) it looks at facts in the order of the log, and at when they were
/// recorded: a fact is *late* where a later one of the same customer (as recorded, merges apart) stood in the log already.
/// A caller leaves out what was voided ([`Corrections::admits`](crate::log::Corrections::admits)) and what is beyond the
/// cut of the question.
///
/// # Laws
/// The reports of disjoint customers, merged in any grouping, are the report over all of them.
///
/// # Example
/// ```
/// use tenure_core::log::{Append, Log};
/// use tenure_core::report::quality::LogQuality;
/// use tenure_core::{Customer, CustomerEvent, Event, EventId, Timestamp};
/// let ann = Customer::parse("ann", "shop")?;
/// let mut log = Log::new();
/// for (n, at) in [("1", "2024-05-02T00:00:00Z"), ("2", "2024-05-01T00:00:00Z")] {
///     let at = Timestamp::parse(at)?;
///     let fact = Event::new(EventId::from_foreign("shop", n), ann.clone(), at, CustomerEvent::SignedUp {})?;
///     log.append(&Append::new(vec![fact]), Timestamp::parse("2024-05-03T00:00:00Z")?)?;
/// }
/// let mut quality = LogQuality::default();
/// log.facts().for_each(|fact| quality.add(&fact));
/// let answer = quality.finish();
/// assert_eq!((answer.facts, answer.late.found.count, answer.late.largest_seconds), (2, 1, Some(86_400)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogQuality {
    facts: u64,
    kinds: BTreeMap<Box<str>, BTreeMap<u16, u64>>,
    /// The latest instant of each customer so far; looked up once a fact and never gone through in its own order.
    latest: Table<CustomerId, Timestamp>,
    late: Lags,
    ahead: Lags,
    out_of_range: BTreeMap<OutOfRange, Found>,
}

/// A value that the catalogue allows, or an older writer wrote, and that is hardly meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OutOfRange {
    /// An order of amount zero: a gift, or a price that got lost.
    OrderOfZero,
    /// An order without an amount.
    OrderWithoutAmount,
    /// A refund without an amount, or of zero.
    RefundOfNothing,
    /// An amount below zero.
    NegativeAmount,
    /// A score that its survey does not have.
    ScoreOffScale,
    /// Stars other than 1 to 5.
    StarsOffScale,
    /// The first instant of 1970, which mostly means that there was no date.
    FirstInstant,
}

impl OutOfRange {
    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::OrderOfZero => "order_of_zero",
            Self::OrderWithoutAmount => "order_without_amount",
            Self::RefundOfNothing => "refund_of_nothing",
            Self::NegativeAmount => "negative_amount",
            Self::ScoreOffScale => "score_off_scale",
            Self::StarsOffScale => "stars_off_scale",
            Self::FirstInstant => "first_instant",
        }
    }

    fn of(fact: &EventView<'_>) -> impl Iterator<Item = Self> + use<> {
        let minor = fact.amount.map(|money| money.minor);
        let value = match (fact.kind, minor) {
            (_, Some(..0)) => Some(Self::NegativeAmount),
            (Kind::OrderPlaced, Some(0)) => Some(Self::OrderOfZero),
            (Kind::OrderPlaced, None) => Some(Self::OrderWithoutAmount),
            (Kind::OrderRefunded, Some(0) | None) => Some(Self::RefundOfNothing),
            (Kind::SurveyAnswered, _) => {
                let range = fact.subject.and_then(Survey::named).map(Survey::range);
                let fits = range.zip(fact.number).is_some_and(|(range, score)| range.contains(&score));
                (!fits).then_some(Self::ScoreOffScale)
            }
            (Kind::ReviewPosted, _) => {
                let fits = fact.number.is_some_and(|stars| (1..=5).contains(&stars));
                (!fits).then_some(Self::StarsOffScale)
            }
            _ => None,
        };
        let instant = (fact.occurred_at == Timestamp::MIN).then_some(Self::FirstInstant);
        value.into_iter().chain(instant)
    }
}

/// The upper ends of the classes of lags, in seconds, and their codes; beyond the last there is one more.
const CLASSES: [(i64, &str); 5] =
    [(60, "minute"), (3_600, "hour"), (86_400, "day"), (604_800, "week"), (2_592_000, "month")];
const LONGER: &str = "longer";

/// How far apart two instants lie, of many facts.
#[derive(Clone, Debug, Default, PartialEq)]
struct Lags {
    found: Found,
    largest: Option<Duration>,
    classes: [u64; CLASSES.len() + 1],
}

impl Lags {
    fn add(&mut self, lag: Duration, customer: &str) {
        self.found.add(customer);
        self.largest = self.largest.max(Some(lag));
        let seconds = lag.as_micros().div_ceil_seconds();
        let class = CLASSES.partition_point(|(most, _)| *most < seconds);
        if let Some(count) = self.classes.get_mut(class) {
            *count += 1;
        }
    }

    fn merge(&mut self, other: Self) {
        self.found.merge(other.found);
        self.largest = self.largest.max(other.largest);
        for (count, other) in self.classes.iter_mut().zip(other.classes) {
            *count += other;
        }
    }

    fn finish(self, facts: u64) -> LagTable {
        let codes = CLASSES.iter().map(|(_, code)| *code).chain([LONGER]);
        LagTable {
            share: share(self.found.count, facts),
            largest_seconds: self.largest.map(|lag| lag.as_micros().div_ceil_seconds()),
            classes: codes.zip(self.classes).map(|(up_to, facts)| LagRow { up_to, facts }).collect(),
            found: self.found,
        }
    }
}

trait Seconds {
    fn div_ceil_seconds(self) -> i64;
}

impl Seconds for i64 {
    /// Whole seconds of microseconds, begun ones counted.
    fn div_ceil_seconds(self) -> i64 {
        let whole = self.div_euclid(1_000_000);
        whole + i64::from(self.rem_euclid(1_000_000) > 0)
    }
}

impl LogQuality {
    /// Adds the next fact of the log.
    pub fn add(&mut self, fact: &RecordedView<'_>) {
        let event = &fact.event;
        self.facts += 1;
        self.count_kind(event.kind_name, fact.schema);
        let latest = self.latest.entry(event.customer).or_insert(event.occurred_at);
        if *latest > event.occurred_at {
            self.late.add(latest.since(event.occurred_at), &fact.shown_customer());
        } else {
            *latest = event.occurred_at;
        }
        if event.occurred_at > fact.recorded_at {
            self.ahead.add(event.occurred_at.since(fact.recorded_at), &fact.shown_customer());
        }
        for code in OutOfRange::of(event) {
            self.out_of_range.entry(code).or_default().add(&fact.shown_customer());
        }
    }

    fn count_kind(&mut self, kind: &str, schema: u16) {
        if !self.kinds.contains_key(kind) {
            self.kinds.insert(kind.into(), BTreeMap::new());
        }
        if let Some(schemas) = self.kinds.get_mut(kind) {
            *schemas.entry(schema).or_default() += 1;
        }
    }

    /// Adds the report over other customers.
    pub fn merge(&mut self, other: Self) {
        self.facts += other.facts;
        for (kind, schemas) in other.kinds {
            let into = self.kinds.entry(kind).or_default();
            for (schema, count) in schemas {
                *into.entry(schema).or_default() += count;
            }
        }
        for (customer, at) in other.latest {
            let latest = self.latest.entry(customer).or_insert(at);
            *latest = at.max(*latest);
        }
        self.late.merge(other.late);
        self.ahead.merge(other.ahead);
        for (code, found) in other.out_of_range {
            self.out_of_range.entry(code).or_default().merge(found);
        }
    }

    /// What the sum means.
    pub fn finish(self) -> LogQualityAnswer {
        let seen = |kind: &Kind| self.kinds.contains_key(kind.name());
        let never_seen =
            Kind::ALL.iter().filter(|kind| !seen(kind) && !kind.corrects()).map(|kind| kind.name()).collect();
        let kinds = self.kinds.iter().map(|(kind, schemas)| {
            let current = Kind::named(kind).map(Kind::schema);
            KindRow {
                kind: kind.as_ref().into(),
                known: current.is_some(),
                facts: schemas.values().sum(),
                schemas: schemas
                    .iter()
                    .map(|(schema, facts)| SchemaRow { schema: *schema, facts: *facts })
                    .collect(),
                old: schemas
                    .iter()
                    .filter(|(schema, _)| current.is_some_and(|current| **schema < current))
                    .map(|(_, facts)| facts)
                    .sum(),
            }
        });
        LogQualityAnswer {
            facts: self.facts,
            kinds: kinds.collect(),
            never_seen,
            late: self.late.finish(self.facts),
            clock_skew: self.ahead.finish(self.facts),
            out_of_range: self
                .out_of_range
                .into_iter()
                .map(|(code, found)| OutOfRangeRow { code, share: share(found.count, self.facts), found })
                .collect(),
        }
    }
}

/// What the facts of a log are like.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LogQualityAnswer {
    /// All facts looked at.
    pub facts: u64,
    /// The kinds that were seen, by name.
    pub kinds: Vec<KindRow>,
    /// The kinds of the catalogue that were not, in its order, corrections apart.
    pub never_seen: Vec<&'static str>,
    /// Facts that came after a later one of their customer, and how far they lie before it.
    pub late: LagTable,
    /// Facts that happened after they were recorded, and by how much.
    pub clock_skew: LagTable,
    /// Values that are hardly meant; only those found.
    pub out_of_range: Vec<OutOfRangeRow>,
}

/// How often a kind was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KindRow {
    /// Its name.
    pub kind: String,
    /// Whether this build knows it; a foreign one is kept and skipped.
    pub known: bool,
    /// How many facts.
    pub facts: u64,
    /// How many in each schema version, as stored.
    pub schemas: Vec<SchemaRow>,
    /// How many are stored in an older schema, and brought forward when read.
    pub old: u64,
}

/// How many facts are stored in one schema version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SchemaRow {
    /// The version.
    pub schema: u16,
    /// How many facts.
    pub facts: u64,
}

/// Lags of facts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LagTable {
    /// How many facts, and some of their customers.
    #[serde(flatten)]
    pub found: Found,
    /// Their share of all facts, 0 to 1.
    pub share: f64,
    /// The largest lag in seconds, begun ones counted; none without one.
    pub largest_seconds: Option<i64>,
    /// How many lags of each length, the shortest first.
    pub classes: Vec<LagRow>,
}

/// One class of lags.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LagRow {
    /// Up to and with a `minute`, `hour`, `day`, `week`, `month` (of 30 days), or `longer`.
    pub up_to: &'static str,
    /// How many facts.
    pub facts: u64,
}

/// One sort of value out of range.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OutOfRangeRow {
    /// Which sort.
    pub code: OutOfRange,
    /// How many facts, and some of their customers.
    #[serde(flatten)]
    pub found: Found,
    /// Their share of all facts, 0 to 1.
    pub share: f64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Append, Log};
    use crate::{Customer, CustomerEvent, Event, EventId, Money};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000).unwrap()
    }

    /// Facts: customer, when it happened, when it was recorded.
    fn log(facts: &[(&str, i64, i64, CustomerEvent)]) -> Log {
        let mut log = Log::new();
        for (n, (customer, occurred, recorded, fact)) in facts.iter().enumerate() {
            let id = EventId::from_foreign("test", &n.to_string());
            let customer = Customer::parse(customer, "shop").unwrap();
            let event = Event::new(id, customer, at(*occurred), fact.clone()).unwrap();
            log.restore(&Append::new(vec![event]), at(*recorded)).unwrap();
        }
        log
    }

    fn quality(facts: &[(&str, i64, i64, CustomerEvent)]) -> LogQualityAnswer {
        let log = log(facts);
        let mut quality = LogQuality::default();
        log.facts().for_each(|fact| quality.add(&fact));
        quality.finish()
    }

    fn order(minor: Option<i64>) -> CustomerEvent {
        let total = minor.map(|minor| Money::from_minor(minor, "USD".parse().unwrap()));
        CustomerEvent::OrderPlaced { order: None, total, lines: vec![] }
    }

    fn classes(table: &LagTable) -> Vec<u64> {
        table.classes.iter().map(|row| row.facts).collect()
    }

    #[test]
    fn a_fact_is_late_after_a_later_one_of_its_own_customer_alone() {
        let signed = || CustomerEvent::SignedUp {};
        let answer = quality(&[
            ("ann", 1_000_000, 9_000_000, signed()),
            ("bob", 500_000, 9_000_000, signed()),
            ("ann", 1_000_000, 9_000_000, signed()),
            ("ann", 999_940, 9_000_000, signed()),
            ("ann", 999_939, 9_000_000, signed()),
            ("ann", 1, 9_000_000, signed()),
        ]);
        assert_eq!(
            (answer.late.found.count, answer.late.share, answer.late.largest_seconds),
            (3, 0.5, Some(999_999))
        );
        assert_eq!(classes(&answer.late), [1, 1, 0, 0, 1, 0]);
        assert_eq!(answer.late.found.examples.len(), 1);
        assert_eq!(answer.clock_skew.found.count, 0);
    }

    #[test]
    fn a_second_that_has_begun_counts() {
        let mut lags = Lags::default();
        for micros in [1, 60_000_000, 60_000_001] {
            lags.add(Duration::from_micros(micros).unwrap(), "ann");
        }
        let table = lags.finish(3);
        assert_eq!((classes(&table), table.largest_seconds), (vec![2, 1, 0, 0, 0, 0], Some(61)));
    }

    #[test]
    fn a_clock_is_ahead_where_a_fact_happened_after_it_was_recorded() {
        let answer = quality(&[
            ("ann", 100, 100, order(Some(1))),
            ("ann", 131, 101, order(Some(1))),
            ("ann", 200_000, 102, order(Some(1))),
        ]);
        assert_eq!((answer.clock_skew.found.count, answer.clock_skew.largest_seconds), (2, Some(199_898)));
        assert_eq!(classes(&answer.clock_skew), [1, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn what_is_hardly_meant_is_counted_by_sort() {
        let refunded = |minor: Option<i64>| CustomerEvent::OrderRefunded {
            order: None,
            refund: minor.map(|minor| Money::from_minor(minor, "USD".parse().unwrap())),
        };
        let answer = quality(&[
            ("ann", 0, 9, order(Some(0))),
            ("ann", 1, 9, order(None)),
            ("bob", 2, 9, order(Some(5))),
            ("bob", 3, 9, refunded(None)),
            ("bob", 4, 9, refunded(Some(0))),
            ("bob", 5, 9, refunded(Some(5))),
        ]);
        let told: Vec<_> = answer.out_of_range.iter().map(|row| (row.code.code(), row.found.count)).collect();
        let expected = [
            ("order_of_zero", 1),
            ("order_without_amount", 1),
            ("refund_of_nothing", 2),
            ("first_instant", 1),
        ];
        assert_eq!(told, expected);
    }

    /// No log of this build takes such values, but one that another program wrote may hold them.
    #[test]
    fn scores_off_their_scale_and_negative_amounts_are_found() {
        let customer = CustomerId::from_bytes([1; 16]);
        let view = |kind: Kind, subject, number| EventView {
            id: EventId::from_bytes([1; 16]),
            customer,
            occurred_at: at(1),
            kind,
            kind_name: kind.name(),
            subject,
            amount: None,
            number,
            channel: None,
            actor: None,
            data: "",
        };
        let codes = |fact: EventView<'_>| OutOfRange::of(&fact).collect::<Vec<_>>();
        for (subject, score) in
            [(Some("nps"), Some(11)), (Some("csat"), Some(0)), (Some("mood"), Some(1)), (None, None)]
        {
            assert_eq!(codes(view(Kind::SurveyAnswered, subject, score)), [OutOfRange::ScoreOffScale]);
        }
        assert_eq!(codes(view(Kind::SurveyAnswered, Some("nps"), Some(0))), []);
        for (stars, fits) in
            [(Some(0), false), (Some(1), true), (Some(5), true), (Some(6), false), (None, false)]
        {
            let found = codes(view(Kind::ReviewPosted, None, stars));
            assert_eq!(found, if fits { vec![] } else { vec![OutOfRange::StarsOffScale] }, "{stars:?}");
        }
        let amount = Some(Money::from_minor(-1, "USD".parse().unwrap()));
        for kind in [Kind::OrderPlaced, Kind::LeadCaptured] {
            let found = codes(EventView { amount, ..view(kind, None, None) });
            assert_eq!(found, [OutOfRange::NegativeAmount]);
        }
    }

    #[test]
    fn kinds_are_told_with_their_schemas_and_foreign_ones_by_name() {
        let foreign = CustomerEvent::Foreign { kind: "dreamt".into(), properties: serde_json::Map::new() };
        let answer = quality(&[("ann", 1, 9, order(Some(1))), ("ann", 2, 9, foreign)]);
        let told: Vec<_> =
            answer.kinds.iter().map(|row| (row.kind.as_str(), row.known, row.facts, row.old)).collect();
        assert_eq!(told, [("dreamt", false, 1, 0), ("order_placed", true, 1, 0)]);
        assert!(answer.never_seen.contains(&"signed_up") && !answer.never_seen.contains(&"order_placed"));
        assert!(!answer.never_seen.contains(&"event_voided"));
    }

    #[test]
    fn facts_in_an_older_schema_are_counted_by_version() {
        let survey = CustomerEvent::SurveyAnswered { survey: Survey::Nps, score: 9 };
        let log = log(&[("ann", 1, 9, survey.clone()), ("ann", 2, 9, survey)]);
        let mut quality = LogQuality::default();
        for (fact, schema) in log.facts().zip([1, 2]) {
            quality.add(&RecordedView { schema, ..fact });
        }
        let answer = quality.finish();
        let schemas: Vec<_> = answer.kinds[0].schemas.iter().map(|row| (row.schema, row.facts)).collect();
        assert_eq!((answer.kinds[0].facts, answer.kinds[0].old, schemas), (2, 1, vec![(1, 1), (2, 1)]));
    }

    #[test]
    fn merged_reports_of_disjoint_customers_are_the_report_over_all() {
        let log = log(&[
            ("ann", 100, 100, order(Some(0))),
            ("bob", 300, 101, order(None)),
            ("ann", 50, 102, CustomerEvent::SignedUp {}),
            ("bob", 0, 103, order(Some(0))),
            ("ann", 200, 104, CustomerEvent::SignedUp {}),
        ]);
        let mut all = LogQuality::default();
        log.facts().for_each(|fact| all.add(&fact));
        let of = |name: &str| {
            let mut one = LogQuality::default();
            let customer = Customer::parse(name, "shop").unwrap().id();
            log.facts().filter(|fact| fact.event.customer == customer).for_each(|fact| one.add(&fact));
            one
        };
        for [first, second] in [["ann", "bob"], ["bob", "ann"]] {
            let mut merged = of(first);
            merged.merge(of(second));
            assert_eq!(merged, all);
            assert_eq!(merged.finish(), all.clone().finish());
        }
    }
}
