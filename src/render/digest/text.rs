//! The finish of the plain text: 76 columns, whole URLs, no stray blanks.

/// The longest line of prose.
const COLUMNS: usize = 76;

/// Wraps every line that is no URL at 76 columns, keeping its indent; takes away blanks at line
/// ends and all but one of several blank lines; ends with one line end.
///
/// No-break spaces hold words together while lines are broken and become plain blanks after.
#[must_use]
pub fn finish(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    let mut blank = true;
    for line in text.lines() {
        let line = line.trim_end();
        if line.is_empty() {
            if !blank {
                out.push('\n');
            }
            blank = true;
            continue;
        }
        blank = false;
        wrap(line, &mut out);
    }
    let end = out.trim_end().len();
    out.truncate(end);
    out.push('\n');
    out.replace(['\u{a0}', '\u{202f}'], " ")
}

fn wrap(line: &str, out: &mut String) {
    let body = line.trim_start();
    let indent = line.len() - body.len();
    let mut column = 0;
    for word in body.split(' ').filter(|word| !word.is_empty()) {
        let width = word.chars().count();
        if column > 0 && column + 1 + width > COLUMNS {
            out.push('\n');
            column = 0;
        }
        if column == 0 {
            out.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += width;
    }
    out.push('\n');
}

/// Cuts prose to `limit` characters: at the end of a sentence in its last third, else of a word,
/// with an ellipsis.
#[must_use]
pub fn shorten(text: &str, limit: usize) -> String {
    let text = text.trim();
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let end = text.char_indices().nth(limit.saturating_sub(1)).map_or(text.len(), |(at, _)| at);
    let head = &text[..end];
    let sentence = head
        .rmatch_indices(['.', '!', '?', '…'])
        .map(|(at, mark)| at + mark.len())
        .find(|at| head[*at..].starts_with(' ') && text[..*at].chars().count() * 3 >= limit * 2);
    if let Some(at) = sentence {
        return head[..at].to_owned();
    }
    let word = head.rfind([' ', '\n']).unwrap_or(end);
    let cut = head[..word].trim_end_matches([' ', '\u{a0}', ',', ';', ':', '«', '(', '-', '–', '—']);
    format!("{cut}…")
}

#[cfg(test)]
mod tests {
    use super::{finish, shorten};

    #[test]
    fn prose_is_wrapped_and_urls_stay_whole() {
        let url = format!("https://www.example.org/{}", "a".repeat(90));
        let prose = "mot ".repeat(40);
        let text = finish(&format!("{prose}\n\n\n\n  {url}  \n"));
        for line in text.lines() {
            assert!(line.chars().count() <= 76 || line.trim() == url, "{line}");
            assert_eq!(line, line.trim_end());
        }
        assert!(!text.contains("\n\n\n"));
        assert!(text.ends_with(&format!("\n\n  {url}\n")));
    }

    #[test]
    fn a_no_break_space_holds_until_lines_are_broken() {
        let text = finish(&format!("{} «\u{a0}mot\u{a0}»", "x".repeat(70)));
        assert_eq!(text.lines().nth(1), Some("« mot »"));
    }

    #[test]
    fn text_is_cut_at_a_sentence_or_a_word() {
        assert_eq!(shorten("Une phrase. Une autre phrase plus longue.", 15), "Une phrase.");
        assert_eq!(shorten("Un deux trois quatre cinq", 16), "Un deux trois…");
        assert_eq!(shorten("Court.", 16), "Court.");
    }
}
