//! The block structure and attribute lists that kramdown adds to Markdown.
