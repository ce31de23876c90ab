//! Every problem of the site, with file, line and remedy.
