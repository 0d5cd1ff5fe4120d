-- scope: the organization in which the name is unique; '' for the whole instance. canonical: the one form of the name.
CREATE TABLE username (
    instance  TEXT    NOT NULL,
    user_id   TEXT    NOT NULL,
    id        TEXT    NOT NULL,
    scope     TEXT    NOT NULL,
    canonical TEXT    NOT NULL,
    name      TEXT    NOT NULL,
    added_at  INTEGER NOT NULL,
    PRIMARY KEY (instance, user_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX username_unique ON username (instance, scope, canonical);
