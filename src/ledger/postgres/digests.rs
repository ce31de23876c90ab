//! Digests in PostgreSQL.

use postgres::Row;

use super::deliveries::tally;
use super::{Begin, PostgresLedger, Session, Sql, Trouble, text};
use crate::domain::{ArticleId, Digest, DigestId, Edition, Frequency, Language, Occasion};
use crate::ledger::digests::{edition_of, topics_from_text, topics_to_text};
use crate::ledger::{Cut, DigestSummary, Digests, LedgerError, Pause, ReaderGroup, instant, millis};

impl Digests for PostgresLedger {
    fn reader_groups(&mut self) -> Result<Vec<ReaderGroup>, LedgerError> {
        self.db.read(groups)
    }

    fn cut(&mut self, digest: &Digest, readers: &[(ReaderGroup, Option<usize>)]) -> Result<Cut, LedgerError> {
        self.db.write_if(Begin::Cutting, |session| {
            let cut = cut(session, digest, readers)?;
            // A refused cut takes back whatever it has written.
            let made = matches!(cut, Cut::Made { .. });
            Ok((cut, made))
        })
    }

    fn digests(&mut self, limit: usize) -> Result<Vec<DigestSummary>, LedgerError> {
        self.db.look(|session| {
            let rows = session.query(
                "SELECT id, manual_name, cut_at, paused_until, pause_reason,
                        (SELECT subject FROM edition WHERE digest = id ORDER BY number LIMIT 1),
                        ARRAY(SELECT article FROM digest_article WHERE digest = id ORDER BY position)
                 FROM digest ORDER BY id DESC LIMIT $1",
                &[&(limit as i64)],
            )?;
            rows.iter()
                .map(|row| {
                    let id = DigestId(row.try_get(0)?);
                    Ok(DigestSummary {
                        id,
                        occasion: row
                            .try_get::<_, Option<String>>(1)?
                            .map_or(Occasion::Scheduled, Occasion::Manual),
                        cut_at: instant(row.try_get(2)?),
                        articles: row.try_get::<_, Vec<String>>(6)?.into_iter().map(ArticleId).collect(),
                        subject: row.try_get::<_, Option<String>>(5)?.unwrap_or_default(),
                        pause: pause(row)?,
                        tally: tally(session, Some(id))?,
                    })
                })
                .collect()
        })
    }

    fn edition(&mut self, digest: DigestId, number: usize) -> Result<Option<Edition>, LedgerError> {
        self.db.read(|session| {
            let row = session.query_opt(
                "SELECT language, articles, subject, html, text, mold FROM edition
                 WHERE digest = $1 AND number = $2",
                &[&digest.0, &(number as i64)],
            )?;
            let Some(row) = row else { return Ok(None) };
            let language: &str = row.try_get(0)?;
            Ok(Some(Edition {
                language: Language::parse(language)
                    .ok_or_else(|| Trouble::Strange(format!("`{language}` is no language")))?,
                articles: row.try_get::<_, &str>(1)?.lines().map(|id| ArticleId(id.to_owned())).collect(),
                subject: row.try_get(2)?,
                html: row.try_get(3)?,
                text: row.try_get(4)?,
                mold: row.try_get(5)?,
            }))
        })
    }

    fn pause(&mut self, digest: DigestId, pause: &Pause) -> Result<(), LedgerError> {
        self.db.write(Begin::Usual, |session| {
            session
                .execute(
                    "UPDATE digest SET paused_until = $2, pause_reason = $3 WHERE id = $1",
                    &[&digest.0, &millis(pause.until), &text(&pause.reason)],
                )
                .map(|_| ())
        })
    }

    fn resume(&mut self) -> Result<u64, LedgerError> {
        self.db.write(Begin::Usual, |session| {
            session.execute(
                "UPDATE digest SET paused_until = NULL, pause_reason = NULL WHERE paused_until IS NOT NULL",
                &[],
            )
        })
    }
}

fn groups(session: &mut Session) -> Sql<Vec<ReaderGroup>> {
    let rows = session.query(
        "SELECT language, topics, frequency, count(*) FROM subscriber WHERE standing = 'confirmed'
         GROUP BY language, topics, frequency ORDER BY language, topics, frequency",
        &[],
    )?;
    rows.iter()
        .map(|row| {
            Ok(ReaderGroup {
                language: Language::parse(row.try_get(0)?),
                topics: topics_from_text(row.try_get(1)?),
                frequency: Frequency::from_word(row.try_get(2)?).unwrap_or_default(),
                readers: row.try_get::<_, i64>(3)? as u64,
            })
        })
        .collect()
}

fn cut(session: &mut Session, digest: &Digest, readers: &[(ReaderGroup, Option<usize>)]) -> Sql<Cut> {
    let (scheduled, manual_name) = match &digest.occasion {
        Occasion::Scheduled => (true, None),
        Occasion::Manual(name) => (false, Some(text(name))),
    };
    if let Some(name) = &manual_name
        && let Some(row) = session.query_opt("SELECT id FROM digest WHERE manual_name = $1", &[name])?
    {
        return Ok(Cut::NameTaken(DigestId(row.try_get(0)?)));
    }
    let cut_at = millis(digest.cut_at);
    let id: i64 = session
        .query_one(
            "INSERT INTO digest (manual_name, cut_at) VALUES ($1, $2) RETURNING id",
            &[&manual_name, &cut_at],
        )?
        .try_get(0)?;

    let mut announced_already = Vec::new();
    for (position, article) in digest.articles.iter().enumerate() {
        // A guid outlives its path, and two guids may have lived at one path: the latest counts.
        let found = session.query_opt(
            "SELECT guid, announced_at FROM article WHERE id = $1
             ORDER BY announced_at IS NOT NULL, guid LIMIT 1",
            &[&article.0],
        )?;
        let Some(found) = found else { return Ok(Cut::UnknownArticle(article.clone())) };
        let (guid, announced_at): (String, Option<i64>) = (found.try_get(0)?, found.try_get(1)?);
        if scheduled && announced_at.is_some() {
            announced_already.push(article.clone());
            continue;
        }
        session.execute(
            "INSERT INTO digest_article (digest, position, article, guid, scheduled)
             VALUES ($1, $2, $3, $4, $5)",
            &[&id, &(position as i64), &article.0, &guid, &scheduled],
        )?;
        if scheduled {
            session.execute("UPDATE article SET announced_at = $2 WHERE guid = $1", &[&guid, &cut_at])?;
        }
    }
    if !announced_already.is_empty() {
        return Ok(Cut::AlreadyAnnounced(announced_already));
    }

    for (number, edition) in digest.editions.iter().enumerate() {
        let articles: Vec<&str> = edition.articles.iter().map(|a| a.0.as_str()).collect();
        session.execute(
            "INSERT INTO edition (digest, number, language, articles, subject, html, text, mold)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            &[
                &id,
                &(number as i64),
                &edition.language.tag(),
                &articles.join("\n"),
                &text(&edition.subject),
                &text(&edition.html),
                &text(&edition.text),
                &edition.mold,
            ],
        )?;
    }

    let mut deliveries = 0;
    for group in groups(session)? {
        let Some(edition) = edition_of(readers, &group) else { return Ok(Cut::ReadersChanged) };
        let Some(edition) = edition else { continue };
        deliveries += session.execute(
            "INSERT INTO delivery (digest, subscriber, edition, state, due_at, at)
             SELECT $1, id, $2, 'waiting', $3, $3 FROM subscriber
             WHERE standing = 'confirmed' AND language = $4 AND topics = $5 AND frequency = $6
             ORDER BY id",
            &[
                &id,
                &(*edition as i64),
                &cut_at,
                &group.language.as_ref().map_or("", Language::tag),
                &topics_to_text(&group.topics),
                &group.frequency.word(),
            ],
        )?;
    }
    Ok(Cut::Made { digest: DigestId(id), deliveries })
}

fn pause(row: &Row) -> Sql<Option<Pause>> {
    let until: Option<i64> = row.try_get("paused_until")?;
    let reason: Option<String> = row.try_get("pause_reason")?;
    Ok(until.map(|until| Pause { until: instant(until), reason: reason.unwrap_or_default() }))
}
