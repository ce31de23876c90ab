//! An article as an editor of a test's site would write it.

use chrono::DateTime;
use parution::domain::{Article, ArticleId, Guid, Status};
use url::Url;

/// A published article of the collection `actualites`, without anything it need not have.
pub fn article(home: &str, name: &str, title: &str, date: &str) -> Article {
    let url = Url::parse(home).unwrap().join(&format!("actualites/{name}/")).unwrap();
    Article {
        id: ArticleId(url.path().to_owned()),
        guid: Guid(url.to_string()),
        guid_is_declared: false,
        collection: "actualites".to_owned(),
        title: title.to_owned(),
        link: url.clone(),
        url,
        published: Some(DateTime::parse_from_rfc3339(date).unwrap()),
        updated: None,
        status: Status::Published,
        tags: Vec::new(),
        categories: Vec::new(),
        authors: Vec::new(),
        language: None,
        event: None,
        attachments: Vec::new(),
        in_feeds: true,
        summary_only: false,
        words: 0,
        source: format!("_actualites/{name}.md").into(),
        body_line: 5,
    }
}
