-- The log of events, and the head of each stream. Events of a stream are chained by position (`prev`), so that the
-- commit path needs no second index; the head row is what optimistic appends compare.
CREATE TABLE stream (
    instance   TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    seq        INTEGER NOT NULL,
    last_pos   INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (instance, kind, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE event (
    pos      INTEGER PRIMARY KEY,
    instance TEXT    NOT NULL,
    kind     TEXT    NOT NULL,
    stream   TEXT    NOT NULL,
    seq      INTEGER NOT NULL,
    prev     INTEGER NOT NULL,
    name     TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    editor   TEXT    NOT NULL,
    body     TEXT    NOT NULL
) STRICT;

-- Personal values of events, by position; erased with their user while the event stays.
CREATE TABLE personal (
    pos  INTEGER PRIMARY KEY,
    body TEXT    NOT NULL
) STRICT;
