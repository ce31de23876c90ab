//! From a draft to the fields of its templates.

use std::collections::BTreeMap;

use unicode_segmentation::UnicodeSegmentation;
use url::Url;

use crate::domain::{Article, Attachment, Content, Gravity, InlineImage, Problem};
use crate::render::words::Words;

use super::inline::{escape, inline};
use super::pictures::ALL_IMAGES;
use super::view::{ArticleView, DigestView, FooterView, ImageView, LabelView, LinkView, SectionView};
use super::{Draft, Grouping, ImageMode, PictureUse, Role, text};

/// The longest subject: clients cut at 60 to 90 characters.
const SUBJECT: usize = 90;
/// The preheader, characters.
const PREHEADER: usize = 140;
/// The width of the letter's text, CSS pixels, and what keeps an image from the text beside it.
const WIDTH: u32 = 536;
const GAP: u32 = 22;

/// How much of each article is shown.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// Characters of a chapeau.
    pub chapeau: usize,
    /// Articles shown whole; the following keep their title.
    pub whole: usize,
    /// Articles shown at all.
    pub titles: usize,
}

/// Where the view is going.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    Letter,
    Archive,
}

/// A view, the images it refers to, and what was found while making it.
pub struct Built {
    pub digest: DigestView,
    pub images: Vec<InlineImage>,
    pub problems: Vec<Problem>,
}

pub fn words(draft: &Draft<'_>) -> &'static Words {
    Words::of_or_english(draft.language)
}

pub fn view(draft: &Draft<'_>, extent: Extent, target: Target) -> Built {
    let words = words(draft);
    let mut maker = Maker {
        draft,
        words,
        extent,
        target,
        images: Vec::new(),
        weight: 0,
        too_heavy: 0,
        problems: Vec::new(),
        link_texts: BTreeMap::new(),
    };
    let digest = maker.digest();
    if maker.too_heavy > 0 {
        maker.problems.push(Problem {
            path: "parution.yml".into(),
            line: None,
            gravity: Gravity::Warning,
            what: format!(
                "{} images are left out: a letter carries {ALL_IMAGES} octets of them",
                maker.too_heavy
            ),
            remedy: "set `digest.max_items` lower, or `digest.images` to linked".to_owned(),
        });
    }
    Built { digest, images: maker.images, problems: maker.problems }
}

struct Maker<'a> {
    draft: &'a Draft<'a>,
    words: &'static Words,
    extent: Extent,
    target: Target,
    images: Vec<InlineImage>,
    weight: usize,
    /// Images left out because the letter would be too heavy.
    too_heavy: usize,
    problems: Vec<Problem>,
    /// The URL that each link text leads to: no text may lead to two places (RGAA 6.1).
    link_texts: BTreeMap<String, String>,
}

impl Maker<'_> {
    fn digest(&mut self) -> DigestView {
        let draft = self.draft;
        let words = self.words;
        let lead_title = draft.articles.first().map(|(article, _)| line(&article.title)).unwrap_or_default();
        let others = draft.articles.len().saturating_sub(1);
        let and_others = if others > 0 { (words.digest.and_others)(others) } else { String::new() };
        let room = SUBJECT.saturating_sub(and_others.graphemes(true).count());
        let logo = draft.logo.map(|(url, alt)| self.logo(url, alt)).unwrap_or_default();
        let intro = draft.intro.map(|intro| self.intro(intro)).unwrap_or_default();
        let sections = self.sections();
        let titles = self.titles();
        DigestView {
            language: draft.language.tag().to_owned(),
            subject: String::new(),
            preheader: if self.target == Target::Letter { self.preheader() } else { String::new() },
            lead_title: cut(&lead_title, room),
            and_others,
            count: draft.articles.len(),
            name: words.set(&line(&draft.list.name)),
            tagline: words.set(&line(&draft.settings.tagline)),
            number: draft.number.map(words.digest.number).unwrap_or_default(),
            date: words.dates.full(draft.date.date_naive()),
            logo,
            site_url: draft.site.url.to_string(),
            intro_html: intro.0,
            intro_text: intro.1,
            intro_links: intro.2,
            sections,
            titles_heading: if titles.is_empty() {
                String::new()
            } else {
                words.digest.titles_only.to_owned()
            },
            titles,
            footer: self.footer(),
            archive: self.target == Target::Archive,
            colon: words.digest.colon.to_owned(),
            rule: "_".repeat(76),
            thin_rule: "-".repeat(76),
        }
    }

    /// The titles after the lead, or the lead's chapeau when it is alone: something that adds to the
    /// subject, since mail programs show it right after.
    fn preheader(&self) -> String {
        if let Some(by_hand) = self.draft.preheader {
            return line(by_hand);
        }
        let others: Vec<String> =
            self.draft.articles.iter().skip(1).map(|(article, _)| line(&article.title)).collect();
        let also = format!("{}{}", self.words.digest.preheader_also, others.join(" · "));
        let chapeau = || {
            let content = self.draft.articles.first().map(|(_, content)| *content);
            content
                .and_then(|content| content.chapeau.as_ref())
                .map(|chapeau| line(&chapeau.text))
                .unwrap_or_default()
        };
        let said = if others.is_empty() { chapeau() } else { also };
        let said = if said.chars().count() < 35 {
            [said, line(&self.draft.list.name), self.words.dates.full(self.draft.date.date_naive())]
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join(" · ")
        } else {
            said
        };
        text::shorten(&said, PREHEADER)
    }

    fn intro(&mut self, intro: &super::Intro) -> (String, String, Vec<LinkView>) {
        let inlined = inline(intro.html.as_str(), self.draft.theme, &mut |_| None, &|url| self.link(url));
        (inlined.html, self.words.set(&blocks(&intro.text)), inlined.links)
    }

    /// The lead, then the others in the groups that were asked for; titles without text are not here.
    fn sections(&mut self) -> Vec<SectionView> {
        let draft = self.draft;
        let shown = &draft.articles[..draft.articles.len().min(self.extent.whole)];
        let mut sections: Vec<SectionView> = Vec::new();
        for (index, (article, content)) in shown.iter().enumerate() {
            let heading = if index == 0 { String::new() } else { self.group(article) };
            let level = if heading.is_empty() { 2 } else { 3 };
            let view = self.article(article, content, index == 0, level);
            if let Some(section) = sections.iter_mut().find(|section| section.heading == heading) {
                section.articles.push(view);
            } else {
                let first = ArticleView { follows_heading: !heading.is_empty(), ..view };
                sections.push(SectionView { heading, articles: vec![first] });
            }
        }
        sections
    }

    /// The heading under which an article stands; empty when there is no grouping.
    fn group(&self, article: &Article) -> String {
        let heading = match self.draft.settings.group_by {
            Grouping::None => return String::new(),
            Grouping::Collection => {
                self.draft.site.collection(&article.collection).map(|collection| line(&collection.title))
            }
            Grouping::Category => article.categories.first().map(|category| line(category)),
        };
        heading
            .filter(|heading| !heading.is_empty())
            .unwrap_or_else(|| self.words.digest.unnamed_group.to_owned())
    }

    fn article(&mut self, article: &Article, content: &Content, lead: bool, level: u8) -> ArticleView {
        let language = article.language.as_ref().unwrap_or(&self.draft.site.language);
        // What an editor wrote is set by the rules of its own language, what we say is the letter's.
        let words = Words::of_or_english(language);
        let url = self.link(article.link.as_str());
        let date = article.published.map(|at| self.words.dates.full(at.date_naive())).unwrap_or_default();
        let title = self.link_text(&words.set(&line(&article.title)), &url, &date);
        let role = if lead { Role::Lead } else { Role::Side };
        let image = content.image().and_then(|image| {
            let alt = if image.alt.trim().is_empty() { None } else { Some(line(&image.alt)) };
            let missing = alt.is_none();
            let caption = line(&image.caption);
            let alt = alt
                .or_else(|| (!caption.is_empty() && !lead).then(|| caption.clone()))
                .unwrap_or_else(|| (words.digest.illustration)(&line(&article.title)));
            let used = self.picture(image.url.as_str(), role, &cut(&alt, 190))?;
            if missing {
                self.problems.push(Problem {
                    path: article.source.clone(),
                    line: None,
                    gravity: Gravity::Advice,
                    what: format!("the image {} has no alternative text", image.url.path()),
                    remedy: "say in a few words what it shows (`alternative-textuelle`)".to_owned(),
                });
            }
            let caption = if lead { caption } else { String::new() };
            Some(ImageView { src: used.src, width: used.width, height: used.height, alt: used.alt, caption })
        });
        let image = image.unwrap_or_default();
        let text_width = if image.width > 0 && !lead { WIDTH - GAP - image.width } else { 0 };
        let (chapeau_html, chapeau_text, links) = self.chapeau(content, words);
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
            files_label: words.digest.files.to_owned(),
            files: self.files(article),
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
            let text = self.link_text(&file_text(file), &url, &title);
            files.push(LinkView { text, url });
        }
        files
    }

    /// The articles of which only the title is left.
    fn titles(&mut self) -> Vec<LinkView> {
        let draft = self.draft;
        let mut titles = Vec::new();
        for (article, _) in draft.articles.iter().take(self.extent.titles).skip(self.extent.whole) {
            let url = self.link(article.link.as_str());
            let date = article.published.map(|at| self.words.dates.long(at.date_naive())).unwrap_or_default();
            let text = self.link_text(&self.words.set(&line(&article.title)), &url, &date);
            titles.push(LinkView { text, url });
        }
        titles
    }

    fn footer(&mut self) -> FooterView {
        let list = self.draft.list;
        let words = &self.words.digest;
        let in_letter = self.target == Target::Letter;
        let site = &self.draft.site.url;
        let host = site.host_str().unwrap_or_default();
        let site_text = (words.site)(host.strip_prefix("www.").unwrap_or(host));
        let links = [
            (site_text.as_str(), Some(self.link(site.as_str()))),
            (words.subscribe, list.subscribe_url.as_ref().filter(|_| !in_letter).map(Url::to_string)),
            (words.archive, list.archive_url.as_ref().map(Url::to_string)),
            (words.feeds, list.feeds_url.as_ref().map(Url::to_string)),
            (words.privacy, list.privacy_url.as_ref().map(Url::to_string)),
            (words.help, list.help_url.as_ref().map(Url::to_string)),
        ];
        let leave_url = list.leave_link();
        let usual_why = || match &list.mailing_list {
            Some(members) => (words.why_listed)(&line(&list.name), members.address.as_str()),
            None => (words.why)(&line(&list.name)),
        };
        FooterView {
            why: list.why.clone().unwrap_or_else(usual_why),
            sender: line(&list.sender_name),
            address: list.postal_address.lines().map(line).filter(|line| !line.is_empty()).collect(),
            leave: match (in_letter, leave_url.starts_with("mailto:")) {
                (true, false) => words.leave.to_owned(),
                (true, true) => words.leave_by_mail.to_owned(),
                (false, _) => String::new(),
            },
            contact_label: words.contact.to_owned(),
            contact: list.contact().to_owned(),
            leave_url: if in_letter { leave_url } else { String::new() },
            links: links
                .into_iter()
                .filter_map(|(text, url)| Some(LinkView { text: text.to_owned(), url: url? }))
                .collect(),
        }
    }

    /// How this target refers to a prepared picture; `None` when there is none to show.
    fn picture(&mut self, url: &str, role: Role, alt: &str) -> Option<PictureUse> {
        let draft = self.draft;
        if draft.settings.images == ImageMode::None {
            return None;
        }
        let image = draft.pictures.get(url, role)?;
        let linked = self.target == Target::Archive || draft.settings.images == ImageMode::Linked;
        let src = if linked {
            url.to_owned()
        } else {
            if !self.images.iter().any(|other| other.content_id == image.content_id) {
                if self.weight + image.bytes.len() > ALL_IMAGES {
                    self.too_heavy += 1;
                    return None;
                }
                self.weight += image.bytes.len();
                self.images.push(image.clone());
            }
            format!("cid:{}", image.content_id)
        };
        Some(PictureUse { src, width: image.width, height: image.height, alt: line(alt) })
    }

    fn logo(&mut self, url: &str, alt: &str) -> ImageView {
        self.picture(url, Role::Logo, alt).map_or_else(ImageView::default, |used| ImageView {
            src: used.src,
            width: used.width,
            height: used.height,
            alt: used.alt,
            caption: String::new(),
        })
    }

    /// A text for a link, with a hint when the same text already leads elsewhere.
    fn link_text(&mut self, text: &str, url: &str, hint: &str) -> String {
        let mut text = text.to_owned();
        let mut count = 1;
        loop {
            match self.link_texts.get(&text.to_lowercase()) {
                Some(other) if other != url => {
                    count += 1;
                    text = if count == 2 && !hint.is_empty() {
                        format!("{text} ({hint})")
                    } else {
                        format!("{text} ({count})")
                    };
                }
                _ => break,
            }
        }
        self.link_texts.insert(text.to_lowercase(), url.to_owned());
        text
    }

    fn link(&self, url: &str) -> String {
        link(self.draft, self.target, url)
    }
}

/// The URL, in letters with the campaign's parameters when the site's own server will see them.
fn link(draft: &Draft<'_>, target: Target, url: &str) -> String {
    let (Some(utm), Ok(mut parsed)) = (&draft.settings.utm, Url::parse(url)) else { return url.to_owned() };
    if target == Target::Archive || parsed.host_str() != draft.site.url.host_str() {
        return url.to_owned();
    }
    parsed
        .query_pairs_mut()
        .append_pair("utm_source", &utm.source)
        .append_pair("utm_medium", &utm.medium)
        .append_pair("utm_campaign", &utm.campaign);
    parsed.to_string()
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

/// One line of text without controls.
fn line(text: &str) -> String {
    crate::render::letter::one_line(text)
}

/// Paragraphs without controls, separated by a blank line.
fn blocks(text: &str) -> String {
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// At most so many characters as a reader counts them, cut at a word.
fn cut(text: &str, limit: usize) -> String {
    if text.graphemes(true).count() <= limit {
        return text.to_owned();
    }
    let head: String = text.graphemes(true).take(limit.saturating_sub(1)).collect();
    let end = head.rfind(' ').filter(|end| *end * 2 > head.len()).unwrap_or(head.len());
    format!("{}…", head[..end].trim_end_matches([' ', '\u{a0}', ',', ';', ':', '-', '–', '—']))
}
