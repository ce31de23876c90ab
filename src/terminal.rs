//! Standard output and the log, closed or not, a person's or a file's.

use std::io::{self, ErrorKind, IsTerminal, Stdout, Write};
use std::sync::LazyLock;

use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use parution::cli::LogFormat;
use parution::run::deliver::Progress;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

/// Standard output that outlives its reader: `parution run | head -1` must still deliver. What
/// cannot be written because nobody listens any more is dropped.
pub struct Terminal {
    out: Stdout,
    closed: bool,
    /// A person is looking: colours and a progress bar make sense.
    pub interactive: bool,
}

impl Terminal {
    pub fn stdout() -> Self {
        let out = io::stdout();
        let interactive = out.is_terminal();
        Self { out, closed: false, interactive }
    }

    /// A counter of rows or the like; silent when nobody looks on.
    pub fn counter(&self, what: &str) -> Counter {
        let watched = self.interactive && io::stderr().is_terminal();
        Counter(watched.then(|| {
            let style = ProgressStyle::with_template("{spinner} {human_pos} {msg} ({per_sec}, {elapsed})");
            ProgressBar::new_spinner()
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
                .with_message(what.to_owned())
        }))
    }

    /// A bar for letters, with rate and remaining time; silent when nobody looks on.
    pub fn progress(&self) -> LetterBar {
        LetterBar { watched: self.interactive && io::stderr().is_terminal(), bar: None }
    }

    fn forgive(&mut self, result: io::Result<()>) -> io::Result<()> {
        match result {
            Err(error)
                if matches!(error.kind(), ErrorKind::BrokenPipe) || error.raw_os_error() == Some(9) =>
            {
                self.closed = true;
                Ok(())
            }
            other => other,
        }
    }
}

/// A number that grows, shown on standard error while a person looks on.
pub struct Counter(Option<ProgressBar>);

impl Counter {
    pub fn at(&mut self, count: u64) {
        if let Some(bar) = &self.0 {
            bar.set_position(count);
        }
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// What is drawn on standard error: it steps aside for each line of the log and of the output, which
/// would else stand at the end of it.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// Standard error, for whole lines of the log.
struct LogLines;

impl Write for LogLines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // A log that nobody reads any more stops no letter.
        let _ = BARS.suspend(|| io::stderr().write_all(line));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// How delivery goes on, shown on standard error while a person looks on.
pub struct LetterBar {
    watched: bool,
    bar: Option<ProgressBar>,
}

impl LetterBar {
    pub fn at(&mut self, progress: &Progress) {
        if !self.watched {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let style = ProgressStyle::with_template(
                "{bar:32} {human_pos} of {human_len} letters, {rate}, {eta} left {msg}",
            )
            .map(|style| style.with_key("rate", rate));
            BARS.add(ProgressBar::new(progress.total))
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        bar.set_length(progress.total);
        bar.set_position(progress.done);
        bar.set_message(match progress.waiting_until {
            Some(until) => format!("(waiting until {})", until.format("%H:%M UTC")),
            None => String::new(),
        });
    }
}

/// `14/s`, and below ten `0.2/s`.
fn rate(state: &ProgressState, out: &mut dyn std::fmt::Write) {
    let rate = state.per_sec();
    let digits = usize::from(rate < 9.95);
    // A bar that cannot be drawn is no reason to stop.
    let _ = write!(out, "{rate:.digits$}/s");
}

impl Drop for LetterBar {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Write for Terminal {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        if !self.closed {
            let result = BARS.suspend(|| self.out.write_all(octets));
            self.forgive(result)?;
        }
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.closed {
            return Ok(());
        }
        let result = self.out.flush();
        self.forgive(result)
    }
}

/// Log lines on standard error: warnings, and with `-v` each step.
pub fn start_log(format: LogFormat, verbose: u8) {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let log = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(format!("off,parution={level}")))
        .with_writer(|| LogLines)
        .with_target(false)
        .with_span_events(FmtSpan::NONE);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}
