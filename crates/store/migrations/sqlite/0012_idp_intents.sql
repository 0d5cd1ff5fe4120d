-- Sign-ins at identity providers that are under way. state, token: keyed hashes of secrets. flow, outcome: sealed for this
-- row. stage_at: when it succeeded.
CREATE TABLE idp_intent (
    instance    TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    idp         TEXT    NOT NULL,
    success_url TEXT    NOT NULL,
    failure_url TEXT    NOT NULL,
    state       BLOB    NOT NULL,
    flow        TEXT    NOT NULL,
    started_at  INTEGER NOT NULL,
    stage       TEXT    NOT NULL,
    stage_at    INTEGER,
    token       BLOB,
    outcome     TEXT,
    PRIMARY KEY (instance, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX idp_intent_started ON idp_intent (started_at);
