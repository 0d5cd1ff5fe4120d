-- Messages in the order of their capture: id is given within the commit, last is the greatest that was given, and what the
-- outbox called the message says whether it was captured before.
CREATE TABLE inbox_message_by_capture (
    instance   TEXT    NOT NULL,
    id         INTEGER NOT NULL,
    outbox_id  INTEGER NOT NULL,
    user_id    TEXT    NOT NULL,
    recipient  BLOB    NOT NULL,
    sealed     BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (instance, id)
) STRICT, WITHOUT ROWID;
INSERT INTO inbox_message_by_capture (instance, id, outbox_id, user_id, recipient, sealed, created_at)
    SELECT instance, CAST(id AS INTEGER), CAST(id AS INTEGER), user_id, recipient, sealed, created_at FROM inbox_message;
DROP TABLE inbox_message;
ALTER TABLE inbox_message_by_capture RENAME TO inbox_message;
CREATE UNIQUE INDEX inbox_outbox ON inbox_message (instance, outbox_id);
CREATE INDEX inbox_recipient ON inbox_message (instance, recipient, id);

CREATE TABLE inbox_order (
    instance TEXT    NOT NULL PRIMARY KEY,
    last     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
