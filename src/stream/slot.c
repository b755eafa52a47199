/*-------------------------------------------------------------------------
 *
 * slot.c
 *	  Logical replication slots on the source, and the snapshots that they export.
 *
 * A slot sends each transaction whose commit record starts at its position or behind
 * it, and the snapshot that it exports sees all others.  The source makes the pair
 * when it has seen the end of every transaction that was writing anywhere in its
 * server.
 *
 * The exported snapshot must list each transaction between its ends that did not
 * commit, rolled back savepoints among them.  Under load they can be more than it
 * has room for.  slot_lock.c has a way without a list.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/blocker.h"
#include "source/inventory.h"
#include "stream/slot.h"

/* How long a slot may be in use until dropping it fails, and between two tries, ms. */
#define DROP_TIME		10000
#define DROP_PAUSE		100

static const char server_sql[] =
"SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('wal_level')";

/* Texts to fill in: wal_status, why the slot is invalid, and safe_wal_size. */
static const char look_sql[] =
"SELECT s.slot_name IS NOT NULL, COALESCE(s.active, false), COALESCE(%s, ''),"
" CASE WHEN w.size < 0 THEN 0 ELSE COALESCE(w.size, -1) END,"
" COALESCE(GREATEST(pg_catalog.pg_wal_lsn_diff(p.lsn, s.restart_lsn), 0), 0)"
"  ::pg_catalog.int8,"
" s.confirmed_flush_lsn, p.lsn, COALESCE(%s, ''), pg_catalog.pg_is_in_recovery()"
" FROM (SELECT CASE WHEN pg_catalog.pg_is_in_recovery()"
"   THEN GREATEST(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn())"
"   ELSE pg_catalog.pg_current_wal_lsn() END AS lsn) AS p"
" LEFT JOIN pg_catalog.pg_replication_slots AS s ON s.slot_name = $1"
" CROSS JOIN LATERAL (SELECT %s AS size) AS w";

/*
 * Everybody sees in pg_locks who writes, and in pg_stat_activity who that is, but
 * since when only of roles that he is a member of.  So the oldest is known by its
 * transaction's number.  Of one job, on one source, only sessions with its names are
 * left out.
 */
static const char holders_sql[] =
"WITH own AS ("
"  SELECT pg_catalog.substring(pg_catalog.current_setting('application_name'),"
"   '^pgcopy job [0-9]+ ') AS prefix"
" ), writer AS ("
"  SELECT l.pid, pg_catalog.max(pg_catalog.age(l.transactionid)) AS age"
"  FROM pg_catalog.pg_locks AS l"
"  WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted"
"   AND l.pid <> pg_catalog.pg_backend_pid()"
"  GROUP BY l.pid"
" ), holder AS ("
"  SELECT w.age,"
"   CASE WHEN a.backend_type <> 'client backend' THEN a.backend_type || ' '"
"    ELSE 'session ' END || w.pid || ' (' || COALESCE(NULLIF(pg_catalog.concat_ws(', ',"
"     'role ' || pg_catalog.quote_ident(a.usename),"
"     'database ' || pg_catalog.quote_ident(a.datname), NULLIF(a.application_name, ''),"
"     'for ' || " BLOCKER_AGE("a.xact_start") "), ''), 'a transaction of another role')"
"    || ')' AS words"
"  FROM writer AS w CROSS JOIN own"
"  LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = w.pid"
"  WHERE own.prefix IS NULL OR a.application_name IS NULL"
"   OR pg_catalog.left(a.application_name, pg_catalog.length(own.prefix)) <> own.prefix"
"  UNION ALL"
"  SELECT pg_catalog.age(p.transaction),"
"   'prepared transaction ' || pg_catalog.quote_literal(p.gid)"
"   || ' (role ' || pg_catalog.quote_ident(p.owner)"
"   || ', database ' || pg_catalog.quote_ident(p.database)"
"   || ', for ' || " BLOCKER_AGE("p.prepared") " || ')'"
"  FROM pg_catalog.pg_prepared_xacts AS p"
" )"
" SELECT h.words FROM holder AS h ORDER BY h.age DESC, h.words LIMIT 100";

/* From 16 on it may have slots, but no publication can be made there, and no fence. */
static void
throw_standby(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("the source is a standby, which cannot be followed"),
			 errhint("Follow its primary.")));
}

static void
throw_wal_level(const char *wal_level)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("wal_level of the source is \"%s\", not \"logical\"", wal_level),
			 errhint("Set wal_level = logical on the source and restart it; a managed service has a switch of its own for it, such as rds.logical_replication or cloudsql.logical_decoding.")));
}

static void
check_server(SourceSession *replication)
{
	SourceRows *rows = pgcopy_session_query_row(replication, server_sql, 2, 0, NULL);
	const char *wal_level = pgcopy_rows_get(rows, 0, 1);

	if (pgcopy_rows_get_bool(rows, 0, 0))
		throw_standby();
	if (strcmp(wal_level, "logical") != 0)
		throw_wal_level(wal_level);
	pgcopy_rows_free(rows);
}

SourceSession *
pgcopy_slot_connect(const SourceConninfo *conninfo, const char *application_name)
{
	SourceSession *replication = pgcopy_session_open_replication(conninfo,
																 application_name);

	PG_TRY();
	{
		check_server(replication);
	}
	PG_CATCH();
	{
		pgcopy_session_close(replication);
		PG_RE_THROW();
	}
	PG_END_TRY();
	return replication;
}

/* The name goes into SET TRANSACTION SNAPSHOT, and names a file there. */
static char *
get_snapshot_name(const SourceRows *rows, int column)
{
	const char *name = pgcopy_rows_get(rows, 0, column);
	size_t		length = strlen(name);

	if (length == 0 || length >= NAMEDATALEN ||
		strspn(name, "0123456789ABCDEFabcdef-") != length)
		pgcopy_rows_throw(rows, "It is not the name of a snapshot.");
	return pstrdup(name);
}

/*
 * After an error in the middle of CREATE_REPLICATION_SLOT: stop it, and drop the slot
 * if that came too late.  Best effort: whoever made a note of the slot drops it later.
 */
static void
drop_interrupted(SourceSession *replication, const char *quoted)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		pgcopy_session_abandon(replication);
		if (pgcopy_session_is_alive(replication))
			(void) pgcopy_session_try(replication,
									  psprintf("DROP_REPLICATION_SLOT %s", quoted),
									  ERRCODE_UNDEFINED_OBJECT, 0, 0);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		FlushErrorState();
		pgcopy_session_close(replication);
	}
	PG_END_TRY();
}

/* Returns NULL if the initial snapshot is too large. */
static SourceRows *
run_create(SourceSession *replication, const char *quoted, int flags)
{
	MemoryContext caller = CurrentMemoryContext;
	char	   *sql = psprintf("CREATE_REPLICATION_SLOT %s%s LOGICAL pgoutput %s", quoted,
							   flags & SLOT_TEMPORARY ? " TEMPORARY" : "",
							   flags & SLOT_EXPORTS ? "EXPORT_SNAPSHOT" : "NOEXPORT_SNAPSHOT");
	SourceRows *volatile rows = NULL;

	PG_TRY();
	{
		rows = pgcopy_session_command(replication, sql, 4,
									  ERRCODE_T_R_SERIALIZATION_FAILURE);
	}
	PG_CATCH();
	{
		MemoryContext error_context = MemoryContextSwitchTo(caller);

		if (pgcopy_session_is_busy(replication))
			drop_interrupted(replication, quoted);
		MemoryContextSwitchTo(error_context);
		PG_RE_THROW();
	}
	PG_END_TRY();
	return rows;
}

bool
pgcopy_slot_create(SourceSession *replication, const char *name, int flags,
				   char **snapshot, XLogRecPtr *lsn)
{
	SourceRows *rows = run_create(replication, pgcopy_inventory_quoted(name), flags);

	if (rows == NULL)
		return false;
	if (strcmp(pgcopy_rows_get(rows, 0, 0), name) != 0)
		pgcopy_rows_throw(rows, "It is about another slot.");
	*lsn = pgcopy_rows_get_lsn(rows, 0, 1);
	if (flags & SLOT_EXPORTS)
		*snapshot = get_snapshot_name(rows, 2);
	pgcopy_rows_free(rows);
	return true;
}

/* Returns false if it is in use.  True also if there is none. */
static bool
try_drop(SourceSession *session, const char *literal)
{
	/* another role's process cannot be ended by us, but may end */
	(void) pgcopy_session_try(session,
							  psprintf("SELECT pg_catalog.pg_terminate_backend(s.active_pid)"
									   " FROM pg_catalog.pg_replication_slots AS s"
									   " WHERE s.slot_name = %s AND s.active_pid IS NOT NULL",
									   literal),
							  ERRCODE_INSUFFICIENT_PRIVILEGE, 0, 0);
	return pgcopy_session_try(session,
							  psprintf("SELECT pg_catalog.pg_drop_replication_slot(s.slot_name)"
									   " FROM pg_catalog.pg_replication_slots AS s"
									   " WHERE s.slot_name = %s", literal),
							  ERRCODE_OBJECT_IN_USE, ERRCODE_UNDEFINED_OBJECT, 0);
}

void
pgcopy_slot_drop(SourceSession *session, const char *name)
{
	TimestampTz start = GetCurrentTimestamp();
	char	   *literal = quote_literal_cstr(name);

	while (!try_drop(session, literal))
	{
		if (TimestampDifferenceExceeds(start, GetCurrentTimestamp(), DROP_TIME))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_IN_USE),
					 errmsg("replication slot \"%s\" of the source is still in use", name),
					 errhint("On the source, end the process that pg_replication_slots.active_pid names, and try again.")));
		pgcopy_session_pause(session, DROP_PAUSE);
	}
}

void
pgcopy_slot_drop_matching(SourceSession *session, const char *regexp)
{
	SourceRows *rows = pgcopy_session_query(session,
											"SELECT s.slot_name FROM pg_catalog.pg_replication_slots AS s"
											" WHERE s.slot_name ~ $1"
											" AND s.database = pg_catalog.current_database()",
											1, 1, &regexp);

	for (int i = 0; i < pgcopy_rows_count(rows); i++)
		pgcopy_slot_drop(session, pgcopy_rows_get(rows, i, 0));
	pgcopy_rows_free(rows);
}

static char *
look_statement(int version)
{
	const char *reason = version >= 170000 ? "s.invalidation_reason" :
		version >= 160000 ? "CASE WHEN s.conflicting THEN 'conflicting' END" : "NULL";

	return psprintf(look_sql,
					version >= 130000 ? "s.wal_status" : "NULL", reason,
					version >= 130000 ? "s.safe_wal_size" : "NULL::pg_catalog.int8");
}

/* Copy one of a few words. */
static void
get_word(const SourceRows *rows, int column, char *word, size_t size)
{
	const char *value = pgcopy_rows_get(rows, 0, column);

	if (strspn(value, "abcdefghijklmnopqrstuvwxyz_") != strlen(value))
		pgcopy_rows_throw(rows, "It is not a word that describes a slot.");
	strlcpy(word, value, size);
}

/* With several hosts a session may lead to a standby, while the primary is away. */
static void
throw_other_server(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_CONNECTION_FAILURE),
			 errmsg("the session leads to a standby, which does not have the replication slot"),
			 errhint("With more than one host in the connection string, add target_session_attrs=read-write.")));
}

void
pgcopy_slot_look(SourceSession *session, const char *name, SlotStatus *status)
{
	char	   *sql = look_statement(pgcopy_session_version(session));
	SourceRows *rows = pgcopy_session_query_row(session, sql, 9, 1, &name);

	memset(status, 0, sizeof(SlotStatus));
	status->exists = pgcopy_rows_get_bool(rows, 0, 0);
	status->is_active = pgcopy_rows_get_bool(rows, 0, 1);
	get_word(rows, 2, status->wal_status, sizeof(status->wal_status));
	status->safe_wal_size = pgcopy_rows_get_int64(rows, 0, 3);
	status->retained_bytes = pgcopy_rows_get_size(rows, 0, 4);
	if (!pgcopy_rows_is_null(rows, 0, 5))
		status->confirmed_flush = pgcopy_rows_get_lsn(rows, 0, 5);
	status->source_lsn = pgcopy_rows_get_lsn(rows, 0, 6);
	get_word(rows, 7, status->reason, sizeof(status->reason));
	if (!status->exists && pgcopy_rows_get_bool(rows, 0, 8))
		throw_other_server();
	pgcopy_rows_free(rows);
}

List *
pgcopy_slot_holders(SourceSession *session)
{
	SourceRows *rows = pgcopy_session_query(session, holders_sql, 1, 0, NULL);
	List	   *holders = NIL;

	for (int i = 0; i < pgcopy_rows_count(rows); i++)
		holders = lappend(holders, pstrdup(pgcopy_rows_get(rows, i, 0)));
	pgcopy_rows_free(rows);
	return holders;
}
