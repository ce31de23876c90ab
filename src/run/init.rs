//! Writes a `parution.yml` for this site: every setting, commented out, with its default.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;

use super::{Ending, Fault};

/// Every setting with its default or an example, each behind `#:`.
pub const REFERENCE: &str = include_str!("../../templates/parution.yml");

/// Writes the reference to `file`, which must not exist yet.
///
/// # Errors
/// When it exists or cannot be written.
pub fn init(file: &Path, out: &mut dyn Write) -> Result<Ending, Fault> {
    let fault = |error: std::io::Error| match error.kind() {
        ErrorKind::AlreadyExists => Fault(format!("{} exists already; it is left as it is", file.display())),
        _ => Fault(format!("{}: {error}", file.display())),
    };
    let mut settings = OpenOptions::new().write(true).create_new(true).open(file).map_err(fault)?;
    settings.write_all(REFERENCE.as_bytes()).and_then(|()| settings.sync_all()).map_err(fault)?;
    writeln!(out, "{} written: every setting is in it, commented out", file.display())?;
    Ok(Ending::Done)
}
