//! The letter, from articles to octets: what readers and servers get.

#[path = "support/article.rs"]
mod article;

use std::collections::BTreeMap;

use chrono::{DateTime, FixedOffset};
use mail_parser::{Address, MessageParser, MimeHeaders};
use parution::domain::{
    Article, Attachment, Chapeau, Collection, Content, EmailAddress, Event, Html, Image, ImageSource,
    InlineImage, Language, Origin, Site, SitePath,
};
use parution::mail::guard;
use parution::render::digest::{
    self, Composed, Draft, Grouping, ImageMode, Intro, LARGEST_HTML, Pictures, Role, Settings, Templates,
    Theme, Utm,
};
use parution::render::inspection::flaws;
use parution::render::letter::{self, LeaveUrl, ListSettings, Mold, Parts, Reader};
use proptest::prelude::*;
use url::Url;

const HOME: &str = "https://www.halage.example.org/";
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
    let image = Image {
        source: ImageSource::InSite(SitePath::parse(&format!("uploads/{number}.jpg")).unwrap()),
        url: Url::parse(&format!("https://www.halage.example.org/uploads/{number}.jpg")).unwrap(),
        alt: format!("Un chemin le long d’un canal, photo {number}"),
        caption: String::new(),
        facts: None,
    };
    let article = article::article(HOME, &format!("article-{number}"), title, "2026-11-20T09:30:00+01:00");
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

/// The smallest PNG there is: what matters here is that its octets arrive.
const DOT: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\0\0\0\rIDATx\x9cc\xf8\
    \xff\xff?\0\x05\xfe\x02\xfe\xa75\x81\x84\0\0\0\0IEND\xaeB`\x82";

fn pictures(articles: &[(Article, Content)]) -> Pictures {
    let mut pictures = Pictures::default();
    for (index, (_, content)) in articles.iter().enumerate() {
        for (image, role) in digest::wanted(content, index == 0) {
            let (width, height) = if role == Role::Lead { (536, 301) } else { (168, 95) };
            let inline = InlineImage {
                content_id: format!("image{index}.{role:?}@halage.example.org"),
                file_name: format!("photo-{index}.png"),
                media_type: "image/png".to_owned(),
                bytes: DOT.to_vec(),
                width,
                height,
            };
            pictures.insert(image.url.as_str(), role, inline);
        }
    }
    pictures
}

/// Everything a letter is made of; a test changes what it is about.
struct Desk {
    site: Site,
    list: ListSettings,
    settings: Settings,
    theme: Theme,
    templates: Templates,
    language: Language,
    logo: Option<(&'static str, &'static str)>,
    intro: Option<Intro>,
    subject: Option<String>,
    test: bool,
}

fn desk() -> Desk {
    Desk {
        site: site(),
        list: list(),
        settings: Settings::default(),
        theme: Theme::default(),
        templates: Templates::default(),
        language: Language::parse("fr").unwrap(),
        logo: None,
        intro: None,
        subject: None,
        test: false,
    }
}

fn date() -> DateTime<FixedOffset> {
    DateTime::parse_from_rfc3339("2026-11-23T07:30:00+01:00").unwrap()
}

impl Desk {
    fn compose(&self, articles: &[(Article, Content)], pictures: &Pictures) -> Composed {
        let refs: Vec<_> = articles.iter().map(|(article, content)| (article, content)).collect();
        digest::compose(&Draft {
            site: &self.site,
            list: &self.list,
            settings: &self.settings,
            theme: &self.theme,
            templates: &self.templates,
            language: &self.language,
            articles: &refs,
            pictures,
            logo: self.logo,
            intro: self.intro.as_ref(),
            subject: self.subject.as_deref(),
            preheader: None,
            number: Some(12),
            date: date(),
            test: self.test,
        })
        .unwrap()
    }

    fn mold(&self, composed: &Composed) -> Mold {
        let parts = Parts {
            subject: &composed.subject,
            html: &composed.html,
            text: &composed.text,
            images: &composed.images,
            date: date(),
            language: &self.language,
            campaign: "12",
        };
        Mold::parse(&letter::compose(&parts, &self.list)).unwrap()
    }

    fn letter(&self, composed: &Composed) -> Vec<u8> {
        fill(&self.mold(composed), "jeanne@example.org", TOKEN, "d12.k3@halage.example.org")
    }
}

fn fill(mold: &Mold, to: &str, token: &str, message_id: &str) -> Vec<u8> {
    let to = EmailAddress::parse(to).unwrap();
    let mut out = Vec::new();
    mold.fill(&Reader { to: &to, token, message_id }, &mut out);
    guard::check(&out).unwrap();
    out
}

/// Compares with a file octet for octet; `UPDATE_GOLDEN=1 cargo test --test digest` writes it anew,
/// for a person to read.
fn golden(name: &str, octets: &[u8]) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, octets).unwrap();
    }
    let kept = std::fs::read(&path).unwrap_or_default();
    let first = kept.iter().zip(octets).take_while(|(a, b)| a == b).count();
    assert!(
        kept == octets,
        "{name} differs from octet {first}: {:?}",
        String::from_utf8_lossy(&octets[first.saturating_sub(60)..octets.len().min(first + 120)])
    );
}

#[test]
fn the_whole_french_letter_octet_for_octet() {
    let desk = desk();
    let articles = three();
    golden("letter-fr.eml", &desk.letter(&desk.compose(&articles, &pictures(&articles))));
}

#[test]
fn the_whole_english_letter_octet_for_octet() {
    let mut desk = Desk { language: Language::parse("en").unwrap(), ..desk() };
    desk.settings.group_by = Grouping::Collection;
    desk.settings.images = ImageMode::None;
    desk.intro = Some(Intro {
        html: Html::trusted(
            "<p>Dear readers, <a href=\"https://www.halage.example.org/en/\">we moved</a>.</p>".to_owned(),
        ),
        text: "Dear readers, we moved.".to_owned(),
    });
    golden("letter-en.eml", &desk.letter(&desk.compose(&three(), &Pictures::default())));
}

#[test]
fn a_letter_is_read_back_as_it_was_written() {
    let desk = desk();
    let articles = three();
    let composed = desk.compose(&articles, &pictures(&articles));
    let letter = desk.letter(&composed);
    let read = MessageParser::default().parse(&letter).unwrap();
    assert_eq!(
        read.subject(),
        Some("Réouverture du chemin de halage entre Nevers et Decize et 2\u{a0}autres articles")
    );
    // Line ends are CRLF on the wire; the last belongs to the boundary (RFC 2046 5.1.1).
    let written = |text: &str| text.trim_end().replace('\u{3}', TOKEN).replace('\n', "\r\n");
    assert_eq!(read.body_html(0).unwrap(), written(&composed.html));
    assert_eq!(read.body_text(0).unwrap(), written(&composed.text));
    let images: Vec<_> = read.parts.iter().filter(|part| part.content_id().is_some()).collect();
    assert_eq!(images.len(), 3);
    assert!(images.iter().all(|image| image.contents() == DOT));
    assert_eq!(flaws(&letter, TOKEN, &composed, &desk.list, &desk.theme), Vec::<String>::new());
}

#[test]
fn two_readers_letters_differ_in_address_message_id_and_token_alone() {
    let desk = desk();
    let articles = three();
    let mold = desk.mold(&desk.compose(&articles, &pictures(&articles)));
    let other = "222222222222222222222222zzzzzzzz";
    let a = fill(&mold, "jeanne@example.org", TOKEN, "d12.k3@halage.example.org");
    let b = fill(&mold, "paul@example.net", other, "d12.k4@halage.example.org");
    let as_if_a = String::from_utf8(b)
        .unwrap()
        .replace("paul@example.net", "jeanne@example.org")
        .replace("d12.k4@", "d12.k3@")
        .replace(other, TOKEN);
    assert_eq!(as_if_a, String::from_utf8(a).unwrap());
}

#[test]
fn the_fields_of_a_list_are_all_there_and_none_is_encoded() {
    let desk = desk();
    let letter = String::from_utf8(desk.letter(&desk.compose(&three(), &Pictures::default()))).unwrap();
    let head = letter.split("\r\n\r\n").next().unwrap();
    let unfolded = head.replace("\r\n ", " ");
    for field in [
        "List-ID: \"La lettre du halage\" <lettre.halage.example.org>",
        &format!(
            "List-Unsubscribe: <https://www.halage.example.org/lettre/quitter/{TOKEN}>, \
             <mailto:lettre@halage.example.org?subject=unsubscribe%20{TOKEN}>"
        ),
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        "List-Archive: <https://www.halage.example.org/lettres/>",
        "List-Help: <mailto:lettre@halage.example.org>",
        "List-Owner: <mailto:lettre@halage.example.org>",
        "List-Post: NO",
        "Auto-Submitted: auto-generated",
        "Feedback-ID: 12:digest:lettre:halage.example.",
        "MIME-Version: 1.0",
        "Date: Mon, 23 Nov 2026 07:30:00 +0100",
        "Message-ID: <d12.k3@halage.example.org>",
        "To: jeanne@example.org",
    ] {
        assert!(unfolded.lines().any(|line| line == field), "{field}\n{unfolded}");
    }
    let names: Vec<&str> = unfolded.lines().filter_map(|line| line.split(':').next()).collect();
    let unique: std::collections::BTreeSet<_> = names.iter().collect();
    assert_eq!(names.len(), unique.len(), "each field once");
}

#[test]
fn without_a_page_to_leave_readers_leave_by_mail() {
    let desk = Desk { list: ListSettings { unsubscribe_url: None, ..list() }, ..desk() };
    let composed = desk.compose(&three(), &Pictures::default());
    let letter = String::from_utf8(desk.letter(&composed)).unwrap();
    assert!(!letter.contains("List-Unsubscribe-Post"), "RFC 8058 needs an https address");
    assert!(composed.html.contains("href=\"mailto:lettre@halage.example.org?subject=unsubscribe%20\u{3}\""));
    assert_eq!(flaws(letter.as_bytes(), TOKEN, &composed, &desk.list, &desk.theme), Vec::<String>::new());
}

#[test]
fn the_text_names_every_address_of_the_html_once() {
    let mut articles = three();
    articles[1].0.attachments.push(Attachment {
        name: "Le règlement".to_owned(),
        url: Url::parse("https://www.halage.example.org/uploads/reglement.pdf").unwrap(),
    });
    let composed = desk().compose(&articles, &Pictures::default());
    let lines: Vec<&str> = composed.text.lines().map(str::trim).collect();
    let hrefs: Vec<&str> =
        composed.html.split(" href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(hrefs.len() >= 8, "{hrefs:?}");
    for href in hrefs {
        assert_eq!(lines.iter().filter(|line| **line == href).count(), 1, "{href}");
    }
    assert!(composed.html.contains(">Le règlement (PDF)</a>"));
    for line in &lines {
        assert!(line.chars().count() <= 76 || line.starts_with("https://"), "{line}");
    }
}

#[test]
fn the_text_names_images_that_stay_on_their_server_as_often_as_the_html_shows_them() {
    const LOGO: &str = "https://www.halage.example.org/uploads/logo.png";
    let mut articles = three();
    // The same image twice, and one in a chapeau.
    articles[2].1.images = articles[1].1.images.clone();
    let figure = article(4, "Une figure", "").1.images.remove(0);
    let chapeau = articles[0].1.chapeau.as_mut().unwrap();
    chapeau.html = Html::trusted(format!("<p>Voici&nbsp;: <img src=\"{}\"></p>", figure.url));
    articles[0].1.images.push(figure);
    let mut pictures = pictures(&articles);
    let logo = pictures.get(articles[0].1.images[0].url.as_str(), Role::Lead).unwrap().clone();
    pictures.insert(LOGO, Role::Logo, logo);

    let linked = Settings { images: ImageMode::Linked, ..Settings::default() };
    let mut desk = Desk { settings: linked, logo: Some((LOGO, "L’Agence")), ..desk() };
    let composed = desk.compose(&articles, &pictures);
    let shown: Vec<&str> =
        composed.html.split(" src=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(shown.len(), 5, "{shown:?}");
    for address in &shown {
        let times = |lines: &mut dyn Iterator<Item = &str>| lines.filter(|line| line == address).count();
        assert_eq!(
            times(&mut composed.text.lines().map(str::trim)),
            times(&mut shown.iter().copied()),
            "{address}"
        );
    }

    desk.settings.images = ImageMode::Embedded;
    assert!(!desk.compose(&articles, &pictures).text.contains("/uploads/"));
}

#[test]
fn a_linked_image_that_mail_programs_do_not_show_travels_inside() {
    let mut articles = three();
    articles[1].1.images[0].url = Url::parse("https://www.halage.example.org/uploads/rose.SVG?1").unwrap();
    let linked = Settings { images: ImageMode::Linked, ..Settings::default() };
    let composed = Desk { settings: linked, ..desk() }.compose(&articles, &pictures(&articles));
    assert_eq!(composed.images.len(), 1);
    assert!(!composed.html.contains("rose.SVG") && !composed.text.contains("rose.SVG"));
    assert!(composed.archive_html.contains("rose.SVG"), "browsers show it");
}

#[test]
fn an_address_stays_whole_where_programs_look_for_links_in_a_text() {
    let mut articles = three();
    articles[1].0.link = Url::parse("https://www.halage.example.org/l'eau-(suite)/").unwrap();
    let composed = desk().compose(&articles, &Pictures::default());
    let address = "https://www.halage.example.org/l%27eau-%28suite%29/";
    assert!(composed.text.lines().any(|line| line == address), "{}", composed.text);
    assert!(composed.html.contains(&format!("href=\"{address}\"")));
}

#[test]
fn links_within_a_safe_site_are_safe_and_those_to_others_are_left_as_they_are() {
    let mut articles = three();
    articles[0].0.link = Url::parse("http://www.halage.example.org/ancien/").unwrap();
    articles[1].0.link = Url::parse("http://ailleurs.example.net/").unwrap();
    let composed = desk().compose(&articles, &Pictures::default());
    assert!(composed.html.contains("href=\"https://www.halage.example.org/ancien/\""), "{}", composed.html);
    assert!(composed.html.contains("href=\"http://ailleurs.example.net/\""));
    let said: Vec<String> = composed.problems.iter().map(ToString::to_string).collect();
    assert!(said.iter().any(|line| {
        line.starts_with("_actualites/article-2.md: the link http://ailleurs.example.net/ is not encrypted")
    }));
    assert!(!said.iter().any(|line| line.contains("ancien")), "{said:?}");
}

#[test]
fn an_event_says_its_own_days_and_its_place() {
    let composed = desk().compose(&three(), &Pictures::default());
    assert!(
        composed
            .text
            .contains("Quand : vendredi 4 décembre 2026 de 14 h à 18 h\nOù : Maison du canal, Nevers\n")
    );
}

#[test]
fn hostile_titles_stay_text() {
    let title = "<script>alert(1)</script> & \"deux\"\r\nBcc: x@example.org \u{3}\u{202e}";
    let articles = [article(1, title, "<p>Un chapeau assez long pour la ligne d’aperçu.</p>")];
    let desk = desk();
    let composed = desk.compose(&articles, &Pictures::default());
    assert!(!composed.html.contains("<script"));
    let letter = desk.letter(&composed);
    let read = MessageParser::default().parse(&letter).unwrap();
    assert!(read.bcc().is_none());
    assert_eq!(composed.html.matches('\u{3}').count(), 1, "the footer's link is the only personal one");
}

#[test]
fn no_text_leads_to_two_places() {
    let same = |number| article(number, "Communiqué de presse", "<p>Un chapeau.</p>");
    let composed = desk().compose(&[same(1), same(2), same(3)], &Pictures::default());
    let mut texts = BTreeMap::new();
    for link in composed.html.split("<a ").skip(1) {
        let href = link.split("href=\"").nth(1).unwrap().split('"').next().unwrap();
        let text = link.split('>').nth(1).unwrap().split('<').next().unwrap();
        assert_eq!(*texts.entry(text.to_owned()).or_insert(href), href, "{text}");
    }
    assert!(texts.contains_key("Communiqué de presse (vendredi 20\u{a0}novembre 2026)"), "{texts:?}");
}

#[test]
fn chapeaux_keep_figures_and_links_and_lose_the_sites_style() {
    let figure = "<figure class=\"image-left\" style=\"width: 50%\"><img src=\"https://www.halage.example.org/uploads/ogp.png\" \
                  alt=\"\"><figcaption>Le logo</figcaption></figure>";
    let (one, mut content) = article(
        1,
        "La présidence",
        &format!(
            "{figure}<p id=\"a\" class=\"b\">Le <a href=\"http://www.example.org/x?a=1&amp;b=2\" target=\"_blank\" rel=\"noopener\">partenariat</a> a choisi.</p>"
        ),
    );
    content.images.push(Image {
        source: ImageSource::InSite(SitePath::parse("uploads/ogp.png").unwrap()),
        url: Url::parse("https://www.halage.example.org/uploads/ogp.png").unwrap(),
        alt: "Le logo du partenariat".to_owned(),
        caption: String::new(),
        facts: None,
    });
    let articles = [(one, content)];
    let composed = desk().compose(&articles, &pictures(&articles));
    let chapeau = composed.html.split("<p class=\"mute\"").nth(1).unwrap();
    assert!(chapeau.contains("<img src=\"cid:image0.Figure@halage.example.org\" width=\"168\" height=\"95\" alt=\"Le logo du partenariat\""), "{chapeau}");
    assert!(composed.html.contains("<a href=\"http://www.example.org/x?a=1&amp;b=2\" style=\"color:#0a4f78\">partenariat</a> a choisi.</p>"));
    assert!(composed.html.contains(">Le logo</p>"), "a caption follows its picture");
    assert!(!composed.html.contains("image-left") && !composed.html.contains("_blank"));
    assert!(
        composed.text.contains("\n  partenariat\n  http://www.example.org/x?a=1&b=2\n"),
        "{}",
        composed.text
    );
    assert_eq!(composed.images.len(), 2);
}

#[test]
fn a_letter_is_never_clipped_and_says_what_it_lost() {
    let chapeau = format!("<p>{}</p>", "Une phrase de chapeau qui dit une chose utile. ".repeat(14));
    let many: Vec<_> = (0..400)
        .map(|number| article(number, &format!("Un article au titre numéro {number}"), &chapeau))
        .collect();
    let desk = desk();
    for (count, said) in [
        (20, ""),
        (110, "chapeaux are cut to "),
        (180, "articles keep only their title"),
        (400, "articles keep only their title"),
    ] {
        let articles = &many[..count];
        let composed = desk.compose(articles, &pictures(articles));
        let octets = composed.html.replace('\u{3}', TOKEN).replace('\n', "\r\n").len();
        assert!(octets <= LARGEST_HTML, "{count}: {octets}");
        let told: Vec<String> = composed.problems.iter().map(ToString::to_string).collect();
        let told = told.join("\n");
        assert_eq!(said.is_empty(), !told.contains("Gmail"), "{count}: {told}");
        assert!(told.contains(said), "{count}: {told}");
        for (article, _) in articles {
            assert!(composed.text.contains(article.url.as_str()), "{}", article.title);
        }
        let letter = desk.letter(&composed);
        assert_eq!(flaws(&letter, TOKEN, &composed, &desk.list, &desk.theme), Vec::<String>::new());
    }
}

#[test]
fn too_many_images_are_left_out_of_the_last_articles() {
    let many: Vec<_> = (0..30).map(|n| article(n, &format!("Titre {n}"), "<p>Un chapeau.</p>")).collect();
    let mut heavy = Pictures::default();
    for (index, (_, content)) in many.iter().enumerate() {
        for (image, role) in digest::wanted(content, index == 0) {
            let inline = InlineImage {
                content_id: format!("heavy{index}@halage.example.org"),
                file_name: "a.png".to_owned(),
                media_type: "image/png".to_owned(),
                bytes: vec![index as u8; 50_000],
                width: 168,
                height: 95,
            };
            heavy.insert(image.url.as_str(), role, inline);
        }
    }
    let composed = desk().compose(&many, &heavy);
    assert_eq!(composed.images.len(), 16);
    assert!(composed.problems.iter().any(|p| p.what.contains("14 images")), "{:?}", composed.problems);
}

#[test]
fn the_archive_has_nothing_personal_and_links_its_images() {
    let articles = three();
    let composed = desk().compose(&articles, &pictures(&articles));
    for page in [&composed.archive_html, &composed.archive_text] {
        assert!(!page.contains('\u{3}') && !page.contains("quitter"), "{page}");
    }
    assert!(composed.archive_html.contains("src=\"https://www.halage.example.org/uploads/1.jpg\""));
    assert!(!composed.archive_html.contains("cid:"));
}

#[test]
fn campaign_parameters_are_the_same_for_everyone_and_stay_on_the_site() {
    let mut desk = desk();
    desk.settings.utm = Some(Utm {
        source: "lettre".to_owned(),
        medium: "courriel".to_owned(),
        campaign: "hebdo".to_owned(),
    });
    let mut articles = three();
    articles[1].0.link = Url::parse("https://ailleurs.example.net/a").unwrap();
    let composed = desk.compose(&articles, &Pictures::default());
    let tagged = "article-1/?utm_source=lettre&#38;utm_medium=courriel&#38;utm_campaign=hebdo\"";
    assert!(composed.html.contains(tagged), "{}", composed.html);
    assert!(composed.html.contains("\"https://ailleurs.example.net/a\""));
    assert!(composed.html.contains("sur ailleurs.example.net"), "a title that leads away says where");
    assert!(!composed.archive_html.contains("utm_"));
}

#[test]
fn a_subject_by_hand_or_by_template_replaces_ours_and_a_test_is_marked() {
    let mut desk = Desk { test: true, ..desk() };
    assert!(desk.compose(&three(), &Pictures::default()).subject.starts_with("[TEST] Réouverture"));
    desk.settings.subject = Some("{{ digest.name }} : {{ digest.count }} articles".to_owned());
    assert_eq!(
        desk.compose(&three(), &Pictures::default()).subject,
        "[TEST] La lettre du halage : 3 articles"
    );
    desk.subject = Some("À la main\n".to_owned());
    assert_eq!(desk.compose(&three(), &Pictures::default()).subject, "[TEST] À la main");
}

#[test]
fn a_copy_of_our_templates_gives_the_same_letter() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    let sources: BTreeMap<String, String> = digest::TEMPLATE_NAMES
        .iter()
        .map(|name| ((*name).to_owned(), std::fs::read_to_string(folder.join(name)).unwrap()))
        .collect();
    let own = Desk { templates: Templates::own(sources).unwrap(), ..desk() };
    let articles = three();
    let pictures = pictures(&articles);
    assert_eq!(own.compose(&articles, &pictures), desk().compose(&articles, &pictures));
}

#[test]
fn a_misspelt_field_in_a_users_template_is_named_with_its_line() {
    let sources =
        BTreeMap::from([("digest.txt".to_owned(), "{{ digest.name }}\n{{ digest.titel }}\n".to_owned())]);
    let fault = Templates::own(sources).unwrap_err();
    assert_eq!(fault.to_string(), "digest.txt:2: undefined value: {{ digest.titel }}");
    // Where a condition hides it from one of the two, the other finds it.
    for condition in ["theme.band", "not theme.band", "digest.intro_text == ''", "digest.intro_text != ''"] {
        let source = format!("{{% if {condition} %}}\n{{{{ digest.titel }}}}{{% endif %}}");
        let fault = Templates::own(BTreeMap::from([("digest.html".to_owned(), source)])).unwrap_err();
        assert_eq!((fault.file.as_str(), fault.line), ("digest.html", 2), "{condition}");
    }
    let sources = BTreeMap::from([("digest.html".to_owned(), "<p>{% for x in %}</p>".to_owned())]);
    assert_eq!(Templates::own(sources).unwrap_err().line, 1);
}

#[test]
fn a_bad_letter_is_named_before_it_is_sent() {
    let desk = desk();
    let articles = three();
    let good = desk.compose(&articles, &pictures(&articles));
    let found = |bad: Composed| {
        let letter = desk.letter(&bad);
        flaws(&letter, TOKEN, &bad, &desk.list, &desk.theme).join("\n")
    };
    let html = |from: &str, to: &str| Composed { html: good.html.replace(from, to), ..good.clone() };
    assert_eq!(found(good.clone()), "");
    assert!(found(html("https://www.halage.example.org/carte/", "/carte/")).contains("leads nowhere"));
    assert!(found(html(" alt=\"", " data-alt=\"")).contains("no alternative text"));
    assert!(found(html("\u{3}", "x")).contains("no link to unsubscribe"));
    assert!(found(html("Une <a", "{{ page.x }} <a")).contains("shows source text: {{ page.x }}"));
    assert!(
        found(Composed { images: Vec::new(), ..good.clone() }).contains("is asked for and not in the letter")
    );
    assert!(found(Composed { subject: " ".to_owned(), ..good.clone() }).contains("the subject is empty"));
    assert!(found(html("</body>", &"<!-- x -->".repeat(12_000))).contains("Gmail clips"));
}

#[test]
fn an_article_on_templates_does_not_stop_a_digest() {
    let mut articles = three();
    articles[0].0.title = "Écrire {{ page.title }} et [un lien](/ici) {: .c}".to_owned();
    articles[1].1.chapeau = Some(Chapeau {
        html: Html::trusted("<p>Le code <code>{% if x %}</code> {{ y }}.</p>".to_owned()),
        text: "Le code {% if x %} {{ y }}.".to_owned(),
        origin: Origin::Field,
    });
    let desk = desk();
    let composed = desk.compose(&articles, &pictures(&articles));
    assert!(composed.text.contains("{{ page.title }}"));
    assert_eq!(
        flaws(&desk.letter(&composed), TOKEN, &composed, &desk.list, &desk.theme),
        Vec::<String>::new()
    );
}

/// The editions that the program makes of the sample's newest articles.
fn sample(count: usize, language: &str, images: ImageMode) -> parution::run::digest::Made {
    use parution::domain::Wish;
    use parution::run::digest::{ByHand, Style, make};
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("content");
    let scan = parution::read::folder::scan(&root, &parution::read::folder::Settings::default()).unwrap();
    let now = date().to_utc();
    let mut chosen: Vec<usize> = (0..scan.articles.len())
        .filter(|&place| parution::select::published(&scan.articles[place], now, false).is_ok())
        .collect();
    chosen.sort_by_key(|&place| std::cmp::Reverse(scan.articles[place].published));
    chosen.truncate(count);
    let settings = Settings { images, ..Settings::default() };
    let style = Style {
        settings: &settings,
        theme: &Theme::default(),
        templates: &Templates::default(),
        list: &list(),
        logo: Some(("/uploads/logo-atelier.png", "L’Atelier")),
        cache: std::path::Path::new(env!("CARGO_TARGET_TMPDIR")),
    };
    let wishes = [Wish { language: Language::parse(language), topics: Vec::new() }];
    make(&scan, &chosen, &wishes, &style, &ByHand::default(), Some(1), now).unwrap()
}

#[test]
fn the_samples_letters_are_light_and_have_no_flaw() {
    for (count, language) in [(1, "fr"), (3, "en"), (20, "fr")] {
        let made = sample(count, language, ImageMode::Embedded);
        assert_eq!(made.flaws, Vec::<String>::new());
        assert_eq!(made.articles.len(), count);
        let composed = &made.composed[0];
        let html = composed.html.len();
        assert!(html <= 6_000 + 1_200 * count, "{count} articles: {html} octets of HTML");
        let images: usize = composed.images.iter().map(|image| image.bytes.len()).sum();
        assert!(images <= 60_000 * count + 24_000, "{count} articles: {images} octets of images");
        assert!(composed.images.len() >= 2, "the logo and at least one article's image");
    }
}

#[test]
fn making_a_digest_twice_gives_the_same_octets() {
    let molds = |made: parution::run::digest::Made| -> Vec<_> {
        made.editions.into_iter().map(|edition| edition.mold).collect()
    };
    let first = molds(sample(5, "fr", ImageMode::Embedded));
    // The second time the pictures come from the cache.
    assert!(first == molds(sample(5, "fr", ImageMode::Embedded)));
}

#[test]
fn an_introduction_goes_out_once_for_each_change() {
    use parution::run::digest::read_intro;
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("content");
    let scan = parution::read::folder::scan(&root, &parution::read::folder::Settings::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("intro.md");
    assert!(read_intro(&file, &scan, None).unwrap().is_none());
    std::fs::write(&file, "Bonjour, *voici* [la carte](/carte/).").unwrap();
    let (intro, _) = read_intro(&file, &scan, None).unwrap().unwrap();
    assert_eq!(intro.text, "Bonjour, voici la carte.");
    let changed: DateTime<chrono::Utc> = std::fs::metadata(&file).unwrap().modified().unwrap().into();
    let hour = chrono::TimeDelta::hours(1);
    assert!(read_intro(&file, &scan, Some(changed - hour)).unwrap().is_some());
    assert!(read_intro(&file, &scan, Some(changed + hour)).unwrap().is_none(), "a digest since has said it");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_subject_and_any_name_survive_the_header(subject in "\\PC{0,160}", name in "\\PC{1,80}") {
        let list = ListSettings { sender_name: name.clone(), name: name.clone(), ..list() };
        let language = Language::parse("fr").unwrap();
        let parts = Parts {
            subject: &subject, html: "<p></p>", text: "a", images: &[], date: date(), language: &language, campaign: "1",
        };
        let letter = fill(&Mold::parse(&letter::compose(&parts, &list)).unwrap(), "a@example.org", TOKEN, "m@example.org");
        let head = String::from_utf8(letter.clone()).unwrap();
        for line in head.split("\r\n\r\n").next().unwrap().split("\r\n") {
            prop_assert!(line.len() <= 76 || !line.trim_start().contains(' ') || line.starts_with("DKIM"), "{}", line);
        }
        let read = MessageParser::default().parse(&letter).unwrap();
        let wanted = letter::one_line(&subject);
        prop_assert_eq!(read.subject().unwrap_or_default().trim(), wanted.trim());
        let Some(Address::List(from)) = read.from() else { panic!("no From") };
        let wanted = letter::one_line(&name);
        prop_assert_eq!(from[0].name().unwrap_or_default().trim(), wanted.trim());
        prop_assert_eq!(from[0].address(), Some("lettre@halage.example.org"));
    }

    #[test]
    fn any_text_survives_quoted_printable(text in "(\\PC|[ .=\tF\u{a0}\u{3}]|\nFrom |\n\\.){0,300}") {
        let language = Language::parse("fr").unwrap();
        let list = list();
        let parts = Parts {
            subject: "s", html: &text, text: &text, images: &[], date: date(), language: &language, campaign: "1",
        };
        let letter = fill(&Mold::parse(&letter::compose(&parts, &list)).unwrap(), "a@example.org", TOKEN, "m@example.org");
        let whole = String::from_utf8(letter.clone()).unwrap();
        for line in whole.split_once("\r\n\r\n").unwrap().1.split("\r\n") {
            prop_assert!(line.len() <= 76, "{}", line);
            prop_assert!(!line.starts_with('.') && !line.starts_with("From "), "{}", line);
        }
        let read = MessageParser::default().parse(&letter).unwrap();
        let part = read.parts.iter().find(|part| part.is_text() && !part.is_text_html()).unwrap();
        let got = String::from_utf8(part.contents().to_vec()).unwrap().replace("\r\n", "\n");
        let wanted = text.replace('\u{3}', TOKEN);
        let wanted = wanted.strip_suffix('\n').unwrap_or(&wanted);
        prop_assert_eq!(got, wanted);
    }
}
