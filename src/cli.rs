//! The command line: argv to a value, no behaviour.
