//! The digest as HTML, plain text and subject, from articles chosen and images prepared.
