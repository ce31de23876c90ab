//! Verbs about subscribers: the list of readers.

use std::ops::ControlFlow;

use chrono::{DateTime, Utc};

use super::LedgerError;
use crate::domain::{Consent, EmailAddress, Frequency, Language, Standing, Subscriber, SubscriberId};

/// The list of readers. Rows are few columns wide and millions long: nothing here returns them all.
pub trait Subscribers {
    /// Adds a reader, or says that the address is on the list already; an existing row is left as
    /// it is, above all its standing.
    fn add_subscriber(&mut self, new: &NewSubscriber, now: DateTime<Utc>) -> Result<Added, LedgerError>;

    /// The reader of an address, however it is spelt.
    fn subscriber(&mut self, email: &EmailAddress) -> Result<Option<Subscriber>, LedgerError>;

    /// Changes a reader's standing; deliveries that are still open close when their turn comes.
    fn set_standing(
        &mut self,
        subscriber: SubscriberId,
        standing: Standing,
        now: DateTime<Utc>,
    ) -> Result<(), LedgerError>;

    /// Shows every reader in the order of joining, until the visitor has seen enough.
    fn each_subscriber(
        &mut self,
        visit: &mut dyn FnMut(&Subscriber) -> ControlFlow<()>,
    ) -> Result<(), LedgerError>;

    /// How many readers get letters.
    fn confirmed(&mut self) -> Result<u64, LedgerError>;
}

/// A reader who is not on the list yet.
#[derive(Debug, Clone, PartialEq)]
pub struct NewSubscriber {
    pub email: EmailAddress,
    pub name: String,
    pub language: Option<Language>,
    pub topics: Vec<String>,
    pub frequency: Frequency,
    pub standing: Standing,
    pub consent: Consent,
}

/// What became of an addition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    New(SubscriberId),
    Known(SubscriberId, Standing),
}
