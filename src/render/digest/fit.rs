//! A letter that is never clipped: the longest version that fits.
//!
//! Gmail hides everything after 102,400 octets of HTML, the unsubscribe link first of all. So the
//! chapeaux are shortened, in steps, for all articles alike; then the last articles keep only their
//! titles; then the last titles become a count.

use crate::domain::{Gravity, Problem};
use crate::render::letter::{TOKEN, TOKEN_LENGTH, one_line};

use super::templates::render_setting;
use super::view::{DigestView, ThemeView};
use super::view_of::{Extent, Target, view};
use super::{Composed, Draft, TemplateFault, text};

/// The largest HTML of a letter, octets.
pub const LARGEST_HTML: usize = 102_399;

/// Characters of a chapeau, step by step.
const CHAPEAU_STEPS: [usize; 5] = [usize::MAX, 480, 320, 200, 120];

pub(super) fn compose(draft: &Draft<'_>) -> Result<Composed, TemplateFault> {
    let theme = ThemeView::from(draft.theme);
    let lay_out = |extent: Extent| -> Result<(DigestView, Vec<_>, Vec<_>, String), TemplateFault> {
        let built = view(draft, extent, Target::Letter);
        let mut digest = built.digest;
        digest.subject = subject(draft, &digest, &theme)?;
        let html = tidy(&draft.templates.html(&digest, &theme)?);
        Ok((digest, built.images, built.problems, html))
    };
    let fits = |html: &str| size(html) <= LARGEST_HTML;

    let all = draft.articles.len();
    let configured = match draft.settings.chapeau_characters {
        0 => usize::MAX,
        characters => characters,
    };
    let mut extent = Extent { chapeau: configured, whole: all, titles: all };
    let mut laid = lay_out(extent)?;
    for step in CHAPEAU_STEPS {
        if fits(&laid.3) {
            break;
        }
        if step < extent.chapeau {
            extent.chapeau = step;
            laid = lay_out(extent)?;
        }
    }
    if !fits(&laid.3) {
        extent.whole = most(all, |whole| Ok(fits(&lay_out(Extent { whole, ..extent })?.3)))?;
        if extent.whole == 0 {
            extent.titles = most(all, |titles| Ok(fits(&lay_out(Extent { titles, ..extent })?.3)))?;
        }
        laid = lay_out(extent)?;
    }
    let (digest, images, mut problems, html) = laid;
    problems.extend(shortened(extent, configured, all));

    let page = DigestView { subject: digest.subject.clone(), ..view(draft, extent, Target::Archive).digest };
    Ok(Composed {
        subject: digest.subject.clone(),
        preheader: digest.preheader.clone(),
        text: text::finish(&draft.templates.text(&digest, &theme)?),
        html,
        images,
        archive_html: tidy(&draft.templates.html(&page, &theme)?),
        archive_text: text::finish(&draft.templates.text(&page, &theme)?),
        problems,
        words: words(draft),
    })
}

/// Whatever an editor wrote that the letter may show.
fn words(draft: &Draft<'_>) -> String {
    let mut all: Vec<&str> = draft.subject.into_iter().chain(draft.preheader).collect();
    all.extend(draft.intro.map(|intro| intro.html.as_str()));
    for (article, content) in draft.articles {
        all.push(&article.title);
        all.extend(content.chapeau.as_ref().map(|chapeau| chapeau.html.as_str()));
        all.extend(content.images.iter().flat_map(|image| [image.alt.as_str(), image.caption.as_str()]));
        all.extend(article.attachments.iter().map(|file| file.name.as_str()));
        all.extend(article.event.as_ref().map(|event| event.place.as_str()));
        all.extend(article.categories.iter().map(String::as_str));
    }
    all.join("\n")
}

/// The octets of the HTML as it arrives: tokens filled in, line ends CRLF.
pub fn size(html: &str) -> usize {
    html.len() + html.matches('\n').count() + html.matches(TOKEN).count() * (TOKEN_LENGTH - 1)
}

/// The greatest number up to `limit` for which `fits` holds; `fits` is true of all smaller ones.
fn most(limit: usize, fits: impl Fn(usize) -> Result<bool, TemplateFault>) -> Result<usize, TemplateFault> {
    let (mut low, mut high) = (0, limit);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if fits(middle)? {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    Ok(low)
}

fn shortened(extent: Extent, configured: usize, all: usize) -> Option<Problem> {
    let mut what = Vec::new();
    if extent.chapeau < configured {
        what.push(format!("chapeaux are cut to {} characters", extent.chapeau));
    }
    if extent.whole < all {
        what.push(format!(
            "{} of {all} articles keep only their title",
            extent.titles.min(all) - extent.whole
        ));
    }
    if extent.titles < all {
        what.push(format!("{} articles are only counted", all - extent.titles));
    }
    (!what.is_empty()).then(|| Problem {
        path: "parution.yml".into(),
        line: None,
        gravity: Gravity::Warning,
        what: format!(
            "the letter would be over {LARGEST_HTML} octets of HTML, which Gmail clips: {}",
            what.join(", ")
        ),
        remedy: "set `digest.max_items` lower, or send more often".to_owned(),
    })
}

fn subject(draft: &Draft<'_>, digest: &DigestView, theme: &ThemeView) -> Result<String, TemplateFault> {
    let line = match (draft.subject, &draft.settings.subject) {
        (Some(by_hand), _) => by_hand.to_owned(),
        (None, Some(template)) => render_setting("digest.subject", template, digest, theme)?,
        (None, None) => draft.templates.subject(digest, theme)?,
    };
    let mark = if draft.test { super::view_of::words(draft).digest.test_mark } else { "" };
    Ok(one_line(&format!("{mark}{line}")))
}

/// Takes away blanks at line ends and blank lines, which templates leave behind.
fn tidy(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    for line in html.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        out.push_str(line);
        out.push('\n');
    }
    out
}
