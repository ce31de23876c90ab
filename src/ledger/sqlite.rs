//! The ledger in one SQLite file beside the site.
