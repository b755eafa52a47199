/*-------------------------------------------------------------------------
 *
 * snapshot.c
 *	  One snapshot of the source, shared by many sessions.
 *
 * TRUNCATE, a rewriting ALTER TABLE and DROP are not MVCC-safe: a transaction
 * that reads such a table under an older snapshot finds it empty.  And what
 * looks names up, COPY and pg_dump's functions, finds the present ones.  So a
 * new snapshot is taken when all tables are locked already: LOCK TABLE needs no
 * snapshot.  What was locked only later, since it is new or the snapshot was
 * imported, is compared: still_true_sql and renamed_sql compare the snapshot's
 * catalogs with the present.
 *
 * Materialized views cannot be locked, and their rows are not read.  Views are
 * not locked, since LOCK TABLE would lock all tables behind them.  Both are
 * compared by name only.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "lib/stringinfo.h"
#include "libpq-fe.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "source/ahead.h"
#include "source/batch.h"
#include "source/inventory.h"
#include "source/session_state.h"
#include "source/snapshot.h"

/* How many tables one LOCK TABLE names. */
#define LOCKS_PER_STATEMENT 500

/* Locks to add in the hint, for pg_dump and catalogs. */
#define LOCKS_IN_RESERVE	200

#define BEGIN_STEADY "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
#define EXPORT_SQL	"SELECT pg_catalog.pg_export_snapshot()"
#define EXPORT_AT_SQL \
	"SELECT pg_catalog.pg_current_wal_insert_lsn(), pg_catalog.pg_export_snapshot()"
#define CONTENT_SQL "SELECT pg_catalog.txid_current_snapshot()::pg_catalog.text"

/* The size of the lock table, as the server computes it when it starts. */
static const char lock_room_sql[] =
"SELECT pg_catalog.current_setting('max_locks_per_transaction')::pg_catalog.int8,"
" pg_catalog.sum(setting::pg_catalog.int8) + 1"
" FROM pg_catalog.pg_settings"
" WHERE name IN ('max_connections', 'max_prepared_transactions',"
" 'autovacuum_max_workers', 'max_worker_processes', 'max_wal_senders')";

/*
 * A relation that differs from the snapshot.  pg_class and pg_attribute are read
 * with the snapshot, the functions look at the present; has_column_privilege() is
 * NULL for a dropped column.  %s restricts the relations here and in renamed_sql:
 * to_regclass() fails in a schema that the role may not use.
 */
static const char still_true_sql[] =
"WITH relation AS ("
"  SELECT c.oid, c.relkind, c.relfilenode,"
"   pg_catalog.format('%%I.%%I', n.nspname, c.relname) AS name"
"  FROM pg_catalog.pg_class AS c"
"  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
"  WHERE c.relkind IN ('r', 'p', 'm', 'v') AND c.relpersistence <> 't'"
"   AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' %s"
" )"
" SELECT r.name || ' was dropped, replaced or renamed' FROM relation AS r"
" WHERE pg_catalog.to_regclass(r.name) IS DISTINCT FROM r.oid::pg_catalog.regclass"
" UNION ALL"
" SELECT r.name || ' was truncated or rewritten' FROM relation AS r"
" WHERE r.relkind = 'r'"
"  AND pg_catalog.pg_relation_filenode(r.oid::pg_catalog.regclass)"
"   IS DISTINCT FROM r.relfilenode"
" UNION ALL"
" SELECT r.name || ' lost a column' FROM relation AS r"
" JOIN pg_catalog.pg_attribute AS a ON a.attrelid = r.oid"
" WHERE r.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped"
"  AND pg_catalog.has_column_privilege(r.oid, a.attnum, 'SELECT') IS NULL"
" LIMIT 1";

/*
 * A column that has another name now.  pg_identify_object_as_address() looks at
 * the present; what is not a column's number any more has no address.
 */
static const char renamed_sql[] =
"SELECT pg_catalog.format('column %%I of %%I.%%I was renamed', a.attname, n.nspname, c.relname)"
" FROM pg_catalog.pg_class AS c"
" JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
" JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid"
" CROSS JOIN LATERAL pg_catalog.pg_identify_object_as_address("
"  'pg_catalog.pg_class'::pg_catalog.regclass, c.oid, a.attnum) AS i"
" WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'"
"  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' %s"
"  AND a.attnum > 0 AND NOT a.attisdropped"
"  AND i.object_names[3] IS DISTINCT FROM a.attname::pg_catalog.text"
" LIMIT 1";

static bool
is_in_transaction(SourceSession *session)
{
	PGTransactionStatusType status = PQtransactionStatus(session->conn);

	return status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
}

/* A batch that begins a transaction. */
static SourceBatch *
begin_batch(SourceSession *session, const char *sql)
{
	SourceBatch *batch = pgcopy_batch_begin(session);

	if (is_in_transaction(session))
		pgcopy_session_violation(session, sql,
								 "It is in a transaction that was not begun.");
	pgcopy_ahead_forget(session);
	pgcopy_batch_add(batch, sql);
	session->has_savepoint = false;
	return batch;
}

void
pgcopy_snapshot_begin(SourceSession *session)
{
	pgcopy_batch_exec(begin_batch(session, BEGIN_STEADY));
}

static char *
query_one(SourceSession *session, const char *sql)
{
	SourceRows *rows = pgcopy_session_query_row(session, sql, 1, 0, NULL);
	char	   *value = pstrdup(pgcopy_rows_get(rows, 0, 0));

	pgcopy_rows_free(rows);
	return value;
}

char *
pgcopy_snapshot_export_at(SourceSession *session, XLogRecPtr *lsn)
{
	SourceRows *rows = pgcopy_session_query_row(session, EXPORT_AT_SQL, 2, 0, NULL);
	char	   *name = pstrdup(pgcopy_rows_get(rows, 0, 1));

	*lsn = pgcopy_rows_get_lsn(rows, 0, 0);
	pgcopy_rows_free(rows);
	pgcopy_session_settings_apply_again(session);
	return name;
}

void
pgcopy_snapshot_foresee_content(SourceSession *session)
{
	pgcopy_ahead_foresee(session, CONTENT_SQL, 1, 0, NULL);
}

char *
pgcopy_snapshot_content(SourceSession *session)
{
	return query_one(session, CONTENT_SQL);
}

/* Whether a batch that stopped at its second statement did so for want of a snapshot. */
static bool
has_no_snapshot(const SourceBatch *batch, int done)
{
	int			sqlstate = pgcopy_batch_sqlstate(batch);

	return done == 1 && (sqlstate == ERRCODE_INVALID_PARAMETER_VALUE ||
						 sqlstate == ERRCODE_UNDEFINED_OBJECT ||
						 sqlstate == ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE);
}

/* Take the text of one value of a batch. */
static char *
take_value(SourceBatch *batch, int number)
{
	SourceRows *rows = pgcopy_batch_rows(batch, number);
	char	   *value = pstrdup(pgcopy_rows_get(rows, 0, 0));

	pgcopy_rows_free(rows);
	return value;
}

char *
pgcopy_snapshot_try_import(SourceSession *session, const char *name,
						   const char *content)
{
	SourceBatch *batch = begin_batch(session, BEGIN_STEADY);
	int			done;
	char	   *own_name;

	pgcopy_batch_add(batch, psprintf("SET TRANSACTION SNAPSHOT %s", quote_literal_cstr(name)));
	pgcopy_session_settings_add_again(batch);
	pgcopy_batch_add_row(batch, CONTENT_SQL, 1);
	pgcopy_batch_add_row(batch, EXPORT_SQL, 1);
	done = pgcopy_batch_run(batch);
	if (done == pgcopy_batch_count(batch))
	{
		pgcopy_session_settings_check(session, pgcopy_batch_rows(batch, 2));
		own_name = take_value(batch, 4);
		if (content == NULL || strcmp(take_value(batch, 3), content) == 0)
			return own_name;
	}
	else if (!has_no_snapshot(batch, done))
		pgcopy_batch_throw(batch);
	pgcopy_snapshot_release(session);
	return NULL;
}

static bool
begin_unless_open(SourceSession *session, const char *sql)
{
	SourceBatch *batch;

	if (is_in_transaction(session))
		return false;
	batch = begin_batch(session, sql);
	pgcopy_session_settings_add_again(batch);
	pgcopy_batch_exec(batch);
	pgcopy_session_settings_check(session, pgcopy_batch_rows(batch, 1));
	return true;
}

bool
pgcopy_snapshot_begin_current(SourceSession *session)
{
	return begin_unless_open(session, "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY");
}

bool
pgcopy_snapshot_begin_steady(SourceSession *session)
{
	return begin_unless_open(session, BEGIN_STEADY);
}

void
pgcopy_snapshot_release(SourceSession *session)
{
	if (pgcopy_session_is_alive(session) && is_in_transaction(session))
		pgcopy_session_exec(session, "ROLLBACK");
}

void
pgcopy_snapshot_clear_error(SourceSession *session)
{
	pgcopy_session_exec(session, "ROLLBACK TO SAVEPOINT " SNAPSHOT_SAVEPOINT);
}

static bool
can_be_locked(const SourceRelation *relation)
{
	return relation->relkind == RELKIND_RELATION ||
		relation->relkind == RELKIND_PARTITIONED_TABLE;
}

/* Throw if the source's lock table cannot hold so many locks. */
static void
check_lock_room(SourceSession *session, int64 wanted)
{
	SourceRows *rows = pgcopy_session_query_row(session, lock_room_sql, 2, 0, NULL);
	int64		per_transaction = pgcopy_rows_get_oid(rows, 0, 0);
	int64		transactions = pgcopy_rows_get_oid(rows, 0, 1);
	int64		room = per_transaction * transactions;

	pgcopy_rows_free(rows);

	/* the server adds a tenth for safety */
	if (wanted <= room + room / 10)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OUT_OF_MEMORY),
			 errmsg("the source's lock table is too small for its " INT64_FORMAT " tables",
					wanted),
			 errdetail("With max_locks_per_transaction = " INT64_FORMAT " it has room for " INT64_FORMAT " locks.",
					   per_transaction, room),
			 errhint("On the source, set max_locks_per_transaction to " INT64_FORMAT " or more and restart it.",
					 (wanted + LOCKS_IN_RESERVE) / transactions + 1)));
}

/* Add the LOCK TABLEs: no query may come before them, it would take a snapshot. */
static void
add_locks(SourceBatch *batch, List *relations)
{
	StringInfoData sql;
	ListCell   *lc;
	int			named = 0;

	initStringInfo(&sql);
	foreach(lc, relations)
	{
		SourceRelation *relation = lfirst(lc);

		if (can_be_locked(relation))
		{
			char	   *name = pgcopy_inventory_quoted_name(relation);

			appendStringInfo(&sql, "%s ONLY %s",
							 named++ == 0 ? "LOCK TABLE" : ",", name);
			pfree(name);
		}
		if (named == LOCKS_PER_STATEMENT ||
			(named > 0 && lnext(relations, lc) == NULL))
		{
			appendStringInfoString(&sql, " IN ACCESS SHARE MODE");
			pgcopy_batch_add(batch, sql.data);
			resetStringInfo(&sql);
			named = 0;
		}
	}
	pfree(sql.data);
}

/*
 * Run a batch of which these are LOCK TABLEs.  Returns false if a name does not lead
 * to a table.
 */
static bool
run_with_locks(SourceBatch *batch, int first, int end)
{
	int			done = pgcopy_batch_run(batch);
	int			sqlstate;

	if (done == pgcopy_batch_count(batch))
		return true;
	sqlstate = pgcopy_batch_sqlstate(batch);
	if (done < first || done >= end ||
		(sqlstate != ERRCODE_UNDEFINED_TABLE && sqlstate != ERRCODE_UNDEFINED_SCHEMA &&
		 sqlstate != ERRCODE_WRONG_OBJECT_TYPE))
		pgcopy_batch_throw(batch);
	return false;
}

static void
check_room_for(SourceSession *session, List *relations)
{
	int64		wanted = 0;
	ListCell   *lc;

	foreach(lc, relations)
		wanted += can_be_locked(lfirst(lc));
	check_lock_room(session, wanted);
}

List *
pgcopy_snapshot_list(SourceSession *session, const char *only)
{
	pgcopy_inventory_foresee_relations(session, only);
	pgcopy_ahead_foresee(session, lock_room_sql, 2, 0, NULL);
	return pgcopy_inventory_relations(session, only);
}

bool
pgcopy_snapshot_lock_all(SourceSession *session, List *relations)
{
	SourceBatch *batch = pgcopy_batch_begin(session);

	check_room_for(session, relations);
	pgcopy_ahead_forget(session);
	add_locks(batch, relations);
	return pgcopy_batch_count(batch) == 0 ||
		run_with_locks(batch, 0, pgcopy_batch_count(batch));
}

char *
pgcopy_snapshot_lock_and_export(SourceSession *session, List *relations)
{
	SourceBatch *batch;
	int			end;

	check_room_for(session, relations);
	batch = begin_batch(session, BEGIN_STEADY);
	add_locks(batch, relations);
	end = pgcopy_batch_count(batch);
	pgcopy_session_settings_add_again(batch);
	pgcopy_batch_add_row(batch, EXPORT_SQL, 1);
	if (!run_with_locks(batch, 1, end))
		return NULL;
	pgcopy_session_settings_check(session, pgcopy_batch_rows(batch, end));
	return take_value(batch, end + 1);
}

/* Whether a query about differences finds none; else *what is the first. */
static bool
finds_nothing(SourceSession *session, const char *sql, const char *only, char **what)
{
	SourceRows *rows = pgcopy_session_query(session, sql, 1, only != NULL ? 1 : 0, &only);
	bool		is_empty = pgcopy_rows_count(rows) == 0;

	if (!is_empty)
		*what = pstrdup(pgcopy_rows_get(rows, 0, 0));
	pgcopy_rows_free(rows);
	return is_empty;
}

void
pgcopy_snapshot_foresee_true(SourceSession *session, const char *only)
{
	const char *sql = psprintf(still_true_sql, pgcopy_inventory_restriction("c.oid", only));

	pgcopy_ahead_foresee(session, sql, 1, only != NULL ? 1 : 0, &only);
}

void
pgcopy_snapshot_foresee_same_columns(SourceSession *session, const char *only)
{
	const char *sql = psprintf(renamed_sql, pgcopy_inventory_restriction("c.oid", only));

	pgcopy_ahead_foresee(session, sql, 1, only != NULL ? 1 : 0, &only);
}

bool
pgcopy_snapshot_still_true(SourceSession *session, const char *only, char **what)
{
	const char *sql = psprintf(still_true_sql, pgcopy_inventory_restriction("c.oid", only));

	return finds_nothing(session, sql, only, what);
}

bool
pgcopy_snapshot_has_same_columns(SourceSession *session, const char *only, char **what)
{
	const char *sql = psprintf(renamed_sql, pgcopy_inventory_restriction("c.oid", only));

	return finds_nothing(session, sql, only, what);
}
