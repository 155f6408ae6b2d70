-- Lifecycle: what is archived or expired is neither recalled nor listed, and place.live does not count it.

-- How long memories of a namespace are kept, as JSON (NULL = as the namespace above says); the last line of a path counts.
CREATE TABLE retention (
    line   INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    path   TEXT NOT NULL,
    caller TEXT NOT NULL,
    reason TEXT NOT NULL,
    policy TEXT
) STRICT;

-- Backups that were made of this vault: they still hold what is erased here later. restore leaves this as it is.
CREATE TABLE copy (
    file TEXT PRIMARY KEY,
    at   INTEGER NOT NULL
) STRICT;

-- A line that moves a memory to another state has the name of that state as its digest; its version stands there too.
CREATE INDEX event_moved ON event (memory, seq, digest) WHERE action IN ('move', 'freeze', 'thaw');

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
    AND (v.seq = e.seq OR e.action IN ('release', 'govern', 'move', 'freeze', 'thaw'));
