-- Governance: what a memory's rules are now decides, and when it expires stands beside them, so that rules stay few.
-- restricted = the rules say who may or may not, so counting at a place is not enough to know what a caller sees there.
ALTER TABLE memory ADD COLUMN expires INTEGER;
ALTER TABLE policy ADD COLUMN restricted INTEGER NOT NULL DEFAULT 0;
CREATE INDEX memory_policy ON memory (policy, place) WHERE forgotten IS NULL;
CREATE INDEX memory_expires ON memory (expires) WHERE expires IS NOT NULL AND forgotten IS NULL;

-- Whom rules let in by name.
CREATE TABLE guest (
    name   TEXT NOT NULL,
    policy INTEGER NOT NULL REFERENCES policy,
    PRIMARY KEY (name, policy)
) STRICT, WITHOUT ROWID;

-- Rules of a memory that were replaced at a line of the log, and what replaced them.
CREATE TABLE revision (
    seq         INTEGER PRIMARY KEY,
    memory      INTEGER NOT NULL REFERENCES memory,
    old         INTEGER NOT NULL REFERENCES policy,
    old_expires INTEGER,
    new         INTEGER NOT NULL REFERENCES policy,
    new_expires INTEGER
) STRICT;
CREATE INDEX revision_of ON revision (memory);

DROP VIEW cube;
CREATE VIEW cube AS
SELECT m.id, v.version, p.path, m.key, m.state, m.created_at, v.at, v.salt, v.digest, v.payload, v.content, r.rules,
    m.sightings, m.quarantined, m.vouched, m.expires, m.memory, m.branch, m.place, m.version AS newest, m.forgotten
FROM memory m
JOIN version v ON v.memory = m.memory
JOIN place p ON p.place = m.place
JOIN policy r ON r.policy = m.policy
WHERE v.content IS NOT NULL;

-- A release and a change of rules write no version: the one they are about stands at their line too.
DROP VIEW line;
CREATE VIEW line AS
SELECT e.seq, e.at, e.action, coalesce(m.id, '') AS id, e.version, coalesce(p.path, '') AS path, e.branch, e.caller,
    e.reason, e.digest, e.chain,
    (SELECT b.chain FROM event b WHERE b.seq < e.seq ORDER BY b.seq DESC LIMIT 1) AS before,
    s.origin, v.content IS NOT NULL AS written, m.forgotten, m.key, m.state, m.created_at, v.at AS written_at, v.salt,
    v.digest AS sealed, v.payload, v.content, r.rules, m.sightings, m.quarantined, m.vouched, m.expires, e.memory,
    e.place
FROM event e
LEFT JOIN memory m ON m.memory = e.memory
LEFT JOIN place p ON p.place = e.place
LEFT JOIN policy r ON r.policy = m.policy
LEFT JOIN sighting s ON s.seq = e.seq
LEFT JOIN version v ON v.memory = e.memory AND v.version = e.version
    AND (v.seq = e.seq OR e.action IN ('release', 'govern'));
