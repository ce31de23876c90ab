//! What an editor would like to know before readers find it: advice on articles that are sound.

use percent_encoding::percent_decode_str;
use url::Url;

use crate::domain::{Article, Content, Gravity, Html, Image, Origin, Problem, Site};
use crate::read::images::{self, below_site};

/// Beyond it a title is cut by search pages, subjects and lists.
const LONG_TITLE: usize = 90;

/// Beyond it a chapeau is no longer one.
const LONG_CHAPEAU: usize = 500;

/// Beyond it a reader on a telephone waits.
const HEAVY_IMAGE: u64 = 5 * 1024 * 1024;

/// Advice on one article that could be read. `text` is its whole file, for the lines;
/// `is_missing` says whether an address of the site itself leads to nothing, as far as the tree can
/// tell.
pub fn article(
    site: &Site,
    article: &Article,
    content: &Content,
    text: &str,
    is_missing: &dyn Fn(&Url) -> bool,
) -> Vec<Problem> {
    let mut lint = Lint { article, text, problems: Vec::new() };
    lint.title();
    lint.redirection();
    lint.chapeau(content);
    let chapeau = content.chapeau.as_ref().filter(|c| c.origin == Origin::Field).map(|c| &c.html);
    let mut shown = Vec::new();
    for html in chapeau.into_iter().chain([&content.body]) {
        shown.extend(lint.described(html));
        lint.stars(html);
        for link in links(html) {
            lint.link(site, &link, is_missing);
        }
    }
    for image in &content.images {
        lint.image(image, shown.iter().any(|src| src == image.url.as_str()));
    }
    lint.problems
}

/// The line of `text` on which an address stands, in whatever way it is written there.
pub fn line_of_address(text: &str, site: &Site, url: &Url) -> Option<u32> {
    let whole = url.as_str();
    let path = below_site(site, url).map(|path| format!("/{}{}", path, after_path(url)));
    let decoded = path.as_ref().map(|path| percent_decode_str(path).decode_utf8_lossy().into_owned());
    let needles = [Some(whole.to_owned()), Some(whole.trim_end_matches('/').to_owned()), path, decoded];
    let at = needles.iter().flatten().filter(|n| n.len() > 1).find_map(|needle| {
        text.find(needle.as_str()).or_else(|| text.find(needle.trim_start_matches('/')))
    })?;
    u32::try_from(text[..at].matches('\n').count() + 1).ok()
}

fn after_path(url: &Url) -> String {
    let query = url.query().map(|q| format!("?{q}")).unwrap_or_default();
    let fragment = url.fragment().map(|f| format!("#{f}")).unwrap_or_default();
    query + &fragment
}

/// Every address that a fragment links to, each once.
fn links(html: &Html) -> Vec<Url> {
    const HREF: &str = "href=\"";
    let mut found: Vec<Url> = Vec::new();
    let mut rest = html.as_str();
    while let Some(at) = rest.find(HREF) {
        rest = &rest[at + HREF.len()..];
        let Some(end) = rest.find('"') else { break };
        if let Ok(url) = Url::parse(&rest[..end].replace("&amp;", "&"))
            && !found.contains(&url)
        {
            found.push(url);
        }
        rest = &rest[end..];
    }
    found
}

/// The `**` that a fragment shows outside code, each with the words that follow it.
fn starred(html: &Html) -> Vec<String> {
    let mut found = Vec::new();
    let mut code = 0_usize;
    for part in html.as_str().split('<') {
        let (tag, text) = part.split_once('>').unwrap_or(("", part));
        let element = tag.split([' ', '/']).find(|name| !name.is_empty()).unwrap_or_default();
        if matches!(element, "pre" | "code") {
            code = if tag.starts_with('/') { code.saturating_sub(1) } else { code + 1 };
        }
        let openings = text.match_indices("**").filter(|_| code == 0);
        found.extend(openings.filter_map(|(at, stars)| {
            let after = &text[at + stars.len()..];
            let words = after.find(|c: char| !c.is_alphanumeric() && c != ' ').unwrap_or(after.len());
            let words = after[..words].trim_end();
            words.starts_with(char::is_alphanumeric).then(|| format!("{stars}{words}"))
        }));
    }
    found
}

struct Lint<'a> {
    article: &'a Article,
    text: &'a str,
    problems: Vec<Problem>,
}

impl Lint<'_> {
    fn say(&mut self, gravity: Gravity, line: Option<u32>, what: String, remedy: &str) {
        let mut problem = Problem::new(gravity, &self.article.source, what, remedy);
        problem.line = line;
        self.problems.push(problem);
    }

    /// The line of the first of the given words, such as a key of the front matter.
    fn line_with(&self, words: &str) -> Option<u32> {
        let at = self.text.find(words)?;
        u32::try_from(self.text[..at].matches('\n').count() + 1).ok()
    }

    fn title(&mut self) {
        let length = self.article.title.chars().count();
        // One that was cut has been named already.
        if length > LONG_TITLE && !self.article.title.ends_with('…') {
            let line = self.line_with("\ntitle:").map(|line| line + 1);
            let what = format!("the title has {length} characters, over {LONG_TITLE}");
            self.say(Gravity::Advice, line, what, "shorten it: a mail's subject shows about 60");
        }
        if let Some(mark) = ["{{", "{%", "{:", "](", "**"].iter().find(|m| self.article.title.contains(**m)) {
            let line = self.line_with("\ntitle:").map(|line| line + 1);
            let what =
                format!("the title shows `{mark}` to readers: it is plain text, and nothing resolves it");
            self.say(Gravity::Advice, line, what, "write the words alone");
        }
    }

    fn redirection(&mut self) {
        if self.article.link != self.article.url {
            let line = self.line_with(self.article.link.as_str()).or_else(|| self.line_with("\nredirect"));
            let what =
                format!("feeds and digest send readers to {}", images::shown(self.article.link.as_str()));
            self.say(Gravity::Advice, line, what, "nothing to do if this is meant");
        }
    }

    fn chapeau(&mut self, content: &Content) {
        let Some(chapeau) = &content.chapeau else {
            if content.body.is_empty() {
                let what = "there is neither a chapeau nor a body: readers see a title alone".to_owned();
                self.say(Gravity::Advice, None, what, "write a `chapeau-text`");
            }
            return;
        };
        let length = chapeau.text.chars().count();
        if length > LONG_CHAPEAU {
            let line = self.line_with("\nchapeau").map(|line| line + 1);
            let what = format!("the chapeau has {length} characters, over {LONG_CHAPEAU}");
            self.say(Gravity::Advice, line, what, "keep the two or three sentences that say it all");
        }
    }

    /// Stars that were to make words bold and stand in the text: bold ends with its paragraph.
    fn stars(&mut self, html: &Html) {
        for words in starred(html) {
            // Those that the editor escaped are meant, and not found.
            let Some(line) = self.line_with(&words) else { continue };
            let what =
                format!("the stars of `{words}` show in the text: bold does not reach beyond its paragraph");
            self.say(
                Gravity::Advice,
                Some(line),
                what,
                "put `**` around the words of each paragraph by itself",
            );
        }
    }

    /// An image of the header has fields for its text; one that the text shows has its own tag.
    fn image(&mut self, image: &Image, is_shown: bool) {
        let line = self.line_of_file(image.url.path());
        let name = images::shown(image.url.path());
        if !is_shown && image.alt.is_empty() {
            self.say(
                Gravity::Warning,
                line,
                format!("the header image `{name}` has no alternative text"),
                "say what it shows, for those who do not see it",
            );
        }
        if let Some(facts) = &image.facts
            && facts.bytes > HEAVY_IMAGE
        {
            let what = format!("the image `{name}` has {} MB", facts.bytes / 1_000_000);
            self.say(Gravity::Warning, line, what, "upload one of less than 1 MB");
        }
    }

    fn line_of_file(&self, address: &str) -> Option<u32> {
        let file = address.rsplit('/').next().filter(|file| !file.is_empty())?;
        self.line_with(file).or_else(|| self.line_with(&percent_decode_str(file).decode_utf8_lossy()))
    }

    /// The addresses of a fragment's images; those without any `alt` are reported, since an empty
    /// one says that the image is decoration.
    fn described(&mut self, html: &Html) -> Vec<String> {
        let mut shown = Vec::new();
        let mut undescribed = Vec::new();
        images::rewrite(html, &mut |tag| {
            shown.push(tag.src.clone());
            if tag.alt.is_none() {
                undescribed.push(tag.src.clone());
            }
            images::Verdict::Keep
        });
        for src in undescribed {
            self.undescribed(&src);
        }
        shown
    }

    fn undescribed(&mut self, src: &str) {
        let line = self.line_of_file(src);
        self.say(
            Gravity::Warning,
            line,
            format!("the image `{}` has no alternative text", images::shown(src)),
            "say what it shows, for those who do not see it; or write `alt=\"\"` if it is decoration",
        );
    }

    fn link(&mut self, site: &Site, target: &Url, is_missing: &dyn Fn(&Url) -> bool) {
        if below_site(site, target).is_none() {
            return;
        }
        let line = line_of_address(self.text, site, target);
        let shown = images::shown(target.as_str());
        if target.scheme() == "http" && site.url.scheme() == "https" {
            let what = format!("the link to the site's own page {shown} is not encrypted");
            self.say(Gravity::Advice, line, what, "begin it with `/`, or with `https:`");
        }
        if is_missing(target) {
            let what = format!("the link {shown} leads to a page that is not there");
            self.say(Gravity::Warning, line, what, "correct the address; perhaps the page was renamed");
        }
    }
}
