//! A folder goes in, articles come out: reading a site as Jekyll and Siteleaf keep it.

use std::fs;
use std::path::Path;

use parution::domain::{Article, Content, Gravity, Origin, Problem, Status};
use parution::read::folder::{self, NotASite, Scan, Settings};
use parution::run::Ending;
use parution::run::check::{Form, check};

/// A site in a temporary folder, told file by file.
struct Site {
    folder: tempfile::TempDir,
    settings: Settings,
}

const CONFIG: &str = "\
title: L’Atelier
url: https://www.example.org
timezone: Europe/Paris
language: fr
collections:
  actualites:
    output: true
    permalink: /actualites/:title/
  evenements:
    output: true
    permalink: /agenda/:title/
  pages:
    output: true
  interne:
    output: false
";

impl Site {
    fn new() -> Self {
        let site = Self { folder: tempfile::tempdir().unwrap(), settings: Settings::default() };
        site.file("_config.yml", CONFIG)
    }

    fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    /// An article of the collection `actualites`.
    fn article(self, name: &str, front: &str, body: &str) -> Self {
        self.file(&format!("_actualites/{name}.markdown"), format!("---\n{front}\n---\n{body}"))
    }

    fn scan(&self) -> Scan {
        folder::scan(self.folder.path(), &self.settings).unwrap()
    }
}

fn titles(scan: &Scan) -> Vec<&str> {
    scan.articles.iter().map(|a| a.title.as_str()).collect()
}

fn only(scan: &Scan) -> &Article {
    assert_eq!(scan.articles.len(), 1, "{:?}", scan.problems);
    &scan.articles[0]
}

fn content(scan: &Scan) -> (Content, Vec<Problem>) {
    folder::content(scan, only(scan)).unwrap()
}

const DATED: &str = "date: 2026-11-20 10:00:00 +01:00\n";

#[test]
fn a_siteleaf_article_is_read_whole() {
    let site = Site::new().article(
        "2018-04-24-projets-de-l'état",
        "title: 'Les projets  de\n  l’État'\ndate: 2018-04-24 11:07:00 +02:00\ncategories:\n- Article\ntags:\n\
         - Open data\n- open data\n- Etalab\nauteur: etalab.gouv.fr\nredirection: https://www.example.net/suite\n\
         event_start_date: 2018-05-01 09:00:00 Z\nlieu: Paris\nfiles:\n- file: uploads/note 1.pdf\n  nom: La note\n\
         - nom: rien\nune: 12\nlayout: page",
        "Bonjour.\n",
    );
    let scan = site.scan();
    let article = only(&scan);
    assert_eq!(article.title, "Les projets de l’État");
    assert_eq!(article.id.0, "/actualites/projets-de-l'%C3%A9tat/");
    assert_eq!(article.url.as_str(), "https://www.example.org/actualites/projets-de-l'%C3%A9tat/");
    assert_eq!(article.guid.0, article.url.as_str());
    assert_eq!(article.link.as_str(), "https://www.example.net/suite");
    assert_eq!(article.published.unwrap().to_rfc3339(), "2018-04-24T11:07:00+02:00");
    assert_eq!(article.tags, ["Open data", "Etalab"]);
    assert_eq!(article.categories, ["Article"]);
    assert_eq!(article.authors, ["etalab.gouv.fr"]);
    assert_eq!(article.event.as_ref().unwrap().start.unwrap().to_rfc3339(), "2018-05-01T11:00:00+02:00");
    assert_eq!(article.attachments.len(), 1);
    assert_eq!(article.attachments[0].url.as_str(), "https://www.example.org/uploads/note%201.pdf");
    assert_eq!(article.status, Status::Published);
    assert!(scan.problems.is_empty(), "{:?}", scan.problems);
}

#[test]
fn one_bad_article_never_stops_the_others() {
    let site = Site::new()
        .article("bon", &format!("title: Bon\n{DATED}"), "Texte.")
        .article("guillemet", &format!("title: 'L'objectif : x'\n{DATED}"), "")
        .article("sans-titre", DATED, "")
        .article("sans-date", "title: Sans date", "")
        .article("faux-jour", "title: Faux jour\ndate: 2026-02-30", "")
        .article("deux-titres", &format!("title: a\ntitle: b\n{DATED}"), "")
        .file("_actualites/ouvert.md", "---\ntitle: x\n")
        .file("_actualites/nu.md", "# Texte\n")
        .file("_actualites/latin.md", b"---\ntitle: caf\xe9\n---\n")
        .file("_actualites/nul.md", b"---\ntitle: a\0b\n---\n");
    let scan = site.scan();
    let shown: Vec<_> = scan.articles.iter().filter(|a| a.published.is_some()).map(|a| &a.title).collect();
    assert_eq!(shown, ["Bon"]);
    let named: Vec<_> = scan.problems.iter().map(|p| (p.path.to_str().unwrap(), p.line)).collect();
    assert_eq!(
        named,
        [
            ("_actualites/deux-titres.markdown", Some(3)),
            ("_actualites/faux-jour.markdown", Some(3)),
            ("_actualites/guillemet.markdown", Some(2)),
            ("_actualites/latin.md", Some(2)),
            ("_actualites/nu.md", None),
            ("_actualites/nul.md", None),
            ("_actualites/ouvert.md", None),
            ("_actualites/sans-date.markdown", None),
            ("_actualites/sans-titre.markdown", None),
        ]
    );
    assert!(scan.problems.iter().all(|p| p.gravity == Gravity::Error));
}

#[test]
fn doubt_never_publishes() {
    let published = |value: &str| {
        let site = Site::new().article("a", &format!("title: A\n{DATED}published: {value}"), "x");
        let scan = site.scan();
        scan.articles.first().map(|a| a.status)
    };
    for value in ["true", "TRUE", "yes", "\"true\"", ""] {
        assert_eq!(published(value), Some(Status::Published), "{value}");
    }
    for value in ["false", "\"false\"", "\"no\"", "off", "False"] {
        assert_eq!(published(value), Some(Status::Unpublished), "{value}");
    }
    for value in ["0", "1", "''", "ture", "[true]", "2026-11-22"] {
        assert_eq!(published(value), None, "{value}");
    }
}

#[test]
fn drafts_are_drafts_wherever_they_are() {
    let site = Site::new()
        .article("a", &format!("title: A\n{DATED}draft: true\npublished: true"), "x")
        .file("_drafts/b.md", format!("---\ntitle: B\n{DATED}---\n"))
        .file("_drafts/broken.md", "---\ntitle: [\n---\n");
    let scan = site.scan();
    assert!(scan.articles.iter().all(|a| a.status == Status::Draft), "{:?}", scan.articles);
    assert_eq!(titles(&scan), ["A", "B"]);
    assert!(scan.problems.iter().all(|p| p.gravity < Gravity::Error), "{:?}", scan.problems);
}

#[test]
fn the_tree_is_read_as_jekyll_reads_it() {
    let article = |title: &str| format!("---\ntitle: {title}\n{DATED}---\nTexte.\n");
    let site = Site::new()
        .file("_evenements/formation/design.markdown", article("Design"))
        .file("_posts/2026-01-02-billet.md", article("Billet"))
        .file("blog/_posts/2026-01-03-blog.md", article("Blog"))
        .file("_posts/sans-jour.md", article("Sans jour"))
        .file("_interne/secret.md", article("Interne"))
        .file("_pages/rss.md", "---\ntitle: Flux\npermalink: /rss/\n---\n")
        .file("dossier/page.md", article("Page datée"))
        .file("dossier/autre.md", "---\ntitle: Sans date\n---\n")
        .file("README.md", "# Lisez-moi\n")
        .file("_actualites/.cache.md", article("Caché"))
        .file("_actualites/_brouillon.md", article("Souligné"))
        .file("_actualites/copie.md~", article("Copie"))
        .file("_actualites/node_modules/a/x.md", article("Module"))
        .file("_site/x.md", article("Construit"));
    let scan = site.scan();
    assert_eq!(titles(&scan), ["Design", "Billet", "Blog", "Page datée"]);
    let ids: Vec<_> = scan.articles.iter().map(|a| a.id.0.as_str()).collect();
    assert_eq!(
        ids,
        ["/agenda/design/", "/2026/11/20/billet.html", "/blog/2026/11/20/blog.html", "/dossier/page.html"]
    );
    assert_eq!(scan.problems.len(), 1, "{:?}", scan.problems);
    assert_eq!(scan.problems[0].path, Path::new("_posts/sans-jour.md"));
}

#[test]
fn defaults_shape_articles_but_write_no_text() {
    let config = format!(
        "{CONFIG}defaults:\n- scope: {{path: '', type: actualites}}\n  values:\n    categories: [Vie locale]\n    \
         file: uploads/exemple.pdf\n    chapeau-text: Exemple\n    published: true\n- scope:\n    path: \
         _actualites/prive\n    type: actualites\n  values:\n    published: false\n"
    );
    let site = Site::new()
        .file("_config.yml", config)
        .article("a", &format!("title: A\n{DATED}"), "Le corps.")
        .article("prive/b", &format!("title: B\n{DATED}"), "");
    let scan = site.scan();
    let a = &scan.articles[0];
    assert_eq!(a.categories, ["Vie locale"]);
    assert!(a.attachments.is_empty(), "a place-holder of the editing tool");
    assert_eq!(scan.articles[1].status, Status::Unpublished);
    let (content, _) = folder::content(&scan, a).unwrap();
    assert_eq!(content.chapeau.unwrap().text, "Le corps.");
}

#[test]
fn two_files_at_one_url_are_named_and_the_first_stays() {
    let site = Site::new()
        .article("a", &format!("title: A\n{DATED}slug: meme"), "")
        .article("b", &format!("title: B\n{DATED}slug: meme"), "")
        .article("c", &format!("title: C\n{DATED}slug: meme\npublished: false"), "");
    let scan = site.scan();
    assert_eq!(titles(&scan), ["A", "C"], "a hidden file takes no URL");
    assert_eq!(scan.problems.len(), 1);
    assert!(scan.problems[0].what.contains("_actualites/a.markdown"), "{}", scan.problems[0]);
}

#[test]
fn the_chapeau_follows_the_chain() {
    let front = |keys: &str| format!("title: A\n{DATED}{keys}");
    for (keys, body, text, origin) in [
        ("chapeau-text: Du champ.\ndescription: Autre.", "Corps.", "Du champ.", Origin::Field),
        ("chapeau-text: '  '\nchapeau: Ancien nom.", "Corps.", "Ancien nom.", Origin::Field),
        ("chapeau-text:", "Avant.\n\n<!--more-->\n\nAprès.", "Avant.", Origin::MoreMark),
        ("", "## Titre\n\nPremier.\n\nSecond.", "Premier.", Origin::FirstParagraph),
    ] {
        let site = Site::new().article("a", &front(keys), body);
        let scan = site.scan();
        let chapeau = content(&scan).0.chapeau.unwrap();
        assert_eq!((chapeau.text.as_str(), chapeau.origin), (text, origin));
    }
    let site = Site::new().article("a", &front(""), "## Seulement un titre\n");
    assert_eq!(content(&site.scan()).0.chapeau, None);
}

#[test]
fn a_folder_that_is_no_site_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder::scan(&folder.path().join("none"), &Settings::default()).unwrap_err();
    assert!(matches!(missing, NotASite::Folder { .. }) && missing.to_string().contains("none"));
    let empty = folder::scan(folder.path(), &Settings::default()).unwrap_err();
    assert!(matches!(empty, NotASite::NoConfig { .. }), "{empty}");
    fs::write(folder.path().join("_config.yml"), "title: [\n").unwrap();
    assert!(matches!(folder::scan(folder.path(), &Settings::default()), Err(NotASite::Config { .. })));
    fs::write(folder.path().join("_config.yml"), "title: x\n").unwrap();
    let no_url = folder::scan(folder.path(), &Settings::default()).unwrap_err();
    assert!(no_url.to_string().contains("address is missing"), "{no_url}");
}

#[test]
fn ten_thousand_tags_are_cut_and_the_article_stays() {
    let tags: Vec<String> = (0..10_000).map(|i| format!("tag{i}")).collect();
    let site = Site::new().article("a", &format!("title: A\n{DATED}tags: [{}]", tags.join(", ")), "x");
    let scan = site.scan();
    assert_eq!(only(&scan).tags.len(), 50);
    assert_eq!(
        (scan.problems.len(), scan.problems[0].gravity, scan.problems[0].line),
        (1, Gravity::Warning, Some(4))
    );
}

#[test]
fn an_article_over_the_limit_is_left_out_unless_it_is_a_pasted_image() {
    let pasted = format!("![a](data:image/png;base64,{})\n\nTexte.\n", "A".repeat(3 << 20));
    let site = Site::new().article("colle", &format!("title: Collé\n{DATED}"), &pasted).article(
        "long",
        &format!("title: Long\n{DATED}"),
        &"mot ".repeat(300_000),
    );
    let scan = site.scan();
    assert_eq!(only(&scan).title, "Collé");
    assert!(content(&scan).0.body.as_str().contains("Texte."));
    assert!(scan.problems[0].what.contains("over the limit of 1024 KiB"), "{}", scan.problems[0]);
}

#[test]
fn an_image_that_is_a_single_field_has_its_words_in_the_fields_beside_it() {
    let front = format!(
        "title: A\n{DATED}image: https://img.example.net/x.png\nalternative-textuelle: Une vue\nlegende: Le pont\n"
    );
    let site = Site::new().article("a", &front, "Texte.");
    let scan = site.scan();
    let (content, _) = content(&scan);
    let seen: Vec<_> = content.images.iter().map(|i| (i.alt.as_str(), i.caption.as_str())).collect();
    assert_eq!(seen, [("Une vue", "Le pont")]);
}

#[test]
fn images_are_looked_at_and_missing_ones_give_way_to_their_words() {
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x02\x80\0\0\x01\xe0\x08\x02\0\0\0".to_vec();
    png.extend(0xba_b3_4b_b3_u32.to_be_bytes());
    png.extend([0; 60]);
    let front = format!(
        "title: A\n{DATED}une-ou-diaporama:\n- image: /uploads/une.png\n- alternative-textuelle: Une vue\n\
         - image: /uploads/absente.png\n- image: ../hors.png\n- image:\n"
    );
    let body = "![une.png](/uploads/une.png) ![Un plan](/uploads/rien.png) ![Loin](https://img.example.net/x.png)\n\n\
                ![Ailleurs](/medias/y.png)\n";
    let site = Site::new().file("uploads/une.png", &png).article("a", &front, body);
    let scan = site.scan();
    let (content, problems) = content(&scan);
    let seen: Vec<_> = content.images.iter().map(|i| (i.url.path(), i.alt.as_str())).collect();
    assert_eq!(seen, [("/uploads/une.png", "Une vue"), ("/x.png", "Loin"), ("/medias/y.png", "Ailleurs")]);
    let facts = content.images[0].facts.as_ref().unwrap();
    assert_eq!((facts.width, facts.height, facts.bytes), (640, 480, png.len() as u64));
    assert_eq!(content.header_image, None, "the body shows it already");
    let html = content.body.as_str();
    assert!(html.contains("alt=\"\"") && !html.contains("une.png\" alt=\"une.png\""), "{html}");
    assert!(html.contains("Un plan") && !html.contains("rien.png"), "{html}");
    let lines: Vec<_> = problems.iter().map(|p| (p.line, p.what.as_str())).collect();
    for told in [
        (Some(4), "the image `/uploads/absente.png` does not exist; it is left out"),
        (Some(4), "the image `../hors.png` is neither a web address nor a file of the site; it is left out"),
        (Some(12), "the image `https://www.example.org/uploads/rien.png` does not exist; it is left out"),
    ] {
        assert_eq!(lines.iter().filter(|line| **line == told).count(), 1, "{lines:?}");
    }
}

#[test]
fn a_link_to_another_document_of_the_site_finds_its_url() {
    let site = Site::new()
        .file("_posts/2026-01-02-billet.md", format!("---\ntitle: Billet\n{DATED}---\n"))
        .file("a-propos.md", "---\ntitle: À propos\n---\n")
        .file("uploads/note.pdf", "pdf")
        .article(
            "a",
            &format!("title: A\n{DATED}"),
            "[x]({% post_url 2026-01-02-billet %}) [y]({% link a-propos.md %}) [z]({% link uploads/note.pdf %})\n",
        );
    let scan = site.scan();
    let (content, problems) = folder::content(&scan, &scan.articles[0]).unwrap();
    for path in ["/2026/11/20/billet.html", "/a-propos.html", "/uploads/note.pdf"] {
        let url = format!("href=\"https://www.example.org{path}\"");
        assert!(content.body.as_str().contains(&url), "{path}: {} {problems:?}", content.body);
    }
}

#[test]
fn advice_names_each_thing_once_with_its_line() {
    let long = "mot ".repeat(130);
    let site = Site::new().file("uploads/.keep", "").article("la", &format!("title: Là\n{DATED}"), "x").article(
        "a",
        &format!("title: {}\n{DATED}chapeau-text: {long}\nredirection: https://www.example.net/x", "T".repeat(91)),
        "[ici](http://www.example.org/actualites/la/) [non](/actualites/absent/) [oui](/actualites/la/)\n\n\
         [non](/actualites/absent/) [ailleurs](/rubrique/)\n\n<img src=\"https://img.example.net/x.png\">\n",
    );
    let scan = site.scan();
    let mut out = Vec::new();
    let ending = check(&scan, Vec::new(), Form::Lines, &mut out).unwrap();
    assert_eq!(ending, Ending::Look);
    let out = String::from_utf8(out).unwrap();
    let lines: Vec<_> = out.lines().filter(|l| !l.is_empty()).collect();
    for (start, what) in [
        ("_actualites/a.markdown:2: ", "the title has 91 characters"),
        ("_actualites/a.markdown:4: ", "the chapeau has 519 characters"),
        ("_actualites/a.markdown:5: ", "send readers to https://www.example.net/x"),
        ("_actualites/a.markdown:7: ", "http://www.example.org/actualites/la/ is not encrypted"),
        (
            "_actualites/a.markdown:7: ",
            "https://www.example.org/actualites/absent/ leads to a page that is not there",
        ),
        ("_actualites/a.markdown:11: ", "has no alternative text"),
    ] {
        let found = lines.iter().filter(|line| line.starts_with(start) && line.contains(what)).count();
        assert_eq!(found, 1, "{start}{what}\n{out}");
    }
    assert_eq!(lines.len(), 7, "{out}");
    let mut json = Vec::new();
    check(&scan, Vec::new(), Form::Json, &mut json).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["problems"].as_array().unwrap().len(), 6);
    assert_eq!(json["problems"][0]["line"], 2);
}

#[test]
fn bold_that_spans_two_paragraphs_is_named_and_stars_that_are_meant_are_not() {
    let site = Site::new().article(
        "a",
        &format!("title: A\n{DATED}"),
        "Un **mot** gras.\n\nUn **début\n\net sa fin**. Des étoiles \\*\\*voulues, du code `**kwargs`.\n\n    **bloc\n",
    );
    let mut out = Vec::new();
    check(&site.scan(), Vec::new(), Form::Lines, &mut out).unwrap();
    let out = String::from_utf8(out).unwrap();
    let stars: Vec<_> = out.lines().filter(|line| line.contains("stars")).collect();
    assert_eq!(stars.len(), 1, "{out}");
    assert!(stars[0].starts_with("_actualites/a.markdown:8: the stars of `**début` show"), "{out}");
}

mod property {
    use proptest::prelude::*;

    use super::{DATED, Site, folder};

    /// Scraps that have hurt other readers, and free text.
    fn scrap() -> impl Strategy<Value = Vec<u8>> {
        let known: Vec<&'static [u8]> = vec![
            b"---\n",
            b"title: ",
            b"date: 2026-11-20\n",
            b"published: ",
            b"\n",
            b"chapeau-text: |\n  ",
            b"- ",
            b"[",
            b"{",
            b"&a ",
            b"*a",
            b"\xff",
            b"\0",
            b"\r",
            b"<script>",
            b"</script>",
            b"<div>",
            b"<img src=x onerror=y>",
            b"![a](",
            b"](javascript:x)",
            b"{: .a onclick=\"x\"}",
            b"{% raw %}",
            b"{{ x }}",
            b"> ",
            b"`",
            b"<!--",
            b"*",
            b"**",
            b"une-ou-diaporama:\n- image: ",
            b"/uploads/../../x",
            b"\xe2\x80\xae",
            b"\xf0\x9f\x98\x80",
        ];
        prop_oneof![
            3 => prop::sample::select(known).prop_map(<[u8]>::to_vec),
            1 => prop::collection::vec(any::<u8>(), 0..12),
        ]
    }

    fn read(file: &[u8]) -> Result<(), TestCaseError> {
        let site = Site::new().file("_actualites/x.md", file);
        let scan = site.scan();
        prop_assert_eq!(scan.articles.len().max(scan.problems.len()).min(1), 1, "nothing is lost in silence");
        for article in &scan.articles {
            prop_assert!(!article.title.trim().is_empty() && !article.title.chars().any(char::is_control));
            prop_assert!(article.url.as_str().starts_with("https://www.example.org/"));
            let Ok((content, _)) = folder::content(&scan, article) else { continue };
            for html in [Some(&content.body), content.chapeau.as_ref().map(|c| &c.html)].into_iter().flatten()
            {
                let html = html.as_str();
                prop_assert!(!html.contains("<script"), "{html}");
                let in_tag = |tag: &str| {
                    tag.split('>')
                        .next()
                        .is_some_and(|tag| tag.contains(" onclick=") || tag.contains(" onerror="))
                };
                prop_assert!(!html.split('<').skip(1).any(in_tag), "{html}");
                prop_assert_eq!(html.matches("<div").count(), html.matches("</div>").count(), "{}", html);
            }
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn any_octets_are_read_without_harm(scraps in prop::collection::vec(scrap(), 0..30)) {
            read(&scraps.concat())?;
        }

        #[test]
        fn any_front_matter_is_read_without_harm(scraps in prop::collection::vec(scrap(), 0..12)) {
            read(&[b"---\ntitle: A\n", DATED.as_bytes(), &scraps.concat(), b"\n---\ntext\n"].concat())?;
        }

        #[test]
        fn any_body_is_rendered_without_harm(scraps in prop::collection::vec(scrap(), 0..30)) {
            read(&[b"---\ntitle: A\n", DATED.as_bytes(), b"---\n", &scraps.concat()[..]].concat())?;
        }
    }
}
