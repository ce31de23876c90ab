//! What a stage and a reply mean.
