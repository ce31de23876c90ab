//! Front matter to [`Article`].

mod lists;

use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use url::Url;

use super::block::YAML_LINE;
use super::{Block, Fields, label, one_line, parse_date};
use crate::domain::{Article, ArticleId, Gravity, Guid, Language, Problem, Site, Status};
use crate::read::permalink::{self, Values};
use crate::read::site_config::{Rules, is_false, is_true};
use crate::read::words;
use crate::yaml::{Map, Node};

/// What is the same for every article of a site.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    pub site: &'a Site,
    pub rules: &'a Rules,
    pub fields: &'a Fields,
}

/// Where a file stands in the tree.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The file, relative to the site's folder, `/`-separated.
    pub source: &'a str,
    /// The collection's name; empty for a page of a plain folder.
    pub collection: &'a str,
    /// Jekyll's type, to which `defaults:` apply: the collection's name, `drafts` or `pages`.
    pub kind: &'a str,
    /// The URL template of the collection.
    pub permalink: &'a str,
    /// For a collection, the file inside its folder without extension; for a page, its folder.
    pub path: &'a str,
    /// The folders above `_posts`, which Jekyll counts as categories.
    pub above: &'a str,
    pub in_draft_folder: bool,
}

/// The longest title, in characters.
const MAX_TITLE: usize = 300;

/// Makes an article of the front matter `map` of `block`. Faults go to `problems`; `None` when one
/// of them leaves the article out.
pub fn read(
    reader: &Reader<'_>,
    place: &Place<'_>,
    block: &Block<'_>,
    map: &Map,
    problems: &mut Vec<Problem>,
) -> Option<Article> {
    let mut keys = Keys { reader, place, block, map, problems, fatal: Gravity::Error };
    let status = keys.status();
    if status != Some(Status::Published) {
        // Nobody was going to read it: a fault in it is worth a word, not an alarm.
        keys.fatal = if status.is_some() { Gravity::Warning } else { Gravity::Error };
    }
    let title = keys.title();
    let basename = basename(place.source);
    let (file_date, file_slug) = permalink::file_slug(basename);
    let published = keys.published(file_date);
    let categories = keys.categories();
    let id = keys.id(file_slug, basename, &categories, published.ok().flatten());
    let (status, title, published, id) = (status?, title?, published.ok()?, id?);
    let Some(url) = site_url(&reader.site.url, &id) else {
        keys.fatal(
            "permalink",
            format!("no URL can be made of `{id}`"),
            "give the article a plain `permalink`",
        );
        return None;
    };
    let declared = keys.guid();
    let feed = keys.first(&reader.fields.feed);
    let excerpt_only = feed.and_then(Node::map).and_then(|m| m.text("excerpt_only")).is_some_and(is_true);
    let feed = feed.and_then(Node::text).unwrap_or_default();
    let chapeaux = reader.fields.chapeau.iter().filter_map(|key| map.text(key));
    let chapeau = chapeaux.into_iter().find(|text| !text.trim().is_empty());
    Some(Article {
        guid: Guid(declared.clone().unwrap_or_else(|| url.to_string())),
        guid_is_declared: declared.is_some(),
        id: ArticleId(id),
        collection: place.collection.to_owned(),
        title,
        link: keys.redirection().unwrap_or_else(|| url.clone()),
        url,
        published,
        updated: keys.optional_date(&reader.fields.updated).filter(|at| Some(*at) > published),
        status,
        tags: keys.tags(),
        categories,
        authors: keys.authors(),
        language: keys.first(&reader.fields.language).and_then(Node::text).and_then(Language::parse),
        event: keys.event(),
        attachments: keys.attachments(),
        in_feeds: !is_false(feed),
        summary_only: feed == "summary" || excerpt_only,
        words: words::known_by(chapeau.unwrap_or_default(), block.body),
        source: PathBuf::from(place.source),
        body_line: block.body_line,
    })
}

/// The path on the site of a page that is no article, for links to it.
pub fn page_path(place: &Place<'_>, map: &Map, fields: &Fields) -> Option<String> {
    let template = fields.permalink.iter().find_map(|key| map.text(key)).unwrap_or(place.permalink);
    let basename = basename(place.source);
    let values = Values {
        collection: place.collection,
        path: place.path,
        basename,
        slug: basename,
        categories: &[],
        date: None,
    };
    permalink::expand(template, &values).ok()
}

/// Advice on a date whose offset is not the one that the site's zone has on that day: `+02:00`
/// copied into November is another hour than the one that readers see.
pub fn offset_advice(
    site: &Site,
    fields: &Fields,
    source: &str,
    block: &Block<'_>,
    map: &Map,
) -> Option<Problem> {
    let (key, node) = fields.date.iter().find_map(|key| Some((key, map.get(key)?)))?;
    let text = node.text()?;
    let written = parse_date(text, site.timezone).filter(|written| !written.offset_fits)?;
    let seen = written.at.format("%H:%M");
    let what = format!("`{text}` has the offset of another season or place: readers see {seen}");
    let mut problem = Problem::new(Gravity::Advice, source, what, "check the hour");
    problem.line = line_of(block, key);
    Some(problem)
}

/// The line of the file on which a top-level key stands.
pub fn line_of(block: &Block<'_>, key: &str) -> Option<u32> {
    let is_key = |line: &str| {
        let line = line.trim_start_matches(['"', '\'']);
        line.strip_prefix(key)
            .map(|rest| rest.trim_start_matches(['"', '\'']))
            .is_some_and(|rest| rest.trim_start().starts_with(':'))
    };
    let at = block.yaml.lines().position(is_key)?;
    Some(YAML_LINE + u32::try_from(at).ok()?)
}

/// `path` on the site, whose address ends in `/`.
pub fn site_url(site: &Url, path: &str) -> Option<Url> {
    Url::parse(&format!("{}{path}", site.as_str().trim_end_matches('/'))).ok()
}

/// The name of a file without folders and extension.
pub fn basename(source: &str) -> &str {
    let name = source.rsplit('/').next().unwrap_or(source);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

struct Keys<'a, 'p> {
    reader: &'a Reader<'a>,
    place: &'a Place<'a>,
    block: &'a Block<'a>,
    map: &'a Map<'a>,
    problems: &'p mut Vec<Problem>,
    /// The gravity of a fault that leaves the article out.
    fatal: Gravity,
}

impl<'a> Keys<'a, '_> {
    fn problem(&mut self, gravity: Gravity, key: &str, what: String, remedy: &str) {
        let mut problem = Problem::new(gravity, self.place.source, what, remedy);
        problem.line = line_of(self.block, key);
        self.problems.push(problem);
    }

    fn fatal(&mut self, key: &str, what: String, remedy: &str) {
        self.problem(self.fatal, key, what, remedy);
    }

    fn warn(&mut self, key: &str, what: String, remedy: &str) {
        self.problem(Gravity::Warning, key, what, remedy);
    }

    /// The first of `keys` that says something in the file itself.
    fn first_named(&self, keys: &'a [String]) -> Option<(&'a str, &'a Node<'a>)> {
        keys.iter().find_map(|key| Some((key.as_str(), self.map.get(key)?)))
    }

    fn first(&self, keys: &'a [String]) -> Option<&'a Node<'a>> {
        self.first_named(keys).map(|(_, node)| node)
    }

    /// The same, or what `defaults:` of the site's settings say. Only for keys that shape the
    /// article: a default chapeau, image or attachment is a place-holder of the editing tool.
    fn first_or_default(&self, keys: &'a [String]) -> Option<(&'a str, &'a Node<'a>)> {
        self.first_named(keys).or_else(|| {
            let rules = self.reader.rules;
            keys.iter().find_map(|key| {
                Some((key.as_str(), rules.default_for(self.place.source, self.place.kind, key)?))
            })
        })
    }

    /// `None` when it is not clear whether the article may be shown: doubt never publishes.
    fn status(&mut self) -> Option<Status> {
        let fields = self.reader.fields;
        let mut status = if self.place.in_draft_folder { Status::Draft } else { Status::Published };
        if let Some((key, node)) = self.first_or_default(&fields.draft) {
            match node.text() {
                Some(text) if is_true(text) => status = Status::Draft,
                Some(text) if is_false(text) => {}
                _ => {
                    self.doubt(key, node, "true` or `false");
                    return None;
                }
            }
        }
        if let Some((key, node)) = self.first_or_default(&fields.published) {
            match node.text() {
                Some(text) if is_true(text) => {}
                Some(text) if is_false(text) => {
                    if text != "false" {
                        self.problem(
                            Gravity::Advice,
                            key,
                            format!("`{key}: {}` is taken as false", one_line(text, 40)),
                            "write `false`",
                        );
                    }
                    status = Status::Unpublished;
                }
                _ => {
                    self.doubt(key, node, "true` or `false");
                    return None;
                }
            }
        }
        Some(status)
    }

    fn doubt(&mut self, key: &str, node: &Node, instead: &str) {
        let said = match node.text().map(|text| one_line(text, 40)) {
            None => node.kind().to_owned(),
            Some(text) if text.is_empty() => "empty".to_owned(),
            Some(text) => format!("`{text}`"),
        };
        self.fatal(
            key,
            format!("`{key}` is {said}, so it is not clear whether the article may be shown; it is left out"),
            &format!("write `{instead}`"),
        );
    }

    fn title(&mut self) -> Option<String> {
        const REMEDY: &str = "give the article a title";
        let Some((key, node)) = self.first_named(&self.reader.fields.title) else {
            let key = &self.reader.fields.title[0];
            self.fatal(key, "the title is missing; the article is left out".to_owned(), REMEDY);
            return None;
        };
        let Some(text) = node.text() else {
            let what = format!("the title is {}, not a text; the article is left out", node.kind());
            self.fatal(key, what, REMEDY);
            return None;
        };
        let title = label(text, MAX_TITLE);
        if title != one_line(text, MAX_TITLE) && !title.is_empty() {
            self.problem(
                Gravity::Advice,
                key,
                "the title holds HTML, which feeds and subjects cannot show: it is left out".to_owned(),
                "write the title in plain text; `&lt;` shows a `<`",
            );
        }
        if title.is_empty() {
            self.fatal(key, "the title is blank; the article is left out".to_owned(), REMEDY);
            return None;
        }
        if title.ends_with('…') && !text.trim_end().ends_with('…') {
            let what = format!("the title has over {MAX_TITLE} characters and is cut");
            self.warn(key, what, "shorten it: a mail subject shows about 60");
        }
        Some(title)
    }

    /// `Err` when there is a date that cannot be read.
    #[allow(clippy::result_unit_err)]
    fn published(&mut self, file_date: Option<(i32, u32, u32)>) -> Result<Option<Date>, ()> {
        let zone = self.reader.site.timezone;
        if let Some((key, node)) = self.first_named(&self.reader.fields.date) {
            let Some(written) = node.text().and_then(|text| parse_date(text, zone)) else {
                let said = node.text().map_or(node.kind().to_owned(), |t| format!("`{}`", one_line(t, 40)));
                self.fatal(
                    key,
                    format!("the date is {said}, which is not a date; the article is left out"),
                    DATE_REMEDY,
                );
                return Err(());
            };
            return Ok(Some(written.at));
        }
        let Some((year, month, day)) = file_date else { return Ok(None) };
        Ok(parse_date(&format!("{year:04}-{month:02}-{day:02}"), zone).map(|written| written.at))
    }

    /// A date that the article can do without.
    fn optional_date(&mut self, keys: &'a [String]) -> Option<Date> {
        let (key, node) = self.first_named(keys)?;
        let date = node.text().and_then(|text| parse_date(text, self.reader.site.timezone));
        if date.is_none() {
            self.warn(key, format!("`{key}` is not a date and is ignored"), DATE_REMEDY);
        }
        date.map(|written| written.at)
    }

    /// The path of the article's page on the site.
    fn id(
        &mut self,
        file_slug: &str,
        basename: &str,
        categories: &[String],
        date: Option<Date>,
    ) -> Option<String> {
        let fields = self.reader.fields;
        let mut slug = file_slug;
        if let Some((key, node)) = self.first_named(&fields.slug) {
            let Some(text) = node.text() else {
                self.fatal(key, format!("the slug is {}", node.kind()), "write one word");
                return None;
            };
            if text.contains(['/', '\\', ':', '%'])
                || text.contains("..")
                || text.chars().any(char::is_control)
            {
                self.fatal(
                    key,
                    format!("the slug `{}` holds a character that no page name may hold", one_line(text, 60)),
                    "use letters, digits and hyphens",
                );
                return None;
            }
            slug = text;
        }
        let permalink = self.first_or_default(&fields.permalink);
        let template = match permalink {
            None => self.place.permalink,
            Some((key, node)) => {
                let text = node.text().unwrap_or_default();
                let bad = text.trim().is_empty()
                    || text.contains('\\')
                    || text.starts_with("//")
                    || text.chars().any(char::is_control)
                    || percent_decode_str(text).decode_utf8_lossy().split('/').any(|part| part == "..");
                if bad {
                    self.fatal(
                        key,
                        format!("the permalink `{}` is not a path on the site", one_line(text, 60)),
                        "write a path such as `/rubrique/page/`",
                    );
                    return None;
                }
                text.trim()
            }
        };
        let key = permalink.map_or("permalink", |(key, _)| key);
        let values = Values {
            collection: self.place.collection,
            path: self.place.path,
            basename,
            slug,
            categories,
            date,
        };
        match permalink::expand(template, &values) {
            Ok(path) => Some(path),
            Err(name) => {
                self.fatal(
                    key,
                    format!(
                        "the permalink `{}` holds an unknown placeholder `:{name}`",
                        one_line(template, 60)
                    ),
                    "see Jekyll's list of placeholders",
                );
                None
            }
        }
    }

    /// An identity of the editor's own; made an IRI, as RFC 4287 asks of `id`.
    fn guid(&mut self) -> Option<String> {
        let (key, node) = self.first_named(&self.reader.fields.guid)?;
        let text = node.text().unwrap_or_default().trim();
        if text.is_empty() || text.len() > 500 || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            self.warn(
                key,
                format!("`{key}` is not one word of at most 500 letters and is ignored"),
                "write a short word that never changes",
            );
            return None;
        }
        if Url::parse(text).is_ok() {
            return Some(text.to_owned());
        }
        let mut url = self.reader.site.url.clone();
        url.set_fragment(Some(text));
        Some(url.into())
    }

    /// Where a stub sends its readers.
    fn redirection(&mut self) -> Option<Url> {
        let (key, node) = self.first_named(&self.reader.fields.redirection)?;
        // jekyll-redirect-from takes a list too, and follows its first entry.
        let text = node.text().or_else(|| node.list()?.first()?.text()).unwrap_or_default().trim();
        let target = if text.starts_with('/') && !text.starts_with("//") {
            self.reader.site.url.join(text).ok()
        } else {
            Url::parse(text)
                .ok()
                .filter(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some())
        };
        if target.is_none() {
            self.warn(
                key,
                format!("`{key}: {}` is not an address that readers can be sent to", one_line(text, 80)),
                "write `https://…` or a path that begins with `/`",
            );
        }
        target
    }
}

/// Without an offset a date is read in the site's own zone, which is what editors mean.
const DATE_REMEDY: &str = "write year, month, day and hour, such as `2021-03-15 09:00:00`: the hour is that of the site's time zone";

type Date = chrono::DateTime<chrono::FixedOffset>;
