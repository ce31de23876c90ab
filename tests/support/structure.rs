//! What two HTML texts must have in common to say the same: elements, and words between them.

/// The elements and words of HTML, one a line, indented by depth. Blanks are collapsed as browsers
/// do; attributes are left out, but for those that `with` names.
pub fn outline(html: &str, with: &[&str]) -> String {
    let mut outline = Outline::default();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        outline.words(&rest[..at]);
        let end = rest[at..].find('>').map_or(rest.len(), |end| at + end);
        outline.tag(&rest[at + 1..end], with);
        rest = rest.get(end + 1..).unwrap_or("");
    }
    outline.words(rest);
    outline.flush();
    outline.lines.join("\n")
}

#[derive(Default)]
struct Outline {
    lines: Vec<String>,
    depth: usize,
    text: String,
    preformatted: bool,
}

impl Outline {
    fn words(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn flush(&mut self) {
        let text = std::mem::take(&mut self.text);
        let words: Vec<&str> = text.split([' ', '\n', '\t', '\r']).filter(|word| !word.is_empty()).collect();
        if !words.is_empty() {
            self.lines.push(format!("{}“{}”", "  ".repeat(self.depth), words.join(" ")));
        }
    }

    fn tag(&mut self, tag: &str, with: &[&str]) {
        self.flush();
        if tag.starts_with('/') {
            self.depth = self.depth.saturating_sub(1);
            return;
        }
        let name: String = tag.chars().take_while(char::is_ascii_alphanumeric).collect();
        if name == "pre" {
            self.preformatted = true;
        }
        let mut line = format!("{}{name}", "  ".repeat(self.depth));
        for attribute in with {
            if let Some((_, value)) = tag.split_once(&format!(" {attribute}=\"")) {
                let value = value.split('"').next().unwrap_or("");
                if !value.trim().is_empty() {
                    line.extend([" ", attribute, "=", value]);
                }
            }
        }
        self.lines.push(line);
        if !matches!(name.as_str(), "br" | "hr" | "img" | "wbr" | "col") {
            self.depth += 1;
        }
    }
}
