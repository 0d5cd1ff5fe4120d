-- Identity providers. name_key: the name in the form that ignores case. secret: sealed so that it
-- opens for this row only. created_at is that of the stream.
CREATE TABLE idp (
    instance   TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    name_key   TEXT    NOT NULL,
    options    TEXT    NOT NULL,
    settings   TEXT    NOT NULL,
    secret     TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (instance, id)
) STRICT, WITHOUT ROWID;
