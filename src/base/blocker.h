/*-------------------------------------------------------------------------
 *
 * blocker.h
 *	  The query that tells who blocks a process, the same on both servers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_BLOCKER_H
#define PGCOPY_BLOCKER_H

/* The modes of table locks, and for each the numbers of those it conflicts with. */
#define BLOCKER_MODES \
"ARRAY['AccessShareLock', 'RowShareLock', 'RowExclusiveLock'," \
" 'ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock'," \
" 'ExclusiveLock', 'AccessExclusiveLock']"
#define BLOCKER_CONFLICTS \
"ARRAY['8', '78', '5678', '45678', '34678', '345678', '2345678', '12345678']"

#define BLOCKER_AGE(since) \
"pg_catalog.date_trunc('second', pg_catalog.clock_timestamp() - " since ")"

/*
 * One row if somebody blocks process $1: the oldest of them in words, and how
 * many more there are.  It runs on any server from 10 up, with pg_catalog as
 * search_path.
 *
 * A session of another role shows its pid, role and application, but neither
 * its query nor its age.  A query that may hold a secret is not shown either.  A
 * prepared transaction has no process: it is the holder of a conflicting lock
 * without a pid, known by the transaction whose own lock the same virtual
 * transaction holds.
 */
#define BLOCKER_SQL \
"WITH blocking AS (" \
"  SELECT DISTINCT b.pid" \
"  FROM pg_catalog.unnest(pg_catalog.pg_blocking_pids($1)) AS b(pid)" \
" ), locks AS (" \
"  SELECT l.* FROM pg_catalog.pg_locks AS l" \
"  WHERE 0 IN (SELECT pid FROM blocking) AND (l.pid = $1 OR l.pid IS NULL)" \
" ), prepared AS (" \
"  SELECT DISTINCT p.gid, p.owner, p.prepared FROM locks AS w" \
"  JOIN locks AS h ON h.granted AND h.pid IS NULL AND h.locktype = w.locktype" \
"   AND (h.database, h.relation, h.page, h.tuple, h.virtualxid, h.transactionid," \
"    h.classid, h.objid, h.objsubid) IS NOT DISTINCT FROM" \
"    (w.database, w.relation, w.page, w.tuple, w.virtualxid, w.transactionid," \
"    w.classid, w.objid, w.objsubid)" \
"   AND pg_catalog.strpos((" BLOCKER_CONFLICTS ")[pg_catalog.array_position(" \
	BLOCKER_MODES ", w.mode)], pg_catalog.array_position(" BLOCKER_MODES "," \
"    h.mode)::pg_catalog.text) > 0" \
"  JOIN locks AS x ON x.locktype = 'transactionid' AND x.granted AND x.pid IS NULL" \
"   AND x.virtualtransaction = h.virtualtransaction" \
"  JOIN pg_catalog.pg_prepared_xacts AS p ON p.transaction = x.transactionid" \
"  WHERE w.pid = $1 AND NOT w.granted" \
" ), blocker AS (" \
"  SELECT a.xact_start AS since," \
"   CASE WHEN a.backend_type = 'autovacuum worker' THEN 'autovacuum process '" \
"    WHEN a.usename IS NULL AND a.backend_type <> 'client backend' THEN a.backend_type || ' '" \
"    ELSE 'session ' END || b.pid" \
"   || COALESCE(' (' || NULLIF(pg_catalog.concat_ws(', '," \
"     'role ' || pg_catalog.quote_ident(a.usename), NULLIF(a.application_name, '')," \
"     'for ' || " BLOCKER_AGE("a.xact_start") "," \
"     CASE WHEN a.backend_type IS NULL OR a.query = '' THEN NULL" \
"      WHEN a.query ~* 'passw|secret|conninfo|connection' THEN 'its query may hold a secret'" \
"      ELSE CASE WHEN a.state LIKE 'idle in transaction%' THEN 'idle after ' ELSE 'running ' END" \
"       || pg_catalog.left(pg_catalog.regexp_replace(a.query, '\\s+', ' ', 'g'), 50) END" \
"    ), '') || ')', '') AS words" \
"  FROM blocking AS b LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = b.pid" \
"  WHERE b.pid <> 0" \
"  UNION ALL" \
"  SELECT p.prepared, 'prepared transaction ' || pg_catalog.quote_literal(p.gid)" \
"   || ' (role ' || pg_catalog.quote_ident(p.owner)" \
"   || ', for ' || " BLOCKER_AGE("p.prepared") " || ')'" \
"  FROM prepared AS p" \
"  UNION ALL" \
"  SELECT NULL, 'a prepared transaction, see pg_prepared_xacts' FROM blocking AS b" \
"  WHERE b.pid = 0 AND NOT EXISTS (SELECT FROM prepared)" \
" )" \
" SELECT b.words || COALESCE(', and ' || NULLIF(pg_catalog.count(*) OVER () - 1, 0) || ' more', '')" \
" FROM blocker AS b ORDER BY b.since, b.words LIMIT 1"

#endif							/* PGCOPY_BLOCKER_H */
