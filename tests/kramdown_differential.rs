//! parution's reading of Markdown, held against kramdown itself.
//!
//! Runs where Ruby, kramdown and its GFM parser are installed (Debian: `ruby-kramdown`,
//! `ruby-kramdown-parser-gfm`), and says so where they are not. `PARUTION_CORPUS` names a folder of
//! articles to compare as well; with `PARUTION_CORPUS_SHOW=1` every difference is printed.
//!
//! Compared are the elements, their nesting and the words between them. kramdown's HTML passes the
//! same allow-list as ours first, so that what is left out for safety is left out of both.

#[path = "support/page.rs"]
mod page;
#[path = "support/snippets.rs"]
mod snippets;
#[path = "support/structure.rs"]
mod structure;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use page::rendered;
use parution::read::sanitise;
use structure::outline;

/// What real kramdown makes of texts; `None` where it is not installed.
fn kramdown(texts: &[String]) -> Option<Vec<String>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/kramdown.rb");
    let mut ruby = Command::new("ruby")
        .arg(script)
        .env("LANG", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let input = serde_json::to_vec(texts).expect("texts are JSON");
    let mut stdin = ruby.stdin.take()?;
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = ruby.wait_with_output().ok()?;
    let _ = writer.join();
    serde_json::from_slice(&output.stdout).ok()
}

fn theirs(html: &str) -> String {
    sanitise::clean(html).as_str().to_owned()
}

/// The bodies and the chapeaux of the articles below a folder, with their paths.
fn bodies(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "md" || e == "markdown")
                && let Ok(text) = std::fs::read_to_string(&path)
            {
                let body = text
                    .strip_prefix("---\n")
                    .and_then(|rest| rest.split_once("\n---"))
                    .and_then(|(_, rest)| rest.split_once('\n'))
                    .map_or("", |(_, body)| body);
                if let Some(chapeau) = chapeau(&text) {
                    found.push((path.with_extension("chapeau"), chapeau));
                }
                found.push((path, body.to_owned()));
            }
        }
    }
    found.sort();
    found
}

/// What an article's front matter says in `chapeau-text`.
fn chapeau(text: &str) -> Option<String> {
    let (front_matter, _) = text.strip_prefix("---\n")?.split_once("\n---")?;
    let values: serde_yaml::Value = serde_yaml::from_str(front_matter).ok()?;
    values.get("chapeau-text")?.as_str().map(str::to_owned)
}

#[test]
fn articles_have_the_structure_and_the_words_that_kramdown_gives_them() {
    let mut articles = bodies(&Path::new(env!("CARGO_MANIFEST_DIR")).join("content"));
    if let Some(corpus) = std::env::var_os("PARUTION_CORPUS") {
        articles.extend(bodies(Path::new(&corpus)));
    }
    let texts: Vec<String> = articles.iter().map(|(_, body)| body.clone()).collect();
    let Some(reference) = kramdown(&texts) else {
        eprintln!("skipped: ruby with kramdown and its GFM parser is not installed");
        return;
    };
    let show = std::env::var_os("PARUTION_CORPUS_SHOW").is_some();
    let mut different = Vec::new();
    for ((path, body), html) in articles.iter().zip(&reference) {
        let ours = outline(&without_what_differs_on_purpose(&rendered(body)), &[]);
        let theirs = outline(&without_what_differs_on_purpose(&theirs(html)), &[]);
        if ours != theirs {
            if show {
                eprintln!("=== {}\n{}", path.display(), difference(&ours, &theirs));
            }
            different.push(path.display().to_string());
        }
    }
    let equal = articles.len() - different.len();
    eprintln!("{equal} of {} bodies and chapeaux are equal; different: {different:#?}", articles.len());
    assert!(
        equal * 100 >= articles.len() * 95,
        "{equal} of {} bodies and chapeaux are equal",
        articles.len()
    );
}

#[test]
fn kramdown_gives_the_snippets_the_outlines_that_are_written_down() {
    let mut snippets = snippets::all();
    let texts: Vec<String> = snippets.iter().map(|snippet| snippet.source.clone()).collect();
    let Some(reference) = kramdown(&texts) else {
        eprintln!("skipped: ruby with kramdown and its GFM parser is not installed");
        return;
    };
    let may_write = std::env::var_os("PARUTION_SNIPPETS").is_some_and(|value| value == "write");
    let mut wrong = Vec::new();
    for (snippet, html) in snippets.iter_mut().zip(&reference) {
        let theirs = outline(&theirs(html), snippets::ATTRIBUTES);
        if may_write && snippet.outline.is_empty() {
            // Where we differ on purpose, our own outline is what a person has to read.
            snippet.outline = if snippet.differs.is_some() {
                outline(&rendered(&snippet.source), snippets::ATTRIBUTES)
            } else {
                theirs
            };
        } else if snippet.differs.is_none() && theirs != snippet.outline {
            wrong.push(format!("{}: {}\n{theirs}", snippet.file.display(), snippet.name));
        }
    }
    if may_write {
        snippets::write(&snippets);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Takes out what differs on purpose:
///
/// - attribute lists and extension tags that kramdown prints because they stand behind text or are
///   misspelt: we never show them;
/// - players and frames: gone from kramdown's by the allow-list, a link in ours;
/// - check boxes of task lists: gone from kramdown's, a character in ours;
/// - tables of contents: a list with `{:toc}` is dropped by us (no article of the sample has one).
fn without_what_differs_on_purpose(html: &str) -> String {
    let html = without(html, "<a class=\"video\"", "</a>");
    let html = without(&html, "{:", "}");
    html.replace(['☐', '☑'], "").replace("<p></p>", "")
}

/// A text without its parts from `begin` to `end`.
fn without(text: &str, begin: &str, end: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(begin)
        && let Some((_, after)) = after.split_once(end)
    {
        kept.push_str(before);
        rest = after;
    }
    kept.push_str(rest);
    kept
}

/// The first lines that differ.
fn difference(ours: &str, theirs: &str) -> String {
    let (ours, theirs): (Vec<_>, Vec<_>) = (ours.lines().collect(), theirs.lines().collect());
    let at = ours.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
    let excerpt = |lines: &[&str]| {
        lines.iter().skip(at.saturating_sub(2)).take(10).copied().collect::<Vec<_>>().join("\n")
    };
    format!("ours:\n{}\nkramdown:\n{}", excerpt(&ours), excerpt(&theirs))
}
