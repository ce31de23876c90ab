//! The words that readers see, one file a language.
