-- A clone from another database of this server.
SET client_min_messages = warning;
CREATE DATABASE regress_pgcopy_source TEMPLATE template0;
\set here :DBNAME
\c regress_pgcopy_source
CREATE TABLE customer (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, upper_name text GENERATED ALWAYS AS (upper(name)) STORED);
CREATE TABLE "Order ""x""" (id bigserial PRIMARY KEY, customer int REFERENCES customer, total numeric(10, 2), placed date);
CREATE TABLE nothing ();
CREATE INDEX ON "Order ""x""" (placed) INCLUDE (total);
CREATE VIEW best AS SELECT c.name, sum(o.total) FROM customer c JOIN "Order ""x""" o ON o.customer = c.id GROUP BY c.id;
CREATE MATERIALIZED VIEW best_of AS SELECT * FROM best;
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'a trigger fired'; END $$;
INSERT INTO customer (name) SELECT 'c' || i FROM generate_series(1, 100) AS i;
INSERT INTO "Order ""x""" (customer, total, placed) SELECT i % 100 + 1, i * 1.25, date '2020-01-01' + i FROM generate_series(1, 1000) AS i;
INSERT INTO nothing SELECT FROM generate_series(1, 7);
REFRESH MATERIALIZED VIEW best_of;
CREATE TRIGGER t BEFORE INSERT ON customer FOR EACH ROW EXECUTE FUNCTION refuse();
\c :here
SET client_min_messages = warning;
SELECT format('host=%s port=%s dbname=regress_pgcopy_source user=%s', current_setting('unix_socket_directories'), current_setting('port'), current_user) AS source \gset

-- Never when the caller rolls back.
BEGIN;
SELECT pgcopy_clone(:'source') > 0 AS ordered;
ROLLBACK;
SELECT count(*) FROM pgcopy_jobs;

SELECT pgcopy_clone(:'source', table_jobs => 2, index_jobs => 2) AS job \gset
SELECT pgcopy_wait(:job);
SELECT state, percent, progress, tables, indexes, copied, eta FROM pgcopy_progress WHERE job = :job;
SELECT state, tables_done, tables_total, indexes_done, indexes_total, rows_done, errors, arguments->'table_jobs' AS table_jobs FROM pgcopy_jobs WHERE job = :job;
SELECT schema_name, table_name, state, format, chunks_done, chunks_total, rows_done, percent, attempts FROM pgcopy_tables WHERE job = :job ORDER BY table_name COLLATE "C";
SELECT schema_name, index_name, kind, table_name, state, percent, built_by, built_reason FROM pgcopy_indexes WHERE job = :job ORDER BY index_name COLLATE "C", kind;
SELECT step, connection, items, concurrency FROM pgcopy_summary(:job);
SELECT * FROM pgcopy_errors WHERE job = :job;
SELECT count(*) FROM pgcopy_workers;
SELECT conninfo IS NULL AS wiped FROM pgcopy.job WHERE id = :job;
SELECT pgcopy_resume(:job);

-- The same rows, defaults that go on, constraints that hold.
SELECT count(*), min(upper_name), max(id) FROM customer;
SELECT count(*), sum(total) FROM "Order ""x""";
SELECT count(*) FROM nothing;
SELECT count(*), max(sum) FROM best_of;
INSERT INTO "Order ""x""" (customer) VALUES (1) RETURNING id;
INSERT INTO "Order ""x""" (customer) VALUES (1000);
INSERT INTO customer (name) VALUES ('x');
SELECT conname, contype, convalidated FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n' ORDER BY conname COLLATE "C";

-- A second one finds that all is there already.
SELECT pgcopy_clone(:'source') AS job \gset
SELECT pgcopy_wait(:job);
SELECT sqlstate, message, hint, is_final FROM pgcopy_errors WHERE job = :job;
SELECT message FROM pgcopy_progress WHERE job = :job;
SELECT conninfo IS NULL AS wiped FROM pgcopy.job WHERE id = :job;
SELECT pgcopy_cancel(:job);

-- Options that another version has written: what is missing has its default, a
-- value that does not fit is named.
DROP TABLE customer, "Order ""x""", nothing CASCADE;
DROP FUNCTION refuse;
\set SHOW_CONTEXT always
UPDATE pgcopy.job SET options = '{"table_jobs": 99}' WHERE id = :job;
SELECT pgcopy_resume(:job);
UPDATE pgcopy.job SET options = '{"no_owner": "perhaps"}' WHERE id = :job;
SELECT pgcopy_resume(:job);
UPDATE pgcopy.job SET options = '{"index_jobs": [4]}' WHERE id = :job;
SELECT pgcopy_resume(:job);
UPDATE pgcopy.job SET options = '{"format": "text", "of_another_version": [1]}' WHERE id = :job;
\set SHOW_CONTEXT errors
SELECT pgcopy_resume(:job) = :job AS resumed;
SELECT pgcopy_wait(:job);
SELECT state, arguments FROM pgcopy_jobs WHERE job = :job;
SELECT DISTINCT format FROM pgcopy_tables WHERE job = :job;
SELECT pgcopy_drop(:job);
SELECT count(*) FROM pgcopy_jobs WHERE job = :job;

-- This very database.
SELECT pgcopy_clone(replace(:'source', 'regress_pgcopy_source', current_database()));

DROP TABLE customer, "Order ""x""", nothing CASCADE;
DROP FUNCTION refuse;
DROP EXTENSION pgcopydb_ext;
SELECT count(*) FROM pg_namespace WHERE nspname = 'pgcopy';
DROP DATABASE regress_pgcopy_source;
