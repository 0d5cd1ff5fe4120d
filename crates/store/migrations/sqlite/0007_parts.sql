-- parts: one bit for each further table that holds rows of the stream's read model, so that loading it asks only those;
-- -1 says that nothing is known, and all are asked.
ALTER TABLE stream ADD COLUMN parts INTEGER NOT NULL DEFAULT -1;
