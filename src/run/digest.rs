//! From chosen articles to the editions of a digest: contents, pictures, letters, and a last look
//! before anything is cut.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use chrono::{DateTime, FixedOffset, Utc};

use super::Fault;
use super::pictures::{Wanted, prepare};
use crate::domain::{
    Article, ArticleId, Content, Edition, EmailAddress, Gravity, Image, ImageSource, Problem, Segment,
    SitePath, Wish, segments,
};
use crate::ledger::ReaderGroup;
use crate::mail::guard;
use crate::read::folder::{self, Scan};
use crate::read::markdown::{self, Page};
use crate::render::digest::{
    self, Composed, Draft, Intro, Role, SAMPLE_TOKEN, Settings, TEMPLATE_NAMES, Templates, Theme,
};
use crate::render::inspection::{self, Flaw};
use crate::render::letter::{self, ListSettings, Mold, Parts, Reader};
use crate::render::words::Words;

/// The largest introduction or template that is read, octets.
const LARGEST_TEXT: u64 = 256 * 1024;

/// How letters are made, whatever they say.
#[derive(Debug, Clone, Copy)]
pub struct Style<'a> {
    pub settings: &'a Settings,
    pub theme: &'a Theme,
    pub templates: &'a Templates,
    pub list: &'a ListSettings,
    /// A path of the site, and its alternative text.
    pub logo: Option<(&'a str, &'a str)>,
    /// Where prepared pictures are kept between runs.
    pub cache: &'a Path,
}

/// What an editor may say of one digest.
#[derive(Debug, Clone, Default)]
pub struct ByHand {
    pub subject: Option<String>,
    pub preheader: Option<String>,
    pub intro: Option<Intro>,
    /// Marks the subject: the letter goes to chosen addresses only.
    pub test: bool,
}

/// A digest made and looked at, not cut.
#[derive(Debug)]
pub struct Made {
    /// Everything it announces, the lead first.
    pub articles: Vec<ArticleId>,
    pub editions: Vec<Edition>,
    /// The same editions before they became octets.
    pub composed: Vec<Composed>,
    /// Which wishes each edition fulfils, in the order of `editions`.
    pub segments: Vec<Segment>,
    /// What an editor should know; none of it keeps the digest back.
    pub problems: Vec<Problem>,
    /// What a reader must not get: the digest is not cut unless a person insists.
    pub flaws: Vec<Flaw>,
}

impl Made {
    /// For every group of readers the edition it gets, as `Ledger::cut` asks for it. The groups must
    /// be those whose [`wishes`] were given to [`make`].
    #[must_use]
    pub fn readers(&self, groups: &[ReaderGroup]) -> Vec<(ReaderGroup, Option<usize>)> {
        let edition = |place: usize| self.segments.iter().position(|segment| segment.wishes.contains(&place));
        groups.iter().enumerate().map(|(place, group)| (group.clone(), edition(place))).collect()
    }
}

/// What groups of readers wish for, in their order.
#[must_use]
pub fn wishes(groups: &[ReaderGroup]) -> Vec<Wish> {
    groups
        .iter()
        .map(|group| Wish { language: group.language.clone(), topics: group.topics.clone() })
        .collect()
}

/// Makes the editions of a digest of the articles at these places of the scan. Without any wish it
/// makes the one edition that a reader without preferences would get.
///
/// # Errors
/// When a user's own template fails.
pub fn make(
    scan: &Scan,
    chosen: &[usize],
    wishes: &[Wish],
    style: &Style<'_>,
    by_hand: &ByHand,
    number: Option<u64>,
    now: DateTime<Utc>,
) -> Result<Made, Fault> {
    let date = now.with_timezone(&scan.site.timezone).fixed_offset();
    let mut problems = Vec::new();
    let articles = read(scan, chosen, &mut problems);
    let everyone = [Wish { language: None, topics: Vec::new() }];
    let wishes = if wishes.is_empty() { &everyone } else { wishes };
    let light: Vec<&Article> = articles.iter().map(|(article, _)| *article).collect();
    let segments = segments(wishes, &light, &scan.site.language);

    let by_id: BTreeMap<&ArticleId, &(&Article, Content)> =
        articles.iter().map(|read| (&read.0.id, read)).collect();
    let of = |segment: &Segment| -> Vec<(&Article, &Content)> {
        segment
            .articles
            .iter()
            .filter_map(|id| by_id.get(id))
            .map(|(article, content)| (*article, content))
            .collect()
    };
    let logo = style.logo.and_then(|(path, alt)| logo_image(scan, path, alt, &mut problems));
    let wanted = segments
        .iter()
        .flat_map(|segment| wanted(&of(segment)))
        .chain(logo.iter().filter_map(|image| Wanted::new(image, Role::Logo, Path::new("parution.yml"))));
    let wanted: Vec<Wanted> = match style.settings.images {
        digest::ImageMode::None => Vec::new(),
        _ => wanted.collect(),
    };
    let (pictures, left_out) = prepare(scan, &wanted, style.list.sender.domain(), style.cache);
    problems.extend(left_out);

    let mut made = Made {
        articles: articles.iter().map(|(article, _)| article.id.clone()).collect(),
        editions: Vec::new(),
        composed: Vec::new(),
        segments: Vec::new(),
        problems,
        flaws: Vec::new(),
    };
    for segment in segments {
        if Words::of(&segment.language).is_none() {
            made.problems.push(no_words(&segment));
        }
        let draft = Draft {
            site: &scan.site,
            list: style.list,
            settings: style.settings,
            theme: style.theme,
            templates: style.templates,
            language: &segment.language,
            articles: &of(&segment),
            pictures: &pictures,
            logo: logo.as_ref().map(|image| (image.url.as_str(), image.alt.as_str())),
            intro: by_hand.intro.as_ref(),
            subject: by_hand.subject.as_deref(),
            preheader: by_hand.preheader.as_deref(),
            number,
            date,
            test: by_hand.test,
        };
        let composed = digest::compose(&draft)?;
        let edition = edition(&segment, &composed, style.list, number, date);
        let flaws = look_at(&edition, &composed, style);
        made.flaws.extend(flaws.into_iter().map(|flaw| format!("{flaw} (edition in {})", segment.language)));
        made.problems.extend(composed.problems.iter().cloned());
        made.editions.push(edition);
        made.composed.push(composed);
        made.segments.push(segment);
    }
    made.problems.sort();
    made.problems.dedup();
    Ok(made)
}

/// The chosen articles with their contents, the newest first, since it leads. An article whose file
/// vanished meanwhile is left out and stays news.
fn read<'a>(scan: &'a Scan, chosen: &[usize], problems: &mut Vec<Problem>) -> Vec<(&'a Article, Content)> {
    let mut articles = Vec::new();
    for &place in chosen {
        let article = &scan.articles[place];
        match folder::content(scan, article) {
            Ok((content, found)) => {
                problems.extend(found);
                articles.push((article, content));
            }
            Err(problem) => problems.push(problem),
        }
    }
    articles.sort_by(|(a, _), (b, _)| b.published.cmp(&a.published).then_with(|| a.id.cmp(&b.id)));
    articles
}

fn wanted(articles: &[(&Article, &Content)]) -> Vec<Wanted> {
    let of_one = |(place, (article, content)): (usize, &(&Article, &Content))| {
        let images = digest::wanted(content, place == 0);
        images
            .into_iter()
            .filter_map(|(image, role)| Wanted::new(image, role, &article.source))
            .collect::<Vec<_>>()
    };
    articles.iter().enumerate().flat_map(of_one).collect()
}

fn logo_image(scan: &Scan, path: &str, alt: &str, problems: &mut Vec<Problem>) -> Option<Image> {
    let found = SitePath::parse(path).zip(scan.site.url.join(path.trim_start_matches('/')).ok());
    if found.is_none() {
        problems.push(Problem {
            path: "parution.yml".into(),
            line: None,
            gravity: Gravity::Warning,
            what: format!("digest.logo: `{path}` is no path of the site"),
            remedy: "write it from the site's folder, such as uploads/logo.png".to_owned(),
        });
    }
    let (path, url) = found?;
    Some(Image {
        source: ImageSource::InSite(path),
        url,
        alt: alt.to_owned(),
        caption: String::new(),
        facts: None,
    })
}

fn edition(
    segment: &Segment,
    composed: &Composed,
    list: &ListSettings,
    number: Option<u64>,
    date: DateTime<FixedOffset>,
) -> Edition {
    let campaign = number.map_or_else(|| date.format("%Y%m%d").to_string(), |number| number.to_string());
    let parts = Parts {
        subject: &composed.subject,
        html: &composed.html,
        text: &composed.text,
        images: &composed.images,
        date,
        language: &segment.language,
        campaign: &campaign,
    };
    Edition {
        language: segment.language.clone(),
        articles: segment.articles.clone(),
        subject: composed.subject.clone(),
        html: composed.archive_html.clone(),
        text: composed.archive_text.clone(),
        mold: letter::compose(&parts, list),
    }
}

/// A reader who does not exist, for a letter that nobody gets.
const NOBODY: &str = "reader@example.org";

/// The edition as its imaginary reader would get it, for previews and for the last look.
///
/// # Errors
/// When the mold is damaged.
pub fn sample_letter(edition: &Edition, domain: &str) -> Result<Vec<u8>, Fault> {
    let to = EmailAddress::parse(NOBODY)?;
    let message_id = format!("preview@{domain}");
    let mut out = Vec::new();
    Mold::parse(&edition.mold)?
        .fill(&Reader { to: &to, token: SAMPLE_TOKEN, message_id: &message_id }, &mut out);
    Ok(out)
}

fn look_at(edition: &Edition, composed: &Composed, style: &Style<'_>) -> Vec<Flaw> {
    let letter = match sample_letter(edition, "example.org") {
        Ok(letter) => letter,
        Err(fault) => return vec![fault.to_string()],
    };
    let mut flaws = inspection::flaws(&letter, SAMPLE_TOKEN, composed, style.list, style.theme);
    flaws.extend(guard::check(&letter).err().map(|unfit| unfit.to_string()));
    flaws
}

fn no_words(segment: &Segment) -> Problem {
    Problem {
        path: "parution.yml".into(),
        line: None,
        gravity: Gravity::Warning,
        what: format!(
            "parution has no words in `{}`; the letter's own words are in English",
            segment.language
        ),
        remedy: "set `site.language` to fr or en".to_owned(),
    }
}

/// The introduction in a Markdown file, if it is there and nobody has had it yet: one that was last
/// changed before the digest `since` went out with that digest.
///
/// # Errors
/// When the file exists and cannot be read.
pub fn read_intro(
    file: &Path,
    scan: &Scan,
    since: Option<DateTime<Utc>>,
) -> Result<Option<(Intro, Vec<Problem>)>, Fault> {
    let fault = |error: &std::io::Error| Fault(format!("{}: {error}", file.display()));
    let facts = match fs::metadata(file) {
        Ok(facts) => facts,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fault(&error)),
    };
    let changed = facts.modified().ok().map(DateTime::<Utc>::from);
    if since.zip(changed).is_some_and(|(since, changed)| changed <= since) {
        return Ok(None);
    }
    if !facts.is_file() || facts.len() > LARGEST_TEXT {
        return Err(Fault(format!("{}: not a text of at most {LARGEST_TEXT} octets", file.display())));
    }
    let source = fs::read_to_string(file).map_err(|error| fault(&error))?;
    let page = Page {
        site: &scan.site,
        url: &scan.site.url,
        title: &scan.site.title,
        path: file,
        first_line: 1,
        links: scan,
    };
    let rendered = markdown::render(source.trim_start_matches('\u{feff}'), &page);
    if rendered.html.is_empty() {
        return Ok(None);
    }
    let text = markdown::plain_text(&rendered.html);
    Ok(Some((Intro { html: rendered.html, text }, rendered.problems)))
}

/// The templates of a folder, tried on a sample; parution's own for those that are not there.
///
/// # Errors
/// Names the file and line of a template that cannot be used.
pub fn read_templates(folder: Option<&PathBuf>) -> Result<Templates, Fault> {
    let Some(folder) = folder else { return Ok(Templates::default()) };
    let mut sources = BTreeMap::new();
    for name in TEMPLATE_NAMES {
        let file = folder.join(name);
        match fs::read_to_string(&file) {
            Ok(source) if source.len() as u64 <= LARGEST_TEXT => {
                sources.insert(name.to_owned(), source);
            }
            Ok(_) => {
                return Err(Fault(format!("{}: a template of over {LARGEST_TEXT} octets", file.display())));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(Fault(format!("{}: {error}", file.display()))),
        }
    }
    if sources.is_empty() {
        return Err(Fault(format!("{}: none of {} is there", folder.display(), TEMPLATE_NAMES.join(", "))));
    }
    Templates::own(sources).map_err(|fault| Fault(format!("{}/{fault}", folder.display())))
}
