//! Membership in PostgreSQL.
//!
//! Who adds people holds a lock of its own until it commits, so that an import gives its people
//! numbers in a row and knows each of them; leaving, choosing and delivering go on beside it.

use std::ops::ControlFlow;

use chrono::{DateTime, Utc};
use postgres::Row;

use super::import::import;
use super::subscribers::{PAGE, each, insert, next_id, standing, subscriber};
use super::{Begin, PostgresLedger, Session, Sql, text};
use crate::domain::{DigestId, EmailAddress, Language, Standing, StandingEvent, Subscriber, SubscriberId};
use crate::ledger::digests::topics_to_text;
use crate::ledger::membership::{
    BETWEEN_NOTICES, LEAVE, LINK_LIFE, UNCONFIRMED_LIFE, by_topic, choice_in_words, link_token, pending,
};
use crate::ledger::{
    ArchivedDigest, Asked, Asking, Barred, Choice, Figures, Filter, HistoryEntry, ImportSource, LedgerError,
    LedgerKey, Membership, instant, millis,
};

impl Membership for PostgresLedger {
    fn import(
        &mut self,
        source: &mut dyn ImportSource,
        dry_run: bool,
        now: DateTime<Utc>,
    ) -> Result<bool, LedgerError> {
        let key = self.key.clone();
        // A source can be read once: when the connection breaks, the list is imported again by hand.
        self.db.write_once(Begin::AddingPeople, |session| {
            let whole = import(session, &key, source, dry_run, now)?;
            Ok((whole, whole && !dry_run))
        })
    }

    fn ask_to_join(&mut self, asking: &Asking, now: DateTime<Utc>) -> Result<Asked, LedgerError> {
        let key = self.key.clone();
        self.db.write(Begin::AddingPeople, |session| {
            if barred(session, &key, &asking.email)? == Some(Barred::Suppressed) {
                return Ok(Asked::Nothing);
            }
            let known = session.query_opt(
                "SELECT id, standing FROM subscriber WHERE email_key = $1",
                &[&asking.email.key()],
            )?;
            let (id, standing) = if let Some(row) = known {
                (SubscriberId(row.try_get(0)?), standing(&row, 1)?)
            } else {
                let id = next_id(session)?;
                insert(session, &key, &[(id.0, &pending(asking, now), Standing::Pending)], now)?;
                (id, Standing::Pending)
            };
            if !begin_hour(session, id, now)? {
                return Ok(Asked::Nothing);
            }
            if standing == Standing::Confirmed {
                return Ok(Asked::Already { subscriber: id, token: key.subscriber_token(LEAVE, id) });
            }
            let token = link_token(&key, "confirm", id, now);
            session.execute(
                "INSERT INTO link (token_hash, subscriber, purpose, asked_at, expires_at, language, topics,
                     frequency, origin, consent_text)
                 VALUES ($1, $2, 'confirm', $3, $4, $5, $6, $7, $8, $9)",
                &[
                    &LedgerKey::token_hash(&token).as_slice(),
                    &id.0,
                    &millis(now),
                    &millis(now + LINK_LIFE),
                    &asking.choice.language.as_ref().map_or("", Language::tag),
                    &text(&topics_to_text(&asking.choice.topics)),
                    &asking.choice.frequency.word(),
                    &text(&asking.origin),
                    &text(&asking.consent_text),
                ],
            )?;
            write_down(session, id, now, "asked", &asking.origin)?;
            Ok(Asked::Confirm { subscriber: id, token })
        })
    }

    fn confirm(&mut self, token: &str, now: DateTime<Utc>) -> Result<Option<Subscriber>, LedgerError> {
        let key = self.key.clone();
        self.db.write(Begin::Usual, |session| {
            let Some(link) = take_link(session, token, "confirm", now)? else { return Ok(None) };
            let id: i64 = link.try_get(0)?;
            // Whatever other links were sent for the same wish are of no use any more.
            session.execute("DELETE FROM link WHERE subscriber = $1 AND purpose = 'confirm'", &[&id])?;
            session.execute(
                "UPDATE subscriber SET standing = 'confirmed', standing_at = $2, confirmed_at = $2, asked_at = $3,
                     language = $4, topics = $5, frequency = $6, origin = $7, consent_text = $8,
                     soft_bounces = 0, soft_digest = NULL
                 WHERE id = $1",
                &[
                    &id,
                    &millis(now),
                    &link.try_get::<_, i64>(1)?,
                    &link.try_get::<_, &str>(2)?,
                    &link.try_get::<_, &str>(3)?,
                    &link.try_get::<_, &str>(4)?,
                    &link.try_get::<_, &str>(5)?,
                    &link.try_get::<_, &str>(6)?,
                ],
            )?;
            let id = SubscriberId(id);
            let person = by_id(session, id)?;
            // A new consent of one's own ends a forgetting, and nothing else does.
            session.execute(
                "DELETE FROM barred WHERE fingerprint = $1 AND reason = 'forgotten'",
                &[&key.fingerprint(&person.email).as_slice()],
            )?;
            write_down(session, id, now, "confirmed", "by the link in the letter")?;
            Ok(Some(person))
        })
    }

    fn leave(
        &mut self,
        token: &str,
        how: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<SubscriberId>, LedgerError> {
        self.db.write(Begin::Usual, |session| {
            let Some(id) = id_of_token(session, token)? else { return Ok(None) };
            change(session, id, StandingEvent::Left, how, now)?;
            Ok(Some(id))
        })
    }

    fn holder(&mut self, token: &str) -> Result<Option<Subscriber>, LedgerError> {
        self.db.look(|session| match id_of_token(session, token)? {
            Some(id) => by_id(session, id).map(Some),
            None => Ok(None),
        })
    }

    fn choose(&mut self, id: SubscriberId, choice: &Choice, now: DateTime<Utc>) -> Result<(), LedgerError> {
        self.db.write(Begin::Usual, |session| {
            session.execute(
                "UPDATE subscriber SET language = $2, topics = $3, frequency = $4 WHERE id = $1",
                &[
                    &id.0,
                    &choice.language.as_ref().map_or("", Language::tag),
                    &text(&topics_to_text(&choice.topics)),
                    &choice.frequency.word(),
                ],
            )?;
            write_down(session, id, now, "chose", &choice_in_words(choice))
        })
    }

    fn may_write(&mut self, id: SubscriberId, now: DateTime<Utc>) -> Result<bool, LedgerError> {
        self.db.write(Begin::Usual, |session| begin_hour(session, id, now))
    }

    fn ask_to_erase(&mut self, id: SubscriberId, now: DateTime<Utc>) -> Result<String, LedgerError> {
        let token = link_token(&self.key, "erase", id, now);
        self.db.write(Begin::Usual, |session| {
            session.execute(
                "INSERT INTO link (token_hash, subscriber, purpose, asked_at, expires_at)
                 VALUES ($1, $2, 'erase', $3, $4)",
                &[&LedgerKey::token_hash(&token).as_slice(), &id.0, &millis(now), &millis(now + LINK_LIFE)],
            )
        })?;
        Ok(token)
    }

    fn erase(&mut self, token: &str, now: DateTime<Utc>) -> Result<bool, LedgerError> {
        let key = self.key.clone();
        self.db.write(Begin::Usual, |session| {
            let Some(link) = take_link(session, token, "erase", now)? else { return Ok(false) };
            let person = by_id(session, SubscriberId(link.try_get(0)?))?;
            forget(session, &key, &person.email, now)?;
            Ok(true)
        })
    }

    fn note(
        &mut self,
        id: SubscriberId,
        event: StandingEvent,
        how: &str,
        now: DateTime<Utc>,
    ) -> Result<Standing, LedgerError> {
        self.db.write(Begin::Usual, |session| change(session, id, event, how, now))
    }

    fn forget(&mut self, email: &EmailAddress, now: DateTime<Utc>) -> Result<bool, LedgerError> {
        let key = self.key.clone();
        self.db.write(Begin::Usual, |session| forget(session, &key, email, now))
    }

    fn suppress(&mut self, email: &EmailAddress, now: DateTime<Utc>) -> Result<(), LedgerError> {
        let fingerprint = self.key.fingerprint(email);
        // With those who add people, so that an import beside it cannot miss the bar.
        self.db.write(Begin::AddingPeople, |session| {
            session.execute(
                "INSERT INTO barred (fingerprint, at, reason) VALUES ($1, $2, 'suppressed')
                 ON CONFLICT (fingerprint) DO UPDATE SET reason = 'suppressed'",
                &[&fingerprint.as_slice(), &millis(now)],
            )?;
            if let Some(id) = id_of_email(session, email)? {
                change(session, id, StandingEvent::Left, "suppressed", now)?;
            }
            Ok(())
        })
    }

    fn lift(&mut self, email: &EmailAddress) -> Result<bool, LedgerError> {
        let fingerprint = self.key.fingerprint(email);
        self.db.write(Begin::Usual, |session| {
            Ok(session.execute("DELETE FROM barred WHERE fingerprint = $1", &[&fingerprint.as_slice()])? > 0)
        })
    }

    fn barred(&mut self, email: &EmailAddress) -> Result<Option<Barred>, LedgerError> {
        let key = self.key.clone();
        self.db.read(|session| barred(session, &key, email))
    }

    fn list(
        &mut self,
        filter: &Filter,
        visit: &mut dyn FnMut(&Subscriber) -> ControlFlow<()>,
    ) -> Result<(), LedgerError> {
        each(visit, |last| {
            self.db.read(|session| {
                let rows = session.query(
                    // strpos() and not LIKE: what people type is text, not a pattern. Topics are one
                    // a line.
                    "SELECT id, email, name, language, topics, frequency, standing, asked_at, confirmed_at,
                            origin, consent_text
                     FROM subscriber
                     WHERE id > $1 AND forgotten_at IS NULL
                       AND ($2::text IS NULL OR standing = $2)
                       AND ($3::text IS NULL
                            OR strpos(chr(10) || lower(topics) || chr(10), chr(10) || lower($3) || chr(10)) > 0)
                       AND ($4::text IS NULL OR strpos(email_key, lower($4)) > 0)
                       AND ($5::bigint IS NULL OR coalesce(asked_at, confirmed_at, standing_at) >= $5)
                       AND ($6::bigint IS NULL OR coalesce(asked_at, confirmed_at, standing_at) < $6)
                       AND ($7::text IS NULL OR strpos(origin, $7) = 1)
                     ORDER BY id LIMIT $8",
                    &[
                        &last,
                        &filter.standing.map(Standing::word),
                        &filter.topic,
                        &filter.part,
                        &filter.since.map(millis),
                        &filter.until.map(millis),
                        &filter.origin,
                        &PAGE,
                    ],
                )?;
                rows.iter().map(subscriber).collect::<Sql<Vec<_>>>()
            })
        })
    }

    fn history(&mut self, id: SubscriberId) -> Result<Vec<HistoryEntry>, LedgerError> {
        self.db.read(|session| {
            let rows = session.query(
                "SELECT at, event, detail FROM (
                     SELECT at, event, detail, id AS place FROM history WHERE subscriber = $1
                     UNION ALL
                     SELECT at, 'digest', 'no. ' || digest || ': ' || state, digest FROM delivery
                     WHERE subscriber = $1 AND at IS NOT NULL) happened
                 ORDER BY at, event = 'digest', place",
                &[&id.0],
            )?;
            rows.iter()
                .map(|row| {
                    Ok(HistoryEntry {
                        at: instant(row.try_get(0)?),
                        event: row.try_get(1)?,
                        detail: row.try_get(2)?,
                    })
                })
                .collect()
        })
    }

    fn figures(&mut self) -> Result<Figures, LedgerError> {
        self.db.look(figures)
    }

    fn letter_token(&self, subscriber: SubscriberId) -> String {
        self.key.subscriber_token(LEAVE, subscriber)
    }

    fn notice_name(&self, subscriber: SubscriberId, now: DateTime<Utc>) -> String {
        link_token(&self.key, "notice", subscriber, now)
    }

    fn archive(&mut self, limit: usize) -> Result<Vec<ArchivedDigest>, LedgerError> {
        self.db.read(|session| {
            let rows = session.query(
                "SELECT d.id, d.cut_at, e.subject, e.text FROM digest d JOIN edition e ON e.digest = d.id
                 WHERE e.number = (SELECT number FROM edition WHERE digest = d.id
                                   ORDER BY length(articles) DESC, number LIMIT 1)
                 ORDER BY d.id DESC LIMIT $1",
                &[&(limit as i64)],
            )?;
            rows.iter()
                .map(|row| {
                    Ok(ArchivedDigest {
                        id: DigestId(row.try_get(0)?),
                        cut_at: instant(row.try_get(1)?),
                        subject: row.try_get(2)?,
                        text: row.try_get(3)?,
                    })
                })
                .collect()
        })
    }

    fn archived(&mut self, digest: DigestId, language: &str) -> Result<Option<String>, LedgerError> {
        self.db.read(|session| {
            let row = session.query_opt(
                "SELECT html FROM edition WHERE digest = $1
                 ORDER BY (language = $2 OR left(language, 3) = $2 || '-') DESC, length(articles) DESC, number
                 LIMIT 1",
                &[&digest.0, &language],
            )?;
            row.map(|row| Ok(row.try_get(0)?)).transpose()
        })
    }

    fn tidy_up(&mut self, now: DateTime<Utc>) -> Result<u64, LedgerError> {
        self.db.write(Begin::Usual, |session| {
            session.execute("DELETE FROM link WHERE expires_at < $1", &[&millis(now)])?;
            // Imported lists name their legal basis; only who came by the form and never answered goes.
            session.execute(
                "DELETE FROM subscriber
                 WHERE standing = 'pending' AND left(origin, 4) = 'form' AND standing_at < $1
                   AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.subscriber = subscriber.id)",
                &[&millis(now - UNCONFIRMED_LIFE)],
            )
        })
    }
}

/// Uses up a link: its subscriber, when it was asked for, and what was chosen. `None` when it is
/// unknown, of another purpose, used or too old.
fn take_link(session: &mut Session, token: &str, purpose: &str, now: DateTime<Utc>) -> Sql<Option<Row>> {
    session.query_opt(
        "DELETE FROM link WHERE token_hash = $1 AND purpose = $2 AND expires_at > $3
         RETURNING subscriber, asked_at, language, topics, frequency, origin, consent_text",
        &[&LedgerKey::token_hash(token).as_slice(), &purpose, &millis(now)],
    )
}

/// Whether an hour has passed since the service last wrote; if so, the next begins.
fn begin_hour(session: &mut Session, id: SubscriberId, now: DateTime<Utc>) -> Sql<bool> {
    let begun = session.execute(
        "UPDATE subscriber SET noticed_at = $2
         WHERE id = $1 AND forgotten_at IS NULL AND (noticed_at IS NULL OR noticed_at <= $3)",
        &[&id.0, &millis(now), &millis(now - BETWEEN_NOTICES)],
    )?;
    Ok(begun == 1)
}

fn change(
    session: &mut Session,
    id: SubscriberId,
    event: StandingEvent,
    how: &str,
    now: DateTime<Utc>,
) -> Sql<Standing> {
    let row = session.query_one("SELECT standing FROM subscriber WHERE id = $1 FOR UPDATE", &[&id.0])?;
    let before = standing(&row, 0)?;
    let after = before.after(event);
    if after != before {
        session.execute(
            "UPDATE subscriber SET standing = $2, standing_at = $3 WHERE id = $1",
            &[&id.0, &after.word(), &millis(now)],
        )?;
        write_down(session, id, now, after.word(), how)?;
    }
    Ok(after)
}

fn forget(session: &mut Session, key: &LedgerKey, email: &EmailAddress, now: DateTime<Utc>) -> Sql<bool> {
    session.execute(
        "INSERT INTO barred (fingerprint, at, reason) VALUES ($1, $2, 'forgotten')
         ON CONFLICT (fingerprint) DO NOTHING",
        &[&key.fingerprint(email).as_slice(), &millis(now)],
    )?;
    let Some(id) = id_of_email(session, email)? else { return Ok(false) };
    session.execute(
        "UPDATE subscriber SET email = 'forgotten-' || id || '@forgotten.invalid',
             email_key = 'forgotten-' || id || '@forgotten.invalid', domain = 'forgotten.invalid', name = '',
             language = '', topics = '', frequency = 'every', standing = 'left', standing_at = $2,
             asked_at = NULL, confirmed_at = NULL, origin = '', consent_text = '', token_hash = NULL,
             noticed_at = NULL, forgotten_at = $2
         WHERE id = $1",
        &[&id.0, &millis(now)],
    )?;
    session.execute("DELETE FROM history WHERE subscriber = $1", &[&id.0])?;
    session.execute("DELETE FROM link WHERE subscriber = $1", &[&id.0])?;
    // Servers quote addresses in their replies.
    session.execute("UPDATE delivery SET reply = NULL WHERE subscriber = $1", &[&id.0])?;
    Ok(true)
}

fn barred(session: &mut Session, key: &LedgerKey, email: &EmailAddress) -> Sql<Option<Barred>> {
    let row = session.query_opt(
        "SELECT reason = 'suppressed' FROM barred WHERE fingerprint = $1",
        &[&key.fingerprint(email).as_slice()],
    )?;
    row.map(|row| Ok(if row.try_get(0)? { Barred::Suppressed } else { Barred::Forgotten })).transpose()
}

fn id_of_email(session: &mut Session, email: &EmailAddress) -> Sql<Option<SubscriberId>> {
    let row = session.query_opt("SELECT id FROM subscriber WHERE email_key = $1", &[&email.key()])?;
    row.map(|row| Ok(SubscriberId(row.try_get(0)?))).transpose()
}

/// Looks a token up by its hash: the time it takes says nothing about the token itself.
fn id_of_token(session: &mut Session, token: &str) -> Sql<Option<SubscriberId>> {
    let hash = LedgerKey::token_hash(token);
    let row = session.query_opt("SELECT id FROM subscriber WHERE token_hash = $1", &[&hash.as_slice()])?;
    row.map(|row| Ok(SubscriberId(row.try_get(0)?))).transpose()
}

fn by_id(session: &mut Session, id: SubscriberId) -> Sql<Subscriber> {
    let row = session.query_one(
        "SELECT id, email, name, language, topics, frequency, standing, asked_at, confirmed_at, origin,
                consent_text
         FROM subscriber WHERE id = $1",
        &[&id.0],
    )?;
    subscriber(&row)
}

pub(super) fn write_down(
    session: &mut Session,
    id: SubscriberId,
    now: DateTime<Utc>,
    event: &str,
    detail: &str,
) -> Sql<()> {
    session
        .execute(
            "INSERT INTO history (subscriber, at, event, detail) VALUES ($1, $2, $3, $4)",
            &[&id.0, &millis(now), &event, &text(detail)],
        )
        .map(|_| ())
}

fn figures(session: &mut Session) -> Sql<Figures> {
    let count = |row: &Row, column: usize| -> Sql<u64> { Ok(row.try_get::<_, i64>(column)? as u64) };
    let counted = |rows: Vec<Row>| {
        rows.iter().map(|row| Ok((row.try_get(0)?, count(row, 1)?))).collect::<Sql<Vec<(String, u64)>>>()
    };
    let mut figures = Figures::default();
    for row in session.query(
        "SELECT standing, count(*) FROM subscriber WHERE forgotten_at IS NULL GROUP BY standing",
        &[],
    )? {
        figures.by_standing.push((standing(&row, 0)?, count(&row, 1)?));
    }
    figures.by_standing.sort_unstable();
    figures.by_topic = by_topic(counted(session.query(
        "SELECT topics, count(*) FROM subscriber WHERE standing = 'confirmed' AND topics <> '' GROUP BY topics",
        &[],
    )?)?);
    figures.by_language = counted(session.query(
        "SELECT language, count(*) FROM subscriber WHERE standing = 'confirmed'
         GROUP BY language ORDER BY 2 DESC, 1",
        &[],
    )?)?;
    for row in session.query(
        "SELECT month, sum(came)::bigint, sum(went)::bigint FROM (
             SELECT to_char(to_timestamp(coalesce(confirmed_at, asked_at, standing_at) / 1000), 'YYYY-MM') AS month,
                    1 AS came, 0 AS went
             FROM subscriber WHERE standing <> 'pending' AND forgotten_at IS NULL
             UNION ALL
             SELECT to_char(to_timestamp(standing_at / 1000), 'YYYY-MM'), 0, 1
             FROM subscriber WHERE standing IN ('left', 'bouncing', 'complained')) movement
         GROUP BY month ORDER BY month DESC LIMIT 24",
        &[],
    )? {
        figures.by_month.push((row.try_get(0)?, count(&row, 1)?, count(&row, 2)?));
    }
    figures.barred = count(&session.query_one("SELECT count(*) FROM barred", &[])?, 0)?;
    Ok(figures)
}
