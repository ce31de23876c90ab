//! From a finished letter to a server's answer.

pub mod guard;
pub mod mailer;
pub mod outcome;
pub mod pace;
pub mod sign;
