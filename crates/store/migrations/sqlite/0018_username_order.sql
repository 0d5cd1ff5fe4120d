-- A name is unique and found by one index: the scope comes last in it, as a search asks for the name in any.
DROP INDEX IF EXISTS username_unique;
DROP INDEX IF EXISTS username_canonical;
CREATE UNIQUE INDEX username_unique ON username (instance, canonical, scope);
DELETE FROM sqlite_stat1 WHERE idx IN ('username_unique', 'username_canonical');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('username', 'username_unique', '1000000 1000000 2 1');
ANALYZE sqlite_schema;
