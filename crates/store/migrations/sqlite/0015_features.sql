-- What is set of the features of an instance; nothing is as it is built in.
ALTER TABLE instance ADD COLUMN user_schema INTEGER;
