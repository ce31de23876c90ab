//! Brings a cut digest to everyone, once.
