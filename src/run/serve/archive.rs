//! The archive: the list of digests, each as a page, their feed and their map for search engines.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;

use super::Service;
use super::files::Kept;
use super::routes::{Answer, App, cached};
use crate::domain::DigestId;
use crate::ledger::ArchivedDigest;
use crate::render::pages::{self, ArchivedLetter, Page};
use crate::render::words::PageWords;

/// Digests in the archive's list, and in its feed.
const ARCHIVE: usize = 500;
const ARCHIVE_FEED: usize = 20;

pub async fn archive(State(service): App, query: RawQuery, headers: HeaderMap) -> Answer {
    let words = service.words(&query, &headers);
    match service.ask(|ledger| ledger.archive(ARCHIVE)).await {
        Ok(digests) => {
            let letters: Vec<ArchivedLetter> = digests.into_iter().map(|d| service.letter_of(d)).collect();
            cached(service.page(StatusCode::OK, words, &Page::Archive(&letters)))
        }
        Err(fault) => service.out_of_order(words, &fault),
    }
}

pub async fn archived(
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

pub async fn archive_feed(State(service): App, query: RawQuery, headers: HeaderMap) -> Answer {
    let words = service.words(&query, &headers);
    service.list_of_letters(&headers, "application/atom+xml; charset=utf-8", words, pages::archive_feed).await
}

pub async fn sitemap(State(service): App, query: RawQuery, headers: HeaderMap) -> Answer {
    let words = service.words(&query, &headers);
    service.list_of_letters(&headers, "application/xml; charset=utf-8", words, pages::sitemap).await
}

impl Service {
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
                let letters: Vec<ArchivedLetter> = digests.into_iter().map(|d| self.letter_of(d)).collect();
                let text = written(&self.house, words, &letters);
                Kept::new(text.into_bytes(), media_type, modified.into()).answer(headers)
            }
            Err(fault) => self.out_of_order(words, &fault),
        }
    }

    fn letter_of(&self, digest: ArchivedDigest) -> ArchivedLetter {
        ArchivedLetter {
            number: digest.id.0,
            subject: digest.subject,
            cut_at: digest.cut_at.with_timezone(&self.timezone).fixed_offset(),
            text: digest.text,
        }
    }
}
