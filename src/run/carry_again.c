/*-------------------------------------------------------------------------
 *
 * carry_again.c
 *	  Copy again, in the fence of a cutover, what no stream has carried.
 *
 * The leader does it alone, table by table, each in a transaction: empty it, load the
 * rows, build its indexes.  Items stay as they are; if the cutover is aborted, tables
 * have newer rows than before, and the next one copies them again.  Foreign keys of
 * such tables come only with the cutover's own items.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "catalog/item.h"
#include "catalog/relation.h"
#include "run/carry.h"
#include "run/work.h"
#include "schema/undo.h"
#include "source/snapshot.h"

/* Lines about tables in a report. */
#define TABLES_SHOWN 10

/* How long readers of a table here may hold up the cutover. */
#define LOCK_WAIT "2s"

/* A round of copying again. */
typedef struct Again
{
	Leader	   *leader;
	SourceSession *session;
	StringInfo	report;
	List	   *tables;			/* JobRelation, by number */
	int			count;
	int64		rows;
	int64		bytes;
} Again;

SourceSession *
pgcopy_carry_session(Leader *leader)
{
	if (pgcopy_link_session(leader->link) == NULL)
		pgcopy_link_open(leader->link);
	return pgcopy_link_session(leader->link);
}

static char *
table_name(const JobRelation *table)
{
	return quote_qualified_identifier(table->local_schema, table->name);
}

static void
limit_lock_wait(void)
{
	(void) set_config_option("lock_timeout", LOCK_WAIT, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
}

static void
copy_table(Again *again, JobRelation *table)
{
	LoadResult	load = pgcopy_work_copy_again(again->leader->job, again->session, table);

	if (again->count++ < TABLES_SHOWN)
		appendStringInfo(again->report, "copied again: %s, " INT64_FORMAT " rows\n",
						 table_name(table), load.rows);
	again->rows += load.rows;
	again->bytes += load.bytes;
}

static void
copy_tables(Again *again)
{
	ListCell   *lc;

	foreach(lc, again->tables)
	{
		JobRelation *table = lfirst(lc);

		if (table->condition != NULL)
			continue;
		pgcopy_leader_begin(again->leader);
		limit_lock_wait();
		copy_table(again, table);
		pgcopy_leader_commit(again->leader);
	}
}

/*
 * Delete the rows of an extension's configuration: all, if all are copied, for those of
 * the extension's script may have changed on the source; else those that the job has
 * copied.
 */
static void
take_back(const JobRelation *table, const JobItem *item)
{
	pgcopy_work_check_target(table);
	if (table->condition[0] == '\0')
		pgcopy_undo_all_rows(table->target_oid);
	else if (item->xid != 0)
		pgcopy_undo_rows(table->target_oid, (TransactionId) item->xid);
}

static int
compare_items(const ListCell *a, const ListCell *b)
{
	return ((const JobItem *) lfirst(a))->no - ((const JobItem *) lfirst(b))->no;
}

/* The items that have copied configuration, in their order, which foreign keys want. */
static List *
fetch_configuration(Again *again)
{
	List	   *items = NIL;
	ListCell   *lc;

	foreach(lc, again->tables)
	{
		const JobRelation *table = lfirst(lc);
		JobItem    *item = table->condition == NULL ? NULL :
			pgcopy_item_fetch_copy_of(again->leader->job->id, table->no);

		if (item != NULL)
			items = lappend(items, item);
	}
	list_sort(items, compare_items);
	return items;
}

/*
 * Copy the configuration of extensions again: all of it in one transaction, as the
 * tables have their foreign keys.
 */
static void
copy_configuration(Again *again)
{
	int64		job = again->leader->job->id;
	List	   *items;
	ListCell   *lc;

	pgcopy_leader_begin(again->leader);
	limit_lock_wait();
	items = fetch_configuration(again);
	for (int i = list_length(items) - 1; i >= 0; i--)
	{
		JobItem    *item = list_nth(items, i);

		take_back(pgcopy_relation_fetch(job, item->relation), item);
	}
	foreach(lc, items)
	{
		JobItem    *item = lfirst(lc);
		int64		rows = again->rows;
		int64		bytes = again->bytes;

		copy_table(again, pgcopy_relation_fetch(job, item->relation));
		pgcopy_item_mark_done(job, item->no, NULL, again->rows - rows, again->bytes - bytes);
	}
	pgcopy_leader_commit(again->leader);
}

static bool
has_configuration(const List *tables)
{
	ListCell   *lc;

	foreach(lc, tables)
	{
		if (((JobRelation *) lfirst(lc))->condition != NULL)
			return true;
	}
	return false;
}

static void
copy_all(Again *again)
{
	TimestampTz begun = GetCurrentTimestamp();

	if (again->tables == NIL)
		return;
	copy_tables(again);
	if (has_configuration(again->tables))
		copy_configuration(again);
	appendStringInfo(again->report,
					 "copied again: %d tables, " INT64_FORMAT " rows, %s in %ld ms\n",
					 again->count, again->rows, pgcopy_carry_size(again->bytes),
					 TimestampDifferenceMilliseconds(begun, GetCurrentTimestamp()));
}

static void
set_sequences(Again *again)
{
	TimestampTz begun = GetCurrentTimestamp();
	int			count;

	pgcopy_leader_begin(again->leader);
	count = pgcopy_work_set_sequences(again->leader->job, again->session,
									  pgcopy_relation_fetch_kind(again->leader->job->id,
																 RELKIND_SEQUENCE));
	pgcopy_leader_commit(again->leader);
	if (count > 0)
		appendStringInfo(again->report, "sequences: %d in %ld ms\n", count,
						 TimestampDifferenceMilliseconds(begun, GetCurrentTimestamp()));
}

/* Copy; let the session be of use after an error in the middle of an answer. */
static void
run_again(Again *again)
{
	bool		is_begun = pgcopy_snapshot_begin_current(again->session);

	PG_TRY();
	{
		set_sequences(again);
		copy_all(again);
		pgcopy_carry_large_objects(again->leader, true, again->report);
	}
	PG_CATCH();
	{
		pgcopy_session_abandon(again->session);
		PG_RE_THROW();
	}
	PG_END_TRY();
	if (is_begun)
		pgcopy_snapshot_release(again->session);
}

void
pgcopy_carry_again(Leader *leader, StringInfo report)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(leader->context, "pgcopy carry",
												  ALLOCSET_DEFAULT_SIZES);
	Again		again = {.leader = leader,.report = report};

	pgcopy_leader_begin(leader);
	again.session = pgcopy_carry_session(leader);
	MemoryContextSwitchTo(context);
	again.tables = pgcopy_relation_fetch_carried(leader->job->id, CARRY_AGAIN);
	pgcopy_leader_commit(leader);
	run_again(&again);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
}

void
pgcopy_carry_before(Leader *leader, StringInfo report)
{
	MemoryContext caller = CurrentMemoryContext;
	SourceSession *session;
	bool		is_begun;

	pgcopy_leader_begin(leader);
	session = pgcopy_carry_session(leader);
	pgcopy_leader_commit(leader);
	is_begun = pgcopy_snapshot_begin_steady(session);
	PG_TRY();
	{
		pgcopy_carry_large_objects(leader, false, report);
	}
	PG_CATCH();
	{
		pgcopy_session_abandon(session);
		PG_RE_THROW();
	}
	PG_END_TRY();
	if (is_begun)
		pgcopy_snapshot_release(session);
	MemoryContextSwitchTo(caller);
}

/* Return the OIDs on the source of these relations, as an oid[]. */
static char *
list_oids(const List *tables)
{
	StringInfoData text;
	ListCell   *lc;

	initStringInfo(&text);
	foreach(lc, tables)
		appendStringInfo(&text, "%c%u", text.len == 0 ? '{' : ',',
						 ((JobRelation *) lfirst(lc))->source_oid);
	appendStringInfoString(&text, text.len == 0 ? "{}" : "}");
	return text.data;
}

void
pgcopy_carry_measure(Leader *leader, int *relations, int64 *bytes)
{
	MemoryContext caller = CurrentMemoryContext;
	List	   *tables;

	*bytes = 0;
	pgcopy_leader_begin(leader);
	tables = pgcopy_relation_fetch_carried(leader->job->id, CARRY_AGAIN);
	*relations = list_length(tables);
	if (tables != NIL)
	{
		const char *params[] = {list_oids(tables)};
		SourceRows *rows =
			pgcopy_session_query_row(pgcopy_carry_session(leader),
									 "SELECT COALESCE(pg_catalog.sum(pg_catalog.pg_table_size(t.oid)), 0)"
									 " FROM pg_catalog.unnest($1::pg_catalog.oid[]) AS t (oid)",
									 1, lengthof(params), params);

		*bytes = pgcopy_rows_get_size(rows, 0, 0);
	}
	pgcopy_leader_commit(leader);
	MemoryContextSwitchTo(caller);
}

/* Name the table, if it has been updated. */
static void
append_if_updated(StringInfo text, const List *tables, const SourceRows *rows, int row)
{
	Oid			oid = pgcopy_rows_get_oid(rows, row, 0);
	int64		updates = pgcopy_rows_get_int64(rows, row, 1);
	ListCell   *lc;

	foreach(lc, tables)
	{
		const JobRelation *table = lfirst(lc);

		if (table->source_oid != oid || table->updates_before == updates)
			continue;
		appendStringInfo(text, "%s%s", text->len > 0 ? ", " : "", table_name(table));
		if (updates > table->updates_before)
			appendStringInfo(text, " (" INT64_FORMAT " rows)", updates - table->updates_before);
		else
			appendStringInfoString(text, " (its statistics were reset)");
	}
}

char *
pgcopy_carry_find_updated(Leader *leader)
{
	List	   *tables = pgcopy_relation_fetch_carried(leader->job->id, CARRY_INSERTS);
	const char *params[] = {list_oids(tables)};
	StringInfoData text;
	SourceRows *rows;

	if (tables == NIL)
		return NULL;
	initStringInfo(&text);
	rows = pgcopy_session_query(pgcopy_carry_session(leader),
								"SELECT t.oid, pg_catalog.pg_stat_get_tuples_updated(t.oid)"
								" OPERATOR(pg_catalog.+) pg_catalog.pg_stat_get_tuples_deleted(t.oid)"
								" FROM pg_catalog.unnest($1::pg_catalog.oid[]) AS t (oid)"
								" JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) t.oid",
								2, lengthof(params), params);
	for (int i = 0; i < pgcopy_rows_count(rows); i++)
		append_if_updated(&text, tables, rows, i);
	pgcopy_rows_free(rows);
	return text.len > 0 ? text.data : NULL;
}
