//! `_config.yml`: the site, its collections, and the rules by which Jekyll reads its tree.

use chrono_tz::Tz;
use url::Url;

use crate::domain::{Collection, Gravity, Language, Problem, Site};
use crate::read::{front_matter, permalink};
use crate::yaml::{self, Map, Node};

/// What `parution.yml` says in place of `_config.yml`; each `Some` wins.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    pub title: Option<String>,
    pub description: Option<String>,
    /// Where the site is published, `baseurl` included.
    pub url: Option<Url>,
    pub language: Option<Language>,
    pub timezone: Option<Tz>,
    /// Only these collections are read; `None` means every one that the site publishes.
    pub collections: Option<Vec<String>>,
}

/// The site and the rules of its tree.
#[derive(Debug, Clone)]
pub struct SiteConfig {
    pub site: Site,
    pub rules: Rules,
    pub problems: Vec<Problem>,
}

/// How Jekyll finds and names the pages of this site.
#[derive(Debug, Clone)]
pub struct Rules {
    /// `future: true`: articles dated in the future are shown.
    pub shows_future: bool,
    /// The folder that holds the collections' folders, relative; empty for the site's own.
    pub collections_dir: String,
    pub include: Vec<String>,
    pub exclude: Vec<String>,
    /// File extensions that are Markdown, lower case, without the dot.
    pub markdown: Vec<String>,
    /// The URL template of a page that is in no collection.
    pub page_permalink: String,
    defaults: Vec<Scoped>,
}

/// Front matter that `_config.yml` gives to every file of a scope.
#[derive(Debug, Clone)]
struct Scoped {
    path: String,
    kind: Option<String>,
    values: Map<'static>,
}

/// The file's name in messages and in the site's folder.
pub const FILE: &str = "_config.yml";

/// Octets of `_config.yml` that are read.
pub const MAX_BYTES: u64 = 1 << 20;

/// Reads `_config.yml`; `None` stands for a site without one, which then lives on `overrides`.
///
/// # Errors
/// The problem that makes the whole site unreadable: broken YAML, or no address.
pub fn read(text: Option<&str>, overrides: &Overrides) -> Result<SiteConfig, Problem> {
    let map = match text {
        Some(text) => yaml::parse(text.trim_start_matches('\u{feff}')).map_err(|error| broken(&error))?,
        None => Map::default(),
    };
    let mut problems = Vec::new();
    let url = match &overrides.url {
        Some(url) => with_slash(url.clone()),
        None => site_url(&map)?,
    };
    let language = overrides
        .language
        .clone()
        .or_else(|| ["lang", "language", "locale"].iter().find_map(|key| Language::parse(map.text(key)?)));
    let timezone = overrides.timezone.or_else(|| zone(&map, &mut problems));
    let title =
        overrides.title.clone().or_else(|| one_line(&map, "title")).or_else(|| one_line(&map, "name"));
    let (all, permalink_style) = collections(&map);
    let wanted =
        |name: &str| overrides.collections.as_ref().is_none_or(|only| only.iter().any(|n| n == name));
    if let Some(only) = &overrides.collections {
        for name in only.iter().filter(|name| !all.iter().any(|c| c.name == **name)) {
            problems.push(Problem::new(
                Gravity::Error,
                "parution.yml",
                format!("the site has no collection `{name}` that it publishes"),
                format!("correct the name, or give the collection `output: true` in {FILE}"),
            ));
        }
    }
    let site = Site {
        title: title.unwrap_or_else(|| url.host_str().unwrap_or_default().to_owned()),
        description: overrides
            .description
            .clone()
            .or_else(|| one_line(&map, "description"))
            .unwrap_or_default(),
        language: language.or_else(|| Language::parse("fr")).expect("a plain tag"),
        timezone: timezone.unwrap_or(Tz::UTC),
        collections: all.into_iter().filter(|c| wanted(&c.name)).collect(),
        url,
    };
    let rules = Rules {
        shows_future: map.text("future").is_some_and(is_true),
        collections_dir: map.text("collections_dir").unwrap_or_default().trim_matches('/').to_owned(),
        include: strings(map.get("include")).unwrap_or_else(|| vec![".htaccess".to_owned()]),
        exclude: strings(map.get("exclude")).unwrap_or_default(),
        markdown: map
            .text("markdown_ext")
            .unwrap_or("markdown,mkdown,mkdn,mkd,md")
            .split(',')
            .map(|ext| ext.trim().to_lowercase())
            .filter(|ext| !ext.is_empty())
            .collect(),
        page_permalink: permalink::with_suffix("/:path/:basename", &permalink_style),
        defaults: defaults(&map),
    };
    Ok(SiteConfig { site, rules, problems })
}

impl Rules {
    /// The value that the site gives to `key` in files of this path and kind (a collection's name,
    /// `posts`, `drafts` or `pages`); the most specific scope wins, the later of two equal ones.
    pub fn default_for(&self, path: &str, kind: &str, key: &str) -> Option<&Node<'static>> {
        let mut best: Option<&Scoped> = None;
        for set in &self.defaults {
            let applies = set.kind.as_deref().is_none_or(|k| k == kind)
                && (set.path.is_empty() || path.starts_with(&set.path));
            if !applies || set.values.get(key).is_none() {
                continue;
            }
            let outranks = best.is_none_or(|old| {
                if set.path.len() == old.path.len() {
                    set.kind.is_some() || old.kind.is_none()
                } else {
                    set.path.len() > old.path.len()
                }
            });
            if outranks {
                best = Some(set);
            }
        }
        best.and_then(|set| set.values.get(key))
    }
}

/// `true` as YAML 1.1 and Ruby spell it.
pub fn is_true(text: &str) -> bool {
    ["true", "yes", "on"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// `false` as YAML 1.1 and Ruby spell it.
pub fn is_false(text: &str) -> bool {
    ["false", "no", "off"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn broken(error: &yaml::YamlError) -> Problem {
    let problem = Problem::new(
        Gravity::Error,
        FILE,
        format!("this is not valid YAML: {}", error.what),
        "correct it; nothing is read or sent until then",
    );
    match error.line {
        Some(line) => problem.at(line),
        None => problem,
    }
}

fn site_url(map: &Map) -> Result<Url, Problem> {
    let wrong = |what: String| {
        Problem::new(
            Gravity::Error,
            FILE,
            what,
            "write the site's address, such as `url: https://www.example.org`, or `site.url` in parution.yml",
        )
    };
    let Some(text) = map.text("url").map(str::trim).filter(|t| !t.is_empty()) else {
        return Err(wrong("the site's address is missing".to_owned()));
    };
    let mut url = Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some())
        .ok_or_else(|| wrong(format!("`url: {text}` is not a web address")))?;
    let base = map.text("baseurl").unwrap_or_default().trim_matches('/');
    let path = format!("{}/{base}", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(with_slash(url))
}

fn with_slash(mut url: Url) -> Url {
    url.set_query(None);
    url.set_fragment(None);
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    url
}

fn zone(map: &Map, problems: &mut Vec<Problem>) -> Option<Tz> {
    let name = map.text("timezone")?;
    let zone = name.trim().parse().ok();
    if zone.is_none() {
        problems.push(Problem::new(
            Gravity::Error,
            FILE,
            format!("`timezone: {name}` is not a time zone"),
            "write a name such as `Europe/Paris`; until then dates without a zone are taken as UTC",
        ));
    }
    zone
}

/// Every collection that publishes documents, `posts` included, and the permalink style.
fn collections(map: &Map) -> (Vec<Collection>, String) {
    let style = map.text("permalink").unwrap_or("date").to_owned();
    let posts = |own: Option<&Map>| Collection {
        name: "posts".to_owned(),
        title: own.and_then(|m| m.text("title")).unwrap_or("posts").to_owned(),
        permalink: own
            .and_then(|m| m.text("permalink"))
            .unwrap_or_else(|| permalink::style(&style))
            .to_owned(),
    };
    let mut all = Vec::new();
    // A bare list of names publishes none of them; only `posts` has `output` by itself.
    if let Some(Node::Map(collections)) = map.get("collections") {
        for (name, about) in &collections.0 {
            let about = about.map();
            if name == "posts" {
                all.push(posts(about));
                continue;
            }
            let Some(about) = about.filter(|m| m.text("output").is_some_and(is_true)) else { continue };
            all.push(Collection {
                name: name.to_string(),
                title: about.text("title").unwrap_or(name).to_owned(),
                permalink: about
                    .text("permalink")
                    .map_or_else(|| permalink::with_suffix("/:collection/:path", &style), str::to_owned),
            });
        }
    }
    if !all.iter().any(|c| c.name == "posts") {
        all.push(posts(None));
    }
    (all, style)
}

fn defaults(map: &Map) -> Vec<Scoped> {
    let Some(sets) = map.get("defaults").and_then(Node::list) else { return Vec::new() };
    sets.iter()
        .filter_map(|set| {
            let set = set.map()?;
            let scope = set.get("scope").and_then(Node::map);
            let path = scope.and_then(|s| s.text("path")).unwrap_or_default();
            // A star is a glob for Jekyll; the fixed part before it is the nearest safe reading.
            let path = path.trim_start_matches('/').split('*').next().unwrap_or_default();
            let kind = scope.and_then(|s| s.text("type")).map(|kind| match kind {
                "post" => "posts".to_owned(),
                "page" => "pages".to_owned(),
                "draft" => "drafts".to_owned(),
                other => other.to_owned(),
            });
            Some(Scoped {
                path: path.to_owned(),
                kind,
                values: set.get("values")?.map()?.clone().into_owned(),
            })
        })
        .collect()
}

fn one_line(map: &Map, key: &str) -> Option<String> {
    let text = front_matter::one_line(map.text(key)?, 1_000);
    (!text.is_empty()).then_some(text)
}

fn strings(node: Option<&Node>) -> Option<Vec<String>> {
    match node? {
        Node::Text(text) => Some(vec![text.to_string()]),
        Node::List(items) => Some(items.iter().filter_map(|i| i.text().map(str::to_owned)).collect()),
        _ => None,
    }
}
