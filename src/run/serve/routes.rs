//! Which address answers what.
//!
//! Handlers read the request, ask the ledger at most once, and show a page. Whatever a token opens,
//! a wrong one is answered like a right one where the answer could tell them apart.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, DefaultBodyLimit, Path, RawQuery, State};
use axum::http::{HeaderMap, Method, Response, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use tracing::error;

use super::archive::{archive, archive_feed, archived, sitemap};
use super::form::{Fields, lang_of};
use super::post::Job;
use super::{Service, client};
use crate::domain::{EmailAddress, Frequency};
use crate::ledger::{Asking, LedgerError, Membership};
use crate::render::pages::{self, Form, Page};
use crate::render::words::PageWords;

/// The longest form, octets.
pub const LONGEST_BODY: usize = 16 * 1024;

pub(super) type Answer = Response<Body>;
pub(super) type App = State<Arc<Service>>;

pub fn router(service: Arc<Service>) -> Router {
    let root = service.house.root.clone();
    let at = |path: &str| format!("{root}{path}");
    let mut router = Router::new()
        .route(&root, get(home))
        .route(&at("subscribe"), get(home).post(subscribe))
        .route(&at("confirm/{token}"), get(show_confirm).post(confirm))
        .route(&at("unsubscribe/{token}"), get(show_leave).post(leave))
        .route(&at("preferences/{token}"), get(preferences).post(choose))
        .route(&at("data/{token}"), post(send_data))
        .route(&at("forget/{token}"), post(forget))
        .route(&at("erase/{token}"), get(show_erase).post(erase))
        .route(&at("archive"), get(archive))
        .route(&at("archive/{number}"), get(archived))
        .route(&at("archive.xml"), get(archive_feed))
        .route(&at("sitemap.xml"), get(sitemap))
        .route(&at("style.css"), get(style))
        .route(&at("healthz"), get(health));
    if root.len() > 1 {
        router = router.route(root.trim_end_matches('/'), get(home));
    }
    router.fallback(nowhere).layer(DefaultBodyLimit::max(LONGEST_BODY)).with_state(service)
}

async fn home(State(service): App, query: RawQuery, headers: HeaderMap) -> Answer {
    let words = service.words(&query, &headers);
    let form = service.empty_form(words);
    cached(service.page(StatusCode::OK, words, &Page::Subscribe(&form)))
}

/// Answers the form: the same page for every sound address, before anyone looks whether it is known.
async fn subscribe(
    State(service): App,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    query: RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let fields = Fields::read(&body);
    let words = service.words_of(fields.one("lang").or(lang_of(&query).as_deref()), &headers);
    let client = service.client(peer.ip(), &headers);
    if !service.may_write(client) {
        return service.too_many(words);
    }
    // Only a machine fills in what nobody sees. It is told what a person is told.
    if fields.one("website").is_some_and(|filled| !filled.is_empty()) {
        return service.page(StatusCode::OK, words, &Page::LookInMailbox);
    }
    let Some(email) = fields.only("email").and_then(|text| EmailAddress::parse(text).ok()) else {
        let form = Form {
            wrong: true,
            email: fields.one("email").unwrap_or_default().chars().take(254).collect(),
            topics: fields.all("topic"),
            language: fields.one("language").unwrap_or(words.language).to_owned(),
            monthly: fields.one("frequency") == Some(Frequency::Monthly.word()),
        };
        return service.page(StatusCode::BAD_REQUEST, words, &Page::Subscribe(&form));
    };
    let asking = Asking {
        email,
        choice: service.choice(&fields, words),
        origin: format!("form, from {client}"),
        consent_text: pages::consent_text(&service.house, words),
    };
    service.hand_over(Job::Join(Box::new(asking), words), words, &Page::LookInMailbox)
}

async fn show_confirm(
    State(service): App,
    Path(token): Path<String>,
    query: RawQuery,
    headers: HeaderMap,
) -> Answer {
    let words = service.words(&query, &headers);
    service.page(StatusCode::OK, words, &Page::Confirm { token: plain(&token) })
}

async fn confirm(State(service): App, Path(token): Path<String>, headers: HeaderMap, body: Bytes) -> Answer {
    let words = service.words_of(Fields::read(&body).one("lang"), &headers);
    let now = (service.clock)();
    match service
        .ask(move |ledger| {
            let person = ledger.confirm(&token, now)?;
            Ok(person.map(|person| (ledger.letter_token(person.id), person)))
        })
        .await
    {
        Ok(Some((token, person))) => {
            let welcome = Job::Welcome(Box::new(person), words);
            service.hand_over(welcome, words, &Page::Confirmed { token: &token })
        }
        Ok(None) => service.page(StatusCode::GONE, words, &Page::LinkExpired),
        Err(fault) => service.out_of_order(words, &fault),
    }
}

async fn show_leave(
    State(service): App,
    Path(token): Path<String>,
    query: RawQuery,
    headers: HeaderMap,
) -> Answer {
    let words = service.words(&query, &headers);
    service.page(StatusCode::OK, words, &Page::Leave { token: plain(&token) })
}

/// The button of the page, and the one-click request of mail providers (RFC 8058): no cookie, no
/// redirect, done when the answer is sent, the same answer for every token.
async fn leave(
    State(service): App,
    Path(token): Path<String>,
    query: RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let fields = Fields::read(&body);
    let words = service.words_of(fields.one("lang").or(lang_of(&query).as_deref()), &headers);
    let one_click = body.windows(ONE_CLICK.len()).any(|window| window == ONE_CLICK);
    let how = if one_click { "one click, from a mail program" } else { "by the page" };
    let (now, asked) = ((service.clock)(), token.clone());
    match service.ask(move |ledger| ledger.leave(&asked, how, now)).await {
        Ok(_) => service.page(StatusCode::OK, words, &Page::Left { token: plain(&token) }),
        Err(fault) => service.out_of_order(words, &fault),
    }
}

const ONE_CLICK: &[u8] = b"One-Click";

async fn preferences(
    State(service): App,
    Path(token): Path<String>,
    query: RawQuery,
    headers: HeaderMap,
) -> Answer {
    let asked = token.clone();
    let words = service.words(&query, &headers);
    match service.ask(move |ledger| ledger.holder(&asked)).await {
        Ok(Some(person)) => {
            let form = service.form_of(&person);
            let masked = person.email.masked();
            let page = Page::Preferences { token: &token, masked: &masked, form: &form };
            service.page(StatusCode::OK, words, &page)
        }
        Ok(None) => service.page(StatusCode::NOT_FOUND, words, &Page::NotFound),
        Err(fault) => service.out_of_order(words, &fault),
    }
}

async fn choose(State(service): App, Path(token): Path<String>, headers: HeaderMap, body: Bytes) -> Answer {
    let fields = Fields::read(&body);
    let words = service.words_of(fields.one("lang"), &headers);
    let choice = service.choice(&fields, words);
    let (now, asked) = ((service.clock)(), token.clone());
    let chosen = service.ask(move |ledger| {
        let Some(person) = ledger.holder(&asked)? else { return Ok(false) };
        ledger.choose(person.id, &choice, now).map(|()| true)
    });
    match chosen.await {
        Ok(true) => service.page(StatusCode::OK, words, &Page::PreferencesSaved { token: &token }),
        Ok(false) => service.page(StatusCode::NOT_FOUND, words, &Page::NotFound),
        Err(fault) => service.out_of_order(words, &fault),
    }
}

async fn send_data(
    service: App,
    peer: ConnectInfo<SocketAddr>,
    Path(token): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    ask_for_letter(&service, peer, &headers, &body, |words| Job::Data(token, words), &Page::DataSent)
}

async fn forget(
    service: App,
    peer: ConnectInfo<SocketAddr>,
    Path(token): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    ask_for_letter(&service, peer, &headers, &body, |words| Job::Forget(token, words), &Page::ForgetAsked)
}

/// Has a letter written to the holder of a token, if there is one; the page is the same if not.
fn ask_for_letter(
    service: &Service,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: &HeaderMap,
    body: &[u8],
    job: impl FnOnce(&'static PageWords) -> Job,
    page: &Page<'_>,
) -> Answer {
    let words = service.words_of(Fields::read(body).one("lang"), headers);
    if !service.may_write(service.client(peer.ip(), headers)) {
        return service.too_many(words);
    }
    service.hand_over(job(words), words, page)
}

async fn show_erase(
    State(service): App,
    Path(token): Path<String>,
    query: RawQuery,
    headers: HeaderMap,
) -> Answer {
    let words = service.words(&query, &headers);
    service.page(StatusCode::OK, words, &Page::Erase { token: plain(&token) })
}

async fn erase(State(service): App, Path(token): Path<String>, headers: HeaderMap, body: Bytes) -> Answer {
    let words = service.words_of(Fields::read(&body).one("lang"), &headers);
    let now = (service.clock)();
    match service.ask(move |ledger| ledger.erase(&token, now)).await {
        Ok(true) => service.page(StatusCode::OK, words, &Page::Erased),
        Ok(false) => service.page(StatusCode::GONE, words, &Page::LinkExpired),
        Err(fault) => service.out_of_order(words, &fault),
    }
}

async fn style(State(service): App, headers: HeaderMap) -> Answer {
    service.style.answer(&headers)
}

/// Answers 200 while the ledger answers.
async fn health(State(service): App) -> Answer {
    match service.ask(|ledger| ledger.confirmed()).await {
        Ok(_) => (StatusCode::OK, [(header::CACHE_CONTROL, "no-store")], "ok\n").into_response(),
        Err(fault) => {
            error!("health: {fault}");
            (StatusCode::SERVICE_UNAVAILABLE, "the ledger does not answer\n").into_response()
        }
    }
}

/// Published files are answered before the router is asked; whatever else it does not know is not
/// here.
async fn nowhere(State(service): App, query: RawQuery, headers: HeaderMap) -> Answer {
    service.page(StatusCode::NOT_FOUND, service.words(&query, &headers), &Page::NotFound)
}

/// Names of ours, which no published file takes.
const OWN: [&str; 3] = ["style.css", "archive.xml", "sitemap.xml"];

impl Service {
    /// The answer to a look at a published file; `None` when there is none of that path. Feed readers
    /// ask every few minutes, for ever: this is the one path worth a shortcut.
    pub fn published(&self, method: &Method, path: &str, headers: &HeaderMap) -> Option<Answer> {
        let path = path.strip_prefix(self.house.root.as_str())?;
        if OWN.contains(&path) || !matches!(*method, Method::GET | Method::HEAD) {
            return None;
        }
        Some(self.feeds.file(path)?.answer(headers))
    }

    pub(super) fn page(&self, status: StatusCode, words: &'static PageWords, page: &Page<'_>) -> Answer {
        let html = pages::page(&self.house, words, page);
        let headers = [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CACHE_CONTROL, "no-store"),
            (header::VARY, "Accept-Language"),
        ];
        (status, headers, html).into_response()
    }

    fn too_many(&self, words: &'static PageWords) -> Answer {
        let mut answer = self.page(StatusCode::TOO_MANY_REQUESTS, words, &Page::TooMany);
        answer.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("600"));
        answer
    }

    pub(super) fn out_of_order(&self, words: &'static PageWords, fault: &LedgerError) -> Answer {
        error!("{fault}");
        self.page(StatusCode::SERVICE_UNAVAILABLE, words, &Page::Unavailable)
    }

    /// Leaves a letter to the writer; when the writer cannot follow, says so instead of waiting.
    fn hand_over(&self, job: Job, words: &'static PageWords, page: &Page<'_>) -> Answer {
        match self.jobs.try_send(job) {
            Ok(()) => self.page(StatusCode::OK, words, page),
            Err(_) => self.page(StatusCode::SERVICE_UNAVAILABLE, words, &Page::Unavailable),
        }
    }

    /// Asks the ledger on a thread that may wait.
    pub(super) async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        verb: impl FnOnce(&mut dyn Membership) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let service = Arc::clone(self);
        let asked = tokio::task::spawn_blocking(move || {
            let mut ledger = service.ledger.lock().unwrap_or_else(PoisonError::into_inner);
            verb(ledger.as_mut())
        });
        asked.await.unwrap_or_else(|fault| {
            Err(LedgerError::Database { ledger: String::new(), what: fault.to_string() })
        })
    }

    fn may_write(&self, client: IpAddr) -> bool {
        let now = (self.clock)();
        self.limits.lock().unwrap_or_else(PoisonError::into_inner).allow(client, now)
    }

    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let hops: Vec<&str> =
            headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok()).collect();
        client::client(peer, &hops, &self.trusted)
    }
}

/// A token as it may stand in a link; what is no token is shown as none.
fn plain(token: &str) -> &str {
    let sound = token.len() == 32 && token.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'));
    if sound { token } else { "unknown" }
}

/// A page without anything personal.
pub(super) fn cached(mut answer: Answer) -> Answer {
    let value = header::HeaderValue::from_static("public, max-age=60");
    answer.headers_mut().insert(header::CACHE_CONTROL, value);
    answer
}
