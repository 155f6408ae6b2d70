"""What a commit says to the tables of memories."""

from __future__ import annotations

MOVED = "UPDATE memory SET state = ? WHERE memory = ?"
OVER = "UPDATE memory SET state = ?, once = NULL WHERE memory = ?"
COMPACTED = """UPDATE version SET payload = NULL, packed = NULL, content = NULL, salt = NULL
    WHERE memory = ? AND version = ?"""
IS_HELD = """SELECT 1 FROM memory m JOIN policy p ON p.policy = m.policy
    WHERE m.memory = ? AND json_extract(p.rules, '$.held')"""
NEW_MEMORY = """INSERT INTO memory
    (branch, id, place, key, once, version, state, policy, quarantined, expires, created_at)
    VALUES (?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?) ON CONFLICT (branch, place, once) WHERE once IS NOT NULL DO NOTHING"""
SIGHTING = """INSERT INTO sighting VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (memory, source, coalesce(position, -1)) WHERE source <> '' DO NOTHING"""
FREEZE = "UPDATE memory SET thaws_to = state, state = 'frozen' WHERE memory = ?"
THAW = "UPDATE memory SET state = coalesce(thaws_to, 'activated'), thaws_to = NULL WHERE memory = ?"
CURRENT = """SELECT m.memory, m.version, m.place, p.path, m.created_at, m.quarantined, m.state
    FROM memory m JOIN place p ON p.place = m.place
    WHERE m.branch = ? AND m.id = ? AND m.forgotten IS NULL"""
REVISION = """INSERT INTO revision (seq, memory, old, old_expires, new, new_expires)
    SELECT ?1, memory, policy, expires, ?2, ?3 FROM memory WHERE memory = ?4"""
RULES_OF = "SELECT r.rules FROM memory m JOIN policy r ON r.policy = m.policy WHERE m.memory = ?"
HELD_BY = """SELECT json_extract(r.rules, '$.owner'), r.restricted OR (json_extract(r.rules, '$.came_from') NOTNULL
    AND EXISTS (SELECT 1 FROM inheritance WHERE rules LIKE '%"from-%')), m.expires FROM memory m
    JOIN policy r ON r.policy = m.policy WHERE m.branch = ? AND m.place = ? AND m.once = ?"""
KNOWN = "SELECT memory, id, version, state FROM memory WHERE branch = ? AND place = ? AND once = ?"
FIRST = "SELECT created_at, at, salt, digest, payload, content FROM cube WHERE memory = ? AND version = 1"
FIRST_OF = """SELECT created_at, at, salt, digest, payload, content FROM cube
    WHERE branch = 'main' AND id = ? AND version = 1"""
