//! Digests in SQLite.

use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::SqliteLedger;
use super::deliveries::tally;
use super::subscribers::strange;
use crate::domain::{ArticleId, Digest, DigestId, Edition, Frequency, Language, Occasion};
use crate::ledger::digests::{edition_of, topics_from_text, topics_to_text};
use crate::ledger::{Cut, DigestSummary, Digests, LedgerError, Pause, ReaderGroup, instant, millis};

impl Digests for SqliteLedger {
    fn reader_groups(&mut self) -> Result<Vec<ReaderGroup>, LedgerError> {
        self.read(groups)
    }

    fn cut(&mut self, digest: &Digest, readers: &[(ReaderGroup, Option<usize>)]) -> Result<Cut, LedgerError> {
        let path = &self.path;
        let tx = self
            .db
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .map_err(|e| super::database(path, &e))?;
        let cut = cut(&tx, digest, readers).map_err(|e| super::database(path, &e))?;
        // Dropping the transaction takes back whatever a refused cut has written.
        if let Cut::Made { digest, .. } = cut {
            tx.commit().map_err(|e| super::database(path, &e))?;
            super::place::note_newest_digest(path, digest.0);
        }
        Ok(cut)
    }

    fn digests(&mut self, limit: usize) -> Result<Vec<DigestSummary>, LedgerError> {
        self.read(|tx| {
            let mut digests: Vec<DigestSummary> = tx
                .prepare_cached(
                    "SELECT id, manual_name, cut_at, paused_until, pause_reason,
                            (SELECT subject FROM edition WHERE digest = id ORDER BY number LIMIT 1)
                     FROM digest ORDER BY id DESC LIMIT ?1",
                )?
                .query_map([limit as i64], |row| {
                    Ok(DigestSummary {
                        id: DigestId(row.get(0)?),
                        occasion: row
                            .get::<_, Option<String>>(1)?
                            .map_or(Occasion::Scheduled, Occasion::Manual),
                        cut_at: instant(row.get(2)?),
                        articles: Vec::new(),
                        subject: row.get::<_, Option<String>>(5)?.unwrap_or_default(),
                        pause: pause(row)?,
                        tally: crate::domain::Tally::default(),
                    })
                })?
                .collect::<rusqlite::Result<_>>()?;
            for digest in &mut digests {
                digest.tally = tally(tx, Some(digest.id))?;
                digest.articles = tx
                    .prepare_cached("SELECT article FROM digest_article WHERE digest = ?1 ORDER BY position")?
                    .query_map([digest.id.0], |row| row.get(0).map(ArticleId))?
                    .collect::<rusqlite::Result<_>>()?;
            }
            Ok(digests)
        })
    }

    fn edition(&mut self, digest: DigestId, number: usize) -> Result<Option<Edition>, LedgerError> {
        self.read(|tx| {
            tx.query_row(
                "SELECT language, articles, subject, html, text, mold FROM edition
                 WHERE digest = ?1 AND number = ?2",
                params![digest.0, number as i64],
                |row| {
                    let language: String = row.get(0)?;
                    let articles: String = row.get(1)?;
                    Ok(Edition {
                        language: Language::parse(&language)
                            .ok_or_else(|| strange(0, format!("`{language}` is no language")))?,
                        articles: articles.lines().map(|id| ArticleId(id.to_owned())).collect(),
                        subject: row.get(2)?,
                        html: row.get(3)?,
                        text: row.get(4)?,
                        mold: row.get(5)?,
                    })
                },
            )
            .optional()
        })
    }

    fn pause(&mut self, digest: DigestId, pause: &Pause) -> Result<(), LedgerError> {
        self.write(|tx| {
            tx.execute(
                "UPDATE digest SET paused_until = ?2, pause_reason = ?3 WHERE id = ?1",
                params![digest.0, millis(pause.until), pause.reason],
            )
            .map(|_| ())
        })
    }

    fn resume(&mut self) -> Result<u64, LedgerError> {
        self.write(|tx| {
            tx.execute(
                "UPDATE digest SET paused_until = NULL, pause_reason = NULL WHERE paused_until IS NOT NULL",
                [],
            )
            .map(|n| n as u64)
        })
    }
}

fn groups(tx: &Transaction<'_>) -> rusqlite::Result<Vec<ReaderGroup>> {
    tx.prepare_cached(
        "SELECT language, topics, frequency, count(*) FROM subscriber WHERE standing = 'confirmed'
         GROUP BY language, topics, frequency ORDER BY language, topics, frequency",
    )?
    .query_map([], |row| {
        Ok(ReaderGroup {
            language: Language::parse(&row.get::<_, String>(0)?),
            topics: topics_from_text(&row.get::<_, String>(1)?),
            frequency: Frequency::from_word(&row.get::<_, String>(2)?).unwrap_or_default(),
            readers: row.get::<_, i64>(3)? as u64,
        })
    })?
    .collect()
}

fn cut(
    tx: &Transaction<'_>,
    digest: &Digest,
    readers: &[(ReaderGroup, Option<usize>)],
) -> rusqlite::Result<Cut> {
    let (scheduled, manual_name) = match &digest.occasion {
        Occasion::Scheduled => (true, None),
        Occasion::Manual(name) => (false, Some(name)),
    };
    if let Some(name) = manual_name {
        let earlier = tx
            .query_row("SELECT id FROM digest WHERE manual_name = ?1", [name], |row| row.get(0))
            .optional()?;
        if let Some(earlier) = earlier {
            return Ok(Cut::NameTaken(DigestId(earlier)));
        }
    }
    let cut_at = millis(digest.cut_at);
    tx.execute("INSERT INTO digest (manual_name, cut_at) VALUES (?1, ?2)", params![manual_name, cut_at])?;
    let id = tx.last_insert_rowid();

    let mut announced_already = Vec::new();
    for (position, article) in digest.articles.iter().enumerate() {
        // A guid outlives its path, and two guids may have lived at one path: the latest counts.
        let found: Option<(String, Option<i64>)> = tx
            .prepare_cached(
                "SELECT guid, announced_at FROM article WHERE id = ?1
                 ORDER BY announced_at IS NOT NULL, guid LIMIT 1",
            )?
            .query_row([&article.0], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((guid, announced_at)) = found else {
            return Ok(Cut::UnknownArticle(article.clone()));
        };
        if scheduled && announced_at.is_some() {
            announced_already.push(article.clone());
            continue;
        }
        tx.execute(
            "INSERT INTO digest_article (digest, position, article, guid, scheduled) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![id, position as i64, article.0, guid, scheduled],
        )?;
        if scheduled {
            tx.execute("UPDATE article SET announced_at = ?2 WHERE guid = ?1", params![guid, cut_at])?;
        }
    }
    if !announced_already.is_empty() {
        return Ok(Cut::AlreadyAnnounced(announced_already));
    }

    for (number, edition) in digest.editions.iter().enumerate() {
        let articles: Vec<&str> = edition.articles.iter().map(|a| a.0.as_str()).collect();
        tx.execute(
            "INSERT INTO edition (digest, number, language, articles, subject, html, text, mold)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                id,
                number as i64,
                edition.language.tag(),
                articles.join("\n"),
                edition.subject,
                edition.html,
                edition.text,
                edition.mold
            ],
        )?;
    }

    let mut deliveries = 0;
    for group in groups(tx)? {
        let Some(edition) = edition_of(readers, &group) else { return Ok(Cut::ReadersChanged) };
        let Some(edition) = edition else { continue };
        deliveries += tx.execute(
            "INSERT INTO delivery (digest, subscriber, edition, state, due_at, at)
             SELECT ?1, id, ?2, 'waiting', ?3, ?3 FROM subscriber
             WHERE standing = 'confirmed' AND language = ?4 AND topics = ?5 AND frequency = ?6",
            params![
                id,
                *edition as i64,
                cut_at,
                group.language.as_ref().map_or("", Language::tag),
                topics_to_text(&group.topics),
                group.frequency.word(),
            ],
        )?;
    }
    Ok(Cut::Made { digest: DigestId(id), deliveries: deliveries as u64 })
}

fn pause(row: &Row<'_>) -> rusqlite::Result<Option<Pause>> {
    let until: Option<i64> = row.get("paused_until")?;
    let reason: Option<String> = row.get("pause_reason")?;
    Ok(until.map(|until| Pause { until: instant(until), reason: reason.unwrap_or_default() }))
}
