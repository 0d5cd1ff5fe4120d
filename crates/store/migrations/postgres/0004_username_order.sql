-- A name is unique and found by one index: the scope comes last in it, as a search asks for the name in any.
DROP INDEX IF EXISTS username_unique;
DROP INDEX IF EXISTS username_canonical;
CREATE UNIQUE INDEX IF NOT EXISTS username_unique ON username (instance, canonical, scope);
