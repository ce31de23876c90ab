//! What becomes of letters, written down in SQLite: the steps of the senders, and what a bounce says
//! of its reader.

use chrono::{DateTime, Utc};
use rusqlite::{Transaction, params};

use super::membership::write_down;
use crate::domain::{Bounce, DigestId, SubscriberId};
use crate::ledger::deliveries::{bounce_in_words, last_words, settled, soft_count};
use crate::ledger::{SOFT_BOUNCES, Step, Verdict, millis};

/// Writes down one step.
pub(super) fn record(tx: &Transaction<'_>, step: &Step, now: DateTime<Utc>) -> rusqlite::Result<Verdict> {
    match step {
        Step::Sending { digest, subscriber, token } => {
            let begun = tx
                .prepare_cached(
                    "UPDATE delivery SET state = 'sending', doubts = doubts + 1, at = ?4
                     WHERE digest = ?1 AND subscriber = ?2 AND token = ?3 AND state = 'claimed'
                       -- Whoever leaves before this moment gets no letter.
                       AND (SELECT standing FROM subscriber WHERE id = ?2) = 'confirmed'",
                )?
                .execute(params![digest.0, subscriber.0, token, millis(now)])?;
            if begun == 1 {
                return Ok(Verdict::Recorded);
            }
            let still_mine = tx
                .prepare_cached(
                    "SELECT 1 FROM delivery
                     WHERE digest = ?1 AND subscriber = ?2 AND token = ?3 AND state = 'claimed'",
                )?
                .exists(params![digest.0, subscriber.0, token])?;
            if !still_mine {
                return Ok(Verdict::LeaseLost);
            }
            leave(tx, digest.0, subscriber.0, now)?;
            Ok(Verdict::ReaderLeft)
        }
        Step::Settle { digest, subscriber, token, state, attempts, doubts, reply, bounce } => {
            let (name, due_at) = settled(state, now);
            let written = tx
                .prepare_cached(
                    "UPDATE delivery SET state = ?4, due_at = ?5, attempts = ?6, doubts = ?7, reply = coalesce(nullif(?8, ''), reply),
                            at = ?9,
                            worker = NULL, token = NULL
                     WHERE digest = ?1 AND subscriber = ?2 AND token = ?3 AND state IN ('claimed', 'sending')",
                )?
                .execute(params![
                    digest.0,
                    subscriber.0,
                    token,
                    name,
                    millis(due_at),
                    attempts,
                    doubts,
                    last_words(state, reply),
                    millis(now)
                ])?;
            if written == 0 {
                return Ok(Verdict::LeaseLost);
            }
            if let Some(bounce) = bounce {
                suppress(tx, *digest, *subscriber, *bounce, now)?;
            }
            Ok(Verdict::Recorded)
        }
        Step::Reopen { digest, subscriber, not_before } => {
            reopen(tx, *digest)?;
            tx.prepare_cached(
                "UPDATE delivery SET state = 'waiting', due_at = ?3, at = ?4
                 WHERE digest = ?1 AND subscriber = ?2 AND state = 'refused'",
            )?
            .execute(params![digest.0, subscriber.0, millis(*not_before), millis(now)])?;
            Ok(Verdict::Recorded)
        }
    }
}

/// The digest has open letters again.
pub(super) fn reopen(tx: &Transaction<'_>, digest: DigestId) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE digest SET closed_at = NULL WHERE id = ?1")?.execute([digest.0]).map(|_| ())
}

pub(super) fn leave(
    tx: &Transaction<'_>,
    digest: i64,
    subscriber: i64,
    now: DateTime<Utc>,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "UPDATE delivery SET state = 'left', worker = NULL, token = NULL, at = ?3
         WHERE digest = ?1 AND subscriber = ?2",
    )?
    .execute(params![digest, subscriber, millis(now)])
    .map(|_| ())
}

/// Says whether the reader's standing changed. Who left stays so: that is the stronger word.
pub(super) fn suppress(
    tx: &Transaction<'_>,
    digest: DigestId,
    subscriber: SubscriberId,
    bounce: Bounce,
    now: DateTime<Utc>,
) -> rusqlite::Result<bool> {
    let mut in_a_row = 0;
    if bounce == Bounce::Soft {
        let (count, last): (u32, Option<i64>) = tx.query_row(
            "SELECT soft_bounces, soft_digest FROM subscriber WHERE id = ?1",
            [subscriber.0],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let before: Option<i64> = tx.query_row(
            "SELECT max(digest) FROM delivery WHERE subscriber = ?1 AND digest < ?2",
            params![subscriber.0, digest.0],
            |row| row.get(0),
        )?;
        in_a_row = soft_count(count, last, before, digest.0);
        tx.execute(
            "UPDATE subscriber SET soft_bounces = ?2, soft_digest = ?3 WHERE id = ?1",
            params![subscriber.0, in_a_row, digest.0],
        )?;
    }
    let (event, detail) = bounce_in_words(bounce, digest, in_a_row);
    write_down(tx, subscriber, now, event, &detail)?;
    let standing = match bounce {
        Bounce::Soft if in_a_row < SOFT_BOUNCES => return Ok(false),
        Bounce::Soft | Bounce::Hard => "bouncing",
        Bounce::Complaint => "complained",
    };
    let changed = tx
        .prepare_cached(
            "UPDATE subscriber SET standing = ?2, standing_at = ?3
             WHERE id = ?1 AND (standing IN ('pending', 'confirmed')
                                OR standing = 'bouncing' AND ?2 = 'complained')",
        )?
        .execute(params![subscriber.0, standing, millis(now)])?;
    Ok(changed == 1)
}
