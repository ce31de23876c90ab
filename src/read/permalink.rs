//! URLs as Jekyll makes them.
