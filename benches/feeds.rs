//! How long a thousand articles take, once read, to become documents: told to feeds, written in
//! three formats, read back. Relative figures on one machine; run with `cargo bench --bench feeds`.

use chrono::{DateTime, Duration};
use divan::Bencher;
use parution::domain::{
    Article, ArticleId, Chapeau, Collection, Content, Guid, Html, Language, Origin, Site, Status,
};
use parution::render::documents::sheets;
use parution::render::draft::{Draft, Shelf};
use parution::render::feed::{Entry, Format, Settings, plan, stamp};
use url::Url;

const ARTICLES: usize = 1_000;

fn main() {
    divan::main();
}

fn site() -> Site {
    Site {
        title: "Le Journal".to_owned(),
        description: "Nouvelles et analyses".to_owned(),
        url: Url::parse("https://www.example.org/").unwrap(),
        language: Language::parse("fr").unwrap(),
        timezone: chrono_tz::Europe::Paris,
        collections: vec![Collection {
            name: "actualites".to_owned(),
            title: "Actualités".to_owned(),
            permalink: "/actualites/:title/".to_owned(),
        }],
    }
}

fn articles(site: &Site) -> Vec<(Article, Content)> {
    let first = DateTime::parse_from_rfc3339("2018-01-01T09:00:00+01:00").unwrap();
    let paragraph = "<p>Le conseil a retenu trois projets, dont <a href=\"https://www.example.org/a/\">l’atelier \
                     d’été</a>, à l’issue d’une longue concertation.</p>\n";
    (0..ARTICLES)
        .map(|number| {
            let url = site.url.join(&format!("actualites/article-{number}/")).unwrap();
            let article = Article {
                id: ArticleId(url.path().to_owned()),
                guid: Guid(url.to_string()),
                guid_is_declared: false,
                collection: "actualites".to_owned(),
                title: format!("Trois projets et une question nº {number}"),
                link: url.clone(),
                url,
                published: Some(first + Duration::hours(7 * number as i64)),
                updated: None,
                status: Status::Published,
                tags: vec![format!("Thème {}", number % 40)],
                categories: Vec::new(),
                authors: vec!["Camille Durand".to_owned()],
                language: None,
                event: None,
                attachments: Vec::new(),
                in_feeds: true,
                summary_only: false,
                words: 0,
                source: format!("_actualites/article-{number}.md").into(),
                body_line: 9,
            };
            let content = Content {
                chapeau: Some(Chapeau {
                    html: Html::trusted("<p>Qui décide ?</p>".to_owned()),
                    text: "Qui décide ?".to_owned(),
                    origin: Origin::Field,
                }),
                body: Html::trusted(paragraph.repeat(30)),
                ..Content::default()
            };
            (article, content)
        })
        .collect()
}

fn settings() -> Settings {
    Settings { tags: Some(Settings::in_folder("tags")), ..Settings::default() }
}

fn entries<'a>(site: &'a Site, settings: &Settings, articles: &'a [(Article, Content)]) -> Vec<Entry<'a>> {
    let told = articles.iter().filter_map(|(article, content)| {
        let entry = Entry::of(site, article)?;
        entry.tell(site, settings, content);
        Some(entry)
    });
    let mut entries: Vec<Entry> = told.collect();
    let now = DateTime::parse_from_rfc3339("2026-01-01T00:00:00Z").unwrap();
    stamp(site, &mut entries, &[], now.to_utc());
    entries
}

#[divan::bench]
fn telling_articles(bencher: Bencher) {
    let (site, settings) = (site(), settings());
    let articles = articles(&site);
    bencher.bench(|| entries(&site, &settings, &articles).len());
}

#[divan::bench(args = [Format::Rss, Format::Atom, Format::Json])]
fn writing_and_reading_back(bencher: Bencher, format: Format) {
    let (site, settings) = (site(), settings());
    let articles = articles(&site);
    let entries = entries(&site, &settings, &articles);
    let feeds = plan(&site, &settings, &entries).unwrap();
    bencher.bench(|| {
        let sheets: Vec<_> = feeds.iter().flat_map(|feed| sheets(&site, &settings, None, feed).0).collect();
        let shelf = Shelf::of(format, sheets.iter());
        let drafts = sheets.iter().map(|sheet| Draft::of(&sheet.channel, &shelf));
        drafts.map(|draft| draft.check().map(|()| draft.text().len()).unwrap()).sum::<usize>()
    });
}
