//! The colours, type and shape of the letter, and the proof that it can be read.

use std::fmt;

use serde::Serialize;

/// The least contrast between text and what is behind it (WCAG 2.2, 1.4.3).
pub const LEAST_CONTRAST: f64 = 4.5;

/// An opaque colour, printed as `#rrggbb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Color(pub u8, pub u8, pub u8);

impl Color {
    pub const WHITE: Self = Self(255, 255, 255);

    /// Reads `#rgb` or `#rrggbb`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.trim().strip_prefix('#')?;
        if !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let number = u32::from_str_radix(hex, 16).ok()?;
        let byte = |shift: u32| (number >> shift & 0xff) as u8;
        let nibble = |shift: u32| (number >> shift & 0xf) as u8 * 17;
        match hex.len() {
            6 => Some(Self(byte(16), byte(8), byte(0))),
            3 => Some(Self(nibble(8), nibble(4), nibble(0))),
            _ => None,
        }
    }

    /// The contrast ratio of WCAG 2.2, from 1 to 21.
    #[must_use]
    pub fn contrast(self, other: Self) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let value = f64::from(channel) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.0) + 0.7152 * linear(self.1) + 0.0722 * linear(self.2)
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

impl Serialize for Color {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The colours of one mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Palette {
    /// Links and titles.
    pub accent: Color,
    /// Text.
    pub ink: Color,
    /// Dates, captions, the footer.
    pub muted: Color,
    /// Thin rules; decoration only.
    pub line: Color,
    /// Behind the text.
    pub sheet: Color,
    /// Around the sheet.
    pub page: Color,
}

/// How the head of the letter is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Masthead {
    /// On the sheet, under a rule in the accent colour.
    Plain,
    /// On a band of the accent colour.
    Band,
}

/// Everything about the look that can be set without a template.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Theme {
    pub light: Palette,
    pub dark: Palette,
    /// Font stack of titles, as CSS writes it, single quotes only.
    pub heading_font: String,
    /// Font stack of all else.
    pub font: String,
    /// Corner radius of images, pixels.
    pub radius: u8,
    pub masthead: Masthead,
}

impl Default for Theme {
    fn default() -> Self {
        Self {
            light: Palette {
                accent: Color(0x0a, 0x4f, 0x78),
                ink: Color(0x22, 0x26, 0x2b),
                muted: Color(0x5a, 0x61, 0x69),
                line: Color(0xdd, 0xdf, 0xe2),
                sheet: Color::WHITE,
                page: Color(0xf3, 0xf3, 0xf1),
            },
            dark: Palette {
                accent: Color(0x8f, 0xc9, 0xec),
                ink: Color(0xe7, 0xe8, 0xea),
                muted: Color(0xb0, 0xb5, 0xbc),
                line: Color(0x3a, 0x3f, 0x46),
                sheet: Color(0x1d, 0x20, 0x24),
                page: Color(0x13, 0x15, 0x18),
            },
            heading_font: "Georgia,serif".to_owned(),
            font: "Helvetica,Arial,sans-serif".to_owned(),
            radius: 4,
            masthead: Masthead::Plain,
        }
    }
}

/// Two colours of the theme that cannot be told apart well enough.
#[derive(Debug, Clone, PartialEq)]
pub struct TooFaint {
    /// The setting to change, such as `theme.dark.muted`.
    pub setting: String,
    pub behind: &'static str,
    pub ratio: f64,
}

impl fmt::Display for TooFaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} on the {} has a contrast of {:.1}, and {LEAST_CONTRAST} is the least that can be read",
            self.setting, self.behind, self.ratio
        )
    }
}

impl Theme {
    /// Text on a band of the accent colour: white or ink, whichever is read better.
    #[must_use]
    pub fn band_ink(&self) -> Color {
        let (white, ink) = (Color::WHITE, self.light.ink);
        if white.contrast(self.light.accent) >= ink.contrast(self.light.accent) { white } else { ink }
    }

    /// Every pair of colours under the least contrast; none in a theme fit for use.
    #[must_use]
    pub fn too_faint(&self) -> Vec<TooFaint> {
        let mut found = Vec::new();
        for (mode, palette) in [("light", &self.light), ("dark", &self.dark)] {
            for (name, color) in [("accent", palette.accent), ("ink", palette.ink), ("muted", palette.muted)]
            {
                // The footer stands on the page, all else on the sheet.
                for (behind, ground) in [("sheet", palette.sheet), ("page", palette.page)] {
                    let ratio = color.contrast(ground);
                    if ratio < LEAST_CONTRAST {
                        found.push(TooFaint { setting: format!("theme.{mode}.{name}"), behind, ratio });
                    }
                }
            }
        }
        let ratio = self.band_ink().contrast(self.light.accent);
        if self.masthead == Masthead::Band && ratio < LEAST_CONTRAST {
            found.push(TooFaint {
                setting: "theme.light.accent".to_owned(),
                behind: "text of its band",
                ratio,
            });
        }
        found
    }

    /// A font stack that can neither leave its attribute nor load anything.
    #[must_use]
    pub fn is_font_stack(text: &str) -> bool {
        let letter = |c: char| c.is_alphanumeric() || " ,'-_".contains(c);
        !text.is_empty() && text.chars().all(letter) && text.matches('\'').count().is_multiple_of(2)
    }
}

#[cfg(test)]
mod tests {
    use super::{Color, Masthead, Theme};

    #[test]
    fn contrast_is_that_of_wcag() {
        assert!((Color(0, 0, 0).contrast(Color::WHITE) - 21.0).abs() < 1e-9);
        assert!((Color::parse("#767676").unwrap().contrast(Color::WHITE) - 4.54).abs() < 0.01);
        assert_eq!(Color::parse("#fa0"), Some(Color(255, 170, 0)));
        assert_eq!(Color::parse("#ff"), None);
        assert_eq!(Color::parse("red"), None);
    }

    #[test]
    fn the_built_in_theme_can_be_read_in_both_modes() {
        assert_eq!(Theme::default().too_faint(), []);
        assert_eq!(Theme { masthead: Masthead::Band, ..Theme::default() }.too_faint(), []);
    }

    #[test]
    fn a_faint_colour_is_named() {
        let mut theme = Theme::default();
        theme.light.muted = Color::parse("#999999").unwrap();
        let faults: Vec<String> = theme.too_faint().iter().map(ToString::to_string).collect();
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].starts_with("theme.light.muted on the sheet has a contrast of 2.8"), "{faults:?}");
    }

    #[test]
    fn a_font_stack_stays_inside_its_attribute() {
        assert!(Theme::is_font_stack("Georgia,'Times New Roman',serif"));
        assert!(!Theme::is_font_stack("x;background:url(https://example.org)"));
        assert!(!Theme::is_font_stack("a\"b"));
        assert!(!Theme::is_font_stack("'open"));
    }
}
