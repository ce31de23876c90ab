//! Feeds in PostgreSQL.

use url::Url;

use super::{Begin, PostgresLedger, Trouble};
use crate::domain::{Guid, KnownText, Ping, TextHash};
use crate::ledger::feeds::written;
use crate::ledger::{Feeds, LedgerError, instant, millis};

impl Feeds for PostgresLedger {
    fn feed_texts(&mut self) -> Result<Vec<KnownText>, LedgerError> {
        self.db.read(|session| {
            let rows = session.query("SELECT guid, hash, updated FROM feed_text ORDER BY guid", &[])?;
            rows.iter()
                .map(|row| {
                    Ok(KnownText {
                        guid: Guid(row.try_get(0)?),
                        hash: TextHash::parse(row.try_get(1)?),
                        updated: instant(row.try_get(2)?),
                    })
                })
                .collect()
        })
    }

    fn record_feed_texts(&mut self, texts: &[KnownText]) -> Result<(), LedgerError> {
        if texts.is_empty() {
            return Ok(());
        }
        let guids: Vec<&str> = texts.iter().map(|text| text.guid.0.as_str()).collect();
        let hashes: Vec<String> = texts.iter().map(|text| written(text.hash)).collect();
        let updated: Vec<i64> = texts.iter().map(|text| millis(text.updated)).collect();
        self.db.write(Begin::Usual, |session| {
            session
                .execute(
                    "INSERT INTO feed_text (guid, hash, updated)
                     SELECT * FROM UNNEST($1::TEXT[], $2::TEXT[], $3::BIGINT[])
                     ON CONFLICT (guid) DO UPDATE SET hash = excluded.hash, updated = excluded.updated",
                    &[&guids, &hashes, &updated],
                )
                .map(|_| ())
        })
    }

    fn owed_pings(&mut self) -> Result<Vec<Ping>, LedgerError> {
        let url = |text: String| Url::parse(&text).map_err(|e| Trouble::Strange(format!("{text}: {e}")));
        self.db.read(|session| {
            let rows = session.query("SELECT hub, topic FROM hub_ping ORDER BY hub, topic", &[])?;
            rows.iter()
                .map(|row| Ok(Ping { hub: url(row.try_get(0)?)?, topic: url(row.try_get(1)?)? }))
                .collect()
        })
    }

    fn owe_pings(&mut self, pings: &[Ping]) -> Result<(), LedgerError> {
        if pings.is_empty() {
            return Ok(());
        }
        self.db.write(Begin::Usual, |session| {
            for ping in pings {
                session.execute(
                    "INSERT INTO hub_ping (hub, topic) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                    &[&ping.hub.as_str(), &ping.topic.as_str()],
                )?;
            }
            Ok(())
        })
    }

    fn ping_accepted(&mut self, ping: &Ping) -> Result<(), LedgerError> {
        self.db.write(Begin::Usual, |session| {
            session
                .execute(
                    "DELETE FROM hub_ping WHERE hub = $1 AND topic = $2",
                    &[&ping.hub.as_str(), &ping.topic.as_str()],
                )
                .map(|_| ())
        })
    }
}
