-- The first shape of the ledger in PostgreSQL. Migrations only grow: this file never changes again.
-- Times are milliseconds since 1970, UTC. The tables are those of SQLite; see there for more words.

-- Leases follow this clock, the same for every machine.
CREATE FUNCTION clock_ms() RETURNS BIGINT LANGUAGE SQL VOLATILE
    AS $$ SELECT (extract(epoch FROM clock_timestamp()) * 1000)::BIGINT $$;

CREATE SEQUENCE claim_token;

CREATE TABLE ledger (
    only_row     BOOLEAN PRIMARY KEY CHECK (only_row),
    version      BIGINT  NOT NULL,
    key          BYTEA   NOT NULL CHECK (length(key) = 32),
    made_at      BIGINT  NOT NULL,
    baseline_at  BIGINT,
    last_run_at  BIGINT
);

CREATE TABLE article (
    guid         TEXT    PRIMARY KEY,
    id           TEXT    NOT NULL,
    source       TEXT    NOT NULL,
    collection   TEXT    NOT NULL,
    published    BIGINT,
    title        TEXT    NOT NULL,
    fingerprint  BIGINT  NOT NULL,
    announced_at BIGINT,
    gone         BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE INDEX article_by_id ON article (id);

CREATE TABLE told_problem (
    problem      TEXT    PRIMARY KEY
);

CREATE TABLE digest (
    id           BIGSERIAL PRIMARY KEY,
    manual_name  TEXT    UNIQUE,
    cut_at       BIGINT  NOT NULL,
    paused_until BIGINT,
    pause_reason TEXT
);

CREATE TABLE digest_article (
    digest       BIGINT  NOT NULL REFERENCES digest,
    position     BIGINT  NOT NULL,
    article      TEXT    NOT NULL,
    guid         TEXT    NOT NULL REFERENCES article,
    scheduled    BOOLEAN NOT NULL,
    PRIMARY KEY (digest, position)
);
CREATE UNIQUE INDEX announced_once ON digest_article (guid) WHERE scheduled;

CREATE TABLE edition (
    digest       BIGINT  NOT NULL REFERENCES digest,
    number       BIGINT  NOT NULL,
    language     TEXT    NOT NULL,
    articles     TEXT    NOT NULL,
    subject      TEXT    NOT NULL,
    html         TEXT    NOT NULL,
    text         TEXT    NOT NULL,
    mold         BYTEA   NOT NULL,
    PRIMARY KEY (digest, number)
);

CREATE TABLE subscriber (
    id           BIGSERIAL PRIMARY KEY,
    email        TEXT    NOT NULL,
    email_key    TEXT    NOT NULL UNIQUE,
    domain       TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    language     TEXT    NOT NULL,
    topics       TEXT    NOT NULL,
    frequency    TEXT    NOT NULL CHECK (frequency IN ('every', 'monthly')),
    standing     TEXT    NOT NULL
        CHECK (standing IN ('pending', 'confirmed', 'left', 'bouncing', 'complained')),
    standing_at  BIGINT  NOT NULL,
    asked_at     BIGINT,
    confirmed_at BIGINT,
    origin       TEXT    NOT NULL,
    consent_text TEXT    NOT NULL,
    token_hash   BYTEA   UNIQUE,
    soft_bounces BIGINT  NOT NULL DEFAULT 0,
    soft_digest  BIGINT,
    noticed_at   BIGINT,
    forgotten_at BIGINT
);

CREATE TABLE delivery (
    digest       BIGINT  NOT NULL,
    subscriber   BIGINT  NOT NULL REFERENCES subscriber,
    edition      BIGINT  NOT NULL,
    state        TEXT    NOT NULL
        CHECK (state IN ('waiting', 'claimed', 'sending', 'sent', 'refused', 'left', 'in doubt')),
    attempts     BIGINT  NOT NULL DEFAULT 0,
    doubts       BIGINT  NOT NULL DEFAULT 0,
    due_at       BIGINT  NOT NULL,
    worker       TEXT,
    token        BIGINT,
    at           BIGINT,
    reply        TEXT,
    PRIMARY KEY (digest, subscriber),
    FOREIGN KEY (digest, edition) REFERENCES edition
);
CREATE INDEX delivery_open ON delivery (state, digest, due_at, subscriber)
    WHERE state IN ('waiting', 'claimed', 'sending');
CREATE INDEX delivery_of_subscriber ON delivery (subscriber);

CREATE TABLE feed_text (
    guid         TEXT    PRIMARY KEY,
    hash         TEXT    NOT NULL,
    updated      BIGINT  NOT NULL
);

CREATE TABLE hub_ping (
    hub          TEXT    NOT NULL,
    topic        TEXT    NOT NULL,
    PRIMARY KEY (hub, topic)
);

CREATE TABLE link (
    token_hash   BYTEA   PRIMARY KEY,
    subscriber   BIGINT  NOT NULL REFERENCES subscriber ON DELETE CASCADE,
    purpose      TEXT    NOT NULL CHECK (purpose IN ('confirm', 'erase')),
    asked_at     BIGINT  NOT NULL,
    expires_at   BIGINT  NOT NULL,
    language     TEXT    NOT NULL DEFAULT '',
    topics       TEXT    NOT NULL DEFAULT '',
    frequency    TEXT    NOT NULL DEFAULT 'every',
    origin       TEXT    NOT NULL DEFAULT '',
    consent_text TEXT    NOT NULL DEFAULT ''
);
CREATE INDEX link_of_subscriber ON link (subscriber);

CREATE TABLE barred (
    fingerprint  BYTEA   PRIMARY KEY,
    at           BIGINT  NOT NULL,
    reason       TEXT    NOT NULL CHECK (reason IN ('forgotten', 'suppressed'))
);

CREATE TABLE history (
    id           BIGSERIAL PRIMARY KEY,
    subscriber   BIGINT  NOT NULL REFERENCES subscriber ON DELETE CASCADE,
    at           BIGINT  NOT NULL,
    event        TEXT    NOT NULL,
    detail       TEXT    NOT NULL
);
CREATE INDEX history_of_subscriber ON history (subscriber);
