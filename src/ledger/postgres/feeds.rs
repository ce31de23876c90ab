//! Feeds in PostgreSQL.

use url::Url;

use super::{Fault, PostgresLedger};
use crate::domain::{Guid, KnownText, Ping};
use crate::ledger::{Feeds, LedgerError, instant, millis};

impl Feeds for PostgresLedger {
    fn feed_texts(&mut self) -> Result<Vec<KnownText>, LedgerError> {
        self.verb(|tx| {
            let rows =
                tx.query("SELECT guid, hash, updated FROM feed_text ORDER BY guid COLLATE \"C\"", &[])?;
            Ok(rows
                .iter()
                .map(|row| KnownText {
                    guid: Guid(row.get(0)),
                    hash: row.get(1),
                    updated: instant(row.get(2)),
                })
                .collect())
        })
    }

    fn record_feed_texts(&mut self, texts: &[KnownText]) -> Result<(), LedgerError> {
        if texts.is_empty() {
            return Ok(());
        }
        self.verb(|tx| {
            for text in texts {
                tx.execute(
                    "INSERT INTO feed_text (guid, hash, updated) VALUES ($1, $2, $3)
                     ON CONFLICT (guid) DO UPDATE SET hash = excluded.hash, updated = excluded.updated",
                    &[&text.guid.0, &text.hash, &millis(text.updated)],
                )?;
            }
            Ok(())
        })
    }

    fn owed_pings(&mut self) -> Result<Vec<Ping>, LedgerError> {
        self.verb(|tx| {
            let url = |text: &str| Url::parse(text).map_err(Fault::row);
            tx.query("SELECT hub, topic FROM hub_ping ORDER BY hub COLLATE \"C\", topic COLLATE \"C\"", &[])?
                .iter()
                .map(|row| Ok(Ping { hub: url(row.get(0))?, topic: url(row.get(1))? }))
                .collect()
        })
    }

    fn owe_pings(&mut self, pings: &[Ping]) -> Result<(), LedgerError> {
        if pings.is_empty() {
            return Ok(());
        }
        self.verb(|tx| {
            for ping in pings {
                tx.execute(
                    "INSERT INTO hub_ping (hub, topic) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                    &[&ping.hub.as_str(), &ping.topic.as_str()],
                )?;
            }
            Ok(())
        })
    }

    fn ping_accepted(&mut self, ping: &Ping) -> Result<(), LedgerError> {
        self.verb(|tx| {
            tx.execute(
                "DELETE FROM hub_ping WHERE hub = $1 AND topic = $2",
                &[&ping.hub.as_str(), &ping.topic.as_str()],
            )
            .map(|_| ())
        })
    }
}
