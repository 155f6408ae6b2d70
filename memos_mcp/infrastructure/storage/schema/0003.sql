-- Quarantine: why a memory is kept from recall (kinds of hostile content, or by-hand), with spaces between; NULL = it is not.
-- vouched = who took it out again, so that it is not suspected once more.
-- place.live counts the memories that are not in quarantine.
ALTER TABLE memory ADD COLUMN quarantined TEXT;
ALTER TABLE memory ADD COLUMN vouched TEXT;
CREATE INDEX memory_quarantined ON memory (place) WHERE quarantined IS NOT NULL AND forgotten IS NULL;

DROP VIEW cube;
CREATE VIEW cube AS
SELECT m.id, v.version, p.path, m.key, m.state, m.created_at, v.at, v.salt, v.digest, v.payload, v.content, r.rules,
    m.sightings, m.quarantined, m.vouched, m.memory, m.branch, m.place, m.version AS newest, m.forgotten
FROM memory m
JOIN version v ON v.memory = m.memory
JOIN place p ON p.place = m.place
JOIN policy r ON r.policy = m.policy
WHERE v.content IS NOT NULL;

-- A release writes no version: the one it lets be found again stands at its line too.
DROP VIEW line;
CREATE VIEW line AS
SELECT e.seq, e.at, e.action, coalesce(m.id, '') AS id, e.version, coalesce(p.path, '') AS path, e.branch, e.caller,
    e.reason, e.digest, e.chain,
    (SELECT b.chain FROM event b WHERE b.seq < e.seq ORDER BY b.seq DESC LIMIT 1) AS before,
    s.origin, v.content IS NOT NULL AS written, m.forgotten, m.key, m.state, m.created_at, v.at AS written_at, v.salt,
    v.digest AS sealed, v.payload, v.content, r.rules, m.sightings, m.quarantined, m.vouched, e.memory, e.place
FROM event e
LEFT JOIN memory m ON m.memory = e.memory
LEFT JOIN place p ON p.place = e.place
LEFT JOIN policy r ON r.policy = m.policy
LEFT JOIN sighting s ON s.seq = e.seq
LEFT JOIN version v ON v.memory = e.memory AND v.version = e.version AND (v.seq = e.seq OR e.action = 'release');
