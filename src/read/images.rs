//! Which images an article has, and what their first octets say.
