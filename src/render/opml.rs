//! An OPML list of all feeds, and the tags that let browsers discover them.
