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
