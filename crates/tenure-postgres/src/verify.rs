//! Following the chain: whether the log is what was written, and where it first is not.

use core::ops::ControlFlow;
use std::pin::pin;

use futures_util::TryStreamExt;
use tenure_core::Position;
use tenure_store::{Follower, StoreError, Verified, VerifyError};
use tokio_postgres::types::ToSql;

use crate::error::InStore;
use crate::raw::Inner;
use crate::read::Reader;
use crate::row;
use crate::store::PostgresStore;

/// Facts that are followed by one statement, so that a long check holds no old snapshot.
const AT_ONCE: i64 = 1 << 16;

impl PostgresStore {
    /// Reads every fact, checks its checksums and follows the chain to the head; then checks streams against the
    /// facts. `progress` is called with position and head now and then.
    ///
    /// Facts may be appended meanwhile; those are checked too.
    ///
    /// # Errors
    /// [`VerifyError`] naming the first bad position.
    pub async fn verify(
        &self,
        mut progress: impl FnMut(Position, Position) -> ControlFlow<()> + Send,
    ) -> Result<Verified, VerifyError> {
        let mut follower = Follower::default();
        loop {
            let mut next = follower;
            let (further, head) = self
                .reading_once(move |reader| async move {
                    let head = follow(&reader, &mut next).await;
                    Ok((next, head))
                })
                .await?;
            follower = further;
            let (head, position) = (head?, Position(follower.at().unsigned_abs()));
            if progress(position, Position(head.unsigned_abs())).is_break() {
                return Err(VerifyError::Stopped { at: position });
            }
            if follower.at() >= head {
                break;
            }
        }
        self.reading_once(|reader| async move { Ok(beside(&reader).await) }).await??;
        Ok(follower.verified())
    }
}

/// Follows the chain for a while and gives the head.
async fn follow(reader: &Reader, follower: &mut Follower) -> Result<i64, VerifyError> {
    let Inner { name, sql, log, .. } = &*reader.inner;
    let (head, head_link) = reader.head().await?;
    let from = follower.at();
    let to = from.saturating_add(AT_ONCE).min(head);
    let statement = reader.client.prepare_cached(&sql.links).await.of(name)?;
    let values: [&(dyn ToSql + Sync); 3] = [log, &from, &to];
    let mut rows = pin!(reader.client.query_raw(&statement, values).await.of(name)?);
    while let Some(row) = rows.try_next().await.of(name)? {
        row::follow(&row, head, follower)?;
    }
    if follower.at() < to {
        return Err(VerifyError::Removed { position: Position(follower.at().unsigned_abs() + 1) });
    }
    follower.arrive(&name.0, head, &head_link, follower.at() == head)?;
    Ok(head)
}

/// Checks streams, and that nothing stands behind the head, in one snapshot.
async fn beside(reader: &Reader) -> Result<(), VerifyError> {
    let Inner { name, sql, log, .. } = &*reader.inner;
    let client = &reader.client;
    client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await.of(name)?;
    let checked = async {
        let (head, _) = reader.head().await?;
        let beyond = head.saturating_add(1);
        let values: [&(dyn ToSql + Sync); 3] = [log, &head, &beyond];
        let statement = client.prepare_cached(&sql.links).await.of(name)?;
        let more = client.query(&statement, &values).await.of(name)?;
        if !more.is_empty() {
            return Ok(Some(format!("the head counts {head} facts and there are more")));
        }
        let row = client.query_one(&sql.disagreement, &[log, &head]).await.of(name)?;
        row.try_get(0).of(name)
    };
    let found: Result<Option<String>, StoreError> = checked.await;
    // It only read.
    client.batch_execute("ROLLBACK").await.of(name)?;
    match found? {
        None => Ok(()),
        Some(what) => Err(VerifyError::Index { location: name.0.clone(), what: what.into() }),
    }
}
