//! Which articles are newly published, and why each other one is not.
