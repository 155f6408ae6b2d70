-- The ledger: small values that belong to the vault and are no memories, such as tokens (their hashes) and keys.
-- restore leaves it as it is: who may come in is decided now, not when a backup was made.
CREATE TABLE ledger (
    kind     TEXT NOT NULL,
    key      TEXT NOT NULL,
    value    TEXT NOT NULL,
    revision INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT;
