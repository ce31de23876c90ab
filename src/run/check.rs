//! Every problem of the site, with file, line and remedy: a linter for editors.

use std::collections::BTreeSet;
use std::io::{self, Write};

use serde::Serialize;

use super::{Ending, plural, processors};
use crate::domain::{Article, Gravity, Problem, Status};
use crate::read::folder::{self, Scan};

/// How the problems are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One line each, grouped by file.
    Lines,
    /// The same on a terminal that shows colours.
    Colour,
    /// One JSON object, for a script.
    Json,
}

/// Reads and renders every article that is or will be public, and prints every problem once; `more`
/// are those that only an output can see.
///
/// # Errors
/// When `out` cannot be written.
pub fn check(scan: &Scan, more: Vec<Problem>, form: Form, out: &mut dyn Write) -> io::Result<Ending> {
    let mut problems = problems(scan);
    problems.extend(more);
    in_order(&mut problems);
    let count = |gravity| problems.iter().filter(|p| p.gravity == gravity).count();
    let (errors, warnings, advice) = (count(Gravity::Error), count(Gravity::Warning), count(Gravity::Advice));
    if form == Form::Json {
        let report = Report {
            articles: scan.articles.len(),
            errors,
            warnings,
            advice,
            problems: problems.iter().map(Told::of).collect(),
        };
        serde_json::to_writer_pretty(&mut *out, &report)?;
        writeln!(out)?;
    } else {
        let mut file = None;
        for problem in &problems {
            if file.is_some_and(|before| before != &problem.path) {
                writeln!(out)?;
            }
            file = Some(&problem.path);
            tell(problem, form, out)?;
        }
        if !problems.is_empty() {
            writeln!(out)?;
        }
        let files = problems.iter().map(|p| &p.path).collect::<BTreeSet<_>>().len();
        writeln!(
            out,
            "{} read: {} left out or lost, {} to look at, {} of advice, in {}",
            plural(scan.articles.len() as u64, "article"),
            plural(errors as u64, "thing"),
            plural(warnings as u64, "thing"),
            plural(advice as u64, "word"),
            plural(files as u64, "file"),
        )?;
    }
    out.flush()?;
    Ok(Ending::look_if(errors + warnings > 0))
}

/// Every problem of the site, each once, by file and line.
pub fn problems(scan: &Scan) -> Vec<Problem> {
    let public: Vec<&Article> =
        scan.articles.iter().filter(|a| a.status == Status::Published && a.published.is_some()).collect();
    let mut all = scan.problems.clone();
    all.extend(processors::map(&public, |article| folder::lint(scan, article)).into_iter().flatten());
    in_order(&mut all);
    all
}

/// By file and line, the gravest first, each once.
fn in_order(problems: &mut Vec<Problem>) {
    problems
        .sort_by(|a, b| (&a.path, a.line, b.gravity, &a.what).cmp(&(&b.path, b.line, a.gravity, &b.what)));
    problems.dedup();
}

fn tell(problem: &Problem, form: Form, out: &mut dyn Write) -> io::Result<()> {
    let line = problem.to_string();
    if form == Form::Lines {
        return writeln!(out, "{line}");
    }
    // The text of a problem holds no control character; these are the only ones on the line.
    let colour = match problem.gravity {
        Gravity::Error => "\x1b[1;31m",
        Gravity::Warning => "\x1b[33m",
        Gravity::Advice => "\x1b[36m",
    };
    match line.split_once(": ") {
        Some((place, rest)) => {
            let (what, remedy) = rest.rsplit_once(" — ").unwrap_or((rest, ""));
            writeln!(out, "\x1b[1m{place}\x1b[0m: {colour}{what}\x1b[0m — {remedy}")
        }
        None => writeln!(out, "{line}"),
    }
}

#[derive(Serialize)]
struct Report<'a> {
    articles: usize,
    errors: usize,
    warnings: usize,
    advice: usize,
    problems: Vec<Told<'a>>,
}

#[derive(Serialize)]
struct Told<'a> {
    path: String,
    line: Option<u32>,
    gravity: &'static str,
    what: &'a str,
    remedy: &'a str,
}

impl<'a> Told<'a> {
    fn of(problem: &'a Problem) -> Self {
        Self {
            path: problem.path.to_string_lossy().into_owned(),
            line: problem.line,
            gravity: match problem.gravity {
                Gravity::Error => "error",
                Gravity::Warning => "warning",
                Gravity::Advice => "advice",
            },
            what: &problem.what,
            remedy: &problem.remedy,
        }
    }
}
