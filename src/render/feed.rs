//! The entries common to all feed formats.
