-- OIDs of types inside of values: those of another database are taken, those of
-- other built-in types are not, and no image does harm.
CREATE EXTENSION pgcopy_fuzz;
-- An error that the module catches leaves the reference to a tuple descriptor behind.
SET client_min_messages = error;
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TYPE pair AS (a int, m mood, ms mood[]);
CREATE TYPE moods AS RANGE (subtype = mood);
CREATE TYPE pairs AS RANGE (subtype = pair);
CREATE DOMAIN pair_list AS pair[];
CREATE TYPE all_of_it AS (p pair, s pair_list, r pairs);
-- The image of a value, with the OIDs of another database.
CREATE FUNCTION foreign_image(image bytea) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
	t oid;
	at int;
BEGIN
	FOR t IN SELECT oid FROM pg_type WHERE oid >= 16384 LOOP
		LOOP
			at := position(int4send(t::int) IN image);
			EXIT WHEN at = 0;
			image := overlay(image PLACING '\x00fffffe' FROM at);
		END LOOP;
	END LOOP;
	RETURN image;
END $$;
CREATE TABLE samples (type regtype, sample text, image bytea);
INSERT INTO samples
SELECT 'mood[]'::regtype, v, array_send(v::mood[]) FROM unnest('{"{}","{sad,NULL,ok}","[3:4][1:1]={{sad},{ok}}"}'::text[]) AS v UNION ALL
SELECT 'pair', v, record_send(v::pair) FROM unnest(ARRAY['(,,)', '(1,sad,"{ok,NULL}")']) AS v UNION ALL
SELECT 'pair[]', v, array_send(v::pair[]) FROM unnest(ARRAY['{"(1,sad,\"{ok,NULL}\")",NULL}']) AS v UNION ALL
SELECT 'moods', v, range_send(v::moods) FROM unnest(ARRAY['[sad,ok)', 'empty', '(,)']) AS v UNION ALL
SELECT 'pairs', v, range_send(v::pairs) FROM unnest(ARRAY['["(1,sad,{ok})","(2,,)")', 'empty', '["(1,,)",)']) AS v UNION ALL
SELECT 'pairs_multirange', v, multirange_send(v::pairs_multirange) FROM unnest(ARRAY['{["(1,sad,{ok})","(2,,)"),["(3,,)",)}', '{}']) AS v UNION ALL
SELECT 'pair_list', v, array_send(v::pair_list) FROM unnest(ARRAY['{"(1,sad,\"{ok,NULL}\")",NULL}']) AS v UNION ALL
SELECT 'all_of_it', v, record_send(v::all_of_it) FROM unnest(ARRAY['("(1,sad,{ok})","{""(1,sad,{ok})""}","[""(1,sad,{ok})"",""(2,,)"")")', '(,,)']) AS v;
SELECT type, sample, foreign_image(image) <> image AS is_foreign, pgcopy_fuzz_decode(type, -1, foreign_image(image)) = sample AS is_equal
FROM samples ORDER BY type::text COLLATE "C", sample COLLATE "C";
-- A column of another built-in type, and one of no built-in type instead of one.
SELECT pgcopy_fuzz_decode('pair', -1, overlay(record_send('(1,,)'::pair) PLACING int4send('text'::regtype::oid::int) FROM 5)) AS text_for_int,
	pgcopy_fuzz_decode('pair', -1, overlay(record_send('(1,,)'::pair) PLACING int4send(99999) FROM 5)) AS unknown_for_int,
	pgcopy_fuzz_decode('mood[]', -1, '\x') AS nothing, pgcopy_fuzz_decode('pairs', -1, '\x06') AS cut_short;
-- What the receive function of tsvector takes and its input function does not make.
SELECT pgcopy_fuzz_decode('tsvector', -1, '\x00000001610000010001') AS fine, pgcopy_fuzz_decode('tsvector', -1, '\x00000001610000010000') AS position_0,
	pgcopy_fuzz_decode('tsvector', -1, '\x000000026100000061000000') AS twice;
-- Not compared with the receive function, which may take another OID for an error.
SELECT type, pgcopy_fuzz(type, -1, array_agg(sample), 20000, 20240917) >= 0 AS is_harmless FROM samples GROUP BY type ORDER BY type::text COLLATE "C";
DROP TABLE samples;
DROP EXTENSION pgcopy_fuzz;
