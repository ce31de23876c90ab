//! Cases in `tests/snippets`: a name, a source, and the outline of what becomes of it.

use std::path::{Path, PathBuf};

pub struct Snippet {
    pub file: PathBuf,
    pub name: String,
    pub source: String,
    pub outline: String,
    /// Why parution differs from kramdown here, if it does.
    pub differs: Option<String>,
}

/// The attributes that outlines show.
pub const ATTRIBUTES: &[&str] = &["class", "id", "title", "alt"];

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snippets")
}

/// All cases, by file and in the order written.
pub fn all() -> Vec<Snippet> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder())
        .expect("the snippets are there")
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    files.iter().flat_map(|file| read(file)).collect()
}

/// Writes all cases back to their files.
#[allow(dead_code, reason = "only one of the two tests writes")]
pub fn write(snippets: &[Snippet]) {
    let mut texts: std::collections::BTreeMap<&Path, String> = std::collections::BTreeMap::new();
    for snippet in snippets {
        let differs = snippet.differs.as_ref().map_or(String::new(), |why| format!("@! {why}\n"));
        let Snippet { name, source, outline, .. } = snippet;
        let line_feed = if outline.is_empty() { "" } else { "\n" };
        let case = format!("@@ {name}\n{source}{differs}@=\n{outline}{line_feed}");
        texts.entry(&snippet.file).or_default().push_str(&case);
    }
    for (file, text) in texts {
        std::fs::write(file, text).expect("the file can be written");
    }
}

fn read(file: &Path) -> Vec<Snippet> {
    let text = std::fs::read_to_string(file).expect("the file can be read");
    let mut snippets: Vec<Snippet> = Vec::new();
    let mut in_outline = false;
    for line in text.split_inclusive('\n') {
        if let Some(name) = line.strip_prefix("@@ ") {
            snippets.push(Snippet {
                file: file.to_owned(),
                name: name.trim().to_owned(),
                source: String::new(),
                outline: String::new(),
                differs: None,
            });
            in_outline = false;
            continue;
        }
        let snippet = snippets.last_mut().expect("a file begins with @@ and a name");
        if let Some(why) = line.strip_prefix("@! ") {
            snippet.differs = Some(why.trim().to_owned());
        } else if line.trim_end() == "@=" {
            in_outline = true;
        } else if in_outline {
            snippet.outline.push_str(line);
        } else {
            snippet.source.push_str(line);
        }
    }
    for snippet in &mut snippets {
        snippet.outline.truncate(snippet.outline.trim_end().len());
    }
    snippets
}
