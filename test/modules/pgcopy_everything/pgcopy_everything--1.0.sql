\echo Use "CREATE EXTENSION pgcopy_everything" to load this file. \quit

-- Not configuration, neither of them: what users put here is not dumped.
CREATE TABLE member_cache (a int PRIMARY KEY, t text);
INSERT INTO member_cache VALUES (1, 'of the script');
CREATE SEQUENCE member_ticket;

-- Configuration as a whole.
CREATE TABLE "Config ""all""" (
	name text PRIMARY KEY,
	"a value" text,
	gone int,
	at timestamptz NOT NULL DEFAULT '2000-01-01 00:00:00+00',
	length int GENERATED ALWAYS AS (octet_length(name)) STORED
);
ALTER TABLE "Config ""all""" DROP COLUMN gone;
SELECT pg_catalog.pg_extension_config_dump('"Config ""all"""', '');

-- Configuration under a condition; references the one above, itself and one
-- that comes later in every order there is.
CREATE TABLE config_later (id int PRIMARY KEY);
CREATE TABLE config_own (
	id bigserial PRIMARY KEY,
	is_builtin bool NOT NULL DEFAULT false,
	name text REFERENCES "Config ""all""",
	parent bigint REFERENCES config_own,
	later int REFERENCES config_later,
	body jsonb,
	padding text
);
CREATE INDEX ON config_own (lower(name));
INSERT INTO config_own (is_builtin, body) VALUES (true, '{"n": 1}'), (true, '{"n": 2}'), (true, NULL);
SELECT pg_catalog.pg_extension_config_dump('config_own', 'WHERE NOT is_builtin');
SELECT pg_catalog.pg_extension_config_dump('config_own_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('config_later', 'WHERE id IS NOT NULL ORDER BY id');

-- A sequence of its own.
CREATE SEQUENCE config_number INCREMENT -5 MINVALUE -1000 MAXVALUE -1 CYCLE;
SELECT pg_catalog.pg_extension_config_dump('config_number', '');

-- A trigger of the extension: rows that are copied do not fire it.
CREATE TABLE config_log (what text);
SELECT pg_catalog.pg_extension_config_dump('config_log', '');
CREATE FUNCTION note_setting() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
	INSERT INTO config_log VALUES (tg_op || ' ' || new.name);
	RETURN new;
END $$;
CREATE TRIGGER note_setting BEFORE INSERT ON "Config ""all""" FOR EACH ROW EXECUTE FUNCTION note_setting();
