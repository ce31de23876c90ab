//! One file a command: each puts the steps in order and holds nothing else.

pub mod bounces;
pub mod check;
pub mod deliver;
pub mod digest;
pub mod feeds;
pub mod init;
pub mod preview;
pub mod send;
pub mod serve;
pub mod status;
pub mod subscribers;
