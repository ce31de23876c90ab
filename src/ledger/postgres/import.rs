//! Taking a list into PostgreSQL, a batch of people in a few statements.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};

use super::membership::write_down;
use super::subscribers::{insert, next_id, standing};
use super::{Session, Sql, Trouble};
use crate::domain::{EmailAddress, Standing, SubscriberId};
use crate::ledger::import::{KnownPerson, Pretended, plan_batch};
use crate::ledger::{ImportSource, LedgerKey, NewSubscriber, NextBatch, millis};

/// Takes in the people of a source until it ends, or gives up: then `false`.
pub(super) fn import(
    session: &mut Session,
    key: &LedgerKey,
    source: &mut dyn ImportSource,
    dry_run: bool,
    now: DateTime<Utc>,
) -> Sql<bool> {
    // The list may come from a slow pipe.
    session.batch("SET LOCAL idle_in_transaction_session_timeout = 0")?;
    let first_new = next_id(session)?.0;
    let mut next = first_new;
    let any_barred: bool = session.query_one("SELECT EXISTS (SELECT 1 FROM barred)", &[])?.try_get(0)?;
    let mut pretended = Pretended::default();
    loop {
        let batch = match source.next() {
            NextBatch::People(batch) => batch,
            NextBatch::End => break,
            NextBatch::GiveUp => return Ok(false),
        };
        let mut known = known_people(session, &batch, &pretended)?;
        let out = if any_barred { barred_people(session, key, &batch)? } else { HashSet::new() };
        let is_out = |email: &EmailAddress| any_barred && out.contains(&key.fingerprint(email));
        let plan = plan_batch(&batch, &mut known, &is_out, first_new, &mut next);
        if dry_run {
            pretended.remember(&plan, &known);
        } else {
            insert(session, key, &plan.added, now)?;
            for (id, standing) in &plan.restricted {
                restrict(session, SubscriberId(*id), *standing, now)?;
            }
        }
        source.note(&plan.effects);
    }
    if next > first_new && !dry_run {
        session.query("SELECT setval(pg_get_serial_sequence('subscriber', 'id'), $1)", &[&(next - 1)])?;
    }
    Ok(true)
}

/// What the ledger, or this dry run, knows of a batch of people.
fn known_people(
    session: &mut Session,
    batch: &[NewSubscriber],
    pretended: &Pretended,
) -> Sql<HashMap<String, KnownPerson>> {
    let keys: Vec<String> = batch.iter().map(|person| person.email.key()).collect();
    let mut known = HashMap::with_capacity(batch.len());
    let rows = session
        .query("SELECT email_key, id, standing FROM subscriber WHERE email_key = ANY($1)", &[&keys])?;
    for row in rows {
        known.insert(row.try_get(0)?, KnownPerson { id: row.try_get(1)?, standing: standing(&row, 2)? });
    }
    known.extend(keys.into_iter().filter_map(|key| pretended.get(&key).map(|found| (key, found))));
    Ok(known)
}

/// The fingerprints of those in a batch who must stay out.
fn barred_people(session: &mut Session, key: &LedgerKey, batch: &[NewSubscriber]) -> Sql<HashSet<[u8; 32]>> {
    let all: Vec<[u8; 32]> = batch.iter().map(|person| key.fingerprint(&person.email)).collect();
    let all: Vec<&[u8]> = all.iter().map(<[u8; 32]>::as_slice).collect();
    let rows = session.query("SELECT fingerprint FROM barred WHERE fingerprint = ANY($1)", &[&all])?;
    rows.iter()
        .map(|row| {
            let octets: &[u8] = row.try_get(0)?;
            octets.try_into().map_err(|_| Trouble::Strange("a fingerprint without 32 octets".to_owned()))
        })
        .collect()
}

/// Makes a known person more restricted, unless something stricter has happened meanwhile.
fn restrict(session: &mut Session, id: SubscriberId, standing: Standing, now: DateTime<Utc>) -> Sql<()> {
    let laxer: Vec<&str> =
        Standing::ALL.into_iter().filter(|other| *other < standing).map(Standing::word).collect();
    let changed = session.execute(
        "UPDATE subscriber SET standing = $2, standing_at = $3 WHERE id = $1 AND standing = ANY($4)",
        &[&id.0, &standing.word(), &millis(now), &laxer],
    )?;
    if changed == 1 {
        write_down(session, id, now, standing.word(), "an imported list says so")?;
    }
    Ok(())
}
