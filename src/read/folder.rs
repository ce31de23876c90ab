//! Walks the site's folder and opens its files; nothing outside it is ever followed.
