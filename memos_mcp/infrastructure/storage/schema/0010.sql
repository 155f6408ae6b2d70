-- Rules of namespaces, as JSON: all that one says from a line of the log on; the last line of a path counts.
CREATE TABLE inheritance (
    seq   INTEGER PRIMARY KEY REFERENCES event,
    path  TEXT NOT NULL,
    rules TEXT NOT NULL
) STRICT;
