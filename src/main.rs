//! argv, environment, clock, terminal, exit code: a match.

fn main() {}
