//! Facts packed row by row: what a log keeps in memory and what a store's page is made of.

use core::ops::{Deref, Range};

use crate::event::{EventView, Head, Kind, Lend, RecordedView};
use crate::id::{CustomerId, EventId, Position, Version};
use crate::money::{Currency, Money};
use crate::time::Timestamp;

/// A sequence of recorded facts, packed: fixed-size rows and one arena of text.
///
/// It lends [`RecordedView`]s without allocating, so the same fold runs over a log in memory and over the pages of
/// any store.
///
/// # Example
/// ```
/// use tenure_core::log::FactBlock;
/// let block = FactBlock::new();
/// assert_eq!(block.iter().count(), 0);
/// ```
#[derive(Clone, Default, PartialEq)]
pub struct FactBlock {
    rows: Vec<Row>,
    text: String,
}

/// As the facts show themselves: the arena holds personal data.
impl core::fmt::Debug for FactBlock {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The texts of a fact, in the order in which they lie in the arena.
const TEXTS: usize = 7;

#[derive(Clone, Debug, PartialEq)]
struct Row {
    id: EventId,
    customer: CustomerId,
    occurred_at: Timestamp,
    recorded_at: Timestamp,
    position: Position,
    version: Version,
    minor: i64,
    number: i64,
    /// Where the texts of this row begin in the arena, and how long each is.
    text_start: u64,
    text_bytes: [u32; TEXTS],
    currency: Option<Currency>,
    schema: u16,
    kind: Kind,
    present: u8,
}

const SUBJECT: u8 = 1;
const CHANNEL: u8 = 1 << 1;
const ACTOR: u8 = 1 << 2;
const KEY: u8 = 1 << 3;
const NUMBER: u8 = 1 << 4;

impl FactBlock {
    /// A block without facts.
    pub const fn new() -> Self {
        Self { rows: Vec::new(), text: String::new() }
    }

    /// A block without facts that has the room which this one has taken.
    pub(crate) fn like(&self) -> Self {
        Self { rows: Vec::with_capacity(self.rows.len()), text: String::with_capacity(self.text.len()) }
    }

    /// How many facts it holds.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Bytes of memory in use, spare capacity left out.
    pub fn bytes(&self) -> usize {
        self.rows.len() * size_of::<Row>() + self.text.len()
    }

    /// Copies a fact to the end.
    pub fn push(&mut self, fact: &RecordedView<'_>) {
        let event = &fact.event;
        let kind_name = if event.kind == Kind::Foreign { event.kind_name } else { "" };
        let texts: [&str; TEXTS] = [
            kind_name,
            event.subject.unwrap_or_default(),
            event.channel.unwrap_or_default(),
            event.actor.unwrap_or_default(),
            event.data,
            fact.customer_key.unwrap_or_default(),
            fact.context,
        ];
        let text_start = self.text.len() as u64;
        // Each text of a checked fact is at most 1 MiB long.
        let text_bytes = texts.map(|text| u32::try_from(text.len()).unwrap_or(u32::MAX));
        for text in texts {
            self.text.push_str(text);
        }
        let flag = |present: bool, bit: u8| if present { bit } else { 0 };
        let present = flag(event.subject.is_some(), SUBJECT)
            | flag(event.channel.is_some(), CHANNEL)
            | flag(event.actor.is_some(), ACTOR)
            | flag(fact.customer_key.is_some(), KEY)
            | flag(event.number.is_some(), NUMBER);
        self.rows.push(Row {
            id: event.id,
            customer: event.customer,
            occurred_at: event.occurred_at,
            recorded_at: fact.recorded_at,
            position: fact.position,
            version: fact.version,
            minor: event.amount.map_or(0, |money| money.minor),
            number: event.number.unwrap_or_default(),
            text_start,
            text_bytes,
            currency: event.amount.map(|money| money.currency),
            schema: fact.schema,
            kind: event.kind,
            present,
        });
    }

    /// Takes all facts out and keeps the memory for the next ones.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.text.clear();
    }

    /// The fact at a place, from 0.
    pub fn get(&self, index: usize) -> Option<RecordedView<'_>> {
        self.rows.get(index).map(|row| self.lend(row))
    }

    /// The facts in their order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = RecordedView<'_>> + ExactSizeIterator {
        self.rows.iter().map(|row| self.lend(row))
    }

    /// The facts in their order, without the places that a store gave them: what a fold reads.
    pub fn events(&self) -> impl Iterator<Item = Lent<'_>> {
        Events { block: self, rows: self.rows.iter() }
    }

    /// The places of the facts behind a position, up to another, where facts lie in the order of a log.
    pub(crate) fn places(&self, after: Position, to: Position) -> Range<usize> {
        self.until(after)..self.until(to.max(after))
    }

    /// How many facts lie up to a position. It is sought from the end in growing steps, for what follows the end of a log
    /// that is taken in fact by fact lies there.
    fn until(&self, position: Position) -> usize {
        let beyond = |index: usize| self.rows.get(index).is_some_and(|row| row.position > position);
        let (mut low, mut high, mut step) = (self.rows.len(), self.rows.len(), 1);
        while low > 0 && beyond(low - 1) {
            high = low - 1;
            low = high.saturating_sub(step);
            step *= 2;
        }
        low + self.rows.get(low..high).unwrap_or_default().partition_point(|row| row.position <= position)
    }

    /// Whose the facts at some places are.
    pub(crate) fn customers(&self, places: Range<usize>) -> impl Iterator<Item = CustomerId> {
        self.rows.get(places).unwrap_or_default().iter().map(|row| row.customer)
    }

    /// The places of the facts by customer and, within one, in canonical order: what sorts facts that came in any
    /// order. Equal for equal sets of facts.
    pub fn canonical_order(&self) -> Vec<usize> {
        let mut order: Vec<_> = self
            .rows
            .iter()
            .enumerate()
            .map(|(index, row)| (row.customer, row.occurred_at, row.id, index))
            .collect();
        order.sort_unstable();
        order.into_iter().map(|(.., index)| index).collect()
    }

    /// The first `N` texts of a row: one look at the arena, and one more for each text that is not empty.
    #[inline]
    fn texts<const N: usize>(&self, row: &Row) -> [&str; N] {
        let start = usize::try_from(row.text_start).unwrap_or(usize::MAX);
        let mut rest = self.text.get(start..).unwrap_or_default();
        let mut bytes = row.text_bytes.iter();
        core::array::from_fn(|_| match bytes.next() {
            None | Some(0) => "",
            Some(bytes) => {
                let (text, after) = rest.split_at_checked(*bytes as usize).unwrap_or_default();
                rest = after;
                text
            }
        })
    }

    #[inline]
    fn event<'a>(row: &Row, [kind_name, subject, channel, actor, data]: [&'a str; 5]) -> EventView<'a> {
        let when = |bit: u8| row.present & bit != 0;
        let Head { id, customer, occurred_at, kind, amount, number } = row.head();
        EventView {
            id,
            customer,
            occurred_at,
            kind,
            kind_name: if kind == Kind::Foreign { kind_name } else { kind.name() },
            subject: when(SUBJECT).then_some(subject),
            amount,
            number,
            channel: when(CHANNEL).then_some(channel),
            actor: when(ACTOR).then_some(actor),
            data,
        }
    }

    #[inline]
    fn lend<'a>(&'a self, row: &Row) -> RecordedView<'a> {
        let [kind_name, subject, channel, actor, data, key, context] = self.texts(row);
        RecordedView {
            event: Self::event(row, [kind_name, subject, channel, actor, data]),
            position: row.position,
            version: row.version,
            recorded_at: row.recorded_at,
            schema: row.schema,
            customer_key: (row.present & KEY != 0).then_some(key),
            context,
        }
    }
}

impl Row {
    #[inline]
    fn head(&self) -> Head {
        Head {
            id: self.id,
            customer: self.customer,
            occurred_at: self.occurred_at,
            kind: self.kind,
            amount: self.currency.map(|currency| Money::from_minor(self.minor, currency)),
            number: (self.present & NUMBER != 0).then_some(self.number),
        }
    }
}

/// A fact of a block: its texts are only sought by [`Lend::view`].
#[derive(Clone, Copy)]
pub struct Lent<'a> {
    head: Head,
    row: &'a Row,
    block: &'a FactBlock,
}

impl Deref for Lent<'_> {
    type Target = Head;

    fn deref(&self) -> &Head {
        &self.head
    }
}

impl core::fmt::Debug for Lent<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.view().fmt(f)
    }
}

impl<'a> Lend<'a> for Lent<'a> {
    #[inline]
    fn head(&self) -> Head {
        self.head
    }

    #[expect(clippy::inline_always, reason = "called out of line, every fact would be copied once more")]
    #[inline(always)]
    fn view(&self) -> EventView<'a> {
        FactBlock::event(self.row, self.block.texts(self.row))
    }
}

/// The facts of a block as a fold reads them.
struct Events<'a> {
    block: &'a FactBlock,
    rows: core::slice::Iter<'a, Row>,
}

impl<'a> Iterator for Events<'a> {
    type Item = Lent<'a>;

    #[inline]
    fn next(&mut self) -> Option<Lent<'a>> {
        let row = self.rows.next()?;
        Some(Lent { head: row.head(), row, block: self.block })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rows.size_hint()
    }
}

impl<'a> FromIterator<RecordedView<'a>> for FactBlock {
    fn from_iter<I: IntoIterator<Item = RecordedView<'a>>>(facts: I) -> Self {
        let mut block = Self::new();
        facts.into_iter().for_each(|fact| block.push(&fact));
        block
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{CustomerEvent, Event};

    #[test]
    fn a_lent_fact_is_the_fact() {
        let texts = [None, Some("a"), Some("")];
        let mut block = FactBlock::new();
        for (n, (subject, channel)) in
            texts.iter().flat_map(|a| texts.iter().map(move |b| (*a, *b))).enumerate()
        {
            let n = u8::try_from(n).unwrap();
            let event = EventView {
                id: EventId::from_bytes([n; 16]),
                customer: CustomerId::from_bytes([n / 2; 16]),
                occurred_at: Timestamp::MIN,
                kind: if n == 3 { Kind::Foreign } else { Kind::SurveyAnswered },
                kind_name: if n == 3 { "moved_house" } else { Kind::SurveyAnswered.name() },
                subject,
                amount: subject.map(|_| Money::from_minor(n.into(), "USD".parse().unwrap())),
                number: channel.map(|_| n.into()),
                channel,
                actor: subject,
                data: if n == 4 { r#"{"a":1}"# } else { "" },
            };
            block.push(&RecordedView {
                event,
                position: Position(n.into()),
                version: Version(1),
                recorded_at: Timestamp::MIN,
                schema: 1,
                customer_key: None,
                context: "{}",
            });
            let lent = block.events().last().unwrap();
            assert_eq!((lent.view(), lent.head()), (event, event.head()));
        }
        assert_eq!(block.events().count(), 9);
    }

    #[test]
    fn places_are_those_of_the_positions_asked_for() {
        let customer = CustomerId::from_bytes([1; 16]);
        let signed_up = CustomerEvent::SignedUp {};
        let event =
            Event::new(EventId::from_bytes([1; 16]), customer.into(), Timestamp::MIN, signed_up).unwrap();
        // A filter leaves gaps between positions.
        let positions = [2, 3, 5, 9, 10, 11, 12, 20];
        let facts = positions.map(|n| event.recorded((Position(n), Version(n)), Timestamp::MIN, ""));
        let block: FactBlock = facts.into_iter().collect();
        for after in 0..22 {
            for to in 0..22 {
                let within = |place: &usize| (after + 1..=to).contains(&positions[*place]);
                let expected: Vec<usize> = (0..positions.len()).filter(within).collect();
                let places: Vec<usize> = block.places(Position(after), Position(to)).collect();
                assert_eq!(places, expected, "after {after} to {to}");
            }
        }
    }
}
