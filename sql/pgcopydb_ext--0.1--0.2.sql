/* pgcopydb_ext 0.1 -> 0.2; CREATE EXTENSION runs it too, after that of 0.1 */

-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION pgcopydb_ext UPDATE TO '0.2'" to load this file. \quit

SET LOCAL search_path = pg_catalog, pg_temp;

--
-- Not while a job runs.  Each update script begins with this call.
--

CREATE FUNCTION pgcopy.begin_update() RETURNS void
AS 'MODULE_PATHNAME', 'pgcopy_begin_update'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION pgcopy.begin_update() IS 'for the scripts of ALTER EXTENSION pgcopydb_ext UPDATE: error if a job or a server clone runs, else locks them all; tells of those that have stopped';

REVOKE ALL ON FUNCTION pgcopy.begin_update() FROM PUBLIC;

SELECT pgcopy.begin_update();

--
-- The version that has ordered a job
--

ALTER TABLE pgcopy.job ADD COLUMN version text;

COMMENT ON COLUMN pgcopy.job.version IS 'of the extension, when the job was ordered: no other version continues it; NULL: 0.1';

CREATE OR REPLACE VIEW @extschema@.pgcopy_jobs WITH (security_barrier) AS
SELECT j.id AS job,
       CASE WHEN j.is_lost THEN 'interrupted' ELSE j.state END AS state,
       j.phase,
       CASE WHEN j.state OPERATOR(pg_catalog.=) ANY (ARRAY['following', 'cutover', 'done']) THEN 100
            ELSE GREATEST(l.percent, j.percent) END AS percent,
       GREATEST(l.tables_done, j.tables_done) AS tables_done,
       j.tables_total,
       GREATEST(l.indexes_done, j.indexes_done) AS indexes_done,
       j.indexes_total,
       COALESCE(l.rows_done, j.rows_done) AS rows_done,
       COALESCE(l.bytes_done, j.bytes_done) AS bytes_done,
       j.bytes_total,
       l.bytes_per_second,
       l.eta,
       f.lag_bytes,
       f.lag,
       f.retained_bytes,
       j.created, j.started, j.ended,
       COALESCE(j.ended, pg_catalog.clock_timestamp()) OPERATOR(pg_catalog.-) j.started AS elapsed,
       j.attempt,
       l.leader_pid,
       (SELECT pg_catalog.count(*) FROM pgcopy.error AS e
         WHERE e.job OPERATOR(pg_catalog.=) j.id AND e.is_final) AS errors,
       (SELECT e.message FROM pgcopy.error AS e
         WHERE e.job OPERATOR(pg_catalog.=) j.id AND e.is_final
         ORDER BY e.no LIMIT 1) AS first_error,
       (SELECT pg_catalog.count(*) FROM pgcopy.notice AS n
         WHERE n.job OPERATOR(pg_catalog.=) j.id) AS notices,
       COALESCE(l.wait_message, j.message) AS message,
       j.source,
       pg_catalog.current_database() AS database,
       pg_catalog.pg_get_userbyid(j.owner) AS owner,
       j.options AS arguments,
       COALESCE(j.version, '0.1') AS version
  FROM (SELECT r.*,
               r.ended IS NULL AND pgcopy.is_interrupted(r.id) AS is_lost
          FROM pgcopy.job AS r
         WHERE pg_catalog.pg_has_role(current_user, r.owner, 'MEMBER')) AS j
  LEFT JOIN LATERAL pgcopy.live(j.id) AS l ON j.ended IS NULL AND NOT j.is_lost
  LEFT JOIN LATERAL pgcopy.live_follow(j.id) AS f
         ON j.state OPERATOR(pg_catalog.=) ANY (ARRAY['following', 'cutover']);

CREATE OR REPLACE VIEW @extschema@.pgcopy_progress WITH (security_barrier) AS
SELECT v.job,
       v.state,
       v.percent,
       pgcopy.bar(v.percent) AS progress,
       v.tables_done || '/' || COALESCE(v.tables_total::text, '?') AS tables,
       v.indexes_done || '/' || COALESCE(v.indexes_total::text, '?') AS indexes,
       CASE WHEN v.bytes_total IS NULL THEN ''
            WHEN v.ended IS NOT NULL OR v.percent OPERATOR(pg_catalog.=) 100 THEN pgcopy.size(v.bytes_done)
            ELSE pgcopy.size_of(v.bytes_done, GREATEST(v.bytes_total, v.bytes_done)) END AS copied,
       CASE WHEN w.job IS NOT NULL AND v.percent OPERATOR(pg_catalog.=) 100 THEN ''
            WHEN v.ended IS NOT NULL AND v.bytes_done > 0
            THEN pgcopy.size(v.bytes_done / GREATEST(pg_catalog.date_part('epoch', v.elapsed), 0.001)::numeric) || '/s'
            WHEN v.bytes_per_second > 0 THEN pgcopy.size(v.bytes_per_second) || '/s'
            ELSE '' END AS rate,
       CASE WHEN v.ended IS NULL THEN COALESCE(pgcopy.duration(v.eta), '') ELSE '' END AS eta,
       CASE WHEN v.state OPERATOR(pg_catalog.=) ANY (ARRAY['following', 'cutover']) AND v.message OPERATOR(pg_catalog.<>) ''
            THEN pgcopy.shorten(v.message, '')
            WHEN o.is_of_other
            THEN pgcopy.shorten(COALESCE(v.first_error || '; ', '') || 'of version ' || v.version || ', cannot be resumed',
                     CASE WHEN v.state OPERATOR(pg_catalog.=) 'interrupted' THEN ': SELECT pgcopy_cancel(' || v.job || '), ' ELSE ': SELECT ' END ||
                     'pgcopy_drop(' || v.job || '), then clone again')
            WHEN v.errors > 0 AND v.state OPERATOR(pg_catalog.=) 'done'
            THEN 'took ' || pgcopy.duration(v.elapsed) || ', ' || v.errors
                 || CASE WHEN v.errors OPERATOR(pg_catalog.=) 1 THEN ' error' ELSE ' errors' END || ': SELECT * FROM pgcopy_errors WHERE is_final'
            WHEN v.state OPERATOR(pg_catalog.=) 'failed'
            THEN pgcopy.shorten(COALESCE(v.first_error, 'failed'),
                     CASE WHEN v.errors > 1 THEN ', and ' || (v.errors - 1) || ' more: SELECT * FROM pgcopy_errors' ELSE '' END ||
                     '; then SELECT pgcopy_resume(' || v.job ||
                     CASE WHEN w.lost IS NOT NULL THEN ', consistent => true) or pgcopy_drop(' || v.job || ')'
                          WHEN w.on_source AND w.start_lsn IS NOT NULL
                          THEN ') or pgcopy_drop(' || v.job || '): its slot keeps WAL on the source' ELSE ')' END)
            WHEN v.state OPERATOR(pg_catalog.=) 'cancelled'
            THEN COALESCE(v.message, 'to go on: SELECT pgcopy_resume(' || v.job || ')')
            WHEN v.state OPERATOR(pg_catalog.=) 'interrupted' AND v.message IS NOT NULL
            THEN pgcopy.shorten(v.message, '')
            WHEN v.state OPERATOR(pg_catalog.=) 'interrupted' AND v.phase OPERATOR(pg_catalog.=) 'following'
            THEN 'the target still follows, but nobody watches it: SELECT pgcopy_resume(' || v.job || ')'
            WHEN v.state OPERATOR(pg_catalog.=) 'interrupted' AND v.phase OPERATOR(pg_catalog.=) 'cutover'
            THEN 'a cutover was interrupted; to undo or finish it: SELECT pgcopy_resume(' || v.job || ')'
            WHEN v.state OPERATOR(pg_catalog.=) 'interrupted' AND v.started IS NULL
            THEN 'its leader did not start, see the server log: SELECT pgcopy_resume(' || v.job || ')'
            WHEN v.state OPERATOR(pg_catalog.=) 'interrupted'
            THEN 'its processes are gone'
                 || CASE WHEN EXISTS (SELECT FROM pgcopy.follow AS f
                                       WHERE f.job OPERATOR(pg_catalog.=) v.job AND f.start_lsn IS NOT NULL)
                         THEN ', its slot on the source keeps WAL' ELSE '' END
                 || ': SELECT pgcopy_resume(' || v.job || ')'
            WHEN v.first_error IS NOT NULL THEN pgcopy.shorten(v.first_error, '')
            WHEN v.ended IS NOT NULL AND w.opened IS NOT NULL
            THEN 'open since ' || pg_catalog.date_trunc('second', w.opened) || ', pause '
                 || pg_catalog.round(pg_catalog.date_part('epoch', w.pause)::numeric, 3) || ' s'
                 || CASE WHEN w.fence OPERATOR(pg_catalog.=) 'set' THEN '; the source is read-only' ELSE '' END
            WHEN v.ended IS NOT NULL AND v.started IS NOT NULL
            THEN 'took ' || pgcopy.duration(v.elapsed) || CASE WHEN n.others THEN ', but SELECT * FROM pgcopy_notices' ELSE '' END
            WHEN v.message OPERATOR(pg_catalog.<>) '' THEN pgcopy.shorten(v.message, '')
            ELSE COALESCE(pgcopy.shorten(h.hold_up, ''),
                     CASE WHEN n.others THEN 'see SELECT * FROM pgcopy_notices'
                          WHEN v.notices > 0 THEN 'slow settings: SELECT * FROM pgcopy_notices'
                          ELSE '' END) END AS message
  FROM @extschema@.pgcopy_jobs AS v
  LEFT JOIN pgcopy.follow AS w ON w.job OPERATOR(pg_catalog.=) v.job
 CROSS JOIN LATERAL (
        SELECT v.state OPERATOR(pg_catalog.=) ANY (ARRAY['failed', 'cancelled', 'interrupted'])
               AND v.version OPERATOR(pg_catalog.<>) x.extversion COLLATE pg_catalog."C" AS is_of_other
          FROM pg_catalog.pg_extension AS x
         WHERE x.extname OPERATOR(pg_catalog.=) 'pgcopydb_ext') AS o
 CROSS JOIN LATERAL (
        SELECT EXISTS (SELECT FROM pgcopy.notice AS o
                        WHERE o.job OPERATOR(pg_catalog.=) v.job AND o.setting IS NULL) AS others) AS n
 CROSS JOIN LATERAL (
        SELECT CASE WHEN v.leader_pid IS NOT NULL THEN pgcopy.hold_up(v.job) END AS hold_up) AS h
 ORDER BY v.job;

--
-- Statements of pre-data may run side by side
--

COMMENT ON COLUMN pgcopy.item.turn IS 'begins when the copies of lower turns are through: 0: at once, as rows of an extension''s configuration; 1: rows of other tables; 2: rows with values that functions compute; 3: what functions build from rows. In pre-data, blocks of statements may run side by side: 4: begins one; 5: belongs to that of the item before it';
