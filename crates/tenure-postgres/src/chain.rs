//! The positions of one customer's facts, found along the chain in which each names the one before.

use std::sync::PoisonError;

use tenure_core::CustomerId;
use tenure_store::StoreError;

use crate::error::InStore;
use crate::raw::Inner;
use crate::read::Reader;
use crate::value::Id;

/// The positions of one customer's facts. Facts never move, so what is in it stays true; it spares a stream that is
/// read in several pages from being followed anew for each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chain {
    customer: Option<CustomerId>,
    /// The version of the first position.
    first: i64,
    positions: Vec<i64>,
}

impl Chain {
    /// The positions of at most `most` versions from `first` on, of a stream that ends at `(version, last)`.
    pub(crate) async fn positions(
        reader: &Reader,
        customer: CustomerId,
        (version, last): (i64, i64),
        first: i64,
        most: usize,
    ) -> Result<Vec<i64>, StoreError> {
        let kept = &reader.inner.chain;
        let mut chain = kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if chain.customer != Some(customer) || chain.first > first {
            chain = Self { customer: Some(customer), first, positions: Vec::new() };
        }
        chain.follow(reader, customer, (version, last), first).await?;
        // Another reader may have followed a later end.
        let there = usize::try_from(version.saturating_sub(first).saturating_add(1)).unwrap_or(0);
        let wanted = chain.from(first).iter().copied().take(most.min(there)).collect();
        if chain.positions.len() > most {
            *kept.lock().unwrap_or_else(PoisonError::into_inner) = chain;
        }
        Ok(wanted)
    }

    /// Makes sure that it holds the positions of versions `from` to the end of the stream.
    async fn follow(
        &mut self,
        reader: &Reader,
        customer: CustomerId,
        (version, last): (i64, i64),
        from: i64,
    ) -> Result<(), StoreError> {
        let Inner { name, sql, log, .. } = &*reader.inner;
        let end = i64::try_from(self.positions.len()).unwrap_or(i64::MAX).saturating_add(self.first);
        if version < end {
            return Ok(());
        }
        let id = Id(*customer.as_bytes());
        let statement = reader.client.prepare_cached(&sql.chain).await.of(name)?;
        let rows = reader.client.query(&statement, &[log, &id, &last, &end]).await.of(name)?;
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            let (position, version): (i64, i64) = (row.try_get(0).of(name)?, row.try_get(1).of(name)?);
            found.push((version, position));
        }
        if found.iter().map(|(version, _)| *version).eq(end..=version) {
            self.positions.extend(found.into_iter().map(|(_, position)| position));
            return Ok(());
        }
        self.look_through(reader, customer, from).await
    }

    /// Finds the positions without the chain, where it is broken: slow, and only so that one damaged fact does not
    /// hide those before it.
    async fn look_through(
        &mut self,
        reader: &Reader,
        customer: CustomerId,
        from: i64,
    ) -> Result<(), StoreError> {
        let Inner { name, sql, log, .. } = &*reader.inner;
        let id = Id(*customer.as_bytes());
        let rows = reader.client.query(&sql.all_of, &[log, &id]).await.of(name)?;
        let skipped = usize::try_from(from.saturating_sub(1)).unwrap_or(usize::MAX);
        let positions = rows.iter().skip(skipped).map(|row| row.try_get(0)).collect::<Result<_, _>>();
        *self = Self { customer: Some(customer), first: from, positions: positions.of(name)? };
        Ok(())
    }

    fn from(&self, version: i64) -> &[i64] {
        let skip = usize::try_from(version.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.positions.get(skip..).unwrap_or_default()
    }
}
