//! Subscribers in PostgreSQL.

use std::ops::ControlFlow;

use chrono::{DateTime, Utc};
use postgres::Row;

use super::{Begin, PostgresLedger, Session, Sql, Trouble, text};
use crate::domain::{Consent, EmailAddress, Frequency, Language, Standing, Subscriber, SubscriberId};
use crate::ledger::digests::{topics_from_text, topics_to_text};
use crate::ledger::{Added, LEAVE, LedgerError, LedgerKey, NewSubscriber, Subscribers, instant, millis};

/// People fetched at a time, so that memory does not grow with the list.
pub(super) const PAGE: i64 = 1000;

impl Subscribers for PostgresLedger {
    fn add_subscriber(&mut self, new: &NewSubscriber, now: DateTime<Utc>) -> Result<Added, LedgerError> {
        let key = self.key.clone();
        self.db.write(Begin::AddingPeople, |session| {
            let known = session
                .query_opt("SELECT id, standing FROM subscriber WHERE email_key = $1", &[&new.email.key()])?;
            if let Some(row) = known {
                return Ok(Added::Known(SubscriberId(row.try_get(0)?), standing(&row, 1)?));
            }
            let id = next_id(session)?;
            insert(session, &key, &[(id.0, new, new.standing)], now)?;
            Ok(Added::New(id))
        })
    }

    fn subscriber(&mut self, email: &EmailAddress) -> Result<Option<Subscriber>, LedgerError> {
        self.db.read(|session| {
            session
                .query_opt(
                    "SELECT id, email, name, language, topics, frequency, standing, asked_at, confirmed_at,
                            origin, consent_text
                     FROM subscriber WHERE email_key = $1",
                    &[&email.key()],
                )?
                .map(|row| subscriber(&row))
                .transpose()
        })
    }

    fn set_standing(
        &mut self,
        subscriber: SubscriberId,
        standing: Standing,
        now: DateTime<Utc>,
    ) -> Result<(), LedgerError> {
        self.db.write(Begin::Usual, |session| {
            session
                .execute(
                    "UPDATE subscriber SET standing = $2, standing_at = $3 WHERE id = $1",
                    &[&subscriber.0, &standing.word(), &millis(now)],
                )
                .map(|_| ())
        })
    }

    fn each_subscriber(
        &mut self,
        visit: &mut dyn FnMut(&Subscriber) -> ControlFlow<()>,
    ) -> Result<(), LedgerError> {
        each(visit, |last| {
            self.db.read(|session| {
                let rows = session.query(
                    "SELECT id, email, name, language, topics, frequency, standing, asked_at, confirmed_at,
                            origin, consent_text
                     FROM subscriber WHERE id > $1 ORDER BY id LIMIT $2",
                    &[&last, &PAGE],
                )?;
                rows.iter().map(subscriber).collect::<Sql<Vec<_>>>()
            })
        })
    }

    fn confirmed(&mut self) -> Result<u64, LedgerError> {
        self.db.read(|session| {
            let row =
                session.query_one("SELECT count(*) FROM subscriber WHERE standing = 'confirmed'", &[])?;
            Ok(row.try_get::<_, i64>(0)? as u64)
        })
    }
}

/// Shows each person in the order of their numbers, until `visit` has seen enough; `page` reads those
/// that come after a number.
pub(super) fn each(
    visit: &mut dyn FnMut(&Subscriber) -> ControlFlow<()>,
    mut page: impl FnMut(i64) -> Result<Vec<Subscriber>, LedgerError>,
) -> Result<(), LedgerError> {
    let mut last = 0;
    loop {
        let people = page(last)?;
        for person in &people {
            last = person.id.0;
            if visit(person).is_break() {
                return Ok(());
            }
        }
        if people.is_empty() {
            return Ok(());
        }
    }
}

/// A number that nobody ever had.
pub(super) fn next_id(session: &mut Session) -> Sql<SubscriberId> {
    let row = session.query_one("SELECT nextval(pg_get_serial_sequence('subscriber', 'id'))", &[])?;
    Ok(SubscriberId(row.try_get(0)?))
}

/// Adds people, however many, in one statement.
pub(super) fn insert(
    session: &mut Session,
    key: &LedgerKey,
    people: &[(i64, &NewSubscriber, Standing)],
    now: DateTime<Utc>,
) -> Sql<()> {
    if people.is_empty() {
        return Ok(());
    }
    let column = |of: fn(&NewSubscriber) -> String| people.iter().map(|(_, p, _)| of(p)).collect::<Vec<_>>();
    let ids: Vec<i64> = people.iter().map(|(id, ..)| *id).collect();
    let standings: Vec<&str> = people.iter().map(|(.., standing)| standing.word()).collect();
    let asked_at: Vec<_> = people.iter().map(|(_, p, _)| p.consent.asked_at.map(millis)).collect();
    let confirmed_at: Vec<_> = people.iter().map(|(_, p, _)| p.consent.confirmed_at.map(millis)).collect();
    let hashes: Vec<[u8; 32]> =
        ids.iter().map(|id| LedgerKey::token_hash(&key.subscriber_token(LEAVE, SubscriberId(*id)))).collect();
    let hashes: Vec<&[u8]> = hashes.iter().map(<[u8; 32]>::as_slice).collect();
    session.execute(
        "INSERT INTO subscriber (id, email, email_key, domain, name, language, topics, frequency, standing,
             standing_at, asked_at, confirmed_at, origin, consent_text, token_hash)
         SELECT id, email, email_key, domain, name, language, topics, frequency, standing,
             $15, asked_at, confirmed_at, origin, consent_text, token_hash
         FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                     $8::text[], $9::text[], $10::bigint[], $11::bigint[], $12::text[], $13::text[],
                     $14::bytea[])
              AS new (id, email, email_key, domain, name, language, topics, frequency, standing, asked_at,
                      confirmed_at, origin, consent_text, token_hash)",
        &[
            &ids,
            &column(|p| p.email.as_str().to_owned()),
            &column(|p| p.email.key()),
            &column(|p| p.email.domain().to_owned()),
            &column(|p| text(&p.name)),
            &column(|p| p.language.as_ref().map_or("", Language::tag).to_owned()),
            &column(|p| text(&topics_to_text(&p.topics))),
            &column(|p| p.frequency.word().to_owned()),
            &standings,
            &asked_at,
            &confirmed_at,
            &column(|p| text(&p.consent.origin)),
            &column(|p| text(&p.consent.text)),
            &hashes,
            &millis(now),
        ],
    )?;
    Ok(())
}

/// The standing in a column.
pub(super) fn standing(row: &Row, column: usize) -> Sql<Standing> {
    let word: &str = row.try_get(column)?;
    Standing::from_word(word).ok_or_else(|| Trouble::Strange(format!("`{word}` is no standing")))
}

/// A person from the eleven columns that every query here names in this order.
pub(super) fn subscriber(row: &Row) -> Sql<Subscriber> {
    Ok(Subscriber {
        id: SubscriberId(row.try_get(0)?),
        email: email(row, 1)?,
        name: row.try_get(2)?,
        language: Language::parse(row.try_get(3)?),
        topics: topics_from_text(row.try_get(4)?),
        frequency: Frequency::from_word(row.try_get(5)?).unwrap_or_default(),
        standing: standing(row, 6)?,
        consent: Consent {
            asked_at: row.try_get::<_, Option<i64>>(7)?.map(instant),
            confirmed_at: row.try_get::<_, Option<i64>>(8)?.map(instant),
            origin: row.try_get(9)?,
            text: row.try_get(10)?,
        },
    })
}

pub(super) fn email(row: &Row, column: usize) -> Sql<EmailAddress> {
    EmailAddress::parse(row.try_get(column)?)
        .map_err(|e| Trouble::Strange(format!("an address that is none: {e}")))
}
