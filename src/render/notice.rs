//! The letters that the service writes by itself: confirm, welcome, you are subscribed already, your
//! data, erase. One address, one purpose, in HTML and in plain text, looking like the digest.

use askama::Template;

use crate::render::digest::Theme;
use crate::render::words::PageWords;

/// A letter before it is encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeText {
    pub subject: String,
    pub html: String,
    /// At most 76 columns but for URLs.
    pub text: String,
}

/// Why the service writes; addresses are absolute.
#[derive(Debug, Clone, Copy)]
pub enum Notice<'a> {
    Confirm {
        confirm: &'a str,
    },
    Welcome {
        preferences: &'a str,
        leave: &'a str,
    },
    Already {
        preferences: &'a str,
        leave: &'a str,
    },
    /// All that is kept, as text for people and programs.
    Data {
        record: &'a str,
    },
    Erase {
        erase: &'a str,
    },
}

/// Who writes.
#[derive(Debug, Clone, Copy)]
pub struct Writer<'a> {
    pub list: &'a str,
    pub sender: &'a str,
    /// Lines; may be empty.
    pub postal_address: &'a str,
    pub theme: &'a Theme,
}

/// The letter in some words.
#[must_use]
pub fn notice(notice: Notice<'_>, writer: &Writer<'_>, words: &'static PageWords) -> NoticeText {
    let says = &words.letters;
    let list = writer.list;
    let letter = match notice {
        Notice::Confirm { confirm } => Letter {
            button: Some(Link { url: confirm, text: says.confirm_button }),
            remark: says.confirm_ignore,
            ..Letter::new((says.confirm_subject)(list), (says.confirm_lead)(list))
        },
        Notice::Welcome { preferences, leave } => Letter {
            links: links(words, preferences, leave),
            ..Letter::new((says.welcome_subject)(list), (says.welcome_lead)(list))
        },
        Notice::Already { preferences, leave } => Letter {
            remark: says.already_ignore,
            links: links(words, preferences, leave),
            ..Letter::new((says.already_subject)(list), (says.already_lead)(list))
        },
        Notice::Data { record } => {
            Letter { record, ..Letter::new((says.data_subject)(list), (says.data_lead)(list)) }
        }
        Notice::Erase { erase } => Letter {
            button: Some(Link { url: erase, text: says.forget_button }),
            remark: says.forget_ignore,
            ..Letter::new((says.forget_subject)(list), (says.forget_lead)(list))
        },
    };
    let text = plain(&letter, writer);
    let page = NoticePage {
        words,
        theme: writer.theme,
        sender: writer.sender,
        postal_address: writer.postal_address.lines().collect(),
        notice: &letter,
    };
    let html = page.render().expect("a compiled template writes into a String");
    NoticeText { html, text, subject: letter.subject }
}

fn links<'a>(words: &PageWords, preferences: &'a str, leave: &'a str) -> Vec<Link<'a>> {
    vec![
        Link { url: preferences, text: words.letters.welcome_preferences },
        Link { url: leave, text: words.letters.welcome_leave },
    ]
}

/// The same words, written and not squeezed out of the HTML.
fn plain(letter: &Letter<'_>, writer: &Writer<'_>) -> String {
    let mut text = String::new();
    let mut paragraph = |words: &str| {
        if !words.is_empty() {
            text.push_str(words);
            text.push_str("\n\n");
        }
    };
    paragraph(&wrapped(&letter.subject));
    paragraph(&wrapped(&letter.lead));
    for link in letter.button.iter().chain(&letter.links) {
        paragraph(&format!("{}\n{}", wrapped(link.text), link.url));
    }
    paragraph(&wrapped(letter.remark));
    paragraph(letter.record);
    paragraph(format!("-- \n{}\n{}", writer.sender, writer.postal_address.trim()).trim_end());
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// Lines of at most 76 characters, broken at blanks that may be broken.
fn wrapped(text: &str) -> String {
    let mut lines = String::new();
    let mut used = 0;
    for word in text.split([' ', '\n']).filter(|word| !word.is_empty()) {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > 76 {
            lines.push('\n');
            used = 0;
        } else if used > 0 {
            lines.push(' ');
            used += 1;
        }
        lines.push_str(word);
        used += length;
    }
    lines
}

struct Letter<'a> {
    subject: String,
    lead: String,
    button: Option<Link<'a>>,
    remark: &'a str,
    record: &'a str,
    links: Vec<Link<'a>>,
}

impl Letter<'_> {
    fn new(subject: String, lead: String) -> Self {
        Self { subject, lead, button: None, remark: "", record: "", links: Vec::new() }
    }
}

struct Link<'a> {
    url: &'a str,
    text: &'static str,
}

#[derive(Template)]
#[template(path = "notice.html")]
struct NoticePage<'a> {
    words: &'static PageWords,
    theme: &'a Theme,
    sender: &'a str,
    postal_address: Vec<&'a str>,
    notice: &'a Letter<'a>,
}

#[cfg(test)]
mod tests {
    use super::{Notice, Writer, notice};
    use crate::render::digest::Theme;
    use crate::render::words::PageWords;

    #[test]
    fn each_letter_says_the_same_in_html_and_text_in_every_language() {
        let theme = Theme::default();
        let writer = Writer {
            list: "La <lettre>",
            sender: "Office",
            postal_address: "1 rue de l’Essai\n99000 Exempleville",
            theme: &theme,
        };
        let urls = ["https://example.org/a", "https://example.org/b"];
        for words in PageWords::ALL {
            for (kind, shown) in [
                (Notice::Confirm { confirm: urls[0] }, &urls[..1]),
                (Notice::Welcome { preferences: urls[0], leave: urls[1] }, &urls[..]),
                (Notice::Already { preferences: urls[0], leave: urls[1] }, &urls[..]),
                (Notice::Data { record: "{\"email\": \"a@example.org\"}" }, &[]),
                (Notice::Erase { erase: urls[0] }, &urls[..1]),
            ] {
                let letter = notice(kind, &writer, words);
                assert!(letter.subject.contains("La <lettre>"), "{}", letter.subject);
                assert!(!letter.html.contains("<lettre>"), "the list's name is text, not markup");
                for url in shown {
                    assert!(letter.html.contains(&format!("href=\"{url}\"")), "{}", letter.html);
                    assert_eq!(letter.text.lines().filter(|line| line == url).count(), 1, "{}", letter.text);
                }
                assert!(letter.text.lines().all(|line| line.chars().count() <= 76), "{}", letter.text);
                assert!(letter.text.ends_with("99000 Exempleville\n"));
            }
        }
    }
}
