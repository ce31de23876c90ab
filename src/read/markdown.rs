//! kramdown source to sanitised HTML with absolute URLs, and HTML to plain text.
