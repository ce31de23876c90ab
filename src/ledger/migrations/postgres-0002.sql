-- What a ledger of many years must not have to count or learn again.

-- The counts of a digest once all its letters are closed well (sent, refused, left). NULL: some are
-- open or in doubt, or nobody has counted yet.
ALTER TABLE digest
    ADD COLUMN closed_at      BIGINT,
    ADD COLUMN closed_sent    BIGINT,
    ADD COLUMN closed_refused BIGINT,
    ADD COLUMN closed_left    BIGINT;
CREATE INDEX delivery_in_doubt ON delivery (digest) WHERE state = 'in doubt';

-- The pace, in letters a second for all workers, that complaints of a server have left.
ALTER TABLE ledger
    ADD COLUMN brake    DOUBLE PRECISION,
    ADD COLUMN brake_at BIGINT;
