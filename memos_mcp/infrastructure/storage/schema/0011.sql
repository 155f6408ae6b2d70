-- What-if branches: an original as of a position of the log, and over it memories of a branch of their own, at places
-- beneath branch/<branch>/. A branch that was dropped has no row.
CREATE TABLE branch (
    branch TEXT PRIMARY KEY,
    label  TEXT NOT NULL,
    path   TEXT NOT NULL,
    seq    INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    caller TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX branch_label ON branch (path, label);
CREATE INDEX memory_over ON memory (id) WHERE branch <> 'main';
CREATE INDEX event_over ON event (branch, seq) WHERE branch <> 'main';
