//! Cuts the next digest.
