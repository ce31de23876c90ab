-- Membership: links that work once, addresses that stay out, and what happened to each person.

-- A link sent to a mailbox. Only the SHA-256 of its token is here.
CREATE TABLE link (
    token_hash   BLOB    PRIMARY KEY,
    subscriber   INTEGER NOT NULL REFERENCES subscriber ON DELETE CASCADE,
    purpose      TEXT    NOT NULL CHECK (purpose IN ('confirm', 'erase')),
    asked_at     INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    -- What was chosen on the form; takes effect when the link is used.
    language     TEXT    NOT NULL DEFAULT '',
    topics       TEXT    NOT NULL DEFAULT '',
    frequency    TEXT    NOT NULL DEFAULT 'every',
    origin       TEXT    NOT NULL DEFAULT '',
    consent_text TEXT    NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX link_of_subscriber ON link (subscriber);

-- Addresses that nothing may bring in, as keyed fingerprints: they outlive the rows they were.
CREATE TABLE barred (
    fingerprint  BLOB    PRIMARY KEY,
    at           INTEGER NOT NULL,
    reason       TEXT    NOT NULL CHECK (reason IN ('forgotten', 'suppressed'))
) WITHOUT ROWID;

CREATE TABLE history (
    id           INTEGER PRIMARY KEY,
    subscriber   INTEGER NOT NULL REFERENCES subscriber ON DELETE CASCADE,
    at           INTEGER NOT NULL,
    event        TEXT    NOT NULL,
    detail       TEXT    NOT NULL
);
CREATE INDEX history_of_subscriber ON history (subscriber);

-- When the service last wrote to this mailbox by itself.
ALTER TABLE subscriber ADD COLUMN noticed_at INTEGER;
-- A forgotten person's row stays as an empty shell, so that the tallies of past digests stay true.
ALTER TABLE subscriber ADD COLUMN forgotten_at INTEGER;
