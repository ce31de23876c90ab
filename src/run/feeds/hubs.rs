//! Tells hubs which feeds have changed (WebSub). Never a fault of the run.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Fault, Order, Report};
use crate::domain::Ping;
use crate::ledger::Ledger;
use crate::publish::websub;
use crate::render::feed::Feed;

/// What hubs are to hear: each changed feed, not its archives.
pub fn pings(order: &Order, feeds: &[Feed], written: &[String]) -> Vec<Ping> {
    let changed = feeds.iter().flat_map(|feed| {
        let addresses = feed.names.addresses(&order.site.url);
        let files: Vec<_> = feed.names.written().map(|(format, name)| (name.to_owned(), format)).collect();
        files.into_iter().filter_map(move |(name, format)| {
            written.contains(&name).then(|| addresses.of(format).cloned()).flatten()
        })
    });
    changed
        .flat_map(|topic| {
            order.settings.hubs.iter().map(move |hub| Ping { hub: hub.clone(), topic: topic.clone() })
        })
        .collect()
}

/// How long a hub may take for each step of its answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Tells hubs what they are owed. One that fails once is left in peace until the next run.
pub fn tell(
    changed: Vec<Ping>,
    mut ledger: Option<&mut dyn Ledger>,
    report: &mut Report,
) -> Result<(), Fault> {
    let owed = match ledger.as_mut() {
        Some(ledger) => ledger.owed_pings()?,
        None => changed,
    };
    let mut deaf = BTreeSet::new();
    for ping in owed {
        if deaf.contains(&ping.hub) {
            continue;
        }
        match websub::ping(&ping, PATIENCE) {
            Ok(()) => {
                report.pings += 1;
                if let Some(ledger) = ledger.as_mut() {
                    ledger.ping_accepted(&ping)?;
                }
            }
            Err(error) => {
                report.unheard.push(error.to_string());
                deaf.insert(ping.hub);
            }
        }
    }
    Ok(())
}
