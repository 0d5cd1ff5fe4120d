-- What the operation needs and no history tells: budgets, messages on their way, the built-in inbox, the key's check.
CREATE TABLE guess_budget (
    instance    TEXT    NOT NULL,
    user_id     TEXT    NOT NULL,
    subject     BLOB    NOT NULL,
    since       INTEGER NOT NULL,
    failures    INTEGER NOT NULL,
    PRIMARY KEY (instance, user_id, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX guess_budget_since ON guess_budget (since);

-- subject: keyed hash of a destination or a user; times: sends of the last day, oldest first, as JSON; last_at: the last.
CREATE TABLE send_budget (
    instance TEXT    NOT NULL,
    subject  BLOB    NOT NULL,
    version  INTEGER NOT NULL,
    times    TEXT    NOT NULL,
    last_at  INTEGER NOT NULL,
    PRIMARY KEY (instance, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX send_budget_last ON send_budget (last_at);

-- One row per message that is still to be sent; a new code for the same subject takes the place of the old one.
-- sealed: the message, encrypted and bound to this row. lease: who is sending it now, until leased_until.
CREATE TABLE outbox (
    id           TEXT    NOT NULL PRIMARY KEY,
    instance     TEXT    NOT NULL,
    user_id      TEXT    NOT NULL,
    subject      BLOB    NOT NULL,
    sealed       BLOB    NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    next_at      INTEGER NOT NULL,
    attempts     INTEGER NOT NULL,
    lease        TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX outbox_subject ON outbox (instance, user_id, subject);
CREATE INDEX outbox_next ON outbox (next_at);

CREATE TABLE inbox_message (
    id         TEXT    NOT NULL,
    instance   TEXT    NOT NULL,
    user_id    TEXT    NOT NULL,
    recipient  BLOB    NOT NULL,
    sealed     BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (instance, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX inbox_recipient ON inbox_message (instance, recipient, id);

CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
