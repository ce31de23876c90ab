//! From an article to the fields of its templates: title, days and place, image, chapeau, files.

use crate::domain::{Article, Attachment, Content, Gravity, Problem};
use crate::render::letter::one_line as line;
use crate::render::words::Words;

use super::inline::{escape, inline};
use super::links::link;
use super::view::{ArticleView, ImageView, LabelView, LinkView};
use super::view_of::{Maker, blocks, cut};
use super::{Role, text};

/// The longest alternative text, and the title where it stands for a missing one.
const ALTERNATIVE: usize = 190;
const ILLUSTRATION: usize = 60;
/// The width of the letter's text, CSS pixels, and what keeps an image from the text beside it.
const WIDTH: u32 = 536;
const GAP: u32 = 22;

impl Maker<'_> {
    pub(super) fn article(
        &mut self,
        article: &Article,
        content: &Content,
        lead: bool,
        level: u8,
    ) -> ArticleView {
        let language = article.language.as_ref().unwrap_or(&self.draft.site.language);
        // What an editor wrote is set by the rules of its own language, what we say is the letter's.
        let words = Words::of_or_english(language);
        let url = self.link(article.link.as_str());
        let date = article.published.map(|at| self.words.dates.full(at.date_naive())).unwrap_or_default();
        let title = self.link_texts.unlike(&words.set(&line(&article.title)), &url, &date);
        let image = self.image(article, content, lead, words);
        let text_width = if image.width > 0 && !lead { WIDTH - GAP - image.width } else { 0 };
        let (chapeau_html, chapeau_text, mut links) = self.chapeau(content, words);
        links.splice(..0, image.link());
        let files = self.files(article);
        for link in links.iter().chain(&files).map(|link| &link.url).chain([&url]) {
            if link.starts_with("http://") {
                self.problems.push(Problem::new(
                    Gravity::Advice,
                    &article.source,
                    format!("the link {link} is not encrypted"),
                    "write https:// if the address answers to it",
                ));
            }
        }
        let event = event(article, self.words);
        ArticleView {
            lead,
            follows_heading: false,
            level,
            elsewhere: elsewhere(article, self.words),
            language: if language.primary() == self.draft.language.primary() {
                String::new()
            } else {
                language.tag().to_owned()
            },
            files_label: self.words.digest.files.to_owned(),
            files,
            title,
            url,
            date: if event.is_empty() { date } else { String::new() },
            event,
            image,
            text_width,
            chapeau_html,
            chapeau_text,
            links,
        }
    }

    /// The article's own image, with the caption below it when there is room. An image without an
    /// alternative text gets one: its caption where that is not shown, else the title.
    fn image(&mut self, article: &Article, content: &Content, lead: bool, words: &Words) -> ImageView {
        let Some(image) = content.image() else { return ImageView::default() };
        let (alt, caption) = (line(&image.alt), line(&image.caption));
        let missing = alt.is_empty();
        let alt = match (missing, lead || caption.is_empty()) {
            (false, _) => alt,
            (true, false) => caption.clone(),
            (true, true) => (words.digest.illustration)(&cut(&line(&article.title), ILLUSTRATION)),
        };
        let role = if lead { Role::Lead } else { Role::Side };
        let Some(shown) = self.picture(image.url.as_str(), role, &cut(&alt, ALTERNATIVE)) else {
            return ImageView::default();
        };
        if missing {
            self.problems.push(Problem::new(
                Gravity::Advice,
                &article.source,
                format!("the image {} has no alternative text", image.url.path()),
                "say in a few words what it shows (`alternative-textuelle`)",
            ));
        }
        ImageView { caption: if lead { caption } else { String::new() }, ..shown }
    }

    /// The chapeau with its figures and links when there is room for all of it, else cut as text.
    fn chapeau(&mut self, content: &Content, words: &Words) -> (String, String, Vec<LinkView>) {
        let Some(chapeau) = &content.chapeau else { return Default::default() };
        let plain = words.set(&blocks(&chapeau.text));
        if plain.chars().count() > self.extent.chapeau {
            let short = text::shorten(&plain.replace("\n\n", " ").replace('\n', " "), self.extent.chapeau);
            return (format!("<p style=\"margin:0\">{}</p>", escape(&short)), short, Vec::new());
        }
        let own = content.image().map(|image| image.url.to_string());
        let inlined = {
            let (draft, target) = (self.draft, self.target);
            let link = |url: &str| link(draft, target, url);
            let mut show = |url: &str| {
                if own.as_deref() == Some(url) {
                    return None;
                }
                let alt = content.images.iter().find(|image| image.url.as_str() == url);
                self.picture(url, Role::Figure, &alt.map(|image| line(&image.alt)).unwrap_or_default())
            };
            inline(chapeau.html.as_str(), draft.theme, &mut show, &link)
        };
        (words.set(&inlined.html), plain, inlined.links)
    }

    /// The attached files, each with a text that says what and of which kind.
    fn files(&mut self, article: &Article) -> Vec<LinkView> {
        let title = line(&article.title);
        let mut files = Vec::new();
        for file in &article.attachments {
            let url = self.link(file.url.as_str());
            let text = self.link_texts.unlike(&file_text(file), &url, &title);
            files.push(LinkView { text, url });
        }
        files
    }
}

/// Says so when the title leads away from the site.
fn elsewhere(article: &Article, words: &Words) -> String {
    match (article.link.host_str(), article.url.host_str()) {
        (Some(there), Some(here)) if there != here => {
            (words.digest.on_host)(there.strip_prefix("www.").unwrap_or(there))
        }
        _ => String::new(),
    }
}

fn event(article: &Article, words: &Words) -> Vec<LabelView> {
    let Some(event) = &article.event else { return Vec::new() };
    let when = event.start.map(|start| words.dates.event(start, event.end));
    let place = Some(words.set(&line(&event.place))).filter(|place| !place.is_empty());
    [(words.digest.when, when), (words.digest.place, place)]
        .into_iter()
        .filter_map(|(label, text)| Some(LabelView { label: label.to_owned(), text: text? }))
        .collect()
}

/// `Dossier de presse (PDF)`.
fn file_text(file: &Attachment) -> String {
    let path = file.url.path();
    let last = path.rsplit('/').next().unwrap_or(path);
    let kind = last.rsplit_once('.').map(|(_, kind)| kind.to_uppercase()).filter(|kind| kind.len() <= 5);
    let name = line(&file.name);
    let name = if name.is_empty() { last.to_owned() } else { name };
    match kind {
        Some(kind) if !name.to_uppercase().contains(&kind) => format!("{name} ({kind})"),
        _ => name,
    }
}
