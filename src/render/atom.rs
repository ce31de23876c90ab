//! Atom 1.0 (RFC 4287).
