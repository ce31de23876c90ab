//! The list of subscribers from the command line.
