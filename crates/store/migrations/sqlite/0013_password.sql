-- The password of a user and a reset that waits for its code; either can be absent.
-- hash: sealed for this user. reset_code: the issued code as JSON. reset_via: the contact that it was sent to.
CREATE TABLE user_password (
    instance        TEXT    NOT NULL,
    user_id         TEXT    NOT NULL,
    hash            TEXT,
    change_required INTEGER NOT NULL,
    changed_at      INTEGER,
    reset_code      TEXT,
    reset_via       TEXT,
    PRIMARY KEY (instance, user_id)
) STRICT, WITHOUT ROWID;
