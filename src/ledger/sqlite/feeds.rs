//! Feeds in SQLite.

use rusqlite::params_from_iter;
use rusqlite::types::{Type, Value};
use url::Url;

use super::SqliteLedger;
use crate::domain::{Guid, KnownText, Ping, TextHash};
use crate::ledger::feeds::written;
use crate::ledger::{Feeds, LedgerError, instant, millis};

/// Rows that one statement writes: all of a site are a third faster so than one by one.
const ROWS: usize = 50;

impl Feeds for SqliteLedger {
    fn feed_texts(&mut self) -> Result<Vec<KnownText>, LedgerError> {
        self.read(|tx| {
            tx.prepare_cached("SELECT guid, hash, updated FROM feed_text ORDER BY guid")?
                .query_map([], |row| {
                    Ok(KnownText {
                        guid: Guid(row.get(0)?),
                        hash: TextHash::parse(row.get_ref(1)?.as_str()?),
                        updated: instant(row.get(2)?),
                    })
                })?
                .collect()
        })
    }

    fn record_feed_texts(&mut self, texts: &[KnownText]) -> Result<(), LedgerError> {
        if texts.is_empty() {
            return Ok(());
        }
        // In the order of the table, so that one row goes behind the other.
        let mut texts: Vec<&KnownText> = texts.iter().collect();
        texts.sort_unstable_by(|a, b| a.guid.cmp(&b.guid));
        self.write(|tx| {
            for texts in texts.chunks(ROWS) {
                let rows = vec!["(?, ?, ?)"; texts.len()].join(", ");
                let mut upsert = tx.prepare_cached(&format!(
                    "INSERT INTO feed_text (guid, hash, updated) VALUES {rows}
                     ON CONFLICT (guid) DO UPDATE SET hash = excluded.hash, updated = excluded.updated",
                ))?;
                let row = |text: &KnownText| {
                    let guid = Value::from(text.guid.0.clone());
                    [guid, written(text.hash).into(), millis(text.updated).into()]
                };
                upsert.execute(params_from_iter(texts.iter().flat_map(|text| row(text))))?;
            }
            Ok(())
        })
    }

    fn owed_pings(&mut self) -> Result<Vec<Ping>, LedgerError> {
        let url = |column: usize, text: String| {
            Url::parse(&text)
                .map_err(|e| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(e)))
        };
        self.read(|tx| {
            tx.prepare_cached("SELECT hub, topic FROM hub_ping ORDER BY hub, topic")?
                .query_map([], |row| Ok(Ping { hub: url(0, row.get(0)?)?, topic: url(1, row.get(1)?)? }))?
                .collect()
        })
    }

    fn owe_pings(&mut self, pings: &[Ping]) -> Result<(), LedgerError> {
        if pings.is_empty() {
            return Ok(());
        }
        self.write(|tx| {
            let mut insert = tx
                .prepare_cached("INSERT INTO hub_ping (hub, topic) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?;
            for ping in pings {
                insert.execute([ping.hub.as_str(), ping.topic.as_str()])?;
            }
            Ok(())
        })
    }

    fn ping_accepted(&mut self, ping: &Ping) -> Result<(), LedgerError> {
        self.write(|tx| {
            tx.execute(
                "DELETE FROM hub_ping WHERE hub = ?1 AND topic = ?2",
                [ping.hub.as_str(), ping.topic.as_str()],
            )
            .map(|_| ())
        })
    }
}
