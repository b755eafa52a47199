-- features_16.sql
--	  What PostgreSQL 16 brought, as far as a clone has to carry it.  Loaded into a
--	  source of 16 and newer, by the stage "matrix" and by its test.
CREATE SCHEMA features_16;
SET search_path = features_16;

CREATE ROLE features_reader;
CREATE ROLE features_member;
GRANT features_reader TO features_member WITH INHERIT FALSE, SET TRUE;

-- storage in CREATE TABLE; default storage; numbers with underscores; system_user
CREATE TABLE storage (id int PRIMARY KEY, a text STORAGE EXTERNAL COMPRESSION pglz, b bytea STORAGE PLAIN,
	who text DEFAULT system_user, n int DEFAULT 1_000_000, h int CHECK (h < 0xFFFF));
INSERT INTO storage (id, a, b, h) SELECT g, repeat('x', g * 10), decode(repeat('ff', g), 'hex'), g FROM generate_series(1, 100) g;

-- ICU rules
CREATE COLLATION rules (provider = icu, locale = 'und', rules = '& V << w <<< W');
CREATE TABLE collated (a text COLLATE rules, UNIQUE (a));
INSERT INTO collated SELECT chr(97 + g % 26) || g FROM generate_series(1, 100) g;

-- SQL/JSON constructors and IS JSON, in views, checks and indexes
CREATE TABLE documents (id int, doc text CHECK (doc IS JSON OBJECT WITH UNIQUE KEYS), list jsonb DEFAULT JSON_ARRAY(1, 2, 'x' RETURNING jsonb));
INSERT INTO documents (id, doc) SELECT g, '{"a": ' || g || '}' FROM generate_series(1, 50) g;
CREATE INDEX documents_scalar ON documents ((doc IS JSON SCALAR));
CREATE VIEW constructed AS
	SELECT JSON_OBJECT('id' VALUE id, 'doc' VALUE doc FORMAT JSON ABSENT ON NULL WITH UNIQUE KEYS) AS object,
		JSON_ARRAYAGG(id RETURNING jsonb) OVER (PARTITION BY id % 2) AS list,
		doc IS NOT JSON ARRAY AS is_no_array
	FROM documents;
CREATE VIEW aggregated AS SELECT any_value(id) AS some, JSON_OBJECTAGG(id : doc NULL ON NULL) AS all_of_them FROM documents GROUP BY id % 5;
CREATE VIEW serialized AS SELECT xmlserialize(CONTENT '<a><b/></a>'::xml AS text INDENT) AS x;
CREATE VIEW without_alias AS SELECT * FROM (SELECT 1 AS a) UNION ALL SELECT a FROM (VALUES (2)) v (a);

-- functions whose bodies are parsed
CREATE FUNCTION merge_into(wanted int) RETURNS void LANGUAGE sql
BEGIN ATOMIC
	MERGE INTO storage USING (SELECT wanted AS id) AS w ON storage.id = w.id
		WHEN MATCHED AND storage.h > 10 THEN UPDATE SET h = 10
		WHEN MATCHED THEN DELETE
		WHEN NOT MATCHED THEN INSERT (id, h) VALUES (w.id, 1);
END;

-- triggers on foreign tables of TRUNCATE; row triggers of partitioned tables
CREATE FOREIGN DATA WRAPPER features_wrapper;
CREATE SERVER features_server FOREIGN DATA WRAPPER features_wrapper;
CREATE FOREIGN TABLE far (a int) SERVER features_server;
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no''; END';
CREATE TRIGGER refuse BEFORE TRUNCATE ON far EXECUTE FUNCTION refuse();

CREATE PUBLICATION features_16 FOR TABLES IN SCHEMA features_16;
RESET search_path;
