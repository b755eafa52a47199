\echo Use "CREATE EXTENSION pgcopy_config" to load this file. \quit

-- Configuration as a whole: the rows of the script are dumped too.
CREATE TABLE ranks (id int PRIMARY KEY, name text, weight float8, old text, CHECK (id > 0));
INSERT INTO ranks VALUES (1, 'one', 1.5, NULL), (2, 'two', 'NaN', ''), (3, repeat('three', 1000), NULL, 'x');
SELECT pg_catalog.pg_extension_config_dump('ranks', '');

-- Without a key, and of a type without an equality operator.
CREATE TABLE bag (what text, body json);
INSERT INTO bag VALUES ('a', '{"a": 1}'), ('a', '{"a": 1}'), (NULL, NULL);
SELECT pg_catalog.pg_extension_config_dump('bag', '');

-- A key that may be NULL, one on a generated column and one on an expression.
CREATE TABLE places (
	x int,
	y int,
	name text NOT NULL,
	short text GENERATED ALWAYS AS (left(name, 3)) STORED UNIQUE,
	UNIQUE (x, y)
);
CREATE UNIQUE INDEX ON places (lower(name));
INSERT INTO places VALUES (1, NULL, 'middle'), (1, NULL, 'upper'), (1, 1, 'Lower');
SELECT pg_catalog.pg_extension_config_dump('places', '');

CREATE SEQUENCE tickets;
SELECT nextval('tickets');
SELECT pg_catalog.pg_extension_config_dump('tickets', '');

-- Members of other kinds, and what belongs to them.
CREATE TYPE pair AS (a int, b text);
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TYPE pair_of_moods AS (one mood, other mood, number pair[]);
CREATE TYPE moods AS RANGE (subtype = mood);
CREATE DOMAIN small AS int CHECK (value < 100);
CREATE TABLE numbered (id serial PRIMARY KEY, other int GENERATED ALWAYS AS IDENTITY, long text);
CREATE VIEW numbers AS SELECT id FROM numbered;
CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM numbered;
CREATE INDEX ON counted (n);
CREATE FUNCTION mood_of(pair) RETURNS mood LANGUAGE sql AS 'SELECT NULL::@extschema@.mood';
CREATE CAST (pair AS mood) WITH FUNCTION mood_of(pair);
CREATE FUNCTION differs(pair, mood) RETURNS bool LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR <~> (FUNCTION = differs, LEFTARG = pair, RIGHTARG = mood);
CREATE TEXT SEARCH DICTIONARY plain_words (TEMPLATE = pg_catalog.simple);
CREATE TEXT SEARCH CONFIGURATION plain (COPY = pg_catalog.simple);
CREATE COLLATION bytes FROM pg_catalog."C";
CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER pgcopy_config_watch ON ddl_command_end EXECUTE FUNCTION watch();
