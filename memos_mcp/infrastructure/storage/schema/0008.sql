-- Provenance: the versions that say what they were made from, or what they replace, are few; what comes of a memory is
-- looked for among them alone. (storage/descent.py asks in these very words, or the index is not used.)
CREATE INDEX version_descends ON version (memory)
    WHERE instr(content, '"derived_from"') OR instr(content, '"derived-from"') OR instr(content, '"supersedes"');
