//! Finds the files that may be articles, by the rules with which Jekyll reads its tree.

use std::path::{Path, PathBuf};

use super::root::{Kind, Root};
use crate::domain::{Collection, Gravity, Problem};
use crate::read::site_config::Rules;

/// A Markdown file, and what its place makes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Relative to the site's folder, `/`-separated.
    pub source: String,
    pub place: Where,
}

/// The kind of folder a file was found in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Where {
    /// A document of a collection (its index in the site), `posts` too. `inside` is where the name
    /// inside the collection's folder begins, `above` where the folders above `_posts` end.
    Collection { index: usize, inside: usize, above: usize },
    /// A file of a `_drafts` folder.
    Draft,
    /// A page of a plain folder.
    Page,
}

/// Folders inside folders that are entered.
const MAX_DEPTH: usize = 64;

/// Lists every Markdown file that Jekyll would read, sorted; links are not followed.
pub fn walk(
    root: &Root,
    rules: &Rules,
    collections: &[Collection],
    problems: &mut Vec<Problem>,
) -> Vec<Found> {
    let mut walker = Walker { root, rules, collections, problems, found: Vec::new() };
    walker.folder("", &Where::Page, 0);
    walker.found.sort_unstable_by(|a, b| a.source.cmp(&b.source));
    walker.found
}

struct Walker<'a> {
    root: &'a Root,
    rules: &'a Rules,
    collections: &'a [Collection],
    problems: &'a mut Vec<Problem>,
    found: Vec<Found>,
}

impl Walker<'_> {
    fn folder(&mut self, path: &str, place: &Where, depth: usize) {
        if depth > MAX_DEPTH {
            self.problem(
                Gravity::Warning,
                path,
                format!("folders more than {MAX_DEPTH} deep are not read"),
                "move the articles up",
            );
            return;
        }
        let names = match self.root.list(Path::new(path)) {
            Ok(names) => names,
            Err(fault) => {
                self.problem(
                    Gravity::Error,
                    path,
                    format!("the folder {}", fault.what()),
                    "give the user that runs parution the right to read it",
                );
                return;
            }
        };
        for (name, kind) in names {
            let Some(name) = name.to_str() else {
                let lossy = name.to_string_lossy();
                if self.is_markdown(&lossy) {
                    self.problem(
                        Gravity::Error,
                        &below(path, &lossy),
                        "the file's name is not UTF-8, so it has no URL; it is left out".to_owned(),
                        "rename the file",
                    );
                }
                continue;
            };
            let source = below(path, name);
            if kind == Kind::Folder {
                if let Some(place) = self.entered(&source, name, place) {
                    self.folder(&source, &place, depth + 1);
                }
            } else if self.is_markdown(name) && !self.is_skipped(&source, name) {
                if kind == Kind::File {
                    self.found.push(Found { source, place: place.clone() });
                } else {
                    self.problem(
                        Gravity::Error,
                        &source,
                        "this is a link or a special file, not an article; it is left out".to_owned(),
                        "put the file itself in its place",
                    );
                }
            }
        }
    }

    /// The place that a sub-folder makes, or `None` when Jekyll passes it by.
    fn entered(&self, source: &str, name: &str, place: &Where) -> Option<Where> {
        if *place != Where::Page {
            return (!self.is_skipped(source, name)).then(|| place.clone());
        }
        let parent = source[..source.len() - name.len()].trim_end_matches('/');
        let collection = |wanted: &str, above| {
            let index = self.collections.iter().position(|c| c.name == wanted)?;
            Some(Where::Collection { index, inside: source.len() + 1, above })
        };
        if name == "_posts" {
            return collection("posts", parent.len());
        }
        if name == "_drafts" {
            return Some(Where::Draft);
        }
        if parent == self.rules.collections_dir
            && let Some(found) = name.strip_prefix('_').and_then(|name| collection(name, 0))
        {
            return Some(found);
        }
        (!self.is_skipped(source, name)).then_some(Where::Page)
    }

    fn is_markdown(&self, name: &str) -> bool {
        name.rsplit_once('.').is_some_and(|(stem, extension)| {
            !stem.is_empty() && self.rules.markdown.iter().any(|known| extension.eq_ignore_ascii_case(known))
        })
    }

    /// Jekyll's `EntryFilter`: hidden, underscored and backup names, and what the site excludes.
    fn is_skipped(&self, source: &str, name: &str) -> bool {
        const ALWAYS: [&str; 6] =
            ["gemfiles", "Gemfile", "vendor/bundle/", "vendor/cache/", "vendor/gems/", "vendor/ruby/"];
        if self.rules.include.iter().any(|p| matches(p, source) || matches(p, name)) {
            return false;
        }
        name.starts_with(['.', '_', '#', '~'])
            || name.ends_with('~')
            || name == "node_modules"
            || ALWAYS.iter().any(|pattern| matches(pattern, source))
            || self.rules.exclude.iter().any(|pattern| matches(pattern, source))
    }

    fn problem(&mut self, gravity: Gravity, path: &str, what: String, remedy: &str) {
        let path = if path.is_empty() { PathBuf::from(".") } else { PathBuf::from(path) };
        self.problems.push(Problem::new(gravity, path, what, remedy));
    }
}

fn below(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { [folder, "/", name].concat() }
}

/// Whether a pattern of `include:` or `exclude:` covers a path, as Jekyll's `glob_include?`: a glob
/// whose `*` crosses folders, or a prefix, or the folder itself.
fn matches(pattern: &str, path: &str) -> bool {
    let pattern = pattern.trim_start_matches('/');
    // Most differ in their first letter, and every file is asked about every pattern.
    let may_match = |first: &u8| matches!(first, b'*' | b'?') || path.as_bytes().first() == Some(first);
    pattern.as_bytes().first().is_some_and(may_match)
        && (path.starts_with(pattern)
            || pattern.strip_suffix('/') == Some(path)
            || glob(pattern.as_bytes(), path.as_bytes()))
}

/// The classic walk with one step back: never exponential.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == b'?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, seen)) = star else { return false };
                p = at + 1;
                t = seen + 1;
                star = Some((at, seen + 1));
            }
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_as_in_jekyll() {
        for (pattern, path) in [
            ("/scripts/", "scripts"),
            ("README.md", "README.md"),
            ("*.txt", "a/b.txt"),
            ("node_modules", "node_modules/a"),
            ("a?c", "abc"),
        ] {
            assert!(matches(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [("/scripts/", "a/scripts"), ("*.txt", "a.md"), ("", "a"), ("a*c", "abd")] {
            assert!(!matches(pattern, path), "{pattern} {path}");
        }
    }
}
