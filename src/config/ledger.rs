//! `ledger:`: a file beside the site, or a PostgreSQL database.

use std::path::PathBuf;

use url::Url;

use super::{Environment, Place, Refusal};
use crate::mail::mailer::smtp::Secret;

/// The variable that holds the database's password.
pub const PASSWORD: &str = "PARUTION_LEDGER_PASSWORD";

/// Where the ledger is when nothing is said.
const DEFAULT: &str = ".parution/ledger.db";

/// Where the ledger is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerConfig {
    /// A SQLite file.
    File(PathBuf),
    /// `postgres://user@host/database`, without a password in it.
    Postgres { url: String, password: Option<Secret> },
}

pub(super) fn check(
    text: Option<&str>,
    place: &Place,
    environment: Environment,
) -> Result<LedgerConfig, Refusal> {
    let text = text.unwrap_or(DEFAULT);
    if !text.contains("://") {
        if text.trim().is_empty() || text.ends_with('/') {
            return Err(Refusal::of("ledger", "it names no file", "write .parution/ledger.db"));
        }
        let file = place.output(text);
        // Only the usual folder is made: a misspelt one would begin anew and forget every reader.
        if let Some(folder) = file.parent().filter(|folder| text != DEFAULT && !folder.is_dir()) {
            return Err(Refusal::of(
                "ledger",
                format!("the folder {} does not exist", folder.display()),
                "correct the path, or make the folder if the ledger shall begin anew there",
            ));
        }
        return Ok(LedgerConfig::File(file));
    }
    let wrong = |what: &str| Refusal::of("ledger", what, "write it as postgres://user@localhost/database");
    let url = Url::parse(text).map_err(|_| wrong("it is no address"))?;
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        return Err(wrong("only PostgreSQL and files can be ledgers"));
    }
    if url.password().is_some() || url.query_pairs().any(|(key, _)| key == "password") {
        return Err(Refusal::of(
            "ledger",
            "a password does not belong into the settings",
            format!("set {PASSWORD} in the environment"),
        ));
    }
    Ok(LedgerConfig::Postgres { url: text.to_owned(), password: environment(PASSWORD).map(Secret::new) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_is_a_file_or_a_database_without_its_password() {
        let place = Place { site: "site".into(), settings: None, here: "/here".into() };
        let read = |text| check(text, &place, &|_| Some("geheim".to_owned()));
        assert_eq!(read(None), Ok(LedgerConfig::File("/here/.parution/ledger.db".into())));
        assert_eq!(read(Some("/tmp/l.db")), Ok(LedgerConfig::File("/tmp/l.db".into())));
        let database = read(Some("postgres://parution@localhost/parution")).unwrap();
        assert!(matches!(&database, LedgerConfig::Postgres { password: Some(_), .. }));
        assert!(!format!("{database:?}").contains("geheim"));
        for text in
            ["", "folder/", "mysql://a@b/c", "postgres://a:geheim@b/c", "postgres:///c?password=geheim"]
        {
            assert!(read(Some(text)).is_err_and(|e| !e.to_string().contains("geheim")), "{text}");
        }
    }
}
