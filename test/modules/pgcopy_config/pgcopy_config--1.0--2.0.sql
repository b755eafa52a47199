\echo Use "ALTER EXTENSION pgcopy_config UPDATE" to load this file. \quit

ALTER TABLE ranks DROP COLUMN old;
ALTER TABLE ranks ADD COLUMN since int NOT NULL DEFAULT 2;
ALTER TABLE bag ADD COLUMN since int NOT NULL DEFAULT 2;
DROP VIEW numbers;
