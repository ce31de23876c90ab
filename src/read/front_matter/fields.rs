//! Which front matter keys say what; `fields:` of `parution.yml` changes them.

/// For each thing parution wants to know, the keys that may say it, the first that speaks wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields {
    pub title: Vec<String>,
    pub date: Vec<String>,
    pub updated: Vec<String>,
    pub published: Vec<String>,
    pub draft: Vec<String>,
    pub slug: Vec<String>,
    pub permalink: Vec<String>,
    pub guid: Vec<String>,
    pub tags: Vec<String>,
    pub categories: Vec<String>,
    pub authors: Vec<String>,
    pub language: Vec<String>,
    pub feed: Vec<String>,
    pub chapeau: Vec<String>,
    /// Keys that hold an image: a path, a map, or a list of either.
    pub images: Vec<String>,
    /// Inside such a map.
    pub image_path: Vec<String>,
    pub image_alt: Vec<String>,
    pub image_caption: Vec<String>,
    pub redirection: Vec<String>,
    pub event_start: Vec<String>,
    pub event_end: Vec<String>,
    pub event_place: Vec<String>,
    pub attachments: Vec<String>,
}

impl Default for Fields {
    fn default() -> Self {
        let keys = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            title: keys(&["title"]),
            date: keys(&["date"]),
            updated: keys(&["last_modified_at", "updated"]),
            published: keys(&["published"]),
            draft: keys(&["draft"]),
            slug: keys(&["slug"]),
            permalink: keys(&["permalink"]),
            guid: keys(&["guid", "id"]),
            tags: keys(&["tags"]),
            categories: keys(&["categories"]),
            authors: keys(&["auteur", "author", "authors"]),
            language: keys(&["lang", "language", "locale"]),
            feed: keys(&["feed"]),
            chapeau: keys(&["chapeau-text", "chapeau", "description", "excerpt", "summary", "lede"]),
            images: keys(&["une-ou-diaporama", "une", "image", "image-mise-en-avant"]),
            image_path: keys(&["image", "path", "src", "url"]),
            image_alt: keys(&["alternative-textuelle", "alt"]),
            image_caption: keys(&["legende", "caption"]),
            redirection: keys(&["redirection", "redirection-interne", "redirect_to"]),
            event_start: keys(&["event_start_date", "event_date", "dateEvent"]),
            event_end: keys(&["event_end_date"]),
            event_place: keys(&["lieu"]),
            attachments: keys(&["files", "communique_file", "file", "pdf"]),
        }
    }
}

impl Fields {
    /// Replaces the keys of one thing, named as the field of this struct (`chapeau`, `image_alt`).
    ///
    /// # Errors
    /// When there is no such thing, or no key is left; the message lists the names.
    pub fn set(&mut self, name: &str, keys: Vec<String>) -> Result<(), String> {
        if keys.is_empty() || keys.iter().any(|key| key.trim().is_empty()) {
            return Err(format!("`{name}` needs at least one key"));
        }
        for (known, place) in self.by_name() {
            if known == name {
                *place = keys;
                return Ok(());
            }
        }
        let names: Vec<_> = self.by_name().map(|(known, _)| known).to_vec();
        Err(format!("no field is called `{name}`; there are {}", names.join(", ")))
    }

    fn by_name(&mut self) -> [(&'static str, &mut Vec<String>); 23] {
        [
            ("title", &mut self.title),
            ("date", &mut self.date),
            ("updated", &mut self.updated),
            ("published", &mut self.published),
            ("draft", &mut self.draft),
            ("slug", &mut self.slug),
            ("permalink", &mut self.permalink),
            ("guid", &mut self.guid),
            ("tags", &mut self.tags),
            ("categories", &mut self.categories),
            ("authors", &mut self.authors),
            ("language", &mut self.language),
            ("feed", &mut self.feed),
            ("chapeau", &mut self.chapeau),
            ("images", &mut self.images),
            ("image_path", &mut self.image_path),
            ("image_alt", &mut self.image_alt),
            ("image_caption", &mut self.image_caption),
            ("redirection", &mut self.redirection),
            ("event_start", &mut self.event_start),
            ("event_end", &mut self.event_end),
            ("event_place", &mut self.event_place),
            ("attachments", &mut self.attachments),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::Fields;

    #[test]
    fn a_field_can_be_renamed_and_a_wrong_name_is_told_the_right_ones() {
        let mut fields = Fields::default();
        fields.set("chapeau", vec!["standfirst".to_owned()]).unwrap();
        assert_eq!(fields.chapeau, ["standfirst"]);
        assert!(fields.set("chapo", vec!["x".to_owned()]).unwrap_err().contains("chapeau"));
        assert!(fields.set("title", vec![]).is_err());
    }
}
