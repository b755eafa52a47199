-- The statements that build all indexes, with their sizes.
SELECT pg_table_size(i.indrelid), pg_get_indexdef(i.indexrelid) || ';'
  FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
 WHERE c.relkind = 'r' AND c.oid >= 16384
   AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')
 ORDER BY 1 DESC;
