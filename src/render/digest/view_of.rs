//! From a draft to the fields of its templates: masthead, sections, footer. Each article is in
//! `article_of`.

use unicode_segmentation::UnicodeSegmentation;
use url::Url;

use crate::domain::{Article, Gravity, InlineImage, Problem};
use crate::render::letter::one_line as line;
use crate::render::words::Words;

use super::inline::inline;
use super::links::{LinkTexts, link};
use super::pictures::ALL_IMAGES;
use super::view::{ArticleView, DigestView, FooterView, ImageView, LinkView, SectionView};
use super::{Draft, Grouping, ImageMode, Role, text};

/// The longest subject: clients cut at 60 to 90 characters.
const SUBJECT: usize = 90;
/// The preheader, characters.
const PREHEADER: usize = 140;

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
        link_texts: LinkTexts::default(),
    };
    let digest = maker.digest();
    if maker.too_heavy > 0 {
        maker.problems.push(Problem::new(
            Gravity::Warning,
            "parution.yml",
            format!("{} images are left out: a letter carries {ALL_IMAGES} octets of them", maker.too_heavy),
            "set `digest.max_items` lower, or `digest.images` to linked",
        ));
    }
    Built { digest, images: maker.images, problems: maker.problems }
}

/// A view in the making.
pub(super) struct Maker<'a> {
    pub draft: &'a Draft<'a>,
    pub words: &'static Words,
    pub extent: Extent,
    pub target: Target,
    pub problems: Vec<Problem>,
    pub link_texts: LinkTexts,
    images: Vec<InlineImage>,
    weight: usize,
    /// Images left out because the letter would be too heavy.
    too_heavy: usize,
}

impl Maker<'_> {
    fn digest(&mut self) -> DigestView {
        let draft = self.draft;
        let words = self.words;
        let lead_title = draft.articles.first().map(|(article, _)| line(&article.title)).unwrap_or_default();
        let others = draft.articles.len().saturating_sub(1);
        let and_others = if others > 0 { (words.digest.and_others)(others) } else { String::new() };
        let room = SUBJECT.saturating_sub(and_others.graphemes(true).count());
        let logo = draft.logo.and_then(|(url, alt)| self.picture(url, Role::Logo, alt)).unwrap_or_default();
        let mut intro = draft.intro.map(|intro| self.intro(intro)).unwrap_or_default();
        intro.2.splice(..0, logo.link());
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

    /// The articles of which only the title is left.
    fn titles(&mut self) -> Vec<LinkView> {
        let draft = self.draft;
        let mut titles = Vec::new();
        for (article, _) in draft.articles.iter().take(self.extent.titles).skip(self.extent.whole) {
            let url = self.link(article.link.as_str());
            let date = article.published.map(|at| self.words.dates.long(at.date_naive())).unwrap_or_default();
            let text = self.link_texts.unlike(&self.words.set(&line(&article.title)), &url, &date);
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
    pub fn picture(&mut self, url: &str, role: Role, alt: &str) -> Option<ImageView> {
        let draft = self.draft;
        if draft.settings.images == ImageMode::None {
            return None;
        }
        let image = draft.pictures.get(url, role)?;
        let linked = match self.target {
            Target::Archive => true,
            Target::Letter => draft.settings.images == ImageMode::Linked && every_client_shows(url),
        };
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
        let (width, height) = (image.width, image.height);
        Some(ImageView { src, width, height, alt: line(alt), caption: String::new() })
    }

    pub fn link(&self, url: &str) -> String {
        link(self.draft, self.target, url)
    }
}

/// Whether mail programs show the site's own file: no SVG, WebP or AVIF, which travel inside the letter
/// as what they were made into.
fn every_client_shows(url: &str) -> bool {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let kind = path.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    matches!(kind.as_str(), "jpg" | "jpeg" | "png" | "gif")
}

/// Paragraphs without controls, separated by a blank line.
pub(super) fn blocks(text: &str) -> String {
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// At most so many characters as a reader counts them, cut at a word.
pub(super) fn cut(text: &str, limit: usize) -> String {
    if text.graphemes(true).count() <= limit {
        return text.to_owned();
    }
    let head: String = text.graphemes(true).take(limit.saturating_sub(1)).collect();
    let end = head.rfind(' ').filter(|end| *end * 2 > head.len()).unwrap_or(head.len());
    format!("{}…", head[..end].trim_end_matches([' ', '\u{a0}', ',', ';', ':', '-', '–', '—']))
}
