-- The statements that build all indexes, with their sizes; by builder "server" or "ours".
SET search_path = pg_catalog;
SELECT pg_table_size(i.indrelid), CASE :'builder' WHEN 'server' THEN pg_get_indexdef(i.indexrelid) || ';'
       ELSE format('SELECT public.pgcopy_index_create(%L);', pg_get_indexdef(i.indexrelid)) END
  FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
 WHERE c.relkind = 'r' AND c.oid >= 16384
   AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')
 ORDER BY 1 DESC;
