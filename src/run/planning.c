/*-------------------------------------------------------------------------
 *
 * planning.c
 *	  The leader's first phase: read the source, make and store the plan.
 *
 * Everything is read under one snapshot of the source, taken when what will be
 * copied is locked in ACCESS SHARE mode.  What is not locked, a view or a table
 * made meanwhile, may be dropped or replaced, so that later reads differ from the
 * snapshot.  Look for that at once and again after pg_dump, and start over with a
 * new snapshot if so (link/link_read.c).
 *
 * Nothing on the target changes but the job's own rows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "base/settings.h"
#include "base/sqltext.h"
#include "base/testpoint.h"
#include "catalog/job.h"
#include "catalog/notice.h"
#include "catalog/survey.h"
#include "plan/plan.h"
#include "run/follow.h"
#include "run/leader.h"
#include "run/sections.h"
#include "run/shared.h"
#include "schema/drop.h"
#include "schema/dump.h"
#include "schema/needs.h"
#include "schema/tools.h"
#include "select/referential.h"
#include "select/subset.h"
#include "source/ahead.h"
#include "source/drops.h"
#include "source/inventory.h"
#include "source/keyrange.h"
#include "source/own.h"
#include "source/preflight.h"
#include "source/snapshot.h"

/* Sources from this version on scan a range of ctids as a range. */
#define VERSION_WITH_TID_RANGE 140000

/* How long pg_dump may wait for a lock, ms. */
#define DUMP_LOCK_WAIT 10000

/* Store the notices of checks, in the current transaction. */
static void
tell_notices(Leader *leader, List *findings)
{
	ListCell   *lc;

	foreach(lc, findings)
	{
		const Finding *finding = lfirst(lc);

		if (finding->level == FINDING_NOTICE)
			pgcopy_notice_tell(leader->job->id, finding->object,
							   finding->message, finding->hint);
	}
}

/*
 * Record all errors that checks found and throw.  Commits what the transaction
 * has done so far.
 */
static void
throw_findings(Leader *leader, List *findings)
{
	MemoryContext caller = MemoryContextSwitchTo(leader->context);
	ErrorData  *error = pgcopy_finding_error(findings);
	ListCell   *lc;

	MemoryContextSwitchTo(caller);
	if (error == NULL)
		return;
	foreach(lc, findings)
	{
		const Finding *finding = lfirst(lc);

		if (finding->level == FINDING_ERROR)
			pgcopy_error_insert(leader->job->id, &(JobError) {
				.is_final = true,
				.error = pgcopy_finding_error(list_make1(lfirst(lc))),
				.object = finding->object
			});
	}
	pgcopy_leader_commit(leader);
	leader->error_is_recorded = true;
	ThrowErrorData(error);
}

/*
 * What stands in the way of following.  If anything does, throw all that is known: the
 * next step makes things on the source.
 */
static List *
check_following(Leader *leader, List *others)
{
	List	   *findings = pgcopy_handover_check(leader);

	throw_findings(leader, list_concat_copy(others, findings));
	return findings;
}

/*
 * Run all checks that need no dump.  If there can be none, throw what is known;
 * else return the findings.  Note roles of large objects in "needs".
 */
static List *
check_source(Leader *leader, Needs *needs, List **dropped)
{
	SourceSession *session = pgcopy_link_session(leader->link);
	const JobOptions *options = &leader->job->options;
	PreflightRequest request = {
		.with_owners = !options->no_owner,
		.with_privileges = !options->no_privileges,
		.goes_on = options->on_error == ON_ERROR_CONTINUE,
		.sections = options->sections,
		.schema_map = options->schema_map,
		.tablespace_map = options->tablespace_map,
		.drops = options->drop_if_exists,
		.dropped = dropped
	};
	List	   *findings;
	List	   *others;
	bool		can_dump;

	if (pgcopy_options_need_dump(options))
		pgcopy_tools_check(pgcopy_session_version(session));
	throw_findings(leader, pgcopy_preflight_check_database(session));
	(void) pgcopy_chosen_make(leader);
	request.with_large_objects = pgcopy_chosen_has_large_objects(leader);
	request.filter = pgcopy_chosen_filter(leader);
	request.only = pgcopy_chosen_relations(leader);
	request.only_with_rows = pgcopy_chosen_relations_with_rows(leader);
	pgcopy_preflight_foresee(session, &request);
	findings = pgcopy_preflight_check_rights(session, &request, &can_dump);
	findings = list_concat(findings, pgcopy_preflight_run(session, &request));
	pgcopy_needs_note_owners(needs, pgcopy_preflight_roles(session, &request, &others));
	pgcopy_needs_note_roles(needs, others);
	pgcopy_ahead_forget(session);
	if (pgcopy_leader_follows(leader))
		findings = list_concat(findings, check_following(leader, findings));
	if (!can_dump)
		throw_findings(leader, list_concat(findings,
										   pgcopy_needs_find(needs, request.goes_on)));
	return findings;
}

static bool
has_relation(List *objects, const Oid *oids, int count)
{
	ListCell   *lc;

	foreach(lc, objects)
	{
		const DropObject *object = lfirst(lc);

		if (object->class_oid == RelationRelationId &&
			bsearch(&object->object_oid, oids, count, sizeof(Oid), oid_cmp) != NULL)
			return true;
	}
	return false;
}

/* What another job has made and still works on is not dropped. */
static void
refuse_running(Leader *leader, List *dropped)
{
	List	   *jobs = dropped != NIL ? pgcopy_survey_unended() : NIL;
	ListCell   *lc;

	foreach(lc, jobs)
	{
		int64		job = *(int64 *) lfirst(lc);
		int			count;
		Oid		   *oids;

		if (job == leader->job->id || !pgcopy_job_has_leader(job))
			continue;
		oids = pgcopy_relation_fetch_ours(job, &count);
		if (has_relation(dropped, oids, count))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_IN_USE),
					 errmsg("job " INT64_FORMAT " is at work on what drop_if_exists would drop", job),
					 errhint("Wait for it, or run SELECT pgcopy_cancel(" INT64_FORMAT ").", job)));
	}
}

/* Store pg_dump's warnings, in the transaction of the plan. */
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

/* Return the statements that are cloned. */
static List *
leave_out(Leader *leader, SourceSession *session, List *statements)
{
	SourceOwn  *own = pgcopy_own_read(session);
	List	   *notices;
	LeaveOut	what = {
		.own = own,
		.schema_here = pgcopy_own_schema_here(),
		.filter = pgcopy_chosen_filter(leader),
		.exclude = leader->job->options.exclude,
		.unknown = pgcopy_chosen_unknown(leader, session)
	};

	tell_notices(leader, pgcopy_own_notice(own));
	statements = pgcopy_dump_leave_out(statements, &what, &notices);
	tell_notices(leader, pgcopy_chosen_notices(leader));
	tell_notices(leader, notices);
	return statements;
}

/* All that is asked when the dump is here, the last being whether it still is true. */
static void
foresee_after_dump(Leader *leader, SourceSession *session)
{
	pgcopy_hidden_foresee(session, pgcopy_chosen_exclusions(leader));
	pgcopy_own_foresee(session);
	if (leader->job->options.sections & SECTION_PRE_DATA)
		pgcopy_properties_foresee(session);
	pgcopy_link_foresee_true(leader->link);
}

/* Ask all that is asked for the plan, as far as that is known.  A Meanwhile. */
static void
ask_for_plan(void *arg)
{
	Leader	   *leader = arg;
	SourceSession *session = pgcopy_link_session(leader->link);

	pgcopy_ahead_forget(session);
	pgcopy_standby_foresee(session);
	if (pgcopy_chosen_filter(leader) == NULL)
		pgcopy_inventory_foresee_indexes(session);
	pgcopy_ahead_foresee(session, pgcopy_session_path_sql, 1, 0, NULL);
	pgcopy_snapshot_foresee_content(session);
	pgcopy_ahead_ask(session);
}

static List *
read_dump(Leader *leader, const char *snapshot, List *relations, bool for_plan)
{
	const Job  *job = leader->job;
	SourceSession *session = pgcopy_link_session(leader->link);
	DumpRequest request = {
		.needs_password = pgcopy_link_conninfo(leader->link)->needs_password,
		.needs_settings = !pgcopy_session_has_standard_strings(session) ||
		pgcopy_inventory_prints_money(session),
		.snapshot = snapshot,
		.source_version = pgcopy_session_version(session),
		.lock_wait_ms = DUMP_LOCK_WAIT,
		.no_owner = job->options.no_owner,
		.no_privileges = job->options.no_privileges,
		.no_comments = job->options.no_comments ||
		(job->options.exclude & EXCLUDE_COMMENTS) != 0,
		.no_tablespaces = job->options.no_tablespaces,
		.exclude = pgcopy_chosen_exclusions(leader),
		.filter = pgcopy_chosen_dump_filter(leader, session)
	};
	SourceDump *dump;
	List	   *statements;

	pgcopy_session_options(session, &request.keywords, &request.values);
	if (for_plan)
		request.meanwhile = (Meanwhile) {ask_for_plan, leader};
	dump = pgcopy_dump_read(&request);
	foresee_after_dump(leader, session);
	tell_warnings(leader, dump->warnings);
	tell_notices(leader, pgcopy_hidden_find(session, pgcopy_chosen_filter(leader),
											pgcopy_chosen_exclusions(leader)));
	statements = leave_out(leader, session, dump->statements);
	if (job->options.sections & SECTION_PRE_DATA)
		pgcopy_properties_tell(leader);
	return pgcopy_chosen_release_keys(leader,
									  pgcopy_sections_choose(&job->options, statements));
}

/* If pg_dump fails because no session is free, report that instead. */
List *
pgcopy_planning_read_dump(Leader *leader, const char *snapshot, List *relations,
						  bool for_plan)
{
	MemoryContext caller = CurrentMemoryContext;
	List	   *volatile statements = NIL;
	ErrorData  *volatile error = NULL;

	pgcopy_chosen_mark(leader, relations);
	if (!pgcopy_options_need_dump(&leader->job->options))
	{
		if (for_plan)
			ask_for_plan(leader);
		return NIL;
	}
	PG_TRY();
	{
		statements = read_dump(leader, snapshot, relations, for_plan);
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
			pgcopy_room_check(pgcopy_link_session(leader->link),
							  pgcopy_link_conninfo(leader->link),
							  leader->job->options.table_jobs);
		ReThrowError(error);
	}
	return statements;
}

/*
 * Throw if pg_dump has a table or sequence that the inventory lacks: its rows
 * would be missing silently.
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
			pgcopy_inventory_find(relations, statement->object_oid) != NULL)
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the source gives contradictory answers about its tables"),
				 errdetail("pg_dump has %s, but the source's list of tables does not.",
						   quote_qualified_identifier(statement->schema, statement->name)),
				 errhint("Check the source's catalogs, and that no proxy changes its answers.")));
	}
}

/*
 * Name what builds an index, as an oid[]; NULL if everything is cloned.  To learn
 * the size of an index is to lock it for a moment.
 */
static const char *
list_indexes(Leader *leader, List *statements)
{
	StringInfoData text;
	ListCell   *lc;

	if (pgcopy_chosen_filter(leader) == NULL)
		return NULL;
	initStringInfo(&text);
	foreach(lc, statements)
	{
		DumpStatement *statement = lfirst(lc);

		if (statement->class == STATEMENT_INDEX ||
			statement->class == STATEMENT_INDEX_CONSTRAINT ||
			statement->class == STATEMENT_WHOLE_CONSTRAINT)
			appendStringInfo(&text, "%c%u", text.len == 0 ? '{' : ',',
							 statement->object_oid);
	}
	appendStringInfoString(&text, text.len > 0 ? "}" : "{}");
	return text.data;
}

/* Note the size of each index: it is the best estimate of its build. */
static void
note_index_sizes(Leader *leader, List *statements)
{
	SourceIndex *indexes;
	int			n = pgcopy_inventory_indexes(pgcopy_link_session(leader->link),
											 list_indexes(leader, statements), &indexes);
	ListCell   *lc;

	foreach(lc, statements)
	{
		DumpStatement *statement = lfirst(lc);

		statement->index_bytes =
			pgcopy_inventory_index_bytes(indexes, n, statement->object_oid);
	}
	pfree(indexes);
}

/*
 * Follow foreign keys from tables that lose rows, or count what breaks them.
 * Returns the keys that stay NOT VALID, by their OIDs on the source.
 */
static List *
apply_referential(Leader *leader, List *relations)
{
	const JobOptions *options = &leader->job->options;
	ReferentialRequest request = {
		.relations = relations,
		.lacks_relations = leader->selection != NULL,
		.appends = options->append,
		.choice = options->referential
	};
	ReferentialResult result;

	pgcopy_link_set_errand(leader->link, "counting the rows that break foreign keys");
	result = pgcopy_referential_apply(pgcopy_link_session(leader->link), &request);
	pgcopy_link_set_errand(leader->link, NULL);
	tell_notices(leader, result.findings);
	throw_findings(leader, result.findings);
	return result.not_valid;
}

/*
 * Make the plan and store it.  The input has what is planned beside relations and
 * statements.
 */
static void
make_plan(Leader *leader, List *relations, List *statements, PlanInput *input)
{
	SourceSession *session = pgcopy_link_session(leader->link);
	const JobOptions *options = &leader->job->options;
	List	   *split;

	input->relations = relations;
	input->statements = statements;
	input->database = pgcopy_database_plan(leader);
	input->not_valid = apply_referential(leader, relations);
	input->large_objects = pgcopy_largeobjects_plan(leader);
	input->can_read_blocks = pgcopy_setting_split_by_ctid &&
		pgcopy_session_version(session) >= VERSION_WITH_TID_RANGE;
	input->options = options;
	if (options->sections & SECTION_PRE_DATA)
		pgcopy_partition_mark(session, relations);
	split = pgcopy_chunks_decide(input);
	if (!input->can_read_blocks)
		pgcopy_keyrange_choose(session, split);
	pgcopy_plan_store(leader->job->id, pgcopy_plan_make(input));
}

/* Store the path that items may have to run under. */
static void
note_search_path(Leader *leader)
{
	MemoryContext caller = MemoryContextSwitchTo(leader->context);

	leader->job->source_search_path =
		pgcopy_sqltext_rename_path(leader->job->options.schema_map,
								   pgcopy_session_search_path(pgcopy_link_session(leader->link)));
	MemoryContextSwitchTo(caller);
	pgcopy_job_set_search_path(leader->job->id, leader->job->source_search_path);
}

/*
 * The snapshot of a job that follows came with a slot: does that send what the
 * snapshot sees?
 */
static bool
begin_stream(Leader *leader, List *relations, List **findings, char **what)
{
	if (!pgcopy_leader_follows(leader))
		return true;
	pgcopy_handover_release(leader);
	*findings = list_concat(*findings, pgcopy_handover_findings(leader));
	return pgcopy_handover_matches(leader, relations, what);
}

/* LinkAttempt. */
static LinkOutcome
try_plan(void *arg, char **what)
{
	Leader	   *leader = arg;
	SourceSession *session;
	char	   *snapshot;
	List	   *relations;
	List	   *statements;
	PlanInput	input = {0};
	Needs	   *needs = pgcopy_needs_make();
	List	   *findings;
	List	   *not_mapped;
	List	   *dropped = NIL;

	pgcopy_link_open(leader->link);
	session = pgcopy_link_session(leader->link);
	pgcopy_roles_expect(leader, needs);
	findings = check_source(leader, needs, &dropped);
	refuse_running(leader, dropped);
	snapshot = pgcopy_link_take_snapshot(leader->link, pgcopy_chosen_relations(leader),
										 &relations, what);
	if (snapshot == NULL || !begin_stream(leader, relations, &findings, what))
		return ATTEMPT_CHANGED;
	findings = list_concat(findings, pgcopy_subset_apply(session, &leader->job->options,
														 leader->selection, relations));
	PGCOPY_TEST_POINT("planning", "locked");
	statements = pgcopy_planning_read_dump(leader, snapshot, relations, true);
	if (!pgcopy_link_still_true(leader->link, what))
		return ATTEMPT_CHANGED;
	statements = pgcopy_map_statements(statements, &leader->job->options, &not_mapped);
	findings = list_concat(findings, not_mapped);
	pgcopy_needs_note(needs, statements);
	if (!(leader->job->options.sections & SECTION_PRE_DATA))
		pgcopy_generated_read(session, relations);
	input.roles = pgcopy_roles_prepare(leader, needs, &findings);
	findings = list_concat(findings,
						   pgcopy_needs_find(needs, leader->job->options.on_error ==
											 ON_ERROR_CONTINUE));
	findings = list_concat(findings,
						   pgcopy_sections_match(&leader->job->options, relations,
												 statements, &input.trees));
	tell_notices(leader, findings);
	throw_findings(leader, findings);
	check_inventory(relations, statements);
	tell_notices(leader, pgcopy_standby_find(session, relations));
	note_index_sizes(leader, statements);
	input.drop = dropped != NIL ? pgcopy_drop_make_statement(dropped) : NULL;
	make_plan(leader, relations, statements, &input);
	note_search_path(leader);
	pgcopy_leader_link_keep_snapshot(leader, snapshot);
	return ATTEMPT_DONE;
}

void
pgcopy_planning_run(Leader *leader)
{
	(void) pgcopy_link_read(leader->link, try_plan, leader);
}
