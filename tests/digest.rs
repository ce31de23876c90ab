//! The letter, from articles to octets: what readers and servers get.

use chrono::DateTime;
use mail_parser::MessageParser;
use parution::domain::{
    Article, ArticleId, Chapeau, Collection, Content, EmailAddress, Event, Guid, Html, Image, ImageSource,
    Language, Origin, Site, SitePath, Status,
};
use parution::mail::guard;
use parution::render::digest::{self, Composed, Draft, Pictures, Settings, Templates, Theme};
use parution::render::letter::{self, LeaveUrl, ListSettings, Mold, Parts, Reader};
use url::Url;

const TOKEN: &str = "abcdefghijklmnopqrstuvwxyz234567";

fn site() -> Site {
    Site {
        title: "Agence des chemins de halage".to_owned(),
        description: String::new(),
        url: Url::parse("https://www.halage.example.org/").unwrap(),
        language: Language::parse("fr").unwrap(),
        timezone: chrono_tz::Europe::Paris,
        collections: vec![Collection {
            name: "actualites".to_owned(),
            title: "Actualités".to_owned(),
            permalink: "/actualites/:title/".to_owned(),
        }],
    }
}

fn list() -> ListSettings {
    ListSettings {
        unsubscribe_url: Some(
            LeaveUrl::parse("https://www.halage.example.org/lettre/quitter/{token}").unwrap(),
        ),
        privacy_url: Some(Url::parse("https://www.halage.example.org/donnees-personnelles/").unwrap()),
        feeds_url: Some(Url::parse("https://www.halage.example.org/flux/").unwrap()),
        archive_url: Some(Url::parse("https://www.halage.example.org/lettres/").unwrap()),
        postal_address: "1 quai des Péniches\n58000 Nevers".to_owned(),
        name: "La lettre du halage".to_owned(),
        ..ListSettings::for_site(&site())
    }
}

/// An article as an editor of the sample site would write it.
fn article(number: usize, title: &str, chapeau: &str) -> (Article, Content) {
    let url = Url::parse(&format!("https://www.halage.example.org/actualites/article-{number}/")).unwrap();
    let image = Image {
        source: ImageSource::InSite(SitePath::parse(&format!("uploads/{number}.jpg")).unwrap()),
        url: Url::parse(&format!("https://www.halage.example.org/uploads/{number}.jpg")).unwrap(),
        alt: format!("Un chemin le long d’un canal, photo {number}"),
        caption: String::new(),
        facts: None,
    };
    let article = Article {
        id: ArticleId(url.path().to_owned()),
        guid: Guid(url.to_string()),
        guid_is_declared: false,
        collection: "actualites".to_owned(),
        title: title.to_owned(),
        link: url.clone(),
        url,
        published: Some(DateTime::parse_from_rfc3339("2026-11-20T09:30:00+01:00").unwrap()),
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
        source: format!("_actualites/article-{number}.md").into(),
        body_line: 8,
    };
    let content = Content {
        chapeau: Some(Chapeau {
            html: Html::trusted(chapeau.to_owned()),
            text: chapeau
                .replace("</p>", "\n\n")
                .split('<')
                .map(|piece| piece.split_once('>').map_or(piece, |(_, text)| text))
                .collect::<String>()
                .trim()
                .to_owned(),
            origin: Origin::Field,
        }),
        body: Html::default(),
        images: vec![image],
        header_image: None,
    };
    (article, content)
}

fn three() -> Vec<(Article, Content)> {
    let mut meeting = article(
        3,
        "Rencontre : « l’eau, la berge et nous »",
        "<p>Une journée d’échanges ouverte à tous, sans inscription.</p>",
    );
    meeting.0.event = Some(Event {
        start: Some(DateTime::parse_from_rfc3339("2026-12-04T14:00:00+01:00").unwrap()),
        end: Some(DateTime::parse_from_rfc3339("2026-12-04T18:00:00+01:00").unwrap()),
        place: "Maison du canal, Nevers".to_owned(),
    });
    vec![
        article(
            1,
            "Réouverture du chemin de halage entre Nevers et Decize",
            "<p>Après huit mois de travaux, les trente kilomètres du chemin rouvrent aux promeneurs et aux \
             cyclistes. Une <a href=\"https://www.halage.example.org/carte/\">carte des étapes</a> indique les \
             fontaines, les abris et les passages à pied.</p>",
        ),
        article(
            2,
            "Budget participatif : 42 projets & une surprise",
            "<p>Les habitants ont choisi. Les premiers chantiers commencent au printemps, les autres suivront \
             avant l’automne.</p>",
        ),
        meeting,
    ]
}

fn compose(articles: &[(Article, Content)], pictures: &Pictures, list: &ListSettings) -> Composed {
    let refs: Vec<_> = articles.iter().map(|(article, content)| (article, content)).collect();
    let site = site();
    digest::compose(&Draft {
        site: &site,
        list,
        settings: &Settings::default(),
        theme: &Theme::default(),
        templates: &Templates::default(),
        language: &site.language,
        articles: &refs,
        pictures,
        logo: None,
        intro: None,
        subject: None,
        preheader: None,
        number: Some(12),
        date: DateTime::parse_from_rfc3339("2026-11-23T07:30:00+01:00").unwrap(),
        test: false,
    })
    .unwrap()
}

fn letter_of(composed: &Composed, list: &ListSettings, to: &str) -> Vec<u8> {
    let mold = letter::compose(
        &Parts {
            subject: &composed.subject,
            html: &composed.html,
            text: &composed.text,
            images: &composed.images,
            date: DateTime::parse_from_rfc3339("2026-11-23T07:30:00+01:00").unwrap(),
            language: &Language::parse("fr").unwrap(),
            campaign: "12",
        },
        list,
    );
    let mut out = Vec::new();
    let to = EmailAddress::parse(to).unwrap();
    Mold::parse(&mold)
        .unwrap()
        .fill(&Reader { to: &to, token: TOKEN, message_id: "d12.k3@halage.example.org" }, &mut out);
    out
}

#[test]
fn a_letter_passes_the_guard_and_is_read_back_as_written() {
    let list = list();
    let composed = compose(&three(), &Pictures::default(), &list);
    let letter = letter_of(&composed, &list, "jeanne@example.org");
    guard::check(&letter).unwrap();
    std::fs::write(concat!(env!("CARGO_TARGET_TMPDIR"), "/letter.eml"), &letter).unwrap();

    let read = MessageParser::default().parse(&letter).unwrap();
    assert_eq!(
        read.subject(),
        Some("Réouverture du chemin de halage entre Nevers et Decize et 2\u{a0}autres articles")
    );
    // Line ends are CRLF on the wire; the last belongs to the boundary (RFC 2046 5.1.1).
    let written = |text: &str| text.trim_end().replace('\u{3}', TOKEN).replace('\n', "\r\n");
    assert_eq!(read.body_html(0).unwrap(), written(&composed.html));
    assert_eq!(read.body_text(0).unwrap(), written(&composed.text));
}
