//! The YAML block of an article, and the nouns it becomes.
