//! Walks the site's folder and opens its files; nothing outside it is ever followed.
//!
//! [`scan`] reads the front matter of every article, on as many cores as there are; bodies are read
//! and rendered by [`content()`], only for the articles that an output shows, and from any number of
//! threads at once. What is wrong in a file is a [`Problem`] and the others go on; only a folder
//! that is no site is an error.

mod content;
mod file;
mod pictures;
mod root;
mod tree;
mod walk;

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::domain::{Article, Gravity, Problem, Site, SitePath, Status};
use crate::read::front_matter::{Fields, article};
use crate::read::site_config::{self, Overrides, Rules, SiteConfig};

pub use content::{content, fingerprint, lint};
use file::{Unread, text_near};
use pictures::Look;
pub use root::Fault;
use root::{Links, Near, Root};
pub use tree::Presence;
use walk::{Found, Where};

/// What `parution.yml` decides about reading.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// What it says in place of `_config.yml`.
    pub site: Overrides,
    /// Which front matter keys say what.
    pub fields: Fields,
}

/// A site as it was found.
#[derive(Debug)]
pub struct Scan {
    pub site: Site,
    /// Every article in the order of its file, hidden ones too: what may be shown is decided by
    /// `select`.
    pub articles: Vec<Article>,
    /// What is wrong in settings and front matter, in the order of the files; faults of a body come
    /// with its [`content()`].
    pub problems: Vec<Problem>,
    /// `future: true` of `_config.yml`: the site shows articles before their date.
    pub shows_future: bool,
    root: Root,
    fields: Fields,
    /// Pages that are no articles: file and path on the site, in the order of the files.
    pages: Vec<(String, String)>,
    /// Every path on the site that has a page, made when it is first asked for.
    paths: OnceLock<HashSet<String>>,
    /// The images that were looked at: one often stands in many articles.
    looks: Mutex<HashMap<SitePath, Look>>,
}

/// Why a folder cannot be read as a site at all.
#[derive(Debug, thiserror::Error)]
pub enum NotASite {
    #[error("the site's folder {} cannot be opened: {cause}", .folder.display())]
    Folder { folder: PathBuf, cause: std::io::Error },
    #[error(
        "{} holds no _config.yml, so it is not a site — name the site's folder, or give its address as `site.url` in parution.yml",
        .folder.display()
    )]
    NoConfig { folder: PathBuf },
    #[error("{} {what}", .file.display())]
    Unreadable { file: PathBuf, what: String },
    #[error("{problem}")]
    Config { problem: Problem },
    #[error("{} holds over {MAX_FILES} Markdown files", .folder.display())]
    TooManyFiles { folder: PathBuf },
}

/// Articles of one site.
const MAX_FILES: usize = 250_000;

/// Reads the site in `folder`: `_config.yml`, then the front matter of every article.
///
/// # Errors
/// When the folder is missing or is no site: that is never taken for a site without articles.
pub fn scan(folder: &Path, settings: &Settings) -> Result<Scan, NotASite> {
    Folder::open(folder, settings)?.scan()
}

/// A folder that is a site, its settings read and its articles not yet.
#[derive(Debug)]
pub struct Folder {
    root: Root,
    config: SiteConfig,
    fields: Fields,
}

impl Folder {
    /// # Errors
    /// When the folder is missing or is no site.
    pub fn open(folder: &Path, settings: &Settings) -> Result<Self, NotASite> {
        let root =
            Root::open(folder).map_err(|cause| NotASite::Folder { folder: folder.to_owned(), cause })?;
        let config = site_settings(&root, settings)?;
        Ok(Self { root, config, fields: settings.fields.clone() })
    }

    pub fn site(&self) -> &Site {
        &self.config.site
    }

    /// Reads the front matter of every article.
    ///
    /// # Errors
    /// When there are too many of them.
    pub fn scan(self) -> Result<Scan, NotASite> {
        let Self { root, config: SiteConfig { site, rules, mut problems }, fields } = self;
        let found = walk::walk(&root, &rules, &site.collections, &mut problems);
        if found.len() > MAX_FILES {
            return Err(NotASite::TooManyFiles { folder: root.path().to_owned() });
        }
        let (articles, others) = read_all(&root, &site, &rules, &fields, &found);
        let Others { pages, problems: of_files, paths } = others;
        problems.extend(of_files);
        let shows_future = rules.shows_future;
        let mut scan = Scan {
            shows_future,
            site,
            articles,
            problems,
            root,
            fields,
            pages,
            paths: OnceLock::new(),
            looks: Mutex::default(),
        };
        scan.set_undated_pages_apart();
        if !all_differ(paths) {
            scan.leave_out_twins();
        }
        scan.problems.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
        Ok(scan)
    }
}

/// What files turned out to be beside articles.
#[derive(Default)]
struct Others {
    pages: Vec<(String, String)>,
    problems: Vec<Problem>,
    /// A hash of the path of each published article, letter case aside: two that share one are to be
    /// looked at.
    paths: Vec<u64>,
}

fn site_settings(root: &Root, settings: &Settings) -> Result<SiteConfig, NotASite> {
    let file = root.path().join(site_config::FILE);
    let text = match root.read(Path::new(site_config::FILE), site_config::MAX_BYTES, Links::Follow) {
        Ok(bytes) => Some(
            String::from_utf8(bytes)
                .map_err(|_| NotASite::Unreadable { file: file.clone(), what: "is not UTF-8".to_owned() })?,
        ),
        Err(Fault::Missing) if settings.site.url.is_some() => None,
        Err(Fault::Missing) => return Err(NotASite::NoConfig { folder: root.path().to_owned() }),
        Err(fault) => return Err(NotASite::Unreadable { file, what: fault.what() }),
    };
    site_config::read(text.as_deref(), &settings.site).map_err(|mut problem| {
        problem.path = file;
        NotASite::Config { problem }
    })
}

/// Reads every file, on all cores; the results are in the order of `found`.
fn read_all(
    root: &Root,
    site: &Site,
    rules: &Rules,
    fields: &Fields,
    found: &[Found],
) -> (Vec<Article>, Others) {
    /// Files a thread takes at a time: enough that they do not meet often, few enough that the last
    /// one does not keep the others waiting.
    const BATCH: usize = 64;
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get).min(8);
    let mut articles: Vec<Option<Article>> = found.iter().map(|_| None).collect();
    let batches = Mutex::new(found.chunks(BATCH).zip(articles.chunks_mut(BATCH)).enumerate());
    let next = || batches.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        let (near, octets) = Default::default();
        let mut reader = FileReader { root, site, rules, fields, near, octets };
        let mut done = Vec::new();
        while let Some((at, (files, articles))) = next() {
            let mut others = Others::default();
            for (found, article) in files.iter().zip(articles) {
                *article = reader.read(found, &mut others);
            }
            done.push((at, others));
        }
        done
    };
    let mut others: Vec<(usize, Others)> = std::thread::scope(|scope| {
        let helpers: Vec<_> =
            (1..cores.min(found.len().div_ceil(BATCH))).map(|_| scope.spawn(work)).collect();
        let mut done = work();
        done.extend(helpers.into_iter().flat_map(|helper| helper.join().expect("reading never panics")));
        done
    });
    others.sort_unstable_by_key(|(at, _)| *at);
    let mut all = Others::default();
    for (_, Others { pages, problems, paths }) in others {
        all.pages.extend(pages);
        all.problems.extend(problems);
        all.paths.extend(paths);
    }
    #[expect(clippy::filter_map_identity, reason = "unlike `flatten`, it moves nothing to another place")]
    let articles = articles.into_iter().filter_map(|article| article).collect();
    (articles, all)
}

/// Reads one file after the other.
struct FileReader<'a> {
    root: &'a Root,
    site: &'a Site,
    rules: &'a Rules,
    fields: &'a Fields,
    /// The folder at hand.
    near: Near,
    /// The file at hand.
    octets: Vec<u8>,
}

impl FileReader<'_> {
    fn read(&mut self, found: &Found, others: &mut Others) -> Option<Article> {
        let before = others.problems.len();
        let mut octets = std::mem::take(&mut self.octets);
        let article = match text_near(&mut self.near, &mut octets, self.root, &found.source) {
            Ok(text) => self.read_text(found, &text, others),
            Err(problem) => {
                others.problems.push(problem);
                None
            }
        };
        self.octets = octets;
        others.paths.extend(article.iter().filter(|a| a.status == Status::Published).map(hash_of_path));
        // Nobody waits for a draft: whatever is wrong in it is worth a word, not an alarm.
        if found.place == Where::Draft {
            for problem in &mut others.problems[before..] {
                problem.gravity = problem.gravity.min(Gravity::Warning);
            }
        }
        article
    }

    fn read_text(&self, found: &Found, text: &str, others: &mut Others) -> Option<Article> {
        let Self { site, rules, fields, .. } = *self;
        let is_page = found.place == Where::Page;
        let (block, map) = match file::front_matter(text, &found.source, fields) {
            Ok(parts) => parts,
            // A plain file in a plain folder is a README or the like.
            Err(Unread::NoFrontMatter) if is_page => return None,
            Err(why) => {
                others.problems.push(why.problem(&found.source));
                return None;
            }
        };
        let place = place_of(found, site, rules);
        if is_page && !fields.date.iter().any(|key| map.get(key).is_some()) {
            let path = article::page_path(&place, &map, fields);
            others.pages.extend(path.map(|path| (found.source.clone(), path)));
            return None;
        }
        if let Where::Collection { index, .. } = found.place
            && site.collections[index].name == "posts"
            && crate::read::permalink::file_slug(article::basename(&found.source)).0.is_none()
        {
            others.problems.push(Problem::new(
                Gravity::Error,
                &found.source,
                "the file's name does not begin with a date, so Jekyll does not build this post; it is left out",
                "rename it to `2026-11-23-title.md`",
            ));
            return None;
        }
        let reader = article::Reader { site, rules, fields };
        article::read(&reader, &place, &block, &map, &mut others.problems)
    }
}

/// Where a file stands, in the words of the front matter reader.
fn place_of<'a>(found: &'a Found, site: &'a Site, rules: &'a Rules) -> article::Place<'a> {
    let source = found.source.as_str();
    let stem = source.rsplit_once('.').map_or(source, |(stem, _)| stem);
    match &found.place {
        Where::Collection { index, inside, above } => {
            let collection = &site.collections[*index];
            article::Place {
                source,
                collection: &collection.name,
                kind: &collection.name,
                permalink: &collection.permalink,
                path: stem.get(*inside..).unwrap_or(stem),
                above: &source[..*above],
                in_draft_folder: false,
            }
        }
        Where::Draft => article::Place {
            source,
            collection: "posts",
            kind: "drafts",
            permalink: site.collection("posts").map_or("/:title/", |posts| &posts.permalink),
            path: article::basename(source),
            above: "",
            in_draft_folder: true,
        },
        Where::Page => article::Place {
            source,
            collection: "",
            kind: "pages",
            permalink: if article::basename(source) == "index" { "/:path/" } else { &rules.page_permalink },
            path: source.rsplit_once('/').map_or("", |(folder, _)| folder),
            above: "",
            in_draft_folder: false,
        },
    }
}

impl Scan {
    /// The folder that was scanned.
    pub fn folder(&self) -> &Path {
        self.root.path()
    }

    /// Undated documents: where no document of a collection has a date they are pages (a collection
    /// named `pages`, a handbook); elsewhere the date was forgotten, and someone must be told.
    fn set_undated_pages_apart(&mut self) {
        if self.articles.iter().all(|article| article.published.is_some()) {
            return;
        }
        let dated = |name: &str| self.articles.iter().any(|a| a.collection == name && a.published.is_some());
        let of_pages: Vec<String> = self
            .site
            .collections
            .iter()
            .filter(|c| {
                let documents = self.articles.iter().filter(|a| a.collection == c.name).count();
                !dated(&c.name) && (documents > 1 || c.name == "pages")
            })
            .map(|c| c.name.clone())
            .collect();
        let articles = std::mem::take(&mut self.articles);
        for article in articles {
            if article.published.is_some() {
                self.articles.push(article);
            } else if of_pages.contains(&article.collection) {
                self.pages.push((article.source.to_string_lossy().into_owned(), article.id.0));
            } else {
                if article.status == Status::Published {
                    self.problems.push(Problem::new(
                        Gravity::Error,
                        &article.source,
                        "there is no date; the article is left out",
                        "write `date:` and the day, such as `date: 2021-03-15`, in the front matter",
                    ));
                }
                self.articles.push(article);
            }
        }
        self.pages.sort();
    }

    /// Two published files at one URL: Jekyll lets one replace the other; here the first by name
    /// stays and the other is named. URLs that differ in case alone are two, with a word of advice.
    fn leave_out_twins(&mut self) {
        let mut order: Vec<usize> =
            (0..self.articles.len()).filter(|at| self.articles[*at].status == Status::Published).collect();
        order.sort_by(|a, b| {
            let (a, b) = (&self.articles[*a], &self.articles[*b]);
            (&a.id, &a.source).cmp(&(&b.id, &b.source))
        });
        let mut out = vec![false; self.articles.len()];
        for pair in chain(&order, |a, b| self.articles[a].id == self.articles[b].id) {
            let (first, other) = (&self.articles[pair.0], &self.articles[pair.1]);
            self.problems.push(Problem::new(
                Gravity::Error,
                &other.source,
                format!("its URL {} is that of {}; it is left out", other.id, first.source.display()),
                "give one of the two another `slug` or file name",
            ));
            out[pair.1] = true;
        }
        self.name_case_twins(&order, &out);
        let mut at = 0;
        self.articles.retain(|_| {
            at += 1;
            !out[at - 1]
        });
    }

    fn name_case_twins(&mut self, order: &[usize], out: &[bool]) {
        let mut folded: Vec<(String, usize)> = order
            .iter()
            .filter(|at| !out[**at])
            .map(|at| (self.articles[*at].id.0.to_lowercase(), *at))
            .collect();
        folded.sort();
        for pair in folded.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
            let (first, other) = (&self.articles[pair[0].1], &self.articles[pair[1].1]);
            let by_name = |article: &Article| {
                let name = article.source.to_string_lossy().to_lowercase();
                let page = article.id.0.to_lowercase();
                name.contains(page.trim_matches('/').rsplit('/').next().unwrap_or_default())
            };
            // The same slug given twice is a slip; two file names are the editor's own affair.
            let slip = !(by_name(first) && by_name(other)) && first.source.parent() == other.source.parent();
            self.problems.push(Problem::new(
                if slip { Gravity::Error } else { Gravity::Advice },
                &other.source,
                format!("its URL {} differs from that of {} in case alone", other.id, first.source.display()),
                "give one of the two another name: many servers and readers take them for one",
            ));
        }
    }
}

/// The path of an article, letter case aside, as a number: taken while the article is at hand, since
/// ten thousand paths are slow to find again one by one.
fn hash_of_path(article: &Article) -> u64 {
    let path = &article.id.0;
    let plain = path.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase());
    let mut hasher = DefaultHasher::new();
    if plain {
        path.hash(&mut hasher);
    } else {
        path.to_lowercase().hash(&mut hasher);
    }
    hasher.finish()
}

fn all_differ(mut hashes: Vec<u64>) -> bool {
    hashes.sort_unstable();
    hashes.windows(2).all(|pair| pair[0] != pair[1])
}

/// Pairs each later member of a run of equals with the first of its run.
fn chain(order: &[usize], equal: impl Fn(usize, usize) -> bool) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    let mut first = None;
    for at in order {
        match first {
            Some(one) if equal(one, *at) => pairs.push((one, *at)),
            _ => first = Some(*at),
        }
    }
    pairs
}
