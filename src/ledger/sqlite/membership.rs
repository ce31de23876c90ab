//! Membership in SQLite.

use std::ops::ControlFlow;

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, Row, Transaction, TransactionBehavior, params};

use super::import::import;
use super::subscribers::{COLUMNS, insert, next_id, standing, subscriber};
use super::{SqliteLedger, database};
use crate::domain::{DigestId, EmailAddress, Language, Standing, StandingEvent, Subscriber, SubscriberId};
use crate::ledger::digests::topics_to_text;
use crate::ledger::membership::{
    BETWEEN_NOTICES, LEAVE, LINK_LIFE, UNCONFIRMED_LIFE, by_topic, choice_in_words, link_token, pending,
};
use crate::ledger::{
    ArchivedDigest, Asked, Asking, Barred, Choice, Figures, Filter, HistoryEntry, ImportSource, LedgerError,
    LedgerKey, Membership, instant, millis,
};

/// Pages kept in memory during an import, KiB: its two unique indexes are written in random order.
const IMPORT_CACHE_KIB: i64 = 96 * 1024;

impl Membership for SqliteLedger {
    fn import(
        &mut self,
        source: &mut dyn ImportSource,
        dry_run: bool,
        now: DateTime<Utc>,
    ) -> Result<bool, LedgerError> {
        let (key, path) = (self.key.clone(), self.path.clone());
        let fail = |e: rusqlite::Error| database(&path, &e);
        let usual: i64 = self.db.pragma_query_value(None, "cache_size", |row| row.get(0)).map_err(fail)?;
        self.db.pragma_update(None, "cache_size", -IMPORT_CACHE_KIB).map_err(fail)?;
        let behavior = if dry_run { TransactionBehavior::Deferred } else { TransactionBehavior::Immediate };
        let done = (|| {
            let tx = self.db.transaction_with_behavior(behavior)?;
            let whole = import(&tx, &key, source, dry_run, now)?;
            if whole && !dry_run {
                tx.commit()?;
            } else {
                tx.rollback()?;
            }
            Ok(whole)
        })();
        self.db.pragma_update(None, "cache_size", usual).map_err(fail)?;
        done.map_err(fail)
    }

    fn ask_to_join(&mut self, asking: &Asking, now: DateTime<Utc>) -> Result<Asked, LedgerError> {
        let key = self.key.clone();
        self.write(|tx| {
            if barred(tx, &key, &asking.email)? == Some(Barred::Suppressed) {
                return Ok(Asked::Nothing);
            }
            let known: Option<(i64, String)> = tx
                .prepare_cached("SELECT id, standing FROM subscriber WHERE email_key = ?1")?
                .query_row([asking.email.key()], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            let (id, standing) = if let Some((id, standing)) = known {
                (SubscriberId(id), standing)
            } else {
                let id = next_id(tx)?;
                insert(tx, &key, id, &pending(asking, now), Standing::Pending, now)?;
                (id, Standing::Pending.word().to_owned())
            };
            if !begin_hour(tx, id, now)? {
                return Ok(Asked::Nothing);
            }
            if standing == Standing::Confirmed.word() {
                return Ok(Asked::Already { subscriber: id, token: key.subscriber_token(LEAVE, id) });
            }
            let token = link_token(&key, "confirm", id, now);
            tx.prepare_cached(
                "INSERT INTO link (token_hash, subscriber, purpose, asked_at, expires_at, language, topics,
                     frequency, origin, consent_text)
                 VALUES (?1, ?2, 'confirm', ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                LedgerKey::token_hash(&token),
                id.0,
                millis(now),
                millis(now + LINK_LIFE),
                asking.choice.language.as_ref().map_or("", Language::tag),
                topics_to_text(&asking.choice.topics),
                asking.choice.frequency.word(),
                asking.origin,
                asking.consent_text,
            ])?;
            write_down(tx, id, now, "asked", &asking.origin)?;
            Ok(Asked::Confirm { subscriber: id, token })
        })
    }

    fn confirm(&mut self, token: &str, now: DateTime<Utc>) -> Result<Option<Subscriber>, LedgerError> {
        let key = self.key.clone();
        self.write(|tx| {
            let Some(link) = take_link(tx, token, "confirm", now)? else { return Ok(None) };
            // Whatever other links were sent for the same wish are of no use any more.
            tx.execute("DELETE FROM link WHERE subscriber = ?1 AND purpose = 'confirm'", [link.subscriber])?;
            tx.prepare_cached(
                "UPDATE subscriber SET standing = 'confirmed', standing_at = ?2, confirmed_at = ?2, asked_at = ?3,
                     language = ?4, topics = ?5, frequency = ?6, origin = ?7, consent_text = ?8,
                     soft_bounces = 0, soft_digest = NULL
                 WHERE id = ?1",
            )?
            .execute(params![
                link.subscriber,
                millis(now),
                link.asked_at,
                link.language,
                link.topics,
                link.frequency,
                link.origin,
                link.consent_text
            ])?;
            let id = SubscriberId(link.subscriber);
            let person = by_id(tx, id)?;
            // A new consent of one's own ends a forgetting, and nothing else does.
            tx.execute(
                "DELETE FROM barred WHERE fingerprint = ?1 AND reason = 'forgotten'",
                [key.fingerprint(&person.email)],
            )?;
            write_down(tx, id, now, "confirmed", "by the link in the letter")?;
            Ok(Some(person))
        })
    }

    fn leave(
        &mut self,
        token: &str,
        how: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<SubscriberId>, LedgerError> {
        self.write(|tx| {
            let Some(id) = id_of_token(tx, token)? else { return Ok(None) };
            change(tx, id, StandingEvent::Left, how, now)?;
            Ok(Some(id))
        })
    }

    fn holder(&mut self, token: &str) -> Result<Option<Subscriber>, LedgerError> {
        self.read(|tx| id_of_token(tx, token)?.map(|id| by_id(tx, id)).transpose())
    }

    fn choose(&mut self, id: SubscriberId, choice: &Choice, now: DateTime<Utc>) -> Result<(), LedgerError> {
        self.write(|tx| {
            let language = choice.language.as_ref().map_or("", Language::tag);
            let topics = topics_to_text(&choice.topics);
            let frequency = choice.frequency.word();
            tx.prepare_cached(
                "UPDATE subscriber SET language = ?2, topics = ?3, frequency = ?4 WHERE id = ?1",
            )?
            .execute(params![id.0, language, topics, frequency])?;
            write_down(tx, id, now, "chose", &choice_in_words(choice))
        })
    }

    fn may_write(&mut self, id: SubscriberId, now: DateTime<Utc>) -> Result<bool, LedgerError> {
        self.write(|tx| begin_hour(tx, id, now))
    }

    fn ask_to_erase(&mut self, id: SubscriberId, now: DateTime<Utc>) -> Result<String, LedgerError> {
        let token = link_token(&self.key, "erase", id, now);
        self.write(|tx| {
            tx.prepare_cached(
                "INSERT INTO link (token_hash, subscriber, purpose, asked_at, expires_at)
                 VALUES (?1, ?2, 'erase', ?3, ?4)",
            )?
            .execute(params![
                LedgerKey::token_hash(&token),
                id.0,
                millis(now),
                millis(now + LINK_LIFE)
            ])
        })?;
        Ok(token)
    }

    fn erase(&mut self, token: &str, now: DateTime<Utc>) -> Result<bool, LedgerError> {
        let key = self.key.clone();
        self.write(|tx| {
            let Some(link) = take_link(tx, token, "erase", now)? else { return Ok(false) };
            let person = by_id(tx, SubscriberId(link.subscriber))?;
            forget(tx, &key, &person.email, now)?;
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
        self.write(|tx| change(tx, id, event, how, now))
    }

    fn forget(&mut self, email: &EmailAddress, now: DateTime<Utc>) -> Result<bool, LedgerError> {
        let key = self.key.clone();
        self.write(|tx| forget(tx, &key, email, now))
    }

    fn suppress(&mut self, email: &EmailAddress, now: DateTime<Utc>) -> Result<(), LedgerError> {
        let fingerprint = self.key.fingerprint(email);
        self.write(|tx| {
            tx.execute(
                "INSERT INTO barred (fingerprint, at, reason) VALUES (?1, ?2, 'suppressed')
                 ON CONFLICT (fingerprint) DO UPDATE SET reason = 'suppressed'",
                params![fingerprint, millis(now)],
            )?;
            if let Some(id) = id_of_email(tx, email)? {
                change(tx, id, StandingEvent::Left, "suppressed", now)?;
            }
            Ok(())
        })
    }

    fn lift(&mut self, email: &EmailAddress) -> Result<bool, LedgerError> {
        let fingerprint = self.key.fingerprint(email);
        self.write(|tx| Ok(tx.execute("DELETE FROM barred WHERE fingerprint = ?1", [fingerprint])? > 0))
    }

    fn barred(&mut self, email: &EmailAddress) -> Result<Option<Barred>, LedgerError> {
        let key = self.key.clone();
        self.read(|tx| barred(tx, &key, email))
    }

    fn list(
        &mut self,
        filter: &Filter,
        visit: &mut dyn FnMut(&Subscriber) -> ControlFlow<()>,
    ) -> Result<(), LedgerError> {
        self.read(|tx| {
            // instr() and not LIKE: what people type is text, not a pattern. Topics are one a line.
            let mut query = tx.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM subscriber
                 WHERE forgotten_at IS NULL
                   AND (?1 IS NULL OR standing = ?1)
                   AND (?2 IS NULL OR instr(char(10) || lower(topics) || char(10), char(10) || lower(?2) || char(10)))
                   AND (?3 IS NULL OR instr(email_key, lower(?3)))
                   AND (?4 IS NULL OR coalesce(asked_at, confirmed_at, standing_at) >= ?4)
                   AND (?5 IS NULL OR coalesce(asked_at, confirmed_at, standing_at) < ?5)
                   AND (?6 IS NULL OR instr(origin, ?6) = 1)
                 ORDER BY id"
            ))?;
            let mut rows = query.query(params![
                filter.standing.map(Standing::word),
                filter.topic,
                filter.part,
                filter.since.map(millis),
                filter.until.map(millis),
                filter.origin,
            ])?;
            while let Some(row) = rows.next()? {
                if visit(&subscriber(row)?).is_break() {
                    break;
                }
            }
            Ok(())
        })
    }

    fn history(&mut self, id: SubscriberId) -> Result<Vec<HistoryEntry>, LedgerError> {
        self.read(|tx| {
            tx.prepare_cached(
                "SELECT at, event, detail FROM history WHERE subscriber = ?1
                 UNION ALL
                 SELECT at, 'digest', 'no. ' || digest || ': ' || state FROM delivery
                 WHERE subscriber = ?1 AND at IS NOT NULL
                 ORDER BY 1",
            )?
            .query_map([id.0], |row| {
                Ok(HistoryEntry { at: instant(row.get(0)?), event: row.get(1)?, detail: row.get(2)? })
            })?
            .collect()
        })
    }

    fn figures(&mut self) -> Result<Figures, LedgerError> {
        self.read(figures)
    }

    fn letter_token(&self, subscriber: SubscriberId) -> String {
        self.key.subscriber_token(LEAVE, subscriber)
    }

    fn notice_name(&self, subscriber: SubscriberId, now: DateTime<Utc>) -> String {
        link_token(&self.key, "notice", subscriber, now)
    }

    fn archive(&mut self, limit: usize) -> Result<Vec<ArchivedDigest>, LedgerError> {
        self.read(|tx| {
            tx.prepare_cached(
                "SELECT d.id, d.cut_at, e.subject, e.text FROM digest d JOIN edition e ON e.digest = d.id
                 WHERE e.number = (SELECT number FROM edition WHERE digest = d.id
                                   ORDER BY length(articles) DESC, number LIMIT 1)
                 ORDER BY d.id DESC LIMIT ?1",
            )?
            .query_map([limit as i64], |row| {
                Ok(ArchivedDigest {
                    id: DigestId(row.get(0)?),
                    cut_at: instant(row.get(1)?),
                    subject: row.get(2)?,
                    text: row.get(3)?,
                })
            })?
            .collect()
        })
    }

    fn archived(&mut self, digest: DigestId, language: &str) -> Result<Option<String>, LedgerError> {
        self.read(|tx| {
            tx.prepare_cached(
                "SELECT html FROM edition WHERE digest = ?1
                 ORDER BY (language = ?2 OR substr(language, 1, 3) = ?2 || '-') DESC, length(articles) DESC, number
                 LIMIT 1",
            )?
            .query_row(params![digest.0, language], |row| row.get(0))
            .optional()
        })
    }

    fn tidy_up(&mut self, now: DateTime<Utc>) -> Result<u64, LedgerError> {
        self.write(|tx| {
            tx.execute("DELETE FROM link WHERE expires_at < ?1", [millis(now)])?;
            // Imported lists name their legal basis; only who came by the form and never answered goes.
            let gone = tx.execute(
                "DELETE FROM subscriber
                 WHERE standing = 'pending' AND substr(origin, 1, 4) = 'form' AND standing_at < ?1
                   AND NOT EXISTS (SELECT 1 FROM delivery WHERE subscriber = subscriber.id)",
                [millis(now - UNCONFIRMED_LIFE)],
            )?;
            Ok(gone as u64)
        })
    }
}

struct Link {
    subscriber: i64,
    asked_at: i64,
    language: String,
    topics: String,
    frequency: String,
    origin: String,
    consent_text: String,
}

/// Uses up a link; `None` when it is unknown, of another purpose, used or too old.
fn take_link(
    tx: &Transaction<'_>,
    token: &str,
    purpose: &str,
    now: DateTime<Utc>,
) -> rusqlite::Result<Option<Link>> {
    tx.prepare_cached(
        "DELETE FROM link WHERE token_hash = ?1 AND purpose = ?2 AND expires_at > ?3
         RETURNING subscriber, asked_at, language, topics, frequency, origin, consent_text",
    )?
    .query_row(params![LedgerKey::token_hash(token), purpose, millis(now)], |row| {
        Ok(Link {
            subscriber: row.get(0)?,
            asked_at: row.get(1)?,
            language: row.get(2)?,
            topics: row.get(3)?,
            frequency: row.get(4)?,
            origin: row.get(5)?,
            consent_text: row.get(6)?,
        })
    })
    .optional()
}

/// Whether an hour has passed since the service last wrote; if so, the next begins.
fn begin_hour(tx: &Transaction<'_>, id: SubscriberId, now: DateTime<Utc>) -> rusqlite::Result<bool> {
    let begun = tx
        .prepare_cached(
            "UPDATE subscriber SET noticed_at = ?2
             WHERE id = ?1 AND forgotten_at IS NULL AND (noticed_at IS NULL OR noticed_at <= ?3)",
        )?
        .execute(params![id.0, millis(now), millis(now - BETWEEN_NOTICES)])?;
    Ok(begun == 1)
}

fn change(
    tx: &Transaction<'_>,
    id: SubscriberId,
    event: StandingEvent,
    how: &str,
    now: DateTime<Utc>,
) -> rusqlite::Result<Standing> {
    let before = tx
        .prepare_cached("SELECT standing FROM subscriber WHERE id = ?1")?
        .query_row([id.0], |row| standing(row, 0))?;
    let after = before.after(event);
    if after != before {
        tx.prepare_cached("UPDATE subscriber SET standing = ?2, standing_at = ?3 WHERE id = ?1")?
            .execute(params![id.0, after.word(), millis(now)])?;
        write_down(tx, id, now, after.word(), how)?;
    }
    Ok(after)
}

fn forget(
    tx: &Transaction<'_>,
    key: &LedgerKey,
    email: &EmailAddress,
    now: DateTime<Utc>,
) -> rusqlite::Result<bool> {
    tx.execute(
        "INSERT INTO barred (fingerprint, at, reason) VALUES (?1, ?2, 'forgotten')
         ON CONFLICT (fingerprint) DO NOTHING",
        params![key.fingerprint(email), millis(now)],
    )?;
    let Some(id) = id_of_email(tx, email)? else { return Ok(false) };
    tx.execute("DELETE FROM history WHERE subscriber = ?1", [id.0])?;
    tx.execute("DELETE FROM link WHERE subscriber = ?1", [id.0])?;
    // Servers quote addresses in their replies.
    tx.execute("UPDATE delivery SET reply = NULL WHERE subscriber = ?1", [id.0])?;
    tx.execute(
        "UPDATE subscriber SET email = 'forgotten-' || id || '@forgotten.invalid',
             email_key = 'forgotten-' || id || '@forgotten.invalid', domain = 'forgotten.invalid', name = '',
             language = '', topics = '', frequency = 'every', standing = 'left', standing_at = ?2,
             asked_at = NULL, confirmed_at = NULL, origin = '', consent_text = '', token_hash = NULL,
             noticed_at = NULL, forgotten_at = ?2
         WHERE id = ?1",
        params![id.0, millis(now)],
    )?;
    Ok(true)
}

pub(super) fn barred(
    tx: &Transaction<'_>,
    key: &LedgerKey,
    email: &EmailAddress,
) -> rusqlite::Result<Option<Barred>> {
    let reason: Option<String> = tx
        .prepare_cached("SELECT reason FROM barred WHERE fingerprint = ?1")?
        .query_row([key.fingerprint(email)], |row| row.get(0))
        .optional()?;
    Ok(reason.map(|reason| if reason == "suppressed" { Barred::Suppressed } else { Barred::Forgotten }))
}

fn id_of_email(tx: &Transaction<'_>, email: &EmailAddress) -> rusqlite::Result<Option<SubscriberId>> {
    tx.prepare_cached("SELECT id FROM subscriber WHERE email_key = ?1")?
        .query_row([email.key()], |row| row.get(0).map(SubscriberId))
        .optional()
}

/// Looks a token up by its hash: the time it takes says nothing about the token itself.
fn id_of_token(tx: &Transaction<'_>, token: &str) -> rusqlite::Result<Option<SubscriberId>> {
    tx.prepare_cached("SELECT id FROM subscriber WHERE token_hash = ?1")?
        .query_row([LedgerKey::token_hash(token)], |row| row.get(0).map(SubscriberId))
        .optional()
}

fn by_id(tx: &Transaction<'_>, id: SubscriberId) -> rusqlite::Result<Subscriber> {
    tx.prepare_cached(&format!("SELECT {COLUMNS} FROM subscriber WHERE id = ?1"))?
        .query_row([id.0], subscriber)
}

pub(super) fn write_down(
    tx: &Transaction<'_>,
    id: SubscriberId,
    now: DateTime<Utc>,
    event: &str,
    detail: &str,
) -> rusqlite::Result<()> {
    tx.prepare_cached("INSERT INTO history (subscriber, at, event, detail) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![id.0, millis(now), event, detail])
        .map(|_| ())
}

fn figures(tx: &Transaction<'_>) -> rusqlite::Result<Figures> {
    let counted = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)? as u64));
    let mut figures = Figures::default();
    let mut query = tx.prepare_cached(
        "SELECT standing, count(*) FROM subscriber WHERE forgotten_at IS NULL GROUP BY standing",
    )?;
    let by_standing = |row: &Row<'_>| Ok((standing(row, 0)?, row.get::<_, i64>(1)? as u64));
    for row in query.query_map([], by_standing)? {
        figures.by_standing.push(row?);
    }
    figures.by_standing.sort_unstable();
    let sets: Vec<(String, u64)> = tx
        .prepare_cached(
            "SELECT topics, count(*) FROM subscriber WHERE standing = 'confirmed' AND topics <> '' GROUP BY topics",
        )?
        .query_map([], counted)?
        .collect::<rusqlite::Result<_>>()?;
    figures.by_topic = by_topic(sets);
    figures.by_language = tx
        .prepare_cached(
            "SELECT language, count(*) FROM subscriber WHERE standing = 'confirmed'
             GROUP BY language ORDER BY 2 DESC, 1",
        )?
        .query_map([], counted)?
        .collect::<rusqlite::Result<_>>()?;
    figures.by_month = tx
        .prepare_cached(
            "SELECT month, sum(came), sum(went) FROM (
                 SELECT strftime('%Y-%m', coalesce(confirmed_at, asked_at, standing_at) / 1000, 'unixepoch') AS month,
                        1 AS came, 0 AS went
                 FROM subscriber WHERE standing <> 'pending' AND forgotten_at IS NULL
                 UNION ALL
                 SELECT strftime('%Y-%m', standing_at / 1000, 'unixepoch'), 0, 1
                 FROM subscriber WHERE standing IN ('left', 'bouncing', 'complained'))
             GROUP BY month ORDER BY month DESC LIMIT 24",
        )?
        .query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64, row.get::<_, i64>(2)? as u64)))?
        .collect::<rusqlite::Result<_>>()?;
    figures.barred = tx.query_row("SELECT count(*) FROM barred", [], |row| row.get::<_, i64>(0))? as u64;
    Ok(figures)
}
