-- The vault: cubes with all versions, the log written with them, and the segments of projections.
-- Moments are microseconds since 1970 in UTC.

CREATE TABLE migration (
    version    INTEGER PRIMARY KEY,
    applied_at INTEGER NOT NULL
) STRICT;

-- Paths, interned, with the number of memories they hold now; root = the partition of the indexes.
CREATE TABLE place (
    place INTEGER PRIMARY KEY,
    path  TEXT NOT NULL UNIQUE,
    root  TEXT NOT NULL,
    live  INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX place_root ON place (root);

-- Access classes: the governance attributes of a memory, interned.
CREATE TABLE policy (
    policy INTEGER PRIMARY KEY,
    rules  TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE memory (
    memory     INTEGER PRIMARY KEY,
    branch     TEXT NOT NULL,
    id         TEXT NOT NULL,
    place      INTEGER NOT NULL REFERENCES place,
    key        TEXT,
    once       BLOB,
    version    INTEGER NOT NULL,
    state      TEXT NOT NULL,
    policy     INTEGER NOT NULL REFERENCES policy,
    sightings  INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL,
    forgotten  INTEGER
) STRICT;
CREATE UNIQUE INDEX memory_id ON memory (branch, id);
CREATE UNIQUE INDEX memory_key ON memory (branch, place, key) WHERE key IS NOT NULL;
CREATE UNIQUE INDEX memory_once ON memory (branch, place, once) WHERE once IS NOT NULL;
CREATE INDEX memory_place ON memory (place) WHERE forgotten IS NULL;

-- payload and content = what makes a version, as JSON; NULL once forgotten.
-- digest = SHA-256 of salt, id, version, created_at, at, payload and content; it stays, and tells nothing without the salt.
CREATE TABLE version (
    memory  INTEGER NOT NULL REFERENCES memory,
    version INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    until   INTEGER,
    at      INTEGER NOT NULL,
    schema  INTEGER NOT NULL,
    salt    BLOB,
    digest  BLOB NOT NULL,
    payload TEXT,
    content TEXT
) STRICT;
CREATE UNIQUE INDEX version_of ON version (memory, version);

-- Repeats of the same statement: every source and time is kept.
CREATE TABLE sighting (
    seq      INTEGER PRIMARY KEY,
    memory   INTEGER NOT NULL REFERENCES memory,
    source   TEXT NOT NULL,
    position INTEGER,
    origin   TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX sighting_source ON sighting (memory, source, coalesce(position, -1)) WHERE source <> '';
CREATE INDEX sighting_of ON sighting (memory);

-- The change log. chain = SHA-256 over the previous line's chain and this line; no payload stands in it.
CREATE TABLE event (
    seq     INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    action  TEXT NOT NULL,
    memory  INTEGER REFERENCES memory,
    version INTEGER NOT NULL,
    place   INTEGER REFERENCES place,
    branch  TEXT NOT NULL,
    caller  TEXT NOT NULL,
    reason  TEXT NOT NULL,
    digest  BLOB,
    chain   BLOB NOT NULL
) STRICT;
CREATE INDEX event_of ON event (memory, seq);
CREATE INDEX event_place ON event (place, seq);

CREATE TABLE segment (
    route  TEXT NOT NULL,
    root   TEXT NOT NULL,
    after  INTEGER NOT NULL,
    upto   INTEGER NOT NULL,
    digest BLOB NOT NULL,
    data   BLOB NOT NULL,
    PRIMARY KEY (route, root, upto)
) STRICT;

-- Versions that still have their words, with all that makes a cube of them.
CREATE VIEW cube AS
SELECT m.id, v.version, p.path, m.key, m.state, m.created_at, v.at, v.salt, v.digest, v.payload, v.content, r.rules,
    m.sightings, m.memory, m.branch, m.place, m.version AS newest, m.forgotten
FROM memory m
JOIN version v ON v.memory = m.memory
JOIN place p ON p.place = m.place
JOIN policy r ON r.policy = m.policy
WHERE v.content IS NOT NULL;

-- Lines of the log as they were chained, with the chain before each and what it wrote, as long as that is not forgotten.
CREATE VIEW line AS
SELECT e.seq, e.at, e.action, coalesce(m.id, '') AS id, e.version, coalesce(p.path, '') AS path, e.branch, e.caller,
    e.reason, e.digest, e.chain,
    (SELECT b.chain FROM event b WHERE b.seq < e.seq ORDER BY b.seq DESC LIMIT 1) AS before,
    s.origin, v.content IS NOT NULL AS written, m.forgotten, m.key, m.state, m.created_at, v.at AS written_at, v.salt,
    v.digest AS sealed, v.payload, v.content, r.rules, m.sightings, e.memory, e.place
FROM event e
LEFT JOIN memory m ON m.memory = e.memory
LEFT JOIN place p ON p.place = e.place
LEFT JOIN policy r ON r.policy = m.policy
LEFT JOIN sighting s ON s.seq = e.seq
LEFT JOIN version v ON v.memory = e.memory AND v.version = e.version AND v.seq = e.seq;
