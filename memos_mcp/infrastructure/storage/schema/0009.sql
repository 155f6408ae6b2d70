-- Cold storage: of a memory that is archived, over or frozen, packed is the payload, compressed, and payload is NULL.
ALTER TABLE version ADD COLUMN packed BLOB;
CREATE INDEX version_packed ON version (memory) WHERE packed IS NOT NULL;

-- The place of a memory is where it is now; lines keep the place they were written at.
DROP VIEW past;
DROP VIEW cube;
CREATE VIEW cube AS
SELECT m.id, v.version, p.path, m.key, m.state, m.created_at, v.at, v.salt, v.digest,
    coalesce(v.payload, v.packed) AS payload, v.content, r.rules, m.sightings, m.quarantined, m.vouched, m.expires,
    m.memory, m.branch, m.place, m.version AS newest, m.forgotten
FROM memory m
JOIN version v ON v.memory = m.memory
JOIN place p ON p.place = m.place
JOIN policy r ON r.policy = m.policy
WHERE v.content IS NOT NULL;

CREATE VIEW past AS
SELECT c.*, v.seq, v.until FROM cube c JOIN version v ON v.memory = c.memory AND v.version = c.version;

-- An arrival elsewhere writes no version either: the one that arrived stands at its line.
DROP VIEW line;
CREATE VIEW line AS
SELECT e.seq, e.at, e.action, coalesce(m.id, '') AS id, e.version, coalesce(p.path, '') AS path, e.branch, e.caller,
    e.reason, e.digest, e.chain,
    (SELECT b.chain FROM event b WHERE b.seq < e.seq ORDER BY b.seq DESC LIMIT 1) AS before,
    s.origin, v.content IS NOT NULL AS written, m.forgotten, m.key, m.state, m.created_at, v.at AS written_at, v.salt,
    v.digest AS sealed, coalesce(v.payload, v.packed) AS payload, v.content, r.rules, m.sightings, m.quarantined,
    m.vouched, m.expires, e.memory, e.place,
    (SELECT n.path FROM place n WHERE n.place = m.place AND n.place <> e.place) AS now
FROM event e
LEFT JOIN memory m ON m.memory = e.memory
LEFT JOIN place p ON p.place = e.place
LEFT JOIN policy r ON r.policy = m.policy
LEFT JOIN sighting s ON s.seq = e.seq
LEFT JOIN version v ON v.memory = e.memory AND v.version = e.version
    AND (v.seq = e.seq OR e.action IN ('release', 'govern', 'move', 'freeze', 'thaw', 'arrive'));
