//! Reads returned mail and complaints.
