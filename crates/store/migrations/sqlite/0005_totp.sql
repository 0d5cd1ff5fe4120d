-- secret: sealed so that it opens for this row only. last_step: time step of the last code that was accepted; NULL while the
-- registration waits. stale_at: when a waiting registration is forgotten.
CREATE TABLE totp_factor (
    instance  TEXT    NOT NULL,
    user_id   TEXT    NOT NULL,
    id        TEXT    NOT NULL,
    secret    TEXT    NOT NULL,
    last_step INTEGER,
    stale_at  INTEGER,
    added_at  INTEGER NOT NULL,
    PRIMARY KEY (instance, user_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX totp_factor_stale ON totp_factor (stale_at) WHERE stale_at IS NOT NULL;
