-- Which request a line of the access log is part of (empty: it is one of its own), and the stages of its verb as JSON.
-- Lines from before have neither, and the chain covers them only where one is there.
ALTER TABLE access ADD COLUMN request TEXT NOT NULL DEFAULT '';
ALTER TABLE access ADD COLUMN stages TEXT NOT NULL DEFAULT '';
