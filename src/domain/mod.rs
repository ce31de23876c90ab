//! Floor 0, the nouns: what an editor or a postmaster would name, and the decisions that need
//! nothing but values. No I/O, no clock, no serialisation, no knowledge of SQL, SMTP or XML.

mod article;
mod chapeau;
mod content;
mod delivery;
mod digest;
mod fingerprint;
mod html;
mod image;
mod known;
mod known_text;
mod language;
mod ping;
mod problem;
mod schedule;
mod segment;
mod site;
mod subscriber;

pub use article::{Article, ArticleId, Attachment, Event, Guid, Status};
pub use chapeau::{Chapeau, Origin};
pub use content::Content;
pub use delivery::{Bounce, Delivery, DeliveryState, Outcome, Tally};
pub use digest::{Digest, DigestId, Edition, InlineImage, Occasion};
pub use fingerprint::{fingerprint, likeness, near};
pub use html::Html;
pub use image::{Image, ImageFacts, ImageFormat, ImageSource, SitePath};
pub use known::KnownArticle;
pub use known_text::{KnownText, TextHash};
pub use language::Language;
pub use ping::Ping;
pub use problem::{Gravity, Problem};
pub use schedule::{Due, NotASchedule, Schedule};
pub use segment::{Segment, Wish, segments};
pub use site::{Collection, Site};
pub use subscriber::{
    Consent, EmailAddress, Frequency, NotAnAddress, Standing, StandingEvent, Subscriber, SubscriberId,
};
