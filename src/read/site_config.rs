//! `_config.yml`: the site, its collections and its defaults.
