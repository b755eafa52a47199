-- No type takes a value that is longer than a varlena can be, and none looks at it.
CREATE EXTENSION pgcopy_fuzz;
SELECT t.type::regtype, t.typmod, pgcopy_fuzz_lengths(t.type::regtype, t.typmod) AS accepted
FROM (VALUES ('bytea', -1), ('text', -1), ('varchar', -1), ('varchar', 9), ('bpchar', -1), ('bpchar', 9), ('name', -1),
	('json', -1), ('jsonb', -1), ('numeric', -1), ('numeric', (10 << 16) + 3 + 4), ('int4', -1), ('uuid', -1), ('interval', -1),
	('inet', -1), ('cidr', -1), ('bit', 8), ('varbit', -1), ('path', -1), ('polygon', -1), ('int4range', -1),
	('text[]', -1), ('int4[]', -1), ('jsonb[]', -1), ('bit[]', 8), ('bpchar[]', 9)) AS t (type, typmod);
-- Where there is no address space for it, nothing is tested.
SELECT coalesce(pgcopy_fuzz_longest(), 1073741819) AS longest;
DROP EXTENSION pgcopy_fuzz;
