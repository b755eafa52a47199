-- What a database holds, one line per table, sequence and large object, the same
-- text for the same contents: "table shop.orders|number of rows|hash of them",
-- where the hash does not depend on the order of rows.
\set ON_ERROR_STOP on
SET search_path = pg_catalog;
SET DateStyle = 'ISO, YMD';
SET IntervalStyle = 'postgres';
SET TimeZone = 'UTC';
SET bytea_output = 'hex';
SET row_security = off;

CREATE TEMP VIEW compared AS
SELECT c.oid, n.nspname, c.relname, c.relkind, c.relispopulated
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'm', 'S') AND c.relpersistence <> 't'
   AND n.nspname NOT IN ('pg_catalog', 'information_schema')
   AND NOT EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e' AND e.extname = 'pgcopydb_ext');

SELECT format('SELECT %L, count(*), coalesce(sum(hashtextextended(ROW(%s)::text, 0)::numeric), 0) FROM ONLY %I.%I',
              'table ' || replace(nspname || '.' || relname, E'\n', '\n'),
              (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attname COLLATE "C")
                 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
              nspname, relname)
  FROM compared c
 WHERE relkind IN ('r', 'm') AND relispopulated
 ORDER BY nspname COLLATE "C", relname COLLATE "C" \gexec

SELECT 'table ' || nspname || '.' || relname, 0, 'not populated'
  FROM compared WHERE NOT relispopulated ORDER BY nspname COLLATE "C", relname COLLATE "C";

SELECT format('SELECT %L, last_value, is_called FROM %I.%I', 'sequence ' || replace(nspname || '.' || relname, E'\n', '\n'), nspname, relname)
  FROM compared WHERE relkind = 'S' ORDER BY nspname COLLATE "C", relname COLLATE "C" \gexec

SELECT 'large object ' || m.oid, length(lo_get(m.oid)), md5(lo_get(m.oid)), pg_get_userbyid(m.lomowner), m.lomacl,
       obj_description(m.oid, 'pg_largeobject')
  FROM pg_largeobject_metadata m ORDER BY m.oid;
