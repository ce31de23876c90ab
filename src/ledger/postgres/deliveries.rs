//! Deliveries in PostgreSQL, shared by any number of workers.
//!
//! Every verb is a statement or two over whole batches: the price of a letter is in round trips, not
//! in rows. Leases (`due_at` of a claimed or sending letter) run by the database's clock; all other
//! instants are the ones handed in. Rows are locked in the order of their readers, readers before
//! their deliveries; should two workers meet nevertheless, one of them is sent back and tries again.

use chrono::{DateTime, Utc};
use postgres::Row;

use super::record::{record, reopen, suppress};
use super::subscribers::email;
use super::{Begin, PostgresLedger, Session, Sql};
use crate::domain::{Bounce, DigestId, Language, SubscriberId, Tally};
use crate::ledger::deliveries::{tally_of, troubled};
use crate::ledger::{
    Brake, Claim, Claimer, Deliveries, Dot, Fate, InDoubt, LedgerError, Recovered, Step, Trouble, Verdict,
    instant, millis,
};

impl Deliveries for PostgresLedger {
    fn recover(
        &mut self,
        fate: &mut dyn FnMut(&str) -> Fate,
        max_doubts: u32,
        now: DateTime<Utc>,
    ) -> Result<Recovered, LedgerError> {
        let workers: Vec<(String, bool)> = self.db.read(|session| {
            let rows = session.query(
                "SELECT coalesce(worker, ''),
                        bool_or(due_at <= clock_millis())
                 FROM delivery WHERE state IN ('claimed', 'sending') GROUP BY 1",
                &[],
            )?;
            rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
        })?;
        let mut recovered = Recovered::default();
        for (worker, has_ended_lease) in workers {
            // A lease counts only while its worker may live.
            let fate = fate(&worker);
            let lease_counts = fate == Fate::MayLive;
            if lease_counts && !has_ended_lease {
                continue;
            }
            let rows = self.db.write(Begin::Usual, |session| {
                if let Fate::GoneAfter(dots) = &fate {
                    take_back(session, &worker, dots)?;
                }
                session.query(
                    "WITH lost AS (
                         SELECT digest, subscriber, state = 'claimed' AS unclaimed,
                                state = 'sending' AND doubts >= $4 AS in_doubt
                         FROM delivery
                         WHERE state IN ('claimed', 'sending') AND coalesce(worker, '') = $1
                           AND (NOT $2 OR due_at <= clock_millis())
                         -- Whoever is writing to a letter just now has not lost it.
                         FOR UPDATE SKIP LOCKED),
                     back AS (
                         UPDATE delivery d
                         SET state = CASE WHEN lost.in_doubt THEN 'in doubt' ELSE 'waiting' END,
                             worker = NULL, token = NULL, due_at = $3, at = $3
                         FROM lost WHERE d.digest = lost.digest AND d.subscriber = lost.subscriber
                         RETURNING lost.unclaimed, lost.in_doubt)
                     SELECT unclaimed, in_doubt, count(*) FROM back GROUP BY 1, 2",
                    &[&worker, &lease_counts, &millis(now), &(max_doubts as i32)],
                )
            })?;
            for row in rows {
                let count = row.get::<_, i64>(2) as u64;
                match (row.get(0), row.get(1)) {
                    (true, _) => recovered.unclaimed += count,
                    (_, true) => recovered.in_doubt += count,
                    _ => recovered.doubtful += count,
                }
            }
        }
        Ok(recovered)
    }

    fn claim(
        &mut self,
        claimer: &Claimer<'_>,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<Vec<Claim>, LedgerError> {
        self.lease = claimer.lease;
        self.db.write(Begin::Usual, |session| {
            let digests = session.query(
                "SELECT id FROM digest WHERE closed_at IS NULL AND coalesce(paused_until, 0) <= $1
                   AND EXISTS (SELECT 1 FROM delivery WHERE state = 'waiting' AND digest = id AND due_at <= $1)
                 ORDER BY id",
                &[&millis(now)],
            )?;
            let mut claims = Vec::new();
            for digest in digests {
                if claims.len() >= limit {
                    break;
                }
                let rows = session.query(
                    "WITH due AS (
                         SELECT digest, subscriber, due_at FROM delivery
                         WHERE state = 'waiting' AND digest = $1 AND due_at <= $2
                         ORDER BY due_at, subscriber LIMIT $3
                         FOR UPDATE SKIP LOCKED),
                     lease AS MATERIALIZED (SELECT nextval('lease_token') AS token)
                     UPDATE delivery d
                     SET state = CASE WHEN s.standing = 'confirmed' THEN 'claimed' ELSE 'left' END,
                         worker = CASE WHEN s.standing = 'confirmed' THEN $4 END,
                         token = CASE WHEN s.standing = 'confirmed' THEN lease.token END,
                         due_at = clock_millis() + $5,
                         at = $2
                     FROM due JOIN subscriber s ON s.id = due.subscriber CROSS JOIN lease
                     WHERE d.digest = due.digest AND d.subscriber = due.subscriber
                     RETURNING d.digest, d.edition, d.subscriber, s.email, s.name, s.language, d.attempts,
                               d.doubts, d.token, due.due_at",
                    &[
                        &digest.try_get::<_, i64>(0)?,
                        &millis(now),
                        &((limit - claims.len()) as i64),
                        &claimer.worker,
                        &(claimer.lease.as_millis() as i64),
                    ],
                )?;
                let mut due = Vec::with_capacity(rows.len());
                for row in rows {
                    // Who is no longer confirmed has just been closed, and got no token.
                    if let Some(token) = row.try_get(8)? {
                        due.push((row.try_get::<_, i64>(9)?, claim(&row, token)?));
                    }
                }
                due.sort_unstable_by_key(|(due_at, claim)| (*due_at, claim.subscriber));
                claims.extend(due.into_iter().map(|(_, claim)| claim));
            }
            Ok(claims)
        })
    }

    fn record(&mut self, steps: &[Step], now: DateTime<Utc>) -> Result<Vec<Verdict>, LedgerError> {
        if steps.is_empty() {
            return Ok(Vec::new());
        }
        let lease = self.lease.as_millis() as i64;
        self.db.write(Begin::Usual, |session| record(session, steps, lease, now))
    }

    fn renew(&mut self, claimer: &Claimer<'_>, _now: DateTime<Utc>) -> Result<(), LedgerError> {
        self.db.write(Begin::Usual, |session| {
            session
                .execute(
                    "UPDATE delivery SET due_at = clock_millis() + $2
                     WHERE state IN ('claimed', 'sending') AND worker = $1",
                    &[&claimer.worker, &(claimer.lease.as_millis() as i64)],
                )
                .map(|_| ())
        })
    }

    fn next_due(&mut self) -> Result<Option<DateTime<Utc>>, LedgerError> {
        self.db.read(|session| {
            let row = session.query_one(
                "SELECT min(greatest(coalesce(paused_until, 0),
                                     (SELECT min(due_at) FROM delivery WHERE state = 'waiting' AND digest = id)))
                 FROM digest
                 WHERE closed_at IS NULL
                   AND EXISTS (SELECT 1 FROM delivery WHERE state = 'waiting' AND digest = id)",
                &[],
            )?;
            Ok(row.try_get::<_, Option<i64>>(0)?.map(instant))
        })
    }

    fn tally(&mut self, digest: Option<DigestId>) -> Result<Tally, LedgerError> {
        self.db.read(|session| tally(session, digest))
    }

    fn close_finished(&mut self, now: DateTime<Utc>) -> Result<(), LedgerError> {
        self.db.write(Begin::Usual, |session| {
            // Locked first: whoever opens a digest again goes before this, or after.
            let finished = session.query(
                "SELECT id FROM digest WHERE closed_at IS NULL
                   AND NOT EXISTS (SELECT 1 FROM delivery WHERE digest = id AND state = 'waiting')
                   AND NOT EXISTS (SELECT 1 FROM delivery WHERE digest = id AND state = 'claimed')
                   AND NOT EXISTS (SELECT 1 FROM delivery WHERE digest = id AND state = 'sending')
                   AND NOT EXISTS (SELECT 1 FROM delivery WHERE digest = id AND state = 'in doubt')
                 ORDER BY id FOR UPDATE",
                &[],
            )?;
            for row in finished {
                let digest = DigestId(row.try_get(0)?);
                let tally = tally(session, Some(digest))?;
                if tally.open() + tally.in_doubt > 0 {
                    continue;
                }
                session.execute(
                    "UPDATE digest SET closed_at = $2, closed_sent = $3, closed_refused = $4, closed_left = $5
                     WHERE id = $1",
                    &[
                        &digest.0,
                        &millis(now),
                        &(tally.sent as i64),
                        &(tally.refused as i64),
                        &(tally.left as i64),
                    ],
                )?;
            }
            Ok(())
        })
    }

    fn other_workers(&mut self, me: &str) -> Result<u32, LedgerError> {
        self.db.read(|session| {
            let row = session.query_one(
                "SELECT count(DISTINCT worker) FROM delivery WHERE state IN ('claimed', 'sending') AND worker <> $1",
                &[&me],
            )?;
            Ok(row.try_get::<_, i64>(0)? as u32)
        })
    }

    fn brake(&mut self) -> Result<Option<Brake>, LedgerError> {
        self.db.read(|session| {
            let row = session.query_opt("SELECT brake, brake_at FROM ledger WHERE brake IS NOT NULL", &[])?;
            row.map(|row| Ok(Brake { pace: row.try_get(0)?, at: instant(row.try_get(1)?) })).transpose()
        })
    }

    fn set_brake(&mut self, brake: Brake) -> Result<(), LedgerError> {
        self.db.write(Begin::Usual, |session| {
            session
                .execute("UPDATE ledger SET brake = $1, brake_at = $2", &[&brake.pace, &millis(brake.at)])
                .map(|_| ())
        })
    }

    fn sent_since(&mut self, since: DateTime<Utc>) -> Result<Vec<(String, u64)>, LedgerError> {
        self.db.read(|session| {
            let rows = session.query(
                "SELECT s.domain, count(*) FROM delivery d JOIN subscriber s ON s.id = d.subscriber
                 WHERE d.digest IN (SELECT id FROM digest WHERE coalesce(closed_at, $1) >= $1)
                   AND d.state = 'sent' AND d.at >= $1
                 GROUP BY s.domain ORDER BY s.domain",
                &[&millis(since)],
            )?;
            rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get::<_, i64>(1)? as u64))).collect()
        })
    }

    fn troubles(&mut self, digest: DigestId, limit: usize) -> Result<Vec<Trouble>, LedgerError> {
        self.db.read(|session| {
            let rows = session.query(
                "SELECT d.digest, d.subscriber, s.email, d.attempts, d.doubts, d.state, d.due_at, d.at, d.reply
                 FROM delivery d JOIN subscriber s ON s.id = d.subscriber
                 WHERE d.digest = $1
                   AND (d.state IN ('refused', 'in doubt')
                        OR d.state = 'waiting' AND (d.attempts > 0 OR d.doubts > 0))
                 ORDER BY d.at DESC, d.subscriber LIMIT $2",
                &[&digest.0, &(limit as i64)],
            )?;
            rows.iter().map(trouble).collect()
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
        self.db.write(Begin::Usual, |session| session.execute(close, &[&millis(now)]))
    }

    fn reopen_refused(&mut self, digest: DigestId, now: DateTime<Utc>) -> Result<u64, LedgerError> {
        self.db.write(Begin::Usual, |session| {
            reopen(session, digest)?;
            session.execute(
                "UPDATE delivery SET state = 'waiting', due_at = $2, at = $2, attempts = 0
                 WHERE digest = $1 AND state = 'refused'
                   AND (SELECT standing FROM subscriber s WHERE s.id = delivery.subscriber) = 'confirmed'",
                &[&digest.0, &millis(now)],
            )
        })
    }

    fn stop(&mut self, digest: DigestId, now: DateTime<Utc>) -> Result<u64, LedgerError> {
        self.db.write(Begin::Usual, |session| {
            session.execute(
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
        self.db.write(Begin::Usual, |session| {
            let changed = suppress(session, digest, subscriber, bounce, now)?;
            // A letter that came back was taken once, so its doubt is resolved.
            session.execute(
                "UPDATE delivery SET state = 'refused', at = $3, reply = 'returned'
                 WHERE digest = $1 AND subscriber = $2 AND state = 'in doubt'",
                &[&digest.0, &subscriber.0, &millis(now)],
            )?;
            Ok(changed)
        })
    }
}

/// Letters in Sending whose dot their dead worker never began are only claimed.
fn take_back(session: &mut Session, worker: &str, dots: &[Dot]) -> Sql<()> {
    let column = |value: fn(&Dot) -> i64| dots.iter().map(value).collect::<Vec<i64>>();
    session
        .execute(
            "UPDATE delivery SET state = 'claimed', doubts = doubts - 1
             WHERE state = 'sending' AND worker = $1
               AND (digest, subscriber, token)
                   NOT IN (SELECT * FROM unnest($2::bigint[], $3::bigint[], $4::bigint[]))",
            &[
                &worker,
                &column(|dot| dot.digest.0),
                &column(|dot| dot.subscriber.0),
                &column(|dot| dot.token),
            ],
        )
        .map(|_| ())
}

pub(super) fn tally(session: &mut Session, digest: Option<DigestId>) -> Sql<Tally> {
    let rows = session.query(
        "WITH asked AS MATERIALIZED (SELECT * FROM digest WHERE $1::bigint IS NULL OR id = $1),
              closed AS (
                  SELECT coalesce(sum(closed_sent), 0) AS sent, coalesce(sum(closed_refused), 0) AS refused,
                         coalesce(sum(closed_left), 0) AS gone
                  FROM asked WHERE closed_at IS NOT NULL)
         SELECT state, count(*) FROM delivery
         WHERE digest IN (SELECT id FROM asked WHERE closed_at IS NULL) GROUP BY state
         UNION ALL SELECT 'sent', sent::bigint FROM closed
         UNION ALL SELECT 'refused', refused::bigint FROM closed
         UNION ALL SELECT 'left', gone::bigint FROM closed",
        &[&digest.map(|digest| digest.0)],
    )?;
    let counts: Vec<(&str, u64)> =
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get::<_, i64>(1)? as u64))).collect::<Sql<_>>()?;
    Ok(tally_of(counts))
}

fn claim(row: &Row, token: i64) -> Sql<Claim> {
    Ok(Claim {
        digest: DigestId(row.try_get(0)?),
        edition: row.try_get::<_, i64>(1)? as usize,
        subscriber: SubscriberId(row.try_get(2)?),
        email: email(row, 3)?,
        name: row.try_get(4)?,
        language: Language::parse(row.try_get(5)?),
        token,
        attempts: row.try_get::<_, i32>(6)? as u32,
        doubts: row.try_get::<_, i32>(7)? as u32,
    })
}

fn trouble(row: &Row) -> Sql<Trouble> {
    let at = instant(row.try_get::<_, Option<i64>>(7)?.unwrap_or_default());
    let reply = row.try_get::<_, Option<String>>(8)?.unwrap_or_default();
    Ok(Trouble {
        digest: DigestId(row.try_get(0)?),
        subscriber: SubscriberId(row.try_get(1)?),
        email: email(row, 2)?,
        attempts: row.try_get::<_, i32>(3)? as u32,
        doubts: row.try_get::<_, i32>(4)? as u32,
        state: troubled(row.try_get(5)?, at, instant(row.try_get(6)?), &reply),
        reply,
    })
}
