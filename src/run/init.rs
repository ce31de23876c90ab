//! Writes a `parution.yml` for this site.
