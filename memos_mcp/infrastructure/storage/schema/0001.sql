-- The vault: cubes with all versions, the log written with them, and the segments of projections.
-- Moments are microseconds since 1970 in UTC.

CREATE TABLE migration (
    version    INTEGER PRIMARY KEY,
    applied_at INTEGER NOT NULL
);

-- Paths, interned, with the number of memories they hold now; root = the partition of the indexes.
CREATE TABLE place (
    place INTEGER PRIMARY KEY,
    path  TEXT NOT NULL UNIQUE,
    root  TEXT NOT NULL,
    live  INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX place_root ON place (root);

-- Access classes: the governance attributes of a memory, interned.
CREATE TABLE policy (
    policy INTEGER PRIMARY KEY,
    rules  TEXT NOT NULL UNIQUE
);

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
);
CREATE UNIQUE INDEX memory_id ON memory (branch, id);
CREATE UNIQUE INDEX memory_key ON memory (branch, place, key) WHERE key IS NOT NULL;
CREATE UNIQUE INDEX memory_once ON memory (branch, place, once) WHERE once IS NOT NULL;

-- payload and content = what makes a version, as JSON; NULL once forgotten. digest = SHA-256 of salt, payload and content.
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
);
CREATE UNIQUE INDEX version_of ON version (memory, version);

-- Repeats of the same statement: every source and time is kept.
CREATE TABLE sighting (
    seq      INTEGER PRIMARY KEY,
    memory   INTEGER NOT NULL REFERENCES memory,
    source   TEXT NOT NULL,
    position INTEGER,
    origin   TEXT NOT NULL
);
CREATE UNIQUE INDEX sighting_source ON sighting (memory, source, position) WHERE source <> '';
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
);
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
);
