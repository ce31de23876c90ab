//! Articles in PostgreSQL.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::{Fault, PostgresLedger, Tx};
use crate::domain::{ArticleId, Guid, KnownArticle};
use crate::ledger::{Articles, LedgerError, instant, millis};

impl Articles for PostgresLedger {
    fn baseline(&mut self) -> Result<Option<DateTime<Utc>>, LedgerError> {
        let at: Option<i64> = self.verb(|tx| Ok(tx.one("SELECT baseline_at FROM ledger", &[])?.get(0)))?;
        Ok(at.map(instant))
    }

    fn take_baseline(&mut self, articles: &[KnownArticle], now: DateTime<Utc>) -> Result<bool, LedgerError> {
        self.verb(|tx| {
            let taken =
                tx.execute("UPDATE ledger SET baseline_at = $1 WHERE baseline_at IS NULL", &[&millis(now)])?;
            if taken == 1 {
                remember(tx, articles)?;
            }
            Ok(taken == 1)
        })
    }

    fn known_articles(&mut self) -> Result<Vec<KnownArticle>, LedgerError> {
        self.verb(|tx| {
            let rows = tx.query(
                "SELECT id, guid, source, collection, published, title, fingerprint, announced_at, gone
                 FROM article ORDER BY guid COLLATE \"C\"",
                &[],
            )?;
            Ok(rows
                .iter()
                .map(|row| KnownArticle {
                    id: ArticleId(row.get(0)),
                    guid: Guid(row.get(1)),
                    source: row.get::<_, String>(2).into(),
                    collection: row.get(3),
                    published: row.get::<_, Option<i64>>(4).map(|at| instant(at).fixed_offset()),
                    title: row.get(5),
                    fingerprint: row.get::<_, i64>(6).cast_unsigned(),
                    announced: row.get::<_, Option<i64>>(7).map(instant),
                    gone: row.get(8),
                })
                .collect())
        })
    }

    fn remember(&mut self, articles: &[KnownArticle]) -> Result<(), LedgerError> {
        if articles.is_empty() {
            return Ok(());
        }
        self.verb(|tx| remember(tx, articles))
    }

    fn new_problems(&mut self, problems: &[String]) -> Result<Vec<usize>, LedgerError> {
        self.verb(|tx| {
            let rows = tx.query("SELECT problem FROM told_problem", &[])?;
            let told: BTreeSet<&str> = rows.iter().map(|row| row.get(0)).collect();
            let new =
                (0..problems.len()).filter(|&at| !told.contains(problems[at].as_str())).collect::<Vec<_>>();
            let now: BTreeSet<&String> = problems.iter().collect();
            if new.is_empty() && now.len() == told.len() {
                return Ok(new);
            }
            tx.execute("DELETE FROM told_problem", &[])?;
            for problem in now {
                tx.execute("INSERT INTO told_problem (problem) VALUES ($1)", &[problem])?;
            }
            Ok(new)
        })
    }
}

fn remember(tx: &mut Tx<'_>, articles: &[KnownArticle]) -> Result<(), Fault> {
    for article in articles {
        tx.execute(
            "INSERT INTO article (guid, id, source, collection, published, title, fingerprint, announced_at, gone)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (guid) DO UPDATE SET
                 id = excluded.id, source = excluded.source, collection = excluded.collection,
                 published = excluded.published, title = excluded.title, fingerprint = excluded.fingerprint,
                 gone = excluded.gone,
                 -- Once announced, always announced.
                 announced_at = coalesce(article.announced_at, excluded.announced_at)",
            &[
                &article.guid.0,
                &article.id.0,
                &article.source.to_string_lossy().as_ref(),
                &article.collection,
                &article.published.map(|at| millis(at.to_utc())),
                &article.title,
                &article.fingerprint.cast_signed(),
                &article.announced.map(millis),
                &article.gone,
            ],
        )?;
    }
    Ok(())
}
