-- The statements that send everything to nowhere, with their sizes: whole tables,
-- those larger than :split bytes in :chunks ranges of blocks.
SELECT pg_table_size(c.oid) / p.parts,
       CASE WHEN p.parts = 1 THEN format('COPY %s TO STDOUT (FORMAT binary);', c.oid::regclass)
            ELSE format('COPY (SELECT * FROM ONLY %s WHERE ctid >= %L AND ctid < %L) TO STDOUT (FORMAT binary);', c.oid::regclass,
                        format('(%s,0)', b.blocks * part / p.parts), format('(%s,0)', b.blocks * (part + 1) / p.parts)) END
  FROM pg_class AS c,
       LATERAL (SELECT pg_relation_size(c.oid) / current_setting('block_size')::integer AS blocks) AS b,
       LATERAL (SELECT CASE WHEN :split > 0 AND pg_table_size(c.oid) > :split THEN :chunks ELSE 1 END AS parts) AS p,
       LATERAL generate_series(0, p.parts - 1) AS part
 WHERE c.relkind = 'r' AND c.oid >= 16384
UNION ALL
SELECT pg_table_size('pg_largeobject'), 'COPY pg_largeobject TO STDOUT (FORMAT binary);'
 WHERE EXISTS (SELECT FROM pg_largeobject_metadata)
 ORDER BY 1 DESC;
