-- Schemas, extensions, types, functions, operators, text search, languages.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET check_function_bodies = on;

CREATE SCHEMA ev AUTHORIZATION ev_owner;
COMMENT ON SCHEMA ev IS 'the main schema; it''s quoted, 100% \ and
has a second line';
CREATE SCHEMA ev2;
CREATE SCHEMA "Ev ""Odd"" Schema";
CREATE SCHEMA "select";
CREATE SCHEMA pgcopy_x;
CREATE SCHEMA ext;
CREATE SCHEMA "Ext.Odd ""x""";
CREATE SCHEMA ev_empty;
COMMENT ON SCHEMA public IS 'public with a comment of its own';
GRANT USAGE, CREATE ON SCHEMA public TO ev_writer;
GRANT USAGE ON SCHEMA ev TO ev_reader WITH GRANT OPTION;
GRANT ALL ON SCHEMA ev TO "ev_Odd ""Role""", "ev-hyphen 'role' 100%";
ALTER SCHEMA ev2 OWNER TO "ev_Odd ""Role""";

-- extensions
CREATE EXTENSION hstore SCHEMA "Ext.Odd ""x""";
CREATE EXTENSION citext SCHEMA ext;
CREATE EXTENSION pg_trgm SCHEMA ext;
CREATE EXTENSION ltree SCHEMA "Ext.Odd ""x""";
CREATE EXTENSION cube SCHEMA public;
CREATE EXTENSION seg SCHEMA ext;
CREATE EXTENSION btree_gist SCHEMA public;
CREATE EXTENSION btree_gin SCHEMA ext;
CREATE EXTENSION intarray SCHEMA ext;
CREATE EXTENSION bloom SCHEMA ext;
CREATE EXTENSION unaccent SCHEMA ext;
CREATE EXTENSION "uuid-ossp" SCHEMA ext;
CREATE EXTENSION isn SCHEMA ext;
CREATE EXTENSION tcn SCHEMA ext;
CREATE EXTENSION lo SCHEMA ext;
CREATE EXTENSION postgres_fdw SCHEMA ext;
CREATE EXTENSION file_fdw SCHEMA ext;
CREATE EXTENSION pgcopy_everything SCHEMA ext;
COMMENT ON EXTENSION hstore IS 'our own comment on hstore, ''quoted''';
GRANT EXECUTE ON FUNCTION ext.uuid_nil() TO ev_reader;
REVOKE EXECUTE ON FUNCTION ext.unaccent(text) FROM PUBLIC;

-- languages
CREATE FUNCTION ev.call_handler() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
CREATE FUNCTION ev.inline_handler(internal) RETURNS void LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_inline_handler';
CREATE FUNCTION ev.validator(oid) RETURNS void LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_validator';
CREATE LANGUAGE ev_plpgsql HANDLER ev.call_handler INLINE ev.inline_handler VALIDATOR ev.validator;
CREATE TRUSTED LANGUAGE ev_trusted HANDLER ev.call_handler;
COMMENT ON LANGUAGE ev_plpgsql IS 'a language';
REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC;
GRANT USAGE ON LANGUAGE plpgsql TO ev_owner, ev_reader;
GRANT USAGE ON LANGUAGE ev_trusted TO ev_reader;

-- access method
CREATE ACCESS METHOD ev_heap TYPE TABLE HANDLER heap_tableam_handler;
CREATE ACCESS METHOD ev_btree TYPE INDEX HANDLER bthandler;
COMMENT ON ACCESS METHOD ev_heap IS 'heap by another name';

-- enums, domains, composites, ranges, shell type, base type
CREATE TYPE ev.colour AS ENUM ('red', 'green', 'it''s "blue"', '', 'grün');
ALTER TYPE ev.colour ADD VALUE 'amber' AFTER 'red';
ALTER TYPE ev.colour OWNER TO ev_owner;
CREATE TYPE ev.empty_enum AS ENUM ();
CREATE TYPE "Ev ""Odd"" Schema"."Colour" AS ENUM ('RED', 'red');
CREATE TYPE ev.pair AS (a int, "B c" text, c numeric(10,2)[]);
CREATE TYPE ev.nested AS (p ev.pair, q ev.colour, r ev.pair[]);
CREATE TYPE ev.to_lose AS (x int, gone text, y text COLLATE "C");
ALTER TYPE ev.to_lose DROP ATTRIBUTE gone;
CREATE TYPE ev.nothing AS ();
COMMENT ON TYPE ev.pair IS 'a pair';
COMMENT ON COLUMN ev.pair."B c" IS 'column of a composite';
CREATE DOMAIN ev.positive AS int CONSTRAINT is_positive CHECK (VALUE > 0);
CREATE DOMAIN ev.even AS ev.positive DEFAULT 2 NOT NULL CONSTRAINT is_even CHECK (VALUE % 2 = 0);
CREATE DOMAIN ev.ints AS int[] CHECK (cardinality(VALUE) < 5);
CREATE DOMAIN ev.pair_d AS ev.pair CHECK ((VALUE).a IS DISTINCT FROM 7);
CREATE DOMAIN ev.code AS varchar(5) COLLATE "C" DEFAULT 'x''y';
ALTER DOMAIN ev.code ADD CONSTRAINT later CHECK (VALUE <> 'zzz') NOT VALID;
COMMENT ON DOMAIN ev.positive IS 'a domain';
COMMENT ON CONSTRAINT is_positive ON DOMAIN ev.positive IS 'constraint of a domain';
CREATE FUNCTION ev.float_diff(float8, float8) RETURNS float8
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT $1 - $2';
CREATE TYPE ev.floatrange AS RANGE (SUBTYPE = float8, SUBTYPE_DIFF = ev.float_diff);
CREATE TYPE ev.textrange AS RANGE (SUBTYPE = text, COLLATION = "C",
	MULTIRANGE_TYPE_NAME = ev.many_texts);
CREATE TYPE ev.colourrange AS RANGE (SUBTYPE = ev.colour);
CREATE TYPE ev.shell_only;
COMMENT ON TYPE ev.shell_only IS 'never finished';
CREATE TYPE ev.myint;
CREATE FUNCTION ev.myint_in(cstring) RETURNS ev.myint LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION ev.myint_out(ev.myint) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
CREATE TYPE ev.myint (INPUT = ev.myint_in, OUTPUT = ev.myint_out, LIKE = int4,
	CATEGORY = 'N', PREFERRED = false, DEFAULT = '42', DELIMITER = ';', COLLATABLE = false);
COMMENT ON TYPE ev.myint IS 'a base type without send and receive';
REVOKE USAGE ON TYPE ev.colour FROM PUBLIC;
GRANT USAGE ON TYPE ev.colour TO ev_reader, "ev_Odd ""Role""", ev_owner;
GRANT USAGE ON DOMAIN ev.positive TO ev_writer WITH GRANT OPTION;

-- functions, procedures, aggregates
CREATE FUNCTION ev.plus_one(int) RETURNS int LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	AS 'SELECT $1 + 1';
CREATE FUNCTION ev.new_style(a int, b text DEFAULT ';''"') RETURNS text LANGUAGE sql STABLE
	BEGIN ATOMIC
	SELECT CASE WHEN a > 0 THEN b ELSE 'END;' END;
	SELECT b || a;
	END;
CREATE FUNCTION ev.return_style(a int) RETURNS int LANGUAGE sql IMMUTABLE RETURN a * 2;
CREATE FUNCTION ev.body_with_dollars() RETURNS text LANGUAGE plpgsql SECURITY DEFINER
	SET search_path = ev, pg_temp SET work_mem = '7MB' COST 17 LEAKPROOF
	AS $body$ BEGIN RETURN $x$ ; -- not a comment ' $x$; /* BEGIN ATOMIC */ END $body$;
CREATE FUNCTION ev.in_lang() RETURNS int LANGUAGE ev_plpgsql AS 'BEGIN RETURN 1; END';
CREATE FUNCTION ev.table_fn(VARIADIC v int[], OUT a int, OUT b text) RETURNS SETOF record
	LANGUAGE sql ROWS 3 AS 'SELECT x, x::text FROM unnest(v) x';
CREATE FUNCTION ev."odd ""fn""; DROP TABLE x"("Arg %s" text) RETURNS TABLE ("out ""c""" text)
	LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION ev."new
line"() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION ev.overload(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION ev.overload(text) RETURNS int LANGUAGE sql AS 'SELECT 2';
CREATE FUNCTION ev.anything(anyelement, anyarray) RETURNS anyelement LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION ev.windowed() RETURNS bigint LANGUAGE internal WINDOW AS 'window_row_number';
CREATE FUNCTION ev.supported(int) RETURNS int LANGUAGE sql IMMUTABLE SUPPORT pg_catalog.generate_series_int4_support AS 'SELECT $1';
CREATE PROCEDURE ev.proc(INOUT a int, b text) LANGUAGE plpgsql AS $$ BEGIN a := a + 1; COMMIT; END $$;
CREATE PROCEDURE ev.atomic_proc() LANGUAGE sql BEGIN ATOMIC END;
COMMENT ON FUNCTION ev.plus_one(int) IS 'adds one';
COMMENT ON PROCEDURE ev.proc(int, text) IS 'a procedure';
REVOKE ALL ON FUNCTION ev.plus_one(int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ev.plus_one(int) TO ev_owner, "ev_Odd ""Role""", "ev-hyphen 'role' 100%";
GRANT EXECUTE ON FUNCTION ev."odd ""fn""; DROP TABLE x"(text) TO "ev_Odd ""Role""" WITH GRANT OPTION;
GRANT EXECUTE ON PROCEDURE ev.proc(int, text) TO "ev_aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff";
ALTER FUNCTION ev.body_with_dollars() OWNER TO ev_owner;
CREATE AGGREGATE ev.total(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0', COMBINEFUNC = int4pl, PARALLEL = SAFE);
CREATE AGGREGATE ev.biggest(float8) (SFUNC = float8larger, STYPE = float8, SORTOP = >);
CREATE AGGREGATE ev.pct(float8 ORDER BY anyelement) (SFUNC = ordered_set_transition, STYPE = internal,
	FINALFUNC = percentile_disc_final, FINALFUNC_EXTRA);
CREATE AGGREGATE ev.moving(int) (SFUNC = int4pl, STYPE = int, MSFUNC = int4pl, MINVFUNC = int4mi, MSTYPE = int);
COMMENT ON AGGREGATE ev.total(int) IS 'adds up';
ALTER AGGREGATE ev.total(int) OWNER TO ev_owner;

-- operators, families, classes
CREATE FUNCTION ev.abs_lt(int, int) RETURNS bool LANGUAGE sql IMMUTABLE STRICT AS 'SELECT abs($1) < abs($2)';
CREATE FUNCTION ev.abs_le(int, int) RETURNS bool LANGUAGE sql IMMUTABLE STRICT AS 'SELECT abs($1) <= abs($2)';
CREATE FUNCTION ev.abs_eq(int, int) RETURNS bool LANGUAGE sql IMMUTABLE STRICT AS 'SELECT abs($1) = abs($2)';
CREATE FUNCTION ev.abs_ge(int, int) RETURNS bool LANGUAGE sql IMMUTABLE STRICT AS 'SELECT abs($1) >= abs($2)';
CREATE FUNCTION ev.abs_gt(int, int) RETURNS bool LANGUAGE sql IMMUTABLE STRICT AS 'SELECT abs($1) > abs($2)';
CREATE FUNCTION ev.abs_cmp(int, int) RETURNS int LANGUAGE sql IMMUTABLE STRICT AS 'SELECT pg_catalog.btint4cmp(abs($1), abs($2))';
CREATE OPERATOR ev.<# (FUNCTION = ev.abs_lt, LEFTARG = int, RIGHTARG = int, COMMUTATOR = OPERATOR(ev.>#), NEGATOR = OPERATOR(ev.>=#), RESTRICT = scalarltsel, JOIN = scalarltjoinsel);
CREATE OPERATOR ev.<=# (FUNCTION = ev.abs_le, LEFTARG = int, RIGHTARG = int);
CREATE OPERATOR ev.=# (FUNCTION = ev.abs_eq, LEFTARG = int, RIGHTARG = int, COMMUTATOR = OPERATOR(ev.=#), HASHES, MERGES);
CREATE OPERATOR ev.>=# (FUNCTION = ev.abs_ge, LEFTARG = int, RIGHTARG = int, NEGATOR = OPERATOR(ev.<#));
CREATE OPERATOR ev.># (FUNCTION = ev.abs_gt, LEFTARG = int, RIGHTARG = int, COMMUTATOR = OPERATOR(ev.<#));
CREATE OPERATOR ev.!# (FUNCTION = ev.plus_one, RIGHTARG = int);
COMMENT ON OPERATOR ev.<# (int, int) IS 'by absolute value';
COMMENT ON OPERATOR ev.!# (NONE, int) IS 'prefix';
ALTER OPERATOR ev.!# (NONE, int) OWNER TO ev_owner;
CREATE OPERATOR FAMILY ev.abs_family USING btree;
CREATE OPERATOR CLASS ev.abs_ops FOR TYPE int USING btree FAMILY ev.abs_family AS
	OPERATOR 1 ev.<#, OPERATOR 2 ev.<=#, OPERATOR 3 ev.=#, OPERATOR 4 ev.>=#, OPERATOR 5 ev.>#,
	FUNCTION 1 ev.abs_cmp(int, int);
CREATE OPERATOR FAMILY ev.loose_family USING hash;
ALTER OPERATOR FAMILY ev.loose_family USING hash ADD OPERATOR 1 ev.=# (int, int);
COMMENT ON OPERATOR FAMILY ev.abs_family USING btree IS 'a family';
COMMENT ON OPERATOR CLASS ev.abs_ops USING btree IS 'a class';

-- casts, transforms, conversions, collations
CREATE FUNCTION ev.int_to_colour(int) RETURNS ev.colour LANGUAGE sql IMMUTABLE AS
	'SELECT CASE $1 WHEN 1 THEN ''red''::ev.colour ELSE ''green'' END';
CREATE CAST (int AS ev.colour) WITH FUNCTION ev.int_to_colour(int) AS ASSIGNMENT;
CREATE CAST (ev.myint AS int) WITHOUT FUNCTION AS IMPLICIT;
CREATE CAST (ev.pair AS text) WITH INOUT;
CREATE CAST (timestamptz AS interval) WITH FUNCTION age(timestamptz) AS ASSIGNMENT;
COMMENT ON CAST (int AS ev.colour) IS 'a cast';
CREATE TRANSFORM FOR int LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal), TO SQL WITH FUNCTION int4recv(internal));
COMMENT ON TRANSFORM FOR int LANGUAGE sql IS 'a transform';
CREATE DEFAULT CONVERSION ev.latin FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE CONVERSION ev.latin2 FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
COMMENT ON CONVERSION ev.latin IS 'a conversion';
CREATE COLLATION ev.german (PROVIDER = icu, LOCALE = 'de-u-co-phonebk');
CREATE COLLATION ev.nocase (PROVIDER = icu, LOCALE = 'und-u-ks-level2', DETERMINISTIC = false);
CREATE COLLATION ev.my_c FROM "C";
COMMENT ON COLLATION ev.german IS 'a collation';
ALTER COLLATION ev.german OWNER TO ev_owner;

-- text search
CREATE TEXT SEARCH PARSER ev.parser (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype, HEADLINE = prsd_headline);
CREATE TEXT SEARCH TEMPLATE ev.template (INIT = dsimple_init, LEXIZE = dsimple_lexize);
CREATE TEXT SEARCH DICTIONARY ev.dict (TEMPLATE = ev.template);
CREATE TEXT SEARCH DICTIONARY ev.stems (TEMPLATE = pg_catalog.snowball, LANGUAGE = german, STOPWORDS = german);
CREATE TEXT SEARCH CONFIGURATION ev.config (PARSER = ev.parser);
ALTER TEXT SEARCH CONFIGURATION ev.config ADD MAPPING FOR asciiword, word WITH ev.stems, ev.dict, pg_catalog.simple;
CREATE TEXT SEARCH CONFIGURATION ev.config2 (COPY = pg_catalog.english);
COMMENT ON TEXT SEARCH PARSER ev.parser IS 'a parser';
COMMENT ON TEXT SEARCH TEMPLATE ev.template IS 'a template';
COMMENT ON TEXT SEARCH DICTIONARY ev.dict IS 'a dictionary';
COMMENT ON TEXT SEARCH CONFIGURATION ev.config IS 'a configuration';
ALTER TEXT SEARCH CONFIGURATION ev.config OWNER TO ev_owner;

-- foreign data
CREATE FOREIGN DATA WRAPPER ev_fdw NO HANDLER NO VALIDATOR OPTIONS (debug 'true');
COMMENT ON FOREIGN DATA WRAPPER ev_fdw IS 'a wrapper';
CREATE SERVER ev_files FOREIGN DATA WRAPPER file_fdw;
CREATE SERVER "ev Remote ""srv""" TYPE 'pg' VERSION '15''x' FOREIGN DATA WRAPPER postgres_fdw
	OPTIONS (host '127.0.0.1', dbname 'it''s', fetch_size '10');
COMMENT ON SERVER ev_files IS 'a server';
CREATE USER MAPPING FOR PUBLIC SERVER "ev Remote ""srv""" OPTIONS (user 'nobody', password 'ev-secret-mapping');
CREATE USER MAPPING FOR "ev_Odd ""Role""" SERVER "ev Remote ""srv""" OPTIONS (user 'o''dd', password 'ev-secret-''"%\');
GRANT USAGE ON FOREIGN DATA WRAPPER ev_fdw TO ev_reader;
GRANT USAGE ON FOREIGN SERVER ev_files TO ev_reader WITH GRANT OPTION;
