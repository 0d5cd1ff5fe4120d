-- first_pos: where the history of a stream begins; a number of its own in the whole database, which the log leads back from.
ALTER TABLE stream ADD COLUMN first_pos INTEGER NOT NULL DEFAULT 0;
UPDATE stream SET first_pos = e.pos FROM event e
    WHERE e.seq = 1 AND e.instance = stream.instance AND e.kind = stream.kind AND e.stream = stream.id;

-- Which three characters follow each other in what: the usernames of a user (rowid 4 * first_pos, a line each), its e-mail address
-- (+ 1) and its phone number (+ 2), all in the form that comparisons use. It holds no texts; they are given again to be taken
-- out, and then nothing of them stays (secure-delete).
CREATE VIRTUAL TABLE user_trigram USING
    fts5 (text, content = '', columnsize = 0, detail = none, tokenize = 'trigram case_sensitive 1');
INSERT INTO user_trigram (user_trigram, rank) VALUES ('secure-delete', 1);
-- A quarter of the usual page: taking a text out walks through a page for each trigram, and one new user fills none.
INSERT INTO user_trigram (user_trigram, rank) VALUES ('pgsz', 1000);
INSERT INTO user_trigram (rowid, text)
    SELECT s.first_pos * 4 + t.field, t.text FROM (
        SELECT instance, user_id, 0 AS field, group_concat(canonical, char(10)) AS text
            FROM (SELECT instance, user_id, canonical FROM username ORDER BY instance, user_id, canonical)
            GROUP BY instance, user_id
        UNION ALL SELECT instance, id, 1, email_key FROM users WHERE email_key IS NOT NULL
        UNION ALL SELECT instance, id, 2, phone FROM users WHERE phone IS NOT NULL
    ) t JOIN stream s ON s.instance = t.instance AND s.kind = 'user' AND s.id = t.user_id
    ORDER BY s.first_pos, t.field;
