//! How long reading takes: one front matter, one body, one chapeau, and a whole site.
//!
//! `cargo bench --bench read`; compare runs on one machine only.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use parution::domain::{Language, Site};
use parution::read::folder::{self, Settings};
use parution::read::markdown::{self, NoLinks, Page};
use parution::yaml;
use url::Url;

fn main() {
    divan::main();
}

const FRONT_MATTER: &str = "\
title: 'L’Atelier recherche des profils : rejoignez les
  équipes du numérique'
date: 2021-03-01 10:10:00 +01:00
categories:
- Article
tags:
- Open data
- Accessibilité
chapeau-text: |-
  L’Atelier ouvre son [cinquième appel](https://www.example.org/appel){:target=\"_blank\"} jusqu’au 2 mai.

  Jusqu’à cinquante profils sont attendus, extérieurs à l’administration.
une-ou-diaporama:
- image: \"/uploads/appel.jpg\"
  alternative-textuelle: Une équipe autour d’une table
auteur: atelier.example.org
";

fn body(paragraphs: usize) -> String {
    let mut text = String::new();
    for i in 0..paragraphs {
        let _ = write!(
            text,
            "## Partie {i}\n\nLa commune **présente** un [service](/actualites/{i}/){{:target=\"_blank\"}} en ligne, \
             malgré un calendrier serré ; l’école et la mairie l’ont essayé.\n\n* un point\n* un autre\n\n\
             > À retenir : c’est gratuit.\n{{: .encadre}}\n\n"
        );
    }
    text
}

#[divan::bench]
fn front_matter_as_tools_write_it() -> yaml::Map<'static> {
    yaml::parse(divan::black_box(FRONT_MATTER)).unwrap()
}

#[divan::bench]
fn front_matter_through_the_full_parser() -> yaml::Map<'static> {
    // A remark is enough to need it.
    let text = format!("# à la main\n{FRONT_MATTER}");
    yaml::parse(divan::black_box(&text)).unwrap().into_owned()
}

#[divan::bench(args = [1, 10, 100])]
fn kramdown(bencher: divan::Bencher<'_, '_>, paragraphs: usize) {
    let site = Site {
        title: "L’Atelier".to_owned(),
        description: String::new(),
        url: Url::parse("https://www.example.org/").unwrap(),
        language: Language::parse("fr").unwrap(),
        timezone: chrono_tz::Europe::Paris,
        collections: Vec::new(),
    };
    let url = Url::parse("https://www.example.org/actualites/a/").unwrap();
    let text = body(paragraphs);
    let page =
        Page { site: &site, url: &url, title: "A", path: Path::new("a.md"), first_line: 1, links: &NoLinks };
    bencher.counter(divan::counter::BytesCount::of_str(&text)).bench_local(|| markdown::render(&text, &page));
}

fn site(articles: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let collection = folder.path().join("_actualites");
    fs::create_dir(&collection).unwrap();
    fs::write(
        folder.path().join("_config.yml"),
        "url: https://www.example.org\ncollections:\n  actualites:\n    output: true\n    permalink: /actualites/:title/\n",
    )
    .unwrap();
    let body = body(12);
    for i in 0..articles {
        fs::write(collection.join(format!("article-{i}.md")), format!("---\n{FRONT_MATTER}---\n{body}"))
            .unwrap();
    }
    folder
}

#[divan::bench(args = [100, 1_000, 10_000], sample_count = 10)]
fn scan_of_a_site(bencher: divan::Bencher<'_, '_>, articles: usize) {
    let folder = site(articles);
    bencher
        .counter(divan::counter::ItemsCount::new(articles))
        .bench_local(|| folder::scan(folder.path(), &Settings::default()).unwrap());
}

#[divan::bench]
fn content_of_an_article(bencher: divan::Bencher<'_, '_>) {
    let folder = site(1);
    let scan = folder::scan(folder.path(), &Settings::default()).unwrap();
    bencher.bench_local(|| folder::content(&scan, &scan.articles[0]).unwrap());
}
