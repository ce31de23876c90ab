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
use url::form_urlencoded;

use super::files::Kept;
use super::post::Job;
use super::{Service, client};
use crate::domain::{DigestId, EmailAddress, Frequency, Language, Subscriber};
use crate::ledger::{Asking, Choice, LedgerError, Membership};
use crate::render::pages::{self, ArchivedLetter, Form, Page};
use crate::render::words::PageWords;

/// The longest form, octets.
pub const LONGEST_BODY: usize = 16 * 1024;

/// Digests in the archive's list, and in its feed.
const ARCHIVE: usize = 500;
const ARCHIVE_FEED: usize = 20;

type Answer = Response<Body>;
type App = State<Arc<Service>>;

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
    State(service): App,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(token): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let words = service.words_of(Fields::read(&body).one("lang"), &headers);
    if !service.may_write(service.client(peer.ip(), &headers)) {
        return service.too_many(words);
    }
    service.hand_over(Job::Data(token, words), words, &Page::DataSent)
}

async fn forget(
    State(service): App,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(token): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let words = service.words_of(Fields::read(&body).one("lang"), &headers);
    if !service.may_write(service.client(peer.ip(), &headers)) {
        return service.too_many(words);
    }
    service.hand_over(Job::Forget(token, words), words, &Page::ForgetAsked)
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

async fn archive(State(service): App, query: RawQuery, headers: HeaderMap) -> Answer {
    let words = service.words(&query, &headers);
    match service.ask(|ledger| ledger.archive(ARCHIVE)).await {
        Ok(digests) => {
            let letters: Vec<ArchivedLetter> = digests
                .into_iter()
                .map(|digest| ArchivedLetter {
                    number: digest.id.0,
                    subject: digest.subject,
                    cut_at: digest.cut_at.with_timezone(&service.timezone).fixed_offset(),
                    text: String::new(),
                })
                .collect();
            cached(service.page(StatusCode::OK, words, &Page::Archive(&letters)))
        }
        Err(fault) => service.out_of_order(words, &fault),
    }
}

async fn archived(
    State(service): App,
    Path(number): Path<String>,
    query: RawQuery,
    headers: HeaderMap,
) -> Answer {
    let words = service.words(&query, &headers);
    let Ok(number) = number.parse::<i64>() else {
        return service.page(StatusCode::NOT_FOUND, words, &Page::NotFound);
    };
    match service.ask(move |ledger| ledger.archived(DigestId(number), words.language)).await {
        // The letter as it was frozen: its styles stand in it, its images on the site.
        Ok(Some(html)) => cached(
            (
                [
                    (header::CONTENT_TYPE, "text/html; charset=utf-8"),
                    (header::CONTENT_SECURITY_POLICY, LETTER_POLICY),
                ],
                html,
            )
                .into_response(),
        ),
        Ok(None) => service.page(StatusCode::NOT_FOUND, words, &Page::NotFound),
        Err(fault) => service.out_of_order(words, &fault),
    }
}

/// A letter carries its own styles and shows the site's images; it still runs and posts nothing.
const LETTER_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src https: http: data:; \
                             form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

async fn archive_feed(State(service): App, query: RawQuery, headers: HeaderMap) -> Answer {
    let words = service.words(&query, &headers);
    service.list_of_letters(&headers, "application/atom+xml; charset=utf-8", words, pages::archive_feed).await
}

async fn sitemap(State(service): App, query: RawQuery, headers: HeaderMap) -> Answer {
    let words = service.words(&query, &headers);
    service.list_of_letters(&headers, "application/xml; charset=utf-8", words, pages::sitemap).await
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

    fn page(&self, status: StatusCode, words: &'static PageWords, page: &Page<'_>) -> Answer {
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

    fn out_of_order(&self, words: &'static PageWords, fault: &LedgerError) -> Answer {
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
    async fn ask<T: Send + 'static>(
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

    fn words(&self, query: &RawQuery, headers: &HeaderMap) -> &'static PageWords {
        self.words_of(lang_of(query).as_deref(), headers)
    }

    fn words_of(&self, chosen: Option<&str>, headers: &HeaderMap) -> &'static PageWords {
        let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        self.house.words(chosen, accepted)
    }

    fn empty_form(&self, words: &PageWords) -> Form {
        let known = self.house.languages.iter().any(|language| language.language == words.language);
        let language = if known { words.language } else { self.house.languages[0].language };
        Form { language: language.to_owned(), ..Form::default() }
    }

    fn form_of(&self, person: &Subscriber) -> Form {
        let language = person.language.as_ref().map_or(self.house.languages[0].language, Language::primary);
        Form {
            topics: person.topics.clone(),
            language: language.to_owned(),
            monthly: person.frequency == Frequency::Monthly,
            ..Form::default()
        }
    }

    /// What a form chose among what can be chosen; the rest of it is not believed.
    fn choice(&self, fields: &Fields, words: &PageWords) -> Choice {
        let wanted = fields.one("language").unwrap_or(words.language);
        let site = self.house.languages[0].language;
        let known = self.house.languages.iter().any(|language| language.language == wanted);
        let monthly = self.house.monthly && fields.one("frequency") == Some(Frequency::Monthly.word());
        Choice {
            language: if known && wanted != site { Language::parse(wanted) } else { None },
            topics: self.house.known_topics(&fields.all("topic")),
            frequency: if monthly { Frequency::Monthly } else { Frequency::Every },
        }
    }

    async fn list_of_letters(
        self: &Arc<Self>,
        headers: &HeaderMap,
        media_type: &'static str,
        words: &'static PageWords,
        written: fn(&pages::House, &PageWords, &[ArchivedLetter]) -> String,
    ) -> Answer {
        let limit = if media_type.contains("atom") { ARCHIVE_FEED } else { ARCHIVE };
        match self.ask(move |ledger| ledger.archive(limit)).await {
            Ok(digests) => {
                let modified = digests.first().map_or(chrono::DateTime::UNIX_EPOCH, |digest| digest.cut_at);
                let letters: Vec<ArchivedLetter> = digests
                    .into_iter()
                    .map(|digest| ArchivedLetter {
                        number: digest.id.0,
                        subject: digest.subject,
                        cut_at: digest.cut_at.with_timezone(&self.timezone).fixed_offset(),
                        text: digest.text,
                    })
                    .collect();
                let text = written(&self.house, words, &letters);
                Kept::new(text.into_bytes(), media_type, modified.into()).answer(headers)
            }
            Err(fault) => self.out_of_order(words, &fault),
        }
    }
}

/// The fields of a form or a query, in their order.
struct Fields(Vec<(String, String)>);

impl Fields {
    fn read(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).take(200).map(|(k, v)| (k.into_owned(), v.into_owned())).collect())
    }

    fn one(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The value of a field that is there exactly once: two addresses are nobody's.
    fn only(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().filter(|(known, _)| known == name);
        let first = values.next()?;
        values.next().is_none().then_some(first.1.as_str())
    }

    fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone()).collect()
    }
}

/// The language chosen in the address.
fn lang_of(RawQuery(query): &RawQuery) -> Option<String> {
    Fields::read(query.as_deref()?.as_bytes()).one("lang").map(str::to_owned)
}

/// A token as it may stand in a link; what is no token is shown as none.
fn plain(token: &str) -> &str {
    let sound = token.len() == 32 && token.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'));
    if sound { token } else { "unknown" }
}

/// A page without anything personal.
fn cached(mut answer: Answer) -> Answer {
    let value = header::HeaderValue::from_static("public, max-age=60");
    answer.headers_mut().insert(header::CACHE_CONTROL, value);
    answer
}
