//! Verbs about membership: coming in by consent or by a list, choosing, leaving, being forgotten.

use std::collections::HashMap;
use std::ops::ControlFlow;

use chrono::{DateTime, Duration, Utc};

use super::digests::{topics_from_text, topics_to_text};
use super::{ImportSource, LedgerError, LedgerKey, NewSubscriber, Subscribers};
use crate::domain::{
    Consent, DigestId, EmailAddress, Frequency, Language, Standing, StandingEvent, Subscriber, SubscriberId,
};

/// A link that was sent to a mailbox works for so long, and once.
pub const LINK_LIFE: Duration = Duration::hours(48);

/// The service writes to one mailbox no more often than this, whatever is asked for it.
pub const BETWEEN_NOTICES: Duration = Duration::hours(1);

/// Who asked and never confirmed is deleted after this long: nobody consented to be kept.
pub const UNCONFIRMED_LIFE: Duration = Duration::days(30);

/// The purpose of the token in every letter: leaving and choosing. It does not expire.
pub const LEAVE: &str = "unsubscribe";

/// Membership of the list.
pub trait Membership: Subscribers {
    /// Adds or restricts people in one transaction. A dry run looks and writes nothing. When the
    /// source gives up, nothing of the list is kept, and the answer is `false`.
    fn import(
        &mut self,
        source: &mut dyn ImportSource,
        dry_run: bool,
        now: DateTime<Utc>,
    ) -> Result<bool, LedgerError>;

    /// Someone asks on a form to be sent the letter. Nothing changes for who is known; a link to
    /// confirm with goes to the mailbox, at most one an hour.
    fn ask_to_join(&mut self, asking: &Asking, now: DateTime<Utc>) -> Result<Asked, LedgerError>;

    /// The link was used: from now on the person is confirmed, whatever they were before, with what
    /// they chose on the form. `None` when the link is unknown, used or too old.
    fn confirm(&mut self, token: &str, now: DateTime<Utc>) -> Result<Option<Subscriber>, LedgerError>;

    /// Takes the reader with this token of a letter off the list; does nothing the second time.
    /// `None` for a token that nobody has.
    fn leave(
        &mut self,
        token: &str,
        how: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<SubscriberId>, LedgerError>;

    /// The reader with this token of a letter.
    fn holder(&mut self, token: &str) -> Result<Option<Subscriber>, LedgerError>;

    /// What a reader wants from now on.
    fn choose(
        &mut self,
        subscriber: SubscriberId,
        choice: &Choice,
        now: DateTime<Utc>,
    ) -> Result<(), LedgerError>;

    /// Whether the service may write to this reader now; if so, the hour begins.
    fn may_write(&mut self, subscriber: SubscriberId, now: DateTime<Utc>) -> Result<bool, LedgerError>;

    /// A link that erases, for the mailbox alone.
    fn ask_to_erase(&mut self, subscriber: SubscriberId, now: DateTime<Utc>) -> Result<String, LedgerError>;

    /// The link was used: forgets the person. `false` when it is unknown, used or too old.
    fn erase(&mut self, token: &str, now: DateTime<Utc>) -> Result<bool, LedgerError>;

    /// Changes a standing by what happened, and writes down how. Says what it is now.
    fn note(
        &mut self,
        subscriber: SubscriberId,
        event: StandingEvent,
        how: &str,
        now: DateTime<Utc>,
    ) -> Result<Standing, LedgerError>;

    /// Erases all that is known of an address but a keyed fingerprint, by which no list can bring it
    /// back. Works for addresses never seen. Says whether anything was known.
    fn forget(&mut self, email: &EmailAddress, now: DateTime<Utc>) -> Result<bool, LedgerError>;

    /// Never writes to this address again, whatever any list or form says.
    fn suppress(&mut self, email: &EmailAddress, now: DateTime<Utc>) -> Result<(), LedgerError>;

    /// Ends a suppression or a forgetting; says whether there was one. The standing stays.
    fn lift(&mut self, email: &EmailAddress) -> Result<bool, LedgerError>;

    /// Why nothing may bring this address in, if something says so.
    fn barred(&mut self, email: &EmailAddress) -> Result<Option<Barred>, LedgerError>;

    /// Shows the readers that a filter lets through, in the order of joining.
    fn list(
        &mut self,
        filter: &Filter,
        visit: &mut dyn FnMut(&Subscriber) -> ControlFlow<()>,
    ) -> Result<(), LedgerError>;

    /// What happened to one person, the oldest first.
    fn history(&mut self, subscriber: SubscriberId) -> Result<Vec<HistoryEntry>, LedgerError>;

    /// The list in numbers: no opens, no clicks.
    fn figures(&mut self) -> Result<Figures, LedgerError>;

    /// The token of the letters of one reader: the key to leaving and choosing.
    fn letter_token(&self, subscriber: SubscriberId) -> String;

    /// The name of a letter that the service writes by itself: its Message-ID, its file.
    fn notice_name(&self, subscriber: SubscriberId, now: DateTime<Utc>) -> String;

    /// The digests that were cut, the latest first.
    fn archive(&mut self, limit: usize) -> Result<Vec<ArchivedDigest>, LedgerError>;

    /// The page of one digest, its fullest edition, in this language if there is one.
    fn archived(&mut self, digest: DigestId, language: &str) -> Result<Option<String>, LedgerError>;

    /// Deletes what nobody consented to be kept: requests whose link is dead, people who never
    /// confirmed. Says how many people.
    fn tidy_up(&mut self, now: DateTime<Utc>) -> Result<u64, LedgerError>;
}

/// What someone filled into the form.
#[derive(Debug, Clone, PartialEq)]
pub struct Asking {
    pub email: EmailAddress,
    pub choice: Choice,
    /// `form`, and the client address.
    pub origin: String,
    /// The text agreed to, with its version.
    pub consent_text: String,
}

/// What a reader can choose.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Choice {
    pub language: Option<Language>,
    pub topics: Vec<String>,
    pub frequency: Frequency,
}

/// What to write to someone who asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    /// The link to confirm with.
    Confirm { subscriber: SubscriberId, token: String },
    /// Gets the letter already: the token of the letters.
    Already { subscriber: SubscriberId, token: String },
    /// Nothing: a letter left within the hour, or the address is suppressed.
    Nothing,
}

/// Why an address stays out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Barred {
    /// The person asked to be forgotten; their own new consent undoes it.
    Forgotten,
    /// An operator's decision; only `lift` undoes it.
    Suppressed,
}

/// Which readers to show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub standing: Option<Standing>,
    /// Chose this topic.
    pub topic: Option<String>,
    /// Part of the address, in any case.
    pub part: Option<String>,
    /// How they came, as [`Consent::origin`] begins.
    pub origin: Option<String>,
    pub since: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
}

/// One line of the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivedDigest {
    pub id: DigestId,
    pub cut_at: DateTime<Utc>,
    pub subject: String,
    /// The plain text of its fullest edition.
    pub text: String,
}

/// One event of a person's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    pub at: DateTime<Utc>,
    /// A word: `asked`, `confirmed`, `left`, `chose`, `digest`…
    pub event: String,
    pub detail: String,
}

/// The list in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    pub by_standing: Vec<(Standing, u64)>,
    /// Confirmed readers who chose this topic; who chose none gets all and is not counted here.
    pub by_topic: Vec<(String, u64)>,
    /// Confirmed readers; `""` is the site's language.
    pub by_language: Vec<(String, u64)>,
    /// Calendar months in UTC, the latest first: who came, who went.
    pub by_month: Vec<(String, u64, u64)>,
    /// Addresses that nothing may bring in.
    pub barred: u64,
}

/// A token for one purpose and one moment.
pub(super) fn link_token(key: &LedgerKey, purpose: &str, id: SubscriberId, now: DateTime<Utc>) -> String {
    key.subscriber_token(&format!("{purpose} {}", now.timestamp_micros()), id)
}

/// The person whom a form announces.
pub(super) fn pending(asking: &Asking, now: DateTime<Utc>) -> NewSubscriber {
    NewSubscriber {
        email: asking.email.clone(),
        name: String::new(),
        language: asking.choice.language.clone(),
        topics: asking.choice.topics.clone(),
        frequency: asking.choice.frequency,
        standing: Standing::Pending,
        consent: Consent {
            asked_at: Some(now),
            confirmed_at: None,
            origin: asking.origin.clone(),
            text: asking.consent_text.clone(),
        },
    }
}

/// A choice as it stands in a person's history.
pub(super) fn choice_in_words(choice: &Choice) -> String {
    let topics = topics_to_text(&choice.topics);
    let topics = if topics.is_empty() { "everything".to_owned() } else { topics.replace('\n', ", ") };
    let language = choice.language.as_ref().map_or("", Language::tag);
    format!("{topics}; {} {language}", choice.frequency.word())
}

/// People by topic, the most wanted first, from what was counted for each set of topics.
pub(super) fn by_topic(sets: impl IntoIterator<Item = (String, u64)>) -> Vec<(String, u64)> {
    let mut topics: HashMap<String, u64> = HashMap::new();
    for (set, people) in sets {
        for topic in topics_from_text(&set) {
            *topics.entry(topic).or_default() += people;
        }
    }
    let mut topics: Vec<_> = topics.into_iter().collect();
    topics.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    topics
}
