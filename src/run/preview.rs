//! Shows the next digest before anyone gets it.
