//! Taking a list into SQLite.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, Transaction, params};

use super::membership::{barred, write_down};
use super::subscribers::{insert, next_id, standing};
use crate::domain::SubscriberId;
use crate::ledger::import::{KnownPerson, Pretended, plan_batch};
use crate::ledger::{ImportSource, LedgerKey, NextBatch, millis};

/// Takes in the people of a source until it ends, or gives up: then `false`.
pub(super) fn import(
    tx: &Transaction<'_>,
    key: &LedgerKey,
    source: &mut dyn ImportSource,
    dry_run: bool,
    now: DateTime<Utc>,
) -> rusqlite::Result<bool> {
    let first_new = next_id(tx)?.0;
    let mut next = first_new;
    let any_barred: bool = tx.query_row("SELECT EXISTS (SELECT 1 FROM barred)", [], |row| row.get(0))?;
    let mut pretended = Pretended::default();
    loop {
        let batch = match source.next() {
            NextBatch::People(batch) => batch,
            NextBatch::End => return Ok(true),
            NextBatch::GiveUp => return Ok(false),
        };
        let mut known = HashMap::with_capacity(batch.len());
        let mut out = HashSet::new();
        for person in &batch {
            let email_key = person.email.key();
            if let Some(found) = pretended.get(&email_key) {
                known.insert(email_key, found);
                continue;
            }
            let found = tx
                .prepare_cached("SELECT id, standing FROM subscriber WHERE email_key = ?1")?
                .query_row([&email_key], |row| Ok((row.get::<_, i64>(0)?, standing(row, 1)?)))
                .optional()?;
            if let Some((id, standing)) = found {
                known.insert(email_key, KnownPerson { id, standing });
            } else if any_barred && barred(tx, key, &person.email)?.is_some() {
                out.insert(email_key);
            }
        }
        let plan = plan_batch(&batch, &mut known, &|email| out.contains(&email.key()), first_new, &mut next);
        if dry_run {
            pretended.remember(&plan, &known);
        } else {
            for (id, person, standing) in &plan.added {
                insert(tx, key, SubscriberId(*id), person, *standing, now)?;
            }
            for (id, standing) in &plan.restricted {
                tx.prepare_cached("UPDATE subscriber SET standing = ?2, standing_at = ?3 WHERE id = ?1")?
                    .execute(params![id, standing.word(), millis(now)])?;
                write_down(tx, SubscriberId(*id), now, standing.word(), "an imported list says so")?;
            }
        }
        source.note(&plan.effects);
    }
}
