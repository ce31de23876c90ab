//! What becomes of letters, written down in PostgreSQL: the steps of the senders, and what a bounce
//! says of its reader. The order of locks is told in `deliveries`.

use std::collections::HashSet;

use chrono::{DateTime, Utc};

use super::membership::write_down;
use super::{Session, Sql, text};
use crate::domain::{Bounce, DigestId, SubscriberId};
use crate::ledger::deliveries::{bounce_in_words, last_words, settled, soft_count};
use crate::ledger::{SOFT_BOUNCES, Step, Verdict, millis};

/// Writes down steps, those of one letter in their order; one verdict for each. `lease` is what a
/// letter gets whose dot is near, milliseconds.
pub(super) fn record(
    session: &mut Session,
    steps: &[Step],
    lease: i64,
    now: DateTime<Utc>,
) -> Sql<Vec<Verdict>> {
    let mut verdicts = vec![Verdict::LeaseLost; steps.len()];
    for round in rounds(steps) {
        record_round(session, steps, round, lease, now, &mut verdicts)?;
    }
    Ok(verdicts)
}

fn record_round(
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

/// The digest has open letters again.
pub(super) fn reopen(session: &mut Session, digest: DigestId) -> Sql<()> {
    session.execute("UPDATE digest SET closed_at = NULL WHERE id = $1", &[&digest.0]).map(|_| ())
}

/// Says whether the reader's standing changed. Who left stays so: that is the stronger word.
pub(super) fn suppress(
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
