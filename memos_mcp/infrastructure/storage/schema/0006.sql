-- Time Machine: what a frozen memory thaws to is the state that it was frozen in.
ALTER TABLE memory ADD COLUMN thaws_to TEXT;

-- Versions with the positions of the log between which they were current.
CREATE VIEW past AS
SELECT c.*, v.seq, v.until FROM cube c JOIN version v ON v.memory = c.memory AND v.version = c.version;
