//! Players and frames become a link: letters and most feed readers show neither.

use crate::domain::Gravity;
use crate::read::kramdown::{Attributes, Fate};

use super::{Address, Guard, shown};

impl Guard<'_> {
    /// The link that stands for a frame, a video or a sound, with its picture where there is one.
    pub(super) fn player(&mut self, attributes: &Attributes, line: u32) -> Fate {
        let reference = attributes.get("src").or_else(|| attributes.get("data-src")).unwrap_or_default();
        let (Address::Sound(url) | Address::Repaired(url, _)) = Address::of_image(reference, self.page)
        else {
            self.report(
                line,
                Gravity::Warning,
                format!("a player with the address “{}” was left out", shown(reference)),
                "write a link to the page of the video",
            );
            return Fate::Drop;
        };
        let url = page_of(&url);
        let title =
            attributes.get("title").or_else(|| attributes.get("aria-label")).unwrap_or_default().trim();
        let words = if title.is_empty() { self.words_for(&url) } else { title.to_owned() };
        let poster = ["poster", "data-poster", "data-thumbnail"]
            .iter()
            .find_map(|key| attributes.get(key))
            .and_then(|reference| match Address::of_image(reference, self.page) {
                Address::Sound(url) => Some(url),
                _ => None,
            });
        let picture = poster
            .map(|poster| format!("<img src=\"{}\" alt=\"\"><br>", escape(&poster)))
            .unwrap_or_default();
        Fate::Replace(format!("<a class=\"video\" href=\"{}\">{picture}{}</a>", escape(&url), escape(&words)))
    }

    /// What a link to a player without a title says, in the site's language.
    fn words_for(&self, url: &str) -> String {
        let host =
            url::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
        let host = host.trim_start_matches("www.");
        let is_video =
            ["youtube.com", "dailymotion.com", "vimeo.com"].iter().any(|site| host.ends_with(site))
                || [".mp4", ".webm", ".ogv", ".mov"].iter().any(|ending| url.ends_with(ending))
                || host.contains("tube");
        match (self.page.site.language.primary(), is_video) {
            ("fr", true) => format!("Voir la vidéo sur {host}"),
            ("fr", false) => format!("Consulter sur {host}"),
            (_, true) => format!("Watch the video on {host}"),
            (_, false) => format!("See it on {host}"),
        }
    }
}

/// The page on which people watch what a player embeds.
fn page_of(url: &str) -> String {
    let Some(rest) = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")) else {
        return url.to_owned();
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let id = |path: &str| -> Option<String> {
        let id = path.split(['?', '#', '/', '&']).next()?;
        let sound = !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
        sound.then(|| id.to_owned())
    };
    let page = match host {
        "www.youtube.com" | "youtube.com" | "www.youtube-nocookie.com" | "youtube-nocookie.com" => path
            .strip_prefix("embed/")
            .and_then(id)
            .filter(|id| id != "videoseries")
            .map(|id| format!("https://www.youtube.com/watch?v={id}")),
        "www.dailymotion.com" | "dailymotion.com" => path
            .strip_prefix("embed/video/")
            .and_then(id)
            .map(|id| format!("https://www.dailymotion.com/video/{id}")),
        "player.vimeo.com" => {
            path.strip_prefix("video/").and_then(id).map(|id| format!("https://vimeo.com/{id}"))
        }
        _ => None,
    };
    page.unwrap_or_else(|| url.to_owned())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
