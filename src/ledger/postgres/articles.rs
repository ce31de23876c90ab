//! Articles in PostgreSQL.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::{Begin, PostgresLedger, Session, Sql, text};
use crate::domain::{ArticleId, Guid, KnownArticle};
use crate::ledger::{Articles, LedgerError, instant, millis};

impl Articles for PostgresLedger {
    fn baseline(&mut self) -> Result<Option<DateTime<Utc>>, LedgerError> {
        self.db.read(|session| {
            let at: Option<i64> = session.query_one("SELECT baseline_at FROM ledger", &[])?.try_get(0)?;
            Ok(at.map(instant))
        })
    }

    fn take_baseline(&mut self, articles: &[KnownArticle], now: DateTime<Utc>) -> Result<bool, LedgerError> {
        self.db.write(Begin::Usual, |session| {
            let taken = session
                .execute("UPDATE ledger SET baseline_at = $1 WHERE baseline_at IS NULL", &[&millis(now)])?;
            if taken == 1 {
                remember(session, articles)?;
            }
            Ok(taken == 1)
        })
    }

    fn known_articles(&mut self) -> Result<Vec<KnownArticle>, LedgerError> {
        self.db.read(|session| {
            let rows = session.query(
                "SELECT id, guid, source, collection, published, title, fingerprint, announced_at, gone
                 FROM article ORDER BY guid",
                &[],
            )?;
            rows.iter()
                .map(|row| {
                    Ok(KnownArticle {
                        id: ArticleId(row.try_get(0)?),
                        guid: Guid(row.try_get(1)?),
                        source: row.try_get::<_, String>(2)?.into(),
                        collection: row.try_get(3)?,
                        published: row.try_get::<_, Option<i64>>(4)?.map(|at| instant(at).fixed_offset()),
                        title: row.try_get(5)?,
                        fingerprint: row.try_get::<_, i64>(6)?.cast_unsigned(),
                        announced: row.try_get::<_, Option<i64>>(7)?.map(instant),
                        gone: row.try_get(8)?,
                    })
                })
                .collect()
        })
    }

    fn remember(&mut self, articles: &[KnownArticle]) -> Result<(), LedgerError> {
        if articles.is_empty() {
            return Ok(());
        }
        self.db.write(Begin::Usual, |session| remember(session, articles))
    }

    fn new_problems(&mut self, problems: &[String]) -> Result<Vec<usize>, LedgerError> {
        let problems: Vec<String> = problems.iter().map(|problem| text(problem)).collect();
        self.db.write(Begin::Usual, |session| {
            let told: BTreeSet<String> = session
                .query("DELETE FROM told_problem RETURNING problem", &[])?
                .iter()
                .map(|row| Ok(row.try_get(0)?))
                .collect::<Sql<_>>()?;
            session.execute(
                "INSERT INTO told_problem SELECT DISTINCT problem FROM unnest($1::text[]) AS p (problem)",
                &[&problems],
            )?;
            Ok((0..problems.len()).filter(|&at| !told.contains(&problems[at])).collect())
        })
    }
}

fn remember(session: &mut Session, articles: &[KnownArticle]) -> Sql<()> {
    for article in articles {
        session.execute(
            "INSERT INTO article AS known (guid, id, source, collection, published, title, fingerprint,
                                           announced_at, gone)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (guid) DO UPDATE SET
                 id = excluded.id, source = excluded.source, collection = excluded.collection,
                 published = excluded.published, title = excluded.title, fingerprint = excluded.fingerprint,
                 gone = excluded.gone,
                 -- Once announced, always announced.
                 announced_at = coalesce(known.announced_at, excluded.announced_at)",
            &[
                &text(&article.guid.0),
                &text(&article.id.0),
                &text(&article.source.to_string_lossy()),
                &text(&article.collection),
                &article.published.map(|at| millis(at.to_utc())),
                &text(&article.title),
                &article.fingerprint.cast_signed(),
                &article.announced.map(millis),
                &article.gone,
            ],
        )?;
    }
    Ok(())
}
