//! `ledger:`: a file beside the site, or a PostgreSQL database.

use url::Url;

use super::{Environment, Place, Refusal};
use crate::ledger::Location;
use crate::ledger::postgres::Address;

/// The variable that holds the database's password.
pub const PASSWORD: &str = "PARUTION_LEDGER_PASSWORD";

/// Where the ledger is when nothing is said.
const DEFAULT: &str = ".parution/ledger.db";

pub(super) fn check(
    text: Option<&str>,
    place: &Place,
    environment: Environment,
) -> Result<Location, Refusal> {
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
        return Ok(Location::File(file));
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
    let address = Address::parse(text).map_err(|what| wrong(&what))?;
    Ok(Location::Postgres(Box::new(match environment(PASSWORD) {
        Some(password) => address.with_password(&password),
        None => address,
    })))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_ledger_is_a_file_or_a_database_without_its_password() {
        let place = Place { site: "site".into(), settings: None, here: "/here".into() };
        let read = |text| check(text, &place, &|_| Some("geheim".to_owned()));
        let path = |text| match read(text) {
            Ok(Location::File(path)) => path,
            other => panic!("{other:?}"),
        };
        assert_eq!(path(None), Path::new("/here/.parution/ledger.db"));
        assert_eq!(path(Some("/l.db")), Path::new("/l.db"));
        let database = read(Some("postgres://parution@localhost/parution")).unwrap();
        assert!(matches!(&database, Location::Postgres(address) if address.has_password()));
        assert!(!format!("{database:?}").contains("geheim"));
        for text in
            ["", "folder/", "mysql://a@b/c", "postgres://a:geheim@b/c", "postgres:///c?password=geheim"]
        {
            assert!(read(Some(text)).is_err_and(|e| !e.to_string().contains("geheim")), "{text}");
        }
    }
}
