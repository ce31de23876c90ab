//! A word owed to a WebSub hub.

use url::Url;

/// That a feed has changed, to be told to a hub (WebSub, W3C Recommendation, section 7).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ping {
    pub hub: Url,
    /// The feed's own address.
    pub topic: Url,
}
