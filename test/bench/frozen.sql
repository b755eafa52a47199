-- How clean the pages are that a clone has written: non-empty pages of the main
-- forks that are not all-visible and all-frozen, rows that the maps are wrong
-- about, the same pages of TOAST tables, and TOAST pages in all.
CREATE EXTENSION IF NOT EXISTS pg_visibility;
CREATE EXTENSION IF NOT EXISTS pageinspect;
WITH ours AS MATERIALIZED (
    SELECT c.oid, c.reltoastrelid
      FROM pg_class AS c
     WHERE c.relkind = 'r' AND c.oid >= 16384
       AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e'))
SELECT (SELECT count(*) FROM ours, pg_visibility_map(ours.oid) AS v
         WHERE CASE WHEN v.all_visible AND v.all_frozen THEN false
                    ELSE (page_header(get_raw_page(ours.oid::regclass::text, v.blkno::integer))).lower > 24 END),
       (SELECT count(*) FROM ours, pg_check_frozen(ours.oid)) + (SELECT count(*) FROM ours, pg_check_visible(ours.oid)),
       (SELECT count(*) FROM ours, pg_visibility_map(ours.reltoastrelid) AS v
         WHERE ours.reltoastrelid <> 0 AND NOT (v.all_visible AND v.all_frozen)),
       (SELECT coalesce(sum(pg_relation_size(reltoastrelid)), 0)::bigint / current_setting('block_size')::integer
          FROM ours WHERE reltoastrelid <> 0);
