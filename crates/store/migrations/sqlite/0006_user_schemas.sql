-- User schemas. type_key: the type in the form that is unique. created_at and changed_at are those of the stream.
CREATE TABLE user_schema (
    instance       TEXT    NOT NULL,
    id             TEXT    NOT NULL,
    type           TEXT    NOT NULL,
    type_key       TEXT    NOT NULL,
    schema         TEXT    NOT NULL,
    authenticators TEXT    NOT NULL,
    active         INTEGER NOT NULL,
    revision       INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    changed_at     INTEGER NOT NULL,
    PRIMARY KEY (instance, id)
) STRICT, WITHOUT ROWID;

-- Who holds a type; a row of its own, so that taking one can fail without failing anybody else's commit.
CREATE TABLE user_schema_type (
    instance  TEXT NOT NULL,
    type_key  TEXT NOT NULL,
    schema_id TEXT NOT NULL,
    PRIMARY KEY (instance, type_key)
) STRICT, WITHOUT ROWID;

-- The revision of its schema that a user's data were last checked against.
ALTER TABLE users ADD COLUMN schema_revision INTEGER;
CREATE INDEX users_schema ON users (instance, schema) WHERE schema IS NOT NULL;
