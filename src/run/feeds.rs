//! Builds and publishes the feeds.
