//! Feeds to disk: self-check, temporary file, fsync, rename, only if the octets differ.
