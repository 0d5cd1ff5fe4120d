-- Everything that is kept, as a new database has it from the beginning; older ones come to the same by the numbered steps. Every statement
-- may be repeated, as not every engine takes back what was done before one that failed. Numbers are BIGINT, flags too; texts compare byte
-- by byte on every engine and in every locale. Plain SQL only: no sequence, no trigger, no type of our own.

-- Where the positions of events come from: each committer takes those of a batch from one lane, in its last statement, so
-- that they have no gap and follow the order of the commits of the lane. The lane is in the upper bits of a position: its
-- events lie together, and lanes do not meet in one page.
CREATE TABLE IF NOT EXISTS lane (
    id  BIGINT NOT NULL PRIMARY KEY,
    pos BIGINT NOT NULL
) WITH (fillfactor = 10);
INSERT INTO lane (id, pos) SELECT n, n * 281474976710656 FROM generate_series(0, 63) AS n ON CONFLICT (id) DO NOTHING;

-- One row for each committer, a connection that writes, with the number of its last commit: whoever lost the connection while
-- committing looks here. A committer whose batch is -1 commits nothing any more.
CREATE TABLE IF NOT EXISTS committer (
    id    TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    batch BIGINT NOT NULL,
    at    TIMESTAMPTZ NOT NULL DEFAULT now()
) WITH (fillfactor = 10);

-- Numbers of nodes, given in turn: ids that nodes make at the same moment differ by them.
CREATE TABLE IF NOT EXISTS node (
    id   BIGINT NOT NULL PRIMARY KEY,
    last BIGINT NOT NULL
);
INSERT INTO node (id, last) VALUES (1, -1) ON CONFLICT (id) DO NOTHING;

-- How often something changed that nodes remember: the standing of any user of a group (0 to 63), the features of any
-- instance (64).
CREATE TABLE IF NOT EXISTS standing (
    id      BIGINT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL
) WITH (fillfactor = 50);
INSERT INTO standing (id, version) SELECT n, 0 FROM generate_series(0, 64) AS n ON CONFLICT (id) DO NOTHING;

-- A user is one row: state is all that the next command needs, due_at is when a registration of the user is to be forgotten. The tables
-- of users below hold what is unique or searched for.
CREATE TABLE IF NOT EXISTS stream (
    instance   TEXT COLLATE "C" NOT NULL,
    kind       TEXT COLLATE "C" NOT NULL,
    id         TEXT COLLATE "C" NOT NULL,
    seq        BIGINT NOT NULL,
    last_pos   BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    first_pos  BIGINT NOT NULL,
    due_at     BIGINT,
    state      BYTEA,
    PRIMARY KEY (instance, kind, id)
) WITH (fillfactor = 80);
CREATE INDEX IF NOT EXISTS stream_due ON stream (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE IF NOT EXISTS event (
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
CREATE TABLE IF NOT EXISTS personal (
    pos  BIGINT NOT NULL PRIMARY KEY,
    body TEXT COLLATE "C" NOT NULL
);

CREATE TABLE IF NOT EXISTS instance (
    id          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name        TEXT COLLATE "C" NOT NULL,
    default_org TEXT COLLATE "C" NOT NULL,
    user_schema BIGINT
);

CREATE TABLE IF NOT EXISTS org (
    instance TEXT COLLATE "C" NOT NULL,
    id       TEXT COLLATE "C" NOT NULL,
    name     TEXT COLLATE "C" NOT NULL,
    domain   TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (instance, id)
);
CREATE UNIQUE INDEX IF NOT EXISTS org_domain ON org (instance, domain);

CREATE TABLE IF NOT EXISTS users (
    instance   TEXT COLLATE "C" NOT NULL,
    id         TEXT COLLATE "C" NOT NULL,
    org        TEXT COLLATE "C" NOT NULL,
    active     BIGINT NOT NULL,
    locked     BIGINT NOT NULL,
    schema     TEXT COLLATE "C",
    phone      TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    email_key  TEXT COLLATE "C",
    PRIMARY KEY (instance, id)
) WITH (fillfactor = 80);
CREATE INDEX IF NOT EXISTS users_schema ON users (instance, schema) WHERE schema IS NOT NULL;
CREATE INDEX IF NOT EXISTS users_created ON users (instance, created_at, id);
CREATE INDEX IF NOT EXISTS users_org_created ON users (instance, org, created_at, id);
CREATE INDEX IF NOT EXISTS users_email ON users (instance, email_key) WHERE email_key IS NOT NULL;
CREATE INDEX IF NOT EXISTS users_phone ON users (instance, phone) WHERE phone IS NOT NULL;

CREATE TABLE IF NOT EXISTS webauthn_credential (
    instance      TEXT COLLATE "C" NOT NULL,
    user_id       TEXT COLLATE "C" NOT NULL,
    id            TEXT COLLATE "C" NOT NULL,
    credential_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (instance, user_id, id)
);
CREATE UNIQUE INDEX IF NOT EXISTS webauthn_credential_unique ON webauthn_credential (instance, credential_id);

CREATE TABLE IF NOT EXISTS username (
    instance  TEXT COLLATE "C" NOT NULL,
    user_id   TEXT COLLATE "C" NOT NULL,
    id        TEXT COLLATE "C" NOT NULL,
    scope     TEXT COLLATE "C" NOT NULL,
    canonical TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (instance, user_id, id)
);
CREATE UNIQUE INDEX IF NOT EXISTS username_unique ON username (instance, canonical, scope);

CREATE TABLE IF NOT EXISTS membership (
    instance TEXT COLLATE "C" NOT NULL,
    user_id  TEXT COLLATE "C" NOT NULL,
    org      TEXT COLLATE "C" NOT NULL,
    roles    TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (instance, user_id, org)
);

CREATE TABLE IF NOT EXISTS token (
    instance   TEXT COLLATE "C" NOT NULL,
    id         TEXT COLLATE "C" NOT NULL,
    user_id    TEXT COLLATE "C" NOT NULL,
    digest     BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (instance, id)
);
CREATE INDEX IF NOT EXISTS token_user ON token (instance, user_id, id);

CREATE TABLE IF NOT EXISTS user_schema (
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

CREATE TABLE IF NOT EXISTS user_schema_type (
    instance  TEXT COLLATE "C" NOT NULL,
    type_key  TEXT COLLATE "C" NOT NULL,
    schema_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (instance, type_key)
);

CREATE TABLE IF NOT EXISTS idp (
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

CREATE TABLE IF NOT EXISTS idp_link (
    instance    TEXT COLLATE "C" NOT NULL,
    user_id     TEXT COLLATE "C" NOT NULL,
    id          TEXT COLLATE "C" NOT NULL,
    idp         TEXT COLLATE "C" NOT NULL,
    external_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (instance, user_id, id)
);
CREATE UNIQUE INDEX IF NOT EXISTS idp_link_unique ON idp_link (instance, idp, external_id);

CREATE TABLE IF NOT EXISTS idp_removed (
    instance TEXT COLLATE "C" NOT NULL,
    id       TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (instance, id)
);

CREATE TABLE IF NOT EXISTS idp_intent (
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
CREATE INDEX IF NOT EXISTS idp_intent_started ON idp_intent (started_at);

CREATE TABLE IF NOT EXISTS guess_budget (
    instance TEXT COLLATE "C" NOT NULL,
    user_id  TEXT COLLATE "C" NOT NULL,
    subject  BYTEA NOT NULL,
    since    BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    PRIMARY KEY (instance, user_id, subject)
);
CREATE INDEX IF NOT EXISTS guess_budget_since ON guess_budget (since);

CREATE TABLE IF NOT EXISTS send_budget (
    instance TEXT COLLATE "C" NOT NULL,
    subject  BYTEA NOT NULL,
    version  BIGINT NOT NULL,
    times    TEXT COLLATE "C" NOT NULL,
    last_at  BIGINT NOT NULL,
    PRIMARY KEY (instance, subject)
);
CREATE INDEX IF NOT EXISTS send_budget_last ON send_budget (last_at);

CREATE TABLE IF NOT EXISTS outbox (
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
CREATE UNIQUE INDEX IF NOT EXISTS outbox_subject ON outbox (instance, user_id, subject);
CREATE INDEX IF NOT EXISTS outbox_next ON outbox (next_at);

CREATE TABLE IF NOT EXISTS inbox_message (
    instance   TEXT COLLATE "C" NOT NULL,
    id         BIGINT NOT NULL,
    user_id    TEXT COLLATE "C" NOT NULL,
    recipient  BYTEA NOT NULL,
    sealed     BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    outbox_id  BIGINT NOT NULL,
    PRIMARY KEY (instance, id)
);
CREATE INDEX IF NOT EXISTS inbox_recipient ON inbox_message (instance, recipient, id);
CREATE UNIQUE INDEX IF NOT EXISTS inbox_outbox ON inbox_message (instance, outbox_id);

-- The greatest id that was given to a captured message; whoever gives the next holds the row.
CREATE TABLE IF NOT EXISTS inbox_order (
    instance TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    last     BIGINT NOT NULL
);

CREATE TABLE IF NOT EXISTS meta (
    name  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value BYTEA NOT NULL
);
