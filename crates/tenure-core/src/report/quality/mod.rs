//! Data quality: what is missing, doubtful or late, so that somebody can mend it where it comes from.
//!
//! | question | report | over |
//! |---|---|---|
//! | what is known of customers, what is missing, who may be recorded twice | [`CustomerQuality`] | views of profile and identities |
//! | late facts, clocks that are ahead, values out of range, unknown kinds, old schemas | [`LogQuality`] | facts as recorded, in the order of the log |
//!
//! Both are mergeable. Neither names a value: findings name customers and the field. They are findings and no failures:
//! real data always has some.

mod customers;
mod log;
mod policy;

use std::collections::BTreeSet;

use serde::Serialize;

pub use customers::{
    ContactRow, CustomerQuality, CustomerQualityAnswer, CustomerQualitySum, Duplicate, FieldRow,
};
pub use log::{
    KindRow, LagRow, LagTable, LogQuality, LogQualityAnswer, OutOfRange, OutOfRangeRow, SchemaRow,
};
pub use policy::{QualityPolicy, QualityPolicyError};

/// How many customers a finding names as examples.
const EXAMPLES: usize = 5;

/// How many, and the first few of them by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Found {
    /// How many customers or facts.
    pub count: u64,
    /// The first customers by name, as they are shown; not all.
    pub examples: BTreeSet<String>,
}

impl Found {
    fn add(&mut self, customer: &str) {
        self.count += 1;
        self.example(customer);
    }

    fn example(&mut self, customer: &str) {
        let fits = self.examples.len() < EXAMPLES;
        if fits || self.examples.last().is_some_and(|last| customer < last.as_str()) {
            self.examples.insert(customer.to_owned());
            self.trim();
        }
    }

    fn trim(&mut self) {
        while self.examples.len() > EXAMPLES {
            self.examples.pop_last();
        }
    }

    fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.examples.extend(other.examples);
        self.trim();
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share; counts beyond 2^53 do not occur")]
fn share(part: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { part as f64 / of as f64 }
}
