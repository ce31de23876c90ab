//! From files to articles: front matter, kramdown, sanitised HTML, chapeau, images, addresses.

pub mod chapeau;
pub mod folder;
pub mod front_matter;
pub mod images;
pub mod kramdown;
pub mod lint;
pub mod liquid;
pub mod markdown;
pub mod permalink;
pub mod pictures;
pub mod roster;
pub mod sanitise;
pub mod site_config;
pub mod words;
