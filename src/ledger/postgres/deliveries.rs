//! Deliveries in PostgreSQL, shared by any number of workers.
//!
//! Every verb is a statement or two over whole batches: the price of a letter is in round trips, not
//! in rows. Leases (`due_at` of a claimed or sending letter) run by the database's clock; all other
//! instants are the ones handed in. Rows are locked in the order of their readers, readers before
//! their deliveries; should two workers meet nevertheless, one of them is sent back and tries again.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use postgres::Row;

use super::membership::write_down;
use super::subscribers::email;
use super::{Begin, PostgresLedger, Session, Sql, text};
use crate::domain::{Bounce, DigestId, Language, SubscriberId, Tally};
use crate::ledger::deliveries::{bounce_in_words, last_words, settled, soft_count, tally_of, troubled};
use crate::ledger::{
    Brake, Claim, Claimer, Deliveries, Dot, Fate, InDoubt, LedgerError, Recovered, SOFT_BOUNCES, Step,
    Trouble, Verdict, instant, millis,
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
        self.db.write(Begin::Usual, |session| {
            let mut verdicts = vec![Verdict::LeaseLost; steps.len()];
            for round in rounds(steps) {
                record(session, steps, round, lease, now, &mut verdicts)?;
            }
            Ok(verdicts)
        })
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

/// Steps in rounds that name no letter twice: within one, their order does not matter.
fn rounds(steps: &[Step]) -> Vec<std::ops::Range<usize>> {
    let mut rounds = Vec::new();
    let mut seen = HashSet::with_capacity(steps.len());
    let mut begin = 0;
    for (place, step) in steps.iter().enumerate() {
        let (Step::Sending { digest, subscriber, .. }
        | Step::Settle { digest, subscriber, .. }
        | Step::Reopen { digest, subscriber, .. }) = step;
        if !seen.insert((*digest, *subscriber)) {
            rounds.push(begin..place);
            begin = place;
            seen.clear();
            seen.insert((*digest, *subscriber));
        }
    }
    rounds.push(begin..steps.len());
    rounds
}

/// Arrays for `unnest`, one for each column.
#[derive(Default)]
struct Letters {
    places: Vec<i64>,
    digests: Vec<i64>,
    subscribers: Vec<i64>,
    tokens: Vec<i64>,
}

impl Letters {
    fn push(&mut self, place: usize, digest: DigestId, subscriber: SubscriberId, token: i64) {
        self.places.push(place as i64);
        self.digests.push(digest.0);
        self.subscribers.push(subscriber.0);
        self.tokens.push(token);
    }
}

fn record(
    session: &mut Session,
    steps: &[Step],
    round: std::ops::Range<usize>,
    lease: i64,
    now: DateTime<Utc>,
    verdicts: &mut [Verdict],
) -> Sql<()> {
    let mut begun = Letters::default();
    let mut ended = Letters::default();
    let (mut states, mut due_at, mut attempts, mut doubts, mut replies) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut bounces = Vec::new();
    for place in round {
        match &steps[place] {
            Step::Sending { digest, subscriber, token } => begun.push(place, *digest, *subscriber, *token),
            Step::Settle {
                digest,
                subscriber,
                token,
                state,
                attempts: tries,
                doubts: unsure,
                reply,
                bounce,
            } => {
                ended.push(place, *digest, *subscriber, *token);
                let (word, due) = settled(state, now);
                states.push(word);
                due_at.push(millis(due));
                attempts.push(*tries as i32);
                doubts.push(*unsure as i32);
                replies.push(text(last_words(state, reply)));
                if let Some(bounce) = bounce {
                    bounces.push((place, *digest, *subscriber, *bounce));
                }
            }
            Step::Reopen { digest, subscriber, not_before } => {
                reopen(session, *digest)?;
                session.execute(
                    "UPDATE delivery SET state = 'waiting', due_at = $3, at = $4
                     WHERE digest = $1 AND subscriber = $2 AND state = 'refused'",
                    &[&digest.0, &subscriber.0, &millis(*not_before), &millis(now)],
                )?;
                verdicts[place] = Verdict::Recorded;
            }
        }
    }
    if !begun.places.is_empty() {
        let rows = session.query(
            // Whoever leaves before this moment gets no letter: the lock makes leaving and this
            // commit follow one another.
            "WITH staying AS MATERIALIZED (
                 SELECT id FROM subscriber WHERE id = ANY($3) AND standing = 'confirmed'
                 ORDER BY id FOR SHARE),
             asked AS (
                 SELECT a.*, s.id IS NOT NULL AS stays
                 FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[])
                      AS a (place, digest, subscriber, token)
                 LEFT JOIN staying s ON s.id = a.subscriber)
             UPDATE delivery d
             SET state = CASE WHEN stays THEN 'sending' ELSE 'left' END,
                 doubts = doubts + stays::int,
                 worker = CASE WHEN stays THEN worker END,
                 token = CASE WHEN stays THEN d.token END,
                 -- The dot gets a whole lease: nobody else may take the letter before its answer.
                 due_at = clock_millis() + $6,
                 at = $5
             FROM asked a
             WHERE d.digest = a.digest AND d.subscriber = a.subscriber AND d.token = a.token
               AND d.state = 'claimed'
             RETURNING a.place, stays",
            &[&begun.places, &begun.digests, &begun.subscribers, &begun.tokens, &millis(now), &lease],
        )?;
        for row in rows {
            let place: i64 = row.try_get(0)?;
            verdicts[place as usize] = if row.try_get(1)? { Verdict::Recorded } else { Verdict::ReaderLeft };
        }
    }
    if !ended.places.is_empty() {
        let rows = session.query(
            "UPDATE delivery d
             SET state = a.state, due_at = a.due_at, attempts = a.attempts, doubts = a.doubts,
                 reply = coalesce(nullif(a.reply, ''), d.reply),
                 at = $10, worker = NULL, token = NULL
             FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[],
                         $7::int[], $8::int[], $9::text[])
                  AS a (place, digest, subscriber, token, state, due_at, attempts, doubts, reply)
             WHERE d.digest = a.digest AND d.subscriber = a.subscriber AND d.token = a.token
               AND d.state IN ('claimed', 'sending')
             RETURNING a.place",
            &[
                &ended.places,
                &ended.digests,
                &ended.subscribers,
                &ended.tokens,
                &states,
                &due_at,
                &attempts,
                &doubts,
                &replies,
                &millis(now),
            ],
        )?;
        for row in rows {
            let place: i64 = row.try_get(0)?;
            verdicts[place as usize] = Verdict::Recorded;
        }
    }
    for (place, digest, subscriber, bounce) in bounces {
        if verdicts[place] == Verdict::Recorded {
            suppress(session, digest, subscriber, bounce, now)?;
        }
    }
    Ok(())
}

/// The digest has open letters again.
fn reopen(session: &mut Session, digest: DigestId) -> Sql<()> {
    session.execute("UPDATE digest SET closed_at = NULL WHERE id = $1", &[&digest.0]).map(|_| ())
}

/// Says whether the reader's standing changed. Who left stays so: that is the stronger word.
fn suppress(
    session: &mut Session,
    digest: DigestId,
    subscriber: SubscriberId,
    bounce: Bounce,
    now: DateTime<Utc>,
) -> Sql<bool> {
    let mut in_a_row = 0;
    if bounce == Bounce::Soft {
        let row = session.query_one(
            "SELECT soft_bounces, soft_digest,
                        (SELECT max(digest) FROM delivery WHERE subscriber = $1 AND digest < $2)
                 FROM subscriber WHERE id = $1 FOR UPDATE",
            &[&subscriber.0, &digest.0],
        )?;
        let count = row.try_get::<_, i64>(0)? as u32;
        in_a_row = soft_count(count, row.try_get(1)?, row.try_get(2)?, digest.0);
        session.execute(
            "UPDATE subscriber SET soft_bounces = $2, soft_digest = $3 WHERE id = $1",
            &[&subscriber.0, &i64::from(in_a_row), &digest.0],
        )?;
    }
    let (event, detail) = bounce_in_words(bounce, digest, in_a_row);
    write_down(session, subscriber, now, event, &detail)?;
    let standing = match bounce {
        Bounce::Soft if in_a_row < SOFT_BOUNCES => return Ok(false),
        Bounce::Soft | Bounce::Hard => "bouncing",
        Bounce::Complaint => "complained",
    };
    let changed = session.execute(
        "UPDATE subscriber SET standing = $2, standing_at = $3
         WHERE id = $1 AND (standing IN ('pending', 'confirmed')
                            OR standing = 'bouncing' AND $2 = 'complained')",
        &[&subscriber.0, &standing, &millis(now)],
    )?;
    Ok(changed == 1)
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
