//! How fast letters may go, overall and for each recipient domain.
