//! Membership in PostgreSQL.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use chrono::{DateTime, Utc};

use super::subscribers::{insert, insert_as, standing, subscriber, visit_all};
use super::{Fault, PostgresLedger, Tx, words};
use crate::domain::{
    Consent, DigestId, EmailAddress, Language, Standing, StandingEvent, Subscriber, SubscriberId,
};
use crate::ledger::digests::{frequency_to_text, topics_from_text, topics_to_text};
use crate::ledger::membership::{
    BETWEEN_NOTICES, KnownPerson, LEAVE, LINK_LIFE, UNCONFIRMED_LIFE, link_token, plan_batch,
};
use crate::ledger::{
    ArchivedDigest, Asked, Asking, Barred, Choice, Figures, Filter, HistoryEntry, ImportSource, LedgerError,
    LedgerKey, Membership, NewSubscriber, NextBatch, instant, millis,
};

impl Membership for PostgresLedger {
    /// Done once and not again when the connection breaks: the source has been read by then.
    fn import(
        &mut self,
        source: &mut dyn ImportSource,
        dry_run: bool,
        now: DateTime<Utc>,
    ) -> Result<bool, LedgerError> {
        let key = self.key.clone();
        let done = (|| {
            let mut tx = Tx { tx: self.client.transaction()?, statements: &mut self.statements };
            let whole = import(&mut tx, &key, source, dry_run, now)?;
            if whole && !dry_run {
                tx.tx.commit()?;
            } else {
                tx.tx.rollback()?;
            }
            Ok(whole)
        })();
        done.map_err(|fault| match fault {
            Fault::Row(what) => LedgerError::Damaged { ledger: self.name.clone(), what },
            Fault::Database(error) => {
                LedgerError::Database { ledger: self.name.clone(), what: words(&error) }
            }
        })
    }

    fn ask_to_join(&mut self, asking: &Asking, now: DateTime<Utc>) -> Result<Asked, LedgerError> {
        let key = self.key.clone();
        self.verb(|tx| {
            if barred(tx, &key, &asking.email)? == Some(Barred::Suppressed) {
                return Ok(Asked::Nothing);
            }
            let known =
                tx.first("SELECT id, standing FROM subscriber WHERE email_key = $1", &[&asking.email.key()])?;
            let (id, stands) = match known {
                Some(row) => (SubscriberId(row.get(0)), standing(row.get(1))?),
                None => (insert_pending(tx, &key, asking, now)?, Standing::Pending),
            };
            if !begin_hour(tx, id, now)? {
                return Ok(Asked::Nothing);
            }
            if stands == Standing::Confirmed {
                return Ok(Asked::Already { subscriber: id, token: key.subscriber_token(LEAVE, id) });
            }
            let token = link_token(&key, "confirm", id, now);
            tx.execute(
                "INSERT INTO link (token_hash, subscriber, purpose, asked_at, expires_at, language, topics,
                     frequency, origin, consent_text)
                 VALUES ($1, $2, 'confirm', $3, $4, $5, $6, $7, $8, $9)",
                &[
                    &LedgerKey::token_hash(&token).as_slice(),
                    &id.0,
                    &millis(now),
                    &millis(now + LINK_LIFE),
                    &asking.choice.language.as_ref().map_or("", Language::tag),
                    &topics_to_text(&asking.choice.topics),
                    &frequency_to_text(asking.choice.frequency),
                    &asking.origin,
                    &asking.consent_text,
                ],
            )?;
            write_down(tx, id, now, "asked", &asking.origin)?;
            Ok(Asked::Confirm { subscriber: id, token })
        })
    }

    fn confirm(&mut self, token: &str, now: DateTime<Utc>) -> Result<Option<Subscriber>, LedgerError> {
        let key = self.key.clone();
        self.verb(|tx| {
            let Some(link) = take_link(tx, token, "confirm", now)? else { return Ok(None) };
            // Whatever other links were sent for the same wish are of no use any more.
            tx.execute("DELETE FROM link WHERE subscriber = $1 AND purpose = 'confirm'", &[&link.subscriber])?;
            tx.execute(
                "UPDATE subscriber SET standing = 'confirmed', standing_at = $2, confirmed_at = $2, asked_at = $3,
                     language = $4, topics = $5, frequency = $6, origin = $7, consent_text = $8,
                     soft_bounces = 0, soft_digest = NULL
                 WHERE id = $1",
                &[
                    &link.subscriber,
                    &millis(now),
                    &link.asked_at,
                    &link.language,
                    &link.topics,
                    &link.frequency,
                    &link.origin,
                    &link.consent_text,
                ],
            )?;
            let id = SubscriberId(link.subscriber);
            let person = by_id(tx, id)?;
            // A new consent of one's own ends a forgetting, and nothing else does.
            tx.execute(
                "DELETE FROM barred WHERE fingerprint = $1 AND reason = 'forgotten'",
                &[&key.fingerprint(&person.email).as_slice()],
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
        self.verb(|tx| {
            let Some(id) = id_of_token(tx, token)? else { return Ok(None) };
            change(tx, id, StandingEvent::Left, how, now)?;
            Ok(Some(id))
        })
    }

    fn holder(&mut self, token: &str) -> Result<Option<Subscriber>, LedgerError> {
        self.verb(|tx| id_of_token(tx, token)?.map(|id| by_id(tx, id)).transpose())
    }

    fn choose(&mut self, id: SubscriberId, choice: &Choice, now: DateTime<Utc>) -> Result<(), LedgerError> {
        self.verb(|tx| {
            let language = choice.language.as_ref().map_or("", Language::tag);
            let topics = topics_to_text(&choice.topics);
            let frequency = frequency_to_text(choice.frequency);
            tx.execute(
                "UPDATE subscriber SET language = $2, topics = $3, frequency = $4 WHERE id = $1",
                &[&id.0, &language, &topics, &frequency],
            )?;
            let shown = if topics.is_empty() { "everything".to_owned() } else { topics.replace('\n', ", ") };
            write_down(tx, id, now, "chose", &format!("{shown}; {frequency} {language}"))
        })
    }

    fn may_write(&mut self, id: SubscriberId, now: DateTime<Utc>) -> Result<bool, LedgerError> {
        self.verb(|tx| begin_hour(tx, id, now))
    }

    fn ask_to_erase(&mut self, id: SubscriberId, now: DateTime<Utc>) -> Result<String, LedgerError> {
        let token = link_token(&self.key, "erase", id, now);
        self.verb(|tx| {
            tx.execute(
                "INSERT INTO link (token_hash, subscriber, purpose, asked_at, expires_at)
                 VALUES ($1, $2, 'erase', $3, $4) ON CONFLICT DO NOTHING",
                &[&LedgerKey::token_hash(&token).as_slice(), &id.0, &millis(now), &millis(now + LINK_LIFE)],
            )
        })?;
        Ok(token)
    }

    fn erase(&mut self, token: &str, now: DateTime<Utc>) -> Result<bool, LedgerError> {
        let key = self.key.clone();
        self.verb(|tx| {
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
        self.verb(|tx| change(tx, id, event, how, now))
    }

    fn forget(&mut self, email: &EmailAddress, now: DateTime<Utc>) -> Result<bool, LedgerError> {
        let key = self.key.clone();
        self.verb(|tx| forget(tx, &key, email, now))
    }

    fn suppress(&mut self, email: &EmailAddress, now: DateTime<Utc>) -> Result<(), LedgerError> {
        let fingerprint = self.key.fingerprint(email);
        self.verb(|tx| {
            tx.execute(
                "INSERT INTO barred (fingerprint, at, reason) VALUES ($1, $2, 'suppressed')
                 ON CONFLICT (fingerprint) DO UPDATE SET reason = 'suppressed'",
                &[&fingerprint.as_slice(), &millis(now)],
            )?;
            if let Some(id) = id_of_email(tx, email)? {
                change(tx, id, StandingEvent::Left, "suppressed", now)?;
            }
            Ok(())
        })
    }

    fn lift(&mut self, email: &EmailAddress) -> Result<bool, LedgerError> {
        let fingerprint = self.key.fingerprint(email);
        self.verb(|tx| {
            Ok(tx.execute("DELETE FROM barred WHERE fingerprint = $1", &[&fingerprint.as_slice()])? > 0)
        })
    }

    fn barred(&mut self, email: &EmailAddress) -> Result<Option<Barred>, LedgerError> {
        let key = self.key.clone();
        self.verb(|tx| barred(tx, &key, email))
    }

    fn list(
        &mut self,
        filter: &Filter,
        visit: &mut dyn FnMut(&Subscriber) -> ControlFlow<()>,
    ) -> Result<(), LedgerError> {
        self.verb(|tx| {
            // strpos() and not LIKE: what people type is text, not a pattern. Topics are one a line.
            visit_all(
                tx,
                "SELECT id, email, name, language, topics, frequency, standing, asked_at, confirmed_at, origin,
                        consent_text
                 FROM subscriber
                 WHERE forgotten_at IS NULL
                   AND ($1::TEXT IS NULL OR standing = $1)
                   AND ($2::TEXT IS NULL
                        OR strpos(chr(10) || lower(topics) || chr(10), chr(10) || lower($2) || chr(10)) > 0)
                   AND ($3::TEXT IS NULL OR strpos(email_key, lower($3)) > 0)
                   AND ($4::BIGINT IS NULL OR coalesce(asked_at, confirmed_at, standing_at) >= $4)
                   AND ($5::BIGINT IS NULL OR coalesce(asked_at, confirmed_at, standing_at) < $5)
                 ORDER BY id",
                &[
                    &filter.standing.map(Standing::word),
                    &filter.topic,
                    &filter.part,
                    &filter.since.map(millis),
                    &filter.until.map(millis),
                ],
                visit,
            )
        })
    }

    fn history(&mut self, id: SubscriberId) -> Result<Vec<HistoryEntry>, LedgerError> {
        self.verb(|tx| {
            let rows = tx.query(
                "SELECT at, event, detail FROM history WHERE subscriber = $1
                 UNION ALL
                 SELECT at, 'digest', 'no. ' || digest || ': ' || state FROM delivery
                 WHERE subscriber = $1 AND at IS NOT NULL
                 ORDER BY 1",
                &[&id.0],
            )?;
            Ok(rows
                .iter()
                .map(|row| HistoryEntry { at: instant(row.get(0)), event: row.get(1), detail: row.get(2) })
                .collect())
        })
    }

    fn figures(&mut self) -> Result<Figures, LedgerError> {
        self.verb(figures)
    }

    fn letter_token(&self, subscriber: SubscriberId) -> String {
        self.key.subscriber_token(LEAVE, subscriber)
    }

    fn notice_name(&self, subscriber: SubscriberId, now: DateTime<Utc>) -> String {
        link_token(&self.key, "notice", subscriber, now)
    }

    fn archive(&mut self, limit: usize) -> Result<Vec<ArchivedDigest>, LedgerError> {
        self.verb(|tx| {
            let rows = tx.query(
                "SELECT DISTINCT ON (g.id) g.id, g.cut_at, e.subject, e.text
                 FROM digest g JOIN edition e ON e.digest = g.id
                 ORDER BY g.id DESC, length(e.articles) DESC, e.number LIMIT $1",
                &[&(limit.min(1 << 40) as i64)],
            )?;
            Ok(rows
                .iter()
                .map(|row| ArchivedDigest {
                    id: DigestId(row.get(0)),
                    cut_at: instant(row.get(1)),
                    subject: row.get(2),
                    text: row.get(3),
                })
                .collect())
        })
    }

    fn archived(&mut self, digest: DigestId, language: &str) -> Result<Option<String>, LedgerError> {
        self.verb(|tx| {
            let row = tx.first(
                "SELECT html FROM edition WHERE digest = $1
                 ORDER BY (language = $2 OR substr(language, 1, 3) = $2 || '-') DESC, length(articles) DESC, number
                 LIMIT 1",
                &[&digest.0, &language],
            )?;
            Ok(row.map(|row| row.get(0)))
        })
    }

    fn tidy_up(&mut self, now: DateTime<Utc>) -> Result<u64, LedgerError> {
        self.verb(|tx| {
            tx.execute("DELETE FROM link WHERE expires_at < $1", &[&millis(now)])?;
            // Imported lists name their legal basis; only who came by the form and never answered goes.
            tx.execute(
                "DELETE FROM subscriber
                 WHERE standing = 'pending' AND substr(origin, 1, 4) = 'form' AND standing_at < $1
                   AND NOT EXISTS (SELECT 1 FROM delivery WHERE subscriber = subscriber.id)",
                &[&millis(now - UNCONFIRMED_LIFE)],
            )
        })
    }
}

fn import(
    tx: &mut Tx<'_>,
    key: &LedgerKey,
    source: &mut dyn ImportSource,
    dry_run: bool,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    if !dry_run {
        // One list at a time, and nobody joins meanwhile: numbers then follow each other.
        tx.execute("LOCK TABLE subscriber IN SHARE ROW EXCLUSIVE MODE", &[])?;
    }
    let first_new: i64 = tx.one("SELECT coalesce(max(id), 0) + 1 FROM subscriber", &[])?.get(0);
    let last: i64 = tx.one("SELECT last_value FROM subscriber_id_seq", &[])?.get(0);
    let first_new = first_new.max(last + 1);
    let mut next_id = first_new;
    let any_barred: bool = tx.one("SELECT EXISTS (SELECT 1 FROM barred)", &[])?.get(0);
    // A dry run has no rows to look its own people up in, and so remembers them.
    let mut pretended: HashMap<String, KnownPerson> = HashMap::new();
    loop {
        let batch = match source.next() {
            NextBatch::People(batch) => batch,
            NextBatch::End => break,
            NextBatch::GiveUp => return Ok(false),
        };
        let keys: Vec<String> = batch.iter().map(|person| person.email.key()).collect();
        let mut known = HashMap::with_capacity(batch.len());
        for row in
            tx.query("SELECT email_key, id, standing FROM subscriber WHERE email_key = ANY($1)", &[&keys])?
        {
            known.insert(row.get(0), KnownPerson { id: row.get(1), standing: standing(row.get(2))? });
        }
        for key in &keys {
            if let Some(found) = pretended.get(key) {
                known.insert(key.clone(), *found);
            }
        }
        let mut out = HashSet::new();
        if any_barred {
            for person in batch.iter().filter(|person| !known.contains_key(&person.email.key())) {
                if barred(tx, key, &person.email)?.is_some() {
                    out.insert(person.email.key());
                }
            }
        }
        let plan =
            plan_batch(&batch, &mut known, &|email| out.contains(&email.key()), first_new, &mut next_id);
        if dry_run {
            pretended.extend(known);
        } else {
            for (id, person, stands) in &plan.added {
                insert_as(tx, key, SubscriberId(*id), person, *stands, now)?;
            }
            for (id, stands) in &plan.restricted {
                tx.execute(
                    "UPDATE subscriber SET standing = $2, standing_at = $3 WHERE id = $1",
                    &[id, &stands.word(), &millis(now)],
                )?;
                write_down(tx, SubscriberId(*id), now, stands.word(), "an imported list says so")?;
            }
        }
        source.note(&plan.effects);
    }
    if !dry_run && next_id > first_new {
        tx.execute("SELECT setval('subscriber_id_seq', $1)", &[&(next_id - 1)])?;
    }
    Ok(true)
}

fn insert_pending(
    tx: &mut Tx<'_>,
    key: &LedgerKey,
    asking: &Asking,
    now: DateTime<Utc>,
) -> Result<SubscriberId, Fault> {
    let person = NewSubscriber {
        email: asking.email.clone(),
        name: String::new(),
        language: asking.choice.language.clone(),
        topics: asking.choice.topics.clone(),
        frequency: asking.choice.frequency,
        standing: Standing::Pending,
        consent: Consent {
            asked_at: Some(now),
            confirmed_at: None,
            origin: asking.origin.clone(),
            text: asking.consent_text.clone(),
        },
    };
    insert(tx, key, &person, Standing::Pending, now)
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
fn take_link(tx: &mut Tx<'_>, token: &str, purpose: &str, now: DateTime<Utc>) -> Result<Option<Link>, Fault> {
    let row = tx.first(
        "DELETE FROM link WHERE token_hash = $1 AND purpose = $2 AND expires_at > $3
         RETURNING subscriber, asked_at, language, topics, frequency, origin, consent_text",
        &[&LedgerKey::token_hash(token).as_slice(), &purpose, &millis(now)],
    )?;
    Ok(row.map(|row| Link {
        subscriber: row.get(0),
        asked_at: row.get(1),
        language: row.get(2),
        topics: row.get(3),
        frequency: row.get(4),
        origin: row.get(5),
        consent_text: row.get(6),
    }))
}

/// Whether an hour has passed since the service last wrote; if so, the next begins.
fn begin_hour(tx: &mut Tx<'_>, id: SubscriberId, now: DateTime<Utc>) -> Result<bool, Fault> {
    let begun = tx.execute(
        "UPDATE subscriber SET noticed_at = $2
         WHERE id = $1 AND forgotten_at IS NULL AND (noticed_at IS NULL OR noticed_at <= $3)",
        &[&id.0, &millis(now), &millis(now - BETWEEN_NOTICES)],
    )?;
    Ok(begun == 1)
}

fn change(
    tx: &mut Tx<'_>,
    id: SubscriberId,
    event: StandingEvent,
    how: &str,
    now: DateTime<Utc>,
) -> Result<Standing, Fault> {
    let before =
        standing(tx.one("SELECT standing FROM subscriber WHERE id = $1 FOR UPDATE", &[&id.0])?.get(0))?;
    let after = before.after(event);
    if after != before {
        tx.execute(
            "UPDATE subscriber SET standing = $2, standing_at = $3 WHERE id = $1",
            &[&id.0, &after.word(), &millis(now)],
        )?;
        write_down(tx, id, now, after.word(), how)?;
    }
    Ok(after)
}

fn forget(tx: &mut Tx<'_>, key: &LedgerKey, email: &EmailAddress, now: DateTime<Utc>) -> Result<bool, Fault> {
    tx.execute(
        "INSERT INTO barred (fingerprint, at, reason) VALUES ($1, $2, 'forgotten')
         ON CONFLICT (fingerprint) DO NOTHING",
        &[&key.fingerprint(email).as_slice(), &millis(now)],
    )?;
    let Some(id) = id_of_email(tx, email)? else { return Ok(false) };
    tx.execute("DELETE FROM history WHERE subscriber = $1", &[&id.0])?;
    tx.execute("DELETE FROM link WHERE subscriber = $1", &[&id.0])?;
    // Servers quote addresses in their replies.
    tx.execute("UPDATE delivery SET reply = NULL WHERE subscriber = $1", &[&id.0])?;
    tx.execute(
        "UPDATE subscriber SET email = 'forgotten-' || id || '@forgotten.invalid',
             email_key = 'forgotten-' || id || '@forgotten.invalid', domain = 'forgotten.invalid', name = '',
             language = '', topics = '', frequency = 'every', standing = 'left', standing_at = $2,
             asked_at = NULL, confirmed_at = NULL, origin = '', consent_text = '', token_hash = NULL,
             noticed_at = NULL, forgotten_at = $2
         WHERE id = $1",
        &[&id.0, &millis(now)],
    )?;
    Ok(true)
}

fn barred(tx: &mut Tx<'_>, key: &LedgerKey, email: &EmailAddress) -> Result<Option<Barred>, Fault> {
    let row =
        tx.first("SELECT reason FROM barred WHERE fingerprint = $1", &[&key.fingerprint(email).as_slice()])?;
    Ok(row.map(
        |row| if row.get::<_, &str>(0) == "suppressed" { Barred::Suppressed } else { Barred::Forgotten },
    ))
}

fn id_of_email(tx: &mut Tx<'_>, email: &EmailAddress) -> Result<Option<SubscriberId>, Fault> {
    let row = tx.first("SELECT id FROM subscriber WHERE email_key = $1", &[&email.key()])?;
    Ok(row.map(|row| SubscriberId(row.get(0))))
}

/// Looks a token up by its hash: the time it takes says nothing about the token itself.
fn id_of_token(tx: &mut Tx<'_>, token: &str) -> Result<Option<SubscriberId>, Fault> {
    let hash = LedgerKey::token_hash(token);
    let row = tx.first("SELECT id FROM subscriber WHERE token_hash = $1", &[&hash.as_slice()])?;
    Ok(row.map(|row| SubscriberId(row.get(0))))
}

fn by_id(tx: &mut Tx<'_>, id: SubscriberId) -> Result<Subscriber, Fault> {
    let row = tx.one(
        "SELECT id, email, name, language, topics, frequency, standing, asked_at, confirmed_at, origin,
                consent_text
         FROM subscriber WHERE id = $1",
        &[&id.0],
    )?;
    subscriber(&row)
}

fn write_down(
    tx: &mut Tx<'_>,
    id: SubscriberId,
    now: DateTime<Utc>,
    event: &str,
    detail: &str,
) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO history (subscriber, at, event, detail) VALUES ($1, $2, $3, $4)",
        &[&id.0, &millis(now), &event, &detail],
    )
    .map(|_| ())
}

fn figures(tx: &mut Tx<'_>) -> Result<Figures, Fault> {
    let mut figures = Figures::default();
    for row in tx.query(
        "SELECT standing, count(*) FROM subscriber WHERE forgotten_at IS NULL GROUP BY standing",
        &[],
    )? {
        figures.by_standing.push((standing(row.get(0))?, row.get::<_, i64>(1) as u64));
    }
    figures.by_standing.sort_unstable();
    let mut by_topic: HashMap<String, u64> = HashMap::new();
    for row in tx.query(
        "SELECT topics, count(*) FROM subscriber WHERE standing = 'confirmed' AND topics <> '' GROUP BY topics",
        &[],
    )? {
        for topic in topics_from_text(row.get(0)) {
            *by_topic.entry(topic).or_default() += row.get::<_, i64>(1) as u64;
        }
    }
    figures.by_topic = by_topic.into_iter().collect();
    figures.by_topic.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    figures.by_language = tx
        .query(
            "SELECT language, count(*) FROM subscriber WHERE standing = 'confirmed'
             GROUP BY language ORDER BY 2 DESC, language COLLATE \"C\"",
            &[],
        )?
        .iter()
        .map(|row| (row.get(0), row.get::<_, i64>(1) as u64))
        .collect();
    figures.by_month = tx
        .query(
            "SELECT month, sum(came)::BIGINT, sum(went)::BIGINT FROM (
                 SELECT to_char(to_timestamp(coalesce(confirmed_at, asked_at, standing_at) / 1000) AT TIME ZONE 'UTC',
                                'YYYY-MM') AS month, 1 AS came, 0 AS went
                 FROM subscriber WHERE standing <> 'pending' AND forgotten_at IS NULL
                 UNION ALL
                 SELECT to_char(to_timestamp(standing_at / 1000) AT TIME ZONE 'UTC', 'YYYY-MM'), 0, 1
                 FROM subscriber WHERE standing IN ('left', 'bouncing', 'complained')) AS moves
             GROUP BY month ORDER BY month DESC LIMIT 24",
            &[],
        )?
        .iter()
        .map(|row| (row.get(0), row.get::<_, i64>(1) as u64, row.get::<_, i64>(2) as u64))
        .collect();
    figures.barred = tx.one("SELECT count(*) FROM barred", &[])?.get::<_, i64>(0) as u64;
    Ok(figures)
}
