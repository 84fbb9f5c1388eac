//! The columns of a fact, by name.

use crate::Unreadable;

/// A column of a fact. `Column as usize` is its place where columns are read in the order of [`Column::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// Place in the log.
    Position,
    /// Place in the stream.
    Version,
    /// Position of the customer's fact before; 0 for the first.
    Previous,
    /// Id of the fact.
    Id,
    /// Id of the customer.
    Customer,
    /// The customer's key, where the fact was given with one.
    CustomerKey,
    /// When it happened, by the business.
    OccurredAt,
    /// When it was recorded, by the store.
    RecordedAt,
    /// What happened.
    Kind,
    /// Schema of the kind in which it is stored.
    Schema,
    /// What it is about.
    Subject,
    /// Minor units of its amount.
    Minor,
    /// Currency of its amount.
    Currency,
    /// Its number.
    Number,
    /// Channel it came by.
    Channel,
    /// Who did it.
    Actor,
    /// Its properties, as JSON text.
    Data,
    /// Its origin, as JSON text.
    Context,
    /// Checksum over content and place.
    HeaderSum,
    /// Checksum over data and context.
    BodySum,
    /// Link of the hash chain.
    Link,
}

impl Column {
    /// All of them, in order.
    pub const ALL: [Self; 21] = [
        Self::Position,
        Self::Version,
        Self::Previous,
        Self::Id,
        Self::Customer,
        Self::CustomerKey,
        Self::OccurredAt,
        Self::RecordedAt,
        Self::Kind,
        Self::Schema,
        Self::Subject,
        Self::Minor,
        Self::Currency,
        Self::Number,
        Self::Channel,
        Self::Actor,
        Self::Data,
        Self::Context,
        Self::HeaderSum,
        Self::BodySum,
        Self::Link,
    ];

    /// Its name in a table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Position => "position",
            Self::Version => "version",
            Self::Previous => "previous",
            Self::Id => "id",
            Self::Customer => "customer",
            Self::CustomerKey => "customer_key",
            Self::OccurredAt => "occurred_at",
            Self::RecordedAt => "recorded_at",
            Self::Kind => "kind",
            Self::Schema => "schema",
            Self::Subject => "subject",
            Self::Minor => "minor",
            Self::Currency => "currency",
            Self::Number => "number",
            Self::Channel => "channel",
            Self::Actor => "actor",
            Self::Data => "data",
            Self::Context => "context",
            Self::HeaderSum => "header_sum",
            Self::BodySum => "body_sum",
            Self::Link => "link",
        }
    }
}

/// The value of a column is none that can be there. Small, because every value that is read may be one.
impl From<Column> for Unreadable {
    fn from(column: Column) -> Self {
        Self::Column { column: column.name() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_stands_where_its_number_says() {
        for (place, column) in Column::ALL.into_iter().enumerate() {
            assert_eq!(column as usize, place, "{}", column.name());
        }
    }
}
