/*-------------------------------------------------------------------------
 *
 * load.c
 *	  Load one table, or one chunk of it, into a local relation.
 *
 * Frozen rows are visible to everybody at once and survive an abort
 * (heap/README.md).  So they go only into relations of the job where the rows
 * of a failed attempt can be told from others: one that is empty, one that is
 * truncated here, or one that only chunks of the same job fill (heap/clean.c).
 *
 * Locks ROW EXCLUSIVE, or ACCESS EXCLUSIVE to truncate, until the caller's
 * transaction ends.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/index.h"
#include "catalog/pg_am.h"
#include "commands/progress.h"
#include "commands/tablecmds.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/backend_progress.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "load/columns.h"
#include "load/conceal.h"
#include "load/explain.h"
#include "load/load.h"
#include "load/present.h"
#include "load/reader.h"
#include "load/writer.h"
#include "source/stream.h"

#define PROGRESS_INTERVAL_MS	100

typedef struct LoadState
{
	Relation	relation;
	char	   *schema;
	RowReader  *reader;
	RowWriter  *writer;
	PresentRows *present;		/* rows that an extension has here, or NULL */
	CopyStream *stream;
	bool		checks_rights;	/* before the first row is inserted */
	LoadProgress progress;
	void	   *progress_arg;
	TimestampTz told_at;
} LoadState;

static void
add_error_context(void *arg)
{
	LoadState  *state = arg;
	const char *name;
	const char *column;
	int64		row;
	int			oldest;
	int			newest;

	if (state->reader == NULL)
		return;
	name = RelationGetRelationName(state->relation);
	row = pgcopy_reader_row(state->reader);
	column = pgcopy_reader_column(state->reader);
	if (column != NULL)
		errcontext("COPY %s.%s, row " INT64_FORMAT ", column %s",
				   state->schema, name, row, column);
	else if (!pgcopy_writer_suspects(state->writer, &oldest, &newest))
		errcontext("COPY %s.%s", state->schema, name);
	else if (oldest > newest)
		errcontext("COPY %s.%s, rows " INT64_FORMAT " to " INT64_FORMAT,
				   state->schema, name, row - oldest, row - newest);
	else
		errcontext("COPY %s.%s, row " INT64_FORMAT,
				   state->schema, name, row - newest);
}

/*
 * Check what COPY FROM and TRUNCATE would check, but let owners fill their tables:
 * a REVOKE of the dump may have come before the rows, and they could undo it.
 */
static void
check_rights(Oid relid, AclMode mode)
{
	if (!pgcopy_class_ownercheck(relid, GetUserId()) &&
		pg_class_aclmask(relid, GetUserId(), mode, ACLMASK_ALL) != mode)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, get_rel_name(relid));
	if (check_enable_rls(relid, InvalidOid, false) == RLS_ENABLED)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot load table \"%s\" with row-level security",
						get_rel_name(relid)),
				 errhint("Run the job as the owner of the table or as a role with BYPASSRLS.")));
}

static void
check_relation_kind(Relation relation)
{
	char		kind = relation->rd_rel->relkind;

	if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("cannot load rows into \"%s\"",
						RelationGetRelationName(relation)),
				 errdetail("It is not a table.")));
	if (RELATION_IS_OTHER_TEMP(relation))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot load rows into a temporary table of another session")));
}

static void
check_has_no_index(Relation relation)
{
	List	   *indexes = RelationGetIndexList(relation);

	if (indexes != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot load table \"%s\" frozen",
						RelationGetRelationName(relation)),
				 errdetail("It has %d indexes.", list_length(indexes))));
	list_free(indexes);
}

static void
check_is_empty(Relation relation)
{
	if (RelationGetNumberOfBlocks(relation) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot load table \"%s\" frozen",
						RelationGetRelationName(relation)),
				 errdetail("It is not empty.")));
}

/* Give the relation, its TOAST relation and their indexes empty storage. */
static void
truncate_relation(Relation relation)
{
	List	   *logged = NIL;

	CheckTableNotInUse(relation, "TRUNCATE");
	if (RelationIsLogicallyLogged(relation))
		logged = list_make1_oid(RelationGetRelid(relation));
	pgcopy_execute_truncate_guts(list_make1(relation),
								 list_make1_oid(RelationGetRelid(relation)),
								 logged);
	CommandCounterIncrement();
}

/*
 * The server names the table of such an error, and a constraint only if it has
 * one of its own.
 */
bool
pgcopy_load_is_misplaced(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_CHECK_VIOLATION &&
		error->table_name != NULL && error->constraint_name == NULL;
}

void
pgcopy_load_truncate(Oid relid)
{
	Relation	relation;

	Assert(IsTransactionState());
	check_rights(relid, ACL_INSERT | ACL_TRUNCATE);
	relation = table_open(relid, AccessExclusiveLock);
	check_relation_kind(relation);
	truncate_relation(relation);
	table_close(relation, NoLock);
}

bool
pgcopy_load_try_truncate(Oid relid)
{
	if (!ConditionalLockRelationOid(relid, AccessExclusiveLock))
		return false;
	pgcopy_load_truncate(relid);
	return true;
}

static bool
is_generated_here(Oid relid, const char *column)
{
	AttrNumber	attnum = get_attnum(relid, column);

	return attnum != InvalidAttrNumber && get_attgenerated(relid, attnum) != '\0';
}

void
pgcopy_load_choose_columns(Oid relid, List **columns, List **types, List **expressions)
{
	List	   *kept = NIL;
	List	   *kept_types = NIL;
	List	   *kept_expressions = NIL;
	ListCell   *lc;

	foreach(lc, *columns)
	{
		int			i = foreach_current_index(lc);

		if (is_generated_here(relid, lfirst(lc)))
			continue;
		kept = lappend(kept, lfirst(lc));
		kept_types = lappend(kept_types, list_nth(*types, i));
		if (*expressions != NIL)
			kept_expressions = lappend(kept_expressions, list_nth(*expressions, i));
	}
	*columns = kept;
	*types = kept_types;
	*expressions = kept_expressions;
}

/* Open, lock, check and maybe truncate; choose how to write the rows. */
static Relation
prepare_relation(const LoadTable *table, WriteMethod *method)
{
	/* partitions get ordinary rows then, which do not survive an abort */
	bool		truncates = (table->start == LOAD_AFTER_TRUNCATE || table->start == LOAD_ANEW) &&
		get_rel_relkind(table->relid) == RELKIND_RELATION;
	Relation	relation;

	if (table->start != LOAD_APPEND)
		check_rights(table->relid, truncates ? ACL_INSERT | ACL_TRUNCATE : ACL_INSERT);
	relation = table_open(table->relid,
						  truncates ? AccessExclusiveLock : RowExclusiveLock);
	check_relation_kind(relation);

	if (table->start == LOAD_EXISTING)
		*method = relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE ?
			WRITE_LIVE_ROUTED : WRITE_LIVE;
	else if (relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		*method = table->start == LOAD_ROUTED ?
			WRITE_ROUTED_FROZEN : WRITE_ROUTED;
	else if (table->start == LOAD_APPEND)
		*method = WRITE_WITH_INDEXES;
	else
		*method = relation->rd_rel->relam == HEAP_TABLE_AM_OID ?
			WRITE_FROZEN : WRITE_PLAIN;
	if (*method != WRITE_FROZEN && *method != WRITE_PLAIN)
		return relation;		/* partitions are checked at their first row */

	if (table->start != LOAD_ANEW)
		check_has_no_index(relation);
	if (table->start == LOAD_INTO_EMPTY)
		check_is_empty(relation);
	if (truncates)
		truncate_relation(relation);
	return relation;
}

static void
start_progress(Oid relid)
{
	const int	index[] = {PROGRESS_COPY_COMMAND, PROGRESS_COPY_TYPE};
	const int64 value[] = {PROGRESS_COPY_COMMAND_FROM, PROGRESS_COPY_TYPE_CALLBACK};

	pgstat_progress_start_command(PROGRESS_COMMAND_COPY, relid);
	pgstat_progress_update_multi_param(2, index, value);
}

static void
report_progress(LoadState *state)
{
	const int	index[] = {PROGRESS_COPY_BYTES_PROCESSED, PROGRESS_COPY_TUPLES_PROCESSED};
	const int64 value[] = {pgcopy_stream_bytes(state->stream), pgcopy_reader_row(state->reader)};
	TimestampTz now;

	pgstat_progress_update_multi_param(2, index, value);

	if (state->progress == NULL)
		return;
	now = GetCurrentTimestamp();
	if (!TimestampDifferenceExceeds(state->told_at, now, PROGRESS_INTERVAL_MS))
		return;
	state->told_at = now;
	state->progress(state->progress_arg, value[1], value[0]);
}

/*
 * Whether the row is here already.  Whoever need not insert needs no right to do
 * so: extensions are often another role's.
 */
static bool
is_present(LoadState *state, TupleTableSlot *slot)
{
	if (state->present != NULL && pgcopy_present_take(state->present, slot))
		return true;
	if (state->checks_rights)
		check_rights(RelationGetRelid(state->relation), ACL_INSERT);
	state->checks_rights = false;
	return false;
}

static void
load_rows(LoadState *state)
{
	MemoryContext old = MemoryContextSwitchTo(pgcopy_writer_row_context(state->writer));
	TupleTableSlot *slot = pgcopy_writer_slot(state->writer);

	while (pgcopy_reader_next(state->reader, slot->tts_values, slot->tts_isnull))
	{
		if (is_present(state, slot))
			pgcopy_writer_skip(state->writer);
		else if (pgcopy_writer_put(state->writer))
			report_progress(state);
		slot = pgcopy_writer_slot(state->writer);
	}
	MemoryContextSwitchTo(old);
}

/*
 * Let receive functions, which convert from the client encoding, expect the
 * database encoding, which rows come in.  Return the nest level for
 * AtEOXact_GUC(), which undoes this, as an abort does.
 */
static int
use_database_encoding(void)
{
	int			nesting = NewGUCNestLevel();

	if (pg_get_client_encoding() != GetDatabaseEncoding())
		(void) set_config_option("client_encoding", GetDatabaseEncodingName(),
								 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
								 true, 0, false);
	return nesting;
}

static LoadResult
run_load(LoadState *state, CopySeries *series, const LoadTable *table,
		 WriteMethod method)
{
	LoadResult	result;

	state->stream = pgcopy_series_next(series);
	if (pgcopy_stream_columns(state->stream) != list_length(table->columns))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the source sends %d columns of table %s instead of %d",
						pgcopy_stream_columns(state->stream),
						table->source_name, list_length(table->columns))));
	state->writer = pgcopy_writer_open(state->relation, method);
	state->checks_rights = table->start == LOAD_APPEND;
	if (method == WRITE_WITH_INDEXES)
		state->present = pgcopy_present_open(state->relation, table->columns);
	if (state->present != NULL)
		pgcopy_writer_beside(state->writer, state->present);
	state->reader = pgcopy_reader_open(state->relation, table, state->stream,
									   pgcopy_writer_econtext(state->writer));
	start_progress(RelationGetRelid(state->relation));

	load_rows(state);
	result.rows = pgcopy_reader_row(state->reader);
	result.bytes = pgcopy_stream_bytes(state->stream);
	pgcopy_writer_close(state->writer);
	pgcopy_reader_close(state->reader);
	if (state->present != NULL)
		pgcopy_present_close(state->present);
	pgcopy_stream_check_rows(state->stream, result.rows);
	pgcopy_series_close_stream(series, state->stream);
	if (state->progress != NULL)
		state->progress(state->progress_arg, result.rows, result.bytes);
	pgstat_progress_end_command();
	return result;
}

/* Add what can be found out about an error, and take out what must not be told. */
static void
explain_error(LoadState *state, const LoadTable *table, ErrorData *error)
{
	bool		is_reading = state->reader != NULL &&
		pgcopy_stream_has_failed(state->stream);
	char	   *where = psprintf("COPY %s.%s", state->schema,
								 RelationGetRelationName(state->relation));
	int64		row = is_reading ? pgcopy_reader_row(state->reader) : 0;

	if (is_reading && pgcopy_explain_applies(table, error))
		pgcopy_explain_failure(state->stream, table, row, error,
							   psprintf("%s, row " INT64_FORMAT, where, row));
	else if (pgcopy_columns_is_subset(table))
		pgcopy_conceal_error(table, error, where, NULL);
}

/* Load; explain an error of the source. */
static LoadResult
run_explained(LoadState *state, CopySeries *series, const LoadTable *table,
			  WriteMethod method)
{
	MemoryContext context = CurrentMemoryContext;
	LoadResult	result;

	PG_TRY();
	{
		result = run_load(state, series, table, method);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (!pgcopy_session_threw(error))
			PG_RE_THROW();
		FlushErrorState();
		explain_error(state, table, error);
		ReThrowError(error);
	}
	PG_END_TRY();
	return result;
}

void
pgcopy_load_build_indexes(Oid relid)
{
	ReindexParams params = {0};

	CommandCounterIncrement();
	(void) pgcopy_reindex_relation(relid, REINDEX_REL_CHECK_CONSTRAINTS, &params);
}

LoadResult
pgcopy_load_table(CopySeries *series, const LoadTable *table,
				  LoadProgress progress, void *arg)
{
	LoadState	state = {0};
	LoadResult	result;
	WriteMethod method;
	ErrorContextCallback callback;
	MemoryContext context;
	MemoryContext old;
	int			nesting;
	bool		has_snapshot = ActiveSnapshotSet();

	Assert(IsTransactionState());
	context = AllocSetContextCreate(CurrentMemoryContext, "pgcopy load",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	nesting = use_database_encoding();
	state.relation = prepare_relation(table, &method);
	state.schema = get_namespace_name(RelationGetNamespace(state.relation));
	state.progress = progress;
	state.progress_arg = arg;

	/* TOAST and functions in constraints need a snapshot */
	if (!has_snapshot)
		PushActiveSnapshot(GetTransactionSnapshot());
	callback.callback = add_error_context;
	callback.arg = &state;
	callback.previous = error_context_stack;
	error_context_stack = &callback;

	result = run_explained(&state, series, table, method);

	error_context_stack = callback.previous;
	if (!has_snapshot)
		PopActiveSnapshot();
	table_close(state.relation, NoLock);
	if (table->start == LOAD_ANEW)
		pgcopy_load_build_indexes(table->relid);
	AtEOXact_GUC(false, nesting);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return result;
}
