//! The standfirst: the key chain, then `<!--more-->`, then the first paragraph.
