-- The extension comes whole and goes whole.
SET client_min_messages = warning;
CREATE SCHEMA elsewhere;
CREATE EXTENSION pgcopydb_ext SCHEMA elsewhere;
SELECT pg_describe_object(classid, objid, 0) AS object
FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pgcopydb_ext')
AND classid <> 'pg_type'::regclass
ORDER BY pg_describe_object(classid, objid, 0) COLLATE "C";

-- Every function, view and table says what it is.
SELECT pg_describe_object(d.classid, d.objid, 0) AS without_comment
FROM pg_depend AS d
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pgcopydb_ext')
AND NOT EXISTS (SELECT FROM pg_description AS c
	WHERE c.classoid = d.classid AND c.objoid = d.objid AND c.objsubid = 0)
AND pg_describe_object(d.classid, d.objid, 0) !~ '^(type|sequence)';

-- What acts is not for everybody, only what the views need; and nobody reads the tables.
SELECT p.oid::regprocedure AS for_everybody
FROM pg_proc AS p JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
WHERE d.deptype = 'e' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pgcopydb_ext')
AND (proacl IS NULL OR EXISTS (SELECT FROM aclexplode(proacl) WHERE grantee = 0))
ORDER BY p.oid::regprocedure::text COLLATE "C";
SELECT relname FROM pg_class
WHERE relnamespace = 'pgcopy'::regnamespace AND relkind = 'r'
AND EXISTS (SELECT FROM aclexplode(relacl) WHERE grantee = 0);

DROP EXTENSION pgcopydb_ext;
SELECT count(*) AS left_behind FROM pg_namespace WHERE nspname = 'pgcopy';
DROP SCHEMA elsewhere;
