//! URLs as Jekyll makes them (4.3, `Jekyll::URL` and `Jekyll::Utils.slugify`).
//!
//! The rule that surprises: `:title` is not the title. It is `slug:` of the front matter, else the
//! file's name without folders, extension and leading date; letters of every script, digits and
//! `._~!$&'()+,;=@` are kept with their case, any other run becomes one `-`.

use chrono::{DateTime, Datelike, FixedOffset, Timelike};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// What the placeholders of a permalink stand for in one article.
#[derive(Debug, Clone)]
pub struct Values<'a> {
    pub collection: &'a str,
    /// The file inside its collection's folder, `/`-separated, without extension.
    pub path: &'a str,
    /// The file's name without folders and extension, its date still there.
    pub basename: &'a str,
    /// `slug:` of the front matter, else what [`file_slug`] says.
    pub slug: &'a str,
    pub categories: &'a [String],
    /// In the site's zone; an article without one is never shown, so nothing is lost.
    pub date: Option<DateTime<FixedOffset>>,
}

/// Expands a template (`/actualites/:title/`) to a path that begins with `/`, percent-encoded once.
///
/// # Errors
/// Names a placeholder that Jekyll does not know.
pub fn expand(template: &str, values: &Values<'_>) -> Result<String, String> {
    let mut path = String::with_capacity(template.len() + values.slug.len() + 8);
    path.push('/');
    let mut rest = template;
    while let Some(colon) = rest.find(':') {
        path.push_str(&rest[..colon]);
        rest = &rest[colon + 1..];
        let end = rest.bytes().take_while(|b| b.is_ascii_lowercase() || *b == b'_').count();
        let name = &rest[..end];
        // `/:month_:day`: the underscore belongs to the text when no placeholder ends in one.
        let (value, used) = match value(name, values) {
            Some(value) => (value, name.len()),
            None => match name.strip_suffix('_').and_then(|name| value_and_len(name, values)) {
                Some(found) => found,
                None if name.is_empty() => (":".to_owned(), 0),
                None => return Err(name.to_owned()),
            },
        };
        path.push_str(&escape(&value));
        rest = &rest[used..];
    }
    path.push_str(rest);
    Ok(escape_rest(&sanitise(&path)))
}

/// The template that a permalink style of `_config.yml` stands for, for posts; any other text is a
/// template itself.
pub fn style(permalink: &str) -> &str {
    match permalink {
        "none" => "/:categories/:title:output_ext",
        "date" => "/:categories/:year/:month/:day/:title:output_ext",
        "ordinal" => "/:categories/:year/:y_day/:title:output_ext",
        "pretty" => "/:categories/:year/:month/:day/:title/",
        "weekdate" => "/:categories/:year/W:week/:short_day/:title:output_ext",
        template => template,
    }
}

/// `template` with the ending that a site-wide permalink style gives to collections and pages.
pub fn with_suffix(template: &str, style: &str) -> String {
    let suffix = match style {
        "pretty" => "/",
        "date" | "ordinal" | "none" => ":output_ext",
        other if other.ends_with('/') => "/",
        other if other.ends_with(":output_ext") => ":output_ext",
        _ => "",
    };
    format!("{template}{suffix}")
}

/// The date and the slug that a file's name carries: `2018-04-24-titre` gives
/// (`Some((2018, 4, 24))`, `titre`); trailing dots are cut, as Jekyll does.
pub fn file_slug(basename: &str) -> (Option<(i32, u32, u32)>, &str) {
    let digits = |text: &str, least: usize, most: usize| {
        let length = text.bytes().take_while(u8::is_ascii_digit).count();
        (least..=most).contains(&length).then_some(length)
    };
    let dated = || {
        let year = digits(basename, 2, 4)?;
        let rest = basename[year..].strip_prefix('-')?;
        let month = digits(rest, 1, 2)?;
        let after = rest[month..].strip_prefix('-')?;
        let day = digits(after, 1, 2)?;
        let slug = after[day..].strip_prefix('-')?;
        Some((
            (basename[..year].parse().ok()?, rest[..month].parse().ok()?, after[..day].parse().ok()?),
            slug,
        ))
    };
    match dated() {
        Some((date, slug)) => (Some(date), slug.trim_end_matches('.')),
        None => (None, basename.trim_end_matches('.')),
    }
}

/// Jekyll's `slugify` in its mode `pretty`, case kept.
pub fn slugify_pretty(text: &str) -> String {
    slugify(text, |c| letter(c) || "._~!$&'()+,;=@".contains(c))
}

/// Jekyll's `slugify` in its default mode: letters, marks and digits only, lower case.
pub fn slugify_plain(text: &str) -> String {
    slugify(text, letter).to_lowercase()
}

fn letter(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric();
    }
    matches!(c.general_category_group(), GeneralCategoryGroup::Letter | GeneralCategoryGroup::Mark)
        || c.general_category() == GeneralCategory::DecimalNumber
}

fn slugify(text: &str, keep: impl Fn(char) -> bool) -> String {
    let mut slug = String::with_capacity(text.len());
    let mut gap = false;
    for c in text.chars() {
        if keep(c) {
            if gap {
                slug.push('-');
            }
            gap = false;
            slug.push(c);
        } else {
            gap = true;
        }
    }
    if gap {
        slug.push('-');
    }
    let slug = slug.strip_prefix('-').unwrap_or(&slug);
    slug.strip_suffix('-').unwrap_or(slug).to_owned()
}

fn value_and_len(name: &str, values: &Values<'_>) -> Option<(String, usize)> {
    Some((value(name, values)?, name.len()))
}

fn value(name: &str, values: &Values<'_>) -> Option<String> {
    const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    match name {
        "collection" => return Some(values.collection.to_owned()),
        "path" => return Some(values.path.trim_end_matches('.').to_owned()),
        "basename" => return Some(values.basename.to_owned()),
        "name" => return Some(slugify_plain(values.basename)),
        "title" => return Some(slugify_pretty(values.slug)),
        "slug" => return Some(slugify_plain(values.slug)),
        "categories" => return Some(joined(values.categories, str::to_lowercase)),
        "slugified_categories" => return Some(joined(values.categories, slugify_plain)),
        "output_ext" => return Some(".html".to_owned()),
        _ => {}
    }
    let Some(date) = values.date else {
        return DATE_NAMES.contains(&name).then(String::new);
    };
    let week = date.iso_week();
    let day_name = DAYS[date.weekday().num_days_from_monday() as usize];
    let month_name = MONTHS[date.month0() as usize];
    Some(match name {
        "year" => format!("{:04}", date.year()),
        "short_year" => format!("{:02}", date.year().rem_euclid(100)),
        "month" => format!("{:02}", date.month()),
        "i_month" => date.month().to_string(),
        "short_month" => month_name[..3].to_owned(),
        "long_month" => month_name.to_owned(),
        "day" => format!("{:02}", date.day()),
        "i_day" => date.day().to_string(),
        "short_day" => day_name[..3].to_owned(),
        "long_day" => day_name.to_owned(),
        "y_day" => format!("{:03}", date.ordinal()),
        "w_year" => format!("{:04}", week.year()),
        "week" => format!("{:02}", week.week()),
        "w_day" => date.weekday().number_from_monday().to_string(),
        "hour" => format!("{:02}", date.hour()),
        "minute" => format!("{:02}", date.minute()),
        "second" => format!("{:02}", date.second()),
        _ => return None,
    })
}

const DATE_NAMES: [&str; 17] = [
    "year",
    "short_year",
    "month",
    "i_month",
    "short_month",
    "long_month",
    "day",
    "i_day",
    "short_day",
    "long_day",
    "y_day",
    "w_year",
    "week",
    "w_day",
    "hour",
    "minute",
    "second",
];

fn joined(categories: &[String], form: impl Fn(&str) -> String) -> String {
    let mut seen: Vec<String> = Vec::new();
    for category in categories {
        let category = form(category);
        if !seen.contains(&category) {
            seen.push(category);
        }
    }
    seen.join("/")
}

/// Jekyll's `sanitize_url`: no way up, no empty segment.
fn sanitise(path: &str) -> String {
    let path = path.replace("..", "/").replace("./", "");
    let mut out = String::with_capacity(path.len());
    for c in path.chars() {
        if c != '/' || !out.ends_with('/') {
            out.push(c);
        }
    }
    out
}

/// What RFC 3986 does not let stand in a path, `%` included: a value is text, not yet a URL.
const OUTSIDE_PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

fn escape(value: &str) -> String {
    utf8_percent_encode(value, OUTSIDE_PATH).to_string()
}

/// The template's own letters (`permalink: /actualités/:title/`); what is encoded stays as it is.
fn escape_rest(path: &str) -> String {
    const BUT_PERCENT: &AsciiSet = &OUTSIDE_PATH.remove(b'%');
    utf8_percent_encode(path, BUT_PERCENT).to_string()
}

#[cfg(test)]
mod tests {
    use super::{Values, expand, file_slug, slugify_plain, slugify_pretty, style, with_suffix};
    use chrono::DateTime;

    fn values(slug: &str) -> Values<'_> {
        Values {
            collection: "actualites",
            path: "dossier/mon-fichier",
            basename: "mon-fichier",
            slug,
            categories: &[],
            date: Some(DateTime::parse_from_rfc3339("2026-03-01T09:05:07+01:00").unwrap()),
        }
    }

    #[test]
    fn titles_become_what_jekyll_makes_of_them() {
        for (name, url) in [
            ("1-immersion-<<-nous-avons->>", "/a/1-immersion-nous-avons/"),
            ("TECH-GOUV -nouvelle", "/a/TECH-GOUV-nouvelle/"),
            ("projets-de-l'état", "/a/projets-de-l'%C3%A9tat/"),
            ("lance-l’experimentation", "/a/lance-l-experimentation/"),
            ("publique-:deux", "/a/publique-deux/"),
            ("nosdemarches.gouv.fr", "/a/nosdemarches.gouv.fr/"),
            ("lignes-➅-et-Ⅷ", "/a/lignes-et/"),
            ("cafe\u{301}", "/a/cafe%CC%81/"),
        ] {
            assert_eq!(expand("/a/:title/", &values(name)).unwrap(), url, "{name}");
        }
    }

    #[test]
    fn every_style_of_jekyll_expands() {
        let mut v = values("titre");
        let categories = ["Vie Locale".to_owned(), "vie locale".to_owned(), "Été".to_owned()];
        v.categories = &categories;
        for (name, url) in [
            ("pretty", "/vie%20locale/%C3%A9t%C3%A9/2026/03/01/titre/"),
            ("date", "/vie%20locale/%C3%A9t%C3%A9/2026/03/01/titre.html"),
            ("ordinal", "/vie%20locale/%C3%A9t%C3%A9/2026/060/titre.html"),
            ("none", "/vie%20locale/%C3%A9t%C3%A9/titre.html"),
            ("weekdate", "/vie%20locale/%C3%A9t%C3%A9/2026/W09/Sun/titre.html"),
            ("/:slugified_categories/:slug", "/vie-locale/%C3%A9t%C3%A9/titre"),
            ("/:i_month_:i_day/:hour:minute:second/:path", "/3_1/090507/dossier/mon-fichier"),
        ] {
            assert_eq!(expand(style(name), &v).unwrap(), url, "{name}");
        }
        assert_eq!(with_suffix("/:collection/:path", "pretty"), "/:collection/:path/");
        assert_eq!(with_suffix("/:collection/:path", "date"), "/:collection/:path:output_ext");
        assert_eq!(with_suffix("/:collection/:path", "/:title/"), "/:collection/:path/");
    }

    #[test]
    fn an_unknown_placeholder_is_named() {
        assert_eq!(expand("/:titre/", &values("x")), Err("titre".to_owned()));
        assert_eq!(expand("javascript:alert(1)", &values("x")), Err("alert".to_owned()));
    }

    #[test]
    fn no_permalink_leaves_the_site() {
        for template in ["//evil.example/x", "/../../etc", "\\\\evil.example", "/a/./../b"] {
            let path = expand(template, &values("x")).unwrap();
            assert!(path.starts_with('/') && !path.starts_with("//") && !path.contains(".."), "{path}");
        }
    }

    #[test]
    fn a_template_is_encoded_once() {
        assert_eq!(expand("/actualités/50%25/", &values("x")).unwrap(), "/actualit%C3%A9s/50%25/");
        let mut v = values("x");
        v.path = "a?b#c%41 'd\">";
        assert_eq!(expand("/:path/", &v).unwrap(), "/a%3Fb%23c%2541%20'd%22%3E/");
    }

    #[test]
    fn the_file_name_gives_date_and_slug() {
        assert_eq!(file_slug("2018-04-24-projets"), (Some((2018, 4, 24)), "projets"));
        assert_eq!(file_slug("2018-4-2-projets..."), (Some((2018, 4, 2)), "projets"));
        assert_eq!(file_slug("6-mois-apres"), (None, "6-mois-apres"));
        assert_eq!(file_slug("2018-04-24"), (None, "2018-04-24"));
    }

    #[test]
    fn slugs_lose_one_hyphen_at_each_end() {
        assert_eq!(slugify_pretty("- «A b» -"), "A-b");
        assert_eq!(slugify_plain("Été 2026 !"), "été-2026");
    }
}
