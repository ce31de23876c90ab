-- What feeds need: the words of each entry as readers last saw them, and pings that hubs are owed.

CREATE TABLE feed_text (
    guid    TEXT    PRIMARY KEY,
    hash    TEXT    NOT NULL,   -- of its words without their markup
    updated INTEGER NOT NULL    -- the date of revision that readers were given for them
) WITHOUT ROWID;

CREATE TABLE hub_ping (
    hub   TEXT NOT NULL,
    topic TEXT NOT NULL,
    PRIMARY KEY (hub, topic)
) WITHOUT ROWID;
