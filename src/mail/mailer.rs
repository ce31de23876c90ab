//! Posts one letter: over SMTP, into a folder, or into memory.
