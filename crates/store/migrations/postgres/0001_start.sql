-- Everything that version 0.1 keeps, in the shape that SQLite's steps 1 to 15 lead to. Numbers are BIGINT, flags too; texts
-- compare byte by byte on every engine and in every locale. Plain SQL only: no sequence, no trigger, no type of our own.

-- Where the positions of events come from: each committer takes those of a batch from one lane, in its last statement, so
-- that they have no gap and follow the order of the commits of the lane. The lane is in the upper bits of a position: its
-- events lie together, and lanes do not meet in one page.
CREATE TABLE lane (
    id  BIGINT NOT NULL PRIMARY KEY,
    pos BIGINT NOT NULL
) WITH (fillfactor = 10);
INSERT INTO lane (id, pos) SELECT n, n * 281474976710656 FROM generate_series(0, 63) AS n;

-- One row for each committer, a connection that writes, with the number of its last commit: whoever lost the connection while
-- committing looks here. A committer whose batch is -1 commits nothing any more.
CREATE TABLE committer (
    id    TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    batch BIGINT NOT NULL,
    at    TIMESTAMPTZ NOT NULL DEFAULT now()
) WITH (fillfactor = 10);

-- Numbers of nodes, given in turn: ids that nodes make at the same moment differ by them.
CREATE TABLE node (
    id   BIGINT NOT NULL PRIMARY KEY,
    last BIGINT NOT NULL
);
INSERT INTO node (id, last) VALUES (1, -1);

-- How often something changed that nodes remember: the standing of any user of a group (0 to 63), the features of any
-- instance (64).
CREATE TABLE standing (
    id      BIGINT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL
) WITH (fillfactor = 50);
INSERT INTO standing (id, version) SELECT n, 0 FROM generate_series(0, 64) AS n;

CREATE TABLE stream (
    instance   TEXT COLLATE "C" NOT NULL,
    kind       TEXT COLLATE "C" NOT NULL,
    id         TEXT COLLATE "C" NOT NULL,
    seq        BIGINT NOT NULL,
    last_pos   BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    parts      BIGINT NOT NULL,
    first_pos  BIGINT NOT NULL,
    PRIMARY KEY (instance, kind, id)
) WITH (fillfactor = 80);

CREATE TABLE event (
    pos      BIGINT NOT NULL PRIMARY KEY,
    instance TEXT COLLATE "C" NOT NULL,
    kind     TEXT COLLATE "C" NOT NULL,
    stream   TEXT COLLATE "C" NOT NULL,
    seq      BIGINT NOT NULL,
    prev     BIGINT NOT NULL,
    name     TEXT COLLATE "C" NOT NULL,
    at       BIGINT NOT NULL,
    editor   TEXT COLLATE "C" NOT NULL,
    body     TEXT COLLATE "C" NOT NULL
);

-- Personal values of events, by position; erased with their user while the event stays.
CREATE TABLE personal (
    pos  BIGINT NOT NULL PRIMARY KEY,
    body TEXT COLLATE "C" NOT NULL
);

CREATE TABLE instance (
    id          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name        TEXT COLLATE "C" NOT NULL,
    default_org TEXT COLLATE "C" NOT NULL,
    user_schema BIGINT
);

CREATE TABLE org (
    instance TEXT COLLATE "C" NOT NULL,
    id       TEXT COLLATE "C" NOT NULL,
    name     TEXT COLLATE "C" NOT NULL,
    domain   TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (instance, id)
);
CREATE UNIQUE INDEX org_domain ON org (instance, domain);

CREATE TABLE users (
    instance        TEXT COLLATE "C" NOT NULL,
    id              TEXT COLLATE "C" NOT NULL,
    org             TEXT COLLATE "C" NOT NULL,
    kind            TEXT COLLATE "C" NOT NULL,
    active          BIGINT NOT NULL,
    locked          BIGINT NOT NULL,
    schema          TEXT COLLATE "C",
    data            TEXT COLLATE "C" NOT NULL,
    phone           TEXT COLLATE "C",
    phone_verified  BIGINT NOT NULL,
    phone_code      TEXT COLLATE "C",
    email           TEXT COLLATE "C",
    email_verified  BIGINT NOT NULL,
    email_code      TEXT COLLATE "C",
    schema_revision BIGINT,
    created_at      BIGINT NOT NULL,
    email_key       TEXT COLLATE "C",
    PRIMARY KEY (instance, id)
) WITH (fillfactor = 80);
CREATE INDEX users_schema ON users (instance, schema) WHERE schema IS NOT NULL;
CREATE INDEX users_created ON users (instance, created_at, id);
CREATE INDEX users_org_created ON users (instance, org, created_at, id);
CREATE INDEX users_email ON users (instance, email_key) WHERE email_key IS NOT NULL;
CREATE INDEX users_phone ON users (instance, phone) WHERE phone IS NOT NULL;

CREATE TABLE otp_factor (
    instance    TEXT COLLATE "C" NOT NULL,
    user_id     TEXT COLLATE "C" NOT NULL,
    id          TEXT COLLATE "C" NOT NULL,
    channel     TEXT COLLATE "C" NOT NULL,
    destination TEXT COLLATE "C",
    code        TEXT COLLATE "C",
    stale_at    BIGINT,
    added_at    BIGINT NOT NULL,
    PRIMARY KEY (instance, user_id, id)
) WITH (fillfactor = 80);
CREATE INDEX otp_factor_stale ON otp_factor (stale_at) WHERE stale_at IS NOT NULL;

CREATE TABLE totp_factor (
    instance  TEXT COLLATE "C" NOT NULL,
    user_id   TEXT COLLATE "C" NOT NULL,
    id        TEXT COLLATE "C" NOT NULL,
    secret    TEXT COLLATE "C" NOT NULL,
    last_step BIGINT,
    stale_at  BIGINT,
    added_at  BIGINT NOT NULL,
    PRIMARY KEY (instance, user_id, id)
);
CREATE INDEX totp_factor_stale ON totp_factor (stale_at) WHERE stale_at IS NOT NULL;

CREATE TABLE webauthn_factor (
    instance      TEXT COLLATE "C" NOT NULL,
    user_id       TEXT COLLATE "C" NOT NULL,
    id            TEXT COLLATE "C" NOT NULL,
    domain        TEXT COLLATE "C" NOT NULL,
    challenge     TEXT COLLATE "C",
    credential_id TEXT COLLATE "C",
    name          TEXT COLLATE "C",
    credential    TEXT COLLATE "C",
    stale_at      BIGINT,
    added_at      BIGINT NOT NULL,
    PRIMARY KEY (instance, user_id, id)
);
CREATE UNIQUE INDEX webauthn_factor_credential ON webauthn_factor (instance, credential_id) WHERE credential_id IS NOT NULL;
CREATE INDEX webauthn_factor_stale ON webauthn_factor (stale_at) WHERE stale_at IS NOT NULL;

CREATE TABLE webauthn_link (
    instance TEXT COLLATE "C" NOT NULL,
    user_id  TEXT COLLATE "C" NOT NULL,
    id       TEXT COLLATE "C" NOT NULL,
    code     TEXT COLLATE "C" NOT NULL,
    stale_at BIGINT NOT NULL,
    PRIMARY KEY (instance, user_id)
);
CREATE INDEX webauthn_link_stale ON webauthn_link (stale_at);

CREATE TABLE user_password (
    instance        TEXT COLLATE "C" NOT NULL,
    user_id         TEXT COLLATE "C" NOT NULL,
    hash            TEXT COLLATE "C",
    change_required BIGINT NOT NULL,
    changed_at      BIGINT,
    reset_code      TEXT COLLATE "C",
    reset_via       TEXT COLLATE "C",
    PRIMARY KEY (instance, user_id)
);

CREATE TABLE username (
    instance  TEXT COLLATE "C" NOT NULL,
    user_id   TEXT COLLATE "C" NOT NULL,
    id        TEXT COLLATE "C" NOT NULL,
    scope     TEXT COLLATE "C" NOT NULL,
    canonical TEXT COLLATE "C" NOT NULL,
    name      TEXT COLLATE "C" NOT NULL,
    added_at  BIGINT NOT NULL,
    PRIMARY KEY (instance, user_id, id)
);
CREATE UNIQUE INDEX username_unique ON username (instance, scope, canonical);
CREATE INDEX username_canonical ON username (instance, canonical);

CREATE TABLE membership (
    instance TEXT COLLATE "C" NOT NULL,
    user_id  TEXT COLLATE "C" NOT NULL,
    org      TEXT COLLATE "C" NOT NULL,
    roles    TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (instance, user_id, org)
);

CREATE TABLE token (
    instance   TEXT COLLATE "C" NOT NULL,
    id         TEXT COLLATE "C" NOT NULL,
    user_id    TEXT COLLATE "C" NOT NULL,
    digest     BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (instance, id)
);
CREATE INDEX token_user ON token (instance, user_id, id);

CREATE TABLE user_schema (
    instance       TEXT COLLATE "C" NOT NULL,
    id             TEXT COLLATE "C" NOT NULL,
    type           TEXT COLLATE "C" NOT NULL,
    type_key       TEXT COLLATE "C" NOT NULL,
    schema         TEXT COLLATE "C" NOT NULL,
    authenticators TEXT COLLATE "C" NOT NULL,
    active         BIGINT NOT NULL,
    revision       BIGINT NOT NULL,
    created_at     BIGINT NOT NULL,
    changed_at     BIGINT NOT NULL,
    PRIMARY KEY (instance, id)
);

CREATE TABLE user_schema_type (
    instance  TEXT COLLATE "C" NOT NULL,
    type_key  TEXT COLLATE "C" NOT NULL,
    schema_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (instance, type_key)
);

CREATE TABLE idp (
    instance   TEXT COLLATE "C" NOT NULL,
    id         TEXT COLLATE "C" NOT NULL,
    name       TEXT COLLATE "C" NOT NULL,
    name_key   TEXT COLLATE "C" NOT NULL,
    options    TEXT COLLATE "C" NOT NULL,
    settings   TEXT COLLATE "C" NOT NULL,
    secret     TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (instance, id)
);

CREATE TABLE idp_link (
    instance      TEXT COLLATE "C" NOT NULL,
    user_id       TEXT COLLATE "C" NOT NULL,
    id            TEXT COLLATE "C" NOT NULL,
    idp           TEXT COLLATE "C" NOT NULL,
    external_id   TEXT COLLATE "C" NOT NULL,
    external_name TEXT COLLATE "C" NOT NULL,
    added_at      BIGINT NOT NULL,
    PRIMARY KEY (instance, user_id, id)
);
CREATE UNIQUE INDEX idp_link_unique ON idp_link (instance, idp, external_id);

CREATE TABLE idp_removed (
    instance TEXT COLLATE "C" NOT NULL,
    id       TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (instance, id)
);

CREATE TABLE idp_intent (
    instance    TEXT COLLATE "C" NOT NULL,
    id          TEXT COLLATE "C" NOT NULL,
    idp         TEXT COLLATE "C" NOT NULL,
    success_url TEXT COLLATE "C" NOT NULL,
    failure_url TEXT COLLATE "C" NOT NULL,
    state       BYTEA NOT NULL,
    flow        TEXT COLLATE "C" NOT NULL,
    started_at  BIGINT NOT NULL,
    stage       TEXT COLLATE "C" NOT NULL,
    stage_at    BIGINT,
    token       BYTEA,
    outcome     TEXT COLLATE "C",
    PRIMARY KEY (instance, id)
);
CREATE INDEX idp_intent_started ON idp_intent (started_at);

CREATE TABLE guess_budget (
    instance TEXT COLLATE "C" NOT NULL,
    user_id  TEXT COLLATE "C" NOT NULL,
    subject  BYTEA NOT NULL,
    since    BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    PRIMARY KEY (instance, user_id, subject)
);
CREATE INDEX guess_budget_since ON guess_budget (since);

CREATE TABLE send_budget (
    instance TEXT COLLATE "C" NOT NULL,
    subject  BYTEA NOT NULL,
    version  BIGINT NOT NULL,
    times    TEXT COLLATE "C" NOT NULL,
    last_at  BIGINT NOT NULL,
    PRIMARY KEY (instance, subject)
);
CREATE INDEX send_budget_last ON send_budget (last_at);

CREATE TABLE outbox (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    instance   TEXT COLLATE "C" NOT NULL,
    user_id    TEXT COLLATE "C" NOT NULL,
    subject    BYTEA NOT NULL,
    sealed     BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    next_at    BIGINT NOT NULL,
    attempts   BIGINT NOT NULL,
    lease      TEXT COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX outbox_subject ON outbox (instance, user_id, subject);
CREATE INDEX outbox_next ON outbox (next_at);

CREATE TABLE inbox_message (
    instance   TEXT COLLATE "C" NOT NULL,
    id         TEXT COLLATE "C" NOT NULL,
    user_id    TEXT COLLATE "C" NOT NULL,
    recipient  BYTEA NOT NULL,
    sealed     BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (instance, id)
);
CREATE INDEX inbox_recipient ON inbox_message (instance, recipient, id);

CREATE TABLE meta (
    name  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value BYTEA NOT NULL
);
