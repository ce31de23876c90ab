//! The rule of the house: who may import whom (the table of `src/lib.rs`), and where the clock,
//! chance and foreign formats may be named.

use std::fs;
use std::path::{Path, PathBuf};

/// Every source file, as `(path below src, text without comments)`.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("src is readable") {
            let path: PathBuf = entry.expect("src is readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path).expect("a source file is UTF-8");
                let code = text.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>();
                let name = path.strip_prefix(&root).expect("below src").to_string_lossy().into_owned();
                found.push((name, code.join("\n")));
            }
        }
    }
    found.sort();
    assert!(found.len() > 20, "the sources were found");
    found
}

/// The room of a file: its folder, or its own name at the top.
fn room(file: &str) -> &str {
    file.split_once('/').map_or(file.trim_end_matches(".rs"), |(folder, _)| folder)
}

/// The rooms that a room may import from, besides itself.
#[expect(clippy::match_same_arms, reason = "one line a floor")]
fn allowed(file: &str) -> &'static [&'static str] {
    match room(file) {
        "domain" => &[],
        "yaml" | "select" | "publish" | "ledger" | "mail" => &["domain"],
        "read" | "render" => &["domain", "yaml"],
        "run" => &["domain", "yaml", "read", "select", "render", "publish", "ledger", "mail"],
        "cli" => &["domain"],
        "config" | "lib" => &[
            "domain", "yaml", "read", "select", "render", "publish", "ledger", "mail", "run", "cli", "config",
        ],
        "main" | "house" | "terminal" => &["house", "terminal", "clock"],
        other => panic!("src/{other} has no floor: add it to the table"),
    }
}

/// The rooms a text imports: whatever follows `crate::` anywhere, braces included.
fn imports(code: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let list = rest.strip_prefix('{').and_then(|r| r.split_once('}')).map_or(rest, |(inner, _)| inner);
        let several = rest.starts_with('{');
        for part in list.split(',').take(if several { usize::MAX } else { 1 }) {
            let name: String =
                part.trim().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            if !name.is_empty() {
                rooms.push(name);
            }
        }
    }
    rooms
}

#[test]
fn every_module_imports_from_lower_floors_and_its_own_folder_only() {
    let mut faults = Vec::new();
    for (file, code) in sources() {
        let own = room(&file);
        for import in imports(&code) {
            let known = import.chars().next().is_some_and(char::is_lowercase);
            if known && import != own && !allowed(&file).contains(&import.as_str()) {
                faults.push(format!("src/{file} may not import crate::{import}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn each_foreign_format_is_named_in_its_own_room_only() {
    for (word, rooms) in [
        ("serde_yaml::", &["yaml"][..]),
        ("rusqlite::", &["ledger"]),
        ("lettre::", &["mail"]),
        ("axum::", &["run"]),
        ("tokio::", &["run", "main"]),
        ("pulldown_cmark::", &["read"]),
        ("atom_syndication::", &["render", "publish"]),
        ("clap::", &["cli", "main"]),
    ] {
        for (file, code) in sources() {
            let named = code.lines().any(|line| line.contains(word));
            assert!(!named || rooms.contains(&room(&file)), "src/{file} names {word}");
        }
    }
}

#[test]
fn the_domain_knows_neither_formats_nor_the_world() {
    for (file, code) in sources() {
        if room(&file) == "domain" {
            for word in ["serde", "std::fs", "std::net", "std::env", "std::process", "tracing::"] {
                assert!(!code.contains(word), "src/{file} names {word}");
            }
        }
    }
}

#[test]
fn the_clock_and_the_environment_are_read_in_main_alone() {
    for (file, code) in sources() {
        if !matches!(room(&file), "main" | "house" | "config") {
            for word in ["Utc::now", "Local::now", "SystemTime::now", "std::env::var"] {
                assert!(!code.contains(word), "src/{file} calls {word}");
            }
        }
    }
}
