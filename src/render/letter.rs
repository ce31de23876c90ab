//! The MIME message: composed once for an edition, filled for each reader.
