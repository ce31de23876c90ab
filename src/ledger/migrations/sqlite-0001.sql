-- The first shape of the ledger. Migrations only grow: this file never changes again.
-- Times are milliseconds since 1970, UTC.

CREATE TABLE ledger (
    only_row     INTEGER PRIMARY KEY CHECK (only_row = 1),
    key          BLOB    NOT NULL CHECK (length(key) = 32),
    made_at      INTEGER NOT NULL,
    machine      TEXT    NOT NULL,  -- the machine that used it last; another must adopt it
    baseline_at  INTEGER,
    last_run_at  INTEGER,
    last_token   INTEGER NOT NULL DEFAULT 0
);

-- Every article ever seen. The guid is its identity; the rest is where it was last seen.
CREATE TABLE article (
    guid         TEXT    PRIMARY KEY,
    id           TEXT    NOT NULL,
    source       TEXT    NOT NULL,
    collection   TEXT    NOT NULL,
    published    INTEGER,
    title        TEXT    NOT NULL,
    fingerprint  INTEGER NOT NULL,
    announced_at INTEGER,
    gone         INTEGER NOT NULL DEFAULT 0 -- its path was not in the last scan
) WITHOUT ROWID;
CREATE INDEX article_by_id ON article (id);

-- What was wrong with the site when it was last read, so that each problem is reported once.
CREATE TABLE told_problem (
    problem TEXT PRIMARY KEY
) WITHOUT ROWID;

CREATE TABLE digest (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    manual_name  TEXT    UNIQUE,    -- NULL for a scheduled digest
    cut_at       INTEGER NOT NULL,
    paused_until INTEGER,
    pause_reason TEXT
);

CREATE TABLE digest_article (
    digest       INTEGER NOT NULL REFERENCES digest,
    position     INTEGER NOT NULL,
    article      TEXT    NOT NULL,  -- its permalink path on the day of the cut
    guid         TEXT    NOT NULL REFERENCES article,
    scheduled    INTEGER NOT NULL,
    PRIMARY KEY (digest, position)
) WITHOUT ROWID;
-- An article enters one scheduled digest only, even if two runs overlap.
CREATE UNIQUE INDEX announced_once ON digest_article (guid) WHERE scheduled;

CREATE TABLE edition (
    digest       INTEGER NOT NULL REFERENCES digest,
    number       INTEGER NOT NULL,
    language     TEXT    NOT NULL,
    articles     TEXT    NOT NULL,  -- permalink paths, one a line
    subject      TEXT    NOT NULL,
    html         TEXT    NOT NULL,
    text         TEXT    NOT NULL,
    mold         BLOB    NOT NULL,
    PRIMARY KEY (digest, number)
);

CREATE TABLE subscriber (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used twice: tokens derive from it
    email        TEXT    NOT NULL,
    email_key    TEXT    NOT NULL UNIQUE,            -- lower case: one row a mailbox
    domain       TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    language     TEXT    NOT NULL,                   -- '' is the site's
    topics       TEXT    NOT NULL,                   -- sorted, one a line; '' is everything
    frequency    TEXT    NOT NULL CHECK (frequency IN ('every', 'monthly')),
    standing     TEXT    NOT NULL
        CHECK (standing IN ('pending', 'confirmed', 'left', 'bouncing', 'complained')),
    standing_at  INTEGER NOT NULL,
    asked_at     INTEGER,
    confirmed_at INTEGER,
    origin       TEXT    NOT NULL,
    consent_text TEXT    NOT NULL,
    token_hash   BLOB    UNIQUE,                     -- SHA-256 of the unsubscribe token
    soft_bounces INTEGER NOT NULL DEFAULT 0,
    soft_digest  INTEGER                             -- the digest of the last soft bounce
);

CREATE TABLE delivery (
    digest       INTEGER NOT NULL,
    subscriber   INTEGER NOT NULL REFERENCES subscriber,
    edition      INTEGER NOT NULL,
    state        TEXT    NOT NULL
        CHECK (state IN ('waiting', 'claimed', 'sending', 'sent', 'refused', 'left', 'in doubt')),
    attempts     INTEGER NOT NULL DEFAULT 0,
    doubts       INTEGER NOT NULL DEFAULT 0,
    due_at       INTEGER NOT NULL,    -- waiting: not before; claimed, sending: when the lease ends
    worker       TEXT,
    token        INTEGER,
    at           INTEGER,             -- when the present state began
    reply        TEXT,                -- the server's last words
    PRIMARY KEY (digest, subscriber),
    FOREIGN KEY (digest, edition) REFERENCES edition
) WITHOUT ROWID;
-- What is open is what a run asks for; what is closed stays out of this index.
CREATE INDEX delivery_open ON delivery (state, digest, due_at, subscriber)
    WHERE state IN ('waiting', 'claimed', 'sending');
CREATE INDEX delivery_of_subscriber ON delivery (subscriber);
