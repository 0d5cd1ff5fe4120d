-- Read models: state rows that hold all that the next command needs. Written in the commit of their events; each could
-- be dropped and rebuilt from the log.
CREATE TABLE instance (
    id          TEXT    NOT NULL PRIMARY KEY,
    name        TEXT    NOT NULL,
    default_org TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE org (
    instance TEXT NOT NULL,
    id       TEXT NOT NULL,
    name     TEXT NOT NULL,
    domain   TEXT NOT NULL,
    PRIMARY KEY (instance, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX org_domain ON org (instance, domain);

CREATE TABLE users (
    instance       TEXT    NOT NULL,
    id             TEXT    NOT NULL,
    org            TEXT    NOT NULL,
    kind           TEXT    NOT NULL,
    active         INTEGER NOT NULL,
    locked         INTEGER NOT NULL,
    schema         TEXT,
    data           TEXT    NOT NULL,
    phone          TEXT,
    phone_verified INTEGER NOT NULL,
    phone_code     TEXT,
    email          TEXT,
    email_verified INTEGER NOT NULL,
    email_code     TEXT,
    PRIMARY KEY (instance, id)
) STRICT, WITHOUT ROWID;

-- destination: its own number or address; NULL when the factor is bound to the contact.
-- code: the registration code that waits; NULL once verified. stale_at: when a waiting registration is forgotten.
CREATE TABLE otp_factor (
    instance    TEXT    NOT NULL,
    user_id     TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    channel     TEXT    NOT NULL,
    destination TEXT,
    code        TEXT,
    stale_at    INTEGER,
    added_at    INTEGER NOT NULL,
    PRIMARY KEY (instance, user_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX otp_factor_stale ON otp_factor (stale_at) WHERE stale_at IS NOT NULL;

-- org: the organization in which the roles hold; '' for the whole instance.
CREATE TABLE membership (
    instance TEXT NOT NULL,
    user_id  TEXT NOT NULL,
    org      TEXT NOT NULL,
    roles    TEXT NOT NULL,
    PRIMARY KEY (instance, user_id, org)
) STRICT, WITHOUT ROWID;

CREATE TABLE token (
    instance   TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    user_id    TEXT    NOT NULL,
    digest     BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (instance, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX token_user ON token (instance, user_id, id);
