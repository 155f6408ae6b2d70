-- The access log: who asked for what, and what he was told. It has a sequence and a chain of its own and is never part of
-- a restore. served = the memories as JSON, by path; said = SHA-256 of a salt and the question or reason.
-- chain = SHA-256 over the previous line's chain and this line.
CREATE TABLE access (
    seq     INTEGER PRIMARY KEY,
    id      TEXT NOT NULL UNIQUE,
    at      INTEGER NOT NULL,
    user    TEXT NOT NULL,
    roles   TEXT NOT NULL,
    context TEXT NOT NULL,
    verb    TEXT NOT NULL,
    path    TEXT NOT NULL,
    outcome TEXT NOT NULL,
    rule    TEXT NOT NULL,
    served  TEXT NOT NULL,
    said    BLOB,
    chain   BLOB NOT NULL
) STRICT;
CREATE INDEX access_user ON access (user, seq);

-- Which lines are about a memory, and about which paths a line is.
CREATE TABLE access_of (
    id  TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (id, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE access_at (
    seq  INTEGER NOT NULL,
    path TEXT NOT NULL,
    PRIMARY KEY (seq, path)
) STRICT, WITHOUT ROWID;

-- The salt of what was said, and the words where they are kept; rows may be erased, the chain holds.
CREATE TABLE access_said (
    seq  INTEGER PRIMARY KEY,
    salt BLOB NOT NULL,
    text TEXT
) STRICT;

-- Where lines were removed: up to seq, whose chain value was this. chain is that of the anchors.
CREATE TABLE access_anchor (
    seq   INTEGER PRIMARY KEY,
    at    INTEGER NOT NULL,
    lines INTEGER NOT NULL,
    tip   BLOB NOT NULL,
    chain BLOB NOT NULL
) STRICT;

-- The end of the log, so that lines missing there are missed.
CREATE TABLE access_tip (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    seq   INTEGER NOT NULL,
    chain BLOB NOT NULL
) STRICT;

-- How often memories were served; counted from the log, never part of a version.
CREATE TABLE access_use (
    id           TEXT PRIMARY KEY,
    path         TEXT NOT NULL,
    reads        INTEGER NOT NULL,
    last_read_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX access_use_path ON access_use (path);
