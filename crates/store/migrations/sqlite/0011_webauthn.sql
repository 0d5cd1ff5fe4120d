-- Passkeys and security keys. domain: the relying party id. challenge, stale_at: only while the registration waits, until when.
-- credential_id, name, credential: once an authenticator answered; the credential's id is unique in the instance.
CREATE TABLE webauthn_factor (
    instance      TEXT    NOT NULL,
    user_id       TEXT    NOT NULL,
    id            TEXT    NOT NULL,
    domain        TEXT    NOT NULL,
    challenge     TEXT,
    credential_id TEXT,
    name          TEXT,
    credential    TEXT,
    stale_at      INTEGER,
    added_at      INTEGER NOT NULL,
    PRIMARY KEY (instance, user_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX webauthn_factor_credential ON webauthn_factor (instance, credential_id) WHERE credential_id IS NOT NULL;
CREATE INDEX webauthn_factor_stale ON webauthn_factor (stale_at) WHERE stale_at IS NOT NULL;

-- The link by which a user can register a passkey elsewhere: one at a time.
CREATE TABLE webauthn_link (
    instance TEXT    NOT NULL,
    user_id  TEXT    NOT NULL,
    id       TEXT    NOT NULL,
    code     TEXT    NOT NULL,
    stale_at INTEGER NOT NULL,
    PRIMARY KEY (instance, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX webauthn_link_stale ON webauthn_link (stale_at);
