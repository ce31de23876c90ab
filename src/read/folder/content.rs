//! Reads and renders one article, when an output shows it.

use std::borrow::Cow;

use url::Url;

use super::Scan;
use super::file::{self, text_of};
use super::pictures::Look;
use super::tree::Presence;
use crate::domain::{Article, Content, Gravity, Html, Image, ImageSource, Problem, SitePath};
use crate::read::chapeau;
use crate::read::front_matter::article::offset_advice;
use crate::read::front_matter::{Split, split};
use crate::read::images::{self, ImageTag, Named, Target, Verdict};
use crate::read::lint;
use crate::read::markdown::{self, Page};

/// The chapeau, body and images of an article, and what had to be mended in them.
///
/// Opens the article's file and the first octets of its images; renders nothing else. May be called
/// from several threads at once.
///
/// # Errors
/// The problem that keeps the article out: its file changed or vanished since the scan.
pub fn content(scan: &Scan, article: &Article) -> Result<(Content, Vec<Problem>), Problem> {
    let source = article.source.to_string_lossy();
    let text = text_of(&scan.root, &source)?;
    let (block, map) =
        file::front_matter(&text, &source, &scan.fields).map_err(|why| why.problem(&source))?;
    let page = Page {
        site: &scan.site,
        url: &article.url,
        title: &article.title,
        path: &article.source,
        first_line: block.body_line,
        links: scan,
    };
    let mut problems = Vec::new();
    let body_source = if block.body.contains('\r') {
        Cow::Owned(block.body.replace("\r\n", "\n"))
    } else {
        Cow::Borrowed(block.body)
    };
    let rendered = markdown::render(&body_source, &page);
    let body = rendered.html;
    let mut chapeau = chapeau::of_fields(&map, &block, &scan.fields, &page, &mut problems)
        .or_else(|| chapeau::before_more(&body_source, &page));
    problems.extend(rendered.problems);

    let named = images::named(&map, &block, &scan.fields, &article.source, &mut problems);
    let mut gallery = Gallery { scan, article, text: &text, images: Vec::new(), bad: Vec::new(), problems };
    for image in &named {
        gallery.add_named(image);
    }
    let of_header = gallery.images.len();
    if let Some(chapeau) = &mut chapeau {
        chapeau.html = gallery.add_shown(&chapeau.html, &page);
    }
    let body = gallery.add_shown(&body, &page);
    // Made last, of a body that has lost the images that are not there.
    let chapeau = chapeau.or_else(|| chapeau::first_paragraph(&body));
    let Gallery { images, problems, .. } = gallery;
    let header_image =
        images.first().filter(|_| of_header > 0).filter(|first| !first.shown).map(|i| i.image.clone());
    let images = images.into_iter().map(|found| found.image).collect();
    Ok((Content { chapeau, body, images, header_image }, problems))
}

/// Everything that `check` has to say of one article: what had to be mended, and advice.
pub fn lint(scan: &Scan, article: &Article) -> Vec<Problem> {
    let (content, mut problems) = match content(scan, article) {
        Ok(read) => read,
        Err(problem) => return vec![problem],
    };
    let source = article.source.to_string_lossy();
    let Ok(text) = text_of(&scan.root, &source) else { return problems };
    if let Ok((block, map)) = file::front_matter(&text, &source, &scan.fields) {
        problems.extend(offset_advice(&scan.site, &scan.fields, &source, &block, &map));
    }
    let is_missing = |url: &Url| scan.presence(url) == Some(Presence::Missing);
    problems.extend(lint::article(&scan.site, article, &content, &text, &is_missing));
    problems
}

/// The sketch of an article's text, by which it is recognised when its file moves; 0 when
/// the file cannot be read now.
pub fn fingerprint(scan: &Scan, article: &Article) -> u64 {
    let Ok(text) = text_of(&scan.root, &article.source.to_string_lossy()) else { return 0 };
    match split(&text) {
        Split::Found(block) | Split::TooLong(block) => crate::domain::fingerprint(block.body),
        Split::None | Split::Unclosed => 0,
    }
}

/// The images of one article as they are met, each file once.
struct Gallery<'a> {
    scan: &'a Scan,
    article: &'a Article,
    /// The whole file, for the lines of messages.
    text: &'a str,
    images: Vec<Met>,
    /// Addresses that were looked at and are not to be shown.
    bad: Vec<Url>,
    problems: Vec<Problem>,
}

struct Met {
    image: Image,
    /// Whether the chapeau or the body shows it.
    shown: bool,
}

impl Gallery<'_> {
    fn add_named(&mut self, named: &Named) {
        let Some(target) = images::target(&self.scan.site, &named.reference) else {
            let what = format!(
                "the image `{}` is neither a web address nor a file of the site; it is left out",
                images::shown(&named.reference)
            );
            self.problem(what, "write a path such as `/uploads/image.jpg`", named.line);
            return;
        };
        let alt = named.alt.clone();
        let caption = named.caption.clone();
        self.add(&target, &named.reference, alt, caption, named.line);
    }

    /// Every image of a fragment: those that are not there give way to their alternative text, and
    /// a file name is no alternative text.
    fn add_shown(&mut self, html: &Html, page: &Page<'_>) -> Html {
        images::rewrite(html, &mut |tag: &ImageTag| {
            let written = tag.alt.clone().unwrap_or_default();
            let alt = images::written_alt(&written, &tag.src);
            let target = page.url.join(&tag.src).ok().and_then(|url| images::of_url(&self.scan.site, url));
            let Some(target) = target else { return Verdict::Replace(alt) };
            if !self.add(&target, &tag.src, alt.clone(), String::new(), None) {
                return Verdict::Replace(alt);
            }
            if let Some(met) = self.images.iter_mut().find(|met| met.image.url == target.url) {
                met.shown = true;
            }
            if written.is_empty() || alt == images::one_line_alt(&written) {
                Verdict::Keep
            } else {
                Verdict::Alt(alt)
            }
        })
    }

    /// Whether the image may be shown; each is looked at, and reported, once.
    fn add(
        &mut self,
        target: &Target,
        reference: &str,
        alt: String,
        caption: String,
        line: Option<u32>,
    ) -> bool {
        if self.bad.contains(&target.url) {
            return false;
        }
        if let Some(met) = self.images.iter_mut().find(|met| met.image.url == target.url) {
            if met.image.alt.is_empty() {
                met.image.alt = alt;
            }
            return true;
        }
        let (source, facts) = match target.path.as_ref().map(|path| self.look_at(path)) {
            None | Some((_, Look::Unknown)) => (ImageSource::Elsewhere, None),
            Some((path, Look::Seen(facts))) => (ImageSource::InSite(path), Some(facts)),
            Some((_, Look::Bad(why))) => {
                let what = format!("the image `{}` {why}; it is left out", images::shown(reference));
                let line = line.or_else(|| lint::line_of_address(self.text, &self.scan.site, &target.url));
                self.problem(what, "upload it again, or correct its name", line);
                self.bad.push(target.url.clone());
                return false;
            }
        };
        let image = Image { source, url: target.url.clone(), alt, caption, facts };
        self.images.push(Met { image, shown: false });
        true
    }

    fn look_at(&self, path: &SitePath) -> (SitePath, Look) {
        (path.clone(), self.scan.look_at(path))
    }

    fn problem(&mut self, what: String, remedy: &str, line: Option<u32>) {
        let mut problem = Problem::new(Gravity::Warning, &self.article.source, what, remedy);
        problem.line = line.or(Some(self.article.body_line));
        self.problems.push(problem);
    }
}
