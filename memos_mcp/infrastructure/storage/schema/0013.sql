-- Rules say from which classes of sources a memory comes: those of all its versions, user if they say nothing.
CREATE TABLE came (memory INTEGER PRIMARY KEY, old INTEGER NOT NULL, rules TEXT NOT NULL, restricted INTEGER NOT NULL)
STRICT;
INSERT INTO came
SELECT c.memory, c.policy, json_set(r.rules, '$.came_from', json(c.classes)), r.restricted
FROM (
    SELECT memory, policy, json_group_array(class) AS classes
    FROM (
        SELECT DISTINCT m.memory, m.policy, coalesce(json_extract(v.content, '$.origin.source_class'), 'user') AS class
        FROM memory m JOIN version v ON v.memory = m.memory
        WHERE v.content IS NOT NULL AND json_valid(v.content)
        ORDER BY m.memory, class
    )
    GROUP BY memory
) c
JOIN policy r ON r.policy = c.policy
WHERE c.classes <> '["user"]' AND json_valid(r.rules);
INSERT OR IGNORE INTO policy (rules, restricted) SELECT rules, restricted FROM came;
INSERT OR IGNORE INTO guest
SELECT DISTINCT g.name, p.policy FROM came c JOIN guest g ON g.policy = c.old JOIN policy p ON p.rules = c.rules;
UPDATE memory SET policy = (SELECT p.policy FROM came c JOIN policy p ON p.rules = c.rules
    WHERE c.memory = memory.memory)
WHERE memory IN (SELECT memory FROM came);
-- Lanes keep rules by row: they are made anew from the log.
DELETE FROM segment WHERE EXISTS (SELECT 1 FROM came);
DROP TABLE came;
