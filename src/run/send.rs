//! Cuts and delivers by hand.
