//! Digests in PostgreSQL.

use postgres::Row;

use super::deliveries::tally;
use super::{Fault, LOCK_CUT, PostgresLedger, Tx};
use crate::domain::{ArticleId, Digest, DigestId, Edition, Language, Occasion};
use crate::ledger::digests::{frequency_from_text, frequency_to_text, topics_from_text, topics_to_text};
use crate::ledger::{Cut, DigestSummary, Digests, LedgerError, Pause, ReaderGroup, instant, millis};

impl Digests for PostgresLedger {
    fn reader_groups(&mut self) -> Result<Vec<ReaderGroup>, LedgerError> {
        self.verb(groups)
    }

    fn cut(&mut self, digest: &Digest, readers: &[(ReaderGroup, Option<usize>)]) -> Result<Cut, LedgerError> {
        self.verb(|tx| {
            // One run cuts at a time; the others then see what it announced.
            tx.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK_CUT])?;
            let mut nested = Tx { tx: tx.tx.transaction()?, statements: tx.statements };
            let cut = cut(&mut nested, digest, readers)?;
            if matches!(cut, Cut::Made { .. }) {
                nested.tx.commit()?;
            } else {
                nested.tx.rollback()?;
            }
            Ok(cut)
        })
    }

    fn digests(&mut self, limit: usize) -> Result<Vec<DigestSummary>, LedgerError> {
        self.verb(|tx| {
            let rows = tx.query(
                "SELECT id, manual_name, cut_at, paused_until, pause_reason,
                        (SELECT subject FROM edition WHERE digest = digest.id ORDER BY number LIMIT 1)
                 FROM digest ORDER BY id DESC LIMIT $1",
                &[&(limit.min(1 << 40) as i64)],
            )?;
            let mut digests = Vec::with_capacity(rows.len());
            for row in rows {
                let id = DigestId(row.get(0));
                let articles = tx.query(
                    "SELECT article FROM digest_article WHERE digest = $1 ORDER BY position",
                    &[&id.0],
                )?;
                digests.push(DigestSummary {
                    id,
                    occasion: row.get::<_, Option<String>>(1).map_or(Occasion::Scheduled, Occasion::Manual),
                    cut_at: instant(row.get(2)),
                    articles: articles.iter().map(|row| ArticleId(row.get(0))).collect(),
                    subject: row.get::<_, Option<String>>(5).unwrap_or_default(),
                    pause: pause(&row),
                    tally: tally(tx, Some(id))?,
                });
            }
            Ok(digests)
        })
    }

    fn edition(&mut self, digest: DigestId, number: usize) -> Result<Option<Edition>, LedgerError> {
        self.verb(|tx| {
            let row = tx.first(
                "SELECT language, articles, subject, html, text, mold FROM edition
                 WHERE digest = $1 AND number = $2",
                &[&digest.0, &(number as i64)],
            )?;
            row.map(|row| {
                let language: String = row.get(0);
                Ok(Edition {
                    language: Language::parse(&language).ok_or_else(|| Fault::row("a language"))?,
                    articles: row.get::<_, &str>(1).lines().map(|id| ArticleId(id.to_owned())).collect(),
                    subject: row.get(2),
                    html: row.get(3),
                    text: row.get(4),
                    mold: row.get(5),
                })
            })
            .transpose()
        })
    }

    fn pause(&mut self, digest: DigestId, pause: &Pause) -> Result<(), LedgerError> {
        self.verb(|tx| {
            tx.execute(
                "UPDATE digest SET paused_until = $2, pause_reason = $3 WHERE id = $1",
                &[&digest.0, &millis(pause.until), &pause.reason],
            )
            .map(|_| ())
        })
    }

    fn resume(&mut self) -> Result<u64, LedgerError> {
        self.verb(|tx| {
            tx.execute(
                "UPDATE digest SET paused_until = NULL, pause_reason = NULL WHERE paused_until IS NOT NULL",
                &[],
            )
        })
    }
}

fn groups(tx: &mut Tx<'_>) -> Result<Vec<ReaderGroup>, Fault> {
    let rows = tx.query(
        "SELECT language, topics, frequency, count(*) FROM subscriber WHERE standing = 'confirmed'
         GROUP BY language, topics, frequency
         ORDER BY language COLLATE \"C\", topics COLLATE \"C\", frequency COLLATE \"C\"",
        &[],
    )?;
    Ok(rows
        .iter()
        .map(|row| ReaderGroup {
            language: Language::parse(row.get(0)),
            topics: topics_from_text(row.get(1)),
            frequency: frequency_from_text(row.get(2)),
            readers: row.get::<_, i64>(3) as u64,
        })
        .collect())
}

fn cut(tx: &mut Tx<'_>, digest: &Digest, readers: &[(ReaderGroup, Option<usize>)]) -> Result<Cut, Fault> {
    let (scheduled, manual_name) = match &digest.occasion {
        Occasion::Scheduled => (true, None),
        Occasion::Manual(name) => (false, Some(name)),
    };
    if let Some(name) = manual_name
        && let Some(earlier) = tx.first("SELECT id FROM digest WHERE manual_name = $1", &[name])?
    {
        return Ok(Cut::NameTaken(DigestId(earlier.get(0))));
    }
    let cut_at = millis(digest.cut_at);
    // Numbers follow each other even when a cut was taken back, which a sequence does not promise.
    let id: i64 = tx
        .one(
            "INSERT INTO digest (id, manual_name, cut_at)
             SELECT coalesce(max(id), 0) + 1, $1, $2 FROM digest RETURNING id",
            &[&manual_name, &cut_at],
        )?
        .get(0);

    let mut announced_already = Vec::new();
    for (position, article) in digest.articles.iter().enumerate() {
        let found = tx.first(
            "SELECT guid, announced_at FROM article WHERE id = $1
             ORDER BY announced_at IS NOT NULL, guid COLLATE \"C\" LIMIT 1",
            &[&article.0],
        )?;
        let Some(found) = found else { return Ok(Cut::UnknownArticle(article.clone())) };
        let (guid, announced_at): (String, Option<i64>) = (found.get(0), found.get(1));
        if scheduled && announced_at.is_some() {
            announced_already.push(article.clone());
            continue;
        }
        tx.execute(
            "INSERT INTO digest_article (digest, position, article, guid, scheduled) VALUES ($1, $2, $3, $4, $5)",
            &[&id, &(position as i64), &article.0, &guid, &scheduled],
        )?;
        if scheduled {
            tx.execute("UPDATE article SET announced_at = $2 WHERE guid = $1", &[&guid, &cut_at])?;
        }
    }
    if !announced_already.is_empty() {
        return Ok(Cut::AlreadyAnnounced(announced_already));
    }

    for (number, edition) in digest.editions.iter().enumerate() {
        let articles: Vec<&str> = edition.articles.iter().map(|a| a.0.as_str()).collect();
        tx.execute(
            "INSERT INTO edition (digest, number, language, articles, subject, html, text, mold)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            &[
                &id,
                &(number as i64),
                &edition.language.tag(),
                &articles.join("\n"),
                &edition.subject,
                &edition.html,
                &edition.text,
                &edition.mold,
            ],
        )?;
    }

    // Readers who join or leave now are either before this cut or after it.
    tx.execute("LOCK TABLE subscriber IN SHARE MODE", &[])?;
    let mut deliveries = 0;
    for group in groups(tx)? {
        let same = |known: &&(ReaderGroup, Option<usize>)| {
            known.0.language == group.language
                && known.0.topics == group.topics
                && known.0.frequency == group.frequency
        };
        let Some((_, edition)) = readers.iter().find(same) else { return Ok(Cut::ReadersChanged) };
        let Some(edition) = edition else { continue };
        deliveries += tx.execute(
            "INSERT INTO delivery (digest, subscriber, edition, state, due_at, at)
             SELECT $1, id, $2, 'waiting', $3, $3 FROM subscriber
             WHERE standing = 'confirmed' AND language = $4 AND topics = $5 AND frequency = $6",
            &[
                &id,
                &(*edition as i64),
                &cut_at,
                &group.language.as_ref().map_or("", Language::tag),
                &topics_to_text(&group.topics),
                &frequency_to_text(group.frequency),
            ],
        )?;
    }
    Ok(Cut::Made { digest: DigestId(id), deliveries })
}

fn pause(row: &Row) -> Option<Pause> {
    let until: Option<i64> = row.get("paused_until");
    let reason: Option<String> = row.get("pause_reason");
    until.map(|until| Pause { until: instant(until), reason: reason.unwrap_or_default() })
}
