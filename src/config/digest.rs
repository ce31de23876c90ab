//! `digest:` and `theme:`: how the letter is composed and how it looks.

use std::path::PathBuf;

use serde::Deserialize;

use super::{Place, Refusal, selection};
use crate::render::digest::{
    Color, Grouping, ImageMode, LEAST_CONTRAST, Masthead, Palette, Settings, Theme, Utm,
};
use crate::select::Policy;

/// `digest:` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Wire {
    max_items: Option<usize>,
    min_items: Option<usize>,
    since: Option<String>,
    collections: Vec<String>,
    tagline: Option<String>,
    subject: Option<String>,
    group_by: Option<GroupingWire>,
    images: Option<ImagesWire>,
    chapeau_characters: Option<usize>,
    utm: Option<UtmWire>,
    intro: Option<String>,
    templates: Option<String>,
    logo: Option<String>,
    logo_alt: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum GroupingWire {
    None,
    Collection,
    Category,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ImagesWire {
    Embedded,
    Linked,
    None,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct UtmWire {
    source: String,
    medium: String,
    campaign: String,
}

/// `theme:` as it is written; what is missing keeps its default.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ThemeWire {
    light: PaletteWire,
    dark: PaletteWire,
    heading_font: Option<String>,
    font: Option<String>,
    radius: Option<u8>,
    masthead: Option<MastheadWire>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PaletteWire {
    accent: Option<String>,
    ink: Option<String>,
    muted: Option<String>,
    line: Option<String>,
    sheet: Option<String>,
    page: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum MastheadWire {
    Plain,
    Band,
}

/// What the digest is made with, files named and not yet read.
#[derive(Debug, Clone)]
pub struct DigestConfig {
    pub settings: Settings,
    pub theme: Theme,
    pub policy: Policy,
    /// The editor's introduction, used when the file is there.
    pub intro: PathBuf,
    /// A folder of templates that replace parution's own.
    pub templates: Option<PathBuf>,
    /// The logo, a path of the site, and its alternative text.
    pub logo: Option<(String, String)>,
}

pub(super) fn check(wire: Wire, theme: ThemeWire, place: &Place) -> Result<DigestConfig, Refusal> {
    let default = Policy::default();
    let policy = Policy {
        since: wire.since.as_deref().map(|text| selection::instant("digest.since", text)).transpose()?,
        max_items: wire.max_items.unwrap_or(default.max_items),
        min_items: wire.min_items.unwrap_or(default.min_items),
        collections: wire.collections,
        future: default.future,
    };
    if policy.max_items == 0 || policy.max_items > 500 {
        return Err(Refusal::of("digest.max_items", "it must be between 1 and 500", "write 20, say"));
    }
    if policy.min_items > policy.max_items {
        return Err(Refusal::of("digest.min_items", "it is over max_items", "write a smaller number"));
    }
    let templates = wire.templates.as_deref().map(|folder| place.input(folder));
    if let Some(folder) = templates.as_ref().filter(|folder| !folder.is_dir()) {
        return Err(Refusal::of(
            "digest.templates",
            format!("{} is not a folder", folder.display()),
            "name the folder of your templates, beside parution.yml",
        ));
    }
    let plain = Settings::default();
    Ok(DigestConfig {
        settings: Settings {
            tagline: wire.tagline.unwrap_or_default(),
            subject: wire.subject,
            group_by: wire.group_by.map_or(plain.group_by, |group| match group {
                GroupingWire::None => Grouping::None,
                GroupingWire::Collection => Grouping::Collection,
                GroupingWire::Category => Grouping::Category,
            }),
            images: wire.images.map_or(plain.images, |images| match images {
                ImagesWire::Embedded => ImageMode::Embedded,
                ImagesWire::Linked => ImageMode::Linked,
                ImagesWire::None => ImageMode::None,
            }),
            chapeau_characters: wire.chapeau_characters.unwrap_or(plain.chapeau_characters),
            utm: wire.utm.map(|utm| Utm { source: utm.source, medium: utm.medium, campaign: utm.campaign }),
        },
        theme: check_theme(theme)?,
        policy,
        intro: place.input(wire.intro.as_deref().unwrap_or("intro.md")),
        templates,
        logo: wire.logo.map(|logo| (logo, wire.logo_alt.unwrap_or_default())),
    })
}

fn check_theme(wire: ThemeWire) -> Result<Theme, Refusal> {
    let plain = Theme::default();
    let font = |key: &str, text: Option<String>, default: String| match text {
        Some(text) if !Theme::is_font_stack(&text) => Err(Refusal::of(
            &format!("theme.{key}"),
            format!("`{text}` is no font stack"),
            "write names and commas, single quotes only: Georgia,'Times New Roman',serif",
        )),
        text => Ok(text.unwrap_or(default)),
    };
    let theme = Theme {
        light: palette("light", wire.light, plain.light)?,
        dark: palette("dark", wire.dark, plain.dark)?,
        heading_font: font("heading_font", wire.heading_font, plain.heading_font)?,
        font: font("font", wire.font, plain.font)?,
        radius: wire.radius.unwrap_or(plain.radius).min(24),
        masthead: wire.masthead.map_or(plain.masthead, |masthead| match masthead {
            MastheadWire::Plain => Masthead::Plain,
            MastheadWire::Band => Masthead::Band,
        }),
    };
    match theme.too_faint().first() {
        Some(faint) => Err(Refusal::of(
            &faint.setting,
            format!(
                "its contrast with the {} is {:.1}, and {LEAST_CONTRAST} is the least that can be read",
                faint.behind, faint.ratio
            ),
            "choose a stronger colour",
        )),
        None => Ok(theme),
    }
}

fn palette(mode: &str, wire: PaletteWire, plain: Palette) -> Result<Palette, Refusal> {
    let color = |name: &str, text: Option<String>, default: Color| match text {
        Some(text) => Color::parse(&text).ok_or_else(|| {
            Refusal::of(
                &format!("theme.{mode}.{name}"),
                format!("`{text}` is no colour"),
                "write it as \"#0a4f78\", in quotes",
            )
        }),
        None => Ok(default),
    };
    Ok(Palette {
        accent: color("accent", wire.accent, plain.accent)?,
        ink: color("ink", wire.ink, plain.ink)?,
        muted: color("muted", wire.muted, plain.muted)?,
        line: color("line", wire.line, plain.line)?,
        sheet: color("sheet", wire.sheet, plain.sheet)?,
        page: color("page", wire.page, plain.page)?,
    })
}
