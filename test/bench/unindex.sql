-- Drop all indexes and the constraints that are in the way.
SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', n.conrelid::regclass, n.conname)
  FROM pg_constraint AS n JOIN pg_class AS c ON c.oid = n.conrelid
 WHERE n.contype IN ('f', 'p', 'u', 'x') AND c.oid >= 16384
   AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')
 ORDER BY n.contype = 'f' DESC \gexec
SELECT format('DROP INDEX %s', i.indexrelid::regclass)
  FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
 WHERE c.relkind = 'r' AND c.oid >= 16384
   AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e') \gexec
