-- features_17.sql
--	  What PostgreSQL 17 brought, as far as a clone has to carry it; see features_16.sql.
CREATE SCHEMA features_17;
SET search_path = features_17;

-- MAINTAIN, in privileges and in default privileges
CREATE TABLE maintained (id int PRIMARY KEY);
INSERT INTO maintained SELECT generate_series(1, 10);
GRANT MAINTAIN ON maintained TO features_reader WITH GRANT OPTION;
REVOKE MAINTAIN ON maintained FROM CURRENT_USER;
ALTER DEFAULT PRIVILEGES IN SCHEMA features_17 GRANT MAINTAIN ON TABLES TO features_reader;
CREATE MATERIALIZED VIEW maintained_too AS SELECT count(*) FROM maintained;

-- identity columns, exclusion constraints and the access method of partitioned tables
CREATE ACCESS METHOD features_heap TYPE TABLE HANDLER heap_tableam_handler;
CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA public;
CREATE TABLE numbered (id bigint GENERATED ALWAYS AS IDENTITY (START 1000 INCREMENT 3), k int, r int4range,
	EXCLUDE USING gist (k WITH =, r WITH &&)) PARTITION BY LIST (k) USING features_heap;
CREATE TABLE numbered_1 PARTITION OF numbered FOR VALUES IN (1);
CREATE TABLE numbered_2 PARTITION OF numbered FOR VALUES IN (2) PARTITION BY RANGE (k);
CREATE TABLE numbered_2_all PARTITION OF numbered_2 DEFAULT USING heap;
INSERT INTO numbered (k, r) SELECT 1 + g % 2, int4range(g * 10, g * 10 + 9) FROM generate_series(1, 1000) g;

-- infinite intervals, also as keys and bounds
CREATE TABLE lasting (i interval PRIMARY KEY, n int) PARTITION BY RANGE (i);
CREATE TABLE lasting_short PARTITION OF lasting FOR VALUES FROM ('-infinity') TO ('1 day');
CREATE TABLE lasting_long PARTITION OF lasting DEFAULT;
INSERT INTO lasting VALUES ('-infinity', 1), ('infinity', 2), ('-1 s', 3), ('1 year', 4), ('1 day', 5);
CREATE TABLE spans AS SELECT array_agg(i) AS a, max(i) AS high FROM lasting;

-- builtin collations
CREATE COLLATION quick (provider = builtin, locale = 'C.UTF-8');
CREATE TABLE words (a text COLLATE quick PRIMARY KEY, b text COLLATE pg_c_utf8);
INSERT INTO words SELECT chr(200 + g) || g, upper(chr(200 + g)) FROM generate_series(1, 300) g;
CREATE INDEX words_upper ON words (upper(b COLLATE pg_c_utf8), a DESC);

-- JSON_TABLE and the query functions
CREATE TABLE documents (id int PRIMARY KEY, doc jsonb);
INSERT INTO documents SELECT g, jsonb_build_object('a', g, 'list', jsonb_build_array(jsonb_build_object('b', g), jsonb_build_object('b', g + 1)))
	FROM generate_series(1, 20) g;
CREATE VIEW unfolded AS SELECT d.id, t.* FROM documents d,
	JSON_TABLE(d.doc, '$' PASSING 1 AS first COLUMNS (
		row_number FOR ORDINALITY, a int PATH '$.a' DEFAULT 0 ON EMPTY ERROR ON ERROR,
		has_list boolean EXISTS PATH '$.list',
		raw jsonb FORMAT JSON PATH '$.list' WITH CONDITIONAL WRAPPER KEEP QUOTES,
		NESTED PATH '$.list[*]' AS nested COLUMNS (b int PATH '$.b'))) AS t;
CREATE MATERIALIZED VIEW unfolded_rows AS SELECT * FROM unfolded;
CREATE VIEW queried AS SELECT JSON_VALUE(doc, '$.a' RETURNING int DEFAULT 1 ON EMPTY) AS a,
	JSON_QUERY(doc, '$.list[0]' WITH WRAPPER NULL ON ERROR) AS q, JSON_EXISTS(doc, '$.b' FALSE ON ERROR) AS e FROM documents;
CREATE INDEX documents_a ON documents (JSON_VALUE(doc, '$.a' RETURNING int)) WHERE JSON_EXISTS(doc, '$.list');

-- MERGE with RETURNING, by source too, into a view
CREATE VIEW documents_view AS SELECT id, doc FROM documents;
CREATE FUNCTION merge_all() RETURNS SETOF text LANGUAGE sql
BEGIN ATOMIC
	MERGE INTO documents_view AS d USING (SELECT generate_series(1, 3) AS id) AS s ON d.id = s.id
		WHEN MATCHED THEN UPDATE SET doc = '{}'
		WHEN NOT MATCHED BY SOURCE AND d.id > 100 THEN DELETE
		WHEN NOT MATCHED BY TARGET THEN INSERT VALUES (s.id, NULL)
		RETURNING merge_action() || d.id;
END;

-- a login trigger: it must not stop the sessions of a clone, or those that build one
CREATE FUNCTION greet() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('features.greeted', 'yes', false);
END $$;
CREATE EVENT TRIGGER features_greet ON login EXECUTE FUNCTION greet();
ALTER EVENT TRIGGER features_greet ENABLE ALWAYS;

CREATE SUBSCRIPTION features_failover CONNECTION 'host=127.0.0.1 port=1 dbname=none' PUBLICATION none
	WITH (connect = false, slot_name = NONE, enabled = false, failover = true, origin = none, password_required = false, run_as_owner = true);
RESET search_path;
