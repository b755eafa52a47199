/*-------------------------------------------------------------------------
 *
 * planning.c
 *	  The leader's first phase: what is there, and what is to be done.
 *
 * Everything is read under one snapshot of the source, with ACCESS SHARE
 * locks on what will be copied.  Between the snapshot and the locks somebody
 * may have truncated, rewritten, dropped or replaced something, and rows or
 * definitions read later would not be those of the snapshot: that is looked
 * for after the locks and once more after pg_dump, and when there is any, all
 * starts over with a new snapshot, a few times.  The same when pg_dump cannot
 * get a lock because somebody's ALTER TABLE has queued up behind ours.  A source
 * that is away is waited for (outage.c), and then all starts over as well.
 *
 * Nothing of the target is changed here but the job's own rows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "base/testpoint.h"
#include "catalog/job.h"
#include "catalog/notice.h"
#include "run/chunks.h"
#include "run/largeobjects.h"
#include "run/leader.h"
#include "run/outage.h"
#include "run/patience.h"
#include "run/plan.h"
#include "run/room.h"
#include "schema/dump.h"
#include "schema/tools.h"
#include "source/hidden.h"
#include "source/inventory.h"
#include "source/snapshot.h"

/* Attempts to find the source unchanged between snapshot, locks and dump. */
#define PLAN_ATTEMPTS 5

/* How long pg_dump may wait for a lock, ms. */
#define DUMP_LOCK_WAIT 10000

/* Open the session that holds snapshot and locks. */
SourceConninfo *
pgcopy_leader_open_session(Leader *leader)
{
	MemoryContext caller = MemoryContextSwitchTo(leader->session_context);
	SourceConninfo *conninfo = pgcopy_conninfo_resolve(leader->job->conninfo,
													   leader->args.owner);
	SourceAddress address;

	leader->session =
		pgcopy_session_open(conninfo,
							psprintf("pgcopy job " INT64_FORMAT " leader",
									 leader->job->id));
	pgcopy_session_address(leader->session, &address);
	pgcopy_conninfo_pin(conninfo, &address);
	pgcopy_control_set_source(leader->control, &address);
	MemoryContextSwitchTo(caller);
	pgcopy_session_on_wait(leader->session, pgcopy_patience_tell, leader);
	pgcopy_outage_end(leader);
	return conninfo;
}

/* All that can be wrong before the first lock is taken. */
static void
check_source(Leader *leader)
{
	const Job  *job = leader->job;

	pgcopy_inventory_check_not_this_database(leader->session);
	pgcopy_tools_check(pgcopy_session_version(leader->session));
	pgcopy_inventory_check_extensions(leader->session);
	pgcopy_inventory_check_roles(leader->session, !job->options.no_owner,
								 !job->options.no_privileges);
	pgcopy_inventory_check_no_clash(leader->session);
}

/* In the transaction of the plan: they count when the dump does. */
static void
tell_warnings(Leader *leader, List *warnings)
{
	ListCell   *lc;

	foreach(lc, warnings)
	{
		DumpWarning *warning = lfirst(lc);

		pgcopy_notice_tell(leader->job->id, NULL, warning->message,
						   warning->hint);
	}
}

/* What the source does not show to our role is missing here, and told. */
static void
tell_hidden(Leader *leader)
{
	List	   *hidden = pgcopy_hidden_find(leader->session);
	ListCell   *lc;

	foreach(lc, hidden)
	{
		HiddenObjects *objects = lfirst(lc);

		pgcopy_notice_tell(leader->job->id, objects->names, objects->message,
						   objects->hint);
	}
}

static List *
read_dump(Leader *leader, const SourceConninfo *conninfo, const char *snapshot)
{
	const Job  *job = leader->job;
	DumpRequest request = {
		.needs_password = conninfo->needs_password,
		.needs_string_option = !pgcopy_session_has_standard_strings(leader->session),
		.snapshot = snapshot,
		.source_version = pgcopy_session_version(leader->session),
		.lock_wait_ms = DUMP_LOCK_WAIT,
		.no_owner = job->options.no_owner,
		.no_privileges = job->options.no_privileges,
		.no_comments = job->options.no_comments,
		.no_tablespaces = job->options.no_tablespaces
	};
	SourceDump *dump;

	pgcopy_session_options(leader->session, &request.keywords, &request.values);
	dump = pgcopy_dump_read(&request);
	tell_warnings(leader, dump->warnings);
	tell_hidden(leader);
	return dump->statements;
}

/* When pg_dump fails for want of a session, that is the error. */
List *
pgcopy_leader_read_dump(Leader *leader, const SourceConninfo *conninfo,
						const char *snapshot)
{
	MemoryContext caller = CurrentMemoryContext;
	List	   *volatile statements = NIL;
	ErrorData  *volatile error = NULL;

	PG_TRY();
	{
		statements = read_dump(leader, conninfo, snapshot);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	if (error != NULL)
	{
		if (!pgcopy_process_is_cancelled())
			pgcopy_room_check(leader->session, conninfo, leader->job->options.table_jobs);
		ReThrowError(error);
	}
	return statements;
}

char *
pgcopy_leader_take_snapshot(Leader *leader, List **relations, char **what)
{
	char	   *snapshot = pgcopy_snapshot_export(leader->session);

	leader->has_snapshot = true;
	*relations = pgcopy_inventory_relations(leader->session);
	*what = "a table was dropped";
	if (!pgcopy_snapshot_lock_all(leader->session, *relations) ||
		!pgcopy_snapshot_still_true(leader->session, what))
		return NULL;
	return snapshot;
}

void
pgcopy_leader_keep_snapshot(Leader *leader, const char *snapshot)
{
	char	   *content = pgcopy_snapshot_content(leader->session);

	pgcopy_control_set_snapshot(leader->control, NULL, snapshot);
	leader->snapshot_content = MemoryContextStrdup(leader->context, content);
	leader->control->snapshot_no = pgcopy_job_snapshot_insert(leader->job->id,
															  snapshot, content);
}

/*
 * Throw when pg_dump has a table or a sequence that the inventory lacks: its
 * rows would be missing without a word.
 */
static void
check_inventory(List *relations, List *statements)
{
	ListCell   *lc;

	foreach(lc, statements)
	{
		DumpStatement *statement = lfirst(lc);

		if (statement->class_oid != RelationRelationId ||
			(strcmp(statement->tag, "CREATE TABLE") != 0 &&
			 strcmp(statement->tag, "CREATE SEQUENCE") != 0) ||
			pgcopy_inventory_has(relations, statement->object_oid))
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("what the source says of its tables does not fit together"),
				 errdetail("pg_dump has %s, which the source's own list of tables has not.",
						   quote_qualified_identifier(statement->schema, statement->name)),
				 errhint("A table in a schema of the extension pgcopydb_ext, when the source has it too, has to be moved to another schema there.")));
	}
}

/* How long the builds will take is told best by how large the indexes are. */
static void
note_index_sizes(SourceSession *session, List *statements)
{
	SourceIndex *indexes;
	int			n = pgcopy_inventory_indexes(session, &indexes);
	ListCell   *lc;

	foreach(lc, statements)
	{
		DumpStatement *statement = lfirst(lc);

		statement->index_bytes =
			pgcopy_inventory_index_bytes(indexes, n, statement->object_oid);
	}
	pfree(indexes);
}

/* SourceReader: nothing is stored when it returns false. */
static bool
try_plan(Leader *leader, char **what)
{
	SourceConninfo *conninfo = pgcopy_leader_open_session(leader);
	char	   *snapshot;
	List	   *relations;
	List	   *statements;
	List	   *large_objects;

	check_source(leader);
	snapshot = pgcopy_leader_take_snapshot(leader, &relations, what);
	if (snapshot == NULL)
		return false;
	PGCOPY_TEST_POINT("planning", "locked");
	statements = pgcopy_leader_read_dump(leader, conninfo, snapshot);
	if (!pgcopy_snapshot_still_true(leader->session, what))
		return false;
	check_inventory(relations, statements);
	large_objects = pgcopy_largeobjects_plan(leader);
	note_index_sizes(leader->session, statements);
	pgcopy_chunks_split_by_keys(leader->job, leader->session, relations);
	pgcopy_leader_keep_snapshot(leader, snapshot);
	pgcopy_plan_store(leader->job, pgcopy_session_version(leader->session),
					  relations, statements, large_objects);
	return true;
}

typedef enum Attempt
{
	SOURCE_READ,
	SOURCE_CHANGED,
	SOURCE_AWAY
} Attempt;

/* What an error of an attempt means; thrown again when that is an error. */
static Attempt
judge_error(Leader *leader, ErrorData *error, char **what)
{
	Attempt		result = SOURCE_AWAY;

	if (pgcopy_process_is_cancelled())
		ReThrowError(error);
	if (error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE)
	{
		*what = "a table of the source is locked";
		result = SOURCE_CHANGED;
	}
	else
		pgcopy_outage_note(leader, error);
	FreeErrorData(error);
	return result;
}

/*
 * One attempt, where a lock that pg_dump could not get counts as a change of the
 * source.  On return no transaction is open.
 */
static Attempt
attempt(Leader *leader, SourceReader reader, char **what)
{
	volatile Attempt result = SOURCE_CHANGED;
	ErrorData  *volatile error = NULL;

	PG_TRY();
	{
		pgcopy_leader_begin(leader);
		if (reader(leader, what))
		{
			pgcopy_leader_commit(leader);
			result = SOURCE_READ;
		}
		else
		{
			*what = MemoryContextStrdup(leader->context, *what);
			AbortCurrentTransaction();
		}
	}
	PG_CATCH();
	{
		error = pgcopy_leader_catch(leader);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(leader->context);
	MemoryContextReset(leader->work_context);
	if (error != NULL)
		result = judge_error(leader, error, what);
	return result;
}

/* As often as the source changes, and as long as it may be away. */
void
pgcopy_leader_read_source(Leader *leader, SourceReader reader)
{
	char	   *what = NULL;
	int			changes = 0;

	while (changes < PLAN_ATTEMPTS)
	{
		Attempt		result = attempt(leader, reader, &what);

		if (result == SOURCE_READ)
			return;
		pgcopy_leader_close_session(leader);
		if (result == SOURCE_AWAY)
		{
			pgcopy_outage_wait(leader);
			continue;
		}
		changes++;
		pgcopy_progress_set_message(leader->progress,
									psprintf("the source has changed while it was read (%s), reading it again",
											 what));
	}
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_IN_USE),
			 errmsg("the schema of the source keeps changing"),
			 errdetail("In attempt %d: %s.", PLAN_ATTEMPTS, what),
			 errhint("Clone again when no DDL runs on the source.")));
}

void
pgcopy_leader_plan(Leader *leader)
{
	pgcopy_leader_read_source(leader, try_plan);
}
