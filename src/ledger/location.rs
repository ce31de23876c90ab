//! Where a ledger is, and how it is opened.

use std::fmt;
use std::path::PathBuf;

use super::postgres::{Address, PostgresLedger};
use super::sqlite::SqliteLedger;
use super::{Ledger, LedgerError, Opening};

/// A file beside the site, or a database that several machines share.
#[derive(Debug, Clone)]
pub enum Location {
    File(PathBuf),
    Postgres(Box<Address>),
}

impl Location {
    /// `postgres://…` is a database, anything else a path.
    ///
    /// # Errors
    /// Says what is wrong with the address of a database; never repeats its password.
    pub fn parse(text: &str) -> Result<Self, String> {
        if ["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme)) {
            return Ok(Self::Postgres(Box::new(Address::parse(text)?)));
        }
        Ok(Self::File(PathBuf::from(text)))
    }
}

impl fmt::Display for Location {
    /// A path, or `host/database`; never a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Postgres(address) => address.fmt(f),
        }
    }
}

/// Opens the ledger at a location, or makes it there.
///
/// # Errors
/// As [`SqliteLedger::open`] and [`PostgresLedger::open`].
pub fn open(location: &Location, opening: &Opening) -> Result<Box<dyn Ledger>, LedgerError> {
    Ok(match location {
        Location::File(path) => Box::new(SqliteLedger::open(path, opening)?),
        Location::Postgres(address) => Box::new(PostgresLedger::open(address, opening)?),
    })
}
