-- A user is one row: state is all that the next command needs (read/user_state.rs), due_at is when a registration of the
-- user is to be forgotten. What is left of the other tables is what is unique or searched for.
ALTER TABLE stream ADD COLUMN due_at BIGINT, ADD COLUMN state BYTEA, DROP COLUMN parts;
CREATE INDEX stream_due ON stream (due_at) WHERE due_at IS NOT NULL;

ALTER TABLE users DROP COLUMN kind, DROP COLUMN data, DROP COLUMN phone_verified, DROP COLUMN phone_code,
    DROP COLUMN email, DROP COLUMN email_verified, DROP COLUMN email_code, DROP COLUMN schema_revision;

CREATE TABLE webauthn_credential (
    instance      TEXT COLLATE "C" NOT NULL,
    user_id       TEXT COLLATE "C" NOT NULL,
    id            TEXT COLLATE "C" NOT NULL,
    credential_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (instance, user_id, id)
);
INSERT INTO webauthn_credential (instance, user_id, id, credential_id)
    SELECT instance, user_id, id, credential_id FROM webauthn_factor WHERE credential_id IS NOT NULL;
CREATE UNIQUE INDEX webauthn_credential_unique ON webauthn_credential (instance, credential_id);

DROP TABLE webauthn_factor, webauthn_link, otp_factor, totp_factor, user_password;
ALTER TABLE username DROP COLUMN name, DROP COLUMN added_at;
ALTER TABLE idp_link DROP COLUMN external_name, DROP COLUMN added_at;

-- The states of users who are there already follow from the log.
INSERT INTO meta (name, value) SELECT 'states to fold', '' WHERE EXISTS (SELECT 1 FROM users);
