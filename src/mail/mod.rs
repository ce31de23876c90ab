//! From a finished letter to a server's answer.

mod canonical;
pub mod guard;
pub mod keygen;
pub mod mailer;
pub mod outcome;
pub mod pace;
pub mod relays;
pub mod sign;
