//! Sets of buckets, small where buckets lie close together.

use serde::{Deserialize, Serialize};

/// The numbers of buckets, 64 neighbours a word: `(n, bits)` holds those from 64 n on. Words ascend, none is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BucketSet(Vec<(i64, u64)>);

impl BucketSet {
    /// Adds a bucket. The last ones are the cheapest.
    #[inline]
    pub(super) fn insert(&mut self, bucket: i64) {
        let (word, bit) = (bucket >> 6, 1 << (bucket & 63));
        match self.0.last_mut() {
            Some((last, bits)) if *last == word => *bits |= bit,
            _ => self.insert_apart(word, bit),
        }
    }

    #[inline(never)]
    fn insert_apart(&mut self, word: i64, bit: u64) {
        let place = self.0.partition_point(|(other, _)| *other < word);
        match self.0.get_mut(place) {
            Some((same, bits)) if *same == word => *bits |= bit,
            _ => self.0.insert(place, (word, bit)),
        }
    }

    /// The buckets, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = i64> {
        self.0.iter().flat_map(|&(word, bits)| {
            (0..64).filter(move |place| bits >> place & 1 == 1).map(move |place| (word << 6) + place)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_holds_what_was_put_in_whatever_the_order(buckets in prop::collection::vec(-200_i64..200, 0..40)) {
            let mut set = BucketSet::default();
            for bucket in &buckets {
                set.insert(*bucket);
            }
            let expected: BTreeSet<i64> = buckets.iter().copied().collect();
            prop_assert_eq!(set.iter().collect::<Vec<_>>(), expected.into_iter().collect::<Vec<_>>());
            let mut backwards = BucketSet::default();
            for bucket in buckets.iter().rev() {
                backwards.insert(*bucket);
            }
            prop_assert_eq!(set, backwards);
        }
    }
}
