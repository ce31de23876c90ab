//! Where every digest stands.
