//! Feeds, made from articles and read back with somebody else's parser.

mod any_text;
#[path = "../support/article.rs"]
mod article;
mod formats;
mod lasting;
mod proof;
mod publication;
mod run;

use article::article;
use chrono::{DateTime, Utc};
use chrono_tz::Europe::Paris;
use parution::domain::{
    Article, Chapeau, Collection, Content, Guid, Html, Image, ImageFacts, ImageFormat, ImageSource, Language,
    Origin, Site, SitePath, Status,
};
use parution::render::documents::sheets;
use parution::render::draft::{Draft, Shelf};
use parution::render::feed::{Entry, Format, Settings, plan, stamp};
use url::Url;

const HOME: &str = "https://www.example.org/";

fn site() -> Site {
    let collection = |name: &str, title: &str| Collection {
        name: name.to_owned(),
        title: title.to_owned(),
        permalink: format!("/{name}/:title/"),
    };
    Site {
        title: "Le Journal".to_owned(),
        description: "Nouvelles & analyses".to_owned(),
        url: Url::parse(HOME).unwrap(),
        language: Language::parse("fr").unwrap(),
        timezone: Paris,
        collections: vec![collection("actualites", "Actualités"), collection("communiques", "Communiqués")],
    }
}

/// The story of one article, told in a chain.
#[derive(Clone)]
struct Written {
    article: Article,
    content: Content,
}

fn written(name: &str, title: &str, date: &str) -> Written {
    let article = article(HOME, name, title, date);
    let content = Content {
        chapeau: Some(Chapeau {
            html: Html::trusted(format!("<p>Le chapeau de {name}.</p>")),
            text: format!("Le chapeau de {name}."),
            origin: Origin::Field,
        }),
        body: Html::trusted(format!("<p>Le texte entier de {name}.</p>")),
        ..Content::default()
    };
    Written { article, content }
}

impl Written {
    fn body(mut self, html: &str) -> Self {
        self.article.words = html.len() as u128;
        self.content.body = Html::trusted(html.to_owned());
        self
    }

    fn tagged(mut self, tags: &[&str]) -> Self {
        self.article.tags = tags.iter().map(ToString::to_string).collect();
        self
    }

    fn by(mut self, author: &str) -> Self {
        self.article.authors.push(author.to_owned());
        self
    }

    fn guid(mut self, guid: &str) -> Self {
        self.article.guid = Guid(guid.to_owned());
        self
    }

    fn in_language(mut self, tag: &str) -> Self {
        self.article.language = Language::parse(tag);
        self
    }

    fn pictured(mut self) -> Self {
        let image = Image {
            source: ImageSource::InSite(SitePath::parse("uploads/urne.jpg").unwrap()),
            url: Url::parse(HOME).unwrap().join("uploads/urne.jpg").unwrap(),
            alt: "Une urne \"transparente\"".to_owned(),
            caption: "Photo : R&D".to_owned(),
            facts: Some(ImageFacts { format: ImageFormat::Jpeg, bytes: 12_345, width: 640, height: 400 }),
        };
        self.content.images = vec![image.clone()];
        self.content.header_image = Some(image);
        self
    }

    fn entry<'a>(&'a self, site: &'a Site, settings: &Settings) -> Entry<'a> {
        let entry = Entry::of(site, &self.article).unwrap();
        entry.tell(site, settings, &self.content);
        entry
    }
}

/// What `parution feeds` writes, as (name, octets): every document of every feed, each checked.
fn build(site: &Site, settings: &Settings, entries: &[Entry]) -> Vec<(String, Vec<u8>)> {
    let style = Url::parse(HOME).unwrap().join("feed.css").unwrap();
    let mut out = Vec::new();
    let feeds = plan(site, settings, entries).unwrap();
    let all: Vec<_> = feeds.iter().flat_map(|feed| sheets(site, settings, Some(&style), feed).0).collect();
    for format in Format::ALL {
        let shelf = Shelf::of(format, all.iter());
        for sheet in &all {
            let Some(name) = sheet.names.get(format) else { continue };
            let draft = Draft::of(&sheet.channel, &shelf);
            draft.check().unwrap_or_else(|fault| panic!("{name}: {fault}"));
            out.push((name.to_owned(), draft.text().into_bytes()));
        }
    }
    out
}

fn entries<'a>(site: &'a Site, settings: &Settings, all: &'a [Written]) -> Vec<Entry<'a>> {
    let mut entries: Vec<Entry> = all.iter().map(|written| written.entry(site, settings)).collect();
    stamp(site, &mut entries, &[], noon());
    entries
}

fn noon() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2026-07-02T12:00:00Z").unwrap().to_utc()
}

fn file<'a>(files: &'a [(String, Vec<u8>)], name: &str) -> &'a [u8] {
    let found = files.iter().find(|(file, _)| file == name);
    &found.unwrap_or_else(|| panic!("{name} is not among {:?}", names(files))).1
}

fn names(files: &[(String, Vec<u8>)]) -> Vec<&str> {
    files.iter().map(|(name, _)| name.as_str()).collect()
}

fn text<'a>(files: &'a [(String, Vec<u8>)], name: &str) -> &'a str {
    std::str::from_utf8(file(files, name)).unwrap()
}

/// The articles that break other programs' feeds.
fn hard_cases() -> Vec<Written> {
    vec![
        written("rd", "Budget : R&D, 3 < 5 & l’été", "2026-06-15T18:00:00+02:00")
            .tagged(&["économie sociale", "R&D"])
            .by("Camille Durand")
            .pictured(),
        written("cdata", "Un crochet ]]> dans le titre", "2026-06-14T09:00:00+02:00")
            .body("<p>Fin de section ]]&gt; et <code>]]&gt;</code></p>")
            .tagged(&["démocratie"]),
        written("jour-un", "Deux articles le même jour (1)", "2026-06-13T00:00:00+02:00"),
        written("jour-deux", "Deux articles le même jour (2)", "2026-06-13T00:00:00+02:00"),
        written("controle", "Collé\u{b} d’un PDF\u{8}", "2026-06-12T09:00:00+02:00")
            .body("<p>Une tabulation\u{b} verticale\u{fffd}</p>"),
        written("notes", "Notes et images", "2026-06-11T09:00:00+02:00").body(
            "<p>Voir<a href=\"https://www.example.org/actualites/notes/#fn:1\">1</a> \
             <img src=\"https://www.example.org/uploads/a.png\" \
             srcset=\"https://www.example.org/uploads/a.png 1x, https://www.example.org/uploads/b.png 2x\" \
             alt=\"Graphique\"></p>",
        ),
        written("english", "In English, too", "2026-06-10T09:00:00+02:00").in_language("en").by("Alex Moor"),
    ]
}
