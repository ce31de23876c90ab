//! Deliveries in SQLite. One process runs at a time here, but every write still names its token:
//! the same rules as in PostgreSQL, and a claim from before a crash can never be written to.

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::SqliteLedger;
use super::record::{leave, record, reopen, suppress};
use crate::domain::{Bounce, DigestId, EmailAddress, Language, SubscriberId, Tally};
use crate::ledger::deliveries::{tally_of, troubled};
use crate::ledger::{
    Brake, Claim, Claimer, Deliveries, Dot, Fate, InDoubt, LedgerError, Recovered, Step, Trouble, Verdict,
    instant, millis,
};

impl Deliveries for SqliteLedger {
    fn recover(
        &mut self,
        fate: &mut dyn FnMut(&str) -> Fate,
        max_doubts: u32,
        now: DateTime<Utc>,
    ) -> Result<Recovered, LedgerError> {
        let workers: Vec<String> = self.read(|tx| {
            tx.prepare_cached(
                "SELECT DISTINCT coalesce(worker, '') FROM delivery WHERE state IN ('claimed', 'sending')",
            )?
            .query_map([], |row| row.get(0))?
            .collect()
        })?;
        let mut recovered = Recovered::default();
        for worker in workers {
            // A lease counts only while its worker may live; whoever has the run lock is alone.
            let fate = fate(&worker);
            let lease_counts = self.run_lock.is_none() && fate == Fate::MayLive;
            self.write(|tx| {
                if let Fate::GoneAfter(dots) = &fate {
                    take_back(tx, &worker, dots)?;
                }
                let whose = params![worker, lease_counts, millis(now)];
                recovered.unclaimed += tx
                    .prepare_cached(
                        "UPDATE delivery SET state = 'waiting', worker = NULL, token = NULL, due_at = ?3, at = ?3
                         WHERE state = 'claimed' AND coalesce(worker, '') = ?1 AND (NOT ?2 OR due_at <= ?3)",
                    )?
                    .execute(whose)? as u64;
                recovered.in_doubt += tx
                    .prepare_cached(
                        "UPDATE delivery SET state = 'in doubt', worker = NULL, token = NULL, at = ?3
                         WHERE state = 'sending' AND coalesce(worker, '') = ?1 AND (NOT ?2 OR due_at <= ?3)
                           AND doubts >= ?4",
                    )?
                    .execute(params![worker, lease_counts, millis(now), max_doubts])? as u64;
                recovered.doubtful += tx
                    .prepare_cached(
                        "UPDATE delivery SET state = 'waiting', worker = NULL, token = NULL, due_at = ?3, at = ?3
                         WHERE state = 'sending' AND coalesce(worker, '') = ?1 AND (NOT ?2 OR due_at <= ?3)",
                    )?
                    .execute(whose)? as u64;
                Ok(())
            })?;
        }
        Ok(recovered)
    }

    fn claim(
        &mut self,
        claimer: &Claimer<'_>,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<Vec<Claim>, LedgerError> {
        let until = millis(now).saturating_add(claimer.lease.as_millis() as i64);
        self.write(|tx| {
            let token = tx.query_row(
                "UPDATE ledger SET last_token = last_token + 1 RETURNING last_token",
                [],
                |row| row.get::<_, i64>(0),
            )?;
            let digests: Vec<i64> = tx
                .prepare_cached(
                    "SELECT id FROM digest WHERE closed_at IS NULL AND coalesce(paused_until, 0) <= ?1
                     ORDER BY id",
                )?
                .query_map([millis(now)], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            let mut claims = Vec::new();
            for digest in digests {
                if claims.len() >= limit {
                    break;
                }
                let due: Vec<(Claim, bool)> = tx
                    .prepare_cached(
                        "SELECT d.digest, d.edition, d.subscriber, s.email, s.name, s.language, d.attempts,
                                d.doubts, s.standing = 'confirmed'
                         FROM delivery d JOIN subscriber s ON s.id = d.subscriber
                         WHERE d.state = 'waiting' AND d.digest = ?1 AND d.due_at <= ?2
                         ORDER BY d.due_at, d.subscriber LIMIT ?3",
                    )?
                    .query_map(params![digest, millis(now), (limit - claims.len()) as i64], |row| {
                        Ok((claim(row, token)?, row.get(8)?))
                    })?
                    .collect::<rusqlite::Result<_>>()?;
                for (claim, confirmed) in due {
                    let place = (claim.digest.0, claim.subscriber.0);
                    if confirmed {
                        tx.prepare_cached(
                            "UPDATE delivery SET state = 'claimed', worker = ?3, token = ?4, due_at = ?5, at = ?6
                             WHERE digest = ?1 AND subscriber = ?2",
                        )?
                        .execute(params![place.0, place.1, claimer.worker, token, until, millis(now)])?;
                        claims.push(claim);
                    } else {
                        leave(tx, place.0, place.1, now)?;
                    }
                }
            }
            Ok(claims)
        })
    }

    fn record(&mut self, steps: &[Step], now: DateTime<Utc>) -> Result<Vec<Verdict>, LedgerError> {
        self.write(|tx| steps.iter().map(|step| record(tx, step, now)).collect())
    }

    fn renew(&mut self, claimer: &Claimer<'_>, now: DateTime<Utc>) -> Result<(), LedgerError> {
        let until = millis(now).saturating_add(claimer.lease.as_millis() as i64);
        self.write(|tx| {
            tx.prepare_cached(
                "UPDATE delivery SET due_at = ?2 WHERE state IN ('claimed', 'sending') AND worker = ?1",
            )?
            .execute(params![claimer.worker, until])
            .map(|_| ())
        })
    }

    fn next_due(&mut self) -> Result<Option<DateTime<Utc>>, LedgerError> {
        self.read(|tx| {
            let digests: Vec<(i64, i64)> = tx
                .prepare_cached("SELECT id, coalesce(paused_until, 0) FROM digest WHERE closed_at IS NULL")?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<_>>()?;
            let mut next: Option<i64> = None;
            for (digest, paused_until) in digests {
                let due: Option<i64> = tx
                    .prepare_cached(
                        "SELECT min(due_at) FROM delivery WHERE state = 'waiting' AND digest = ?1",
                    )?
                    .query_row([digest], |row| row.get(0))?;
                if let Some(due) = due {
                    let due = due.max(paused_until);
                    next = Some(next.map_or(due, |earlier| earlier.min(due)));
                }
            }
            Ok(next.map(instant))
        })
    }

    fn tally(&mut self, digest: Option<DigestId>) -> Result<Tally, LedgerError> {
        self.read(|tx| tally(tx, digest))
    }

    fn close_finished(&mut self, now: DateTime<Utc>) -> Result<(), LedgerError> {
        self.write(|tx| {
            let finished: Vec<DigestId> = tx
                .prepare_cached(
                    "SELECT id FROM digest WHERE closed_at IS NULL
                       AND NOT EXISTS (SELECT 1 FROM delivery WHERE digest = id AND state = 'waiting')
                       AND NOT EXISTS (SELECT 1 FROM delivery WHERE digest = id AND state = 'claimed')
                       AND NOT EXISTS (SELECT 1 FROM delivery WHERE digest = id AND state = 'sending')
                       AND NOT EXISTS (SELECT 1 FROM delivery WHERE digest = id AND state = 'in doubt')",
                )?
                .query_map([], |row| row.get(0).map(DigestId))?
                .collect::<rusqlite::Result<_>>()?;
            for digest in finished {
                let tally = tally(tx, Some(digest))?;
                tx.prepare_cached(
                    "UPDATE digest SET closed_at = ?2, closed_sent = ?3, closed_refused = ?4, closed_left = ?5
                     WHERE id = ?1",
                )?
                .execute(params![
                    digest.0,
                    millis(now),
                    tally.sent as i64,
                    tally.refused as i64,
                    tally.left as i64
                ])?;
            }
            Ok(())
        })
    }

    fn other_workers(&mut self, me: &str) -> Result<u32, LedgerError> {
        self.read(|tx| {
            tx.prepare_cached(
                "SELECT count(DISTINCT worker) FROM delivery WHERE state IN ('claimed', 'sending') AND worker <> ?1",
            )?
            .query_row([me], |row| row.get(0))
        })
    }

    fn brake(&mut self) -> Result<Option<Brake>, LedgerError> {
        self.read(|tx| {
            tx.query_row("SELECT brake, brake_at FROM ledger WHERE brake IS NOT NULL", [], |row| {
                Ok(Brake { pace: row.get(0)?, at: instant(row.get(1)?) })
            })
            .optional()
        })
    }

    fn set_brake(&mut self, brake: Brake) -> Result<(), LedgerError> {
        self.write(|tx| {
            tx.execute("UPDATE ledger SET brake = ?1, brake_at = ?2", params![brake.pace, millis(brake.at)])
                .map(|_| ())
        })
    }

    fn sent_since(&mut self, since: DateTime<Utc>) -> Result<Vec<(String, u64)>, LedgerError> {
        self.read(|tx| {
            tx.prepare_cached(
                "SELECT s.domain, count(*) FROM delivery d JOIN subscriber s ON s.id = d.subscriber
                 WHERE d.digest IN (SELECT id FROM digest WHERE coalesce(closed_at, ?1) >= ?1)
                   AND d.state = 'sent' AND d.at >= ?1
                 GROUP BY s.domain",
            )?
            .query_map([millis(since)], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))?
            .collect()
        })
    }

    fn troubles(&mut self, digest: DigestId, limit: usize) -> Result<Vec<Trouble>, LedgerError> {
        self.read(|tx| {
            tx.prepare_cached(
                "SELECT d.digest, d.subscriber, s.email, d.attempts, d.doubts, d.state, d.due_at, d.at, d.reply,
                        d.worker, d.token
                 FROM delivery d JOIN subscriber s ON s.id = d.subscriber
                 WHERE d.digest = ?1
                   AND (d.state IN ('refused', 'in doubt')
                        OR d.state = 'waiting' AND (d.attempts > 0 OR d.doubts > 0))
                 ORDER BY d.at DESC, d.subscriber LIMIT ?2",
            )?
            .query_map(params![digest.0, limit as i64], trouble)?
            .collect()
        })
    }

    fn close_in_doubt(&mut self, decision: InDoubt, now: DateTime<Utc>) -> Result<u64, LedgerError> {
        let close = match decision {
            InDoubt::Resend => {
                "UPDATE delivery SET state = 'waiting', due_at = ?1, at = ?1 WHERE state = 'in doubt'"
            }
            InDoubt::Accept => {
                "UPDATE delivery SET state = 'sent', at = ?1, reply = 'accepted by hand' WHERE state = 'in doubt'"
            }
        };
        self.write(|tx| tx.execute(close, [millis(now)]).map(|n| n as u64))
    }

    fn reopen_refused(&mut self, digest: DigestId, now: DateTime<Utc>) -> Result<u64, LedgerError> {
        self.write(|tx| {
            reopen(tx, digest)?;
            tx.execute(
                "UPDATE delivery SET state = 'waiting', due_at = ?2, at = ?2, attempts = 0
                 WHERE digest = ?1 AND state = 'refused'
                   AND (SELECT standing FROM subscriber WHERE id = subscriber) = 'confirmed'",
                params![digest.0, millis(now)],
            )
            .map(|n| n as u64)
        })
    }

    fn stop(&mut self, digest: DigestId, now: DateTime<Utc>) -> Result<u64, LedgerError> {
        self.write(|tx| {
            tx.execute(
                "UPDATE delivery SET state = 'left', worker = NULL, token = NULL, at = ?2, reply = 'stopped by hand'
                 WHERE digest = ?1 AND state IN ('waiting', 'claimed')",
                params![digest.0, millis(now)],
            )
            .map(|n| n as u64)
        })
    }

    fn bounced(
        &mut self,
        digest: DigestId,
        subscriber: SubscriberId,
        bounce: Bounce,
        now: DateTime<Utc>,
    ) -> Result<bool, LedgerError> {
        self.write(|tx| {
            // A letter that came back was taken once, so its doubt is resolved.
            tx.execute(
                "UPDATE delivery SET state = 'refused', at = ?3, reply = 'returned'
                 WHERE digest = ?1 AND subscriber = ?2 AND state = 'in doubt'",
                params![digest.0, subscriber.0, millis(now)],
            )?;
            suppress(tx, digest, subscriber, bounce, now)
        })
    }
}

/// Letters in Sending whose dot their dead worker never began are only claimed.
fn take_back(tx: &Transaction<'_>, worker: &str, dots: &[Dot]) -> rusqlite::Result<()> {
    let sending: Vec<Dot> = tx
        .prepare_cached(
            "SELECT digest, subscriber, token FROM delivery WHERE state = 'sending' AND worker = ?1",
        )?
        .query_map([worker], |row| {
            Ok(Dot {
                digest: DigestId(row.get(0)?),
                subscriber: SubscriberId(row.get(1)?),
                token: row.get(2)?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    for dot in sending.iter().filter(|dot| !dots.contains(dot)) {
        tx.prepare_cached(
            "UPDATE delivery SET state = 'claimed', doubts = doubts - 1 WHERE digest = ?1 AND subscriber = ?2",
        )?
        .execute(params![dot.digest.0, dot.subscriber.0])?;
    }
    Ok(())
}

pub(super) fn tally(tx: &Transaction<'_>, digest: Option<DigestId>) -> rusqlite::Result<Tally> {
    let counts: Vec<(String, u64)> = tx
        .prepare_cached(
            "WITH asked AS MATERIALIZED (SELECT * FROM digest WHERE ?1 IS NULL OR id = ?1)
             SELECT state, count(*) FROM delivery
             WHERE digest IN (SELECT id FROM asked WHERE closed_at IS NULL) GROUP BY state
             UNION ALL SELECT 'sent', coalesce(sum(closed_sent), 0) FROM asked WHERE closed_at IS NOT NULL
             UNION ALL SELECT 'refused', coalesce(sum(closed_refused), 0) FROM asked WHERE closed_at IS NOT NULL
             UNION ALL SELECT 'left', coalesce(sum(closed_left), 0) FROM asked WHERE closed_at IS NOT NULL",
        )?
        .query_map([digest.map(|d| d.0)], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(tally_of(counts.iter().map(|(word, count)| (word.as_str(), *count))))
}

fn claim(row: &Row<'_>, token: i64) -> rusqlite::Result<Claim> {
    Ok(Claim {
        digest: DigestId(row.get(0)?),
        edition: row.get::<_, i64>(1)? as usize,
        subscriber: SubscriberId(row.get(2)?),
        email: email(row, 3)?,
        name: row.get(4)?,
        language: Language::parse(&row.get::<_, String>(5)?),
        token,
        attempts: row.get(6)?,
        doubts: row.get(7)?,
    })
}

fn trouble(row: &Row<'_>) -> rusqlite::Result<Trouble> {
    let at = instant(row.get::<_, Option<i64>>(7)?.unwrap_or_default());
    let reply = row.get::<_, Option<String>>(8)?.unwrap_or_default();
    let due_at = instant(row.get(6)?);
    let state = troubled(row.get_ref(5)?.as_str()?, at, due_at, &reply);
    Ok(Trouble {
        digest: DigestId(row.get(0)?),
        subscriber: SubscriberId(row.get(1)?),
        email: email(row, 2)?,
        attempts: row.get(3)?,
        doubts: row.get(4)?,
        state,
        reply,
    })
}

fn email(row: &Row<'_>, column: usize) -> rusqlite::Result<EmailAddress> {
    EmailAddress::parse(&row.get::<_, String>(column)?).map_err(|e| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(e))
    })
}
