//! The few Liquid tags that articles use; anything else is removed and reported.
