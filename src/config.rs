//! `parution.yml`, `_config.yml` and the environment, checked once.
