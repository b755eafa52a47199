-- DDL of every kind is seen, by the object's name; maintenance is not.
\pset format unaligned
\pset tuples_only on
\pset null '(none)'
SET client_min_messages = warning;
SET search_path = public, pg_temp;
CREATE EXTENSION pgcopy_changes;
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE DOMAIN small AS int CHECK (value < 100);
CREATE TABLE t (id int PRIMARY KEY, a text, m mood);
CREATE TABLE " of table public.t" (id int);
CREATE TABLE parts (id int, at date) PARTITION BY RANGE (at);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE INDEX i ON t (a);
CREATE SEQUENCE q;
CREATE VIEW v AS SELECT id FROM t;
CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE ROLE regress_pgcopy_reader;
SELECT changes_since(NULL) IS NOT NULL AS first_picture;
-- No change
ANALYZE; VACUUM t; VACUUM FULL t; CLUSTER t USING t_pkey; REINDEX TABLE t; REINDEX INDEX CONCURRENTLY i; REINDEX TABLE CONCURRENTLY t;
INSERT INTO t VALUES (1, 'x', 'sad'); TRUNCATE t; SELECT nextval('q'); ALTER TABLE t REPLICA IDENTITY FULL;
CREATE TEMP TABLE temporary (a int);
SET client_min_messages = error; CREATE PUBLICATION p FOR TABLE t; SET client_min_messages = warning;
SELECT changes_since(NULL);
-- Tables and columns
CREATE TABLE new (id int PRIMARY KEY, a text DEFAULT 'x'); CREATE INDEX ON new (a);
SELECT changes_since(NULL);
DROP TABLE new;
SELECT changes_since(NULL);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
SELECT changes_since(NULL);
ALTER TABLE parts DETACH PARTITION parts_2;
SELECT changes_since(NULL);
ALTER TABLE t ADD COLUMN b int;
SELECT changes_since(NULL);
ALTER TABLE t ALTER COLUMN b TYPE bigint;
SELECT changes_since(NULL);
ALTER TABLE t ALTER COLUMN b SET DEFAULT 1;
SELECT changes_since(NULL);
ALTER TABLE t ALTER COLUMN b SET NOT NULL;
SELECT changes_since(NULL);
ALTER TABLE t RENAME COLUMN b TO c;
SELECT changes_since(NULL);
ALTER TABLE t DROP COLUMN c;
SELECT changes_since(NULL);
ALTER TABLE t SET (fillfactor = 50);
SELECT changes_since(NULL);
-- What is on tables
CREATE INDEX j ON t (lower(a));
SELECT changes_since(NULL);
DROP INDEX j;
SELECT changes_since(NULL);
ALTER TABLE t ADD CONSTRAINT k CHECK (id > 0) NOT VALID;
SELECT changes_since(NULL);
ALTER TABLE t VALIDATE CONSTRAINT k;
SELECT changes_since(NULL);
CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION tf();
SELECT changes_since(NULL);
ALTER TABLE t DISABLE TRIGGER g;
SELECT changes_since(NULL);
CREATE POLICY y ON t USING (id > 1); ALTER TABLE t ENABLE ROW LEVEL SECURITY;
SELECT changes_since(NULL);
GRANT SELECT ON t TO regress_pgcopy_reader;
SELECT changes_since(NULL);
-- Types, sequences, views, functions, others
ALTER TYPE mood ADD VALUE 'calm' BEFORE 'sad';
SELECT changes_since(NULL);
ALTER DOMAIN small ADD CHECK (value > 0);
SELECT changes_since(NULL);
ALTER SEQUENCE q INCREMENT 5;
SELECT changes_since(NULL);
CREATE SEQUENCE q2;
SELECT changes_since(NULL);
CREATE OR REPLACE VIEW v AS SELECT id FROM t WHERE id > 1;
SELECT changes_since(NULL);
CREATE OR REPLACE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 2';
SELECT changes_since(NULL);
CREATE SCHEMA s;
SELECT changes_since(NULL);
-- Many
CREATE TABLE m1 (); CREATE TABLE m2 (); CREATE TABLE m3 (); CREATE TABLE m4 (); CREATE TABLE m5 (); CREATE TABLE m6 (); CREATE TABLE m7 ();
SELECT changes_since(NULL);
-- Of a part: only what is cloned, and its new partitions
SELECT format('{%s,%s}', 't'::regclass::oid, 'parts'::regclass::oid) AS only_these \gset
SELECT changes_since(:'only_these') IS NOT NULL AS another_picture;
CREATE TABLE other (a int); DROP FUNCTION f(int);
SELECT changes_since(:'only_these');
CREATE TABLE parts_3 PARTITION OF parts FOR VALUES FROM ('2023-01-01') TO ('2024-01-01'); ALTER TYPE mood ADD VALUE 'mad';
SELECT changes_since(:'only_these');
DROP OWNED BY regress_pgcopy_reader;
DROP ROLE regress_pgcopy_reader;
