-- What a copy must have in common with its source: counts, as fast as can be.
SELECT format('SELECT %L, count(*) FROM ONLY %s', 'rows of ' || c.oid::regclass, c.oid::regclass)
  FROM pg_class AS c
 WHERE c.relkind = 'r' AND c.relnamespace <> 'information_schema'::regnamespace AND c.oid >= 16384
   AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')
 ORDER BY c.oid::regclass::text COLLATE "C" \gexec
SELECT 'large objects', count(*) FROM pg_largeobject_metadata;
SELECT 'bytes of large objects', sum(length(data)) FROM pg_largeobject;
SELECT 'indexes', i.indisunique, i.indisvalid, count(*)
  FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
 WHERE c.relkind = 'r' AND c.oid >= 16384
   AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')
 GROUP BY 2, 3 ORDER BY 2, 3;
SELECT 'constraints', n.contype, n.convalidated, count(*)
  FROM pg_constraint AS n JOIN pg_class AS c ON c.oid = n.conrelid
 WHERE c.oid >= 16384
   AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')
 GROUP BY 2, 3 ORDER BY 2, 3;
SELECT 'sequence', schemaname, sequencename, last_value
  FROM pg_sequences WHERE schemaname <> 'pgcopy' ORDER BY schemaname COLLATE "C", sequencename COLLATE "C";
SELECT 'analyzed tables', count(DISTINCT starelid)
  FROM pg_statistic AS s JOIN pg_class AS c ON c.oid = s.starelid
 WHERE c.relkind = 'r' AND c.oid >= 16384
   AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e');
