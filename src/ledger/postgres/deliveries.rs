//! Deliveries in PostgreSQL. Any number of workers share them: claims skip what others have locked,
//! and every later write names its token.

use chrono::{DateTime, Utc};
use postgres::Row;

use super::{Fault, PostgresLedger, Tx};
use crate::domain::{Bounce, DeliveryState, DigestId, EmailAddress, Language, SubscriberId, Tally};
use crate::ledger::deliveries::soft_count;
use crate::ledger::{
    Claim, Claimer, Deliveries, InDoubt, LedgerError, Recovered, SOFT_BOUNCES, Step, Trouble, Verdict,
    instant, millis,
};

impl Deliveries for PostgresLedger {
    fn recover(
        &mut self,
        gone: &mut dyn FnMut(&str) -> bool,
        max_doubts: u32,
        now: DateTime<Utc>,
    ) -> Result<Recovered, LedgerError> {
        let workers: Vec<String> = self.verb(|tx| {
            let rows = tx.query(
                "SELECT DISTINCT coalesce(worker, '') FROM delivery WHERE state IN ('claimed', 'sending')",
                &[],
            )?;
            Ok(rows.iter().map(|row| row.get(0)).collect())
        })?;
        let mut recovered = Recovered::default();
        for worker in workers {
            let lease_counts = !gone(&worker);
            let one = self.verb(|tx| {
                let whose: [&(dyn postgres::types::ToSql + Sync); 3] = [&worker, &lease_counts, &millis(now)];
                Ok(Recovered {
                    unclaimed: tx.execute(
                        "UPDATE delivery SET state = 'waiting', worker = NULL, token = NULL, due_at = $3, at = $3
                         WHERE state = 'claimed' AND coalesce(worker, '') = $1 AND (NOT $2 OR due_at <= clock_ms())",
                        &whose,
                    )?,
                    in_doubt: tx.execute(
                        "UPDATE delivery SET state = 'in doubt', worker = NULL, token = NULL, at = $3
                         WHERE state = 'sending' AND coalesce(worker, '') = $1 AND (NOT $2 OR due_at <= clock_ms())
                           AND doubts >= $4",
                        &[&worker, &lease_counts, &millis(now), &i64::from(max_doubts)],
                    )?,
                    doubtful: tx.execute(
                        "UPDATE delivery SET state = 'waiting', worker = NULL, token = NULL, due_at = $3, at = $3
                         WHERE state = 'sending' AND coalesce(worker, '') = $1 AND (NOT $2 OR due_at <= clock_ms())",
                        &whose,
                    )?,
                })
            })?;
            recovered.unclaimed += one.unclaimed;
            recovered.doubtful += one.doubtful;
            recovered.in_doubt += one.in_doubt;
        }
        Ok(recovered)
    }

    fn claim(
        &mut self,
        claimer: &Claimer<'_>,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<Vec<Claim>, LedgerError> {
        let token: i64 = self.verb(|tx| Ok(tx.one("SELECT nextval('claim_token')", &[])?.get(0)))?;
        let mut again = false;
        self.verb(|tx| {
            if std::mem::replace(&mut again, true) {
                // The answer to the first try was lost; it may have claimed all the same.
                tx.execute(
                    "UPDATE delivery SET state = 'waiting', worker = NULL, token = NULL, due_at = $2
                     WHERE state = 'claimed' AND token = $1",
                    &[&token, &millis(now)],
                )?;
            }
            let rows = tx.query(
                "WITH due AS (
                     SELECT d.digest, d.subscriber FROM delivery d JOIN digest g ON g.id = d.digest
                     WHERE d.state = 'waiting' AND d.due_at <= $1 AND coalesce(g.paused_until, 0) <= $1
                     ORDER BY d.digest, d.due_at, d.subscriber
                     LIMIT $2
                     -- What another worker is claiming at this moment is not waited for.
                     FOR UPDATE OF d SKIP LOCKED)
                 UPDATE delivery d SET state = 'claimed', worker = $3, token = $4, due_at = clock_ms() + $5, at = $1
                 FROM due, subscriber s
                 WHERE d.digest = due.digest AND d.subscriber = due.subscriber AND s.id = d.subscriber
                 RETURNING d.digest, d.edition, d.subscriber, s.email, s.name, s.language, d.attempts, d.doubts,
                     s.standing = 'confirmed'",
                &[
                    &millis(now),
                    &(limit as i64),
                    &claimer.worker,
                    &token,
                    &(claimer.lease.as_millis() as i64),
                ],
            )?;
            let mut claims = Vec::with_capacity(rows.len());
            for row in rows {
                if row.get(8) {
                    claims.push(claim(&row, token)?);
                } else {
                    leave(tx, DigestId(row.get(0)), SubscriberId(row.get(2)), now)?;
                }
            }
            Ok(claims)
        })
    }

    fn record(&mut self, steps: &[Step], now: DateTime<Utc>) -> Result<Vec<Verdict>, LedgerError> {
        self.verb(|tx| steps.iter().map(|step| record(tx, step, now)).collect())
    }

    fn renew(&mut self, claimer: &Claimer<'_>, _now: DateTime<Utc>) -> Result<(), LedgerError> {
        self.verb(|tx| {
            tx.execute(
                "UPDATE delivery SET due_at = clock_ms() + $2 WHERE state IN ('claimed', 'sending') AND worker = $1",
                &[&claimer.worker, &(claimer.lease.as_millis() as i64)],
            )
            .map(|_| ())
        })
    }

    fn next_due(&mut self) -> Result<Option<DateTime<Utc>>, LedgerError> {
        let due: Option<i64> = self.verb(|tx| {
            let row = tx.one(
                "SELECT min(greatest(
                     (SELECT min(due_at) FROM delivery WHERE state = 'waiting' AND digest = g.id),
                     g.paused_until))
                 FROM digest g
                 WHERE EXISTS (SELECT 1 FROM delivery WHERE state = 'waiting' AND digest = g.id)",
                &[],
            )?;
            Ok(row.get(0))
        })?;
        Ok(due.map(instant))
    }

    fn tally(&mut self, digest: Option<DigestId>) -> Result<Tally, LedgerError> {
        self.verb(|tx| tally(tx, digest))
    }

    fn sent_since(&mut self, since: DateTime<Utc>) -> Result<Vec<(String, u64)>, LedgerError> {
        self.verb(|tx| {
            let rows = tx.query(
                "SELECT s.domain, count(*) FROM delivery d JOIN subscriber s ON s.id = d.subscriber
                 WHERE d.state = 'sent' AND d.at >= $1 GROUP BY s.domain",
                &[&millis(since)],
            )?;
            Ok(rows.iter().map(|row| (row.get(0), row.get::<_, i64>(1) as u64)).collect())
        })
    }

    fn troubles(&mut self, digest: DigestId, limit: usize) -> Result<Vec<Trouble>, LedgerError> {
        self.verb(|tx| {
            tx.query(
                "SELECT d.digest, d.subscriber, s.email, d.attempts, d.doubts, d.state, d.due_at, d.at, d.reply
                 FROM delivery d JOIN subscriber s ON s.id = d.subscriber
                 WHERE d.digest = $1
                   AND (d.state IN ('refused', 'in doubt')
                        OR d.state = 'waiting' AND (d.attempts > 0 OR d.doubts > 0))
                 ORDER BY d.at DESC, d.subscriber LIMIT $2",
                &[&digest.0, &(limit as i64)],
            )?
            .iter()
            .map(trouble)
            .collect()
        })
    }

    fn close_in_doubt(&mut self, decision: InDoubt, now: DateTime<Utc>) -> Result<u64, LedgerError> {
        let close = match decision {
            InDoubt::Resend => {
                "UPDATE delivery SET state = 'waiting', due_at = $1, at = $1 WHERE state = 'in doubt'"
            }
            InDoubt::Accept => {
                "UPDATE delivery SET state = 'sent', at = $1, reply = 'accepted by hand' WHERE state = 'in doubt'"
            }
        };
        self.verb(|tx| tx.execute(close, &[&millis(now)]))
    }

    fn reopen_refused(&mut self, digest: DigestId, now: DateTime<Utc>) -> Result<u64, LedgerError> {
        self.verb(|tx| {
            tx.execute(
                "UPDATE delivery SET state = 'waiting', due_at = $2, at = $2, attempts = 0
                 WHERE digest = $1 AND state = 'refused'
                   AND (SELECT standing FROM subscriber WHERE id = subscriber) = 'confirmed'",
                &[&digest.0, &millis(now)],
            )
        })
    }

    fn stop(&mut self, digest: DigestId, now: DateTime<Utc>) -> Result<u64, LedgerError> {
        self.verb(|tx| {
            tx.execute(
                "UPDATE delivery SET state = 'left', worker = NULL, token = NULL, at = $2, reply = 'stopped by hand'
                 WHERE digest = $1 AND state IN ('waiting', 'claimed')",
                &[&digest.0, &millis(now)],
            )
        })
    }

    fn bounced(
        &mut self,
        digest: DigestId,
        subscriber: SubscriberId,
        bounce: Bounce,
        now: DateTime<Utc>,
    ) -> Result<bool, LedgerError> {
        self.verb(|tx| {
            tx.execute(
                "UPDATE delivery SET state = 'refused', at = $3, reply = 'returned'
                 WHERE digest = $1 AND subscriber = $2 AND state = 'in doubt'",
                &[&digest.0, &subscriber.0, &millis(now)],
            )?;
            suppress(tx, digest, subscriber, bounce, now)
        })
    }
}

fn record(tx: &mut Tx<'_>, step: &Step, now: DateTime<Utc>) -> Result<Verdict, Fault> {
    match step {
        Step::Sending { digest, subscriber, token } => {
            let begun = tx.execute(
                "UPDATE delivery SET state = 'sending', doubts = doubts + 1, at = $4
                 WHERE digest = $1 AND subscriber = $2 AND token = $3 AND state = 'claimed'
                   -- Whoever leaves before this moment gets no letter.
                   AND (SELECT standing FROM subscriber WHERE id = $2) = 'confirmed'",
                &[&digest.0, &subscriber.0, token, &millis(now)],
            )?;
            if begun == 1 {
                return Ok(Verdict::Recorded);
            }
            let mine = tx.first(
                "SELECT state FROM delivery WHERE digest = $1 AND subscriber = $2 AND token = $3",
                &[&digest.0, &subscriber.0, token],
            )?;
            match mine.as_ref().map(|row| row.get::<_, &str>(0)) {
                Some("claimed") => {
                    leave(tx, *digest, *subscriber, now)?;
                    Ok(Verdict::ReaderLeft)
                }
                // Committed before, by a try whose answer was lost.
                Some("sending") => Ok(Verdict::Recorded),
                _ => Ok(Verdict::LeaseLost),
            }
        }
        Step::Settle { digest, subscriber, token, state, attempts, doubts, reply, bounce } => {
            let (name, due_at, reply) = match state {
                DeliveryState::Waiting { not_before } => ("waiting", millis(*not_before), reply),
                DeliveryState::Sent { reply, .. } => ("sent", millis(now), reply),
                DeliveryState::Refused { reply, .. } => ("refused", millis(now), reply),
                DeliveryState::InDoubt { .. } => ("in doubt", millis(now), reply),
                DeliveryState::Left => ("left", millis(now), reply),
                DeliveryState::Claimed { .. } | DeliveryState::Sending { .. } => {
                    unreachable!("a letter is settled into a state without a worker")
                }
            };
            let settled = tx.execute(
                "UPDATE delivery SET state = $4, due_at = $5, attempts = $6, doubts = $7, reply = coalesce(nullif($8, ''), reply),
                        at = $9,
                        worker = NULL, token = NULL
                 WHERE digest = $1 AND subscriber = $2 AND token = $3 AND state IN ('claimed', 'sending')",
                &[
                    &digest.0,
                    &subscriber.0,
                    token,
                    &name,
                    &due_at,
                    &i64::from(*attempts),
                    &i64::from(*doubts),
                    reply,
                    &millis(now),
                ],
            )?;
            if settled == 0 {
                return Ok(Verdict::LeaseLost);
            }
            if let Some(bounce) = bounce {
                suppress(tx, *digest, *subscriber, *bounce, now)?;
            }
            Ok(Verdict::Recorded)
        }
        Step::Reopen { digest, subscriber, not_before } => {
            tx.execute(
                "UPDATE delivery SET state = 'waiting', due_at = $3, at = $4
                 WHERE digest = $1 AND subscriber = $2 AND state = 'refused'",
                &[&digest.0, &subscriber.0, &millis(*not_before), &millis(now)],
            )?;
            Ok(Verdict::Recorded)
        }
    }
}

fn leave(
    tx: &mut Tx<'_>,
    digest: DigestId,
    subscriber: SubscriberId,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    tx.execute(
        "UPDATE delivery SET state = 'left', worker = NULL, token = NULL, at = $3
         WHERE digest = $1 AND subscriber = $2",
        &[&digest.0, &subscriber.0, &millis(now)],
    )
    .map(|_| ())
}

/// Says whether the reader's standing changed. Who left stays so: that is the stronger word.
fn suppress(
    tx: &mut Tx<'_>,
    digest: DigestId,
    subscriber: SubscriberId,
    bounce: Bounce,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let standing = match bounce {
        Bounce::Hard => "bouncing",
        Bounce::Complaint => "complained",
        Bounce::Soft => {
            let row = tx.one(
                "SELECT soft_bounces, soft_digest,
                        (SELECT max(digest) FROM delivery WHERE subscriber = $1 AND digest < $2)
                 FROM subscriber WHERE id = $1 FOR UPDATE",
                &[&subscriber.0, &digest.0],
            )?;
            let count = soft_count(row.get::<_, i64>(0) as u32, row.get(1), row.get(2), digest.0);
            tx.execute(
                "UPDATE subscriber SET soft_bounces = $2, soft_digest = $3 WHERE id = $1",
                &[&subscriber.0, &i64::from(count), &digest.0],
            )?;
            if count < SOFT_BOUNCES {
                return Ok(false);
            }
            "bouncing"
        }
    };
    let changed = tx.execute(
        "UPDATE subscriber SET standing = $2, standing_at = $3
         WHERE id = $1 AND (standing IN ('pending', 'confirmed') OR standing = 'bouncing' AND $2 = 'complained')",
        &[&subscriber.0, &standing, &millis(now)],
    )?;
    Ok(changed == 1)
}

pub(super) fn tally(tx: &mut Tx<'_>, digest: Option<DigestId>) -> Result<Tally, Fault> {
    let rows = match digest {
        Some(digest) => {
            tx.query("SELECT state, count(*) FROM delivery WHERE digest = $1 GROUP BY state", &[&digest.0])?
        }
        None => tx.query("SELECT state, count(*) FROM delivery GROUP BY state", &[])?,
    };
    let mut tally = Tally::default();
    for row in rows {
        let count = row.get::<_, i64>(1) as u64;
        match row.get::<_, &str>(0) {
            "waiting" => tally.waiting = count,
            "claimed" => tally.claimed = count,
            "sending" => tally.sending = count,
            "sent" => tally.sent = count,
            "refused" => tally.refused = count,
            "left" => tally.left = count,
            _ => tally.in_doubt = count,
        }
    }
    Ok(tally)
}

fn claim(row: &Row, token: i64) -> Result<Claim, Fault> {
    Ok(Claim {
        digest: DigestId(row.get(0)),
        edition: row.get::<_, i64>(1) as usize,
        subscriber: SubscriberId(row.get(2)),
        email: EmailAddress::parse(row.get(3)).map_err(Fault::row)?,
        name: row.get(4),
        language: Language::parse(row.get(5)),
        token,
        attempts: row.get::<_, i64>(6) as u32,
        doubts: row.get::<_, i64>(7) as u32,
    })
}

fn trouble(row: &Row) -> Result<Trouble, Fault> {
    let at = instant(row.get::<_, Option<i64>>(7).unwrap_or_default());
    let reply = row.get::<_, Option<String>>(8).unwrap_or_default();
    let state = match row.get::<_, &str>(5) {
        "refused" => DeliveryState::Refused { at, reply: reply.clone() },
        "in doubt" => DeliveryState::InDoubt { since: at },
        _ => DeliveryState::Waiting { not_before: instant(row.get(6)) },
    };
    Ok(Trouble {
        digest: DigestId(row.get(0)),
        subscriber: SubscriberId(row.get(1)),
        email: EmailAddress::parse(row.get(2)).map_err(Fault::row)?,
        attempts: row.get::<_, i64>(3) as u32,
        doubts: row.get::<_, i64>(4) as u32,
        state,
        reply,
    })
}
