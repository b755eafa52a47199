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
 * Leaves whose rows go through a root are copied again together with all leaves below
 * it.  If that was found out while loading, foreign keys may refer to them: they are
 * emptied by DELETE then, and loaded by ordinary inserts.  No trigger fires for either,
 * as none does for changes that arrive.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/heap.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "catalog/item.h"
#include "catalog/relation.h"
#include "load/load.h"
#include "run/carry.h"
#include "run/work.h"
#include "schema/undo.h"
#include "source/snapshot.h"
#include "stream/publication.h"

/* Lines about tables in a report. */
#define TABLES_SHOWN 10

/* A round of copying again. */
typedef struct Again
{
	Leader	   *leader;
	SourceSession *session;
	StringInfo	report;
	MemoryContext context;		/* of what outlives a transaction */
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
copy_table(Again *again, JobRelation *table, const JobRelation *target, LoadStart start)
{
	LoadResult	load = pgcopy_work_copy_again(again->leader->job, again->session, table,
											  target, start);

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

		if (table->condition != NULL || table->through_root)
			continue;
		pgcopy_leader_begin(again->leader);
		pgcopy_leader_limit_lock_wait();
		copy_table(again, table, table, LOAD_ANEW);
		pgcopy_leader_commit(again->leader);
	}
}

/* A tree whose rows go through its root. */
typedef struct Tree
{
	int			root;			/* in pgcopy.relation */
	List	   *tables;			/* JobRelation: the leaves of the source */
} Tree;

static Tree *
get_tree(List **trees, int root)
{
	Tree	   *tree;
	ListCell   *lc;

	foreach(lc, *trees)
	{
		tree = lfirst(lc);
		if (tree->root == root)
			return tree;
	}
	tree = palloc0(sizeof(Tree));
	tree->root = root;
	*trees = lappend(*trees, tree);
	return tree;
}

/* Group the leaves of trees by the root that their items were routed from. */
static List *
find_trees(Again *again)
{
	List	   *trees = NIL;
	ListCell   *lc;

	foreach(lc, again->tables)
	{
		JobRelation *table = lfirst(lc);
		JobItem    *item = table->through_root ?
			pgcopy_item_fetch_copy_of(again->leader->job->id, table->no) : NULL;
		Tree	   *tree = item != NULL ? get_tree(&trees, item->referenced) : NULL;

		if (tree != NULL)
			tree->tables = lappend(tree->tables, table);
	}
	return trees;
}

/* The leaves here that rows can be in. */
static List *
find_leaves(const JobRelation *root)
{
	List	   *leaves = NIL;
	ListCell   *lc;

	pgcopy_work_check_target(root);
	foreach(lc, find_all_inheritors(root->target_oid, AccessExclusiveLock, NULL))
	{
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_RELATION)
			leaves = lappend_oid(leaves, lfirst_oid(lc));
	}
	return leaves;
}

static bool
are_referenced(List *leaves)
{
	ListCell   *lc;

	foreach(lc, leaves)
	{
		if (heap_truncate_find_FKs(list_make1_oid(lfirst_oid(lc))) != NIL)
			return true;
	}
	return false;
}

static void
copy_leaves(Again *again, const Tree *tree, const JobRelation *root, LoadStart start)
{
	ListCell   *lc;

	foreach(lc, tree->tables)
		copy_table(again, lfirst(lc), root, start);
}

static void
copy_tree(Again *again, const Tree *tree)
{
	JobRelation *root = pgcopy_relation_fetch(again->leader->job->id, tree->root);
	List	   *leaves = find_leaves(root);
	ListCell   *lc;

	foreach(lc, leaves)
		pgcopy_load_truncate(lfirst_oid(lc));
	copy_leaves(again, tree, root, LOAD_ROUTED);
	foreach(lc, leaves)
		pgcopy_load_build_indexes(lfirst_oid(lc));
}

/* The same with foreign keys that refer to it. */
static void
copy_referenced_tree(Again *again, const Tree *tree)
{
	JobRelation *root = pgcopy_relation_fetch(again->leader->job->id, tree->root);
	ListCell   *lc;

	(void) set_config_option("session_replication_role", "replica", PGC_SUSET,
							 PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
	foreach(lc, find_leaves(root))
		pgcopy_undo_all_rows(lfirst_oid(lc));
	copy_leaves(again, tree, root, LOAD_APPEND);
}

static void
copy_trees(Again *again)
{
	List	   *trees;
	ListCell   *lc;

	pgcopy_leader_begin(again->leader);
	MemoryContextSwitchTo(again->context);
	trees = find_trees(again);
	pgcopy_leader_commit(again->leader);
	foreach(lc, trees)
	{
		const Tree *tree = lfirst(lc);

		pgcopy_leader_begin(again->leader);
		pgcopy_leader_limit_lock_wait();
		if (are_referenced(find_leaves(pgcopy_relation_fetch(again->leader->job->id,
															 tree->root))))
			copy_referenced_tree(again, tree);
		else
			copy_tree(again, tree);
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
	pgcopy_leader_limit_lock_wait();
	items = fetch_configuration(again);
	for (int i = list_length(items) - 1; i >= 0; i--)
	{
		JobItem    *item = list_nth(items, i);

		take_back(pgcopy_relation_fetch(job, item->relation), item);
	}
	foreach(lc, items)
	{
		JobItem    *item = lfirst(lc);
		JobRelation *table = pgcopy_relation_fetch(job, item->relation);
		int64		rows = again->rows;
		int64		bytes = again->bytes;

		copy_table(again, table, table, LOAD_APPEND);
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
	copy_trees(again);
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
	Again		again = {.leader = leader,.report = report,.context = context};

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

/*
 * Name the table if it has been updated: its counter has grown, or has begun anew and
 * grown since.  Returns whether it has begun anew.
 */
static bool
append_if_updated(StringInfo text, const List *tables, Oid oid, int64 updates)
{
	ListCell   *lc;

	foreach(lc, tables)
	{
		const JobRelation *table = lfirst(lc);
		bool		is_new = updates < table->updates_before;
		int64		more = is_new ? updates : updates - table->updates_before;

		if (table->source_oid != oid)
			continue;
		if (more > 0)
			appendStringInfo(text, "%s%s (" INT64_FORMAT " rows)", text->len > 0 ? ", " : "",
							 table_name(table), more);
		return is_new;
	}
	return false;
}

/* Have the counters been lost as a whole? */
static bool
has_lost_counters(Leader *leader, SourceSession *session)
{
	const Follow *follow = pgcopy_follow_fetch(leader->job->id);
	const char *counters = pgcopy_identity_counters(session);

	return counters == NULL || follow->counters == NULL ||
		strcmp(counters, follow->counters) != 0;
}

/* Counters are asked for before it is asked whether they can be lost. */
void
pgcopy_carry_find_updated(Leader *leader, char **updated, char **unknown)
{
	List	   *tables = pgcopy_relation_fetch_carried(leader->job->id, CARRY_INSERTS);
	const char *params[] = {list_oids(tables)};
	SourceSession *session;
	StringInfoData text;
	SourceRows *rows;
	bool		is_new = false;

	*updated = *unknown = NULL;
	if (tables == NIL)
		return;
	initStringInfo(&text);
	session = pgcopy_carry_session(leader);
	rows = pgcopy_session_query(session,
								"SELECT t.oid, pg_catalog.pg_stat_get_tuples_updated(t.oid)"
								" OPERATOR(pg_catalog.+) pg_catalog.pg_stat_get_tuples_deleted(t.oid)"
								" FROM pg_catalog.unnest($1::pg_catalog.oid[]) AS t (oid)"
								" JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) t.oid",
								2, lengthof(params), params);
	for (int i = 0; i < pgcopy_rows_count(rows); i++)
		is_new |= append_if_updated(&text, tables, pgcopy_rows_get_oid(rows, i, 0),
									pgcopy_rows_get_int64(rows, i, 1));
	pgcopy_rows_free(rows);
	if (text.len > 0)
		*updated = text.data;
	if (is_new || has_lost_counters(leader, session))
		*unknown = "since then the statistics of the source were reset, or lost in a crash";
}
