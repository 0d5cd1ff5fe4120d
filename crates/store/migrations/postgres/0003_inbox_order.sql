-- Messages in the order of their capture: id is given within the commit, last is the greatest that was given, and what the
-- outbox called the message says whether it was captured before.
ALTER TABLE inbox_message ALTER COLUMN id TYPE BIGINT USING CAST(id AS BIGINT), ADD COLUMN outbox_id BIGINT;
UPDATE inbox_message SET outbox_id = id;
ALTER TABLE inbox_message ALTER COLUMN outbox_id SET NOT NULL;
CREATE UNIQUE INDEX inbox_outbox ON inbox_message (instance, outbox_id);

CREATE TABLE inbox_order (
    instance TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    last     BIGINT NOT NULL
);
