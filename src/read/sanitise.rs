//! The allow-list every fragment of HTML passes last.
