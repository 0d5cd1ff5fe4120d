-- Links of users to accounts at identity providers. external_id: who it is there; one user of the instance has it.
CREATE TABLE idp_link (
    instance      TEXT    NOT NULL,
    user_id       TEXT    NOT NULL,
    id            TEXT    NOT NULL,
    idp           TEXT    NOT NULL,
    external_id   TEXT    NOT NULL,
    external_name TEXT    NOT NULL,
    added_at      INTEGER NOT NULL,
    PRIMARY KEY (instance, user_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX idp_link_unique ON idp_link (instance, idp, external_id);

-- Providers that were removed: what still links to them is given back bit by bit.
CREATE TABLE idp_removed (
    instance TEXT NOT NULL,
    id       TEXT NOT NULL,
    PRIMARY KEY (instance, id)
) STRICT, WITHOUT ROWID;
