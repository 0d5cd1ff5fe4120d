-- A user is one row: state is all that the next command needs (read/user_state.rs), due_at is when a registration of the
-- user is to be forgotten. What is left of the other tables is what is unique or searched for. A row is long now, so it is
-- kept by its number, beside an index that stays short.
CREATE TABLE stream_with_state (
    instance   TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    seq        INTEGER NOT NULL,
    last_pos   INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    first_pos  INTEGER NOT NULL,
    due_at     INTEGER,
    state      BLOB,
    PRIMARY KEY (instance, kind, id)
) STRICT;
INSERT INTO stream_with_state (instance, kind, id, seq, last_pos, created_at, changed_at, first_pos)
    SELECT instance, kind, id, seq, last_pos, created_at, changed_at, first_pos FROM stream ORDER BY first_pos;
DROP TABLE stream;
ALTER TABLE stream_with_state RENAME TO stream;
CREATE INDEX stream_due ON stream (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE users_to_search (
    instance   TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    org        TEXT    NOT NULL,
    active     INTEGER NOT NULL,
    locked     INTEGER NOT NULL,
    schema     TEXT,
    phone      TEXT,
    email_key  TEXT,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (instance, id)
) STRICT, WITHOUT ROWID;
INSERT INTO users_to_search (instance, id, org, active, locked, schema, phone, email_key, created_at)
    SELECT instance, id, org, active, locked, schema, phone, email_key, created_at FROM users;
DROP TABLE users;
ALTER TABLE users_to_search RENAME TO users;
CREATE INDEX users_schema ON users (instance, schema) WHERE schema IS NOT NULL;
CREATE INDEX users_created ON users (instance, created_at, id);
CREATE INDEX users_org_created ON users (instance, org, created_at, id);
CREATE INDEX users_email ON users (instance, email_key) WHERE email_key IS NOT NULL;
CREATE INDEX users_phone ON users (instance, phone) WHERE phone IS NOT NULL;

CREATE TABLE webauthn_credential (
    instance      TEXT NOT NULL,
    user_id       TEXT NOT NULL,
    id            TEXT NOT NULL,
    credential_id TEXT NOT NULL,
    PRIMARY KEY (instance, user_id, id)
) STRICT, WITHOUT ROWID;
INSERT INTO webauthn_credential (instance, user_id, id, credential_id)
    SELECT instance, user_id, id, credential_id FROM webauthn_factor WHERE credential_id IS NOT NULL;
CREATE UNIQUE INDEX webauthn_credential_unique ON webauthn_credential (instance, credential_id);

DROP TABLE webauthn_factor;
DROP TABLE webauthn_link;
DROP TABLE otp_factor;
DROP TABLE totp_factor;
DROP TABLE user_password;
ALTER TABLE username DROP COLUMN name;
ALTER TABLE username DROP COLUMN added_at;
ALTER TABLE idp_link DROP COLUMN external_name;
ALTER TABLE idp_link DROP COLUMN added_at;

-- The states of users who are there already follow from the log.
INSERT INTO meta (name, value) SELECT 'states to fold', x'' WHERE EXISTS (SELECT 1 FROM users);

ANALYZE sqlite_schema;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('users', 'users', '1000000 1000000 1'),
    ('users', 'users_created', '1000000 1000000 2 1'),
    ('users', 'users_org_created', '1000000 1000000 100000 2 1'),
    ('users', 'users_schema', '500000 500000 50000 1'),
    ('users', 'users_email', '1000000 1000000 2 1'),
    ('users', 'users_phone', '1000000 1000000 2 1');
ANALYZE sqlite_schema;
