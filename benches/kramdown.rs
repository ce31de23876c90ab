//! How long a text takes from kramdown to sanitised HTML.
//!
//! Run with `cargo bench --bench kramdown`. The hostile texts must stay linear: twice the length,
//! twice the time.

#[path = "../tests/support/hostile.rs"]
mod hostile;

use std::path::Path;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use parution::domain::{Language, Site};
use parution::read::markdown::{NoLinks, Page, Rendered, plain_text, render};
use url::Url;

fn main() {
    divan::main();
}

/// An article such as editors write: headings, a quote as a box, lists, links with attribute lists,
/// a figure with text behind it.
const ARTICLE: &str = r#"## Pourquoi cet appel à projets ?

L'État ouvre ses données depuis 2011 : [le portail](https://www.example.org/donnees){:target="_blank"} en
compte plus de **40 000 jeux**. « Nous voulons aller plus loin », explique *la directrice*, et d'ajouter :
"les usages comptent plus que les chiffres"...

<figure class="image-left" style="width: 40%"><img src="/uploads/portrait.jpg" alt="Portrait"></figure> **Une
équipe de douze personnes** y travaille, avec [des collectivités](/partenaires "Nos partenaires") et des écoles.

Au programme :
* **9h30 :** accueil des participants et [plan d'accès](/uploads/plan.pdf)
* **10h :** ateliers
  * données de santé
  * mobilités
* **12h30 :** déjeuner

> #### En savoir plus
>
> [Consulter l'appel à projets](/uploads/appel.pdf){:target="_blank" .lien-important}
{: .encadre}

"#;

fn article(length: usize) -> String {
    ARTICLE.repeat(length.div_ceil(ARTICLE.len()))
}

fn rendered(text: &str) -> Rendered {
    let site = Site {
        title: "Exemple".to_owned(),
        description: String::new(),
        url: Url::parse("https://www.example.org/").expect("a sound address"),
        language: Language::parse("fr").expect("a sound language"),
        timezone: chrono_tz::Europe::Paris,
        collections: Vec::new(),
    };
    let url = Url::parse("https://www.example.org/actualites/article/").expect("a sound address");
    let page =
        Page { site: &site, url: &url, title: "A", path: Path::new("a.md"), first_line: 1, links: &NoLinks };
    render(text, &page)
}

#[divan::bench(args = [1_000, 3_000, 10_000, 30_000])]
fn an_article(bencher: Bencher, length: usize) {
    let text = article(length);
    bencher.counter(BytesCount::of_str(&text)).bench(|| rendered(black_box(&text)));
}

#[divan::bench]
fn the_plain_text_of_an_article(bencher: Bencher) {
    let html = rendered(&article(3_000)).html;
    bencher.bench(|| plain_text(black_box(&html)));
}

#[divan::bench(args = hostile::TEXTS, sample_count = 1, sample_size = 1)]
fn a_hostile_text_of_500_kb(bencher: Bencher, part: &str) {
    let text = part.repeat(500_000 / part.len());
    bencher.bench(|| rendered(black_box(&text)).html.as_str().len());
}

#[divan::bench(args = hostile::TEXTS, sample_count = 1, sample_size = 1)]
fn a_hostile_text_of_1_mb(bencher: Bencher, part: &str) {
    let text = part.repeat(1_000_000 / part.len());
    bencher.bench(|| rendered(black_box(&text)).html.as_str().len());
}
