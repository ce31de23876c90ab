//! parution's reading of Markdown: the snippets, the addresses, the safety.

#[path = "support/page.rs"]
mod page;
#[path = "support/snippets.rs"]
mod snippets;
#[path = "support/structure.rs"]
mod structure;

use page::rendered;
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
