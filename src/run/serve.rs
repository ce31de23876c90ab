//! The HTTP service: people subscribe, confirm, choose, leave and are forgotten; everyone reads the
//! archive and the feeds.
//!
//! What it promises:
//! - GET and HEAD change nothing; mail scanners may open every link.
//! - A token from a letter is the only key: there is no cookie, no session, no password.
//! - The same answer, in the same time, for known and unknown addresses: a form is answered before
//!   the ledger is asked (`post`).
//! - Links in letters and pages come from the configured address only, never from a request.
//! - Leaving is done when the answer is sent, also while a digest is going out.
//!
//! axum and tokio live here and nowhere else.

mod archive;
pub mod client;
mod files;
mod form;
mod limits;
mod listen;
pub mod post;
mod routes;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::oneshot;

pub use client::Network;
pub use limits::Rates;

use crate::ledger::Membership;
use crate::render::digest::Theme;
use crate::render::letter::ListSettings;
use crate::render::pages::House;
use crate::run::{Ending, Fault};
use files::Folder;
use limits::Limits;
use post::{Job, Post, Writing};

/// Tells the time: the clock itself is read in `main`.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// How the service meets the network.
#[derive(Debug, Clone)]
pub struct Settings {
    pub listen: SocketAddr,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    pub rates: Rates,
    /// Open at a time; the next one waits.
    pub connections: usize,
    /// A client that is slower than this at its header is a `slowloris`.
    pub header_time: Duration,
    /// From the header to the end of the answer; a body that trickles in is cut off too.
    pub answer_time: Duration,
    /// Where the feeds are published.
    pub feeds: PathBuf,
}

impl Settings {
    /// On loopback, for a proxy on the same machine.
    #[must_use]
    pub fn new(feeds: PathBuf) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8025)),
            trusted_proxies: Vec::new(),
            rates: Rates::default(),
            connections: 1024,
            header_time: Duration::from_secs(10),
            answer_time: Duration::from_secs(30),
            feeds,
        }
    }
}

/// Everything the service needs.
pub struct Serving {
    pub settings: Settings,
    pub house: House,
    pub list: ListSettings,
    pub theme: Theme,
    pub timezone: chrono_tz::Tz,
    /// One for the pages and one for the letters: each is a connection of its own.
    pub ledgers: [Box<dyn Membership + Send>; 2],
    pub post: Post,
    pub clock: Clock,
}

/// What ends the service.
pub enum Stop {
    /// SIGTERM or SIGINT.
    Signals,
    When(oneshot::Receiver<()>),
}

/// Serves until it is stopped: then finishes the answers and letters that were begun.
///
/// # Errors
/// A runtime or socket that cannot be had.
pub fn serve(serving: Serving, listener: TcpListener, stop: Stop) -> Result<Ending, Fault> {
    let Serving { settings, house, list, theme, timezone, ledgers, post, clock } = serving;
    let [pages, letters] = ledgers;
    let house = Arc::new(house);
    let (sender, jobs) = sync_channel(1000);
    let writing = Writing {
        ledger: letters,
        house: Arc::clone(&house),
        list,
        theme: theme.clone(),
        timezone,
        clock: Arc::clone(&clock),
        post,
    };
    let writer = std::thread::Builder::new().name("letters".to_owned()).spawn(move || writing.work(&jobs))?;
    let bounds = listen::Bounds {
        connections: settings.connections,
        header_time: settings.header_time,
        answer_time: settings.answer_time,
    };
    let service = Arc::new(Service {
        style: files::Kept::new(
            crate::render::pages::style(&theme).into_bytes(),
            "text/css; charset=utf-8",
            clock().into(),
        ),
        limits: Mutex::new(Limits::new(settings.rates, clock())),
        feeds: Folder::new(settings.feeds),
        trusted: settings.trusted_proxies,
        ledger: Mutex::new(pages),
        jobs: sender,
        timezone,
        house,
        clock,
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(listen::answer_until(service, listener, bounds, stop))?;
    // The last sender went with the service: the writer ends when its work is done.
    drop(runtime);
    writer.join().map_err(|_| Fault("the thread that writes letters came to grief".to_owned()))?;
    Ok(Ending::Done)
}

/// What every request finds.
struct Service {
    house: Arc<House>,
    style: files::Kept,
    feeds: Folder,
    ledger: Mutex<Box<dyn Membership + Send>>,
    limits: Mutex<Limits>,
    trusted: Vec<Network>,
    jobs: SyncSender<Job>,
    timezone: chrono_tz::Tz,
    clock: Clock,
}
