//! Decodes, turns, resizes and re-encodes an image for a letter.
