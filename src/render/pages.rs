//! The pages of the service: subscribe, confirm, preferences, leave, archive.
