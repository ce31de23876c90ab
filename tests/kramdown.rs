//! parution's reading of Markdown: the snippets, the addresses, the safety.

#[path = "support/hostile.rs"]
mod hostile;
#[path = "support/page.rs"]
mod page;
#[path = "support/snippets.rs"]
mod snippets;
#[path = "support/structure.rs"]
mod structure;

use page::{render_text, rendered};
use structure::outline;

#[test]
fn every_snippet_has_its_outline() {
    let snippets = snippets::all();
    assert!(snippets.len() >= 150, "only {} snippets", snippets.len());
    let mut wrong = Vec::new();
    for snippet in &snippets {
        let ours = outline(&rendered(&snippet.source), snippets::ATTRIBUTES);
        if ours != snippet.outline {
            let file = snippet.file.file_name().unwrap_or_default().display();
            wrong.push(format!(
                "{file}: {}\n{}ours:\n{ours}\nexpected:\n{}",
                snippet.name, snippet.source, snippet.outline
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ\n\n{}", wrong.len(), snippets.len(), wrong.join("\n\n"));
}

/// The addresses in the tags of HTML.
fn addresses(html: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for tag in html.split('<').skip(1).filter_map(|rest| rest.split('>').next()) {
        for attribute in [" href=\"", " src=\"", " cite=\"", " srcset=\""] {
            found.extend(tag.split(attribute).skip(1).filter_map(|rest| rest.split('"').next()));
        }
    }
    found
}

#[test]
fn every_address_is_absolute_and_encoded_once() {
    for (text, address) in [
        ("[a](https://example.org/b)", "https://example.org/b"),
        ("[a](/b)", "https://www.example.org/b"),
        ("[a](b.html)", "https://www.example.org/actualites/article/b.html"),
        ("[a](../b/)", "https://www.example.org/actualites/b/"),
        ("[a](#b)", "https://www.example.org/actualites/article/#b"),
        ("[a](?b=c)", "https://www.example.org/actualites/article/?b=c"),
        ("[a](//cdn.example.org/b)", "https://cdn.example.org/b"),
        ("[a](/b%20c.pdf)", "https://www.example.org/b%20c.pdf"),
        ("[a](/b c.pdf)", "https://www.example.org/b%20c.pdf"),
        ("[a](/é.pdf)", "https://www.example.org/%C3%A9.pdf"),
        ("[a](/l’été(1).pdf)", "https://www.example.org/l%E2%80%99%C3%A9t%C3%A9(1).pdf"),
        ("[a](/100%.pdf)", "https://www.example.org/100%25.pdf"),
        ("[a](/b[c]{d}^)", "https://www.example.org/b%5Bc%5D%7Bd%7D%5E"),
        ("[a](/b?c=d&e=f)", "https://www.example.org/b?c=d&amp;e=f"),
        ("[a](/b?c=d&amp;e=f)", "https://www.example.org/b?c=d&amp;e=f"),
        ("[a](/concours->b)", "https://www.example.org/concours-%3Eb"),
        ("<a href='/b'>a</a>", "https://www.example.org/b"),
        ("<a href=\" /b \">a</a>", "https://www.example.org/b"),
        ("![a](/b.png)", "https://www.example.org/b.png"),
        ("<div><img src='b.png'></div>", "https://www.example.org/actualites/article/b.png"),
        ("<blockquote cite='/b'>a</blockquote>", "https://www.example.org/b"),
        ("[a](mailto:a@example.org)", "mailto:a@example.org"),
        (
            "[a](mailto:a@example.org?subject=Été à b)",
            "mailto:a@example.org?subject=%C3%89t%C3%A9%20%C3%A0%20b",
        ),
        ("[mailto:a@example.org](a@example.org)", "mailto:a@example.org"),
        ("[a](http://mailto:a@example.org)", "mailto:a@example.org"),
        ("[a](www.example.org/b)", "https://www.example.org/b"),
        ("[a](references.example.fr)", "https://references.example.fr/"),
        ("[a](tel:+33 1 23 45)", "tel:+3312345"),
        (
            "<div><img src='/a.png' srcset='/b.png 2x, c.png 300w, javascript:d 1x'></div>",
            "https://www.example.org/b.png 2x, https://www.example.org/actualites/article/c.png 300w",
        ),
    ] {
        let html = rendered(text);
        assert!(addresses(&html).contains(&address), "{text}\n{html}");
    }
}

#[test]
fn an_address_that_leads_nowhere_is_no_link_and_is_reported() {
    for text in [
        "[a](LIEN)",
        "[a]()",
        "[a](javascript:alert(1))",
        "[a](JaVaScRiPt:alert(1))",
        "[a](java&#115;cript:alert(1))",
        "<a href=\"java&#x09;script:alert(1)\">a</a>",
        "[a](<java\nscript:x>)",
        "[a](data:text/html;base64,PHNjcmlwdD4=)",
        "[a](file:///etc/passwd)",
        "[a](vbscript:x)",
        "<a href='LIEN'>a</a>",
        "<a href='jav\tascript:x'>a</a>",
        "<a href='https://user:password@example.org/'>a</a>",
        "[a](mailto:personne)",
    ] {
        let rendered = render_text(text);
        let html = rendered.html.as_str();
        assert_eq!(addresses(html), Vec::<&str>::new(), "{text}\n{html}");
        assert!(html.contains("<a>a</a>"), "{text}\n{html}");
        assert_eq!(rendered.problems.len(), 1, "{text}\n{:?}", rendered.problems);
        assert_eq!(rendered.problems[0].line, Some(10));
    }
}

#[test]
fn a_repaired_address_is_reported_on_its_line() {
    let problems = render_text("a\n\nb [c](http://mailto:d@example.org)").problems;
    let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "_actualites/article.md:12: the link “http://mailto:d@example.org” mixes a web and a mail address — \
             write mailto:d@example.org"
        ]
    );
}

#[test]
fn what_acts_or_hides_is_gone() {
    let html = rendered(
        "<script>alert(1)</script>\n<style>p { position: fixed }</style>\n\
         <p style='position:fixed;top:0' onclick='alert(1)' class='encadre'>a</p>\n\
         <form action='/x'><input name='b'><textarea>c</textarea><button>d</button></form>\n\
         <svg onload='alert(1)'><script>e</script></svg>\n<math><mi>f</mi></math>\n\
         <object data='/g'>h</object>\n<div><img src='x.png' onerror='alert(1)'></div>\n\
         <a href='/i' onmouseover='x' ping='/j'>k</a> ![l](javascript:m) ![](data:image/png;base64,AA==)\n\
         <!-- n -->\n{::nomarkdown}<script>o</script><b onclick='p'>q</b>{:/}\n",
    );
    for gone in [
        "script",
        "style",
        "position",
        "onclick",
        "onload",
        "onerror",
        "form",
        "input",
        "textarea",
        "svg",
        "math",
        "object",
        "ping",
        "javascript",
        "data:",
        "<!--",
    ] {
        assert!(!html.contains(gone), "{gone}\n{html}");
    }
    for kept in
        ["class=\"encadre\">a</p>", ">k</a>", "<b>q</b>", "https://www.example.org/actualites/article/x.png"]
    {
        assert!(html.contains(kept), "{kept}\n{html}");
    }
}

#[test]
fn a_player_becomes_a_link_with_a_title() {
    for (text, html) in [
        (
            "<iframe src='https://www.youtube.com/embed/aB-1?si=x' title='Le film'></iframe>",
            "<a class=\"video\" href=\"https://www.youtube.com/watch?v=aB-1\">Le film</a>",
        ),
        (
            "<iframe src='//www.dailymotion.com/embed/video/x1y2'></iframe>",
            "<a class=\"video\" href=\"https://www.dailymotion.com/video/x1y2\">Voir la vidéo sur dailymotion.com</a>",
        ),
        (
            "<iframe src='https://www.youtube.com/embed/c' title='b' data-thumbnail='/c.jpg'></iframe>",
            "<a class=\"video\" href=\"https://www.youtube.com/watch?v=c\">\
             <img src=\"https://www.example.org/c.jpg\" alt=\"\"><br>b</a>",
        ),
        (
            "<video src='/a.mp4' poster='/a.jpg' title='b'></video>",
            "<a class=\"video\" href=\"https://www.example.org/a.mp4\">\
             <img src=\"https://www.example.org/a.jpg\" alt=\"\"><br>b</a>",
        ),
        ("<iframe src='javascript:alert(1)'></iframe>", ""),
    ] {
        assert_eq!(rendered(text).trim(), html, "{text}");
    }
}

#[test]
fn what_an_image_says_of_itself_is_kept_where_it_helps() {
    let rendered =
        render_text("![photo.jpg](/uploads/photo.jpg){: width=\"200px\" height=\"88px\" style=\"x\"}");
    let html = rendered.html.as_str();
    assert!(
        html.contains("alt=\"\"") && html.contains("width=\"200\"") && html.contains("height=\"88\""),
        "{html}"
    );
    assert!(!html.contains("style"), "{html}");
    assert_eq!(rendered.problems.len(), 1, "{:?}", rendered.problems);
}

#[test]
fn a_link_that_opens_a_window_tells_it_nothing() {
    let html = rendered("[a](/b){:target=\"_blank\"} [c](/d){:target=\"_top\"}");
    assert!(html.contains("target=\"_blank\" rel=\"noopener\""), "{html}");
    assert!(!html.contains("_top"), "{html}");
}

#[test]
fn the_tags_of_liquid_that_articles_use_are_resolved() {
    for (text, words) in [
        ("{{ page.title }}", "L’article"),
        ("[a]({{ site.url }}/b)", "https://www.example.org/b"),
        ("[a]({{ site.baseurl }}/b)", "https://www.example.org/b"),
        ("[a]({{ '/b' | relative_url }})", "https://www.example.org/b"),
        ("[a]({{ \"/b\" | absolute_url }})", "https://www.example.org/b"),
        ("[a]({% link _posts/2026-03-01-connu.md %})", "https://www.example.org/connu/"),
        ("[a]({% post_url 2026-03-01-connu %})", "https://www.example.org/connu/"),
        ("{% raw %}{{ a }}{% endraw %}", "{{ a }}"),
        ("a {% comment %}b{% endcomment %} c", "a  c"),
        (
            "{% highlight ruby %}\na < b\n{% endhighlight %}",
            "<code class=\"language-ruby\">a &lt; b\n</code>",
        ),
    ] {
        let rendered = render_text(text);
        assert!(rendered.html.as_str().contains(words), "{text}\n{}", rendered.html);
        assert_eq!(rendered.problems, [], "{text}");
    }
}

#[test]
fn other_tags_of_liquid_are_removed_and_reported() {
    for text in [
        "a {{ secret }} b",
        "a {% include c.html %} b",
        "a {% link absent.md %} b",
        "a {{ 'x' | unknown }} b",
    ] {
        let rendered = render_text(text);
        assert_eq!(rendered.html.as_str().trim(), "<p>a  b</p>", "{text}");
        assert_eq!(rendered.problems.len(), 1, "{text}");
    }
}

#[test]
fn plain_text_keeps_words_paragraphs_and_french_spacing() {
    let text = render_text(
        "## Titre\n\nUn « mot »\u{a0}: l'**été**\u{202f}! a  \nb\n\n* c\n* d\n  * e\n\n1. f\n2. g\n\n\
         <figure><img src='/a.png' alt='x'><figcaption>légende</figcaption></figure>\n\n> h &amp; i\n",
    );
    assert_eq!(
        parution::read::markdown::plain_text(&text.html),
        "Titre\n\nUn « mot »\u{a0}: l’été\u{202f}! a\nb\n\n- c\n- d\n  - e\n\n1. f\n2. g\n\nh & i"
    );
}

#[test]
fn a_limit_that_is_hit_is_named() {
    for (text, limit) in [
        ("a".repeat((1 << 20) + 1), "over the limit of 1 MiB"),
        ("> ".repeat(5_000), "nested more than 60 deep"),
        ("<div>".repeat(5_000), "nested more than 60 deep"),
        ("**a <b>c ".repeat(20_000), "marks that nothing closes"),
    ] {
        let problems = render_text(&text).problems;
        assert!(problems.iter().any(|problem| problem.what.contains(limit)), "{limit}\n{problems:?}");
    }
}

/// Pieces that mean something to kramdown, Liquid or HTML, and some that mean nothing.
const PIECES: &[&str] = &[
    "a",
    "é",
    "\u{202f}",
    " ",
    "  ",
    "\n",
    "\n\n",
    "\t",
    "    ",
    "* ",
    "- ",
    "1. ",
    "> ",
    "# ",
    "## ",
    ": ",
    "| ",
    "|",
    "---\n",
    "***",
    "**",
    "*",
    "_",
    "__",
    "`",
    "```\n",
    "~~~\n",
    "~~",
    "[",
    "]",
    "(",
    ")",
    "![",
    "](",
    "](/b)",
    "[^1]",
    "[^1]: ",
    "[a]: /b\n",
    "*[a]: b\n",
    "{:",
    "}",
    "{: .c}",
    "{: .c}\n",
    "{:a: .b}\n",
    "{::comment}",
    "{:/}",
    "{::nomarkdown}",
    "{:toc}\n",
    "<",
    ">",
    "<b>",
    "</b>",
    "<div>",
    "</div>",
    "<div markdown=\"1\">\n",
    "<p>",
    "</p>",
    "<a href=\"",
    "\">",
    "<img src='x' onerror='y'>",
    "<script>",
    "</script>",
    "<svg>",
    "<style>",
    "<table><tr><td>",
    "<li>",
    "<select>",
    "<iframe src='//a.example/'>",
    "<!--",
    "-->",
    "<?",
    "&",
    "&amp;",
    "&#0;",
    "&#xfffe;",
    "&lt;script&gt;",
    "\"",
    "'",
    "...",
    "--",
    "<<",
    ">>",
    "\\",
    "$$",
    "^\n",
    "{{",
    "}}",
    "{%",
    "%}",
    "{% raw %}",
    "{% highlight x %}",
    "javascript:",
    "data:",
    " onclick=\"x\"",
    "\u{0}",
    "\u{8}",
    "\u{feff}",
    "\u{fffe}",
    "\r\n",
    "http://",
    "mailto:",
    "<math><mi>",
    "<plaintext>",
    "<template>",
    "<noscript>",
    "<b",
    "=",
    "/>",
    "<a href='javascript:x'>",
    "<title>",
];

/// Whether HTML is what we promise: balanced, allow-listed, every address absolute.
fn assert_is_safe(html: &str, source: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let end =
            at + rest[at..].find('>').unwrap_or_else(|| panic!("a tag does not end: {html:?}\n{source:?}"));
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        let name = tag.split([' ', '\n']).next().unwrap_or("");
        if let Some(name) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "unbalanced: {html:?}\n{source:?}");
            continue;
        }
        if !matches!(name, "br" | "hr" | "img" | "wbr" | "col") {
            open.push(name);
        }
        assert!(
            !matches!(
                name,
                "script" | "style" | "svg" | "math" | "form" | "input" | "iframe" | "object" | "template"
            ),
            "{html:?}\n{source:?}"
        );
        for (number, part) in tag.split('"').enumerate() {
            let attribute = part.trim_end_matches('=').rsplit(' ').next().unwrap_or("");
            let is_name = number % 2 == 0;
            assert!(
                !(is_name && (attribute.starts_with("on") || attribute == "style")),
                "{html:?}\n{source:?}"
            );
        }
    }
    assert!(open.is_empty(), "unclosed {open:?}: {html:?}\n{source:?}");
    for address in addresses(html) {
        let sound =
            ["http://", "https://", "mailto:", "tel:"].iter().any(|scheme| address.starts_with(scheme));
        assert!(sound, "{address:?} in {html:?}\n{source:?}");
    }
    let forbidden = |c: char| matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}');
    assert!(!html.contains(forbidden), "{html:?}\n{source:?}");
    assert!(
        html.len() <= 64 * source.len() + 4_096,
        "{} octets from {}: {source:?}",
        html.len(),
        source.len()
    );
}

proptest::proptest! {
    #[test]
    fn any_octets_give_safe_html(octets in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
        let source = String::from_utf8_lossy(&octets);
        assert_is_safe(&rendered(&source), &source);
    }

    #[test]
    fn any_mixture_of_constructs_gives_safe_html(
        pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..60),
    ) {
        let source = pieces.concat();
        let rendered = render_text(&source);
        assert_is_safe(rendered.html.as_str(), &source);
        let was_read = rendered.problems.iter().all(|problem| !problem.what.contains("could not be read"));
        assert!(was_read, "a panic was caught: {source:?}");
        let _ = parution::read::markdown::plain_text(&rendered.html);
    }
}

#[test]
fn reading_takes_time_in_proportion_to_the_length() {
    // Each of these is quadratic, or worse, for a careless reader; all together take a second or two
    // without optimisation, and would take hours.
    for part in hostile::TEXTS {
        let text = part.repeat(60_000 / part.len());
        assert_is_safe(&rendered(&text), &text);
    }
    let many =
        |count: usize, part: &dyn Fn(usize) -> String| (0..count).map(part).collect::<Vec<_>>().concat();
    let names = many(3_000, &|n| format!("*[a{n}]: b\n"));
    rendered(&format!("{names}\n{}", "a ".repeat(10_000)));
    let attributes = many(10_000, &|n| format!(" a{n}=\"b\""));
    rendered(&format!("<div{attributes}>"));
    let meaning = format!("*[a]: {}\n\n{}", "b".repeat(20_000), "a ".repeat(20_000));
    assert!(rendered(&meaning).len() < 2_000_000);
    let notes = many(5_000, &|n| format!("a[^{n}]\n\n[^{n}]: b\n\n"));
    rendered(&notes);
}
