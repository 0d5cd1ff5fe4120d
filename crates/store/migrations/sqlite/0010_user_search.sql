-- What users are listed and searched by. email_key: the contact address in the one form that comparisons use.
ALTER TABLE users ADD COLUMN created_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN email_key TEXT;
UPDATE users SET email_key = lower(email), created_at = coalesce(
    (SELECT s.created_at FROM stream s WHERE s.instance = users.instance AND s.kind = 'user' AND s.id = users.id), 0);
CREATE INDEX users_created ON users (instance, created_at, id);
CREATE INDEX users_org_created ON users (instance, org, created_at, id);
CREATE INDEX users_email ON users (instance, email_key) WHERE email_key IS NOT NULL;
CREATE INDEX users_phone ON users (instance, phone) WHERE phone IS NOT NULL;
CREATE INDEX username_canonical ON username (instance, canonical);
-- What the planner believes, whatever is there: many users in an instance, few with the same address, number or name. Without it,
-- walking an instance looks as cheap as finding an address.
ANALYZE sqlite_schema;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('users', 'users', '1000000 1000000 1'),
    ('users', 'users_created', '1000000 1000000 2 1'),
    ('users', 'users_org_created', '1000000 1000000 100000 2 1'),
    ('users', 'users_schema', '500000 500000 50000 1'),
    ('users', 'users_email', '1000000 1000000 2 1'),
    ('users', 'users_phone', '1000000 1000000 2 1'),
    ('username', 'username', '1000000 1000000 2 1'),
    ('username', 'username_unique', '1000000 1000000 500000 1'),
    ('username', 'username_canonical', '1000000 1000000 2 1 1');
ANALYZE sqlite_schema;
